//! The independent oracle of a home: the row of each thread from all files there are, written to be
//! obvious, sharing no code with the store.
//!
//! Every file is read whole. The files of a thread are put behind each other as lists of lines, and
//! each one first cuts off what it replaces.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::threads::{Replay, Row, ThreadsError};

/// A file of a history.
struct File {
    path: PathBuf,
    lines: Vec<Vec<u8>>,
    first: Value,
}

/// The rows that the histories in a home replay to, by thread.
///
/// # Errors
/// [`ThreadsError::Read`].
pub fn rows(home: &Path) -> Result<BTreeMap<String, Row>, ThreadsError> {
    let mut threads: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for folder in ["sessions", "archived_sessions"] {
        for path in files(&home.join(folder))? {
            let Some(bytes) = content(&path)? else { continue };
            let lines: Vec<Vec<u8>> =
                bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let first: Value = lines
                .first()
                .and_then(|line| serde_json::from_slice(line).ok())
                .unwrap_or_default();
            // Of 2025, when lines had no types.
            let Some(id) = first["payload"]["id"].as_str().map(str::to_owned) else { continue };
            threads.entry(id).or_default().push(File { path, lines, first });
        }
    }
    let names = names(home)?;
    threads
        .into_iter()
        .map(|(id, files)| Ok((id.clone(), row(home, &id, files, names.get(&id))?)))
        .collect()
}

fn row(
    home: &Path,
    id: &str,
    mut files: Vec<File>,
    name: Option<&String>,
) -> Result<Row, ThreadsError> {
    let base =
        |file: &File| file.first["payload"]["history_base"]["end_ordinal_exclusive"].as_u64();
    let is_segment = |file: &File| file.path.to_string_lossy().contains(&format!("{id}_"));
    files.sort_by_key(|file| {
        (is_segment(file), file.first["timestamp"].as_str().map(str::to_owned), base(file))
    });
    let mut history: Vec<(u64, &Vec<u8>)> = Vec::new();
    let mut bytes = 0;
    for file in &files {
        let mut ordinal = base(file).unwrap_or(0);
        if is_segment(file) && base(file).is_some() {
            history.retain(|(before, _)| *before < ordinal);
        }
        bytes += fs::metadata(&file.path).map_err(failed(&file.path))?.len();
        for line in &file.lines {
            let told = serde_json::from_slice::<Value>(line)
                .ok()
                .and_then(|line| line["ordinal"].as_u64());
            ordinal = told.unwrap_or(ordinal);
            history.push((ordinal, line));
            ordinal += 1;
        }
    }
    let last = files
        .last()
        .map(|file| file.path.strip_prefix(home).unwrap_or(&file.path).to_string_lossy());
    let mut replay = Replay::new(id, &last.unwrap_or_default());
    for (_, line) in history {
        replay.line(line, bytes);
    }
    if let Some(name) = name.filter(|_| !replay.title_is_explicit()) {
        replay.set("title", json!(name));
    }
    let is_archived =
        files.iter().all(|file| file.path.starts_with(home.join("archived_sessions")));
    if is_archived && replay.row()["archived_at_ms"].is_null() {
        replay.set("archived_at_ms", replay.row()["updated_at_ms"].clone());
    }
    Ok(replay.row().clone())
}

/// The bytes of a history; `None` for a compressed one whose plain file is there, and for other
/// files.
fn content(path: &Path) -> Result<Option<Vec<u8>>, ThreadsError> {
    let bytes = fs::read(path).map_err(failed(path))?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => Ok(Some(bytes)),
        Some("zst") if !path.with_extension("").exists() => {
            let mut whole = Vec::new();
            ruzstd::decoding::StreamingDecoder::new(&bytes[..])
                .map_err(std::io::Error::other)
                .and_then(|mut decoder| decoder.read_to_end(&mut whole))
                .map_err(failed(path))?;
            Ok(Some(whole))
        }
        _ => Ok(None),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, ThreadsError> {
    let mut found = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let path = entry.map_err(failed(folder))?.path();
            if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
        }
    }
    Ok(found)
}

/// What users named their threads; of a thread's names the last one counts.
fn names(home: &Path) -> Result<BTreeMap<String, String>, ThreadsError> {
    let path = home.join("session_index.jsonl");
    let text = if path.exists() {
        fs::read_to_string(&path).map_err(failed(&path))?
    } else {
        String::new()
    };
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| {
            let name = line["thread_name"].as_str().or(line["name"].as_str())?;
            Some((line["id"].as_str()?.to_owned(), name.to_owned()))
        })
        .collect())
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> ThreadsError {
    let path = path.to_owned();
    |source| ThreadsError::Read { path, source }
}
