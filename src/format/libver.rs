//! The libraries that a new file is made for: the oldest libhdf5 that is to read it, by which the versions of all
//! structures are chosen.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The oldest libhdf5 that reads a new file; everything later does too. It is what libhdf5 calls the low bound of library
/// versions (`H5Pset_libver_bounds`, h5py's `libver`): structures are written in the newest form that this library knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LibVer {
    /// The oldest form of everything: superblock 0, groups as symbol tables. libhdf5 1.6, MATLAB, IDL and most readers
    /// that are not libhdf5 know nothing else. What it cannot say (a creation order, say) takes the oldest form that can.
    Earliest,
    /// libhdf5 1.8.
    #[default]
    V18,
    /// libhdf5 1.10: the chunk indexes that are faster than B-trees.
    V110,
    /// libhdf5 1.12.
    V112,
    /// libhdf5 1.14.
    V114,
    /// libhdf5 2.0.
    V200,
}

const NAMES: [(LibVer, &str); 6] = [
    (LibVer::Earliest, "earliest"),
    (LibVer::V18, "v18"),
    (LibVer::V110, "v110"),
    (LibVer::V112, "v112"),
    (LibVer::V114, "v114"),
    (LibVer::V200, "v200"),
];

impl LibVer {
    /// The newest form of everything.
    pub const LATEST: LibVer = LibVer::V200;
}

impl fmt::Display for LibVer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(bound, _)| bound == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for LibVer {
    type Err = Error;

    /// By the names that h5py uses, "latest" among them.
    fn from_str(name: &str) -> Result<LibVer> {
        let known = NAMES.iter().find(|(_, known)| *known == name).map(|(bound, _)| *bound);
        known.or((name == "latest").then_some(LibVer::LATEST)).ok_or_else(|| {
            let names = NAMES.map(|(_, name)| name).join(", ");
            Error::invalid(format!("library version {name:?}: {names} and latest are known"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_bounds_are_in_order() {
        for (bound, name) in NAMES {
            assert_eq!((bound.to_string(), name.parse().unwrap()), (name.to_owned(), bound));
        }
        assert_eq!("latest".parse::<LibVer>().unwrap(), LibVer::LATEST);
        assert!(NAMES.windows(2).all(|n| n[0].0 < n[1].0));
        let error = "v17".parse::<LibVer>().unwrap_err().to_string();
        assert!(error.contains("earliest, v18"), "{error}");
    }
}
