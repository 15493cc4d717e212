//! Damages the bytes of an SQLite database, as a bad disk, a torn write or a hostile hand would: by
//! a seed, with a description.
//!
//! Each kind of damage aims at one part of the file format: a cell, a page pointer, an overflow
//! chain, the free list, the header. The result is meant for a scan, which must answer rightly or
//! refuse.

mod kinds;
mod layout;

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use kinds::KINDS;
use layout::Layout;

/// A damaged database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What was done, in one line; for anyone who reads a failure.
    pub what: String,
}

/// Damages the database `sound` as `seed` says. The same arguments always give the same result.
///
/// `sound` may be any bytes. Where they are no database of SQLite's, bytes are changed at random.
#[must_use]
pub fn damage(sound: &[u8], seed: u64) -> Damaged {
    let mut damager = Damager {
        bytes: sound.to_vec(),
        random: ChaCha8Rng::seed_from_u64(seed),
        layout: Layout::of(sound).unwrap_or_default(),
    };
    // Most files have one fault: several would be noticed sooner.
    let count =
        if damager.random.random_bool(0.85) { 1 } else { damager.random.random_range(2..=4) };
    let mut done = Vec::new();
    while done.len() < count && !damager.bytes.is_empty() {
        let kind = KINDS.choose(&mut damager.random);
        // Not every kind finds its part in every file.
        done.extend(kind.and_then(|(name, kind)| Some(format!("{name}: {}", kind(&mut damager)?))));
    }
    Damaged { bytes: damager.bytes, what: done.join("; ") }
}

/// A file being damaged.
struct Damager {
    bytes: Vec<u8>,
    random: ChaCha8Rng,
    /// Of the sound file: damage done before is not looked at.
    layout: Layout,
}
