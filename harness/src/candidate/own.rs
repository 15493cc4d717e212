//! The scanners of this program as candidates: they answer the protocol like any other program.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, Write as _};
use std::time::Duration;

use serde_json::value::RawValue;
use tracerig_differential::archive::Answer as Refreshed;
use tracerig_differential::foreign::{day, usage_answer};
use tracerig_protocol::{
    Answer, Append, AppendAnswer, AppendAsked, Ask, Capability, Claims, Contract, ErrorKind, Hello, Item,
    Refusal, Reply, Request, ScanAsked, Split, TokenKind, TraceAnswer, Turn, UsageAnswer, UsageAsked,
    UsageDeclared, UsageRow, VERSION,
};
use tracerig_published as published;
use tracerig_published::history::{self, Stage};
use tracerig_scanner::archive::{self as session_archive, Archive, ArchiveError, PriorityTurns};
use tracerig_scanner::{MemoPlace, Options, ScanError, Scanner, Stats, Window};
use tracerig_store::threads::{self, LiveThread, SessionMeta, StoreOptions, ThreadId, ThreadStore};

/// How long the published query waits for a lock.
const BUSY: Duration = Duration::from_secs(5);

/// Who answers.
#[derive(Debug)]
pub enum Own {
    /// The scanner, the refresh and the store of this program.
    Tracerig,
    /// The query and the refresh as published.
    Published,
    /// A stage of the published scanner.
    History(history::Scanner),
}

impl Own {
    /// The names of all of them.
    pub fn names() -> impl Iterator<Item = String> {
        let stages = Stage::ALL.into_iter().map(|stage| format!("history/{}", stage.name()));
        ["tracerig", "published"].map(str::to_owned).into_iter().chain(stages)
    }

    /// The one of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self, String> {
        let stage = |known: &Stage| name.strip_prefix("history/") == Some(known.name());
        match name {
            "tracerig" => Ok(Self::Tracerig),
            "published" => Ok(Self::Published),
            _ => match Stage::ALL.into_iter().find(stage) {
                Some(stage) => Ok(Self::History(history::Scanner::new(stage))),
                None => {
                    let names: Vec<String> = Self::names().collect();
                    Err(format!("`{name}` is not one of {}", names.join(", ")))
                }
            },
        }
    }
}

/// Answers requests from standard input, line by line, until it ends.
///
/// # Errors
/// Standard input or output fails.
pub fn serve(own: &mut Own) -> io::Result<()> {
    let (mut input, mut line) = (io::stdin().lock(), Vec::new());
    while input.read_until(b'\n', &mut line)? > 0 {
        let mut said = serde_json::to_vec(&reply(own, &line))?;
        said.push(b'\n');
        let mut output = io::stdout().lock();
        output.write_all(&said).and_then(|()| output.flush())?;
        line.clear();
    }
    Ok(())
}

fn reply(own: &mut Own, line: &[u8]) -> Reply {
    let refused = |kind, message: String| Refusal { kind, message };
    let (id, said) = match serde_json::from_slice::<Request>(line) {
        Ok(Request { id, ask, .. }) => (id, answer(own, &ask)),
        Err(error) => match serde_json::from_slice::<serde_json::Value>(line) {
            Ok(value) => {
                let id = value["id"].as_str().unwrap_or_default().to_owned();
                (id, Err(refused(ErrorKind::Unsupported, format!("an unknown request: {error}"))))
            }
            Err(error) => (String::new(), Err(refused(ErrorKind::Malformed, error.to_string()))),
        },
    };
    let (result, error, claims) = match said {
        Ok((result, claims)) => (Some(result), None, claims),
        Err(refusal) => (None, Some(refusal), Claims::default()),
    };
    Reply { tracerig: VERSION, id, result, error, claims }
}

