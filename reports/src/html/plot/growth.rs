//! Cost as the data grows: a line that stays level costs the same whatever the size.

use super::axis::{Frame, Scale, at, below, beside};
use super::names::{self, End};
use super::{Caption, NAMES, Palette, WIDTH, figure, short, time_mark};
use crate::html::markup::Markup;
use crate::record::ArmKey;
use crate::units::ByteSize;

/// The figure: for each arm the size of the file and the median time, in nanoseconds.
pub(in crate::html) fn growth(
    out: &mut Markup,
    caption: &Caption<'_>,
    palette: &Palette,
    arms: &[(ArmKey, Vec<(ByteSize, f64)>)],
) {
    let all = || arms.iter().flat_map(|(_, points)| points);
    if all().next().is_none() {
        return;
    }
    let sizes = Scale::log(all().map(|(size, _)| size.bytes() as f64));
    let times = Scale::log(all().map(|(_, time)| *time));
    let height = names::height(arms.len());
    let frame = Frame { left: 80.0, right: WIDTH - NAMES, top: 12.0, bottom: height - 48.0 };
    let arms: Vec<(String, String, _)> =
        arms.iter().map(|(arm, points)| (palette.class(arm), short(arm), points)).collect();
    figure(out, caption, height, &[], |out| {
        let size_mark = |size: f64| {
            let text = ByteSize(size.round() as u64).to_string();
            text.replace(".00", "").replace(".0 ", " ")
        };
        let marks: Vec<(f64, String)> =
            sizes.ticks().into_iter().map(|tick| (sizes.part(tick), size_mark(tick))).collect();
        below(out, frame, &marks, "size of the database");
        let marks: Vec<(f64, String)> =
            times.ticks().into_iter().map(|tick| (times.part(tick), time_mark(tick))).collect();
        beside(out, frame, &marks);
        let place = |(size, time): &(ByteSize, f64)| {
            (frame.x(sizes.part(size.bytes() as f64)), frame.y(times.part(*time)))
        };
        let mut last = Vec::new();
        for (class, name, points) in &arms {
            let line: Vec<String> =
                points.iter().map(place).map(|(x, y)| format!("{},{}", at(x), at(y))).collect();
            last.extend(points.last().map(|point| End { class, name, at: place(point) }));
            out.element(
                "polyline",
                &[("class", &format!("line {class}")), ("points", &line.join(" "))],
                |out| out.leaf("title", &[], name),
            );
            for (x, y) in points.iter().map(place) {
                out.empty(
                    "circle",
                    &[
                        ("class", &format!("dot {class}")),
                        ("cx", &at(x)),
                        ("cy", &at(y)),
                        ("r", &"3.5"),
                    ],
                );
            }
        }
        names::beside(out, frame, &last);
    });
}
