//! Histories of a session archive with a candidate in the place of the scanner.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use tracerig_oracle::archive;
use tracerig_protocol::{Ask, UsageAsked, WirePath};

use super::arguments::{MemoOp, Mode};
use super::generate::generate;
use super::line::turn;
use super::op::{Case, Dates, Op};
use super::world::World;
use crate::foreign::{
    Asking, Candidate, Damage, Error, Failure, Foreign, Interruption, kinds, usage_answer,
};
use crate::subject::Subject;
use crate::tally::Tally;

/// Usage of session archives by a candidate.
#[derive(Debug, Clone)]
pub struct CandidateArchive(pub Candidate);

impl Subject for CandidateArchive {
    const VERB: &'static str = "archive";
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
        let fresh: u64 = random.random();
        let case = generate(random, operations);
        // The field says nothing else to a candidate.
        Case { python: self.0.processes.has(fresh), ..case }
    }

    fn set_up(&self, _: &Path) -> io::Result<Self::Setup> {
        Ok(RefCell::new(self.0.opener.open()?))
    }

    fn run(&self, setup: &Self::Setup, folder: &Path, case: &Case) -> Result<Tally, Failure> {
        run_foreign(case, folder, &mut **setup.borrow_mut())
    }
}

/// Executes `case` with files in `folder`, which must be empty, and asks `foreign` at each refresh.
///
/// # Errors
/// The first thing that went wrong.
pub fn run_foreign(
    case: &Case,
    folder: &Path,
    foreign: &mut dyn Foreign,
) -> Result<Tally, Failure> {
    let fail = |op| move |error| Failure { op, error };
    // A candidate sees the dates that the system gives.
    let case = Case { dates: Dates::System, ..case.clone() };
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    let mut runner = Runner {
        world: World::new(&case, &data)?,
        zone: 0,
        priority: BTreeSet::new(),
        asking: Asking::new(foreign, folder.join("memo"), case.python).map_err(fail(0))?,
    };
    let mut done = Ok(());
    for (place, op) in case.ops.iter().enumerate() {
        done = runner.step(op).map_err(fail(place));
        if done.is_err() {
            break;
        }
    }
    runner.world.end();
    done.map(|()| runner.asking.tally)
}

struct Runner<'a> {
    world: World,
    zone: i64,
    priority: BTreeSet<String>,
    asking: Asking<'a>,
}

impl Runner<'_> {
    fn step(&mut self, op: &Op) -> Result<(), Error> {
        match op {
            Op::Memo(op) => self.memo(*op),
            Op::Zone(minutes) => {
                self.zone = i64::from(*minutes);
                Ok(())
            }
            Op::Priority(turns) => {
                self.priority = turns.iter().flatten().copied().map(turn).collect();
                Ok(())
            }
            Op::Refresh(mode) => self.ask(*mode == Mode::Rescan),
            Op::Ended(after) => {
                let ask = self.asked(false);
                self.asking.interrupt(&ask, after.map_or(Interruption::Cancel, Interruption::Kill))
            }
            op => {
                self.asking.changed();
                let before = self.world.folders();
                self.world.apply(op)?;
                Ok(self.world.folders_changed(&before)?)
            }
        }
    }

    /// What happens to a memo of ours, as far as it can happen to one of which nothing is known.
    fn memo(&mut self, op: MemoOp) -> Result<(), Error> {
        self.asking.changed();
        self.asking.damage(match op {
            MemoOp::Remove | MemoOp::RemoveManifest => Damage::Remove,
            MemoOp::FlipManifest | MemoOp::FlipHeads | MemoOp::FlipDetails => Damage::Flip,
            MemoOp::Shorten => Damage::Truncate,
            MemoOp::Save => Damage::Save,
            MemoOp::Restore => Damage::Restore,
            MemoOp::OtherVersion | MemoOp::OtherParser | MemoOp::OtherHome => return Ok(()),
        })
    }

    fn ask(&mut self, rescan: bool) -> Result<(), Error> {
        if !self.world.is_home() {
            return Ok(());
        }
        let view = archive::view(&self.world.home, &self.priority, self.zone);
        if !view.unreadable.is_empty() {
            // A candidate may keep what it knew of a file that cannot be read, or not.
            self.asking.tally.count("not compared, because a file cannot be read");
            return Ok(());
        }
        let ask = self.asked(rescan);
        self.asking.ask(&ask, usage_answer(&view, self.zone))
    }

    fn asked(&self, rescan: bool) -> Ask {
        Ask::Usage(UsageAsked {
            home: WirePath(self.world.home.clone()),
            memo: self.asking.memo(),
            zone_minutes: self.zone,
            priority: self.priority.iter().cloned().collect(),
            database: None,
            force: rescan,
        })
    }
}
