//! What changed between two versions: the change of each arm a dot on its interval, beside the
//! margin within which changes are ignored.

use super::axis::{Frame, Scale, at, below, ends};
use super::{Caption, WIDTH, figure};
use crate::html::markup::Markup;
use crate::stats::Interval;
use crate::words;

/// The name of an arm is above its interval, because names of runs and arms are long.
const ROW: f64 = 46.0;
/// Changes in percent that are shown at least, and at most: a change beyond is a triangle.
const LEAST: f64 = 6.0;
const MOST: (f64, f64) = (-60.0, 100.0);

/// The change of an arm.
pub(in crate::html) struct Change {
    pub(in crate::html) name: String,
    /// That of its verdict: `bad`, `good`, `doubt` or `plain`.
    pub(in crate::html) class: &'static str,
    /// The time of the new version as a multiple of the other's.
    pub(in crate::html) ratio: f64,
    pub(in crate::html) interval: Option<Interval>,
}

/// The figure; nothing without changes.
pub(in crate::html) fn changes(
    out: &mut Markup,
    caption: &Caption<'_>,
    margin: f64,
    changes: &[Change],
) {
    if changes.is_empty() {
        return;
    }
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    let height = ROW * changes.len() as f64 + 66.0;
    let frame = Frame { left: 34.0, right: WIDTH - 34.0, top: 10.0, bottom: height - 52.0 };
    let seen = changes.iter().flat_map(|change| {
        let ends = change.interval.map_or([change.ratio; 2], |ends| [ends.low, ends.high]);
        ends.map(percent)
    });
    let (low, high) = ends(seen).unwrap_or_default();
    let low = (low * 1.1).clamp(MOST.0, -LEAST);
    let high = (high * 1.1).clamp(LEAST, MOST.1);
    let scale = Scale::Linear { low, high };
    let x = |ratio: f64| frame.x(scale.part(percent(ratio)));
    figure(out, caption, height, &[], |out| {
        let label =
            |tick: f64| if tick == 0.0 { "0 %".to_owned() } else { format!("{tick:+.0} %") };
        let marks: Vec<(f64, String)> =
            scale.ticks().into_iter().map(|tick| (scale.part(tick), label(tick))).collect();
        below(out, frame, &marks, "change of the time; left is faster");
        let (from, to) = (x(1.0 / (1.0 + margin)), x(1.0 + margin));
        out.empty(
            "rect",
            &[
                ("class", &"margin"),
                ("x", &at(from)),
                ("y", &at(frame.top)),
                ("width", &at(to - from)),
                ("height", &at(frame.bottom - frame.top)),
            ],
        );
        line(out, "zero", (x(1.0), frame.top), (x(1.0), frame.bottom));
        for (nth, change) in changes.iter().enumerate() {
            let top = frame.top + ROW * nth as f64;
            out.leaf(
                "text",
                &[("class", &"label"), ("x", &at(4.0)), ("y", &at(top + 20.0))],
                &change.name,
            );
            out.element("g", &[("class", &change.class)], |out| {
                row(
                    out,
                    top + 34.0,
                    change,
                    &x,
                    percent(change.ratio) > high || percent(change.ratio) < low,
                );
            });
        }
    });
}

fn row(out: &mut Markup, y: f64, change: &Change, x: &dyn Fn(f64) -> f64, is_beyond: bool) {
    if let Some(Interval { low, high }) = change.interval {
        line(out, "change", (x(low), y), (x(high), y));
    }
    let middle = x(change.ratio);
    let told = words::change(change.ratio);
    if is_beyond {
        let tip = middle + if change.ratio > 1.0 { 8.0 } else { -8.0 };
        let points = format!(
            "{},{} {},{} {},{}",
            at(tip),
            at(y),
            at(middle),
            at(y - 6.0),
            at(middle),
            at(y + 6.0)
        );
        out.element("polygon", &[("class", &"change"), ("points", &points)], |out| {
            out.leaf("title", &[], &told);
        });
    } else {
        out.element(
            "circle",
            &[("class", &"change"), ("cx", &at(middle)), ("cy", &at(y)), ("r", &"4")],
            |out| out.leaf("title", &[], &told),
        );
    }
}

fn line(out: &mut Markup, class: &str, from: (f64, f64), to: (f64, f64)) {
    out.empty(
        "line",
        &[
            ("class", &class),
            ("x1", &at(from.0)),
            ("y1", &at(from.1)),
            ("x2", &at(to.0)),
            ("y2", &at(to.1)),
        ],
    );
}
