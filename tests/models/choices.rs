//! Decisions taken from bytes; when those are used up every decision is the plainest one.

/// Bytes that decide.
pub(crate) struct Choices<'a> {
    bytes: &'a [u8],
    /// Stirs what is made of few bytes.
    state: u64,
}

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices { bytes, state: 0x9e37_79b9_7f4a_7c15 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next byte, or 0.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    /// A number below `n`; 0 at the end.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let wide = if n > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (wide | usize::from(self.byte())) % n.max(1)
    }

    /// True once in `of` times; false at the end.
    pub(crate) fn one_in(&mut self, of: usize) -> bool {
        self.below(of.max(2)) == 1
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// As many bytes of data, of one byte of choice: all alike, counting up, or any.
    pub(crate) fn data(&mut self, n: usize) -> Vec<u8> {
        let seed = self.byte();
        self.state = self.state.rotate_left(7) ^ u64::from(seed).wrapping_mul(0x2545_f491_4f6c_dd1d);
        let mut state = self.state | 1;
        let mut any = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        match seed % 3 {
            0 => vec![seed; n],
            1 => (0..n).map(|i| seed.wrapping_add(i as u8)).collect(),
            _ => (0..n).map(|_| any()).collect(),
        }
    }
}
