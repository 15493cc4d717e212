//! Latencies of single operations: too many to keep one by one, so they are kept as an
//! HdrHistogram.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::serialization::{Deserializer as Decoder, Serializer as _, V2DeflateSerializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Significant decimal digits kept.
const DIGITS: u8 = 3;
/// The longest time told from longer ones, in nanoseconds: 146 years, which is as far as the format
/// reaches.
const LONGEST: u64 = i64::MAX as u64 / 2;

/// A distribution of times in nanoseconds, exact to three significant digits: a time is counted
/// with those that differ from it by less than a thousandth. It grows with the times it is given
/// and never refuses one.
///
/// In JSON it is a string: the compressed V2 encoding of HdrHistogram in base64, which the tools of
/// that project read. A string that is anything else is refused.
#[derive(Clone)]
pub struct Histogram {
    counts: hdrhistogram::Histogram<u64>,
}

impl Histogram {
    /// A histogram without times.
    #[must_use]
    pub fn new() -> Histogram {
        let Ok(counts) = hdrhistogram::Histogram::new(DIGITS) else {
            unreachable!("a histogram may keep up to five digits");
        };
        Histogram { counts }
    }

    /// Counts one time. Zero is a time; more than 146 years counts as 146 years.
    pub fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(LONGEST);
        if self.counts.record(nanos).is_err() {
            // Where an address cannot count the bins it takes to reach this time: better the
            // longest than none.
            self.counts.saturating_record(nanos);
        }
    }

    /// Counts every time of `other` too.
    pub fn merge(&mut self, other: &Histogram) {
        if self.counts.add(&other.counts).is_err() {
            for step in other.counts.iter_recorded() {
                self.counts.saturating_record_n(step.value_iterated_to(), step.count_at_value());
            }
        }
    }

    /// How many times were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.len()
    }

    /// Whether no time was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The shortest time that the part `q` (0 to 1) of all times does not exceed, never one below
    /// the truth and at most a thousandth above it. Zero without times.
    #[must_use]
    pub(crate) fn quantile(&self, q: f64) -> Duration {
        if self.is_empty() {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.counts.value_at_quantile(q.clamp(0.0, 1.0)))
    }

    /// The longest time, at most a thousandth above the truth. Zero without times.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.counts.max())
    }

    /// The arithmetic mean, within a thousandth. Zero without times.
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.counts.mean().round() as u64)
    }

    /// The counts behind it, for the interval log.
    pub(crate) fn counts(&self) -> &hdrhistogram::Histogram<u64> {
        &self.counts
    }

    fn encoded(&self) -> Result<String, String> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.counts, &mut bytes)
            .map_err(|error| error.to_string())?;
        Ok(STANDARD.encode(&bytes))
    }

    fn decoded(text: &str) -> Result<Histogram, String> {
        let bytes = STANDARD.decode(text).map_err(|_| "it is not base64")?;
        // The second word is the length of what follows; the decoder stops when it has enough, and
        // would not miss an end.
        let length = bytes.get(4..8).and_then(|word| word.try_into().ok()).map(u32::from_be_bytes);
        if length.map(|length| u64::from(length) + 8) != Some(bytes.len() as u64) {
            return Err(format!("{} bytes are not its length", bytes.len()));
        }
        check_header(&bytes)?;
        let mut counts: hdrhistogram::Histogram<u64> =
            Decoder::new().deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())?;
        if (counts.low(), counts.sigfig()) != (1, DIGITS) {
            return Err(format!(
                "it keeps {} digits in steps of {} ns",
                counts.sigfig(),
                counts.low()
            ));
        }
        budget::spend((counts.distinct_values() * size_of::<u64>()) as u64)?;
        counts.auto(true);
        Ok(Histogram { counts })
    }
}

/// Bytes of a histogram in its encoding before it is compressed. One of three digits has at most
/// 55,000 bins of 9 bytes each.
const MOST_ENCODED_BYTES: u32 = 512 << 10;

/// Looks at the length and the precision that a histogram says it has: the decoder takes memory for
/// them before it reads on.
fn check_header(bytes: &[u8]) -> Result<(), String> {
    let mut header = [0; 16];
    ZlibDecoder::new(&bytes[8..]).read_exact(&mut header).map_err(|error| error.to_string())?;
    let word = |at: usize| header[at..at + 4].try_into().map_or(0, u32::from_be_bytes);
    let (length, digits) = (word(4), word(12));
    if length > MOST_ENCODED_BYTES {
        return Err(format!("it has {length} bytes; the limit is {MOST_ENCODED_BYTES}"));
    }
    if digits > 5 {
        return Err(format!("it keeps {digits} digits"));
    }
    Ok(())
}

/// How much memory the histograms of one document may take: a few bytes of text can mean a megabyte
/// of bins.
pub(crate) mod budget {
    use std::cell::Cell;

    /// Bytes of all histograms of a document.
    pub(crate) const MOST_HISTOGRAM_BYTES: u64 = 1 << 30;

