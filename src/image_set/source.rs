//! What is asked of a file with pictures: a small interface, so that everything above it is tested on plain data.
//!
//! [`super::hdf5`] answers from an HDF5 file. Every call names the rows it wants; nothing is read whole
//! because it was convenient.

use crate::error::Result;
use std::ops::Range;

/// What the elements of a dataset are, as far as pictures go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// Unsigned integers of so many bytes.
    Unsigned(usize),
    /// Signed integers of so many bytes.
    Signed(usize),
    /// Floating-point numbers of so many bytes.
    Float(usize),
    /// Text of fixed or variable length.
    Text,
    /// Byte strings: variable-length `u8`, or opaque.
    Bytes,
    /// Anything else.
    Other,
}

impl Element {
    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Element::Unsigned(_) | Element::Signed(_))
    }

    pub(crate) fn is_number(self) -> bool {
        self.is_integer() || matches!(self, Element::Float(_))
    }
}

/// The attributes of the HDF5 Image specification that change what is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ImageAttributes {
    /// `CLASS`: `IMAGE` or `PALETTE`.
    pub(crate) class: String,
    /// `IMAGE_SUBCLASS`: `IMAGE_GRAYSCALE`, `IMAGE_BITMAP`, `IMAGE_TRUECOLOR` or `IMAGE_INDEXED`.
    pub(crate) subclass: String,
    /// `INTERLACE_MODE`: `INTERLACE_PIXEL`, `INTERLACE_LINE` or `INTERLACE_PLANE`.
    pub(crate) interlace: String,
    /// `IMAGE_WHITE_IS_ZERO`.
    pub(crate) white_is_zero: bool,
}

/// Stands in a path between the name of a file beside the one that is open, and the path in it.
pub(crate) const BESIDE: &str = "::";

/// A dataset, known without reading any of its values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    pub(crate) path: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) element: Element,
    /// Rows that are stored, and so decoded, together; 1 where each can be read alone.
    pub(crate) chunk_rows: u64,
    pub(crate) image: Option<ImageAttributes>,
    /// What its dimensions are called, where all of them have a name: Fuel says `batch`, `channel`, `height`, `width`.
    pub(crate) dimensions: Vec<String>,
}

impl Facts {
    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The path of the group, without a slash at its end; empty for the root.
    pub(crate) fn group(&self) -> &str {
        let (_, path) = self.path.rsplit_once(BESIDE).unwrap_or(("", &self.path));
        path.rsplit_once('/').map_or("", |(group, _)| group)
    }
}

/// Numbers as they come from a file; everything but bytes is shown through `f32`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

/// A file, as far as its pictures are concerned.
pub(crate) trait Source {
    /// The datasets of the file, nearest to the root first, up to a bound.
    fn datasets(&self) -> Result<Vec<Facts>>;

    /// The numbers of `rows` of the dataset at `path` (of all of it: `None`).
    fn values(&self, path: &str, rows: Option<Range<u64>>) -> Result<Values>;

    /// The byte strings of `rows`: of bytes without a length of their own all in a row, of one dimension all of them.
    fn bytes(&self, path: &str, rows: Range<u64>) -> Result<Vec<Vec<u8>>>;

    /// The integers of `rows`.
    fn integers(&self, path: &str, rows: Range<u64>) -> Result<Vec<i64>>;

    /// The texts of `rows`, as they are in the file.
    fn texts(&self, path: &str, rows: Range<u64>) -> Result<Vec<String>>;

    /// The texts of an attribute, if it exists and holds text.
    fn text_attribute(&self, path: &str, name: &str) -> Option<Vec<String>>;
}

#[cfg(test)]
pub(crate) mod memory {
    //! A file made of plain lists, which notes what was read.

    use super::*;
    use crate::error::Error;
    use std::cell::RefCell;

    #[derive(Clone)]
    pub(crate) enum Content {
        Values(Values),
        Integers(Vec<i64>),
        Texts(Vec<String>),
        Files(Vec<Vec<u8>>),
    }

    #[derive(Default)]
    pub(crate) struct Memory {
        pub(crate) datasets: Vec<(Facts, Content)>,
        attributes: Vec<(String, String, Vec<String>)>,
        /// Reading this row of any dataset of numbers fails.
        pub(crate) damaged: Option<u64>,
        pub(crate) reads: RefCell<Vec<String>>,
        /// Of the datasets that are put from now on.
        pub(crate) chunk_rows: u64,
    }

