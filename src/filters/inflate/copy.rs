//! Repeating what was written before.

/// The longest match of those that use this: 258 of deflate, 264 of LZF.
pub(in crate::filters) const LONGEST: usize = 264;

/// Bytes behind the longest match that a copy may touch.
pub(in crate::filters) const OVERSHOOT: usize = 24;

/// Copies `length` bytes, at most [`LONGEST`], from `distance` back to `at`; up to [`OVERSHOOT`]
/// more may be written. `out` must reach [`LONGEST`] and that beyond `at`.
///
/// In words of eight: a larger one would often span several words that were just written, for which the processor waits.
#[inline(always)]
pub(in crate::filters) fn copy(out: &mut [u8], at: usize, distance: usize, length: usize) {
    let from = at - distance;
    if distance < 8 {
        return copy_near(&mut out[from..at + LONGEST + OVERSHOOT], distance, length);
    }
    let word: [u8; 8] = out[from..].first_chunk().copied().unwrap_or_default();
    if let Some(place) = out[at..].first_chunk_mut() {
        *place = word;
    }
    if length > 8 {
        let window = &mut out[from + 8..at + LONGEST + OVERSHOOT];
        window.copy_within(..8, distance);
        let mut done = 8;
        while done + 8 < length {
            window.copy_within(done..done + 8, distance + done);
            window.copy_within(done + 8..done + 16, distance + done + 8);
            done += 16;
        }
    }
}

/// What repeats within a word: `window` begins with it.
#[inline(always)]
fn copy_near(window: &mut [u8], distance: usize, length: usize) {
    /// The most whole distances in eight bytes.
    const STRIDES: [usize; 8] = [8, 8, 8, 6, 8, 5, 6, 7];
    if distance == 1 && length > 32 {
        let byte = window[0];
        window[1..1 + length].fill(byte);
        return;
    }
    let bits = 8 * distance as u32;
    let mut word = u64::from_le_bytes(window.first_chunk().copied().unwrap_or_default()) & ((1 << bits) - 1);
    word |= word << bits;
    if bits < 32 {
        word |= word << (2 * bits);
        if bits < 16 {
            word |= word << (4 * bits);
        }
    }
    let (word, stride) = (word.to_le_bytes(), STRIDES[distance & 7]);
    let mut done = 0;
    while done < length {
        window[distance + done..distance + done + 8].copy_from_slice(&word);
        done += stride;
    }
}
