//! What is to be converted to what, by the input and the name of the output.

use super::Convert;
use super::arrays::{self, Kind};
use crate::commands::ls::split_path;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where a conversion leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// A folder of images → .h5.
    Images,
    /// Arrays and tables, or a folder of them → .h5.
    Take,
    /// .h5 → a folder of images.
    Back {
        /// The .h5 file.
        input: PathBuf,
        /// An object in it.
        inside: Option<String>,
    },
    /// .h5 → an array or a table.
    Give {
        /// The .h5 file.
        input: PathBuf,
        /// An object in it.
        inside: Option<String>,
        /// What is written.
        kind: Kind,
    },
}

impl Direction {
    /// Decides; what is not there is left to who opens it.
    pub(super) fn of(options: &Convert) -> Direction {
        let (input, inside) = split_path(&options.input);
        if input.is_dir() {
            let take = options.arrays.arrays || arrays::is_tree(&input);
            return if take { Direction::Take } else { Direction::Images };
        }
        if has_suffix(&input, &["h5", "hdf5", "hdf", "he5", "nc"]) || begins(&input, b"\x89HDF\r\n\x1a\n") {
            return match Kind::of(&options.output) {
                Some(kind) => Direction::Give { input, inside, kind },
                None => Direction::Back { input, inside },
            };
        }
        if input.is_file() && (arrays::is_array_file(&input) || begins(&input, b"\x93NUMPY")) {
            return Direction::Take;
        }
        Direction::Images
    }
}

fn has_suffix(path: &Path, suffixes: &[&str]) -> bool {
    path.extension().is_some_and(|e| suffixes.iter().any(|s| e.eq_ignore_ascii_case(s)))
}

fn begins(path: &Path, magic: &[u8]) -> bool {
    let mut head = vec![0; magic.len()];
    // Opening a named pipe would wait for ever.
    path.is_file() && File::open(path).and_then(|mut f| f.read_exact(&mut head)).is_ok() && head == magic
}
