//! A file that is split by what its bytes are for, edited as one: what is new goes behind the end of its first part,
//! whatever it is for.
//!
//! libhdf5 reads an address from the part whose range it lies in, and holds it against the end of the part that its kind
//! of bytes belongs to: below the end of every part is what lies in the first one.

use super::{Device, JoinedSource, Member, Source, Store};
use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

/// The parts, each in a range of its own, by position; the first begins at 0.
pub(crate) struct SplitDevice {
    parts: Vec<(u64, Member)>,
}

impl SplitDevice {
    /// Joins `parts`, each with the position of its first byte.
    ///
    /// # Errors
    /// `Damaged` if two begin at the same position; `Unsupported` if none begins at 0.
    pub(crate) fn new(mut parts: Vec<(u64, Member)>) -> Result<SplitDevice> {
        parts.sort_by_key(|(start, _)| *start);
        if !matches!(parts.first(), Some((0, _))) {
            return Err(Error::unsupported("editing a split file no part of which begins at address 0"));
        }
        let split = SplitDevice { parts };
        split.joined()?;
        Ok(split)
    }

    /// The parts as they are now, as who reads them has them.
    fn joined(&self) -> Result<JoinedSource> {
        JoinedSource::new(self.parts.iter().map(|(start, part)| (*start, part.clone() as Arc<dyn Source>)).collect())
    }

    /// The parts that a range lies in, and where in each; what lies behind one belongs to it up to the next one.
    fn within(&self, range: Range<u64>) -> impl Iterator<Item = (&Member, Range<u64>)> {
        let ends = self.parts.iter().skip(1).map(|(start, _)| *start).chain([u64::MAX]);
        self.parts.iter().zip(ends).filter_map(move |((start, part), end)| {
            let common = range.start.max(*start)..range.end.min(end);
            (!common.is_empty()).then(|| (part, common.start - start..common.end - start))
        })
    }
}

impl Source for SplitDevice {
    fn size(&self) -> Result<u64> {
        self.joined()?.size()
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        self.joined()?.read_at(position, buffer)
    }

    fn gaps(&self) -> Vec<Range<u64>> {
        self.joined().map_or_else(|_| Vec::new(), |joined| joined.gaps())
    }

    fn is_joined(&self) -> bool {
        true
    }
}

impl Store for SplitDevice {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        let end = position.checked_add(bytes.len() as u64);
        let end = end.ok_or_else(|| Error::limit("a file of more than 2^64 bytes"))?;
        let mut rest = bytes;
        for (part, place) in self.within(position..end) {
            let (piece, behind) = rest.split_at((place.end - place.start) as usize);
            part.write_at(place.start, piece)?;
            rest = behind;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.parts.iter().try_for_each(|(_, part)| part.sync())
    }
}

impl Device for SplitDevice {
    /// Lengthens or cuts the first part.
    fn resize(&self, size: u64) -> Result<()> {
        match &self.parts[..] {
            [_, (next, _), ..] if size > *next => Err(Error::limit("a part of a split file that reaches the next one")),
            [(_, first), ..] => first.resize(size),
            [] => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemoryStore;

    #[test]
    fn the_first_part_grows_and_each_is_written_where_it_is() {
        let [first, second, third] = [&b"abc"[..], b"", b"xyz"].map(|b| MemoryStore::holding(b.to_vec()));
        let part = |at: u64, part: &MemoryStore| (at, Arc::new(part.clone()) as Member);
        let split = SplitDevice::new(vec![part(20, &third), part(0, &first), part(10, &second)]).unwrap();
        let whole = || {
            let mut all = vec![1; split.size().unwrap() as usize];
            split.read_at(0, &mut all).unwrap();
            all
        };
        let with = |first: &[u8], third: &[u8]| [first, &vec![0; 20 - first.len()], third].concat();
        let gap = || split.gaps().first().map(|gap| (gap.start, gap.end));
        assert_eq!((whole(), gap()), (with(b"abc", b"xyz"), Some((3, 20))));
        split.write_at(2, b"CDE").unwrap();
        split.write_at(21, b"Y").unwrap();
        assert_eq!((whole(), gap()), (with(b"abCDE", b"xYz"), Some((5, 20))));
        split.resize(7).unwrap();
        assert_eq!((first.bytes(), gap()), (b"abCDE\0\0".to_vec(), Some((7, 20))));
        split.resize(2).unwrap();
        assert_eq!((whole(), second.bytes()), (with(b"ab", b"xYz"), Vec::new()));
        split.sync().unwrap();
        assert!(split.resize(11).is_err() && split.read_at(22, &mut [0; 2]).is_err());
        assert!(split.write_at(u64::MAX, b"ab").is_err());
        assert!(SplitDevice::new(vec![part(3, &first)]).is_err());
        assert!(SplitDevice::new(vec![part(0, &first), part(0, &second)]).is_err());
    }
}
