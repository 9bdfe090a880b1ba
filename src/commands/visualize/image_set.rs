//! An image set for the eyes: captions (index, class, name) and pixels of its rows, read when asked for.

use super::decode;
use super::picture::{Picture, Range as ValueRange, Raw};
use super::source::{Source, Values};
use super::text::{self, printable};
use crate::error::{Error, Result};
use crate::image_set::recognise::{Order, Pictures};
pub(super) use crate::image_set::{BLOCK, Census, Class, ImageSet, Kind};
use std::ops::Range;

/// The most bytes of one picture in memory.
const LARGEST_PICTURE: u64 = 128 << 20;
/// Pictures are read together up to this many bytes.
const AT_ONCE: u64 = 64 << 20;
/// What is written under a picture; everything printable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Caption {
    pub(super) index: u64,
    pub(super) class: Option<Class>,
    pub(super) class_name: String,
    pub(super) name: String,
}

/// A picture no larger than it is shown, its values not scaled yet.
struct Small {
    raw: Raw,
    range: ValueRange,
    /// The size in which it is shown.
    size: (u32, u32),
}

impl ImageSet {
    /// What is in it, in a few words: `/images · 998 images · 64×64 RGB`.
    pub(super) fn description(&self) -> String {
        let count = if self.rows == 1 { "1 image".to_owned() } else { format!("{} images", text::grouped(self.rows)) };
        match &self.kind {
            Kind::Stack(p) => format!("{} · {count} · {}", printable(&p.path), form(p)),
            Kind::Gallery(pictures) => match pictures.as_slice() {
                [only] => format!("{} · {}", printable(&only.path), form(only)),
                _ => count,
            },
        }
    }

