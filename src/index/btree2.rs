//! Walking and searching version 2 B-trees.

use crate::bytes::Address;
use crate::error::{Context, Error, Result};
use crate::format::btree2::{Child, Header, Levels, Node, decode_node};
use crate::io::Reader;
use std::cmp::Ordering;

/// A tree whose header is read.
pub(crate) struct Tree {
    reader: Reader,
    header: Header,
    levels: Levels,
}

impl Tree {
    /// Reads the header at `at`; `kind` is what the records must be.
    pub(crate) fn open(reader: &Reader, at: Address, kind: u8) -> Result<Tree> {
        let w = reader.widths();
        let bytes = reader.metadata(at, Header::size(w)).in_structure("version 2 B-tree header")?;
        let header = Header::decode(&bytes, w).at(at.get())?;
        if header.kind != kind {
            let message = format!("records of kind {}, wanted are {kind}", header.kind);
            return Err(Error::damaged(message).in_structure("version 2 B-tree header").at(at.get()));
        }
        let levels = Levels::new(&header, w).at(at.get())?;
        Ok(Tree { reader: reader.clone(), header, levels })
    }

    /// Bytes of a record.
    pub(crate) fn record_size(&self) -> usize {
        self.header.record_size.into()
    }

    fn node(&self, at: Address, level: usize, records: u16) -> Result<Node> {
        let size = self.levels.used_size(level, records);
        let bytes = self.reader.metadata(at, size).in_structure("version 2 B-tree node")?;
        decode_node(&bytes, self.header.kind, level, records, &self.levels, self.reader.widths()).at(at.get())
    }

    fn depth(&self) -> usize {
        self.header.depth.into()
    }

    /// All records, in order.
    pub(crate) fn records(self) -> Records {
        Records { root: self.header.root.map(|at| (at, self.header.root_records)), tree: self, stack: Vec::new() }
    }

    /// The first record, in order, that `compare` finds equal: it tells how a record stands to what is looked for.
    pub(crate) fn find(&self, compare: &mut dyn FnMut(&[u8]) -> Result<Ordering>) -> Result<Option<Vec<u8>>> {
        let Some(mut at) = self.header.root else {
            return Ok(None);
        };
        let mut count = self.header.root_records;
        for level in (0..=self.depth()).rev() {
            let node = self.node(at, level, count)?;
            let mut next = count.into();
            for (i, record) in node.records.chunks_exact(self.record_size()).enumerate() {
                match compare(record)? {
                    Ordering::Less => {}
                    Ordering::Equal => return Ok(Some(record.to_vec())),
                    Ordering::Greater => {
                        next = i;
                        break;
                    }
                }
            }
            match node.children.get(next) {
                Some(child) => (at, count) = (child.address, child.records),
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// The records of a tree, in order. A damaged node is one `Err`; the rest follows.
pub(crate) struct Records {
    tree: Tree,
    root: Option<(Address, u16)>,
    stack: Vec<Level>,
}

/// A node that is being walked: its children come before, between and behind its records.
struct Level {
    level: usize,
    children: std::vec::IntoIter<Child>,
    records: Vec<u8>,
    /// Where in them the next one begins.
    next: usize,
    /// Whether a child is next.
    child_next: bool,
}

impl Records {
    fn push(&mut self, at: Address, level: usize, records: u16) -> Result<()> {
        let node = self.tree.node(at, level, records)?;
        let (children, records) = (node.children.into_iter(), node.records);
        self.stack.push(Level { level, children, records, next: 0, child_next: level > 0 });
        Ok(())
    }

    /// Goes on to the next record: where it begins in the node on top of the stack.
    fn advance(&mut self) -> Option<Result<usize>> {
        if let Some((at, count)) = self.root.take()
            && let Err(e) = self.push(at, self.tree.depth(), count)
        {
            return Some(Err(e));
        }
        let size = self.tree.record_size();
        loop {
            let top = self.stack.last_mut()?;
            if top.child_next {
                top.child_next = false;
                let below = top.level - 1;
                if let Some(child) = top.children.next()
                    && let Err(e) = self.push(child.address, below, child.records)
                {
                    return Some(Err(e));
                }
                continue;
            }
            if top.records.len() - top.next >= size {
                top.child_next = top.level > 0;
                top.next += size;
                return Some(Ok(top.next - size));
            }
            self.stack.pop();
        }
    }

    /// The next record where it lies.
    pub(crate) fn next_record(&mut self) -> Option<Result<&[u8]>> {
        let start = match self.advance()? {
            Ok(start) => start,
            Err(e) => return Some(Err(e)),
        };
        let size = self.tree.record_size();
        self.stack.last()?.records.get(start..start + size).map(Ok)
    }
}

impl Iterator for Records {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().map(|record| record.map(<[u8]>::to_vec))
    }
}
