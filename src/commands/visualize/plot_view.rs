//! Lines and heat maps on a screen of character cells: axes, ticks, and between them braille dots or half blocks.

use super::cells::{Area, Canvas, Style};
use super::colour_map::ColourMap;
use super::numbers::{Line, Plane};
use super::text::{columns, shortened};
use super::ticks::{Scale, number};
use super::viewer::Look;

const CURVE: Style = Style { text: Some([64, 143, 224]), ..Style::PLAIN };
/// Columns for the numbers at the left.
const LEAD: u16 = 10;

/// Bits of a braille cell, by column and row.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Where the plot itself goes, if there is room for one: numbers at the left, below it the axis, its
/// ticks and its name.
pub(super) fn inside(area: Area) -> Option<Area> {
    let width = area.width.checked_sub(LEAD + 1).filter(|&w| w >= 8)?;
    let height = area.height.checked_sub(4).filter(|&h| h >= 2)?;
    Some(Area { x: area.x + LEAD + 1, y: area.y + 1, width, height })
}

/// How an axis is drawn.
pub(super) struct Axis<'a> {
    pub(super) scale: Scale,
    pub(super) label: &'a str,
}

/// Draws the frame of a plot: `y` upward at the left, `x` below; `downward` where rows count from the top.
pub(super) fn draw_axes(canvas: &mut Canvas, area: Area, x: &Axis<'_>, y: &Axis<'_>, downward: bool) {
    let Some(plot) = inside(area) else { return };
    let bottom = plot.y + plot.height;
    for row in plot.y..bottom {
        canvas.write(plot.x - 1, row, 1, "│", Style::DIM);
    }
    canvas.write(plot.x - 1, bottom, 1, "└", Style::DIM);
    canvas.write(plot.x, bottom, plot.width, &"─".repeat(plot.width.into()), Style::DIM);
    for (value, text) in y.scale.ticks(usize::from(plot.height / 4).max(2)) {
        let Some(place) = y.scale.place(value).filter(|p| (0.0..=1.0).contains(p)) else { continue };
        let place = if downward { place } else { 1.0 - place };
        let row = plot.y + ((place * f64::from(plot.height)) as u16).min(plot.height - 1);
        let text = shortened(&text, usize::from(LEAD) - 1);
        canvas.write(plot.x - 2 - columns(&text) as u16, row, LEAD, &text, Style::PLAIN);
        canvas.write(plot.x - 1, row, 1, "┤", Style::DIM);
    }
    let mut free = plot.x.saturating_sub(LEAD);
    for (value, text) in x.scale.ticks(usize::from(plot.width / 14).max(2)) {
        let Some(place) = x.scale.place(value).filter(|p| (0.0..=1.0).contains(p)) else { continue };
        let column = plot.x + ((place * f64::from(plot.width)) as u16).min(plot.width - 1);
        let at = column.saturating_sub(columns(&text) as u16 / 2);
        if at >= free && at + columns(&text) as u16 <= area.x + area.width {
            free = canvas.write(at, bottom + 1, area.width, &text, Style::PLAIN) + 2;
            canvas.write(column, bottom, 1, "┴", Style::DIM);
        }
    }
    canvas.write(area.x, area.y, area.width, &shortened(y.label, area.width.into()), Style::BOLD);
    let label = shortened(x.label, usize::from(plot.width));
    let right = (plot.x + plot.width).saturating_sub(columns(&label) as u16);
    canvas.write(right, bottom + 2, plot.width, &label, Style::BOLD);
}

/// Draws a line: each bin from its smallest to its largest value, joined with the next one.
pub(super) fn draw_line(canvas: &mut Canvas, area: Area, line: &Line, scale: &Scale, look: &Look) {
    let Some(plot) = inside(area) else { return };
    let (wide, high) = (usize::from(plot.width) * 2, usize::from(plot.height) * 4);
    let mut dots = vec![0u32; usize::from(plot.width) * usize::from(plot.height)];
    let mut dot = |x: usize, y: usize| {
        if let Some(cell) = dots.get_mut(y / 4 * usize::from(plot.width) + x / 2) {
            *cell |= DOTS.get(x % 2).and_then(|d| d.get(y % 4)).copied().unwrap_or(0);
        }
    };
    let row = |value: f64| {
        let place = scale.place(value)?;
        Some(((1.0 - place) * (high - 1) as f64).round().clamp(0.0, (high - 1) as f64) as usize)
    };
    let count = line.bins.len();
    let column = |i: usize| if count > 1 { i * (wide - 1) / (count - 1) } else { wide / 2 };
    let mut last: Option<(usize, usize, usize)> = None;
    for (i, bin) in line.bins.iter().enumerate() {
        let (Some(top), Some(bottom)) = (row(bin.high), row(bin.low)) else {
            last = None;
            continue;
        };
        let x = column(i);
        (top..=bottom).for_each(|y| dot(x, y));
        if let Some((from, last_top, last_bottom)) = last {
            join((from, last_top, last_bottom), (x, top, bottom), &mut dot);
        }
        last = Some((x, top, bottom));
    }
    for (i, &bits) in dots.iter().enumerate().filter(|d| *d.1 > 0) {
        let (x, y) = ((i % usize::from(plot.width)) as u16, (i / usize::from(plot.width)) as u16);
        let shown = char::from_u32(0x2800 + bits).unwrap_or(' ').to_string();
        let style = if look.depth == super::cells::Depth::Plain { Style::PLAIN } else { CURVE };
        canvas.write(plot.x + x, plot.y + y, 1, &shown, style);
    }
}

