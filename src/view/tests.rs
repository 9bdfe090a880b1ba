use super::*;
use crate::error::Error;
use crate::io::{OtherFiles, Source};
use crate::{File, VarLen};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Blocks in which the far source is fetched.
const BLOCK: u64 = 4096;

/// A file that is far away: it has only what was fetched.
struct Far {
    file: u32,
    bytes: Vec<u8>,
    here: Mutex<BTreeSet<u64>>,
    absent: Absent,
}

impl Far {
    fn has(&self, range: &Range<u64>) -> bool {
        let here = self.here.lock().unwrap();
        (range.start / BLOCK..range.end.div_ceil(BLOCK)).all(|block| here.contains(&block))
    }

    fn fetch(&self, ranges: &[Range<u64>]) {
        let blocks = ranges.iter().flat_map(|r| r.start / BLOCK..r.end.div_ceil(BLOCK));
        self.here.lock().unwrap().extend(blocks);
    }
}

impl Source for Far {
    fn size(&self) -> crate::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> crate::Result<()> {
        let range = position..position + buffer.len() as u64;
        if !self.has(&range) {
            self.absent.note(self.file, range.clone());
            return Err(Error::missing(vec![range]));
        }
        buffer.copy_from_slice(&self.bytes[range.start as usize..range.end as usize]);
        Ok(())
    }

    fn wants_plan(&self) -> bool {
        true
    }

    fn announce(&self, ranges: &[Range<u64>]) -> crate::Result<()> {
        let absent: Vec<_> = ranges.iter().filter(|r| !self.has(r)).cloned().collect();
        absent.iter().for_each(|r| self.absent.note(self.file, r.clone()));
        if absent.is_empty() { Ok(()) } else { Err(Error::missing(absent)) }
    }
}

/// Files that are far away: that they are there is known when they were asked for once.
struct FarFolder {
    files: Vec<(&'static str, Arc<Far>)>,
    known: Mutex<BTreeSet<String>>,
    absent: Absent,
}

impl OtherFiles for FarFolder {
    fn file(&self, place: &str, is_raw: bool) -> crate::Result<Option<Arc<dyn Source>>> {
        if !self.known.lock().unwrap().contains(place) {
            self.absent.note_file(place, is_raw);
            return Err(Error::missing(Vec::new()));
        }
        if place.starts_with("..") {
            return Err(Error::new(crate::ErrorKind::Denied, format!("{place} lies outside")));
        }
        let found = self.files.iter().find(|(name, _)| *name == place);
        Ok(found.map(|(_, file)| file.clone() as Arc<dyn Source>))
    }
}

/// A session with a far file, which fetches what is missing.
struct Asking {
    session: Session,
    source: Arc<Far>,
    folder: Arc<FarFolder>,
    /// Times that something was fetched for the last request.
    rounds: usize,
}

impl Asking {
    fn of(bytes: Vec<u8>) -> Asking {
        Asking::among(bytes, Vec::new())
    }

