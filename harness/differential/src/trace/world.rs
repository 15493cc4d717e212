//! The files of a history: the database with its writer, and the copies set aside. Each operation
//! on the database is done here, through the store where the store can do it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use tracerig_scanner::{Identity, IdentitySource};
use tracerig_store::{LogOptions, OwnedRow, Retention, TraceLog, schema};

use super::Error;
use super::arguments::{By, Defect, Victims, With};
use super::breach::{self, Breach};
use super::data_op::DataOp;
use super::op::IdentityKind;
use super::row::{EPOCH, RowSpec, turn_name};
use super::view::View;

/// The identity that the database shows.
#[derive(Debug)]
pub(super) struct InjectedIdentity {
    pub(super) kind: IdentityKind,
    pub(super) file: AtomicU64,
}

impl InjectedIdentity {
    /// What the file at the path shows now.
    pub(super) fn now(&self) -> Identity {
        let file = self.file.load(Ordering::SeqCst);
        match self.kind {
            IdentityKind::Birth => Identity { device: 1, inode: 1, birth: Some(file.into()) },
            IdentityKind::Inode => Identity { device: 1, inode: file, birth: None },
            IdentityKind::Blind => Identity { device: 1, inode: 1, birth: None },
        }
    }

    /// Another number for each file that can be told from the others.
    fn number(&self) -> u64 {
        if self.kind == IdentityKind::Blind { 1 } else { self.file.load(Ordering::SeqCst) }
    }
}

impl IdentitySource for InjectedIdentity {
    fn identity(&self, path: &Path) -> io::Result<Identity> {
        std::fs::metadata(path).map(|_| self.now())
    }
}

/// A database and what belongs to it.
pub(super) struct World {
    folder: PathBuf,
    pub(super) database: PathBuf,
    /// The writer, while it runs.
    log: Option<TraceLog>,
    /// For what the store has no operation for, and for looking.
    side: Option<Connection>,
    retention: Retention,
    serial: i64,
    /// Seconds that the clock of the writers was set back.
    set_back: i64,
    pub(super) identity: Arc<InjectedIdentity>,
}

impl World {
    /// A new database in `folder`.
    pub(super) fn new(folder: &Path, identity: IdentityKind) -> Result<Self, Error> {
        let world = Self::at(&folder.join(schema::FILE_NAME), identity);
        let template = world.template();
        if !template.exists() {
            let mut log = TraceLog::open(&template)?;
            // Its write-ahead log goes with the last connection.
            log.checkpoint_passive()?;
        }
        std::fs::copy(template, &world.database)?;
        Ok(world)
    }

    /// The world of the database at `database`, which nothing is done to.
    fn at(database: &Path, identity: IdentityKind) -> Self {
        Self {
            folder: database.parent().unwrap_or(Path::new(".")).to_owned(),
            database: database.to_owned(),
            log: None,
            side: None,
            retention: Retention { rows: 14, bytes: 20_000 },
            serial: 0,
            set_back: 0,
            identity: Arc::new(InjectedIdentity { kind: identity, file: AtomicU64::new(1) }),
        }
    }

    /// A database without rows, made once for the histories that share a parent folder.
    fn template(&self) -> PathBuf {
        self.folder.parent().unwrap_or(&self.folder).join("template.sqlite")
    }

    /// What is in the database now.
    pub(super) fn view(&mut self) -> Result<View, Error> {
        let file = self.identity.number();
        Ok(View::read(self.side()?, file)?)
    }

