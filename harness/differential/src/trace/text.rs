//! Histories as text: one operation a line, to be read, kept, edited and replayed.
//!
//! ```text
//! # anything after a hash
//! identity birth
//! connections 2
//! processes fresh
//! oracle python
//! tries 100
//! database link
//! profile hostile
//! append request turn=1 thread=2 process=0 model=3 at=10 | noise turn=0 at=11 long
//! retention rows=9 bytes=4000
//! delete every 3 from 1
//! replace by=unlink with=saved
//! artifact flip payload
//! window since=5 until=90
//! relaunch rescan, at scanned: append noise turn=0 at=12; another scan
//! other-memo
//! again
//! outside change beginning 3
//! refused no-column
//! race scan; kill 40us after persist-locked: rescan; write append noise turn=0 at=12 & delete oldest 2
//! race kill 300us after start: write append noise turn=0 at=12
//! ```

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;

use tracerig_oracle::Window;
use tracerig_scanner::Point;

use super::op::{Act, ArtifactOp, Case, Defect, Event, IdentityKind, Op, Profile, Region, ScanOp};
use super::row::EPOCH;
use crate::limits::{MOST_CONNECTIONS, MOST_TRIES};
use crate::parse_error::ParseError;

/// What has a separate name.
pub(super) type Names<T> = &'static [(&'static str, T)];

const IDENTITIES: Names<IdentityKind> = &[
    ("birth", IdentityKind::Birth),
    ("inode", IdentityKind::Inode),
    ("blind", IdentityKind::Blind),
];
const PROFILES: Names<Profile> =
    &[(Profile::Contract.name(), Profile::Contract), (Profile::Hostile.name(), Profile::Hostile)];
const DEFECTS: Names<Defect> =
    &[("no-file", Defect::NoFile), ("no-table", Defect::NoTable), ("no-column", Defect::NoColumn)];
const ARTIFACT: Names<ArtifactOp> = &[
    ("remove", ArtifactOp::Remove),
    ("save", ArtifactOp::Save),
    ("restore", ArtifactOp::Restore),
    ("truncate", ArtifactOp::Truncate),
    ("clear", ArtifactOp::Clear),
    ("flip magic", ArtifactOp::Flip(Region::Magic)),
    ("flip version", ArtifactOp::Flip(Region::Version)),
    ("flip producer", ArtifactOp::Flip(Region::Producer)),
    ("flip stamp", ArtifactOp::Flip(Region::Stamp)),
    ("flip checksum", ArtifactOp::Flip(Region::Checksum)),
    ("flip payload", ArtifactOp::Flip(Region::Payload)),
    ("link", ArtifactOp::Link),
    ("other-parser", ArtifactOp::OtherParser),
    ("other-version", ArtifactOp::OtherVersion),
    ("other-database", ArtifactOp::OtherDatabase),
];
const PLAIN_ACTS: Names<Act> = &[
    ("another scan", Act::Other { rescan: false }),
    ("another rescan", Act::Other { rescan: true }),
    ("another waits", Act::OtherWaits),
    ("fail", Act::Fail),
    ("cancel", Act::Cancel),
];

/// What says that every relaunch is a separate process.
const FRESH: &str = "processes fresh";

/// What says that the oracle in Python is asked.
const PYTHON: &str = "oracle python";

/// What says that scans name the database by a symbolic link.
const LINK: &str = "database link";

pub(super) fn named<T: Clone>(names: Names<T>, name: &str) -> Option<T> {
    names.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
}

pub(super) fn name_of<T: PartialEq>(names: Names<T>, value: &T) -> &'static str {
    names.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name)
}

