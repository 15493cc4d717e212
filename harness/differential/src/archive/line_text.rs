//! The lines of a rollout as text: `count 9/4 ordinal=7 @30 +120ms`.

use std::fmt;
use std::str::FromStr;

use super::line::{Count, FORMS, LineSpec, Meta, PLAIN, Response, Says, TIERS, name_of, named};

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A number, or nothing: `-`.
fn perhaps<T: FromStr>(text: &str) -> Option<Option<T>> {
    if text == "-" { Some(None) } else { number(text).map(Some) }
}

fn meta(session: &str, more: &[&str]) -> Option<Says> {
    let mut meta = Meta::of(number(session)?);
    for word in more {
        match word.split_once('=') {
            Some(("fork", parent)) => meta.fork = Some(number(parent)?),
            Some(("begins", ordinal)) => meta.begins = Some(number(ordinal)?),
            None if *word == "base" => meta.base = true,
            None => meta.version = number(word.strip_prefix("0.")?)?,
            Some(_) => return None,
        }
    }
    Some(Says::Meta(meta))
}

fn record(session: &str, id: &str, used: &str, more: &[&str]) -> Option<Says> {
    let (session, id, used) = (number(session)?, perhaps(id)?, perhaps(used)?);
    let (turn, tier) = match *more {
        [] => (None, None),
        [tier] => (None, Some(named(&TIERS, tier)?)),
        ["turn", turn] => (Some(number(turn)?), None),
        ["turn", turn, tier] => (Some(number(turn)?), Some(named(&TIERS, tier)?)),
        _ => return None,
    };
    Some(Says::Record(Response { session, id, turn, tier, used }))
}

fn says(words: &[&str]) -> Option<Says> {
    match *words {
        ["meta", session, ref more @ ..] => meta(session, more),
        ["record", session, id, used, ref more @ ..] => record(session, id, used, more),
        ["no-count"] => Some(Says::NoCount),
        ["turn", turn] => number(turn).map(|turn| Says::Turn(turn, None)),
        ["turn", turn, "model", model] => Some(Says::Turn(number(turn)?, Some(number(model)?))),
        ["started", turn] => number(turn).map(Says::Started),
        ["settings"] => Some(Says::Settings(None)),
        ["settings", tier] => named(&TIERS, tier).map(|tier| Says::Settings(Some(tier))),
        ["no-settings"] => Some(Says::NoSettings),
        [plain] => named(&PLAIN, plain).map(Says::Plain),
        [form, counts] => {
            let form = named(&FORMS, form)?;
            let (total, last) = counts.split_once('/')?;
            Some(Says::Count(Count { total: perhaps(total)?, last: perhaps(last)?, form }))
        }
        _ => None,
    }
}

fn line(text: &str) -> Option<LineSpec> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let (mut ordinal, mut at, mut later) = (None, 0, 0);
    while let Some(word) = words.last() {
        if let Some(minutes) = word.strip_prefix('@') {
            at = number(minutes)?;
        } else if let Some(milliseconds) = word.strip_prefix('+') {
            later = number(milliseconds.strip_suffix("ms")?)?;
        } else if let Some(number_of) = word.strip_prefix("ordinal=") {
            ordinal = Some(number(number_of)?);
        } else {
            break;
        }
        words.pop();
    }
    Some(LineSpec { says: says(&words)?, ordinal, at, later })
}

impl FromStr for LineSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        line(text).ok_or_else(|| format!("`{}` is no line of a rollout", text.trim()))
    }
}

impl fmt::Display for LineSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let perhaps =
            |number: Option<u32>| number.map_or("-".to_owned(), |number| number.to_string());
        match &self.says {
            Says::Meta(meta) => {
                write!(formatter, "meta {}", meta.session)?;
                meta.fork.map_or(Ok(()), |parent| write!(formatter, " fork={parent}"))?;
                formatter.write_str(if meta.base { " base" } else { "" })?;
                meta.begins.map_or(Ok(()), |ordinal| write!(formatter, " begins={ordinal}"))?;
                let is_usual = meta.version == Meta::of(0).version;
                if is_usual { Ok(()) } else { write!(formatter, " 0.{}", meta.version) }
            }
            Says::Record(Response { session, id, turn, tier, used }) => {
                write!(
                    formatter,
                    "record {session} {} {}",
                    perhaps(id.map(u32::from)),
                    perhaps(*used)
                )?;
                turn.map_or(Ok(()), |turn| write!(formatter, " turn {turn}"))?;
                tier.map_or(Ok(()), |tier| write!(formatter, " {}", name_of(&TIERS, &tier)))
            }
            Says::Count(Count { total, last, form }) => {
                write!(
                    formatter,
                    "{} {}/{}",
                    name_of(&FORMS, form),
                    perhaps(*total),
                    perhaps(*last)
                )
            }
            Says::NoCount => formatter.write_str("no-count"),
            Says::Turn(turn, None) => write!(formatter, "turn {turn}"),
            Says::Turn(turn, Some(model)) => write!(formatter, "turn {turn} model {model}"),
            Says::Started(turn) => write!(formatter, "started {turn}"),
            Says::Settings(None) => formatter.write_str("settings"),
            Says::Settings(Some(tier)) => write!(formatter, "settings {}", name_of(&TIERS, tier)),
            Says::NoSettings => formatter.write_str("no-settings"),
            Says::Plain(plain) => formatter.write_str(name_of(&PLAIN, plain)),
        }?;
        self.ordinal.map_or(Ok(()), |ordinal| write!(formatter, " ordinal={ordinal}"))?;
        if self.at != 0 {
            write!(formatter, " @{}", self.at)?;
        }
        if self.later == 0 { Ok(()) } else { write!(formatter, " +{}ms", self.later) }
    }
}
