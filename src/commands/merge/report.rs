//! What a merge did or would do, as text and as JSON.

use super::inputs::Shelf;
use super::plan::{Joined, Kept, Plan};
use super::wishes::Mode;
use super::{Merge, virtual_rows};
use crate::commands::ls::shape_text;
use crate::commands::{Progress, output};
use crate::error::Result;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// Bytes of the file for each chunk, for each object, and to begin with: its indexes and headers.
const PER_CHUNK: u64 = 32;
const PER_OBJECT: u64 = 700;
const PER_FILE: u64 = 2048;

/// How much of each dataset is copied as it is.
pub(super) struct Numbers {
    /// As [`Plan::joined`]; only for what is not written.
    joined: Vec<Moved>,
    /// Bytes of the result, about.
    size: u64,
}

/// Of one dataset.
#[derive(Clone, Default)]
struct Moved {
    raw_rows: u64,
    raw_chunks: u64,
    raw_bytes: u64,
    new_rows: u64,
    /// Bytes of elements that go through memory.
    new_bytes: u64,
}

impl Numbers {
    /// Looks at the chunks of all files, for a dry run.
    pub(super) fn of(plan: &Plan, options: &Merge, progress: &dyn Progress) -> Result<Numbers> {
        let mut numbers = Numbers { joined: Vec::new(), size: PER_FILE + PER_OBJECT * plan.order.len() as u64 };
        for joined in &plan.joined {
            let rows: u64 = joined.storage.raw.iter().sum();
            numbers.joined.push(Moved { raw_rows: rows, new_rows: joined.rows() - rows, ..Moved::default() });
        }
        if !options.dry_run {
            return Ok(numbers);
        }
        for input in 0..plan.inputs.len() {
            output::stop_if_asked(progress)?;
            let mut shelf = Shelf::new(&plan.inputs, &options.opening);
            for (joined, moved) in plan.joined.iter().zip(&mut numbers.joined) {
                if plan.inputs.get(input).is_some_and(|i| i.dataset(&joined.path).is_some()) {
                    numbers.size += moved.add(&mut shelf, joined, input, options.mode, plan)?;
                }
            }
            for (path, kept) in &plan.kept {
                let copied = match kept {
                    Kept::Of(of) => *of == input,
                    Kept::Each(of) => of.contains(&input),
                    Kept::List(_) => false,
                };
                if copied {
                    numbers.size += shelf.dataset(input, path)?.stored_size()?;
                }
            }
        }
        Ok(numbers)
    }
}

impl Moved {
    /// Counts the chunks of a file; returns how many bytes the merged one gets, about.
    fn add(&mut self, shelf: &mut Shelf<'_>, joined: &Joined, input: usize, mode: Mode, plan: &Plan) -> Result<u64> {
        if mode == Mode::Virtual && virtual_rows::can_lead(joined, plan.inputs.len()) {
            return Ok(PER_CHUNK * 2);
        }
        let dataset = shelf.dataset(input, &joined.path)?;
        let rows = joined.counts.get(input).copied().unwrap_or(0);
        let raw = joined.storage.raw.get(input).copied().unwrap_or(0);
        let stored = dataset.stored_size()?;
        let share =
            |rows_of: u64, bytes: u64| (u128::from(bytes) * u128::from(rows_of) / u128::from(rows.max(1))) as u64;
        let elements = dataset.len().saturating_mul(dataset.datatype().size());
        let chunks = dataset.chunks()?.map_or(0, |c| c.stored);
        self.raw_chunks += share(raw, chunks);
        self.raw_bytes += share(raw, stored);
        self.new_bytes += share(rows - raw, elements);
        Ok(stored + chunks * PER_CHUNK)
    }
}

