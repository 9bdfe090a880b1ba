//! Families, split files and those that others change with, stopped anywhere while they are edited: each of their files is one
//! that the disk, or the system, does its own things with. `tests/crash.rs` does the same with files that are one.

mod beside;

use crate::io::{
    Device, FamilyDevice, FurtherMembers, JoinedSource, Member, MemorySource, MemoryStore, Source, SplitDevice, Store,
};
use crate::{EditOptions, Error, ErrorKind, File, FileEdit, FileMut, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What is done to a file.
#[derive(Clone, Debug)]
enum Op {
    Make,
    Remove,
    Write(u64, Vec<u8>),
    Resize(u64),
    Sync,
}

/// What was done, and to which file; to the folder as file `FOLDER`.
#[derive(Clone, Default)]
struct Log {
    ops: Arc<Mutex<Vec<(u64, Op)>>>,
    /// How much is done before everything fails.
    good: Option<usize>,
}

const FOLDER: u64 = u64::MAX;

impl Log {
    fn add(&self, number: u64, op: Op) -> Result<()> {
        let mut ops = self.ops.lock().unwrap();
        if self.good == Some(ops.len()) {
            return Err(Error::new(ErrorKind::Io, "injected fault"));
        }
        ops.push((number, op));
        Ok(())
    }

    fn len(&self) -> usize {
        self.ops.lock().unwrap().len()
    }
}

/// The files that there are, by their numbers.
type Files = BTreeMap<u64, Vec<u8>>;

struct Part {
    number: u64,
    now: MemoryStore,
    log: Log,
}

impl Source for Part {
    fn size(&self) -> Result<u64> {
        self.now.size()
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        self.now.read_at(position, buffer)
    }
}

impl Store for Part {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        let done = self.log.add(self.number, Op::Write(position, bytes.to_vec()));
        // A write that fails may have begun.
        self.now.write_at(position, if done.is_ok() { bytes } else { &bytes[..bytes.len() / 2] })?;
        done
    }

    fn sync(&self) -> Result<()> {
        self.log.add(self.number, Op::Sync)
    }
}

impl Device for Part {
    fn resize(&self, size: u64) -> Result<()> {
        self.log.add(self.number, Op::Resize(size))?;
        self.now.resize(size)
    }
}

/// Where members are made: among others that are there, as on disk.
struct Folder {
    others: Files,
    log: Log,
}

impl FurtherMembers for Folder {
    fn make(&self, number: u64) -> Result<Member> {
        if self.others.get(&number).is_some_and(|there| !there.is_empty()) {
            return Err(Error::conflict(format!("member {number} is there")));
        }
        self.log.add(number, Op::Make)?;
        Ok(Arc::new(Part { number, now: MemoryStore::default(), log: self.log.clone() }))
    }

    fn remove(&self, number: u64) -> Result<()> {
        self.log.add(number, Op::Remove)
    }

    fn sync(&self) -> Result<()> {
        self.log.add(FOLDER, Op::Sync)
    }
}

/// How a file is spread over several.
#[derive(Clone, Copy)]
enum Kind {
    /// With room for so many bytes in each.
    Family(u64),
    /// The second one begins at this address.
    Split(u64),
    /// The others are what it leads to.
    Beside,
}

impl Kind {
    fn start(self, number: u64) -> u64 {
        match self {
            Kind::Family(room) => number * room,
            Kind::Split(second) => number * second,
            Kind::Beside => 0,
        }
    }

    /// Those that belong to it, as `object/members.rs` finds them: behind each full member of a family there may be one.
    fn parts(self, files: &Files) -> Vec<(u64, &Vec<u8>)> {
        let mut found: Vec<(u64, &Vec<u8>)> = Vec::new();
        for (&number, bytes) in files {
            let goes_on = match self {
                Kind::Family(room) => {
                    number == found.len() as u64 && found.last().is_none_or(|f| f.1.len() as u64 == room)
                }
                Kind::Split(_) => true,
                Kind::Beside => number == 0,
            };
            if goes_on {
                found.push((number, bytes));
            }
        }
        found
    }

    fn open(self, files: &Files) -> Result<File> {
        match self {
            Kind::Beside => beside::open(files, 0),
            _ => File::from_source(self.source(files), Default::default()),
        }
    }

