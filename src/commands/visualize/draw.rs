//! A screen of the view: title, tree, grid or one picture, last line. What lies over them is drawn in [`super::overlay`].

use super::cells::{Area, Canvas, Style};
use super::grid::{Grid, Wish};
use super::image_set::Caption;
use super::object_view::View;
use super::overlay::draw_help;
use super::palette::colour_of;
use super::picture::{Picture, fitted};
use super::text::{columns, grouped, printable, shortened};
use super::viewer::{Focus, Look, Overlay, Question, Viewer};

/// Beside a narrower one the tree is not shown.
const NARROWEST_GRID: u16 = 40;
/// Pictures that were read for the screen, so that moving the selection reads nothing.
#[derive(Default)]
pub(super) struct Page {
    key: Option<Key>,
    captions: Vec<Caption>,
    pictures: Vec<Result<Picture, String>>,
}

/// What the pictures of a page depend on.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    path: String,
    rows: Vec<u64>,
    width: u16,
    height: u16,
    full: bool,
    look: Look,
}

impl Viewer<'_> {
    /// The screen as it should be now, `width` × `height` cells.
    pub(super) fn draw(&mut self, width: u16, height: u16) -> Canvas {
        let mut canvas = Canvas::new(width, height);
        let body = match height {
            0..=2 => Area { x: 0, y: 0, width, height: height.saturating_sub(1) },
            _ => Area { x: 1, y: 2, width: width.saturating_sub(2), height: height - 3 },
        };
        self.height = body.height;
        let area = self.beside_tree(&mut canvas, body);
        match area {
            Some(area) if self.set().is_some() => self.draw_pictures(&mut canvas, area),
            Some(area) => self.draw_object(&mut canvas, area),
            None => {}
        }
        if height > 2 {
            self.draw_title(&mut canvas);
        }
        self.draw_last_line(&mut canvas);
        match &self.overlay {
            Overlay::Help => draw_help(&mut canvas),
            Overlay::Classes { chosen } => self.draw_classes(&mut canvas, *chosen),
            Overlay::None | Overlay::Prompt(..) => {}
        }
        canvas
    }

    fn draw_title(&self, canvas: &mut Canvas) {
        let width = canvas.width().saturating_sub(1);
        let position = self.position();
        let right = width.saturating_sub(columns(&position) as u16);
        let room = usize::from(right.saturating_sub(3));
        let title = shortened(&self.title, room);
        let x = canvas.write(1, 0, width, &title, Style::BOLD);
        let what = match self.set() {
            None => self.object.as_ref().map(|o| o.description()).unwrap_or_default(),
            Some(set) => match set.named_classes() {
                0 => set.description(),
                classes => format!("{} · {} classes", set.description(), grouped(classes as u64)),
            },
        };
        let room = right.saturating_sub(x + 3);
        if room > 8 {
            canvas.write(x + 2, 0, room, &shortened(&what, usize::from(room)), Style::PLAIN);
        }
        if right > x {
            canvas.write(right, 0, width, &position, Style::PLAIN);
        }
        let rule = "─".repeat(usize::from(canvas.width()));
        canvas.write(0, 1, canvas.width(), &rule, Style::DIM);
    }

    /// Which pictures are on the screen: `13–24 of 998`.
    fn position(&self) -> String {
        let total = self.total();
        let Some(set) = self.set().filter(|_| total > 0) else {
            return String::new();
        };
        let shown = self.grid.map_or(1, |g| u64::from(g.len()));
        let (first, last) = match self.full {
            true => (self.selected + 1, self.selected + 1),
            false => (self.first + 1, self.first.saturating_add(shown).min(total)),
        };
        let class = match &self.filter {
            Some(filter) => format!("{} · ", shortened(&set.class_name(&filter.class), 24)),
            None => String::new(),
        };
        match first == last {
            true => format!("{class}{} of {}", grouped(first), grouped(total)),
            false => format!("{class}{}–{} of {}", grouped(first), grouped(last), grouped(total)),
        }
    }

    /// A question, a message, the state of the work, or the keys.
    fn draw_last_line(&self, canvas: &mut Canvas) {
        let (width, Some(y)) = (canvas.width(), canvas.height().checked_sub(1)) else {
            return;
        };
        let room = width.saturating_sub(2);
        if let Overlay::Prompt(question, text) = &self.overlay {
            let label = match question {
                Question::Row => "go to row: ",
                Question::Index => "index: ",
                Question::Name => "search: ",
                Question::Object => "search objects: ",
            };
            let x = canvas.write(1, y, room, label, Style::BOLD);
            let shown = shortened(text, usize::from(room).saturating_sub(label.len() + 1));
            let x = canvas.write(x, y, width.saturating_sub(x), &shown, Style::PLAIN);
            canvas.write(x, y, 1, " ", Style::REVERSE);
        } else if let Some(work) = self.work_text() {
            canvas.write(1, y, room, &format!("{work}  (Esc stops)"), Style::PLAIN);
        } else if !self.message.is_empty() {
            let message = printable(&self.message);
            canvas.write(1, y, room, &shortened(&message, usize::from(room)), Style::BOLD);
        } else {
            self.draw_keys(canvas, y);
        }
    }

    /// The keys that do something here, as many as fit, the most important first.
    fn draw_keys(&self, canvas: &mut Canvas, y: u16) {
        let mut x = 1;
        for (key, meaning) in self.keys() {
            let needed = columns(key) + 1 + columns(meaning);
            if usize::from(x) + needed >= usize::from(canvas.width()) {
                return;
            }
            x = canvas.write(x, y, canvas.width(), key, Style::BOLD);
            x = canvas.write(x + 1, y, canvas.width(), meaning, Style::DIM) + 3;
        }
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        let mut keys = vec![("q", "quit"), ("?", "help")];
        match (self.focus, &self.object, self.set()) {
            (Focus::Tree, ..) => {
                keys.extend([("↓↑", "choose"), ("Enter", "into it"), ("/", "search"), ("v", "next view")]);
            }
            (Focus::Content, Some(object), _) => {
                keys.extend([("Esc", "tree"), ("v", "next view")]);
                if object.moving.is_some() && !object.axes.is_empty() {
                    keys.extend([("[ ]", "slice"), ("0–9", "index"), ("d", "dimension")]);
                }
                match object.view {
                    View::Heat => keys.extend([("+ −", "zoom"), ("←↓↑→", "move"), ("l", "log"), ("m", "colours")]),
                    View::Line => keys.extend([("+ −", "zoom"), ("← →", "move"), ("l", "log")]),
                    View::Table => keys.extend([("←↓↑→", "scroll"), ("g", "go to row")]),
                    View::Facts => keys.push(("↓↑", "scroll")),
                }
                let can_turn = object.index.len() > 1 && object.view != View::Facts;
                if can_turn {
                    keys.push(("x", "axes"));
                }
                keys.push(("J K", "next object"));
            }
            (Focus::Content, None, Some(set)) => {
                keys.extend([("n", "next"), ("p", "previous"), ("g", "go to")]);
                let enter = if self.full { "back" } else { "full size" };
                let more = [
                    ("/", "search", set.has_names()),
                    ("Enter", enter, true),
                    ("c", "class", !self.full && set.has_classes()),
                    ("s", "next set", !self.full && self.sets.len() > 1),
                    ("o", "tree", !self.full),
                ];
                keys.extend(more.iter().filter(|k| k.2).map(|k| (k.0, k.1)));
            }
            (Focus::Content, None, None) => {}
        }
        keys
    }

    fn draw_object(&mut self, canvas: &mut Canvas, area: Area) {
        let (look, has_focus) = (self.look_now(), self.focus == Focus::Content);
        if let Some(object) = &mut self.object {
            object.draw(canvas, area, &look, has_focus);
        }
    }

    /// Real pixels would lie over what lies over the screen.
    fn look_now(&self) -> Look {
        match self.overlay {
            Overlay::Help | Overlay::Classes { .. } => self.look.in_blocks(),
            Overlay::None | Overlay::Prompt(..) => self.look,
        }
    }

    fn draw_pictures(&mut self, canvas: &mut Canvas, area: Area) {
        let Some(set) = self.set() else { return };
        let count = u16::try_from(self.total().max(1)).unwrap_or(u16::MAX).min(self.look.count);
        let (aspect, cell_aspect) = (set.aspect(), self.look.cell_aspect);
        let (alike, named) = (set.size().is_some(), set.has_names());
        let grid = Grid::of(area, Wish { count, aspect, alike, named, cell_aspect });
        self.lay_out(grid);
        if self.full {
            self.draw_full(canvas, area);
        } else if let Some(grid) = self.grid {
            self.draw_grid(canvas, grid);
        } else if area.height > 0 {
            canvas.write(area.x, area.y, area.width, "too small for pictures", Style::DIM);
        }
    }

    /// Draws the tree if it is wanted and there is room for it, and says where the rest goes. Where there is room for one of
    /// them alone, it is the one that has the keys.
    fn beside_tree(&mut self, canvas: &mut Canvas, body: Area) -> Option<Area> {
        let width = self.tree.width(body.height, body.width);
        let has_focus = self.focus == Focus::Tree;
        let rest = body.width.saturating_sub(width + 3);
        if !self.tree_wanted || self.full || rest < NARROWEST_GRID || width < 6 {
            if has_focus {
                self.tree.draw(canvas, body, true);
                return None;
            }
            return Some(body);
        }
        self.tree.draw(canvas, Area { width, ..body }, has_focus);
        for y in body.y..body.y.saturating_add(body.height) {
            canvas.write(body.x + width + 1, y, 1, "│", Style::DIM);
        }
        Some(Area { x: body.x + width + 3, width: rest, ..body })
    }

    fn draw_grid(&mut self, canvas: &mut Canvas, grid: Grid) {
        let first = grid.place(0);
        self.read_page(self.rows_from(self.first, u64::from(grid.len())), first.width, first.height);
        let chosen = self.selected - self.first;
        for (i, caption) in (0..grid.len()).zip(&self.page.captions) {
            let place = grid.place(i);
            self.draw_picture(canvas, place, usize::from(i), false);
            let y = place.y + place.height;
            let lines = grid.caption_lines();
            draw_caption(canvas, Area { y, height: lines, ..place }, caption, u64::from(i) == chosen);
        }
    }

    fn draw_full(&mut self, canvas: &mut Canvas, area: Area) {
        let Some(height) = area.height.checked_sub(2).filter(|&h| h > 0) else {
            return;
        };
        self.read_page(self.rows_from(self.selected, 1), area.width, height);
        self.draw_picture(canvas, Area { height, ..area }, 0, true);
        if let Some(caption) = self.page.captions.first() {
            let width = caption_width(caption).min(usize::from(area.width)) as u16;
            let x = area.x + (area.width - width) / 2;
            draw_caption(canvas, Area { x, y: area.y + height + 1, width, height: 1 }, caption, false);
        }
    }

    /// Reads the pictures and captions of `rows` for boxes of `width` × `height` cells, unless they are there.
    fn read_page(&mut self, rows: Vec<u64>, width: u16, height: u16) {
        let Some(set) = self.set() else { return };
        let look = self.look_now();
        let key = Key { path: set.path().to_owned(), rows, width, height, full: self.full, look };
        if self.page.key.as_ref() == Some(&key) {
            return;
        }
        let ((across, down), pixel_aspect) = (look.pixels(width, height), look.pixel_aspect());
        let fit = |w: u32, h: u32| {
            let (new_width, new_height) = fitted(w, h, across, down, pixel_aspect);
            match new_width / w.max(1) {
                // Few pixels are better seen as squares of one size.
                factor @ 2.. if self.full && (pixel_aspect - 1.0).abs() < 0.15 => (w * factor, h * factor),
                _ => (new_width, new_height),
            }
        };
        let captions = set.captions(self.source, &key.rows);
        let pictures = set.pictures(self.source, &key.rows, &fit);
        let pictures = pictures.into_iter().map(|p| p.map_err(|e| e.to_string())).collect();
        self.page = Page { key: Some(key), captions, pictures };
    }

    fn draw_picture(&self, canvas: &mut Canvas, place: Area, i: usize, centred: bool) {
        match self.page.pictures.get(i) {
            Some(Ok(picture)) => {
                let look = self.look_now();
                let (cell_width, cell_height) = look.pixels(1, 1);
                let width = (picture.width.div_ceil(cell_width) as u16).min(place.width);
                let height = (picture.height.div_ceil(cell_height) as u16).min(place.height);
                let x = if centred { place.width.saturating_sub(width) / 2 } else { 0 };
                // Captions stand in a line; pictures stand on them.
                let y = place.height.saturating_sub(height) / if centred { 2 } else { 1 };
                canvas.picture(Area { x: place.x + x, y: place.y + y, width, height }, picture, &look);
            }
            Some(Err(error)) => draw_error(canvas, place, error),
            None => {}
        }
    }
}

