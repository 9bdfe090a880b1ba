//! What the fuzz targets in `fuzz/` call of the library's inside; compiled for them alone.
#![allow(missing_docs, clippy::panic)]

use crate::bytes::{Address, Limits, WRONG, Widths};
use crate::data::element::{Element, Stored};
use crate::data::value::Value;
use crate::filters::{Pipeline, Scratch};
use crate::format::btree1::{ChunkKey, NameKey};
use crate::format::message::datatype::{self, Name};
use crate::format::message::filter_pipeline::FilterInfo;
use crate::index::global_heap::{GlobalHeap, HeapView};
use crate::index::{arrays, btree1, btree2, fractal_heap};
use crate::io::{MemorySource, Reader};
use crate::{Error, ErrorKind, File, Object, Result, Visit, Visited};
use std::sync::Arc;

/// Any bytes as any structure of the format.
pub fn messages(data: &[u8]) {
    crate::format::everything::decode_everything(data);
}

/// Any bytes as a file whose structures are looked at: every byte must be accounted for, every structure told whole.
pub fn anatomy(data: &[u8]) {
    use crate::anatomy::{Anatomy, MapOptions};
    let anatomy = Anatomy::from_source(Arc::new(MemorySource::new(data)), Limits::untrusted());
    let Ok(map) = anatomy.map(MapOptions { all: data.len() % 2 == 0, deep: true }) else { return };
    let mut reach = 0;
    for piece in map.pieces() {
        assert!(piece.position <= reach, "nothing before {piece:?}");
        reach = reach.max(piece.position + piece.length);
    }
    assert_eq!(reach, map.size());
    for piece in map.pieces().take(16) {
        let Some(told) = u64::try_from(piece.address).ok().and_then(|a| anatomy.structure(a).ok().flatten()) else {
            continue;
        };
        let fields = told.fields.iter().filter(|f| !f.is_part);
        assert!(told.fields.is_empty() || fields.map(|f| f.length).sum::<u64>() == told.bytes.len() as u64);
    }
}

/// Any bytes as a datatype, and what is behind it as elements of that datatype.
pub fn datatype(data: &[u8]) {
    let Ok((datatype, used)) = datatype::decode(data) else { return };
    let _ = datatype.to_string();
    if let Ok(encoded) = datatype::encode(&datatype, crate::LibVer::V18) {
        assert_eq!(datatype::decode(&encoded).map(|(d, _)| d).ok().as_ref(), Some(&datatype), "{encoded:x?}");
    }
    let size = datatype.size() as usize;
    if size == 0 || size > 1 << 16 {
        return;
    }
    let Ok(reader) = reader(data) else { return };
    let (heap, bytes) = (GlobalHeap::default(), &data[used..]);
    let heap = HeapView::new(&heap, &reader);
    let stored = Stored { bytes: &bytes[..bytes.len() / size * size], datatype: &datatype, heap: &heap };
    for value in Value::from_stored(stored, 64).into_iter().flatten() {
        let _ = value.to_string();
    }
    let _ = i64::from_stored(stored);
    let _ = f32::from_stored(stored);
    let _ = bool::from_stored(stored);
    let _ = String::from_stored(stored);
    let _ = <[u8; 4]>::from_stored(stored);
    let _ = crate::VarLen::<u16>::from_stored(stored);
    let _ = crate::Clamped::<u8>::from_stored(stored);
}

/// Any bytes as heaps and trees that begin at any of their places, checksums aside.
pub fn heaps_and_trees(data: &[u8]) {
    let [kind, low, high, rest @ ..] = data else { return };
    let Ok(reader) = reader(rest) else { return };
    let at = Address(u16::from_le_bytes([*low, *high]).into());
    WRONG.set(Some(Vec::new()));
    match kind % 8 {
        0 => {
            let Ok(mut heap) = fractal_heap::Objects::open(&reader, at) else { return };
            for id in rest.chunks(8).take(64) {
                let _ = heap.get(id);
            }
        }
        1 => {
            for kind in 1..12 {
                let Ok(tree) = btree2::Tree::open(&reader, at, kind) else { continue };
                let _ = tree.find(&mut |record| Ok(record.cmp(&rest[..record.len().min(rest.len())])));
                tree.records().take(1 << 12).for_each(drop);
            }
        }
        2 => btree1::Entries::<NameKey>::new(&reader, at, (), 16).take(1 << 12).for_each(drop),
        3 => btree1::Entries::<ChunkKey>::new(&reader, at, 3, 32).take(1 << 12).for_each(drop),
        4 => drop(arrays::fixed(&reader, at, &mut |_, _| Ok(()))),
        5 => drop(arrays::extensible(&reader, at, &mut |_, _| Ok(()))),
        _ => {
            let heap = GlobalHeap::default();
            let heap = HeapView::new(&heap, &reader);
            for element in rest.chunks_exact(16).take(64) {
                let _ = crate::data::element::HeapReader::sequence(&heap, element, 1);
            }
        }
    }
    WRONG.set(None);
}

fn reader(data: &[u8]) -> Result<Reader> {
    Ok(Reader::new(Arc::new(MemorySource::new(data)), Limits::untrusted(), None)?.with_superblock(
        0,
        data.len() as u64,
        Widths::EIGHT,
        false,
    ))
}

/// The filters that are fuzzed: all there are.
const FILTERS: &[u16] = &[
    1, 2, 3, 4, 5, 6, 305, 307, 32000, 32001, 32003, 32004, 32008, 32009, 32012, 32013, 32015, 32018, 32019, 32020,
    32022, 32025, 32026, 32027,
];

