//! One operation of the comparison, by us: `compare_ours ROW FILE` prints its seconds, a checksum of what was read
//! that all competitors must agree on, and its seconds of CPU time. See benches/compare/README.md.
#![allow(clippy::print_stdout)]

mod clock;

use clock::cpu;
use h5manager::{File, OpenOptions, Result, Visit, Visited, compound};
use std::time::{Duration, Instant};

compound! {
    struct Row {
        id: i32,
        value: f64,
        name: [u8; 16],
    }
}

/// Starts the threads, and lets the system find a processor for each, which takes some of them a few milliseconds.
fn warm_up() {
    let start = Instant::now();
    rayon::broadcast(|_| while start.elapsed() < Duration::from_millis(20) {});
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (row, path) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let map = std::env::var_os("MAP").is_some();
    warm_up();
    let start = Instant::now();
    let file = OpenOptions::new().map(map).open(&path)?;
    let opened = start.elapsed();
    let (Took { wall, cpu }, check) = run(&row, &file, Mark { wall: start, cpu: Duration::ZERO })?;
    println!("{:.9} {check} cpu {:.9} open {:.6}", wall.as_secs_f64(), cpu.as_secs_f64(), opened.as_secs_f64());
    Ok(())
}

struct Took {
    wall: Duration,
    /// Of all threads; zero where the system does not tell.
    cpu: Duration,
}

/// A moment.
#[derive(Clone, Copy)]
struct Mark {
    wall: Instant,
    cpu: Duration,
}

impl Mark {
    fn now() -> Mark {
        Mark { wall: Instant::now(), cpu: cpu() }
    }

    fn since(self) -> Took {
        Took { wall: self.wall.elapsed(), cpu: cpu().saturating_sub(self.cpu) }
    }
}

/// Times one row; the checksum is made outside of the time.
fn run(row: &str, file: &File, opened: Mark) -> Result<(Took, u64)> {
    let start = Mark::now();
    Ok(match row {
        "fresh_f32" => {
            let all: Vec<f32> = file.dataset("d")?.read()?;
            (start.since(), sum_f32(&all))
        }
        "buffer_f32" => {
            let dataset = file.dataset("d")?;
            let mut buffer = vec![1f32; dataset.len() as usize];
            let start = Mark::now();
            dataset.read_into(&mut buffer)?;
            (start.since(), sum_f32(&buffer))
        }
        "fresh_i64" => {
            let all: Vec<i64> = file.dataset("d")?.read()?;
            (start.since(), all.iter().fold(0, |n: u64, &v| n.wrapping_add(v as u64)))
        }
        "images" => {
            let all: Vec<u8> = file.dataset("images")?.read()?;
            (start.since(), all.iter().map(|&b| u64::from(b)).sum())
        }
        "strings" => {
            let all: Vec<String> = file.dataset("s")?.read()?;
            (start.since(), all.iter().map(|s| s.len() as u64).sum())
        }
        "rows" => {
            let all: Vec<Row> = file.dataset("rows")?.read()?;
            let check =
                all.iter().fold(0, |n: u64, r| n.wrapping_add(r.id as u64 + r.value as u64 + u64::from(r.name[4])));
            (start.since(), check)
        }
        "random_i64" | "random_slabs" => random(file, row == "random_slabs", 1)?,
        "one_thread" => shared(file, 1)?,
        "two_threads" => shared(file, 2)?,
        "walk" => walk(file, start)?,
        "list" => {
            let names = file
                .root()?
                .links()?
                .try_fold(0, |n, link| Result::<u64>::Ok(n + link?.name().as_bytes().len() as u64))?;
            (start.since(), names)
        }
        "open" => {
            let link = file.root()?.links()?.next().transpose()?;
            (opened.since(), u64::from(link.is_some()))
        }
        _ => return Err(h5manager::Error::new(h5manager::ErrorKind::Invalid, "no such row")),
    })
}

fn sum_f32(all: &[f32]) -> u64 {
    all.iter().map(|&v| f64::from(v)).sum::<f64>() as i64 as u64
}

/// 10,000 pieces of 100 numbers, or 500 slabs of 1 x 64 x 64, at places that a simple generator gives.
fn random(file: &File, slabs: bool, seed: u64) -> Result<(Took, u64)> {
    let dataset = file.dataset("d")?;
    let mut state = seed;
    let mut next = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let (start, mut check) = (Mark::now(), 0u64);
    for _ in 0..if slabs { 500 } else { 10_000 } {
        if slabs {
            let (z, y, x) = (next(32), next(960), next(960));
            let part: Vec<f32> = dataset.select((z, y..y + 64, x..x + 64))?.read()?;
            check = check.wrapping_add(sum_f32(&part));
        } else {
            let at = next(dataset.len() - 100);
            let part: Vec<i64> = dataset.select(at..at + 100)?.read()?;
            check = check.wrapping_add(part[0] as u64);
        }
    }
    Ok((start.since(), check))
}

/// 10,000 pieces for each of some threads, all through one handle.
fn shared(file: &File, threads: u64) -> Result<(Took, u64)> {
    let start = Mark::now();
    let checks = std::thread::scope(|scope| {
        let all: Vec<_> = (1..=threads).map(|seed| scope.spawn(move || random(file, false, seed))).collect();
        let read = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(read) => read,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        all.into_iter().map(read).collect::<Result<Vec<_>>>()
    })?;
    let check = checks.iter().fold(0, |n: u64, (_, check)| n.wrapping_add(*check));
    Ok((start.since(), check))
}

/// Every object, with the values of all its attributes.
fn walk(file: &File, start: Mark) -> Result<(Took, u64)> {
    let look = |visit: Visit| {
        let Visited::Object(object) = visit.what() else {
            return Ok(0);
        };
        let attributes = object.attributes()?.into_iter();
        attributes.map(|a| a.map(|a| a.stored().len() as u64)).sum::<Result<u64>>().map(|bytes| 1 + bytes)
    };
    let mut bytes = 0;
    file.par_walk(look, |step| {
        bytes += step??;
        Ok(())
    })?;
    Ok((start.since(), bytes))
}
