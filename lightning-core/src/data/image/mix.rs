//! Mixtures of two images and of their targets.

use burn::tensor::Tensor;

use super::Image;
use crate::{
    error::{Error, Result},
    random::Rng,
};

/// Mixes two images value by value: `share * first + (1 - share) * second`, with a share of the
/// distribution `Beta(alpha, alpha)` (Zhang et al., "mixup: Beyond Empirical Risk Minimization",
/// 2018). Their targets are mixed with the same share.
///
/// [`batch`](Self::batch) mixes each image of a batch with the one before it, in the step;
/// [`pair`](Self::pair) mixes two images in a loader's `map`, with its random numbers:
///
/// ```
/// use burn::tensor::Tensor;
/// use lightning_core::data::{DataLoader, Dataset, Image, MixUp};
///
/// let image = |gray| Image::grey(vec![gray; 4], 2, 2);
/// let items = vec![(image(0.0_f32)?, 0), (image(0.5)?, 1), (image(1.0)?, 2)];
/// let (mix, others) = (MixUp::new(0.2)?, items.clone());
/// let loader: DataLoader<(Tensor<2>, Tensor<2>)> = DataLoader::builder(items)
///     .batch_size(3)
///     .try_map(move |(image, class): (Image<f32>, usize), rng| {
///         let (other, other_class) = Dataset::get(&others, rng.random_range(0..others.len()))?;
///         let (image, share) = mix.pair(&image, &other, rng)?;
///         let mut target = [0.0_f32; 3];
///         target[class] += share;
///         target[other_class] += 1.0 - share;
///         Ok((image.into_pixels(), target))
///     })
///     .build()?;
/// assert_eq!(loader.len(), Some(1));
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixUp {
    alpha: f64,
}

impl MixUp {
    /// Mixes with shares of `Beta(alpha, alpha)`: 1 is uniform, less prefers one of the images.
    ///
    /// # Errors
    /// If `alpha` is not positive and finite.
    pub fn new(alpha: f64) -> Result<Self> {
        Ok(Self { alpha: checked(alpha, "MixUp")? })
    }

    /// Mixes two images of one shape and layout. Returns the image and the share of `first`.
    ///
    /// # Errors
    /// If the images differ in shape or layout.
    pub fn pair(&self, first: &Image<f32>, second: &Image<f32>, rng: &mut Rng) -> Result<(Image<f32>, f32)> {
        let share = beta(self.alpha, rng) as f32;
        Ok((first.mixed(second, share)?, share))
    }

    /// Mixes each image of a batch with the one before it, the first with the last, all with one
    /// share, as `torchvision.transforms.v2.MixUp`.
    ///
    /// `images` is `[batch, channels, height, width]`; `targets` is `[batch, classes]`, such as
    /// one-hot vectors. The loss is one of probabilities.
    pub fn batch(&self, images: Tensor<4>, targets: Tensor<2>, rng: &mut Rng) -> (Tensor<4>, Tensor<2>) {
        let share = beta(self.alpha, rng);
        (mixed(images, share), mixed(targets, share))
    }
}

/// Replaces a rectangle of an image by that of another; the targets are mixed by their areas (Yun
/// et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
/// 2019). The area that stays has the distribution `Beta(alpha, alpha)`, but for what would reach
/// beyond the image.
///
/// Used as [`MixUp`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutMix {
    alpha: f64,
}

impl CutMix {
    /// Cuts with shares of `Beta(alpha, alpha)`: 1 is uniform.
    ///
    /// # Errors
    /// If `alpha` is not positive and finite.
    pub fn new(alpha: f64) -> Result<Self> {
        Ok(Self { alpha: checked(alpha, "CutMix")? })
    }

    /// Cuts a rectangle of `second` into `first`. Returns the image and the share of `first`.
    ///
    /// # Errors
    /// If the images differ in shape or layout.
    pub fn pair(&self, first: &Image<f32>, second: &Image<f32>, rng: &mut Rng) -> Result<(Image<f32>, f32)> {
        let part = Part::draw(self.alpha, first.height, first.width, rng);
        Ok((first.cut(second, &part)?, part.share_outside(first.height, first.width) as f32))
    }

    /// Cuts a rectangle of the image before it into each image of a batch, of the last into the
    /// first, all at one place, as `torchvision.transforms.v2.CutMix`.
    ///
    /// `images` is `[batch, channels, height, width]`; `targets` is `[batch, classes]`, such as
    /// one-hot vectors. The loss is one of probabilities.
    pub fn batch(&self, images: Tensor<4>, targets: Tensor<2>, rng: &mut Rng) -> (Tensor<4>, Tensor<2>) {
        let [_, _, height, width] = images.dims();
        if height == 0 || width == 0 {
            return (images, targets);
        }
        let part = Part::draw(self.alpha, height, width, rng);
        (cut(images, &part), mixed(targets, part.share_outside(height, width)))
    }
}

