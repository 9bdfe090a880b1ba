//! Which room of an edited file is whose, so that what earlier commits wrote and later ones replaced is used again.
//!
//! Only room that this editor wrote itself counts: what was in the file when it was opened stays as it is, for readers that
//! had it open before. If the editor was asked to look for room that nothing leads to (`unused.rs`), that counts, too; it
//! looks before its first change, and again when a sixteenth of the file has gone since. What a commit replaces is needed by
//! who reads the state before it. So it waits until one more commit is made, and until no [`File`] of that state, or of one
//! before it, is left in this program. Other programs are kept out by the lock; one that reads without a lock sees what it
//! opened until the commit after the next.
//!
//! What is remembered is lost with the editor: a file that is opened anew grows first, or is looked through.

use super::dropped::Dropped;
use crate::bytes::Address;
use crate::error::Result;
use crate::file::File;
use crate::index::heap_writer::Closed;
use crate::index::reuse::{Ranges, Reuse};
use crate::index::space::Space;
use crate::open_files::OpenFiles;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Weak};

/// What of an object a piece of room holds; all of it is written together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Header,
    Attributes,
    Links,
    /// The elements, but for chunks, which their index knows.
    Data,
    /// What the builder wrote of it, when it was new: all but the elements.
    Made,
}

/// Pieces of room: where they are, and their bytes.
pub(super) type Pieces = Vec<(u64, u64)>;

/// The room of a file that is edited.
#[derive(Default)]
pub(super) struct Ledger {
    /// Where the file ended when it was opened; nothing before that.
    ours: Option<u64>,
    owned: HashMap<(Address, Part), Pieces>,
    /// Collections of the global heap: bytes, and how many of their objects are used.
    heap: BTreeMap<u64, (u64, u32)>,
    /// Objects of the heap that a change does without.
    dropped: Dropped,
    /// What each of the last commits has replaced, with who may read the state before it: the oldest first.
    waiting: VecDeque<(Weak<OpenFiles>, Ranges)>,
    spare: Ranges,
    /// What was there before this editor, and nothing led to when it looked.
    found: Ranges,
    /// Where it looks: how many bytes have gone since of what is neither found nor its own.
    gone: Option<u64>,
}

impl Ledger {
    /// Whether so much has gone of what is not this editor's that it is worth looking for it in a file that ends at `end`.
    pub(super) fn is_worth_a_look(&self, end: u64) -> bool {
        self.gone.is_some_and(|gone| gone > 0 && gone >= end / 16)
    }

    /// Takes in what nothing leads to in a file that ends at `end`, before its first change or after a commit. Who reads
    /// the state before that commit may need what is new of it.
    pub(super) fn find(&mut self, unused: Ranges, end: u64) {
        let mut ours = self.found.clone();
        let at = *self.ours.get_or_insert(end);
        ours.add(at, u64::MAX - at);
        let found = unused.without(&ours);
        match self.waiting.back_mut() {
            Some((_, ranges)) => ranges.extend(found.clone()),
            None => self.spare.extend(found.clone()),
        }
        self.found.extend(found);
        self.gone = Some(0);
    }

    /// The room for the changes of one commit to a file that ends at `end`.
    pub(super) fn begin(&mut self, end: u64) -> Reuse {
        let ours = *self.ours.get_or_insert(end);
        let (found, spare) = (self.found.clone(), std::mem::take(&mut self.spare));
        Reuse { ours, found, since: end, spare, gone: self.gone.map(|_| 0), ..Reuse::default() }
    }

    /// Lets `write` write a part of an object anew; what it was gives its room back.
    pub(super) fn replace<R>(
        &mut self,
        space: &mut Space,
        object: Address,
        part: Part,
        write: impl FnOnce(&mut Space) -> Result<R>,
    ) -> Result<R> {
        let (done, pieces) = space.owned(write)?;
        let old = match (pieces.is_empty(), part) {
            // Elements may be patched where they are, or not at all.
            (true, Part::Data) => None,
            (true, _) => self.owned.remove(&(object, part)),
            (false, _) => self.owned.insert((object, part), pieces),
        };
        for (at, length) in old.into_iter().flatten() {
            space.free(Address(at), length);
        }
        Ok(done)
    }

