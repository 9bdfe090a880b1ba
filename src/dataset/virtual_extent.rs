//! The parts of a virtual dataset as they are now: what their selections mean where they grow with a source, or go on
//! from source to source.

use super::virtual_data::{Name, Part};
use crate::data::ordinals::Ordinals;
use crate::data::region::Region;
use crate::error::{Error, Result};
use crate::format::selection::{StoredSelection, Strided};
use crate::format::virtual_map::{Mapping, has_block};
use std::ops::Range;

/// What a mapping's size depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// On nothing.
    Fixed,
    /// On the size of its source; the dimensions that grow.
    Growing { target: usize, source: usize },
    /// On how many sources there are; the dimension along which they stand.
    Blocks { target: usize },
}

fn wrong(message: impl Into<String>) -> Error {
    Error::damaged(message).in_structure("virtual dataset map")
}

/// What the mapping's size depends on; refuses what makes no sense.
pub(super) fn kind(mapping: &Mapping, rank: usize) -> Result<Kind> {
    let (source, target) = (unlimited(&mapping.source)?, unlimited(&mapping.target)?);
    if mapping.target.rank().is_some_and(|r| r != rank) {
        return Err(wrong(format!("a selection of another rank than {rank} in a virtual dataset")));
    }
    let numbered = has_block(&mapping.file)? || has_block(&mapping.dataset)?;
    match (target, source, numbered) {
        (None, None, false) => Ok(Kind::Fixed),
        (Some(target), Some(source), false) => {
            let (a, b) = (fixed_elements(&mapping.target, target), fixed_elements(&mapping.source, source));
            if a != b {
                return Err(wrong(format!("{a} elements from {b} of a source, at each index of what grows")));
            }
            Ok(Kind::Growing { target, source })
        }
        (Some(target), None, true) => Ok(Kind::Blocks { target }),
        (Some(_), None, false) => Err(wrong("a mapping without end from one source that has one")),
        (None, Some(_), _) => Err(wrong("a mapping of an endless source to a part that has an end")),
        (_, _, true) => Err(wrong("a numbered source of a mapping that is not made of blocks")),
    }
}

/// How large the virtual dataset must at least be for this mapping, in the dimensions that do not grow.
pub(super) fn add_least(mapping: &Mapping, kind: Kind, least: &mut [u64]) -> Result<()> {
    let ends: Vec<u64> = match &mapping.target {
        StoredSelection::All | StoredSelection::None => return Ok(()),
        StoredSelection::Regular(dims) => dims.iter().map(|b| blocks(b, u64::MAX).bounds().end).collect(),
        other => region(other)?.bounds().unwrap_or_default().iter().map(|r| r.end).collect(),
    };
    for (d, (least, end)) in least.iter_mut().zip(ends).enumerate() {
        let grows = matches!(kind, Kind::Growing { target, .. } | Kind::Blocks { target } if target == d);
        if !grows {
            *least = end.max(*least);
        }
    }
    Ok(())
}

/// A mapping that depends on nothing.
pub(super) fn fixed(mapping: &Mapping, shape: &[u64]) -> Result<Part> {
    let target = match &mapping.target {
        StoredSelection::All => Region::all(shape),
        other => region(other)?,
    };
    Ok(Part { name: Name::fixed(mapping)?, target, source: source_region(&mapping.source)? })
}

