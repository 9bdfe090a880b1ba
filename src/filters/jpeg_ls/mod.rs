//! JPEG-LS (ITU-T T.87; filter 32012, and 32018, which EUMETSAT calls FCIDECOMP): images of 2 to 16 bits a sample, exact
//! or nearly so. `segments` reads what stands around the coded samples, `scan` the samples, `bits` their bits.
//!
//! The two filters differ in how they put an image into a chunk. The second stores one JPEG-LS file, and so does a later
//! release of the first, with four parameters; its older releases cut the rows into up to 24 slices, a file each, with
//! the files' sizes before them.
//!
//! Nothing is written, only read. Mapping tables (palettes) and HP's colour transforms are refused.

mod bits;
mod context;
mod scan;
mod segments;

use super::{Call, Filter};
use crate::error::Result;

pub(super) struct JpegLs;

/// The most slices that the first filter cut a chunk into.
const SLICES: u32 = 24;

impl Filter for JpegLs {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        if stored.starts_with(&segments::START) {
            return segments::decode(stored, call, out);
        }
        let rows = call.parameter(1)?;
        let slices = rows.min(SLICES) as usize;
        let cut = || call.damaged("ends in a slice");
        let (sizes, mut rest) = stored.split_at_checked(4 * slices).ok_or_else(cut)?;
        for size in sizes.as_chunks::<4>().0 {
            let (slice, behind) = rest.split_at_checked(u32::from_le_bytes(*size) as usize).ok_or_else(cut)?;
            segments::decode(slice, &Call { most: call.most - out.len(), ..*call }, out)?;
            rest = behind;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
