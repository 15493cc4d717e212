//! What became of a request: pure functions from what a process left behind to a named outcome.

use crate::usage::UsageDeclared;
use crate::{Answer, Ask, Claims, Difference, Fault, PREFIX, Refusal, Reply, Request, VERSION};

/// How many characters of a line a message quotes.
const QUOTED: usize = 200;

/// How the process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It was ended at its time limit.
    TimedOut,
    /// It exited, and a process that it had started held its output.
    Held,
    /// It was ended because it wrote too much; the words say where.
    TooMuchOutput(&'static str),
    /// It could not be started; the words say why.
    NotStarted(String),
    /// It goes on: it serves.
    Serving,
}

/// What a process left behind.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// Its standard output, as far as it was read.
    pub stdout: &'a [u8],
    /// The beginning of its standard error.
    pub stderr: &'a str,
    /// How it ended.
    pub end: End,
    /// A process that it started and that outlives it, in words.
    pub left: Option<String>,
    /// A file outside its folders that it changed.
    pub wrote: Option<String>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was answered. Whether rightly, [`Outcome::against`] tells.
    Answered(Answer, Claims),
    /// It was refused with a typed error.
    Refused(Refusal),
    /// The candidate misbehaved.
    Faulty(Finding),
}

/// How a candidate misbehaved.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The name of the row.
    pub fault: Fault,
    /// What happened.
    pub detail: String,
    /// The answer, if there was one all the same.
    pub answer: Option<Answer>,
}

/// What an answer is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The right answer.
    pub right: &'a Answer,
    /// Right answers of earlier states.
    pub earlier: &'a [Answer],
    /// What the candidate answered before about the same bytes.
    pub again: Option<&'a Answer>,
    /// What the candidate's usage can be split by.
    pub declared: Option<&'a UsageDeclared>,
}

fn faulty(fault: Fault, detail: impl Into<String>) -> Outcome {
    Outcome::Faulty(Finding { fault, detail: detail.into(), answer: None })
}

impl Outcome {
    /// Holds an answer against the right one. Everything else is left as it is, but an answer that
    /// came with another fault is looked at first: a wrong answer is worse than a wrong exit code.
    #[must_use]
    pub fn against(self, expected: &Expected<'_>) -> Self {
        let answer = match &self {
            Self::Answered(answer, _) => answer,
            Self::Faulty(Finding { answer: Some(answer), .. }) => answer,
            _ => return self,
        };
        let Expected { right, earlier, again, declared } = *expected;
        let difference = Difference::of(answer, right, declared);
        let is = |other: &Answer| Difference::of(answer, other, declared).is_empty();
        let since = |before: &Answer| Difference::since(answer, before, declared);
        let changed = again.filter(|before| !since(before).is_empty());
        let fault = match (difference.is_empty(), changed) {
            (_, Some(_)) => Fault::Nondeterministic,
            (true, None) => return self,
            (false, None) if earlier.iter().any(is) => Fault::Stale,
            (false, None) => Fault::Wrong,
        };
        let detail = match changed {
            Some(before) => format!("the second launch differs: {}", since(before)),
            None => difference.to_string(),
        };
        Self::Faulty(Finding { fault, detail, answer: Some(answer.clone()) })
    }

    /// The fault, if there is one.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Faulty(finding) => Some(finding.fault),
            _ => None,
        }
    }

    /// The answer, if there is one, whatever else is wrong.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answered(answer, _) | Self::Faulty(Finding { answer: Some(answer), .. }) => {
                Some(answer)
            }
            _ => None,
        }
    }
}

/// A text from elsewhere as a message quotes it.
fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\n');
    let beginning: String = text.chars().take(QUOTED).collect();
    let more = if beginning.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", beginning.escape_debug())
}

/// What a process wrote.
#[derive(Default)]
struct Read {
    reply: Option<Reply>,
    /// The first line that is not part of the protocol.
    noise: Option<String>,
    /// The first line after the reply.
    trailing: Option<String>,
    wrong_id: Option<String>,
    /// A last line without a newline.
    cut: Option<String>,
}

impl Read {
    fn new(request: &Request, stdout: &[u8]) -> Self {
        let mut read = Self::default();
        for line in stdout.split_inclusive(|byte| *byte == b'\n') {
            read.line(request, line);
        }
        read
    }

    fn line(&mut self, request: &Request, line: &[u8]) {
        if self.reply.is_some() {
            self.trailing.get_or_insert_with(|| quoted(line));
        } else if !line.ends_with(b"\n") {
            self.cut = Some(quoted(line));
        } else if !line.starts_with(PREFIX.as_bytes()) {
            self.noise.get_or_insert_with(|| quoted(line));
        } else {
            match serde_json::from_slice::<Reply>(line) {
                Err(error) => {
                    self.noise
                        .get_or_insert_with(|| format!("{}: not a reply: {error}", quoted(line)));
                }
                Ok(reply) if reply.id != request.id => {
                    let told = format!("it answers request `{}`, not `{}`", reply.id, request.id);
                    self.wrong_id.get_or_insert(told);
                }
                Ok(reply) if reply.tracerig != VERSION => {
                    let told =
                        format!("{}: a reply in protocol version {}", quoted(line), reply.tracerig);
                    self.noise.get_or_insert(told);
                }
                Ok(reply) if reply.result.is_none() && reply.error.is_none() => {
                    let told = format!("{}: a reply with neither result nor error", quoted(line));
                    self.noise.get_or_insert(told);
                }
                Ok(reply) => self.reply = Some(reply),
            }
        }
    }
}

