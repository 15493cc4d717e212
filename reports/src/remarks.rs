//! What a run found, in sentences: the answer, how it ended, what was left out, and how to get it
//! again.

use std::collections::BTreeMap;

use crate::command;
use crate::record::{ArmKey, ArmPlan, Cache, Outcome, Process, Record, SampleState, Status};
use crate::refresh;
use crate::summary::{ArmSummary, CounterSummary, LeftOut, Summary, WARM};
use crate::units;
use crate::words;

/// Name of the arm that scans everything and keeps nothing.
pub(crate) const FULL: &str = "full";

/// What launches are compared with.
const QUERY: &str = "the published query";

/// The subjects of the main sentences.
const WITH_MEMO: &str = "A relaunch with a memo";
const WITHOUT_MEMO: &str = "A full scan without a memo";

/// What the run found, in sentences. Causes of failure come first: the time of a wrong answer has
/// no value.
pub(crate) fn answer(record: &Record, summary: &Summary) -> Vec<String> {
    let mut said: Vec<String> = cause(&summary.outcome, &summary.left_out).into_iter().collect();
    let sentences = |caches: &[Cache], arm: &'static str, subject: &str| -> Vec<String> {
        let of = |cache: &Cache| summary.arm(&ArmKey::new(arm, *cache));
        caches
            .iter()
            .filter_map(of)
            .filter_map(|arm| sentence(subject, arm, QUERY, Length::Full))
            .collect()
    };
    if let Some(command) = command::of(record) {
        said.extend(command::answer(summary, command, Length::Full));
        return said;
    }
    if refresh::is_one(record) {
        said.extend(refresh::answer(summary, Length::Full));
    } else {
        let both = [Cache::Hot, Cache::Cold];
        said.extend(sentences(&both, WARM, WITH_MEMO));
        let lives_on = |arm: &&ArmSummary| arm.process == Process::Resident;
        said.extend(summary.arms.iter().filter(lives_on).filter_map(|arm| resident(record, arm)));
        said.extend(sentences(&both, FULL, WITHOUT_MEMO));
    }
    said.push(answers(summary));
    said
}

/// The same in at most five lines of a terminal.
pub(crate) fn brief(record: &Record, summary: &Summary) -> Vec<String> {
    let mut said: Vec<String> = cause(&summary.outcome, &summary.left_out).into_iter().collect();
    if let Some(command) = command::of(record) {
        said.extend(command::answer(summary, command, Length::Brief));
        return said;
    }
    if refresh::is_one(record) {
        said.extend(refresh::answer(summary, Length::Brief).into_iter().take(2));
    } else {
        let hot = |name| summary.arm(&ArmKey::new(name, Cache::Hot));
        let brief = |(name, subject)| sentence(subject, hot(name)?, QUERY, Length::Brief);
        said.extend([(WARM, WITH_MEMO), (FULL, WITHOUT_MEMO)].into_iter().filter_map(brief));
    }
    // Where answers are missing, the cause has said so.
    if said.is_empty() || summary.answers.all_right() {
        said.push(answers(summary));
    }
    said
}

/// Why the run did not end well: the first sample that shows it, and how many there are. `None` for
/// a run that did.
pub(crate) fn cause(outcome: &Outcome, left_out: &[LeftOut]) -> Option<String> {
    let first = |wanted: fn(&SampleState) -> Option<String>| {
        let place =
            |left: &LeftOut| format!("{}, round {}", words::arm(&left.arm, left.cache), left.round);
        left_out.iter().find_map(|left| Some(format!("{}: {}", place(left), wanted(&left.state)?)))
    };
    // A process may have said pages.
    fn first_line(text: &str) -> String {
        text.lines().next().unwrap_or_default().to_owned()
    }
    if outcome.mismatches > 0 {
        let found = first(|state| match state {
            SampleState::Mismatch { detail } => Some(first_line(detail)),
            _ => None,
        });
        return Some(format!(
            "WRONG ANSWER: {}. {} gave a wrong answer: do not use any figure of this run.",
            found.as_deref().unwrap_or("see the record").trim_end_matches('.'),
            words::plural(outcome.mismatches, "sample")
        ));
    }
    if outcome.failures > 0 {
        let found = first(|state| match state {
            SampleState::Failed { error } => Some(words::cause(error)),
            _ => None,
        });
        return Some(format!(
            "FAILED: {}. {} gave no answer.",
            found.as_deref().unwrap_or("see the record").trim_end_matches('.'),
            words::plural(outcome.failures, "sample")
        ));
    }
    (outcome.status == Status::Inconclusive).then(|| {
        let found = first(|state| match state {
            SampleState::Excluded { reason } => Some(first_line(reason)),
            _ => None,
        });
        format!(
            "INCONCLUSIVE: an arm has no valid sample; the first excluded: {}.",
            found.as_deref().unwrap_or("see the record").trim_end_matches('.')
        )
    })
}

