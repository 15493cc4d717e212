//! Archives in the cache: built, verified, taken again, removed; and what is done to a copy of one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tracerig_datasets::archive::{ArchiveDataset, ArchiveRecipe, Sessions, UsedTier, operations};
use tracerig_datasets::{BuildOptions, Cache, DatasetError, Progress, Stage};

fn go(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn tiny(cache: &Cache, scale: f64) -> ArchiveDataset {
    let recipe = ArchiveRecipe::builtin("archive-tiny").unwrap();
    let options = BuildOptions { scale, ..BuildOptions::default() };
    cache.ensure_archive(&recipe, &options, &mut go).unwrap()
}

fn rollouts(home: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![home.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[test]
fn an_archive_is_built_once_as_large_as_its_recipe_says_and_a_changed_one_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let dataset = tiny(&cache, 1.0);
    let manifest = &dataset.manifest;
    let recipe = ArchiveRecipe::builtin("archive-tiny").unwrap();
    assert_eq!((manifest.files, manifest.copies), (63, 3));
    let found = rollouts(&dataset.home);
    let length = |path: &PathBuf| fs::metadata(path).unwrap().len();
    let once: BTreeMap<_, _> = found.iter().map(|path| (path.file_name().unwrap(), length(path))).collect();
    let once: u64 = once.values().sum();
    assert!(once.abs_diff(recipe.bytes(1.0)) * 100 <= recipe.bytes(1.0), "{once}");
    let bytes: u64 = found.iter().map(length).sum();
    assert_eq!((found.len() as u64, bytes), (manifest.files, manifest.bytes));
    let lines: usize = found.iter().map(|path| fs::read_to_string(path).unwrap().lines().count()).sum();
    assert_eq!(lines as u64, manifest.lines);

    let mut stages = Vec::new();
    let mut watch = |progress: Progress| {
        stages.push(progress.stage);
        ControlFlow::Continue(())
    };
    let again = cache.ensure_archive(&recipe, &BuildOptions::default(), &mut watch).unwrap();
    assert_eq!((&again, stages.is_empty()), (&dataset, true), "taken as it is");
    assert_eq!(cache.verify_archive("archive-tiny", &mut go).unwrap(), dataset);
    let listed = cache.list_archives().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(cache.list().unwrap().len(), 1, "the trace database");
    assert!(matches!(cache.remove("archive-tiny"), Err(DatasetError::InUse { .. })));

    fs::write(&found[0], "changed").unwrap();
    let error = cache.verify_archive("archive-tiny", &mut go).unwrap_err();
    assert!(matches!(error, DatasetError::Damaged { .. }), "{error}");
    drop((again, dataset));
    assert_eq!(tiny(&cache, 1.0).home, found[0].ancestors().find(|path| path.ends_with("home")).unwrap());
    assert!(cache.verify_archive("archive-tiny", &mut go).is_ok());
    cache.remove("archive-tiny").unwrap();
    assert!(cache.list_archives().unwrap().is_empty());
}

#[test]
fn a_scale_changes_the_bytes_and_nothing_that_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let (whole, small) = (tiny(&cache, 1.0), tiny(&cache, 0.2));
    assert!(small.manifest.bytes * 2 < whole.manifest.bytes);
    assert_eq!(small.manifest.expected.total().events, whole.manifest.expected.total().events);
    assert_eq!(small.manifest.of_turns, whole.manifest.of_turns);
    let turns = &whole.trace.manifest.truth.turns;
    assert!(turns.iter().any(|turn| whole.manifest.of_turns.contains_key(&turn.turn)), "the join has work");
    let mut of_turns = whole.manifest.of_turns.values().flat_map(tracerig_datasets::archive::Expected::iter);
    assert!(of_turns.all(|(class, _)| class.tier == UsedTier::Unknown), "where sessions say nothing");
    let tiers = [UsedTier::Standard, UsedTier::Priority, UsedTier::Unknown];
    for tier in tiers {
        assert!(whole.manifest.expected.iter().any(|(class, _)| class.tier == tier), "{tier:?}");
    }
}

#[test]
fn a_build_that_is_ended_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let recipe = ArchiveRecipe::builtin("archive-tiny").unwrap();
    let mut end = |progress: Progress| {
        if progress.stage == Stage::Verifying { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let dataset = tiny(&cache, 1.0);
    let path = rollouts(&dataset.home).remove(0);
    drop(dataset);
    fs::write(path, "changed").unwrap();
    let ended = cache.ensure_archive(&recipe, &BuildOptions::default(), &mut end);
    assert!(matches!(ended, Err(DatasetError::Cancelled)));
}

#[test]
fn sessions_go_on_in_a_copy_the_same_way_for_the_same_seed() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = tiny(&Cache::at(folder.path().join("cache")), 1.0);
    let grown = |name: &str| {
        let home = folder.path().join(name);
        operations::copy_home(&dataset, &home, &mut go).unwrap();
        let mut sessions = Sessions::of(&dataset).unwrap();
        let some = sessions.some(3, 1);
        let one = sessions.append(&home, some[0], 5).unwrap();
        let other = sessions.append(&home, some[0], 5).unwrap();
        assert_ne!(one, other, "it goes on");
        let (torn, rest) = sessions.append_torn(&home, some[1], 5).unwrap();
        let text = fs::read_to_string(home.join(sessions.path(some[1]).unwrap())).unwrap();
        assert!(!text.ends_with('\n') && rest.ends_with(b"\n"));
        let later = sessions.resume(&home, some[2], 5, 3).unwrap();
        let days =
            |used: &tracerig_datasets::archive::Expected| used.iter().next().map(|(class, _)| class.day);
        assert!(days(&later) > Some(0) && !torn.is_empty() || torn.is_empty());
        rollouts(&home).iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(grown("one"), grown("other"));
}

#[test]
fn files_are_moved_cut_restored_and_linked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollout-a.jsonl");
    fs::write(&path, "one\ntwo\n").unwrap();
    let modified = || fs::metadata(&path).unwrap().modified().unwrap();
    let before = modified();
    operations::add(&path, b"three\n").unwrap();
    operations::truncate(&path, 4).unwrap();
    operations::replace(&path, b"other\n").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"other\n");
    let set = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    fs::File::options().write(true).open(&path).unwrap().set_modified(set).unwrap();
    operations::rewrite(&path, |bytes| bytes[0] = b'O').unwrap();
    assert_eq!((fs::read(&path).unwrap(), modified()), (b"Other\n".to_vec(), set));
    let deleted = operations::delete(&path).unwrap();
    assert!(!path.exists() && before > set);
    operations::restore(&path, &deleted).unwrap();
    assert_eq!((fs::read(&path).unwrap(), modified()), (b"Other\n".to_vec(), set));
    let moved = folder.path().join("2026/01/02/rollout-a.jsonl");
    operations::rename(&path, &moved).unwrap();
    operations::link(&path, &moved).unwrap();
    operations::link(&folder.path().join("2026/circle"), folder.path()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"Other\n");
    operations::permit(&moved, false).unwrap();
    assert!(fs::metadata(&moved).unwrap().permissions().readonly());
    operations::permit(&moved, true).unwrap();
    assert!(operations::add(&folder.path().join("none"), b"").unwrap_err().to_string().contains("none"));
}
