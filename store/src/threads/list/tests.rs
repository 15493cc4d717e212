//! Pages against a plain sort: many equal times, every filter, every order, pages of every length.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::params;
use tempfile::TempDir;

use super::*;
use crate::threads::rows::COLUMNS;

/// A database with rows as random as lists are interested in, few different times among them.
struct Table {
    rows: Rows,
    all: Vec<ThreadRow>,
    _folder: TempDir,
}

impl Table {
    fn new(rows: usize, times: i64, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("threads.sqlite");
        let reader = Rows::open(&path, std::time::Duration::from_secs(5)).unwrap();
        let mut writer = Connection::open(&path).unwrap();
        let transaction = writer.transaction().unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for number in 0..rows {
            let one_of = |random: &mut ChaCha8Rng, choices: &[Option<&str>]| {
                choices[random.random_range(0..choices.len())].map(str::to_owned)
            };
            let time = |random: &mut ChaCha8Rng| random.random_range(-2..times);
            let rare = (number % 400 == 1).then_some("only ONE in so many");
            let words = [None, Some("alpha Beta"), Some("100% caf\u{e9}"), Some("GAMMA"), Some("")];
            transaction
                .execute(
                    "INSERT INTO threads (id, rollout_path, created_at_ms, updated_at_ms,
                     recency_at_ms, archived_at_ms, source, model_provider, cwd, title, preview)
                     VALUES (?, 'p', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    params![
                        // Ids in another order than that of the rows.
                        format!("{:08x}-0000-7000-8000-{number:012x}", random.random::<u32>()),
                        time(&mut random),
                        time(&mut random),
                        time(&mut random),
                        random.random_bool(0.2).then_some(7),
                        one_of(&mut random, &[None, Some("cli"), Some("vscode")]),
                        one_of(&mut random, &[Some("openai"), Some("mock")]),
                        random.random_bool(0.01).then_some("/rare").or(Some("/w")),
                        rare.map(str::to_owned).or(one_of(&mut random, &words)),
                        one_of(&mut random, &words),
                    ],
                )
                .unwrap();
        }
        transaction.commit().unwrap();
        let all = format!("SELECT {} FROM threads", *COLUMNS);
        let all = reader
            .query(|connection| connection.prepare(&all)?.query_map([], rows::row)?.collect())
            .unwrap();
        Self { rows: reader, all, _folder: folder }
    }

