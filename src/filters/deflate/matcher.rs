//! Where the bytes at hand stood before: tables of positions by a hash of what stands there.
//!
//! Of a position the lowest 16 bits are kept, which tell it within a window; what an older one is taken for is but one more
//! candidate. Tables are cleared for each input: what is found must not depend on those before it.

/// How far back a match may be.
pub(super) const WINDOW: u32 = 1 << 15;

/// The eight bytes at a position, or zeros where there are fewer.
#[inline(always)]
pub(super) fn word(input: &[u8], at: usize) -> u64 {
    input.get(at..).and_then(|i| i.first_chunk()).map_or(0, |w| u64::from_le_bytes(*w))
}

/// How many bytes from `at` on, at least `from`, at most `most`, are those from `before` on; the first `from` are.
#[inline(always)]
pub(super) fn common(input: &[u8], before: usize, at: usize, from: usize, most: usize) -> usize {
    let mut n = from;
    while n + 8 <= most {
        let differ = word(input, before + n) ^ word(input, at + n);
        if differ != 0 {
            return n + (differ.trailing_zeros() / 8) as usize;
        }
        n += 8;
    }
    while n < most && input.get(before + n) == input.get(at + n) {
        n += 1;
    }
    n
}

/// How a word is hashed: by its first bytes, as many as make a match worth while.
#[derive(Clone, Copy)]
pub(super) struct Hash {
    /// Bits of the other bytes.
    others: u32,
}

impl Hash {
    /// Of the first 3 to 8 bytes.
    pub(super) fn of(bytes: usize) -> Hash {
        Hash { others: 64 - 8 * bytes.clamp(3, 8) as u32 }
    }

    #[inline(always)]
    fn hash(self, word: u64, bits: u32) -> usize {
        ((word << (self.others & 63)).wrapping_mul(0x9e37_79b1_85eb_ca87) >> (64 - bits)) as usize
    }
}

/// A table of positions.
pub(super) trait Matcher {
    /// Takes note of a position whose word it is; returns how far before it such may stand, the nearest: 0, or more than a
    /// window, where there is none.
    fn first(&mut self, hash: Hash, word: u64, position: usize) -> u32;

    /// The next nearest behind one that is within a window.
    fn next(&self, position: usize, distance: u32) -> u32;

    /// Forgets all, for an input of so many bytes.
    fn clear(&mut self, length: usize);
}

/// The latest position of each hash of so many bits.
pub(super) struct Latest<const BITS: u32>(Box<[u16]>);

impl<const BITS: u32> Default for Latest<BITS> {
    fn default() -> Self {
        Latest(vec![0; 1 << BITS].into())
    }
}

impl<const BITS: u32> Matcher for Latest<BITS> {
    #[inline(always)]
    fn first(&mut self, hash: Hash, word: u64, position: usize) -> u32 {
        let position = position as u16;
        let latest = self.0.get_mut(hash.hash(word, BITS));
        latest.map_or(0, |latest| position.wrapping_sub(std::mem::replace(latest, position)).into())
    }

    #[inline(always)]
    fn next(&self, _: usize, _: u32) -> u32 {
        0
    }

    fn clear(&mut self, _: usize) {
        self.0.fill(0);
    }
}

/// The latest position of each hash, few enough that they stay in the nearest cache.
pub(super) type Near = Latest<14>;

/// The latest position of each hash, and for each position of a window how far before it the hash stood last.
pub(super) struct Chains {
    latest: Latest<15>,
    /// 0 where that is beyond the window.
    before: Box<[u16]>,
}

impl Default for Chains {
    fn default() -> Self {
        Chains { latest: Latest::default(), before: vec![0; WINDOW as usize].into() }
    }
}

impl Matcher for Chains {
    #[inline(always)]
    fn first(&mut self, hash: Hash, word: u64, position: usize) -> u32 {
        let distance = self.latest.first(hash, word, position);
        if let Some(before) = self.before.get_mut(position & (WINDOW as usize - 1)) {
            *before = if distance > WINDOW { 0 } else { distance as u16 };
        }
        distance
    }

    #[inline(always)]
    fn next(&self, position: usize, distance: u32) -> u32 {
        match self.before.get(position.wrapping_sub(distance as usize) & (WINDOW as usize - 1)) {
            Some(&more) if more > 0 && distance + u32::from(more) < WINDOW => distance + u32::from(more),
            _ => 0,
        }
    }

    fn clear(&mut self, length: usize) {
        self.latest.clear(length);
        let used = self.before.len().min(length);
        self.before[..used].fill(0);
    }
}
