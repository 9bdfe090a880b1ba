//! Where a command's result goes: its name, and whether it may go there, known before any work is done.

use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// A path for people: nothing in it can steer the terminal.
pub(crate) fn printable(path: &Path) -> String {
    Name::from(&*path.to_string_lossy()).to_string()
}

/// The name of an .h5 file: `.h5` is appended unless it ends in .h5 or .hdf5 already, so `set.v2` becomes `set.v2.h5`.
pub(crate) fn h5_path(output: &Path) -> Result<PathBuf> {
    let separator = |b: &u8| std::path::is_separator((*b).into());
    let folder = output.as_os_str().as_encoded_bytes().last().is_some_and(separator);
    let Some(name) = output.file_name().filter(|_| !folder) else {
        let message = format!("--output {} is a folder; add the name of a file", printable(output));
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    let name = name.to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".h5") || name.ends_with(".hdf5") {
        return Ok(output.to_owned());
    }
    let mut path = output.to_owned().into_os_string();
    path.push(".h5");
    Ok(path.into())
}

/// Refuses a place that is taken.
pub(crate) fn check(path: &Path, overwrite: bool) -> Result<()> {
    let shown = printable(path);
    let taken = |message: String| Err(Error::new(ErrorKind::Conflict, message));
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => taken(format!("{shown} is a folder; choose another name for the output")),
        Ok(_) if !overwrite => taken(format!("{shown} exists; add --overwrite to replace it, or choose another name")),
        _ => Ok(()),
    }
}

/// Makes the folders that a file is to stand in.
pub(crate) fn make_parents(path: &Path) -> Result<()> {
    let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|e| {
        let error = Error::from(e);
        Error::new(error.kind(), format!("cannot make the folder {}: {}", printable(folder), error.message()))
    })
}

/// The file that a name stands for, through symbolic links.
pub(crate) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// An empty file beside the place of a new one, with the permissions that this should have: for work on it before it
/// gets its name. Dropped it is gone.
pub(crate) fn beside(path: &Path) -> Result<tempfile::TempPath> {
    let path = real(path);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let staged = builder.tempfile_in(folder)?;
    if let Ok(there) = path.metadata() {
        // A folder that knows no permissions is no reason to stop.
        let _ = staged.as_file().set_permissions(there.permissions());
    }
    Ok(staged.into_temp_path())
}

/// Gives a file that was made [beside](beside) its place its name.
pub(crate) fn publish(staged: tempfile::TempPath, path: &Path, overwrite: bool) -> Result<()> {
    let named = if overwrite { staged.persist(real(path)) } else { staged.persist_noclobber(path) };
    named.map_err(|e| match e.error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let message = format!("{} exists; somebody else made it meanwhile", printable(path));
            Error::new(ErrorKind::Conflict, message)
        }
        _ => Error::from(e.error).on(printable(path)),
    })
}

/// The error of work that the user asked to stop.
pub(crate) fn stop_if_asked(progress: &dyn super::Progress) -> Result<()> {
    if progress.stopped() {
        return Err(Error::new(ErrorKind::Interrupted, "stopped; nothing was written"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_in_a_name_is_no_suffix() {
        let named = |s: &str| h5_path(Path::new(s)).unwrap().to_string_lossy().into_owned();
        assert_eq!(named("tmp/set.v2"), "tmp/set.v2.h5");
        assert_eq!(named("a.H5"), "a.H5");
        assert_eq!(named("a.hdf5"), "a.hdf5");
        assert!(h5_path(Path::new("tmp/")).is_err());
        assert!(h5_path(Path::new("..")).is_err());
    }
}
