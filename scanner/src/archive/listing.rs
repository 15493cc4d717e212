//! What is in a folder: the names of rollouts in their order, and of what may be or lead to
//! something of interest.
//!
//! Most of a refresh in which nothing changed is spent here and on looking at the files, so names
//! are neither copied one by one nor compared as texts where a number tells.

use std::ffi::CStr;
use std::io::{self, ErrorKind::FileTooLarge};
use std::os::fd::OwnedFd;

use rustix::fs::FileType;

/// The names of a folder, one behind the other, each with the zero byte that ends it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    bytes: Vec<u8>,
    /// Where the first one begins.
    begin: usize,
}

/// Where a name is among those of its folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    at: u32,
    bytes: u32,
}

impl Names {
    /// Names of more than 4 GiB in one folder are an error.
    fn push(&mut self, name: &CStr) -> io::Result<Span> {
        let name = name.to_bytes_with_nul();
        let number = |bytes: usize| u32::try_from(bytes).map_err(|_| io::Error::from(FileTooLarge));
        let span = Span { at: number(self.all().len())?, bytes: number(name.len())? };
        self.bytes.extend_from_slice(name);
        Ok(span)
    }

    /// Those of a folder that were kept, the last `length` of `bytes`.
    pub(crate) fn at_end(bytes: Vec<u8>, length: usize) -> Self {
        let begin = bytes.len().saturating_sub(length);
        Self { bytes, begin }
    }

    fn all(&self) -> &[u8] {
        self.bytes.get(self.begin..).unwrap_or_default()
    }

    /// The name that is there.
    pub(crate) fn get(&self, span: Span) -> &[u8] {
        self.ended(span).split_last().map_or(&[], |(_, name)| name)
    }

    /// The name that is there, as the system wants it.
    pub(crate) fn c_str(&self, span: Span) -> &CStr {
        CStr::from_bytes_with_nul(self.ended(span)).unwrap_or_default()
    }

    fn ended(&self, Span { at, bytes }: Span) -> &[u8] {
        let rest = usize::try_from(at).ok().and_then(|at| self.all().get(at..));
        rest.and_then(|rest| rest.get(..usize::try_from(bytes).ok()?)).unwrap_or_default()
    }
}

/// What is in a folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) names: Names,
    /// Regular files that are called like rollouts, in the order of their names.
    pub(crate) rollouts: Vec<Span>,
    /// Folders, links, what the folder does not tell the kind of, and pipes and the like that are
    /// called like rollouts.
    pub(crate) others: Vec<(Span, FileType)>,
}

impl Listing {
    /// Of rollouts whose names, in their order, were kept. `None` where they are no names.
    pub(crate) fn of(names: Names) -> Option<Self> {
        let mut rollouts = Vec::new();
        let mut at = 0;
        for end in memchr::memchr_iter(0, names.all()) {
            let bytes = u32::try_from(end + 1).ok()?.checked_sub(at)?;
            rollouts.push(Span { at, bytes });
            at += bytes;
        }
        let is_all = usize::try_from(at).ok()? == names.all().len();
        let rollouts = Some(rollouts).filter(|_| is_all)?;
        Some(Self { names, rollouts, others: Vec::new() })
    }
}

/// Whether a file of this name is a rollout, plain or compressed.
pub(crate) fn is_rollout(name: &[u8]) -> bool {
    name.starts_with(b"rollout-") && (name.ends_with(b".jsonl") || name.ends_with(b".jsonl.zst"))
}

/// Bytes of names that are asked for at a time.
const BUFFER: usize = 64 << 10;

/// What [`list`] works with.
pub(crate) fn buffer() -> Vec<u8> {
    Vec::with_capacity(BUFFER)
}

