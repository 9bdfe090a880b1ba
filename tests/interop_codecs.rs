//! The filters of hdf5plugin, both ways: what its C libraries write we read, and they read what we write.
//!
//! `interop/codecs.py` makes the files and compares; the Python that has h5py and hdf5plugin is taken from
//! `H5MANAGER_PYTHON`; without it there is nothing to compare with, which is said and not hidden.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use h5manager::datatype::Name;
use h5manager::{Element, File, FileMut, FilterInfo};
use std::path::Path;
use std::process::{Command, Stdio};

/// The script, to be run with these arguments; nothing where there is no Python to run it.
fn script(arguments: [&std::ffi::OsStr; 2]) -> Option<Command> {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py and hdf5plugin (scripts/test does)");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/codecs.py");
    let mut command = Command::new(python);
    command.arg(script).args(arguments);
    Some(command)
}

#[test]
fn what_hdf5plugin_writes_is_read_value_by_value() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut command) = script(["make".as_ref(), folder.path().as_os_str()]) else { return };
    assert!(command.status().expect("Python starts").success(), "the script needs h5py and hdf5plugin");
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("what the script wrote");
    let (raw, index) = (read("codecs.raw"), String::from_utf8(read("codecs.txt")).expect("text"));
    let file = File::open(folder.path().join("codecs.h5")).expect("opened");
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for line in index.lines() {
        let [name, start, length] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (start, length): (usize, usize) = (start.parse().expect("a number"), length.parse().expect("a number"));
        compared += 1;
        match file.dataset(name).and_then(|d| d.select(..)?.read_stored()) {
            Ok(bytes) if bytes == raw[start..start + length] => {}
            Ok(_) => wrong.push(format!("{name}: other values")),
            Err(e) => wrong.push(e.to_string()),
        }
    }
    assert!(compared > 5_000, "{compared} datasets");
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Filters with all of their parameters, those included that HDF5 fills in itself, for elements and chunks of so many
/// bytes.
fn codecs(element: u32, chunk: u32) -> Vec<(&'static str, u16, Vec<u32>)> {
    let mut all = vec![
        ("lzf", 32000, vec![4, 0x105, chunk]),
        ("lz4", 32004, vec![]),
        ("lz4_blocks", 32004, vec![100]),
        ("zstd_1", 32015, vec![1]),
        ("zstd_3", 32015, vec![3]),
        ("zstd_12", 32015, vec![12]),
        ("zstd_22", 32015, vec![22]),
        ("bzip2", 307, vec![9]),
        ("bitshuffle_none", 32008, vec![0, 4, element, 0, 0]),
        ("bitshuffle_lz4", 32008, vec![0, 4, element, 0, 2]),
        ("bitshuffle_lz4_blocks", 32008, vec![0, 4, element, 64, 2]),
        ("bitshuffle_zstd", 32008, vec![0, 4, element, 0, 3, 3]),
    ];
    for (codec, name) in
        ["blosc_lz", "blosc_lz4", "blosc_lz4hc", "blosc_snappy", "blosc_zlib", "blosc_zstd"].iter().enumerate()
    {
        for shuffle in 0..3 {
            for effort in [1, 5, 9] {
                all.push((name, 32001, vec![2, 2, element, chunk, effort, shuffle, codec as u32]));
            }
        }
    }
    all
}

/// Writes values as they are and with every codec; returns how many datasets and chunks with codecs there are.
fn write<T: Element + Copy>(out: &mut FileMut, name: &str, values: &[T], shapes: &[(Vec<u64>, Vec<u64>)]) -> usize {
    let mut written = 0;
    for (s, (shape, chunks)) in shapes.iter().enumerate() {
        let count = shape.iter().product::<u64>() as usize;
        let plain = format!("{name}{s}");
        out.build(format!("plain/{plain}")).shape(shape).write(&values[..count]).expect("written");
        let element = size_of::<T>() as u32;
        let chunk = chunks.iter().product::<u64>() as u32 * element;
        for (codec, id, parameters) in codecs(element, chunk) {
            let variant = parameters.iter().map(u32::to_string).collect::<Vec<_>>().join("_");
            let filter = FilterInfo { id, name: Name::default(), optional: true, parameters };
            let dataset = out.build(format!("coded/{plain}@{codec}_{variant}")).shape(shape).chunks(chunks);
            dataset.filters([filter]).write(&values[..count]).expect("written");
            written += 1;
        }
    }
    written
}

#[test]
fn hdf5plugin_reads_what_we_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ours.h5");
    let Some(mut command) = script(["check".as_ref(), path.as_os_str()]) else { return };
    let mut out = File::create(&path).expect("created");
    let shapes = [
        (vec![1000], vec![333]),
        (vec![57, 43], vec![16, 10]),
        (vec![9, 11, 13], vec![4, 5, 6]),
        (vec![90_001], vec![70_003]),
    ];
    let (mut seed, most) = (88_172_645_463_325_252u64, 90_001);
    // Half of it repeats, half of it is noise.
    let numbers: Vec<u64> = (0..most as u64)
        .map(|n| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            if n % 4096 < 2048 { n / 7 % 100 } else { seed }
        })
        .collect();
    let mut written = write(&mut out, "u8_", &numbers.iter().map(|&n| n as u8).collect::<Vec<_>>(), &shapes);
    written += write(&mut out, "u16_", &numbers.iter().map(|&n| n as u16).collect::<Vec<_>>(), &shapes);
    written += write(&mut out, "i32_", &numbers.iter().map(|&n| n as i32).collect::<Vec<_>>(), &shapes);
    written += write(&mut out, "f64_", &numbers.iter().map(|&n| n as f64).collect::<Vec<_>>(), &shapes);
    out.commit().expect("committed");
    let checked = command.stderr(Stdio::inherit()).output().expect("Python starts");
    assert!(checked.status.success(), "hdf5plugin does not read what we wrote");
    let text = String::from_utf8(checked.stdout).expect("text");
    let numbers: Vec<usize> = text.split_whitespace().map(|n| n.parse().expect("a number")).collect();
    assert_eq!(numbers[0], written, "datasets compared");
    assert!(numbers[1] > 2 * written, "only {} chunks went through their filters", numbers[1]);
}