    /// Takes in what new objects have taken.
    pub(super) fn made(&mut self, objects: Vec<(Address, Pieces)>) {
        for (object, pieces) in objects.into_iter().filter(|(_, pieces)| !pieces.is_empty()) {
            self.owned.entry((object, Part::Made)).or_default().extend(pieces);
        }
    }

    /// An object is gone, with all its parts, its header of `header` bytes to begin with. Its elements are, too: `elements`
    /// says where they are, given whether the ledger knows those in one piece.
    pub(super) fn release(
        &mut self,
        space: &mut Space,
        object: Address,
        header: u64,
        elements: impl FnOnce(bool) -> Vec<(Address, u64)>,
    ) {
        if space.asks_for_old() {
            let known = self.owned.contains_key(&(object, Part::Data));
            elements(known).into_iter().for_each(|(at, length)| space.free(at, length));
        }
        if !self.owned.contains_key(&(object, Part::Made)) {
            self.gone = self.gone.map(|gone| gone.saturating_add(header));
        }
        for part in [Part::Header, Part::Attributes, Part::Links, Part::Data, Part::Made] {
            for (at, length) in self.owned.remove(&(object, part)).into_iter().flatten() {
                space.free(Address(at), length);
            }
        }
    }

    /// Takes in the collections of the heap that were written.
    pub(super) fn know_heap(&mut self, closed: Vec<Closed>) {
        self.heap.extend(closed.into_iter().map(|c| (c.at.get(), (c.bytes, c.objects))));
    }

    /// Whether anything of the heap is known: only then it is of use to say what is dropped of it.
    pub(super) fn knows_heap(&self) -> bool {
        !self.heap.is_empty()
    }

    /// Objects of the heap are done without.
    pub(super) fn drop_from_heap(&mut self, dropped: Dropped) {
        self.dropped.extend(dropped);
    }

    /// Lets the collections give their room back of which nothing is used any more.
    pub(super) fn settle_heap(&mut self, space: &mut Space) {
        for (at, count) in std::mem::take(&mut self.dropped).0 {
            // What was there before the file was opened is not known here.
            let Some((bytes, used)) = self.heap.get_mut(&at) else { continue };
            *used = used.saturating_sub(count);
            if *used == 0 {
                space.free(Address(at), *bytes);
                self.heap.remove(&at);
            }
        }
    }

    /// A commit is made: `file` shows the state before it.
    pub(super) fn end(&mut self, reuse: Reuse, file: &File) {
        self.spare.extend(reuse.spare);
        self.gone = self.gone.zip(reuse.gone).map(|(gone, more)| gone.saturating_add(more));
        // One commit has passed for what waits already.
        while self.waiting.front().is_some_and(|(readers, _)| readers.strong_count() == 0)
            && let Some((_, ranges)) = self.waiting.pop_front()
        {
            self.spare.extend(ranges);
        }
        self.waiting.push_back((Arc::downgrade(&file.open_files), reuse.retired));
    }
}

#[cfg(test)]
mod tests {
    use crate::io::{MemoryStore, Source};
    use crate::{CreateOptions, EditOptions, File, FileEdit, FileMut, LibVer, Object, Reference, Result};
    use std::sync::Arc;

    /// A file with everything that [`rewrite`] changes.
    fn made() -> MemoryStore {
        let store = MemoryStore::default();
        let mut file = FileMut::on_store(store.clone());
        let data = file.build("data").element::<i32>().shape([64]).chunks([16]).deflate(1).fill_value(-1);
        data.create().unwrap().set_attribute("unit", "m").unwrap();
        file.create_group("group").unwrap();
        file.commit().unwrap();
        store
    }

    /// An editor that looks for room that earlier ones left.
    fn edit_again(store: &MemoryStore) -> FileEdit {
        File::edit_on(Arc::new(store.clone()), EditOptions::new().reuse_space(true)).unwrap()
    }

    fn edit(store: &MemoryStore) -> FileEdit {
        File::edit_on(Arc::new(store.clone()), EditOptions::new()).unwrap()
    }

    /// Changes what needs room of every kind: attributes in the header, in the heap and dense, links, chunks.
    fn rewrite(edit: &mut FileEdit, round: i32) -> Result<()> {
        edit.set_attribute("data", "text", format!("round {round:06}"))?;
        edit.set_attribute("data", "numbers", [round; 100])?;
        (0..20).try_for_each(|i| edit.set_attribute("group", format!("n{i:02}"), [round; 20]))?;
        edit.write("data", .., (0..64).map(|i| i * round).collect::<Vec<i32>>())?;
        edit.link_soft(format!("group/link{round:06}"), "/data")?;
        if round > 20 {
            edit.remove(format!("group/link{:06}", round - 20))?;
        }
        edit.commit()
    }

