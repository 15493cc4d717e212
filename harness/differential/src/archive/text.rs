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

use super::op::{Case, Dates};
use crate::parse_error::ParseError;
use crate::words::{self, Name, Number, Words};

const DATES: &[(&str, Dates)] = &[
    ("ticks", Dates::Ticks),
    ("coarse", Dates::Coarse),
    ("modified", Dates::Modified),
    ("system", Dates::System),
];

impl FromStr for Case {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut case = Self::default();
        for (line, text) in words::lines(text) {
            let error = |problem| ParseError { line, problem };
            if let Some(name) = text.strip_prefix("dates ") {
                case.dates = Name(DATES).whole(name).map_err(error)?;
            } else if let Some(count) = text.strip_prefix("threads ") {
                case.threads = Number.whole(count).map_err(error)?;
            } else if text == "python" {
                case.python = true;
            } else {
                case.ops.push(text.parse().map_err(error)?);
            }
        }
        Ok(case)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dates != Dates::Ticks {
            writeln!(formatter, "dates {}", Name(DATES).text(&self.dates))?;
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

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::archive::generate;
    use crate::archive::op::Op;

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
        // Only refreshes of candidates are ended from outside.
        assert_eq!(words::never(Op::NAMES, made), ["Ended"]);
    }

    #[test]
    fn a_line_that_is_no_operation_is_named() {
        let text = "dates coarse\n\ncreate 1 day=20 # fine\nmemo burn\n";
        let error = text.parse::<Case>().unwrap_err();
        assert_eq!(error.line, 4);
        assert!(error.problem.starts_with("`burn` is not one of remove, "), "{error}");
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
