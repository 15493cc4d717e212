//! `tracerig history`: the runs of each commit, and where a figure changed.

mod add;
mod bless;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Code;
use crate::history::{FOLDER, Place};

/// Keep the runs of each commit, and find the commit at which work or time changed.
///
/// A history has one file for each commit and machine, which is never replaced. Exact counters need
/// no statistics: another value is a step at its commit. Times are compared as multiples of the
/// floor of the same run; their steps are advisory and never fail a build.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "Examples:\n  \
                       tracerig history add out\n  \
                       tracerig history show --html history.html\n  \
                       tracerig history bless relaunch/quick/warm-hot/rows_examined HEAD --because \
                       'checks one row twice'"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Add(add::Arguments),
    Show(show::Arguments),
    Bless(bless::Arguments),
}

/// Where the history is.
#[derive(Debug, Args)]
struct Where {
    /// Folder of the history.
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = FOLDER,
        alias = "to",
        conflicts_with = "branch"
    )]
    folder: PathBuf,
    /// Keep the history on this branch instead; the work tree is not touched.
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

impl Where {
    fn place(&self) -> Place {
        match &self.branch {
            Some(name) => Place::Branch { repository: PathBuf::from("."), name: name.clone() },
            None => Place::Folder(self.folder.clone()),
        }
    }
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    match &arguments.what {
        What::Add(arguments) => add::main(arguments),
        What::Show(arguments) => show::main(arguments),
        What::Bless(arguments) => bless::main(arguments),
    }
}
