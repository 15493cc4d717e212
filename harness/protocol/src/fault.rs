//! The sixteen ways in which a candidate can misbehave. Each one is a row of a result.

use std::fmt;

/// How a candidate misbehaved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// It did not answer `hello` with what a hello must say.
    NoHello,
    /// Its hello names no version, or a branch.
    NoVersion,
    /// It failed every request.
    NotRunning,
    /// A signal or an exit code ended it, or it ended without an answer.
    Crashed,
    /// It was ended at its time limit.
    TimedOut,
    /// Its last line has no newline.
    CutLine,
    /// It wrote a line that is no reply.
    Noise,
    /// It answered another request.
    WrongId,
    /// It wrote something after its result.
    Trailing,
    /// It wrote more than is read.
    TooMuchOutput,
    /// It answered, and then exited with another code than 0.
    RightAnswerBadExit,
    /// A process that it started outlives it or holds its output.
    LeftAProcess,
    /// It changed the database or the home.
    WroteOutside,
    /// Its answer is wrong.
    Wrong,
    /// Two launches on the same bytes answered differently.
    Nondeterministic,
    /// It gave the answer of an earlier state.
    Stale,
}

impl Fault {
    /// Every fault, in the order of the specification.
    pub const ALL: [Self; 16] = [
        Self::NoHello,
        Self::NoVersion,
        Self::NotRunning,
        Self::Crashed,
        Self::TimedOut,
        Self::CutLine,
        Self::Noise,
        Self::WrongId,
        Self::Trailing,
        Self::TooMuchOutput,
        Self::RightAnswerBadExit,
        Self::LeftAProcess,
        Self::WroteOutside,
        Self::Wrong,
        Self::Nondeterministic,
        Self::Stale,
    ];

    /// Its name in results, reports and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoHello => "no-hello",
            Self::NoVersion => "no-version",
            Self::NotRunning => "not-running",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed-out",
            Self::CutLine => "cut-line",
            Self::Noise => "noise",
            Self::WrongId => "wrong-id",
            Self::Trailing => "trailing",
            Self::TooMuchOutput => "too-much-output",
            Self::RightAnswerBadExit => "right-answer-bad-exit",
            Self::LeftAProcess => "left-a-process",
            Self::WroteOutside => "wrote-outside",
            Self::Wrong => "wrong",
            Self::Nondeterministic => "nondeterministic",
            Self::Stale => "stale",
        }
    }

    /// The rule that it breaks, in a sentence.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::NoHello => "Answer `hello` with your name, version, contracts and capabilities.",
            Self::NoVersion => "Name a version that has a digit in it; a branch is not a version.",
            Self::NotRunning => "Answer at least one request.",
            Self::Crashed => {
                "Answer every request with a result or an error, and exit with code 0."
            }
            Self::TimedOut => "Answer within `limit_ms`.",
            Self::CutLine => "End every line with a newline, and flush before you exit.",
            Self::Noise => "Write only replies to standard output; logs go to standard error.",
            Self::WrongId => "Repeat the `id` of the request.",
            Self::Trailing => "Write nothing after the result.",
            Self::TooMuchOutput => {
                "Write at most 64 MiB to standard output and 1 MiB to standard error."
            }
            Self::RightAnswerBadExit => "Exit with code 0 after an answer.",
            Self::LeftAProcess => "End every process that you started before you exit.",
            Self::WroteOutside => "Write to the memo folder, TMPDIR and HOME only.",
            Self::Wrong => "Give the right answer.",
            Self::Nondeterministic => "Give the same answer for the same bytes.",
            Self::Stale => "Answer for the state that is there now, not for an earlier one.",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