impl FromStr for Case {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut case = Self::default();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            let error = |problem| ParseError { line, problem };
            if let Some(name) = text.strip_prefix("identity ") {
                case.identity = named(IDENTITIES, name)
                    .ok_or_else(|| error(format!("`{name}` is no identity")))?;
            } else if let Some(count) = text.strip_prefix("connections ") {
                let wrong =
                    || error(format!("give a number of connections from 1 to {MOST_CONNECTIONS}"));
                let count = count
                    .parse()
                    .ok()
                    .filter(|count: &NonZeroUsize| count.get() <= MOST_CONNECTIONS);
                case.connections = count.ok_or_else(wrong)?;
            } else if let Some(count) = text.strip_prefix("tries ") {
                let wrong = || error(format!("give a number of tries from 1 to {MOST_TRIES}"));
                let count =
                    count.parse().ok().filter(|count: &NonZeroU32| count.get() <= MOST_TRIES);
                case.tries = count.ok_or_else(wrong)?;
            } else if text == FRESH {
                case.fresh = true;
            } else if text == PYTHON {
                case.python = true;
            } else if let Some(name) = text.strip_prefix("profile ") {
                case.profile = named(PROFILES, name)
                    .ok_or_else(|| error(format!("`{name}` is no profile")))?;
            } else if text == LINK {
                case.link = true;
            } else if !text.is_empty() {
                let op: Op = text.parse().map_err(error)?;
                if op.is_outside() && case.profile == Profile::Contract {
                    let problem = "this is outside the contract, and no line `profile hostile` \
                                   stands above it";
                    return Err(error(problem.to_owned()));
                }
                case.ops.push(op);
            }
        }
        Ok(case)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "identity {}", name_of(IDENTITIES, &self.identity))?;
        if self.connections > NonZeroUsize::MIN {
            writeln!(formatter, "connections {}", self.connections)?;
        }
        if self.fresh {
            writeln!(formatter, "{FRESH}")?;
        }
        if self.python {
            writeln!(formatter, "{PYTHON}")?;
        }
        if self.tries > NonZeroU32::MIN {
            writeln!(formatter, "tries {}", self.tries)?;
        }
        if self.link {
            writeln!(formatter, "{LINK}")?;
        }
        if self.profile != Profile::default() {
            writeln!(formatter, "profile {}", self.profile.name())?;
        }
        self.ops.iter().try_for_each(|op| writeln!(formatter, "{op}"))
    }
}

impl FromStr for Op {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match verb.trim_end_matches(',') {
            "artifact" => artifact(rest).map(Self::Artifact),
            "window" => {
                let side = |name: &str| -> Result<Option<i64>, String> {
                    let value = rest.split_whitespace().find_map(|word| word.strip_prefix(name));
                    let at = |value: &str| {
                        let at = EPOCH.checked_add(number(value)?);
                        at.ok_or_else(|| format!("`{value}` is too far from the beginning of time"))
                    };
                    value.map(at).transpose()
                };
                Ok(Self::Window(Window { since: side("since=")?, until: side("until=")? }))
            }
            again @ ("relaunch" | "again") => {
                scan(again == "again", &text[again.len()..]).map(Self::Scan)
            }
            "race" => rest.parse().map(Self::Race),
            "other-memo" if rest.is_empty() => Ok(Self::OtherMemo),
            "refused" => named(DEFECTS, rest)
                .map(Self::Refused)
                .ok_or_else(|| format!("`{rest}` is no defect")),
            _ => text.parse().map(Self::Data),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(op) => op.fmt(formatter),
            Self::Artifact(op) => write!(formatter, "artifact {}", name_of(ARTIFACT, op)),
            Self::Window(window) => {
                formatter.write_str("window")?;
                for (name, value) in [("since", window.since), ("until", window.until)] {
                    if let Some(value) = value {
                        write!(formatter, " {name}={}", value - EPOCH)?;
                    }
                }
                Ok(())
            }
            Self::OtherMemo => formatter.write_str("other-memo"),
            Self::Scan(scan) => {
                formatter.write_str(if scan.again { "again" } else { "relaunch" })?;
                formatter.write_str(if scan.rescan { " rescan" } else { "" })?;
                if let Some(event) = &scan.event {
                    write!(formatter, ", at {}: ", event.at.name())?;
                    separated(formatter, &event.acts, "; ")?;
                }
                Ok(())
            }
            Self::Race(race) => write!(formatter, "race {race}"),
            Self::Refused(defect) => write!(formatter, "refused {}", name_of(DEFECTS, defect)),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(op) => op.fmt(formatter),
            Self::Artifact(op) => write!(formatter, "artifact {}", name_of(ARTIFACT, op)),
            Self::OtherDies(at) => write!(formatter, "another dies at {}", at.name()),
            plain => formatter.write_str(name_of(PLAIN_ACTS, plain)),
        }
    }
}

