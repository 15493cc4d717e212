//! When a line was written.

use jiff::fmt::temporal::DateTimeParser;

/// Milliseconds of Unix time.
pub(super) fn milliseconds(time: &[u8]) -> Option<i64> {
    const TIMES: DateTimeParser = DateTimeParser::new();
    usual(time).or_else(|| Some(TIMES.parse_timestamp(time).ok()?.as_millisecond()))
}

/// The same of a time as Codex writes it, on a day that every month has. There is one in each line.
fn usual(time: &[u8]) -> Option<i64> {
    let form = b"0000-00-00T00:00:00.000Z";
    let is_as =
        |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if time.len() != form.len() || !time.iter().zip(form).all(is_as) {
        return None;
    }
    let number = |at: usize, digits: usize| {
        time[at..at + digits].iter().fold(0, |number, digit| 10 * number + i64::from(digit - b'0'))
    };
    let [year, month, day] = [number(0, 4), number(5, 2), number(8, 2)];
    let [hour, minute, second] = [number(11, 2), number(14, 2), number(17, 2)];
    let is_one = (1..=12).contains(&month)
        && (1..=28).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    // Years begin in March: then leap days are the last.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let (century, of_century) = (year.div_euclid(100), year.rem_euclid(100));
    let days = 146_097 * century.div_euclid(4)
        + 36_524 * century.rem_euclid(4)
        + 1461 * of_century / 4
        + (153 * month + 2) / 5
        + day
        - 719_469;
    is_one.then_some(1000 * (86_400 * days + 3600 * hour + 60 * minute + second) + number(20, 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_time_is_what_the_other_parser_says() {
        for year in (0..10_000).step_by(7).chain(1890..2110) {
            for month in 0..=13 {
                for (day, rest) in [
                    (1, "T00:00:00.000Z"),
                    (28, "T23:59:59.999Z"),
                    (29, "T12:34:56.789Z"),
                    (0, "T01:00:00.000Z"),
                    (15, "T24:00:00.000Z"),
                    (16, "T07:60:00.001Z"),
                    (17, "T07:08:60.010Z"),
                    (18, "T07:08:09.010z"),
                    (19, "T07:08:09,010Z"),
                    (20, "T07:08:09.0100"),
                ] {
                    let time = format!("{year:04}-{month:02}-{day:02}{rest}");
                    let right =
                        time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
                    assert_eq!(milliseconds(time.as_bytes()), right, "{time}");
                }
            }
        }
        assert_eq!(usual(b"2026-11-20T20:37:24.062Z"), Some(1_795_207_044_062));
    }
}
