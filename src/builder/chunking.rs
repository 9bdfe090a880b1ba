//! How a new dataset is cut into chunks: the shape of a chunk where nobody says, and the chunks of a block of rows.

use super::chunks::BATCH;
use crate::error::{Error, Result};
use crate::object::runs::{self, Place};

/// Chunks that are guessed are between these sizes in bytes.
const SMALLEST: f64 = 8.0 * 1024.0;
const LARGEST: f64 = 1024.0 * 1024.0;

/// Bytes of chunks that are worth the while of a thread.
const PORTION: usize = 128 << 10;

/// A chunk's shape for a dataset of shape `shape`, as h5py guesses it: the larger the dataset the larger the chunk, from
/// 8 KiB to 1 MiB, found by halving one dimension after the other. A dimension of 0 is taken as 1,024.
pub(super) fn guess(shape: &[u64], element_size: u64) -> Vec<u64> {
    let mut chunk: Vec<u64> = shape.iter().map(|&d| if d == 0 { 1024 } else { d }).collect();
    let bytes = |c: &[u64]| c.iter().map(|&d| d as f64).product::<f64>() * element_size as f64;
    let mebibytes = bytes(&chunk) / LARGEST;
    let target = (16.0 * 1024.0 * mebibytes.log10().exp2()).clamp(SMALLEST, LARGEST);
    for d in (0..chunk.len()).cycle() {
        let now = bytes(&chunk);
        let near = now < target || (now - target).abs() / target < 0.5;
        if (near && now < LARGEST) || chunk.iter().all(|&c| c == 1) {
            break;
        }
        if let Some(c) = chunk.get_mut(d) {
            *c = c.div_ceil(2);
        }
    }
    chunk
}

/// How blocks of rows become chunks.
#[derive(Clone, Debug)]
pub(super) struct Chunking {
    /// A chunk's shape.
    pub(super) chunk: Vec<u64>,
    /// The dataset's dimensions but the first, which may grow.
    inner: Vec<u64>,
    /// Chunks in those dimensions.
    inner_counts: Vec<u64>,
    /// Chunks in those dimensions for which there are numbers: at least as many, so that growing seldom changes them.
    numbered: Vec<u64>,
    element_size: u64,
    /// Bytes of a whole chunk.
    pub(super) chunk_bytes: usize,
    /// One element, or nothing for zeros.
    fill: Vec<u8>,
}

impl Chunking {
    /// Chunks of shape `chunk` in a dataset of shape `shape`.
    pub(super) fn new(shape: &[u64], chunk: Vec<u64>, element_size: u64, fill: Vec<u8>) -> Result<Chunking> {
        let bytes = chunk.iter().try_fold(element_size, |n, &d| n.checked_mul(d));
        let chunk_bytes = bytes.filter(|&n| n <= u64::from(u32::MAX)).ok_or_else(|| {
            Error::limit(format!("chunks of shape {chunk:?} have more than 4 GiB; make them smaller"))
        })?;
        let inner: Vec<u64> = shape.iter().skip(1).copied().collect();
        let inner_counts = counts(&inner, &chunk);
        Ok(Chunking {
            numbered: inner_counts.clone(),
            inner_counts,
            inner,
            chunk,
            element_size,
            chunk_bytes: chunk_bytes as usize,
            fill,
        })
    }

    /// How chunks are shared out among threads: so many at a time, so many portions ahead of the one that is written.
    pub(super) fn portions(&self) -> (u64, u64) {
        let portion = (PORTION / self.chunk_bytes.max(1)).max(1);
        let ahead = BATCH / (portion * self.chunk_bytes.max(1));
        (portion as u64, ahead.max(rayon::current_num_threads() + 1) as u64)
    }

    /// Rows of a chunk.
    pub(super) fn rows(&self) -> u64 {
        self.chunk.first().copied().unwrap_or(1)
    }

    /// Lets the inner dimensions grow to those of `shape`; returns whether chunks have other numbers now.
    pub(super) fn grow(&mut self, shape: &[u64]) -> Result<bool> {
        self.inner = shape.iter().skip(1).copied().collect();
        self.inner_counts = counts(&self.inner, &self.chunk);
        let mut changed = false;
        for (numbered, count) in self.numbered.iter_mut().zip(&self.inner_counts) {
            if *count > *numbered {
                *numbered = (*count).max(numbered.saturating_mul(2));
                changed = true;
            }
        }
        if changed && self.numbered.iter().try_fold(1u64, |n, &c| n.checked_mul(c.max(1))).is_none() {
            return Err(Error::limit("more than 2^64 chunks in a row of them"));
        }
        Ok(changed)
    }

