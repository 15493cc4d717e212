//! The facts of a dataset: processes whose every row is planned beforehand, at times that depend on
//! nothing but recipe and seed. So the same facts are in the dataset at every scale, and the same
//! ones fall to retention.

use std::ops::Range;
use std::sync::Arc;

use tracerig_store::Retention;

use crate::batch::{BATCH_ROWS, Batch, NANOS, Weight};
use crate::dialect::Dialect;
use crate::dice::Dice;
use crate::error::{DatasetError, Result};
use crate::recipe::{Era, FactPlan, Recipe};
use crate::rows::{RowWriter, Thread, TurnRow, milliseconds, process_uuid};
use crate::shapes::Shapes;
use crate::truth::TierForm;

/// Threadless rows of a process with facts; few enough that none is pruned.
const PROCESS_ROWS: u64 = 120;

/// A planned row.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: i64,
    /// Position of the thread; `None` for a row without one.
    thread: Option<usize>,
    /// The turn it belongs to; a new one starts with each number.
    turn: usize,
    row: Row,
}

#[derive(Debug, Clone, Copy)]
enum Row {
    Ordinary,
    Turn(TurnRow),
}

/// A turn as planned.
#[derive(Debug, Clone, Copy)]
struct Turn {
    priority: bool,
    /// Requests with an answer each.
    requests: u64,
    /// Whether another submission comes while it runs.
    is_steered: bool,
}

/// A process with facts.
#[derive(Debug)]
struct Process {
    uuid: Arc<str>,
    threads: Vec<Thread>,
    /// Turn that each thread is in.
    current: Vec<usize>,
    steps: Vec<Step>,
    dice: Dice,
}

/// All processes with facts, read batch by batch in the order of time.
#[derive(Debug)]
pub(crate) struct Facts {
    processes: Vec<Process>,
    /// Process and step that come next.
    next: (usize, usize),
}

impl Facts {
    /// Plans the facts. `start` is the dataset's first moment in nanoseconds.
    pub(crate) fn plan(recipe: &Recipe, shapes: &Shapes, seed: u64, start: i64) -> Result<Self> {
        let plan = &recipe.facts;
        let mut dice = Dice::new(seed, "fact-plan", 0);
        let turns = turns(recipe, &mut dice);
        let span = i64::try_from(recipe.span_hours).unwrap_or(0) * 3600 * NANOS;
        let mut processes: Vec<Process> = Vec::new();
        for at in 0..plan.processes {
            let mut dice = Dice::new(seed, "fact-process", at);
            // Apart from each other by the same time, so that they never overlap.
            let part = i64::try_from(2 * at + 1).unwrap_or(0) * span
                / i64::try_from(2 * plan.processes).unwrap_or(1);
            let begin = start + part;
            let threads = share(plan.threads, at, plan.processes);
            let dialect = plan.dialect(at);
            let scripts: Vec<Vec<(usize, Row)>> = threads
                .map(|thread| script(recipe, dialect, &turns, thread, &mut dice))
                .collect::<Result<_>>()?;
            let mut process =
                Process::new(begin, scripts, shapes, dice, Dice::new(seed, "fact-rows", at));
            if let Some(before) = processes.last() {
                process.resume(before, plan.resumed_threads);
            }
            processes.push(process);
        }
        Ok(Self { processes, next: (0, 0) })
    }

    /// The time of the next batch, that of its last row.
    pub(crate) fn due(&self) -> Option<i64> {
        let (process, step) = self.next;
        let steps = &self.processes.get(process)?.steps;
        Some(steps[(step + BATCH_ROWS).min(steps.len()) - 1].at)
    }

    /// Writes the next batch and tells for each row its partition, a thread's id or the process's,
    /// and its weight.
    pub(crate) fn write(
        &mut self,
        rows: &mut RowWriter,
        batch: &mut Batch,
        weigh: &mut dyn FnMut(&Arc<str>, Weight),
    ) -> Result<()> {
        let (at, first) = self.next;
        let Some(process) = self.processes.get_mut(at) else { return Ok(()) };
        let end = (first + BATCH_ROWS).min(process.steps.len());
        // Rows among facts must not hang on the size of the file, or they would differ with the
        // scale.
        let aim = rows.unaimed();
        for step in first..end {
            let (partition, weight) = process.write(step, rows, batch)?;
            weigh(&partition, weight);
        }
        rows.restore(aim);
        self.next = if end == process.steps.len() { (at + 1, 0) } else { (at, end) };
        Ok(())
    }

    /// Processes and their threads, in the order of time.
    pub(crate) fn writers(&self) -> impl Iterator<Item = (String, Vec<String>)> {
        self.processes.iter().map(|process| {
            (
                process.uuid.to_string(),
                process.threads.iter().map(|thread| thread.id.to_string()).collect(),
            )
        })
    }
}

