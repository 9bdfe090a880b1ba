//! Who is told of the matches in a stream while it is inflated: mostly nobody.

/// Bytes that repeat earlier ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Match {
    /// Where they begin, in what was inflated.
    pub(crate) at: u32,
    pub(crate) length: u16,
    /// How far before them the earlier ones begin.
    pub(crate) distance: u16,
}

pub(super) trait Witness {
    fn matched(&mut self, at: usize, length: usize, distance: usize);
}

/// Costs nothing.
impl Witness for () {
    #[inline(always)]
    fn matched(&mut self, _: usize, _: usize, _: usize) {}
}

/// Of less than 4 GiB.
impl Witness for Vec<Match> {
    #[inline(always)]
    fn matched(&mut self, at: usize, length: usize, distance: usize) {
        self.push(Match { at: at as u32, length: length as u16, distance: distance as u16 });
    }
}
