//! What the view does between keys, a step at a time: searching names, counting classes, collecting the rows of one.

use super::image_set::{BLOCK, Census, Class, ImageSet, runs};
use super::text::grouped;
use super::viewer::{Filter, Viewer};

/// Names are searched this many rows at a time, so that keys are answered meanwhile.
const SEARCHED_AT_ONCE: u64 = 1 << 13;

/// Work that goes on between keys.
pub(super) enum Job {
    /// Looks for `needle` (in lower case) in names from `at` on, round to `end`.
    Search {
        needle: String,
        at: u64,
        left: u64,
    },
    Count {
        at: u64,
        census: Census,
    },
    Select {
        class: Class,
        at: u64,
        rows: Vec<u64>,
    },
}

impl Viewer<'_> {
    /// Whether [`Viewer::work`] has something to do.
    pub(super) fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    /// What the work is and how far it got, for the last line.
    pub(super) fn work_text(&self) -> Option<String> {
        let rows = self.set().map_or(0, ImageSet::rows);
        let of = |at: &u64, rows: u64| format!("{} of {}", grouped(*at), grouped(rows));
        Some(match self.job.as_ref()? {
            Job::Search { needle, left, .. } => {
                format!("searching “{needle}” … {}", of(&self.total().saturating_sub(*left), self.total()))
            }
            Job::Count { at, .. } => format!("counting classes … {}", of(at, rows)),
            Job::Select { at, .. } => format!("selecting … {}", of(at, rows)),
        })
    }

    /// One step of the work.
    pub(super) fn work(&mut self) {
        match self.job.take() {
            Some(Job::Search { needle, at, left }) => self.search(needle, at, left),
            Some(Job::Count { at, census }) => self.count(at, census),
            Some(Job::Select { class, at, rows }) => self.collect(class, at, rows),
            None => {}
        }
    }

    fn search(&mut self, needle: String, at: u64, left: u64) {
        let total = self.total();
        let at = if at >= total { 0 } else { at };
        let count = left.min(total - at).min(SEARCHED_AT_ONCE);
        if count == 0 {
            self.message = format!("no name has “{needle}” in it");
            return;
        }
        let rows = self.rows_from(at, count);
        match self.first_match(&needle, &rows) {
            Err(message) => self.message = message,
            Ok(Some(i)) => self.select(at + i),
            Ok(None) => self.job = Some(Job::Search { needle, at: at + count, left: left - count }),
        }
    }

    /// The position in `rows` of the first whose name has `needle` in it.
    fn first_match(&self, needle: &str, rows: &[u64]) -> Result<Option<u64>, String> {
        let Some(set) = self.set() else {
            return Ok(None);
        };
        let mut passed = 0;
        for run in runs(rows, SEARCHED_AT_ONCE) {
            let names = set.names(self.source, run.clone()).map_err(|e| e.to_string())?;
            if let Some(i) = names.iter().position(|n| n.to_lowercase().contains(needle)) {
                return Ok(Some(passed + i as u64));
            }
            passed += run.end - run.start;
        }
        Ok(None)
    }

    /// The classes of the next block of rows, and where the block ends; `None` if they cannot be read.
    fn block(&mut self, at: u64) -> Option<(Vec<Class>, u64, bool)> {
        let set = self.sets.get(self.current)?;
        let end = set.rows().min(at.saturating_add(BLOCK));
        match set.classes(self.source, at..end) {
            Ok(classes) => Some((classes, end, end >= set.rows())),
            Err(e) => {
                self.message = e.to_string();
                None
            }
        }
    }

    fn count(&mut self, at: u64, mut census: Census) {
        let Some((classes, end, is_last)) = self.block(at) else {
            return;
        };
        census.add(classes);
        if is_last || census.overflowed {
            self.census = Some(census);
            self.open_classes();
        } else {
            self.job = Some(Job::Count { at: end, census });
        }
    }

    fn collect(&mut self, class: Class, at: u64, mut rows: Vec<u64>) {
        let Some((classes, end, is_last)) = self.block(at) else {
            return;
        };
        rows.extend((at..end).zip(classes).filter(|(_, c)| *c == class).map(|(row, _)| row));
        if is_last {
            self.filter = Some(Filter { class, rows });
            (self.first, self.selected) = (0, 0);
        } else {
            self.job = Some(Job::Select { class, at: end, rows });
        }
    }
}
