//! What Codex does to histories that nobody has open: it archives, compresses and names threads,
//! and goes on in segments.
//!
//! The due row is the one of the oracle that reads whole homes. But for a restored one, such a
//! thread is settled: operations on it are passed over from then on, and its row stays what it is.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::json;
use tracerig_oracle::thread_home;
use tracerig_oracle::threads::{difference, rows};
use tracerig_store::threads::{self, Millis, Sessions, SweepOptions};

use super::arguments::{DiskCall, Home};
use super::gate::PATIENCE;
use super::run::Runner;
use super::slot::{self, Handle};
use super::{Error, Wrong, wrong};

/// The files of a thread, as an operation leaves them.
struct Files<'f> {
    root: &'f Path,
    id: String,
    path: PathBuf,
    bytes: Vec<u8>,
    at: i64,
}

impl Runner {
    pub(super) fn home(&mut self, thread: u8, how: Home) -> Result<(), Error> {
        let (at, root) = (self.at(), self.root.clone());
        let Some(slot) = self.slots.get(&thread) else { return Ok(()) };
        let is_whole = slot.torn.is_empty() && slot.is_ended() && !slot.bytes.is_empty();
        let (Some(path), true) = (slot.path.clone(), slot.handle != Handle::Open && is_whole)
        else {
            return Ok(());
        };
        if self.machine.is_armed() || self.busy > 0 {
            return Ok(());
        }
        let files =
            Files { root: &root, id: slot.id.to_string(), path, bytes: slot.bytes.clone(), at };
        // It has lain there for long.
        self.machine.keep(&files.path, files.bytes.len() as u64);
        self.tally.count("homes");
        match how {
            Home::Restored => return self.restored(thread, &files),
            Home::Archived => files.archive()?,
            Home::Compressed => files.compress()?,
            Home::Beside => files.beside()?,
            Home::Named => files.name()?,
            Home::Segments => files.segments()?,
        }
        self.settle(thread)
    }

    /// The row must be the one that the oracle makes of the files; then the thread is left alone.
    fn settle(&mut self, thread: u8) -> Result<(), Error> {
        let id = slot::id(thread).to_string();
        self.rebuild(true)?;
        let due =
            thread_home::rows(&self.root).map_err(|error| Error::Executor(error.to_string()))?;
        let due = due
            .get(&id)
            .ok_or_else(|| Error::Executor(format!("the oracle has no row of {id}")))?;
        let found = rows(&self.root.join(threads::schema::FILE_NAME))
            .map_err(|error| Error::Executor(error.to_string()))?;
        let Some(row) = found.get(&id) else {
            return Err(wrong(
                Wrong::Row,
                format!("there is no row of {id}, whose history is there"),
            ));
        };
        if let Some(difference) = difference(row, due) {
            return Err(wrong(Wrong::Row, format!("{id}: {difference}")));
        }
        self.slots.remove(&thread);
        self.settled.insert(thread, row.clone());
        Ok(())
    }

    /// A compressed history is opened for appending: at every moment it is there, plain or
    /// compressed. What is left is plain again.
    fn restored(&mut self, thread: u8, files: &Files<'_>) -> Result<(), Error> {
        files.compress()?;
        let failing = self.machine.failing(DiskCall::Write) + self.machine.failing(DiskCall::Sync);
        let resumed = self.store()?.resume(slot::id(thread));
        let found =
            thread_home::rows(files.root).map_err(|error| Error::Executor(error.to_string()))?;
        let plain = std::fs::read(&files.path).unwrap_or_default();
        if !found.contains_key(&files.id) || resumed.is_ok() && plain != files.bytes {
            let detail = format!("the history of {} is not whole after it was restored", files.id);
            return Err(wrong(Wrong::History, detail));
        }
        if let Err(error) = &resumed
            && failing == 0
        {
            return Err(wrong(Wrong::Outcome, format!("the history is not restored: {error}")));
        }
        drop(resumed);
        // As if it had never been compressed.
        std::fs::write(&files.path, &files.bytes)?;
        self.machine.keep(&files.path, files.bytes.len() as u64);
        let compressed = files.compressed();
        if compressed.exists() {
            std::fs::remove_file(compressed)?;
        }
        Ok(())
    }