    /// The list as one would write it without a database.
    fn sorted(&self, query: &ListQuery) -> Vec<&ThreadRow> {
        let is =
            |filter: &Option<String>, value: &Option<String>| filter.is_none() || filter == value;
        let has = |value: &Option<String>, text: &str| {
            value.as_deref().is_some_and(|value| {
                value.to_ascii_lowercase().contains(&text.to_ascii_lowercase())
            })
        };
        let mut rows: Vec<&ThreadRow> = self
            .all
            .iter()
            .filter(|row| row.archived_at.is_some() == query.archived)
            .filter(|row| {
                is(&query.source, &row.source) && is(&query.provider, &row.model_provider)
            })
            .filter(|row| is(&query.cwd, &row.cwd))
            .filter(|row| {
                let of = |text: &String| has(&row.title, text) || has(&row.preview, text);
                query.text.as_ref().is_none_or(|text| text.is_empty() || of(text))
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse((query.order.of(row), row.id)));
        rows
    }
}

#[test]
fn pages_are_the_pieces_of_a_plain_sort() {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    // Values of many rows are read by time, those of few by value.
    for (rows, times) in [(0, 3), (300, 3), (2500, 40), (9000, 2)] {
        let table = Table::new(rows, times, 7);
        for round in 0..60 {
            let mut maybe = |choices: &[&str]| {
                random
                    .random_bool(0.4)
                    .then(|| choices[random.random_range(0..choices.len())].to_owned())
            };
            let mut query = ListQuery {
                source: maybe(&["cli", "vscode", "nobody"]),
                provider: maybe(&["openai", "mock"]),
                cwd: maybe(&["/rare", "/w"]),
                text: maybe(&[
                    "ALPHA",
                    "0% CAF\u{e9}",
                    "_",
                    "%",
                    "",
                    "gam",
                    "'",
                    "CAF\u{c9}",
                    "only one",
                ]),
                order: [Order::Created, Order::Updated, Order::Recency][round % 3],
                archived: round % 2 == 0,
                ..ListQuery::default()
            };
            let expected = table.sorted(&query);
            let (mut found, least) = (Vec::new(), expected.len() / 10 + 1);
            loop {
                query.limit = random.random_range(least..least + 20);
                let page = table.rows.list(&query).unwrap();
                assert!(page.rows.len() == query.limit || page.next.is_none());
                found.extend(page.rows);
                assert_eq!(page.next.is_some(), found.len() < expected.len(), "{query:?}");
                let Some(next) = page.next else { break };
                // As it would come back from a command line.
                query.after = Some(next.to_string().parse().unwrap());
            }
            assert!(found.iter().eq(expected), "{query:?}");
        }
    }
}

#[test]
fn no_list_sorts_or_steps_over_what_came_before() {
    let table = Table::new(2000, 100, 1);
    let cursor: Cursor = "updated.5.01a1faad-9ba1-7b10-b548-adc1b617767a".parse().unwrap();
    for archived in [false, true] {
        for source in [None, Some("cli".to_owned())] {
            let query = ListQuery { archived, source, after: Some(cursor), ..ListQuery::default() };
            let index =
                if archived { "idx_threads_archived_updated" } else { "idx_threads_updated" };
            let statement = Statement::in_order(&query, "updated_at_ms, id", index);
            let plan: Vec<String> = table
                .rows
                .query(|connection| {
                    connection
                        .prepare(&format!("EXPLAIN QUERY PLAN {}", statement.sql))?
                        .query_map(statement.values.as_slice(), |row| row.get("detail"))?
                        .collect()
                })
                .unwrap();
            // A page that begins after another one begins with a search, not with the first row.
            let expected = format!("SEARCH threads USING INDEX {index} ((updated_at_ms,id)<(?,?))");
            assert_eq!(plan, [expected]);
        }
    }
}

#[test]
fn the_index_of_a_value_is_read_if_few_have_it() {
    let table = Table::new(3 * FEW as usize, 100, 1);
    let index =
        |query: ListQuery| table.rows.query(|connection| index(connection, &query)).unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(index(ListQuery { cwd: text("/rare"), ..ListQuery::default() }), "idx_threads_cwd");
    assert_eq!(index(ListQuery { cwd: text("/w"), ..ListQuery::default() }), "idx_threads_updated");
    let both = ListQuery { cwd: text("/w"), source: text("nobody"), ..ListQuery::default() };
    assert_eq!(index(both), "idx_threads_source");
    let archived = ListQuery {
        archived: true,
        order: Order::Recency,
        provider: text("mock"),
        ..ListQuery::default()
    };
    assert_eq!(index(archived), "idx_threads_archived_recency");
}

#[test]
fn a_cursor_is_of_one_order_and_one_text() {
    let table = Table::new(10, 3, 1);
    let query = ListQuery { limit: 1, ..ListQuery::default() };
    let next = table.rows.list(&query).unwrap().next;
    let other = ListQuery { order: Order::Created, after: next, ..query };
    let error = table.rows.list(&other).unwrap_err();
    assert!(
        matches!(
            error,
            ListError::Cursor(CursorError::OtherOrder {
                cursor: Order::Updated,
                list: Order::Created
            })
        ),
        "{error}"
    );
    let text = next.unwrap().to_string();
    for wrong in [
        "",
        "x",
        "updated",
        &text[1..],
        &text.replace('.', ".+"),
        &text.to_uppercase(),
        &format!("{text} "),
    ] {
        assert!(matches!(wrong.parse::<Cursor>(), Err(CursorError::Unknown { .. })), "{wrong}");
    }
}
