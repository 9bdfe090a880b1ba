//! Bytes and numbers as every structure of the format uses them: addresses, lengths, their widths, checksums, and the
//! one way in which a declared structure becomes a value and back.
//!
//! Specification: "Disk Format: Level 0A" (sizes of offsets and lengths); everything in metadata is little-endian.

mod checksum;
mod context;

pub(crate) use checksum::{Fletcher32, lookup3};
pub use context::Limits;
pub(crate) use context::{Ctx, MAX_PROBES, zeroed};

use crate::error::{Error, Result};
use binrw::{BinRead, BinResult, BinWrite, Endian};
use std::fmt;
use std::io::{Cursor, Read, Seek, Write};

/// A few bytes: most names, and the data of most attributes, take no memory of their own.
pub(crate) type Short = smallvec::SmallVec<[u8; 16]>;

/// How many bytes an address and a length take in this file: the superblock's "size of offsets" and "size of lengths".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Widths {
    pub(crate) offset: u8,
    pub(crate) length: u8,
}

impl Widths {
    /// What every file of the last twenty years uses, and what we write.
    pub(crate) const EIGHT: Widths = Widths { offset: 8, length: 8 };

    /// Refuses widths that the specification does not know.
    pub(crate) fn checked(offset: u8, length: u8) -> Result<Widths> {
        let legal = |w| matches!(w, 2 | 4 | 8 | 16 | 32);
        if !legal(offset) || !legal(length) {
            return Err(Error::damaged(format!(
                "size of offsets {offset} and of lengths {length}: neither 2, 4, 8, 16 nor 32"
            )));
        }
        Ok(Widths { offset, length })
    }

    pub(crate) fn offset(self) -> usize {
        self.offset as usize
    }

    pub(crate) fn length(self) -> usize {
        self.length as usize
    }

    /// The greatest address that there can be: all ones are none.
    pub(crate) fn most_address(self) -> u64 {
        1u64.checked_shl(8 * u32::from(self.offset)).map_or(u64::MAX - 1, |n| n - 2)
    }
}

/// A place in the file, counted from its base address. An undefined address is `Option::None`, never all ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address(pub(crate) u64);

impl Address {
    /// The number of bytes from the file's base address.
    pub(crate) fn get(self) -> u64 {
        self.0
    }

    /// The address `bytes` further on.
    pub(crate) fn plus(self, bytes: u64) -> Result<Address> {
        let sum = self.0.checked_add(bytes).ok_or_else(|| Error::damaged("an address runs past 64 bits").at(self.0))?;
        Ok(Address(sum))
    }

    /// A field that may hold the undefined address.
    #[binrw::parser(reader)]
    pub(crate) fn read_optional(w: Widths) -> BinResult<Option<Address>> {
        let at = reader.stream_position()?;
        Ok(read_uint(reader, w.offset(), at)?.map(Address))
    }

