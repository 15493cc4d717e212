//! What `tracerig diff` prints: the failures, the sum of a search, and its progress.

use indicatif::ProgressBar;
use tracerig_reports::wrapped;

use crate::cli::output;
use tracerig_differential::search::{Found, Job, Outside, Report, Seen};

/// The result of a search: the verdict, the failures, and with `details` how it was done. Of what
/// its histories did, counts how often they `checked`.
pub(super) fn table(report: &Report, checked: &str, details: bool) -> String {
    let Report {
        seed,
        ops,
        jobs,
        shard,
        random,
        operations,
        failed,
        seconds,
        cases_per_second,
        ..
    } = report;
    let checks = report.exercised.get(checked).copied().unwrap_or_default();
    let kept = report.kept.len();
    let mut text = match failed {
        0 => format!(
            "nothing wrong: {random} random and {kept} kept histories, {checks} {checked}\n"
        ),
        failed => format!("FAILED: {failed} of {} histories\n", random + kept as u64),
    };
    for found in &report.found {
        text += &format!("\n{}", told(found));
    }
    text += &outside(&report.outside);
    if details || *failed > 0 {
        text += &format!(
            "\n\
             seed {seed}, share {shard}: {random} random cases of {ops} operations, {kept} kept \
             ones\n\
             {operations} operations in cases without failure, {checks} {checked}\n\
             {seconds:.1} s, {cases_per_second:.0} cases/s on {jobs} threads\n",
        );
    }
    if details {
        text += &remarks(&report.remarks);
    } else {
        // An oracle that did not run is no detail.
        let missing = |remark: &&String| remark.contains("not run");
        text += &remarks(&report.remarks.iter().filter(missing).cloned().collect::<Vec<_>>());
        text += &format!("seed {seed}, share {shard}, {seconds:.1} s; more: --details\n");
    }
    text
}

/// What came of operations outside the contract.
pub(super) fn outside(counted: &[Outside]) -> String {
    if counted.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n{:<20} {:>7} {:>10} {:>10} {:>10}\n",
        "outside the contract", "cases", "noticed", "unharmed", "WRONG"
    );
    for sort in counted {
        let share = |count: u64| format!("{:.1} %", count as f64 * 100.0 / sort.cases() as f64);
        text += &format!(
            "{:<20} {:>7} {:>10} {:>10} {:>10}\n",
            sort.operation,
            sort.cases(),
            share(sort.detected),
            share(sort.right),
            share(sort.wrong)
        );
    }
    text + "\n"
}

/// What else has to be known, each from the beginning of a line.
pub(super) fn remarks(remarks: &[String]) -> String {
    remarks.iter().map(|remark| wrapped(remark, 80, "  ")).collect()
}

/// A failure in words.
pub(super) fn told(found: &Found) -> String {
    let sort = if found.mismatch { "MISMATCH" } else { "FAILURE" };
    let more = if found.cases > 1 {
        format!(" ({} cases fail like this)", found.cases)
    } else {
        String::new()
    };
    let history: String = found.history.lines().map(|line| format!("    {line}\n")).collect();
    let stopped = found.stopped.as_ref();
    let stopped = stopped.map_or_else(String::new, |by| format!("\n  shrinking stopped at {by}\n"));
    let unkept = found.unkept.as_ref();
    let unkept = unkept.map_or_else(String::new, |why| format!("  NOT KEPT: {why}\n"));
    format!(
        "{sort} {}: {}{more}\n{}\n\n{history}{stopped}\n  file:   {}\n  replay: {}\n{unkept}",
        found.kind,
        found.origin,
        found.detail,
        found.file.display(),
        found.replay
    )
}

/// What a search shows of its progress: a line that changes in a terminal, and each failure as it
/// is found.
pub(super) struct Shown {
    pub(super) bar: ProgressBar,
    corpus: usize,
}

impl Shown {
    pub(super) fn new<S>(job: &Job<S>) -> Self {
        let corpus = job.corpus.len();
        let share =
            |cases: u64| cases.div_ceil(job.shard.of()) + (corpus as u64).div_ceil(job.shard.of());
        let bar = match job.limits.cases {
            Some(cases) => output::progress_bar(
                share(cases),
                "searching [{bar:30}] {pos} of {len} cases, {per_sec}, {eta} left; {msg}",
            ),
            None => output::progress_bar(
                0,
                "{spinner} searching: {pos} cases in {elapsed}, {per_sec}; {msg}",
            ),
        };
        let shown = Self { bar, corpus };
        shown.say(0);
        shown
    }

    fn say(&self, failed: u64) {
        self.bar.set_message(format!("{failed} failed, corpus {}", self.corpus));
    }

    pub(super) fn seen(&self, seen: &Seen<'_>) {
        self.bar.set_position(seen.cases);
        if let Some(found) = seen.found {
            let mut told = format!("found {}: {}", found.kind, found.file.display());
            if let Some(why) = &found.unkept {
                told += &format!("\ntracerig: {why}");
            }
            self.bar.suspend(|| output::say(&told));
        }
        self.say(seen.failed);
    }
}
