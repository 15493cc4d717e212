//! Histories as text: one operation a line, to be read, kept, edited and replayed.
//!
//! ```text
//! # anything after a hash
//! identity birth
//! connections 2
//! processes fresh
//! oracle python
//! tries 100
//! database link
//! profile hostile
//! append request turn=1 thread=2 process=0 model=3 at=10 | noise turn=0 at=11 long
//! retention rows=9 bytes=4000
//! delete every 3 from 1
//! replace by=unlink with=saved
//! artifact flip payload
//! window since=5 until=90
//! relaunch rescan, at scanned: append noise turn=0 at=12; another scan
//! other-memo
//! again
//! outside change beginning 3
//! refused no-column
//! race scan; kill 40us after persist-locked: rescan; write vacuum & delete oldest 2
//! race kill 300us after start: write append noise turn=0 at=12
//! ```

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;

use super::op::{Case, IdentityKind, Op, Profile};
use crate::limits::{MOST_CONNECTIONS, MOST_TRIES};
use crate::parse_error::ParseError;
use crate::words::{self, ByName, Name, Words};

const IDENTITIES: &[(&str, IdentityKind)] = &[
    ("birth", IdentityKind::Birth),
    ("inode", IdentityKind::Inode),
    ("blind", IdentityKind::Blind),
];
const PROFILES: ByName<Profile> = ByName(&Profile::ALL, Profile::name);
/// What says that every relaunch is a separate process.
const FRESH: &str = "processes fresh";

/// What says that the oracle in Python is asked.
const PYTHON: &str = "oracle python";

/// What says that scans name the database by a symbolic link.
const LINK: &str = "database link";

impl FromStr for Case {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut case = Self::default();
        for (line, text) in words::lines(text) {
            let error = |problem| ParseError { line, problem };
            if let Some(name) = text.strip_prefix("identity ") {
                case.identity = Name(IDENTITIES).whole(name).map_err(error)?;
            } else if let Some(count) = text.strip_prefix("connections ") {
                let wrong =
                    || error(format!("give a number of connections from 1 to {MOST_CONNECTIONS}"));
                let count = count
                    .parse()
                    .ok()
                    .filter(|count: &NonZeroUsize| count.get() <= MOST_CONNECTIONS);
                case.connections = count.ok_or_else(wrong)?;
            } else if let Some(count) = text.strip_prefix("tries ") {
                let wrong = || error(format!("give a number of tries from 1 to {MOST_TRIES}"));
                let count =
                    count.parse().ok().filter(|count: &NonZeroU32| count.get() <= MOST_TRIES);
                case.tries = count.ok_or_else(wrong)?;
            } else if text == FRESH {
                case.fresh = true;
            } else if text == PYTHON {
                case.python = true;
            } else if let Some(name) = text.strip_prefix("profile ") {
                case.profile = PROFILES.whole(name).map_err(error)?;
            } else if text == LINK {
                case.link = true;
            } else {
                let op: Op = text.parse().map_err(error)?;
                if op.is_outside() && case.profile == Profile::Contract {
                    let problem = "this is outside the contract, and no line above it says \
                                   `profile hostile`";
                    return Err(error(problem.to_owned()));
                }
                case.ops.push(op);
            }
        }
        Ok(case)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "identity {}", Name(IDENTITIES).text(&self.identity))?;
        if self.connections > NonZeroUsize::MIN {
            writeln!(formatter, "connections {}", self.connections)?;
        }
        if self.fresh {
            writeln!(formatter, "{FRESH}")?;
        }
        if self.python {
            writeln!(formatter, "{PYTHON}")?;
        }
        if self.tries > NonZeroU32::MIN {
            writeln!(formatter, "tries {}", self.tries)?;
        }
        if self.link {
            writeln!(formatter, "{LINK}")?;
        }
        if self.profile != Profile::default() {
            writeln!(formatter, "profile {}", self.profile.name())?;
        }
        self.ops.iter().try_for_each(|op| writeln!(formatter, "{op}"))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::trace::breach::Breach;
    use crate::trace::data_op::DataOp;
    use crate::trace::generate::{generate, generate_processes};
    use crate::trace::scan_op::Act;

    #[test]
    fn what_is_printed_is_read_back() {
        for seed in 0..300 {
            let profile = Profile::ALL[usize::from(seed % 3 == 0)];
            let case = generate(&mut ChaCha8Rng::seed_from_u64(seed), 40, profile);
            let read = case.to_string().parse::<Case>().unwrap();
            assert!(read == case, "{case}\nread back as\n{read}");
            let case = generate_processes(&mut ChaCha8Rng::seed_from_u64(seed), 40);
            let read = case.to_string().parse::<Case>().unwrap();
            assert!(read == case, "{case}\nread back as\n{read}");
        }
    }

    #[test]
    fn every_operation_is_generated() {
        let ops = || {
            (0..300).flat_map(|seed| {
                let random = &mut ChaCha8Rng::seed_from_u64(seed);
                let mut case = generate(random, 40, Profile::Hostile);
                case.ops.extend(generate_processes(random, 40).ops);
                case.ops
            })
        };
        assert_eq!(words::never(Op::NAMES, ops()), [""; 0]);
        let acts = ops().filter_map(|op| match op {
            Op::Scan(scan) => scan.event,
            _ => None,
        });
        assert_eq!(words::never(Act::NAMES, acts.flat_map(|event| event.acts)), [""; 0]);
        let data = || {
            ops().filter_map(|op| match op {
                Op::Data(op) => Some(op),
                _ => None,
            })
        };
        assert_eq!(words::never(DataOp::NAMES, data()), [""; 0]);
        let breaches = data().filter_map(|op| match op {
            DataOp::Outside(breach) => Some(breach),
            _ => None,
        });
        assert_eq!(words::never(Breach::NAMES, breaches), [""; 0]);
    }

    #[test]
    fn a_line_that_is_no_operation_is_named() {
        let text =
            "identity inode\n\nappend noise turn=1 at=3 # fine\nrelaunch, at nowhere: fail\n";
        let error = text.parse::<Case>().unwrap_err();
        assert_eq!((error.line, error.problem.as_str()), (4, "`nowhere` is no point of a scan"));
        let error = "outside overwrite\nrelaunch\n".parse::<Case>().unwrap_err();
        assert!(error.line == 1 && error.problem.contains("profile hostile"), "{error}");
        for wrong in [
            "delete every 3",
            "retention rows=x bytes=1",
            "append nois",
            "connections 65",
            "tries 10001",
            "connections 0",
            "window since=y",
            "frobnicate",
        ] {
            assert!(wrong.parse::<Case>().is_err(), "{wrong}");
        }
    }
}
