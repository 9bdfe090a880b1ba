//! What the bytewise relatives of LZ77 have in common, LZF and BloscLZ: copying what came before, and finding it.

/// Appends `length` bytes that begin `distance` before the end; they may overlap what is appended. `None` where the
/// beginning would be before the first byte that is there.
pub(super) fn copy_back(out: &mut Vec<u8>, distance: usize, length: usize) -> Option<()> {
    let start = out.len().checked_sub(distance).filter(|_| distance > 0)?;
    let mut rest = length;
    // What is appended may be copied again: each turn doubles it.
    while rest > 0 {
        let part = rest.min(out.len() - start);
        out.extend_from_within(start..start + part);
        rest -= part;
    }
    Some(())
}

/// A part of the input: bytes as they are, and what follows them.
pub(super) struct Step {
    /// Bytes as they are, a range of the input.
    pub(super) literals: std::ops::Range<usize>,
    /// How far back the bytes that follow stand already, and how many they are; `None` at the end.
    pub(super) reference: Option<(usize, usize)>,
}

/// Which references a format can express.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    pub(super) farthest: usize,
    pub(super) longest: usize,
    /// Shorter ones are not worth their bytes.
    pub(super) shortest: usize,
    /// Bytes at the end that must be literals.
    pub(super) last_literals: usize,
}

/// The greedy parse of an input with one look into a hash table a position.
pub(super) struct Parse<'a> {
    input: &'a [u8],
    reach: Reach,
    /// For each hash of four bytes the position behind where they were seen last; 0 for never.
    seen: Vec<u32>,
    at: usize,
    done: bool,
}

const HASH_BITS: u32 = 14;

impl<'a> Parse<'a> {
    /// Parses `input`, of at most 4 GiB.
    pub(super) fn new(input: &'a [u8], reach: Reach) -> Self {
        Parse { input, reach, seen: vec![0; 1 << HASH_BITS], at: 0, done: false }
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.input.get(at..)?.first_chunk().map(|w| u32::from_le_bytes(*w))
    }

    /// Where the four bytes at `at` stood last; notes that they are here.
    fn look(&mut self, at: usize, word: u32) -> Option<usize> {
        let slot = &mut self.seen[(word.wrapping_mul(2_654_435_761) >> (32 - HASH_BITS)) as usize];
        let before = std::mem::replace(slot, at as u32 + 1) as usize;
        let candidate = before.checked_sub(1)?;
        (self.word(candidate) == Some(word)).then_some(candidate)
    }

    /// How many bytes at `candidate` and at `at` are the same.
    fn common(&self, candidate: usize, at: usize) -> usize {
        let end = self.input.len() - self.reach.last_literals;
        let (here, there) = (&self.input[at..end], &self.input[candidate..]);
        here.iter().zip(there).take(self.reach.longest).take_while(|(a, b)| a == b).count()
    }
}

impl Iterator for Parse<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let first = self.at;
        if self.done {
            return None;
        }
        let end = self.input.len().saturating_sub(self.reach.last_literals);
        let mut misses = 0;
        while self.at < end
            && let Some(word) = self.word(self.at)
        {
            let at = self.at;
            if let Some(candidate) = self.look(at, word)
                && at - candidate <= self.reach.farthest
            {
                let length = self.common(candidate, at);
                if length >= self.reach.shortest {
                    self.at += length;
                    return Some(Step { literals: first..at, reference: Some((at - candidate, length)) });
                }
            }
            // Where nothing repeats, look less often.
            self.at += 1 + (misses >> 6);
            misses += 1;
        }
        self.done = true;
        Some(Step { literals: first..self.input.len(), reference: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_may_overlap_itself() {
        let mut out = b"abc".to_vec();
        copy_back(&mut out, 3, 8).unwrap();
        assert_eq!(out, b"abcabcabcab");
        copy_back(&mut out, 1, 3).unwrap();
        assert_eq!(out, b"abcabcabcabbbb");
        assert!(copy_back(&mut out, 15, 1).is_none());
        assert!(copy_back(&mut out, 0, 1).is_none());
    }

    #[test]
    fn a_parse_gives_the_input_again() {
        let input: Vec<u8> = (0..40_000u32).map(|n| (n * n / 97 % 23) as u8).collect();
        let reach = Reach { farthest: 300, longest: 50, shortest: 4, last_literals: 3 };
        for length in [0, 1, 3, 4, 5, 100, 40_000] {
            let mut out = Vec::new();
            for step in Parse::new(&input[..length], reach) {
                out.extend_from_slice(&input[step.literals]);
                if let Some((distance, n)) = step.reference {
                    assert!(distance <= 300 && (4..=50).contains(&n));
                    copy_back(&mut out, distance, n).unwrap();
                }
            }
            assert_eq!(out, input[..length]);
        }
    }
}
