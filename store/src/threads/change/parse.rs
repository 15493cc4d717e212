//! Payloads understood field by field: one of a wrong type must not hide the others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;

use super::{Change, Git, MAX_TEXT_CHARS, MetadataUpdate, REQUEST_MARKER, SessionMeta, TurnContext};
use crate::threads::json;

/// The words of a message without what an editor has put before them; `None` if there are none.
fn words(text: &str) -> Option<String> {
    let own = text.find(REQUEST_MARKER).map_or(text, |at| &text[at + REQUEST_MARKER.len()..]).trim();
    (!own.is_empty()).then(|| capped(own))
}

pub(crate) fn capped(text: &str) -> String {
    let end = text.char_indices().nth(MAX_TEXT_CHARS).map_or(text.len(), |(at, _)| at);
    text[..end].to_owned()
}

// A field as it stands there.
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
    // It is JSON, and may be long.
    let inside = raw.and_then(|raw| raw.get().strip_prefix('['));
    inside.is_some_and(|inside| !inside.trim_ascii_start().starts_with(']'))
}

/// Hands every value of a list to `take`, one at a time. `None` if it is no list.
fn each<'a>(list: &'a str, take: impl FnMut(&'a RawValue)) -> Option<()> {
    struct Each<F>(F);
    impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Each<F> {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
            while let Some(value) = list.next_element()? {
                self.0(value);
            }
            Ok(())
        }
    }
    serde_json::Deserializer::from_str(list).deserialize_seq(Each(take)).ok()
}

pub(super) fn session_meta(payload: &str) -> Option<Change> {
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
        forked_from_id: Raw<'a>,
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
        forked_from: filled(payload.forked_from_id),
        git: git.map(|git| Git {
            commit_hash: text(git.commit_hash),
            branch: text(git.branch),
            repository_url: text(git.repository_url),
        }),
    })))
}

pub(super) fn turn_context(payload: &str) -> Option<Change> {
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

pub(super) fn event(payload: &str) -> Option<Change> {
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
    let (mut message, mut has_images) = (String::new(), false);
    each(item.content?.get(), |part| {
        let Ok(part) = serde_json::from_str::<Part<'_>>(part.get()) else { return };
        match text(part.r#type).as_deref() {
            // The writer shows the texts of a message with nothing between them.
            Some("text") => message.push_str(&text(part.text).unwrap_or_default()),
            Some("image" | "local_image") => has_images = true,
            _ => {}
        }
    })?;
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
