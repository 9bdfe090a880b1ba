//! Streams of bits, the most significant of each byte first: what szip, nbit and scale-offset pack their numbers in.

/// Takes bits from a slice.
pub(super) struct BitReader<'a> {
    rest: &'a [u8],
    /// The next bits, from the highest down. Below the first `count` there may be bits of bytes still in `rest`.
    held: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        BitReader { rest: bytes, held: 0, count: 0 }
    }

    /// Holds at least 56 bits after this, or all there are; never 64, so that all can be shifted out.
    fn fill(&mut self) {
        if let Some(word) = self.rest.first_chunk::<8>() {
            self.held |= u64::from_be_bytes(*word) >> self.count;
            let bytes = (63 - self.count) / 8;
            self.rest = &self.rest[bytes as usize..];
            self.count += 8 * bytes;
            return;
        }
        while self.count < 56
            && let Some((&byte, rest)) = self.rest.split_first()
        {
            self.held |= u64::from(byte) << (56 - self.count);
            self.rest = rest;
            self.count += 8;
        }
    }

    fn drop_bits(&mut self, n: u32) {
        self.held <<= n;
        self.count -= n;
    }

    /// The next `n` bits as a number, `n` at most 32; `None` where the stream ends before.
    #[inline]
    pub(super) fn take(&mut self, n: u32) -> Option<u32> {
        debug_assert!(n <= 32);
        if self.count < n {
            self.fill();
            if self.count < n {
                return None;
            }
        }
        // In two steps, as a shift by all 64 bits is none.
        let value = (self.held >> 1 >> (63 - n)) as u32;
        self.drop_bits(n);
        Some(value)
    }

    /// The next `n` bits, at most 64.
    #[inline]
    pub(super) fn take_long(&mut self, n: u32) -> Option<u64> {
        let high = n.saturating_sub(32);
        let upper = self.take(high)?;
        Some(u64::from(upper) << (n - high) | u64::from(self.take(n - high)?))
    }

    /// How many zeros stand before the next one; both are consumed.
    #[inline]
    pub(super) fn take_unary(&mut self) -> Option<u32> {
        let mut zeros = 0u32;
        loop {
            let run = self.held.leading_zeros();
            if run < self.count {
                self.drop_bits(run + 1);
                return zeros.checked_add(run);
            }
            zeros = zeros.checked_add(self.count)?;
            self.drop_bits(self.count);
            self.fill();
            if self.count == 0 {
                return None;
            }
        }
    }
}

/// Appends bits to a vector.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// The last `count` bits of this, fewer than 8, are not yet in `out`.
    held: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        BitWriter { out, held: 0, count: 0 }
    }

    /// Appends the lowest `n` bits of a value, at most 32.
    #[inline]
    pub(super) fn put(&mut self, value: u32, n: u32) {
        debug_assert!(n <= 32);
        self.held = self.held << n | u64::from(value) & ((1 << n) - 1);
        self.count += n;
        while self.count >= 8 {
            self.count -= 8;
            self.out.push((self.held >> self.count) as u8);
        }
    }

    /// Appends the lowest `n` bits of a value, at most 64.
    pub(super) fn put_long(&mut self, value: u64, n: u32) {
        let high = n.saturating_sub(32);
        self.put((value >> 32) as u32, high);
        self.put(value as u32, n - high);
    }

    /// Appends that many zeros and a one.
    #[inline]
    pub(super) fn put_unary(&mut self, mut zeros: u32) {
        while zeros >= 32 {
            self.put(0, 32);
            zeros -= 32;
        }
        self.put(0, zeros);
        self.put(1, 1);
    }

    /// Bytes that are complete.
    pub(super) fn whole_bytes(&self) -> usize {
        self.out.len()
    }

    /// Fills the last byte with zeros.
    pub(super) fn finish(mut self) {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
    }

    /// Fills the last byte with zeros; a whole one where none was begun, as libhdf5 does.
    pub(super) fn finish_with_spare(mut self) {
        self.put(0, 8 - self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_taken() {
        let mut out = Vec::new();
        let mut writer = BitWriter::new(&mut out);
        for n in 0..=64 {
            writer.put_long(0x9e37_79b9_7f4a_7c15, n);
            writer.put_unary(3 * n);
        }
        writer.finish();
        let mut reader = BitReader::new(&out);
        for n in 0..=64u32 {
            let wanted = 0x9e37_79b9_7f4a_7c15 & u64::MAX.checked_shr(64 - n).unwrap_or(0);
            assert_eq!(reader.take_long(n), Some(wanted), "{n} bits");
            assert_eq!(reader.take_unary(), Some(3 * n));
        }
        assert_eq!(reader.take(8), None);
        assert_eq!(reader.take_unary(), None);
    }

    #[test]
    fn bits_are_packed_from_the_highest() {
        let mut out = Vec::new();
        let mut writer = BitWriter::new(&mut out);
        writer.put(0b101, 3);
        writer.put_unary(2);
        writer.put(u32::MAX, 4);
        writer.finish();
        assert_eq!(out, [0b1010_0111, 0b1100_0000]);
    }
}