    /// Does `ops` to a copy: what another process has to do to this database, and what is there
    /// before it and after each. The rows that come later here are other ones.
    pub(super) fn rehearse(&mut self, ops: &[DataOp]) -> Result<(Writing, Vec<View>), Error> {
        let writing = Writing {
            database: self.database.clone(),
            retention: (self.retention.rows, self.retention.bytes),
            serial: self.serial,
            set_back: self.set_back,
            ops: ops.iter().map(ToString::to_string).collect(),
        };
        let folder = self.folder.join("copy");
        std::fs::create_dir(&folder)?;
        let mut copy = Self::at(&folder.join(schema::FILE_NAME), self.identity.kind);
        self.copy_to(&copy.database)?;
        copy.identity.file.store(self.identity.file.load(Ordering::SeqCst), Ordering::SeqCst);
        (copy.retention, copy.serial, copy.set_back) = (self.retention, self.serial, self.set_back);
        let mut views = vec![copy.view()?];
        for op in ops {
            copy.apply(op)?;
            views.push(copy.view()?);
        }
        self.serial = copy.serial;
        drop(copy);
        std::fs::remove_dir_all(folder)?;
        Ok((writing, views))
    }

    /// Does `op`.
    pub(super) fn apply(&mut self, op: &DataOp) -> Result<(), Error> {
        match op {
            DataOp::Append(rows) => {
                let first = self.serial + 1;
                let set_back = self.set_back;
                let build = |(serial, row): (i64, &RowSpec)| {
                    let row = row.build(serial);
                    OwnedRow { ts: row.ts.saturating_sub(set_back), ..row }
                };
                let rows: Vec<OwnedRow> = (first..).zip(rows).map(build).collect();
                self.serial += rows.len() as i64;
                let rows: Vec<_> = rows.iter().map(OwnedRow::as_row).collect();
                self.log()?.insert_batch(&rows)?;
            }
            DataOp::Retention { rows, bytes } => {
                self.retention = Retention { rows: *rows, bytes: *bytes };
                self.log = None;
            }
            DataOp::PruneBefore(at) => {
                self.log()?.prune_older_than(EPOCH.saturating_add(*at))?;
            }
            DataOp::Delete(victims) => self.delete(*victims)?,
            DataOp::Vacuum => self.log()?.vacuum()?,
            DataOp::IncrementalVacuum(pages) => {
                self.log()?.incremental_vacuum(*pages)?;
            }
            DataOp::Checkpoint => {
                self.log()?.checkpoint_passive()?;
            }
            DataOp::Close => self.close(),
            DataOp::Save => {
                let saved = self.saved();
                remove(&saved)?;
                self.copy_to(&saved)?;
            }
            DataOp::Replace { by, with } => self.replace(*by, *with)?,
            DataOp::PlainIds => {
                let plain = schema::CREATE_TABLE.replace(" AUTOINCREMENT", "");
                self.make_table_anew(&plain)?;
            }
            DataOp::ExtraColumn => {
                let has = self.side()?.column_exists(None, schema::TABLE, "extra")?;
                if !has {
                    self.sql("ALTER TABLE logs ADD COLUMN extra TEXT")?;
                }
            }
            DataOp::Outside(breach) => self.breach(breach)?,
        }
        Ok(())
    }

    /// Makes a copy of what is in the database. Not of its files: a writer that was killed may have
    /// left a transaction in the write-ahead log that nobody sees before the log is recovered, as a
    /// copy of it would be.
    fn copy_to(&mut self, path: &Path) -> Result<(), Error> {
        self.side()?.execute("VACUUM INTO ?1", [path.display().to_string()])?;
        // The copy comes without this lasting setting, and a writer could not set it beside a
        // reader.
        Ok(Connection::open(path)?.pragma_update(None, "journal_mode", "WAL")?)
    }

    fn breach(&mut self, breach: &Breach) -> Result<(), Error> {
        match breach {
            Breach::Change(part, place) => breach::change(self.side()?, *part, *place)?,
            Breach::InsertBelow(row) => {
                self.serial += 1;
                let serial = self.serial;
                breach::insert_below(self.side()?, row, serial)?;
            }
            Breach::Overwrite => {
                let from = if self.saved().exists() { self.saved() } else { self.template() };
                self.close();
                breach::overwrite(&self.database, &from)?;
            }
            Breach::ReuseInode(with) => {
                let number = self.identity.file.load(Ordering::SeqCst);
                self.replace(By::Unlink, *with)?;
                self.identity.file.store(number, Ordering::SeqCst);
            }
            Breach::ClockBack(seconds) => self.set_back = self.set_back.saturating_add(*seconds),
        }
        Ok(())
    }

