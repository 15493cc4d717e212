//! Histories of thread stores, as the subject of a search.

use std::io;
use std::path::Path;

use rand_chacha::ChaCha8Rng;

use super::generate::generate;
use super::op::Case;
use super::run::run;
use super::{Error, Failure, Wrong};
use crate::subject::Subject;
use crate::switches::threads::{Ablation, Ablations};
use crate::tally::Tally;

/// Ways to fail that are no wrong state.
const OTHERS: [&str; 4] = ["panic", "file", "sqlite", "executor"];

/// Thread stores.
#[derive(Debug, Clone, Default)]
pub struct Threads {
    /// Rules that are switched off.
    pub ablations: Ablations,
}

impl Subject for Threads {
    const VERB: &'static str = "threads";
    const CHECKED: &'static str = "projections";

    type Case = Case;
    type Error = Error;
    type Setup = ();

    fn kinds() -> Vec<&'static str> {
        Wrong::ALL.map(Wrong::name).into_iter().chain(OTHERS).collect()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let names: Vec<&str> = self.ablations.iter().map(Ablation::name).collect();
        vec![("ablate", names.join(","))]
    }

    fn flags(&self) -> String {
        self.ablations.iter().map(|ablation| format!(" --ablate {ablation}")).collect()
    }

    fn generate(&self, random: &mut ChaCha8Rng, operations: usize) -> Case {
        generate(random, operations)
    }

    fn set_up(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn run(&self, (): &(), folder: &Path, case: &Case) -> Result<Tally, Failure> {
        run(case, folder, self.ablations)
    }
}
