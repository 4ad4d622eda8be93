//! Cropping, flipping and normalizing images.
//!
//! Random functions take the [`Rng`] of the item, so that an item of an epoch looks the same
//! whichever worker prepares it.

use super::{Image, Layout, Pixel};
use crate::{
    error::{Error, Result},
    random::Rng,
};

/// Height and width: one number for a square, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
}

impl From<usize> for Size {
    fn from(side: usize) -> Self {
        Self { height: side, width: side }
    }
}

impl From<(usize, usize)> for Size {
    fn from((height, width): (usize, usize)) -> Self {
        Self { height, width }
    }
}

/// The last row and column at which a part of `size` can start, in an image of `(rows,
/// columns)` with `padding` on each side.
pub(super) fn room((rows, columns): (usize, usize), size: Size, padding: usize) -> Result<Size> {
    let last = |whole: usize, part: usize| {
        let padded = padding.checked_mul(2)?.checked_add(whole)?;
        padded.checked_sub(part).filter(|_| part > 0)
    };
    match (last(rows, size.height), last(columns, size.width)) {
        (Some(height), Some(width)) => Ok(Size { height, width }),
        _ => {
            let Size { height, width } = size;
            let text = format!(
                "a crop must fit into the padded image, found {height}x{width} for {rows}x{columns} with padding {padding}"
            );
            Err(Error::data(text).help("write a size from 1 to the size of the image plus twice the padding"))
        }
    }
}

impl<T: Pixel> Image<T> {
    /// Crops the part of `size` whose upper left pixel is `(top, left)`, after `padding` pixels of
    /// 0 were added on each side.
    ///
    /// ```
    /// use lightning_core::data::Image;
    ///
    /// let image = Image::grey(vec![1_u8, 2, 3, 4], 2, 2)?;
    /// assert_eq!(image.crop(2, 1, (0, 1))?.pixels(), [0, 0, 1, 2]);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the part is empty or reaches beyond the padded image.
    pub fn crop(&self, size: impl Into<Size>, padding: usize, (top, left): (usize, usize)) -> Result<Self> {
        let size = size.into();
        let Size { height, width } = self.room(size, padding)?;
        if top > height || left > width {
            let text =
                format!("a crop must start at most at row {height}, column {width}, found row {top}, column {left}");
            return Err(Error::data(text).help("move the start so that the whole crop is inside the padded image"));
        }
        Ok(self.window(size, padding, top, left))
    }

    /// Crops a part of `size` at a uniformly random place, after `padding` pixels of 0 were added
    /// on each side.
    ///
    /// Corresponds to `torchvision.transforms.RandomCrop(size, padding)`. A padding of 4 is common
    /// for small images (Lee et al., "Deeply-Supervised Nets", 2015).
    ///
    /// # Errors
    /// If the part is empty or larger than the padded image.
    pub fn random_crop(&self, size: impl Into<Size>, padding: usize, rng: &mut Rng) -> Result<Self> {
        let size = size.into();
        let Size { height, width } = self.room(size, padding)?;
        let (top, left) = (rng.random_range(0..height + 1), rng.random_range(0..width + 1));
        Ok(self.window(size, padding, top, left))
    }

    /// Flips the image left to right.
    #[must_use]
    pub fn flip_horizontal(mut self) -> Self {
        let (_, values) = self.planes();
        let row = self.width * values;
        for row in self.pixels.chunks_exact_mut(row) {
            match values {
                1 => row.reverse(),
                // With a constant number of values per pixel, a swap is a few moves instead of a
                // loop.
                3 => row.as_chunks_mut::<3>().0.reverse(),
                4 => row.as_chunks_mut::<4>().0.reverse(),
                values => {
                    row.reverse();
                    row.chunks_exact_mut(values).for_each(<[T]>::reverse);
                }
            }
        }
        self
    }

    /// Flips the image left to right with probability `p`.
    #[must_use]
    pub fn random_horizontal_flip(self, p: f64, rng: &mut Rng) -> Self {
        if rng.random_bool(p) { self.flip_horizontal() } else { self }
    }

    fn room(&self, size: Size, padding: usize) -> Result<Size> {
        room((self.height, self.width), size, padding)
    }

