//! A plot with title, axes, ticks and labels, for files: what is on it, and where. Drawn by [`super::svg`] and on pictures
//! by [`super::plot_png`] alike.

use super::cells::Colour;
use super::colour_map::ColourMap;
use super::labels::{Dimension, Label};
use super::numbers::{Extent, are_complex, line, plane};
use super::object_draw::edges;
use super::object_view::{View, views};
use super::picture::Picture;
use super::printable;
use super::sheet::{INK, SOFT};
use super::text::shape;
use super::ticks::{Scale, number};
use crate::error::{Error, Result};
use crate::view::overview::Sampled;
use crate::{Dataset, Object};

/// The size of every plot, in units that painters make pixels of.
pub(super) const SIZE: (f32, f32) = (960.0, 600.0);
const LEFT: f32 = 92.0;
const TOP: f32 = 72.0;
const BOTTOM: f32 = 72.0;
const RIGHT: f32 = 30.0;
/// For the bar that says what the colours mean.
const BAR_ROOM: f32 = 104.0;
const BAR_WIDTH: f32 = 18.0;
const BAR_STEPS: u32 = 64;
const CURVE: Colour = [31, 104, 178];
const GRID: Colour = [228, 230, 235];
/// Bins of a line: two for each unit across.
const BINS: u64 = 1600;
/// Samples of a plane.
const SAMPLES: (u64, u64) = (456, 740);

/// How text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// One text: where its base line is, how it stands there, and how large.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lettering {
    pub(super) at: (f32, f32),
    pub(super) anchor: Anchor,
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) colour: Colour,
    /// Read from below to above.
    pub(super) upright: bool,
}

/// A rectangle: left, top, width, height.
pub(super) type Frame = (f32, f32, f32, f32);

/// What a plot is drawn on.
pub(super) trait Painter {
    fn stroke(&mut self, points: &[(f32, f32)], width: f32, colour: Colour);
    fn fill(&mut self, frame: Frame, colour: Colour);
    fn text(&mut self, text: &str, how: Lettering);
    /// Stretched over the frame, its pixels as they are.
    fn picture(&mut self, frame: Frame, picture: &Picture);
}

struct Axis {
    scale: Scale,
    label: String,
}

enum Content {
    /// Places along the axis, and what the values there extend over.
    Line(Vec<(f64, Extent)>),
    Heat {
        picture: Picture,
        scale: Scale,
        label: String,
    },
}

/// A plot of a dataset.
pub(super) struct Plot {
    title: String,
    subtitle: String,
    x: Axis,
    y: Axis,
    content: Content,
}

/// Whether a dataset can be plotted.
pub(super) fn is_plottable(dataset: &Dataset) -> bool {
    matches!(views(dataset).first(), Some(View::Line | View::Heat))
}

impl Plot {
    /// The plot that shows a dataset best: a line, or a heat map of its last two dimensions, at the first index of others.
    ///
    /// # Errors
    /// It has no numbers to plot, or they cannot be read.
    pub(super) fn of(object: &Object, dataset: &Dataset) -> Result<Plot> {
        let dimensions: Vec<usize> = (0..dataset.shape().len()).collect();
        let mut wide: Vec<usize> = dimensions.iter().copied().rev().collect();
        wide.sort_by_key(|&axis| dataset.shape().get(axis).is_none_or(|&n| n < 2));
        match views(dataset).first() {
            Some(View::Line) => Plot::line(object, dataset, wide.first().copied().unwrap_or(0)),
            Some(View::Heat) => {
                wide.truncate(2);
                wide.sort_unstable();
                let (Some(&down), Some(&across)) = (wide.first(), wide.get(1)) else {
                    return Err(Error::mismatch("a heat map has two dimensions").on(dataset.path()));
                };
                Plot::heat(object, dataset, (down, across))
            }
            _ => {
                let extent = match dataset.shape() {
                    _ if dataset.is_null() => "an empty dataset".to_owned(),
                    [] => "a single value".to_owned(),
                    extents => shape(extents),
                };
                let what = format!("{extent} of {} cannot be plotted", dataset.datatype());
                Err(Error::mismatch(what).on(dataset.path()))
            }
        }
    }

