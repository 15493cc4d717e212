//! `tracerig dataset` from several processes: built once, never half-built, gone when removed.

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tracerig_oracle::{self as oracle, Answer, Window};

use crate::common::program::{Program, Ran, text};
use tracerig_datasets::{BuildOptions, Cache, Manifest, Recipe, Truth};
use tracerig_real::Codex;

fn built(ran: &Ran) -> PathBuf {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let path = PathBuf::from(ran.out.strip_suffix('\n').unwrap());
    assert!(path.is_file(), "{ran:?}");
    path
}

/// What the generator meant to be found, as an oracle would tell it. It does not count turn rows.
fn meant(truth: &Truth, found: &Answer) -> Answer {
    let turn = |turn: &tracerig_datasets::Turn| oracle::Turn {
        thread_id: turn.thread.clone(),
        model: turn.model.clone(),
        timestamp: turn.timestamp,
    };
    Answer {
        turns: truth.turns.iter().map(|found| (found.turn.clone(), turn(found))).collect(),
        facts: truth.facts(),
        completions: truth.completions,
        unrecognised: truth.unrecognised,
        ..found.clone()
    }
}

#[test]
fn what_the_generator_meant_is_what_the_oracle_and_the_scanner_find() {
    let program = Program::new();
    for (recipe, scale) in [
        ("tiny", "1"),
        ("tiny", "2.5"),
        ("quick", "0.1"),
        ("tags", "0.1"),
        ("codex-799mb", "0.1"),
        ("codex-685mb", "0.1"),
        ("transport-1.4gb", "0.05"),
        ("freelist-1.2gb", "0.2"),
        ("submissions", "0.1"),
    ] {
        let database = built(&program.run(&["dataset", "build", recipe, "--scale", scale]));
        let manifest = Manifest::read(database.parent().unwrap()).unwrap();
        let found = oracle::scan(&database, Window::default()).unwrap();
        assert_eq!(found, meant(&manifest.truth, &found), "{recipe} at {scale}");
        assert!(!found.turns.is_empty());

        let document =
            program.json(&["scan", "--db", text(&database), "--no-memo", "--format", "json"]);
        assert_eq!(
            document["turns"],
            serde_json::to_value(&found.turns).unwrap(),
            "{recipe} at {scale}"
        );
        assert_eq!(document["scan"]["facts"], found.facts);
        assert_eq!(document["scan"]["completions"], found.completions);
        assert_eq!(document["scan"]["unrecognised"], found.unrecognised);
        assert!(found.turn_rows > 0 && found.tier_rows > 0, "{recipe} at {scale}");
        assert_eq!(document["scan"]["rows_examined"], manifest.rows);
    }
}

