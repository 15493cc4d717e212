//! What one line of a history says of the thread's row, parsed from its payload.
//!
//! Nothing in a payload is an error: what has not the shape that its kind should have says nothing,
//! field by field. So a history of another version of the writer loads, and a line that nobody
//! understands still counts as a touch.

mod parse;

use serde::Serialize;

use crate::threads::id::ThreadId;
use crate::threads::time::Millis;

pub(crate) use parse::{capped, inner_kind};

/// Texts of messages are cut after so many characters.
pub const MAX_TEXT_CHARS: usize = 4096;

/// The text before a user's own words where an editor has added its context. What follows the first
/// one is the request.
pub(crate) const REQUEST_MARKER: &str = "## My request for Codex:";

/// What a line says of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A `session_meta` line.
    SessionMeta(Box<SessionMeta>),
    /// A `turn_context` line.
    TurnContext(Box<TurnContext>),
    /// A message of the user.
    UserMessage {
        /// Its own words, trimmed and cut after [`MAX_TEXT_CHARS`]; `None` if there are none.
        text: Option<String>,
        /// Whether there are images with it.
        has_images: bool,
    },
    /// The total of tokens so far.
    Tokens(i64),
    /// The objective of a goal, trimmed, not blank, cut after [`MAX_TEXT_CHARS`].
    Goal(String),
    /// A turn begins.
    TurnStarted,
    /// An explicit change of metadata.
    Metadata(Box<MetadataUpdate>),
    /// Anything else.
    Touch,
}

/// The facts of a `session_meta` line. A text that may be an object in the history, such as the
/// source of a thread that another thread started, is kept as compact JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionMeta {
    /// The thread that the line is about: in a fork, not always the one whose history it is in.
    pub id: ThreadId,
    /// When the thread was created; the line's own time if `None`.
    pub timestamp: Option<Millis>,
    /// The working folder.
    pub cwd: Option<String>,
    /// The version of the program.
    pub cli_version: Option<String>,
    /// What started the thread.
    pub source: Option<String>,
    /// Who started it.
    pub thread_source: Option<String>,
    /// The nickname of its agent.
    pub agent_nickname: Option<String>,
    /// The role of its agent.
    pub agent_role: Option<String>,
    /// The place of its agent among others.
    pub agent_path: Option<String>,
    /// The provider of the model.
    pub model_provider: Option<String>,
    /// Whether memories may be made of it.
    pub memory_mode: Option<String>,
    /// The thread whose history it continues, if it is a fork.
    pub forked_from: Option<String>,
    /// The repository; `None` says nothing of it.
    pub git: Option<Git>,
}

impl SessionMeta {
    /// The least that such a line says.
    #[must_use]
    pub fn new(id: ThreadId) -> Self {
        Self {
            id,
            timestamp: None,
            cwd: None,
            cli_version: None,
            source: None,
            thread_source: None,
            agent_nickname: None,
            agent_role: None,
            agent_path: None,
            model_provider: None,
            memory_mode: None,
            forked_from: None,
            git: None,
        }
    }
}

/// The repository that a thread works in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Git {
    /// The commit.
    pub commit_hash: Option<String>,
    /// The branch.
    pub branch: Option<String>,
    /// Where it comes from.
    pub repository_url: Option<String>,
}

/// The facts of a `turn_context` line. Policies that are objects in the history are kept as compact
/// JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TurnContext {
    /// The working folder.
    pub cwd: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The reasoning effort: `Some(None)` for a turn without one, `None` where the line cannot be
    /// understood.
    pub effort: Option<Option<String>>,
    /// The approval policy.
    pub approval_policy: Option<String>,
    /// The permission profile, or if there is none the sandbox policy.
    pub sandbox_policy: Option<String>,
}

/// An explicit change of metadata: an absent field keeps, `Some(None)` clears.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MetadataUpdate {
    /// The title. Once set or cleared, it always takes precedence over a derived one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Option<String>>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_sha: Option<Option<String>>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_branch: Option<Option<String>>,
    /// Where the repository comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_origin_url: Option<Option<String>>,
    /// Whether memories may be made of the thread; cleared, it is what a new thread has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mode: Option<Option<String>>,
    /// Archived as of the line's time, or no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
}

impl Change {
    /// What a line of this kind (its `type`) with this payload says.
    #[must_use]
    pub fn parse(kind: &str, payload: &str) -> Self {
        let change = match kind {
            "session_meta" => parse::session_meta(payload),
            "turn_context" => parse::turn_context(payload),
            "event_msg" => parse::event(payload),
            _ => None,
        };
        change.unwrap_or(Self::Touch)
    }

    /// Whether a line of this kind, whose payload has this `type`, can be anything but a touch.
    pub(crate) fn may_be_more_than_a_touch(kind: &str, inner: Option<&str>) -> bool {
        match kind {
            "session_meta" | "turn_context" => true,
            "event_msg" => inner.is_some_and(|inner| EVENTS.contains(&inner)),
            _ => false,
        }
    }
}

/// The events that change more than the updated time.
const EVENTS: [&str; 6] = [
    "user_message",
    "item_completed",
    "token_count",
    "thread_goal_updated",
    "task_started",
    "thread_metadata_updated",
];
