//! The curve of a range test as SVG.

use std::fmt::Write;

use crate::text::significant;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
/// The space around the plot: left, top, right, bottom.
const MARGIN: [f64; 4] = [70.0, 20.0, 20.0, 50.0];

/// Draws losses over rates, and the suggestion as a point.
pub(super) fn svg(curve: &[(f64, f64)], suggestion: Option<f64>, is_log: bool) -> String {
    let scale = |rate: f64| if is_log { rate.log10() } else { rate };
    let points: Vec<(f64, f64)> =
        curve.iter().filter(|(_, loss)| loss.is_finite()).map(|(rate, loss)| (scale(*rate), *loss)).collect();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let (x, y) = (Axis::of(points.iter().map(|point| point.0)), Axis::of(points.iter().map(|point| point.1)));
    let left = |value: f64| MARGIN[0] + x.share(value) * (WIDTH - MARGIN[0] - MARGIN[2]);
    let top = |value: f64| MARGIN[1] + (1.0 - y.share(value)) * (HEIGHT - MARGIN[1] - MARGIN[3]);
    let bottom = HEIGHT - MARGIN[3];
    for value in x.ticks(is_log) {
        let label = significant(if is_log { 10_f64.powf(value) } else { value }, 3);
        let at = left(value);
        let _ = writeln!(
            text,
            "<path d=\"M{at:.1} {:.1}V{bottom:.1}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            MARGIN[1],
            bottom + 18.0
        );
    }
    for value in y.ticks(false) {
        let (at, label) = (top(value), significant(value, 3));
        let _ = writeln!(
            text,
            "<path d=\"M{:.1} {at:.1}H{:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            MARGIN[0],
            WIDTH - MARGIN[2],
            MARGIN[0] - 8.0,
            at + 4.0
        );
    }
    let line: Vec<String> = points.iter().map(|(rate, loss)| format!("{:.1},{:.1}", left(*rate), top(*loss))).collect();
    let _ =
        writeln!(text, "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f77b4\" stroke-width=\"2\"/>", line.join(" "));
    if let Some((rate, loss)) = suggestion.and_then(|best| curve.iter().find(|(rate, _)| *rate == best)) {
        let _ = writeln!(
            text,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"#d62728\"><title>suggestion: {}</title></circle>",
            left(scale(*rate)),
            top(*loss),
            significant(*rate, 4)
        );
    }
    let middle = (WIDTH + MARGIN[0] - MARGIN[2]) / 2.0;
    let _ = writeln!(text, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">learning rate</text>", HEIGHT - 10.0);
    let _ = writeln!(
        text,
        "<text x=\"16\" y=\"{0}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {0})\">loss</text>\n</svg>",
        (HEIGHT + MARGIN[1] - MARGIN[3]) / 2.0
    );
    text
}

/// The range of an axis.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        match low < high {
            true => Self { low, high },
            false if low.is_finite() => Self { low: low - 0.5, high: low + 0.5 },
            false => Self { low: 0.0, high: 1.0 },
        }
    }

    fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// Up to nine round values; only powers of ten on a logarithmic axis.
    fn ticks(&self, is_log: bool) -> Vec<f64> {
        let rough = (self.high - self.low) / 6.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough);
        let step = step.unwrap_or(rough).max(if is_log { 1.0 } else { 0.0 });
        let first = (self.low / step).ceil();
        (0..10).map(|number| (first + f64::from(number)) * step).take_while(|value| *value <= self.high).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_its_parts() {
        let text = svg(&[(1e-3, 2.0), (1e-2, 1.0), (1e-1, f64::NAN), (1.0, 3.0)], Some(1e-2), true);
        for part in ["<svg xmlns=", ">0.01</text>", "<circle", "suggestion: 0.01", "learning rate</text>", "</svg>"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("NaN"), "{text}");
        // Nothing to draw is no error.
        for empty in [svg(&[], None, true), svg(&[(1.0, 1.0)], Some(1.0), false)] {
            assert!(empty.ends_with("</svg>\n") && !empty.contains("NaN") && !empty.contains("inf"), "{empty}");
        }
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            Axis { low: 0.0, high: 1.2 }.ticks(false),
            [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0, 1.2000000000000002][..6].to_vec()
        );
        assert_eq!(Axis { low: -3.0, high: 0.0 }.ticks(true), [-3.0, -2.0, -1.0, 0.0]);
    }
}
