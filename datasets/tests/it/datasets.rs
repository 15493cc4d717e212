//! Datasets as built: their size, their facts, and that they are the same every time and at every
//! scale.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tracerig_datasets::workload::{self, Appended, Mix};
use tracerig_datasets::{
    BuildOptions, Dataset, Fact, Intent, Manifest, Progress, Ran, Recipe, TierForm, Truth,
    build_into,
};
use tracerig_store::TraceLog;

fn go(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn build(folder: &Path, recipe: &str, scale: f64) -> Dataset {
    let recipe = Recipe::builtin(recipe).unwrap();
    build_into(folder, &recipe, &BuildOptions { seed: None, scale }, &mut go).unwrap()
}

fn read<T>(
    database: &Path,
    sql: &str,
    get: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let uri = format!("file:{}?immutable=1", database.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| get(row)).unwrap().map(Result::unwrap).collect()
}

fn number(database: &Path, sql: &str) -> i64 {
    read(database, sql, |row| row.get(0))[0]
}

/// The facts without their ids, which differ with the scale.
fn meaning(facts: &[Fact]) -> Vec<Fact> {
    facts.iter().map(|fact| Fact { id: 0, ..fact.clone() }).collect()
}

#[test]
fn a_dataset_has_the_size_its_recipe_says_and_ends_as_a_real_file_does() {
    let folder = tempfile::tempdir().unwrap();
    for (recipe, scale) in [("quick", 0.1), ("quick", 0.05), ("tags", 0.1), ("tiny", 1.0)] {
        let said = Recipe::builtin(recipe).unwrap();
        let Dataset { database, manifest, .. } =
            build(&folder.path().join(format!("{recipe}{scale}")), recipe, scale);
        let bytes = std::fs::metadata(&database).unwrap().len();
        assert_eq!(
            (manifest.rows, bytes),
            (said.rows(scale), said.file_bytes(scale)),
            "{recipe} {scale}"
        );
        assert_eq!(number(&database, "SELECT count(*) FROM logs") as u64, manifest.rows);
        assert_eq!(number(&database, "SELECT max(id) FROM logs"), manifest.max_id);
        assert_eq!(manifest.kinds.values().map(|kind| kind.rows).sum::<u64>(), manifest.rows);
        assert!(
            manifest.pages.logs > manifest.pages.total / 2
                && manifest.pages.free < manifest.pages.total / 10
        );
        let check = read(&database, "PRAGMA integrity_check", |row| row.get::<_, String>(0));
        assert_eq!(check, ["ok"]);
        // Bytes 18 and 19 of the header: 2 represents WAL.
        assert_eq!(&std::fs::read(&database).unwrap()[18..20], [2, 2]);
        assert_eq!(number(&database, "PRAGMA auto_vacuum"), 2);
        let files: BTreeSet<_> = std::fs::read_dir(database.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(files, ["logs_2.sqlite".into(), "manifest.json".into()].into());
        assert_eq!(Manifest::read(database.parent().unwrap()).unwrap(), manifest);
    }
}

#[test]
fn deletions_are_scattered_over_the_ids() {
    let folder = tempfile::tempdir().unwrap();
    let Dataset { database, manifest, .. } = build(folder.path(), "quick", 0.2);
    assert!(manifest.max_id as u64 > 2 * manifest.rows, "{} {}", manifest.max_id, manifest.rows);
    let deleted = 100 - 100 * manifest.rows / manifest.inserted_rows;
    assert!((54..=58).contains(&deleted), "{deleted}");
    let per_tenth: Vec<i64> = read(
        &database,
        &format!("SELECT count(*) FROM logs GROUP BY id * 10 / {}", manifest.max_id + 1),
        |row| row.get(0),
    );
    let most = manifest.max_id / 10;
    assert!(
        per_tenth.len() == 10
            && per_tenth.iter().take(8).all(|rows| *rows > 50 && *rows < most * 9 / 10),
        "{per_tenth:?}"
    );
    let largest = "SELECT max(rows) FROM (SELECT count(*) AS rows FROM logs GROUP BY \
                   coalesce(thread_id, process_uuid))";
    assert_eq!(number(&database, largest), 1000);
    let inversions = "SELECT count(*) FROM (SELECT ts - lag(ts) OVER (ORDER BY id) AS step FROM \
                      logs) WHERE step < 0";
    assert!(number(&database, inversions) > 0);
}

#[test]
fn the_facts_are_those_of_the_recipe_at_every_scale() {
    let folder = tempfile::tempdir().unwrap();
    for (recipe, scales) in [("quick", [0.05, 0.2]), ("tags", [0.1, 0.2])] {
        let [small, large] = scales.map(|scale| {
            let manifest =
                build(&folder.path().join(format!("{recipe}{scale}")), recipe, scale).manifest;
            (meaning(&manifest.facts), Truth { unrecognised: 0, ..manifest.truth })
        });
        assert_eq!(small, large, "{recipe}");
        let truth = small.1;
        let counts = (truth.turns.len(), truth.pruned_turns.len(), truth.completions);
        assert_eq!(counts, if recipe == "quick" { (5, 2, 40) } else { (40, 5, 0) });
        assert_eq!(truth.facts(), small.0.len() as u64);
        assert!(truth.turns.iter().all(|turn| turn.model.is_some() && turn.thread.is_some()));
    }
}

#[test]
fn the_same_recipe_seed_and_scale_give_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let one = build(&folder.path().join("one"), "quick", 0.05);
    let two = build(&folder.path().join("two"), "quick", 0.05);
    assert_eq!(one.manifest, two.manifest);
    assert_eq!(std::fs::read(&one.database).unwrap(), std::fs::read(&two.database).unwrap());
    let recipe = Recipe::builtin("quick").unwrap();
    let options = BuildOptions { seed: Some(7), scale: 0.05 };
    let other = build_into(&folder.path().join("three"), &recipe, &options, &mut go).unwrap();
    assert_ne!(other.manifest.rows_digest, one.manifest.rows_digest);
    assert_eq!(other.manifest.truth.turns.len(), one.manifest.truth.turns.len());
}

#[test]
fn a_scale_that_leaves_no_room_is_refused_and_the_one_suggested_works() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe::builtin("quick").unwrap();
    let refused = |scale| {
        build_into(folder.path(), &recipe, &BuildOptions { seed: None, scale }, &mut go)
            .unwrap_err()
    };
    let message = refused(0.001).to_string();
    let smallest =
        message.split("use a scale of ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let dataset = build(folder.path(), "quick", smallest.parse().unwrap());
    assert_eq!(dataset.manifest.truth.completions, 40);
    assert!(
        build_into(folder.path(), &recipe, &BuildOptions::default(), &mut go)
            .unwrap_err()
            .to_string()
            .contains("not empty")
    );
    assert!(refused(f64::NAN).to_string().contains("cannot be scaled by NaN"));
}

#[test]
fn a_recipe_file_may_leave_gaps_in_the_ids_and_free_pages() {
    let folder = tempfile::tempdir().unwrap();
    let text = Recipe::builtin("tags").unwrap().canonical();
    let text = text
        .replace("name = \"tags\"", "name = \"mine\"")
        .replace("free_percent = 2", "free_percent = 74");
    let text = text.replace("rows = 180000", "rows = 36000\nmax_id = 427582858");
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, text).unwrap();
    let recipe = Recipe::find(path.to_str().unwrap()).unwrap();
    let options = BuildOptions { seed: None, scale: 0.12 };
    let manifest =
        build_into(&folder.path().join("mine"), &recipe, &options, &mut go).unwrap().manifest;
    assert_eq!((manifest.rows, manifest.max_id), (4_320, 427_582_858));
    let free = manifest.pages.free * 100 / manifest.pages.total;
    assert!((72..=76).contains(&free), "{free}");
    assert_eq!(manifest.truth.turns.len(), 40);
}