/// A mapping that grows with its source, which has this shape now; and how far it reaches.
pub(super) fn growing(mapping: &Mapping, name: Name, dims: (usize, usize), shape: &[u64]) -> Result<(Part, u64)> {
    let (target, source) = dims;
    let (to, from) = (regular(&mapping.target), regular(&mapping.source));
    if from.len() != shape.len() {
        return Err(wrong(format!("a selection of {} dimensions in a source of shape {shape:?}", from.len())));
    }
    let taken = blocks(&from[source], shape[source]);
    // As many as the source has; they reach from the first to behind the last.
    let n = taken.len();
    let placed = match (blocks(&to[target], u64::MAX), n) {
        (_, 0) => Ordinals::run(0, 0),
        (all, n) if all.len() >= n => blocks(&to[target], all.index(n - 1) + 1),
        _ => return Err(wrong("a source that is larger than its place can become")),
    };
    let reach = placed.bounds().end;
    let axes = |all: &[Strided], grown: usize, axis: Ordinals| {
        let mut axes: Vec<Ordinals> = all.iter().map(|b| blocks(b, u64::MAX)).collect();
        axes[grown] = axis;
        Region::Product(axes)
    };
    let part = Part { name, target: axes(to, target, placed), source: Some(axes(from, source, taken)) };
    Ok((part, reach))
}

/// One of the blocks that a mapping without end is made of.
pub(super) fn block(mapping: &Mapping, name: Name, target: usize, number: u64) -> Result<Part> {
    let mut axes = Vec::new();
    for (d, b) in regular(&mapping.target).iter().enumerate() {
        if d != target {
            axes.push(blocks(b, u64::MAX));
            continue;
        }
        let start = number.checked_mul(b.stride).and_then(|n| n.checked_add(b.start));
        let start = start.ok_or_else(|| wrong("a block beyond 2^64"))?;
        axes.push(blocks(&Strided { start, count: Some(1), ..*b }, u64::MAX));
    }
    Ok(Part { name, target: Region::Product(axes), source: source_region(&mapping.source)? })
}

fn source_region(selection: &StoredSelection) -> Result<Option<Region>> {
    match selection {
        StoredSelection::All => Ok(None),
        other => region(other).map(Some),
    }
}

/// A selection that depends on no extent.
fn region(selection: &StoredSelection) -> Result<Region> {
    match selection {
        StoredSelection::Regular(dims) => Ok(Region::Product(dims.iter().map(|b| blocks(b, u64::MAX)).collect())),
        StoredSelection::Blocks { rank, corners } => Region::boxes(*rank, &boxes(*rank, corners)),
        StoredSelection::None => Ok(Region::none()),
        StoredSelection::All => Err(wrong("\"all\" of an array without a shape")),
        StoredSelection::Points { .. } => Err(Error::unsupported("points selected in a virtual dataset")),
    }
}

fn blocks(b: &Strided, end: u64) -> Ordinals {
    Ordinals::blocks(b.start, b.stride, b.count, b.block, end)
}

fn regular(selection: &StoredSelection) -> &[Strided] {
    match selection {
        StoredSelection::Regular(dims) => dims,
        _ => &[],
    }
}

/// First and last elements as ranges. None reaches 2^64, as no array does.
fn boxes(rank: usize, corners: &[u64]) -> Vec<Vec<Range<u64>>> {
    let range = |(first, last): (&u64, &u64)| *first..last.saturating_add(1);
    let one = |b: &[u64]| b.iter().zip(&b[rank..]).map(range).collect();
    corners.chunks_exact(2 * rank.max(1)).map(one).collect()
}

/// The dimension in which the selection has no end, if there is one.
fn unlimited(selection: &StoredSelection) -> Result<Option<usize>> {
    let mut found = None;
    for (d, b) in regular(selection).iter().enumerate() {
        let many = b.count.is_none_or(|n| n > 1);
        if b.stride == 0 || (many && b.block.is_none_or(|n| n > b.stride)) {
            return Err(wrong(format!("blocks of {:?} every {}", b.block, b.stride)));
        }
        if (b.count.is_none() || b.block.is_none()) && found.replace(d).is_some() {
            return Err(wrong("a selection without end in two dimensions"));
        }
    }
    Ok(found)
}

/// Elements of one index of the dimension without end.
fn fixed_elements(selection: &StoredSelection, unlimited: usize) -> u64 {
    let fixed = regular(selection).iter().enumerate().filter(|(d, _)| *d != unlimited);
    fixed.fold(1, |n, (_, b)| n.saturating_mul(blocks(b, u64::MAX).len()))
}
