//! How times grow with the data: the same run at several scales, as a table and as a picture.

use std::fmt::Write;
use std::time::Duration;

use crate::foreign::{one_line, xml};
use crate::layout::{Table, escaped};
use crate::record::{ArmKey, Record};
use crate::summary::Summary;
use crate::units::{self, ByteSize};

/// Columns that a name may take where it is shown beside others.
const MOST_COLUMNS: usize = 64;

/// The same run at several scales of one dataset.
#[derive(Debug, Clone)]
pub struct Ladder {
    recipe: String,
    rungs: Vec<Rung>,
}

/// The run at one scale.
#[derive(Debug, Clone)]
struct Rung {
    scale: f64,
    rows: u64,
    file: ByteSize,
    summary: Summary,
}

impl Rung {
    fn median(&self, arm: &ArmKey) -> Option<Duration> {
        Some(self.summary.arm(arm)?.sample_time.as_ref()?.median)
    }
}

impl Ladder {
    /// The ladder of these records, in their order; the first is what the others are compared with.
    #[must_use]
    pub fn of(records: &[Record]) -> Ladder {
        let rung = |record: &Record| Rung {
            scale: record.dataset.scale,
            rows: record.dataset.rows,
            file: record.dataset.file_bytes,
            summary: Summary::of(record),
        };
        Ladder {
            recipe: records.first().map(|record| record.dataset.recipe.clone()).unwrap_or_default(),
            rungs: records.iter().map(rung).collect(),
        }
    }

    /// Every arm that has a figure at the first scale.
    pub(crate) fn arms(&self) -> Vec<ArmKey> {
        let first = self.rungs.first();
        let arms = first.into_iter().flat_map(|rung| &rung.summary.arms);
        arms.filter(|arm| arm.sample_time.is_some()).map(crate::summary::ArmSummary::key).collect()
    }

    /// The time at each scale as a multiple of that at the first.
    fn growth(&self, arm: &ArmKey) -> Vec<Option<f64>> {
        let first =
            self.rungs.first().and_then(|rung| rung.median(arm)).map(|time| time.as_secs_f64());
        let of = |rung: &Rung| Some(rung.median(arm)?.as_secs_f64() / first?);
        self.rungs.iter().map(of).collect()
    }

    /// The size of the file and the median at each scale that has one.
    pub(crate) fn medians_by_size(&self, arm: &ArmKey) -> Vec<(ByteSize, Duration)> {
        self.rungs.iter().filter_map(|rung| Some((rung.file, rung.median(arm)?))).collect()
    }

    /// The medians of all arms at all scales.
    pub(crate) fn medians(&self) -> Table {
        let scales = self.rungs.iter().map(|rung| format!("x{}", rung.scale));
        let titles = ["arm".to_owned(), "cache".to_owned()]
            .into_iter()
            .chain(scales)
            .chain(["growth".to_owned()]);
        let mut table = Table::new(2, titles);
        for arm in self.arms() {
            let mut row = vec![arm.name.clone(), arm.cache.to_string()];
            row.extend(
                self.rungs
                    .iter()
                    .map(|rung| rung.median(&arm).map_or("-".to_owned(), units::duration)),
            );
            let last = self.growth(&arm).last().copied().flatten();
            row.push(last.map_or("-".to_owned(), |last| format!("x{}", units::ratio(last))));
            table.row(row);
        }
        table
    }

    fn sizes(&self) -> String {
        let size = |rung: &Rung| {
            format!("x{}: {} rows in {}", rung.scale, units::count(rung.rows), rung.file)
        };
        self.rungs.iter().map(size).collect::<Vec<_>>().join(", ")
    }
}

/// The medians of all arms at all scales, as text of at most 80 columns.
#[must_use]
pub fn table(ladder: &Ladder) -> String {
    let mut text = format!(
        "growth on {}, median wall times of launches\n",
        one_line(&ladder.recipe, MOST_COLUMNS)
    );
    for rung in &ladder.rungs {
        let _ = writeln!(
            text,
            "  x{:<4} {:>12} rows {:>9}",
            rung.scale,
            units::count(rung.rows),
            rung.file.to_string()
        );
    }
    text.push('\n');
    text.push_str(&ladder.medians().text(80));
    text
}

/// The same as Markdown, with the picture at `picture`, a path relative to the report.
#[must_use]
pub fn markdown(ladder: &Ladder, picture: &str) -> String {
    format!(
        "# How do the times grow with the data?\n\n\
         The same run on {} at several scales, which multiply rows but not facts ({}). Median wall \
         times of launches; growth compares the last scale with the first.\n\n\
         {}\n\n\
         ![Time relative to the first scale, by scale]({picture})\n",
        escaped(&ladder.recipe),
        ladder.sizes(),
        ladder.medians().markdown().trim_end(),
    )
}

