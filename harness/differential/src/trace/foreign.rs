//! Histories of a trace database with a candidate in the place of the scanner.

use std::cell::RefCell;
use std::io;
use std::path::Path;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use tracerig_oracle::Window;
use tracerig_protocol::{Ask, ScanAsked, WirePath};

use super::arguments::{ArtifactOp, Defect};
use super::data_op::DataOp;
use super::generate::{generate, generate_processes};
use super::op::{Case, Op, Profile};
use super::race_op::Race;
use super::scan_op::{Act, ScanOp};
use super::world::World;
use crate::foreign::{
    Asking, Candidate, Damage, Error, Failure, Foreign, Interruption, Memo, kinds, trace_answer,
};
use crate::subject::Subject;
use crate::tally::Tally;

/// Scans of trace databases by a candidate.
#[derive(Debug, Clone)]
pub struct CandidateTrace(pub Candidate);

impl Subject for CandidateTrace {
    const VERB: &'static str = "trace";
    const CHECKED: &'static str = "answers";

    type Case = Case;
    type Error = Error;
    type Setup = RefCell<Box<dyn Foreign>>;

    fn kinds() -> Vec<&'static str> {
        kinds()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        self.0.settings()
    }

    fn remarks(&self) -> Vec<String> {
        self.0.remarks()
    }

    fn flags(&self) -> String {
        self.0.flag()
    }

    fn generate(&self, random: &mut ChaCha8Rng, operations: usize) -> Case {
        // As for the scanner, so that the histories are the same ones.
        let (fresh, _): (u64, u64) = (random.random(), random.random());
        if self.0.processes.has(fresh) {
            generate_processes(random, operations)
        } else {
            generate(random, operations, Profile::Contract)
        }
    }

    fn set_up(&self, _: &Path) -> io::Result<Self::Setup> {
        Ok(RefCell::new(self.0.opener.open()?))
    }

    fn run(&self, setup: &Self::Setup, folder: &Path, case: &Case) -> Result<Tally, Failure> {
        run_foreign(case, folder, &mut **setup.borrow_mut())
    }
}

/// Executes `case` with files in `folder`, which must be empty, and asks `foreign` for each scan.
///
/// # Errors
/// The first thing that went wrong.
pub fn run_foreign(
    case: &Case,
    folder: &Path,
    foreign: &mut dyn Foreign,
) -> Result<Tally, Failure> {
    let fail = |op| move |error| Failure { op, error };
    let mut runner = Runner::new(case, folder, foreign).map_err(fail(0))?;
    for (place, op) in case.ops.iter().enumerate() {
        runner.step(op).map_err(fail(place))?;
    }
    Ok(runner.asking.tally)
}

struct Runner<'a> {
    folder: &'a Path,
    world: World,
    /// Whether scans name the database by a link.
    link: bool,
    window: Window,
    asking: Asking<'a>,
    /// The memo that no scan uses now.
    other: Option<Memo>,
}

impl<'a> Runner<'a> {
    fn new(case: &Case, folder: &'a Path, foreign: &'a mut dyn Foreign) -> Result<Self, Error> {
        let data = folder.join("data");
        std::fs::create_dir_all(&data)?;
        Ok(Self {
            folder,
            world: World::new(&data, case.identity)?,
            link: case.link,
            window: Window::default(),
            asking: Asking::new(foreign, folder.join("memo"), case.fresh)?,
            other: None,
        })
    }

    fn step(&mut self, op: &Op) -> Result<(), Error> {
        match op {
            Op::Data(DataOp::Outside(_)) => {
                Err(Error::Impossible("a candidate is asked under the contract only".to_owned()))
            }
            Op::Data(op) => self.data(op),
            Op::Artifact(op) => self.artifact(*op),
            Op::Window(window) => {
                self.window = *window;
                Ok(())
            }
            Op::OtherMemo => self.asking.turn_to(&mut self.other, self.folder.join("other-memo")),
            Op::Scan(scan) => self.scan(scan),
            Op::Race(race) => self.race(race),
            Op::Refused(defect) => self.refused(*defect),
        }
    }

    fn data(&mut self, op: &DataOp) -> Result<(), Error> {
        self.asking.changed();
        Ok(self.world.apply(op)?)
    }

    /// What happens to a memo of ours, as far as it can happen to one of which nothing is known.
    fn artifact(&mut self, op: ArtifactOp) -> Result<(), Error> {
        self.asking.changed();
        self.asking.damage(match op {
            ArtifactOp::Remove => Damage::Remove,
            ArtifactOp::Save => Damage::Save,
            ArtifactOp::Restore => Damage::Restore,
            ArtifactOp::Truncate => Damage::Truncate,
            ArtifactOp::Clear => Damage::Clear,
            ArtifactOp::Flip(_) => Damage::Flip,
            ArtifactOp::Link
            | ArtifactOp::OtherParser
            | ArtifactOp::OtherVersion
            | ArtifactOp::OtherDatabase => return Ok(()),
        })
    }

    fn asked(&self, rescan: bool) -> Result<Ask, Error> {
        let database = if self.link { self.world.link()? } else { self.world.database.clone() };
        Ok(Ask::Scan(ScanAsked {
            database: WirePath(database),
            memo: self.asking.memo(),
            since: self.window.since,
            until: self.window.until,
            force: rescan,
        }))
    }

    fn ask(&mut self, rescan: bool) -> Result<(), Error> {
        let right = trace_answer(&self.world.view()?.answer(self.window).turns);
        // A candidate that is the last to leave a database must not tidy it up.
        self.world.leave();
        let ask = self.asked(rescan)?;
        self.asking.ask(&ask, right)
    }

    fn scan(&mut self, scan: &ScanOp) -> Result<(), Error> {
        for act in scan.event.iter().flat_map(|event| &event.acts) {
            match act {
                Act::Data(op) => self.data(op)?,
                Act::Artifact(op) => self.artifact(*op)?,
                Act::Other { rescan } => self.ask(*rescan)?,
                Act::OtherWaits => self.ask(false)?,
                Act::OtherDies(_) | Act::Fail | Act::Cancel => {
                    self.interrupt(Interruption::Cancel)?;
                }
            }
        }
        self.ask(scan.rescan)
    }

    fn interrupt(&mut self, how: Interruption) -> Result<(), Error> {
        let ask = self.asked(false)?;
        self.asking.interrupt(&ask, how)
    }

    /// One after the other: what happens at once is not the same twice, and here nothing can tell
    /// what happened.
    fn race(&mut self, race: &Race) -> Result<(), Error> {
        for op in race.writer.iter().flat_map(|writer| &writer.ops) {
            self.data(op)?;
        }
        for racer in &race.scans {
            match racer.kill {
                Some(kill) => self.interrupt(Interruption::Kill(kill.after))?,
                None => self.ask(racer.rescan)?,
            }
        }
        self.ask(false)
    }

    fn refused(&mut self, defect: Defect) -> Result<(), Error> {
        self.asking.changed();
        self.world.set_defect(defect, true)?;
        let ask = self.asked(false)?;
        let why = match defect {
            Defect::NoFile => "the database does not exist",
            Defect::NoTable => "the database has no table `logs`",
            Defect::NoColumn => "the table `logs` has no column `target`",
        };
        let done = self.asking.ask_in_vain(&ask, why);
        if matches!(done, Err(Error::Io(_))) {
            // Whoever only wants to see the data finds it as it was asked about.
            return done;
        }
        self.world.set_defect(defect, false)?;
        done
    }
}
