//! What a merge will do: decided, and every conflict found, before a byte is written.

use super::classes::{CLASS_NAMES, Classes};
use super::inputs::{Input, same_attribute};
use crate::Dataset;
use crate::commands::ls::shape_text;
use crate::datatype::Datatype;
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeSet;

/// Bytes compared at a time.
const BLOCK: u64 = 4 << 20;

/// A checked merge.
pub(super) struct Plan {
    pub(super) inputs: Vec<Input>,
    pub(super) joined: Vec<Joined>,
    /// Datasets that are the same in all files.
    pub(super) kept: Vec<String>,
    pub(super) classes: Option<Classes>,
    pub(super) warnings: Vec<String>,
}

/// A dataset whose rows of all files are put one behind the other.
pub(super) struct Joined {
    pub(super) path: String,
    pub(super) shape: Vec<u64>,
    pub(super) datatype: Datatype,
    pub(super) rows: u64,
    /// Rows whose chunks are copied as they are.
    pub(super) raw_rows: u64,
}

impl Plan {
    /// Checks that the inputs fit together. The error lists all conflicts.
    pub(super) fn new(inputs: Vec<Input>) -> Result<Plan> {
        let mut plan = Plan { inputs, joined: Vec::new(), kept: Vec::new(), classes: None, warnings: Vec::new() };
        let mut conflicts = Vec::new();
        let paths: BTreeSet<String> = plan.inputs.iter().flat_map(|i| i.datasets.keys().cloned()).collect();
        for path in &paths {
            match plan.treat(path) {
                Ok(Treatment::Join(joined)) => plan.joined.push(joined),
                Ok(Treatment::Keep) => plan.kept.push(path.clone()),
                Err(found) => conflicts.extend(found),
            }
        }
        for input in &plan.inputs {
            let what =
                |(path, what): (&String, &&str)| format!("{}::{path} is {what}, which is not merged yet", input.name());
            conflicts.extend(input.unsupported.iter().map(what));
        }
        if !conflicts.is_empty() {
            let message = format!("nothing was merged, the files do not fit together:\n  {}", conflicts.join("\n  "));
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        plan.classes = Classes::unite(&plan.inputs, plan.joined.iter().map(|j| j.path.as_str()))?;
        plan.count_raw_rows();
        plan.compare_attributes()?;
        Ok(plan)
    }

    /// The number of rows of the merged file.
    pub(super) fn rows(&self) -> u64 {
        self.inputs.iter().map(|i| i.rows).sum()
    }

    /// The dataset at `path` of each input; all are there.
    pub(super) fn datasets(&self, path: &str) -> Vec<&Dataset> {
        self.inputs.iter().filter_map(|i| i.datasets.get(path)).collect()
    }

    fn treat(&self, path: &str) -> Result<Treatment, Vec<String>> {
        let mut conflicts = Vec::new();
        let mut found: Vec<(&Input, &Dataset)> = Vec::new();
        for input in &self.inputs {
            match input.datasets.get(path) {
                Some(dataset) => found.push((input, dataset)),
                None => conflicts.push(format!("{}::{path} is missing, other files have it", input.name())),
            }
        }
        let Some((&(first_input, first), rest)) = found.split_first() else {
            return Err(conflicts);
        };
        if let Err(e) = first.datatype().in_new_file() {
            return Err(vec![format!("{}::{path}: {e}", first_input.name())]);
        }
        let by_row = |(input, d): &(&Input, &Dataset)| d.shape().first() == Some(&input.rows);
        let join = found.iter().all(by_row);
        for (input, dataset) in rest {
            let differs = |what: &str, here: String, there: String| {
                format!("{}::{path}: {what} {here}, in {} it is {there}", input.name(), first_input.name())
            };
            if dataset.datatype() != first.datatype() {
                conflicts.push(differs("type", dataset.datatype().to_string(), first.datatype().to_string()));
            }
            let (here, there) = (dataset.shape(), first.shape());
            let same = if join { here[1..] == there[1..] } else { here == there };
            if !same {
                conflicts.push(differs("shape", shape_text(Some(here)), shape_text(Some(there))));
            }
        }
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        if join {
            let mut shape = first.shape().to_vec();
            shape[0] = self.rows();
            let (rows, datatype) = (shape[0], first.datatype().clone());
            return Ok(Treatment::Join(Joined { path: path.into(), shape, datatype, rows, raw_rows: 0 }));
        }
        for (input, dataset) in rest {
            if !same_elements(first, dataset).map_err(|e| vec![e.to_string()])? {
                let files = format!("{} and {}", first_input.name(), input.name());
                conflicts.push(format!("{path} has not one row a sample, and differs between {files}"));
            }
        }
        if conflicts.is_empty() { Ok(Treatment::Keep) } else { Err(conflicts) }
    }

    /// Chunks can be copied as they are while everything before them filled whole chunks.
    fn count_raw_rows(&mut self) {
        for j in 0..self.joined.len() {
            let path = self.joined[j].path.clone();
            let renumbered = |i: usize| self.classes.as_ref().is_some_and(|c| c.path == path && !c.keeps(i));
            let datasets = self.datasets(&path);
            let (mut start, mut raw) = (0, 0);
            for (i, dataset) in datasets.iter().enumerate() {
                if !renumbered(i) {
                    raw += raw_rows(datasets[0], dataset, start, i + 1 == datasets.len());
                }
                start += dataset.shape().first().copied().unwrap_or(0);
            }
            self.joined[j].raw_rows = raw;
        }
    }

    /// Attributes that differ: those of the first file are kept, with a warning.
    fn compare_attributes(&mut self) -> Result<()> {
        let mut warnings = Vec::new();
        let Some((first, rest)) = self.inputs.split_first() else {
            return Ok(());
        };
        for input in rest {
            for (path, group) in &input.groups {
                let Some(there) = first.groups.get(path) else {
                    continue;
                };
                for attribute in group.attributes()?.into_iter().flatten() {
                    let name = attribute.name().to_text();
                    // Where a file comes from is not the same for any two.
                    if PROVENANCE.contains(&&*name) && path == "/" {
                        continue;
                    }
                    if there.attribute(&name)?.is_some_and(|a| !same_attribute(&a, &attribute)) {
                        let files = format!("{} and {}", first.name(), input.name());
                        warnings.push(format!("attribute {path}@{name} differs between {files}; the first is kept"));
                    }
                }
            }
            for (path, dataset) in &input.datasets {
                let Some(there) = first.datasets.get(path) else {
                    continue;
                };
                for attribute in dataset.attributes()?.into_iter().flatten() {
                    let name = attribute.name().to_text();
                    if *name == *CLASS_NAMES {
                        continue;
                    }
                    if there.attribute(&name)?.is_some_and(|a| !same_attribute(&a, &attribute)) {
                        let files = format!("{} and {}", first.name(), input.name());
                        warnings.push(format!("attribute {path}@{name} differs between {files}; the first is kept"));
                    }
                }
            }
        }
        self.warnings.extend(warnings);
        Ok(())
    }
}

/// Attributes of the root that say where a file comes from.
pub(super) const PROVENANCE: [&str; 2] = ["source", "options"];

enum Treatment {
    Join(Joined),
    Keep,
}

/// Rows of `dataset` whose chunks can be copied as they are into a dataset made like `model`, behind `start` rows.
pub(super) fn raw_rows(model: &Dataset, dataset: &Dataset, start: u64, last: bool) -> u64 {
    let (Some(chunk), Some(&rows)) = (dataset.chunk_shape(), dataset.shape().first()) else {
        return 0;
    };
    let plain = !dataset.datatype().has_references_to_file();
    let alike = plain && model.chunk_shape() == Some(chunk) && model.filters() == dataset.filters();
    if !alike || !start.is_multiple_of(chunk[0]) {
        return 0;
    }
    // The last chunk of the last file may reach beyond its rows; others would leave a gap.
    if last { rows } else { rows / chunk[0] * chunk[0] }
}

/// Whether two datasets of the same type and shape hold the same elements.
fn same_elements(a: &Dataset, b: &Dataset) -> Result<bool> {
    for block in a.blocks(BLOCK) {
        let (a, b) = (a.select(block.clone())?, b.select(block)?);
        let same = if a.dataset().datatype().has_references_to_file() {
            a.values()? == b.values()?
        } else {
            a.read_stored()? == b.read_stored()?
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}
