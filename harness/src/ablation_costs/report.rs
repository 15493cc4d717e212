//! How strong the differential tests are, with what each rule costs beside what it prevents.

use std::num::NonZeroUsize;

use serde::Serialize;
use tracerig_differential::ablations::{Row, Search};

use super::{Cost, Costs, Scene};
use crate::interrupt;

/// Version of the form in which a [`Report`] is written.
pub const SCHEMA: u32 = 1;

/// What came of a rule.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    /// What the tests noticed without it.
    #[serde(flatten)]
    pub row: Row,
    /// What it costs at a relaunch, if it does any work there.
    pub cost: Option<Cost>,
}

/// How strong the tests are.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// How it was looked for.
    pub search: Search,
    /// Seconds for each fault, at most.
    pub seconds_each: Option<f64>,
    /// Threads.
    pub jobs: usize,
    /// The rules, each missing alone.
    pub rules: Vec<Rule>,
    /// Answers that are wrong whatever the rules are.
    pub engines: Vec<Row>,
    /// What costs were measured on; empty if none were.
    pub scenes: Vec<Scene>,
    /// Whether it was cut short by Ctrl-C.
    pub interrupted: bool,
}

impl Report {
    /// A report of rows.
    #[must_use]
    pub fn new(search: Search, jobs: NonZeroUsize, rules: Vec<Row>, engines: Vec<Row>) -> Self {
        Self {
            schema: SCHEMA,
            search,
            seconds_each: search.time.map(|time| time.as_secs_f64()),
            jobs: jobs.get(),
            rules: rules.into_iter().map(|row| Rule { row, cost: None }).collect(),
            engines,
            scenes: Vec::new(),
            interrupted: interrupt::requested(),
        }
    }

    /// Notes what rules cost.
    pub fn add_costs(&mut self, mut costs: Costs) {
        self.scenes = costs.scenes;
        for rule in &mut self.rules {
            rule.cost = costs.of.remove(&(rule.row.subject, rule.row.name));
        }
    }

    /// All that was looked for: rules, then engines.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rules.iter().map(|rule| &rule.row).chain(&self.engines)
    }

    /// What was not noticed.
    pub fn missed(&self) -> impl Iterator<Item = &Row> {
        self.rows().filter(|row| !row.is_caught())
    }
}
