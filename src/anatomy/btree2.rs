//! Version 2 B-trees (III.A.2): their nodes, and what their records lead to.

use super::header;
use super::kind::Kind;
use super::message::{self, Lead};
use super::scribe::{Names, Scribe, quoted};
use super::walk::{Owner, Place, Walk};
use super::{chunks, data};
use crate::bytes::{Address, Widths};
use crate::error::Result;
use crate::format::btree2::{Header, Levels};
use crate::format::message::attribute::Attribute;
use crate::format::message::link::Link;
use crate::index::fractal_heap::Objects;
use std::cell::RefCell;
use std::rc::Rc;

/// What is done with the records of a tree.
#[derive(Clone)]
pub(super) enum Use {
    Nothing,
    /// They name links in a heap.
    Links(Option<Rc<RefCell<Objects>>>),
    /// They name attributes in a heap.
    Attributes(Option<Rc<RefCell<Objects>>>),
    /// They are huge objects of a heap.
    Huge,
    /// They are chunks of a dataset.
    Chunks(Rc<chunks::Form>),
}

impl Use {
    pub(super) fn links(walk: &Walk, heap: Address) -> Use {
        Use::Links(open(walk, heap))
    }

    pub(super) fn attributes(walk: &Walk, heap: Address) -> Use {
        Use::Attributes(open(walk, heap))
    }
}

/// A heap's objects. Where it cannot be opened, whoever walks its blocks says why.
fn open(walk: &Walk, heap: Address) -> Option<Rc<RefCell<Objects>>> {
    Objects::open(&walk.reader, heap).ok().map(|objects| Rc::new(RefCell::new(objects)))
}

const KINDS: Names = &[
    (1, "huge objects"),
    (2, "huge objects with filters"),
    (3, "huge objects, named by their place"),
    (4, "huge objects with filters, named by their place"),
    (5, "links by name"),
    (6, "links by creation order"),
    (7, "shared messages"),
    (8, "attributes by name"),
    (9, "attributes by creation order"),
    (10, "chunks"),
    (11, "chunks with filters"),
];

/// The deepest tree.
const MOST_DEPTH: u16 = 64;

/// What the nodes of a tree must know.
struct Tree {
    kind: u8,
    record_size: u16,
    node_size: u32,
    levels: Levels,
    serves: Use,
    owner: Owner,
}

impl Tree {
    /// The name of the link or attribute that a record leads to.
    fn name_of(&self, record: &[u8], w: Widths) -> String {
        let id = |range: std::ops::Range<usize>| record.get(range).unwrap_or_default();
        match (&self.serves, self.kind) {
            (Use::Links(Some(objects)), 5) => {
                let object = objects.borrow_mut().get(id(4..self.record_size.into()));
                object.and_then(|o| Link::decode(&o, w)).map_or(String::new(), |link| quoted(&link.name.0))
            }
            (Use::Attributes(Some(objects)), 8) => {
                let object = objects.borrow_mut().get(id(0..8));
                object.and_then(|o| Attribute::decode(&o, w)).map_or(String::new(), |a| quoted(&a.name.0))
            }
            _ => String::new(),
        }
    }
}

/// A tree, from its header on.
pub(super) fn tree(walk: &mut Walk, at: Address, serves: Use, owner: Owner) {
    let w = walk.reader.widths();
    let (mut kind, mut node_size, mut record_size, mut depth, mut root) = (0, 0, 0, 0, None);
    walk.structure(Place { kind: Kind::BTree2, at, length: Header::size(w), owner }, |s| {
        s.signature(b"BTHD")?;
        s.version("version", 0..=0)?;
        kind = s.choice("kind of records", 1, KINDS)? as u8;
        node_size = s.u32("size of a node")?;
        record_size = s.u16("size of a record")?;
        depth = s.u16("depth")?;
        s.u8("split percent")?;
        s.u8("merge percent")?;
        let address = s.address("root node")?;
        let records = s.u16("records in the root node")?;
        let total = s.finite("records in the tree")?;
        root = address.map(|at| (at, records));
        let what = KINDS.iter().find(|(n, _)| *n == u64::from(kind)).map_or("records", |(_, name)| name);
        s.note = format!("{total} {what}, depth {depth}");
        s.checksum()
    });
    let Some((root, records)) = root else {
        return;
    };
    let levels = match Levels::of(node_size, record_size, depth, w) {
        Ok(levels) if record_size > 0 && depth <= MOST_DEPTH => levels,
        _ => {
            let message = format!("nodes of {node_size} bytes, records of {record_size}, depth {depth}");
            return walk.finding(Kind::BTree2, at, owner, message);
        }
    };
    let tree = Rc::new(Tree { kind, record_size, node_size, levels, serves, owner });
    walk.then(move |walk| node(walk, root, depth.into(), records, &tree));
}

