//! Fill value messages, old and new (IV.A.2.e, IV.A.2.f): what elements hold that were never written.

use crate::bytes;
use crate::error::{Error, Result};
use binrw::binwrite;

const STRUCTURE: &str = "fill value";

/// What unwritten elements hold, and when storage is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FillValue {
    pub(crate) allocation: Allocation,
    /// Bit pattern of "when to write": 0 at allocation, 1 never, 2 if set by the user.
    pub(crate) write_time: u8,
    /// Nobody defined what unwritten elements hold.
    pub(crate) undefined: bool,
    /// One element in the file's datatype; `None` is zeros, unless it is undefined.
    pub(crate) value: Option<Vec<u8>>,
}

/// When the storage of a dataset is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allocation {
    Default,
    Early,
    Late,
    Incremental,
}

impl Allocation {
    fn number(self) -> u8 {
        match self {
            Allocation::Default => 0,
            Allocation::Early => 1,
            Allocation::Late => 2,
            Allocation::Incremental => 3,
        }
    }
}

/// The old message, and the end of the new ones.
#[binwrite]
#[bw(little)]
struct Value {
    size: i32,
    value: Vec<u8>,
}

/// Versions 1 and 2.
#[binwrite]
#[bw(little)]
struct Version1 {
    allocation: u8,
    write_time: u8,
    defined: u8,
}

/// Bits 0–1 allocation time, 2–3 write time, 4 undefined, 5 a value follows.
#[binwrite]
#[bw(little)]
struct Version3 {
    flags: u8,
}

impl FillValue {
    /// Where no message says anything.
    pub(crate) const UNKNOWN: FillValue =
        FillValue { allocation: Allocation::Default, write_time: 2, undefined: false, value: None };

    /// Decodes the new message.
    pub(crate) fn decode(body: &[u8]) -> Result<FillValue> {
        let wrong = |what: &str| Error::damaged(what).in_structure(STRUCTURE);
        // By hand, not from a declaration: there is one in each dataset.
        let (allocation, write_time, undefined, has_value, rest) = match *body {
            [] => return Err(wrong("no bytes")),
            [1 | 2, allocation, write_time, defined, ref rest @ ..] => {
                // Version 1 should always carry a size, but libhdf5 wrote none where nothing is defined.
                (allocation, write_time & 3, defined == 0, defined != 0, rest)
            }
            [3, flags, ref rest @ ..] => {
                if flags & 0x30 == 0x30 || flags & 0xc0 != 0 {
                    return Err(wrong("flags that contradict each other"));
                }
                (flags & 3, flags >> 2 & 3, flags & 0x10 != 0, flags & 0x20 != 0, rest)
            }
            [1..=3, ..] => return Err(wrong("ends before its last field")),
            [version, ..] => return Err(Error::unsupported(format!("fill value version {version}"))),
        };
        let value = if has_value { Self::decode_old(rest)? } else { None };
        let allocation = match allocation {
            1 => Allocation::Early,
            2 => Allocation::Late,
            3 => Allocation::Incremental,
            _ => Allocation::Default,
        };
        Ok(FillValue { allocation, write_time, undefined, value })
    }

    /// Decodes the old message: a value, or none.
    pub(crate) fn decode_old(body: &[u8]) -> Result<Option<Vec<u8>>> {
        let wrong = || Error::damaged("ends before its last field").in_structure(STRUCTURE);
        let (size, rest) = body.split_first_chunk().ok_or_else(wrong)?;
        let size = i32::from_le_bytes(*size).max(0) as usize;
        let value = rest.get(..size).ok_or_else(wrong)?;
        Ok((size > 0).then(|| value.to_vec()))
    }

    /// Encodes in version 2, which libhdf5 1.6 reads.
    pub(crate) fn encode_v2(&self) -> Result<Vec<u8>> {
        let defined = !self.undefined || self.value.is_some();
        let (allocation, write_time) = (self.allocation.number(), self.write_time);
        let fields = Version1 { allocation, write_time, defined: defined.into() };
        let mut out = vec![2];
        out.extend(bytes::encode(&fields, (), STRUCTURE)?);
        if defined {
            out.extend(Self::encode_old(self.value.as_deref().unwrap_or_default())?);
        }
        Ok(out)
    }

    /// Encodes the old message.
    pub(crate) fn encode_old(value: &[u8]) -> Result<Vec<u8>> {
        let size = i32::try_from(value.len()).map_err(|_| Error::limit("a fill value of more than 2 GiB"))?;
        bytes::encode(&Value { size, value: value.to_vec() }, (), STRUCTURE)
    }

    /// Encodes in version 3.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let undefined = self.undefined && self.value.is_none();
        let set = u8::from(undefined) << 4 | u8::from(self.value.is_some()) << 5;
        let flags = self.allocation.number() | self.write_time << 2 | set;
        let mut out = vec![3];
        out.extend(bytes::encode(&Version3 { flags }, (), STRUCTURE)?);
        if let Some(value) = &self.value {
            let value = Value { size: value.len() as i32, value: value.clone() };
            out.extend(bytes::encode(&value, (), STRUCTURE)?);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libhdf5 writes for a contiguous dataset without a fill value of its own.
    const LATE: FillValue = FillValue { allocation: Allocation::Late, write_time: 2, undefined: false, value: None };

    #[test]
    fn the_versions_say_the_same() {
        let seven = Some(vec![7, 0, 0, 0]);
        let v2 = FillValue::decode(&[2, 2, 2, 1, 4, 0, 0, 0, 7, 0, 0, 0]).unwrap();
        assert_eq!(v2, FillValue { value: seven.clone(), ..LATE });
        assert_eq!(FillValue::decode(&v2.encode().unwrap()).unwrap(), v2);
        assert_eq!(v2.encode_v2().unwrap(), [2, 2, 2, 1, 4, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(LATE.encode_v2().unwrap(), [2, 2, 2, 1, 0, 0, 0, 0]);
        assert_eq!(FillValue { undefined: true, ..LATE }.encode_v2().unwrap(), [2, 2, 2, 0]);
        assert_eq!(FillValue::encode_old(&[7, 0, 0, 0]).unwrap(), [4, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(FillValue::decode(&[2, 2, 2, 1, 0, 0, 0, 0]).unwrap().value, None);
        let undefined = FillValue::decode(&[1, 2, 2, 0]).unwrap();
        assert_eq!(undefined, FillValue { undefined: true, ..LATE });
        assert_eq!(FillValue::decode(&undefined.encode().unwrap()).unwrap(), undefined);
        assert_eq!(FillValue::decode_old(&[4, 0, 0, 0, 7, 0, 0, 0]).unwrap(), seven);
    }

    #[test]
    fn a_size_beyond_the_message_is_refused() {
        assert!(FillValue::decode(&[2, 2, 2, 1, 255, 255, 255, 127, 7]).is_err());
        assert!(FillValue::decode(&[3, 0x30]).is_err());
    }
}
