//! What the published scanner remembered from scan to scan, stage by stage.
//!
//! Source: steipete/CodexBar, pull requests 1404, 1421, 3130 and 3318, each as first proposed, with
//! the mistakes that its review or the next one names. Rows are read by the rules of the scanner,
//! not by those of [`crate::trace`], so that stages are wrong in nothing but what they remember,
//! what they check of it, and how they apply a window. The published limit of 4,096 remembered
//! completions is left out: no history here comes to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params, types::ValueRef};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use tracerig_scanner::parts::{RowSays, read_row};
use tracerig_scanner::{Mode, Turn, Turns, Window};

/// The file of a memo in its folder.
const FILE: &str = "codex-priority-turns-v1.json";

const BUSY: Duration = Duration::from_millis(250);

/// A stage of the published scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// 1404: a memo as long as the process lives. Deleted evidence stays in it.
    Memory,
    /// 1421: the memo is a file. Rows of evidence are looked up by their ids; the inode tells the
    /// file.
    Persisted,
    /// 3130: the last row is looked up, too, and must be the same to the byte.
    OneAnchor,
    /// 3318: of four rows spread over the table, two must be there, and none be another.
    FourAnchors,
}

impl Stage {
    /// Every stage, in the order of publication.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Persisted, Self::OneAnchor, Self::FourAnchors];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Persisted => "persisted",
            Self::OneAnchor => "one-anchor",
            Self::FourAnchors => "four-anchors",
        }
    }

    /// The pull request that it comes from.
    #[must_use]
    pub const fn pull_request(self) -> u32 {
        match self {
            Self::Memory => 1404,
            Self::Persisted => 1421,
            Self::OneAnchor => 3130,
            Self::FourAnchors => 3318,
        }
    }
}

/// What is remembered of a database.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Memo {
    /// Rows before this second were not read.
    since: i64,
    /// The highest row id that was read.
    cursor: i64,
    inode: u64,
    /// Row ids with a digest of their time and body.
    anchors: Vec<(i64, String)>,
    /// What rows say, by their id.
    rows: BTreeMap<i64, Row>,
}

/// What a row says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    ts: i64,
    process: Option<String>,
    thread: Option<String>,
    says: Option<Says>,
    /// A turn that ran, and its model.
    ran: Option<(String, Option<String>)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Says {
    Evidence {
        turn: String,
        model: Option<String>,
    },
    Completion {
        turn: String,
        model: String,
    },
    /// A submission, which names a turn, or settings; the tier is priority or not, or inherited.
    Tier {
        turn: Option<String>,
        tier: Option<bool>,
    },
}

/// The scanner of one stage, as long as its process lives.
#[derive(Debug)]
pub struct Scanner {
    stage: Stage,
    held: HashMap<PathBuf, Memo>,
}

impl Scanner {
    /// A scanner that has seen nothing.
    #[must_use]
    pub fn new(stage: Stage) -> Self {
        Self { stage, held: HashMap::new() }
    }

    /// Its stage.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Scans `database`. The memo is a file in the folder `memo`, but that of [`Stage::Memory`] is
    /// held.
    ///
    /// Nothing fails: a database that cannot be read has an empty answer, as published.
    pub fn scan(
        &mut self,
        database: &Path,
        window: Window,
        memo: Option<&Path>,
        force: bool,
    ) -> (Turns, Mode) {
        self.resolve(database, window, memo, force).unwrap_or((Turns::new(), Mode::Full))
    }

    fn resolve(
        &mut self,
        database: &Path,
        window: Window,
        memo: Option<&Path>,
        force: bool,
    ) -> Option<(Turns, Mode)> {
        let (connection, inode) = open(database)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if window.until.is_some_and(|until| u64::try_from(until).is_ok_and(|until| until <= now)) {
            return Some((bounded(&connection, window).ok()?.answer(window), Mode::Full));
        }
        let before = self.held(database, memo).filter(|_| !self.forgets(force));
        let max: i64 = connection
            .query_row("SELECT ifnull(max(rowid), 0) FROM logs", [], |row| row.get(0))
            .ok()?;
        let since = window.since.unwrap_or(0);
        let valid = before.and_then(|memo| self.valid(&connection, memo, max, since, inode));
        let fresh = || (Memo { since, inode, ..Memo::default() }, true);
        let mode = match &valid {
            Some((memo, _)) if memo.cursor == max => Mode::Unchanged,
            Some(_) => Mode::Incremental,
            None => Mode::Full,
        };
        let (mut found, changed) = valid.unwrap_or_else(fresh);
        if changed || max > found.cursor {
            found.accumulate(&connection).ok()?;
            found.cursor = max;
            found.anchors = self.anchors(&connection, max).ok()?;
            self.hold(database, memo, found.clone());
        }
        Some((found.answer(window), mode))
    }

