//! Conversations: what sessions append to the histories of their threads, the same on every
//! machine.

use serde::Deserialize;
use tracerig_store::threads::{Item, ItemError};

use crate::dice::Dice;
use crate::prose::Pools;
use crate::recipe::Sizes;

const DEFINITION: &str = include_str!("../workloads/conversation.toml");

/// Lines that many threads append, each starting at another turn.
#[derive(Debug)]
pub struct Conversation {
    items: Vec<Item>,
    /// Where turns begin.
    turns: Vec<usize>,
}

/// Why there is no conversation: a defect of the definition that comes with the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConversationError {
    /// The definition cannot be read.
    #[error("the definition of the conversation cannot be read: {0}; please report it")]
    Definition(#[from] toml::de::Error),
    /// A line of it is no item.
    #[error("the definition of the conversation gives no items: {0}; please report it")]
    Item(#[from] ItemError),
    /// A line of it is not JSON.
    #[error("the definition of the conversation gives no JSON: {0}; please report it")]
    Json(#[from] serde_json::Error),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    name: String,
    why: String,
    lines: usize,
    tool_calls: Vec<u64>,
    bytes: Bytes,
}

/// Bytes of a line of each kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    task_started: Sizes,
    turn_context: Sizes,
    user_message: Sizes,
    message_user: Sizes,
    message_assistant: Sizes,
    agent_message: Sizes,
    agent_reasoning: Sizes,
    reasoning: Sizes,
    function_call: Sizes,
    function_call_output: Sizes,
    token_count: Sizes,
    task_complete: Sizes,
}

impl Conversation {
    /// The conversation of a seed.
    ///
    /// # Errors
    /// None but for a defect of the definition.
    pub fn of(seed: u64) -> Result<Self, ConversationError> {
        let definition: Definition = toml::from_str(DEFINITION)?;
        let mut writer = Writer {
            bytes: definition.bytes,
            dice: Dice::new(seed, "conversation", 0),
            prose: Pools::of(seed),
            turn: String::new(),
            tokens: 0,
            items: Vec::with_capacity(definition.lines + 32),
        };
        let mut turns = Vec::new();
        while writer.items.len() < definition.lines {
            turns.push(writer.items.len());
            let calls = *writer.dice.pick(&definition.tool_calls);
            writer.turn(calls)?;
        }
        Ok(Self { items: writer.items, turns })
    }

    /// The text that defines it, for records.
    #[must_use]
    pub fn definition() -> &'static str {
        DEFINITION
    }

    /// What it is called, and why it is as it is.
    ///
    /// # Errors
    /// None but for a defect of the definition.
    pub fn name_and_reason() -> Result<(String, String), ConversationError> {
        let Definition { name, why, .. } = toml::from_str(DEFINITION)?;
        Ok((name, why))
    }

    /// Every line once, in order.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The place in [`Conversation::items`] of the line that the `thread`-th thread begins with.
    #[must_use]
    pub fn first_of_thread(&self, thread: usize) -> usize {
        // Threads begin far from each other, so that they are not at the same kind of line at the
        // same time.
        const STRIDE: usize = 37;
        self.turns[thread * STRIDE % self.turns.len()]
    }

    /// What the `thread`-th thread appends, in order, without end: after the last line comes the
    /// first.
    pub fn of_thread(&self, thread: usize) -> impl Iterator<Item = &Item> {
        self.items.iter().cycle().skip(self.first_of_thread(thread))
    }
}

struct Writer {
    bytes: Bytes,
    dice: Dice,
    prose: std::sync::Arc<Pools>,
    /// The id of the turn.
    turn: String,
    tokens: u64,
    items: Vec<Item>,
}

/// `{"timestamp":"2026-11-20T20:37:24.062Z","type":"","payload":}` and a line break.
const AROUND: usize = 62;

/// Members of payloads.
const STARTED: &str = r#""started_at":1780000000,"model_context_window":258400"#;
const EXEC_COMMAND: &str = r#""type":"function_call","name":"exec_command""#;
const CONTEXT: &str = concat!(
    r#""cwd":"/home/dev/work/project","approval_policy":"never","#,
    r#""sandbox_policy":{"type":"danger-full-access"},"permission_profile":{"type":"disabled"},"#,
    r#""model":"gpt-5.5","effort":"medium","summary":"auto""#
);

