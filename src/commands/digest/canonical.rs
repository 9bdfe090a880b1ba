//! Elements as canonical bytes: little-endian, without padding, references as paths.

use super::type_name::text;
use crate::datatype::{ByteOrder, Datatype, Padding, ReferenceKind};
use crate::error::{Error, Result};
use crate::{File, Heap, Visited};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::OnceLock;

/// The first path of every object, for references. Found by a walk of its own when the first reference is met.
pub(super) struct Names<'a> {
    file: &'a File,
    paths: OnceLock<HashMap<u64, String>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(file: &'a File) -> Names<'a> {
        Names { file, paths: OnceLock::new() }
    }

    /// The path in the form of the digest; `?` where the walk does not come.
    fn path(&self, address: u64) -> &str {
        let paths = self.paths.get_or_init(|| {
            let objects = self.file.walk().flatten().filter_map(|visit| match visit.what() {
                Visited::Object(object) => Some((object.address(), text(visit.path().as_bytes()))),
                _ => None,
            });
            objects.collect()
        });
        paths.get(&address).map_or("?", String::as_str)
    }
}

/// Turns elements of one datatype into canonical bytes.
pub(super) struct Canonical<'a> {
    datatype: &'a Datatype,
    heap: &'a Heap<'a>,
    names: &'a Names<'a>,
}

/// Canonical bytes that are gathered before they are hashed.
const GATHER: usize = 64 << 10;

impl<'a> Canonical<'a> {
    pub(super) fn new(datatype: &'a Datatype, heap: &'a Heap<'a>, names: &'a Names<'a>) -> Canonical<'a> {
        Canonical { datatype, heap, names }
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
            Datatype::Reference { kind: ReferenceKind::Object, .. } => match self.heap.object_address(element)? {
                None => push_counted(b"", out),
                Some(address) => push_counted(self.names.path(address).as_bytes(), out),
            },
            Datatype::Reference { kind: ReferenceKind::Region, .. } => {
                if element.iter().all(|&b| b == 0) {
                    push_counted(b"", out);
                    return Ok(());
                }
                return Err(Error::new(crate::ErrorKind::Unsupported, "region references"));
            }
            Datatype::Reference { .. } => {
                return Err(Error::new(crate::ErrorKind::Unsupported, "references of HDF5 1.12"));
            }
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
