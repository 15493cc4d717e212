//! Who gives which answer, and who is alone with it: that is where to look first.

use std::fmt::Debug;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
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
}

/// Whose answer is to be looked at first, and who says what, unless all of `sides` say the same.
#[must_use]
pub fn disagreement<T: PartialEq + Debug>(sides: &[(Side, &T)]) -> Option<(Side, String)> {
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
