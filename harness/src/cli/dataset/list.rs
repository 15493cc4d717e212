//! `tracerig dataset list`: the recipes, and the datasets built from them.

use std::fmt::Write as _;

use serde::Serialize;
use tracerig_datasets::{Cache, Recipe};
use tracerig_reports::{ByteSize, units, wrapped};

use super::{Shown, archive};
use crate::cli::Code;
use crate::cli::output::{self, Format, MOST_COLUMNS, MOST_OF_A_PATH, counted, one_line, padded};

/// A recipe as it is listed.
#[derive(Debug, Serialize)]
struct Offered {
    recipe: String,
    why: String,
    rows: u64,
    file_bytes: u64,
    seed: u64,
}

#[derive(Debug, Serialize)]
struct Listing {
    cache: String,
    recipes: Vec<Offered>,
    datasets: Vec<Shown>,
    archive_recipes: Vec<archive::Offered>,
    archives: Vec<archive::Shown>,
}

pub(super) fn main(format: Format) -> anyhow::Result<Code> {
    let cache = Cache::default()?;
    let offered = |recipe: &Recipe| Offered {
        recipe: recipe.name().to_owned(),
        why: recipe.why().to_owned(),
        rows: recipe.rows(1.0),
        file_bytes: recipe.file_bytes(1.0),
        seed: recipe.default_seed(),
    };
    let listing = Listing {
        cache: cache.folder().display().to_string(),
        recipes: Recipe::all().iter().map(offered).collect(),
        datasets: cache.list()?.iter().map(Shown::of).collect(),
        archive_recipes: archive::Offered::all(),
        archives: cache
            .list_archives()?
            .into_iter()
            .map(|one| archive::Shown::of(&cache, one))
            .collect(),
    };
    match format {
        Format::Json => output::print_json(&listing)?,
        Format::Table => output::show(&listing_table(&listing))?,
    }
    let unreadable = cache.unreadable()?;
    if let Some(example) = unreadable.first() {
        output::say(&format!(
            "tracerig: {} left out, with no manifest that can be read: for example {}",
            counted(unreadable.len() as u64, "folder is", "folders are"),
            output::path(&cache.folder().join(example))
        ));
    }
    Ok(Code::FINE)
}

fn listing_table(listing: &Listing) -> String {
    let mut text = String::from("Recipes\n");
    for recipe in &listing.recipes {
        let _ = writeln!(
            text,
            "  {:14} {:>7} {:>10} rows",
            recipe.recipe,
            ByteSize(recipe.file_bytes).to_string(),
            units::count(recipe.rows)
        );
        text.push_str(&explained(&recipe.why));
    }
    text.push_str("\nRecipes of archives\n");
    for recipe in &listing.archive_recipes {
        let archive::Offered { recipe, why, sessions, bytes, trace, .. } = recipe;
        let (bytes, sessions) = (ByteSize(*bytes).to_string(), units::count(*sessions));
        let _ = writeln!(
            text,
            "  {recipe:14} {bytes:>7} {sessions:>10} sessions, trace database {trace}"
        );
        text.push_str(&explained(why));
    }
    let _ = writeln!(text, "\nDatasets in {}", one_line(&listing.cache, MOST_OF_A_PATH));
    if listing.datasets.is_empty() && listing.archives.is_empty() {
        text.push_str("  none yet; build one with `tracerig dataset build NAME`\n");
    }
    for dataset in &listing.datasets {
        let _ = writeln!(
            text,
            "  {} {:>7} {:>9} rows, seed {}, scale {}",
            padded(&one_line(&dataset.name, MOST_COLUMNS), 28),
            ByteSize(dataset.file_bytes).to_string(),
            units::count(dataset.rows),
            dataset.seed,
            dataset.scale
        );
    }
    for archive in &listing.archives {
        let _ = writeln!(
            text,
            "  {} {:>7} {:>9} files, seed {}, scale {}",
            padded(&one_line(&archive.name, MOST_COLUMNS), 28),
            ByteSize(archive.bytes).to_string(),
            units::count(archive.files),
            archive.seed,
            archive.scale
        );
    }
    text
}

/// A sentence below what it explains.
fn explained(why: &str) -> String {
    wrapped(&format!("      {why}"), 78, "      ")
}
