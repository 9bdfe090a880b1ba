//! For the fuzzer: any bytes as every structure in turn.

use super::libver::LibVer;
use super::message::{
    Shared, attribute::Attribute, dataspace::Dataspace, datatype, fill_value::FillValue, filter_pipeline,
    layout::Layout, link::Link,
};
use super::reference::{self, Blob, Outgoing, Reference};
use super::{
    btree1, btree2, cache_image, drivers, fractal_heap, free_space, global_heap, object_header, selection,
    shared_messages, superblock, symbol_table,
};
use crate::Result;
use crate::bytes::{Address, Widths};
use datatype::ReferenceKind;
use std::fmt::Debug;

const W: Widths = Widths::EIGHT;

/// What can be decoded must encode, and decode to the same again.
pub(crate) fn decode_everything(data: &[u8]) {
    messages(data);
    references(data);
    selections(data);
    structures(data);
}

/// Decoding what was encoded gives the same.
fn round_trip<T: PartialEq + Debug>(
    data: &[u8],
    decode: impl Fn(&[u8]) -> Result<T>,
    encode: impl Fn(&T) -> Result<Vec<u8>>,
) {
    if let Ok(value) = decode(data)
        && let Ok(bytes) = encode(&value)
    {
        assert_eq!(decode(&bytes).map_err(|e| format!("{e} in {bytes:x?}")), Ok(value));
    }
}

fn messages(data: &[u8]) {
    round_trip(data, superblock::Superblock::decode, |s| s.encode());
    for bound in [LibVer::Earliest, LibVer::V18, LibVer::LATEST] {
        round_trip(data, |b| datatype::decode(b).map(|(d, _)| d), |d| datatype::encode(d, bound));
        round_trip(data, |b| Dataspace::decode(b, W), |s| s.encode(W, bound));
    }
    round_trip(data, |b| Link::decode(b, W), |l| l.encode(W));
    round_trip(data, |b| Attribute::decode(b, W), |a| a.encode(W, LibVer::V18));
    round_trip(data, |b| Layout::decode(b, W), |l| l.encode(W));
    round_trip(data, FillValue::decode, FillValue::encode);
    // Version 2, which is written, has no room for the names of the library's own filters.
    let unnamed = |b: &[u8]| {
        let mut filters = filter_pipeline::decode(b)?;
        filters.iter_mut().filter(|f| f.id < 256).for_each(|f| f.name = "".into());
        Ok(filters)
    };
    round_trip(data, unnamed, |f| filter_pipeline::encode(f));
    let _ = Shared::decode(data, W);
}

/// What a blob is decoded from: an element behind its two bytes, or the object in the heap.
fn stored(outgoing: Outgoing) -> Result<Vec<u8>> {
    Ok(match outgoing {
        Outgoing::Whole(element) => element.into_iter().skip(2).collect(),
        Outgoing::InHeap(_, object) => object,
    })
}

fn references(data: &[u8]) {
    let rank = |r: &Reference| match r {
        Reference::Region { selection, .. } => selection.rank().unwrap_or(0) as u32,
        _ => 0,
    };
    for (kind, flags) in [(2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1)] {
        let decode = |b: &[u8]| Blob::Standard { kind, flags, size: b.len() as u32 }.decode(b, W);
        round_trip(data, decode, |r| {
            stored(reference::encode(r, ReferenceKind::Standard, rank(r), LibVer::LATEST, W)?)
        });
    }
    let region = |r: &Reference| stored(reference::encode(r, ReferenceKind::Region, rank(r), LibVer::LATEST, W)?);
    round_trip(data, |b| Blob::Region.decode(b, W), region);
    for kind in [ReferenceKind::Object, ReferenceKind::Region, ReferenceKind::Standard] {
        let _ = reference::decode_element(kind, data, W);
    }
}

fn selections(data: &[u8]) {
    round_trip(data, |b| selection::decode(b).map(|(s, _)| s), |s| selection::encode(s, LibVer::LATEST));
    if let Ok((selection, _)) = selection::decode(data) {
        let _ = selection.to_string();
        let shape = vec![7; selection.rank().unwrap_or(2)];
        let _ = (selection.len(&shape), selection.bounds(&shape), selection.blocks(&shape).map(|b| b.take(9).count()));
    }
}

/// What is decoded alone.
fn structures(data: &[u8]) {
    if let Ok(prefix) = object_header::Prefix::decode(data) {
        let _ = prefix.envelopes(data, prefix.messages.start as usize..data.len());
    }
    if let Ok(header) = free_space::Header::decode(data, W) {
        let _ = free_space::decode_list(data, &header, Address(0), W);
    }
    let _ = symbol_table::decode_node(data, W, 4);
    let _ = global_heap::decode_objects(data, W);
    let _ = btree1::Node::<btree1::ChunkKey>::decode(data, 3, W, 32);
    let _ = shared_messages::decode_record(data, W);
    let _ = cache_image::decode(data, W);
    let _ = drivers::decode_block(data);
    let _ = drivers::decode_message(data);
    if let Ok(table) = shared_messages::decode_table(data, W) {
        let _ = table.iter().map(|index| shared_messages::decode_list(data, index, W)).count();
    }
    if let Ok(heap) = fractal_heap::FractalHeap::decode(data, Address(0), W) {
        let _ = heap.decode_id(data);
        let _ = heap.descend(data, 3, 0, 700);
        let _ = heap.decode_huge(data);
    }
    if let Ok(header) = btree2::Header::decode(data, W)
        && let Ok(levels) = btree2::Levels::new(&header, W)
    {
        let _ = btree2::decode_node(data, header.kind, 1, 2, &levels, W);
    }
}
