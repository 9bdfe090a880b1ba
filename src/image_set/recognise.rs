//! Which datasets of a file are pictures, and which hold their labels and names.
//!
//! Decided from what is known without reading values ([`Facts`]): first the attributes of the HDF5 Image
//! specification, else shape, type and name. A usual name (`images`, `X_train` …) decides between
//! candidates and is never required. For byte strings the caller looks at the first row (JPEG or PNG magic).

use super::source::{BESIDE, Element, Facts};

/// Pictures smaller than this in stacks of unknown purpose are tables and kernels, not pictures.
const SMALLEST: u64 = 8;
const LARGEST: u64 = 1 << 16;
/// No image file has fewer bytes.
const SMALLEST_FILE: u64 = 40;

/// Names that say images, and such as are also given to everything else.
const IMAGE_NAMES: [&str; 9] = ["images", "imgs", "image", "img", "pictures", "photos", "frames", "pixels", "faces"];
const OTHER_NAMES: [&str; 3] = ["x", "data", "features"];
const LABEL_NAMES: [&str; 9] =
    ["labels", "label", "y", "targets", "target", "classes", "class", "categories", "category"];
const FILE_NAMES: [&str; 12] =
    ["filenames", "filename", "names", "name", "files", "file", "paths", "path", "titles", "ids", "id", "keys"];
const CLASS_LISTS: [&str; 6] = ["class_names", "list_classes", "label_names", "classes", "categories", "class_list"];
/// Words that say which part of a whole a dataset is, not what is in it.
const PARTS: [&str; 10] = ["train", "training", "test", "testing", "val", "valid", "validation", "dev", "set", "orig"];

const JPEG: &[u8] = b"\xff\xd8\xff";
const SIGNATURES: [&[u8]; 6] = [JPEG, b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"qoif"];

/// Whether the bytes begin as those of an image file do.
pub(crate) fn is_image_file(bytes: &[u8]) -> bool {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    is_webp || SIGNATURES.iter().any(|s| bytes.starts_with(s)) || (bytes.starts_with(b"BM") && bytes.len() > 54)
}

/// How the numbers of one picture lie in the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Height, width, channel.
    Pixels,
    /// Height, channel, width.
    Lines,
    /// Channel, height, width.
    Planes,
    /// A whole JPEG, PNG or other image file in each row.
    Encoded,
}

/// Where pictures lie and what they look like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pictures {
    pub(crate) path: String,
    pub(crate) order: Order,
    /// The first dimension counts pictures; otherwise the dataset is one picture.
    pub(crate) stacked: bool,
    pub(crate) rows: u64,
    /// Zero where each picture has its own size.
    pub(crate) height: u32,
    pub(crate) width: u32,
    pub(crate) channels: u8,
    pub(crate) white_is_zero: bool,
    /// Values are bytes, shown as they are; others are scaled.
    pub(crate) bytes: bool,
    /// Rows that are decoded together.
    pub(crate) chunk_rows: u64,
    /// Values are positions in a palette.
    pub(crate) indexed: bool,
    /// It says of itself that it is pictures, by attributes, name, bytes, or a shape that little else has; another one might
    /// as well be a field over time.
    pub(crate) sure: bool,
    /// How likely it is.
    pub(crate) score: i32,
}

/// What the rows of a set are labelled with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Labels {
    /// One integer a row.
    Numbers(String),
    /// `classes` numbers a row, the largest at the row's class.
    OneHot { path: String, classes: u64 },
    /// One text a row.
    Texts(String),
}

impl Labels {
    pub(crate) fn path(&self) -> &str {
        match self {
            Labels::Numbers(path) | Labels::OneHot { path, .. } | Labels::Texts(path) => path,
        }
    }
}

