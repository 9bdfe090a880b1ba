//! A JPEG decoded at a half, a quarter or an eighth of its size: only the coefficients that such a picture can show are
//! transformed, and colours need not be spread to the size of the brightness.
//!
//! For what cameras and programs write nearly always: Huffman codes, 8 bits, one scan, grey or YCbCr. Of anything else, and
//! of any file that is not in order, [`decode`] gives nothing, and who asks decodes it in full, where errors have names.

use super::huffman::{Bits, Table, Wanted};
use super::inverse::Cosines;
use crate::filters::best::with_best_instructions;

/// Decodes `bytes` at `eighths` (1, 2 or 4) of the size of the picture, rounded up, into `pixels`, grey or RGB.
pub(super) fn decode(bytes: &[u8], eighths: usize, pixels: &mut Vec<u8>) -> Option<(u32, u32)> {
    let frame = Frame::of(bytes)?;
    match eighths {
        4 => with_best_instructions(
            #[inline(always)]
            || frame.decode::<4, 8>(pixels),
        ),
        2 => with_best_instructions(
            #[inline(always)]
            || frame.decode::<2, 4>(pixels),
        ),
        1 => with_best_instructions(
            #[inline(always)]
            || frame.decode::<1, 2>(pixels),
        ),
        _ => None,
    }
}

/// What stands before the first scan.
#[derive(Default)]
struct Frame<'a> {
    width: usize,
    height: usize,
    components: Vec<Component>,
    quantization: [Option<[u8; 64]>; 4],
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// Blocks are cut after so many units, 0 for never.
    restart: usize,
    scan: &'a [u8],
}

#[derive(Clone, Copy, Default)]
struct Component {
    name: u8,
    /// Blocks in a unit, across and down.
    blocks: (usize, usize),
    quantization: usize,
    dc: usize,
    ac: usize,
}

