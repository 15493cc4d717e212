//! The figures by hand, the renderings as kept.

use std::time::Duration;

use super::{ASYNC, ASYNC_PER_THREAD, BARE, SYNC, SYNC_READBACK, Summary, answer, limits};
use crate::fixture::append::{closed, of, open};
use crate::fixture::{self, assert_golden};
use crate::record::{
    AppendPlan, Cache, Counter, CounterClass, Histogram, Outcome, Record, SampleState, names,
};
use crate::stats::Interval;
use crate::{Ladder, hdr, json, ladder, markdown, render, terminal};

#[test]
fn runs_read_as_kept() {
    assert_golden("append-closed.txt", &render::terminal(&closed()));
    assert_golden("append-closed-details.txt", &render::details(&closed()));
    assert_golden("append-open-details.txt", &render::details(&open()));
    assert_golden("append-report.md", &render::markdown(&open()));
    assert_golden("append-summary.json", &render::json(&closed()).unwrap());
}

/// The arms `sync-readback`, `sync` and `async` as those of a candidate.
fn with_candidate() -> Record {
    let mut record = closed();
    let candidate = fixture::candidate();
    for (old, what) in [(SYNC_READBACK, "idle"), (SYNC, "append"), (ASYNC, "load")] {
        let name = candidate.arm(what);
        let arm = record.plan.arms.iter_mut().find(|arm| arm.name == old).unwrap();
        (arm.name, arm.engine) = (name.clone(), candidate.label());
        let right = record.samples.iter().find(|sample| sample.arm == old && sample.is_valid());
        let right = right.unwrap().clone();
        for sample in record.samples.iter_mut().filter(|sample| sample.arm == old) {
            sample.arm.clone_from(&name);
            (sample.state, sample.launches) = (SampleState::Valid, right.launches.clone());
            let launch = &mut sample.launches[0];
            launch.wall = Duration::from_micros(if what == "idle" { 500 } else { 2_500 });
            if what != "load" {
                launch.histograms.clear();
                launch.counters.clear();
            }
            if what == "append" {
                launch.counters.insert("appends".to_owned(), Counter::exact(Some(1_000)));
            }
        }
    }
    record.plan.candidates = vec![candidate];
    record.dataset.rows = 3_800;
    record.outcome = Outcome::of(&record.samples, false);
    assert_eq!(record.contradiction(), None);
    record
}

#[test]
fn an_append_of_a_candidate_is_timed_beyond_its_idle_process_and_not_at_all_with_a_fault() {
    let mut record = with_candidate();
    let of = |record: &Record, what: &str| {
        let summary = Summary::of(record);
        summary.arms.into_iter().find(|arm| arm.name == format!("mine@0.3.1 {what}")).unwrap()
    };
    let found = of(&record, "append").candidate.unwrap();
    assert_eq!(found.own.beyond_idle_ns, Some(2_000_000));
    assert_eq!((found.appends, found.each_append_ns), (Some(1_000), Some(2_000)));
    assert_eq!(found.wall, Some(Duration::from_micros(2_500)));
    let load = of(&record, "load");
    assert!(load.append.is_some() && load.of_bare.is_some());
    assert_eq!(load.candidate.unwrap().appends, None, "it claims latencies");
    assert!(Summary::of(&record).arm(SYNC_READBACK).is_none());
    let said = render::terminal(&record);
    assert!(said.contains("mine@0.3.1 append") && said.contains("2.00 us"), "{said}");
    // Whatever line they are in.
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("append 1,000 of 3,800 lines."), "{said}");
    assert!(said.contains("Claimed by the candidate: the latencies of mine@0.3.1 load."), "{said}");
    assert!(render::details(&record).lines().all(|line| line.chars().count() <= 80));

    let sample = record.samples.iter_mut().find(|sample| sample.arm == "mine@0.3.1 append");
    let sample = sample.unwrap();
    sample.state = SampleState::Mismatch { detail: "wrong: a line is lost".to_owned() };
    sample.launches[0].verified = false;
    record.outcome = Outcome::of(&record.samples, false);
    for what in ["idle", "append", "load"] {
        let arm = of(&record, what);
        let found = arm.candidate.unwrap();
        assert!(arm.append.is_none() && arm.of_bare.is_none(), "{what}");
        assert!(found.wall.is_none() && found.each_append_ns.is_none(), "{what}");
    }
    let said = render::terminal(&record);
    assert!(said.contains("wrong 1 ("), "{said}");
    assert!(Summary::of(&record).arm(BARE).unwrap().append.is_some());
}

