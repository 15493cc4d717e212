//! Histories whole, torn at every byte and broken at random, through buffers of every size.

use std::path::PathBuf;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::*;
use crate::threads::change::SessionMeta;
use crate::threads::history::{Loaded, history};
use crate::threads::item::Item;
use crate::threads::time::Millis;

const THREAD: &str = "01a1faad-9ba1-7b10-b548-adc1b617767a";
const OTHER: &str = "01a1faad-9bd6-7163-b9b9-b2d901a262f7";

fn id(text: &str) -> ThreadId {
    text.parse().unwrap()
}

struct File {
    folder: TempDir,
}

impl File {
    fn of(content: &[u8]) -> Self {
        let file = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(file.path(), content).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("rollout.jsonl")
    }

    fn replay(&self) -> Result<Replay, HistoryError> {
        replay(&self.path(), id(THREAD))
    }

    fn replay_through(&self, bytes: usize) -> Result<Replay, HistoryError> {
        let go_on = |_| ControlFlow::<Infallible>::Continue(());
        let ControlFlow::Continue(replay) = replay_with(
            &[self.path()],
            id(THREAD),
            Ablations::NONE,
            &mut Scratch::of(bytes),
            go_on,
        )?;
        Ok(replay)
    }
}

/// A history with a line of every sort, each a second after the one before.
fn sample() -> Vec<String> {
    let mut meta = SessionMeta::new(id(THREAD));
    meta.cwd = Some("/w".to_owned());
    let event = |json: &str| {
        Item::new("event_msg", serde_json::value::RawValue::from_string(json.to_owned()).unwrap())
    };
    let items = [
        Item::session_meta(&meta),
        Item::session_meta(&SessionMeta::new(id(OTHER))),
        Item::task_started("t"),
        Item::user_message("caf\u{e9} \"quoted\" \u{1f600}"),
        event(r#"{"message":"kind at the end","type":"agent_message"}"#),
        event(
            r#"{"type":"item_completed",
                "item":{"type":"UserMessage","content":[{"type":"text","text":"x"}]}}"#,
        ),
        Item::token_count(7),
        Item::from_line(
            br#"{"type":"response_item",
                "payload":{"type":"message","content":[{"text":"{}[]\\\""}]}}"#,
        ),
        Item::goal("go"),
    ];
    let lines = items.into_iter().zip(1..).map(|(item, second)| {
        let mut line = Vec::new();
        item.unwrap().write_line(Millis(second * 1000).rfc3339().as_str(), &mut line);
        String::from_utf8(line).unwrap()
    });
    lines.collect()
}

#[test]
fn a_history_gives_the_whole_row() {
    let lines = sample();
    let text = lines.concat();
    let replay = File::of(text.as_bytes()).replay().unwrap();
    assert!(replay.patch.is_complete());
    assert_eq!((replay.lines, replay.bytes, replay.torn), (9, text.len() as u64, None));
    assert!(replay.problems.is_empty() && replay.is_ended);
    let got = |column| replay.patch.get(column).cloned();
    assert_eq!(got(Column::UpdatedAtMs), Some(Value::Integer(9000)));
    assert_eq!(got(Column::CreatedAtMs), Some(Value::Integer(1000)));
    assert_eq!(got(Column::RecencyAtMs), Some(Value::Integer(3000)));
    assert_eq!(got(Column::TokensUsed), Some(Value::Integer(7)));
    assert_eq!(got(Column::Title), Some(Value::text("caf\u{e9} \"quoted\" \u{1f600}")));
    assert_eq!(got(Column::HistoryBytes), Some(Value::Integer(text.len() as i64)));
    assert_eq!(got(Column::RolloutPath), None);
    assert!(replay.seen.has(Seen::TITLE | Seen::TURN | Seen::CWD));
}

