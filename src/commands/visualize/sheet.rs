//! A contact sheet: one PNG that shows what is in an image set — title, captioned pictures, classes.
//!
//! [`super::choice`] says which rows are shown, [`super::legend`] draws what stands below them.

use super::cells::Colour;
use super::choice::{Choice, check, choose};
use super::image_set::{Caption, Class, ImageSet};
use super::legend::Legend;
use super::paint::{self, Fonts, Pen, Rect};
use super::palette::colour_of;
use super::picture::{Picture, fitted};
use super::source::Source;
use super::text::{grouped, shortened_by};
use crate::commands::Progress;
use crate::error::{Error, Result};

const PAPER: Colour = [255, 255, 255];
pub(super) const INK: Colour = [24, 27, 33];
pub(super) const SOFT: Colour = [104, 111, 123];
pub(super) const FAINT: Colour = [158, 164, 174];
const CARD: Colour = [243, 244, 247];

const GAP: u32 = 18;
const RADIUS: u32 = 7;
const MOUNT: u32 = 10;
/// The width of a box whose caption is written in the usual size.
const USUAL_BOX: f32 = 172.0;
/// A larger sheet would not open in most programs.
const MOST_PIXELS: u64 = 300_000_000;
/// Pictures of at most this many pixels a side become squares of whole pixels; larger ones are smoothed …
const PIXEL_ART: u32 = 32;
/// … unless they grow so much that nothing but blur would be left.
const LARGEST_SMOOTH_GROWTH: u32 = 6;

/// What the user wants to see.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Name of the file, printable.
    pub(super) title: String,
    /// Size of the file in bytes, if it is known.
    pub(super) bytes: Option<u64>,
    pub(super) count: u64,
    pub(super) columns: Option<u32>,
    pub(super) width: u32,
    /// Exactly these rows, if given.
    pub(super) rows: Option<std::ops::Range<u64>>,
    /// Pictures of this class only.
    pub(super) class: Option<Class>,
}

/// The contact sheet of a set.
///
/// # Errors
/// The rows do not exist, the sheet would be too large, or no picture can be read.
pub(super) fn draw(source: &dyn Source, set: &ImageSet, order: &Order, progress: &dyn Progress) -> Result<Picture> {
    let choice = choose(source, set, order, progress)?;
    let captions = set.captions(source, &choice.rows);
    let layout = Layout::of(set, order, &captions);
    let fonts = fonts()?;
    let legend = Legend::of(set, &choice, &fonts, layout.width - 2 * layout.margin);
    let height = layout.footer_top() + legend.height() + layout.margin;
    if u64::from(layout.width) * u64::from(height) > MOST_PIXELS {
        return Err(Error::limit(format!(
            "a sheet of {}×{height} pixels is too large; ask for fewer pictures with --count, or a smaller --width",
            layout.width
        )));
    }
    let mut sheet = Picture::plain(layout.width, height, PAPER);
    draw_title(&mut sheet, &fonts, &layout, &subtitle(set, order, &choice), &order.title);
    draw_pictures(&mut sheet, &fonts, &layout, source, set, &captions, progress)?;
    legend.draw(&mut sheet, &fonts, layout.margin, layout.footer_top());
    Ok(sheet)
}

/// The fonts inside of the program.
pub(super) fn fonts() -> Result<Fonts> {
    Fonts::load().ok_or_else(|| Error::invalid("the fonts inside of the program are broken; install it again"))
}

/// Sizes and places of everything on a sheet, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layout {
    width: u32,
    margin: u32,
    columns: u32,
    rows: u32,
    /// Of the box of a picture.
    box_width: u32,
    box_height: u32,
    /// Pictures of many sizes are mounted on cards of one size.
    mounted: bool,
    caption_lines: u32,
    /// How much larger than usual captions are written: large pictures ask for larger letters.
    zoom: f32,
}

impl Layout {
    fn of(set: &ImageSet, order: &Order, captions: &[Caption]) -> Layout {
        let count = u32::try_from(captions.len()).unwrap_or(u32::MAX);
        let columns = order.columns.unwrap_or_else(|| columns_for(count)).clamp(1, order.width.max(400) / 40);
        let width = order.width.max(400);
        let margin = (width / 28).clamp(24, 64);
        let box_width = (width.saturating_sub(2 * margin + (columns - 1) * GAP) / columns).max(8);
        let (box_width, box_height) = match set.size().filter(|&(w, h)| w.max(h) <= PIXEL_ART && w <= box_width) {
            // Squares of whole pixels fill their boxes.
            Some((w, h)) => (box_width / w * w, box_width / w * h),
            None => (box_width, ((box_width as f32 / set.aspect().clamp(0.5, 2.0)).round() as u32).max(8)),
        };
        let zoom = (box_width as f32 / USUAL_BOX).sqrt().clamp(0.7, 1.5);
        let rows = count.div_ceil(columns).max(1);
        let caption_lines = if captions.iter().any(|c| c.class.is_some() && !c.name.is_empty()) { 2 } else { 1 };
        Layout {
            width,
            margin,
            columns,
            rows,
            box_width,
            box_height,
            mounted: set.size().is_none(),
            caption_lines,
            zoom,
        }
    }

