//! The links of an edited group: all of them in memory, put back into its header, into a heap or into a symbol table.
//!
//! An old-style group that gets a link which a symbol table cannot hold becomes a new-style one, as with libhdf5.

use super::dense::{self, Item};
use super::header::{Header, MOST_BODY, Message};
use super::symbols::{Replaced, Symbols};
use crate::bytes;
use crate::error::{Error, Result};
use crate::format::message::datatype::Name;
use crate::format::message::kind;
use crate::format::message::link::{Link, Target};
use crate::format::message::small::{GroupInfo, LinkInfo};
use crate::format::superblock::NodeRanks;
use crate::index::space::Space;
use crate::io::Reader;
use crate::object::store::CONSTANT;
use crate::object::{ObjectHeader, links};
use std::collections::BTreeMap;

/// When links move out of the header and back, if the group does not say: the most that stay in, the least that stay out.
const PHASE_CHANGE: [u16; 2] = [8, 6];

/// A group's links.
pub(super) struct Links {
    by_name: BTreeMap<Vec<u8>, Entry>,
    form: Form,
    next_order: i64,
    /// Whether links were added, and whether some were taken away.
    pub(super) added: bool,
    pub(super) removed: bool,
    /// Whether an old-style group becomes a new-style one.
    pub(super) converted: bool,
}

struct Entry {
    link: Link,
    /// The message, where it is stored as one already.
    message: Option<Vec<u8>>,
}

enum Form {
    Messages { info: LinkInfo },
    Symbols(Box<Symbols>),
}

impl Links {
    pub(super) fn load(reader: &Reader, header: &Header, ranks: NodeRanks) -> Result<Links> {
        let loaded = ObjectHeader::load(reader, header.address)?;
        let links = match links::place(&loaded, reader)? {
            links::Place::SymbolTable(table) => {
                let form = Form::Symbols(Box::new(Symbols::load(reader, table, ranks)?));
                let all = links::all(&loaded, reader, ranks.group_leaf, ranks.group_internal, links::Order::Stored)?;
                Links::new(form, all.map(|l| Ok(Entry { link: l?, message: None })))?
            }
            _ => {
                let body = header.find(kind::LINK_INFO).ok_or_else(|| Error::mismatch("not a group"))?;
                let (info, _) = bytes::decode::<LinkInfo>(&body.body, header.w, "link info")?;
                let entry = |m: Vec<u8>| Ok(Entry { link: Link::decode(&m, header.w)?, message: Some(m) });
                let all = links::stored(&loaded, reader)?.into_iter().map(entry);
                Links::new(Form::Messages { info }, all)?
            }
        };
        Ok(links)
    }

    fn new(form: Form, entries: impl Iterator<Item = Result<Entry>>) -> Result<Links> {
        let mut by_name = BTreeMap::new();
        for entry in entries {
            let entry = entry?;
            by_name.insert(entry.link.name.0.to_vec(), entry);
        }
        let next_order = match &form {
            Form::Messages { info } => info.max_creation_order.unwrap_or(0),
            Form::Symbols(_) => 0,
        };
        Ok(Links { by_name, form, next_order, added: false, removed: false, converted: false })
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&Target> {
        self.by_name.get(name).map(|e| &e.link.target)
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.by_name.values().map(|e| &e.link.target)
    }

    /// Adds a link under a name that is free.
    pub(super) fn add(&mut self, name: &[u8], target: Target) -> Result<()> {
        let shown = || Name::from_bytes(name);
        if self.by_name.contains_key(name) {
            return Err(Error::conflict(format!("{} exists already", shown())));
        }
        let mut link = Link { name: shown(), charset: crate::builder::charset(name), creation_order: None, target };
        if matches!(self.form, Form::Symbols(_)) && !link.fits_symbol_table() {
            self.form = Form::Messages { info: LinkInfo::COMPACT };
            self.converted = true;
        }
        if matches!(&self.form, Form::Messages { info } if info.flags & 1 != 0) {
            link.creation_order = Some(self.next_order);
            self.next_order += 1;
        }
        self.by_name.insert(name.to_vec(), Entry { link, message: None });
        self.added = true;
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Target> {
        let gone = self.by_name.remove(name)?;
        self.removed = true;
        Some(gone.link.target)
    }

    /// Puts all into the header or into new space; returns what else of the group's old bytes is replaced.
    pub(super) fn store(&self, reader: &Reader, header: &mut Header, space: &mut Space) -> Result<Vec<Replaced>> {
        let info = match &self.form {
            Form::Symbols(symbols) => {
                let links: Vec<&Link> = self.by_name.values().map(|e| &e.link).collect();
                return Ok(symbols.store(reader, space, &links)?.into());
            }
            Form::Messages { info } => info,
        };
        let mut messages = Vec::with_capacity(self.by_name.len());
        for entry in self.by_name.values() {
            messages.push(entry.message.clone().map_or_else(|| entry.link.encode(header.w), Ok)?);
        }
        let [most, least] = phase_change(header)?;
        let count = messages.len();
        let many = count > usize::from(most) || (info.heap.is_some() && count >= usize::from(least).max(1));
        // A heap's blocks are larger than two bytes can say.
        let dense = header.w.length > 2 && (many || messages.iter().any(|m| m.len() > MOST_BODY));
        header.remove(kind::LINK);
        if self.converted {
            header.remove(kind::SYMBOL_TABLE);
            header.set(kind::GROUP_INFO, CONSTANT, bytes::encode(&GroupInfo::default(), (), "group info")?);
        }
        let mut info = LinkInfo {
            heap: None,
            name_index: None,
            order_index: None,
            max_creation_order: info.max_creation_order.map(|_| self.next_order),
            ..info.clone()
        };
        if dense {
            let dense = self.write_dense(space, &messages, info.flags & 2 != 0)?;
            (info.heap, info.name_index) = (Some(dense.heap), Some(dense.name_index));
            info.order_index = dense.order_index;
        }
        header.set(kind::LINK_INFO, 0, bytes::encode(&info, header.w, "link info")?);
        if !dense {
            let message = |body| Message { kind: kind::LINK, flags: 0, order: 0, body };
            header.messages.extend(messages.into_iter().map(message));
        }
        Ok(Vec::new())
    }

    fn write_dense(&self, space: &mut Space, messages: &[Vec<u8>], indexed: bool) -> Result<dense::Dense> {
        let items: Vec<Item<'_>> = self
            .by_name
            .values()
            .zip(messages)
            .map(|(e, body)| Item {
                name: &e.link.name.0,
                flags: 0,
                order: e.link.creation_order.unwrap_or(0),
                body,
                shared: None,
            })
            .collect();
        dense::links(space, &items, indexed)
    }
}

fn phase_change(header: &Header) -> Result<[u16; 2]> {
    let Some(message) = header.find(kind::GROUP_INFO) else {
        return Ok(PHASE_CHANGE);
    };
    let (info, _) = bytes::decode::<GroupInfo>(&message.body, (), "group info")?;
    Ok(info.phase_change.unwrap_or(PHASE_CHANGE))
}
