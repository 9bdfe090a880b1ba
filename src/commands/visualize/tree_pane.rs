//! The tree of the file at the left of the screen: names, kinds, shapes and types, scrolled, read as far as it is seen.

use super::cells::{Area, Canvas, Style};
use super::source::{Branch, Browse, Kind};
use super::text::{columns, shortened};

/// Nobody scrolls further, and a hostile file may claim more.
const MOST_LINES: usize = 100_000;
/// An object that was named by its path is looked for among so many lines.
const FOUND_AMONG: usize = 10_000;
/// Deeper branches are drawn as if they were this deep.
const DEEPEST: usize = 32;
/// No pane is wider than this; longer lines are shortened.
const WIDEST: u16 = 44;

/// The lines of the tree that were needed so far, and where the screen is on them.
pub(super) struct TreePane<'a> {
    lines: Vec<Branch>,
    /// Of each line the strokes that lead to it from its parents: `│  ├─ `.
    guides: Vec<String>,
    /// For each depth above the last line that was read: whether that branch goes on below.
    open: Vec<bool>,
    rest: Option<Box<dyn Iterator<Item = Branch> + 'a>>,
    top: usize,
    selected: usize,
}

impl<'a> TreePane<'a> {
    pub(super) fn new(source: &'a dyn Browse) -> TreePane<'a> {
        TreePane {
            lines: Vec::new(),
            guides: Vec::new(),
            open: Vec::new(),
            rest: Some(source.tree()),
            top: 0,
            selected: 0,
        }
    }

    /// Reads on until there are `wanted` lines or no more.
    fn read_to(&mut self, wanted: usize) {
        while self.lines.len() < wanted.min(MOST_LINES) {
            match self.rest.as_mut().and_then(Iterator::next) {
                Some(line) => self.push(line),
                None => {
                    self.rest = None;
                    return;
                }
            }
        }
    }

    fn push(&mut self, line: Branch) {
        let mut guides = String::new();
        if let Some(parents) = line.depth.min(DEEPEST).checked_sub(1) {
            self.open.resize(parents, false);
            guides.extend(self.open.iter().map(|&more| if more { "│  " } else { "   " }));
            guides.push_str(if line.last { "└─ " } else { "├─ " });
            self.open.push(!line.last);
        }
        self.guides.push(guides);
        self.lines.push(line);
    }

    /// Selects the line `by` lines further, down or up, on a screen of `height` lines.
    pub(super) fn move_by(&mut self, by: isize, height: u16) {
        let wanted = self.selected.saturating_add_signed(by);
        self.read_to(wanted.saturating_add(1));
        self.select(wanted.min(self.lines.len().saturating_sub(1)), height);
    }

    fn select(&mut self, line: usize, height: u16) {
        let height = usize::from(height.max(1));
        self.selected = line;
        // The last line may say that there are more.
        let reach = height.saturating_sub(2).max(1);
        self.read_to(line + height + 1);
        self.top = self.top.clamp((line + 1).saturating_sub(reach), line);
        let end = self.lines.len().saturating_sub(height);
        self.top = self.top.min(end);
    }

    /// The line that is selected; none in an empty tree.
    pub(super) fn current(&mut self) -> Option<&Branch> {
        self.read_to(self.selected + 1);
        self.lines.get(self.selected)
    }

    /// Selects the line of an object, if it is among the first lines.
    pub(super) fn select_path(&mut self, path: &str, height: u16) {
        let wanted = path.trim_matches('/');
        let found = self.find(0, FOUND_AMONG, |line| line.path.trim_matches('/') == wanted);
        if let Some(line) = found {
            self.select(line, height);
        }
    }

    /// Selects the next line whose path has `needle` (in lower case) in it, behind the last one from the first on.
    pub(super) fn search(&mut self, needle: &str, height: u16) -> bool {
        let matches = |line: &Branch| line.path.to_lowercase().contains(needle);
        let found =
            self.find(self.selected + 1, MOST_LINES, matches).or_else(|| self.find(0, self.selected + 1, matches));
        if let Some(line) = found {
            self.select(line, height);
        }
        found.is_some()
    }

    fn find(&mut self, from: usize, end: usize, matches: impl Fn(&Branch) -> bool) -> Option<usize> {
        (from..end)
            .map_while(|i| {
                self.read_to(i + 1);
                self.lines.get(i).map(|line| (i, matches(line)))
            })
            .find_map(|(i, is_it)| is_it.then_some(i))
    }

    /// How wide the pane should be to show its first `height` lines, at most a third of `available`.
    pub(super) fn width(&mut self, height: u16, available: u16) -> u16 {
        self.read_to(self.top + usize::from(height));
        let shown = self.lines.iter().zip(&self.guides).skip(self.top).take(usize::from(height));
        let widest =
            shown.map(|(line, guides)| columns(guides) + columns(&line.name) + 2 + columns(&line.detail)).max();
        let widest = u16::try_from(widest.unwrap_or(0)).unwrap_or(u16::MAX);
        widest.saturating_add(1).min(WIDEST).min(available / 3)
    }

    /// Draws the lines; the selected one stands out, more so where keys go to the tree.
    pub(super) fn draw(&mut self, canvas: &mut Canvas, area: Area, has_focus: bool) {
        self.select(self.selected.min(self.lines.len().saturating_sub(1)), area.height);
        self.read_to(self.top + usize::from(area.height) + 1);
        let shown = self.lines.iter().zip(&self.guides).enumerate().skip(self.top);
        for ((i, (line, guides)), y) in shown.zip(area.y..area.y.saturating_add(area.height)) {
            let current = (i == self.selected).then_some(has_focus);
            draw_line(canvas, Area { y, height: 1, ..area }, guides, line, current);
        }
        let below = self.lines.len().saturating_sub(self.top + usize::from(area.height));
        if below > 0 && area.height > 0 {
            let y = area.y + area.height - 1;
            let line = Area { y, height: 1, ..area };
            canvas.fill(line, Style::PLAIN);
            canvas.write(area.x, y, area.width, "↓ more", Style::DIM);
        }
    }
}

fn draw_line(canvas: &mut Canvas, area: Area, guides: &str, line: &Branch, current: Option<bool>) {
    let end = area.x.saturating_add(area.width);
    let x = canvas.write(area.x, area.y, area.width, guides, Style::DIM);
    let room = usize::from(end.saturating_sub(x));
    // The name comes first: what is left over is for the detail.
    let name = shortened(&line.name, room);
    let style = match line.kind {
        Kind::Group => Style::BOLD,
        Kind::Damaged => Style { bold: true, ..Style::coloured([214, 88, 88]) },
        _ => Style::PLAIN,
    };
    let style = match current {
        Some(true) => Style { bold: true, reverse: true, ..style },
        Some(false) => Style { bold: true, underline: true, ..style },
        None => style,
    };
    let x = canvas.write(x, area.y, end.saturating_sub(x), &name, style);
    let room = usize::from(end.saturating_sub(x));
    if room > 4 && !line.detail.is_empty() {
        let detail = shortened(&line.detail, room - 2);
        canvas.write(x + 2, area.y, end.saturating_sub(x + 2), &detail, Style::DIM);
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::memory::{Memory, photos};
    use super::*;

    fn drawn(file: &Memory, width: u16, height: u16, scroll: isize) -> String {
        let mut pane = TreePane::new(file);
        pane.move_by(scroll, height);
        let mut canvas = Canvas::new(width, height);
        pane.draw(&mut canvas, Area { x: 0, y: 0, width, height }, false);
        canvas.to_text()
    }

    #[test]
    fn names_and_shapes_are_shown() {
        let expected = "/\n├─ filenames  30\n├─ images  30×12×16×3\n└─ labels  30\n\n";
        assert_eq!(drawn(&photos(30), 30, 5, 0), expected);
    }

    #[test]
    fn a_narrow_pane_shortens_details_first() {
        assert_eq!(drawn(&photos(30), 14, 3, 0), "/\n├─ filenames\n↓ more\n");
        assert_eq!(drawn(&photos(30), 18, 4, 0), "/\n├─ filenames  30\n├─ images  30×…6×3\n└─ labels  30\n");
    }

    #[test]
    fn scrolling_stops_at_both_ends() {
        assert_eq!(drawn(&photos(30), 30, 2, 99), "├─ images  30×12×16×3\n└─ labels  30\n");
        assert_eq!(drawn(&photos(30), 20, 2, -99), "/\n↓ more\n");
    }

    #[test]
    fn only_the_lines_that_are_seen_are_made() {
        let mut file = Memory::default();
        for i in 0..5_000 {
            file.put_bytes(&format!("/d{i}"), &[1], vec![0]);
        }
        let mut pane = TreePane::new(&file);
        let mut canvas = Canvas::new(20, 10);
        pane.draw(&mut canvas, Area { x: 0, y: 0, width: 20, height: 10 }, false);
        assert!(pane.lines.len() < 20);
    }

    #[test]
    fn branches_end_where_they_end() {
        let mut file = Memory::default();
        for path in ["/a", "/a/b", "/a/b/c", "/a/b/d", "/a/e", "/f", "/f/g"] {
            file.put_bytes(path, &[], vec![]);
        }
        let expected = "/\n├─ a\n│  ├─ b\n│  │  ├─ c\n│  │  └─ d\n│  └─ e\n└─ f\n   └─ g\n";
        assert_eq!(drawn(&file, 20, 8, 0), expected);
    }
}
