//! Texts with places to fill in, such as `<thread>` or `<prose:50>`.

use super::Scene;
use crate::dice::Dice;
use crate::prose::Pools;

/// A value of the scene, or one that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Thread,
    Turn,
    Model,
    Answer,
    Effort,
    Cwd,
    Tier,
    Dump,
    Tag,
    Time,
    Milliseconds,
    Seconds,
    Uuid,
    Item,
    Small,
    Large,
    Features,
}

/// A part of a text.
#[derive(Debug)]
pub(super) enum Part {
    Literal(String),
    Value(Value),
    /// A share, in hundredths, of the bytes to fill.
    Prose(usize),
    Hex(usize),
}

/// A text with places to fill in.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) parts: Vec<Part>,
    /// Bytes of everything but prose and hex, roughly.
    pub(super) fixed: usize,
    pub(super) fills: bool,
}

impl Template {
    pub(super) fn parse(text: &str, version: &str) -> std::result::Result<Self, String> {
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(open) = rest.find('<') {
            let name = rest[open + 1..].split('>').next().unwrap_or_default();
            literal.push_str(&rest[..open]);
            rest = &rest[open..];
            let known = name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b':');
            if name.is_empty() || !known {
                // An angle bracket of the text itself.
                literal.push('<');
                rest = &rest[1..];
                continue;
            }
            rest = &rest[name.len() + 2..];
            if name == "version" {
                literal.push_str(version);
                continue;
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::parse(name).ok_or(format!("no value `<{name}>`"))?);
        }
        literal.push_str(rest);
        parts.push(Part::Literal(literal));
        let fixed = parts.iter().map(Part::size).sum();
        let fills = parts.iter().any(|part| matches!(part, Part::Prose(_) | Part::Hex(_)));
        Ok(Self { parts, fixed, fills })
    }
}

impl Part {
    fn parse(name: &str) -> Option<Self> {
        let (word, share) = name.split_once(':').unwrap_or((name, "100"));
        let share = share.parse().ok()?;
        Some(match word {
            "prose" => Self::Prose(share),
            "hex" => Self::Hex(share),
            _ => Self::Value(Value::parse(word)?),
        })
    }

    fn size(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Value(value) => value.size(),
            Self::Prose(_) | Self::Hex(_) => 0,
        }
    }
}

impl Value {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "thread" => Self::Thread,
            "turn" => Self::Turn,
            "model" => Self::Model,
            "answer" => Self::Answer,
            "effort" => Self::Effort,
            "cwd" => Self::Cwd,
            "tier" => Self::Tier,
            "dump" => Self::Dump,
            "tag" => Self::Tag,
            "time" => Self::Time,
            "ms" => Self::Milliseconds,
            "seconds" => Self::Seconds,
            "uuid" => Self::Uuid,
            "item" => Self::Item,
            "small" => Self::Small,
            "large" => Self::Large,
            "features" => Self::Features,
            _ => return None,
        })
    }

    /// Its usual length.
    fn size(self) -> usize {
        match self {
            Self::Thread | Self::Turn | Self::Uuid => 36,
            Self::Model | Self::Answer | Self::Cwd | Self::Dump | Self::Tag => 7,
            Self::Effort | Self::Large => 5,
            Self::Tier => 0,
            Self::Time => 24,
            Self::Milliseconds => 13,
            Self::Seconds => 10,
            Self::Item => 40,
            Self::Small => 2,
            Self::Features => 9000,
        }
    }

    pub(super) fn write(
        self,
        scene: &Scene<'_>,
        pools: &Pools,
        dice: &mut Dice,
        out: &mut Vec<u8>,
    ) {
        let seconds = scene.milliseconds / 1000;
        match self {
            Self::Thread => out.extend_from_slice(scene.thread.as_bytes()),
            Self::Turn => out.extend_from_slice(scene.turn.as_bytes()),
            Self::Model => out.extend_from_slice(scene.model.as_bytes()),
            Self::Answer => out.extend_from_slice(scene.answer.as_bytes()),
            Self::Effort => out.extend_from_slice(scene.effort.as_bytes()),
            Self::Cwd => out.extend_from_slice(scene.cwd.as_bytes()),
            Self::Tier => out.extend_from_slice(scene.tier.as_bytes()),
            Self::Dump => out.extend_from_slice(scene.dump.as_bytes()),
            Self::Tag => out.extend_from_slice(scene.tag.as_bytes()),
            Self::Time => out.extend_from_slice(utc(scene.milliseconds).as_bytes()),
            Self::Milliseconds => out.extend_from_slice(scene.milliseconds.to_string().as_bytes()),
            Self::Seconds => out.extend_from_slice(seconds.to_string().as_bytes()),
            Self::Uuid => out.extend_from_slice(dice.uuid4().as_bytes()),
            Self::Item => pools.hex(dice, 40, out),
            Self::Small => out.extend_from_slice(dice.below(100).to_string().as_bytes()),
            Self::Large => {
                out.extend_from_slice(dice.between(10_000, 99_999).to_string().as_bytes());
            }
            Self::Features => out.extend_from_slice(pools.features()),
        }
    }
}

/// A time as `2026-05-28T20:26:40.000Z`.
fn utc(milliseconds: u64) -> String {
    let (days, rest) = (milliseconds / 86_400_000, milliseconds % 86_400_000);
    // Days to a date in the proleptic Gregorian calendar, counted from 1 March of year 0.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let in_year = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * in_year + 2) / 153;
    let date = in_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    format!(
        "{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{:02}.{:03}Z",
        rest / 1000 % 60,
        rest % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(utc(1_780_000_000_123), "2026-05-28T20:26:40.123Z");
        assert_eq!(utc(1_709_164_800_000), "2024-02-29T00:00:00.000Z");
        assert_eq!(utc(0), "1970-01-01T00:00:00.000Z");
    }
}
