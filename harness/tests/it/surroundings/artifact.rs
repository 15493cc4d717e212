//! A memo that is not what a scan wrote: damaged, forged, of another time or database, or no memo
//! at all.

use std::io::Write as _;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::common::trace::{Trace, assert_scan, turns, way};

// The layout of a memo, restated: magic, version, parser, stamp, SHA-256 of all the rest, payload.
const VERSION: usize = 8;
const PRODUCER: usize = 12;
const CHECKSUM: usize = 44;
const PAYLOAD: usize = 76;

const TURNS: [&str; 2] = ["turn-1 thread-1 model-2 1", "turn-2 - model-1 4"];

/// A database with two turns and a fact of each sort, and the memo of its first scan.
fn scanned() -> (Trace, Vec<u8>) {
    let mut trace = Trace::new();
    trace.append(
        "request turn=1 thread=1 model=1 at=1 | completion turn=1 model=2 at=2 | \
         settings-priority turn=9 thread=2 at=3 | request turn=2 model=1 at=4 | noise turn=0 at=5",
    );
    assert_scan(&trace.relaunch(), "full absent", TURNS);
    trace.close();
    let memo = std::fs::read(trace.memo()).unwrap();
    (trace, memo)
}

/// Has a scan find `bytes` as its memo: it warns, scans in full, answers rightly, and leaves a memo
/// that is trusted.
#[track_caller]
fn refuses(trace: &Trace, bytes: &[u8], reason: &str) {
    std::fs::write(trace.memo(), bytes).unwrap();
    is_replaced(trace, reason);
}

#[track_caller]
fn is_replaced(trace: &Trace, reason: &str) {
    let scan = trace.relaunch();
    assert_scan(&scan, &format!("full {reason}"), TURNS);
    assert_eq!((scan.warnings.len(), scan.stats.persisted), (1, true), "{:?}", scan.warnings);
    let path = trace.memo().display().to_string();
    assert!(scan.warnings[0].starts_with(&path), "{:?}", scan.warnings);
    let next = trace.relaunch();
    assert_scan(&next, "unchanged none", TURNS);
    assert!(next.warnings.is_empty(), "{:?}", next.warnings);
}

#[test]
fn each_byte_of_a_memo_counts() {
    let (trace, memo) = scanned();
    for at in 0..memo.len() {
        // One bit, another one at each place, and all of them.
        for mask in [1 << (at % 8), 0xff] {
            let mut bytes = memo.clone();
            bytes[at] ^= mask;
            refuses(&trace, &bytes, "artifact");
        }
    }
}

#[test]
fn each_truncation_of_a_memo_is_found_and_so_is_what_was_added() {
    let (trace, memo) = scanned();
    for length in 0..memo.len() {
        refuses(&trace, &memo[..length], "artifact");
    }
    for more in [&b"\0"[..], b"more", &memo] {
        refuses(&trace, &[&memo, more].concat(), "artifact");
    }
}

/// Makes `bytes` whole again after a change.
fn seal(bytes: &mut [u8]) {
    let mut hasher = Sha256::new();
    hasher.update(&bytes[..CHECKSUM]);
    hasher.update(&bytes[PAYLOAD..]);
    bytes[CHECKSUM..PAYLOAD].copy_from_slice(&hasher.finalize());
}

#[test]
fn a_whole_memo_of_another_format_parser_or_database_is_refused() {
    let (trace, memo) = scanned();
    let mut sealed = memo.clone();
    seal(&mut sealed);
    assert!(sealed == memo, "the layout restated here is not that of the memo");

    for version in [0_u32, 1, 3, u32::MAX] {
        let mut bytes = memo.clone();
        bytes[VERSION..PRODUCER].copy_from_slice(&version.to_le_bytes());
        seal(&mut bytes);
        refuses(&trace, &bytes, "artifact");
    }
    for at in PRODUCER..PRODUCER + 16 {
        let mut bytes = memo.clone();
        bytes[at] ^= 1;
        seal(&mut bytes);
        refuses(&trace, &bytes, "producer");
    }

    // The memo of another database with the very same rows, and of this one under its former name.
    let (_other, of_other) = scanned();
    refuses(&trace, &of_other, "artifact");
    let moved = trace.file("moved.sqlite");
    std::fs::rename(trace.path(), &moved).unwrap();
    symlink(&moved, trace.path()).unwrap();
    is_replaced(&trace, "artifact");
}

/// Anyone who can write a memo with the right checksum can make a scan lie, and nothing protects
/// from that. It must not be able to stop a scan, use up its memory, or last longer than a forced
/// rescan.
#[test]
fn a_forged_memo_stops_no_scan() {
    let (trace, memo) = scanned();
    for at in PAYLOAD..memo.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, memo[at].wrapping_add(1)] {
            let mut bytes = memo.clone();
            bytes[at] = value;
            seal(&mut bytes);
            std::fs::write(trace.memo(), &bytes).unwrap();
            trace.relaunch();
        }
    }
    // Lengths beyond all memory, in the place of the first one.
    let mut bytes = memo[..PAYLOAD].to_vec();
    bytes.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    seal(&mut bytes);
    refuses(&trace, &bytes, "artifact");
    std::fs::write(trace.memo(), &memo).unwrap();
    let forced = tracerig_scanner::Request { rescan: true, ..Default::default() };
    assert_scan(&trace.try_relaunch(&forced).unwrap(), "full forced", TURNS);
}

