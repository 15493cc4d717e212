//! A part of the memo: the rollouts of one folder that began on one day or on a few, in one small
//! file, whole or not trusted.
//!
//! It has two halves with a checksum each. The head is all that a refresh needs where nothing
//! changed: a record of fixed length for each file, compared as bytes, and what the files used
//! together. The details, file by file, are read where something changed or somebody asks for
//! sessions.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::ablation::{Ablation, Ablations, is_same};
use super::listing::{Listing, Names};
use super::name;
use super::parse::Rollout;
use super::priority::OpenTurns;
use super::reader::Consumed;
use super::state::State;
use super::sums::{Found, Sums};
use super::{ARCHIVED, SESSIONS};
use crate::regular::open_regular;

pub(super) const MAGIC: [u8; 8] = *b"trigarch";
const HEADER: usize = 8 + 16 + 16 + 8 + 8 + 16 + 16;

/// No shard is larger: one that claims more is not worth the memory that reading it takes.
const MOST: u64 = 256 << 20;

/// A random value.
pub(crate) type Stamp = [u8; 16];

/// Which rollouts a shard holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Their folder, below the home.
    pub(crate) folder: PathBuf,
    /// What their names have in common of a date, empty where they have none: see [`date_of`].
    pub(crate) date: String,
}

/// Where the date is in the name of a rollout.
const DATE: Range<usize> = 8..18;

/// The part of the date in a rollout's name that says which shard of its folder it belongs to. The
/// sessions of a day have a folder to themselves. Archived ones all are in one: there it is about
/// ten days, since a shard is opened by every refresh, and written when one of its rollouts
/// changes.
pub(crate) fn date_of<'a>(folder: &Path, name: &'a OsStr) -> &'a str {
    let is_date = |date: &&[u8]| {
        date.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    };
    let date = name.as_bytes().get(DATE).filter(is_date);
    let date = date.and_then(|date| str::from_utf8(date).ok()).unwrap_or_default();
    match date.split_at_checked(DATE.len() - 1) {
        Some((ten_days, _)) if folder.starts_with(ARCHIVED) => ten_days,
        _ => date,
    }
}

/// Whether a rollout of this name belongs to the shard of `date`, which is none or one that
/// [`date_of`] gave.
pub(crate) fn is_of(date: &str, name: &OsStr) -> bool {
    let rest = name.as_bytes().get(DATE).and_then(|found| found.strip_prefix(date.as_bytes()));
    !date.is_empty() && rest.is_some_and(|rest| rest.iter().all(u8::is_ascii_digit))
}

impl Key {
    /// The only shard of a folder of the sessions of a day, if this is one as Codex makes them.
    pub(crate) fn of_day(folder: &Path) -> Option<Self> {
        let names = folder.strip_prefix(SESSIONS).ok()?.to_str()?;
        let date = names.replace('/', "-");
        let is_day = names.len() == DATE.len()
            && date_of(folder, OsStr::new(&format!("rollout-{date}"))) == date;
        is_day.then(|| Self { folder: folder.to_owned(), date })
    }

    /// The name of its file.
    pub(crate) fn file_name(&self) -> String {
        let mut bytes = self.folder.as_os_str().as_bytes().to_vec();
        bytes.push(0);
        bytes.extend_from_slice(self.date.as_bytes());
        format!("{:032x}.shard", xxh3_128(&bytes))
    }
}

/// What is remembered of each file in the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// A digest of its name.
    name: u64,
    pub(crate) state: State,
    /// A digest of its session's id, and of its segment.
    pub(crate) session: u64,
    /// Other paths may lead to it.
    pub(crate) is_shared: bool,
    /// It was looked at too shortly after it changed to trust that it is unchanged.
    pub(crate) is_fresh: bool,
}

const RECORD: usize = 8 + 40 + 8 + 1;

impl Record {
    pub(crate) fn new(
        name: &OsStr,
        state: State,
        session: &str,
        is_shared: bool,
        is_fresh: bool,
    ) -> Self {
        let segment = name::segment(name).unwrap_or_default();
        let session = [session.as_bytes(), b"_", segment.as_bytes()].concat();
        let (name, session) = (xxh3_64(name.as_bytes()), xxh3_64(&session));
        Self { name, state, session, is_shared, is_fresh }
    }

