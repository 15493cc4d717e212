//! Latencies of launches, and of what they did, as an HdrHistogram interval log (V2 encoding,
//! compressed), tagged by arm.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::files::write_whole;
use crate::record::{ArmKey, Cache, Histogram, Record, Sample};
use crate::{Error, Result};

/// The tag of an arm in the log: `warm-hot`, or `async` where the page cache is no condition.
#[must_use]
pub fn tag(arm: &ArmKey) -> String {
    word(&if arm.cache == Cache::Any {
        arm.name.clone()
    } else {
        format!("{}-{}", arm.name, arm.cache)
    })
}

/// `text` as one word: the format ends a tag at a comma or white space.
fn word(text: &str) -> String {
    text.chars().map(|c| if c == ',' || c.is_whitespace() { '_' } else { c }).collect()
}

/// Writes the whole-process times of all launches of valid samples to `path`, in nanoseconds, one
/// interval a sample in the order taken, tagged with its arm; and behind it the histograms of the
/// sample, an interval each, tagged with the arm and their name, as `async-append`. Any
/// HdrHistogram log reader can merge the intervals of a tag.
///
/// The record does not say when a launch began, so the time axis of the log is measured time: an
/// interval begins where the one before ended, and what the harness did in between is not in it.
///
/// # Errors
/// When a latency cannot be encoded or the file cannot be written; what was there before is
/// untouched.
pub fn write(record: &Record, path: &Path) -> Result<()> {
    write_whole(path, of(record, path)?.as_bytes())
}

/// The text of that log.
///
/// # Errors
/// When a latency cannot be encoded.
pub fn log(record: &Record) -> Result<String> {
    of(record, Path::new("latencies.hdr"))
}

fn of(record: &Record, path: &Path) -> Result<String> {
    let failed = |what| Error::Histogram { path: path.to_owned(), what };
    // The format is ASCII, tags aside.
    String::from_utf8(encode(record).map_err(failed)?).map_err(|error| failed(error.to_string()))
}

fn encode(record: &Record) -> std::result::Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("[Histogram log format version 1.3]");
    builder.add_comment(&format!("run {}, started {}", record.id, record.started));
    builder
        .add_comment("values: whole-process time of a launch, in nanoseconds; valid samples only");
    if record.plan.append.is_some() {
        builder.add_comment("tags ARM-append and the like: times within the launches of a sample");
    }
    builder.add_comment("time axis: measured time since the first launch, in seconds");
    builder.with_max_value_divisor(1e6);
    let mut log =
        builder.begin_log_with(&mut text, &mut serializer).map_err(|error| error.to_string())?;
    let mut start = Duration::ZERO;
    for sample in &record.samples {
        let elapsed: Duration = sample.launches.iter().map(|launch| launch.wall).sum();
        if sample.is_valid() {
            for (tag, histogram) in intervals(sample) {
                log.write_histogram(histogram.counts(), start, elapsed, Tag::new(&tag))
                    .map_err(|error| error.to_string())?;
            }
        }
        start += elapsed;
    }
    drop(log);
    Ok(text)
}