#[test]
fn processes_that_ask_at_the_same_time_share_one_build() {
    let program = Program::new();
    let start = || {
        let mut command = program.command(&["dataset", "build", "quick", "--scale", "0.1"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..3).map(|_| start()).collect();
    let paths: Vec<PathBuf> = running
        .into_iter()
        .map(|child| built(&Ran::of(&child.wait_with_output().unwrap())))
        .collect();
    assert!(paths.iter().all(|path| *path == paths[0]));
    let listing = program.json(&["dataset", "list", "--format", "json"]);
    assert_eq!(listing["datasets"].as_array().unwrap().len(), 1);
    let ran = program.run(&["dataset", "verify", "quick"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn a_build_killed_on_its_way_leaves_nothing_that_is_taken_for_a_dataset() {
    let program = Program::new();
    let arguments = ["dataset", "build", "quick", "--scale", "0.2"];
    let mut child =
        program.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // As soon as it has begun to write.
    while !some_file_in(&program.cache()) {
        assert!(child.try_wait().unwrap().is_none(), "it was done before it could be killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    child.wait().unwrap();
    assert_eq!(printed, "");
    let listing = program.json(&["dataset", "list", "--format", "json"]);
    assert_eq!(listing["datasets"].as_array().unwrap().len(), 0);
    assert_eq!(program.run(&["dataset", "inspect", "quick"]).code, Some(1));

    let database = built(&program.run(&arguments));
    let verified = program.run(&["dataset", "verify", "quick"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    // What the killed build left is gone: the folder of datasets holds this one and lock files.
    let folder = database.parent().unwrap();
    let others: Vec<_> = std::fs::read_dir(folder.parent().unwrap())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path != folder && path.is_dir())
        .collect();
    assert_eq!(others, Vec::<PathBuf>::new());
}

/// Whether a database is being written somewhere under `folder`.
fn some_file_in(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().map(|entry| entry.path()).any(|path| {
        path.is_dir() && some_file_in(&path)
            || path.extension().is_some_and(|kind| kind == "sqlite")
                && std::fs::metadata(&path).is_ok_and(|file| file.len() > 1 << 20)
    })
}

#[test]
fn a_changed_dataset_is_noticed_and_can_be_removed() {
    let program = Program::new();
    let database = built(&program.run(&["dataset", "build", "tiny"]));
    let same = built(&program.run(&["dataset", "build", "tiny"]));
    assert_eq!(database, same);
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&database, bytes).unwrap();
    let verified = program.run(&["dataset", "verify", "tiny"]);
    assert_eq!(verified.code, Some(1), "{verified:?}");
    assert!(verified.err.contains("tiny"), "{}", verified.err);

    assert_eq!(program.run(&["dataset", "remove", "tiny"]).code, Some(0));
    assert!(!database.exists());
    assert_eq!(program.run(&["dataset", "remove", "tiny"]).code, Some(1));
    built(&program.run(&["dataset", "build", "tiny"]));
    assert_eq!(program.run(&["dataset", "verify", "tiny"]).code, Some(0));
}

#[test]
fn a_manifest_that_says_other_numbers_is_noticed() {
    let program = Program::new();
    let database = built(&program.run(&["dataset", "build", "tiny"]));
    let path = database.with_file_name("manifest.json");
    let right = std::fs::read_to_string(&path).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&right).unwrap();
    let kind =
        format!("/kinds/{}/rows", whole["kinds"].as_object().unwrap().keys().next().unwrap());
    for pointer in
        ["/rows", "/max_id", "/body_bytes", "/threads", "/levels/trace", "/pages/logs", &kind]
    {
        let mut manifest = whole.clone();
        let number = manifest.pointer_mut(pointer).unwrap();
        *number = (number.as_u64().unwrap() + 1).into();
        std::fs::write(&path, manifest.to_string()).unwrap();
        let verified = program.run(&["dataset", "verify", "tiny"]);
        assert_eq!(verified.code, Some(1), "{pointer}: {verified:?}");
        assert!(verified.err.contains("manifest says"), "{}", verified.err);
    }
    std::fs::write(&path, right).unwrap();
    assert_eq!(program.run(&["dataset", "verify", "tiny"]).code, Some(0));
}

#[test]
fn a_dataset_that_a_run_uses_is_not_removed() {
    let program = Program::new();
    // What a run holds as long as it lasts, here by this process.
    let recipe = Recipe::find("tiny").unwrap();
    let cache = Cache::at(program.cache().join("datasets"));
    let dataset = cache
        .ensure(&recipe, &BuildOptions::default(), &mut |_| ControlFlow::Continue(()))
        .unwrap();
    let refused = program.run(&["dataset", "remove", "tiny"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("is in use") && refused.err.contains("tiny-"), "{}", refused.err);
    assert_eq!(program.run(&["dataset", "verify", "tiny"]).code, Some(0));
    drop(dataset);
    assert_eq!(program.run(&["dataset", "remove", "tiny"]).code, Some(0));
}

#[test]
fn a_folder_of_one_s_own_gets_the_dataset_and_nothing_is_overwritten() {
    let program = Program::new();
    let out = program.path("mine");
    let database = built(&program.run(&["dataset", "build", "tiny", "--out", text(&out)]));
    assert_eq!(database.parent().unwrap(), out);
    assert!(!program.cache().join("datasets").exists());
    let again = program.run(&["dataset", "build", "tiny", "--out", text(&out)]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.err.contains("mine"), "{}", again.err);
}

/// Words of a body that a recipe could give away: runs of eight letters or more, of rows of any
/// kind.
fn words(database: &Path) -> BTreeSet<String> {
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT coalesce(CAST(feedback_log_body AS BLOB), x''), coalesce(thread_id, ''), \
                  coalesce(process_uuid, '') FROM logs",
        )
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut words = BTreeSet::new();
    while let Some(row) = rows.next().unwrap() {
        let body: Vec<u8> = row.get(0).unwrap();
        let names: [String; 2] = [row.get(1).unwrap(), row.get(2).unwrap()];
        for text in [&body[..], names[0].as_bytes(), names[1].as_bytes()] {
            let runs = text.split(|byte| !byte.is_ascii_alphabetic()).filter(|run| run.len() >= 8);
            for run in runs {
                let run = str::from_utf8(run).unwrap();
                if !words.contains(run) {
                    words.insert(run.to_owned());
                }
            }
        }
        words.extend(names.into_iter().filter(|name| !name.is_empty()));
    }
    words
}

/// Every word that any recipe may hold: keys, names of kinds, and what the recipes of mimic say of
/// themselves.
fn vocabulary() -> BTreeSet<String> {
    let shapes = [
        include_str!("../../../datasets/shapes/0.141.toml"),
        include_str!("../../../datasets/shapes/0.169.toml"),
    ];
    let kinds =
        shapes.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("name = "));
    let keys = include_str!("../../../datasets/recipes/quick.toml").lines();
    let keys = keys.filter_map(|line| line.split(" = ").next());
    let own = "Written tracerig dataset mimic sizes kinds rows content keys explained datasets \
               recipes quick toml one own database nothing numbers taken processes threads \
               resumed_threads levels oddities completions";
    let all = kinds.chain(keys).chain([own]).collect::<Vec<_>>().join(" ");
    all.split(|letter: char| !letter.is_ascii_alphabetic()).map(str::to_owned).collect()
}

#[test]
fn a_recipe_made_from_a_database_gives_one_of_its_size_and_tells_nothing_else() {
    let program = Program::new();
    let real = |codex: Codex| {
        let folder = program.path(codex.version());
        std::fs::create_dir(&folder).unwrap();
        codex.write_logs(&folder).unwrap()
    };
    let mut sources = [Codex::V0_141_0, Codex::V0_169_0].map(real).to_vec();
    for (recipe, scale) in
        [("tiny", "1"), ("submissions", "0.1"), ("transport-1.4gb", "0.04"), ("tags", "0.1")]
    {
        sources.push(built(&program.run(&["dataset", "build", recipe, "--scale", scale])));
    }
    for (at, source) in sources.iter().enumerate() {
        let before = std::fs::read(source).unwrap();
        let beside = || std::fs::read_dir(source.parent().unwrap()).unwrap().count();
        let files = beside();
        let name = format!("mine-{at}");
        let file = program.path(&format!("{name}.toml"));
        let ran = program.run(&[
            "dataset",
            "mimic",
            "--from",
            text(source),
            "--name",
            &name,
            "--out",
            text(&file),
        ]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(
            std::fs::read(source).unwrap() == before && beside() == files,
            "the source was changed"
        );

        let recipe = std::fs::read_to_string(&file).unwrap();
        let known = vocabulary();
        let said: BTreeSet<&str> =
            recipe.split(|letter: char| !letter.is_ascii_alphabetic()).collect();
        for word in words(source).difference(&known) {
            // Names of threads and processes are more than letters.
            let told = said.contains(word.as_str())
                || word.contains('-') && recipe.contains(word.as_str());
            assert!(!told, "{} gives away `{word}`", source.display());
        }

        let out = program.path(&name);
        let database = built(&program.run(&["dataset", "build", text(&file), "--out", text(&out)]));
        let manifest = Manifest::read(&out).unwrap();
        let count = |path: &Path, sql: &str| -> i64 {
            rusqlite::Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
        };
        for sql in ["SELECT count(*) FROM logs", "SELECT max(id) FROM logs"] {
            assert_eq!(count(&database, sql), count(source, sql), "{} {sql}", source.display());
        }
        for level in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] {
            let sql = format!("SELECT count(*) FROM logs WHERE level = '{level}'");
            assert_eq!(count(&database, &sql), count(source, &sql), "{} {level}", source.display());
        }
        let difference = manifest.file_bytes.abs_diff(before.len() as u64);
        assert!(difference * 100 <= before.len() as u64, "{} {difference}", source.display());
        // Rows that are almost facts, of which `tiny` is full, are facts to the simple look that
        // counts them.
        if !source.to_string_lossy().contains("/tiny-") {
            let found = oracle::scan(source, Window::default()).unwrap();
            assert_eq!(manifest.truth.turns.len(), found.turns.len(), "{}", source.display());
        }
        let found = oracle::scan(&database, Window::default()).unwrap();
        assert_eq!(found, meant(&manifest.truth, &found));
    }
}

#[test]
fn what_cannot_be_imitated_is_told_with_its_path() {
    let program = Program::new();
    let missing = program.path("missing.sqlite");
    let (other, empty, text_file) =
        (program.path("other.sqlite"), program.path("empty.sqlite"), program.path("text.sqlite"));
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE notes (x)").unwrap();
    drop(tracerig_store::TraceLog::open(&empty).unwrap());
    std::fs::write(&text_file, "no database, but long enough to have a header ".repeat(100))
        .unwrap();
    for (path, says) in [
        (&missing, "open"),
        (&other, "no table `logs`"),
        (&empty, "is empty"),
        (&text_file, "cannot read"),
    ] {
        let ran = program.run(&["dataset", "mimic", "--from", text(path)]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.err.contains(says) && ran.err.contains(text(path)), "{}", ran.err);
    }
}

/// What is in a user's own file is never said to be a dataset that one removes and builds again.
#[test]
fn nobody_is_told_to_remove_a_database_of_their_own() {
    let program = Program::new();
    let files: [(&str, &[u8]); 2] = [("empty", b""), ("text", b"this is no database")];
    for (name, content) in files {
        std::fs::write(program.path(name), content).unwrap();
    }
    std::fs::create_dir(program.path("folder")).unwrap();
    rusqlite::Connection::open(program.path("other"))
        .unwrap()
        .execute_batch("CREATE TABLE t(a)")
        .unwrap();
    rusqlite::Connection::open(program.path("alike"))
        .unwrap()
        .execute_batch("CREATE TABLE logs(a)")
        .unwrap();
    for name in ["empty", "text", "folder", "other", "alike", "missing"] {
        for verb in
            [&["run", "relaunch", "--samples", "1", "--db"][..], &["dataset", "mimic", "--from"]]
        {
            let ran = program.run(&[verb, &[name]].concat());
            assert_eq!(ran.code, Some(1), "{verb:?} {name}: {}", ran.err);
            assert!(
                ran.err.contains(&format!("tracerig: {name}: ")),
                "{verb:?} {name}: {}",
                ran.err
            );
            assert!(
                !ran.err.contains("remove") && !ran.err.contains("cache/work"),
                "{verb:?} {name}: {}",
                ran.err
            );
        }
    }
}

#[test]
fn every_recipe_is_listed_with_its_reason() {
    let program = Program::new();
    let listing = program.json(&["dataset", "list", "--format", "json"]);
    let recipes: Vec<&str> = listing["recipes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|recipe| recipe["recipe"].as_str().unwrap())
        .collect();
    for name in [
        "tiny",
        "quick",
        "tags",
        "submissions",
        "codex-685mb",
        "codex-799mb",
        "freelist-1.2gb",
        "transport-1.4gb",
    ] {
        assert!(recipes.contains(&name), "{recipes:?}");
        assert!(!Recipe::find(name).unwrap().why().is_empty());
    }
    let table = program.run(&["dataset", "list"]).out;
    assert!(
        table.lines().all(|line| line.chars().count() <= 80 || line.starts_with("Datasets in ")),
        "{table}"
    );
    let unknown = program.run(&["dataset", "build", "huge"]);
    assert_eq!(unknown.code, Some(2));
    let listed =
        ["quick", "archive-tiny", "archive-60k"].iter().all(|name| unknown.err.contains(name));
    assert!(listed, "{}", unknown.err);
    // Inspecting one shows long paths and counts within the width of a terminal.
    for name in ["tiny", "archive-tiny"] {
        assert_eq!(program.run(&["dataset", "build", name]).code, Some(0));
        let table = program.run(&["dataset", "inspect", name]).out;
        let fits = |line: &str| line.chars().count() <= 80 || line.starts_with("database ");
        assert!(table.lines().all(fits) && table.contains(" sha"), "{table}");
    }
}
