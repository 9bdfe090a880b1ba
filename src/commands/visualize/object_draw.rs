//! An object on the screen: heading, plot, table or facts, and what was left out of them.

use super::cells::{Area, Canvas, Style};
use super::draw::draw_error;
use super::numbers::{Line, Plane, are_complex, line, plane};
use super::object_view::{ObjectView, View};
use super::plot_view::{Axis, draw_axes, draw_line, draw_plane, inside};
use super::table::{Place, Table, read};
use super::text::{columns, shape, shortened};
use super::ticks::Scale;
use super::viewer::Look;
use std::ops::Range;

/// What was read for the screen, so that drawing it again reads nothing.
#[derive(Default)]
pub(super) struct Cache {
    key: Option<Key>,
    shown: Option<Result<Shown, String>>,
}

/// What the shown values depend on.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    view: View,
    place: Place,
    windows: Vec<Range<u64>>,
    size: (u64, u64),
}

enum Shown {
    Line(Line, Scale),
    Plane(Plane),
    Table(Table),
}

impl ObjectView {
    /// Draws the object; `has_focus` is where keys go.
    pub(super) fn draw(&mut self, canvas: &mut Canvas, area: Area, look: &Look, has_focus: bool) {
        if let Err(error) = &self.object {
            let text = format!("{} cannot be shown: {error}", super::printable(&self.path));
            return draw_error(canvas, area, &text);
        }
        if area.height < 3 {
            return;
        }
        self.draw_heading(canvas, area, has_focus);
        let body = Area { y: area.y + 2, height: area.height - 2, ..area };
        self.page.0 = u64::from(body.height.saturating_sub(1)).max(1);
        if self.view == View::Facts {
            return self.draw_facts(canvas, body);
        }
        let size = match self.view {
            View::Table => (u64::from(body.height.saturating_sub(1)), u64::from(body.width / 3).max(1)),
            View::Line => (1, inside(body).map_or(1, |p| u64::from(p.width) * 2)),
            _ => inside(body).map_or((1, 1), |p| {
                let (across, down) = look.pixels(p.width, p.height);
                (u64::from(down), u64::from(across))
            }),
        };
        if self.view != View::Table && inside(body).is_none() {
            canvas.write(body.x, body.y, body.width, "too small for a plot", Style::DIM);
            return;
        }
        self.read(size);
        self.draw_shown(canvas, body, look);
    }

    /// The views that there are, which part is shown, and the shape.
    fn draw_heading(&self, canvas: &mut Canvas, area: Area, has_focus: bool) {
        let end = area.x + area.width;
        let mut x = area.x;
        for &view in &self.views {
            let style = match (view == self.view, has_focus) {
                (true, true) => Style::REVERSE,
                (true, false) => Style::BOLD,
                _ => Style::DIM,
            };
            x = canvas.write(x, area.y, end.saturating_sub(x), &format!(" {} ", view.name()), style) + 1;
        }
        let slice = self.slice_text();
        if slice.is_empty() || x >= end {
            return;
        }
        let x = canvas.write(x + 1, area.y, end.saturating_sub(x + 1), &slice, Style::BOLD);
        if let (Some(axis), Some(dataset)) = (self.moving, self.dataset()) {
            let size = dataset.shape().get(axis).copied().unwrap_or(0);
            let text = format!("[ ] dimension {axis} of {size}");
            let room = usize::from(end.saturating_sub(x + 2));
            canvas.write((x + 2).min(end), area.y, room as u16, &shortened(&text, room), Style::DIM);
        }
    }

    fn read(&mut self, size: (u64, u64)) {
        let mut place = self.place();
        // Where the table begins says nothing about a plot, nor do the indices of dimensions that are shown.
        if self.view != View::Table {
            (place.row, place.column) = (0, 0);
        }
        let key = Key { view: self.view, place, windows: self.windows.clone(), size };
        if self.cache.key.as_ref() == Some(&key) {
            return;
        }
        let shown = self.read_anew(&key).map_err(|e| e.to_string());
        self.cache = Cache { key: Some(key), shown: Some(shown) };
    }

    fn read_anew(&self, key: &Key) -> crate::error::Result<Shown> {
        let Some(dataset) = self.dataset() else {
            return Err(crate::error::Error::mismatch("no dataset"));
        };
        let window = |axis: usize| key.windows.get(axis).cloned().unwrap_or_default();
        match (key.view, self.axes.as_slice()) {
            (View::Line, &[axis]) => {
                let line = line(dataset, &self.index, axis, window(axis), key.size.1)?;
                let at = crate::view::overview::Sampled { start: line.start, stop: window(axis).end, step: line.step };
                let (values, _) = match self.dimensions.get(axis) {
                    Some(dimension) => dimension.even_values(at),
                    None => (Vec::new(), String::new()),
                };
                Ok(Shown::Line(line, ends(&values)))
            }
            (View::Heat, &[down, across]) => {
                Ok(Shown::Plane(plane(dataset, &self.index, (down, across), (window(down), window(across)), key.size)?))
            }
            _ => Ok(Shown::Table(read(dataset, &key.place, key.size)?)),
        }
    }

