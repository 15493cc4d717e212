//! Our own executables as a scenario launches them: each engine of each is a candidate, with a memo
//! that it makes itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracerig_protocol::Ask;
use tracerig_reports::record::CandidatePlan;

use super::engine::{self, Engine};
use super::guest::{Guest, With};
use super::program::Program;
use super::{Definition, Place, ScenarioError};
use crate::candidate::Guarded;

/// The executables of a run: one, or one for each side of a comparison.
#[derive(Debug)]
pub(super) struct Owns(Vec<Own>);

/// One executable.
#[derive(Debug)]
struct Own {
    program: PathBuf,
    folder: PathBuf,
    limit: Duration,
    engines: BTreeMap<String, Guest>,
}

impl Owns {
    /// The executables that `definition` launches, with separate folders below `folder`.
    pub(super) fn of(definition: &Definition, place: &Place, folder: &Path) -> Self {
        let programs = match definition.programs.as_slice() {
            [] => std::slice::from_ref(&place.program),
            programs => programs,
        };
        let own = |(at, program): (usize, &PathBuf)| Own {
            program: program.clone(),
            folder: folder.join(at.to_string()),
            limit: definition.time_limit,
            engines: BTreeMap::new(),
        };
        Self(programs.iter().enumerate().map(own).collect())
    }

    /// An engine of the executable that a launch is of.
    pub(super) fn engine(
        &mut self,
        program: &Program,
        engine: impl Into<String>,
    ) -> Result<&mut Guest, ScenarioError> {
        let at = program.side().min(self.0.len().saturating_sub(1));
        self.0[at].engine(engine.into())
    }

    /// Has this engine of each make its memo of the data as they are, from the one of the state
    /// `from`, and keeps it as the state `to`.
    pub(super) fn remember(
        &mut self,
        engine: Engine,
        ask: impl Fn(&Guest) -> Ask,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), ScenarioError> {
        let Some(to) = to else { return Ok(()) };
        for own in &mut self.0 {
            let engine = own.engine(engine.into())?;
            let ask = ask(engine);
            engine.remember(&ask, from, to)?;
        }
        Ok(())
    }
}

impl Own {
    fn engine(&mut self, name: String) -> Result<&mut Guest, ScenarioError> {
        let Self { program, folder, limit, engines } = self;
        match engines.entry(name) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) => {
                let word = free.key().clone();
                let guarded = Guarded::Metadata;
                Ok(free.insert(open(program, &word, &folder.join(&word), *limit, guarded)?))
            }
        }
    }
}

/// What this word starts of an executable, with a folder for its memo below `folder`.
pub(super) fn open(
    program: &Path,
    word: &str,
    folder: &Path,
    limit: Duration,
    guarded: Guarded,
) -> Result<Guest, ScenarioError> {
    let argv = [program.display().to_string()].into_iter().chain(engine::arguments(word));
    let plan =
        CandidatePlan { name: word.to_owned(), argv: argv.collect(), ..CandidatePlan::default() };
    let mut guest = Guest::open(&plan, folder, limit, guarded)?;
    guest.learn_start()?;
    Ok(guest)
}

/// What a launch of our own is asked beside its request.
pub(super) fn with(program: &Program) -> With {
    With { cores: program.cores(), handicap: program.handicap, tool: program.tool().to_vec() }
}
