//! How copies of datasets are to be stored, as it is written on the command line: `OBJECT,OBJECT:WHAT` or just `WHAT`.

use crate::Dataset;
use crate::copy::{NewLayout, Storage};
use crate::error::{Error, Result};
use crate::filter::{BitshuffleCodec, BloscCodec, FilterSpec, SzipCoding};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Something asked for some datasets, or for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct For<T> {
    /// Paths from the root, without the slash; none for all.
    objects: Vec<String>,
    what: T,
}

impl<T> For<T> {
    /// The same for all.
    pub(super) fn all(what: T) -> For<T> {
        For { objects: Vec::new(), what }
    }

    fn names(&self, dataset: &Dataset) -> bool {
        let path = dataset.path().trim_matches('/');
        self.objects.iter().any(|o| path == o || path.strip_prefix(o.as_str()).is_some_and(|p| p.starts_with('/')))
    }
}

impl<T: FromStr<Err = String>> FromStr for For<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What is asked for may have a colon itself, as `gzip:4` has.
        if let Ok(what) = text.parse() {
            return Ok(For { objects: Vec::new(), what });
        }
        let places = text.char_indices().filter(|(_, c)| *c == ':');
        for (i, _) in places {
            let (objects, what) = (&text[..i], &text[i + 1..]);
            if let Ok(what) = what.parse() {
                let objects = objects.split(',').map(|o| o.trim_matches('/').to_owned()).collect();
                return Ok(For { objects, what });
            }
        }
        T::from_str(text.rsplit_once(':').map_or(text, |(_, what)| what)).map(For::all)
    }
}

/// Filters in the order of writing; none for no filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filters(Vec<FilterSpec>);

impl Filters {
    pub(crate) fn into_list(self) -> Vec<FilterSpec> {
        self.0
    }
}

/// What can be written, for messages.
const KNOWN: &str = "gzip[:LEVEL], shuffle, fletcher32, szip[=PIXELS,nn|ec], nbit, scaleoffset[=DIGITS], lzf, lz4, \
                     zstd[:LEVEL], bzip2[:LEVEL], blosc[:LEVEL], bitshuffle, ud=NUMBER,FLAG,COUNT,VALUE,..., or none";

impl FromStr for Filters {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Filters(Vec::new()));
        }
        text.split('+').map(one_filter).collect::<Result<_, _>>().map(Filters)
    }
}

fn one_filter(text: &str) -> Result<FilterSpec, String> {
    let (name, values) = text.split_once(['=', ':']).map_or((text, None), |(name, values)| (name, Some(values)));
    let unknown = || format!("{text} is no filter; there are {KNOWN}");
    let parts: Vec<&str> = values.into_iter().flat_map(|v| v.split(',')).collect();
    let number = |i: usize| parts.get(i).and_then(|p| p.parse::<u32>().ok()).ok_or_else(unknown);
    let level = |usual: u32, possible: RangeInclusive<u32>| match parts[..] {
        [] => Ok(usual),
        [level] => level.parse().ok().filter(|l| possible.contains(l)).ok_or_else(|| {
            let (least, most) = possible.into_inner();
            format!("{text}: levels are {least} to {most}")
        }),
        _ => Err(unknown()),
    };
    let plain = |filter| if parts.is_empty() { Ok(filter) } else { Err(unknown()) };
    let word = |i: usize| parts.get(i).map(|p| p.to_ascii_lowercase());
    match &*name.to_ascii_lowercase() {
        "gzip" | "deflate" => Ok(FilterSpec::deflate(level(4, 0..=9)?)),
        "shuf" | "shuffle" => plain(FilterSpec::shuffle()),
        "flet" | "fletcher32" => plain(FilterSpec::fletcher32()),
        "szip" => {
            let pixels = if parts.is_empty() { 8 } else { number(0)? };
            match word(1).as_deref() {
                None | Some("nn") => Ok(FilterSpec::szip(SzipCoding::NearestNeighbour, pixels)),
                Some("ec") => Ok(FilterSpec::szip(SzipCoding::Entropy, pixels)),
                _ => Err(unknown()),
            }
        }
        "nbit" => plain(FilterSpec::nbit()),
        // Integers or floats: the dataset knows.
        "soff" | "scaleoffset" | "scale-offset" => match word(1).as_deref() {
            None | Some("in" | "ds") => Ok(FilterSpec::scale_offset(if parts.is_empty() { 0 } else { number(0)? })),
            _ => Err(unknown()),
        },
        "bzip2" => Ok(FilterSpec::bzip2(level(9, 1..=9)?)),
        "lzf" => plain(FilterSpec::lzf()),
        "lz4" => plain(FilterSpec::lz4()),
        "zstd" | "zstandard" => Ok(FilterSpec::zstd(level(3, 1..=22)? as i32)),
        "blosc" => Ok(FilterSpec::blosc(BloscCodec::Lz4, level(5, 1..=9)?)),
        "bitshuffle" => plain(FilterSpec::bitshuffle(BitshuffleCodec::Lz4)),
        "ud" => {
            let id = u16::try_from(number(0)?).map_err(|_| unknown())?;
            let (required, count) = (number(1)? == 0, number(2)? as usize);
            let values: Vec<u32> = (3..parts.len()).map(number).collect::<Result<_, _>>()?;
            if values.len() != count {
                return Err(format!("{text}: {count} values are announced, {} follow", values.len()));
            }
            let filter = FilterSpec::new(id, values);
            Ok(if required { filter.required() } else { filter })
        }
        _ => Err(unknown()),
    }
}

