//! The parameters that a filter stores besides those that a user gives: what libhdf5's filters compute from the datatype
//! and the shape of the chunks when a dataset is made ("set local"), value by value.

use super::SHUFFLE;
use super::{nbit, scale_offset, shuffle, szip};
use crate::error::{Error, Result};
use crate::format::message::datatype::Datatype;

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
}

/// The parameters to store for those that the user gave.
///
/// | filter | the user's |
/// | --- | --- |
/// | shuffle | none |
/// | szip | options (4 entropy coding, 32 nearest neighbour), pixels per block |
/// | nbit | none |
/// | scale-offset | 0 and decimal digits for floats, 2 and bits (0: as many as are needed) for integers |
/// | others | are stored as they are |
#[cfg_attr(not(test), expect(dead_code, reason = "the writer has no options for these filters yet"))]
pub(crate) fn set_local(filter: u16, user: &[u32], target: &Target<'_>) -> Result<Vec<u32>> {
    match filter {
        SHUFFLE => shuffle::set_local(target),
        4 => szip::set_local(user, target),
        5 => nbit::set_local(target),
        6 => scale_offset::set_local(user, target),
        _ => Ok(user.to_vec()),
    }
}
