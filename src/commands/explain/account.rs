//! The account of one structure: its fields, one a line, with address, bytes, name and meaning.

use super::Outcome;
use crate::anatomy::{Anatomy, Field, Structure};
use crate::datatype::Name;
use crate::error::Result;
use serde_json::{Value, json};
use std::io::Write;

/// Bytes of a field that are shown in a line.
const SHOWN: usize = 8;

/// Bytes of a field in JSON.
const MOST_HEX: usize = 4096;

/// Bytes of data that are shown where there are no fields.
pub(super) const MOST_DUMPED: u64 = 256;

pub(super) fn structure(s: &Structure, anatomy: &Anatomy, json: bool, out: &mut dyn Write) -> Result<Outcome> {
    if json {
        writeln!(out, "{}", json_head(s))?;
        for field in &s.fields {
            writeln!(out, "{}", json_field(s, field))?;
        }
    } else {
        text(s, anatomy, out)?;
    }
    Ok(if s.faults.is_empty() { Outcome::Fine } else { Outcome::Finding })
}

fn text(s: &Structure, anatomy: &Anatomy, out: &mut dyn Write) -> Result<()> {
    let owner = if s.owner.is_empty() { String::new() } else { format!(" of {}", Name::from(&*s.owner)) };
    let note = if s.note.is_empty() { String::new() } else { format!(": {}", Name::from(&*s.note)) };
    writeln!(out, "{} at {:#x}{owner}, {} bytes ({}){note}", s.kind, s.address, s.length, s.kind.section())?;
    let width = format!("{:#x}", s.address.saturating_add(s.length)).len();
    // Names stand in one column, however deep they are.
    let name = |f: &Field| 2 * usize::from(f.level) + f.name.chars().count();
    let names = s.fields.iter().filter(|f| !f.is_part).map(name).max().unwrap_or(0).min(60);
    for field in &s.fields {
        let address = format!("{:#x}", s.address + field.offset);
        let indent = "  ".repeat(field.level.into());
        let named = Name::from(&*field.name);
        if field.is_part {
            writeln!(out, "{address:>width$}  {:<26}{indent}{named}, {} bytes", "", field.length)?;
            continue;
        }
        let mark = if field.is_wrong { "!! " } else { "" };
        let meaning = Name::from(&*field.meaning);
        let line = format!(
            "{address:>width$}  {:<24}  {:<names$}  {mark}{meaning}",
            shown(bytes_of(s, field)),
            format!("{indent}{named}"),
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    if s.fields.is_empty() {
        let bytes = anatomy.bytes(s.address, s.length.min(MOST_DUMPED)).unwrap_or_default();
        hex_dump(&bytes, s.address, out)?;
        if s.length > MOST_DUMPED {
            writeln!(out, "… {} more", s.length - MOST_DUMPED)?;
        }
    }
    for fault in &s.faults {
        writeln!(out, "!! {}", Name::from(&**fault))?;
    }
    Ok(())
}

fn bytes_of<'a>(s: &'a Structure, field: &Field) -> &'a [u8] {
    let from = field.offset as usize;
    s.bytes.get(from..from + field.length as usize).unwrap_or_default()
}

fn hex(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(between)
}

/// The first bytes of a field; those of a long one fit the same room.
fn shown(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(_) if bytes.len() > SHOWN => format!("{} …{}", hex(&bytes[..SHOWN - 2], " "), bytes.len()),
        _ => hex(bytes, " "),
    }
}

/// Bytes as everybody knows them: 16 a line, and as text.
pub(super) fn hex_dump(bytes: &[u8], address: u64, out: &mut dyn Write) -> Result<()> {
    for (i, line) in bytes.chunks(16).enumerate() {
        let text: String = line.iter().map(|&b| if (0x20..0x7f).contains(&b) { char::from(b) } else { '.' }).collect();
        writeln!(out, "{:#010x}  {:<47}  {text}", address + 16 * i as u64, hex(line, " "))?;
    }
    Ok(())
}

fn json_head(s: &Structure) -> Value {
    json!({
        "kind": s.kind.name(), "address": s.address, "position": s.position, "length": s.length,
        "section": s.kind.section(), "owner": s.owner, "note": s.note,
    })
}

fn json_field(s: &Structure, field: &Field) -> Value {
    let mut record = json!({
        "offset": field.offset, "address": s.address + field.offset, "length": field.length, "level": field.level,
        "name": field.name, "meaning": field.meaning,
    });
    if let Value::Object(record) = &mut record {
        if field.is_part {
            record.insert("part".into(), true.into());
        } else {
            let bytes = bytes_of(s, field);
            record.insert("hex".into(), hex(&bytes[..bytes.len().min(MOST_HEX)], "").into());
        }
        if field.is_wrong {
            record.insert("wrong".into(), true.into());
        }
    }
    record
}