/// Of each page of a database, from the first one on, whether it is on the free list.
fn free_pages(database: &Path) -> Vec<bool> {
    let bytes = std::fs::read(database).unwrap();
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut free = vec![false; bytes.len() / 4096];
    let mut trunk = word(32);
    while trunk > 0 {
        let at = (trunk - 1) * 4096;
        free[trunk - 1] = true;
        (0..word(at + 4)).for_each(|leaf| free[word(at + 8 + 4 * leaf) - 1] = true);
        trunk = word(at);
    }
    free
}

#[test]
fn many_free_pages_stand_between_the_others_and_nothing_of_earlier_days_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let Dataset { database, manifest, .. } = build(folder.path(), "freelist-1.2gb", 0.2);
    assert_eq!(
        (manifest.rows, manifest.max_id, manifest.file_bytes),
        (21_726, 427_582_858, 248_971_264)
    );
    let free = free_pages(&database);
    assert_eq!(free.iter().filter(|free| **free).count() as u64, manifest.pages.free);
    // Every part of the file has both: none is as good as full, none as good as empty.
    let parts: Vec<usize> = free
        .chunks(free.len() / 10)
        .map(|part| part.iter().filter(|free| **free).count() * 100 / part.len())
        .collect();
    assert!(parts.iter().take(10).all(|percent| (30..=97).contains(percent)), "{parts:?}");
    let runs = free.chunk_by(|one, next| one == next).filter(|run| !run[0]).count() as u64;
    assert!(runs * 20 > manifest.pages.total - manifest.pages.free, "{runs} runs of pages in use");
    // The first second of every dataset.
    assert_eq!(number(&database, "SELECT count(*) FROM logs WHERE ts < 1780000000"), 0);
    assert!(manifest.inserted_rows > 4 * manifest.rows);
    assert_eq!(read(&database, "PRAGMA integrity_check", |row| row.get::<_, String>(0)), ["ok"]);
}

