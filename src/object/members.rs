//! Files that are split over several: which others belong to the one that the user names, and opening them all, to read or to
//! edit.
//!
//! Other files are only ever opened in the folder that the one that was named really stands in, under names that follow from
//! its own: of a family another number, of a file split by use another short ending. A file cannot name another folder here.

use super::start::{NO_SIGNATURE, read_drivers};
use crate::error::{Error, ErrorKind, Result};
use crate::format::drivers::{Drivers, MultiMember};
use crate::format::superblock::{SIGNATURE, positions};
use crate::io::{
    Device, FamilyDevice, FileDevice, FileSource, FurtherMembers, JoinedSource, Locking, Member, OtherFiles, Source,
    SplitDevice, sync_folder_of,
};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most files of a family: all are open at once.
const MOST_MEMBERS: u64 = 1000;

/// The whole that the file at `path` is a part of, which cannot be opened alone because of `error`. `path` may be that of
/// any member.
///
/// # Errors
/// `error` if the file is whole or its parts are not there; else what is wrong with the parts, or which is missing.
pub(crate) fn join(path: &Path, error: Error) -> Result<Arc<dyn Source>> {
    match really(path) {
        Some((folder, name)) => Folder::on_disk(&folder).join(&name, error),
        None => Err(error),
    }
}

/// The folder that a file really stands in, symbolic links resolved, and its name there.
fn really(path: &Path) -> Option<(PathBuf, String)> {
    let real = std::fs::canonicalize(path).ok()?;
    Some((real.parent()?.to_owned(), real.file_name()?.to_str()?.to_owned()))
}

/// The same of a file that is called `name` where its host has it, and that `source` holds the bytes of.
pub(crate) fn join_hosted(
    name: &str,
    source: &Arc<dyn Source>,
    host: &dyn OtherFiles,
    error: Error,
) -> Result<Arc<dyn Source>> {
    Folder::hosted(name, source, host).join(name, error)
}

/// The whole that the file at `path` is a part of, to be edited. That file is open already, as `named`; if its lock were given
/// up and taken again, a child that this process makes meanwhile could still hold it. All others are opened, and locked.
/// The only member of a family is a family as well.
///
/// # Errors
/// As [`join`].
pub(crate) fn join_to_edit(path: &Path, named: &Member, locking: Locking, error: Error) -> Result<Arc<dyn Device>> {
    let Some((folder, name)) = really(path) else { return Err(error) };
    let Some(Whole { members, family }) = Folder::on_disk(&folder).whole(&name)? else {
        return Err(error);
    };
    let open = |(member, start, _): &Named| -> Result<(u64, Member)> {
        if *member == name {
            return Ok((*start, named.clone()));
        }
        Ok((*start, Arc::new(FileDevice::open(&folder.join(member), locking)?)))
    };
    let members = members.iter().map(open).collect::<Result<Vec<_>>>()?;
    let Some((pattern, room)) = family else {
        return Ok(Arc::new(SplitDevice::new(members)?));
    };
    let members = members.into_iter().map(|(_, member)| member).collect();
    let further = FurtherOnDisk { folder, pattern, locking };
    Ok(Arc::new(FamilyDevice::new(members, room, Box::new(further))))
}

/// The first part of the file that one called `name` may be a part of, where it is not the first itself.
fn first_part_of(name: &str) -> Option<String> {
    let end = name.rfind('.').filter(|dot| matches!(&name[*dot..], ".h5" | ".hdf5"))?;
    if let Some(stem) = endings(name).next() {
        return Some(format!("{stem}-m.h5")).filter(|first| first != name);
    }
    let patterns = Pattern::all(name);
    let pattern = patterns.iter().find(|p| p.before.len() + p.digits <= end)?;
    Some(pattern.member(0)).filter(|first| first != name)
}

