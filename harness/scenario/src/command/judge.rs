//! What became of a launch of a command, by name, and what it did.

use std::collections::BTreeMap;
use std::io;

use tracerig_reports::record::{Counter, CounterClass, Launch, SampleState};

use crate::finished::Finished;
use crate::platform::Exit;

/// The counters of launches that are exact where they repeat, by name.
pub const EXACT: [&str; 4] = ["rchar", "syscr", "wchar", "syscw"];

/// Bytes of a line that a message quotes.
const QUOTED: usize = 60;

/// What the first launches of the first candidate told.
#[derive(Debug)]
pub(super) struct Known {
    /// Its command: another one is the new one of a comparison.
    pub(super) argv: Vec<String>,
    /// What it wrote on standard output.
    pub(super) output: Vec<u8>,
    /// The amounts of its counters, by name; `None` once they differed.
    amounts: BTreeMap<&'static str, Option<u64>>,
}

impl Known {
    /// What this launch tells.
    pub(super) fn of(argv: Vec<String>, finished: Finished) -> Self {
        Self { argv, amounts: amounts(&finished).into(), output: finished.stdout }
    }

    /// Adds a launch of the same candidate: a counter that differs is not exact from now on.
    pub(super) fn add(&mut self, finished: &Finished) {
        for (name, amount) in amounts(finished) {
            let known = self.amounts.entry(name).or_default();
            *known = known.filter(|known| Some(*known) == amount);
        }
    }

    /// The class of a counter.
    fn class(&self, name: &str) -> CounterClass {
        match self.amounts.get(name) {
            Some(Some(_)) => CounterClass::Exact,
            _ => CounterClass::Advisory,
        }
    }
}

