//! Reading a structure aloud: a [`Scribe`] goes through its bytes field by field, hands out the values and, when somebody
//! wants to know, writes down the name, the place and the meaning of each.
//!
//! Each structure is described once, in the order of its fields; the map of a file comes from the values, the account of
//! one structure from what is written down. What is wrong is written down, too, and does not stop the reading unless
//! there are no bytes left.

use crate::bytes::{Address, Widths, lookup3};
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::fmt::Display;

/// A field of a structure, or a part that has fields of its own.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Field {
    /// Where it begins, from the first byte of the structure.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
    /// How many parts it is inside of.
    pub level: u8,
    /// What it is called.
    pub name: Cow<'static, str>,
    /// Its value in words; empty where the bytes say it all.
    pub meaning: String,
    /// Whether it is a part: the fields behind it, with a higher level, are its own.
    pub is_part: bool,
    /// Whether it cannot be as it is; the meaning says why.
    pub is_wrong: bool,
}

/// A name in a list of values: what a number stands for.
pub(super) type Names = &'static [(u64, &'static str)];

pub(super) struct Scribe<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Reading stops here: the end of the part that is being read.
    end: usize,
    pub(super) w: Widths,
    level: u8,
    fields: Option<Vec<Field>>,
    /// Bytes, from the first on, that checksums cover.
    pub(super) under_checksum: u64,
    /// What is wrong with the structure.
    pub(super) faults: Vec<String>,
    /// What is worth saying of the structure in one line.
    pub(super) note: String,
}

/// The most faults that are told of one structure.
const MOST_FAULTS: usize = 20;

impl<'a> Scribe<'a> {
    pub(super) fn new(bytes: &'a [u8], w: Widths, writes: bool) -> Scribe<'a> {
        let fields = writes.then(Vec::new);
        Scribe {
            bytes,
            at: 0,
            end: bytes.len(),
            w,
            level: 0,
            fields,
            under_checksum: 0,
            faults: Vec::new(),
            note: String::new(),
        }
    }

    pub(super) fn into_fields(self) -> Vec<Field> {
        self.fields.unwrap_or_default()
    }

    /// Bytes that are left of the part that is being read.
    pub(super) fn left(&self) -> usize {
        self.end - self.at
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The bytes that are left, without reading them.
    pub(super) fn ahead(&self) -> &'a [u8] {
        self.bytes.get(self.at..self.end).unwrap_or_default()
    }

    #[inline]
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let taken = self.ahead().get(..n).ok_or_else(too_short)?;
        self.at += n;
        Ok(taken)
    }