impl Process {
    fn new(
        begin: i64,
        scripts: Vec<Vec<(usize, Row)>>,
        shapes: &Shapes,
        mut dice: Dice,
        rows: Dice,
    ) -> Self {
        let uuid = process_uuid(&mut dice);
        let threads: Vec<Thread> =
            scripts.iter().map(|_| Thread::start(begin, shapes, &mut dice)).collect();
        let mut left: Vec<_> = scripts.into_iter().map(Vec::into_iter).collect();
        let mut process_rows = PROCESS_ROWS;
        let (mut at, mut steps) = (begin, Vec::new());
        loop {
            let planned: u64 = left.iter().map(|script| script.len() as u64).sum();
            if planned + process_rows == 0 {
                break;
            }
            at += i64::try_from(dice.between(20, 1_100)).unwrap_or(0) * 1_000_000 + 137;
            let mut draw = dice.below(planned + process_rows);
            let thread = left.iter().position(|script| {
                let here = draw < script.len() as u64;
                draw = draw.saturating_sub(if here { 0 } else { script.len() as u64 });
                here
            });
            let step =
                match thread.and_then(|thread| left[thread].next().map(|step| (thread, step))) {
                    Some((thread, (turn, row))) => Step { at, thread: Some(thread), turn, row },
                    None => {
                        process_rows -= 1;
                        Step { at, thread: None, turn: 0, row: Row::Ordinary }
                    }
                };
            steps.push(step);
        }
        let current = vec![usize::MAX; threads.len()];
        // The rows have a separate stream, so that the plan does not hang on how they are filled.
        Self { uuid, threads, current, steps, dice: rows }
    }

    /// Goes on with the last `count` threads of another process. (The first ones may be full.)
    fn resume(&mut self, before: &Self, count: u64) {
        let threads = self.threads.iter_mut().rev().zip(before.threads.iter().rev());
        for (thread, other) in threads.take(usize::try_from(count).unwrap_or(usize::MAX)) {
            thread.id = Arc::clone(&other.id);
        }
    }

    fn write(
        &mut self,
        step: usize,
        rows: &mut RowWriter,
        batch: &mut Batch,
    ) -> Result<(Arc<str>, Weight)> {
        let Step { at, thread, turn, row } = self.steps[step];
        let dice = &mut self.dice;
        let Some(position) = thread else {
            return Ok((Arc::clone(&self.uuid), rows.process_row(&self.uuid, at, dice, batch)));
        };
        let thread = &mut self.threads[position];
        if self.current[position] != turn {
            self.current[position] = turn;
            thread.turn = dice.uuid7(milliseconds(at));
        }
        match row {
            Row::Ordinary => {
                // The turn is the plan's business.
                thread.hold_turn();
                Ok((Arc::clone(&thread.id), rows.thread_row(thread, &self.uuid, at, dice, batch)))
            }
            Row::Turn(row) => {
                let weight = rows.turn_row(row, thread, &self.uuid, at, dice, batch)?;
                let threadless = matches!(row, TurnRow::Prewarm { .. });
                Ok((Arc::clone(if threadless { &self.uuid } else { &thread.id }), weight))
            }
        }
    }
}

/// The `at`-th of `parts` nearly equal parts of `0..whole`.
fn share(whole: u64, at: u64, parts: u64) -> Range<u64> {
    at * whole / parts..(at + 1) * whole / parts
}

/// The turns that survive, in their order, those at priority spread evenly.
fn turns(recipe: &Recipe, dice: &mut Dice) -> Vec<Turn> {
    let plan = &recipe.facts;
    let mut requests = Vec::new();
    if recipe.era == Era::V0_141 {
        let mut left = plan.completions;
        while left > 0 {
            // Every priority turn needs a separate one.
            let spare =
                left.saturating_sub(plan.priority_turns.saturating_sub(requests.len() as u64));
            let wanted = *dice.pick(&[1, 1, 1, 2, 2, 3]);
            requests.push(wanted.min(spare.max(1)));
            left -= requests[requests.len() - 1];
        }
    } else {
        requests.extend((0..plan.turns).map(|_| dice.between(1, 2)));
    }
    let count = requests.len() as u64;
    let at_priority: Vec<u64> =
        (0..plan.priority_turns).map(|at| (at * count + count / 2) / plan.priority_turns).collect();
    let steered: Vec<u64> =
        (0..plan.steers).map(|at| (at * count + count / 2) / plan.steers).collect();
    let turn = |(at, requests)| Turn {
        priority: at_priority.binary_search(&(at as u64)).is_ok(),
        requests,
        is_steered: steered.binary_search(&(at as u64)).is_ok(),
    };
    requests.into_iter().enumerate().map(turn).collect()
}

