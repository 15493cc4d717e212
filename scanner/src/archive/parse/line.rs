//! One line that matters, from JSON to what it says.
//!
//! `serde_json` reads it, from memory or as it comes: what is not looked at takes no memory, however large it is. A
//! member of another type than it should have counts as absent; of several with one name the last counts, but of `type`
//! the first.

use std::fmt;
use std::io::Read;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::kind::{Kind, Known, by_types};
use super::tokens::Tokens;

/// A line that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// It says nothing that matters.
    Skipped(Known),
    /// What it says, and when it was written, in milliseconds of Unix time.
    Says(i64, Says),
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// Which session this is.
    Session(Meta),
    /// A turn goes on with this model.
    Turn { turn: Option<String>, model: Option<String> },
    /// The settings of the session name this tier, or none.
    Settings { tier: Option<String> },
    /// A response was served at this tier.
    Served { tier: Option<String> },
    /// What was used: since the session began, and by the last response.
    Used { total: Option<Tokens>, last: Option<Tokens> },
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
}

/// Why a line could not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Defect {
    /// It is no JSON, or has no type.
    NoType,
    /// It is of a type that matters, and no JSON.
    NotJson,
    /// It matters, and has no time.
    NoTime,
}

impl Defect {
    /// What is wrong, in words.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::NoType => "its type cannot be read",
            Self::NotJson => "it should matter and is no JSON",
            Self::NoTime => "it should matter and has no time",
        }
    }
}

/// Understands a line that is in memory. `kind` is what its beginning says.
pub(crate) fn from_slice(line: &[u8], kind: Kind) -> Result<Line, Defect> {
    understand(serde_json::from_slice(line), kind)
}

/// Understands a line that comes in pieces.
pub(crate) fn from_reader(line: impl Read, kind: Kind) -> Result<Line, Defect> {
    understand(serde_json::from_reader(line), kind)
}

fn understand(parsed: serde_json::Result<Envelope>, kind: Kind) -> Result<Line, Defect> {
    let Ok(envelope) = parsed else {
        return Err(if kind == Kind::Matters { Defect::NotJson } else { Defect::NoType });
    };
    let Envelope { timestamp, kind: Some(line), payload } = envelope else { return Err(Defect::NoType) };
    let known = match by_types(&line, payload.kind.as_deref()) {
        Kind::Matters => None,
        Kind::Skipped(known) => Some(known),
        Kind::Unclear => Some(Known::No),
    };
    if let Some(known) = known {
        return Ok(Line::Skipped(known));
    }
    let at = timestamp.and_then(|text| text.parse::<jiff::Timestamp>().ok()).ok_or(Defect::NoTime)?;
    let says = match line.as_str() {
        "session_meta" => Says::Session(Meta {
            id: payload.id,
            cwd: payload.cwd,
            version: payload.cli_version,
            provider: payload.model_provider,
        }),
        "turn_context" => Says::Turn { turn: payload.turn_id, model: payload.model },
        "token_usage_record" => Says::Served { tier: payload.service_tier },
        _ => match payload.kind.as_deref() {
            Some("task_started") => Says::Turn { turn: payload.turn_id, model: None },
            Some("thread_settings_applied") => match payload.thread_settings {
                Some(Settings { service_tier }) => Says::Settings { tier: service_tier },
                None => Says::Nothing,
            },
            _ => match payload.info {
                Some(Info { total: None, last: None }) | None => Says::Nothing,
                Some(Info { total, last }) => Says::Used { total, last },
            },
        },
    };
    Ok(Line::Says(at.as_millisecond(), says))
}

/// Something that is read from the members of an object, one after the other; anything else than an object is nothing.
trait Members: Default {
    /// Takes the value of the member `name`. `None` if it is not one of these: then it was not read.
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error>;
}

/// Reads the next value of `map` into `place`, which takes only what has the right type.
fn into<'de, T, A>(place: &mut Option<T>, map: &mut A) -> Result<Option<()>, A::Error>
where
    T: Lenient,
    A: MapAccess<'de>,
{
    *place = map.next_value::<Maybe<T>>()?.0;
    Ok(Some(()))
}

