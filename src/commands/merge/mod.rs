//! `merge`: several files into one, row behind row.
//!
//! Two passes. The first decides and finds every conflict before a byte is written: [`survey`] tells what is in each file,
//! [`rows`] which dimension counts its rows, [`plan`] what becomes of each path, with [`classes`], [`attributes`] and
//! [`storage`]. The second makes the file: [`target`] everything but rows, [`append`] and [`gather`] the rows, in the
//! files' order or in one of [`order`]'s; [`virtual_rows`] leaves them where they are. [`grouped`] is for the modes that
//! join nothing, [`verify`] reads it all again, [`report`] says what was done.

mod append;
mod attributes;
mod classes;
mod contents;
mod gather;
mod grouped;
mod inputs;
mod order;
mod places;
mod plan;
mod provenance;
mod references;
mod report;
mod rows;
mod storage;
mod survey;
mod target;
mod verify;
mod virtual_rows;
mod wishes;

pub use attributes::OnAttributes;
pub use rows::Axis;
pub use wishes::{Missing, Mode, Static};

use super::{Command, Outcome, Progress, open::Opening, output};
use crate::LibVer;
use crate::error::{Error, ErrorKind, Result};
use attributes::Attributes;
use order::Reorder;
use plan::Plan;
use std::io::Write;
use std::path::{Path, PathBuf};
use target::{Making, Target};
use wishes::Wishes;

const JOINED: &str = "What is joined";
const ORDER: &str = "Order, duplicates, origin";

/// Joins .h5 files: datasets that have one row for each sample are put one behind the other, the rest is kept once.
///
/// Class names are united and labels renumbered; types widen where nothing is lost; references, dimension scales and
/// links lead to their new targets. All conflicts are listed before anything is written. Compressed chunks are copied as
/// they are where the datasets agree on chunks and filters.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Merge {
    /// The files to join, in this order; patterns such as 'shards/*.h5' are expanded
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// The same, separated by commas; may be repeated
    #[arg(short, long, value_name = "FILE,FILE", value_delimiter = ',', value_hint = clap::ValueHint::FilePath)]
    inputs: Vec<PathBuf>,
    /// The new file; `.h5` is appended unless the name ends in .h5 or .hdf5
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: PathBuf,
    /// Replace the output if it exists
    #[arg(long)]
    overwrite: bool,
    /// What is made of the files
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    mode: Mode,
    /// The dimension along which datasets are joined: its number, or the name of its dimension scale
    #[arg(help_heading = JOINED, long, default_value = "0", value_name = "N|NAME")]
    axis: Axis,
    /// Datasets, or groups of them, that are joined although they have other numbers of rows than the rest
    #[arg(help_heading = JOINED, long, value_name = "PATH", value_delimiter = ',')]
    concat: Vec<String>,
    /// Datasets, or groups of them, that are not joined although they have as many rows
    #[arg(help_heading = JOINED, long, value_name = "PATH", value_delimiter = ',')]
    keep: Vec<String>,
    /// Which one is kept of datasets that are not joined and differ [default: none, they are a conflict]
    #[arg(help_heading = JOINED, long = "static", value_enum, value_name = "WHICH")]
    statics: Option<Static>,
    /// What is done with a dataset that a file lacks or has in another shape
    #[arg(help_heading = JOINED, long, value_enum, default_value_t, value_name = "WHAT")]
    missing: Missing,
    /// Which attribute is kept where files differ [default: first; units and the like are a conflict]
    #[arg(help_heading = JOINED, long, value_enum, value_name = "WHICH")]
    attrs: Option<OnAttributes>,
    /// Put the rows in a random order
    #[arg(help_heading = ORDER, long)]
    shuffle: bool,
    /// The seed of that order: the same one makes the same file
    #[arg(help_heading = ORDER, long, value_name = "N", default_value_t = 0, requires = "shuffle")]
    seed: u64,
    /// Keep equal rows once: those that agree in all datasets that are joined
    #[arg(help_heading = ORDER, long)]
    dedupe: bool,
    /// Keep rows once that agree in these datasets
    #[arg(help_heading = ORDER, long, value_name = "PATH", value_delimiter = ',')]
    dedupe_by: Vec<String>,
    /// Add /source_file and /source_row: of which file each row is, and which row of it
    #[arg(help_heading = ORDER, long)]
    provenance: bool,
    /// Read the result and all files again and compare them, before the result gets its name
    #[arg(long)]
    verify: bool,
    /// Check everything and say what would be done; write nothing
    #[arg(long)]
    dry_run: bool,
    /// The oldest libhdf5 that is to read the file: earliest, v18, v110, v112, v114, v200, latest
    #[arg(long, value_name = "VERSION", default_value_t)]
    libver: LibVer,
    /// The report as JSON
    #[arg(long)]
    pub json: bool,
    /// How files are opened.
    #[command(flatten)]
    pub opening: Opening,
}

