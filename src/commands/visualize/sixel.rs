//! Pictures as sixels: bands of six rows, a colour at a time, each column of a band a letter.

use super::cells::Colour;
use super::picture::Picture;
use std::collections::BTreeMap;

/// Colours that terminals have room for.
const MOST_COLOURS: usize = 256;
const LEVELS: [u16; 3] = [6, 7, 6];

/// A picture as the bytes that a terminal with sixels shows.
pub(super) fn encode(picture: &Picture) -> String {
    let (palette, indices) = reduced(picture);
    let mut bytes = format!("\x1bP0;1q\"1;1;{};{}", picture.width, picture.height);
    for (i, colour) in palette.iter().enumerate() {
        let [r, g, b] = colour.map(|v| (u32::from(v) * 100 + 127) / 255);
        bytes.push_str(&format!("#{i};2;{r};{g};{b}"));
    }
    let width = picture.width.max(1) as usize;
    for band in indices.chunks(width * 6) {
        push_band(&mut bytes, band, width);
        bytes.push('-');
    }
    bytes.push_str("\x1b\\");
    bytes
}

fn push_band(bytes: &mut String, band: &[u8], width: usize) {
    // Of each colour that is in the band: the bits of each column.
    let mut colours: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for (i, &index) in band.iter().enumerate() {
        let columns = colours.entry(index).or_insert_with(|| vec![0; width]);
        if let Some(bits) = columns.get_mut(i % width) {
            *bits |= 1 << (i / width);
        }
    }
    for (i, (index, columns)) in colours.iter().enumerate() {
        if i > 0 {
            bytes.push('$');
        }
        bytes.push_str(&format!("#{index}"));
        for run in columns.chunk_by(|a, b| a == b) {
            let letter = char::from(63 + run.first().copied().unwrap_or(0));
            match run.len() {
                n @ 4.. => bytes.push_str(&format!("!{n}{letter}")),
                n => bytes.extend(std::iter::repeat_n(letter, n)),
            }
        }
    }
}

/// At most 256 colours, and which of them each pixel has: its own where there are few, else the nearest of a cube, with a
/// pattern that hides the steps.
fn reduced(picture: &Picture) -> (Vec<Colour>, Vec<u8>) {
    let pixels = picture.rgb().as_chunks::<3>().0;
    let mut own: BTreeMap<Colour, u8> = BTreeMap::new();
    let mut palette = Vec::new();
    for &pixel in pixels {
        if own.contains_key(&pixel) {
            continue;
        }
        let Some(index) = u8::try_from(palette.len()).ok().filter(|_| palette.len() < MOST_COLOURS) else {
            return in_cube(picture);
        };
        own.insert(pixel, index);
        palette.push(pixel);
    }
    let indices = pixels.iter().map(|p| own.get(p).copied().unwrap_or(0)).collect();
    (palette, indices)
}

fn in_cube(picture: &Picture) -> (Vec<Colour>, Vec<u8>) {
    const BAYER: [[u16; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];
    let [reds, greens, blues] = LEVELS;
    let value = |step: u16, steps: u16| (step * 255 / (steps - 1)) as u8;
    let mut palette = Vec::with_capacity(usize::from(reds * greens * blues));
    for (r, g, b) in (0..reds).flat_map(|r| (0..greens).flat_map(move |g| (0..blues).map(move |b| (r, g, b)))) {
        palette.push([value(r, reds), value(g, greens), value(b, blues)]);
    }
    let width = picture.width.max(1) as usize;
    let index = |(i, pixel): (usize, &Colour)| {
        let threshold = BAYER[i / width % 4][i % width % 4];
        let mut index = 0;
        for (&v, steps) in pixel.iter().zip(LEVELS) {
            // Up to the next level in as many of 16 pixels as it is near.
            let place = u16::from(v) * (steps - 1);
            let up = u16::from(place % 255 * 16 > threshold * 255 + 127);
            index = index * steps + (place / 255 + up).min(steps - 1);
        }
        index as u8
    };
    (palette, picture.rgb().as_chunks::<3>().0.iter().enumerate().map(index).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_picture_is_written_by_hand() {
        let mut picture = Picture::plain(5, 7, [255, 0, 0]);
        picture.set(0, 0, [0, 0, 255]);
        let expected = "\x1bP0;1q\"1;1;5;7#0;2;0;0;100#1;2;100;0;0#0@!4?$#1}!4~-#1!5@-\x1b\\";
        assert_eq!(encode(&picture), expected);
    }

    #[test]
    fn many_colours_become_those_of_a_cube_and_stay_near() {
        let mut picture = Picture::plain(64, 64, [0; 3]);
        for i in 0..64 * 64u32 {
            picture.set(i % 64, i / 64, [(i % 64 * 4) as u8, (i / 64 * 4) as u8, 128]);
        }
        let (palette, indices) = reduced(&picture);
        assert_eq!(palette.len(), 252);
        for (pixel, &index) in picture.rgb().as_chunks::<3>().0.iter().zip(&indices) {
            let shown = palette[usize::from(index)];
            assert!(pixel.iter().zip(shown).all(|(&a, b)| a.abs_diff(b) <= 51), "{pixel:?} {shown:?}");
        }
    }

    #[test]
    fn pictures_without_pixels_are_sent_as_nothing() {
        assert!(encode(&Picture::plain(0, 0, [0; 3])).ends_with("\x1b\\"));
    }
}