#[test]
fn levels_come_out_exactly_at_every_scale() {
    let folder = tempfile::tempdir().unwrap();
    // Shares of 244,323, 66,759, 62,880, 11,563 and 50, rounded so that they add up to the rows.
    for (scale, levels) in
        [(0.1, [24_433, 6_676, 6_288, 1_156, 5]), (0.2, [48_865, 13_352, 12_576, 2_312, 10])]
    {
        let Dataset { database, .. } =
            build(&folder.path().join(scale.to_string()), "codex-685mb", scale);
        let found = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].map(|level| {
            number(&database, &format!("SELECT count(*) FROM logs WHERE level = '{level}'"))
        });
        assert_eq!(found, levels, "{scale}");
    }
}

#[test]
fn threads_and_processes_are_as_many_as_the_recipe_says() {
    let folder = tempfile::tempdir().unwrap();
    let text = Recipe::builtin("quick").unwrap().canonical();
    let text = text.replace(
        "threads_per_process = 3",
        "threads = 53\nprocesses = 17\nthreads_per_process = 3",
    );
    let text = text.replace("rows = 100000", "rows = 30000").replace("268435456", "80531456");
    let recipe = Recipe::parse(&text, "here").unwrap();
    let Dataset { database, manifest, .. } =
        build_into(&folder.path().join("all"), &recipe, &BuildOptions::default(), &mut go).unwrap();
    let count =
        |column: &str| number(&database, &format!("SELECT count(DISTINCT {column}) FROM logs"));
    assert_eq!((count("thread_id"), count("process_uuid"), manifest.rows), (53, 17, 30_000));
    assert_eq!((manifest.threads, manifest.processes), (53, 17));
}

#[test]
fn submissions_have_every_form_of_tier_and_threads_that_another_process_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let Manifest { facts, truth, .. } = build(folder.path(), "submissions", 0.1).manifest;
    assert_eq!((truth.turns.len(), truth.pruned_turns.len()), (91, 6));
    let forms: BTreeSet<TierForm> = facts
        .iter()
        .filter_map(|fact| match fact.intent {
            Intent::Submission { tier, .. } => Some(tier),
            _ => None,
        })
        .collect();
    assert_eq!(forms.len(), 6, "{forms:?}");
    assert!(facts.iter().any(|fact| matches!(fact.intent, Intent::Settings { .. })));
    // The thread ran at priority, and another process goes on with it without naming a tier: it
    // does not inherit.
    let lost = facts.iter().enumerate().filter(|(at, fact)| {
        let before = facts[..*at].iter().rev().find(|before| before.thread == fact.thread);
        matches!(fact.intent, Intent::Submission { tier: TierForm::Inherit, .. })
            && before.is_some_and(|before| {
                before.process != fact.process
                    && matches!(
                        before.intent,
                        Intent::Submission { tier: TierForm::Priority | TierForm::Fast, .. }
                    )
            })
    });
    assert!(lost.count() > 0);
}

