//! The percentile curve: how long the fastest half takes, the fastest 90 %, 99 %, and so on.

use super::axis::{Frame, Scale, at, below, beside, ends};
use super::names::{self, End};
use super::{Caption, NAMES, WIDTH, figure, time_mark};
use crate::html::markup::Markup;

/// The curve of an arm.
pub(in crate::html) struct Curve {
    pub(in crate::html) name: String,
    pub(in crate::html) class: String,
    /// Parts from 0 to below 1 with the time that this part does not exceed, in nanoseconds,
    /// rising.
    pub(in crate::html) points: Vec<(f64, f64)>,
}

impl Curve {
    /// The curve of single times, each a separate step.
    pub(in crate::html) fn of_times(name: String, class: String, mut times: Vec<f64>) -> Curve {
        times.sort_unstable_by(f64::total_cmp);
        let n = times.len() as f64;
        // The highest of n times is not "all": it is where its part of them ends.
        let points = times
            .into_iter()
            .zip(0..)
            .map(|(time, at)| ((f64::from(at) + 0.5) / n, time))
            .collect();
        Curve { name, class, points }
    }
}

/// The position of a part: equal steps for each further nine.
fn nines(part: f64) -> f64 {
    -(1.0 - part).max(1e-7).log10()
}

/// The figure; nothing where no curve has a point.
pub(in crate::html) fn curve(out: &mut Markup, caption: &Caption<'_>, curves: &[Curve]) {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let Some((_, most)) = ends(all().map(|point| nines(point.0))) else { return };
    let times = Scale::log(all().map(|point| point.1));
    let height = names::height(curves.len());
    let frame = Frame { left: 80.0, right: WIDTH - NAMES, top: 12.0, bottom: height - 48.0 };
    let parts = Scale::Linear { low: 0.0, high: most.max(1.0) };
    figure(out, caption, height, &[], |out| {
        // With many nines there is room for a few of the first marks only.
        let crowded = most > 3.2;
        let marks: Vec<(f64, String)> =
            [0.0, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999]
                .into_iter()
                .filter(|part| {
                    nines(*part) <= most.max(1.0) && !(crowded && [0.0, 0.75].contains(part))
                })
                .map(|part| (parts.part(nines(part)), short(part * 100.0)))
                .collect();
        below(out, frame, &marks, "% of all take no longer");
        let marks: Vec<(f64, String)> =
            times.ticks().into_iter().map(|tick| (times.part(tick), time_mark(tick))).collect();
        beside(out, frame, &marks);
        let mut last = Vec::new();
        for curve in curves.iter().filter(|curve| !curve.points.is_empty()) {
            let place = |(part, time): &(f64, f64)| {
                (frame.x(parts.part(nines(*part))), frame.y(times.part(*time)))
            };
            let points: Vec<String> = curve
                .points
                .iter()
                .map(place)
                .map(|(x, y)| format!("{},{}", at(x), at(y)))
                .collect();
            last.extend(curve.points.last().map(|point| End {
                class: &curve.class,
                name: &curve.name,
                at: place(point),
            }));
            out.element(
                "polyline",
                &[("class", &format!("line {}", curve.class)), ("points", &points.join(" "))],
                |out| out.leaf("title", &[], &curve.name),
            );
        }
        names::beside(out, frame, &last);
    });
}

fn short(percent: f64) -> String {
    let text = format!("{percent:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
