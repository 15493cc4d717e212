//! No room for a memo: the program runs under a limit on the size of files, beyond which each write
//! fails.

use super::place::{Place, append, writer};

/// 64 KiB to most shells, twice that to some; the index of a write-ahead log needs half of it.
const BLOCKS: u64 = 128;

/// A place whose memo is larger than the limit.
fn crowded() -> Place {
    let place = Place::new();
    let rows: Vec<String> =
        (0..5000).map(|row| format!("tags turn={} model=1 at={row}", row % 3)).collect();
    append(&mut writer(&place.db()), &rows.join("|"));
    place
}

#[test]
fn a_full_disk_costs_the_memo_and_no_answer() {
    let place = crowded();
    let turns = ["turn-0", "turn-1", "turn-2"];
    for _ in 0..2 {
        let ran = place.scan_limited(BLOCKS, false);
        ran.is("full absent", turns, 1);
        assert!(ran.err.contains("memos/memo: the memo could not be written"), "{}", ran.err);
        assert_eq!(place.names("memos"), ["memo.lock"], "what was begun is taken away");
    }
    place.scan().is("full absent", turns, 0);
    let memo = std::fs::read(place.memo()).unwrap();
    assert!(memo.len() as u64 > 2 * BLOCKS * 512, "the limit would not bind: {}", memo.len());

    append(&mut writer(&place.db()), "request turn=3 model=1 at=1");
    let turns = ["turn-0", "turn-1", "turn-2", "turn-3"];
    place.scan_limited(BLOCKS, false).is("incremental none", turns, 1);
    assert!(std::fs::read(place.memo()).unwrap() == memo, "the memo that stands is kept");
    assert_eq!(place.names("memos"), ["memo", "memo.lock"]);

    std::fs::write(place.memo(), &memo[..memo.len() / 2]).unwrap();
    place.scan_limited(BLOCKS, false).is("full artifact", turns, 2);
    place.scan().is("full artifact", turns, 1);
    place.scan().is("unchanged none", turns, 0);
}

#[test]
fn a_process_that_the_limit_kills_leaves_the_memo_as_it_was() {
    let place = crowded();
    place.scan().is("full absent", ["turn-0", "turn-1", "turn-2"], 0);
    let memo = std::fs::read(place.memo()).unwrap();
    append(&mut writer(&place.db()), "request turn=3 model=1 at=1");
    let killed = place.scan_limited(BLOCKS, true);
    assert_eq!(killed.code, None, "{killed:?}");
    assert!(std::fs::read(place.memo()).unwrap() == memo);
    assert_eq!(place.names("memos"), [".memo.new", "memo", "memo.lock"]);

    place.scan().is("incremental none", ["turn-0", "turn-1", "turn-2", "turn-3"], 0);
    assert_eq!(place.names("memos"), ["memo", "memo.lock"]);
}

#[test]
fn without_room_for_the_index_of_the_log_there_is_no_answer() {
    let place = crowded();
    place.scan_limited(0, false).is_refused(&[&place.db().display().to_string(), "room"]);
    assert!(place.names("memos").is_empty());
}

#[test]
fn a_result_that_finds_no_room_is_an_error() {
    let place = crowded();
    for format in ["table", "json"] {
        let mut command = place.command(place.path("tracerig"));
        command.args(["scan", "--no-memo", "--format", format, "--db"]).arg(place.db());
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("standard output") && !message.contains("panicked"), "{message}");
    }
}
