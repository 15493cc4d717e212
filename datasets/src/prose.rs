//! Synthetic prose and hexadecimal text: large pools built once, of which the generator cuts slices.
//!
//! Nothing in a pool needs escaping, neither in JSON nor in a Debug dump, and no pool contains a marker.

use crate::dice::Dice;

const POOL_BYTES: usize = 2 << 20;

/// Words of the prose: what an engineer and an assistant talk about.
const WORDS: &str = "the a of to and in for with that this is it from by on as at we be or not are when which each all can \
one an if then than so only has its was into after before first last same new next every both between under over about \
branch buffer builder bytes cache call caller change channel check clock code column commit compiler condition config \
connection constant context copy count cursor data database default delta dependency design detail digest directory disk \
document draft edge encoder engine entry error event example failure fallback feature field file filter flag folder format \
frame function gap generator guard handle handler hash header heap helper history host identity index input insert instance \
interface interval invariant item iterator job journal key kind latency layer layout length level library limit line link \
list loader lock log loop macro manifest map mapping marker match measure memory merge message method migration mode model \
module monitor mutex name network node noise note number object offset operation option order output overflow owner \
package page panic parameter parser partition patch path pattern payload percentile phase pipeline plan pointer policy pool \
port prefix probe process profile project prompt property protocol proof queue range rate reader reason record recovery \
region registry release report request resource response result retention retry review row rule runner sample schema scope \
script segment sequence series server service session setting shape signal size slice slot snapshot socket source span stack \
stage state statement statistic step storage store stream string structure subject suite summary symbol system table tail \
target task template terminal test text thread threshold ticket timeout timer token tool trace transaction transport tree \
trigger tuple type unit update user utility value variable variant vector version view visitor walker warning watcher \
window word worker workspace wrapper writer zone adds appends asks avoids becomes begins belongs blocks breaks builds \
carries catches checks chooses clears closes compares computes contains copies counts covers creates decides deletes depends \
describes drops emits ends expects explains fails finds fits follows forces gives goes grows handles happens holds ignores \
keeps knows leaves looks loses makes matches means measures moves needs notes opens owns passes points prefers prints proves \
reads receives refuses removes renames repeats replaces returns reuses runs saves scans sees sends sets shows shrinks skips \
sorts splits starts stays stops survives takes tells touches tries turns uses verifies waits walks warns wraps writes yields \
actual broad careful cheap clean clear cold common complete correct current dense early empty exact fast final full hidden \
idle large late local long narrow odd old ordinary partial plain private public quick quiet rare raw ready real recent right \
safe separate several short silent simple single slow small sparse stable steady strict strong sudden usual whole wide wrong";

/// Text to cut slices from.
pub(crate) struct Pools {
    prose: Vec<u8>,
    hex: Vec<u8>,
}

impl Pools {
    pub(crate) fn new(seed: u64) -> Self {
        let words: Vec<&str> = WORDS.split_ascii_whitespace().collect();
        let mut dice = Dice::new(seed, "prose", 0);
        let mut prose = Vec::with_capacity(POOL_BYTES + 200);
        while prose.len() < POOL_BYTES {
            let start = prose.len();
            for at in 0..dice.between(5, 19) {
                if at > 0 {
                    prose.extend_from_slice(if dice.chance(60) { b", " } else { b" " });
                }
                // Half of the draws come from the small common words, as in real prose.
                let word = if dice.chance(430) { dice.pick(&words[..44]) } else { dice.pick(&words) };
                prose.extend_from_slice(word.as_bytes());
            }
            prose[start].make_ascii_uppercase();
            prose.extend_from_slice(b". ");
        }
        prose.truncate(POOL_BYTES);
        let mut dice = Dice::new(seed, "hex", 0);
        let mut hex = Vec::with_capacity(POOL_BYTES + 16);
        while hex.len() < POOL_BYTES {
            hex.extend_from_slice(format!("{:016x}", dice.next()).as_bytes());
        }
        Self { prose, hex }
    }

    /// Appends `length` bytes of prose.
    pub(crate) fn prose(&self, dice: &mut Dice, length: usize, out: &mut Vec<u8>) {
        cut(&self.prose, dice, length, out);
    }

    /// Appends `length` hexadecimal digits.
    pub(crate) fn hex(&self, dice: &mut Dice, length: usize, out: &mut Vec<u8>) {
        cut(&self.hex, dice, length, out);
    }
}

fn cut(pool: &[u8], dice: &mut Dice, mut length: usize, out: &mut Vec<u8>) {
    // Long texts are stitched from several places, so that no two share more than a part.
    while length > 0 {
        let part = length.min(16 << 10);
        let start = usize::try_from(dice.below((pool.len() - part) as u64)).unwrap_or(0);
        out.extend_from_slice(&pool[start..start + part]);
        length -= part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_have_their_length_and_need_no_escaping() {
        let (pools, mut dice) = (Pools::new(3), Dice::new(3, "test", 0));
        for length in [0, 1, 400, 70_000] {
            let mut out = Vec::new();
            pools.prose(&mut dice, length, &mut out);
            pools.hex(&mut dice, length, &mut out);
            assert_eq!(out.len(), 2 * length);
            assert!(out.iter().all(|byte| byte.is_ascii_alphanumeric() || b" ,.".contains(byte)));
        }
    }
}
