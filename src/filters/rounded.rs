//! BitGroom, GranularBR, BitRound (filters 32022, 32023, 32032): they round numbers when writing, and leave nothing to
//! undo.

use super::{Call, Filter};
use crate::error::Result;

pub(super) struct Rounded;

impl Filter for Rounded {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        call.check_size(stored.len() as u64)?;
        out.extend_from_slice(stored);
        Ok(())
    }
}
