//! One operation of writing, by us: `compare_ours_write ROW OUT [DATA] [NUMBER…]` prints its seconds and its seconds of
//! CPU time. What is written is synced, and has its name, before the clock stops. See benches/compare/README.md.
#![allow(clippy::print_stdout)]

mod clock;

use clock::cpu;
use h5manager::{CreateOptions, Error, ErrorKind, File, Result, WithShape};
use std::time::Instant;

/// Planes of the field, and images.
const PLANE: [u64; 2] = [1024, 1024];
const IMAGE: [u64; 3] = [64, 64, 3];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [row, out, rest @ ..] = &arguments[..] else {
        return Err(Error::new(ErrorKind::Invalid, "compare_ours_write ROW OUT [DATA] [NUMBER…]"));
    };
    let data = match row.as_str() {
        "raw" | "field" | "images" => std::fs::read(rest.first().map_or("", |path| path))?,
        _ => Vec::new(),
    };
    let number = |i: usize| rest.get(i).and_then(|n| n.parse::<u32>().ok()).unwrap_or(1);
    let (wall, before) = (Instant::now(), cpu());
    match row.as_str() {
        "raw" => field(out, &data, None)?,
        "field" => field(out, &data, Some(number(1)))?,
        "images" => images(out, &data, number(1).into(), number(2))?,
        "many" => many(out)?,
        "append" => append(out)?,
        "attribute" => {
            let mut edit = File::edit(out)?;
            edit.set_attribute("d", "operator", "somebody")?;
            edit.commit()?;
        }
        _ => return Err(Error::new(ErrorKind::Invalid, "no such row")),
    }
    println!("{:.6} {:.6}", wall.elapsed().as_secs_f64(), cpu().saturating_sub(before).as_secs_f64());
    Ok(())
}

fn create(out: &str) -> Result<h5manager::FileMut> {
    File::create_with(out, CreateOptions::new().overwrite(true))
}

/// Planes of f32 as they are, or in chunks with shuffle and gzip.
fn field(out: &str, data: &[u8], level: Option<u32>) -> Result<()> {
    let values: &[f32] = bytemuck::cast_slice(data);
    let mut file = create(out)?;
    let dataset = file.build("d").shape([values.len() as u64 / (PLANE[0] * PLANE[1]), PLANE[0], PLANE[1]]);
    match level {
        None => dataset.write(values)?,
        Some(level) => dataset.chunks([1, 512, 512]).shuffle().deflate(level).write(values)?,
    };
    file.commit()
}

fn images(out: &str, data: &[u8], in_a_chunk: u64, level: u32) -> Result<()> {
    let [height, width, depth] = IMAGE;
    let count = data.len() as u64 / IMAGE.iter().product::<u64>();
    let mut file = create(out)?;
    let dataset = file.build("images").shape([count, height, width, depth]);
    dataset.chunks([in_a_chunk, height, width, depth]).deflate(level).write(data)?;
    file.commit()
}

/// 10,000 datasets of 20 numbers, each with three attributes.
fn many(out: &str) -> Result<()> {
    let values: Vec<i32> = (0..20).collect();
    let mut file = create(out)?;
    for i in 0..10_000 {
        let mut dataset = file.build(format!("g{}/d{i}", i / 100)).shape([20]).write(&values[..])?;
        dataset.set_attribute("unit", "m")?;
        dataset.set_attribute("scale", 0.5)?;
        dataset.set_attribute("number", i)?;
    }
    file.commit()
}

/// 10⁶ rows of eight numbers, 100 at a time.
fn append(out: &str) -> Result<()> {
    let rows: Vec<f32> = (0..800).map(|i| (i / 8) as f32).collect();
    let mut file = create(out)?;
    let mut dataset =
        file.build("d").element::<f32>().shape([0, 8]).extendible().chunks([1000, 8]).deflate(4).create()?;
    for _ in 0..10_000 {
        dataset.append(WithShape::new(&rows[..], [100, 8])?)?;
    }
    drop(dataset);
    file.commit()
}
