//! What is done to images before a model sees them: cropping, flipping, normalising.
//!
//! The random ones take the [`Rng`] of their item, so that the same item of the same epoch looks
//! the same whoever prepares it.

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

impl<T: Pixel> Image<T> {
    /// The part of `size` whose upper left pixel is `(top, left)` once `padding` pixels of 0 are
    /// put around the image.
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
    /// When the part has no pixel or reaches beyond the padded image.
    pub fn crop(&self, size: impl Into<Size>, padding: usize, (top, left): (usize, usize)) -> Result<Self> {
        let size = size.into();
        let Size { height, width } = self.room(size, padding)?;
        if top > height || left > width {
            let text = format!("a crop at row {top}, column {left}, of an image that has room up to {height}, {width}");
            return Err(Error::data(text).help("start the crop where all of it lies in the padded image"));
        }
        Ok(self.window(size, padding, top, left))
    }

    /// A part of `size`, anywhere with equal chance, of the image with `padding` pixels of 0 around
    /// it.
    ///
    /// This is `torchvision.transforms.RandomCrop(size, padding)`: AlexNet's translations, and with
    /// a padding of 4 the augmentation of Lee et al., "Deeply-Supervised Nets", 2015, that is usual
    /// for small images.
    ///
    /// # Errors
    /// When the part has no pixel or is larger than the padded image.
    pub fn random_crop(&self, size: impl Into<Size>, padding: usize, rng: &mut Rng) -> Result<Self> {
        let size = size.into();
        let Size { height, width } = self.room(size, padding)?;
        let (top, left) = (rng.random_range(0..height + 1), rng.random_range(0..width + 1));
        Ok(self.window(size, padding, top, left))
    }

