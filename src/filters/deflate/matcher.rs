//! Where the bytes at hand stood before: tables of positions by a hash of what stands there.
//!
//! A position is told in 32 bits, as its time: the bytes that were ever deflated before it, and a window between one input
//! and the next. So what a table still has of an input before lies too far back to be taken, and tables are not cleared.

/// How far back a match may be.
pub(super) const WINDOW: u32 = 1 << 15;

/// How times follow from positions in the input.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    /// A position, and its time.
    position: usize,
    time: u32,
}

/// Beyond it times begin again.
const LATEST: u32 = 3 << 30;

impl Clock {
    pub(super) const START: Clock = Clock { position: 0, time: WINDOW + 1 };

    #[inline(always)]
    pub(super) fn time(&self, position: usize) -> u32 {
        self.time.wrapping_add(position.wrapping_sub(self.position) as u32)
    }

    /// The clock from the beginning of the next input, where this one ended; `None` if it has to be set back.
    pub(super) fn next(&self, length: usize) -> Option<Clock> {
        let time = self.time(length);
        (time < LATEST).then_some(Clock { position: 0, time: time + WINDOW + 1 })
    }

    /// Set back, for what begins at `position`, if it is time for that: within an input of gigabytes.
    pub(super) fn set_back(&self, position: usize) -> Option<Clock> {
        (self.time(position) >= LATEST).then_some(Clock { position, time: WINDOW + 1 })
    }
}

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
    fn hash(self, word: u64) -> usize {
        ((word << (self.others & 63)).wrapping_mul(0x9e37_79b1_85eb_ca87) >> (64 - BITS)) as usize
    }
}

/// A table of positions.
pub(super) trait Matcher: Default {
    /// Takes note of a position whose word it is, and calls `candidate` with how far before it such may stand, the
    /// nearest first, until that returns `false`.
    fn find(&mut self, hash: Hash, word: u64, time: u32, candidate: impl FnMut(u32) -> bool);

    /// Takes note of a position.
    fn insert(&mut self, hash: Hash, word: u64, time: u32) {
        self.find(hash, word, time, |_| false);
    }

    /// Forgets all.
    fn clear(&mut self);
}

const BITS: u32 = 15;

/// The latest position of each hash.
pub(super) struct Latest(Box<[u32]>);

impl Default for Latest {
    fn default() -> Self {
        Latest(vec![0; 1 << BITS].into())
    }
}

impl Matcher for Latest {
    #[inline(always)]
    fn find(&mut self, hash: Hash, word: u64, time: u32, mut candidate: impl FnMut(u32) -> bool) {
        if let Some(latest) = self.0.get_mut(hash.hash(word)) {
            let distance = time.wrapping_sub(std::mem::replace(latest, time));
            if distance <= WINDOW {
                candidate(distance);
            }
        }
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }
}

/// The latest position of each hash, and for each position of a window how far before it the hash stood last.
pub(super) struct Chains {
    latest: Latest,
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
    fn find(&mut self, hash: Hash, word: u64, time: u32, mut candidate: impl FnMut(u32) -> bool) {
        let Some(latest) = self.latest.0.get_mut(hash.hash(word)) else { return };
        let mut distance = time.wrapping_sub(std::mem::replace(latest, time));
        let Some(before) = self.before.get_mut((time & (WINDOW - 1)) as usize) else { return };
        if distance > WINDOW {
            *before = 0;
            return;
        }
        *before = distance as u16;
        while candidate(distance) {
            match self.before.get((time.wrapping_sub(distance) & (WINDOW - 1)) as usize) {
                Some(&more) if more > 0 && distance + u32::from(more) < WINDOW => distance += u32::from(more),
                _ => return,
            }
        }
    }

    fn clear(&mut self) {
        self.latest.clear();
    }
}
