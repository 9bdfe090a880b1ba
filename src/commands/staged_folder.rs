//! A new folder that nobody sees before it is whole: filled beside its place, synced, renamed.

use super::output;
use crate::error::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder being filled under a temporary name, beside its final one. Dropped before
/// [`publish`](StagedFolder::publish) it is removed, and what stood at the final name is untouched.
pub(crate) struct StagedFolder {
    folder: TempDir,
    target: PathBuf,
    overwrite: bool,
}

/// Refuses a place that is taken: an empty folder is none, and one with something in it is replaced if `overwrite`.
/// What the program needs itself is never replaced: the current folder, and the folder that `input` is in.
///
/// # Errors
/// Of kind `Conflict`.
pub(crate) fn check(target: &Path, overwrite: bool, input: &Path) -> Result<()> {
    let shown = output::printable(target);
    let taken = |message: String| Err(Error::new(ErrorKind::Conflict, message));
    let Ok(there) = target.symlink_metadata() else {
        return Ok(());
    };
    if !target.is_dir() {
        let what = if there.is_symlink() { "a link to no folder" } else { "a file" };
        return taken(format!("{shown} is {what}; choose another name for the folder"));
    }
    if is_empty(target)? {
        return Ok(());
    }
    if !overwrite {
        return taken(format!(
            "{shown} exists and is not empty; add --overwrite to replace it, or choose another name"
        ));
    }
    let place = output::real(target);
    let inside = |path: &Path| output::real(path).starts_with(&place);
    if inside(input) || std::env::current_dir().is_ok_and(|here| inside(&here)) {
        return taken(format!("{shown} holds the input or the current folder, so it is not replaced"));
    }
    Ok(())
}

fn is_empty(folder: &Path) -> Result<bool> {
    Ok(std::fs::read_dir(folder).map_err(|e| Error::from(e).on(output::printable(folder)))?.next().is_none())
}

impl StagedFolder {
    /// Stages a folder for `target`; the folders that it stands in are made.
    ///
    /// # Errors
    /// Of the file system.
    pub(crate) fn create(target: &Path, overwrite: bool) -> Result<StagedFolder> {
        output::make_parents(target)?;
        // Through a link the folder it leads to is replaced, not the link.
        let target = output::real(target);
        let folder = beside(&target, "part").map_err(|e| Error::from(e).on(output::printable(&target)))?;
        Ok(StagedFolder { folder, target, overwrite })
    }

    /// Where it is being filled.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Syncs what is in it and gives it its name.
    ///
    /// # Errors
    /// Of kind `Conflict` if something is there by now, else of the file system.
    pub(crate) fn publish(self) -> Result<()> {
        let StagedFolder { folder, target, overwrite } = self;
        let explain = |e: std::io::Error| Error::from(e).on(output::printable(&target));
        sync(folder.path()).map_err(explain)?;
        if !target.is_dir() {
            std::fs::rename(folder.path(), &target).map_err(explain)?;
        } else if is_empty(&target)? {
            std::fs::remove_dir(&target).map_err(explain)?;
            std::fs::rename(folder.path(), &target).map_err(explain)?;
        } else if overwrite {
            // The old folder goes aside first: there is no moment at which its name is that of a half one.
            let aside = beside(&target, "old").map_err(explain)?;
            let old = aside.path().join("old");
            std::fs::rename(&target, &old).map_err(explain)?;
            if let Err(e) = std::fs::rename(folder.path(), &target) {
                std::fs::rename(&old, &target).map_err(explain)?;
                return Err(explain(e));
            }
        } else {
            return Err(Error::conflict(format!("{} exists by now", output::printable(&target))));
        }
        // It has its name; there is nothing left to remove.
        let _ = folder.keep();
        sync_names(&target).map_err(explain)
    }
}

/// A folder `.NAME.KIND-…` beside `target`, with the permissions that the umask leaves.
fn beside(target: &Path, kind: &str) -> std::io::Result<TempDir> {
    let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    // Systems allow 255 bytes, and the temporary name is longer than the final one.
    let prefix = format!(".{}.{kind}-", name.chars().take(50).collect::<String>());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.tempdir_in(parent)
}

/// Everything written to the file system of `folder` so far is on the disk.
///
/// One call for all files: a sync of each would take longer than writing them all.
#[cfg(target_os = "linux")]
fn sync(folder: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(std::fs::File::open(folder)?)?)
}

/// Other systems know no call for all files, and are left to write them in their time.
#[cfg(not(target_os = "linux"))]
fn sync(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// The rename itself must survive a power cut.
#[cfg(unix)]
fn sync_names(target: &Path) -> std::io::Result<()> {
    let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Some network folders cannot be synced.
    let _ = std::fs::File::open(parent)?.sync_all();
    Ok(())
}

#[cfg(not(unix))]
fn sync_names(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_dropped_folder_leaves_nothing_and_a_published_one_everything() {
        let desk = tempfile::tempdir().unwrap();
        let target = desk.path().join("new/set");
        let staged = StagedFolder::create(&target, false).unwrap();
        std::fs::write(staged.path().join("a"), "1").unwrap();
        drop(staged);
        assert!(names(&desk.path().join("new")).is_empty());
        let staged = StagedFolder::create(&target, false).unwrap();
        std::fs::write(staged.path().join("a"), "1").unwrap();
        staged.publish().unwrap();
        assert_eq!(names(&target), ["a"]);
        assert_eq!(names(&desk.path().join("new")), ["set"]);
    }

    #[test]
    fn a_folder_is_replaced_whole_and_only_when_asked() {
        let desk = tempfile::tempdir().unwrap();
        let (target, input) = (desk.path().join("set"), desk.path().join("in.h5"));
        std::fs::create_dir(&target).unwrap();
        check(&target, false, &input).unwrap();
        std::fs::write(target.join("old"), "1").unwrap();
        assert!(check(&target, false, &input).unwrap_err().message().contains("--overwrite"));
        check(&target, true, &input).unwrap();
        assert!(check(desk.path(), true, &target.join("old")).unwrap_err().message().contains("holds the input"));
        assert!(check(&target.join("old"), true, &input).unwrap_err().message().contains("is a file"));
        let staged = StagedFolder::create(&target, false).unwrap();
        assert_eq!(staged.publish().unwrap_err().kind(), ErrorKind::Conflict);
        let staged = StagedFolder::create(&target, true).unwrap();
        std::fs::write(staged.path().join("new"), "1").unwrap();
        staged.publish().unwrap();
        assert_eq!(names(&target), ["new"]);
        assert_eq!(names(desk.path()), ["set"]);
    }
}
