//! Boxes inside row-major arrays, as few long runs of bytes: whole inner dimensions are one run.

use crate::data::selection::Run;
use crate::error::Result;

/// One of the two arrays that a box lies in.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The array's shape.
    pub(crate) shape: &'a [u64],
    /// Where the box begins in it.
    pub(crate) start: &'a [u64],
}

/// Calls `each(offset in a, offset in b, length)`, all in bytes, for every run of a box of shape `extent` that lies in
/// two arrays of elements of `size` bytes. All slices have the same length; the box fits both.
pub(crate) fn for_each(
    extent: &[u64],
    size: u64,
    a: Place<'_>,
    b: Place<'_>,
    mut each: impl FnMut(u64, u64, u64) -> Result<()>,
) -> Result<()> {
    if extent.contains(&0) {
        return Ok(());
    }
    // Dimensions from `outer` on make one run: all behind the first of them are whole in both arrays.
    let (mut outer, mut run) = (extent.len(), size);
    while let Some(d) = outer.checked_sub(1) {
        outer = d;
        run *= extent[d];
        if extent[d] != a.shape[d] || extent[d] != b.shape[d] {
            break;
        }
    }
    let (a_strides, b_strides) = (strides(a.shape, size), strides(b.shape, size));
    let offset = |place: Place<'_>, strides: &[u64]| place.start.iter().zip(strides).map(|(s, n)| s * n).sum::<u64>();
    let (mut a_at, mut b_at) = (offset(a, &a_strides), offset(b, &b_strides));
    let mut index = vec![0u64; outer];
    loop {
        each(a_at, b_at, run)?;
        // The next row, like the digits of a counter.
        let mut d = outer;
        loop {
            let Some(next) = d.checked_sub(1) else {
                return Ok(());
            };
            d = next;
            index[d] += 1;
            a_at += a_strides[d];
            b_at += b_strides[d];
            if index[d] < extent[d] {
                break;
            }
            a_at -= a_strides[d] * extent[d];
            b_at -= b_strides[d] * extent[d];
            index[d] = 0;
        }
    }
}

/// Calls `each(offset in a, offset in b, length)`, all in bytes, for every combination of one run in each dimension:
/// `from` counts in an array of shape `a`, `to` in one of shape `b`. In the order of `a`.
pub(crate) fn for_each_combination(
    axes: &[Vec<Run>],
    size: u64,
    a: &[u64],
    b: &[u64],
    mut each: impl FnMut(u64, u64, u64) -> Result<()>,
) -> Result<()> {
    // Dimensions from `outer` on make one run: all behind the first of them are whole in both arrays.
    let whole = |d: usize| matches!(axes[d][..], [Run { from: 0, to: 0, length }] if length == a[d] && length == b[d]);
    let outer = (0..axes.len()).rev().take_while(|&d| whole(d)).count();
    let outer = axes.len() - outer;
    let (a_strides, b_strides) = (strides(a, size), strides(b, size));
    let Some(last) = outer.checked_sub(1) else {
        return each(0, 0, axes.iter().fold(size, |n, axis| n * axis[0].length));
    };
    // The inner dimensions: one run of bytes for each index of `last`.
    let mut inner = |a_at: u64, b_at: u64| {
        axes[last].iter().try_for_each(|r| {
            each(a_at + r.from * a_strides[last], b_at + r.to * b_strides[last], r.length * a_strides[last])
        })
    };
    descend(&axes[..last], &a_strides, &b_strides, (0, 0), &mut inner)
}

/// One dimension after the other; there are at most 32.
fn descend(
    axes: &[Vec<Run>],
    a: &[u64],
    b: &[u64],
    at: (u64, u64),
    each: &mut impl FnMut(u64, u64) -> Result<()>,
) -> Result<()> {
    let Some((here, inner)) = axes.split_first() else {
        return each(at.0, at.1);
    };
    for r in here {
        for i in 0..r.length {
            let at = (at.0 + (r.from + i) * a[0], at.1 + (r.to + i) * b[0]);
            descend(inner, &a[1..], &b[1..], at, each)?;
        }
    }
    Ok(())
}

/// Bytes from one index to the next in each dimension.
fn strides(shape: &[u64], size: u64) -> Vec<u64> {
    let mut strides = vec![size; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d].saturating_mul(shape[d]);
    }
    strides
}

/// Copies a box from one array of elements to another.
pub(crate) fn copy(extent: &[u64], size: u64, from: (&[u8], Place<'_>), to: (&mut [u8], Place<'_>)) -> Result<()> {
    let (source, a) = from;
    let (target, b) = to;
    for_each(extent, size, a, b, |a, b, length| {
        let (a, b, length) = (a as usize, b as usize, length as usize);
        target[b..b + length].copy_from_slice(&source[a..a + length]);
        Ok(())
    })
}

/// Repeats one element over `run`; an empty one means zeros.
pub(crate) fn fill_run(run: &mut [u8], element: &[u8]) {
    match element {
        [] => run.fill(0),
        [byte] => run.fill(*byte),
        _ => run.chunks_mut(element.len()).for_each(|e| e.copy_from_slice(&element[..e.len()])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(extent: &[u64], a: Place<'_>, b: Place<'_>) -> Vec<(u64, u64, u64)> {
        let mut found = Vec::new();
        for_each(extent, 2, a, b, |a, b, n| {
            found.push((a, b, n));
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn whole_inner_dimensions_are_one_run() {
        let all = Place { shape: &[4, 5, 6], start: &[1, 0, 0] };
        let part = Place { shape: &[2, 5, 6], start: &[0, 0, 0] };
        assert_eq!(runs(&[2, 5, 6], all, part), [(60, 0, 120)]);
        let scalar = Place { shape: &[], start: &[] };
        assert_eq!(runs(&[], scalar, scalar), [(0, 0, 2)]);
    }

    #[test]
    fn combinations_of_runs_are_found_in_the_order_of_the_first_array() {
        let run = |from, to, length| Run { from, to, length };
        let axes = [vec![run(1, 1, 1), run(3, 0, 1)], vec![run(0, 0, 2), run(4, 2, 1)]];
        let mut found = Vec::new();
        for_each_combination(&axes, 2, &[4, 5], &[2, 3], |a, b, n| {
            found.push((a, b, n));
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [(10, 6, 4), (18, 10, 2), (30, 0, 4), (38, 4, 2)]);
    }

    #[test]
    fn rows_are_found_in_order() {
        let a = Place { shape: &[4, 5], start: &[1, 2] };
        let b = Place { shape: &[2, 3], start: &[0, 0] };
        assert_eq!(runs(&[2, 3], a, b), [(14, 0, 6), (24, 6, 6)]);
        assert_eq!(runs(&[0, 3], a, b), []);
    }
}
