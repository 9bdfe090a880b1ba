use super::*;
use crate::filters::round_trips::noise;

fn call(parameters: &[u32], most: usize) -> Call<'_> {
    Call { parameters, most, name: "szip" }
}

fn decode(parameters: &[u32], stored: &[u8], most: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    Szip.decode(stored, &call(parameters, most), &mut out).map(|()| out)
}

fn encode(parameters: &[u32], chunk: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    Szip.encode(chunk, &call(parameters, chunk.len()), &mut out).unwrap().then_some(out)
}

#[test]
fn every_coding_comes_back() {
    let ramp: Vec<u8> = (0..4096u32).flat_map(|n| (n * n / 31).to_le_bytes()).collect();
    let sparse: Vec<u8> = (0..16384u32).map(|n| u8::from(n % 97 == 3)).collect();
    let mut made = 0;
    for chunk in [vec![0; 16384], ramp, sparse] {
        for coding in [4, 32] {
            for order in [LITTLE_ENDIAN, BIG_ENDIAN] {
                for block in [2, 8, 10, 32] {
                    for (bits, scanline) in [(8, 128), (8, 100), (16, 32), (16, 7), (32, 300), (64, 64), (64, 1)] {
                        let parameters = [coding | order | RAW, block, bits, scanline];
                        if let Some(stored) = encode(&parameters, &chunk) {
                            assert!(decode(&parameters, &stored, 16384).unwrap() == chunk, "{parameters:?}");
                            made += 1;
                        }
                    }
                }
            }
        }
    }
    // The others become larger.
    assert!(made > 250, "{made}");
}

#[test]
fn what_becomes_larger_or_loses_bits_is_not_stored() {
    assert!(encode(&[169, 8, 8, 64], &noise(1000)).is_none());
    // 9 bits in pixels of 8 … of 5 bits.
    assert!(encode(&[169, 8, 5, 64], &[31; 64]).is_some());
    assert!(encode(&[169, 8, 5, 64], &[32; 64]).is_none());
    // No whole pixels.
    assert!(encode(&[169, 8, 16, 64], &[0; 65]).is_none());
    assert!(encode(&[169, 8, 64, 64], &[0; 68]).is_none());
}

#[test]
fn a_stream_that_ends_too_early_is_damage() {
    let chunk: Vec<u8> = (0..500u16).flat_map(|n| (n * 13 % 50).to_le_bytes()).collect();
    let parameters = [169, 8, 16, 100];
    let stored = encode(&parameters, &chunk).unwrap();
    for cut in 0..stored.len() - 1 {
        assert!(decode(&parameters, &stored[..cut], 1000).is_err(), "{cut}");
    }
    assert!(decode(&parameters, &stored, 999).is_err());
    assert_eq!(decode(&parameters, &stored, 1000).unwrap(), chunk);
}

#[test]
fn a_run_of_zeros_beyond_its_interval_is_damage() {
    // Low entropy, a run, first sample 0, fifty blocks.
    let mut stored = vec![64, 0, 0, 0];
    let mut bits = BitWriter::new(&mut stored);
    bits.put(0, 4);
    bits.put(0, 8);
    bits.put_unary(50);
    bits.finish();
    let error = decode(&[169, 8, 8, 64], &stored, 64).unwrap_err();
    assert!(error.to_string().contains("beyond its interval"), "{error}");
}

#[test]
fn parameters_that_make_no_sense_are_damage() {
    let stored = [[64, 0, 0, 0].as_slice(), &[0xaa; 100]].concat();
    for bad in [
        &[169, 8, 8][..],
        &[169, 0, 8, 64],
        &[169, 7, 8, 64],
        &[169, 34, 8, 64],
        &[169, u32::MAX - 1, 8, 64],
        &[169, 8, 0, 64],
        &[169, 8, 33, 64],
        &[169, 8, 65, 64],
        &[169, 8, u32::MAX, 64],
        &[169, 8, 8, 0],
        &[169, 8, 8, 8 * 4096 + 1],
        &[169, 8, 8, u32::MAX],
    ] {
        assert_eq!(decode(bad, &stored, 64).unwrap_err().kind(), crate::ErrorKind::Damaged, "{bad:?}");
        assert!(Szip.encode(&[0; 64], &call(bad, 64), &mut Vec::new()).is_err(), "{bad:?}");
    }
}

#[test]
fn no_damage_makes_it_panic_or_swell() {
    let random = noise(1 << 17);
    for (n, part) in random.chunks(64).enumerate() {
        let bits = [1, 5, 8, 12, 16, 20, 24, 31, 32, 64][n % 10];
        let parameters =
            [[32, 4][n % 2] | [8, 16][n / 2 % 2], [2, 8, 30, 32][n % 4], bits, [1, 7, 64, 8000][n / 3 % 4]];
        let stored = [[0, 2, 0, 0].as_slice(), part].concat();
        if let Ok(out) = decode(&parameters, &stored, 512) {
            assert_eq!(out.len(), 512);
        }
        assert!(decode(&parameters, &stored, 511).is_err());
    }
}

/// As libhdf5 2.0 wrote 100 zeros of 3 bytes; it reads back no more than it can fill of pixels of 4.
#[test]
fn elements_of_three_bytes_are_refused_by_name() {
    let stored = b",\x01\0\0\x04\x04\x04\x04 ";
    let error = decode(&[177, 8, 24, 100], stored, 300).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Unsupported, "{error}");

    // 33 lines of 200: what is taken for 4,950 pixels fills 24 scanlines, and three quarters of one.
    let turns = [
        184, 240, 184, 240, 32, 30, 23, 30, 4, 227, 194, 227, 192, 220, 120, 92, 120, 16, 143, 11, 143, 2, 113, 225,
        113, 224, 110, 60, 46, 60, 8, 199, 133, 199, 129,
    ];
    let stored: Vec<u8> = [88, 77, 0, 0].into_iter().chain(turns.into_iter().cycle().take(110)).collect();
    let error = decode(&[169, 4, 24, 200], &stored, 19_800).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Unsupported, "{error}");
}
