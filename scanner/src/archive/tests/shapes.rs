//! Homes as Codex leaves them: forks, segments, copies, rollouts of 2025, and what is odd in a
//! line.

use super::*;

const PARENT: &str = "01a00000-0000-7000-8000-000000000000";
const FORK: &str = "01a00001-0000-7000-8000-000000000000";

/// Writes a rollout of these lines, named after `id`.
fn rollout(world: &World, folder: &str, id: &str, lines: &[String]) {
    let folder = world.home.join(folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("rollout-2026-11-29T10-00-00-{id}.jsonl")), lines.concat())
        .unwrap();
}

fn about(id: &str, members: &str) -> String {
    line("session_meta", &format!("{{\"id\":\"{id}\"{members}}}"))
}

/// A turn of the thread whose id begins with these eight characters.
fn turn_of(thread: &str) -> String {
    turn(&format!("{}-0001-7000-8000-000000000000", &thread[..8]), "m")
}

fn count(total: u64, last: u64) -> String {
    let info = format!(
        "{{\"total_token_usage\":{{\"input_tokens\":{total}}},\
        \"last_token_usage\":{{\"input_tokens\":{last}}}}}"
    );
    line("event_msg", &format!("{{\"type\":\"token_count\",\"info\":{info}}}"))
}

fn parent(world: &World) {
    rollout(world, DAY, PARENT, &[about(PARENT, ""), turn_of(PARENT), count(100, 100)]);
}

#[test]
fn a_fork_that_copies_its_parents_history_is_charged_with_its_own() {
    let world = World::new();
    parent(&world);
    let forked = format!(",\"forked_from_id\":\"{PARENT}\"");
    let (own, copied) = (about(FORK, &forked), about(PARENT, ""));
    rollout(
        &world,
        DAY,
        FORK,
        &[own, copied, turn_of(PARENT), count(100, 100), turn_of(FORK), count(150, 50)],
    );
    assert_eq!(world.input(), 150);
}

#[test]
fn a_fork_that_copies_nothing_goes_on_counting() {
    let world = World::new();
    parent(&world);
    let base =
        format!(",\"forked_from_id\":\"{PARENT}\",\"history_base\":{{\"thread_id\":\"{PARENT}\"}}");
    rollout(&world, DAY, FORK, &[about(FORK, &base), turn_of(FORK), count(150, 50)]);
    assert_eq!(world.input(), 150);
    let refresh = world.refresh();
    let by_session: Vec<_> =
        refresh.by_session().into_iter().map(|(id, used)| (id, used.tokens.input)).collect();
    assert_eq!(by_session, [(PARENT, 100), (FORK, 50)]);
}

#[test]
fn segments_are_one_session() {
    let world = World::new();
    parent(&world);
    let base = format!(",\"history_base\":{{\"thread_id\":\"{PARENT}\"}}");
    let second = [about(PARENT, &base), turn_of(FORK), count(150, 50)];
    rollout(&world, DAY, &format!("{PARENT}_{FORK}"), &second);
    // Without a line about the session its name tells.
    rollout(&world, DAY, &format!("{PARENT}_other"), &[count(7, 7)]);
    assert_eq!(world.input(), 157);
    let refresh = world.refresh();
    let used: Vec<_> =
        refresh.by_session().into_iter().map(|(id, used)| (id, used.tokens.input)).collect();
    assert_eq!(used, [(PARENT, 157)]);
    let segments: Vec<_> =
        refresh.sessions.iter().map(|session| session.segment.as_deref()).collect();
    assert_eq!(segments, [None, Some(FORK), Some("other")]);
    // A copy of a segment is one of that segment.
    rollout(&world, "sessions/elsewhere", &format!("{PARENT}_{FORK}"), &second);
    assert_eq!(world.input(), 157);
    assert!(world.refresh().problems.is_empty());
}

#[test]
fn a_copy_anywhere_counts_once() {
    let world = World::new();
    parent(&world);
    let lines = [about(PARENT, ""), turn_of(PARENT), count(100, 100)];
    rollout(&world, "sessions/backup", PARENT, &lines[..2]);
    rollout(&world, "sessions/2026/11/21", PARENT, &lines);
    rollout(&world, ARCHIVED, PARENT, &lines);
    assert_eq!(world.input(), 100);
    let counts = |world: &World| {
        let refresh = world.refresh();
        let paths = refresh.sessions.iter().filter(|session| session.counts);
        let paths: Vec<_> =
            paths.map(|session| session.path.parent().unwrap().to_owned()).collect();
        (paths, refresh.problems.len())
    };
    assert_eq!(counts(&world), (vec![DAY.into()], 0));
    // One that goes on counts in the place of all.
    rollout(&world, "sessions/backup", PARENT, &[&lines[..], &[count(110, 10)]].concat());
    assert_eq!(world.input(), 110);
    assert_eq!(counts(&world), (vec!["sessions/backup".into()], 0));
    // A diverged copy is reported beside the file that counts, not beside its beginnings.
    rollout(&world, ARCHIVED, PARENT, &[&lines[..], &[count(120, 20)]].concat());
    assert_eq!(world.input(), 110 + 120);
    assert_eq!(counts(&world), (vec![ARCHIVED.into(), "sessions/backup".into()], 1));
}

