//! Reading a row as published scanners do, one rule of reading missing.

use memchr::{memchr, memmem};

use super::{Ablation, Ablations};
use crate::parse::{self, Marked, MarkerKind, Parsed, Says, TierWord};

/// The markers in the order in which the published query's reader asks for them.
const ASKED: [(MarkerKind, &[u8]); 4] = [
    (MarkerKind::Completion, b"websocket event:"),
    (MarkerKind::Request, b"websocket request:"),
    (MarkerKind::Submission, b"Submission sub=Submission {"),
    (MarkerKind::Tags, b"tags_json="),
];

/// The operations that are not known without their rule.
const NEWER: [&[u8]; 3] =
    [b"op: UserInputWithTurnContext", b"op: TurnInput", b"op: OverrideTurnContext"];

/// As [`parse::parse`], without the rules in `ablated`.
pub(crate) fn parse<'a>(
    ablated: Ablations,
    body: &'a [u8],
    marked: Marked,
    target: Option<&'a [u8]>,
) -> Parsed<'a> {
    let end = memchr(0, body).filter(|_| ablated.has(Ablation::RowNul)).unwrap_or(body.len());
    let body = &body[..end];
    if marked.end > end {
        return Parsed::Nothing;
    }
    let marked = if ablated.has(Ablation::RowFirstMarker) {
        asked_first(body).unwrap_or(marked)
    } else {
        marked
    };
    let own = marked.kind.targets().first().copied();
    let target = if ablated.has(Ablation::RowTarget) { own } else { target };
    let mut parsed = parse::parse(body, marked, target);
    let after = &body[marked.end..];
    let holds = |text: &[u8]| memmem::find(after, text).is_some();
    if let Parsed::Fact(fact) = &mut parsed {
        if let Says::Submission { tier, .. } | Says::Settings { tier } = &mut fact.says
            && ablated.has(Ablation::TierEnum)
            && !holds(br#"Some(Some(""#)
            && holds(b"Some(Some(")
        {
            *tier = TierWord::Inherit;
        }
        match &mut fact.says {
            Says::Submission { .. } | Says::Settings { .. }
                if ablated.has(Ablation::Operations)
                    && NEWER.iter().any(|operation| holds(operation)) =>
            {
                return Parsed::Nothing;
            }
            Says::Tags { .. } if ablated.has(Ablation::Tags) => return Parsed::Nothing,
            Says::Submission { tier, .. } | Says::Settings { tier }
                if ablated.has(Ablation::TierFast)
                    && memmem::find(after, br#"Some(Some("fast"))"#).is_some() =>
            {
                *tier = TierWord::Other;
            }
            Says::Settings { tier } if ablated.has(Ablation::TierSettings) => {
                if let Some(turn) = first_id(after) {
                    fact.says = Says::Submission { turn, tier: *tier };
                }
            }
            _ => {}
        }
    }
    parsed
}

fn asked_first(body: &[u8]) -> Option<Marked> {
    ASKED.iter().find_map(|&(kind, marker)| {
        let start = memmem::find(body, marker)?;
        Some(Marked { kind, start, end: start + marker.len() })
    })
}

/// What is in the first `id: "..."`.
fn first_id(dump: &[u8]) -> Option<&str> {
    const NAME: &[u8] = b"id: \"";
    let id = &dump[memmem::find(dump, NAME)? + NAME.len()..];
    str::from_utf8(&id[..memchr(b'"', id)?]).ok()
}
