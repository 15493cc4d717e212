//! The one function that says what a line of a history changes in the thread's row. Live
//! projection, replay and verification all call it, so they cannot disagree.

use std::ops::{BitOr, BitOrAssign};

use crate::threads::ablation::{Ablation, Ablations};
use crate::threads::change::{Change, Git, MetadataUpdate, SessionMeta, TurnContext};
use crate::threads::column::{Column, Value};
use crate::threads::id::ThreadId;
use crate::threads::patch::Patch;
use crate::threads::time::Millis;

/// The first message and the preview of a message that has images and no words.
pub(crate) const IMAGE_PLACEHOLDER: &str = "[Image]";

/// What earlier lines of the history have settled: all that the meaning of a line depends on
/// besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen(u8);

impl Seen {
    /// A `session_meta` of the thread.
    pub const SESSION_META: Self = Self(1);
    /// A working folder.
    pub const CWD: Self = Self(1 << 1);
    /// A first message.
    pub const FIRST_MESSAGE: Self = Self(1 << 2);
    /// A preview.
    pub const PREVIEW: Self = Self(1 << 3);
    /// A title: derived from a message, or set or cleared explicitly.
    pub const TITLE: Self = Self(1 << 4);
    /// The beginning of a turn.
    pub const TURN: Self = Self(1 << 5);
    /// A title that was set or cleared explicitly.
    pub const EXPLICIT_TITLE: Self = Self(1 << 6);
    /// The thread that it was forked from.
    pub const FORKED: Self = Self(1 << 7);