fn node(walk: &mut Walk, at: Address, level: usize, records: u16, tree: &Rc<Tree>) {
    let kind = if level == 0 { Kind::BTree2Leaf } else { Kind::BTree2Internal };
    let (mut found, mut children) = (Vec::new(), Vec::new());
    let w = walk.reader.widths();
    let place = Place { kind, at, length: tree.node_size.into(), owner: tree.owner };
    walk.structure(place, |s| {
        s.signature(if level == 0 { b"BTLF" } else { b"BTIN" })?;
        s.version("version", 0..=0)?;
        if s.choice("kind of records", 1, KINDS)? != u64::from(tree.kind) {
            s.wrong("the tree has records of another kind");
        }
        s.note = format!("{records} records");
        if level > 0 {
            s.note = format!("level {level}, {records} records");
        }
        for i in 0..records {
            let size = usize::from(tree.record_size);
            found.extend(s.ahead().get(..size).map(<[u8]>::to_vec));
            let bytes = s.ahead();
            s.within(size, || format!("record {i}"), |s| record(s, tree.kind, w))?;
            s.means(|| tree.name_of(bytes, w));
        }
        for i in 0..if level == 0 { 0 } else { u32::from(records) + 1 } {
            s.part(
                || format!("child {i}"),
                |s| {
                    let child = s.address("node")?;
                    let records = s.number("its records", tree.levels.count_width())?;
                    let total = tree.levels.total_width(level);
                    if total > 0 {
                        s.number("records below it", total)?;
                    }
                    children.extend(child.zip(u16::try_from(records).ok()));
                    Ok(())
                },
            )?;
        }
        s.checksum()?;
        s.unused("room for more records");
        Ok(())
    });
    for (child, records) in children {
        let tree = tree.clone();
        walk.then(move |walk| node(walk, child, level - 1, records, &tree));
    }
    serve(walk, &found, at, kind, tree);
}

/// A record, by the kind of its tree.
fn record(s: &mut Scribe<'_>, kind: u8, w: Widths) -> Result<()> {
    match kind {
        1..=4 => {
            s.address("object")?;
            s.length("its size in the file")?;
            if kind.is_multiple_of(2) {
                s.u32("filters that it skipped")?;
                s.length("its size in memory")?;
            }
            if kind < 3 {
                s.length("its number")?;
            }
        }
        5 => {
            let hash = s.u32("hash of the name")?;
            s.means(|| format!("{hash:08x}"));
            s.unused("heap ID");
        }
        6 => {
            s.number("creation order", 8)?;
            s.unused("heap ID");
        }
        7 => return super::space::shared_message(s, w),
        8 | 9 => {
            s.bytes("heap ID", 8)?;
            s.u8("flags of the message")?;
            s.u32("creation order")?;
            if kind == 8 {
                let hash = s.u32("hash of the name")?;
                s.means(|| format!("{hash:08x}"));
            }
        }
        // With filters, a size whose width is what the others leave: the tree does not know the rank.
        10 | 11 => {
            s.address("chunk")?;
            s.unused(if kind == 10 { "position in chunks" } else { "size, skipped filters, position in chunks" });
        }
        _ => s.unused("record"),
    }
    Ok(())
}

/// Goes where the records lead.
fn serve(walk: &mut Walk, records: &[Vec<u8>], at: Address, kind: Kind, tree: &Tree) {
    let (w, owner) = (walk.reader.widths(), tree.owner);
    match (&tree.serves, tree.kind) {
        (Use::Links(Some(objects)), 5) => {
            for record in records {
                let object = objects.borrow_mut().get(record.get(4..).unwrap_or_default());
                match object.map(|object| message::link_in_heap(&object, w)) {
                    Ok(Some(Lead::Child { name, at })) => header::child(walk, at, Some(&name), owner),
                    Ok(_) => {}
                    Err(e) => walk.finding(kind, at, owner, format!("a link: {e}")),
                }
            }
        }
        (Use::Attributes(Some(objects)), 8) => {
            for record in records.iter().filter(|r| r.get(8).is_none_or(|flags| flags & 2 == 0)) {
                let object = objects.borrow_mut().get(record.get(..8).unwrap_or_default());
                match object {
                    Ok(object) => attribute(walk, &object, owner),
                    Err(e) => walk.finding(kind, at, owner, format!("an attribute: {e}")),
                }
            }
        }
        (Use::Huge, 1..=4) => {
            for record in records {
                let mut s = Scribe::new(record, w, false);
                if let (Ok(Some(at)), Ok(Some(length))) = (s.address("object"), s.length("size")) {
                    walk.raw(Place { kind: Kind::HugeObject, at, length, owner }, String::new);
                }
            }
        }
        (Use::Chunks(form), 10 | 11) => {
            for record in records {
                form.record(walk, record, tree.kind == 11, owner);
            }
        }
        _ => {}
    }
}

/// The things that an attribute in a heap leads to.
fn attribute(walk: &mut Walk, message: &[u8], owner: Owner) {
    for lead in message::attribute_in_heap(message, walk.reader.widths()) {
        match lead {
            Lead::GlobalHeap(at) => data::collection(walk, at, owner),
            Lead::Committed(at) => {
                walk.at_last(move |walk| header::object(walk, at, owner, " (datatype of an attribute)"));
            }
            _ => {}
        }
    }
}
