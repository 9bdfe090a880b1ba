//! Writing the merged file, as planned.

use super::classes::CLASS_NAMES;
use super::plan::{Joined, PROVENANCE, Plan, raw_rows};
use crate::builder::{CreateOptions, DatasetMut, FileMut};
use crate::commands::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::{Attribute, Dataset, File};
use std::path::Path;

/// Bytes read and written at a time.
const BLOCK: u64 = 8 << 20;

pub(super) fn write(plan: &Plan, output: &Path, overwrite: bool, progress: &dyn Progress) -> Result<()> {
    crate::commands::output::make_parents(output)?;
    let mut out = File::create_with(output, CreateOptions::new().overwrite(overwrite))?;
    let first = &plan.inputs[0];
    for input in &plan.inputs {
        for (path, group) in &input.groups {
            // Groups are made in the order of the files; attributes come from the first that has the group.
            if path != "/" && out.root().group(path).is_ok() {
                continue;
            }
            let mut made = if path == "/" { out.root() } else { out.create_group(path)? };
            let skip: &[&str] = if path == "/" { &PROVENANCE } else { &[] };
            if path != "/" || std::ptr::eq(input, first) {
                copy_attributes(group.attributes()?, skip, &mut |name, value| made.set_attribute(name, value))?;
            }
        }
    }
    let rows: u64 = plan.joined.iter().map(|j| j.rows).sum();
    progress.start("merging", Some(rows));
    for joined in &plan.joined {
        join(plan, joined, &mut out, progress)?;
    }
    progress.finish();
    for path in &plan.kept {
        keep(&first.datasets[path], path, &mut out)?;
    }
    for (path, target) in plan.inputs.iter().flat_map(|i| &i.soft_links) {
        match out.link_soft(path, target.as_bytes()) {
            // The same link of a further file.
            Err(e) if e.kind() == ErrorKind::Conflict => {}
            other => other?,
        }
    }
    let mut root = out.root();
    root.set_attribute("tool", concat!("h5manager ", env!("CARGO_PKG_VERSION")))?;
    let sources: Vec<String> = plan.inputs.iter().map(|i| i.name()).collect();
    root.set_attribute("source", &sources)?;
    out.commit()
}

