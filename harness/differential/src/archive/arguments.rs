//! What operations on an archive are about, and how it is written.

use super::line::LineSpec;
use crate::words::{Key, List, Name, Number, Rest, Words, operations};

/// Lines of a file.
pub(super) const LINES: List<Rest<LineSpec>> = List(" | ", Rest::NEW);

/// Whether something may be read.
pub(super) const PERMITTED: Name<bool> = Name(&[("yes", true), ("no", false)]);

/// A line of a file, up to the last comma.
pub(super) struct UntilComma;

impl Words<LineSpec> for UntilComma {
    fn read(&self, rest: &mut &str) -> Result<LineSpec, String> {
        let comma = rest.rfind(',').ok_or_else(String::new)?;
        let (line, after) = rest.split_at(comma);
        *rest = after;
        Rest::NEW.whole(line)
    }

    fn write(&self, value: &LineSpec, text: &mut String) {
        Rest::NEW.write(value, text);
    }
}

/// A number of bytes behind a comma.
pub(super) struct Bytes;

impl Words<u32> for Bytes {
    fn read(&self, rest: &mut &str) -> Result<u32, String> {
        let bytes = rest.strip_prefix(", ").and_then(|rest| rest.strip_suffix(" bytes"));
        *rest = "";
        Number.whole(bytes.ok_or_else(String::new)?)
    }

    fn write(&self, value: &u32, text: &mut String) {
        text.push_str(&format!(", {value} bytes"));
    }
}

/// Minutes by which days begin before those of UTC.
pub(super) struct Minutes;

impl Words<i16> for Minutes {
    fn read(&self, rest: &mut &str) -> Result<i16, String> {
        match Number.read(rest)? {
            minutes if minutes % 15 == 0 => Ok(minutes),
            _ => Err("days begin at a quarter of an hour in every time zone".to_owned()),
        }
    }

    fn write(&self, value: &i16, text: &mut String) {
        Number.write(value, text);
    }
}

/// How a fork comes by the history of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// Every line of it is copied and stamped anew, by a version that writes turn ids.
    Copied,
    /// The same by a version before those.
    Old,
    /// It says where that history is, and copies nothing.
    Paginated,
    /// It is a sub-agent: lines are copied and numbered, and it says where its own begin.
    Agent,
}

impl Fork {
    /// Every way, with its name.
    pub(super) const ALL: [(&'static str, Self); 4] = [
        ("copied", Self::Copied),
        ("old", Self::Old),
        ("paginated", Self::Paginated),
        ("agent", Self::Agent),
    ];
}

/// How a refresh is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// With sessions.
    Whole,
    /// Without.
    Brief,
    /// Whatever the memo says.
    Rescan,
    /// Another refresh begins and ends while this one reads.
    Overtaken,
}

impl Mode {
    /// Every mode, with its name.
    pub(super) const ALL: [(&'static str, Self); 4] = [
        ("refresh", Self::Whole),
        ("refresh brief", Self::Brief),
        ("rescan", Self::Rescan),
        ("refresh overtaken", Self::Overtaken),
    ];
}

operations! {
    /// A folder that may hold rollouts.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Place: "folder of rollouts" {
        /// Of a day.
        "" Day(day: u8 = Key("day", Number)),
        /// Of archived sessions.
        "archived" Archived,
        /// Beside the home.
        "outside" Outside,
    }
}

operations! {
    /// Where a link to a folder leads.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Target: "folder to lead to" {
        /// To the folder of a day.
        "" Day(day: u8 = Key("day", Number)),
        /// To a folder beside the home.
        "outside" Outside,
        /// To the folder that it is in.
        "circle" Circle,
        /// To nothing.
        "nowhere" Nowhere,
        /// To itself.
        "itself" Itself,
    }
}

/// What happens to the memo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoOp {
    /// It is gone.
    Remove,
    /// The file that says whose memo it is is gone.
    RemoveManifest,
    /// A bit of that file is flipped.
    FlipManifest,
    /// A bit of the first half of each shard is flipped, which changes what was used.
    FlipHeads,
    /// A bit of the second half of each shard is flipped.
    FlipDetails,
    /// Shards end too early.
    Shorten,
    /// It is one that a version of another format wrote, for which the same bytes mean something
    /// else.
    OtherVersion,
    /// The same of another parser.
    OtherParser,
    /// It is that of another home.
    OtherHome,
    /// It is kept.
    Save,
    /// What was kept is there again.
    Restore,
}

impl MemoOp {
    /// Every one, with its name.
    pub(super) const ALL: [(&'static str, Self); 11] = [
        ("remove", Self::Remove),
        ("remove manifest", Self::RemoveManifest),
        ("flip manifest", Self::FlipManifest),
        ("flip heads", Self::FlipHeads),
        ("flip details", Self::FlipDetails),
        ("shorten", Self::Shorten),
        ("other version", Self::OtherVersion),
        ("other parser", Self::OtherParser),
        ("other home", Self::OtherHome),
        ("save", Self::Save),
        ("restore", Self::Restore),
    ];
}