#[test]
fn going_on_after_any_line_is_as_if_one_had_never_stopped() {
    let lines = sample();
    let play = |lines: &[String], mut seen| {
        let mut patch = Patch::new();
        for line in lines {
            let Entry { at, change, .. } = line::parse(line.trim_end().as_bytes()).unwrap();
            seen = derive(seen, id(THREAD), &change, at, &mut patch);
        }
        (patch, seen)
    };
    let (whole, seen) = play(&lines, Seen::default());
    for split in 0..=lines.len() {
        let (mut patch, first) = play(&lines[..split], Seen::default());
        let (rest, last) = play(&lines[split..], first);
        patch.merge(rest);
        assert_eq!((&patch, last), (&whole, seen), "after line {split}");
    }
}

#[test]
fn a_history_cut_anywhere_is_the_replay_of_the_lines_before() {
    let lines = sample();
    let text = lines.concat();
    let mut start = 0;
    let mut before: Option<Replay> = None;
    for line in &lines {
        for length in 0..=line.len() {
            let file = File::of(&text.as_bytes()[..start + length]);
            let found = file.replay();
            let whole = length + 1 >= line.len();
            match (&before, found) {
                (None, Err(HistoryError::Empty { .. })) => assert_eq!(length, 0),
                (None, Err(HistoryError::TornAtStart { bytes, .. })) => {
                    assert!(length > 0 && !whole);
                    assert_eq!(bytes, length as u64);
                }
                (Some(before), Ok(found)) if !whole => {
                    let torn = Torn { offset: start as u64, bytes: length as u64 };
                    assert_eq!(found.torn, (length > 0).then_some(torn));
                    let path = before.path.clone();
                    assert_eq!(Replay { torn: None, path, ..found }, *before);
                }
                (_, Ok(found)) => {
                    assert!(whole, "{length} of {line}");
                    assert_eq!((found.torn, found.is_ended), (None, length == line.len()));
                    assert_eq!(found.bytes, (start + length) as u64);
                }
                (_, Err(error)) => panic!("{length} of {line}: {error}"),
            }
            assert_eq!(through_all_sizes(&file), 0);
        }
        start += line.len();
        before = Some(File::of(&text.as_bytes()[..start]).replay().unwrap());
    }
}

/// Buffers of a few sizes give the same; gives the number of those that do not.
fn through_all_sizes(file: &File) -> usize {
    let expected = file.replay().map_err(|error| error.to_string());
    [1, 7, 64, 150]
        .into_iter()
        .filter(|bytes| file.replay_through(*bytes).map_err(|error| error.to_string()) != expected)
        .count()
}

/// What is a record, said once more without looking at speed.
fn is_record(line: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(line) else { return false };
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return false };
    let (Some(timestamp), Some(kind), true) =
        (value["timestamp"].as_str(), value["type"].as_str(), value["payload"].is_object())
    else {
        return false;
    };
    timestamp.parse::<Millis>().is_ok() && line::is_kind(kind)
}

fn mutate(line: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    const PIECES: [&[u8]; 14] = [
        b"\"",
        b"\\",
        b"{",
        b"}",
        b",",
        b":",
        b"\xff",
        b"\xc3",
        b"\0",
        b" ",
        b"null",
        b"\"type\":7,",
        b"\\u0065",
        b"\r",
    ];
    for _ in 0..random.random_range(1..3) {
        let at = random.random_range(0..line.len());
        let end =
            random.random_range(at..(at + 12).min(line.len() + 1).max(at + 1)).min(line.len());
        match random.random_range(0..4) {
            0 => drop(line.drain(at..end)),
            1 => line[at] = random.random(),
            2 => drop(
                line.splice(at..at, PIECES[random.random_range(0..PIECES.len())].iter().copied()),
            ),
            _ => {
                let copied = line[at..end].to_vec();
                line.splice(at..at, copied);
            }
        }
        if line.is_empty() {
            line.push(b'x');
        }
    }
    line.retain(|byte| *byte != b'\n');
}

