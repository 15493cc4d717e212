//! The layout of an archive: which sessions there are, where they is, when they began and how large
//! they become.
//!
//! It is made by one thread from one stream of random numbers a session, so that every session can
//! then be written by itself.

mod shapes;

use std::collections::BTreeMap;
use std::path::PathBuf;

use tracerig_store::threads::Millis;

use super::recipe::ArchiveRecipe;
use crate::dice::Dice;
use crate::truth::Turn;

pub(super) const DAY: i64 = 86_400_000;

/// Smaller sessions have no room for what the newer version writes.
const NEWER_FROM: u64 = 5_600;

/// Room for a turn that the trace database knows, and the one after it.
const OF_A_KNOWN_TURN: u64 = 6_000;

/// Which version of the Codex CLI wrote a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    /// 0.98.0: no ids of turns.
    Oldest,
    /// 0.141.0: no tier in it.
    Older,
    /// 0.169.0: the tier is in settings, lines are numbered.
    Newer,
}

/// What a session goes on with.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// Nothing: it begins itself.
    Own,
    /// The history of another session, whose lines are copied and stamped anew.
    Copied(Box<Session>),
    /// The same, as the history of a sub-agent begins.
    Agent(Box<Session>),
    /// The history of another session, which stays where it is.
    Paginated(Box<Session>),
    /// The same thread, whose beginning is another file.
    Segment(Box<Session>),
}

/// One session to be written.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Its number, which its content follows from.
    pub(super) number: u64,
    pub(super) id: String,
    /// Below the home.
    pub(super) path: PathBuf,
    /// Where a copy of its beginning is.
    pub(super) copy: Option<PathBuf>,
    pub(super) version: Version,
    /// When it begins, in milliseconds of Unix time.
    pub(super) start: i64,
    /// Bytes it should have at scale 1.
    pub(super) bytes: u64,
    /// The bytes of its longest line, if it has a long one.
    pub(super) longest_line: Option<u64>,
    /// After how many milliseconds it goes on, on a later day.
    pub(super) resumed: Option<i64>,
    /// Turns that a trace database knows for priority turns, in the order of time.
    pub(super) known: Vec<KnownTurn>,
    pub(super) shape: Shape,
    /// Whether the newer version goes on with it from its second half on.
    pub(super) is_upgraded: bool,
    pub(super) is_compressed: bool,
    /// Where a copy of all of it is.
    pub(super) twin: Option<PathBuf>,
}

/// A turn that a trace database knows for a priority turn.
#[derive(Debug, Clone)]
pub(super) struct KnownTurn {
    pub(super) turn: String,
    pub(super) model: Option<String>,
    /// Milliseconds of Unix time.
    pub(super) at: i64,
}

/// All sessions, in the order of their paths.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) sessions: Vec<Session>,
}

impl Plan {
    /// Lays out an archive whose trace database ends at `end`, in seconds of Unix time, and has
    /// these priority turns.
    pub(super) fn new(recipe: &ArchiveRecipe, seed: u64, end: i64, turns: &[Turn]) -> Self {
        let last_day = (end * 1000).div_euclid(DAY);
        let mut known = known_turns(turns).into_iter();
        let mut drafts: Vec<(Dice, Session)> = (0..recipe.sessions)
            .map(|number| {
                let mut dice = Dice::new(seed, "session", number);
                let session = draft(recipe, last_day, number, known.next(), &mut dice);
                (dice, session)
            })
            .collect();
        stretch(recipe, &mut drafts);
        let copies = usize::try_from(recipe.sessions * recipe.copies_per_mille / 1000).unwrap_or(0);
        let mut sessions: Vec<Session> = drafts
            .into_iter()
            .map(|(mut dice, session)| settle(recipe, last_day, session, &mut dice))
            .collect();
        let is_current = |session: &&mut Session| session.path.starts_with(SESSIONS);
        // Spread over all of them, since drafts come in no order of time.
        for session in sessions.iter_mut().filter(is_current).take(copies) {
            session.copy = Some(PathBuf::from(ARCHIVED).join(file_name(session)));
        }
        if let Some(largest) =
            sessions.iter_mut().max_by_key(|session| (session.bytes, session.number))
        {
            largest.longest_line = Some(recipe.longest_line.min(largest.bytes / 2));
        }
        shapes::shape(recipe, seed, last_day, &mut sessions);
        sessions.sort_by(|one, other| one.path.cmp(&other.path));
        Self { sessions }
    }
}

