//! A file that is being written under another name, and what is needed to go on with it after the program was killed.
//!
//! `set.h5.part` takes the place of `set.h5` once it is whole. Every so many bytes a line is added to `set.h5.journal`:
//! the chunks that are stored for good by then, and which images they are of. Whoever finds both can go on there; a line
//! that was torn counts as none. While a program writes it holds a lock on the part, so there is never a second one.

use super::report::{Changes, Skipped};
use crate::commands::output::{self, printable};
use crate::error::{Error, ErrorKind, Result};
use crate::io::{Store, sync_folder_of};
use crate::{Checkpoint, CheckpointChunk};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How far a file is.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) stored: Checkpoint,
    /// The place of the next image to look at.
    pub(super) place: u64,
    /// Places before that are not stored, in order.
    pub(super) dropped: Vec<u64>,
    pub(super) skipped: Vec<(u64, Skipped)>,
    pub(super) more_frames: Changes,
    pub(super) scaled: Changes,
}

/// The first line: what the file is to become.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    tool: String,
    /// Stands for the options and the files.
    work: String,
}

/// A further line: what has come since the one before.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) rows: u64,
    pub(super) end: u64,
    pub(super) place: u64,
    /// Address, size, skipped filters.
    pub(super) chunks: Vec<(u64, u32, u32)>,
    pub(super) dropped: Vec<u64>,
    pub(super) skipped: Vec<(u64, Skipped)>,
    pub(super) more_frames: Changes,
    pub(super) scaled: Changes,
}

/// A file on its way to its name. Dropped before [`finish`](Draft::finish) it is gone, unless it can be gone on with.
pub(super) struct Draft {
    target: PathBuf,
    part: PathBuf,
    journal: PathBuf,
    overwrite: bool,
    store: PartStore,
    /// Open once there is a line in it.
    lines: Option<File>,
    head: Head,
    finished: bool,
}

