//! A new file that nobody sees before it is whole: written beside its place, synced, renamed.

use super::{Store, file::explain};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tempfile::{NamedTempFile, TempPath};

/// A file being written under a temporary name in the folder of its final one. Dropped before
/// [`publish`](StagedFile::publish) it is removed, and what stood at the final name is untouched.
pub(crate) struct StagedFile {
    file: std::fs::File,
    path: TempPath,
    target: PathBuf,
    overwrite: bool,
    /// Up to here the system was asked to bring to the disk what was written.
    begun: AtomicU64,
}

/// Bytes that are written before the system is asked to bring them to the disk.
const BEHIND: u64 = 1 << 20;

impl StagedFile {
    /// Stages a file for `target`. Without `overwrite` an existing target is refused, now and again at the end.
    pub(crate) fn create(target: &Path, overwrite: bool) -> Result<StagedFile> {
        if target.is_dir() {
            return Err(Error::conflict(format!("{} is a folder", target.display())));
        }
        if !overwrite && target.symlink_metadata().is_ok() {
            return Err(Error::conflict(format!("{} exists already", target.display())));
        }
        // Through a link the file it leads to is replaced, not the link.
        let target = target.canonicalize().unwrap_or_else(|_| target.to_path_buf());
        // Renaming onto a device or a pipe would put a file in its place.
        if target.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(Error::conflict(format!("{} is not a regular file", target.display())));
        }
        let folder = match target.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        // Systems allow 255 bytes, and the temporary name is longer than the final one.
        let prefix = format!(".{}.", name.chars().take(50).collect::<String>());
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        builder.permissions(permissions());
        let staged = builder.tempfile_in(folder).map_err(|e| explain(folder, e))?;
        keep_permissions(&target, &staged);
        let (file, path) = staged.into_parts();
        Ok(StagedFile { file, path, target, overwrite, begun: AtomicU64::new(0) })
    }

    /// Asks the system to begin with what was written up to `end`, if that is much, so that the sync in the end need not
    /// wait for all of it. Nothing is waited for here; what goes wrong then, that sync tells.
    fn begin_writing_back(&self, end: u64) {
        let begun = self.begun.load(Relaxed);
        if end.saturating_sub(begun) >= BEHIND {
            self.begun.store(end, Relaxed);
            write_back(&self.file, begun, end - begun);
        }
    }

    /// Syncs the file and gives it its name.
    pub(crate) fn publish(self) -> Result<()> {
        let StagedFile { file, path, target, overwrite, .. } = self;
        file.sync_all().map_err(|e| explain(&target, e))?;
        if overwrite {
            path.persist(&target).map_err(|e| explain(&target, e.error))?;
        } else {
            publish_new(path, &target)?;
        }
        sync_folder_of(&target)
    }
}

/// Gives a file its name where nothing has it.
fn publish_new(path: TempPath, target: &Path) -> Result<()> {
    use std::io::ErrorKind as K;
    let Err(e) = path.persist_noclobber(target) else {
        return Ok(());
    };
    match e.error.kind() {
        K::AlreadyExists => Err(Error::conflict(format!("{} exists already", target.display()))),
        // Some file systems know neither hard links nor a rename that replaces nothing: look, and rename.
        K::Unsupported | K::PermissionDenied | K::InvalidInput if target.symlink_metadata().is_err() => {
            e.path.persist(target).map_err(|e| explain(target, e.error))
        }
        _ => Err(explain(target, e.error)),
    }
}

/// A new file gets the permissions that the umask leaves, not the 0600 of temporary files.
#[cfg(unix)]
fn permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

/// A replaced file keeps its permissions. A folder that knows no permissions is no reason to stop.
fn keep_permissions(target: &Path, staged: &NamedTempFile) {
    if let Ok(there) = target.metadata() {
        let _ = staged.as_file().set_permissions(there.permissions());
    }
}