    /// Width and height of the pictures, if they are alike.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        let alike = match &self.kind {
            Kind::Stack(p) => Some((p.width, p.height)),
            Kind::Gallery(pictures) => {
                let first = pictures.first().map(|p| (p.width, p.height));
                first.filter(|&size| pictures.iter().all(|p| (p.width, p.height) == size))
            }
        };
        alike.filter(|&(width, height)| width > 0 && height > 0)
    }

    /// Width over height of the pictures, of photographs where they differ.
    pub(super) fn aspect(&self) -> f32 {
        self.size().map_or(4.0 / 3.0, |(width, height)| width as f32 / height as f32)
    }

    /// What is written under the pictures of `rows`; labels or names that cannot be read are left out.
    pub(super) fn captions(&self, source: &dyn Source, rows: &[u64]) -> Vec<Caption> {
        let mut captions = Vec::with_capacity(rows.len());
        for run in runs(rows, BLOCK) {
            let classes = self.classes(source, run.clone()).unwrap_or_default();
            let names = self.names(source, run.clone()).unwrap_or_default();
            let (mut classes, mut names) = (classes.into_iter(), names.into_iter());
            captions.extend(run.map(|index| {
                let class = classes.next();
                let class_name = class.as_ref().map(|c| self.class_name(c)).unwrap_or_default();
                let name = names.next().unwrap_or_default();
                // `hot_dog/0001.jpg` under `hot_dog` says it twice.
                let in_class = name.strip_prefix(class_name.as_str()).filter(|_| !class_name.is_empty());
                let short = in_class.and_then(|n| n.strip_prefix('/')).unwrap_or(&name);
                Caption { index, class, name: printable(short).into_owned(), class_name }
            }));
        }
        captions
    }

    /// Whether the values of all pictures are scaled together, so that the pictures can be compared.
    pub(super) fn has_common_scale(&self) -> bool {
        matches!(&self.kind, Kind::Stack(p) if !p.bytes)
    }

    /// The pictures of `rows`, each in the size that `fit` makes of its width and height.
    pub(super) fn pictures(
        &self,
        source: &dyn Source,
        rows: &[u64],
        fit: &dyn Fn(u32, u32) -> (u32, u32),
    ) -> Vec<Result<Picture>> {
        let small = |raw: Raw| {
            let range = raw.range();
            let size = fit(raw.width(), raw.height());
            Ok(Small { raw: raw.shrunk(size.0, size.1)?, range, size })
        };
        let made: Vec<Result<Small>> = match &self.kind {
            Kind::Stack(pictures) => self.stacked(source, pictures, rows, &small),
            Kind::Gallery(pictures) => rows.iter().map(|&row| small(self.single(source, pictures, row)?)).collect(),
        };
        let together = made.iter().flatten().fold(ValueRange::EMPTY, |all, small| all.and(small.range));
        let finished = |small: Small| {
            let range = if self.has_common_scale() { together } else { small.range };
            small.raw.into_picture(range).scaled(small.size.0, small.size.1)
        };
        made.into_iter().map(|small| finished(small?)).collect()
    }

    fn single(&self, source: &dyn Source, pictures: &[Pictures], row: u64) -> Result<Raw> {
        let place = usize::try_from(row).ok().and_then(|row| pictures.get(row));
        let pictures = place.ok_or_else(|| Error::not_found(format!("there is no picture {row}")))?;
        if pictures.order == Order::Encoded {
            return encoded(source, &pictures.path, 0);
        }
        self.raw(pictures, read(source, pictures, None)?)
    }

    fn stacked<T>(
        &self,
        source: &dyn Source,
        pictures: &Pictures,
        rows: &[u64],
        small: &dyn Fn(Raw) -> Result<T>,
    ) -> Vec<Result<T>> {
        if pictures.order == Order::Encoded {
            return rows.iter().map(|&row| small(encoded(source, &pictures.path, row)?)).collect();
        }
        let at_once = (AT_ONCE / bytes_of(pictures).max(1)).max(1);
        let mut made = Vec::with_capacity(rows.len());
        for (span, rows) in spans(rows, pictures.chunk_rows, at_once) {
            let alone = |row| small(self.raw(pictures, read(source, pictures, Some(row..row + 1))?)?);
            match read(source, pictures, Some(span.clone())) {
                Ok(values) => made.extend(rows.iter().map(|&row| {
                    let values = part(&values, row - span.start, values_of(pictures));
                    small(self.raw(pictures, values)?)
                })),
                // One damaged chunk must not take its neighbours with it.
                Err(_) if rows.len() > 1 => made.extend(rows.iter().map(|&row| alone(row))),
                Err(e) => made.push(Err(e)),
            }
        }
        made
    }

    fn raw(&self, p: &Pictures, values: Values) -> Result<Raw> {
        let raw = Raw::new(p.width, p.height, p.channels, p.order, values)?;
        let raw = if p.indexed && !self.palette.is_empty() { raw.with_palette(&self.palette) } else { raw };
        Ok(if p.white_is_zero { raw.inverted() } else { raw })
    }
}

fn form(p: &Pictures) -> String {
    match (p.order, p.channels) {
        (Order::Encoded, _) => "encoded".to_owned(),
        (_, 1) => format!("{}×{} grey", p.width, p.height),
        (_, 3) => format!("{}×{} RGB", p.width, p.height),
        (_, _) => format!("{}×{} RGBA", p.width, p.height),
    }
}

fn values_of(p: &Pictures) -> u64 {
    u64::from(p.width).saturating_mul(u64::from(p.height)).saturating_mul(u64::from(p.channels))
}

/// What a picture takes in memory.
fn bytes_of(p: &Pictures) -> u64 {
    values_of(p).saturating_mul(if p.bytes { 1 } else { 4 })
}

fn read(source: &dyn Source, p: &Pictures, rows: Option<Range<u64>>) -> Result<Values> {
    if bytes_of(p) > LARGEST_PICTURE {
        let (width, height) = (p.width, p.height);
        return Err(Error::limit(format!("a picture of {width}×{height} is larger than can be shown")).on(&*p.path));
    }
    source.values(&p.path, rows)
}

fn encoded(source: &dyn Source, path: &str, row: u64) -> Result<Raw> {
    let files = source.bytes(path, row..row + 1)?;
    decode::decode(files.first().map_or(&[], Vec::as_slice))
}

/// Consecutive rows together, at most `longest` of them: `[3, 4, 5, 9]` → `3..6`, `9..10`.
pub(super) fn runs(rows: &[u64], longest: u64) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for &row in rows {
        match runs.last_mut() {
            Some(run) if run.end == row && run.end - run.start < longest => run.end += 1,
            _ => runs.push(row..row.saturating_add(1)),
        }
    }
    runs
}

