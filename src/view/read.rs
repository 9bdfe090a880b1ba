//! Elements as flat typed arrays, or as JSON where they are no numbers.

use super::buffer::{Buffer, Buffers};
use super::request::{Request, whole, wrong};
use super::type_info::{complex_base, type_info};
use super::value::{PathOf, value};
use crate::datatype::Datatype;
use crate::error::{Error, Result};
use crate::{Dataset, Element, Hyperslab, Part};
use serde_json::{Value, json};

/// The most bytes that one read returns, if the request says nothing else.
const BUDGET: u64 = 256 << 20;

/// What a value takes that is no number: a name for it in JSON.
const JSON_BYTES: u64 = 24;

/// What a request selects: a box with steps, and which of its dimensions stay.
pub(super) struct Wanted {
    pub(super) slab: Hyperslab,
    kept: Vec<bool>,
}

impl Wanted {
    /// Reads the `selection` of a request: for each dimension `null`, an index, `[start, stop]` or `[start, stop, step]`.
    pub(super) fn parse(selection: Option<&Value>, shape: &[u64]) -> Result<Wanted> {
        let none = Vec::new();
        let axes = match selection {
            None => &none,
            Some(value) => value.as_array().ok_or_else(|| wrong("selection", "a list"))?,
        };
        if axes.len() > shape.len() {
            let message = format!("a selection in {} dimensions of a dataset that has {}", axes.len(), shape.len());
            return Err(Error::mismatch(message));
        }
        let all = shape.iter().map(|&size| (0, size, 1, true));
        let mut chosen: Vec<(u64, u64, u64, bool)> = all.collect();
        for (axis, to) in axes.iter().zip(&mut chosen) {
            *to = along(axis, to.1)?;
        }
        let slab = Hyperslab {
            start: chosen.iter().map(|c| c.0).collect(),
            stride: chosen.iter().map(|c| c.2).collect(),
            count: chosen.iter().map(|c| (c.1 - c.0).div_ceil(c.2)).collect(),
            block: vec![1; chosen.len()],
        };
        Ok(Wanted { slab, kept: chosen.iter().map(|c| c.3).collect() })
    }

    fn shape(&self) -> Vec<u64> {
        self.slab.count.iter().zip(&self.kept).filter(|(_, kept)| **kept).map(|(n, _)| *n).collect()
    }
}

/// Start, stop, step of what is taken along a dimension, and whether that stays.
fn along(axis: &Value, size: u64) -> Result<(u64, u64, u64, bool)> {
    if axis.is_null() {
        return Ok((0, size, 1, true));
    }
    let outside = |index: u64| Error::mismatch(format!("index {index} of a dimension of {size}"));
    if let Some(index) = whole(axis) {
        return if index < size { Ok((index, index + 1, 1, false)) } else { Err(outside(index)) };
    }
    let range: Option<Vec<u64>> = axis.as_array().and_then(|list| list.iter().map(whole).collect());
    let (start, stop, step) = match range.as_deref() {
        Some(&[start, stop]) => (start, stop, 1),
        Some(&[start, stop, step]) if step > 0 => (start, stop, step),
        _ => return Err(wrong("selection", "null, an index, [start, stop] or [start, stop, step] for each dimension")),
    };
    if stop > size || start > stop { Err(outside(stop.max(start))) } else { Ok((start, stop, step, true)) }
}

/// The selected elements.
pub(super) fn read(dataset: &Dataset, request: &Request, buffers: &mut Buffers, path_of: PathOf<'_>) -> Result<Value> {
    let wanted = Wanted::parse(request.get("selection"), dataset.shape())?;
    let part = dataset.select(&wanted.slab)?;
    within_budget(&part, request.number("budget")?.unwrap_or(BUDGET))?;
    let shape = if dataset.is_null() { vec![0] } else { wanted.shape() };
    values(&part, shape, buffers, path_of)
}

/// Whole rows in the order of the request.
pub(super) fn rows(dataset: &Dataset, request: &Request, buffers: &mut Buffers, path_of: PathOf<'_>) -> Result<Value> {
    let rows = request.numbers("rows")?.ok_or_else(|| wrong("rows", "a list of whole numbers"))?;
    if dataset.shape().is_empty() {
        return Err(Error::mismatch("a scalar has no rows"));
    }
    let part = dataset.select(rows)?;
    within_budget(&part, request.number("budget")?.unwrap_or(BUDGET))?;
    let shape = part.shape();
    values(&part, shape, buffers, path_of)
}

