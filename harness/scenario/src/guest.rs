//! A candidate of somebody else as a run launches it: asked by the protocol, with a memo that it
//! makes itself, and judged first by the protocol and then by the right answer.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tracerig_protocol::{
    Answer, Ask, Capability, Claims, Contract, ErrorKind, Expected, Hello, Outcome, Split,
    UsageAnswer, UsageDeclared, WirePath,
};
use tracerig_reports::record::{
    ArmPlan, Cache, CandidatePlan, Counter, Histogram, Launch, Phase, Plan, Process, SampleState,
    names,
};

use super::kept::KeptFolder;
use super::prepared_database::digest_of;
use super::{ScenarioError, finished, outcomes};
pub(super) use crate::candidate::With;
use crate::candidate::{self, Begun, Definition, Guard, Guarded, NotOpened, Opened, Served};

/// How long one launch of a candidate may take, if nothing else is said.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A candidate that a run is asked to measure.
#[derive(Clone, Debug)]
pub struct Invited {
    /// As the record names it.
    pub plan: CandidatePlan,
    /// What it can do beside answering; `None`: nobody knows.
    capabilities: Option<Vec<Capability>>,
}

/// Why a candidate is not measured.
#[derive(Debug, thiserror::Error)]
pub enum NotInvited {
    /// What it means is not installed.
    #[error("unavailable: {0}: {1}")]
    Unavailable(String, String),
    /// It answers other questions.
    #[error(
        "{0} does not offer the contract `{1}`; see `capabilities` and `contracts` in \
         docs/protocol.md"
    )]
    OtherContract(String, Contract),
    /// This machine has no room for temporary files.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Invited {
    /// Asks the candidate that `definition` defines who it is. One that says nothing sensible is
    /// invited anyway: its fault is its row.
    ///
    /// # Errors
    /// See [`NotInvited`].
    pub fn of(definition: &Definition, contract: Contract) -> Result<Self, NotInvited> {
        let mut plan = CandidatePlan {
            name: definition.name.clone(),
            version: None,
            argv: definition.argv.clone(),
            folder: definition.folder.to_string_lossy().into_owned(),
            env: definition.env.clone(),
            ships: definition.ships(),
            sha256: None,
        };
        match candidate::open(definition, LIMIT)? {
            Ok(candidate) => {
                let hello = candidate.said();
                if !hello.offers(contract) {
                    return Err(NotInvited::OtherContract(definition.name.clone(), contract));
                }
                plan.version = Some(hello.version.clone());
                plan.sha256 = candidate.sha256().ok();
                Ok(Self { plan, capabilities: Some(hello.capabilities.clone()) })
            }
            Err(NotOpened::Unavailable(why)) => {
                Err(NotInvited::Unavailable(definition.name.clone(), why))
            }
            // Nobody knows: each of its arms shows the fault.
            Err(NotOpened::Faulty(_)) => Ok(Self { plan, capabilities: None }),
        }
    }

    /// The same from a record, as one that can be launched in every arm that the record has.
    pub(super) fn again(plan: &CandidatePlan) -> Self {
        Self { plan: plan.clone(), capabilities: None }
    }

    /// Whether it can be launched in this arm, as far as anybody knows.
    pub(super) fn fits(&self, arm: &GuestArm<'_>) -> bool {
        let Some(capabilities) = &self.capabilities else { return true };
        arm.needs.is_none_or(|needed| capabilities.contains(&needed))
    }
}

/// What every scenario knows of an arm of candidates.
#[derive(Clone, Copy, Debug)]
pub(super) struct GuestArm<'a> {
    pub(super) name: &'a str,
    pub(super) why: &'a str,
    /// What a candidate must be able to do to be launched in it.
    pub(super) needs: Option<Capability>,
    /// Whether it is launched only when asked for by name.
    pub(super) on_request: bool,
    pub(super) caches: &'a [Cache],
}

impl GuestArm<'_> {
    /// The arm of both sides of a comparison.
    pub(super) fn of_side(self) -> ArmPlan {
        ArmPlan {
            name: self.name.to_owned(),
            cache: *self.caches.first().unwrap_or(&Cache::Hot),
            engine: SIDE.to_owned(),
            process: Process::Fresh,
            why: self.why.to_owned(),
            launches_per_sample: 0,
        }
    }

    /// The arms of `invited` in the plan, one for each state of the page cache; none if it cannot
    /// be launched in them.
    pub(super) fn of(self, invited: &Invited) -> impl Iterator<Item = ArmPlan> {
        let can = invited.fits(&self);
        self.caches.iter().filter(move |_| can).map(move |&cache| ArmPlan {
            name: invited.plan.arm(self.name),
            cache,
            engine: invited.plan.label(),
            process: Process::Fresh,
            why: self.why.to_owned(),
            launches_per_sample: 0,
        })
    }
}

