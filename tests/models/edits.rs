//! Random changes, made by the editor and in the model; commits compared with the model, and interrupted.

use super::arrays::Array;
use super::choices::Choices;
use super::compare;
use super::content::describe;
use super::disk::{Disk, Op, apply, parts};
use super::make::{Made, Plan, any_box, name, selection};
use super::model::{Data, LinkTo, Model, What};
use h5manager::io::{MemorySource, MemoryStore};
use h5manager::{CopyOptions, EditOptions, ErrorKind, File, FileEdit, LibVer, Limits, Result};
use std::sync::Arc;

/// A file that was edited at random.
pub(crate) struct Edited {
    /// The bytes before the first commit.
    pub(crate) start: Vec<u8>,
    disk: Arc<Disk>,
    /// Operations done when each commit returned.
    commits: Vec<usize>,
    /// What the file held before the first commit, and after each.
    contents: Vec<String>,
    /// The same as bytes.
    files: Vec<Vec<u8>>,
}

fn open(bytes: Vec<u8>) -> Result<File> {
    File::from_source(Arc::new(MemorySource::new(bytes)), Limits::default())
}

/// Makes up to `most` changes to a file that holds what the model says; each commit is compared with the model.
pub(crate) fn run(c: &mut Choices<'_>, model: &mut Model, start: Vec<u8>, most: usize) -> Edited {
    let disk = Arc::new(Disk::new(start.clone(), None));
    let edit = open_to_edit(c, &disk);
    let contents = vec![describe(&open(start.clone()).expect("opened")).expect("read")];
    let mut edited = Edited { files: vec![start.clone()], start, disk, commits: Vec::new(), contents };
    let mut editing = Editing { edit, model, fresh: Vec::new() };
    for _ in 0..1 + c.below(most) {
        editing.step(c);
        if c.one_in(14) {
            // What is copied is what the last commit left.
            edited.commit(&mut editing);
            editing.copy(c);
        }
        if c.one_in(5) {
            edited.commit(&mut editing);
        }
        if c.one_in(20) {
            // Another editor goes on.
            edited.commit(&mut editing);
            editing.edit = open_to_edit(c, &edited.disk);
        }
        if c.is_empty() {
            break;
        }
    }
    edited.commit(&mut editing);
    edited
}

/// An editor, which may look for room that others left.
fn open_to_edit(c: &mut Choices<'_>, disk: &Arc<Disk>) -> FileEdit {
    let options = EditOptions::new().reuse_space(c.one_in(2));
    File::edit_on(disk.clone(), options).expect("a file that can be edited")
}

impl Edited {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.disk.bytes()
    }

    fn commit(&mut self, editing: &mut Editing<'_>) {
        editing.edit.commit().expect("a commit");
        editing.settle();
        compare::check(editing.model, editing.edit.file().expect("the file"));
        self.files.push(self.bytes());
        let file = open(self.bytes()).expect("opened");
        compare::check(editing.model, &file);
        self.commits.push(self.disk.done().len());
        self.contents.push(describe(&file).expect("read"));
    }

    /// Stops the disk at some moments, what was not synced done in part and in any order: whoever opens the file next
    /// finds what was committed last, or what was being committed.
    pub(crate) fn interrupt(&self, c: &mut Choices<'_>, times: usize) {
        let ops = self.disk.done();
        for _ in 0..times {
            let stop = c.below(ops.len() + 1);
            let synced = ops[..stop].iter().rposition(|op| matches!(op, Op::Sync)).map_or(0, |at| at + 1);
            let mut bytes = self.start.clone();
            ops[..synced].iter().for_each(|op| apply(&mut bytes, op));
            let pieces: Vec<Op> = ops[synced..stop].iter().flat_map(|op| parts(op, 512)).collect();
            let which = c.byte();
            let all = which.is_multiple_of(3);
            let chance = |i: usize| all || which.wrapping_mul(37).wrapping_add((i as u8).wrapping_mul(91)) & 64 == 0;
            let mut done: Vec<&Op> = pieces.iter().enumerate().filter(|(i, _)| chance(*i)).map(|(_, op)| op).collect();
            if which % 3 == 2 {
                done.reverse();
            }
            done.into_iter().for_each(|op| apply(&mut bytes, op));
            self.verdict(bytes, stop);
        }
    }

    fn verdict(&self, bytes: Vec<u8>, stop: usize) {
        let returned = self.commits.iter().filter(|&&n| n <= stop).count();
        let allowed = returned..=(returned + 1).min(self.commits.len());
        let is_one = |bytes: &[u8]| {
            // Most are a file of a commit to the byte.
            self.files[allowed.clone()].iter().any(|file| file == bytes) || {
                let found = describe(&open(bytes.to_vec()).expect("opened")).expect("read");
                self.contents[allowed.clone()].contains(&found)
            }
        };
        assert!(is_one(&bytes), "stopped before operation {stop}, a reader sees neither state");
        let store = MemoryStore::holding(bytes);
        drop(File::edit_on(Arc::new(store.clone()), EditOptions::new()).expect("edited again"));
        assert!(is_one(&store.bytes()), "stopped before operation {stop}, the next editor finds neither state");
    }
}

