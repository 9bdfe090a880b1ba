//! The library example of the README: compiled with all targets.

use h5manager::File;

fn main() -> h5manager::Result<()> {
    let mut out = File::create("run.h5")?;
    out.build("detector/counts").shape([2, 3]).chunks([1, 3]).shuffle().deflate(4).write([1u32, 2, 3, 4, 5, 6])?;
    out.root().group("detector")?.set_attribute("unit", "counts")?;
    out.commit()?; // nothing is visible under the name before

    let file = File::open("run.h5")?; // reads the superblock, nothing else
    let row: Vec<f64> = file.dataset("/detector/counts")?.select((1..2, ..))?.read()?;
    assert_eq!(row, [4.0, 5.0, 6.0]);
    for visit in file.walk() {
        // a damaged branch is one Err, the walk goes on
        println!("{}", visit?.path());
    }
    Ok(())
}