    /// Whether the chunk at `offset` reaches beyond a dataset of shape `shape`.
    pub(super) fn is_partial(&self, offset: &[u64], shape: &[u64]) -> bool {
        offset.iter().zip(&self.chunk).zip(shape).any(|((o, c), d)| o.saturating_add(*c) > *d)
    }

    /// A buffer's content for a chunk of which nothing was written.
    pub(super) fn fill(&self, buffer: &mut Vec<u8>) {
        buffer.resize(self.chunk_bytes, 0);
        runs::fill_run(buffer, &self.fill);
    }

    /// Chunks that lie side by side in one row of chunks.
    pub(super) fn in_a_row(&self) -> u64 {
        self.inner_counts.iter().product()
    }

    /// Whether a chunk of whole rows is just a run of the dataset's elements.
    pub(super) fn is_whole_rows(&self) -> bool {
        self.inner.iter().eq(self.chunk.iter().skip(1))
    }

    /// The number of the chunk that begins at `offset`, all in elements; nothing if none begins there.
    pub(super) fn number_at(&self, offset: &[u64]) -> Option<u64> {
        if offset.len() != self.chunk.len() {
            return None;
        }
        let mut number = 0u64;
        let limits =
            std::iter::once((u64::MAX, 0)).chain(self.inner_counts.iter().copied().zip(self.numbered.iter().copied()));
        for ((o, c), (count, numbered)) in offset.iter().zip(&self.chunk).zip(limits) {
            let position = o / c;
            if o % c != 0 || position >= count {
                return None;
            }
            number = number.checked_mul(numbered)?.checked_add(position)?;
        }
        Some(number)
    }

    /// The offset of the chunk of this number, in elements.
    pub(super) fn offset(&self, number: u64) -> Vec<u64> {
        self.offset_in(number, &self.numbered)
    }

    /// The offset of the chunk with this number in a block of rows: there are as many as lie side by side now.
    pub(super) fn offset_in_block(&self, number: u64) -> Vec<u64> {
        self.offset_in(number, &self.inner_counts)
    }

    fn offset_in(&self, number: u64, counts: &[u64]) -> Vec<u64> {
        let mut offset = vec![0; self.chunk.len()];
        let mut rest = number;
        for d in (1..offset.len()).rev() {
            let count = counts[d - 1].max(1);
            offset[d] = rest % count * self.chunk[d];
            rest /= count;
        }
        if let Some(first) = offset.first_mut() {
            *first = rest * self.rows();
        }
        offset
    }

    /// The bytes of chunk `number` of a block of whole rows, counted from the block's first chunk. Where they lie side
    /// by side they are returned; else they are put together in `buffer`, and what reaches beyond the block is filled.
    pub(super) fn cut<'a>(
        &self,
        block: &'a [u8],
        rows: u64,
        number: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>> {
        let shape: Vec<u64> = std::iter::once(rows).chain(self.inner.iter().copied()).collect();
        let start = self.offset_in_block(number);
        let extent: Vec<u64> =
            (start.iter().zip(&shape).zip(&self.chunk)).map(|((s, d), c)| d.saturating_sub(*s).min(*c)).collect();
        let whole = extent == self.chunk;
        if whole && self.is_whole_rows() {
            let from = number as usize * self.chunk_bytes;
            if let Some(run) = block.get(from..from + self.chunk_bytes) {
                return Ok(Some(run));
            }
        }
        buffer.resize(self.chunk_bytes, 0);
        if !whole {
            runs::fill_run(buffer, &self.fill);
        }
        let from = Place { shape: &shape, start: &start };
        let to = Place { shape: &self.chunk, start: &vec![0; start.len()] };
        runs::copy(&extent, self.element_size, (block, from), (buffer, to))?;
        Ok(None)
    }
}

