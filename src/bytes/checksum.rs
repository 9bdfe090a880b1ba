//! The two checksums of the format: Jenkins lookup3 (metadata, name hashes) and Fletcher-32 (the filter).

/// Bob Jenkins' `hashlittle`: the checksum of metadata (`initial` 0) and the hash of names in version 2 B-trees.
pub(crate) fn lookup3(bytes: &[u8], initial: u32) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32).wrapping_add(initial);
    let (mut a, mut b, mut c) = (start, start, start);
    // The last block, even a full one, is not mixed but finished.
    let whole = bytes.len().saturating_sub(1) / 12 * 12;
    let (blocks, tail) = bytes.split_at(whole);
    for block in blocks.as_chunks().0 {
        let [x, y, z] = words(block);
        (a, b, c) = (a.wrapping_add(x), b.wrapping_add(y), c.wrapping_add(z));
        for (turn, (x, y, z)) in
            [(4, (0, 2, 1)), (6, (1, 0, 2)), (8, (2, 1, 0)), (16, (0, 2, 1)), (19, (1, 0, 2)), (4, (2, 1, 0))]
        {
            let mut v = [a, b, c];
            v[x] = v[x].wrapping_sub(v[y]) ^ v[y].rotate_left(turn);
            v[y] = v[y].wrapping_add(v[z]);
            [a, b, c] = v;
        }
    }
    if tail.is_empty() {
        return c;
    }
    let mut last = [0u8; 12];
    last[..tail.len()].copy_from_slice(tail);
    let [x, y, z] = words(&last);
    (a, b, c) = (a.wrapping_add(x), b.wrapping_add(y), c.wrapping_add(z));
    for (turn, (x, y)) in
        [(14, (2, 1)), (11, (0, 2)), (25, (1, 0)), (16, (2, 1)), (4, (0, 2)), (14, (1, 0)), (24, (2, 1))]
    {
        let mut v = [a, b, c];
        v[x] = (v[x] ^ v[y]).wrapping_sub(v[y].rotate_left(turn));
        [a, b, c] = v;
    }
    c
}

/// A block of 12 bytes as three numbers.
#[inline]
fn words(&[a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3]: &[u8; 12]) -> [u32; 3] {
    let number = u32::from_le_bytes;
    [number([a0, a1, a2, a3]), number([b0, b1, b2, b3]), number([c0, c1, c2, c3])]
}

/// The Fletcher-32 checksum as the filter stores it: over 16-bit big-endian words, an odd last byte as a high byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fletcher32(pub(crate) u32);

impl Fletcher32 {
    /// How many words can be summed before the sums must be folded into 16 bits.
    const FOLD: usize = 360;

    pub(crate) fn of(bytes: &[u8]) -> Fletcher32 {
        let fold = |x: u32| (x & 0xffff) + (x >> 16);
        let (mut low, mut high) = (0u32, 0u32);
        for block in bytes.chunks(2 * Self::FOLD) {
            let (words, odd) = block.as_chunks::<2>();
            for w in words {
                low += u32::from(u16::from_be_bytes(*w));
                high += low;
            }
            if let [last] = odd {
                low += u32::from(*last) << 8;
                high += low;
            }
            (low, high) = (fold(low), fold(high));
        }
        (low, high) = (fold(low), fold(high));
        Fletcher32(high << 16 | low)
    }

    /// Whether `stored` is this sum, or this sum as libhdf5 before 1.6.3 wrote it on little-endian machines: the two
    /// bytes of each half exchanged.
    pub(crate) fn accepts(self, stored: u32) -> bool {
        let swapped = (self.0 & 0x00ff_00ff) << 8 | (self.0 & 0xff00_ff00) >> 8;
        stored == self.0 || stored == swapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup3_agrees_with_its_published_vectors() {
        assert_eq!(lookup3(b"", 0), 0xdead_beef);
        assert_eq!(lookup3(b"a", 0), 0x58d6_8708);
        assert_eq!(lookup3(b"foo", 0), 0xe18f_6896);
        assert_eq!(lookup3(b"data", 0), 0xeaa2_c748);
        assert_eq!(lookup3(b"Four score and seven years ago", 0), 0x1777_0551);
        assert_eq!(lookup3(b"Four score and seven years ago", 1), 0xcd62_8161);
        assert_eq!(lookup3(&(0..13).collect::<Vec<u8>>()[..13], 0), 0xbc9d_6816);
    }

    #[test]
    fn fletcher32_agrees_with_libhdf5() {
        assert_eq!(Fletcher32::of(b""), Fletcher32(0));
        assert_eq!(Fletcher32::of(b"a"), Fletcher32(0x6100_6100));
        assert_eq!(Fletcher32::of(b"abc"), Fletcher32(0x25c5_c462));
        assert_eq!(Fletcher32::of(b"abcd"), Fletcher32(0x2629_c4c6));
        assert_eq!(Fletcher32::of(b"abcdef"), Fletcher32(0x5056_2a2d));
        assert_eq!(Fletcher32::of(&(0..=255).cycle().take(2048).collect::<Vec<u8>>()), Fletcher32(0x282e_01fe));
        assert_eq!(Fletcher32::of(&[0xff; 1000]), Fletcher32(0xffff_ffff));
    }

    #[test]
    fn sums_of_before_1_6_3_are_accepted() {
        assert!(Fletcher32::of(b"abc").accepts(0xc525_62c4));
        assert!(!Fletcher32::of(b"abc").accepts(0xc525_62c5));
    }
}
