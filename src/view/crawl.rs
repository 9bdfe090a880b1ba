//! Every object of a file, nearest to the root first, some at a time.

use super::listing::{Links, follow, path_below};
use crate::error::Result;
use crate::{File, Link, LinkTarget, Object};
use std::collections::{HashSet, VecDeque};

/// Links that are looked at in one go: so long a request for something else waits.
const AT_ONCE: usize = 1000;

/// How far it has come.
#[derive(Default)]
pub(super) struct Crawl {
    /// Groups that wait: path, address of the header.
    groups: VecDeque<(String, u64)>,
    /// The links of the first of them, and how many are done.
    current: Option<(Links, usize)>,
    seen: HashSet<u64>,
    /// Links that were looked at.
    pub(super) visited: u64,
}

/// A link that a crawl came by: its path, and the object, if that is met for the first time and can be read.
pub(super) struct Met {
    pub(super) path: String,
    pub(super) link: Link,
    pub(super) object: Option<Result<Object>>,
}

impl Crawl {
    pub(super) fn new(root: u64) -> Crawl {
        let groups = VecDeque::from([("/".to_owned(), root)]);
        Crawl { groups, seen: HashSet::from([root]), ..Crawl::default() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.groups.is_empty()
    }

    /// The next links. They are not done before [`commit`](Crawl::commit): what lies in bytes that are not there yet is
    /// looked at again.
    pub(super) fn look(&mut self, file: &File) -> Vec<Met> {
        let mut found = Vec::new();
        let Some((path, address)) = self.groups.front() else {
            return found;
        };
        let Ok(Object::Group(group)) = file.object_at(*address) else {
            return found;
        };
        if self.current.is_none() {
            self.current = Links::of(&group, path, false).ok().map(|links| (links, 0));
        }
        let Some((links, done)) = &self.current else {
            return found;
        };
        let mut here = HashSet::new();
        for link in links.found.iter().skip(*done).take(AT_ONCE).flatten() {
            let is_new = match link.target() {
                LinkTarget::Hard(address) => !self.seen.contains(address) && here.insert(*address),
                _ => false,
            };
            let object = is_new.then(|| follow(&group, link));
            found.push(Met { path: path_below(path, link), link: link.clone(), object });
        }
        found
    }

    /// Notes that what [`look`](Crawl::look) gave is done.
    pub(super) fn commit(&mut self, found: &[Met]) {
        for met in found {
            match (met.link.target(), &met.object) {
                (LinkTarget::Hard(address), Some(Ok(Object::Group(_)))) => {
                    self.seen.insert(*address);
                    self.groups.push_back((met.path.clone(), *address));
                }
                (LinkTarget::Hard(address), Some(_)) => drop(self.seen.insert(*address)),
                _ => {}
            }
        }
        self.visited += found.len() as u64;
        let ended = match &mut self.current {
            Some((links, done)) => {
                *done += AT_ONCE;
                *done >= links.found.len()
            }
            None => true,
        };
        if ended {
            self.groups.pop_front();
            self.current = None;
        }
    }

    /// Forgets the links of the current group, which may not have been listed whole.
    pub(super) fn forget(&mut self) {
        if self.current.as_ref().is_some_and(|(_, done)| *done == 0) {
            self.current = None;
        }
    }
}
