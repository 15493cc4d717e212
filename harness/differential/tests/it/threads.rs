//! Histories of thread stores: random ones, kept ones, the power failing at every sync, and what
//! must not depend on how items are appended.
//!
//! The same histories each time. To look further, use `tracerig diff threads`; it also executes a
//! single one (`--replay`).

use std::collections::BTreeMap;

use tracerig_oracle::threads::{Row, rows};

use crate::common::search::{assert_exercised, expect_nothing, expect_nothing_kept};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use tracerig_differential::search::Bench;
use tracerig_differential::threads::{Case, Op, Threads, generate, run};
use tracerig_store::threads::{Ablations, Durability, Mode};

const HISTORIES: u64 = 900;

#[test]
fn random_histories_lose_nothing_and_are_projected_as_predicted() {
    let report = expect_nothing(Threads::default(), HISTORIES);
    let all = [
        "appends",
        "appends that fail",
        "appends at the same time",
        "projections",
        "projections that fail",
        "barriers",
        "barriers that fail",
        "deaths",
        "power cuts",
        "resumed",
        "discarded",
        "foreign lines",
        "lists",
        "rebuilds",
        "repairs",
    ];
    assert_exercised(&report, 20, &all);
}

#[test]
fn kept_histories_lose_nothing_and_are_projected_as_predicted() {
    expect_nothing_kept(Threads::default(), "threads", 3);
}

/// A random history of what appends and waits, and nothing else.
fn appends(seed: u64) -> Vec<Op> {
    let mut case = generate(&mut ChaCha8Rng::seed_from_u64(seed), 60);
    case.ops.retain(|op| {
        matches!(
            op,
            Op::Create(..)
                | Op::Append(..)
                | Op::AppendAndFlush(..)
                | Op::Update(..)
                | Op::Clock(_)
                | Op::Persist(_)
        )
    });
    case.ops
}

#[test]
fn the_power_may_fail_at_any_sync() {
    let subject = Threads::default();
    let bench = Bench::new(&subject).unwrap();
    let mut cuts = 0;
    for seed in 0..7 {
        let mut ops = appends(seed);
        ops.truncate(12);
        ops.extend([Op::Shutdown(1), Op::Resume(1)]);
        for mode in [Mode::Sync, Mode::Async] {
            let case =
                Case { mode, durability: Durability::Fsync, patient: false, ops: ops.clone() };
            let syncs = bench.run(&case).unwrap().0["syncs"];
            assert!(syncs > 5, "{case}");
            for sync in 1..=u32::try_from(syncs).unwrap() {
                let mut case = case.clone();
                case.ops.insert(0, Op::Power(sync));
                bench.run(&case).unwrap_or_else(|failure| panic!("{failure}\n{case}"));
                cuts += 1;
            }
        }
    }
    assert!(cuts > 100, "{cuts}");
}

/// The histories and the rows that `ops` lead to.
fn outcome(mode: Mode, ops: &[Op]) -> (BTreeMap<String, Vec<u8>>, BTreeMap<String, Row>) {
    let folder = TempDir::new().unwrap();
    let case = Case { mode, durability: Durability::Buffered, patient: false, ops: ops.to_vec() };
    run(&case, folder.path(), Ablations::NONE)
        .unwrap_or_else(|failure| panic!("{failure}\n{case}"));
    let home = folder.path().join("home");
    let mut histories = BTreeMap::new();
    let mut folders = vec![home.join("sessions")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&home).unwrap().display().to_string();
                histories.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    (histories, rows(&home.join("threads.sqlite")).unwrap())
}

#[test]
fn neither_the_mode_nor_the_split_into_appends_makes_a_difference() {
    for seed in 0..12 {
        let ops = appends(seed);
        let due = outcome(Mode::Async, &ops);
        assert!(!due.1.is_empty());
        for mode in Mode::ALL {
            assert_eq!(outcome(mode, &ops), due, "seed {seed}, {mode}");
        }
        let each = |op: &Op| match op {
            Op::Append(thread, items) => {
                items.iter().map(|item| Op::Append(*thread, vec![item.clone()])).collect()
            }
            op => vec![op.clone()],
        };
        let split: Vec<Op> = ops.iter().flat_map(each).collect();
        assert_eq!(outcome(Mode::Async, &split), due, "seed {seed}, an append for each item");
    }
}
