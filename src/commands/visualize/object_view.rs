//! One object of the file as the view shows it: what can be seen of it, which part, and the keys for that. Drawn in
//! [`super::object_draw`].

use super::colour_map::ColourMap;
use super::labels::{Dimension, Label};
use super::numbers::are_numbers;
use super::object_draw::Cache;
use super::table::{Place, column_count};
use super::text::printable;
use crate::commands::ls;
use crate::datatype::Datatype;
use crate::error::Result;
use crate::{Dataset, Object};
use crossterm::event::KeyCode;
use std::ops::Range;

/// What an object can be seen as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Heat,
    Line,
    Table,
    /// Type, storage, attributes; of a scalar the value.
    Facts,
}

impl View {
    pub(super) fn name(self) -> &'static str {
        match self {
            View::Heat => "heat map",
            View::Line => "line",
            View::Table => "table",
            View::Facts => "attributes",
        }
    }
}

/// Members of a group are counted so far.
const MOST_MEMBERS: usize = 10_000;
/// Values of a scalar, or of an attribute, that are shown.
const MOST_VALUES: usize = 64;
/// Text of one value that is shown.
const LONGEST_VALUE: usize = 2_000;

/// An object, and where the user is in it.
pub(super) struct ObjectView {
    pub(super) path: String,
    /// What it is, or why it cannot be opened.
    pub(super) object: Result<Object, String>,
    pub(super) views: Vec<View>,
    pub(super) view: View,
    /// The dimensions that are shown, the one across last.
    pub(super) axes: Vec<usize>,
    /// The index in every dimension; only those count that are not shown.
    pub(super) index: Vec<u64>,
    /// The dimension that `[` and `]` move in, if there is one.
    pub(super) moving: Option<usize>,
    /// Of each dimension the part that is shown as a plot.
    pub(super) windows: Vec<Range<u64>>,
    /// First row and column of the table.
    pub(super) row: u64,
    pub(super) column: u64,
    /// First line of the attributes.
    pub(super) top: usize,
    pub(super) log: bool,
    pub(super) map: ColourMap,
    pub(super) facts: Vec<(String, String)>,
    pub(super) label: Label,
    /// Of the dataset's dimensions.
    pub(super) dimensions: Vec<Dimension>,
    /// Rows that the screen has for a table, and columns that fit it.
    pub(super) page: (u64, u64),
    pub(super) cache: Cache,
}

impl ObjectView {
    pub(super) fn new(path: &str, object: Result<Object>) -> ObjectView {
        let object = object.map_err(|e| e.to_string());
        let mut view = ObjectView {
            path: path.to_owned(),
            object,
            views: vec![View::Facts],
            view: View::Facts,
            axes: Vec::new(),
            index: Vec::new(),
            moving: None,
            windows: Vec::new(),
            row: 0,
            column: 0,
            top: 0,
            log: false,
            map: ColourMap::default(),
            facts: Vec::new(),
            label: Label::default(),
            dimensions: Vec::new(),
            page: (1, 1),
            cache: Cache::default(),
        };
        if let Ok(object) = view.object.clone() {
            view.facts = facts(&object);
            if let Object::Dataset(dataset) = &object {
                view.open(&object, dataset);
            }
        }
        view
    }

    fn open(&mut self, object: &Object, dataset: &Dataset) {
        let shape = dataset.shape();
        self.label = Label::of(dataset);
        self.views = views(dataset);
        self.view = self.views.first().copied().unwrap_or(View::Facts);
        self.index = vec![0; shape.len()];
        self.windows = shape.iter().map(|&n| 0..n).collect();
        self.dimensions = (0..shape.len()).map(|axis| Dimension::of(object.file(), dataset, axis)).collect();
        self.choose_axes();
    }

    pub(super) fn dataset(&self) -> Option<&Dataset> {
        match &self.object {
            Ok(Object::Dataset(dataset)) => Some(dataset),
            _ => None,
        }
    }

    fn shape(&self) -> &[u64] {
        self.dataset().map_or(&[], Dataset::shape)
    }

    fn size(&self, axis: usize) -> u64 {
        self.shape().get(axis).copied().unwrap_or(0)
    }

    /// How many dimensions the view shows.
    fn shown(&self) -> usize {
        let rank = self.shape().len();
        match self.view {
            View::Facts => 0,
            View::Line => rank.min(1),
            View::Heat => rank.min(2),
            // A compound's members are the columns.
            View::Table => {
                let members = self.dataset().is_some_and(|d| matches!(d.datatype(), Datatype::Compound { .. }));
                rank.min(if members { 1 } else { 2 })
            }
        }
    }

