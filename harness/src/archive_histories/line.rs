//! The lines of a rollout: what they say in a word or two, and as Codex writes them.

use std::fmt;
use std::str::FromStr;

/// Bytes of a line that does not fit into what the scanner holds of a file.
const LONG: usize = 400 << 10;

/// Bytes of a line that is longer than the part of a file that it is recognised by.
const WIDE: usize = 70 << 10;

/// The evening of the day that histories begin on, 23:07 UTC, in minutes of Unix time.
const BEGINNING: i64 = 29_920_267;

/// A line, and when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSpec {
    /// What it says.
    pub says: Says,
    /// Minutes since the beginning of histories.
    pub at: i32,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Which session this is.
    Meta(u8),
    /// What was used: since the beginning, and last.
    Count(Count),
    /// A count without any.
    NoCount,
    /// A turn, and its model.
    Turn(u8, Option<u8>),
    /// A turn begins.
    Started(u8),
    /// Settings with this tier, or none.
    Settings(Option<Tier>),
    /// Settings are applied, and not said.
    NoSettings,
    /// A response was served at this tier.
    Served(Tier),
    /// One of these, which need no more words.
    Plain(Plain),
}

/// A count of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Cumulative.
    pub total: Option<u32>,
    /// Of the last response.
    pub last: Option<u32>,
    /// What is special about it.
    pub form: Form,
}

/// What is special about a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    Usual,
    /// No tokens of output: that kind falls where the others rise.
    Silent,
    /// The payload's type stands last.
    Late,
    /// The line is long.
    Long,
    /// The line is cut short, and has its end.
    Broken,
}

/// A service tier by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Priority.
    Priority,
    /// Its other name.
    Fast,
    /// Another.
    Flex,
}

/// Lines that are always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plain {
    /// A kind that does not matter.
    Item,
    /// The same, cut short: nobody looks at the rest of it.
    BrokenItem,
    /// The same, as an event.
    Message,
    /// The same, longer than the tail of a file that is recognised.
    Wide,
    /// The same, longer than what is held of a file.
    Long,
    /// A kind that nobody knows.
    Unknown,
    /// An event that nobody knows.
    UnknownEvent,
    /// No JSON.
    Rubbish,
    /// Without a type.
    NoType,
    /// A turn without a time.
    NoTime,
    /// Nothing.
    Blank,
}

const FORMS: [(&str, Form); 5] = [
    ("count", Form::Usual),
    ("silent-count", Form::Silent),
    ("late-count", Form::Late),
    ("long-count", Form::Long),
    ("broken-count", Form::Broken),
];
const TIERS: [(&str, Tier); 3] = [("priority", Tier::Priority), ("fast", Tier::Fast), ("flex", Tier::Flex)];
pub(super) const PLAIN: [(&str, Plain); 11] = [
    ("item", Plain::Item),
    ("broken-item", Plain::BrokenItem),
    ("message", Plain::Message),
    ("wide-item", Plain::Wide),
    ("long-item", Plain::Long),
    ("unknown", Plain::Unknown),
    ("unknown-event", Plain::UnknownEvent),
    ("rubbish", Plain::Rubbish),
    ("no-type", Plain::NoType),
    ("no-time", Plain::NoTime),
    ("blank", Plain::Blank),
];

/// The id of session `number`.
pub(super) fn session(number: u8) -> String {
    format!("01a1faad-9ba1-7b10-b548-{number:012}")
}

/// The id of turn `number`.
pub(super) fn turn(number: u8) -> String {
    format!("turn-{number}")
}