/// Judges one launch: `seen` is what the process left behind that was started for `request`.
#[must_use]
pub fn judge(request: &Request, seen: &Seen<'_>) -> Outcome {
    let read = Read::new(request, seen.stdout);
    match &seen.end {
        End::NotStarted(why) => {
            let is_hello = matches!(request.ask, Ask::Hello { .. });
            let fault = if is_hello { Fault::NoHello } else { Fault::Crashed };
            return faulty(fault, format!("it could not be started: {why}"));
        }
        End::TooMuchOutput(told) => return faulty(Fault::TooMuchOutput, *told),
        End::TimedOut => {
            let told = format!("it did not end within {} ms and was ended", request.limit_ms);
            return faulty(Fault::TimedOut, told);
        }
        End::Code(_) | End::Signal(_) | End::Held | End::Serving => {}
    }
    let Some(reply) = read.reply else { return unanswered(request, seen, read) };
    let Reply { result, error, claims, .. } = reply;
    let outcome = match (result, error) {
        (_, Some(refusal)) => Outcome::Refused(refusal),
        (Some(result), None) => match Answer::read(&request.ask, result) {
            Ok(Answer::Hello(hello)) => said_hello(hello, claims),
            Ok(answer) => Outcome::Answered(answer, claims),
            Err(error) if matches!(request.ask, Ask::Hello { .. }) => {
                faulty(Fault::NoHello, format!("its hello cannot be read: {error}"))
            }
            Err(error) => faulty(Fault::Wrong, format!("its result cannot be read: {error}")),
        },
        (None, None) => unreachable_reply(),
    };
    let beside = if let Some(told) = &seen.wrote {
        Some((Fault::WroteOutside, told.clone()))
    } else if let Some(told) = &seen.left {
        Some((Fault::LeftAProcess, told.clone()))
    } else if seen.end == End::Held {
        let told = "it exited, but a process that it had started held its output";
        Some((Fault::LeftAProcess, told.to_owned()))
    } else if let Some(line) = read.trailing {
        Some((Fault::Trailing, format!("after its result it wrote {line}")))
    } else if let Some(told) = bad_exit(&seen.end) {
        Some((Fault::RightAnswerBadExit, format!("it answered, and then ended with {told}")))
    } else {
        read.noise.map(|line| (Fault::Noise, format!("a line that is no reply: {line}")))
    };
    match (beside, outcome) {
        (None, outcome) | (Some(_), outcome @ Outcome::Faulty(_)) => outcome,
        (Some((fault, detail)), outcome) => {
            Outcome::Faulty(Finding { fault, detail, answer: outcome.answer().cloned() })
        }
    }
}

/// Judges one line of a process that serves. An empty line means that it ended.
#[must_use]
pub fn judge_line(request: &Request, line: &[u8], end: End, stderr: &str) -> Outcome {
    judge(request, &Seen { stdout: line, stderr, end, left: None, wrote: None })
}

/// A reply has a result or an error: those without were read as noise.
fn unreachable_reply() -> Outcome {
    faulty(Fault::Noise, "a reply with neither result nor error")
}

fn bad_exit(end: &End) -> Option<String> {
    match end {
        End::Code(code) if *code != 0 => Some(format!("exit code {code}")),
        End::Signal(signal) => Some(format!("signal {signal}")),
        _ => None,
    }
}

/// Names what became of a request without a reply.
fn unanswered(request: &Request, seen: &Seen<'_>, read: Read) -> Outcome {
    let said = if seen.stderr.is_empty() { String::new() } else { format!(": {}", seen.stderr) };
    let (fault, detail) = if let Some(told) = read.wrong_id {
        (Fault::WrongId, told)
    } else if let Some(exit) = bad_exit(&seen.end) {
        (Fault::Crashed, format!("{exit}{said}"))
    } else if seen.end == End::Held {
        (
            Fault::LeftAProcess,
            "it exited without an answer, and a process held its output".to_owned(),
        )
    } else if let Some(line) = read.cut {
        (Fault::CutLine, format!("its last line has no newline: {line}"))
    } else if let Some(line) = read.noise {
        (Fault::Noise, format!("a line that is no reply: {line}"))
    } else {
        (Fault::Crashed, format!("it ended without an answer{said}"))
    };
    match (&request.ask, fault) {
        (Ask::Hello { .. }, Fault::Crashed | Fault::CutLine | Fault::Noise) => {
            faulty(Fault::NoHello, detail)
        }
        _ => faulty(fault, detail),
    }
}

/// Whether a hello says what it must.
fn said_hello(hello: crate::Hello, claims: Claims) -> Outcome {
    if hello.name.trim().is_empty() {
        return faulty(Fault::NoHello, "its hello has no name");
    }
    if !hello.version.bytes().any(|byte| byte.is_ascii_digit()) {
        let told = format!("`{}` is not a version: it has no digit", hello.version);
        return faulty(Fault::NoVersion, told);
    }
    if hello.contracts.is_empty() {
        return faulty(Fault::NoHello, "its hello offers no contract of trace, usage and threads");
    }
    if !hello.versions.is_empty() && !hello.versions.contains(&VERSION) {
        let told = format!("it speaks protocol {:?}, and the harness {VERSION}", hello.versions);
        return faulty(Fault::NoHello, told);
    }
    if hello.offers(crate::Contract::Usage) && hello.usage.is_none() {
        let told = "its hello offers `usage` and does not say what it splits by and counts";
        return faulty(Fault::NoHello, told);
    }
    Outcome::Answered(Answer::Hello(hello), claims)
}

#[cfg(test)]
mod tests;