/// The record with every append of an arm taking as many nanoseconds as are given, some rounds a
/// tenth slower than others.
fn exact(nanos: [(&str, u64); 5]) -> Record {
    let mut record = closed();
    for sample in &mut record.samples {
        let (_, nanos) = nanos.iter().find(|(name, _)| *name == sample.arm).unwrap();
        let time = Duration::from_nanos(nanos * (10 + sample.round % 2) / 10);
        for launch in &mut sample.launches {
            launch
                .histograms
                .insert(names::APPEND.to_owned(), std::iter::repeat_n(time, 3_600).collect());
        }
    }
    record
}

fn example() -> Record {
    exact([
        (BARE, 100),
        (ASYNC, 150),
        (ASYNC_PER_THREAD, 200),
        (SYNC, 1_100),
        (SYNC_READBACK, 1_600),
    ])
}

#[test]
fn ratios_and_parts_by_hand() {
    let summary = Summary::of(&example());
    let near = |found: f64, expected: f64| {
        assert!((found / expected - 1.0).abs() < 1e-12, "{found}, {expected}");
    };
    for (name, expected) in
        [(ASYNC, 1.5), (ASYNC_PER_THREAD, 2.0), (SYNC, 11.0), (SYNC_READBACK, 16.0)]
    {
        let found = summary.arm(name).unwrap().of_bare.as_ref().unwrap();
        near(found.p50.ratio, expected);
        near(found.p99.ratio, expected);
        // Whatever slows a round slows both, so that nothing is left of it.
        near(found.p50.interval.unwrap().low, expected);
        assert_eq!(found.p50.baseline, BARE);
    }
    assert_eq!(summary.arm(BARE).unwrap().of_bare, None);
    near(summary.comparison(SYNC_READBACK, ASYNC).unwrap().p50.ratio, 16.0 / 1.5);
    near(summary.comparison(ASYNC, ASYNC_PER_THREAD).unwrap().p99.ratio, 0.75);
    assert_eq!(summary.comparison(ASYNC, SYNC), None);
    // The rounds that have all three: 0, 1, 2, 4 to 8; five of these eight are even, so the median
    // is that of an even one.
    let parts = summary.readback.unwrap();
    assert_eq!((parts.rounds, parts.beyond_bare), (8, Duration::from_nanos(1_500)));
    assert_eq!((parts.read_back_ns, parts.write_ns), (500, 1_000));
    near(parts.read_back_share, 1.0 / 3.0);
    let said = answer::answer(&summary).join("\n");
    assert!(
        said.contains(
            "sync-readback takes 1.50 us more than bare (p50): 500 ns (33 %) to read the row \
             before and after, 1.00 us to write it."
        ),
        "{said}"
    );
}

#[test]
fn only_valid_samples_enter_the_times_and_the_work() {
    let summary = Summary::of(&closed());
    let arm = summary.arm(ASYNC).unwrap();
    assert_eq!((arm.samples.valid, arm.samples.excluded), (8, 1));
    assert_eq!(arm.append.unwrap().count, 8 * 3_600);
    // 640 projections and 80 transactions, and 3 and 1 more each round; round 3 is left out.
    assert_eq!(arm.staleness.unwrap().count, 8 * 640 + 3 * 33);
    assert_eq!(arm.per_append.projections, Some(f64::from(8 * 640 + 3 * 33) / 28_800.0));
    assert_eq!(arm.per_append.transactions, Some(f64::from(8 * 80 + 33) / 28_800.0));
    assert_eq!(
        (summary.arm(BARE).unwrap().staleness, summary.arm(BARE).unwrap().barrier),
        (None, None)
    );
    let between = arm.between_samples.unwrap().p50;
    assert!(between.min < between.median && between.median < between.max);
}

