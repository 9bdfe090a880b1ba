//! What is done to a file while it is interrupted: each workload some commits, on a file that libhdf5 or we have written.

use h5manager::io::{Device, MemoryStore};
use h5manager::{EditOptions, File, FileEdit, FileMut, Result};
use std::sync::Arc;

/// A commit's changes.
pub(crate) type Change = fn(&mut FileEdit) -> Result<()>;

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) base: fn() -> Vec<u8>,
    pub(crate) commits: Vec<Change>,
    /// Whether the editor looks for room that others left.
    pub(crate) reuses: bool,
}

impl Workload {
    pub(crate) fn edit(&self, device: Arc<dyn Device>) -> Result<FileEdit> {
        File::edit_on(device, EditOptions::new().reuse_space(self.reuses))
    }
}

/// A file of libhdf5 with headers and groups of version 1.
fn old() -> Vec<u8> {
    std::fs::read("fixtures/structures/old.h5").unwrap()
}

/// A file of libhdf5 with all newer forms.
fn new() -> Vec<u8> {
    std::fs::read("fixtures/structures/new.h5").unwrap()
}

/// A file of ours.
pub(crate) fn own() -> Vec<u8> {
    let store = MemoryStore::default();
    let mut file = FileMut::on_store(store.clone());
    file.set_attribute("tool", "camera").unwrap();
    file.build("a/x").write([1i32, 2, 3]).unwrap();
    file.build("b").write([0.5f64]).unwrap();
    file.commit().unwrap();
    store.bytes()
}

/// A file of ours, of which one dataset is the most.
fn large() -> Vec<u8> {
    let store = MemoryStore::default();
    let mut file = FileMut::on_store(store.clone());
    file.build("large").chunks([100]).write((0..1000).collect::<Vec<i32>>()).unwrap();
    file.create_group("group").unwrap();
    file.commit().unwrap();
    store.bytes()
}

/// A file of libhdf5 with an image of its metadata cache.
fn image() -> Vec<u8> {
    std::fs::read("fixtures/structures/image.h5").unwrap()
}

/// A file of ours behind a block of the user's, and with rubbish behind its end.
fn behind() -> Vec<u8> {
    [vec![7; 1024], own(), vec![0xab; 3000]].concat()
}

/// A file of libhdf5 in which an editor has left room.
fn left() -> Vec<u8> {
    let store = MemoryStore::holding(old());
    let mut edit = File::edit_on(Arc::new(store.clone()), EditOptions::new()).unwrap();
    (0..3).for_each(|_| rewrite(&mut edit).and_then(|()| edit.commit()).unwrap());
    edit.remove("names").unwrap();
    edit.commit().unwrap();
    drop(edit);
    store.bytes()
}

pub(crate) fn all() -> Vec<Workload> {
    let w = |name, base, commits: &[Change]| Workload { name, base, commits: commits.to_vec(), reuses: false };
    let mut all = Vec::new();
    for (base, names) in [(old as fn() -> Vec<u8>, OLD), (new, NEW)] {
        all.push(w(names[0], base, &[|e| e.set_attribute("plain", "unit", "celsia")]));
        all.push(w(names[1], base, &[|e| e.set_attribute("plain", "unit", "x".repeat(700))]));
        all.push(w(names[2], base, &[|e| e.set_attribute("group/g3", "first", 1i8)]));
        all.push(w(names[3], base, &[|e| (0..30).try_for_each(|i| e.set_attribute("/", format!("n{i}"), [i; 9]))]));
        all.push(w(
            names[4],
            base,
            &[|e| e.remove_attribute("plain", "a3"), |e| e.rename_attribute("plain", "a4", "b")],
        ));
        all.push(w(names[5], base, &[|e| (0..9).try_for_each(|i| e.remove_attribute("plain", format!("a{i}")))]));
        all.push(w(names[6], base, &[|e| e.rename("plain", "group/moved"), |e| e.rename("group/moved", "plain")]));
        all.push(w(names[7], base, &[|e| e.remove("group"), |e| e.remove("names")]));
        all.push(w(names[8], base, &[|e| (0..40).try_for_each(|i| e.link_soft(format!("group/s{i}"), "/plain"))]));
        all.push(w(names[9], base, &[|e| e.link_hard("group/again", "plain"), |e| e.remove("plain")]));
    }
    all.push(w("old: elements", old, &[|e| elements(e, OLD_DATA), |e| append(e, &["growing"])]));
    all.push(w("new: elements", new, &[|e| elements(e, NEW_DATA), |e| append(e, &["growing", "everywhere"])]));
    all.push(w("new: shrinks", new, &[|e| e.resize("growing", [3, 5]), |e| e.resize("growing", [10, 5])]));
    all.push(w("old: new objects", old, &[build, |e| e.create_group("group/g1/more").map(drop)]));
    all.push(w("new: new objects", new, &[build, |e| e.create_group("group/g1/more").map(drop)]));
    all.push(w("ours: attributes of two objects", own, &[many_objects]));
    all.push(w("ours: five commits", own, &[text, text, text, text, text]));
    all.push(w("user block and rubbish behind", behind, &[text, many_objects]));
    all.push(w("image: several objects", image, &[many_objects, text]));
    // What the first commits wrote is used again by the later ones.
    all.push(w("new: room used again", new, &[rewrite as Change; 4]));
    all.push(w("old: room used again", old, &[rewrite as Change; 4]));
    let reusing = |w| Workload { reuses: true, ..w };
    let commits: &[Change] = &[build, rewrite, rewrite, |e| e.remove("group/made"), build_more];
    all.push(reusing(w("old: room of others", left, commits)));
    // What it removes is the most of the file, so it looks for room again.
    let commits: &[Change] = &[|e| e.remove("large"), text, build, text];
    all.push(reusing(w("ours: room of what goes", large, commits)));
    all
}

