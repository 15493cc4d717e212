//! Tables: the same rows as aligned text of a given width, or as Markdown.

use crate::foreign::{LONGEST_WORD, columns, one_line, padded, shortened, steers};

/// A table. Its first columns name the row; they are repeated where the others do not fit side by
/// side.
#[derive(Clone)]
pub(crate) struct Table {
    titles: Vec<String>,
    keys: usize,
    /// Columns of words, which align left as the keys do; figures align right.
    words: Vec<usize>,
    rows: Vec<Vec<String>>,
}

/// Columns of a cell of text. No figure has as many; a name that has more loses its middle.
const MOST_COLUMNS: usize = 76;

/// The same of a cell in a report.
const MOST_CHARACTERS: usize = 1_000;

/// Between two columns of text.
const GAP: &str = "  ";

impl Table {
    /// A table without rows whose first `keys` columns name the row.
    pub(crate) fn new<T: Into<String>>(keys: usize, titles: impl IntoIterator<Item = T>) -> Table {
        let titles = titles.into_iter().map(Into::into).collect();
        Table { titles, keys, words: (0..keys).collect(), rows: Vec::new() }
    }

    /// Aligns the column with this title to the left.
    pub(crate) fn words(mut self, title: &str) -> Table {
        self.words.extend(self.titles.iter().position(|own| own == title));
        self
    }

    /// Adds a row: one cell a column.
    pub(crate) fn row(&mut self, mut cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.titles.len());
        // Renderers escape, each in its own way; none has room for a name of megabytes.
        cells.iter_mut().for_each(|cell| *cell = shortened(cell, MOST_CHARACTERS));
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The titles of its columns.
    pub(crate) fn titles(&self) -> &[String] {
        &self.titles
    }

    /// Its rows, one cell a column.
    pub(crate) fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// Whether the column at this place holds words.
    pub(crate) fn is_words(&self, at: usize) -> bool {
        self.words.contains(&at)
    }

    /// Drops the columns in which every cell is empty (`-`), except keys.
    pub(crate) fn without_empty_columns(self) -> Table {
        let kept: Vec<usize> = (0..self.titles.len())
            .filter(|&at| at < self.keys || self.rows.iter().any(|row| row[at] != "-"))
            .collect();
        self.picked(&kept)
    }

    /// Keeps only the columns with these titles.
    pub(crate) fn only(self, titles: &[&str]) -> Table {
        let kept: Vec<usize> = (0..self.titles.len())
            .filter(|&at| titles.contains(&self.titles[at].as_str()))
            .collect();
        self.picked(&kept)
    }

    fn picked(mut self, kept: &[usize]) -> Table {
        let pick = |cells: &[String]| kept.iter().map(|&at| cells[at].clone()).collect();
        self.rows = self.rows.iter().map(|row| pick(row)).collect();
        self.titles = pick(&self.titles);
        self.words = kept
            .iter()
            .enumerate()
            .filter(|(_, old)| self.words.contains(old))
            .map(|(new, _)| new)
            .collect();
        self
    }

    /// The same with arm and state of the cache in one cell, `warm, hot`, for who can keep one
    /// column in sight.
    pub(crate) fn with_keys_in_one(&self) -> Table {
        let mut table = self.clone();
        if self.keys < 2 || self.titles[1] != "cache" {
            return table;
        }
        table.titles.remove(1);
        table.keys -= 1;
        table.words =
            self.words.iter().filter(|&&at| at != 1).map(|&at| at - usize::from(at > 1)).collect();
        for row in &mut table.rows {
            let cache = row.remove(1);
            // Where the cache is no condition nothing is said of it.
            if cache != "any" {
                row[0] = format!("{}, {cache}", row[0]);
            }
        }
        table
    }

