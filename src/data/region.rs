//! Which elements of an array are selected, in any shape: the parts that virtual datasets are made of.
//!
//! Most are products: an independent choice of indices in every dimension. What is not, is a tree of spans: those of the
//! first dimension lead to those of the second, and so on. Selected elements are numbered in row-major order.

use super::ordinals::Ordinals;
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Spans that an irregular selection may have, and steps that finding them may take.
const MOST_SPANS: u64 = 1 << 20;
const MOST_STEPS: u64 = 1 << 26;

/// Selected elements of an array.
#[derive(Clone, Debug)]
pub(crate) enum Region {
    Product(Vec<Ordinals>),
    /// A tree, and the box around it.
    Tree(Arc<Level>, Vec<Range<u64>>),
}

/// The spans of one dimension under one path of the dimensions before it.
#[derive(Debug)]
pub(crate) struct Level {
    spans: Vec<Span>,
    /// Selected elements.
    n: u64,
}

#[derive(Debug)]
struct Span {
    range: Range<u64>,
    /// The dimensions below; `None` below the last.
    down: Option<Arc<Level>>,
    /// Elements of one index.
    each: u64,
    /// The ordinal of the first element.
    ordinal: u64,
}

impl Region {
    /// Everything in an array of this shape.
    pub(crate) fn all(shape: &[u64]) -> Region {
        Region::Product(shape.iter().map(|&n| Ordinals::run(0, n)).collect())
    }

    /// Nothing.
    pub(crate) fn none() -> Region {
        Region::Product(vec![Ordinals::run(0, 0)])
    }

    /// The union of boxes of `rank` dimensions.
    pub(crate) fn boxes(rank: usize, boxes: &[Vec<Range<u64>>]) -> Result<Region> {
        if boxes.iter().any(|b| b.len() != rank) {
            return Err(Error::damaged("boxes of different ranks").in_structure("selection"));
        }
        if let Some(axes) = as_product(rank, boxes) {
            return Ok(Region::Product(axes));
        }
        let mut builder = Builder { boxes, known: HashMap::new(), left: MOST_STEPS };
        let all = (0..boxes.len() as u32).collect();
        let around = |d: usize| {
            let starts = boxes.iter().map(|b| b[d].start).min();
            starts.unwrap_or(0)..boxes.iter().map(|b| b[d].end).max().unwrap_or(0)
        };
        let bounds = (0..rank).map(around).collect();
        Ok(Region::Tree(builder.level(0, all)?, bounds))
    }

    /// The number of elements.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Region::Product(axes) => axes.iter().fold(1, |n, a| n.saturating_mul(a.len())),
            Region::Tree(root, _) => root.n,
        }
    }

    /// The smallest box around everything; `None` if nothing is selected.
    pub(crate) fn bounds(&self) -> Option<Vec<Range<u64>>> {
        if self.len() == 0 {
            return None;
        }
        match self {
            Region::Product(axes) => Some(axes.iter().map(Ordinals::bounds).collect()),
            Region::Tree(_, bounds) => Some(bounds.clone()),
        }
    }

    /// The same as a tree.
    pub(crate) fn tree(&self) -> Result<Arc<Level>> {
        let axes = match self {
            Region::Tree(root, _) => return Ok(root.clone()),
            Region::Product(axes) => axes,
        };
        let mut below: Option<Arc<Level>> = None;
        for axis in axes.iter().rev() {
            let spans = axis.to_spans(MOST_SPANS).ok_or_else(too_irregular)?;
            let spans = spans.into_iter().map(|range| (range, below.clone())).collect();
            below = Some(Arc::new(Level::new(spans)?));
        }
        // A scalar has one element and no dimensions: as one of one dimension and one index.
        below.map_or_else(|| Ok(Arc::new(Level::new(vec![(0..1, None)])?)), Ok)
    }
}

fn too_irregular() -> Error {
    Error::limit(format!("a selection of more than {MOST_SPANS} spans that are arranged irregularly"))
}

/// The boxes as a product, if together they are one: each combination of their spans once.
fn as_product(rank: usize, boxes: &[Vec<Range<u64>>]) -> Option<Vec<Ordinals>> {
    let mut axes = Vec::with_capacity(rank);
    let mut combinations = 1usize;
    for d in 0..rank {
        let spans: BTreeSet<(u64, u64)> = boxes.iter().map(|b| (b[d].start, b[d].end)).collect();
        let overlap = spans.iter().zip(spans.iter().skip(1)).any(|(a, b)| a.1 > b.0);
        combinations = combinations.checked_mul(spans.len())?;
        if overlap || combinations > boxes.len() {
            return None;
        }
        axes.push(Ordinals::spans(spans.into_iter().map(|(start, end)| start..end)));
    }
    let different: BTreeSet<Vec<u64>> = boxes.iter().map(|b| b.iter().map(|r| r.start).collect()).collect();
    (different.len() == boxes.len() && combinations == boxes.len()).then_some(axes)
}

