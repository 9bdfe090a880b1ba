//! What lies over the pictures: the list of keys, the list of classes.

use super::cells::{Area, Canvas, Style};
use super::palette::colour_of;
use super::text::{columns, grouped, shortened};
use super::viewer::Viewer;

const HELP: [(&str, &str); 28] = [
    ("o", "between the tree and what is right of it"),
    ("↓ ↑  Enter", "in the tree: choose an object, go into it"),
    ("J  K", "next and previous object, from anywhere"),
    ("/", "search: names of pictures, else of objects; Enter: next"),
    ("t", "tree on or off"),
    ("q  Esc", "quit; Esc first goes back to where one was"),
    ("", ""),
    ("n  →  Space", "pictures: next page"),
    ("p  ←", "previous page"),
    ("↓ ↑  Tab", "select a picture"),
    ("Enter", "selected picture in full size, and back"),
    ("g", "go to a row"),
    ("c", "show one class"),
    ("s", "next image set of the file"),
    ("Home  End", "first and last page"),
    ("", ""),
    ("v  V", "objects: next and previous view"),
    ("i", "attributes and storage"),
    ("[  ]", "slice: one back, one further"),
    ("0–9", "slice: type the index"),
    ("d", "slice: the next dimension that is moved in"),
    ("x", "other dimensions on the screen"),
    ("+  -", "plot: closer, and back; Home shows all"),
    ("← ↓ ↑ →", "plot: move; table: scroll"),
    ("<  >", "table: a page of columns"),
    ("l  m", "logarithmic; other colours"),
    ("", ""),
    ("", "Pictures that are no bytes go from darkest to brightest."),
];

impl Viewer<'_> {
    /// The classes with their counts, all of them first; `chosen` stands out.
    pub(super) fn draw_classes(&self, canvas: &mut Canvas, chosen: usize) {
        let (Some(set), Some(census)) = (self.set(), self.census.as_ref()) else {
            return;
        };
        let all = std::iter::once(("all classes".to_owned(), set.rows(), None));
        let each = census.counts.iter().map(|(class, &count)| (set.class_name(class), count, Some(colour_of(class))));
        let entries: Vec<_> = all.chain(each).collect();
        let height = usize::from(canvas.height().saturating_sub(4)).min(entries.len());
        let widest =
            entries.iter().map(|(name, count, _)| columns(name) + grouped(*count).len() + 6).max().unwrap_or(0);
        let Some(inside) = draw_box(canvas, "class", widest.max(20), height) else {
            return;
        };
        let top = (chosen + 1).saturating_sub(usize::from(inside.height));
        let lines = entries.iter().enumerate().skip(top);
        for ((i, (name, count, colour)), y) in lines.zip(inside.y..inside.y + inside.height) {
            let style = if i == chosen { Style::REVERSE } else { Style::PLAIN };
            canvas.fill(Area { y, height: 1, ..inside }, style);
            let dot = Style { text: *colour, ..style };
            let count = grouped(*count);
            let x = canvas.write(inside.x, y, inside.width, if colour.is_some() { " ● " } else { "   " }, dot);
            let room = usize::from(inside.width).saturating_sub(count.len() + 5);
            canvas.write(x, y, inside.width, &shortened(name, room), style);
            let x = (inside.x + inside.width).saturating_sub(count.len() as u16 + 1);
            canvas.write(x, y, inside.width, &count, style);
        }
    }
}

/// The keys and what they do.
pub(super) fn draw_help(canvas: &mut Canvas) {
    let widest = HELP.iter().map(|(_, meaning)| columns(meaning)).max().unwrap_or(0) + 16;
    let Some(inside) = draw_box(canvas, "keys", widest, HELP.len()) else {
        return;
    };
    for ((key, meaning), y) in HELP.iter().zip(inside.y..inside.y + inside.height) {
        canvas.write(inside.x + 1, y, inside.width.saturating_sub(1), key, Style::BOLD);
        canvas.write(inside.x + 15, y, inside.width.saturating_sub(15), meaning, Style::PLAIN);
    }
}

/// A framed blank box in the middle of the screen; its inside, if it has any.
fn draw_box(canvas: &mut Canvas, title: &str, width: usize, height: usize) -> Option<Area> {
    let width = (width.min(usize::from(canvas.width().checked_sub(4)?))) as u16;
    let height = (height.min(usize::from(canvas.height().checked_sub(3)?))) as u16;
    if width < 4 || height == 0 {
        return None;
    }
    let (x, y) = ((canvas.width() - width) / 2, (canvas.height() - height) / 2);
    let line = "─".repeat(usize::from(width));
    canvas.fill(Area { x: x - 1, y: y - 1, width: width + 2, height: height + 2 }, Style::PLAIN);
    for (row, left, right) in [(y - 1, "╭", "╮"), (y + height, "╰", "╯")] {
        canvas.write(x - 1, row, 1, left, Style::DIM);
        canvas.write(x, row, width, &line, Style::DIM);
        canvas.write(x + width, row, 1, right, Style::DIM);
    }
    for row in y..y + height {
        canvas.write(x - 1, row, 1, "│", Style::DIM);
        canvas.write(x + width, row, 1, "│", Style::DIM);
    }
    canvas.write(x + 1, y - 1, width.saturating_sub(2), &format!(" {title} "), Style::BOLD);
    Some(Area { x, y, width, height })
}