    fn draw_shown(&mut self, canvas: &mut Canvas, body: Area, look: &Look) {
        let label = self.value_label();
        match &self.cache.shown {
            Some(Err(error)) => draw_error(canvas, body, error),
            Some(Ok(Shown::Table(table))) => self.page.1 = table.draw(canvas, body),
            Some(Ok(Shown::Line(line, x))) => {
                let scale = if self.log { Scale::logarithmic(line.extent()) } else { Scale::linear(line.extent()) };
                let scale = scale.with_room();
                let mut x_label = self.axis_label(self.axes.first(), line.start, line.step, line.bins.len() as u64);
                if line.is_sampled {
                    x_label.push_str(&format!(" · 1 value in {}", line.step));
                }
                draw_axes(canvas, body, &Axis { scale: *x, label: &x_label }, &Axis { scale, label: &label }, false);
                draw_line(canvas, body, line, &scale, look);
            }
            Some(Ok(Shown::Plane(plane))) => {
                let scale = if self.log { Scale::logarithmic(plane.extent()) } else { Scale::linear(plane.extent()) };
                self.draw_heat(canvas, body, look, plane, &scale, &label);
            }
            None => {}
        }
    }

    fn draw_heat(&self, canvas: &mut Canvas, body: Area, look: &Look, plane: &Plane, scale: &Scale, label: &str) {
        let (first, last) = (self.axes.first(), self.axes.last());
        let axis = |axis: Option<&usize>, at: crate::view::overview::Sampled| {
            let values = axis.and_then(|&a| self.dimensions.get(a)).map(|d| d.even_values(at));
            let (values, label) = values.unwrap_or_default();
            (edges(&values), label)
        };
        let (x, mut x_label) = axis(last, plane.across);
        let (y, y_label) = axis(first, plane.down);
        if plane.is_sampled() {
            x_label.push_str(&format!(" · 1 value in {}×{}", plane.down.step, plane.across.step));
        }
        let y_label = format!("{label} · ↓ {y_label}");
        draw_axes(canvas, body, &Axis { scale: x, label: &x_label }, &Axis { scale: y, label: &y_label }, true);
        draw_plane(canvas, body, plane, scale, self.map, look);
    }

    /// What the values are called: `|psi| (V)`, `log counts`.
    pub(super) fn value_label(&self) -> String {
        let text = self.label.text();
        let is_complex = self.dataset().is_some_and(|d| are_complex(d.datatype()));
        let text = if is_complex { format!("|{}|", text) } else { text };
        if self.log { format!("{text} · log") } else { text }
    }

    fn axis_label(&self, axis: Option<&usize>, start: u64, step: u64, count: u64) -> String {
        let at = crate::view::overview::Sampled { start, stop: start + step * count, step };
        axis.and_then(|&a| self.dimensions.get(a)).map(|d| d.even_values(at).1).unwrap_or_default()
    }

    fn draw_facts(&mut self, canvas: &mut Canvas, body: Area) {
        let lead = self.facts.iter().map(|f| columns(&f.0)).max().unwrap_or(0).clamp(4, 24);
        let room = usize::from(body.width).saturating_sub(lead + 2).max(8);
        let mut lines: Vec<(&str, String)> = Vec::new();
        for (name, text) in &self.facts {
            for (i, line) in wrapped(text, room).into_iter().enumerate() {
                lines.push((if i == 0 { name } else { "" }, line));
            }
        }
        self.top = self.top.min(lines.len().saturating_sub(usize::from(body.height)));
        for ((name, text), y) in lines.iter().skip(self.top).zip(body.y..body.y + body.height) {
            canvas.write(body.x, y, lead as u16, &shortened(name, lead), Style::BOLD);
            let style = if text.starts_with('✕') { Style::coloured([214, 88, 88]) } else { Style::PLAIN };
            canvas.write(body.x + lead as u16 + 2, y, body.width.saturating_sub(lead as u16 + 2), text, style);
        }
        if lines.len() > self.top + usize::from(body.height) {
            let line = Area { y: body.y + body.height - 1, height: 1, ..body };
            canvas.fill(line, Style::PLAIN);
            canvas.write(line.x, line.y, line.width, "↓ more", Style::DIM);
        }
    }

    /// `/a/b · 100×20 float64`.
    pub(super) fn description(&self) -> String {
        let path = super::printable(&self.path).into_owned();
        match self.dataset() {
            Some(d) if !d.shape().is_empty() => {
                format!("{path} · {} {}", shape(d.shape()), super::printable(&d.datatype().to_string()))
            }
            _ => path,
        }
    }
}

/// From the first to the last of some values, which may fall.
pub(super) fn ends(values: &[f64]) -> Scale {
    let end = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
    Scale::between(end(values.first()), end(values.last()))
}

/// From the first to the last of some values with half a step around them: each is the middle of what it stands for.
pub(super) fn edges(values: &[f64]) -> Scale {
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return ends(values);
    };
    let half = if values.len() > 1 { (last - first) / (values.len() - 1) as f64 / 2.0 } else { 0.5 };
    Scale::between(first - half, last + half)
}

/// Text in lines of at most `room` columns, broken between words where there are any.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let mut word = word;
        loop {
            let line = lines.last_mut();
            let Some(line) = line else { break };
            if columns(line) + columns(word.trim_end()) <= room {
                line.push_str(word);
                break;
            }
            if !line.is_empty() {
                lines.push(String::new());
                continue;
            }
            // A word that is longer than a line.
            let end = word.char_indices().map(|(i, c)| i + c.len_utf8()).take_while(|&i| columns(&word[..i]) <= room);
            let end = end.last().unwrap_or(word.len());
            line.push_str(&word[..end]);
            word = &word[end..];
            if word.is_empty() {
                break;
            }
            lines.push(String::new());
        }
    }
    lines
}