    fn check(store: &MemoryStore, round: i32) {
        let file = File::from_bytes(store.bytes()).unwrap();
        let data = file.dataset("data").unwrap();
        assert!(data.read::<Vec<i32>>().unwrap().iter().zip(0..).all(|(v, i)| *v == i * round));
        let text: String = data.attribute("text").unwrap().unwrap().read_one().unwrap();
        assert_eq!(text, format!("round {round:06}"));
        let group = file.group("group").unwrap();
        assert_eq!(group.attribute("n07").unwrap().unwrap().read::<Vec<i32>>().unwrap(), [round; 20]);
        assert_eq!(group.links().unwrap().count(), round.min(20) as usize);
    }

    #[test]
    fn a_thousand_rewrites_do_not_grow_the_file() {
        let store = made();
        let mut edit = edit(&store);
        let mut sizes = Vec::new();
        for round in 1..=1000 {
            rewrite(&mut edit, round).unwrap();
            if round % 50 == 0 {
                check(&store, round);
            }
            sizes.push(store.size().unwrap());
        }
        assert!(sizes[999] <= sizes[99], "{:?}", sizes.iter().step_by(50).collect::<Vec<_>>());
        assert!(sizes[999] < 8 * sizes[0], "{} {}", sizes[0], sizes[999]);
    }

    #[test]
    fn editors_that_look_for_room_do_not_grow_the_file() {
        let store = made();
        let big = |round: i32| (0..300_000).map(|i| i ^ round).collect::<Vec<i32>>();
        let texts = |round: i32| (0..200).map(|i| format!("{round} {}", "text ".repeat(i % 30))).collect::<Vec<_>>();
        let mut sizes = Vec::new();
        for round in 1..=30 {
            let mut edit = edit_again(&store);
            rewrite(&mut edit, 2 * round - 1).unwrap();
            if round > 1 {
                edit.remove("big").unwrap();
                edit.remove("texts").unwrap();
                edit.commit().unwrap();
            }
            // Of more than is zeroed at a time.
            edit.build("big").unwrap().write(big(round)).unwrap();
            edit.build("texts").unwrap().write(texts(round)).unwrap();
            edit.commit().unwrap();
            rewrite(&mut edit, 2 * round).unwrap();
            check(&store, 2 * round);
            let file = File::from_bytes(store.bytes()).unwrap();
            assert_eq!(file.dataset("big").unwrap().read::<Vec<i32>>().unwrap(), big(round));
            assert_eq!(file.dataset("texts").unwrap().read::<Vec<String>>().unwrap(), texts(round));
            sizes.push(store.size().unwrap());
        }
        assert!(sizes[29] <= sizes[4] * 11 / 10, "{sizes:?}");
        // One that does not look lets it grow.
        let before = store.size().unwrap();
        rewrite(&mut edit(&store), 61).unwrap();
        assert!(store.size().unwrap() > before);
    }

    fn numbers(seed: i32) -> Vec<i32> {
        (0..10_000).map(|k| k ^ seed).collect()
    }

    /// A file with much of each kind.
    fn full() -> MemoryStore {
        let store = MemoryStore::default();
        let mut file = FileMut::on_store(store.clone());
        file.build("plain").write(numbers(1)).unwrap();
        file.build("chunked").chunks([1000]).deflate(1).write(numbers(2)).unwrap();
        file.build("texts").write((0..2000).map(|i| format!("text {i}")).collect::<Vec<_>>()).unwrap();
        (0..400).for_each(|i| drop(file.create_group(format!("groups/{i}")).unwrap()));
        file.commit().unwrap();
        store
    }