    /// The table as text of at most `width` columns. Columns that do not fit beside the others form
    /// a further block below, under the same keys. A single column wider than that is not cut: a
    /// wrong figure is worse than a long line.
    pub(crate) fn text(&self, width: usize) -> String {
        let fitting = |cells: &[String]| -> Vec<String> {
            cells.iter().map(|cell| one_line(cell, MOST_COLUMNS)).collect()
        };
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| fitting(row)).collect();
        // Phases and counters of a record make titles, too.
        let titles: Vec<String> = fitting(&self.titles);
        let of = |at: usize| {
            let cells = rows.iter().map(|row| &row[at]).chain([&titles[at]]);
            cells.map(|cell| columns(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.titles.len()).map(of).collect();
        let keys: usize = widths[..self.keys].iter().map(|width| width + GAP.len()).sum();
        let mut blocks: Vec<Vec<usize>> = Vec::new();
        let mut used = usize::MAX;
        for (at, column) in widths.iter().enumerate().skip(self.keys) {
            let wanted = column + GAP.len();
            match blocks.last_mut() {
                Some(block) if used + wanted <= width => {
                    block.push(at);
                    used += wanted;
                }
                _ => {
                    blocks.push((0..self.keys).chain([at]).collect());
                    // The keys end in a gap already.
                    used = keys + column;
                }
            }
        }
        let line = |cells: &[String], block: &[usize]| {
            let mut line = String::new();
            for &at in block {
                if !line.is_empty() {
                    line.push_str(GAP);
                }
                let (cell, width) = (&cells[at], widths[at]);
                line.push_str(&padded(cell, width, !self.words.contains(&at)));
            }
            line.truncate(line.trim_end().len());
            line.push('\n');
            line
        };
        let block = |block: &Vec<usize>| {
            let rows: String = rows.iter().map(|row| line(row, block)).collect();
            line(&titles, block) + &rows
        };
        blocks.iter().map(block).collect::<Vec<_>>().join("\n")
    }

    /// The table in Markdown as GitHub renders it.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &mut dyn Iterator<Item = String>| {
            let cells: Vec<String> = cells.collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut out = line(&mut self.titles.iter().map(|title| escaped(title)));
        out +=
            &line(&mut (0..self.titles.len()).map(|at| {
                if self.words.contains(&at) { "---".to_owned() } else { "---:".to_owned() }
            }));
        for row in &self.rows {
            out += &line(&mut row.iter().map(|cell| escaped(cell)));
        }
        out
    }
}

/// Text as Markdown that shows it as it is: an error message may hold anything.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // An underscore within a word starts no emphasis, and names of counters have them.
        let within = c == '_'
            && before.is_alphanumeric()
            && rest.peek().is_some_and(|next| next.is_alphanumeric());
        before = c;
        match c {
            '_' if within => out.push(c),
            '\\' | '`' | '*' | '_' | '|' | '<' | '>' | '[' | ']' | '#' | '~' => {
                out.extend(['\\', c]);
            }
            '&' => out.push_str("&amp;"),
            c if steers(c) => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// `text` in lines of at most `width` columns, broken at spaces; all but the first begin with
/// `indent`. Control characters become spaces, so that an error message cannot move the cursor or
/// end a line.
#[must_use]
pub fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let clean: String = text.chars().map(|c| if steers(c) { ' ' } else { c }).collect();
    let mut lines = vec![String::new()];
    let mut used = 0;
    // Leading spaces are the caller's indentation.
    let lead = clean.len() - clean.trim_start().len();
    lines[0].push_str(&clean[..lead]);
    used += lead;
    for (nth, word) in unbroken(&clean).iter().enumerate() {
        let word = &shortened(word, LONGEST_WORD);
        let long = columns(word);
        if nth > 0 && used + 1 + long > width {
            lines.push(format!("{indent}{word}"));
            used = indent.chars().count() + long;
        } else {
            let space = if nth > 0 { " " } else { "" };
            if let Some(line) = lines.last_mut() {
                line.push_str(space);
                line.push_str(word);
            }
            used += space.len() + long;
        }
    }
    lines.join("\n") + "\n"
}

