//! Latencies of single launches as an HdrHistogram interval log (V2 encoding, compressed), one tag an arm.

use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::files::write_whole;
use crate::record::{ArmKey, Record};
use crate::{Error, Result};

/// Significant decimal digits a histogram keeps.
const DIGITS: u8 = 3;

/// The tag of an arm in the log: `warm-hot`.
#[must_use]
pub fn tag(arm: &ArmKey) -> String {
    // The format ends a tag at a comma or white space.
    let name: String =
        arm.name.chars().map(|c| if c == ',' || c.is_whitespace() { '_' } else { c }).collect();
    format!("{name}-{}", arm.cache)
}

/// Writes the whole-process times of all launches of valid samples to `path`, in nanoseconds, one interval a sample in
/// the order taken, tagged with its arm. Any HdrHistogram log reader can merge the intervals of a tag.
///
/// The record does not say when a launch began, so the time axis of the log is measured time: an interval begins where
/// the one before ended, and what the harness did in between is not in it.
///
/// # Errors
/// When a latency cannot be encoded or the file cannot be written; what stood there before is untouched.
pub fn write(record: &Record, path: &Path) -> Result<()> {
    let text = encode(record).map_err(|what| Error::Histogram { path: path.to_owned(), what })?;
    write_whole(path, &text)
}

fn encode(record: &Record) -> std::result::Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("[Histogram log format version 1.3]");
    builder.add_comment(&format!("run {}, started {}", record.id, record.started));
    builder.add_comment("values: whole-process time of a launch, in nanoseconds; valid samples only");
    builder.add_comment("time axis: measured time since the first launch, in seconds");
    builder.with_max_value_divisor(1e6);
    let mut log = builder.begin_log_with(&mut text, &mut serializer).map_err(|error| error.to_string())?;
    let mut start = Duration::ZERO;
    for sample in &record.samples {
        let elapsed: Duration = sample.launches.iter().map(|launch| launch.wall).sum();
        if sample.is_valid() {
            let mut histogram = Histogram::<u64>::new(DIGITS).map_err(|error| error.to_string())?;
            for launch in &sample.launches {
                let nanos = u64::try_from(launch.wall.as_nanos()).unwrap_or(u64::MAX);
                histogram.record(nanos).map_err(|error| error.to_string())?;
            }
            let tag = tag(&sample.key());
            log.write_histogram(&histogram, start, elapsed, Tag::new(&tag))
                .map_err(|error| error.to_string())?;
        }
        start += elapsed;
    }
    drop(log);
    Ok(text)
}