/// A layout: contiguous, compact, or chunks of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout(NewLayout);

impl FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        Ok(Layout(match &*lower {
            "conti" | "contiguous" => NewLayout::Contiguous,
            "compa" | "compact" => NewLayout::Compact,
            _ => match lower.split_once(['=', ':']) {
                Some(("chunk" | "chunks" | "chunked", shape)) => NewLayout::Chunked(shape.parse::<Chunk>()?.0),
                _ => return Err(format!("{text} is no layout; there are chunked=64x64, contiguous, compact")),
            },
        }))
    }
}

/// A chunk's shape: `64x64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk(Vec<u64>);

impl From<Chunk> for Layout {
    fn from(chunk: Chunk) -> Layout {
        Layout(NewLayout::Chunked(chunk.0))
    }
}

impl FromStr for Chunk {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |side: &str| side.trim().parse::<u64>().ok().filter(|&n| n > 0);
        let shape: Option<Vec<u64>> = text.split(['x', 'X', '×']).map(side).collect();
        shape
            .map(Chunk)
            .ok_or_else(|| format!("{text} is no chunk's shape; write the elements of each dimension: 64x64"))
    }
}

impl For<Chunk> {
    /// The same as a layout.
    pub(super) fn into_layout(self) -> For<Layout> {
        For { objects: self.objects, what: self.what.into() }
    }
}

/// All that was asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    pub(super) filters: Vec<For<Filters>>,
    pub(super) layouts: Vec<For<Layout>>,
    /// Smaller datasets stay as they are unless they are named.
    pub(super) minimum: u64,
}

impl Wishes {
    /// How a dataset's copy is to be stored.
    pub(super) fn of(&self, dataset: &Dataset) -> Result<Storage> {
        let bytes = dataset.len().saturating_mul(dataset.datatype().size());
        // What is empty may grow, if it has chunks.
        let has_elements = bytes > 0 || dataset.chunk_shape().is_some();
        let large =
            bytes >= self.minimum && has_elements && !dataset.shape().is_empty() && dataset.layout() != "virtual";
        let mut storage = Storage::default();
        if let Some((layout, named)) = chosen(&self.layouts, dataset).filter(|(_, named)| large || *named) {
            storage.layout = fitting(&layout.0, dataset, named)?;
        }
        // All filters that are asked for, one behind the other; those that name the dataset go before those for all.
        let named = self.filters.iter().any(|f| f.names(dataset));
        let wanted = self.filters.iter().filter(|f| if named { f.names(dataset) } else { f.objects.is_empty() });
        let wanted: Vec<&[FilterSpec]> = wanted.map(|f| &f.what.0[..]).collect();
        if !wanted.is_empty() && (large || named) {
            storage.filters = Some(wanted.concat());
        }
        // What cannot be filtered loses its filters.
        if storage.filters.is_none() && matches!(storage.layout, Some(NewLayout::Contiguous | NewLayout::Compact)) {
            storage.filters = Some(Vec::new());
        }
        Ok(storage)
    }
}

