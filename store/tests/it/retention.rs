//! Retention: the plain rule, the two ways to prune compared on random batches, and a model written
//! to be obvious.

use rusqlite::Connection;
use tracerig_store::{Body, LogOptions, LogRow, Pruning, Retention, TraceLog};

/// A small generator of numbers, enough to mix up a test (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

const FILLER: [u8; 400] = [b'x'; 400];

fn ids(log: &TraceLog) -> Vec<i64> {
    let connection = Connection::open(log.path()).unwrap();
    let mut statement = connection.prepare("SELECT id FROM logs ORDER BY id").unwrap();
    let ids = statement.query_map([], |row| row.get(0)).unwrap();
    ids.map(Result::unwrap).collect()
}

fn random_rows(numbers: &mut Numbers, clock: &mut i64) -> Vec<LogRow<'static>> {
    let threads = [None, None, Some("a"), Some("b"), Some("")];
    let processes = [None, Some("p"), Some("q")];
    let count = 1 + numbers.below(40);
    let row = |_| {
        *clock += i64::try_from(numbers.below(3)).unwrap();
        // Now and then a row is older than its predecessors.
        let late = if numbers.below(6) == 0 { numbers.below(30) } else { 0 };
        LogRow {
            ts: *clock - i64::try_from(late).unwrap(),
            ts_nanos: i64::try_from(numbers.below(3)).unwrap(),
            target: "t",
            level: "",
            body: Body::Text(&FILLER[..usize::try_from(numbers.below(400)).unwrap()]),
            thread_id: threads[usize::try_from(numbers.below(5)).unwrap()],
            process_uuid: processes[usize::try_from(numbers.below(3)).unwrap()],
            ..LogRow::default()
        }
    };
    (0..count).map(row).collect()
}

/// What each batch should leave, worked out on plain lists: (thread, process, ts, nanos, id,
/// bytes).
type Held = (Option<&'static str>, Option<&'static str>, i64, i64, i64, i64);

fn model_insert(
    held: &mut Vec<Held>,
    rows: &[LogRow<'static>],
    next_id: &mut i64,
    limits: Retention,
) {
    for row in rows {
        held.push((
            row.thread_id,
            row.process_uuid,
            row.ts,
            row.ts_nanos,
            *next_id,
            row.estimated_bytes(),
        ));
        *next_id += 1;
    }
    let partition = |row: &Held| (row.0, if row.0.is_none() { row.1 } else { None });
    let all = held.clone();
    let is_kept = |row: &Held| {
        let not_older = |other: &&Held| {
            partition(other) == partition(row)
                && (other.2, other.3, other.4) >= (row.2, row.3, row.4)
        };
        let newest: Vec<_> = all.iter().filter(not_older).collect();
        newest.len() <= limits.rows
            && newest.iter().map(|other| other.5).sum::<i64>() <= limits.bytes
    };
    held.retain(is_kept);
}

#[test]
fn both_ways_to_prune_equal_the_obvious_model_on_random_batches() {
    let limits = Retention { rows: 9, bytes: 1700 };
    let mut pruned_by_bytes = false;
    for seed in 0..15 {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str, pruning| {
            let options = LogOptions { retention: limits, pruning, ..LogOptions::default() };
            TraceLog::open_with(folder.path().join(name), options).unwrap()
        };
        let (mut sql, mut ledger) = (open("sql", Pruning::Sql), open("ledger", Pruning::Ledger));
        let (mut numbers, mut clock) = (Numbers(seed), 1_780_000_000);
        let (mut held, mut next_id) = (Vec::new(), 1);
        for batch in 0..25 {
            if batch == 12 {
                // A ledger is read back from the file, and after other deletions.
                ledger = open("ledger", Pruning::Ledger);
            }
            if batch == 18 {
                let cutoff = clock - 10;
                assert_eq!(
                    sql.prune_older_than(cutoff).unwrap(),
                    ledger.prune_older_than(cutoff).unwrap()
                );
                held.retain(|row: &Held| row.2 >= cutoff);
            }
            let rows = random_rows(&mut numbers, &mut clock);
            assert_eq!(
                sql.insert_batch(&rows).unwrap(),
                ledger.insert_batch(&rows).unwrap(),
                "seed {seed}"
            );
            model_insert(&mut held, &rows, &mut next_id, limits);
            let expected: Vec<i64> = held.iter().map(|row| row.4).collect();
            assert_eq!(ids(&sql), expected, "seed {seed}, batch {batch}, by SQL");
            assert_eq!(ids(&ledger), expected, "seed {seed}, batch {batch}, by ledger");
            pruned_by_bytes |=
                held.iter().filter(|row| row.0 == Some("a")).count() < 9 && next_id > 150;
        }
    }
    assert!(pruned_by_bytes, "the histories never met the limit of bytes");
}

#[test]
fn a_thread_keeps_its_newest_thousand_rows_and_ten_mebibytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TraceLog::open(folder.path().join("logs")).unwrap();
    let row = |ts, body| LogRow {
        ts,
        level: "",
        body: Body::Text(body),
        thread_id: Some("t"),
        ..LogRow::default()
    };
    let small: Vec<_> = (0..1100).map(|at| row(at, b"x")).collect();
    let outcome = log.insert_batch(&small).unwrap();
    assert_eq!(
        (outcome.first_id, outcome.last_id, outcome.inserted, outcome.pruned),
        (1, 1100, 1100, 100)
    );
    // Exactly ten mebibytes stay; a byte more and the oldest goes.
    let half = vec![b'y'; 5 * 1024 * 1024];
    let outcome = log.insert_batch(&[row(2000, &half), row(2001, &half)]).unwrap();
    assert_eq!((outcome.pruned, ids(&log)), (1000, vec![1101, 1102]));
    assert_eq!(log.insert_batch(&[row(2002, b"z")]).unwrap().pruned, 1);
    assert_eq!(ids(&log), [1102, 1103]);
}

#[test]
fn an_older_row_inserted_late_goes_before_newer_ones() {
    let folder = tempfile::tempdir().unwrap();
    for pruning in [Pruning::Sql, Pruning::Ledger] {
        let options = LogOptions {
            retention: Retention { rows: 2, bytes: 1 << 20 },
            pruning,
            ..LogOptions::default()
        };
        let mut log =
            TraceLog::open_with(folder.path().join(format!("{pruning:?}")), options).unwrap();
        let row =
            |ts, ts_nanos| LogRow { ts, ts_nanos, process_uuid: Some("p"), ..LogRow::default() };
        log.insert_batch(&[row(5, 1), row(5, 0), row(5, 2)]).unwrap();
        assert_eq!(ids(&log), [1, 3], "{pruning:?}");
        assert_eq!(log.insert_batch(&[row(4, 0)]).unwrap().pruned, 1);
        assert_eq!(
            ids(&log),
            [1, 3],
            "{pruning:?}: a row older than all that is kept goes at once"
        );
    }
}