#[test]
fn what_one_launch_does_not_report_is_unavailable() {
    let mut record = closed();
    let of_sync = record.samples.iter_mut().find(|sample| sample.arm == SYNC).unwrap();
    of_sync.launches[0].counters.insert(names::LOAD_TRANSACTIONS.to_owned(), Counter::exact(None));
    let summary = Summary::of(&record);
    let each = summary.arm(SYNC).unwrap().per_append;
    assert_eq!((each.transactions, each.projections), (None, Some(1.0)));
    let launch = &mut record.samples[0].launches[0];
    launch.counters.remove(names::APPENDS);
    launch.counters.remove(names::LINES);
    let arm = record.samples[0].arm.clone();
    let arm = Summary::of(&record).arm(&arm).unwrap().clone();
    assert_eq!((arm.per_append, arm.appends_per_second), (super::PerAppend::default(), None));
    record.samples[1].launches[0].phases.clear();
    let arm = record.samples[1].arm.clone();
    assert_eq!(Summary::of(&record).arm(&arm).unwrap().appends_per_second, None);
}

#[test]
fn the_first_sentence_is_the_answer() {
    let mut record = example();
    let first = |record: &Record| {
        let mut said = answer::answer(&Summary::of(record));
        said.retain(|said| !said.starts_with("FAILED: "));
        said.remove(0)
    };
    assert_eq!(
        first(&record),
        "An append costs its caller 150 ns (p99 165 ns) if its row is projected after it returned \
         (async), and 1.60 us (p99 1.76 us) if projected before it returns (sync-readback, as \
         published): 10.7x as long (99 % interval 10.7 to 10.7), 10.7x at p99 (10.7 to 10.7). \
         Measured with 8 threads, buffered, closed loop, database idle."
    );
    let without = |record: &mut Record, name: &str| {
        record.plan.arms.retain(|arm| arm.name != name);
        record.samples.retain(|sample| sample.arm != name);
    };
    without(&mut record, SYNC_READBACK);
    assert!(
        first(&record).contains("before it returns (sync): 7.33x as long"),
        "{}",
        first(&record)
    );
    let mut per_thread = record.clone();
    without(&mut per_thread, ASYNC);
    assert!(
        first(&per_thread).contains("before it returns (sync): 5.50x as long"),
        "{}",
        first(&per_thread)
    );
    without(&mut record, SYNC);
    assert!(first(&record).contains("after it returned (async). Measured"), "{}", first(&record));
    without(&mut record, ASYNC);
    assert!(first(&record).contains(
        "200 ns (p99 220 ns) if its row is projected after it returned (async-per-thread)"
    ));
    without(&mut record, ASYNC_PER_THREAD);
    assert!(
        first(&record)
            .starts_with("Writing the same lines without a row (bare) takes 100 ns (p99 110 ns).")
    );
}

#[test]
fn no_difference_is_claimed_where_the_interval_holds_one() {
    let mut summary = Summary::of(&example());
    let said = |summary: &Summary| {
        answer::answer(summary).into_iter().find(|said| said.starts_with("One worker")).unwrap()
    };
    assert!(said(&summary).contains(
        "caller of an append: 0.750x as long (99 % interval 0.750 to 0.750), 0.750x at p99"
    ));
    let found =
        summary.comparisons.iter_mut().find(|found| found.baseline == ASYNC_PER_THREAD).unwrap();
    found.p50.interval = Some(Interval { low: 0.7, high: 1.1 });
    found.p99.interval = None;
    assert!(
        said(&summary).contains("no difference (99 % interval 0.700 to 1.10), 0.750x at p99"),
        "{}",
        said(&summary)
    );
}

#[test]
fn a_wrong_row_comes_before_every_claim() {
    let mut record = closed();
    record.samples[5].launches[0].verified = false;
    record.samples[5].state =
        SampleState::Mismatch { detail: "title of thread 3 differs".to_owned() };
    record.outcome = Outcome::of(&record.samples, false);
    let said = answer::answer(&Summary::of(&record));
    assert!(said[0].starts_with("WRONG ANSWER: "), "{}", said[0]);
    let text = render::terminal(&record);
    assert!(
        text.starts_with("WRONG ANSWER: ") && text.contains("title of thread 3 differs"),
        "{text}"
    );
    assert!(!text.contains("Nothing was lost"));
}

#[test]
fn nothing_was_lost_only_if_every_launch_was_compared() {
    let mut record = closed();
    assert!(!Summary::of(&record).rows.all_right());
    record.samples.retain(|sample| !matches!(sample.state, SampleState::Failed { .. }));
    record.outcome = Outcome::of(&record.samples, false);
    // The excluded sample counts as well: its times are left out, its rows are not.
    let rows = Summary::of(&record).rows;
    assert!(rows.all_right());
    assert_eq!((rows.verified, rows.verified_launches), (35 * 8, 35));
    assert!(
        answer::rows(&Summary::of(&record))
            .starts_with("Nothing was lost: all 280 final rows equal")
    );
    record.samples.iter_mut().find(|sample| sample.arm == ASYNC).unwrap().launches[0].verified =
        false;
    assert!(answer::rows(&Summary::of(&record)).starts_with("272 final rows equal"));
    // Without an arm that has rows there is nothing to claim.
    record.samples.retain(|sample| sample.arm == BARE);
    assert!(answer::rows(&Summary::of(&record)).starts_with("No launch projected rows"));
}