/// The engine of an arm in which both sides of a comparison are candidates.
const SIDE: &str = "candidate";

/// Whose processes an arm launches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    /// Those of the candidate at this place of the plan.
    At(usize),
    /// Those of the side whose sample is taken.
    Side,
}

/// The arm of a scenario that `arm` launches, by its name, and whose processes; `None` for one of
/// our own engines.
pub(super) fn asked<'a>(plan: &Plan, arm: &'a ArmPlan) -> Option<(&'a str, Whose)> {
    if arm.engine == SIDE {
        return Some((&arm.name, Whose::Side));
    }
    let at = plan.candidates.iter().position(|candidate| candidate.label() == arm.engine)?;
    let name = arm.name.strip_prefix(&arm.engine).unwrap_or_default().trim_start();
    Some((name, Whose::At(at)))
}

/// A candidate of somebody else, and its memo.
#[derive(Debug)]
pub(super) struct Guest {
    opened: Opened<candidate::Candidate>,
    pub(super) memo: KeptFolder,
    /// What a process of it reads before it does anything, and in how many calls, as far as that is
    /// left out of what its processes read.
    start: (u64, u64),
    /// Memos that it could not make, by state, each with why.
    unmade: Vec<(String, String)>,
    /// What it answered when it made a memo, by state.
    answers: Vec<(String, Answer)>,
}

impl Guest {
    /// Asks the candidate who it is, and gives it a folder for its memo below `folder`.
    pub(super) fn open(
        plan: &CandidatePlan,
        folder: &Path,
        limit: Duration,
        guarded: Guarded,
    ) -> Result<Self, ScenarioError> {
        let definition = Definition::of_plan(plan);
        let mut opened = candidate::open(&definition, limit)
            .map_err(ScenarioError::io(folder, "make temporary files for the candidate"))?;
        if let Ok(candidate) = &mut opened {
            let found = &candidate.said().version;
            if let Some(expected) = plan.version.as_ref().filter(|expected| *expected != found) {
                return Err(ScenarioError::OtherCandidate {
                    name: plan.name.clone(),
                    expected: expected.clone(),
                    found: found.clone(),
                });
            }
            candidate.be_measured();
            candidate.guarded = guarded;
        }
        let memo = KeptFolder::new(folder)?;
        Ok(Self { opened, memo, start: (0, 0), unmade: Vec::new(), answers: Vec::new() })
    }

    /// What it said of itself, unless it is faulty.
    pub(super) fn hello(&self) -> Option<&Hello> {
        self.opened.as_ref().ok().map(candidate::Candidate::said)
    }

    fn keeps_memo(&self) -> bool {
        self.hello().is_some_and(|hello| hello.can(Capability::Memo))
    }

    /// The folder that a request names as that of its memo.
    pub(super) fn told(&self) -> Option<WirePath> {
        self.keeps_memo().then(|| WirePath(self.memo.place.clone()))
    }

    /// Has it make its memo of the data as they are, from the one of the state `from`, and keeps it
    /// as the state `to`.
    pub(super) fn remember(
        &mut self,
        ask: &Ask,
        from: Option<&str>,
        to: &str,
    ) -> Result<(), ScenarioError> {
        if !self.keeps_memo() {
            return Ok(());
        }
        self.memo.restore(from.filter(|from| self.memo.has(from)))?;
        let Ok(candidate) = &mut self.opened else { return Ok(()) };
        let launch = candidate.launch(ask).map_err(launching(&self.memo.place))?;
        match launch.outcome {
            Outcome::Answered(answer, _) => {
                self.answers.push((to.to_owned(), answer));
                self.memo.keep(to)
            }
            other => {
                let why = format!("{} (when it was to make its memo)", outcomes::told(&other));
                self.unmade.push((to.to_owned(), why));
                Ok(())
            }
        }
    }