/// `text` with a figure and its unit tied together, for who breaks lines by himself.
pub(crate) fn tied(text: &str) -> String {
    unbroken(text).iter().map(|word| word.replace(' ', "\u{a0}")).collect::<Vec<_>>().join(" ")
}

/// The words of a text; a figure and its unit are one.
fn unbroken(text: &str) -> Vec<String> {
    const UNITS: [&str; 10] = ["ns", "us", "ms", "s", "B", "kB", "MB", "GB", "TB", "%"];
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = UNITS.contains(&word.trim_end_matches(|c: char| ".,;:)".contains(c)));
        match words.last_mut() {
            Some(figure) if unit && figure.ends_with(|c: char| c.is_ascii_digit()) => {
                figure.push(' ');
                figure.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(1, ["arm", "time", "mode", "n"]).words("mode");
        table.row(["warm", "2.64 ms", "incremental", "8"].map(str::to_owned).to_vec());
        table.row(["a|b", "12 ms", "-", "10"].map(str::to_owned).to_vec());
        table
    }

    #[test]
    fn figures_align_right_and_words_left() {
        let expected = "\
arm      time  mode          n
warm  2.64 ms  incremental   8
a|b     12 ms  -            10
";
        assert_eq!(table().text(30), expected);
    }

    #[test]
    fn what_does_not_fit_goes_below_under_the_same_keys() {
        let expected = "\
arm      time  mode
warm  2.64 ms  incremental
a|b     12 ms  -

arm    n
warm   8
a|b   10
";
        assert_eq!(table().text(29), expected);
        assert!(table().text(29).lines().all(|line| line.len() <= 29));
    }

    #[test]
    fn markdown_escapes_what_would_break_it() {
        let expected = "\
| arm | time | mode | n |
| --- | ---: | --- | ---: |
| warm | 2.64 ms | incremental | 8 |
| a\\|b | 12 ms | - | 10 |
";
        assert_eq!(table().markdown(), expected);
        assert_eq!(escaped("rows_examined"), "rows_examined");
        assert_eq!(escaped("<b>*_x_*\n&"), "\\<b\\>\\*\\_x\\_\\* &amp;");
    }

    #[test]
    fn columns_with_nothing_to_tell_are_left_out() {
        let mut table = Table::new(1, ["arm", "gone", "mode", "n"]).words("mode");
        table.row(["-", "-", "full", "-"].map(str::to_owned).to_vec());
        table.row(["b", "-", "x", "1"].map(str::to_owned).to_vec());
        assert_eq!(
            table.without_empty_columns().text(80),
            "arm  mode  n\n-    full  -\nb    x     1\n"
        );
    }

    #[test]
    fn arm_and_cache_in_one_cell() {
        let mut table = Table::new(2, ["arm", "cache", "n", "mode"]).words("mode");
        table.row(["warm", "hot", "8", "full"].map(str::to_owned).to_vec());
        table.row(["sync", "any", "9", "-"].map(str::to_owned).to_vec());
        assert_eq!(
            table.with_keys_in_one().text(80),
            "arm        n  mode\nwarm, hot  8  full\nsync       9  -\n"
        );
        assert_eq!(self::table().with_keys_in_one().text(80), self::table().text(80));
    }

    #[test]
    fn text_wraps_at_spaces_and_loses_control_characters() {
        assert_eq!(wrapped("one two\tthree\u{1b}four", 9, "  "), "one two\n  three\n  four\n");
        assert_eq!(wrapped("  - ab cd", 6, "    "), "  - ab\n    cd\n");
        assert_eq!(wrapped("unbreakable", 4, ""), "unbreakable\n");
        assert_eq!(wrapped("it takes 1.26 ms, so", 13, ""), "it takes\n1.26 ms, so\n");
    }
}
