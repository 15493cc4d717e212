//! Two executables compared, arm by arm: exact work first, then pairs of samples in random order.
//!
//! Both run on the same database in the same state, and every answer of both is verified. The
//! verdicts are those of the reports; what is here finds out how long a sample must be (`pilot`),
//! takes the samples (`rounds`), launches both programs on a scenario (`sides`), puts these side by
//! side (`executables`), builds revisions (`revision`), and shows what such comparisons find
//! (`self_check`).

mod error;
mod executables;
mod pilot;
mod programs;
mod revision;
mod rounds;
mod self_check;
mod sides;

use std::cell::RefCell;

use serde::Serialize;
use tracerig_reports::Comparison;
use tracerig_reports::comparison::{ArmTimes, Refusal};
use tracerig_reports::record::{ArmKey, Record, Sample};
use tracerig_reports::verdict::Rules;

pub use error::CompareError;
pub use programs::Subject;
pub use revision::{Built, Source, build, last_tag};
pub use self_check::{Arm, Checked, SelfCheck, self_check};

use crate::machine;
use crate::plan::Run;
use crate::protocol::ProtocolError;
use crate::scenario::{self, Definition, DefinitionError, Measured, Place, Session};
use programs::Programs;
use rounds::Rounds;
use sides::{Launched, Side, Sides};

/// What is compared, and how.
#[derive(Debug)]
pub struct Job {
    /// What is compared with, and what the user calls it.
    pub base: (String, Subject),
    /// What is in question, and what the user calls it.
    pub new: (String, Subject),
    /// The runs whose compared arms are launched.
    pub runs: Vec<Run>,
    /// Pairs of samples of each arm, in each of the two runs that a change must show in.
    pub pairs: u64,
    /// Whether only work is compared.
    pub counters_only: bool,
    /// What counts as a change.
    pub rules: Rules,
    /// Where it is done. Its seed is that of the orders; its program is not launched.
    pub place: Place,
}

impl Job {
    /// The arms that are timed in other runs than this one.
    fn timed_beside(&self, run: &Run) -> u64 {
        let others =
            self.runs.iter().filter(|other| other.name != run.name && !other.counters_only);
        others.map(|other| other.compare.len() as u64).sum()
    }
}

/// What a comparison is busy with.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A run of the plan begins.
    Run(&'a Run),
    /// A run is left out, because one of the programs is too old for it.
    NotCompared {
        /// The run.
        run: &'a Run,
        /// What the user calls the program.
        name: &'a str,
        /// Why.
        error: &'a ProtocolError,
    },
    /// Its scenario is made ready.
    Preparing(scenario::Event<'a>),
    /// The first sample of a run is next. These will be its records, without samples yet.
    Begun(&'a [(&'static str, Record); 3]),
    /// A sample was taken.
    Taken {
        /// The name of its record.
        record: &'static str,
        /// The sample.
        sample: &'a Sample,
    },
    /// A sample is taken.
    Sample {
        /// Samples taken so far.
        at: u64,
        /// Samples of both runs of pairs together: the second is made only of arms that are not
        /// clear after the first.
        of: u64,
        /// Of this arm.
        arm: &'a ArmKey,
    },
}

