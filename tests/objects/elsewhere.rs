//! Virtual datasets, and raw bytes in other files.

use h5manager::{ErrorKind, ExternalPiece, File, FileMut, Result, StoredSelection, Strided, VirtualSource};
use std::path::Path;

fn strided(start: u64, stride: u64, count: impl Into<Option<u64>>, block: u64) -> Strided {
    Strided { start, stride, count: count.into(), block: Some(block) }
}

fn from(file: &str, dataset: &str, source: StoredSelection, own: StoredSelection) -> VirtualSource {
    VirtualSource { file: file.into(), dataset: dataset.into(), source, own }
}

pub(crate) fn virtual_data(out: &mut FileMut, folder: &Path) -> Result<()> {
    for i in 0..3u8 {
        let mut source = File::create(folder.join(format!("part_{i}.h5")))?;
        let values: Vec<i32> = (0..20).map(|n| 100 * i32::from(i) + n).collect();
        source.build("data").shape([4, 5]).max_shape([None, Some(5)]).chunks([2, 5]).write(&values)?;
        source.commit()?;
    }
    out.build("here").write([7i32, 8, 9])?;
    let whole = |part: (u64, u64)| StoredSelection::of((part.0..part.1, ..), [9, 5]);
    let first = StoredSelection::of((0u64..4, ..), [4, 5])?;
    let mut both = out.build("both").element::<i32>().shape([9, 5]).fill_value(-1i32).virtual_from([
        from("part_0.h5", "data", first, whole((0, 4))?),
        from("part_1.h5", "/data", StoredSelection::All, whole((4, 8))?),
        from(".", "here", StoredSelection::All, StoredSelection::of((8u64, 1u64..4), [9, 5])?),
    ])?;
    both.set_attribute("unit", 3i32)?;
    // A block for each file.
    let blocks = StoredSelection::Regular(vec![strided(0, 4, None, 4), strided(0, 1, 1, 5)]);
    let part = StoredSelection::of((0u64..4, ..), [4, 5])?;
    let named = from("part_%b.h5", "data", part, blocks);
    out.build("named").element::<i32>().shape([0, 5]).max_shape([None, Some(5)]).virtual_from([named])?;
    // As long as its source.
    let all = || StoredSelection::Regular(vec![strided(0, 1, None, 1), strided(0, 1, 1, 5)]);
    let grows = from("part_2.h5", "data", all(), all());
    out.build("grows").element::<i32>().shape([0, 5]).max_shape([None, Some(5)]).virtual_from([grows])?;
    let points = StoredSelection::Points { rank: 1, coordinates: vec![2, 0] };
    let picked = from(".", "here", points, StoredSelection::of(.., [2])?);
    let refused = out.build("picked").element::<i32>().shape([2]).virtual_from([picked]);
    assert_eq!(refused.map(drop).unwrap_err().kind(), ErrorKind::Unsupported);
    let wrong = |own| {
        let source = StoredSelection::of(.., [3])?;
        let mut other = File::create(folder.join("never.h5"))?;
        other.build("x").element::<i32>().shape([3, 3]).virtual_from([from(".", "here", source, own)]).map(drop)
    };
    let selection = |n: u64| StoredSelection::of((0..n, 0u64), [9, 9]);
    assert_eq!(wrong(selection(2)?).unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(wrong(selection(4)?).unwrap_err().kind(), ErrorKind::Mismatch);
    wrong(selection(3)?)?;
    Ok(())
}

pub(crate) fn check_virtual_data(file: &File) -> Result<()> {
    let values: Vec<i32> = file.dataset("both")?.read()?;
    let expected: Vec<i32> = (0..20).chain(100..120).chain([-1, 7, 8, 9, -1]).collect();
    assert_eq!(values, expected);
    let named = file.dataset("named")?;
    assert_eq!(named.shape(), [12, 5]);
    let values: Vec<i32> = named.read()?;
    assert_eq!(values, (0..20).chain(100..120).chain(200..220).collect::<Vec<_>>());
    let values: Vec<i32> = file.dataset("grows")?.read()?;
    assert_eq!(values, (200..220).collect::<Vec<_>>());
    Ok(())
}

fn piece(file: &str, offset: u64, size: impl Into<Option<u64>>) -> ExternalPiece {
    ExternalPiece { file: file.into(), offset, size: size.into() }
}

pub(crate) fn external_data(out: &mut FileMut, folder: &Path) -> Result<()> {
    let bytes: Vec<u8> = (0..40).collect();
    std::fs::write(folder.join("raw_a.bin"), &bytes).unwrap();
    std::fs::write(folder.join("raw_b.bin"), &bytes[20..]).unwrap();
    let pieces = [piece("raw_a.bin", 3, 10), piece("raw_b.bin", 0, 20)];
    let mut raw = out.build("raw").element::<u8>().shape([5, 6]).external(pieces.clone())?;
    raw.set_attribute("unit", 3i32)?;
    let open_end = [piece("raw_b.bin", 4, None)];
    out.build("grows").element::<u8>().shape([4, 4]).max_shape([None, Some(4)]).external(open_end.clone())?;
    let short = out.build("short").element::<u8>().shape([5, 7]).external(pieces.clone());
    assert_eq!(short.map(drop).unwrap_err().kind(), ErrorKind::Mismatch);
    let chunked = out.build("chunked").element::<u8>().shape([4]).chunks([2]).external(open_end);
    assert_eq!(chunked.map(drop).unwrap_err().kind(), ErrorKind::Invalid);
    Ok(())
}

pub(crate) fn check_external_data(file: &File) -> Result<()> {
    let raw: Vec<u8> = file.dataset("raw")?.read()?;
    assert_eq!(raw, (3..13).chain(20..40).collect::<Vec<u8>>());
    let grows: Vec<u8> = file.dataset("grows")?.read()?;
    assert_eq!(grows, (24..40).collect::<Vec<u8>>());
    Ok(())
}
