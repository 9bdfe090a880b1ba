//! What the superblock's extension binds a writer to: file space information, an image of libhdf5's metadata cache, and
//! what it says of the parts of a split file, which before version 2 of the superblock stands in a block of its own.

use super::header::Header;
use super::ledger::{Ledger, Part};
use super::limits;
use super::parts::{FirstPart, Said};
use super::superblock::Stored;
use crate::bytes::{self, Address, Widths};
use crate::error::{Error, Result};
use crate::file::File;
use crate::format::message::kind;
use crate::format::message::small::form_of_file_space_info;
use crate::index::space::{METADATA, Space};
use crate::io::Patch;
use crate::object::ObjectHeader;
use crate::object::start::{self, Image};
use std::collections::BTreeMap;

/// The extension of the superblock, where there is one.
#[derive(Debug, Default)]
pub(super) struct Extension {
    address: Option<Address>,
    space: Option<FileSpace>,
    /// The metadata that an image holds for its place, by position: what stands there in the file does not count.
    image: Option<BTreeMap<u64, Vec<u8>>>,
    /// Of a file that is split by what its bytes are for.
    first_part: Option<FirstPart>,
}

impl Extension {
    /// Reads it; refuses, by name, what cannot be edited.
    pub(super) fn load(file: &File, superblock: &Stored) -> Result<Extension> {
        let Some(address) = file.inner.superblock.extension else {
            return Ok(Extension { first_part: FirstPart::find(file, None)?, ..Extension::default() });
        };
        let reader = file.reader();
        let header = ObjectHeader::load(&reader, address)?;
        if header.find(kind::DRIVER_INFO).is_some() && !reader.source().is_joined() {
            return Err(limits::split());
        }
        let image = header.find(kind::METADATA_CACHE_IMAGE);
        let image = image.map(|body| entries(start::image(&reader, body.bytes)?, superblock)).transpose()?;
        let space = header.find(kind::FILE_SPACE_INFO);
        let space = space.map(|body| FileSpace::decode(body.bytes, reader.widths())).transpose()?;
        let first_part = FirstPart::find(file, Some(&header))?;
        Ok(Extension { address: Some(address), space, image, first_part })
    }

    /// Where the part of a split file ends to which everything new goes.
    pub(super) fn end_of_first_part(&self) -> Option<u64> {
        self.first_part.map(|part| part.end)
    }

    /// The size of the pages that room is handed out in, if it is.
    pub(super) fn page(&self) -> Option<u64> {
        self.space.filter(|s| s.paged).map(|s| s.page_size)
    }

    /// Whether there is an image of libhdf5's metadata cache.
    pub(super) fn has_image(&self) -> bool {
        self.image.is_some()
    }

    /// What makes of the extension what a commit leaves of it, if that is anything else. It says nothing of free space
    /// any more, for a library that trusts what it said before would cut the file where it ended then; it leads to no
    /// image; and it says where the first part of a split file ends.
    pub(super) fn store(
        &self,
        file: &File,
        superblock: &Stored,
        space: &mut Space,
        ledger: &mut Ledger,
    ) -> Result<Option<Patch>> {
        let persists = self.space.is_some_and(|s| s.persists);
        let said = self.first_part.map(|part| part.said);
        let changes = persists || self.image.is_some() || matches!(said, Some(Said::InMessage(_)));
        let Some(at) = self.address.filter(|_| changes) else {
            self.fill_page(space)?;
            let end = space.end().to_le_bytes().to_vec();
            return Ok(match said {
                Some(Said::At(at)) => Some(Patch { position: superblock.position + at.get(), bytes: end }),
                _ => None,
            });
        };
        let mut header = Header::load(&file.reader(), at)?;
        header.remove(kind::METADATA_CACHE_IMAGE);
        // Where the file ends is known when the header has its room, and the header says where the file ends.
        let mut place = None;
        ledger.replace(space, at, Part::Header, |space| {
            header.encode_with(&mut |chunk| Ok(*place.insert(space.allocate(chunk.len() as u64, METADATA)?)))
        })?;
        self.fill_page(space)?;
        let end = space.end();
        let message = header.messages.iter_mut().find(|m| m.kind == kind::FILE_SPACE_INFO);
        if let (Some(info), Some(message), true) = (self.space, message, persists) {
            info.forget(&mut message.body, end)?;
        }
        let message = header.messages.iter_mut().find(|m| m.kind == kind::DRIVER_INFO);
        if let (Some(Said::InMessage(at)), Some(message)) = (said, message)
            && let Some(field) = message.body.get_mut(at..at + 8)
        {
            field.copy_from_slice(&end.to_le_bytes());
        }
        let bytes = header.encode_with(&mut |chunk| {
            let at = place.ok_or_else(|| Error::damaged("an object header that grows while it is written"))?;
            space.write(at, chunk).map(|()| at)
        })?;
        Ok(superblock.patch(at, header.stored(), &bytes))
    }