    pub(crate) fn to_bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&self.name.to_le_bytes());
        bytes[8..48].copy_from_slice(&self.state.to_bytes());
        bytes[48..56].copy_from_slice(&self.session.to_le_bytes());
        bytes[56] = u8::from(self.is_shared) | u8::from(self.is_fresh) << 1;
        bytes
    }

    fn from_bytes(bytes: &[u8; RECORD]) -> Self {
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|place| bytes[at + place]));
        Self {
            name: number(0),
            state: State::from_bytes(&std::array::from_fn(|place| bytes[8 + place])),
            session: number(48),
            is_shared: bytes[56] & 1 != 0,
            is_fresh: bytes[56] & 2 != 0,
        }
    }

    /// The same of a file of this name.
    pub(crate) fn named(self, name: &OsStr) -> Self {
        Self { name: xxh3_64(name.as_bytes()), ..self }
    }

    /// Whether it is of a file of this name.
    pub(crate) fn is_named(&self, name: &OsStr) -> bool {
        self.name == xxh3_64(name.as_bytes())
    }

    /// Whether it is of a file of this name in this state, and can be believed.
    pub(crate) fn is_of(&self, name: &OsStr, state: Option<&State>, ablated: Ablations) -> bool {
        let is_same = state.is_some_and(|state| {
            if ablated.is_empty() {
                self.state == *state
            } else {
                is_same(ablated, &self.state, state)
            }
        });
        is_same && !self.is_fresh && self.is_named(name)
    }
}

/// The first half of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) key: Key,
    pub(crate) records: Vec<Record>,
    pub(crate) sums: Sums,
    /// The folder as it was when all that was in it were these files.
    pub(crate) listed: Option<State>,
}

impl Head {
    /// Whether these files are all that is in a folder in this state.
    fn lists(&self, now: &State, ablated: Ablations) -> bool {
        self.listed.is_some_and(|listed| listed == *now || ablated.has(Ablation::Listing))
    }
}

/// One file of a shard, in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Detail {
    pub(crate) name: Vec<u8>,
    pub(crate) consumed: Consumed,
    pub(crate) rollout: Rollout,
}

impl Detail {
    pub(crate) fn name(&self) -> &OsStr {
        OsStr::from_bytes(&self.name)
    }

    /// Whether a file may be like that. A checksum protects against accidents, and not against who
    /// computes it anew.
    fn is_possible(&self) -> bool {
        let Rollout { lines, unknown, broken, broken_lines, buckets, .. } = &self.rollout;
        let mut counts = [lines, unknown, broken_lines].into_iter();
        broken.len() as u64 <= *broken_lines
            && counts.all(|&count| count < MOST_COUNTED)
            && buckets.iter().all(|bucket| bucket.events < MOST_COUNTED)
    }
}

/// A shard that was opened and whose head is whole.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) head: Head,
    pub(crate) body: Body,
}

/// The second half of a shard, which is read when it is asked for.
#[derive(Debug)]
pub(crate) struct Body {
    /// What the shard bears.
    pub(crate) stamp: Stamp,
    /// Where it is still open.
    file: Option<File>,
    path: PathBuf,
    details: Span,
    /// How many files it tells of.
    files: usize,
    /// Their names, until somebody takes them.
    names: Names,
    ablated: Ablations,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    at: u64,
    bytes: u64,
    sum: u128,
}

#[derive(Serialize, Deserialize)]
struct Rest<'a> {
    #[serde(borrow)]
    folder: &'a [u8],
    #[serde(borrow)]
    date: &'a str,
    #[serde(borrow)]
    open_turns: &'a [u8],
    sums: Sums,
    /// The state of the folder, and the names of all files that are in it; or neither.
    #[serde(borrow)]
    listed: &'a [u8],
    #[serde(borrow)]
    names: &'a [u8],
}

/// The stamp of the shard that begins with these bytes, if it belongs to the memo `memo`.
pub(crate) fn stamp(file: &File, memo: &Stamp) -> io::Result<Option<Stamp>> {
    Ok(Header::of(file, memo)?.map(|header| header.stamp))
}