#[test]
fn the_era_of_submissions_needs_a_recipe_only() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        Recipe::builtin("quick").unwrap().canonical().replace("era = \"0.141\"", "era = \"0.145\"");
    let text = text.replace("completions = 40\nturns = 0", "completions = 0\nturns = 60");
    let text = text.replace("priority_turns = 5", "priority_turns = 20");
    let recipe = Recipe::parse(&text, "here").unwrap();
    let options = BuildOptions { seed: None, scale: 0.05 };
    let manifest = build_into(folder.path(), &recipe, &options, &mut go).unwrap().manifest;
    let truth = &manifest.truth;
    assert_eq!((truth.turns.len(), truth.pruned_turns.len()), (20, 2));
    assert_eq!(
        (truth.submissions >= 60, truth.completions, truth.requests, truth.tags),
        (true, 0, 0, 0)
    );
    let mut tiers: Vec<TierForm> = manifest
        .facts
        .iter()
        .filter_map(|fact| match fact.intent {
            Intent::Submission { tier, .. } | Intent::Settings { tier } => Some(tier),
            _ => None,
        })
        .collect();
    tiers.sort_unstable();
    tiers.dedup();
    assert_eq!(tiers.len(), 6, "every form of a tier: {tiers:?}");
}

/// Anyone who changes what is written for the same recipe, seed and scale raises
/// `GENERATOR_VERSION`, and writes the digests of the new rows here.
#[test]
fn rows_change_with_the_generator_version_only() {
    let folder = tempfile::tempdir().unwrap();
    let digest = |recipe: &str, scale| {
        build(&folder.path().join(recipe), recipe, scale).manifest.rows_digest[..16].to_owned()
    };
    let digests = [digest("tiny", 1.0), digest("quick", 0.05), digest("tags", 0.1)];
    assert_eq!(
        (tracerig_datasets::GENERATOR_VERSION, digests.each_ref().map(String::as_str)),
        (3, ["657e653678ff42cb", "3d63b1cbed1798fb", "9087cbdeddcaddd8"])
    );
}

#[test]
fn a_workload_goes_on_where_the_dataset_ended() {
    let folder = tempfile::tempdir().unwrap();
    for recipe in ["quick", "tags", "submissions"] {
        let Dataset { database, manifest, .. } = build(&folder.path().join(recipe), recipe, 0.1);
        let append = |name: &str, seed, mix| -> (Appended, Vec<String>) {
            let copy = folder.path().join(format!("{recipe}-{name}.sqlite"));
            std::fs::copy(&database, &copy).unwrap();
            let mut log = TraceLog::open(&copy).unwrap();
            let appended = workload::append(&mut log, &manifest, seed, 300, mix).unwrap();
            let rows = format!(
                "SELECT concat_ws(' ', id, ts, ts_nanos, target, thread_id, \
                 hex(feedback_log_body)) FROM logs WHERE id > {}",
                manifest.max_id
            );
            drop(log);
            (appended, read(&copy, &rows, |row| row.get(0)))
        };
        let (one, rows) = append("one", 1, Mix::Realistic);
        assert_eq!(
            (one.rows, one.first_id, one.last_id),
            (300, manifest.max_id + 1, manifest.max_id + 300)
        );
        assert_eq!(append("again", 1, Mix::Realistic), (one.clone(), rows.clone()));
        assert_ne!(append("other", 2, Mix::Realistic).1, rows);
        let threads: BTreeSet<&String> =
            manifest.continuation.processes.iter().flat_map(|(_, threads)| threads).collect();
        assert!(rows.iter().any(|row| threads.iter().any(|thread| row.contains(thread.as_str()))));
        assert!(
            (3..=15).contains(&one.facts.len()) || recipe == "tags" && !one.facts.is_empty(),
            "{}",
            one.facts.len()
        );
        assert!(append("none", 1, Mix::NoFacts).0.facts.is_empty());
        assert!(append("facts", 1, Mix::Facts).0.facts.len() > 2 * one.facts.len());
        let everything: Vec<Fact> = manifest.facts.iter().chain(&one.facts).cloned().collect();
        let turn_rows: Vec<Ran> =
            manifest.turn_rows.iter().chain(&one.turn_rows).cloned().collect();
        let truth = Truth::of(&everything, &turn_rows, &[], |_| true);
        assert!(truth.turns.len() > manifest.truth.turns.len());
    }
}
