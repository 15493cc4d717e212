//! What a recipe must keep to beyond the range of each number: numbers that have to do with each
//! other, and the work they make.

use super::common::{Fault, check_name, require, within};
use super::{Era, Recipe, Share, Sizes};
use crate::dialect::FACT_SHAPES;
use crate::limits::{MOST_DRAWS, MOST_FACT_BYTES, MOST_FACT_ROWS, MOST_MEAN_BYTES, MOST_ROWS};
use crate::shapes::Shapes;

impl Recipe {
    pub(super) fn check(&self) -> std::result::Result<(), Fault> {
        check_name(&self.name)?;
        self.check_numbers()?;
        self.check_facts()?;
        self.check_work()?;
        for (key, shares) in
            [("thread_rows", &self.thread_rows), ("process_rows", &self.process_rows)]
        {
            self.check_shares(key, shares)?;
        }
        Ok(())
    }

    /// Numbers that have to do with each other.
    fn check_numbers(&self) -> std::result::Result<(), Fault> {
        let page = u64::from(tracerig_store::schema::PAGE_SIZE);
        require(
            self.file_bytes.is_multiple_of(page),
            "file_bytes",
            "`file_bytes` must be a multiple of the page size, 4096",
        )?;
        require(
            self.levels.is_none_or(|levels| levels.total() == self.rows),
            "levels",
            "the numbers of `levels` must add up to `rows`",
        )?;
        let exact = self.levels.is_some() || self.threads.is_some() || self.processes.is_some();
        require(
            !(self.oddities && exact),
            "oddities",
            "with `oddities` there can be no `levels`, `threads` and `processes`",
        )?;
        require(
            self.threads.is_some() == self.processes.is_some(),
            if self.threads.is_some() { "threads" } else { "processes" },
            "`threads` and `processes` go together: give both or neither",
        )
    }

    fn check_facts(&self) -> std::result::Result<(), Fault> {
        let facts = &self.facts;
        require(
            facts.long_threads <= facts.threads,
            "facts.long_threads",
            "`long_threads` must be at most `threads`",
        )?;
        require(
            facts.processes <= facts.threads,
            "facts.processes",
            "`processes` of the facts must be at most their `threads`",
        )?;
        require(
            facts.pruned_turns == 0 || facts.long_threads > 0,
            "facts.pruned_turns",
            "`pruned_turns` need `long_threads`",
        )?;
        let told = self.told();
        require(
            told >= facts.priority_turns && (told == 0 || facts.threads > 0),
            "facts.priority_turns",
            "turns at priority need `completions` (0.141) or `turns` (later), at least as many, \
             and `threads`",
        )?;
        require(
            told == 0 || facts.processes > 0,
            "facts.processes",
            "turns need `processes` of the facts",
        )?;
        require(
            (facts.dialects.is_empty() && facts.steers == 0) || self.era == Era::V0_145,
            if facts.dialects.is_empty() { "facts.steers" } else { "facts.dialects" },
            "`dialects` and `steers` need `era = \"0.145\"`, in which submissions tell the tier",
        )?;
        require(
            facts.dialects.last().is_none_or(|dialect| dialect.submissions_say_tiers()),
            "facts.dialects",
            "the last of `dialects` must be one whose submissions say a tier, not 0.120",
        )?;
        require(
            facts.dialects.len() as u64 <= facts.processes,
            "facts.dialects",
            "`dialects` must be at most `processes`",
        )?;
        require(facts.steers <= told, "facts.steers", "`steers` must be at most the turns")?;
        let sizes = [
            ("facts.submission_bytes", &facts.submission_bytes),
            ("facts.request_bytes", &facts.request_bytes),
            ("facts.completion_bytes", &facts.completion_bytes),
        ];
        for (key, sizes) in sizes {
            require(sizes.is_sorted(), key, RISING)?;
            within(mean(sizes), MOST_MEAN_BYTES, key, "mean bytes of these bodies")?;
        }
        let each = facts.threads / facts.processes.max(1);
        require(
            facts.resumed_threads == 0 || facts.resumed_threads + facts.long_threads <= each,
            "facts.resumed_threads",
            "`resumed_threads` and `long_threads` together must not exceed the threads of a \
             process: a full thread has no room",
        )?;
        require(
            facts.resumed_threads == 0 || self.threads.is_none(),
            "facts.resumed_threads",
            "with `resumed_threads` there can be no `threads` and `processes`",
        )
    }