fn answer(own: &mut Own, ask: &Ask) -> Result<(serde_json::Value, Claims), Refusal> {
    let mut claims = Claims::default();
    let value = match ask {
        Ask::Hello { .. } => serde_json::to_value(hello(own)),
        Ask::Idle => Ok(serde_json::json!({})),
        Ask::Scan(asked) => serde_json::to_value(own.scan(asked, &mut claims)?),
        Ask::Usage(asked) => serde_json::to_value(own.usage(asked)?),
        Ask::Append(asked) => match own {
            Own::Tracerig => serde_json::to_value(append(asked)?),
            _ => return Err(Refusal { kind: ErrorKind::Unsupported, message: "it only reads".to_owned() }),
        },
    };
    match value {
        Ok(value) => Ok((value, claims)),
        Err(error) => Err(Refusal { kind: ErrorKind::Failed, message: error.to_string() }),
    }
}

/// What a scan says of its own work.
fn claims_of(stats: &Stats) -> Claims {
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let phases = stats.elapsed.named().into_iter();
    let counters = [
        ("rows_examined", stats.rows_examined),
        ("rows_checked", stats.rows_checked),
        ("facts", stats.facts),
    ];
    Claims {
        phases_ns: phases.map(|(name, time)| (name.to_owned(), nanoseconds(time))).collect(),
        counters: counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
    }
}

fn hello(own: &Own) -> Hello {
    let tracerig = Hello {
        name: "tracerig".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        contracts: Contract::ALL.to_vec(),
        capabilities: vec![Capability::Memo, Capability::Serve, Capability::Cancel, Capability::Counters],
        versions: vec![VERSION],
        usage: Some(UsageDeclared::whole()),
    };
    match own {
        Own::Tracerig => tracerig,
        Own::Published => {
            let usage = UsageDeclared {
                by: vec![Split::Day, Split::Model],
                tokens: vec![TokenKind::Input, TokenKind::CachedInput, TokenKind::Output],
                ..UsageDeclared::whole()
            };
            let contracts = vec![Contract::Trace, Contract::Usage];
            Hello { name: "published".to_owned(), contracts, usage: Some(usage), ..tracerig }
        }
        Own::History(scanner) => Hello {
            name: format!("history/{}", scanner.stage().name()),
            version: format!("#{}", scanner.stage().pull_request()),
            contracts: vec![Contract::Trace],
            // The memo of a process that lives on shows in a process that serves, and nowhere else.
            capabilities: match scanner.stage() {
                Stage::Memory => vec![Capability::Serve],
                _ => vec![Capability::Memo],
            },
            usage: None,
            ..tracerig
        },
    }
}

impl Own {
    fn scan(&mut self, asked: &ScanAsked, claims: &mut Claims) -> Result<TraceAnswer, Refusal> {
        let ScanAsked { database, memo, since, until, force } = asked;
        let (database, window) = (&database.0, Window { since: *since, until: *until });
        let (turns, mode) = match self {
            Self::Tracerig => {
                let place = memo.as_ref().map(|memo| MemoPlace::File(memo.0.join("trace")));
                let memo = place.unwrap_or(MemoPlace::Disabled);
                let scanner = Scanner::new(database, Options { memo, ..Options::default() });
                let request = tracerig_scanner::Request { window, rescan: *force };
                let scan = scanner.scan(&request).map_err(|error| refused(&error))?;
                *claims = claims_of(&scan.stats);
                (scan.turns, scan.stats.mode)
            }
            Self::Published => {
                let scan = published::trace::scan(database, window, BUSY).map_err(|error| refused(&error))?;
                *claims = claims_of(&scan.stats);
                (scan.turns, scan.stats.mode)
            }
            Self::History(scanner) => {
                let memo = memo.as_ref().map(|memo| memo.0.as_path());
                scanner.scan(database, window, memo, *force)
            }
        };
        let turn = |turn: tracerig_scanner::Turn| {
            let tracerig_scanner::Turn { thread_id, model, timestamp } = turn;
            Turn { thread_id, model, timestamp }
        };
        let turns = turns.into_iter().map(|(id, found)| (id, turn(found))).collect();
        Ok(TraceAnswer { turns, mode: Some(mode.to_string()) })
    }

    fn usage(&mut self, asked: &UsageAsked) -> Result<UsageAnswer, Refusal> {
        let answer = match self {
            Self::Tracerig => usage(asked),
            Self::Published => published_usage(asked),
            Self::History(_) => {
                return Err(Refusal {
                    kind: ErrorKind::Unsupported,
                    message: "a stage of the trace scanner counts no tokens".to_owned(),
                });
            }
        };
        answer.map_err(|message| Refusal { kind: ErrorKind::Failed, message })
    }
}

