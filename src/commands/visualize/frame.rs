//! From one screen to the next in one write: the bytes that turn what the terminal shows into what it should show.
//!
//! Only rows that differ are sent, from their first to their last changed cell, between the marks of a
//! synchronized update (terminals that do not know them ignore them), so that nothing flickers.

use super::cells::{Canvas, Cell, Colour, Depth, Style};
use super::graphics::{self, Protocol};

const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";
const CLEAR: &str = "\x1b[0m\x1b[2J";

/// The bytes that show `next` on a terminal that shows `last` (`None`: anything).
pub(super) fn update(last: Option<&Canvas>, next: &Canvas, depth: Depth, protocol: Protocol) -> String {
    let last = last.filter(|l| (l.width(), l.height()) == (next.width(), next.height()));
    // Other pictures: all of the screen anew, for what lies under a picture is not known any more.
    let new_pictures = last.is_none_or(|l| l.placed() != next.placed());
    let last = last.filter(|l| !new_pictures || l.placed().is_empty());
    let mut bytes = String::from(BEGIN);
    if new_pictures {
        bytes.push_str(graphics::clear(protocol));
    }
    if last.is_none() {
        bytes.push_str(CLEAR);
    }
    for y in 0..next.height() {
        let cells = next.row(y);
        if let Some((from, to)) = changed(last.map(|l| l.row(y)), cells) {
            // Rows and columns count from 1.
            bytes.push_str(&format!("\x1b[{};{}H", y + 1, from + 1));
            push_cells(&mut bytes, cells.get(from..to).unwrap_or_default(), depth);
        }
    }
    bytes.push_str("\x1b[0m");
    if new_pictures {
        bytes.extend(next.placed().iter().map(|placed| graphics::show(placed, protocol)));
    }
    bytes.push_str(END);
    bytes
}

/// The first changed column and the one after the last; a wide character is sent whole.
fn changed(last: Option<&[Cell]>, next: &[Cell]) -> Option<(usize, usize)> {
    let Some(last) = last else {
        return (!next.is_empty()).then_some((0, next.len()));
    };
    let differs = |i: &usize| last.get(*i) != next.get(*i);
    let mut from = (0..next.len()).find(differs)?;
    let to = (0..next.len()).rev().find(differs)? + 1;
    while from > 0 && next.get(from).is_some_and(|c| c.base.is_none()) {
        from -= 1;
    }
    Some((from, to))
}

fn push_cells(bytes: &mut String, cells: &[Cell], depth: Depth) {
    let mut style = None;
    for cell in cells {
        let Some(base) = cell.base else { continue };
        if style != Some(cell.style) {
            push_style(bytes, cell.style, depth);
            style = Some(cell.style);
        }
        bytes.push(base);
        bytes.extend(cell.mark);
    }
}

fn push_style(bytes: &mut String, style: Style, depth: Depth) {
    bytes.push_str("\x1b[0");
    for (is_on, code) in [(style.bold, ";1"), (style.dim, ";2"), (style.underline, ";4"), (style.reverse, ";7")] {
        if is_on {
            bytes.push_str(code);
        }
    }
    for (colour, code) in [(style.text, 38), (style.ground, 48)] {
        let Some([r, g, b]) = colour else { continue };
        match depth {
            Depth::True => bytes.push_str(&format!(";{code};2;{r};{g};{b}")),
            Depth::Indexed => bytes.push_str(&format!(";{code};5;{}", nearest([r, g, b]))),
            Depth::Plain => {}
        }
    }
    bytes.push('m');
}

/// The nearest of xterm's 256 colours: of its cube of 6×6×6, or of its 24 greys.
fn nearest(colour: Colour) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |v: u8| (0..6u8).min_by_key(|&i| LEVELS[usize::from(i)].abs_diff(v)).unwrap_or(0);
    let [r, g, b] = colour.map(step);
    let cube = [r, g, b].map(|i| LEVELS[usize::from(i)]);
    let mean = colour.iter().map(|&v| u16::from(v)).sum::<u16>() / 3;
    let grey_step = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + 10 * grey_step; 3];
    if distance(grey, colour) < distance(cube, colour) { 232 + grey_step } else { 16 + 36 * r + 6 * g + b }
}

fn distance(a: Colour, b: Colour) -> u32 {
    a.iter().zip(b).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_screen_sends_no_cells() {
        let canvas = Canvas::new(20, 5);
        assert_eq!(update(Some(&canvas), &canvas, Depth::True, Protocol::Blocks), "\x1b[?2026h\x1b[0m\x1b[?2026l");
    }

    #[test]
    fn only_what_changed_is_sent() {
        let last = Canvas::new(20, 5);
        let mut next = last.clone();
        next.write(3, 2, 9, "ab", Style::BOLD);
        assert_eq!(
            update(Some(&last), &next, Depth::True, Protocol::Blocks),
            "\x1b[?2026h\x1b[3;4H\x1b[0;1mab\x1b[0m\x1b[?2026l"
        );
    }

    #[test]
    fn another_size_is_painted_anew() {
        let sent = update(Some(&Canvas::new(3, 1)), &Canvas::new(2, 1), Depth::True, Protocol::Blocks);
        assert!(sent.contains(CLEAR) && sent.contains("\x1b[1;1H"), "{sent:?}");
        assert!(!update(None, &Canvas::new(0, 0), Depth::True, Protocol::Blocks).contains('H'));
    }

    #[test]
    fn a_wide_character_is_replaced_whole() {
        let (mut last, mut next) = (Canvas::new(6, 1), Canvas::new(6, 1));
        last.write(0, 0, 6, "寿司", Style::PLAIN);
        next.write(0, 0, 6, "寿x司", Style::PLAIN);
        let sent = update(Some(&last), &next, Depth::True, Protocol::Blocks);
        assert!(sent.contains("\x1b[1;3H\x1b[0mx司"), "{sent:?}");
    }

    #[test]
    fn colours_are_sent_as_deep_as_the_terminal_shows_them() {
        let mut next = Canvas::new(1, 1);
        next.write(0, 0, 1, "x", Style { ground: Some([0, 0, 0]), ..Style::coloured([255, 0, 0]) });
        let sent = |depth| update(None, &next, depth, Protocol::Blocks);
        assert!(sent(Depth::True).contains("38;2;255;0;0;48;2;0;0;0m"));
        assert!(sent(Depth::Indexed).contains("38;5;196;48;5;16m"));
        assert!(sent(Depth::Plain).contains("\x1b[0mx"));
    }

    #[test]
    fn the_nearest_indexed_colour_is_found() {
        assert_eq!([[0, 0, 0], [255, 255, 255], [128, 128, 128], [255, 135, 0]].map(nearest), [16, 231, 244, 208]);
    }
}
