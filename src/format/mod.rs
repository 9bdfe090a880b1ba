//! Bytes on disk, by the specification: bytes in, plain values out, and back. Nothing here reads a file.
//!
//! Every structure is declared once, with `binrw`; both directions come from that declaration.

pub(crate) mod btree1;
pub(crate) mod btree2;
pub(crate) mod cache_image;
pub(crate) mod drivers;
pub(crate) mod extensible_array;
pub(crate) mod fixed_array;
pub(crate) mod fractal_heap;
pub(crate) mod free_space;
pub(crate) mod global_heap;
pub(crate) mod libver;
pub(crate) mod local_heap;
pub(crate) mod message;
pub(crate) mod object_header;
pub(crate) mod reference;
pub(crate) mod selection;
pub(crate) mod shared_messages;
pub(crate) mod superblock;
pub(crate) mod symbol_table;
pub(crate) mod virtual_map;

/// For the fuzzer: takes `data` for every structure in turn; what decodes must encode, and decode to the same again.
#[cfg(fuzzing)]
pub(crate) fn decode_everything(data: &[u8]) {
    use crate::bytes::{Address, Widths};
    use datatype::ReferenceKind;
    use message::{
        attribute::Attribute, dataspace::Dataspace, datatype, fill_value::FillValue, filter_pipeline, layout,
        link::Link,
    };
    use reference::Reference;

    /// Decoding what was encoded gives the same.
    macro_rules! round_trip {
        ($decode:expr, $encode:expr) => {
            if let Ok(value) = $decode(data)
                && let Ok(bytes) = $encode(&value)
            {
                assert_eq!($decode(&bytes).map_err(|e| format!("{e} in {bytes:x?}")), Ok(value));
            }
        };
    }
    let w = Widths::EIGHT;
    round_trip!(superblock::Superblock::decode, |s: &superblock::Superblock| s.encode());
    for bound in [libver::LibVer::Earliest, libver::LibVer::V18, libver::LibVer::V200] {
        round_trip!(|b: &[u8]| datatype::decode(b).map(|(d, _)| d), |d| datatype::encode(d, bound));
        round_trip!(|b: &[u8]| Dataspace::decode(b, w), |s: &Dataspace| s.encode(w, bound));
    }
    round_trip!(|b: &[u8]| Link::decode(b, w), |l: &Link| l.encode(w));
    round_trip!(|b: &[u8]| Attribute::decode(b, w), |a: &Attribute| a.encode(w, libver::LibVer::V18));
    round_trip!(|b: &[u8]| layout::Layout::decode(b, w), |l: &layout::Layout| l.encode(w));
    // Version 2, which is written, has no room for the names of the library's own filters.
    let unnamed = |b: &[u8]| {
        let mut filters = filter_pipeline::decode(b)?;
        filters.iter_mut().filter(|f| f.id < 256).for_each(|f| f.name = "".into());
        Ok::<_, crate::Error>(filters)
    };
    round_trip!(unnamed, |f: &Vec<_>| filter_pipeline::encode(f));
    round_trip!(FillValue::decode, FillValue::encode);
    round_trip!(|b: &[u8]| selection::decode(b).map(|(s, _)| s), selection::encode);
    for kind in [2, 3, 4] {
        for flags in [0, 1] {
            let decode = |b: &[u8]| reference::Blob::Standard { kind, flags, size: b.len() as u32 }.decode(b, w);
            let rank = |r: &Reference| match r {
                Reference::Region { selection, .. } => selection.rank().unwrap_or(0) as u32,
                _ => 0,
            };
            round_trip!(decode, |r: &Reference| {
                reference::encode_standard(r, rank(r), w).map(|e| e.map(|(_, bytes)| bytes).unwrap_or_default())
            });
        }
    }
    round_trip!(|b: &[u8]| reference::Blob::Region.decode(b, w), |r: &Reference| match r {
        Reference::Region { address, selection, .. } => reference::encode_region(*address, selection, w),
        _ => unreachable!("a region"),
    });
    for kind in [ReferenceKind::Object, ReferenceKind::Region, ReferenceKind::Standard] {
        let _ = reference::decode_element(kind, data, w);
    }
    if let Ok((selection, _)) = selection::decode(data) {
        let _ = selection.to_string();
        let shape = vec![7; selection.rank().unwrap_or(2)];
        let _ = (selection.len(&shape), selection.bounds(&shape), selection.blocks(&shape).map(|b| b.take(9).count()));
    }
    if let Ok(prefix) = object_header::Prefix::decode(data) {
        let _ = prefix.envelopes(data, prefix.messages.start as usize..data.len());
    }
    if let Ok(header) = free_space::Header::decode(data, w) {
        let _ = free_space::decode_list(data, &header, Address(0), w);
    }
    let _ = symbol_table::decode_node(data, w, 4);
    let _ = global_heap::decode_objects(data, w);
    let _ = btree1::Node::<btree1::ChunkKey>::decode(data, 3, w, 32);
    let _ = message::Shared::decode(data, w);
    let _ = shared_messages::decode_record(data, w);
    let _ = cache_image::decode(data, w);
    let _ = drivers::decode_block(data);
    let _ = drivers::decode_message(data);
    if let Ok(table) = shared_messages::decode_table(data, w) {
        let _ = table.iter().map(|index| shared_messages::decode_list(data, index, w)).count();
    }
    if let Ok(heap) = fractal_heap::FractalHeap::decode(data, Address(0), w) {
        let _ = heap.decode_id(data);
        let _ = heap.descend(data, 3, 0, 700);
        let _ = heap.decode_huge(data);
    }
    if let Ok(header) = btree2::Header::decode(data, w)
        && let Ok(levels) = btree2::Levels::new(&header, w)
    {
        let _ = btree2::decode_node(data, header.kind, 1, 2, &levels, w);
    }
}
