//! Curves of a classification as pictures.

use super::{
    CurveKind, CurvePoint, ThresholdCurve, ThresholdCurves,
    canvas::{CHARACTER, Canvas, Color, shortened},
};
use crate::loggers::OwnedImage;

/// The side of the square of the curves, in pixels.
const SIDE: usize = 320;
/// The square is below the line of the vertical axis' name, and right of its numbers.
const TOP: usize = 34;
const LEFT: usize = 3 * CHARACTER + 18;
/// Below the square are the numbers and the name of the horizontal axis.
const BOTTOM: usize = 44;
/// The space right of the square.
const RIGHT: usize = 14;
/// The distance of two lines of text.
const LINE: usize = 2 * CHARACTER;
/// The length of the sample of a curve beside its name.
const SAMPLE: usize = 18;
/// Points that are nearer than this to the one before are not drawn, in pixels.
const NEAR: f64 = 0.3;

/// The colors of the first curves; the others are gray.
const COLORS: [Color; 10] = [
    [31, 119, 180],
    [255, 127, 14],
    [44, 160, 44],
    [214, 39, 40],
    [148, 103, 189],
    [140, 86, 75],
    [227, 119, 194],
    [110, 110, 110],
    [170, 171, 20],
    [23, 190, 207],
];
/// The largest number of curves that are drawn.
const MOST_CURVES: usize = 50;
const OTHERS: Color = [212, 212, 212];
const INK: Color = [40, 40, 40];
const SOFT: Color = [105, 105, 105];
const GRID: Color = [232, 232, 232];

impl ThresholdCurves {
    /// Draws the curves, with axes and areas. Several have a legend, in which the first ten are;
    /// the first 50 are drawn. The line of a ROC curve of random scores is dashed. A
    /// precision-recall curve is drawn in the steps whose area is the average precision.
    pub fn to_picture(&self) -> OwnedImage {
        let several = self.all().len() > 1;
        let names: Vec<Vec<char>> = self.all().iter().take(COLORS.len()).map(|curve| shortened(&curve.name)).collect();
        let widest = names.iter().map(Vec::len).max().unwrap_or(0).max("class".len());
        let legend = if several { SAMPLE + 8 + (widest + "  0.000".len()) * CHARACTER + RIGHT } else { 0 };
        let mut canvas = Canvas::new(LEFT + SIDE + RIGHT + legend, TOP + SIDE + BOTTOM);
        self.draw_axes(&mut canvas);
        if self.kind() == CurveKind::Roc {
            let dashes = (0..SIDE).step_by(9).map(|at| [at as f64, (at + 4).min(SIDE) as f64]);
            for [from, to] in dashes {
                canvas.line([from, to].map(|at| place(at / SIDE as f64, at / SIDE as f64)), 1.0, [170; 3]);
            }
        }
        let colors = COLORS.into_iter().chain(std::iter::repeat(OTHERS));
        let drawn: Vec<(&ThresholdCurve, Color)> = self.all().iter().zip(colors).take(MOST_CURVES).collect();
        // The first ones above the others.
        for (curve, color) in drawn.iter().rev() {
            canvas.line(path(curve, self.kind()), 1.8, *color);
        }
        if several {
            self.draw_legend(&mut canvas, &names, widest);
        }
        canvas.image
    }

    fn draw_axes(&self, canvas: &mut Canvas) {
        for tenths in (0..=10).step_by(2) {
            let at = SIDE * tenths / 10;
            canvas.fill(LEFT + at, TOP, 1, SIDE + 1, GRID);
            canvas.fill(LEFT, TOP + SIDE - at, SIDE + 1, 1, GRID);
            let number = format!("{:.1}", tenths as f64 / 10.0);
            let half = number.len() * CHARACTER / 2;
            canvas.write(LEFT + at - half, TOP + SIDE + 8, number.chars(), SOFT);
            canvas.write(LEFT - 8 - 2 * half, TOP + SIDE - at - CHARACTER / 2, number.chars(), SOFT);
        }
        canvas.fill(LEFT, TOP, 1, SIDE + 1, INK);
        canvas.fill(LEFT, TOP + SIDE, SIDE + 1, 1, INK);
        let [horizontal, vertical] = self.kind().axes().map(capitalized);
        let centered = LEFT + (SIDE.saturating_sub(horizontal.chars().count() * CHARACTER)) / 2;
        canvas.write(centered, TOP + SIDE + 26, horizontal.chars(), INK);
        canvas.write(CHARACTER, 10, vertical.chars(), INK);
        if let Some(area) = self.area() {
            let text = format!("{} {}", if self.all().len() > 1 { "average area" } else { "area" }, number(area));
            canvas.write(LEFT + SIDE - text.len() * CHARACTER, 10, text.chars(), INK);
        }
    }

    fn draw_legend(&self, canvas: &mut Canvas, names: &[Vec<char>], widest: usize) {
        let left = LEFT + SIDE + RIGHT + 4;
        let text = left + SAMPLE + 8;
        let area = text + (widest + 2) * CHARACTER;
        canvas.write(text, TOP, "class".chars(), SOFT);
        canvas.write(area, TOP, "area".chars(), SOFT);
        for (index, ((name, curve), color)) in names.iter().zip(self.all()).zip(COLORS).enumerate() {
            let top = TOP + (index + 1) * LINE;
            let middle = (top + CHARACTER / 2) as f64;
            canvas.line([[left as f64, middle], [(left + SAMPLE) as f64, middle]], 2.4, color);
            canvas.write(text, top, name.iter().copied(), INK);
            canvas.write(area, top, number(curve.area).chars(), INK);
        }
        let others = self.all().len().saturating_sub(COLORS.len());
        if others > 0 {
            let top = TOP + (COLORS.len() + 1) * LINE;
            let middle = (top + CHARACTER / 2) as f64;
            canvas.line([[left as f64, middle], [(left + SAMPLE) as f64, middle]], 2.4, OTHERS);
            canvas.write(text, top, format!("{others} more").chars(), SOFT);
        }
    }
}

