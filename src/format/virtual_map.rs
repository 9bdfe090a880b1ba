//! Virtual dataset map (III.F, "VDS block"): which elements of which datasets a virtual dataset is made of. It lies in
//! the global heap, so its checksum stands at the end of the heap object.

use super::libver::LibVer;
use super::selection::{self, StoredSelection};
use crate::bytes::{self, Length, Widths};
use crate::error::{Context, Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

const STRUCTURE: &str = "virtual dataset map";

/// The name that stands for the file of the virtual dataset itself.
pub(crate) const SAME_FILE: &[u8] = b".";

/// One source, and what it is mapped to. Names may hold `%b`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mapping {
    pub(crate) file: Arc<[u8]>,
    pub(crate) dataset: Arc<[u8]>,
    /// Selected in the source.
    pub(crate) source: StoredSelection,
    /// Selected in the virtual dataset.
    pub(crate) target: StoredSelection,
}

/// What of an entry stands elsewhere (version 1).
const FILE_SHARED: u8 = 1;
const DATASET_SHARED: u8 = 2;
const FILE_SAME: u8 = 4;

/// Decodes a whole heap object.
pub(crate) fn decode(object: &[u8], w: Widths) -> Result<Vec<Mapping>> {
    let covered = bytes::verified(object, STRUCTURE)?;
    let mut decoder = Decoder { rest: covered, w, names: HashMap::new() };
    let version = decoder.byte()?;
    if version > 1 {
        return Err(Error::unsupported(format!("{STRUCTURE} version {version}")));
    }
    let count = decoder.length()?;
    // Nothing is reserved by the number: it may be anything.
    let mut mappings: Vec<Mapping> = Vec::new();
    for _ in 0..count {
        let mapping = decoder.mapping(version, &mappings)?;
        mappings.push(mapping);
    }
    match decoder.rest {
        [] => Ok(mappings),
        rest => Err(Error::damaged(format!("{} bytes behind the last mapping", rest.len())).in_structure(STRUCTURE)),
    }
}

/// Encodes a whole heap object: as version 1 where that is for readers that know it and not longer, as libhdf5 does.
pub(crate) fn encode(mappings: &[Mapping], libver: LibVer) -> Result<Vec<u8>> {
    let old = encode_as(0, mappings, libver)?;
    if libver < LibVer::V200 {
        return Ok(old);
    }
    let new = encode_as(1, mappings, libver)?;
    Ok(if new.len() <= old.len() { new } else { old })
}

fn encode_as(version: u8, mappings: &[Mapping], libver: LibVer) -> Result<Vec<u8>> {
    let mut out = vec![version];
    out.extend((mappings.len() as u64).to_le_bytes());
    let (mut files, mut datasets) = (HashMap::new(), HashMap::new());
    for (number, mapping) in (0u64..).zip(mappings) {
        for name in [&mapping.file, &mapping.dataset] {
            if name.is_empty() || name.contains(&0) {
                return Err(Error::invalid("the name of a source is empty or contains a NUL").in_structure(STRUCTURE));
            }
        }
        let first =
            (*files.entry(&mapping.file).or_insert(number), *datasets.entry(&mapping.dataset).or_insert(number));
        if version == 0 {
            push_name(&mapping.file, &mut out);
            push_name(&mapping.dataset, &mut out);
        } else {
            let same = *mapping.file == *SAME_FILE;
            // A number takes 8 bytes: shorter names are not worth it.
            let shared = |first, name: &[u8]| first != number && name.len() + 1 >= 8;
            let (file, dataset) = (!same && shared(first.0, &mapping.file), shared(first.1, &mapping.dataset));
            let flags = [(file, FILE_SHARED), (dataset, DATASET_SHARED), (same, FILE_SAME)];
            out.push(flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag).sum());
            match file {
                _ if same => {}
                true => out.extend(first.0.to_le_bytes()),
                false => push_name(&mapping.file, &mut out),
            }
            match dataset {
                true => out.extend(first.1.to_le_bytes()),
                false => push_name(&mapping.dataset, &mut out),
            }
        }
        out.extend(selection::encode(&mapping.source, libver)?);
        out.extend(selection::encode(&mapping.target, libver)?);
    }
    bytes::seal(&mut out);
    Ok(out)
}

