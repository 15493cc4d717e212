//! Which sessions are forks, segments, copied as a whole, or compressed.
//!
//! All of it comes from separate streams, so an archive without such sessions stays the same.

use std::path::PathBuf;

use super::{ARCHIVED, DAY, SESSIONS, Session, Shape, Version, file_name};
use crate::archive::recipe::ArchiveRecipe;
use crate::dice::Dice;

/// Sessions that are looked at for one to go on with.
const LOOKS: usize = 300;

/// Codex compresses what is older than this.
const COMPRESSED_AFTER: i64 = 7 * DAY;

/// A session without a pause is over after this.
const OVER_AFTER: i64 = DAY / 2;

/// Gives sessions their shapes, as far as the recipe asks for some.
pub(super) fn shape(recipe: &ArchiveRecipe, seed: u64, last_day: i64, sessions: &mut [Session]) {
    if !recipe.has_new_shapes() {
        return;
    }
    for session in sessions.iter_mut().filter(|session| is_free(session)) {
        let mut dice = Dice::new(seed, "oldest", session.number);
        if session.version == Version::Older && dice.below(100) < recipe.oldest_percent {
            session.version = Version::Oldest;
        }
    }
    for at in 0..sessions.len() {
        let mut dice = Dice::new(seed, "shape", sessions[at].number);
        let drawn = dice.below(1000);
        let is_fork = drawn < recipe.forks_per_mille;
        let is_segment = !is_fork && drawn < recipe.forks_per_mille + recipe.segments_per_mille;
        if (is_fork || is_segment) && is_free(&sessions[at]) {
            let parent = parent(sessions, at, is_segment, &mut dice).cloned().map(Box::new);
            let session = &mut sessions[at];
            if let Some(parent) = parent {
                session.shape = shape_of(session, parent, is_segment, &mut dice);
                let name = file_name(session);
                session.path.set_file_name(name);
            }
        }
        let session = &mut sessions[at];
        let [upgrade, twin] =
            [recipe.upgraded_per_mille, recipe.twins_per_mille].map(|part| dice.chance(part));
        let compress = dice.below(100) < recipe.compressed_percent;
        session.is_upgraded =
            upgrade && session.version == Version::Older && is_free(session) && is_own(session);
        if twin && is_free(session) {
            session.twin = Some(PathBuf::from(SESSIONS).join("backup").join(file_name(session)));
        }
        if compress && is_free(session) && session.start + COMPRESSED_AFTER < last_day * DAY {
            session.is_compressed = true;
            session.path.as_mut_os_string().push(".zst");
        }
    }
}

/// Whether nothing else is special about it.
fn is_free(session: &Session) -> bool {
    let Session { copy, longest_line, resumed, known, .. } = session;
    copy.is_none() && longest_line.is_none() && resumed.is_none() && known.is_empty()
}

fn is_own(session: &Session) -> bool {
    matches!(session.shape, Shape::Own)
}

/// A session that the one at `at` can go on with: an earlier one that is over, and smaller.
fn parent<'a>(
    sessions: &'a [Session],
    at: usize,
    is_segment: bool,
    dice: &mut Dice,
) -> Option<&'a Session> {
    let session = &sessions[at];
    let first = usize::try_from(dice.below(sessions.len() as u64)).unwrap_or(0);
    let suits = |parent: &&Session| {
        let is_version =
            parent.version == session.version || !is_segment && parent.version < session.version;
        let is_over = parent.start + OVER_AFTER < session.start && !parent.is_upgraded;
        is_version
            && is_over
            && is_free(parent)
            && is_own(parent)
            && parent.bytes * 2 <= session.bytes
    };
    let is_possible =
        !is_segment || session.version == Version::Newer && !session.path.starts_with(ARCHIVED);
    let looked_at = sessions[first..].iter().chain(&sessions[..first]).take(LOOKS);
    looked_at.filter(|_| is_possible).find(suits)
}

fn shape_of(session: &Session, parent: Box<Session>, is_segment: bool, dice: &mut Dice) -> Shape {
    let is_new = (session.version, parent.version) == (Version::Newer, Version::Newer);
    match dice.below(2) {
        _ if is_segment => Shape::Segment(parent),
        0 if is_new => Shape::Agent(parent),
        _ if is_new => Shape::Paginated(parent),
        _ => Shape::Copied(parent),
    }
}
