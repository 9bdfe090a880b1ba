//! Elements as canonical bytes: little-endian, without padding, references as paths.

use super::type_name::text;
use crate::commands::first_paths::FirstPaths;
use crate::datatype::{ByteOrder, Datatype, Name, Padding, ReferenceKind};
use crate::error::{Error, ErrorKind, Result};
use crate::{File, Heap, Object, Reference, StoredSelection};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The targets of references: their paths, and the shapes of datasets that regions lie in.
pub(super) struct Targets<'a> {
    paths: FirstPaths<'a>,
    /// The group where paths begin, without a slash at its end.
    start: String,
    opened: Mutex<HashMap<Place, Opened>>,
}

/// The other file, if it is in one, and the address.
type Place = (Option<Name>, u64);

/// What is at a place: `None` where nothing can be opened, no shape for what is no dataset.
type Opened = Option<Option<Vec<u64>>>;

/// Opened targets that are kept.
const KEPT: usize = 10_000;

impl<'a> Targets<'a> {
    pub(super) fn new(file: &'a File, start: &str) -> Targets<'a> {
        let start = start.trim_end_matches('/').to_owned();
        Targets { paths: FirstPaths::new(file), start, opened: Mutex::default() }
    }

    /// A path as it is called from where paths begin.
    pub(super) fn below(&self, path: &str) -> String {
        match path.strip_prefix(&*self.start) {
            Some("") if !self.start.is_empty() => "/".into(),
            Some(rest) if rest.starts_with('/') => rest.into(),
            _ => path.into(),
        }
    }

    fn open(&self, reference: &Reference) -> Result<Opened> {
        let place = (reference.file().cloned(), reference.address().unwrap_or(0));
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.get(&place) {
            return Ok(known.clone());
        }
        let found = match self.paths.file().dereference(reference) {
            Ok(Object::Dataset(d)) => Some(if d.is_null() { None } else { Some(d.shape().to_vec()) }),
            Ok(_) => Some(None),
            Err(e) if nothing_there(&e) => None,
            Err(e) => return Err(e),
        };
        if opened.len() >= KEPT {
            opened.clear();
        }
        opened.insert(place, found.clone());
        Ok(found)
    }

    /// The canonical bytes of a reference that is not null: path, selection, name of an attribute; `?` alone for what leads
    /// nowhere, `?` as the path of what can be opened but is not reached by the walk.
    fn push(&self, reference: &Reference, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        match self.try_push(reference, out) {
            Err(e) if nothing_there(&e) => {
                out.truncate(start);
                push_counted(b"?", out);
                Ok(())
            }
            other => other,
        }
    }

    fn try_push(&self, reference: &Reference, out: &mut Vec<u8>) -> Result<()> {
        let nowhere = || Error::new(ErrorKind::NotFound, "leads nowhere");
        // By the address alone, as libhdf5's tokens are compared: one into another file, too.
        let path = reference.address().and_then(|a| self.paths.get(a)).map(|path| text(path.as_bytes()));
        let reached = path.is_some() && reference.file().is_none();
        push_counted(path.as_deref().map_or("?".into(), |path| self.below(path)).as_bytes(), out);
        match reference {
            Reference::Region { selection, .. } => {
                let shape = self.open(reference)?.flatten().ok_or_else(nowhere)?;
                // libhdf5 does not count the points of what has no end.
                if selection.is_unlimited() {
                    return Err(nowhere());
                }
                push_selection(selection, &shape, out)?;
            }
            // Nothing there and not reached are the same.
            Reference::Object { .. } if path.is_none() => {}
            _ if reached => {}
            _ => drop(self.open(reference)?.ok_or_else(nowhere)?),
        }
        if let Reference::Attribute { name, .. } = reference {
            push_counted(text(name.as_bytes()).as_bytes(), out);
        }
        Ok(())
    }
}

/// Whether a reference leads nowhere, other than to what we cannot read.
fn nothing_there(e: &Error) -> bool {
    matches!(e.kind(), ErrorKind::Damaged | ErrorKind::NotFound)
}

/// The number of points and, unless that is 0, their bounding box.
fn push_selection(selection: &StoredSelection, shape: &[u64], out: &mut Vec<u8>) -> Result<()> {
    out.extend(selection.len(shape)?.to_le_bytes());
    for (low, high) in selection.bounds(shape)?.into_iter().flatten() {
        out.extend(low.to_le_bytes());
        out.extend(high.to_le_bytes());
    }
    Ok(())
}

/// Turns elements of one datatype into canonical bytes.
pub(super) struct Canonical<'a> {
    datatype: &'a Datatype,
    heap: &'a Heap<'a>,
    targets: &'a Targets<'a>,
}