    /// Puts the memo of a state in place. `Err` is the state of a sample that lacks it.
    pub(super) fn restore(
        &self,
        state: Option<&str>,
    ) -> Result<Option<SampleState>, ScenarioError> {
        let unmade = self.unmade.iter().find(|(of, _)| Some(of.as_str()) == state);
        if let Some((_, why)) = unmade {
            return Ok(Some(SampleState::Failed { error: why.clone() }));
        }
        if self.keeps_memo() {
            self.memo.restore(state)?;
        }
        Ok(None)
    }

    /// From now on leaves out what a process reads before it does anything, told by one that does
    /// nothing. The C library reads `/proc/self/maps` then, which is longer where the path of the
    /// program is: without this, moving a program would seem to change its work.
    pub(super) fn learn_start(&mut self) -> Result<(), ScenarioError> {
        if let Ok(idle) = self.ask(&Ask::Idle, With::default())?
            && let (Outcome::Answered(..), Some(io)) =
                (idle.outcome, idle.ended.and_then(|ended| ended.io))
        {
            self.start = (io.rchar, io.syscr);
        }
        Ok(())
    }

    /// One launch, judged by the protocol alone, or the state of a sample that cannot be launched.
    pub(super) fn ask(&mut self, ask: &Ask, with: With) -> Result<Asked, ScenarioError> {
        let begun = self.begin(ask, with)?;
        self.finish(begun)
    }

    /// Spares the next launch a look at its data: these are they.
    pub(super) fn looked_at(&mut self, data: Option<Guard>) {
        if let Ok(candidate) = &mut self.opened {
            candidate.before = data;
        }
    }

    /// Starts one launch, which [`Guest::finish`] waits for.
    pub(super) fn begin(
        &mut self,
        ask: &Ask,
        with: With,
    ) -> Result<Result<Begun, SampleState>, ScenarioError> {
        let failed = launching(&self.memo.place);
        match self.opened(with) {
            Ok(candidate) => candidate.begin(ask).map(Ok).map_err(failed),
            Err(state) => Ok(Err(state)),
        }
    }

    /// Waits for the end of a launch, and judges it by the protocol alone.
    pub(super) fn finish(
        &mut self,
        begun: Result<Begun, SampleState>,
    ) -> Result<Asked, ScenarioError> {
        let mut done = match (begun, &mut self.opened) {
            (Ok(begun), Ok(candidate)) => {
                candidate.finish(begun, None).map_err(launching(&self.memo.place))?
            }
            (Ok(_), Err(not_opened)) => return Ok(Err(outcomes::not_opened(not_opened))),
            (Err(state), _) => return Ok(Err(state)),
        };
        let asked = done.request.line().len() as u64;
        if let Some(io) = done.ended.as_mut().and_then(|ended| ended.io.as_mut()) {
            // Neither its request, which follows the paths in it.
            io.rchar = io.rchar.saturating_sub(self.start.0 + asked);
            io.syscr = io.syscr.saturating_sub(self.start.1);
        }
        Ok(Ok(done))
    }

    /// Asks a process that goes on answering, likewise.
    pub(super) fn serve(
        &mut self,
        ask: &Ask,
        with: With,
    ) -> Result<Result<Served, SampleState>, ScenarioError> {
        let failed = launching(&self.memo.place);
        match self.opened(with) {
            Ok(candidate) => candidate.serve(ask).map(Ok).map_err(failed),
            Err(state) => Ok(Err(state)),
        }
    }

    /// Ends the process that goes on answering, if there is one.
    pub(super) fn stop_serving(&mut self) {
        self.opened.iter_mut().for_each(candidate::Candidate::stop_serving);
    }

    /// The candidate, which is to ask for this beside its answers.
    fn opened(&mut self, with: With) -> Result<&mut candidate::Candidate, SampleState> {
        let candidate = self.opened.as_mut().map_err(|error| outcomes::not_opened(error))?;
        candidate.with = with;
        Ok(candidate)
    }

