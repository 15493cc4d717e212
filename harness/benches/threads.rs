//! `cargo bench --bench threads`: appending in each mode, rebuilding and listing, inside one process.
//!
//! Whole processes on many threads, with verification, contention and open loops, are `tracerig run append`. This is for following a
//! change of the store. TRACERIG_BENCH_ROLLOUTS asks for another number of histories to rebuild than 1,000 (100 kB each).

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use criterion::{Criterion, Throughput};
use tracerig_datasets::Conversation;
use tracerig_store::threads::{
    Item, ListQuery, Millis, Mode, Rows, SessionMeta, Sessions, StoreOptions, SweepOptions, ThreadId,
    ThreadStore, rebuild, schema,
};

/// Rows that lists are taken from.
const LISTED: usize = 50_000;
/// Bytes of a history to rebuild.
const HISTORY_BYTES: usize = 100_000;
/// When the histories begin; a second apart.
const BEGUN: i64 = 1_780_000_000_000;

fn main() -> anyhow::Result<()> {
    let rollouts = match std::env::var("TRACERIG_BENCH_ROLLOUTS") {
        Ok(number) => number.parse().context("TRACERIG_BENCH_ROLLOUTS is no number")?,
        Err(_) => 1_000,
    };
    let root = tracerig_datasets::cache_root()?;
    std::fs::create_dir_all(&root)?;
    let folder = tempfile::tempdir_in(&root).with_context(|| root.display().to_string())?;
    let conversation = Conversation::of(1)?;
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    append(&mut criterion, &folder.path().join("append"), &conversation)?;
    replay(&mut criterion, &folder.path().join("rebuild"), &conversation, rollouts)?;
    list(&mut criterion, &folder.path().join("list"))?;
    criterion.final_summary();
    Ok(())
}

/// One append after the other on one thread; the floor writes the same lines to a file.
fn append(criterion: &mut Criterion, folder: &Path, conversation: &Conversation) -> anyhow::Result<()> {
    use std::io::Write;
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(2));
    std::fs::create_dir_all(folder)?;
    let mut file = std::fs::File::create(folder.join("bare.jsonl"))?;
    let (mut items, mut line) = (conversation.of_thread(0), Vec::new());
    group.bench_function("bare", |bencher| {
        bencher.iter(|| {
            line.clear();
            if let Some(item) = items.next() {
                item.write_line(Millis::now().rfc3339().as_str(), &mut line);
            }
            file.write_all(&line)
        });
    });
    for mode in Mode::ALL {
        let store =
            ThreadStore::open(folder.join(mode.name()), StoreOptions { mode, ..StoreOptions::default() })?;
        let thread = store.create(&SessionMeta::new(ThreadId::new()))?;
        let mut items = conversation.of_thread(0);
        group.bench_function(mode.name(), |bencher| {
            bencher.iter(|| items.next().map(|item| thread.append(std::slice::from_ref(item))));
        });
        thread.shutdown()?;
    }
    group.finish();
    Ok(())
}

/// A folder of histories, each a conversation.
fn replay(
    criterion: &mut Criterion,
    folder: &Path,
    conversation: &Conversation,
    rollouts: usize,
) -> anyhow::Result<()> {
    let mut bytes = 0;
    for index in 0..rollouts {
        let mut items = conversation.of_thread(index);
        bytes += history(folder, index, HISTORY_BYTES, || items.next().cloned())?;
    }
    let sessions = Sessions::of(folder);
    let database = folder.join(schema::FILE_NAME);
    let options = SweepOptions::default();
    let done = rebuild(&sessions, &database, &options, &mut |_| ControlFlow::Continue(()))?;
    // What is timed below must be what its name says.
    anyhow::ensure!(done.written == rollouts as u64 && done.failures.is_empty(), "{done:?}");
    let mut group = criterion.benchmark_group("rebuild");
    group.throughput(Throughput::Bytes(bytes)).sample_size(10).measurement_time(Duration::from_secs(5));
    group.bench_function(format!("{rollouts} rollouts"), |bencher| {
        bencher.iter(|| rebuild(&sessions, &database, &options, &mut |_| ControlFlow::Continue(())));
    });
    group.finish();
    Ok(())
}

/// Writes a history of about so many bytes, as a store would have. Returns its length.
fn history(
    folder: &Path,
    index: usize,
    bytes: usize,
    mut next: impl FnMut() -> Option<Item>,
) -> anyhow::Result<u64> {
    let id = ThreadId::new();
    let at = Millis(BEGUN + i64::try_from(index)? * 1000);
    let meta = SessionMeta {
        timestamp: Some(at),
        // One thread of a thousand is of a rare source.
        source: Some(if index.is_multiple_of(1000) { "exec" } else { "cli" }.to_owned()),
        ..SessionMeta::new(id)
    };
    let mut text = Vec::with_capacity(bytes + 1024);
    Item::session_meta(&meta)?.write_line(at.rfc3339().as_str(), &mut text);
    while text.len() < bytes {
        let Some(item) = next() else { break };
        item.write_line(at.rfc3339().as_str(), &mut text);
    }
    let folder = folder.join("sessions").join(at.folder());
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(id.file_name(at)), &text)?;
    Ok(text.len() as u64)
}

/// Pages of 50 of many threads.
fn list(criterion: &mut Criterion, folder: &Path) -> anyhow::Result<()> {
    for index in 0..LISTED {
        let message = Item::user_message(&format!("Please look at case {index} of the long list"))?;
        let mut once = Some(message);
        history(folder, index, usize::MAX, || once.take())?;
    }
    let database = folder.join(schema::FILE_NAME);
    let done = rebuild(&Sessions::of(folder), &database, &SweepOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    })?;
    anyhow::ensure!(done.written == LISTED as u64, "{done:?}");
    let rows = Rows::open(&database, Duration::from_secs(5))?;
    let mut group = criterion.benchmark_group("list/50 of 50,000");
    let text = |text: &str| ListQuery { text: Some(text.to_owned()), ..ListQuery::default() };
    let source = |source: &str| ListQuery { source: Some(source.to_owned()), ..ListQuery::default() };
    let middle = {
        let query = ListQuery { limit: LISTED / 2, ..ListQuery::default() };
        ListQuery { after: rows.list(&query)?.next, ..ListQuery::default() }
    };
    for (name, query, expected) in [
        ("all", ListQuery::default(), 50),
        ("from the middle", middle, 50),
        ("common source", source("cli"), 50),
        ("rare source", source("exec"), 50),
        ("no such source", source("nowhere"), 0),
        ("common text", text("look at case"), 50),
        ("rare text", text("case 777 "), 1),
        ("no such text", text("nowhere"), 0),
    ] {
        let page = rows.list(&query)?;
        anyhow::ensure!(page.rows.len() == expected, "{name}: {} rows", page.rows.len());
        group.bench_function(name, |bencher| bencher.iter(|| black_box(rows.list(&query))));
    }
    group.finish();
    Ok(())
}
