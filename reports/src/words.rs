//! Figures as the words and cells that every renderer uses.

use crate::ByteSize;
use crate::foreign::steers;
use crate::record::{Cache, Process};
use crate::stats::{CONFIDENCE, Interval};
use crate::summary::{ArmSummary, CounterSummary, ModeCount, RatioSummary, Seen};
use crate::units;

/// The text of an empty cell.
pub(crate) const NOTHING: &str = "-";

/// How amounts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// Byte sizes with three figures and a unit.
    Short,
    /// Every digit, because exact counters repeat exactly.
    Full,
}

/// The cell of a value that may be missing.
pub(crate) fn or_nothing<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), text)
}

/// The text of a value, nothing where it is missing.
pub(crate) fn or_empty<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map(text).unwrap_or_default()
}

/// `warm (cache hot)`: the arm `cold` may run with a hot cache, so the word is needed. `async` if
/// the cache is not a condition.
pub(crate) fn arm(name: &str, cache: Cache) -> String {
    if cache == Cache::Any {
        return name.to_owned();
    }
    format!("{name} (cache {cache})")
}

/// The arm of a summary in the same words.
pub(crate) fn arm_of(summary: &ArmSummary) -> String {
    arm(&summary.name, summary.cache)
}

/// What a launch of an arm is, in two words.
pub(crate) fn process(process: Process) -> &'static str {
    match process {
        Process::Fresh => "fresh",
        Process::Resident => "long-lived",
        Process::Paired => "two at once",
    }
}

/// What [`versus`] says if an interval includes 1.
pub(crate) const NO_DIFFERENCE: &str = "no difference";

/// `12.3x faster`, `1.07x slower`, or `no difference` if the interval includes 1.
pub(crate) fn versus(ratio: &RatioSummary) -> String {
    if ratio.interval.is_some_and(|Interval { low, high }| low <= 1.0 && 1.0 <= high) {
        NO_DIFFERENCE.to_owned()
    } else if ratio.ratio < 1.0 {
        format!("{}x faster", units::ratio(1.0 / ratio.ratio))
    } else {
        format!("{}x slower", units::ratio(ratio.ratio))
    }
}

/// The interval in the direction of [`versus`]: of the speed-up where the arm is faster, else of
/// the ratio.
pub(crate) fn versus_interval(ratio: &RatioSummary) -> Option<String> {
    let Interval { low, high } = ratio.interval?;
    Some(if ratio.ratio < 1.0 {
        interval(Interval { low: 1.0 / high, high: 1.0 / low })
    } else {
        interval(Interval { low, high })
    })
}

/// `1.89 to 1.93`.
pub(crate) fn interval(Interval { low, high }: Interval) -> String {
    format!("{} to {}", units::ratio(low), units::ratio(high))
}

/// The confidence of intervals: `99 %`.
pub(crate) fn confidence() -> String {
    format!("{} %", CONFIDENCE * 100.0)
}

