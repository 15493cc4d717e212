//! Where the time of an arm goes: what tools counted in its processes, by function or system call,
//! alone or beside another build.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::foreign::{one_line, xml};
use crate::layout::Table;
use crate::units;
use crate::words::or_nothing;

/// Lines of a table that is shown in short.
const SHORT: usize = 12;
/// Columns that the name of a function may take.
const MOST_COLUMNS: usize = 44;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Moments at which a processor was found in a function.
    Samples,
    /// Instructions that were executed.
    Instructions,
    /// System calls.
    Calls,
}

/// What was counted in one function, or of one system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Cost {
    /// In it alone.
    pub own: u64,
    /// In it and all that it calls; `None` where the tool does not say.
    pub total: Option<u64>,
}

/// What one tool counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counted {
    /// The tool.
    pub tool: String,
    /// What it counts.
    pub unit: Unit,
    /// Launches that it counted in.
    pub launches: u64,
    /// By function or system call.
    pub costs: BTreeMap<String, Cost>,
}

/// Samples by stack: functions from the outermost to the innermost, separated by `;`.
pub type Stacks = BTreeMap<String, u64>;

/// Where the time of one program goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Profile {
    /// The program.
    pub program: String,
    /// What each tool counted.
    pub counted: Vec<Counted>,
    /// Sampled stacks; none without a tool that samples.
    pub stacks: Stacks,
}

/// A function that costs more or less than in the base, in one launch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Growth {
    /// Its name.
    pub name: String,
    /// In the base.
    pub base: f64,
    /// In the new program.
    pub new: f64,
}

impl Unit {
    const fn title(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::Instructions => "instructions",
            Self::Calls => "system calls",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Calls => "system call",
            Self::Samples | Self::Instructions => "function",
        }
    }
}

impl Counted {
    /// The costs of sampled stacks.
    #[must_use]
    pub fn of_stacks(tool: &str, launches: u64, stacks: &Stacks) -> Self {
        let mut costs: BTreeMap<String, Cost> = BTreeMap::new();
        for (stack, &samples) in stacks {
            // A function that calls itself is counted once.
            for function in stack.split(';').collect::<BTreeSet<_>>() {
                *costs.entry(function.to_owned()).or_default().total.get_or_insert(0) += samples;
            }
            if let Some(innermost) = stack.rsplit(';').next() {
                costs.entry(innermost.to_owned()).or_default().own += samples;
            }
        }
        Self { tool: tool.to_owned(), unit: Unit::Samples, launches, costs }
    }

    /// All that was counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.costs.values().map(|cost| cost.own).sum()
    }

    fn a_launch(&self, name: &str) -> f64 {
        let own = self.costs.get(name).map_or(0, |cost| cost.own);
        own as f64 / self.launches.max(1) as f64
    }

    /// What costs more or less than in `base`, the largest change first.
    #[must_use]
    pub fn growth(&self, base: &Self) -> Vec<Growth> {
        let names: BTreeSet<&String> = self.costs.keys().chain(base.costs.keys()).collect();
        let of = |name: &String| Growth {
            name: name.clone(),
            base: base.a_launch(name),
            new: self.a_launch(name),
        };
        let mut growth: Vec<Growth> = names.into_iter().map(of).collect();
        growth.retain(|growth| growth.change() != 0.0);
        growth.sort_by(|one, other| other.change().abs().total_cmp(&one.change().abs()));
        growth
    }

    /// The functions that cost most.
    fn table(&self, rows: usize) -> Table {
        let mut costs: Vec<(&String, &Cost)> = self.costs.iter().collect();
        costs.sort_by_key(|(name, cost)| (std::cmp::Reverse(cost.own), *name));
        let all = self.total().max(1) as f64;
        let part = |count: u64| format!("{:.1} %", count as f64 / all * 100.0);
        let mut table = Table::new(1, [self.unit.what(), "own", "with callees", "a launch"]);
        for (name, cost) in costs.into_iter().take(rows) {
            let total = or_nothing(cost.total, part);
            table.row(vec![name_of(name), part(cost.own), total, number(self.a_launch(name))]);
        }
        table.without_empty_columns()
    }
}