pub(super) fn print(options: &Merge, plan: &Plan, numbers: &Numbers, output: &Path, out: &mut dyn Write) -> Result<()> {
    let size = if options.dry_run { numbers.size } else { std::fs::metadata(output).map_or(0, |m| m.len()) };
    if options.json {
        return Ok(writeln!(out, "{}", json(options, plan, numbers, output, size))?);
    }
    let (output, rows) = (output::printable(output), plan.rows() - plan.left_out);
    let verb = if options.dry_run { "would join" } else { "joined" };
    let verified = if options.verify && !options.dry_run { ", verified" } else { "" };
    writeln!(out, "{verb} {} files, {rows} rows, in {output}{verified}", plan.inputs.len())?;
    const MOST: usize = 20;
    for (input, rows) in plan.inputs.iter().zip(&plan.counts).take(MOST) {
        writeln!(out, "  {rows:>9} rows  {}", input.name)?;
    }
    if plan.inputs.len() > MOST {
        writeln!(out, "            …  {} more files", plan.inputs.len() - MOST)?;
    }
    if plan.left_out > 0 {
        writeln!(out, "  {:>9} rows are there already and were left out", plan.left_out)?;
    }
    for (joined, moved) in plan.joined.iter().zip(&numbers.joined) {
        let shape = shape_text(Some(&joined.shape));
        writeln!(out, "  {}  {shape} {}, {}", joined.path, joined.datatype, how(options, plan, joined, moved))?;
    }
    for (path, kept) in &plan.kept {
        match kept {
            Kept::Of(_) if plan.inputs.len() == 1 || options.statics.is_none() => {
                writeln!(out, "  {path}  the same in all files, kept once")?;
            }
            Kept::Of(input) => {
                let name = plan.inputs.get(*input).map_or("", |i| &i.name);
                writeln!(out, "  {path}  that of {name}")?;
            }
            Kept::Each(of) => writeln!(out, "  {path}  {} different ones, each by its file's name", of.len())?,
            Kept::List(labels) => writeln!(out, "  {path}  united, as the classes of {labels}")?,
        }
    }
    for joined in &plan.joined {
        if let Some(classes) = &joined.classes {
            writeln!(out, "  classes: {}", classes.shown())?;
        }
    }
    let about = if options.dry_run { "about " } else { "" };
    writeln!(out, "  {about}{}", bytes(size))?;
    Ok(())
}

/// How a dataset gets its rows.
fn how(options: &Merge, plan: &Plan, joined: &Joined, moved: &Moved) -> String {
    if options.mode == Mode::Virtual && virtual_rows::can_lead(joined, plan.inputs.len()) {
        return "rows stay in their files".into();
    }
    let filters = if joined.storage.new_filters() { " with other filters" } else { "" };
    let said = |what: String, n: u64, chunks: u64, size: u64| match (options.dry_run, chunks) {
        (false, _) => what,
        (true, 0) => format!("{what} ({n} rows, {})", bytes(size)),
        (true, _) => format!("{what} ({n} rows, {chunks} chunks, {})", bytes(size)),
    };
    let raw = said("chunks copied as they are".into(), moved.raw_rows, moved.raw_chunks, moved.raw_bytes);
    let new = said(format!("encoded anew{filters}"), moved.new_rows, 0, moved.new_bytes);
    let copied = joined.storage.chunk.is_some();
    match (moved.raw_rows, moved.new_rows) {
        (_, 0) if copied => raw,
        (0, _) if copied => new,
        (0, _) => said("copied".into(), moved.new_rows, 0, moved.new_bytes),
        _ => format!("{raw}, the rest {new}"),
    }
}

/// A number of bytes for people.
fn bytes(n: u64) -> String {
    let mut size = n as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return if unit == "bytes" { format!("{n} bytes") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

fn json(options: &Merge, plan: &Plan, numbers: &Numbers, output: &Path, size: u64) -> Value {
    let inputs = plan.inputs.iter().zip(&plan.counts).map(|(i, rows)| json!({"file": i.name, "rows": rows}));
    let joined = plan.joined.iter().zip(&numbers.joined).map(|(joined, moved)| {
        let leads = options.mode == Mode::Virtual && virtual_rows::can_lead(joined, plan.inputs.len());
        let mut record = json!({
            "path": joined.path.to_string(),
            "axis": joined.axis,
            "shape": joined.shape,
            "type": joined.datatype.to_string(),
            "classes": joined.classes.as_ref().map(|c| &c.names),
        });
        if let Some(record) = record.as_object_mut() {
            if leads {
                record.insert("virtual".into(), true.into());
            } else {
                record.insert("rows_raw".into(), moved.raw_rows.into());
                record.insert("rows_encoded".into(), moved.new_rows.into());
            }
            if options.dry_run && !leads {
                record.insert("chunks_raw".into(), moved.raw_chunks.into());
                record.insert("bytes_raw".into(), moved.raw_bytes.into());
                record.insert("bytes_encoded".into(), moved.new_bytes.into());
            }
        }
        record
    });
    json!({
        "output": output::printable(output),
        "written": !options.dry_run,
        "verified": options.verify && !options.dry_run,
        "bytes": size,
        "rows": plan.rows() - plan.left_out,
        "rows_left_out": plan.left_out,
        "inputs": inputs.collect::<Vec<_>>(),
        "joined": joined.collect::<Vec<_>>(),
        "kept": plan.kept.keys().map(ToString::to_string).collect::<Vec<_>>(),
        "dropped": plan.dropped.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "warnings": plan.warnings,
    })
}
