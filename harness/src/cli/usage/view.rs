//! Which usage counts, and how it is grouped.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tracerig_scanner::archive::{self, Session, Slot, Tier, Used};

use super::{Arguments, Home};
use crate::cli::{Usage, output};

/// Seconds of the quarter-hours that results are kept by.
const QUARTER: i64 = 15 * 60;

/// Time that looking up a time zone may take.
const LONGEST_LOOKUP: Duration = Duration::from_secs(5);

/// What usage is grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// Day.
    Day,
    /// ISO 8601 week.
    Week,
    /// Month.
    Month,
    /// Model.
    Model,
    /// Working folder of the session.
    Project,
    /// Session, with all its segments.
    Session,
    /// Service tier.
    Tier,
}

impl By {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Model => "model",
            Self::Project => "project",
            Self::Session => "session",
            Self::Tier => "tier",
        }
    }
}

/// Which usage counts, and how it is grouped.
pub(super) struct View {
    pub(super) by: Vec<By>,
    pub(super) zone: TimeZone,
    since: Option<i64>,
    until: Option<i64>,
}

/// Every line of the result with what it adds up to.
pub(super) type Rows = BTreeMap<Vec<String>, Used>;

/// What a line tells of a session.
struct Labels {
    project: String,
    session: String,
}

/// A zone, looked up for so long and no longer: `TZ` and `TZDIR` may name pipes, whose writer is
/// waited for.
fn looked_up(
    look: impl Fn() -> Result<TimeZone, jiff::Error> + Clone + Send + 'static,
) -> Result<TimeZone, String> {
    let (found, finds) = std::sync::mpsc::channel();
    let looks = look.clone();
    let thread = std::thread::Builder::new().spawn(move || found.send(looks()));
    let zone = match thread {
        Ok(_) => finds
            .recv_timeout(LONGEST_LOOKUP)
            .map_err(|_| format!("no answer came within {} s", LONGEST_LOOKUP.as_secs()))?,
        // Where no thread can be started.
        Err(_) => look(),
    };
    zone.map_err(|error| error.to_string())
}

impl View {
    pub(super) fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        let zone = match &arguments.time_zone {
            None => looked_up(TimeZone::try_system).unwrap_or_else(|error| {
                output::say(&format!(
                    "tracerig: warning: the time zone of this system is not known, so days are \
                     those of UTC: {error}. Name one with --time-zone"
                ));
                TimeZone::UTC
            }),
            Some(name) => {
                let named = name.clone();
                looked_up(move || TimeZone::get(&named)).map_err(|error| {
                    Usage(format!(
                        "--time-zone {name}: {error}. Write a name such as Europe/Berlin, or UTC"
                    ))
                })?
            }
        };
        let moment = |text: &Option<String>, option: &str| {
            text.as_ref()
                .map(|text| {
                    moment(text, &zone).map_err(|why| Usage(format!("{option} {text}: {why}")))
                })
                .transpose()
        };
        let (since, until) =
            (moment(&arguments.since, "--since")?, moment(&arguments.until, "--until")?);
        if let (Some(from), Some(to)) = (since, until)
            && from >= to
        {
            return Err(Usage("--since must be before --until".to_owned()).into());
        }
        let mut by = Vec::new();
        for &each in &arguments.by {
            if !by.contains(&each) {
                by.push(each);
            }
        }
        Ok(Self { by, zone, since, until })
    }

    /// Whether what it groups by is known of sessions only.
    pub(super) fn needs_sessions(&self) -> bool {
        self.by.iter().any(|by| matches!(by, By::Session | By::Project))
    }

    /// Whether a slot counts.
    fn counts(&self, slot: &Slot<'_>) -> bool {
        let at = slot.begins_at();
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }

    /// The day that a slot is in, if it is grouped by.
    fn date(&self, slot: &Slot<'_>) -> Option<Date> {
        let is_asked = self.by.iter().any(|by| matches!(by, By::Day | By::Week | By::Month));
        let begin = is_asked.then(|| Timestamp::from_second(slot.begins_at()).ok()).flatten();
        begin.map(|begin| self.zone.to_datetime(begin).date())
    }

    /// The line that a class of slots counts in.
    fn key(
        &self,
        day: Option<Date>,
        model: Option<&str>,
        tier: Tier,
        labels: Option<&Labels>,
    ) -> Vec<String> {
        let date = |format: fn(Date) -> String| day.map_or_else(|| "-".to_owned(), format);
        let part = |by: &By| match by {
            By::Day => date(|date| date.to_string()),
            By::Week => date(|date| {
                let week = date.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }),
            By::Month => date(|date| format!("{:04}-{:02}", date.year(), date.month())),
            By::Model => model.unwrap_or("unknown").to_owned(),
            By::Tier => tier.name().to_owned(),
            By::Project => labels.map_or_else(String::new, |labels| labels.project.clone()),
            By::Session => labels.map_or_else(String::new, |labels| labels.session.clone()),
        };
        self.by.iter().map(part).collect()
    }

    /// The lines of some usage. Their text is made once a class, not once a slot.
    fn lines(&self, usage: &archive::Usage, labels: Option<&Labels>) -> Vec<(Vec<String>, Used)> {
        let class = |slot: &Slot<'_>| self.counts(slot).then(|| self.date(slot));
        let classes = usage.by(|slot| Some((class(slot)?, slot.model, slot.tier)));
        let line = |((day, model, tier), used)| (self.key(day, model, tier, labels), used);
        classes.into_iter().map(line).collect()
    }

    pub(super) fn rows(&self, homes: &[Home]) -> Rows {
        let mut rows = Rows::new();
        let mut add = |used: Vec<(Vec<String>, Used)>| {
            for (key, used) in used {
                let sum = rows.entry(key).or_default();
                *sum = sum.plus(used);
            }
        };
        if !self.needs_sessions() {
            homes.iter().for_each(|home| add(self.lines(&home.refresh.usage, None)));
            return rows;
        }
        // The path of its first file identifies a session.
        let mut first: BTreeMap<&str, String> = BTreeMap::new();
        for (session, path) in sessions(homes) {
            first.entry(&session.id).or_insert(path);
        }
        for (session, _) in sessions(homes).filter(|(session, _)| session.counts) {
            let labels = Labels {
                project: session.cwd.clone().unwrap_or_else(|| "unknown".to_owned()),
                session: first[&*session.id].clone(),
            };
            add(self.lines(&session.usage, Some(&labels)));
        }
        rows
    }
}

