//! A made-up record, realistic in shape and deterministic exactly, for the tests of every renderer.

pub(crate) mod append;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ByteSize;
use crate::record::*;

/// Rounds in the record: nine, so that an arm that loses one still has the eight pairs an interval
/// needs.
pub(crate) const ROUNDS: u64 = 9;

/// name, cache, engine, launches per sample, microseconds, mode, reason, rows examined, rows
/// checked, VM steps
type Arm = (
    &'static str,
    Cache,
    &'static str,
    u64,
    u64,
    Option<(&'static str, &'static str)>,
    u64,
    u64,
    u64,
);

const ARMS: [Arm; 9] = [
    ("floor", Cache::Hot, "floor", 19, 1_380, None, 0, 0, 12),
    (
        "published",
        Cache::Hot,
        "published",
        1,
        1_180_000,
        Some(("full", "disabled")),
        210_000,
        0,
        9_450_000,
    ),
    (
        "published",
        Cache::Cold,
        "published",
        1,
        2_400_000,
        Some(("full", "disabled")),
        210_000,
        0,
        9_450_000,
    ),
    ("full", Cache::Hot, "scanner", 1, 171_000, Some(("full", "disabled")), 210_000, 0, 1_470_000),
    ("cold", Cache::Hot, "scanner", 1, 174_000, Some(("full", "absent")), 210_000, 0, 1_470_000),
    ("cold", Cache::Cold, "scanner", 1, 905_000, Some(("full", "absent")), 210_000, 0, 1_470_000),
    ("warm", Cache::Hot, "scanner", 10, 2_640, Some(("incremental", "none")), 200, 21, 3_870),
    ("warm", Cache::Cold, "scanner", 3, 9_120, Some(("incremental", "none")), 200, 21, 3_870),
    ("unchanged", Cache::Hot, "scanner", 13, 2_050, Some(("unchanged", "none")), 0, 21, 610),
];

/// How much slower each round was, in thousandths: one round is a bad one.
const ROUND: [u64; ROUNDS as usize] = [1000, 990, 1012, 1004, 1100, 996, 1001, 985, 1008];

fn launch(arm: &Arm, round: u64, nth: u64) -> Launch {
    let (name, cache, engine, launches, micros, mode, examined, checked, steps) = *arm;
    // Launches of one sample spread evenly around its mean, and arms do not move in step.
    let around = 1000 + 4 * nth - 2 * (launches - 1) + (round * 7 + 3) * (micros + 11) % 23;
    let wall = Duration::from_nanos(micros * ROUND[round as usize] * around / 1000);
    let (exact, advisory) = (|v| Counter::exact(Some(v)), |v| Counter::advisory(Some(v)));
    let mut counters = BTreeMap::from([
        ("vm_steps".to_owned(), exact(steps)),
        (
            "rchar".to_owned(),
            exact(if examined > 1000 { 256_311_296 } else { 61_440 + 4096 * checked }),
        ),
        ("syscr".to_owned(), exact(if examined > 1000 { 62_576 } else { 31 + checked })),
        ("cache_misses".to_owned(), advisory(9 + nth)),
    ]);
    let mut phases = Vec::new();
    if engine == "scanner" {
        counters.insert("rows_examined".to_owned(), exact(examined));
        counters.insert("rows_checked".to_owned(), exact(checked));
        counters.insert("body_bytes".to_owned(), exact(examined * 1_130));
        counters.insert("facts".to_owned(), exact(310));
        counters
            .insert("artifact_bytes".to_owned(), exact(if name == "full" { 0 } else { 28_698 }));
        counters.insert("fsyncs".to_owned(), Counter::exact(None));
        let shares: [(&str, u32); 5] = match name {
            "full" | "cold" => {
                [("load", 0), ("open", 2), ("check", 1), ("scan", 950), ("persist", 7)]
            }
            _ => [("load", 30), ("open", 150), ("check", 220), ("scan", 90), ("persist", 45)],
        };
        phases.extend(
            shares
                .map(|(name, share)| Phase { name: name.to_owned(), elapsed: wall * share / 1000 }),
        );
    } else if engine == "floor" {
        phases.push(Phase { name: "open".to_owned(), elapsed: wall / 4 });
    } else {
        counters.insert("rows_examined".to_owned(), exact(examined));
        phases.push(Phase { name: "open".to_owned(), elapsed: wall * 2 / 1000 });
        phases.push(Phase { name: "scan".to_owned(), elapsed: wall * 990 / 1000 });
    }
    let cold = cache == Cache::Cold;
    Launch {
        wall,
        user: Some(wall * 7 / 10),
        system: Some(wall * 2 / 10),
        peak_memory: Some(ByteSize(if examined > 1000 { 9_437_184 } else { 5_242_880 })),
        major_faults: Some(if cold { 12 } else { 0 }),
        device_read: Some(ByteSize(match (cold, examined > 1000) {
            (true, true) => 256_901_120,
            (true, false) => 1_015_808,
            (false, _) => 0,
        })),
        resident_pages_before: Some(if cold { 0 } else { 62_500 }),
        exit: Exit::Code(0),
        phases,
        counters,
        histograms: BTreeMap::new(),
        mode: mode.map(|(mode, _)| mode.to_owned()),
        reason: mode.map(|(_, reason)| reason.to_owned()),
        turns: (name != "floor").then_some(if engine == "published" { 11 } else { 12 }),
        answer_digest: Some(format!("sha256:{name}")),
        verified: true,
    }
}

