//! The members of lines that matter. Of several types of a line or payload the first counts.

use serde::de::{Deserialize, Deserializer, MapAccess};

use super::lenient::{Blank, Maybe, Members, Number, Object, Text, There, into, object_into};
use super::line::{Defect, Meta, Record, Says};
use super::lineage::Origin;
use super::tokens::Counts;

/// A line.
#[derive(Default)]
pub(super) struct Envelope {
    pub(super) timestamp: Option<Text>,
    pub(super) ordinal: Option<Number>,
    pub(super) kind: Option<Text>,
    /// Whether it has a type, be it one that cannot be read.
    pub(super) has_type: bool,
    pub(super) payload: Payload,
}

impl Members for Envelope {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error> {
        match name {
            "timestamp" => into(&mut self.timestamp, map),
            "ordinal" => into(&mut self.ordinal, map),
            "type" => {
                self.has_type = true;
                if self.kind.is_none() { into(&mut self.kind, map) } else { Ok(None) }
            }
            "payload" => {
                self.payload =
                    map.next_value::<Maybe<Object<Payload>>>()?.0.map_or_else(Payload::default, |it| it.0);
                Ok(Some(()))
            }
            _ => Ok(None),
        }
    }
}

/// The members of every payload that matters: texts by name, and the others.
#[derive(Default)]
pub(super) struct Payload {
    texts: [Option<Text>; TEXTS.len()],
    model: Option<Blank>,
    history_base: Option<There>,
    own_from: Option<Number>,
    thread_settings: Option<Settings>,
    info: Option<Info>,
    usage: Option<Usage>,
}

const TEXTS: [&str; 10] = [
    "type",
    "id",
    "cwd",
    "cli_version",
    "model_provider",
    "forked_from_id",
    "turn_id",
    "thread_id",
    "response_id",
    "service_tier",
];

impl Members for Payload {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error> {
        match name {
            "type" if self.texts[0].is_some() => Ok(None),
            "model" => into(&mut self.model, map),
            "history_base" => into(&mut self.history_base, map),
            "subagent_history_start_ordinal" => into(&mut self.own_from, map),
            "thread_settings" => object_into(&mut self.thread_settings, map),
            "info" => object_into(&mut self.info, map),
            "usage" => object_into(&mut self.usage, map),
            name => match TEXTS.iter().position(|text| *text == name) {
                Some(place) => into(&mut self.texts[place], map),
                None => Ok(None),
            },
        }
    }
}

impl Payload {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let place = TEXTS.iter().position(|text| *text == name)?;
        Some(&self.texts[place].as_ref()?.text)
    }

    /// What it says in a line of this type that matters.
    pub(super) fn says(mut self, line: &str, ordinal: Option<Number>, defect: &mut Option<Defect>) -> Says {
        let number = |number: Option<Number>| match number {
            Some(Number::Is(number)) => Some(number),
            _ => None,
        };
        let mut text = |name: &str| {
            let place = TEXTS.iter().position(|text| *text == name)?;
            Some(self.texts[place].take()?.reported(defect))
        };
        match line {
            "session_meta" => Says::Session(Meta {
                id: text("id"),
                cwd: text("cwd"),
                version: text("cli_version"),
                provider: text("model_provider"),
                origin: Origin {
                    is_fork: text("forked_from_id").is_some(),
                    has_base: self.history_base.is_some(),
                    own_from: number(self.own_from),
                },
            }),
            "turn_context" => {
                let turn = text("turn_id");
                Says::Turn { turn, model: self.model.map(|Blank(model)| model.reported(defect)) }
            }
            "token_usage_record" => Says::Record(Record {
                thread: text("thread_id"),
                turn: text("turn_id"),
                response: text("response_id"),
                tier: text("service_tier"),
                usage: self.usage.and_then(|usage| usage.reported(defect)),
            }),
            _ => match text("type").as_deref() {
                Some("task_started") => Says::Turn { turn: text("turn_id"), model: None },
                Some("thread_settings_applied") => match self.thread_settings {
                    Some(Settings { service_tier }) => {
                        Says::Settings { tier: service_tier.map(|tier| tier.reported(defect)) }
                    }
                    None => Says::Nothing,
                },
                _ => {
                    let Info { total, last } = self.info.unwrap_or_default();
                    let mut counts = |usage: Option<Usage>| usage.and_then(|usage| usage.reported(defect));
                    match (counts(total), counts(last)) {
                        (None, None) => Says::Nothing,
                        (total, last) => Says::Used { ordinal: number(ordinal), total, last },
                    }
                }
            },
        }
    }
}

#[derive(Default)]
struct Settings {
    service_tier: Option<Text>,
}

impl Members for Settings {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error> {
        if name == "service_tier" { into(&mut self.service_tier, map) } else { Ok(None) }
    }
}

#[derive(Default)]
struct Info {
    total: Option<Usage>,
    last: Option<Usage>,
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

/// Token counts as they are written.
#[derive(Default)]
struct Usage([Option<Number>; COUNTS.len()]);

const COUNTS: [&str; 6] = [
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "total_tokens",
];

impl Members for Usage {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error> {
        match COUNTS.iter().position(|count| *count == name) {
            Some(place) => into(&mut self.0[place], map),
            None => Ok(None),
        }
    }
}

impl Usage {
    /// The counts that are ones, if there are any; others are reported.
    fn reported(self, defect: &mut Option<Defect>) -> Option<Counts> {
        let counts = Counts(self.0.map(|number| match number? {
            Number::Is(number) => Some(number),
            Number::Other => {
                *defect = Some(Defect::NoCount);
                None
            }
        }));
        (!counts.is_empty()).then_some(counts)
    }
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Maybe(object) = Maybe::<Object<Self>>::deserialize(deserializer)?;
        object.map(|object| object.0).ok_or_else(|| serde::de::Error::custom("no object"))
    }
}