/// Reads a part of a shard. `None` if the file ends before.
fn read(mut file: &File, span: &Span) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(span.bytes).unwrap_or(usize::MAX))?;
    file.seek(SeekFrom::Start(span.at))?;
    file.take(span.bytes).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 == span.bytes).then_some(bytes))
}

struct Header {
    stamp: Stamp,
    head: Span,
    details: Span,
}

impl Header {
    /// Of a shard of the memo `memo`; else `None`.
    fn of(file: &File, memo: &Stamp) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER];
        match file.read_exact_at(&mut header, 0) {
            Ok(()) => Ok(Self::parse(&header, memo)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn parse(bytes: &[u8; HEADER], memo: &Stamp) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (of, rest) = rest.split_first_chunk::<16>()?;
        let (stamp, rest) = rest.split_first_chunk::<16>()?;
        let (head, rest) = rest.split_first_chunk::<8>()?;
        let (details, rest) = rest.split_first_chunk::<8>()?;
        let (head_sum, rest) = rest.split_first_chunk::<16>()?;
        let (details_sum, _) = rest.split_first_chunk::<16>()?;
        let (head, details) = (u64::from_le_bytes(*head), u64::from_le_bytes(*details));
        let fits = head.checked_add(details).is_some_and(|bytes| bytes <= MOST);
        (*magic == MAGIC && of == memo && fits).then(|| Self {
            stamp: *stamp,
            head: Span { at: HEADER as u64, bytes: head, sum: u128::from_le_bytes(*head_sum) },
            details: Span {
                at: HEADER as u64 + head,
                bytes: details,
                sum: u128::from_le_bytes(*details_sum),
            },
        })
    }
}

impl Stored {
    /// Reads the head of the shard at `path`. `None` if it is not whole, or not of the memo `memo`.
    pub(crate) fn read(path: &Path, memo: &Stamp, ablated: Ablations) -> io::Result<Option<Self>> {
        let file = open_regular(path)?;
        let Some(header) = Header::of(&file, memo)? else { return Ok(None) };
        let Some(head) = read(&file, &header.head)? else { return Ok(None) };
        let Some((head, names)) = Head::decode(head, &header.head, ablated) else {
            return Ok(None);
        };
        let Header { stamp, details, .. } = header;
        let (file, path, files) = (Some(file), path.to_owned(), head.records.len());
        Ok(Some(Self { head, body: Body { stamp, file, path, details, files, names, ablated } }))
    }

    /// What is in the folder, if that is in the state that it was in when these files were all
    /// of it.
    pub(crate) fn listing(&mut self, now: &State) -> Option<Listing> {
        let names = std::mem::take(&mut self.body.names);
        if !self.head.lists(now, self.body.ablated) {
            return None;
        }
        Listing::of(names).filter(|listing| listing.rollouts.len() == self.head.records.len())
    }
}

impl Body {
    /// Closes it; it is opened again for its details. An archive may have more shards than a
    /// process may have files open.
    pub(crate) fn close(&mut self) {
        self.file = None;
        self.names = Names::default();
    }

    /// Reads it. `None` if it is not whole, or another shard is there by now.
    pub(crate) fn details(&self) -> io::Result<Option<Vec<Detail>>> {
        let all: Vec<usize> = (0..self.files).collect();
        self.some(&all)
    }

    /// Reads it as far as it tells of these files. `None` if it is not whole, or another shard is
    /// there by now.
    pub(crate) fn some(&self, files: &[usize]) -> io::Result<Option<Vec<Detail>>> {
        let opened = if self.file.is_none() { Some(open_regular(&self.path)?) } else { None };
        let Some(file) = self.file.as_ref().or(opened.as_ref()) else { return Ok(None) };
        let Some(bytes) = read(file, &self.details)? else { return Ok(None) };
        if xxh3_128(&bytes) != self.details.sum && !self.ablated.has(Ablation::ShardChecksum) {
            return Ok(None);
        }
        Ok(self.decode(&bytes, files))
    }