/// Where a point of the axes is in the picture.
fn place(x: f64, y: f64) -> [f64; 2] {
    // The axes are one pixel wide: 0 is the middle of it.
    [LEFT as f64 + 0.5 + x * SIDE as f64, TOP as f64 + 0.5 + (1.0 - y) * SIDE as f64]
}

/// The line of a curve in the picture.
fn path(curve: &ThresholdCurve, kind: CurveKind) -> Vec<[f64; 2]> {
    let mut path: Vec<[f64; 2]> = Vec::new();
    let mut add = |x: f64, y: f64| {
        let [x, y] = place(x, y);
        if path.last().is_none_or(|last| (last[0] - x).hypot(last[1] - y) >= NEAR) {
            path.push([x, y]);
        }
    };
    match kind {
        CurveKind::Roc => curve.descending().for_each(|CurvePoint { x, y, .. }| add(*x, *y)),
        CurveKind::PrecisionRecall => {
            let mut recall = 0.0;
            for CurvePoint { x, y, .. } in curve.descending().filter(|point| point.x > 0.0) {
                if *x > recall {
                    add(recall, *y);
                    add(*x, *y);
                    recall = *x;
                }
            }
        }
    }
    path
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn number(area: f64) -> String {
    if area.is_nan() { "none".to_owned() } else { format!("{area:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::MetricValue;

    fn curves(kind: CurveKind, all: &[(&str, &[[f64; 3]])]) -> ThresholdCurves {
        let curve = |(name, points): &(&str, &[[f64; 3]])| ThresholdCurve {
            name: (*name).to_owned(),
            area: 0.5,
            points: points.iter().map(|[threshold, x, y]| CurvePoint { threshold: *threshold, x: *x, y: *y }).collect(),
        };
        ThresholdCurves::new(kind, all.iter().map(curve).collect(), MetricValue::Scalar(0.5))
    }

    fn color(image: &OwnedImage, x: f64, y: f64) -> Color {
        let [x, y] = place(x, y).map(|at| at as usize);
        let at = (y * image.width + x) * 3;
        [image.pixels[at], image.pixels[at + 1], image.pixels[at + 2]]
    }

    #[test]
    fn a_curve_runs_through_its_points() {
        let points = [[f64::INFINITY, 0.0, 0.0], [0.9, 0.0, 0.7], [0.5, 0.5, 0.9], [0.1, 1.0, 1.0]];
        let image = curves(CurveKind::Roc, &[("", &points)]).to_picture();
        for [x, y] in [[0.0, 0.35], [0.25, 0.8], [0.5, 0.9], [0.75, 0.95]] {
            assert_eq!(color(&image, x, y), COLORS[0], "{x}, {y}");
        }
        for [x, y] in [[0.1, 0.5], [0.55, 0.7], [0.3, 0.95]] {
            assert_eq!(color(&image, x, y), [255; 3], "{x}, {y}");
        }
        assert_eq!((image.width, image.height), (LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM));
    }

    #[test]
    fn precision_is_drawn_in_steps() {
        // Recall 0.5 at precision 1, then a false positive, then the other positive.
        let points = [[0.1, 1.0, 2.0 / 3.0], [0.2, 0.5, 0.5], [0.3, 0.5, 1.0], [f64::INFINITY, 0.0, 1.0]];
        let curves = curves(CurveKind::PrecisionRecall, &[("", &points)]);
        let image = curves.to_picture();
        for [x, y] in [[0.25, 1.0], [0.5, 0.85], [0.75, 2.0 / 3.0]] {
            assert_eq!(color(&image, x, y), COLORS[0], "{x}, {y}");
        }
        assert_eq!(color(&image, 0.75, 0.85), [255; 3]);
        assert_eq!(curves.to_table().rows[0], ["inf", "0.0000", "1.0000"]);
        assert_eq!(curves.to_table().rows.len(), 4);
    }

    #[test]
    fn curves_of_any_number_are_drawn() {
        let points: Vec<[f64; 3]> =
            (0..=10_000).map(|at| f64::from(at) / 1e4).map(|at| [1.0 - at, at, at.sqrt()]).collect();
        for count in [0, 1, 2, 10, 11, 300] {
            let all: Vec<(&str, &[[f64; 3]])> =
                (0..count).map(|_| ("a class with a long name ü ✓", &*points)).collect();
            let curves = curves(CurveKind::Roc, &all);
            let image = curves.to_picture();
            assert_eq!(image.pixels.len(), image.width * image.height * 3);
            assert!(image.width < 640 && image.height < 400, "{} x {}", image.width, image.height);
            // At most 20 classes, and rows that are 0.05 apart.
            assert!(curves.to_table().rows.len() <= 20 * 41, "{}", curves.to_table().rows.len());
        }
        let none = curves(CurveKind::Roc, &[("a", &[]), ("b", &[])]);
        assert!(none.to_table().rows.is_empty() && none.to_picture().width > 0);
    }
}