fn push_name(name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.push(0);
}

struct Decoder<'a> {
    rest: &'a [u8],
    w: Widths,
    /// Equal names are kept once: there are often thousands.
    names: HashMap<&'a [u8], Arc<[u8]>>,
}

impl<'a> Decoder<'a> {
    fn byte(&mut self) -> Result<u8> {
        let (&byte, rest) =
            self.rest.split_first().ok_or_else(|| Error::damaged("ends too early").in_structure(STRUCTURE))?;
        self.rest = rest;
        Ok(byte)
    }

    fn length(&mut self) -> Result<u64> {
        let (length, used) = bytes::decode::<Length>(self.rest, self.w, STRUCTURE)?;
        self.rest = &self.rest[used..];
        length.0.ok_or_else(|| Error::damaged("a number of all ones").in_structure(STRUCTURE))
    }

    fn name(&mut self) -> Result<Arc<[u8]>> {
        let end = self.rest.iter().position(|&b| b == 0);
        let end = end.ok_or_else(|| Error::damaged("a name without an end").in_structure(STRUCTURE))?;
        let (name, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        Ok(self.names.entry(name).or_insert_with(|| Arc::from(name)).clone())
    }

    /// The number of an earlier entry, counted from 0.
    fn earlier<'m>(&mut self, mappings: &'m [Mapping]) -> Result<&'m Mapping> {
        let number = self.length()?;
        let found = usize::try_from(number).ok().and_then(|n| mappings.get(n));
        found.ok_or_else(|| {
            let message = format!("entry {} shares a name with entry {number}", mappings.len());
            Error::damaged(message).in_structure(STRUCTURE)
        })
    }

    fn selection(&mut self) -> Result<StoredSelection> {
        let (selection, used) = selection::decode(self.rest).in_structure(STRUCTURE)?;
        self.rest = self.rest.get(used..).unwrap_or_default();
        Ok(selection)
    }

    fn mapping(&mut self, version: u8, mappings: &[Mapping]) -> Result<Mapping> {
        let flags = if version == 0 { 0 } else { self.byte()? };
        if flags & !(FILE_SHARED | DATASET_SHARED | FILE_SAME) != 0 {
            return Err(Error::damaged(format!("flags {flags:#x}")).in_structure(STRUCTURE));
        }
        let file = match flags {
            _ if flags & FILE_SAME != 0 => Arc::from(SAME_FILE),
            _ if flags & FILE_SHARED != 0 => self.earlier(mappings)?.file.clone(),
            _ => self.name()?,
        };
        let dataset = if flags & DATASET_SHARED != 0 { self.earlier(mappings)?.dataset.clone() } else { self.name()? };
        Ok(Mapping { file, dataset, source: self.selection()?, target: self.selection()? })
    }
}

