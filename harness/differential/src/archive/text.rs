//! Histories as text: one operation a line, to be read, kept, edited and replayed.
//!
//! ```text
//! # anything after a hash
//! dates coarse
//! threads 3
//! python
//! create 1 day=20
//! create 2 archived bare
//! append 1 turn 1 model 2 | count 15/5 @30 | settings fast
//! tear 1 count 20/5, 40 bytes
//! mend 1
//! cut 1 7
//! truncate 1 2
//! replace 1 count 3/3
//! overwrite 1 count 3/3
//! rewrite 1 back
//! move 1 archived
//! copy 1 2 archived lines=3
//! fork 1 2 day=21 copied
//! segment 1 2 day=21
//! migrate 1
//! compress 1
//! pack 1 2
//! damage 1
//! link 1 3 day=21
//! hard-link 1 3 day=21
//! link-folder 1 outside
//! permit-day 20 no
//! root archived gone
//! memo flip heads
//! clock +25
//! zone 345
//! priority 1,3
//! refresh overtaken
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::line::{LineSpec, name_of, named};
use super::op::{Case, Dates, Fork, MemoOp, Mode, Op, Place, Target};
use crate::parse_error::ParseError;

const DATES: [(&str, Dates); 4] = [
    ("ticks", Dates::Ticks),
    ("coarse", Dates::Coarse),
    ("modified", Dates::Modified),
    ("system", Dates::System),
];

impl FromStr for Case {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut case = Self::default();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            let error = |problem| ParseError { line, problem };
            if let Some(name) = text.strip_prefix("dates ") {
                case.dates = named(&DATES, name)
                    .ok_or_else(|| error(format!("`{name}` is no way to date files")))?;
            } else if let Some(count) = text.strip_prefix("threads ") {
                case.threads = number(count).map_err(error)?;
            } else if text == "python" {
                case.python = true;
            } else if !text.is_empty() {
                case.ops.push(text.parse().map_err(error)?);
            }
        }
        Ok(case)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dates != Dates::Ticks {
            writeln!(formatter, "dates {}", name_of(&DATES, &self.dates))?;
        }
        if self.threads != 1 {
            writeln!(formatter, "threads {}", self.threads)?;
        }
        if self.python {
            writeln!(formatter, "python")?;
        }
        self.ops.iter().try_for_each(|op| writeln!(formatter, "{op}"))
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("`{}` is not a number in range", text.trim()))
}

/// Lines between bars.
fn lines(text: &str) -> Result<Vec<LineSpec>, String> {
    if text.trim().is_empty() { Ok(Vec::new()) } else { text.split('|').map(str::parse).collect() }
}

fn joined(lines: &[LineSpec]) -> String {
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

fn place(text: &str) -> Result<Place, String> {
    match text {
        "archived" => Ok(Place::Archived),
        "outside" => Ok(Place::Outside),
        text => match text.strip_prefix("day=") {
            Some(day) => number(day).map(Place::Day),
            None => Err(format!("`{text}` is no folder of rollouts")),
        },
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(formatter, "day={day}"),
            Self::Archived => formatter.write_str("archived"),
            Self::Outside => formatter.write_str("outside"),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "outside" => Self::Outside,
            "circle" => Self::Circle,
            "nowhere" => Self::Nowhere,
            "itself" => Self::Itself,
            text => match text.strip_prefix("day=") {
                Some(day) => Self::Day(number(day)?),
                None => return Err(format!("`{text}` is no folder to lead to")),
            },
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(formatter, "day={day}"),
            Self::Outside => formatter.write_str("outside"),
            Self::Circle => formatter.write_str("circle"),
            Self::Nowhere => formatter.write_str("nowhere"),
            Self::Itself => formatter.write_str("itself"),
        }
    }
}

