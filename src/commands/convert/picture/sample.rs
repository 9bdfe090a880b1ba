//! The samples of a picture: their types, and how colours become other colours.

use crate::error::{Error, ErrorKind, Result};
use fast_image_resize::PixelType;

/// How many bits an image spends on a sample, as far as that matters to what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// 1 to 8 bits, brought to 8.
    Eight,
    /// 9 to 16 bits, brought to 16.
    Sixteen,
    /// Floating point.
    Float,
}

/// The samples of a whole picture, pixel by pixel, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
    F32(Vec<f32>),
}

/// Which channels a stored picture has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    Grey = 1,
    Rgb = 3,
    Rgba = 4,
}

/// A type of sample that can be stored. Integers span black to white; floating point spans 0 to 1 where it
/// stands for integers, and has no bounds otherwise.
pub(crate) trait Sample: bytemuck::Pod + Default + Send + Sync {
    /// White, and an alpha of "opaque".
    const WHITE: Self;
    /// The depth that it holds.
    const DEPTH: Depth;
    /// The resizer's names of pixels of one to four such samples.
    const PIXELS: [PixelType; 4];
    /// Brings samples to this type by scaling, never by clipping; what cannot be scaled is an error.
    fn adopt(samples: Samples) -> Result<Vec<Self>>;
    /// The memory of samples that are not needed any more, if it can serve to decode into.
    fn into_bytes(_samples: Vec<Self>) -> Vec<u8> {
        Vec::new()
    }
    /// A level of 0 to 255 in this type.
    fn level(value: u8) -> Self;
    /// The grey of a colour: 299 R + 587 G + 114 B of 1000 (ITU-R 601), as Pillow computes it.
    fn luma(rgb: [Self; 3]) -> Self;
    /// `self` with the opacity `alpha` over `ground`, rounded to the nearest.
    fn over(self, alpha: Self, ground: Self) -> Self;
}

impl Sample for u8 {
    const WHITE: u8 = u8::MAX;
    const DEPTH: Depth = Depth::Eight;
    const PIXELS: [PixelType; 4] = [PixelType::U8, PixelType::U8x2, PixelType::U8x3, PixelType::U8x4];

    fn adopt(samples: Samples) -> Result<Vec<u8>> {
        match samples {
            Samples::U8(v) => Ok(v),
            // 257 = 65535 / 255; the sum stays below 2^17, the quotient at or below 255.
            Samples::U16(v) => Ok(v.iter().map(|&s| ((u32::from(s) + 128) / 257) as u8).collect()),
            Samples::F32(_) => Err(no_scale()),
        }
    }

    fn into_bytes(samples: Vec<u8>) -> Vec<u8> {
        samples
    }

    fn level(value: u8) -> u8 {
        value
    }

    fn luma([r, g, b]: [u8; 3]) -> u8 {
        ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8
    }

    fn over(self, alpha: u8, ground: u8) -> u8 {
        let (s, a, g) = (u32::from(self), u32::from(alpha), u32::from(ground));
        ((s * a + g * (255 - a) + 127) / 255) as u8
    }
}

impl Sample for u16 {
    const WHITE: u16 = u16::MAX;
    const DEPTH: Depth = Depth::Sixteen;
    const PIXELS: [PixelType; 4] = [PixelType::U16, PixelType::U16x2, PixelType::U16x3, PixelType::U16x4];

    fn adopt(samples: Samples) -> Result<Vec<u16>> {
        match samples {
            Samples::U8(v) => Ok(v.iter().map(|&s| u16::from(s) * 257).collect()),
            Samples::U16(v) => Ok(v),
            Samples::F32(_) => Err(no_scale()),
        }
    }

    fn level(value: u8) -> u16 {
        u16::from(value) * 257
    }

    fn luma([r, g, b]: [u16; 3]) -> u16 {
        ((u64::from(r) * 19595 + u64::from(g) * 38470 + u64::from(b) * 7471 + 0x8000) >> 16) as u16
    }

    fn over(self, alpha: u16, ground: u16) -> u16 {
        let (s, a, g) = (u64::from(self), u64::from(alpha), u64::from(ground));
        ((s * a + g * (65535 - a) + 32767) / 65535) as u16
    }
}

impl Sample for f32 {
    const WHITE: f32 = 1.0;
    const DEPTH: Depth = Depth::Float;
    const PIXELS: [PixelType; 4] = [PixelType::F32, PixelType::F32x2, PixelType::F32x3, PixelType::F32x4];

    fn adopt(samples: Samples) -> Result<Vec<f32>> {
        match samples {
            Samples::U8(v) => Ok(v.iter().map(|&s| f32::from(s) / 255.0).collect()),
            Samples::U16(v) => Ok(v.iter().map(|&s| f32::from(s) / 65535.0).collect()),
            Samples::F32(v) => Ok(v),
        }
    }

    fn level(value: u8) -> f32 {
        f32::from(value) / 255.0
    }

    fn luma([r, g, b]: [f32; 3]) -> f32 {
        0.299 * r + 0.587 * g + 0.114 * b
    }

    fn over(self, alpha: f32, ground: f32) -> f32 {
        self * alpha + ground * (1.0 - alpha)
    }
}

