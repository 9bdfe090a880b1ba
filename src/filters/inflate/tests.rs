//! Held against zlib-rs: the same bytes from whole streams, an error where it has one.

use super::*;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

pub(in crate::filters) struct Noise(pub(in crate::filters) u64);

impl Noise {
    pub(in crate::filters) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Data of many kinds: runs, short and far repetitions, few and many values, noise.
pub(in crate::filters) fn data(noise: &mut Noise, length: usize) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    while out.len() < length {
        let (kind, n) = (noise.below(6), 1 + noise.below(400) as usize);
        let values = 1 + noise.below(255);
        match kind {
            0 => out.extend(std::iter::repeat_n(noise.below(256) as u8, n)),
            1 | 2 if !out.is_empty() => {
                let most = if kind == 1 { 40 } else { 33_000 };
                let distance = 1 + noise.below(most.min(out.len() as u64)) as usize;
                (0..n).for_each(|_| out.push(out[out.len() - distance]));
            }
            _ => out.extend((0..n).map(|_| noise.below(values) as u8)),
        }
    }
    out.truncate(length);
    out
}

fn deflated(data: &[u8], level: u32, flush_each: usize) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(level), true);
    let mut out = Vec::with_capacity(2 * data.len() + 100_000);
    for part in data.chunks(flush_each) {
        compress.compress_vec(part, &mut out, FlushCompress::Full).unwrap();
    }
    assert_eq!(compress.compress_vec(&[], &mut out, FlushCompress::Finish).unwrap(), Status::StreamEnd);
    out
}

/// What zlib-rs makes of it, if it is a whole stream that fits.
pub(in crate::filters) fn by_zlib(stream: &[u8], room: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; room];
    let mut decompress = Decompress::new(true);
    let status = decompress.decompress(stream, &mut out, FlushDecompress::Finish);
    out.truncate(decompress.total_out() as usize);
    matches!(status, Ok(Status::StreamEnd)).then_some(out)
}

fn whole(result: Result<Inflated, Fault>, out: &[u8]) -> Option<Vec<u8>> {
    let inflated = result.ok().filter(|i| i.whole)?;
    Some(out[..inflated.written].to_vec())
}

/// Alone and in a pair with another stream, with little and much room.
fn check(inflater: &mut Inflater, stream: &[u8], other: (&[u8], &[u8]), room: usize) {
    let expected = by_zlib(stream, room);
    let (mut out, mut beside) = (vec![0xaa; room], vec![0x55; other.1.len()]);
    let alone = inflater.inflate(stream, &mut out);
    assert_eq!(whole(alone, &out), expected);
    let [a, b] = inflater.inflate_pair([stream, other.0], [&mut out, &mut beside]);
    assert_eq!((a, whole(a, &out)), (alone, expected.clone()));
    assert_eq!(whole(b, &beside).as_deref(), Some(other.1));
    let [a, b] = inflater.inflate_pair([other.0, stream], [&mut beside, &mut out]);
    assert_eq!((b, whole(b, &out)), (alone, expected));
    assert_eq!(whole(a, &beside).as_deref(), Some(other.1));
}

#[test]
fn whole_streams_of_all_kinds_come_back() {
    let (mut noise, mut inflater) = (Noise(1), Inflater::default());
    let other = data(&mut noise, 9_000);
    let other = (&deflated(&other, 6, 4_000)[..], &other[..]);
    for length in [0, 1, 2, 7, 30, 257, 258, 300, 1_000, 5_000, 70_000, 200_000] {
        for level in [0, 1, 4, 6, 9] {
            let data = data(&mut noise, length);
            for flush_each in [70, 5_000, usize::MAX] {
                let stream = deflated(&data, level, flush_each);
                for room in [length, length + 1, length + 1_000] {
                    check(&mut inflater, &stream, other, room);
                }
                let mut out = vec![0; length];
                assert_eq!(inflater.inflate(&stream, &mut out), Ok(Inflated { written: length, whole: true }));
                assert_eq!(out, data);
            }
        }
    }
}