    /// How much a file grows when something of it is removed and, a commit later, something new is made of half its size;
    /// and whether somebody goes on reading what was removed.
    fn growth(gone: &str, looks: bool, is_read: bool) -> u64 {
        let store = full();
        let mut edit = if looks { edit_again(&store) } else { edit(&store) };
        let plain = is_read.then(|| edit.file().unwrap().dataset("plain").unwrap());
        edit.remove(gone).unwrap();
        edit.commit().unwrap();
        let size = store.size().unwrap();
        edit.set_attribute("/", "round", 1).unwrap();
        edit.commit().unwrap();
        match gone {
            "groups" => (0..200).for_each(|i| drop(edit.create_group(format!("new/{i}")).unwrap())),
            _ => drop(edit.build("new").unwrap().write(numbers(3)[..5000].to_vec()).unwrap()),
        }
        edit.commit().unwrap();
        let file = File::from_bytes(store.bytes()).unwrap();
        let read = |name: &str| file.dataset(name).unwrap().read::<Vec<i32>>().unwrap();
        for (name, seed) in [("plain", 1), ("chunked", 2)].into_iter().filter(|(name, _)| *name != gone) {
            assert_eq!(read(name), numbers(seed), "{gone}");
        }
        assert!(gone == "groups" || read("new") == numbers(3)[..5000]);
        assert!(plain.is_none_or(|plain| plain.read::<Vec<i32>>().unwrap() == numbers(1)));
        store.size().unwrap() - size
    }

    #[test]
    fn what_goes_of_what_was_there_before_is_room_for_the_commit_after_the_next() {
        for gone in ["plain", "chunked", "texts", "groups"] {
            let (grown, without) = (growth(gone, true, false), growth(gone, false, false));
            assert!(grown < 1000 && without > 4000, "{gone} {grown} {without}");
        }
        assert!(growth("plain", true, true) > 20_000);
    }

    /// Whether a file grows by something new after something was removed.
    fn grows(store: &MemoryStore) -> bool {
        let mut edit = edit_again(store);
        edit.remove("data").unwrap();
        edit.commit().unwrap();
        drop(edit);
        let before = store.size().unwrap();
        let mut edit = edit_again(store);
        edit.build("new").unwrap().write([0i32; 30]).unwrap();
        edit.commit().unwrap();
        store.size().unwrap() > before
    }

    #[test]
    fn what_only_references_lead_to_is_not_written_over() {
        let store = MemoryStore::default();
        let mut file = FileMut::on_store(store.clone());
        file.build("data").write([7i32; 100]).unwrap();
        file.build("far").write([8i32; 100]).unwrap();
        let to = file.reference("far").unwrap();
        file.set_attribute("to", to).unwrap();
        file.commit().unwrap();
        assert!(!grows(&MemoryStore::holding(store.bytes())));
        let mut edit = edit(&store);
        edit.remove("far").unwrap();
        edit.commit().unwrap();
        drop(edit);
        assert!(grows(&store));
        let file = File::from_bytes(store.bytes()).unwrap();
        let to: Reference = file.root().unwrap().attribute("to").unwrap().unwrap().read_one().unwrap();
        let Object::Dataset(far) = file.dereference(&to).unwrap() else { panic!("no dataset") };
        assert_eq!(far.read::<Vec<i32>>().unwrap(), [8; 100]);
    }

    #[test]
    fn where_something_is_not_known_no_room_is_found() {
        let store = MemoryStore::default();
        let mut file = FileMut::on_store_with(store.clone(), CreateOptions::new().libver(LibVer::Earliest)).unwrap();
        file.build("data").write([7i32; 100]).unwrap();
        file.set_attribute("unit", "m").unwrap();
        file.commit().unwrap();
        assert!(!grows(&MemoryStore::holding(store.bytes())));
        let mut bytes = store.bytes();
        let name = bytes.windows(5).position(|w| w == b"unit\0").unwrap();
        // Two bytes of each attribute message's type, before its own fields and those of its header.
        let kind = &mut bytes[name - 16..name - 14];
        assert_eq!(kind, [12, 0]);
        kind[0] = 77;
        assert!(grows(&MemoryStore::holding(bytes.clone())));
        // Damaged.
        bytes[name - 16] = 12;
        bytes[name - 8] = 9;
        assert!(grows(&MemoryStore::holding(bytes)));
    }

    #[test]
    fn who_reads_an_earlier_state_goes_on_reading_it() {
        let store = made();
        let mut edit = edit(&store);
        for round in 1..=5 {
            rewrite(&mut edit, round).unwrap();
        }
        let old = edit.file().unwrap().dataset("data").unwrap();
        for round in 6..=40 {
            rewrite(&mut edit, round).unwrap();
            assert!(old.read::<Vec<i32>>().unwrap().iter().zip(0..).all(|(v, i)| *v == i * 5), "{round}");
        }
        drop(old);
        // The next commit finds that nobody reads it any more, and those after it use the room.
        rewrite(&mut edit, 41).unwrap();
        let grown = store.size().unwrap();
        for round in 42..=80 {
            rewrite(&mut edit, round).unwrap();
        }
        check(&store, 80);
        assert!(store.size().unwrap() <= grown, "{} {grown}", store.size().unwrap());
    }