#[derive(Default)]
struct Envelope {
    timestamp: Option<String>,
    kind: Option<String>,
    payload: Payload,
}

impl Members for Envelope {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error> {
        match name {
            "timestamp" => into(&mut self.timestamp, map),
            "type" if self.kind.is_none() => into(&mut self.kind, map),
            "payload" => {
                self.payload =
                    map.next_value::<Maybe<Object<Payload>>>()?.0.map_or_else(Payload::default, |it| it.0);
                Ok(Some(()))
            }
            _ => Ok(None),
        }
    }
}

/// The members of every payload that matters.
#[derive(Default)]
struct Payload {
    kind: Option<String>,
    id: Option<String>,
    cwd: Option<String>,
    cli_version: Option<String>,
    model_provider: Option<String>,
    turn_id: Option<String>,
    model: Option<String>,
    service_tier: Option<String>,
    thread_settings: Option<Settings>,
    info: Option<Info>,
}

impl Members for Payload {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error> {
        match name {
            "type" if self.kind.is_none() => into(&mut self.kind, map),
            "id" => into(&mut self.id, map),
            "cwd" => into(&mut self.cwd, map),
            "cli_version" => into(&mut self.cli_version, map),
            "model_provider" => into(&mut self.model_provider, map),
            "turn_id" => into(&mut self.turn_id, map),
            "model" => into(&mut self.model, map),
            "service_tier" => into(&mut self.service_tier, map),
            "thread_settings" => object_into(&mut self.thread_settings, map),
            "info" => object_into(&mut self.info, map),
            _ => Ok(None),
        }
    }
}

#[derive(Default)]
struct Settings {
    service_tier: Option<String>,
}

impl Members for Settings {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error> {
        if name == "service_tier" { into(&mut self.service_tier, map) } else { Ok(None) }
    }
}

#[derive(Default)]
struct Info {
    total: Option<Tokens>,
    last: Option<Tokens>,
}

impl Members for Info {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error> {
        match name {
            "total_token_usage" => object_into(&mut self.total, map),
            "last_token_usage" => object_into(&mut self.last, map),
            _ => Ok(None),
        }
    }
}

impl Members for Tokens {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error> {
        let place = match name {
            "input_tokens" => &mut self.input,
            "cached_input_tokens" => &mut self.cached_input,
            "cache_write_input_tokens" => &mut self.cache_write,
            "output_tokens" => &mut self.output,
            "reasoning_output_tokens" => &mut self.reasoning,
            "total_tokens" => &mut self.total,
            _ => return Ok(None),
        };
        *place = map.next_value::<Maybe<u64>>()?.0.unwrap_or(0);
        Ok(Some(()))
    }
}

fn object_into<'de, T, A>(place: &mut Option<T>, map: &mut A) -> Result<Option<()>, A::Error>
where
    T: Members,
    A: MapAccess<'de>,
{
    *place = map.next_value::<Maybe<Object<T>>>()?.0.map(|object| object.0);
    Ok(Some(()))
}

/// A value of the wrong type is none.
struct Maybe<T>(Option<T>);

/// What can be taken from a value of any type.
trait Lenient: Sized {
    fn of_text(_text: &str) -> Option<Self> {
        None
    }
    fn of_number(_number: u64) -> Option<Self> {
        None
    }
    fn of_members<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl Lenient for String {
    /// An empty text is none.
    fn of_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl Lenient for u64 {
    fn of_number(number: u64) -> Option<Self> {
        Some(number)
    }
}

/// An object, read member by member.
struct Object<T>(T);

impl<T: Members> Lenient for Object<T> {
    fn of_members<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Self>, A::Error> {
        let mut object = T::default();
        while let Some(Name(name)) = map.next_key()? {
            if object.take(&name, map)?.is_none() {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Some(Self(object)))
    }
}

/// The name of a member. Nothing that matters has a long one.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Maybe(object) = Maybe::<Object<Self>>::deserialize(deserializer)?;
        object.map(|object| object.0).ok_or_else(|| serde::de::Error::custom("no object"))
    }
}

impl<'de, T: Lenient> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Lenient> Visitor<'de> for Any<T> {
            type Value = Maybe<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any value")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Maybe(T::of_number(number)))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Maybe(T::of_text(text)))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Maybe(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                T::of_members(&mut map).map(Maybe)
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::kind;
    use super::*;

