//! The user's browser.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Whether a browser can be shown to who sits before this terminal: he does not sit at the end of an ssh, and there is
/// a screen.
pub(in super::super) fn can_open() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    let is_far = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
    if cfg!(any(windows, target_os = "macos")) {
        return !is_far;
    }
    let has_screen = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    !is_far && (is_set("BROWSER") || (has_screen && opener().is_some()))
}

/// Shows an address; whether that could be tried.
pub(super) fn open(url: &str) -> bool {
    let command = if cfg!(windows) {
        // What `start` takes as the window's title comes first.
        Some(("cmd".into(), vec!["/C", "start", "", url]))
    } else if cfg!(target_os = "macos") {
        Some(("open".into(), vec![url]))
    } else {
        let named = std::env::var_os("BROWSER").filter(|v| !v.is_empty()).map(PathBuf::from);
        named.or_else(opener).map(|program| (program, vec![url]))
    };
    let Some((program, arguments)) = command else {
        return false;
    };
    // Not waited for: some openers stay as long as the browser.
    let quiet =
        Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    quiet.is_ok()
}

fn opener() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = |name: &OsStr| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|p| p.is_file());
    ["xdg-open", "x-www-browser", "sensible-browser"].iter().find_map(|name| found(OsStr::new(name)))
}
