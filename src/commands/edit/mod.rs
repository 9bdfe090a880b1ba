//! `edit`: changes attributes, elements, links and objects of a file in place, all or nothing.

mod action;
mod slices;
mod values;

use super::open::Reach;
use super::output::printable;
use super::{Command, Outcome, Progress};
use crate::error::{Context, Error, Result};
use crate::{EditOptions, File, Locking};
use action::Action;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Changes attributes, elements, links and objects of a file in place, all or nothing.
///
/// All actions together are one commit: interrupted anywhere, the file holds either what it held
/// before or what it was to hold. Actions are given on the command line, or in a script, one a
/// line, with quotes as in a shell and # for comments:
///
///   set-attr PATH NAME VALUE [TYPE]   sets an attribute, in place of one of the same name
///   rm-attr PATH NAME                 removes one
///   rename-attr PATH NAME NEW         gives one another name
///   write PATH WHERE VALUE            writes elements: one value everywhere, or a list
///   resize PATH SHAPE                 gives a dataset another shape, such as 100,640
///   rm PATH                           removes a link, and the object if it has no other
///   mv PATH NEW                       gives a link another name, in any group
///   ln TARGET PATH                    a further name (hard link) of an object
///   ln-soft TARGET PATH               a soft link
///   ln-external FILE TARGET PATH      a link into another file
///
/// VALUE is a number, true or false, a text, or a list of one of them as in JSON: [1, 2.5] or
/// ["a", "b"]; a text in double quotes is a text whatever it looks like. TYPE says how it is
/// stored: i8 to i64, u8 to u64, f32, f64, bool, str. What is left out is i64 for whole numbers,
/// f64 for others.
///
/// WHERE names a part of a dataset as in Python: 3,4:6 or ::2 or -1, and ... for all of it. It is
/// looked for in the dataset as it was before all actions; its elements keep their type.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:
  h5manager edit run.h5 set-attr /detector/counts unit photons
  h5manager edit run.h5 set-attr / shape '[480, 640]' u16
  h5manager edit run.h5 mv /detector/old /detector/counts
  h5manager edit run.h5 write /image 120,33:36 '[0, 0, 0]'
  h5manager edit run.h5 --dry-run rm /scratch
  h5manager edit run.h5 --script changes.txt     all lines, one commit"
)]
pub struct Edit {
    /// The file.
    file: PathBuf,
    /// Reads actions from this file, one a line; - is the standard input.
    #[arg(long, value_name = "SCRIPT")]
    script: Option<PathBuf>,
    /// Tries everything, and commits nothing.
    #[arg(long)]
    dry_run: bool,
    /// What to do where the file cannot be locked: require the lock, try to get it, or do without.
    #[arg(long, value_name = "HOW", default_value = "require", value_parser = ["require", "try", "none"])]
    lock: String,
    /// Edits a file that says a writer has it open: one that died leaves that mark.
    #[arg(long)]
    ignore_marks: bool,
    /// Uses room that nothing leads to any more, left by what was removed or replaced before. To find it, the file's
    /// metadata are read.
    #[arg(long)]
    reuse_space: bool,
    /// Other files that may be written to where the file leads to them: those with external raw data and the sources of
    /// virtual datasets, also by a commit that was interrupted and is finished now. Those below a folder, `any`, or `deny`.
    #[arg(long, value_name = "deny|FOLDER|any", default_value = "deny")]
    external: Reach,
    /// The action and what it needs.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ACTION")]
    action: Vec<OsString>,
}

impl Command for Edit {
    fn run(&self, out: &mut (dyn Write + Send), _: &dyn Progress) -> Result<Outcome> {
        let actions = self.actions()?;
        let locking = match &*self.lock {
            "try" => Locking::Try,
            "none" => Locking::None,
            _ => Locking::Require,
        };
        let options = EditOptions::new().locking(locking).ignore_marks(self.ignore_marks);
        let options = options.reuse_space(self.reuse_space).external(self.external.0.clone());
        let mut edit = File::edit_with(&self.file, options)?;
        for (place, action) in &actions {
            action.apply(&mut edit).map_err(|e| at(place, e))?;
            writeln!(out, "{action}")?;
        }
        let changes = if actions.len() == 1 { "1 change".into() } else { format!("{} changes", actions.len()) };
        let name = printable(&self.file);
        if self.dry_run {
            writeln!(out, "{name}: {changes} possible; nothing was changed (--dry-run)")?;
        } else {
            edit.commit().on(&name)?;
            writeln!(out, "{name}: {changes} committed")?;
        }
        Ok(Outcome::Fine)
    }
}

impl Edit {
    /// All actions, each with the line of the script that it comes from.
    fn actions(&self) -> Result<Vec<(Option<usize>, Action)>> {
        let mut actions = Vec::new();
        if !self.action.is_empty() {
            let words: Vec<&[u8]> = self.action.iter().map(|word| word.as_encoded_bytes()).collect();
            actions.push((None, Action::parse(&words)?));
        }
        if let Some(script) = &self.script {
            for (i, line) in read(script)?.split(|&b| b == b'\n').enumerate() {
                let place = Some(i + 1);
                let words = action::words(line).map_err(|e| at(&place, e))?;
                if !words.is_empty() {
                    actions.push((place, Action::parse(&words).map_err(|e| at(&place, e))?));
                }
            }
        }
        if actions.is_empty() {
            let message = "nothing to do: give an action, such as set-attr PATH NAME VALUE, or a --script";
            return Err(Error::invalid(message));
        }
        Ok(actions)
    }
}

fn read(script: &Path) -> Result<Vec<u8>> {
    if script != Path::new("-") {
        return std::fs::read(script).map_err(Error::from).on(&printable(script));
    }
    let mut all = Vec::new();
    std::io::stdin().read_to_end(&mut all)?;
    Ok(all)
}

/// An error with the line of the script that it is about.
fn at(place: &Option<usize>, e: Error) -> Error {
    let Some(line) = place else { return e };
    let object = e.object().map_or_else(String::new, |object| format!(": {object}"));
    let mut told = Error::new(e.kind(), e.message()).on(format!("line {line} of the script{object}"));
    if let Some(structure) = e.structure() {
        told = told.in_structure(structure);
    }
    if let Some(address) = e.address() {
        told = told.at(address);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_script_says_what_it_is_once_and_where() {
        let told = |e: Error| at(&Some(3), e).to_string();
        assert_eq!(
            told(Error::unsupported("such links").in_structure("link").at(64).on("/a")),
            "line 3 of the script: /a: link at 0x40: not supported: such links"
        );
        assert_eq!(told(Error::not_found("no such object")), "line 3 of the script: no such object");
        assert_eq!(at(&None, Error::unsupported("such links")).to_string(), "not supported: such links");
    }
}
