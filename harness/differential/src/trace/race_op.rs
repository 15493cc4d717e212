//! Processes that run at once, and their text: `; ` between them, each with when it is killed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tracerig_scanner::Point;

use super::data_op::DataOp;
use crate::words::micros;

/// Processes that run at once, each a new one, on the same database and memo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race {
    /// Those that scan, at most two.
    pub scans: Vec<Racer>,
    /// One that writes.
    pub writer: Option<Writer>,
}

/// A process that scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Racer {
    /// Whether every row is to be examined.
    pub rescan: bool,
    /// When it is killed, if its scan is not over by then.
    pub kill: Option<Kill>,
}

/// A process that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// What it does, one after the other, each in a transaction.
    pub ops: Vec<DataOp>,
    /// When it is killed, if it is not done by then.
    pub kill: Option<Kill>,
}

/// When a process is killed, from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// So long after it has begun, or has reached the point.
    pub after: Duration,
    /// Which point.
    pub from: Option<Point>,
}

/// What a kill counts from if not from a point.
const START: &str = "start";

impl FromStr for Race {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut race = Self { scans: Vec::new(), writer: None };
        for process in text.split(';').map(str::trim) {
            let (kill, what) = match process.strip_prefix("kill ") {
                Some(rest) => {
                    let split =
                        rest.split_once(": ").ok_or("a kill is `kill TIME after POINT: what`")?;
                    (Some(split.0.parse()?), split.1)
                }
                None => (None, process),
            };
            match (what, what.strip_prefix("write ")) {
                ("scan" | "rescan", _) => race.scans.push(Racer { rescan: what == "rescan", kill }),
                (_, Some(ops)) if race.writer.is_none() => {
                    if kill.is_some_and(|kill: Kill| kill.from.is_some()) {
                        return Err("a writer has no points: kill it after its start".to_owned());
                    }
                    let ops =
                        ops.split('&').map(|op| op.trim().parse()).collect::<Result<_, _>>()?;
                    race.writer = Some(Writer { ops, kill });
                }
                _ => return Err(format!("`{what}` is no process of a race, or one too many")),
            }
        }
        Ok(race)
    }
}

impl fmt::Display for Race {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let kill = |kill: Option<Kill>| kill.map_or_else(String::new, |kill| format!("{kill}: "));
        for Racer { rescan, kill: at } in &self.scans {
            write!(
                formatter,
                "{separator}{}{}",
                kill(*at),
                if *rescan { "rescan" } else { "scan" }
            )?;
            separator = "; ";
        }
        if let Some(Writer { ops, kill: at }) = &self.writer {
            let ops: Vec<String> = ops.iter().map(ToString::to_string).collect();
            write!(formatter, "{separator}{}write {}", kill(*at), ops.join(" & "))?;
        }
        Ok(())
    }
}

impl FromStr for Kill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` says not when, within 10 s: write for example 40us after start");
        let (time, name) = text.split_once(" after ").ok_or_else(wrong)?;
        let after = micros(time).ok_or_else(wrong)?;
        let point = Point::ALL.into_iter().find(|point| point.name() == name);
        if name != START && point.is_none() {
            return Err(wrong());
        }
        Ok(Self { after, from: point })
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from.map_or(START, Point::name);
        write!(formatter, "kill {}us after {from}", self.after.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_none_is_refused() {
        for wrong in [
            "",
            "scna",
            "kill 3us after start scan",
            "kill 3 after start: scan",
            "kill 3us after lunch: scan",
            "kill 3us after loaded: write vacuum",
            "write vacuum; write vacuum",
        ] {
            assert!(wrong.parse::<Race>().is_err(), "{wrong}");
        }
        let text = "kill 40us after persist-locked: rescan; scan; kill 7us after start: write \
                    vacuum & delete all";
        assert_eq!(text.parse::<Race>().unwrap().to_string(), text);
    }
}
