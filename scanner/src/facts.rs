//! The set of facts a scan knows: compact, ordered by id, with every string stored once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kept::{Kept, Row, Seen};
use crate::parse::{Says, TierWord};
use crate::signature::Signature;

/// A string of a [`FactSet`], by its place in the table of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct NameId(u32);

impl NameId {
    /// The name at a place of the table.
    pub(crate) fn at(place: usize) -> Self {
        // 2^32 names would need as many rows with facts; a database of that many marked rows
        // exceeds SQLite's pages.
        Self(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Its place in the table.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The strings of a set: turn, thread and process ids and models.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    list: Vec<Arc<str>>,
    /// Built when the first name is added: most relaunches add none.
    index: HashMap<Arc<str>, NameId>,
}

impl Names {
    pub(crate) fn get(&self, id: NameId) -> &str {
        &self.list[id.index()]
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    fn intern(&mut self, name: &str) -> NameId {
        if self.index.len() != self.list.len() {
            self.index = self.list.iter().cloned().zip((0..).map(NameId::at)).collect();
        }
        if let Some(&id) = self.index.get(name) {
            return id;
        }
        let id = NameId::at(self.list.len());
        let name: Arc<str> = name.into();
        self.list.push(Arc::clone(&name));
        self.index.insert(name, id);
        id
    }
}

/// One remembered fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fact {
    /// The row it came from.
    pub(crate) id: i64,
    /// What identifies that row beside its id.
    pub(crate) signature: Signature,
    /// The thread, where known.
    pub(crate) thread: Option<NameId>,
    /// What the row says.
    pub(crate) kind: Kind,
}

/// What a remembered row says. Compare [`Says`], its form while parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Evidence: a request at priority tier.
    Request { turn: NameId, model: Option<NameId> },
    /// The model that answered a turn.
    Completion { turn: NameId, model: NameId },
    /// Evidence if the tier it says or inherits is priority and the turn ran afterwards.
    Submission { turn: NameId, tier: Tier, process: Option<NameId> },
    /// A thread's tier changed.
    Settings { tier: Tier, process: Option<NameId> },
    /// Evidence: tags that name the priority tier.
    Tags { turn: NameId, model: Option<NameId> },
}

/// The tier that a submission says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tier {
    /// The one that the thread had in the same process.
    Inherit,
    /// Priority.
    Priority,
    /// Not priority.
    Other,
}

impl From<TierWord> for Tier {
    fn from(word: TierWord) -> Self {
        match word {
            TierWord::Inherit => Self::Inherit,
            TierWord::Priority => Self::Priority,
            TierWord::Other => Self::Other,
        }
    }
}

/// The stored form of a set.
#[derive(Serialize, Deserialize)]
pub(crate) struct Parts<Name> {
    /// By rising id.
    pub(crate) facts: Vec<Fact>,
    /// By rising turn.
    pub(crate) kept: Vec<Kept>,
    /// The strings of both, in the order of their first use.
    pub(crate) names: Vec<Name>,
}

/// Facts in the order of their ids, at most one for an id, and the turn rows kept beside them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FactSet {
    facts: Vec<Fact>,
    /// In the order of their turns' places in the table of names; at most one for a turn.
    kept: Vec<Kept>,
    names: Names,
}

impl FactSet {
    /// Puts a set together from its stored parts. `None` if a name is not there, or ids or turns do
    /// not rise: then it was not written by [`FactSet::parts`].
    pub(crate) fn from_parts(Parts { facts, kept, names }: Parts<Arc<str>>) -> Option<Self> {
        let known = |id: &NameId| (id.index()) < names.len();
        let complete = facts.iter().all(|fact| fact.name_ids().iter().flatten().all(known))
            && kept
                .iter()
                .all(|kept| known(&kept.turn) && kept.named.iter().all(|(_, model)| known(model)));
        let rising = facts.windows(2).all(|pair| pair[0].id < pair[1].id)
            && kept.windows(2).all(|pair| pair[0].turn < pair[1].turn);
        let names = Names { list: names, index: HashMap::new() };
        (complete && rising).then_some(Self { facts, kept, names })
    }

    /// The stored form. The same set always gives the same parts, whatever the history that led to
    /// it.
    pub(crate) fn parts(&self) -> Parts<&str> {
        let mut places: Vec<Option<NameId>> = vec![None; self.names.len()];
        let mut names = Vec::new();
        let mut place = |old: NameId| {
            *places[old.index()].get_or_insert_with(|| {
                names.push(self.names.get(old));
                NameId::at(names.len() - 1)
            })
        };
        let facts = self.facts.iter().map(|fact| fact.renamed(&mut place)).collect();
        // A fact names each turn, or it would not be kept: so the facts alone decide the order of
        // turns.
        let mut kept: Vec<Kept> =
            self.kept.iter().map(|kept| Kept { turn: place(kept.turn), ..*kept }).collect();
        kept.sort_unstable_by_key(|kept| kept.turn);
        for (_, model) in kept.iter_mut().filter_map(|kept| kept.named.as_mut()) {
            *model = place(*model);
        }
        Parts { facts, kept, names }
    }

