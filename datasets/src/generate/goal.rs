//! How large a dataset is to be, and whether what it must hold at any size leaves room for the
//! rest.

use std::collections::HashMap;

use tracerig_store::schema::PAGE_SIZE;

use super::facts::Facts;
use super::held::{Held, Totals};
use super::{START, aged, odd};
use crate::batch::{Batch, NANOS};
use crate::dice::Dice;
use crate::error::{DatasetError, Result};
use crate::levels::Counts;
use crate::recipe::Recipe;
use crate::rows::RowWriter;

/// Bytes of the file that a row takes beside its body, and those that a byte of a body takes: found
/// by building datasets. Retention leaves gaps in the pages.
pub(super) const ROW_BYTES: f64 = 585.0;
/// The same where retention takes few rows and leaves no gaps.
const LEAST_ROW_BYTES: f64 = 470.0;
pub(super) const BODY_FACTOR: f64 = 1.1;

/// How large a dataset is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Goal {
    pub(crate) rows: u64,
    pub(crate) pages: u64,
    /// Pages that are to hold something.
    pub(super) used_pages: u64,
    /// Whether the free pages are what rows of earlier days left.
    pub(super) aged: bool,
    /// Rows to write in all, those included that retention takes and those not that were pruned for
    /// their age.
    pub(super) written: u64,
    pub(super) max_id: Option<i64>,
    /// Rows of each level.
    pub(crate) levels: Option<Counts>,
}

impl Goal {
    pub(crate) fn new(recipe: &Recipe, scale: f64) -> Self {
        let pages = recipe.file_bytes(scale) / u64::from(PAGE_SIZE);
        let rows = recipe.rows(scale);
        Self {
            rows,
            pages,
            used_pages: pages * (100 - recipe.free_percent) / 100,
            aged: recipe.free_percent >= aged::LEAST_FREE_PERCENT,
            written: rows * 100 / (100 - recipe.deleted_percent),
            max_id: recipe.max_id,
            levels: recipe.levels.map(|levels| levels.shared_out(rows)),
        }
    }

    /// Bytes of bodies that will be inserted, roughly.
    pub(crate) fn inserted_bytes(&self) -> u64 {
        let kept = (self.used_pages * u64::from(PAGE_SIZE)) as f64 - self.rows as f64 * ROW_BYTES;
        // Rows of earlier days fill the whole file.
        let before =
            if self.aged { self.pages as f64 / self.used_pages.max(1) as f64 } else { 0.0 };
        (kept.max(0.0) / BODY_FACTOR * (self.written as f64 / self.rows.max(1) as f64 + before))
            as u64
    }
}

/// Whether rows and facts of a recipe fit into its file, at its own size.
///
/// # Errors
/// As [`generate`].
pub(crate) fn check(recipe: &Recipe) -> Result<()> {
    let start = START * NANOS;
    let mut rows = RowWriter::new(recipe, recipe.seed)?;
    Fixed::measure(recipe, recipe.seed, start, &mut rows)?.check(
        recipe,
        1.0,
        &Goal::new(recipe, 1.0),
    )
}

/// The rows that are the same at every scale: facts and oddities.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixed {
    pub(super) totals: Totals,
    /// Mean body of ordinary rows where they are as small as they can be.
    least_mean: f64,
}

impl Fixed {
    /// Writes them once into nothing.
    pub(super) fn measure(
        recipe: &Recipe,
        seed: u64,
        start: i64,
        rows: &mut RowWriter,
    ) -> Result<Self> {
        let mut facts = Facts::plan(recipe, rows.shapes, seed, start)?;
        let (mut totals, mut batch) = (Totals::default(), Batch::default());
        let mut partitions: HashMap<String, Held> = HashMap::new();
        let mut weigh = |partition: &str, weight| {
            partitions.entry(partition.to_owned()).or_default().push(weight, &mut totals);
        };
        while facts.due().is_some() {
            batch.clear();
            facts.write(rows, &mut batch, &mut |partition, weight| weigh(partition, weight))?;
        }
        if recipe.oddities {
            batch.clear();
            odd::write(rows, seed, start, &mut batch);
            // None of them is pruned.
            totals.rows += batch.len() as u64;
            totals.written += batch.len() as u64;
            totals.bytes += batch.body_bytes();
        }
        let least_mean = rows.least_mean(recipe.threads_per_process, Dice::new(seed, "sample", 0));
        Ok(Self { totals, least_mean })
    }

    /// Whether rows and file leave enough for ordinary rows, without which neither could be met.
    pub(super) fn check(&self, recipe: &Recipe, scale: f64, goal: &Goal) -> Result<()> {
        // How much larger the dataset must be for the facts not to exceed a level.
        let by_levels = goal.levels.map_or(0.0, |levels| {
            let factor = |(wanted, facts): (u64, u64)| facts as f64 / (wanted as f64).max(0.5);
            levels.into_iter().zip(self.totals.levels).map(factor).fold(0.0, f64::max) * scale
        });
        if by_levels > 1.0 {
            let detail = format!(
                "`levels` are too few: the facts alone have {:?} rows at TRACE, DEBUG, INFO, WARN \
                 and ERROR",
                self.totals.levels
            );
            return Err(DatasetError::Recipe {
                place: format!("recipe `{}`", recipe.name),
                detail,
            });
        }
        let rows = self.totals.rows as f64;
        let needed = (rows * 1.05 + 64.0).ceil();
        // A little more, because rows cannot be weighed that well beforehand.
        let cost = (self.totals.bytes as f64 * BODY_FACTOR + rows * LEAST_ROW_BYTES) * 1.04;
        let ordinary = self.least_mean * BODY_FACTOR + LEAST_ROW_BYTES;
        let room = (goal.used_pages * u64::from(PAGE_SIZE)) as f64;
        let spare = room - cost - (goal.rows as f64 - rows) * ordinary;
        if goal.rows as f64 >= needed && spare >= 0.0 && by_levels <= scale {
            return Ok(());
        }
        // Both limits are straight lines over the scale.
        let by_rows = needed / recipe.rows as f64;
        let whole = Goal::new(recipe, 1.0);
        let room = (whole.used_pages * u64::from(PAGE_SIZE)) as f64;
        let by_bytes = (cost - rows * ordinary) / (room - whole.rows as f64 * ordinary);
        let smallest = by_rows.max(if spare < 0.0 { by_bytes } else { 0.0 }).max(by_levels);
        if smallest <= scale {
            return Err(DatasetError::Recipe {
                place: format!("recipe `{}`", recipe.name),
                detail: "its rows do not fit into its file at any scale; raise `file_bytes`, or \
                         ask for fewer rows"
                    .into(),
            });
        }
        Err(DatasetError::ScaleTooSmall {
            recipe: recipe.name.clone(),
            scale: scale.to_string(),
            rows: goal.rows,
            needed: needed.max(smallest * recipe.rows as f64) as u64,
            smallest: format!("{:.3}", (smallest * 1000.0).ceil() / 1000.0 + 0.001),
        })
    }
}
