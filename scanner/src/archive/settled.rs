//! What was found out about copies, so that they are compared once and not by every refresh.
//!
//! It is in one small file of the memo, under a digest of the states of all files of the shards
//! that copies are in. As long as these states are the same, so are the sums without the copies.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::ablation::Ablation;
use super::alike::{Found, Place};
use super::memo::Memo;
use super::part::Part;
use super::sums::Sums;

/// The name of its file.
pub(super) const NAME: &str = "archive.copies";
pub(super) const MAGIC: [u8; 8] = *b"trigcopy";

/// Which files it was found out about, and that they could be told.
#[derive(Debug)]
pub(super) struct Question {
    digest: u128,
    /// The places of the parts that hold copies, in their order.
    places: Vec<usize>,
}

/// What was found out, as it is kept: places are those among the parts of the question.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    aside: Vec<(usize, usize)>,
    /// Of the parts with copies, without these.
    sums: Vec<(usize, Sums)>,
    diverged: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Question {
    /// About the files `wanted` of `parts`. `None` where a file may have changed unnoticed since it
    /// was looked at, or could not be.
    pub(super) fn about(parts: &[Part], wanted: &BTreeSet<Place>) -> Option<Self> {
        let mut hasher = Xxh3::new();
        let mut places = Vec::new();
        for &(place, file) in wanted {
            if places.last() != Some(&place) {
                let Part { key, records, .. } = &parts[place];
                hasher.update(key.file_name().as_bytes());
                for (file, record) in records.iter().enumerate() {
                    if record.is_fresh || parts[place].is_stale(file) {
                        return None;
                    }
                    hasher.update(&record.to_bytes());
                }
                places.push(place);
            }
            hasher.update(&(file as u64).to_le_bytes());
        }
        Some(Self { digest: hasher.digest128(), places })
    }

    /// The answer that the memo has, with the sums of the parts with copies, without these.
    pub(super) fn answer(&self, memo: &Memo) -> Option<(Found, BTreeMap<usize, Sums>)> {
        let bytes = memo.read_beside(NAME)?;
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (of, rest) = rest.split_first_chunk::<16>()?;
        let (digest, rest) = rest.split_first_chunk::<16>()?;
        let (sum, rest) = rest.split_first_chunk::<16>()?;
        let is_it = *magic == MAGIC
            && *of == memo.stamp()
            && (u128::from_le_bytes(*digest) == self.digest || memo.lacks(Ablation::CopiesSettled))
            && u128::from_le_bytes(*sum) == xxh3_128(rest);
        let kept: Kept = if is_it { postcard::from_bytes(rest).ok()? } else { return None };
        let place = |at: usize| self.places.get(at).copied();
        let aside = kept.aside.into_iter().map(|(at, file)| Some((place(at)?, file)));
        let sums = kept.sums.into_iter().map(|(at, sums)| Some((place(at)?, sums)));
        let path = |bytes: Vec<u8>| PathBuf::from(OsStr::from_bytes(&bytes));
        let diverged = kept.diverged.into_iter().map(|(one, other)| (path(one), path(other)));
        Some((
            Found {
                aside: aside.collect::<Option<_>>()?,
                diverged: diverged.collect(),
                ..Found::default()
            },
            sums.collect::<Option<_>>()?,
        ))
    }

    /// Keeps an answer, and the sums of its parts without their copies. Gives the bytes written.
    pub(super) fn keep(
        &self,
        found: &Found,
        sums: &BTreeMap<usize, Sums>,
        memo: &Memo,
    ) -> std::io::Result<u64> {
        let at = |place: &usize| self.places.binary_search(place).unwrap_or_default();
        let bytes = |path: &PathBuf| path.as_os_str().as_bytes().to_vec();
        let kept = Kept {
            aside: found.aside.iter().map(|(place, file)| (at(place), *file)).collect(),
            sums: sums.iter().map(|(place, sums)| (at(place), sums.clone())).collect(),
            diverged: found
                .diverged
                .iter()
                .map(|(one, other)| (bytes(one), bytes(other)))
                .collect(),
        };
        let rest = postcard::to_stdvec(&kept).map_err(std::io::Error::other)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&memo.stamp());
        bytes.extend_from_slice(&self.digest.to_le_bytes());
        bytes.extend_from_slice(&xxh3_128(&rest).to_le_bytes());
        bytes.extend_from_slice(&rest);
        memo.write_beside(NAME, &bytes)
    }
}
