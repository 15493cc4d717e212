//! What must hold after each operation, after a crash, and at the end; and lists compared with a
//! plain sort.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tracerig_oracle::threads::{Row, difference, rows_through};
use tracerig_store::threads::{self, Durability, ListQuery, Order};

use super::outcome::unexpected;
use super::run::{Attempt, Runner};
use super::slot::{self, Deferred, Handle, Slot};
use super::{Error, Wrong, wrong};

impl Runner {
    /// The history files there are.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.join(threads::SESSIONS)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else {
                    files.push(entry.path());
                }
            }
        }
        Ok(files)
    }

    /// Every history and every row.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        let Some(reader) = &self.reader else { return Ok(()) };
        let mut rows = rows_through(reader)?;
        for slot in self.slots.values() {
            let ended = self.gate.ended(slot.id);
            if ended != slot.flow.log {
                let detail = format!(
                    "projections with (appends, done) {ended:?}, due were {:?}",
                    slot.flow.log
                );
                return Err(wrong(Wrong::Projections, detail));
            }
            check_history(slot)?;
            check_row(slot, rows.remove(&slot.id.to_string()).as_ref())?;
        }
        for (thread, due) in &self.settled {
            // Lost with a database; anyone who finds it again must find the same.
            if let Some(difference) =
                rows.remove(&slot::id(*thread).to_string()).and_then(|row| difference(&row, due))
            {
                return Err(wrong(Wrong::Row, format!("thread {thread}: {difference}")));
            }
        }
        match rows.pop_first() {
            None => Ok(()),
            Some((id, _)) => {
                Err(wrong(Wrong::Row, format!("there is a row of {id}, which has no history")))
            }
        }
    }

    /// Starts the machine anew after it died, and looks at what is left.
    pub(super) fn restart(&mut self, attempt: Option<&Attempt>) -> Result<(), Error> {
        self.gate.wake();
        self.reader = None;
        for slot in self.slots.values_mut() {
            (slot.live, slot.handle, slot.deferred, slot.has_file) =
                (None, Handle::None, Deferred::Nothing, false);
        }
        self.store = None;
        let was_dark = self.machine.is_dark();
        // What was not synced may be gone, and rows may then be of nothing.
        let is_unsafe = |slot: &Slot| slot.safe < slot.bytes.len();
        let loses_rows = was_dark && self.slots.values().any(is_unsafe);
        let is_safe = !was_dark || self.durability == Durability::Fsync;
        self.tally.count(if was_dark { "power cuts" } else { "deaths" });
        self.machine.restart()?;
        self.gate.restart();
        self.calm();
        self.crashed = true;
        if std::mem::take(&mut self.rows_lost) || loses_rows || !is_safe {
            for end in ["", "-wal", "-shm"] {
                let file = self.root.join(format!("{}{end}", threads::schema::FILE_NAME));
                if file.exists() {
                    std::fs::remove_file(file)?;
                }
            }
            self.slots.values_mut().for_each(|slot| (slot.row, slot.acknowledged) = (None, 0));
        }
        // A killed process leaves the file of its lock, without the lock.
        for slot in self.slots.values() {
            std::fs::write(self.root.join(threads::LOCKS).join(slot.id.to_string()), b"")?;
        }
        let (files, root) = (self.files()?, self.root.clone());
        for (number, slot) in &mut self.slots {
            slot.find(&files)?;
            let attempt = attempt.filter(|attempt| attempt.thread == *number);
            survivors(slot, attempt, was_dark, is_safe, &root)?;
            slot.flow = super::flow::Flow::default();
        }
        self.open()?;
        self.adopt_rows()?;
        self.check()
    }

    /// A crash may come before or after a projection: either is right, but no row goes back.
    fn adopt_rows(&mut self) -> Result<(), Error> {
        let Some(reader) = &self.reader else { return Ok(()) };
        let rows = rows_through(reader)?;
        for slot in self.slots.values_mut() {
            let row = rows.get(&slot.id.to_string());
            let at = row.and_then(|row| row["history_bytes"].as_u64());
            let least = slot.row.unwrap_or(0).max(slot.acknowledged);
            if at.unwrap_or(0) < least || at.is_none() && slot.row.is_some() {
                let detail = format!(
                    "after the crash the row of {} is at byte {at:?} of its history; a barrier was \
                     told of {}, and it was at {:?}",
                    slot.id, slot.acknowledged, slot.row
                );
                return Err(wrong(Wrong::Stale, detail));
            }
            slot.row = at;
        }
        Ok(())
    }

    /// Brings every row up to date, closes everything, and sees what is left.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        let numbers: Vec<u8> = self.slots.keys().copied().collect();
        for thread in &numbers {
            self.finish_thread(*thread)?;
        }
        self.close()?;
        if self.machine.is_dead() {
            self.restart(None)?;
            self.close()?;
        }
        self.open()?;
        self.rebuild(true)?;
        self.check()?;
        for order in [Order::Updated, Order::Created] {
            self.list(order, false, 2)?;
        }
        self.close()?;
        // What a crash left may stay, until the thread is opened again.
        let mut locks = std::fs::read_dir(self.root.join(threads::LOCKS))?;
        match locks.next().filter(|_| !self.crashed) {
            None => Ok(()),
            Some(lock) => {
                Err(wrong(Wrong::Litter, format!("{} is left behind", lock?.path().display())))
            }
        }
    }

    /// Brings the row of a thread up to date, with nothing in the way.
    fn finish_thread(&mut self, thread: u8) -> Result<(), Error> {
        self.calm();
        self.flush(thread, &[])?;
        if self.machine.is_dead() { self.restart(None) } else { self.check() }
    }

    /// All rows page by page, against a sort of what the database has.
    pub(super) fn list(&mut self, order: Order, archived: bool, limit: u8) -> Result<(), Error> {
        let Some(reader) = &self.reader else { return Ok(()) };
        let column = match order {
            Order::Created => "created_at_ms",
            Order::Updated => "updated_at_ms",
            Order::Recency => "recency_at_ms",
        };
        let rows = rows_through(reader)?;
        let mut due: Vec<(i64, &String)> = rows
            .iter()
            .filter(|(_, row)| row["archived_at_ms"].is_null() != archived)
            .map(|(id, row)| (row[column].as_i64().unwrap_or_default(), id))
            .collect();
        due.sort();
        due.reverse();
        let due: Vec<String> = due.into_iter().map(|(_, id)| id.clone()).collect();
        let mut query =
            ListQuery { order, archived, limit: usize::from(limit).max(1), ..ListQuery::default() };
        let mut found = Vec::new();
        loop {
            let page = self
                .store()?
                .list(&query)
                .map_err(|error| unexpected("there is no list", &error))?;
            found.extend(page.rows.iter().map(|row| row.id.to_string()));
            query.after = page.next;
            if query.after.is_none() || found.len() > due.len() {
                break;
            }
        }
        self.tally.count("lists");
        if found == due {
            return Ok(());
        }
        Err(wrong(Wrong::List, format!("the pages list {found:?}, sorted they are {due:?}")))
    }

    /// Lets everything go, whatever state it is in.
    pub(super) fn leave(&mut self) {
        self.machine.die();
        self.gate.wake();
        self.slots.clear();
        self.reader = None;
        self.store = None;
    }
}

