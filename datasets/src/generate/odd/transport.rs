//! Oddities of requests and events: their JSON, the fields before it, their order, their clocks.

use super::{Odd, PLAIN, WEBSOCKET};
use crate::batch::NANOS;
use crate::truth::Intent;

impl Odd<'_> {
    /// JSON at the edge of what is valid, and of what counts.
    pub(super) fn json(&mut self) {
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
        let deep = format!(
            "\"service_tier\":\"priority\",\"deep\":{}{}",
            "[".repeat(300),
            "]".repeat(300)
        );
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
    pub(super) fn fields(&mut self) {
        let column = self.new_thread();
        let request = |members: &str| {
            format!(
                "websocket request: \
                 {{\"type\":\"response.create\",\"service_tier\":\"priority\"{members}}}"
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
        self.text(
            WEBSOCKET,
            format!("x{{}}: {}", request(",\"client_metadata\":{\"turn_id\":\"\"}")),
        );

        // The field gives the thread where the column is NULL or empty; a parent's is another one.
        let field = self.new_id();
        for empty in [None, Some("")] {
            let turn = self.new_id();
            self.stamp.thread = empty.map(Into::into);
            self.text(
                WEBSOCKET,
                format!(
                    "session_loop{{parent_thread_id={column} \
                                          thread_id={field}}}:turn{{turn.id={turn}}}: {plain}"
                ),
            );
            self.batch.mean(Some(&field), Intent::Request { turn, model: None });
        }
        self.stamp.thread = None;
        self.text(WEBSOCKET, format!("turn{{parent_thread_id={column} turn.id={e}}}: {plain}"));
        self.batch.mean(None, Intent::Request { turn: e, model: None });
        // A connection made ready before there is a turn.
        let prewarm = request(&format!(
            ",\"generate\":false,\"client_metadata\":{{\"turn_id\":\"\",\
            \"thread_id\":\"{column}\"}}"
        ));
        let span = "session_init:startup_prewarm:model_client.prewarm_websocket";
        self.text(WEBSOCKET, format!("{span}{{websocket.warmup=true}}: {prewarm}"));
        // Nobody's row.
        let process = self.stamp.process.take();
        self.text(PLAIN, "neither thread nor process");
        self.stamp.process = process;
    }

    /// Completions before their request, several of a turn, and such as say nothing.
    pub(super) fn completions(&mut self) {
        self.new_thread();
        let turn = self.new_id();
        let scopes = self.scopes(&turn);
        let completed = |response: &str| {
            format!("websocket event: {{\"type\":\"response.completed\",\"response\":{response}}}")
        };
        let request = |model: &str| {
            format!(
                "websocket request: \
                 {{\"type\":\"response.create\",\"model\":\"{model}\",\
                 \"service_tier\":\"priority\"}}"
            )
        };
        let complete = |odd: &mut Self, turn: &str, model: &str| {
            let scopes = odd.scopes(turn);
            odd.text(
                WEBSOCKET,
                format!(
                    "{scopes}{}",
                    completed(&format!("{{\"id\":\"r\",\"model\":\"{model}\"}}"))
                ),
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

        // Of a turn that nobody asked for; it is a fact anyway.
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
        self.text(
            WEBSOCKET,
            format!(
                "{scopes}websocket event: \
                                      {{\"type\":\"response.incomplete\",\
                                      \"response\":{{\"model\":\"gpt-5.5\"}}}}"
            ),
        );
    }

    /// Clocks that go back, and rows of the same moment.
    pub(super) fn times(&mut self) {
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
