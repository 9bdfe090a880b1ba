//! .npy files: their header, and elements from one into a dataset, block by block.

use super::dtype::{Elements, shape_text};
use super::literal::Literal;
use crate::commands::{Progress, output};
use crate::datatype::ByteOrder;
use crate::error::{Error, Result};
use crate::{DatasetBuilder, DatasetMut, StoredElements};
use std::io::{Read, Seek, SeekFrom};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Headers are a line of text.
const LONGEST_HEADER: u64 = 1 << 20;
/// Bytes of elements in memory at a time.
pub(super) const BLOCK: u64 = 16 << 20;

/// What a .npy file says of its array.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) elements: Elements,
    pub(super) shape: Vec<u64>,
    /// The first dimension varies fastest.
    fortran: bool,
}

impl Header {
    /// Reads a header; the elements follow.
    ///
    /// # Errors
    /// `Damaged` for anything else, `Unsupported` for elements that cannot be stored.
    pub(super) fn read(file: &mut impl Read) -> Result<Header> {
        let mut start = [0; 8];
        file.read_exact(&mut start).map_err(|e| short(e, "its header"))?;
        if !start.starts_with(MAGIC) {
            return Err(Error::damaged("not a .npy file: it begins otherwise"));
        }
        let length = match start[6] {
            1 => {
                let mut length = [0; 2];
                file.read_exact(&mut length).map_err(|e| short(e, "its header"))?;
                u64::from(u16::from_le_bytes(length))
            }
            2 | 3 => {
                let mut length = [0; 4];
                file.read_exact(&mut length).map_err(|e| short(e, "its header"))?;
                u64::from(u32::from_le_bytes(length))
            }
            version => return Err(Error::unsupported(format!(".npy files of version {version}"))),
        };
        if length > LONGEST_HEADER {
            return Err(Error::limit(format!("a header of {length} bytes")));
        }
        let mut text = Vec::new();
        file.take(length).read_to_end(&mut text)?;
        if text.len() as u64 != length {
            return Err(Error::damaged("it ends within its header"));
        }
        // Version 1 and 2 are Latin-1 by the letter; what is not UTF-8 is taken so.
        let text = String::from_utf8(text).unwrap_or_else(|e| e.as_bytes().iter().map(|&b| char::from(b)).collect());
        Header::parse(&text)
    }

    fn parse(text: &str) -> Result<Header> {
        let header = Literal::parse(text)?;
        let lacks = |key: &str| Error::damaged(format!("the header of the array lacks {key:?}"));
        let elements = Elements::of(header.get("descr").ok_or_else(|| lacks("descr"))?)?;
        let shape = header.get("shape").and_then(Literal::numbers).ok_or_else(|| lacks("shape"))?;
        let Some(Literal::Bool(fortran)) = header.get("fortran_order") else {
            return Err(lacks("fortran_order"));
        };
        if shape.len() > 32 {
            return Err(Error::unsupported(format!("arrays of {} dimensions", shape.len())));
        }
        let bytes = shape.iter().try_fold(elements.size().max(1), |n, &d| n.checked_mul(d));
        if bytes.is_none_or(|n| n > i64::MAX as u64) {
            return Err(Error::limit("an array larger than any file"));
        }
        // With one dimension of more than 1 both orders are the same.
        let fortran = *fortran && shape.iter().filter(|&&d| d > 1).count() > 1;
        Ok(Header { elements, shape, fortran })
    }

    /// The header of an array in the order of rows, as NumPy writes it.
    pub(super) fn text(descr: &str, shape: &[u64]) -> Vec<u8> {
        let shape = shape_text(shape.iter().copied());
        let mut text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
        let version: u8 = if !text.is_ascii() {
            3
        } else if text.len() > 60_000 {
            2
        } else {
            1
        };
        let before = MAGIC.len() + if version == 1 { 4 } else { 6 };
        // Elements begin at a multiple of 64 bytes.
        let padding = 63 - (before + text.len()) % 64;
        text.push_str(&" ".repeat(padding));
        text.push('\n');
        let mut header = MAGIC.to_vec();
        header.extend([version, 0]);
        match version {
            1 => header.extend((text.len() as u16).to_le_bytes()),
            _ => header.extend((text.len() as u32).to_le_bytes()),
        }
        header.extend(text.as_bytes());
        header
    }

    /// Bytes of all elements.
    pub(super) fn bytes(&self) -> u64 {
        self.shape.iter().product::<u64>() * self.elements.size()
    }