    thread_local! {
        /// What is left for the document that this thread reads.
        static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// Reads a document with a budget for its histograms.
    pub(crate) fn within<T>(read: impl FnOnce() -> T) -> T {
        let before = LEFT.replace(Some(MOST_HISTOGRAM_BYTES));
        let done = read();
        LEFT.set(before);
        done
    }

    pub(super) fn spend(bytes: u64) -> Result<(), String> {
        let Some(left) = LEFT.get() else { return Ok(()) };
        let left = left.checked_sub(bytes);
        LEFT.set(Some(left.unwrap_or(0)));
        left.map(drop).ok_or_else(|| {
            format!(
                "all histograms together take more than {MOST_HISTOGRAM_BYTES} bytes of memory, \
                 the limit"
            )
        })
    }
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

impl FromIterator<Duration> for Histogram {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Histogram {
        let mut histogram = Histogram::new();
        times.into_iter().for_each(|time| histogram.record(time));
        histogram
    }
}

impl PartialEq for Histogram {
    /// Whether both hold the same times, however far each has grown.
    fn eq(&self, other: &Histogram) -> bool {
        let times = |histogram: &'_ Histogram| -> Vec<(u64, u64)> {
            let recorded = histogram.counts.iter_recorded();
            recorded.map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
        };
        self.count() == other.count() && times(self) == times(other)
    }
}

impl Eq for Histogram {}

impl fmt::Debug for Histogram {
    /// What it says, not its thousands of bins.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("median", &self.quantile(0.5))
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encoded().map_err(ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Histogram, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Histogram::decoded(&text)
            .map_err(|what| de::Error::custom(format!("not a histogram: {what}")))
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn of(nanos: &[u64]) -> Histogram {
        nanos.iter().map(|&nanos| Duration::from_nanos(nanos)).collect()
    }

    fn through_json(histogram: &Histogram) -> Histogram {
        serde_json::from_str(&serde_json::to_string(histogram).unwrap()).unwrap()
    }

    #[test]
    fn quantiles_by_hand() {
        let thousand = of(&(1..=1000).collect::<Vec<u64>>());
        assert_eq!(thousand.count(), 1000);
        for (q, nanos) in
            [(0.0, 1), (0.5, 500), (0.9, 900), (0.99, 990), (0.999, 999), (1.0, 1000), (7.0, 1000)]
        {
            assert_eq!(thousand.quantile(q), Duration::from_nanos(nanos), "{q}");
        }
        assert_eq!(
            (thousand.max(), thousand.mean()),
            (Duration::from_nanos(1000), Duration::from_nanos(501))
        );
        // One value of a hundred: the 99th percentile is not it, everything above is.
        let stall = of(&[&[1_200; 99][..], &[250_000_000]].concat());
        assert_eq!(stall.quantile(0.99), Duration::from_nanos(1_200));
        assert_eq!(stall.quantile(0.991), stall.max());
    }

    #[test]
    fn nothing_counted_is_zero_everywhere() {
        let none = Histogram::new();
        assert!(none.is_empty());
        for time in [none.quantile(0.0), none.quantile(0.999), none.max(), none.mean()] {
            assert_eq!(time, Duration::ZERO);
        }
        assert_eq!(through_json(&none), none);
    }

    #[test]
    fn every_time_is_counted_within_a_thousandth() {
        for nanos in [0, 1, 999, 2_047, 2_049, 133_694_000, 3_600_000_000_000, LONGEST / 3, LONGEST]
        {
            let one = of(&[nanos]);
            assert_eq!(one.count(), 1);
            for found in [one.max(), one.quantile(0.5)].map(|time| time.as_nanos() as u64) {
                assert!(found >= nanos && found - nanos <= nanos / 1000, "{found} for {nanos}");
            }
            assert_eq!(through_json(&one), one, "{nanos}");
        }
        let mut forever = Histogram::new();
        forever.record(Duration::MAX);
        assert_eq!(forever, of(&[LONGEST]));
    }

    #[test]
    fn what_comes_back_can_grow_and_merge() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut time = || random.next_u64() >> (random.next_u64() % 60 + 2);
        for n in 0..60 {
            let (one, other): (Vec<u64>, Vec<u64>) =
                ((0..n).map(|_| time()).collect(), (0..7).map(|_| time()).collect());
            let mut merged = through_json(&of(&one));
            assert_eq!(merged, of(&one));
            merged.merge(&through_json(&of(&other)));
            assert_eq!(merged, of(&[one, other].concat()));
            assert_eq!(through_json(&merged), merged);
        }
    }

    #[test]
    fn how_far_it_has_grown_is_no_difference_but_what_it_counts_is() {
        // Merging a longer time and a shorter one leaves different bins behind than counting them.
        let mut grown = of(&[5]);
        grown.merge(&of(&[70_000_000]));
        let (counted, read) = (of(&[70_000_000, 5]), through_json(&of(&[5, 70_000_000])));
        assert_eq!(grown, counted);
        assert_eq!(counted, grown);
        assert_eq!(read, grown);
        assert_eq!(grown, read);
        assert_ne!(of(&[5]), of(&[6]));
        assert_ne!(of(&[5]), of(&[5, 5]));
        assert_ne!(of(&[0]), Histogram::new());
    }

