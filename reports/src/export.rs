//! Figures of runs in the formats of services that keep them: Bencher's Metric Format, and the list
//! that github-action-benchmark calls `customSmallerIsBetter`.
//!
//! Both take a number and a name, and compare it with the same name of another day. So a name holds
//! all that a figure depends on and the service cannot know: scenario, recipe and scale, the
//! condition of appends, arm and state of the page cache.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bootstrap;
use crate::record::{CounterClass, Record};
use crate::stats::{self, Interval};
use crate::summary::CounterSummary;
use crate::verdict::Metric;
use crate::words;
use crate::{Summary, append};

/// The longest name of a measure that Bencher takes, in characters.
const LONGEST_MEASURE: usize = 64;

/// A figure to be kept.
#[derive(Debug, Clone, PartialEq)]
struct Figure {
    /// What was measured, for instance `relaunch/quick/warm-hot`.
    benchmark: String,
    /// What of it, for instance `latency`.
    measure: String,
    unit: &'static str,
    value: f64,
    /// Where it may as well be; `None` for a count, which is exact, and where there are too few
    /// samples.
    interval: Option<Interval>,
}

/// The figures of these runs in Bencher's Metric Format, as a JSON object with a final line feed:
/// for every arm its `latency` in nanoseconds with the 99 % interval of the median, for arms of
/// appends `latency-p99` too, and every exact counter that did not vary.
///
/// # Errors
/// Never in practice: only when a figure cannot be put into JSON at all.
pub fn bencher(records: &[Record]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Metric {
        value: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        lower_value: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        upper_value: Option<f64>,
    }
    let mut all: BTreeMap<String, BTreeMap<String, Metric>> = BTreeMap::new();
    for figure in figures(records) {
        let ends = figure.interval;
        let metric = Metric {
            value: figure.value,
            lower_value: ends.map(|ends| ends.low),
            upper_value: ends.map(|ends| ends.high),
        };
        let measure = figure.measure.chars().take(LONGEST_MEASURE).collect();
        all.entry(figure.benchmark).or_default().insert(measure, metric);
    }
    text(&all)
}

/// The same figures as the list that github-action-benchmark calls `customSmallerIsBetter`, with a
/// final line feed.
///
/// # Errors
/// As [`bencher`].
pub fn smaller_is_better(records: &[Record]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Entry {
        name: String,
        unit: &'static str,
        value: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        range: Option<String>,
    }
    let entry = |figure: Figure| Entry {
        name: format!("{} {}", figure.benchmark, figure.measure),
        unit: figure.unit,
        value: figure.value,
        range: figure.interval.map(|ends| format!("{:.0} to {:.0}", ends.low, ends.high)),
    };
    text(&figures(records).into_iter().map(entry).collect::<Vec<_>>())
}

fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}

fn figures(records: &[Record]) -> Vec<Figure> {
    records.iter().flat_map(of_record).collect()
}

fn of_record(record: &Record) -> Vec<Figure> {
    let mut figures = Vec::new();
    let metric = Metric::of(&record.plan);
    let (relaunch, appends) = (Summary::of(record), append::Summary::of(record));
    for arm in &record.plan.arms {
        let key = arm.key();
        let benchmark = format!("{}/{}", run(record), crate::hdr::tag(&key));
        let mut add = |measure: &str, unit, value, interval| {
            let (benchmark, measure) = (benchmark.clone(), measure.to_owned());
            figures.push(Figure { benchmark, measure, unit, value, interval });
        };
        let valid = record.samples.iter().filter(|sample| sample.is_valid() && sample.key() == key);
        let mut times: Vec<f64> = valid
            .filter_map(|sample| metric.time(sample))
            .map(|time| time.as_nanos() as f64)
            .collect();
        times.sort_unstable_by(f64::total_cmp);
        if let Some(median) = stats::median(&times) {
            add("latency", "ns", median, bootstrap::of_median(&times));
        }
        let counters = if record.plan.append.is_some() {
            let arm = appends.arm(&key.name);
            if let Some(times) = arm.and_then(|arm| arm.append.as_ref()) {
                add("latency-p99", "ns", times.p99.as_nanos() as f64, None);
            }
            arm.map(|arm| &arm.counters)
        } else {
            relaunch.arm(&key).map(|arm| &arm.counters)
        };
        for (name, counter) in counters.into_iter().flatten() {
            if let Some(value) = fixed(counter) {
                add(name, if words::is_bytes(name) { "B" } else { "count" }, value as f64, None);
            }
        }
    }
    figures
}

