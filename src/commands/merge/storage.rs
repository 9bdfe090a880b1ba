//! How joined datasets are stored, and how much of them is copied as it is.

use super::plan::Joined;
use super::survey::{Facts, Form, Input};
use super::wishes::Wishes;
use crate::filter::FilterSpec;
use crate::{Dataset, DatasetBuilder, FileMut, FilterInfo, error::Result};

/// Filters that this version can put chunks through again, without a loss, with the parameters that they have.
const AGAIN: [u16; 9] = [1, 2, 3, 4, 307, 32000, 32004, 32008, 32015];

/// A dataset of no more bytes may stay in its header.
const COMPACT: u64 = 32 << 10;

/// Bytes of a chunk of rows that are filled up.
const PADDED: u64 = 64 << 10;

/// The plan for a joined dataset.
#[derive(Default)]
pub(super) struct Storage {
    /// The file whose dataset it is made like.
    pub(super) model: usize,
    pub(super) chunk: Option<Vec<u64>>,
    compact: bool,
    /// Whether rows of some file are smaller than here.
    pub(super) padded: bool,
    /// In place of the model's.
    filters: Option<Vec<FilterSpec>>,
    /// For each file: the rows whose chunks are copied as they are.
    pub(super) raw: Vec<u64>,
    /// Whether each row is a chunk of its own, which can go anywhere.
    pub(super) row_chunks: bool,
}

impl Storage {
    pub(super) fn plan(inputs: &[Input], joined: &Joined, wishes: &Wishes<'_>) -> Storage {
        let of = |i: usize| inputs.get(i).and_then(|input| input.dataset(&joined.path));
        let padded = |facts: &Facts| {
            (facts.shape.iter().zip(&joined.shape).enumerate()).any(|(d, (n, m))| d != joined.axis && n != m)
        };
        let movable = |i: usize| {
            of(i).filter(|f| {
                let form = &f.form;
                let same = form.datatype == joined.datatype && !form.datatype.has_references_to_file();
                same && form.chunk.is_some() && !form.plain_edges && joined.renumbers(i).is_none() && !padded(f)
            })
        };
        let model = model(inputs.len(), &movable, &of);
        let mut storage = Storage { model, raw: vec![0; inputs.len()], ..Storage::default() };
        let Some(facts) = of(model) else {
            return storage;
        };
        storage.padded = (0..inputs.len()).any(|i| of(i).is_some_and(padded));
        storage.chunk = facts.form.chunk.clone();
        let alike = |i: usize| movable(i).is_some_and(|f| chunks_alike(&f.form, &facts.form));
        let Some(chunk) = storage.chunk.clone() else {
            storage.complete(joined, facts);
            return storage;
        };
        let whole = chunk.iter().zip(&joined.shape).skip(1).all(|(c, n)| c >= n);
        let all = (0..inputs.len()).all(|i| joined.counts.get(i) == Some(&0) || alike(i));
        storage.row_chunks = joined.axis == 0 && chunk.first() == Some(&1) && whole && all;
        if wishes.reorders && joined.main {
            if storage.row_chunks {
                storage.raw.clone_from(&joined.counts);
            }
        } else {
            storage.align(joined, &chunk, &alike);
        }
        storage.complete(joined, facts);
        storage
    }

    /// Finds the rows whose chunks keep their places among the others.
    fn align(&mut self, joined: &Joined, chunk: &[u64], alike: &dyn Fn(usize) -> bool) {
        let band = chunk.get(joined.axis).copied().unwrap_or(1).max(1);
        let last = joined.counts.iter().rposition(|&n| n > 0).unwrap_or(0);
        let mut start = 0;
        for (i, (&rows, raw)) in joined.counts.iter().zip(&mut self.raw).enumerate() {
            if alike(i) && start % band == 0 {
                // The last chunk of the last file may reach beyond its rows; others would leave a gap.
                *raw = if i == last { rows } else { rows / band * band };
            }
            start += rows;
        }
    }