    /// The same with other files in its folder.
    fn among(bytes: Vec<u8>, others: Vec<(&'static str, Vec<u8>)>) -> Asking {
        let mut asking = Asking::unopened(bytes, others);
        asking.done(json!({"op": "open", "name": "a.h5"}));
        asking
    }

    fn unopened(bytes: Vec<u8>, others: Vec<(&'static str, Vec<u8>)>) -> Asking {
        let absent = Absent::default();
        let far = |file, bytes| Arc::new(Far { file, bytes, here: Mutex::default(), absent: absent.clone() });
        let source = far(0, bytes);
        let files = others.into_iter().zip(1..).map(|((name, bytes), number)| (name, far(number, bytes))).collect();
        let folder = Arc::new(FarFolder { files, known: Mutex::default(), absent: absent.clone() });
        let session = Session::new(source.clone(), folder.clone(), absent.clone());
        Asking { session, source, folder, rounds: 0 }
    }

    fn ask(&mut self, request: &Value) -> Reply {
        for round in 0..100 {
            match self.session.call(request.to_string().as_bytes()) {
                Reply::Missing(wanted) => self.fetch(wanted),
                done => {
                    self.rounds = round;
                    return done;
                }
            }
        }
        panic!("{request} never has what it needs");
    }

    fn fetch(&self, wanted: Wanted) {
        assert!(!wanted.ranges.is_empty() || !wanted.files.is_empty());
        for (file, range) in wanted.ranges {
            let files = self.folder.files.iter().map(|(_, file)| file);
            let all: Vec<_> = std::iter::once(&self.source).chain(files).collect();
            all[file as usize].fetch(std::slice::from_ref(&range));
        }
        self.folder.known.lock().unwrap().extend(wanted.files.into_iter().map(|(place, _)| place));
    }

    fn done(&mut self, request: Value) -> (Value, Vec<Buffer>) {
        match self.ask(&request) {
            Reply::Done(value, buffers) => (value, buffers),
            other => panic!("{request}: {other:?}"),
        }
    }

    fn failed(&mut self, request: Value) -> Value {
        match self.ask(&request) {
            Reply::Failed(e) => e,
            other => panic!("{request}: {other:?}"),
        }
    }

    fn blocks_here(&self) -> usize {
        self.source.here.lock().unwrap().len()
    }
}

fn made(make: impl FnOnce(&mut crate::FileMut)) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let mut out = File::create(&path).unwrap();
    make(&mut out);
    out.commit().unwrap();
    std::fs::read(Path::new(&path)).unwrap()
}

fn sample() -> Vec<u8> {
    made(|out| {
        let matrix: Vec<i32> = (0..2000 * 300).collect();
        out.build("grid/matrix").shape([2000, 300]).chunks([100, 100]).shuffle().deflate(1).write(matrix).unwrap();
        let mut line = out.build("grid/line").write((0..100_000).map(f64::from).collect::<Vec<_>>()).unwrap();
        line.set_attribute("unit", "kelvin").unwrap();
        line.set_attribute("bad", f32::NAN).unwrap();
        out.build("texts").write(["eins".to_owned(), "zwei".to_owned()]).unwrap();
        out.build("lists").write([VarLen(vec![1u16, 2]), VarLen(vec![])]).unwrap();
        out.build("truth").write([true, false]).unwrap();
        out.build("wide").write([u64::MAX, 1]).unwrap();
        out.build("images").shape([40, 16, 16, 3]).write(vec![7u8; 40 * 16 * 16 * 3]).unwrap();
        out.build("labels").write(vec![1u8; 40]).unwrap();
        for i in 0..500 {
            out.build(format!("many/member {i:03}")).write([i]).unwrap();
        }
    })
}

#[test]
fn groups_are_listed_page_by_page_with_what_is_in_them() {
    let mut file = Asking::of(sample());
    let (page, _) = file.done(json!({"op": "list", "path": "/many", "offset": 100, "count": 50}));
    assert_eq!((page["total"].as_u64(), page["children"].as_array().unwrap().len()), (Some(500), 50));
    let first = &page["children"][0];
    assert_eq!(first["path"], "/many/member 100");
    assert_eq!((&first["kind"], &first["type"], &first["shape"]), (&json!("dataset"), &json!("int32"), &json!([1])));
    // What fifty headers miss is fetched together, not one after the other.
    assert!(file.rounds <= 6, "{} rounds", file.rounds);
}

#[test]
fn only_what_is_asked_for_is_fetched() {
    let mut file = Asking::of(sample());
    let all = file.source.bytes.len() as u64 / BLOCK;
    file.done(json!({"op": "list", "path": "/"}));
    file.done(json!({"op": "object", "path": "/grid/matrix"}));
    assert!((file.blocks_here() as u64) < all / 10, "{} of {all} blocks", file.blocks_here());
    let (values, buffers) = file.done(json!({"op": "read", "path": "/grid/matrix", "selection": [1000, [0, 10, 3]]}));
    assert_eq!((&values["shape"], &values["perElement"]), (&json!([4]), &json!(1)));
    assert_eq!(buffers, [Buffer::I32(vec![300_000, 300_003, 300_006, 300_009])]);
    // Its chunks were fetched at once, behind their index.
    assert!(file.rounds <= 4, "{} rounds", file.rounds);
    assert!((file.blocks_here() as u64) < all / 5, "{} of {all} blocks", file.blocks_here());
}

#[test]
fn an_object_is_described_with_typed_attributes() {
    let mut file = Asking::of(sample());
    let (object, _) = file.done(json!({"op": "object", "path": "/grid/line"}));
    assert_eq!(object["dataset"]["type"]["text"], "float64");
    assert_eq!(object["dataset"]["layout"], "contiguous");
    let names: Vec<_> = object["attributes"].as_array().unwrap().iter().map(|a| (&a["name"], &a["value"])).collect();
    assert_eq!(names, [(&json!("bad"), &json!({"f": "NaN"})), (&json!("unit"), &json!("kelvin"))]);
    let (storage, _) = file.done(json!({"op": "storage", "path": "/grid/matrix"}));
    assert_eq!((&storage["chunksStored"], &storage["chunksTotal"]), (&json!(60), &json!(60)));
    assert!(storage["ratio"].as_f64().unwrap() > 1.5);
    let (map, buffers) = file.done(json!({"op": "chunkMap", "path": "/grid/matrix", "offset": 58}));
    assert_eq!((&map["grid"], &map["stored"]), (&json!([20, 3]), &json!(60)));
    assert_eq!(buffers[0], Buffer::F64(vec![19.0, 1.0, 19.0, 2.0]));
}

#[test]
fn values_that_are_no_numbers_come_as_json() {
    let mut file = Asking::of(sample());
    let mut read = |path: &str| file.done(json!({"op": "read", "path": path}));
    assert_eq!(read("/texts").0["array"], json!(["eins", "zwei"]));
    assert_eq!(read("/lists").0["array"], json!([[1, 2], []]));
    assert_eq!(read("/truth").1, [Buffer::I8(vec![1, 0])]);
    assert_eq!(read("/wide").1, [Buffer::U64(vec![u64::MAX, 1])]);
    let (rows, buffers) = file.done(json!({"op": "rows", "path": "/wide", "rows": [1, 0, 1]}));
    assert_eq!((&rows["shape"], &buffers[0]), (&json!([3]), &Buffer::U64(vec![1, u64::MAX, 1])));
}

#[test]
fn an_overview_costs_no_more_than_its_budget() {
    let mut file = Asking::of(sample());
    let request = json!({"op": "overview", "path": "/grid/matrix", "rows": 40, "columns": 30});
    let (view, buffers) = file.done(request);
    assert_eq!((&view["rows"], &view["columns"], &view["exact"]), (&json!(40), &json!(30), &json!(false)));
    let Buffer::I32(samples) = &buffers[0] else { panic!("{buffers:?}") };
    assert_eq!(samples[31], 50 * 300 + 10);
    // Four chunks of 40,000 bytes.
    let request = json!({"op": "overview", "path": "/grid/matrix", "rows": 40, "columns": 30, "budget": 160_000});
    let (view, _) = file.done(request);
    assert!(view["rows"].as_u64().unwrap() * view["columns"].as_u64().unwrap() <= 300, "{view}");
    let error = file.failed(json!({"op": "overview", "path": "/texts"}));
    assert_eq!(error["kind"], "mismatch");
}

#[test]
fn a_search_goes_on_where_it_stopped_and_finds_attributes() {
    let mut file = Asking::of(sample());
    let mut find = |text: &str| {
        let (mut found, mut from) = (Vec::new(), Value::Null);
        loop {
            let (part, _) = file.done(json!({"op": "search", "text": text, "from": from}));
            found.extend(part["hits"].as_array().unwrap().iter().cloned());
            from = part["more"].clone();
            if from.is_null() {
                return found;
            }
        }
    };
    let found = find("KELVIN");
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["path"], &found[0]["attribute"]), (&json!("/grid/line"), &json!("unit")));
    assert_eq!(find("member 49").len(), 10);
    assert_eq!(find("nowhere"), Vec::<Value>::new());
}

