//! A window of a dataset as a table: numbers, texts, compounds with a column for each member. Only the window is read.

use super::cells::{Area, Canvas, Style};
use super::numbers::along;
use super::text::{columns, printable, shortened};
use super::ticks::number;
use crate::datatype::Datatype;
use crate::error::Result;
use crate::{Dataset, Value};
use std::ops::Range;

/// No column is wider.
const WIDEST: usize = 32;
/// Columns that are read at most, whatever the screen's width.
const MOST_COLUMNS: u64 = 400;
/// Elements of a sequence whose text is shown.
const MOST_PARTS: usize = 64;

/// Where a table begins, and how its dataset lies on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The dimension down, and the one across if there is one.
    pub(super) down: usize,
    pub(super) across: Option<usize>,
    /// The index in every other dimension.
    pub(super) index: Vec<u64>,
    pub(super) row: u64,
    pub(super) column: u64,
}

/// Cells as text, as many as were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) heads: Vec<String>,
    pub(super) first_row: u64,
    pub(super) rows: Vec<Vec<String>>,
    /// Numbers stand at the right of their columns.
    pub(super) right: Vec<bool>,
}

/// How many columns there are to scroll through.
pub(super) fn column_count(dataset: &Dataset, across: Option<usize>) -> u64 {
    match (dataset.datatype(), across) {
        (Datatype::Compound { members, .. }, None) => members.len() as u64,
        (_, Some(axis)) => dataset.shape().get(axis).copied().unwrap_or(0),
        _ => 1,
    }
}

/// Reads the window of `size` (rows, columns) at `place`.
pub(super) fn read(dataset: &Dataset, place: &Place, size: (u64, u64)) -> Result<Table> {
    let extent = |axis: usize| dataset.shape().get(axis).copied().unwrap_or(0);
    let rows = within(place.row, size.0, extent(place.down));
    let datatype = dataset.datatype();
    let columns = within(place.column, size.1.min(MOST_COLUMNS), column_count(dataset, place.across));
    let mut axes = vec![(place.down, rows.start, 1, rows.end - rows.start)];
    if let Some(across) = place.across {
        axes.push((across, columns.start, 1, columns.end - columns.start));
    }
    let slab = along(dataset.shape().len(), &place.index, &axes);
    let values = dataset.select(&slab)?.values()?;
    let (height, width) = ((rows.end - rows.start) as usize, (columns.end - columns.start) as usize);
    let mut table = Table { first_row: rows.start, ..Table::default() };
    match (datatype, place.across) {
        (Datatype::Compound { members, .. }, None) => {
            let range = columns.start as usize..columns.end as usize;
            let shown = members.get(range.clone()).unwrap_or_default();
            table.heads = shown.iter().map(|m| m.name.to_string()).collect();
            table.right = shown.iter().map(|m| is_number(&m.datatype)).collect();
            let cell = |value: &Value, i: usize| match value {
                Value::Compound(parts) => {
                    parts.get(i).zip(members.get(i)).map_or(String::new(), |((_, v), m)| text_of(v, &m.datatype))
                }
                other => text_of(other, datatype),
            };
            table.rows = values.iter().map(|value| range.clone().map(|i| cell(value, i)).collect()).collect();
        }
        (_, None) => {
            table.heads = vec!["value".to_owned()];
            table.right = vec![is_number(datatype)];
            table.rows = values.iter().map(|v| vec![text_of(v, datatype)]).collect();
        }
        (_, Some(across)) => {
            table.heads = columns.clone().map(|c| c.to_string()).collect();
            table.right = vec![is_number(datatype); width];
            let turned = across < place.down;
            let at = |r: usize, c: usize| if turned { c * height + r } else { r * width + c };
            let cell = |r, c| values.get(at(r, c)).map_or(String::new(), |v| text_of(v, datatype));
            table.rows = (0..height).map(|r| (0..width).map(|c| cell(r, c)).collect()).collect();
        }
    }
    Ok(table)
}

