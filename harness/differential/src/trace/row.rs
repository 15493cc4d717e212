//! The rows of a history: of every kind and era, from small pools of names so that they collide.

use std::fmt;
use std::str::FromStr;

use tracerig_store::{OwnedBody, OwnedRow};

/// The second that the times of rows and windows count from.
pub const EPOCH: i64 = 1_780_000_000;

/// Every kind of row with its name.
const KINDS: [(RowKind, &str); 43] = [
    (RowKind::Noise, "noise"),
    (RowKind::Request, "request"),
    (RowKind::RequestDefault, "request-default"),
    (RowKind::RequestInnerField, "request-inner-field"),
    (RowKind::RequestJson, "request-json"),
    (RowKind::RequestMetadata, "request-metadata"),
    (RowKind::Prewarm, "prewarm"),
    (RowKind::Completion, "completion"),
    (RowKind::Event, "event"),
    (RowKind::SubmissionPriority, "submission-priority"),
    (RowKind::SubmissionFast, "submission-fast"),
    (RowKind::SubmissionNone, "submission-none"),
    (RowKind::SubmissionInherit, "submission-inherit"),
    (RowKind::UserTurnInherit, "user-turn-inherit"),
    (RowKind::ContextFast, "context-fast"),
    (RowKind::ContextFlex, "context-flex"),
    (RowKind::TurnInputPriority, "turn-input-priority"),
    (RowKind::TurnInputInherit, "turn-input-inherit"),
    (RowKind::Interrupt, "interrupt"),
    (RowKind::SettingsPriority, "settings-priority"),
    (RowKind::SettingsNone, "settings-none"),
    (RowKind::SettingsInherit, "settings-inherit"),
    (RowKind::OverrideFast, "override-fast"),
    (RowKind::OverrideFlex, "override-flex"),
    (RowKind::TurnTags, "turn-tags"),
    (RowKind::TurnSession, "turn-session"),
    (RowKind::TurnQuoting, "turn-quoting"),
    (RowKind::TurnInner, "turn-inner"),
    (RowKind::Tags, "tags"),
    (RowKind::TagsDefault, "tags-default"),
    (RowKind::QuotedRequest, "quoted-request"),
    (RowKind::QuotedEvent, "quoted-event"),
    (RowKind::QuotedSubmission, "quoted-submission"),
    (RowKind::QuotedTags, "quoted-tags"),
    (RowKind::QuotedTurn, "quoted-turn"),
    (RowKind::Nested, "nested"),
    (RowKind::Shadowed, "shadowed"),
    (RowKind::Torn, "torn"),
    (RowKind::Null, "null"),
    (RowKind::Blob, "blob"),
    (RowKind::Nul, "nul"),
    (RowKind::Invalid, "invalid"),
    (RowKind::Surrogate, "surrogate"),
];

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// Without a marker.
    Noise,
    /// A request at priority, its turn in the turn span.
    Request,
    /// A request at another tier.
    RequestDefault,
    /// A request at priority, its turn in an inner span only (`turn_id`).
    RequestInnerField,
    /// A request at priority, its turn in the JSON only.
    RequestJson,
    /// A request at priority, its turn in the JSON's metadata only.
    RequestMetadata,
    /// A request at priority without a turn.
    Prewarm,
    /// A completion.
    Completion,
    /// An event that is no completion.
    Event,
    /// A submission that says priority.
    SubmissionPriority,
    /// A submission that says fast.
    SubmissionFast,
    /// A submission that says no tier.
    SubmissionNone,
    /// A submission that says nothing of a tier.
    SubmissionInherit,
    /// The same of the older operation.
    UserTurnInherit,
    /// A submission with a turn context, its tier a variant of an enum: fast.
    ContextFast,
    /// The same, of another tier.
    ContextFlex,
    /// A submission of the newest operation that says priority in its settings, and no tier behind
    /// them.
    TurnInputPriority,
    /// The same without a tier in its settings, and priority behind them, which does not count.
    TurnInputInherit,
    /// A submission of an operation that is not known to set a tier, and says one.
    Interrupt,
    /// Settings that say priority.
    SettingsPriority,
    /// Settings that say no tier.
    SettingsNone,
    /// Settings that say nothing of a tier.
    SettingsInherit,
    /// A change of the turn context, its tier a variant of an enum: fast.
    OverrideFast,
    /// The same, of another tier.
    OverrideFlex,
    /// Feedback that a turn logs, without tags.
    TurnTags,
    /// What a turn logs of its own.
    TurnSession,
    /// The same, quoting a request.
    TurnQuoting,
    /// The same, but the span of the turn is missing, and an inner one names it.
    TurnInner,
    /// Tags that name priority.
    Tags,
    /// Tags that name another tier.
    TagsDefault,
    /// A text of another target that quotes a request.
    QuotedRequest,
    /// A text of another target that quotes a completion.
    QuotedEvent,
    /// A text of another target that quotes a submission.
    QuotedSubmission,
    /// A text of another target that quotes tags.
    QuotedTags,
    /// Tags of no turn that quote one.
    QuotedTurn,
    /// A request at priority whose prompt quotes every marker.
    Nested,
    /// A request whose prefix quotes a completion's marker.
    Shadowed,
    /// A request whose JSON ends half-way.
    Torn,
    /// Without a body.
    Null,
    /// A request as a BLOB.
    Blob,
    /// A request with a NUL byte before its marker.
    Nul,
    /// A request whose JSON is not UTF-8.
    Invalid,
    /// A request whose model is no valid Unicode.
    Surrogate,
}

