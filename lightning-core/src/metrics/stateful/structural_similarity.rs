//! The structural similarity of images.

use burn::tensor::{
    Device, Tensor, TensorData,
    module::conv2d,
    ops::{ConvOptions, PadMode},
};
use serde_json::{Value, json};

use super::{accumulate::Sums, exact, input::ImagePair, peak_signal_noise_ratio::check_range};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricValue},
};

/// The size of the window.
const WINDOW: usize = 11;
/// How far the window reaches beyond its pixel: images are larger than that, for a reflection.
const REACH: usize = WINDOW / 2;
/// The standard deviation of the window's Gaussian, in pixels.
const SIGMA: f64 = 1.5;
const K1: f64 = 0.01;
const K2: f64 = 0.03;

/// The mean structural similarity (SSIM) of images, from −1 to 1, where 1 is equality.
///
/// Means, variances and covariance are those of a Gaussian window of 11 × 11 pixels with the standard
/// deviation 1.5 around each pixel, with the image reflected at its border (Wang, Bovik, Sheikh,
/// Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004). The
/// value is the mean over the pixels and channels of each image, and then over the images.
///
/// It takes an [`ImagePair`] of `[batch, channels, height, width]`, at least 6 × 6 pixels. Without
/// any images it is NaN. The number is that of torchmetrics' `StructuralSimilarityIndexMeasure` with
/// a `data_range`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{Metric, StructuralSimilarity};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut ssim = StructuralSimilarity::new(1.0);
/// let images = Tensor::<4>::full([2, 3, 16, 16], 0.5, &device);
/// ssim.update((&images, &images))?;
/// let value = ssim.compute()?.scalar().expect("one number");
/// assert!((value - 1.0).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "SSIM")]
#[derive(Clone, Debug)]
pub struct StructuralSimilarity {
    data_range: f64,
    /// The sum over the images.
    sums: Sums,
    images: u64,
}

impl StructuralSimilarity {
    /// Creates the metric for values that differ by at most `data_range`: 1 for images from 0 to 1,
    /// 255 for bytes.
    pub fn new(data_range: f64) -> Self {
        Self { data_range, sums: Sums::default(), images: 0 }
    }

    /// Returns the sum of the similarities of all images: `[1]`.
    fn similarity(&self, predictions: Tensor<4>, targets: Tensor<4>) -> Tensor<1> {
        let [batch, channels, height, width] = predictions.dims();
        let planes = batch * channels;
        let plane = |images: Tensor<4>| {
            images.reshape([planes, 1, height, width]).pad([(REACH, REACH), (REACH, REACH)], PadMode::Reflect)
        };
        let (x, y) = (plane(predictions), plane(targets));
        let products = [x.clone() * x.clone(), y.clone() * y.clone(), x.clone() * y.clone()];
        let all = [x, y].into_iter().chain(products).collect();
        let means = window_means(Tensor::cat(all, 0));
        let part = |index: usize| means.clone().narrow(0, index * planes, planes);
        let (mean_x, mean_y) = (part(0), part(1));
        let (square_x, square_y, both) = (mean_x.clone().square(), mean_y.clone().square(), mean_x * mean_y);
        // A variance is not negative, but the difference of rounded means may be.
        let variance_x = (part(2) - square_x.clone()).clamp_min(0.0);
        let variance_y = (part(3) - square_y.clone()).clamp_min(0.0);
        let covariance = part(4) - both.clone();
        let (c1, c2) = ((K1 * self.data_range).powi(2), (K2 * self.data_range).powi(2));
        let above = (both * 2.0 + c1) * (covariance * 2.0 + c2);
        let below = (square_x + square_y + c1) * (variance_x + variance_y + c2);
        (above / below).sum() * (1.0 / (channels * height * width) as f64)
    }
}

/// Returns the weighted means of all windows inside of the planes: `[planes, 1, height, width]`,
/// each 10 less than that of the planes.
fn window_means(planes: Tensor<4>) -> Tensor<4> {
    let middle = REACH as f64;
    let weights: Vec<f64> = (0..WINDOW).map(|place| (-((place as f64 - middle) / SIGMA).powi(2) / 2.0).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.into_iter().map(|weight| weight / sum).collect();
    let options = (&planes.device(), planes.dtype());
    let kernel = Tensor::<1>::from_data(TensorData::new(weights, [WINDOW]), options);
    // The Gaussian is the product of one along each axis: 22 multiplications a pixel, and not 121.
    let convolve = |images, shape: [usize; 4]| {
        conv2d(images, kernel.clone().reshape(shape), None, ConvOptions::new([1, 1], [0, 0], [1, 1], 1))
    };
    let columns = convolve(planes, [1, 1, WINDOW, 1]);
    convolve(columns, [1, 1, 1, WINDOW])
}

impl Metric for StructuralSimilarity {
    type Input = ImagePair;

    fn accumulate(&mut self, input: &ImagePair) -> Result<()> {
        check_range("StructuralSimilarity", self.data_range)?;
        let ImagePair { predictions, targets } = input.clone();
        let [images, channels, height, width] = predictions.dims();
        if images == 0 {
            return Ok(());
        }
        if height <= REACH || width <= REACH || channels == 0 {
            let text = format!(
                "images must have a channel and more than {REACH} x {REACH} pixels, \
                 found {channels} channels of {height} x {width}"
            );
            return Err(Error::new(ErrorKind::Metric, text)
                .help("pass larger images, or log `PeakSignalNoiseRatio`, which takes any size"));
        }
        self.images += images as u64;
        self.sums.add(self.similarity(predictions, targets))
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let sum = self.sums.values()?.first().copied().unwrap_or(0.0);
        Ok(MetricValue::Scalar(sum / self.images as f64))
    }

    fn reset(&mut self) {
        *self = Self::new(self.data_range);
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.images += other.images;
        self.sums.merge(&other.sums)
    }

    fn state(&mut self) -> Result<Value> {
        Ok(json!({ "sums": self.sums.state()?, "images": self.images }))
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        let images = state.get("images").and_then(Value::as_u64).ok_or_else(|| exact::foreign("images"))?;
        (self.sums, self.images) = (Sums::load(exact::numbers_of(state, "sums")?), images);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_images_are_an_error() {
        let device = Device::default();
        let mut metric = StructuralSimilarity::new(1.0);
        let images = |size: usize| Tensor::<4>::ones([1, 1, size, 6], &device);
        let error = metric.update((images(5), images(5))).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("more than 5 x 5 pixels, found 1 channels of 5 x 6")));
        assert!(metric.update((images(6), images(6))).is_ok());
        let error = StructuralSimilarity::new(0.0).update((images(6), images(6)));
        assert!(error.is_err_and(|error| error.to_string().contains("must be positive and finite, found 0")));
    }
}
