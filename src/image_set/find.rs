//! The image sets of a file: pictures as [`recognise`] finds them, put together with labels, class names and names.

use super::recognise::{self, Labels, Pictures};
use super::source::{Element, Facts, Source, Values};
use super::{ImageSet, Kind, MOST_CLASSES};
use crate::error::Result;

/// Where the class names of a file usually are, as attributes of the labels, of the pictures or of the root.
const CLASS_ATTRIBUTES: [&str; 3] = ["class_names", "classes", "label_names"];

/// Rows of byte strings that are looked at for an image file.
const LOOKED_AT: u64 = 8;

/// The image sets of a file, the one to show first in front.
pub(crate) fn find(source: &dyn Source) -> Result<Vec<ImageSet>> {
    let facts = source.datasets()?;
    // Files of all kinds that `convert --store files` has taken in: the first need be no image.
    let root = |name: &str| source.text_attribute("/", name).unwrap_or_default().concat();
    let all_files = root("tool").starts_with(env!("CARGO_PKG_NAME")) && root("options").contains("--store files");
    let is_encoded = |f: &Facts| match (f.element, f.shape.as_slice()) {
        (Element::Unsigned(1), shape) => {
            // The first bytes of a lone file; all of the first of many.
            let rows = if shape.len() == 1 { 0..shape.first().map_or(0, |&n| n.min(512)) } else { 0..1 };
            matches!(source.values(&f.path, Some(rows)), Ok(Values::Bytes(bytes)) if recognise::is_image_file(&bytes))
        }
        _ if all_files && f.group().is_empty() => true,
        (_, shape) => {
            // Among files of many kinds the first need be no image.
            let last = shape.first().map_or(0, |n| n.saturating_sub(1));
            let at = |i: u64| (u128::from(last) * u128::from(i) / u128::from(LOOKED_AT - 1)) as u64;
            let mut rows: Vec<u64> = (0..LOOKED_AT).map(at).collect();
            rows.dedup();
            let is_image = |row: u64| {
                let files = source.bytes(&f.path, row..row + 1).unwrap_or_default();
                files.first().is_some_and(|bytes| recognise::is_image_file(bytes))
            };
            rows.into_iter().any(is_image)
        }
    };
    let found = recognise::pictures(&facts, is_encoded);
    let (stacks, single): (Vec<_>, Vec<_>) = found.into_iter().partition(|p| p.stacked);
    let mut sets: Vec<(i32, ImageSet)> = stacks.into_iter().map(|p| (p.score, stack(source, &facts, p))).collect();
    if let Some(best) = single.first().map(|p| p.score) {
        // Equal scores: the stack is the better picture book.
        let place = sets.iter().position(|(score, _)| *score < best).unwrap_or(sets.len());
        sets.insert(place, (best, gallery(source, &facts, single)));
    }
    Ok(sets.into_iter().map(|(_, set)| set).collect())
}

fn stack(source: &dyn Source, facts: &[Facts], pictures: Pictures) -> ImageSet {
    let labels = recognise::labels(facts, &pictures);
    let names = recognise::names(facts, &pictures, labels.as_ref());
    let class_names = class_names(source, facts, &pictures, labels.as_ref());
    let palette = if pictures.indexed { palette(source, facts) } else { Vec::new() };
    ImageSet { rows: pictures.rows, kind: Kind::Stack(pictures), labels, class_names, names, palette }
}

fn gallery(source: &dyn Source, facts: &[Facts], mut pictures: Vec<Pictures>) -> ImageSet {
    pictures.sort_by(|a, b| a.path.cmp(&b.path));
    let palette = if pictures.iter().any(|p| p.indexed) { palette(source, facts) } else { Vec::new() };
    let rows = pictures.len() as u64;
    ImageSet { rows, kind: Kind::Gallery(pictures), labels: None, class_names: Vec::new(), names: None, palette }
}

fn class_names(source: &dyn Source, facts: &[Facts], pictures: &Pictures, labels: Option<&Labels>) -> Vec<String> {
    let Some(labels) = labels else {
        return Vec::new();
    };
    let group = facts.iter().find(|f| f.path == pictures.path).map_or("", Facts::group);
    let holders = [labels.path(), pictures.path.as_str(), group, "/"];
    let attributes = holders.iter().filter(|h| !h.is_empty()).flat_map(|h| CLASS_ATTRIBUTES.map(|name| (h, name)));
    for (holder, name) in attributes {
        if let Some(names) = source.text_attribute(holder, name) {
            return one_a_class(names);
        }
    }
    let list = recognise::class_list(facts, pictures).filter(|f| f.path != labels.path());
    let read = |f: &Facts| {
        let count = f.shape.first().copied().unwrap_or_default().min(MOST_CLASSES as u64);
        source.texts(&f.path, 0..count).ok()
    };
    list.and_then(read).unwrap_or_default()
}

/// Names that were joined into one text because an attribute holds no more than 64 KiB of many.
fn one_a_class(names: Vec<String>) -> Vec<String> {
    match names.as_slice() {
        [joined] if joined.starts_with('[') => serde_json::from_str(joined).unwrap_or(names),
        [joined] if joined.contains('\n') => joined.lines().map(str::to_owned).collect(),
        _ => names,
    }
}

/// The palette of the file, if there is exactly one.
fn palette(source: &dyn Source, facts: &[Facts]) -> Vec<[u8; 3]> {
    let is_palette = |f: &&Facts| {
        let class = f.image.as_ref().map_or("", |i| i.class.as_str());
        class == "PALETTE" && matches!(f.shape.as_slice(), [1..=256, 3])
    };
    let mut palettes = facts.iter().filter(is_palette);
    let (Some(only), None) = (palettes.next(), palettes.next()) else {
        return Vec::new();
    };
    match source.values(&only.path, None) {
        Ok(Values::Bytes(rgb)) => rgb.as_chunks::<3>().0.to_vec(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_class_names_are_taken_apart() {
        assert_eq!(one_a_class(vec!["a\nb\nc".into()]), ["a", "b", "c"]);
        assert_eq!(one_a_class(vec!["[\"a\", \"b\"]".into()]), ["a", "b"]);
        assert_eq!(one_a_class(vec!["only".into()]), ["only"]);
    }
}
