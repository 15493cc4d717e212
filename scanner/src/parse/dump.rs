//! A submission as the session loop dumps it: Rust's Debug form of `Submission { id: "…", op: NAME
//! { … } }`.

use memchr::memmem;

use super::TierWord;

/// What the dump of a submission says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Submission<'a> {
    /// The submission's id, the turn's where it starts one.
    pub(super) id: &'a str,
    /// What it does; `None` if the dump names no operation.
    pub(super) operation: Option<Operation>,
    /// The tier it names.
    pub(super) tier: TierWord,
    /// Whether a `service_tier` in it is `Some`. Known only without an operation that is known.
    pub(super) sets_tier: bool,
}

/// The operations that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// `UserInput`, `UserTurn`, `UserInputWithTurnContext` (0.125 to 0.130) or `TurnInput` (from
    /// 0.148): names a turn.
    NamesTurn,
    /// `ThreadSettings`, which `/fast` sends, or `OverrideTurnContext` (0.117 to 0.122): sets the
    /// tier.
    Settings,
    /// An operation of another name.
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
    let mut sets_tier = false;
    let mut position = 0;
    while match operation {
        None => true,
        Some(Operation::Other) => !sets_tier,
        Some(Operation::NamesTurn | Operation::Settings) => tier.is_none(),
    } {
        let quote = memchr::memchr(b'"', &rest[position..]).map(|offset| position + offset);
        let code = position..quote.unwrap_or(rest.len());
        operation = operation.or_else(|| names(rest, &code, b"op: ").find_map(operation_at));
        for value in names(rest, &code, b"service_tier: ") {
            tier = tier.or_else(|| tier_at(value));
            sets_tier |= value.starts_with(b"Some(");
        }
        // A literal that never closes leaves no code behind it.
        let Some(quote) = quote else { break };
        let Some(length) = literal_length(&rest[quote + 1..]) else { break };
        position = quote + 1 + length + 1;
    }
    Some(Submission { id, operation, tier: tier.unwrap_or(TierWord::Inherit), sets_tier })
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
        b"UserInput" | b"UserTurn" | b"UserInputWithTurnContext" | b"TurnInput" => {
            Some(Operation::NamesTurn)
        }
        b"ThreadSettings" | b"OverrideTurnContext" => Some(Operation::Settings),
        _ => Some(Operation::Other),
    }
}

fn tier_at(value: &[u8]) -> Option<TierWord> {
    if let Some(behind) = value.strip_prefix(b"None") {
        return (!behind.first().is_some_and(|&byte| is_name_byte(byte)))
            .then_some(TierWord::Inherit);
    }
    if value.starts_with(b"Some(None)") {
        return Some(TierWord::Other);
    }
    let name = value.strip_prefix(b"Some(Some(")?;
    let (is_priority, behind) = match name.strip_prefix(b"\"") {
        Some(literal) => {
            let length = literal_length(literal)?;
            (matches!(&literal[..length], b"priority" | b"fast"), &literal[length + 1..])
        }
        // 0.117 to 0.128 had an enum, which is dumped by the names of its variants.
        None => {
            let (name, behind) = name.split_at(name.iter().position(|&byte| !is_name_byte(byte))?);
            if name.is_empty() {
                return None;
            }
            (name.eq_ignore_ascii_case(b"fast") || name.eq_ignore_ascii_case(b"priority"), behind)
        }
    };
    behind.starts_with(b"))").then_some(if is_priority {
        TierWord::Priority
    } else {
        TierWord::Other
    })
}

