//! Filter pipeline message (IV.A.2.l): what was done to chunks before they were stored, in that order.

use super::datatype::Name;
use crate::bytes;
use crate::error::{Error, Result};
use binrw::binrw;

const STRUCTURE: &str = "filter pipeline";

/// More do not fit the 32 bits of a chunk's filter mask.
const MAX_FILTERS: usize = 32;

/// One filter of a dataset's pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterInfo {
    /// The filter's registered number.
    pub id: u16,
    /// Its name in the file; empty for the library's own filters in newer files.
    pub name: Name,
    /// Whether a chunk may be stored without it where it fails.
    pub optional: bool,
    /// Its parameters ("client data values").
    pub parameters: Vec<u32>,
}

#[binrw]
#[brw(little, import(version: u8))]
struct Entry {
    id: u16,
    /// Version 2 leaves it out for the library's own filters.
    #[br(if(version == 1 || id >= FIRST_NAMED))]
    name_length: Option<u16>,
    flags: u16,
    count: u16,
    #[br(count = name_length.unwrap_or(0))]
    name: Vec<u8>,
    #[br(count = count)]
    parameters: Vec<u32>,
    /// Version 1 pads an odd number of parameters.
    #[br(if(version == 1 && count % 2 == 1))]
    padding: Option<u32>,
}

const FIRST_NAMED: u16 = 256;

/// Decodes a pipeline.
pub(crate) fn decode(body: &[u8]) -> Result<Vec<FilterInfo>> {
    let wrong = |what: String| Error::damaged(what).in_structure(STRUCTURE);
    let [version, count, rest @ ..] = body else {
        return Err(wrong("ends before its last field".into()));
    };
    let mut rest = match version {
        1 => rest.get(6..).ok_or_else(|| wrong("ends before its last field".into()))?,
        2 => rest,
        _ => {
            return Err(Error::unsupported(format!("filter pipeline version {version}")));
        }
    };
    let count = usize::from(*count);
    if count > MAX_FILTERS {
        return Err(wrong(format!("{count} filters, 32 are possible")));
    }
    let mut filters = Vec::with_capacity(count);
    for _ in 0..count {
        let (entry, used) = bytes::decode::<Entry>(rest, (*version,), STRUCTURE)?;
        filters.push(FilterInfo {
            id: entry.id,
            name: Name::from_bytes(bytes::until_nul(&entry.name)),
            optional: entry.flags & 1 != 0,
            parameters: entry.parameters,
        });
        rest = &rest[used..];
    }
    Ok(filters)
}

/// The names of the library's own filters, which version 1 spells out.
fn own_name(id: u16) -> &'static str {
    match id {
        1 => "deflate",
        2 => "shuffle",
        3 => "fletcher32",
        4 => "szip",
        5 => "nbit",
        6 => "scaleoffset",
        _ => "",
    }
}

/// Encodes a pipeline in version 1: names, padded to a multiple of 8, and an even number of parameters.
pub(crate) fn encode_v1(filters: &[FilterInfo]) -> Result<Vec<u8>> {
    check_count(filters)?;
    let mut out = vec![1, filters.len() as u8, 0, 0, 0, 0, 0, 0];
    for f in filters {
        let own = own_name(f.id).as_bytes();
        let mut name = if f.name.0.is_empty() { own.to_vec() } else { f.name.0.to_vec() };
        if !name.is_empty() {
            name.resize((name.len() + 1).next_multiple_of(8), 0);
        }
        let count = count_of(f)?;
        let entry = Entry {
            id: f.id,
            name_length: Some(u16::try_from(name.len()).map_err(|_| Error::limit("a filter's name of 64 KiB"))?),
            flags: f.optional.into(),
            count,
            name,
            parameters: f.parameters.clone(),
            padding: (count % 2 == 1).then_some(0),
        };
        out.extend(bytes::encode(&entry, (1,), STRUCTURE)?);
    }
    Ok(out)
}

fn check_count(filters: &[FilterInfo]) -> Result<()> {
    if filters.len() > MAX_FILTERS {
        return Err(Error::invalid(format!("{} filters, 32 are possible", filters.len())));
    }
    Ok(())
}

fn count_of(f: &FilterInfo) -> Result<u16> {
    u16::try_from(f.parameters.len()).map_err(|_| Error::limit("a filter with more than 65,535 parameters"))
}

/// Encodes a pipeline in version 2.
pub(crate) fn encode(filters: &[FilterInfo]) -> Result<Vec<u8>> {
    check_count(filters)?;
    let mut out = vec![2, filters.len() as u8];
    for f in filters {
        let named = f.id >= FIRST_NAMED && !f.name.0.is_empty();
        let name = if named { [&f.name.0[..], &[0]].concat() } else { Vec::new() };
        let entry = Entry {
            id: f.id,
            name_length: (f.id >= FIRST_NAMED).then_some(name.len() as u16),
            flags: f.optional.into(),
            count: count_of(f)?,
            name,
            parameters: f.parameters.clone(),
            padding: None,
        };
        out.extend(bytes::encode(&entry, (2,), STRUCTURE)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(id: u16, name: &str, parameters: &[u32]) -> FilterInfo {
        FilterInfo { id, name: name.into(), optional: true, parameters: parameters.to_vec() }
    }

    #[test]
    fn pipelines_come_back_as_they_were() {
        let pipeline = [filter(2, "", &[4]), filter(1, "", &[6]), filter(32000, "lzf", &[4, 261, 1024])];
        let bytes = encode(&pipeline).unwrap();
        assert_eq!(decode(&bytes).unwrap(), pipeline);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn version_1_comes_back_with_the_names_of_the_library() {
        let pipeline = [filter(2, "", &[4]), filter(1, "", &[6, 7]), filter(32000, "lzf", &[4, 261, 1024])];
        let bytes = encode_v1(&pipeline).unwrap();
        assert_eq!(bytes.len() % 8, 0);
        let named = ["shuffle", "deflate", "lzf"].map(Name::from);
        let expected: Vec<_> = pipeline.into_iter().zip(named).map(|(f, name)| FilterInfo { name, ..f }).collect();
        assert_eq!(decode(&bytes).unwrap(), expected);
    }

    #[test]
    fn version_1_pads_names_and_odd_parameters() {
        let mut bytes = vec![1, 2, 0, 0, 0, 0, 0, 0];
        bytes.extend([1, 0, 8, 0, 1, 0, 1, 0]);
        bytes.extend(b"deflate\0");
        bytes.extend([6, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([3, 0, 0, 0, 0, 0, 0, 0]);
        let found = decode(&bytes).unwrap();
        assert_eq!(found[0], filter(1, "deflate", &[6]));
        assert_eq!((found[1].id, found[1].optional), (3, false));
    }
}