fn refused(error: &ScanError) -> Refusal {
    let kind = match error {
        ScanError::Locked { .. } => ErrorKind::Busy,
        _ => ErrorKind::Failed,
    };
    Refusal { kind, message: error.to_string() }
}

fn usage(asked: &UsageAsked) -> Result<UsageAnswer, String> {
    let told = |error: ArchiveError| error.to_string();
    let memo = asked.memo.as_ref().map(|memo| memo.0.join("usage"));
    let archive = Archive::new(&asked.home.0, session_archive::Options { memo, ..Default::default() });
    let turns: PriorityTurns = asked.priority.iter().map(String::as_str).collect();
    let request = session_archive::Request {
        rescan: asked.force,
        sessions: true,
        priority: Some(&turns),
        progress: None,
    };
    let refresh = archive.refresh(&request).map_err(told)?;
    let refreshed = Refreshed::of(&refresh, asked.zone_minutes, true).map_err(|error| error.to_string())?;
    match usage_answer(refreshed.view(), asked.zone_minutes) {
        Answer::Usage(answer) => Ok(answer),
        _ => Ok(UsageAnswer::default()),
    }
}

/// Appends to the store of this program.
pub(super) fn append(asked: &AppendAsked) -> Result<AppendAnswer, Refusal> {
    let malformed = |message: String| Refusal { kind: ErrorKind::Malformed, message };
    let failed = |error: threads::Error| Refusal {
        kind: match error {
            threads::Error::InUse { .. } => ErrorKind::Busy,
            _ => ErrorKind::Failed,
        },
        message: error.to_string(),
    };
    let item = |item: &Item| {
        let payload = RawValue::from_string(item.payload.clone())
            .map_err(|error| malformed(format!("a payload is not JSON: {error}")))?;
        threads::Item::new(&item.kind, payload).map_err(|error| malformed(error.to_string()))
    };
    let mut appends: Vec<(ThreadId, Vec<threads::Item>)> = Vec::new();
    for Append { thread, items } in &asked.appends {
        let id = thread.parse().map_err(|error: threads::IdError| malformed(error.to_string()))?;
        appends.push((id, items.iter().map(item).collect::<Result<_, _>>()?));
    }
    let store = ThreadStore::open(&asked.home.0, StoreOptions::default()).map_err(failed)?;
    let mut live: BTreeMap<ThreadId, LiveThread> = BTreeMap::new();
    for (id, items) in &appends {
        if !live.contains_key(id) {
            let thread = match store.resume(*id) {
                Err(threads::Error::Unknown { .. }) => store.create(&SessionMeta::new(*id)),
                resumed => resumed,
            };
            live.insert(*id, thread.map_err(failed)?);
        }
        if let Some(thread) = live.get(id) {
            thread.append(items).map_err(failed)?;
        }
    }
    for thread in live.values() {
        thread.shutdown().map_err(|error| Refusal { kind: ErrorKind::Failed, message: error.to_string() })?;
    }
    Ok(AppendAnswer { appends: appends.len() as u64 })
}

/// What the published refresh counts: by day of UTC and model.
fn published_usage(asked: &UsageAsked) -> Result<UsageAnswer, String> {
    let told = |error: io::Error| error.to_string();
    let own = tempfile::tempdir().map_err(told)?;
    let memo = asked.memo.as_ref().map_or(own.path(), |memo| &memo.0).join("published.json");
    if asked.force && memo.exists() {
        std::fs::remove_file(&memo).map_err(told)?;
    }
    let refresh = published::archive::refresh(&asked.home.0, &memo).map_err(|error| error.to_string())?;
    let rows = refresh.used.into_iter().map(|((number, model), [input, cached_input, output])| UsageRow {
        day: Some(day(number)),
        model,
        input,
        cached_input,
        output,
        ..UsageRow::default()
    });
    Ok(UsageAnswer { rows: rows.collect(), mode: None })
}
