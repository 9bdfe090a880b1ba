//! Copying from file to file, as a library and by the commands `repack` and `copy`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use h5manager::filter::FilterSpec;
use h5manager::io::MemoryStore;
use h5manager::{CopyOptions, Element, Empty, ErrorKind, File, FileMut, NewLayout, Object, Reference, Storage, VarLen};

h5manager::compound! { struct Hit { time: f64, channel: u16 } }

/// A file of everything that copies must keep.
fn sample() -> File {
    let store = MemoryStore::default();
    let mut out = FileMut::on_store(store.clone());
    let to_late = out.reference("late").unwrap();
    let hit = out.commit_datatype("types/hit", Hit::datatype()).unwrap();
    out.build("a/hits").committed_datatype(&hit).write([Hit { time: 0.5, channel: 7 }]).unwrap();
    out.set_attribute("tool", "camera 7").unwrap();
    out.build("group/text").write(["one", "", "drei"]).unwrap();
    out.build("group/references").write([to_late.clone(), Reference::Null]).unwrap();
    out.root().group("group").unwrap().set_attribute("late", to_late).unwrap();
    out.root().group("group").unwrap().set_attribute("empty", Empty::of::<f32>()).unwrap();
    let numbers: Vec<u16> = (0..10_000).collect();
    out.build("packed").shape([100, 100]).chunks([30, 40]).shuffle().deflate(6).write(&numbers).unwrap();
    let mut sparse = out.build("sparse").element::<i32>().shape([1000, 1000]).chunks([10, 10]);
    sparse = sparse.fill_value(-1);
    let mut sparse = sparse.create().unwrap();
    sparse.write_selection((500..510, 20..30), vec![7i32; 100]).unwrap();
    out.build("lists").write([VarLen(vec![1i32, 2]), VarLen(vec![])]).unwrap();
    out.link_soft("soft", "/group/text").unwrap();
    out.root().link_external("outside", "other.h5", "/there").unwrap();
    out.root().link_hard("group/again", "packed").unwrap();
    out.root().link_hard("group/root", "/").unwrap();
    out.build("late").write(4.5f64).unwrap();
    out.commit().unwrap();
    File::from_bytes(store.bytes()).unwrap()
}

fn copied(source: &File, path: &str, to: &str, options: &CopyOptions) -> File {
    let store = MemoryStore::default();
    let mut out = FileMut::on_store(store.clone());
    out.copy_from(&source.object(path).unwrap(), to, options).unwrap();
    out.commit().unwrap();
    File::from_bytes(store.bytes()).unwrap()
}

#[test]
fn a_copy_holds_what_the_file_held() {
    let (file, copy) = (sample(), copied(&sample(), "/", "/", &CopyOptions::new()));
    let strings = |f: &File| f.dataset("soft").unwrap().read::<Vec<String>>().unwrap();
    assert_eq!(strings(&copy), ["one", "", "drei"]);
    let lists: Vec<VarLen<i32>> = copy.dataset("lists").unwrap().read().unwrap();
    assert_eq!(lists, [VarLen(vec![1, 2]), VarLen(vec![])]);
    let address = |path: &str| copy.object(path).unwrap().address();
    // References lead to the copies, be they made before or after.
    let references: Vec<Reference> = copy.dataset("group/references").unwrap().read().unwrap();
    assert_eq!(references, [Reference::Object { address: address("late"), file: None }, Reference::Null]);
    let attribute = copy.group("group").unwrap().attribute("late").unwrap().unwrap();
    assert_eq!(attribute.read_one::<Reference>().unwrap(), references[0]);
    assert!(copy.group("group").unwrap().attribute("empty").unwrap().unwrap().shape().is_none());
    // Hard links stay hard links, in circles, too.
    assert_eq!(address("group/again"), address("packed"));
    assert_eq!(address("group/root"), address("/"));
    // The committed datatype is still shared, although what uses it comes first.
    assert_eq!(copy.dataset("a/hits").unwrap().committed_datatype(), Some(address("types/hit")));
    // Chunks are the bytes that they were; those that nobody wrote are not there.
    let chunk = |f: &File, at: [u64; 2]| f.dataset("packed").unwrap().raw_chunk(&at).unwrap();
    for at in [[0, 0], [3, 2]] {
        assert_eq!(chunk(&copy, at), chunk(&file, at));
    }
    let sparse = copy.dataset("sparse").unwrap();
    assert_eq!(sparse.chunks().unwrap().unwrap().stored, 1);
    assert_eq!(sparse.select((505, 19u64..22)).unwrap().read::<Vec<i32>>().unwrap(), [-1, 7, 7]);
    let outside = copy.root().unwrap().link("outside").unwrap().unwrap();
    assert_eq!(outside.target(), file.root().unwrap().link("outside").unwrap().unwrap().target());
    assert_eq!(copy.root().unwrap().attribute("tool").unwrap().unwrap().read_one::<String>().unwrap(), "camera 7");
}

