//! The operations of a history: what happens to the files of an archive, to its memo and to the
//! clock. Their readable form is in `text`.

use std::time::Duration;

use super::line::LineSpec;

/// One history: operations in their order, and the machine that they happen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// How changes of files are dated.
    pub dates: Dates,
    /// Threads of each refresh.
    pub threads: u8,
    /// Whether the oracle in Python is asked, too.
    pub python: bool,
    /// What happens, in this order.
    pub ops: Vec<Op>,
}

impl Default for Case {
    /// Without operations.
    fn default() -> Self {
        Self { dates: Dates::Ticks, threads: 1, python: false, ops: Vec::new() }
    }
}

/// How changes of files are dated. All but the last are dated by the clock of the history, so that
/// it does not matter how long anything takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// By ticks of 4 ms, as most systems do.
    Ticks,
    /// By ticks of 2 s, as the file systems of memory cards do.
    Coarse,
    /// By ticks of 4 ms, and only changes of contents: there is no other time.
    Modified,
    /// As the system dates them. Whatever changes later is waited for to bear a later date, as if
    /// time had passed.
    System,
}

/// One operation. Files are numbered; what asks for a file that is not there, or would put one
/// where one is, is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A new session, or without its first line.
    Create {
        /// The file.
        file: u8,
        /// Its folder.
        place: Place,
        /// Without the line that says which session it is.
        bare: bool,
    },
    /// Lines at the end of a file.
    Append(u8, Vec<LineSpec>),
    /// So many bytes of a line at the end of a file.
    Tear(u8, LineSpec, u32),
    /// The rest of that line.
    Mend(u8),
    /// The file is cut so many bytes before its end.
    Cut(u8, u32),
    /// The file is cut after so many lines.
    Truncate(u8, u8),
    /// Another file takes its place by a rename: these lines after the first.
    Replace(u8, Vec<LineSpec>),
    /// These lines after the first are written over all of it, in the same file.
    Overwrite(u8, Vec<LineSpec>),
    /// The last count is another one of as many digits.
    Rewrite {
        /// The file.
        file: u8,
        /// The time of its last change is put back.
        back: bool,
    },
    /// By a rename, with the same name.
    Move(u8, Place),
    /// A copy of the first file is the second: its first lines, or all.
    Copy {
        /// What is copied.
        from: u8,
        /// The copy, with the same name.
        to: u8,
        /// Its folder.
        place: Place,
        /// Lines, if not all.
        lines: Option<u8>,
    },
    /// The second is a fork of the first, made at the beginning of histories.
    Fork(u8, u8, Place, Fork),
    /// The second is a segment of the thread of the first, which need not be there.
    Segment(u8, u8, Place),
    /// A migration rewrites it in place, numbers its lines, and puts the time of its last change
    /// back.
    Migrate(u8),
    /// It is compressed, and has the time of its last change.
    Compress(u8),
    /// It is decompressed, and has the time of its last change.
    Decompress(u8),
    /// The second is a compressed copy of the first, beside it.
    Pack(u8, u8),
    /// It is compressed, and cannot be decompressed from now on.
    Damage(u8),
    /// The second is a symbolic link to the first, with a separate name.
    Link(u8, u8, Place),
    /// The second is another name of the first.
    HardLink(u8, u8, Place),
    /// A symbolic link below `sessions`, to a folder.
    LinkFolder(u8, Target),
    /// It is removed.
    UnlinkFolder(u8),
    /// A file is deleted.
    Delete(u8),
    /// What was deleted last under this number is there again, with the time of its last change.
    Restore(u8),
    /// A link that leads to itself is where the file was, which is set aside.
    Block(u8),
    /// A folder is there.
    Folder(u8),
    /// What was set aside is back.
    Unblock(u8),
    /// Nobody may read the file, or everyone again.
    Permit(u8, bool),
    /// Nobody may read the folder of a day, or everyone again.
    PermitDay(u8, bool),
    /// A file is in the place of the folder of all sessions (or that of archived ones), or the
    /// folder again.
    Root {
        /// Which one.
        archived: bool,
        /// Whether it is there.
        present: bool,
    },
    /// Something happens to the memo.
    Memo(MemoOp),
    /// The clock moves by so many milliseconds.
    Clock(i64),
    /// Days begin so many minutes before those of UTC, from now on.
    Zone(i16),
    /// A trace database says from now on that these turns were served at priority; `None` if there
    /// is none.
    Priority(Option<Vec<u8>>),
    /// A refresh, after which everything is compared.
    Refresh(Mode),
    /// A refresh of a candidate that is killed after so long, or cancelled half-way. Our own is in
    /// this process.
    Ended(Option<Duration>),
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

/// A folder that may hold rollouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Of a day.
    Day(u8),
    /// Of archived sessions.
    Archived,
    /// Beside the home.
    Outside,
}

/// Where a link to a folder leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To the folder of a day.
    Day(u8),
    /// To a folder beside the home.
    Outside,
    /// To the folder that it is in.
    Circle,
    /// To nothing.
    Nowhere,
    /// To itself.
    Itself,
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