    /// `count` pictures of 16×12, the first half hot dogs, red where the others are blue.
    pub(crate) fn photos(count: u64) -> Memory {
        let mut file = Memory::default();
        let is_dog = |i: u64| i < count / 2;
        let colour = |i: u64| {
            if is_dog(i) { [200, 40, 40] } else { [40, 40, 200] }
        };
        let pixels = (0..count).flat_map(|i| colour(i).repeat(16 * 12)).collect();
        let class = |i: u64| if is_dog(i) { "hot_dog" } else { "not_hot_dog" };
        file.put_texts("/filenames", (0..count).map(|i| format!("{}/{i:04}.jpg", class(i))).collect());
        file.put_bytes("/images", &[count, 12, 16, 3], pixels);
        file.put_integers("/labels", (0..count).map(|i| i64::from(!is_dog(i))).collect());
        file.put_attribute("/labels", "class_names", &["hot_dog", "not_hot_dog"]);
        file
    }

    impl Memory {
        fn put(&mut self, path: &str, shape: &[u64], element: Element, content: Content) {
            let facts = Facts {
                path: path.into(),
                shape: shape.into(),
                element,
                chunk_rows: self.chunk_rows.max(1),
                image: None,
                dimensions: Vec::new(),
            };
            self.datasets.push((facts, content));
        }

        pub(crate) fn put_bytes(&mut self, path: &str, shape: &[u64], values: Vec<u8>) {
            self.put(path, shape, Element::Unsigned(1), Content::Values(Values::Bytes(values)));
        }

        pub(crate) fn put_floats(&mut self, path: &str, shape: &[u64], values: Vec<f32>) {
            self.put(path, shape, Element::Float(4), Content::Values(Values::Floats(values)));
        }

        pub(crate) fn put_integers(&mut self, path: &str, values: Vec<i64>) {
            self.put(path, &[values.len() as u64], Element::Signed(8), Content::Integers(values));
        }

        pub(crate) fn put_texts(&mut self, path: &str, values: Vec<String>) {
            self.put(path, &[values.len() as u64], Element::Text, Content::Texts(values));
        }

        pub(crate) fn put_files(&mut self, path: &str, values: Vec<Vec<u8>>) {
            self.put(path, &[values.len() as u64], Element::Bytes, Content::Files(values));
        }

        pub(crate) fn put_attribute(&mut self, path: &str, name: &str, texts: &[&str]) {
            self.attributes.push((path.into(), name.into(), texts.iter().map(|t| (*t).to_owned()).collect()));
        }

        fn find(&self, path: &str, rows: Option<&Range<u64>>) -> Result<(&Facts, &Content)> {
            let rows_text = rows.map_or_else(|| "all".to_owned(), |r| format!("{}..{}", r.start, r.end));
            self.reads.borrow_mut().push(format!("{path} {rows_text}"));
            if rows.zip(self.damaged).is_some_and(|(rows, bad)| rows.contains(&bad)) {
                return Err(Error::damaged("checksum is 1, computed 2"));
            }
            let found = self.datasets.iter().find(|(f, _)| f.path == path);
            found.map(|(f, c)| (f, c)).ok_or_else(|| Error::not_found(path))
        }
    }

    fn part<T: Clone>(values: &[T], facts: &Facts, rows: Option<Range<u64>>) -> Vec<T> {
        let each = facts.shape.iter().skip(1).product::<u64>() as usize;
        let rows = rows.unwrap_or(0..facts.shape[0]);
        values[rows.start as usize * each..rows.end as usize * each].to_vec()
    }

    impl Source for Memory {
        fn datasets(&self) -> Result<Vec<Facts>> {
            Ok(self.datasets.iter().map(|(f, _)| f.clone()).collect())
        }

        fn values(&self, path: &str, rows: Option<Range<u64>>) -> Result<Values> {
            match self.find(path, rows.as_ref())? {
                (f, Content::Values(Values::Bytes(v))) => Ok(Values::Bytes(part(v, f, rows))),
                (f, Content::Values(Values::Floats(v))) => Ok(Values::Floats(part(v, f, rows))),
                _ => Err(Error::mismatch("no numbers")),
            }
        }

        fn bytes(&self, path: &str, rows: Range<u64>) -> Result<Vec<Vec<u8>>> {
            match self.find(path, Some(&rows))? {
                (f, Content::Files(v)) => Ok(part(v, f, Some(rows))),
                _ => Err(Error::mismatch("no byte strings")),
            }
        }

        fn integers(&self, path: &str, rows: Range<u64>) -> Result<Vec<i64>> {
            match self.find(path, Some(&rows))? {
                (f, Content::Integers(v)) => Ok(part(v, f, Some(rows))),
                _ => Err(Error::mismatch("no integers")),
            }
        }

        fn texts(&self, path: &str, rows: Range<u64>) -> Result<Vec<String>> {
            match self.find(path, Some(&rows))? {
                (f, Content::Texts(v)) => Ok(part(v, f, Some(rows))),
                _ => Err(Error::mismatch("no texts")),
            }
        }

        fn text_attribute(&self, path: &str, name: &str) -> Option<Vec<String>> {
            self.attributes.iter().find(|(p, n, _)| p == path && n == name).map(|(_, _, texts)| texts.clone())
        }
    }
}
