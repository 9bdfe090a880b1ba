//! How a new file is made.

use super::commit;
use super::session::Session;
use crate::bytes::MAX_PROBES;
use crate::error::{Error, Result};
use crate::format::libver::LibVer;
use crate::format::superblock::SIGNATURE;
use crate::index::space::Space;
use crate::io::Store;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// How a new file is made.
///
/// ```
/// # fn main() -> h5manager::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data.mat");
/// use h5manager::{CreateOptions, File, LibVer};
///
/// let options = CreateOptions::new().libver(LibVer::Earliest).user_block("#!/usr/bin/env my-viewer\n");
/// let mut out = File::create_with(&path, options)?;
/// out.build("t").write([1.5, 2.5])?;
/// out.commit()?;
/// # assert_eq!(File::open(&path)?.dataset("t")?.read::<Vec<f64>>()?, [1.5, 2.5]);
/// # assert!(std::fs::read(&path)?.starts_with(b"#!/usr"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct CreateOptions {
    pub(super) overwrite: bool,
    libver: LibVer,
    track_order: bool,
    time: Option<SystemTime>,
    user_block: Vec<u8>,
}

/// The smallest block before a superblock; others are this, doubled.
const LEAST_USER_BLOCK: u64 = 512;

/// The largest: we look for the superblock only so far.
const MOST_USER_BLOCK: u64 = LEAST_USER_BLOCK << (MAX_PROBES - 1);

/// What stands first in the files that MATLAB saves with `-v7.3`, filled with spaces up to byte 116.
const MATLAB: &[u8] = b"MATLAB 7.3 MAT-file, Platform: h5manager, HDF5 schema 1.00 .";

impl CreateOptions {
    /// The defaults: a file that is there already is refused; libhdf5 1.8 and later read the new one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a file that is there already is replaced. It stays untouched until [`FileMut::commit`](super::FileMut::commit).
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// The oldest libhdf5 that is to read the file; [`LibVer::V18`] where nothing is said.
    #[must_use]
    pub fn libver(mut self, libver: LibVer) -> Self {
        self.libver = libver;
        self
    }

    /// Whether groups keep the order in which links and attributes are made, and datasets that of attributes, so that
    /// readers can list them in it. Each group and dataset may say otherwise.
    #[must_use]
    pub fn track_order(mut self, track_order: bool) -> Self {
        self.track_order = track_order;
        self
    }

    /// All objects say that they were made at this time, in whole seconds. Where nothing is said they do not tell, and
    /// the same data make the same file.
    #[must_use]
    pub fn object_times(mut self, time: SystemTime) -> Self {
        self.time = Some(time);
        self
    }

    /// What stands before the HDF5 file (a "user block"). The block has 512 bytes or the next power of two that `content`
    /// fits into; its rest is zeros.
    #[must_use]
    pub fn user_block(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.user_block = content.into();
        self
    }

    /// A file that MATLAB takes for one of its own: [`LibVer::Earliest`], behind 512 bytes with the text by which it knows
    /// its version 7.3. MATLAB sees those datasets as variables whose attribute `MATLAB_class` says what they are
    /// ("double", say), and their dimensions in the opposite order.
    #[must_use]
    pub fn matlab(self) -> Self {
        let mut header = MATLAB.to_vec();
        header.resize(116, b' ');
        // Nothing of a subsystem's; version 2.0; little-endian.
        header.extend([0; 8]);
        header.extend([0x00, 0x02, b'I', b'M']);
        self.libver(LibVer::Earliest).user_block(header)
    }

    fn user_block_size(&self) -> u64 {
        match self.user_block.len() as u64 {
            0 => 0,
            n => n.next_power_of_two().max(LEAST_USER_BLOCK),
        }
    }

    /// Refuses what contradicts the format.
    fn check_user_block(&self) -> Result<()> {
        let size = self.user_block_size();
        if size > MOST_USER_BLOCK {
            return Err(Error::limit(format!("a user block of {size} bytes: {MOST_USER_BLOCK} are possible")));
        }
        let mut at = 0;
        while at < size {
            if self.user_block.get(at as usize..).is_some_and(|b| b.starts_with(&SIGNATURE)) {
                return Err(Error::invalid(format!("the user block looks like an HDF5 file at byte {at}")));
            }
            at = (2 * at).max(LEAST_USER_BLOCK);
        }
        Ok(())
    }

    fn seconds(&self) -> Result<Option<u32>> {
        let seconds = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH).ok().and_then(|d| u32::try_from(d.as_secs()).ok());
            since.ok_or_else(|| Error::limit("object times before 1970 or after 2106, which the format cannot tell"))
        };
        self.time.map(seconds).transpose()
    }

    /// Checks everything that was asked for; nothing is written if it is refused.
    pub(super) fn checked(self) -> Result<Checked> {
        self.check_user_block()?;
        Ok(Checked { time: self.seconds()?, options: self })
    }
}

/// Options that contradict neither themselves nor the format.
pub(super) struct Checked {
    options: CreateOptions,
    time: Option<u32>,
}

impl Checked {
    /// Begins a file on `store`, which holds nothing yet.
    pub(super) fn begin(self, store: Arc<dyn Store>) -> Result<Arc<Session>> {
        let CreateOptions { libver, ref user_block, .. } = self.options;
        let base = self.options.user_block_size();
        if base > 0 {
            let mut block = user_block.clone();
            block.resize(base as usize, 0);
            store.write_at(0, &block)?;
        }
        let space = Space::new(store, commit::superblock_size(libver)).behind(base);
        Ok(self.session(space))
    }

    /// Begins it again on a store whose first `end` bytes hold what is there already.
    pub(super) fn begin_at(self, store: Arc<dyn Store>, end: u64) -> Result<Arc<Session>> {
        if self.options.user_block_size() > 0 {
            return Err(Error::unsupported("going on with a file that has a user block"));
        }
        let reserved = end.max(commit::superblock_size(self.options.libver));
        Ok(self.session(Space::new(store, reserved)))
    }

    fn session(&self, space: Space) -> Arc<Session> {
        Arc::new(Session::new(space, self.options.libver, self.options.track_order, self.time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn user_blocks_are_powers_of_two() {
        let size = |n: usize| CreateOptions::new().user_block(vec![1; n]).user_block_size();
        assert_eq!([0, 1, 512, 513, 1025].map(size), [0, 512, 512, 1024, 2048]);
        let large = |n: usize| CreateOptions::new().user_block(vec![1; n]).checked().map(drop).map_err(|e| e.kind());
        assert_eq!(large(16 << 20), Ok(()));
        assert_eq!(large((16 << 20) + 1), Err(crate::ErrorKind::Limit));
    }

    #[test]
    fn a_user_block_cannot_pass_for_the_file() {
        let with =
            |at: usize| CreateOptions::new().user_block([&vec![0; at], &SIGNATURE[..]].concat()).checked().is_err();
        assert_eq!([0, 100, 512, 1024, 1536, 2048].map(with), [true, false, true, true, false, true]);
    }

    #[test]
    fn times_are_seconds_of_32_bits() {
        let at = |time| CreateOptions::new().object_times(time).seconds().ok().flatten();
        assert_eq!(at(UNIX_EPOCH + Duration::from_millis(1999)), Some(1));
        assert_eq!(at(UNIX_EPOCH + Duration::from_secs(1 << 32)), None);
        assert_eq!(at(UNIX_EPOCH - Duration::from_secs(1)), None);
    }
}