    /// Lets the file end with a whole page, if it is made of pages.
    fn fill_page(&self, space: &mut Space) -> Result<()> {
        self.page().map_or(Ok(()), |page| space.allocate(0, page).map(drop))
    }

    /// All patches of a commit in their order: what an image holds comes to its place, with the changes that are made of
    /// it, and the extension leads there until everything else is done. Without an image the extension comes first.
    pub(super) fn with_image(&self, patches: Vec<Patch>, extension: Option<Patch>) -> Vec<Patch> {
        let Some(image) = &self.image else {
            return extension.into_iter().chain(patches).collect();
        };
        let (mut image, mut outside) = (image.clone(), Vec::new());
        for patch in patches.into_iter().chain(extension) {
            lay_over(&mut image, patch, &mut outside);
        }
        let image = image.into_iter().map(|(position, bytes)| Patch { position, bytes });
        image.chain(outside).collect()
    }
}

/// The entries of an image, if there is one, by position. The superblock is in none: a commit replaces it by itself.
fn entries(image: Option<Image>, superblock: &Stored) -> Result<BTreeMap<u64, Vec<u8>>> {
    let entries = image.map_or(BTreeMap::new(), |image| BTreeMap::from_iter(image.entries));
    let own = superblock.position..superblock.position + superblock.bytes.len() as u64;
    let last = entries.range(..own.end).next_back();
    match last.is_some_and(|(at, bytes)| at + bytes.len() as u64 > own.start) {
        true => Err(Error::damaged("an entry for the superblock").in_structure("metadata cache image")),
        false => Ok(entries),
    }
}

/// Makes a patch of what lies below it, entries that do not overlap; what lies outside of them comes to `outside`.
fn lay_over(entries: &mut BTreeMap<u64, Vec<u8>>, patch: Patch, outside: &mut Vec<Patch>) {
    let Patch { position, mut bytes } = patch;
    while !bytes.is_empty() {
        let end = position + bytes.len() as u64;
        let below = entries.range_mut(..end).next_back();
        let below = below.filter(|(start, entry)| *start + entry.len() as u64 > position);
        let Some((&start, entry)) = below else {
            return outside.push(Patch { position, bytes });
        };
        // From behind: what lies behind this entry, then what lies in it; what lies in front of it is left.
        let first = start.max(position);
        let last = end.min(start + entry.len() as u64);
        let behind = bytes.split_off((last - position) as usize);
        if !behind.is_empty() {
            outside.push(Patch { position: last, bytes: behind });
        }
        let inside = bytes.split_off((first - position) as usize);
        entry[(first - start) as usize..(last - start) as usize].copy_from_slice(&inside);
    }
}

/// The file space information of a file, as far as it binds a writer.
#[derive(Clone, Copy, Debug)]
struct FileSpace {
    /// The version whose fields it has.
    form: u8,
    /// Whether free space is kept from one opening to the next.
    persists: bool,
    /// Whether room is handed out in pages.
    paged: bool,
    page_size: u64,
    w: Widths,
}

/// Where the fields of file space information (IV.A.2.x) stand.
const PERSISTS: usize = 2;
const PAGES: u8 = 1;
/// In version 0, which has no field of its own for that.
const OLD_PERSISTS: u8 = 1;