    /// Whether elements must be read out of their order.
    pub(super) fn needs_seek(&self) -> bool {
        self.fortran
    }
}

fn short(e: std::io::Error, what: &str) -> Error {
    if e.kind() == std::io::ErrorKind::UnexpectedEof {
        Error::damaged(format!("it ends within {what}"))
    } else {
        e.into()
    }
}

/// Writes the elements that follow a header to a new dataset. Elements in Fortran order go through
/// [`store_fortran`] instead.
///
/// # Errors
/// `Damaged` if the file ends early; those of writing.
pub(super) fn store(
    header: &Header,
    builder: DatasetBuilder,
    file: &mut impl Read,
    progress: &dyn Progress,
) -> Result<DatasetMut> {
    let mut blocks = Blocks::begin(header, builder)?;
    let elements = header.shape.iter().product::<u64>();
    let size = header.elements.size().max(1);
    let mut done = 0;
    while done < elements {
        output::stop_if_asked(progress)?;
        let part = blocks.part(done, BLOCK / size);
        let mut bytes =
            vec![0; (part.iter().map(|r| r.end - r.start).product::<u64>() * header.elements.size()) as usize];
        file.read_exact(&mut bytes).map_err(|e| short(e, "its elements"))?;
        blocks.write(&part, &bytes)?;
        done += part.iter().map(|r| r.end - r.start).product::<u64>().max(1);
        progress.advance(bytes.len() as u64);
    }
    Ok(blocks.dataset)
}

/// The same for elements in Fortran order, from a file that begins with them at `start`.
///
/// # Errors
/// As of [`store`].
pub(super) fn store_fortran(
    header: &Header,
    builder: DatasetBuilder,
    file: &mut (impl Read + Seek),
    start: u64,
    progress: &dyn Progress,
) -> Result<DatasetMut> {
    let mut blocks = Blocks::begin(header, builder)?;
    let size = header.elements.size();
    // A cube of elements has the longest runs in both orders.
    let mut sides = header.shape.clone();
    while sides.iter().product::<u64>() * size > BLOCK {
        let Some(longest) = sides.iter_mut().max() else { break };
        *longest = longest.div_ceil(2);
    }
    let mut reader = std::io::BufReader::with_capacity(1 << 18, file);
    let mut corner = vec![0; sides.len()];
    while header.bytes() > 0 {
        output::stop_if_asked(progress)?;
        let ends = corner.iter().zip(&sides).zip(&header.shape).map(|((&c, &s), &n)| (c + s).min(n));
        let part: Vec<std::ops::Range<u64>> = corner.iter().copied().zip(ends).map(|(a, b)| a..b).collect();
        let bytes = transposed(&mut reader, start, &header.shape, &part, size as usize)?;
        blocks.write(&part, &bytes)?;
        progress.advance(bytes.len() as u64);
        if !next(&mut corner, &sides, &header.shape) {
            break;
        }
    }
    Ok(blocks.dataset)
}

/// Goes on to the next corner of a grid of boxes; false behind the last.
fn next(corner: &mut [u64], sides: &[u64], shape: &[u64]) -> bool {
    for ((c, side), n) in corner.iter_mut().zip(sides).zip(shape).rev() {
        *c += side;
        if *c < *n {
            return true;
        }
        *c = 0;
    }
    false
}

/// A box of an array in Fortran order, its elements in the order of rows.
fn transposed(
    file: &mut std::io::BufReader<&mut (impl Read + Seek)>,
    start: u64,
    shape: &[u64],
    part: &[std::ops::Range<u64>],
    size: usize,
) -> Result<Vec<u8>> {
    let lengths: Vec<u64> = part.iter().map(|r| r.end - r.start).collect();
    let elements = lengths.iter().product::<u64>() as usize;
    let mut out = vec![0; elements * size];
    let run = lengths.first().copied().unwrap_or(1) as usize;
    // Elements between neighbours along the first dimension of the result.
    let step = elements / run.max(1);
    let mut line = vec![0; run * size];
    let mut position = file.seek(SeekFrom::Start(start))?;
    for n in 0..step as u64 {
        // The second dimension varies fastest in the file.
        let (mut rest, mut from, mut to, mut stride) = (n, 0, 0, shape.first().copied().unwrap_or(1));
        let mut behind = step as u64;
        for ((range, &length), &n) in part.iter().zip(&lengths).zip(shape).skip(1) {
            let index = rest % length;
            rest /= length;
            behind /= length;
            from += (range.start + index) * stride;
            to += index * behind;
            stride *= n;
        }
        from += part.first().map_or(0, |r| r.start);
        let wanted = start + from * size as u64;
        file.seek_relative(wanted as i64 - position as i64)?;
        file.read_exact(&mut line).map_err(|e| short(e, "its elements"))?;
        position = wanted + line.len() as u64;
        for (i, element) in line.chunks_exact(size).enumerate() {
            let at = (i * step + to as usize) * size;
            if let Some(place) = out.get_mut(at..at + size) {
                place.copy_from_slice(element);
            }
        }
    }
    Ok(out)
}

