//! The operations of a history: what happens to the files of an archive, to its memo and to the
//! clock.

use std::time::Duration;

use super::arguments::{
    Bytes, Fork, LINES, MemoOp, Minutes, Mode, PERMITTED, Place, Target, UntilComma,
};
use super::line::LineSpec;
use crate::words::{
    After, Flag, Key, List, Maybe, Micros, Name, Number, Signed, Unless, Word, operations,
};

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

operations! {
    /// One operation. Files are numbered; what asks for a file that is not there, or would put one
    /// where one is, is passed over.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Op: "operation" {
        /// A new session, or without its first line.
        "create" Create {
            /// The file.
            file: u8 = Number,
            /// Its folder.
            place: Place = Word,
            /// Without the line that says which session it is.
            bare: bool = Flag("bare"),
        },
        /// Lines at the end of a file.
        "append" Append(file: u8 = Number, lines: Vec<LineSpec> = LINES),
        /// So many bytes of a line at the end of a file.
        "tear" Tear(file: u8 = Number, line: LineSpec = UntilComma, bytes: u32 = Bytes),
        /// The rest of that line.
        "mend" Mend(file: u8 = Number),
        /// The file is cut so many bytes before its end.
        "cut" Cut(file: u8 = Number, bytes: u32 = Number),
        /// The file is cut after so many lines.
        "truncate" Truncate(file: u8 = Number, lines: u8 = Number),
        /// Another file takes its place by a rename: these lines after the first.
        "replace" Replace(file: u8 = Number, lines: Vec<LineSpec> = LINES),
        /// These lines after the first are written over all of it, in the same file.
        "overwrite" Overwrite(file: u8 = Number, lines: Vec<LineSpec> = LINES),
        /// The last count is another one of as many digits.
        "rewrite" Rewrite {
            /// The file.
            file: u8 = Number,
            /// The time of its last change is put back.
            back: bool = Flag("back"),
        },
        /// By a rename, with the same name.
        "move" Move(file: u8 = Number, place: Place = Word),
        /// A copy of the first file is the second: its first lines, or all.
        "copy" Copy {
            /// What is copied.
            from: u8 = Number,
            /// The copy, with the same name.
            to: u8 = Number,
            /// Its folder.
            place: Place = Word,
            /// Lines, if not all.
            lines: Option<u8> = Maybe(Key("lines", Number)),
        },
        /// The second is a fork of the first, made at the beginning of histories.
        "fork" Fork(
            from: u8 = Number, to: u8 = Number, place: Place = Word, how: Fork = Name(&Fork::ALL),
        ),
        /// The second is a segment of the thread of the first, which need not be there.
        "segment" Segment(of: u8 = Number, file: u8 = Number, place: Place = Word),
        /// A migration rewrites it in place, numbers its lines, and puts the time of its last
        /// change back.
        "migrate" Migrate(file: u8 = Number),
        /// It is compressed, and has the time of its last change.
        "compress" Compress(file: u8 = Number),
        /// It is decompressed, and has the time of its last change.
        "decompress" Decompress(file: u8 = Number),
        /// The second is a compressed copy of the first, beside it.
        "pack" Pack(from: u8 = Number, to: u8 = Number),
        /// It is compressed, and cannot be decompressed from now on.
        "damage" Damage(file: u8 = Number),
        /// The second is a symbolic link to the first, with a separate name.
        "link" Link(from: u8 = Number, to: u8 = Number, place: Place = Word),
        /// The second is another name of the first.
        "hard-link" HardLink(from: u8 = Number, to: u8 = Number, place: Place = Word),
        /// A symbolic link below `sessions`, to a folder.
        "link-folder" LinkFolder(link: u8 = Number, target: Target = Word),
        /// It is removed.
        "unlink-folder" UnlinkFolder(link: u8 = Number),
        /// A file is deleted.
        "delete" Delete(file: u8 = Number),
        /// What was deleted last under this number is there again, with the time of its last
        /// change.
        "restore" Restore(file: u8 = Number),
        /// A link that leads to itself is where the file was, which is set aside.
        "block" Block(file: u8 = Number),
        /// A folder is there.
        "folder" Folder(file: u8 = Number),
        /// What was set aside is back.
        "unblock" Unblock(file: u8 = Number),
        /// Nobody may read the file, or everyone again.
        "permit" Permit(file: u8 = Number, permitted: bool = PERMITTED),
        /// Nobody may read the folder of a day, or everyone again.
        "permit-day" PermitDay(day: u8 = Number, permitted: bool = PERMITTED),
        /// A file is in the place of the folder of all sessions (or that of archived ones), or the
        /// folder again.
        "root" Root {
            /// Which one.
            archived: bool = Name(&[("archived", true), ("sessions", false)]),
            /// Whether it is there.
            present: bool = Name(&[("back", true), ("gone", false)]),
        },
        /// Something happens to the memo.
        "memo" Memo(what: MemoOp = Name(&MemoOp::ALL)),
        /// The clock moves by so many milliseconds.
        "clock" Clock(by: i64 = Signed),
        /// Days begin so many minutes before those of UTC, from now on.
        "zone" Zone(minutes: i16 = Minutes),
        /// A trace database says from now on that these turns were served at priority; `None` if
        /// there is none.
        "priority" Priority(turns: Option<Vec<u8>> = Unless("unknown", List(",", Number))),
        /// A refresh of a candidate that is killed after so long, or cancelled half-way. Our own is
        /// in this process.
        "refresh" Ended(after: Option<Duration> = Unless("cancelled", After("killed", Micros))),
        /// A refresh, after which everything is compared.
        "" Refresh(mode: Mode = Name(&Mode::ALL)),
    }
}
