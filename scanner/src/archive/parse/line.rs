//! One line that matters, from JSON to what it says.

use super::json::Pieces;
use super::kind::{Kind, Known, by_types};
use super::lineage::Origin;
use super::members::Envelope;
use super::tokens::Counts;

/// A line that was understood.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and none of it has to be allocated"
)]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// It says nothing that matters.
    Skipped(Known),
    /// An object without a type, as rollouts of 2025 begin with.
    Untyped,
    /// It says something.
    Says(Said<'a>),
}

/// What a line that matters says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said<'a> {
    /// When it was written, in milliseconds of Unix time.
    pub(crate) at: i64,
    pub(crate) says: Says<'a>,
    /// What is wrong with a part of it, which counts as absent.
    pub(crate) defect: Option<Defect>,
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Says<'a> {
    /// Which session this is, or which one its history was copied from.
    Session(Meta),
    /// A turn goes on with this model; a blank name of a model is one that nobody knows.
    Turn { turn: Option<&'a str>, model: Option<&'a str> },
    /// The settings of the session name this tier, or none.
    Settings { tier: Option<&'a str> },
    /// What one response used.
    Record(Record<'a>),
    /// What was used: since the session began, and by the last response.
    Used { ordinal: Option<u64>, total: Option<Counts>, last: Option<Counts> },
    /// Nothing that counts.
    Nothing,
}

/// What the first line of a rollout says of its session.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Meta {
    pub(crate) id: Option<String>,
    pub(crate) cwd: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) origin: Origin,
}

/// What is written of one response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) thread: Option<&'a str>,
    pub(crate) turn: Option<&'a str>,
    pub(crate) response: Option<&'a str>,
    pub(crate) usage: Option<Counts>,
    /// The tier it was served at.
    pub(crate) tier: Option<&'a str>,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Defect {
    /// It is not JSON, or has no type.
    NoType,
    /// It is of a type that matters, and no JSON.
    NotJson,
    /// It matters, and has no time.
    NoTime,
    /// A count of tokens is negative, fractional, or above what 64 bits hold.
    NoCount,
    /// A text that matters is longer than 4 KiB.
    LongText,
    /// The file has more turns, models or times than are counted apart.
    TooMany,
}

impl Defect {
    /// What is wrong and what comes of it, in words.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::NoType => "its type cannot be read; the line is skipped",
            Self::NotJson => "it should matter and is no JSON; the line is skipped",
            Self::NoTime => "it should matter and has no time; the line is skipped",
            Self::NoCount => {
                "a token count is negative, fractional or above 2^64 - 1; it is taken as missing"
            }
            Self::LongText => "a name is longer than 4 KiB; its beginning is taken",
            Self::TooMany => {
                "the file has too many turns, models or quarter-hours before it; \
                 its name or its use is left out"
            }
        }
    }
}

/// Understands lines, one after the other, in the same memory.
#[derive(Debug, Default)]
pub(crate) struct Parser(Envelope);

