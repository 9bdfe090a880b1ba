//! Another order of the rows, or fewer of them: shuffled, and each content once.

use super::contents::{self, Content};
use super::gather::in_input;
use super::inputs::Shelf;
use super::plan::{Joined, Plan};
use crate::commands::open::Opening;
use crate::commands::{Progress, output};
use crate::error::{Error, ErrorKind, Result};
use crate::{ArrayLike, Reference};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// What is done with the order.
#[derive(Clone, Debug, Default)]
pub(super) struct Reorder {
    /// The seed of the shuffle.
    pub(super) shuffle: Option<u64>,
    /// Whether equal rows are kept once.
    pub(super) dedupe: bool,
    /// The datasets that make rows equal; all where none is named.
    pub(super) dedupe_by: Vec<String>,
}

impl Reorder {
    pub(super) fn is_any(&self) -> bool {
        self.shuffle.is_some() || self.dedupe
    }

    /// The rows of the merged file: each is the number of a row of all files together.
    pub(super) fn rows(&self, plan: &Plan, opening: &Opening, progress: &dyn Progress) -> Result<Vec<u64>> {
        let mut rows = if self.dedupe { self.unlike(plan, opening, progress)? } else { (0..plan.rows()).collect() };
        if let Some(seed) = self.shuffle {
            shuffle(&mut rows, seed);
        }
        Ok(rows)
    }

    /// The datasets whose rows are compared.
    fn compared<'a>(&self, plan: &'a Plan) -> Result<Vec<&'a Joined>> {
        let main: Vec<&Joined> = plan.joined.iter().filter(|j| j.main).collect();
        if self.dedupe_by.is_empty() {
            return Ok(main);
        }
        let find = |path: &String| {
            let wanted = path.trim_matches('/');
            let found = main.iter().find(|j| j.path.to_text().trim_matches('/') == wanted).copied();
            let message = || format!("--dedupe-by {path}: no dataset of rows is there");
            found.ok_or_else(|| Error::new(ErrorKind::NotFound, message()))
        };
        self.dedupe_by.iter().map(find).collect()
    }

    /// The first row of every content. Sixteen bytes of its hash are kept of each.
    fn unlike(&self, plan: &Plan, opening: &Opening, progress: &dyn Progress) -> Result<Vec<u64>> {
        let compared = self.compared(plan)?;
        let mut known: HashMap<[u8; 16], ()> = HashMap::new();
        let mut kept = Vec::new();
        let mut first = 0;
        progress.start("comparing rows", Some(plan.rows()));
        for (input, &rows) in plan.counts.iter().enumerate() {
            let mut shelf = Shelf::new(&plan.inputs, opening);
            let mut digests = vec![[0u8; 16]; rows as usize];
            for joined in &compared {
                let digested = digest_rows(plan, joined, input, &mut shelf, &mut digests, progress);
                digested.map_err(|e| in_input(plan, input, joined, e))?;
            }
            for (row, digest) in (first..).zip(digests) {
                if known.insert(digest, ()).is_none() {
                    kept.push(row);
                }
            }
            first += rows;
            progress.advance(rows);
        }
        progress.finish();
        Ok(kept)
    }
}

/// Mixes the content of each row of a file into its digest.
fn digest_rows(
    plan: &Plan,
    joined: &Joined,
    input: usize,
    shelf: &mut Shelf<'_>,
    digests: &mut [[u8; 16]],
    progress: &dyn Progress,
) -> Result<()> {
    if plan.inputs.get(input).and_then(|i| i.dataset(&joined.path)).is_none() {
        return Ok(());
    }
    let from = shelf.dataset(input, &joined.path)?;
    let paths = shelf.paths(input, from.datatype())?;
    let translate = |r: &Reference| {
        let place = r.address().and_then(|a| paths.get(&a)).and_then(|path| plan.place(input, path));
        Ok(r.moved_to(contents::mark(place.as_ref())))
    };
    let row: u64 = from.shape().iter().skip(1).product();
    let step = (contents::block(from.datatype()) / (row * from.datatype().size()).max(1)).max(1);
    let step = step.next_multiple_of(from.chunk_shape().and_then(|c| c.first().copied()).unwrap_or(1));
    let mut at = 0;
    while at < digests.len() as u64 {
        output::stop_if_asked(progress)?;
        let end = (digests.len() as u64).min(at + step);
        let part = from.select(at..end)?;
        let elements = contents::elements(&part, joined, input, &translate)?;
        let datatype = elements.element_datatype();
        let rows = digests.get_mut(at as usize..end as usize).unwrap_or_default();
        for (n, digest) in rows.iter_mut().enumerate() {
            let mut content = Content::default();
            content.add(&elements, n * row as usize..(n + 1) * row as usize, &datatype)?;
            let mixed: [u8; 32] = Sha256::new().chain_update(*digest).chain_update(content.finish()).finalize().into();
            digest.copy_from_slice(mixed.get(..16).unwrap_or_default());
        }
        at = end;
    }
    Ok(())
}

/// Fisher and Yates's shuffle with Vigna's SplitMix64: the same on every machine.
fn shuffle(rows: &mut [u64], seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    for i in (1..rows.len()).rev() {
        // The high half of a product is a number below its factor.
        let other = (u128::from(next()) * (i as u128 + 1)) >> 64;
        rows.swap(i, other as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_an_order() {
        let order = |seed| {
            let mut rows: Vec<u64> = (0..1000).collect();
            shuffle(&mut rows, seed);
            rows
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
        let mut sorted = order(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        let mut few = [0, 1, 2];
        shuffle(&mut few, 1);
        few.sort_unstable();
        assert_eq!(few, [0, 1, 2]);
    }
}
