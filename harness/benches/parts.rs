//! `cargo bench --bench parts`: what a scan and an append consist of, each part by itself.
//!
//! Times of load, check, fold and save are those that the scanner notes of its own phases, in scans
//! that are verified; the others are loops.

mod common;

use std::cell::LazyCell;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use common::stage::Stage;
use common::{criterion, dataset, folder, must, stop};
use criterion::{BatchSize, Criterion};
use rusqlite::{Connection, OpenFlags};
use tracerig_datasets::Conversation;
use tracerig_scanner::{Mode, Phases, parts};
use tracerig_store::threads::{
    Change, Millis, Mode as Projected, SessionMeta, StoreOptions, ThreadId, ThreadStore, replay,
};

/// Rows whose bodies are searched and parsed.
const ROWS: u32 = 5_000;
/// Lines of the history that is replayed.
const LINES: usize = 1_000;

fn main() {
    let mut criterion = criterion();
    rows(&mut criterion);
    memo(&mut criterion);
    thread(&mut criterion);
    criterion.final_summary();
}

/// A body and its target.
type Row = (Vec<u8>, Vec<u8>);

/// The rows that a query finds, in memory.
fn read(database: &Path, sql: &str) -> Vec<Row> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = must(Connection::open_with_flags(database, flags));
    let mut statement = must(connection.prepare(sql));
    let rows = must(statement.query_map([], |row| {
        let bytes = |at| {
            Ok::<_, rusqlite::Error>(
                row.get_ref(at)?.as_bytes_or_null()?.unwrap_or_default().to_vec(),
            )
        };
        Ok((bytes(0)?, bytes(1)?))
    }));
    must(rows.collect())
}

/// Marker search in rows as they come, and parsing of those that are facts.
fn rows(criterion: &mut Criterion) {
    const ROW: &str = "SELECT feedback_log_body, target FROM logs";
    let mut group = criterion.benchmark_group("row");
    group.bench_function("marker search", |bencher| {
        let rows = read(&dataset().database, &format!("{ROW} ORDER BY id DESC LIMIT {ROWS}"));
        bencher.iter(|| rows.iter().filter_map(|(body, _)| parts::first_marker(body)).count());
    });
    group.bench_function("parsing", |bencher| {
        let dataset = dataset();
        let ids: Vec<String> =
            dataset.manifest.facts.iter().map(|fact| fact.id.to_string()).collect();
        let rows = read(&dataset.database, &format!("{ROW} WHERE id IN ({})", ids.join(",")));
        if rows.is_empty() || !rows.iter().all(|(body, target)| parts::is_fact(body, target)) {
            stop("a row that should be a fact is not one");
        }
        bencher.iter(|| rows.iter().filter(|(body, target)| parts::is_fact(body, target)).count());
    });
    group.finish();
}

/// The phases of a scan that must take this mode.
fn phases(stage: &Stage, mode: Mode) -> Phases {
    let memo = if mode == Mode::Unchanged { &stage.after } else { &stage.before };
    must(std::fs::write(&stage.memo, memo));
    let scan = stage.remembering();
    if scan.stats.mode != mode {
        stop(&format!("a scan was {} that was to be {mode}", scan.stats.mode));
    }
    scan.stats.elapsed
}

/// How long a part of a scan took.
type Part = fn(&Phases) -> Duration;

/// Loading, checking, folding and saving a memo.
fn memo(criterion: &mut Criterion) {
    let stage = LazyCell::new(Stage::set);
    let mut group = criterion.benchmark_group("memo");
    let parts: [(&str, Mode, Part); 4] = [
        ("load", Mode::Unchanged, |phases| phases.load),
        ("checks", Mode::Unchanged, |phases| phases.check),
        ("fold", Mode::Unchanged, |phases| phases.scan),
        ("save", Mode::Incremental, |phases| phases.persist),
    ];
    for (name, mode, part) in parts {
        group.bench_function(name, |bencher| {
            let stage = &*stage;
            bencher.iter_custom(|times| (0..times).map(|_| part(&phases(stage, mode))).sum());
        });
    }
    group.finish();
}

/// From a line to a patch, and from a patch to a row.
fn thread(criterion: &mut Criterion) {
    let conversation = LazyCell::new(|| must(Conversation::of(1)));
    let folder = LazyCell::new(folder);
    let mut group = criterion.benchmark_group("thread");
    group.bench_function("change of a line", |bencher| {
        let items: Vec<_> = conversation.of_thread(0).take(LINES).collect();
        bencher.iter(|| {
            items.iter().map(|item| Change::parse(item.kind(), item.payload().get())).for_each(
                |change| {
                    black_box(change);
                },
            );
        });
    });
    group.bench_function("patch derivation", |bencher| {
        let id = ThreadId::new();
        let mut text = Vec::new();
        let at = Millis::now();
        must(tracerig_store::threads::Item::session_meta(&SessionMeta::new(id)))
            .write_line(at.rfc3339().as_str(), &mut text);
        for item in conversation.of_thread(0).take(LINES) {
            item.write_line(at.rfc3339().as_str(), &mut text);
        }
        let path = folder.path().join(id.file_name(at));
        must(std::fs::write(&path, text));
        bencher.iter(|| must(replay(&path, id)));
    });
    group.bench_function("projection", |bencher| {
        let options = StoreOptions { mode: Projected::Async, ..StoreOptions::default() };
        let store = must(ThreadStore::open(folder.path().join("store"), options));
        let thread = must(store.create(&SessionMeta::new(ThreadId::new())));
        let mut items = conversation.of_thread(0);
        let mut append = || {
            if let Some(item) = items.next() {
                must(thread.append(std::slice::from_ref(item)));
            }
        };
        bencher.iter_batched(&mut append, |()| must(thread.flush()), BatchSize::PerIteration);
        must(thread.shutdown());
    });
    group.finish();
}