#[test]
fn a_file_larger_than_any_memo_is_not_read() {
    let (trace, memo) = scanned();
    for content in [&memo[..], b""] {
        std::fs::write(trace.memo(), content).unwrap();
        // A tebibyte that takes no room on the disk, and more than the memory of most machines.
        std::fs::File::options().write(true).open(trace.memo()).unwrap().set_len(1 << 40).unwrap();
        is_replaced(&trace, "artifact");
    }
}

/// Makes a pipe: who opens one for reading waits for a writer that never comes.
fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    assert!(std::fs::symlink_metadata(path).unwrap().file_type().is_fifo());
}

#[test]
fn a_link_is_no_memo_and_is_replaced() {
    let (trace, _) = scanned();
    let memo = trace.memo();
    for target in ["nowhere", "memo"] {
        std::fs::remove_file(&memo).unwrap();
        symlink(target, &memo).unwrap();
        is_replaced(&trace, "artifact");
        assert!(std::fs::symlink_metadata(&memo).unwrap().is_file(), "a link to {target}");
        assert!(!trace.file("nowhere").exists(), "the link was followed");
    }
}

/// What is neither a file nor a link is not ours: a warning for reading, and one for writing.
#[test]
fn what_is_no_file_is_no_memo_and_stays() {
    let (trace, _) = scanned();
    let memo = trace.memo();
    let folder = |path: &Path| {
        std::fs::create_dir(path).unwrap();
        std::fs::write(path.join("inside"), b"kept").unwrap();
    };
    let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    let plants: [(&str, Plant<'_>); 3] =
        [("a pipe", &pipe), ("a socket", &socket), ("a folder", &folder)];
    for (what, make) in plants {
        std::fs::remove_file(&memo).unwrap();
        make(&memo);
        let kind = std::fs::symlink_metadata(&memo).unwrap().file_type();
        let scan = trace.relaunch();
        assert_scan(&scan, "full artifact", TURNS);
        let told = (scan.warnings.len(), scan.stats.persisted);
        assert_eq!(told, (2, false), "{what}: {:?}", scan.warnings);
        assert_eq!(std::fs::symlink_metadata(&memo).unwrap().file_type(), kind, "{what}");
    }
    assert_eq!(std::fs::read(memo.join("inside")).unwrap(), b"kept");
}

/// Plants something at a path.
type Plant<'a> = &'a dyn Fn(&Path);

/// The names beside the memo that a scan uses: anyone who plants something there gets nothing but a
/// memo not written.
#[test]
fn what_is_planted_beside_a_memo_is_not_used() {
    for name in ["memo.lock", ".memo.new"] {
        let plant: [(&str, Plant<'_>); 4] = [
            ("a folder", &|path| {
                std::fs::create_dir(path).unwrap();
                std::fs::write(path.join("inside"), b"kept").unwrap();
            }),
            ("a pipe", &pipe),
            ("a link to nothing", &|path| symlink("nowhere", path).unwrap()),
            ("a link to a file", &|path| symlink("victim", path).unwrap()),
        ];
        for (what, make) in plant {
            let (mut trace, before) = scanned();
            let planted = trace.file(name);
            let _ = std::fs::remove_file(&planted);
            std::fs::write(trace.file("victim"), b"untouched").unwrap();
            make(&planted);
            trace.append("request turn=3 model=1 at=6");
            let scan = trace.relaunch();
            assert_eq!(way(&scan), "incremental none", "{name}: {what}");
            assert_eq!(turns(&scan), [TURNS[0], TURNS[1], "turn-3 - model-1 6"], "{name}: {what}");
            assert_eq!(
                std::fs::read(trace.file("victim")).unwrap(),
                b"untouched",
                "{name}: {what}"
            );
            assert!(!trace.file("nowhere").exists(), "{name}: {what} was followed");
            // A lock that is none keeps the memo from being written; so does what is not ours in
            // the place of the temporary file. A link is replaced.
            let writes = name == ".memo.new" && what.starts_with("a link");
            let expected = (writes, usize::from(!writes));
            assert_eq!((scan.stats.persisted, scan.warnings.len()), expected, "{name}: {what}");
            assert_eq!(std::fs::read(trace.memo()).unwrap() == before, !writes, "{name}: {what}");
        }
    }
}

/// What a process that was killed while it wrote leaves behind, at every length.
#[test]
fn the_half_written_memo_of_a_dead_process_is_never_taken_for_one() {
    let (mut trace, memo) = scanned();
    for length in [0, 1, PAYLOAD, memo.len() - 1, memo.len()] {
        let mut left = std::fs::File::create(trace.file(".memo.new")).unwrap();
        left.write_all(&memo[..length]).unwrap();
        trace.append("noise turn=0 at=7");
        let scan = trace.relaunch();
        assert_scan(&scan, "incremental none", TURNS);
        assert!(scan.stats.persisted && scan.warnings.is_empty(), "{:?}", scan.warnings);
        assert!(!trace.file(".memo.new").exists());
    }
}