/// The rows of one thread with the turn of each.
fn script(
    recipe: &Recipe,
    dialect: Dialect,
    turns: &[Turn],
    thread: u64,
    dice: &mut Dice,
) -> Result<Vec<(usize, Row)>> {
    let plan = &recipe.facts;
    let kept = Retention::default().rows;
    let mut rows = Vec::new();
    let mut writer =
        Turns { era: recipe.era, dialect, plan, tier_is_priority: false, turn: 0, rows: &mut rows };
    let long = thread < plan.long_threads;
    if long {
        for _ in share(plan.pruned_turns, thread, plan.long_threads) {
            let turn = |priority| Turn { priority, requests: 1, is_steered: false };
            writer.write(turn(true), dice);
            // Ends the tier, so that no later turn hangs on a row that will be gone.
            writer.write(turn(false), dice);
        }
        for _ in 0..dice.between(3, 6) {
            writer.write(Turn { priority: false, requests: 1, is_steered: false }, dice);
        }
    }
    let doomed = writer.rows.len();
    let survivors = share(turns.len() as u64, thread, plan.threads);
    for at in survivors {
        writer.write(turns[usize::try_from(at).unwrap_or(0)], dice);
    }
    let turn = writer.turn;
    // In a long thread retention keeps exactly the rows after the doomed ones.
    let surviving = rows.len() - doomed;
    if long && surviving > kept {
        return Err(DatasetError::Recipe {
            place: format!("recipe `{}`", recipe.name),
            detail: format!(
                "a long thread would have {surviving} rows with facts and retention keeps {kept}; \
                 use more threads"
            ),
        });
    }
    if long {
        rows.extend((surviving..kept).map(|_| (turn, Row::Ordinary)));
    }
    Ok(rows)
}

/// Writes the rows of one turn after the other.
struct Turns<'a> {
    era: Era,
    dialect: Dialect,
    plan: &'a FactPlan,
    tier_is_priority: bool,
    turn: usize,
    rows: &'a mut Vec<(usize, Row)>,
}

impl Turns<'_> {
    fn write(&mut self, turn: Turn, dice: &mut Dice) {
        self.turn += 1;
        if self.turn == 1 && self.era == Era::V0_141 {
            self.push(TurnRow::Prewarm { priority: turn.priority });
        }
        let tier = self.tier(turn, dice);
        self.push(TurnRow::Submission(self.dialect, tier));
        self.ordinary(dice);
        let priority = turn.priority;
        // With each request a turn logs two rows or three.
        for _ in 0..turn.requests {
            match self.era {
                Era::V0_141 => {
                    self.push(TurnRow::Features);
                    self.push(TurnRow::Request { priority });
                    if dice.chance(100) {
                        self.push(TurnRow::Progress);
                    }
                    self.ordinary(dice);
                    self.push(TurnRow::Completion { dated: dice.chance(200) });
                }
                Era::V0_145 => self.push(TurnRow::Features),
                Era::V0_169 => self.push(TurnRow::Tags { priority }),
            }
            // The oldest has no socket, and logs what it used elsewhere.
            if self.dialect == Dialect::V0_120 {
                self.push(TurnRow::FeedbackSse);
            } else {
                self.push(TurnRow::Feedback);
                self.push(TurnRow::TokenUsage);
            }
        }
        if turn.is_steered {
            let tier = self.steer(dice);
            self.push(TurnRow::Steer(self.dialect, tier));
        }
        self.ordinary(dice);
    }

    /// The tier that a submission names while a turn runs, for the turns behind it.
    fn steer(&mut self, dice: &mut Dice) -> TierForm {
        let forms = [TierForm::Priority, TierForm::Fast, TierForm::Cleared, TierForm::Inherit];
        let tier = if self.dialect.submissions_say_tiers() {
            *dice.pick(&forms)
        } else {
            TierForm::Inherit
        };
        self.tier_is_priority = tier.is_priority().unwrap_or(self.tier_is_priority);
        tier
    }

    /// The tier that the submission names, so that the turn runs as planned; maybe after a command
    /// that sets it.
    fn tier(&mut self, turn: Turn, dice: &mut Dice) -> TierForm {
        let before = std::mem::replace(&mut self.tier_is_priority, turn.priority);
        let tier = match (turn.priority, before) {
            (true, true) => *dice.pick(&[TierForm::Inherit, TierForm::Priority]),
            (true, false) => match dice.below(3) {
                0 if self.era != Era::V0_169 && self.dialect.has_settings() => {
                    return self.set(*dice.pick(&[TierForm::Priority, TierForm::Fast]));
                }
                1 => TierForm::Fast,
                _ => TierForm::Priority,
            },
            (false, true) => *dice.pick(&[TierForm::Cleared, TierForm::Default]),
            (false, false) => *dice.pick(&[
                TierForm::Inherit,
                TierForm::Inherit,
                TierForm::Inherit,
                TierForm::Flex,
            ]),
        };
        match tier {
            TierForm::Inherit => tier,
            _ if self.dialect.submissions_say_tiers() => tier,
            _ => self.set(tier),
        }
    }

    /// Has a command set the tier, which the submission then inherits.
    fn set(&mut self, tier: TierForm) -> TierForm {
        self.push(TurnRow::Settings(self.dialect, self.dialect.form(tier)));
        TierForm::Inherit
    }

    fn push(&mut self, row: TurnRow) {
        self.rows.push((self.turn, Row::Turn(row)));
    }

    fn ordinary(&mut self, dice: &mut Dice) {
        let count = dice.below(self.plan.rows_per_turn + 1);
        self.rows.extend((0..count).map(|_| (self.turn, Row::Ordinary)));
    }
}
