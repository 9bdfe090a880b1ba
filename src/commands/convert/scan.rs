//! A folder → the files in it, in one order on every machine, with the class each belongs to.
//!
//! Paths are ordered name by name, each name by its bytes, as `Path` orders them; so the files of a folder stand
//! together, classes come in the order of their names, and the set of a folder is the sets of its sub-folders
//! one after the other.

use crate::commands::Progress;
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// Everything below a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The folders that were read; the first is the one that was asked for.
    pub(super) folders: Vec<Folder>,
    /// All regular files but dotfiles, in order.
    pub(super) files: Vec<Entry>,
    /// What could not be read or followed, and why.
    pub(super) refused: Vec<(String, Error)>,
    /// Devices, sockets and the like.
    pub(super) special: u64,
}

/// One folder of a [`Listing`].
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// Its path below the folder that was asked for, with `/` between names and at the end; empty for that folder.
    pub(super) relative: String,
    /// The number of the folder at the top that it lies in, or is; 0 for the folder that was asked for.
    top: u32,
    /// The same for the level below.
    second: u32,
}

/// One file of a [`Listing`]: small, as there may be millions.
#[derive(Debug)]
pub(super) struct Entry {
    folder: u32,
    /// How many of its frames or pages are stored.
    pub(super) frames: u32,
    name: Box<OsStr>,
}

impl Listing {
    /// Takes these files out, wherever they are in it.
    pub(super) fn leave_out(&mut self, paths: &[PathBuf]) {
        let paths: Vec<PathBuf> = paths.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
        let mut files = std::mem::take(&mut self.files);
        files.retain(|entry| {
            let called_so = |path: &&PathBuf| path.file_name() == Some(&*entry.name);
            !paths.iter().filter(called_so).any(|path| fs::canonicalize(self.path(entry)).is_ok_and(|p| p == *path))
        });
        self.files = files;
    }

    pub(super) fn folder(&self, entry: &Entry) -> Option<&Folder> {
        self.folders.get(entry.folder as usize)
    }

    /// Where to open it.
    pub(super) fn path(&self, entry: &Entry) -> PathBuf {
        self.folder(entry).map(|folder| folder.path.join(&*entry.name)).unwrap_or_default()
    }

    /// Its path below the folder that was asked for, with `/` between names.
    pub(super) fn relative(&self, entry: &Entry) -> String {
        let folder = self.folder(entry).map_or("", |folder| folder.relative.as_str());
        format!("{folder}{}", entry.name.to_string_lossy())
    }

    /// The number of the folder at the top that it lies in, or 0 for that which was asked for.
    pub(super) fn top(&self, entry: &Entry) -> u32 {
        self.folder(entry).map_or(0, |folder| folder.top)
    }

    /// The number of the folder at `level` that it lies in, 1 being the top; 0 if it lies above.
    pub(super) fn ancestor(&self, entry: &Entry, level: u8) -> u32 {
        self.ancestor_of(entry.folder, level)
    }

    /// As [`ancestor`](Self::ancestor), of a folder.
    pub(super) fn ancestor_of(&self, folder: u32, level: u8) -> u32 {
        let folder = self.folders.get(folder as usize);
        folder.map_or(0, |folder| if level == 2 { folder.second } else { folder.top })
    }

    /// The name of a folder, which is that of a class; of the one that was asked for as it was called.
    pub(super) fn folder_name(&self, number: u32) -> String {
        match self.folders.get(number as usize) {
            Some(folder) if number > 0 => {
                let path = folder.relative.trim_end_matches('/');
                path.rsplit_once('/').map_or(path, |(_, name)| name).to_owned()
            }
            Some(folder) => own_name(&folder.path),
            None => String::new(),
        }
    }
}

impl Entry {
    /// The number of the folder that it lies in.
    pub(super) fn folder(&self) -> u32 {
        self.folder
    }

    pub(super) fn name(&self) -> std::borrow::Cow<'_, str> {
        self.name.to_string_lossy()
    }
}

