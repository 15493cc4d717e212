//! The report in sentences and tables.

use super::Release;
use crate::budgets::Judgement;
use crate::comparison::{Program, Run, tables};
use crate::layout::Table;
use crate::remarks;
use crate::units;
use crate::verdict::{ArmVerdict, Gate, Metric, Verdict};
use crate::words::{self, or_nothing};

/// The title.
pub(crate) fn title(release: &Release<'_>) -> String {
    format!("tracerig release report: changes since {}", release.since)
}

/// When, what with what, and where, each in a few words.
pub(crate) fn setting(release: &Release<'_>) -> Vec<String> {
    let mut said = Vec::new();
    let first = release.records.first().map(|(_, record)| record);
    said.extend(first.map(|record| words::to_the_minute(&record.started)));
    if let Some(run) = release.comparisons.runs.first() {
        let (base, new) = (&run.comparison.base, &run.comparison.new);
        said.push(format!("{} compared with {}", program(new), program(base)));
    }
    said.extend(first.map(|record| {
        let machine = &record.machine;
        let kind = if machine.is_virtual == Some(true) { ", virtual machine" } else { "" };
        format!(
            "{}, {}{kind}",
            machine.cpu.as_deref().unwrap_or("processor unknown"),
            words::plural(machine.cores, "core"),
        )
    }));
    said
}

/// `work tree (tracerig 0.2.0, 6293bca50f21, with uncommitted changes)`.
fn program(program: &Program) -> String {
    let build = &program.build;
    let revision = build.revision.as_deref().unwrap_or("revision unknown");
    let changed = if build.dirty == Some(true) { ", with uncommitted changes" } else { "" };
    let revision = revision.get(..12).unwrap_or(revision);
    format!("{} (tracerig {}, {revision}{changed})", program.name, build.version)
}

/// How the figures came about, for who has never seen such a report.
pub(crate) fn explained() -> &'static str {
    "Both versions of tracerig were built on this machine and launched in turn on the same data. \
     Every answer was checked. An arm is one kind of launch, such as a relaunch with a warm memo. \
     Work is counted exactly; times are compared in pairs."
}

/// The verdict in one sentence.
pub(crate) fn verdict(release: &Release<'_>) -> String {
    let since = release.since;
    if let Some(cut) = release.comparisons.cut_short() {
        return format!("Incomplete: {}", cut.trim_end());
    }
    let arms = release.arms();
    let all = words::plural(arms.all.len() as u64, "arm");
    let [missed, undecided, met, _] = release.budgets.map_or([0; 4], Judgement::counts);
    let budgets = words::plural(missed + undecided + met, "budget");
    let is_or_are = |n: u64| if n == 1 { "is" } else { "are" };
    match release.gate() {
        Gate::Mismatch => {
            format!("Do not release: wrong answers in {}.", listed(release, Gate::Mismatch))
        }
        Gate::Failed => format!("Do not release: no answer in {}.", listed(release, Gate::Failed)),
        Gate::Regression => {
            let over = format!("{missed} of {budgets} {} missed", is_or_are(missed));
            let worse = arms.count(Gate::Regression);
            if worse == 0 {
                return format!(
                    "Over budget: {over}, though no arm is shown to be worse than {since}."
                );
            }
            let does = if worse == 1 {
                "does more work or takes longer"
            } else {
                "do more work or take longer"
            };
            let first = arms.with(Gate::Regression).next();
            let worst = words::or_empty(first, |(run, arm)| {
                format!(" (worst: {})", worst(release, run, arm))
            });
            let over = if missed > 0 { format!(", and {over}") } else { String::new() };
            format!("Worse than {since}: {worse} of {all} {does}{worst}{over}.")
        }
        Gate::Inconclusive => {
            let doubtful = arms.count(Gate::Inconclusive);
            let mut open = Vec::new();
            if doubtful > 0 || arms.all.is_empty() {
                open.push(format!("a regression cannot be ruled out in {doubtful} of {all}"));
            }
            if undecided > 0 {
                open.push(format!("{undecided} of {budgets} {} undecided", is_or_are(undecided)));
            }
            format!(
                "Inconclusive: no arm is shown to be worse than {since}, but {}.",
                open.join(", and ")
            )
        }
        Gate::Fine => {
            let timed = arms.all.iter().any(|(_, arm)| arm.time.is_some());
            let what = if timed { "does more work or takes longer" } else { "does more work" };
            let better = match arms.better() {
                0 => String::new(),
                better => format!(", {better} {} better", is_or_are(better)),
            };
            let met = match met {
                0 => String::new(),
                1 => ", and the budget is met".to_owned(),
                _ => format!(", and all {budgets} are met"),
            };
            format!("No worse than {since}: none of {all} {what}{better}{met}.")
        }
    }
}

