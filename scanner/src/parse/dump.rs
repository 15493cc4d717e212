//! A submission as the session loop dumps it: Rust's Debug form of `Submission { id: "…", op: NAME { … } }`.

use memchr::memmem;

use super::TierWord;

/// What the dump of a submission says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Submission<'a> {
    /// The submission's id, the turn's where it starts one.
    pub(super) id: &'a str,
    /// What it does.
    pub(super) operation: Operation,
    /// The tier it names.
    pub(super) tier: TierWord,
}

/// The operations that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// `UserInput` or `UserTurn`.
    StartsTurn,
    /// `ThreadSettings`: what `/fast` sends.
    Settings,
    /// Anything else, or none.
    Other,
}

/// Reads the dump behind the marker. `None` without an id.
///
/// Names are looked for outside string literals only: people quote dumps in their prompts.
pub(super) fn submission(dump: &[u8]) -> Option<Submission<'_>> {
    let id = dump.trim_ascii_start().strip_prefix(b"id: \"")?;
    let id_length = literal_length(id)?;
    let rest = &id[id_length + 1..];
    let id = str::from_utf8(&id[..id_length]).ok().filter(|id| !id.is_empty())?;

    let mut operation = None;
    let mut tier = None;
    let mut position = 0;
    while operation.is_none() || tier.is_none() {
        let quote = memchr::memchr(b'"', &rest[position..]).map(|offset| position + offset);
        let code = position..quote.unwrap_or(rest.len());
        operation = operation.or_else(|| names(rest, &code, b"op: ").find_map(operation_at));
        tier = tier.or_else(|| names(rest, &code, b"service_tier: ").find_map(tier_at));
        // A literal that never closes leaves no code behind it.
        let Some(quote) = quote else { break };
        let Some(length) = literal_length(&rest[quote + 1..]) else { break };
        position = quote + 1 + length + 1;
    }
    Some(Submission {
        id,
        operation: operation.unwrap_or(Operation::Other),
        tier: tier.unwrap_or(TierWord::Inherit),
    })
}

/// What follows each occurrence of `name` that begins in `code` and is no end of a longer name.
fn names<'a>(
    dump: &'a [u8],
    code: &std::ops::Range<usize>,
    name: &'static [u8],
) -> impl Iterator<Item = &'a [u8]> {
    let start = code.start;
    memmem::find_iter(&dump[code.clone()], name)
        .map(move |offset| start + offset)
        .filter(|&at| at == 0 || !is_name_byte(dump[at - 1]))
        .map(move |at| &dump[at + name.len()..])
}

fn operation_at(value: &[u8]) -> Option<Operation> {
    let length = value.iter().position(|&byte| !is_name_byte(byte)).unwrap_or(value.len());
    match &value[..length] {
        b"" => None,
        b"UserInput" | b"UserTurn" => Some(Operation::StartsTurn),
        b"ThreadSettings" => Some(Operation::Settings),
        _ => Some(Operation::Other),
    }
}

fn tier_at(value: &[u8]) -> Option<TierWord> {
    if let Some(behind) = value.strip_prefix(b"None") {
        return (!behind.first().is_some_and(|&byte| is_name_byte(byte))).then_some(TierWord::Inherit);
    }
    if value.starts_with(b"Some(None)") {
        return Some(TierWord::Other);
    }
    let literal = value.strip_prefix(b"Some(Some(\"")?;
    let length = literal_length(literal)?;
    literal[length + 1..].starts_with(b"))").then(|| match &literal[..length] {
        b"priority" | b"fast" => TierWord::Priority,
        _ => TierWord::Other,
    })
}

/// The length of a string literal whose opening quote stands just before `text`; `None` if it never closes.
fn literal_length(text: &[u8]) -> Option<usize> {
    let mut position = 0;
    loop {
        position += memchr::memchr2(b'"', b'\\', &text[position..])?;
        if text[position] == b'"' {
            return Some(position);
        }
        position += 2;
        if position > text.len() {
            return None;
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dump: &str) -> Option<(&str, Operation, TierWord)> {
        submission(dump.as_bytes()).map(|found| (found.id, found.operation, found.tier))
    }

    #[test]
    fn the_forms_of_tier() {
        for (form, tier) in [
            ("None", TierWord::Inherit),
            ("Some(None)", TierWord::Other),
            ("Some(Some(\"priority\"))", TierWord::Priority),
            ("Some(Some(\"fast\"))", TierWord::Priority),
            ("Some(Some(\"flex\"))", TierWord::Other),
            ("Some(Some(\"\"))", TierWord::Other),
            ("Some(Some(\"a\\\"priority\"))", TierWord::Other),
            ("Nonesuch", TierWord::Inherit),
            ("Some(Some(\"priority\")", TierWord::Inherit),
        ] {
            let dump = format!(" id: \"t\", op: UserInput {{ service_tier: {form}, x: 1 }}");
            assert_eq!(read(&dump), Some(("t", Operation::StartsTurn, tier)), "{form}");
        }
    }

    #[test]
    fn what_stands_in_a_string_says_nothing() {
        let dump = concat!(
            r#" id: "t", op: UserTurn { text: "op: ThreadSettings, service_tier: Some(Some(\"priority\")), \\","#,
            r#" service_tier: Some(None) }"#
        );
        assert_eq!(read(dump), Some(("t", Operation::StartsTurn, TierWord::Other)));
    }

    #[test]
    fn the_first_of_each_name_counts_and_must_be_a_whole_name() {
        let dump = concat!(
            r#" id: "t", loop: 1, xop: ThreadSettings, op: Interrupt, op: UserInput,"#,
            r#" old_service_tier: Some(Some("priority")), service_tier: 7, service_tier: Some(Some("flex")),"#,
            r#" service_tier: Some(Some("priority"))"#
        );
        assert_eq!(read(dump), Some(("t", Operation::Other, TierWord::Other)));
    }

    #[test]
    fn an_id_is_needed() {
        assert_eq!(read(r#" id: "", op: UserInput"#), None);
        assert_eq!(read(r#" id: "open, op: UserInput"#), None);
        assert_eq!(read(r#" xid: "t", op: UserInput"#), None);
        assert_eq!(submission(b" id: \"\xff\", op: UserInput"), None);
        assert_eq!(read("\n\t id: \"t\""), Some(("t", Operation::Other, TierWord::Inherit)));
    }

    #[test]
    fn a_literal_that_never_closes_ends_the_dump() {
        let dump = r#" id: "t", op: UserInput { text: "open, service_tier: Some(Some(\"priority\"))"#;
        assert_eq!(read(dump), Some(("t", Operation::StartsTurn, TierWord::Inherit)));
        assert_eq!(
            read(r#" id: "t", op: UserInput { text: "open \"#),
            Some(("t", Operation::StartsTurn, TierWord::Inherit))
        );
    }
}