/// What a sample writes: its launches, then the histograms within them, each with its tag.
fn intervals(sample: &Sample) -> Vec<(String, Histogram)> {
    let arm = tag(&sample.key());
    let mut within: BTreeMap<&str, Histogram> = BTreeMap::new();
    for (name, histogram) in sample.launches.iter().flat_map(|launch| &launch.histograms) {
        within.entry(name).or_default().merge(histogram);
    }
    let launches = sample.launches.iter().map(|launch| launch.wall).collect();
    let within =
        within.into_iter().map(|(name, histogram)| (word(&format!("{arm}-{name}")), histogram));
    std::iter::once((arm.clone(), launches)).chain(within).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::fixture;

    /// The log as any reader takes it: start, length, maximum and histogram of each interval, by
    /// tag.
    type Intervals = BTreeMap<String, Vec<(Duration, Duration, f64, hdrhistogram::Histogram<u64>)>>;

    fn read(text: &[u8]) -> Intervals {
        let mut found = Intervals::new();
        let mut deserializer = Deserializer::new();
        for entry in IntervalLogIterator::new(text) {
            let LogEntry::Interval(interval) = entry.unwrap() else { continue };
            let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram = deserializer.deserialize(&mut bytes.as_slice()).unwrap();
            let entry =
                (interval.start_timestamp(), interval.duration(), interval.max(), histogram);
            found.entry(interval.tag().unwrap().as_str().to_owned()).or_default().push(entry);
        }
        found
    }

    #[test]
    fn the_log_holds_every_launch_of_every_valid_sample() {
        let record = fixture::record();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latencies.hlog");
        write(&record, &path).unwrap();
        let log = read(&std::fs::read(&path).unwrap());
        assert_eq!(log.len(), record.plan.arms.len());
        for arm in &record.plan.arms {
            let samples: Vec<_> = record
                .samples
                .iter()
                .filter(|sample| sample.key() == arm.key() && sample.is_valid())
                .collect();
            let intervals = &log[&tag(&arm.key())];
            assert_eq!(intervals.len(), samples.len(), "{}", arm.key());
            for (sample, (_, _, max, histogram)) in samples.iter().zip(intervals) {
                assert_eq!(histogram.len(), sample.launches.len() as u64);
                for launch in &sample.launches {
                    let nanos = launch.wall.as_nanos() as u64;
                    assert!(histogram.count_at(nanos) > 0, "{nanos} ns of {}", arm.key());
                }
                let slowest = sample.launches.iter().map(|launch| launch.wall).max().unwrap();
                assert!(
                    (max / (slowest.as_secs_f64() * 1e3) - 1.0).abs() < 1e-2,
                    "{max} ms, {slowest:?}"
                );
            }
        }
    }

    #[test]
    fn intervals_follow_each_other_by_measured_time() {
        let log = read(&encode(&fixture::record()).unwrap());
        let mut all: Vec<(Duration, Duration)> =
            log.values().flatten().map(|(start, length, ..)| (*start, *length)).collect();
        all.sort_unstable();
        assert_eq!(all[0].0, Duration::ZERO);
        for pair in all.windows(2) {
            // Times in the log have three decimals; where a sample is left out there is a gap.
            assert!(pair[0].0 + pair[0].1 <= pair[1].0 + Duration::from_millis(1), "{pair:?}");
        }
    }

    #[test]
    fn the_log_holds_every_histogram_of_every_valid_sample() {
        let record = fixture::append::open();
        let log = read(&encode(&record).unwrap());
        for arm in &record.plan.arms {
            let samples = record
                .samples
                .iter()
                .filter(|sample| sample.key() == arm.key() && sample.is_valid());
            let launches: Vec<_> = samples.flat_map(|sample| &sample.launches).collect();
            assert_eq!(log[&arm.name].len(), launches.len());
            for name in ["append", "service", "barrier", "staleness"] {
                let written: Vec<_> =
                    launches.iter().filter_map(|launch| launch.histograms.get(name)).collect();
                let intervals =
                    log.get(&format!("{}-{name}", arm.name)).map_or(&[][..], Vec::as_slice);
                assert_eq!(intervals.len(), written.len(), "{name} of {}", arm.name);
                for ((_, length, _, found), histogram) in intervals.iter().zip(written) {
                    assert_eq!(found, histogram.counts());
                    assert_eq!(length.as_millis(), 630);
                }
            }
        }
        assert!(log.contains_key("async-staleness") && !log.contains_key("bare-staleness"));
    }

    #[test]
    fn a_tag_never_ends_early() {
        assert_eq!(tag(&ArmKey::new("a b,c", Cache::Cold)), "a_b_c-cold");
        assert_eq!(tag(&ArmKey::new("a b,c", Cache::Any)), "a_b_c");
    }
}