#[test]
fn image_sets_are_recognised_and_named() {
    let mut file = Asking::of(sample());
    let (sets, _) = file.done(json!({"op": "imageSets"}));
    let set = &sets[0];
    assert_eq!((&set["path"], &set["count"], &set["order"]), (&json!("/images"), &json!(40), &json!("hwc")));
    assert_eq!(set["labels"], json!({"path": "/labels", "form": "numbers"}));
}

#[test]
fn an_explanation_tells_the_pieces_of_one_object_alone() {
    let bytes = sample();
    let anatomy = crate::anatomy::Anatomy::from_source(
        Arc::new(crate::io::MemorySource::new(bytes.clone())),
        crate::Limits::default(),
    );
    let map = anatomy.map(Default::default()).unwrap();
    let expected: Vec<_> = map.pieces().filter(|p| p.owner == "/grid/matrix").map(|p| (p.position, p.length)).collect();
    let mut file = Asking::of(bytes);
    let (told, _) = file.done(json!({"op": "explain", "path": "/grid/matrix"}));
    let pieces: Vec<_> = told["pieces"].as_array().unwrap().iter().collect();
    let places: Vec<_> =
        pieces.iter().map(|p| (p["position"].as_u64().unwrap(), p["length"].as_u64().unwrap())).collect();
    assert!(!expected.is_empty());
    assert_eq!(places, expected);
    assert_eq!(told["bytes"], json!(expected.iter().map(|p| p.1).sum::<u64>()));
}

