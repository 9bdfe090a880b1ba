//! How commands open the files that they read.

use crate::error::Result;
use crate::{External, File, OpenOptions};
use std::path::Path;
use std::str::FromStr;

/// The options of every command that reads HDF5 files.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Opening {
    /// Other files that may be read where a file leads to them, by external links, virtual datasets or external raw
    /// data: those below a folder, `any`, or `deny` for none [default: those below the file's own folder].
    #[arg(long, value_name = "deny|FOLDER|any")]
    pub external: Option<Reach>,
}

/// [`External`] as it is written on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(pub External);

impl FromStr for Reach {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Reach, Self::Err> {
        Ok(Reach(match text {
            "deny" => External::Deny,
            "any" => External::Any,
            folder => External::Beneath(folder.into()),
        }))
    }
}

impl Opening {
    /// Which other files may be read.
    pub(crate) fn policy(&self) -> External {
        self.external.clone().unwrap_or_default().0
    }

    /// Opens a file for reading.
    pub(crate) fn open(&self, path: impl AsRef<Path>) -> Result<File> {
        OpenOptions::new().external(self.policy()).open(path)
    }
}
