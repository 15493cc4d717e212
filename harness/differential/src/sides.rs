//! Who gives which answer, and who is alone with it: that is where to look first.

use std::collections::BTreeMap;
use std::fmt::Debug;

use tracerig_oracle::Turn;

use super::{Error, Wrong};

/// Turn id to turn.
pub(super) type Turns = BTreeMap<String, Turn>;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The scan that is checked, with whatever it remembers.
    Scan,
    /// The same scanner without a memo.
    FullRescan,
    /// The oracle of this program.
    Rust,
    /// The oracle in Python.
    Python,
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Scan => "the scan",
            Self::FullRescan => "the full rescan",
            Self::Rust => "the Rust oracle",
            Self::Python => "the Python oracle",
        }
    }

    /// What it means that this one is wrong.
    const fn wrong(self) -> Wrong {
        match self {
            Self::Scan => Wrong::Turns,
            Self::FullRescan => Wrong::FullRescan,
            Self::Rust => Wrong::RustOracle,
            Self::Python => Wrong::PythonOracle,
        }
    }
}

/// Fails unless all of `sides`, each with its answer about the same rows, say the same.
pub(super) fn agree(sides: &[(Side, &Turns)]) -> Result<(), Error> {
    disagreement(sides).map_or(Ok(()), |(side, detail)| Err(Error::Wrong { wrong: side.wrong(), detail }))
}

/// Whose answer is to be looked at first, and who says what, unless all of `sides` say the same.
pub(crate) fn disagreement<T: PartialEq + Debug>(sides: &[(Side, &T)]) -> Option<(Side, String)> {
    let mut camps: Vec<(Vec<Side>, &T)> = Vec::new();
    for &(side, answer) in sides {
        match camps.iter_mut().find(|(_, said)| *said == answer) {
            Some((camp, _)) => camp.push(side),
            None => camps.push((vec![side], answer)),
        }
    }
    if camps.len() < 2 {
        return None;
    }
    let alone = alone(&camps, sides.len());
    // Two against two, or nobody with anybody: the first that the first oracle contradicts.
    let accused = alone.unwrap_or(sides[0].0);
    let verdict = match alone {
        Some(side) => format!("{} is alone", side.name()),
        None => "nobody is alone".to_owned(),
    };
    let told = camps.iter().map(|(camp, said)| {
        let names: Vec<&str> = camp.iter().map(|side| side.name()).collect();
        format!("{}: {said:?}", names.join(", "))
    });
    let told: Vec<String> = told.collect();
    Some((accused, format!("{verdict}. {}", told.join("; "))))
}

/// The only one that contradicts all others, where these are at least two and agree.
fn alone<T>(camps: &[(Vec<Side>, &T)], sides: usize) -> Option<Side> {
    match camps {
        [(one, _), (other, _)] if sides > 2 => match (&one[..], &other[..]) {
            ([side], _) | (_, [side]) => Some(*side),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(names: &[&str]) -> Turns {
        let turn = |name: &&str| ((*name).to_owned(), Turn { thread_id: None, model: None, timestamp: 1 });
        names.iter().map(turn).collect()
    }

    fn found(said: [&[&str]; 4]) -> Option<(Wrong, String)> {
        let said = said.map(turns);
        let sides = [Side::Scan, Side::FullRescan, Side::Rust, Side::Python];
        let sides: Vec<_> = sides.into_iter().zip(&said).collect();
        match agree(&sides) {
            Ok(()) => None,
            Err(Error::Wrong { wrong, detail }) => Some((wrong, detail)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn whoever_contradicts_all_others_is_named() {
        let (a, b, c): (&[&str], &[&str], &[&str]) = (&["a"], &[], &["c"]);
        assert_eq!(found([a, a, a, a]), None);
        for (said, wrong, begins) in [
            (
                [b, a, a, a],
                Wrong::Turns,
                "the scan is alone. the scan: {}; the full rescan, the Rust oracle,",
            ),
            ([a, b, a, a], Wrong::FullRescan, "the full rescan is alone."),
            ([a, a, b, a], Wrong::RustOracle, "the Rust oracle is alone."),
            ([a, a, a, b], Wrong::PythonOracle, "the Python oracle is alone."),
            ([b, b, a, a], Wrong::Turns, "nobody is alone. the scan, the full rescan: {}; the Rust oracle,"),
            ([a, b, c, c], Wrong::Turns, "nobody is alone."),
        ] {
            let (kind, detail) = found(said).unwrap();
            assert_eq!(kind, wrong, "{detail}");
            assert!(detail.starts_with(begins), "{detail}");
        }
        // Of two that contradict each other neither is alone.
        let (one, other) = (turns(a), turns(b));
        let Err(error) = agree(&[(Side::Scan, &one), (Side::Rust, &other)]) else { panic!("they agree") };
        assert!(error.to_string().contains("nobody is alone"), "{error}");
    }
}