/// The datasets that hold pictures, the most likely first. `is_encoded` looks at the first byte string of a dataset.
pub(crate) fn pictures(facts: &[Facts], mut is_encoded: impl FnMut(&Facts) -> bool) -> Vec<Pictures> {
    let own = facts.iter().filter(|f| !f.path.contains(BESIDE));
    let is_meant = |f: &Facts, p: &Pictures| {
        let is_field = matches!(f.element, Element::Float(_)) && f.shape.len() == 3;
        !is_field || p.sure || has_companions(facts, p)
    };
    let of = |f| candidate(f, &mut is_encoded).filter(|p| is_meant(f, p));
    let mut found: Vec<Pictures> = own.filter_map(of).collect();
    found.sort_by(|a, b| b.score.cmp(&a.score).then(b.rows.cmp(&a.rows)));
    found
}

/// Whether something beside it is about its rows: file names, or labels that are no coordinates.
pub(crate) fn has_companions(facts: &[Facts], pictures: &Pictures) -> bool {
    let is_label = |labels: &Labels| {
        let found = facts.iter().find(|f| f.path == labels.path());
        found.is_some_and(|f| f.shape.len() > 1 || !matches!(f.element, Element::Float(_)))
    };
    let labels = labels(facts, pictures);
    labels.as_ref().is_some_and(is_label) || names(facts, pictures, labels.as_ref()).is_some()
}

fn candidate(facts: &Facts, is_encoded: &mut impl FnMut(&Facts) -> bool) -> Option<Pictures> {
    let class = facts.image.as_ref().map_or("", |i| i.class.as_str());
    if class == "PALETTE" || facts.shape.contains(&0) {
        return None;
    }
    let mut found = match (facts.element, class) {
        (Element::Bytes, _) => encoded(facts, is_encoded)?,
        // Bytes of one image file, or of one in each row and filled up.
        (Element::Unsigned(1), "")
            if matches!(facts.shape.as_slice(), [SMALLEST_FILE..=u64::MAX] | [_, SMALLEST_FILE..=u64::MAX]) =>
        {
            encoded(facts, is_encoded)?
        }
        (element, "IMAGE") if element.is_number() => declared(facts).or_else(|| by_shape(facts))?,
        (Element::Unsigned(1 | 2) | Element::Float(_), _) => by_shape(facts)?,
        _ => return None,
    };
    let is_bytes = facts.element == Element::Unsigned(1);
    found.score += name_score(facts.name()) + i32::from(is_bytes) * 2;
    if class == "IMAGE" {
        found.score += 8;
    }
    let is_colourful = facts.shape.len() == 4 && found.channels >= 3 && facts.element == Element::Unsigned(2);
    found.sure |= class == "IMAGE" || is_bytes || is_colourful || has_name(facts.name(), &IMAGE_NAMES);
    found.sure |= facts.shape.len() == 4 && has_name(facts.name(), &OTHER_NAMES);
    // Of other values than bytes: a lone height × width × 3 is as often a table of points, 3 × 3 × n × m a kernel of
    // a network, and what is very long or small a table of numbers.
    let is_kernel = found.order == Order::Planes && found.rows == u64::from(found.channels);
    let sides = (found.height.min(found.width), found.height.max(found.width));
    let is_table = sides.0 < 16 || sides.1 / sides.0.max(1) >= 4;
    let is_plausible = (found.stacked && !is_kernel && !is_table) || is_bytes || found.score >= 4;
    is_plausible.then_some(found)
}

fn encoded(facts: &Facts, is_encoded: &mut impl FnMut(&Facts) -> bool) -> Option<Pictures> {
    let (stacked, rows) = match (facts.element, facts.shape.as_slice()) {
        (Element::Bytes, []) => (false, 1),
        (Element::Bytes, &[rows]) => (true, rows),
        (Element::Unsigned(1), [_]) => (false, 1),
        (Element::Unsigned(1), &[rows, _]) => (true, rows),
        _ => return None,
    };
    is_encoded(facts).then(|| Pictures { stacked, rows, score: 6, sure: true, ..blank(facts, Order::Encoded) })
}

