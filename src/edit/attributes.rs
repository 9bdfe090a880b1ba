//! The attributes of an edited object: all of them in memory, put back into its header or into a heap.

use super::dense::{self, Item};
use super::dropped::Dropped;
use super::header::{Header, MOST_BODY, Message};
use crate::builder::{ArrayLike, Open, charset};
use crate::bytes::{self, Address, Widths};
use crate::error::{Error, Result};
use crate::format::message::attribute::{Attribute, Held};
use crate::format::message::dataspace::{Dataspace, MAX_RANK};
use crate::format::message::datatype::{Charset, Name};
use crate::format::message::small::AttributeInfo;
use crate::format::message::{Shared, kind};
use crate::index::space::Space;
use crate::io::Reader;
use crate::object::ObjectHeader;
use crate::object::attributes::{self, SHARED, Stored};

/// The most bytes of an attribute, as for new files.
const MOST: u64 = 64 << 20;

/// The creation order of an attribute whose object tracks none.
const NO_ORDER: u32 = 0xffff;

/// A message that is not to be shared.
const UNSHARED: u8 = 4;

/// An object's attributes.
pub(super) struct Attributes {
    /// In the order in which they were made or are stored.
    list: Vec<Stored>,
    was_dense: bool,
    next_order: u32,
    /// The most bytes of an attribute's message, where there is no heap for larger ones.
    most: Option<usize>,
}

impl Attributes {
    pub(super) fn load(reader: &Reader, header: &Header) -> Result<Attributes> {
        let loaded = ObjectHeader::load(reader, header.address)?;
        let (mut list, was_dense) = attributes::stored(&loaded, reader)?;
        let next_order = match info(header)? {
            Some(AttributeInfo { max_creation_order: Some(next), .. }) => next.into(),
            _ => list.iter().map(|a| a.order + 1).max().unwrap_or(0),
        };
        if header.tracks_order() {
            list.sort_by_key(|a| a.order);
        }
        let most = (!can_be_dense(header)).then_some(header.most_body());
        Ok(Attributes { list, was_dense, next_order, most })
    }

    /// Refuses an attribute that the object has no place for.
    fn check_size(&self, name: &[u8], body: &[u8]) -> Result<()> {
        match self.most.filter(|&most| body.len() > most) {
            None => Ok(()),
            Some(most) => Err(Error::limit(format!(
                "attribute {}: {} bytes, {most} are possible in this object's header; write it as a dataset",
                Name::from_bytes(name),
                body.len()
            ))),
        }
    }