/// Fails unless a history holds what it must, byte by byte.
fn check_history(slot: &Slot) -> Result<(), Error> {
    let found = slot.read()?;
    let is_right = match &found {
        None => slot.bytes.is_empty() && slot.torn.is_empty(),
        Some(found) => {
            found.len() == slot.bytes.len() + slot.torn.len()
                && found.starts_with(&slot.bytes)
                && found.ends_with(&slot.torn)
        }
    };
    if is_right {
        return Ok(());
    }
    let found = found.map_or("no file".to_owned(), |found| {
        let from = found.iter().zip(&slot.bytes).take_while(|(one, other)| one == other).count();
        format!("{} bytes, from byte {from}: {}", found.len(), slot::shown(&found[from..]))
    });
    let due = format!("{} bytes and {} of a torn line", slot.bytes.len(), slot.torn.len());
    Err(wrong(Wrong::History, format!("the history of {} is {found}; due are {due}", slot.id)))
}

/// Fails unless a row is the replay of the prefix that is due.
fn check_row(slot: &Slot, row: Option<&Row>) -> Result<(), Error> {
    let at = row.and_then(|row| row["history_bytes"].as_u64());
    let none = Row::new();
    if let (Some(row), Some(at)) = (row, at) {
        let Some(replay) = slot.rows.get(&at) else {
            let detail = format!(
                "the row of {} is of {at} bytes, where no line of its history ends",
                slot.id
            );
            return Err(wrong(Wrong::Row, detail));
        };
        if let Some(difference) = difference(row, replay) {
            return Err(wrong(Wrong::Row, format!("{}: {difference}", slot.id)));
        }
    }
    if at == slot.row {
        return Ok(());
    }
    let title = row.unwrap_or(&none).get("title").map_or(Value::Null, Clone::clone);
    let detail = format!(
        "the row of {} is of {at:?} bytes of its history, {:?} are due of {} (title {title})",
        slot.id,
        slot.row,
        slot.bytes.len()
    );
    Err(wrong(Wrong::Stale, detail))
}

