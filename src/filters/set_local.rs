//! The parameters that a filter stores besides those that a user gives: what libhdf5's filters compute from the datatype
//! and the shape of the chunks when a dataset is made ("set local"), value by value.

use super::{LZF, SHUFFLE};
use super::{nbit, scale_offset, shuffle, szip};
use crate::error::{Error, Result};
use crate::format::message::datatype::Datatype;

const BLOSC: u16 = 32001;
const BITSHUFFLE: u16 = 32008;
/// What the plug-ins of today store for themselves.
const LZF_REVISION: u32 = 4;
const LZF_VERSION: u32 = 0x105;
const BLOSC_REVISION: u32 = 2;
const BLOSC_FORMAT: u32 = 2;
const BITSHUFFLE_VERSION: [u32; 2] = [0, 5];

/// The dataset that a filter is set up for.
pub(crate) struct Target<'a> {
    pub(crate) datatype: &'a Datatype,
    /// The shape of a chunk.
    pub(crate) chunk: &'a [u64],
    /// The fill value as it is stored, which is zeros unless the user set one; `None` where it is undefined.
    pub(crate) fill: Option<&'a [u8]>,
}

impl Target<'_> {
    /// Elements of a chunk; a parameter can be no larger.
    pub(super) fn elements(&self) -> Result<u64> {
        let elements = self.chunk.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
        elements.filter(|&n| u32::try_from(n).is_ok()).ok_or_else(|| Error::invalid("a chunk of 2³² elements or more"))
    }

    /// Bytes of a chunk.
    fn chunk_bytes(&self) -> Result<u32> {
        let bytes = self.elements()?.checked_mul(self.datatype.size()).and_then(|n| u32::try_from(n).ok());
        bytes.ok_or_else(|| Error::invalid("a chunk of 4 GiB or more"))
    }
}

/// The parameters to store for those that the user gave.
///
/// | filter | the user's |
/// | --- | --- |
/// | shuffle | none |
/// | szip | options (4 entropy coding, 32 nearest neighbour), pixels per block |
/// | nbit | none |
/// | scale-offset | 0 and decimal digits for floats, 2 and bits (0: as many as are needed) for integers |
/// | LZF | none |
/// | Blosc | four that are replaced, the level, the kind of shuffle, the codec |
/// | bitshuffle | elements of a block (0: as many as fit a cache), the codec, its level |
/// | others | are stored as they are |
pub(crate) fn set_local(filter: u16, user: &[u32], target: &Target<'_>) -> Result<Vec<u32>> {
    match filter {
        SHUFFLE => shuffle::set_local(target),
        4 => szip::set_local(user, target),
        5 => nbit::set_local(target),
        6 => scale_offset::set_local(user, target),
        LZF => Ok(vec![LZF_REVISION, LZF_VERSION, target.chunk_bytes()?]),
        BLOSC => blosc(user, target),
        BITSHUFFLE => {
            let versions = BITSHUFFLE_VERSION.into_iter().chain([target.datatype.size() as u32]);
            Ok(versions.chain(user.iter().copied()).collect())
        }
        _ => Ok(user.to_vec()),
    }
}

/// Elements of more than 255 bytes are taken as bytes; arrays as their elements.
fn blosc(user: &[u32], target: &Target<'_>) -> Result<Vec<u32>> {
    let base = match target.datatype {
        Datatype::Array { base, .. } => base.size(),
        other => other.size(),
    };
    let size = if base > 255 { 1 } else { base as u32 };
    let own = [BLOSC_REVISION, BLOSC_FORMAT, size, target.chunk_bytes()?];
    Ok(own.into_iter().chain(user.iter().skip(own.len()).copied()).collect())
}