    /// The facts, by rising id.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Fact> {
        self.facts.iter()
    }

    /// The strings.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// How many facts there are.
    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    /// How many of them are completions.
    pub(crate) fn completions(&self) -> usize {
        self.facts.iter().filter(|fact| matches!(fact.kind, Kind::Completion { .. })).count()
    }

    /// Adds what a row says. The set is in order again after [`FactSet::sort`].
    pub(crate) fn push(
        &mut self,
        id: i64,
        signature: Signature,
        process: Option<&str>,
        thread: Option<&str>,
        says: &Says<'_>,
    ) {
        let names = &mut self.names;
        let thread = thread.map(|thread| names.intern(thread));
        let kind = match says {
            Says::Request { turn, model } => Kind::Request {
                turn: names.intern(turn),
                model: model.as_deref().map(|model| names.intern(model)),
            },
            Says::Completion { turn, model } => {
                Kind::Completion { turn: names.intern(turn), model: names.intern(model) }
            }
            Says::Submission { turn, tier } => Kind::Submission {
                turn: names.intern(turn),
                tier: (*tier).into(),
                process: process.map(|process| names.intern(process)),
            },
            Says::Settings { tier } => Kind::Settings {
                tier: (*tier).into(),
                process: process.map(|process| names.intern(process)),
            },
            Says::Tags { turn, model } => Kind::Tags {
                turn: names.intern(turn),
                model: model.map(|model| names.intern(model)),
            },
        };
        self.facts.push(Fact { id, signature, thread, kind });
    }

    /// Puts the facts in the order of their ids, after rows were read in several ranges at once.
    pub(crate) fn sort(&mut self) {
        self.facts.sort_unstable_by_key(|fact| fact.id);
    }

    /// Forgets the facts of rows below `least` and says how many there were.
    pub(crate) fn forget_below(&mut self, least: i64) -> usize {
        let gone = self.facts.partition_point(|fact| fact.id < least);
        self.facts.drain(..gone);
        gone
    }

    /// What is kept of the turn rows of `turn`.
    pub(crate) fn kept_of(&self, turn: NameId) -> Option<&Kept> {
        self.kept.binary_search_by_key(&turn, |kept| kept.turn).ok().map(|at| &self.kept[at])
    }

    /// Keeps the turn rows that may matter: those of turns for which `needed` holds, by the place
    /// of their names; what was `seen` takes the place of what was kept. `whole` says whether all
    /// rows there are were seen. `signature` looks a row up.
    pub(crate) fn keep<E>(
        &mut self,
        needed: &[bool],
        seen: &Seen,
        whole: bool,
        mut signature: impl FnMut(i64) -> Result<Signature, E>,
    ) -> Result<(), E> {
        let turns = needed.iter().enumerate().filter(|(_, is_needed)| **is_needed);
        let turns: Vec<_> = turns
            .map(|(place, _)| {
                let turn = NameId::at(place);
                (turn, seen.of(self.names.get(turn)))
            })
            .collect();
        // By rising id: names are in the order in which connections took turns, and the pages read
        // would be, too.
        let ids = turns.iter().flat_map(|(_, (newest, named))| [*newest, named.map(|(id, _)| id)]);
        let ids: BTreeSet<i64> = ids.flatten().collect();
        let rows: HashMap<i64, Row> = ids
            .into_iter()
            .map(|id| Ok((id, Row { id, signature: signature(id)? })))
            .collect::<Result<_, E>>()?;
        let mut kept = Vec::new();
        for (turn, (newest, named)) in turns {
            let mut entry = self.kept_of(turn).copied().unwrap_or(Kept {
                turn,
                newest: None,
                named: None,
                whole,
            });
            if let Some(id) = newest {
                entry.newest = Some(rows[&id]);
            }
            if let Some((id, model)) = named {
                entry.named = Some((rows[&id], self.names.intern(model)));
            }
            kept.push(entry);
        }
        self.kept = kept;
        Ok(())
    }

    /// Forgets the turn rows of turns that no fact needs any more.
    pub(crate) fn keep_only(&mut self, needed: &[bool]) {
        self.kept.retain(|kept| needed.get(kept.turn.index()) == Some(&true));
    }

    /// Forgets the facts of the given ids, which must rise.
    pub(crate) fn remove(&mut self, ids: &[i64]) {
        self.facts.retain(|fact| ids.binary_search(&fact.id).is_err());
    }
}

impl Fact {
    /// Every string the fact uses.
    fn name_ids(&self) -> [Option<NameId>; 3] {
        match self.kind {
            Kind::Request { turn, model } | Kind::Tags { turn, model } => {
                [self.thread, Some(turn), model]
            }
            Kind::Completion { turn, model } => [self.thread, Some(turn), Some(model)],
            Kind::Submission { turn, process, .. } => [self.thread, Some(turn), process],
            Kind::Settings { process, .. } => [self.thread, None, process],
        }
    }

    /// The same fact over another table of names.
    fn renamed(&self, mut new: impl FnMut(NameId) -> NameId) -> Self {
        let thread = self.thread.map(&mut new);
        let kind = match self.kind {
            Kind::Request { turn, model } => {
                Kind::Request { turn: new(turn), model: model.map(new) }
            }
            Kind::Completion { turn, model } => {
                Kind::Completion { turn: new(turn), model: new(model) }
            }
            Kind::Submission { turn, tier, process } => {
                Kind::Submission { turn: new(turn), tier, process: process.map(new) }
            }
            Kind::Settings { tier, process } => Kind::Settings { tier, process: process.map(new) },
            Kind::Tags { turn, model } => Kind::Tags { turn: new(turn), model: model.map(new) },
        };
        Self { thread, kind, ..*self }
    }
}