impl<'a> Frame<'a> {
    fn of(bytes: &'a [u8]) -> Option<Frame<'a>> {
        let mut frame = Frame::default();
        let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
        loop {
            let ones = rest.iter().position(|&b| b != 0xff).filter(|&n| n > 0)?;
            let (&marker, &length) = (rest.get(ones)?, rest.get(ones + 1..)?.first_chunk::<2>()?);
            let length = usize::from(u16::from_be_bytes(length)).checked_sub(2)?;
            let (segment, behind) = rest.get(ones + 3..)?.split_at_checked(length)?;
            rest = behind;
            match marker {
                0xc0 | 0xc1 => frame.size(segment)?,
                0xc4 => frame.huffman(segment)?,
                0xda => {
                    frame.scan(segment)?;
                    frame.scan = rest;
                    return frame.is_usual().then_some(frame);
                }
                0xdb => frame.steps(segment)?,
                0xdd => frame.restart = usize::from(u16::from_be_bytes(segment.try_into().ok()?)),
                // Adobe's, which says what the colours are: 1 stands for YCbCr.
                0xee if segment.starts_with(b"Adobe") && segment.get(11) != Some(&1) => return None,
                0xe0..=0xef | 0xfe => {}
                _ => return None,
            }
        }
    }

    fn size(&mut self, segment: &[u8]) -> Option<()> {
        let (&[bits, high, low, left, right, count], rest) = segment.split_first_chunk()?;
        self.height = usize::from(u16::from_be_bytes([high, low]));
        self.width = usize::from(u16::from_be_bytes([left, right]));
        if bits != 8 || self.width == 0 || self.height == 0 || !self.components.is_empty() {
            return None;
        }
        if rest.len() != 3 * usize::from(count) {
            return None;
        }
        for component in rest.chunks_exact(3) {
            let &[name, blocks, quantization] = component else { return None };
            let blocks = (usize::from(blocks >> 4), usize::from(blocks & 15));
            self.components.push(Component { name, blocks, quantization: quantization.into(), ..Component::default() });
        }
        Some(())
    }

    fn huffman(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&n| usize::from(n)).sum();
            let (symbols, rest) = rest.split_at_checked(total)?;
            let table = Table::new(counts, symbols)?;
            if kind >> 4 == 0 && symbols.iter().any(|&size| size > 11) {
                return None;
            }
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(kind & 15)).filter(|_| kind < 0x20)? = Some(table);
            segment = rest;
        }
        Some(())
    }

    fn steps(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (steps, rest) = rest.split_first_chunk::<64>()?;
            // Those of two bytes begin with 0x10, and there are none such.
            *self.quantization.get_mut(usize::from(kind))? = Some(*steps);
            segment = rest;
        }
        Some(())
    }

    fn scan(&mut self, segment: &[u8]) -> Option<()> {
        let (&count, rest) = segment.split_first()?;
        if usize::from(count) != self.components.len() || rest.len() != 2 * self.components.len() + 3 {
            return None;
        }
        for (component, named) in self.components.iter_mut().zip(rest.chunks_exact(2)) {
            let &[name, tables] = named else { return None };
            if name != component.name {
                return None;
            }
            (component.dc, component.ac) = (usize::from(tables >> 4), usize::from(tables & 15));
        }
        rest.ends_with(&[0, 63, 0]).then_some(())
    }

    /// Whether it is grey, or YCbCr whose colours are as large as the brightness or half as large.
    fn is_usual(&mut self) -> bool {
        if let [grey] = self.components.as_mut_slice() {
            // A scan of one component has no units of several blocks.
            grey.blocks = (1, 1);
            return true;
        }
        let &[y, cb, cr] = self.components.as_slice() else { return false };
        let usual = (1..=2).contains(&y.blocks.0) && (1..=2).contains(&y.blocks.1);
        usual && cb.blocks == (1, 1) && cr.blocks == (1, 1) && [y.name, cb.name, cr.name] != *b"RGB"
    }

    /// `N` samples of each block of brightness a side; `D` is twice that.
    #[inline(always)]
    fn decode<const N: usize, const D: usize>(&self, pixels: &mut Vec<u8>) -> Option<(u32, u32)> {
        let unit = self.components.first()?.blocks;
        let (across, down) = (self.width.div_ceil(8 * unit.0), self.height.div_ceil(8 * unit.1));
        let (width, height) = ((self.width * N).div_ceil(8), (self.height * N).div_ceil(8));
        let stride = across * unit.0 * N;
        let lines = unit.1 * N;
        let coders: Vec<Coder<'_>> = self.components.iter().map(|c| self.coder(c, unit, N)).collect::<Option<_>>()?;
        let cosines = Cosines::new();
        let mut unstuffed = Vec::with_capacity(self.scan.len() + 8);
        let (mut bits, mut rest) = Bits::until_marker(self.scan, &mut unstuffed);
        let (mut levels, mut coefficients) = ([0i32; 3], [0f32; 128]);
        let mut planes = vec![vec![0f32; stride * lines]; coders.len()];
        pixels.clear();
        pixels.resize(width * height * coders.len(), 0);
        let mut rows = pixels.chunks_exact_mut(width * coders.len());
        let mut left = if self.restart == 0 { usize::MAX } else { self.restart };
        let mut restarts = 0u8;
        for _ in 0..down {
            for x in 0..across {
                if left == 0 {
                    if !bits.at_end() {
                        return None;
                    }
                    let behind = behind_marker(rest, 0xd0 + restarts)?;
                    (bits, rest) = Bits::until_marker(behind, &mut unstuffed);
                    restarts = (restarts + 1) & 7;
                    (left, levels) = (self.restart, [0; 3]);
                }
                left -= 1;
                for ((coder, plane), level) in coders.iter().zip(&mut planes).zip(&mut levels) {
                    for block in 0..coder.blocks.0 * coder.blocks.1 {
                        let count = bits.block((coder.dc, coder.ac), &coder.wanted, level, &mut coefficients)?;
                        let (bx, by) = (x * coder.blocks.0 + block % coder.blocks.0, block / coder.blocks.0);
                        let to = &mut plane[by * coder.samples.1 * stride + bx * coder.samples.0..];
                        match coder.samples == (N, N) {
                            true => cosines.invert::<N, N>(&coefficients, count, to, stride),
                            false if coder.samples == (D, D) => {
                                cosines.invert::<D, D>(&coefficients, count, to, stride);
                            }
                            false if coder.samples == (D, N) => {
                                cosines.invert::<D, N>(&coefficients, count, to, stride);
                            }
                            false => cosines.invert::<N, D>(&coefficients, count, to, stride),
                        }
                        coefficients[..64].fill(0.0);
                    }
                }
            }
            if bits.overrun() {
                return None;
            }
            for (row, line) in rows.by_ref().take(lines).zip(0..) {
                let line = line * stride..line * stride + width;
                match planes.as_slice() {
                    [grey] => grey_row(grey.get(line)?, row),
                    [y, cb, cr] => rgb_row([y.get(line.clone())?, cb.get(line.clone())?, cr.get(line)?], row),
                    _ => return None,
                }
            }
        }
        // The end, and nothing else.
        (bits.at_end() && behind_marker(rest, 0xd9).is_some()).then_some((width as u32, height as u32))
    }

    fn coder(&self, component: &Component, unit: (usize, usize), n: usize) -> Option<Coder<'_>> {
        let samples = (n * unit.0 / component.blocks.0, n * unit.1 / component.blocks.1);
        let steps = self.quantization.get(component.quantization)?.as_ref()?;
        Some(Coder {
            dc: self.dc.get(component.dc)?.as_ref()?,
            ac: self.ac.get(component.ac)?.as_ref()?,
            wanted: Wanted::new(samples.0, samples.1, steps),
            blocks: component.blocks,
            samples,
        })
    }
}

