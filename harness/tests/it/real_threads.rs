//! The threads of homes of the real Codex CLI: every file is read, and the rows are those that
//! Codex wrote itself.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::Value as Json;
use tracerig_oracle::thread_home;
use tracerig_oracle::threads::{Row, difference, rows};
use tracerig_real::Codex;
use tracerig_store::threads::{Loaded, Sessions, SweepOptions, Verified, history, rebuild, verify};

/// Every file below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Every history in a home.
fn histories(home: &Path) -> Vec<PathBuf> {
    files(home).into_iter().filter(|path| path.to_string_lossy().contains("rollout-")).collect()
}

/// The rows of a home, rebuilt and verified: whatever file there is was read.
#[track_caller]
fn rebuilt(home: &Path) -> BTreeMap<String, Row> {
    let histories = histories(home).len() as u64;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("rows.sqlite");
    let (sessions, options) = (Sessions::of(home), SweepOptions::default());
    let done = rebuild(&sessions, &database, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(done.failures.is_empty() && done.flaws.is_empty(), "{done:?}");
    let verified: Verified =
        verify(&sessions, &database, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(verified.is_equal() && verified.failures.is_empty(), "{verified:?}");
    assert_eq!(
        (verified.files, verified.equal),
        (histories, verified.threads),
        "{}",
        home.display()
    );
    assert_eq!(verified.skipped.iter().count(), 0);
    let rows = rows(&database).unwrap();
    let due = thread_home::rows(home).unwrap();
    assert!(rows.keys().eq(due.keys()), "{}", home.display());
    for (id, row) in &rows {
        assert_eq!(difference(row, &due[id]), None, "{id} in {}", home.display());
    }
    rows
}

/// Where a row of Codex says something else than the history that it represents, and why that is
/// so.
fn is_exception(home: &str, column: &str, ours: &Json, theirs: &Json) -> bool {
    match column {
        // Up to 0.130 the history has the permission profile, and the row the sandbox policy beside
        // it.
        "sandbox_policy" => {
            ["0.120.0", "0.128.0", "0.130.0"].iter().any(|version| home.contains(version))
                && *ours == r#"{"type":"disabled"}"#
                && *theirs == r#"{"type":"danger-full-access"}"#
        }
        // A fork that copies nothing is shown with the first message of its parent, which is in no
        // file of its own.
        "preview" => {
            home.contains("0.171.0")
                && *theirs == "paginated turn 0 [steps=1 size=1200]"
                && ours.as_str().is_some_and(|ours| ours.starts_with("paginated-fork"))
        }
        _ => false,
    }
}

/// How far a time of Codex, which is that of its clock when it wrote the row, may be from that of
/// the line.
fn tolerance(column: &str) -> i64 {
    match column {
        // Up to 0.141 some rows are written again when the thread is closed.
        "updated_at_ms" => 1000,
        "created_at_ms" | "recency_at_ms" => 20,
        _ => 0,
    }
}

#[test]
fn the_row_of_every_thread_is_the_one_that_codex_wrote() {
    let mut exceptions = 0;
    for codex in Codex::ALL {
        let folder = tempfile::tempdir().unwrap();
        codex.write_sessions(folder.path()).unwrap();
        let ours = rebuilt(folder.path());
        let theirs: Vec<Json> =
            codex.threads().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if theirs.is_empty() {
            // 0.98 and earlier have no such table.
            continue;
        }
        assert_eq!(ours.len(), theirs.len(), "{}", codex.name());
        for mut theirs in theirs {
            let id = theirs["id"].as_str().unwrap().to_owned();
            let ours = &ours[&id];
            // What a user called the thread is next to the derived title in 0.171.
            if theirs["name"].is_string() {
                theirs["title"] = theirs["name"].clone();
            }
            // Older versions have seconds only, and of an archived thread every version has.
            for column in ["created_at", "updated_at", "archived_at"] {
                let of_ours = ours[&format!("{column}_ms")].as_i64().map(|at| at / 1000);
                let apart = of_ours.unwrap_or(0) - theirs[column].as_i64().unwrap_or(0);
                let may_be = if column == "updated_at" { 1 } else { 0 };
                assert!(
                    apart.abs() <= may_be,
                    "{id} {column}: {of_ours:?}, Codex has {}",
                    theirs[column]
                );
            }
            let path = theirs["rollout_path"].as_str().unwrap();
            assert!(path.ends_with(ours["rollout_path"].as_str().unwrap()), "{id}: {path}");
            for (column, ours) in ours {
                let Some(theirs) = theirs.get(column).filter(|_| column != "rollout_path") else {
                    continue;
                };
                // What our rows have nothing of is blank in theirs.
                let theirs = if *theirs == "" { &Json::Null } else { theirs };
                let apart = || Some(ours.as_i64()? - theirs.as_i64()?);
                if ours == theirs || apart().is_some_and(|apart| apart.abs() <= tolerance(column)) {
                    continue;
                }
                assert!(
                    is_exception(codex.name(), column, ours, theirs),
                    "{} {id} {column}: {ours}, Codex has {theirs}",
                    codex.name()
                );
                exceptions += 1;
            }
        }
    }
    assert_eq!(exceptions, 15);
}

#[test]
fn compressed_or_archived_or_both_a_home_has_the_same_rows() {
    for codex in Codex::ALL {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        codex.write_sessions(home).unwrap();
        let before = rebuilt(home);
        for path in histories(home) {
            let compressed = path.with_extension("jsonl.zst");
            let content = std::fs::read(&path).unwrap();
            std::fs::write(&compressed, compress_to_vec(&content[..], CompressionLevel::Fastest))
                .unwrap();
            std::fs::remove_file(&path).unwrap();
        }
        assert_same(&before, &rebuilt(home), |_| {});
        let archive = home.join("archived_sessions");
        std::fs::create_dir_all(&archive).unwrap();
        for path in histories(home) {
            std::fs::rename(&path, archive.join(path.file_name().unwrap())).unwrap();
        }
        assert_same(&before, &rebuilt(home), |row| {
            let updated = row["updated_at_ms"].clone();
            row.insert("archived_at_ms".to_owned(), updated);
        });
    }
}

/// But for where the files lie, and their bytes.
fn assert_same(
    before: &BTreeMap<String, Row>,
    after: &BTreeMap<String, Row>,
    change: impl Fn(&mut Row),
) {
    assert_eq!(before.len(), after.len());
    for (id, row) in after {
        let mut due = before[id].clone();
        change(&mut due);
        for column in ["rollout_path", "history_bytes"] {
            due.insert(column.to_owned(), row[column].clone());
        }
        assert_eq!(difference(row, &due), None, "{id}");
    }
}

#[test]
fn every_line_of_every_history_loads_and_is_written_again() {
    for codex in Codex::ALL {
        let folder = tempfile::tempdir().unwrap();
        codex.write_sessions(folder.path()).unwrap();
        for path in histories(folder.path()) {
            let mut text = Vec::new();
            for loaded in history(&path).unwrap() {
                let Loaded::Record { at, item } = loaded.unwrap() else {
                    panic!("{}", path.display())
                };
                assert!(item.is_persisted(), "Codex persisted {}", item.payload());
                item.write_line(at.rfc3339().as_str(), &mut text);
            }
            // Newer versions write an ordinal and metadata beside the payload.
            if codex == Codex::V0_141_0 {
                assert!(text == std::fs::read(&path).unwrap(), "{}", path.display());
            }
        }
    }
}