/// A part of a whole: `1.2 %`, from 10 % on without decimals.
pub(crate) fn percent(part: f64) -> String {
    let percent = part * 100.0;
    if percent >= 9.95 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// A ratio of times as the change that it is: `+5.1 %`, `-12 %`; from twice on, and below half,
/// `x2.50`, `x0.400`.
pub(crate) fn change(ratio: f64) -> String {
    if !(0.5..2.0).contains(&ratio) {
        return format!("x{}", units::ratio(ratio));
    }
    let part = ratio - 1.0;
    // What rounds to nothing has no sign.
    let sign = if part.abs() < 0.0005 {
        ""
    } else if part < 0.0 {
        "-"
    } else {
        "+"
    };
    format!("{sign}{}", percent(part.abs()))
}

/// The modes taken: `incremental`, `full (absent)`, `incremental 35, full (anchors) 1`.
pub(crate) fn modes(modes: &[ModeCount]) -> String {
    let text = |mode: &ModeCount| match mode.reason.as_deref() {
        None | Some("none") => mode.mode.clone(),
        Some(reason) => format!("{} ({reason})", mode.mode),
    };
    match modes {
        [] => NOTHING.to_owned(),
        [one] => text(one),
        several => {
            let each: Vec<String> =
                several.iter().map(|mode| format!("{} {}", text(mode), mode.launches)).collect();
            each.join(", ")
        }
    }
}

/// An amount of work: one figure, or `lowest..highest` when launches differ. `unavailable` where no
/// launch reports it, `-` where the arm has no such counter; what some launches lack is said.
pub(crate) fn amount(
    counter: Option<&CounterSummary>,
    bytes: bool,
    precision: Precision,
) -> String {
    let Some(counter) = counter else {
        return NOTHING.to_owned();
    };
    let Some(seen) = counter.seen else {
        return if counter.unavailable_in == 0 {
            NOTHING.to_owned()
        } else {
            "unavailable".to_owned()
        };
    };
    let range = range(seen, bytes, precision);
    match counter.unavailable_in {
        0 => range,
        lacking => format!("{range} ({lacking} unavailable)"),
    }
}

fn range(seen: Seen, bytes: bool, precision: Precision) -> String {
    let digits = |value: u64| units::count(value);
    let short = |value: u64| ByteSize(value).to_string();
    if !seen.varies {
        return if bytes && precision == Precision::Short {
            short(seen.min)
        } else {
            digits(seen.min)
        };
    }
    if bytes && precision == Precision::Short {
        let (min, max) = (short(seen.min), short(seen.max));
        // Different amounts must not look the same.
        if min != max {
            return format!("{min}..{max}");
        }
    }
    format!("{}..{}", digits(seen.min), digits(seen.max))
}

/// Whether the counter of this name is in bytes.
pub(crate) fn is_bytes(name: &str) -> bool {
    name.ends_with("_bytes") || name == "rchar" || name == "wchar"
}

/// What the system says of causes that lie outside the measured program.
const OUTSIDE: [(&str, &str); 9] = [
    ("No space left", "the disk is full"),
    ("disk is full", "the disk is full"),
    ("quota exceeded", "the disk quota is used up"),
    ("Read-only file system", "the file system is read-only"),
    ("Input/output error", "the disk fails"),
    ("Too many open files", "too many files are open"),
    ("Cannot allocate memory", "memory ran out"),
    ("cannot be launched", "it cannot be started"),
    ("could not be started", "it cannot be started"),
];

/// Why a sample failed, with the cause named where it lies outside the measured program.
pub(crate) fn cause(error: &str) -> String {
    let said = crate::foreign::one_line(&error.replace('\n', " "), 240);
    match OUTSIDE.iter().find(|(sign, _)| error.contains(sign)) {
        Some((_, what)) => format!("not the program's fault: {what}; {said}"),
        None => said,
    }
}

/// The command without `--out`: results are never written over, so that it would not run twice.
pub(crate) fn repeatable(command: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = command.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            // Behind it stand the words of another program.
            "--" => {
                kept.push(word.clone());
                kept.extend(words.by_ref().cloned());
            }
            "--out" => drop(words.next()),
            word if word.starts_with("--out=") => {}
            _ => kept.push(word.clone()),
        }
    }
    kept
}

/// The words of a command as a shell reads them, in lines of at most `width` columns as far as
/// single words allow. An option stays beside its value. A line that goes on ends in a backslash,
/// so that all of them can be copied at once.
pub(crate) fn shell(words: &[String], width: usize) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let quoted = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else if word.contains(steers) {
            let seen = |c: char| match u32::from(c) {
                _ if matches!(c, '\'' | '\\') => format!("\\{c}"),
                _ if !steers(c) => c.to_string(),
                code @ ..=0x7f => format!("\\{code:03o}"),
                code @ ..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            };
            // As bash and zsh read it: a command to be copied must not steer the terminal that it
            // is shown in.
            format!("$'{}'", word.chars().map(seen).collect::<String>())
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    let mut text = String::new();
    let mut used = 0;
    let mut parts: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in words {
        let is_option = word.starts_with('-');
        match parts.last_mut() {
            Some(option) if is_open && !is_option => *option += &format!(" {}", quoted(word)),
            _ => parts.push(quoted(word)),
        }
        is_open = is_option && !word.contains('=');
    }
    for word in parts {
        let long = word.chars().count();
        // Two columns are kept for the backslash.
        if used > 0 && used + 1 + long + 2 > width {
            text += " \\\n    ";
            used = 4;
        } else if used > 0 {
            text.push(' ');
            used += 1;
        }
        text += &word;
        used += long;
    }
    text
}

/// `1 launch`, `3 launches`.
pub(crate) fn launches(n: u64) -> String {
    format!("{} launch{}", units::count(n), if n == 1 { "" } else { "es" })
}

/// `1 sample`, `3 samples`.
pub(crate) fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", units::count(n), if n == 1 { "" } else { "s" })
}