#[test]
fn what_cannot_be_answered_says_why() {
    let mut file = Asking::of(sample());
    assert_eq!(file.failed(json!({"op": "object", "path": "/nothing"}))["kind"], "not-found");
    let outside = json!({"op": "read", "path": "/wide", "selection": [2]});
    assert_eq!(file.failed(outside)["message"], "/wide: index 2 of a dimension of 2");
    let large = json!({"op": "read", "path": "/grid/matrix", "budget": 1000});
    assert_eq!(file.failed(large)["kind"], "limit");
    assert_eq!(file.failed(json!({"op": "read", "path": "/grid"}))["kind"], "mismatch");
    assert_eq!(file.failed(json!({"op": "dance", "path": "/wide"}))["kind"], "invalid");
    assert_eq!(file.failed(json!([1]))["kind"], "invalid");
    // And the file is as open as before.
    file.done(json!({"op": "list", "path": "/"}));
}

/// A file that leads to others by a link, a virtual dataset and raw data; `sub/linked.h5` leads on.
fn scattered() -> Asking {
    let main = made(|out| {
        out.build("own").write([1i32, 2]).unwrap();
        out.root().link_external("linked", "sub/linked.h5", "/group").unwrap();
        out.root().link_external("outside", "../secret.h5", "/").unwrap();
        out.root().link_external("gone", "gone.h5", "/").unwrap();
        let own = |row: u64| crate::StoredSelection::of((row, ..), [2, 3]).unwrap();
        let source = |file: &str, row: u64| crate::VirtualSource {
            file: file.into(),
            dataset: "part".into(),
            source: crate::StoredSelection::All,
            own: own(row),
        };
        let builder = out.build("virtual").element::<i32>().shape([2, 3]).fill_value(-1);
        builder.virtual_from([source("part.h5", 0), source("gone.h5", 1)]).unwrap();
        let piece = crate::ExternalPiece { file: "raw.bin".into(), offset: 4, size: None };
        out.build("raw").element::<u8>().shape([4]).external([piece]).unwrap();
    });
    let linked = made(|out| {
        out.build("group/data").write([5u8, 6, 7]).unwrap();
        let to = out.reference("group/data").unwrap();
        out.build("group/reference").write([to]).unwrap();
        out.root().link_external("group/back", "../a.h5", "/own").unwrap();
        out.root().link_external("group/next", "deep.h5", "/x").unwrap();
    });
    let part = made(|out| drop(out.build("part").write([7i32, 8, 9]).unwrap()));
    let deep = made(|out| drop(out.build("x").write([1.5f64]).unwrap()));
    let raw = vec![0, 0, 0, 0, 10, 11, 12];
    let others = [("sub/linked.h5", linked), ("part.h5", part), ("sub/deep.h5", deep), ("raw.bin", raw)];
    Asking::among(main, others.into())
}