    /// A symbolic link to the database, made at the first call.
    pub(super) fn link(&self) -> io::Result<PathBuf> {
        let link = self.folder.join("link.sqlite");
        match std::os::unix::fs::symlink(&self.database, &link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(link),
        }
    }

    /// Makes the database one that cannot be scanned, or undoes that.
    pub(super) fn set_defect(&mut self, defect: Defect, on: bool) -> Result<(), Error> {
        let aside = self.folder.join("aside.sqlite");
        match (defect, on) {
            (Defect::NoFile, true) => std::fs::rename(&self.database, aside)?,
            (Defect::NoFile, false) => std::fs::rename(aside, &self.database)?,
            (Defect::NoTable, true) => self.sql("ALTER TABLE logs RENAME TO other")?,
            (Defect::NoTable, false) => self.sql("ALTER TABLE other RENAME TO logs")?,
            (Defect::NoColumn, true) => {
                self.sql("ALTER TABLE logs RENAME COLUMN target TO other")?;
            }
            (Defect::NoColumn, false) => {
                self.sql("ALTER TABLE logs RENAME COLUMN other TO target")?;
            }
        }
        Ok(())
    }

    fn delete(&mut self, victims: Victims) -> Result<(), Error> {
        let connection = self.side()?;
        let markers = "(instr(feedback_log_body, 'websocket ') OR instr(feedback_log_body, \
                       'tags_json=') OR instr(feedback_log_body, 'Submission sub=')) IS TRUE";
        match victims {
            Victims::Newest(count) => connection.execute(
                "DELETE FROM logs WHERE id IN (SELECT id FROM logs ORDER BY id DESC LIMIT ?1)",
                [count as i64],
            )?,
            Victims::Oldest(count) => connection.execute(
                "DELETE FROM logs WHERE id IN (SELECT id FROM logs ORDER BY id LIMIT ?1)",
                [count as i64],
            )?,
            Victims::Every { step, from } => connection.execute(
                "DELETE FROM logs WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (ORDER \
                 BY id) - 1 AS place FROM logs) WHERE place % ?1 = ?2)",
                [step.max(1) as i64, from as i64],
            )?,
            Victims::Turn(turn) => connection.execute(
                "DELETE FROM logs WHERE instr(feedback_log_body, ?1)",
                [turn_name(turn)],
            )?,
            Victims::Marked => connection.execute(
                &format!(
                    "DELETE FROM logs WHERE \
                                                            {markers}"
                ),
                [],
            )?,
            Victims::Unmarked => {
                connection.execute(&format!("DELETE FROM logs WHERE NOT {markers}"), [])?
            }
            Victims::All => connection.execute("DELETE FROM logs", [])?,
        };
        Ok(())
    }

