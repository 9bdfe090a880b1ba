//! `merge`: several files into one, row behind row. Everything is checked before a byte is written.

mod classes;
mod inputs;
mod join;
mod plan;

use super::{Command, Outcome, Progress, open::Opening, output};
use crate::error::Result;
use plan::Plan;
use std::io::Write;
use std::path::PathBuf;

/// Joins .h5 files: datasets that have one row for each sample are put one behind the other, the rest is kept once.
///
/// Class names are united and labels renumbered. All conflicts are listed before anything is written. Compressed
/// chunks are copied as they are where the datasets agree on chunks and filters.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  h5manager merge a.h5 b.h5 --output all
  h5manager merge --inputs tmp/hotdog_64.h5,tmp/nothotdog_64.h5 --output tmp/merged
  h5manager merge 'shards/*.h5' --output train.h5 --dry-run")]
pub struct Merge {
    /// The files to join, in this order; patterns such as 'shards/*.h5' are expanded.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The same, separated by commas; may be repeated.
    #[arg(short, long, value_name = "FILE,FILE", value_delimiter = ',')]
    inputs: Vec<PathBuf>,
    /// The new file; `.h5` is appended unless the name ends in .h5 or .hdf5.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the output if it exists.
    #[arg(long)]
    overwrite: bool,
    /// Check everything and say what would be done; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// The report as JSON.
    #[arg(long)]
    pub json: bool,
    /// How files are opened.
    #[command(flatten)]
    pub opening: Opening,
}

impl Command for Merge {
    fn run(&self, out: &mut dyn Write, progress: &dyn Progress) -> Result<Outcome> {
        let output = output::h5_path(&self.output)?;
        let arguments: Vec<&PathBuf> = self.inputs.iter().chain(&self.files).collect();
        if !self.dry_run {
            output::check(&output, self.overwrite)?;
        }
        let inputs = inputs::open(&arguments, &output, &self.opening, progress)?;
        let plan = Plan::new(inputs)?;
        for warning in &plan.warnings {
            progress.notice(warning);
        }
        if !self.dry_run {
            join::write(&plan, &output, self.overwrite, progress)?;
        }
        self.report(&plan, &output, out)?;
        Ok(Outcome::Fine)
    }
}

impl Merge {
    fn report(&self, plan: &Plan, output: &std::path::Path, out: &mut dyn Write) -> Result<()> {
        let output = output.display();
        if self.json {
            let report = serde_json::json!({
                "output": output.to_string(),
                "written": !self.dry_run,
                "inputs": plan.inputs.iter().map(|i| serde_json::json!({"file": i.name(), "rows": i.rows})).collect::<Vec<_>>(),
                "rows": plan.rows(),
                "joined": plan.joined.iter().map(|j| &j.path).collect::<Vec<_>>(),
                "kept": plan.kept,
                "classes": plan.classes.as_ref().map(|c| &c.names),
            });
            return Ok(writeln!(out, "{report}")?);
        }
        let verb = if self.dry_run { "would join" } else { "joined" };
        writeln!(out, "{verb} {} files, {} rows, in {output}", plan.inputs.len(), plan.rows())?;
        for input in &plan.inputs {
            writeln!(out, "  {:>9} rows  {}", input.rows, input.name())?;
        }
        for joined in &plan.joined {
            let how = if joined.raw_rows == joined.rows {
                "chunks copied as they are"
            } else if joined.raw_rows == 0 {
                "encoded anew"
            } else {
                "chunks copied as they are where they are aligned"
            };
            let shape = super::ls::shape_text(Some(&joined.shape));
            writeln!(out, "  {}  {shape} {}, {how}", joined.path, joined.datatype)?;
        }
        for path in &plan.kept {
            writeln!(out, "  {path}  the same in all files, kept once")?;
        }
        if let Some(classes) = &plan.classes {
            writeln!(out, "  classes: {}", classes.shown())?;
        }
        Ok(())
    }
}