    /// The message of the attribute of this name, unless it stands among the file's shared messages.
    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.list.iter().find(|a| a.name == name && a.shared.is_none()).map(|a| &a.body[..])
    }

    /// The committed datatypes that they use.
    pub(super) fn committed_types(&self, w: Widths) -> Result<Vec<Address>> {
        let own = self.list.iter().filter(|a| a.shared.is_none());
        own.filter_map(|a| committed(&a.body, w).transpose()).collect()
    }

    /// What they have in the heap.
    pub(super) fn dropped(&self, w: Widths) -> Dropped {
        let mut dropped = Dropped::default();
        // One that cannot be read keeps its room.
        self.list.iter().filter(|a| a.shared.is_none()).for_each(|a| drop(dropped.attribute(&a.body, w)));
        dropped
    }

    /// Puts in an encoded message, in place of that of the same name.
    pub(super) fn set(&mut self, name: &[u8], body: Vec<u8>, tracked: bool) -> Result<()> {
        self.check_size(name, &body)?;
        if let Some(there) = self.list.iter_mut().find(|a| a.name == name) {
            (there.body, there.shared) = (body, None);
            return Ok(());
        }
        if tracked && self.next_order >= NO_ORDER {
            return Err(Error::limit("more than 65,535 attributes of an object that tracks their order"));
        }
        let order = self.next_order;
        self.next_order += u32::from(tracked);
        self.list.push(Stored { name: name.to_vec(), flags: 0, order, body, shared: None });
        Ok(())
    }

    /// Takes one away, and returns its message, as [`get`](Self::get); whether it was there.
    pub(super) fn remove(&mut self, name: &[u8]) -> (Option<Vec<u8>>, bool) {
        let message = self.get(name).map(<[u8]>::to_vec);
        let there = self.list.len();
        self.list.retain(|a| a.name != name);
        (message, self.list.len() < there)
    }

    /// Gives one another name; one among the file's shared messages is none of those any more.
    pub(super) fn rename(&mut self, name: &[u8], to: &[u8]) -> Result<()> {
        if self.list.iter().any(|a| a.name == to) {
            return Err(Error::conflict(format!("attribute {} exists already", Name::from_bytes(to))));
        }
        let place = self.list.iter().position(|a| a.name == name).ok_or_else(|| missing(name))?;
        let body = renamed(&self.list[place].body, to)?;
        self.check_size(to, &body)?;
        let there = &mut self.list[place];
        (there.body, there.name, there.shared) = (body, to.to_vec(), None);
        Ok(())
    }

    /// Puts all into the header, or into a heap in new space.
    pub(super) fn store(&self, header: &mut Header, space: &mut Space) -> Result<()> {
        let (most, least) = header.phase_change;
        let count = self.list.len();
        let large = self.list.iter().any(|a| a.shared.is_none() && a.body.len() > MOST_BODY);
        let many = count > usize::from(most) || (self.was_dense && count >= usize::from(least).max(1));
        let dense = can_be_dense(header) && (large || many);
        header.remove(kind::ATTRIBUTE);
        let mut info = info(header)?;
        if header.version > 1 && count > 0 {
            info.get_or_insert_with(|| AttributeInfo::tracking(header.tracks_order(), header.indexes_order()));
        }
        if let Some(info) = &mut info {
            (info.heap, info.name_index, info.order_index) = (None, None, None);
            info.max_creation_order = info.max_creation_order.map(|_| self.next_order as u16);
            if dense {
                let dense = self.write_dense(space, header)?;
                (info.heap, info.name_index) = (Some(dense.heap), Some(dense.name_index));
                info.order_index = dense.order_index;
            }
            header.set(kind::ATTRIBUTE_INFO, UNSHARED, bytes::encode(&*info, header.w, "attribute info")?);
        }
        let tracked = header.tracks_order();
        if !dense {
            header.messages.extend(self.list.iter().map(|a| Message {
                kind: kind::ATTRIBUTE,
                flags: flags(a),
                order: if tracked { a.order as u16 } else { 0 },
                body: a.shared.as_ref().map_or_else(|| a.body.clone(), Shared::encode_in_heap),
            }));
        }
        Ok(())
    }

    fn write_dense(&self, space: &mut Space, header: &Header) -> Result<dense::Dense> {
        let tracked = header.tracks_order();
        let items: Vec<Item<'_>> = self
            .list
            .iter()
            .map(|a| Item {
                name: &a.name,
                flags: flags(a),
                order: if tracked { a.order } else { NO_ORDER }.into(),
                body: &a.body,
                shared: a.shared,
            })
            .collect();
        dense::attributes(space, &items, header.indexes_order())
    }
}

/// The flags of an attribute's message.
fn flags(a: &Stored) -> u8 {
    a.flags | if a.shared.is_some() { SHARED } else { 0 }
}

/// Whether an object's attributes can be kept in a heap, whose blocks are larger than two bytes can say.
fn can_be_dense(header: &Header) -> bool {
    header.version > 1 && header.w.length > 2
}

pub(super) fn missing(name: &[u8]) -> Error {
    Error::not_found(format!("no attribute {}", Name::from_bytes(name)))
}

fn info(header: &Header) -> Result<Option<AttributeInfo>> {
    let decode = |m: &Message| bytes::decode::<AttributeInfo>(&m.body, header.w, "attribute info");
    header.find(kind::ATTRIBUTE_INFO).map(|m| Ok(decode(m)?.0)).transpose()
}