    #[test]
    fn objects_that_come_and_go_do_not_grow_the_file() {
        let store = made();
        let mut edit = edit(&store);
        let mut sizes = Vec::new();
        for round in 0..40 {
            let values: Vec<i32> = (0..1_024).map(|i| i * (round + 1)).collect();
            edit.build(format!("run{round}/chunks")).unwrap().chunks([64]).shuffle().deflate(1).write(&values).unwrap();
            edit.build(format!("run{round}/plain")).unwrap().write(&values).unwrap();
            edit.commit().unwrap();
            // In new space and an index that the ledger knows.
            edit.write(format!("run{round}/chunks"), .., &values[..]).unwrap();
            edit.write(format!("run{round}/plain"), .., &values[..]).unwrap();
            edit.commit().unwrap();
            if round >= 3 {
                edit.remove(format!("run{}", round - 3)).unwrap();
            }
            edit.commit().unwrap();
            let file = File::from_bytes(store.bytes()).unwrap();
            for (name, kept) in (0..=round).rev().take(3).flat_map(|r| ["chunks", "plain"].map(|n| (n, r))) {
                let read: Vec<i32> = file.dataset(&format!("run{kept}/{name}")).unwrap().read().unwrap();
                assert!(read.iter().zip(0..).all(|(v, i)| *v == i * (kept + 1)), "{round} {kept} {name}");
            }
            sizes.push(store.size().unwrap());
        }
        assert!(sizes[39] < 2 * sizes[4], "{:?}", sizes.iter().step_by(5).collect::<Vec<_>>());
    }

    #[test]
    fn texts_that_come_and_go_do_not_grow_the_file() {
        let store = made();
        let mut edit = edit(&store);
        let texts = |n: usize, round: usize| -> Vec<String> {
            (0..n).map(|i| format!("{round} {}", "text ".repeat(20 + (i + round) % 30))).collect()
        };
        let mut sizes = Vec::new();
        for round in 0..60 {
            if round == 0 {
                edit.build("plain").unwrap().write(texts(100, 0)).unwrap();
                let chunked = edit.build("chunked").unwrap().element::<String>().shape([100]).max_shape([None]);
                chunked.chunks([16]).deflate(1).create().unwrap();
                edit.commit().unwrap();
            }
            // Twice: the first ones are never in the file.
            for round in [round + 1000, round] {
                edit.write("plain", .., texts(100, round)).unwrap();
                edit.write("chunked", .., texts(100, round)).unwrap();
            }
            edit.append("chunked", texts(50, round)).unwrap();
            edit.build(format!("run{round}")).unwrap().write(texts(100, round)).unwrap();
            edit.commit().unwrap();
            edit.resize("chunked", [100]).unwrap();
            if round >= 3 {
                edit.remove(format!("run{}", round - 3)).unwrap();
            }
            edit.commit().unwrap();
            let file = File::from_bytes(store.bytes()).unwrap();
            for name in ["plain", "chunked", &format!("run{round}")] {
                assert_eq!(file.dataset(name).unwrap().read::<Vec<String>>().unwrap(), texts(100, round), "{name}");
            }
            sizes.push(store.size().unwrap());
        }
        assert!(sizes[59] < 2 * sizes[5], "{:?}", sizes.iter().step_by(5).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_there_when_the_file_was_opened_is_not_written_over() {
        let store = made();
        rewrite(&mut edit(&store), 3).unwrap();
        // Rounds below 20 take no link away.
        let other = File::from_source(Arc::new(store.clone()), Default::default()).unwrap().dataset("data").unwrap();
        let mut edit = edit(&store);
        for round in 4..=20 {
            rewrite(&mut edit, round).unwrap();
        }
        assert!(other.read::<Vec<i32>>().unwrap().iter().zip(0..).all(|(v, i)| *v == i * 3));
        let group = File::from_bytes(store.bytes()).unwrap().group("group").unwrap();
        assert_eq!(group.links().unwrap().count(), 18);
    }
}