#[test]
fn storage_can_change_and_what_is_sparse_stays_so() {
    let options = CopyOptions::new().storage(|dataset| {
        Ok(match dataset.path() {
            "/sparse" => Storage { layout: Some(NewLayout::Chunked(vec![25, 1000])), filters: None },
            // The path by which it is met first.
            "/group/again" => Storage { layout: None, filters: Some(vec![FilterSpec::lz4()]) },
            "/lists" => {
                Storage { layout: Some(NewLayout::Chunked(vec![1])), filters: Some(vec![FilterSpec::deflate(1)]) }
            }
            _ => Storage::default(),
        })
    });
    let copy = copied(&sample(), "/", "/", &options);
    let sparse = copy.dataset("sparse").unwrap();
    assert_eq!(sparse.chunk_shape(), Some(&[25, 1000][..]));
    assert!(sparse.chunks().unwrap().unwrap().stored < 10);
    let values: Vec<i32> = sparse.read().unwrap();
    assert_eq!(values.iter().filter(|&&v| v == 7).count(), 100);
    assert_eq!(values.iter().filter(|&&v| v == -1).count(), 999_900);
    let packed = copy.dataset("packed").unwrap();
    assert_eq!(packed.filters()[0].title(), "LZ4");
    assert_eq!(packed.read::<Vec<u16>>().unwrap(), (0..10_000).collect::<Vec<u16>>());
    let lists: Vec<VarLen<i32>> = copy.dataset("lists").unwrap().read().unwrap();
    assert_eq!(lists, [VarLen(vec![1, 2]), VarLen(vec![])]);
}

#[test]
fn a_part_of_a_file_is_copied_as_asked() {
    let file = sample();
    // References to what does not come along lead nowhere.
    let copy = copied(&file, "group", "deep/group", &CopyOptions::new().without_attributes(true));
    let references: Vec<Reference> = copy.dataset("deep/group/references").unwrap().read().unwrap();
    // The group has a link to the root, and so all of it comes along.
    assert!(matches!(references[0], Reference::Object { .. }));
    assert!(copy.group("deep/group").unwrap().attributes().unwrap().is_empty());
    let copy = copied(&file, "/", "all", &CopyOptions::new().shallow(true));
    assert!(copy.group("all/group").unwrap().links().unwrap().next().is_none());
    assert_eq!(copy.dataset("all/late").unwrap().read::<Vec<f64>>().unwrap(), [4.5]);
    let copy = copied(&file, "/", "all", &CopyOptions::new().follow_soft(true));
    assert_eq!(copy.dataset("all/soft").unwrap().read::<Vec<String>>().unwrap().len(), 3);
    let copy = copied(&file, "group/references", "r", &CopyOptions::new());
    assert_eq!(copy.dataset("r").unwrap().read::<Vec<Reference>>().unwrap(), [Reference::Null, Reference::Null]);
}

#[test]
fn a_place_that_is_taken_is_refused() {
    let file = sample();
    let mut out = FileMut::on_store(MemoryStore::default());
    out.build("taken").write(1u8).unwrap();
    let error = out.copy_from(&file.object("packed").unwrap(), "taken", &CopyOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let error = out.copy_from(&file.object("packed").unwrap(), "/", &CopyOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let stopped = out.copy_from_watched(&file.object("/").unwrap(), "x", &CopyOptions::new(), &|_| {
        Err(h5manager::Error::new(ErrorKind::Interrupted, "stopped"))
    });
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Interrupted);
    assert!(matches!(file.object("group").unwrap(), Object::Group(_)));
}

/// Long runs of chunks are copied by the system, short ones through memory, in any order of the two.
#[test]
fn chunks_of_a_file_on_disk_are_copied_in_long_and_short_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.h5"), folder.path().join("to.h5"));
    let mut state = 1u64;
    let rows: Vec<u64> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state
    })
    .take(12 * 50_000)
    .collect();
    let chunk = |i: usize| &rows[i * 50_000..(i + 1) * 50_000];
    let mut out = File::create(&from).unwrap();
    let mut long = out.build("long").element::<u64>().shape([0]).extendible().chunks([50_000]).create().unwrap();
    let mut other = out.build("other").element::<u64>().shape([0]).extendible().chunks([50_000]).create().unwrap();
    for i in 0..12 {
        long.append(chunk(i)).unwrap();
        // Between the first and the last ones of `long`.
        if matches!(i, 0 | 5 | 6) {
            other.append(chunk(i)).unwrap();
        }
    }
    drop((long, other));
    out.commit().unwrap();
    let source = File::open(&from).unwrap();
    let mut out = File::create(&to).unwrap();
    out.copy_from(&Object::Group(source.root().unwrap()), "/", &CopyOptions::new()).unwrap();
    out.commit().unwrap();
    let copy = File::open(&to).unwrap();
    assert!(copy.dataset("long").unwrap().read::<Vec<u64>>().unwrap() == rows);
    let other: Vec<u64> = copy.dataset("other").unwrap().read().unwrap();
    assert!(other == [chunk(0), chunk(5), chunk(6)].concat());
}
