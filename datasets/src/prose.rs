//! Synthetic text: large pools built once, of which the generator cuts slices.
//!
//! The text appears inside JSON strings and Debug dumps alike, so it is escaped already: line
//! breaks and quotes appear as `\n` and `\"`, which mean the same in both. No pool contains a
//! marker.

use std::sync::{Arc, Mutex, PoisonError};

use crate::dice::Dice;

const POOL_BYTES: usize = 2 << 20;

/// Long texts are stitched from pieces of this size, so that no two share more than a part.
const PIECE_BYTES: usize = 16 << 10;

/// How many of [`WORDS`] are the small common ones.
const COMMON_WORDS: usize = 44;

/// Words of the prose: what an engineer and an assistant talk about.
const WORDS: &str = "the a of to and in for with that this is it from by on as at we be or not are \
                     when which each all can one an if then than so only has its was into after \
                     before first last same new next every both between under over about branch \
                     buffer builder bytes cache call caller change channel check clock code column \
                     commit compiler condition config connection constant context copy count \
                     cursor data database default delta dependency design detail digest directory \
                     disk document draft edge encoder engine entry error event example failure \
                     fallback feature field file filter flag folder format frame function gap \
                     generator guard handle handler hash header heap helper history host identity \
                     index input insert instance interface interval invariant item iterator job \
                     journal key kind latency layer layout length level library limit line link \
                     list loader lock log loop macro manifest map mapping marker match measure \
                     memory merge message method migration mode model module monitor mutex name \
                     network node noise note number object offset operation option order output \
                     overflow owner package page panic parameter parser partition patch path \
                     pattern payload percentile phase pipeline plan pointer policy pool port \
                     prefix probe process profile project prompt property protocol proof queue \
                     range rate reader reason record recovery region registry release report \
                     request resource response result retention retry review row rule runner \
                     sample schema scope script segment sequence series server service session \
                     setting shape signal size slice slot snapshot socket source span stack stage \
                     state statement statistic step storage store stream string structure subject \
                     suite summary symbol system table tail target task template terminal test \
                     text thread threshold ticket timeout timer token tool trace transaction \
                     transport tree trigger tuple type unit update user utility value variable \
                     variant vector version view visitor walker warning watcher window word worker \
                     workspace wrapper writer zone adds appends asks avoids becomes begins belongs \
                     blocks breaks builds carries catches checks chooses clears closes compares \
                     computes contains copies counts covers creates decides deletes depends \
                     describes drops emits ends expects explains fails finds fits follows forces \
                     gives goes grows handles happens holds ignores keeps knows leaves looks loses \
                     makes matches means measures moves needs notes opens owns passes points \
                     prefers prints proves reads receives refuses removes renames repeats replaces \
                     returns reuses runs saves scans sees sends sets shows shrinks skips sorts \
                     splits starts stays stops survives takes tells touches tries turns uses \
                     verifies waits walks warns wraps writes yields actual broad careful cheap \
                     clean clear cold common complete correct current dense early empty exact fast \
                     final full hidden idle large late local long narrow odd old ordinary partial \
                     plain private public quick quiet rare raw ready real recent right safe \
                     separate several short silent simple single slow small sparse stable steady \
                     strict strong sudden usual whole wide wrong";

/// Words outside ASCII, as people write them.
const FOREIGN: [&str; 6] = [
    "na\u{ef}ve",
    "Gr\u{f6}\u{df}e",
    "d\u{e9}j\u{e0}",
    "\u{6570}\u{636e}",
    "\u{1f600}",
    "\u{2192}",
];

/// Text to cut slices from.
#[derive(Debug)]
pub(crate) struct Pools {
    prose: Vec<u8>,
    hex: Vec<u8>,
    features: Vec<u8>,
}

impl Pools {
    /// The pools of a seed, kept from the last time when the seed is the same: filling them takes
    /// longer than appending a few hundred rows.
    pub(crate) fn of(seed: u64) -> Arc<Self> {
        static LATEST: Mutex<Option<(u64, Arc<Pools>)>> = Mutex::new(None);
        let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
        match &*latest {
            Some((known, pools)) if *known == seed => Arc::clone(pools),
            _ => Arc::clone(&latest.insert((seed, Arc::new(Self::new(seed)))).1),
        }
    }

    fn new(seed: u64) -> Self {
        let words: Vec<&str> = WORDS.split_ascii_whitespace().collect();
        let mut dice = Dice::new(seed, "prose", 0);
        let mut prose = String::with_capacity(POOL_BYTES + 400);
        while prose.len() < POOL_BYTES {
            sentence(&words, &mut dice, &mut prose);
        }
        let mut dice = Dice::new(seed, "hex", 0);
        let hex = dice.hex(POOL_BYTES);
        let features = features(&words, &mut Dice::new(seed, "features", 0));
        Self { prose: prose.into_bytes(), hex: hex.into_bytes(), features: features.into_bytes() }
    }