impl Writer {
    fn turn(&mut self, calls: u64) -> Result<(), ConversationError> {
        self.turn = self.dice.uuid4();
        let turn = self.turn.clone();
        self.line(
            "event_msg",
            self.bytes.task_started,
            &format!(r#"{{"type":"task_started","turn_id":"{turn}",{STARTED},"filler":""#),
            r#""}"#,
        )?;
        self.line(
            "turn_context",
            self.bytes.turn_context,
            &format!(r#"{{"turn_id":"{turn}",{CONTEXT},"filler":""#),
            r#""}"#,
        )?;
        self.line(
            "response_item",
            self.bytes.message_user,
            r#"{"type":"message","role":"user","content":[{"type":"input_text","text":""#,
            r#""}]}"#,
        )?;
        self.line(
            "event_msg",
            self.bytes.user_message,
            r#"{"type":"user_message","message":""#,
            r#"","images":[],"local_images":[],"text_elements":[]}"#,
        )?;
        for _ in 0..calls {
            self.tool_call()?;
        }
        self.line(
            "event_msg",
            self.bytes.agent_message,
            r#"{"type":"agent_message","message":""#,
            r#"","phase":"final_answer"}"#,
        )?;
        self.line(
            "response_item",
            self.bytes.message_assistant,
            r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":""#,
            r#""}],"phase":"final_answer"}"#,
        )?;
        self.token_count()?;
        self.line(
            "event_msg",
            self.bytes.task_complete,
            &format!(r#"{{"type":"task_complete","turn_id":"{turn}","last_agent_message":""#),
            r#"","completed_at":1780000000,"duration_ms":1500}"#,
        )
    }

    fn tool_call(&mut self) -> Result<(), ConversationError> {
        let call = self.dice.hex(24);
        self.line(
            "event_msg",
            self.bytes.agent_reasoning,
            r#"{"type":"agent_reasoning","text":"**Thinking** "#,
            r#""}"#,
        )?;
        self.line(
            "response_item",
            self.bytes.reasoning,
            r#"{"type":"reasoning","summary":[],"content":null,"encrypted_content":""#,
            r#""}"#,
        )?;
        self.line(
            "response_item",
            self.bytes.function_call,
            &format!(r#"{{{EXEC_COMMAND},"call_id":"call_{call}","arguments":""#),
            r#""}"#,
        )?;
        self.line(
            "response_item",
            self.bytes.function_call_output,
            &format!(r#"{{"type":"function_call_output","call_id":"call_{call}","output":""#),
            r#""}"#,
        )?;
        self.token_count()
    }

    fn token_count(&mut self) -> Result<(), ConversationError> {
        let last = self.dice.between(500, 60_000);
        self.tokens += last;
        let usage = |total: u64| {
            let (input, output) = (total * 4 / 5, total - total * 4 / 5);
            let (cached, reasoning) = (input / 2, output / 5);
            let read = format!(r#""input_tokens":{input},"cached_input_tokens":{cached}"#);
            let made = format!(r#""output_tokens":{output},"reasoning_output_tokens":{reasoning}"#);
            format!(r#"{{{read},{made},"total_tokens":{total}}}"#)
        };
        let (total, last) = (usage(self.tokens), usage(last));
        let counted = format!(r#""total_token_usage":{total},"last_token_usage":{last}"#);
        let info = format!(r#"{{{counted},"model_context_window":258400}}"#);
        let before = format!(r#"{{"type":"token_count","info":{info},"rate_limits":""#);
        self.line("event_msg", self.bytes.token_count, &before, r#""}"#)
    }

    /// One line, with as much prose in the middle of its payload as its length leaves room for.
    fn line(
        &mut self,
        kind: &str,
        bytes: Sizes,
        before: &str,
        after: &str,
    ) -> Result<(), ConversationError> {
        let around = AROUND + kind.len() + before.len() + after.len();
        let length =
            usize::try_from(self.dice.size(bytes)).unwrap_or(around).saturating_sub(around);
        let mut payload = before.as_bytes().to_vec();
        self.prose.prose(&mut self.dice, length, &mut payload);
        payload.extend_from_slice(after.as_bytes());
        let payload = serde_json::from_slice(&payload)?;
        self.items.push(Item::new(kind, payload)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(conversation: &Conversation, thread: usize, count: usize) -> Vec<Vec<u8>> {
        let line = |item: &Item| {
            let mut line = Vec::new();
            item.write_line("2026-11-20T20:37:24.062Z", &mut line);
            line
        };
        conversation.of_thread(thread).take(count).map(line).collect()
    }

    #[test]
    fn lines_have_the_sizes_of_real_ones() {
        let conversation = Conversation::of(1).unwrap();
        let mut sizes: Vec<usize> = lines(&conversation, 0, 4096).iter().map(Vec::len).collect();
        sizes.sort_unstable();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((400..=700).contains(&sizes[sizes.len() / 2]), "{}", sizes[sizes.len() / 2]);
        assert!((3000..=6500).contains(&mean), "{mean}");
        assert!((65_000..=71_300).contains(&sizes[sizes.len() - 1]), "{}", sizes[sizes.len() - 1]);
    }

    #[test]
    fn a_seed_gives_the_same_lines_and_threads_begin_apart_with_a_turn() {
        let (a, b) = (Conversation::of(7).unwrap(), Conversation::of(7).unwrap());
        assert_eq!(lines(&a, 3, 5000), lines(&b, 3, 5000));
        assert_ne!(lines(&a, 3, 1), lines(&Conversation::of(8).unwrap(), 3, 1));
        let mut firsts = std::collections::BTreeSet::new();
        for thread in 0..64 {
            let first = &lines(&a, thread, 1)[0];
            assert!(String::from_utf8_lossy(first).contains("task_started"));
            firsts.insert(first.clone());
        }
        assert_eq!(firsts.len(), 64);
    }
}
