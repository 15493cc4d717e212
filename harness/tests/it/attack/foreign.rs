//! What is not ours: folders that are no datasets, links, pipes and sockets where files are meant,
//! and tables that are none.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;

use crate::common::program::{Program, Ran, text};

const THREAD: &str = "01a1faad-9c57-7691-9b09-455304ae0d9f";

/// No command here may take longer than this, however busy the machine is. It bounds what would be
/// a wait for ever.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits for a child, which must end by itself.
fn ended(mut child: Child, what: &str) -> Ran {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("{what}: it hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ran::of(&child.wait_with_output().unwrap())
}

fn run(program: &Program, arguments: &[&str]) -> Ran {
    let mut command = program.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    ended(command.spawn().unwrap(), &arguments.join(" "))
}

/// Expects exit code 1, and that each of these words is in the message.
fn refused(program: &Program, arguments: &[&str], said: &[&str]) {
    let ran = run(program, arguments);
    assert_eq!(ran.code, Some(1), "{arguments:?}: {ran:?}");
    assert!(said.iter().all(|words| ran.err.contains(words)), "{arguments:?}: {}", ran.err);
}

pub(crate) fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Everything below a folder, with the bytes of files and the targets of links.
fn whole(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.push((path.clone(), Vec::new()));
            found.extend(whole(&path));
        } else if kind.is_symlink() {
            found.push((
                path.clone(),
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
            ));
        } else {
            found.push((
                path.clone(),
                if kind.is_file() { fs::read(&path).unwrap() } else { Vec::new() },
            ));
        }
    }
    found.sort();
    found
}