    /// Copies a part that lies in the padded image.
    fn window(&self, size: Size, padding: usize, top: usize, left: usize) -> Self {
        let (planes, values) = self.planes();
        // Along one axis: the number of padding pixels that come first, then the range of image
        // pixels.
        let across = |start: usize, part: usize, whole: usize| {
            let before = padding.saturating_sub(start).min(part);
            let first = (start + before).saturating_sub(padding).min(whole);
            (before, first..(first + part - before).min(whole))
        };
        let (above, rows) = across(top, size.height, self.height);
        let (before, columns) = across(left, size.width, self.width);
        let (before, columns) = (before * values, columns.start * values..columns.end * values);
        let row_len = size.width * values;
        let after = row_len - before - columns.len();
        let below = size.height - above - rows.len();

        let mut pixels = Vec::with_capacity(planes * size.height * row_len);
        let pad = |pixels: &mut Vec<T>, len: usize| pixels.resize(pixels.len() + len, T::default());
        for plane in self.pixels.chunks_exact(self.height * self.width * values) {
            pad(&mut pixels, above * row_len);
            for row in plane.chunks_exact(self.width * values).skip(rows.start).take(rows.len()) {
                pad(&mut pixels, before);
                pixels.extend_from_slice(row.get(columns.clone()).unwrap_or_default());
                pad(&mut pixels, after);
            }
            pad(&mut pixels, below * row_len);
        }
        Self { height: size.height, width: size.width, channels: self.channels, layout: self.layout, pixels }
    }

    /// Computes `scale * value + offset`, with the scale and offset of the channel.
    fn scaled(&self, scale_and_offset: &[(f32, f32)], value: impl Fn(T) -> f32) -> Image<f32> {
        let Self { height, width, channels, layout, ref pixels } = *self;
        let mut seen = Vec::with_capacity(pixels.len());
        match (layout, scale_and_offset) {
            (Layout::Chw, channels) => {
                for (plane, (scale, offset)) in pixels.chunks_exact(height * width).zip(channels) {
                    seen.extend(plane.iter().map(|x| value(*x) * scale + offset));
                }
            }
            (Layout::Hwc, [(scale, offset)]) => seen.extend(pixels.iter().map(|x| value(*x) * scale + offset)),
            (Layout::Hwc, [r, g, b]) => {
                let of = |x: T, (scale, offset): (f32, f32)| value(x) * scale + offset;
                seen.resize(pixels.len(), 0.0);
                for ([x, y, z], seen) in pixels.as_chunks::<3>().0.iter().zip(seen.as_chunks_mut::<3>().0) {
                    *seen = [of(*x, *r), of(*y, *g), of(*z, *b)];
                }
            }
            (Layout::Hwc, channels) => {
                for pixel in pixels.chunks_exact(channels.len()) {
                    seen.extend(pixel.iter().zip(channels).map(|(x, (scale, offset))| value(*x) * scale + offset));
                }
            }
        }
        Image { height, width, channels, layout, pixels: seen }
    }

    /// `(value − mean) / std` as scale and offset of each channel. Values are first divided by
    /// `unit`: 255 for bytes.
    fn scale_and_offset(&self, mean: &[f32], std: &[f32], unit: f32) -> Result<Vec<(f32, f32)>> {
        let channels = self.channels;
        if mean.len() != channels || std.len() != channels {
            let (means, stds) = (mean.len(), std.len());
            let text = format!(
                "an image of {channels} channels needs as many means and standard deviations, found {means} and {stds}"
            );
            return Err(Error::data(text).help("pass one mean and one standard deviation for each channel"));
        }
        if let Some(std) = std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            let error = Error::data(format!("a standard deviation must be finite and positive, found {std}"));
            return Err(error.help("write 1.0 for a channel that is constant"));
        }
        Ok(mean.iter().zip(std).map(|(mean, std)| (1.0 / (std * unit), -mean / std)).collect())
    }
}

impl Image<u8> {
    /// Computes `(value / 255 − mean) / std` for each channel, as `torchvision`'s `ToTensor` and
    /// `Normalize(mean, std)`.
    ///
    /// # Errors
    /// If there is not exactly one mean and one positive standard deviation for each channel.
    pub fn normalize(&self, mean: &[f32], std: &[f32]) -> Result<Image<f32>> {
        let channels = self.scale_and_offset(mean, std, 255.0)?;
        Ok(self.scaled(&channels, f32::from))
    }
}

impl Image<f32> {
    /// Computes `(value − mean) / std` for each channel, as `torchvision.transforms.Normalize(mean,
    /// std)`.
    ///
    /// # Errors
    /// If there is not exactly one mean and one positive standard deviation for each channel.
    pub fn normalize(&self, mean: &[f32], std: &[f32]) -> Result<Self> {
        let channels = self.scale_and_offset(mean, std, 1.0)?;
        Ok(self.scaled(&channels, |value| value))
    }
}

#[cfg(test)]
mod tests;
