//! The view as a machine: keys and time go in, screens come out (drawn in [`super::draw`]).
//!
//! It knows neither the terminal nor HDF5, so that every key can be tested. Long work ([`super::work`]) is done in
//! steps between keys; any key stops it.

use super::cells::Depth;
use super::draw::Page;
use super::graphics::{Graphics, Protocol};
use super::grid::Grid;
use super::image_set::{Census, Class, ImageSet};
use super::object_view::ObjectView;
use super::source::Browse;
use super::tree_pane::TreePane;
use super::work::Job;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Whether the view goes on after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    Stay,
    Quit,
}

/// What lies over the pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Overlay {
    None,
    Help,
    /// A question in the last line, and what was typed so far.
    Prompt(Question, String),
    /// The list of classes; 0 is all of them.
    Classes {
        chosen: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Row,
    Name,
    /// A part of the path of an object.
    Object,
    /// An index of the dimension that is moved in.
    Index,
}

/// Where keys go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    Tree,
    Content,
}

/// The rows that are shown of a set: all, or those of one class.
pub(super) struct Filter {
    pub(super) class: Class,
    pub(super) rows: Vec<u64>,
}

/// How the pictures are to be shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    /// Pictures on a page.
    pub(super) count: u16,
    pub(super) depth: Depth,
    /// Height over width of a character cell.
    pub(super) cell_aspect: f32,
    pub(super) graphics: Graphics,
}

impl Look {
    /// The pixels that so many columns and rows of cells have.
    pub(super) fn pixels(&self, width: u16, height: u16) -> (u32, u32) {
        let (across, down) = match self.graphics.protocol {
            Protocol::Blocks => (1, 2),
            _ => self.graphics.cell,
        };
        (u32::from(width) * u32::from(across), u32::from(height) * u32::from(down))
    }

    /// Height over width of a pixel.
    pub(super) fn pixel_aspect(&self) -> f32 {
        if self.graphics.protocol == Protocol::Blocks { self.cell_aspect / 2.0 } else { 1.0 }
    }

    /// This look with characters for pictures: under what lies over the screen.
    pub(super) fn in_blocks(self) -> Look {
        Look { graphics: Graphics::BLOCKS, ..self }
    }
}

/// The state of the view.
pub(super) struct Viewer<'a> {
    pub(super) source: &'a dyn Browse,
    pub(super) title: String,
    pub(super) look: Look,
    pub(super) sets: Vec<ImageSet>,
    pub(super) current: usize,
    pub(super) filter: Option<Filter>,
    /// Positions among the rows that are shown: the first on the page, and the selected one.
    pub(super) first: u64,
    pub(super) selected: u64,
    pub(super) full: bool,
    pub(super) overlay: Overlay,
    pub(super) message: String,
    pub(super) job: Option<Job>,
    last_search: String,
    pub(super) census: Option<Census>,
    pub(super) tree: TreePane<'a>,
    pub(super) tree_wanted: bool,
    pub(super) focus: Focus,
    /// The object that is shown in place of pictures.
    pub(super) object: Option<ObjectView>,
    last_object: String,
    /// The last drawn layout; keys move by its rows and pages.
    pub(super) grid: Option<Grid>,
    pub(super) height: u16,
    pub(super) page: Page,
}

