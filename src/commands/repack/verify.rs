//! Whether a copy holds what the file does that it was made of.

use crate::File;
use crate::commands::Progress;
use crate::commands::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashMap;

/// Reads both files as a whole, and refuses a copy that differs, or of which something cannot be read.
pub(super) fn same(original: &File, copy: &File, progress: &dyn Progress) -> Result<()> {
    progress.start("verifying", None);
    same_below(original, (copy, ""), progress)?;
    progress.finish();
    Ok(())
}

/// The same for a copy that is a group of a file.
pub(in crate::commands) fn same_below(
    original: &File,
    (copy, group): (&File, &str),
    progress: &dyn Progress,
) -> Result<()> {
    let digest = Digest::in_full();
    let mut expected: HashMap<String, String> = HashMap::new();
    digest.records(original, progress, &mut |record| {
        progress.advance(1);
        expected.insert(path(&record), told(record));
        Ok(())
    })?;
    let mut compare = |record: serde_json::Value| {
        progress.advance(1);
        let (path, record) = (path(&record), told(record));
        match expected.remove(&path) {
            Some(original) if original == record => Ok(()),
            Some(_) => Err(differs(&path, "is not the same in the copy")),
            None => Err(differs(&path, "is only in the copy")),
        }
    };
    match group {
        "" => digest.records(copy, progress, &mut compare)?,
        _ => digest.records_below((copy, group), progress, &mut compare)?,
    }
    expected.keys().min().map_or(Ok(()), |path| Err(differs(path, "is missing in the copy")))
}

/// A record without the name of the file that a link leads to, which depends on the folder.
fn told(mut record: serde_json::Value) -> String {
    if let Some(link) = record.as_object_mut().filter(|r| r.get("kind").is_some_and(|k| k == "external")) {
        link.remove("file");
    }
    record.to_string()
}

fn path(record: &serde_json::Value) -> String {
    record.get("path").and_then(|p| p.as_str()).unwrap_or("/").to_owned()
}

fn differs(path: &str, how: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("{how}; the copy was thrown away")).on(path)
}