/// That a file got its name must survive a power cut, too: syncs the folder that it stands in.
#[cfg(unix)]
pub(crate) fn sync_folder_of(target: &Path) -> Result<()> {
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match std::fs::File::open(folder).and_then(|f| f.sync_all()) {
        // Some network folders cannot be synced; the file itself is.
        Err(e) if e.kind() != std::io::ErrorKind::InvalidInput && e.raw_os_error() != Some(22) => {
            Err(explain(folder, e))
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
pub(crate) fn sync_folder_of(_: &Path) -> Result<()> {
    Ok(())
}

impl Store for StagedFile {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        write_all_at(&self.file, position, bytes).map_err(|e| explain(&self.target, e))?;
        self.begin_writing_back(position + bytes.len() as u64);
        Ok(())
    }

    fn copy_at(&self, position: u64, file: &std::fs::File, from: u64, length: u64) -> Result<bool> {
        // Where the pages of both are not the same, the system fills each in two steps: by memory it takes less time.
        if position % PAGE != from % PAGE && !is_remote(&self.file) {
            return Ok(false);
        }
        let mut done = 0;
        while done < length {
            // Up to where large pages end, which are filled as a whole.
            let piece = (BEHIND - (position + done) % BEHIND).min(length - done);
            let copied = copy_all_at(&self.file, position + done, file, from + done, piece);
            if !copied.map_err(|e| explain(&self.target, e))? {
                // What comes by way of memory is written over what was copied, and is the same.
                return Ok(false);
            }
            done += piece;
            self.begin_writing_back(position + done);
        }
        Ok(true)
    }

    fn read_back(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        read_all_at(&self.file, position, buffer).map_err(|e| explain(&self.target, e))
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| explain(&self.target, e))
    }
}

/// Lets the system begin to bring bytes of a file to the disk. What it makes of this advice does not matter.
#[cfg(target_os = "linux")]
fn write_back(file: &std::fs::File, position: u64, length: u64) {
    // Of what is not on the disk yet, nothing is dropped.
    let _ = rustix::fs::fadvise(file, position, std::num::NonZeroU64::new(length), rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn write_back(_: &std::fs::File, _: u64, _: u64) {}

#[cfg(unix)]
pub(super) fn write_all_at(file: &std::fs::File, position: u64, bytes: &[u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, position)
}

/// The pages in which systems keep files, and the blocks that files may share.
const PAGE: u64 = 4096;

/// Whether a file is on a server that copies by itself: then the bytes do not come here and go back.
#[cfg(target_os = "linux")]
fn is_remote(file: &std::fs::File) -> bool {
    const NFS: u32 = 0x6969;
    const CIFS: u32 = 0xff53_4d42;
    const SMB2: u32 = 0xfe53_4d42;
    rustix::fs::fstatfs(file).is_ok_and(|system| [NFS, CIFS, SMB2].contains(&(system.f_type as u32)))
}

#[cfg(not(target_os = "linux"))]
fn is_remote(_: &std::fs::File) -> bool {
    false
}

/// Lets the system copy; `false` if it cannot between these two, and did nothing.
#[cfg(target_os = "linux")]
fn copy_all_at(
    file: &std::fs::File,
    mut position: u64,
    source: &std::fs::File,
    mut from: u64,
    length: u64,
) -> std::io::Result<bool> {
    let end = from + length;
    let start = from;
    while from < end {
        let rest = usize::try_from(end - from).unwrap_or(usize::MAX);
        // It moves both positions on by what it copied.
        match rustix::fs::copy_file_range(source, Some(&mut from), file, Some(&mut position), rest) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // Other kinds of files, of file systems, of kernels: then by way of memory.
            Err(_) if from == start => return Ok(false),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(true)
}

#[cfg(not(target_os = "linux"))]
fn copy_all_at(_: &std::fs::File, _: u64, _: &std::fs::File, _: u64, _: u64) -> std::io::Result<bool> {
    Ok(false)
}

#[cfg(windows)]
pub(super) fn write_all_at(file: &std::fs::File, mut position: u64, mut bytes: &[u8]) -> std::io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        let n = file.seek_write(bytes, position)?;
        bytes = &bytes[n..];
        position += n as u64;
    }
    Ok(())
}

#[cfg(not(any(unix, windows)))]
pub(super) fn write_all_at(_: &std::fs::File, _: u64, _: &[u8]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// What is behind the end of the file reads as zeros.
fn read_all_at(file: &std::fs::File, mut position: u64, mut buffer: &mut [u8]) -> std::io::Result<()> {
    while !buffer.is_empty() {
        let n = match read_at(file, position, buffer) {
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if n == 0 {
            buffer.fill(0);
            return Ok(());
        }
        buffer = &mut buffer[n..];
        position += n as u64;
    }
    Ok(())
}

#[cfg(unix)]
fn read_at(file: &std::fs::File, position: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, position)
}

#[cfg(windows)]
fn read_at(file: &std::fs::File, position: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, position)
}

#[cfg(not(any(unix, windows)))]
fn read_at(_: &std::fs::File, _: u64, _: &mut [u8]) -> std::io::Result<usize> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_as_long_as_the_system_allows_can_be_staged() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x".repeat(255));
        StagedFile::create(&target, false).unwrap().publish().unwrap();
        assert!(target.is_file());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_copies_where_pages_are_alike_and_tells_a_source_that_ends() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        let bytes: Vec<u8> = (0..2_000_000u32).map(|n| (n.wrapping_mul(n) >> 8) as u8).collect();
        std::fs::write(&source, &bytes).unwrap();
        let source = std::fs::File::open(source).unwrap();
        let target = folder.path().join("target");
        let staged = StagedFile::create(&target, false).unwrap();
        staged.write_at(0, b"front").unwrap();
        // Where the pages are alike, and more than is copied at a time. A file system that cannot is no error.
        let alike = PAGE + 11;
        if staged.copy_at(alike, &source, 11, bytes.len() as u64 - 20).unwrap() {
            assert!(staged.copy_at(1_999_999 % PAGE, &source, 1_999_999, 2).is_err());
            staged.publish().unwrap();
            let written = std::fs::read(&target).unwrap();
            assert_eq!(written[..5], *b"front");
            assert!(written[alike as usize..] == bytes[11..bytes.len() - 9]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_replaced() {
        let error = StagedFile::create(Path::new("/dev/null"), true).map(drop);
        assert_eq!(error.unwrap_err().kind(), crate::ErrorKind::Conflict);
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions_and_a_link_to_it_stays_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::fs::write(&target, "old").unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let staged = StagedFile::create(&link, true).unwrap();
        staged.write_at(0, b"new").unwrap();
        staged.publish().unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        let mode = target.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
}