/// A rectangle: from the first row and column to those after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    top: usize,
    bottom: usize,
    left: usize,
    right: usize,
}

impl Part {
    fn draw(alpha: f64, height: usize, width: usize, rng: &mut Rng) -> Self {
        let share = beta(alpha, rng);
        let (row, column) = (rng.random_range(0..height), rng.random_range(0..width));
        Self::around(share, (row, column), height, width)
    }

    /// The rectangle about `(row, column)` that leaves `share` of the image, as far as it is inside.
    fn around(share: f64, (row, column): (usize, usize), height: usize, width: usize) -> Self {
        let half = 0.5 * (1.0 - share).sqrt();
        let (half_height, half_width) = ((half * height as f64) as usize, (half * width as f64) as usize);
        Self {
            top: row.saturating_sub(half_height),
            bottom: (row + half_height).min(height),
            left: column.saturating_sub(half_width),
            right: (column + half_width).min(width),
        }
    }

    fn share_outside(&self, height: usize, width: usize) -> f64 {
        let Self { top, bottom, left, right } = *self;
        1.0 - ((bottom - top) * (right - left)) as f64 / (height * width) as f64
    }
}

impl Image<f32> {
    fn check_like(&self, other: &Self) -> Result<()> {
        if (self.shape(), self.layout) == (other.shape(), other.layout) {
            return Ok(());
        }
        let text = format!("images that are mixed must have one shape and layout, found {self:?} and {other:?}");
        Err(Error::data(text).help("crop them to one size, and convert them with `into_layout`"))
    }

    fn mixed(&self, other: &Self, share: f32) -> Result<Self> {
        self.check_like(other)?;
        let mut image = self.clone();
        for (value, other) in image.pixels.iter_mut().zip(&other.pixels) {
            *value = share * *value + (1.0 - share) * other;
        }
        Ok(image)
    }

    fn cut(&self, other: &Self, part: &Part) -> Result<Self> {
        self.check_like(other)?;
        let (_, values) = self.planes();
        let row = self.width * values;
        let columns = part.left * values..part.right * values;
        let mut image = self.clone();
        let planes = image.pixels.chunks_exact_mut(row * self.height).zip(other.pixels.chunks_exact(row * self.height));
        for (plane, other) in planes {
            let rows = plane.chunks_exact_mut(row).zip(other.chunks_exact(row));
            for (row, other) in rows.skip(part.top).take(part.bottom - part.top) {
                if let Some((row, other)) = row.get_mut(columns.clone()).zip(other.get(columns.clone())) {
                    row.copy_from_slice(other);
                }
            }
        }
        Ok(image)
    }
}

/// `share * x + (1 - share) * before`, where `before` of the first is the last.
fn mixed<const D: usize>(x: Tensor<D>, share: f64) -> Tensor<D> {
    x.clone() * share + rolled(x) * (1.0 - share)
}

fn cut(images: Tensor<4>, part: &Part) -> Tensor<4> {
    let Part { top, bottom, left, right } = *part;
    if top == bottom || left == right {
        return images;
    }
    let [batch, channels, _, _] = images.dims();
    let place = [0..batch, 0..channels, top..bottom, left..right];
    let other = rolled(images.clone().slice(place.clone()));
    images.slice_assign(place, other)
}

/// The last item first.
fn rolled<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let count = x.dims().first().copied().unwrap_or(0);
    if count < 2 {
        return x;
    }
    Tensor::cat(vec![x.clone().narrow(0, count - 1, 1), x.narrow(0, 0, count - 1)], 0)
}

fn checked(alpha: f64, name: &str) -> Result<f64> {
    if alpha > 0.0 && alpha.is_finite() {
        return Ok(alpha);
    }
    let text = format!("`alpha` of `{name}` must be positive and finite, found {alpha}");
    Err(Error::data(text).help("1.0 draws every share alike; leave the mixture out for none"))
}

/// A number of the distribution `Beta(alpha, alpha)`.
fn beta(alpha: f64, rng: &mut Rng) -> f64 {
    let (a, b) = (gamma(alpha, rng), gamma(alpha, rng));
    if a + b > 0.0 {
        return a / (a + b);
    }
    // Both are below the smallest number, for an `alpha` below about 0.01.
    if rng.random_bool(0.5) { 1.0 } else { 0.0 }
}

/// A number of the distribution `Gamma(shape, 1)`.
///
/// Source: G. Marsaglia, W. W. Tsang, "A Simple Method for Generating Gamma Variables", ACM Trans.
/// Math. Softw. 26, 2000.
fn gamma(shape: f64, rng: &mut Rng) -> f64 {
    if shape < 1.0 {
        // Section 6: a gamma variable of the next shape and a power of a uniform one.
        return gamma(shape + 1.0, rng) * (1.0 - rng.uniform()).powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = rng.normal();
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - rng.uniform();
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests;