impl Parser {
    /// Understands a line. `kind` is what its beginning says.
    pub(crate) fn understand(&mut self, line: impl Pieces, kind: Kind) -> Result<Line<'_>, Defect> {
        if self.0.read(line).is_none() {
            return Err(if kind == Kind::Matters { Defect::NotJson } else { Defect::NoType });
        }
        let Envelope { at, ordinal, kind, has_type, ref payload, .. } = self.0;
        let Some(line) = kind else {
            return if has_type { Err(Defect::NoType) } else { Ok(Line::Untyped) };
        };
        if let Kind::Skipped(known) = by_types(line, payload.event) {
            return Ok(Line::Skipped(known));
        }
        let at = at.ok_or(Defect::NoTime)?;
        let mut defect = None;
        let says = payload.says(line, ordinal, &mut defect);
        Ok(Line::Says(Said { at, says, defect }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::LONGEST;
    use super::super::json::tests::Slow;
    use super::super::kind::kind;
    use super::*;

    fn says(line: &str) -> Result<Line<'static>, Defect> {
        let kind = kind(line.as_bytes());
        let [held, streamed] = [(); 2].map(|()| Box::leak(Box::<Parser>::default()));
        let held = held.understand(line.as_bytes(), kind);
        let streamed = streamed.understand(Slow(line.as_bytes(), 1), kind);
        assert_eq!(held, streamed, "{line}");
        held
    }

    fn event(payload: &str) -> Says<'static> {
        let line = format!(
            r#"{{"timestamp":"1970-01-01T00:00:01.5Z","type":"event_msg","payload":{payload}}}"#
        );
        match says(&line) {
            Ok(Line::Says(said)) if said.at == 1500 => said.says,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// A line written at the time 0.
    fn line_of(kind: &str, payload: &str) -> String {
        format!(r#"{{"timestamp":"1970-01-01T00:00:00Z","type":"{kind}","payload":{payload}}}"#)
    }

    fn defect(line: &str) -> Option<Defect> {
        match says(line) {
            Ok(Line::Says(said)) => said.defect,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn counts_are_read_and_what_is_of_the_wrong_type_is_absent() {
        let used = event(
            r#"{"type":"token_count","info":{
                "total_token_usage":{"input_tokens":1,"cached_input_tokens":2,
                    "cache_write_input_tokens":3,"output_tokens":4,
                    "reasoning_output_tokens":5,"total_tokens":6},
                "last_token_usage":{"input_tokens":"7","output_tokens":0,
                    "total_tokens":null,"deep":[[{"a":1}]]}}}"#,
        );
        let total = Some(Counts([1, 2, 3, 4, 5, 6].map(Some)));
        let last = Some(Counts([None, None, None, Some(0), None, None]));
        assert_eq!(used, Says::Used { ordinal: None, total, last });
        for nothing in
            ["null", "[]", "{}", "7", r#"{"last_token_usage":[1]}"#, r#"{"last_token_usage":{}}"#]
        {
            assert_eq!(
                event(&format!(r#"{{"type":"token_count","info":{nothing}}}"#)),
                Says::Nothing
            );
        }
    }

    #[test]
    fn counts_that_are_none_are_missing_and_reported() {
        let line = |count: &str| {
            let begin = r#""timestamp":"1970-01-01T00:00:01.5Z","ordinal":4,"type":"event_msg""#;
            let info =
                format!(r#"{{"last_token_usage":{{"input_tokens":{count},"output_tokens":2}}}}"#);
            format!(r#"{{{begin},"payload":{{"type":"token_count","info":{info}}}}}"#)
        };
        // The last four are larger than any double.
        let digits = "9".repeat(10_000);
        for count in [
            "-1",
            "1.5",
            "1e3",
            "18446744073709551616",
            "1e400",
            "-18446744073709551615E+308",
            "0.7e999",
            &digits,
        ] {
            let last = Some(Counts([None, None, None, Some(2), None, None]));
            let used = Says::Used { ordinal: Some(4), total: None, last };
            assert_eq!(
                says(&line(count)),
                Ok(Line::Says(Said { at: 1500, says: used, defect: Some(Defect::NoCount) }))
            );
        }
        assert_eq!(defect(&line("18446744073709551615")), None);
        // A number is one by its grammar, however large.
        for no_number in
            ["1e400e400", "1e+-400", "0400", "1e", "-", "1.e400", &format!("{digits}-")]
        {
            assert_eq!(says(&line(no_number)), Err(Defect::NotJson), "{no_number}");
        }
    }

    #[test]
    fn texts_that_are_none_are_absent_and_long_ones_are_cut_and_reported() {
        let line = |cwd: &str, model: &str| {
            let payload = format!(r#"{{"id":"a","cwd":"{cwd}","model_provider":"{model}"}}"#);
            line_of("session_meta", &payload)
        };
        let meta = |line: &str| match says(line) {
            Ok(Line::Says(said)) => match said.says {
                Says::Session(meta) => meta,
                other => panic!("{line}: {other:?}"),
            },
            other => panic!("{line}: {other:?}"),
        };
        let odd = meta(&line(r"/w\ud800", r"m\udc00\ud83d"));
        assert_eq!((odd.id.as_deref(), odd.cwd, odd.provider), (Some("a"), None, None));
        assert_eq!(meta(&line(r"\ud83d\ude00", "")).cwd.as_deref(), Some("\u{1f600}"));
        let long = line(&"\u{e9}".repeat(LONGEST), "m");
        assert_eq!(meta(&long).cwd.map(|cwd| cwd.len()), Some(LONGEST));
        assert_eq!((defect(&long), defect(&line("/w", "m"))), (Some(Defect::LongText), None));
    }

    #[test]
    fn where_a_history_comes_from_is_read() {
        let origin = |members: &str| {
            let line = line_of("session_meta", &format!(r#"{{"id":"a"{members}}}"#));
            match says(&line) {
                Ok(Line::Says(said)) => match said.says {
                    Says::Session(meta) => meta.origin,
                    other => panic!("{line}: {other:?}"),
                },
                other => panic!("{line}: {other:?}"),
            }
        };
        assert_eq!(origin(r#","forked_from_id":null,"history_base":null"#), Origin::default());
        assert_eq!(
            origin(
                r#","forked_from_id":"b","history_base":{"thread_id":"b"},
                    "subagent_history_start_ordinal":25"#
            ),
            Origin { is_fork: true, has_base: true, own_from: Some(25) }
        );
    }

    #[test]
    fn records_and_blank_models_are_read() {
        let line = line_of(
            "token_usage_record",
            r#"{"thread_id":"a","turn_id":"t","response_id":"r","usage":{"input_tokens":1}}"#,
        );
        let record = says(&line);
        let (thread, turn, response) = (Some("a"), Some("t"), Some("r"));
        let usage = Some(Counts([Some(1), None, None, None, None, None]));
        let record_says = Says::Record(Record { thread, turn, response, usage, tier: None });
        assert_eq!(record, Ok(Line::Says(Said { at: 0, says: record_says, defect: None })));
        for (model, read) in [("\" \"", Some("")), ("\"\"", Some("")), ("null", None), ("7", None)]
        {
            let line = line_of("turn_context", &format!(r#"{{"model":{model}}}"#));
            let says_turn = Says::Turn { turn: None, model: read };
            assert_eq!(
                says(&line),
                Ok(Line::Says(Said { at: 0, says: says_turn, defect: None })),
                "{model}"
            );
        }
    }

    #[test]
    fn a_tier_is_told_from_settings_without_one_and_from_no_settings() {
        let settings =
            |settings: &str| event(&format!(r#"{{"type":"thread_settings_applied"{settings}}}"#));
        let tier = |tier| Says::Settings { tier: Some(tier) };
        assert_eq!(
            settings(r#","thread_settings":{"model":"m","service_tier":"priority"}"#),
            tier("priority")
        );
        assert_eq!(
            settings(r#","thread_settings":{"service_tier":null}"#),
            Says::Settings { tier: None }
        );
        assert_eq!(settings(""), Says::Nothing);
        assert_eq!(settings(r#","thread_settings":"fast""#), Says::Nothing);
    }

    #[test]
    fn of_several_members_the_last_counts_but_of_types_the_first() {
        let line = r#"{"timestamp":"1970-01-01T00:00:00Z","type":"turn_context","type":"x",
            "payload":{"turn_id":"a","model":"m","turn_id":"b","model":5}}"#;
        let turn = Says::Turn { turn: Some("b"), model: None };
        assert_eq!(
            says(&line.replace('\n', "")),
            Ok(Line::Says(Said { at: 0, says: turn, defect: None }))
        );
    }

    #[test]
    fn defects_are_told_apart() {
        let count = line_of("event_msg", r#"{"type":"token_count""#);
        let count = count.trim_end_matches('}');
        for (line, defect) in [
            ("rubbish", Defect::NoType),
            ("[1]", Defect::NoType),
            (r#"{"type":7}"#, Defect::NoType),
            (r#"{"payload":{},"type":"turn_context","#, Defect::NoType),
            (count, Defect::NotJson),
            (&format!("{count}}}}} x"), Defect::NotJson),
            (&format!("{count},\"a\":\"\x01\"}}}}"), Defect::NotJson),
            (r#"{"timestamp":"yesterday","type":"turn_context","payload":{}}"#, Defect::NoTime),
            (r#"{"type":"turn_context","payload":{}}"#, Defect::NoTime),
        ] {
            assert_eq!(says(line), Err(defect), "{line}");
        }
    }

    #[test]
    fn an_object_without_a_type_is_of_2025() {
        for line in ["{}", r#"{"id":"a","timestamp":"2025-06-01T00:00:00Z","instructions":null}"#] {
            assert_eq!(says(line), Ok(Line::Untyped), "{line}");
        }
    }

    #[test]
    fn a_payload_before_its_type_and_one_of_any_shape_are_read() {
        let early =
            r#"{"payload":{"model":"m"},"timestamp":"1970-01-01T00:00:00Z","type":"turn_context"}"#;
        let turn = Says::Turn { turn: None, model: Some("m") };
        assert_eq!(says(early), Ok(Line::Says(Said { at: 0, says: turn, defect: None })));
        assert_eq!(says(r#"{"payload":[],"type":"event_msg"}"#), Ok(Line::Skipped(Known::No)));
        assert_eq!(
            says(r#"{"payload":{"a":{}},"type":"response_item"}"#),
            Ok(Line::Skipped(Known::Yes))
        );
    }
}