/// Lists the folder that `fd` was just opened on.
pub(crate) fn list(fd: &OwnedFd, buffer: &mut Vec<u8>) -> io::Result<Listing> {
    let mut listing = Listing::default();
    entries(fd, buffer, |name, kind| {
        match kind {
            FileType::RegularFile if is_rollout(name.to_bytes()) => {
                let name = listing.names.push(name)?;
                listing.rollouts.push(name);
            }
            FileType::Directory | FileType::Symlink | FileType::Unknown
                if !matches!(name.to_bytes(), b"." | b"..") =>
            {
                let name = listing.names.push(name)?;
                listing.others.push((name, kind));
            }
            kind if is_rollout(name.to_bytes()) => {
                let name = listing.names.push(name)?;
                listing.others.push((name, kind));
            }
            _ => {}
        }
        Ok(())
    })?;
    sort(&mut listing.rollouts, &listing.names);
    Ok(listing)
}

#[cfg(target_os = "linux")]
fn entries(
    fd: &OwnedFd,
    buffer: &mut Vec<u8>,
    mut each: impl FnMut(&CStr, FileType) -> io::Result<()>,
) -> io::Result<()> {
    let mut entries = rustix::fs::RawDir::new(fd, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        each(entry.file_name(), entry.file_type())?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn entries(
    fd: &OwnedFd,
    _buffer: &mut Vec<u8>,
    mut each: impl FnMut(&CStr, FileType) -> io::Result<()>,
) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(fd)? {
        let entry = entry?;
        each(entry.file_name(), entry.file_type())?;
    }
    Ok(())
}

/// Sorts by name. Names in one folder begin alike: what follows that is compared as a number, and
/// decides but for a few.
fn sort(spans: &mut Vec<Span>, names: &Names) {
    const KEY: usize = size_of::<u64>();
    let Some(&first) = spans.first() else { return };
    let mut alike = names.get(first);
    for &span in spans.iter() {
        let name = names.get(span);
        if !name.starts_with(alike) {
            let same = alike.iter().zip(name).take_while(|(one, other)| one == other).count();
            alike = &alike[..same];
        }
    }
    let key = |span: Span| {
        let rest = names.get(span).get(alike.len()..).unwrap_or_default();
        // Nothing is less than a zero byte, which is in no name.
        let whole = rest.first_chunk::<KEY>().copied();
        u64::from_be_bytes(whole.unwrap_or_else(|| {
            let mut key = [0; KEY];
            key[..rest.len()].copy_from_slice(rest);
            key
        }))
    };
    let mut keyed: Vec<(u64, Span)> = spans.iter().map(|&span| (key(span), span)).collect();
    keyed.sort_unstable_by(|(key, one), (other_key, other)| {
        key.cmp(other_key).then_with(|| names.get(*one).cmp(names.get(*other)))
    });
    spans.clear();
    spans.extend(keyed.into_iter().map(|(_, span)| span));
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::*;

    #[test]
    fn names_are_sorted_as_bytes_whatever_they_have_in_common() {
        let texts = [
            "rollout-2026-11-20T10-00-00-b",
            "rollout-2026-11-20T10-00-00-a",
            "rollout-2026-11-20T10-00-00",
            "rollout-2026-11-20T09-59-59-c",
            "rollout-2026-11-20T10-00-00-a0",
            "rollout-\u{fc}",
            "rollout-",
            "rollout-2026-11-20T10-00-00-\u{7f}",
        ];
        // All of them, the alike ones, and a single one.
        for some in [&texts[..], &texts[..5], &texts[..1], &[]] {
            let mut names = Names::default();
            let mut spans: Vec<Span> = some
                .iter()
                .map(|text| names.push(&CString::new(*text).unwrap()).unwrap())
                .collect();
            sort(&mut spans, &names);
            let sorted: Vec<&str> =
                spans.iter().map(|span| str::from_utf8(names.get(*span)).unwrap()).collect();
            let mut expected = some.to_vec();
            expected.sort_unstable();
            assert_eq!(sorted, expected);
        }
    }
}
