//! Quantities with a unit: byte sizes, durations as JSON, and both as text a person reads.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A number of bytes. JSON holds the plain integer; the field's name ends in `_bytes`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// The number of bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    /// Three figures and a decimal unit: `512 B`, `28.7 kB`, `799 MB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&scaled(self.0 as f64, &["B", "kB", "MB", "GB", "TB"], self.0 < 1000))
    }
}

/// A duration as three figures and a unit: `950 ns`, `64.1 us`, `2.61 ms`, `12.3 s`. ASCII, so that
/// it is the same in a terminal, a log and a file.
#[must_use]
pub fn duration(value: Duration) -> String {
    let nanos = value.as_nanos();
    scaled(nanos as f64, &["ns", "us", "ms", "s"], nanos < 1000)
}

/// A duration with a sign, for differences: `+1.26 ms`, `-40.0 us`.
#[must_use]
pub(crate) fn signed_duration(nanos: f64) -> String {
    let sign = if nanos < 0.0 { '-' } else { '+' };
    format!("{sign}{}", duration(Duration::from_nanos(nanos.abs().round() as u64)))
}

/// A count with its thousands separated: `1,234,567`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A ratio with three figures: `0.981`, `1.90`, `12.3`, `462`, `26,800`: no ratio of times is known
/// any better.
#[must_use]
pub fn ratio(value: f64) -> String {
    if value < 999.5 {
        return three_figures(value);
    }
    let unit = 10f64.powf(value.log10().floor() - 2.0).round();
    count(((value / unit).round() * unit) as u64)
}

/// An average amount with three figures, as small as it may be: `0`, `0.0201`, `1.25`, `12.5`,
/// `5,650`.
#[must_use]
pub fn average(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    // Below one a ratio counts decimals.
    if !(0.0..0.9995).contains(&value) {
        return ratio(value);
    }
    let decimals = (2.0 - value.log10().floor()).min(9.0) as usize;
    format!("{value:.decimals$}")
}

fn scaled(mut value: f64, units: &[&str], exact: bool) -> String {
    let mut unit = 0;
    // 999.5 would print as "1000", so it already belongs to the next unit.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if exact && unit == 0 {
        format!("{value:.0} {}", units[0])
    } else {
        format!("{} {}", three_figures(value), units[unit])
    }
}

fn three_figures(value: f64) -> String {
    // The limits are where rounding would add a figure: 9.995 prints as 10.0, not as 10.00.
    let size = value.abs();
    if size >= 99.95 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.9995 || size == 0.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// Serde of a [`Duration`] as integer nanoseconds; the field's JSON name must end in `_ns`.
pub(crate) mod nanos {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        value: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(saturated(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_nanos)
    }

    /// 64 bits of nanoseconds are 584 years.
    pub(crate) fn saturated(value: Duration) -> u64 {
        u64::try_from(value.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The same for a duration that may be unavailable (`null`).
    pub(crate) mod option {
        use std::time::Duration;

        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        pub(crate) fn serialize<S: Serializer>(
            value: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            value.map(super::saturated).serialize(serializer)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_nanos))
        }
    }
}

/// Serde of a ratio with six significant figures: more would be noise, and logarithms differ in
/// their last digits from platform to platform.
pub(crate) mod figures {
    use serde::Serializer;

    // Serde passes a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        let short = format!("{value:.5e}").parse().unwrap_or(*value);
        serializer.serialize_f64(short)
    }

    /// The same for a figure that may be unavailable (`null`).
    // Serde passes a reference.
    #[allow(clippy::ref_option)]
    pub(crate) fn option<S: Serializer>(
        value: &Option<f64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_figures_across_units() {
        for (nanos, text) in [
            (0, "0 ns"),
            (950, "950 ns"),
            (1_000, "1.00 us"),
            (64_149, "64.1 us"),
            (999_499, "999 us"),
            (999_500, "1.00 ms"),
            (2_614_000, "2.61 ms"),
            (9_995_000, "10.0 ms"),
            (99_960_000, "100 ms"),
            (12_313_600_000, "12.3 s"),
            (4_000_000_000_000, "4000 s"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), text, "{nanos} ns");
        }
        assert_eq!(signed_duration(1_260_000.0), "+1.26 ms");
        assert_eq!(signed_duration(-40_000.0), "-40.0 us");
    }

    #[test]
    fn byte_sizes_are_decimal() {
        assert_eq!(ByteSize(0).to_string(), "0 B");
        assert_eq!(ByteSize(999).to_string(), "999 B");
        assert_eq!(ByteSize(28_698).to_string(), "28.7 kB");
        assert_eq!(ByteSize(798_629_888).to_string(), "799 MB");
        assert_eq!(format!("{:>8}", ByteSize(1)), "     1 B");
    }

    #[test]
    fn averages_keep_three_figures_below_one() {
        assert_eq!(
            [0.0, 0.02, 0.020_14, 0.5, 0.999_4, 1.25, 5_650.4].map(average),
            ["0", "0.0200", "0.0201", "0.500", "0.999", "1.25", "5,650"]
        );
    }

    #[test]
    fn counts_and_ratios() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.9814, 0.9996, 1.9, 12.34, 99.97, 462.4, 999.4, 999.6, 26_821.4].map(ratio),
            ["0.981", "1.00", "1.90", "12.3", "100", "462", "999", "1,000", "26,800"]
        );
    }
}