/// A dataset that is being filled.
struct Blocks {
    dataset: DatasetMut,
    elements: Elements,
    shape: Vec<u64>,
}

impl Blocks {
    fn begin(header: &Header, builder: DatasetBuilder) -> Result<Blocks> {
        let dataset = builder.datatype(header.elements.datatype()).shape(&header.shape).create()?;
        Ok(Blocks { dataset, elements: header.elements.clone(), shape: header.shape.clone() })
    }

    /// The box of at most `most` elements that begins with element `first` and is a piece of the order of rows.
    fn part(&self, first: u64, most: u64) -> Vec<std::ops::Range<u64>> {
        let mut inside = 1;
        let mut part = Vec::with_capacity(self.shape.len());
        let mut is_cut = false;
        for &n in self.shape.iter().rev() {
            let index = first / inside % n.max(1);
            // Of the first dimension that does not fit whole, as much as fits; of those before it one index.
            let length = if is_cut { 1 } else { (most / inside).max(1).min(n - index) };
            is_cut |= length < n;
            part.push(index..index + length);
            inside *= n;
        }
        part.reverse();
        part
    }

    fn write(&mut self, part: &[std::ops::Range<u64>], bytes: &[u8]) -> Result<()> {
        let shape: Vec<u64> = part.iter().map(|r| r.end - r.start).collect();
        match &self.elements {
            Elements::Same(datatype) => {
                let values = StoredElements::new(datatype.clone(), &shape, bytes)?;
                if part.is_empty() { self.dataset.append(values) } else { self.dataset.write_selection(part, values) }
            }
            Elements::Texts { characters, order } => {
                let texts = texts(bytes, shape.iter().product::<u64>() as usize, *characters, *order)?;
                if part.is_empty() { self.dataset.append(texts) } else { self.dataset.write_selection(part, texts) }
            }
        }
    }
}

