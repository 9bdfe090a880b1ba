//! Several files as one source: the members of a family, or of a file that was split by what its bytes are for.

use super::{Source, too_short};
use crate::error::{Error, ErrorKind, Result};
use std::ops::Range;
use std::sync::Arc;

/// Several sources, each in a place of its own.
pub(crate) struct JoinedSource {
    /// By position; no two overlap.
    members: Vec<Member>,
}

struct Member {
    place: Range<u64>,
    source: Arc<dyn Source>,
}

impl JoinedSource {
    /// Joins `members`, each with the position of its first byte. A member ends where the next one begins.
    pub(crate) fn new(mut members: Vec<(u64, Arc<dyn Source>)>) -> Result<JoinedSource> {
        members.sort_by_key(|(start, _)| *start);
        let starts: Vec<u64> = members.iter().map(|(start, _)| *start).collect();
        let mut placed = Vec::new();
        for (i, (start, source)) in members.into_iter().enumerate() {
            let end =
                start.checked_add(source.size()?).ok_or_else(|| Error::damaged("a file that ends past 64 bits"))?;
            let next = starts.get(i + 1).copied().unwrap_or(u64::MAX);
            if next == start {
                return Err(Error::damaged("two files at the same address"));
            }
            if end > start {
                placed.push(Member { place: start..end.min(next), source });
            }
        }
        Ok(JoinedSource { members: placed })
    }
}

impl Source for JoinedSource {
    fn size(&self) -> Result<u64> {
        Ok(self.members.last().map_or(0, |m| m.place.end))
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let size = self.size()?;
        let short = || too_short(position, buffer.len(), size);
        let end = position.checked_add(buffer.len() as u64).filter(|&end| end <= size).ok_or_else(short)?;
        buffer.fill(0);
        let first = self.members.partition_point(|m| m.place.end <= position);
        for Member { place, source } in self.members[first..].iter().take_while(|m| m.place.start < end) {
            let part = place.start.max(position)..place.end.min(end);
            let within = (part.start - position) as usize..(part.end - position) as usize;
            source.read_at(part.start - place.start, &mut buffer[within])?;
        }
        Ok(())
    }

    fn wants_plan(&self) -> bool {
        self.members.iter().any(|m| m.source.wants_plan())
    }

    fn announce(&self, ranges: &[Range<u64>]) -> Result<()> {
        let mut missing = Vec::new();
        for Member { place, source } in &self.members {
            let part = |r: &Range<u64>| r.start.max(place.start)..r.end.min(place.end);
            let within = |r: Range<u64>| r.start - place.start..r.end - place.start;
            let parts: Vec<_> = ranges.iter().map(part).filter(|r| !r.is_empty()).map(within).collect();
            match source.announce(&parts) {
                // Each is told, so that all of it can be fetched together.
                Err(e) if e.kind() == ErrorKind::Missing => {
                    missing.extend(e.missing_ranges().iter().map(|r| r.start + place.start..r.end + place.start));
                }
                done => done?,
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(Error::missing(missing)) }
    }

    fn gaps(&self) -> Vec<Range<u64>> {
        let before = self.members.iter().scan(0, |last, m| Some(std::mem::replace(last, m.place.end)..m.place.start));
        before.filter(|gap| !gap.is_empty()).collect()
    }

    fn is_joined(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemorySource;

    fn joined(members: &[(u64, &[u8])]) -> Result<JoinedSource> {
        JoinedSource::new(members.iter().map(|(at, b)| (*at, Arc::new(MemorySource::new(b.to_vec())) as _)).collect())
    }

    #[test]
    fn members_are_read_through_and_gaps_are_named() {
        let source = joined(&[(8, b"xyz"), (0, b"abc"), (3, b"de")]).unwrap();
        let whole = b"abcde\0\0\0xyz";
        assert_eq!((source.size().unwrap(), source.gaps().first().cloned()), (11, Some(5..8)));
        for start in 0..11 {
            for end in start..=11 {
                let mut part = vec![1; end - start];
                source.read_at(start as u64, &mut part).unwrap();
                assert_eq!(part, whole[start..end]);
            }
        }
        assert!(source.read_at(10, &mut [0; 2]).is_err());
        assert!(source.read_at(u64::MAX, &mut [0; 2]).is_err());
    }

    /// Has nothing yet.
    struct Empty;

    impl Source for Empty {
        fn size(&self) -> Result<u64> {
            Ok(10)
        }

        fn read_at(&self, _: u64, _: &mut [u8]) -> Result<()> {
            Err(Error::missing(Vec::new()))
        }

        fn wants_plan(&self) -> bool {
            true
        }

        fn announce(&self, ranges: &[Range<u64>]) -> Result<()> {
            Err(Error::missing(ranges.to_vec()))
        }
    }

    #[test]
    fn all_members_are_told_what_will_be_read_of_them() {
        let source = JoinedSource::new(vec![(0, Arc::new(Empty) as _), (10, Arc::new(Empty) as _)]).unwrap();
        assert!(source.wants_plan() && !joined(&[(0, b"a")]).unwrap().wants_plan());
        let missing = source.announce(&[2..4, 8..13, 19..25]).unwrap_err();
        assert_eq!(missing.missing_ranges(), [2..4, 8..10, 10..13, 19..20]);
        assert!(joined(&[(0, b"abc")]).unwrap().announce(std::slice::from_ref(&(0..3))).is_ok());
    }

    #[test]
    fn a_member_ends_where_the_next_one_begins() {
        let source = joined(&[(0, b"abcdef"), (3, b"xy"), (20, b"")]).unwrap();
        let mut all = [0; 5];
        source.read_at(0, &mut all).unwrap();
        assert_eq!((&all, source.size().unwrap()), (b"abcxy", 5));
        assert!(joined(&[(3, b"a"), (3, b"b")]).is_err());
        assert!(joined(&[(u64::MAX, b"ab")]).is_err());
    }
}