    /// What is in those that are files by themselves.
    fn alone(self, files: &Files) -> Result<BTreeMap<u64, String>> {
        match self {
            Kind::Beside => beside::alone(files),
            _ => Ok(BTreeMap::new()),
        }
    }

    fn edit(self, files: &Files, log: &Log) -> Result<FileEdit> {
        let (device, options) = (self.device(files, log), EditOptions::new());
        match self {
            Kind::Beside => beside::edit(device, files, log),
            _ => File::edit_on(device, options),
        }
    }

    fn source(self, files: &Files) -> Arc<dyn Source> {
        let part = |(number, bytes): (u64, &Vec<u8>)| {
            (self.start(number), Arc::new(MemorySource::new(bytes.clone())) as Arc<dyn Source>)
        };
        Arc::new(JoinedSource::new(self.parts(files).into_iter().map(part).collect()).unwrap())
    }

    fn device(self, files: &Files, log: &Log) -> Arc<dyn Device> {
        let part = |(number, bytes): (u64, &Vec<u8>)| -> (u64, Member) {
            let now = MemoryStore::holding(bytes.clone());
            (self.start(number), Arc::new(Part { number, now, log: log.clone() }))
        };
        let parts: Vec<(u64, Member)> = self.parts(files).into_iter().map(part).collect();
        match self {
            Kind::Split(_) => Arc::new(SplitDevice::new(parts).unwrap()),
            Kind::Beside => parts.into_iter().next().unwrap().1,
            Kind::Family(room) => {
                let further = Folder { others: files.clone(), log: log.clone() };
                let members = parts.into_iter().map(|(_, member)| member).collect();
                Arc::new(FamilyDevice::new(members, room, Box::new(further)))
            }
        }
    }
}

/// Does something to the files. What is done to one that was never made does nothing.
fn apply(files: &mut Files, number: u64, op: &Op) {
    match op {
        Op::Make => _ = files.entry(number).or_default(),
        Op::Remove => _ = files.remove(&number),
        Op::Write(at, data) => {
            let Some(file) = files.get_mut(&number) else { return };
            let (from, to) = (*at as usize, *at as usize + data.len());
            file.resize(file.len().max(to), 0);
            file[from..to].copy_from_slice(data);
        }
        Op::Resize(size) => {
            let Some(file) = files.get_mut(&number) else { return };
            file.resize(*size as usize, 0);
        }
        Op::Sync => {}
    }
}

/// The parts of a write that a disk does one by one.
fn sectors(op: &Op) -> Vec<Op> {
    const SECTOR: u64 = 512;
    let Op::Write(at, data) = op else { return vec![op.clone()] };
    let (mut parts, mut from) = (Vec::new(), 0);
    while from < data.len() {
        let position = at + from as u64;
        let to = data.len().min(from + (SECTOR - position % SECTOR) as usize);
        parts.push(Op::Write(position, data[from..to].to_vec()));
        from = to;
    }
    parts
}

/// Whether something is on the disk for good, after what was done behind it: names with the folder, bytes with their file.
fn is_durable(op: &(u64, Op), behind: &[(u64, Op)]) -> bool {
    let of = if matches!(op.1, Op::Make | Op::Remove) { FOLDER } else { op.0 };
    behind.iter().any(|(number, op)| *number == of && matches!(op, Op::Sync))
}

/// Whether the last of `ops` was syncing a file that nothing was done to since it was last synced.
fn is_idle(ops: &[(u64, Op)]) -> bool {
    let Some(((synced, Op::Sync), before)) = ops.split_last() else { return false };
    let names = |op: &Op| matches!(op, Op::Make | Op::Remove);
    let mut concerned = before.iter().rev().filter(|(n, op)| if names(op) { *synced == FOLDER } else { n == synced });
    matches!(concerned.next(), None | Some((_, Op::Sync)))
}

