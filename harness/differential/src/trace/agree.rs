//! Turns as all that answer give them, and what it means that one of them is alone with its own.

use std::collections::BTreeMap;

use tracerig_oracle::Turn;

use super::{Error, Wrong};
use crate::engine::Engine;
use crate::sides::{Side, disagreement};

/// Turn id to turn.
pub(super) type Turns = BTreeMap<String, Turn>;

/// Fails unless all of `sides`, each with its answer about the same rows, say the same.
pub(super) fn agree(sides: &[(Side, &Turns)]) -> Result<(), Error> {
    disagreement(sides)
        .map_or(Ok(()), |(side, detail)| Err(Error::Wrong { wrong: accusation(side), detail }))
}

/// What it means that `side` is wrong.
const fn accusation(side: Side) -> Wrong {
    match side {
        Side::Scan => Wrong::Turns,
        Side::FullRescan => Wrong::FullRescan,
        Side::Rust => Wrong::RustOracle,
        Side::Python => Wrong::PythonOracle,
    }
}

/// Turns the scanner's answer into the one that `engine` gives. `before` is the scanner's answer to
/// the previous scan. Mode, reason and counters stay unchanged, so that only a comparison of the
/// answers reveals a wrong engine.
pub(super) fn spoil(engine: Engine, turns: &mut Turns, before: &mut Option<Turns>) {
    match engine {
        Engine::Scanner | Engine::Rescanning => {}
        Engine::Empty => turns.clear(),
        Engine::Stale => {
            let right = turns.clone();
            if let Some(before) = before.replace(right) {
                *turns = before;
            }
        }
        Engine::Lying => {
            turns.values_mut().for_each(|turn| turn.model = Some("another-model".to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(names: &[&str]) -> Turns {
        let turn =
            |name: &&str| ((*name).to_owned(), Turn { thread_id: None, model: None, timestamp: 1 });
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
            (
                [b, b, a, a],
                Wrong::Turns,
                "nobody is alone. the scan, the full rescan: {}; the Rust oracle,",
            ),
            ([a, b, c, c], Wrong::Turns, "nobody is alone."),
        ] {
            let (kind, detail) = found(said).unwrap();
            assert_eq!(kind, wrong, "{detail}");
            assert!(detail.starts_with(begins), "{detail}");
        }
        // Of two that contradict each other neither is alone.
        let (one, other) = (turns(a), turns(b));
        let Err(error) = agree(&[(Side::Scan, &one), (Side::Rust, &other)]) else {
            panic!("they agree")
        };
        assert!(error.to_string().contains("nobody is alone"), "{error}");
    }
}
