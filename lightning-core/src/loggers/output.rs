//! What a step or hook shows to the loggers beside numbers: images, texts, distributions, drawings.

use burn::tensor::{Tensor, Transaction};

use super::{Figure, Histogram, Image, LogPosition, Logger};
use crate::{
    error::{Error, Result},
    tensor::readback,
};

/// Bins of a histogram of a tensor.
const BINS: usize = 64;

/// One thing shown, on its way to the loggers.
#[derive(Debug)]
pub(crate) struct Output {
    name: String,
    /// What could not be shown is an error of the step that wanted to.
    content: Result<Content>,
    /// Whether it belongs to the batch at hand, rather than to the epoch.
    pub(crate) in_batch: bool,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Image(OwnedImage),
    Histogram(Histogram),
    Figure(OwnedFigure),
}

impl Output {
    pub(crate) fn text(name: &str, text: &str, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: Ok(Content::Text(text.to_owned())), in_batch }
    }

    pub(crate) fn image(name: &str, image: &impl ToImage, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: image.to_image().map(Content::Image), in_batch }
    }

    pub(crate) fn histogram(name: &str, values: &impl ToHistogram, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: values.to_histogram().map(Content::Histogram), in_batch }
    }

    pub(crate) fn figure(name: &str, figure: Figure<'_>, in_batch: bool) -> Self {
        Self { name: name.to_owned(), content: Ok(Content::Figure(figure.into())), in_batch }
    }

    /// Gives it to every logger.
    ///
    /// # Errors
    /// When it is not what its name says, or the first error of a logger.
    pub(crate) fn show(self, loggers: &mut [Box<dyn Logger>], position: LogPosition) -> Result<()> {
        let Self { name, content, .. } = self;
        let content = content.map_err(|error| Error::data(format!("`{name}` cannot be shown")).caused_by(error))?;
        loggers.iter_mut().try_for_each(|logger| match &content {
            Content::Text(text) => logger.log_text(&name, text, position),
            Content::Image(image) => logger.log_image(&name, &image.borrow(), position),
            Content::Histogram(histogram) => logger.log_histogram(&name, histogram, position),
            Content::Figure(figure) => logger.log_figure(&name, figure.borrow(), position),
        })
    }
}

/// An [`Image`] with pixels of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedImage {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 is grey, 3 is red, green, blue, and 4 has transparency as well.
    pub channels: usize,
    /// `width * height * channels` bytes.
    pub pixels: Vec<u8>,
}

impl OwnedImage {
    /// The image, borrowed.
    pub fn borrow(&self) -> Image<'_> {
        let Self { width, height, channels, pixels } = self;
        Image { width: *width, height: *height, channels: *channels, pixels }
    }
}

impl From<&Image<'_>> for OwnedImage {
    fn from(image: &Image<'_>) -> Self {
        let Image { width, height, channels, pixels } = *image;
        Self { width, height, channels, pixels: pixels.to_vec() }
    }
}

/// A [`Figure`] with a text or bytes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnedFigure {
    /// The text of an SVG file.
    Svg(String),
    /// The bytes of a PNG file.
    Png(Vec<u8>),
    /// The text of an HTML page.
    Html(String),
}

impl OwnedFigure {
    /// The drawing, borrowed.
    pub fn borrow(&self) -> Figure<'_> {
        match self {
            Self::Svg(text) => Figure::Svg(text),
            Self::Png(bytes) => Figure::Png(bytes),
            Self::Html(text) => Figure::Html(text),
        }
    }
}

impl From<Figure<'_>> for OwnedFigure {
    fn from(figure: Figure<'_>) -> Self {
        match figure {
            Figure::Svg(text) => Self::Svg(text.to_owned()),
            Figure::Png(bytes) => Self::Png(bytes.to_vec()),
            Figure::Html(text) => Self::Html(text.to_owned()),
        }
    }
}

/// What `log_image` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no image",
    label = "expected an image",
    note = "give a float tensor of `[channels, height, width]` or `[height, width]` with values from 0 to 1, or an `Image`; `grid(batch, columns)` makes one image of `[batch, channels, height, width]`"
)]
pub trait ToImage {
    /// The image.
    ///
    /// # Errors
    /// When the shape is not that of an image, or the device fails.
    fn to_image(&self) -> Result<OwnedImage>;
}

impl ToImage for Image<'_> {
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
        let pixels = floats(pixels)?.into_iter().map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect();
        let image = OwnedImage { width, height, channels, pixels };
        Image::new(width, height, channels, &image.pixels)?;
        Ok(image)
    }
}

impl<T: ToImage + ?Sized> ToImage for &T {
    fn to_image(&self) -> Result<OwnedImage> {
        T::to_image(self)
    }
}

/// What `log_histogram` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no distribution",
    label = "expected values",
    note = "give a float tensor of any rank, a `Vec<f64>`, or a `Histogram`"
)]
pub trait ToHistogram {
    /// The histogram.
    ///
    /// # Errors
    /// When the device fails.
    fn to_histogram(&self) -> Result<Histogram>;
}

impl ToHistogram for Histogram {
    fn to_histogram(&self) -> Result<Histogram> {
        Ok(self.clone())
    }
}

impl<const D: usize> ToHistogram for Tensor<D> {
    fn to_histogram(&self) -> Result<Histogram> {
        Ok(Histogram::of(floats(self.clone().without_autodiff())?, BINS))
    }
}

impl ToHistogram for Vec<f64> {
    fn to_histogram(&self) -> Result<Histogram> {
        Ok(Histogram::of(self.iter().copied(), BINS))
    }
}

impl ToHistogram for [f64] {
    fn to_histogram(&self) -> Result<Histogram> {
        Ok(Histogram::of(self.iter().copied(), BINS))
    }
}

impl<T: ToHistogram + ?Sized> ToHistogram for &T {
    fn to_histogram(&self) -> Result<Histogram> {
        T::to_histogram(self)
    }
}

// sync: once for each image or histogram, which the user asked for.
fn floats<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f64>> {
    Ok(readback::execute(Transaction::default().register(tensor))?.iter().flat_map(|data| data.iter::<f64>()).collect())
}

/// Lays a batch of images `[batch, channels, height, width]` out as one, in rows of so many, with two black pixels between them: as
/// torchvision's `make_grid` does.
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
        let (top, left) = (index / columns * row_height + BORDER, index % columns * column_width + BORDER);
        grid = grid.slice_assign([0..channels, top..top + height, left..left + width], image);
    }
    grid
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_tensor_becomes_pixels_side_by_side() -> Result<()> {
        let device = Device::default();
        let red_then_blue = Tensor::<3>::from_data([[[1.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.5]]], &device);
        let image = red_then_blue.to_image()?;
        assert_eq!((image.width, image.height, image.channels), (2, 1, 3));
        assert_eq!(image.pixels, [255, 0, 0, 0, 0, 128]);
        let grey = Tensor::<2>::from_data([[-1.0, f32::NAN], [2.0, 1.0]], &device);
        assert_eq!(grey.to_image()?.pixels, [0, 0, 255, 255]);
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

    #[test]
    fn a_histogram_is_made_of_tensors_and_lists() -> Result<()> {
        let tensor = Tensor::<2>::from_data([[0.0, 1.0], [2.0, f32::INFINITY]], &Device::default());
        let histogram = tensor.to_histogram()?;
        assert_eq!((histogram.counts.iter().sum::<u64>(), histogram.non_finite), (3, 1));
        assert_eq!(vec![0.0, 1.0, 2.0, f64::INFINITY].to_histogram()?, histogram);
        Ok(())
    }
}