    /// A length in a caption.
    fn zoomed(&self, length: f32) -> u32 {
        (length * self.zoom).round() as u32
    }

    /// From one row of pictures to the next: box, caption, a gap.
    fn row_height(&self) -> u32 {
        self.box_height + self.zoomed(10.0 + 20.0 * self.caption_lines as f32) + GAP
    }

    /// Around a mounted picture.
    fn mount(&self) -> u32 {
        if self.mounted { (self.box_width / 20).clamp(2, MOUNT) } else { 0 }
    }

    fn grid_top(&self) -> u32 {
        self.margin + 92
    }

    fn footer_top(&self) -> u32 {
        self.grid_top() + self.rows * self.row_height() - GAP / 2
    }

    /// The box of the `i`-th picture.
    fn place(&self, i: u32) -> Rect {
        let (column, row) = (i % self.columns, i / self.columns);
        Rect {
            // The last column ends at the right margin.
            x: self.margin + column * (self.width - 2 * self.margin - self.box_width) / (self.columns - 1).max(1),
            y: self.grid_top() + row * self.row_height(),
            width: self.box_width,
            height: self.box_height,
        }
    }
}

/// About four columns to three rows, with few empty places at the end.
fn columns_for(count: u32) -> u32 {
    let ideal = (f64::from(count.max(1)) * 4.0 / 3.0).sqrt().round() as u32;
    let candidates = ideal.saturating_sub(1).max(1)..=ideal + 1;
    candidates.min_by_key(|&c| (c - count % c) % c * 2 + c.abs_diff(ideal)).unwrap_or(1)
}

