//! Files of budgets: TOML, each budget with its line. `reports` judges them.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tracerig_datasets::limits::{Checked, MOST_RECIPE_BYTES, Wrong};
use tracerig_reports::budgets::{Budget, Budgets, Class, Limit};
use tracerig_reports::record::{ArmKey, ArmPlan, Cache};
use tracerig_reports::{ByteSize, read_text};

use crate::limits::BUDGETS;
use crate::plan::{Plan, Run};

/// Why there are no such budgets.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// The file cannot be read.
    #[error("the budgets: {0}")]
    Read(#[from] tracerig_reports::Error),
    /// It makes no sense.
    #[error("{place}: {detail}. docs/release-report.md explains every key")]
    Malformed {
        /// The file, with the line where it is known.
        place: String,
        /// What is wrong.
        detail: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    machine: Vec<MachineKeys>,
    #[serde(default)]
    counter: Vec<CounterKeys>,
    #[serde(default)]
    ratio: Vec<RatioKeys>,
    #[serde(default)]
    time: Vec<TimeKeys>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MachineKeys {
    name: String,
    cpu: String,
    cores: u64,
    arch: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CounterKeys {
    run: String,
    arm: String,
    name: String,
    at_most: u64,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RatioKeys {
    run: String,
    arm: String,
    to: String,
    at_most: f64,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TimeKeys {
    run: String,
    arm: String,
    machine: String,
    phase: Option<String>,
    percentile: f64,
    at_most: String,
    why: String,
}

/// Reads the file of budgets at `path`. Every name in it is checked before anything is measured:
/// runs and arms of the plan `judged` and of the plans that come with the program.
///
/// # Errors
/// See [`BudgetError`].
pub fn read(path: &Path, judged: &Plan) -> Result<Budgets, BudgetError> {
    let text = read_text(path, ByteSize(MOST_RECIPE_BYTES))?;
    parse(&text, &path.display().to_string(), judged)
}

/// The same from the text of a file; `place` names it.
///
/// # Errors
/// [`BudgetError::Malformed`], with the line where it is known.
pub fn parse(text: &str, place: &str, judged: &Plan) -> Result<Budgets, BudgetError> {
    let malformed =
        |wrong: Wrong| BudgetError::Malformed { place: wrong.place(place), detail: wrong.detail };
    let checked = Checked::new(text, BUDGETS).map_err(malformed)?;
    let file: File = checked.read().map_err(malformed)?;
    let reader = Reader { checked, judged };
    let budgets = reader.budgets(&file).map_err(malformed)?;
    Ok(Budgets { file: place.to_owned(), budgets })
}

/// A table of the file: its kind, and its position among those of the kind.
type At = (&'static str, usize);

struct Reader<'a> {
    checked: Checked<'a>,
    judged: &'a Plan,
}

impl Reader<'_> {
    /// Every budget, in the order of the file.
    fn budgets(&self, file: &File) -> Result<Vec<Budget>, Wrong> {
        let classes = self.classes(&file.machine)?;
        let mut budgets = Vec::new();
        for (nth, keys) in file.counter.iter().enumerate() {
            let at = ("counter", nth);
            let (plan, run) = self.run(at, &keys.run)?;
            if !run.kind.exact.contains(&keys.name.as_str()) {
                let known = run.kind.exact.join(", ");
                let what = format!("no exact counter is called `{}`; there are {known}", keys.name);
                return Err(self.wrong(at, "name", what));
            }
            let limit = Limit::Counter { counter: keys.name.clone(), at_most: keys.at_most };
            let arm = self.arm(at, "arm", &run, &keys.arm)?;
            budgets.push(self.budget(at, (plan, run.name, arm), limit, &keys.why));
        }
        for (nth, keys) in file.ratio.iter().enumerate() {
            let at = ("ratio", nth);
            let (plan, run) = self.run(at, &keys.run)?;
            let arm = self.arm(at, "arm", &run, &keys.arm)?;
            let to = self.arm(at, "to", &run, &keys.to)?;
            if arm == to {
                return Err(self.wrong(at, "to", format!("{} is the arm itself", keys.to)));
            }
            let limit = Limit::Ratio { to, at_most: keys.at_most };
            budgets.push(self.budget(at, (plan, run.name, arm), limit, &keys.why));
        }
        for (nth, keys) in file.time.iter().enumerate() {
            let at = ("time", nth);
            let (plan, run) = self.run(at, &keys.run)?;
            let arm = self.arm(at, "arm", &run, &keys.arm)?;
            let machine =
                classes.iter().find(|class| class.name == keys.machine).ok_or_else(|| {
                    let known: Vec<&str> =
                        classes.iter().map(|class| class.name.as_str()).collect();
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                    self.wrong(
                        at,
                        "machine",
                        format!("no [[machine]] is called `{}`; there are: {known}", keys.machine),
                    )
                })?;
            let at_most = duration(&keys.at_most).ok_or_else(|| {
                let what = format!("`{}` is no time; give one such as \"1.5 ms\"", keys.at_most);
                self.wrong(at, "at-most", what)
            })?;
            let (phase, percentile) = (keys.phase.clone(), keys.percentile);
            let limit = Limit::Time { phase, percentile, at_most, machine: machine.clone() };
            budgets.push(self.budget(at, (plan, run.name, arm), limit, &keys.why));
        }
        if budgets.is_empty() {
            let detail = "it has no budget: no [[counter]], [[ratio]] or [[time]]".to_owned();
            return Err(Wrong { line: None, detail });
        }
        budgets.sort_by_key(|budget| budget.line);
        Ok(budgets)
    }

    fn classes(&self, machines: &[MachineKeys]) -> Result<Vec<Class>, Wrong> {
        let mut classes: Vec<Class> = Vec::new();
        for (nth, MachineKeys { name, cpu, cores, arch }) in machines.iter().enumerate() {
            if classes.iter().any(|class| class.name == *name) {
                return Err(self.wrong(
                    ("machine", nth),
                    "name",
                    format!("`{name}` is there twice"),
                ));
            }
            let (name, cpu, arch) = (name.clone(), cpu.clone(), arch.clone());
            classes.push(Class { name, cpu, cores: *cores, arch });
        }
        Ok(classes)
    }

    fn budget(
        &self,
        at: At,
        (plan, run, arm): (String, String, ArmKey),
        limit: Limit,
        why: &str,
    ) -> Budget {
        let line = self.wrong(at, "at-most", "").line.unwrap_or_default() as u64;
        Budget { line, plan, run, arm, limit, why: why.to_owned() }
    }

    /// The plan and the run of `PLAN/RUN`.
    fn run(&self, at: At, name: &str) -> Result<(String, Run), Wrong> {
        let wrong = |what| self.wrong(at, "run", what);
        let (plan_name, run) = name
            .split_once('/')
            .ok_or_else(|| wrong(format!("`{name}` is no PLAN/RUN such as ci/relaunch")))?;
        let plan = if plan_name == self.judged.name {
            self.judged.clone()
        } else {
            Plan::builtin(plan_name).ok_or_else(|| {
                wrong(format!(
                    "unknown plan `{plan_name}`; choose among quick, ci, release, or the plan that \
                     is measured ({})",
                    self.judged.name
                ))
            })?
        };
        let known: Vec<&str> = plan.runs.iter().map(|run| run.name.as_str()).collect();
        let told = format!("the plan {plan_name} has no run `{run}`; it has {}", known.join(", "));
        let found = plan.runs.iter().find(|known| known.name == run).cloned();
        Ok((plan_name.to_owned(), found.ok_or_else(|| wrong(told))?))
    }

    /// The arm of a run that is called `name`, or `name:cache`.
    fn arm(&self, at: At, key: &str, run: &Run, name: &str) -> Result<ArmKey, Wrong> {
        let definition =
            run.definition().map_err(|error| self.wrong(at, "run", error.to_string()))?;
        let arms = &definition.plan.arms;
        let meant: Vec<&ArmPlan> = arms.iter().filter(|arm| is_meant(arm, name)).collect();
        match meant.as_slice() {
            [one] => Ok(one.key()),
            several => {
                let arms = if several.is_empty() { arms.iter().collect() } else { meant.clone() };
                let known: Vec<String> = arms.into_iter().map(named).collect();
                let (run, known) = (&run.name, known.join(", "));
                Err(self.wrong(
                    at,
                    key,
                    if several.is_empty() {
                        format!("the run {run} has no arm `{name}`; it has {known}")
                    } else {
                        format!("`{name}` means several arms; choose among {known}")
                    },
                ))
            }
        }
    }

    fn wrong(&self, (kind, nth): At, key: &str, detail: impl Into<String>) -> Wrong {
        self.checked.wrong(&format!("{kind}.{key}"), nth, detail)
    }
}

/// Whether `name`, or `name:cache`, means this arm.
fn is_meant(arm: &ArmPlan, name: &str) -> bool {
    match name.split_once(':') {
        Some((name, cache)) => arm.name == name && arm.cache.to_string() == cache,
        None => arm.name == name,
    }
}

fn named(arm: &ArmPlan) -> String {
    if arm.cache == Cache::Any { arm.name.clone() } else { format!("{}:{}", arm.name, arm.cache) }
}

/// A time such as `1.5 ms`.
fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 4] = [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (number, unit) = text.trim().split_at(text.trim().find(|c: char| c.is_ascii_alphabetic())?);
    let (_, seconds) = UNITS.iter().find(|(known, _)| *known == unit)?;
    let number: f64 = number.trim().parse().ok().filter(|number: &f64| *number > 0.0)?;
    Duration::try_from_secs_f64(number * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = r#"
[[machine]]
name = "small"
cpu = "A"
cores = 2
arch = "x86_64"

[[ratio]]
run = "ci/relaunch"
arm = "warm:hot"
to = "floor:hot"
at-most = 2.5
why = "A test."

[[counter]]
run = "ci/append"
arm = "sync"
name = "transactions"
at-most = 20000
why = "A test."

[[time]]
run = "quick/relaunch"
arm = "warm:hot"
machine = "small"
phase = "scan"
percentile = 95
at-most = "1.5 ms"
why = "A test."
"#;

    fn parsed(text: &str) -> Result<Budgets, String> {
        parse(text, "b.toml", &Plan::find("ci").unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_budget_has_the_line_of_its_limit() {
        let budgets = parsed(RIGHT).unwrap().budgets;
        let told: Vec<(u64, &str, &str)> = budgets
            .iter()
            .map(|budget| (budget.line, budget.plan.as_str(), budget.run.as_str()))
            .collect();
        assert_eq!(told, [(12, "ci", "relaunch"), (19, "ci", "append"), (28, "quick", "relaunch")]);
        assert_eq!(
            budgets[0].limit,
            Limit::Ratio { to: ArmKey::new("floor", Cache::Hot), at_most: 2.5 }
        );
        let Limit::Time { phase, percentile, at_most, machine } = &budgets[2].limit else {
            panic!()
        };
        assert_eq!((phase.as_deref(), *percentile), (Some("scan"), 95.0));
        assert_eq!((*at_most, machine.cores), (Duration::from_micros(1500), 2));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name_and_line() {
        for (from, to, said) in [
            ("at-most = 2.5", "most = 2.5", "line 12: unknown field `most`"),
            ("at-most = 2.5", "at-most = -1", "line 12: `ratio.at-most` is -1"),
            (
                "\"floor:hot\"",
                "\"flor:hot\"",
                "line 11: the run relaunch has no arm `flor:hot`; it has",
            ),
            ("\"floor:hot\"", "\"published\"", "line 11: `published` means several arms"),
            ("\"floor:hot\"", "\"warm:hot\"", "line 11: warm:hot is the arm itself"),
            ("\"ci/append\"", "\"ci/appends\"", "line 16: the plan ci has no run `appends`"),
            ("\"ci/append\"", "\"append\"", "line 16: `append` is no PLAN/RUN"),
            ("\"ci/append\"", "\"mine/append\"", "line 16: unknown plan `mine`"),
            ("\"transactions\"", "\"steps\"", "line 18: no exact counter is called `steps`"),
            ("machine = \"small\"", "machine = \"big\"", "line 25: no [[machine]] is called `big`"),
            ("\"1.5 ms\"", "\"1.5\"", "line 28: `1.5` is no time"),
            ("percentile = 95", "percentile = 101", "line 27: `time.percentile` is 101"),
            ("[[time]]", "[[speed]]", "line 22: unknown field `speed`"),
        ] {
            assert!(RIGHT.contains(from), "{from}");
            let error = parsed(&RIGHT.replacen(from, to, 1)).unwrap_err();
            assert!(error.starts_with("b.toml, ") && error.contains(said), "{to}: {error}");
        }
        assert!(parsed("").unwrap_err().contains("no budget"));
    }
}