/// The light ones of the page.
const COLOURS: [&str; 8] =
    ["#2452c8", "#e07800", "#7a1020", "#5a9a94", "#a67cf0", "#2b1a6b", "#c43a1e", "#4a5f70"];
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
/// Around the plot: left, right with the names, above, below.
const MARGINS: [f64; 4] = [60.0, 190.0, 20.0, 50.0];

/// Growth by scale as an SVG picture: a line that stays at 1 costs the same whatever the size of
/// the data.
#[must_use]
pub fn svg(ladder: &Ladder) -> String {
    let [left, right, above, below] = MARGINS;
    let arms: Vec<(ArmKey, Vec<Option<f64>>)> =
        ladder.arms().into_iter().map(|arm| (arm.clone(), ladder.growth(&arm))).collect();
    let scales = ladder.rungs.iter().map(|rung| rung.scale);
    let widest = scales.clone().fold(1.0, f64::max);
    let tallest =
        arms.iter().flat_map(|(_, growth)| growth.iter().flatten()).copied().fold(1.0, f64::max)
            * 1.05;
    let x = |scale: f64| left + scale / widest * (WIDTH - left - right);
    let y = |growth: f64| HEIGHT - below - growth / tallest * (HEIGHT - above - below);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <!-- written by tracerig -->\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let step = (tallest / 8.0).ceil().max(1.0);
    let mut mark = 0.0;
    while mark <= tallest {
        let at = y(mark);
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/><text \
             x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{mark}x</text>",
            WIDTH - right,
            left - 8.0,
            at + 4.0
        );
        mark += step;
    }
    for scale in scales {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">x{scale}</text>",
            x(scale),
            HEIGHT - below + 18.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">scale of the data</text>",
        (left + WIDTH - right) / 2.0,
        HEIGHT - 10.0
    );
    for (at, (arm, growth)) in arms.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        // A second round of colours is dashed.
        let dash = if at < COLOURS.len() { "" } else { " stroke-dasharray=\"4 3\"" };
        let points: Vec<String> = ladder
            .rungs
            .iter()
            .zip(growth)
            .filter_map(|(rung, growth)| Some(format!("{:.1},{:.1}", x(rung.scale), y((*growth)?))))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>",
            points.join(" ")
        );
        let line = above + 16.0 * (at as f64 + 1.0);
        let _ = writeln!(
            svg,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" \
             stroke-width=\"2\"{dash}/><text x=\"{:.1}\" y=\"{line:.1}\">{}, cache {}</text>",
            WIDTH - right + 12.0,
            WIDTH - right + 32.0,
            line - 4.0,
            line - 4.0,
            WIDTH - right + 38.0,
            xml(&one_line(&arm.name, MOST_COLUMNS)),
            arm.cache
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Cache;

    /// The fixture, and the fixture again at twice the scale with every launch of `full` taking
    /// twice as long.
    fn ladder() -> Ladder {
        let first = crate::fixture::record();
        let mut second = first.clone();
        second.dataset.scale = first.dataset.scale * 2.0;
        for sample in second.samples.iter_mut().filter(|sample| sample.arm == "full") {
            for launch in &mut sample.launches {
                launch.wall *= 2;
            }
        }
        Ladder::of(&[first, second])
    }

    #[test]
    fn growth_is_told_beside_the_first_scale() {
        let ladder = ladder();
        assert_eq!(ladder.growth(&ArmKey::new("full", Cache::Hot)), [Some(1.0), Some(2.0)]);
        assert_eq!(ladder.growth(&ArmKey::new("warm", Cache::Hot)), [Some(1.0), Some(1.0)]);
        assert_eq!(ladder.growth(&ArmKey::new("nothing", Cache::Hot)), [None, None]);
        let text = table(&ladder);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let full = text.lines().find(|line| line.starts_with("full")).unwrap();
        assert!(full.ends_with("x2.00"), "{full}");
    }

    #[test]
    fn the_picture_has_a_line_for_each_arm_and_the_report_shows_it() {
        let ladder = ladder();
        let svg = svg(&ladder);
        assert_eq!(svg.matches("<polyline").count(), ladder.arms().len());
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        let report = markdown(&ladder, "ladder.svg");
        assert!(report.contains("(ladder.svg)") && report.contains("| full | hot |"), "{report}");
    }

    #[test]
    fn a_ladder_without_rungs_is_empty_and_no_panic() {
        let ladder = Ladder::of(&[]);
        assert!(svg(&ladder).ends_with("</svg>\n"));
        assert!(!table(&ladder).is_empty());
    }
}
