//! The session archive: the rollouts below a Codex home, and what was used in them.
//!
//! An [`Archive`] is refreshed as often as one likes. Every refresh walks the folders and makes one
//! metadata call a file; a file whose state is remembered is not read, one that grew is read from
//! where it was read before, any other from its beginning. The result is that of reading everything
//! anew, as long as files are changed as Codex and people change them: written at their end,
//! truncated, replaced, renamed, deleted, restored, rewritten. What is not seen is a rewrite of the
//! beginning of a file together with an append, where the last 64 KiB before that stay as they are;
//! and a new file in a folder whose file system does not date that.
//!
//! A session is charged with its own responses, each once; what a fork inherits from its parent
//! belongs to the parent. Compressed rollouts are read as they are.

mod ablation;
mod alike;
mod compare;
mod copies;
mod error;
mod listing;
mod memo;
mod name;
mod parse;
mod part;
mod priority;
mod producer;
mod reader;
mod refresh;
mod result;
mod settled;
mod several;
mod shard;
mod source;
mod state;
mod sums;
mod total;
mod update;
mod usage;
mod walk;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "ablations")]
#[doc(hidden)]
pub use ablation::{Ablation, Ablations};
#[cfg(not(feature = "ablations"))]
use ablation::{Ablation, Ablations};
pub use error::ArchiveError;
pub use parse::{Defect, Tier, Tokens};
pub use priority::PriorityTurns;
pub use result::{Phases, Problem, Refresh, Session, Stats, What};
pub use several::refresh_all;
pub use state::State as FileState;
pub use usage::{Slot, Usage, Used};

use crate::scanner::BUSY_TIMEOUT;

/// The folder of sessions below a home, in folders by year, month and day.
pub const SESSIONS: &str = "sessions";
/// The folder of archived sessions below a home.
pub const ARCHIVED: &str = "archived_sessions";

/// Gives the time, in nanoseconds of Unix time.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Gives the state that a refresh takes a file to be in, of the one that the file system says.
pub type Observed = Arc<dyn Fn(FileState) -> FileState + Send + Sync>;

/// How an archive is refreshed. [`Options::default`] suits everything but tests.
#[derive(Clone)]
pub struct Options {
    /// The folder of the memo, which belongs to it alone; without one, everything is read each
    /// time. It is created if need be.
    pub memo: Option<PathBuf>,
    /// Threads.
    pub threads: NonZeroUsize,
    /// How long writing a shard of the memo waits for another refresh.
    pub busy_timeout: Duration,
    /// Where the time comes from; a file that changed within 20 ms of it is read again by the next
    /// refresh.
    pub clock: Clock,
    /// The same for folders: one that changed within 3 s of it is listed again by the next refresh,
    /// whatever its state. For tests, too, whose folders have to bear a later date then after each
    /// change.
    pub folder_clock: Clock,
    /// What takes the place of what the file system says of a file: for tests, since how finely
    /// changes are dated depends on the file system.
    pub observed: Option<Observed>,
    /// Rules that are switched off: tests of tests only, since it makes the answers wrong.
    #[cfg(feature = "ablations")]
    #[doc(hidden)]
    pub ablations: Ablations,
}

impl Options {
    /// Threads that more cores add nothing to.
    pub const MOST_THREADS: NonZeroUsize = const { NonZeroUsize::new(8).unwrap() };

    /// Rules that are switched off.
    const fn ablated(&self) -> Ablations {
        #[cfg(feature = "ablations")]
        {
            self.ablations
        }
        #[cfg(not(feature = "ablations"))]
        Ablations::NONE
    }

    /// Whether this rule is switched off.
    const fn lacks(&self, rule: Ablation) -> bool {
        self.ablated().has(rule)
    }

    fn state(&self, stat: &rustix::fs::Stat) -> FileState {
        let state = FileState::of(stat);
        self.observed.as_ref().map_or(state, |observed| observed(state))
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Options")
            .field("memo", &self.memo)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            memo: None,
            threads: cores.min(Self::MOST_THREADS),
            busy_timeout: BUSY_TIMEOUT,
            clock: Arc::new(state::now),
            folder_clock: Arc::new(state::now),
            observed: None,
            #[cfg(feature = "ablations")]
            ablations: Ablations::NONE,
        }
    }
}

/// What to refresh.
#[derive(Clone, Copy, Default)]
pub struct Request<'a> {
    /// Read everything, whatever the memo says, and replace it.
    pub rescan: bool,
    /// Give each session, too.
    pub sessions: bool,
    /// Which turns a trace database knows for priority turns: where a rollout does not say at which
    /// tier it was served.
    pub priority: Option<&'a PriorityTurns>,
    /// Hears how many files are done and how many bytes are read; `false` ends the refresh.
    pub progress: Option<&'a (dyn Fn(u64, u64) -> bool + Sync)>,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rescan, sessions, .. } = self;
        formatter
            .debug_struct("Request")
            .field("rescan", rescan)
            .field("sessions", sessions)
            .finish_non_exhaustive()
    }
}

/// What one rollout says, read by itself.
#[doc(hidden)]
#[derive(Debug)]
pub struct Read {
    /// The id of its session.
    pub session: String,
    /// What was used in it.
    pub used: Usage,
    /// Bytes read.
    pub bytes: u64,
}

/// Reads one plain rollout from its beginning, with the parser of the archive and nothing else of
/// it, and counts by earlier rules: what the totals rose by since the last one, from zero on.
///
/// # Errors
/// The file cannot be read.
#[doc(hidden)]
pub fn read_rollout(path: &Path) -> std::io::Result<Read> {
    let file = update::open_file(path)?;
    let mut reader = reader::Reader::by(parse::Rules::EARLIER).once();
    let name = path.file_name().unwrap_or_default();
    let mut source = source::Source::of(name, &file, file.metadata()?.len())?;
    let (rollout, _) = reader.read(&mut source, name::session(name))?;
    let sums = part::sums(std::iter::once((0, &rollout)), None);
    let mut used = Usage::default();
    used.extend(&sums.models, sums.totals);
    Ok(Read { session: rollout.id().to_owned(), used, bytes: reader.bytes })
}

/// The rollouts below one home.
#[derive(Clone, Debug)]
pub struct Archive {
    home: PathBuf,
    options: Options,
}

impl Archive {
    /// The archive of the Codex home `home`.
    pub fn new(home: impl Into<PathBuf>, options: Options) -> Self {
        Self { home: home.into(), options }
    }

    /// The home.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Finds out what was used up to now.
    ///
    /// # Errors
    /// There is no such home, or it has neither sessions nor archived ones. A file or folder that
    /// cannot be read is a problem of the result, and so is a memo.
    pub fn refresh(&self, request: &Request<'_>) -> Result<Refresh, ArchiveError> {
        refresh::refresh(&self.home, &self.options, request)
    }
}

#[cfg(test)]
mod tests;