    /// The last dimensions that are more than one wide, as many as the view shows.
    fn choose_axes(&mut self) {
        let shown = self.shown();
        let mut axes: Vec<usize> = (0..self.shape().len()).rev().collect();
        axes.sort_by_key(|&axis| self.size(axis) < 2);
        axes.truncate(shown);
        axes.sort_unstable();
        self.axes = axes;
        self.choose_moving();
    }

    fn others(&self) -> Vec<usize> {
        (0..self.shape().len()).filter(|axis| !self.axes.contains(axis)).collect()
    }

    fn choose_moving(&mut self) {
        let others = self.others();
        let is_other = self.moving.is_some_and(|m| others.contains(&m));
        if !is_other || self.moving.is_some_and(|m| self.size(m) < 2) {
            self.moving = others.iter().copied().find(|&axis| self.size(axis) > 1).or(others.first().copied());
        }
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> Place {
        let mut axes = self.axes.iter().copied();
        let (down, across) = (axes.next().unwrap_or(0), axes.next());
        Place { down, across, index: self.index.clone(), row: self.row, column: self.column }
    }

    /// `[3, :, :]`: which part is shown, as numpy writes it.
    pub(super) fn slice_text(&self) -> String {
        let one = |axis: usize| {
            if self.axes.contains(&axis) {
                ":".to_owned()
            } else {
                self.index.get(axis).copied().unwrap_or(0).to_string()
            }
        };
        let parts: Vec<String> = (0..self.shape().len()).map(one).collect();
        if self.view == View::Facts || self.others().is_empty() {
            String::new()
        } else {
            format!("[{}]", parts.join(", "))
        }
    }

    /// Answers a key; whether it means something here. What there is to say goes into `message`.
    pub(super) fn key(&mut self, key: KeyCode, message: &mut String) -> bool {
        match key {
            KeyCode::Char('v') => self.next_view(1),
            KeyCode::Char('V') => self.next_view(self.views.len().saturating_sub(1)),
            KeyCode::Char('i') => self.show(View::Facts),
            KeyCode::Char(']') => self.step(1, message),
            KeyCode::Char('[') => self.step(-1, message),
            KeyCode::Char('d') => self.next_dimension(message),
            KeyCode::Char('x') => self.turn_axes(),
            KeyCode::Char('l') if self.is_plot() => self.log = !self.log,
            KeyCode::Char('m') if self.view == View::Heat => self.map = self.map.next(),
            _ => match self.view {
                View::Facts => return self.scroll_facts(key),
                View::Table => return self.scroll_table(key),
                View::Line | View::Heat => return self.move_window(key),
            },
        }
        true
    }

    pub(super) fn is_plot(&self) -> bool {
        matches!(self.view, View::Line | View::Heat)
    }

    fn next_view(&mut self, by: usize) {
        let at = self.views.iter().position(|&v| v == self.view).unwrap_or(0);
        if let Some(&view) = self.views.get((at + by) % self.views.len().max(1)) {
            self.show(view);
        }
    }

    fn show(&mut self, view: View) {
        self.view = view;
        self.choose_axes();
    }

    fn step(&mut self, by: i64, message: &mut String) {
        let Some(axis) = self.moving else {
            "there is no other dimension to move in".clone_into(message);
            return;
        };
        let last = self.size(axis).saturating_sub(1);
        if let Some(index) = self.index.get_mut(axis) {
            *index = index.saturating_add_signed(by).min(last);
        }
    }

    /// Puts the index of the chosen dimension where the user typed; the row of a table that has no other dimension.
    pub(super) fn go_to(&mut self, number: u64, message: &mut String) {
        let (axis, last) = match self.moving {
            Some(axis) => (Some(axis), self.size(axis).saturating_sub(1)),
            None => (None, self.axes.first().map_or(0, |&a| self.size(a)).saturating_sub(1)),
        };
        if number > last {
            *message = format!("there is no index {number}; the last is {last}");
            return;
        }
        match axis.and_then(|axis| self.index.get_mut(axis)) {
            Some(index) => *index = number,
            None if self.view == View::Table => self.row = number,
            None => self.centre(number),
        }
    }

    /// Turns a table to a row, a plot to an index of its first dimension.
    pub(super) fn go_to_row(&mut self, number: u64, message: &mut String) {
        let last = self.axes.first().map_or(0, |&a| self.size(a)).saturating_sub(1);
        if number > last {
            *message = format!("there is no row {number}; the last is {last}");
        } else if self.view == View::Table {
            self.row = number;
        } else {
            self.centre(number);
        }
    }

    fn centre(&mut self, number: u64) {
        let Some(&axis) = self.axes.first() else { return };
        let size = self.size(axis);
        if let Some(window) = self.windows.get_mut(axis) {
            let length = window.end - window.start;
            let start = number.saturating_sub(length / 2).min(size.saturating_sub(length));
            *window = start..start + length;
        }
    }

    fn next_dimension(&mut self, message: &mut String) {
        let others = self.others();
        let at = others.iter().position(|&a| Some(a) == self.moving).map_or(0, |i| i + 1);
        match others.get(at).or(others.first()) {
            Some(&axis) => self.moving = Some(axis),
            None => "every dimension is on the screen".clone_into(message),
        }
    }

    /// Other dimensions on the screen: every choice of them, in both orders, one after the other.
    fn turn_axes(&mut self) {
        let rank = self.shape().len();
        let choices: Vec<Vec<usize>> = match self.axes.len() {
            1 => (0..rank).map(|a| vec![a]).collect(),
            2 => (0..rank).flat_map(|a| (0..rank).filter(move |&b| a != b).map(move |b| vec![a, b])).collect(),
            _ => return,
        };
        let at = choices.iter().position(|c| *c == self.axes).unwrap_or(0);
        if let Some(axes) = choices.get((at + 1) % choices.len().max(1)) {
            self.axes.clone_from(axes);
            (self.row, self.column) = (0, 0);
            self.choose_moving();
        }
    }

    fn scroll_facts(&mut self, key: KeyCode) -> bool {
        let page = usize::try_from(self.page.0).unwrap_or(1).max(1);
        self.top = match key {
            KeyCode::Down | KeyCode::Char('j') => self.top.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.top.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ' | 'n') => self.top.saturating_add(page),
            KeyCode::PageUp | KeyCode::Char('p') | KeyCode::Backspace => self.top.saturating_sub(page),
            KeyCode::Home => 0,
            KeyCode::End | KeyCode::Char('G') => usize::MAX / 2,
            _ => return false,
        };
        true
    }

    fn scroll_table(&mut self, key: KeyCode) -> bool {
        let place = self.place();
        let rows = self.size(place.down);
        let columns = self.dataset().map_or(1, |d| column_count(d, place.across));
        let (tall, wide) = (self.page.0.max(1), self.page.1.max(1));
        let (last_row, last_column) = (rows.saturating_sub(tall), columns.saturating_sub(1));
        match key {
            KeyCode::Down | KeyCode::Char('j') => self.row = self.row.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.row = self.row.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ' | 'n') => self.row = self.row.saturating_add(tall),
            KeyCode::PageUp | KeyCode::Char('p') | KeyCode::Backspace => self.row = self.row.saturating_sub(tall),
            KeyCode::Home => (self.row, self.column) = (0, 0),
            KeyCode::End | KeyCode::Char('G') => self.row = last_row,
            KeyCode::Right => self.column = self.column.saturating_add(1),
            KeyCode::Left => self.column = self.column.saturating_sub(1),
            KeyCode::Char('>') => self.column = self.column.saturating_add(wide),
            KeyCode::Char('<') => self.column = self.column.saturating_sub(wide),
            _ => return false,
        }
        self.row = self.row.min(last_row);
        self.column = self.column.min(last_column);
        true
    }

    /// `+` and `-` zoom, arrows move, Home shows all.
    fn move_window(&mut self, key: KeyCode) -> bool {
        let across = self.axes.last().copied();
        let down = if self.view == View::Heat { self.axes.first().copied() } else { None };
        match key {
            KeyCode::Char('+' | '=') => self.axes.clone().into_iter().for_each(|axis| self.zoom(axis, true)),
            KeyCode::Char('-') => self.axes.clone().into_iter().for_each(|axis| self.zoom(axis, false)),
            KeyCode::Right => self.shift(across, true),
            KeyCode::Left => self.shift(across, false),
            KeyCode::Down => self.shift(down, true),
            KeyCode::Up => self.shift(down, false),
            KeyCode::Home => self.windows = self.shape().iter().map(|&n| 0..n).collect(),
            _ => return false,
        }
        true
    }

    fn zoom(&mut self, axis: usize, closer: bool) {
        let size = self.size(axis);
        if let Some(window) = self.windows.get_mut(axis) {
            let length = window.end - window.start;
            let wanted = if closer { (length / 2).max(4.min(size)) } else { length.saturating_mul(2).min(size) };
            let middle = window.start + length / 2;
            let start = middle.saturating_sub(wanted / 2).min(size - wanted);
            *window = start..start + wanted;
        }
    }

    fn shift(&mut self, axis: Option<usize>, forward: bool) {
        let Some(axis) = axis else { return };
        let size = self.size(axis);
        if let Some(window) = self.windows.get_mut(axis) {
            let length = window.end - window.start;
            let step = (length / 4).max(1);
            let start = if forward { window.start.saturating_add(step) } else { window.start.saturating_sub(step) };
            let start = start.min(size.saturating_sub(length));
            *window = start..start + length;
        }
    }
}

/// What a dataset can be seen as, the best first.
pub(super) fn views(dataset: &Dataset) -> Vec<View> {
    let shape = dataset.shape();
    if dataset.is_null() || shape.is_empty() || dataset.is_empty() {
        return vec![View::Facts];
    }
    let wide = shape.iter().filter(|&&n| n > 1).count();
    let mut views = Vec::new();
    if are_numbers(dataset.datatype()) {
        match wide {
            0 => {}
            1 => views.push(View::Line),
            _ => views.extend([View::Heat, View::Line]),
        }
    }
    views.extend([View::Table, View::Facts]);
    views
}

/// What is said of an object in pairs of words: its kind, how it is stored, its attributes. Printable.
pub(super) fn facts(object: &Object) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut say = |name: &str, text: String| facts.push((name.to_owned(), printable(&text).into_owned()));
    match object {
        Object::Group(group) => {
            let count = group.links().map(|links| links.take(MOST_MEMBERS + 1).count());
            let text = match count {
                Ok(n) if n > MOST_MEMBERS => format!("group of more than {MOST_MEMBERS} members"),
                Ok(1) => "group of 1 member".to_owned(),
                Ok(n) => format!("group of {n} members"),
                Err(e) => format!("group; {e}"),
            };
            say("kind", text);
        }
        Object::Datatype(named) => say("type", named.datatype().to_string()),
        Object::Dataset(dataset) => {
            say("type", dataset.datatype().to_string());
            let shape = if dataset.is_null() { None } else { Some(dataset.shape()) };
            say("shape", ls::shape_text(shape));
            if dataset.shape().is_empty() && !dataset.is_null() {
                let value = dataset.select(..).and_then(|part| part.values());
                let text = |values: Vec<crate::Value>| {
                    let texts = values.iter().take(MOST_VALUES).map(|v| super::table::text_of(v, dataset.datatype()));
                    texts.collect::<Vec<_>>().join(", ")
                };
                say("value", value.map_or_else(|e| format!("✕ {e}"), |v| cut(&text(v))));
            }
        }
    }
    for line in ls::details(object, None) {
        say("storage", line.unwrap_or_else(|e| format!("✕ {e}")));
    }
    facts.extend(attributes(object));
    facts
}

