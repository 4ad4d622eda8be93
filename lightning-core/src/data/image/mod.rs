//! An image on the host: its pixels and their order.

mod augment;

use std::fmt;

pub use self::augment::Size;
use crate::error::{Error, Result};

/// The order of the values of an image in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `[height, width, channels]`: the channels of a pixel are adjacent, as in image files.
    #[default]
    Hwc,
    /// `[channels, height, width]`: one plane for each channel, as convolutions expect.
    Chw,
}

/// The type of a value of an [`Image`]: `u8`, from 0 to 255, or `f32`.
pub trait Pixel: Copy + Default + Send + Sync + sealed::Sealed + 'static {}

impl Pixel for u8 {}
impl Pixel for f32 {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for f32 {}
}

/// An image of `height` rows, `width` columns and `channels` values per pixel.
///
/// [`random_crop`](Image::random_crop), [`random_horizontal_flip`](Image::random_horizontal_flip)
/// and [`normalize`](Image::normalize) make training data of it.
///
/// ```
/// use lightning_core::{
///     Rng,
///     data::{Image, Layout},
/// };
///
/// let image = Image::new(vec![10_u8, 20, 30, 40, 50, 60], [1, 2, 3], Layout::Hwc)?;
/// assert_eq!(image.clone().into_layout(Layout::Chw).pixels(), [10, 40, 20, 50, 30, 60]);
///
/// let mut rng = Rng::new(1);
/// let seen = image.random_crop(1, 2, &mut rng)?.random_horizontal_flip(0.5, &mut rng);
/// assert_eq!(seen.normalize(&[0.5; 3], &[0.25; 3])?.shape(), [1, 1, 3]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Image<T = u8> {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) layout: Layout,
    pub(super) pixels: Vec<T>,
}

impl<T: Pixel> Image<T> {
    /// Creates an image of `shape`, which is `[height, width, channels]` for either layout.
    ///
    /// # Errors
    /// If a size is 0, or if the length of `pixels` is not height x width x channels.
    pub fn new(pixels: Vec<T>, shape: [usize; 3], layout: Layout) -> Result<Self> {
        let [height, width, channels] = shape;
        let expected = height.checked_mul(width).and_then(|area| area.checked_mul(channels)).unwrap_or(usize::MAX);
        if expected == 0 || expected != pixels.len() {
            let found = pixels.len();
            let text = format!(
                "an image of {height}x{width} with {channels} channels must have one value per pixel and channel, found {found}"
            );
            return Err(Error::data(text).help("pass height x width x channels values, each of the three at least 1"));
        }
        Ok(Self { height, width, channels, layout, pixels })
    }

    /// Creates an image of one channel, for example of the bytes that [`idx`](super::idx) reads.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn grey(pixels: Vec<T>, height: usize, width: usize) -> Result<Self> {
        Self::new(pixels, [height, width, 1], Layout::Hwc)
    }

    /// Height, width and channels, for either layout.
    pub fn shape(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }

    /// The order of the values.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The values, in the order of the layout.
    pub fn pixels(&self) -> &[T] {
        &self.pixels
    }

    /// The values, in the order of the layout.
    pub fn into_pixels(self) -> Vec<T> {
        self.pixels
    }

    /// Reorders the values to `layout`.
    #[must_use]
    pub fn into_layout(self, layout: Layout) -> Self {
        let Self { height, width, channels, layout: from, pixels } = self;
        let area = height * width;
        let pixels = match (from, layout) {
            _ if channels == 1 => pixels,
            (Layout::Hwc, Layout::Chw) => transposed(&pixels, area, channels),
            (Layout::Chw, Layout::Hwc) => transposed(&pixels, channels, area),
            (Layout::Hwc, Layout::Hwc) | (Layout::Chw, Layout::Chw) => pixels,
        };
        Self { height, width, channels, layout, pixels }
    }

    /// The number of planes, and the number of values per pixel in each plane.
    pub(super) fn planes(&self) -> (usize, usize) {
        match self.layout {
            Layout::Hwc => (1, self.channels),
            Layout::Chw => (self.channels, 1),
        }
    }
}

impl Image<u8> {
    /// Divides each value by 255, to the range from 0 to 1.
    pub fn to_f32(&self) -> Image<f32> {
        let Self { height, width, channels, layout, ref pixels } = *self;
        let pixels = pixels.iter().map(|value| f32::from(*value) / 255.0).collect();
        Image { height, width, channels, layout, pixels }
    }
}

impl<T> fmt::Debug for Image<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, width, channels, layout, pixels: _ } = self;
        write!(f, "Image({height}x{width}, {channels} channels, {layout:?})")
    }
}

/// The transpose of a matrix of `rows` rows and `columns` columns.
fn transposed<T: Pixel>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    if columns == 3 {
        return planes_of_three(values);
    }
    let mut turned = Vec::with_capacity(rows * columns);
    for column in 0..columns {
        turned.extend(values.iter().skip(column).step_by(columns));
    }
    turned
}

/// The common case, in one pass: adjacent colors become three planes.
fn planes_of_three<T: Pixel>(values: &[T]) -> Vec<T> {
    let (pixels, _) = values.as_chunks::<3>();
    let mut planes = vec![T::default(); 3 * pixels.len()];
    let (reds, rest) = planes.split_at_mut(pixels.len());
    let (greens, blues) = rest.split_at_mut(pixels.len());
    for ((([r, g, b], red), green), blue) in pixels.iter().zip(reds).zip(greens).zip(blues) {
        (*red, *green, *blue) = (*r, *g, *b);
    }
    planes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn layouts_and_back() {
        let pixels: Vec<u8> = (0..24).collect();
        let image = Image::new(pixels.clone(), [2, 3, 4], Layout::Hwc).unwrap();
        let planes = image.clone().into_layout(Layout::Chw);
        assert_eq!(planes.pixels()[..6], [0, 4, 8, 12, 16, 20]);
        assert_eq!((planes.shape(), planes.layout()), ([2, 3, 4], Layout::Chw));
        assert_eq!(planes.clone().into_layout(Layout::Chw), planes);
        assert_eq!(planes.into_layout(Layout::Hwc), image);
        let colours = Image::new(pixels.clone(), [4, 2, 3], Layout::Hwc).unwrap();
        let planes = colours.clone().into_layout(Layout::Chw);
        assert_eq!((planes.pixels()[1], planes.pixels()[8], planes.pixels()[23]), (3, 1, 23));
        assert_eq!(planes.into_layout(Layout::Hwc), colours);
        let grey = Image::grey(pixels, 4, 6).unwrap();
        assert_eq!(grey.clone().into_layout(Layout::Chw).into_pixels(), grey.pixels());
        assert_eq!(format!("{grey:?}"), "Image(4x6, 1 channels, Hwc)");
    }

    #[test]
    fn whole_bytes_become_zero_to_one() {
        let image = Image::grey(vec![0_u8, 51, 255], 1, 3).unwrap();
        assert_eq!(image.to_f32().pixels(), [0.0, 0.2, 1.0]);
    }

    #[test]
    fn sizes_that_do_not_fit() {
        let error = Image::new(vec![0_u8; 5], [1, 2, 3], Layout::Hwc).unwrap_err();
        assert_eq!(
            error.message(),
            "an image of 1x2 with 3 channels must have one value per pixel and channel, found 5"
        );
        assert!(Image::grey(Vec::<f32>::new(), 0, 3).is_err());
        assert!(Image::new(vec![0_u8; 4], [usize::MAX, 2, 2], Layout::Hwc).is_err());
    }
}