/// A moment such as `2026-11-21T07:00:00.123Z`, to the minute; anything else unchanged.
pub(crate) fn to_the_minute(moment: &str) -> String {
    let minute = moment.split_once('T').zip(moment.strip_suffix('Z'));
    match minute.and_then(|((day, time), _)| Some((day, time.get(..5)?))) {
        Some((day, time)) if day.len() == 10 => format!("{day} {time} UTC"),
        _ => moment.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::CounterClass;

    fn against(ratio: f64, interval: Option<(f64, f64)>) -> RatioSummary {
        let interval = interval.map(|(low, high)| Interval { low, high });
        RatioSummary { baseline: "published", ratio, pairs: 9, interval }
    }

    fn counter(values: &[Option<u64>]) -> CounterSummary {
        CounterSummary::of(CounterClass::Exact, values.iter().copied())
    }

    #[test]
    fn a_ratio_is_told_in_the_direction_it_goes() {
        let faster = against(0.25, Some((0.2, 0.5)));
        assert_eq!(versus(&faster), "4.00x faster");
        assert_eq!(versus_interval(&faster).as_deref(), Some("2.00 to 5.00"));
        let slower = against(1.5, Some((1.25, 2.0)));
        assert_eq!(versus(&slower), "1.50x slower");
        assert_eq!(versus_interval(&slower).as_deref(), Some("1.25 to 2.00"));
        assert_eq!(versus(&against(0.98, Some((0.9, 1.1)))), "no difference");
        // Without an interval nothing says that there is no difference.
        assert_eq!(versus(&against(0.98, None)), "1.02x faster");
        assert_eq!(versus_interval(&against(0.98, None)), None);
    }

    #[test]
    fn amounts_say_what_differs_and_what_is_missing() {
        let short = |values: &[Option<u64>]| amount(Some(&counter(values)), true, Precision::Short);
        let full = |values: &[Option<u64>]| amount(Some(&counter(values)), true, Precision::Full);
        assert_eq!(amount(None, true, Precision::Short), "-");
        assert_eq!(short(&[]), "-");
        assert_eq!(short(&[None, None]), "unavailable");
        assert_eq!(short(&[Some(61_440), None]), "61.4 kB (1 unavailable)");
        assert_eq!(short(&[Some(61_440), Some(1_000_000)]), "61.4 kB..1.00 MB");
        // Two amounts that round to the same text are still two.
        assert_eq!(short(&[Some(61_441), Some(61_440)]), "61,440..61,441");
        assert_eq!(full(&[Some(61_440)]), "61,440");
    }

    #[test]
    fn modes_name_the_reason_only_where_there_is_one() {
        let mode = |reason: Option<&str>| ModeCount {
            mode: "full".to_owned(),
            reason: reason.map(str::to_owned),
            launches: 1,
        };
        assert_eq!(modes(&[]), "-");
        assert_eq!(modes(&[mode(None)]), "full");
        assert_eq!(modes(&[mode(Some("none"))]), "full");
        assert_eq!(modes(&[mode(Some("anchors"))]), "full (anchors)");
    }

    #[test]
    fn a_cause_outside_the_program_is_named() {
        let full = "exit code 1: memo: No space left on device (os error 28)";
        assert_eq!(cause(full), format!("not the program's fault: the disk is full; {full}"));
        assert_eq!(cause("exit code 101: a panic\nin it"), "exit code 101: a panic in it");
    }

    #[test]
    fn a_command_that_is_repeated_writes_elsewhere() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let kept = |text: &str| repeatable(&words(text)).join(" ");
        assert_eq!(kept("t run --out a --seed 7"), "t run --seed 7");
        assert_eq!(kept("t run --seed 7 --out=a"), "t run --seed 7");
        assert_eq!(kept("t compare --out a -- x --out b"), "t compare -- x --out b");
    }

    #[test]
    fn a_shell_reads_the_words_back() {
        let words = [
            "plain-1.0/x",
            "my runs",
            "it's",
            "",
            "$HOME",
            "a\nb",
            "\u{1b}[1m\u{202e}\u{e0041}it's",
        ]
        .map(str::to_owned);
        assert_eq!(
            shell(&words, 200),
            r"plain-1.0/x 'my runs' 'it'\''s' '' '$HOME' $'a\012b' $'\033[1m\u202e\U000e0041it\'s'"
        );
    }

    #[test]
    fn a_long_command_goes_on_in_further_lines() {
        let words = ["tracerig", "run", "--out", "a b", "--seed", "7"].map(str::to_owned);
        assert_eq!(shell(&words, 22), "tracerig run \\\n    --out 'a b' \\\n    --seed 7");
        assert_eq!(shell(&words, 200), "tracerig run --out 'a b' --seed 7");
        assert_eq!(shell(&words[2..], 5), "--out 'a b' \\\n    --seed 7");
    }

    #[test]
    fn small_words() {
        assert_eq!(
            [0.0, 0.0123, 0.0994, 0.0996, 1.5].map(percent),
            ["0.0 %", "1.2 %", "9.9 %", "10 %", "150 %"]
        );
        assert_eq!(
            [1.0512, 0.879, 1.0001, 0.9999, 2.5, 0.4].map(change),
            ["+5.1 %", "-12 %", "0.0 %", "0.0 %", "x2.50", "x0.400"]
        );
        assert_eq!([1, 2_000].map(|n| plural(n, "row")), ["1 row", "2,000 rows"]);
        assert_eq!([1, 2].map(launches), ["1 launch", "2 launches"]);
        assert_eq!(confidence(), "99 %");
    }
}
