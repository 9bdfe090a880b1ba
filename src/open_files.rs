//! The files that one file has led to: each opened once, a bounded number kept open, opened again when they are needed.

use crate::bytes::Limits;
use crate::data::element::HeapBytes;
use crate::error::{Error, Result};
use crate::file::{File, Inner};
use crate::format::global_heap::HeapId;
use crate::index::global_heap::OtherHeaps;
use crate::io::{Found, Neighbours};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Files kept open; handles that somebody holds keep theirs open besides.
const MOST_OPEN: usize = 64;

/// Files that one file may lead to. Their numbers mark variable-length elements, and have 16 bits.
const MOST_FILES: usize = 60_000;

/// Virtual datasets may be made of virtual datasets, this deep.
const MOST_NESTED: u8 = 16;

/// Sources that one call may open or read.
const MOST_SOURCES: u64 = 1 << 20;

/// What a file and all the files that it leads to have in common.
pub(crate) struct OpenFiles {
    limits: Limits,
    map: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By their paths without symbolic links.
    numbers: HashMap<PathBuf, u16>,
    files: Vec<Known>,
    /// Counts requests: tells which file was not asked for longest.
    clock: u64,
}

struct Known {
    /// Where it is, and what it may lead to; absent for a file in memory, which stays open.
    place: Option<(Neighbours, Found)>,
    inner: Option<Arc<Inner>>,
    used: u64,
}

impl OpenFiles {
    pub(crate) fn new(limits: Limits, map: bool) -> OpenFiles {
        OpenFiles { limits, map, state: Mutex::default() }
    }

    /// Takes in the file that everything begins with.
    pub(crate) fn add_first(&self, inner: &Arc<Inner>, place: Option<(Neighbours, Found)>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = &place {
            state.numbers.insert(found.real.clone(), 0);
        }
        state.files.push(Known { place, inner: Some(inner.clone()), used: u64::MAX });
    }

    /// Takes in what a file has become.
    pub(crate) fn replace(&self, inner: &Arc<Inner>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = state.files.get_mut(usize::from(inner.number)) {
            known.inner = Some(inner.clone());
        }
    }

    /// The file of this number, as it was found.
    fn found(&self, number: u16) -> Option<Found> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Some(state.files.get(usize::from(number))?.place.as_ref()?.1.clone())
    }

    /// The file that was found by some file's neighbours.
    fn open(&self, found: Found, from: &Neighbours) -> Result<Arc<Inner>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let number = match state.numbers.get(&found.real) {
            Some(number) => *number,
            None => {
                let number = state.files.len();
                if number >= MOST_FILES {
                    return Err(Error::limit(format!("the file leads to more than {MOST_FILES} other files")));
                }
                let place = Some((from.of_found(&found)?, found.clone()));
                state.numbers.insert(found.real, number as u16);
                state.files.push(Known { place, inner: None, used: 0 });
                number as u16
            }
        };
        self.get(&mut state, number)
    }

    /// The file of this number.
    fn get(&self, state: &mut State, number: u16) -> Result<Arc<Inner>> {
        state.clock += 1;
        let clock = state.clock;
        let wrong = || Error::damaged(format!("an element of file {number}, which is not open"));
        let known = state.files.get_mut(usize::from(number)).ok_or_else(wrong)?;
        if known.used != u64::MAX {
            known.used = clock;
        }
        if let Some(inner) = &known.inner {
            return Ok(inner.clone());
        }
        let (neighbours, found) = known.place.clone().ok_or_else(wrong)?;
        let inner = Inner::open(found.open(self.map)?, self.limits.clone(), Some(neighbours), number)
            .map_err(|e| e.on(found.real.display().to_string()))?;
        let inner = Arc::new(inner);
        known.inner = Some(inner.clone());
        state.close_oldest();
        Ok(inner)
    }
}

impl OtherHeaps for OpenFiles {
    fn object(&self, file: u16, id: HeapId) -> Result<HeapBytes> {
        let inner = self.get(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner), file)?;
        inner.heap.object(&inner.reader.refuelled(), id)
    }
}

impl State {
    /// Closes what was not asked for longest, if too many are open.
    fn close_oldest(&mut self) {
        let open = || self.files.iter().enumerate().filter(|(_, k)| k.inner.is_some() && k.used != u64::MAX);
        if open().count() > MOST_OPEN
            && let Some((oldest, _)) = open().min_by_key(|(_, k)| k.used)
        {
            self.files[oldest].inner = None;
        }
    }
}

impl File {
    /// Where another file is than the one that everything began with.
    #[cfg(any(feature = "cli", feature = "wasm"))]
    pub(crate) fn place(&self) -> Option<String> {
        let found = (!self.is_first()).then(|| self.found()).flatten()?;
        Some(found.place())
    }

    /// The file as it was found; nothing for one that is nowhere.
    pub(crate) fn found(&self) -> Option<Found> {
        self.open_files.found(self.inner.number)
    }

    /// The other file of this name; `None` if there is none.
    pub(crate) fn neighbour(&self, name: &[u8]) -> Result<Option<File>> {
        let Some(neighbours) = self.inner.reader.neighbours() else {
            let name = String::from_utf8_lossy(name);
            return Err(Error::unsupported(format!("the other file {name}: a file that is not on disk has no others")));
        };
        let Some(found) = neighbours.find(name, crate::io::Search::Hdf5)? else {
            return Ok(None);
        };
        let inner = self.open_files.open(found, neighbours)?;
        Ok(Some(File { inner, ..self.clone() }))
    }
}

/// One call's way through virtual datasets that are made of virtual datasets: how deep it is, and what it may still do.
#[derive(Clone)]
pub(crate) struct Errand {
    depth: u8,
    left: Arc<AtomicU64>,
}

impl Default for Errand {
    fn default() -> Self {
        Errand { depth: 0, left: Arc::new(AtomicU64::new(MOST_SOURCES)) }
    }
}

impl Errand {
    /// The same on its way, or a new one where a call begins.
    pub(crate) fn begin(&self) -> Errand {
        if self.depth == 0 { Errand::default() } else { self.clone() }
    }

    /// One source further on.
    pub(crate) fn deeper(&self) -> Result<Errand> {
        if self.depth >= MOST_NESTED {
            let message = format!("virtual datasets made of one another, more than {MOST_NESTED} deep");
            return Err(Error::limit(message));
        }
        Ok(Errand { depth: self.depth + 1, left: self.left.clone() })
    }

    /// Counts one source that is opened or read.
    pub(crate) fn count(&self) -> Result<()> {
        let left = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        left.map(drop)
            .map_err(|_| Error::limit(format!("more than {MOST_SOURCES} sources of virtual datasets in one call")))
    }
}
