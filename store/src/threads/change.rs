//! What one line of a history says of the thread's row, parsed from its payload.
//!
//! Nothing in a payload is an error: what has not the shape that its kind should have says nothing, field by field. So a
//! history of another version of the writer loads, and a line that nobody understands still counts as a touch.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::threads::id::ThreadId;
use crate::threads::json;
use crate::threads::time::Millis;

/// Texts of messages are cut after so many characters.
pub const MAX_TEXT_CHARS: usize = 4096;

/// What stands before a user's own words where an editor has added its context. What follows the first one is the request.
pub const REQUEST_MARKER: &str = "## My request for Codex:";

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

/// The facts of a `session_meta` line. A text that may be an object in the history, such as the source of a thread that
/// another thread started, is kept as compact JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionMeta {
    /// The thread that the line is about: in a fork, not always the one whose history it stands in.
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

/// The facts of a `turn_context` line. Policies that are objects in the history are kept as compact JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TurnContext {
    /// The working folder.
    pub cwd: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The reasoning effort: `Some(None)` for a turn without one, `None` where the line cannot be understood.
    pub effort: Option<Option<String>>,
    /// The approval policy.
    pub approval_policy: Option<String>,
    /// The permission profile, or where there is none the sandbox policy.
    pub sandbox_policy: Option<String>,
}

/// An explicit change of metadata: an absent field keeps, `Some(None)` clears.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MetadataUpdate {
    /// The title. Set or cleared, it stands against any derived one for ever.
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
            "session_meta" => session_meta(payload),
            "turn_context" => turn_context(payload),
            "event_msg" => event(payload),
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

/// The words of a message without what an editor has put before them; `None` if there are none.
fn words(text: &str) -> Option<String> {
    let own = text.find(REQUEST_MARKER).map_or(text, |at| &text[at + REQUEST_MARKER.len()..]).trim();
    (!own.is_empty()).then(|| capped(own))
}

fn capped(text: &str) -> String {
    let end = text.char_indices().nth(MAX_TEXT_CHARS).map_or(text.len(), |(at, _)| at);
    text[..end].to_owned()
}

// Each field of a payload on its own: one of a wrong type must not hide the others.
type Raw<'a> = Option<&'a RawValue>;

fn text(raw: Raw<'_>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// A text that says something.
fn filled(raw: Raw<'_>) -> Option<String> {
    text(raw).filter(|text| !text.is_empty())
}

/// A text as it is, an object as compact JSON.
fn word(raw: Raw<'_>) -> Option<String> {
    let raw = raw?.get();
    if raw.starts_with('{') { Some(json::compact(raw).into_owned()) } else { serde_json::from_str(raw).ok() }
}

fn is_filled_list(raw: Raw<'_>) -> bool {
    raw.is_some_and(|raw| {
        serde_json::from_str::<Vec<&RawValue>>(raw.get()).is_ok_and(|list| !list.is_empty())
    })
}

fn session_meta(payload: &str) -> Option<Change> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        id: Raw<'a>,
        timestamp: Raw<'a>,
        cwd: Raw<'a>,
        cli_version: Raw<'a>,
        source: Raw<'a>,
        thread_source: Raw<'a>,
        agent_nickname: Raw<'a>,
        agent_role: Raw<'a>,
        agent_path: Raw<'a>,
        model_provider: Raw<'a>,
        memory_mode: Raw<'a>,
        git: Raw<'a>,
    }
    #[derive(Deserialize)]
    struct RawGit<'a> {
        #[serde(borrow)]
        commit_hash: Raw<'a>,
        branch: Raw<'a>,
        repository_url: Raw<'a>,
    }
    let payload: Payload<'_> = serde_json::from_str(payload).ok()?;
    let git = payload.git.and_then(|git| serde_json::from_str::<RawGit<'_>>(git.get()).ok());
    Some(Change::SessionMeta(Box::new(SessionMeta {
        id: text(payload.id)?.parse().ok()?,
        timestamp: text(payload.timestamp).and_then(|text| text.parse().ok()),
        cwd: filled(payload.cwd),
        cli_version: filled(payload.cli_version),
        source: word(payload.source),
        thread_source: word(payload.thread_source),
        agent_nickname: text(payload.agent_nickname),
        agent_role: text(payload.agent_role),
        agent_path: text(payload.agent_path),
        model_provider: filled(payload.model_provider),
        memory_mode: text(payload.memory_mode),
        git: git.map(|git| Git {
            commit_hash: text(git.commit_hash),
            branch: text(git.branch),
            repository_url: text(git.repository_url),
        }),
    })))
}

