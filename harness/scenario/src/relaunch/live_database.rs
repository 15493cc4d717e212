//! A database that is written to while it is scanned: by a writer process between the launches of
//! an arm, and beside them.
//!
//! The writer is at rest whenever the right answer is established: after each of its transactions
//! the oracle's notes are updated. A launch beside a transaction sees the state before
//! or the one after it, its cursor tells which, and it must give that state's answer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tracerig_datasets::MANIFEST_FILE;
use tracerig_oracle::{self as oracle, Notes};
use tracerig_reports::record::SampleState;
use tracerig_scanner::{MemoPlace, Turns};
use tracerig_store::stop::stoppable;

use super::judge::Due;
use crate::companion::Companion;
use crate::engine::{Engine, MEMO, RESIDENT};
use crate::guest::Guest;
use crate::pagecache::PageCache;
use crate::prepared_database::{Material, copy, difference, scan, turns_of};
use crate::program::Program;
use crate::worker::writer::{Done, Task, writer_arguments};
use crate::{Event, ScenarioError, Tell, step};

/// Why a launch was not made.
#[derive(Debug)]
pub(super) enum Halt {
    /// Something that is the launch's own.
    Sample(SampleState),
    /// Something that ends the run.
    Run(ScenarioError),
}

impl From<ScenarioError> for Halt {
    fn from(error: ScenarioError) -> Self {
        Self::Run(error)
    }
}

impl Halt {
    /// A process that gave no answer.
    pub(super) fn failed(who: &str, error: &str) -> Self {
        Self::Sample(SampleState::Failed { error: format!("the {who}: {error}") })
    }

    /// A wrong answer.
    pub(super) fn mismatch(detail: String) -> Self {
        Self::Sample(SampleState::Mismatch { detail })
    }
}

/// What was updated by the last launch, and the highest id it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// What the process that keeps running remembers.
    Resident(i64),
    /// The persisted memo.
    Memo(i64),
}

/// A database, its writer, and what the oracle knows of it.
#[derive(Debug)]
pub(super) struct LiveDatabase {
    pub(super) database: PathBuf,
    pub(super) memo: PathBuf,
    pub(super) cache: PageCache,
    /// The scanner that keeps running.
    pub(super) resident: Guest,
    /// Two that are launched at once, on one memo.
    pub(super) pair: [Guest; 2],
    /// `None` if the last launch gave no answer that can be trusted.
    pub(super) known: Option<Known>,
    writer: Option<Companion>,
    connection: Connection,
    notes: Notes,
    /// How many facts could change the answer in the beginning, and how many could not.
    facts: (usize, usize),
    /// Rows that each launch finds new, as in the arms that launch after one append.
    pub(super) appended: u64,
    seed: u64,
    /// How long the last transaction beside a launch took.
    pub(super) writing: Duration,
}

/// A state of the database while its writer rested.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) max_id: i64,
    turns: Turns,
    /// How many rows are above some ids.
    rows_above: Vec<(i64, u64)>,
}

impl Moment {
    /// How many rows are above `id`, which must be one of those asked for.
    pub(super) fn rows_above(&self, id: i64) -> u64 {
        self.rows_above.iter().find(|(of, _)| *of == id).map_or(0, |(_, rows)| *rows)
    }

    /// What must come of a scan at this moment that knew the rows up to `known`.
    pub(super) fn due<'a>(&'a self, known: i64, reasons: &'a [String]) -> Due<'a> {
        Due {
            max_id: self.max_id,
            turns: Some(&self.turns),
            mode: Some(if known == self.max_id { "unchanged" } else { "incremental" }),
            reasons,
            rows: Some(self.rows_above(known)),
            least_read: 1,
        }
    }

    /// The first difference to another answer.
    pub(super) fn difference(&self, found: &Turns) -> Option<String> {
        difference(&self.turns, found)
    }
}

