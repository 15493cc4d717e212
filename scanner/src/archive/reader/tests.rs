//! Reading on and reading at once, plain and compressed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;

use super::*;

const META: &str =
    r#"{"timestamp":"2026-11-20T20:37:24.062Z","type":"session_meta","payload":{"id":"a"}}"#;

fn counted(total: u64) -> String {
    let info = format!(r#"{{"total_token_usage":{{"input_tokens":{total}}}}}"#);
    let payload = format!(r#"{{"type":"token_count","info":{info}}}"#);
    format!(r#"{{"timestamp":"2026-11-20T20:37:24.062Z","type":"event_msg","payload":{payload}}}"#)
}

/// A line of a kind that does not matter, this long.
fn filler(bytes: usize) -> String {
    format!(r#"{{"timestamp":"x","type":"response_item","payload":"{}"}}"#, "y".repeat(bytes))
}

fn file(text: &str) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn plain(file: &File, end: u64) -> Source<'_> {
    Source::of(OsStr::new("rollout"), file, end).unwrap()
}

fn read(reader: &mut Reader, file: &File, end: u64) -> (Rollout, Consumed) {
    reader.read(&mut plain(file, end), "").unwrap()
}

fn inputs(rollout: &Rollout) -> u64 {
    rollout.buckets.iter().map(|bucket| bucket.tokens.input).sum()
}

/// A text with lines around every length at which something changes.
fn text() -> String {
    let mut text = format!("{META}\n");
    let mut total = 0;
    for bytes in [
        0,
        TAIL - 60,
        TAIL,
        WINDOW - TAIL - 60,
        WINDOW - TAIL,
        WINDOW,
        WINDOW + TAIL,
        3 * WINDOW + 7,
    ] {
        for extra in [0, 1, 59, 60, 61] {
            total += 1;
            text += &format!("{}\n{}\n", filler(bytes + extra), counted(total));
        }
    }
    // One that matters and fits nowhere.
    text + &counted(100)
        .replace("\"info\"", &format!("\"more\":\"{}\",\"info\"", "z".repeat(2 * WINDOW)))
        + "\n"
}

#[test]
fn reading_on_from_every_place_gives_what_reading_at_once_gives() {
    let text = text();
    let whole = file(&text);
    let (mut reader, end) = (Reader::without(Ablations::NONE), text.len() as u64);
    let (all, consumed) = read(&mut reader, &whole, end);
    assert_eq!((consumed.bytes, all.lines, inputs(&all), reader.bytes), (end, 82, 100, end));
    let breaks = text.match_indices('\n').map(|(at, _)| at as u64);
    for stop in breaks.flat_map(|at| [at, at + 1, at + 2]).filter(|&stop| stop <= end) {
        let (mut part, first) = read(&mut reader, &whole, stop);
        let line = text[..usize::try_from(stop).unwrap()].rfind('\n').map_or(0, |at| at as u64 + 1);
        assert_eq!(first.bytes, line, "a line without its end waits");
        reader.bytes = 0;
        let second = reader.read_on(&mut plain(&whole, end), first, &mut part).unwrap();
        assert_eq!((second, &part), (Some(consumed), &all), "stopped at {stop}");
        assert_eq!(
            reader.bytes,
            end - line.saturating_sub(TAIL as u64),
            "the rest, and the tail before it"
        );
    }
}

#[test]
fn another_tail_and_a_shorter_file_are_noticed() {
    let text = text();
    let mut reader = Reader::without(Ablations::NONE);
    let stop = text.len() as u64 / 2;
    let (mut rollout, first) = read(&mut reader, &file(&text), stop);
    let before = rollout.clone();
    let at = usize::try_from(first.bytes).unwrap();
    for place in [at - 1, at - TAIL] {
        let mut other = text.clone().into_bytes();
        other[place] ^= 1;
        let other = file(&String::from_utf8(other).unwrap());
        let mut other = plain(&other, text.len() as u64);
        assert_eq!(reader.read_on(&mut other, first, &mut rollout).unwrap(), None);
    }
    let shorter = file(&text[..at - 1]);
    assert_eq!(reader.read_on(&mut plain(&shorter, stop), first, &mut rollout).unwrap(), None);
    assert_eq!(rollout, before);
}

#[test]
fn a_long_line_without_an_end_waits_and_a_broken_one_is_counted() {
    let mut reader = Reader::without(Ablations::NONE);
    let long = counted(7)
        .replace("\"info\"", &format!("\"more\":\"{}\",\"info\"", "z".repeat(2 * WINDOW)));
    let text = format!("{META}\n{long}");
    let (rollout, consumed) = read(&mut reader, &file(&text), text.len() as u64);
    assert_eq!((consumed.bytes, rollout.lines), (META.len() as u64 + 1, 1));
    let broken = format!("{META}\n{}\n{}\n", &long[..long.len() - 2], counted(9));
    let (rollout, consumed) = read(&mut reader, &file(&broken), broken.len() as u64);
    assert_eq!((consumed.bytes, rollout.lines, inputs(&rollout)), (broken.len() as u64, 3, 9));
    assert_eq!(rollout.broken, [(2, Defect::NotJson)]);
}
fn compressed(text: &[u8], log: u32) -> File {
    let mut encoder = zstd::stream::write::Encoder::new(tempfile::tempfile().unwrap(), 1).unwrap();
    encoder.window_log(log).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_compressed_file_gives_what_the_plain_one_gives_from_every_place() {
    let text = text();
    let (mut reader, end) = (Reader::without(Ablations::NONE), text.len() as u64);
    let (all, consumed) = read(&mut reader, &file(&text), end);
    // Two frames, as if something had been appended.
    let (one, other) = text.as_bytes().split_at(text.len() / 3);
    let mut whole = compressed(one, 20);
    let mut rest = compressed(other, 20);
    io::Seek::rewind(&mut rest).unwrap();
    io::copy(&mut rest, &mut whole).unwrap();
    let size = whole.metadata().unwrap().len();
    let source = || Source::of(OsStr::new("rollout.zst"), &whole, size).unwrap();
    reader.bytes = 0;
    assert_eq!(reader.read(&mut source(), "").unwrap(), (all.clone(), consumed));
    assert_eq!(reader.bytes, size);
    for stop in [0, 1, 100, end / 4, end / 2, end - 1, end] {
        let (mut part, first) = read(&mut reader, &file(&text), stop);
        let second = reader.read_on(&mut source(), first, &mut part).unwrap();
        assert_eq!((second, &part), (Some(consumed), &all), "stopped at {stop}");
    }
    let longer = text + "x\n";
    let (mut part, first) = read(&mut reader, &file(&longer), end + 2);
    assert_eq!(reader.read_on(&mut source(), first, &mut part).unwrap(), None);
}

#[test]
fn what_cannot_be_decompressed_is_an_error() {
    let text = text().into_bytes();
    let mut reader = Reader::without(Ablations::NONE);
    let mut read = |file: &File, size| {
        let mut source = Source::of(OsStr::new("rollout.zst"), file, size)?;
        reader.read(&mut source, "")
    };
    let whole = compressed(&text, 20);
    let size = whole.metadata().unwrap().len();
    assert!(read(&whole, size).is_ok());
    for torn in [0, 1, 3, size / 2, size - 1] {
        assert!(read(&whole, torn).is_err(), "{torn} bytes");
    }
    let rubbish = file("no compressed data\n");
    assert!(read(&rubbish, 19).is_err());
    // It would take more memory than anybody gives without being asked.
    let wide = compressed(&text, 28);
    assert!(read(&wide, wide.metadata().unwrap().len()).is_err());
}
