//! Items from typed facts, with the payloads that the Codex CLI writes for them.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::threads::change::{MetadataUpdate, SessionMeta, TurnContext};
use crate::threads::item::{Item, ItemError};

impl Item {
    /// The first line of a history.
    ///
    /// # Errors
    /// [`ItemError::Encode`], which the payloads of this crate do not cause; so with the other
    /// constructors below.
    pub fn session_meta(meta: &SessionMeta) -> Result<Self, ItemError> {
        #[derive(Serialize)]
        struct Payload<'a> {
            id: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            timestamp: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            cwd: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            cli_version: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            source: Option<Word<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            thread_source: Option<Word<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            agent_nickname: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            agent_role: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            agent_path: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            model_provider: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            memory_mode: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            forked_from_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            git: Option<Git<'a>>,
        }
        #[derive(Serialize)]
        struct Git<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            commit_hash: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            branch: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            repository_url: Option<&'a str>,
        }
        Self::built(
            "session_meta",
            &Payload {
                id: meta.id.to_string(),
                timestamp: meta.timestamp.map(|created| created.to_string()),
                cwd: meta.cwd.as_deref(),
                cli_version: meta.cli_version.as_deref(),
                source: word(meta.source.as_deref()),
                thread_source: word(meta.thread_source.as_deref()),
                agent_nickname: meta.agent_nickname.as_deref(),
                agent_role: meta.agent_role.as_deref(),
                agent_path: meta.agent_path.as_deref(),
                model_provider: meta.model_provider.as_deref(),
                memory_mode: meta.memory_mode.as_deref(),
                forked_from_id: meta.forked_from.as_deref(),
                git: meta.git.as_ref().map(|git| Git {
                    commit_hash: git.commit_hash.as_deref(),
                    branch: git.branch.as_deref(),
                    repository_url: git.repository_url.as_deref(),
                }),
            },
        )
    }

    /// The settings of a turn.
    ///
    /// # Errors
    /// As [`Item::session_meta`].
    pub fn turn_context(context: &TurnContext) -> Result<Self, ItemError> {
        #[derive(Serialize)]
        struct Payload<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            cwd: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            approval_policy: Option<Word<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            sandbox_policy: Option<Word<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            model: Option<&'a str>,
            effort: Option<&'a str>,
        }
        Self::built(
            "turn_context",
            &Payload {
                cwd: context.cwd.as_deref(),
                approval_policy: word(context.approval_policy.as_deref()),
                sandbox_policy: word(context.sandbox_policy.as_deref()),
                model: context.model.as_deref(),
                effort: context.effort.as_ref().and_then(Option::as_deref),
            },
        )
    }

    /// A message of the user, without images.
    ///
    /// # Errors
    /// As [`Item::session_meta`].
    pub fn user_message(text: &str) -> Result<Self, ItemError> {
        #[derive(Serialize)]
        struct Fields<'a> {
            message: &'a str,
            images: [&'a str; 0],
            local_images: [&'a str; 0],
        }
        Self::event("user_message", Fields { message: text, images: [], local_images: [] })
    }

    /// The tokens used so far.
    ///
    /// # Errors
    /// As [`Item::session_meta`].
    pub fn token_count(total: i64) -> Result<Self, ItemError> {
        #[derive(Serialize)]
        struct Fields {
            info: Info,
        }
        #[derive(Serialize)]
        struct Info {
            total_token_usage: Usage,
        }
        #[derive(Serialize)]
        struct Usage {
            total_tokens: i64,
        }
        Self::event(
            "token_count",
            Fields { info: Info { total_token_usage: Usage { total_tokens: total } } },
        )
    }

    /// The beginning of a turn.
    ///
    /// # Errors
    /// As [`Item::session_meta`].
    pub fn task_started(turn_id: &str) -> Result<Self, ItemError> {
        #[derive(Serialize)]
        struct Fields<'a> {
            turn_id: &'a str,
        }
        Self::event("task_started", Fields { turn_id })
    }

    /// A goal of the thread.
    ///
    /// # Errors
    /// As [`Item::session_meta`].
    pub fn goal(objective: &str) -> Result<Self, ItemError> {
        #[derive(Serialize)]
        struct Fields<'a> {
            goal: Goal<'a>,
        }
        #[derive(Serialize)]
        struct Goal<'a> {
            objective: &'a str,
        }
        Self::event("thread_goal_updated", Fields { goal: Goal { objective } })
    }

    /// An explicit change of metadata.
    ///
    /// # Errors
    /// As [`Item::session_meta`].
    pub fn metadata(update: &MetadataUpdate) -> Result<Self, ItemError> {
        Self::event("thread_metadata_updated", update)
    }

    fn event(name: &'static str, fields: impl Serialize) -> Result<Self, ItemError> {
        #[derive(Serialize)]
        struct Payload<T> {
            r#type: &'static str,
            #[serde(flatten)]
            fields: T,
        }
        Self::built("event_msg", &Payload { r#type: name, fields })
    }
}

/// A text, or the object that it is the compact JSON of.
#[derive(Serialize)]
#[serde(untagged)]
enum Word<'a> {
    Text(&'a str),
    Object(&'a RawValue),
}

fn word(text: Option<&str>) -> Option<Word<'_>> {
    text.map(|text| match serde_json::from_str::<&RawValue>(text) {
        Ok(object) if text.starts_with('{') => Word::Object(object),
        _ => Word::Text(text),
    })
}