/// Takes what a crash has left of a history, which must be all that was acknowledged.
fn survivors(
    slot: &mut Slot,
    attempt: Option<&Attempt>,
    was_dark: bool,
    is_safe: bool,
    root: &Path,
) -> Result<(), Error> {
    let found = slot.read()?;
    if found.is_none() {
        if slot.bytes.is_empty() || was_dark && slot.safe == 0 {
            let acknowledged =
                attempt.is_some_and(|attempt| attempt.acknowledged && !attempt.lines.is_empty());
            slot.forget();
            return if acknowledged && is_safe { Err(lost(slot, 0)) } else { Ok(()) };
        }
        return Err(lost(slot, 0));
    }
    let found = found.unwrap_or_default();
    if was_dark && found.len() < slot.bytes.len() && found.len() >= slot.safe {
        let is_prefix = slot.bytes.starts_with(&found);
        slot.forget();
        let mut whole = found.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if serde_json::from_slice::<Value>(&found[whole..]).is_ok() {
            // A record without its line break is one.
            whole = found.len();
        }
        slot.take(found[..whole].to_vec(), &found[..whole], root);
        slot.torn = found[whole..].to_vec();
        slot.safe = whole;
        return if is_prefix { Ok(()) } else { Err(lost(slot, found.len())) };
    }
    if !found.starts_with(&slot.bytes) {
        return Err(lost(slot, found.len()));
    }
    let lines = attempt.map(|attempt| attempt.lines.as_slice()).unwrap_or_default();
    let acknowledged = attempt.is_some_and(|attempt| attempt.acknowledged) && is_safe;
    let rest = &found[slot.bytes.len()..];
    if rest == slot.torn && !rest.is_empty() || was_dark && slot.torn.starts_with(rest) {
        slot.torn = rest.to_vec();
        slot.safe = slot.bytes.len();
        return if acknowledged && !lines.is_empty() {
            Err(lost(slot, found.len()))
        } else {
            Ok(())
        };
    }
    let was_ended = slot.is_ended();
    let rest = if was_ended { rest } else { rest.strip_prefix(b"\n").unwrap_or(rest) };
    let mut whole = found.len() - rest.len();
    let mut count = 0;
    for text in rest.split_inclusive(|byte| *byte == b'\n') {
        if !lines.get(count).is_some_and(|line| slot::is(text, line)) {
            break;
        }
        if !text.ends_with(b"\n") {
            // A record without its line break is one.
            whole += text.len();
            count += 1;
            break;
        }
        whole += text.len();
        count += 1;
    }
    let torn = found[whole..].to_vec();
    if count < lines.len() && acknowledged {
        return Err(lost(slot, found.len()));
    }
    let is_beginning = lines.get(count).is_some() && torn.len() < 20_000;
    if !torn.is_empty() && !is_beginning {
        let detail =
            format!("after the crash the history of {} ends with {}", slot.id, slot::shown(&torn));
        return Err(wrong(Wrong::History, detail));
    }
    let kept = found[..whole].to_vec();
    let new = kept[found.len() - rest.len()..].to_vec();
    slot.take(kept, &new, root);
    slot.torn = torn;
    slot.safe = slot.bytes.len();
    Ok(())
}

fn lost(slot: &Slot, left: usize) -> Error {
    let detail = format!(
        "after the crash {left} bytes are left of the history of {}, {} were acknowledged and more \
         may have been",
        slot.id,
        slot.bytes.len()
    );
    wrong(Wrong::History, detail)
}
