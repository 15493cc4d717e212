//! Counts of tokens: the lines of a session that matter most, and what they mean.

use super::{State, Writer};
use crate::archive::expected::{UseClass, UsedTokens};
use crate::archive::plan::{DAY, Version};

impl Writer<'_> {
    /// Writes a count of tokens. Most rise; some repeat, begin anew, or say less.
    pub(super) fn count(&mut self) {
        let last = self.used();
        let before = self.state.total;
        let (total, told, counts) = match (self.dice.below(100), before) {
            (0..4, Some(before)) if self.state.has_total => (Some(before), last, None),
            (4, Some(before)) if before.input > last.input => (Some(last), last, Some(last)),
            (5, _) => (None, last, Some(last)),
            (6, _) => {
                self.line("event_msg", r#"{"type":"token_count","info":null,"rate_limits":null}"#);
                return;
            }
            (_, before) => {
                let mut total = before.unwrap_or_default();
                total.add(&last);
                (Some(total), last, Some(last))
            }
        };
        if total.is_some() {
            self.state.total = total;
            self.state.has_total = true;
        }
        let cumulative = total.map_or("null".to_owned(), |total| self.tokens(&total));
        let told = self.tokens(&told);
        // A count that is written again belongs to no response.
        if self.is_newer() && counts.is_some() {
            let (turn, id, thread) =
                (&self.state.turn, self.thread(), cumulative.replace("null", "{}"));
            let thread_ids = format!(r#""thread_id":"{id}","turn_id":"{turn}""#);
            let root_ids = format!(r#""session_id":"{id}","root_turn_id":"{turn}""#);
            let of_turn = format!(r#""usage":{told},"turn_token_usage":{told}"#);
            let payload =
                format!(r#"{{{thread_ids},{root_ids},{of_turn},"thread_token_usage":{thread}}}"#);
            self.line("token_usage_record", &payload);
        }
        let usage = format!(r#""total_token_usage":{cumulative},"last_token_usage":{told}"#);
        let info = format!(r#"{{{usage},"model_context_window":258400}}"#);
        self.line(
            "event_msg",
            &format!(r#"{{"type":"token_count","info":{info},"rate_limits":null}}"#),
        );
        if let Some(used) = counts {
            let State { at, model, said, turn, .. } = &self.state;
            let class = UseClass { day: at.div_euclid(DAY), model: model.clone(), tier: *said };
            let used = UsedTokens { events: 1, ..used };
            if self.known.contains(turn.as_str()) {
                self.written.of_turns.entry(turn.clone()).or_default().add(class.clone(), &used);
            }
            self.written.expected.add(class, &used);
        }
    }

    /// What one response uses.
    fn used(&mut self) -> UsedTokens {
        let dice = &mut self.dice;
        let input = dice.between(400, 40_000);
        let output = dice.between(20, 2_500);
        UsedTokens {
            input,
            cached_input: dice.below(input),
            cache_write: if self.session.version == Version::Newer { dice.below(2_000) } else { 0 },
            output,
            reasoning: dice.below(output),
            total: input + output,
            events: 0,
        }
    }

    fn tokens(&self, used: &UsedTokens) -> String {
        let UsedTokens { input, cached_input, cache_write, output, reasoning, total, .. } = used;
        let written = if self.is_newer() {
            format!(r#""cache_write_input_tokens":{cache_write},"#)
        } else {
            String::new()
        };
        let read = format!(r#""input_tokens":{input},"cached_input_tokens":{cached_input}"#);
        let made = format!(r#""output_tokens":{output},"reasoning_output_tokens":{reasoning}"#);
        format!(r#"{{{read},{written}{made},"total_tokens":{total}}}"#)
    }
}