    /// Turns that survive; of 0.141 their completions, of which a turn has one or more.
    fn told(&self) -> u64 {
        if self.era == Era::V0_141 { self.facts.completions } else { self.facts.turns }
    }

    /// Work and memory that a build of it takes, from above.
    fn check_work(&self) -> std::result::Result<(), Fault> {
        let facts = &self.facts;
        let turns = u128::from(self.told() + 2 * facts.pruned_turns + 6 * facts.long_threads);
        // A turn has a gap before and after its requests and one within each, and few rows beside.
        let of_a_turn = u128::from(3 * facts.rows_per_turn + 12);
        let rows =
            turns * of_a_turn + u128::from(1000 * facts.long_threads + 120 * facts.processes);
        within(
            rows,
            MOST_FACT_ROWS,
            "facts.rows_per_turn",
            "rows of facts that these turns may take",
        )?;
        let bodies = [&facts.submission_bytes, &facts.request_bytes, &facts.completion_bytes];
        let bytes = turns * bodies.map(mean).iter().sum::<u128>();
        within(bytes, MOST_FACT_BYTES, "facts.request_bytes", "bytes that the facts may take")?;
        let threads = facts.threads / facts.processes.max(1);
        within(
            rows * u128::from(threads),
            MOST_DRAWS,
            "facts.threads",
            "rows of facts times threads of a process",
        )?;
        let threads = self.threads.map_or(self.threads_per_process, |threads| {
            threads / self.processes.unwrap_or(1).max(1)
        });
        within(
            u128::from(self.rows) * u128::from(threads),
            MOST_DRAWS,
            if self.threads.is_some() { "threads" } else { "threads_per_process" },
            "rows times threads of a process",
        )?;
        // Prose is stretched until the rows fill the file.
        within(
            u128::from(self.file_bytes / self.rows.max(1)),
            MOST_MEAN_BYTES,
            "file_bytes",
            "bytes of the file for each of its rows",
        )
    }

    fn check_shares(&self, key: &'static str, shares: &[Share]) -> std::result::Result<(), Fault> {
        let [kind_key, bytes_key, weight_key] = match key {
            "thread_rows" => ["thread_rows.kind", "thread_rows.bytes", "thread_rows.weight"],
            _ => ["process_rows.kind", "process_rows.bytes", "process_rows.weight"],
        };
        let weight: u128 = shares.iter().map(|share| u128::from(share.weight)).sum();
        require(weight > 0, key, "`thread_rows` and `process_rows` must not be empty")?;
        within(weight, MOST_ROWS, weight_key, "sum of the weights")?;
        let shapes = Shapes::of(self.era).map_err(|error| Fault(key, 0, error.to_string()))?;
        let mut bytes = 0;
        let mut sized = 0;
        for (at, share) in shares.iter().enumerate() {
            if shapes.find(&share.kind).is_none() {
                let known = shapes
                    .all
                    .iter()
                    .map(|shape| shape.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                let detail = format!(
                    "there is no kind of row `{}` in {}; there are {known}",
                    share.kind, self.era
                );
                return Err(Fault(kind_key, at, detail));
            }
            let is_fact = share.kind == "completion" || FACT_SHAPES.contains(&share.kind.as_str());
            if is_fact && !(share.kind == "submission" && self.era == Era::V0_169) {
                let detail = format!(
                    "`{}` rows are facts; they come from `[facts]`, not from the mix",
                    share.kind
                );
                return Err(Fault(kind_key, at, detail));
            }
            if !share.bytes.is_sorted() {
                return Err(Fault(bytes_key, sized, RISING.to_owned()));
            }
            // The first share without sizes has no such line.
            sized += usize::from(share.bytes != Sizes::default());
            bytes += u128::from(share.weight) * mean(&share.bytes);
        }
        within(bytes / weight, MOST_MEAN_BYTES, bytes_key, "mean bytes of these bodies")
    }
}

const RISING: &str = "the five numbers of a size must rise";

/// The mean of bodies of these sizes.
fn mean([least, median, p90, p99, most]: &Sizes) -> u128 {
    let parts = [(least, median, 50), (median, p90, 40), (p90, p99, 9), (p99, most, 1)];
    parts.iter().map(|(low, high, percent)| u128::from(**low + **high) * percent).sum::<u128>()
        / 200
}