fn caption_width(caption: &Caption) -> usize {
    let index = caption.index.to_string().len();
    let parts = [&caption.class_name, &caption.name];
    index + parts.iter().filter(|p| !p.is_empty()).map(|p| columns(p) + 3).sum::<usize>()
}

/// `12 · hot_dog · 0001.jpg` in one line, or the name in a second one.
fn draw_caption(canvas: &mut Canvas, area: Area, caption: &Caption, is_selected: bool) {
    // One even bar is easier to find than a colourful one.
    let style = |style: Style| {
        if is_selected { Style { bold: style.bold, ..Style::REVERSE } } else { style }
    };
    let end = area.x.saturating_add(area.width);
    if is_selected {
        canvas.fill(area, Style::REVERSE);
    }
    let two_lines = area.height > 1;
    let mut x = canvas.write(area.x, area.y, area.width, &caption.index.to_string(), style(Style::BOLD));
    let room = |x: u16| usize::from(end.saturating_sub(x));
    if let Some(class) = &caption.class {
        x = canvas.write(x, area.y, end.saturating_sub(x), " · ", style(Style::DIM));
        // In one line the name gets at least half of what is left.
        let limit = if two_lines || caption.name.is_empty() { room(x) } else { room(x) / 2 };
        let name = shortened(&caption.class_name, limit);
        x = canvas.write(x, area.y, end.saturating_sub(x), &name, style(Style::coloured(colour_of(class))));
    }
    if caption.name.is_empty() {
        return;
    }
    let y = if two_lines {
        x = area.x;
        area.y + 1
    } else {
        x = canvas.write(x, area.y, end.saturating_sub(x), " · ", style(Style::DIM));
        area.y
    };
    let name = shortened(&caption.name, room(x));
    canvas.write(x, y, end.saturating_sub(x), &name, style(Style::PLAIN));
}