/// Builds the dataset `tiny` and gives its folder.
fn tiny(program: &Program) -> PathBuf {
    let ran = run(program, &["dataset", "build", "tiny"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    Path::new(ran.out.trim()).parent().unwrap().to_owned()
}

#[test]
fn dataset_remove_of_a_folder_that_is_no_dataset() {
    let program = Program::new();
    let datasets = program.cache().join("datasets");
    fs::create_dir_all(datasets.join("letters/old")).unwrap();
    fs::write(datasets.join("letters/old/one.txt"), "dear").unwrap();
    fs::create_dir(datasets.join("empty")).unwrap();
    // It looks like one by its name, and by the name of what is in it.
    fs::create_dir(datasets.join("tiny-0123456789ab")).unwrap();
    fs::write(datasets.join("tiny-0123456789ab/logs_2.sqlite"), "rows").unwrap();
    fs::create_dir(program.path("elsewhere")).unwrap();
    symlink(program.path("elsewhere"), datasets.join("linked")).unwrap();
    let before: Vec<_> = whole(&datasets);
    for name in ["letters", "empty", "tiny-0123456789ab", "tiny", "linked"] {
        refused(&program, &["dataset", "remove", name], &["left as it is", "not a dataset"]);
    }
    let is_lock =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let after: Vec<_> = whole(&datasets).into_iter().filter(|(path, _)| !is_lock(path)).collect();
    assert_eq!(after, before);
}

#[test]
fn a_file_of_the_users_in_a_dataset_keeps_it_from_being_removed_and_built_again() {
    let program = Program::new();
    let folder = tiny(&program);
    let name = folder.file_name().unwrap().to_str().unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    refused(&program, &["dataset", "remove", name], &["left as it is", "notes.txt"]);
    // Damaged, it would be built again.
    fs::write(folder.join("logs_2.sqlite"), "damaged").unwrap();
    refused(&program, &["dataset", "build", "tiny"], &["left as it is", "notes.txt"]);
    assert_eq!(fs::read(folder.join("notes.txt")).unwrap(), b"mine");
    assert_eq!(fs::read(folder.join("logs_2.sqlite")).unwrap(), b"damaged");
    fs::remove_file(folder.join("notes.txt")).unwrap();
    // Whichever of its files is damaged, it is still known to be a dataset.
    fs::write(folder.join("manifest.json"), "{").unwrap();
    assert_eq!(tiny(&program), folder);
    fs::write(folder.join("manifest.json"), "{").unwrap();
    assert_eq!(run(&program, &["dataset", "remove", name]).code, Some(0));
    assert!(!folder.exists());
}

#[test]
fn what_a_killed_build_left_is_removed_only_if_it_is_that() {
    let program = Program::new();
    let folder = tiny(&program);
    let name = folder.file_name().unwrap().to_str().unwrap();
    assert_eq!(run(&program, &["dataset", "remove", name]).code, Some(0));
    let building = folder.with_file_name(format!(".building-{name}"));
    fs::create_dir(&building).unwrap();
    fs::write(building.join("photos.tar"), "mine").unwrap();
    refused(&program, &["dataset", "build", "tiny"], &["left as it is", "photos.tar"]);
    assert_eq!(fs::read(building.join("photos.tar")).unwrap(), b"mine");
    fs::remove_file(building.join("photos.tar")).unwrap();
    assert_eq!(tiny(&program), folder);
}

#[test]
fn files_of_a_dataset_that_are_links_are_not_written_through() {
    let program = Program::new();
    let folder = tiny(&program);
    let theirs = program.path("theirs");
    fs::write(&theirs, "untouched").unwrap();
    fs::remove_file(folder.join("verified.json")).unwrap();
    symlink(&theirs, folder.join("verified.json")).unwrap();
    // Verified anew, and that is not remembered.
    tiny(&program);
    assert_eq!(fs::read(&theirs).unwrap(), b"untouched");
    fs::remove_file(folder.join("verified.json")).unwrap();
    pipe(&folder.join("verified.json"));
    tiny(&program);
}

#[test]
fn a_symbolic_link_as_out_of_dataset_build_interrupted() {
    let program = Program::new();
    let (disk, out) = (program.path("disk"), program.path("out"));
    fs::create_dir(&disk).unwrap();
    symlink(&disk, &out).unwrap();
    let arguments = ["dataset", "build", "quick", "--out", text(&out)];
    let mut command = program.command(&arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while fs::metadata(disk.join("logs_2.sqlite")).map_or(0, |found| found.len()) < 1 << 20 {
        assert!(start.elapsed() < LIMIT, "it does not begin");
        std::thread::sleep(Duration::from_millis(1));
    }
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(),
        rustix::process::Signal::INT,
    )
    .unwrap();
    assert_eq!(ended(child, "interrupted").code, Some(130));
    assert_eq!(fs::read_link(&out).unwrap(), disk, "the link stays");
    assert_eq!(whole(&disk), [], "nothing is left in it");
    // Not interrupted, the dataset is in the folder that the link leads to.
    let ran = run(&program, &["dataset", "build", "tiny", "--out", text(&out)]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(out.is_symlink() && disk.join("logs_2.sqlite").is_file());
}

#[test]
fn results_neither_follow_nor_replace_a_link_nor_a_file_of_somebody_else() {
    let program = Program::new();
    let (theirs, link) = (program.path("theirs.txt"), program.path("link.xml"));
    fs::write(&theirs, "untouched").unwrap();
    let diff = |junit: &Path| {
        run(
            &program,
            &["diff", "trace", "--cases", "1", "--oracle", "none", "--junit", text(junit)],
        )
    };
    for target in [&theirs, &program.path("nothing")] {
        symlink(target, &link).unwrap();
        let ran = diff(&link);
        assert!(ran.err.contains("symbolic link") && link.is_symlink(), "{ran:?}");
        fs::remove_file(&link).unwrap();
    }
    assert!(diff(&theirs).err.contains("did not write"));
    assert_eq!(fs::read(&theirs).unwrap(), b"untouched");
    assert!(!program.path("nothing").exists());
    // A run looks for what it would replace before it measures anything.
    let out = program.path("results");
    fs::create_dir(&out).unwrap();
    symlink(program.path("nothing"), out.join("record.json")).unwrap();
    refused(
        &program,
        &["run", "relaunch", "--recipe", "tiny", "--out", text(&out)],
        &["record.json"],
    );
    assert!(out.join("record.json").is_symlink());
}

#[test]
fn a_database_of_rows_that_is_no_file_is_refused_before_opening() {
    let program = Program::new();
    let home = home(&program, "home");
    let at = |name: &str| program.path(name);
    pipe(&at("pipe"));
    let _socket = UnixListener::bind(at("socket")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    symlink(at("nothing"), at("dangling")).unwrap();
    for (name, what) in [
        ("pipe", "a pipe"),
        ("socket", "a socket"),
        ("folder", "a folder"),
        ("dangling", "a symbolic link to nothing"),
        ("/dev/zero", "a device"),
    ] {
        let path = at(name);
        for verb in ["list", "rebuild"] {
            refused(
                &program,
                &["threads", verb, text(&home), "--db", text(&path)],
                &[what, text(&path)],
            );
        }
    }
    assert!(!at("nothing").exists());
    for ending in ["-wal", "-shm", "-journal"] {
        let database = at(&format!("rows{ending}.sqlite"));
        let beside = at(&format!("rows{ending}.sqlite{ending}"));
        pipe(&beside);
        refused(
            &program,
            &["threads", "list", text(&home), "--db", text(&database)],
            &["a pipe", text(&beside)],
        );
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_never_waited_for() {
    let program = Program::new();
    let path = program.path("pipe.toml");
    pipe(&path);
    let pipe_at = text(&path);
    for arguments in [
        &["dataset", "mimic", "--from", pipe_at][..],
        &["dataset", "build", pipe_at],
        &["run", "relaunch", "--db", pipe_at],
        &["run", "relaunch", "--recipe", pipe_at],
        &["run", "--plan", pipe_at],
        &["report", pipe_at],
        &["repro", pipe_at],
        &["compare", pipe_at, pipe_at],
        &["diff", "trace", "--replay", pipe_at],
        &["diff", "threads", "--replay", pipe_at],
        &["diff", "archive", "--replay", pipe_at],
        &["candidate", "check", "--definition", pipe_at],
        &["candidate", "check", "--contract", "trace", &format!("mine=@{pipe_at}")],
        &["run", "command", "--samples", "1", "--files", pipe_at, "--cache", "cold", "--", "true"],
        &["run", "command", "--samples", "1", "--input", pipe_at, "--", "true"],
    ] {
        let ran = run(&program, arguments);
        assert!(matches!(ran.code, Some(1 | 2)), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains("a pipe"), "{arguments:?}: {}", ran.err);
    }
    let ran = run(&program, &["candidate", "check", "--contract", "trace", "--", pipe_at]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    // Locks of the cache.
    let folder = tiny(&program);
    let name = folder.file_name().unwrap().to_str().unwrap();
    for lock in [".lock-", ".used-"] {
        let lock = folder.with_file_name(format!("{lock}{name}"));
        fs::remove_file(&lock).unwrap();
        pipe(&lock);
        refused(&program, &["dataset", "build", "tiny"], &["a pipe", text(&lock)]);
        fs::remove_file(&lock).unwrap();
    }
    // The manifest, by which a dataset is taken.
    fs::remove_file(folder.join("manifest.json")).unwrap();
    pipe(&folder.join("manifest.json"));
    refused(&program, &["dataset", "inspect", name], &["a pipe"]);
    refused(&program, &["dataset", "remove", name], &["left as it is", "manifest.json"]);
}

#[test]
fn rollouts_that_are_no_files_are_skipped_and_told() {
    let program = Program::new();
    let home = home(&program, "home");
    let folder = home.join("sessions/2026/11/29");
    let other = THREAD.replace("0d9f", "0d90");
    pipe(&folder.join(format!("rollout-2026-11-29T10-00-00-{other}.jsonl")));
    let _socket = UnixListener::bind(folder.join("rollout-s.jsonl")).unwrap();
    let ran = run(&program, &["usage", text(&home), "--format", "json", "--no-memo"]);
    assert!(ran.err.contains("2 files cannot be read") && ran.err.contains("a pipe"), "{ran:?}");
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["total"]["total"], 10);
    let ran = run(&program, &["threads", "list", text(&home)]);
    assert!(ran.out.contains(THREAD) && !ran.out.contains(&other), "{ran:?}");
    assert!(
        ran.err.contains("2 files skipped (pipe, socket or device, not opened)"),
        "{}",
        ran.err
    );
    // The index of names.
    pipe(&home.join("session_index.jsonl"));
    let ran = run(&program, &["threads", "list", text(&home)]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains(THREAD) && ran.err.contains("session_index.jsonl"), "{ran:?}");
}

#[test]
fn foreign_files_in_a_folder_given_as_memo() {
    let program = Program::new();
    let home = home(&program, "home");
    let shard = "0123456789abcdef0123456789abcdef.shard";
    for name in [".new", shard, "archive.memo", "archive.copies"] {
        let memo = program.path(&format!("memo-{name}"));
        fs::create_dir(&memo).unwrap();
        fs::write(memo.join(name), "somebody's letters").unwrap();
        let before = whole(&memo);
        refused(&program, &["usage", text(&home), "--memo", text(&memo)], &[name]);
        assert_eq!(whole(&memo), before);
        // Beside a memo that is there already, too.
        fs::remove_file(memo.join(name)).unwrap();
        assert_eq!(run(&program, &["usage", text(&home), "--memo", text(&memo)]).code, Some(0));
        if name == shard {
            fs::write(memo.join(name), "somebody's letters").unwrap();
            assert_eq!(run(&program, &["usage", text(&home), "--memo", text(&memo)]).code, Some(0));
            assert_eq!(fs::read(memo.join(name)).unwrap(), b"somebody's letters");
        }
    }
}

#[test]
fn what_is_in_the_place_of_a_memo_of_a_scan_is_left_alone() {
    let program = Program::new();
    let database = tiny(&program).join("logs_2.sqlite");
    let scan = |memo: &Path| {
        let ran = run(&program, &["scan", "--db", text(&database), "--memo", text(memo)]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.err
    };
    let (pipe_at, memo, new) = (program.path("pipe"), program.path("m"), program.path(".m.new"));
    pipe(&pipe_at);
    assert!(scan(&pipe_at).contains("not a regular file"));
    assert!(!fs::symlink_metadata(&pipe_at).unwrap().is_file());
    fs::write(&new, "somebody's letters").unwrap();
    assert!(scan(&memo).contains(".m.new is not a memo"));
    assert_eq!(fs::read(&new).unwrap(), b"somebody's letters");
    // What a killed scan left is replaced.
    fs::remove_file(&new).unwrap();
    scan(&memo);
    fs::write(&new, &fs::read(&memo).unwrap()[..100]).unwrap();
    fs::remove_file(&memo).unwrap();
    scan(&memo);
    assert!(memo.is_file() && !new.exists());
}

#[test]
fn paths_that_are_not_utf_8_are_used_as_they_are() {
    let program = Program::new();
    let database = tiny(&program).join("logs_2.sqlite");
    // SQLite would open the other one, if the name were changed.
    let [theirs, other] = [&b"db\xff.sqlite"[..], "db\u{fffd}.sqlite".as_bytes()]
        .map(|name| program.path("").join(OsStr::from_bytes(name)));
    fs::copy(&database, &theirs).unwrap();
    fs::copy(&database, &other).unwrap();
    Connection::open(&other).unwrap().execute_batch("DELETE FROM logs WHERE id > 9").unwrap();
    let mimic = |path: &Path| {
        let mut command = program.command(&["dataset", "mimic", "--from"]);
        Ran::of(&command.arg(path).output().unwrap())
    };
    let rows =
        |ran: Ran| ran.out.lines().find(|line| line.starts_with("rows = ")).map(str::to_owned);
    assert_eq!(rows(mimic(&theirs)), rows(mimic(&database)));
    let history = program.path("").join(OsStr::from_bytes(b"h\xff.txt"));
    fs::write(&history, "append request turn=1 at=1\nrelaunch\n").unwrap();
    let mut command = program.command(&["diff", "trace", "--format", "json", "--replay"]);
    let ran = Ran::of(&command.arg(&history).output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn a_time_zone_that_is_none_is_said() {
    let program = Program::new();
    let home = home(&program, "home");
    let mut command = program.command(&["usage", text(&home), "--no-memo"]);
    let ran = Ran::of(&command.env("TZ", "Europe/Belin").output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.err.contains("days are those of UTC") && ran.err.contains("--time-zone"),
        "{ran:?}"
    );
}

#[test]
fn a_time_zone_that_is_a_pipe_is_not_waited_for_without_end() {
    let program = Program::new();
    let (home, pipe_at) = (home(&program, "home"), program.path("pipe"));
    pipe(&pipe_at);
    let mut command = program.command(&["usage", text(&home), "--no-memo"]);
    let ran = Ran::of(&command.env("TZ", format!(":{}", text(&pipe_at))).output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("no answer came within 5 s"), "{ran:?}");
}

#[test]
fn a_temporary_folder_that_requests_cannot_name_is_refused() {
    let program = Program::new();
    let folder = program.path("").join(OsStr::from_bytes(b"t\xff"));
    fs::create_dir(&folder).unwrap();
    for arguments in [&["candidate", "check", "--", "true"][..], &["diff", "trace", "--cases", "1"]]
    {
        let ran = Ran::of(&program.command(arguments).env("TMPDIR", &folder).output().unwrap());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("not UTF-8") && ran.err.contains("TMPDIR"), "{ran:?}");
    }
}

#[test]
fn what_is_no_table_of_logs_is_refused_by_what_it_is() {
    let program = Program::new();
    let ordinary = tracerig_store::schema::CREATE_TABLE;
    let column = "feedback_log_body TEXT";
    let generated = format!("{column} AS (hex(zeroblob(200000000)))");
    let forged = "CREATE TABLE t (x); PRAGMA writable_schema = ON; INSERT INTO sqlite_schema \
                  VALUES ('table', 'logs', 'logs', 0, 'CREATE VIRTUAL TABLE logs USING \
                  nobody_has_this(x)')";
    let endless = "CREATE VIEW logs AS WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 \
                   FROM r) SELECT * FROM r";
    for (name, sql, said) in [
        ("vt.sqlite", "CREATE VIRTUAL TABLE logs USING fts5(x)", "virtual table"),
        // With a module that is not there SQLite's own look at a column reads through a null
        // pointer.
        ("forged.sqlite", forged, "virtual table"),
        ("view.sqlite", endless, "view"),
        (
            "gen.sqlite",
            &ordinary.replace(column, &generated),
            "`feedback_log_body` of its table `logs` is generated",
        ),
    ] {
        let database = program.path(name);
        Connection::open(&database).unwrap().execute_batch(sql).unwrap();
        refused(&program, &["dataset", "mimic", "--from", text(&database)], &[name, said]);
        refused(&program, &["run", "relaunch", "--db", text(&database)], &[name, said]);
    }
    let triggered = program.path("trigger.sqlite");
    let sql =
        format!("{ordinary}; CREATE TRIGGER t AFTER INSERT ON logs BEGIN DELETE FROM logs; END");
    Connection::open(&triggered).unwrap().execute_batch(&sql).unwrap();
    refused(&program, &["run", "relaunch", "--db", text(&triggered)], &["trigger"]);
}

/// A home with one session of ten tokens.
pub(crate) fn home(program: &Program, name: &str) -> PathBuf {
    let home = program.path(name);
    let folder = home.join("sessions/2026/11/29");
    fs::create_dir_all(&folder).unwrap();
    let at = "2026-11-29T10:00:00.000Z";
    let line = |kind: &str, payload: serde_json::Value| {
        json!({ "timestamp": at, "type": kind, "payload": payload }).to_string() + "\n"
    };
    let usage = json!({ "input_tokens": 10, "output_tokens": 0 });
    let info = json!({ "total_token_usage": usage, "last_token_usage": usage });
    let text = line("session_meta", json!({ "id": THREAD, "cwd": "/work", "timestamp": at }))
        + &line("event_msg", json!({ "type": "token_count", "info": info }));
    fs::write(folder.join(format!("rollout-2026-11-29T10-00-00-{THREAD}.jsonl")), text).unwrap();
    home
}