/// Calls `see` with all files in every state in which `ops`, done to `start`, can be stopped, and the operations done and
/// begun by then.
fn states(start: &Files, ops: &[(u64, Op)], see: &mut dyn FnMut(Files, usize, usize, String)) {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let done = |chosen: &mut dyn Iterator<Item = (u64, Op)>| {
        let mut files = start.clone();
        chosen.for_each(|(number, op)| apply(&mut files, number, &op));
        files
    };
    for stop in 0..=ops.len() {
        if stop > 0 && is_idle(&ops[..stop]) {
            continue;
        }
        let all = done(&mut ops[..stop].iter().cloned());
        see(all.clone(), stop, stop, format!("stopped before {stop}"));
        // The program was stopped within an operation.
        if let Some((number, op)) = ops.get(stop) {
            let mut torn = all;
            for piece in sectors(op) {
                apply(&mut torn, *number, &piece);
                see(torn.clone(), stop, stop + 1, format!("torn in {stop}"));
            }
        }
        // The power failed: of what is not durable any part may have happened.
        let certain: Vec<bool> = (0..stop).map(|i| is_durable(&ops[i], &ops[i + 1..stop])).collect();
        let open: Vec<usize> = (0..stop).filter(|&i| !certain[i] && !matches!(ops[i].1, Op::Sync)).collect();
        let mut choices: Vec<BTreeSet<usize>> = vec![BTreeSet::new()];
        choices.extend(open.iter().map(|&i| BTreeSet::from([i])));
        choices.extend(open.iter().map(|&i| open.iter().copied().filter(|&o| o != i).collect()));
        for chosen in &choices {
            let which = |i: &usize| certain[*i] || chosen.contains(i);
            let files = done(&mut (0..stop).filter(which).map(|i| ops[i].clone()));
            see(files, stop, stop, format!("before {stop}, of those unsynced {chosen:?}"));
        }
        for choice in 0..6 {
            let mut some = (0..stop).flat_map(|i| {
                let pieces = sectors(&ops[i].1);
                pieces.into_iter().map(move |op| (i, op)).collect::<Vec<_>>()
            });
            let mut kept = std::iter::from_fn(|| {
                some.by_ref().find(|(i, _)| certain[*i] || !next().is_multiple_of(2 + choice % 3))
            });
            let files = done(&mut kept.by_ref().map(|(i, op)| (ops[i].0, op)));
            see(files, stop, stop, format!("before {stop}, unsynced sectors, choice {choice}"));
        }
    }
}

/// All that is changed here.
fn describe(file: &File) -> Result<String> {
    let rows = file.dataset("rows")?;
    let root = file.root()?;
    let mut out = format!("{:?} {:?}", rows.shape(), rows.read::<Vec<i32>>()?);
    for attribute in root.attributes()? {
        let attribute = attribute?;
        out += &format!(" {}={:?}", attribute.name(), attribute.values(usize::MAX)?);
    }
    for link in root.links()? {
        out += &format!(" {}", link?.name());
    }
    Ok(out + &format!("{:?}", file.dataset("plain")?.read::<Vec<i16>>()?))
}

/// Changes whose commits grow the file, need little, and need less than before.
fn change(edit: &mut FileEdit, round: i32) -> Result<()> {
    edit.set_attribute("", "note", "round ".repeat(if round % 3 == 1 { 200 } else { 3 }))?;
    edit.append("rows", (0..12).map(|i| i * round).collect::<Vec<i32>>())?;
    edit.write("plain", 2..4, [round as i16; 2])?;
    if round == 2 {
        edit.build("more")?.write(vec![1u8; 1500])?;
    }
    if round == 3 {
        edit.remove("more")?;
    }
    edit.commit()
}

/// Edits the files, and looks at every state in between.
fn interrupt(kind: Kind, start: Files, change: Change) -> usize {
    let run = Run::new(kind, start, change);
    let (count, wrong) = run.check(&run.ops, &run.commits);
    assert_eq!(wrong, None);
    println!("{} operations, {count} states", run.ops.len());
    count
}

/// What is done in each of three rounds.
type Change = fn(&mut FileEdit, i32) -> Result<()>;

/// Files that were edited.
struct Run {
    kind: Kind,
    start: Files,
    ops: Vec<(u64, Op)>,
    /// Operations done when each commit returned.
    commits: Vec<usize>,
    /// What was there before the first commit, and after each.
    contents: Vec<String>,
    /// The same of the sources of virtual datasets.
    alone: Vec<BTreeMap<u64, String>>,
}

