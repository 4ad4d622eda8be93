//! Several random changes of an image, and the same of its mask.

use super::{Affine, ColorJitter, Image, Interpolation, Pixel, RandomAffine, RandomErasing, Size, color::ColorChange};
use crate::{
    error::{Error, Result},
    random::Rng,
};

/// Random changes that are made one after the other, to an image alone or to an image and its mask.
///
/// A mask, such as the classes of the pixels, is changed in place and size as its image is, always
/// with [`Interpolation::Nearest`]; its values stay, so that colors and erasing do not change it.
///
/// ```
/// use lightning_core::{
///     Rng,
///     data::{Augment, ColorJitter, Image, Layout, RandomAffine},
/// };
///
/// let augment = Augment::new()
///     .horizontal_flip(0.5)
///     .affine(RandomAffine { degrees: -10.0..=10.0, ..RandomAffine::default() })
///     .random_crop(24, 2)
///     .color_jitter(ColorJitter { brightness: 0.2, ..ColorJitter::default() })
///     .mask_fill(255.0);
/// let image = Image::new(vec![100_u8; 32 * 32 * 3], [32, 32, 3], Layout::Hwc)?;
/// let mask = Image::grey(vec![1_u8; 32 * 32], 32, 32)?;
/// let (image, mask) = augment.apply_with_mask(image, mask, &mut Rng::new(1))?;
/// assert_eq!((image.shape(), mask.shape()), ([24, 24, 3], [24, 24, 1]));
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// In a loader: `.try_map(move |(image, mask), rng| augment.apply_with_mask(image, mask, rng))`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Augment {
    steps: Vec<Step>,
    interpolation: Interpolation,
    fill: f32,
    mask_fill: f32,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Crop { size: Size, padding: usize },
    FlipHorizontal(f64),
    FlipVertical(f64),
    Affine(RandomAffine),
    Color(ColorJitter),
    Erase(RandomErasing),
}

/// A step whose random numbers are drawn.
#[derive(Clone, Debug)]
enum Drawn {
    Nothing,
    Crop { size: Size, padding: usize, at: (usize, usize) },
    FlipHorizontal,
    FlipVertical,
    Affine(Affine),
    Color(Vec<ColorChange>),
    Erase((usize, usize), Size),
}

impl Augment {
    /// Changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds [`Image::random_crop`]. What is padded is 0 in a mask too.
    #[must_use]
    pub fn random_crop(self, size: impl Into<Size>, padding: usize) -> Self {
        self.step(Step::Crop { size: size.into(), padding })
    }

    /// Adds [`Image::random_horizontal_flip`].
    #[must_use]
    pub fn horizontal_flip(self, p: f64) -> Self {
        self.step(Step::FlipHorizontal(p))
    }

    /// Adds [`Image::random_vertical_flip`].
    #[must_use]
    pub fn vertical_flip(self, p: f64) -> Self {
        self.step(Step::FlipVertical(p))
    }

    /// Adds [`Image::random_rotation`].
    #[must_use]
    pub fn rotation(self, degrees: f64) -> Self {
        self.affine(RandomAffine { degrees: -degrees..=degrees, ..RandomAffine::default() })
    }

    /// Adds [`Image::random_affine`].
    #[must_use]
    pub fn affine(self, ranges: RandomAffine) -> Self {
        self.step(Step::Affine(ranges))
    }

    /// Adds [`Image::color_jitter`]. It does not change a mask.
    #[must_use]
    pub fn color_jitter(self, jitter: ColorJitter) -> Self {
        self.step(Step::Color(jitter))
    }

    /// Adds [`Image::random_erasing`], with the value of [`fill`](Self::fill). It does not change a
    /// mask.
    #[must_use]
    pub fn erasing(self, ranges: RandomErasing) -> Self {
        self.step(Step::Erase(ranges))
    }

