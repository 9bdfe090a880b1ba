//! Which files can be edited in place, and what they say of their free space.

use super::EditOptions;
use crate::bytes::{self, Address, Widths};
use crate::error::{Error, Result};
use crate::file::File;
use crate::format::libver::LibVer;
use crate::format::message::kind;
use crate::format::superblock::NodeRanks;
use crate::index::space::Space;
use crate::object::ObjectHeader;

/// The file space information of a file, as far as it binds a writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileSpace {
    /// Whether free space is kept from one opening to the next.
    pub(super) persists: bool,
    /// Whether room is handed out in pages.
    pub(super) paged: bool,
    pub(super) page_size: u64,
    w: Widths,
}

/// Where the fields of file space information (IV.A.2.x) stand.
const PERSISTS: usize = 2;
const PAGES: u8 = 1;

impl FileSpace {
    fn decode(body: &[u8], w: Widths) -> Result<FileSpace> {
        let short = || Error::damaged("ends before its last field").in_structure("file space info");
        let (&version, &strategy) = body.first().zip(body.get(1)).ok_or_else(short)?;
        if version != 1 {
            return Err(Error::unsupported(format!("editing files with file space info of version {version}")));
        }
        let persists = *body.get(PERSISTS).ok_or_else(short)? != 0;
        // Behind the smallest section that is kept.
        let page_size = body.get(PERSISTS + 1 + w.length()..).and_then(|b| b.get(..w.length())).ok_or_else(short)?;
        let page_size = bytes::uint(page_size).flatten().unwrap_or(0);
        let paged = strategy == PAGES;
        if paged && !(512..=1 << 30).contains(&page_size) {
            return Err(Error::damaged(format!("pages of {page_size} bytes")).in_structure("file space info"));
        }
        Ok(FileSpace { persists, paged, page_size, w })
    }

    /// Lets the file end with a whole page, if it is made of pages.
    pub(super) fn fill_page(&self, space: &mut Space) -> Result<()> {
        if self.paged {
            space.allocate(0, self.page_size)?;
        }
        Ok(())
    }

    /// Takes the addresses of the lists of free space out of the message, and puts the new end of the file in.
    pub(super) fn forget(&self, body: &mut [u8], end: u64) -> Result<()> {
        // Behind two lengths, and the size of what is left of a page that is kept.
        let (at, width) = (PERSISTS + 1 + 2 * self.w.length() + 2, self.w.offset());
        let lists = body.get_mut(at..).filter(|b| b.len() >= 13 * width);
        let lists =
            lists.ok_or_else(|| Error::damaged("ends before its last field").in_structure("file space info"))?;
        let (place, lists) = lists.split_at_mut(width);
        place.copy_from_slice(&bytes::encode(&Address(end), self.w, "file space info")?);
        lists[..12 * width].fill(0xff);
        Ok(())
    }
}

/// Refuses what cannot be edited, by name.
pub(super) fn check(file: &File, options: &EditOptions) -> Result<Option<FileSpace>> {
    let superblock = &file.inner.superblock;
    if file.is_open_for_writing() && !options.ignore_marks {
        let message =
            "a writer has the file open, or had when it died; if none has, say that the mark is to be ignored";
        return Err(Error::conflict(message));
    }
    let Widths { offset, length } = superblock.widths;
    if offset > 8 || length > 8 {
        let message = format!("editing a file whose addresses have {offset} bytes and whose lengths have {length}");
        return Err(Error::unsupported(message));
    }
    if superblock.driver.is_some() {
        return Err(split());
    }
    superblock.extension.map_or(Ok(None), |at| check_extension(file, at))
}

/// The oldest library that is to read what is new: one that could read the file so far.
pub(super) fn bound(file: &File) -> LibVer {
    let superblock = &file.inner.superblock;
    // libhdf5 takes "without end" in a narrower field for a number, and then looks in vain for the dimension by which an
    // extensible array grows.
    let most = if superblock.widths.length < 8 { LibVer::V18 } else { LibVer::V110 };
    match superblock.version {
        0 | 1 if superblock.ranks == NodeRanks::DEFAULT => LibVer::Earliest,
        0..=2 => LibVer::V18,
        _ => most,
    }
}

fn split() -> Error {
    Error::unsupported("editing a file that is split over several")
}

fn check_extension(file: &File, at: Address) -> Result<Option<FileSpace>> {
    let superblock = &file.inner.superblock;
    let header = ObjectHeader::load(&file.reader(), at)?;
    if header.find(kind::DRIVER_INFO).is_some() {
        return Err(split());
    }
    if header.find(kind::METADATA_CACHE_IMAGE).is_some() {
        return Err(Error::unsupported("editing a file that holds an image of libhdf5's metadata cache"));
    }
    header.find(kind::FILE_SPACE_INFO).map(|body| FileSpace::decode(body.bytes, superblock.widths)).transpose()
}
