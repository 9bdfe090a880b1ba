//! The filters by their registered numbers: those that come with the crate, those that users add, and the names of all.

use super::{DEFLATE, FLETCHER32, Filter, LZF, SHUFFLE};
use super::{
    bitshuffle, blosc, blosc2, bzip2, jpeg_ls, lz4, lzf, lzo, nbit, rounded, scale_offset, snappy, szip, vbz, zfp, zstd,
};
use crate::format::message::filter_pipeline::FilterInfo;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Filters that users added.
static ADDED: RwLock<Option<HashMap<u16, Named>>> = RwLock::new(None);

/// A filter, and what it is called.
type Named = (String, Arc<dyn Filter>);

/// Makes `filter` the one of this number, for all datasets opened from now on; it goes before one that comes with the
/// crate. The numbers are given out by the HDF Group; those from 32768 on are free for everybody's own use.
pub fn register(id: u16, name: impl Into<String>, filter: impl Filter + 'static) {
    let mut added = ADDED.write().unwrap_or_else(PoisonError::into_inner);
    added.get_or_insert_default().insert(id, (name.into(), Arc::new(filter)));
}

/// The filter of this number, and its name.
pub(super) fn find(id: u16) -> Option<Named> {
    let added = ADDED.read().unwrap_or_else(PoisonError::into_inner);
    if let Some((name, filter)) = added.as_ref().and_then(|a| a.get(&id)) {
        return Some((name.clone(), filter.clone()));
    }
    drop(added);
    Some((registered_name(id)?.to_owned(), included(id)?))
}

/// The filters that come with the crate, but for those that are stages of their own.
fn included(id: u16) -> Option<Arc<dyn Filter>> {
    Some(match id {
        4 => Arc::new(szip::Szip),
        5 => Arc::new(nbit::Nbit),
        6 => Arc::new(scale_offset::ScaleOffset),
        305 => Arc::new(lzo::Lzo),
        307 => Arc::new(bzip2::Bzip2),
        LZF => Arc::new(lzf::Lzf),
        32001 => Arc::new(blosc::Blosc),
        32003 => Arc::new(snappy::Snappy),
        32004 => Arc::new(lz4::Lz4),
        32008 => Arc::new(bitshuffle::Bitshuffle),
        32012 | 32018 => Arc::new(jpeg_ls::JpegLs),
        32013 => Arc::new(zfp::Zfp),
        32015 => Arc::new(zstd::Zstandard),
        #[cfg(feature = "jpeg")]
        32019 => Arc::new(super::jpeg::Jpeg),
        32020 => Arc::new(vbz::Vbz),
        32026 => Arc::new(blosc2::Blosc2),
        32022 | 32023 | 32032 => Arc::new(rounded::Rounded),
        _ => return None,
    })
}

impl FilterInfo {
    /// What people call the filter: its registered name and its level, else the name in the file, else its number.
    pub fn title(&self) -> String {
        match (self.id, registered_name(self.id), self.parameters.first()) {
            (DEFLATE, Some(name), Some(level)) => format!("{name} {level}"),
            (_, Some(name), _) => name.to_owned(),
            (id, None, _) if self.name.as_bytes().is_empty() => format!("filter {id}"),
            (id, None, _) => format!("filter {id} ({})", self.name),
        }
    }
}

/// Whether the filter that comes with the crate has no encoder, and no user's filter goes before it.
pub(super) fn decodes_only(id: u16) -> bool {
    let added = ADDED.read().unwrap_or_else(PoisonError::into_inner);
    let is_ours = !added.as_ref().is_some_and(|a| a.contains_key(&id));
    is_ours && matches!(id, 305 | 32012 | 32018 | 32019 | 32022 | 32023 | 32026 | 32032)
}

/// The name that stands in a dataset's pipeline: those of libhdf5's own filters have none there.
pub(super) fn stored_name(id: u16) -> String {
    match id {
        ..=255 => String::new(),
        307 => "bzip2".into(),
        LZF => "lzf".into(),
        32001 => "blosc".into(),
        32004 => "lz4".into(),
        32008 => "bitshuffle".into(),
        32015 => "zstd".into(),
        _ => find(id).map_or_else(String::new, |(name, _)| name),
    }
}

/// What a filter is called.
pub(super) fn registered_name(id: u16) -> Option<&'static str> {
    Some(match id {
        DEFLATE => "gzip",
        SHUFFLE => "shuffle",
        FLETCHER32 => "Fletcher-32",
        4 => "szip",
        5 => "nbit",
        6 => "scale-offset",
        257 => "hzip",
        258 | 32014 => "fpzip",
        305 => "LZO",
        307 => "bzip2",
        LZF => "LZF",
        32001 => "Blosc",
        32002 => "MAFISC",
        32003 => "Snappy",
        32004 => "LZ4",
        32005 => "APAX",
        32006 => "CBF",
        32007 => "JPEG-XR",
        32008 => "bitshuffle",
        32009 => "SPDP",
        32010 => "LPC-Rice",
        32011 => "CCSDS-123",
        32012 => "JPEG-LS",
        32013 => "ZFP",
        32015 => "Zstandard",
        32016 => "B³D",
        32017 => "SZ",
        32018 => "FCIDECOMP",
        32019 => "JPEG",
        32020 => "VBZ",
        32021 => "FAPEC",
        32022 => "BitGroom",
        32023 => "GranularBR",
        32024 => "SZ3",
        32025 => "Delta-Rice",
        32026 => "Blosc2",
        32027 => "FLAC",
        32028 => "SPERR",
        32029 => "TERSE/PROLIX",
        32030 => "FFMPEG",
        32031 => "JPEG 2000",
        32032 => "BitRound",
        32033 => "HTJ2K",
        _ => return None,
    })
}