impl Growth {
    /// How much more it costs than in the base, in one launch; below zero if less.
    #[must_use]
    pub fn change(&self) -> f64 {
        self.new - self.base
    }
}

impl Profile {
    /// The profile for people: of each tool the functions that cost most, in short or all of them.
    #[must_use]
    pub fn text(&self, all: bool) -> String {
        let mut out = String::new();
        for counted in &self.counted {
            let total = units::count(counted.total() / counted.launches.max(1));
            let _ =
                writeln!(out, "\n{total} {} a launch ({})\n", counted.unit.title(), counted.tool);
            out += &counted.table(rows(all)).text(80);
        }
        out
    }

    /// What costs more or less than in `base`, for people; the largest change first.
    #[must_use]
    pub fn difference(&self, base: &Self, all: bool) -> String {
        let mut out = String::new();
        for new in &self.counted {
            let Some(base) = base.counted.iter().find(|base| base.tool == new.tool) else {
                continue;
            };
            let titles = [new.unit.what(), "base", "new", "change"];
            let mut table = Table::new(1, titles);
            for growth in new.growth(base).iter().take(rows(all)) {
                let sign = if growth.change() > 0.0 { "+" } else { "-" };
                table.row(vec![
                    name_of(&growth.name),
                    number(growth.base),
                    number(growth.new),
                    format!("{sign}{}", number(growth.change().abs())),
                ]);
            }
            let [before, after] =
                [base, new].map(|of| units::count(of.total() / of.launches.max(1)));
            let _ = writeln!(
                out,
                "\n{before} -> {after} {} a launch ({})\n",
                new.unit.title(),
                new.tool
            );
            out += &table.text(80);
        }
        out
    }
}

fn rows(all: bool) -> usize {
    if all { usize::MAX } else { SHORT }
}

fn name_of(function: &str) -> String {
    one_line(function, MOST_COLUMNS)
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { units::count(value as u64) } else { format!("{value:.1}") }
}

/// A frame of a flame graph: one function in one stack.
#[derive(Debug, Default)]
struct Frame {
    /// Samples a launch in the new program, and in the base.
    new: f64,
    base: f64,
    inner: BTreeMap<String, Frame>,
}

impl Frame {
    fn add(&mut self, stacks: &Stacks, launches: u64, count: fn(&mut Frame) -> &mut f64) {
        for (stack, &samples) in stacks {
            let samples = samples as f64 / launches.max(1) as f64;
            *count(self) += samples;
            let mut frame = &mut *self;
            for function in stack.split(';') {
                frame = frame.inner.entry(function.to_owned()).or_default();
                *count(frame) += samples;
            }
        }
    }

    fn depth(&self) -> usize {
        self.inner.values().map(Self::depth).max().map_or(0, |inner| inner + 1)
    }
}

const WIDTH: f64 = 1200.0;
const LINE: f64 = 17.0;
/// Columns of text that a pixel holds, at the size of the text.
const COLUMNS_PER_PIXEL: f64 = 1.0 / 7.2;

/// A flame graph of `new` as an SVG image; beside `base`, what grew is red and what shrank blue.
/// The numbers are launches.
#[must_use]
pub fn flame_graph(new: (&Stacks, u64), base: Option<(&Stacks, u64)>) -> String {
    let mut root = Frame::default();
    root.add(new.0, new.1, |frame| &mut frame.new);
    if let Some((stacks, launches)) = base {
        root.add(stacks, launches, |frame| &mut frame.base);
    }
    let height = (root.depth() + 1) as f64 * LINE + LINE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"monospace\" font-size=\"12\">\n\
         <!-- written by tracerig -->\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    // Twice as wide where a function is in one of the two only: each frame has the larger of its
    // two.
    let scale = (WIDTH - 20.0) / width(&root).max(f64::MIN_POSITIVE);
    draw(&mut svg, &root, "all", (10.0, height - LINE * 1.5), scale, base.is_some());
    svg + "</svg>\n"
}

/// Samples that a frame is as wide as: enough for all that is in it.
fn width(frame: &Frame) -> f64 {
    frame.inner.values().map(width).sum::<f64>().max(frame.new).max(frame.base)
}