    /// Chunks and filters for what cannot stay as it is.
    fn complete(&mut self, joined: &Joined, facts: &Facts) {
        let raw: u64 = self.raw.iter().sum();
        let same_type = facts.form.datatype == joined.datatype;
        let mut cut = false;
        if raw == 0
            && let Some(chunk) = &mut self.chunk
        {
            for (size, dim) in chunk.iter_mut().zip(&joined.shape) {
                let smaller = (*size).min((*dim).max(1));
                cut |= smaller != *size;
                *size = smaller;
            }
        }
        if self.padded && self.chunk.is_none() {
            // What lies beside small rows gets the fill value with its chunk.
            let row: u64 = joined.shape.iter().skip(1).product::<u64>().saturating_mul(joined.datatype.size());
            let rows = (PADDED / row.max(1)).clamp(1, joined.shape.first().copied().unwrap_or(1).max(1));
            self.chunk = Some([&[rows], joined.shape.get(1..).unwrap_or_default()].concat());
        }
        let again = raw < joined.rows();
        if again && !facts.form.filters.is_empty() {
            let able = facts.form.filters.iter().all(|f| AGAIN.contains(&f.id));
            if !able || cut || !same_type {
                // Where chunks of a filter cannot be made none is copied, so that all get others.
                self.raw.fill(0);
                self.filters = Some(filters(&facts.form.filters, joined.datatype.size()));
            }
        }
        let bytes = joined.shape.iter().fold(joined.datatype.size(), |n, &d| n.saturating_mul(d));
        self.compact = facts.form.layout == "compact" && bytes <= COMPACT && !self.padded;
    }

    /// The dataset that is to be made.
    pub(super) fn build(&self, out: &mut FileMut, joined: &Joined, model: &Dataset) -> Result<DatasetBuilder> {
        let mut builder = out.build_like(joined.path.as_bytes(), model)?.shape(&joined.shape);
        builder = builder.datatype(joined.datatype.clone());
        if self.chunk.is_none() && !self.compact {
            builder = builder.contiguous();
        }
        let sizes = joined.shape.iter().zip(model.shape());
        let max = model.max_shape().iter().zip(sizes).enumerate().map(|(d, (max, (dim, own)))| match max {
            None => None,
            // One that could grow to a limit can still do so; one that could not has just its rows.
            Some(most) if d != joined.axis || most > own => Some(*most.max(dim)),
            Some(_) => Some(*dim),
        });
        builder = builder.max_shape(max.collect::<Vec<_>>());
        if let Some(chunk) = &self.chunk {
            builder = builder.chunks(chunk);
        }
        if let Some(filters) = &self.filters {
            builder = filters.iter().cloned().fold(builder.without_filters(), DatasetBuilder::filter);
        }
        Ok(builder)
    }

    /// What is said of filters that are not those of the files.
    pub(super) fn new_filters(&self) -> bool {
        self.filters.is_some()
    }
}

/// The file whose storage most bytes have that can be copied as they are; else the first with chunks, or the first.
fn model<'a>(
    count: usize,
    movable: &dyn Fn(usize) -> Option<&'a Facts>,
    of: &dyn Fn(usize) -> Option<&'a Facts>,
) -> usize {
    let mut kinds: Vec<(usize, &Facts, u64)> = Vec::new();
    for i in 0..count {
        let Some(facts) = movable(i) else { continue };
        match kinds.iter_mut().find(|(_, known, _)| chunks_alike(&known.form, &facts.form)) {
            Some((_, _, bytes)) => *bytes = bytes.saturating_add(facts.bytes()),
            None => kinds.push((i, facts, facts.bytes())),
        }
    }
    let best = kinds.iter().max_by_key(|(i, _, bytes)| (*bytes, std::cmp::Reverse(*i))).map(|(i, ..)| *i);
    let chunked = || (0..count).find(|&i| of(i).is_some_and(|f| f.form.chunk.is_some()));
    let any = || (0..count).find(|&i| of(i).is_some());
    best.or_else(chunked).or_else(any).unwrap_or(0)
}

/// Whether chunks of one dataset mean the same in the other.
fn chunks_alike(a: &Form, b: &Form) -> bool {
    let same = |(a, b): (&FilterInfo, &FilterInfo)| a.id == b.id && a.parameters == b.parameters;
    let filters = a.filters.len() == b.filters.len() && a.filters.iter().zip(&b.filters).all(same);
    a.chunk == b.chunk && a.fill == b.fill && filters
}

/// Filters for other elements or other chunks: the same ones where they are known to lose nothing, else gzip.
fn filters(before: &[FilterInfo], size: u64) -> Vec<FilterSpec> {
    let parameter = |f: &FilterInfo, n: usize| f.parameters.get(n).copied().unwrap_or(0);
    let mut after = Vec::new();
    for filter in before {
        after.push(match filter.id {
            1 => FilterSpec::deflate(parameter(filter, 0).min(9)),
            2 => FilterSpec::shuffle(),
            3 => FilterSpec::fletcher32(),
            32000 => FilterSpec::lzf(),
            32004 => FilterSpec::lz4(),
            32015 => FilterSpec::zstd(parameter(filter, 0).min(22) as i32),
            307 => FilterSpec::bzip2(parameter(filter, 0).clamp(1, 9)),
            _ => {
                let gzip = FilterSpec::deflate(4);
                return if size > 1 { vec![FilterSpec::shuffle(), gzip] } else { vec![gzip] };
            }
        });
    }
    after
}
