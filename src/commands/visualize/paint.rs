//! Drawing on a picture in memory: rounded boxes, text in Roboto, other pictures; all edges smooth.

use super::cells::Colour;
use super::picture::Picture;
use ab_glyph::{Font, FontRef, PxScale, ScaleFont};

const REGULAR: &[u8] = include_bytes!("fonts/Roboto-Regular.ttf");
const MEDIUM: &[u8] = include_bytes!("fonts/Roboto-Medium.ttf");

/// Edges are decided at this many places along each side of a pixel.
const SUBPIXELS: u32 = 4;

/// A rectangle of pixels; positions may lie outside of the picture, which cuts it off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// The two typefaces; one size is given with each use.
pub(super) struct Fonts {
    pub(super) regular: FontRef<'static>,
    pub(super) medium: FontRef<'static>,
}

impl Fonts {
    /// The fonts inside of the program; `None` would be a program that was built wrongly.
    pub(super) fn load() -> Option<Fonts> {
        Some(Fonts { regular: FontRef::try_from_slice(REGULAR).ok()?, medium: FontRef::try_from_slice(MEDIUM).ok()? })
    }
}

/// A way to write: typeface, size in pixels, colour.
#[derive(Clone, Copy)]
pub(super) struct Pen<'a> {
    pub(super) font: &'a FontRef<'static>,
    pub(super) size: f32,
    pub(super) colour: Colour,
}

impl Pen<'_> {
    fn scale(&self) -> PxScale {
        // ab_glyph measures from the lowest to the highest point; people mean the square of the letter m.
        let units = self.font.units_per_em().unwrap_or(1.0);
        PxScale::from(self.size * self.font.height_unscaled() / units)
    }

    /// The width of `text` in pixels.
    pub(super) fn width(&self, text: &str) -> f32 {
        self.places(text).1
    }

    /// Each glyph with its distance from the left, and the width of all.
    fn places(&self, text: &str) -> (Vec<(ab_glyph::GlyphId, f32)>, f32) {
        let font = self.font.as_scaled(self.scale());
        let mut x = 0.0;
        let mut last = None;
        let mut glyphs = Vec::with_capacity(text.len());
        for c in text.chars() {
            let id = font.glyph_id(c);
            x += last.map_or(0.0, |last| font.kern(last, id));
            glyphs.push((id, x));
            x += font.h_advance(id);
            last = Some(id);
        }
        (glyphs, x)
    }
}

/// Mixes `colour` over the pixel, `share` of it from 0 to 1.
pub(super) fn blend(picture: &mut Picture, x: u32, y: u32, colour: Colour, share: f32) {
    let Some(below) = picture.pixel(x, y) else {
        return;
    };
    let mut mixed = below;
    for (mixed, over) in mixed.iter_mut().zip(colour) {
        let (under, over) = (f32::from(*mixed), f32::from(over));
        *mixed = (under + (over - under) * share.clamp(0.0, 1.0) + 0.5) as u8;
    }
    picture.set(x, y, mixed);
}

/// Writes `text` with its base line at `y`, from `x` on; returns where it ends.
pub(super) fn write(picture: &mut Picture, x: f32, y: f32, text: &str, pen: Pen<'_>) -> f32 {
    let (glyphs, width) = pen.places(text);
    for (id, offset) in glyphs {
        let glyph = id.with_scale_and_position(pen.scale(), ab_glyph::point(x + offset, y));
        let Some(outline) = pen.font.outline_glyph(glyph) else {
            continue;
        };
        let bounds = outline.px_bounds();
        outline.draw(|right, down, share| {
            let (x, y) = (bounds.min.x + right as f32, bounds.min.y + down as f32);
            if x >= 0.0 && y >= 0.0 {
                blend(picture, x as u32, y as u32, pen.colour, share);
            }
        });
    }
    x + width
}

