//! What was used when, by which model, at which tier.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::parse::{QUARTER, Tier, Tokens};
use super::total::Total;

/// A quarter of an hour, a model and a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot<'a> {
    /// Quarters of an hour since the beginning of 1970, UTC.
    pub quarter: i64,
    /// The model; `None` where the rollout names none.
    pub model: Option<&'a str>,
    /// The tier.
    pub tier: Tier,
}

impl Slot<'_> {
    /// When it begins, in seconds of Unix time. Every time zone in use today begins its days at
    /// such a time.
    #[must_use]
    pub const fn begins_at(&self) -> i64 {
        self.quarter.saturating_mul(QUARTER)
    }
}

/// Tokens, and the events that told of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// How many tokens, by kind.
    pub tokens: Tokens,
    /// Events that reported a use.
    pub events: u64,
}

impl Used {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.plus(other.tokens),
            events: self.events.saturating_add(other.events),
        }
    }
}

/// What was used, slot by slot.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    models: Vec<Arc<str>>,
    places: HashMap<Arc<str>, usize>,
    /// In no order; a slot may are in them several times.
    sums: Vec<Added>,
}

/// What was added at once.
#[derive(Clone, Debug)]
struct Added {
    /// Where each of its models is among all.
    models: Vec<usize>,
    totals: Vec<Total>,
}

impl Usage {
    /// Adds `totals`, whose models are places in `models`.
    pub(crate) fn extend(&mut self, models: &[String], totals: Vec<Total>) {
        let models = models.iter().map(|model| self.place(model)).collect();
        self.sums.push(Added { models, totals });
    }

    /// Adds what `other` has.
    pub(crate) fn append(&mut self, other: &Self) {
        let places: Vec<usize> = other.models.iter().map(|model| self.place(model)).collect();
        for Added { models, totals } in &other.sums {
            let models = models.iter().map(|place| places[*place]).collect();
            self.sums.push(Added { models, totals: totals.clone() });
        }
    }

    fn place(&mut self, model: &str) -> usize {
        if let Some(place) = self.places.get(model) {
            return *place;
        }
        let model: Arc<str> = model.into();
        self.models.push(Arc::clone(&model));
        self.places.insert(model, self.models.len() - 1);
        self.models.len() - 1
    }

    /// What was used in each class that `class` puts a slot into; `None` leaves it out.
    pub fn by<'a, K: Ord>(&'a self, class: impl Fn(&Slot<'a>) -> Option<K>) -> BTreeMap<K, Used> {
        let mut classes: BTreeMap<K, Used> = BTreeMap::new();
        let mut add = |class: K, used: Used| {
            let sum = classes.entry(class).or_default();
            *sum = sum.plus(used);
        };
        // Entries of one class come in runs, as a rule.
        let mut run: Option<(K, Used)> = None;
        for Added { models, totals } in &self.sums {
            let model =
                |place: u32| Some(&*self.models[*models.get(usize::try_from(place).ok()?)?]);
            for &Total { quarter, model: place, tier, tokens, events } in totals {
                let slot = Slot { quarter, model: place.and_then(model), tier };
                let Some(class) = class(&slot) else { continue };
                let used = Used { tokens, events };
                match &mut run {
                    Some((same, sum)) if *same == class => *sum = sum.plus(used),
                    _ => {
                        if let Some((class, sum)) = run.replace((class, used)) {
                            add(class, sum);
                        }
                    }
                }
            }
        }
        if let Some((class, sum)) = run {
            add(class, sum);
        }
        classes
    }

    /// What was used in each slot.
    #[must_use]
    pub fn slots(&self) -> BTreeMap<Slot<'_>, Used> {
        self.by(|slot| Some(*slot))
    }

    /// All of it together.
    #[must_use]
    pub fn total(&self) -> Used {
        let used = |total: &Total| Used { tokens: total.tokens, events: total.events };
        self.sums
            .iter()
            .flat_map(|sums| &sums.totals)
            .fold(Used::default(), |sum, total| sum.plus(used(total)))
    }
}

impl PartialEq for Usage {
    fn eq(&self, other: &Self) -> bool {
        self.slots() == other.slots()
    }
}

impl Eq for Usage {}