/// The record: nine arms, nine rounds, one sample excluded (warm, hot) and one failed (published,
/// cold).
pub(crate) fn record() -> Record {
    let mut samples = Vec::new();
    for round in 0..ROUNDS {
        for at in 0..ARMS.len() {
            // Another arm begins each round.
            let arm = &ARMS[(at + round as usize * 4) % ARMS.len()];
            let mut launches: Vec<Launch> = (0..arm.3).map(|nth| launch(arm, round, nth)).collect();
            let mut state = SampleState::Valid;
            if (arm.0, arm.1, round) == ("warm", Cache::Hot, 3) {
                launches[2].device_read = Some(ByteSize(61_440));
                state = SampleState::Excluded {
                    reason: "launch 3 read 61.4 kB from the device, a hot launch reads nothing"
                        .to_owned(),
                };
            }
            if (arm.0, arm.1, round) == ("published", Cache::Cold, 6) {
                launches[0].exit = Exit::Signal(9);
                launches[0].verified = false;
                launches[0].answer_digest = None;
                state =
                    SampleState::Failed { error: "the worker was ended by signal 9".to_owned() };
            }
            let order = samples.len() as u64;
            samples.push(Sample {
                order,
                round,
                arm: arm.0.to_owned(),
                cache: arm.1,
                launches,
                state,
            });
        }
    }
    let arms = ARMS.iter().map(|(name, cache, engine, launches, ..)| ArmPlan {
        name: (*name).to_owned(),
        cache: *cache,
        engine: (*engine).to_owned(),
        why: why(name).to_owned(),
        process: Process::Fresh,
        launches_per_sample: *launches,
    });
    // As an earlier version wrote it, which the kept record shows.
    let machine = Machine {
        cpu: Some("AMD EPYC 7763".to_owned()),
        cores: 2,
        memory_bytes: Some(ByteSize(8_338_886_656)),
        kernel: "6.8.0-49-generic".to_owned(),
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        file_system: None,
        is_virtual: None,
        confines_writes: None,
        fingerprint: "9931dc19380f808f".to_owned(),
    };
    Record {
        id: "relaunch-20261121T070000Z-002a".to_owned(),
        scenario: "relaunch".to_owned(),
        started: "2026-11-21T07:00:00Z".to_owned(),
        finished: "2026-11-21T07:00:48Z".to_owned(),
        command: ["tracerig", "run", "relaunch", "--out", "my runs"].map(str::to_owned).to_vec(),
        seed: 42,
        plan: Plan {
            scenario: "relaunch".to_owned(),
            recipe: "quick".to_owned(),
            samples: ROUNDS,
            launches: LaunchPolicy::default(),
            appended_rows: 200,
            append: None,
            command: None,
            order_seed: 4_242,
            cores: None,
            candidates: Vec::new(),
            arms: arms.collect(),
        },
        dataset: Dataset {
            recipe: "quick".to_owned(),
            recipe_text: "# a recipe\nname = \"quick\"\nrows = 210_000\n".to_owned(),
            seed: 1,
            scale: 1.0,
            generator_version: 1,
            rows_digest: "sha256:aa11".to_owned(),
            file_digest: "sha256:bb22".to_owned(),
            file_bytes: ByteSize(256_000_000),
            rows: 210_000,
            max_id: 671_204,
            logs_pages: 60_152,
            page_size: ByteSize(4096),
            truth: BTreeMap::from([
                ("completions".to_owned(), 288),
                ("priority_turns".to_owned(), 12),
                ("published_turns".to_owned(), 11),
            ]),
        },
        build: Build {
            version: "0.1.0".to_owned(),
            revision: Some("0123456789abcdef".to_owned()),
            dirty: Some(false),
            profile: "release".to_owned(),
            rustc: "rustc 1.94.0".to_owned(),
            sqlite: "3.51.1".to_owned(),
            sqlite_options: Vec::new(),
        },
        machine,
        load_start: Some([0.12, 0.3, 0.25]),
        load_end: None,
        outcome: Outcome::of(&samples, false),
        samples,
    }
}