/// Lists `root` and everything below it. Links are followed, but never in a circle, and none twice to the same place.
///
/// # Errors
/// If `root` itself cannot be read, or the user asked to stop. Trouble further down is part of the listing.
pub(super) fn scan(root: &Path, progress: &dyn Progress) -> Result<Listing> {
    let listing = Listing::default();
    let mut walk = Walk { listing, levels: Vec::new(), linked: HashSet::new() };
    let canonical = fs::canonicalize(root)?;
    walk.enter(Folder { path: root.to_owned(), relative: String::new(), top: 0, second: 0 }, canonical)?;
    while let Some(level) = walk.levels.last_mut() {
        match level.children.next() {
            Some(child) => walk.visit(child, progress)?,
            None => {
                walk.levels.pop();
            }
        }
    }
    Ok(walk.listing)
}

struct Walk {
    listing: Listing,
    /// From the root down to the folder that is being read.
    levels: Vec<Level>,
    /// Folders that were entered through a link.
    linked: HashSet<PathBuf>,
}

struct Level {
    folder: u32,
    canonical: PathBuf,
    children: std::vec::IntoIter<Child>,
}

struct Child {
    name: OsString,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    File,
    Folder,
    Link,
    Special,
}

impl Kind {
    fn of(kind: fs::FileType) -> Kind {
        match kind {
            kind if kind.is_symlink() => Kind::Link,
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_file() => Kind::File,
            // Opening a named pipe would wait for ever.
            _ => Kind::Special,
        }
    }
}

impl Walk {
    fn enter(&mut self, mut folder: Folder, canonical: PathBuf) -> Result<()> {
        let mut children = Vec::new();
        for child in fs::read_dir(&folder.path)? {
            let child = child?;
            let name = child.file_name();
            if !name.as_encoded_bytes().starts_with(b".") {
                children.push(Child { name, kind: Kind::of(child.file_type()?) });
            }
        }
        children.sort_unstable_by(|a, b| a.name.as_encoded_bytes().cmp(b.name.as_encoded_bytes()));
        let number = u32::try_from(self.listing.folders.len())
            .map_err(|_| Error::new(ErrorKind::Limit, "more than 2^32 folders"))?;
        match self.levels.len() {
            1 => folder.top = number,
            2 => folder.second = number,
            _ => {}
        }
        self.listing.folders.push(folder);
        self.levels.push(Level { folder: number, canonical, children: children.into_iter() });
        Ok(())
    }

    fn visit(&mut self, Child { name, kind }: Child, progress: &dyn Progress) -> Result<()> {
        let Some(level) = self.levels.last() else {
            return Ok(());
        };
        if name.to_str().is_none() {
            // Stored with other letters in their places, two names could become one.
            self.refuse(&name, Error::unsupported("names that are not UTF-8, as this one; rename it"));
            return Ok(());
        }
        match kind {
            Kind::File => {
                self.listing.files.push(Entry { folder: level.folder, frames: 1, name: name.into_boxed_os_str() });
                progress.advance(1);
            }
            Kind::Special => self.listing.special += 1,
            Kind::Folder => {
                let canonical = level.canonical.join(&name);
                self.descend(&name, canonical, progress)?;
            }
            Kind::Link => {
                let path = self.path_of(&name);
                match fs::metadata(&path).map(|target| Kind::of(target.file_type())) {
                    Ok(Kind::Folder) => match self.follow(&path) {
                        Ok(target) => self.descend(&name, target, progress)?,
                        Err(error) => self.refuse(&name, error),
                    },
                    Ok(kind) => self.visit(Child { name, kind }, progress)?,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                        self.refuse(&name, Error::new(ErrorKind::NotFound, "a link to a file that does not exist"));
                    }
                    Err(error) => self.refuse(&name, error.into()),
                }
            }
        }
        Ok(())
    }

    /// Where a link to a folder leads, if that is no circle and new.
    fn follow(&mut self, link: &Path) -> Result<PathBuf> {
        let target = fs::canonicalize(link)?;
        if self.levels.iter().any(|level| level.canonical.starts_with(&target)) {
            return Err(Error::new(ErrorKind::Conflict, "a link to a folder that it lies in itself"));
        }
        if !self.linked.insert(target.clone()) {
            return Err(Error::new(ErrorKind::Conflict, "a link to a folder that another link has led to already"));
        }
        Ok(target)
    }

    fn descend(&mut self, name: &OsStr, canonical: PathBuf, progress: &dyn Progress) -> Result<()> {
        if progress.stopped() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped; nothing was written"));
        }
        let Some(parent) = self.levels.last().and_then(|level| self.listing.folders.get(level.folder as usize)) else {
            return Ok(());
        };
        let relative = format!("{}{}/", parent.relative, name.to_string_lossy());
        let folder = Folder { path: parent.path.join(name), relative, top: parent.top, second: parent.second };
        if let Err(error) = self.enter(folder, canonical) {
            self.refuse(name, Error::new(error.kind(), format!("the folder cannot be read: {error}")));
        }
        Ok(())
    }

    fn path_of(&self, name: &OsStr) -> PathBuf {
        let folder = self.levels.last().and_then(|level| self.listing.folders.get(level.folder as usize));
        folder.map_or_else(PathBuf::new, |folder| folder.path.join(name))
    }

    fn refuse(&mut self, name: &OsStr, error: Error) {
        let folder = self.levels.last().and_then(|level| self.listing.folders.get(level.folder as usize));
        let relative = folder.map_or("", |folder| folder.relative.as_str());
        self.listing.refused.push((format!("{relative}{}", name.to_string_lossy()), error));
    }
}

