//! Which rows a contact sheet shows: all if they fit; else every class gets its fair part of the places, and the
//! pictures of a class are taken evenly from its first to its last row.
//!
//! So a file that is sorted by class does not show its first class alone, and two runs show the same.

use super::image_set::{BLOCK, Census, Class, ImageSet};
use super::sheet::Order;
use super::source::Source;
use crate::commands::Progress;
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// Rows to show, and how many rows each class has.
pub(super) struct Choice {
    pub(super) rows: Vec<u64>,
    pub(super) census: Census,
    /// How they were chosen, for people; empty if they are all.
    pub(super) how: &'static str,
}

/// Which rows are shown.
pub(super) fn choose(source: &dyn Source, set: &ImageSet, order: &Order, progress: &dyn Progress) -> Result<Choice> {
    progress.start("reading labels", set.is_countable().then_some(set.rows()));
    if set.has_classes() && !set.is_countable() {
        progress.notice("there are too many pictures to count their classes");
    }
    let census = match count_classes(source, set, progress) {
        Err(e) if order.class.is_none() && e.kind() != ErrorKind::Interrupted => {
            progress.notice(&format!("the sheet is made without classes: {e}"));
            Census::default()
        }
        census => census?,
    };
    let has_classes = !census.overflowed && !census.counts.is_empty();
    let (rows, how) = match (&order.rows, &order.class) {
        (Some(rows), None) => (rows.clone().collect(), "rows as asked for"),
        (Some(range), Some(class)) => {
            let quotas = BTreeMap::from([(class.clone(), u64::MAX)]);
            let rows = rows_of(source, set, &census, &quotas)?;
            (rows.into_iter().filter(|r| range.contains(r)).collect(), "rows as asked for")
        }
        (None, None) if set.rows() <= order.count && !has_classes => ((0..set.rows()).collect(), ""),
        (None, None) if !has_classes => (spread(set.rows(), order.count).collect(), "taken evenly"),
        (None, class) => {
            let counts = census.counts.iter().filter(|(c, _)| class.as_ref().is_none_or(|class| class == *c));
            let counts: BTreeMap<Class, u64> = counts.map(|(c, &n)| (c.clone(), n)).collect();
            let quotas = quotas(&counts, order.count);
            let all = counts.values().sum::<u64>() <= order.count;
            (rows_of(source, set, &census, &quotas)?, if all { "" } else { "taken evenly from every class" })
        }
    };
    progress.finish();
    Ok(Choice { rows, census, how })
}

fn count_classes(source: &dyn Source, set: &ImageSet, progress: &dyn Progress) -> Result<Census> {
    let mut census = Census::default();
    let mut at = 0;
    while set.is_countable() && at < set.rows() && !census.overflowed {
        check(progress)?;
        let end = set.rows().min(at + BLOCK);
        census.add(set.classes(source, at..end)?);
        progress.advance(end - at);
        at = end;
    }
    Ok(census)
}

/// Stops the work if the user asked for it.
pub(super) fn check(progress: &dyn Progress) -> Result<()> {
    if progress.stopped() { Err(Error::new(ErrorKind::Interrupted, "stopped")) } else { Ok(()) }
}

/// The rows of each class in order, as many as its quota, evenly over the file.
fn rows_of(source: &dyn Source, set: &ImageSet, census: &Census, quotas: &BTreeMap<Class, u64>) -> Result<Vec<u64>> {
    let mut seen: BTreeMap<Class, u64> = BTreeMap::new();
    let mut chosen: BTreeMap<Class, Vec<u64>> = BTreeMap::new();
    let mut at = 0;
    while at < set.rows() {
        let end = set.rows().min(at + BLOCK);
        for (row, class) in (at..end).zip(set.classes(source, at..end)?) {
            let Some(&quota) = quotas.get(&class) else {
                continue;
            };
            let count = census.counts.get(&class).copied().unwrap_or(0);
            let nth = seen.entry(class.clone()).or_default();
            if is_taken(*nth, count, quota) {
                chosen.entry(class).or_default().push(row);
            }
            *nth += 1;
        }
        at = end;
    }
    Ok(chosen.into_values().flatten().collect())
}

