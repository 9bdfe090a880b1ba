//! Every filter that comes with the crate and can encode, on chunks of many kinds: what it encodes it decodes, and no
//! damage makes it panic or give more than it may.

use super::registry::find;
use super::*;

/// Filters with parameters, for elements of so many bytes.
fn filters(size: u32) -> Vec<(u16, Vec<u32>)> {
    let mut all = vec![
        (307, vec![1]),
        (32000, vec![4, 0x105, 0]),
        (32003, vec![]),
        (32004, vec![]),
        (32004, vec![1000]),
        (32015, vec![3]),
        (32020, vec![0, 0, 0, 3]),
        (32020, vec![0, 1, 1, 1]),
        (32020, vec![1, 1, 0, 0]),
        (32015, vec![-7i32 as u32]),
        (32015, vec![9]),
    ];
    for codec in [0, 2, 3] {
        all.push((32008, vec![0, 4, size, 0, codec, 3]));
        all.push((32008, vec![0, 4, size, 16, codec, 3]));
    }
    for codec in 0..=5 {
        all.extend((0..3).map(|shuffle| (32001, vec![2, 2, size, 0, 5, shuffle, codec])));
    }
    all
}

/// Bytes that nothing makes smaller.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut random = Random(88_172_645_463_325_252);
    (0..length).map(|_| random.below(256) as u8).collect()
}

fn chunks(size: usize) -> Vec<Vec<u8>> {
    [1, 7, 8, 9, 500, 2_731]
        .into_iter()
        .flat_map(|count| {
            let length = count * size;
            let smooth = (0..length).map(|n| if n % size == 0 { (n / size / 3) as u8 } else { 0 }).collect();
            [vec![7; length], smooth, noise(length)]
        })
        .collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

#[test]
fn what_a_filter_encodes_it_decodes() {
    for size in [1, 2, 3, 4, 8, 12, 17] {
        for (id, parameters) in filters(size) {
            let (name, filter) = find(id).unwrap();
            for chunk in chunks(size as usize) {
                let call = Call { parameters: &parameters, most: chunk.len(), name: &name };
                let (mut stored, mut back) = (Vec::new(), Vec::new());
                if !filter.encode(&chunk, &call, &mut stored).unwrap() {
                    assert!(matches!(id, LZF | 32001), "{name} {parameters:?}");
                    continue;
                }
                filter.decode(&stored, &call, &mut back).unwrap();
                assert!(back == chunk, "{name} {parameters:?}, {} bytes", chunk.len());
                // Without its end there is an error, or nothing is missing.
                for cut in [0, 1, 5, 12, stored.len() / 2, stored.len() - 1] {
                    let mut part = Vec::new();
                    let cut = cut.min(stored.len() - 1);
                    if filter.decode(&stored[..cut], &call, &mut part).is_ok() {
                        assert!(part.len() < chunk.len() || part == chunk, "{name} {parameters:?} cut at {cut}");
                    }
                }
            }
        }
    }
}

#[test]
fn no_damage_makes_a_filter_panic_or_swell() {
    let mut random = Random(88_172_645_463_325_252);
    for size in [1, 4, 5] {
        for (id, parameters) in filters(size) {
            let (name, filter) = find(id).unwrap();
            for chunk in chunks(size as usize) {
                let call = Call { parameters: &parameters, most: chunk.len(), name: &name };
                let mut stored = Vec::new();
                if !filter.encode(&chunk, &call, &mut stored).unwrap() {
                    continue;
                }
                for _ in 0..20 {
                    let mut bad = stored.clone();
                    for _ in 0..=random.below(3) {
                        // Headers are where most can go wrong.
                        let reach = if random.below(2) == 0 { bad.len().min(40) } else { bad.len() };
                        let at = random.below(reach);
                        bad[at] = [random.below(256) as u8, 0, 1, 0x7f, 0x80, 0xff][random.below(6)];
                    }
                    let mut out = Vec::new();
                    if filter.decode(&bad, &call, &mut out).is_ok() {
                        assert!(out.len() <= call.most, "{name} {parameters:?}");
                    }
                    assert!(out.capacity() <= 4 * call.most + (1 << 17), "{name} {parameters:?}: {}", out.capacity());
                }
            }
        }
    }
}
