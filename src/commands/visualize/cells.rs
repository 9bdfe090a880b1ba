//! A terminal screen in memory: cells with a character and a style, on which text and pictures are painted.
//!
//! A picture is painted with two pixels to a cell: `▀` in the colour of the upper one on the colour of the
//! lower one. Without colours each cell becomes a character as bright as its pixels.
//!
//! Nothing that is painted can reach the terminal as a command: control characters become `�` here, whatever
//! the caller did before. Painting outside of the screen is cut off.

use super::graphics::{Placed, Protocol};
use super::picture::Picture;
use super::text;
use super::viewer::Look;
use std::sync::Arc;
use unicode_width::UnicodeWidthChar;

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// 24 bits.
    True,
    /// The 256 of xterm.
    Indexed,
    /// None: characters alone.
    Plain,
}

impl Depth {
    /// What the environment says of the terminal.
    pub(super) fn of_environment() -> Depth {
        let variable = |name| std::env::var(name).unwrap_or_default();
        Depth::from_variables(&variable("COLORTERM"), &variable("TERM"), &variable("NO_COLOR"))
    }

    fn from_variables(colorterm: &str, term: &str, no_color: &str) -> Depth {
        const TRUE_COLOUR: [&str; 8] =
            ["-direct", "truecolor", "kitty", "alacritty", "wezterm", "ghostty", "foot", "iterm"];
        if !no_color.is_empty() || term == "dumb" {
            Depth::Plain
        } else if matches!(colorterm, "truecolor" | "24bit") || TRUE_COLOUR.iter().any(|t| term.contains(t)) {
            Depth::True
        } else {
            Depth::Indexed
        }
    }
}

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// How a cell looks; `None` is the terminal's own colour, which suits dark and light ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) text: Option<Colour>,
    pub(super) ground: Option<Colour>,
    pub(super) bold: bool,
    pub(super) dim: bool,
    pub(super) reverse: bool,
    pub(super) underline: bool,
}

impl Style {
    pub(super) const PLAIN: Style =
        Style { text: None, ground: None, bold: false, dim: false, reverse: false, underline: false };
    pub(super) const BOLD: Style = Style { bold: true, ..Style::PLAIN };
    pub(super) const DIM: Style = Style { dim: true, ..Style::PLAIN };
    pub(super) const REVERSE: Style = Style { reverse: true, ..Style::PLAIN };

    pub(super) fn coloured(colour: Colour) -> Style {
        Style { text: Some(colour), ..Style::PLAIN }
    }
}

/// One character cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// `None`: the right half of the wide character before it.
    pub(super) base: Option<char>,
    /// An accent on it.
    pub(super) mark: Option<char>,
    pub(super) style: Style,
}

impl Cell {
    const BLANK: Cell = Cell { base: Some(' '), mark: None, style: Style::PLAIN };
}

/// A rectangle of cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) width: u16,
    pub(super) height: u16,
}

/// A screen in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Canvas {
    width: u16,
    height: u16,
    cells: Vec<Cell>,
    /// Pictures of real pixels, over the cells.
    placed: Vec<Placed>,
}

impl Canvas {
    pub(super) fn new(width: u16, height: u16) -> Canvas {
        let cells = vec![Cell::BLANK; usize::from(width) * usize::from(height)];
        Canvas { width, height, cells, placed: Vec::new() }
    }

    pub(super) fn placed(&self) -> &[Placed] {
        &self.placed
    }

    pub(super) fn width(&self) -> u16 {
        self.width
    }

    pub(super) fn height(&self) -> u16 {
        self.height
    }

    /// The cells of a row; empty outside of the screen.
    pub(super) fn row(&self, y: u16) -> &[Cell] {
        let start = usize::from(y) * usize::from(self.width);
        self.cells.get(start..start + usize::from(self.width)).unwrap_or_default()
    }

    fn cell(&mut self, x: u16, y: u16) -> Option<&mut Cell> {
        if x >= self.width {
            return None;
        }
        self.cells.get_mut(usize::from(y) * usize::from(self.width) + usize::from(x))
    }

    fn put_cell(&mut self, x: u16, y: u16, cell: Cell) {
        if let Some(place) = self.cell(x, y) {
            *place = cell;
        }
    }

