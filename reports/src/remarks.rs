//! What a run found, in sentences: the answer, how it ended, what was left out, and how to get it again.

use std::collections::BTreeMap;

use crate::record::{ArmKey, Cache, Process, Record, SampleState, Status};
use crate::refresh;
use crate::summary::{ArmSummary, CounterSummary, LeftOut, Summary, WARM};
use crate::units;
use crate::words;

/// Name of the arm that scans everything and keeps nothing.
pub(crate) const FULL: &str = "full";

/// What launches are compared with.
const QUERY: &str = "the published query";

/// What the run found, in sentences. Wrong answers come first: the time of a wrong answer is of no use.
pub(crate) fn answer(record: &Record, summary: &Summary) -> Vec<String> {
    let mut said = Vec::new();
    if summary.answers.mismatches > 0 {
        said.push(format!(
            "{} gave a WRONG ANSWER; no figure of this run is of use until that is explained.",
            words::plural(summary.answers.mismatches, "sample")
        ));
    }
    if refresh::is_one(record) {
        said.extend(refresh::answer(record, summary));
        said.push(answers(summary));
        return said;
    }
    for cache in [Cache::Hot, Cache::Cold] {
        let relaunch = summary.arm(&ArmKey::new(WARM, cache));
        said.extend(relaunch.and_then(|arm| sentence(&relaunch_subject(record, cache), arm, QUERY)));
    }
    let lives_on = |arm: &&ArmSummary| arm.process == Process::Resident;
    said.extend(summary.arms.iter().filter(lives_on).filter_map(|arm| resident(record, arm)));
    for cache in [Cache::Hot, Cache::Cold] {
        let full = summary.arm(&ArmKey::new(FULL, cache));
        said.extend(
            full.and_then(|arm| sentence(&format!("Without a memo, cache {cache}, a full scan"), arm, QUERY)),
        );
    }
    said.push(answers(summary));
    said
}

fn relaunch_subject(record: &Record, cache: Cache) -> String {
    format!(
        "With a memo, {} appended, cache {cache}, a relaunch",
        words::plural(record.plan.appended_rows, "row")
    )
}

/// `... takes 2.64 ms, 447x faster than published (445 to 449) and 1.91x the floor (1.90 to 1.92), +1.26 ms.`
pub(crate) fn sentence(subject: &str, arm: &ArmSummary, published: &str) -> Option<String> {
    let times = arm.sample_time.as_ref()?;
    let mut text = format!(
        "{subject} takes {} (median of {})",
        units::duration(times.median),
        words::plural(times.n, "sample")
    );
    if let Some(ratio) = &arm.of_published {
        text += &format!(", {}", words::versus(ratio));
        text += if words::versus(ratio) == "no difference" { " from " } else { " than " };
        text += published;
        let interval = words::versus_interval(ratio);
        text += &words::or_empty(interval, |ends| format!(" ({} interval {ends})", words::confidence()));
    }
    if let Some(floor) = &arm.of_floor {
        text += &format!(", {}x the floor", units::ratio(floor.ratio));
        text += &words::or_empty(floor.interval, |ends| format!(" ({})", words::interval(ends)));
    }
    if let Some(beyond) = arm.beyond_floor_ns {
        text += &format!(", {} beyond it", units::signed_duration(beyond as f64));
    }
    Some(text + ".")
}

/// `In a process that lives on, ... a refresh takes 1.31 ms inside it, 0.562x what a warm relaunch takes inside its own.`
fn resident(record: &Record, arm: &ArmSummary) -> Option<String> {
    let times = arm.inside.as_ref()?;
    let mut text = format!(
        "In a process that lives on ({}), {} appended between, cache {}, a refresh takes {} inside it (median of {})",
        arm.name,
        words::plural(record.plan.appended_rows, "row"),
        arm.cache,
        units::duration(times.median),
        words::plural(times.n, "sample"),
    );
    if let Some(warm) = &arm.inside_of_warm {
        text += &format!(", {}x what {WARM} takes inside its process", units::ratio(warm.ratio));
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
            "Every answer is right: all {} were compared with an independently established answer and equal to it.",
            words::launches(answers.launches)
        );
    }
    if answers.launches == 0 {
        return "No launch was made, so nothing is proven.".to_owned();
    }
    format!(
        "{} of {} launches gave an answer equal to the independently established one; {} wrong, {} without an answer.",
        units::count(answers.verified),
        units::count(answers.launches),
        words::plural(answers.mismatches, "sample"),
        words::plural(answers.failures, "sample"),
    )
}

/// How many turns each engine finds, beside what the data is known to hold.
pub(crate) fn turns(record: &Record, summary: &Summary) -> Option<String> {
    let mut engines: BTreeMap<&str, Vec<CounterSummary>> = BTreeMap::new();
    for arm in &summary.arms {
        engines.entry(&arm.engine).or_default().extend(arm.turns);
    }
    let mut found = Vec::new();
    for (engine, turns) in engines {
        let seen = || turns.iter().filter_map(|turns| turns.seen);
        if let (Some(min), Some(max)) = (seen().map(|seen| seen.min).min(), seen().map(|seen| seen.max).max())
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
    let known =
        known.map(|n| format!("; before any append the data holds {} by construction", units::count(*n)));
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
    format!("{}, round {} (sample {}): {what}", words::arm(&left.arm, left.cache), left.round, left.order)
}

/// How the run ended, in a sentence with its exit code.
pub(crate) fn end(record: &Record) -> String {
    let outcome = &record.outcome;
    let taken = record.samples.len() as u64;
    let planned = record.plan.samples.saturating_mul(record.plan.arms.len() as u64);
    let how = match outcome.status {
        Status::Complete => "Complete".to_owned(),
        Status::Interrupted => "Cut short (interrupted on request)".to_owned(),
        Status::Inconclusive => "Inconclusive: an arm has no sample that met its conditions".to_owned(),
        Status::Failed => format!("Failed: {} without an answer", words::plural(outcome.failures, "sample")),
        Status::Mismatch => format!("Mismatch: {} wrong", words::plural(outcome.mismatches, "answer")),
    };
    format!(
        "{how}; {} of {} planned samples taken, {} left out; exit code {}.",
        units::count(taken),
        units::count(planned),
        units::count(outcome.excluded.saturating_add(outcome.failures).saturating_add(outcome.mismatches)),
        outcome.exit_code
    )
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
        load.map_or_else(unavailable, |[one, five, fifteen]| format!("{one:.2}, {five:.2}, {fifteen:.2}"))
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
    let mut command = record.command.clone();
    if !command.iter().any(|word| word == "--seed" || word.starts_with("--seed=")) {
        command.extend(["--seed".to_owned(), record.seed.to_string()]);
    }
    words::shell(&command, width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::flawless;
    use crate::record::Outcome;

    #[test]
    fn every_answer_is_right_only_if_every_launch_was_verified() {
        let mut record = flawless();
        assert!(answers(&Summary::of(&record)).starts_with("Every answer is right: all 439 launches "));
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
            said.contains(", no difference from the published query (99 % interval 0.980 to 1.05), "),
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