    fn replace(&mut self, by: By, with: With) -> Result<(), Error> {
        let next = self.folder.join("next.sqlite");
        match with {
            With::Saved if self.saved().exists() => std::fs::copy(self.saved(), &next)?,
            With::Saved | With::Empty | With::Copy => std::fs::copy(self.template(), &next)?,
        };
        if with == With::Copy {
            let columns = schema::COLUMNS.join(", ");
            let next = next.display().to_string();
            let connection = self.side()?;
            connection.execute("ATTACH ?1 AS next", [next])?;
            connection.execute(
                &format!("INSERT INTO next.logs ({columns}) SELECT {columns} FROM main.logs"),
                [],
            )?;
            connection.execute("DETACH next", [])?;
        }
        self.close();
        if by == By::Unlink {
            remove(&self.database)?;
        }
        // What a reader of the old file still has open is useless to the new one.
        for suffix in ["-wal", "-shm"] {
            remove(&self.folder.join(format!("{}{suffix}", schema::FILE_NAME)))?;
        }
        match by {
            By::Rename => std::fs::rename(&next, &self.database)?,
            By::Unlink => {
                std::fs::copy(&next, &self.database)?;
                remove(&next)?;
            }
        }
        self.identity.file.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Moves the rows to a table that `create` makes, in the same file.
    fn make_table_anew(&mut self, create: &str) -> Result<(), Error> {
        let columns = schema::COLUMNS.join(", ");
        let indexes = schema::CREATE_INDEXES.join(";");
        self.sql(&format!(
            "BEGIN IMMEDIATE; ALTER TABLE logs RENAME TO old; {create}; INSERT INTO logs \
             ({columns}) SELECT {columns} FROM old; DROP TABLE old; {indexes}; COMMIT"
        ))
    }

    fn sql(&mut self, sql: &str) -> Result<(), Error> {
        Ok(self.side()?.execute_batch(sql)?)
    }

    fn close(&mut self) {
        (self.log, self.side) = (None, None);
    }

    /// Closes what was opened only to look, unless the writer runs: others may then be the last to
    /// use the database.
    pub(super) fn leave(&mut self) {
        if self.log.is_none() {
            self.side = None;
        }
    }

    fn saved(&self) -> PathBuf {
        self.folder.join("saved.sqlite")
    }

    fn log(&mut self) -> Result<&mut TraceLog, Error> {
        let log = match self.log.take() {
            Some(log) => log,
            None => {
                let options = LogOptions {
                    create: false,
                    retention: self.retention,
                    ..LogOptions::default()
                };
                TraceLog::open_with(&self.database, options)?
            }
        };
        Ok(self.log.insert(log))
    }

    fn side(&mut self) -> Result<&Connection, Error> {
        let side = match self.side.take() {
            Some(side) => side,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let side = Connection::open_with_flags(&self.database, flags)?;
                side.pragma_update(None, "synchronous", "OFF")?;
                side
            }
        };
        Ok(self.side.insert(side))
    }
}

/// Operations for another process to do, one after the other, as the writer of this one would.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Writing {
    database: PathBuf,
    retention: (usize, i64),
    serial: i64,
    set_back: i64,
    /// In their readable form.
    ops: Vec<String>,
}

impl Writing {
    /// Does them; `begins` hears of each before it begins.
    pub(super) fn write(
        &self,
        mut begins: impl FnMut(usize) -> io::Result<()>,
    ) -> Result<(), Error> {
        let (rows, bytes) = self.retention;
        let mut world = World::at(&self.database, IdentityKind::Blind);
        (world.retention, world.serial) = (Retention { rows, bytes }, self.serial);
        world.set_back = self.set_back;
        for (op, number) in self.ops.iter().zip(1..) {
            let op: DataOp = op.parse().map_err(io::Error::other)?;
            begins(number)?;
            world.apply(&op)?;
        }
        Ok(())
    }
}

/// Removes a file if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_its_killed_writer_showed_nobody_is_not_rehearsed_on() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("world")).unwrap();
        let mut world = World::new(&folder.path().join("world"), IdentityKind::Birth).unwrap();
        let append: DataOp = "append noise turn=0 at=1".parse().unwrap();
        world.apply(&append).unwrap();
        let shown = world.view().unwrap();
        // What a writer leaves that is killed after the last write to the log and before the one to
        // its index.
        let index = world.folder.join(format!("{}-shm", schema::FILE_NAME));
        let before = std::fs::read(&index).unwrap();
        world.apply(&append).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&index).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &before, 0).unwrap();
        assert_eq!(
            world.view().unwrap().rows,
            shown.rows,
            "it is shown, and nothing would be tested"
        );

        let (_, views) = world.rehearse(&[append]).unwrap();
        assert_eq!(views[0].rows, shown.rows);
        assert_eq!(views[1].rows.len(), shown.rows.len() + 1);
    }
}