impl<'a> Viewer<'a> {
    pub(super) fn new(source: &'a dyn Browse, title: String, sets: Vec<ImageSet>, look: Look) -> Viewer<'a> {
        let has_pictures = !sets.is_empty();
        let mut viewer = Viewer {
            source,
            title,
            look,
            sets,
            current: 0,
            filter: None,
            first: 0,
            selected: 0,
            full: false,
            overlay: Overlay::None,
            message: String::new(),
            job: None,
            last_search: String::new(),
            census: None,
            tree: TreePane::new(source),
            tree_wanted: true,
            focus: if has_pictures { Focus::Content } else { Focus::Tree },
            object: None,
            last_object: String::new(),
            grid: None,
            height: 1,
            page: Page::default(),
        };
        match viewer.sets.first().map(|set| set.path().to_owned()) {
            Some(path) => viewer.tree.select_path(&path, 1),
            None => viewer.open_selected(),
        }
        viewer
    }

    /// The set that is shown; none where something else is.
    pub(super) fn set(&self) -> Option<&ImageSet> {
        if self.object.is_some() { None } else { self.sets.get(self.current) }
    }

    /// Shows the object at `path`; for the command line.
    pub(super) fn show_path(&mut self, path: &str) {
        self.tree.select_path(path, self.height);
        self.open_path(path, None);
        self.focus = Focus::Content;
    }

    /// Shows what is selected in the tree.
    fn open_selected(&mut self) {
        if let Some((path, address)) = self.tree.current().map(|line| (line.path.clone(), line.address)) {
            self.open_path(&path, address);
        }
    }

    fn open_path(&mut self, path: &str, address: Option<u64>) {
        if let Some(i) = self.sets.iter().position(|set| set.path().trim_matches('/') == path.trim_matches('/')) {
            self.object = None;
            if i != self.current {
                self.current = i;
                (self.first, self.selected, self.filter, self.census) = (0, 0, None, None);
            }
            return;
        }
        self.full = false;
        self.object = Some(ObjectView::new(path, self.source.object(path, address)));
    }

    /// How many rows there are to leaf through.
    pub(super) fn total(&self) -> u64 {
        match &self.filter {
            Some(filter) => filter.rows.len() as u64,
            None => self.set().map_or(0, ImageSet::rows),
        }
    }

    /// The row of the set at a position among those shown.
    fn row_at(&self, position: u64) -> Option<u64> {
        match &self.filter {
            Some(filter) => filter.rows.get(usize::try_from(position).ok()?).copied(),
            None => (position < self.total()).then_some(position),
        }
    }

    /// The rows at `count` positions from `position` on, fewer at the end.
    pub(super) fn rows_from(&self, position: u64, count: u64) -> Vec<u64> {
        (position..position.saturating_add(count)).map_while(|p| self.row_at(p)).collect()
    }

    fn page_len(&self) -> u64 {
        self.grid.map_or(1, |g| u64::from(g.len()))
    }

    /// Shows only the pictures of a class; for the command line.
    pub(super) fn show_class(&mut self, class: Class) {
        self.job = Some(Job::Select { class, at: 0, rows: Vec::new() });
        while self.is_busy() {
            self.work();
        }
    }

    /// Selects `row`, and turns to a page that begins with it if it is not in sight.
    pub(super) fn go_to(&mut self, row: u64) {
        let position = match &self.filter {
            Some(filter) => filter.rows.partition_point(|&r| r < row) as u64,
            None => row,
        };
        let total = self.total();
        if position >= total {
            self.message = match self.row_at(total.saturating_sub(1)) {
                Some(last) => format!("there is no row {row}; the last is {last}"),
                None => "there is no picture".to_owned(),
            };
            return;
        }
        self.selected = position;
        if position < self.first || position - self.first >= self.page_len() {
            self.first = position.min(total.saturating_sub(self.page_len()));
        }
    }

    /// Takes a new layout over; the page stays full and the selected picture on it.
    pub(super) fn lay_out(&mut self, grid: Option<Grid>) {
        let before = self.page_len();
        self.grid = grid;
        if self.page_len() != before {
            self.first = self.first.min(self.total().saturating_sub(self.page_len()));
        }
        self.keep_selected_in_sight();
    }

    /// Answers a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Reaction {
        if key.kind == KeyEventKind::Release {
            return Reaction::Stay;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Reaction::Quit;
        }
        self.message.clear();
        if self.job.take().is_some() && key.code == KeyCode::Esc {
            self.message = "stopped".to_owned();
            return Reaction::Stay;
        }
        match std::mem::replace(&mut self.overlay, Overlay::None) {
            Overlay::None => return self.command(key.code),
            // Any key takes it away.
            Overlay::Help => {}
            Overlay::Prompt(question, text) => self.typed(question, text, key.code),
            Overlay::Classes { chosen } => self.chosen(chosen, key.code),
        }
        Reaction::Stay
    }

    fn command(&mut self, key: KeyCode) -> Reaction {
        match key {
            KeyCode::Char('q') => return Reaction::Quit,
            KeyCode::Esc if self.full => self.full = false,
            // From an object back to the tree; from there, and from pictures, out.
            KeyCode::Esc if self.object.is_some() && self.focus == Focus::Content => self.focus = Focus::Tree,
            KeyCode::Esc => return Reaction::Quit,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.overlay = Overlay::Help,
            KeyCode::Char('t') => self.tree_wanted = !self.tree_wanted,
            KeyCode::Char('o') => {
                self.full = false;
                self.tree_wanted = true;
                self.focus = if self.focus == Focus::Tree { Focus::Content } else { Focus::Tree };
            }
            KeyCode::Char('J') => self.move_in_tree(1),
            KeyCode::Char('K') => self.move_in_tree(-1),
            KeyCode::Char('s') => self.next_set(),
            _ if self.focus == Focus::Tree => self.tree_key(key),
            _ if self.object.is_some() => self.object_key(key),
            KeyCode::Enter => self.full = !self.full,
            KeyCode::Char('g') => self.overlay = Overlay::Prompt(Question::Row, String::new()),
            KeyCode::Char('/') => self.ask_for_a_name(),
            KeyCode::Char('c') => self.ask_for_a_class(),
            _ => self.leaf(key),
        }
        Reaction::Stay
    }