    /// As [`take`](Scribe::take), for fields whose width the specification says.
    #[inline]
    fn take_array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.ahead().first_chunk().ok_or_else(too_short)?;
        self.at += N;
        Ok(*taken)
    }

    #[inline]
    fn write(&mut self, length: usize, name: impl Into<Cow<'static, str>>, meaning: impl FnOnce() -> String) {
        if self.fields.is_some() {
            self.write_down(length, name.into(), meaning());
        }
    }

    #[cold]
    fn write_down(&mut self, length: usize, name: Cow<'static, str>, meaning: String) {
        let (offset, level) = ((self.at - length) as u64, self.level);
        let field = Field { offset, length: length as u64, level, name, meaning, is_part: false, is_wrong: false };
        self.fields.get_or_insert_default().push(field);
    }

    /// Adds to the meaning of the last field.
    pub(super) fn means(&mut self, meaning: impl FnOnce() -> String) {
        if let Some(field) = self.fields.as_mut().and_then(|f| f.last_mut()) {
            let more = meaning();
            if !field.meaning.is_empty() && !more.is_empty() {
                field.meaning.push_str(": ");
            }
            field.meaning.push_str(&more);
        }
    }

    /// The last field is wrong.
    pub(super) fn wrong(&mut self, why: impl Into<String>) {
        let why = why.into();
        if let Some(field) = self.fields.as_mut().and_then(|f| f.last_mut()) {
            field.is_wrong = true;
            if !field.meaning.is_empty() {
                field.meaning.push_str("; ");
            }
            field.meaning.push_str(&why);
        }
        if self.faults.len() < MOST_FAULTS && !self.faults.contains(&why) {
            self.faults.push(why);
        }
    }

    /// Bytes whose meaning is not a number.
    pub(super) fn bytes(&mut self, name: &'static str, n: usize) -> Result<&'a [u8]> {
        let taken = self.take(n)?;
        if n > 0 {
            self.write(n, name, String::new);
        }
        Ok(taken)
    }

    /// An unsigned integer of up to 8 bytes.
    pub(super) fn number(&mut self, name: &'static str, width: usize) -> Result<u64> {
        let value = little(self.take(width)?);
        self.write(width, name, || value.to_string());
        Ok(value)
    }

    /// An unsigned integer of a width that the specification says.
    #[inline]
    fn integer<const N: usize, T: Display>(&mut self, name: &'static str, decode: fn([u8; N]) -> T) -> Result<T> {
        let value = decode(self.take_array()?);
        self.write(N, name, || value.to_string());
        Ok(value)
    }

    pub(super) fn u8(&mut self, name: &'static str) -> Result<u8> {
        self.integer(name, u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self, name: &'static str) -> Result<u16> {
        self.integer(name, u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, name: &'static str) -> Result<u32> {
        self.integer(name, u32::from_le_bytes)
    }

    /// A number whose values have names.
    pub(super) fn choice(&mut self, name: &'static str, width: usize, names: Names) -> Result<u64> {
        let value = self.number(name, width)?;
        self.explain(value, names);
        Ok(value)
    }

    /// Says what a number stands for.
    pub(super) fn explain(&mut self, value: u64, names: Names) {
        match names.iter().find(|(n, _)| *n == value) {
            Some((_, name)) => self.means(|| (*name).into()),
            None => self.wrong("a value that does not exist"),
        }
    }

    /// A set of bits with names; others must be 0.
    pub(super) fn flags(&mut self, name: &'static str, width: usize, bits: Names) -> Result<u64> {
        let value = little(self.take(width)?);
        self.write(width, name, || {
            let set: Vec<&str> = bits.iter().filter(|(bit, _)| value & bit != 0).map(|(_, name)| *name).collect();
            if set.is_empty() { format!("{value:#x}") } else { format!("{value:#x}: {}", set.join(", ")) }
        });
        if value & !bits.iter().fold(0, |all, (bit, _)| all | bit) != 0 {
            self.wrong("bits that have no meaning are set");
        }
        Ok(value)
    }

    /// A version, which must be one of these.
    pub(super) fn version(&mut self, name: &'static str, known: std::ops::RangeInclusive<u8>) -> Result<u8> {
        let version = self.u8(name)?;
        if !known.contains(&version) {
            self.wrong(format!("{name} {version} is not known"));
        }
        Ok(version)
    }

    /// The bytes that a structure begins with. Without them nothing else can be believed.
    pub(super) fn signature(&mut self, expected: &[u8]) -> Result<()> {
        let found = self.take(expected.len())?;
        self.write(expected.len(), "signature", || printable(found));
        if found == expected {
            return Ok(());
        }
        self.means(|| format!("should be {}", printable(expected)));
        Err(Error::damaged("its signature is missing"))
    }

    /// An integer as wide as the file says; `None` is all ones.
    fn wide(&mut self, width: usize) -> Result<(Option<u64>, bool)> {
        let bytes = self.take(width)?;
        let undefined = bytes.iter().all(|&b| b == 0xff);
        let too_large = bytes.iter().skip(8).any(|&b| b != 0);
        Ok(((!undefined).then(|| little(bytes)), too_large && !undefined))
    }

    /// An address; `None` is the undefined one.
    pub(super) fn address(&mut self, name: &'static str) -> Result<Option<Address>> {
        let (value, too_large) = self.wide(self.w.offset())?;
        self.write(self.w.offset(), name, || value.map_or("undefined".into(), |a| format!("{a:#x}")));
        if too_large {
            self.wrong("an address above 64 bits");
            return Ok(None);
        }
        Ok(value.map(Address))
    }

    /// A length or a count; `None` is all ones.
    pub(super) fn length(&mut self, name: &'static str) -> Result<Option<u64>> {
        let (value, too_large) = self.wide(self.w.length())?;
        self.write(self.w.length(), name, || value.map_or("all ones".into(), |n| n.to_string()));
        if too_large {
            self.wrong("a length above 64 bits");
            return Ok(None);
        }
        Ok(value)
    }

    /// A length that must not be all ones.
    pub(super) fn finite(&mut self, name: &'static str) -> Result<u64> {
        match self.length(name)? {
            Some(n) => Ok(n),
            None => {
                self.wrong("all ones has no meaning here");
                Ok(0)
            }
        }
    }

    /// `n` bytes of text.
    pub(super) fn text(&mut self, name: &'static str, n: usize) -> Result<&'a [u8]> {
        let text = self.take(n)?;
        if n > 0 {
            self.write(n, name, || quoted(text));
        }
        Ok(text)
    }

    /// Text up to its NUL, and that.
    pub(super) fn terminated(&mut self, name: &'static str) -> Result<&'a [u8]> {
        let end = self.ahead().iter().position(|&b| b == 0).map(|n| n + 1);
        let n = end.ok_or_else(|| Error::damaged(format!("the {name} has no end")))?;
        let text = self.text(name, n)?;
        Ok(text.get(..n - 1).unwrap_or_default())
    }

    /// Bytes without a meaning.
    pub(super) fn reserved(&mut self, n: usize) -> Result<()> {
        self.bytes("reserved", n).map(drop)
    }

    /// Everything that is left, without a meaning.
    pub(super) fn unused(&mut self, name: &'static str) {
        let n = self.left();
        // Cannot fail: the bytes are there.
        let _ = self.bytes(name, n);
    }

    /// The checksum over everything before it.
    pub(super) fn checksum(&mut self) -> Result<()> {
        let covered = self.bytes.get(..self.at).unwrap_or_default();
        self.checksum_over(self.at, || lookup3(covered, 0))
    }

    /// The checksum over everything from `start` on.
    pub(super) fn checksum_from(&mut self, start: usize) -> Result<()> {
        let covered = self.bytes.get(start..self.at).unwrap_or_default();
        self.checksum_over(self.at, || lookup3(covered, 0))
    }

    /// A checksum that is computed in another way, over everything up to `end`.
    pub(super) fn checksum_over(&mut self, end: usize, compute: impl FnOnce() -> u32) -> Result<()> {
        let stored = little(self.take(4)?) as u32;
        self.under_checksum = end.max(self.at) as u64;
        self.write(4, "checksum", || format!("{stored:08x}"));
        let computed = compute();
        if computed == stored {
            self.means(|| "right".into());
        } else {
            self.wrong(format!("checksum is {stored:08x}, computed {computed:08x}"));
        }
        Ok(())
    }

    /// The bytes of the whole structure.
    pub(super) fn whole(&self) -> &'a [u8] {
        self.bytes
    }

    /// A part with a name of its own, as long as what is read in it.
    pub(super) fn part<T>(
        &mut self,
        name: impl FnOnce() -> String,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let (start, index) = (self.at, self.fields.as_ref().map(Vec::len));
        if self.fields.is_some() {
            self.write(0, name(), String::new);
        }
        self.level += 1;
        let done = read(self);
        self.level -= 1;
        let length = (self.at - start) as u64;
        if let Some(part) = self.fields.as_mut().zip(index).and_then(|(f, i)| f.get_mut(i)) {
            part.is_part = true;
            part.length = length;
        }
        done
    }

    /// A part of `n` bytes, with a name of its own.
    pub(super) fn within(
        &mut self,
        n: usize,
        name: impl FnOnce() -> String,
        read: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.part(name, |s| s.bounded(n, read))
    }

    /// The next `n` bytes. What goes wrong in them is a fault, and what is not read of them is left over: the reading
    /// goes on behind them.
    pub(super) fn bounded(&mut self, n: usize, read: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let end = self.at.checked_add(n).filter(|&e| e <= self.end);
        let end = end.ok_or_else(|| Error::damaged("a part runs past the end"))?;
        let outer = std::mem::replace(&mut self.end, end);
        if let Err(e) = read(self) {
            self.wrong(e.to_string());
        }
        if self.left() > 0 {
            self.unused("not used");
        }
        self.end = outer;
        Ok(())
    }
}

#[cold]
fn too_short() -> Error {
    Error::damaged("ends before its last field")
}

/// A little-endian number; bytes beyond the eighth are not looked at.
pub(super) fn little(bytes: &[u8]) -> u64 {
    // The widths of nearly all fields.
    match *bytes {
        [a] => return a.into(),
        [a, b] => return u16::from_le_bytes([a, b]).into(),
        [a, b, c, d] => return u32::from_le_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h, ..] => return u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => {}
    }
    bytes.iter().take(8).rev().fold(0, |n, &b| n << 8 | u64::from(b))
}

fn printable(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| if (0x20..0x7f).contains(&b) { char::from(b) } else { '·' }).collect()
}

/// Characters of a text that are shown.
const MOST_TEXT: usize = 200;

pub(super) fn quoted(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(crate::bytes::until_nul(text));
    let more = if text.chars().count() > MOST_TEXT { "…" } else { "" };
    let shown: String = text.chars().take(MOST_TEXT).collect();
    format!("\"{}\"{more}", crate::format::message::datatype::Name::from(&*shown))
}