/// A pipeline of up to 3 filters with any parameters, and any bytes as what is stored; and what is stored of any bytes.
pub fn filters(data: &[u8]) {
    let [count, size, rest @ ..] = data else { return };
    let mut rest = rest;
    let mut pipeline = Vec::new();
    for _ in 0..1 + count % 3 {
        let [id, n, tail @ ..] = rest else { return };
        let n = usize::from(n % 24).min(tail.len() / 4);
        let (parameters, tail) = tail.split_at(4 * n);
        rest = tail;
        let parameters = parameters.as_chunks::<4>().0.iter().map(|p| u32::from_le_bytes(*p)).collect();
        let id = FILTERS[usize::from(*id) % FILTERS.len()];
        pipeline.push(FilterInfo { id, name: "".into(), optional: true, parameters });
    }
    crate::filters::check_against_zlib(rest);
    crate::filters::check_deflate(rest, u32::from(*count) % 10);
    let pipeline = Pipeline::new(&pipeline);
    let mut chunk = vec![0; 16 << (size % 9)];
    let mut scratch = Scratch::default();
    let least = chunk.len();
    let _ = pipeline.decode(rest, 0, &mut chunk, least, &mut scratch);
    let length = rest.len().min(chunk.len());
    chunk[..length].copy_from_slice(&rest[..length]);
    let _ = pipeline.encode(&chunk, &mut scratch);
}

/// Any bytes as a file: opened, walked, everything read; one in 16 is walked on all threads, too.
pub fn open_walk_read(data: &[u8]) {
    let source = Arc::new(MemorySource::new(data));
    let Ok(file) = File::from_source(source.clone(), Limits::untrusted()) else { return };
    read_everything(&file);
    // Threads do not know of wrong checksums that are let pass here.
    let lets_pass = WRONG.with_borrow(Option::is_some);
    if data.len() % 16 == 0 && !lets_pass {
        let open = || File::from_source(source.clone(), Limits::untrusted());
        if let (Ok(one), Ok(all)) = (open(), open()) {
            walk_both_ways(&one, &all);
        }
    }
}

/// One thread and all of them must come by the same.
fn walk_both_ways(one: &File, all: &File) {
    let shown = |visit: &Visit| {
        let what = match visit.what() {
            Visited::Object(object) => (object.address(), Name::from(object.path())),
            Visited::Again(first) => (u64::MAX, first.clone()),
            Visited::Link(target) => (u64::MAX, Name::from(&*format!("{target:?}"))),
        };
        (visit.path().clone(), visit.depth(), visit.is_last(), what)
    };
    let mut steps = one.walk().map(|step| step.map(|visit| shown(&visit)));
    let ends = |e: &Error| e.kind() == ErrorKind::Limit;
    let same = all.par_walk(
        |visit| shown(&visit),
        |step| match (steps.next(), step) {
            // Where looking ahead has burnt what one thread still has, the rest is not the same.
            (Some(Err(e)), _) | (_, Err(e)) if ends(&e) => Err(e),
            (Some(Ok(a)), Ok(b)) if a == b => Ok(()),
            (Some(Err(a)), Err(b)) if a.to_string() == b.to_string() => Ok(()),
            (a, b) => panic!("one thread comes by {a:?}, all by {b:?}"),
        },
    );
    assert!(same.is_err() || steps.next().is_none(), "one thread comes by more than all");
}

/// The same, with wrong checksums let pass.
pub fn open_walk_read_unchecked(data: &[u8]) {
    WRONG.set(Some(Vec::new()));
    open_walk_read(data);
    WRONG.set(None);
}

fn read_everything(file: &File) {
    for visit in file.walk().flatten() {
        let Visited::Object(object) = visit.what() else { continue };
        for attribute in object.attributes().into_iter().flatten().flatten() {
            let _ = attribute.values(100);
        }
        if let Object::Dataset(dataset) = object {
            let _ = (dataset.stored_size(), dataset.fill_value());
            if dataset.len() < 1 << 16 {
                let _ = dataset.select(..).and_then(|all| all.values());
            }
            let first: Vec<_> = dataset.shape().iter().map(|&n| 0..n.min(2)).collect();
            let _ = dataset.select(first).and_then(|part| part.values());
        }
    }
}

/// Makes the checksums of a file right that reading it comes by, so that a mutation comes past them.
pub fn repair(data: &mut [u8]) {
    // A structure behind another one is found when that one can be read.
    for _ in 0..4 {
        let bytes: Arc<[u8]> = Arc::from(&data[..]);
        let base = bytes.as_ptr() as usize;
        WRONG.set(Some(Vec::new()));
        if let Ok(file) = File::from_source(Arc::new(MemorySource::new(bytes.clone())), Limits::untrusted()) {
            for visit in file.walk().flatten().take(256) {
                let Visited::Object(object) = visit.what() else { continue };
                drop(object.attributes());
                if let Object::Dataset(dataset) = object {
                    let _ = dataset.stored_size();
                }
            }
        }
        let wrong = WRONG.take().unwrap_or_default();
        let places = wrong.iter().filter_map(|(at, sum)| Some((at.checked_sub(base)?, sum)));
        let mut repaired = false;
        for (at, sum) in places {
            if let Some(place) = data.get_mut(at..).and_then(|d| d.first_chunk_mut::<4>()) {
                repaired |= *place != sum.to_le_bytes();
                *place = sum.to_le_bytes();
            }
        }
        if !repaired {
            break;
        }
    }
}
