//! Values that are made in pieces by all threads, each written where it belongs: no piece is moved once it is made.

use crate::error::{Error, Result};
use rayon::iter::plumbing::{Consumer, Folder, Reducer, UnindexedConsumer};
use rayon::prelude::*;
use std::sync::OnceLock;

/// What a thread takes along from one piece to the next: bytes whose memory is used again.
pub(crate) type Scratch = Vec<u8>;

/// Appends to `all` the values that `make` gives for each of `pieces`, in their order. `pieces` tells how many those are
/// for each. After an error, which is that of any piece, `all` holds nothing of use.
///
/// `blank` stands for the values of a piece that failed: a vector that is filled from several sides at once must be full in
/// the end.
pub(crate) fn gather<P: Sync, T: Clone + Send + Sync>(
    pieces: &[(P, usize)],
    blank: &T,
    all: &mut Vec<T>,
    make: impl Fn(&P, &mut Scratch) -> Result<Vec<T>> + Sync,
) -> Result<()> {
    let failed = OnceLock::new();
    // A few tasks a thread: enough for one to help another, few enough for the memory of scratch.
    let most = pieces.len().div_ceil(8 * rayon::current_num_threads()).max(1);
    all.par_extend(Gather { pieces, most, blank, make: &make, failed: &failed });
    match failed.into_inner() {
        None => Ok(()),
        Some(e) => {
            all.clear();
            Err(e)
        }
    }
}

struct Gather<'a, P, T, F> {
    pieces: &'a [(P, usize)],
    /// Pieces that one thread makes one after the other.
    most: usize,
    blank: &'a T,
    make: &'a F,
    failed: &'a OnceLock<Error>,
}

impl<P, T, F> Gather<'_, P, T, F> {
    fn of<'b>(&'b self, pieces: &'b [(P, usize)]) -> Gather<'b, P, T, F> {
        Gather { pieces, ..*self }
    }

    fn len(&self) -> usize {
        self.pieces.iter().map(|(_, n)| n).sum()
    }
}

impl<P: Sync, T: Clone + Send + Sync, F> Gather<'_, P, T, F>
where
    F: Fn(&P, &mut Scratch) -> Result<Vec<T>> + Sync,
{
    fn run<C: Consumer<T>>(&self, consumer: C) -> C::Result {
        if self.pieces.len() > self.most {
            let (left, right) = self.pieces.split_at(self.pieces.len() / 2);
            let (left, right) = (self.of(left), self.of(right));
            let (for_left, for_right, reducer) = consumer.split_at(left.len());
            let (left, right) = rayon::join(|| left.run(for_left), || right.run(for_right));
            return reducer.reduce(left, right);
        }
        let (mut folder, mut scratch) = (consumer.into_folder(), Scratch::new());
        for (piece, wanted) in self.pieces {
            let values = self.values(piece, *wanted, &mut scratch);
            let missing = wanted - values.len();
            folder = folder.consume_iter(values);
            folder = folder.consume_iter(std::iter::repeat_n(self.blank, missing).cloned());
        }
        folder.complete()
    }

    /// The values of a piece; fewer than wanted, and the reason noted, where something failed.
    fn values(&self, piece: &P, wanted: usize, scratch: &mut Scratch) -> Vec<T> {
        if self.failed.get().is_some() {
            return Vec::new();
        }
        let reason = match (self.make)(piece, scratch) {
            Ok(values) if values.len() == wanted => return values,
            Ok(values) => Error::damaged(format!("{} elements where {wanted} should be", values.len())),
            Err(e) => e,
        };
        let _ = self.failed.set(reason);
        Vec::new()
    }
}

impl<P: Sync, T: Clone + Send + Sync, F> ParallelIterator for Gather<'_, P, T, F>
where
    F: Fn(&P, &mut Scratch) -> Result<Vec<T>> + Sync,
{
    type Item = T;

    fn drive_unindexed<C: UnindexedConsumer<T>>(self, consumer: C) -> C::Result {
        self.run(consumer)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(pieces: &[(u64, usize)], spoilt: Option<u64>) -> Result<Vec<u64>> {
        let mut all = Vec::new();
        gather(pieces, &0, &mut all, |&start, scratch| {
            scratch.push(1);
            match spoilt == Some(start) {
                true => Err(Error::damaged("spoilt")),
                false => Ok((start..).take(pieces.iter().find(|p| p.0 == start).map_or(0, |p| p.1)).collect()),
            }
        })?;
        Ok(all)
    }

    #[test]
    fn pieces_of_any_size_come_in_order() {
        for number in [0, 1, 2, 7, 100, 1001] {
            let mut start = 0;
            let pieces: Vec<(u64, usize)> = (0..number)
                .map(|n| {
                    let piece = (start, if n % 5 == 3 { 0 } else { n % 11 + 1 });
                    // A piece of nothing begins nowhere else.
                    start += piece.1 as u64;
                    piece
                })
                .filter(|p| p.1 > 0)
                .collect();
            let all = numbers(&pieces, None).unwrap();
            assert_eq!(all, (0..start).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn a_piece_that_fails_is_the_error_of_all() {
        let pieces: Vec<(u64, usize)> = (0..50).map(|n| (n * 10, 10)).collect();
        assert_eq!(numbers(&pieces, Some(310)).unwrap_err().message(), "spoilt");
        assert!(numbers(&pieces, Some(311)).is_ok());
    }

    #[test]
    fn too_few_values_are_an_error_and_no_panic() {
        let mut all = Vec::new();
        let error = gather(&[(0, 3), (1, 3)], &0, &mut all, |&n, _| Ok(vec![n; 3 - n])).unwrap_err();
        assert_eq!(error.message(), "2 elements where 3 should be");
    }
}