#[test]
fn broken_lines_are_left_out_and_every_buffer_agrees() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let sample = sample();
    let (mut broken, mut kept) = (0, 0);
    for _ in 0..400 {
        let mut text = sample[0].clone().into_bytes();
        let mut expected = Vec::new();
        for line in &sample[1..] {
            let mut line = line.trim_end().as_bytes().to_vec();
            if random.random_range(0..3) == 0 {
                mutate(&mut line, &mut random);
                if is_record(&line) { kept += 1 } else { broken += 1 }
            }
            expected.push(is_record(&line));
            text.extend(line);
            text.push(b'\n');
        }
        let file = File::of(&text);
        let replay = file.replay().unwrap();
        let left_out: Vec<u64> = expected
            .iter()
            .zip(2..)
            .filter(|(is_record, _)| !**is_record)
            .map(|(_, line)| line)
            .collect();
        let found: Vec<u64> = replay.problems.iter().map(|problem| problem.line).collect();
        assert_eq!(found, left_out, "{}", String::from_utf8_lossy(&text));
        assert_eq!(through_all_sizes(&file), 0, "{}", String::from_utf8_lossy(&text));

        // Without those lines the row is the same, but for the bytes.
        let good: Vec<u8> = text
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| is_record(line))
            .flatten()
            .copied()
            .collect();
        let mut without = File::of(&good).replay().unwrap();
        without.patch.set(Column::HistoryBytes, Value::Integer(text.len() as i64));
        assert_eq!(without.patch, replay.patch);

        // A loaded history has the same lines, and they make the same row.
        let (mut patch, mut seen, mut problems) = (Patch::new(), Seen::default(), Vec::new());
        for loaded in history(&file.path()).unwrap() {
            match loaded.unwrap() {
                Loaded::Record { at, item } => {
                    assert_eq!(Change::parse(item.kind(), item.payload().get()), *item.change());
                    seen = derive(seen, id(THREAD), item.change(), at, &mut patch);
                }
                Loaded::Problem(problem) => problems.push(problem),
                Loaded::Torn(torn) => panic!("{torn:?}"),
            }
        }
        patch.set(Column::HistoryBytes, Value::Integer(text.len() as i64));
        patch.mark_complete();
        assert_eq!((patch, seen, problems), (replay.patch, replay.seen, replay.problems));
    }
    assert!(broken > 100 && kept > 100, "{broken} {kept}");
}

