//! Payloads understood field by field: one of a wrong type must not hide the others.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    Change, Git, MAX_TEXT_CHARS, MetadataUpdate, REQUEST_MARKER, SessionMeta, TurnContext,
};
use crate::threads::json::{self, Raw};

/// The words of a message without what an editor has put before them; `None` if there are none.
fn words(text: &str) -> Option<String> {
    let own =
        text.find(REQUEST_MARKER).map_or(text, |at| &text[at + REQUEST_MARKER.len()..]).trim();
    (!own.is_empty()).then(|| capped(own))
}

pub(crate) fn capped(text: &str) -> String {
    let end = text.char_indices().nth(MAX_TEXT_CHARS).map_or(text.len(), |(at, _)| at);
    text[..end].to_owned()
}

fn text(raw: Raw<'_>) -> Option<String> {
    json::text(raw?).map(Cow::into_owned)
}

/// A text that says something.
fn filled(raw: Raw<'_>) -> Option<String> {
    text(raw).filter(|text| !text.is_empty())
}

/// A text as it is, an object as compact JSON.
fn word(raw: Raw<'_>) -> Option<String> {
    let raw = raw?;
    if raw.get().starts_with('{') {
        Some(json::compact(raw.get()).into_owned())
    } else {
        text(Some(raw))
    }
}

/// A text sets, `null` clears, anything else says nothing.
fn field(raw: Raw<'_>) -> Option<Option<String>> {
    let raw = raw?;
    if raw.get() == "null" { Some(None) } else { text(Some(raw)).map(Some) }
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
    const NAMES: [&str; 13] = [
        "id",
        "timestamp",
        "cwd",
        "cli_version",
        "source",
        "thread_source",
        "agent_nickname",
        "agent_role",
        "agent_path",
        "model_provider",
        "memory_mode",
        "forked_from_id",
        "git",
    ];
    let [
        id,
        timestamp,
        cwd,
        cli_version,
        source,
        thread_source,
        agent_nickname,
        agent_role,
        agent_path,
        model_provider,
        memory_mode,
        forked_from,
        git,
    ] = json::members(payload, NAMES).ok()?;
    let git = git
        .and_then(|git| json::members(git.get(), ["commit_hash", "branch", "repository_url"]).ok());
    Some(Change::SessionMeta(Box::new(SessionMeta {
        id: json::text(id?)?.parse().ok()?,
        timestamp: timestamp.and_then(json::text).and_then(|text| text.parse().ok()),
        cwd: filled(cwd),
        cli_version: filled(cli_version),
        source: word(source),
        thread_source: word(thread_source),
        agent_nickname: text(agent_nickname),
        agent_role: text(agent_role),
        agent_path: text(agent_path),
        model_provider: filled(model_provider),
        memory_mode: text(memory_mode),
        forked_from: filled(forked_from),
        git: git.map(|[commit_hash, branch, repository_url]| Git {
            commit_hash: text(commit_hash),
            branch: text(branch),
            repository_url: text(repository_url),
        }),
    })))
}

pub(super) fn turn_context(payload: &str) -> Option<Change> {
    let [cwd, model, effort, approval_policy, sandbox_policy, permission_profile] = json::members(
        payload,
        ["cwd", "model", "effort", "approval_policy", "sandbox_policy", "permission_profile"],
    )
    .ok()?;
    let permission_profile = permission_profile.filter(|profile| profile.get() != "null");
    Some(Change::TurnContext(Box::new(TurnContext {
        cwd: filled(cwd),
        model: text(model),
        effort: if effort.is_none() { Some(None) } else { field(effort) },
        approval_policy: word(approval_policy),
        sandbox_policy: word(permission_profile.or(sandbox_policy)),
    })))
}

/// The `type` inside of a payload.
pub(crate) fn inner_kind(payload: &str) -> Option<Cow<'_, str>> {
    json::at(payload, &["type"]).and_then(json::text)
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
    let [message, images, local_images] =
        json::members(payload, ["message", "images", "local_images"]).ok()?;
    Some(Change::UserMessage {
        text: message.and_then(json::text).and_then(|message| words(&message)),
        has_images: is_filled_list(images) || is_filled_list(local_images),
    })
}

fn item_completed(payload: &str) -> Option<Change> {
    let [kind, content] =
        json::members(json::at(payload, &["item"])?.get(), ["type", "content"]).ok()?;
    if json::text(kind?)? != "UserMessage" {
        return None;
    }
    let (mut message, mut has_images) = (String::new(), false);
    each(content?.get(), |part| {
        let Ok([kind, text]) = json::members(part.get(), ["type", "text"]) else { return };
        match kind.and_then(json::text).as_deref() {
            // The writer shows the texts of a message with nothing between them.
            Some("text") => message.push_str(&text.and_then(json::text).unwrap_or_default()),
            Some("image" | "local_image") => has_images = true,
            _ => {}
        }
    })?;
    Some(Change::UserMessage { text: words(&message), has_images })
}

fn token_count(payload: &str) -> Option<Change> {
    let tokens = json::at(payload, &["info", "total_token_usage", "total_tokens"])?;
    tokens.get().parse().ok().filter(|tokens| *tokens >= 0).map(Change::Tokens)
}

fn goal(payload: &str) -> Option<Change> {
    let objective = json::text(json::at(payload, &["goal", "objective"])?)?;
    let objective = objective.trim();
    (!objective.is_empty()).then(|| Change::Goal(capped(objective)))
}

fn metadata(payload: &str) -> Option<Change> {
    let [title, git_sha, git_branch, git_origin_url, memory_mode, archived] = json::members(
        payload,
        ["title", "git_sha", "git_branch", "git_origin_url", "memory_mode", "archived"],
    )
    .ok()?;
    Some(Change::Metadata(Box::new(MetadataUpdate {
        title: field(title),
        git_sha: field(git_sha),
        git_branch: field(git_branch),
        git_origin_url: field(git_origin_url),
        memory_mode: field(memory_mode),
        archived: archived.and_then(|archived| archived.get().parse().ok()),
    })))
}
