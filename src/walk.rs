//! Walking a file: every object once.

use crate::bytes::{Address, Short};
use crate::error::{Error, Result};
use crate::format::message::datatype::Name;
use crate::group::{Access, Link, LinkTarget, Object};
use foldhash::HashMap;
use rayon::prelude::*;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Links of a group that [`par_walk`] takes at a time.
const BATCH: usize = 1024;

/// How many objects and links are looked at ahead at a time, and how many groups inside one another are gone into for that.
const AHEAD: usize = 2048;
const DEPTH_AHEAD: usize = 8;

/// Everything in a file, depth first, the links of a group by the bytes of their names. Made by [`File::walk`] and
/// [`Group::walk`].
///
/// [`File::walk`]: crate::File::walk
pub struct Walk(Trail<Visit>);

/// What is walked, and what the object that a walk begins with is called, and where its header is.
pub(crate) type Beginning = (Arc<Access>, Name, Address);

/// One step of a walk.
pub struct Visit {
    path: Name,
    what: Visited,
    depth: usize,
    last: bool,
    creation_order: Option<i64>,
}

/// What a walk comes by.
#[non_exhaustive]
pub enum Visited {
    /// An object, for the first time.
    Object(Object),
    /// A further hard link to an object; the path is that of the first time.
    Again(Name),
    /// A link that is no hard one; it is not followed.
    Link(LinkTarget),
}

impl Visit {
    /// The path, from the root, by the names' bytes.
    pub fn path(&self) -> &Name {
        &self.path
    }

    /// Links from the root: 0 is the root itself.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// When the link to it was made, counted from the group's first link; `None` where the group keeps no such count.
    pub fn creation_order(&self) -> Option<i64> {
        self.creation_order
    }

    /// Whether it is the last of its group.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// What is there.
    pub fn what(&self) -> &Visited {
        &self.what
    }
}

impl Walk {
    pub(crate) fn new(beginning: Beginning) -> Walk {
        Walk(Trail::new(beginning, 1))
    }

    /// Leaves out what is in the group that came last: the walk goes on behind it.
    pub fn skip_group(&mut self) {
        self.0.skip_group();
    }
}

impl Iterator for Walk {
    type Item = Result<Visit>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.step(&|visit| visit)
    }
}

/// As [`Walk`], on all threads: see [`File::par_walk`](crate::File::par_walk).
pub(crate) fn par_walk<T: Send>(
    beginning: Beginning,
    look: impl Fn(Visit) -> T + Sync,
    mut each: impl FnMut(Result<T>) -> Result<()> + Send,
) -> Result<()> {
    let look = &look;
    let walk = move || {
        let mut trail = Trail::new(beginning, BATCH);
        while let Some(step) = trail.step(look) {
            each(step)?;
        }
        Ok(())
    };
    // In the pool, where sharing work need not wake anybody up for each batch.
    rayon::join(walk, || ()).0
}

/// Where a walk is, and what it knows.
struct Trail<T> {
    access: Arc<Access>,
    /// What is still to come: on top what comes next, below that what comes behind all of it.
    stack: Vec<Level<T>>,
    /// Which of `paths` was the first to each object, by the address of its header.
    seen: Seen,
    /// One behind the other.
    paths: Vec<u8>,
    /// Whether what came last is a group, whose links come next.
    entered: bool,
    /// How many links are taken at a time.
    batch: usize,
}

type Seen = HashMap<u64, Range<usize>>;

/// What is still to come of a group.
struct Level<T> {
    path: Name,
    next: VecDeque<Result<Next<T>>>,
    /// What comes behind `next`; looking ahead tells which one is the last.
    links: std::iter::Peekable<Box<dyn Iterator<Item = Result<Link>> + Send>>,
}

/// What comes next: a link that nobody has followed yet.
struct Next<T> {
    visit: Visit,
    /// What was made of the object that it leads to, if that was looked at ahead, and what is in it if it is a group.
    looked: Option<(T, Option<Box<Level<T>>>)>,
}

impl<T> Level<T> {
    fn new(path: Name, links: Box<dyn Iterator<Item = Result<Link>> + Send>) -> Level<T> {
        Level { path, next: VecDeque::new(), links: links.peekable() }
    }

    fn of(object: &Object, path: &Name) -> Option<Level<T>> {
        let Object::Group(group) = object else {
            return None;
        };
        let links: Box<dyn Iterator<Item = _> + Send> = match group.links() {
            Ok(links) => Box::new(links),
            Err(e) => Box::new(std::iter::once(Err(e))),
        };
        Some(Level::new(path.clone(), links))
    }

    /// Takes the next links, at most `most`.
    fn take(&mut self, most: usize, depth: usize) {
        let group = if *self.path.0 == *b"/" { &[][..] } else { &self.path.0 };
        while self.next.len() < most
            && let Some(link) = self.links.next()
        {
            let last = self.links.peek().is_none();
            self.next.push_back(link.map(|link| {
                let (name, creation_order, target) = link.into_parts();
                let mut path = Short::with_capacity(group.len() + 1 + name.0.len());
                path.extend_from_slice(group);
                path.push(b'/');
                path.extend_from_slice(&name.0);
                let visit = Visit { path: Name(path), what: Visited::Link(target), depth, last, creation_order };
                Next { visit, looked: None }
            }));
        }
    }

