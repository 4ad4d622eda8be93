//! Square tables, such as confusion matrices, as pictures.

use super::{
    Matrix,
    canvas::{CHARACTER, Canvas, shortened},
};
use crate::{loggers::OwnedImage, text};

/// The space around texts.
const SPACE: usize = 4;
/// The largest number of rows whose cells have numbers and labels; more have small cells without.
const LARGEST_LABELED: usize = 40;
/// The side of a cell without a number.
const SMALL_CELL: usize = 8;

/// The colors of the smallest and the largest value.
const LOW: [f64; 3] = [247.0, 251.0, 255.0];
const HIGH: [f64; 3] = [8.0, 48.0, 107.0];

impl Matrix {
    /// Draws the table as a heat map: the larger a value, the darker its cell. Rows and columns
    /// have their labels, and cells their values, up to 40 labels.
    ///
    /// ```
    /// use lightning_core::metrics::Matrix;
    ///
    /// let labels = vec!["cat".to_owned(), "dog".to_owned()];
    /// let image = Matrix::new(labels, vec![3.0, 1.0, 0.0, 4.0])?.to_heat_map();
    /// assert_eq!(image.channels, 3);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn to_heat_map(&self) -> OwnedImage {
        let size = self.size();
        let is_labeled = size <= LARGEST_LABELED;
        let value_text =
            |value: f64| if value.fract() == 0.0 { format!("{value}") } else { text::format_metric(value) };
        let texts: Vec<String> = self.rows().flatten().map(|value| value_text(*value)).collect();
        let labels: Vec<Vec<char>> = self.labels().iter().map(|label| shortened(label)).collect();
        let widest =
            texts.iter().map(|text| text.chars().count()).chain(labels.iter().map(Vec::len)).max().unwrap_or(0);
        let (cell_width, cell_height, left, top) = if is_labeled {
            let margin = labels.iter().map(Vec::len).max().unwrap_or(0) * CHARACTER + 2 * SPACE;
            (widest * CHARACTER + 2 * SPACE, CHARACTER + 4 * SPACE, margin, CHARACTER + 2 * SPACE)
        } else {
            (SMALL_CELL, SMALL_CELL, 0, 0)
        };
        let mut canvas = Canvas::new(left + size * cell_width, top + size * cell_height);
        let finite = || self.rows().flatten().copied().filter(|value| value.is_finite());
        let (low, high) = (finite().fold(0.0, f64::min), finite().fold(0.0, f64::max));
        for (row, values) in self.rows().enumerate() {
            for (column, value) in values.iter().enumerate() {
                let share = if high > low { (value - low) / (high - low) } else { 0.0 };
                // NaN is drawn as the smallest value; its text says what it is.
                let share = if share.is_finite() { share } else { 0.0 };
                let (x, y) = (left + column * cell_width, top + row * cell_height);
                canvas.fill(x, y, cell_width - 1, cell_height - 1, color(share));
                if let Some(text) = texts.get(row * size + column).filter(|_| is_labeled) {
                    let indent = (cell_width - text.chars().count() * CHARACTER) / 2;
                    let ink = if share > 0.5 { [255; 3] } else { [0; 3] };
                    canvas.write(x + indent, y + 2 * SPACE, text.chars(), ink);
                }
            }
        }
        for (index, label) in labels.iter().enumerate().filter(|_| is_labeled) {
            let length = label.len() * CHARACTER;
            let label = || label.iter().copied();
            canvas.write(left - SPACE - length, top + index * cell_height + 2 * SPACE, label(), [0; 3]);
            canvas.write(left + index * cell_width + (cell_width - length) / 2, SPACE, label(), [0; 3]);
        }
        canvas.image
    }
}

/// The color of a value, by its share of the largest.
fn color(share: f64) -> [u8; 3] {
    let [red, green, blue] = LOW;
    let mix = |low: f64, high: f64| (low + (high - low) * share.clamp(0.0, 1.0)) as u8;
    [mix(red, HIGH[0]), mix(green, HIGH[1]), mix(blue, HIGH[2])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Result;

    #[test]
    fn large_values_are_dark_and_small_ones_light() -> Result<()> {
        let labels = vec!["a".to_owned(), "b".to_owned()];
        let image = Matrix::new(labels, vec![8.0, 0.0, f64::NAN, 4.0])?.to_heat_map();
        // A label of one character, and cells as wide as "NaN".
        let (margin, cell) = (8 + 2 * 4, 3 * 8 + 2 * 4);
        assert_eq!((image.width, image.height), (margin + 2 * cell, margin + 2 * 24));
        let corner = |row: usize, column: usize| {
            let at = ((margin + row * 24) * image.width + margin + column * cell) * 3;
            image.pixels[at..at + 3].to_vec()
        };
        assert_eq!(corner(0, 0), [8, 48, 107]);
        assert_eq!(corner(0, 1), [247, 251, 255]);
        assert_eq!(corner(1, 0), [247, 251, 255]);
        assert_eq!(corner(1, 1), [127, 149, 181]);
        Ok(())
    }

    #[test]
    fn tables_of_all_sizes_are_drawn() -> Result<()> {
        for size in [0, 1, 40, 41, 300] {
            let labels = (0..size).map(|index| format!("a label of {index} ü ✓")).collect();
            let image = Matrix::new(labels, vec![1.0; size * size])?.to_heat_map();
            assert_eq!(image.pixels.len(), image.width * image.height * 3, "{size}");
            assert!(image.width <= 40 * 136 + 136, "{size}");
        }
        Ok(())
    }
}
