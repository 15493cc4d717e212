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

use tracerig_store::threads::Durability;

use super::arguments::{DURABILITIES, MODES};
use super::op::Case;
use crate::parse_error::ParseError;
use crate::words::{self, Name, Words};

impl FromStr for Case {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut case = Self::default();
        for (line, text) in words::lines(text) {
            let error = |problem| ParseError { line, problem };
            if let Some(name) = text.strip_prefix("mode ") {
                case.mode = MODES.whole(name).map_err(error)?;
            } else if let Some(name) = text.strip_prefix("durability ") {
                case.durability = Name(DURABILITIES).whole(name).map_err(error)?;
            } else if text == "patient" {
                case.patient = true;
            } else {
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
            writeln!(formatter, "durability {}", Name(DURABILITIES).text(&self.durability))?;
        }
        if self.patient {
            writeln!(formatter, "patient")?;
        }
        self.ops.iter().try_for_each(|op| writeln!(formatter, "{op}"))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::threads::generate;
    use crate::threads::op::Op;

    #[test]
    fn what_is_printed_is_read_back() {
        for seed in 0..300 {
            let case = generate(&mut ChaCha8Rng::seed_from_u64(seed), 60);
            let read = case.to_string().parse::<Case>().unwrap();
            assert!(read == case, "{case}\nread back as\n{read}");
        }
    }

    #[test]
    fn every_operation_is_generated() {
        let made = (0..300).flat_map(|seed| generate(&mut ChaCha8Rng::seed_from_u64(seed), 60).ops);
        assert_eq!(words::never(Op::NAMES, made), [""; 0]);
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
