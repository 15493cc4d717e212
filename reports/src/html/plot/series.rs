//! A figure over the commits of a history: its values, its levels, and the steps between them.

use super::axis::{Frame, Scale, at, below, beside, ends};
use super::{Caption, WIDTH, figure};
use crate::html::markup::Markup;

const HEIGHT: f64 = 250.0;

/// What is drawn.
pub(in crate::html) struct Chart {
    pub(in crate::html) places: Vec<Place>,
    pub(in crate::html) marks: Vec<Mark>,
    /// The names of all commits, as short as fits below the picture.
    pub(in crate::html) commits: Vec<String>,
    /// Whether values are counts: their axis has whole numbers, and shows what is more than the
    /// first.
    pub(in crate::html) counts: bool,
}

/// The value of a commit.
pub(in crate::html) struct Place {
    /// The commit, counted from 0.
    pub(in crate::html) at: usize,
    pub(in crate::html) value: f64,
    pub(in crate::html) interval: Option<(f64, f64)>,
    /// Whether the commit passed.
    pub(in crate::html) passed: bool,
    pub(in crate::html) told: String,
}

/// A step.
pub(in crate::html) struct Mark {
    pub(in crate::html) at: usize,
    pub(in crate::html) before: f64,
    pub(in crate::html) after: f64,
    pub(in crate::html) explained: bool,
    pub(in crate::html) told: String,
}

/// The figure; nothing without values.
pub(in crate::html) fn series(out: &mut Markup, caption: &Caption<'_>, chart: &Chart) {
    let Chart { places, marks, commits, counts } = chart;
    let all = places.iter().flat_map(|place| {
        let (low, high) = place.interval.unwrap_or((place.value, place.value));
        [low, high, place.value]
    });
    let Some((low, high)) = ends(all) else { return };
    // A level line has room, too.
    let room = ((high - low) * 0.1).max(if *counts { 1.0 } else { high.abs() * 0.01 });
    let values = Scale::Linear { low: low - room, high: high + room };
    let order = Scale::Linear { low: -0.5, high: commits.len() as f64 - 0.5 };
    let frame = Frame { left: 80.0, right: WIDTH - 12.0, top: 24.0, bottom: HEIGHT - 48.0 };
    let x = |at: f64| frame.x(order.part(at));
    let y = |value: f64| frame.y(values.part(value));
    figure(out, caption, HEIGHT, &[], |out| {
        let whole = order.ticks().into_iter().filter(|tick| tick.fract() == 0.0 && *tick >= 0.0);
        let names: Vec<(f64, String)> = whole
            .filter_map(|tick| Some((order.part(tick), commits.get(tick as usize)?.clone())))
            .collect();
        below(out, frame, &names, "commit");
        beside(out, frame, &scale(&values, places[0].value, *counts));
        levels(out, places, marks, x, y);
        for mark in marks {
            let (middle, class) =
                (x(mark.at as f64 - 0.5), if mark.explained { "step explained" } else { "step" });
            out.element(
                "line",
                &[
                    ("class", &class),
                    ("x1", &at(middle)),
                    ("x2", &at(middle)),
                    ("y1", &at(frame.top)),
                    ("y2", &at(frame.bottom)),
                ],
                |out| out.leaf("title", &[], &mark.told),
            );
        }
        for place in places {
            let (x, y0) = (at(x(place.at as f64)), at(y(place.value)));
            if let Some((low, high)) = place.interval {
                let (low, high) = (at(y(low)), at(y(high)));
                out.empty(
                    "line",
                    &[
                        ("class", &"whisker c0"),
                        ("x1", &x),
                        ("x2", &x),
                        ("y1", &low),
                        ("y2", &high),
                    ],
                );
            }
            let dot = [
                ("class", &"dot c0" as &dyn std::fmt::Display),
                ("cx", &x),
                ("cy", &y0),
                ("r", &"3.5"),
            ];
            out.element("circle", &dot, |out| out.leaf("title", &[], &place.told));
            if !place.passed {
                out.empty("circle", &[("class", &"void c6"), ("cx", &x), ("cy", &y0), ("r", &"7")]);
            }
        }
        names_of(out, frame, marks, commits, x);
    });
}

/// The marks of the values: of counts only whole ones, as the difference from the first.
fn scale(values: &Scale, first: f64, counts: bool) -> Vec<(f64, String)> {
    let Scale::Linear { low, high } = *values else { return Vec::new() };
    if !counts {
        return values
            .ticks()
            .iter()
            .map(|tick| (values.part(*tick), crate::units::average(*tick)))
            .collect();
    }
    let differences = Scale::Linear { low: low - first, high: high - first };
    let whole = differences.ticks().into_iter().filter(|tick| tick.fract() == 0.0);
    whole
        .map(|tick| (values.part(tick + first), format!("{tick:+.0}").replace("+0", "first")))
        .collect()
}

/// The level before the first step, between steps, and from the last step on.
fn levels(
    out: &mut Markup,
    places: &[Place],
    marks: &[Mark],
    x: impl Fn(f64) -> f64,
    y: impl Fn(f64) -> f64,
) {
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return };
    let mut sorted: Vec<&Mark> = marks.iter().collect();
    sorted.sort_by_key(|mark| mark.at);
    let mut points = Vec::new();
    let mut add = |from: f64, to: f64, level: f64| {
        points.push(format!("{},{} {},{}", at(x(from)), at(y(level)), at(x(to)), at(y(level))));
    };
    let mut from = first.at as f64;
    for mark in &sorted {
        let to = mark.at as f64 - 0.5;
        add(from, to, mark.before);
        from = to;
    }
    if let Some(mark) = sorted.last() {
        add(from, last.at as f64, mark.after);
        out.empty("polyline", &[("class", &"trend"), ("points", &points.join(" "))]);
    }
}

/// The commits of the steps, above the picture, as far as there is room.
fn names_of(
    out: &mut Markup,
    frame: Frame,
    marks: &[Mark],
    commits: &[String],
    x: impl Fn(f64) -> f64,
) {
    let mut sorted: Vec<&Mark> = marks.iter().collect();
    sorted.sort_by_key(|mark| mark.at);
    let mut free = frame.left;
    for mark in sorted {
        let Some(name) = commits.get(mark.at) else { continue };
        let half = name.chars().count() as f64 * 5.5;
        let middle = x(mark.at as f64 - 0.5).clamp(frame.left + half, frame.right - half);
        if middle - half < free {
            continue;
        }
        free = middle + half + 6.0;
        out.leaf(
            "text",
            &[
                ("class", &"label"),
                ("x", &at(middle)),
                ("y", &at(frame.top - 7.0)),
                ("text-anchor", &"middle"),
            ],
            name,
        );
    }
}
