//! How one file names another: relative to its own folder, so that both can be moved together.

use crate::datatype::Name;
use std::path::{Component, Path, PathBuf};

/// The folder that a file is or will be in, without links on the way.
fn folder(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// The name by which a file at `output` leads to `file`.
pub(super) fn relative(file: &Path, output: &Path) -> Name {
    let from = folder(output);
    let to = folder(file).join(file.file_name().unwrap_or_default());
    let (mut from, mut to) = (from.components().peekable(), to.components().peekable());
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    // On another drive there is no way by names.
    if matches!(to.peek(), Some(Component::Prefix(_))) {
        return Name::from(&*to.collect::<PathBuf>().to_string_lossy());
    }
    let parts = from.map(|_| "..".to_owned()).chain(to.map(|c| c.as_os_str().to_string_lossy().into_owned()));
    Name::from(&*parts.collect::<Vec<_>>().join("/"))
}

/// Whether a file is in the folder of another one, or below it.
pub(super) fn is_below(file: &Path, output: &Path) -> bool {
    folder(file).starts_with(folder(output))
}

/// The name of a third file that a link in the file `from` has, as one in the file `to` has it.
pub(super) fn moved(name: &Name, from: &Path, to: &Path) -> Name {
    let text = name.to_text();
    let path = Path::new(&*text);
    let there = folder(from).join(path);
    if path.is_absolute() || folder(from) == folder(to) || !there.exists() {
        return name.clone();
    }
    relative(&there, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_from_folder_to_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::write(at("a/x.h5"), "").unwrap();
        assert_eq!(relative(&at("a/x.h5"), &at("all.h5")), "a/x.h5");
        assert_eq!(relative(&at("a/x.h5"), &at("a/b/all.h5")), "../x.h5");
        assert!(is_below(&at("a/x.h5"), &at("all.h5")) && !is_below(&at("a/x.h5"), &at("a/b/all.h5")));
        let link = Name::from("x.h5");
        assert_eq!(moved(&link, &at("a/y.h5"), &at("all.h5")), "a/x.h5");
        assert_eq!(moved(&Name::from("lost.h5"), &at("a/y.h5"), &at("all.h5")), "lost.h5");
    }
}