/// Writes `text` from below to above, its base line at `x`, from `y` on upward.
pub(super) fn write_upright(picture: &mut Picture, x: f32, y: f32, text: &str, pen: Pen<'_>) {
    let (glyphs, _) = pen.places(text);
    for (id, offset) in glyphs {
        let glyph = id.with_scale_and_position(pen.scale(), ab_glyph::point(offset, 0.0));
        let Some(outline) = pen.font.outline_glyph(glyph) else {
            continue;
        };
        let bounds = outline.px_bounds();
        outline.draw(|right, down, share| {
            let (along, below) = (bounds.min.x + right as f32, bounds.min.y + down as f32);
            let (x, y) = (x + below, y - along);
            if x >= 0.0 && y >= 0.0 {
                blend(picture, x as u32, y as u32, pen.colour, share);
            }
        });
    }
}

/// Draws a line through `points`, with smooth edges.
pub(super) fn stroke(picture: &mut Picture, points: &[(f32, f32)], width: f32, colour: Colour) {
    // What was covered already is not covered again where two parts meet.
    let mut covered: std::collections::HashMap<(u32, u32), f32> = std::collections::HashMap::new();
    for (from, to) in points.iter().zip(points.iter().skip(1)) {
        let reach = width / 2.0 + 1.0;
        let span = |a: f32, b: f32, end: u32| {
            let low = (a.min(b) - reach).floor().max(0.0) as u32;
            low..((a.max(b) + reach).ceil().max(0.0) as u32).min(end)
        };
        for y in span(from.1, to.1, picture.height) {
            for x in span(from.0, to.0, picture.width) {
                let distance = distance((x as f32 + 0.5, y as f32 + 0.5), *from, *to);
                let share = (width / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
                if share > 0.0 {
                    let most = covered.entry((x, y)).or_insert(0.0);
                    *most = most.max(share);
                }
            }
        }
    }
    for ((x, y), share) in covered {
        blend(picture, x, y, colour, share);
    }
}

/// How far a point is from a line between two others.
fn distance((x, y): (f32, f32), from: (f32, f32), to: (f32, f32)) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { (((x - from.0) * dx + (y - from.1) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (x - from.0 - along * dx).hypot(y - from.1 - along * dy)
}

/// Fills a box with rounded corners.
pub(super) fn fill(picture: &mut Picture, rect: Rect, radius: u32, colour: Colour) {
    for_each(rect, |x, y| blend(picture, rect.x + x, rect.y + y, colour, coverage(rect, radius, x, y)));
}

/// Fills a box with `colours`, one after the other from left to right in the given shares, with rounded ends.
pub(super) fn fill_shares(picture: &mut Picture, rect: Rect, radius: u32, shares: &[(f64, Colour)]) {
    let sum = shares.iter().map(|s| s.0).sum::<f64>().max(f64::MIN_POSITIVE);
    let mut ends = Vec::with_capacity(shares.len());
    let mut end = 0.0;
    for (share, colour) in shares {
        end += share / sum * f64::from(rect.width);
        ends.push((end, *colour));
    }
    for_each(rect, |x, y| {
        let middle = f64::from(x) + 0.5;
        if let Some((_, colour)) = ends.iter().find(|(end, _)| middle < *end).or(ends.last()) {
            blend(picture, rect.x + x, rect.y + y, *colour, coverage(rect, radius, x, y));
        }
    });
}

/// Copies a picture with rounded corners, and a hair of shade around it, so that white pictures have an edge.
pub(super) fn place(picture: &mut Picture, x: u32, y: u32, other: &Picture, radius: u32) {
    let rect = Rect { x, y, width: other.width, height: other.height };
    let inner = Rect { x: 0, y: 0, width: rect.width.saturating_sub(2), height: rect.height.saturating_sub(2) };
    for_each(rect, |dx, dy| {
        let Some(colour) = other.pixel(dx, dy) else {
            return;
        };
        let share = coverage(rect, radius, dx, dy);
        blend(picture, x + dx, y + dy, colour, share);
        let is_inside = dx > 0 && dy > 0 && dx <= inner.width && dy <= inner.height;
        let within = if is_inside { coverage(inner, radius.saturating_sub(1), dx - 1, dy - 1) } else { 0.0 };
        blend(picture, x + dx, y + dy, [0; 3], 0.1 * share * (1.0 - within));
    });
}

fn for_each(rect: Rect, mut f: impl FnMut(u32, u32)) {
    for y in 0..rect.height {
        for x in 0..rect.width {
            f(x, y);
        }
    }
}

/// How much of the pixel at `x`, `y` of a box lies inside of its rounded corners.
fn coverage(rect: Rect, radius: u32, x: u32, y: u32) -> f32 {
    let radius = radius.min(rect.width / 2).min(rect.height / 2);
    // The distance from the nearer edge is what counts: all corners are alike.
    let (x, y) = (x.min(rect.width.saturating_sub(x + 1)), y.min(rect.height.saturating_sub(y + 1)));
    if x >= radius || y >= radius {
        return 1.0;
    }
    let r = radius as f32;
    let at = |pixel: u32, part: u32| pixel as f32 + (part as f32 + 0.5) / SUBPIXELS as f32;
    let places = (0..SUBPIXELS).flat_map(|i| (0..SUBPIXELS).map(move |j| (i, j)));
    let inside = places.filter(|&(i, j)| (r - at(x, i)).powi(2) + (r - at(y, j)).powi(2) <= r * r).count();
    inside as f32 / (SUBPIXELS * SUBPIXELS) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fonts_are_there_and_have_the_letters_of_captions() {
        let fonts = Fonts::load().unwrap();
        for c in "aZ09·…×–,äßéçøłžАяΩ".chars() {
            assert_ne!(fonts.regular.glyph_id(c).0, 0, "{c}");
            assert_ne!(fonts.medium.glyph_id(c).0, 0, "{c}");
        }
    }

    #[test]
    fn text_is_as_wide_as_it_was_measured_and_stays_on_the_picture() {
        let fonts = Fonts::load().unwrap();
        let pen = Pen { font: &fonts.regular, size: 20.0, colour: [0; 3] };
        let mut picture = Picture::plain(60, 30, [255; 3]);
        let end = write(&mut picture, 5.0, 20.0, "Wide", pen);
        assert!((end - 5.0 - pen.width("Wide")).abs() < 0.01);
        assert!(picture.rgb().iter().any(|&v| v < 60));
        write(&mut picture, -50.0, 500.0, "outside\u{0}寿司", pen);
    }

    #[test]
    fn lines_are_as_wide_as_asked_and_stay_on_the_picture() {
        let mut picture = Picture::plain(20, 20, [255; 3]);
        stroke(&mut picture, &[(2.0, 10.0), (18.0, 10.0)], 2.0, [0; 3]);
        let column: Vec<u8> = (0..20).filter_map(|y| picture.pixel(9, y)).map(|p| p[0]).collect();
        assert_eq!(column.iter().filter(|&&v| v == 0).count(), 2, "{column:?}");
        assert_eq!(picture.pixel(9, 5), Some([255; 3]));
        stroke(&mut picture, &[(-50.0, -50.0), (500.0, 3.0)], 2.0, [0; 3]);
        stroke(&mut picture, &[(1.0, 1.0)], 2.0, [9; 3]);
    }

    #[test]
    fn corners_are_round_and_the_middle_is_full() {
        let mut picture = Picture::plain(20, 20, [255; 3]);
        fill(&mut picture, Rect { x: 0, y: 0, width: 20, height: 20 }, 6, [0; 3]);
        assert_eq!((picture.pixel(0, 0), picture.pixel(19, 19)), (Some([255; 3]), Some([255; 3])));
        assert_eq!((picture.pixel(10, 0), picture.pixel(10, 10)), (Some([0; 3]), Some([0; 3])));
        fill(&mut picture, Rect { x: 15, y: 15, width: 900, height: 9 }, 2, [0; 3]);
    }

    #[test]
    fn shares_divide_a_bar() {
        let mut picture = Picture::plain(10, 2, [255; 3]);
        let rect = Rect { x: 0, y: 0, width: 10, height: 2 };
        fill_shares(&mut picture, rect, 0, &[(3.0, [1; 3]), (1.0, [2; 3])]);
        assert_eq!((picture.pixel(6, 1), picture.pixel(8, 1)), (Some([1; 3]), Some([2; 3])));
        fill_shares(&mut picture, rect, 0, &[]);
        fill_shares(&mut picture, rect, 0, &[(0.0, [3; 3])]);
    }
}
