//! What is to be written to a thread's row: some columns, merged by presence.

use crate::threads::column::{Column, Value};

/// Columns to write, each at most once. An absent one keeps what the row has, a value replaces it,
/// `Null` clears it.
///
/// The two columns that every line changes are separate, so that merging a touch never allocates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    updated_at_ms: Option<Value>,
    history_bytes: Option<Value>,
    /// The others, in the order of the table.
    columns: Vec<(Column, Value)>,
    complete: bool,
}

impl Patch {
    /// A patch that changes nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { updated_at_ms: None, history_bytes: None, columns: Vec::new(), complete: false }
    }

    /// Sets a column, whatever was set before.
    pub fn set(&mut self, column: Column, value: Value) {
        match column {
            Column::UpdatedAtMs => self.updated_at_ms = Some(value),
            Column::HistoryBytes => self.history_bytes = Some(value),
            column => match self.columns.binary_search_by_key(&column, |(column, _)| *column) {
                Ok(place) => self.columns[place].1 = value,
                Err(place) => self.columns.insert(place, (column, value)),
            },
        }
    }

    /// What the patch says of a column; `None` where it says nothing.
    #[must_use]
    pub fn get(&self, column: Column) -> Option<&Value> {
        match column {
            Column::UpdatedAtMs => self.updated_at_ms.as_ref(),
            Column::HistoryBytes => self.history_bytes.as_ref(),
            column => {
                let place =
                    self.columns.binary_search_by_key(&column, |(column, _)| *column).ok()?;
                Some(&self.columns[place].1)
            }
        }
    }

    /// Adds what a later patch says: if both change a column, the later one counts.
    pub fn merge(&mut self, newer: Patch) {
        self.complete |= newer.complete;
        self.updated_at_ms = newer.updated_at_ms.or(self.updated_at_ms.take());
        self.history_bytes = newer.history_bytes.or(self.history_bytes.take());
        if self.columns.is_empty() && !newer.columns.is_empty() {
            self.columns = newer.columns;
            return;
        }
        for (column, value) in newer.columns {
            self.set(column, value);
        }
    }

    /// The columns and their values, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (Column, &Value)> {
        let split = self.columns.partition_point(|(column, _)| *column < Column::UpdatedAtMs);
        let (before, after) = self.columns.split_at(split);
        let updated = self.updated_at_ms.as_ref().map(|value| (Column::UpdatedAtMs, value));
        let bytes = self.history_bytes.as_ref().map(|value| (Column::HistoryBytes, value));
        // No column of the table comes after that of the history's bytes.
        before.iter().map(borrowed).chain(updated).chain(after.iter().map(borrowed)).chain(bytes)
    }

    /// Whether no column is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_touch() && self.updated_at_ms.is_none() && self.history_bytes.is_none()
    }

    /// Whether nothing is set but what every line sets: the updated time and the bytes of history.
    #[must_use]
    pub fn is_touch(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether the patch is the whole row: then a column that is not set has its default,
    /// [`Column::default_value`].
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Says that the patch is the whole row.
    pub(crate) fn mark_complete(&mut self) {
        self.complete = true;
    }

    /// Forgets everything but the memory it holds.
    pub fn clear(&mut self) {
        self.updated_at_ms = None;
        self.history_bytes = None;
        self.columns.clear();
        self.complete = false;
    }
}

fn borrowed((column, value): &(Column, Value)) -> (Column, &Value) {
    (*column, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(columns: &[(Column, Value)]) -> Patch {
        let mut patch = Patch::new();
        for (column, value) in columns {
            patch.set(*column, value.clone());
        }
        patch
    }

    #[test]
    fn columns_come_out_in_order_and_once() {
        let mut shuffled = Column::ALL;
        shuffled.reverse();
        shuffled.swap(3, 20);
        let mut all = Patch::new();
        for round in 0..2 {
            for column in shuffled {
                all.set(column, Value::Integer(round));
            }
        }
        let found: Vec<(Column, i64)> = all
            .iter()
            .map(|(column, value)| match value {
                Value::Integer(number) => (column, *number),
                value => panic!("{value:?}"),
            })
            .collect();
        assert_eq!(found, Column::ALL.map(|column| (column, 1)));
    }

    #[test]
    fn absent_keeps_a_value_replaces_null_clears() {
        let mut merged = patch(&[
            (Column::Cwd, Value::text("/a")),
            (Column::Model, Value::text("m")),
            (Column::UpdatedAtMs, Value::Integer(1)),
        ]);
        merged.merge(patch(&[
            (Column::Model, Value::Null),
            (Column::Title, Value::text("t")),
            (Column::UpdatedAtMs, Value::Integer(2)),
        ]));
        let expected = patch(&[
            (Column::UpdatedAtMs, Value::Integer(2)),
            (Column::Model, Value::Null),
            (Column::Cwd, Value::text("/a")),
            (Column::Title, Value::text("t")),
        ]);
        assert_eq!(merged, expected);
        assert_eq!(merged.get(Column::Model), Some(&Value::Null));
        assert_eq!(merged.get(Column::Source), None);
        // Merging is associative, so that any way of coalescing gives the same.
        merged.merge(Patch::new());
        assert_eq!(merged, expected);
        let mut onto_nothing = Patch::new();
        onto_nothing.merge(expected.clone());
        assert_eq!(onto_nothing, expected);
    }

    #[test]
    fn a_touch_is_nothing_but_time_and_bytes() {
        let mut touch = patch(&[
            (Column::UpdatedAtMs, Value::Integer(1)),
            (Column::HistoryBytes, Value::Integer(9)),
        ]);
        assert!(touch.is_touch() && !touch.is_empty() && !touch.is_complete());
        assert!(Patch::new().is_touch() && Patch::new().is_empty());
        touch.set(Column::TokensUsed, Value::Integer(1));
        assert!(!touch.is_touch());
        touch.clear();
        assert_eq!(touch, Patch::new());
    }

    #[test]
    fn whole_rows_stay_whole() {
        let mut whole = Patch::new();
        whole.mark_complete();
        for (first, second) in [(&whole, &Patch::new()), (&Patch::new(), &whole)] {
            let mut merged = first.clone();
            merged.merge(second.clone());
            assert!(merged.is_complete());
        }
    }
}