    /// The ends of all details stand before the first.
    fn decode(&self, bytes: &[u8], files: &[usize]) -> Option<Vec<Detail>> {
        let (ends, details) = bytes.split_at_checked(self.files.checked_mul(END)?)?;
        let (ends, _) = ends.as_chunks::<END>();
        let end = |file: usize| usize::try_from(u64::from_le_bytes(*ends.get(file)?)).ok();
        let detail = |&file: &usize| {
            let begin = if file == 0 { 0 } else { end(file - 1)? };
            let mut detail: Detail = postcard::from_bytes(details.get(begin..end(file)?)?).ok()?;
            detail.rollout.named = name::session(detail.name()).to_owned();
            detail.is_possible().then_some(detail)
        };
        files.iter().map(detail).collect()
    }
}

/// No file has so many lines, and no folder so many files: sums of all stay within 64 bits.
const MOST_COUNTED: u64 = 1 << 48;

/// Bytes of the place where the details of a file end.
const END: usize = 8;

fn encode_details(details: &[Detail]) -> Result<Vec<u8>, postcard::Error> {
    let (mut ends, mut all) = (Vec::with_capacity(END * details.len()), Vec::new());
    for detail in details {
        all = postcard::to_extend(detail, all)?;
        ends.extend_from_slice(&(all.len() as u64).to_le_bytes());
    }
    ends.append(&mut all);
    Ok(ends)
}

/// Rollouts with their places in the shard.
pub(crate) fn rollouts(details: &[Detail]) -> impl Iterator<Item = (usize, &Rollout)> {
    details.iter().map(|detail| &detail.rollout).enumerate()
}

impl Head {
    fn decode(bytes: Vec<u8>, span: &Span, ablated: Ablations) -> Option<(Self, Names)> {
        if xxh3_128(&bytes) != span.sum && !ablated.has(Ablation::ShardChecksum) {
            return None;
        }
        let (count, rest) = bytes.split_first_chunk::<8>()?;
        let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
        let (records, rest) = rest.split_at_checked(count.checked_mul(RECORD)?)?;
        let (records, _) = records.as_chunks::<RECORD>();
        let Rest { folder, date, open_turns, sums, listed, names } =
            postcard::from_bytes(rest).ok()?;
        let Found { unknown, broken, untyped, inferred } = sums.found;
        if [unknown, broken, untyped, inferred].into_iter().any(|count| count >= MOST_COUNTED) {
            return None;
        }
        let sums = Sums { open_turns: OpenTurns::from_bytes(open_turns), ..sums };
        let key =
            Key { folder: Path::new(OsStr::from_bytes(folder)).to_owned(), date: date.to_owned() };
        let records = records.iter().map(Record::from_bytes).collect();
        let listed = listed.try_into().ok().map(State::from_bytes);
        let names = names.len();
        Some((Self { key, records, sums, listed }, Names::at_end(bytes, names)))
    }

    fn encode(&self, details: &[Detail]) -> Result<Vec<u8>, postcard::Error> {
        let mut bytes = Vec::with_capacity(64 + RECORD * self.records.len());
        bytes.extend_from_slice(&(self.records.len() as u64).to_le_bytes());
        for record in &self.records {
            bytes.extend_from_slice(&record.to_bytes());
        }
        let folder = self.key.folder.as_os_str().as_bytes();
        let open_turns = self.sums.open_turns.as_bytes();
        let listed = self.listed.map(State::to_bytes);
        let mut names = Vec::new();
        for detail in details.iter().filter(|_| listed.is_some()) {
            names.extend_from_slice(&detail.name);
            names.push(0);
        }
        let (date, sums) = (&*self.key.date, self.sums.clone());
        let listed = listed.as_ref().map_or(&[][..], |listed| listed);
        postcard::to_extend(&Rest { folder, date, open_turns, sums, listed, names: &names }, bytes)
    }
}

/// A shard ready to be written.
pub(crate) fn encode(
    head: &Head,
    details: &[Detail],
    memo: &Stamp,
    stamp: &Stamp,
) -> Result<Vec<u8>, postcard::Error> {
    let head = head.encode(details)?;
    let details = encode_details(details)?;
    let mut bytes = Vec::with_capacity(HEADER + head.len() + details.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(memo);
    bytes.extend_from_slice(stamp);
    bytes.extend_from_slice(&(head.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&(details.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&xxh3_128(&head).to_le_bytes());
    bytes.extend_from_slice(&xxh3_128(&details).to_le_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&details);
    Ok(bytes)
}