/// The rows in groups that are read in one go, each with the range that holds it: neighbours, and what shares a chunk,
/// which would be decoded for each of them; a range has at most `longest` rows.
fn spans(rows: &[u64], chunk_rows: u64, longest: u64) -> Vec<(Range<u64>, &[u64])> {
    let mut spans = Vec::new();
    let mut rest = rows;
    while let Some(&start) = rest.first() {
        let mut end = start + 1;
        let joins = |end: u64, row: u64| {
            let is_near = row == end || (row >= end && row / chunk_rows == (end - 1) / chunk_rows);
            is_near && row - start < longest
        };
        let mut count = 1;
        while let Some(&row) = rest.get(count).filter(|&&row| joins(end, row)) {
            end = row + 1;
            count += 1;
        }
        let (group, later) = rest.split_at(count);
        spans.push((start..end, group));
        rest = later;
    }
    spans
}

/// The values of the `nth` of pictures of `each` values.
fn part(values: &Values, nth: u64, each: u64) -> Values {
    let of = |len: usize| {
        let start = usize::try_from(nth.saturating_mul(each)).map_or(len, |start| start.min(len));
        start..usize::try_from(each).map_or(len, |each| start.saturating_add(each).min(len))
    };
    match values {
        Values::Bytes(v) => Values::Bytes(v.get(of(v.len())).unwrap_or_default().to_vec()),
        Values::Floats(v) => Values::Floats(v.get(of(v.len())).unwrap_or_default().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::memory::{Memory, photos};
    use super::*;
    use crate::image_set::MOST_CLASSES;
    use crate::image_set::find::find;

    fn whole(width: u32, height: u32) -> (u32, u32) {
        (width, height)
    }

    #[test]
    fn captions_name_index_class_and_file_and_do_not_repeat_the_class() {
        let file = photos(30);
        let set = find(&file).unwrap().remove(0);
        let captions = set.captions(&file, &[0, 1, 29]);
        let shown: Vec<_> = captions.iter().map(|c| (c.index, c.class_name.as_str(), c.name.as_str())).collect();
        assert_eq!(shown, [(0, "hot_dog", "0000.jpg"), (1, "hot_dog", "0001.jpg"), (29, "not_hot_dog", "0029.jpg")]);
        assert_eq!(set.description(), "/images · 30 images · 16×12 RGB");
    }

    #[test]
    fn only_the_rows_shown_are_read() {
        let file = photos(1000);
        let set = find(&file).unwrap().remove(0);
        file.reads.borrow_mut().clear();
        let pictures = set.pictures(&file, &[5, 6, 7, 900], &whole);
        assert!(pictures.iter().all(Result::is_ok));
        assert_eq!(*file.reads.borrow(), ["/images 5..8", "/images 900..901"]);
    }

    #[test]
    fn a_damaged_row_does_not_hide_its_neighbours() {
        let mut file = photos(12);
        file.damaged = Some(3);
        let set = find(&file).unwrap().remove(0);
        let pictures = set.pictures(&file, &[2, 3, 4], &whole);
        assert_eq!(pictures.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn rows_of_image_files_are_decoded_and_a_torn_one_is_not() {
        let mut png = std::io::Cursor::new(Vec::new());
        let green = image::RgbImage::from_pixel(9, 7, image::Rgb([0, 99, 0]));
        green.write_to(&mut png, image::ImageFormat::Png).unwrap();
        let (whole_file, torn) = (png.get_ref().clone(), png.get_ref()[..40].to_vec());
        let mut file = Memory::default();
        file.put_files("/blobs", vec![whole_file, torn]);
        let set = find(&file).unwrap().remove(0);
        assert_eq!(set.description(), "/blobs · 2 images · encoded");
        let pictures = set.pictures(&file, &[0, 1], &whole);
        assert_eq!(pictures[0].as_ref().unwrap().pixel(8, 6), Some([0, 99, 0]));
        assert!(pictures[1].is_err());
    }

    #[test]
    fn one_hot_rows_count_as_their_largest_value() {
        let mut file = Memory::default();
        file.put_bytes("/X", &[3, 8, 8, 3], vec![0; 3 * 8 * 8 * 3]);
        file.put_floats("/Y", &[3, 4], vec![0., 0., 1., 0., 1., 0., 0., 0., 0.1, 0.2, 0.3, 0.4]);
        file.put_attribute("/Y", "class_names", &["a", "b", "c", "d"]);
        let set = find(&file).unwrap().remove(0);
        let captions = set.captions(&file, &[0, 1, 2]);
        assert_eq!(captions.iter().map(|c| c.class_name.as_str()).collect::<Vec<_>>(), ["c", "a", "d"]);
    }

    #[test]
    fn a_class_without_a_name_is_shown_by_its_number() {
        let file = photos(4);
        let set = find(&file).unwrap().remove(0);
        assert_eq!(set.class_name(&Class::Number(1)), "not_hot_dog");
        assert_eq!(set.class_name(&Class::Number(7)), "class 7");
        assert_eq!(set.class_name(&Class::Number(-1)), "class -1");
        assert_eq!(set.class_name(&Class::Text("a\x1b".into())), "a\\u{1b}");
    }

    #[test]
    fn float_pictures_of_a_page_share_their_scale() {
        let mut file = Memory::default();
        let mut values = vec![-1.0; 64];
        values.extend([3.0; 64]);
        file.put_floats("/images", &[2, 8, 8], values);
        let set = find(&file).unwrap().remove(0);
        let shown = |rows: &[u64]| -> Vec<_> {
            set.pictures(&file, rows, &whole).into_iter().map(|p| p.unwrap().pixel(0, 0).unwrap()[0]).collect()
        };
        assert_eq!(shown(&[0, 1]), [0, 255]);
    }

    #[test]
    fn single_pictures_are_shown_together() {
        let mut file = Memory::default();
        file.put_bytes("/b/photo", &[10, 20, 3], vec![7; 600]);
        file.put_bytes("/a/photo", &[30, 10, 3], vec![9; 900]);
        let sets = find(&file).unwrap();
        assert_eq!((sets.len(), sets[0].rows()), (1, 2));
        assert_eq!(sets[0].captions(&file, &[0, 1])[1].name, "/b/photo");
        assert!(sets[0].pictures(&file, &[0, 1], &whole).iter().all(Result::is_ok));
        assert!(sets[0].pictures(&file, &[2], &whole)[0].is_err());
    }

    #[test]
    fn too_many_labels_are_no_classes() {
        let mut census = Census::default();
        census.add((0..20_000).map(Class::Number));
        assert!(census.overflowed);
        assert_eq!(census.counts.len(), MOST_CLASSES);
    }

    #[test]
    fn rows_of_a_chunk_are_read_together() {
        assert_eq!(spans(&[3, 4, 9], 1, 99), [(3..5, &[3, 4][..]), (9..10, &[9])]);
        assert_eq!(spans(&[3, 7, 12, 13, 40], 10, 99), [(3..8, &[3, 7][..]), (12..14, &[12, 13]), (40..41, &[40])]);
        assert_eq!(spans(&[1, 5, 9], 10, 5), [(1..6, &[1, 5][..]), (9..10, &[9])]);
        assert_eq!(spans(&[9, 8, 8], 10, 99).len(), 3);
        let mut file = Memory::default();
        file.chunk_rows = 100;
        file.put_bytes("/images", &[50, 8, 8], (0..50).flat_map(|i| [i; 64]).collect());
        let set = find(&file).unwrap().remove(0);
        file.reads.borrow_mut().clear();
        let pictures = set.pictures(&file, &[2, 30, 49], &whole);
        let shown: Vec<_> = pictures.into_iter().map(|p| p.unwrap().pixel(7, 7).unwrap()[0]).collect();
        assert_eq!(shown, [2, 30, 49]);
        assert_eq!(*file.reads.borrow(), ["/images 2..50"]);
    }

    #[test]
    fn rows_are_read_in_runs() {
        assert_eq!(runs(&[3, 4, 5, 9, 10, 2], 2), [3..5, 5..6, 9..11, 2..3]);
        assert_eq!(runs(&[], 2), []);
    }
}