    /// Sets how rotations and affine maps find the values of an image. Default:
    /// [`Interpolation::Nearest`]. Those of a mask are always the nearest.
    #[must_use]
    pub fn interpolation(self, interpolation: Interpolation) -> Self {
        Self { interpolation, ..self }
    }

    /// Sets the value of an image where rotations and affine maps find nothing, and where it is
    /// erased. Default: 0.
    #[must_use]
    pub fn fill(self, fill: f32) -> Self {
        Self { fill, ..self }
    }

    /// Sets the value of a mask where rotations and affine maps find nothing, such as the class
    /// that a loss ignores. Default: 0.
    #[must_use]
    pub fn mask_fill(self, mask_fill: f32) -> Self {
        Self { mask_fill, ..self }
    }

    /// Changes an image.
    ///
    /// # Errors
    /// Those of the steps.
    pub fn apply<T: Pixel>(&self, image: Image<T>, rng: &mut Rng) -> Result<Image<T>> {
        self.steps.iter().try_fold(image, |image, step| {
            let drawn = step.draw(image.height, image.width, rng)?;
            drawn.change(image, self.interpolation, T::rounded(self.fill))
        })
    }

    /// Changes an image and its mask alike.
    ///
    /// # Errors
    /// If the image and the mask differ in height or width; those of the steps.
    pub fn apply_with_mask<T: Pixel, U: Pixel>(
        &self,
        image: Image<T>,
        mask: Image<U>,
        rng: &mut Rng,
    ) -> Result<(Image<T>, Image<U>)> {
        if (image.height, image.width) != (mask.height, mask.width) {
            let text = format!("a mask must have the height and width of its image, found {mask:?} for {image:?}");
            return Err(Error::data(text).help("read both files without an orientation, or with it"));
        }
        self.steps.iter().try_fold((image, mask), |(image, mask), step| {
            let drawn = step.draw(image.height, image.width, rng)?;
            let mask = match &drawn {
                Drawn::Color(_) | Drawn::Erase(..) => mask,
                drawn => drawn.clone().change(mask, Interpolation::Nearest, U::rounded(self.mask_fill))?,
            };
            Ok((drawn.change(image, self.interpolation, T::rounded(self.fill))?, mask))
        })
    }
}

impl Step {
    fn draw(&self, height: usize, width: usize, rng: &mut Rng) -> Result<Drawn> {
        let if_drawn = |is_drawn, drawn| if is_drawn { drawn } else { Drawn::Nothing };
        Ok(match self {
            Self::Crop { size, padding } => {
                // The rooms of image and mask are the same.
                let room = super::augment::room((height, width), *size, *padding)?;
                let at = (rng.random_range(0..room.height + 1), rng.random_range(0..room.width + 1));
                Drawn::Crop { size: *size, padding: *padding, at }
            }
            Self::FlipHorizontal(p) => if_drawn(rng.random_bool(*p), Drawn::FlipHorizontal),
            Self::FlipVertical(p) => if_drawn(rng.random_bool(*p), Drawn::FlipVertical),
            Self::Affine(ranges) => Drawn::Affine(ranges.draw(height, width, rng)?),
            Self::Color(jitter) => Drawn::Color(jitter.draw(rng)?),
            Self::Erase(ranges) => {
                ranges.draw(height, width, rng)?.map_or(Drawn::Nothing, |(at, size)| Drawn::Erase(at, size))
            }
        })
    }
}

impl Drawn {
    fn change<T: Pixel>(self, image: Image<T>, interpolation: Interpolation, fill: T) -> Result<Image<T>> {
        Ok(match self {
            Self::Nothing => image,
            Self::Crop { size, padding, at } => image.crop(size, padding, at)?,
            Self::FlipHorizontal => image.flip_horizontal(),
            Self::FlipVertical => image.flip_vertical(),
            Self::Affine(map) => image.affine(map, interpolation, fill)?,
            Self::Color(changes) => changes.into_iter().try_fold(image, Image::color_change)?,
            Self::Erase(at, size) => image.erase(at, size, fill),
        })
    }
}

#[cfg(test)]
mod tests;
