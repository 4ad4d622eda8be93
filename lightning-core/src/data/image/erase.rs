//! Erasing a part of an image.

use std::ops::RangeInclusive;

use super::{Image, Pixel, Size};
use crate::{
    error::{Error, Result},
    random::Rng,
};

/// How a random rectangle is erased, as `torchvision.transforms.RandomErasing` (Zhong et al.,
/// "Random Erasing Data Augmentation", 2017).
///
/// ```
/// use lightning_core::{
///     Rng,
///     data::{Image, RandomErasing},
/// };
///
/// let image = Image::grey(vec![7_u8; 400], 20, 20)?;
/// let seen = image.random_erasing(&RandomErasing { p: 1.0, ..RandomErasing::default() }, 0, &mut Rng::new(1))?;
/// assert!(seen.pixels().contains(&0));
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RandomErasing {
    /// The probability that a rectangle is erased. Default: 0.5.
    pub p: f64,
    /// The range of its area, as a fraction of the image. Default: `0.02..=0.33`.
    pub scale: RangeInclusive<f64>,
    /// The range of its height divided by its width. Default: `0.3..=3.3`.
    pub ratio: RangeInclusive<f64>,
}

impl Default for RandomErasing {
    fn default() -> Self {
        Self { p: 0.5, scale: 0.02..=0.33, ratio: 0.3..=3.3 }
    }
}

/// How many rectangles are drawn until one fits into the image.
const TRIES: usize = 10;

impl RandomErasing {
    /// Draws the upper left pixel and the size of a rectangle, or `None` if nothing is erased.
    pub(super) fn draw(&self, height: usize, width: usize, rng: &mut Rng) -> Result<Option<((usize, usize), Size)>> {
        let Self { p, scale, ratio } = self;
        let is_ordered = |range: &RangeInclusive<f64>| range.start() <= range.end() && range.end().is_finite();
        if !(is_ordered(scale) && is_ordered(ratio) && *scale.start() >= 0.0 && *ratio.start() > 0.0)
            || *scale.end() > 1.0
        {
            let text = format!(
                "`RandomErasing` must have areas from 0 to 1 and positive ratios, found {scale:?} and {ratio:?}"
            );
            return Err(Error::data(text).help("write the smaller number first, as in `0.02..=0.33`"));
        }
        if !rng.random_bool(*p) {
            return Ok(None);
        }
        let (least, most) = (ratio.start().ln(), ratio.end().ln());
        for _ in 0..TRIES {
            let area = (height * width) as f64 * (scale.start() + (scale.end() - scale.start()) * rng.uniform());
            let ratio = (least + (most - least) * rng.uniform()).exp();
            let size = Size {
                height: (area * ratio).sqrt().round_ties_even() as usize,
                width: (area / ratio).sqrt().round_ties_even() as usize,
            };
            if size.height < height && size.width < width {
                let top = rng.random_range(0..height - size.height + 1);
                let left = rng.random_range(0..width - size.width + 1);
                return Ok(Some(((top, left), size)));
            }
        }
        Ok(None)
    }
}

impl<T: Pixel> Image<T> {
    /// Sets the part of `size` whose upper left pixel is `(top, left)` to `value`. What reaches
    /// beyond the image is left out.
    ///
    /// ```
    /// use lightning_core::data::Image;
    ///
    /// let image = Image::grey(vec![1_u8, 2, 3, 4], 2, 2)?;
    /// assert_eq!(image.erase((0, 1), (2, 1), 0).pixels(), [1, 0, 3, 0]);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    #[must_use]
    pub fn erase(mut self, (top, left): (usize, usize), size: impl Into<Size>, value: T) -> Self {
        let size = size.into();
        let (_, values) = self.planes();
        let row = self.width * values;
        let columns = left.min(self.width) * values..left.saturating_add(size.width).min(self.width) * values;
        for plane in self.pixels.chunks_exact_mut(row * self.height) {
            for row in plane.chunks_exact_mut(row).skip(top).take(size.height) {
                row.get_mut(columns.clone()).unwrap_or_default().fill(value);
            }
        }
        self
    }

    /// Erases a random rectangle; see [`RandomErasing`].
    ///
    /// # Errors
    /// If a range of `ranges` is empty or out of bounds.
    pub fn random_erasing(self, ranges: &RandomErasing, value: T, rng: &mut Rng) -> Result<Self> {
        Ok(match ranges.draw(self.height, self.width, rng)? {
            Some((at, size)) => self.erase(at, size, value),
            None => self,
        })
    }
}

#[cfg(test)]
mod tests;
