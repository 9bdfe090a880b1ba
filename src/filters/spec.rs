//! Filters as users ask for them. A dataset completes their parameters with what it knows: the size of an element, the
//! shape of a chunk.

use super::registry::{decodes_only, find, registered_name, stored_name};
use super::set_local::{Target, set_local};
use super::{DEFLATE, FLETCHER32, LZF, SHUFFLE};
use crate::error::{Error, Result};
use crate::format::message::datatype::Datatype;
use crate::format::message::filter_pipeline::FilterInfo;

const SZIP: u16 = 4;
const NBIT: u16 = 5;
const SCALE_OFFSET: u16 = 6;
const BZIP2: u16 = 307;
const BLOSC: u16 = 32001;
const LZ4: u16 = 32004;
const BITSHUFFLE: u16 = 32008;
const ZSTANDARD: u16 = 32015;

/// A filter that a new dataset is to have.
///
/// ```
/// # fn main() -> h5manager::Result<()> {
/// use h5manager::filter::{BloscCodec, FilterSpec};
/// use h5manager::{File, FileMut, io::MemoryStore};
///
/// let store = MemoryStore::default();
/// let mut out = FileMut::on_store(store.clone());
/// let counts: Vec<u32> = (0..1000).collect();
/// out.build("a").filter(FilterSpec::blosc(BloscCodec::Lz4, 5)).write(&counts)?;
/// out.build("b").shuffle().filter(FilterSpec::new(32015, [9])).write(&counts)?;
/// out.commit()?;
/// let file = File::from_bytes(store.bytes())?;
/// assert_eq!(file.dataset("a")?.read::<Vec<u32>>()?, counts);
/// assert_eq!(file.dataset("b")?.filters()[1].title(), "Zstandard");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterSpec {
    id: u16,
    optional: bool,
    parameters: Vec<u32>,
}

/// How szip codes the pixels of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SzipCoding {
    /// As they are.
    Entropy,
    /// As differences of neighbours: for smooth data.
    NearestNeighbour,
}

/// What packs the blocks of Blosc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BloscCodec {
    /// Blosc's own.
    BloscLz,
    /// LZ4.
    Lz4,
    /// LZ4 with a longer search.
    Lz4Hc,
    /// Snappy.
    Snappy,
    /// Deflate.
    Zlib,
    /// Zstandard.
    Zstandard,
}

/// What packs the blocks of bitshuffle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitshuffleCodec {
    /// Nothing: bits are shuffled only.
    None,
    /// LZ4.
    Lz4,
    /// Zstandard, of this level.
    Zstandard(i32),
}

impl FilterSpec {
    /// The filter of this registered number, one of the user's own ([`register`](super::register)) among them, with the
    /// parameters that its documentation asks for. Chunks that it does not help are stored without it.
    pub fn new(id: u16, parameters: impl Into<Vec<u32>>) -> FilterSpec {
        FilterSpec { id, optional: true, parameters: parameters.into() }
    }

    /// Every chunk goes through it, or cannot be written.
    #[must_use]
    pub fn required(mut self) -> FilterSpec {
        self.optional = false;
        self
    }

    /// Groups the bytes of numbers by their significance.
    pub fn shuffle() -> FilterSpec {
        Self::new(SHUFFLE, [])
    }

    /// zlib, `level` 0 to 9.
    pub fn deflate(level: u32) -> FilterSpec {
        Self::new(DEFLATE, [level])
    }

    /// A checksum behind every chunk.
    pub fn fletcher32() -> FilterSpec {
        Self::new(FLETCHER32, []).required()
    }

    /// szip with an even number of pixels per block, 2 to 32.
    pub fn szip(coding: SzipCoding, pixels_per_block: u32) -> FilterSpec {
        let options = match coding {
            SzipCoding::Entropy => 4,
            SzipCoding::NearestNeighbour => 32,
        };
        Self::new(SZIP, [options, pixels_per_block])
    }

    /// Only the significant bits of numbers, as their datatype names them.
    pub fn nbit() -> FilterSpec {
        Self::new(NBIT, [])
    }

    /// Differences from a chunk's least number: of integers in `amount` bits (0: as many as are needed), of floats
    /// rounded to `amount` decimal digits, which loses the others.
    pub fn scale_offset(amount: u32) -> FilterSpec {
        Self::new(SCALE_OFFSET, [amount])
    }

    /// LZF, h5py's own.
    pub fn lzf() -> FilterSpec {
        Self::new(LZF, [])
    }

