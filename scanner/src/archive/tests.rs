//! Refreshes of small archives, each compared with reading everything anew.

use std::fs::{self, File, FileTimes, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tempfile::TempDir;

use super::*;

mod compressed;
mod foreign;
mod listed;
mod several;
mod shapes;

/// An archive and its memo.
struct World {
    _folder: TempDir,
    home: PathBuf,
    memo: PathBuf,
}

const DAY: &str = "sessions/2026/11/20";

fn name(session: u32) -> String {
    format!("rollout-2026-11-20T20-37-24-01a1faad-9ba1-7b10-b548-{session:012}.jsonl")
}

fn id(session: u32) -> String {
    format!("01a1faad-9ba1-7b10-b548-{session:012}")
}

fn line(kind: &str, payload: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-20T20:37:24.062Z\",\"type\":\"{kind}\",\"payload\":{payload}}}\n"
    )
}

fn meta(session: u32) -> String {
    line("session_meta", &format!("{{\"id\":\"{}\",\"cwd\":\"/w\"}}", id(session)))
}

fn turn(turn: &str, model: &str) -> String {
    line("turn_context", &format!("{{\"turn_id\":\"{turn}\",\"model\":\"{model}\"}}"))
}

fn used(total: u64) -> String {
    let info = format!("{{\"total_token_usage\":{{\"input_tokens\":{total}}}}}");
    line("event_msg", &format!("{{\"type\":\"token_count\",\"info\":{info}}}"))
}

/// A clock that runs far ahead of what files are dated by, so that nothing looks as if it had just
/// changed.
fn later() -> Clock {
    Arc::new(|| state::now() + 3_600_000_000_000)
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (home, memo) = (folder.path().join("home"), folder.path().join("memo"));
        fs::create_dir_all(home.join(DAY)).unwrap();
        Self { _folder: folder, home, memo }
    }

    fn path(&self, session: u32) -> PathBuf {
        self.home.join(DAY).join(name(session))
    }

    fn write(&self, session: u32, text: &str) -> PathBuf {
        fs::write(self.path(session), text).unwrap();
        self.path(session)
    }

    fn append(&self, session: u32, text: &str) {
        File::options()
            .append(true)
            .open(self.path(session))
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    fn archive(&self, memo: Option<&Path>) -> Archive {
        let options =
            Options { memo: memo.map(Path::to_owned), clock: later(), ..Options::default() };
        Archive::new(&self.home, options)
    }

    /// Refreshes, and sees that reading everything gives the same, but for what could not be read.
    fn refresh(&self) -> Refresh {
        let request = Request { sessions: true, ..Request::default() };
        let refresh = self.archive(Some(&self.memo)).refresh(&request).unwrap();
        let full = self.archive(None).refresh(&request).unwrap();
        if refresh.stats.stale == 0 {
            assert_eq!((&refresh.usage, &refresh.sessions), (&full.usage, &full.sessions));
            assert_eq!(refresh.problems, full.problems);
        }
        // What became compressed and holds something else is read for nothing before it is parsed.
        let is_compressed =
            |session: &Session| session.path.extension().is_some_and(|end| end == "zst");
        let most = if refresh.sessions.iter().any(is_compressed) { 2 } else { 1 };
        assert!(most * full.stats.bytes_read >= refresh.stats.bytes_read, "{refresh:?}");
        refresh
    }

    /// The same when nothing changed since: nothing is read and nothing written.
    fn unchanged(&self) -> Refresh {
        let refresh = self.refresh();
        let Stats { files, unchanged, bytes_read, shards_written, .. } = refresh.stats;
        assert_eq!((unchanged, bytes_read, shards_written), (files, 0, 0), "{refresh:?}");
        refresh
    }

    fn input(&self) -> u64 {
        let refresh = self.refresh();
        assert!(refresh.warnings.is_empty(), "{:?}", refresh.warnings);
        let total = refresh.usage.total().tokens.input;
        assert_eq!(self.unchanged().usage.total().tokens.input, total);
        total
    }
}