/// The folders of sessions and of archived ones.
pub(super) const SESSIONS: &str = "sessions";
pub(super) const ARCHIVED: &str = "archived_sessions";

/// The turns that name a thread, by thread, in the order of time. One made in the same millisecond
/// as its thread may have the smaller id, as if it were the parent's, and is left out.
fn known_turns(turns: &[Turn]) -> BTreeMap<String, Vec<KnownTurn>> {
    let mut threads: BTreeMap<String, Vec<KnownTurn>> = BTreeMap::new();
    for Turn { turn, thread, model, timestamp } in turns {
        if let Some(thread) = thread.as_ref().filter(|thread| thread.len() == 36 && *thread < turn)
        {
            let known =
                KnownTurn { turn: turn.clone(), model: model.clone(), at: timestamp * 1000 };
            threads.entry(thread.clone()).or_default().push(known);
        }
    }
    for turns in threads.values_mut() {
        turns.sort_by(|one, other| (one.at, &one.turn).cmp(&(other.at, &other.turn)));
    }
    threads
}

fn draft(
    recipe: &ArchiveRecipe,
    last_day: i64,
    number: u64,
    known: Option<(String, Vec<KnownTurn>)>,
    dice: &mut Dice,
) -> Session {
    let bytes = dice.size(recipe.sizes);
    // The later of two days: there are more sessions in later ones.
    let day = dice.below(recipe.days).max(dice.below(recipe.days));
    let day = last_day + 1 - i64::try_from(recipe.days - day).unwrap_or(1);
    // From seven in the morning to eleven at night.
    let drawn = day * DAY + i64::try_from(dice.between(7 * 3_600_000, 23 * 3_600_000)).unwrap_or(0);
    let (id, known, start) = match known {
        // A session begins a little before its first turn.
        Some((thread, turns)) => {
            let first = turns.first().map_or(drawn, |turn| turn.at);
            (Some(thread), turns, first - 2_000)
        }
        None => (None, Vec::new(), drawn),
    };
    let bytes = bytes.max(OF_A_KNOWN_TURN * known.len() as u64);
    let id = id.unwrap_or_else(|| dice.uuid7(start.unsigned_abs()));
    Session {
        number,
        id,
        path: PathBuf::new(),
        copy: None,
        version: Version::Older,
        start,
        bytes,
        longest_line: None,
        resumed: None,
        known,
        shape: Shape::Own,
        is_upgraded: false,
        is_compressed: false,
        twin: None,
    }
}

/// Stretches the sizes of all sessions alike until they have together what the recipe says.
fn stretch(recipe: &ArchiveRecipe, drafts: &mut [(Dice, Session)]) {
    let together: u128 = drafts.iter().map(|(_, session)| u128::from(session.bytes)).sum();
    for (_, session) in drafts {
        let bytes = u128::from(session.bytes) * u128::from(recipe.bytes) / together.max(1);
        session.bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    }
}

fn settle(recipe: &ArchiveRecipe, last_day: i64, mut session: Session, dice: &mut Dice) -> Session {
    let newer = dice.below(100) < recipe.newer_percent;
    let archived = dice.below(100) < recipe.archived_percent;
    let resumed = dice.chance(recipe.resumed_per_mille);
    // What the older version leaves open is what the trace database can tell.
    if newer && session.bytes >= NEWER_FROM && session.known.is_empty() {
        session.version = Version::Newer;
    }
    let pause = DAY * i64::try_from(dice.between(1, 9)).unwrap_or(1);
    let is_over = session.start + pause >= last_day * DAY;
    session.resumed = (resumed && session.known.is_empty() && !is_over).then_some(pause);
    let name = file_name(&session);
    session.path = if archived && session.known.is_empty() {
        PathBuf::from(ARCHIVED).join(name)
    } else {
        let date = Millis(session.start).rfc3339();
        let (year, month, day) = (&date.as_str()[..4], &date.as_str()[5..7], &date.as_str()[8..10]);
        PathBuf::from(SESSIONS).join(year).join(month).join(day).join(name)
    };
    session
}

fn file_name(session: &Session) -> String {
    let time = Millis(session.start).rfc3339();
    let ids = match &session.shape {
        Shape::Segment(of) => format!("{}_{}", of.id, session.id),
        _ => session.id.clone(),
    };
    format!("rollout-{}-{ids}.jsonl", time.as_str()[..19].replace(':', "-"))
}
