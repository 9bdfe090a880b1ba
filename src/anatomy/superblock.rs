//! The superblock (II.A) and the driver information block (II.B): where everything begins.

use super::group;
use super::kind::Kind;
use super::scribe::{Names, Scribe};
use super::walk::{Owner, Place, Walk};
use crate::bytes::{Address, Widths};
use crate::error::{Error, Result};
use crate::format::superblock::{MAX_SIZE, NodeRanks, SIGNATURE};

const FLAGS: Names = &[(1, "open for writing"), (2, "closed in order"), (4, "one writer, many readers")];

/// What the superblock says of the file as a whole.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) version: u8,
    pub(super) widths: Widths,
    pub(super) base: Option<Address>,
    pub(super) end: Option<Address>,
    pub(super) extension: Option<Address>,
    pub(super) driver: Option<Address>,
    pub(super) root: Option<Address>,
    pub(super) ranks: NodeRanks,
}

/// Reads the superblock at a position; the walk's reader sees positions still.
pub(super) fn superblock(walk: &mut Walk, position: u64) -> Result<Frame> {
    let mut frame = Frame {
        version: 0,
        widths: Widths::EIGHT,
        base: None,
        end: None,
        extension: None,
        driver: None,
        root: None,
        ranks: NodeRanks::DEFAULT,
    };
    let at = Address(position);
    let head = walk.peek(at, MAX_SIZE)?;
    let length = measure(&head)?.min(head.len() as u64);
    walk.structure(Place { kind: Kind::Superblock, at, length, owner: Owner::FILE }, |s| {
        s.signature(&SIGNATURE)?;
        frame.version = s.version("version", 0..=3)?;
        s.note = format!("version {}", frame.version);
        if frame.version < 2 { old(s, &mut frame) } else { new(s, &mut frame) }
    });
    Ok(frame)
}

/// The bytes of a superblock, by its version and its widths.
fn measure(head: &[u8]) -> Result<u64> {
    let byte = |i: usize| head.get(i).copied().unwrap_or(0);
    let (version, widths) = match byte(8) {
        v @ 0..=1 => (v, Widths::checked(byte(13), byte(14))?),
        v @ 2..=3 => (v, Widths::checked(byte(9), byte(10))?),
        v => {
            return Err(Error::unsupported(format!("superblock version {v}: the file was made by a newer format")));
        }
    };
    let (o, l) = (widths.offset() as u64, widths.length() as u64);
    Ok(if version < 2 { 24 + 4 * u64::from(version) + 5 * o + l + 24 } else { 16 + 4 * o })
}

fn old(s: &mut Scribe<'_>, frame: &mut Frame) -> Result<()> {
    s.version("version of the free-space information", 0..=0)?;
    s.version("version of the root entry", 0..=0)?;
    s.reserved(1)?;
    s.version("version of shared header messages", 0..=0)?;
    frame.widths = widths(s)?;
    s.reserved(1)?;
    frame.ranks.group_leaf = s.u16("K of symbol table nodes")?;
    s.means(|| "half of the links that one has room for".into());
    frame.ranks.group_internal = s.u16("K of group trees")?;
    s.flags("consistency flags", 4, FLAGS)?;
    if frame.version == 1 {
        frame.ranks.chunk = s.u16("K of chunk trees")?;
        s.reserved(2)?;
    }
    frame.base = s.address("base address")?;
    s.address("free-space information")?;
    frame.end = s.address("end of file address")?;
    frame.driver = s.address("driver information block")?;
    s.part(
        || "root group (III.C)".into(),
        |s| {
            frame.root = group::entry(s, &None)?.1;
            Ok(())
        },
    )
}

fn new(s: &mut Scribe<'_>, frame: &mut Frame) -> Result<()> {
    frame.widths = widths(s)?;
    s.flags("consistency flags", 1, FLAGS)?;
    frame.base = s.address("base address")?;
    frame.extension = s.address("object header of the extension")?;
    frame.end = s.address("end of file address")?;
    frame.root = s.address("object header of the root group")?;
    s.checksum()
}

fn widths(s: &mut Scribe<'_>) -> Result<Widths> {
    let (offset, length) = (s.u8("size of offsets")?, s.u8("size of lengths")?);
    s.w = Widths::checked(offset, length)?;
    Ok(s.w)
}

/// The driver information block: the file is one of several.
pub(super) fn driver(walk: &mut Walk, at: Address) {
    let size = walk.peek(at, 8).map(|head| head.get(4..8).map_or(0, super::scribe::little));
    let length = match size {
        Ok(size) => 16 + size,
        Err(e) => return walk.unreadable(Kind::DriverInfo, at, Owner::FILE, &e),
    };
    let mut name = Vec::new();
    walk.structure(Place { kind: Kind::DriverInfo, at, length, owner: Owner::FILE }, |s| {
        s.version("version", 0..=0)?;
        s.reserved(3)?;
        let size = s.u32("size of what the driver needs")?;
        name = s.text("driver", 8)?.to_vec();
        s.note = super::scribe::quoted(&name);
        s.bytes("what the driver needs", size as usize).map(drop)
    });
    // A family of one member has all that it says.
    let source = walk.reader.source();
    let lacks = source.size().is_ok_and(|size| size < walk.reader.size());
    if !source.is_joined() && (name.starts_with(b"NCSAmult") || (name.starts_with(b"NCSAfami") && lacks)) {
        let message = "the file is one of several: what stands in the others is not looked at";
        walk.finding(Kind::DriverInfo, at, Owner::FILE, message);
    }
}