fn blank(facts: &Facts, order: Order) -> Pictures {
    let image = facts.image.clone().unwrap_or_default();
    Pictures {
        path: facts.path.clone(),
        order,
        stacked: true,
        rows: 1,
        height: 0,
        width: 0,
        channels: 3,
        white_is_zero: image.white_is_zero,
        chunk_rows: facts.chunk_rows.max(1),
        bytes: facts.element == Element::Unsigned(1) || order == Order::Encoded,
        indexed: image.subclass == "IMAGE_INDEXED",
        sure: false,
        score: 0,
    }
}

/// One picture as the Image specification describes it: two dimensions, or three with an interlace mode.
fn declared(facts: &Facts) -> Option<Pictures> {
    let image = facts.image.as_ref()?;
    let (order, height, width, channels) = match *facts.shape.as_slice() {
        [h, w] => (Order::Pixels, h, w, 1),
        [c @ (3 | 4), h, w] if image.interlace == "INTERLACE_PLANE" => (Order::Planes, h, w, c),
        [h, c @ (3 | 4), w] if image.interlace == "INTERLACE_LINE" => (Order::Lines, h, w, c),
        [h, w, c @ (1 | 3 | 4)] => (Order::Pixels, h, w, c),
        [c @ (1 | 3), h, w] if image.subclass == "IMAGE_TRUECOLOR" => (Order::Planes, h, w, c),
        _ => return None,
    };
    let found = Pictures { stacked: false, ..blank(facts, order) };
    sized(found, height, width, channels, 1)
}

/// A stack of pictures, or one, by its dimensions alone.
fn by_shape(facts: &Facts) -> Option<Pictures> {
    let large = |d: u64| (SMALLEST..=LARGEST).contains(&d);
    if let Some(order) = named_order(&facts.dimensions)
        && let Some((height, width, channels)) = of_order(order, &facts.shape)
        && large(height)
        && large(width)
    {
        let found = Pictures { score: 5, sure: true, ..blank(facts, order) };
        return sized(found, height, width, channels, facts.shape.first().copied().unwrap_or(1));
    }
    let (rows, order, height, width, channels, score) = match *facts.shape.as_slice() {
        [n, h, w, c @ (1 | 3 | 4)] if large(h) && large(w) => (n, Order::Pixels, h, w, c, 3),
        [n, c @ (1 | 3), h, w] if large(h) && large(w) => (n, Order::Planes, h, w, c, 2),
        [h, w, c @ (3 | 4)] if large(h) && large(w) => (0, Order::Pixels, h, w, c, 0),
        [n, h, w] if large(h) && large(w) => (n, Order::Pixels, h, w, 1, 1),
        _ => return None,
    };
    let found = Pictures { stacked: rows > 0, score, ..blank(facts, order) };
    sized(found, height, width, channels, rows.max(1))
}

/// How pixels lie in a stack whose dimensions say what they are.
fn named_order(dimensions: &[String]) -> Option<Order> {
    let at = |word: &str| dimensions.iter().position(|d| d.eq_ignore_ascii_case(word));
    let channel = at("channel").or_else(|| at("channels"))?;
    match (channel, at("height")?, at("width")?) {
        (1, 2, 3) => Some(Order::Planes),
        (3, 1, 2) => Some(Order::Pixels),
        (2, 1, 3) => Some(Order::Lines),
        _ => None,
    }
}

/// Height, width and channels.
fn of_order(order: Order, shape: &[u64]) -> Option<(u64, u64, u64)> {
    let &[_, a, b, c] = shape else {
        return None;
    };
    let found = match order {
        Order::Planes => (b, c, a),
        Order::Lines => (a, c, b),
        Order::Pixels | Order::Encoded => (a, b, c),
    };
    matches!(found.2, 1 | 3 | 4).then_some(found)
}

fn sized(found: Pictures, height: u64, width: u64, channels: u64, rows: u64) -> Option<Pictures> {
    Some(Pictures {
        height: u32::try_from(height).ok().filter(|&h| u64::from(h) <= LARGEST)?,
        width: u32::try_from(width).ok().filter(|&w| u64::from(w) <= LARGEST)?,
        channels: u8::try_from(channels).ok()?,
        rows,
        ..found
    })
}

