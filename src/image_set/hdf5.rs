//! The [`Source`] behind the real view: an HDF5 file, through the public API.

use super::source::{BESIDE, Element, Facts, ImageAttributes, Source, Values};
#[cfg(feature = "cli")]
use crate::commands::open::Opening;
use crate::error::Result;
use crate::{Dataset, File, Group, LinkTarget, Object};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
#[cfg(feature = "cli")]
use std::path::Path;

/// Where pictures are looked for: nobody hides them behind more links than this.
const MOST_LINKS: usize = 50_000;
/// Datasets that are kept open; what they know of their chunks need not be read again.
const MOST_OPEN: usize = 64;

/// An open file, and the one beside it that has the labels.
pub(crate) struct Hdf5 {
    pub(crate) file: File,
    beside: Option<(String, File)>,
    open: RefCell<HashMap<String, Dataset>>,
    most_links: usize,
}

impl Hdf5 {
    pub(crate) fn new(file: File) -> Hdf5 {
        Hdf5::within(file, MOST_LINKS)
    }

    /// The same, but pictures are looked for behind no more than so many links: where each costs a request.
    pub(crate) fn within(file: File, most_links: usize) -> Hdf5 {
        Hdf5 { file, beside: None, open: RefCell::default(), most_links }
    }

    /// Opens a file; of a set in two files (`…_x.h5` and `…_y.h5`, as PatchCamelyon has them) both.
    #[cfg(feature = "cli")]
    pub(crate) fn open(opening: &Opening, path: &Path) -> Result<Hdf5> {
        let file = opening.open(path)?;
        let named = file_beside(path).filter(|_| opening.policy() != crate::External::Deny);
        let beside = named.and_then(|name| Some((name.clone(), opening.open(path.with_file_name(name)).ok()?)));
        Ok(Hdf5 { beside, ..Hdf5::new(file) })
    }

    fn dataset(&self, path: &str) -> Result<Dataset> {
        if let Some(open) = self.open.borrow().get(path) {
            return Ok(open.clone());
        }
        let beside = self
            .beside
            .as_ref()
            .and_then(|(name, file)| Some((path.strip_prefix(name.as_str())?.strip_prefix(BESIDE)?, file)));
        let dataset = match beside {
            Some((path, file)) => file.dataset(path)?,
            None => self.file.dataset(path)?,
        };
        let mut open = self.open.borrow_mut();
        if open.len() >= MOST_OPEN {
            open.clear();
        }
        open.insert(path.to_owned(), dataset.clone());
        Ok(dataset)
    }
}

impl Source for Hdf5 {
    /// Group by group from the root down; what cannot be read is left to the tree to tell.
    fn datasets(&self) -> Result<Vec<Facts>> {
        let mut found = datasets(&self.file, self.most_links)?;
        if let Some((name, file)) = &self.beside {
            let named = |facts: Facts| Facts { path: format!("{name}{BESIDE}{}", facts.path), ..facts };
            // Pictures of another file are that file's.
            let labels = |facts: &Facts| facts.shape.iter().skip(1).all(|&n| n == 1) || facts.shape.len() == 2;
            found.extend(datasets(file, self.most_links).unwrap_or_default().into_iter().filter(labels).map(named));
        }
        Ok(found)
    }

    fn values(&self, path: &str, rows: Option<Range<u64>>) -> Result<Values> {
        let dataset = self.dataset(path)?;
        let part = match rows {
            Some(rows) => dataset.select(rows)?,
            None => dataset.select(..)?,
        };
        match element(&dataset) {
            Element::Unsigned(1) => Ok(Values::Bytes(part.read()?)),
            // What has more digits than an f32 is read whole and rounded: this is for eyes.
            Element::Unsigned(4..) => {
                Ok(Values::Floats(part.read::<Vec<u64>>()?.into_iter().map(|v| v as f32).collect()))
            }
            Element::Signed(4..) => {
                Ok(Values::Floats(part.read::<Vec<i64>>()?.into_iter().map(|v| v as f32).collect()))
            }
            _ => Ok(Values::Floats(part.read()?)),
        }
    }

    fn bytes(&self, path: &str, rows: Range<u64>) -> Result<Vec<Vec<u8>>> {
        let dataset = self.dataset(path)?;
        match (element(&dataset), dataset.shape()) {
            // One file, as bytes.
            (Element::Unsigned(_), [_]) => Ok(vec![dataset.read()?]),
            // One file in each row.
            (Element::Unsigned(_), &[_, width]) => {
                let bytes: Vec<u8> = dataset.select(rows)?.read()?;
                Ok(bytes.chunks(usize::try_from(width).unwrap_or(usize::MAX).max(1)).map(<[u8]>::to_vec).collect())
            }
            (_, []) => dataset.read(),
            _ => dataset.select(rows)?.read(),
        }
    }

    fn integers(&self, path: &str, rows: Range<u64>) -> Result<Vec<i64>> {
        self.dataset(path)?.select(rows)?.read()
    }

    fn texts(&self, path: &str, rows: Range<u64>) -> Result<Vec<String>> {
        // Not every file keeps its promise of UTF-8.
        let texts: Vec<Vec<u8>> = self.dataset(path)?.select(rows)?.read()?;
        Ok(texts.into_iter().map(lossy).collect())
    }

    fn text_attribute(&self, path: &str, name: &str) -> Option<Vec<String>> {
        let attribute = self.file.object(path).ok()?.attribute(name).ok()??;
        if !attribute.datatype().is_string() {
            return None;
        }
        let texts: Vec<Vec<u8>> = attribute.read().ok()?;
        Some(texts.into_iter().map(lossy).collect()).filter(|texts: &Vec<String>| !texts.is_empty())
    }
}

