//! Our engines by name, and the words that start a process of one.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tracerig_scanner::{MemoPlace, Options};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "__worker";

/// Version of the requests to workers and of their replies.
///
/// A comparison starts the workers of both executables with the requests of this one. So a change
/// of a request or a reply of an engine that another build would misread raises it; tests of
/// `worker` and `append::worker` tell when that is.
pub const PROTOCOL: u64 = 3;

/// The name of the memo of a trace database in its folder.
pub(crate) const MEMO: &str = "trace";

/// The name of the memo of an archive in its folder.
pub(crate) const USAGE_MEMO: &str = "usage";

/// What is relaunched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Open the database, read its maximum id, exit: what no relaunch can beat.
    Floor,
    /// The scanner.
    Scanner,
    /// The query as published.
    Published,
}

impl Engine {
    /// Its name on the command line and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Scanner => "scanner",
            Self::Published => "published",
        }
    }
}

impl From<Engine> for String {
    fn from(engine: Engine) -> Self {
        engine.name().to_owned()
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Floor, Self::Scanner, Self::Published]
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| format!("no engine `{name}`"))
    }
}

/// What makes a worker a scanner that keeps its memo in memory, from request to request.
pub(crate) const RESIDENT: &str = "resident";

/// The words of a command line that starts an engine of this program, by its name, or a resident
/// scanner. It ends with its standard input, and so with this process.
pub(crate) fn arguments(word: &str) -> [String; 2] {
    [SUBCOMMAND.to_owned(), word.to_owned()]
}

/// What makes a worker one that does nothing.
pub(super) const IDLE: &str = "idle";

/// The arguments of a worker that does nothing: what it reads, every process of the program reads
/// at its start.
pub(crate) fn idle_arguments() -> [OsString; 3] {
    [SUBCOMMAND.into(), IDLE.into(), std::process::id().to_string().into()]
}

/// The options of a scanner on so many cores, or on those there are.
pub(crate) fn options(memo: MemoPlace, cores: Option<NonZeroUsize>) -> Options {
    // To find out how many there are reads files: done in each case, it is the same work.
    let mut options = Options { memo, ..Options::default() };
    if let Some(cores) = cores {
        options.connections = cores.min(Options::MOST_CONNECTIONS);
    }
    options
}