impl Run {
    fn new(kind: Kind, start: Files, change: Change) -> Run {
        let log = Log::default();
        let mut edit = kind.edit(&start, &log).unwrap();
        let mut contents = vec![describe(edit.file().unwrap()).unwrap()];
        let mut commits = Vec::new();
        for round in 1..=3 {
            change(&mut edit, round).unwrap();
            contents.push(describe(edit.file().unwrap()).unwrap());
            commits.push(log.len());
        }
        drop(edit);
        let ops = log.ops.lock().unwrap().clone();
        let after = |n: usize| {
            let mut files = start.clone();
            ops[..n].iter().for_each(|(number, op)| apply(&mut files, *number, op));
            kind.alone(&files).unwrap()
        };
        let alone = [0].iter().chain(&commits).map(|n| after(*n)).collect();
        Run { kind, start, ops, commits, contents, alone }
    }

    /// Looks at every state; tells how many there are, and what is wrong with one, if something is.
    fn check(&self, ops: &[(u64, Op)], commits: &[usize]) -> (usize, Option<String>) {
        let (mut count, mut seen, mut wrong) = (0, BTreeSet::new(), None);
        states(&self.start, ops, &mut |files, done, begun, what| {
            count += 1;
            if wrong.is_some() {
                return;
            }
            let returned = commits.iter().filter(|&&n| n <= done).count();
            let going_on = commits.iter().filter(|&&n| n <= begun).count().max(returned) + 1;
            let allowed = returned..=going_on.min(commits.len());
            match self.look(&files, allowed) {
                Ok(state) => _ = seen.insert(state),
                Err(e) => wrong = Some(format!("{what}: {e}")),
            }
        });
        assert!(wrong.is_some() || seen.len() == self.contents.len());
        (count, wrong)
    }

    /// Which commit the files hold, for who reads them and for who goes on.
    fn look(&self, files: &Files, allowed: std::ops::RangeInclusive<usize>) -> Result<usize, String> {
        let told = |e: Error| e.to_string();
        let found = self.kind.open(files).and_then(|file| describe(&file)).map_err(told)?;
        let state = allowed.clone().find(|&k| self.contents[k] == found);
        let state = state.ok_or_else(|| format!("neither of {allowed:?}: {found}"))?;
        // So does who reads any other file alone.
        for (number, alone) in self.kind.alone(files).map_err(told)? {
            if !allowed.clone().any(|k| self.alone[k][&number] == alone) {
                return Err(format!("file {number}: neither of {allowed:?}: {alone}"));
            }
        }
        // The next editor finishes it, and goes on.
        let mut edit = self.kind.edit(files, &Log::default()).map_err(told)?;
        if describe(edit.file().map_err(told)?).map_err(told)? != found {
            return Err("an editor finds something else than a reader".into());
        }
        edit.set_attribute("", "again", "word ".repeat(300)).and_then(|()| edit.commit()).map_err(told)?;
        Ok(state)
    }
}

#[test]
fn a_family_is_stopped_anywhere() {
    let store = MemoryStore::default();
    let mut file = FileMut::on_store(store.clone());
    let rows = file.build("rows").element::<i32>().shape([0, 4]).extendible();
    rows.chunks([3, 4]).create().unwrap().append((0..40).collect::<Vec<i32>>()).unwrap();
    file.build("plain").write([1i16, 2, 3, 4, 5, 6]).unwrap();
    file.set_attribute("note", "before").unwrap();
    file.commit().unwrap();
    for room in [1100, 5000] {
        let start = store.bytes().chunks(room).map(<[u8]>::to_vec).zip(0..).map(|(bytes, n)| (n, bytes)).collect();
        let count = interrupt(Kind::Family(room as u64), start, change);
        assert!(count > 500, "{room}: {count} states");
    }
}

#[test]
fn a_split_file_is_stopped_anywhere() {
    let [metadata, elements] = [
        &include_bytes!("../../fixtures/structures/split-m.h5")[..],
        include_bytes!("../../fixtures/structures/split-r.h5"),
    ];
    let start = Files::from([(0, metadata.to_vec()), (1, elements.to_vec())]);
    let count = interrupt(Kind::Split(0x7fff_ffff_ffff_ffff), start, change);
    assert!(count > 500, "{count} states");
}
