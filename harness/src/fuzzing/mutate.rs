//! Changes to an input that know what numbers, texts and lines are: a byte changed at random mostly
//! makes a text malformed.

use std::ops::Range;

use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Numbers at the edges of the types that hold them.
const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "2",
    "-1",
    "0.5",
    "-0.0",
    "1e308",
    "1e-308",
    "127",
    "65536",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
];

/// Texts that readers and renderers get wrong.
const TEXTS: [&str; 9] = [
    "",
    " ",
    "\\u0000",
    "\\ud800",
    "\\ud83d\\ude00",
    "\\n",
    "caf\u{e9}\u{3000}",
    "</script><b>|`*",
    "../..",
];

/// No input is made longer than this.
const LONGEST: usize = 1 << 18;

/// The input with one to three changes, which follow from `seed`.
#[must_use]
pub fn mutated(input: &[u8], seed: u64) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = input.to_vec();
    for _ in 0..random.random_range(1..=3) {
        change(&mut bytes, &mut random);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    match random.random_range(0..10) {
        0 | 1 => {
            if let Some(range) =
                token(bytes, random, |byte| byte.is_ascii_digit() || b"-.".contains(&byte))
            {
                bytes.splice(range, pick(random, &NUMBERS).bytes());
            }
        }
        2 => {
            if let Some(range) = token(bytes, random, |byte| byte != b'"' && byte != b'\n') {
                let text = match random.random_range(0..8) {
                    0 => "x".repeat(random.random_range(1..70_000)),
                    1 => String::from_utf8_lossy(
                        &bytes[token(bytes, random, is_word).unwrap_or(0..0)],
                    )
                    .into(),
                    _ => pick(random, &TEXTS).to_owned(),
                };
                bytes.splice(range, text.into_bytes());
            }
        }
        3 => {
            // A line twice, or gone.
            if let Some(line) = token(bytes, random, |byte| byte != b'\n') {
                let end = (line.end + 1).min(bytes.len());
                let copy = bytes[line.start..end].to_vec();
                match random.random_bool(0.5) {
                    true => drop(bytes.drain(line.start..end)),
                    false => drop(bytes.splice(line.start..line.start, copy)),
                }
            }
        }
        4 => {
            let (from, to) = (range(bytes.len(), random), place(bytes.len(), random));
            let copy = bytes[from].to_vec();
            bytes.splice(to..to, copy);
        }
        5 => drop(bytes.drain(range(bytes.len(), random))),
        6 => bytes.truncate(place(bytes.len(), random)),
        7 => {
            let at = place(bytes.len(), random);
            bytes.insert(at, random.random());
        }
        _ => {
            let at = place(bytes.len(), random);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = if random.random_bool(0.5) {
                    *byte ^ (1 << random.random_range(0..8))
                } else {
                    random.random()
                };
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

fn pick<'t>(random: &mut impl Rng, choices: &[&'t str]) -> &'t str {
    choices[random.random_range(0..choices.len())]
}

fn place(length: usize, random: &mut impl Rng) -> usize {
    random.random_range(0..=length)
}

/// A range that is short as often as it is long.
fn range(length: usize, random: &mut impl Rng) -> Range<usize> {
    let start = place(length, random);
    let longest = (length - start).min(1 << random.random_range(0..12));
    start..start + random.random_range(0..=longest)
}

/// The longest run of bytes that `belong`, at or behind a place drawn at random.
fn token(bytes: &[u8], random: &mut impl Rng, belong: impl Fn(u8) -> bool) -> Option<Range<usize>> {
    let from = place(bytes.len(), random);
    let start = from + bytes[from..].iter().position(|&byte| belong(byte))?;
    let before = bytes[..start].iter().rev().take_while(|&&byte| belong(byte)).count();
    let end = start + bytes[start..].iter().take_while(|&&byte| belong(byte)).count();
    Some(start - before..end)
}
