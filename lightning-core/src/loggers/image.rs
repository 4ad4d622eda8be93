//! Images that are logged.

use burn::tensor::Tensor;

use super::floats;
use crate::error::{Error, Result};

/// An image that is logged, with borrowed pixels: 8 bits per channel, row by row from the top left,
/// the channels of a pixel next to each other.
///
/// [`OwnedImage`] is the same with pixels of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageView<'a> {
    /// Pixels in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// 1 (gray), 3 (red, green, blue) or 4 (with transparency).
    pub channels: usize,
    /// `width * height * channels` bytes.
    pub pixels: &'a [u8],
}

impl<'a> ImageView<'a> {
    /// Creates an image over borrowed pixels.
    ///
    /// # Errors
    /// If the number of channels is not 1, 3 or 4, or the number of bytes is not
    /// `width * height * channels`.
    pub fn new(width: usize, height: usize, channels: usize, pixels: &'a [u8]) -> Result<Self> {
        if !matches!(channels, 1 | 3 | 4) {
            let text = format!("an image must be gray, RGB or RGBA, found {channels} channels");
            return Err(Error::data(text).help("pass 1, 3 or 4 channels"));
        }
        let area = width.checked_mul(height);
        if area.and_then(|area| area.checked_mul(channels)) != Some(pixels.len()) {
            return Err(Error::data(format!(
                "an image of {width} x {height} pixels with {channels} channels must have one byte per \
                 value, found {} bytes",
                pixels.len()
            ))
            .help("pass `width * height * channels` bytes"));
        }
        Ok(Self { width, height, channels, pixels })
    }
}

/// An [`ImageView`] with pixels of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedImage {
    /// Pixels in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// 1 (gray), 3 (red, green, blue) or 4 (with transparency).
    pub channels: usize,
    /// `width * height * channels` bytes.
    pub pixels: Vec<u8>,
}

impl OwnedImage {
    /// Borrows the image.
    pub fn borrow(&self) -> ImageView<'_> {
        let Self { width, height, channels, pixels } = self;
        ImageView { width: *width, height: *height, channels: *channels, pixels }
    }
}

impl From<&ImageView<'_>> for OwnedImage {
    fn from(image: &ImageView<'_>) -> Self {
        let ImageView { width, height, channels, pixels } = *image;
        Self { width, height, channels, pixels: pixels.to_vec() }
    }
}

/// The trait of values that `log_image` accepts.
#[diagnostic::on_unimplemented(
    message = "an image is required, found `{Self}`",
    label = "expected an image",
    note = "pass a float tensor [channels, height, width] or [height, width] with values from 0 \
            to 1, or an `ImageView`; `grid(batch, columns)` combines [batch, channels, height, \
            width]"
)]
pub trait ToImage {
    /// Converts the value to an image.
    ///
    /// # Errors
    /// If the shape is not that of an image, or the device fails.
    fn to_image(&self) -> Result<OwnedImage>;
}

impl ToImage for ImageView<'_> {
    fn to_image(&self) -> Result<OwnedImage> {
        Ok(self.into())
    }
}

impl ToImage for OwnedImage {
    fn to_image(&self) -> Result<OwnedImage> {
        Ok(self.clone())
    }
}

impl ToImage for Tensor<2> {
    fn to_image(&self) -> Result<OwnedImage> {
        let [height, width] = self.dims();
        self.clone().reshape([1, height, width]).to_image()
    }
}

impl ToImage for Tensor<3> {
    fn to_image(&self) -> Result<OwnedImage> {
        let [channels, height, width] = self.dims();
        let pixels = self.clone().without_autodiff().swap_dims(0, 1).swap_dims(1, 2);
        // Rounded to the nearest of 256 levels. A NaN becomes black.
        let level = |value: f64| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        let pixels = floats(pixels)?.into_iter().map(level).collect();
        let image = OwnedImage { width, height, channels, pixels };
        ImageView::new(width, height, channels, &image.pixels)?;
        Ok(image)
    }
}

impl<T: ToImage + ?Sized> ToImage for &T {
    fn to_image(&self) -> Result<OwnedImage> {
        T::to_image(self)
    }
}

/// Arranges a batch of images `[batch, channels, height, width]` as one image with `columns` images
/// per row, separated and surrounded by two black pixels, as torchvision's `make_grid` does.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::loggers::grid;
///
/// let images = Tensor::<4>::ones([5, 1, 28, 28], &Device::default());
/// assert_eq!(grid(images, 3).dims(), [1, 2 * 30 + 2, 3 * 30 + 2]);
/// ```
pub fn grid(images: Tensor<4>, columns: usize) -> Tensor<3> {
    const BORDER: usize = 2;
    let images = images.without_autodiff();
    let [count, channels, height, width] = images.dims();
    let columns = columns.clamp(1, count.max(1));
    let rows = count.div_ceil(columns);
    let (row_height, column_width) = (height + BORDER, width + BORDER);
    let shape = [channels, rows * row_height + BORDER, columns * column_width + BORDER];
    let mut grid = Tensor::<3>::zeros(shape, (&images.device(), images.dtype()));
    for index in 0..count {
        let image = images.clone().narrow(0, index, 1).reshape([channels, height, width]);
        let (row, column) = (index / columns, index % columns);
        let (top, left) = (row * row_height + BORDER, column * column_width + BORDER);
        grid = grid.slice_assign([0..channels, top..top + height, left..left + width], image);
    }
    grid
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn an_image_must_have_the_bytes_its_dimensions_say() {
        assert!(ImageView::new(2, 2, 3, &[0; 12]).is_ok());
        let error = ImageView::new(2, 2, 3, &[0; 11]).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("2 x 2") && text.contains("11 bytes")));
        assert!(ImageView::new(2, 2, 2, &[0; 8]).is_err());
        assert!(ImageView::new(usize::MAX, 2, 4, &[]).is_err());
    }

    #[test]
    fn a_tensor_becomes_pixels_side_by_side() -> Result<()> {
        let device = Device::default();
        let red_then_blue = Tensor::<3>::from_data([[[1.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.5]]], &device);
        let image = red_then_blue.to_image()?;
        assert_eq!((image.width, image.height, image.channels), (2, 1, 3));
        assert_eq!(image.pixels, [255, 0, 0, 0, 0, 128]);
        let gray = Tensor::<2>::from_data([[-1.0, f32::NAN], [2.0, 1.0]], &device);
        assert_eq!(gray.to_image()?.pixels, [0, 0, 255, 255]);
        let five = Tensor::<3>::zeros([5, 2, 2], &device).to_image();
        assert!(five.is_err_and(|error| error.to_string().contains("5 channels")));
        Ok(())
    }

    #[test]
    fn a_grid_has_the_images_in_rows() -> Result<()> {
        let device = Device::default();
        let images = Tensor::<4>::from_data([[[[0.2]]], [[[0.4]]], [[[0.6]]]], &device);
        let rows = grid(images, 2).into_data();
        // Two rows and columns of one pixel, with a border of two around each.
        let pixels: Vec<f32> = rows.iter::<f32>().collect();
        assert_eq!(rows.shape().as_slice(), [1, 8, 8]);
        let bright: Vec<(usize, f32)> = pixels.into_iter().enumerate().filter(|(_, value)| *value > 0.0).collect();
        assert_eq!(bright, [(2 * 8 + 2, 0.2), (2 * 8 + 5, 0.4), (5 * 8 + 2, 0.6)]);
        Ok(())
    }
}
