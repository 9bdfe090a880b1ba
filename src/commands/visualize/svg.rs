//! Plots as SVG. Texts are escaped: a name in a file is text, never markup.

use super::cells::Colour;
use super::graphics::base64;
use super::picture::Picture;
use super::plot::{Anchor, Frame, Lettering, Painter, Plot, SIZE};
use super::png;
use super::text::printable;
use std::fmt::Write;

/// A plot as an SVG element, `width` pixels wide where it is shown on its own.
pub(super) fn draw(plot: &Plot, width: u32) -> String {
    let height = (width as f32 * SIZE.1 / SIZE.0).round();
    let mut svg = Svg { text: String::new() };
    // Writing to a string does not fail; so below.
    let _ = write!(
        svg.text,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" width="{width}" height="{height}" font-family="Roboto, Helvetica, Arial, sans-serif">"#,
        SIZE.0, SIZE.1
    );
    plot.draw(&mut svg);
    svg.text.push_str("</svg>\n");
    svg.text
}

/// Text that is harmless in HTML and SVG, in elements and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // No characters of XML.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

struct Svg {
    text: String,
}

fn hex([r, g, b]: Colour) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

impl Painter for Svg {
    fn stroke(&mut self, points: &[(f32, f32)], width: f32, colour: Colour) {
        self.text.push_str("\n<polyline fill=\"none\" points=\"");
        for (i, (x, y)) in points.iter().enumerate() {
            let _ = write!(self.text, "{}{x:.2},{y:.2}", if i > 0 { " " } else { "" });
        }
        let _ = write!(self.text, r#"" stroke="{}" stroke-width="{width}" stroke-linejoin="round"/>"#, hex(colour));
    }

    fn fill(&mut self, (x, y, width, height): Frame, colour: Colour) {
        let colour = hex(colour);
        let _ =
            write!(self.text, "\n<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\"/>");
    }

    fn text(&mut self, text: &str, how: Lettering) {
        let Lettering { at: (x, y), anchor, size, bold, colour, upright } = how;
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let turn = if upright { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
        let weight = if bold { " font-weight=\"500\"" } else { "" };
        let _ = write!(
            self.text,
            "\n<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{}\"{weight}{turn}>{}</text>",
            hex(colour),
            escaped(text)
        );
    }

    fn picture(&mut self, (x, y, width, height): Frame, picture: &Picture) {
        let data = png(picture).map(|png| base64(&png)).unwrap_or_default();
        let _ = write!(
            self.text,
            "\n<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering: pixelated\" href=\"data:image/png;base64,{data}\"/>"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_markup_comes_through() {
        let of = escaped("<script>alert('\"&\u{1b}')</script>\u{202e}");
        assert_eq!(of, "&lt;script&gt;alert(&#39;&quot;&amp;\\u{1b}&#39;)&lt;/script&gt;\\u{202e}");
    }
}