    /// Whether what comes next is an object that nobody has looked at.
    fn is_unlooked(&self, seen: &Seen) -> bool {
        let next = self.next.front().and_then(|next| next.as_ref().ok());
        next.is_some_and(|n| n.looked.is_none() && n.visit.target().is_some_and(|at| !seen.contains_key(&at.get())))
    }
}

impl Visit {
    /// Where the object is that a hard link leads to.
    fn target(&self) -> Option<Address> {
        match self.what {
            Visited::Link(LinkTarget::Hard(address)) => Some(Address(address)),
            _ => None,
        }
    }

    /// Loads that object.
    fn load(&self, access: &Arc<Access>, address: Address) -> Result<Object> {
        let object = Object::load(access, address, self.path.to_text().into_owned());
        object.map_err(|e| e.on(self.path.to_text()))
    }
}

impl<T: Send> Trail<T> {
    fn new((access, path, start): Beginning, batch: usize) -> Trail<T> {
        let what = Visited::Link(LinkTarget::Hard(start.get()));
        let visit = Visit { path, what, depth: 0, last: true, creation_order: None };
        let mut above = Level::new(Name::default(), Box::new(std::iter::empty()));
        above.next.push_back(Ok(Next { visit, looked: None }));
        Trail { access, stack: vec![above], seen: Seen::default(), paths: Vec::new(), entered: false, batch }
    }

    fn skip_group(&mut self) {
        if self.entered {
            self.stack.pop();
            self.entered = false;
        }
    }

    /// What `look` makes of the next step.
    fn step(&mut self, look: &(impl Fn(Visit) -> T + Sync)) -> Option<Result<T>> {
        self.entered = false;
        loop {
            let depth = self.stack.len().checked_sub(1)?;
            let level = self.stack.last_mut()?;
            if level.next.is_empty() {
                level.take(self.batch, depth);
            }
            if self.batch > 1 && level.is_unlooked(&self.seen) && self.access.is_for_looking_ahead() {
                Scout { access: &self.access, seen: &self.seen, look, left: AHEAD.into() }
                    .look_into(level, DEPTH_AHEAD);
            }
            match level.next.pop_front() {
                Some(next) => return Some(next.and_then(|next| self.arrive(next, look))),
                None => drop(self.stack.pop()),
            }
        }
    }

    /// Comes to what is next.
    fn arrive(&mut self, next: Next<T>, look: &impl Fn(Visit) -> T) -> Result<T> {
        let Next { mut visit, looked } = next;
        let Some(address) = visit.target() else {
            return Ok(look(visit));
        };
        if let Some(first) = self.seen.get(&address.get()) {
            visit.what = Visited::Again(Name::from_bytes(&self.paths[first.clone()]));
            return Ok(look(visit));
        }
        self.check_limits(&visit).map_err(|e| e.on(visit.path.to_text()))?;
        let (start, path) = (self.paths.len(), &visit.path);
        let seen = start..start + path.0.len();
        let (looked, below) = match looked {
            Some((looked, below)) => {
                self.paths.extend_from_slice(&path.0);
                (looked, below.map(|below| *below))
            }
            None => {
                let object = visit.load(&self.access, address)?;
                self.paths.extend_from_slice(&path.0);
                let below = Level::of(&object, path);
                visit.what = Visited::Object(object);
                (look(visit), below)
            }
        };
        self.seen.insert(address.get(), seen);
        self.entered = below.is_some();
        self.stack.extend(below);
        Ok(looked)
    }

    fn check_limits(&self, visit: &Visit) -> Result<()> {
        let limits = self.access.reader.limits();
        if self.seen.len() as u64 >= limits.max_objects {
            return Err(Error::limit(format!("max_objects: more than {} objects", limits.max_objects)));
        }
        if visit.depth >= limits.max_depth {
            return Err(Error::limit(format!("max_depth: groups nested more than {} deep", limits.max_depth)));
        }
        Ok(())
    }
}

/// Looks at objects ahead, on all threads.
struct Scout<'a, L> {
    access: &'a Access,
    seen: &'a Seen,
    look: &'a L,
    /// How many more.
    left: AtomicUsize,
}