#[test]
fn what_did_not_change_is_not_read_and_what_grew_is_read_from_there() {
    let world = World::new();
    let first = meta(1) + &used(10);
    world.write(1, &first);
    world.write(2, &(meta(2) + &used(5)));
    assert_eq!(world.input(), 15);
    world.append(1, &used(13));
    let refresh = world.refresh();
    let Stats { continued, parsed, unchanged, bytes_read, shards_written, .. } = refresh.stats;
    assert_eq!((continued, parsed, unchanged, shards_written), (1, 0, 1, 1));
    assert_eq!(
        bytes_read,
        (first.len() + used(13).len()) as u64,
        "the tail, and what it is recognised by"
    );
    assert_eq!(refresh.usage.total().tokens.input, 18);
    // A torn line waits, and is read again when it is whole.
    let torn = used(20);
    world.append(1, &torn[..30]);
    assert_eq!(world.input(), 18);
    world.append(1, &torn[30..]);
    assert_eq!(world.input(), 25);
}

#[test]
fn files_are_truncated_replaced_renamed_deleted_and_restored() {
    let world = World::new();
    let path = world.write(1, &(meta(1) + &used(10) + &used(30)));
    assert_eq!(world.input(), 30);
    world.write(1, &(meta(1) + &used(10)));
    assert_eq!(world.input(), 10);
    // Replaced by a longer one that begins otherwise.
    let other = world.home.join("other");
    fs::write(&other, meta(1) + &used(7) + &used(8) + &used(9)).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(world.input(), 9);
    fs::rename(&path, world.path(3)).unwrap();
    assert_eq!(world.input(), 9);
    let saved = fs::read(world.path(3)).unwrap();
    let times = fs::metadata(world.path(3)).unwrap();
    fs::remove_file(world.path(3)).unwrap();
    let gone = world.refresh();
    assert_eq!((gone.stats.gone, gone.stats.files, gone.sessions.len()), (1, 0, 0));
    assert_eq!(fs::read_dir(&world.memo).unwrap().count(), 2, "its shard is gone, too");
    fs::write(world.path(3), saved).unwrap();
    let times = FileTimes::new().set_modified(times.modified().unwrap());
    File::options().append(true).open(world.path(3)).unwrap().set_times(times).unwrap();
    assert_eq!(world.input(), 9);
}

#[test]
fn a_rewrite_of_the_same_size_whose_time_was_put_back_is_seen() {
    let world = World::new();
    let path = world.write(1, &(meta(1) + &used(10)));
    assert_eq!(world.input(), 10);
    let before = fs::metadata(&path).unwrap();
    world.write(1, &(meta(1) + &used(11)));
    let times = FileTimes::new().set_modified(before.modified().unwrap());
    File::options().append(true).open(&path).unwrap().set_times(times).unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!((before.size(), before.mtime_nsec()), (after.size(), after.mtime_nsec()));
    assert_eq!(world.input(), 11);
}