    /// Appends `length` bytes of prose.
    pub(crate) fn prose(&self, dice: &mut Dice, length: usize, out: &mut Vec<u8>) {
        cut(&self.prose, dice, length, out);
    }

    /// Appends `length` hexadecimal digits.
    pub(crate) fn hex(&self, dice: &mut Dice, length: usize, out: &mut Vec<u8>) {
        cut(&self.hex, dice, length, out);
    }

    /// Members of a JSON object that name features, about 9 KB, with a comma at the end.
    pub(crate) fn features(&self) -> &[u8] {
        &self.features
    }
}

fn sentence(words: &[&str], dice: &mut Dice, out: &mut String) {
    let start = out.len();
    for at in 0..dice.between(5, 19) {
        if at > 0 {
            out.push_str(if dice.chance(60) { ", " } else { " " });
        }
        // Four draws of ten come from the small common words, as in real prose.
        let word =
            if dice.chance(430) { dice.pick(&words[..COMMON_WORDS]) } else { dice.pick(words) };
        match dice.below(200) {
            0 => out.extend(["\\\"", word, "\\\""]),
            1 => out.extend(["`", word, "()`"]),
            2 if at > 0 => out.push_str(dice.pick::<&str>(&FOREIGN)),
            _ => out.push_str(word),
        }
    }
    if let Some(first) = out.get_mut(start..start + 1) {
        first.make_ascii_uppercase();
    }
    out.push_str(if dice.chance(120) { ".\\n" } else { ". " });
}

fn features(words: &[&str], dice: &mut Dice) -> String {
    let nouns = &words[COMMON_WORDS..];
    let mut names: Vec<String> =
        (0..240).map(|_| format!("{}_{}", dice.pick(nouns), dice.pick(nouns))).collect();
    names.sort_unstable();
    names.dedup();
    names.iter().map(|name| format!("\"feature.{name}\":\"{}\",", dice.chance(400))).collect()
}

fn cut(pool: &[u8], dice: &mut Dice, mut length: usize, out: &mut Vec<u8>) {
    while length > 0 {
        let part = length.min(PIECE_BYTES);
        let start = 1 + usize::try_from(dice.below((pool.len() - part - 1) as u64)).unwrap_or(0);
        let from = out.len();
        out.extend_from_slice(&pool[start..start + part]);
        mend(pool[start - 1], &mut out[from..]);
        length -= part;
    }
}

/// Replaces what a cut left of an escape or of a character at both ends of a slice. `before` is the
/// byte before it.
fn mend(before: u8, slice: &mut [u8]) {
    let continues = |byte: u8| byte & 0xc0 == 0x80;
    if before == b'\\' {
        slice[0] = b'a';
    }
    for byte in slice.iter_mut().take_while(|byte| continues(**byte)) {
        *byte = b'a';
    }
    let tail = slice.iter().rposition(|byte| !continues(*byte)).unwrap_or(0);
    let width = match slice[tail] {
        byte if byte >= 0xf0 => 4,
        byte if byte >= 0xe0 => 3,
        byte if byte >= 0xc0 => 2,
        b'\\' => 2,
        _ => 1,
    };
    if slice.len() - tail < width {
        slice[tail..].fill(b'.');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_have_their_length_and_are_whole_json_strings() {
        let (pools, mut dice) = (Pools::new(3), Dice::new(3, "test", 0));
        for length in (0..200).chain([4000, 70_000]).flat_map(|length| [length; 20]) {
            let mut out = vec![b'"'];
            pools.prose(&mut dice, length, &mut out);
            pools.hex(&mut dice, length, &mut out);
            out.push(b'"');
            assert_eq!(out.len(), 2 * length + 2);
            assert!(
                serde_json::from_slice::<String>(&out).is_ok(),
                "{}",
                String::from_utf8_lossy(&out)
            );
        }
    }

    #[test]
    fn pools_hold_escapes_and_features_and_no_marker() {
        let pools = Pools::new(3);
        let text = std::str::from_utf8(&pools.prose).unwrap();
        assert!(text.contains("\\n") && text.contains("\\\"") && !text.is_ascii());
        let markers =
            ["websocket request:", "websocket event:", "Submission sub=Submission {", "tags_json="];
        assert!(markers.iter().all(|marker| !text.contains(marker)));
        let features = format!("{{{}\"end\":1}}", std::str::from_utf8(pools.features()).unwrap());
        let object: serde_json::Value = serde_json::from_str(&features).unwrap();
        assert!(features.len() > 7000 && object.as_object().unwrap().len() > 200);
    }
}
