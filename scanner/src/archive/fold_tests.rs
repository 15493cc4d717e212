//! What lines add up to: each rule of counting by small sequences.

use super::super::kind::kind;
use super::super::line::Parser;
use super::*;

/// A thread, its parent, and turns of both, in the order of time.
const PARENT: &str = "01a00000-0000-7000-8000-000000000000";
const PARENT_TURN: &str = "01a00000-0001-7000-8000-000000000000";
const THREAD: &str = "01a00001-0000-7000-8000-000000000000";
const TURN: &str = "01a00001-0001-7000-8000-000000000000";
const NEXT_TURN: &str = "01a00001-0002-7000-8000-000000000000";

fn take(rollout: &mut Rollout, milliseconds: u32, event: &str, rules: &Rules) {
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    let line =
        format!(r#"{{"timestamp":"2026-11-20T20:37:{seconds:02}.{milliseconds:03}Z",{event}}}"#);
    let mut parser = Parser::default();
    let understood = match kind(line.as_bytes()) {
        super::super::kind::Kind::Skipped(known) => Ok(Line::Skipped(known)),
        kind => parser.understand(line.as_bytes(), kind),
    };
    rollout.take(understood, line.as_bytes(), rules);
}

/// A rollout of these lines, each written a second after the one before.
fn rollout(events: &[&str]) -> Rollout {
    with(events, &Rules::ALL)
}

fn with(events: &[&str], rules: &Rules) -> Rollout {
    let mut rollout = Rollout::named(THREAD);
    for (second, event) in (0..).zip(events) {
        take(&mut rollout, 1000 * second, event, rules);
    }
    rollout
}

fn usage(tokens: &str) -> String {
    if tokens.is_empty() { "null".into() } else { format!("{{\"input_tokens\":{tokens}}}") }
}

fn count(total: &str, last: &str) -> String {
    count_at(total, last, "")
}

fn count_at(total: &str, last: &str, ordinal: &str) -> String {
    let (total, last) = (usage(total), usage(last));
    let info = format!(r#"{{"total_token_usage":{total},"last_token_usage":{last}}}"#);
    format!(r#"{ordinal}"type":"event_msg","payload":{{"type":"token_count","info":{info}}}"#)
}

fn record(thread: &str, response: &str, tokens: &str) -> String {
    let usage = usage(tokens);
    let ids = format!(r#""thread_id":"{thread}","response_id":"{response}""#);
    format!(r#""type":"token_usage_record","payload":{{{ids},"usage":{usage}}}"#)
}

fn meta(id: &str, members: &str) -> String {
    format!(r#""type":"session_meta","payload":{{"id":"{id}"{members}}}"#)
}

fn turn(id: &str) -> String {
    format!(r#""type":"turn_context","payload":{{"turn_id":"{id}","model":"m"}}"#)
}

fn inputs(rollout: &Rollout) -> Vec<(Option<&str>, Tier, u64, u64)> {
    let of = |bucket: &Bucket| {
        (rollout.name(bucket.model), bucket.tier, bucket.tokens.input, bucket.events)
    };
    rollout.buckets.iter().map(of).collect()
}

fn input(rollout: &Rollout) -> u64 {
    rollout.buckets.iter().map(|bucket| bucket.tokens.input).sum()
}

fn lines(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

/// The sum with every rule, and without one of them.
fn right_and_wrong(events: &[String], without: impl FnOnce(&mut Rules)) -> (u64, u64) {
    let mut rules = Rules::ALL;
    without(&mut rules);
    (input(&rollout(&lines(events))), input(&with(&lines(events), &rules)))
}

#[test]
fn totals_rise_repeat_and_fall() {
    let events = [
        count("10", "10"),
        count("10", "10"),
        count("15", "4"),
        count("3", "2"),
        count("", "7"),
        count("4", ""),
        count("4", ""),
        count("1", ""),
    ];
    // 10, nothing, 4, 2, 7 without a total, 1 more than 3, nothing, and 1 since counting began
    // anew.
    assert_eq!(
        inputs(&rollout(&lines(&events))),
        [(None, Tier::Unknown, 10 + 4 + 2 + 7 + 1 + 1, 6)]
    );
}

#[test]
fn sequences_that_occurred_count_what_was_used() {
    for (counts, right) in [
        (&[("100000", "1000"), ("5000", "1000"), ("101000", "1000"), ("6000", "1000")][..], 4000),
        (&[("1001", "1")], 1),
        (&[("500", "500"), ("0", "0"), ("510", "10")], 510),
        (&[("1000", "1000"), ("1000", "1000"), ("2000", "1000")], 2000),
    ] {
        let events: Vec<String> = counts.iter().map(|(total, last)| count(total, last)).collect();
        assert_eq!(input(&rollout(&lines(&events))), right, "{counts:?}");
    }
    let without_total = r#""type":"event_msg","payload":{"type":"token_count",
        "info":{"last_token_usage":{"input_tokens":100,"output_tokens":50}}}"#;
    assert_eq!(rollout(&[without_total]).buckets[0].tokens.total, 150);
}

#[test]
fn each_way_to_count_can_be_left_out() {
    let events = [count("1000", "1000"), count("1000", "1000"), count("2000", "500")];
    assert_eq!(right_and_wrong(&events, |rules| rules.repetition = false), (1500, 2500));
    assert_eq!(right_and_wrong(&events, |rules| rules.last_used = false), (1500, 2000));
    let events = [count("1000", ""), count("10", "")];
    assert_eq!(right_and_wrong(&events, |rules| rules.fallen = false), (1010, 1000));
    let output = r#""type":"event_msg","payload":{"type":"token_count",
        "info":{"total_token_usage":{"input_tokens":10,"output_tokens":0},
                "last_token_usage":{"input_tokens":5}}}"#;
    let events = [output.replace(",\"output_tokens\":0", ",\"output_tokens\":3"), count("10", "5")];
    assert_eq!(right_and_wrong(&events, |rules| rules.missing_kinds = false), (5, 10));
}

#[test]
fn records_count_once_and_end_the_counts() {
    let events = [
        meta(THREAD, ""),
        count("5", "5"),
        record(THREAD, "r1", "10"),
        count("15", "10"),
        record(THREAD, "r1", "10"),
        record(PARENT, "r2", "100"),
        record(THREAD, "r3", "1000"),
        count("1015", "1000"),
    ];
    assert_eq!(right_and_wrong(&events, |rules| rules.records = false), (1015, 1015));
    assert_eq!(right_and_wrong(&events, |rules| rules.own_thread = false), (1015, 1115));
    assert_eq!(right_and_wrong(&events, |rules| rules.once = false), (1015, 1025));
    assert_eq!(right_and_wrong(&events, |rules| rules.records_end_counts = false), (1015, 2025));
    let parents = [record(PARENT, "r1", "10"), count("10", "10")];
    assert_eq!(right_and_wrong(&parents, |rules| rules.records = false), (0, 10));
}

#[test]
fn a_count_of_an_older_turn_is_the_parents() {
    let events = [
        meta(THREAD, r#","forked_from_id":"x""#),
        turn(PARENT_TURN),
        count("100", "100"),
        turn(TURN),
        count("150", "50"),
        turn(PARENT_TURN),
        count("160", "10"),
    ];
    assert_eq!(right_and_wrong(&events, |rules| rules.inherited_turn = false), (50, 160));
    // Ids that tell no time are not compared.
    let random = |text: &String| text.replace("-7000-", "-4000-");
    let events: Vec<String> = events.iter().map(random).collect();
    assert_eq!(input(&rollout(&lines(&events))), 160);
}

#[test]
fn a_fork_that_names_turns_has_used_nothing_before_its_own() {
    let own = |version: &str, members: &str| {
        meta(THREAD, &format!(r#","cli_version":"{version}"{members}"#))
    };
    let parent = meta(PARENT, r#","cli_version":"0.98.0""#);
    let forked = r#","forked_from_id":"x""#;
    for (events, right, wrong) in [
        (
            vec![own("0.171.0", forked), count("100", "100"), turn(TURN), count("150", "50")],
            50,
            150,
        ),
        (
            vec![
                own("0.171.0", ""),
                parent.clone(),
                count("100", "100"),
                turn(TURN),
                count("150", "50"),
            ],
            50,
            150,
        ),
        (vec![own("0.171.0", ""), count("100", "100"), turn(TURN), count("150", "50")], 150, 150),
        (vec![own("0.98.0", forked), count("100", "100"), count("150", "50")], 150, 150),
        // An inherited total is remembered, so that its repetition is recognised.
        (
            vec![own("0.171.0", forked), count("100", "100"), turn(TURN), count("100", "100")],
            0,
            100,
        ),
    ] {
        assert_eq!(
            right_and_wrong(&events, |rules| rules.inherited_fork = false),
            (right, wrong),
            "{events:?}"
        );
    }
}

#[test]
fn a_copy_without_turns_is_told_by_how_fast_it_was_written() {
    let parent = meta(PARENT, "");
    let skipped = r#""type":"response_item","payload":{"type":"message"}"#.to_owned();
    let copied = |gaps: [u32; 4], rules: &Rules| {
        let events = [
            meta(THREAD, ""),
            parent.clone(),
            skipped.clone(),
            count("100", "100"),
            count("150", "50"),
        ];
        let (mut rollout, mut at) = (Rollout::named(THREAD), 0);
        for (event, gap) in events.iter().zip([0].into_iter().chain(gaps)) {
            at += gap;
            take(&mut rollout, at, event, rules);
        }
        (input(&rollout), rollout.is_inferred)
    };
    for (gaps, right) in [
        ([500, 99, 99, 100], (50, true)),
        ([500, 0, 0, 5000], (50, true)),
        ([0, 0, 0, 0], (0, true)),
        // The gap may lie before a line that says nothing.
        ([0, 100, 0, 0], (150, false)),
        ([0, 0, 100, 0], (150, false)),
    ] {
        assert_eq!(copied(gaps, &Rules::ALL), right, "{gaps:?}");
    }
    let rules = Rules { inherited_burst: false, ..Rules::ALL };
    assert_eq!(copied([0, 0, 0, 0], &rules), (150, false));
}

#[test]
fn what_stands_before_the_own_history_of_a_subagent_is_the_parents() {
    let events = [
        meta(THREAD, r#","subagent_history_start_ordinal":25"#),
        count_at("100", "100", r#""ordinal":24,"#),
        count_at("150", "50", r#""ordinal":25,"#),
        count_at("160", "10", ""),
    ];
    assert_eq!(right_and_wrong(&events, |rules| rules.inherited_ordinal = false), (60, 160));
}

#[test]
fn the_first_total_of_a_file_that_continues_another_tells_nothing() {
    for members in [r#","forked_from_id":"x""#, r#","history_base":{"thread_id":"x"}"#] {
        let events = [meta(THREAD, members), turn(TURN), count("150", ""), count("160", "")];
        assert_eq!(
            right_and_wrong(&events, |rules| rules.first_of_fork = false),
            (10, 160),
            "{members}"
        );
        // What its last response used it tells nevertheless.
        let events = [meta(THREAD, members), turn(TURN), count("150", "50")];
        assert_eq!(input(&rollout(&lines(&events))), 50);
    }
}

#[test]
fn models_turns_and_tiers_hold_from_where_they_stand() {
    let settings = |tier: &str| {
        let payload = format!(r#""type":"thread_settings_applied","thread_settings":{{{tier}}}"#);
        format!(r#""type":"event_msg","payload":{{{payload}}}"#)
    };
    let (fast, none) = (settings(r#""service_tier":"fast""#), settings(""));
    let (one, two, three, four) = (count("1", ""), count("2", ""), count("3", ""), count("4", ""));
    let served = format!(
        r#""type":"token_usage_record","payload":{{"thread_id":"{THREAD}",
            "service_tier":"priority","usage":{{"input_tokens":1}}}}"#
    );
    let blank = r#""type":"turn_context","payload":{"turn_id":"t2","model":" "}"#;
    let rollout = rollout(&[
        r#""type":"event_msg","payload":{"type":"task_started","turn_id":"t1"}"#,
        r#""type":"turn_context","payload":{"turn_id":"t1","model":"m1"}"#,
        &one,
        &fast,
        &two,
        &none,
        r#""type":"turn_context","payload":{"model":"m2"}"#,
        &three,
        blank,
        &four,
        &served,
    ]);
    let found = inputs(&rollout);
    assert_eq!(
        found,
        [
            (Some("m1"), Tier::Unknown, 1, 1),
            (Some("m1"), Tier::Priority, 1, 1),
            (Some("m2"), Tier::Standard, 1, 1),
            (None, Tier::Standard, 1, 1),
            (None, Tier::Priority, 1, 1),
        ]
    );
    let turns: Vec<_> = rollout.buckets.iter().map(|bucket| rollout.name(bucket.turn)).collect();
    assert_eq!(turns, [Some("t1"), None, None, None, None]);
}

#[test]
fn the_first_line_about_the_session_counts_and_broken_ones_are_numbered() {
    let (a, b) = (meta("a", ""), meta("b", ""));
    let rollout = rollout(&[
        &a,
        "rubbish",
        &b,
        r#""type":"hologram""#,
        r#""type":"turn_context","#,
        &count("-1", "2"),
        r#""no":"type""#,
    ]);
    assert_eq!(rollout.id(), "a");
    assert_eq!((rollout.lines, rollout.unknown, rollout.broken_lines), (7, 1, 4));
    assert_eq!(
        rollout.broken,
        [(2, Defect::NoType), (5, Defect::NotJson), (6, Defect::NoCount), (7, Defect::NoType)]
    );
    assert_eq!(input(&rollout), 2);
    assert!(!rollout.is_untyped);
}

#[test]
fn a_rollout_of_2025_is_told_by_its_first_line() {
    let rollout = rollout(&[
        r#""id":"a","instructions":null"#,
        r#""type":"message""#,
        r#""record_type":"state""#,
    ]);
    assert!(rollout.is_untyped);
    assert_eq!((rollout.unknown, rollout.broken_lines, rollout.lines), (0, 0, 3));
}

#[test]
fn turns_and_models_are_told_apart_up_to_a_limit_and_tokens_count_beyond_it() {
    let mut rollout = Rollout::named(THREAD);
    rollout.names = (0..MOST_NAMES - 2).map(|number| format!("name {number}")).collect();
    let events = [
        turn(TURN),
        count("1", "1"),
        turn(NEXT_TURN),
        count("3", "2"),
        turn(TURN),
        count("6", "3"),
    ];
    for (second, event) in (0..).zip(&events) {
        take(&mut rollout, 1000 * second, event, &Rules::ALL);
    }
    // The model and the first turn fit; the second turn does not.
    assert_eq!(rollout.names.len(), MOST_NAMES);
    assert_eq!(rollout.broken, [(3, Defect::TooMany)]);
    assert_eq!(input(&rollout), 6);
    let turns: Vec<_> = rollout.buckets.iter().map(|bucket| rollout.name(bucket.turn)).collect();
    assert_eq!(turns, [Some(TURN), None]);
}

#[test]
fn names_of_a_file_take_a_limited_number_of_bytes() {
    let long = |number: usize| format!("{number:04096}");
    let mut rollout = Rollout::named(THREAD);
    rollout.names = (0..MOST_NAMES_BYTES / 4096 - 1).map(long).collect();
    take(&mut rollout, 0, &turn(&long(9_999_998)).replace("\"m\"", "null"), &Rules::ALL);
    assert_eq!((rollout.names.len(), rollout.broken_lines), (MOST_NAMES_BYTES / 4096, 0));
    take(&mut rollout, 1000, &turn("t").replace("\"m\"", "null"), &Rules::ALL);
    assert_eq!((rollout.names.len(), rollout.broken_lines), (MOST_NAMES_BYTES / 4096, 1));
}

#[test]
fn sums_of_a_file_have_a_limit_and_what_is_beyond_is_told() {
    let mut rollout = rollout(&[&turn(TURN), &count("1", "1")]);
    let bucket = rollout.buckets[0];
    let other = |quarter| Bucket { quarter, ..bucket };
    rollout.buckets.extend((0..MOST_SUMS as i64 - 1).map(other));
    take(&mut rollout, 2000, &count("3", "2"), &Rules::ALL);
    assert_eq!(
        (rollout.buckets[0].tokens.input, rollout.broken_lines),
        (3, 0),
        "a known sum grows"
    );
    take(&mut rollout, 3000, &turn(NEXT_TURN), &Rules::ALL);
    take(&mut rollout, 4000, &count("6", "3"), &Rules::ALL);
    assert_eq!(
        (rollout.buckets.len(), &rollout.broken[..]),
        (MOST_SUMS, &[(5, Defect::TooMany)][..])
    );
}
