//! Another HDF5 file that changes together with the edited one: it has sources of virtual datasets that are written to.

use super::EditOptions;
use super::work::Work;
use crate::error::{Context, Result};
use crate::io::{self, Device, Durability, Found, WritableFile, WritableFiles};
use std::sync::Arc;

/// It is edited as if it were opened by itself; its commit is a part of that of the other file.
pub(super) struct Companion {
    file: WritableFile,
    device: Arc<dyn Device>,
    /// The files that it leads to in its turn.
    others: Arc<WritableFiles>,
    pub(super) work: Work,
}

impl Companion {
    pub(super) fn begin(found: &Found, others: &WritableFiles, options: &EditOptions) -> Result<Companion> {
        let file = others.found(found)?;
        let begin = || {
            let (device, others) = others.open(&file)?;
            let work = Work::begin(&device, &others, options, None)?;
            Ok((device, others, work))
        };
        let (device, others, work) = begin().on(&found.place())?;
        Ok(Companion { file, device, others, work })
    }

    /// Writes all that is new, and makes ready what happens with the commit to the other file.
    pub(super) fn prepare(&mut self, number: u32, durability: Durability) -> Result<io::Companion> {
        let (commit, _) = self.work.ready(number, durability)?;
        let record = commit.prepare(&*self.device)?;
        let (place, device, others) = (self.file.place.clone(), self.device.clone(), self.others.clone());
        Ok(io::Companion { place, device, others, record })
    }

    pub(super) fn give_up(&mut self) {
        self.work.give_up(&*self.device);
    }
}
