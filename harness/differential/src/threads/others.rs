//! What others do to the histories and the rows of a store: foreign writers, lost rows, and
//! rebuilding.

use std::ops::ControlFlow;

use rusqlite::Connection;
use tracerig_store::threads;

use super::arguments::Foreign;
use super::gate::PATIENCE;
use super::run::Runner;
use super::slot::{self, Handle};
use super::{Error, Wrong, wrong};

impl Runner {
    pub(super) fn foreign(&mut self, thread: u8, foreign: Foreign) -> Result<(), Error> {
        let (at, root, machine) = (self.at(), self.root.clone(), self.machine.clone());
        let Some(slot) = self.slots.get_mut(&thread) else { return Ok(()) };
        let is_whole = slot.torn.is_empty() && slot.is_ended() && !slot.bytes.is_empty();
        let (Some(path), true) = (slot.path.clone(), slot.handle != Handle::Open && is_whole)
        else {
            return Ok(());
        };
        let at = threads::Millis(at);
        let payload = r#"{"type":"token_count","info":{"total_token_usage":{"total_tokens":77}}}"#;
        let record = format!(r#"{{"timestamp":"{at}","type":"event_msg","payload":{payload}}}"#);
        let new = match foreign {
            Foreign::Record => format!("{record}\n"),
            Foreign::Rubbish => "{ this is no record\n".to_owned(),
            Foreign::Unended => record,
            Foreign::Torn => record[..40].to_owned(),
        };
        let mut all = slot.bytes.clone();
        all.extend(new.as_bytes());
        std::fs::write(&path, &all)?;
        machine.keep(&path, all.len() as u64);
        slot.safe = all.len();
        if foreign == Foreign::Torn {
            slot.torn = new.into_bytes();
            slot.safe = slot.bytes.len();
        } else {
            slot.take(all, new.as_bytes(), &root);
        }
        self.tally.count("foreign lines");
        Ok(())
    }

    pub(super) fn lose_row(&mut self, thread: u8) -> Result<(), Error> {
        let id = slot::id(thread);
        let database = self.root.join(threads::schema::FILE_NAME);
        let other = Connection::open(database)?;
        other.busy_timeout(PATIENCE)?;
        other.execute("DELETE FROM threads WHERE id = ?", [id.to_string()])?;
        if let Some(slot) = self.slots.get_mut(&thread) {
            (slot.row, slot.acknowledged) = (None, 0);
        }
        Ok(())
    }

    pub(super) fn rebuild(&mut self, stale_only: bool) -> Result<(), Error> {
        let options = self.sweep();
        let database = self.root.join(threads::schema::FILE_NAME);
        let sessions = self.sessions();
        let sweep = if stale_only { threads::repair } else { threads::rebuild };
        let done = sweep(&sessions, &database, &options, &mut |_| ControlFlow::Continue(()));
        let done =
            done.map_err(|error| wrong(Wrong::Outcome, format!("the rebuild fails: {error}")))?;
        let mut unreadable = 0;
        for slot in self.slots.values_mut() {
            let file = slot.read()?;
            match (file, slot.handle) {
                (Some(_), Handle::Open) => {}
                (Some(_), _) if slot.bytes.is_empty() => unreadable += 1,
                (Some(_), _) => slot.row = Some(slot.end()),
                (None, _) => {}
            }
        }
        if done.failures.len() != unreadable {
            return Err(wrong(
                Wrong::Outcome,
                format!("the rebuild fails for {:?}", done.failures),
            ));
        }
        self.tally.count(if stale_only { "repairs" } else { "rebuilds" });
        Ok(())
    }
}