/// The amount of an exact counter that every launch reports alike.
pub(crate) fn fixed(counter: &CounterSummary) -> Option<u64> {
    let seen = counter.seen.filter(|seen| !seen.varies)?;
    (counter.class == CounterClass::Exact && counter.unavailable_in == 0).then_some(seen.min)
}

/// What all figures of a run depend on.
pub(crate) fn run(record: &Record) -> String {
    let mut name = format!("{}/{}", record.scenario, record.dataset.recipe);
    if record.dataset.scale != 1.0 {
        name += &format!("-x{}", record.dataset.scale);
    }
    if let Some(plan) = &record.plan.append {
        let pace = plan.rate.map_or_else(|| "closed".to_owned(), |rate| format!("open-{rate}"));
        let contended = if plan.contended { "-contended" } else { "" };
        name += &format!("/{}-threads-{}-{pace}{contended}", plan.threads, plan.durability);
    }
    name
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::fixture;
    use crate::record::Counter;

    fn records() -> Vec<Record> {
        vec![fixture::record(), fixture::append::open(), fixture::append::closed()]
    }

    #[test]
    fn bencher_takes_it() {
        let mut records = records();
        let of_warm = records[0].samples.iter_mut().find(|sample| sample.arm == "warm").unwrap();
        of_warm.launches[0].counters.insert("facts".to_owned(), Counter::exact(Some(311)));
        let found: Value = serde_json::from_str(&bencher(&records).unwrap()).unwrap();
        for (benchmark, measures) in found.as_object().unwrap() {
            assert!(benchmark.chars().count() <= 1024);
            for (measure, metric) in measures.as_object().unwrap() {
                assert!(measure.chars().count() <= 64);
                let metric = metric.as_object().unwrap();
                let value = metric["value"].as_f64().unwrap();
                let end = |name| metric.get(name).map(|end| end.as_f64().unwrap());
                assert!(end("lower_value").is_none_or(|low| low <= value));
                assert!(end("upper_value").is_none_or(|high| high >= value));
                assert!(
                    metric
                        .keys()
                        .all(|k| ["value", "lower_value", "upper_value"].contains(&k.as_str()))
                );
            }
        }
        let warm = &found["relaunch/quick/warm-hot"];
        assert_eq!(warm["rows_examined"]["value"], 200.0);
        assert!(warm.get("facts").is_none(), "a counter that varies is no figure");
        assert!(warm.get("cache_misses").is_none(), "advisory counters say nothing about a change");
        assert!(warm.get("fsyncs").is_none(), "unavailable is not zero");
        let median = warm["latency"]["value"].as_f64().unwrap();
        assert!((2.6e6..2.8e6).contains(&median), "{median}");
    }

    #[test]
    fn github_action_benchmark_takes_it() {
        let text = smaller_is_better(&records()).unwrap();
        let found: Vec<Value> = serde_json::from_str(&text).unwrap();
        let mut names: Vec<&str> =
            found.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
        assert!(found.iter().all(|entry| entry["value"].is_number() && entry["unit"].is_string()));
        assert!(names.contains(&"relaunch/quick/warm-cold latency"), "{names:?}");
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "every name once, or a service would mix figures up");
    }

    #[test]
    fn a_name_says_what_a_figure_depends_on() {
        let mut record = fixture::append::open();
        let plan = record.plan.append.as_mut().unwrap();
        plan.contended = true;
        let rate = plan.rate.unwrap();
        record.dataset.scale = 4.0;
        let expected = format!(
            "/4x/{}-threads-buffered-open-{rate}-contended",
            record.plan.append.as_ref().unwrap().threads
        );
        assert!(run(&record).ends_with(&expected.replace("/4x", "-x4")), "{}", run(&record));
    }

    #[test]
    fn nothing_of_an_arm_without_a_valid_sample() {
        let mut record = fixture::record();
        record.samples.clear();
        record.outcome = crate::record::Outcome::of(&[], true);
        assert_eq!(bencher(&[record]).unwrap(), "{}\n");
    }
}
