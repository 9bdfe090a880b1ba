//! The real terminal: raw keys and a second screen for the time of the view, and the first one given back
//! whatever happens — quit, error, panic, SIGTERM, a second Ctrl-C.

use super::cells::{Canvas, Depth};
use super::frame;
use super::graphics::{self, Protocol};
use super::viewer::{Reaction, Viewer};
use crate::error::{Error, ErrorKind, Result};
use crossterm::event::{self, Event};
use crossterm::terminal;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The second screen, no cursor, no wrapping at the right edge.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// The end of a half-sent frame, and everything back as it was.
const LEAVE: &str = "\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

/// How long to wait for a key before looking whether the user asked to stop.
const PATIENCE: Duration = Duration::from_millis(200);
/// Keys that came while a frame was made are answered together, up to so many.
const MOST_AT_ONCE: usize = 64;

/// Whether a terminal has to be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the view has the terminal.
pub(crate) fn has_terminal() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Gives the terminal back if the view has it; for the moment before a process ends without unwinding.
///
/// Writes to the terminal itself, since another thread may hold the lock of standard output.
pub(crate) fn restore_terminal() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // There is nobody left to tell about a failure.
    #[cfg(unix)]
    if let Ok(mut tty) = std::fs::OpenOptions::new().write(true).open("/dev/tty") {
        drop(tty.write_all(LEAVE.as_bytes()));
    }
    #[cfg(not(unix))]
    drop(std::io::stderr().write_all(LEAVE.as_bytes()));
    drop(terminal::disable_raw_mode());
}

/// Whether there is a terminal that can show the view and send keys.
pub(super) fn is_there() -> bool {
    let is_able = std::env::var("TERM").map_or(cfg!(windows), |term| term != "dumb" && !term.is_empty());
    // With something else as standard input, keys come from the terminal itself.
    let has_keys = || std::io::stdin().is_terminal() || (cfg!(unix) && std::fs::File::open("/dev/tty").is_ok());
    is_able && std::io::stdout().is_terminal() && has_keys()
}

/// Height over width of a character cell, where the terminal says it; else the usual 2.
pub(super) fn cell_aspect() -> f32 {
    let aspect = terminal::window_size().ok().filter(|s| s.columns > 0 && s.rows > 0 && s.width > 0).map(|s| {
        let (cell_width, cell_height) =
            (f32::from(s.width) / f32::from(s.columns), f32::from(s.height) / f32::from(s.rows));
        cell_height / cell_width
    });
    aspect.filter(|a| (1.4..=3.0).contains(a)).unwrap_or(2.0)
}

/// Where screens are shown and keys come from.
pub(super) trait Console {
    /// Columns and rows.
    fn size(&mut self) -> (u16, u16);

    fn show(&mut self, canvas: &Canvas) -> Result<()>;

    /// Forgets what is on the screen, so that all of it is painted again.
    fn forget(&mut self);

    /// The next key or change of size, if one comes within `patience`.
    fn next(&mut self, patience: Duration) -> Result<Option<Event>>;
}

/// Shows the view until the user has seen enough, or `stopped`.
///
/// # Errors
/// The terminal is gone, or the user asked to stop by a signal.
pub(super) fn run(viewer: &mut Viewer<'_>, console: &mut dyn Console, stopped: &dyn Fn() -> bool) -> Result<()> {
    let mut is_stale = true;
    loop {
        if stopped() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped"));
        }
        if is_stale {
            let (width, height) = console.size();
            console.show(&viewer.draw(width, height))?;
            is_stale = false;
        }
        let mut patience = PATIENCE;
        if viewer.is_busy() {
            viewer.work();
            is_stale = true;
            patience = Duration::ZERO;
        }
        for _ in 0..MOST_AT_ONCE {
            let Some(event) = console.next(patience)? else {
                break;
            };
            patience = Duration::ZERO;
            is_stale = true;
            match event {
                Event::Key(key) if viewer.key(key) == Reaction::Quit => return Ok(()),
                // Some terminals blank a part of the screen.
                Event::Resize(..) => console.forget(),
                _ => {}
            }
        }
    }
}

/// The terminal behind standard output.
pub(super) struct Terminal<'a> {
    out: &'a mut dyn Write,
    depth: Depth,
    protocol: Protocol,
    shown: Option<Canvas>,
    hook: Option<PanicHook>,
}