#[test]
fn other_files_are_fetched_when_something_leads_to_them() {
    let mut file = scattered();
    let mut read = |path: &str| file.done(json!({"op": "read", "path": path})).1.remove(0);
    assert_eq!(read("/virtual"), Buffer::I32(vec![7, 8, 9, -1, -1, -1]));
    // What lies behind the end of raw data is zeros.
    assert_eq!(read("/raw"), Buffer::U8(vec![10, 11, 12, 0]));
    assert_eq!(read("/linked/data"), Buffer::U8(vec![5, 6, 7]));
    assert_eq!(read("/linked/next"), Buffer::F64(vec![1.5]));
    assert_eq!(read("/linked/back"), Buffer::I32(vec![1, 2]));
}

#[test]
fn the_parts_of_a_split_file_are_looked_for_and_joined() {
    let whole = sample();
    let parts: Vec<Vec<u8>> = whole.chunks(whole.len().div_ceil(4)).map(<[u8]>::to_vec).collect();
    let open = json!({"op": "open", "name": "run1.h5"});
    let of = |n: usize| parts[n].clone();
    let mut file = Asking::unopened(of(1), vec![("run0.h5", of(0)), ("run2.h5", of(2)), ("run3.h5", of(3))]);
    let (info, _) = file.done(open.clone());
    assert_eq!((&info["size"], &info["name"]), (&json!(whole.len()), &json!("run1.h5")));
    let mut read = |path: &str| file.done(json!({"op": "read", "path": path})).1.remove(0);
    assert_eq!(read("/wide"), Buffer::U64(vec![u64::MAX, 1]));
    assert_eq!(read("/grid/matrix"), Buffer::I32((0..2000 * 300).collect()));
    assert!(file.rounds <= 12, "{}", file.rounds);
    let (where_it_lies, _) = file.done(json!({"op": "explain", "path": "/grid/line"}));
    assert!(where_it_lies["pieces"].as_array().is_some_and(|p| !p.is_empty()), "{where_it_lies}");
    // The first is not there, and then another one.
    let failed = Asking::unopened(of(1), Vec::new()).failed(open.clone());
    assert!(failed["message"].as_str().unwrap().contains("run0.h5 is missing"), "{failed}");
    let failed = Asking::unopened(of(1), vec![("run0.h5", of(0)), ("run2.h5", of(2))]).failed(open);
    assert!(
        failed["message"].as_str().unwrap().contains("a family of 4 files, of which run3.h5 is missing"),
        "{failed}"
    );
}

#[test]
fn what_is_not_there_or_not_allowed_costs_nothing_else() {
    let mut file = scattered();
    let (page, _) = file.done(json!({"op": "list", "path": "/"}));
    let children = page["children"].as_array().unwrap();
    let of = |name: &str| children.iter().find(|c| c["name"] == name).unwrap();
    assert_eq!((&of("linked")["kind"], &of("own")["kind"]), (&json!("group"), &json!("dataset")));
    assert_eq!((&of("outside")["kind"], &of("outside")["error"]["kind"]), (&json!("link"), &json!("denied")));
    let gone = &of("gone")["error"];
    assert_eq!((&gone["kind"], gone["text"].as_str().unwrap().contains("gone.h5")), (&json!("not-found"), true));
    // Addresses of another file are none of this one.
    assert!(of("linked").get("address").is_none() && of("own").get("address").is_some());
    assert_eq!(file.failed(json!({"op": "object", "path": "/outside"}))["kind"], "denied");
}

#[test]
fn an_object_of_another_file_is_explained_by_that_file() {
    let mut file = scattered();
    file.done(json!({"op": "list", "path": "/linked"}));
    let (object, _) = file.done(json!({"op": "object", "path": "/linked/data"}));
    assert_eq!(object["file"], "sub/linked.h5");
    let (told, _) = file.done(json!({"op": "explain", "path": "/linked/data"}));
    assert_eq!(told["faults"], json!([]));
    assert!(told["pieces"].as_array().unwrap().iter().any(|p| p["length"] == 3 && p["isData"] == true), "{told}");
    // A reference there leads to an object of that file, not to what is at that address here.
    let (values, _) = file.done(json!({"op": "read", "path": "/linked/reference"}));
    let reference = &values["array"][0];
    assert_eq!((&reference["file"], reference.get("path")), (&json!("sub/linked.h5"), None), "{values}");
    // Its address leads nowhere here, whatever was listed there.
    let (resolved, _) = file.done(json!({"op": "resolve", "address": object["address"]}));
    assert_ne!(resolved["path"], "/linked/data");
}
