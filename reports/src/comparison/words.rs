//! A comparison in sentences.

use super::{Comparison, Program};
use crate::command;
use crate::record::CounterClass;
use crate::units;
use crate::verdict::{
    ArmVerdict, Basis, Doubt, FOLLOW_CORES, Gate, Metric, Rules, Verdict, Work, WorkChange,
};
use crate::words;

/// What is compared.
pub(crate) fn subject(comparison: &Comparison) -> String {
    match comparison.base.argv {
        Some(_) if comparison.scenario == "command" => "two commands".to_owned(),
        _ => format!("{} on {}", comparison.scenario, comparison.recipe),
    }
}
/// The title of the table of times.
pub(crate) const TIMES: &str = "Times before and after: medians, of launches and of their phases";

/// Both programs, a line each.
pub(crate) fn programs(comparison: &Comparison) -> [String; 2] {
    let line = |role: &str, program: &Program| {
        if let Some(argv) = &program.argv {
            return format!("{role} {}", command::told(argv));
        }
        let build = &program.build;
        let revision = build.revision.as_deref().unwrap_or("unknown");
        let changed = if build.dirty == Some(true) { " with uncommitted changes" } else { "" };
        let run = words::or_empty(program.run.as_ref(), |run| format!(", run {run}"));
        format!(
            "{role} {}: tracerig {}, revision {}{changed}, {}{run}",
            program.name,
            build.version,
            revision.get(..12).unwrap_or(revision),
            build.profile
        )
    };
    [line("base", &comparison.base), line("new", &comparison.new)]
}

/// The verdict in a sentence, its name first, and the exit code.
pub(crate) fn head(comparison: &Comparison) -> String {
    format!("{} Exit code {}.", verdict(comparison), comparison.gate().exit_code())
}

/// The verdict in a sentence, its name first.
pub(crate) fn verdict(comparison: &Comparison) -> String {
    let arms = &comparison.verdicts.arms;
    let said = match comparison.gate() {
        Gate::Fine if arms.iter().all(|arm| arm.time.is_none()) => {
            "FINE: no extra work. Times were not compared."
        }
        Gate::Fine => "FINE: no extra work, and no arm is slower.",
        Gate::Inconclusive => "INCONCLUSIVE: a regression can neither be shown nor ruled out.",
        Gate::Regression => "REGRESSION: the new program does more work or takes longer.",
        Gate::Failed => {
            return left_out(arms, "FAILED", "gave no answer", |arm| arm.left_out.failed);
        }
        Gate::Mismatch => {
            return left_out(arms, "MISMATCH", "gave a wrong answer", |arm| {
                arm.left_out.mismatched
            });
        }
    };
    said.to_owned()
}

/// `FAILED: 6 samples gave no answer: published (cache cold).`
fn left_out(arms: &[ArmVerdict], name: &str, what: &str, count: fn(&ArmVerdict) -> u64) -> String {
    let found: Vec<String> = arms
        .iter()
        .filter(|arm| count(arm) > 0)
        .map(|arm| words::arm(&arm.arm, arm.cache))
        .collect();
    let samples = words::plural(arms.iter().map(count).sum(), "sample");
    format!("{name}: {samples} {what}: {}.", found.join(", "))
}

/// The verdict, its reasons, and the arms that are the same.
pub(crate) fn answer(comparison: &Comparison) -> Vec<String> {
    let arms = &comparison.verdicts.arms;
    let mut said = vec![head(comparison)];
    said.extend(reasons(comparison));
    if comparison.times_refused.is_none() && arms.iter().any(|arm| arm.time.is_some()) {
        said.extend(same(arms));
    }
    said
}

