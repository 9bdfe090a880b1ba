//! What stands below the pictures of a contact sheet: a bar that shows how the classes are divided, their names
//! and counts, and what part of the set was shown.

use super::cells::Colour;
use super::choice::Choice;
use super::image_set::{Census, ImageSet};
use super::paint::{self, Fonts, Pen, Rect};
use super::palette::colour_of;
use super::picture::Picture;
use super::sheet::{FAINT, INK, SOFT};
use super::text::{grouped, shortened_by};

/// The height of a line of classes.
const LINE: u32 = 30;
/// More classes than this are counted, not listed.
const MOST_LISTED: usize = 24;

/// The legend of a sheet, laid out.
pub(super) struct Legend {
    entries: Vec<Entry>,
    shares: Vec<(f64, Colour)>,
    note: String,
    width: u32,
    height: u32,
}

struct Entry {
    x: f32,
    line: u32,
    colour: Option<Colour>,
    name: String,
    count: String,
}

const NAME_SIZE: f32 = 17.0;

/// The classes one after the other, on as many lines as they need.
fn entries_of(set: &ImageSet, census: &Census, fonts: &Fonts, width: u32) -> Vec<Entry> {
    let name_pen = Pen { font: &fonts.medium, size: NAME_SIZE, colour: INK };
    let count_pen = Pen { font: &fonts.regular, size: NAME_SIZE, colour: SOFT };
    let listed = census.counts.iter().take(MOST_LISTED).map(|(class, &count)| {
        let name = shortened_by(&set.class_name(class), width as f32 / 2.0, |t| name_pen.width(t)).into_owned();
        (Some(colour_of(class)), name, grouped(count))
    });
    let others = census.counts.len().saturating_sub(MOST_LISTED);
    let rest = (others > 0).then(|| (None, format!("and {} more classes", grouped(others as u64)), String::new()));
    let (mut x, mut line) = (0.0, 0);
    let place = |(colour, name, count): (Option<Colour>, String, String)| {
        let needed = 18.0 + name_pen.width(&name) + 8.0 + count_pen.width(&count);
        if x > 0.0 && x + needed > width as f32 {
            (x, line) = (0.0, line + 1);
        }
        let entry = Entry { x, line, colour, name, count };
        x += needed + 28.0;
        entry
    };
    listed.chain(rest).map(place).collect()
}

impl Legend {
    /// The legend of what was chosen, `width` pixels wide.
    pub(super) fn of(set: &ImageSet, choice: &Choice, fonts: &Fonts, width: u32) -> Legend {
        let shown = choice.rows.len() as u64;
        let mut note = match shown == set.rows() {
            true => format!("all {} images", grouped(shown)),
            false => format!("{} of {} images", grouped(shown), grouped(set.rows())),
        };
        if !choice.how.is_empty() {
            note = format!("{note}, {}", choice.how);
        }
        let has_classes = !choice.census.overflowed && !choice.census.counts.is_empty();
        let (mut entries, mut shares, mut lines) = (Vec::new(), Vec::new(), 0);
        if has_classes {
            shares = choice.census.counts.iter().map(|(class, &count)| (count as f64, colour_of(class))).collect();
            entries = entries_of(set, &choice.census, fonts, width);
            lines = entries.last().map_or(0, |e| e.line + 1);
        }
        let height = 24 + if has_classes { 34 + lines * LINE } else { 0 } + 22;
        Legend { entries, shares, note, width, height }
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    pub(super) fn draw(&self, sheet: &mut Picture, fonts: &Fonts, left: u32, top: u32) {
        let mut y = top + 24;
        if !self.shares.is_empty() {
            paint::fill_shares(sheet, Rect { x: left, y, width: self.width, height: 10 }, 5, &self.shares);
            y += 34;
            for entry in &self.entries {
                draw_entry(sheet, fonts, left as f32 + entry.x, y + entry.line * LINE, entry);
            }
            y += self.entries.last().map_or(0, |e| e.line + 1) * LINE;
        }
        let pen = Pen { font: &fonts.regular, size: 15.0, colour: FAINT };
        let base = (y + 16) as f32;
        paint::write(sheet, left as f32, base, &self.note, pen);
        let tool = concat!("h5manager ", env!("CARGO_PKG_VERSION"));
        let x = (left + self.width) as f32 - pen.width(tool);
        if x > left as f32 + pen.width(&self.note) + 20.0 {
            paint::write(sheet, x, base, tool, pen);
        }
    }
}

fn draw_entry(sheet: &mut Picture, fonts: &Fonts, x: f32, y: u32, entry: &Entry) {
    let base = (y + 14) as f32;
    let mut x = x;
    if let Some(colour) = entry.colour {
        paint::fill(sheet, Rect { x: x as u32, y: y + 3, width: 11, height: 11 }, 6, colour);
        x += 18.0;
    }
    x = paint::write(sheet, x, base, &entry.name, Pen { font: &fonts.medium, size: NAME_SIZE, colour: INK });
    paint::write(sheet, x + 8.0, base, &entry.count, Pen { font: &fonts.regular, size: NAME_SIZE, colour: SOFT });
}
