//! The lines of a rollout: what they say in a word or two, and as Codex writes them.

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
    /// Its number in the history, if it tells one.
    pub ordinal: Option<u16>,
    /// Minutes since the beginning of histories.
    pub at: i32,
    /// And milliseconds.
    pub later: u16,
}

impl From<Says> for LineSpec {
    /// At the beginning of histories.
    fn from(says: Says) -> Self {
        Self { says, ordinal: None, at: 0, later: 0 }
    }
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Which session this is.
    Meta(Meta),
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
    /// What a response used.
    Record(Response),
    /// One of these, which need no more words.
    Plain(Plain),
}

/// What a line says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// The session.
    pub session: u8,
    /// The one that it was forked from.
    pub fork: Option<u8>,
    /// Whether it goes on with a history in another file.
    pub base: bool,
    /// The version that wrote it: 0 and this number.
    pub version: u8,
    /// The ordinal at which the history of a sub-agent begins.
    pub begins: Option<u16>,
}

impl Meta {
    /// Of a session that is no fork, and was written by a new version.
    #[must_use]
    pub const fn of(session: u8) -> Self {
        Self { session, fork: None, base: false, version: NEW, begins: None }
    }
}

/// What a line says of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// The session that it belongs to.
    pub session: u8,
    /// Its id.
    pub id: Option<u8>,
    /// The turn that it belongs to.
    pub turn: Option<u8>,
    /// The tier that it was served at.
    pub tier: Option<Tier>,
    /// What it used.
    pub used: Option<u32>,
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
    /// Only input and output: other kinds and the total are missing.
    Few,
    /// All kinds are missing.
    Mute,
    /// Two kinds are no counts: they count as missing.
    Odd,
    /// The payload's type is last.
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
    /// A turn whose model has a name that is longer than what is looked at.
    LongName,
    /// A turn whose model has a blank name.
    NoName,
    /// Nothing.
    Blank,
}

pub(super) const FORMS: [(&str, Form); 8] = [
    ("count", Form::Usual),
    ("silent-count", Form::Silent),
    ("few-count", Form::Few),
    ("mute-count", Form::Mute),
    ("odd-count", Form::Odd),
    ("late-count", Form::Late),
    ("long-count", Form::Long),
    ("broken-count", Form::Broken),
];
pub(super) const TIERS: [(&str, Tier); 3] =
    [("priority", Tier::Priority), ("fast", Tier::Fast), ("flex", Tier::Flex)];
pub(super) const PLAIN: [(&str, Plain); 13] = [
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
    ("long-name", Plain::LongName),
    ("no-name", Plain::NoName),
    ("blank", Plain::Blank),
];

/// The version that writes sessions, unless it is said.
const NEW: u8 = 169;

/// Sessions from this one on have an id that says nothing of time, as versions before 0.40 gave.
pub(super) const RANDOM: u8 = 200;

/// Turns from this one on are older than some sessions: turn 102 began between sessions 2 and 3.
/// Those before it are newer than all.
pub(super) const OLD: u8 = 100;

/// An id that says when it was made.
fn uuid7(time: u32) -> String {
    format!("01a1faad-9ba1-7b10-b548-{time:012}")
}

/// The id of session `number`.
pub(super) fn session(number: u8) -> String {
    if number >= RANDOM {
        format!("5fe7b4a0-66d1-4b10-b548-{number:012}")
    } else {
        uuid7(u32::from(number) * 1000)
    }
}

/// The id of turn `number`.
pub(super) fn turn(number: u8) -> String {
    uuid7(match number.checked_sub(OLD) {
        Some(session) => u32::from(session) * 1000 + 500,
        None => 1_000_000 + u32::from(number),
    })
}

