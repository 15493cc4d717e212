//! The columns of a thread's row, and the values in them.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// A column of table `threads`, in the order of the table. The id is the key of the row and not
/// among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Column {
    /// The history file. Known to who writes the row, not to the history.
    RolloutPath,
    /// When the thread was created, milliseconds.
    CreatedAtMs,
    /// The time of the history's last line, milliseconds.
    UpdatedAtMs,
    /// When its last turn began, milliseconds; until then when it was created.
    RecencyAtMs,
    /// What started it: a word, or compact JSON where the word has details.
    Source,
    /// Who started it, such as `user`.
    ThreadSource,
    /// The nickname of the agent that the thread belongs to.
    AgentNickname,
    /// The role of that agent.
    AgentRole,
    /// Its place among the agents.
    AgentPath,
    /// The provider of the model.
    ModelProvider,
    /// The model of the last turn.
    Model,
    /// The reasoning effort of the last turn.
    ReasoningEffort,
    /// The working folder.
    Cwd,
    /// The version of the program that began the thread.
    CliVersion,
    /// The title: set explicitly, or the first message with text.
    Title,
    /// What lists show: the first message or goal.
    Preview,
    /// The first message, `[Image]` where it has no text.
    FirstUserMessage,
    /// The approval policy of the last turn.
    ApprovalMode,
    /// The permission profile or sandbox policy of the last turn, a word or compact JSON.
    SandboxPolicy,
    /// Tokens used in total.
    TokensUsed,
    /// When the thread was archived, milliseconds; NULL while it is not.
    ArchivedAtMs,
    /// The commit it began at.
    GitSha,
    /// The branch it began on.
    GitBranch,
    /// Where that repository comes from.
    GitOriginUrl,
    /// Whether memories may be made of it.
    MemoryMode,
    /// The thread that it was forked from.
    ForkedFrom,
    /// Bytes of history that the row is the replay of, so that a stale row is seen with one `stat`
    /// a file: of a file that is compressed its own size, of several segments their sum.
    HistoryBytes,
}

impl Column {
    /// Every column, in the order of the table.
    pub const ALL: [Column; 27] = [
        Column::RolloutPath,
        Column::CreatedAtMs,
        Column::UpdatedAtMs,
        Column::RecencyAtMs,
        Column::Source,
        Column::ThreadSource,
        Column::AgentNickname,
        Column::AgentRole,
        Column::AgentPath,
        Column::ModelProvider,
        Column::Model,
        Column::ReasoningEffort,
        Column::Cwd,
        Column::CliVersion,
        Column::Title,
        Column::Preview,
        Column::FirstUserMessage,
        Column::ApprovalMode,
        Column::SandboxPolicy,
        Column::TokensUsed,
        Column::ArchivedAtMs,
        Column::GitSha,
        Column::GitBranch,
        Column::GitOriginUrl,
        Column::MemoryMode,
        Column::ForkedFrom,
        Column::HistoryBytes,
    ];

    /// The name of the column in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Column::RolloutPath => "rollout_path",
            Column::CreatedAtMs => "created_at_ms",
            Column::UpdatedAtMs => "updated_at_ms",
            Column::RecencyAtMs => "recency_at_ms",
            Column::Source => "source",
            Column::ThreadSource => "thread_source",
            Column::AgentNickname => "agent_nickname",
            Column::AgentRole => "agent_role",
            Column::AgentPath => "agent_path",
            Column::ModelProvider => "model_provider",
            Column::Model => "model",
            Column::ReasoningEffort => "reasoning_effort",
            Column::Cwd => "cwd",
            Column::CliVersion => "cli_version",
            Column::Title => "title",
            Column::Preview => "preview",
            Column::FirstUserMessage => "first_user_message",
            Column::ApprovalMode => "approval_mode",
            Column::SandboxPolicy => "sandbox_policy",
            Column::TokensUsed => "tokens_used",
            Column::ArchivedAtMs => "archived_at_ms",
            Column::GitSha => "git_sha",
            Column::GitBranch => "git_branch",
            Column::GitOriginUrl => "git_origin_url",
            Column::MemoryMode => "memory_mode",
            Column::ForkedFrom => "forked_from",
            Column::HistoryBytes => "history_bytes",
        }
    }

    /// What is in the column when the history says nothing: the table's own default.
    #[must_use]
    pub fn default_value(self) -> Value {
        match self {
            Column::TokensUsed | Column::HistoryBytes => Value::Integer(0),
            Column::MemoryMode => Value::text("enabled"),
            _ => Value::Null,
        }
    }
}

/// What is in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number, or a time in milliseconds.
    Integer(i64),
    /// A text.
    Text(String),
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A text, or nothing.
    pub(crate) fn of(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_column_at_its_place() {
        for (place, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column as usize, place, "{}", column.name());
        }
    }
}