fn amounts(finished: &Finished) -> [(&'static str, Option<u64>); 4] {
    let io = finished.ended.io;
    [
        ("rchar", io.map(|io| io.rchar)),
        ("syscr", io.map(|io| io.syscr)),
        ("wchar", io.map(|io| io.wchar)),
        ("syscw", io.map(|io| io.syscw)),
    ]
}

/// The launch as records hold it.
pub(super) fn describe(finished: &Finished, known: Option<&Known>, digest: String) -> Launch {
    let mut launch = finished.launch();
    for (name, value) in amounts(finished) {
        let class = known.map_or(CounterClass::Advisory, |known| known.class(name));
        launch.counters.insert(name.to_owned(), Counter { value, class });
    }
    let written = finished.ended.io.map(|io| io.device_write);
    launch.counters.insert("device_write_bytes".to_owned(), Counter::advisory(written));
    launch.answer_digest = Some(digest);
    launch
}

/// Why this launch gave no answer, by the name of its fault; `None` if it ended well. `left` is
/// what it left running; `is_right`, whether its output was right anyway.
pub(super) fn fault(
    finished: &Finished,
    left: Option<String>,
    is_right: bool,
) -> Option<SampleState> {
    let said = if finished.stderr.is_empty() { "it said nothing" } else { &finished.stderr };
    let name = if is_right { "right-answer-bad-exit" } else { "crashed" };
    let error = match (finished.cut, finished.ended.exit, left) {
        (Some(cut), ..) => cut.to_string(),
        (None, Exit::Code(0), None) => return None,
        (None, Exit::Code(0), Some(left)) => {
            format!("left-a-process: it ended, and {left} went on")
        }
        (None, Exit::Code(code), _) => format!("{name}: exit code {code}: {said}"),
        (None, Exit::Signal(signal), _) => format!("crashed: ended by signal {signal}: {said}"),
    };
    Some(SampleState::Failed { error })
}

/// Why a command was not launched, by the name of its fault.
pub(super) fn not_running(argv: &[String], error: &io::Error) -> String {
    let program = argv.first().map_or("", String::as_str);
    format!("not-running: {program}: {error}; give a program in PATH, or the path of one")
}

/// The first difference of an output from the right one, by the name of its fault.
pub(super) fn wrong(known: &Known, argv: &[String], found: &[u8]) -> Option<SampleState> {
    if known.output == found {
        return None;
    }
    let name = if known.argv == argv { "nondeterministic" } else { "wrong" };
    let detail = format!("{name}: {}", difference(&known.output, found));
    Some(SampleState::Mismatch { detail })
}

/// The first line in which two outputs differ.
fn difference(right: &[u8], found: &[u8]) -> String {
    let lines =
        |output: &[u8]| output.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (right, found) = (lines(right), lines(found));
    let at = right.iter().zip(&found).position(|(right, found)| right != found);
    let at = at.unwrap_or(right.len().min(found.len()));
    let quoted = |lines: &[Vec<u8>]| match lines.get(at) {
        Some(line) => {
            let text = String::from_utf8_lossy(line);
            let short: String = text.chars().take(QUOTED).collect();
            if short.len() < text.len() { format!("`{short}...`") } else { format!("`{short}`") }
        }
        None => "nothing".to_owned(),
    };
    format!(
        "line {} of standard output is {} instead of {}",
        at + 1,
        quoted(&found),
        quoted(&right)
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::platform::{Ended, Io};
    use crate::watch::Cut;

    fn ended(exit: Exit, rchar: u64) -> Finished {
        let io = Io { rchar, syscr: 1, device_read: 0, wchar: 2, syscw: 1, device_write: 0 };
        Finished {
            wall: Duration::from_millis(1),
            stdout: b"a\nb\n".to_vec(),
            stderr: "why".to_owned(),
            ended: Ended {
                at: Instant::now(),
                exit,
                user: None,
                system: None,
                major_faults: None,
                io: Some(io),
            },
            cut: None,
        }
    }

    fn argv(word: &str) -> Vec<String> {
        vec![word.to_owned()]
    }

    #[test]
    fn a_launch_that_did_not_end_well_is_named() {
        let well = ended(Exit::Code(0), 1);
        assert_eq!(fault(&well, None, true), None);
        let cut = |cut| Finished { cut: Some(cut), ..ended(Exit::Signal(9), 1) };
        let left = Some("sleep (process 7)".to_owned());
        for (state, name) in [
            (fault(&ended(Exit::Code(7), 1), None, false), "crashed: exit code 7: why"),
            (fault(&ended(Exit::Code(7), 1), None, true), "right-answer-bad-exit: exit code 7"),
            (fault(&ended(Exit::Signal(11), 1), None, true), "crashed: ended by signal 11"),
            (fault(&cut(Cut::TimedOut), None, false), "timed-out: "),
            (fault(&cut(Cut::Held), None, true), "left-a-process: "),
            (fault(&cut(Cut::TooMuchOutput), None, false), "too-much-output: "),
            (fault(&well, left, true), "left-a-process: it ended, and sleep (process 7) went on"),
        ] {
            let Some(SampleState::Failed { error }) = state else { panic!("{name}") };
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn another_output_is_told_by_its_first_line_and_by_whose_it_is() {
        let known = Known::of(argv("wc"), ended(Exit::Code(0), 1));
        assert_eq!(wrong(&known, &argv("wc"), b"a\nb\n"), None);
        for (found, by, detail) in [
            (
                &b"a\nc\n"[..],
                "wc",
                "nondeterministic: line 2 of standard output is `c` instead of `b`",
            ),
            (b"a\nc\n", "other", "wrong: line 2 of standard output is `c` instead of `b`"),
            (b"a\nb", "other", "wrong: line 3 of standard output is nothing instead of ``"),
            (b"", "other", "wrong: line 1 of standard output is `` instead of `a`"),
        ] {
            let state = wrong(&known, &argv(by), found);
            assert_eq!(state, Some(SampleState::Mismatch { detail: detail.to_owned() }));
        }
    }

    #[test]
    fn a_counter_that_differs_once_is_exact_no_more() {
        let mut known = Known::of(argv("wc"), ended(Exit::Code(0), 1));
        known.add(&ended(Exit::Code(0), 1));
        assert_eq!(known.class("rchar"), CounterClass::Exact);
        known.add(&ended(Exit::Code(0), 2));
        known.add(&ended(Exit::Code(0), 1));
        assert_eq!(
            (known.class("rchar"), known.class("syscr")),
            (CounterClass::Advisory, CounterClass::Exact)
        );
        let launch = describe(&ended(Exit::Code(0), 1), Some(&known), String::new());
        assert_eq!(launch.counters["rchar"], Counter::advisory(Some(1)));
        assert_eq!(launch.counters["wchar"], Counter::exact(Some(2)));
    }
}