#[test]
fn what_is_cut_or_changed_is_told_as_zlib_tells_it() {
    let (mut noise, mut inflater) = (Noise(2), Inflater::default());
    let other = data(&mut noise, 3_000);
    let other = (&deflated(&other, 6, 900)[..], &other[..]);
    for length in [1, 60, 700, 6_000] {
        for level in [0, 1, 6] {
            let data = data(&mut noise, length);
            let stream = deflated(&data, level, length.div_ceil(2));
            let most = stream.len() as u64;
            for _ in 0..150 {
                let cut = &stream[..noise.below(most) as usize];
                check(&mut inflater, cut, other, length + 300);
                let mut changed = stream.clone();
                for _ in 0..1 + noise.below(3) {
                    // Mostly at the front, where the codes are.
                    let reach = if noise.below(3) > 0 { most.min(90) } else { most };
                    changed[noise.below(reach) as usize] ^= 1 << noise.below(8);
                }
                check(&mut inflater, &changed, other, 3 * length + 300);
            }
        }
    }
}

#[test]
fn blocks_of_any_bits_are_told_as_zlib_tells_them() {
    let (mut noise, mut inflater) = (Noise(3), Inflater::default());
    let other = data(&mut noise, 1_000);
    let other = (&deflated(&other, 6, 900)[..], &other[..]);
    for round in 0..4_000 {
        let mut stream = vec![0x78, 0x9c];
        // All kinds of blocks, the last one more often.
        stream.push((noise.below(256) as u8 & !7) | [1, 3, 5, 4, 2, 5, 5, 5][round % 8]);
        let n = noise.below(400);
        stream.extend((0..n).map(|_| noise.below(256) as u8));
        check(&mut inflater, &stream, other, 5_000);
    }
}

#[test]
fn a_distance_may_have_the_only_code_of_one_bit() {
    // Ten times the same byte at level 9: one distance.
    let mut inflater = Inflater::default();
    for n in [4usize, 300, 3_000] {
        let data = vec![7; n];
        let stream = deflated(&data, 9, usize::MAX);
        let mut out = vec![0; n];
        assert_eq!(inflater.inflate(&stream, &mut out), Ok(Inflated { written: n, whole: true }));
        assert_eq!(out, data);
    }
}

#[test]
fn the_output_ends_where_it_ends() {
    let (mut noise, mut inflater) = (Noise(4), Inflater::default());
    let data = data(&mut noise, 4_000);
    for level in [0, 1, 6] {
        let stream = deflated(&data, level, 1_500);
        for room in [0, 1, 100, 297, 298, 303, 304, 305, 2_000, 3_700, 3_999] {
            let mut out = vec![0; room];
            assert_eq!(inflater.inflate(&stream, &mut out), Ok(Inflated { written: room, whole: false }));
            assert_eq!(out, data[..room]);
        }
    }
}

#[test]
fn a_wrong_checksum_is_told() {
    let mut stream = deflated(b"some text, some text", 6, usize::MAX);
    *stream.last_mut().unwrap() ^= 1;
    let fault = Inflater::default().inflate(&stream, &mut [0; 20]).unwrap_err();
    assert_eq!(fault, Fault { written: 20, what: "its checksum is another" });
}
/// A literal of a long code where room ahead ends: wherever the output does.
#[test]
fn rare_bytes_near_the_end_are_written() {
    let (mut noise, mut inflater) = (Noise(6), Inflater::default());
    let other = data(&mut noise, 9_000);
    let other = (&deflated(&other, 6, 9_000)[..], &other[..]);
    for _ in 0..100 {
        // Few values, and now and then one of all, whose codes are long.
        let byte = |noise: &mut Noise| if noise.below(12) > 0 { noise.below(20) } else { noise.below(256) } as u8;
        let data: Vec<u8> = (0..3_000).map(|_| byte(&mut noise)).collect();
        let stream = deflated(&data, 4, usize::MAX);
        for room in 3_000..3_010 {
            check(&mut inflater, &stream, other, room);
        }
    }
}
