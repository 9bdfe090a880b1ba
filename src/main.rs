//! The program: arguments, one command, exit code.

use clap::{Parser, Subcommand};
use h5manager::commands::{Command, Outcome, Silent, digest::Digest, ls::Ls, merge::Merge};
use std::io::Write;
use std::process::ExitCode;

/// HDF5 files: directories of images to .h5 and back, merge, look inside.
#[derive(Parser)]
#[command(name = "h5manager", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Merge(Merge),
    Ls(Ls),
    Digest(Digest),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let command: &dyn Command = match &arguments.verb {
        Verb::Merge(c) => c,
        Verb::Ls(c) => c,
        Verb::Digest(c) => c,
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let done = command.run(&mut out, &Silent).and_then(|o| Ok(out.flush().map(|()| o)?));
    match done {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Finding) => ExitCode::from(1),
        Err(e) => {
            eprintln!("h5manager: {e}");
            ExitCode::from(2)
        }
    }
}
