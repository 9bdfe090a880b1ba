//! What the view asks of a file beside its pictures: the lines of its tree.

pub(super) use crate::image_set::source::*;

use crate::Object;
use crate::error::Result;

/// One line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Branch {
    /// Of the root: 0.
    pub(super) depth: usize,
    /// The last of its group.
    pub(super) last: bool,
    /// Printable.
    pub(super) name: String,
    pub(super) path: String,
    /// Where the object is, for names that are no text.
    pub(super) address: Option<u64>,
    pub(super) kind: Kind,
    /// Shape and type of a dataset, the target of a link, the text of an error; printable.
    pub(super) detail: String,
}

/// What a line of the tree stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Group,
    Dataset,
    Datatype,
    /// A soft or external link, or a second way to an object shown before.
    Link,
    /// A branch that cannot be read.
    Damaged,
}

/// A file, as far as the view needs one.
pub(super) trait Browse: Source {
    /// The lines of the tree in order, made while they are asked for: a file may have more of them than anybody reads.
    fn tree<'a>(&'a self) -> Box<dyn Iterator<Item = Branch> + 'a>;

    /// The object of a line of the tree.
    ///
    /// # Errors
    /// It cannot be read, or leads nowhere.
    fn object(&self, path: &str, address: Option<u64>) -> Result<Object>;
}

#[cfg(test)]
impl Browse for memory::Memory {
    fn tree<'a>(&'a self) -> Box<dyn Iterator<Item = Branch> + 'a> {
        let root = Branch {
            depth: 0,
            last: true,
            name: "/".into(),
            path: "/".into(),
            address: None,
            kind: Kind::Group,
            detail: String::new(),
        };
        let is_sibling = |a: &Facts, b: &Facts| a.group() == b.group();
        let children = self.datasets.iter().enumerate().map(move |(i, (f, _))| Branch {
            depth: f.path.matches('/').count(),
            last: !self.datasets.iter().skip(i + 1).any(|(other, _)| is_sibling(f, other)),
            name: f.name().into(),
            path: f.path.clone(),
            address: None,
            kind: Kind::Dataset,
            detail: super::text::shape(&f.shape),
        });
        Box::new(std::iter::once(root).chain(children))
    }

    fn object(&self, path: &str, _: Option<u64>) -> Result<Object> {
        Err(crate::Error::not_found(format!("{path} is in memory")))
    }
}