/// How much a sentence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// The figures.
    Brief,
    /// Their intervals and numbers of samples, too.
    Full,
}

/// `A relaunch with a memo takes 2.64 ms (page cache hot): 447x faster than the published query,
/// 1.91x the floor.`
pub(crate) fn sentence(
    subject: &str,
    arm: &ArmSummary,
    published: &str,
    length: Length,
) -> Option<String> {
    let times = arm.sample_time.as_ref()?;
    let full = length == Length::Full;
    let samples = if full {
        format!("median of {}, ", words::plural(times.n, "sample"))
    } else {
        String::new()
    };
    let mut text = format!(
        "{subject} takes {} ({samples}page cache {})",
        units::duration(times.median),
        arm.cache
    );
    let mut parts = Vec::new();
    if let Some(ratio) = &arm.of_published {
        let versus = words::versus(ratio);
        let than = if versus == words::NO_DIFFERENCE { "from" } else { "than" };
        let interval = words::versus_interval(ratio).filter(|_| full);
        let interval =
            words::or_empty(interval, |ends| format!(" ({} interval {ends})", words::confidence()));
        parts.push(format!("{versus} {than} {published}{interval}"));
    }
    if let Some(floor) = &arm.of_floor {
        let interval = floor.interval.filter(|_| full);
        let interval = words::or_empty(interval, |ends| format!(" ({})", words::interval(ends)));
        parts.push(format!("{}x the floor{interval}", units::ratio(floor.ratio)));
    }
    if !parts.is_empty() {
        text += &format!(": {}", parts.join(", "));
    }
    Some(text + ".")
}

/// `In a long-lived process (live), a refresh takes 1.31 ms, 0.562x the time inside a warm
/// relaunch.`
fn resident(record: &Record, arm: &ArmSummary) -> Option<String> {
    let times = arm.inside.as_ref()?;
    let mut text = format!(
        "In a long-lived process ({}), a refresh after {} takes {} (median of {}, page cache {})",
        arm.name,
        words::plural(record.plan.appended_rows, "new row"),
        units::duration(times.median),
        words::plural(times.n, "sample"),
        arm.cache,
    );
    if let Some(warm) = &arm.inside_of_warm {
        text += &format!(", {}x the time inside a {WARM} relaunch", units::ratio(warm.ratio));
        text += &words::or_empty(warm.interval, |ends| {
            format!(" ({} interval {})", words::confidence(), words::interval(ends))
        });
    }
    Some(text + ".")
}

/// How the answers compared.
pub(crate) fn answers(summary: &Summary) -> String {
    let answers = &summary.answers;
    if answers.all_right() {
        return format!(
            "All answers of {} are right: each was compared with the oracle's.",
            words::launches(answers.launches)
        );
    }
    if answers.launches == 0 {
        return "No launch was made, so nothing is verified.".to_owned();
    }
    format!(
        "{} of {} launches gave the oracle's answer; {} wrong, {} without an answer.",
        units::count(answers.verified),
        units::count(answers.launches),
        words::plural(answers.mismatches, "sample"),
        words::plural(answers.failures, "sample"),
    )
}

