//! Rows rebuilt, repaired and verified from folders of histories, good ones and hostile ones.

use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;
use tracerig_store::threads::{
    Column, DatabaseError, Error, HistoryError, Item, ListQuery, Millis, Progress, Rebuilt,
    SessionMeta, Sessions, StoreOptions, SweepOptions, ThreadId, ThreadRow, ThreadStore, Value,
    Verified, rebuild, repair, replay, verify,
};

/// A folder with histories below `sessions`, and a database beside it.
struct Home {
    folder: TempDir,
    jobs: usize,
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn id(number: u64) -> ThreadId {
    format!("01a1faad-9ba1-7b10-b548-{number:012x}").parse().unwrap()
}

/// A history of so many turns.
fn history(thread: ThreadId, turns: i64) -> Vec<u8> {
    let mut meta = SessionMeta::new(thread);
    meta.timestamp = Some(Millis(1_780_000_000_000));
    meta.cwd = Some(format!("/work/{}", turns % 3));
    let mut items = vec![Item::session_meta(&meta)];
    for turn in 0..turns {
        items.push(Item::task_started("turn"));
        items.push(Item::user_message(&format!("please do {turn} of {turns}")));
        items.push(Item::from_line(
            format!(
                r#"{{"type":"response_item","payload":{{"type":"message","text":"{}"}}}}"#,
                "x".repeat(3000)
            )
            .as_bytes(),
        ));
        items.push(Item::token_count(turn * 100));
    }
    let mut text = Vec::new();
    for (item, at) in items.into_iter().zip(1_780_000_000_000..) {
        item.unwrap().write_line(Millis(at).rfc3339().as_str(), &mut text);
    }
    text
}

impl Home {
    fn new() -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap(), jobs: 2 };
        fs::create_dir(home.folder.path().join("sessions")).unwrap();
        home
    }

    /// With histories of `threads` threads over some days.
    fn with(threads: u64) -> Self {
        let home = Self::new();
        for number in 0..threads {
            home.write(number, &history(id(number), i64::try_from(number % 7).unwrap()));
        }
        home
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn database(&self) -> PathBuf {
        self.root().join("threads.sqlite")
    }

    fn path(&self, number: u64) -> PathBuf {
        let at = Millis(1_780_000_000_000 + i64::try_from(number % 3).unwrap() * 86_400_000);
        self.root().join("sessions").join(at.folder()).join(id(number).file_name(at))
    }

    fn write(&self, number: u64, content: &[u8]) -> PathBuf {
        let path = self.path(number);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn options(&self) -> SweepOptions {
        SweepOptions { jobs: NonZeroUsize::new(self.jobs).unwrap(), ..SweepOptions::default() }
    }

    fn rebuild(&self) -> Rebuilt {
        rebuild(&Sessions::of(self.root()), &self.database(), &self.options(), &mut go_on).unwrap()
    }

    fn repair(&self) -> Rebuilt {
        repair(&Sessions::of(self.root()), &self.database(), &self.options(), &mut go_on).unwrap()
    }

    fn verify(&self) -> Verified {
        verify(&Sessions::of(self.root()), &self.database(), &self.options(), &mut go_on).unwrap()
    }

    fn sql(&self, sql: &str) -> usize {
        Connection::open(self.database()).unwrap().execute(sql, []).unwrap()
    }

    fn rows(&self) -> Vec<ThreadRow> {
        let store = ThreadStore::open(self.root(), StoreOptions::default()).unwrap();
        let mut rows =
            store.list(&ListQuery { limit: 1_000_000, ..ListQuery::default() }).unwrap().rows;
        rows.sort_by_key(|row| row.id);
        rows
    }
}

#[test]
fn every_history_becomes_its_row_whatever_the_number_of_jobs() {
    let mut home = Home::with(300);
    let mut before = None;
    for jobs in [1, 2, 8] {
        home.jobs = jobs;
        let done = home.rebuild();
        assert_eq!((done.files, done.written, done.removed), (300, 300, 0));
        assert!(
            done.failures.is_empty() && done.flaws.is_empty() && !done.is_cut_short,
            "{done:?}"
        );
        let verified = home.verify();
        assert!(verified.is_equal() && verified.failures.is_empty(), "{verified:?}");
        assert_eq!((verified.files, verified.equal), (300, 300));
        let rows = home.rows();
        assert_eq!(rows.len(), 300);
        assert!(before.is_none_or(|before| before == rows));
        before = Some(rows);
        fs::remove_file(home.database()).unwrap();
    }
    for row in before.unwrap() {
        let path = home.root().join(&row.rollout_path);
        assert_eq!(path.metadata().unwrap().len(), row.history_bytes);
        let patch = replay(&path, row.id).unwrap().patch;
        assert_eq!(patch.get(Column::UpdatedAtMs), Some(&Value::Integer(row.updated_at.0)));
        assert_eq!(
            patch.get(Column::TokensUsed).cloned().unwrap_or(Value::Integer(0)),
            Value::Integer(row.tokens_used)
        );
    }
}

#[test]
fn a_repair_replays_what_is_missing_or_of_another_length() {
    let home = Home::with(20);
    assert_eq!(home.repair().written, 20, "all are missing");
    let nothing = home.repair();
    assert_eq!((nothing.written, nothing.fresh), (0, 20));

    home.write(3, &history(id(3), 9));
    home.write(4, &history(id(4), 1)[..100]);
    home.write(100, &history(id(100), 2));
    home.sql(&format!("DELETE FROM threads WHERE id = '{}'", id(5)));
    let moved = home.root().join("sessions").join(home.path(6).file_name().unwrap());
    fs::rename(home.path(6), moved).unwrap();
    fs::remove_file(home.path(7)).unwrap();
    // A row that is wrong and of the right length is not seen with a stat.
    home.sql(&format!("UPDATE threads SET title = 'wrong' WHERE id = '{}'", id(8)));
    let done = home.repair();
    assert_eq!((done.files, done.written, done.fresh, done.gone, done.removed), (20, 4, 15, 1, 0));
    assert!(
        matches!(
            done.failures[..],
            [Error::Unreadable(HistoryError::TornAtStart { bytes: 100, .. })]
        ),
        "{done:?}"
    );

    let verified = home.verify();
    assert_eq!(verified.without_history, [id(7)]);
    let found: Vec<_> =
        verified.differences.iter().map(|found| (found.thread, found.column, &found.row)).collect();
    assert_eq!(found, [(id(8), Column::Title, &Value::Text("wrong".to_owned()))]);

    let done = home.rebuild();
    assert_eq!((done.written, done.removed), (19, 1));
    let verified = home.verify();
    // The row of the thread whose history was cut in its first line: nobody knows better.
    assert!(verified.is_equal(), "{verified:?}");
    assert_eq!(home.rows().len(), 20);
}

#[test]
fn a_verification_names_the_thread_and_the_column() {
    let home = Home::with(10);
    home.rebuild();
    let set = [
        (1, "cwd", "'/elsewhere'", Column::Cwd, Value::Text("/elsewhere".to_owned())),
        (2, "tokens_used", "1", Column::TokensUsed, Value::Integer(1)),
        (3, "updated_at_ms", "1", Column::UpdatedAtMs, Value::Integer(1)),
        (4, "archived_at_ms", "7", Column::ArchivedAtMs, Value::Integer(7)),
        (5, "history_bytes", "8", Column::HistoryBytes, Value::Integer(8)),
        (6, "rollout_path", "'nowhere'", Column::RolloutPath, Value::Text("nowhere".to_owned())),
        (8, "title", "x'00ff'", Column::Title, Value::Text("(a BLOB of 2 bytes)".to_owned())),
    ];
    for (number, column, value, ..) in &set {
        home.sql(&format!("UPDATE threads SET {column} = {value} WHERE id = '{}'", id(*number)));
    }
    home.sql(&format!("DELETE FROM threads WHERE id = '{}'", id(9)));
    let verified = home.verify();
    assert!(!verified.is_equal());
    assert_eq!((verified.equal, &verified.without_row[..]), (2, &[id(9)][..]));
    let found: Vec<_> = verified
        .differences
        .into_iter()
        .map(|found| (found.thread, found.column, found.row))
        .collect();
    let expected: Vec<_> =
        set.into_iter().map(|(number, _, _, column, row)| (id(number), column, row)).collect();
    assert_eq!(found, expected);
    home.rebuild();
    assert!(home.verify().is_equal());
}

#[test]
fn a_hostile_folder_costs_only_what_is_broken() {
    let home = Home::with(10);
    let good = |number: u64| history(id(number), 2);
    let torn = home.write(20, &good(20)[..good(20).len() - 5]);
    let mut garbled = good(21);
    let line = garbled.iter().position(|byte| *byte == b'\n').unwrap() + 40;
    garbled[line] = 0xff;
    let garbled = home.write(21, &garbled);
    let empty = home.write(22, b"");
    let foreign = home.write(23, &good(24));
    let no_history = home.write(25, b"{\"hello\":1}\n");
    let first = home.write(26, &good(26));
    let second = home.root().join("sessions").join(first.file_name().unwrap());
    fs::copy(&first, &second).unwrap();
    // What is not a history, or none of its own.
    fs::write(home.root().join("sessions/notes.txt"), "x").unwrap();
    fs::create_dir(home.root().join("sessions").join(id(27).file_name(Millis(0)))).unwrap();
    #[cfg(unix)]
    {
        let links = home.root().join("sessions");
        std::os::unix::fs::symlink(&first, links.join(id(28).file_name(Millis(0)))).unwrap();
        std::os::unix::fs::symlink(&links, links.join("loop")).unwrap();
    }
    for done in [home.rebuild(), home.rebuild()] {
        assert_eq!((done.files, done.written), (15, 12));
        assert_eq!(done.flaws.torn.len(), 1);
        assert_eq!(done.flaws.torn[0].0, torn);
        assert_eq!((done.flaws.problem_count, done.flaws.problems.len()), (1, 1));
        assert_eq!((&done.flaws.problems[0].path, done.flaws.problems[0].line), (&garbled, 2));
        let mut told: Vec<String> = done.failures.iter().map(ToString::to_string).collect();
        told.sort();
        assert_eq!(done.failures.len(), 4, "{told:?}");
        for error in &done.failures {
            match error {
                Error::Duplicate { thread, first: one, second: other } => {
                    assert_eq!((*thread, one, other), (id(26), &first, &second));
                }
                Error::Unreadable(HistoryError::Empty { path }) => assert_eq!(*path, empty),
                Error::Unreadable(HistoryError::NoSessionMeta { path, .. }) => {
                    assert_eq!(*path, no_history);
                }
                Error::Unreadable(HistoryError::OtherThread { path, found, .. }) => {
                    assert_eq!((path, *found), (&foreign, id(24)));
                }
                error => panic!("{error}"),
            }
        }
    }
    let verified = home.verify();
    assert!(verified.is_equal(), "{verified:?}");
    assert_eq!((verified.equal, verified.failures.len(), verified.flaws.torn.len()), (12, 4, 1));
}

#[test]
fn what_is_broken_off_is_finished_by_a_repair() {
    let home = Home::with(400);
    let mut told = Vec::new();
    let mut watch = |progress: Progress| {
        told.push(progress);
        if progress.files > 150 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let sessions = Sessions::of(home.root());
    let done = rebuild(&sessions, &home.database(), &home.options(), &mut watch).unwrap();
    assert!(done.is_cut_short && done.written < 400, "{done:?}");
    assert_eq!(home.rows().len() as u64, done.written);
    assert!(told.iter().all(|progress| progress.total_files == 400 && progress.files <= 400));
    assert!(told.is_sorted_by_key(|progress| (progress.files, progress.bytes)));
    let rest = home.repair();
    assert_eq!((rest.written + done.written, rest.fresh), (400, done.written));

    told.clear();
    let mut watch = |progress: Progress| {
        told.push(progress);
        ControlFlow::Continue(())
    };
    assert!(verify(&sessions, &home.database(), &home.options(), &mut watch).unwrap().is_equal());
    let last = told.last().unwrap();
    assert_eq!((last.files, last.bytes), (400, last.total_bytes));
}

#[test]
fn rows_of_live_threads_are_left_to_their_writers() {
    let home = Home::with(5);
    home.rebuild();
    let store = ThreadStore::open(home.root(), StoreOptions::default()).unwrap();
    let live = store.resume(id(2)).unwrap();
    live.append_and_flush(&[Item::token_count(77).unwrap()]).unwrap();
    home.sql("UPDATE threads SET title = 'wrong'");
    let options = SweepOptions { locks: Some(store.root().join("locks")), ..home.options() };
    let sessions = Sessions::of(home.root());
    let verified = verify(&sessions, &home.database(), &options, &mut go_on).unwrap();
    assert_eq!((verified.in_use, verified.equal, verified.differences.len()), (1, 0, 4));
    let done = rebuild(&sessions, &home.database(), &options, &mut go_on).unwrap();
    assert_eq!((done.in_use, done.written, done.removed), (1, 4, 0));
    let row = store.read(id(2)).unwrap().unwrap();
    assert_eq!((row.title.as_deref(), row.tokens_used), (Some("wrong"), 77));
    live.shutdown().unwrap();
    let done = rebuild(&sessions, &home.database(), &options, &mut go_on).unwrap();
    assert_eq!((done.in_use, done.written), (0, 5));
    assert!(home.verify().is_equal());
    assert_eq!(fs::read_dir(store.root().join("locks")).unwrap().count(), 0);
}

#[test]
fn a_database_of_something_else_is_left_as_it_is() {
    let home = Home::with(3);
    let other = Connection::open(home.database()).unwrap();
    other
        .execute_batch("CREATE TABLE threads (id TEXT PRIMARY KEY, rollout_path TEXT NOT NULL)")
        .unwrap();
    other.pragma_update(None, "journal_mode", "WAL").unwrap();
    // As a program that was killed leaves it: part of it is in the write-ahead log.
    other.execute_batch("INSERT INTO threads VALUES ('a', 'b')").unwrap();
    let files = || {
        let mut files: Vec<_> =
            fs::read_dir(home.root()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.is_file());
        files.sort();
        files.into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect::<Vec<_>>()
    };
    let before = files();
    assert_eq!(before.len(), 3);
    let sessions = Sessions::of(home.root());
    for job in [rebuild, repair] {
        let refused = job(&sessions, &home.database(), &home.options(), &mut go_on).unwrap_err();
        assert!(matches!(refused, DatabaseError::Foreign { .. }), "{refused}");
    }
    let refused = verify(&sessions, &home.database(), &home.options(), &mut go_on).unwrap_err();
    assert!(matches!(refused, DatabaseError::Foreign { .. }), "{refused}");
    assert!(files() == before);
    drop(other);
    let missing = verify(&sessions, &home.root().join("none.sqlite"), &home.options(), &mut go_on)
        .unwrap_err();
    assert!(matches!(missing, DatabaseError::Missing { .. }), "{missing}");
    assert!(!home.root().join("none.sqlite").exists());
}
