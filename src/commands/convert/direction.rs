//! What is to be converted to what, by the input and the name of the output.

use super::Convert;
use crate::commands::ls::split_path;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// Where a conversion leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// A folder of images → .h5.
    Images,
    /// .h5 → a folder of images.
    Back {
        /// The .h5 file.
        input: PathBuf,
        /// An object in it.
        inside: Option<String>,
    },
}

impl Direction {
    /// Decides; what is not there is left to who opens it.
    pub(super) fn of(options: &Convert) -> Direction {
        let (input, inside) = split_path(&options.input);
        if !input.is_dir() && (has_suffix(&input, &["h5", "hdf5", "hdf", "he5", "nc"]) || is_hdf5(&input)) {
            return Direction::Back { input, inside };
        }
        Direction::Images
    }
}

pub(super) fn has_suffix(path: &std::path::Path, suffixes: &[&str]) -> bool {
    path.extension().is_some_and(|e| suffixes.iter().any(|s| e.eq_ignore_ascii_case(s)))
}

fn is_hdf5(path: &std::path::Path) -> bool {
    let mut head = [0; 8];
    // Opening a named pipe would wait for ever.
    path.is_file()
        && File::open(path).and_then(|mut f| f.read_exact(&mut head)).is_ok()
        && head == *b"\x89HDF\r\n\x1a\n"
}