/// Canonical bytes that are gathered before they are hashed.
const GATHER: usize = 64 << 10;

impl<'a> Canonical<'a> {
    pub(super) fn new(datatype: &'a Datatype, heap: &'a Heap<'a>, targets: &'a Targets<'a>) -> Canonical<'a> {
        Canonical { datatype, heap, targets }
    }

    /// Hashes the canonical bytes of stored elements.
    pub(super) fn feed(&self, stored: &[u8], hasher: &mut Sha256) -> Result<()> {
        if is_canonical(self.datatype) {
            hasher.update(stored);
            return Ok(());
        }
        let mut out = Vec::with_capacity(2 * GATHER);
        for element in stored.chunks_exact(self.datatype.size() as usize) {
            self.push(self.datatype, element, &mut out)?;
            if out.len() >= GATHER {
                hasher.update(&out);
                out.clear();
            }
        }
        hasher.update(&out);
        Ok(())
    }

    fn push_all(&self, datatype: &Datatype, stored: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if is_canonical(datatype) {
            out.extend_from_slice(stored);
            return Ok(());
        }
        stored.chunks_exact(datatype.size() as usize).try_for_each(|element| self.push(datatype, element, out))
    }

    fn push(&self, datatype: &Datatype, element: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match datatype {
            Datatype::Integer { bits, .. } | Datatype::Time(bits) | Datatype::BitField(bits) => {
                push_number(bits.order, element, out);
            }
            Datatype::Float(f) => push_number(f.bits.order, element, out),
            Datatype::FixedString { padding: Padding::NullTerminated, .. } => {
                let end = element.iter().position(|&b| b == 0).unwrap_or(element.len());
                out.extend_from_slice(&element[..end]);
                out.resize(out.len() + element.len() - end, 0);
            }
            Datatype::Enumeration { base, .. } => self.push(base, element, out)?,
            Datatype::Complex(base) | Datatype::Array { base, .. } => self.push_all(base, element, out)?,
            Datatype::Compound { members, .. } => {
                for m in members {
                    let start = m.offset as usize;
                    self.push(&m.datatype, &element[start..start + m.datatype.size() as usize], out)?;
                }
            }
            Datatype::VariableString { .. } => {
                let (_, bytes) = self.heap.sequence(element, 1)?;
                let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
                push_counted(&bytes[..end], out);
            }
            Datatype::Sequence { base, .. } => {
                let (count, bytes) = self.heap.sequence(element, base.size())?;
                out.extend(count.to_le_bytes());
                self.push_all(base, &bytes, out)?;
            }
            Datatype::Reference { kind, .. } => match self.heap.reference(element, *kind) {
                // libhdf5 opens what is not all zero, and finds nothing; a null reference of the newest kind, too.
                Ok(Reference::Null) => {
                    let null = *kind != ReferenceKind::Standard && element.iter().all(|&b| b == 0);
                    push_counted(if null { b"" } else { b"?" }, out);
                }
                Ok(reference) => self.targets.push(&reference, out)?,
                // Old regions are followed only when somebody asks.
                Err(e) if *kind == ReferenceKind::Region && nothing_there(&e) => push_counted(b"?", out),
                Err(e) => return Err(e),
            },
            Datatype::Opaque { .. } | Datatype::FixedString { .. } => out.extend_from_slice(element),
        }
        Ok(())
    }
}

fn push_number(order: ByteOrder, element: &[u8], out: &mut Vec<u8>) {
    match order {
        ByteOrder::Big => out.extend(element.iter().rev()),
        _ => out.extend_from_slice(element),
    }
}

fn push_counted(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Whether stored elements are canonical as they are.
fn is_canonical(datatype: &Datatype) -> bool {
    match datatype {
        Datatype::Integer { bits, .. } | Datatype::Time(bits) | Datatype::BitField(bits) => {
            bits.order != ByteOrder::Big || bits.size == 1
        }
        Datatype::Float(f) => f.bits.order != ByteOrder::Big || f.bits.size == 1,
        Datatype::FixedString { padding, .. } => *padding != Padding::NullTerminated,
        Datatype::Opaque { .. } => true,
        Datatype::Enumeration { base, .. } | Datatype::Array { base, .. } | Datatype::Complex(base) => {
            is_canonical(base)
        }
        Datatype::Compound { size, members } => {
            // Without holes, and members in the order of their places.
            let mut end = 0;
            let packed = members.iter().all(|m| {
                let follows = m.offset == end;
                end = m.offset + m.datatype.size() as u32;
                follows && is_canonical(&m.datatype)
            });
            packed && end == *size
        }
        _ => false,
    }
}
