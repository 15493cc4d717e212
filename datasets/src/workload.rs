//! Further rows for a dataset already built: its threads, processes and clock go on.

use std::sync::Arc;

use tracerig_store::TraceLog;

use crate::batch::{BATCH_ROWS, Batch, NANOS};
use crate::dice::Dice;
use crate::error::Result;
use crate::manifest::Manifest;
use crate::recipe::{Era, Recipe};
use crate::rows::{RowWriter, Thread, TurnRow, process_uuid};
use crate::truth::{Fact, Intent, Ran, TierForm};

/// What is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mix {
    /// As the writers would go on: ordinary rows, and with every hundred of them a turn, every
    /// other one at priority. Where completions are logged one of an older turn comes late.
    #[default]
    Realistic,
    /// Rows of every ordinary kind, none of them a fact. (Retention may still take older facts of
    /// the threads that go on.)
    NoFacts,
    /// A turn with every ten rows.
    Facts,
}

/// What was appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Rows inserted.
    pub rows: u64,
    /// Rows, older or new, that retention took while these were inserted.
    pub pruned: u64,
    /// Id of the first row, 0 when none was asked for.
    pub first_id: i64,
    /// Id of the last row, 0 when none was asked for.
    pub last_id: i64,
    /// The facts among them. With those of the manifest, [`crate::Truth::of`] tells what a scanner
    /// should find now.
    pub facts: Vec<Fact>,
    /// The rows among them that turns logged while they ran.
    pub turn_rows: Vec<Ran>,
}

/// Appends `rows` rows to a dataset (or rather to a copy of it), in the batches of a real writer.
/// The log goes on at its newest row, with the processes and threads that were active when the
/// dataset was built. The same log, seed, number of rows and mix give the same rows.
///
/// # Errors
/// [`crate::DatasetError::Store`] when writing fails, [`crate::DatasetError::Recipe`] when the
/// manifest's recipe is not one.
pub fn append(
    log: &mut TraceLog,
    manifest: &Manifest,
    seed: u64,
    rows: u64,
    mix: Mix,
) -> Result<Appended> {
    let recipe =
        Recipe::parse(&manifest.recipe, &format!("recipe in the manifest of `{}`", manifest.name))?;
    let newest = log.newest()?;
    let (last_id, last_ts) = newest.unwrap_or((0, manifest.continuation.last_ts));
    // Rows that go on from other rows are other rows.
    let mut dice = Dice::new(seed, "append", last_id.unsigned_abs());
    let mut workload = Workload::new(&recipe, manifest, (last_ts + 1) * NANOS, &mut dice)?;
    let mut appended = Appended::default();
    let mut batch = Batch::default();
    while appended.rows < rows {
        batch.clear();
        let left = usize::try_from(rows - appended.rows).unwrap_or(usize::MAX).min(BATCH_ROWS);
        while batch.len() < left {
            workload.step(mix, left - batch.len(), &mut dice, &mut batch)?;
        }
        let outcome = log.insert_batch(&batch.rows())?;
        if appended.first_id == 0 {
            appended.first_id = outcome.first_id;
        }
        appended.last_id = outcome.last_id;
        appended.rows += outcome.inserted as u64;
        appended.pruned += outcome.pruned as u64;
        appended.facts.extend(batch.facts(outcome.first_id));
        appended.turn_rows.extend(batch.turn_rows(outcome.first_id));
    }
    Ok(appended)
}

/// The writers that go on.
struct Workload<'a> {
    recipe: &'a Recipe,
    writer: RowWriter,
    /// Processes with their threads.
    processes: Vec<(Arc<str>, Vec<Thread>)>,
    /// Thread and process of the new turns.
    turns: (Thread, Arc<str>),
    /// Turns of the dataset that may get a late completion: turn and thread.
    older: Vec<(String, String)>,
    /// Nanoseconds of Unix time.
    now: i64,
    /// Rows of a turn that are still to come.
    pending: Vec<Pending>,
    ordinary_rows: u64,
    turn_count: u64,
}

/// A row of a turn.
#[derive(Debug, Clone)]
enum Pending {
    New(TurnRow),
    /// A completion of an older turn.
    Late,
}