impl RowKind {
    /// Every kind.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        KINDS.iter().map(|&(kind, _)| kind)
    }

    /// Its name in histories.
    #[must_use]
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(known, _)| *known == self).map_or("", |&(_, name)| name)
    }
}

/// A row to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSpec {
    /// What it is.
    pub kind: RowKind,
    /// Which turn it names.
    pub turn: u8,
    /// Which thread it belongs to.
    pub thread: Option<u8>,
    /// Whether the column names the thread; else only the body does.
    pub in_column: bool,
    /// Which process wrote it.
    pub process: Option<u8>,
    /// Which model it names.
    pub model: Option<u8>,
    /// When, in seconds from [`EPOCH`].
    pub at: i64,
    /// Whether its body runs over several pages.
    pub long: bool,
}

/// The turn id of a number.
pub(super) fn turn_name(turn: u8) -> String {
    format!("turn-{turn}")
}

impl RowSpec {
    /// A row that says nothing.
    pub const NOISE: Self = Self {
        kind: RowKind::Noise,
        turn: 0,
        thread: None,
        in_column: true,
        process: None,
        model: None,
        at: 0,
        long: false,
    };

    /// The row to insert. `serial` is another for each row of a history, so that no two rows are
    /// the same.
    pub fn build(&self, serial: i64) -> OwnedRow {
        let turn = turn_name(self.turn);
        let named =
            |name: &str, number: Option<u8>| number.map(|number| format!("{name}-{number}"));
        let (thread, model) = (named("thread", self.thread), named("model", self.model));
        let field = |name: &str, value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |value| format!("{name}={value} "))
        };
        let session = format!(
            "serial={serial} session_loop{{parent_thread_id=none {}}}:",
            field("thread_id", &thread)
        );
        let outer = format!("{session}turn{{turn.id={turn} {}}}: ", field("model", &model));
        let inner = format!("{session}run_sampling_request{{turn_id={turn}, cwd=/}}: ");
        let pad = "pad ".repeat(if self.long { 1500 } else { 2 });
        let model_json =
            model.as_ref().map_or_else(String::new, |model| format!(r#""model":"{model}","#));
        let request = |tier: &str, rest: &str| {
            let members = format!(r#"{model_json}"instructions":"{pad}",{rest}"#);
            let tier = format!(r#""service_tier":"{tier}""#);
            format!(r#"websocket request: {{"type":"response.create",{members}{tier}}}"#)
        };
        let said = model.as_deref().unwrap_or_default();
        let response = format!(r#"{{"output":"{pad}","model":"{said}"}}"#);
        let completion =
            format!(r#"websocket event: {{"type":"response.completed","response":{response}}}"#);
        let submission = |op: &str, tier: &str| {
            format!(
                "Submission sub=Submission {{ id: \"{turn}\", op: {op} {{ items: [Text {{ text: \
                 \"say \\\"op: x\\\" {pad}\" }}], overrides: Overrides {{ effort: None, {tier} }} \
                 }}, trace: None }}"
            )
        };
        let turn_input = |settings: &str, start: &str| {
            let settings =
                format!("thread_settings: ThreadSettingsOverrides {{ model: None, {settings} }}");
            submission("TurnInput", &format!("{settings}, start: TurnStartOptions {{ {start} }}"))
        };
        let tags = |tier: &str| format!(r#"tags_json={{"pad":"{pad}","service_tier":"{tier}"}}"#);
        let priority = r#"service_tier: Some(Some("priority"))"#;

        const WIRE: &str = "codex_api::endpoint::responses_websocket";
        const SESSION: &str = "codex_core::session::handlers";
        const OLDER: &str = "codex_core::codex";
        const TURN: &str = "codex_core::session::turn";
        const FEEDBACK: &str = "feedback_tags";
        const OTHER: &str = "log";
        let (target, body) = match self.kind {
            RowKind::Noise => (OTHER, format!("{outer}{pad}")),
            RowKind::Request | RowKind::Blob => (WIRE, outer + &request("priority", "")),
            RowKind::RequestDefault => (WIRE, outer + &request("default", "")),
            RowKind::RequestInnerField => (WIRE, inner + &request("priority", "")),
            RowKind::RequestJson => {
                (WIRE, session + " " + &request("priority", &format!(r#""turn_id":"{turn}","#)))
            }
            RowKind::RequestMetadata => {
                let metadata = format!(r#""client_metadata":{{"turn_id":"{turn}"}},"#);
                (WIRE, session + " " + &request("priority", &metadata))
            }
            RowKind::Prewarm => (WIRE, session + " " + &request("priority", r#""turn_id":"","#)),
            RowKind::Completion => (WIRE, outer + &completion),
            RowKind::Event => {
                (WIRE, outer + r#"websocket event: {"type":"response.delta","response":{}}"#)
            }
            RowKind::SubmissionPriority => {
                (SESSION, session + " " + &submission("UserInput", priority))
            }
            RowKind::SubmissionFast => {
                let fast = r#"service_tier: Some(Some("fast"))"#;
                (OLDER, session + " " + &submission("UserInput", fast))
            }
            RowKind::SubmissionNone => {
                (SESSION, session + " " + &submission("UserInput", "service_tier: Some(None)"))
            }
            RowKind::SubmissionInherit => {
                (SESSION, session + " " + &submission("UserInput", "service_tier: None"))
            }
            RowKind::UserTurnInherit => {
                (SESSION, session + " " + &submission("UserTurn", "cwd: None"))
            }
            RowKind::ContextFast | RowKind::ContextFlex => {
                let tier = if self.kind == RowKind::ContextFast { "Fast" } else { "Flex" };
                let tier = format!("service_tier: Some(Some({tier}))");
                (SESSION, session + " " + &submission("UserInputWithTurnContext", &tier))
            }
            RowKind::TurnInputPriority => {
                (SESSION, session + " " + &turn_input(priority, "service_tier: None"))
            }
            RowKind::TurnInputInherit => {
                (SESSION, session + " " + &turn_input("service_tier: None", priority))
            }
            RowKind::Interrupt => (SESSION, session + " " + &submission("Interrupt", priority)),
            RowKind::SettingsPriority => {
                (SESSION, session + " " + &submission("ThreadSettings", priority))
            }
            RowKind::SettingsNone => {
                (SESSION, session + " " + &submission("ThreadSettings", "service_tier: Some(None)"))
            }
            RowKind::SettingsInherit => {
                (SESSION, session + " " + &submission("ThreadSettings", "x: None"))
            }
            RowKind::OverrideFast | RowKind::OverrideFlex => {
                let tier = if self.kind == RowKind::OverrideFast { "Fast" } else { "Flex" };
                let tier = format!("service_tier: Some(Some({tier}))");
                (OLDER, session + " " + &submission("OverrideTurnContext", &tier))
            }
            RowKind::TurnTags => {
                (FEEDBACK, format!("{outer}endpoint=\"/responses\" auth_mode=\"\" {pad}"))
            }
            RowKind::TurnSession => {
                (TURN, format!("{outer}post sampling token usage turn_id=none {pad}"))
            }
            RowKind::TurnQuoting => (TURN, outer + &request("priority", "")),
            RowKind::TurnInner => (TURN, format!("{inner}post sampling token usage {pad}")),
            RowKind::Tags => (FEEDBACK, outer + &tags("priority")),
            RowKind::TagsDefault => (FEEDBACK, outer + &tags("flex")),
            RowKind::QuotedRequest => (OTHER, outer + &request("priority", "")),
            RowKind::QuotedEvent => (OTHER, outer + &completion),
            RowKind::QuotedSubmission => (OTHER, outer + &submission("UserInput", priority)),
            RowKind::QuotedTags => (OTHER, outer + &tags("priority")),
            RowKind::QuotedTurn => (
                FEEDBACK,
                format!(r#"{session} tags_json={{"text":"{outer}","service_tier":"flex"}}"#),
            ),
            RowKind::Nested => {
                let quoted = "websocket event: {} tags_json={} Submission sub=Submission { id: ";
                let prompt = format!(r#""input":"{quoted}","#);
                (WIRE, outer + &request("priority", &prompt))
            }
            RowKind::Shadowed => {
                (WIRE, format!("{outer}websocket event: ") + &request("priority", ""))
            }
            RowKind::Torn => {
                let whole = request("priority", "");
                (WIRE, outer + &whole[..whole.len() - 1])
            }
            RowKind::Null => (WIRE, String::new()),
            RowKind::Nul => (WIRE, format!("\0{outer}\0") + &request("priority", "")),
            RowKind::Invalid => (WIRE, outer + &request("priority", r#""input":"~","#)),
            RowKind::Surrogate => (WIRE, outer + &request("priority", r#""model":"\ud800","#)),
        };
        let bytes = body.into_bytes();
        let body = match self.kind {
            RowKind::Null => OwnedBody::Null,
            RowKind::Blob => OwnedBody::Blob(bytes),
            // One byte that no text has, in place of a mark.
            RowKind::Invalid => OwnedBody::Text(
                bytes.iter().map(|&byte| if byte == b'~' { 0xff } else { byte }).collect(),
            ),
            _ => OwnedBody::Text(bytes),
        };
        OwnedRow {
            ts: EPOCH.saturating_add(self.at),
            ts_nanos: serial,
            level: "TRACE".to_owned(),
            target: target.to_owned(),
            body,
            module_path: None,
            file: None,
            line: None,
            thread_id: thread.filter(|_| self.in_column),
            process_uuid: named("pid:1", self.process),
        }
    }
}

impl fmt::Display for RowSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or("", |(_, name)| name);
        write!(formatter, "{name} turn={}", self.turn)?;
        let place = if self.in_column { "thread" } else { "inner-thread" };
        for (name, value) in
            [(place, self.thread), ("process", self.process), ("model", self.model)]
        {
            if let Some(value) = value {
                write!(formatter, " {name}={value}")?;
            }
        }
        write!(formatter, " at={}{}", self.at, if self.long { " long" } else { "" })
    }
}

impl FromStr for RowSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let kind = KINDS.iter().find(|(_, known)| *known == name).map(|&(kind, _)| kind);
        let kind = kind.ok_or_else(|| format!("`{name}` is no kind of row"))?;
        let mut row = Self { kind, ..Self::NOISE };
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let wrong = || format!("`{word}` is nothing that a row has");
            let number = || value.parse::<u8>().map_err(|_| wrong());
            match name {
                "turn" => row.turn = number()?,
                "thread" => row.thread = Some(number()?),
                "inner-thread" => (row.thread, row.in_column) = (Some(number()?), false),
                "process" => row.process = Some(number()?),
                "model" => row.model = Some(number()?),
                "at" => row.at = value.parse().map_err(|_| wrong())?,
                "long" => row.long = true,
                _ => return Err(wrong()),
            }
        }
        Ok(row)
    }
}
