//! `check`: whether a file is what it should be, to the last structure, checksum and element.

mod read;

use super::open::Opening;
use super::output::printable;
use super::{Command, Outcome, Progress};
use crate::anatomy::{Anatomy, Finding, Kind, Map, MapOptions};
use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use read::Reading;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Checks files: every structure, every checksum, every element of every dataset and attribute.
///
/// Each finding is one line, with the object and the address; the exit code is 0 if there is none, 1 if there is any.
/// Nothing stops at the first one. What cannot be read for want of a filter is a finding, too: nobody can say that it is
/// right.
///
/// Files of old versions have checksums in few places: the last line says what share of the bytes is under one, that is,
/// where one changed bit would be seen. Space that nothing leads to is lost, not wrong (`repack` gives it back); with
/// --lost it is a finding.
///
/// With --json each line is an object: {"finding", "object", "address", "structure"}, and last for each file {"file",
/// "findings", "objects", "attributes", "elements" (bytes), "size", "under_checksum", "lost"}.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  h5manager check run.h5                  everything
  h5manager check --quick *.h5            structures and metadata checksums, without the elements
  h5manager check --lost run.h5           is there space that nothing leads to?
  h5manager -q check run.h5 && echo good")]
pub struct Check {
    /// The files.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The elements of datasets are not read.
    #[arg(long)]
    quick: bool,
    /// Space that nothing leads to is a finding.
    #[arg(long)]
    lost: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// How files are opened.
    #[command(flatten)]
    pub opening: Opening,
}

/// What was found of one file.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
    /// Those that were too many to be kept.
    more: u64,
    read: Reading,
    size: u64,
    /// Bytes that hold a checksum, or are held by one.
    under_checksum: u64,
    lost: u64,
}

impl Command for Check {
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        let mut outcome = Outcome::Fine;
        for path in &self.files {
            let report = self.check(path, progress)?;
            if report.count() > 0 {
                outcome = Outcome::Finding;
            }
            report.write(path, self, out)?;
        }
        Ok(outcome)
    }
}

impl Check {
    fn check(&self, path: &Path, progress: &dyn Progress) -> Result<Report> {
        let mut report = Report::default();
        let map = Anatomy::open(path)?.map_unless(MapOptions::default(), &|| progress.stopped());
        match map {
            Ok(map) => report.structures(&map, self.lost),
            Err(e) => report.or_else(e)?,
        }
        match self.opening.open(path) {
            Ok(file) => {
                progress.start("checking", None);
                let read = report.read.everything(&file, self.quick, progress);
                progress.finish();
                report.under_checksum += report.read.under_checksum;
                report.take_over();
                read?;
            }
            Err(e) => report.or_else(e)?,
        }
        Ok(report)
    }
}

impl Report {
    /// An error that is a finding; what has to do with the machine stops the command.
    fn or_else(&mut self, e: Error) -> Result<()> {
        if matches!(e.kind(), ErrorKind::Io | ErrorKind::NotFound | ErrorKind::Interrupted) {
            return Err(e);
        }
        self.read.findings.push(Finding {
            address: e.address(),
            kind: None,
            owner: String::new(),
            message: e.to_string(),
        });
        self.take_over();
        Ok(())
    }

    /// Adds what was found in reading, unless the map has it already: both see a bad checksum.
    fn take_over(&mut self) {
        let known: HashSet<(Option<u64>, String)> =
            self.findings.iter().map(|f| (f.address, f.message.clone())).collect();
        let new = self.read.findings.drain(..);
        self.findings.extend(new.filter(|f| f.address.is_none() || !known.contains(&(f.address, f.message.clone()))));
    }

    /// What the map of the file says.
    fn structures(&mut self, map: &Map, lost: bool) {
        self.size = map.size();
        self.findings = map.findings().to_vec();
        self.more = map.more_findings();
        for piece in map.pieces() {
            self.under_checksum += piece.under_checksum;
            if piece.kind == Kind::Gap {
                self.lost += piece.length;
                if lost {
                    let message = format!("{} bytes that nothing leads to: {}", piece.length, piece.note);
                    let (address, message) =
                        (u64::try_from(piece.address).ok(), message.trim_end_matches(": ").to_owned());
                    self.findings.push(Finding { address, kind: None, owner: String::new(), message });
                }
            }
        }
    }

    fn count(&self) -> u64 {
        self.findings.len() as u64 + self.more
    }

    fn write(&self, path: &Path, options: &Check, out: &mut dyn Write) -> Result<()> {
        for finding in &self.findings {
            if options.json {
                writeln!(out, "{}", json_finding(finding))?;
            } else {
                writeln!(out, "!! {}: {}", printable(path), text(finding))?;
            }
        }
        if options.json {
            return Ok(writeln!(out, "{}", self.json(path))?);
        }
        if self.more > 0 {
            writeln!(out, "!! {}: {} more findings", printable(path), self.more)?;
        }
        Ok(writeln!(out, "{}: {}", printable(path), self.summary(options))?)
    }

    /// The last line: what was looked at, and what it means.
    fn summary(&self, options: &Check) -> String {
        let verdict = match (self.count(), options.quick) {
            (0, false) => "good".to_owned(),
            (0, true) => "its structures are good".to_owned(),
            (1, _) => "1 finding".to_owned(),
            (n, _) => format!("{n} findings"),
        };
        let Reading { objects, attributes, bytes, .. } = self.read;
        let elements = if options.quick { String::new() } else { format!(", {bytes} bytes of elements") };
        let share = if self.size == 0 { 0.0 } else { 100.0 * self.under_checksum as f64 / self.size as f64 };
        let lost = if self.lost == 0 { String::new() } else { format!(", {} bytes lost", self.lost) };
        format!(
            "{verdict} ({objects} objects, {attributes} attributes{elements}; {:.0} % of {} bytes under a checksum{lost})",
            share.min(100.0),
            self.size,
        )
    }

    fn json(&self, path: &Path) -> Value {
        json!({
            "file": path.to_string_lossy(), "findings": self.count(), "objects": self.read.objects,
            "attributes": self.read.attributes, "elements": self.read.bytes, "size": self.size,
            "under_checksum": self.under_checksum.min(self.size), "lost": self.lost,
        })
    }
}

fn text(finding: &Finding) -> String {
    let mut text = String::new();
    if !finding.owner.is_empty() {
        text = format!("{}: ", Name::from(&*finding.owner));
    }
    if let Some(kind) = finding.kind {
        text += &format!("{kind}: ");
    }
    if let Some(address) = finding.address {
        text += &format!("at {address:#x}: ");
    }
    text + &Name::from(&*finding.message).to_string()
}

fn json_finding(finding: &Finding) -> Value {
    json!({
        "finding": finding.message, "object": finding.owner, "address": finding.address,
        "structure": finding.kind.map(|k| k.name()),
    })
}