/// Texts of 4 bytes a character, filled up with NULs.
fn texts(bytes: &[u8], count: usize, characters: usize, order: ByteOrder) -> Result<Vec<String>> {
    let character = |four: &[u8; 4]| {
        let code = if order == ByteOrder::Big { u32::from_be_bytes(*four) } else { u32::from_le_bytes(*four) };
        char::from_u32(code).ok_or_else(|| Error::damaged(format!("{code:#x} is no character")))
    };
    if characters == 0 {
        return Ok(vec![String::new(); count]);
    }
    let text = |bytes: &[u8]| {
        let text = bytes.as_chunks::<4>().0.iter().map(character).collect::<Result<String>>()?;
        Ok(text.trim_end_matches('\0').to_owned())
    };
    bytes.chunks_exact(4 * characters).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Silent;
    use crate::io::MemoryStore;
    use crate::{File, FileMut};
    use std::io::Cursor;

    fn header(text: &str) -> Result<Header> {
        let mut file = b"\x93NUMPY\x01\0".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.as_bytes());
        Header::read(&mut file.as_slice())
    }

    #[test]
    fn headers_say_type_shape_and_order() {
        let read = header("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }\n").unwrap();
        assert_eq!((read.shape.as_slice(), read.fortran, read.bytes()), (&[3, 4][..], true, 48));
        assert!(!header("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 4), }").unwrap().fortran);
        let written = Header::text("'<f4'", &[3, 4]);
        assert_eq!(written.len() % 64, 0);
        let again = Header::read(&mut written.as_slice()).unwrap();
        assert_eq!(again, Header { fortran: false, ..read });
        let long = Header::text(&format!("[('{}', '|u1')]", "ä".repeat(50)), &[]);
        assert_eq!((long[6], long.len() % 64), (3, 0));
    }

    #[test]
    fn damaged_headers_are_refused() {
        for text in [
            "",
            "{}",
            "{'descr': '<f4', 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
        ] {
            assert!(header(text).is_err(), "{text}");
        }
        assert!(Header::read(&mut &b"\x93NUMPY\x09\0"[..]).is_err());
        assert!(Header::read(&mut &b"\x93NUMPY\x02\0\xff\xff\xff\xff"[..]).is_err());
        assert!(Header::read(&mut &b"hello"[..]).is_err());
    }

    /// What a dataset holds that was made of these elements.
    fn stored(shape: &[u64], fortran: bool, values: &[i16]) -> Vec<i16> {
        let store = MemoryStore::default();
        let mut out = FileMut::on_store(store.clone());
        let header = Header { elements: Elements::Same(i16::datatype()), shape: shape.to_vec(), fortran };
        let mut bytes = b"head".to_vec();
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        let builder = out.build("a");
        if fortran {
            drop(store_fortran(&header, builder, &mut Cursor::new(bytes), 4, &Silent).unwrap());
        } else {
            drop(super::store(&header, builder, &mut &bytes[4..], &Silent).unwrap());
        }
        out.commit().unwrap();
        File::from_bytes(store.bytes()).unwrap().dataset("a").unwrap().read().unwrap()
    }

    use crate::Element;

    #[test]
    fn fortran_order_is_turned_around() {
        assert_eq!(stored(&[2, 3], true, &[0, 3, 1, 4, 2, 5]), [0, 1, 2, 3, 4, 5]);
        let shape = [3, 4, 5];
        let at = |i: u64, j: u64, k: u64| (i * 20 + j * 5 + k) as i16;
        let fortran: Vec<i16> =
            (0..5).flat_map(|k| (0..4).flat_map(move |j| (0..3).map(move |i| at(i, j, k)))).collect();
        assert_eq!(stored(&shape, true, &fortran), (0..60).collect::<Vec<i16>>());
        assert!(stored(&[0, 4, 5], true, &[]).is_empty());
    }

    #[test]
    fn a_box_of_an_array_is_turned_around_as_well() {
        let shape = [7, 5, 3];
        let fortran: Vec<u8> =
            (0..3).flat_map(|k| (0..5).flat_map(move |j| (0..7).map(move |i| (i * 15 + j * 3 + k) as u8))).collect();
        let mut file = Cursor::new(fortran);
        let mut reader = std::io::BufReader::new(&mut file);
        let part = [2..6, 1..4, 0..2];
        let wanted: Vec<u8> =
            (2..6).flat_map(|i| (1..4).flat_map(move |j| (0..2).map(move |k| (i * 15 + j * 3 + k) as u8))).collect();
        assert_eq!(transposed(&mut reader, 0, &shape, &part, 1).unwrap(), wanted);
    }

    #[test]
    fn blocks_follow_each_other_whatever_the_shape() {
        for shape in [vec![7], vec![2, 3, 4], vec![1, 1, 50], vec![5, 1], vec![3, 7]] {
            let store = MemoryStore::default();
            let mut out = FileMut::on_store(store.clone());
            let header = Header { elements: Elements::Same(u8::datatype()), shape: shape.clone(), fortran: false };
            let blocks = Blocks::begin(&header, out.build("a")).unwrap();
            for most in 1..60 {
                let (mut at, total) = (0, shape.iter().product::<u64>());
                while at < total {
                    let part = blocks.part(at, most);
                    let length: u64 = part.iter().map(|r| r.end - r.start).product();
                    assert!((1..=most).contains(&length), "{shape:?} {most} {part:?}");
                    // Its last element in the order of rows is `length - 1` behind its first.
                    let last = part.iter().zip(&shape).fold(0, |n, (r, d)| n * d + r.end - 1);
                    assert_eq!(last, at + length - 1, "{shape:?} {most} {part:?}");
                    at += length;
                }
            }
        }
    }

    #[test]
    fn texts_lose_only_what_fills_them_up() {
        let bytes: Vec<u8> =
            ['a', 'ü', '\0', '\0', 'b', '\0'].iter().flat_map(|&c| u32::from(c).to_be_bytes()).collect();
        assert_eq!(texts(&bytes, 2, 3, ByteOrder::Big).unwrap(), ["aü", "\0b"]);
        assert!(texts(&[0xff; 4], 1, 1, ByteOrder::Little).is_err());
        assert_eq!(texts(&[], 2, 0, ByteOrder::Little).unwrap(), ["", ""]);
    }
}