/// In place of a picture that cannot be read: why.
pub(super) fn draw_error(canvas: &mut Canvas, place: Area, error: &str) {
    let error = printable(error);
    let mut rest = format!("✕ {error}");
    for y in place.y..place.y.saturating_add(place.height) {
        if rest.is_empty() {
            return;
        }
        let fits = rest.chars().take(usize::from(place.width)).collect::<String>();
        canvas.write(place.x, y, place.width, &fits, Style::coloured([214, 88, 88]));
        rest = rest.chars().skip(usize::from(place.width)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::Depth;
    use super::super::graphics::Graphics;
    use super::super::source::memory::{Memory, photos};
    use super::super::viewer::{Look, Reaction};
    use super::*;
    use crate::image_set::find::find;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    const LOOK: Look = Look { count: 12, depth: Depth::True, cell_aspect: 2.0, graphics: Graphics::BLOCKS };

    fn viewer(file: &Memory) -> Viewer<'_> {
        Viewer::new(file, "photos.h5".into(), find(file).unwrap(), LOOK)
    }

    /// The screen after `keys`: characters are keys, `⏎`, `⎋`, `⇥`, arrows stand for theirs.
    fn screen(viewer: &mut Viewer<'_>, keys: &str) -> String {
        sized(viewer, keys, 100, 40)
    }

    fn sized(viewer: &mut Viewer<'_>, keys: &str, width: u16, height: u16) -> String {
        viewer.draw(width, height);
        for key in keys.chars() {
            let code = match key {
                '⏎' => KeyCode::Enter,
                '⎋' => KeyCode::Esc,
                '⇥' => KeyCode::Tab,
                '→' => KeyCode::Right,
                '←' => KeyCode::Left,
                '↓' => KeyCode::Down,
                '↑' => KeyCode::Up,
                c => KeyCode::Char(c),
            };
            assert_eq!(viewer.key(KeyEvent::new(code, KeyModifiers::NONE)), Reaction::Stay);
            while viewer.is_busy() {
                viewer.work();
            }
            viewer.draw(width, height);
        }
        viewer.draw(width, height).to_text()
    }

    fn last_line(screen: &str) -> &str {
        screen.lines().last().unwrap_or_default().trim()
    }

    #[test]
    fn the_tree_is_on_the_left_and_twelve_captioned_pictures_on_the_right() {
        let file = photos(30);
        let shown = screen(&mut viewer(&file), "");
        let title = shown.lines().next().unwrap();
        assert!(title.starts_with(" photos.h5  /images · 30 images · 16×12 RGB · 2 classes"), "{title}");
        assert!(title.ends_with("1–12 of 30"), "{title}");
        assert!(shown.contains(" ├─ images  30×12×16×3 "), "{shown}");
        for i in 0..12 {
            assert!(shown.contains(&format!("{i} · hot_dog")) && shown.contains(&format!("{i:04}.jpg")), "{shown}");
        }
        assert!(!shown.contains("0012.jpg"), "{shown}");
        assert!(shown.contains('▀'));
        assert_eq!(last_line(&shown).split("   ").next(), Some("q quit"));
    }

    #[test]
    fn keys_turn_pages_and_stop_at_both_ends() {
        let file = photos(30);
        let mut v = viewer(&file);
        assert!(screen(&mut v, "n").contains("13–24 of 30"));
        assert!(screen(&mut v, "→→→").contains("25–30 of 30"));
        assert!(screen(&mut v, "p").contains("13–24 of 30"));
        assert!(screen(&mut v, "←←←").contains("1–12 of 30"));
        assert!(screen(&mut v, "G").contains("19–30 of 30"));
    }

    #[test]
    fn g_goes_to_a_row_and_refuses_one_that_is_not_there() {
        let file = photos(30);
        let mut v = viewer(&file);
        assert_eq!(last_line(&screen(&mut v, "g1x7")), "go to row: 17");
        let shown = screen(&mut v, "⏎");
        assert!(shown.contains("18–29 of 30") && shown.contains("17 · not_hot_dog"), "{shown}");
        assert_eq!(last_line(&screen(&mut v, "g99⏎")), "there is no row 99; the last is 29");
        assert!(screen(&mut v, "g5⎋").contains("18–29 of 30"));
        assert!(screen(&mut v, "g29⏎g20⏎").contains("19–30 of 30"));
        assert!(screen(&mut v, "g0⏎").contains("1–12 of 30"));
        assert!(screen(&mut v, "g27⏎").contains("19–30 of 30"));
        assert!(last_line(&screen(&mut v, "g99999999999999999999999999⏎")).starts_with("there is no row"));
    }

    #[test]
    fn a_search_goes_from_match_to_match_and_around() {
        let file = photos(30);
        let mut v = viewer(&file);
        screen(&mut v, "/NOT_HOT⏎");
        assert_eq!(v.selected, 15);
        screen(&mut v, "/⏎");
        assert_eq!(v.selected, 16);
        screen(&mut v, "/0003⏎");
        assert_eq!(v.selected, 3);
        assert_eq!(last_line(&screen(&mut v, "/zebra⏎")), "no name has “zebra” in it");
        assert_eq!(v.selected, 3);
    }

    #[test]
    fn one_class_is_shown_and_all_again() {
        let file = photos(30);
        let mut v = viewer(&file);
        let list = screen(&mut v, "c");
        assert!(list.contains("all classes") && list.contains("● not_hot_dog"), "{list}");
        let shown = screen(&mut v, "↓↓⏎");
        assert!(shown.contains("not_hot_dog · 1–12 of 15"), "{shown}");
        assert!(shown.contains("15 · not_hot_dog") && !shown.contains("14 · hot_dog"), "{shown}");
        assert!(screen(&mut v, "g20⏎").contains("20 · not_hot_dog"));
        assert!(screen(&mut v, "c↑↑↑⏎").contains(" of 30"));
    }

    #[test]
    fn enter_shows_the_selected_picture_and_leafs_by_one() {
        let file = photos(30);
        let mut v = viewer(&file);
        let shown = screen(&mut v, "⇥⇥⏎");
        assert!(shown.contains("3 of 30") && shown.contains("2 · hot_dog · 0002.jpg"), "{shown}");
        assert!(screen(&mut v, "n").contains("4 of 30"));
        assert!(screen(&mut v, "nnnnnnnnnnnn⎋").contains("13–24 of 30"));
        assert_eq!(v.selected, 15);
    }

    #[test]
    fn moving_the_selection_reads_nothing() {
        let file = photos(30);
        let mut v = viewer(&file);
        screen(&mut v, "");
        file.reads.borrow_mut().clear();
        screen(&mut v, "⇥⇥↓↑?q");
        assert_eq!(*file.reads.borrow(), Vec::<String>::new());
    }

    #[test]
    fn a_damaged_picture_says_so_in_its_place() {
        let mut file = photos(12);
        file.damaged = Some(3);
        let shown = screen(&mut viewer(&file), "");
        assert!(shown.contains("✕ checksum is 1"), "{shown}");
    }

    #[test]
    fn a_file_without_pictures_shows_its_tree() {
        let mut file = Memory::default();
        for i in 0..50 {
            file.put_integers(&format!("/table{i}"), vec![1, 2]);
        }
        let mut v = viewer(&file);
        let shown = screen(&mut v, "");
        assert!(shown.contains("├─ table0") && shown.contains("choose"), "{shown}");
        assert!(screen(&mut v, "nn").contains("└─ table49"));
        assert!(screen(&mut v, "/TABLE7⏎").contains("/table7 cannot be shown: "));
        assert!(screen(&mut v, "⏎").contains("Esc tree"));
        assert!(last_line(&screen(&mut v, "⎋/zebra⏎")).starts_with("no path has"));
    }

    #[test]
    fn q_escape_and_control_c_quit() {
        let file = photos(3);
        for (code, modifiers) in [
            (KeyCode::Char('q'), KeyModifiers::NONE),
            (KeyCode::Esc, KeyModifiers::NONE),
            (KeyCode::Char('c'), KeyModifiers::CONTROL),
        ] {
            assert_eq!(viewer(&file).key(KeyEvent::new(code, modifiers)), Reaction::Quit);
        }
    }

    #[test]
    fn every_size_of_terminal_can_be_drawn_in_every_state() {
        let file = photos(30);
        for keys in ["", "?", "c", "g12", "⏎", "t", "/not"] {
            let mut v = viewer(&file);
            for (width, height) in (0..60).step_by(3).flat_map(|w| (0..24).map(move |h| (w, h))) {
                sized(&mut v, "", width, height);
            }
            sized(&mut v, keys, 80, 24);
            for (width, height) in (0..90).step_by(7).flat_map(|w| (0..30).map(move |h| (w, h))) {
                let shown = sized(&mut v, "", width, height);
                assert_eq!(shown.lines().count(), usize::from(height));
            }
        }
    }

    #[test]
    fn hostile_names_stay_text() {
        let mut file = Memory::default();
        file.put_bytes("/images", &[2, 8, 8, 3], vec![0; 384]);
        file.put_texts("/names", vec!["\x1b]0;x\x07".into(), "\u{202e}gpj".into()]);
        let shown = screen(&mut viewer(&file), "");
        assert!(shown.contains("\\u{1b}]0;x\\u{7}") && shown.contains("\\u{202e}gpj"), "{shown}");
        assert!(!shown.contains('\x1b'));
    }
}
