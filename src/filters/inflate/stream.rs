//! The two ends of inflating, bits of the input and bytes of the output, and the steps from one to the other.

use super::copy::{LONGEST, OVERSHOOT, copy};
use super::table::*;
use super::witness::Witness;
use crate::filters::best::with_best_instructions;

/// Input and output ahead with which a step needs to look at neither end: two words; the literals of a step, the longest
/// match, and what copying may touch behind it.
const INPUT_AHEAD: usize = 16;
pub(super) const OUTPUT_AHEAD: usize = 16 + LONGEST + OVERSHOOT;

pub(super) struct Stream<'i, 'o, W> {
    /// What was not taken yet.
    pub(super) input: &'i [u8],
    /// The next bits, lowest first. Above `count` of them there may be what comes next in the input.
    bits: u64,
    /// Only the lowest six bits count: so an entry can be subtracted as it is.
    count: u32,
    pub(super) out: &'o mut [u8],
    /// Bytes written.
    pub(super) at: usize,
    witness: &'o mut W,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// There may be more in the block.
    Go,
    /// The end of the block.
    End,
    /// There is more than room for it.
    Full,
    NoCode,
    NoDistance,
    TooFar,
    /// The input ends.
    Short,
}

impl<'i, 'o, W: Witness> Stream<'i, 'o, W> {
    pub(super) fn new(input: &'i [u8], out: &'o mut [u8], witness: &'o mut W) -> Self {
        Stream { input, bits: 0, count: 0, out, at: 0, witness }
    }

    #[inline(always)]
    fn is_roomy(&self) -> bool {
        let room = self.out.len().checked_sub(self.at);
        self.input.len() >= INPUT_AHEAD && room.is_some_and(|room| room >= OUTPUT_AHEAD)
    }

    /// Makes it 56 bits or more, where there are eight bytes ahead.
    #[inline(always)]
    fn refill(&mut self) {
        if let Some(word) = self.input.first_chunk::<8>() {
            self.bits |= u64::from_le_bytes(*word) << (self.count & 63);
            self.input = &self.input[(!self.count >> 3 & 7) as usize..];
            self.count |= 56;
        }
    }

    /// Makes it 56 bits or more, or as many as there are.
    pub(super) fn refill_carefully(&mut self) {
        self.count &= 63;
        self.bits &= (1 << self.count) - 1;
        while self.count < 56
            && let Some((&byte, rest)) = self.input.split_first()
        {
            self.bits |= u64::from(byte) << self.count;
            (self.input, self.count) = (rest, self.count + 8);
        }
    }

    /// Takes `n` bits, at most 16, if they are there. As many must have been filled in.
    pub(super) fn take_bits(&mut self, n: u32) -> Option<u32> {
        if self.count & 63 < n {
            self.refill_carefully();
        }
        let left = (self.count & 63).checked_sub(n)?;
        let bits = self.bits as u32 & ((1 << n) - 1);
        (self.bits, self.count) = (self.bits >> n, left);
        Some(bits)
    }

    /// Takes a symbol of a code whose table has no second one.
    pub(super) fn take_symbol(&mut self, table: &LengthTable) -> Option<u8> {
        if self.count & 63 < 15 {
            self.refill_carefully();
        }
        let e = table.get(self.bits);
        if e & SPECIAL != 0 || takes(e) > self.count & 63 {
            return None;
        }
        self.take(e);
        Some((e >> 16) as u8)
    }

    /// Goes on with the next whole byte. `whole` is all of the input.
    pub(super) fn align(&mut self, whole: &'i [u8]) {
        let back = (self.count & 63) as usize / 8;
        self.input = &whole[whole.len() - self.input.len() - back..];
        (self.bits, self.count) = (0, 0);
    }

    #[inline(always)]
    fn take(&mut self, e: Entry) {
        self.bits >>= e & 63;
        self.count = self.count.wrapping_sub(e);
    }

