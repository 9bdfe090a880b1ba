//! A dataset → the bytes of a .npy file, block by block.

use super::dtype::{Output, TextField};
use super::npy::{BLOCK, Header};
use super::staging::ours;
use crate::Dataset;
use crate::commands::visualize::Rows;
use crate::commands::{Progress, output};
use crate::data::selection::{Select, Selection};
use crate::datatype::{Datatype, Padding};
use crate::error::{Error, Result};
use std::io::Write;

/// The part of a dataset that is written: boxes that follow each other in the order of rows, and their shape together.
pub(super) struct Pieces {
    pub(super) boxes: Vec<Selection>,
    pub(super) shape: Vec<u64>,
}

impl Pieces {
    /// All of `dataset`, or the rows that were asked for.
    ///
    /// # Errors
    /// If there are no such rows.
    pub(super) fn of(dataset: &Dataset, rows: Option<Rows>) -> Result<Pieces> {
        let shape = dataset.shape();
        let (Some(rows), Some((&count, rest))) = (rows, shape.split_first()) else {
            return Ok(Pieces { boxes: dataset.blocks(BLOCK), shape: shape.to_vec() });
        };
        let end = rows.end.unwrap_or(count).min(count);
        if rows.start >= end {
            let last = count.saturating_sub(1);
            return Err(Error::not_found(format!("there are no rows from {} on; the last is {last}", rows.start)));
        }
        let bytes = rest.iter().product::<u64>().saturating_mul(dataset.datatype().size()).max(1);
        let step = (BLOCK / bytes).max(1);
        let starts = (rows.start..end).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        let boxes = starts.map(|at| (at..end.min(at.saturating_add(step))).select(shape)).collect::<Result<_>>()?;
        Ok(Pieces { boxes, shape: std::iter::once(end - rows.start).chain(rest.iter().copied()).collect() })
    }
}

/// Bytes that a .npy file of the dataset has but for its header; 0 where that is seen only when it is read.
pub(super) fn size_of(dataset: &Dataset) -> u64 {
    dataset.len().saturating_mul(dataset.datatype().size())
}

/// Writes `dataset` as a .npy file.
///
/// # Errors
/// `Unsupported` for what NumPy has only as Python objects; those of reading and of `out`.
pub(super) fn npy(
    dataset: &Dataset,
    rows: Option<Rows>,
    out: &mut (dyn Write + Send),
    progress: &dyn Progress,
) -> Result<()> {
    if dataset.is_null() {
        return Err(Error::unsupported("a dataset without a shape as an array").on(dataset.path()));
    }
    let pieces = Pieces::of(dataset, rows)?;
    match Output::of(dataset.datatype()).map_err(|e| e.on(dataset.path()))? {
        Output::Stored { descr, texts, dims } => {
            let shape: Vec<u64> = pieces.shape.iter().copied().chain(dims.iter().map(|&d| d.into())).collect();
            put(out, &Header::text(&descr, &shape))?;
            let size = dataset.datatype().size() as usize;
            each(dataset, &pieces, progress, |selection| {
                let mut bytes = dataset.select(selection)?.read_stored()?;
                texts.iter().for_each(|text| fill_up(&mut bytes, size, *text));
                put(out, &bytes)
            })
        }
        Output::Signed => {
            put(out, &Header::text("'<i8'", &pieces.shape))?;
            each(dataset, &pieces, progress, |selection| {
                let values: Vec<i64> = dataset.select(selection)?.read()?;
                put(out, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
            })
        }
        Output::Unsigned => {
            put(out, &Header::text("'<u8'", &pieces.shape))?;
            each(dataset, &pieces, progress, |selection| {
                let values: Vec<u64> = dataset.select(selection)?.read()?;
                put(out, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
            })
        }
        Output::Double => {
            put(out, &Header::text("'<f8'", &pieces.shape))?;
            each(dataset, &pieces, progress, |selection| {
                let values: Vec<f64> = dataset.select(selection)?.read()?;
                put(out, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
            })
        }
        Output::Texts => texts(dataset, &pieces, out, progress),
    }
}

fn each(
    dataset: &Dataset,
    pieces: &Pieces,
    progress: &dyn Progress,
    mut write: impl FnMut(&Selection) -> Result<()>,
) -> Result<()> {
    for selection in &pieces.boxes {
        output::stop_if_asked(progress)?;
        write(selection)?;
        progress.advance(selection.len().saturating_mul(dataset.datatype().size()));
    }
    Ok(())
}

fn put(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes).map_err(ours)
}

/// Texts of 4 bytes a character, as many as the longest has: found in a first pass.
fn texts(dataset: &Dataset, pieces: &Pieces, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<()> {
    let mut longest = 1;
    let read = |selection: &Selection| -> Result<Vec<String>> {
        dataset.select(selection)?.read().map_err(|e: Error| match dataset.datatype() {
            Datatype::FixedString { .. } | Datatype::VariableString { .. } => e,
            other => Error::unsupported(format!("{other} as an array of NumPy's")),
        })
    };
    for selection in &pieces.boxes {
        output::stop_if_asked(progress)?;
        longest = read(selection)?.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(longest);
    }
    put(out, &Header::text(&format!("'<U{longest}'"), &pieces.shape))?;
    each(dataset, pieces, progress, |selection| {
        for text in read(selection)? {
            let mut cell = Vec::with_capacity(4 * longest);
            cell.extend(text.chars().flat_map(|c| u32::from(c).to_le_bytes()));
            cell.resize(4 * longest, 0);
            put(out, &cell)?;
        }
        Ok(())
    })
}

/// Replaces what fills a text up, or what lies behind its end, by NULs.
fn fill_up(bytes: &mut [u8], size: usize, TextField { offset, size: length, padding }: TextField) {
    for element in bytes.chunks_exact_mut(size.max(1)) {
        let Some(text) = element.get_mut(offset..offset + length) else {
            continue;
        };
        let end = match padding {
            Padding::NullPadded => continue,
            Padding::NullTerminated => text.iter().position(|&b| b == 0),
            Padding::SpacePadded => text.iter().rposition(|&b| b != b' ').map_or(Some(0), |last| Some(last + 1)),
        };
        if let Some(rest) = end.and_then(|end| text.get_mut(end..)) {
            rest.fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_blanked() {
        let field = |padding| TextField { offset: 1, size: 4, padding };
        let filled = |bytes: &[u8], padding| {
            let mut bytes = bytes.to_vec();
            fill_up(&mut bytes, 5, field(padding));
            bytes
        };
        assert_eq!(filled(b"1ab\0x2abcd", Padding::NullTerminated), b"1ab\0\x002abcd");
        assert_eq!(filled(b"1a b 2    ", Padding::SpacePadded), b"1a b\x002\0\0\0\0");
        assert_eq!(filled(b"1ab\0x", Padding::NullPadded), b"1ab\0x");
    }
}
