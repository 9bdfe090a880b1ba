//! A source with some of its bytes replaced: how a metadata cache image lies over its file.

use super::Source;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A source, and what stands in some places instead of its own bytes.
pub(crate) struct PatchedSource {
    below: Arc<dyn Source>,
    /// By position; no two overlap.
    patches: BTreeMap<u64, Vec<u8>>,
}

impl PatchedSource {
    /// Lays `patches`, positions with their bytes, over `below`. They must lie inside of it, and none on another.
    pub(crate) fn new(below: Arc<dyn Source>, patches: Vec<(u64, Vec<u8>)>) -> Result<PatchedSource> {
        let size = below.size()?;
        let patches: Vec<_> = patches.into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
        let (number, patches) = (patches.len(), BTreeMap::from_iter(patches));
        let mut end = 0;
        for (&position, bytes) in &patches {
            if position < end || position > size || bytes.len() as u64 > size - position {
                let message = format!("{} bytes for position {position} lie on others, or outside", bytes.len());
                return Err(Error::damaged(message));
            }
            end = position + bytes.len() as u64;
        }
        if patches.len() < number {
            return Err(Error::damaged("two entries for one address"));
        }
        Ok(PatchedSource { below, patches })
    }
}

impl Source for PatchedSource {
    fn size(&self) -> Result<u64> {
        self.below.size()
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        self.below.read_at(position, buffer)?;
        let end = position.saturating_add(buffer.len() as u64);
        // They do not overlap: the first one that ends before `position` is the last that could matter.
        for (&start, bytes) in self.patches.range(..end).rev() {
            let skipped = position.saturating_sub(start) as usize;
            let Some(bytes) = bytes.get(skipped..).filter(|b| !b.is_empty()) else {
                break;
            };
            let at = start.saturating_sub(position) as usize;
            let n = bytes.len().min(buffer.len() - at);
            buffer[at..at + n].copy_from_slice(&bytes[..n]);
        }
        Ok(())
    }

    fn wants_plan(&self) -> bool {
        self.below.wants_plan()
    }

    fn announce(&self, ranges: &[std::ops::Range<u64>]) -> Result<()> {
        self.below.announce(ranges)
    }

    fn gaps(&self) -> Vec<std::ops::Range<u64>> {
        self.below.gaps()
    }

    fn is_joined(&self) -> bool {
        self.below.is_joined()
    }

    fn reopened(&self) -> Result<Option<Arc<dyn Source>>> {
        // Whoever opens the file again finds its image again, or that it is gone.
        Ok(Some(match self.below.reopened()? {
            Some(below) => below,
            None => self.below.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemorySource;

    fn patched(patches: &[(u64, &[u8])]) -> Result<PatchedSource> {
        let below = Arc::new(MemorySource::new(vec![b'.'; 12]));
        PatchedSource::new(below, patches.iter().map(|(at, bytes)| (*at, bytes.to_vec())).collect())
    }

    #[test]
    fn patches_show_wherever_reading_begins_and_ends() {
        let source = patched(&[(9, b"xyz"), (2, b"ab"), (4, b"cde")]).unwrap();
        let whole = b"..abcde..xyz";
        for start in 0..12 {
            for end in start..=12 {
                let mut part = vec![0; end - start];
                source.read_at(start as u64, &mut part).unwrap();
                assert_eq!(part, whole[start..end]);
            }
        }
        assert!(source.read_at(11, &mut [0; 2]).is_err());
    }

    #[test]
    fn patches_on_one_another_or_outside_are_refused() {
        for wrong in [&[(2, &b"ab"[..]), (3, b"c")][..], &[(2, b"a"), (2, b"b")], &[(11, b"ab")], &[(u64::MAX, b"a")]] {
            assert!(patched(wrong).is_err(), "{wrong:?}");
        }
    }
}