impl FromStr for Act {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(act) = named(PLAIN_ACTS, text) {
            return Ok(act);
        }
        match (text.strip_prefix("another dies at "), text.strip_prefix("artifact ")) {
            (Some(name), _) => point(name).map(Self::OtherDies),
            (_, Some(rest)) => artifact(rest).map(Self::Artifact),
            _ => text.parse().map(Self::Data),
        }
    }
}

pub(super) fn separated(
    formatter: &mut fmt::Formatter<'_>,
    items: &[impl fmt::Display],
    separator: &str,
) -> fmt::Result {
    for (place, item) in items.iter().enumerate() {
        write!(formatter, "{}{item}", if place == 0 { "" } else { separator })?;
    }
    Ok(())
}

fn scan(again: bool, text: &str) -> Result<ScanOp, String> {
    let (flag, event) =
        text.split_once(',').map_or((text, None), |(flag, event)| (flag, Some(event)));
    let rescan = match flag.trim() {
        "" => false,
        "rescan" => true,
        other => return Err(format!("`{other}` is no way to scan")),
    };
    let event = event.map(|event| {
        let (point, acts) = event.split_once(':').ok_or("an event is `at POINT: what; what`")?;
        let at = self::point(point.trim().strip_prefix("at ").unwrap_or_default())?;
        let acts = acts.split(';').map(|act| act.trim().parse()).collect::<Result<_, _>>()?;
        Ok::<_, String>(Event { at, acts })
    });
    Ok(ScanOp { again, rescan, event: event.transpose()? })
}

fn point(name: &str) -> Result<Point, String> {
    let found = Point::ALL.into_iter().find(|point| point.name() == name);
    found.ok_or_else(|| format!("`{name}` is no point of a scan"))
}

fn artifact(name: &str) -> Result<ArtifactOp, String> {
    named(ARTIFACT, name).ok_or_else(|| format!("`{name}` is nothing that happens to a memo"))
}

pub(super) fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number in range"))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::trace::generate::{generate, generate_processes};

    #[test]
    fn what_is_printed_is_read_back() {
        for seed in 0..300 {
            let profile = Profile::ALL[usize::from(seed % 3 == 0)];
            let case = generate(&mut ChaCha8Rng::seed_from_u64(seed), 40, profile);
            let read = case.to_string().parse::<Case>().unwrap();
            assert!(read == case, "{case}\nread back as\n{read}");
            let case = generate_processes(&mut ChaCha8Rng::seed_from_u64(seed), 40);
            let read = case.to_string().parse::<Case>().unwrap();
            assert!(read == case, "{case}\nread back as\n{read}");
        }
    }

    #[test]
    fn a_line_that_is_no_operation_is_named() {
        let text =
            "identity inode\n\nappend noise turn=1 at=3 # fine\nrelaunch, at nowhere: fail\n";
        let error = text.parse::<Case>().unwrap_err();
        assert_eq!((error.line, error.problem.as_str()), (4, "`nowhere` is no point of a scan"));
        let error = "outside overwrite\nrelaunch\n".parse::<Case>().unwrap_err();
        assert!(error.line == 1 && error.problem.contains("profile hostile"), "{error}");
        for wrong in [
            "delete every 3",
            "retention rows=x bytes=1",
            "append nois",
            "connections 65",
            "tries 10001",
            "connections 0",
            "window since=y",
            "frobnicate",
        ] {
            assert!(wrong.parse::<Case>().is_err(), "{wrong}");
        }
    }
}