#[test]
fn a_file_that_has_just_changed_is_read_again() {
    let world = World::new();
    let path = world.write(1, &(meta(1) + &used(10)));
    let changed = fs::metadata(&path).unwrap().modified().unwrap();
    let nanos =
        i64::try_from(changed.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    let refresh = |after: i64| {
        let clock: Clock = Arc::new(move || nanos + after);
        let options = Options { memo: Some(world.memo.clone()), clock, ..Options::default() };
        Archive::new(&world.home, options).refresh(&Request::default()).unwrap().stats
    };
    let millisecond = 1_000_000;
    assert_eq!(refresh(19 * millisecond).parsed, 1);
    let again = refresh(21 * millisecond);
    assert_eq!(
        (again.parsed, again.shards_written),
        (1, 1),
        "it may have changed since, and now it is believed"
    );
    assert_eq!((refresh(22 * millisecond).parsed, refresh(0).unchanged), (0, 1));
}

#[test]
fn several_ways_to_one_file_count_once_and_links_are_followed() {
    let world = World::new();
    world.write(1, &(meta(1) + &used(10)));
    fs::hard_link(world.path(1), world.path(2)).unwrap();
    symlink(world.path(1), world.path(3)).unwrap();
    symlink(world.home.join(DAY), world.home.join("sessions/2026/11/linked")).unwrap();
    assert_eq!(world.input(), 10);
    let counts: Vec<bool> = world.refresh().sessions.iter().map(|session| session.counts).collect();
    assert_eq!(counts, [true, false, false]);
    fs::remove_file(world.path(1)).unwrap();
    assert_eq!(world.input(), 10);
}

#[test]
fn an_archived_copy_counts_once_and_a_diverged_one_is_reported() {
    let world = World::new();
    let archived = world.home.join(ARCHIVED);
    fs::create_dir(&archived).unwrap();
    let text = meta(1) + &used(10);
    world.write(1, &text);
    fs::write(archived.join(name(1)), &text).unwrap();
    assert_eq!(world.refresh().usage.total().tokens.input, 10);
    world.append(1, &used(12));
    let refresh = world.refresh();
    assert_eq!(refresh.usage.total().tokens.input, 12);
    let counts: Vec<bool> = refresh.sessions.iter().map(|session| session.counts).collect();
    assert_eq!(counts, [false, true], "in the order of paths; the longer one");
    fs::write(archived.join(name(1)), text + &used(15)).unwrap();
    let refresh = world.refresh();
    assert_eq!(refresh.usage.total().tokens.input, 12 + 15);
    let [Problem { path, what: What::Diverged { from } }] = &refresh.problems[..] else {
        panic!("{refresh:?}")
    };
    assert_eq!((path.starts_with(ARCHIVED), from.starts_with(SESSIONS)), (true, true));
    // Moved, not copied.
    fs::rename(world.path(1), archived.join(name(1))).unwrap();
    assert_eq!(world.input(), 12);
}

#[test]
fn what_cannot_be_read_keeps_what_it_held_and_is_reported() {
    let world = World::new();
    let path = world.write(1, &(meta(1) + &used(10)));
    world.write(2, &(meta(2) + &used(5)));
    assert_eq!(world.input(), 15);
    // A name that leads in a circle cannot be looked at, whoever one is.
    let text = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&path, &path).unwrap();
    let refresh = world.refresh();
    assert_eq!((refresh.usage.total().tokens.input, refresh.stats.stale), (15, 1));
    let [Problem { what: What::Unreadable { is_known: true, .. }, .. }] = &refresh.problems[..]
    else {
        panic!("{refresh:?}")
    };
    assert_eq!(refresh.sessions.iter().filter(|session| session.is_stale).count(), 1);
    fs::remove_file(&path).unwrap();
    fs::write(&path, text).unwrap();
    assert_eq!(world.input(), 15);
    if fs::read_dir("/root").is_err() {
        fs::set_permissions(world.home.join(DAY), Permissions::from_mode(0o0)).unwrap();
        let refresh = world.refresh();
        fs::set_permissions(world.home.join(DAY), Permissions::from_mode(0o700)).unwrap();
        assert_eq!((refresh.usage.total().tokens.input, refresh.stats.stale), (15, 2));
        assert_eq!(world.input(), 15);
    }
}

#[test]
fn a_memo_that_is_damaged_of_another_archive_or_parser_is_not_used() {
    let world = World::new();
    world.write(1, &(meta(1) + &used(10)));
    assert_eq!(world.input(), 10);
    let manifest = world.memo.join("archive.memo");
    let whole = fs::read(&manifest).unwrap();
    let mut cases: Vec<(Vec<u8>, &str)> =
        vec![(Vec::new(), "damaged"), (whole[..40].to_vec(), "damaged")];
    for (at, why) in
        [(8, "format version"), (12, "damaged"), (30, "damaged"), (whole.len() - 20, "damaged")]
    {
        let mut other = whole.clone();
        other[at] ^= 1;
        cases.push((other, why));
    }
    for (bytes, why) in cases {
        fs::write(&manifest, bytes).unwrap();
        let refresh = world.refresh();
        assert!(
            refresh.warnings[0].contains(why) && refresh.stats.parsed == 1,
            "{why}: {refresh:?}"
        );
        world.unchanged();
    }
    let options = Options { memo: Some(world.memo.clone()), clock: later(), ..Options::default() };
    let elsewhere = world.home.join("elsewhere");
    fs::create_dir_all(elsewhere.join(SESSIONS)).unwrap();
    let refresh = Archive::new(elsewhere, options).refresh(&Request::default()).unwrap();
    assert!(refresh.warnings[0].contains("another archive"), "{refresh:?}");
    assert!(world.refresh().warnings[0].contains("another archive"));

    let shard = |memo: &Path| {
        let files = fs::read_dir(memo).unwrap().map(|entry| entry.unwrap().path());
        files.into_iter().find(|path| path.extension().is_some_and(|end| end == "shard")).unwrap()
    };
    let whole = fs::read(shard(&world.memo)).unwrap();
    for at in 0..whole.len() {
        let mut other = whole.clone();
        other[at] ^= 4;
        fs::write(shard(&world.memo), other).unwrap();
        let refresh = world.refresh();
        assert!(refresh.warnings.len() == 1 || (24..40).contains(&at), "byte {at}: {refresh:?}");
        fs::write(shard(&world.memo), &whole).unwrap();
    }
    fs::write(shard(&world.memo), &whole[..whole.len() - 1]).unwrap();
    assert_eq!(world.refresh().warnings.len(), 1);
    world.unchanged();
}