/// The comparison of one run of a plan.
#[derive(Debug)]
pub struct Compared {
    /// The name of the run.
    pub name: String,
    /// The verdicts.
    pub comparison: Comparison,
    /// Every raw sample: of the base, of the base once more, of the new program.
    pub records: [(&'static str, Record); 3],
    /// Every sample in the order taken.
    pub taken: Vec<TakenSample>,
    /// Whether it was cut short by Ctrl-C.
    pub interrupted: bool,
}

/// A sample in the order taken.
#[derive(Clone, Debug, Serialize)]
pub struct TakenSample {
    /// `base`, `again` or `new`: the name of its record.
    pub record: &'static str,
    /// Its place in that record.
    pub order: usize,
}

/// Compares the two executables by each run in turn, and hands over each comparison as soon as it
/// is there, so that nothing that goes wrong later takes it away. Ctrl-C ends it with the runs and
/// samples there are, and so does what goes wrong between samples.
///
/// # Errors
/// See [`CompareError`]. A process that fails or answers wrongly is no error but a part of the
/// verdict.
pub fn run(
    job: &Job,
    tell: &mut dyn FnMut(Event<'_>),
    hand_over: &mut dyn FnMut(Compared),
) -> Result<(), CompareError> {
    let programs = Programs::of(job)?;
    let (mut refused, mut is_any) = (None, false);
    for run in &job.runs {
        if let Some((name, error)) = programs.lacks(job, run)? {
            tell(Event::NotCompared { run, name, error: &error });
            refused.get_or_insert(error);
            continue;
        }
        tell(Event::Run(run));
        let cut = one(job, run, &programs, tell, hand_over)?;
        is_any = true;
        match cut {
            None => {}
            Some(CompareError::Interrupted) => break,
            Some(error) => return Err(error),
        }
    }
    // A comparison of nothing would look like one without a difference.
    refused.filter(|_| !is_any).map_or(Ok(()), |error| Err(error.into()))
}

/// Compares by one run, and hands over the comparison before its working copies are removed, which
/// takes seconds. Returns what cut it short, if anything did.
fn one(
    job: &Job,
    run: &Run,
    programs: &Programs,
    tell: &mut dyn FnMut(Event<'_>),
    hand_over: &mut dyn FnMut(Compared),
) -> Result<Option<CompareError>, CompareError> {
    let place = &job.place;
    let definition = match programs {
        Programs::Executables(_) => compared(run)?,
        Programs::Commands(_) => run.definition().map_err(of_run(run))?,
        Programs::Candidates(both) => run.of_candidates(both).map_err(of_run(run))?,
    };
    let mut sides =
        Sides::of(definition, place, programs, &mut |event| tell(Event::Preparing(event)))?;
    let machine = machine::machine(place.of_data(&sides.definition.plan));
    let base = programs.told(Side::Base, &job.base.0, &machine);
    let new = programs.told(Side::New, &job.new.0, &machine);
    let times_refused = Refusal::of(&base, &new);
    let work_alone = job.counters_only || run.counters_only || times_refused.is_some();
    let pairs = if work_alone { 0 } else { job.pairs };
    let rules =
        Rules { beside: if work_alone { 0 } else { job.timed_beside(run) }, ..job.rules.clone() };
    let metric = sides.metric();
    if pairs > 0 {
        let what = "finding out how many launches make a sample";
        let mut goes_on = || tell(Event::Preparing(scenario::Event::Preparing(what)));
        pilot::settle(&mut sides, metric, pairs, &rules, place.seed, &mut goes_on)?;
    }
    let of = sides.arms().len() as u64 * (2 + 2 * 3 * pairs);
    sides.definition.plan.samples = pairs.max(1);

    let session = Session::begin(place);
    let (plan, dataset) = (sides.definition.plan.clone(), sides.scenario.dataset().clone());
    let record = |side: Side, samples, interrupted| {
        let of_side = programs.plan(side, &plan);
        let measured = Measured { plan: of_side, dataset: dataset.clone(), samples, interrupted };
        let build = if side == Side::New { &new.build } else { &base.build };
        (side.name(), session.of(build.clone()).record(measured, place.of_data(&plan)))
    };
    tell(Event::Begun(&Side::ALL.map(|side| record(side, Vec::new(), true))));
    let telling = RefCell::new(&mut *tell);
    let mut hear = |side: Side, sample: &Sample| {
        (*telling.borrow_mut())(Event::Taken { record: side.name(), sample });
    };
    let mut rounds = Rounds::new(&mut sides, metric, place.seed);
    rounds.hear = Some(&mut hear);
    let verdicts = rounds.run(pairs, &rules, &mut |at, arm| {
        (*telling.borrow_mut())(Event::Sample { at, of, arm });
    });
    let Rounds { samples, taken, cut, .. } = rounds;
    let cut = match cut {
        // Without a single sample there is nothing to hand over.
        Some(error) if taken.is_empty() => return Err(error),
        cut => cut,
    };
    let [of_base, of_again, of_new] = samples;
    let is_cut = cut.is_some();
    let records = [
        record(Side::Base, of_base, is_cut),
        record(Side::Again, of_again, is_cut),
        record(Side::New, of_new, is_cut),
    ];
    let times = if work_alone { Vec::new() } else { ArmTimes::of(&records[0].1, &records[2].1) };
    hand_over(Compared {
        name: run.name.clone(),
        comparison: Comparison {
            times,
            scenario: plan.scenario.clone(),
            recipe: plan.recipe.clone(),
            command: place.command.clone(),
            times_refused,
            verdicts,
            base,
            new,
        },
        records,
        taken,
        interrupted: matches!(cut, Some(CompareError::Interrupted)),
    });
    Ok(cut)
}

/// What is asked of the compared arms of a run.
fn compared(run: &Run) -> Result<Definition, CompareError> {
    run.of_compared().map_err(of_run(run))
}

fn of_run(run: &Run) -> impl FnOnce(DefinitionError) -> CompareError {
    |source| CompareError::Run { run: run.name.clone(), source }
}
