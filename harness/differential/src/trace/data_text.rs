//! Operations on the database as text, and the rows that are deleted.

use std::fmt;
use std::str::FromStr;

use super::op::{By, DataOp, Victims, With};
use super::text::{Names, name_of, named, number, separated};

const BYS: Names<By> = &[("rename", By::Rename), ("unlink", By::Unlink)];
const WITHS: Names<With> = &[("copy", With::Copy), ("empty", With::Empty), ("saved", With::Saved)];
const PLAIN_DATA: Names<DataOp> = &[
    ("vacuum", DataOp::Vacuum),
    ("checkpoint", DataOp::Checkpoint),
    ("close", DataOp::Close),
    ("save", DataOp::Save),
    ("plain-ids", DataOp::PlainIds),
    ("extra-column", DataOp::ExtraColumn),
];
const PLAIN_VICTIMS: Names<Victims> =
    &[("marked", Victims::Marked), ("unmarked", Victims::Unmarked), ("all", Victims::All)];

impl FromStr for DataOp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(op) = named(PLAIN_DATA, text) {
            return Ok(op);
        }
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        match (verb, words.as_slice()) {
            ("outside", _) => rest.parse().map(Self::Outside),
            ("append", _) => {
                rest.split('|').map(str::parse).collect::<Result<_, _>>().map(Self::Append)
            }
            ("retention", [rows, bytes]) => {
                Ok(Self::Retention { rows: value(rows, "rows=")?, bytes: value(bytes, "bytes=")? })
            }
            ("prune-before", [at]) => number(at).map(Self::PruneBefore),
            ("delete", victims) => self::victims(victims).map(Self::Delete),
            ("incremental-vacuum", [pages]) => number(pages).map(Self::IncrementalVacuum),
            ("replace", [by, with]) => {
                let by = by.strip_prefix("by=").and_then(|name| named(BYS, name));
                let with = with.strip_prefix("with=").and_then(|name| named(WITHS, name));
                let both =
                    by.zip(with).ok_or_else(|| format!("`{rest}` is no way to replace a file"))?;
                Ok(Self::Replace { by: both.0, with: both.1 })
            }
            _ => Err(format!("`{text}` is no operation")),
        }
    }
}

impl fmt::Display for DataOp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append(rows) => {
                formatter.write_str("append ")?;
                separated(formatter, rows, " | ")
            }
            Self::Retention { rows, bytes } => {
                write!(formatter, "retention rows={rows} bytes={bytes}")
            }
            Self::PruneBefore(at) => write!(formatter, "prune-before {at}"),
            Self::Delete(victims) => match victims {
                Victims::Newest(count) => write!(formatter, "delete newest {count}"),
                Victims::Oldest(count) => write!(formatter, "delete oldest {count}"),
                Victims::Every { step, from } => {
                    write!(formatter, "delete every {step} from {from}")
                }
                Victims::Turn(turn) => write!(formatter, "delete turn {turn}"),
                plain => write!(formatter, "delete {}", name_of(PLAIN_VICTIMS, plain)),
            },
            Self::Outside(breach) => write!(formatter, "outside {breach}"),
            Self::IncrementalVacuum(pages) => write!(formatter, "incremental-vacuum {pages}"),
            Self::Replace { by, with } => {
                write!(formatter, "replace by={} with={}", name_of(BYS, by), name_of(WITHS, with))
            }
            plain => formatter.write_str(name_of(PLAIN_DATA, plain)),
        }
    }
}

fn victims(words: &[&str]) -> Result<Victims, String> {
    match words {
        ["newest", count] => number(count).map(Victims::Newest),
        ["oldest", count] => number(count).map(Victims::Oldest),
        ["every", step, "from", from] => {
            Ok(Victims::Every { step: number(step)?, from: number(from)? })
        }
        ["turn", turn] => number(turn).map(Victims::Turn),
        [name] => named(PLAIN_VICTIMS, name).ok_or_else(|| format!("`{name}` says not which rows")),
        _ => Err("`delete` says not which rows".to_owned()),
    }
}

fn value<T: FromStr>(word: &str, prefix: &str) -> Result<T, String> {
    number(
        word.strip_prefix(prefix)
            .ok_or_else(|| format!("`{word}` does not begin with `{prefix}`"))?,
    )
}
