//! What people read is free of phrases that proved hard to read: Markdown, help texts and messages.

use std::path::{Path, PathBuf};

/// Folders without texts of this project.
const SKIPPED: [&str; 4] = ["target", ".git", "corpus", "fuzz"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file of this repository with this extension.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) && !name.starts_with("tracerig-out") {
                files(&path, extension, found);
            }
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
}

/// Words in lower case; code in backticks and ends of sentences are words that match nothing.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            words.push("`".to_owned());
            continue;
        }
        let mut word = String::new();
        for c in part.chars() {
            if c.is_alphanumeric() || c == '\'' || c == '-' || c == '_' {
                word.extend(c.to_lowercase());
                continue;
            }
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            if ".:;!?|\"".contains(c) {
                words.push(c.to_string());
            }
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

/// Whether the pattern begins here; `*` is one to four words of one sentence.
fn begins(pattern: &[&str], words: &[String]) -> bool {
    let is_word = |word: &String| word.chars().next().is_some_and(char::is_alphanumeric);
    match pattern {
        [] => true,
        ["*", rest @ ..] => (1..=4).any(|skipped| {
            words.len() > skipped
                && words[..skipped].iter().all(is_word)
                && begins(rest, &words[skipped..])
        }),
        [first, rest @ ..] => {
            words.first().is_some_and(|word| word == first) && begins(rest, &words[1..])
        }
    }
}

fn patterns() -> Vec<(Vec<&'static str>, &'static str)> {
    let lines = include_str!("patterns.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (pattern, instead) =
                line.split_once(" | ").expect("`pattern | what to write instead`");
            (pattern.split(' ').collect(), instead)
        })
        .collect()
}

/// Each phrase in the text that is on the list, with what to write instead.
fn found(place: &str, text: &str) -> Vec<String> {
    let words = words(text);
    let mut found = Vec::new();
    for (pattern, instead) in patterns() {
        for at in 0..words.len() {
            if begins(&pattern, &words[at..]) {
                let around = words[at.saturating_sub(6)..words.len().min(at + 8)].join(" ");
                found.push(format!(
                    "{place}: \"{}\" in \"{around}\"; write: {instead}",
                    pattern.join(" ")
                ));
            }
        }
    }
    found
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "{} phrases:\n{}", found.len(), found.join("\n"));
}

/// Markdown without fenced code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code && !line.starts_with("    ") {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// Doc comments and string literals of source code without its unit tests.
fn told(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut told = String::new();
    let mut is_open = false;
    for line in code.lines() {
        let trimmed = line.trim_start();
        let doc = trimmed.strip_prefix("///").or(trimmed.strip_prefix("//!"));
        if let Some(doc) = doc.filter(|_| !is_open) {
            told.push_str(doc);
            told.push('\n');
            continue;
        }
        if trimmed.starts_with("//") && !is_open {
            continue;
        }
        told.push_str(if is_open { " " } else { " . " });
        let mut escaped = false;
        for c in line.replace("'\"'", "").chars() {
            match c {
                '"' if !escaped => {
                    is_open = !is_open;
                    told.push_str(" . ");
                }
                _ if is_open => told.push(c),
                _ => {}
            }
            escaped = c == '\\' && !escaped;
        }
        if is_open {
            // The text goes on in the next line, after a backslash or a line break.
            let text = told.trim_end_matches('\\').len();
            told.truncate(text);
        }
    }
    told
}

#[test]
fn the_search_finds_what_it_is_for() {
    assert_eq!(found("x", "Whether\nNobody can TELL.").len(), 1);
    assert_eq!(found("x", "nobody can. Tell").len(), 0);
    assert_eq!(found("x", "what a reader sees is what is kept").len(), 1);
    assert_eq!(found("x", "`it stands`").len(), 0);
    let source = "/// It stands.\nfn f() { g(\"as it\\\n  was\", '\"', \"stood\") } // stands\n";
    assert_eq!(found("x", &told(source)).len(), 3, "{}", told(source));
}

#[test]
fn markdown_is_plain() {
    let mut pages = Vec::new();
    files(&root(), "md", &mut pages);
    assert!(pages.len() > 20, "{pages:?}");
    let hits = |page: &PathBuf| {
        found(&page.display().to_string(), &prose(&std::fs::read_to_string(page).unwrap()))
    };
    assert_none(&pages.iter().flat_map(hits).collect::<Vec<_>>());
}

#[test]
fn messages_and_documented_items_are_plain() {
    let mut sources = Vec::new();
    files(&root(), "rs", &mut sources);
    let shown = ["harness/src/cli", "harness/scenario/src", "reports/src"];
    let shown = shown.map(|folder| root().join(folder));
    sources.retain(|path| shown.iter().any(|folder| path.starts_with(folder)));
    sources.retain(|path| !path.file_name().unwrap().to_string_lossy().contains("test"));
    assert!(sources.len() > 80, "{}", sources.len());
    let hits = |path: &PathBuf| {
        found(&path.display().to_string(), &told(&std::fs::read_to_string(path).unwrap()))
    };
    assert_none(&sources.iter().flat_map(hits).collect::<Vec<_>>());
}

/// Prose of Markdown stays within 100 columns; tables, links and code may be longer.
#[test]
fn prose_is_at_most_100_columns_wide() {
    let mut pages = Vec::new();
    files(&root(), "md", &mut pages);
    // Reports are written by the renderer, a paragraph a line.
    pages.retain(|page| !page.to_string_lossy().contains("/golden/"));
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        // So are the results of runs; the change log is edited a line at a time.
        if text.contains("## Repeat this run") || page.ends_with("CHANGELOG.md") {
            continue;
        }
        let is_long = |line: &&str| {
            line.chars().count() > 100 && !line.starts_with('|') && line.trim().contains(' ')
        };
        let prose = prose(&text);
        let long: Vec<&str> = prose.lines().filter(is_long).collect();
        assert!(long.is_empty(), "{}: {long:#?}", page.display());
    }
}

/// So does every line of code, strings and comments included.
#[test]
fn code_is_at_most_100_columns_wide() {
    // Texts of rows are data, and records are compared only if they hold the same definition.
    let data = ["datasets/shapes", "datasets/workloads"].map(|folder| root().join(folder));
    let mut all_long = Vec::new();
    for (extension, least) in [("py", 8), ("sh", 20), ("toml", 30), ("yml", 5), ("rs", 500)] {
        let mut sources = Vec::new();
        files(&root(), extension, &mut sources);
        files(&root().join("fuzz"), extension, &mut sources);
        sources.retain(|path| !data.iter().any(|folder| path.starts_with(folder)));
        assert!(sources.len() >= least, "{extension}: {}", sources.len());
        for source in sources {
            let text = std::fs::read_to_string(&source).unwrap();
            for (line, number) in text.lines().zip(1..) {
                if line.chars().count() > 100 {
                    all_long.push(format!("{}:{number}: {line}", source.display()));
                }
            }
        }
    }
    assert!(all_long.is_empty(), "{} lines are too long:\n{}", all_long.len(), all_long.join("\n"));
}

/// Every relative link of a page leads to a file.
#[test]
fn links_lead_somewhere() {
    let mut pages = Vec::new();
    files(&root(), "md", &mut pages);
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in prose(&text).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty()
                || target.contains("://")
                || page.to_string_lossy().contains("/golden/")
            {
                continue;
            }
            let path = page.parent().unwrap().join(target);
            assert!(path.exists(), "{}: {link} leads nowhere", page.display());
        }
    }
}
