//! Cost as the data grows: a line that stays level costs the same whatever the size.

use super::axis::{Frame, Scale, at, below, beside};
use super::{Caption, Palette, WIDTH, figure, time_mark};
use crate::html::markup::Markup;
use crate::record::ArmKey;
use crate::units::ByteSize;

const HEIGHT: f64 = 360.0;

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
    let frame = Frame { left: 68.0, right: WIDTH - 24.0, top: 12.0, bottom: HEIGHT - 48.0 };
    let legend: Vec<(String, String)> =
        arms.iter().map(|(arm, _)| (palette.class(arm), arm.to_string())).collect();
    figure(out, caption, HEIGHT, &legend, |out| {
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
        for (arm, points) in arms {
            let class = palette.class(arm);
            let place = |(size, time): &(ByteSize, f64)| {
                (at(frame.x(sizes.part(size.bytes() as f64))), at(frame.y(times.part(*time))))
            };
            let line: Vec<String> = points.iter().map(place).map(|(x, y)| format!("{x},{y}")).collect();
            out.element(
                "polyline",
                &[("class", &format!("line {class}")), ("points", &line.join(" "))],
                |out| out.leaf("title", &[], &arm.to_string()),
            );
            for (x, y) in points.iter().map(place) {
                out.empty(
                    "circle",
                    &[("class", &format!("dot {class}")), ("cx", &x), ("cy", &y), ("r", &"3.5")],
                );
            }
        }
    });
}