impl Draft {
    /// Begins the file that is to stand at `target`, or goes on with what an earlier run has left of the same `work`.
    ///
    /// # Errors
    /// `Conflict` if another program is at it, if `target` is there and not to be replaced, or if an earlier run has left
    /// something else.
    pub(super) fn begin(target: &Path, overwrite: bool, work: &str) -> Result<(Draft, Option<State>)> {
        let target = output::real(target);
        if target.metadata().is_ok_and(|there| !there.is_file()) {
            let message = format!("{} is not a regular file", printable(&target));
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let (part, journal) = (beside(&target, "part"), beside(&target, "journal"));
        let file = lock(&part)?;
        output::check(&target, overwrite).inspect_err(|_| {
            // It was empty until now, or is another run's that has ended meanwhile.
            if file.metadata().is_ok_and(|f| f.len() == 0) {
                let _ = std::fs::remove_file(&part);
            }
        })?;
        let tool = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned();
        let head = Head { tool, work: work.to_owned() };
        let (found, good) = read(&journal, &head, file.metadata()?.len())?;
        let state = match found {
            Found::Nothing => None,
            Found::Ours(state) => Some(state),
            Found::Other if overwrite => None,
            Found::Other => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "{} is what a run with other options, or of files that have changed since, has left; \
                         delete it to begin anew, or add --overwrite",
                        printable(&part)
                    ),
                ));
            }
        };
        let lines = match &state {
            Some(state) => {
                file.set_len(state.stored.end)?;
                let mut lines = OpenOptions::new().write(true).open(&journal)?;
                lines.set_len(good)?;
                lines.seek(SeekFrom::End(0))?;
                Some(lines)
            }
            None => {
                file.set_len(0)?;
                remove(&journal)?;
                None
            }
        };
        let store = PartStore { file: Arc::new(Mutex::new(file)), name: printable(&target) };
        Ok((Draft { target, part, journal, overwrite, store, lines, head, finished: false }, state))
    }

    /// Where the bytes go.
    pub(super) fn store(&self) -> impl Store + use<> {
        self.store.clone()
    }

    /// Notes how far it is. All that the line says is on the disk already.
    pub(super) fn note(&mut self, line: &Line) -> Result<()> {
        let mut text = String::new();
        let lines = match &mut self.lines {
            Some(lines) => lines,
            none => {
                text = written(&self.head)?;
                none.insert(File::create(&self.journal).map_err(|e| Error::from(e).on(printable(&self.journal)))?)
            }
        };
        text.push_str(&written(line)?);
        let kept = lines.write_all(text.as_bytes()).and_then(|()| lines.sync_data());
        kept.map_err(|e| Error::from(e).on(printable(&self.journal)))?;
        Ok(())
    }

    /// What is left if it is dropped now, in words.
    pub(super) fn left(&self) -> Option<String> {
        let part = printable(&self.part);
        self.lines.as_ref().map(|_| format!("{part} keeps what is done; the same command goes on from there"))
    }

    /// Gives the file, which is written and synced, its name.
    pub(super) fn finish(mut self) -> Result<()> {
        let placed = self.place();
        placed.map_err(|e| Error::new(e.kind(), e.message()).on(printable(&self.target)))?;
        self.finished = true;
        remove(&self.journal)?;
        sync_folder_of(&self.target)
    }

    fn place(&self) -> Result<()> {
        if self.overwrite {
            if let Ok(there) = self.target.metadata() {
                // A folder that knows no permissions is no reason to stop.
                let _ = std::fs::set_permissions(&self.part, there.permissions());
            }
            return Ok(std::fs::rename(&self.part, &self.target)?);
        }
        // A link never replaces anything, unlike a rename.
        match std::fs::hard_link(&self.part, &self.target) {
            Ok(()) => Ok(std::fs::remove_file(&self.part)?),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Error::new(ErrorKind::Conflict, "it exists by now; add --overwrite to replace it"))
            }
            // Some file systems know no links: look, and rename.
            Err(_) if self.target.symlink_metadata().is_err() => Ok(std::fs::rename(&self.part, &self.target)?),
            Err(e) => Err(e.into()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished && self.lines.is_none() {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

/// The files that a conversion to `target` writes.
pub(super) fn files_of(target: &Path) -> [PathBuf; 3] {
    let target = output::real(target);
    let (part, journal) = (beside(&target, "part"), beside(&target, "journal"));
    [target, part, journal]
}

/// `set.h5.part`; a name that would be longer than file systems allow is cut.
fn beside(target: &Path, suffix: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let mut end = name.len().min(240);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    target.with_file_name(format!("{}.{suffix}", &name[..end]))
}

/// Opens a part for one program alone.
fn lock(part: &Path) -> Result<File> {
    let shown = printable(part);
    loop {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(part);
        let file = opened.map_err(|e| Error::from(e).on(shown.clone()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("another program is writing {shown}; wait for it, or choose another --output");
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            // Some network folders know no locks.
            Err(TryLockError::Error(_)) => return Ok(file),
        }
        // Between opening and locking it may have been given its name: then the lock is on a finished file.
        if is_still(&file, part) {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |m: std::fs::Metadata| (m.dev(), m.ino());
    matches!((file.metadata().map(id), path.metadata().map(id)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(not(unix))]
fn is_still(_: &File, path: &Path) -> bool {
    path.exists()
}

/// What a journal is of.
enum Found {
    Nothing,
    Ours(State),
    Other,
}

/// Reads a journal; says up to where its lines are whole. The part has `length` bytes.
fn read(path: &Path, head: &Head, length: u64) -> Result<(Found, u64)> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes).map_err(|e| Error::from(e).on(printable(path)))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((Found::Nothing, 0)),
        Err(e) => return Err(Error::from(e).on(printable(path))),
    };
    let mut good = 0u64;
    let mut lines = bytes.split_inclusive(|&b| b == b'\n').filter(|line| line.ends_with(b"\n"));
    let Some(first) = lines.next() else {
        return Ok((Found::Nothing, 0));
    };
    if !serde_json::from_slice::<Head>(first).is_ok_and(|found| found == *head) {
        return Ok((Found::Other, 0));
    }
    good += first.len() as u64;
    let mut state: Option<State> = None;
    for text in lines {
        let Ok(line) = serde_json::from_slice::<Line>(text) else { break };
        if line.end > length {
            break;
        }
        good += text.len() as u64;
        state.get_or_insert_default().add(line);
    }
    Ok((state.map_or(Found::Nothing, Found::Ours), good))
}

impl State {
    fn add(&mut self, line: Line) {
        (self.stored.rows, self.stored.end, self.place) = (line.rows, line.end, line.place);
        let first = self.stored.chunks.len() as u64;
        let chunk = |(number, (address, size, mask))| CheckpointChunk { number, address, size, mask };
        self.stored.chunks.extend((first..).zip(line.chunks).map(chunk));
        self.dropped.extend(line.dropped);
        self.skipped.extend(line.skipped);
        (self.more_frames, self.scaled) = (line.more_frames, line.scaled);
    }
}

fn written(value: &impl Serialize) -> Result<String> {
    let mut text = serde_json::to_string(value).map_err(std::io::Error::from)?;
    text.push('\n');
    Ok(text)
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::from(e).on(printable(path))),
        _ => Ok(()),
    }
}

/// The bytes of a part.
#[derive(Clone)]
struct PartStore {
    file: Arc<Mutex<File>>,
    name: String,
}

impl PartStore {
    fn with<R>(&self, work: impl FnOnce(&mut File) -> std::io::Result<R>) -> Result<R> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut file).map_err(|e| Error::from(e).on(self.name.clone()))
    }
}