/// The reasons of the verdict, decisive ones first: arms that got worse, why others are
/// inconclusive, and arms that changed without harm.
pub(crate) fn reasons(comparison: &Comparison) -> Vec<String> {
    let arms = &comparison.verdicts.arms;
    let (fine, decisive): (Vec<&ArmVerdict>, Vec<&ArmVerdict>) =
        arms.iter().partition(|arm| arm.gate() == Gate::Fine);
    let mut said: Vec<String> = decisive.into_iter().filter_map(arm).collect();
    said.extend(doubts(arms));
    said.extend(fine.into_iter().filter_map(arm));
    said.extend(comparison.times_refused.as_ref().map(ToString::to_string));
    said
}

/// What changed in an arm; `None` if nothing did.
fn arm(arm: &ArmVerdict) -> Option<String> {
    let mut parts = Vec::new();
    if arm.left_out.mismatched > 0 {
        parts.push(format!("{} WRONG", words::plural(arm.left_out.mismatched, "answer")));
    }
    if arm.left_out.failed > 0 {
        let cause =
            words::or_empty(arm.cause.as_ref(), |cause| format!(" ({})", words::cause(cause)));
        parts.push(format!(
            "{} without an answer{cause}",
            words::plural(arm.left_out.failed, "sample")
        ));
    }
    if matches!(arm.time, Some(Verdict::Inconclusive { why: Doubt::TooFewPairs { .. } }))
        && arm.left_out.excluded > 0
    {
        parts.push(format!("{} excluded", words::plural(arm.left_out.excluded, "sample")));
    }
    parts.extend(work(arm));
    if let (Some(Verdict::Slower | Verdict::Faster), Some(change)) = (arm.time, arm.change) {
        let how = if arm.time == Some(Verdict::Slower) { "slower" } else { "faster" };
        let interval = words::or_empty(change.interval, |interval| {
            format!(
                " ({} interval {} to {})",
                words::confidence(),
                words::change(interval.low),
                words::change(interval.high)
            )
        });
        parts.push(format!("{how}, {}{interval}", words::change(change.ratio)));
    }
    (!parts.is_empty())
        .then(|| format!("{}: {}.", words::arm(&arm.arm, arm.cache), parts.join("; ")))
}

/// Each doubt once, with the arms that have it.
fn doubts(arms: &[ArmVerdict]) -> Vec<String> {
    let mut doubts: Vec<(&str, Vec<String>)> = Vec::new();
    for arm in arms {
        let Some(Verdict::Inconclusive { why }) = arm.time else { continue };
        let named = format!("{} {why}", words::arm(&arm.arm, arm.cache)).trim_end().to_owned();
        match doubts.iter_mut().find(|(matter, _)| *matter == why.matter()) {
            Some((_, arms)) => arms.push(named),
            None => doubts.push((why.matter(), vec![named])),
        }
    }
    let sentence = |(matter, arms): (&str, Vec<String>)| {
        format!("Inconclusive, {matter}: {}.", arms.join(", "))
    };
    doubts.into_iter().map(sentence).collect()
}

/// The exact counters that changed.
fn work(arm: &ArmVerdict) -> Option<String> {
    let counters = arm.counters.iter().filter(|c| c.class == CounterClass::Exact && !c.accepted);
    let named = |wanted: WorkChange| -> Vec<&str> {
        counters.clone().filter(|c| c.change == wanted).map(|c| c.name.as_str()).collect()
    };
    let (what, names) = match arm.work {
        Work::More => ("more work", named(WorkChange::More)),
        Work::Less => ("less work", named(WorkChange::Less)),
        Work::Incomparable => [
            (WorkChange::Lost, "no longer exact or available"),
            (WorkChange::OtherCores, "cannot be compared, with other numbers of cores"),
            (WorkChange::Within, "varies between samples of the base"),
        ]
        .into_iter()
        .map(|(change, what)| (what, named(change)))
        .find(|(_, names)| !names.is_empty())
        .unwrap_or_default(),
        Work::Same | Work::Advisory => return None,
    };
    if names.is_empty() {
        return Some("neither program has a sample whose work can be compared".to_owned());
    }
    Some(format!("{what} ({})", names.join(", ")))
}