    #[test]
    fn the_text_is_what_hdrhistogram_calls_v2_compressed() {
        let text = serde_json::to_string(&of(&[1_200, 1_300])).unwrap();
        assert!(text.starts_with("\"HISTF"), "{text}");
    }

    #[test]
    fn a_text_that_does_not_decode_is_refused() {
        let text = of(&[1_200, 1_300, 250_000_000]).encoded().unwrap();
        let refused = |text: &str| {
            let json = serde_json::to_string(text).unwrap();
            let error = serde_json::from_str::<Histogram>(&json).unwrap_err().to_string();
            assert!(error.starts_with("not a histogram: "), "{error}");
            error
        };
        assert!(refused("HISTF, really").contains("base64"));
        assert!(refused("").contains("0 bytes are not its length"));
        for cut in (4..text.len()).step_by(4) {
            refused(&text[..cut]);
        }
        let bytes = STANDARD.decode(&text).unwrap();
        assert!(
            refused(&STANDARD.encode([&bytes[..], &[0, 0]].concat()))
                .contains("bytes are not its length")
        );
        for byte in 0..bytes.len() {
            // The checksum of the record tells whether it is the same; here it only must not panic.
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[byte] ^= 1 << bit;
                let found = Histogram::decoded(&STANDARD.encode(&changed));
                assert!(byte >= 10 || found.is_err(), "byte {byte}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_histogram_that_says_it_is_large_is_refused_before_it_takes_memory() {
        use std::io::Write;
        let encoded = |length: u32, digits: u32, high: u64| {
            let mut inner = Vec::new();
            inner.extend_from_slice(&0x1c84_9313_u32.to_be_bytes());
            inner.extend_from_slice(&length.to_be_bytes());
            inner.extend_from_slice(&0_u32.to_be_bytes());
            inner.extend_from_slice(&digits.to_be_bytes());
            inner.extend_from_slice(&1_u64.to_be_bytes());
            inner.extend_from_slice(&high.to_be_bytes());
            inner.extend_from_slice(&1.0_f64.to_be_bytes());
            let mut packed =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            packed.write_all(&inner).unwrap();
            let packed = packed.finish().unwrap();
            let mut bytes = 0x1c84_9314_u32.to_be_bytes().to_vec();
            bytes.extend_from_slice(&u32::try_from(packed.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(&packed);
            STANDARD.encode(&bytes)
        };
        assert!(Histogram::decoded(&encoded(0, 3, 1 << 30)).unwrap().is_empty());
        let error = Histogram::decoded(&encoded(u32::MAX, 3, 1 << 30)).unwrap_err();
        assert!(error.contains("4294967295 bytes; the limit is 524288"), "{error}");
        let error = Histogram::decoded(&encoded(MOST_ENCODED_BYTES + 1, 3, 1 << 30)).unwrap_err();
        assert!(error.contains("the limit"), "{error}");
        // As many bytes as the limit allows are looked for, and are not there.
        let error = Histogram::decoded(&encoded(MOST_ENCODED_BYTES, 3, 1 << 30)).unwrap_err();
        assert!(!error.contains("the limit"), "{error}");
        assert!(
            Histogram::decoded(&encoded(0, u32::MAX, u64::MAX)).unwrap_err().contains("digits")
        );
        assert!(
            Histogram::decoded(&encoded(0, 3, u64::MAX))
                .is_ok_and(|histogram| histogram.is_empty())
        );
    }

    #[test]
    fn histograms_of_a_document_together_have_a_limit() {
        let text = serde_json::to_string(&of(&[LONGEST])).unwrap();
        let decoded: Histogram = serde_json::from_str(&text).unwrap();
        let one = (decoded.counts.distinct_values() * size_of::<u64>()) as u64;
        let fit = budget::MOST_HISTOGRAM_BYTES / one;
        // Not so many are kept: the budget counts what was decoded.
        let read = |count: u64| {
            (0..count)
                .map(|_| serde_json::from_str::<Histogram>(&text))
                .filter(Result::is_err)
                .count()
        };
        assert_eq!(budget::within(|| read(fit)), 0);
        assert_eq!(budget::within(|| read(fit + 1)), 1);
        assert_eq!(read(1), 0, "without a budget there is no limit");
    }

    #[test]
    fn another_precision_is_refused() {
        let mut coarse = hdrhistogram::Histogram::<u64>::new(2).unwrap();
        coarse.record(1_200).unwrap();
        let error =
            Histogram::decoded(&Histogram { counts: coarse }.encoded().unwrap()).unwrap_err();
        assert!(error.contains("2 digits"), "{error}");
    }
}
