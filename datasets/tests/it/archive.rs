//! Archives in the cache: built, verified, taken again, removed; and what is done to a copy of one.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ruzstd::decoding::StreamingDecoder;
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

/// The text of a rollout, compressed or not.
fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    if path.extension().unwrap() != "zst" {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    StreamingDecoder::new(&bytes[..]).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn sessions_take_every_shape_that_the_recipe_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = tiny(&Cache::at(folder.path()), 1.0);
    let all: Vec<(String, String)> = rollouts(&dataset.home)
        .iter()
        .map(|path| (path.strip_prefix(&dataset.home).unwrap().display().to_string(), text(path)))
        .collect();
    let count = |is_one: &dyn Fn(&str, &str) -> bool| {
        all.iter().filter(|(path, text)| is_one(path, text)).count()
    };
    let first = |text: &str, part: &str| text.lines().next().unwrap().contains(part);
    let metas =
        |text: &str| text.lines().filter(|line| line.contains(r#""type":"session_meta""#)).count();
    let is_fork = |text: &str| first(text, "forked_from_id");
    let is_segment = |path: &str| path.rsplit('/').next().is_some_and(|name| name.contains('_'));
    for (shape, found) in [
        ("oldest", count(&|_, text| first(text, r#""cli_version":"0.98.0""#))),
        (
            "copied",
            count(&|_, text| is_fork(text) && metas(text) == 2 && !first(text, "start_ordinal")),
        ),
        ("agent", count(&|_, text| is_fork(text) && first(text, "subagent_history_start_ordinal"))),
        (
            "paginated",
            count(&|_, text| is_fork(text) && first(text, "history_base") && metas(text) == 1),
        ),
        (
            "segment",
            count(&|path, text| is_segment(path) && first(text, "history_base") && !is_fork(text)),
        ),
        (
            "upgraded",
            count(&|_, text| first(text, "0.141.0") && text.contains("token_usage_record")),
        ),
        ("twin", count(&|path, _| path.starts_with("sessions/backup/"))),
        ("compressed", count(&|path, _| path.ends_with(".jsonl.zst"))),
    ] {
        assert!(found > 0, "{shape}");
    }
}

#[test]
fn an_archive_is_built_once_as_large_as_its_recipe_says_and_a_changed_one_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let dataset = tiny(&cache, 1.0);
    let manifest = &dataset.manifest;
    let recipe = ArchiveRecipe::builtin("archive-tiny").unwrap();
    let found = rollouts(&dataset.home);
    // The text of each session once, whatever is elsewhere, too.
    let mut once: BTreeMap<_, u64> = BTreeMap::new();
    let mut lines = 0;
    for path in &found {
        let text = text(path);
        let name = path.file_name().unwrap().to_string_lossy().trim_end_matches(".zst").to_owned();
        let longest = once.entry(name).or_default();
        *longest = text.len().max(usize::try_from(*longest).unwrap()) as u64;
        lines += text.lines().count() as u64;
    }
    assert_eq!(once.len() as u64, recipe.sessions());
    assert!(manifest.copies > 3 && manifest.files == recipe.sessions() + manifest.copies);
    let once: u64 = once.values().sum();
    assert!(once.abs_diff(recipe.bytes(1.0)) * 50 <= recipe.bytes(1.0), "{once}");
    let bytes: u64 = found.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!((found.len() as u64, bytes), (manifest.files, manifest.bytes));
    assert_eq!(lines, manifest.lines);

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
    assert_eq!(
        tiny(&cache, 1.0).home,
        found[0].ancestors().find(|path| path.ends_with("home")).unwrap()
    );
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
    assert!(
        turns.iter().any(|turn| whole.manifest.of_turns.contains_key(&turn.turn)),
        "the join has work"
    );
    let mut of_turns =
        whole.manifest.of_turns.values().flat_map(tracerig_datasets::archive::Expected::iter);
    assert!(
        of_turns.all(|(class, _)| class.tier == UsedTier::Unknown),
        "where sessions say nothing"
    );
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
        if progress.stage == Stage::Verifying {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
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
        let days = |used: &tracerig_datasets::archive::Expected| {
            used.iter().next().map(|(class, _)| class.day)
        };
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
    assert!(
        operations::add(&folder.path().join("none"), b"").unwrap_err().to_string().contains("none")
    );
}