/// The part called `name` of the whole that the file at `path` is a part of, too.
#[cfg(feature = "viewer")]
pub(crate) fn part(path: &Path, name: &str) -> Option<PathBuf> {
    let (folder, of) = really(path)?;
    let whole = Folder::on_disk(&folder).whole(&of).ok()??;
    whole.members.iter().any(|(n, ..)| n == name).then(|| folder.join(name))
}

/// The first member of a family that is named by its pattern, as libhdf5's driver wants it: `run%d.h5`, `run%05d.h5`.
///
/// `None` where the path is no pattern, or that of a file.
pub(crate) fn first_of(path: &Path) -> Option<PathBuf> {
    let (before, rest) = path.file_name()?.to_str()?.split_once('%')?;
    let (width, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
    let behind = behind.strip_prefix('d').filter(|b| !b.contains('%'))?;
    let digits = if width.is_empty() { 0 } else { width.parse().ok().filter(|n| *n <= 20)? };
    let number = if width.starts_with('0') { format!("{:0digits$}", 0) } else { format!("{:digits$}", 0) };
    (!path.exists()).then(|| path.with_file_name(format!("{before}{number}{behind}")))
}

/// What the name of a member may be short of an ending like `-r.h5`.
fn endings(name: &str) -> impl Iterator<Item = &str> {
    let stem = name.strip_suffix(".h5").and_then(|n| n.strip_suffix(|c: char| c.is_ascii_lowercase()));
    stem.and_then(|n| n.strip_suffix('-')).into_iter()
}

/// The name of a member, where it begins, and its bytes.
type Named = (String, u64, Arc<dyn Source>);

/// All files of a whole.
#[derive(Default)]
struct Whole {
    members: Vec<Named>,
    /// Of a family: how members are called, and the bytes that each has room for.
    family: Option<(Pattern, u64)>,
}

/// How a file of a name is had.
type Opener<'a> = dyn Fn(&str) -> Result<Option<Arc<dyn Source>>> + 'a;

/// Where all members stand.
struct Folder<'a> {
    opener: Box<Opener<'a>>,
    /// Whether files must be looked for, and are better asked for together.
    is_far: bool,
}

