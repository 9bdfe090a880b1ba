//! The program's verbs, each a struct whose fields are its options. They use the public API only.

pub mod check;
pub mod convert;
pub mod copy;
pub mod digest;
pub mod edit;
pub mod explain;
mod first_paths;
pub mod ls;
pub mod merge;
pub mod open;
pub(crate) mod output;
pub mod repack;
mod staged_folder;
pub mod stat;
pub mod visualize;

use crate::error::Result;
use crate::image_set;
use std::io::Write;

/// What a command found, and so the exit code of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as it should be: 0.
    Fine,
    /// A difference or a finding, which was reported: 1.
    Finding,
}

/// Where a command says how far it is. All methods may be called from any thread.
pub trait Progress: Sync {
    /// A piece of work begins: `total` steps of `unit` where that is known.
    fn start(&self, what: &str, total: Option<u64>);
    /// `steps` more are done.
    fn advance(&self, steps: u64);
    /// The piece of work is over; the bar goes away.
    fn finish(&self);
    /// A line for the user that is not a result: a notice or a warning.
    fn notice(&self, text: &str);
    /// Whether the user asked to stop (Ctrl-C); long work asks now and then.
    fn stopped(&self) -> bool {
        false
    }
}

/// Says nothing: for `--quiet`, tests and library use.
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
    fn notice(&self, _: &str) {}
}

/// One verb of the program.
pub trait Command {
    /// Does the work; results go to `out`, everything else to `progress`.
    ///
    /// # Errors
    /// What stopped it, in one line that says what to do.
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome>;
}
