//! Records of runs, comparisons and files of histories: what can be read is written and reads the
//! same again, and every statistic and renderer of it comes to an end.

use std::path::Path;

use tracerig_reports::comparison::{self, Comparisons};
use tracerig_reports::history::{self, Files, Judged, Rules};
use tracerig_reports::html::{self, Content};
use tracerig_reports::{Document, Error, Ladder, Record, export, hdr, ladder, render};

pub(super) fn run(input: &[u8]) {
    let path = Path::new("record.json");
    let document = match Document::parse(path, input) {
        // Behind the checksum is what a foreign program may write with a right one.
        Err(Error::Edited { expected, actual, .. }) => {
            Document::parse(path, &sealed(input, &expected, &actual))
        }
        read => read,
    };
    match document {
        Ok(Document::Record(record)) => of_record(&record),
        Ok(Document::Comparisons(read)) => of_comparisons(&read),
        Err(error) => {
            drop(error.to_string());
            of_history(input);
        }
    }
}

/// The document with the checksum that it should have.
fn sealed(input: &[u8], found: &str, due: &str) -> Vec<u8> {
    let Some(at) = memchr::memmem::find(input, found.as_bytes()) else { return input.to_vec() };
    [&input[..at], due.as_bytes(), &input[at + found.len()..]].concat()
}

/// What was read is written, read and written again: both texts are the same. Figures are rounded
/// in writing, so the values need not be.
fn written(text: &str, again: impl FnOnce(&[u8]) -> Result<String, Error>) {
    match again(text.as_bytes()) {
        Ok(second) => {
            let different = text.lines().zip(second.lines()).find(|(one, other)| one != other);
            assert!(text == second, "written, read and written again: {different:?}");
        }
        Err(error) => panic!("it was written and cannot be read: {error}"),
    }
}

fn of_record(record: &Record) {
    let json = |record: &Record| record.to_json().expect("a record that was read can be written");
    written(&json(record), |text| Ok(json(&Record::parse(Path::new("again.json"), text)?)));
    let _ = (
        render::terminal(record),
        render::details(record),
        render::markdown(record),
        render::json(record),
        hdr::log(record),
    );
    let records = std::slice::from_ref(record);
    let _ = (export::bencher(records), export::smaller_is_better(records));
    let _ = html::page(&Content { records, ..Content::default() });
    // Several of one run are a ladder.
    let mut larger = record.clone();
    larger.dataset.scale *= 2.0;
    let both = [record.clone(), larger];
    let steps = Ladder::of(&both);
    let _ = (ladder::table(&steps), ladder::markdown(&steps, "p.svg"), ladder::svg(&steps));
    let _ = html::page(&Content { records: &both, ..Content::default() });
}

fn of_history(input: &[u8]) {
    let path = Path::new("entry.json");
    let parse = |bytes: &[u8]| {
        let mut files = Files::default();
        files.add(path, bytes).map(|()| files)
    };
    let files = match parse(input) {
        Err(Error::Edited { expected, actual, .. }) => parse(&sealed(input, &expected, &actual)),
        read => read,
    };
    let files = match files {
        Ok(files) => files,
        Err(error) => return drop(error.to_string()),
    };
    let json = |files: &Files| {
        let entries = files.entries.iter().map(history::Entry::to_json);
        let all = entries.chain(files.blessings.iter().map(history::Blessing::to_json));
        all.collect::<Result<String, _>>().expect("what was read can be written")
    };
    written(&json(&files), |text| Ok(json(&parse(text)?)));
    let judged = Judged::of(&files, Rules::default());
    let _ = (history::terminal(&judged), history::details(&judged), history::json(&judged));
    let _ = (html::history(&judged), files.series());
}

fn of_comparisons(read: &Comparisons) {
    let json =
        |read: &Comparisons| read.to_json().expect("a comparison that was read can be written");
    written(&json(read), |text| match Document::parse(Path::new("again.json"), text)? {
        Document::Comparisons(again) => Ok(json(&again)),
        Document::Record(_) => panic!("a comparison was written, and a record was read"),
    });
    let _ = read.cut_short();
    for run in &read.runs {
        let _ = (comparison::details(&run.comparison), comparison::markdown(&run.comparison));
    }
    let comparisons = std::slice::from_ref(read);
    let _ = html::page(&Content { comparisons, ..Content::default() });
}