    /// Whether a forced scan forgets the memo. The persisted one survived it until 3130.
    fn forgets(&self, force: bool) -> bool {
        force && matches!(self.stage, Stage::OneAnchor | Stage::FourAnchors)
    }

    fn held(&self, database: &Path, memo: Option<&Path>) -> Option<Memo> {
        match self.stage {
            Stage::Memory => self.held.get(database).cloned(),
            _ => {
                let states: HashMap<PathBuf, Memo> =
                    serde_json::from_slice(&std::fs::read(memo?.join(FILE)).ok()?).ok()?;
                states.get(database).cloned()
            }
        }
    }

    fn hold(&mut self, database: &Path, folder: Option<&Path>, memo: Memo) {
        let states = HashMap::from([(database.to_owned(), memo)]);
        if self.stage == Stage::Memory {
            self.held.extend(states);
        } else if let (Some(folder), Ok(bytes)) = (folder, serde_json::to_vec(&states)) {
            // What cannot be written costs a scan.
            let temporary = folder.join(format!(".tmp-{}.json", std::process::id()));
            let _ = std::fs::write(&temporary, bytes)
                .and_then(|()| std::fs::rename(&temporary, folder.join(FILE)));
        }
    }

    /// The memo without evidence whose rows are gone, if the checks of the stage let it pass, and
    /// whether rows that it remembers were gone.
    fn valid(
        &self,
        connection: &Connection,
        mut memo: Memo,
        max: i64,
        since: i64,
        inode: u64,
    ) -> Option<(Memo, bool)> {
        if max < memo.cursor || since < memo.since || memo.inode != inode {
            return None;
        }
        let mut there = 0;
        for (id, digest) in &memo.anchors {
            match anchor(connection, *id).ok()? {
                Some(found) if found == *digest => there += 1,
                Some(_) => return None,
                None => {}
            }
        }
        // Three rows or fewer are not spread over anything: all of them must be there.
        let due = if memo.anchors.len() < 4 { memo.anchors.len() } else { 2 };
        if there < due {
            return None;
        }
        let mut changed = there < memo.anchors.len();
        if self.stage != Stage::Memory {
            changed |= memo.forget_deleted(connection).ok()?;
        }
        Some((memo, changed))
    }

    fn anchors(&self, connection: &Connection, max: i64) -> rusqlite::Result<Vec<(i64, String)>> {
        let targets = match self.stage {
            Stage::Memory | Stage::Persisted => return Ok(Vec::new()),
            Stage::OneAnchor => vec![max],
            Stage::FourAnchors => {
                let min: i64 =
                    connection.query_row("SELECT min(rowid) FROM logs", [], |row| row.get(0))?;
                let span = max - min;
                vec![min + span / 4, min + span / 2, min + span / 4 * 3 + span % 4 * 3 / 4, max]
            }
        };
        let mut ids = BTreeSet::new();
        for target in targets {
            let sql = "SELECT max(rowid) FROM logs WHERE rowid <= ?";
            ids.extend(connection.query_row(sql, [target], |row| row.get::<_, Option<i64>>(0))?);
        }
        let digest = |id| anchor(connection, id).map(|digest| digest.map(|digest| (id, digest)));
        ids.into_iter().filter_map(|id| digest(id).transpose()).collect()
    }
}

impl Memo {
    /// Reads the rows above the cursor.
    fn accumulate(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "SELECT ts, target, thread_id, process_uuid, feedback_log_body, rowid FROM logs \
                   WHERE rowid > ? AND ts >= ? ORDER BY rowid";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query(params![self.cursor, self.since])?;
        while let Some(row) = rows.next()? {
            if let Some(found) = Row::read(row)? {
                self.rows.insert(row.get(5)?, found);
            }
        }
        Ok(())
    }

    /// Forgets what rows said that are gone, and tells whether there were any. That a row of this
    /// id exists is enough.
    fn forget_deleted(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let mut statement = connection.prepare("SELECT 1 FROM logs WHERE rowid = ?")?;
        let mut gone = BTreeSet::new();
        for id in self.rows.keys() {
            if !statement.exists([id])? {
                gone.insert(*id);
            }
        }
        self.rows.retain(|id, _| !gone.contains(id));
        Ok(!gone.is_empty())
    }

