//! Whether compressing a set is worth it, judged by a few of its images.

use super::options::Compress;
use super::picture::{Look, Sample};
use super::pipeline::Pipeline;
use super::scan::Entry;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;

/// Images that are looked at: one of so many, but at least and at most these.
const ONE_OF: usize = 64;
const SAMPLES: std::ops::RangeInclusive<usize> = 4..=16;
/// What must be saved, of 100, for it to be worth that every reader has to inflate.
const WORTH: u64 = 20;

/// Whether deflate is worth it for a set of such images, and what to say of it.
pub(super) fn probe<T: Sample>(pipeline: &Pipeline<'_>, images: &[Entry], look: &Look, row: usize) -> (bool, String) {
    let count = (images.len() / ONE_OF).clamp(*SAMPLES.start(), *SAMPLES.end());
    let samples = pipeline.samples::<T>(images, look, row, count);
    let saved = saving(samples.iter().map(|samples| bytemuck::cast_slice(samples)), size_of::<T>());
    if saved >= WORTH {
        (true, format!("gzip {} (saves about {saved} %)", Compress::LEVEL))
    } else {
        (false, format!("uncompressed (gzip would save about {saved} %)"))
    }
}

/// How many of 100 bytes deflate saves on these images, which have elements of `size` bytes.
fn saving<'a>(images: impl Iterator<Item = &'a [u8]>, size: usize) -> u64 {
    let (mut before, mut after) = (0u64, 0u64);
    for image in images {
        let mut encoder = ZlibEncoder::new(Counter(0), Compression::new(Compress::LEVEL.into()));
        let written = match size {
            1 => encoder.write_all(image),
            _ => encoder.write_all(&shuffled(image, size)),
        };
        if let (Ok(()), Ok(Counter(n))) = (written, encoder.finish()) {
            before += image.len() as u64;
            after += n;
        }
    }
    before.saturating_sub(after) * 100 / before.max(1)
}

/// The first bytes of all elements, then the second ones and so on, as the shuffle filter sorts them.
fn shuffled(bytes: &[u8], size: usize) -> Vec<u8> {
    (0..size).flat_map(|k| bytes.iter().skip(k).step_by(size).copied()).collect()
}

/// Only counts what is written.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_images_are_worth_compressing_and_noise_is_not() {
        let plain = [7u8; 4096];
        let mut state = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(4096)
        .collect();
        assert!(saving([&plain[..]].into_iter(), 1) > 90);
        assert!(saving([&noise[..]].into_iter(), 1) < 20);
        assert_eq!(saving(std::iter::empty(), 1), 0);
    }

    #[test]
    fn bytes_are_sorted_by_significance() {
        assert_eq!(shuffled(&[1, 2, 3, 4, 5, 6], 2), [1, 3, 5, 2, 4, 6]);
    }
}
