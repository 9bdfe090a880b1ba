//! One operation of the comparison, by other pure-Rust crates: `compare-rivals CRATE ROW FILE`. See ../README.md.

use std::error::Error;
use std::time::Instant;

type Outcome = Result<(f64, u64), Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [who, row, path] = &arguments[..] else { return Err("CRATE ROW FILE".into()) };
    let (seconds, check) = match &who[..] {
        "rust-hdf5" => rust_hdf5(row, path)?,
        "hdf5-reader" => hdf5_reader(row, path)?,
        _ => return Err("no such crate".into()),
    };
    println!("{seconds:.9} {check}");
    Ok(())
}

fn sum_f32<'a>(all: impl IntoIterator<Item = &'a f32>) -> u64 {
    all.into_iter().map(|&v| f64::from(v)).sum::<f64>() as i64 as u64
}

fn next(state: &mut u64, n: u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 33) % n) as usize
}

fn rust_hdf5(row: &str, path: &str) -> Outcome {
    let opened = Instant::now();
    let file = rust_hdf5::H5File::open(path)?;
    let start = Instant::now();
    let since = |start: Instant| start.elapsed().as_secs_f64();
    let mut state = 1;
    Ok(match row {
        "fresh_f32" => {
            let all = file.dataset("d")?.read_raw::<f32>()?;
            (since(start), sum_f32(&all))
        }
        "fresh_i64" => {
            let all = file.dataset("d")?.read_raw::<i64>()?;
            (since(start), all.iter().fold(0, |n: u64, &v| n.wrapping_add(v as u64)))
        }
        "images" => {
            let all = file.dataset("images")?.read_raw::<u8>()?;
            (since(start), all.iter().map(|&b| u64::from(b)).sum())
        }
        "strings" => {
            let all = file.dataset("s")?.read_vlen_strings()?;
            (since(start), all.iter().map(|s| s.len() as u64).sum())
        }
        "random_i64" => {
            let (dataset, mut check) = (file.dataset("d")?, 0u64);
            let n = dataset.total_elements() as u64;
            let start = Instant::now();
            for _ in 0..10_000 {
                let part = dataset.read_slice::<i64>(&[next(&mut state, n - 100)], &[100])?;
                check = check.wrapping_add(part[0] as u64);
            }
            (since(start), check)
        }
        "random_slabs" => {
            let (dataset, mut check) = (file.dataset("d")?, 0u64);
            let start = Instant::now();
            for _ in 0..500 {
                let at = [next(&mut state, 32), next(&mut state, 960), next(&mut state, 960)];
                check = check.wrapping_add(sum_f32(&dataset.read_slice::<f32>(&at, &[1, 64, 64])?));
            }
            (since(start), check)
        }
        "list" => {
            let names = file.root_group().link_names()?;
            (since(start), names.iter().map(|n| n.len() as u64).sum())
        }
        "open" => (since(opened), 1),
        _ => return Err("no such row".into()),
    })
}

fn hdf5_reader(row: &str, path: &str) -> Outcome {
    let opened = Instant::now();
    let file = hdf5_reader::Hdf5File::open(path)?;
    let start = Instant::now();
    let since = |start: Instant| start.elapsed().as_secs_f64();
    let mut state = 1;
    Ok(match row {
        "fresh_f32" => {
            let all = file.dataset("d")?.read_array_parallel::<f32>()?;
            (since(start), sum_f32(&all))
        }
        "buffer_f32" => {
            let dataset = file.dataset("d")?;
            let mut all = vec![1f32; dataset.num_elements()? as usize];
            let start = Instant::now();
            dataset.read_into(&mut all)?;
            (since(start), sum_f32(&all))
        }
        "fresh_i64" => {
            let all = file.dataset("d")?.read_array_parallel::<i64>()?;
            (since(start), all.iter().fold(0, |n: u64, &v| n.wrapping_add(v as u64)))
        }
        "images" => {
            let all = file.dataset("images")?.read_array_parallel::<u8>()?;
            (since(start), all.iter().map(|&b| u64::from(b)).sum())
        }
        "strings" => {
            let all = file.dataset("s")?.read_strings()?;
            (since(start), all.iter().map(|s| s.len() as u64).sum())
        }
        "random_i64" | "random_slabs" => {
            use hdf5_reader::{SliceInfo, SliceInfoElem::Slice};
            let (dataset, mut check) = (file.dataset("d")?, 0u64);
            let n = dataset.num_elements()?;
            let along = |start: usize, n: usize| Slice { start: start as u64, end: (start + n) as u64, step: 1 };
            let start = Instant::now();
            for _ in 0..if row == "random_i64" { 10_000 } else { 500 } {
                let selections = if row == "random_i64" {
                    vec![along(next(&mut state, n - 100), 100)]
                } else {
                    let at = [next(&mut state, 32), next(&mut state, 960), next(&mut state, 960)];
                    vec![along(at[0], 1), along(at[1], 64), along(at[2], 64)]
                };
                let what = SliceInfo { selections };
                check = check.wrapping_add(if row == "random_i64" {
                    dataset.read_slice::<i64>(&what)?.iter().next().map_or(0, |&v| v as u64)
                } else {
                    sum_f32(&dataset.read_slice::<f32>(&what)?)
                });
            }
            (since(start), check)
        }
        "open" => (since(opened), 1),
        _ => return Err("no such row".into()),
    })
}
