//! The registered filters and their names.

use super::{DEFLATE, FLETCHER32, LZF, SHUFFLE};
use crate::format::message::filter_pipeline::FilterInfo;

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

/// What a filter is called.
pub(super) fn registered_name(id: u16) -> Option<&'static str> {
    Some(match id {
        DEFLATE => "gzip",
        SHUFFLE => "shuffle",
        FLETCHER32 => "Fletcher-32",
        4 => "szip",
        5 => "nbit",
        6 => "scale-offset",
        257 | 258 => "hzip, fpzip",
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
        32012 | 32018 => "JPEG-LS, FCIDECOMP",
        32013 => "ZFP",
        32014 => "fpzip",
        32015 => "Zstandard",
        32016 => "B³D",
        32017 => "SZ",
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
        _ => return None,
    })
}
