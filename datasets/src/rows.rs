//! Rows one at a time: ordinary ones by the mix of a recipe, and those that carry facts.

use std::sync::Arc;

use crate::batch::{Batch, Origin, Stamp, Storage, Weight};
use crate::dialect::Dialect;
use crate::dice::Dice;
use crate::error::{DatasetError, Result};
use crate::levels::Counts;
use crate::mix::{self, Draw, Entry, Mix};
use crate::prose::Pools;
use crate::recipe::{Era, FactPlan, Recipe, Sizes};
use crate::shapes::{Scene, Shapes};
use crate::truth::{Intent, TierForm};

/// A thread (conversation) while it is written.
#[derive(Debug, Clone)]
pub(crate) struct Thread {
    pub(crate) id: Arc<str>,
    pub(crate) turn: String,
    pub(crate) model: usize,
    pub(crate) effort: &'static str,
    pub(crate) cwd: String,
    /// Ordinary rows until the next turn.
    turn_rows: u64,
}

impl Thread {
    /// A thread that starts at a time (nanoseconds).
    pub(crate) fn start(at: i64, shapes: &Shapes, dice: &mut Dice) -> Self {
        let id = dice.uuid7(milliseconds(at));
        Self::resume(&id, at, shapes, dice)
    }

    /// A thread that goes on with a new turn.
    pub(crate) fn resume(id: &str, at: i64, shapes: &Shapes, dice: &mut Dice) -> Self {
        Self {
            id: id.into(),
            turn: dice.uuid7(milliseconds(at)),
            model: usize::try_from(dice.below(shapes.models.len() as u64)).unwrap_or(0),
            effort: dice.pick::<&str>(&["low", "medium", "medium", "high"]),
            cwd: format!(
                "/home/dev/work/{}{}",
                dice.pick(&["api", "core", "site", "tools"]),
                dice.below(10)
            ),
            turn_rows: dice.between(20, 120),
        }
    }

    /// Stays in its turn for at least one more row.
    pub(crate) fn hold_turn(&mut self) {
        self.turn_rows = u64::MAX;
    }
}

pub(crate) fn milliseconds(at: i64) -> u64 {
    u64::try_from(at / 1_000_000).unwrap_or(0)
}

/// A new `process_uuid`.
pub(crate) fn process_uuid(dice: &mut Dice) -> Arc<str> {
    format!("pid:{}:{}", dice.between(1_000, 65_000), dice.uuid4()).into()
}

/// What the ordinary rows so far were like: the part of their bytes that does not stretch, and the
/// part that does.
#[derive(Debug, Clone, Copy, Default)]
struct Measure {
    rows: f64,
    fixed: f64,
    stretchable: f64,
}

/// Writes rows into batches.
pub(crate) struct RowWriter {
    pub(crate) shapes: &'static Shapes,
    pub(crate) pools: Arc<Pools>,
    era: Era,
    facts: FactPlan,
    thread_mix: Mix,
    process_mix: Mix,
    aim: Aim,
    measure: Measure,
}

/// How the sizes of ordinary rows are changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim {
    stretch: f64,
    /// No row is made larger.
    largest: u64,
    draw: Draw,
}

/// The largest ordinary row where there is too little room.
const CROWDED_BYTES: u64 = 3_000;

const UNAIMED: Aim = Aim { stretch: 1.0, largest: u64::MAX, draw: Draw::Natural };

impl RowWriter {
    pub(crate) fn new(recipe: &Recipe, seed: u64) -> Result<Self> {
        let shapes = Shapes::of(recipe.era)?;
        Ok(Self {
            shapes,
            pools: Pools::of(seed),
            era: recipe.era,
            facts: recipe.facts.clone(),
            thread_mix: Mix::new(&recipe.thread_rows, shapes),
            process_mix: Mix::new(&recipe.process_rows, shapes),
            aim: UNAIMED,
            measure: Measure::default(),
        })
    }

    /// Sets the stretch so that bodies of ordinary rows will be `mean` bytes on average and none
    /// much over `largest`, as far as that goes.
    pub(crate) fn aim(&mut self, mean: f64, largest: u64) {
        self.aim.largest = largest;
        // The first rows tell too little.
        if self.measure.rows >= 500.0 && self.measure.stretchable > 0.0 {
            let Measure { rows, fixed, stretchable } = self.measure;
            self.aim.stretch = ((mean - fixed / rows) / (stretchable / rows)).clamp(0.0, 60.0);
            if self.aim.stretch == 0.0 {
                // Still too large: a dataset scaled down is left little room beside its facts. So
                // large rows become rare.
                self.aim.largest = largest.min(CROWDED_BYTES);
            }
        }
    }

    /// Lets no ordinary row become much larger than this.
    pub(crate) fn limit(&mut self, largest: u64) {
        self.aim.largest = largest;
    }

    /// From now on draws kinds so that rows come out at the levels wanted, where `share` of them
    /// are rows of threads.
    pub(crate) fn steer(&mut self, share: f64, wanted: Counts) {
        mix::steer(&mut self.thread_mix, &mut self.process_mix, share, wanted);
        self.aim.draw = Draw::Steered;
    }