fn within_budget(part: &Part<'_>, budget: u64) -> Result<()> {
    let elements = part.shape().iter().fold(1u64, |n, &d| n.saturating_mul(d));
    let datatype = part.dataset().datatype();
    let each = numbers_of(datatype).map_or_else(|| datatype.size().max(JSON_BYTES), |(_, n)| n.saturating_mul(1));
    let each = each.max(datatype.size());
    let bytes = elements.saturating_mul(each);
    if bytes > budget {
        return Err(Error::limit(format!(
            "{elements} elements take {bytes} bytes, more than the {budget} that are read at once; select a part, or look \
             at the overview"
        )));
    }
    Ok(())
}

fn values(part: &Part<'_>, shape: Vec<u64>, buffers: &mut Buffers, path_of: PathOf<'_>) -> Result<Value> {
    let datatype = part.dataset().datatype();
    let (array, each) = match numbers(part)? {
        Some((buffer, each)) => (buffers.add(buffer), each),
        None => (part.values()?.iter().map(|v| value(v, datatype, path_of)).collect(), 1),
    };
    Ok(json!({"shape": shape, "type": type_info(datatype), "array": array, "perElement": each}))
}

/// What a number of a datatype becomes.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Signed(u64),
    Unsigned(u64),
    Float(u64),
}

/// The numbers that an element consists of, and how many; nothing where it is none.
fn numbers_of(datatype: &Datatype) -> Option<(Form, u64)> {
    let form = match datatype {
        Datatype::Integer { bits, signed: true } if bits.size <= 8 => Form::Signed(bits.size.into()),
        Datatype::Integer { bits, signed: false } | Datatype::BitField(bits) if bits.size <= 8 => {
            Form::Unsigned(bits.size.into())
        }
        Datatype::Float(float) => Form::Float(float.bits.size.into()),
        Datatype::Opaque { size, .. } if *size > 0 => return Some((Form::Unsigned(1), (*size).into())),
        Datatype::Enumeration { base, .. } => return numbers_of(base),
        Datatype::Array { dims, base } => {
            let (form, each) = numbers_of(base)?;
            return Some((form, dims.iter().fold(each, |n, &d| n.saturating_mul(d.into()))));
        }
        Datatype::Complex(base) => return Some((numbers_of(base)?.0, 2)),
        _ => return Some((numbers_of(complex_base(datatype)?)?.0, 2)),
    };
    Some((form, 1))
}

/// The elements as one typed array, and how many of its entries make an element; nothing where they are no numbers.
pub(super) fn numbers(part: &Part<'_>) -> Result<Option<(Buffer, u64)>> {
    let Some((form, each)) = numbers_of(part.dataset().datatype()) else {
        return Ok(None);
    };
    fn flat<T: Element>(part: &Part<'_>) -> Result<Buffer>
    where
        Buffer: From<Vec<T>>,
    {
        Ok(part.read_flat::<T>()?.into())
    }
    let buffer = match form {
        Form::Signed(1) => flat::<i8>(part),
        Form::Signed(2) => flat::<i16>(part),
        Form::Signed(3 | 4) => flat::<i32>(part),
        Form::Signed(_) => flat::<i64>(part),
        Form::Unsigned(1) => flat::<u8>(part),
        Form::Unsigned(2) => flat::<u16>(part),
        Form::Unsigned(3 | 4) => flat::<u32>(part),
        Form::Unsigned(_) => flat::<u64>(part),
        Form::Float(..=4) => flat::<f32>(part),
        Form::Float(_) => flat::<f64>(part),
    };
    Ok(Some((buffer?, each)))
}

/// The bytes of an encoded image: those of a row, or of a dataset that is one image.
pub(super) fn image(dataset: &Dataset, request: &Request, buffers: &mut Buffers) -> Result<Value> {
    let bytes = match request.number("row")? {
        Some(row) => {
            let end = row.checked_add(1).ok_or_else(|| wrong("row", "a row of the dataset"))?;
            let mut rows: Vec<Vec<u8>> = match dataset.shape() {
                [_, _] => vec![dataset.select(row..end)?.read()?],
                _ => dataset.select(row..end)?.read()?,
            };
            rows.pop().unwrap_or_default()
        }
        None if dataset.shape().is_empty() => dataset.read::<Vec<Vec<u8>>>()?.pop().unwrap_or_default(),
        None => {
            within_budget(&dataset.select(..)?, BUDGET)?;
            dataset.read()?
        }
    };
    Ok(json!({"mime": mime(&bytes), "bytes": buffers.add(bytes)}))
}

/// What a file is, by its first bytes.
fn mime(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'B', b'M', ..] => "image/bmp",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f', ..] => "image/avif",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "image/tiff",
        _ => "application/octet-stream",
    }
}
