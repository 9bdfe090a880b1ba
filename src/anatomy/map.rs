//! The map of a file: all pieces by their place, and what lies between them.

use super::kind::Kind;
use super::owners::Owners;
use super::walk::{Claim, Owner, Walk};
use super::{Finding, data};
use crate::bytes::Address;
use crate::error::Result;
use crate::format::global_heap::{decode_size, header_size};
use rayon::slice::ParallelSliceMut;
use std::collections::HashMap;
use std::ops::Range;

/// Every byte of a file accounted for.
#[derive(Debug)]
pub struct Map {
    pub(super) base: u64,
    pub(super) size: u64,
    /// Bytes of that which stand in no file.
    nowhere: u64,
    pub(super) end: u64,
    pub(super) version: u8,
    claims: Vec<Claim>,
    owners: Owners,
    findings: Vec<Finding>,
    more_findings: u64,
    is_complete: bool,
}

/// A piece of a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Piece<'a> {
    /// Where it begins, from the first byte of the file.
    pub position: u64,
    /// Where it begins, as addresses in the file count: from the superblock. Below 0 in a user block.
    pub address: i128,
    /// Its bytes.
    pub length: u64,
    /// What it is.
    pub kind: Kind,
    /// How many chunks one behind the other it stands for; 1 for everything else.
    pub count: u32,
    /// How many of its bytes, from the first on, metadata's own checksums cover; 0 in files of old versions.
    pub under_checksum: u64,
    /// The path of the object that it belongs to; empty if it is the file's.
    pub owner: String,
    /// What is worth saying of it.
    pub note: &'a str,
}

/// Bytes of gaps that are looked at.
const MOST_LOOKED_AT: u64 = 1 << 30;

/// Bytes that are looked at at a time.
const BLOCK: u64 = 1 << 20;

