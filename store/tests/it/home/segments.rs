//! Histories in several files.

use tracerig_store::threads::{Item, Loaded};

use super::*;

fn segment(number: u32) -> String {
    format!("01a0000{number}-0000-7000-8000-000000000000")
}

fn segment_name(number: u32) -> String {
    format!("rollout-2026-11-29T10-00-00-{THREAD}_{}.jsonl", segment(number))
}

fn base(end: u32) -> String {
    format!(
        ",\"history_base\":{{\"thread_id\":\"{THREAD}\",\"end_ordinal_exclusive\":{end},\
        \"end_byte_offset\":9}}"
    )
}

/// The case `m3`: a second segment after `thread/revert`. Its files have no ordinals, and all their
/// times are one.
fn m3(home: &Home, folder: &str) {
    let at = |line: String| line.replace("10:00:01", "10:00:00").replace("10:00:02", "10:00:00");
    let first = [meta(0, THREAD, ""), line(0, "turn_context", "{\"model\":\"m\"}"), tokens(0, 100)]
        .concat();
    let second =
        [meta(0, THREAD, &base(3)), line(0, "turn_context", "{\"model\":\"m\"}"), tokens(0, 150)]
            .concat();
    home.write(folder, &name(THREAD), at(first));
    home.write(folder, &segment_name(1), at(second));
}

#[test]
fn m3_a_thread_in_two_segments_is_one_history() {
    let home = Home::new();
    m3(&home, DAY);
    let row = home.rebuilt(THREAD);
    assert_eq!(
        (row.tokens_used, row.updated_at.to_string().as_str()),
        (150, "2026-11-29T10:00:00.000Z")
    );
    assert_eq!(row.rollout_path, Path::new(DAY).join(segment_name(1)));
    let verified = home.verify();
    assert_eq!((verified.threads, verified.files, verified.equal), (1, 2, 1));
}

#[test]
fn what_a_segment_goes_back_behind_is_no_part_of_the_history() {
    let home = Home::new();
    let first = [meta(0, THREAD, ""), message(1, "kept"), tokens(2, 100)].concat()
        + &line(
            3,
            "event_msg",
            "{\"type\":\"thread_goal_updated\",\"goal\":{\"objective\":\"gone\"}}",
        )
        + &line(4, "turn_context", "{\"model\":\"gone\",\"approval_policy\":\"never\"}");
    home.write(DAY, &name(THREAD), first);
    // The names are not in the order of the bases, and the second file begins where the third one
    // replaces it.
    home.write(
        DAY,
        &segment_name(9),
        [meta(10, THREAD, &base(3)), message(11, "x"), tokens(12, 130)].concat(),
    );
    home.write(DAY, &segment_name(4), [meta(20, THREAD, &base(5)), tokens(21, 150)].concat());
    let row = home.rebuilt(THREAD);
    assert_eq!((row.first_user_message.as_deref(), row.approval_mode), (Some("kept"), None));
    assert_eq!(
        (row.tokens_used, row.updated_at.to_string().as_str()),
        (150, "2026-11-29T10:00:21.000Z")
    );
    assert_eq!(row.rollout_path, Path::new(DAY).join(segment_name(4)));
    let loaded: Vec<_> = home.sessions().history(id(THREAD)).unwrap().unwrap().collect();
    assert_eq!(loaded.len(), 3 + 2 + 2);
    assert!(loaded.iter().all(|loaded| matches!(loaded, Ok(Loaded::Record { .. }))));

    // One that goes back behind the beginning of another replaces all of it.
    home.write(DAY, &segment_name(2), [meta(30, THREAD, &base(1)), tokens(31, 7)].concat());
    let row = home.rebuilt(THREAD);
    assert_eq!((row.tokens_used, row.first_user_message), (7, None));
    assert_eq!(home.verify().files, 4);
}

#[test]
fn a_segment_that_grows_makes_the_row_stale_and_a_writer_goes_on_in_it() {
    let home = Home::new();
    m3(&home, DAY);
    home.rebuild();
    let path = home.root().join(DAY).join(segment_name(1));
    let grown = fs::read_to_string(&path).unwrap() + &tokens(40, 170);
    fs::write(&path, grown).unwrap();
    assert_eq!(home.repair().written, 1);
    assert_eq!(home.row(THREAD).unwrap().tokens_used, 170);

    let before = fs::read(home.root().join(DAY).join(name(THREAD))).unwrap();
    let live = home.store().resume(id(THREAD)).unwrap();
    live.append_and_flush(&[Item::token_count(200).unwrap()]).unwrap();
    live.shutdown().unwrap();
    assert!(fs::read(home.root().join(DAY).join(name(THREAD))).unwrap() == before);
    assert_eq!(home.row(THREAD).unwrap().tokens_used, 200);
    home.all_equal();
    assert_eq!(home.repair().written, 0);
}

#[test]
fn a_line_that_breaks_off_where_another_segment_goes_on_is_left_out() {
    let home = Home::new();
    m3(&home, DAY);
    let path = home.root().join(DAY).join(name(THREAD));
    let broken = fs::read_to_string(&path).unwrap() + "{\"timestamp\":\"2026";
    fs::write(&path, broken).unwrap();
    // Behind the base, nobody asks for it.
    assert!(home.rebuild().flaws.is_empty());
    home.write(DAY, &segment_name(1), [meta(0, THREAD, &base(9)), tokens(1, 150)].concat());
    let done = home.rebuild();
    assert_eq!((done.flaws.problem_count, done.flaws.problems[0].line), (1, 4));
    assert_eq!(home.row(THREAD).unwrap().tokens_used, 150);
}

#[test]
fn m5_a_thread_among_the_archived_ones_is_archived() {
    let home = Home::new();
    home.write(ARCHIVE, &name(THREAD), history(THREAD));
    let row = home.rebuilt(THREAD);
    assert_eq!(row.archived_at, Some(row.updated_at), "that of its last line");
    let refused = home.store().resume(id(THREAD)).unwrap_err();
    assert!(matches!(refused, tracerig_store::threads::Error::Archived { .. }), "{refused}");

    // Moved back, it is not any more; a look at the path tells.
    fs::create_dir_all(home.root().join(DAY)).unwrap();
    fs::rename(
        home.root().join(ARCHIVE).join(name(THREAD)),
        home.root().join(DAY).join(name(THREAD)),
    )
    .unwrap();
    assert_eq!(home.repair().written, 1);
    assert_eq!(home.row(THREAD).unwrap().archived_at, None);
    // Segments are archived together.
    let home = Home::new();
    m3(&home, ARCHIVE);
    assert!(home.rebuilt(THREAD).archived_at.is_some());
}

#[test]
fn a_fork_names_its_parent() {
    let home = Home::new();
    let told = meta(0, OTHER, &format!(",\"forked_from_id\":\"{THREAD}\""));
    home.write(DAY, &name(THREAD), history(THREAD));
    home.write(DAY, &name(OTHER), told + &history(THREAD));
    assert_eq!(home.rebuilt(OTHER).forked_from.as_deref(), Some(THREAD));
    assert_eq!(home.row(THREAD).unwrap().forked_from, None);
    // 0.60 does not say so, but copies the parent's line.
    home.write(DAY, &name(OTHER), meta(0, OTHER, "") + &history(THREAD));
    assert_eq!(home.rebuilt(OTHER).forked_from.as_deref(), Some(THREAD));
}
