//! The cache: built once, verified when taken again, nothing half-built ever taken.

use std::io::BufRead;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tracerig_datasets::{BuildOptions, Cache, DatasetError, Progress, Recipe, Stage};

const SMALL: BuildOptions = BuildOptions { seed: None, scale: 0.05 };

fn go(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn quick() -> Recipe {
    Recipe::builtin("quick").unwrap()
}

/// Everything in the cache but lock files.
fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_lock = |name: &String| name.starts_with(".lock-") || name.starts_with(".used-");
    let mut names: Vec<String> = entries.filter(|name| !is_lock(name)).collect();
    names.sort_unstable();
    names
}

fn built_when(cache: &Cache) -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut watch = |progress: Progress| {
        stages.push(progress.stage);
        ControlFlow::Continue(())
    };
    cache.ensure(&quick(), &SMALL, &mut watch).unwrap();
    stages.dedup();
    stages
}

#[test]
fn a_dataset_is_built_once_and_a_changed_file_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    assert_eq!(built_when(&cache), [Stage::Generating, Stage::Digesting]);
    assert_eq!(built_when(&cache), []);
    let dataset = cache.inspect("quick").unwrap();
    // Touched but the same: the digest is computed once more.
    let file = std::fs::File::options().append(true).open(&dataset.database).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(built_when(&cache), [Stage::Verifying]);
    assert_eq!(built_when(&cache), []);
    // One byte in the middle.
    let mut bytes = std::fs::read(&dataset.database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&dataset.database, &bytes).unwrap();
    let error = cache.verify("quick", &mut go).unwrap_err();
    assert!(matches!(error, DatasetError::Damaged { .. }), "{error}");
    assert_eq!(built_when(&cache), [Stage::Verifying, Stage::Generating, Stage::Digesting]);
    assert_eq!(cache.verify("quick", &mut go).unwrap().manifest, dataset.manifest);
    // Written to by somebody who left before a checkpoint.
    let log = dataset.database.with_file_name("logs_2.sqlite-wal");
    std::fs::write(&log, b"").unwrap();
    assert_eq!(built_when(&cache), []);
    std::fs::write(&log, b"rows").unwrap();
    assert!(cache.verify("quick", &mut go).unwrap_err().to_string().contains("write-ahead log"));
    assert_eq!(built_when(&cache), [Stage::Generating, Stage::Digesting]);
    // Cut short.
    std::fs::write(&dataset.database, &bytes[..middle]).unwrap();
    assert_eq!(built_when(&cache), [Stage::Generating, Stage::Digesting]);
}

#[test]
fn rows_that_differ_are_found_though_the_file_has_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let dataset = cache.ensure(&quick(), &SMALL, &mut go).unwrap();
    let path = dataset.database.with_file_name("manifest.json");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace(&dataset.manifest.rows_digest, &"0".repeat(64));
    std::fs::write(&path, text).unwrap();
    assert!(
        cache
            .verify("quick", &mut go)
            .unwrap_err()
            .to_string()
            .contains("its rows have the digest")
    );
}

