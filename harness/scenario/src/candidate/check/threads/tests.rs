//! What must be found in a store, and what must not.

use super::*;

#[test]
fn a_history_is_written_as_it_is_read() {
    let text = "append 1 3 | 2 1\nkilled 500us: 1 4\ntext 1 \"a\\u0000b\"\nlong 1 9\ntear 1\n\
                line 1 event_msg {}\nrefused 1\n";
    assert_eq!(text.parse::<History>().unwrap().to_string(), text);
    for wrong in ["append 1", "append 100 1", "text 1 a", "killed 5: 1 1", "jump 1", "line 1 a 3"] {
        assert!(wrong.parse::<History>().is_err(), "{wrong}");
    }
}

#[test]
fn what_is_lost_changed_or_glued_is_found() {
    let after = |change: &dyn Fn(&mut Vec<Vec<u8>>), was_killed: bool| {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::new(folder.path().to_owned()).unwrap();
        let ask = store.request(&Step::Append(vec![(1, 4)])).unwrap();
        let Ask::Append(asked) = ask else { panic!("it appends") };
        append::append(&asked, Mode::default()).unwrap();
        assert_eq!(store.wrong().unwrap(), None);
        let path = store.histories(1).remove(0);
        let bytes = std::fs::read(&path).unwrap();
        let mut lines: Vec<Vec<u8>> =
            bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        store.before.clear();
        store.late.extend(was_killed.then_some((1, 0)));
        change(&mut lines);
        std::fs::write(&path, lines.concat()).unwrap();
        store.wrong().unwrap()
    };
    let says = |found: Option<String>, due: &str| {
        assert!(found.as_ref().is_some_and(|told| told.contains(due)), "{found:?}: {due}");
    };
    says(after(&|lines| drop(lines.pop()), false), "3 of 4 lines");
    says(after(&|lines| lines.swap(2, 3), false), "line 3 of its history is not");
    says(after(&|lines| lines[4].truncate(40), false), "breaks off");
    says(after(&|lines| drop(lines.remove(0)), false), "session_meta");
    says(after(&|lines| lines.push(lines[4].clone()), false), "line 6 of its history");
    // A row ahead of its history is no beginning of it.
    says(after(&|lines| drop(lines.pop()), true), "its row");
    assert_eq!(after(&|lines| lines.push(b"{\"timest".to_vec()), true), None);
}

#[test]
fn a_history_in_another_folder_and_a_second_row_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let asked = first(folder.path());
    assert_eq!(wrong_after_first(&asked, false).unwrap(), None);
    append::append(&asked, Mode::default()).unwrap();
    assert_eq!(wrong_after_first(&asked, true).unwrap(), None);
    let told = wrong_after_first(&asked, false).unwrap().unwrap();
    assert!(told.contains("it has a history, and nothing was appended"), "{told}");
    let database = rusqlite::Connection::open(folder.path().join(schema::FILE_NAME)).unwrap();
    database
        .execute_batch(
            "CREATE TABLE twice AS SELECT * FROM threads; INSERT INTO twice SELECT * FROM threads; \
             DROP TABLE threads; ALTER TABLE twice RENAME TO threads",
        )
        .unwrap();
    let told = wrong_after_first(&asked, true).unwrap().unwrap();
    assert!(told.contains("there are 2 rows of 1 threads"), "{told}");
    let sessions = folder.path().join(SESSIONS);
    let year = std::fs::read_dir(&sessions).unwrap().next().unwrap().unwrap().path();
    std::fs::rename(&year, sessions.join("new")).unwrap();
    database.execute_batch("DELETE FROM threads").unwrap();
    let told = wrong_after_first(&asked, true).unwrap().unwrap();
    assert!(told.contains("instead of sessions/YYYY/MM/DD"), "{told}");
}

#[test]
fn a_row_may_be_late_until_its_thread_is_appended_to_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::new(folder.path().to_owned()).unwrap();
    let launch = |store: &mut Store, step: &Step| {
        let Some(Ask::Append(asked)) = store.request(step) else { panic!("it appends") };
        append::append(&asked, Mode::default()).unwrap();
    };
    launch(&mut store, &Step::Append(vec![(1, 4)]));
    assert_eq!(store.wrong().unwrap(), None);
    let database = folder.path().join(schema::FILE_NAME);
    let earlier = std::fs::read(&database).unwrap();
    launch(&mut store, &Step::Killed(Duration::ZERO, vec![(1, 2), (2, 3)]));
    // It was killed before it wrote a row.
    std::fs::write(&database, earlier).unwrap();
    assert_eq!(store.wrong().unwrap(), None);
    // A launch that appends to neither.
    store.request(&Step::Append(vec![(1, 0), (2, 0)])).unwrap();
    assert_eq!(store.wrong().unwrap(), None);
    for (thread, due) in [(1, "its row"), (2, "it has no row")] {
        let late = store.late.clone();
        store.late.remove(&thread);
        let told = store.wrong().unwrap().unwrap();
        assert!(told.contains(due), "{told}");
        store.late = late;
    }
    // It was killed before it wrote the first item, or made the first line whole.
    let history = store.histories(2).remove(0);
    let bytes = std::fs::read(&history).unwrap();
    let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for left in [first, 20, 0] {
        store.before.remove(&2);
        std::fs::write(&history, &bytes[..left]).unwrap();
        assert_eq!(store.wrong().unwrap(), None, "{left} bytes");
        assert_eq!(store.wrong().unwrap(), None, "{left} bytes, and again");
    }
    // A row that was there does not go.
    std::fs::remove_file(&database).unwrap();
    let told = store.wrong().unwrap().unwrap();
    assert!(told.contains("it has no row"), "{told}");
}

#[test]
fn what_a_killed_process_had_not_committed_is_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::new(folder.path().to_owned()).unwrap();
    let Some(Ask::Append(asked)) = store.request(&Step::Append(vec![(1, 4)])) else {
        panic!("it appends")
    };
    append::append(&asked, Mode::default()).unwrap();
    let files = ["", "-journal"].map(|end| format!("{}{end}", schema::FILE_NAME));
    let killed = tempfile::tempdir().unwrap();
    {
        let database = rusqlite::Connection::open(folder.path().join(&files[0])).unwrap();
        database.pragma_update(None, "journal_mode", "DELETE").unwrap();
        // A cache this small writes pages before the end.
        database.pragma_update(None, "cache_size", 1).unwrap();
        database
            .execute_batch(
                "BEGIN; UPDATE threads SET title = 'half'; CREATE TABLE more (x); INSERT INTO \
                 more SELECT zeroblob(3000) FROM (VALUES (1), (2), (3), (4)), (VALUES (1), \
                 (2), (3), (4), (5));",
            )
            .unwrap();
        for name in &files {
            std::fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
        }
    }
    for name in &files {
        std::fs::copy(killed.path().join(name), folder.path().join(name)).unwrap();
    }
    assert_eq!(store.wrong().unwrap(), None);
    assert!(!folder.path().join(&files[1]).exists());
}