/// The length of a string literal whose opening quote comes just before `text`; `None` if it never
/// closes.
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

    fn read(dump: &str) -> Option<(&str, Option<Operation>, TierWord)> {
        submission(dump.as_bytes()).map(|found| (found.id, found.operation, found.tier))
    }

    const NAMES_TURN: Option<Operation> = Some(Operation::NamesTurn);

    #[test]
    fn the_forms_of_tier() {
        for (form, tier) in [
            ("None", TierWord::Inherit),
            ("Some(None)", TierWord::Other),
            ("Some(Some(\"priority\"))", TierWord::Priority),
            ("Some(Some(\"fast\"))", TierWord::Priority),
            ("Some(Some(\"flex\"))", TierWord::Other),
            ("Some(Some(\"\"))", TierWord::Other),
            ("Some(Some(\"FAST\"))", TierWord::Other),
            ("Some(Some(Fast))", TierWord::Priority),
            ("Some(Some(PRIORITY))", TierWord::Priority),
            ("Some(Some(Flex))", TierWord::Other),
            ("Some(Some())", TierWord::Inherit),
            ("Some(Some(Fast)", TierWord::Inherit),
            ("Some(Some(Fast { a: 1 }))", TierWord::Inherit),
            ("Some(Some(\"a\\\"priority\"))", TierWord::Other),
            ("Nonesuch", TierWord::Inherit),
            ("Some(Some(\"priority\")", TierWord::Inherit),
        ] {
            let dump = format!(" id: \"t\", op: UserInput {{ service_tier: {form}, x: 1 }}");
            assert_eq!(read(&dump), Some(("t", NAMES_TURN, tier)), "{form}");
        }
    }

    #[test]
    fn what_stands_in_a_string_says_nothing() {
        let dump = concat!(
            r#" id: "t", op: UserTurn { "#,
            r#"text: "op: ThreadSettings, service_tier: Some(Some(\"priority\")), \\","#,
            r#" service_tier: Some(None) }"#
        );
        assert_eq!(read(dump), Some(("t", NAMES_TURN, TierWord::Other)));
    }

    #[test]
    fn the_first_of_each_name_counts_and_must_be_a_whole_name() {
        let dump = concat!(
            r#" id: "t", loop: 1, xop: ThreadSettings, op: UserTurn, op: Interrupt,"#,
            r#" old_service_tier: Some(Some("priority")), service_tier: 7,"#,
            r#" service_tier: Some(Some("flex")), service_tier: Some(Some("priority"))"#
        );
        assert_eq!(read(dump), Some(("t", NAMES_TURN, TierWord::Other)));
    }

    #[test]
    fn the_operations_of_all_versions() {
        for (name, operation) in [
            ("UserInput", NAMES_TURN),
            ("UserTurn", NAMES_TURN),
            ("UserInputWithTurnContext", NAMES_TURN),
            ("TurnInput", NAMES_TURN),
            ("ThreadSettings", Some(Operation::Settings)),
            ("OverrideTurnContext", Some(Operation::Settings)),
            ("UserInputs", Some(Operation::Other)),
            ("Interrupt", Some(Operation::Other)),
            ("", None),
        ] {
            let dump = format!(r#" id: "t", op: {name} {{ }}"#);
            assert_eq!(read(&dump), Some(("t", operation, TierWord::Inherit)), "{name}");
        }
    }

    #[test]
    fn a_tier_in_an_unknown_operation_is_noticed() {
        let sets_tier = |inside: &str| {
            submission(format!(r#" id: "t", op: New {{ {inside} }}"#).as_bytes()).unwrap().sets_tier
        };
        assert!(sets_tier("service_tier: None, service_tier: Some(Flex)"));
        assert!(!sets_tier("service_tier: None") && !sets_tier(r#"a: "service_tier: Some(None)""#));
    }

    #[test]
    fn an_id_is_needed() {
        assert_eq!(read(r#" id: "", op: UserInput"#), None);
        assert_eq!(read(r#" id: "open, op: UserInput"#), None);
        assert_eq!(read(r#" xid: "t", op: UserInput"#), None);
        assert_eq!(submission(b" id: \"\xff\", op: UserInput"), None);
        assert_eq!(read("\n\t id: \"t\""), Some(("t", None, TierWord::Inherit)));
    }

    #[test]
    fn a_literal_that_never_closes_ends_the_dump() {
        let dump =
            r#" id: "t", op: UserInput { text: "open, service_tier: Some(Some(\"priority\"))"#;
        assert_eq!(read(dump), Some(("t", NAMES_TURN, TierWord::Inherit)));
        assert_eq!(
            read(r#" id: "t", op: UserInput { text: "open \"#),
            Some(("t", NAMES_TURN, TierWord::Inherit))
        );
    }
}