fn permitted(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

impl FromStr for Op {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(mode) = named(&Mode::ALL, text) {
            return Ok(Self::Refresh(mode));
        }
        if text == "refresh cancelled" {
            return Ok(Self::Ended(None));
        }
        if let Some(time) = text.strip_prefix("refresh killed ") {
            let wrong = || format!("`{time}` is not a time: write for example 500us");
            let after =
                time.strip_suffix("us").and_then(|micros| micros.parse().ok()).ok_or_else(wrong)?;
            return Ok(Self::Ended(Some(Duration::from_micros(after))));
        }
        let wrong = || format!("`{text}` is no operation");
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        // The first word after the verb, and what follows it.
        let (first, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        let only = |op: fn(u8) -> Self| match *words.as_slice() {
            [file] => number(file).map(op),
            _ => Err(wrong()),
        };
        match verb {
            "create" => match *words.as_slice() {
                [file, folder] => {
                    Ok(Self::Create { file: number(file)?, place: place(folder)?, bare: false })
                }
                [file, folder, "bare"] => {
                    Ok(Self::Create { file: number(file)?, place: place(folder)?, bare: true })
                }
                _ => Err(wrong()),
            },
            "append" => Ok(Self::Append(number(first)?, lines(after)?)),
            "replace" => Ok(Self::Replace(number(first)?, lines(after)?)),
            "overwrite" => Ok(Self::Overwrite(number(first)?, lines(after)?)),
            "tear" => {
                let (line, bytes) = after.rsplit_once(", ").ok_or_else(wrong)?;
                let bytes = number(bytes.strip_suffix(" bytes").ok_or_else(wrong)?)?;
                Ok(Self::Tear(number(first)?, line.parse()?, bytes))
            }
            "mend" => only(Self::Mend),
            "migrate" => only(Self::Migrate),
            "compress" => only(Self::Compress),
            "decompress" => only(Self::Decompress),
            "damage" => only(Self::Damage),
            "pack" => Ok(Self::Pack(number(first)?, number(after)?)),
            "cut" => Ok(Self::Cut(number(first)?, number(after)?)),
            "truncate" => Ok(Self::Truncate(number(first)?, number(after)?)),
            "rewrite" => match *words.as_slice() {
                [file] => Ok(Self::Rewrite { file: number(file)?, back: false }),
                [file, "back"] => Ok(Self::Rewrite { file: number(file)?, back: true }),
                _ => Err(wrong()),
            },
            "move" => Ok(Self::Move(number(first)?, place(after)?)),
            "copy" => match *words.as_slice() {
                [from, to, folder, ref rest @ ..] => {
                    let lines = match *rest {
                        [] => None,
                        [lines] => Some(number(lines.strip_prefix("lines=").ok_or_else(wrong)?)?),
                        _ => return Err(wrong()),
                    };
                    Ok(Self::Copy {
                        from: number(from)?,
                        to: number(to)?,
                        place: place(folder)?,
                        lines,
                    })
                }
                _ => Err(wrong()),
            },
            "fork" => match *words.as_slice() {
                [from, to, folder, how] => {
                    let how = named(&Fork::ALL, how).ok_or_else(wrong)?;
                    Ok(Self::Fork(number(from)?, number(to)?, place(folder)?, how))
                }
                _ => Err(wrong()),
            },
            "segment" | "link" | "hard-link" => match *words.as_slice() {
                [from, to, folder] => {
                    let op = match verb {
                        "segment" => Self::Segment,
                        "link" => Self::Link,
                        _ => Self::HardLink,
                    };
                    Ok(op(number(from)?, number(to)?, place(folder)?))
                }
                _ => Err(wrong()),
            },
            "link-folder" => Ok(Self::LinkFolder(number(first)?, after.parse()?)),
            "unlink-folder" => only(Self::UnlinkFolder),
            "delete" => only(Self::Delete),
            "restore" => only(Self::Restore),
            "block" => only(Self::Block),
            "folder" => only(Self::Folder),
            "unblock" => only(Self::Unblock),
            "permit" | "permit-day" => {
                let op = if verb == "permit" { Self::Permit } else { Self::PermitDay };
                Ok(op(number(first)?, permitted(after).ok_or_else(wrong)?))
            }
            "root" => {
                let archived = match first {
                    "archived" => true,
                    "sessions" => false,
                    _ => return Err(wrong()),
                };
                match after {
                    "gone" => Ok(Self::Root { archived, present: false }),
                    "back" => Ok(Self::Root { archived, present: true }),
                    _ => Err(wrong()),
                }
            }
            "memo" => named(&MemoOp::ALL, rest).map(Self::Memo).ok_or_else(wrong),
            "clock" => number(rest).map(Self::Clock),
            "zone" => match number::<i16>(rest)? {
                minutes if minutes % 15 == 0 => Ok(Self::Zone(minutes)),
                _ => Err("days begin at a quarter of an hour in every time zone".to_owned()),
            },
            "priority" => match rest {
                "unknown" => Ok(Self::Priority(None)),
                "" => Ok(Self::Priority(Some(Vec::new()))),
                turns => turns
                    .split(',')
                    .map(number)
                    .collect::<Result<_, _>>()
                    .map(|turns| Self::Priority(Some(turns))),
            },
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_lines = |verb: &str, file: u8, lines: &[LineSpec]| {
            format!("{verb} {file} {}", joined(lines)).trim_end().to_owned()
        };
        let yes = |yes: bool| if yes { "yes" } else { "no" };
        match self {
            Self::Create { file, place, bare } => {
                write!(formatter, "create {file} {place}{}", if *bare { " bare" } else { "" })
            }
            Self::Append(file, lines) => formatter.write_str(&with_lines("append", *file, lines)),
            Self::Replace(file, lines) => formatter.write_str(&with_lines("replace", *file, lines)),
            Self::Overwrite(file, lines) => {
                formatter.write_str(&with_lines("overwrite", *file, lines))
            }
            Self::Tear(file, line, bytes) => write!(formatter, "tear {file} {line}, {bytes} bytes"),
            Self::Mend(file) => write!(formatter, "mend {file}"),
            Self::Cut(file, bytes) => write!(formatter, "cut {file} {bytes}"),
            Self::Truncate(file, lines) => write!(formatter, "truncate {file} {lines}"),
            Self::Rewrite { file, back } => {
                write!(formatter, "rewrite {file}{}", if *back { " back" } else { "" })
            }
            Self::Move(file, place) => write!(formatter, "move {file} {place}"),
            Self::Copy { from, to, place, lines } => {
                write!(formatter, "copy {from} {to} {place}")?;
                lines.map_or(Ok(()), |lines| write!(formatter, " lines={lines}"))
            }
            Self::Fork(from, to, place, how) => {
                write!(formatter, "fork {from} {to} {place} {}", name_of(&Fork::ALL, how))
            }
            Self::Segment(of, file, place) => write!(formatter, "segment {of} {file} {place}"),
            Self::Migrate(file) => write!(formatter, "migrate {file}"),
            Self::Compress(file) => write!(formatter, "compress {file}"),
            Self::Decompress(file) => write!(formatter, "decompress {file}"),
            Self::Pack(from, to) => write!(formatter, "pack {from} {to}"),
            Self::Damage(file) => write!(formatter, "damage {file}"),
            Self::Link(from, to, place) => write!(formatter, "link {from} {to} {place}"),
            Self::HardLink(from, to, place) => write!(formatter, "hard-link {from} {to} {place}"),
            Self::LinkFolder(link, target) => write!(formatter, "link-folder {link} {target}"),
            Self::UnlinkFolder(link) => write!(formatter, "unlink-folder {link}"),
            Self::Delete(file) => write!(formatter, "delete {file}"),
            Self::Restore(file) => write!(formatter, "restore {file}"),
            Self::Block(file) => write!(formatter, "block {file}"),
            Self::Folder(file) => write!(formatter, "folder {file}"),
            Self::Unblock(file) => write!(formatter, "unblock {file}"),
            Self::Permit(file, permitted) => write!(formatter, "permit {file} {}", yes(*permitted)),
            Self::PermitDay(day, permitted) => {
                write!(formatter, "permit-day {day} {}", yes(*permitted))
            }
            Self::Root { archived, present } => write!(
                formatter,
                "root {} {}",
                if *archived { "archived" } else { "sessions" },
                if *present { "back" } else { "gone" }
            ),
            Self::Memo(op) => write!(formatter, "memo {}", name_of(&MemoOp::ALL, op)),
            Self::Clock(by) => write!(formatter, "clock {by:+}"),
            Self::Zone(minutes) => write!(formatter, "zone {minutes}"),
            Self::Priority(None) => formatter.write_str("priority unknown"),
            Self::Priority(Some(turns)) => {
                let turns: Vec<String> = turns.iter().map(u8::to_string).collect();
                formatter.write_str(format!("priority {}", turns.join(",")).trim_end())
            }
            Self::Refresh(mode) => formatter.write_str(name_of(&Mode::ALL, mode)),
            Self::Ended(None) => formatter.write_str("refresh cancelled"),
            Self::Ended(Some(after)) => write!(formatter, "refresh killed {}us", after.as_micros()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::archive::generate;

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
        let error =
            "dates coarse\n\ncreate 1 day=20 # fine\nmemo burn\n".parse::<Case>().unwrap_err();
        assert_eq!((error.line, error.problem.as_str()), (4, "`memo burn` is no operation"));
        for wrong in [
            "dates none",
            "create x day=1",
            "create 1 nowhere",
            "append 1 count 5",
            "append 1 turn 1 model",
            "tear 1 count 1/1",
            "copy 1 2",
            "copy 1 2 archived words=3",
            "fork 1 2 archived somehow",
            "segment 1 2",
            "pack 1",
            "append 1 meta 1 fork",
            "append 1 record 1 1",
            "link-folder 1 here",
            "permit 1 perhaps",
            "zone 7",
            "refresh later",
            "root tmp gone",
        ] {
            assert!(wrong.parse::<Case>().is_err(), "{wrong}");
        }
    }
}
