use super::*;

/// 4 x 4 samples of 8 bits: the example of T.87, annex H.3, in short: rows 0 0 90 74, 68 50 43 205, 64 145 145 145,
/// 100 145 145 145.
const EXAMPLE: [u8; 16] = [0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145];

const CODED: [u8; 44] = [
    0xff, 0xd8, 0xff, 0xf7, 0x00, 0x0b, 0x08, 0x00, 0x04, 0x00, 0x04, 0x01, 0x01, 0x11, 0x00, 0xff, 0xda, 0x00, 0x08,
    0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x00, 0x6c, 0x80, 0x20, 0x8e, 0x01, 0xc0, 0x00, 0x00, 0x57, 0x40,
    0x00, 0x00, 0x6e, 0xe6, 0x00, 0x00,
];

fn decode(stored: &[u8], most: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let call = Call { parameters: &[0, 4, 4, 1], most, name: "JPEG-LS" };
    JpegLs.decode(stored, &call, &mut out).map(|()| out)
}

fn example() -> Vec<u8> {
    [&CODED[..], &[0x01, 0xbc, 0x18, 0x00, 0x00, 0x05, 0xd8, 0x00, 0x00, 0x91, 0x60, 0xff, 0xd9]].concat()
}

#[test]
fn the_example_of_the_standard_decodes() {
    assert_eq!(decode(&example(), 16).unwrap(), EXAMPLE);
}

#[test]
fn damage_is_an_error_and_never_too_much() {
    let whole = example();
    for cut in 0..whole.len() - 2 {
        assert!(decode(&whole[..cut], 16).map_or(true, |out| out.len() <= 16), "cut at {cut}");
    }
    assert!(decode(&whole, 15).is_err());
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let _ = decode(&damaged, 16);
    }
}