/// Whether the `nth` of `count` is among `quota` that are taken evenly.
fn is_taken(nth: u64, count: u64, quota: u64) -> bool {
    let quota = u128::from(quota.min(count));
    // So many are taken of the first n; halves are rounded up, which puts the taken ones into the middle of equal parts.
    let step = |n: u64| (u128::from(n) * 2 * quota).saturating_add(u128::from(count)) / (2 * u128::from(count.max(1)));
    quota > 0 && step(nth + 1) > step(nth)
}

/// `count` of `rows`, evenly: the middle of each of `count` equal parts.
fn spread(rows: u64, count: u64) -> impl Iterator<Item = u64> {
    let (wide_rows, parts) = (u128::from(rows), u128::from(count.max(1)));
    (0..count.min(rows)).map(move |j| {
        let middle = (2 * u128::from(j) + 1) * wide_rows / (2 * parts);
        u64::try_from(middle).unwrap_or(rows)
    })
}

/// How many places each class gets: equal parts; what a small class leaves goes to the others.
fn quotas(counts: &BTreeMap<Class, u64>, places: u64) -> BTreeMap<Class, u64> {
    let mut quotas: BTreeMap<Class, u64> = BTreeMap::new();
    let mut left = places;
    // Smallest classes first: none of them can take what the larger ones need.
    let mut open: Vec<_> = counts.iter().collect();
    open.sort_by_key(|(_, count)| **count);
    let classes = open.len() as u64;
    for (i, (class, &count)) in (0u64..).zip(open) {
        let quota = count.min(left.div_ceil(classes - i));
        quotas.insert(class.clone(), quota);
        left -= quota;
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::super::sheet::tests::order;
    use super::super::source::memory::{Memory, photos};
    use super::*;
    use crate::commands::Silent;
    use crate::image_set::find::find;

    fn chosen(file: &Memory, order: &Order) -> Vec<u64> {
        choose(file, &find(file).unwrap()[0], order, &Silent).unwrap().rows
    }

    #[test]
    fn every_class_gets_its_places_evenly_over_its_rows() {
        let file = photos(100);
        let rows = chosen(&file, &order(10));
        assert_eq!(rows, [4, 14, 24, 34, 44, 54, 64, 74, 84, 94]);
        assert_eq!(chosen(&photos(8), &order(10)), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn rows_and_class_are_taken_at_their_word() {
        let file = photos(100);
        assert_eq!(chosen(&file, &Order { rows: Some(3..6), ..order(10) }), [3, 4, 5]);
        let dogs = Order { class: Some(Class::Number(1)), ..order(5) };
        assert_eq!(chosen(&file, &dogs), [54, 64, 74, 84, 94]);
        assert_eq!(chosen(&file, &Order { rows: Some(48..52), ..dogs }), [50, 51]);
    }

    #[test]
    fn a_small_class_leaves_its_places_to_the_others() {
        let counts = |n: &[u64]| (0i64..).map(Class::Number).zip(n.iter().copied()).collect::<BTreeMap<_, _>>();
        let of = |n: &[u64], places| quotas(&counts(n), places).into_values().collect::<Vec<_>>();
        assert_eq!(of(&[2, 100, 100], 12), [2, 5, 5]);
        assert_eq!(of(&[1, 1, 1], 12), [1, 1, 1]);
        assert_eq!(of(&[10; 5], 3).iter().sum::<u64>(), 3);
        assert!(of(&[], 3).is_empty());
    }

    #[test]
    fn exactly_as_many_are_taken_as_asked_for() {
        for count in 1..40 {
            for quota in 0..50 {
                let taken = (0..count).filter(|&n| is_taken(n, count, quota)).count() as u64;
                assert_eq!(taken, quota.min(count), "{quota} of {count}");
            }
        }
        assert_eq!(spread(4_000_000_000, 2).collect::<Vec<_>>(), [1_000_000_000, 3_000_000_000]);
    }
}