impl LineSpec {
    /// The line, with its end. No two of one `serial` are alike where they are long.
    pub(super) fn bytes(&self, serial: u64) -> Vec<u8> {
        let time = time(self.at, self.later);
        let ordinal =
            self.ordinal.map_or(String::new(), |ordinal| format!("\"ordinal\":{ordinal},"));
        let line = |kind: &str, payload: &str| {
            format!(
                "{{\"timestamp\":\"{time}\",{ordinal}\"type\":\"{kind}\",\"payload\":{payload}}}"
            )
        };
        let event = |payload: &str| line("event_msg", &format!("{{{payload}}}"));
        let filler = |bytes: usize| format!("{serial:08}").repeat(bytes / 8);
        let text = match &self.says {
            Says::Meta(meta) => line("session_meta", &meta.payload()),
            Says::Count(count) => {
                let info = count.info();
                match count.form {
                    Form::Usual | Form::Silent | Form::Few | Form::Mute | Form::Odd => {
                        event(&format!(r#""type":"token_count","info":{info}"#))
                    }
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
                let model =
                    model.map_or(String::new(), |model| format!(r#","model":"model-{model}""#));
                line("turn_context", &format!(r#"{{"turn_id":"{}"{model}}}"#, turn(*number)))
            }
            Says::Started(number) => {
                event(&format!(r#""type":"task_started","turn_id":"{}""#, turn(*number)))
            }
            Says::Settings(tier) => {
                let tier = tier
                    .map_or(String::new(), |tier| format!(r#","service_tier":"{}""#, tier.name()));
                let settings = format!(r#"{{"model":"model-9"{tier}}}"#);
                event(&format!(r#""type":"thread_settings_applied","thread_settings":{settings}"#))
            }
            Says::NoSettings => event(r#""type":"thread_settings_applied","thread_settings":null"#),
            Says::Record(response) => line("token_usage_record", &response.payload()),
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
                Plain::NoTime => {
                    r#"{"type":"turn_context","payload":{"model":"model-8"}}"#.to_owned()
                }
                Plain::LongName => {
                    line("turn_context", &format!(r#"{{"model":"m{}"}}"#, "\u{e9}".repeat(2500)))
                }
                Plain::NoName => line("turn_context", r#"{"model":" "}"#),
                Plain::Blank => String::new(),
            },
        };
        (text + "\n").into_bytes()
    }
}

impl Meta {
    fn payload(&self) -> String {
        let Self { session: number, version, .. } = self;
        let mut more = String::new();
        if let Some(parent) = self.fork {
            more += &format!(r#","forked_from_id":"{}""#, session(parent));
        }
        if self.base {
            let of = session(self.fork.unwrap_or(*number));
            more += &format!(r#","history_base":{{"thread_id":"{of}","end_ordinal_exclusive":9}}"#);
        }
        if let Some(begins) = self.begins {
            more += &format!(r#","subagent_history_start_ordinal":{begins}"#);
        }
        let id = session(*number);
        let program = format!(r#""cli_version":"0.{version}.0","model_provider":"openai""#);
        format!(r#"{{"id":"{id}"{more},"cwd":"/w/{number}",{program}}}"#)
    }
}

impl Response {
    fn payload(&self) -> String {
        let mut payload = format!(r#"{{"thread_id":"{}""#, session(self.session));
        if let Some(number) = self.turn {
            payload += &format!(r#","turn_id":"{}""#, turn(number));
        }
        if let Some(id) = self.id {
            payload += &format!(r#","response_id":"resp_{id}""#);
        }
        if let Some(tier) = self.tier {
            payload += &format!(r#","service_tier":"{}""#, tier.name());
        }
        if let Some(used) = self.used {
            payload += &format!(r#","usage":{}"#, tokens(used, Form::Usual));
        }
        payload + "}"
    }
}

/// Tokens whose kinds follow from one number.
fn tokens(count: u32, form: Form) -> String {
    let output = if form == Form::Silent { 0 } else { count / 2 };
    match form {
        Form::Few => format!(r#"{{"input_tokens":{count},"output_tokens":{output}}}"#),
        Form::Mute => "{}".to_owned(),
        Form::Odd => {
            format!(r#"{{"input_tokens":{count},"cached_input_tokens":-1,"output_tokens":2.5}}"#)
        }
        _ => {
            let (cached, written, reasoning) = (count / 3, count / 5, count / 7);
            let total = count + output;
            let cache =
                format!(r#""cached_input_tokens":{cached},"cache_write_input_tokens":{written}"#);
            let made = format!(r#""output_tokens":{output},"reasoning_output_tokens":{reasoning}"#);
            format!(r#"{{"input_tokens":{count},{cache},{made},"total_tokens":{total}}}"#)
        }
    }
}

impl Count {
    fn info(&self) -> String {
        let tokens =
            |count: Option<u32>| count.map_or("null".to_owned(), |count| tokens(count, self.form));
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
pub(super) fn time(minutes: i32, milliseconds: u16) -> String {
    let at = ((BEGINNING + i64::from(minutes)) * 60 + 24) * 1000 + 62 + i64::from(milliseconds);
    let time = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

pub(super) fn named<T: Copy>(names: &[(&str, T)], name: &str) -> Option<T> {
    names.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

pub(super) fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name)
}
