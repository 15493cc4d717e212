//! `tracerig diff`: searches for histories that go wrong.

#[cfg(feature = "ablations")]
mod ablations;
mod all;
mod archive;
mod candidate;
mod junit;
mod options;
mod python;
mod show;
mod threads;
mod trace;

use clap::{Args, Subcommand};

use super::Code;
pub(super) use options::{jobs as threads, time};

/// Search for histories after which an answer is wrong, at random and in a corpus.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "Examples:\n  \
                       tracerig diff trace --time 10m\n  \
                       tracerig diff all --cases 30000 --corpus corpus\n  \
                       tracerig diff trace --replay tracerig-out/diff/turns-1.txt"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Trace(trace::Trace),
    Threads(threads::Threads),
    Archive(archive::Archive),
    All(all::All),
    #[cfg(feature = "ablations")]
    Ablations(ablations::Ablations),
    /// Switch off each rule in turn and check that the tests notice (build with `--features
    /// ablations`).
    #[cfg(not(feature = "ablations"))]
    Ablations(Unavailable),
}

/// Any arguments, in a build that cannot use them.
#[cfg(not(feature = "ablations"))]
#[derive(Debug, Args)]
struct Unavailable {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<std::ffi::OsString>,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    match &arguments.what {
        What::Trace(arguments) => trace::main(arguments),
        What::Threads(arguments) => threads::main(arguments),
        What::Archive(arguments) => archive::main(arguments),
        What::All(arguments) => all::main(arguments),
        #[cfg(feature = "ablations")]
        What::Ablations(arguments) => ablations::main(arguments),
        #[cfg(not(feature = "ablations"))]
        What::Ablations(_) => {
            Err(super::Usage(tracerig_differential::switches::REMEDY.to_owned()).into())
        }
    }
}