impl<'a> Folder<'a> {
    /// Regular files that really stand in this folder, which is no symbolic link.
    fn on_disk(folder: &'a Path) -> Folder<'a> {
        let opener = move |name: &str| {
            let path = folder.join(name);
            let stands_here = path.is_file() && really(&path).is_some_and(|(real, _)| real == folder);
            stands_here.then(|| Ok(Arc::new(FileSource::open(path)?) as Arc<dyn Source>)).transpose()
        };
        Folder { opener: Box::new(opener), is_far: false }
    }

    /// Those that the host of the file called `first` has beside it.
    fn hosted(first: &'a str, source: &'a Arc<dyn Source>, host: &'a dyn OtherFiles) -> Folder<'a> {
        let opener = move |name: &str| {
            if name == first {
                return Ok(Some(source.clone()));
            }
            match host.file(name, false) {
                // Which file is missing is said where it is known for what.
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Denied) => Ok(None),
                done => done,
            }
        };
        Folder { opener: Box::new(opener), is_far: true }
    }

    fn open(&self, name: &str) -> Result<Option<Arc<dyn Source>>> {
        (self.opener)(name)
    }

    fn join(&self, name: &str, error: Error) -> Result<Arc<dyn Source>> {
        if let Some(whole) = self.whole(name)?.filter(|whole| whole.members.len() > 1) {
            let members = whole.members.into_iter().map(|(_, start, source)| (start, source)).collect();
            return Ok(Arc::new(JoinedSource::new(members)?));
        }
        if error.message() == NO_SIGNATURE
            && let Some(first) = first_part_of(name)
            && self.open(&first)?.is_none()
        {
            let message = format!("{NO_SIGNATURE}; if it is a part of a split file, {first} is missing");
            return Err(Error::damaged(message));
        }
        Err(error)
    }

    /// All members of what the file called `name` is one of; `None` if it is none of several.
    fn whole(&self, name: &str) -> Result<Option<Whole>> {
        // The file itself, if it is the one with the superblock, or one that should have it.
        let mut firsts = vec![name.to_owned()];
        firsts.extend(Pattern::all(name).iter().map(|p| p.member(0)));
        firsts.extend(endings(name).flat_map(|stem| ["-m.h5", "-s.h5"].map(|e| format!("{stem}{e}"))));
        for first in firsts {
            let Some(source) = self.open(&first)? else {
                continue;
            };
            let (drivers, end) = match read_drivers(source.clone()) {
                Err(e) if e.kind() == ErrorKind::Missing => return Err(e),
                Err(_) => continue,
                Ok(found) => found,
            };
            let whole = self.all(&first, source, drivers, end)?;
            if whole.members.iter().any(|(n, ..)| n == name) {
                return Ok(Some(whole));
            }
        }
        Ok(None)
    }

    /// All members of the whole whose first is `first`, itself included.
    fn all(&self, first: &str, source: Arc<dyn Source>, drivers: Option<Drivers>, end: u64) -> Result<Whole> {
        match drivers {
            Some(Drivers::Multi(members)) => Ok(Whole { members: self.multi(first, &members)?, family: None }),
            Some(Drivers::Family { member_size }) => self.family(first, source, Some(member_size), end),
            // Before HDF5 1.8 families did not say that they are one.
            None if source.size()? < end => self.family(first, source, None, end),
            _ => Ok(Whole::default()),
        }
    }

    /// The members of a family: as many as it takes to reach `end`, and on disk what an editor that was interrupted has made
    /// behind it.
    fn family(&self, first: &str, source: Arc<dyn Source>, size: Option<u64>, end: u64) -> Result<Whole> {
        let told = size.is_some();
        let size = size.unwrap_or(source.size()?);
        if size == 0 {
            return Ok(Whole::default());
        }
        let number = end.div_ceil(size);
        if number > MOST_MEMBERS {
            return Err(Error::limit(format!("a family of {number} files, {MOST_MEMBERS} are possible")));
        }
        // Of the way to see a number in the name by which most are found: how many, and the first that is not.
        let mut lacking: Option<(usize, String)> = None;
        for pattern in Pattern::all(first).into_iter().filter(|p| p.member(0) == first) {
            let mut found = vec![(first.to_owned(), 0, source.clone())];
            while let Some((_, _, last)) = found.last()
                && (found.len() as u64) < number
            {
                let full = last.size()? == size;
                let name = pattern.member(found.len() as u64);
                let Some(next) = self.open(&name)? else {
                    break;
                };
                if found.len() == 1 {
                    self.ask_for(&pattern, number)?;
                }
                // Files that only look like a family, as run0.h5 and run1.h5, begin with a signature each.
                if !told && (!full || begins_with_signature(&*next)?) {
                    break;
                }
                if !full {
                    let message = format!("the member before {name} has {} bytes and should have {size}", last.size()?);
                    return Err(Error::damaged(message));
                }
                found.push((name, found.len() as u64 * size, next));
            }
            if found.len() as u64 >= number {
                self.go_on(&pattern, size, &mut found)?;
                return Ok(Whole { members: found, family: Some((pattern, size)) });
            }
            let missing = (found.len(), pattern.member(found.len() as u64));
            if (told || missing.0 > 1) && lacking.as_ref().is_none_or(|(most, _)| missing.0 > *most) {
                lacking = Some(missing);
            }
        }
        match lacking {
            Some((_, next)) => {
                Err(Error::not_found(format!("it is one of a family of {number} files, of which {next} is missing")))
            }
            None if told && number > 1 => Err(Error::not_found(format!(
                "it is the first of a family of {number} files, and its name has no number to find the others by"
            ))),
            None => Ok(Whole::default()),
        }
    }

    /// Adds the members behind the end of a family on disk: each behind a full one, and none that is a file of its own.
    fn go_on(&self, pattern: &Pattern, size: u64, found: &mut Vec<Named>) -> Result<()> {
        while let Some((_, start, last)) = found.last()
            && !self.is_far
            && last.size()? == size
            && (found.len() as u64) < MOST_MEMBERS
        {
            let (name, start) = (pattern.member(found.len() as u64), start + size);
            match self.open(&name)? {
                Some(next) if !has_signature(&*next)? => found.push((name, start, next)),
                _ => break,
            }
        }
        Ok(())
    }

    /// Looks for all members at once, where each would have to be waited for.
    fn ask_for(&self, pattern: &Pattern, number: u64) -> Result<()> {
        let mut failure = Ok(());
        for n in (2..number).filter(|_| self.is_far) {
            // Each is asked for, whatever became of the others.
            failure = failure.and(self.open(&pattern.member(n)).map(drop));
        }
        failure
    }

    /// The members of a file that is split by use: the name of the whole is what the first one's ending leaves.
    fn multi(&self, first: &str, members: &[MultiMember]) -> Result<Vec<Named>> {
        let endings: Option<Vec<&str>> = members.iter().map(|m| ending(&m.template)).collect();
        let Some(endings) = endings else {
            return Err(Error::unsupported("a file split over files with names that do not follow from its own"));
        };
        let stems = endings.iter().filter_map(|e| first.strip_suffix(e));
        let Some(stem) = stems.filter(|s| !s.is_empty()).max_by_key(|s| s.len()) else {
            return Err(Error::unsupported("a file split over files with names that do not follow from its own"));
        };
        let mut found = Vec::new();
        for (member, ending) in members.iter().zip(endings) {
            let name = format!("{stem}{ending}");
            match self.open(&name)? {
                Some(source) => found.push((name, member.start, source)),
                // A member that nothing is in need not be there.
                None if member.used == 0 => {}
                None => {
                    return Err(Error::not_found(format!("it is a part of a split file, of which {name} is missing")));
                }
            }
        }
        Ok(found)
    }
}

/// The ending that a template gives to the name of the whole: short, and without anything that leads elsewhere.
fn ending(template: &[u8]) -> Option<&str> {
    let ending = std::str::from_utf8(template).ok()?.strip_prefix("%s")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let short = ending.starts_with(['-', '.', '_']) && ending.len() <= 16;
    (short && ending.chars().all(plain)).then_some(ending)
}

fn begins_with_signature(source: &dyn Source) -> Result<bool> {
    Ok(source.size()? >= SIGNATURE.len() as u64 && is_signature(source, 0)?)
}

/// Whether it is a file of its own, perhaps behind a user block.
fn has_signature(source: &dyn Source) -> Result<bool> {
    for position in positions(source.size()?) {
        if is_signature(source, position)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_signature(source: &dyn Source, position: u64) -> Result<bool> {
    let mut there = [0; SIGNATURE.len()];
    source.read_at(position, &mut there).map(|()| there == SIGNATURE)
}

/// The further members of a family, beside the others.
struct FurtherOnDisk {
    folder: PathBuf,
    pattern: Pattern,
    locking: Locking,
}

impl FurtherMembers for FurtherOnDisk {
    fn make(&self, number: u64) -> Result<Member> {
        let path = self.folder.join(self.pattern.member(number));
        if number >= MOST_MEMBERS {
            return Err(Error::limit(format!("a family of more than {MOST_MEMBERS} files")));
        }
        match File::options().write(true).create_new(true).open(&path) {
            // libhdf5 leaves empty members where it cuts a family, and so may an editor that is interrupted.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                let there = std::fs::symlink_metadata(&path)?;
                if !there.is_file() || there.len() > 0 {
                    let message = format!("{} is there, where the family is to go on; move it away", path.display());
                    return Err(Error::conflict(message));
                }
            }
            made => _ = made?,
        }
        Ok(Arc::new(FileDevice::open(&path, self.locking)?))
    }

    fn remove(&self, number: u64) -> Result<()> {
        Ok(std::fs::remove_file(self.folder.join(self.pattern.member(number)))?)
    }

    fn sync(&self) -> Result<()> {
        sync_folder_of(&self.folder.join(self.pattern.member(0)))
    }
}

/// A name with a number in it.
struct Pattern {
    before: String,
    digits: usize,
    behind: String,
}

impl Pattern {
    /// All ways to see a number in a name, the last one first.
    fn all(name: &str) -> Vec<Pattern> {
        let mut found = Vec::new();
        let mut end = name.len();
        while let Some(last) = name[..end].rfind(|c: char| c.is_ascii_digit()) {
            let start = name[..last]
                .rfind(|c: char| !c.is_ascii_digit())
                .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
            let (before, behind) = (name[..start].to_owned(), name[last + 1..].to_owned());
            found.push(Pattern { before, digits: last + 1 - start, behind });
            end = start;
        }
        found
    }

    /// The name of a member.
    fn member(&self, number: u64) -> String {
        format!("{}{number:0width$}{}", self.before, self.behind, width = self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_in_a_name_may_be_that_of_the_member() {
        let first = |name: &str| Pattern::all(name).iter().map(|p| p.member(0)).collect::<Vec<_>>();
        assert_eq!(first("tfamily00007.h5"), ["tfamily00007.h0", "tfamily00000.h5"]);
        assert_eq!(first("größe12é3"), ["größe12é0", "größe00é3"]);
        assert_eq!(first("none"), [""; 0]);
        assert_eq!(Pattern::all("a0.h")[0].member(12), "a12.h");
    }

    #[test]
    fn what_has_no_signature_may_be_a_member_without_its_first() {
        assert_eq!(first_part_of("run7.h5").unwrap(), "run0.h5");
        assert_eq!(first_part_of("a-r.h5").unwrap(), "a-m.h5");
        for none in ["run0.h5", "run.h5", "IMG_1234.jpg", "a-m.h5", "h5", "12"] {
            assert_eq!(first_part_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_family_is_named_by_its_pattern_where_no_file_is_called_so() {
        let first = |name: &str| first_of(Path::new(name)).map(|p| p.to_str().unwrap().to_owned());
        assert_eq!(first("a/run%d.h5").unwrap(), "a/run0.h5");
        assert_eq!(first("run%05d.h5").unwrap(), "run00000.h5");
        assert_eq!(first("run%3d.h5").unwrap(), "run  0.h5");
        for wrong in ["run.h5", "%", "50%.h5", "run%s.h5", "%d%d.h5", "%99d.h5", "run%d/a.h5"] {
            assert_eq!(first(wrong), None, "{wrong}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a%d.h5"), "x").unwrap();
        assert_eq!(first_of(&folder.path().join("a%d.h5")), None);
    }

    #[test]
    fn endings_lead_nowhere_else() {
        assert_eq!(ending(b"%s-m.h5"), Some("-m.h5"));
        assert_eq!(ending(b"%s.raw"), Some(".raw"));
        for wrong in ["m.h5", "%s", "%s/../x", "%sx", "%s-%s", "%s-a-very-long-ending.h5", "/etc/%s", "%s-\u{e9}"] {
            assert_eq!(ending(wrong.as_bytes()), None, "{wrong}");
        }
    }

    /// An empty root group: a superblock, an object header.
    fn whole_file() -> Vec<u8> {
        use crate::bytes::{Address, Widths};
        use crate::format::superblock::{NodeRanks, Superblock};
        let header = crate::format::object_header::encode(&[], &Default::default()).unwrap();
        let superblock = Superblock {
            version: 2,
            widths: Widths::EIGHT,
            flags: 0,
            base: 0,
            end: 48 + header.len() as u64,
            extension: None,
            driver: None,
            root: Address(48),
            ranks: NodeRanks::DEFAULT,
        };
        [superblock.encode().unwrap(), header].concat()
    }

    #[test]
    fn complete_files_with_numbers_in_their_names_are_no_family() {
        let folder = tempfile::tempdir().unwrap();
        let whole = whole_file();
        let cut = &whole[..whole.len() - 8];
        std::fs::write(folder.path().join("run0.h5"), cut).unwrap();
        std::fs::write(folder.path().join("run1.h5"), cut).unwrap();
        let alone = |name: &str| join(&folder.path().join(name), Error::damaged(NO_SIGNATURE)).err().unwrap();
        // What is there is not called missing.
        assert_eq!([alone("run0.h5").message(), alone("run1.h5").message()], [NO_SIGNATURE; 2]);
        // The same bytes, cut in two, are one.
        std::fs::write(folder.path().join("run0.h5"), &whole[..40]).unwrap();
        assert_eq!(alone("run0.h5").message(), NO_SIGNATURE);
        let half = 50;
        std::fs::write(folder.path().join("run0.h5"), &whole[..half]).unwrap();
        std::fs::write(folder.path().join("run1.h5"), &whole[half..]).unwrap();
        for member in ["run0.h5", "run1.h5"] {
            let joined = join(&folder.path().join(member), Error::damaged(NO_SIGNATURE)).unwrap();
            assert_eq!(joined.size().unwrap(), whole.len() as u64);
        }
    }

    #[cfg(unix)]
    #[test]
    fn members_are_found_where_a_symbolic_link_leads_and_none_is_a_member() {
        let (folder, whole) = (tempfile::tempdir().unwrap(), whole_file());
        std::fs::write(folder.path().join("run0.h5"), &whole[..50]).unwrap();
        std::fs::write(folder.path().join("run1.h5"), &whole[50..]).unwrap();
        let (other, named) = (tempfile::tempdir().unwrap(), folder.path().join("run0.h5"));
        let link = other.path().join("measurement.h5");
        std::os::unix::fs::symlink(&named, &link).unwrap();
        assert_eq!(join(&link, Error::damaged(NO_SIGNATURE)).unwrap().size().unwrap(), whole.len() as u64);
        let (moved, next) = (other.path().join("run1.h5"), folder.path().join("run1.h5"));
        std::fs::rename(&next, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &next).unwrap();
        assert!(join(&link, Error::damaged(NO_SIGNATURE)).is_err());
    }

    #[test]
    fn a_family_goes_on_only_where_nothing_is() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, place) = (whole_file(), |n: u64| folder.path().join(format!("run{n}.h5")));
        // The last one is full.
        let room = 50;
        let padded = [&whole[..], &vec![0; 2 * room - whole.len()]].concat();
        padded.chunks(room).zip(0..).for_each(|(part, n)| std::fs::write(place(n), part).unwrap());
        let real = std::fs::canonicalize(folder.path()).unwrap();
        let count = || Folder::on_disk(&real).whole("run0.h5").unwrap().unwrap().members.len();
        assert_eq!(count(), 2);
        // What an interrupted editor has written belongs to it, another file with a user block does not.
        std::fs::write(place(2), b"new elements").unwrap();
        assert_eq!(count(), 3);
        let other = [&[0; 512][..], &whole].concat();
        std::fs::write(place(2), &other).unwrap();
        assert_eq!(count(), 2);
        let pattern = Pattern { before: "run".into(), digits: 1, behind: ".h5".into() };
        let further = FurtherOnDisk { folder: folder.path().to_owned(), pattern, locking: Locking::Try };
        let error = further.make(2).err().unwrap();
        assert!(error.kind() == ErrorKind::Conflict && error.message().contains("run2.h5"), "{error}");
        assert_eq!(std::fs::read(place(2)).unwrap(), other);
        std::fs::write(place(2), b"").unwrap();
        for number in [2, 3] {
            assert_eq!(further.make(number).unwrap().size().unwrap(), 0);
            further.remove(number).unwrap();
            assert!(!place(number).exists());
        }
        assert_eq!(further.make(MOST_MEMBERS).err().map(|e| e.kind()), Some(ErrorKind::Limit));
    }
}
