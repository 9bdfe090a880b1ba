//! The program: arguments, one command, exit code.

use clap::{CommandFactory, Parser, Subcommand};
use h5manager::commands::{
    Command, Outcome, check::Check, convert::Convert, copy::Copy, digest::Digest, edit::Edit, explain::Explain, ls::Ls,
    merge::Merge, repack::Repack, stat::Stat, visualize::Visualize,
};
use h5manager::progress::Bar;
use h5manager::{Error, ErrorKind};
use std::io::{BufWriter, Write};
use std::process::ExitCode;

/// The static program's memory. musl's own allocator takes several times as long where threads ask for much.
#[cfg(target_env = "musl")]
#[global_allocator]
static MEMORY: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// HDF5 files: a directory of images to one .h5, several .h5 to one, and what is inside.
#[derive(Parser)]
#[command(
    name = "h5manager",
    version,
    max_term_width = 110,
    after_help = "Examples:
  h5manager convert photos --output photos.h5 --dim 64
  h5manager merge a.h5 b.h5 --output all.h5
  h5manager visualize all.h5
  h5manager ls -v run.h5
  h5manager explain run.h5

h5manager COMMAND --help says more of each."
)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// No progress bar, no notices; errors are still said.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Threads to use; the result does not depend on it [default: all cores].
    #[arg(short = 'j', long, global = true, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Subcommand)]
enum Verb {
    Convert(Box<Convert>),
    Merge(Box<Merge>),
    Visualize(Visualize),
    Ls(Ls),
    Digest(Digest),
    Edit(Edit),
    Explain(Explain),
    Check(Check),
    Stat(Stat),
    Repack(Box<Repack>),
    Copy(Copy),
    /// Prints the completions for a shell, or the manual pages.
    #[command(hide = true)]
    Generate {
        /// bash, zsh, fish, elvish, powershell, or `man`.
        what: String,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_threads(arguments.threads);
    let mut out = BufWriter::new(std::io::stdout());
    let done = run(&arguments, &mut out).and_then(|o| Ok(out.flush().map(|()| o)?));
    match done {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Finding) => ExitCode::from(1),
        Err(e) if is_closed_pipe(&e) => ExitCode::SUCCESS,
        Err(e) if e.kind() == ErrorKind::Interrupted => {
            complain(&e);
            ExitCode::from(130)
        }
        Err(e) => {
            complain(&e);
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments, out: &mut (dyn Write + Send)) -> h5manager::Result<Outcome> {
    // Quiet work says nothing of its success; what was asked for as data is still given.
    let mut nowhere = std::io::sink();
    let report = match &arguments.verb {
        Verb::Convert(c) => !c.json,
        Verb::Merge(c) => !c.json,
        Verb::Repack(c) => !c.json,
        Verb::Copy(_) => true,
        Verb::Edit(_) => true,
        _ => false,
    };
    let out: &mut (dyn Write + Send) = if arguments.quiet && report { &mut nowhere } else { out };
    let command: &dyn Command = match &arguments.verb {
        Verb::Convert(c) => c.as_ref(),
        Verb::Merge(c) => c.as_ref(),
        Verb::Visualize(c) => c,
        Verb::Ls(c) => c,
        Verb::Digest(c) => c,
        Verb::Edit(c) => c,
        Verb::Explain(c) => c,
        Verb::Check(c) => c,
        Verb::Stat(c) => c,
        Verb::Repack(c) => c.as_ref(),
        Verb::Copy(c) => c,
        Verb::Generate { what } => return generate(what, out),
    };
    let progress = Bar::new(arguments.quiet);
    Bar::catch_signals();
    command.run(out, &progress)
}

/// Starts the threads that work is shared by: as many as there are processors, if nothing else is said.
fn start_threads(threads: Option<usize>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0));
    #[cfg(target_os = "linux")]
    let pool = pool.start_handler(spread);
    // Fails only if the pool is there already, which it is not.
    let _ = pool.build_global();
}

/// Moves the thread that calls it to a processor of its own, and lets the system move it from there: which would need a few
/// milliseconds to find out that the first one is taken, and some commands need no more.
#[cfg(target_os = "linux")]
fn spread(number: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let Ok(allowed) = sched_getaffinity(None) else {
        return;
    };
    let processors: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
    if let Some(&cpu) = processors.get(number % processors.len().max(1)) {
        let mut own = CpuSet::new();
        own.set(cpu);
        if sched_setaffinity(None, &own).is_ok() {
            let _ = sched_setaffinity(None, &allowed);
        }
    }
}

/// Completions and manual pages, from the definitions of the options.
fn generate(what: &str, out: &mut dyn Write) -> h5manager::Result<Outcome> {
    let mut command = Arguments::command();
    if what == "man" {
        clap_mangen::Man::new(command.clone()).render(out)?;
        for verb in command.get_subcommands().filter(|v| !v.is_hide_set()) {
            clap_mangen::Man::new(verb.clone().name(format!("h5manager-{}", verb.get_name()).leak() as &str))
                .render(out)?;
        }
        return Ok(Outcome::Fine);
    }
    let shell: clap_complete::Shell = what.parse().map_err(|e: String| {
        Error::new(ErrorKind::Invalid, format!("{e}; possible: bash, zsh, fish, elvish, powershell, man"))
    })?;
    clap_complete::generate(shell, &mut command, "h5manager", out);
    Ok(Outcome::Fine)
}

/// Says what went wrong; a standard error that is gone is no reason to panic.
fn complain(e: &Error) {
    let _ = writeln!(std::io::stderr(), "h5manager: {e}");
}

/// Whoever read our output has had enough, as `head` has: no error.
fn is_closed_pipe(e: &Error) -> bool {
    let cause = std::error::Error::source(e).and_then(|s| s.downcast_ref::<std::io::Error>());
    cause.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}