type PanicHook = Arc<dyn Fn(&std::panic::PanicHookInfo<'_>) + Sync + Send>;

impl<'a> Terminal<'a> {
    /// Takes the terminal over until dropped. `out` is its standard output.
    pub(super) fn open(out: &'a mut dyn Write, depth: Depth, protocol: Protocol) -> Result<Terminal<'a>> {
        terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let hook = restore_before_panic_message();
        // From here on dropping it gives the terminal back.
        let opened = Terminal { out, depth, protocol, shown: None, hook: Some(hook) };
        opened.out.write_all(ENTER.as_bytes())?;
        opened.out.flush()?;
        Ok(opened)
    }
}

/// A panic message on the second screen would vanish with it.
fn restore_before_panic_message() -> PanicHook {
    let before: PanicHook = Arc::from(std::panic::take_hook());
    let then = Arc::clone(&before);
    std::panic::set_hook(Box::new(move |info| {
        restore_terminal();
        then(info);
    }));
    before
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        if TAKEN.swap(false, Ordering::SeqCst) {
            // There is nobody left to tell about a failure.
            drop(self.out.write_all(graphics::clear(self.protocol).as_bytes()));
            drop(self.out.write_all(LEAVE.as_bytes()));
            drop(self.out.flush());
            drop(terminal::disable_raw_mode());
        }
        // The hook cannot be changed while a panic is on its way.
        if let Some(before) = self.hook.take().filter(|_| !std::thread::panicking()) {
            std::panic::set_hook(Box::new(move |info| before(info)));
        }
    }
}

impl Console for Terminal<'_> {
    fn size(&mut self) -> (u16, u16) {
        match terminal::size() {
            Ok((width, height)) if width > 0 && height > 0 => (width, height),
            _ => (80, 24),
        }
    }

    fn show(&mut self, canvas: &Canvas) -> Result<()> {
        let bytes = frame::update(self.shown.as_ref(), canvas, self.depth, self.protocol);
        self.out.write_all(bytes.as_bytes())?;
        self.out.flush()?;
        self.shown = Some(canvas.clone());
        Ok(())
    }

    fn forget(&mut self) {
        self.shown = None;
    }

    fn next(&mut self, patience: Duration) -> Result<Option<Event>> {
        Ok(if event::poll(patience)? { Some(event::read()?) } else { None })
    }
}

#[cfg(test)]
mod tests {
    use super::super::graphics::Graphics;
    use super::super::source::memory::photos;
    use super::super::viewer::Look;
    use super::*;
    use crate::image_set::find::find;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use std::collections::VecDeque;

    /// A terminal that presses keys by itself and keeps every screen.
    struct Script {
        events: VecDeque<Event>,
        size: (u16, u16),
        screens: Vec<String>,
    }

    impl Script {
        fn new(keys: &str) -> Script {
            let key = |c| Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
            Script { events: keys.chars().map(key).collect(), size: (100, 40), screens: Vec::new() }
        }
    }

    impl Console for Script {
        fn size(&mut self) -> (u16, u16) {
            self.size
        }

        fn show(&mut self, canvas: &Canvas) -> Result<()> {
            self.screens.push(canvas.to_text());
            Ok(())
        }

        fn forget(&mut self) {
            self.screens.push("forgotten".to_owned());
        }

        fn next(&mut self, patience: Duration) -> Result<Option<Event>> {
            if patience.is_zero() {
                return Ok(None);
            }
            match self.events.pop_front() {
                Some(Event::Resize(width, height)) => {
                    self.size = (width, height);
                    Ok(Some(Event::Resize(width, height)))
                }
                Some(event) => Ok(Some(event)),
                None => Err(Error::new(ErrorKind::Io, "the terminal is gone")),
            }
        }
    }

    fn shown(script: &mut Script) -> Result<()> {
        let file = photos(30);
        let look = Look { count: 12, depth: Depth::True, cell_aspect: 2.0, graphics: Graphics::BLOCKS };
        let mut viewer = Viewer::new(&file, "photos.h5".into(), find(&file)?, look);
        run(&mut viewer, script, &|| false)
    }

    #[test]
    fn each_key_is_answered_with_a_screen_until_q() {
        let mut script = Script::new("nnpq!");
        shown(&mut script).unwrap();
        let pages = script.screens.iter().map(|s| s.lines().next().unwrap_or_default());
        let pages: Vec<_> = pages.map(|title| title.rsplit_once("  ").map_or("", |(_, right)| right)).collect();
        assert_eq!(pages, ["1–12 of 30", "13–24 of 30", "25–30 of 30", "13–24 of 30"]);
        assert_eq!(script.events.len(), 1);
    }

    #[test]
    fn another_size_paints_the_whole_screen_anew() {
        let mut script = Script::new("q");
        script.events.push_front(Event::Resize(40, 10));
        shown(&mut script).unwrap();
        assert_eq!(script.screens[1], "forgotten");
        assert_eq!(script.screens[2].lines().count(), 10);
    }

    #[test]
    fn a_terminal_that_is_gone_ends_the_view() {
        assert!(shown(&mut Script::new("n")).is_err());
    }

    #[test]
    fn a_signal_ends_the_view() {
        let file = photos(3);
        let look = Look { count: 12, depth: Depth::True, cell_aspect: 2.0, graphics: Graphics::BLOCKS };
        let mut viewer = Viewer::new(&file, "photos.h5".into(), find(&file).unwrap(), look);
        let stopped = run(&mut viewer, &mut Script::new("n"), &|| true);
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn giving_back_a_terminal_that_was_not_taken_does_nothing() {
        restore_terminal();
    }
}
