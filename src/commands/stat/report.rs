//! The numbers as tables for people, and as lines of JSON.

use super::tally::{Sum, Sums, Tally};
use crate::File;
use crate::commands::output::printable;
use crate::datatype::Name;
use crate::error::Result;
use serde_json::json;
use std::io::Write;
use std::path::Path;

fn ratio(logical: u64, stored: u64) -> Option<f64> {
    (stored > 0).then(|| logical as f64 / stored as f64)
}

pub(super) fn text(t: &Tally, path: &Path, file: &File, out: &mut dyn Write) -> Result<()> {
    let percent = |part: u64| 100.0 * part as f64 / t.file_bytes.max(1) as f64;
    writeln!(out, "{}: {} bytes, superblock version {}", printable(path), t.file_bytes, file.superblock_version())?;
    writeln!(out, "objects     {} groups, {} datasets, {} datatypes", t.groups, t.datasets.datasets, t.datatypes)?;
    let other = if t.user > 0 { format!(", {} user-defined", t.user) } else { String::new() };
    writeln!(out, "links       {} hard, {} soft, {} external{other}", t.hard, t.soft, t.external)?;
    writeln!(
        out,
        "            {} deep, at most {} in a group{}",
        t.deepest,
        t.most_links.number,
        at(&t.most_links.path)
    )?;
    let (old, new) = (t.headers[0], t.headers[1]);
    writeln!(
        out,
        "headers     {} bytes, {} of them free, in {} parts",
        t.header_bytes, t.header_free, t.header_chunks
    )?;
    writeln!(out, "            {old} of version 1, {new} of version 2")?;
    writeln!(
        out,
        "attributes  {} on {} objects, {} bytes of data; at most {}{}",
        t.attributes,
        t.with_attributes,
        t.attribute_bytes,
        t.most_attributes.number,
        at(&t.most_attributes.path),
    )?;
    sums(t, out)?;
    if t.chunks_total > 0 {
        let (least, most) = t.chunk_extremes.unwrap_or_default();
        let mean = t.chunk_bytes / t.chunks_stored.max(1);
        writeln!(
            out,
            "chunks      {} of {} are stored; {least} to {most} bytes, {mean} on average",
            t.chunks_stored, t.chunks_total
        )?;
    }
    writeln!(out, "{:<30}  {:>8}  {:>15}", "space", "pieces", "bytes")?;
    for (name, pieces, bytes) in &t.kinds {
        writeln!(out, "  {name:<28}  {pieces:>8}  {bytes:>15}  {:5.1} %", percent(*bytes))?;
    }
    writeln!(out, "unused      {} bytes, {:.1} %", t.unused, percent(t.unused))?;
    if !t.largest.is_empty() {
        writeln!(out, "largest datasets{:>23}  {:>15}  {:>7}", "stored", "logical", "ratio")?;
        for large in t.largest.iter().rev() {
            let ratio = ratio(large.logical, large.stored).unwrap_or(1.0);
            writeln!(out, "  {:>37}  {:>15}  {ratio:>5.2}:1  {}", large.stored, large.logical, large.path)?;
        }
    }
    for error in &t.errors {
        writeln!(out, "!! {}", Name::from(&**error))?;
    }
    Ok(())
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" ({path})") }
}

/// Datasets, all and by what they have in common.
fn sums(t: &Tally, out: &mut dyn Write) -> Result<()> {
    if t.datasets.datasets == 0 {
        return Ok(());
    }
    writeln!(out, "{:<30}  {:>8}  {:>15}  {:>15}  {:>7}", "datasets", "number", "logical", "stored", "ratio")?;
    let mut line = |name: &str, sum: &Sum| {
        let ratio = ratio(sum.logical, sum.stored).map_or(String::new(), |r| format!("{r:.2}:1"));
        let text = format!("  {name:<28}  {:>8}  {:>15}  {:>15}  {ratio:>7}", sum.datasets, sum.logical, sum.stored);
        writeln!(out, "{}", text.trim_end())
    };
    line("all", &t.datasets)?;
    for (what, group) in groups(t) {
        for (name, sum) in group {
            line(&format!("{what} {name}"), sum)?;
        }
    }
    Ok(())
}

fn groups(t: &Tally) -> [(&'static str, &Sums); 4] {
    [("layout", &t.layouts), ("index", &t.indexes), ("filters", &t.filters), ("class", &t.classes)]
}

pub(super) fn json(t: &Tally, path: &Path, file: &File, out: &mut dyn Write) -> Result<()> {
    let most = |m: &super::tally::Most| json!({"number": m.number, "path": m.path});
    let mut records = vec![
        json!({
            "what": "file", "name": path.to_string_lossy(), "bytes": t.file_bytes,
            "superblock": file.superblock_version(), "user_block": file.user_block_size(), "unused": t.unused,
        }),
        json!({
            "what": "objects", "groups": t.groups, "datasets": t.datasets.datasets, "datatypes": t.datatypes,
        }),
        json!({
            "what": "links", "hard": t.hard, "soft": t.soft, "external": t.external, "user": t.user,
            "depth": t.deepest, "most": most(&t.most_links),
        }),
        json!({
            "what": "headers", "bytes": t.header_bytes, "free": t.header_free, "chunks": t.header_chunks,
            "version_1": t.headers[0], "version_2": t.headers[1],
        }),
        json!({
            "what": "attributes", "number": t.attributes, "objects": t.with_attributes, "bytes": t.attribute_bytes,
            "most": most(&t.most_attributes),
        }),
        json!({
            "what": "datasets", "datasets": t.datasets.datasets, "logical": t.datasets.logical,
            "stored": t.datasets.stored,
        }),
    ];
    for (what, group) in groups(t) {
        records.extend(group.iter().map(|(name, s)| {
            json!({"what": what, "name": name, "datasets": s.datasets, "logical": s.logical, "stored": s.stored})
        }));
    }
    let (least, largest) = (t.chunk_extremes.map(|e| e.0), t.chunk_extremes.map(|e| e.1));
    records.push(json!({
        "what": "chunks", "stored": t.chunks_stored, "total": t.chunks_total, "bytes": t.chunk_bytes,
        "smallest": least, "largest": largest,
    }));
    let space = t.kinds.iter();
    records.extend(space.map(|(name, n, bytes)| json!({"what": "space", "name": name, "pieces": n, "bytes": bytes})));
    let large = t.largest.iter().rev();
    records.extend(large.map(|l| json!({"what": "largest", "path": l.path, "logical": l.logical, "stored": l.stored})));
    records.extend(t.errors.iter().map(|e| json!({"what": "error", "error": e})));
    for record in records {
        writeln!(out, "{record}")?;
    }
    Ok(())
}
