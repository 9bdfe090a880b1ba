//! Fill value messages, old and new (IV.A.2.e, IV.A.2.f): what elements hold that were never written.

use crate::bytes;
use crate::error::{Error, Result};
use binrw::binrw;

const STRUCTURE: &str = "fill value";

/// What unwritten elements hold, and when storage is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FillValue {
    pub(crate) allocation: Allocation,
    /// Bit pattern of "when to write": 0 at allocation, 1 never, 2 if set by the user.
    pub(crate) write_time: u8,
    /// One element in the file's datatype; `None` is zeros (or nothing that anybody defined).
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
#[binrw]
#[brw(little)]
struct Value {
    size: i32,
    #[br(parse_with = bytes::read_bytes, args(size.max(0) as u64))]
    value: Vec<u8>,
}

/// Versions 1 and 2.
#[binrw]
#[brw(little)]
struct Version1 {
    allocation: u8,
    write_time: u8,
    defined: u8,
}

/// Bits 0–1 allocation time, 2–3 write time, 4 undefined, 5 a value follows.
#[binrw]
#[brw(little)]
struct Version3 {
    flags: u8,
}

impl FillValue {
    /// What libhdf5 writes for a chunked dataset without a fill value of its own.
    pub(crate) const INCREMENTAL: FillValue =
        FillValue { allocation: Allocation::Incremental, write_time: 2, value: None };

    /// The same for a contiguous dataset.
    pub(crate) const LATE: FillValue = FillValue { allocation: Allocation::Late, write_time: 2, value: None };

    /// Decodes the new message.
    pub(crate) fn decode(body: &[u8]) -> Result<FillValue> {
        let wrong = |what: &str| Error::damaged(what).in_structure(STRUCTURE);
        let (&version, rest) = body.split_first().ok_or_else(|| wrong("no bytes"))?;
        let (allocation, write_time, has_value, used) = match version {
            1 | 2 => {
                let (f, used) = bytes::decode::<Version1>(rest, (), STRUCTURE)?;
                // Version 1 should always carry a size, but libhdf5 wrote none where nothing is defined.
                (f.allocation, f.write_time & 3, f.defined != 0, used)
            }
            3 => {
                let (f, used) = bytes::decode::<Version3>(rest, (), STRUCTURE)?;
                if f.flags & 0x30 == 0x30 || f.flags & 0xc0 != 0 {
                    return Err(wrong("flags that contradict each other"));
                }
                (f.flags & 3, f.flags >> 2 & 3, f.flags & 0x20 != 0, used)
            }
            _ => return Err(Error::unsupported(format!("fill value version {version}"))),
        };
        let value = if has_value { Self::decode_old(&rest[used..])? } else { None };
        let allocation = match allocation {
            1 => Allocation::Early,
            2 => Allocation::Late,
            3 => Allocation::Incremental,
            _ => Allocation::Default,
        };
        Ok(FillValue { allocation, write_time, value })
    }

    /// Decodes the old message: a value, or none.
    pub(crate) fn decode_old(body: &[u8]) -> Result<Option<Vec<u8>>> {
        let (v, _) = bytes::decode::<Value>(body, (), STRUCTURE)?;
        Ok((v.size > 0).then_some(v.value))
    }

    /// Encodes in version 2, which libhdf5 1.6 reads. Without a value zeros are meant, not nothing defined.
    pub(crate) fn encode_v2(&self) -> Result<Vec<u8>> {
        let fields = Version1 { allocation: self.allocation.number(), write_time: self.write_time, defined: 1 };
        let mut out = vec![2];
        out.extend(bytes::encode(&fields, (), STRUCTURE)?);
        out.extend(Self::encode_old(self.value.as_deref().unwrap_or_default())?);
        Ok(out)
    }

    /// Encodes the old message.
    pub(crate) fn encode_old(value: &[u8]) -> Result<Vec<u8>> {
        let size = i32::try_from(value.len()).map_err(|_| Error::limit("a fill value of more than 2 GiB"))?;
        bytes::encode(&Value { size, value: value.to_vec() }, (), STRUCTURE)
    }

    /// Encodes in version 3.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let flags = self.allocation.number() | self.write_time << 2 | u8::from(self.value.is_some()) << 5;
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

    #[test]
    fn the_versions_say_the_same() {
        let seven = Some(vec![7, 0, 0, 0]);
        let v2 = FillValue::decode(&[2, 2, 2, 1, 4, 0, 0, 0, 7, 0, 0, 0]).unwrap();
        assert_eq!(v2, FillValue { allocation: Allocation::Late, write_time: 2, value: seven.clone() });
        assert_eq!(FillValue::decode(&v2.encode().unwrap()).unwrap(), v2);
        assert_eq!(v2.encode_v2().unwrap(), [2, 2, 2, 1, 4, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(FillValue::LATE.encode_v2().unwrap(), [2, 2, 2, 1, 0, 0, 0, 0]);
        assert_eq!(FillValue::encode_old(&[7, 0, 0, 0]).unwrap(), [4, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(FillValue::decode(&[2, 2, 2, 1, 0, 0, 0, 0]).unwrap().value, None);
        assert_eq!(FillValue::decode(&[1, 2, 2, 0]).unwrap().value, None);
        assert_eq!(FillValue::decode_old(&[4, 0, 0, 0, 7, 0, 0, 0]).unwrap(), seven);
    }

    #[test]
    fn a_size_beyond_the_message_is_refused() {
        assert!(FillValue::decode(&[2, 2, 2, 1, 255, 255, 255, 127, 7]).is_err());
        assert!(FillValue::decode(&[3, 0x30]).is_err());
    }
}
