//! `tracerig diff`: searches for histories that go wrong.

mod ablations;
mod all;
mod archive;
mod junit;
mod options;
mod python;
mod show;
mod threads;
mod trace;

use clap::{Args, Subcommand};

use super::Code;

/// Search for histories after which an answer is wrong: random ones and kept ones, each held against oracles.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
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
    Ablations(ablations::Ablations),
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    match &arguments.what {
        What::Trace(arguments) => trace::main(arguments),
        What::Threads(arguments) => threads::main(arguments),
        What::Archive(arguments) => archive::main(arguments),
        What::All(arguments) => all::main(arguments),
        What::Ablations(arguments) => ablations::main(arguments),
    }
}
