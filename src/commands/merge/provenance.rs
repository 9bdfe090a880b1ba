//! Which rows came from which file.

use super::gather::Starts;
use super::plan::Plan;
use super::target::Target;
use crate::error::{Error, ErrorKind, Result};

/// The datasets that say it of every row.
const DATASETS: [&str; 2] = ["/source_file", "/source_row"];

/// Rows that are written at a time.
const BAND: u64 = 64 << 10;

/// Refuses files that have something of these names.
pub(super) fn check(plan: &Plan) -> Result<()> {
    match DATASETS.iter().find(|path| plan.order.iter().any(|known| *known == ***path)) {
        None => Ok(()),
        Some(path) => {
            let message = format!("--provenance adds {path}, which is there already: leave it out");
            Err(Error::new(ErrorKind::Conflict, message))
        }
    }
}

/// Names the files at the root, with their numbers of rows where those stand one behind the other; and for every row its
/// file and its number there, if `rows` asks for it.
pub(super) fn write(target: &mut Target<'_>, order: Option<&[u64]>, rows: bool) -> Result<()> {
    let plan = target.plan;
    let sources: Vec<&str> = plan.inputs.iter().map(|i| i.name.as_str()).collect();
    let mut root = target.out.root();
    root.set_attribute("tool", concat!("h5manager ", env!("CARGO_PKG_VERSION")))?;
    root.set_attribute("source", &sources)?;
    if order.is_none() {
        root.set_attribute("source_rows", &plan.counts)?;
    }
    if !rows {
        return Ok(());
    }
    let starts = Starts::new(&plan.counts);
    let total = order.map_or(plan.rows(), |order| order.len() as u64);
    let chunk = [total.clamp(1, 8192)];
    let build = |out: &mut crate::FileMut, path: &str| out.build(path).shape([total]).chunks(chunk).deflate(4);
    let mut files = build(&mut target.out, DATASETS[0]).extendible().element::<u32>().create()?;
    let mut numbers = build(&mut target.out, DATASETS[1]).extendible().element::<u64>().create()?;
    files.set_attribute("files", &sources)?;
    let mut at = 0;
    while at < total {
        let end = total.min(at + BAND);
        let row = |n: u64| order.map_or(Some(n), |order| order.get(n as usize).copied()).unwrap_or(0);
        let (inputs, own): (Vec<u32>, Vec<u64>) = (at..end)
            .map(|n| {
                let (input, own) = starts.place(row(n));
                (input as u32, own)
            })
            .unzip();
        files.append(&inputs)?;
        numbers.append(&own)?;
        at = end;
    }
    Ok(())
}
