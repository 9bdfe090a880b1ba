//! `explain`: where every byte of a file goes, and what the bytes of one structure mean.

mod account;

use super::ls::split_path;
use super::output::printable;
use super::{Command, Outcome, Progress};
use crate::anatomy::{Anatomy, Finding, Map, MapOptions, Piece};
use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Explains a file byte by byte: a map of all its structures by address, or one structure field by field.
///
/// The map accounts for every byte. Gaps and overlaps are named, and what cannot be read is told while the rest goes on;
/// the exit code is 1 if anything is wrong (a gap is not). Each line has an address, a number of bytes, the section of
/// the HDF5 File Format Specification (version 3.0), what stands there, and the object whose it is.
///
/// With an address, the structure to which that byte belongs is told field by field; with the path of an object, its
/// header is, and then all its pieces.
///
/// With --json each line is an object. Of the map: address, position, length, kind, section, count (of chunks one behind
/// the other), owner, note; then {"finding": message, address, kind, owner}; last {"total": bytes of each sort,
/// "findings": their number}. Of one structure: first kind, address, position, length, section, owner, note; then for
/// each field offset, address, length, level, name, hex (4,096 bytes at most), meaning, and "part" or "wrong" where that
/// is so.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  h5manager explain run.h5                        the map
  h5manager explain run.h5 0x1a40                 the structure at an address
  h5manager explain run.h5@0x1a40                 the same
  h5manager explain run.h5 /detector/counts       the header of an object, and where its pieces are
  h5manager explain --json run.h5 | grep '\"gap\"'  what nothing leads to")]
pub struct Explain {
    /// The file, FILE@ADDRESS, or FILE::/PATH.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// An address (0x1a40 or 6720), or the path of an object (/detector/counts).
    #[arg(value_name = "ADDRESS|PATH")]
    what: Option<String>,
    /// An address, as the second argument.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "what")]
    at: Option<String>,
    /// Every chunk on a line of its own, even those that stand one behind the other.
    #[arg(short, long)]
    all: bool,
    /// Read variable-length data, to know whose data each global heap collection holds.
    #[arg(long)]
    deep: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// What is to be explained.
enum Subject {
    File,
    Address(u64),
    Object(String),
}

impl Command for Explain {
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        let (path, subject) = self.subject()?;
        let anatomy = Anatomy::open(&path)?;
        let options = MapOptions { all: self.all, deep: self.deep };
        let named = |e: Error| e.on(printable(&path));
        match subject {
            Subject::Address(address) => self.one(&anatomy, address, out).map_err(named),
            Subject::File => {
                let map = anatomy.map_unless(options, &|| progress.stopped()).map_err(named)?;
                self.map(&map, &path, None, out, progress)
            }
            Subject::Object(object) => {
                let header = self.one(&anatomy, anatomy.address_of(&object).map_err(named)?, out).map_err(named)?;
                if !self.json {
                    writeln!(out)?;
                }
                let map = anatomy.map_unless(options, &|| progress.stopped()).map_err(named)?;
                let pieces = self.map(&map, &path, Some(&object), out, progress)?;
                Ok(if header == Outcome::Finding { header } else { pieces })
            }
        }
    }
}

impl Explain {
    fn subject(&self) -> Result<(PathBuf, Subject)> {
        if let Some(what) = self.what.as_ref().or(self.at.as_ref()) {
            let subject = match address(what) {
                Some(address) => Subject::Address(address),
                None if what.starts_with('/') && self.at.is_none() => Subject::Object(what.clone()),
                None => {
                    let message = format!("{what} is neither an address, as 0x1a40, nor a path, as /detector/counts");
                    return Err(Error::new(ErrorKind::Invalid, message));
                }
            };
            return Ok((self.file.clone(), subject));
        }
        let text = self.file.to_string_lossy();
        if let Some((file, at)) = text.rsplit_once('@')
            && let Some(address) = address(at)
            && !self.file.exists()
        {
            return Ok((file.into(), Subject::Address(address)));
        }
        Ok(match split_path(&self.file) {
            (file, Some(inside)) => (file, Subject::Object(inside)),
            (file, None) => (file, Subject::File),
        })
    }

    /// One structure.
    fn one(&self, anatomy: &Anatomy, address: u64, out: &mut dyn Write) -> Result<Outcome> {
        if let Some(structure) = anatomy.structure(address)? {
            return account::structure(&structure, anatomy, self.json, out);
        }
        // Nothing leads there: the map knows what is around it.
        let map = anatomy.map(MapOptions::default())?;
        let around = map.pieces().find(|p| {
            let end = p.address + i128::from(p.length);
            (p.address..end).contains(&i128::from(address))
        });
        let Some(piece) = around else {
            return Err(Error::new(ErrorKind::NotFound, format!("{address:#x} is behind the end of the file")));
        };
        if self.json {
            writeln!(out, "{}", json_piece(&piece))?;
        } else {
            let (at, note) = (hex_address(piece.address), Name::from(piece.note));
            writeln!(out, "{} at {at}, {} bytes: {note}", piece.kind, piece.length)?;
            let left = u64::try_from(piece.address + i128::from(piece.length) - i128::from(address)).unwrap_or(0);
            let bytes = anatomy.bytes(address, left.min(account::MOST_DUMPED)).unwrap_or_default();
            account::hex_dump(&bytes, address, out)?;
        }
        Ok(Outcome::Fine)
    }

