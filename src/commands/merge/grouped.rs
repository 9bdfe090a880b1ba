//! The modes that join nothing: each file becomes a group, or a link to it.

use super::inputs::{self, Stamp, in_file};
use super::plan::below;
use super::wishes::Mode;
use super::{Merge, places};
use crate::commands::repack::verify::same_below;
use crate::commands::{Outcome, Progress, output};
use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use crate::{CopyOptions, CreateOptions, File, FileMut, LinkTarget, NewLayout, Object, Storage};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Part {
    path: PathBuf,
    shown: String,
    name: Arc<str>,
    stamp: Stamp,
}

impl Merge {
    /// Makes each file a group of its own, or a link.
    pub(super) fn group(
        &self,
        paths: Vec<PathBuf>,
        output: &Path,
        out: &mut dyn Write,
        progress: &dyn Progress,
    ) -> Result<Outcome> {
        let names = inputs::short_names(&paths);
        let (mut parts, mut conflicts) = (Vec::new(), Vec::new());
        for (path, name) in paths.into_iter().zip(names) {
            let shown = output::printable(&path);
            let looked = Stamp::of(&path).and_then(|stamp| self.opening.open(&path)?.root().map(|_| stamp));
            match looked {
                Ok(stamp) => parts.push(Part { path, shown, name, stamp }),
                Err(e) => conflicts.push(format!("{shown}: {}", e.message())),
            }
        }
        if !conflicts.is_empty() {
            let message = format!("nothing was merged:\n  {}", conflicts.join("\n  "));
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        if !self.dry_run {
            output::make_parents(output)?;
            if self.verify {
                let staged = output::beside(output)?;
                self.make(&parts, (&staged, true), output, progress)?;
                self.compare(&parts, &staged, progress)?;
                output::publish(staged, output, self.overwrite)?;
            } else {
                self.make(&parts, (output, self.overwrite), output, progress)?;
            }
        }
        self.told(&parts, output, out)?;
        Ok(Outcome::Fine)
    }

    fn make(
        &self,
        parts: &[Part],
        (path, overwrite): (&Path, bool),
        output: &Path,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut new = File::create_with(path, CreateOptions::new().overwrite(overwrite).libver(self.libver))?;
        let total = parts.iter().map(|p| p.stamp.size()).sum();
        progress.start("merging", Some(total));
        for part in parts {
            output::stop_if_asked(progress)?;
            match self.mode {
                Mode::Link => {
                    let file = places::relative(&part.path, output);
                    new.root().link_external(part.name.as_bytes(), file.as_bytes(), "/")?;
                }
                _ => self.copy(part, &mut new, output, progress)?,
            }
        }
        parts.iter().try_for_each(|p| inputs::check(&p.path, &p.stamp))?;
        let sources: Vec<&str> = parts.iter().map(|p| p.shown.as_str()).collect();
        new.set_attribute("tool", concat!("h5manager ", env!("CARGO_PKG_VERSION")))?;
        new.set_attribute("source", &sources)?;
        new.commit()?;
        progress.finish();
        Ok(())
    }

    fn copy(&self, part: &Part, new: &mut FileMut, output: &Path, progress: &dyn Progress) -> Result<()> {
        let file = inputs::open(&part.path, &part.stamp, &self.opening)?;
        let watch = |bytes| {
            progress.advance(bytes);
            output::stop_if_asked(progress)
        };
        let root = Object::Group(file.root()?);
        let (group, from, to) = (below(&Name::from("/"), &part.name), part.path.clone(), output.to_owned());
        let options = CopyOptions::new()
            .relink(move |target| relinked(target, &group, (&from, &to)))
            // What leads to other places would lead to wrong ones: the elements themselves are copied.
            .storage(|dataset| {
                let layout = (dataset.layout() == "virtual").then_some(NewLayout::Contiguous);
                Ok(Storage { layout, filters: None })
            });
        let copied = new.copy_from_watched(&root, part.name.as_bytes(), &options, &watch);
        copied.map_err(|e| match e.kind() {
            ErrorKind::Io | ErrorKind::Interrupted | ErrorKind::Conflict => e,
            _ => in_file(&part.path, e),
        })
    }

    /// Reads all files and their groups, which must hold the same.
    fn compare(&self, parts: &[Part], staged: &Path, progress: &dyn Progress) -> Result<()> {
        progress.start("verifying", None);
        let copy = self.opening.open(staged)?;
        for part in parts {
            let file = inputs::open(&part.path, &part.stamp, &self.opening)?;
            let group = format!("/{}", part.name);
            same_below(&file, (&copy, &group), progress).map_err(|e| in_file(&part.path, e))?;
        }
        progress.finish();
        Ok(())
    }

    fn told(&self, parts: &[Part], output: &Path, out: &mut dyn Write) -> Result<()> {
        let output = output::printable(output);
        let what = if self.mode == Mode::Link { "links" } else { "groups" };
        if self.json {
            let inputs = parts.iter().map(|p| serde_json::json!({"file": p.shown, "path": format!("/{}", p.name)}));
            let report = serde_json::json!({
                "output": output, "written": !self.dry_run, "mode": what.trim_end_matches('s'),
                "verified": self.verify && !self.dry_run, "inputs": inputs.collect::<Vec<_>>(),
            });
            return Ok(writeln!(out, "{report}")?);
        }
        let verb = if self.dry_run { "would make" } else { "made" };
        let verified = if self.verify && !self.dry_run { ", verified" } else { "" };
        writeln!(out, "{verb} {} {what} in {output}{verified}", parts.len())?;
        for part in parts {
            writeln!(out, "  /{}  {}", part.name, part.shown)?;
        }
        Ok(())
    }
}

/// A link from within a group: what begins at the root of the file begins at the group.
fn relinked(target: &LinkTarget, group: &Name, (from, to): (&Path, &Path)) -> LinkTarget {
    match target {
        LinkTarget::Soft(path) if path.as_bytes().starts_with(b"/") => {
            LinkTarget::Soft(Name::from_bytes(&[group.as_bytes(), path.as_bytes()].concat()))
        }
        LinkTarget::External { file, path } => {
            LinkTarget::External { file: places::moved(file, from, to), path: path.clone() }
        }
        other => other.clone(),
    }
}
