//! Plans: which scenarios are run on which data, which arms, how often, and what counts as a
//! change. Definitions are TOML, each with a sentence of why; the arms themselves are those of the
//! scenarios.

mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use tracerig_datasets::limits::{Checked, MOST_NAME_BYTES, MOST_RECIPE_BYTES, Wrong};
use tracerig_reports::{ByteSize, read_text};

use crate::limits::PLAN;
use crate::scenario::KINDS;

pub use run::Run;

/// The plans that come with the program, by name.
const BUILTIN: [(&str, &str); 3] = [
    ("quick", include_str!("../../plans/quick.toml")),
    ("ci", include_str!("../../plans/ci.toml")),
    ("release", include_str!("../../plans/release.toml")),
];

/// What is run, one scenario after the other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What it is for, in a sentence.
    pub why: String,
    /// How two executables are compared by it.
    pub compare: Compare,
    /// The runs, in order.
    #[serde(rename = "run")]
    pub runs: Vec<Run>,
}

/// How two executables are compared.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// Pairs of samples of each arm.
    pub pairs: u64,
    /// Practical margin: changes smaller than this are ignored.
    pub margin_percent: f64,
    /// The noise budget: inconclusive unless a change of this size can be ruled out.
    pub budget_percent: f64,
    /// Why so, in a sentence.
    pub why: String,
    /// Exact counters that may change a little.
    #[serde(default)]
    pub tolerate: Vec<Tolerance>,
}

/// How far an exact counter may change without gating.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// Its name.
    pub counter: String,
    /// The largest change, in percent of its amount in the base.
    pub percent: f64,
    /// Why, in a sentence.
    pub why: String,
}

impl Compare {
    /// The tolerances as parts, by counter.
    #[must_use]
    pub fn tolerated(&self) -> BTreeMap<String, f64> {
        let part = |tolerance: &Tolerance| (tolerance.counter.clone(), tolerance.percent / 100.0);
        self.tolerate.iter().map(part).collect()
    }

    /// What makes no sense in the tolerances.
    fn check_tolerances(&self) -> Result<(), Fault> {
        for (at, Tolerance { counter, percent, .. }) in self.tolerate.iter().enumerate() {
            let fault = |key, detail| Err(Fault(key, at, detail));
            if !KINDS.iter().any(|kind| kind.exact.contains(&counter.as_str())) {
                return fault(
                    "compare.tolerate.counter",
                    format!("no exact counter is called `{counter}`"),
                );
            }
            if !(*percent > 0.0 && *percent <= MOST_TOLERATED_PERCENT) {
                return fault(
                    "compare.tolerate.percent",
                    format!(
                        "`{counter}` tolerates {percent} percent; give more than 0 and at most \
                         {MOST_TOLERATED_PERCENT}"
                    ),
                );
            }
        }
        Ok(())
    }
}

/// What changes by more than this is another amount of work.
const MOST_TOLERATED_PERCENT: f64 = 5.0;

/// Why there is no such plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No plan of this name comes with the program.
    #[error(
        "there is no plan `{0}`; choose among quick, ci, release, or give the path of a plan file \
         (with a / in it, or ending in .toml)"
    )]
    Unknown(String),
    /// The file cannot be read.
    #[error("the plan: {0}")]
    Read(#[from] tracerig_reports::Error),
    /// It is no plan.
    #[error("{place}: {detail}. harness/plans/ci.toml of the source shows every key")]
    Malformed {
        /// The file, or the name of the plan, with the line where it is known.
        place: String,
        /// What is wrong.
        detail: String,
    },
}

