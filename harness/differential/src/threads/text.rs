//! Histories as text: one operation a line, to be read, kept, edited and replayed.
//!
//! ```text
//! # anything after a hash
//! mode async
//! durability fsync
//! patient
//! create 1 facts
//! append 1 user fix | tokens 5 | turn model=1 effort=null cwd
//! together 1 user fix / user look | touch
//! flush 1, meanwhile tokens 5 / tokens 6
//! update 1 title=2 branch=null archived=yes
//! open mode=sync durability=buffered
//! clock +50
//! foreign 1 unended
//! home 1 archived
//! untyped
//! fails write 2
//! refuse 1 2
//! dies at torn 20
//! power at 3
//! kill rows
//! list updated archived limit=2
//! ```

use std::fmt;
use std::str::FromStr;

use tracerig_store::threads::{Durability, Mode, Order, Point};

use super::item::{ItemSpec, nullable, nullable_text};
use super::op::{Case, Death, DiskCall, Foreign, Home, Op, Update};
use crate::parse_error::ParseError;

const DURABILITIES: [(&str, Durability); 2] =
    [("buffered", Durability::Buffered), ("fsync", Durability::Fsync)];
const FOREIGN: [(&str, Foreign); 4] = [
    ("record", Foreign::Record),
    ("rubbish", Foreign::Rubbish),
    ("unended", Foreign::Unended),
    ("torn", Foreign::Torn),
];
const HOMES: [(&str, Home); 6] = [
    ("archived", Home::Archived),
    ("compressed", Home::Compressed),
    ("restored", Home::Restored),
    ("beside", Home::Beside),
    ("named", Home::Named),
    ("segments", Home::Segments),
];
const ORDERS: [(&str, Order); 3] =
    [("created", Order::Created), ("updated", Order::Updated), ("recency", Order::Recency)];
const CALLS: [(&str, DiskCall); 2] = [("write", DiskCall::Write), ("sync", DiskCall::Sync)];

fn named<T: Copy>(names: &[(&str, T)], name: &str) -> Option<T> {
    names.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name)
}

impl FromStr for Case {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut case = Self::default();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            let error = |problem| ParseError { line, problem };
            if let Some(name) = text.strip_prefix("mode ") {
                case.mode = name.parse().map_err(|_| error(format!("`{name}` is no mode")))?;
            } else if let Some(name) = text.strip_prefix("durability ") {
                case.durability = named(&DURABILITIES, name)
                    .ok_or_else(|| error(format!("`{name}` is no durability")))?;
            } else if text == "patient" {
                case.patient = true;
            } else if !text.is_empty() {
                case.ops.push(text.parse().map_err(error)?);
            }
        }
        Ok(case)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "mode {}", self.mode)?;
        if self.durability != Durability::Buffered {
            writeln!(formatter, "durability {}", name_of(&DURABILITIES, &self.durability))?;
        }
        if self.patient {
            writeln!(formatter, "patient")?;
        }
        self.ops.iter().try_for_each(|op| writeln!(formatter, "{op}"))
    }
}

/// Items between bars.
fn items(text: &str) -> Result<Vec<ItemSpec>, String> {
    if text.trim().is_empty() { Ok(Vec::new()) } else { text.split('|').map(str::parse).collect() }
}

/// Appends between slashes.
fn batches(text: &str) -> Result<Vec<Vec<ItemSpec>>, String> {
    if text.trim().is_empty() { Ok(Vec::new()) } else { text.split('/').map(items).collect() }
}

fn joined<T: fmt::Display>(parts: &[T], between: &str) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

fn batches_text(batches: &[Vec<ItemSpec>]) -> String {
    joined(&batches.iter().map(|items| joined(items, " | ")).collect::<Vec<_>>(), " / ")
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("`{}` is not a number in range", text.trim()))
}

/// A thread's number, and what follows it.
fn thread(rest: &str) -> Result<(u8, &str), String> {
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    Ok((number(&rest[..end])?, rest[end..].trim()))
}