fn name_score(name: &str) -> i32 {
    if has_name(name, &IMAGE_NAMES) || has_name(name, &OTHER_NAMES) { 4 } else { 0 }
}

fn has_name(name: &str, usual: &[&str]) -> bool {
    words(name).iter().any(|word| usual.contains(&word.as_str()))
}

/// `X_train` → `x`; `train_set_x_orig` → `x`: the words of a name that say what is in it, in lower case.
fn words(name: &str) -> Vec<String> {
    all_words(name).filter(|w| !PARTS.contains(&w.as_str())).collect()
}

/// The words that say which part it is: `train` of `X_train`.
fn parts(name: &str) -> Vec<String> {
    all_words(name).filter(|w| PARTS.contains(&w.as_str())).collect()
}

/// What a dataset is called but for the words that say which part it is: the same for `x_train` and `x_test`.
pub(crate) fn whole_of(path: &str) -> (String, Vec<String>) {
    (group_of(path).to_owned(), words(path.rsplit('/').next().unwrap_or_default()))
}

/// The words of a dataset's name that say which part it is.
pub(crate) fn parts_of(path: &str) -> Vec<String> {
    parts(path.rsplit('/').next().unwrap_or_default())
}

fn all_words(name: &str) -> impl Iterator<Item = String> + '_ {
    name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase)
}

/// The labels of `pictures`: integers, one-hot rows or texts, one for each picture.
pub(crate) fn labels(facts: &[Facts], pictures: &Pictures) -> Option<Labels> {
    let best = companion(facts, pictures, &LABEL_NAMES, |f| {
        match (f.element, f.shape.as_slice()) {
            // Whole numbers may be stored as floats.
            (e, [_]) => e.is_number() || e == Element::Text,
            (e, [_, rest @ ..]) if rest.iter().all(|&n| n == 1) => e.is_number(),
            (e, [_, 2..=100_000]) => e.is_number(),
            _ => false,
        }
    })?;
    Some(match (best.element, best.shape.as_slice()) {
        (Element::Text, _) => Labels::Texts(best.path.clone()),
        (_, &[_, classes]) if classes > 1 => Labels::OneHot { path: best.path.clone(), classes },
        _ => Labels::Numbers(best.path.clone()),
    })
}

/// The names of `pictures`: a list of texts, one for each picture, that is not `labels`.
pub(crate) fn names(facts: &[Facts], pictures: &Pictures, labels: Option<&Labels>) -> Option<String> {
    let taken = labels.map(Labels::path);
    companion(facts, pictures, &FILE_NAMES, |f| {
        f.element == Element::Text
            && f.shape.len() == 1
            && Some(f.path.as_str()) != taken
            && !CLASS_LISTS.contains(&f.name().to_lowercase().as_str())
    })
    .map(|f| f.path.clone())
}

/// The dataset with the names of the classes, where there is one.
pub(crate) fn class_list<'a>(facts: &'a [Facts], pictures: &Pictures) -> Option<&'a Facts> {
    let rank = |f: &Facts| CLASS_LISTS.iter().position(|n| f.name().eq_ignore_ascii_case(n));
    let group = group_of(&pictures.path);
    facts
        .iter()
        .filter(|f| f.element == Element::Text && f.shape.len() == 1 && (f.group() == group || f.group().is_empty()))
        .filter_map(|f| Some((rank(f)?, f.group() != group, f)))
        .min_by_key(|&(rank, elsewhere, _)| (elsewhere, rank))
        .map(|(_, _, f)| f)
}

fn group_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(group, _)| group)
}