/// Dots from one bin to the next, where they do not overlap anyway.
fn join(from: (usize, usize, usize), to: (usize, usize, usize), dot: &mut impl FnMut(usize, usize)) {
    let (start, end) = match () {
        () if from.1 > to.2 => (from.1, to.2),
        () if to.1 > from.2 => (from.2, to.1),
        () if to.0 > from.0 + 1 => (from.1, to.1),
        () => return,
    };
    let steps = (to.0 - from.0).max(start.abs_diff(end)).max(1);
    for i in 0..=steps {
        let share = i as f64 / steps as f64;
        let mix = |a: usize, b: usize| (a as f64 + (b as f64 - a as f64) * share).round() as usize;
        dot(mix(from.0, to.0), mix(start, end));
    }
}

/// Draws a plane over the inside of the plot, and what its colours mean in the line above it.
pub(super) fn draw_plane(canvas: &mut Canvas, area: Area, plane: &Plane, scale: &Scale, map: ColourMap, look: &Look) {
    let Some(plot) = inside(area) else { return };
    let picture = map.paint(plane, scale);
    let (across, down) = look.pixels(plot.width, plot.height);
    canvas.picture(plot, &picture.stretched(across, down), look);
    let (low, high) = (number(scale.low()), number(scale.high()));
    let bar = 12;
    let needed = columns(&low) + columns(&high) + bar + 2;
    if let Some(x) = (area.x + area.width).checked_sub(needed as u16).filter(|&x| x > area.x + 16) {
        let x = canvas.write(x, area.y, area.width, &low, Style::PLAIN) + 1;
        for i in 0..bar as u16 {
            let colour = map.colour(f64::from(i) / (bar - 1) as f64);
            let style = Style { ground: Some(colour), ..Style::PLAIN };
            let shown = if look.depth == super::cells::Depth::Plain { "·" } else { " " };
            canvas.write(x + i, area.y, 1, shown, style);
        }
        canvas.write(x + bar as u16 + 1, area.y, area.width, &high, Style::PLAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::Depth;
    use super::super::graphics::Graphics;
    use super::super::numbers::Extent;
    use super::*;

    const LOOK: Look = Look { count: 12, depth: Depth::True, cell_aspect: 2.0, graphics: Graphics::BLOCKS };

    fn line(values: &[f64]) -> Line {
        let bins = values.iter().map(|&v| Extent::EMPTY.with(v)).collect();
        Line { start: 0, step: 1, bins, is_sampled: false }
    }

    fn drawn(values: &[f64], width: u16, height: u16) -> String {
        let mut canvas = Canvas::new(width, height);
        let area = Area { x: 0, y: 0, width, height };
        let line = line(values);
        let scale = Scale::linear(line.extent());
        let x = Scale::linear(Extent { low: 0.0, high: values.len().saturating_sub(1) as f64 });
        draw_axes(&mut canvas, area, &Axis { scale: x, label: "t (s)" }, &Axis { scale, label: "v" }, false);
        draw_line(&mut canvas, area, &line, &scale, &LOOK);
        canvas.to_text()
    }

    #[test]
    fn a_rising_line_rises() {
        let shown = drawn(&[0.0, 1.0, 2.0, 3.0], 30, 8);
        let rows: Vec<&str> = shown.lines().collect();
        assert_eq!(rows[0], "v");
        let first_dot = |row: &str| row.chars().position(|c| ('\u{2801}'..='\u{28ff}').contains(&c));
        let places: Vec<_> = rows[1..5].iter().map(|r| first_dot(r).unwrap()).collect();
        assert!(places.windows(2).all(|w| w[0] > w[1]), "{shown}");
        assert!(rows[4].contains("0 ┤") && rows[2].contains("2 ┤"), "{shown}");
        assert!(rows[7].ends_with("t (s)"), "{shown}");
    }

    #[test]
    fn what_is_no_number_leaves_a_gap_and_nothing_fits_nothing() {
        let shown = drawn(&[1.0, f64::NAN, 1.0], 40, 6);
        assert_eq!(shown.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count(), 2, "{shown}");
        for (width, height) in (0..40).flat_map(|w| (0..12).map(move |h| (w, h))) {
            drawn(&[1.0, 2.0], width, height);
            drawn(&[], width, height);
        }
    }
}