fn why(name: &str) -> &'static str {
    match name {
        "floor" => "opens, asks max(id), exits: what no relaunch can beat",
        "published" => "the query as published, the baseline",
        "full" => "a full scan without a memo",
        "cold" => "a full scan that writes the memo",
        "warm" => "a relaunch with a memo after 200 rows were appended",
        _ => "a relaunch with a memo and nothing new",
    }
}

/// The record of the fixture without the samples that are not valid.
pub(crate) fn flawless() -> Record {
    let mut record = record();
    record.samples.retain(Sample::is_valid);
    for (order, sample) in record.samples.iter_mut().enumerate() {
        sample.order = order as u64;
    }
    record.outcome = Outcome::of(&record.samples, false);
    assert_eq!(record.contradiction(), None);
    record
}

/// Compares `found` with the text kept in `src/golden/NAME`. With `TRACERIG_BLESS` set it becomes
/// the text kept: look at the difference before committing it.
pub(crate) fn assert_golden(name: &str, found: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/golden").join(name);
    if std::env::var_os("TRACERIG_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differing =
        expected.lines().zip(found.lines()).position(|(expected, found)| expected != found);
    assert!(
        expected == found,
        "{name} differs, first in line {:?} (from 0); found:\n{found}",
        differing
    );
}

/// A candidate of somebody else.
pub(crate) fn candidate() -> CandidatePlan {
    CandidatePlan {
        name: "mine".to_owned(),
        version: Some("0.3.1".to_owned()),
        argv: vec!["python3".to_owned(), "my_scanner.py".to_owned()],
        env: [("LEVEL".to_owned(), "3".to_owned())].into(),
        sha256: Some("00".repeat(32)),
        ..CandidatePlan::default()
    }
}

/// A command.
pub(crate) fn command() -> CommandPlan {
    CommandPlan {
        argv: ["wc", "-l", "a file"].map(str::to_owned).to_vec(),
        prepare: Some(vec!["true".to_owned()]),
        input: Some("a file".to_owned()),
        files: vec!["a file".to_owned()],
        output: Output::Equal,
        warmup: 2,
        limit: Duration::from_secs(60),
    }
}
