//! Plots on pictures, with the fonts that are in the program.

use super::cells::Colour;
use super::paint::{self, Fonts, Pen};
use super::picture::Picture;
use super::plot::{Anchor, Frame, Lettering, Painter, Plot, SIZE};
use super::text::shortened_by;

/// A plot in `width` pixels.
pub(super) fn draw(plot: &Plot, fonts: &Fonts, width: u32) -> Picture {
    let zoom = width as f32 / SIZE.0;
    let picture = Picture::plain(width, (SIZE.1 * zoom).round() as u32, [255; 3]);
    let mut canvas = Canvas { picture, fonts, zoom };
    plot.draw(&mut canvas);
    canvas.picture
}

struct Canvas<'a> {
    picture: Picture,
    fonts: &'a Fonts,
    /// Pixels in a unit of the plot.
    zoom: f32,
}

impl Painter for Canvas<'_> {
    fn stroke(&mut self, points: &[(f32, f32)], width: f32, colour: Colour) {
        let zoomed = |&(x, y): &(f32, f32)| (x * self.zoom, y * self.zoom);
        let points: Vec<_> = points.iter().map(zoomed).collect();
        paint::stroke(&mut self.picture, &points, (width * self.zoom).max(1.0), colour);
    }

    fn fill(&mut self, (x, y, width, height): Frame, colour: Colour) {
        let round = |v: f32| (v * self.zoom).round().max(0.0) as u32;
        for py in round(y)..round(y + height) {
            for px in round(x)..round(x + width) {
                self.picture.set(px, py, colour);
            }
        }
    }

    fn text(&mut self, text: &str, how: Lettering) {
        let font = if how.bold { &self.fonts.medium } else { &self.fonts.regular };
        let pen = Pen { font, size: how.size * self.zoom, colour: how.colour };
        let room = if how.upright { SIZE.1 } else { SIZE.0 } * self.zoom * 0.92;
        let text = shortened_by(text, room, |t| pen.width(t));
        let width = pen.width(&text);
        let before = match how.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        let (x, y) = (how.at.0 * self.zoom, how.at.1 * self.zoom);
        if how.upright {
            paint::write_upright(&mut self.picture, x, y + before, &text, pen);
        } else {
            paint::write(&mut self.picture, x - before, y, &text, pen);
        }
    }

    fn picture(&mut self, (x, y, width, height): Frame, picture: &Picture) {
        let round = |v: f32| (v * self.zoom).round().max(0.0) as u32;
        let (left, top) = (round(x), round(y));
        let stretched = picture.stretched(round(x + width) - left, round(y + height) - top);
        for dy in 0..stretched.height {
            for dx in 0..stretched.width {
                self.picture.set(left + dx, top + dy, stretched.pixel(dx, dy).unwrap_or_default());
            }
        }
    }
}