impl<L> Scout<'_, L> {
    fn look_into<T: Send>(&self, level: &mut Level<T>, depth: usize)
    where
        L: Fn(Visit) -> T + Sync,
    {
        // Threads have one each, for them not to take turns in counting its users.
        let access = || Arc::new(self.access.clone());
        level.next.iter_mut().par_bridge().for_each_init(access, |access, next| {
            if let Err(e) = next.as_mut().map_or(Ok(()), |next| self.look_at(next, access, depth)) {
                *next = Err(e);
            }
        });
    }

    fn look_at<T: Send>(&self, next: &mut Next<T>, access: &Arc<Access>, depth: usize) -> Result<()>
    where
        L: Fn(Visit) -> T + Sync,
    {
        let Next { visit, looked } = next;
        let Some(address) = visit.target().filter(|at| looked.is_none() && !self.seen.contains_key(&at.get())) else {
            return Ok(());
        };
        if self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
            return Ok(());
        }
        let object = visit.load(access, address)?;
        let mut below = Level::of(&object, &visit.path).map(Box::new);
        if let Some(below) = below.as_mut().filter(|_| depth > 0) {
            below.take(self.left.load(Relaxed).min(BATCH), visit.depth + 1);
            // Links count, too: those that lead to no new object are kept all the same, and all names of their group.
            let taken = below.next.len();
            let _ = self.left.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(taken)));
            self.look_into(below, depth - 1);
        }
        *looked =
            Some(((self.look)(Visit { path: visit.path.clone(), what: Visited::Object(object), ..*visit }), below));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    fn shown(visit: &Visit) -> String {
        let what = match visit.what() {
            Visited::Object(object) => format!("{} {:#x}", object.path(), object.address()),
            Visited::Again(first) => format!("= {first}"),
            Visited::Link(target) => format!("{target:?}"),
        };
        format!("{} {} {} {what}", visit.path(), visit.depth(), visit.is_last())
    }

    /// Groups in groups with few and many links, links to what comes earlier, later and above, and what `spoil` makes of it.
    fn steps(spoil: impl Fn(&File, &mut [u8])) -> (Vec<String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let mut out = File::create(&path).unwrap();
        for group in 0..12 {
            for n in 0..[3, 40, 1500][group % 3] {
                out.build(format!("g{group:02}/inner/d{n:04}")).write([n as u16]).unwrap();
            }
            out.link_soft(format!("g{group:02}/soft"), "nowhere").unwrap();
        }
        for (from, to) in [("g03/up", "g00"), ("g03/later", "g07/inner/d0001"), ("g05/inner/here", "g05"), ("a", "g11")]
        {
            out.root().link_hard(from, to).unwrap();
        }
        out.commit().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        spoil(&File::open(&path).unwrap(), &mut bytes);
        let file = File::from_bytes(bytes).unwrap();
        let one = file.walk().map(|step| step.map_or_else(|e| e.to_string(), |visit| shown(&visit)));
        let mut all = Vec::new();
        file.par_walk(
            |visit| shown(&visit),
            |step| {
                all.push(step.unwrap_or_else(|e| e.to_string()));
                Ok(())
            },
        )
        .unwrap();
        (one.collect(), all)
    }

    #[test]
    fn all_threads_together_come_by_the_same_as_one() {
        let (one, all) = steps(|_, _| {});
        assert_eq!(one.len(), 1 + 12 * 3 + 4 * (3 + 40 + 1500) + 4);
        assert_eq!(all, one);
        assert_eq!(one.iter().filter(|step| step.contains(" = ")).count(), 4);
    }

    #[test]
    fn damage_is_told_where_it_is_and_the_rest_is_walked() {
        let (one, all) = steps(|file, bytes| {
            for path in ["g02/inner/d0700", "g04/inner", "g08/inner/d1499"] {
                bytes[file.object(path).unwrap().address() as usize] ^= 0xff;
            }
        });
        assert_eq!(all, one);
        assert_eq!(one.iter().filter(|step| step.contains("object header")).count(), 3, "{one:?}");
    }

    #[test]
    fn links_that_lead_nowhere_new_count_against_what_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut out = File::create(folder.path().join("a.h5")).unwrap();
        for n in 0..10 * BATCH {
            out.link_soft(format!("g{}/l{n}", n % 10), "nowhere").unwrap();
        }
        out.commit().unwrap();
        let root = File::open(folder.path().join("a.h5")).unwrap().root().unwrap();
        let (access, seen) = (&root.node.access, Seen::default());
        let mut level = Level::of(&Object::Group(root.clone()), &"/".into()).unwrap();
        level.take(BATCH, 1);
        Scout { access, seen: &seen, look: &|_| (), left: AHEAD.into() }.look_into(&mut level, DEPTH_AHEAD);
        let below = level.next.iter().filter_map(|next| next.as_ref().unwrap().looked.as_ref()?.1.as_ref());
        let kept: Vec<usize> = below.map(|below| below.next.len()).collect();
        // Each thread may have begun with what the others took at the same time.
        assert!(kept.iter().filter(|&&n| n > 0).count() <= 2 + rayon::current_num_threads(), "{kept:?}");
        assert!(kept.contains(&BATCH));
    }

    #[test]
    fn who_has_had_enough_ends_the_walk() {
        let folder = tempfile::tempdir().unwrap();
        let mut out = File::create(folder.path().join("a.h5")).unwrap();
        for n in 0..100u8 {
            out.build(format!("d{n}")).write([n]).unwrap();
        }
        out.commit().unwrap();
        let (mut seen, file) = (0, File::open(folder.path().join("a.h5")).unwrap());
        let each = |_: Result<()>| {
            seen += 1;
            if seen == 10 { Err(Error::not_found("enough")) } else { Ok(()) }
        };
        assert!(file.par_walk(|_| (), each).is_err());
        assert_eq!(seen, 10);
    }
}