    /// All of it but `other`.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` is settled.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Seen {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Seen {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// Adds to `patch` what a line with this change and this time does to the row of `thread`, its
/// updated time included, and gives what is settled then. It looks at nothing but its arguments.
///
/// The bytes of history are not set here: only the caller knows where the line ends.
pub(crate) fn derive(
    seen: Seen,
    thread: ThreadId,
    change: &Change,
    at: Millis,
    patch: &mut Patch,
) -> Seen {
    derive_without(Ablations::NONE, seen, thread, change, at, patch)
}

/// The same without some of its rules.
pub(crate) fn derive_without(
    ablated: Ablations,
    mut seen: Seen,
    thread: ThreadId,
    change: &Change,
    at: Millis,
    patch: &mut Patch,
) -> Seen {
    if ablated.has(Ablation::Once) {
        seen = seen.without(Seen::FIRST_MESSAGE | Seen::PREVIEW | Seen::TITLE);
    }
    patch.set(Column::UpdatedAtMs, Value::Integer(at.0));
    match change {
        // A fork's history carries the lines of its parent.
        Change::SessionMeta(meta) if meta.id == thread || ablated.has(Ablation::OwnMeta) => {
            session_meta(&mut seen, meta, at, patch);
        }
        // What is copied begins with the parent's line, also where the fork's own line does not
        // name the parent.
        Change::SessionMeta(parent) => {
            once(&mut seen, Seen::FORKED, Column::ForkedFrom, Some(&parent.id.to_string()), patch);
        }
        Change::Touch => {}
        Change::TurnContext(context) => turn_context(&mut seen, context, patch),
        Change::UserMessage { text, has_images } => {
            user_message(&mut seen, text.as_deref(), *has_images, patch);
        }
        Change::Tokens(total) => patch.set(Column::TokensUsed, Value::Integer(*total)),
        Change::Goal(objective) => {
            once(&mut seen, Seen::PREVIEW, Column::Preview, Some(objective), patch);
        }
        Change::TurnStarted => {
            seen |= Seen::TURN;
            if ablated.has(Ablation::Recency) {
                return seen;
            }
            patch.set(Column::RecencyAtMs, Value::Integer(at.0));
        }
        Change::Metadata(update) => {
            let title = seen;
            metadata(&mut seen, update, at, patch);
            if ablated.has(Ablation::ExplicitTitle) {
                seen = title;
            }
        }
    }
    seen
}

fn session_meta(seen: &mut Seen, meta: &SessionMeta, at: Millis, patch: &mut Patch) {
    let is_first = !seen.has(Seen::SESSION_META);
    *seen |= Seen::SESSION_META;
    if is_first || meta.timestamp.is_some() {
        let created = Value::Integer(meta.timestamp.unwrap_or(at).0);
        patch.set(Column::CreatedAtMs, created.clone());
        if !seen.has(Seen::TURN) {
            patch.set(Column::RecencyAtMs, created);
        }
    }
    // These are what the line says, also where it says nothing.
    for (column, value) in [
        (Column::ThreadSource, &meta.thread_source),
        (Column::AgentNickname, &meta.agent_nickname),
        (Column::AgentRole, &meta.agent_role),
        (Column::AgentPath, &meta.agent_path),
    ] {
        patch.set(column, Value::of(value.as_deref()));
    }
    for (column, value) in [
        (Column::Source, &meta.source),
        (Column::ModelProvider, &meta.model_provider),
        (Column::CliVersion, &meta.cli_version),
        (Column::Cwd, &meta.cwd),
        (Column::MemoryMode, &meta.memory_mode),
    ] {
        keep(column, value.as_deref(), patch);
    }
    if meta.cwd.is_some() {
        *seen |= Seen::CWD;
    }
    once(seen, Seen::FORKED, Column::ForkedFrom, meta.forked_from.as_deref(), patch);
    if is_first && meta.memory_mode.is_none() {
        patch.set(Column::MemoryMode, Column::MemoryMode.default_value());
    }
    if let Some(Git { commit_hash, branch, repository_url }) = &meta.git {
        patch.set(Column::GitSha, Value::of(commit_hash.as_deref()));
        patch.set(Column::GitBranch, Value::of(branch.as_deref()));
        patch.set(Column::GitOriginUrl, Value::of(repository_url.as_deref()));
    }
}

fn turn_context(seen: &mut Seen, context: &TurnContext, patch: &mut Patch) {
    once(seen, Seen::CWD, Column::Cwd, context.cwd.as_deref(), patch);
    keep(Column::Model, context.model.as_deref(), patch);
    keep(Column::ApprovalMode, context.approval_policy.as_deref(), patch);
    keep(Column::SandboxPolicy, context.sandbox_policy.as_deref(), patch);
    if let Some(effort) = &context.effort {
        patch.set(Column::ReasoningEffort, Value::of(effort.as_deref()));
    }
}

fn user_message(seen: &mut Seen, text: Option<&str>, has_images: bool, patch: &mut Patch) {
    let shown = text.or(has_images.then_some(IMAGE_PLACEHOLDER));
    once(seen, Seen::FIRST_MESSAGE, Column::FirstUserMessage, shown, patch);
    once(seen, Seen::PREVIEW, Column::Preview, shown, patch);
    once(seen, Seen::TITLE, Column::Title, text, patch);
}

fn metadata(seen: &mut Seen, update: &MetadataUpdate, at: Millis, patch: &mut Patch) {
    for (column, value) in [
        (Column::Title, &update.title),
        (Column::GitSha, &update.git_sha),
        (Column::GitBranch, &update.git_branch),
        (Column::GitOriginUrl, &update.git_origin_url),
    ] {
        if let Some(value) = value {
            patch.set(column, Value::of(value.as_deref()));
        }
    }
    if update.title.is_some() {
        // Also where it was cleared: no message becomes the title after that.
        *seen |= Seen::TITLE | Seen::EXPLICIT_TITLE;
    }
    match &update.memory_mode {
        None => {}
        Some(None) => patch.set(Column::MemoryMode, Column::MemoryMode.default_value()),
        Some(Some(mode)) => patch.set(Column::MemoryMode, Value::text(mode)),
    }
    match update.archived {
        None => {}
        Some(false) => patch.set(Column::ArchivedAtMs, Value::Null),
        Some(true) => patch.set(Column::ArchivedAtMs, Value::Integer(at.0)),
    }
}

/// Sets what there is, keeps what there was.
fn keep(column: Column, value: Option<&str>, patch: &mut Patch) {
    if let Some(value) = value {
        patch.set(column, Value::text(value));
    }
}

/// Sets what there is, if nothing was before.
fn once(seen: &mut Seen, flag: Seen, column: Column, value: Option<&str>, patch: &mut Patch) {
    if let Some(value) = value
        && !seen.has(flag)
    {
        *seen |= flag;
        patch.set(column, Value::text(value));
    }
}

#[cfg(test)]
mod tests;