    #[inline(always)]
    fn next_litlen(&self, t: &Tables) -> Entry {
        t.litlen[self.bits as usize & ((1 << LITLEN_BITS) - 1)]
    }

    /// Where an entry that leads to a second table leads to.
    #[inline(always)]
    fn second<const N: usize>(&self, table: &[Entry; N], e: Entry, bits: u32) -> Entry {
        let tail = (self.bits >> bits) as u32 & ((1 << (e >> 8 & 15)) - 1);
        table[((e >> 16) + tail) as usize & (N - 1)]
    }

    /// Base and extra bits of an entry, which are not taken by this.
    #[inline(always)]
    fn value(&self, e: Entry) -> usize {
        let all = self.bits & ((1 << takes(e)) - 1);
        ((e >> 16) as u64 + (all >> (e >> 8 & 63))) as usize
    }

    /// Puts the literals of an entry `n` bytes ahead; returns how far ahead the next ones go. There must be room ahead.
    #[inline(always)]
    fn literal(&mut self, e: Entry, n: usize) -> usize {
        debug_assert!(self.out.len() - self.at >= OUTPUT_AHEAD);
        self.take(e);
        if let Some(place) = self.out.get_mut(self.at..).and_then(|o| o.first_chunk_mut::<OUTPUT_AHEAD>()) {
            [place[n], place[n + 1]] = ((e >> 16) as u16).to_le_bytes();
        }
        n + (e >> 8 & 3) as usize
    }

    /// Up to four entries of literals or a match, where there is room ahead. `next` is the entry for the next bits.
    ///
    /// Bits are enough: 56 for four entries of literals of 11, or for three and a length of 20, or for a length and a
    /// distance of 28. An entry may be looked up with what lies above the count, of which there are always some bits.
    #[inline(always)]
    fn step(&mut self, t: &Tables, next: &mut Entry) -> Step {
        let (mut e, mut n) = (*next, 0);
        self.refill();
        if e & LITERAL != 0 {
            n = self.literal(e, n);
            e = self.next_litlen(t);
            if e & LITERAL != 0 {
                n = self.literal(e, n);
                e = self.next_litlen(t);
                if e & LITERAL != 0 {
                    n = self.literal(e, n);
                    e = self.next_litlen(t);
                    if e & LITERAL != 0 {
                        self.at += self.literal(e, n);
                        *next = self.next_litlen(t);
                        return Step::Go;
                    }
                }
            }
        }
        if e & SPECIAL != 0 {
            if e & SECOND != 0 {
                e = self.second(&t.litlen, e, LITLEN_BITS);
                if e & LITERAL != 0 {
                    self.at += self.literal(e, n);
                    *next = self.next_litlen(t);
                    return Step::Go;
                }
            }
            if e & SPECIAL != 0 {
                self.at += n;
                return self.special(e);
            }
        }
        self.at += n;
        let length = self.value(e);
        self.take(e);
        if n > 0 {
            self.refill();
        }
        let mut e = t.distance[self.bits as usize & ((1 << DISTANCE_BITS) - 1)];
        if e & SPECIAL != 0 {
            if e & SECOND != 0 {
                e = self.second(&t.distance, e, DISTANCE_BITS);
            }
            if e & SPECIAL != 0 {
                return Step::NoDistance;
            }
        }
        let distance = self.value(e);
        self.take(e);
        if distance > self.at {
            return Step::TooFar;
        }
        *next = self.next_litlen(t);
        copy(self.out, self.at, distance, length);
        self.witness.matched(self.at, length, distance);
        self.at += length;
        Step::Go
    }

    #[cold]
    fn special(&mut self, e: Entry) -> Step {
        if e & END == 0 {
            return Step::NoCode;
        }
        self.take(e);
        Step::End
    }