/// Every rollout with its path: below the home, if there is only one.
pub(super) fn sessions(homes: &[Home]) -> impl Iterator<Item = (&Session, String)> {
    homes.iter().flat_map(|home| {
        home.refresh.sessions.iter().map(|session| (session, path(homes, home, &session.path)))
    })
}

/// A path below one of the homes, as messages show it.
pub(super) fn path(homes: &[Home], home: &Home, path: &std::path::Path) -> String {
    if homes.len() == 1 {
        path.display().to_string()
    } else {
        home.path.join(path).display().to_string()
    }
}

/// A Unix time, the beginning of a day, or a moment as RFC 3339 writes it, in Unix seconds.
fn moment(text: &str, zone: &TimeZone) -> Result<i64, String> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() == "2026-06-01".len()
        && let Ok(midnight) = date.to_zoned(zone.clone())
    {
        return quarter(midnight.timestamp());
    }
    let seconds = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let moment = seconds.or_else(|| text.parse().ok());
    moment.map_or_else(
        || {
            let why = "not a date such as 2026-06-01, a Unix time in seconds, or a time such as \
                       2026-06-01T12:15:00Z";
            Err(why.to_owned())
        },
        quarter,
    )
}

/// The same in seconds, if results are kept by it.
fn quarter(moment: Timestamp) -> Result<i64, String> {
    let seconds = moment.as_second();
    if seconds.rem_euclid(QUARTER) == 0 && moment.subsec_nanosecond() == 0 {
        return Ok(seconds);
    }
    let begin = seconds.div_euclid(QUARTER) * QUARTER;
    let told = |seconds| {
        Timestamp::from_second(seconds).map_or_else(|_| "-".to_owned(), |at| at.to_string())
    };
    // Before 1970 parts of a second are counted from the other side.
    let begin =
        if moment.subsec_nanosecond() < 0 && begin == seconds { begin - QUARTER } else { begin };
    Err(format!(
        "usage is kept per quarter-hour, and this time is inside one. Give {} or {}",
        told(begin),
        told(begin + QUARTER)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_where_the_time_zone_says() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(moment("2026-06-01", &berlin), Ok(1_780_264_800));
        assert_eq!(moment("2026-06-01", &TimeZone::UTC), Ok(1_780_272_000));
        assert_eq!(moment("2026-06-01T00:15:00Z", &berlin), Ok(1_780_272_900));
        assert_eq!(moment("1780272900", &berlin), Ok(1_780_272_900));
        for text in ["today", "12:07", "2026-06", ""] {
            assert!(
                moment(text, &berlin).is_err_and(|why| why.starts_with("not a date")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_moment_inside_of_a_quarter_hour_is_refused() {
        for (text, before, after) in [
            ("2026-06-01T12:07:00Z", "2026-06-01T12:00:00Z", "2026-06-01T12:15:00Z"),
            ("2026-06-01T12:15:00.5Z", "2026-06-01T12:15:00Z", "2026-06-01T12:30:00Z"),
            ("1780272001", "2026-06-01T00:00:00Z", "2026-06-01T00:15:00Z"),
            ("-1", "1969-12-31T23:45:00Z", "1970-01-01T00:00:00Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:45:00Z", "1970-01-01T00:00:00Z"),
        ] {
            let why = moment(text, &TimeZone::UTC).unwrap_err();
            assert!(why.ends_with(&format!("Give {before} or {after}")), "{text}: {why}");
        }
        // Time zones of before 1900 had odd offsets, and their days begin inside of quarter-hours.
        let odd = TimeZone::fixed(jiff::tz::Offset::from_seconds(3208).unwrap());
        assert!(moment("2026-06-01", &odd).is_err());
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let view = |by| View { by: vec![by], zone: TimeZone::UTC, since: None, until: None };
        let key = |by, day: &str| {
            let quarter = moment(day, &TimeZone::UTC).unwrap() / QUARTER;
            let slot =
                Slot { quarter, model: None, tier: tracerig_scanner::archive::Tier::Unknown };
            let view = view(by);
            view.key(view.date(&slot), slot.model, slot.tier, None).remove(0)
        };
        for (day, week, month) in [
            ("2026-11-29", "2026-W48", "2026-11"),
            ("2026-11-30", "2026-W49", "2026-11"),
            ("2027-01-03", "2026-W53", "2027-01"),
            ("2027-01-04", "2027-W01", "2027-01"),
        ] {
            assert_eq!(
                (key(By::Week, day), key(By::Month, day)),
                (week.to_owned(), month.to_owned())
            );
        }
    }
}