/// The class of the verdict on the page.
pub(crate) fn class(release: &Release<'_>) -> &'static str {
    match release.gate() {
        _ if release.comparisons.cut_short().is_some() => "doubt",
        Gate::Fine => "good",
        Gate::Inconclusive => "doubt",
        Gate::Regression | Gate::Failed | Gate::Mismatch => "bad",
    }
}

fn listed(release: &Release<'_>, gate: Gate) -> String {
    let arms = release.arms();
    let names: Vec<String> = arms.with(gate).map(|(run, arm)| named(release, run, arm)).collect();
    names.join(", ")
}

fn named(release: &Release<'_>, run: &Run, arm: &ArmVerdict) -> String {
    tables::named(&release.comparisons.runs, run, arm)
}

/// `relaunch/warm:hot, +12 % time`.
fn worst(release: &Release<'_>, run: &Run, arm: &ArmVerdict) -> String {
    let name = named(release, run, arm);
    match (arm.time, arm.change) {
        (Some(Verdict::Slower), Some(change)) => {
            format!("{name}, time {}", words::change(change.ratio))
        }
        _ => format!("{name}, more work"),
    }
}

/// Figures in large letters, with what they are.
pub(crate) fn tiles(release: &Release<'_>) -> Vec<(String, String)> {
    let arms = release.arms();
    let all = arms.all.len() as u64;
    let wrong = arms.count(Gate::Failed) + arms.count(Gate::Mismatch);
    let worse = wrong + arms.count(Gate::Regression);
    let of = |n: u64, of: u64| format!("{} of {}", units::count(n), units::count(of));
    let mut tiles = vec![
        (of(worse, all), if wrong > 0 { "arms worse or wrong" } else { "arms worse" }.to_owned()),
        (of(arms.better(), all), "arms better".to_owned()),
        (of(arms.count(Gate::Inconclusive), all), "arms inconclusive".to_owned()),
    ];
    if let Some(budgets) = release.budgets {
        let [missed, undecided, met, _] = budgets.counts();
        tiles.push((of(met, missed + undecided + met), "budgets met".to_owned()));
    }
    tiles
}

/// What is to be looked at first: why arms are worse or unclear, worst runs first.
pub(crate) fn reasons(release: &Release<'_>) -> Vec<String> {
    let runs = &release.comparisons.runs;
    let mut worst: Vec<&Run> = runs.iter().collect();
    worst.sort_by_key(|run| std::cmp::Reverse(run.comparison.gate()));
    let several = runs.len() > 1;
    let of_run = |run: &&Run| {
        let prefix = if several { format!("{}: ", run.name) } else { String::new() };
        let reasons = crate::comparison::words::reasons(&run.comparison).into_iter();
        reasons.map(move |said| format!("{prefix}{said}")).collect::<Vec<_>>()
    };
    worst.iter().flat_map(of_run).collect()
}

/// How many exact counters are equal.
pub(crate) fn equal(release: &Release<'_>) -> String {
    tables::equal(release.comparisons.runs.iter().map(|run| &run.comparison.verdicts))
}

/// The exact counters that changed.
pub(crate) fn work(release: &Release<'_>) -> Table {
    tables::all_counters_of(&release.comparisons.runs)
}

/// What the table of times shows.
pub(crate) const TIMES: &str = "Medians before and after, worst first. The change is the median of \
                                the ratios of pairs, in which what slowed both cancels out; it is \
                                not the ratio of the two medians";

/// The times of every arm before and after, worst first.
pub(crate) fn times(release: &Release<'_>) -> Table {
    let titles = ["arm", "time", "change", "99 % interval", release.since, "new", "of"];
    let mut table = Table::new(1, titles).words("time").words("of");
    for (run, arm) in release.arms().all {
        let Some(change) = arm.change else { continue };
        let times = run
            .comparison
            .times
            .iter()
            .find(|times| times.arm == arm.arm && times.cache == arm.cache);
        let cell = |time| or_nothing(time, units::duration);
        table.row(vec![
            named(release, run, arm),
            or_nothing(arm.time, |time| tables::verdict(time).to_owned()),
            words::change(change.ratio),
            tables::interval(change.interval),
            cell(times.and_then(|times| times.whole.base)),
            cell(times.and_then(|times| times.whole.new)),
            if arm.metric == Metric::AppendP50 { "append" } else { "launch" }.to_owned(),
        ]);
    }
    table
}

/// What each arm is, in the words of the plan.
pub(crate) fn arms(release: &Release<'_>) -> Table {
    let mut table = Table::new(1, ["arm", "what it is"]).words("what it is");
    for (run, record) in release.records {
        for arm in &record.plan.arms {
            table.row(vec![format!("{run}/{}", words::arm(&arm.name, arm.cache)), arm.why.clone()]);
        }
    }
    table
}

/// What is in no figure, each with its number.
pub(crate) fn left_out(release: &Release<'_>) -> Vec<String> {
    let mut said = Vec::new();
    for run in &release.comparisons.runs {
        let excluded: u64 =
            run.comparison.verdicts.arms.iter().map(|arm| arm.left_out.excluded).sum();
        if excluded > 0 {
            let samples = words::plural(excluded, "sample");
            said.push(format!(
                "{}: {samples} excluded, because the conditions of the arm were not met; they were \
                 taken again.",
                run.name
            ));
        }
    }
    if !release.not_compared.is_empty() {
        said.push(format!(
            "Runs that are not compared between these versions: {}. `tracerig run --plan {}` \
             measures them.",
            release.not_compared.join(", "),
            release.plan
        ));
    }
    said.extend(release.budgets.map(crate::budgets::words::left_out).unwrap_or_default());
    said
}

/// The machine and both versions.
pub(crate) fn environment(release: &Release<'_>) -> Table {
    let mut table = Table::new(1, ["what", "value"]).words("value");
    let mut row = |what: &str, value: String| table.row(vec![what.to_owned(), value]);
    if let Some(run) = release.comparisons.runs.first() {
        row("new", program(&run.comparison.new));
        row("compared with", program(&run.comparison.base));
        row("plan", release.plan.to_owned());
    }
    if let Some((_, record)) = release.records.first() {
        for (what, value) in remarks::machine(record) {
            // Both versions are above; the rest is of no use to a reader, and in every record.
            if !["tracerig", "revision", "fingerprint", "SQLite"].contains(&what) {
                row(what, value);
            }
        }
        row("SQLite", record.build.sqlite.clone());
    }
    table
}

/// How verdicts are made, once for all runs.
pub(crate) fn method(release: &Release<'_>) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for run in &release.comparisons.runs {
        for sentence in crate::comparison::words::method(&run.comparison) {
            if !said.contains(&sentence) {
                said.push(sentence);
            }
        }
    }
    if release.budgets.is_some() {
        said.push(
            "Budgets: a counter may not exceed its limit in any launch; a ratio is met or missed \
             if its whole 99 % interval is on one side of the limit; a time counts only on the \
             class of machine that it is given for."
                .to_owned(),
        );
    }
    said
}

/// The command that makes the report again.
pub(crate) fn command(release: &Release<'_>, width: usize) -> String {
    words::shell(&words::repeatable(release.command), width)
}

/// The files beside the report.
pub(crate) fn files() -> &'static str {
    "In the same folder: comparison.json (every verdict), and in a folder for each run base.json, \
     again.json and new.json (every sample) and order.json (the order they were taken in)."
}

/// What the budgets amount to; what to do where there are none.
pub(crate) fn budgets(release: &Release<'_>) -> String {
    match release.budgets {
        Some(budgets) => crate::budgets::words::counted(budgets),
        None => "No budgets were judged: there is no budgets.toml, and no --budgets was given."
            .to_owned(),
    }
}
