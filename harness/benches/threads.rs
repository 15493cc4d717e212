//! `cargo bench --bench threads`: appending in each mode, rebuilding and listing, inside one
//! process.
//!
//! Whole processes on many threads, with verification, contention and open loops, are `tracerig run
//! append`. This is for following a change of the store. TRACERIG_BENCH_ROLLOUTS asks for another
//! number of histories to rebuild than 1,000 (100 kB each).

mod common;

use std::cell::LazyCell;
use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use common::{criterion, folder, measures, must, stop};
use criterion::{Bencher, Criterion, SamplingMode, Throughput};
use tracerig_datasets::Conversation;
use tracerig_store::threads::{
    Item, ListQuery, Millis, Mode, Rows, SessionMeta, Sessions, StoreOptions, SweepOptions,
    ThreadId, ThreadStore, rebuild, schema,
};

/// Rows that lists are taken from, and where they are only tested: each test is a separate process,
/// and makes them anew.
const LISTED: usize = 50_000;
const LISTED_IN_TESTS: usize = 2_000;
/// One thread in so many is of a rare source.
const RARE: usize = 1_000;
/// Bytes of a history to rebuild.
const HISTORY_BYTES: usize = 100_000;
/// When the histories begin; a second apart.
const BEGUN: i64 = 1_780_000_000_000;

fn main() {
    let mut criterion = criterion();
    append(&mut criterion);
    replay(&mut criterion);
    list(&mut criterion);
    criterion.final_summary();
}

/// One append after the other on one thread; the floor writes the same lines to a file.
fn append(criterion: &mut Criterion) {
    let conversation = LazyCell::new(|| must(Conversation::of(1)));
    let folder = LazyCell::new(folder);
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(1));
    group.bench_function("bare", |bencher| {
        let mut file = must(std::fs::File::create(folder.path().join("bare.jsonl")));
        let (mut items, mut line) = (conversation.of_thread(0), Vec::new());
        bencher.iter(|| {
            line.clear();
            if let Some(item) = items.next() {
                item.write_line(Millis::now().rfc3339().as_str(), &mut line);
            }
            must(file.write_all(&line));
        });
    });
    for mode in Mode::ALL {
        group.bench_function(mode.name(), |bencher| {
            let options = StoreOptions { mode, ..StoreOptions::default() };
            let store = must(ThreadStore::open(folder.path().join(mode.name()), options));
            let thread = must(store.create(&SessionMeta::new(ThreadId::new())));
            let mut items = conversation.of_thread(0);
            bencher
                .iter(|| items.next().map(|item| must(thread.append(std::slice::from_ref(item)))));
            must(thread.shutdown());
        });
    }
    group.finish();
}

/// A folder of histories, each a conversation.
fn replay(criterion: &mut Criterion) {
    let rollouts =
        match std::env::var("TRACERIG_BENCH_ROLLOUTS").map(|number| number.parse::<usize>()) {
            Ok(Ok(number)) => number,
            Ok(Err(_)) => stop("TRACERIG_BENCH_ROLLOUTS is no number"),
            Err(_) => 1_000,
        };
    let folder = LazyCell::new(|| {
        let (folder, conversation) = (folder(), must(Conversation::of(1)));
        for index in 0..rollouts {
            let mut items = conversation.of_thread(index);
            must(history(folder.path(), index, HISTORY_BYTES, || items.next().cloned()));
        }
        folder
    });
    let mut group = criterion.benchmark_group("rebuild");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.bench_function(format!("{rollouts} rollouts"), |bencher| {
        let path = folder.path();
        let (sessions, database) = (Sessions::of(path), path.join(schema::FILE_NAME));
        let rebuilt = || {
            let options = SweepOptions::default();
            must(rebuild(&sessions, &database, &options, &mut |_| ControlFlow::Continue(())))
        };
        let done = rebuilt();
        // What is timed must be what its name says.
        if done.written != rollouts as u64 || !done.failures.is_empty() {
            stop(&format!("not every history was rebuilt: {done:?}"));
        }
        bencher.iter(rebuilt);
    });
    group.finish();
}

/// Writes a history of about so many bytes, as a store would have.
fn history(
    folder: &Path,
    index: usize,
    bytes: usize,
    mut next: impl FnMut() -> Option<Item>,
) -> Result<(), Box<dyn Error>> {
    let id = ThreadId::new();
    let at = Millis(BEGUN + i64::try_from(index)? * 1000);
    let meta = SessionMeta {
        timestamp: Some(at),
        source: Some(if index.is_multiple_of(RARE) { "exec" } else { "cli" }.to_owned()),
        ..SessionMeta::new(id)
    };
    let mut text = Vec::new();
    Item::session_meta(&meta)?.write_line(at.rfc3339().as_str(), &mut text);
    while text.len() < bytes {
        let Some(item) = next() else { break };
        item.write_line(at.rfc3339().as_str(), &mut text);
    }
    let folder = folder.join("sessions").join(at.folder());
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(id.file_name(at)), &text)?;
    Ok(())
}

/// Pages of 50 of many threads.
fn list(criterion: &mut Criterion) {
    let listed = if measures() { LISTED } else { LISTED_IN_TESTS };
    let folder = LazyCell::new(|| {
        let folder = folder();
        for index in 0..listed {
            let message = format!("Please look at case {index} of the long list");
            let mut once = Some(must(Item::user_message(&message)));
            must(history(folder.path(), index, usize::MAX, || once.take()));
        }
        let database = folder.path().join(schema::FILE_NAME);
        let options = SweepOptions::default();
        let go_on = &mut |_| ControlFlow::Continue(());
        let done = must(rebuild(&Sessions::of(folder.path()), &database, &options, go_on));
        if done.written != listed as u64 {
            stop(&format!("not every history was rebuilt: {done:?}"));
        }
        folder
    });
    let rows = LazyCell::new(|| {
        must(Rows::open(&folder.path().join(schema::FILE_NAME), Duration::from_secs(5)))
    });
    let mut group = criterion.benchmark_group("list");
    let text = |text: &str| ListQuery { text: Some(text.to_owned()), ..ListQuery::default() };
    let source =
        |source: &str| ListQuery { source: Some(source.to_owned()), ..ListQuery::default() };
    for (name, query, expected) in [
        ("all", ListQuery::default(), 50),
        ("common source", source("cli"), 50),
        ("rare source", source("exec"), 50.min(listed / RARE)),
        ("no such source", source("nowhere"), 0),
        ("common text", text("look at case"), 50),
        ("rare text", text("case 777 "), 1),
        ("no such text", text("nowhere"), 0),
    ] {
        group.bench_function(name, |bencher| page(bencher, &rows, &query, expected));
    }
    group.bench_function("from the middle", |bencher| {
        let half = ListQuery { limit: listed / 2, ..ListQuery::default() };
        let query = ListQuery { after: must(rows.list(&half)).next, ..ListQuery::default() };
        page(bencher, &rows, &query, 50);
    });
    group.finish();
}

/// One page, which must have as many rows.
fn page(bencher: &mut Bencher<'_>, rows: &Rows, query: &ListQuery, expected: usize) {
    let found = must(rows.list(query)).rows.len();
    if found != expected {
        stop(&format!("a page has {found} rows instead of {expected}"));
    }
    bencher.iter(|| black_box(must(rows.list(query))));
}