    /// A rollout of 2025 is found by the next repair, and told.
    pub(super) fn untyped(&mut self) -> Result<(), Error> {
        let id = "01a00000-0000-7000-8000-000000000000";
        let path = self
            .root
            .join(threads::SESSIONS)
            .join(format!("rollout-2025-05-07T17-24-21-{id}.jsonl"));
        std::fs::write(
            path,
            format!("{{\"id\":\"{id}\",\"timestamp\":\"2025-05-07T17:24:21.597Z\"}}\n"),
        )?;
        let options = SweepOptions { busy_timeout: PATIENCE, ..self.sweep() };
        let database = self.root.join(threads::schema::FILE_NAME);
        let sessions = self.sessions();
        let done =
            threads::verify(&sessions, &database, &options, &mut |_| ControlFlow::Continue(()));
        let done = done
            .map_err(|error| wrong(Wrong::Outcome, format!("the verification fails: {error}")))?;
        if done.skipped.unread() == 1 {
            return Ok(());
        }
        Err(wrong(Wrong::Outcome, format!("one file is skipped, told are {:?}", done.skipped)))
    }

    pub(super) fn sessions(&self) -> Sessions {
        let sessions = Sessions::of(&self.root);
        #[cfg(feature = "ablations")]
        let sessions = sessions.without(self.ablated);
        sessions
    }

    pub(super) fn sweep(&self) -> SweepOptions {
        SweepOptions {
            jobs: std::num::NonZeroUsize::MIN,
            busy_timeout: PATIENCE,
            locks: Some(self.root.join(threads::LOCKS)),
        }
    }
}

impl Files<'_> {
    fn archive(&self) -> Result<(), Error> {
        let folder = self.root.join(threads::ARCHIVED);
        std::fs::create_dir_all(&folder)?;
        let name = self.path.file_name().unwrap_or_default();
        Ok(std::fs::rename(&self.path, folder.join(name))?)
    }

    fn compressed(&self) -> PathBuf {
        self.path.with_extension("jsonl.zst")
    }

    fn compress(&self) -> Result<(), Error> {
        std::fs::write(
            self.compressed(),
            compress_to_vec(&self.bytes[..], CompressionLevel::Fastest),
        )?;
        Ok(std::fs::remove_file(&self.path)?)
    }

    /// The compressed file has more in it than the plain one, which counts.
    fn beside(&self) -> Result<(), Error> {
        let more = [&self.bytes[..], self.tokens(99).as_bytes()].concat();
        Ok(std::fs::write(
            self.compressed(),
            compress_to_vec(&more[..], CompressionLevel::Fastest),
        )?)
    }

    /// The last one of two names.
    fn name(&self) -> Result<(), Error> {
        let line = |name: &str| format!("{}\n", json!({ "id": self.id, "thread_name": name }));
        let index = self.root.join("session_index.jsonl");
        let before = if index.exists() { std::fs::read_to_string(&index)? } else { String::new() };
        Ok(std::fs::write(index, before + &line("before") + &line("given"))?)
    }

    /// Two segments whose names are in the other order: the second one goes back behind the last
    /// line of the first.
    fn segments(&self) -> Result<(), Error> {
        let lines = self.bytes.split_inclusive(|byte| *byte == b'\n').count();
        let gone = self.line("turn_context", &json!({ "model": "gone" }));
        self.segment(9, lines, &(self.tokens(50) + &gone))?;
        self.segment(1, lines + 2, &self.tokens(70))
    }

    fn segment(&self, number: u8, base: usize, rest: &str) -> Result<(), Error> {
        let path = self.path.to_string_lossy();
        let stem = path.strip_suffix(".jsonl").unwrap_or(&path);
        let base = json!({ "thread_id": self.id, "end_ordinal_exclusive": base });
        let first = self.line("session_meta", &json!({ "id": self.id, "history_base": base }));
        let name = format!("{stem}_01a1faae-0000-7000-8000-00000000000{number}.jsonl");
        Ok(std::fs::write(name, first + rest)?)
    }

    fn tokens(&self, total: u32) -> String {
        let info = json!({ "total_token_usage": { "total_tokens": total } });
        self.line("event_msg", &json!({ "type": "token_count", "info": info }))
    }

    fn line(&self, kind: &str, payload: &serde_json::Value) -> String {
        format!(
            "{{\"timestamp\":\"{}\",\"type\":\"{kind}\",\"payload\":{payload}}}\n",
            Millis(self.at)
        )
    }
}
