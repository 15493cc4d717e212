//! The items that histories append: few values, so that they collide, and every kind that says
//! something of a row.

use serde_json::{Value, json};
use tracerig_store::threads::{Item, ItemError};

use crate::words::{Flag, Key, Maybe, Name, Number, Unless, operations};

operations! {
    /// One item to append.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum ItemSpec: "item" {
        /// A message of the user, and whether it has an image.
        "user" User(words: Words = WORDS, image: bool = Flag("image")),
        /// The same as newer versions write it.
        "said" Said(words: Words = WORDS, image: bool = Flag("image")),
        /// A goal.
        "goal" Goal(words: Words = WORDS),
        /// The total of tokens; `None` says nothing.
        "tokens" Tokens(total: Option<u32> = Unless("null", Number)),
        /// The settings of a turn: a model, an effort or explicitly none, and whether it names a
        /// working folder.
        "turn" Turn {
            /// Which model.
            model: u8 = Key("model", Number),
            /// Which effort.
            effort: Option<u8> = Key("effort", Unless("null", Number)),
            /// Whether there is a working folder.
            cwd: bool = Flag("cwd"),
        },
        /// A turn begins.
        "started" Started,
        /// Facts of the thread once more: a nickname or explicitly none, and a repository or
        /// nothing of it.
        "meta" Meta {
            /// Which nickname.
            nickname: Option<u8> = Key("nickname", Unless("null", Number)),
            /// Which branch of which repository.
            branch: Option<u8> = Maybe(Key("branch", Number)),
        },
        /// The first line of another thread, as a fork has it.
        "parent" Parent,
        /// An item that changes the updated time only.
        "touch" Touch,
        /// A piece of something, which no history keeps.
        "delta" Delta,
    }
}

/// Which words.
const WORDS: Name<Words> = Name(&Words::ALL);

/// The words of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// "fix it"
    Fix,
    /// "look again"
    Look,
    /// A request behind an editor's context.
    Request,
    /// White space.
    Blank,
    /// Quotes and backslashes.
    Quoted,
    /// Characters of four bytes.
    Wide,
    /// More than a row takes.
    Long,
}

impl Words {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 7] = [
        ("fix", Self::Fix),
        ("look", Self::Look),
        ("request", Self::Request),
        ("blank", Self::Blank),
        ("quoted", Self::Quoted),
        ("wide", Self::Wide),
        ("long", Self::Long),
    ];

    fn text(self) -> String {
        match self {
            Self::Fix => "fix it".to_owned(),
            Self::Look => "look again".to_owned(),
            Self::Request => "context\n## My request for Codex:\n do it ".to_owned(),
            Self::Blank => " \n\t ".to_owned(),
            Self::Quoted => r#"say "no" \ {"#.to_owned(),
            Self::Wide => "\u{1f600} \u{e9}".to_owned(),
            Self::Long => "long \u{e9}".repeat(1200),
        }
    }
}

/// Another thread, of which a fork has a line.
const OTHER: &str = "01a1faad-9bd6-7163-b9b9-b2d901a262f7";

impl ItemSpec {
    /// The `type` and the `payload` of its line in the history of `thread`.
    #[must_use]
    pub fn parts(&self, thread: &str) -> (&'static str, Value) {
        let event = |payload| ("event_msg", payload);
        match self {
            Self::User(words, image) => {
                let images: &[&str] = if *image { &["data:image/png;base64,AA"] } else { &[] };
                event(json!({
                    "type": "user_message", "message": words.text(), "images": images,
                    "local_images": [],
                }))
            }
            Self::Said(words, image) => {
                let mut content = vec![json!({ "type": "text", "text": words.text() })];
                if *image {
                    content.push(json!({ "type": "local_image", "path": "/p" }));
                }
                event(json!({
                    "type": "item_completed",
                    "item": { "type": "UserMessage", "content": content },
                }))
            }
            Self::Goal(words) => event(
                json!({ "type": "thread_goal_updated", "goal": { "objective": words.text() } }),
            ),
            Self::Tokens(None) => event(json!({ "type": "token_count", "info": null })),
            Self::Tokens(Some(total)) => event(json!({
                "type": "token_count",
                "info": { "total_token_usage": { "total_tokens": total } },
            })),
            Self::Turn { model, effort, cwd } => {
                let mut payload = json!({
                    "model": format!("model-{model}"),
                    "effort": effort.map(|effort| format!("effort-{effort}")),
                    "approval_policy": "never",
                    "sandbox_policy": { "type": "read-only" },
                });
                if *cwd {
                    payload["cwd"] = json!("/turn");
                }
                ("turn_context", payload)
            }
            Self::Started => event(json!({ "type": "task_started", "turn_id": "t" })),
            Self::Meta { nickname, branch } => {
                let mut payload = json!({
                    "id": thread, "source": "cli", "timestamp": "2026-05-28T20:26:39.995Z",
                });
                payload["agent_nickname"] = json!(nickname.map(|number| format!("nick-{number}")));
                if let Some(branch) = branch {
                    payload["git"] =
                        json!({ "commit_hash": "c0ffee", "branch": format!("branch-{branch}") });
                }
                ("session_meta", payload)
            }
            Self::Parent => (
                "session_meta",
                json!({
                    "id": OTHER, "source": "parent", "cwd": "/parent",
                    "timestamp": "2020-01-01T00:00:00.000Z",
                }),
            ),
            Self::Touch => ("response_item", json!({ "type": "reasoning", "summary": [] })),
            Self::Delta => event(json!({ "type": "agent_message_delta", "delta": "x" })),
        }
    }

    /// Whether a history keeps it.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        *self != Self::Delta
    }

    /// The item as the store takes it.
    ///
    /// # Errors
    /// None; the store's constructor has some.
    pub fn item(&self, thread: &str) -> Result<Item, ItemError> {
        let (kind, payload) = self.parts(thread);
        let payload = serde_json::value::to_raw_value(&payload)
            .map_err(|source| ItemError::Encode { source })?;
        Item::new(kind, payload)
    }
}