/// The dataset with one row for each picture whose name is among `usual`, in the same group or at the root.
fn companion<'a>(
    facts: &'a [Facts],
    pictures: &Pictures,
    usual: &[&str],
    fits: impl Fn(&Facts) -> bool,
) -> Option<&'a Facts> {
    let group = group_of(&pictures.path);
    let beside = |f: &Facts| f.path.contains(BESIDE);
    let own_parts = parts(pictures.path.rsplit('/').next().unwrap_or_default());
    let rank = |f: &Facts| {
        let words = words(f.name());
        let name = usual.iter().position(|u| words.iter().any(|w| w == u))?;
        Some((beside(f), parts(f.name()) != own_parts, f.group() != group, words.len() > 1, name))
    };
    facts
        .iter()
        .filter(|f| pictures.stacked && f.shape.first() == Some(&pictures.rows) && f.path != pictures.path)
        .filter(|f| (f.group() == group || f.group().is_empty()) && fits(f))
        .filter_map(|f| Some((rank(f)?, f)))
        .min_by_key(|&(rank, _)| rank)
        .map(|(_, f)| f)
}

#[cfg(test)]
mod tests {
    use super::super::source::ImageAttributes;
    use super::*;

    fn dataset(path: &str, shape: &[u64], element: Element) -> Facts {
        Facts { path: path.into(), shape: shape.into(), element, chunk_rows: 1, image: None, dimensions: Vec::new() }
    }

    fn with_class(mut facts: Facts, subclass: &str, interlace: &str) -> Facts {
        facts.image = Some(ImageAttributes {
            class: "IMAGE".into(),
            subclass: subclass.into(),
            interlace: interlace.into(),
            white_is_zero: false,
        });
        facts
    }

    const U8: Element = Element::Unsigned(1);
    const I64: Element = Element::Signed(8);

    fn only(facts: Facts) -> Option<Pictures> {
        pictures(&[facts], |_| false).pop()
    }

    fn form(shape: &[u64], element: Element) -> Option<(Order, u64, u32, u32, u8)> {
        only(dataset("/whatever", shape, element)).map(|p| (p.order, p.rows, p.height, p.width, p.channels))
    }

    #[test]
    fn stacks_are_known_by_their_shape_whatever_their_name() {
        assert_eq!(form(&[50, 64, 48, 3], U8), Some((Order::Pixels, 50, 64, 48, 3)));
        assert_eq!(form(&[50, 28, 28, 1], Element::Float(4)), Some((Order::Pixels, 50, 28, 28, 1)));
        assert_eq!(form(&[50, 3, 32, 32], U8), Some((Order::Planes, 50, 32, 32, 3)));
        assert_eq!(form(&[50, 28, 28], Element::Unsigned(2)), Some((Order::Pixels, 50, 28, 28, 1)));
        assert_eq!(form(&[480, 640, 3], U8), Some((Order::Pixels, 1, 480, 640, 3)));
    }

    #[test]
    fn tables_kernels_and_empty_sets_are_not_pictures() {
        assert_eq!(form(&[1000, 784], U8), None);
        assert_eq!(form(&[64, 3, 3, 3], Element::Float(4)), None);
        assert_eq!(form(&[3, 3, 64, 128], Element::Float(4)), None);
        assert_eq!(form(&[4, 72, 9], Element::Float(8)), None);
        assert_eq!(form(&[4, 100, 20], Element::Unsigned(2)), None);
        assert_eq!(form(&[0, 64, 64, 3], U8), None);
        assert_eq!(form(&[50, 28, 28], I64), None);
        assert_eq!(form(&[2, 1 << 40, 1 << 40, 3], U8), None);
        assert_eq!(form(&[], U8), None);
    }

    #[test]
    fn a_lone_block_of_floats_needs_a_name_or_an_attribute() {
        assert_eq!(form(&[480, 640, 3], Element::Float(4)), None);
        assert!(only(dataset("/image", &[480, 640, 3], Element::Float(4))).is_some());
        assert!(only(with_class(dataset("/a", &[480, 640, 3], Element::Float(4)), "", "")).is_some());
    }