/// The message of an attribute under another name; everything else stays as it is, shared parts too.
fn renamed(body: &[u8], to: &[u8]) -> Result<Vec<u8>> {
    let damaged = || Error::damaged("ends before its data").in_structure("attribute");
    if to.is_empty() || to.contains(&0) {
        return Err(Error::invalid("the name of an attribute must not be empty or contain a NUL"));
    }
    let (&version, name_size) = body.first().zip(body.get(2..4)).ok_or_else(damaged)?;
    let old = usize::from(u16::from_le_bytes([name_size[0], name_size[1]]));
    let start = if version == 3 { 9 } else { 8 };
    let place = |n: usize| if version == 1 { n.next_multiple_of(8) } else { n };
    let size =
        u16::try_from(to.len() + 1).map_err(|_| Error::limit("an attribute's name of more than 65,534 bytes"))?;
    let mut out = body.get(..start).ok_or_else(damaged)?.to_vec();
    out[2..4].copy_from_slice(&size.to_le_bytes());
    if version == 3 {
        out[8] = u8::from(charset(to) == Charset::Utf8);
    }
    out.extend_from_slice(to);
    out.resize(start + place(to.len() + 1), 0);
    out.extend_from_slice(body.get(start + place(old)..).ok_or_else(damaged)?);
    Ok(out)
}

/// The committed datatype that an attribute uses.
pub(super) fn committed(body: &[u8], w: Widths) -> Result<Option<Address>> {
    Ok(match Attribute::decode(body, w)?.datatype {
        Held::Shared(Shared::Committed(address)) => Some(address),
        _ => None,
    })
}

/// Encodes an attribute in the form of the file; its variable-length data go to the heap.
pub(super) fn encode(name: &[u8], value: &dyn ArrayLike, open: &mut Open) -> Result<Vec<u8>> {
    let (shape, datatype) = (value.shape(), open.datatype(value.element_datatype())?);
    let shown = Name::from_bytes(name);
    let elements = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
    let size = elements.and_then(|n| n.checked_mul(datatype.size()));
    let (Some(elements), true) = (elements, size.is_some_and(|n| n <= MOST)) else {
        return Err(Error::limit(format!("attribute {shown}: more than 64 MiB; write it as a dataset")));
    };
    if shape.len() > MAX_RANK {
        return Err(Error::limit(format!("{} dimensions, {MAX_RANK} are possible", shape.len())));
    }
    let mut data = Vec::new();
    match value.as_stored(&datatype) {
        _ if value.is_null() => {}
        Some(bytes) => data.extend_from_slice(bytes),
        None => value.store(0..elements as usize, &datatype, open, &mut data)?,
    }
    let attribute = Attribute {
        name: shown,
        charset: charset(name),
        datatype: Held::Here(datatype),
        dataspace: Held::Here(match &shape[..] {
            _ if value.is_null() => Dataspace::Null,
            [] => Dataspace::Scalar,
            _ => Dataspace::Simple { dims: shape.into(), max: None },
        }),
        data: data.into(),
    };
    attribute.encode(open.space.widths(), open.libver)
}

#[cfg(test)]
mod tests {
    use crate::io::MemoryStore;
    use crate::{CreateOptions, EditOptions, ErrorKind, File, FileMut, LibVer};
    use std::sync::Arc;

    #[test]
    fn what_a_header_has_no_place_for_is_refused_at_once() {
        // Headers of version 1 have no heap to leave attributes to.
        let store = MemoryStore::default();
        let out = FileMut::on_store_with(store.clone(), CreateOptions::new().libver(LibVer::Earliest)).unwrap();
        out.root().group("g").unwrap().set_attribute("a", [0u8; 65_000]).unwrap();
        out.commit().unwrap();
        let mut edit = File::edit_on(Arc::new(store.clone()), EditOptions::new()).unwrap();
        let large = edit.set_attribute("g", "large", vec![0f64; 9_000]).unwrap_err();
        assert_eq!(large.kind(), ErrorKind::Limit);
        assert!(large.to_string().contains("attribute large: 72"), "{large}");
        let renamed = edit.rename_attribute("g", "a", "n".repeat(600)).unwrap_err();
        assert_eq!(renamed.kind(), ErrorKind::Limit);
        edit.set_attribute("g", "small", 7).unwrap();
        edit.commit().unwrap();
        let group = File::from_bytes(store.bytes()).unwrap().group("g").unwrap();
        let names: Vec<String> =
            group.attributes().unwrap().into_iter().map(|a| a.unwrap().name().to_string()).collect();
        assert_eq!(names, ["a", "small"]);
    }
}
