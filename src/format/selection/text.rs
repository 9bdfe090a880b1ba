//! Stored selections as text: short, and cut where they are long.

use super::{StoredSelection, Strided};
use std::fmt;

/// Points or blocks that are shown.
const SHOWN: usize = 3;

/// `0..3, 5..7`: a range in each dimension; `4 x 0..2 every 3`: four ranges; `0..2 every 3` and `5..`: without end;
/// `(1, 2), (0, 0)`: points; `{0..2, 1..2}, {4..5, 0..9}`: blocks. Ends are exclusive.
impl fmt::Display for StoredSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoredSelection::None => f.write_str("nothing"),
            StoredSelection::All => f.write_str(".."),
            StoredSelection::Regular(dimensions) => list(f, dimensions.iter(), |f, d| d.fmt(f)),
            StoredSelection::Points { rank, coordinates } => {
                let points = coordinates.chunks_exact((*rank).max(1));
                cut(f, points, |f, point| {
                    f.write_str("(")?;
                    list(f, point.iter(), |f, n| write!(f, "{n}"))?;
                    f.write_str(")")
                })
            }
            StoredSelection::Blocks { rank, corners } => {
                let blocks = corners.chunks_exact((2 * *rank).max(1));
                cut(f, blocks, |f, block| {
                    let (first, last) = block.split_at(block.len() / 2);
                    f.write_str("{")?;
                    list(f, first.iter().zip(last), |f, (a, b)| write!(f, "{a}..{}", b.saturating_add(1)))?;
                    f.write_str("}")
                })
            }
        }
    }
}

impl fmt::Display for Strided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Strided { start, stride, count, block } = *self;
        match (count, block) {
            (_, None) => write!(f, "{start}.."),
            (Some(1), Some(n)) => write!(f, "{start}..{}", start.saturating_add(n)),
            (Some(count), Some(n)) => write!(f, "{count} x {start}..{} every {stride}", start.saturating_add(n)),
            (None, Some(n)) => write!(f, "{start}..{} every {stride}", start.saturating_add(n)),
        }
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl Iterator<Item = T>,
    show: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        show(f, item)?;
    }
    Ok(())
}

/// The first few of many.
fn cut<'a>(
    f: &mut fmt::Formatter<'_>,
    items: std::slice::ChunksExact<'a, u64>,
    show: impl Fn(&mut fmt::Formatter<'_>, &'a [u64]) -> fmt::Result,
) -> fmt::Result {
    let all = items.len();
    list(f, items.take(SHOWN), show)?;
    if all > SHOWN { write!(f, ", … {all} in all") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_short_texts() {
        let strided = |start, stride, count, block| Strided { start, stride, count, block };
        for (selection, text) in [
            (StoredSelection::None, "nothing"),
            (StoredSelection::All, ".."),
            (
                StoredSelection::Regular(vec![strided(1, 1, Some(1), Some(2)), strided(0, 4, Some(3), Some(2))]),
                "1..3, 3 x 0..2 every 4",
            ),
            (
                StoredSelection::Regular(vec![strided(1, 4, None, Some(2)), strided(5, 1, Some(1), None)]),
                "1..3 every 4, 5..",
            ),
            (StoredSelection::Points { rank: 2, coordinates: vec![1, 2, 0, 0] }, "(1, 2), (0, 0)"),
            (StoredSelection::Points { rank: 1, coordinates: vec![1, 2, 3, 4] }, "(1), (2), (3), … 4 in all"),
            (StoredSelection::Blocks { rank: 2, corners: vec![0, 1, 1, 1] }, "{0..2, 1..2}"),
        ] {
            assert_eq!(selection.to_string(), text);
        }
    }
}