fn no_scale() -> Error {
    Error::new(
        ErrorKind::Mismatch,
        "its samples are floating point, which has no set range to scale from; --depth float keeps them",
    )
}

/// Brings pixels of `from` channels (1 grey, 2 grey and alpha, 3 RGB, 4 RGBA) to those that a stored picture of
/// `want` is resized in, and says how many they are. Alpha that is not wanted goes over `ground`. Grey is not
/// spread to colour and no opaque alpha is added: [`spread`] does that later, to fewer pixels.
pub(crate) fn reduce<T: Sample>(mut pixels: Vec<T>, from: usize, want: Channels, ground: [u8; 3]) -> (Vec<T>, usize) {
    let ground = ground.map(T::level);
    let grey = T::luma(ground);
    let coloured = ground.iter().any(|&c| bytemuck::bytes_of(&c) != bytemuck::bytes_of(&ground[0]));
    match (from, want) {
        (2, Channels::Rgba) => (map_pixels(&pixels, |[s, a]: [T; 2]| [s, s, s, a]), 4),
        (2, Channels::Rgb) if coloured => (map_pixels(&pixels, |[s, a]: [T; 2]| ground.map(|g| s.over(a, g))), 3),
        (2, _) => {
            shrink(&mut pixels, |[s, a]: [T; 2]| [s.over(a, grey)]);
            (pixels, 1)
        }
        (3, Channels::Grey) => {
            shrink(&mut pixels, |rgb: [T; 3]| [T::luma(rgb)]);
            (pixels, 1)
        }
        (4, Channels::Rgb) => {
            let [x, y, z] = ground;
            shrink(&mut pixels, |[r, g, b, a]: [T; 4]| [r.over(a, x), g.over(a, y), b.over(a, z)]);
            (pixels, 3)
        }
        (4, Channels::Grey) => {
            let [x, y, z] = ground;
            shrink(&mut pixels, |[r, g, b, a]: [T; 4]| [T::luma([r.over(a, x), g.over(a, y), b.over(a, z)])]);
            (pixels, 1)
        }
        (from, _) => (pixels, from),
    }
}

/// One pixel as it is stored: grey spread to the colours, an opaque alpha where there was none.
pub(crate) fn spread<T: Sample>(pixel: &[T]) -> [T; 4] {
    match *pixel {
        [s] => [s, s, s, T::WHITE],
        [r, g, b] => [r, g, b, T::WHITE],
        [r, g, b, a] => [r, g, b, a],
        _ => [T::WHITE; 4],
    }
}

fn map_pixels<T: Sample, const N: usize, const M: usize>(pixels: &[T], f: impl Fn([T; N]) -> [T; M]) -> Vec<T> {
    pixels.as_chunks::<N>().0.iter().flat_map(|&p| f(p)).collect()
}

/// Like [`map_pixels`] in place: `M` is at most `N`, so a pixel is read before anything is written over it.
fn shrink<T: Sample, const N: usize, const M: usize>(pixels: &mut Vec<T>, f: impl Fn([T; N]) -> [T; M]) {
    const { assert!(M <= N) }
    let count = pixels.len() / N;
    for i in 0..count {
        let pixel: [T; N] = std::array::from_fn(|k| pixels[i * N + k]);
        pixels[i * M..(i + 1) * M].copy_from_slice(&f(pixel));
    }
    pixels.truncate(count * M);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_become_eight_by_scaling_and_not_by_clipping() {
        let samples = Samples::U16(vec![0, 128, 129, 257, 1000, 32768, 65535]);
        assert_eq!(u8::adopt(samples).ok(), Some(vec![0, 0, 1, 1, 4, 128, 255]));
        assert_eq!(u16::adopt(Samples::U8(vec![0, 1, 255])).ok(), Some(vec![0, 257, 65535]));
    }

    #[test]
    fn floating_point_is_never_squeezed_into_integers() {
        assert!(u8::adopt(Samples::F32(vec![0.5])).is_err());
        assert!(u16::adopt(Samples::F32(vec![0.5])).is_err());
    }

    #[test]
    fn grey_is_what_pillow_makes_of_a_colour() {
        // Image.new("RGB", (1, 1), c).convert("L").getpixel((0, 0)), Pillow 13.
        for (rgb, grey) in [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29), ([12, 200, 77], 130)] {
            assert_eq!(u8::luma(rgb), grey);
        }
    }

    #[test]
    fn alpha_goes_over_the_ground() {
        let pixels = vec![200u8, 100, 0, 128, 1, 2, 3, 0];
        let (flat, channels) = reduce(pixels, 4, Channels::Rgb, [255, 255, 255]);
        assert_eq!((flat, channels), (vec![227, 177, 127, 255, 255, 255], 3));
        let (flat, channels) = reduce(vec![10u8, 255, 10, 0], 2, Channels::Rgb, [255, 0, 0]);
        assert_eq!((flat, channels), (vec![10, 10, 10, 255, 0, 0], 3));
        let (kept, channels) = reduce(vec![10u8, 7], 2, Channels::Rgba, [0; 3]);
        assert_eq!((kept, channels), (vec![10, 10, 10, 7], 4));
    }
}
