//! The colours of the page can be distinguished by everybody, on light paper and on dark.

/// Red, green and blue, linear, from 0 to 1.
type Light = [f64; 3];

/// What people see who lack one sort of cones (Machado, Oliveira and Fernandes 2009, complete
/// deficiency), and all others.
const EYES: [[Light; 3]; 3] = [
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
];

fn linear(hex: &str) -> Light {
    [0, 2, 4].map(|at| {
        let part = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

fn times(matrix: &[Light; 3], light: Light) -> Light {
    matrix.map(|row| row.iter().zip(light).map(|(factor, part)| factor * part).sum())
}

/// A colour in Oklab, where equal distances look equal.
fn seen(eye: &[Light; 3], light: Light) -> Light {
    let cones = [
        [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
        [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
        [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
    ];
    let lab = [
        [0.210_454_255_3, 0.793_617_785, -0.004_072_046_8],
        [1.977_998_495_1, -2.428_592_205, 0.450_593_709_9],
        [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766],
    ];
    times(&lab, times(&cones, times(eye, light).map(|part| part.max(0.0))).map(f64::cbrt))
}

fn distance(one: Light, other: Light) -> f64 {
    one.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt()
}

/// Contrast as WCAG 2 defines it.
fn contrast(one: Light, other: Light) -> f64 {
    let bright = |light: Light| 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] + 0.05;
    let (one, other) = (bright(one), bright(other));
    (one / other).max(other / one)
}

#[test]
fn every_two_colours_differ_and_each_stands_out() {
    let style = include_str!("style.css");
    let all = |name: &str| -> Vec<Light> {
        style.split(&format!("--{name}: #")).skip(1).map(|rest| linear(&rest[..6])).collect()
    };
    for (theme, paper) in all("paper").into_iter().enumerate() {
        let colours: Vec<Light> = (0..8).map(|at| all(&format!("c{at}"))[theme]).collect();
        for (at, &one) in colours.iter().enumerate() {
            assert!(
                contrast(one, paper) >= 3.0,
                "theme {theme}, c{at}: {:.2}",
                contrast(one, paper)
            );
            for (other_at, &other) in colours[..at].iter().enumerate() {
                for eye in &EYES {
                    let apart = distance(seen(eye, one), seen(eye, other));
                    assert!(
                        apart > 0.1,
                        "theme {theme}, c{at} and c{other_at} with {eye:?}: {apart:.3}"
                    );
                }
            }
        }
        for name in ["ink", "soft", "good", "bad", "doubt"] {
            let text = all(name)[theme];
            assert!(
                contrast(text, paper) >= 4.5,
                "theme {theme}, {name}: {:.2}",
                contrast(text, paper)
            );
        }
    }
}