/// Builds the tree of a union of boxes.
struct Builder<'a> {
    boxes: &'a [Vec<Range<u64>>],
    /// Levels by dimension and by the boxes that they are made of.
    known: HashMap<(usize, Vec<u32>), Arc<Level>>,
    left: u64,
}

impl Builder<'_> {
    /// Of dimension `d`, for these boxes.
    fn level(&mut self, d: usize, active: Vec<u32>) -> Result<Arc<Level>> {
        let key = (d, active);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let (_, active) = &key;
        let range = |b: u32| &self.boxes[b as usize][d];
        let ends: BTreeSet<u64> = active.iter().flat_map(|&b| [range(b).start, range(b).end]).collect();
        let ends: Vec<u64> = ends.into_iter().collect();
        let steps = (ends.len() as u64).saturating_mul(active.len() as u64);
        self.left = self.left.checked_sub(steps).ok_or_else(too_irregular)?;
        let mut spans: Vec<(Range<u64>, Vec<u32>)> = Vec::new();
        for pair in ends.windows(2) {
            let (start, end) = (pair[0], pair[1]);
            let here: Vec<u32> = active.iter().copied().filter(|&b| range(b).contains(&start)).collect();
            match spans.last_mut() {
                Some((before, same)) if before.end == start && *same == here => before.end = end,
                _ if here.is_empty() => {}
                _ => spans.push((start..end, here)),
            }
        }
        let last = d + 1 >= self.boxes.first().map_or(0, Vec::len);
        let mut found: Vec<(Range<u64>, Option<Arc<Level>>)> = Vec::with_capacity(spans.len());
        for (range, here) in spans {
            let down = if last { None } else { Some(self.level(d + 1, here)?) };
            let same = |other: &Option<Arc<Level>>| match (other, &down) {
                (None, None) => true,
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                _ => false,
            };
            match found.last_mut() {
                Some((before, other)) if before.end == range.start && same(other) => before.end = range.end,
                _ => found.push((range, down)),
            }
        }
        let level = Arc::new(Level::new(found)?);
        self.known.insert(key, level.clone());
        Ok(level)
    }
}

/// What is called for every run of elements: the ordinal of the first, its coordinates, how many along the last dimension.
pub(crate) type Visit<'a> = dyn FnMut(u64, &[u64], u64) -> Result<()> + 'a;

impl Level {
    fn new(parts: Vec<(Range<u64>, Option<Arc<Level>>)>) -> Result<Level> {
        let mut spans = Vec::with_capacity(parts.len());
        let mut n = 0u64;
        for (range, down) in parts {
            let each = down.as_ref().map_or(1, |l| l.n);
            let here = each.checked_mul(range.end - range.start).and_then(|m| n.checked_add(m));
            spans.push(Span { range, down, each, ordinal: n });
            n = here.ok_or_else(|| Error::damaged("more than 2^64 elements").in_structure("selection"))?;
        }
        Ok(Level { spans, n })
    }

    /// Every run of elements in a box, in order.
    pub(crate) fn runs_in(&self, within: &[Range<u64>], visit: &mut Visit<'_>) -> Result<()> {
        self.walk_box(within, 0, &mut Vec::with_capacity(within.len()), visit)
    }

