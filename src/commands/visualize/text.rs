//! Names and captions as text for a screen: made harmless, and shortened in the middle to what fits.
//!
//! Every name in a file may have been chosen by an attacker. Printed as it is, `\x1b]0;…` renames the
//! window, and a right-to-left override makes `gpj.exe` read as `exe.jpg`. So whatever comes from a file
//! goes through [`printable`] before it meets a terminal or a picture.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longer texts are cut before they are measured; no screen is wider.
const LONGEST: usize = 4096;

/// Whether a terminal might obey the character instead of showing it.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` with control characters (C0, C1) and bidirectional controls as visible escapes, as `ls` shows them: `\u{1b}`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// The columns that `text` takes on a terminal.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// `text` in at most `limit` terminal columns, an ellipsis in its middle where something was left out.
pub(super) fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    shortened_by(text, limit as f32, |part| columns(part) as f32)
}

/// `text` in at most `limit` of whatever `measure` counts, an ellipsis in its middle where something was left out.
///
/// Empty when not even the ellipsis fits.
pub(super) fn shortened_by(text: &str, limit: f32, measure: impl Fn(&str) -> f32) -> Cow<'_, str> {
    let is_cut = text.len() > LONGEST;
    if !is_cut && measure(text) <= limit {
        return Cow::Borrowed(text);
    }
    let mut chars: Vec<char> = text.chars().take(LONGEST).collect();
    if is_cut {
        // The end is often the telling part: a number and a suffix.
        let tail: Vec<char> = text.chars().rev().take(LONGEST).collect();
        chars.extend(tail.into_iter().rev());
    }
    let (mut fits, mut too_many) = (0, chars.len());
    while fits + 1 < too_many {
        let kept = fits.midpoint(too_many);
        if measure(&with_gap(&chars, kept)) <= limit {
            fits = kept;
        } else {
            too_many = kept;
        }
    }
    let shown = with_gap(&chars, fits);
    Cow::Owned(if measure(&shown) <= limit { shown } else { String::new() })
}

/// The first and the last of `kept` characters of `chars`, an ellipsis between them.
fn with_gap(chars: &[char], kept: usize) -> String {
    let front = kept.div_ceil(2);
    let back = kept - front;
    let head = chars.iter().take(front);
    // A combining mark that lost its letter would land on the ellipsis.
    let tail = chars.iter().skip(chars.len().saturating_sub(back)).skip_while(|c| c.width() == Some(0));
    head.chain(['…'].iter()).chain(tail).collect()
}

/// A count as people write it: `12,345`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A shape as people write it: `998×64×64×3`; a scalar has none.
pub(super) fn shape(extents: &[u64]) -> String {
    extents.iter().map(u64::to_string).collect::<Vec<_>>().join("×")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_bidirectional_characters_are_shown_not_obeyed() {
        assert_eq!(printable("a\x1b]0;pwned\x07b"), "a\\u{1b}]0;pwned\\u{7}b");
        assert_eq!(printable("\u{9b}2J\u{202e}gpj.exe\u{2066}\u{200f}"), "\\u{9b}2J\\u{202e}gpj.exe\\u{2066}\\u{200f}");
        assert_eq!(printable("line\nbreak\ttab\rreturn\0"), "line\\u{a}break\\u{9}tab\\u{d}return\\u{0}");
        assert!(matches!(printable("Straße/寿司.jpg"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_end() {
        assert_eq!(shortened("hot_dog/IMG_20190417_134502.jpg", 16), "hot_dog/…502.jpg");
        assert_eq!(shortened("short.jpg", 16), "short.jpg");
        assert_eq!(shortened("abc", 1), "…");
        assert_eq!(shortened("abc", 0), "");
    }

    #[test]
    fn wide_characters_count_two_columns() {
        assert_eq!(columns("寿司"), 4);
        for limit in 0..20 {
            assert!(columns(&shortened("寿司寿司寿司寿司寿司寿司", limit)) <= limit, "{limit}");
        }
    }

    #[test]
    fn a_huge_name_is_cut_before_it_is_measured() {
        let name = format!("{}.jpg", "x".repeat(60_000));
        assert_eq!(shortened(&name, 11), "xxxxx…x.jpg");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