impl<'a> Workload<'a> {
    fn new(recipe: &'a Recipe, manifest: &Manifest, now: i64, dice: &mut Dice) -> Result<Self> {
        // The texts come from the pools of the dataset.
        let writer = RowWriter::new(recipe, manifest.seed)?;
        let resume = |(process, threads): &(String, Vec<String>), dice: &mut Dice| {
            let threads = threads
                .iter()
                .map(|thread| Thread::resume(thread, now, writer.shapes, dice))
                .collect();
            (Arc::from(process.as_str()), threads)
        };
        let mut processes: Vec<(Arc<str>, Vec<Thread>)> =
            manifest.continuation.processes.iter().map(|writers| resume(writers, dice)).collect();
        if processes.is_empty() {
            processes.push((process_uuid(dice), Vec::new()));
        }
        let latest = &processes[processes.len() - 1];
        let turns = (Thread::start(now, writer.shapes, dice), Arc::clone(&latest.0));
        let older = manifest.facts.iter().filter_map(|fact| match &fact.intent {
            Intent::Completion { turn, .. } | Intent::Request { turn, .. } => {
                Some((turn.clone(), fact.thread.clone()?))
            }
            _ => None,
        });
        let older = older.collect();
        Ok(Self {
            recipe,
            writer,
            processes,
            turns,
            older,
            now,
            pending: Vec::new(),
            ordinary_rows: 0,
            turn_count: 0,
        })
    }

    /// Writes one row; `left` are those that fit into the batch.
    fn step(&mut self, mix: Mix, left: usize, dice: &mut Dice, batch: &mut Batch) -> Result<()> {
        self.now += i64::try_from(dice.between(1, 40)).unwrap_or(1) * 1_000_000;
        let every = match mix {
            Mix::Realistic => Some(100),
            Mix::NoFacts => None,
            Mix::Facts => Some(10),
        };
        // The first turn comes early, so that a short workload has one too.
        let due = every.is_some_and(|every| self.ordinary_rows % every == 5);
        if due && self.pending.is_empty() && left > 8 {
            self.plan_turn(dice);
        }
        if let Some(row) = self.pending.pop() {
            return self.turn_row(&row, dice, batch);
        }
        self.ordinary_rows += 1;
        let at = usize::try_from(dice.below(self.processes.len() as u64)).unwrap_or(0);
        let (process, threads) = &mut self.processes[at];
        let thread = usize::try_from(dice.below(threads.len() as u64 + 1)).unwrap_or(0);
        match threads.get_mut(thread) {
            Some(thread) => self.writer.thread_row(thread, process, self.now, dice, batch),
            None => self.writer.process_row(process, self.now, dice, batch),
        };
        Ok(())
    }

    fn plan_turn(&mut self, dice: &mut Dice) {
        // Rows leave the list from its end.
        self.ordinary_rows += 1;
        self.turn_count += 1;
        let priority = self.turn_count % 2 == 1;
        let tier = if priority { TierForm::Priority } else { TierForm::Cleared };
        let (thread, _) = &mut self.turns;
        *thread = Thread::resume(&thread.id, self.now, self.writer.shapes, dice);
        let dialect = self.recipe.facts.dialects.last().copied().unwrap_or_default();
        let submission = Pending::New(TurnRow::Submission(dialect, tier));
        self.pending = match self.recipe.era {
            Era::V0_141 => vec![
                Pending::New(TurnRow::TokenUsage),
                Pending::New(TurnRow::Completion { dated: dice.chance(200) }),
                Pending::New(TurnRow::Progress),
                Pending::New(TurnRow::Request { priority }),
                Pending::New(TurnRow::Features),
                submission,
            ],
            Era::V0_145 => vec![
                Pending::New(TurnRow::TokenUsage),
                Pending::New(TurnRow::Feedback),
                Pending::New(TurnRow::Features),
                submission,
            ],
            Era::V0_169 => {
                vec![
                    Pending::New(TurnRow::TokenUsage),
                    Pending::New(TurnRow::Tags { priority }),
                    submission,
                ]
            }
        };
        if self.recipe.era == Era::V0_141 && !self.older.is_empty() && !priority {
            self.pending.insert(0, Pending::Late);
        }
    }

    fn turn_row(&mut self, row: &Pending, dice: &mut Dice, batch: &mut Batch) -> Result<()> {
        let (thread, process) = &self.turns;
        let mut thread = thread.clone();
        let row = match row {
            Pending::New(row) => *row,
            Pending::Late => {
                let (turn, id) = dice.pick(&self.older);
                thread = Thread::resume(id, self.now, self.writer.shapes, dice);
                thread.turn.clone_from(turn);
                TurnRow::Completion { dated: true }
            }
        };
        self.writer.turn_row(row, &thread, process, self.now, dice, batch)?;
        Ok(())
    }
}