    /// Literals of one entry or a match, wherever the input or the output ends.
    fn careful_step(&mut self, t: &Tables) -> Step {
        self.refill_carefully();
        let mut e = self.next_litlen(t);
        if e & (LITERAL | SPECIAL | SECOND) == SPECIAL | SECOND {
            e = self.second(&t.litlen, e, LITLEN_BITS);
        }
        if takes(e) > self.count {
            return Step::Short;
        }
        if e & LITERAL != 0 {
            for byte in ((e >> 16) as u16).to_le_bytes().into_iter().take((e >> 8 & 3) as usize) {
                let Some(place) = self.out.get_mut(self.at) else { return Step::Full };
                *place = byte;
                self.at += 1;
            }
            self.take(e);
            return Step::Go;
        }
        if e & SPECIAL != 0 {
            return self.special(e);
        }
        let length = self.value(e);
        self.take(e);
        self.refill_carefully();
        let mut e = t.distance[self.bits as usize & ((1 << DISTANCE_BITS) - 1)];
        if e & (SPECIAL | SECOND) == SPECIAL | SECOND {
            e = self.second(&t.distance, e, DISTANCE_BITS);
        }
        if takes(e) > self.count {
            return Step::Short;
        }
        if e & SPECIAL != 0 {
            return Step::NoDistance;
        }
        let distance = self.value(e);
        self.take(e);
        if distance > self.at {
            return Step::TooFar;
        }
        let end = self.out.len().min(self.at + length);
        for at in self.at..end {
            self.out[at] = self.out[at - distance];
        }
        let full = end < self.at + length;
        self.witness.matched(self.at, end - self.at, distance);
        self.at = end;
        if full { Step::Full } else { Step::Go }
    }

    /// The rest of a block where there is no room ahead; nothing where there is.
    pub(super) fn careful(&mut self, t: &Tables) -> Step {
        while !self.is_roomy() {
            let step = self.careful_step(t);
            if step != Step::Go {
                return step;
            }
        }
        Step::Go
    }
}

/// Goes on as far as there is room ahead in the block.
pub(super) fn fast<W: Witness>(whole: &mut Stream<'_, '_, W>, t: &Tables) -> Step {
    with_best_instructions(
        #[inline(always)]
        || {
            // A copy, which stays in registers.
            let mut s = Stream { out: &mut *whole.out, witness: &mut *whole.witness, ..*whole };
            let mut step = Step::Go;
            if s.is_roomy() {
                s.refill();
                let mut next = s.next_litlen(t);
                while step == Step::Go && s.is_roomy() {
                    step = s.step(t, &mut next);
                }
            }
            (whole.input, whole.bits, whole.count, whole.at) = (s.input, s.bits, s.count, s.at);
            step
        },
    )
}

/// Goes on in turn as far as both have room ahead in their blocks.
pub(super) fn fast_pair<W: Witness>(
    a: &mut Stream<'_, '_, W>,
    ta: &Tables,
    b: &mut Stream<'_, '_, W>,
    tb: &Tables,
) -> (Step, Step) {
    with_best_instructions(
        #[inline(always)]
        || {
            let mut x = Stream { out: &mut *a.out, witness: &mut *a.witness, ..*a };
            let mut y = Stream { out: &mut *b.out, witness: &mut *b.witness, ..*b };
            let mut steps = (Step::Go, Step::Go);
            if x.is_roomy() && y.is_roomy() {
                x.refill();
                y.refill();
                let (mut next_x, mut next_y) = (x.next_litlen(ta), y.next_litlen(tb));
                while steps == (Step::Go, Step::Go) && x.is_roomy() && y.is_roomy() {
                    steps = (x.step(ta, &mut next_x), y.step(tb, &mut next_y));
                }
            }
            (a.input, a.bits, a.count, a.at) = (x.input, x.bits, x.count, x.at);
            (b.input, b.bits, b.count, b.at) = (y.input, y.bits, y.count, y.at);
            steps
        },
    )
}