impl LiveDatabase {
    /// Makes a working copy in `folder`, on which `open` opens scanners.
    pub(super) fn make(
        folder: &Path,
        material: Material<'_>,
        open: impl Fn(&str) -> Result<Guest, ScenarioError>,
        tell: &mut Tell<'_>,
    ) -> Result<Self, ScenarioError> {
        let Material { dataset, appended, seed } = material;
        std::fs::create_dir_all(folder).map_err(ScenarioError::io(folder, "create the folder"))?;
        let database = folder.join("logs_2.sqlite");
        step(tell, "copying the dataset")?;
        copy(dataset, &database)?;
        let manifest = folder.join(MANIFEST_FILE);
        let text = serde_json::to_vec(&dataset.manifest).map_err(std::io::Error::from);
        text.and_then(|text| std::fs::write(&manifest, text))
            .map_err(ScenarioError::io(&manifest, "write the manifest"))?;

        step(tell, "establishing the right answers")?;
        let mut notes = Notes::default();
        let mut begin = || -> rusqlite::Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = stoppable(Connection::open_with_flags(&database, flags)?)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            notes.update(&connection)?;
            Ok(connection)
        };
        let connection = begin().map_err(ScenarioError::sqlite(&database))?;
        let (matter, others) = notes.ids();
        let mut log = database.clone().into_os_string();
        log.push("-wal");
        let scanner = || open(Engine::Scanner.name());
        let (resident, pair) = (open(RESIDENT)?, [scanner()?, scanner()?]);
        let memo = pair[0].memo.place.join(MEMO);
        let live = Self {
            cache: PageCache::of(vec![database.clone(), log.into(), memo.clone()]),
            database,
            memo,
            resident,
            pair,
            known: None,
            writer: None,
            connection,
            notes,
            facts: (matter.len(), others.len()),
            appended,
            seed,
            writing: Duration::ZERO,
        };
        live.settle(&scan(&live.database, MemoPlace::Disabled)?.turns)?;
        Ok(live)
    }

    /// Fails unless the notes, and `found`, are what the oracle finds in every row.
    fn settle(&self, found: &Turns) -> Result<(), ScenarioError> {
        let whole = turns_of(oracle::scan(&self.database, oracle::Window::default())?.turns);
        let noted = turns_of(self.notes.turns());
        match difference(&whole, &noted).or_else(|| difference(&whole, found)) {
            None => Ok(()),
            Some(difference) => Err(ScenarioError::disagreement(&self.database, difference)),
        }
    }

    /// Confirms, after the last launch, that the notes by which launches were judged are right.
    pub(super) fn confirm(&mut self, tell: &mut Tell<'_>) -> Result<(), ScenarioError> {
        tell(Event::Preparing("confirming the right answers"));
        // It may have been cut short in the middle of a transaction; what is committed counts.
        self.writer = None;
        self.moment(&[])?;
        self.settle(&scan(&self.database, MemoPlace::Disabled)?.turns)
    }

    /// The database now, with its writer at rest, and how many rows are above each of `ids`.
    pub(super) fn moment(&mut self, ids: &[i64]) -> Result<Moment, ScenarioError> {
        let failed = ScenarioError::sqlite(&self.database);
        self.notes.update(&self.connection).map_err(&failed)?;
        let mut rows_above = Vec::new();
        for &id in ids {
            let count = "SELECT count(*) FROM logs WHERE id > ?1";
            let rows: i64 =
                self.connection.query_row(count, [id], |row| row.get(0)).map_err(&failed)?;
            rows_above.push((id, u64::try_from(rows).unwrap_or(0)));
        }
        Ok(Moment { max_id: self.notes.max_id(), turns: turns_of(self.notes.turns()), rows_above })
    }

    /// Has the writer append, until a launch that knows the rows up to `scanned` finds as many new
    /// ones as the plan says; and delete what such a launch recognises the database by: the last
    /// scanned row if no turn logged it, the oldest fact, and so many others, the oldest first,
    /// that there are no more of them than in the beginning.
    pub(super) fn write_between(&mut self, program: &Program, scanned: i64) -> Result<(), Halt> {
        let unseen = self.moment(&[scanned])?.rows_above(scanned);
        let (matter, others) = self.notes.ids();
        let oldest = |ids: Vec<i64>, at_first: usize, at_least: usize| {
            let gone = ids.len().saturating_sub(at_first).max(at_least);
            ids.into_iter().take(gone)
        };
        // No writer deletes the newest row that a turn logged before its older ones, and the memo
        // may rest on it.
        let last = (!self.notes.is_of_turn(scanned)).then_some(scanned);
        let mut delete: Vec<i64> = last.into_iter().collect();
        delete.extend(oldest(matter, self.facts.0, 0));
        delete.extend(oldest(others, self.facts.1, 1));
        // Those of the transaction beside the launch, too: making rows up is no part of a writer's
        // work.
        self.tell(program, &Task::Prepare(2 * self.appended))?;
        self.tell(program, &Task::Write { delete, append: self.appended.saturating_sub(unseen) })
            .map(drop)
    }

    /// Has the writer append `rows` rows, no more than a launch is to find, while `meanwhile` runs.
    pub(super) fn write_beside<T>(
        &mut self,
        rows: u64,
        meanwhile: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, Halt> {
        let Some(mut writer) = self.writer.take() else {
            return Err(Halt::failed("writer", "it is not there"));
        };
        let failed = |error: String| Halt::failed("writer", &error);
        let task = Task::Write { delete: Vec::new(), append: rows };
        writer.begin(&task).map_err(failed)?;
        let done = meanwhile(self);
        let written: Done = writer.finish().map_err(failed)?;
        self.writing = Duration::from_nanos(written.elapsed_ns);
        self.writer = Some(writer);
        Ok(done)
    }

    fn tell(&mut self, program: &Program, task: &Task) -> Result<Done, Halt> {
        let mut told = || -> Result<Done, String> {
            let writer = match &mut self.writer {
                Some(writer) => writer,
                none => none.insert(program.live_on(&writer_arguments(&self.database, self.seed))?),
            };
            writer.ask(task)
        };
        let told = told();
        if told.is_err() {
            self.writer = None;
        }
        told.map_err(|error| Halt::failed("writer", &error))
    }
}