/// A name with the number of a block for every `%b`, and `%` for `%%`.
pub(crate) fn with_block(name: &[u8], block: u64) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.iter().position(|&b| b == b'%') {
        out.extend_from_slice(&rest[..at]);
        match rest.get(at + 1) {
            Some(b'b') => out.extend_from_slice(block.to_string().as_bytes()),
            Some(b'%') => out.push(b'%'),
            _ => {
                let message = format!("the name {} has a % that is followed by neither b nor %", text(name));
                return Err(Error::damaged(message).in_structure(STRUCTURE));
            }
        }
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// Whether a name differs from block to block.
pub(crate) fn has_block(name: &[u8]) -> Result<bool> {
    Ok(with_block(name, 0)? != with_block(name, 1)?)
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "All" and "none", as libhdf5 writes them.
    fn selection(kind: u32) -> Vec<u8> {
        [&kind.to_le_bytes()[..], &1u32.to_le_bytes(), &[0; 8]].concat()
    }

    fn block(version: u8, entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![version];
        bytes.extend((entries.len() as u64).to_le_bytes());
        entries.iter().for_each(|e| bytes.extend(e));
        bytes::seal(&mut bytes);
        bytes
    }

    fn entry(front: &[u8]) -> Vec<u8> {
        [front, &selection(3), &selection(0)].concat()
    }

    #[test]
    fn both_versions_say_the_same() {
        let old = block(0, &[entry(b"a.h5\0/x\0"), entry(b".\0/y\0"), entry(b"a.h5\0/y\0")]);
        let index = |n: u64| n.to_le_bytes();
        let third = [&[3][..], &index(0), &index(1)].concat();
        let new = block(1, &[entry(b"\x00a.h5\0/x\0"), entry(b"\x04/y\0"), entry(&third)]);
        let old = decode(&old, Widths::EIGHT).unwrap();
        assert_eq!(old.len(), 3);
        assert_eq!((&*old[2].file, &*old[2].dataset), (&b"a.h5"[..], &b"/y"[..]));
        assert_eq!(decode(&new, Widths::EIGHT).unwrap(), old);
    }

    #[test]
    fn what_is_encoded_is_decoded_again_and_names_are_shared_where_that_is_shorter() {
        let mapping = |file: &str, dataset: &str| Mapping {
            file: Arc::from(file.as_bytes()),
            dataset: Arc::from(dataset.as_bytes()),
            source: StoredSelection::All,
            target: StoredSelection::Points { rank: 1, coordinates: vec![3] },
        };
        let all = [
            mapping("a_long_name.h5", "/x"),
            mapping(".", "/another/long/name"),
            mapping("a_long_name.h5", "/another/long/name"),
            mapping("a_long_name.h5", "/x"),
        ];
        for libver in [LibVer::Earliest, LibVer::V110, LibVer::LATEST] {
            let bytes = encode(&all, libver).unwrap();
            assert_eq!(bytes[0], u8::from(libver >= LibVer::V200));
            assert_eq!(decode(&bytes, Widths::EIGHT).unwrap(), all);
        }
        assert!(encode(&all, LibVer::LATEST).unwrap().len() < encode(&all, LibVer::V114).unwrap().len());
        assert!(encode(&[mapping("", "/x")], LibVer::V110).is_err());
        assert_eq!(decode(&encode(&[], LibVer::LATEST).unwrap(), Widths::EIGHT).unwrap(), []);
    }

    #[test]
    fn damage_is_reported() {
        let good = block(0, &[entry(b"a.h5\0/x\0")]);
        for cut in 0..good.len() {
            assert!(decode(&good[..cut], Widths::EIGHT).is_err());
        }
        let mut bad = good.clone();
        bad[12] ^= 1;
        assert!(decode(&bad, Widths::EIGHT).unwrap_err().message().contains("checksum"));
        let forward = block(1, &[entry(&[&[1][..], &0u64.to_le_bytes(), b"/x\0"].concat())]);
        assert!(decode(&forward, Widths::EIGHT).unwrap_err().message().contains("entry 0"));
        let mut many = good[..good.len() - 4].to_vec();
        many[1..9].copy_from_slice(&(u64::MAX - 1).to_le_bytes());
        bytes::seal(&mut many);
        assert!(decode(&many, Widths::EIGHT).is_err());
        assert_eq!(decode(&block(2, &[]), Widths::EIGHT).unwrap_err().kind(), crate::ErrorKind::Unsupported);
    }

    #[test]
    fn blocks_are_numbered_in_names() {
        assert_eq!(with_block(b"f-%b_%%_%b.h5", 12).unwrap(), b"f-12_%_12.h5");
        assert!(has_block(b"%b").unwrap() && !has_block(b"100%%").unwrap());
        assert!(with_block(b"50%", 0).is_err() && with_block(b"%d", 0).is_err());
    }
}