/// A plan that makes no sense: the key concerned, which of its values from 0, and what is wrong.
struct Fault(&'static str, usize, String);

impl Plan {
    /// A built-in plan by name or, when `name` has a path separator or ends in `.toml`, a plan
    /// file.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn find(name: &str) -> Result<Self, PlanError> {
        if name.ends_with(".toml") || name.contains(std::path::is_separator) {
            return Self::parse(&read_text(Path::new(name), ByteSize(MOST_RECIPE_BYTES))?, name);
        }
        let (_, text) = BUILTIN
            .iter()
            .find(|(builtin, _)| *builtin == name)
            .ok_or_else(|| PlanError::Unknown(name.to_owned()))?;
        Self::parse(text, name)
    }

    /// The built-in plan of this name.
    #[must_use]
    pub fn builtin(name: &str) -> Option<Self> {
        let (_, text) = BUILTIN.iter().find(|(builtin, _)| *builtin == name)?;
        Self::parse(text, name).ok()
    }

    /// Reads a plan from the text of a TOML file; `place` names it in errors.
    ///
    /// # Errors
    /// [`PlanError::Malformed`], with the line where it is known.
    pub fn parse(text: &str, place: &str) -> Result<Self, PlanError> {
        let malformed =
            |wrong: Wrong| PlanError::Malformed { place: wrong.place(place), detail: wrong.detail };
        let checked = Checked::new(text, PLAN).map_err(malformed)?;
        let plan: Self = checked.read().map_err(malformed)?;
        plan.check()
            .map_err(|Fault(key, nth, detail)| malformed(checked.wrong(key, nth, detail)))?;
        Ok(plan)
    }

    /// Whether it still makes sense after something in it was changed.
    ///
    /// # Errors
    /// In words: what makes no sense.
    pub fn checked(&self) -> Result<(), String> {
        self.check().map_err(|Fault(.., detail)| detail)
    }

    /// What makes no sense in it.
    fn check(&self) -> Result<(), Fault> {
        self.compare.check_tolerances()?;
        let Compare { pairs, margin_percent, budget_percent, .. } = self.compare;
        if pairs == 0
            || !(margin_percent > 0.0 && margin_percent < budget_percent && budget_percent < 100.0)
        {
            let detail =
                "a comparison needs pairs, and a margin above 0 % and below its noise budget";
            return Err(Fault("compare.margin_percent", 0, detail.to_owned()));
        }
        if self.runs.is_empty() {
            return Err(Fault("run", 0, "it has no [[run]]".to_owned()));
        }
        let mut names = BTreeSet::new();
        for (at, run) in self.runs.iter().enumerate() {
            let fault = |detail| Fault("run.name", at, detail);
            let name = &run.name;
            let is_plain =
                |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
            if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
                let detail =
                    format!("`{name}` names a folder of results: letters, digits, - _ . only");
                return Err(fault(detail));
            }
            if name.len() > MOST_NAME_BYTES {
                return Err(fault(format!(
                    "a name of {} bytes; the limit is {MOST_NAME_BYTES}",
                    name.len()
                )));
            }
            if !names.insert(name) {
                return Err(fault(format!("the run `{name}` is there twice")));
            }
            run.check().map_err(|what| fault(format!("run `{name}`: {what}")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = r#"
        name = "least"
        why = "a test"
        [compare]
        pairs = 1
        margin_percent = 2
        budget_percent = 5
        why = "a test"
        [[run]]
        name = "one"
        scenario = "relaunch"
        why = "a test"
        recipe = "tiny"
        samples = 1
        why_samples = "a test"
        arms = ["warm"]
        compare = ["warm:hot"]
    "#;

    #[test]
    fn the_builtin_plans_make_sense() {
        for (name, _) in BUILTIN {
            let plan = Plan::find(name).unwrap();
            assert_eq!(plan.name, name);
            for run in &plan.runs {
                assert!(run.definition().is_ok(), "{name}: {}", run.name);
                assert!(run.why.ends_with('.'), "{name}: {}", run.name);
            }
            let compared = plan.runs.iter().any(|run| !run.compare.is_empty());
            assert!(compared, "{name} compares nothing");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let refused = |from: &str, to: &str| {
            assert!(LEAST.contains(from), "{from}");
            Plan::parse(&LEAST.replace(from, to), "it").unwrap_err().to_string()
        };
        assert!(Plan::parse(LEAST, "it").is_ok());
        for (from, to, said) in [
            (
                "samples = 1",
                "samples = 0",
                "line 14: `run.samples` is 0; give a whole number from 1 to 10000",
            ),
            ("[\"warm\"]", "[\"lukewarm\"]", "lukewarm"),
            ("[\"warm:hot\"]", "[\"full:hot\"]", "full:hot"),
            ("[\"warm:hot\"]", "[\"warm:cold\"]", "hot page cache"),
            ("[\"warm\"]", "[\"live\"]", "warm:hot"),
            ("recipe = \"tiny\"", "recipes = \"tiny\"", "line"),
            ("\"one\"", "\"../one\"", "folder"),
            ("margin_percent = 2", "margin_percent = 7", "noise budget"),
            ("pairs = 1", "pairs = 0", "pairs"),
            (
                "[[run]]",
                "[[compare.tolerate]]\ncounter = \"steps\"\npercent = 1\nwhy = \"x\"\n[[run]]",
                "no exact counter is called `steps`",
            ),
            (
                "[[run]]",
                "[[compare.tolerate]]\ncounter = \"syscr\"\npercent = 6\nwhy = \"x\"\n[[run]]",
                "`syscr` tolerates 6 percent",
            ),
            ("scenario = \"relaunch\"", "scenario = \"sail\"", "sail"),
        ] {
            let error = refused(from, to);
            assert!(error.contains(said) && error.contains("it"), "{to}: {error}");
        }
        let twice = format!("{LEAST}{}", &LEAST[LEAST.find("[[run]]").unwrap()..]);
        assert!(Plan::parse(&twice, "it").unwrap_err().to_string().contains("twice"));
        assert!(Plan::find("slow").unwrap_err().to_string().contains("quick, ci, release"));
    }
}