    fn line(object: &Object, dataset: &Dataset, axis: usize) -> Result<Plot> {
        let size = dataset.shape().get(axis).copied().unwrap_or(0);
        let line = line(dataset, &[], axis, 0..size, BINS)?;
        let at = Sampled { start: 0, stop: size, step: line.step };
        let dimension = Dimension::of(object.file(), dataset, axis);
        let places = dimension.values(at).ok().filter(|v| v.iter().all(|x| x.is_finite()));
        let (places, label) = match places {
            Some(places) => (places, dimension.label.text()),
            None => dimension.even_values(at),
        };
        let x = Axis { scale: Scale::linear(Extent::of(places.iter().copied())), label };
        let y = Axis { scale: Scale::linear(line.extent()).with_room(), label: value_label(dataset) };
        let mut note = slice_note(dataset, &[axis]);
        if line.is_sampled {
            note.push_str(&format!(" · 1 value in {}", line.step));
        }
        let content = Content::Line(places.into_iter().zip(line.bins).collect());
        Ok(Plot { title: title(dataset), subtitle: subtitle(dataset, &note), x, y, content })
    }

    fn heat(object: &Object, dataset: &Dataset, (down, across): (usize, usize)) -> Result<Plot> {
        let size = |axis: usize| dataset.shape().get(axis).copied().unwrap_or(0);
        let plane = plane(dataset, &[], (down, across), (0..size(down), 0..size(across)), SAMPLES)?;
        let scale = Scale::linear(plane.extent());
        let axis = |axis: usize, at: Sampled| {
            let (values, label) = Dimension::of(object.file(), dataset, axis).even_values(at);
            Axis { scale: edges(&values), label }
        };
        let mut note = slice_note(dataset, &[down, across]);
        if plane.is_sampled() {
            note.push_str(&format!(" · 1 value in {}×{}", plane.down.step, plane.across.step));
        }
        let picture = ColourMap::default().paint(&plane, &scale);
        let content = Content::Heat { picture, scale, label: value_label(dataset) };
        let (x, y) = (axis(across, plane.across), axis(down, plane.down));
        Ok(Plot { title: title(dataset), subtitle: subtitle(dataset, &note), x, y, content })
    }

    /// The whole plot.
    pub(super) fn draw(&self, painter: &mut dyn Painter) {
        painter.fill((0.0, 0.0, SIZE.0, SIZE.1), [255; 3]);
        let right = if matches!(self.content, Content::Heat { .. }) { BAR_ROOM } else { RIGHT };
        let frame = (LEFT, TOP, SIZE.0 - LEFT - right, SIZE.1 - TOP - BOTTOM);
        let text = |at, anchor, size, colour| Lettering { at, anchor, size, bold: false, colour, upright: false };
        painter.text(&self.title, Lettering { bold: true, ..text((LEFT, 32.0), Anchor::Start, 20.0, INK) });
        painter.text(&self.subtitle, text((LEFT, 54.0), Anchor::Start, 13.0, SOFT));
        let downward = matches!(self.content, Content::Heat { .. });
        if let Content::Heat { picture, .. } = &self.content {
            painter.picture(frame, picture);
        }
        self.draw_axes(painter, frame, downward);
        match &self.content {
            Content::Line(bins) => self.draw_line(painter, frame, bins),
            Content::Heat { scale, label, .. } => draw_bar(painter, frame, scale, label),
        }
    }

    fn draw_axes(&self, painter: &mut dyn Painter, (left, top, width, height): Frame, downward: bool) {
        let (bottom, end) = (top + height, left + width);
        let plain = |at, anchor| Lettering { at, anchor, size: 13.0, bold: false, colour: INK, upright: false };
        for (value, text) in self.x.scale.ticks(8) {
            let Some(x) = place(&self.x.scale, value).map(|p| left + p * width) else { continue };
            if !downward {
                painter.stroke(&[(x, top), (x, bottom)], 1.0, GRID);
            }
            painter.stroke(&[(x, bottom), (x, bottom + 5.0)], 1.0, INK);
            painter.text(&text, plain((x, bottom + 21.0), Anchor::Middle));
        }
        for (value, text) in self.y.scale.ticks(6) {
            let Some(p) = place(&self.y.scale, value) else { continue };
            let y = if downward { top + p * height } else { bottom - p * height };
            if !downward {
                painter.stroke(&[(left, y), (end, y)], 1.0, GRID);
            }
            painter.stroke(&[(left - 5.0, y), (left, y)], 1.0, INK);
            painter.text(&text, plain((left - 9.0, y + 4.5), Anchor::End));
        }
        painter.stroke(&[(left, top), (left, bottom), (end, bottom)], 1.2, INK);
        painter.text(
            &self.x.label,
            Lettering { size: 14.0, ..plain((left + width / 2.0, bottom + 48.0), Anchor::Middle) },
        );
        let middle = (24.0, top + height / 2.0);
        painter.text(&self.y.label, Lettering { size: 14.0, upright: true, ..plain(middle, Anchor::Middle) });
    }

