//! What objects are called: the first path by which the walk of a file comes to each, for references to them.

use crate::datatype::Name;
use crate::{File, Visited};
use std::collections::HashMap;
use std::sync::OnceLock;

/// The first path of every object. Found by a walk of its own when the first one is asked for.
pub(super) struct FirstPaths<'a> {
    file: &'a File,
    paths: OnceLock<HashMap<u64, Name>>,
}

impl<'a> FirstPaths<'a> {
    pub(super) fn new(file: &'a File) -> FirstPaths<'a> {
        FirstPaths { file, paths: OnceLock::new() }
    }

    pub(super) fn file(&self) -> &'a File {
        self.file
    }

    /// The path of the object whose header is at `address`; `None` where the walk does not come.
    pub(super) fn get(&self, address: u64) -> Option<&Name> {
        let paths = self.paths.get_or_init(|| {
            let objects = self.file.walk().flatten().filter_map(|visit| match visit.what() {
                Visited::Object(object) => Some((object.address(), visit.path().clone())),
                _ => None,
            });
            objects.collect()
        });
        paths.get(&address)
    }
}
