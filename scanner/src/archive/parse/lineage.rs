//! Which counts of a file are its own, and which it inherited from the thread that it was forked
//! from.

use serde::{Deserialize, Serialize};

use super::rules::Rules;

/// Lines of a copied history follow each other faster than this, in milliseconds.
const BURST: u64 = 100;

/// What was seen of where the history of a file comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lineage {
    /// Whether a turn of its own was seen.
    pub(crate) has_own_turn: bool,
    /// Whether a second line about the session names another one: the parent, whose history
    /// follows.
    has_parent: bool,
    /// When the last line was stamped, as long as the parent's history is being copied.
    burst: Option<i64>,
}

/// What the first line about the session says of where its history comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// It names the thread that it was forked from.
    pub(crate) is_fork: bool,
    /// It goes on from somewhere in another file.
    pub(crate) has_base: bool,
    /// The ordinal that a sub-agent's own history begins at.
    pub(crate) own_from: Option<u64>,
}

/// Which count is meant, and of which session.
pub(crate) struct Asked<'a> {
    pub(crate) thread: &'a str,
    /// The current turn.
    pub(crate) turn: Option<&'a str>,
    pub(crate) version: Option<&'a str>,
    pub(crate) origin: Option<&'a Origin>,
    pub(crate) ordinal: Option<u64>,
}

/// Whose a count is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The thread's own.
    Own,
    /// Another thread.
    Parents,
    /// Another thread, as the time of the lines suggests.
    ParentsItSeems,
}

impl Lineage {
    /// Whether it has to hear when lines were written that say nothing else.
    pub(crate) fn is_timed(&self) -> bool {
        self.burst.is_some()
    }

    /// The next line was written then.
    pub(crate) fn line_at(&mut self, at: i64) {
        self.burst = self.burst.filter(|before| at.abs_diff(*before) < BURST).map(|_| at);
    }

    /// A line written then names another session than the file's own.
    pub(crate) fn parent(&mut self, at: i64) {
        if !self.has_parent {
            (self.has_parent, self.burst) = (true, Some(at));
        }
    }

    /// Whose the count `asked` is.
    pub(crate) fn of(&self, asked: &Asked<'_>, rules: &Rules) -> Whose {
        let thread = uuid7(asked.thread);
        let is_older =
            thread.zip(asked.turn.and_then(uuid7)).is_some_and(|(thread, turn)| turn < thread);
        let own_from = asked.origin.and_then(|origin| origin.own_from);
        let is_before =
            asked.ordinal.zip(own_from).is_some_and(|(ordinal, own_from)| ordinal < own_from);
        if is_older && rules.inherited_turn || is_before && rules.inherited_ordinal {
            return Whose::Parents;
        }
        let is_fork = self.has_parent || asked.origin.is_some_and(|origin| origin.is_fork);
        if !is_fork || self.has_own_turn {
            return Whose::Own;
        }
        let has_turns = thread.is_some() && asked.version.is_some_and(names_turns);
        match has_turns {
            true if rules.inherited_fork => Whose::Parents,
            false if rules.inherited_burst && self.burst.is_some() => Whose::ParentsItSeems,
            _ => Whose::Own,
        }
    }
}

/// Whether a turn is of this thread, and of no older one.
pub(crate) fn is_own(turn: &str, thread: &str) -> bool {
    uuid7(thread).zip(uuid7(turn)).is_some_and(|(thread, turn)| turn >= thread)
}

/// Whether this version of Codex, such as `0.100.0-alpha.1`, writes ids of turns.
fn names_turns(version: &str) -> bool {
    let mut numbers = version.split(['.', '-', '+']).map_while(|number| number.parse::<u64>().ok());
    let version = (numbers.next(), numbers.next().unwrap_or(0));
    version.0.is_some_and(|major| (major, version.1) >= (0, 100))
}

/// The number of a UUID of version 7, in two halves: such numbers are in the order of time.
fn uuid7(text: &str) -> Option<[u64; 2]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    if text[14] != b'7' || [8, 13, 18, 23].iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let digits = |half: u64, digits: &[u8]| {
        digits.iter().try_fold(half, |half, digit| {
            Some(half << 4 | u64::from(char::from(*digit).to_digit(16)?))
        })
    };
    let [first, second, third, fourth, fifth] =
        [&text[..8], &text[9..13], &text[14..18], &text[19..23], &text[24..]];
    Some([digits(digits(digits(0, first)?, second)?, third)?, digits(digits(0, fourth)?, fifth)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuids_that_tell_the_time_are_compared() {
        let older = uuid7("01a00000-0001-7000-8000-000000000000").unwrap();
        assert!(older < uuid7("01A00001-0000-7000-8000-000000000000").unwrap());
        for other in [
            "",
            "turn-1",
            "01a00000-0001-4000-8000-000000000000",
            "01a00000-0001-7000-8000-00000000000",
            "01a00000-0001-7000-8000-00000000000g",
            "01a0000000001-7000-8000-000000000000",
            "01a00000-0001-7000-8000-0000000000-0",
        ] {
            assert_eq!(uuid7(other), None, "{other}");
        }
    }

    #[test]
    fn turns_have_ids_from_0_100_on() {
        for version in ["0.100.0", "0.100.0-alpha.3", "0.171.2", "1.0.0", "0.100", "2"] {
            assert!(names_turns(version), "{version}");
        }
        for version in ["0.98.0", "0.99.99", "0.0.2504301132", "", "dev", "0.x.100", "-1.0"] {
            assert!(!names_turns(version), "{version}");
        }
    }
}