/// The last wish that names the dataset, else the last for all; with whether it is named.
fn chosen<'a, T>(wishes: &'a [For<T>], dataset: &Dataset) -> Option<(&'a T, bool)> {
    let named = wishes.iter().rev().find(|w| w.names(dataset)).map(|w| (&w.what, true));
    named.or_else(|| wishes.iter().rev().find(|w| w.objects.is_empty()).map(|w| (&w.what, false)))
}

/// A layout for all leaves alone what it does not fit; one for a dataset that is named must fit.
fn fitting(layout: &NewLayout, dataset: &Dataset, named: bool) -> Result<Option<NewLayout>> {
    let grows = dataset.max_shape().iter().zip(dataset.shape()).any(|(max, dim)| *max != Some(*dim));
    let problem = match layout {
        NewLayout::Chunked(chunk) if chunk.len() != dataset.shape().len() => {
            Some(format!("chunks of {} dimensions, the dataset has {}", chunk.len(), dataset.shape().len()))
        }
        NewLayout::Contiguous | NewLayout::Compact if grows => {
            Some("it can grow, and only chunked datasets can; leave its layout out".to_owned())
        }
        NewLayout::Compact if dataset.len().saturating_mul(dataset.datatype().size()) > 64_000 => {
            Some("a compact dataset has less than 64 KiB; choose contiguous or chunks".to_owned())
        }
        _ => None,
    };
    match problem {
        None => Ok(Some(layout.clone())),
        Some(_) if !named => Ok(None),
        Some(problem) => Err(Error::invalid(problem).on(dataset.path())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(text: &str) -> For<Filters> {
        text.parse().unwrap()
    }

    #[test]
    fn filters_are_written_as_in_h5repack_or_plainly() {
        assert_eq!(filters("GZIP=6"), filters("gzip:6"));
        assert_eq!(filters("gzip").what.0, [FilterSpec::deflate(4)]);
        assert_eq!(filters("SHUF+gzip=1").what.0, [FilterSpec::shuffle(), FilterSpec::deflate(1)]);
        assert_eq!(filters("szip=8,NN").what.0, [FilterSpec::szip(SzipCoding::NearestNeighbour, 8)]);
        assert_eq!(filters("none").what.0, []);
        assert_eq!(filters("UD=307,0,1,9").what.0, [FilterSpec::new(307, [9]).required()]);
        let named = filters("/a/b,c:GZIP=3");
        assert_eq!(
            (&named.objects[..], &named.what.0[..]),
            (&["a/b".into(), "c".into()][..], &[FilterSpec::deflate(3)][..])
        );
        assert_eq!(filters("x:gzip:3").objects, ["x"]);
        for wrong in ["gzip:10", "zip", "a:zip", "ud=1,0,2,3", "shuffle:3", ""] {
            assert!(wrong.parse::<For<Filters>>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn layouts_are_written_as_in_h5repack_or_plainly() {
        let layout = |text: &str| text.parse::<For<Layout>>().unwrap();
        assert_eq!(layout("CHUNK=4x6").what.0, NewLayout::Chunked(vec![4, 6]));
        assert_eq!(layout("d1,d2:CONTI").objects, ["d1", "d2"]);
        assert_eq!(layout("compact").what.0, NewLayout::Compact);
        assert!("chunk=0".parse::<For<Layout>>().is_err() && "round".parse::<For<Layout>>().is_err());
        assert_eq!("d:8".parse::<For<Chunk>>().unwrap().into_layout().what.0, NewLayout::Chunked(vec![8]));
    }
}