/// The arms whose time is the same, in one sentence.
fn same(arms: &[ArmVerdict]) -> Option<String> {
    let same: Vec<&ArmVerdict> =
        arms.iter().filter(|arm| arm.time == Some(Verdict::Same)).collect();
    (!same.is_empty()).then(|| {
        let names: Vec<String> = same.iter().map(|arm| words::arm(&arm.arm, arm.cache)).collect();
        format!("The same time: {}.", names.join(", "))
    })
}

/// How verdicts are made.
pub(crate) fn method(comparison: &Comparison) -> Vec<String> {
    let Rules { margin, budget, between_runs, beside, accepted, tolerated } =
        &comparison.verdicts.rules;
    let arms = &comparison.verdicts.arms;
    let basis =
        |wanted| arms.iter().filter_map(|arm| arm.change).any(|change| change.basis == wanted);
    let mut said = vec![
        "Exact work counters must be equal; a single launch that does more is a regression."
            .to_owned(),
    ];
    if basis(Basis::Paired) {
        said.push(format!(
            "Times are the median ratio of pairs measured alternately. Slower or faster: the whole \
             {} interval, corrected for {} (Holm), lies beyond the margin of {}, and a second run \
             confirms it. Same: a change of {} (the noise budget) is ruled out.",
            words::confidence(),
            words::plural(arms.len() as u64 + beside, "arm"),
            words::percent(*margin),
            words::percent(*budget),
        ));
    }
    if basis(Basis::Unpaired) {
        said.push(format!(
            "The runs were made at different times, so samples are not pairs: the intervals show \
             how times vary within a run, not what changed between the runs. So only a change of \
             {} or more is reported, and \"same\" needs a noise budget above that ({} here). To \
             find smaller changes, compare the programs in pairs.",
            words::percent(*between_runs),
            words::percent(*budget),
        ));
    }
    if arms.iter().any(|arm| arm.metric == Metric::AppendP50) {
        said.push("The time of a sample is the p50 of its appends.".to_owned());
    } else if arms.iter().any(|arm| arm.time.is_some()) {
        said.push("The time of a sample is the median of its launches.".to_owned());
    }
    if !tolerated.is_empty() {
        let part = |part: f64| format!("{} %", units::ratio(part * 100.0));
        let each: Vec<String> =
            tolerated.iter().map(|(name, &by)| format!("{name} (by {})", part(by))).collect();
        said.push(format!("May change a little, as the plan says: {}.", each.join(", ")));
    }
    if !accepted.is_empty() {
        let names: Vec<&str> = accepted.iter().map(String::as_str).collect();
        said.push(format!(
            "Accepted changes, which do not affect the verdict: {}.",
            names.join(", ")
        ));
    }
    let (base, new) = (comparison.base.cores, comparison.new.cores);
    if base != new {
        said.push(format!(
            "The base used {}, the new program {new}: a full scan reads through as many \
             connections, up to four, so counters that follow their number ({}) cannot be \
             compared.",
            words::plural(base, "core"),
            FOLLOW_CORES.join(", "),
        ));
    }
    said
}

/// How often noise looked like a change.
pub(crate) fn noise(comparison: &Comparison) -> Option<String> {
    let noise: Vec<_> = comparison.verdicts.arms.iter().filter_map(|arm| arm.noise).collect();
    if noise.is_empty() {
        return None;
    }
    let biased = noise.iter().filter(|noise| noise.biased).count();
    let (alarms, resampled) = noise
        .iter()
        .fold((0, 0), |sum, noise| (sum.0 + noise.false_alarms, sum.1 + noise.resampled));
    Some(format!(
        "The base compared with itself: {biased} of {} different. Of {} comparisons drawn at \
         random from its pairs, {} different (false alarms, {}).",
        words::plural(noise.len() as u64, "arm"),
        units::count(resampled),
        units::count(alarms),
        words::percent(alarms as f64 / resampled.max(1) as f64),
    ))
}