const EXAMPLES: &str = "\
Examples:
  h5manager merge a.h5 b.h5 --output all
      the rows of a.h5, then those of b.h5, in all.h5
  h5manager merge --inputs tmp/hotdog_64.h5,tmp/nothotdog_64.h5 --output tmp/merged
  h5manager merge 'shards/*.h5' --output train.h5 --dry-run
      what would be copied as it is, what encoded anew, and how large the result would be
  h5manager merge 'shards/*.h5' --output train.h5 --mode virtual
      a file of a few KiB that leads to the rows of all shards, wherever the folder is moved
  h5manager merge 'shards/*.h5' --output train.h5 --shuffle --seed 7 --dedupe-by images --provenance
      in random order, equal images once; of which file and row each is
  h5manager merge 'run_*.nc' --output all.h5 --axis time --verify
      netCDF-4 files along their time; all is read again before all.h5 gets its name";

impl Command for Merge {
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        let output = output::h5_path(&self.output)?;
        self.check()?;
        if !self.dry_run {
            output::check(&output, self.overwrite)?;
        }
        let arguments: Vec<&PathBuf> = self.inputs.iter().chain(&self.files).collect();
        let paths = inputs::find(&arguments, &output, progress)?;
        if matches!(self.mode, Mode::Group | Mode::Link) {
            return self.group(paths, &output, out, progress);
        }
        let survey = survey::look(paths, Attributes::new(self.attrs), &self.opening, progress)?;
        let reorder = self.reorder();
        let wishes = Wishes {
            axis: self.axis.clone(),
            statics: self.statics,
            missing: self.missing,
            concat: &self.concat,
            keep: &self.keep,
            reorders: reorder.is_any(),
            opening: &self.opening,
        };
        let mut plan = Plan::new(survey, &wishes, progress)?;
        if self.provenance {
            provenance::check(&plan)?;
        }
        for warning in &plan.warnings {
            progress.notice(warning);
        }
        if self.mode == Mode::Virtual
            && let Some(far) = plan.inputs.iter().find(|i| !places::is_below(&i.path, &output))
        {
            let folder = "is outside the folder of the output: to follow it h5manager asks for --external any";
            progress.notice(&format!("{} {folder}", far.name));
        }
        let order = self.order(&mut plan, &reorder, progress)?;
        let numbers = report::Numbers::of(&plan, self, progress)?;
        if !self.dry_run {
            self.write(&plan, order.as_deref(), &output, progress)?;
        }
        report::print(self, &plan, &numbers, &output, out)?;
        Ok(Outcome::Fine)
    }
}

impl Merge {
    fn check(&self) -> Result<()> {
        let refuse = |message: &str| Err(Error::new(ErrorKind::Invalid, message));
        let reorders = self.reorder().is_any();
        match self.mode {
            Mode::Virtual if reorders => {
                refuse("--mode virtual leaves rows where they are: leave out --shuffle and --dedupe, or --mode")
            }
            Mode::Group | Mode::Link if reorders || self.provenance => {
                refuse("--mode group and link join no rows: leave out --shuffle, --dedupe and --provenance, or --mode")
            }
            Mode::Link if self.verify => refuse("--mode link copies nothing, so there is nothing to --verify"),
            _ => Ok(()),
        }
    }

    fn reorder(&self) -> Reorder {
        Reorder {
            shuffle: self.shuffle.then_some(self.seed),
            dedupe: self.dedupe || !self.dedupe_by.is_empty(),
            dedupe_by: self.dedupe_by.clone(),
        }
    }

    /// The order of rows, if it is another than that of the files; datasets get as many rows as it has.
    fn order(&self, plan: &mut Plan, reorder: &Reorder, progress: &dyn Progress) -> Result<Option<Vec<u64>>> {
        if !reorder.is_any() {
            return Ok(None);
        }
        if let Some(joined) = plan.joined.iter().find(|j| j.main && j.axis != 0) {
            let message = format!(
                "{} is joined along dimension {}: --shuffle and --dedupe are for rows, along dimension 0",
                joined.path, joined.axis
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let order = reorder.rows(plan, &self.opening, progress)?;
        for joined in plan.joined.iter_mut().filter(|j| j.main) {
            if let Some(rows) = joined.shape.first_mut() {
                *rows = order.len() as u64;
            }
        }
        plan.left_out = plan.rows() - order.len() as u64;
        Ok(Some(order))
    }

    fn write(&self, plan: &Plan, order: Option<&[u64]>, output: &Path, progress: &dyn Progress) -> Result<()> {
        let making =
            Making { mode: self.mode, output, libver: self.libver, opening: &self.opening, ordered: order.is_none() };
        if !self.verify {
            return self.fill(plan, order, &making, (output, self.overwrite), progress);
        }
        output::make_parents(output)?;
        let staged = output::beside(output)?;
        self.fill(plan, order, &making, (&staged, true), progress)?;
        verify::same(plan, order, &making, &staged, progress)?;
        output::publish(staged, output, self.overwrite)
    }

    fn fill(
        &self,
        plan: &Plan,
        order: Option<&[u64]>,
        making: &Making<'_>,
        (path, overwrite): (&Path, bool),
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut target = Target::begin(plan, making, path, overwrite, progress)?;
        let bytes = plan.joined.iter().map(plan::Joined::bytes).fold(0, u64::saturating_add);
        progress.start("merging", Some(bytes));
        match order {
            None => target.append_all(false, progress)?,
            Some(order) => {
                target.append_all(true, progress)?;
                target.append_ordered(order, progress)?;
            }
        }
        provenance::write(&mut target, order, self.provenance)?;
        target.commit()?;
        progress.finish();
        Ok(())
    }
}