struct Editing<'a> {
    edit: FileEdit,
    model: &'a mut Model,
    /// Objects that are made since the last commit: they cannot be changed yet.
    fresh: Vec<usize>,
}

/// Whether it happened; what is possible may be refused only by name.
fn fine<T>(result: Result<T>) -> Option<T> {
    result.map_err(|e| assert!(matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::Limit), "{e}")).ok()
}

fn refused<T>(result: Result<T>, kind: ErrorKind) {
    assert_eq!(result.map(drop).expect_err("the impossible").kind(), kind);
}

impl Editing<'_> {
    /// What was made is there now: it came into its groups behind everything else.
    fn settle(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        for group in 0..self.model.nodes.len() {
            if self.model.is_group(group) {
                let is_fresh = |to: &LinkTo| matches!(to, LinkTo::Node(node) if fresh.contains(node));
                if !fresh.contains(&group) {
                    self.model.links_mut(group).sort_by_key(|(_, to)| is_fresh(to));
                }
            }
        }
    }

    /// The objects that can be changed, with paths.
    fn there(&self) -> Vec<(usize, String)> {
        self.model.reached().into_iter().filter(|(n, _)| !self.fresh.contains(n)).collect()
    }

    fn step(&mut self, c: &mut Choices<'_>) {
        let there = self.there();
        let (node, path) = c.pick(&there);
        match c.below(16) {
            0..=3 => self.set_attribute(c, node, &path, &there),
            4 => self.remove_attribute(c, node, &path),
            5 => self.rename_attribute(c, node, &path),
            6 => self.link(c, &there),
            7 => self.remove(c, &there),
            8 => self.rename(c, &there),
            9 | 10 => self.write(c, &there),
            11 => self.append(c, &there),
            12 => self.resize(c, &there),
            13 | 14 => self.build(c, &there),
            _ => self.create_group(c, &there),
        }
    }

    fn attribute_name(&self, c: &mut Choices<'_>, node: usize) -> String {
        let known = &self.model.nodes[node].attributes;
        if !known.is_empty() && !c.one_in(2) { c.pick(known).0 } else { format!("{}{}", name(c), c.below(20)) }
    }

    /// A group that is there, and a name.
    fn place(&self, c: &mut Choices<'_>, there: &[(usize, String)]) -> (usize, String, String) {
        let groups: Vec<&(usize, String)> = there.iter().filter(|(n, _)| self.model.is_group(*n)).collect();
        let (group, path) = c.pick(&groups);
        let known = self.model.links(*group);
        let name = if !known.is_empty() && c.one_in(4) { c.pick(known).0 } else { name(c) };
        (*group, format!("{path}/{name}"), name)
    }

    fn objects(there: &[(usize, String)]) -> Vec<usize> {
        there.iter().map(|(n, _)| *n).collect()
    }

    fn set_attribute(&mut self, c: &mut Choices<'_>, node: usize, path: &str, there: &[(usize, String)]) {
        let name = self.attribute_name(c, node);
        let array = Array::any(c, &Self::objects(there));
        let edit = &mut self.edit;
        let value = array.to_write(&mut |n| reference(edit, there, n)).expect("references");
        if fine(self.edit.set_attribute(path, &name, value)).is_some() {
            self.model.set_attribute(node, &name, array);
        }
    }

    fn remove_attribute(&mut self, c: &mut Choices<'_>, node: usize, path: &str) {
        let name = self.attribute_name(c, node);
        let done = self.edit.remove_attribute(path, &name);
        match self.model.nodes[node].attributes.iter().position(|(n, _)| *n == name) {
            None => refused(done, ErrorKind::NotFound),
            Some(at) => {
                if fine(done).is_some() {
                    self.model.nodes[node].attributes.remove(at);
                }
            }
        }
    }

    fn rename_attribute(&mut self, c: &mut Choices<'_>, node: usize, path: &str) {
        let (from, to) = (self.attribute_name(c, node), self.attribute_name(c, node));
        let done = self.edit.rename_attribute(path, &from, &to);
        let attributes = &mut self.model.nodes[node].attributes;
        let there = attributes.iter().position(|(n, _)| *n == from);
        match there {
            _ if attributes.iter().any(|(n, _)| *n == to) => refused(done, ErrorKind::Conflict),
            None => refused(done, ErrorKind::NotFound),
            Some(at) => {
                if fine(done).is_some() {
                    attributes[at].0 = to;
                }
            }
        }
    }

    fn link(&mut self, c: &mut Choices<'_>, there: &[(usize, String)]) {
        let (group, path, name) = self.place(c, there);
        let (done, to) = match c.below(3) {
            0 => (self.edit.link_soft(&path, "/a"), LinkTo::Soft("/a".into())),
            1 => (self.edit.link_external(&path, "o.h5", "/x"), LinkTo::External("o.h5".into(), "/x".into())),
            _ => {
                let (node, target) = c.pick(there);
                (self.edit.link_hard(&path, if target.is_empty() { "/" } else { &target }), LinkTo::Node(node))
            }
        };
        match self.model.link(group, &name) {
            Some(_) => refused(done, ErrorKind::Conflict),
            None => {
                if fine(done).is_some() {
                    self.model.links_mut(group).push((name, to));
                }
            }
        }
    }

    /// Whether nothing was made since the last commit: what moves or goes might hold it.
    fn is_settled(&self) -> bool {
        self.fresh.is_empty()
    }

    fn remove(&mut self, c: &mut Choices<'_>, there: &[(usize, String)]) {
        let (group, path, name) = self.place(c, there);
        if !self.is_settled() {
            return;
        }
        let done = self.edit.remove(&path);
        match self.model.links(group).iter().position(|(n, _)| *n == name) {
            None => refused(done, ErrorKind::NotFound),
            Some(at) => {
                if fine(done).is_some() {
                    self.model.links_mut(group).remove(at);
                }
            }
        }
    }

    fn rename(&mut self, c: &mut Choices<'_>, there: &[(usize, String)]) {
        let (from, old, name) = self.place(c, there);
        let (to, new, new_name) = self.place(c, there);
        let target = self.model.link(from, &name).cloned();
        let into_itself = matches!(target, Some(LinkTo::Node(node)) if self.model.lies_in(to, node));
        if !self.is_settled() || into_itself {
            return;
        }
        let done = self.edit.rename(&old, &new);
        match target {
            None => refused(done, ErrorKind::NotFound),
            Some(_) if self.model.link(to, &new_name).is_some() => refused(done, ErrorKind::Conflict),
            Some(target) => {
                if fine(done).is_some() {
                    self.model.links_mut(from).retain(|(n, _)| *n != name);
                    self.model.links_mut(to).push((new_name, target));
                }
            }
        }
    }

    /// A dataset that has elements, if there is one.
    fn dataset(&self, c: &mut Choices<'_>, there: &[(usize, String)]) -> Option<(usize, String, Data)> {
        let data = |(n, path): &(usize, String)| match &self.model.nodes[*n].what {
            What::Data(data) if data.array.shape.is_some() => Some((*n, path.clone(), data.clone())),
            _ => None,
        };
        let all: Vec<(usize, String, Data)> = there.iter().filter_map(data).collect();
        (!all.is_empty()).then(|| c.pick(&all))
    }

    fn write(&mut self, c: &mut Choices<'_>, there: &[(usize, String)]) {
        let Some((node, path, mut data)) = self.dataset(c, there) else { return };
        let Some((start, extent)) = any_box(c, data.array.shape.as_deref().unwrap_or_default()) else { return };
        let part = Array::in_shape(c, data.array.kind.clone(), Some(extent.clone()), &Self::objects(there));
        let edit = &mut self.edit;
        let value = part.to_write(&mut |n| reference(edit, there, n)).expect("references");
        if fine(self.edit.write(&path, selection(&start, &extent), value)).is_some() {
            data.write(&start, &extent, &part.cells);
            self.model.nodes[node].what = What::Data(data);
        }
    }

    fn append(&mut self, c: &mut Choices<'_>, there: &[(usize, String)]) {
        let Some((node, path, mut data)) = self.dataset(c, there) else { return };
        let mut shape = data.array.shape.clone().unwrap_or_default();
        let Some(rows) = shape.first().copied() else { return };
        let more = 1 + c.below(4) as u64;
        let mut extent = shape.clone();
        (shape[0], extent[0]) = (rows + more, more);
        if extent.contains(&0) {
            return;
        }
        let part = Array::in_shape(c, data.array.kind.clone(), Some(extent.clone()), &Self::objects(there));
        let edit = &mut self.edit;
        let value = part.to_write(&mut |n| reference(edit, there, n)).expect("references");
        let done = self.edit.append(&path, value);
        let cannot_grow = !data.chunked || data.max[0].is_some_and(|most| most < rows + more);
        // What cannot be written at all is refused as that, whether it could grow or not.
        if cannot_grow && done.as_ref().is_err_and(|e| e.kind() != ErrorKind::Unsupported) {
            return refused(done, ErrorKind::Mismatch);
        }
        if fine(done).is_some() {
            assert!(!cannot_grow, "grew beyond its greatest shape");
            data.resize(&shape);
            let mut start = vec![0; shape.len()];
            start[0] = rows;
            data.write(&start, &extent, &part.cells);
            self.model.nodes[node].what = What::Data(data);
        }
    }

    fn resize(&mut self, c: &mut Choices<'_>, there: &[(usize, String)]) {
        let Some((node, path, mut data)) = self.dataset(c, there) else { return };
        let old = data.array.shape.clone().unwrap_or_default();
        let any = |(d, most): (&u64, &Option<u64>)| {
            if c.one_in(3) { *d } else { c.below(9).min(most.unwrap_or(8) as usize) as u64 }
        };
        let shape: Vec<u64> = old.iter().zip(&data.max).map(any).collect();
        let done = self.edit.resize(&path, &shape);
        if !data.chunked && shape != old {
            return refused(done, ErrorKind::Mismatch);
        }
        if fine(done).is_some() {
            data.resize(&shape);
            self.model.nodes[node].what = What::Data(data);
        }
    }

    fn added(&mut self, group: usize, name: &str, what: What, ordered: bool) {
        let node = self.model.add(what, ordered);
        self.model.links_mut(group).push((name.into(), LinkTo::Node(node)));
        self.fresh.push(node);
    }

    fn build(&mut self, c: &mut Choices<'_>, there: &[(usize, String)]) {
        let (group, path, name) = self.place(c, there);
        let plan = Plan::any(c, &Self::objects(there), LibVer::V18, false);
        let begun = self.edit.build(&path);
        if self.model.link(group, &name).is_some() {
            // That it is there may be seen when it is made.
            match begun {
                Ok(builder) => refused(builder.write(1u8), ErrorKind::Conflict),
                Err(e) => assert_eq!(e.kind(), ErrorKind::Conflict),
            }
            return;
        }
        let Some(builder) = fine(begun) else { return };
        let edit = &mut self.edit;
        let made = plan.write(c, builder, &mut |n| reference(edit, there, n));
        match made {
            Ok((data, made)) => {
                drop::<Made>(made);
                self.added(group, &name, What::Data(data), plan.ordered);
            }
            Err(e) => {
                super::make::fine::<()>(Err(e));
            }
        }
    }

    fn copy(&mut self, c: &mut Choices<'_>) {
        let there = self.there();
        let (node, from) = c.pick(&there);
        let (group, path, name) = self.place(c, &there);
        let object = self.edit.file().and_then(|f| f.object(if from.is_empty() { "/" } else { &from }));
        let done = self.edit.copy_from(&object.expect("an object"), &path, &CopyOptions::new());
        if self.model.link(group, &name).is_some() {
            return refused(done, ErrorKind::Conflict);
        }
        done.expect("a copy");
        let (copy, all) = self.model.copy(node);
        self.model.links_mut(group).push((name, LinkTo::Node(copy)));
        self.fresh.extend(all);
    }

    fn create_group(&mut self, c: &mut Choices<'_>, there: &[(usize, String)]) {
        let (group, path, name) = self.place(c, there);
        let done = self.edit.create_group(&path);
        match self.model.link(group, &name) {
            Some(_) => refused(done, ErrorKind::Conflict),
            None => {
                if fine(done).is_some() {
                    self.added(group, &name, What::Group(Vec::new()), false);
                }
            }
        }
    }
}

fn reference(edit: &mut FileEdit, there: &[(usize, String)], node: usize) -> Result<h5manager::Reference> {
    let path = there.iter().find(|(n, _)| *n == node).map_or("", |(_, path)| path);
    edit.reference(if path.is_empty() { "/" } else { path })
}
