//! Small reads of chunks that went through no filter, straight from the file.

use super::RawData;
use crate::bytes::Address;
use crate::data::selection::Axis;
use crate::error::Result;
use crate::format::message::layout::Chunked;
use crate::io::Reader;
use crate::object::chunks::Grid;
use crate::object::runs;

/// Runs of more bytes that go on in another chunk are planned: there is work for two threads.
const SMALL: usize = 256 << 10;

/// A read of one run of bytes of one chunk without filters, or a small one of two neighbours, goes straight to it: what
/// larger ones plan takes longer than such a read. Whether it was one.
pub(super) fn read_run(
    raw: &RawData,
    reader: &Reader,
    layout: &Chunked,
    axes: &[Axis],
    out: &mut [u8],
) -> Result<bool> {
    if !raw.pipeline.is_empty() || reader.wants_plan() {
        return Ok(false);
    }
    let (grid, table) = raw.chunks(reader, layout)?;
    let Some(run) = ChunkRun::find(grid, axes) else { return Ok(false) };
    if run.next != run.number && out.len() > SMALL {
        return Ok(false);
    }
    let (here, beyond) = out.split_at_mut((run.here * raw.element_size) as usize);
    let address = |number, offset: u64| match table.get(number, grid)? {
        None => Ok(Some(None)),
        // One that is too short is told of elsewhere.
        Some(record) if record.size < layout.chunk_bytes()? => Ok(None),
        Some(record) => record.address.plus(offset * raw.element_size).map(|at| Some(Some(at))),
    };
    let Some(first) = address(run.number, run.offset)? else { return Ok(false) };
    let fetch = |at: Option<Address>, part: &mut [u8]| match at {
        None => {
            runs::fill_run(part, &raw.fill);
            Ok(())
        }
        Some(at) => reader.raw_into(at, part).map_err(|e| e.in_structure("chunk").at(at.get())),
    };
    if beyond.is_empty() {
        return fetch(first, here).map(|()| true);
    }
    let Some(second) = address(run.next, run.next_offset)? else { return Ok(false) };
    // Neighbours in the file, too.
    if second.is_some() && second == first.and_then(|at| at.plus(here.len() as u64).ok()) {
        return fetch(first, out).map(|()| true);
    }
    fetch(first, here)?;
    fetch(second, beyond)?;
    Ok(true)
}

/// One run of elements of a chunk, which may go on in the next one.
struct ChunkRun {
    /// The chunk that it begins in, the offset there, and how many elements it has there.
    number: u64,
    offset: u64,
    here: u64,
    /// The chunk that it goes on in, and the offset there.
    next: u64,
    next_offset: u64,
}

impl ChunkRun {
    /// The run that a selection is, if it is one.
    fn find(grid: &Grid, axes: &[Axis]) -> Option<ChunkRun> {
        let mut run = ChunkRun { number: 0, offset: 0, here: 1, next: 0, next_offset: 0 };
        let mut rows = false;
        for ((axis, &chunk), &count) in axes.iter().zip(&grid.chunk).zip(&grid.counts) {
            let Axis::Range(range) = axis else { return None };
            let (index, within, length) = (range.start / chunk, range.start % chunk, range.end - range.start);
            // Behind a dimension with more than one index only whole ones are a run.
            let beyond = (within + length).saturating_sub(chunk);
            if beyond > chunk || (rows && (beyond > 0 || length != chunk)) {
                return None;
            }
            let here = length.min(chunk - within);
            run = ChunkRun {
                number: run.number * count + index,
                offset: run.offset * chunk + within,
                here: run.here * here,
                next: run.next * count + index + u64::from(here < length),
                next_offset: run.next_offset * chunk + if here < length { 0 } else { within },
            };
            rows |= length > 1;
        }
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemoryStore;
    use crate::{File, FileMut};

    #[test]
    fn every_range_of_rows_and_columns_is_read_as_the_whole_has_it() {
        let store = MemoryStore::default();
        let mut out = FileMut::on_store(store.clone());
        let (rows, columns) = (7u64, 11u64);
        let all: Vec<u16> = (0..(rows * columns) as u16).collect();
        out.build("d").shape([rows, columns]).chunks([3, 4]).write(&all[..]).unwrap();
        // Of the second and the fourth chunk nothing is stored.
        let mut holes = out.build("holes").element::<u16>().shape([20]).chunks([4]).fill_value(9u16).create().unwrap();
        for chunk in [0u64, 2, 4] {
            holes.write_selection(chunk * 4..chunk * 4 + 4, &all[chunk as usize..][..4]).unwrap();
        }
        drop(holes);
        out.commit().unwrap();
        let file = File::from_bytes(store.bytes()).unwrap();
        let d = file.dataset("d").unwrap();
        for (top, bottom) in (0..rows).flat_map(|top| (top + 1..=rows).map(move |bottom| (top, bottom))) {
            for (left, right) in (0..columns).flat_map(|left| (left + 1..=columns).map(move |right| (left, right))) {
                let part: Vec<u16> = d.select((top..bottom, left..right)).unwrap().read().unwrap();
                let row = |r: u64| &all[(r * columns + left) as usize..(r * columns + right) as usize];
                let expected: Vec<u16> = (top..bottom).flat_map(row).copied().collect();
                assert_eq!(part, expected, "{top}..{bottom}, {left}..{right}");
            }
        }
        let holes = file.dataset("holes").unwrap();
        let whole: Vec<u16> = holes.read().unwrap();
        assert_eq!(whole, [0, 1, 2, 3, 9, 9, 9, 9, 2, 3, 4, 5, 9, 9, 9, 9, 4, 5, 6, 7]);
        for (start, end) in (0..20).flat_map(|start| (start + 1..=20).map(move |end| (start, end))) {
            let part: Vec<u16> = holes.select(start as u64..end as u64).unwrap().read().unwrap();
            assert_eq!(part, whole[start..end], "{start}..{end}");
        }
    }

    #[test]
    fn borders_of_the_largest_chunks_are_found() {
        let (dims, chunk) = (u64::MAX, 1 << 63);
        let grid = Grid::new(&[dims], &[Some(dims)], &[chunk]).unwrap();
        let run = |start, end| ChunkRun::find(&grid, &[Axis::Range(start..end)]);
        let across = run(chunk - 2, chunk + 3).unwrap();
        assert_eq!((across.number, across.offset, across.here), (0, chunk - 2, 2));
        assert_eq!((across.next, across.next_offset), (1, 0));
        assert_eq!(run(chunk, dims).map(|r| (r.number, r.here, r.next)), Some((1, chunk - 1, 1)));
        assert_eq!(run(0, dims).map(|r| (r.here, r.next)), Some((chunk, 1)));
        let three = Grid::new(&[30], &[Some(30)], &[10]).unwrap();
        assert!(ChunkRun::find(&three, &[Axis::Range(5..21)]).is_none());
    }
}
