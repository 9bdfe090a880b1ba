//! Whether a copy holds what the file does that it was made of.

use crate::File;
use crate::commands::Progress;
use crate::commands::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashMap;

/// Reads both files as a whole, and refuses a copy that differs, or of which something cannot be read.
pub(super) fn same(original: &File, copy: &File, progress: &dyn Progress) -> Result<()> {
    let digest = Digest::in_full();
    progress.start("verifying", None);
    let mut expected: HashMap<String, String> = HashMap::new();
    digest.records(original, progress, &mut |record| {
        progress.advance(1);
        expected.insert(path(&record), record.to_string());
        Ok(())
    })?;
    digest.records(copy, progress, &mut |record| {
        progress.advance(1);
        let (path, record) = (path(&record), record.to_string());
        match expected.remove(&path) {
            Some(original) if original == record => Ok(()),
            Some(_) => Err(differs(&path, "is not the same in the copy")),
            None => Err(differs(&path, "is only in the copy")),
        }
    })?;
    progress.finish();
    expected.keys().min().map_or(Ok(()), |path| Err(differs(path, "is missing in the copy")))
}

fn path(record: &serde_json::Value) -> String {
    record.get("path").and_then(|p| p.as_str()).unwrap_or("/").to_owned()
}

fn differs(path: &str, how: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("{how}; the copy was thrown away")).on(path)
}
