//! Oddities: every corner that a row of any era can have, written by hand, each with what it means.
//! Rows without a meaning are those that a scanner is likely to take for facts and must not.

mod dumps;
mod transport;

use std::sync::Arc;

use crate::batch::{Batch, Origin, Stamp, Storage};
use crate::dice::Dice;
use crate::rows::{RowWriter, milliseconds, process_uuid};
use crate::truth::Intent;

const WEBSOCKET: Origin = Origin {
    kind: "odd-transport",
    level: "TRACE",
    target: "codex_api::endpoint::responses_websocket",
    module: Some("codex_api::endpoint::responses_websocket"),
    file: Some("codex-api/src/endpoint/responses_websocket.rs"),
    line: Some(764),
    quotes: false,
};
const HANDLERS: Origin = Origin {
    kind: "odd-submission",
    level: "DEBUG",
    target: "codex_core::session::handlers",
    module: Some("codex_core::session::handlers"),
    file: Some("core/src/session/handlers.rs"),
    line: Some(706),
    quotes: false,
};
/// Where submissions were logged in earlier versions.
const CODEX: Origin =
    Origin { target: "codex_core::codex", module: None, file: None, line: None, ..HANDLERS };
const TAGS: Origin = Origin {
    kind: "odd-tags",
    level: "INFO",
    target: "feedback_tags",
    module: Some("codex_core::client"),
    ..HANDLERS
};
const PLAIN: Origin = Origin {
    kind: "odd-plain",
    level: "TRACE",
    target: "log",
    module: None,
    file: None,
    line: None,
    quotes: false,
};
const QUOTING: Origin = Origin { kind: "odd-quote", quotes: true, ..PLAIN };

/// Bytes of the largest row.
const HUGE: usize = 4 << 20;

/// Writes every oddity once.
pub(crate) fn write(rows: &mut RowWriter, seed: u64, start: i64, batch: &mut Batch) {
    let mut dice = Dice::new(seed, "oddities", 0);
    let thread: Arc<str> = dice.uuid7(milliseconds(start)).into();
    let process = process_uuid(&mut dice);
    let stamp = Stamp { at: start, thread: Some(thread), process: Some(process) };
    let mut odd = Odd { batch, dice, stamp };
    odd.bytes();
    odd.huge(rows);
    odd.quotes();
    odd.json();
    odd.fields();
    odd.completions();
    odd.submissions();
    odd.tiers();
    odd.versions();
    odd.tags();
    odd.times();
}

struct Odd<'a> {
    batch: &'a mut Batch,
    dice: Dice,
    /// When and by whom the next row is written.
    stamp: Stamp,
}

