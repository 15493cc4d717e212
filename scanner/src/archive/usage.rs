//! What was used when, by which model, at which tier.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::parse::{QUARTER, Tier, Tokens};
use super::shard::Total;

/// A quarter of an hour, a model and a tier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// Quarters of an hour since the beginning of 1970, UTC.
    pub quarter: i64,
    /// The model; `None` where the rollout names none.
    pub model: Option<Arc<str>>,
    /// The tier.
    pub tier: Tier,
}

impl Slot {
    /// When it begins, in seconds of Unix time. Every time zone in use today begins its days at such a time.
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
        Self { tokens: self.tokens.plus(other.tokens), events: self.events.saturating_add(other.events) }
    }
}

/// What was used, slot by slot.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    models: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u32>,
    /// In no order; a slot may stand in it several times.
    entries: Vec<Total>,
}

impl Usage {
    /// Adds `totals`, whose models are places in `models`.
    pub(crate) fn extend(&mut self, models: &[String], totals: &[Total]) {
        let places: Vec<u32> = models.iter().map(|model| self.place(model)).collect();
        let place = |model: u32| usize::try_from(model).ok().and_then(|model| places.get(model).copied());
        self.entries
            .extend(totals.iter().map(|total| Total { model: total.model.and_then(place), ..*total }));
    }

    fn place(&mut self, model: &str) -> u32 {
        if let Some(place) = self.places.get(model) {
            return *place;
        }
        let place = u32::try_from(self.models.len()).unwrap_or(u32::MAX);
        let model: Arc<str> = model.into();
        self.models.push(Arc::clone(&model));
        self.places.insert(model, place);
        place
    }

    /// What was used in each class that `class` puts a slot into; `None` leaves it out.
    pub fn by<K: Ord>(&self, class: impl Fn(&Slot) -> Option<K>) -> BTreeMap<K, Used> {
        let mut classes: BTreeMap<K, Used> = BTreeMap::new();
        let mut add = |class: K, used: Used| {
            let sum = classes.entry(class).or_default();
            *sum = sum.plus(used);
        };
        // Entries of one class come in runs, as a rule.
        let mut run: Option<(K, Used)> = None;
        for &Total { quarter, model, tier, tokens, events } in &self.entries {
            let model = model.and_then(|model| self.models.get(usize::try_from(model).ok()?).cloned());
            let Some(class) = class(&Slot { quarter, model, tier }) else { continue };
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
        if let Some((class, sum)) = run {
            add(class, sum);
        }
        classes
    }

    /// What was used in each slot.
    #[must_use]
    pub fn slots(&self) -> BTreeMap<Slot, Used> {
        self.by(|slot| Some(slot.clone()))
    }

    /// All of it together.
    #[must_use]
    pub fn total(&self) -> Used {
        let used = |total: &Total| Used { tokens: total.tokens, events: total.events };
        self.entries.iter().fold(Used::default(), |sum, total| sum.plus(used(total)))
    }
}

impl PartialEq for Usage {
    fn eq(&self, other: &Self) -> bool {
        self.slots() == other.slots()
    }
}

impl Eq for Usage {}