    fn move_in_tree(&mut self, lines: isize) {
        self.tree.move_by(lines, self.height);
        self.open_selected();
    }

    /// Keys while the tree has them.
    fn tree_key(&mut self, key: KeyCode) {
        let page = isize::try_from(self.height.saturating_sub(2).max(1)).unwrap_or(1);
        match key {
            KeyCode::Down | KeyCode::Char('j') => self.move_in_tree(1),
            KeyCode::Up | KeyCode::Char('k') => self.move_in_tree(-1),
            KeyCode::PageDown | KeyCode::Char('n' | ' ') => self.move_in_tree(page),
            KeyCode::PageUp | KeyCode::Char('p') | KeyCode::Backspace => self.move_in_tree(-page),
            KeyCode::Home => self.move_in_tree(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.move_in_tree(isize::MAX),
            KeyCode::Enter | KeyCode::Right | KeyCode::Tab => self.focus = Focus::Content,
            KeyCode::Char('/') => self.overlay = Overlay::Prompt(Question::Object, String::new()),
            _ => {
                if let Some(object) = &mut self.object {
                    // Keys that mean the same everywhere: another view, another slice.
                    object.key(key, &mut self.message);
                }
            }
        }
    }

    /// Keys while an object has them.
    fn object_key(&mut self, key: KeyCode) {
        match key {
            KeyCode::Tab | KeyCode::BackTab => self.focus = Focus::Tree,
            KeyCode::Char('/') => self.overlay = Overlay::Prompt(Question::Object, String::new()),
            KeyCode::Char('g') => self.overlay = Overlay::Prompt(Question::Row, String::new()),
            KeyCode::Char(digit) if digit.is_ascii_digit() => {
                self.overlay = Overlay::Prompt(Question::Index, digit.to_string());
            }
            _ => {
                if let Some(object) = &mut self.object {
                    object.key(key, &mut self.message);
                }
            }
        }
    }

    /// Keys that move through the pictures.
    fn leaf(&mut self, key: KeyCode) {
        let last = self.total().saturating_sub(1);
        let columns = if self.full { 1 } else { self.grid.map_or(1, |g| u64::from(g.columns())) };
        match key {
            KeyCode::Char('n' | ' ') | KeyCode::Right | KeyCode::PageDown => self.turn(true),
            KeyCode::Char('p') | KeyCode::Left | KeyCode::PageUp | KeyCode::Backspace => self.turn(false),
            KeyCode::Home => self.turn_to(0),
            KeyCode::End | KeyCode::Char('G') => {
                self.turn_to((last + 1).saturating_sub(self.page_len()));
                self.selected = last;
            }
            KeyCode::Tab | KeyCode::Char('l') => self.select(self.selected.saturating_add(1)),
            KeyCode::BackTab => self.select(self.selected.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.select(self.selected.saturating_add(columns)),
            KeyCode::Up | KeyCode::Char('k') => self.select(self.selected.saturating_sub(columns)),
            _ => {}
        }
    }

    /// To the next page or to the one before; in full size to the next picture or to the one before.
    fn turn(&mut self, forward: bool) {
        match (self.full, forward) {
            (true, true) => self.select(self.selected.saturating_add(1)),
            (true, false) => self.select(self.selected.saturating_sub(1)),
            (false, true) => self.turn_to(self.first.saturating_add(self.page_len())),
            (false, false) => self.turn_to(self.first.saturating_sub(self.page_len())),
        }
    }

    fn turn_to(&mut self, first: u64) {
        if first < self.total() {
            (self.first, self.selected) = (first, first);
        }
    }

    pub(super) fn select(&mut self, position: u64) {
        self.selected = position.min(self.total().saturating_sub(1));
        self.keep_selected_in_sight();
    }

    /// Turns pages until the selected picture is on the one that is shown.
    fn keep_selected_in_sight(&mut self) {
        let page = self.page_len();
        if self.selected < self.first {
            self.first = self.first.saturating_sub((self.first - self.selected).div_ceil(page) * page);
        } else if self.selected - self.first >= page {
            self.first += (self.selected - self.first) / page * page;
        }
    }

    fn next_set(&mut self) {
        let next = if self.object.is_some() { self.current } else { (self.current + 1) % self.sets.len().max(1) };
        let Some(path) = self.sets.get(next).map(|set| set.path().to_owned()) else {
            self.message = "there is no image set in this file".to_owned();
            return;
        };
        if self.object.is_none() && next == self.current {
            self.message = "there is no other image set in this file".to_owned();
            return;
        }
        self.show_path(&path);
    }

    fn ask_for_a_name(&mut self) {
        if self.set().is_some_and(ImageSet::has_names) {
            self.overlay = Overlay::Prompt(Question::Name, String::new());
        } else {
            self.message = "these pictures have no names".to_owned();
        }
    }

    fn ask_for_a_class(&mut self) {
        if !self.set().is_some_and(ImageSet::has_classes) {
            self.message = "these pictures have no classes".to_owned();
        } else if self.set().is_some_and(|s| !s.is_countable()) {
            self.message = "there are too many pictures to sort them by class".to_owned();
        } else if self.census.is_some() {
            self.open_classes();
        } else {
            self.job = Some(Job::Count { at: 0, census: Census::default() });
        }
    }

    pub(super) fn open_classes(&mut self) {
        let Some(census) = self.census.as_ref() else {
            return;
        };
        if census.overflowed {
            self.message = "the labels have too many different values to be classes".to_owned();
            return;
        }
        let class = self.filter.as_ref().map(|f| &f.class);
        let chosen = census.counts.keys().position(|c| Some(c) == class).map_or(0, |i| i + 1);
        self.overlay = Overlay::Classes { chosen };
    }

    /// A key while a question is asked.
    fn typed(&mut self, question: Question, mut text: String, key: KeyCode) {
        match key {
            KeyCode::Esc => return,
            KeyCode::Enter => return self.answer(question, &text),
            KeyCode::Backspace if text.pop().is_none() => return,
            KeyCode::Char(c) if matches!(question, Question::Name | Question::Object) || c.is_ascii_digit() => {
                text.push(c)
            }
            _ => {}
        }
        self.overlay = Overlay::Prompt(question, text);
    }

    fn answer(&mut self, question: Question, text: &str) {
        match question {
            Question::Row | Question::Index if text.is_empty() => {}
            Question::Row | Question::Index => {
                let number = text.parse().unwrap_or(u64::MAX);
                match &mut self.object {
                    None => self.go_to(number),
                    Some(object) if question == Question::Row => object.go_to_row(number, &mut self.message),
                    Some(object) => object.go_to(number, &mut self.message),
                }
            }
            Question::Object => self.search_object(text),
            Question::Name => {
                if !text.is_empty() {
                    self.last_search = text.to_lowercase();
                }
                if !self.last_search.is_empty() {
                    let needle = self.last_search.clone();
                    self.job = Some(Job::Search { needle, at: self.selected + 1, left: self.total() });
                }
            }
        }
    }

    fn search_object(&mut self, text: &str) {
        if !text.is_empty() {
            self.last_object = text.to_lowercase();
        }
        if self.last_object.is_empty() {
            return;
        }
        let needle = self.last_object.clone();
        if self.tree.search(&needle, self.height) {
            self.open_selected();
        } else {
            self.message = format!("no path has “{needle}” in it");
        }
    }

    /// A key while the classes are listed.
    fn chosen(&mut self, chosen: usize, key: KeyCode) {
        let classes = self.census.as_ref().map_or(0, |c| c.counts.len());
        let chosen = match key {
            KeyCode::Esc | KeyCode::Char('q' | 'c') => return,
            KeyCode::Enter => return self.choose(chosen),
            KeyCode::Down | KeyCode::Char('j' | 'n') | KeyCode::Tab => (chosen + 1).min(classes),
            KeyCode::Up | KeyCode::Char('k' | 'p') | KeyCode::BackTab => chosen.saturating_sub(1),
            KeyCode::PageDown => chosen.saturating_add(10).min(classes),
            KeyCode::PageUp => chosen.saturating_sub(10),
            KeyCode::Home => 0,
            KeyCode::End => classes,
            _ => chosen,
        };
        self.overlay = Overlay::Classes { chosen };
    }

    fn choose(&mut self, chosen: usize) {
        let class = chosen.checked_sub(1).and_then(|i| self.census.as_ref()?.counts.keys().nth(i).cloned());
        match class {
            Some(class) => self.job = Some(Job::Select { class, at: 0, rows: Vec::new() }),
            None => {
                let row = self.row_at(self.first).unwrap_or(0);
                self.filter = None;
                (self.first, self.selected) = (row, row);
            }
        }
    }
}