fn within(start: u64, count: u64, size: u64) -> Range<u64> {
    let start = start.min(size.saturating_sub(1));
    start..start.saturating_add(count).min(size)
}

fn is_number(datatype: &Datatype) -> bool {
    matches!(datatype, Datatype::Integer { .. } | Datatype::Float(_))
}

/// A value as a person reads it: texts without quotes, floats with the digits that they have. Printable.
pub(super) fn text_of(value: &Value, datatype: &Datatype) -> String {
    match (value, datatype) {
        (Value::String(text), _) => printable(&text.to_text()).into_owned(),
        (Value::Float(x), Datatype::Float(f)) => float_text(*x, f.bits.size),
        (Value::Complex(re, im), _) => format!("{}{}{}i", number(*re), if *im < 0.0 { "" } else { "+" }, number(*im)),
        (Value::Compound(parts), Datatype::Compound { members, .. }) => {
            let part = |((name, v), m): (&(_, Value), &crate::datatype::Member)| {
                let name: &crate::datatype::Name = name;
                format!("{name}: {}", text_of(v, &m.datatype))
            };
            format!("{{{}}}", parts.iter().zip(members).map(part).collect::<Vec<_>>().join(", "))
        }
        (Value::Sequence(parts), Datatype::Sequence { base, .. } | Datatype::Array { base, .. }) => {
            let mut texts: Vec<String> = parts.iter().take(MOST_PARTS).map(|v| text_of(v, base)).collect();
            if parts.len() > MOST_PARTS {
                texts.push("…".to_owned());
            }
            format!("[{}]", texts.join(", "))
        }
        _ => printable(&value.to_string()).into_owned(),
    }
}

fn float_text(x: f64, size: u32) -> String {
    let (plain, short) = match size {
        0..=4 => (format!("{}", x as f32), format!("{:e}", x as f32)),
        _ => (format!("{x}"), format!("{x:e}")),
    };
    if plain.len() > 14 && short.len() < plain.len() { short } else { plain }
}

impl Table {
    /// Draws what fits; returns how many columns were drawn whole.
    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) -> u64 {
        let end = area.x.saturating_add(area.width);
        let numbers: Vec<String> = (0..self.rows.len()).map(|i| (self.first_row + i as u64).to_string()).collect();
        let lead = numbers.iter().map(|n| n.len()).max().unwrap_or(1) as u16;
        for (number, y) in numbers.iter().zip(area.y + 1..area.y.saturating_add(area.height)) {
            let x = area.x + lead - number.len() as u16;
            canvas.write(x, y, end.saturating_sub(x), number, Style::DIM);
        }
        let mut x = area.x + lead + 2;
        let mut whole = 0;
        for (c, head) in self.heads.iter().enumerate() {
            if x >= end {
                break;
            }
            let cells = self.rows.iter().filter_map(|r| r.get(c));
            let width = cells.clone().map(|t| columns(t)).chain([columns(head)]).max().unwrap_or(1).clamp(1, WIDEST);
            let room = usize::from(end - x).min(width);
            let right = self.right.get(c).copied().unwrap_or(false);
            let style = Style::BOLD;
            write_cell(canvas, (x, area.y), room, head, right, style);
            for (text, y) in cells.zip(area.y + 1..area.y.saturating_add(area.height)) {
                write_cell(canvas, (x, y), room, text, right, Style::PLAIN);
            }
            if room == width {
                whole += 1;
            }
            x = x.saturating_add(width as u16 + 2);
        }
        whole
    }
}

fn write_cell(canvas: &mut Canvas, (x, y): (u16, u16), room: usize, text: &str, right: bool, style: Style) {
    let text = shortened(text, room);
    let indent = if right { room.saturating_sub(columns(&text)) as u16 } else { 0 };
    canvas.write(x + indent, y, room as u16 - indent, &text, style);
}
