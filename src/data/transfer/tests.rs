use super::*;
use proptest::prelude::*;

/// The coordinates of all elements of a region inside an array of this shape, in order.
fn elements(region: &Region, shape: &[u64]) -> Vec<Vec<u64>> {
    let mut found = Vec::new();
    let within: Vec<_> = shape.iter().map(|&n| 0..n).collect();
    let mut add = |_: u64, at: &[u64], n: u64| {
        found.extend((0..n).map(|i| {
            let mut at = at.to_vec();
            *at.last_mut().unwrap() += i;
            at
        }));
        Ok(())
    };
    region.tree().unwrap().runs_in(&within, &mut add).unwrap();
    found
}

fn index(at: &[u64], shape: &[u64]) -> u64 {
    at.iter().zip(shape).fold(0, |n, (i, s)| n * s + i)
}

/// What the transfer gives, and what it should; `None` where the regions do not fit each other.
fn both(target: (&Region, &[u64]), source: (&Region, &[u64]), part: &Bounds, chunk: &[u64]) -> (Vec<u16>, Vec<u16>) {
    let ((target, t_shape), (source, s_shape)) = (target, source);
    let value = |at: &[u64]| index(at, s_shape) as u16 + 1;
    let mut wanted = vec![0u16; part.len() as usize];
    for (to, from) in elements(target, t_shape).iter().zip(elements(source, s_shape)) {
        if part.0.iter().zip(to).all(|(r, i)| r.contains(i)) {
            let inside: Vec<u64> = to.iter().zip(&part.0).map(|(i, r)| i - r.start).collect();
            wanted[index(&inside, &part.shape()) as usize] = value(&from);
        }
    }
    let mut out = vec![0; 2 * part.len() as usize];
    let mut read = |what: &Bounds, into: &mut [u8]| {
        assert!(what.0.iter().zip(s_shape).all(|(r, n)| r.end <= *n && r.start < r.end), "{what:?}");
        let all = Region::Product(what.0.iter().map(|r| Ordinals::run(r.start, r.end - r.start)).collect());
        let values = elements(&all, s_shape);
        assert_eq!(into.len(), 2 * values.len());
        into.chunks_mut(2).zip(values).for_each(|(b, at)| b.copy_from_slice(&value(&at).to_le_bytes()));
        Ok(())
    };
    Transfer { target, source, part, size: 2, chunk, out: &mut out, read: &mut read }.run().unwrap();
    (out.chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect(), wanted)
}

fn axis(n: u64) -> impl Strategy<Value = Ordinals> {
    let regular = (0..n, 1..4u64, 0..3u64)
        .prop_map(move |(start, block, gap)| Ordinals::blocks(start, block + gap, None, Some(block), n));
    let spans = proptest::collection::btree_set(0..n, 1..n as usize)
        .prop_map(|set| Ordinals::spans(set.into_iter().map(|i| i..i + 1)));
    prop_oneof![regular, spans, (0..n).prop_map(move |s| Ordinals::run(s, n - s))]
}

fn product(shape: [u64; 3]) -> impl Strategy<Value = Region> {
    (axis(shape[0]), axis(shape[1]), axis(shape[2])).prop_map(|(a, b, c)| Region::Product(vec![a, b, c]))
}

fn boxes(shape: [u64; 3]) -> impl Strategy<Value = Region> {
    let range = |n: u64| (0..n, 1..=n).prop_map(move |(s, l)| s..(s + l).min(n));
    let one = (range(shape[0]), range(shape[1]), range(shape[2])).prop_map(|(a, b, c)| vec![a, b, c]);
    proptest::collection::vec(one, 1..5).prop_map(|all| Region::boxes(3, &all).unwrap())
}

fn region(shape: [u64; 3]) -> impl Strategy<Value = Region> {
    prop_oneof![product(shape), boxes(shape)]
}

const T: [u64; 3] = [6, 5, 7];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is selected, elements go where those with the same ordinals are.
    #[test]
    fn elements_keep_their_order(
        target in region(T),
        starts in (0..6u64, 0..5u64, 0..7u64),
        lengths in (1..7u64, 1..6u64, 1..8u64),
        chunk in proptest::sample::select(vec![[1u64, 1, 1], [2, 3, 4], [64, 64, 64]]),
        stride in 1..4u64,
    ) {
        let part = Bounds(vec![
            starts.0..(starts.0 + lengths.0).min(6),
            starts.1..(starts.1 + lengths.1).min(5),
            starts.2..(starts.2 + lengths.2).min(7),
        ]);
        // The same number of elements in other shapes: a line with gaps, and the same product behind another dimension.
        let n = target.len();
        let line = Region::Product(vec![Ordinals::blocks(3, 3 + stride, Some(n.div_ceil(3)), Some(3), 3 + n / 3 * (3 + stride) + n % 3)]);
        prop_assert_eq!(line.len(), n);
        let (got, wanted) = both((&target, &T), (&line, &[3 + (n + 3) * 3]), &part, &chunk[..1]);
        prop_assert_eq!(got, wanted);
        if let Region::Product(axes) = &target {
            let same: Vec<Ordinals> = [Ordinals::run(1, 1)].into_iter().chain(axes.iter().map(|a| Ordinals::blocks(1, stride + 1, Some(a.len()), Some(1), u64::MAX))).collect();
            let shape = [2, 30, 30, 30];
            let (got, wanted) = both((&target, &T), (&Region::Product(same), &shape), &part, &[1, chunk[0], chunk[1], chunk[2]]);
            prop_assert_eq!(got, wanted);
        }
    }
}

#[test]
fn a_slab_is_read_straight_into_its_place() {
    let target = Region::Product(vec![Ordinals::run(3, 1), Ordinals::run(0, 4), Ordinals::run(0, 5)]);
    let source = Region::all(&[4, 5]);
    let part = Bounds(vec![2..6, 0..4, 0..5]);
    let mut out = vec![0u8; 80];
    let mut reads = Vec::new();
    let mut read = |what: &Bounds, into: &mut [u8]| {
        reads.push((what.clone(), into.len()));
        Ok(())
    };
    Transfer { target: &target, source: &source, part: &part, size: 1, chunk: &[1, 1], out: &mut out, read: &mut read }
        .run()
        .unwrap();
    assert_eq!(reads, [(Bounds(vec![0..4, 0..5]), 20)]);
}

#[test]
fn numbers_of_elements_that_differ_are_refused() {
    let (target, source) = (Region::all(&[4]), Region::all(&[5]));
    let part = Bounds::all(&[4]);
    let mut read = |_: &Bounds, _: &mut [u8]| Ok(());
    let mut out = [0; 4];
    let mut transfer =
        Transfer { target: &target, source: &source, part: &part, size: 1, chunk: &[], out: &mut out, read: &mut read };
    assert!(transfer.run().is_err());
}
