//! The items that histories append: few values, so that they collide, and every kind that says
//! something of a row.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};
use tracerig_store::threads::{Item, ItemError};

/// One item to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemSpec {
    /// A message of the user, and whether it has an image.
    User(Words, bool),
    /// The same as newer versions write it.
    Said(Words, bool),
    /// A goal.
    Goal(Words),
    /// The total of tokens; `None` says nothing.
    Tokens(Option<u32>),
    /// The settings of a turn: a model, an effort or explicitly none, and whether it names a
    /// working folder.
    Turn {
        /// Which model.
        model: u8,
        /// Which effort.
        effort: Option<u8>,
        /// Whether there is a working folder.
        cwd: bool,
    },
    /// A turn begins.
    Started,
    /// Facts of the thread once more: a nickname or explicitly none, and a repository or nothing of
    /// it.
    Meta {
        /// Which nickname.
        nickname: Option<u8>,
        /// Which branch of which repository.
        branch: Option<u8>,
    },
    /// The first line of another thread, as a fork has it.
    Parent,
    /// An item that changes the updated time only.
    Touch,
    /// A piece of something, which no history keeps.
    Delta,
}

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

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, words)| *words == self).map_or("", |(name, _)| name)
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
                event(
                    json!({ "type": "user_message", "message": words.text(), "images": images, "local_images": [] }),
                )
            }
            Self::Said(words, image) => {
                let mut content = vec![json!({ "type": "text", "text": words.text() })];
                if *image {
                    content.push(json!({ "type": "local_image", "path": "/p" }));
                }
                event(
                    json!({ "type": "item_completed", "item": { "type": "UserMessage", "content": content } }),
                )
            }
            Self::Goal(words) => event(
                json!({ "type": "thread_goal_updated", "goal": { "objective": words.text() } }),
            ),
            Self::Tokens(None) => event(json!({ "type": "token_count", "info": null })),
            Self::Tokens(Some(total)) => event(
                json!({ "type": "token_count", "info": { "total_token_usage": { "total_tokens": total } } }),
            ),
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
                let mut payload = json!({ "id": thread, "source": "cli", "timestamp": "2026-05-28T20:26:39.995Z" });
                payload["agent_nickname"] = json!(nickname.map(|number| format!("nick-{number}")));
                if let Some(branch) = branch {
                    payload["git"] =
                        json!({ "commit_hash": "c0ffee", "branch": format!("branch-{branch}") });
                }
                ("session_meta", payload)
            }
            Self::Parent => (
                "session_meta",
                json!({ "id": OTHER, "source": "parent", "cwd": "/parent", "timestamp": "2020-01-01T00:00:00.000Z" }),
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

/// A small number, or nothing said by `null`.
pub(super) fn nullable(text: &str) -> Option<Option<u8>> {
    if text == "null" { Some(None) } else { text.parse().ok().map(Some) }
}

pub(super) fn nullable_text(number: Option<u8>) -> String {
    number.map_or_else(|| "null".to_owned(), |number| number.to_string())
}

impl fmt::Display for ItemSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = |image: &bool| if *image { " image" } else { "" };
        match self {
            Self::User(words, with) => write!(formatter, "user {}{}", words.name(), image(with)),
            Self::Said(words, with) => write!(formatter, "said {}{}", words.name(), image(with)),
            Self::Goal(words) => write!(formatter, "goal {}", words.name()),
            Self::Tokens(None) => formatter.write_str("tokens null"),
            Self::Tokens(Some(total)) => write!(formatter, "tokens {total}"),
            Self::Turn { model, effort, cwd } => {
                let cwd = if *cwd { " cwd" } else { "" };
                write!(formatter, "turn model={model} effort={}{cwd}", nullable_text(*effort))
            }
            Self::Started => formatter.write_str("started"),
            Self::Meta { nickname, branch } => {
                write!(formatter, "meta nickname={}", nullable_text(*nickname))?;
                branch.map_or(Ok(()), |branch| write!(formatter, " branch={branch}"))
            }
            Self::Parent => formatter.write_str("parent"),
            Self::Touch => formatter.write_str("touch"),
            Self::Delta => formatter.write_str("delta"),
        }
    }
}

impl FromStr for ItemSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let said: Vec<&str> = text.split_whitespace().collect();
        let wrong = || format!("`{}` is no item", text.trim());
        let words = |name: &str| {
            Words::ALL.iter().find(|(known, _)| *known == name).map(|(_, words)| *words)
        };
        let of = |name: &str| said.iter().find_map(|word| word.strip_prefix(name));
        let read = || -> Option<Self> {
            Some(match *said.as_slice() {
                ["user", name] => Self::User(words(name)?, false),
                ["user", name, "image"] => Self::User(words(name)?, true),
                ["said", name] => Self::Said(words(name)?, false),
                ["said", name, "image"] => Self::Said(words(name)?, true),
                ["goal", name] => Self::Goal(words(name)?),
                ["tokens", "null"] => Self::Tokens(None),
                ["tokens", total] => Self::Tokens(Some(total.parse().ok()?)),
                ["turn", ..] => Self::Turn {
                    model: of("model=")?.parse().ok()?,
                    effort: nullable(of("effort=")?)?,
                    cwd: said.contains(&"cwd"),
                },
                ["started"] => Self::Started,
                ["meta", ..] => Self::Meta {
                    nickname: nullable(of("nickname=")?)?,
                    branch: match of("branch=") {
                        Some(branch) => Some(branch.parse().ok()?),
                        None => None,
                    },
                },
                ["parent"] => Self::Parent,
                ["touch"] => Self::Touch,
                ["delta"] => Self::Delta,
                _ => return None,
            })
        };
        read().ok_or_else(wrong)
    }
}