fn limits_of(record: &Record) -> String {
    limits::limits(record, &Summary::of(record)).join("\n")
}

#[test]
fn each_loop_says_what_it_hides() {
    let (closed, open) = (limits_of(&closed()), limits_of(&open()));
    assert!(
        closed.contains("coordinated omission") && !closed.contains("waiting for earlier appends"),
        "{closed}"
    );
    assert!(open.contains("from its intended start") && !open.contains("coordinated"), "{open}");
    assert!(open.contains("about 7.97 us (p50 of bare)"), "{open}");
    assert!(
        open.contains(
            "waiting for earlier appends: sync-readback 216 ms of 246 ms, sync 179 ms of 205 ms. \
             An arm"
        ),
        "{open}"
    );
    assert!(
        open.contains("the process that takes the lock")
            && !closed.contains("the process that takes the lock")
    );
}

#[test]
fn what_spoils_the_figures_is_named() {
    let mut record = closed();
    let before = limits_of(&record);
    for said in [
        "profile",
        "failed and later ones",
        "Exact counters",
        "without an interval",
        "no valid sample",
    ] {
        assert!(!before.contains(said), "{said}");
    }
    record.build.profile = "debug".to_owned();
    let counters = &mut record.samples[1].launches[0].counters;
    counters.insert(names::FAILED_PROJECTIONS.to_owned(), Counter::advisory(Some(3)));
    for sample in record.samples.iter_mut().filter(|sample| sample.arm == SYNC && sample.round == 2)
    {
        sample.launches[0]
            .counters
            .insert(names::TRANSACTIONS.to_owned(), Counter::exact(Some(3_999)));
    }
    record.samples.retain(|sample| sample.round < 5 || sample.arm != ASYNC);
    let said = limits_of(&record);
    assert!(said.contains("Built with profile \"debug\""), "{said}");
    assert!(
        said.contains(&format!("later: {} up to 3 per launch", record.samples[1].arm)),
        "{said}"
    );
    assert!(said.contains("although the items are the same: transactions of sync."), "{said}");
    assert!(said.contains("sync-readback to async (4 rounds), sync to async (4 rounds)"), "{said}");
    let mut short = closed();
    short.samples.retain(|sample| sample.round < 2);
    assert!(
        limits_of(&short)
            .contains("No ratio has an interval: that needs 8 common rounds, and each has 2.")
    );
    for sample in record.samples.iter_mut().filter(|sample| sample.arm == BARE) {
        sample.state = SampleState::Excluded { reason: "busy".to_owned() };
    }
    assert!(limits_of(&record).contains("bare has no valid sample, so it has no figures."));
}