    /// One launch, judged: its answer must be `right`. `state` is that of its memo.
    pub(super) fn launch(
        &mut self,
        ask: &Ask,
        right: Option<&Answer>,
        state: Option<&str>,
        counters: Claimed,
    ) -> Result<(Launch, SampleState), ScenarioError> {
        let done = match self.ask(ask, With::default())? {
            Ok(done) => done,
            Err(state) => return Ok((finished::not_started(), state)),
        };
        let earlier: Vec<Answer> = self
            .answers
            .iter()
            .filter(|(of, answer)| Some(of.as_str()) == state && Some(answer) != right)
            .map(|(_, answer)| answer.clone())
            .collect();
        let declared = self.hello().and_then(|hello| hello.usage.as_ref());
        let declared = declared.map(|declared| told_apart(declared, right));
        let (wall, ended) = (done.wall, done.ended);
        let outcome = match right {
            Some(right) => done.outcome.against(&Expected {
                right,
                earlier: &earlier,
                again: None,
                declared: declared.as_ref(),
            }),
            None => done.outcome,
        };
        let mut launch = finished::not_started();
        if let Some(ended) = &ended {
            launch = finished::of_system(wall, ended);
            let io =
                [("rchar", ended.io.map(|io| io.rchar)), ("syscr", ended.io.map(|io| io.syscr))];
            launch.counters =
                io.map(|(name, value)| (name.to_owned(), Counter::advisory(value))).into();
        }
        if let Some(answer) = outcome.answer() {
            describe(&mut launch, answer);
        }
        let state = match &outcome {
            Outcome::Answered(_, claims) => {
                claim(&mut launch, claims, counters);
                // Who is asked for anything else is timed from outside.
                if let Ask::Load(_) = ask {
                    launch.histograms = histograms(claims);
                }
                launch.verified = true;
                SampleState::Valid
            }
            // A process that says that it does not know `idle` has started and exited.
            Outcome::Refused(refusal)
                if *ask == Ask::Idle && refusal.kind == ErrorKind::Unsupported =>
            {
                launch.verified = true;
                SampleState::Valid
            }
            other => outcomes::fault(other),
        };
        Ok((launch, state))
    }
}

/// A launch, or the state of a sample that cannot be launched.
pub(super) type Asked = Result<candidate::Launch, SampleState>;

/// What may be concluded from the counters that a candidate claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claimed {
    /// Nothing: they are shown.
    Shown,
    /// A change of them is a change of its work: the other side is a build of the same program.
    Exact,
}

/// What both a candidate and the right answer tell apart: that of a measured archive does not tell
/// sessions.
fn told_apart(declared: &UsageDeclared, right: Option<&Answer>) -> UsageDeclared {
    let mut declared = declared.clone();
    if let Some(Answer::Usage(UsageAnswer { rows, .. })) = right
        && rows.iter().all(|row| row.session.is_none())
    {
        declared.by.retain(|split| *split != Split::Session);
    }
    declared
}

fn launching(path: &Path) -> impl FnOnce(std::io::Error) -> ScenarioError + use<> {
    let path = path.to_owned();
    move |error| match error.kind() {
        std::io::ErrorKind::Interrupted => ScenarioError::Interrupted,
        _ => ScenarioError::io(&path, "launch the candidate of this memo")(error),
    }
}

/// What the answer itself tells.
fn describe(launch: &mut Launch, answer: &Answer) {
    match answer {
        Answer::Trace(answer) => {
            launch.mode = answer.mode.clone();
            launch.turns = Some(answer.turns.len() as u64);
            launch.answer_digest = Some(digest_of(answer));
        }
        Answer::Hello(_) | Answer::Idle | Answer::Usage(_) | Answer::Append(_) => {}
    }
}

/// Writes down what the candidate claims of its work.
fn claim(launch: &mut Launch, claims: &Claims, counters: Claimed) {
    let phase = |(name, ns): (&String, &u64)| Phase {
        name: name.clone(),
        elapsed: Duration::from_nanos(*ns),
    };
    launch.phases = claims.phases_ns.iter().map(phase).collect();
    for (name, value) in &claims.counters {
        let (name, counter) = match counters {
            Claimed::Shown => (format!("claimed_{name}"), Counter::advisory(Some(*value))),
            Claimed::Exact => (name.clone(), Counter::exact(Some(*value))),
        };
        launch.counters.entry(name).or_insert(counter);
    }
}

/// The distributions of times that are claimed and that records have, as far as they can be read.
pub(super) fn histograms(claims: &Claims) -> BTreeMap<String, Histogram> {
    let read = |name: &str| {
        let text = claims.histograms.get(name)?.clone();
        Some((name.to_owned(), serde_json::from_value(text.into()).ok()?))
    };
    names::HISTOGRAMS.into_iter().filter_map(read).collect()
}
