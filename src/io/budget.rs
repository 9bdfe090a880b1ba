//! How much of something read is kept for reading it again.

use std::collections::HashSet;

/// The bytes of a generation that a cache of two generations keeps.
///
/// Little at first: to touch memory for the first time costs more than to read again what the system has at hand, and
/// most reads go through a file once. What was dropped and is asked for again raises it.
pub(crate) struct Budget {
    bytes: u64,
    most: u64,
    /// Keys of what was dropped.
    dropped: HashSet<u64>,
    /// Bytes of it that were asked for again since the budget grew.
    regretted: u64,
}

/// The most keys that are remembered of what was dropped.
const MOST_DROPPED: usize = 1 << 16;

impl Budget {
    /// From `least` to `most` bytes.
    pub(crate) fn new(least: u64, most: u64) -> Budget {
        Budget { bytes: least, most, dropped: HashSet::new(), regretted: 0 }
    }

    /// Whether `bytes` are more than a generation.
    pub(crate) fn is_exceeded_by(&self, bytes: u64) -> bool {
        bytes > self.bytes
    }

    /// Told the keys of what is no longer kept.
    pub(crate) fn dropped(&mut self, keys: impl Iterator<Item = u64>) {
        if self.bytes >= self.most {
            return;
        }
        if self.dropped.len() > MOST_DROPPED {
            self.dropped.clear();
        }
        self.dropped.extend(keys);
    }

    /// Told what had to be read, and how many bytes it was: as much as a generation read twice doubles the budget.
    pub(crate) fn read(&mut self, key: u64, bytes: u64) {
        if self.bytes < self.most && self.dropped.remove(&key) {
            self.regretted += bytes;
            if self.regretted >= self.bytes {
                self.bytes = self.bytes.saturating_mul(2).min(self.most);
                self.regretted = 0;
            }
            if self.bytes >= self.most {
                self.dropped = HashSet::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_again_raises_it_up_to_its_most() {
        let mut budget = Budget::new(100, 300);
        let grows = |budget: &mut Budget, from: u64| {
            budget.dropped(from..from + 4);
            (from..from + 4).for_each(|key| budget.read(key, 50));
        };
        // What is read for the first time changes nothing.
        (0..100).for_each(|key| budget.read(key, 50));
        assert!(budget.is_exceeded_by(101) && !budget.is_exceeded_by(100));
        grows(&mut budget, 200);
        assert!(!budget.is_exceeded_by(200) && budget.is_exceeded_by(201));
        grows(&mut budget, 300);
        assert!(!budget.is_exceeded_by(300) && budget.is_exceeded_by(301));
        grows(&mut budget, 400);
        assert!(budget.is_exceeded_by(301));
    }

    #[test]
    fn what_it_remembers_has_an_end() {
        let mut budget = Budget::new(1, 2);
        (0..1000).for_each(|i| budget.dropped(i * 1000..(i + 1) * 1000));
        assert!(budget.dropped.len() <= MOST_DROPPED + 1000);
    }
}