impl Store for PartStore {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        self.with(|file| {
            file.seek(SeekFrom::Start(position))?;
            file.write_all(bytes)
        })
    }

    fn sync(&self) -> Result<()> {
        self.with(|file| file.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(end: u64) -> Line {
        Line {
            rows: end / 10,
            end,
            place: end / 10,
            chunks: vec![(end - 10, 10, 0)],
            dropped: Vec::new(),
            skipped: Vec::new(),
            more_frames: Changes::default(),
            scaled: Changes::default(),
        }
    }

    #[test]
    fn what_is_noted_is_found_again_but_for_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.h5");
        let (mut draft, none) = Draft::begin(&target, false, "work").unwrap();
        assert!(none.is_none());
        for end in [60, 70, 80] {
            draft.store().write_at(0, &vec![1; end as usize]).unwrap();
            draft.note(&line(end)).unwrap();
        }
        // The third line's bytes never reached the disk; the fourth line is torn.
        draft.store.with(|file| file.set_len(75)).unwrap();
        drop(draft);
        OpenOptions::new().append(true).open(beside(&target, "journal")).unwrap().write_all(b"{\"rows\":9").unwrap();
        let (mut draft, state) = Draft::begin(&target, false, "work").unwrap();
        let state = state.unwrap();
        assert_eq!((state.stored.end, state.stored.chunks.len(), state.place), (70, 2, 7));
        assert_eq!(beside(&target, "part").metadata().unwrap().len(), 70);
        draft.note(&line(90)).unwrap();
        draft.store().write_at(89, &[1]).unwrap();
        drop(draft);
        let (draft, state) = Draft::begin(&target, false, "work").unwrap();
        assert_eq!(state.unwrap().stored.chunks.len(), 3);
        draft.finish().unwrap();
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["set.h5"]);
    }

    #[test]
    fn the_rest_of_another_work_is_not_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.h5");
        let (mut draft, _) = Draft::begin(&target, false, "a").unwrap();
        draft.store().write_at(0, &[1; 60]).unwrap();
        draft.note(&line(60)).unwrap();
        drop(draft);
        let why = |work, overwrite| Draft::begin(&target, overwrite, work).map(|(_, state)| state.is_some());
        assert!(why("b", false).unwrap_err().to_string().contains("set.h5.part"));
        assert!(why("a", false).unwrap());
        assert!(!why("b", true).unwrap());
        // Nothing is left of it by then.
        assert!(!why("a", false).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn two_programs_never_write_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.h5");
        let (first, _) = Draft::begin(&target, false, "a").unwrap();
        let error = Draft::begin(&target, false, "a").map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("another program is writing"), "{error}");
        first.finish().unwrap();
        let error = Draft::begin(&target, false, "a").map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("exists"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_name_as_long_as_the_system_allows_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("é".repeat(127));
        Draft::begin(&target, false, "a").unwrap().0.finish().unwrap();
        assert!(target.is_file());
    }
}