fn datasets(file: &File, most_links: usize) -> Result<Vec<Facts>> {
    let mut found = Vec::new();
    let mut groups = VecDeque::from([file.root()?]);
    let mut seen = HashSet::new();
    let mut links_left = most_links;
    while let Some(group) = groups.pop_front() {
        let Ok(links) = group.links() else { continue };
        for link in links.flatten() {
            links_left = links_left.saturating_sub(1);
            if links_left == 0 {
                return Ok(found);
            }
            let LinkTarget::Hard(address) = link.target() else {
                continue;
            };
            let Ok(name) = std::str::from_utf8(link.name().as_bytes()) else {
                continue;
            };
            if !seen.insert(*address) {
                continue;
            }
            match child(&group, name) {
                Some(Object::Dataset(dataset)) => found.extend(facts(&dataset)),
                Some(Object::Group(group)) => groups.push_back(group),
                _ => {}
            }
        }
    }
    Ok(found)
}

fn child(group: &Group, name: &str) -> Option<Object> {
    // A name with a slash in it, which only a damaged file has, would be taken for a path.
    group.object(name).ok().filter(|_| !name.contains('/'))
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn element(dataset: &Dataset) -> Element {
    use crate::datatype::Datatype as T;
    let datatype = dataset.datatype();
    let size = usize::try_from(datatype.size()).unwrap_or(usize::MAX);
    match datatype {
        T::Integer { signed: false, .. } if size > 1 || datatype.is_unsigned_byte() => Element::Unsigned(size),
        T::Integer { .. } => Element::Signed(size),
        T::Enumeration { .. } => Element::Signed(size),
        T::Float(_) => Element::Float(size),
        T::Opaque { .. } => Element::Bytes,
        T::Sequence { base, .. } if base.size() == 1 => Element::Bytes,
        _ if datatype.is_string() => Element::Text,
        _ => Element::Other,
    }
}

/// What a dataset is; none if it can be neither pictures nor go with them.
fn facts(dataset: &Dataset) -> Option<Facts> {
    let element = element(dataset);
    let shape = dataset.shape().to_vec();
    let fits =
        if element == Element::Bytes { shape.len() < 2 && !dataset.is_null() } else { (1..=4).contains(&shape.len()) };
    if element == Element::Other || !fits {
        return None;
    }
    let image = if shape.len() > 1 && element.is_number() { image_attributes(dataset) } else { None };
    let chunk_rows = dataset.chunk_shape().and_then(|c| c.first()).copied().unwrap_or(1);
    let dimensions = if shape.len() == 4 && element.is_number() { dimensions(dataset) } else { Vec::new() };
    Some(Facts { path: dataset.path().to_owned(), shape, element, chunk_rows, image, dimensions })
}

/// What its dimensions are called, by the dimension scales' convention.
fn dimensions(dataset: &Dataset) -> Vec<String> {
    let labels = dataset.attribute("DIMENSION_LABELS").ok().flatten().filter(|a| a.datatype().is_string());
    let texts: Vec<Vec<u8>> = labels.and_then(|a| a.read().ok()).unwrap_or_default();
    let names: Vec<String> = texts.into_iter().map(lossy).collect();
    if names.len() == dataset.shape().len() { names } else { Vec::new() }
}

/// The name of the file with the labels, for a file with nothing but images by its name.
#[cfg(feature = "cli")]
fn file_beside(path: &Path) -> Option<String> {
    let (stem, suffix) = (path.file_stem()?.to_str()?, path.extension()?.to_str()?);
    let swapped = |x: char| if x == 'x' { 'y' } else { 'Y' };
    if let Some(rest) = stem.strip_suffix(['x', 'X']).filter(|rest| rest.ends_with(['_', '-'])) {
        return Some(format!("{rest}{}.{suffix}", stem.chars().last().map(swapped)?));
    }
    let rest = stem.strip_prefix(['x', 'X']).filter(|rest| rest.starts_with(['_', '-']))?;
    Some(format!("{}{rest}.{suffix}", stem.chars().next().map(swapped)?))
}

fn image_attributes(dataset: &Dataset) -> Option<ImageAttributes> {
    let attribute = |name: &str| dataset.attribute(name).ok().flatten();
    let text = |name: &str| attribute(name)?.read_one::<Vec<u8>>().ok().map(lossy);
    let class = text("CLASS").filter(|class| class == "IMAGE" || class == "PALETTE")?;
    let white_is_zero = attribute("IMAGE_WHITE_IS_ZERO").and_then(|a| a.read_one::<i64>().ok()) == Some(1);
    Some(ImageAttributes {
        class,
        subclass: text("IMAGE_SUBCLASS").unwrap_or_default(),
        interlace: text("INTERLACE_MODE").unwrap_or_default(),
        white_is_zero,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_images_alone_has_its_labels_beside() {
        let beside = |name: &str| file_beside(Path::new(name));
        assert_eq!(beside("a/pcam_valid_x.h5").as_deref(), Some("pcam_valid_y.h5"));
        assert_eq!(beside("X_train.hdf5").as_deref(), Some("Y_train.hdf5"));
        for other in ["matrix.h5", "x.h5", "xray.h5", "set.h5", "y_train.h5", "_x"] {
            assert_eq!(beside(other), None, "{other}");
        }
    }
}