    #[test]
    fn a_field_of_floats_is_pictures_only_if_something_says_so() {
        let field = |path: &str| dataset(path, &[50, 28, 28], Element::Float(4));
        let found = |facts: &[Facts]| !pictures(facts, |_| false).is_empty();
        for plain in ["/temperature", "/data", "/x", "/entry/data/data"] {
            assert!(!found(&[field(plain)]), "{plain}");
        }
        assert!(found(&[field("/images")]) && found(&[field("/train_images")]) && found(&[field("/frames")]));
        assert!(found(&[with_class(field("/field"), "", "")]));
        assert!(found(&[field("/x"), dataset("/y", &[50], I64)]));
        assert!(found(&[field("/data"), dataset("/filenames", &[50], Element::Text)]));
        // Coordinates are no labels.
        assert!(!found(&[field("/density"), dataset("/y", &[50], Element::Float(8))]));
        // What little but pictures looks like is taken for such, but not surely.
        let sure = |facts: Facts| only(facts).map(|p| p.sure);
        assert_eq!(sure(dataset("/velocity", &[50, 64, 64, 3], Element::Float(4))), Some(false));
        assert_eq!(sure(dataset("/x", &[50, 64, 64, 3], Element::Float(4))), Some(true));
        assert_eq!(sure(dataset("/counts", &[50, 64, 64], Element::Unsigned(2))), Some(false));
        assert_eq!(sure(dataset("/frames", &[50, 64, 64], Element::Unsigned(2))), Some(true));
        assert_eq!(sure(dataset("/anything", &[50, 64, 64], U8)), Some(true));
    }

    #[test]
    fn the_image_attributes_decide_about_interlace_and_rank() {
        let grey = only(with_class(dataset("/a", &[20, 30], U8), "IMAGE_GRAYSCALE", "")).unwrap();
        assert_eq!((grey.stacked, grey.height, grey.width, grey.channels), (false, 20, 30, 1));
        let planes = with_class(dataset("/a", &[3, 20, 30], U8), "IMAGE_TRUECOLOR", "INTERLACE_PLANE");
        assert_eq!(only(planes).map(|p| (p.order, p.height)), Some((Order::Planes, 20)));
        let lines = with_class(dataset("/a", &[20, 3, 30], U8), "IMAGE_TRUECOLOR", "INTERLACE_LINE");
        assert_eq!(only(lines).map(|p| (p.order, p.width)), Some((Order::Lines, 30)));
        let stack = with_class(dataset("/a", &[7, 20, 30, 3], U8), "IMAGE_TRUECOLOR", "INTERLACE_PIXEL");
        assert_eq!(only(stack).map(|p| (p.stacked, p.rows)), Some((true, 7)));
    }

    #[test]
    fn a_usual_name_wins_and_the_larger_part_comes_first() {
        let facts = [
            dataset("/depth", &[209, 64, 64], Element::Unsigned(2)),
            dataset("/test_set_x", &[50, 64, 64, 3], U8),
            dataset("/train_set_x", &[209, 64, 64, 3], U8),
        ];
        let order: Vec<_> = pictures(&facts, |_| false).into_iter().map(|p| p.path).collect();
        assert_eq!(order, ["/train_set_x", "/test_set_x", "/depth"]);
    }

    #[test]
    fn dimensions_that_have_names_say_how_pixels_lie() {
        let named = |shape: &[u64], names: &[&str]| {
            let dimensions = names.iter().map(|&n| n.to_owned()).collect();
            only(Facts { dimensions, ..dataset("/features", shape, U8) })
                .map(|p| (p.order, p.height, p.width, p.channels))
        };
        let planes = ["batch", "channel", "height", "width"];
        assert_eq!(named(&[9, 3, 32, 16], &planes), Some((Order::Planes, 32, 16, 3)));
        assert_eq!(named(&[9, 4, 32, 16], &planes), Some((Order::Planes, 32, 16, 4)));
        let lines = ["batch", "height", "channel", "width"];
        assert_eq!(named(&[9, 32, 3, 16], &lines), Some((Order::Lines, 32, 16, 3)));
        assert_eq!(named(&[9, 32, 3, 16], &["a", "b", "c", "d"]), None);
    }