/// Chunks in the inner dimensions.
fn counts(inner: &[u64], chunk: &[u64]) -> Vec<u64> {
    inner.iter().zip(chunk.iter().skip(1)).map(|(d, c)| d.div_ceil(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_guessed_as_h5py_does() {
        // Made with h5py 3.16: create_dataset(shape=…, maxshape=(None, …), chunks=True).
        for (shape, size, expected) in GUESSES {
            assert_eq!(guess(shape, *size), *expected, "{shape:?} of {size} bytes");
        }
    }

    const GUESSES: &[(&[u64], u64, &[u64])] = &[
        (&[0], 1, &[1024]),
        (&[0], 8, &[1024]),
        (&[0, 64, 64, 3], 1, &[128, 16, 16, 1]),
        (&[0], 16, &[512]),
        (&[5000], 4, &[2500]),
        (&[1000, 1000], 8, &[63, 63]),
        (&[0, 1000000], 8, &[4, 7813]),
        (&[1, 1], 8, &[1, 1]),
        (&[32, 1024, 1024], 4, &[2, 64, 128]),
        (&[0, 3, 7], 2, &[512, 2, 4]),
        (&[10], 300, &[10]),
        (&[0, 1], 100000, &[1, 1]),
        (&[20000, 64, 64, 3], 1, &[1250, 8, 8, 1]),
        (&[7, 0, 5], 4, &[2, 512, 3]),
        (&[2, 33, 0], 1, &[1, 17, 512]),
        (&[10], 12, &[10]),
        (&[224], 2, &[224]),
        (&[1], 8, &[1]),
        (&[1, 3, 1, 224], 8, &[1, 3, 1, 224]),
        (&[1000], 1, &[1000]),
        (&[1000, 0], 12, &[63, 64]),
        (&[0, 3, 0, 224], 2, &[64, 1, 64, 14]),
        (&[33, 2, 224], 1, &[17, 2, 224]),
        (&[224, 2, 1], 12, &[224, 2, 1]),
        (&[10, 1], 12, &[10, 1]),
        (&[1000], 1, &[1000]),
        (&[100, 224], 8, &[25, 56]),
        (&[100, 1000, 100], 4, &[7, 125, 13]),
        (&[3, 2, 3], 1, &[3, 2, 3]),
        (&[224, 100, 10], 8, &[28, 25, 3]),
        (&[1000, 1, 1], 12, &[1000, 1, 1]),
        (&[2, 10, 2, 100], 8, &[1, 5, 2, 100]),
        (&[1], 12, &[1]),
        (&[10, 10, 1000], 8, &[3, 3, 250]),
        (&[1, 1, 5, 100], 1, &[1, 1, 5, 100]),
        (&[5], 12, &[5]),
        (&[5, 33, 10, 0], 8, &[1, 5, 3, 256]),
        (&[2, 1000, 1], 8, &[1, 1000, 1]),
        (&[3], 4, &[3]),
        (&[3, 33], 8, &[3, 33]),
    ];

    #[test]
    fn chunks_are_numbered_and_found_again() {
        let c = Chunking::new(&[0, 10, 7], vec![2, 4, 7], 2, vec![]).unwrap();
        assert_eq!((c.in_a_row(), c.chunk_bytes), (3, 112));
        for number in 0..20 {
            assert_eq!(c.number_at(&c.offset(number)), Some(number));
        }
        assert_eq!(c.offset(7), [4, 4, 0]);
        for outside in [&[0, 12, 0][..], &[1, 0, 0], &[0, 0, 7], &[0, 0]] {
            assert_eq!(c.number_at(outside), None);
        }
    }

    #[test]
    fn growing_changes_numbers_seldom_and_never_their_order() {
        let mut c = Chunking::new(&[0, 3, 4], vec![2, 2, 2], 1, vec![]).unwrap();
        let (mut changes, mut known) = (0, vec![0, 1, 2, 3, 4, 5, 6, 7]);
        for columns in 4..200 {
            let old = c.clone();
            if c.grow(&[0, 3, columns]).unwrap() {
                changes += 1;
                known = known.iter().map(|&n| c.number_at(&old.offset(n)).unwrap()).collect();
                assert!(known.is_sorted());
            }
            assert_eq!(c.offset(known[5]), [2, 0, 2]);
        }
        assert!((5..8).contains(&changes), "{changes}");
    }

    #[test]
    fn a_chunk_at_the_edge_is_filled_up() {
        let c = Chunking::new(&[0, 3], vec![2, 2], 1, vec![9]).unwrap();
        let block = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let mut buffer = Vec::new();
        let mut cut = |n| {
            assert_eq!(c.cut(&block, 3, n, &mut buffer).unwrap(), None);
            buffer.clone()
        };
        assert_eq!(cut(0), [1, 2, 4, 5]);
        assert_eq!(cut(1), [3, 9, 6, 9]);
        assert_eq!(cut(2), [7, 8, 9, 9]);
        assert_eq!(cut(3), [9, 9, 9, 9]);
    }

    #[test]
    fn chunks_of_whole_rows_are_not_copied() {
        let c = Chunking::new(&[0, 3], vec![2, 3], 1, vec![]).unwrap();
        let block = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let mut buffer = Vec::new();
        assert_eq!(c.cut(&block, 3, 0, &mut buffer).unwrap(), Some(&block[..6]));
        assert_eq!(c.cut(&block, 3, 1, &mut buffer).unwrap(), None);
        assert_eq!(buffer, [7, 8, 9, 0, 0, 0]);
    }

    #[test]
    fn chunks_beyond_4_gib_are_refused() {
        let error = Chunking::new(&[0], vec![1 << 31], 2, vec![]).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Limit);
    }
}