impl Map {
    /// Every byte of the file, by position: pieces and gaps. Pieces overlap only where a finding says so.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.claims.iter().map(|c| Piece {
            position: c.position,
            address: i128::from(c.position) - i128::from(self.base),
            length: c.length,
            kind: c.kind,
            count: c.count,
            under_checksum: c.under_checksum,
            owner: self.owners.path(c.owner),
            note: c.note.as_deref().unwrap_or(""),
        })
    }

    /// How many pieces of each kind there are, and how many bytes they have.
    pub fn sums(&self) -> HashMap<Kind, (u64, u64)> {
        let mut sums = HashMap::new();
        for claim in &self.claims {
            let (pieces, bytes) = sums.entry(claim.kind).or_insert((0, 0));
            *pieces += u64::from(claim.count);
            *bytes += claim.length;
        }
        sums
    }

    /// What is wrong: structures that cannot be read, bad checksums, overlaps.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Findings that were too many to be kept.
    pub fn more_findings(&self) -> u64 {
        self.more_findings
    }

    /// The version of the superblock.
    pub fn superblock_version(&self) -> u8 {
        self.version
    }

    /// Whether all was read, looked at and understood: what nothing leads to is then needed by nobody.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete && self.findings.is_empty() && self.more_findings == 0
    }

    /// Bytes of the whole file, whatever its superblock says; where it is split over several, of all of them.
    pub fn size(&self) -> u64 {
        self.size - self.nowhere
    }

    /// The position that the superblock calls the end of the file.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Makes the map of what a walk found.
    pub(super) fn new(walk: Walk, ends: (u64, u64), version: u8, stopped: &dyn Fn() -> bool) -> Result<Map> {
        let mut map = Map::empty(&walk, ends, version);
        map.fill(walk, stopped)?;
        Ok(map)
    }

    /// What a walk found, and nothing of what lies between.
    pub(super) fn of_pieces(mut walk: Walk, ends: (u64, u64), version: u8) -> Map {
        let mut map = Map::empty(&walk, ends, version);
        map.claims = sorted(&mut walk);
        (map.findings, map.more_findings, map.owners) = (walk.findings, walk.more_findings, walk.owners);
        map
    }

    fn empty(walk: &Walk, (end, size): (u64, u64), version: u8) -> Map {
        Map {
            base: walk.reader.base(),
            size,
            nowhere: walk.reader.source().gaps().iter().map(|hole| hole.end - hole.start).sum(),
            end,
            version,
            claims: Vec::new(),
            owners: Owners::new(),
            findings: Vec::new(),
            more_findings: 0,
            is_complete: walk.is_complete,
        }
    }

    fn fill(&mut self, mut walk: Walk, stopped: &dyn Fn() -> bool) -> Result<()> {
        let inside = self.end.min(self.size);
        let mut claims = sorted(&mut walk);
        adopt(&mut walk, &claims, inside, stopped)?;
        if !walk.claims.is_empty() {
            claims.append(&mut walk.claims);
            claims = sorted_claims(claims, walk.joins);
        }
        walk.free.sort_unstable();
        // What lies between the pieces, before and behind them.
        let mut between: Vec<Claim> = Vec::new();
        let mut look = Look { left: MOST_LOOKED_AT, buffer: Vec::new() };
        let holes = walk.reader.source().gaps();
        let mut gaps = |walk: &mut Walk, from: u64, to: u64, between: &mut Vec<Claim>| {
            for (from, to) in somewhere(&holes, from, to) {
                gap(walk, &mut look, from, to, between);
            }
        };
        if self.base > 0 {
            between.push(Claim::of_file(0, self.base, Kind::UserBlock));
        }
        // How far the file is accounted for, and by which piece.
        let (mut reach, mut last) = (self.base, None::<&Claim>);
        for claim in &claims {
            if stopped() {
                return Err(super::interrupted());
            }
            if claim.position > reach {
                gaps(&mut walk, reach, claim.position, &mut between);
            } else if claim.position < reach {
                self.overlap(&mut walk, claim, reach, last);
            }
            if claim.end() > reach {
                (reach, last) = (claim.end(), Some(claim));
            }
        }
        if reach < inside {
            gaps(&mut walk, reach, inside, &mut between);
        }
        if self.size > inside {
            between.push(Claim::of_file(inside.max(reach).min(self.size), self.size, Kind::Beyond));
        }
        if !between.is_empty() {
            claims.append(&mut between);
            // Two rows that are in order already.
            claims.sort_by_key(|c| c.position);
        }
        self.claims = claims;
        self.findings.append(&mut walk.findings);
        self.more_findings = walk.more_findings;
        self.is_complete = walk.is_complete;
        self.owners = walk.owners;
        Ok(())
    }

    fn overlap(&self, walk: &mut Walk, claim: &Claim, reach: u64, other: Option<&Claim>) {
        let Some(other) = other else {
            return;
        };
        let bytes = reach.min(claim.end()) - claim.position;
        let whose = match &*walk.path(other.owner) {
            "" => String::new(),
            path => format!(" of {path}"),
        };
        let at = other.position - self.base;
        let message = format!("{bytes} bytes overlap the {}{whose} at {at:#x}", other.kind);
        walk.finding(claim.kind, Address(claim.position - self.base), claim.owner, message);
    }
}

/// The pieces that a walk found, by place.
fn sorted(walk: &mut Walk) -> Vec<Claim> {
    let mut claims = std::mem::take(&mut walk.claims);
    claims.retain(|c| c.length > 0);
    sorted_claims(claims, walk.joins)
}

/// Pieces by place; chunks of one dataset that stand one behind the other are joined if that is wanted.
fn sorted_claims(mut claims: Vec<Claim>, joins: bool) -> Vec<Claim> {
    claims.par_sort_unstable_by_key(|c| (c.position, std::cmp::Reverse(c.length)));
    if joins {
        claims.dedup_by(|next, last| {
            let joins = next.kind == Kind::Chunk
                && (last.kind, last.owner) == (next.kind, next.owner)
                && last.end() == next.position;
            if joins {
                last.length += next.length;
                last.count = last.count.saturating_add(next.count);
                last.note = None;
            }
            joins
        });
    }
    claims
}

/// What is left of looking into gaps.
struct Look {
    left: u64,
    buffer: Vec<u8>,
}

/// What stands in a gap.
enum Seen {
    Zeros,
    Structure(Kind, u64),
    Something,
    /// Too much to look at.
    Unknown,
}