/// The name that a folder gives to its class: the one it was called by, or that of the place where `.` is.
fn own_name(path: &Path) -> String {
    let canonical = path.file_name().is_none().then(|| fs::canonicalize(path).ok()).flatten();
    let name = canonical.as_deref().unwrap_or(path).file_name();
    name.map_or_else(|| "images".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Silent;

    /// A folder called "root" with empty files at these paths.
    fn folder(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        (dir, root)
    }

    fn listed(listing: &Listing) -> Vec<(String, String)> {
        let class = |entry| listing.folder_name(listing.top(entry));
        listing.files.iter().map(|entry| (listing.relative(entry), class(entry))).collect()
    }

    #[test]
    fn files_are_sorted_name_by_name_and_dotfiles_left_out() {
        let (_dir, root) = folder(&["b/2", "b/10", "a b/x", "a/y", "a/.z", ".git/config", "a/sub/deep", "Z"]);
        let listing = scan(&root, &Silent).unwrap();
        let paths: Vec<String> = listed(&listing).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["Z", "a/sub/deep", "a/y", "a b/x", "b/10", "b/2"]);
        assert!(listing.refused.is_empty());
    }

    #[test]
    fn the_folder_at_the_top_is_the_class_and_the_root_that_of_loose_files() {
        let (_dir, root) = folder(&["cat/1", "cat/kitten/2", "loose"]);
        let classes: Vec<String> = listed(&scan(&root, &Silent).unwrap()).into_iter().map(|(_, class)| class).collect();
        assert_eq!(classes, ["cat", "cat", "root"]);
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_but_never_in_a_circle() {
        use std::os::unix::fs::symlink;
        let (_dir, root) = folder(&["a/1", "b/2"]);
        symlink("..", root.join("a/up")).unwrap();
        symlink("../b", root.join("a/other")).unwrap();
        symlink("../a", root.join("b/back")).unwrap();
        symlink("2", root.join("b/same")).unwrap();
        symlink("nowhere", root.join("b/torn")).unwrap();
        let listing = scan(&root, &Silent).unwrap();
        let paths: Vec<String> = listed(&listing).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a/1", "a/other/2", "a/other/same", "b/2", "b/back/1", "b/same"]);
        let refused: Vec<&str> = listing.refused.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(refused, ["a/other/back", "a/other/torn", "a/up", "b/back/other", "b/back/up", "b/torn"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let (_dir, root) = folder(&[]);
        let error = scan(&root.join("none"), &Silent).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
