//! Rows that are almost right: every part of every kind, spelled in every way that a reader might
//! get wrong.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// A value of a column: its storage class, and its bytes.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Null,
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Cell {
    pub(crate) fn to_sql(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Text(bytes) => ValueRef::Text(bytes),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        })
    }
}

/// A row of the table, as far as anyone reads it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) ts: i64,
    pub(crate) target: Cell,
    pub(crate) thread: Cell,
    pub(crate) process: Cell,
    pub(crate) body: Cell,
}

/// Makes rows.
pub(crate) struct Nasty {
    random: ChaCha8Rng,
    /// Most rows name a turn of their own, so that none hides another.
    turn: String,
}

impl Nasty {
    /// The same rows for the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), turn: String::new() }
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.random.random_range(0..choices.len())].clone()
    }

    /// A row of any kind, sound or not.
    pub(crate) fn row(&mut self, number: u64) -> Row {
        self.turn =
            if self.chance(0.8) { format!("t{number}") } else { format!("t{}", number % 5) };
        let kind = self.random.random_range(0..5);
        if kind == 4 && self.chance(0.9) {
            // A turn logs rows after its submission.
            self.turn = format!("t{}", number.saturating_sub(self.random.random_range(1..12)));
        }
        let target = if self.chance(0.9) {
            match kind {
                0 | 1 => Cell::Text(b"codex_api::endpoint::responses_websocket".to_vec()),
                2 => self
                    .pick(&["codex_core::session::handlers", "codex_core::codex"])
                    .as_bytes()
                    .to_vec()
                    .into(),
                3 => Cell::Text(b"feedback_tags".to_vec()),
                _ => self
                    .pick(&[
                        "feedback_tags",
                        "codex_core::session::turn",
                        "codex_core::session::turns",
                    ])
                    .as_bytes()
                    .to_vec()
                    .into(),
            }
        } else {
            let blob = Cell::Blob(b"feedback_tags".to_vec());
            self.pick(&[Cell::Text(b"log".to_vec()), blob, Cell::Text(b"feedback_tags\0".to_vec())])
        };
        let mut body = self.prefix();
        let marker = [
            "websocket request:",
            "websocket event:",
            "Submission sub=Submission {",
            "tags_json=",
            "",
        ][kind];
        body.extend_from_slice(marker.as_bytes());
        body.extend_from_slice(&self.space());
        let payload = match kind {
            2 => self.dump(),
            4 => self
                .pick(&["model=\"m2\" a=1", "model=m3", "turn.id=late", "tags_json=", "x"])
                .as_bytes()
                .to_vec(),
            _ => self.object(kind).into_bytes(),
        };
        body.extend_from_slice(&payload);
        body.extend_from_slice(&self.space());
        if self.chance(0.15) {
            self.damage(&mut body);
        }
        let body = if self.chance(0.02) { Cell::Blob(body) } else { Cell::Text(body) };
        let name = |nasty: &mut Self, names: &[&str]| match nasty.random.random_range(0..12) {
            0 => Cell::Text(Vec::new()),
            1 => Cell::Text(b"\xff\xfe".to_vec()),
            2 => Cell::Blob(b"h1".to_vec()),
            3..6 => Cell::Null,
            _ => Cell::Text(nasty.pick(names).as_bytes().to_vec()),
        };
        let (thread, process) = (name(self, &["h1", "h2", "h3"]), name(self, &["p1", "p2"]));
        Row { ts: self.random.random_range(0..100), target, thread, process, body }
    }

    fn prefix(&mut self) -> Vec<u8> {
        let turn = self.turn.clone();
        let mut prefix = Vec::new();
        if self.chance(0.7) {
            prefix.extend_from_slice(format!("turn{{turn.id={turn} model=m}}: ").as_bytes());
        }
        for _ in 0..self.random.random_range(0..4) {
            let piece: &[u8] = self.pick(&[
                b"session_loop{thread_id=h9}:" as &[u8],
                b"x.turn.id=wrong ",
                b"parent_thread_id=wrong ",
                b"turn_id=inner, ",
                b"turn_id=\"quoted, inner\" ",
                b"turn.id=\"\" ",
                b"turn.id= ",
                b"turn.id=\"unclosed ",
                b"_turn_id=wrong:",
                b"(turn_id=inner)",
                b"model=\"a b\" ",
                b"model=",
                b"thread_id=\xff\xfe ",
                b"turn.id=\xc3\xa9\xc3\xa9]",
                b"turn.id=a\x0bb\x0cc ",
                b"\0",
                b"websocket request",
                b"Submission sub=Submission{",
                b"tags_json=",
                b"websocket event: {",
                b"\"",
                b" ",
            ]);
            prefix.splice(0..0, piece.iter().copied());
        }
        prefix
    }

    fn space(&mut self) -> Vec<u8> {
        let odd: &[&[u8]] =
            &[b"", b"\t\n", b"\x0c", b"\r", b"\x0b", b"\xc2\xa0", b"  ", b"\0", b"x"];
        if self.chance(0.75) { b" ".to_vec() } else { self.pick(odd).to_vec() }
    }

    fn damage(&mut self, body: &mut Vec<u8>) {
        let at = self.random.random_range(0..body.len());
        match self.random.random_range(0..5) {
            0 => body[at] = self.random.random_range(0..=255),
            1 => drop(body.remove(at)),
            2 => body.insert(at, self.random.random_range(0..=255)),
            3 => body.truncate(at),
            _ => body.extend_from_within(at..),
        }
    }

    fn object(&mut self, kind: usize) -> String {
        let turn = self.turn.clone();
        let mut members: Vec<(String, String)> = Vec::new();
        let mut add = |key: &str, value: String| members.push((key.to_owned(), value));
        let model = self.string("m1");
        match kind {
            0 => {
                add("type", self.string("response.create"));
                add("service_tier", self.string("priority"));
                add("model", model);
                if self.chance(0.5) {
                    add("turn_id", self.string(&format!("{turn}j")));
                }
                if self.chance(0.5) {
                    let inner = self.string(&format!("{turn}m"));
                    add("client_metadata", format!("{{\"turn_id\": {inner}}}"));
                }
            }
            1 => {
                add("type", self.string("response.completed"));
                let output = self.value(0);
                add("response", format!("{{\"output\":{output},\"model\":{model}}}"));
            }
            _ => add("service_tier", self.string("priority")),
        }
        for _ in 0..self.random.random_range(0..4) {
            let key = self.pick(&[
                "type",
                "service_tier",
                "model",
                "turn_id",
                "response",
                "input",
                "",
                "a\\nb",
            ]);
            let value = self.value(0);
            // Of duplicate keys the last wins, so that the place matters.
            let at = self.random.random_range(0..=members.len());
            if self.chance(0.7) {
                members.insert(at, (format!("x{key}"), value));
            } else {
                members.insert(at, (key.to_owned(), value));
            }
        }
        let mut text = String::from("{");
        for (place, (key, value)) in members.iter().enumerate() {
            let key = if self.chance(0.05) { escape(key) } else { key.clone() };
            let comma = if place == 0 { "" } else { "," };
            let space = self.pick(&["", "", "", " ", "\n\t", "\r"]);
            text += &format!("{comma}{space}\"{key}\"{space}:{space}{value}{space}");
        }
        text + "}"
    }

    /// A string that mostly is `wanted`.
    fn string(&mut self, wanted: &str) -> String {
        match self.random.random_range(0..40) {
            0 => format!("\"{}\"", escape(wanted)),
            1 => "\"\"".to_owned(),
            2 => "\"\\ud800\"".to_owned(),
            3 => "\"\\ud83d\\ude00\"".to_owned(),
            4 => self.value(0),
            5 => format!("\"{wanted}\\u0000\""),
            _ => format!("\"{wanted}\""),
        }
    }

    fn value(&mut self, depth: usize) -> String {
        let leaf = [
            "0",
            "-0",
            "01",
            "1.5e+10",
            "1.",
            ".5",
            "1e",
            "-",
            "+1",
            "0x1",
            "NaN",
            "Infinity",
            "-Infinity",
            "true",
            "false",
            "null",
            "nul",
            "True",
            "\"\"",
            "\"text\"",
            "\"\\\"\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\t\"",
            "\"\u{7f}\u{e9}\u{1f600}\"",
            "\"\\udc00\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\/\\b\\f\"",
            "'text'",
            "\"tags_json={}\"",
            "\"websocket event: {}\"",
            "[]",
            "{}",
            "[,]",
            "[1,]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{1:2}",
            "/**/1",
            "\u{feff}1",
        ];
        // What JSON allows is drawn more often than what it does not.
        let sound =
            ["0", "1.5e+10", "true", "null", "\"text\"", "[]", "{}", "{\"model\":\"inner\"}"];
        match self.random.random_range(0..20) {
            0..2 => self.pick(&leaf).to_owned(),
            2 => "9".repeat(6000),
            3 if depth == 0 && self.chance(0.2) => {
                let depth = 50_000;
                "[".repeat(depth) + &"]".repeat(depth - usize::from(self.chance(0.3)))
            }
            4..7 if depth < 4 => format!("[{},{}]", self.value(depth + 1), self.value(depth + 1)),
            7..9 if depth < 4 => format!("{{\"type\":{},\"a\":1}}", self.value(depth + 1)),
            _ => self.pick(&sound).to_owned(),
        }
    }

    fn dump(&mut self) -> Vec<u8> {
        let turn = self.turn.clone();
        let mut dump = match self.random.random_range(0..12) {
            0 => String::new(),
            1 => "id: \"\", ".to_owned(),
            2 => format!("id:\"{turn}\", "),
            3 => format!("xid: \"{turn}\", "),
            4 => format!("id: \"{turn}\\\"q\", "),
            5 => "id: \"unclosed".to_owned(),
            _ => format!("id: \"{turn}\", "),
        };
        for _ in 0..self.random.random_range(1..7) {
            dump += self.pick(&[
                "op: UserInput { ",
                "op: UserInput { ",
                "op: UserTurn { ",
                "op: ThreadSettings { ",
                "op: UserInputWithTurnContext { ",
                "op: TurnInput { thread_settings: ThreadSettingsOverrides { ",
                "op: OverrideTurnContext { ",
                "op: Interrupt, ",
                "op: UserInputs { ",
                "op: ",
                "top: UserTurn { ",
                "_op: UserTurn, ",
                "items: [Text { text: \"op: Interrupt service_tier: None\" }], ",
                "text: \"a \\\" service_tier: Some(Some(\\\"x\\\")) \\\\\", ",
                "service_tier: None, ",
                "service_tier: Nones, ",
                "service_tier: Some(None), ",
                "service_tier: Some(Some(\"priority\")), ",
                "service_tier: Some(Some(\"priority\")), ",
                "service_tier: Some(Some(\"fast\"))",
                "service_tier: Some(Some(Fast)), ",
                "service_tier: Some(Some(PRIORITY)), ",
                "service_tier: Some(Some(Flex)), ",
                "service_tier: Some(Some(Fa st)), ",
                "service_tier: Some(Some()), ",
                "service_tier: Some(Some(\"Fast\")), ",
                "service_tier: Some(7), ",
                "service_tier: Some(Some(\"flex\")), ",
                "service_tier: Some(Some(\"prio\\\"rity\")), ",
                "service_tier: Some(Some(\"priority\") ), ",
                "service_tier: Some(Some(\"fast\")} service_tier: None }",
                "service_tier:None, ",
                "xservice_tier: Some(None), ",
                "\"",
                "trace: None }",
            ]);
        }
        dump.into_bytes()
    }
}

impl From<Vec<u8>> for Cell {
    fn from(text: Vec<u8>) -> Self {
        Self::Text(text)
    }
}

/// The same string, spelled with an escape.
fn escape(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| format!("\\u{:04x}{}", first as u32, characters.as_str()))
}