fn turn_context(payload: &str) -> Option<Change> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        cwd: Raw<'a>,
        model: Raw<'a>,
        effort: Raw<'a>,
        approval_policy: Raw<'a>,
        sandbox_policy: Raw<'a>,
        permission_profile: Raw<'a>,
    }
    let payload: Payload<'_> = serde_json::from_str(payload).ok()?;
    Some(Change::TurnContext(Box::new(TurnContext {
        cwd: filled(payload.cwd),
        model: text(payload.model),
        effort: match payload.effort {
            None => Some(None),
            effort => text(effort).map(Some),
        },
        approval_policy: word(payload.approval_policy),
        sandbox_policy: word(payload.permission_profile.or(payload.sandbox_policy)),
    })))
}

/// The `type` inside of a payload.
pub(crate) fn inner_kind(payload: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        r#type: Cow<'a, str>,
    }
    Some(serde_json::from_str::<Payload<'_>>(payload).ok()?.r#type)
}

fn event(payload: &str) -> Option<Change> {
    match &*inner_kind(payload)? {
        "user_message" => user_message(payload),
        "item_completed" => item_completed(payload),
        "token_count" => token_count(payload),
        "thread_goal_updated" => goal(payload),
        "task_started" => Some(Change::TurnStarted),
        "thread_metadata_updated" => metadata(payload),
        _ => None,
    }
}

fn user_message(payload: &str) -> Option<Change> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        message: Raw<'a>,
        images: Raw<'a>,
        local_images: Raw<'a>,
    }
    let payload: Payload<'_> = serde_json::from_str(payload).ok()?;
    Some(Change::UserMessage {
        text: text(payload.message).and_then(|message| words(&message)),
        has_images: is_filled_list(payload.images) || is_filled_list(payload.local_images),
    })
}

fn item_completed(payload: &str) -> Option<Change> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        item: Item<'a>,
    }
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        r#type: Cow<'a, str>,
        content: Raw<'a>,
    }
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow)]
        r#type: Raw<'a>,
        text: Raw<'a>,
    }
    let item = serde_json::from_str::<Payload<'_>>(payload).ok()?.item;
    if item.r#type != "UserMessage" {
        return None;
    }
    let parts: Vec<&RawValue> = serde_json::from_str(item.content?.get()).ok()?;
    let (mut message, mut has_images) = (String::new(), false);
    for part in parts.into_iter().filter_map(|part| serde_json::from_str::<Part<'_>>(part.get()).ok()) {
        match text(part.r#type).as_deref() {
            // The writer shows the texts of a message with nothing between them.
            Some("text") => message.push_str(&text(part.text).unwrap_or_default()),
            Some("image" | "local_image") => has_images = true,
            _ => {}
        }
    }
    Some(Change::UserMessage { text: words(&message), has_images })
}

fn token_count(payload: &str) -> Option<Change> {
    #[derive(Deserialize)]
    struct Payload {
        info: Info,
    }
    #[derive(Deserialize)]
    struct Info {
        total_token_usage: Usage,
    }
    #[derive(Deserialize)]
    struct Usage {
        total_tokens: i64,
    }
    let tokens = serde_json::from_str::<Payload>(payload).ok()?.info.total_token_usage.total_tokens;
    Some(Change::Tokens(tokens.max(0)))
}

fn goal(payload: &str) -> Option<Change> {
    #[derive(Deserialize)]
    struct Payload {
        goal: Goal,
    }
    #[derive(Deserialize)]
    struct Goal {
        objective: String,
    }
    let objective = serde_json::from_str::<Payload>(payload).ok()?.goal.objective;
    let objective = objective.trim();
    (!objective.is_empty()).then(|| Change::Goal(capped(objective)))
}

fn metadata(payload: &str) -> Option<Change> {
    // A field that is there, `null` included.
    fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Raw<'de>, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Some)
    }
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        title: Raw<'a>,
        #[serde(borrow, default, deserialize_with = "present")]
        git_sha: Raw<'a>,
        #[serde(borrow, default, deserialize_with = "present")]
        git_branch: Raw<'a>,
        #[serde(borrow, default, deserialize_with = "present")]
        git_origin_url: Raw<'a>,
        #[serde(borrow, default, deserialize_with = "present")]
        memory_mode: Raw<'a>,
        archived: Raw<'a>,
    }
    // A text sets, null clears, anything else says nothing.
    fn field(raw: Raw<'_>) -> Option<Option<String>> {
        serde_json::from_str(raw?.get()).ok()
    }
    let payload: Payload<'_> = serde_json::from_str(payload).ok()?;
    Some(Change::Metadata(Box::new(MetadataUpdate {
        title: field(payload.title),
        git_sha: field(payload.git_sha),
        git_branch: field(payload.git_branch),
        git_origin_url: field(payload.git_origin_url),
        memory_mode: field(payload.memory_mode),
        archived: payload.archived.and_then(|archived| serde_json::from_str(archived.get()).ok()),
    })))
}
