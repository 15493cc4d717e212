//! Oddities: every corner that a row of any era can have, written by hand, each with what it means. Rows without a meaning
//! are those that a scanner is likely to take for facts and must not.

use std::sync::Arc;

use crate::batch::{Batch, NANOS, Origin, Stamp, Storage};
use crate::dice::Dice;
use crate::rows::{RowWriter, dump, milliseconds, process_uuid};
use crate::truth::{Intent, TierForm};

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
        self.batch.push(origin, self.stamp.clone(), storage, |out| out.extend_from_slice(body.as_ref()));
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
            "session_loop{{thread_id={thread}}}:turn{{otel.name=\"session_task.turn\" thread.id={thread} turn.id={turn} \
             model=gpt-5.5}}:run_turn: "
        )
    }

    /// A row with a request of these members, and its turn.
    fn request(&mut self, members: &str) -> String {
        let turn = self.new_id();
        let body =
            format!("{}websocket request: {{\"type\":\"response.create\",{members}}}", self.scopes(&turn));
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
        let request = "websocket request: {\"type\":\"response.create\",\"service_tier\":\"priority\",\"model\":\"gpt-5.5\"}";
        self.text(WEBSOCKET, format!("{}before\0 {request}", self.scopes(&turn)));
        self.fact(Intent::Request { turn, model: Some("gpt-5.5".into()) });
        self.request("\"service_tier\":\"priority\"\0");
        self.request("\"service_tier\":\"priority\",\"note\":\"a\0b\"");

        let turn = self.new_id();
        let scopes = self.scopes(&turn);
        self.text(WEBSOCKET, [scopes.as_bytes(), b"cwd=/home/\xff\xc3 ", request.as_bytes()].concat());
        self.fact(Intent::Request { turn: turn.clone(), model: Some("gpt-5.5".into()) });
        let broken = [b"websocket request: {\"type\":\"response.create\",\"service_tier\":\"priority\",\"x\":\"\xc3\x28\"}".as_slice()];
        self.text(WEBSOCKET, [scopes.as_bytes(), broken[0]].concat());
        self.row(WEBSOCKET, Storage::Blob, format!("{scopes}{request}"));
        self.row(WEBSOCKET, Storage::Null, "");
        self.text(WEBSOCKET, "");
        self.row(PLAIN, Storage::Blob, [0, 159, 146, 150, 0xff]);
        self.text(PLAIN, b"\xff\xfe\x00w\x00e\x00b");
        self.text(WEBSOCKET, format!("{scopes}Websocket Request: {{\"service_tier\":\"priority\"}}"));
    }

    /// A row of four mebibytes, at priority, in a thread of its own.
    fn huge(&mut self, rows: &RowWriter) {
        let (thread, turn) = (self.new_thread(), self.new_id());
        let head = format!(
            "{}websocket request: {{\"type\":\"response.create\",\"model\":\"gpt-5.4\",\"prompt_cache_key\":\"{thread}\",\"input\":\"",
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
        let completed =
            "websocket event: {\"type\":\"response.completed\",\"response\":{\"model\":\"quoted\"}}";
        let turn = self.new_id();
        let scopes = self.scopes(&turn);
        self.text(QUOTING, format!("{scopes}Received message {completed}"));
        self.text(
            Origin { target: "codex_api::endpoint::responses", ..QUOTING },
            format!("{scopes}{completed}"),
        );
        let submission = format!(
            "Submission sub=Submission {{ id: \"{turn}\", op: UserInput {{ service_tier: Some(Some(\"priority\")) }} }}"
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
        let request = "websocket request: {\"type\":\"response.create\",\"service_tier\":\"priority\"}";
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

        let inside = "\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"why \
             websocket event: {\\\"type\\\":\\\"response.completed\\\"} and Submission sub=Submission { and tags_json={\\\"service_tier\\\":\
             \\\"priority\\\"}\"}]}]";
        self.request(inside);
        self.request(&format!("{inside},\"metadata\":{{\"service_tier\":\"priority\"}}"));
        self.priority_request(
            &format!("\"model\":\"gpt-5.4\",{inside},\"service_tier\":\"priority\""),
            Some("gpt-5.4"),
        );
    }

    /// JSON at the edge of what is valid, and of what counts.
    fn json(&mut self) {
        self.new_thread();
        self.request("\"service_tier\":\"priority\",\"service_tier\":\"default\"");
        self.priority_request("\"service_tier\":\"flex\",\"service_tier\":\"priority\"", None);
        self.request("\"service_tier\":\"priority\",\"type\":\"response.cancel\"");
        self.priority_request(
            "\"service_tier\":\"priority\",\"model\":\"first\",\"model\":\"second\"",
            Some("second"),
        );
        self.priority_request("\"service_tier\":\"priority\",\"model\":\"\\ud800\"", None);
        self.priority_request("\"service_tier\":\"priority\",\"model\":\"a\\udc00b\"", None);
        self.request("\"service_tier\":\"priority\\ud800\"");
        self.request("\"service_tier\":[\"priority\"]");
        self.request("\"service_tier\":{\"priority\":\"priority\"}");
        self.priority_request("\"service_tier\":\"priority\",\"model\":5", None);
        self.priority_request("\"service_tier\":\"priority\",\"model\":\"\"", None);
        self.priority_request(
            "\"service_tier\":\"prior\\u0069ty\",\"mod\\u0065l\":\"\\u0067pt\\ud83d\\ude00\"",
            Some("gpt\u{1f600}"),
        );
        let deep = format!("\"service_tier\":\"priority\",\"deep\":{}{}", "[".repeat(300), "]".repeat(300));
        self.priority_request(&deep, None);
        self.priority_request("\"big\":1e400,\"small\":-0.0,\"service_tier\":\"priority\"", None);
        // Not JSON, or not one object.
        for members in [
            "\"service_tier\":\"priority\"} {\"a\":1",
            "\"service_tier\":\"priority\"} trailing",
            "\"service_tier\":\"priority\"}}",
            "\"service_tier\":\"priority\",",
            "\"service_tier\":\"priority\",\"n\":01",
            "\"service_tier\":\"priority\",\"n\":NaN",
            "\"service_tier\":\"priority\",\"s\":\"a\tb\"",
            "\"service_tier\":\"priority\",\"s\":\"\\x41\"",
            "service_tier:\"priority\"",
        ] {
            self.request(members);
        }
        for body in [
            "[{\"type\":\"response.create\",\"service_tier\":\"priority\"}]",
            "\"priority\"",
            "",
            "{\"type\":\"response.create\",\"service_tier\":\"priority\"",
        ] {
            let turn = self.new_id();
            let scopes = self.scopes(&turn);
            self.text(WEBSOCKET, format!("{scopes}websocket request: {body}"));
        }
        // White space around it is no fault, and its absence neither.
        for body in [
            "{\"type\":\"response.create\",\"service_tier\":\"priority\"} \r\n\t",
            "\n{ \"type\" : \"response.create\" ,\r\n \"service_tier\" : \"priority\" }",
        ] {
            let turn = self.new_id();
            let scopes = self.scopes(&turn);
            self.text(WEBSOCKET, format!("{scopes}websocket request:{body}"));
            self.fact(Intent::Request { turn, model: None });
        }
    }

    /// Where thread and turn come from.
    fn fields(&mut self) {
        let column = self.new_thread();
        let request = |members: &str| {
            format!(
                "websocket request: {{\"type\":\"response.create\",\"service_tier\":\"priority\"{members}}}"
            )
        };
        let plain = request("");
        let [a, b, c, d, e, other] = std::array::from_fn(|_| self.new_id());
        self.text(WEBSOCKET, format!("run_sampling_request{{turn_id={a} model=m}}: {plain}"));
        self.fact(Intent::Request { turn: a, model: None });
        self.text(
            WEBSOCKET,
            format!("x{{last_turn_id={other} parent.turn.id={other} turn.id=\"{b}\"}}: {plain}"),
        );
        self.fact(Intent::Request { turn: b, model: None });
        self.text(WEBSOCKET, format!("x{{}}: {}", request(&format!(",\"turn_id\":\"{c}\""))));
        self.fact(Intent::Request { turn: c, model: None });
        let members = format!(",\"turn_id\":7,\"client_metadata\":{{\"turn_id\":\"{d}\"}}");
        self.text(WEBSOCKET, format!("x{{turn.id= turn_id=}}: {}", request(&members)));
        self.fact(Intent::Request { turn: d, model: None });
        self.text(WEBSOCKET, format!("x{{}}: {}", request(",\"client_metadata\":{\"turn_id\":\"\"}")));

        // The field gives the thread where the column is NULL or empty; a parent's is another one.
        let field = self.new_id();
        for empty in [None, Some("")] {
            let turn = self.new_id();
            self.stamp.thread = empty.map(Into::into);
            self.text(WEBSOCKET, format!("session_loop{{parent_thread_id={column} thread_id={field}}}:turn{{turn.id={turn}}}: {plain}"));
            self.batch.mean(Some(&field), Intent::Request { turn, model: None });
        }
        self.stamp.thread = None;
        self.text(WEBSOCKET, format!("turn{{parent_thread_id={column} turn.id={e}}}: {plain}"));
        self.batch.mean(None, Intent::Request { turn: e, model: None });
        // A connection made ready before there is a turn.
        let prewarm = request(&format!(
            ",\"generate\":false,\"client_metadata\":{{\"turn_id\":\"\",\"thread_id\":\"{column}\"}}"
        ));
        self.text(WEBSOCKET, format!("session_init:startup_prewarm:model_client.prewarm_websocket{{websocket.warmup=true}}: {prewarm}"));
        // Nobody's row.
        let process = self.stamp.process.take();
        self.text(PLAIN, "neither thread nor process");
        self.stamp.process = process;
    }

    /// Completions before their request, several of a turn, and such as say nothing.
    fn completions(&mut self) {
        self.new_thread();
        let turn = self.new_id();
        let scopes = self.scopes(&turn);
        let completed = |response: &str| {
            format!("websocket event: {{\"type\":\"response.completed\",\"response\":{response}}}")
        };
        let request = |model: &str| {
            format!(
                "websocket request: {{\"type\":\"response.create\",\"model\":\"{model}\",\"service_tier\":\"priority\"}}"
            )
        };
        let complete = |odd: &mut Self, turn: &str, model: &str| {
            let scopes = odd.scopes(turn);
            odd.text(
                WEBSOCKET,
                format!("{scopes}{}", completed(&format!("{{\"id\":\"r\",\"model\":\"{model}\"}}"))),
            );
            odd.fact(Intent::Completion { turn: turn.to_owned(), model: model.to_owned() });
        };
        complete(self, &turn, "gpt-5.5-2026-04-23");
        self.text(WEBSOCKET, format!("{scopes}{}", request("gpt-5.5")));
        self.fact(Intent::Request { turn, model: Some("gpt-5.5".into()) });

        let turn = self.new_id();
        let scopes = self.scopes(&turn);
        for model in ["gpt-5.4", "gpt-5.5", "gpt-5.4-mini"] {
            self.text(WEBSOCKET, format!("{scopes}{}", request(model)));
            self.fact(Intent::Request { turn: turn.clone(), model: Some(model.into()) });
            complete(self, &turn, &format!("{model}-2026-03-05"));
        }
        // The last evidence has no model; an earlier one has.
        let turn = self.new_id();
        let scopes = self.scopes(&turn);
        self.text(WEBSOCKET, format!("{scopes}{}", request("gpt-5.4")));
        self.fact(Intent::Request { turn: turn.clone(), model: Some("gpt-5.4".into()) });
        self.text(WEBSOCKET, format!("{scopes}{}", request("")));
        self.fact(Intent::Request { turn, model: None });

        // Of a turn that nobody asked for; it is a fact all the same.
        let lonely = self.new_id();
        complete(self, &lonely, "gpt-5.5");
        for response in [
            "{\"id\":\"r\"}",
            "{\"model\":\"\"}",
            "{\"model\":[\"gpt-5.5\"]}",
            "\"gpt-5.5\"",
            "null",
            "{\"model\":\"\\udfff\"}",
        ] {
            self.text(WEBSOCKET, format!("{scopes}{}", completed(response)));
        }
        self.text(WEBSOCKET, format!("x: {}", completed("{\"model\":\"gpt-5.5\"}")));
        self.text(WEBSOCKET, format!("{scopes}websocket event: {{\"type\":\"response.incomplete\",\"response\":{{\"model\":\"gpt-5.5\"}}}}"));
    }

    /// A submission with this text between marker and end, and its id.
    fn submission(&mut self, origin: Origin, op: &str) -> String {
        let id = self.new_id();
        let thread = self.stamp.thread.as_deref().unwrap_or_default();
        let body = format!(
            "session_loop{{thread_id={thread}}}: Submission sub=Submission {{ id: \"{id}\", op: {op}, trace: None }}"
        );
        self.text(origin, body);
        id
    }

    fn turn_submission(&mut self, origin: Origin, op: &str, tier: TierForm) {
        let turn = self.submission(origin, op);
        self.fact(Intent::Submission { turn, tier });
    }

    /// Debug dumps of several versions.
    fn submissions(&mut self) {
        self.new_thread();
        self.turn_submission(
            CODEX,
            "UserTurn { items: [Text { text: \"go\" }], cwd: \"/home/dev\", model: \"gpt-5\", service_tier: Some(Some(\"priority\")) }",
            TierForm::Priority,
        );
        self.turn_submission(
            CODEX,
            "UserTurn { items: [], service_tier: Some(None), effort: None }",
            TierForm::Cleared,
        );
        self.turn_submission(
            CODEX,
            "UserInput { items: [Text { text: \"no tier in this version\" }] }",
            TierForm::Inherit,
        );
        // What the prompt quotes is not what the dump says.
        self.turn_submission(
            HANDLERS,
            "UserInput { items: [Text { text: \"set op: ThreadSettings { service_tier: Some(Some(\\\"priority\\\")) } or service_tier: \
             Some(Some(\\\"fast\\\")) \\\\\", text_elements: [] }], thread_settings: ThreadSettingsOverrides { service_tier: None } }",
            TierForm::Inherit,
        );
        self.turn_submission(
            HANDLERS,
            "UserInput { items: [Text { text: \"the first counts\" }], a: Settings { service_tier: Some(Some(\"default\")) }, \
             b: Settings { service_tier: Some(Some(\"priority\")) } }",
            TierForm::Default,
        );
        for op in
            ["Interrupt", "ExecApproval { id: \"x\", service_tier: Some(Some(\"priority\")) }", "Shutdown"]
        {
            self.submission(HANDLERS, op);
        }
        // The newest version has no marker.
        let (thread, turn) = (self.new_thread(), self.new_id());
        self.text(
            HANDLERS,
            format!(
                "session_loop{{thread_id={thread}}}: Submission thread_id={thread} submission_id={turn} operation=\"turn_input\" \
                 op=TurnInput {{ service_tier: Some(Some(\"priority\")) }}"
            ),
        );
    }

    /// Tiers that are set, inherited, cleared, and lost when a process resumes a thread.
    fn tiers(&mut self) {
        let overrides = |tier: TierForm| {
            format!(
                "thread_settings: ThreadSettingsOverrides {{ model: None, service_tier: {} }}",
                dump(tier)
            )
        };
        let submit = |odd: &mut Self, tier| {
            odd.turn_submission(HANDLERS, &format!("UserInput {{ items: [], {} }}", overrides(tier)), tier);
        };
        let set = |odd: &mut Self, tier| {
            odd.submission(HANDLERS, &format!("ThreadSettings {{ {} }}", overrides(tier)));
            odd.fact(Intent::Settings { tier });
        };
        self.new_thread();
        submit(self, TierForm::Inherit);
        set(self, TierForm::Fast);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Cleared);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Fast);
        submit(self, TierForm::Flex);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Priority);
        set(self, TierForm::Default);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Priority);
        // Another process goes on with the thread and starts at the default; then the first one again.
        let other = process_uuid(&mut self.dice);
        let first = self.stamp.process.replace(other);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Priority);
        submit(self, TierForm::Inherit);
        self.stamp.process = first;
        submit(self, TierForm::Inherit);
        // Another thread of the same process has a tier of its own.
        self.new_thread();
        submit(self, TierForm::Inherit);
        // An absent process is one too.
        let process = self.stamp.process.take();
        set(self, TierForm::Priority);
        submit(self, TierForm::Inherit);
        self.stamp.process = process;
        submit(self, TierForm::Inherit);
    }

    /// Tags of the newest version.
    fn tags(&mut self) {
        let thread = self.new_thread();
        let tags = |before: &str, tier: &str| {
            format!("{before}tags_json={{\"feature.a\":\"true\",\"service_tier\":{tier},\"z\":\"1\"}}")
        };
        let (first, second, third) = (self.new_id(), self.new_id(), self.new_id());
        let scopes = self.scopes(&first);
        self.text(TAGS, tags(&format!("{scopes}model=\"gpt-6-sol\" effort=None "), "\"priority\""));
        self.fact(Intent::Tags { turn: first.clone(), model: Some("gpt-5.5".into()) });
        self.text(
            TAGS,
            tags(
                &format!("turn{{turn_id={second} thread.id={thread}}}: model=\"gpt-6.1-sol\" "),
                "\"priority\"",
            ),
        );
        self.fact(Intent::Tags { turn: second, model: Some("gpt-6.1-sol".into()) });
        self.text(TAGS, tags(&format!("turn{{turn.id={third}}}: model=\"\" "), "\"priority\""));
        self.fact(Intent::Tags { turn: third, model: None });
        for tier in ["\"unset\"", "\"fast\"", "\"Priority\"", "null", "true", "[\"priority\"]"] {
            self.text(TAGS, tags(&scopes, tier));
        }
        self.text(TAGS, tags("model=m ", "\"priority\""));
        self.text(TAGS, format!("{scopes}tags_json={{\"service_tier\":\"priority\"}} more"));
        self.text(Origin { target: "codex_feedback", quotes: true, ..TAGS }, tags(&scopes, "\"priority\""));
        self.text(TAGS, format!("{scopes}endpoint=\"/responses\" auth_mode=\"\""));
    }

    /// Clocks that go back, and rows of the same moment.
    fn times(&mut self) {
        self.new_thread();
        let now = self.stamp.at;
        let turn = self.new_id();
        let body = format!(
            "{}websocket request: {{\"type\":\"response.create\",\"service_tier\":\"priority\"}}",
            self.scopes(&turn)
        );
        for seconds in [50, 30, -40, 10, 10, -90] {
            self.stamp.at = now + seconds * NANOS;
            self.text(WEBSOCKET, &body);
            self.fact(Intent::Request { turn: turn.clone(), model: None });
        }
        self.stamp.at = now + NANOS;
    }
}
