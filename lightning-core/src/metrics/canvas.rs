//! An RGB image to draw texts, rectangles and lines on.

use font8x8::{BASIC_FONTS, LATIN_FONTS, UnicodeFonts as _};

use crate::loggers::OwnedImage;

/// The side of a character in pixels.
pub(super) const CHARACTER: usize = 8;

/// The longest label, in characters; longer ones are cut.
const LONGEST_LABEL: usize = 16;

/// Red, green and blue.
pub(super) type Color = [u8; 3];

/// A white RGB image that is drawn on; what is outside of it is left out.
pub(super) struct Canvas {
    pub(super) image: OwnedImage,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self { image: OwnedImage { width, height, channels: 3, pixels: vec![255; width * height * 3] } }
    }

    fn pixel(&mut self, x: usize, y: usize) -> Option<&mut Color> {
        let OwnedImage { width, pixels, .. } = &mut self.image;
        let (pixels, _) = pixels.as_chunks_mut();
        if x < *width { pixels.get_mut(y * *width + x) } else { None }
    }

    pub(super) fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, color: Color) {
        for row in y..y + height {
            for column in x..x + width {
                if let Some(pixel) = self.pixel(column, row) {
                    *pixel = color;
                }
            }
        }
    }

    /// Writes a text with its upper left corner at a place. A character that the font does not have
    /// is a question mark.
    pub(super) fn write(&mut self, x: usize, y: usize, text: impl Iterator<Item = char>, color: Color) {
        for (index, character) in text.enumerate() {
            let glyph = BASIC_FONTS.get(character).or_else(|| LATIN_FONTS.get(character));
            let glyph = glyph.or_else(|| BASIC_FONTS.get('?')).unwrap_or_default();
            for (row, bits) in glyph.iter().enumerate() {
                for column in (0..CHARACTER).filter(|column| bits >> column & 1 == 1) {
                    if let Some(pixel) = self.pixel(x + index * CHARACTER + column, y + row) {
                        *pixel = color;
                    }
                }
            }
        }
    }

    /// Draws straight lines from point to point with smooth edges, `width` pixels wide. The center
    /// of the first pixel is at (0.5, 0.5).
    pub(super) fn line(&mut self, points: impl IntoIterator<Item = [f64; 2]>, width: f64, color: Color) {
        let OwnedImage { width: columns, height: rows, .. } = self.image;
        // Of the whole line, so that it is not darker where its parts overlap.
        let mut covered = vec![0.0_f64; columns * rows];
        let reach = f64::midpoint(width, 1.0);
        let mut last: Option<[f64; 2]> = None;
        for to in points {
            let from = last.replace(to).unwrap_or(to);
            let span = |axis: fn([f64; 2]) -> f64, size: usize| {
                let (low, high) = (axis(from).min(axis(to)) - reach, axis(from).max(axis(to)) + reach);
                (low.max(0.0) as usize)..(high.max(0.0).ceil() as usize).min(size)
            };
            for y in span(|[_, y]| y, rows) {
                for x in span(|[x, _]| x, columns) {
                    let far = distance([x as f64 + 0.5, y as f64 + 0.5], from, to);
                    if let Some(known) = covered.get_mut(y * columns + x) {
                        *known = known.max((reach - far).clamp(0.0, 1.0));
                    }
                }
            }
        }
        let (pixels, _) = self.image.pixels.as_chunks_mut::<3>();
        for (pixel, share) in pixels.iter_mut().zip(covered).filter(|(_, share)| *share > 0.0) {
            for (old, new) in pixel.iter_mut().zip(color) {
                *old = (f64::from(*old) + (f64::from(new) - f64::from(*old)) * share).round() as u8;
            }
        }
    }
}

/// The distance of a point from a line between two others.
fn distance([x, y]: [f64; 2], [ax, ay]: [f64; 2], [bx, by]: [f64; 2]) -> f64 {
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let share = if length > 0.0 { (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (x - ax - share * dx).hypot(y - ay - share * dy)
}

/// The characters of a label, cut if there are too many.
pub(super) fn shortened(label: &str) -> Vec<char> {
    let mut label: Vec<char> = label.chars().collect();
    if label.len() > LONGEST_LABEL {
        label.truncate(LONGEST_LABEL - 1);
        label.push('~');
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_width_and_is_not_darker_where_it_turns() {
        let mut canvas = Canvas::new(9, 5);
        canvas.line([[2.0, 2.5], [5.0, 2.5], [3.0, 2.5]], 1.0, [0; 3]);
        let row = |y: usize| -> Vec<u8> { canvas.image.pixels[y * 27..(y + 1) * 27].chunks(3).map(|p| p[0]).collect() };
        // A pixel of which half is beyond the end is half covered.
        assert_eq!(row(2), [255, 128, 0, 0, 0, 128, 255, 255, 255]);
        assert_eq!((row(1), row(3)), (vec![255; 9], vec![255; 9]));
    }

    #[test]
    fn what_is_outside_is_left_out() {
        let mut canvas = Canvas::new(4, 4);
        canvas.fill(3, 3, 10, 10, [1, 2, 3]);
        canvas.write(2, 2, "a text".chars(), [0; 3]);
        canvas.line([[-10.0, -10.0], [20.0, 30.0]], 3.0, [0; 3]);
        assert_eq!(canvas.image.pixels.len(), 4 * 4 * 3);
    }
}