#[test]
fn another_refresh_is_not_overwritten_and_a_memo_is_private() {
    let world = World::new();
    world.write(1, &(meta(1) + &used(10)));
    assert_eq!(world.input(), 10);
    for entry in fs::read_dir(&world.memo).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{entry:?}");
    }
    world.append(1, &used(12));
    // Another refresh comes first: between this one's walk and its writing.
    let meanwhile = std::sync::Once::new();
    let progress = |_: u64, bytes: u64| {
        if bytes > 0 {
            meanwhile.call_once(|| drop(world.refresh()));
        }
        true
    };
    let request = Request { progress: Some(&progress), ..Request::default() };
    let refresh = world.archive(Some(&world.memo)).refresh(&request).unwrap();
    assert_eq!((refresh.usage.total().tokens.input, refresh.stats.shards_written), (12, 0));
    assert!(refresh.warnings.is_empty());
    let forced = world
        .archive(Some(&world.memo))
        .refresh(&Request { rescan: true, ..Request::default() })
        .unwrap();
    assert_eq!((forced.stats.parsed, forced.stats.shards_written), (1, 1));
}

#[test]
fn a_cancelled_refresh_is_an_error_and_keeps_what_it_had() {
    let world = World::new();
    for session in 1..=3 {
        let folder = world.home.join(format!("sessions/2026/11/0{session}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(name(session)), meta(session) + &used(10)).unwrap();
    }
    let options = Options {
        memo: Some(world.memo.clone()),
        clock: later(),
        threads: NonZeroUsize::MIN,
        ..Options::default()
    };
    let archive = Archive::new(&world.home, options);
    let progress = |files: u64, _: u64| files < 2;
    let cancelled = archive.refresh(&Request { progress: Some(&progress), ..Request::default() });
    assert!(matches!(cancelled, Err(ArchiveError::Cancelled { .. })));
    let rest = archive.refresh(&Request::default()).unwrap();
    assert_eq!(
        (rest.stats.unchanged, rest.stats.parsed),
        (2, 1),
        "what was read whole was written"
    );
}

#[test]
fn copies_are_compared_once_and_again_when_one_of_them_changes() {
    let world = World::new();
    let archived = world.home.join(ARCHIVED);
    fs::create_dir(&archived).unwrap();
    let text = meta(1) + &turn("t1", "m") + &used(10);
    world.write(1, &(text.clone() + &used(30)));
    world.write(2, &(meta(2) + &used(5)));
    fs::write(archived.join(name(1)), &text).unwrap();
    fs::write(archived.join(name(2)), meta(2) + &used(7)).unwrap();
    let [none, t1, other] = [&[][..], &["t1"], &["t9"]];
    let turns = |turns: &[&str]| turns.iter().copied().collect::<PriorityTurns>();
    let refresh = |priority: &[&str], sessions, rescan| {
        let priority = turns(priority);
        let request = Request { priority: Some(&priority), sessions, rescan, ..Request::default() };
        let with = world.archive(Some(&world.memo)).refresh(&request).unwrap();
        let without = world.archive(None).refresh(&request).unwrap();
        assert_eq!((&with.usage, &with.sessions), (&without.usage, &without.sessions));
        assert_eq!((&with.problems, with.warnings.len()), (&without.problems, 0));
        (with.usage.total().tokens.input, with.problems.len(), with.stats)
    };
    // Of session 1 the longer one counts, of session 2 both.
    let all = (30 + 5 + 7, 1);
    let (input, problems, stats) = refresh(none, false, false);
    assert_eq!((input, problems), all);
    assert!(stats.memo_bytes_written > 0);
    for (priority, sessions) in [(none, false), (t1, false), (other, true), (t1, true)] {
        let (input, problems, stats) = refresh(priority, sessions, false);
        assert_eq!(((input, problems), stats.bytes_read, stats.memo_bytes_written), (all, 0, 0));
    }
    assert!(refresh(t1, false, true).2.bytes_read > 0, "whoever asks for all gets all");
    // What is there of another memo, or damaged, is not believed.
    let kept = world.memo.join("archive.copies");
    let mut bytes = fs::read(&kept).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&kept, bytes).unwrap();
    let (input, problems, stats) = refresh(none, false, false);
    assert_eq!((input, problems), all);
    assert!(stats.bytes_read > 0);
    assert_eq!(refresh(none, false, false).2.bytes_read, 0);
    // Now the archived one is the longer, and then no copy any more.
    fs::write(archived.join(name(1)), text.clone() + &used(30) + &used(31)).unwrap();
    assert_eq!(refresh(none, false, false).0, 31 + 5 + 7);
    assert_eq!(refresh(none, false, false).2.bytes_read, 0);
    fs::write(archived.join(name(1)), text + &used(40)).unwrap();
    let (input, problems, _) = refresh(none, false, false);
    assert_eq!((input, problems), (30 + 40 + 5 + 7, 2));
}

#[test]
fn a_turn_that_the_trace_knows_was_served_at_priority() {
    let world = World::new();
    let settings = line(
        "event_msg",
        r#"{"type":"thread_settings_applied","thread_settings":{"service_tier":"default"}}"#,
    );
    world.write(
        1,
        &(meta(1)
            + &turn("t1", "m")
            + &used(1)
            + &turn("t2", "m")
            + &used(3)
            + &settings
            + &used(7)),
    );
    world.refresh();
    let priority: PriorityTurns = ["t2"].into_iter().collect();
    for memo in [Some(&*world.memo), None] {
        let request = Request { priority: Some(&priority), ..Request::default() };
        let refresh = world.archive(memo).refresh(&request).unwrap();
        let tiers = refresh.usage.by(|slot| Some(slot.tier));
        let inputs: Vec<_> = tiers.iter().map(|(tier, used)| (*tier, used.tokens.input)).collect();
        assert_eq!(inputs, [(Tier::Standard, 4), (Tier::Priority, 2), (Tier::Unknown, 1)]);
    }
    assert_eq!(
        world.unchanged().usage.by(|slot| Some(slot.tier)).len(),
        2,
        "the memo does not know"
    );
}

#[test]
fn broken_lines_are_reported_each_time_and_stop_nothing() {
    let world = World::new();
    world.write(1, &(meta(1) + "rubbish\n" + &used(10) + "{\"type\":\"hologram\"}\n"));
    let first = world.refresh();
    assert_eq!((first.stats.broken_lines, first.stats.unknown_lines), (1, 1));
    assert_eq!(first.problems[0].what, What::Line { line: 2, defect: Defect::NoType });
    assert_eq!(world.unchanged().problems, first.problems);
}

#[test]
fn a_home_without_sessions_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let refresh = |path: &Path| Archive::new(path, Options::default()).refresh(&Request::default());
    assert!(matches!(refresh(folder.path()), Err(ArchiveError::NoArchive { .. })));
    assert!(matches!(refresh(&folder.path().join("x")), Err(ArchiveError::Missing { .. })));
    fs::create_dir(folder.path().join(ARCHIVED)).unwrap();
    assert_eq!(refresh(folder.path()).unwrap().stats.files, 0);
}