/// Everything that any record of an append run must look like.
fn assert_readable(record: &Record, what: &str) {
    let summary = Summary::of(record);
    let brief = super::terminal(record, &summary);
    assert!(brief.lines().count() <= 26, "{what}:\n{brief}");
    let text = brief + &super::details(record, &summary);
    for line in text.lines() {
        assert!(line.len() <= 80 && line.trim_end() == line, "{what}: {line:?}\n{text}");
    }
    assert!(text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{what}:\n{text}");
    let report = super::markdown(record, &summary);
    let mut head = None;
    for line in report.lines() {
        let cells = line.starts_with('|').then(|| line.replace("\\|", "").matches('|').count());
        assert!(head.is_none() || cells.is_none() || head == cells, "{what}: {line}");
        head = cells;
    }
    let json = super::json(record, &summary).unwrap();
    for text in [text, report, json] {
        assert!(
            !text.contains("NaN") && !text.contains("inf ") && !text.contains(" inf"),
            "{what}:\n{text}"
        );
    }
}

#[test]
fn a_run_cut_anywhere_renders() {
    for whole in [closed(), open()] {
        for taken in 0..=whole.samples.len() {
            let mut record = whole.clone();
            record.samples.truncate(taken);
            record.outcome = Outcome::of(&record.samples, true);
            assert_readable(&record, &format!("{taken} samples"));
        }
    }
}

#[test]
fn any_choice_of_arms_and_conditions_renders() {
    for (at, whole) in [closed(), open()].iter().enumerate() {
        for chosen in 0..32_u32 {
            let mut record = whole.clone();
            let mut bits = (0..5).map(|arm| chosen >> arm & 1 == 1);
            record.plan.arms.retain(|_| bits.next().unwrap());
            let kept: Vec<String> = record.plan.arms.iter().map(|arm| arm.name.clone()).collect();
            record.samples.retain(|sample| kept.contains(&sample.arm));
            record.outcome = Outcome::of(&record.samples, false);
            assert_readable(&record, &format!("record {at}, arms {chosen:05b}"));
        }
    }
    for (threads, warmup) in [(1, 0), (64, 10)] {
        let plan = closed().plan.append.unwrap();
        let plan = AppendPlan { threads, warmup, durability: AppendPlan::FSYNC.to_owned(), ..plan };
        let record = of(plan);
        assert_readable(&record, &format!("{threads} threads, fsync"));
        let text = render::details(&record);
        assert!(
            text.contains("acknowledged once it is on the device (fsync)")
                && !text.contains("Buffered:"),
            "{text}"
        );
        assert_eq!(text.contains("unmeasured"), warmup > 0);
    }
}

#[test]
fn times_of_nothing_and_of_ages_render() {
    for time in [Duration::ZERO, Duration::from_secs(4_000)] {
        let mut record = open();
        for launch in record.samples.iter_mut().flat_map(|sample| &mut sample.launches) {
            let all: Histogram = std::iter::repeat_n(time, 3_600).collect();
            launch.histograms.values_mut().for_each(|histogram| histogram.clone_from(&all));
            launch.wall = Duration::ZERO;
        }
        assert_readable(&record, &format!("{time:?}"));
    }
}

#[test]
fn each_scenario_is_rendered_as_what_it_is() {
    let (append, relaunch) = (closed(), fixture::record());
    assert!(render::markdown(&append).starts_with("# What does an append cost its caller?\n"));
    assert!(render::markdown(&relaunch).starts_with("# What does a relaunch cost?\n"));
    assert!(render::terminal(&relaunch).contains("relaunch on quick"));
    let schema = |record: &Record| {
        let json: serde_json::Value = serde_json::from_str(&render::json(record).unwrap()).unwrap();
        json["schema"].as_str().unwrap().to_owned()
    };
    assert_eq!([&append, &relaunch].map(schema), ["tracerig.append-summary", "tracerig.summary"]);
    // A record without a condition is not an append run, and claims nothing.
    let summary = Summary::of(&relaunch);
    assert!(summary.condition.is_none() && summary.arms.iter().all(|arm| arm.append.is_none()));
    let details = super::details(&relaunch, &summary);
    assert!(details.contains("no condition of appends, so it has no figures"));
}

/// What was made for relaunches meets appends where a program does not ask which of both it has.
#[test]
fn renderers_of_relaunches_claim_nothing_of_an_append_run() {
    for record in [closed(), open()] {
        let summary = crate::Summary::of(&record);
        let texts = [
            terminal::brief(&record, &summary),
            terminal::details(&record, &summary),
            markdown::report(&record, &summary),
            json::summary(&record, &summary).unwrap(),
            ladder::table(&Ladder::of(std::slice::from_ref(&record))),
        ];
        for text in texts {
            assert!(
                !text.contains("A relaunch with a memo")
                    && !text.contains("without a memo takes")
                    && !text.contains("(cache any)"),
                "{text}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        hdr::write(&record, &folder.path().join("latencies.hdr")).unwrap();
    }
}

#[test]
fn the_fixture_is_what_a_run_writes() {
    for record in [closed(), open()] {
        assert!(record.plan.arms.iter().all(|arm| arm.cache == Cache::Any));
        let advisory = |arm: &str| {
            let sample = record.samples.iter().find(|sample| sample.arm == arm).unwrap();
            sample.launches[0].counters[names::LOAD_TRANSACTIONS].class == CounterClass::Advisory
        };
        assert_eq!(
            [SYNC, SYNC_READBACK, ASYNC_PER_THREAD, ASYNC].map(advisory),
            [false, false, true, true]
        );
    }
}