fn draw(
    svg: &mut String,
    frame: &Frame,
    name: &str,
    (left, top): (f64, f64),
    scale: f64,
    compared: bool,
) {
    let wide = width(frame) * scale;
    if wide < 0.5 {
        return;
    }
    let (new, base) = (frame.new, frame.base);
    let told = if compared {
        format!("{name}: {base:.1} -> {new:.1} samples a launch")
    } else {
        format!("{name}: {new:.1} samples a launch")
    };
    let colour = if compared { change_colour(base, new) } else { "#f2c48d".to_owned() };
    let columns = (wide * COLUMNS_PER_PIXEL) as usize;
    let label = if columns >= 4 { xml(&one_line(name, columns - 1)) } else { String::new() };
    let _ = writeln!(
        svg,
        "<g><title>{}</title><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" \
         height=\"{:.0}\" fill=\"{colour}\" stroke=\"white\" stroke-width=\"0.5\"/><text \
         x=\"{:.1}\" y=\"{:.1}\">{label}</text></g>",
        xml(&one_line(&told, 400)),
        LINE - 1.0,
        left + 3.0,
        top + 12.0,
    );
    let mut left = left;
    for (name, inner) in &frame.inner {
        draw(svg, inner, name, (left, top - LINE), scale, compared);
        left += width(inner) * scale;
    }
}

/// White where nothing changed; the stronger the more of the frame is new or gone.
fn change_colour(base: f64, new: f64) -> String {
    let part = ((new - base) / base.max(new).max(f64::MIN_POSITIVE)).clamp(-1.0, 1.0);
    let pale = (240.0 - part.abs() * 130.0) as u8;
    if part >= 0.0 {
        format!("#f0{pale:02x}{pale:02x}")
    } else {
        format!("#{pale:02x}{pale:02x}f0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks(of: &[(&str, u64)]) -> Stacks {
        of.iter().map(|&(stack, samples)| (stack.to_owned(), samples)).collect()
    }

    fn profile(of: &[(&str, u64)], launches: u64) -> Profile {
        let stacks = stacks(of);
        let counted = vec![Counted::of_stacks("perf", launches, &stacks)];
        Profile { program: "tracerig".to_owned(), counted, stacks }
    }

    #[test]
    fn a_function_that_calls_itself_is_counted_once() {
        let counted =
            &profile(&[("main;walk;walk", 3), ("main;walk", 2), ("main", 1)], 1).counted[0];
        assert_eq!(counted.costs["walk"], Cost { own: 5, total: Some(5) });
        assert_eq!(counted.costs["main"], Cost { own: 1, total: Some(6) });
        assert_eq!(counted.total(), 6);
    }

    #[test]
    fn the_largest_change_of_a_launch_is_first_whatever_the_launches() {
        let base = profile(&[("main;scan", 10), ("main;parse", 10)], 1);
        let new = profile(&[("main;scan", 20), ("main;parse", 14), ("main;hot", 10)], 2);
        let growth = new.counted[0].growth(&base.counted[0]);
        let named: Vec<_> =
            growth.iter().map(|growth| (growth.name.as_str(), growth.change())).collect();
        assert_eq!(named, [("hot", 5.0), ("parse", -3.0)]);
        let text = new.difference(&base, false);
        assert!(text.find("hot").unwrap() < text.find("parse").unwrap(), "{text}");
        assert!(!text.contains("scan"), "{text}");
    }

    #[test]
    fn names_do_nothing_in_a_picture_and_take_one_line() {
        let new = stacks(&[("main;<T as \"X\">::run\u{1b}[31m", 4), ("main;b", 4)]);
        let base = stacks(&[("main;b", 8)]);
        let svg = flame_graph((&new, 1), Some((&base, 1)));
        assert!(svg.contains("&lt;T as"), "{svg}");
        assert!(!svg.contains("<T as") && !svg.contains('\u{1b}'), "{svg}");
        // Grown from nothing, and half of it gone.
        assert!(svg.contains("#f06e6e") && svg.contains("#afaff0"), "{svg}");
        assert!(flame_graph((&Stacks::new(), 0), None).ends_with("</svg>\n"));
    }
}
