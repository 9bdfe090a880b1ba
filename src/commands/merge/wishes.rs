//! What the user asked for, apart from names of files.

use super::rows::Axis;
use crate::commands::open::Opening;
use crate::datatype::Name;

/// What is made of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Rows behind rows
    #[default]
    Concat,
    /// Each file a group of its own
    Group,
    /// Each file a link to it
    Link,
    /// As concat, but the rows stay in their files: a virtual dataset leads to them
    Virtual,
}

/// What is done with a dataset that some file lacks or has in another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Missing {
    /// Nothing is merged
    #[default]
    Error,
    /// It is left out of the result
    Drop,
    /// Its rows get the fill value; smaller rows are filled up to the largest
    Fill,
}

/// Which of datasets that are not joined and differ is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Static {
    /// That of the first file
    First,
    /// That of the last file
    Last,
    /// All: a group in its place has one for each file, by the file's name
    PerSource,
}

/// How rows are joined.
pub(super) struct Wishes<'a> {
    pub(super) axis: Axis,
    pub(super) statics: Option<Static>,
    pub(super) missing: Missing,
    /// Paths that are joined whatever their size, and those that are not.
    pub(super) concat: &'a [String],
    pub(super) keep: &'a [String],
    /// Whether rows come in another order, or not all.
    pub(super) reorders: bool,
    pub(super) opening: &'a Opening,
}

impl Wishes<'_> {
    pub(super) fn joins(&self, path: &Name) -> bool {
        self.concat.iter().any(|of| is_at_or_below(path, of))
    }

    pub(super) fn keeps(&self, path: &Name) -> bool {
        self.keep.iter().any(|of| is_at_or_below(path, of))
    }

    pub(super) fn axis_number(&self) -> usize {
        if let Axis::Number(n) = self.axis { n } else { 0 }
    }
}

/// Whether a path is that of an object or of something in it.
fn is_at_or_below(path: &Name, of: &str) -> bool {
    let of = of.trim_matches('/').as_bytes();
    let path = path.as_bytes().strip_prefix(b"/").unwrap_or(path.as_bytes());
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || of.is_empty() || rest.starts_with(b"/"))
}