    /// Draws the next rows from kinds of one level.
    pub(crate) fn draw_level(&mut self, level: usize) {
        self.aim.draw = Draw::Level(level);
    }

    /// Whether rows of threads, and rows without one, can be at a level.
    pub(crate) fn can_stand_at(&self, level: usize) -> (bool, bool) {
        (self.thread_mix.weights()[level] > 0.0, self.process_mix.weights()[level] > 0.0)
    }

    /// The mean body of ordinary rows that are as small as [`RowWriter::aim`] can make them, from a
    /// sample. Of the rows of a process, those without a thread are as many as those of each of its
    /// threads.
    pub(crate) fn least_mean(&mut self, threads_at_most: u64, mut dice: Dice) -> f64 {
        const SAMPLE: u32 = 4_000;
        let before = (
            std::mem::replace(
                &mut self.aim,
                Aim { stretch: 0.0, largest: CROWDED_BYTES, ..UNAIMED },
            ),
            self.measure,
        );
        let (process, mut thread) =
            (process_uuid(&mut dice), Thread::start(0, self.shapes, &mut dice));
        let (mut of_threads, mut of_process) = (Batch::default(), Batch::default());
        for _ in 0..SAMPLE {
            self.thread_row(&mut thread, &process, 0, &mut dice, &mut of_threads);
            self.process_row(&process, 0, &mut dice, &mut of_process);
        }
        (self.aim, self.measure) = before;
        let threads = (1.0 + threads_at_most as f64) / 2.0;
        let bytes = of_threads.body_bytes() as f64 * threads + of_process.body_bytes() as f64;
        bytes / f64::from(SAMPLE) / (threads + 1.0)
    }

    /// Lets rows have their natural sizes until [`RowWriter::restore`].
    pub(crate) fn unaimed(&mut self) -> Aim {
        std::mem::replace(&mut self.aim, UNAIMED)
    }

    pub(crate) fn restore(&mut self, aim: Aim) {
        self.aim = aim;
    }

    /// Writes an ordinary row of a thread and returns what it counts for in retention.
    pub(crate) fn thread_row(
        &mut self,
        thread: &mut Thread,
        process: &Arc<str>,
        at: i64,
        dice: &mut Dice,
        batch: &mut Batch,
    ) -> Weight {
        if thread.turn_rows == 0 {
            thread.turn = dice.uuid7(milliseconds(at));
            thread.turn_rows = dice.between(20, 120);
        }
        thread.turn_rows -= 1;
        let scene = scene(self.shapes, thread, at);
        let stamp =
            Stamp { at, thread: Some(Arc::clone(&thread.id)), process: Some(Arc::clone(process)) };
        let entry = self.thread_mix.draw(self.aim.draw, dice);
        ordinary(entry, &scene, stamp, self.aim, &self.pools, &mut self.measure, dice, batch)
    }

    /// Writes an ordinary row without a thread and returns what it counts for in retention.
    pub(crate) fn process_row(
        &mut self,
        process: &Arc<str>,
        at: i64,
        dice: &mut Dice,
        batch: &mut Batch,
    ) -> Weight {
        let model = dice.pick(&self.shapes.models);
        let scene = Scene { model: &model[0], milliseconds: milliseconds(at), ..Scene::default() };
        let stamp = Stamp { at, thread: None, process: Some(Arc::clone(process)) };
        let entry = self.process_mix.draw(self.aim.draw, dice);
        ordinary(entry, &scene, stamp, self.aim, &self.pools, &mut self.measure, dice, batch)
    }

