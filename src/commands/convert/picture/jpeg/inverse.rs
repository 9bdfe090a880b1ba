//! Coefficients of a block → samples, as many a side as are wanted: an inverse cosine transform of fewer points, which
//! leaves out what a smaller picture cannot show.

// Loops are over numbers: those are compiled to vectors.

use std::f64::consts::PI;

/// The cosines of all sizes.
pub(super) struct Cosines {
    /// For 1, 2, 4 and 8 points; for each frequency what it adds to each point.
    points: [[[f32; 8]; 8]; 4],
}

impl Cosines {
    pub(super) fn new() -> Cosines {
        let mut points = [[[0.0; 8]; 8]; 4];
        for (size, table) in points.iter_mut().enumerate() {
            let n = 1 << size;
            for (frequency, row) in table.iter_mut().enumerate().take(n) {
                for (point, cosine) in row.iter_mut().enumerate().take(n) {
                    let angle = (2 * point + 1) as f64 * frequency as f64 * PI / (2 * n) as f64;
                    let scale = if frequency == 0 { 0.125f64.sqrt() } else { 0.5 };
                    *cosine = (scale * angle.cos()) as f32;
                }
            }
        }
        Cosines { points }
    }

    /// Writes `W` × `H` samples around 0 to `to`, whose rows are `stride` apart. Of the coefficients, in rows of eight,
    /// only the first `count` in the order of the file are other than 0.
    #[inline(always)]
    pub(super) fn invert<const W: usize, const H: usize>(
        &self,
        coefficients: &[f32; 128],
        count: usize,
        to: &mut [f32],
        stride: usize,
    ) {
        // That order goes from the lowest frequencies to the highest, in diagonals.
        match count {
            0..=1 => {
                let level = coefficients[0] * 0.125;
                put::<W, H>(&[[level; W]; H], to, stride);
            }
            2..=3 if W * H > 16 => self.some::<W, H, 2>(coefficients, to, stride),
            4..=10 if W * H > 16 => self.some::<W, H, 4>(coefficients, to, stride),
            _ => self.some::<W, H, 8>(coefficients, to, stride),
        }
    }

    /// From the first `MOST` coefficients of the first `MOST` rows.
    #[inline(always)]
    fn some<const W: usize, const H: usize, const MOST: usize>(
        &self,
        coefficients: &[f32; 128],
        to: &mut [f32],
        stride: usize,
    ) {
        let (across, down) = (&self.points[W.ilog2() as usize], &self.points[H.ilog2() as usize]);
        // Columns first, all at once.
        let mut between = [[0f32; W]; H];
        for frequency in 0..MOST.min(H) {
            let row = &coefficients[8 * frequency..8 * frequency + 8];
            for point in 0..H {
                let cosine = down[frequency][point];
                for lane in 0..W.min(MOST) {
                    between[point][lane] += row[lane] * cosine;
                }
            }
        }
        let mut samples = [[0f32; W]; H];
        for y in 0..H {
            for frequency in 0..MOST.min(W) {
                for lane in 0..W {
                    samples[y][lane] += between[y][frequency] * across[frequency][lane];
                }
            }
        }
        put(&samples, to, stride);
    }
}

#[inline(always)]
fn put<const W: usize, const H: usize>(samples: &[[f32; W]; H], to: &mut [f32], stride: usize) {
    for (y, line) in samples.iter().enumerate() {
        if let Some(to) = to.get_mut(y * stride..).and_then(|to| to.first_chunk_mut()) {
            *to = *line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples<const W: usize, const H: usize>(coefficients: &[(usize, f32)]) -> Vec<f32> {
        let mut block = [0.0; 128];
        for &(place, value) in coefficients {
            block[place] = value;
        }
        let mut samples = vec![0.0; W * H];
        Cosines::new().invert::<W, H>(&block, 64, &mut samples, W);
        samples
    }

    #[test]
    fn eight_points_are_the_transform_of_the_standard_and_fewer_their_means() {
        let coefficients = [(0, 80.0), (1, -40.0), (8, 24.0), (9, 13.0)];
        let full = samples::<8, 8>(&coefficients);
        let by_definition = |x: usize, y: usize| {
            let c = |u: usize| if u == 0 { 0.5f64.sqrt() } else { 1.0 };
            let part = |u: usize, at: usize| c(u) * ((2 * at + 1) as f64 * u as f64 * PI / 16.0).cos();
            coefficients.iter().map(|&(p, v)| f64::from(v) * part(p % 8, x) * part(p / 8, y) / 4.0).sum::<f64>()
        };
        for (i, &sample) in full.iter().enumerate() {
            assert!((f64::from(sample) - by_definition(i % 8, i / 8)).abs() < 1e-4);
        }
        // Such low frequencies are nearly the same in any number of points.
        let half = samples::<4, 4>(&coefficients);
        for (i, &sample) in half.iter().enumerate() {
            let (x, y) = (2 * (i % 4), 2 * (i / 4));
            let mean =
                [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| full[8 * y + x]).iter().sum::<f32>()
                    / 4.0;
            assert!((sample - mean).abs() < 0.5, "{sample} is not {mean}");
        }
        assert_eq!(samples::<1, 1>(&coefficients), [10.0]);
        assert_eq!(samples::<2, 1>(&[(0, 80.0)]), [10.0, 10.0]);
    }
}
