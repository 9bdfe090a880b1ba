//! The bits of a deflate stream, lowest first, into bytes.

/// What is written must fit: room is made by [`reserve`](Writer::reserve), which costs nothing where there is some.
#[derive(Default)]
pub(super) struct Writer {
    /// Kept at its length from stream to stream, so that it is not cleared again.
    out: Vec<u8>,
    /// Whole bytes written.
    at: usize,
    bits: u64,
    /// Bits that are not written: up to 7 between calls of `flush`.
    count: u32,
}

impl Writer {
    /// Begins a new stream.
    pub(super) fn restart(&mut self) {
        (self.at, self.bits, self.count) = (0, 0, 0);
    }

    /// Room for so many bytes, and what a flush writes beyond them.
    pub(super) fn reserve(&mut self, bytes: usize) {
        let needed = self.at + bytes + 16;
        if self.out.len() < needed {
            self.out.resize(needed.next_power_of_two(), 0);
        }
    }

    /// Adds `count` bits; at most 56 between two flushes.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        self.bits |= bits << (self.count & 63);
        self.count += count;
    }

    /// Writes the whole bytes.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        if let Some(place) = self.out.get_mut(self.at..).and_then(|o| o.first_chunk_mut::<8>()) {
            *place = self.bits.to_le_bytes();
        }
        self.at += (self.count >> 3) as usize;
        self.bits >>= self.count & 56;
        self.count &= 7;
    }

    /// Zeros to the next whole byte.
    pub(super) fn align(&mut self) {
        self.count += self.count.wrapping_neg() & 7;
        self.flush();
    }

    /// Whole bytes, where the stream is aligned.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    pub(super) fn written(&self) -> &[u8] {
        &self.out[..self.at]
    }
}
