//! The rows replayed from histories of the real Codex CLI, against the rows that it wrote itself.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use tracerig_datasets::real::Codex;
use tracerig_store::threads::{Column, Loaded, ThreadId, Value, history, replay};

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

/// The history of a thread, and the row that Codex wrote.
fn threads(codex: Codex, folder: &Path) -> Vec<(ThreadId, PathBuf, Json)> {
    let sessions = codex.write_sessions(folder).unwrap();
    let rows: Vec<Json> = codex.threads().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let files = files(&sessions);
    assert_eq!((files.len(), rows.len()), (17, 17));
    files
        .into_iter()
        .map(|path| {
            let id = ThreadId::from_file_name(path.file_name().unwrap().to_str().unwrap()).unwrap();
            let row = rows.iter().find(|row| row["id"] == id.to_string()).unwrap().clone();
            (id, path, row)
        })
        .collect()
}

#[test]
fn the_replay_of_every_history_is_the_row_that_codex_wrote() {
    for codex in [Codex::V0_141_0, Codex::V0_169_0] {
        let folder = tempfile::tempdir().unwrap();
        let mut compared = 0;
        for (id, path, theirs) in threads(codex, folder.path()) {
            let replay = replay(&path, id).unwrap();
            assert!(replay.problems.is_empty() && replay.torn.is_none() && replay.is_ended);
            assert_eq!(replay.bytes, path.metadata().unwrap().len());
            for column in Column::ALL {
                let ours = replay.patch.get(column).cloned().unwrap_or(column.default_value());
                let name = if column == Column::ArchivedAtMs { "archived_at" } else { column.name() };
                // The path is where the file stood then, the bytes are our own, and 0.141.0 knows no recency.
                let Some(theirs) = theirs.get(name).filter(|_| column != Column::RolloutPath) else {
                    continue;
                };
                compared += 1;
                // These times come from Codex's clock, ours from the lines.
                let tolerance = match column {
                    Column::UpdatedAtMs => 1000,
                    Column::CreatedAtMs | Column::RecencyAtMs => 10,
                    _ => 0,
                };
                match (&ours, theirs) {
                    (Value::Null, Json::Null) => {}
                    (Value::Text(ours), Json::String(theirs)) => assert_eq!(ours, theirs, "{id} {name}"),
                    (Value::Integer(ours), Json::Number(theirs)) => {
                        let apart = ours - theirs.as_i64().unwrap();
                        assert!(apart.abs() <= tolerance, "{id} {name}: {ours}, Codex has {theirs}");
                    }
                    _ => panic!("{id} {name}: {ours:?}, Codex has {theirs}"),
                }
            }
        }
        assert_eq!(compared, 17 * if codex == Codex::V0_141_0 { 23 } else { 24 });
    }
}

#[test]
fn every_line_of_every_history_loads_and_is_written_again() {
    for codex in [Codex::V0_141_0, Codex::V0_169_0] {
        let folder = tempfile::tempdir().unwrap();
        for (_, path, _) in threads(codex, folder.path()) {
            let mut text = Vec::new();
            for loaded in history(&path).unwrap() {
                let Loaded::Record { at, item } = loaded.unwrap() else { panic!("{}", path.display()) };
                assert!(item.is_persisted(), "Codex persisted {}", item.payload());
                item.write_line(at.rfc3339().as_str(), &mut text);
            }
            // The newer version writes an ordinal and metadata beside the payload.
            if codex == Codex::V0_141_0 {
                assert!(text == std::fs::read(&path).unwrap(), "{}", path.display());
            }
        }
    }
}