    /// The image with left and right exchanged.
    #[must_use]
    pub fn flip_horizontal(mut self) -> Self {
        let (_, values) = self.planes();
        let row = self.width * values;
        for row in self.pixels.chunks_exact_mut(row) {
            match values {
                1 => row.reverse(),
                // A constant number of values a pixel makes the exchange a few moves instead of a
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

    /// With probability `p` the image with left and right exchanged, else the image as it is.
    #[must_use]
    pub fn random_horizontal_flip(self, p: f64, rng: &mut Rng) -> Self {
        if rng.random_bool(p) { self.flip_horizontal() } else { self }
    }

    /// The last place from the top and from the left at which a part of `size` may start.
    fn room(&self, size: Size, padding: usize) -> Result<Size> {
        let last = |whole: usize, part: usize| {
            let padded = padding.checked_mul(2)?.checked_add(whole)?;
            padded.checked_sub(part).filter(|_| part > 0)
        };
        match (last(self.height, size.height), last(self.width, size.width)) {
            (Some(height), Some(width)) => Ok(Size { height, width }),
            _ => {
                let (Size { height, width }, Self { height: rows, width: columns, .. }) = (size, self);
                let text = format!("a crop of {height}x{width} of an image of {rows}x{columns} with padding {padding}");
                Err(Error::data(text).help("crop at least one pixel, and at most the image and twice its padding"))
            }
        }
    }

    /// The part, which lies in the padded image.
    fn window(&self, size: Size, padding: usize, top: usize, left: usize) -> Self {
        let (planes, values) = self.planes();
        // Along either axis: how many pixels of padding come first, then which of the image.
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

    /// `scale * value + offset` of each value, with the two of its channel.
    fn affine(&self, scale_and_offset: &[(f32, f32)], value: impl Fn(T) -> f32) -> Image<f32> {
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

    /// `(value − mean) / std` as scale and offset of each channel, for values that are `unit` where
    /// the mean is 1.
    fn scale_and_offset(&self, mean: &[f32], std: &[f32], unit: f32) -> Result<Vec<(f32, f32)>> {
        let channels = self.channels;
        if mean.len() != channels || std.len() != channels {
            let (means, stds) = (mean.len(), std.len());
            let text = format!("{means} means and {stds} standard deviations for an image of {channels} channels");
            return Err(Error::data(text).help("give one mean and one standard deviation a channel"));
        }
        if let Some(std) = std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            let error = Error::data(format!("{std} is no standard deviation to divide by"));
            return Err(error.help("give positive ones; leave out a channel that never changes"));
        }
        Ok(mean.iter().zip(std).map(|(mean, std)| (1.0 / (std * unit), -mean / std)).collect())
    }
}

impl Image<u8> {
    /// `(value / 255 − mean) / std` for each channel: what `torchvision`'s `ToTensor` and
    /// `Normalize(mean, std)` make of it together.
    ///
    /// # Errors
    /// When there is not one mean and one positive standard deviation for each channel.
    pub fn normalize(&self, mean: &[f32], std: &[f32]) -> Result<Image<f32>> {
        let channels = self.scale_and_offset(mean, std, 255.0)?;
        Ok(self.affine(&channels, f32::from))
    }
}

impl Image<f32> {
    /// `(value − mean) / std` for each channel, as `torchvision.transforms.Normalize(mean, std)`.
    ///
    /// # Errors
    /// When there is not one mean and one positive standard deviation for each channel.
    pub fn normalize(&self, mean: &[f32], std: &[f32]) -> Result<Self> {
        let channels = self.scale_and_offset(mean, std, 1.0)?;
        Ok(self.affine(&channels, |value| value))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn numbered(height: usize, width: usize, channels: usize, layout: Layout) -> Image {
        let pixels = (1..=(height * width * channels) as u8).collect();
        Image::new(pixels, [height, width, channels], layout).unwrap()
    }

    /// The definition: what stands at `(row, column)` of the padded image.
    fn padded(image: &Image, padding: usize, row: usize, column: usize, channel: usize) -> u8 {
        let [height, width, channels] = image.shape();
        let (Some(row), Some(column)) = (row.checked_sub(padding), column.checked_sub(padding)) else { return 0 };
        if row >= height || column >= width {
            return 0;
        }
        match image.layout() {
            Layout::Hwc => image.pixels()[(row * width + column) * channels + channel],
            Layout::Chw => image.pixels()[(channel * height + row) * width + column],
        }
    }

    #[test]
    fn every_crop_of_a_small_image() {
        for (layout, channels) in [(Layout::Hwc, 1), (Layout::Hwc, 3), (Layout::Chw, 3), (Layout::Hwc, 2)] {
            let image = numbered(3, 4, channels, layout);
            for (padding, height, width) in [(0, 3, 4), (0, 1, 2), (2, 3, 4), (2, 7, 8), (5, 2, 3)] {
                for top in 0..=3 + 2 * padding - height {
                    for left in 0..=4 + 2 * padding - width {
                        let part = image.crop((height, width), padding, (top, left)).unwrap();
                        assert_eq!((part.shape(), part.layout()), ([height, width, channels], layout));
                        for row in 0..height {
                            for column in 0..width {
                                for channel in 0..channels {
                                    assert_eq!(
                                        padded(&part, 0, row, column, channel),
                                        padded(&image, padding, top + row, left + column, channel),
                                        "{layout:?} padding {padding}, {height}x{width} at {top}, {left}"
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn random_crops_fall_everywhere_alike() {
        let image = numbered(4, 4, 1, Layout::Hwc);
        let mut rng = Rng::new(3);
        let mut seen = HashMap::new();
        for _ in 0..18_000 {
            *seen.entry(image.random_crop(4, 1, &mut rng).unwrap().into_pixels()).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 9);
        assert!(seen.values().all(|count| (1_800..2_200).contains(count)), "{seen:?}");
    }

    #[test]
    fn flips() {
        let flipped = |channels, layout| numbered(2, 3, channels, layout).flip_horizontal().into_pixels();
        assert_eq!(flipped(1, Layout::Hwc), [3, 2, 1, 6, 5, 4]);
        assert_eq!(flipped(2, Layout::Hwc), [5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8]);
        assert_eq!(flipped(2, Layout::Chw), [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10]);
        assert_eq!(flipped(3, Layout::Hwc)[..9], [7, 8, 9, 4, 5, 6, 1, 2, 3]);
        assert_eq!(flipped(4, Layout::Hwc)[..12], [9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4]);
        let image = numbered(2, 3, 1, Layout::Hwc);
        let mut rng = Rng::new(5);
        let count = (0..10_000).filter(|_| image.clone().random_horizontal_flip(0.3, &mut rng) != image).count();
        assert!((2_800..3_200).contains(&count), "{count}");
        assert_eq!(image.clone().random_horizontal_flip(0.0, &mut rng), image);
    }

    #[test]
    fn values_are_normalised_by_channel() {
        let (mean, std) = ([0.2, 0.4, 0.0], [0.1, 0.2, 1.0]);
        let pixels = vec![51_u8, 102, 0, 255, 0, 255];
        let expected = [0.0, 0.0, 0.0, 8.0, -2.0, 1.0];
        let close = |image: Image<f32>, expected: &[f32]| {
            assert!(image.pixels().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{:?}", image.pixels());
        };
        let image = Image::new(pixels, [1, 2, 3], Layout::Hwc).unwrap();
        close(image.normalize(&mean, &std).unwrap(), &expected);
        close(image.to_f32().normalize(&mean, &std).unwrap(), &expected);
        let planes = image.into_layout(Layout::Chw).normalize(&mean, &std).unwrap();
        close(planes, &[0.0, 8.0, 0.0, -2.0, 0.0, 1.0]);
        close(Image::grey(vec![51_u8, 255], 2, 1).unwrap().normalize(&[0.2], &[0.1]).unwrap(), &[0.0, 8.0]);
        let two = Image::new(vec![51_u8, 102], [1, 1, 2], Layout::Hwc).unwrap();
        close(two.normalize(&[0.0, 0.4], &[1.0, 0.1]).unwrap(), &[0.2, 0.0]);
    }

    #[test]
    fn what_cannot_be_done() {
        let image = numbered(3, 4, 3, Layout::Hwc);
        let mut rng = Rng::new(0);
        let message = |error: Result<Image>| error.unwrap_err().message().to_owned();
        assert_eq!(message(image.random_crop(6, 1, &mut rng)), "a crop of 6x6 of an image of 3x4 with padding 1");
        assert_eq!(message(image.random_crop(0, 1, &mut rng)), "a crop of 0x0 of an image of 3x4 with padding 1");
        assert!(image.random_crop(1, usize::MAX, &mut rng).is_err());
        assert_eq!(
            message(image.crop(3, 0, (1, 0))),
            "a crop at row 1, column 0, of an image that has room up to 0, 1"
        );
        let error = image.normalize(&[0.5], &[0.5]).unwrap_err();
        assert_eq!(error.message(), "1 means and 1 standard deviations for an image of 3 channels");
        assert_eq!(
            image.normalize(&[0.5; 3], &[1.0, 0.0, 1.0]).unwrap_err().message(),
            "0 is no standard deviation to divide by"
        );
    }
}