impl FromStr for Op {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let wrong = || format!("`{text}` is no operation");
        let words: Vec<&str> = rest.split_whitespace().collect();
        let value = |name: &str| words.iter().find_map(|word| word.strip_prefix(name));
        let alone = |op: Self| if words.is_empty() { Ok(op) } else { Err(wrong()) };
        let only_thread = |op: fn(u8) -> Self| match thread(rest)? {
            (thread, "") => Ok(op(thread)),
            _ => Err(wrong()),
        };
        match verb {
            "create" => match thread(rest)? {
                (thread, "") => Ok(Self::Create(thread, false)),
                (thread, "facts") => Ok(Self::Create(thread, true)),
                _ => Err(wrong()),
            },
            "append" | "append-and-flush" => {
                let (thread, rest) = thread(rest)?;
                let op = if verb == "append" { Self::Append } else { Self::AppendAndFlush };
                Ok(op(thread, items(rest)?))
            }
            "together" => {
                thread(rest).and_then(|(thread, rest)| Ok(Self::Together(thread, batches(rest)?)))
            }
            "flush" => {
                let (thread, rest) = thread(rest)?;
                let meanwhile = match rest.strip_prefix(", meanwhile ") {
                    Some(rest) => batches(rest)?,
                    None if rest.is_empty() => Vec::new(),
                    None => return Err(wrong()),
                };
                Ok(Self::Flush(thread, meanwhile))
            }
            "persist" => only_thread(Self::Persist),
            "shutdown" => only_thread(Self::Shutdown),
            "discard" => only_thread(Self::Discard),
            "resume" => only_thread(Self::Resume),
            "row-lost" => only_thread(Self::RowLost),
            "update" => {
                let field = |name: &str| match value(name) {
                    Some(value) => nullable(value).map(Some).ok_or_else(wrong),
                    None => Ok(None),
                };
                let archived = match value("archived=") {
                    Some("yes") => Some(true),
                    Some("no") => Some(false),
                    Some(_) => return Err(wrong()),
                    None => None,
                };
                let update = Update {
                    title: field("title=")?,
                    branch: field("branch=")?,
                    memory: field("memory=")?,
                    archived,
                };
                Ok(Self::Update(thread(rest)?.0, update))
            }
            "open" => {
                let mode = value("mode=").and_then(|name| name.parse::<Mode>().ok());
                let durability = value("durability=").and_then(|name| named(&DURABILITIES, name));
                mode.zip(durability)
                    .map(|(mode, durability)| Self::Open(mode, durability))
                    .ok_or_else(wrong)
            }
            "clock" => number(rest).map(Self::Clock),
            "idle" => alone(Self::Idle),
            "hold" => alone(Self::Hold),
            "step" => alone(Self::Step),
            "release" => alone(Self::Release),
            "foreign" => {
                let (thread, rest) = thread(rest)?;
                named(&FOREIGN, rest)
                    .map(|foreign| Self::Foreign(thread, foreign))
                    .ok_or_else(wrong)
            }
            "home" => {
                let (thread, rest) = thread(rest)?;
                named(&HOMES, rest).map(|how| Self::Home(thread, how)).ok_or_else(wrong)
            }
            "untyped" => alone(Self::Untyped),
            "fails" => match *words.as_slice() {
                [call, times] => {
                    Ok(Self::DiskFails(named(&CALLS, call).ok_or_else(wrong)?, number(times)?))
                }
                _ => Err(wrong()),
            },
            "refuse" => {
                let (thread, rest) = thread(rest)?;
                Ok(Self::Refuse(thread, number(rest)?))
            }
            "busy" => number(rest).map(Self::Busy),
            "kill" => match rest {
                "" => Ok(Self::Kill(false)),
                "rows" => Ok(Self::Kill(true)),
                _ => Err(wrong()),
            },
            "dies" => match *words.as_slice() {
                ["at", "torn", bytes] => Ok(Self::Dies(Death::Torn(number(bytes)?))),
                ["at", name] => Point::ALL
                    .into_iter()
                    .find(|point| point.name() == name)
                    .map(|point| Self::Dies(Death::At(point)))
                    .ok_or_else(|| format!("`{name}` is no point of an append")),
                _ => Err(wrong()),
            },
            "power" => number(rest.strip_prefix("at ").ok_or_else(wrong)?).map(Self::Power),
            "rebuild" => alone(Self::Rebuild { stale_only: false }),
            "repair" => alone(Self::Rebuild { stale_only: true }),
            "list" => {
                let order =
                    words.first().and_then(|name| named(&ORDERS, name)).ok_or_else(wrong)?;
                let limit = number(value("limit=").ok_or_else(wrong)?)?;
                Ok(Self::List { order, archived: words.contains(&"archived"), limit })
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(thread, facts) => {
                write!(formatter, "create {thread}{}", if *facts { " facts" } else { "" })
            }
            Self::Append(thread, items) => {
                write!(
                    formatter,
                    "{}",
                    format!("append {thread} {}", joined(items, " | ")).trim_end()
                )
            }
            Self::AppendAndFlush(thread, items) => {
                write!(
                    formatter,
                    "{}",
                    format!("append-and-flush {thread} {}", joined(items, " | ")).trim_end()
                )
            }
            Self::Together(thread, batches) => {
                write!(formatter, "together {thread} {}", batches_text(batches))
            }
            Self::Flush(thread, meanwhile) if meanwhile.is_empty() => {
                write!(formatter, "flush {thread}")
            }
            Self::Flush(thread, meanwhile) => {
                write!(formatter, "flush {thread}, meanwhile {}", batches_text(meanwhile))
            }
            Self::Persist(thread) => write!(formatter, "persist {thread}"),
            Self::Update(thread, update) => {
                write!(formatter, "update {thread}")?;
                for (name, value) in
                    [("title", update.title), ("branch", update.branch), ("memory", update.memory)]
                {
                    if let Some(value) = value {
                        write!(formatter, " {name}={}", nullable_text(value))?;
                    }
                }
                match update.archived {
                    None => Ok(()),
                    Some(archived) => {
                        write!(formatter, " archived={}", if archived { "yes" } else { "no" })
                    }
                }
            }
            Self::Shutdown(thread) => write!(formatter, "shutdown {thread}"),
            Self::Discard(thread) => write!(formatter, "discard {thread}"),
            Self::Resume(thread) => write!(formatter, "resume {thread}"),
            Self::Open(mode, durability) => {
                write!(
                    formatter,
                    "open mode={mode} durability={}",
                    name_of(&DURABILITIES, durability)
                )
            }
            Self::Clock(by) => write!(formatter, "clock {by:+}"),
            Self::Idle => formatter.write_str("idle"),
            Self::Foreign(thread, foreign) => {
                write!(formatter, "foreign {thread} {}", name_of(&FOREIGN, foreign))
            }
            Self::Home(thread, how) => write!(formatter, "home {thread} {}", name_of(&HOMES, how)),
            Self::Untyped => formatter.write_str("untyped"),
            Self::DiskFails(call, times) => {
                write!(formatter, "fails {} {times}", name_of(&CALLS, call))
            }
            Self::Refuse(thread, times) => write!(formatter, "refuse {thread} {times}"),
            Self::Busy(times) => write!(formatter, "busy {times}"),
            Self::RowLost(thread) => write!(formatter, "row-lost {thread}"),
            Self::Hold => formatter.write_str("hold"),
            Self::Step => formatter.write_str("step"),
            Self::Release => formatter.write_str("release"),
            Self::Kill(rows) => formatter.write_str(if *rows { "kill rows" } else { "kill" }),
            Self::Dies(Death::At(point)) => write!(formatter, "dies at {}", point.name()),
            Self::Dies(Death::Torn(bytes)) => write!(formatter, "dies at torn {bytes}"),
            Self::Power(sync) => write!(formatter, "power at {sync}"),
            Self::Rebuild { stale_only } => {
                formatter.write_str(if *stale_only { "repair" } else { "rebuild" })
            }
            Self::List { order, archived, limit } => {
                let archived = if *archived { " archived" } else { "" };
                write!(formatter, "list {}{archived} limit={limit}", name_of(&ORDERS, order))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::threads::generate;

    #[test]
    fn what_is_printed_is_read_back() {
        for seed in 0..300 {
            let case = generate(&mut ChaCha8Rng::seed_from_u64(seed), 60);
            let read = case.to_string().parse::<Case>().unwrap();
            assert!(read == case, "{case}\nread back as\n{read}");
        }
    }

    #[test]
    fn a_line_that_is_no_operation_is_named() {
        let error = "mode sync\n\ncreate 1 # fine\ndies at nowhere\n".parse::<Case>().unwrap_err();
        assert_eq!((error.line, error.problem.as_str()), (4, "`nowhere` is no point of an append"));
        for wrong in [
            "mode fast",
            "append x user fix",
            "append 1 user nothing",
            "flush 1 meanwhile touch",
            "hold 1",
            "clock now",
            "power 3",
            "list updated",
            "create 300",
        ] {
            assert!(wrong.parse::<Case>().is_err(), "{wrong}");
        }
    }
}
