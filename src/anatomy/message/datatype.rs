//! Datatype messages (IV.A.2.d), field by field, with the datatypes inside of datatypes.

use super::storage::shown;
use crate::anatomy::scribe::{Names, Scribe, little};
use crate::bytes::{Limits, bytes_needed};
use crate::error::{Error, Result};
use crate::format::message::datatype;

const CLASSES: [&str; 12] = [
    "fixed-point number",
    "floating-point number",
    "time",
    "string",
    "bit field",
    "opaque",
    "compound",
    "reference",
    "enumeration",
    "variable-length",
    "array",
    "complex number",
];

/// What the 24 bits of each class say.
const FIXED: Names = &[(1, "big-endian"), (2, "low padding 1"), (4, "high padding 1"), (8, "signed")];

pub(super) fn datatype(s: &mut Scribe<'_>) -> Result<()> {
    nested(s, 0)
}

fn nested(s: &mut Scribe<'_>, depth: usize) -> Result<()> {
    if depth > Limits::MAX_NESTING {
        return Err(Error::damaged("datatypes nested too deep"));
    }
    let whole = s.ahead();
    let first = s.bytes("class and version", 1)?.first().copied().unwrap_or(0);
    let (class, version) = (first & 15, first >> 4);
    s.means(|| {
        let class = CLASSES.get(usize::from(class)).unwrap_or(&"a class that does not exist");
        let named = datatype::decode(whole).map_or(String::new(), |(d, _)| format!(": {d}"));
        format!("{class}, version {version}{named}")
    });
    if usize::from(class) >= CLASSES.len() || !(1..=5).contains(&version) {
        s.wrong(format!("class {class}, version {version}"));
        return Ok(());
    }
    let bits = little(s.bytes("bits of the class", 3)?);
    s.means(|| bits_text(class, bits));
    let size = s.u32("size of an element")?;
    match class {
        0 | 4 => {
            s.u16("first significant bit")?;
            s.u16("significant bits").map(drop)
        }
        1 => float(s),
        2 => s.u16("significant bits").map(drop),
        5 => s.text("tag", ((bits & 0xff) as usize).next_multiple_of(8)).map(drop),
        6 => compound(s, version, bits & 0xffff, size, depth),
        8 => enumeration(s, version, bits & 0xffff, depth),
        9 | 11 => s.part(|| "base datatype".into(), |s| nested(s, depth + 1)),
        10 => array(s, version, depth),
        _ => Ok(()),
    }
}

fn bits_text(class: u8, bits: u64) -> String {
    let named = |value: u64, names: &[&str]| names.get(value as usize).copied().unwrap_or("?").to_owned();
    let padding = ["ended by NUL", "padded with NULs", "padded with spaces"];
    let charset = ["ASCII", "UTF-8"];
    match class {
        0 | 4 => {
            let set: Vec<&str> = FIXED.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
            if set.is_empty() { "little-endian, unsigned".into() } else { set.join(", ") }
        }
        1 => {
            let order = match bits & 0x41 {
                0 => "little-endian",
                1 => "big-endian",
                0x41 => "VAX order",
                _ => "an order that does not exist",
            };
            let norm = named(bits >> 4 & 3, &["not normalized", "first bit set", "first bit implied"]);
            format!("{order}, mantissa {norm}, sign at bit {}", bits >> 8 & 0xff)
        }
        3 => format!("{}, {}", named(bits & 15, &padding), named(bits >> 4 & 15, &charset)),
        5 => format!("a tag of {} bytes", bits & 0xff),
        6 | 8 => format!("{} members", bits & 0xffff),
        7 => named(
            bits & 15,
            &["to an object", "to a region", "to an object (1.12)", "to a region (1.12)", "to an attribute"],
        ),
        9 if bits & 15 == 1 => {
            format!("string, {}, {}", named(bits >> 4 & 15, &padding), named(bits >> 8 & 15, &charset))
        }
        9 => "sequence".into(),
        11 => "rectangular".into(),
        _ => String::new(),
    }
}

fn float(s: &mut Scribe<'_>) -> Result<()> {
    s.u16("first significant bit")?;
    s.u16("significant bits")?;
    for name in ["position of the exponent", "bits of the exponent", "position of the mantissa", "bits of the mantissa"]
    {
        s.u8(name)?;
    }
    s.u32("bias of the exponent").map(drop)
}

/// A name: up to version 2 padded to a multiple of 8.
fn member_name(s: &mut Scribe<'_>, version: u8) -> Result<()> {
    let length = s.ahead().iter().position(|&b| b == 0).map(|n| n + 1);
    let length = length.ok_or_else(|| Error::damaged("a name has no end"))?;
    s.text("name", if version < 3 { length.next_multiple_of(8) } else { length }).map(drop)
}

fn compound(s: &mut Scribe<'_>, version: u8, members: u64, size: u32, depth: usize) -> Result<()> {
    for i in 0..members {
        let name = s.ahead();
        s.part(
            || format!("member {i}: {}", shown(name)),
            |s| {
                member_name(s, version)?;
                s.number("offset in the element", if version < 3 { 4 } else { bytes_needed(size.into()) })?;
                if version == 1 {
                    s.u8("dimensions")?;
                    s.reserved(3)?;
                    s.u32("permutation")?;
                    s.reserved(4)?;
                    for _ in 0..4 {
                        s.u32("dimension")?;
                    }
                }
                s.part(|| "datatype".into(), |s| nested(s, depth + 1))
            },
        )?;
    }
    Ok(())
}

fn enumeration(s: &mut Scribe<'_>, version: u8, members: u64, depth: usize) -> Result<()> {
    // The header of the base, which stands next, has its size behind 4 bytes.
    let size = s.ahead().get(4..8).map_or(0, little) as usize;
    s.part(|| "base datatype".into(), |s| nested(s, depth + 1))?;
    for _ in 0..members {
        member_name(s, version)?;
    }
    for _ in 0..members {
        let value = s.bytes("value", size)?;
        s.means(|| format!("{:#x}", little(value)));
    }
    Ok(())
}

fn array(s: &mut Scribe<'_>, version: u8, depth: usize) -> Result<()> {
    let rank = s.u8("rank")?;
    if version < 3 {
        s.reserved(3)?;
    }
    for _ in 0..rank {
        s.u32("dimension")?;
    }
    for _ in 0..if version < 3 { rank } else { 0 } {
        s.u32("permutation")?;
    }
    s.part(|| "base datatype".into(), |s| nested(s, depth + 1))
}