const OLD: [&str; 10] = [
    "old: replaced, same size",
    "old: replaced, larger",
    "old: first attribute",
    "old: many attributes",
    "old: removed and renamed",
    "old: nearly all removed",
    "old: moved and back",
    "old: removed",
    "old: many links",
    "old: hard link",
];
const NEW: [&str; 10] = [
    "new: replaced, same size",
    "new: replaced, larger",
    "new: first attribute",
    "new: many attributes",
    "new: removed and renamed",
    "new: nearly all removed",
    "new: moved and back",
    "new: removed",
    "new: many links",
    "new: hard link",
];

fn many_objects(edit: &mut FileEdit) -> Result<()> {
    for path in ["/", "a", "a/x", "b"] {
        edit.set_attribute(path, "note", "w".repeat(90))?;
        edit.set_attribute(path, "count", [3u16; 40])?;
    }
    edit.rename("b", "a/b")
}

/// Writes chunks, links and attributes anew that earlier calls wrote.
fn rewrite(edit: &mut FileEdit) -> Result<()> {
    let n = edit.file()?.root()?.attribute("round")?.map_or(Ok(0), |a| a.read_one::<i32>())? + 1;
    edit.set_attribute("/", "round", n)?;
    for path in ["filtered", "growing"] {
        let dataset = edit.file()?.dataset(path)?;
        let first = h5manager::Selection::points([vec![0; dataset.shape().len()]]);
        match dataset.datatype().size() {
            1 => edit.write(path, first, [n as i8])?,
            2 => edit.write(path, first, [n as i16])?,
            _ => edit.write(path, first, [n])?,
        }
    }
    (0..12).try_for_each(|i| edit.set_attribute("group", format!("n{i}"), [n; 30]))?;
    edit.link_soft(format!("group/round{n}"), "/plain")
}

/// Sets an attribute to something longer each time.
fn text(edit: &mut FileEdit) -> Result<()> {
    let before = edit.file()?.root()?.attribute("tool")?.map_or(Ok(String::new()), |a| a.read_one::<String>())?;
    edit.set_attribute("/", "tool", format!("{before} and more"))
}

const OLD_DATA: &[&str] = &["plain", "filtered", "growing"];
const NEW_DATA: &[&str] = &["plain", "filtered", "growing", "everywhere", "one", "early"];

/// Makes datasets in groups that are there and in new ones.
fn build(edit: &mut FileEdit) -> Result<()> {
    edit.build("group/made/deep/data")?.write([1i32, 2, 3])?.set_attribute("unit", "m")?;
    edit.build("group/made/text")?.write(["a", "longer"])?;
    let chunked = edit.build("chunked")?.element::<u8>().shape([0, 2]).extendible().chunks([2, 2]).deflate(1);
    chunked.create()?.append(vec![5u8; 6])?;
    edit.set_attribute("group", "made", true)
}

/// Something in the room of what the commit before it took away.
fn build_more(edit: &mut FileEdit) -> Result<()> {
    edit.build("more")?.write([1.5f64; 40])?;
    edit.set_attribute("plain", "unit", "x".repeat(700))
}

/// Replaces the first element of datasets.
fn elements(edit: &mut FileEdit, paths: &[&str]) -> Result<()> {
    for path in paths {
        let dataset = edit.file()?.dataset(path)?;
        let first = h5manager::Selection::points([vec![0; dataset.shape().len()]]);
        match dataset.datatype().size() {
            1 => edit.write(path, first, [99i8])?,
            2 => edit.write(path, first, [999i16])?,
            _ => edit.write(path, first, [99_999i32])?,
        }
    }
    Ok(())
}

/// Adds a row, and an attribute that says so.
fn append(edit: &mut FileEdit, paths: &[&str]) -> Result<()> {
    for path in paths {
        match edit.file()?.dataset(path)?.datatype().size() {
            1 => edit.append(path, vec![7i8; 2])?,
            _ => edit.append(path, vec![7i32; 5])?,
        }
        edit.set_attribute(path, "appended", true)?;
    }
    Ok(())
}