    fn walk_box(&self, within: &[Range<u64>], base: u64, path: &mut Vec<u64>, visit: &mut Visit<'_>) -> Result<()> {
        let Some(range) = within.get(path.len()) else {
            return Ok(());
        };
        let first = self.spans.partition_point(|s| s.range.end <= range.start);
        for span in self.spans[first..].iter().take_while(|s| s.range.start < range.end) {
            let (start, end) = (span.range.start.max(range.start), span.range.end.min(range.end));
            let ordinal = base + span.ordinal + (start - span.range.start) * span.each;
            match &span.down {
                None => {
                    path.push(start);
                    let done = visit(ordinal, path, end - start);
                    path.pop();
                    done?;
                }
                Some(down) => {
                    for index in start..end {
                        path.push(index);
                        let done = down.walk_box(within, ordinal + (index - start) * span.each, path, visit);
                        path.pop();
                        done?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Every run of the elements with these ordinals, in order.
    pub(crate) fn runs_of(&self, ordinals: Range<u64>, visit: &mut Visit<'_>) -> Result<()> {
        self.walk_ordinals(ordinals, 0, &mut Vec::new(), visit)
    }

    fn walk_ordinals(&self, of: Range<u64>, base: u64, path: &mut Vec<u64>, visit: &mut Visit<'_>) -> Result<()> {
        let first = self.spans.partition_point(|s| s.ordinal + s.each * (s.range.end - s.range.start) <= of.start);
        for span in self.spans[first..].iter().take_while(|s| s.ordinal < of.end && s.each > 0) {
            let from = of.start.max(span.ordinal) - span.ordinal;
            let to = of.end.min(span.ordinal + span.each * (span.range.end - span.range.start)) - span.ordinal;
            match &span.down {
                None => {
                    path.push(span.range.start + from);
                    let done = visit(base + span.ordinal + from, path, to - from);
                    path.pop();
                    done?;
                }
                Some(down) => {
                    for index in from / span.each..to.div_ceil(span.each) {
                        let begin = index * span.each;
                        let part = from.max(begin) - begin..to.min(begin + span.each) - begin;
                        path.push(span.range.start + index);
                        let done = down.walk_ordinals(part, base + span.ordinal + begin, path, visit);
                        path.pop();
                        done?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All selected coordinates in order, and a check that their ordinals count up.
    fn elements(region: &Region, within: &[Range<u64>]) -> Vec<(u64, Vec<u64>)> {
        let mut found = Vec::new();
        let mut add = |ordinal: u64, at: &[u64], n: u64| {
            for i in 0..n {
                let mut at = at.to_vec();
                *at.last_mut().unwrap() += i;
                found.push((ordinal + i, at));
            }
            Ok(())
        };
        region.tree().unwrap().runs_in(within, &mut add).unwrap();
        found
    }

    fn brute(boxes: &[Vec<Range<u64>>]) -> Vec<Vec<u64>> {
        let inside = |at: &[u64]| boxes.iter().any(|b| b.iter().zip(at).all(|(r, i)| r.contains(i)));
        (0..8).flat_map(|x| (0..8).map(move |y| vec![x, y])).filter(|at| inside(at)).collect()
    }

    #[test]
    fn unions_of_boxes_are_in_row_major_order() {
        let unions = [
            vec![vec![0..2, 0..2], vec![1..4, 3..6]],
            vec![vec![0..3, 0..3], vec![2..5, 1..4], vec![7..8, 0..8]],
            vec![vec![4..6, 0..8], vec![0..2, 2..3]],
            vec![vec![0..2, 0..2], vec![0..2, 4..6], vec![4..5, 0..2], vec![4..5, 4..6]],
        ];
        for (i, boxes) in unions.iter().enumerate() {
            let region = Region::boxes(2, boxes).unwrap();
            assert_eq!(matches!(region, Region::Product(_)), i == 3);
            let wanted = brute(boxes);
            assert_eq!(region.len(), wanted.len() as u64);
            let all: Vec<_> = wanted.iter().cloned().enumerate().map(|(o, at)| (o as u64, at)).collect();
            assert_eq!(elements(&region, &[0..8, 0..8]), all);
            let within = [1..5, 1..5];
            let part: Vec<_> = all.iter().filter(|(_, at)| at.iter().all(|i| (1..5).contains(i))).cloned().collect();
            assert_eq!(elements(&region, &within), part);
            for start in 0..all.len() as u64 {
                let mut found = Vec::new();
                let mut add = |_: u64, at: &[u64], n: u64| {
                    found.extend((0..n).map(|i| vec![at[0], at[1] + i]));
                    Ok(())
                };
                let end = (start + 5).min(all.len() as u64);
                region.tree().unwrap().runs_of(start..end, &mut add).unwrap();
                assert_eq!(found, wanted[start as usize..end as usize]);
            }
            let bounds = region.bounds().unwrap();
            assert!(wanted.iter().all(|at| at.iter().zip(&bounds).all(|(i, r)| r.contains(i))));
        }
    }

    #[test]
    fn what_would_take_too_long_is_refused() {
        let boxes: Vec<_> = (0..20_000u64).map(|i| vec![i..40_000 - i, i..i + 1]).collect();
        assert_eq!(Region::boxes(2, &boxes).unwrap_err().kind(), crate::ErrorKind::Limit);
    }

    #[test]
    fn nothing_and_a_scalar_have_their_numbers() {
        assert_eq!((Region::none().len(), Region::none().bounds()), (0, None));
        assert_eq!(Region::all(&[]).len(), 1);
        assert_eq!(Region::all(&[3, 4]).bounds(), Some(vec![0..3, 0..4]));
    }
}
