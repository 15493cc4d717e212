//! Single parts of a scan, for benchmarks, fuzz targets and baselines. Nothing here is a stable
//! interface.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::ablation::Ablations;
use crate::error::ScanError;
use crate::parse::{self, Fact, Parsed, Says, TierWord};

pub use crate::archive::{Read, read_rollout};
pub use crate::guard::require_files;
pub use crate::stop::{check as check_stop, is_to_stop, is_wished as is_stop_wished};

/// Keeps a foreign database from harming this process.
///
/// # Errors
/// What SQLite says.
pub fn guard(connection: &mut Connection) -> rusqlite::Result<()> {
    crate::guard::guard(connection, &Arc::default())
}

/// Fails unless the database at `path` has the table `logs` with its columns.
///
/// # Errors
/// See [`ScanError`].
pub fn examine(connection: &Connection, path: &Path) -> Result<(), ScanError> {
    crate::schema::examine(connection, path, Ablations::NONE).map(|_| ())
}

/// Position of the first marker in `body`: the offsets of its first byte and of the byte behind it.
#[must_use]
pub fn first_marker(body: &[u8]) -> Option<(usize, usize)> {
    parse::first_marker(body).map(|marked| (marked.start, marked.end))
}

/// Whether a row of this body and target is a fact. A row without a marker is not.
#[must_use]
pub fn is_fact(body: &[u8], target: &[u8]) -> bool {
    parse::first_marker(body)
        .is_some_and(|marked| matches!(parse::parse(body, marked, Some(target)), Parsed::Fact(_)))
}

/// What one row says of turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSays {
    /// The fact it is, if it is one.
    pub fact: Option<RowFact>,
    /// Whether it has a marker and is of no kind known here.
    pub unrecognised: bool,
    /// The turn it proves to have run, and the model that this names.
    pub ran: Option<(String, Option<String>)>,
    /// Whether it tells the tier of a turn.
    pub tells_tier: bool,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFact {
    /// `evidence`, `completion`, `submission` or `settings`.
    pub kind: &'static str,
    /// The turn; `None` for settings, which name none.
    pub turn: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The thread.
    pub thread: Option<String>,
    /// What a submission or settings say of the tier: `inherited`, `priority` or `other`.
    pub tier: Option<&'static str>,
}

/// Reads one row. `target` is `None` unless it is TEXT, `thread` unless that column is valid UTF-8.
#[must_use]
pub fn read_row(target: Option<&[u8]>, thread: Option<&str>, body: &[u8]) -> RowSays {
    let marked = parse::first_marker(body);
    let ran = parse::turn_row(body, marked, target)
        .map(|row| (row.turn.to_owned(), row.model.map(str::to_owned)));
    let Some(marked) = marked else { return RowSays { ran, ..RowSays::default() } };
    let parsed = parse::parse(body, marked, target);
    RowSays {
        unrecognised: parsed == Parsed::Unrecognised,
        fact: match parsed {
            Parsed::Fact(fact) => Some(row_fact(&fact, thread)),
            Parsed::Nothing | Parsed::Unrecognised => None,
        },
        ran,
        tells_tier: parse::tells_tier(body, marked, target),
    }
}

fn row_fact(fact: &Fact<'_>, column: Option<&str>) -> RowFact {
    let tier = |word: TierWord| match word {
        TierWord::Inherit => "inherited",
        TierWord::Priority => "priority",
        TierWord::Other => "other",
    };
    let (kind, turn, model, tier) = match &fact.says {
        Says::Request { turn, model } => ("evidence", Some(turn.as_ref()), model.as_deref(), None),
        Says::Tags { turn, model } => ("evidence", Some(*turn), *model, None),
        Says::Completion { turn, model } => {
            ("completion", Some(turn.as_ref()), Some(model.as_ref()), None)
        }
        Says::Submission { turn, tier: word } => {
            ("submission", Some(*turn), None, Some(tier(*word)))
        }
        Says::Settings { tier: word } => ("settings", None, None, Some(tier(*word))),
    };
    RowFact {
        kind,
        turn: turn.map(str::to_owned),
        model: model.map(str::to_owned),
        thread: fact.thread(column).map(str::to_owned),
        tier,
    }
}