    fn says(line: &str) -> Result<Line, Defect> {
        let kind = kind(line.as_bytes());
        let held = from_slice(line.as_bytes(), kind);
        let streamed = from_reader(line.as_bytes(), kind);
        assert_eq!(held, streamed, "{line}");
        held
    }

    fn event(payload: &str) -> Says {
        let line =
            format!(r#"{{"timestamp":"1970-01-01T00:00:01.5Z","type":"event_msg","payload":{payload}}}"#);
        match says(&line) {
            Ok(Line::Says(1500, says)) => says,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn counts_are_read_and_what_is_of_the_wrong_type_is_absent() {
        let used = event(
            r#"{"type":"token_count","info":{"total_token_usage":{"input_tokens":1,"cached_input_tokens":2,
               "cache_write_input_tokens":3,"output_tokens":4,"reasoning_output_tokens":5,"total_tokens":6},
               "last_token_usage":{"input_tokens":"7","output_tokens":-1,"total_tokens":1.5,"deep":[[{"a":1}]]}}}"#,
        );
        let total = Tokens { input: 1, cached_input: 2, cache_write: 3, output: 4, reasoning: 5, total: 6 };
        assert_eq!(used, Says::Used { total: Some(total), last: Some(Tokens::default()) });
        for nothing in ["null", "[]", "{}", "7", r#"{"last_token_usage":[1]}"#] {
            assert_eq!(event(&format!(r#"{{"type":"token_count","info":{nothing}}}"#)), Says::Nothing);
        }
    }

    #[test]
    fn a_tier_is_told_from_settings_without_one_and_from_no_settings() {
        let settings = |settings: &str| event(&format!(r#"{{"type":"thread_settings_applied"{settings}}}"#));
        let tier = |tier: &str| Says::Settings { tier: Some(tier.into()) };
        assert_eq!(
            settings(r#","thread_settings":{"model":"m","service_tier":"priority"}"#),
            tier("priority")
        );
        assert_eq!(settings(r#","thread_settings":{"service_tier":null}"#), Says::Settings { tier: None });
        assert_eq!(settings(""), Says::Nothing);
        assert_eq!(settings(r#","thread_settings":"fast""#), Says::Nothing);
    }

    #[test]
    fn of_several_members_the_last_counts_but_of_types_the_first() {
        let line = r#"{"timestamp":"1970-01-01T00:00:00Z","type":"turn_context","type":"x",
            "payload":{"turn_id":"a","model":"m","turn_id":"b","model":5}}"#;
        let turn = Says::Turn { turn: Some("b".into()), model: None };
        assert_eq!(says(&line.replace('\n', "")), Ok(Line::Says(0, turn)));
    }

    #[test]
    fn defects_are_told_apart() {
        let count =
            r#"{"timestamp":"1970-01-01T00:00:00Z","type":"event_msg","payload":{"type":"token_count""#;
        for (line, defect) in [
            ("rubbish", Defect::NoType),
            ("[1]", Defect::NoType),
            ("{}", Defect::NoType),
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
    fn a_payload_before_its_type_and_one_of_any_shape_are_read() {
        let early = r#"{"payload":{"model":"m"},"timestamp":"1970-01-01T00:00:00Z","type":"turn_context"}"#;
        assert_eq!(says(early), Ok(Line::Says(0, Says::Turn { turn: None, model: Some("m".into()) })));
        assert_eq!(says(r#"{"payload":[],"type":"event_msg"}"#), Ok(Line::Skipped(Known::No)));
        assert_eq!(says(r#"{"payload":{"a":{}},"type":"response_item"}"#), Ok(Line::Skipped(Known::Yes)));
    }
}