    /// The latest evidence of each turn, if it is in the window. Earlier evidence does not count
    /// then.
    fn answer(&self, window: Window) -> Turns {
        let mut ran: HashMap<&str, (i64, Option<&String>)> = HashMap::new();
        for (id, row) in &self.rows {
            if let Some((turn, model)) = &row.ran {
                let (last, named) = ran.entry(turn).or_default();
                (*last, *named) = (*id, model.as_ref().or(*named));
            }
        }
        let (mut turns, mut models) = (Turns::new(), HashMap::new());
        let mut tiers = HashMap::new();
        for (id, row) in &self.rows {
            let mut evidence = |turn: &String, model: Option<&String>| {
                let before = turns.get(turn).and_then(|before: &Turn| before.model.clone());
                let model = model.cloned().or(before);
                let found = Turn { thread_id: row.thread.clone(), model, timestamp: row.ts };
                turns.insert(turn.clone(), found);
            };
            match &row.says {
                Some(Says::Completion { turn, model }) => {
                    drop(models.insert(turn.clone(), model.clone()));
                }
                Some(Says::Evidence { turn, model }) => evidence(turn, model.as_ref()),
                Some(Says::Tier { turn, tier }) => {
                    let set = tiers.entry((&row.thread, &row.process)).or_insert(false);
                    *set = tier.unwrap_or(*set);
                    let has_run =
                        |turn: &&String| ran.get(turn.as_str()).is_some_and(|(last, _)| last > id);
                    if let Some(turn) = turn.as_ref().filter(has_run).filter(|_| *set) {
                        evidence(turn, None);
                    }
                }
                None => {}
            }
        }
        for (turn, found) in &mut turns {
            let named = || ran.get(turn.as_str()).and_then(|(_, model)| model.cloned());
            found.model = models.remove(turn).or_else(|| found.model.take()).or_else(named);
        }
        turns.retain(|_, turn| window.contains(turn.timestamp));
        turns
    }
}

impl Row {
    /// What is worth remembering of a row: time, target, thread, process and body.
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Self>> {
        let text = |place: usize| match row.get_ref(place) {
            Ok(ValueRef::Text(bytes)) => Ok(Some(bytes)),
            other => other.map(|_| None),
        };
        let name =
            |place| text(place).map(|bytes| bytes.and_then(|bytes| str::from_utf8(bytes).ok()));
        let Some(body) = text(4)? else { return Ok(None) };
        let RowSays { fact, ran, .. } = read_row(text(1)?, name(2)?, body);
        if fact.is_none() && ran.is_none() {
            return Ok(None);
        }
        let thread = fact.as_ref().and_then(|fact| fact.thread.clone());
        let says = fact.and_then(|fact| {
            let tier = fact.tier.filter(|tier| *tier != "inherited").map(|tier| tier == "priority");
            match fact.kind {
                "evidence" => Some(Says::Evidence { turn: fact.turn?, model: fact.model }),
                "completion" => Some(Says::Completion { turn: fact.turn?, model: fact.model? }),
                _ => Some(Says::Tier { turn: fact.turn, tier }),
            }
        });
        Ok(Some(Self { ts: row.get(0)?, process: name(3)?.map(str::to_owned), thread, says, ran }))
    }
}

/// Opens the database, and gives the inode that it has before and after.
fn open(database: &Path) -> Option<(Connection, u64)> {
    let inode = || Some(database.metadata().ok()?.ino());
    let before = inode()?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).ok()?;
    connection.busy_timeout(BUSY).ok()?;
    (inode()? == before).then_some((connection, before))
}

/// The query of windows that end in the past. It has no order: the index on the time gives the
/// newest row first, so that the oldest one decides.
fn bounded(connection: &Connection, window: Window) -> rusqlite::Result<Memo> {
    let sql = "SELECT ts, target, thread_id, process_uuid, feedback_log_body FROM logs \
               WHERE ts >= ? AND ts < ?";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(params![window.since.unwrap_or(0), window.until])?;
    let (mut memo, mut place) = (Memo::default(), 0);
    while let Some(row) = rows.next()? {
        if let Some(found) = Row::read(row)? {
            memo.rows.insert(place, found);
        }
        place += 1;
    }
    Ok(memo)
}

/// A digest of the time and the body of a row.
fn anchor(connection: &Connection, id: i64) -> rusqlite::Result<Option<String>> {
    let digest = |row: &rusqlite::Row<'_>| {
        let mut digest = Sha256::new();
        digest.update(format!("{}\n", row.get::<_, i64>(0)?));
        digest.update(row.get_ref(1)?.as_bytes_or_null()?.unwrap_or_default());
        Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    connection
        .query_row("SELECT ts, feedback_log_body FROM logs WHERE rowid = ?", [id], digest)
        .optional()
}