impl LineSpec {
    /// The line, with its end. No two of one `serial` are alike where they are long.
    pub(super) fn bytes(&self, serial: u64) -> Vec<u8> {
        let time = time(self.at);
        let line = |kind: &str, payload: &str| {
            format!("{{\"timestamp\":\"{time}\",\"type\":\"{kind}\",\"payload\":{payload}}}")
        };
        let event = |payload: &str| line("event_msg", &format!("{{{payload}}}"));
        let filler = |bytes: usize| format!("{serial:08}").repeat(bytes / 8);
        let text = match &self.says {
            Says::Meta(number) => line(
                "session_meta",
                &format!(
                    r#"{{"id":"{}","cwd":"/w/{number}","cli_version":"0.169.0","model_provider":"openai"}}"#,
                    session(*number)
                ),
            ),
            Says::Count(count) => {
                let info = count.info();
                match count.form {
                    Form::Usual | Form::Silent => event(&format!(r#""type":"token_count","info":{info}"#)),
                    Form::Late => event(&format!(r#""info":{info},"type":"token_count""#)),
                    Form::Long => {
                        let more = filler(LONG);
                        event(&format!(r#""type":"token_count","more":"{more}","info":{info}"#))
                    }
                    Form::Broken => {
                        let mut line = event(&format!(r#""type":"token_count","info":{info}"#));
                        line.truncate(line.len() - 2);
                        line
                    }
                }
            }
            Says::NoCount => event(r#""type":"token_count","info":null"#),
            Says::Turn(number, model) => {
                let model = model.map_or(String::new(), |model| format!(r#","model":"model-{model}""#));
                line("turn_context", &format!(r#"{{"turn_id":"{}"{model}}}"#, turn(*number)))
            }
            Says::Started(number) => {
                event(&format!(r#""type":"task_started","turn_id":"{}""#, turn(*number)))
            }
            Says::Settings(tier) => {
                let tier = tier.map_or(String::new(), |tier| format!(r#","service_tier":"{}""#, tier.name()));
                let settings = format!(r#"{{"model":"model-9"{tier}}}"#);
                event(&format!(r#""type":"thread_settings_applied","thread_settings":{settings}"#))
            }
            Says::NoSettings => event(r#""type":"thread_settings_applied","thread_settings":null"#),
            Says::Served(tier) => {
                line("token_usage_record", &format!(r#"{{"service_tier":"{}"}}"#, tier.name()))
            }
            Says::Plain(plain) => match plain {
                Plain::Item => line("response_item", r#"{"type":"message"}"#),
                Plain::BrokenItem => line("response_item", r#"{"type":"message""#).replace("}", ""),
                Plain::Message => event(r#""type":"agent_message","message":"token_count""#),
                Plain::Wide => line("response_item", &format!("\"{}\"", filler(WIDE))),
                Plain::Long => line("response_item", &format!("\"{}\"", filler(LONG))),
                Plain::Unknown => line("hologram", r#"{"type":"token_count"}"#),
                Plain::UnknownEvent => event(r#""type":"hologram""#),
                Plain::Rubbish => "no line of a rollout".to_owned(),
                Plain::NoType => "{}".to_owned(),
                Plain::NoTime => r#"{"type":"turn_context","payload":{"model":"model-8"}}"#.to_owned(),
                Plain::Blank => String::new(),
            },
        };
        (text + "\n").into_bytes()
    }
}

impl Count {
    fn info(&self) -> String {
        let tokens = |count: Option<u32>| {
            count.map_or("null".to_owned(), |count| {
                let output = if self.form == Form::Silent { 0 } else { count / 2 };
                format!(
                    r#"{{"input_tokens":{count},"cached_input_tokens":{},"cache_write_input_tokens":{},"output_tokens":{output},"reasoning_output_tokens":{},"total_tokens":{}}}"#,
                    count / 3,
                    count / 5,
                    count / 7,
                    count + output
                )
            })
        };
        let (total, last) = (tokens(self.total), tokens(self.last));
        format!(r#"{{"total_token_usage":{total},"last_token_usage":{last}}}"#)
    }
}

impl Tier {
    fn name(self) -> &'static str {
        name_of(&TIERS, &self)
    }
}

/// A time as Codex writes it.
fn time(minutes: i32) -> String {
    let seconds = (BEGINNING + i64::from(minutes)) * 60 + 24;
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.062Z").to_string()
}

pub(super) fn named<T: Copy>(names: &[(&str, T)], name: &str) -> Option<T> {
    names.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

pub(super) fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name)
}

impl FromStr for LineSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || format!("`{text}` is no line of a rollout");
        let (said, at) = match text.split_once('@') {
            Some((said, at)) => (said.trim(), at.parse().map_err(|_| wrong())?),
            None => (text, 0),
        };
        let words: Vec<&str> = said.split_whitespace().collect();
        let number = |text: &str| text.parse::<u8>().ok();
        let says = match *words.as_slice() {
            ["meta", session] => number(session).map(Says::Meta),
            ["no-count"] => Some(Says::NoCount),
            ["turn", turn] => number(turn).map(|turn| Says::Turn(turn, None)),
            ["turn", turn, "model", model] => {
                number(turn).zip(number(model)).map(|(turn, model)| Says::Turn(turn, Some(model)))
            }
            ["started", turn] => number(turn).map(Says::Started),
            ["settings"] => Some(Says::Settings(None)),
            ["settings", tier] => named(&TIERS, tier).map(|tier| Says::Settings(Some(tier))),
            ["no-settings"] => Some(Says::NoSettings),
            ["served", tier] => named(&TIERS, tier).map(Says::Served),
            [plain] => named(&PLAIN, plain).map(Says::Plain),
            [form, counts] => named(&FORMS, form).and_then(|form| {
                let (total, last) = counts.split_once('/')?;
                let count = |text: &str| match text {
                    "-" => Some(None),
                    text => text.parse().ok().map(Some),
                };
                Some(Says::Count(Count { total: count(total)?, last: count(last)?, form }))
            }),
            _ => None,
        };
        Ok(Self { says: says.ok_or_else(wrong)?, at })
    }
}

impl fmt::Display for LineSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.says {
            Says::Meta(session) => write!(formatter, "meta {session}"),
            Says::Count(Count { total, last, form }) => {
                let count = |count: &Option<u32>| count.map_or("-".to_owned(), |count| count.to_string());
                write!(formatter, "{} {}/{}", name_of(&FORMS, form), count(total), count(last))
            }
            Says::NoCount => formatter.write_str("no-count"),
            Says::Turn(turn, None) => write!(formatter, "turn {turn}"),
            Says::Turn(turn, Some(model)) => write!(formatter, "turn {turn} model {model}"),
            Says::Started(turn) => write!(formatter, "started {turn}"),
            Says::Settings(None) => formatter.write_str("settings"),
            Says::Settings(Some(tier)) => write!(formatter, "settings {}", tier.name()),
            Says::NoSettings => formatter.write_str("no-settings"),
            Says::Served(tier) => write!(formatter, "served {}", tier.name()),
            Says::Plain(plain) => formatter.write_str(name_of(&PLAIN, plain)),
        }?;
        if self.at == 0 { Ok(()) } else { write!(formatter, " @{}", self.at) }
    }
}
