//! `copy`: an object of one file, with all below it, into another file.

use super::open::Opening;
use super::{Command, Outcome, Progress, output};
use crate::copy::CopyOptions;
use crate::error::{Error, Result};
use crate::{CreateOptions, File, LibVer, Object};
use std::io::Write;
use std::path::PathBuf;

/// Copies an object, with everything below it, into another file: links, attributes, references and committed datatypes
/// with it.
///
/// What is in the other file stays; it is written anew and takes its name when it is whole. References to objects that
/// are not copied become null, without --expand-references.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  h5manager copy run.h5 /images photos.h5                a dataset under the same name
  h5manager copy run.h5 /day1/images photos.h5 /images   under another name
  h5manager copy run.h5 /day1 days.h5 /2026/day1 --shallow --parents
  h5manager copy run.h5 / all.h5 /run                    a whole file as a group")]
pub struct Copy {
    /// The file with the object.
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// The object's path.
    #[arg(value_name = "OBJECT")]
    object: String,
    /// The file that gets the copy; it is made if it is not there.
    #[arg(value_name = "FILE2")]
    output: PathBuf,
    /// The path of the copy [default: as OBJECT].
    #[arg(value_name = "OBJECT2")]
    target: Option<String>,
    /// Make the groups on the way to OBJECT2.
    #[arg(short, long)]
    parents: bool,
    /// Of a group only what is directly in it; groups in it stay empty.
    #[arg(short, long)]
    shallow: bool,
    /// Copy what soft links lead to, in their place.
    #[arg(long)]
    follow_soft: bool,
    /// Copy what external links lead to, in their place.
    #[arg(long)]
    follow_external: bool,
    /// Copy what references lead to, too, where it is not below OBJECT; no link leads to such copies.
    #[arg(long)]
    expand_references: bool,
    /// Leave attributes out.
    #[arg(long)]
    without_attributes: bool,
    /// The oldest libhdf5 that is to read the other file: earliest, v18, v110, v112, v114, v200, latest.
    #[arg(long, value_name = "VERSION", default_value_t)]
    libver: LibVer,
    /// How files are opened.
    #[command(flatten)]
    pub opening: Opening,
}

impl Command for Copy {
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        let file = self.opening.open(&self.input)?;
        let object = file.object(&self.object)?;
        let target = self.target.as_deref().unwrap_or(&self.object);
        let there = if self.output.exists() { Some(self.opening.open(&self.output)?) } else { None };
        self.check(there.as_ref(), target)?;
        output::make_parents(&self.output)?;
        let create = CreateOptions::new().overwrite(true).libver(self.libver);
        let mut new = File::create_with(&self.output, create)?;
        let watch = |bytes| {
            progress.advance(bytes);
            output::stop_if_asked(progress)
        };
        progress.start("copying", Some(file.size() + there.as_ref().map_or(0, File::size)));
        if let Some(there) = &there {
            // All of it, with what no link leads to.
            let whole = CopyOptions::new().expand_references(true);
            new.copy_from_watched(&Object::Group(there.root()?), "/", &whole, &watch)?;
        }
        let options = CopyOptions::new()
            .shallow(self.shallow)
            .follow_soft(self.follow_soft)
            .follow_external(self.follow_external)
            .expand_references(self.expand_references)
            .without_attributes(self.without_attributes);
        new.copy_from_watched(&object, target, &options, &watch)?;
        new.commit()?;
        progress.finish();
        let (from, to) = (output::printable(&self.input), output::printable(&self.output));
        writeln!(out, "{from}::{} copied to {to}::{target}", self.object)?;
        Ok(Outcome::Fine)
    }
}

impl Copy {
    /// Refuses a place that is taken, or that has no group to be in.
    fn check(&self, there: Option<&File>, target: &str) -> Result<()> {
        let names: Vec<&str> = target.split('/').filter(|n| !n.is_empty()).collect();
        let Some((_, parents)) = names.split_last() else {
            let message = "a copy needs a name in the other file; say it as OBJECT2, for example /copy";
            return Err(Error::invalid(message));
        };
        let output = output::printable(&self.output);
        let root = there.map(File::root).transpose()?;
        if let Some(root) = &root
            && root.contains(target)?
        {
            let message = format!("{output} has {target} already; choose another OBJECT2");
            return Err(Error::conflict(message));
        }
        let parent = parents.join("/");
        let missing = !parents.is_empty() && !root.map_or(Ok(false), |r| r.contains(&parent))?;
        if missing && !self.parents {
            let message = format!("{output} has no group /{parent}; add --parents to make it");
            return Err(Error::not_found(message));
        }
        Ok(())
    }
}