impl Look {
    /// Looks at the bytes from one position to another.
    fn at(&mut self, walk: &Walk, from: u64, to: u64) -> Result<Seen> {
        if to - from > self.left {
            return Ok(Seen::Unknown);
        }
        self.left -= to - from;
        let mut zeros = true;
        let mut here = from;
        while here < to {
            let n = BLOCK.min(to - here);
            self.buffer.resize(n as usize, 0);
            walk.reader.raw_into(Address(here - walk.reader.base()), &mut self.buffer)?;
            if self.buffer.iter().any(|&b| b != 0) {
                zeros = false;
                let found = (0..self.buffer.len()).find_map(|i| Some((Kind::of_signature(&self.buffer[i..])?, i)));
                if let Some((kind, i)) = found {
                    return Ok(Seen::Structure(kind, here + i as u64));
                }
            }
            // A signature may stand on the border of two blocks.
            here += if here + n < to { n - 3 } else { n };
        }
        Ok(if zeros { Seen::Zeros } else { Seen::Something })
    }
}

/// What of a range stands in some file: between the parts of one that is split by use there is nothing.
fn somewhere(holes: &[Range<u64>], from: u64, to: u64) -> Vec<(u64, u64)> {
    let (mut parts, mut at) = (Vec::new(), from);
    for hole in holes.iter().filter(|hole| hole.start < to && from < hole.end) {
        parts.push((at, hole.start));
        at = hole.end;
    }
    parts.push((at, to));
    parts.retain(|(from, to)| from < to);
    parts
}

/// The bytes between two pieces: free space that the file remembers, and what nobody knows of.
fn gap(walk: &mut Walk, look: &mut Look, from: u64, to: u64, between: &mut Vec<Claim>) {
    let base = walk.reader.base();
    let mut here = from;
    let first = walk.free.partition_point(|(at, length)| at.saturating_add(*length) <= from - base);
    let known: Vec<(u64, u64)> = walk.free.iter().skip(first).take_while(|(at, _)| *at < to - base).copied().collect();
    let mut add = |kind: Kind, from: u64, to: u64, walk: &mut Walk| {
        if from >= to {
            return;
        }
        let note = match (kind, look.at(walk, from, to)) {
            (Kind::Free, _) | (_, Ok(Seen::Unknown)) => None,
            (_, Ok(Seen::Zeros)) => Some("zeros".into()),
            (_, Ok(Seen::Something)) => Some("not all zeros".into()),
            (_, Ok(Seen::Structure(kind, at))) => {
                Some(format!("{kind} at {:#x} that nothing leads to", at - base).into_boxed_str())
            }
            (_, Err(e)) => Some(e.to_string().into_boxed_str()),
        };
        between.push(Claim { note, ..Claim::of_file(from, to, kind) });
    };
    for (at, length) in known {
        let start = base.saturating_add(at).clamp(here, to);
        let end = base.saturating_add(at).saturating_add(length).clamp(start, to);
        add(Kind::Gap, here, start, walk);
        add(Kind::Free, start, end, walk);
        here = end;
    }
    add(Kind::Gap, here, to, walk);
}

/// Global heap collections are led to by the elements of datasets, which are not read for a map: those that stand in
/// gaps between the pieces that are known are recognised by their signature, and fit. They are claimed.
fn adopt(walk: &mut Walk, known: &[Claim], inside: u64, stopped: &dyn Fn() -> bool) -> Result<()> {
    let base = walk.reader.base();
    let (mut reach, mut look) = (base, Look { left: MOST_LOOKED_AT, buffer: Vec::new() });
    for (start, end) in known.iter().map(|c| (c.position, c.end())).chain([(inside, inside)]) {
        while reach < start {
            if stopped() {
                return Err(super::interrupted());
            }
            let (kind, at) = match look.at(walk, reach, start) {
                Ok(Seen::Structure(kind, at)) => (kind, at),
                seen => {
                    walk.is_complete &= matches!(seen, Ok(Seen::Zeros | Seen::Something));
                    break;
                }
            };
            reach = at + 4;
            let address = Address(at - base);
            let head = header_size(walk.reader.widths());
            if kind == Kind::GlobalHeap
                && let Ok(size) = walk.peek(address, head).and_then(|h| decode_size(&h, walk.reader.widths()))
                && at.saturating_add(size) <= start
            {
                data::collection(walk, address, Owner::FILE);
                reach = at + size;
            }
        }
        reach = reach.max(end);
    }
    Ok(())
}
