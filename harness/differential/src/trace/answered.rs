//! One scan as it is asked for and answered, by this process or another: the two say the same.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracerig_scanner::{
    Identity, IdentitySource, MemoPlace, Options, Point, Probe, Request, Scan, ScanError, Scanner,
};

use tracerig_oracle::{Turn, Window};

use crate::switches::trace::Ablations;

/// A scan that another process is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) database: PathBuf,
    pub(super) memo: PathBuf,
    pub(super) rescan: bool,
    pub(super) window: (Option<i64>, Option<i64>),
    pub(super) identity: Identity,
    pub(super) connections: NonZeroUsize,
    /// Rules that are switched off.
    pub(super) ablations: Ablations,
    pub(super) stop: Option<Stop>,
    /// Whether it is to tell the stamp of the memo that it writes.
    pub(super) tells_stamp: bool,
}

/// What another process does when its scan reaches a point.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Stop {
    /// It dies.
    Die(String),
    /// It says so, and waits for a word.
    Wait(String),
    /// It says so, and goes on.
    Tell(String),
}

impl Stop {
    /// Whether it is for this point.
    pub(super) fn at(&self, point: Point) -> bool {
        let (Self::Die(name) | Self::Wait(name) | Self::Tell(name)) = self;
        name == point.name()
    }
}

/// What is checked of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) turns: BTreeMap<String, Turn>,
    pub(super) mode: String,
    pub(super) reason: String,
    pub(super) rows_examined: u64,
    pub(super) rows_checked: u64,
    pub(super) body_bytes: u64,
    pub(super) facts: u64,
    pub(super) completions: u64,
    /// Rows unrecognised, turn rows, turns seen, and rows that tell a tier.
    pub(super) hints: [u64; 4],
    pub(super) cursor: i64,
    pub(super) persisted: bool,
    pub(super) connections: u32,
    pub(super) warnings: Vec<String>,
}

/// Why there is not an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refused {
    /// A step was made to fail.
    Injected,
    /// It was cancelled.
    Cancelled,
    /// Something else, in words.
    Error(String),
}

impl From<Scan> for Answered {
    fn from(Scan { turns, stats, warnings }: Scan) -> Self {
        Self {
            turns: super::turns(&turns),
            mode: stats.mode.to_string(),
            reason: stats.reason.to_string(),
            rows_examined: stats.rows_examined,
            rows_checked: stats.rows_checked,
            body_bytes: stats.body_bytes,
            facts: stats.facts,
            completions: stats.completions,
            hints: [stats.unrecognised, stats.turn_rows, stats.turns_seen, stats.tier_rows],
            cursor: stats.cursor,
            persisted: stats.persisted,
            connections: stats.connections,
            warnings,
        }
    }
}

impl From<ScanError> for Refused {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Injected { .. } => Self::Injected,
            ScanError::Cancelled { .. } => Self::Cancelled,
            error => Self::Error(error.to_string()),
        }
    }
}

impl Asked {
    /// Scans as asked; `probe` sees the points, and the identity of the file is what `identity`
    /// says.
    pub(super) fn scan(
        self,
        identity: Arc<Told>,
        probe: Option<Arc<dyn Probe>>,
    ) -> Result<Answered, Refused> {
        let options = Options {
            memo: MemoPlace::File(self.memo),
            #[cfg(feature = "ablations")]
            ablations: self.ablations,
            identity,
            connections: self.connections,
            large_from_bytes: 0,
            probe,
            ..Options::default()
        };
        let (since, until) = self.window;
        let request =
            Request { window: super::window(Window { since, until }), rescan: self.rescan };
        Ok(Scanner::new(self.database, options).scan(&request)?.into())
    }
}

/// The identity that somebody else says.
#[derive(Debug)]
pub(super) struct Told(Mutex<Identity>);

impl Told {
    pub(super) fn new(identity: Identity) -> Arc<Self> {
        Arc::new(Self(Mutex::new(identity)))
    }

    pub(super) fn set(&self, identity: Identity) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = identity;
    }
}

impl IdentitySource for Told {
    fn identity(&self, path: &Path) -> io::Result<Identity> {
        let told = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::metadata(path).map(|_| told)
    }
}