    fn map(
        &self,
        map: &Map,
        path: &Path,
        object: Option<&str>,
        out: &mut dyn Write,
        progress: &dyn Progress,
    ) -> Result<Outcome> {
        let belongs = |owner: &str| object.is_none_or(|o| owner == o);
        if !self.json && object.is_none() {
            let (name, size, version) = (printable(path), map.size(), map.superblock_version());
            writeln!(out, "{name}: {size} bytes, superblock version {version}")?;
        }
        for piece in map.pieces().filter(|p| belongs(&p.owner)) {
            if progress.stopped() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped"));
            }
            if self.json {
                writeln!(out, "{}", json_piece(&piece))?;
            } else {
                writeln!(out, "{}", one_line(&piece, map.end().max(map.size())))?;
            }
        }
        let mut findings = 0;
        for finding in map.findings().iter().filter(|f| belongs(&f.owner)) {
            findings += 1;
            if self.json {
                writeln!(out, "{}", json_finding(finding))?;
            } else {
                writeln!(out, "!! {}", finding_text(finding))?;
            }
        }
        if object.is_none() {
            self.total(map, findings, out)?;
        }
        Ok(if findings > 0 { Outcome::Finding } else { Outcome::Fine })
    }

    /// How many bytes are of which sort.
    fn total(&self, map: &Map, findings: u64, out: &mut dyn Write) -> Result<()> {
        let findings = findings + map.more_findings();
        let sums = sums(map);
        if self.json {
            let bytes: BTreeMap<&str, u64> = sums.into_iter().collect();
            return Ok(writeln!(out, "{}", json!({"total": bytes, "findings": findings}))?);
        }
        let parts: Vec<String> = sums.iter().map(|(sort, bytes)| format!("{bytes} {sort}")).collect();
        let found = match findings {
            0 => "nothing is wrong".into(),
            1 => "1 finding".into(),
            n => format!("{n} findings"),
        };
        Ok(writeln!(out, "{} bytes: {}; {found}", map.size(), parts.join(", "))?)
    }
}

/// Bytes of each sort, those that occur.
fn sums(map: &Map) -> Vec<(&'static str, u64)> {
    use crate::anatomy::Kind;
    let mut sums = [("metadata", 0), ("data", 0), ("free", 0), ("gaps", 0), ("user block", 0), ("behind the end", 0)];
    for piece in map.pieces() {
        let sort = match piece.kind {
            Kind::Free => 2,
            Kind::Gap => 3,
            Kind::UserBlock => 4,
            Kind::Beyond => 5,
            kind => usize::from(kind.is_raw_data()),
        };
        sums[sort].1 += piece.length;
    }
    sums.into_iter().filter(|(_, bytes)| *bytes > 0).collect()
}

/// `0x1a40`, or `6720`.
fn address(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn hex_address(address: i128) -> String {
    if address < 0 { format!("-{:#x}", -address) } else { format!("{address:#x}") }
}

/// A piece in one line: address, bytes, section, what it is, whose.
fn one_line(piece: &Piece<'_>, size: u64) -> String {
    let (hex, decimal) = (format!("{size:#x}").len(), size.to_string().len());
    let what = match piece.count {
        1 => piece.kind.name().to_owned(),
        n => format!("{n} chunks"),
    };
    let owner = Name::from(&*piece.owner).to_string();
    let note = if piece.note.is_empty() { String::new() } else { format!("({})", Name::from(piece.note)) };
    let address = hex_address(piece.address);
    let line = format!(
        "{address:>hex$}  {:>decimal$}  {:<7}  {what:<27}  {owner}{}{note}",
        piece.length,
        piece.kind.section(),
        if owner.is_empty() || note.is_empty() { "" } else { "  " },
    );
    line.trim_end().to_owned()
}

fn finding_text(finding: &Finding) -> String {
    let mut text = String::new();
    if !finding.owner.is_empty() {
        text = format!("{}: ", Name::from(&*finding.owner));
    }
    match (finding.kind, finding.address) {
        (Some(kind), Some(address)) => text.push_str(&format!("{kind} at {address:#x}: ")),
        (Some(kind), None) => text.push_str(&format!("{kind}: ")),
        (None, Some(address)) => text.push_str(&format!("{address:#x}: ")),
        (None, None) => {}
    }
    text + &Name::from(&*finding.message).to_string()
}

fn json_piece(piece: &Piece<'_>) -> serde_json::Value {
    let address = i64::try_from(piece.address).unwrap_or(i64::MAX);
    json!({
        "address": address, "position": piece.position, "length": piece.length, "kind": piece.kind.name(),
        "section": piece.kind.section(), "count": piece.count, "owner": piece.owner, "note": piece.note,
    })
}

fn json_finding(finding: &Finding) -> serde_json::Value {
    json!({
        "finding": finding.message, "address": finding.address, "kind": finding.kind.map(|k| k.name()),
        "owner": finding.owner,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hexadecimal_or_decimal() {
        assert_eq!(
            (address("0x1a40"), address("6720"), address("0xz"), address("/a")),
            (Some(6720), Some(6720), None, None)
        );
        assert_eq!((hex_address(-512), hex_address(96)), ("-0x200".into(), "0x60".into()));
    }
}
