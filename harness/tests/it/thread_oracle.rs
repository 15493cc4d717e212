//! Replays of random histories, and of real ones cut anywhere, against the oracle, which shares no
//! code with the store.

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};
use tracerig_oracle::threads::{Replay, Row, difference, lines};
use tracerig_real::Codex;
use tracerig_store::threads::{Column, Millis, ThreadId, Value, replay};

const THREAD: &str = "01a1faad-9ba1-7b10-b548-adc1b617767a";
const OTHER: &str = "01a1faad-9bd6-7163-b9b9-b2d901a262f7";

/// The row that the store replays, in the oracle's words.
fn ours(path: &Path, id: ThreadId) -> Row {
    let patch = replay(path, id).unwrap().patch;
    let mut row: Row = Column::ALL
        .into_iter()
        .map(|column| {
            let value = match patch.get(column).cloned().unwrap_or(column.default_value()) {
                Value::Null => Json::Null,
                Value::Integer(number) => json!(number),
                Value::Text(text) => json!(text),
            };
            (column.name().to_owned(), value)
        })
        .collect();
    row.insert("id".to_owned(), json!(id.to_string()));
    row.insert("rollout_path".to_owned(), json!("p"));
    row
}

fn theirs(path: &Path, id: ThreadId) -> Row {
    let mut replay = Replay::new(&id.to_string(), "p");
    for line in lines(path).unwrap() {
        let (end, line) = line.unwrap();
        replay.line(&line, end);
    }
    replay.row().clone()
}

#[track_caller]
fn agree(path: &Path, id: ThreadId, case: impl std::fmt::Display) {
    if let Some(found) = difference(&ours(path, id), &theirs(path, id)) {
        panic!("{case}: {found}\n{}", String::from_utf8_lossy(&std::fs::read(path).unwrap()));
    }
}

struct Dice(ChaCha8Rng);

impl Dice {
    fn one<'c, T: ?Sized>(&mut self, choices: &[&'c T]) -> &'c T {
        choices[self.0.random_range(0..choices.len())]
    }

    /// Nothing, null or a text.
    fn field(&mut self, payload: &mut Json, name: &str, texts: &[&str]) {
        match self.0.random_range(0..4) {
            0 => {}
            1 => payload[name] = Json::Null,
            _ => payload[name] = json!(self.one(texts)),
        }
    }

    fn words(&mut self) -> String {
        const WORDS: [&str; 9] = [
            "fix it",
            " \n\t ",
            "",
            "context ## My request for Codex:",
            "caf\u{e9}",
            "\u{1f600}",
            "\"quoted\" \\",
            "x",
            "\u{3000}",
        ];
        let mut text: String = (0..self.0.random_range(0..4)).map(|_| self.one(&WORDS)).collect();
        if self.0.random_bool(0.05) {
            text.push_str(&"\u{e9}".repeat(self.0.random_range(4090..4100)));
        }
        text
    }

    fn meta(&mut self, id: &str) -> Json {
        let mut payload = json!({
            "id": id,
            "timestamp": Millis(self.0.random_range(0..1 << 41)).to_string(),
            "source": self.one(&["cli", "vscode"]),
        });
        if self.0.random_bool(0.2) {
            payload["source"] = json!({ "subagent": { "other": "review" } });
        }
        for name in ["timestamp", "source"] {
            if self.0.random_bool(0.15) {
                payload[name] = Json::Null;
            }
        }
        for name in [
            "thread_source",
            "agent_nickname",
            "agent_role",
            "agent_path",
            "memory_mode",
            "forked_from_id",
        ] {
            self.field(&mut payload, name, &["a", "b"]);
        }
        for name in ["cwd", "model_provider", "cli_version"] {
            self.field(&mut payload, name, &["/w", "/v"]);
        }
        if self.0.random_bool(0.3) {
            let mut git = json!({});
            for name in ["commit_hash", "branch", "repository_url"] {
                self.field(&mut git, name, &["c0ffee", "main"]);
            }
            payload["git"] = git;
        }
        payload
    }

    fn record(&mut self) -> (&'static str, Json) {
        let event = |payload: Json| ("event_msg", payload);
        match self.0.random_range(0..13) {
            0 => ("session_meta", self.meta(THREAD)),
            1 => ("session_meta", self.meta(OTHER)),
            2 | 3 => {
                let model = self.one(&["m", "n"]);
                let mut payload =
                    json!({ "model": model, "approval_policy": "never", "cwd": "/t" });
                self.field(&mut payload, "effort", &["low", "high"]);
                payload["sandbox_policy"] =
                    json!({ "type": self.one(&["read-only", "danger-full-access"]) });
                if self.0.random_bool(0.5) {
                    payload["permission_profile"] = json!({ "type": "disabled" });
                }
                ("turn_context", payload)
            }
            4 => {
                let images: &[&str] = self.one(&[&[][..], &["u"][..]]);
                event(json!({
                    "type": "user_message", "message": self.words(), "images": images,
                    "local_images": [],
                }))
            }
            5 => {
                let mut parts: Vec<Json> = (0..self.0.random_range(0..3))
                    .map(|_| json!({ "type": "text", "text": self.words() }))
                    .collect();
                if self.0.random_bool(0.4) {
                    parts.push(json!({ "type": self.one(&["image", "local_image"]), "path": "p" }));
                }
                let kind = self.one(&["UserMessage", "AgentMessage"]);
                event(
                    json!({ "type": "item_completed", "item": { "type": kind, "content": parts } }),
                )
            }
            6 => event(json!({ "type": "token_count", "info": null })),
            7 => {
                let total = self.0.random_range(0..1_000_000);
                event(json!({
                    "type": "token_count",
                    "info": { "total_token_usage": { "total_tokens": total } },
                }))
            }
            8 => event(
                json!({ "type": "thread_goal_updated", "goal": { "objective": self.words() } }),
            ),
            9 => event(json!({ "type": "task_started" })),
            10 | 11 => {
                let mut payload = json!({ "type": "thread_metadata_updated" });
                let name =
                    self.one(&["title", "git_sha", "git_branch", "git_origin_url", "memory_mode"]);
                self.field(&mut payload, name, &["mine", "yours"]);
                if self.0.random_bool(0.4) {
                    payload["archived"] = json!(self.0.random_bool(0.6));
                }
                event(payload)
            }
            _ => ("response_item", json!({ "type": "message", "content": self.words() })),
        }
    }
}