/// What follows a marker, if it is this one; it may stand behind any number of bytes of all ones.
fn behind_marker(bytes: &[u8], marker: u8) -> Option<&[u8]> {
    let ones = bytes.iter().position(|&b| b != 0xff).filter(|&n| n > 0)?;
    bytes.get(ones..)?.strip_prefix(&[marker])
}

/// How the blocks of a component become samples.
struct Coder<'a> {
    dc: &'a Table,
    ac: &'a Table,
    wanted: Wanted,
    /// In a unit.
    blocks: (usize, usize),
    /// Of a block, across and down.
    samples: (usize, usize),
}

#[inline(always)]
fn grey_row(samples: &[f32], row: &mut [u8]) {
    for (pixel, &sample) in row.iter_mut().zip(samples) {
        *pixel = rounded(sample + 128.0);
    }
}

/// JFIF's colours: ITU-R 601 over the whole range.
#[inline(always)]
fn rgb_row([y, cb, cr]: [&[f32]; 3], row: &mut [u8]) {
    // Several at a time, each colour for all of them, which the compiler makes vectors of.
    const AT_ONCE: usize = 16;
    let colours = y.chunks(AT_ONCE).zip(cb.chunks(AT_ONCE)).zip(cr.chunks(AT_ONCE));
    for (pixels, ((y, cb), cr)) in row.chunks_mut(3 * AT_ONCE).zip(colours) {
        let rgb = match (y.try_into(), cb.try_into(), cr.try_into()) {
            (Ok(y), Ok(cb), Ok(cr)) => rgb::<AT_ONCE>(y, cb, cr),
            // The end of the row.
            _ => {
                let mut rgb = [[0; AT_ONCE]; 3];
                for (i, ((&y, &cb), &cr)) in y.iter().zip(cb).zip(cr).enumerate() {
                    let [[r], [g], [b]] = self::rgb(&[y], &[cb], &[cr]);
                    (rgb[0][i], rgb[1][i], rgb[2][i]) = (r, g, b);
                }
                rgb
            }
        };
        for (i, pixel) in pixels.chunks_exact_mut(3).enumerate() {
            pixel[0] = rgb[0][i];
            pixel[1] = rgb[1][i];
            pixel[2] = rgb[2][i];
        }
    }
}

#[inline(always)]
fn rgb<const N: usize>(y: &[f32; N], cb: &[f32; N], cr: &[f32; N]) -> [[u8; N]; 3] {
    let mut rgb = [[0; N]; 3];
    for i in 0..N {
        let y = y[i] + 128.0;
        rgb[0][i] = rounded(y + 1.402 * cr[i]);
        rgb[1][i] = rounded(y - 0.344_136 * cb[i] - 0.714_136 * cr[i]);
        rgb[2][i] = rounded(y + 1.772 * cb[i]);
    }
    rgb
}

/// To the nearest of 0 to 255.
#[inline(always)]
fn rounded(sample: f32) -> u8 {
    // Added to this, the fraction falls off and the number stands in the lowest bits.
    (sample.clamp(0.0, 255.0) + 12_582_912.0).to_bits() as u8
}
