//! Reading all that a file holds, to see that it can be read.

use super::super::Progress;
use crate::anatomy::Finding;
use crate::error::{Error, ErrorKind, Result};
use crate::{Attribute, Dataset, File, Object, Visit, Visited};

/// Bytes of elements that are read at a time.
const BLOCK: u64 = 8 << 20;

/// Bytes of an attribute's values.
const MOST_VALUES: usize = usize::MAX;

/// What was read, and what could not be.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) findings: Vec<Finding>,
    pub(super) objects: u64,
    pub(super) attributes: u64,
    /// Bytes of elements of datasets.
    pub(super) bytes: u64,
    /// Stored bytes of chunks that a filter checks as it undoes them.
    pub(super) under_checksum: u64,
}

impl Reading {
    /// Reads every object and attribute, and without `quick` every element.
    pub(super) fn everything(&mut self, file: &File, quick: bool, progress: &dyn Progress) -> Result<()> {
        for step in file.walk() {
            if progress.stopped() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped"));
            }
            match step {
                Ok(visit) => self.visit(&visit, quick, progress)?,
                Err(e) => self.found(e)?,
            }
        }
        Ok(())
    }

    fn visit(&mut self, visit: &Visit, quick: bool, progress: &dyn Progress) -> Result<()> {
        let Visited::Object(object) = visit.what() else {
            return Ok(());
        };
        self.objects += 1;
        match object.attributes() {
            Err(e) => self.found(e)?,
            Ok(attributes) => {
                for attribute in attributes {
                    self.attributes += 1;
                    let read = attribute.and_then(|a| check_attribute(&a));
                    read.or_else(|e| self.found(e))?;
                }
            }
        }
        match object {
            Object::Dataset(dataset) if !quick => self.dataset(dataset, progress),
            _ => Ok(()),
        }
    }

    fn dataset(&mut self, dataset: &Dataset, progress: &dyn Progress) -> Result<()> {
        if dataset.filters().iter().any(|f| checks(f.id)) {
            self.under_checksum += dataset.stored_size().unwrap_or(0);
        }
        if dataset.is_null() {
            return Ok(());
        }
        // Values with parts elsewhere must be followed there; of all others the bytes are enough.
        let led_elsewhere = dataset.datatype().has_references_to_file();
        for block in dataset.blocks(BLOCK) {
            if progress.stopped() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped"));
            }
            let read = dataset.select(block).and_then(|part| match led_elsewhere {
                true => part.values().map(|values| values.len() as u64 * dataset.datatype().size()),
                false => part.read_stored().map(|bytes| bytes.len() as u64),
            });
            match read {
                Ok(bytes) => self.bytes += bytes,
                // One bad chunk is one finding; the rest of the dataset is looked at, too.
                Err(e) => self.found(e.on(dataset.path()))?,
            }
            progress.advance(1);
        }
        Ok(())
    }

    fn found(&mut self, e: Error) -> Result<()> {
        if e.kind() == ErrorKind::Interrupted {
            return Err(e);
        }
        let owner = e.object().unwrap_or_default().to_owned();
        let unsupported = if e.kind() == ErrorKind::Unsupported { "not supported: " } else { "" };
        let message = format!("{unsupported}{}", e.message());
        self.findings.push(Finding { address: e.address(), kind: None, owner, message });
        Ok(())
    }
}

/// Whether a filter finds changed bits: Fletcher-32, and the Adler-32 of zlib.
fn checks(filter: u16) -> bool {
    matches!(filter, 1 | 3)
}

fn check_attribute(attribute: &Attribute) -> Result<()> {
    if attribute.shape().is_some() {
        attribute.values(MOST_VALUES)?;
    }
    Ok(())
}