impl FileSpace {
    fn decode(body: &[u8], w: Widths) -> Result<FileSpace> {
        let short = || Error::damaged("ends before its last field").in_structure("file space info");
        let (&version, &strategy) = body.first().zip(body.get(1)).ok_or_else(short)?;
        if version > 1 {
            return Err(Error::unsupported(format!("editing files with file space info of version {version}")));
        }
        let form = form_of_file_space_info(version, body.len() - 1, w);
        let mut info = FileSpace { form, persists: strategy == OLD_PERSISTS, paged: false, page_size: 0, w };
        if form == 0 {
            return Ok(info);
        }
        info.persists = *body.get(PERSISTS).ok_or_else(short)? != 0;
        // Behind the smallest section that is kept.
        let page_size = body.get(PERSISTS + 1 + w.length()..).and_then(|b| b.get(..w.length())).ok_or_else(short)?;
        info.page_size = bytes::uint(page_size).flatten().unwrap_or(0);
        info.paged = strategy == PAGES;
        if info.paged && !(512..=1 << 30).contains(&info.page_size) {
            return Err(Error::damaged(format!("pages of {} bytes", info.page_size)).in_structure("file space info"));
        }
        Ok(info)
    }

    /// Takes the addresses of the lists of free space out of the message, and puts the new end of the file in.
    fn forget(&self, body: &mut [u8], end: u64) -> Result<()> {
        let (length, offset) = (self.w.length(), self.w.offset());
        // Version 0: behind the smallest section that is kept, for six kinds of memory. Version 1: behind that, the size
        // of pages, the size of what is left of a page that is kept and the end; for six kinds each of two sizes.
        let (at, lists) = match self.form {
            0 => (PERSISTS + length, 6),
            _ => (PERSISTS + 1 + 2 * length + 2 + offset, 12),
        };
        let field = body.get_mut(at..at + lists * offset);
        field.ok_or_else(|| Error::damaged("ends before its last field").in_structure("file space info"))?.fill(0xff);
        if self.form > 0 {
            body[at - offset..at].copy_from_slice(&bytes::encode(&Address(end), self.w, "file space info")?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemoryStore;
    use crate::{EditOptions, ErrorKind};
    use std::sync::Arc;

    #[test]
    fn an_image_that_holds_the_superblock_is_damaged() {
        let mut file = include_bytes!("../../fixtures/structures/image.h5").to_vec();
        let edit = |file: &[u8]| File::edit_on(Arc::new(MemoryStore::holding(file.to_vec())), EditOptions::new());
        edit(&file).unwrap();
        let at = file.windows(4).rposition(|w| w == b"MDCI").unwrap();
        let size = u64::from_le_bytes(file[at + 6..at + 14].try_into().unwrap()) as usize;
        // Behind the image's own fields, and those of the first entry up to its address.
        let address = at + 18 + 14;
        file[address..address + 8].fill(0);
        let mut image = file[at..at + size - 4].to_vec();
        bytes::seal(&mut image);
        file[at..at + size].copy_from_slice(&image);
        let error = edit(&file).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains("an entry for the superblock"), "{error}");
    }

    #[test]
    fn a_patch_changes_what_lies_below_it_and_stands_where_nothing_does() {
        let mut entries = BTreeMap::from([(10, vec![1; 4]), (16, vec![2; 4]), (30, vec![3; 2])]);
        let mut outside = Vec::new();
        lay_over(&mut entries, Patch { position: 8, bytes: (50..64).collect() }, &mut outside);
        lay_over(&mut entries, Patch { position: 17, bytes: vec![9; 2] }, &mut outside);
        lay_over(&mut entries, Patch { position: 24, bytes: vec![8; 6] }, &mut outside);
        let expected = [(10, vec![52, 53, 54, 55]), (16, vec![58, 9, 9, 61]), (30, vec![3; 2])];
        assert_eq!(entries, BTreeMap::from(expected));
        let patch = |position, bytes: &[u8]| Patch { position, bytes: bytes.to_vec() };
        let expected = [patch(20, &[62, 63]), patch(14, &[56, 57]), patch(8, &[50, 51]), patch(24, &[8; 6])];
        assert_eq!(outside, expected);
    }
}