    /// Writes `text` from column `x` of row `y`, no more than `limit` columns, and returns the column after it.
    ///
    /// Too long a text ends where it is cut; see [`text::shortened`] for an ellipsis.
    pub(super) fn write(&mut self, x: u16, y: u16, limit: u16, text: &str, style: Style) -> u16 {
        let end = x.saturating_add(limit).min(self.width);
        let mut at = x;
        for c in text.chars() {
            let c = if text::is_unsafe(c) { '\u{fffd}' } else { c };
            match c.width() {
                Some(0) => self.accent(x, at, y, c),
                Some(columns) => {
                    let next = at.saturating_add(columns as u16);
                    if next > end {
                        break;
                    }
                    self.put_cell(at, y, Cell { base: Some(c), mark: None, style });
                    for hidden in at + 1..next {
                        self.put_cell(hidden, y, Cell { base: None, mark: None, style });
                    }
                    at = next;
                }
                None => {}
            }
        }
        at
    }

    /// Puts a combining mark on the character before column `at`. Joiners and selectors are left out:
    /// terminals disagree about their width.
    fn accent(&mut self, from: u16, at: u16, y: u16, mark: char) {
        let is_joiner = matches!(mark, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        let is_selector = matches!(mark, '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..);
        let is_mark = !is_joiner && !is_selector;
        for x in (from..at).rev().filter(|_| is_mark) {
            if let Some(cell) = self.cell(x, y)
                && cell.base.is_some()
            {
                cell.mark.get_or_insert(mark);
                return;
            }
        }
    }

    /// Blank cells in `style`.
    pub(super) fn fill(&mut self, area: Area, style: Style) {
        for y in area.y..area.y.saturating_add(area.height).min(self.height) {
            for x in area.x..area.x.saturating_add(area.width).min(self.width) {
                self.put_cell(x, y, Cell { style, ..Cell::BLANK });
            }
        }
    }

    /// Paints a picture whose pixels are half cells, its upper left corner in column `x` of row `y`.
    pub(super) fn paint(&mut self, x: u16, y: u16, picture: &Picture, depth: Depth) {
        for down in 0..picture.height.div_ceil(2) {
            for right in 0..picture.width {
                let (Ok(dx), Ok(dy)) = (u16::try_from(right), u16::try_from(down)) else {
                    return;
                };
                let upper = picture.pixel(right, down * 2).unwrap_or_default();
                let lower = picture.pixel(right, down * 2 + 1);
                let cell = match depth {
                    Depth::True => half_block(upper, lower),
                    Depth::Indexed => {
                        half_block(dithered(upper, right, down * 2), lower.map(|c| dithered(c, right, down * 2 + 1)))
                    }
                    Depth::Plain => character(upper, lower),
                };
                self.put_cell(x.saturating_add(dx), y.saturating_add(dy), cell);
            }
        }
    }

    /// Shows a picture whose pixels are those of `look` in the upper left of `area`: as real ones, or as half cells.
    pub(super) fn picture(&mut self, area: Area, picture: &Picture, look: &Look) {
        if look.graphics.protocol == Protocol::Blocks {
            return self.paint(area.x, area.y, picture, look.depth);
        }
        let fits = area.x < self.width && area.y < self.height && picture.width > 0 && picture.height > 0;
        if fits {
            let area = Area {
                width: area.width.min(self.width - area.x),
                height: area.height.min(self.height - area.y),
                ..area
            };
            self.fill(area, Style::PLAIN);
            self.placed.push(Placed { area, picture: Arc::new(picture.clone()) });
        }
    }

    /// The characters of the screen, as a person reads them; for tests.
    #[cfg(test)]
    pub(super) fn to_text(&self) -> String {
        let line = |y| {
            let cells = self.row(y).iter();
            let line: String = cells.flat_map(|c| [c.base, c.mark]).flatten().collect();
            format!("{}\n", line.trim_end())
        };
        (0..self.height).map(line).collect()
    }
}

fn half_block(upper: Colour, lower: Option<Colour>) -> Cell {
    Cell { base: Some('▀'), mark: None, style: Style { text: Some(upper), ground: lower, ..Style::PLAIN } }
}

/// A character that covers as much of its cell as the pixels are bright.
fn character(upper: Colour, lower: Option<Colour>) -> Cell {
    const RAMP: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];
    let brightness = (luma(upper) + luma(lower.unwrap_or(upper))) / 2;
    let step = brightness as usize * RAMP.len() / 256;
    Cell { base: RAMP.get(step).copied(), ..Cell::BLANK }
}

/// Brightness, 0 to 255, by ITU-R BT.601.
fn luma([r, g, b]: Colour) -> u32 {
    (u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114) / 1000
}

/// The colour moved a little, differently for neighbours, so that 256 colours look like more.
fn dithered(colour: Colour, x: u32, y: u32) -> Colour {
    const BAYER: [[i16; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];
    // The steps of the 256 colours are about 40 apart; half of that keeps few pixels recognisable.
    let shift = (BAYER[(y % 4) as usize][(x % 4) as usize] * 2 - 15) * 20 / 32;
    colour.map(|v| (i16::from(v) + shift).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_how_many_colours_there_are() {
        let of = Depth::from_variables;
        assert_eq!(of("truecolor", "xterm-256color", ""), Depth::True);
        assert_eq!(of("", "xterm-kitty", ""), Depth::True);
        assert_eq!(of("", "xterm-256color", ""), Depth::Indexed);
        assert_eq!(of("", "screen", ""), Depth::Indexed);
        assert_eq!(of("truecolor", "xterm", "1"), Depth::Plain);
        assert_eq!(of("", "dumb", ""), Depth::Plain);
    }

    #[test]
    fn text_is_cut_at_its_limit_and_at_the_edge() {
        let mut canvas = Canvas::new(6, 2);
        assert_eq!(canvas.write(1, 0, 3, "abcdef", Style::PLAIN), 4);
        assert_eq!(canvas.write(3, 1, 99, "abcdef", Style::PLAIN), 6);
        canvas.write(9, 9, 9, "nowhere", Style::PLAIN);
        assert_eq!(canvas.to_text(), " abc\n   abc\n");
    }

    #[test]
    fn wide_characters_take_two_cells_and_never_half_of_the_last() {
        let mut canvas = Canvas::new(5, 1);
        assert_eq!(canvas.write(0, 0, 5, "寿司寿", Style::PLAIN), 4);
        assert_eq!(canvas.row(0)[1].base, None);
        assert_eq!(canvas.to_text(), "寿司\n");
    }

    #[test]
    fn accents_stay_on_their_letters_and_joiners_are_left_out() {
        let mut canvas = Canvas::new(4, 1);
        canvas.write(0, 0, 4, "e\u{301}a\u{200d}b", Style::PLAIN);
        assert_eq!(canvas.to_text(), "e\u{301}ab\n");
        canvas.write(0, 0, 4, "\u{301}", Style::PLAIN);
    }

    #[test]
    fn control_characters_do_not_get_onto_the_screen() {
        let mut canvas = Canvas::new(8, 1);
        canvas.write(0, 0, 8, "a\x1b[2J\u{202e}", Style::PLAIN);
        assert_eq!(canvas.to_text(), "a\u{fffd}[2J\u{fffd}\n");
    }

    #[test]
    fn a_cell_shows_two_pixels_and_an_odd_last_row_half_a_cell() {
        let mut picture = Picture::plain(1, 3, [1, 2, 3]);
        picture.set(0, 1, [4, 5, 6]);
        let mut canvas = Canvas::new(1, 2);
        canvas.paint(0, 0, &picture, Depth::True);
        let of = |y| canvas.row(y)[0];
        assert_eq!((of(0).style.text, of(0).style.ground), (Some([1, 2, 3]), Some([4, 5, 6])));
        assert_eq!((of(1).style.text, of(1).style.ground), (Some([1, 2, 3]), None));
    }

    #[test]
    fn without_colours_brightness_becomes_characters() {
        let mut canvas = Canvas::new(3, 1);
        for (x, level) in [0, 128, 255].into_iter().enumerate() {
            canvas.paint(x as u16, 0, &Picture::plain(1, 2, [level; 3]), Depth::Plain);
        }
        assert_eq!(canvas.to_text(), " +@\n");
    }

    #[test]
    fn painting_over_the_edge_is_cut_off() {
        let mut canvas = Canvas::new(3, 2);
        canvas.paint(2, 1, &Picture::plain(50, 50, [9; 3]), Depth::True);
        canvas.paint(u16::MAX, u16::MAX, &Picture::plain(5, 5, [9; 3]), Depth::Indexed);
        canvas.fill(Area { x: 1, y: 1, width: u16::MAX, height: u16::MAX }, Style::REVERSE);
        Canvas::new(0, 0).paint(0, 0, &Picture::plain(5, 5, [9; 3]), Depth::Plain);
    }
}
