//! The cases of a check: what is executed, and which rule it tests.

use std::fmt;

use serde::Serialize;
use tracerig_differential::archive;
use tracerig_differential::parse_error::ParseError;
use tracerig_differential::trace::{self, RowKind};
use tracerig_protocol::Contract;

use super::raw::Raw;
use super::threads;

/// A part of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Who it is.
    Hello,
    /// Right answers, each to a first launch.
    Answers,
    /// Right answers after something has changed since the launch before.
    Relaunch,
    /// Requests and data that cannot be answered.
    BadInput,
    /// Launches that are ended.
    CancelKill,
    /// Random histories.
    Random,
}

impl Level {
    /// Every level, in order.
    pub const ALL: [Self; 6] = [
        Self::Hello,
        Self::Answers,
        Self::Relaunch,
        Self::BadInput,
        Self::CancelKill,
        Self::Random,
    ];

    /// Its name, as it begins the names of its cases.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Answers => "answers",
            Self::Relaunch => "relaunch",
            Self::BadInput => "bad-input",
            Self::CancelKill => "cancel-kill",
            Self::Random => "random",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// What a case executes.
#[derive(Clone, Debug)]
pub enum What {
    /// A history of a trace database.
    Trace(trace::Case),
    /// A history of a session archive.
    Archive(archive::Case),
    /// A history of a store of threads.
    Threads(threads::History),
    /// A request that no history makes.
    Raw(Raw),
}

/// A rule, and what shows whether it is kept.
#[derive(Clone, Debug)]
pub struct Case {
    /// `CONTRACT/LEVEL/NAME`.
    pub name: String,
    /// The part of the check that it belongs to.
    pub level: Level,
    /// The rule, in a sentence.
    pub rule: String,
    /// Where it is written.
    pub at: String,
    /// What is executed.
    pub what: What,
}

const TRACE: &str = include_str!("trace.cases");
const USAGE: &str = include_str!("usage.cases");
const THREADS: &str = include_str!("threads.cases");

/// The cases of `contract`, in the order in which they are executed.
///
/// # Errors
/// A case that is part of this program cannot be read, which a test rules out.
pub fn cases(contract: Contract) -> Result<Vec<Case>, ParseError> {
    let mut cases = match contract {
        Contract::Trace => {
            let mut cases = rows()?;
            cases.extend(read(contract, TRACE, |text| text.parse().map(What::Trace))?);
            cases
        }
        Contract::Usage => read(contract, USAGE, |text| text.parse().map(What::Archive))?,
        Contract::Threads => read(contract, THREADS, |text| text.parse().map(What::Threads))?,
    };
    cases.extend(Raw::of(contract).map(|raw| Case {
        name: format!("{contract}/{}/{}", Level::BadInput, raw.name()),
        level: Level::BadInput,
        rule: raw.rule().to_owned(),
        at: "docs/protocol.md, \"Errors\"".to_owned(),
        what: What::Raw(raw),
    }));
    cases.sort_by_key(|case| case.level);
    Ok(cases)
}

/// A row of every kind, alone and after priority was set for its thread and process.
fn rows() -> Result<Vec<Case>, ParseError> {
    let case = |kind: RowKind| {
        let kind = kind.name();
        let text = format!(
            "append {kind} turn=1 thread=0 process=0 model=1 at=10 | turn-session turn=1 thread=0 \
             at=11\n\
             relaunch\n\
             append settings-priority turn=0 thread=0 process=0 at=12\n\
             append {kind} turn=2 thread=0 process=0 model=2 at=13 | turn-session turn=2 thread=0 \
             at=14\n\
             relaunch\n"
        );
        let case: trace::Case = text.parse()?;
        Ok(Case {
            name: format!("{}/{}/row-{kind}", Contract::Trace, Level::Answers),
            level: Level::Answers,
            rule: format!("Read a row of the kind `{kind}` by the rules."),
            at: "docs/trace-rules.md, \"From row to fact\"".to_owned(),
            what: What::Trace(trace::Case { fresh: true, ..case }),
        })
    };
    RowKind::all().map(case).collect()
}

/// Reads cases: `== LEVEL/NAME`, `rule:`, `at:`, then a history.
fn read(
    contract: Contract,
    text: &str,
    history: impl Fn(&str) -> Result<What, ParseError>,
) -> Result<Vec<Case>, ParseError> {
    let mut cases = Vec::new();
    let mut line = 1;
    for (place, block) in text.split("\n== ").enumerate() {
        let begins = line;
        line += block.lines().count() + 1;
        if place == 0 {
            // What comes before the first case is for readers.
            continue;
        }
        let error = |problem: String| ParseError { line: begins, problem };
        let mut lines = block.lines();
        let name = lines.next().unwrap_or_default();
        let level = Level::ALL.into_iter().find(|level| name.starts_with(&format!("{level}/")));
        let level = level.ok_or_else(|| error(format!("`{name}` names no level")))?;
        let mut word = |label: &str| {
            let said = lines.next().and_then(|line| line.strip_prefix(label));
            said.map(|said| said.trim().to_owned())
                .ok_or_else(|| error(format!("`{label}` is missing")))
        };
        let (rule, at) = (word("rule:")?, word("at:")?);
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        let what = history(&text).map_err(|found| error(format!("{name}: {found}")))?;
        cases.push(Case { name: format!("{contract}/{name}"), level, rule, at, what: alone(what) });
    }
    Ok(cases)
}

/// The same with every request in a separate process.
fn alone(what: What) -> What {
    match what {
        What::Trace(case) => What::Trace(trace::Case { fresh: true, ..case }),
        // Candidates read this field so; an oracle is not asked.
        What::Archive(case) => What::Archive(archive::Case { python: true, ..case }),
        what @ (What::Threads(_) | What::Raw(_)) => what,
    }
}

impl Case {
    /// The history as text, for messages and files; nothing for a request that no history makes.
    #[must_use]
    pub fn history(&self) -> String {
        match &self.what {
            What::Trace(case) => trace::Case { fresh: false, ..case.clone() }.to_string(),
            What::Archive(case) => archive::Case { python: false, ..case.clone() }.to_string(),
            What::Threads(history) => history.to_string(),
            What::Raw(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_can_be_read_and_has_a_name_of_its_own() {
        for (contract, least) in
            [(Contract::Trace, 90), (Contract::Usage, 35), (Contract::Threads, 15)]
        {
            let cases = cases(contract).unwrap();
            let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
            assert!(
                names.len() == cases.len() && names.len() >= least,
                "{contract}: {}",
                names.len()
            );
            for level in [Level::Answers, Level::Relaunch, Level::BadInput] {
                assert!(cases.iter().any(|case| case.level == level), "{contract} {level}");
            }
        }
    }
}