    fn draw_line(&self, painter: &mut dyn Painter, (left, top, width, height): Frame, bins: &[(f64, Extent)]) {
        let mut points: Vec<(f32, f32)> = Vec::new();
        let y = |value| place(&self.y.scale, value).map(|p| top + (1.0 - p) * height);
        for (at, bin) in bins {
            let x = place(&self.x.scale, *at).map(|p| left + p * width);
            let (Some(x), Some(low), Some(high)) = (x, y(bin.low), y(bin.high)) else {
                draw_run(painter, &points);
                points.clear();
                continue;
            };
            // The nearer end first, so that a rising line does not turn back.
            let up = points.last().is_none_or(|last| (last.1 - low).abs() <= (last.1 - high).abs());
            let (first, second) = if up { (low, high) } else { (high, low) };
            points.push((x, first));
            if second != first {
                points.push((x, second));
            }
        }
        draw_run(painter, &points);
    }
}

/// A line, or a dot where nothing is beside it.
fn draw_run(painter: &mut dyn Painter, points: &[(f32, f32)]) {
    match points {
        [] => {}
        &[(x, y)] => painter.fill((x - 1.5, y - 1.5, 3.0, 3.0), CURVE),
        points => painter.stroke(points, 1.6, CURVE),
    }
}

/// What the colours mean, at the right of the plot.
fn draw_bar(painter: &mut dyn Painter, (left, top, width, height): Frame, scale: &Scale, label: &str) {
    let mut bar = Picture::plain(1, BAR_STEPS, [0; 3]);
    for y in 0..BAR_STEPS {
        bar.set(0, y, ColourMap::default().colour(1.0 - f64::from(y) / f64::from(BAR_STEPS - 1)));
    }
    let x = left + width + 18.0;
    painter.picture((x, top, BAR_WIDTH, height), &bar);
    let how = Lettering { at: (0.0, 0.0), anchor: Anchor::Start, size: 12.0, bold: false, colour: INK, upright: false };
    for (value, text) in scale.ticks(6) {
        if let Some(p) = place(scale, value) {
            let y = top + (1.0 - p) * height;
            painter.stroke(&[(x + BAR_WIDTH, y), (x + BAR_WIDTH + 4.0, y)], 1.0, INK);
            painter.text(&text, Lettering { at: (x + BAR_WIDTH + 7.0, y + 4.5), ..how });
        }
    }
    let text = format!("{label}: {} to {}", number(scale.low()), number(scale.high()));
    let at = (left + width + BAR_ROOM - 14.0, top - 10.0);
    painter.text(&text, Lettering { at, anchor: Anchor::End, ..how });
}

/// A place inside of the frame, with what rounding does to its ends.
fn place(scale: &Scale, value: f64) -> Option<f32> {
    scale.place(value).filter(|p| (-1e-6..=1.0 + 1e-6).contains(p)).map(|p| p as f32)
}

fn title(dataset: &Dataset) -> String {
    printable(dataset.path()).into_owned()
}

fn subtitle(dataset: &Dataset, note: &str) -> String {
    format!("{} {}{note}", shape(dataset.shape()), printable(&dataset.datatype().to_string()))
}

/// ` · [0, :, :]` where not all dimensions are shown.
fn slice_note(dataset: &Dataset, axes: &[usize]) -> String {
    let rank = dataset.shape().len();
    if rank == axes.len() {
        return String::new();
    }
    let parts: Vec<&str> = (0..rank).map(|axis| if axes.contains(&axis) { ":" } else { "0" }).collect();
    format!(" · [{}]", parts.join(", "))
}

fn value_label(dataset: &Dataset) -> String {
    let text = Label::of(dataset).text();
    if are_complex(dataset.datatype()) { format!("|{text}|") } else { text }
}