#[test]
fn random_histories_replay_as_the_oracle_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    for seed in 0..1000 {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let line = |dice: &mut Dice, kind: &str, payload: &Json| {
            let at = Millis(dice.0.random_range(0..1 << 41));
            format!(r#"{{"timestamp":"{at}","type":"{kind}","payload":{payload}}}"#).into_bytes()
        };
        let meta = dice.meta(THREAD);
        let mut text = line(&mut dice, "session_meta", &meta);
        for _ in 0..dice.0.random_range(0..30) {
            text.push(b'\n');
            let (kind, payload) = dice.record();
            let mut next = line(&mut dice, kind, &payload);
            match dice.0.random_range(0..40) {
                // A torn line and one after it, glued; bytes that are no text.
                0 => next.truncate(next.len() / 2),
                1 => next[30] = 0xff,
                _ => {}
            }
            text.extend(next);
        }
        match dice.0.random_range(0..3) {
            0 => text.push(b'\n'),
            1 => text.extend(b"\n{\"timestamp\":\"2026"),
            _ => {}
        }
        std::fs::write(&path, text).unwrap();
        agree(&path, THREAD.parse().unwrap(), format!("seed {seed}"));
    }
}

#[test]
fn real_histories_cut_anywhere_replay_as_the_oracle_says() {
    for codex in [Codex::V0_141_0, Codex::V0_169_0] {
        let folder = tempfile::tempdir().unwrap();
        let day = codex.write_sessions(folder.path()).unwrap().join("2026/11/20");
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for entry in std::fs::read_dir(day).unwrap() {
            let path = entry.unwrap().path();
            let id = ThreadId::from_file_name(path.file_name().unwrap().to_str().unwrap()).unwrap();
            agree(&path, id, path.display());
            let whole = std::fs::read(&path).unwrap();
            let first = whole.iter().position(|byte| *byte == b'\n').unwrap();
            let cut = folder.path().join("cut");
            for _ in 0..5 {
                let length = random.random_range(first + 1..whole.len());
                std::fs::write(&cut, &whole[..length]).unwrap();
                agree(&cut, id, format!("{} cut after {length} bytes", path.display()));
            }
        }
    }
}