    /// Writes a row that is about the thread's turn and returns what it counts for in retention.
    pub(crate) fn turn_row(
        &self,
        row: TurnRow,
        thread: &Thread,
        process: &Arc<str>,
        at: i64,
        dice: &mut Dice,
        batch: &mut Batch,
    ) -> Result<Weight> {
        let [model, dated] = &self.shapes.models[thread.model];
        let answer = if matches!(row, TurnRow::Completion { dated: true }) { dated } else { model };
        let mut scene = Scene { answer, ..scene(self.shapes, thread, at) };
        // What comes while a turn runs has a separate id.
        let steer = matches!(row, TurnRow::Steer(..)).then(|| dice.uuid7(milliseconds(at)));
        scene.turn = steer.as_deref().unwrap_or(scene.turn);
        match row {
            TurnRow::Submission(dialect, tier)
            | TurnRow::Steer(dialect, tier)
            | TurnRow::Settings(dialect, tier) => scene.dump = dialect.dump(tier),
            TurnRow::Request { priority: true } | TurnRow::Prewarm { priority: true } => {
                scene.tier = "\"service_tier\":\"priority\",";
            }
            TurnRow::Tags { priority: true } => scene.tag = "priority",
            _ => {}
        }
        let name = row.shape();
        let found = self.shapes.find(name).ok_or_else(|| DatasetError::Recipe {
            place: format!("shapes of {}", self.shapes.version),
            detail: format!("there is no shape `{name}`"),
        })?;
        let shape = &self.shapes.all[found];
        let in_thread = !matches!(row, TurnRow::Prewarm { .. });
        let stamp = Stamp {
            at,
            thread: in_thread.then(|| Arc::clone(&thread.id)),
            process: Some(Arc::clone(process)),
        };
        let sizes = match row {
            TurnRow::Submission(..) | TurnRow::Steer(..) | TurnRow::Settings(..) => {
                self.facts.submission_bytes
            }
            // Their texts have a fixed length.
            TurnRow::Feedback | TurnRow::FeedbackSse | TurnRow::Features | TurnRow::TokenUsage => {
                Sizes::default()
            }
            TurnRow::Completion { .. } | TurnRow::Progress => self.facts.completion_bytes,
            TurnRow::Request { .. } | TurnRow::Prewarm { .. } | TurnRow::Tags { .. } => {
                self.facts.request_bytes
            }
        };
        let bytes = usize::try_from(dice.size(sizes)).unwrap_or(0);
        let write = |out: &mut Vec<u8>| shape.render(&scene, bytes, 1.0, &self.pools, dice, out);
        let (weight, _) = batch.push(Origin::of(shape), stamp, Storage::Text, write);
        if shape.is_of_turn() {
            batch.ran(&thread.turn, model);
        }
        let turn = scene.turn.to_owned();
        let intent = match row {
            // A submission of 0.169 carries no marker.
            TurnRow::Submission(..) if self.era == Era::V0_169 => None,
            TurnRow::Submission(_, tier) | TurnRow::Steer(_, tier) => {
                Some(Intent::Submission { turn, tier })
            }
            TurnRow::Settings(_, tier) => Some(Intent::Settings { tier }),
            TurnRow::Request { priority: true } => {
                Some(Intent::Request { turn, model: Some(model.clone()) })
            }
            TurnRow::Tags { priority: true } => {
                Some(Intent::Tags { turn, model: Some(model.clone()) })
            }
            TurnRow::Completion { .. } => {
                Some(Intent::Completion { turn, model: answer.to_owned() })
            }
            TurnRow::Request { .. }
            | TurnRow::Tags { .. }
            | TurnRow::Prewarm { .. }
            | TurnRow::Progress
            | TurnRow::Feedback
            | TurnRow::FeedbackSse
            | TurnRow::Features
            | TurnRow::TokenUsage => None,
        };
        if let Some(intent) = intent {
            batch.mean(Some(&thread.id), intent);
        }
        Ok(weight)
    }
}

/// A row about a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnRow {
    Submission(Dialect, TierForm),
    /// A submission while the turn runs, which starts none.
    Steer(Dialect, TierForm),
    Settings(Dialect, TierForm),
    Prewarm {
        priority: bool,
    },
    Request {
        priority: bool,
    },
    Progress,
    Completion {
        dated: bool,
    },
    Tags {
        priority: bool,
    },
    Feedback,
    FeedbackSse,
    Features,
    TokenUsage,
}

impl TurnRow {
    fn shape(self) -> &'static str {
        match self {
            Self::Submission(dialect, tier) | Self::Steer(dialect, tier) => {
                dialect.submission(tier)
            }
            Self::Settings(dialect, _) => dialect.settings(),
            Self::Prewarm { .. } => "prewarm",
            Self::Request { .. } => "request",
            Self::Progress => "progress-event",
            Self::Completion { .. } => "completion",
            Self::Tags { .. } => "tags",
            Self::Feedback => "feedback",
            Self::FeedbackSse => "feedback-sse",
            Self::Features => "features",
            Self::TokenUsage => "token-usage",
        }
    }
}

fn scene<'a>(shapes: &'a Shapes, thread: &'a Thread, at: i64) -> Scene<'a> {
    Scene {
        thread: &thread.id,
        turn: &thread.turn,
        model: &shapes.models[thread.model][0],
        effort: thread.effort,
        cwd: &thread.cwd,
        milliseconds: milliseconds(at),
        ..Scene::default()
    }
}

#[expect(clippy::too_many_arguments, reason = "parts of the writer, borrowed apart")]
fn ordinary(
    entry: &Entry,
    scene: &Scene<'_>,
    stamp: Stamp,
    aim: Aim,
    pools: &Pools,
    measure: &mut Measure,
    dice: &mut Dice,
    batch: &mut Batch,
) -> Weight {
    let stretch = if entry.stretch { aim.stretch } else { 1.0 };
    // What is cut here is stretched below.
    let largest = aim.largest as f64 / stretch.max(1.0);
    let bytes = (dice.size(entry.bytes) as f64).min(largest) as usize;
    let origin = Origin::of(entry.shape);
    let before = batch.body_bytes();
    let write = |out: &mut Vec<u8>| entry.shape.render(scene, bytes, stretch, pools, dice, out);
    let (weight, fill) = batch.push(origin, stamp, Storage::Text, write);
    let written = (batch.body_bytes() - before) as f64;
    if entry.shape.is_of_turn() {
        batch.ran(scene.turn, scene.model);
    }
    measure.rows += 1.0;
    if entry.stretch {
        measure.stretchable += fill as f64;
        measure.fixed += written - fill as f64 * stretch;
    } else {
        measure.fixed += written;
    }
    weight
}
