//! `tracerig threads list`: the newest threads of a folder.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::json;
use tracerig_store::threads::{
    Cursor, CursorError, ListError, ListQuery, Millis, Order, Page, Rows, ThreadRow,
};

use super::{Place, counted, cut, document, tell};
use crate::cli::output::{self, Format, plain};
use crate::cli::{Code, Usage};

/// List the threads of a folder, newest first.
///
/// Updates the rows of new or grown histories first.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig threads list ~/.codex\n  \
                       tracerig threads list ~/.codex --text deploy --limit 10\n  \
                       tracerig threads list ~/.codex --order created --archived")]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Time to sort by, newest first.
    #[arg(long, value_enum, default_value = "updated")]
    order: By,
    /// List archived threads instead of active ones.
    #[arg(long)]
    archived: bool,
    /// Only threads started from this source, such as cli, exec or vscode.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only threads with this model provider.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Only threads with exactly this working folder.
    #[arg(long, value_name = "PATH")]
    cwd: Option<String>,
    /// Only threads with this text in title or preview (ASCII case is ignored).
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Number of threads to list.
    #[arg(
        long,
        value_name = "N",
        default_value = "25",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::limits::MOST_LISTED))
    )]
    limit: u32,
    /// Continue after this cursor, which the previous page printed.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Print for people (table) or for programs (json).
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// Creation.
    Created,
    /// Last line written.
    Updated,
    /// Begin of the last turn.
    Recency,
}

impl From<By> for Order {
    fn from(by: By) -> Self {
        match by {
            By::Created => Self::Created,
            By::Updated => Self::Updated,
            By::Recency => Self::Recency,
        }
    }
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let cursor = |text: &String| text.parse::<Cursor>().map_err(|error| usage(&error));
    let query = ListQuery {
        order: arguments.order.into(),
        archived: arguments.archived,
        source: arguments.source.clone(),
        provider: arguments.provider.clone(),
        cwd: arguments.cwd.clone(),
        text: arguments.text.clone(),
        limit: usize::try_from(arguments.limit).context("--limit")?,
        after: arguments.after.as_ref().map(cursor).transpose()?,
    };
    let place = arguments.place.find()?;
    let repaired = place.repair()?;
    let rows = Rows::open(&place.database, place.options.busy_timeout)?;
    let page = rows.list(&query).map_err(|error| match error {
        ListError::Cursor(error) => usage(&error),
        error => error.into(),
    })?;
    let code =
        tell((&place, repaired.files), &repaired.flaws, &repaired.skipped, &repaired.failures);
    match arguments.format {
        Format::Json => output::print_json(&json!({
            "threads": page.rows.iter().map(document).collect::<Vec<_>>(),
            "next": page.next.map(|next| next.to_string()),
        }))?,
        Format::Table => output::show(&table(&page, query.order))?,
    }
    if repaired.gone > 0 {
        output::say(&format!(
            "tracerig: {} listed although the history is gone; `tracerig threads rebuild` removes \
             such rows",
            counted(repaired.gone, "thread may be", "threads may be")
        ));
    }
    Ok(code)
}

fn usage(error: &CursorError) -> anyhow::Error {
    Usage(format!("--after: {error}")).into()
}

/// A line of at most 80 columns for each thread.
fn table(page: &Page, order: Order) -> String {
    if page.rows.is_empty() {
        return "no threads\n".to_owned();
    }
    let mut text = format!("{:36}  {:16}  title\n", "thread", format!("{order} (UTC)"));
    for row in &page.rows {
        let time: String = at(order, row).to_string().replace('T', " ").chars().take(16).collect();
        let title = row.title.as_deref().or(row.preview.as_deref()).unwrap_or("-");
        let _ = writeln!(text, "{}  {time}  {}", row.id, cut(title, 24));
    }
    if let Some(next) = &page.next {
        let _ = writeln!(text, "\nmore: --after {}", plain(&next.to_string()));
    }
    text
}

fn at(order: Order, row: &ThreadRow) -> Millis {
    match order {
        Order::Created => row.created_at,
        Order::Updated => row.updated_at,
        Order::Recency => row.recency_at,
    }
}
