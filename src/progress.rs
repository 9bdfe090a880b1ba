//! The program's progress bar on standard error, and what Ctrl-C does.
//!
//! A bar with rate and time left where standard error is a terminal, nothing of it elsewhere; notices stand
//! above the bar, one line each. The first Ctrl-C (or SIGTERM, SIGHUP) asks the work to stop, so that it can
//! remove its temporary files; a second one ends the process.

use crate::commands::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Set once, by the first signal.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// What shells expect of a process that Ctrl-C ended: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// The bar of the program; one piece of work at a time.
pub struct Bar {
    quiet: bool,
    is_terminal: bool,
    current: Mutex<Option<ProgressBar>>,
}

impl Bar {
    /// A bar that says nothing at all if `quiet`; errors are not its business.
    pub fn new(quiet: bool) -> Bar {
        let is_terminal = std::io::stderr().is_terminal();
        Bar { quiet, is_terminal, current: Mutex::new(None) }
    }

    /// Lets Ctrl-C ask the work to stop instead of ending it at once. For the start of a program.
    ///
    /// Where the system allows no handler, Ctrl-C ends the process as ever.
    pub fn catch_signals() {
        use crate::commands::visualize::{has_terminal, restore_terminal};
        let result = ctrlc::set_handler(|| {
            let again = STOPPED.swap(true, Ordering::SeqCst);
            if !again && has_terminal() {
                // Of a terminal that is gone the view may wait for a key for ever.
                std::thread::sleep(Duration::from_millis(400));
            }
            if again || has_terminal() {
                restore_terminal();
                std::process::exit(INTERRUPTED);
            }
        });
        drop(result);
    }

    fn with_current<T>(&self, f: impl FnOnce(&mut Option<ProgressBar>) -> T) -> T {
        f(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `convert  [━━━━━━━━──────────────]  1,234/2,000  310/s  2s left`, or a spinner where the end is unknown.
fn style(total: Option<u64>) -> ProgressStyle {
    let template = match total {
        Some(_) => "{msg}  {bar:28.cyan/dim}  {human_pos}/{human_len}  {per_sec:.dim}  {eta} left",
        None => "{spinner:.cyan} {msg}  {human_pos}  {per_sec:.dim}  {elapsed}",
    };
    // A template that indicatif does not like still counts.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style
        .with_key("per_sec", |state: &indicatif::ProgressState, text: &mut dyn std::fmt::Write| {
            // Nothing can be done about text that cannot be written.
            let _ = text.write_str(&rate(state.per_sec()));
        })
        .progress_chars("━╸─")
}

/// `310/s`, `3.4/s`, or for slow work `12 s each`.
fn rate(per_second: f64) -> String {
    match per_second {
        r if !r.is_finite() || r <= 0.0 => String::new(),
        r if r >= 10.0 => format!("{r:.0}/s"),
        r if r >= 0.5 => format!("{r:.1}/s"),
        r => format!("{:.0} s each", 1.0 / r),
    }
}

/// Names in notices come from files and folders: what a terminal would obey is shown instead.
fn printable(text: &str) -> String {
    text.lines().map(crate::commands::visualize::printable).collect::<Vec<_>>().join("\n")
}

impl Progress for Bar {
    fn start(&self, what: &str, total: Option<u64>) {
        if self.quiet || !self.is_terminal {
            return;
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        // Ten times a second is fluent and costs nothing; the target hides itself from what is no terminal.
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        bar.set_style(style(total));
        bar.set_message(printable(what));
        bar.enable_steady_tick(Duration::from_millis(200));
        if let Some(before) = self.with_current(|current| current.replace(bar)) {
            before.finish_and_clear();
        }
    }

    fn advance(&self, steps: u64) {
        self.with_current(|current| current.as_ref().inspect(|bar| bar.inc(steps)).is_some());
    }

    fn finish(&self) {
        if let Some(bar) = self.with_current(Option::take) {
            bar.finish_and_clear();
        }
    }

    fn notice(&self, text: &str) {
        if self.quiet {
            return;
        }
        let line = format!("{}\n", printable(text));
        // A closed standard error is no reason to stop the work.
        let write = || drop(std::io::stderr().lock().write_all(line.as_bytes()));
        match self.with_current(|current| current.clone()) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn stopped(&self) -> bool {
        STOPPED.load(Ordering::Relaxed)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        assert_eq!(
            [1234.5, 12.0, 3.42, 0.1, 0.0, f64::NAN].map(rate),
            ["1234/s", "12/s", "3.4/s", "10 s each", "", ""]
        );
    }

    #[test]
    fn notices_cannot_command_the_terminal() {
        assert_eq!(printable("skipped \x1b[2Ja.jpg"), "skipped \\u{1b}[2Ja.jpg");
        assert_eq!(printable("two\nlines"), "two\nlines");
    }

    #[test]
    fn every_call_is_allowed_at_any_time_and_from_any_thread() {
        let bar = Bar::new(true);
        bar.advance(3);
        bar.finish();
        bar.start("reading", Some(0));
        bar.start("writing", None);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| bar.advance(u64::MAX));
            }
        });
        bar.notice("done");
        bar.finish();
        assert!(!bar.stopped());
    }
}
