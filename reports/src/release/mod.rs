//! The report before a release: one page that says what changed since another revision, whether
//! budgets are met, and how sure that is.

mod json;
mod markdown;
mod terminal;
#[cfg(test)]
mod tests;
pub(crate) mod words;

pub use json::json;
pub use markdown::markdown;
pub use terminal::terminal;

use crate::Record;
use crate::budgets::Judgement;
use crate::comparison::{Comparisons, Run};
use crate::verdict::{ArmVerdict, Gate, Verdict, Work};

/// What the report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    /// What the user calls the revision that is compared with.
    pub since: &'a str,
    /// The plan whose arms were compared.
    pub plan: &'a str,
    /// The comparisons of its runs.
    pub comparisons: &'a Comparisons,
    /// The samples of the new program in each run, with the name of the run.
    pub records: &'a [(String, Record)],
    /// Runs of the plan without an arm that can be compared.
    pub not_compared: &'a [String],
    /// The budgets; `None` where there is no file of them.
    pub budgets: Option<&'a Judgement>,
    /// The exit code that the command ends with.
    pub exit_code: u8,
    /// The command that makes the report again, program first.
    pub command: &'a [String],
}

/// The arms that were compared, by what came of them.
pub(crate) struct Arms<'a> {
    /// Every one, worst first, with its run.
    pub(crate) all: Vec<(&'a Run, &'a ArmVerdict)>,
}

impl<'a> Arms<'a> {
    fn with(&self, gate: Gate) -> impl Iterator<Item = (&'a Run, &'a ArmVerdict)> {
        self.all.iter().copied().filter(move |(_, arm)| arm.gate() == gate)
    }

    fn count(&self, gate: Gate) -> u64 {
        self.with(gate).count() as u64
    }

    /// Those that do less work or take less time, and are no worse in the other.
    fn better(&self) -> u64 {
        let is_better =
            |arm: &ArmVerdict| arm.time == Some(Verdict::Faster) || arm.work == Work::Less;
        self.with(Gate::Fine).filter(|(_, arm)| is_better(arm)).count() as u64
    }
}

impl<'a> Release<'a> {
    /// The arms that were compared, worst first.
    pub(crate) fn arms(&self) -> Arms<'a> {
        let runs = self.comparisons.runs.iter();
        let of_run = |run: &'a Run| {
            let arms = run.comparison.verdicts.arms.iter().filter(|arm| arm.is_compared());
            arms.map(move |arm| (run, arm))
        };
        let mut all: Vec<(&Run, &ArmVerdict)> = runs.flat_map(of_run).collect();
        let ratio = |arm: &ArmVerdict| arm.change.map_or(1.0, |change| change.ratio);
        all.sort_by(|(_, one), (_, other)| {
            other.gate().cmp(&one.gate()).then(ratio(other).total_cmp(&ratio(one)))
        });
        Arms { all }
    }

    /// What all of it amounts to: the gravest of comparisons and budgets.
    #[must_use]
    pub fn gate(&self) -> Gate {
        let compared = self.comparisons.runs.iter().map(|run| run.comparison.gate()).max();
        let budgets = self.budgets.map_or(Gate::Fine, Judgement::gate);
        compared.unwrap_or(Gate::Inconclusive).max(budgets)
    }
}