    #[test]
    fn plain_bytes_are_image_files_when_they_begin_as_such() {
        for (shape, stacked, rows) in [(vec![900], false, 1), (vec![7, 900], true, 7)] {
            let facts = [dataset("/a", &shape, U8)];
            assert!(pictures(&facts, |_| false).is_empty());
            let found = pictures(&facts, |_| true);
            assert_eq!(found.first().map(|p| (p.order, p.stacked, p.rows)), Some((Order::Encoded, stacked, rows)));
        }
        assert!(pictures(&[dataset("/a", &[30], U8)], |_| true).is_empty());
        assert!(pictures(&[dataset("/a", &[30, 8, 900], Element::Text)], |_| true).is_empty());
    }

    #[test]
    fn labels_may_have_dimensions_of_one_and_lie_in_a_file_beside() {
        let facts = [dataset("/x", &[9, 96, 96, 3], U8), dataset("set_y.h5::/y", &[9, 1, 1, 1], U8)];
        let found = pictures(&facts, |_| false).remove(0);
        assert_eq!(labels(&facts, &found), Some(Labels::Numbers("set_y.h5::/y".into())));
        let own = [facts[0].clone(), facts[1].clone(), dataset("/labels", &[9], I64)];
        assert_eq!(labels(&own, &found), Some(Labels::Numbers("/labels".into())));
    }

    #[test]
    fn byte_strings_count_when_the_first_one_is_an_image_file() {
        let facts = [dataset("/blobs", &[9], Element::Bytes)];
        assert!(pictures(&facts, |_| false).is_empty());
        assert_eq!(pictures(&facts, |_| true).first().map(|p| (p.order, p.rows)), Some((Order::Encoded, 9)));
    }

    #[test]
    fn labels_names_and_classes_are_found_in_the_usual_layouts() {
        let ours = [
            dataset("/filenames", &[50], Element::Text),
            dataset("/images", &[50, 64, 64, 3], U8),
            dataset("/labels", &[50], I64),
        ];
        let set = pictures(&ours, |_| false).remove(0);
        let found = labels(&ours, &set);
        assert_eq!(found, Some(Labels::Numbers("/labels".into())));
        assert_eq!(names(&ours, &set, found.as_ref()), Some("/filenames".into()));

        let coursera = [
            dataset("/list_classes", &[2], Element::Text),
            dataset("/train_set_x", &[209, 64, 64, 3], U8),
            dataset("/train_set_y", &[209], I64),
        ];
        let set = pictures(&coursera, |_| false).remove(0);
        assert_eq!(labels(&coursera, &set), Some(Labels::Numbers("/train_set_y".into())));
        assert_eq!(class_list(&coursera, &set).map(Facts::name), Some("list_classes"));
        assert_eq!(names(&coursera, &set, None), None);
    }

    #[test]
    fn parts_of_equal_length_are_not_mixed_up() {
        let facts = [
            dataset("/X_test", &[10, 32, 32, 3], U8),
            dataset("/X_train", &[10, 32, 32, 3], U8),
            dataset("/Y_test", &[10, 4], Element::Float(4)),
            dataset("/Y_train", &[10, 4], Element::Float(4)),
        ];
        for set in pictures(&facts, |_| false) {
            let expected = set.path.replace('X', "Y");
            assert_eq!(labels(&facts, &set), Some(Labels::OneHot { path: expected, classes: 4 }));
        }
    }

    #[test]
    fn labels_of_another_length_or_of_another_group_are_left_alone() {
        let facts = [
            dataset("/a/images", &[10, 32, 32, 3], U8),
            dataset("/a/labels", &[11], I64),
            dataset("/b/labels", &[10], I64),
        ];
        assert_eq!(labels(&facts, &pictures(&facts, |_| false).remove(0)), None);
    }
}
