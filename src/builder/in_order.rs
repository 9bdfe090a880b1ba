//! Work of many pieces: made by all threads, taken one after the other.

use crate::error::Result;
use rayon::ScopeFifo;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Has all threads `make` the pieces from 0 to `count`, and `take` each in its turn, on any thread. While one is taken the
/// next ones are made: nobody waits for the slowest of some. At most `ahead` pieces are made or wait to be taken at a time.
/// The first error of a piece in its turn ends it.
pub(super) fn in_order<T: Send>(
    count: u64,
    ahead: u64,
    make: impl Fn(u64) -> Result<T> + Sync,
    mut take: impl FnMut(T) -> Result<()> + Send,
) -> Result<()> {
    if count < 2 || rayon::current_num_threads() == 1 {
        return (0..count).try_for_each(|n| take(make(n)?));
    }
    let first = count.min(ahead.max(1));
    let turns =
        Turns { made: (0..first).map(|_| None).collect(), taken: 0, begun: first, take: Some(take), ended: Ok(()) };
    let line = Line { count, make, turns: Mutex::new(turns) };
    rayon::scope_fifo(|scope| (0..first).for_each(|n| line.begin(scope, n)));
    line.turns.into_inner().unwrap_or_else(PoisonError::into_inner).ended
}

struct Line<T, M, F> {
    count: u64,
    make: M,
    turns: Mutex<Turns<T, F>>,
}

struct Turns<T, F> {
    /// What was made of the pieces that are begun and not taken.
    made: VecDeque<Option<Result<T>>>,
    taken: u64,
    begun: u64,
    /// Not here while a piece is taken, or when it has ended early.
    take: Option<F>,
    ended: Result<()>,
}

impl<T: Send, M: Fn(u64) -> Result<T> + Sync, F: FnMut(T) -> Result<()> + Send> Line<T, M, F> {
    fn turns(&self) -> MutexGuard<'_, Turns<T, F>> {
        // A panic is passed on by the scope.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin<'s>(&'s self, scope: &ScopeFifo<'s>, n: u64) {
        scope.spawn_fifo(move |scope| {
            if self.turns().ended.is_ok() {
                let made = (self.make)(n);
                self.take_turns(scope, n, made);
            }
        });
    }

    /// Puts down what was made of a piece, and takes all whose turn it is, unless another thread does.
    fn take_turns<'s>(&'s self, scope: &ScopeFifo<'s>, n: u64, made: Result<T>) {
        let mut turns = self.turns();
        let waits = (n - turns.taken) as usize;
        if let Some(place) = turns.made.get_mut(waits) {
            *place = Some(made);
        }
        let Some(mut take) = turns.take.take() else { return };
        while let Some(made) = turns.made.front_mut().and_then(Option::take) {
            turns.made.pop_front();
            turns.taken += 1;
            drop(turns);
            let taken = made.and_then(&mut take);
            turns = self.turns();
            if taken.is_err() {
                turns.ended = taken;
                return;
            }
            if turns.begun < self.count {
                let next = turns.begun;
                turns.begun += 1;
                turns.made.push_back(None);
                self.begin(scope, next);
            }
        }
        turns.take = Some(take);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    fn work(n: u64) -> u64 {
        (0..(n * 7919) % 5000).fold(n, |a, b| std::hint::black_box(a ^ b) ^ b)
    }

    #[test]
    fn pieces_are_taken_in_their_order_and_never_too_many_are_begun() {
        for (count, ahead) in [(0, 3), (1, 1), (5, 0), (1000, 1), (1000, 7), (30, 100)] {
            let (begun, taken, mut order) = (AtomicU64::new(0), AtomicU64::new(0), Vec::new());
            let make = |n| {
                let begun = begun.fetch_add(1, SeqCst) + 1;
                assert!(begun <= taken.load(SeqCst) + ahead.max(1) + 1);
                Ok((n, work(n)))
            };
            let take = |piece| {
                taken.fetch_add(1, SeqCst);
                order.push(piece);
                Ok(())
            };
            in_order(count, ahead, make, take).unwrap();
            assert!(order.into_iter().eq((0..count).map(|n| (n, work(n)))));
        }
    }

    #[test]
    fn the_first_error_in_their_order_ends_it() {
        for from_take in [false, true] {
            let made = AtomicU64::new(0);
            let fails = |n: u64| if n >= 40 { Err(Error::invalid(format!("{n}"))) } else { Ok(()) };
            let make = |n| {
                made.fetch_add(1, SeqCst);
                if from_take { Ok(n) } else { fails(n).map(|()| n) }
            };
            let mut taken = 0;
            let take = |n| {
                taken += 1;
                fails(n)
            };
            let error = in_order(1000, 8, make, take).unwrap_err();
            assert!(error.to_string().contains("40"));
            assert_eq!(taken, 40 + u64::from(from_take));
            assert!(made.into_inner() <= 49);
        }
    }
}