/// The attributes with their types: `@name (type)` and the values.
pub(super) fn attributes(object: &Object) -> Vec<(String, String)> {
    let attributes = match object.attributes() {
        Ok(attributes) => attributes,
        Err(e) => return vec![("@".to_owned(), printable(&format!("✕ {e}")).into_owned())],
    };
    let one = |attribute: Result<crate::Attribute>| match attribute {
        Ok(a) => (format!("@{}", a.name()), attribute_text(&a, object)),
        Err(e) => ("@".to_owned(), printable(&format!("✕ {e}")).into_owned()),
    };
    attributes.into_iter().map(one).collect()
}

fn attribute_text(attribute: &crate::Attribute, object: &Object) -> String {
    let datatype = attribute.datatype();
    let Some(shape) = attribute.shape() else {
        return printable(&format!("null · {datatype}")).into_owned();
    };
    let values = match attribute.values(MOST_VALUES) {
        Ok(values) => values,
        Err(e) => return printable(&format!("✕ {e}")).into_owned(),
    };
    let total = shape.iter().fold(1u64, |n, &d| n.saturating_mul(d));
    let mut texts: Vec<String> = values.iter().map(|v| value_text(v, datatype, object)).collect();
    if total > texts.len() as u64 {
        texts.push("…".to_owned());
    }
    let text = if shape.is_empty() { texts.concat() } else { format!("[{}]", texts.join(", ")) };
    let kind = match shape {
        [] => printable(&datatype.to_string()).into_owned(),
        shape => printable(&format!("{} {datatype}", ls::shape_text(Some(shape)))).into_owned(),
    };
    format!("{} · {kind}", cut(&text))
}

/// A value; a reference as the path that it leads to.
fn value_text(value: &crate::Value, datatype: &Datatype, object: &Object) -> String {
    let path_of =
        |address| object.file().object_at(address).ok().map(|o| o.path().to_owned()).filter(|p| p.starts_with('/'));
    match value {
        crate::Value::Reference { .. } => printable(&value.with_paths(&path_of).to_string()).into_owned(),
        crate::Value::Sequence(parts) if matches!(parts.first(), Some(crate::Value::Reference { .. })) => {
            printable(&value.with_paths(&path_of).to_string()).into_owned()
        }
        _ => super::table::text_of(value, datatype),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