/// How many turns each engine finds, and how many the dataset was built with.
pub(crate) fn turns(record: &Record, summary: &Summary) -> Option<String> {
    let mut engines: BTreeMap<&str, Vec<CounterSummary>> = BTreeMap::new();
    for arm in &summary.arms {
        engines.entry(&arm.engine).or_default().extend(arm.turns);
    }
    let mut found = Vec::new();
    for (engine, turns) in engines {
        let seen = || turns.iter().filter_map(|turns| turns.seen);
        if let (Some(min), Some(max)) =
            (seen().map(|seen| seen.min).min(), seen().map(|seen| seen.max).max())
        {
            let range = if min == max {
                units::count(min)
            } else {
                format!("{}..{}", units::count(min), units::count(max))
            };
            found.push(format!("{engine} {range}"));
        }
    }
    if found.is_empty() {
        return None;
    }
    let known = record.dataset.truth.get("priority_turns");
    let known = known.map(|n| format!("; the dataset was built with {}", units::count(*n)));
    Some(format!(
        "Turns found, each engine by its own rules: {}{}.",
        found.join(", "),
        known.unwrap_or_default()
    ))
}

/// A sample that is not in the statistics, and why.
pub(crate) fn left_out(left: &LeftOut) -> String {
    let what = match &left.state {
        SampleState::Valid => "valid".to_owned(),
        SampleState::Excluded { reason } => format!("excluded: {reason}"),
        SampleState::Failed { error } => format!("failed: {error}"),
        SampleState::Mismatch { detail } => format!("WRONG ANSWER: {detail}"),
    };
    format!(
        "{}, round {} (sample {}): {what}",
        words::arm(&left.arm, left.cache),
        left.round,
        left.order
    )
}

/// How the run ended, in a sentence with its exit code.
pub(crate) fn end(record: &Record) -> String {
    let outcome = &record.outcome;
    let taken = record.samples.len() as u64;
    let planned = record.plan.samples.saturating_mul(record.plan.arms.len() as u64);
    let how = match outcome.status {
        Status::Complete => "Complete",
        Status::Interrupted => "Interrupted",
        Status::Incomplete => "INCOMPLETE, the program was killed",
        Status::Inconclusive => "Inconclusive, an arm has no valid sample",
        Status::Failed => "Failed",
        Status::Mismatch => "Mismatch",
    };
    let counts = [
        (outcome.excluded, "excluded"),
        (outcome.failures, "failed"),
        (outcome.mismatches, "wrong"),
    ];
    let told = counts.into_iter().filter(|(count, _)| *count > 0);
    let told: String =
        told.map(|(count, what)| format!(", {} {what}", units::count(count))).collect();
    let all = planned;
    let (taken, planned) = (units::count(taken), units::count(planned));
    let exit_code = outcome.exit_code;
    if record.samples.len() as u64 <= all {
        return format!("{how}: {taken} of {planned} samples taken{told}; exit code {exit_code}.");
    }
    let missing = match missing(record) {
        0 => String::new(),
        missing => format!(", {} still missing", units::count(missing)),
    };
    format!(
        "{how}: {taken} samples taken for the {planned} planned{told} and taken again{missing}; \
         exit code {exit_code}."
    )
}

/// Samples that the plan promised and that did not meet their conditions.
fn missing(record: &Record) -> u64 {
    let of_arm = |arm: &ArmPlan| {
        let kept = record.samples.iter().filter(|sample| {
            sample.key() == arm.key() && !matches!(sample.state, SampleState::Excluded { .. })
        });
        record.plan.samples.saturating_sub(kept.count() as u64)
    };
    record.plan.arms.iter().map(of_arm).sum()
}

/// Machine and build in a sentence.
pub(crate) fn setting(record: &Record) -> String {
    let (machine, build) = (&record.machine, &record.build);
    let load = |load: Option<[f64; 3]>| {
        load.map_or_else(|| "unavailable".to_owned(), |load| format!("{:.2}", load[0]))
    };
    format!(
        "{}, {}, {} memory, {} {}, {}; load {} before, {} after; tracerig {} ({}, {}), SQLite {}",
        machine.cpu.as_deref().unwrap_or("processor unknown"),
        words::plural(machine.cores, "core"),
        machine.memory_bytes.map_or_else(|| "unknown".to_owned(), |size| size.to_string()),
        machine.os,
        machine.kernel,
        machine.file_system.as_deref().unwrap_or("file system unknown"),
        load(record.load_start),
        load(record.load_end),
        build.version,
        build
            .revision
            .as_deref()
            .map_or("revision unknown", |revision| revision.get(..12).unwrap_or(revision)),
        build.profile,
        build.sqlite,
    )
}