#[test]
fn several_at_a_time_build_once() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    // Each ensures with a lock file of its own, as processes do.
    let stages = std::thread::scope(|scope| {
        let builders: Vec<_> = (0..3).map(|_| scope.spawn(|| built_when(&cache))).collect();
        builders.into_iter().map(|builder| builder.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(stages.iter().filter(|stages| stages.contains(&Stage::Generating)).count(), 1);
    assert_eq!(entries(folder.path()).len(), 1);
}

#[test]
fn a_cancelled_build_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    for stage in [Stage::Generating, Stage::Digesting] {
        let mut cancel = |progress: Progress| {
            if progress.stage == stage { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let error = cache.ensure(&quick(), &SMALL, &mut cancel).unwrap_err();
        assert!(matches!(error, DatasetError::Cancelled), "{error}");
        assert_eq!(entries(folder.path()), Vec::<String>::new());
    }
}

/// What the tests below run in separate processes.
#[test]
#[ignore = "run by other tests, with a cache in the environment"]
fn builder() {
    let Some(folder) = std::env::var_os(PROCESS_CACHE) else { return };
    let scale = std::env::var(PROCESS_SCALE).unwrap().parse().unwrap();
    let mut generated = false;
    let mut watch = |progress: Progress| {
        generated |= progress.stage == Stage::Generating;
        ControlFlow::Continue(())
    };
    let dataset = Cache::at(folder)
        .ensure(&quick(), &BuildOptions { seed: None, scale }, &mut watch)
        .unwrap();
    println!("generated: {generated}");
    // Uses it until the other process closes its end.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
    drop(dataset);
}

const PROCESS_CACHE: &str = "TRACERIG_TEST_CACHE";
const PROCESS_SCALE: &str = "TRACERIG_TEST_SCALE";

fn start_builder(folder: &Path, scale: f64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["cache::builder", "--exact", "--ignored", "--nocapture"])
        .env(PROCESS_CACHE, folder)
        .env(PROCESS_SCALE, scale.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn processes_that_ask_for_the_same_dataset_build_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let processes: Vec<Child> = (0..3).map(|_| start_builder(folder.path(), SMALL.scale)).collect();
    let outputs: Vec<String> = processes
        .into_iter()
        .map(|process| String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap())
        .collect();
    let count = |text: &str| outputs.iter().filter(|output| output.contains(text)).count();
    assert_eq!((count("generated: true"), count("generated: false")), (1, 2), "{outputs:?}");
    assert_eq!(entries(folder.path()).len(), 1);
}

#[test]
fn a_killed_builder_leaves_nothing_that_is_taken_and_the_next_one_clears_it_away() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    // Large enough to be killed in the middle of it.
    let mut process = start_builder(folder.path(), 1.0);
    let half_built = || {
        let names = entries(folder.path());
        let name = names.iter().find(|name| name.starts_with(".building-"))?.clone();
        let database = folder.path().join(&name).join("logs_2.sqlite");
        (std::fs::metadata(database).ok()?.len() > 1 << 20).then_some(name)
    };
    let name = loop {
        if let Some(name) = half_built() {
            break name;
        }
        assert!(process.try_wait().unwrap().is_none(), "the builder was to be killed first");
        std::thread::sleep(Duration::from_millis(1));
    };
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(entries(folder.path()), [name]);
    assert!(cache.list().unwrap().is_empty());
    assert!(matches!(cache.inspect("quick").unwrap_err(), DatasetError::NoDataset { .. }));
    // The lock is free again, and what was left is gone with the next build of the same dataset.
    let mut cancel = |progress: Progress| {
        assert_eq!(progress.stage, Stage::Generating);
        ControlFlow::Break(())
    };
    let error = cache.ensure(&quick(), &BuildOptions::default(), &mut cancel).unwrap_err();
    assert!(matches!(error, DatasetError::Cancelled), "{error}");
    assert_eq!(entries(folder.path()), Vec::<String>::new());
}

/// Waits until the process has its dataset.
fn until_it_has_one(process: &mut Child) {
    let lines = std::io::BufReader::new(process.stdout.as_mut().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.contains("generated: ")));
}

#[test]
fn a_dataset_that_another_process_uses_is_neither_removed_nor_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let [mut one, mut two] = [0, 1].map(|_| start_builder(folder.path(), SMALL.scale));
    until_it_has_one(&mut one);
    until_it_has_one(&mut two);
    let database = cache.inspect("quick").unwrap().database;
    let in_use = || {
        let error = cache.remove("quick").unwrap_err();
        assert!(matches!(error, DatasetError::InUse { .. }), "{error}");
        let message = error.to_string();
        assert!(
            message.contains(folder.path().to_str().unwrap()) && message.contains("has ended"),
            "{message}"
        );
        assert!(database.is_file());
    };
    in_use();
    // Damaged, it has to be built again; that waits for those who use it.
    let bytes = std::fs::read(&database).unwrap();
    std::fs::write(&database, &bytes[..4096]).unwrap();
    let mut stages = Vec::new();
    let mut wait = |progress: Progress| {
        stages.push(progress.stage);
        ControlFlow::Break(())
    };
    let error = cache.ensure(&quick(), &SMALL, &mut wait).unwrap_err();
    assert!(matches!(error, DatasetError::Cancelled), "{error}");
    assert_eq!((stages, std::fs::metadata(&database).unwrap().len()), (vec![Stage::Waiting], 4096));
    // One ends, the other is killed.
    drop(one.stdin.take());
    assert!(one.wait().unwrap().success());
    in_use();
    two.kill().unwrap();
    two.wait().unwrap();
    cache.remove("quick").unwrap();
    assert_eq!(entries(folder.path()), Vec::<String>::new());
    // The same within one process.
    let dataset = cache.ensure(&quick(), &SMALL, &mut go).unwrap();
    let other = dataset.clone();
    drop(dataset);
    assert!(matches!(cache.remove("quick").unwrap_err(), DatasetError::InUse { .. }));
    drop(other);
    cache.remove("quick").unwrap();
}

#[test]
fn names_are_found_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("not").join("there"));
    assert!(cache.list().unwrap().is_empty());
    let first = cache.ensure(&quick(), &SMALL, &mut go).unwrap();
    cache.ensure(&quick(), &BuildOptions { seed: Some(2), ..SMALL }, &mut go).unwrap();
    assert_eq!(cache.list().unwrap().len(), 2);
    let error = cache.inspect("quick").unwrap_err();
    assert!(matches!(error, DatasetError::AmbiguousDataset { .. }), "{error}");
    let name = first.database.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let name = name.to_owned();
    drop(first);
    let removed: PathBuf = cache.remove(&name).unwrap();
    assert!(!removed.exists());
    assert_eq!(cache.inspect("quick").unwrap().manifest.seed, 2);
    assert!(cache.remove("codex").unwrap_err().to_string().contains("no dataset `codex`"));
}

#[test]
fn too_little_room_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let options = BuildOptions { seed: None, scale: 1000.0 };
    // A quarter of a terabyte; where there is that much room, nothing is to be seen.
    let Err(error) = cache.ensure(&quick(), &options, &mut |_| ControlFlow::Break(())) else {
        return;
    };
    assert!(matches!(error, DatasetError::NoRoom { .. } | DatasetError::Cancelled), "{error}");
    assert_eq!(entries(folder.path()), Vec::<String>::new());
}