#[test]
fn a_line_longer_than_the_buffer_counts() {
    let pad = "x".repeat(3 * Scratch::BYTES);
    let lines = sample();
    let text = |long: &str| [&lines[0], long, "\n", &lines[6]].concat();
    let record = |kind: &str, payload: &str| {
        format!(r#"{{"timestamp":"2026-11-20T20:37:24.062Z","type":"{kind}","payload":{payload}}}"#)
    };
    let replay = |long: &str| File::of(text(long).as_bytes()).replay().unwrap();
    let touch = replay(&record("response_item", &format!(r#"{{"text":"{pad}"}}"#)));
    assert_eq!((touch.lines, touch.problem_count), (3, 0));
    assert_eq!(touch.patch.get(Column::TokensUsed), Some(&Value::Integer(7)));
    // One that changes the row is understood whole.
    let message = replay(&record(
        "event_msg",
        &format!(r#"{{"pad":"{pad}","type":"user_message","message":"{pad}"}}"#),
    ));
    assert_eq!(message.patch.get(Column::Title), Some(&Value::Text("x".repeat(4096))));
    for broken in [
        record("response_item", &format!(r#"{{"text":"{pad}"}}}}"#)),
        record("response_item", &format!(r#"{{"text":"{pad}"#)),
        record("response_item", &format!(r#""{pad}""#)),
        format!("[\"{pad}\"]"),
        pad.clone(),
    ] {
        let replay = replay(&broken);
        assert_eq!((replay.lines, replay.problem_count), (3, 1));
        assert_eq!(replay.problems[0].line, 2);
    }
    let mut text = text(&record("response_item", &format!(r#"{{"text":"{pad}"}}"#))).into_bytes();
    let middle = lines[0].len() + Scratch::BYTES;
    text[middle] = 0xff;
    let replay = File::of(&text).replay().unwrap();
    assert_eq!(replay.problems[0].what, Defect::NotUtf8);
}

#[test]
fn a_file_that_begins_as_no_history_of_the_thread_is_refused() {
    let lines = sample();
    let refused = |text: &str| File::of(text.as_bytes()).replay().unwrap_err();
    let found = refused(&lines[1..].concat());
    assert!(
        matches!(found, HistoryError::OtherThread { found, .. } if found == id(OTHER)),
        "{found}"
    );
    for text in [
        lines[2].clone(),
        format!("\n{}", lines[0]),
        format!("garbage\n{}", lines[0]),
        lines[0].replace("\"id\"", "\"di\""),
    ] {
        let found = refused(&text);
        assert!(matches!(found, HistoryError::NoSessionMeta { .. }), "{found}");
    }
    let nowhere = replay(&PathBuf::from("/nowhere/at/all"), id(THREAD)).unwrap_err();
    assert!(matches!(nowhere, HistoryError::Io { .. }), "{nowhere}");
    assert!(nowhere.to_string().starts_with("/nowhere/at/all: "), "{nowhere}");
}

#[test]
fn a_complete_object_without_a_line_break_is_no_torn_line() {
    let lines = sample();
    let odd = File::of(format!("{}{{\"a\":1}}", lines[0]).as_bytes()).replay().unwrap();
    assert_eq!((odd.torn, odd.problem_count, odd.is_ended), (None, 1, false));
    // Whatever follows decides, not where the parser stops.
    for broken in ["0{\"timestamp\": \"20", "{\"timestamp\":5,\"ty", "[1", "\"a\"b"] {
        let broken_off = File::of(format!("{}{broken}", lines[0]).as_bytes()).replay().unwrap();
        let torn = Torn { offset: lines[0].len() as u64, bytes: broken.len() as u64 };
        assert_eq!((broken_off.torn, broken_off.problem_count), (Some(torn), 0), "{broken}");
    }
    // What a lost write leaves on some file systems.
    let zeros = File::of(format!("{}\0\0\0\0", lines[0]).as_bytes()).replay().unwrap();
    assert_eq!(zeros.torn, Some(Torn { offset: lines[0].len() as u64, bytes: 4 }));
}

#[test]
fn of_several_members_with_one_name_the_last_counts() {
    let meta = &sample()[0];
    let text = format!(
        "{meta}{{\"timestamp\":\"2026-11-20T20:37:24.062Z\",\"type\":\"x\",\
        \"type\":\"turn_context\",\"payload\":1,\
         \"payload\":{{\"model\":\"a\",\"cwd\":\"\\ud800\",\"n\":1e999,\"model\":\"b\"}},\
         \"timestamp\":\"2026-11-20T20:37:25.062Z\"}}\n"
    );
    let replay = File::of(text.as_bytes()).replay().unwrap();
    let of = |column| replay.patch.get(column).cloned();
    assert_eq!((replay.problem_count, of(Column::Model)), (0, Some(Value::text("b"))));
    assert_eq!(of(Column::Cwd), Some(Value::text("/w")));
    assert_eq!(of(Column::UpdatedAtMs), Some(Value::Integer(1_795_207_045_062)));
    // Through a small buffer the line is looked at twice, and says the same.
    assert_eq!(File::of(text.as_bytes()).replay_through(64).unwrap().patch, replay.patch);
}

#[test]
fn a_list_is_no_record_whatever_stands_in_it() {
    let list = "[\"2026-11-20T20:37:24.062Z\",\"x\",7,{\"type\":\"y\"}]\n";
    let file = File::of(format!("{}{list}", sample()[0]).as_bytes());
    let (whole, pieces) = (file.replay().unwrap(), file.replay_through(16).unwrap());
    assert_eq!((whole.problem_count, whole.lines), (1, 2));
    assert_eq!(pieces, whole);
}

#[test]
fn problems_beyond_a_hundred_are_only_counted() {
    let text = format!("{}{}", sample()[0], "{}\n".repeat(1000));
    let replay = File::of(text.as_bytes()).replay().unwrap();
    assert_eq!((replay.problems.len(), replay.problem_count), (MAX_PROBLEMS, 1000));
    let told = replay.problems[0].to_string();
    assert!(
        told.ends_with("rollout.jsonl:2: not a record (it has no timestamp); the line is left out"),
        "{told}"
    );
}