#[test]
fn a_rollout_of_2025_is_told_once_and_skipped() {
    let world = World::new();
    let old = r#"{"id":"a","timestamp":"2025-06-01T10:00:00.000Z","instructions":null}"#;
    let message = r#"{"type":"message","role":"user","content":[]}"#;
    let state = r#"{"record_type":"state"}"#;
    world.write(1, &format!("{old}\n{message}\n{state}\n"));
    for refresh in [world.refresh(), world.unchanged()] {
        let [Problem { what: What::Untyped, .. }] = &refresh.problems[..] else {
            panic!("{refresh:?}")
        };
        assert_eq!((refresh.stats.untyped, refresh.stats.unknown_lines), (1, 0));
        assert_eq!(refresh.usage.total(), Used::default());
    }
}

#[test]
fn what_rests_on_the_time_of_lines_is_said_to_be_inferred() {
    let world = World::new();
    let at =
        |milliseconds: u32, line: &str| line.replace("24.062Z", &format!("24.{milliseconds:03}Z"));
    let lines = [
        at(0, &about(FORK, "")),
        at(10, &about(PARENT, "")),
        at(20, &count(100, 100)),
        at(300, &count(150, 50)),
    ];
    rollout(&world, DAY, FORK, &lines);
    assert_eq!(world.input(), 50);
    for refresh in [world.refresh(), world.unchanged()] {
        assert!(refresh.stats.inferred == 1 && refresh.sessions[0].is_inferred);
        let [Problem { what: What::Inferred, .. }] = &refresh.problems[..] else {
            panic!("{refresh:?}")
        };
    }
}

#[test]
fn odd_counts_and_names_cost_no_line() {
    let world = World::new();
    let odd = line(
        "event_msg",
        concat!(
            r#"{"type":"token_count","#,
            r#""info":{"last_token_usage":{"input_tokens":5,"output_tokens":-1}}}"#
        ),
    );
    let meta = line("session_meta", r#"{"id":"a","cwd":"/w\ud800"}"#);
    world.write(1, &(meta + &turn("t", r"m\udfff") + &odd));
    for refresh in [world.refresh(), world.unchanged()] {
        let used = refresh.usage.total();
        assert_eq!((used.tokens.input, used.tokens.total, used.events), (5, 5, 1));
        assert_eq!((refresh.sessions[0].id.as_str(), &refresh.sessions[0].cwd), ("a", &None));
        let [Problem { what: What::Line { line: 3, defect: Defect::NoCount }, .. }] =
            &refresh.problems[..]
        else {
            panic!("{refresh:?}")
        };
    }
}

#[test]
fn a_copy_that_cannot_be_read_any_more_still_counts_once() {
    for (shorter, damaged) in [(false, 0), (false, 1), (true, 1)] {
        let world = World::new();
        let text = meta(1) + &used(10) + &used(30);
        let copy = if shorter { meta(1) + &used(10) } else { text.clone() };
        let archived = world.home.join("archived_sessions").join(name(1));
        fs::create_dir(archived.parent().unwrap()).unwrap();
        fs::write(&archived, copy).unwrap();
        let paths = [world.write(1, &text), archived];
        assert_eq!(world.input(), 30);
        // What is no file any more cannot be read, whoever asks.
        fs::remove_file(&paths[damaged]).unwrap();
        symlink("nowhere", &paths[damaged]).unwrap();
        for _ in 0..2 {
            let refresh = world.refresh();
            assert_eq!(refresh.stats.stale, 1);
            assert_eq!(refresh.usage.total().tokens.input, 30, "{shorter} {damaged}");
            let counting = refresh.sessions.iter().filter(|session| session.counts);
            assert!(counting.map(|session| session.is_stale).eq([false]));
        }
    }
}

#[test]
fn each_of_several_rollouts_that_differ_is_told_once() {
    let world = World::new();
    for day in 1..=4 {
        let folder = world.home.join(format!("sessions/2026/11/0{day}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name(1)), meta(1) + &used(10 + day)).unwrap();
    }
    let refresh = world.refresh();
    let first = PathBuf::from("sessions/2026/11/01").join(name(1));
    assert_eq!(refresh.problems.len(), 3);
    let from_first =
        |problem: &Problem| matches!(&problem.what, What::Diverged { from } if *from == first);
    assert!(refresh.problems.iter().all(from_first), "{:?}", refresh.problems);
    assert_eq!(refresh.usage.total().tokens.input, 11 + 12 + 13 + 14);
    assert_eq!(world.unchanged().problems, refresh.problems);
}

#[test]
fn links_to_nothing_are_told() {
    let world = World::new();
    world.write(1, &(meta(1) + &used(10)));
    symlink("nowhere", world.home.join(DAY).join(name(2))).unwrap();
    symlink("nowhere", world.home.join("archived_sessions")).unwrap();
    symlink("nowhere", world.home.join(DAY).join("notes")).unwrap();
    let refresh = world.refresh();
    let told: Vec<String> = refresh.problems.iter().map(ToString::to_string).collect();
    assert!(told.len() == 2 && told.iter().any(|told| told.contains("a link to nothing")));
    assert!(told.iter().any(|told| told.starts_with("archived_sessions: ")), "{told:?}");
}