/// `/images · 998 images · 64×64 RGB · 2 classes · 13.2 MB`.
fn subtitle(set: &ImageSet, order: &Order, choice: &Choice) -> String {
    let classes = if choice.census.overflowed { 0 } else { choice.census.counts.len() };
    let classes = match classes {
        0 => None,
        1 => Some("1 class".to_owned()),
        n => Some(format!("{} classes", grouped(n as u64))),
    };
    let parts = [Some(set.description()), classes, order.bytes.map(bytes_text)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn draw_title(sheet: &mut Picture, fonts: &Fonts, layout: &Layout, subtitle: &str, title: &str) {
    let left = layout.margin as f32;
    let room = (layout.width - 2 * layout.margin) as f32;
    let pen = Pen { font: &fonts.medium, size: 38.0, colour: INK };
    let title = shortened_by(title, room, |t| pen.width(t));
    paint::write(sheet, left, layout.margin as f32 + 32.0, &title, pen);
    let pen = Pen { font: &fonts.regular, size: 20.0, colour: SOFT };
    let line = shortened_by(subtitle, room, |t| pen.width(t));
    paint::write(sheet, left, layout.margin as f32 + 66.0, &line, pen);
}

/// `13.2 MB`, as file managers count.
pub(super) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let unit = UNITS.get(unit).unwrap_or(&"");
    if *unit == "bytes" || value >= 99.5 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// Pictures are read a row of the sheet at a time; one that cannot be read leaves a note in its place.
fn draw_pictures(
    sheet: &mut Picture,
    fonts: &Fonts,
    layout: &Layout,
    source: &dyn Source,
    set: &ImageSet,
    captions: &[Caption],
    progress: &dyn Progress,
) -> Result<()> {
    progress.start("reading pictures", Some(captions.len() as u64));
    let rows: Vec<u64> = captions.iter().map(|c| c.index).collect();
    let mount = 2 * layout.mount();
    let fit =
        |width, height| sheet_size(width, height, layout.box_width - mount, layout.box_height.saturating_sub(mount));
    let mut readable = 0;
    let mut last_error = None;
    // Values that are no bytes share their scale over the whole sheet.
    let at_once = if set.has_common_scale() { rows.len().max(1) } else { layout.columns as usize };
    let mut i = 0;
    for (rows, captions) in rows.chunks(at_once).zip(captions.chunks(at_once)) {
        check(progress)?;
        for (picture, caption) in set.pictures(source, rows, &fit).into_iter().zip(captions) {
            let place = layout.place(i);
            match picture {
                Ok(picture) => {
                    draw_picture(sheet, layout, place, &picture);
                    readable += 1;
                }
                Err(e) => {
                    draw_hole(sheet, fonts, place);
                    progress.notice(&format!("row {} cannot be read: {e}", caption.index));
                    last_error = Some(e);
                }
            }
            draw_caption(sheet, fonts, layout, place, caption);
            progress.advance(1);
            i += 1;
        }
    }
    progress.finish();
    match last_error {
        Some(e) if readable == 0 => Err(e),
        _ => Ok(()),
    }
}

/// As large as the box allows; few pixels stay squares.
fn sheet_size(width: u32, height: u32, box_width: u32, box_height: u32) -> (u32, u32) {
    let (w, h) = (width.max(1), height.max(1));
    let factor = (box_width / w).min(box_height / h);
    if factor >= LARGEST_SMOOTH_GROWTH || (w.max(h) <= PIXEL_ART && factor >= 2) {
        return (w * factor, h * factor);
    }
    fitted(w, h, box_width, box_height, 1.0)
}

fn draw_picture(sheet: &mut Picture, layout: &Layout, place: Rect, picture: &Picture) {
    let left = (place.width - picture.width.min(place.width)) / 2;
    let top = (place.height - picture.height.min(place.height)) / 2;
    if layout.mounted {
        paint::fill(sheet, place, RADIUS, CARD);
    }
    let radius = if layout.mounted { RADIUS / 2 } else { RADIUS };
    paint::place(sheet, place.x + left, place.y + top, picture, radius);
}

fn draw_hole(sheet: &mut Picture, fonts: &Fonts, place: Rect) {
    paint::fill(sheet, place, RADIUS, CARD);
    let pen = Pen { font: &fonts.regular, size: 16.0, colour: FAINT };
    let text = shortened_by("unreadable", place.width as f32, |t| pen.width(t));
    let x = place.x as f32 + (place.width as f32 - pen.width(&text)) / 2.0;
    paint::write(sheet, x, (place.y + place.height / 2 + 6) as f32, &text, pen);
}

/// `● class        index` and below it the name; without a class the name stands beside the index.
fn draw_caption(sheet: &mut Picture, fonts: &Fonts, layout: &Layout, place: Rect, caption: &Caption) {
    let (left, right) = (place.x as f32, (place.x + place.width) as f32);
    let top = place.y + place.height;
    let base = (top + layout.zoomed(23.0)) as f32;
    let small = |colour| Pen { font: &fonts.regular, size: 15.0 * layout.zoom, colour };
    let index = caption.index.to_string();
    let index_left = right - small(FAINT).width(&index);
    paint::write(sheet, index_left, base, &index, small(FAINT));
    let (mut end, mut line) = (index_left - 10.0, base);
    if let Some(class) = &caption.class {
        let (dot, indent) = (layout.zoomed(10.0), layout.zoomed(16.0));
        let y = top + layout.zoomed(23.0 - 10.5);
        paint::fill(sheet, Rect { x: place.x, y, width: dot, height: dot }, dot, colour_of(class));
        let pen = Pen { font: &fonts.medium, size: 16.0 * layout.zoom, colour: INK };
        let x = left + indent as f32;
        let name = shortened_by(&caption.class_name, end - x, |t| pen.width(t));
        paint::write(sheet, x, base, &name, pen);
        (end, line) = (right, base + layout.zoomed(20.0) as f32);
    }
    let name = shortened_by(&caption.name, end - left, |t| small(SOFT).width(t));
    paint::write(sheet, left, line, &name, small(SOFT));
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::source::memory::photos;
    use super::*;
    use crate::commands::Silent;
    use crate::error::ErrorKind;
    use crate::image_set::find::find;

    pub(in super::super) fn order(count: u64) -> Order {
        Order {
            title: "photos.h5".into(),
            bytes: Some(13_200_000),
            count,
            columns: None,
            width: 1200,
            rows: None,
            class: None,
        }
    }

    #[test]
    fn columns_leave_few_empty_places() {
        assert_eq!([1, 2, 12, 24, 30, 48].map(columns_for), [1, 2, 4, 6, 6, 8]);
    }

    #[test]
    fn a_sheet_has_its_width_and_shows_its_pictures() {
        let file = photos(30);
        let set = find(&file).unwrap().remove(0);
        let sheet = draw(&file, &set, &order(48), &Silent).unwrap();
        assert_eq!(sheet.width, 1200);
        let count = |colour: Colour| sheet.rgb().chunks(3).filter(|p| *p == colour).count();
        assert!(count([200, 40, 40]) > 50_000 && count([40, 40, 200]) > 50_000);
        assert!(count(PAPER) > 100_000);
    }

    #[test]
    fn one_unreadable_picture_leaves_a_hole_and_none_readable_is_an_error() {
        let mut file = photos(4);
        let set = find(&file).unwrap().remove(0);
        file.damaged = Some(3);
        assert!(draw(&file, &set, &order(4), &Silent).is_ok());
        let only = Order { rows: Some(3..4), ..order(4) };
        assert_eq!(draw(&file, &set, &only, &Silent).unwrap_err().kind(), ErrorKind::Damaged);
    }

    #[test]
    fn a_sheet_that_nobody_could_open_is_refused() {
        let file = photos(3000);
        let set = find(&file).unwrap().remove(0);
        let error = draw(&file, &set, &Order { columns: Some(1), width: 4000, ..order(3000) }, &Silent).unwrap_err();
        assert!(error.message().contains("--count"), "{error}");
    }

    #[test]
    fn sizes_are_written_as_people_write_them() {
        let shown = [12, 999, 13_249_000, 999_700, 250_000_000].map(bytes_text);
        assert_eq!(shown, ["12 bytes", "999 bytes", "13.2 MB", "1.0 MB", "250 MB"]);
    }
}