/// Sets copies of attributes.
fn copy_attributes(
    found: Vec<Result<Attribute>>,
    skip: &[&str],
    set: &mut dyn FnMut(&[u8], crate::builder::CopiedElements<'_>) -> Result<()>,
) -> Result<()> {
    for attribute in found {
        let attribute = attribute?;
        if !skip.iter().any(|s| *attribute.name() == **s) && attribute.shape().is_some() {
            set(attribute.name().as_bytes(), attribute.to_copy()?)?;
        }
    }
    Ok(())
}

/// A dataset made like `model`: type, chunks, filters.
fn make(model: &Dataset, path: &str, shape: &[u64], out: &mut FileMut) -> Result<DatasetMut> {
    let datatype = model.datatype().in_new_file()?;
    let mut builder = out.build(path).datatype(datatype).shape(shape);
    if let Some(chunk) = model.chunk_shape() {
        let mut max: Vec<Option<u64>> = model.max_shape().to_vec();
        max[0] = if max[0] == Some(model.shape()[0]) { Some(shape[0]) } else { None };
        builder = builder.chunks(chunk).max_shape(max).filters(model.filters());
    }
    builder.create()
}

fn join(plan: &Plan, joined: &Joined, out: &mut FileMut, progress: &dyn Progress) -> Result<()> {
    let datasets = plan.datasets(&joined.path);
    let classes = plan.classes.as_ref().filter(|c| c.path == joined.path);
    let mut made = make(datasets[0], &joined.path, &joined.shape, out)?;
    let skip: &[&str] = if classes.is_some() { &[CLASS_NAMES] } else { &[] };
    copy_attributes(datasets[0].attributes()?, skip, &mut |name, value| made.set_attribute(name, value))?;
    if let Some(classes) = classes {
        made.set_attribute(CLASS_NAMES, &classes.names)?;
    }
    let mut start = 0;
    for (i, dataset) in datasets.iter().enumerate() {
        let rows = dataset.shape()[0];
        match classes.filter(|c| !c.keeps(i)) {
            Some(classes) => {
                let labels: Vec<i64> = dataset.read()?;
                let labels: Vec<i64> = labels.into_iter().map(|l| classes.renumber(i, l)).collect::<Result<_>>()?;
                append_labels(&mut made, joined, &labels)?;
                progress.advance(rows);
            }
            None => {
                let raw = raw_rows(datasets[0], dataset, start, i + 1 == datasets.len());
                copy_chunks(dataset, raw, start, &mut made, progress)?;
                copy_rows(dataset, raw, &mut made, progress)?;
            }
        }
        start += rows;
    }
    Ok(())
}

/// Labels in the integer type that the files have.
fn append_labels(made: &mut DatasetMut, joined: &Joined, labels: &[i64]) -> Result<()> {
    use crate::Element;
    macro_rules! narrowed {
        ($($t:ty)*) => {$(
            if joined.datatype == <$t>::datatype() {
                let fits = |&l: &i64| <$t>::try_from(l).map_err(|_| {
                    Error::new(ErrorKind::Mismatch, format!("the label {l} does not fit {}", joined.datatype))
                });
                return made.append(&labels.iter().map(fits).collect::<Result<Vec<$t>>>()?);
            }
        )*};
    }
    narrowed!(i64 i32 i16 i8 u64 u32 u16 u8);
    Err(Error::new(ErrorKind::Unsupported, format!("renumbering labels of type {}", joined.datatype)).on(&*joined.path))
}

/// Copies the chunks of the first `rows` rows as they are, to behind `start` rows.
fn copy_chunks(dataset: &Dataset, rows: u64, start: u64, made: &mut DatasetMut, progress: &dyn Progress) -> Result<()> {
    let Some(chunk) = dataset.chunk_shape().filter(|_| rows > 0) else {
        return Ok(());
    };
    let counts: Vec<u64> = dataset.shape().iter().zip(chunk).map(|(d, c)| d.div_ceil(*c)).collect();
    let inner: u64 = counts[1..].iter().product();
    for band in 0..rows.div_ceil(chunk[0]) {
        stop_if_asked(progress)?;
        for number in 0..inner {
            let mut position = vec![0; counts.len()];
            let mut rest = number;
            for d in (1..counts.len()).rev() {
                (position[d], rest) = (rest % counts[d], rest / counts[d]);
            }
            position[0] = band;
            if let Some((raw, mask)) = dataset.raw_chunk(&position)? {
                let mut offset: Vec<u64> = position.iter().zip(chunk).map(|(p, c)| p * c).collect();
                offset[0] += start;
                made.write_chunk(&offset, &raw, mask)?;
            }
        }
        progress.advance(chunk[0].min(rows - band * chunk[0]));
    }
    Ok(())
}

/// Decodes and appends the rows from `from` on.
fn copy_rows(dataset: &Dataset, from: u64, made: &mut DatasetMut, progress: &dyn Progress) -> Result<()> {
    let rows = dataset.shape()[0];
    let row_bytes: u64 = dataset.shape()[1..].iter().product::<u64>() * dataset.datatype().size();
    let band = dataset.chunk_shape().map_or(1, |c| c[0]);
    let step = (BLOCK / row_bytes.max(1)).max(1).next_multiple_of(band);
    let mut row = from;
    while row < rows {
        stop_if_asked(progress)?;
        let end = rows.min(row + step);
        made.append(dataset.select(row..end)?.to_copy()?)?;
        progress.advance(end - row);
        row = end;
    }
    Ok(())
}

fn keep(dataset: &Dataset, path: &str, out: &mut FileMut) -> Result<()> {
    let mut made = make(dataset, path, dataset.shape(), out)?;
    copy_attributes(dataset.attributes()?, &[], &mut |name, value| made.set_attribute(name, value))?;
    for block in dataset.blocks(BLOCK) {
        made.append(dataset.select(block)?.to_copy()?)?;
    }
    Ok(())
}

fn stop_if_asked(progress: &dyn Progress) -> Result<()> {
    if progress.stopped() {
        return Err(Error::new(ErrorKind::Interrupted, "stopped; nothing was written"));
    }
    Ok(())
}