impl Odd<'_> {
    fn row(&mut self, origin: Origin, storage: Storage, body: impl AsRef<[u8]>) {
        self.stamp.at += 7_000_000;
        self.batch
            .push(origin, self.stamp.clone(), storage, |out| out.extend_from_slice(body.as_ref()));
    }

    fn text(&mut self, origin: Origin, body: impl AsRef<[u8]>) {
        self.row(origin, Storage::Text, body);
    }

    /// Says that the last row is a fact of the thread in its column.
    fn fact(&mut self, intent: Intent) {
        let thread = self.stamp.thread.clone();
        self.batch.mean(thread.as_deref(), intent);
    }

    fn new_id(&mut self) -> String {
        self.dice.uuid7(milliseconds(self.stamp.at))
    }

    /// Starts another thread for the rows to come.
    fn new_thread(&mut self) -> String {
        let id = self.new_id();
        self.stamp.thread = Some(id.as_str().into());
        id
    }

    /// Scopes of a turn of the present thread.
    fn scopes(&self, turn: &str) -> String {
        let thread = self.stamp.thread.as_deref().unwrap_or_default();
        format!(
            "session_loop{{thread_id={thread}}}:turn{{otel.name=\"session_task.turn\" \
             thread.id={thread} turn.id={turn} model=gpt-5.5}}:run_turn: "
        )
    }

    /// A row with a request of these members, and its turn.
    fn request(&mut self, members: &str) -> String {
        let turn = self.new_id();
        let body = format!(
            "{}websocket request: {{\"type\":\"response.create\",{members}}}",
            self.scopes(&turn)
        );
        self.text(WEBSOCKET, body);
        turn
    }

    /// The same, and it is a fact.
    fn priority_request(&mut self, members: &str, model: Option<&str>) {
        let turn = self.request(members);
        self.fact(Intent::Request { turn, model: model.map(str::to_owned) });
    }

    /// NUL, invalid UTF-8, and other storage classes.
    fn bytes(&mut self) {
        let turn = self.new_id();
        let request = "websocket request: \
                       {\"type\":\"response.create\",\"service_tier\":\"priority\",\
                       \"model\":\"gpt-5.5\"}";
        self.text(WEBSOCKET, format!("{}before\0 {request}", self.scopes(&turn)));
        self.fact(Intent::Request { turn, model: Some("gpt-5.5".into()) });
        self.request("\"service_tier\":\"priority\"\0");
        self.request("\"service_tier\":\"priority\",\"note\":\"a\0b\"");

        let turn = self.new_id();
        let scopes = self.scopes(&turn);
        self.text(
            WEBSOCKET,
            [scopes.as_bytes(), b"cwd=/home/\xff\xc3 ", request.as_bytes()].concat(),
        );
        self.fact(Intent::Request { turn: turn.clone(), model: Some("gpt-5.5".into()) });
        let broken = [b"websocket request: \
                        {\"type\":\"response.create\",\"service_tier\":\"priority\",\
                        \"x\":\"\xc3\x28\"}"
            .as_slice()];
        self.text(WEBSOCKET, [scopes.as_bytes(), broken[0]].concat());
        self.row(WEBSOCKET, Storage::Blob, format!("{scopes}{request}"));
        self.row(WEBSOCKET, Storage::Null, "");
        self.text(WEBSOCKET, "");
        self.row(PLAIN, Storage::Blob, [0, 159, 146, 150, 0xff]);
        self.text(PLAIN, b"\xff\xfe\x00w\x00e\x00b");
        self.text(
            WEBSOCKET,
            format!("{scopes}Websocket Request: {{\"service_tier\":\"priority\"}}"),
        );
    }

    /// A row of four mebibytes, at priority, in a separate thread.
    fn huge(&mut self, rows: &RowWriter) {
        let (thread, turn) = (self.new_thread(), self.new_id());
        let head = format!(
            "{}websocket request: \
             {{\"type\":\"response.create\",\"model\":\"gpt-5.4\",\
             \"prompt_cache_key\":\"{thread}\",\"input\":\"",
            self.scopes(&turn)
        );
        let tail = "\",\"service_tier\":\"priority\"}";
        let mut body = head.into_bytes();
        rows.pools.prose(&mut self.dice, HUGE - body.len() - tail.len(), &mut body);
        body.extend_from_slice(tail.as_bytes());
        self.text(WEBSOCKET, body);
        self.fact(Intent::Request { turn, model: Some("gpt-5.4".into()) });
    }

    /// Markers quoted by people and models.
    fn quotes(&mut self) {
        self.new_thread();
        let completed = "websocket event: \
                         {\"type\":\"response.completed\",\"response\":{\"model\":\"quoted\"}}";
        let turn = self.new_id();
        let scopes = self.scopes(&turn);
        self.text(QUOTING, format!("{scopes}Received message {completed}"));
        self.text(
            Origin { target: "codex_api::endpoint::responses", ..QUOTING },
            format!("{scopes}{completed}"),
        );
        let submission = format!(
            "Submission sub=Submission {{ id: \"{turn}\", op: UserInput {{ service_tier: \
             Some(Some(\"priority\")) }} }}"
        );
        self.text(
            Origin { target: "codex_tui::chatwidget", ..QUOTING },
            format!("{scopes}answer: {submission}"),
        );
        self.text(
            Origin { target: "codex_core::tools", ..QUOTING },
            format!("{scopes}output tags_json={{\"service_tier\":\"priority\"}}"),
        );
        // The right target, but a marker of another kind comes first.
        let request =
            "websocket request: {\"type\":\"response.create\",\"service_tier\":\"priority\"}";
        self.text(
            Origin { quotes: true, ..WEBSOCKET },
            format!("{scopes}cwd=/home/dev/tags_json=1 {request}"),
        );
        self.text(
            Origin { quotes: true, ..HANDLERS },
            format!("{scopes}after websocket request: {submission}"),
        );
        // An event comes first, and it is not followed by one JSON object alone.
        self.text(WEBSOCKET, format!("{scopes}{completed} then {request}"));

        let inside = "\"input\":[{\"type\":\"message\",\"role\":\"user\",\
        \"content\":[{\"type\":\"input_text\",\"text\":\"why \
                      websocket event: {\\\"type\\\":\\\"response.completed\\\"} and Submission \
                      sub=Submission { and tags_json={\\\"service_tier\\\":\\\"priority\\\"}\"}]}]";
        self.request(inside);
        self.request(&format!("{inside},\"metadata\":{{\"service_tier\":\"priority\"}}"));
        self.priority_request(
            &format!("\"model\":\"gpt-5.4\",{inside},\"service_tier\":\"priority\""),
            Some("gpt-5.4"),
        );
    }
}