    /// LZ4.
    pub fn lz4() -> FilterSpec {
        Self::new(LZ4, [0])
    }

    /// Zstandard, `level` up to 22.
    pub fn zstd(level: i32) -> FilterSpec {
        Self::new(ZSTANDARD, [level as u32])
    }

    /// bzip2, `level` 1 to 9.
    pub fn bzip2(level: u32) -> FilterSpec {
        Self::new(BZIP2, [level])
    }

    /// Blosc 1 with its shuffle of bytes, `level` 1 to 9.
    pub fn blosc(codec: BloscCodec, level: u32) -> FilterSpec {
        let codec = match codec {
            BloscCodec::BloscLz => 0,
            BloscCodec::Lz4 => 1,
            BloscCodec::Lz4Hc => 2,
            BloscCodec::Snappy => 3,
            BloscCodec::Zlib => 4,
            BloscCodec::Zstandard => 5,
        };
        Self::new(BLOSC, [0, 0, 0, 0, level, 1, codec])
    }

    /// Bit planes of blocks of elements, packed.
    pub fn bitshuffle(codec: BitshuffleCodec) -> FilterSpec {
        match codec {
            BitshuffleCodec::None => Self::new(BITSHUFFLE, [0, 0]),
            BitshuffleCodec::Lz4 => Self::new(BITSHUFFLE, [0, 2]),
            BitshuffleCodec::Zstandard(level) => Self::new(BITSHUFFLE, [0, 3, level as u32]),
        }
    }

    /// What the dataset stores of it.
    pub(crate) fn complete(&self, target: &Target<'_>) -> Result<FilterInfo> {
        let id = self.id;
        if !matches!(id, DEFLATE | SHUFFLE | FLETCHER32) && (find(id).is_none() || decodes_only(id)) {
            let name = registered_name(id).map_or_else(|| format!("{id}"), |name| format!("{id} ({name})"));
            return Err(Error::unsupported(format!("writing with filter {name}")));
        }
        let first = self.parameters.first().copied();
        if id == DEFLATE && first.is_some_and(|level| level > 9) {
            return Err(Error::invalid(format!("deflate level {}: 0 to 9 are possible", first.unwrap_or(0))));
        }
        if id == BZIP2 && !(1..=9).contains(&first.unwrap_or(9)) {
            return Err(Error::invalid(format!("bzip2 level {}: 1 to 9 are possible", first.unwrap_or(0))));
        }
        let parameters = match (id, &self.parameters[..]) {
            // What is scaled by what depends on the elements alone.
            (SCALE_OFFSET, [amount]) => {
                let kind = if matches!(target.datatype, Datatype::Float(_)) { 0 } else { 2 };
                set_local(id, &[kind, *amount], target)?
            }
            (_, user) => set_local(id, user, target)?,
        };
        Ok(FilterInfo { id, name: stored_name(id).as_str().into(), optional: self.optional, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Element;

    #[test]
    fn what_cannot_be_encoded_is_refused_by_name() {
        let datatype = u16::datatype();
        let target = Target { datatype: &datatype, chunk: &[100], fill: None };
        for (id, name) in [(32026, "32026 (Blosc2)"), (305, "305 (LZO)"), (32017, "32017 (SZ)"), (39_999, "39999")] {
            let error = FilterSpec::new(id, []).complete(&target).unwrap_err();
            assert_eq!(error.to_string(), format!("not supported: writing with filter {name}"));
        }
        assert!(FilterSpec::deflate(10).complete(&target).is_err());
    }

    #[test]
    fn parameters_are_those_that_the_plugins_store() {
        let datatype = u16::datatype();
        let target = Target { datatype: &datatype, chunk: &[10, 20], fill: Some(&[0, 0]) };
        let stored = |spec: FilterSpec| spec.complete(&target).unwrap().parameters;
        assert_eq!(stored(FilterSpec::shuffle()), [2]);
        assert_eq!(stored(FilterSpec::lzf()), [4, 0x105, 400]);
        assert_eq!(stored(FilterSpec::blosc(BloscCodec::Zstandard, 7)), [2, 2, 2, 400, 7, 1, 5]);
        assert_eq!(stored(FilterSpec::bitshuffle(BitshuffleCodec::Lz4)), [0, 5, 2, 0, 2]);
        assert_eq!(stored(FilterSpec::szip(SzipCoding::NearestNeighbour, 8)), [169, 8, 16, 20]);
        assert_eq!(stored(FilterSpec::scale_offset(3))[..4], [2, 3, 200, 0]);
    }
}