    /// The counterpart of [`Address::read_optional`].
    #[binrw::writer(writer)]
    pub(crate) fn write_optional(address: &Option<Address>, w: Widths) -> BinResult<()> {
        write_uint(writer, address.map(|a| a.0), w.offset())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl BinRead for Address {
    type Args<'a> = Widths;

    fn read_options<R: Read + Seek>(reader: &mut R, _: Endian, w: Widths) -> BinResult<Self> {
        let at = reader.stream_position()?;
        read_uint(reader, w.offset(), at)?
            .map(Address)
            .ok_or_else(|| malformed(at, "an undefined address where one is needed"))
    }
}

impl BinWrite for Address {
    type Args<'a> = Widths;

    fn write_options<W: Write + Seek>(&self, writer: &mut W, _: Endian, w: Widths) -> BinResult<()> {
        write_uint(writer, Some(self.0), w.offset())
    }
}

/// A number of bytes or of elements, as wide as the file's lengths. `None` stands for all ones: unlimited, or unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Length(pub(crate) Option<u64>);

impl Length {
    /// The number, where all ones has no meaning.
    #[binrw::parser(reader)]
    pub(crate) fn read_finite(w: Widths) -> BinResult<u64> {
        let at = reader.stream_position()?;
        read_uint(reader, w.length(), at)?.ok_or_else(|| malformed(at, "a length of all ones"))
    }

    /// The counterpart of [`Length::read_finite`].
    #[binrw::writer(writer)]
    pub(crate) fn write_finite(length: &u64, w: Widths) -> BinResult<()> {
        write_uint(writer, Some(*length), w.length())
    }
}

impl BinRead for Length {
    type Args<'a> = Widths;

    fn read_options<R: Read + Seek>(reader: &mut R, _: Endian, w: Widths) -> BinResult<Self> {
        let at = reader.stream_position()?;
        Ok(Length(read_uint(reader, w.length(), at)?))
    }
}

impl BinWrite for Length {
    type Args<'a> = Widths;

    fn write_options<W: Write + Seek>(&self, writer: &mut W, _: Endian, w: Widths) -> BinResult<()> {
        write_uint(writer, self.0, w.length())
    }
}

/// An unsigned little-endian integer of `width` bytes whose width the structure itself computes ("V(x)" in the design).
#[binrw::parser(reader)]
pub(crate) fn read_sized(width: usize) -> BinResult<u64> {
    let at = reader.stream_position()?;
    let mut bytes = [0; 8];
    let place = bytes.get_mut(..width).ok_or_else(|| malformed(at, "an integer wider than 8 bytes"))?;
    reader.read_exact(place)?;
    Ok(u64::from_le_bytes(bytes))
}

/// As many bytes as the structure says follow. Nothing is reserved for them before they are there: the number may be
/// anything.
#[binrw::parser(reader)]
pub(crate) fn read_bytes(count: u64) -> BinResult<Vec<u8>> {
    let mut bytes = Vec::new();
    Read::by_ref(reader).take(count).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < count {
        return Err(binrw::Error::Io(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

/// The counterpart of [`read_sized`].
#[binrw::writer(writer)]
pub(crate) fn write_sized(value: &u64, width: usize) -> BinResult<()> {
    write_uint(writer, Some(*value), width)
}

/// Reads `width` bytes as [`uint`] does.
fn read_uint<R: Read>(reader: &mut R, width: usize, at: u64) -> BinResult<Option<u64>> {
    let mut bytes = [0; 32];
    let place = bytes.get_mut(..width).ok_or_else(|| malformed(at, "an integer wider than 32 bytes"))?;
    reader.read_exact(place)?;
    uint(place).ok_or_else(|| malformed(at, "an address or length above 64 bits"))
}

/// The little-endian integer that `field` holds; all ones is `Some(None)` whatever the width, an integer above 64 bits is
/// `None`: widths above 8 are legal while the high bytes are zero.
#[inline]
pub(crate) fn uint(field: &[u8]) -> Option<Option<u64>> {
    // What nearly every file has.
    if let Ok(bytes) = field.try_into() {
        let value = u64::from_le_bytes(bytes);
        return Some((value != u64::MAX).then_some(value));
    }
    if field.iter().all(|&b| b == 0xff) {
        return Some(None);
    }
    let (low, high) = field.split_at(field.len().min(8));
    if high.iter().any(|&b| b != 0) {
        return None;
    }
    let number = low.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
    // In a wider field, too, 64 bits of ones mean nothing else in memory, as in libhdf5.
    Some(Some(number).filter(|&n| n != u64::MAX))
}

fn write_uint<W: Write + Seek>(writer: &mut W, value: Option<u64>, width: usize) -> BinResult<()> {
    let at = writer.stream_position()?;
    let mut bytes = [0; 32];
    match value {
        None => bytes.fill(0xff),
        Some(v) => {
            if width < 8 && v >> (8 * width) != 0 {
                let message = format!("{v} does not fit the {width} bytes of its field");
                return Err(binrw::Error::Custom { pos: at, err: Box::new(Error::limit(message)) });
            }
            bytes[..8].copy_from_slice(&v.to_le_bytes());
        }
    }
    let place = bytes.get(..width).ok_or_else(|| malformed(at, "an integer wider than 32 bytes"))?;
    Ok(writer.write_all(place)?)
}

/// How many bytes the number `n` needs: `floor(log2(n)) / 8 + 1`, one for 0 ("enc(n)" in the design).
pub(crate) fn bytes_needed(n: u64) -> usize {
    (n.max(1).ilog2() / 8 + 1) as usize
}

/// `n` rounded up to a multiple of 8, as version 1 structures pad.
pub(crate) fn padded_to_8(n: u64) -> Option<u64> {
    n.checked_next_multiple_of(8)
}

/// The complaint of a declaration about bytes it cannot accept.
pub(crate) fn malformed(at: u64, message: impl Into<String>) -> binrw::Error {
    binrw::Error::AssertFail { pos: at, message: message.into() }
}

/// Decodes one declared structure from the front of `bytes`; returns it with the number of bytes it took.
pub(crate) fn decode<'a, T: BinRead>(bytes: &[u8], args: T::Args<'a>, structure: &'static str) -> Result<(T, usize)> {
    let mut cursor = Cursor::new(bytes);
    let value = T::read_options(&mut cursor, Endian::Little, args).map_err(|e| explain(e, structure))?;
    Ok((value, cursor.position() as usize))
}

/// Encodes one declared structure.
pub(crate) fn encode<'a, T: BinWrite>(value: &T, args: T::Args<'a>, structure: &'static str) -> Result<Vec<u8>> {
    // Room for most of them: field by field a buffer would grow many times.
    let mut cursor = Cursor::new(Vec::with_capacity(64));
    value.write_options(&mut cursor, Endian::Little, args).map_err(|e| explain(e, structure))?;
    Ok(cursor.into_inner())
}

/// Appends an address, a length or a count of `width` bytes; `None` is all ones.
pub(crate) fn push_uint(out: &mut Vec<u8>, value: Option<u64>, width: usize, structure: &'static str) -> Result<()> {
    let end = out.len() as u64;
    let mut cursor = Cursor::new(out);
    cursor.set_position(end);
    write_uint(&mut cursor, value, width).map_err(|e| explain(e, structure))
}

/// A declaration's complaint in our own words.
fn explain(error: binrw::Error, structure: &'static str) -> Error {
    use binrw::Error as E;
    if error.is_eof() {
        return Error::damaged("ends before its last field").in_structure(structure);
    }
    let message = match error.root_cause() {
        E::BadMagic { .. } => "its signature is missing".into(),
        E::AssertFail { message, .. } => message.clone(),
        E::Custom { err, .. } => match err.downcast_ref::<Error>() {
            Some(ours) => return Error::new(ours.kind(), ours.message()).in_structure(structure),
            None => "a field has a value that it cannot have".into(),
        },
        _ => "a field has a value that it cannot have".into(),
    };
    Error::damaged(message).in_structure(structure)
}

/// Compares the stored checksum of `covered` with the one computed over it.
pub(crate) fn verify_lookup3(covered: &[u8], stored: u32, structure: &'static str) -> Result<()> {
    let computed = lookup3(covered, 0);
    if computed == stored || is_excused(covered, computed) {
        return Ok(());
    }
    Err(Error::damaged(format!("checksum is {stored:08x}, computed {computed:08x}")).in_structure(structure))
}

/// Whether a wrong checksum is let pass.
#[cfg(not(fuzzing))]
fn is_excused(_: &[u8], _: u32) -> bool {
    false
}

/// A fuzzer's mutations would all die of their checksums: it may ask for the right ones, see [`crate::fuzz`].
#[cfg(fuzzing)]
fn is_excused(covered: &[u8], computed: u32) -> bool {
    WRONG.with_borrow_mut(|wrong| {
        wrong.iter_mut().for_each(|w| w.push((covered.as_ptr() as usize + covered.len(), computed)));
        wrong.is_some()
    })
}

#[cfg(fuzzing)]
thread_local! {
    /// Where wrong checksums stood, as places in memory, and the right ones; `None` where they are errors.
    pub(crate) static WRONG: std::cell::RefCell<Option<Vec<(usize, u32)>>> = const { std::cell::RefCell::new(None) };
}

/// Splits `bytes`, a whole structure, into what its checksum covers and the stored checksum, and verifies it.
pub(crate) fn verified<'a>(bytes: &'a [u8], structure: &'static str) -> Result<&'a [u8]> {
    let Some((covered, stored)) = bytes.split_last_chunk::<4>() else {
        return Err(Error::damaged("too short for its checksum").in_structure(structure));
    };
    verify_lookup3(covered, u32::from_le_bytes(*stored), structure)?;
    Ok(covered)
}

/// Appends the checksum over everything in `bytes`.
pub(crate) fn seal(bytes: &mut Vec<u8>) {
    let sum = lookup3(bytes, 0);
    bytes.extend_from_slice(&sum.to_le_bytes());
}

/// The bytes before the first NUL, or all of them (fields that fill their place completely have none).
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    std::ffi::CStr::from_bytes_until_nul(bytes).map_or(bytes, std::ffi::CStr::to_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ones_is_undefined_at_every_width() {
        for width in [2u8, 4, 8, 16, 32] {
            let w = Widths::checked(width, width).unwrap();
            let ones = vec![0xff; width as usize];
            assert_eq!(decode::<Length>(&ones, w, "test").unwrap().0, Length(None));
            assert!(decode::<Address>(&ones, w, "test").is_err());
        }
    }

    #[test]
    fn wide_addresses_are_accepted_while_their_high_bytes_are_zero() {
        let w = Widths::checked(16, 16).unwrap();
        let mut bytes = [0; 16];
        bytes[0] = 7;
        assert_eq!(decode::<Address>(&bytes, w, "test").unwrap(), (Address(7), 16));
        bytes[9] = 1;
        assert!(decode::<Address>(&bytes, w, "test").is_err());
    }

    #[test]
    fn sixty_four_ones_are_undefined_in_a_wider_field_too() {
        let w = Widths::checked(16, 16).unwrap();
        let bytes = [[0xff; 8], [0; 8]].concat();
        assert_eq!(decode::<Length>(&bytes, w, "test").unwrap().0, Length(None));
        assert!(decode::<Address>(&bytes, w, "test").is_err());
    }

    #[test]
    fn the_width_of_a_number_grows_at_powers_of_256() {
        assert_eq!([0, 1, 255, 256, 65535, 65536].map(bytes_needed), [1, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn a_value_too_large_for_its_field_is_not_cut() {
        let w = Widths { offset: 2, length: 2 };
        assert!(encode(&Address(65536), w, "test").is_err());
    }
}