/// Machine and build, each fact with its name.
pub(crate) fn machine(record: &Record) -> [(&'static str, String); 12] {
    let (machine, build) = (&record.machine, &record.build);
    let unavailable = || "unavailable".to_owned();
    let load = |load: Option<[f64; 3]>| {
        load.map_or_else(unavailable, |[one, five, fifteen]| {
            format!("{one:.2}, {five:.2}, {fifteen:.2}")
        })
    };
    let source = match (&build.revision, build.dirty) {
        (None, _) => unavailable(),
        (Some(revision), Some(true)) => format!("{revision}, with uncommitted changes"),
        (Some(revision), Some(false)) => revision.clone(),
        (Some(revision), None) => format!("{revision}, changes unknown"),
    };
    [
        ("processor", machine.cpu.clone().unwrap_or_else(unavailable)),
        ("cores", machine.cores.to_string()),
        ("memory", machine.memory_bytes.map_or_else(unavailable, |size| size.to_string())),
        ("system", {
            let kind = if machine.is_virtual == Some(true) { ", virtual" } else { "" };
            format!("{} {} on {}{kind}", machine.os, machine.kernel, machine.arch)
        }),
        ("file system", machine.file_system.clone().unwrap_or_else(unavailable)),
        ("fingerprint", machine.fingerprint.clone()),
        ("load before (1, 5, 15 minutes)", load(record.load_start)),
        ("load after", load(record.load_end)),
        ("tracerig", format!("{}, profile {}", build.version, build.profile)),
        ("revision", source),
        ("compiler", build.rustc.clone()),
        (
            "SQLite",
            match build.sqlite_options.as_slice() {
                [] => build.sqlite.clone(),
                options => format!("{}, with {}", build.sqlite, options.join(", ")),
            },
        ),
    ]
}

/// The command of the run with its seed, as a shell takes it, in lines of at most `width` columns.
pub(crate) fn again(record: &Record, width: usize) -> String {
    let mut command = words::repeatable(&record.command);
    let own = command.split(|word| word == "--").next().unwrap_or_default();
    if !own.iter().any(|word| word == "--seed" || word.starts_with("--seed=")) {
        // What follows `--` are words of the measured command.
        let end = command.iter().position(|word| word == "--").unwrap_or(command.len());
        command.splice(end..end, ["--seed".to_owned(), record.seed.to_string()]);
    }
    words::shell(&command, width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::flawless;

    #[test]
    fn every_answer_is_right_only_if_every_launch_was_verified() {
        let mut record = flawless();
        assert!(
            answers(&Summary::of(&record)).starts_with("All answers of 439 launches are right")
        );
        // An excluded sample counts as well: its time is left out, its answer is not.
        record.samples[0].launches[0].verified = false;
        record.samples[0].state = SampleState::Excluded { reason: "busy".to_owned() };
        record.outcome = Outcome::of(&record.samples, false);
        assert!(answers(&Summary::of(&record)).starts_with("438 of 439 launches "));
    }

    #[test]
    fn an_answer_claims_no_more_than_its_interval() {
        let record = flawless();
        let mut summary = Summary::of(&record);
        let warm = summary.arms.iter_mut().find(|arm| arm.name == "warm").unwrap();
        let published = warm.of_published.as_mut().unwrap();
        published.ratio = 0.99;
        published.interval = Some(crate::stats::Interval { low: 0.95, high: 1.02 });
        let said = answer(&record, &summary).remove(0);
        assert!(
            said.contains(
                ": no difference from the published query (99 % interval 0.980 to 1.05), "
            ),
            "{said}"
        );
        summary.arms.iter_mut().for_each(|arm| arm.of_published = None);
        assert!(!answer(&record, &summary).remove(0).contains("published"));
    }

    #[test]
    fn the_command_keeps_a_seed_it_has() {
        let mut record = flawless();
        record.command = ["tracerig", "run", "--seed", "7"].map(str::to_owned).to_vec();
        assert_eq!(again(&record, 80), "tracerig run --seed 7");
        record.command = ["tracerig", "run", "--seed=7"].map(str::to_owned).to_vec();
        assert_eq!(again(&record, 80), "tracerig run --seed=7");
        record.command.truncate(2);
        assert_eq!(again(&record, 80), "tracerig run --seed 42");
    }
}
