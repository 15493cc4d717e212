//! Lines of a session that do not matter.

use super::Writer;

/// Lines that do not matter: minimum, median, 90th and 99th percentile, maximum of their bytes.
pub(super) const BULK: [u64; 5] = [420, 900, 5_000, 35_000, 160_000];

impl Writer<'_> {
    /// Writes lines of so many bytes together that do not matter, or a little less.
    pub(super) fn bulk(&mut self, mut bytes: u64) {
        while bytes >= BULK[0] {
            let size = self.bulk_dice.size(BULK).min(bytes);
            let size = if bytes - size < BULK[0] { bytes } else { size };
            self.filler(size);
            bytes -= size;
        }
    }

    /// One line of so many bytes that does not matter.
    pub(super) fn filler(&mut self, bytes: u64) {
        let begin = self.out.len();
        let is_unknown = self.bulk_dice.chance(self.unknown_per_mille);
        let (kind, before, after) = match self.bulk_dice.below(if is_unknown { 2 } else { 10 }) {
            0 if is_unknown => ("experiment_state", r#"{"full":true,"state":""#, r#""}"#),
            1 if is_unknown => ("event_msg", r#"{"type":"sandbox_heartbeat","note":""#, r#""}"#),
            0..3 => (
                "response_item",
                r#"{"type":"reasoning","summary":[],"content":null,"encrypted_content":"gAAAA"#,
                r#""}"#,
            ),
            3..6 => (
                "response_item",
                concat!(
                    r#"{"type":"function_call_output","call_id":"call_1ad0afd34c9c3a86c6e131","#,
                    r#""output":""#
                ),
                r#""}"#,
            ),
            6..8 if !self.is_newer() => {
                ("event_msg", r#"{"type":"agent_message","message":""#, r#"","phase":null}"#)
            }
            6 => (
                "event_msg",
                r#"{"type":"item_completed","item":{"type":"AgentMessage","text":""#,
                r#""}}"#,
            ),
            7 => ("world_state", r#"{"full":false,"state":""#, r#""}"#),
            _ => (
                "response_item",
                r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":""#,
                r#""}]}"#,
            ),
        };
        self.written.unknown.extend(is_unknown.then_some(begin));
        self.begin_at_once(kind);
        self.out.extend_from_slice(before.as_bytes());
        let taken = (self.out.len() - begin + after.len() + 2) as u64;
        let fill = usize::try_from(bytes.saturating_sub(taken)).unwrap_or(0);
        if before.ends_with("gAAAA") {
            self.pools.hex(&mut self.bulk_dice, fill, &mut self.out);
        } else {
            self.pools.prose(&mut self.bulk_dice, fill, &mut self.out);
        }
        self.out.extend_from_slice(after.as_bytes());
        self.end();
    }
}
