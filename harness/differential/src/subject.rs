//! What a search can be about: a language of histories, their generator, and how one is executed
//! and judged.

use std::fmt::{Debug, Display};
use std::io;
use std::path::Path;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;

use crate::failure::{Failure, Why};
use crate::parse_error::ParseError;
use crate::shrinking::{self, Shrink};
use crate::tally::Tally;

/// Histories of one sort, and what executes them.
pub trait Subject: Debug + Sync {
    /// The verb of `tracerig diff` that searches them.
    const VERB: &'static str;

    /// What of [`Tally`] tells best how much was checked.
    const CHECKED: &'static str;

    /// A history.
    type Case: History;

    /// Why one failed.
    type Error: Why;

    /// What a thread of the search executes its histories with, one after the other.
    type Setup: Debug;

    /// Every way to fail, in one word each, in the order of reports.
    fn kinds() -> Vec<&'static str>;

    /// Every sort of operation that nothing is promised for, as [`Tally`] counts what comes of it.
    fn outside() -> Vec<String> {
        Vec::new()
    }

    /// What is tested, by the name of the option that says so, with its value.
    fn settings(&self) -> Vec<(&'static str, String)>;

    /// What else a reader of the result has to know, a line each.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Options that a replay needs to fail as the search did, each with a space before it.
    fn flags(&self) -> String;

    /// A random history of about so many operations.
    fn generate(&self, random: &mut ChaCha8Rng, operations: usize) -> Self::Case;

    /// What a history that was kept is executed as.
    fn kept(&self, case: Self::Case) -> Self::Case {
        case
    }

    /// Prepares to execute histories; files of its own go to `folder`.
    ///
    /// # Errors
    /// They cannot be executed here.
    fn set_up(&self, folder: &Path) -> io::Result<Self::Setup>;

    /// Executes a history in `folder`, which is empty, and judges it.
    ///
    /// # Errors
    /// The first thing that went wrong.
    fn run(
        &self,
        setup: &Self::Setup,
        folder: &Path,
        case: &Self::Case,
    ) -> Result<Tally, Failure<Self::Error>>;

    /// The smallest history that `case` can be made into and that still fails like `failure`, and
    /// how it fails. `run` executes one.
    fn shrink(
        &self,
        case: &Self::Case,
        failure: Failure<Self::Error>,
        run: impl Fn(&Self::Case) -> Result<(), Failure<Self::Error>>,
    ) -> (Self::Case, Failure<Self::Error>) {
        shrinking::shrink(case, failure, run)
    }
}

/// A list of operations with a readable form, which is read back as the same.
pub trait History: Shrink + Debug + Display + FromStr<Err = ParseError> + Send + Sync {
    /// How many operations it has.
    fn operations(&self) -> usize {
        self.ops().len()
    }
}

impl<C: Shrink + Debug + Display + FromStr<Err = ParseError> + Send + Sync> History for C {}
