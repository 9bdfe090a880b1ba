//! Format bounds: the oldest libhdf5 that a file is to be read by, which decides the versions of what is written.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The oldest release of libhdf5 that reads a file: the "low bound" of its API, under its names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LibVer {
    /// Whatever there ever was.
    Earliest,
    /// libhdf5 1.8.
    #[default]
    V18,
    /// libhdf5 1.10.
    V110,
    /// libhdf5 1.12.
    V112,
    /// libhdf5 1.14.
    V114,
    /// libhdf5 2.0.
    V200,
}

impl LibVer {
    /// The newest.
    pub const LATEST: LibVer = LibVer::V200;

    const NAMES: [(LibVer, &'static str); 6] = [
        (LibVer::Earliest, "earliest"),
        (LibVer::V18, "v18"),
        (LibVer::V110, "v110"),
        (LibVer::V112, "v112"),
        (LibVer::V114, "v114"),
        (LibVer::V200, "v200"),
    ];
}

impl fmt::Display for LibVer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(bound, _)| bound == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for LibVer {
    type Err = Error;

    /// "earliest", "v18", "v110", "v112", "v114", "v200", "latest".
    fn from_str(name: &str) -> Result<LibVer> {
        if name == "latest" {
            return Ok(LibVer::LATEST);
        }
        let found = Self::NAMES.iter().find(|(_, known)| *known == name).map(|(bound, _)| *bound);
        found.ok_or_else(|| {
            Error::invalid(format!("no format bound {name}: there are earliest, v18, v110, v112, v114, v200, latest"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_known_by_their_names_and_in_order() {
        for (bound, name) in LibVer::NAMES {
            assert_eq!(bound.to_string(), name);
            assert_eq!(name.parse::<LibVer>().unwrap(), bound);
        }
        assert_eq!("latest".parse::<LibVer>().unwrap(), LibVer::V200);
        assert!("v16".parse::<LibVer>().is_err());
        assert!(LibVer::Earliest < LibVer::V18 && LibVer::V18 == LibVer::default());
    }
}
