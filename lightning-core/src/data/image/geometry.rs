//! Flips, rotations and other affine maps.

use std::ops::RangeInclusive;

use super::{Image, Pixel};
use crate::{
    error::{Error, Result},
    random::Rng,
};

/// How the value between pixels is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The nearest pixel. It makes no new values, so that the classes of a mask stay classes.
    #[default]
    Nearest,
    /// The four nearest pixels, weighted by their distance.
    Bilinear,
}

/// A map of an image: rotation, shear and scale about its center, then a translation.
///
/// The fields are the arguments of `torchvision.transforms.functional.affine`. [`Affine::default`]
/// leaves an image as it is.
///
/// ```
/// use lightning_core::data::{Affine, Image, Interpolation};
///
/// let image = Image::grey(vec![1_u8, 2, 3, 4], 2, 2)?;
/// let right = Affine { translate: (1, 0), ..Affine::default() };
/// assert_eq!(image.affine(right, Interpolation::Nearest, 0)?.pixels(), [0, 1, 0, 3]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// The angle of the rotation in degrees, clockwise.
    pub degrees: f64,
    /// How far the image moves, in pixels: right and down.
    pub translate: (i64, i64),
    /// The factor by which the image grows; positive.
    pub scale: f64,
    /// The angles of the shear parallel to the x axis and the y axis, in degrees.
    pub shear: (f64, f64),
}

impl Default for Affine {
    fn default() -> Self {
        Self { degrees: 0.0, translate: (0, 0), scale: 1.0, shear: (0.0, 0.0) }
    }
}

impl Affine {
    /// The matrix that leads from a pixel of the result to its source, `[a, b, c, d, e, f]` of
    /// `x' = a x + b y + c` and `y' = d x + e y + f`, about the center of the image: the inverse of
    /// translation, rotation, shear and scale.
    fn inverse(self) -> [f64; 6] {
        let Self { degrees, translate: (right, down), scale, shear: (shear_x, shear_y) } = self;
        let ((sin, cos), (angle_sin, angle_cos)) = (sin_cos(degrees - shear_y), sin_cos(degrees));
        let (shear_x, shear_y) = (shear_x.to_radians().tan(), shear_y.to_radians().cos());
        let a = cos / shear_y;
        let b = -cos * shear_x / shear_y - angle_sin;
        let c = sin / shear_y;
        let d = -sin * shear_x / shear_y + angle_cos;
        let [a, b, c, d] = [d, -b, -c, a].map(|entry| entry / scale);
        let (right, down) = (right as f64, down as f64);
        [a, b, -a * right - b * down, c, d, -c * right - d * down]
    }

    fn check(self) -> Result<Self> {
        let Self { degrees, translate: _, scale, shear: (x, y) } = self;
        let is_regular = [degrees, x, y].iter().all(|angle| angle.is_finite()) && scale.is_finite() && scale > 0.0;
        // At 90 degrees the image is a line.
        if is_regular && [x, y].iter().all(|angle| angle.to_radians().cos().abs() > 1e-6) {
            return Ok(self);
        }
        let text = format!(
            "an affine map must have finite angles, a positive scale and shears between -90 and 90 degrees, found \
             {degrees} degrees, the scale {scale} and the shears {x} and {y}"
        );
        Err(Error::data(text).help("change the field of `Affine` or the range of `RandomAffine`"))
    }
}

/// Sine and cosine of an angle in degrees, exact for quarter turns: the cosine of the nearest number
/// to π/2 is not 0, and would decide between two pixels at equal distances.
fn sin_cos(degrees: f64) -> (f64, f64) {
    match degrees.rem_euclid(360.0) {
        0.0 => (0.0, 1.0),
        90.0 => (1.0, 0.0),
        180.0 => (0.0, -1.0),
        270.0 => (-1.0, 0.0),
        degrees => degrees.to_radians().sin_cos(),
    }
}

/// The ranges of a random [`Affine`], as `torchvision.transforms.RandomAffine`.
///
/// ```
/// use lightning_core::{
///     Rng,
///     data::{Image, Interpolation, RandomAffine},
/// };
///
/// let ranges = RandomAffine { degrees: -15.0..=15.0, translate: (0.1, 0.1), ..RandomAffine::default() };
/// let image = Image::grey(vec![7_u8; 100], 10, 10)?;
/// let seen = image.random_affine(&ranges, Interpolation::Bilinear, 0, &mut Rng::new(1))?;
/// assert_eq!(seen.shape(), [10, 10, 1]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RandomAffine {
    /// The range of the angle, in degrees. Default: `0.0..=0.0`.
    pub degrees: RangeInclusive<f64>,
    /// The largest translation, as fractions of width and height. Default: `(0.0, 0.0)`.
    pub translate: (f64, f64),
    /// The range of the factor. Default: `1.0..=1.0`.
    pub scale: RangeInclusive<f64>,
    /// The range of the shear parallel to the x axis, in degrees. Default: `0.0..=0.0`.
    pub shear_x: RangeInclusive<f64>,
    /// The range of the shear parallel to the y axis, in degrees. Default: `0.0..=0.0`.
    pub shear_y: RangeInclusive<f64>,
}

impl Default for RandomAffine {
    fn default() -> Self {
        Self { degrees: 0.0..=0.0, translate: (0.0, 0.0), scale: 1.0..=1.0, shear_x: 0.0..=0.0, shear_y: 0.0..=0.0 }
    }
}

impl RandomAffine {
    /// Draws a map for an image of `height` rows and `width` columns: each parameter uniformly.
    ///
    /// # Errors
    /// If a range is empty or not finite, if a factor is not positive, if a shear reaches 90
    /// degrees, or if a translation is not between 0 and 1.
    pub fn draw(&self, height: usize, width: usize, rng: &mut Rng) -> Result<Affine> {
        let Self { degrees, translate, scale, shear_x, shear_y } = self;
        for (name, range) in [("degrees", degrees), ("scale", scale), ("shear_x", shear_x), ("shear_y", shear_y)] {
            if !(range.start() <= range.end() && range.end() - range.start() < f64::INFINITY) {
                let text = format!("`{name}` of `RandomAffine` must be a finite range, found {range:?}");
                return Err(Error::data(text).help("write the smaller number first, as in `-10.0..=10.0`"));
            }
        }
        if ![translate.0, translate.1].iter().all(|part| (0.0..=1.0).contains(part)) {
            let text = format!("`translate` of `RandomAffine` must be fractions from 0 to 1, found {translate:?}");
            return Err(Error::data(text).help("write the largest translation, as in `(0.1, 0.1)`"));
        }
        let mut within = |range: &RangeInclusive<f64>| range.start() + (range.end() - range.start()) * rng.uniform();
        let mut pixels = |fraction: f64, size: usize| {
            let most = fraction * size as f64;
            within(&(-most..=most)).round() as i64
        };
        let translate = (pixels(translate.0, width), pixels(translate.1, height));
        let (degrees, scale) = (within(degrees), within(scale));
        Affine { degrees, translate, scale, shear: (within(shear_x), within(shear_y)) }.check()
    }
}

impl<T: Pixel> Image<T> {
    /// Flips the image upside down.
    #[must_use]
    pub fn flip_vertical(mut self) -> Self {
        let (_, values) = self.planes();
        let (row, height) = (self.width * values, self.height);
        for plane in self.pixels.chunks_exact_mut(row * height) {
            let (upper, lower) = plane.split_at_mut(height / 2 * row);
            for (upper, lower) in upper.chunks_exact_mut(row).zip(lower.rchunks_exact_mut(row)) {
                upper.swap_with_slice(lower);
            }
        }
        self
    }

    /// Flips the image upside down with probability `p`.
    #[must_use]
    pub fn random_vertical_flip(self, p: f64, rng: &mut Rng) -> Self {
        if rng.random_bool(p) { self.flip_vertical() } else { self }
    }

    /// Exchanges rows and columns.
    #[must_use]
    pub fn transpose(self) -> Self {
        let (planes, values) = self.planes();
        let Self { height, width, channels, layout, pixels } = self;
        let mut turned = Vec::with_capacity(pixels.len());
        for plane in 0..planes {
            for column in 0..width {
                for row in 0..height {
                    let start = ((plane * height + row) * width + column) * values;
                    turned.extend_from_slice(pixels.get(start..start + values).unwrap_or_default());
                }
            }
        }
        Self { height: width, width: height, channels, layout, pixels: turned }
    }

    /// Rotates the image about its center, counterclockwise. Its size stays; where nothing was,
    /// `fill` is.
    ///
    /// Corresponds to `torchvision.transforms.functional.rotate`, as [`affine`](Self::affine) to
    /// its namesake.
    ///
    /// ```
    /// use lightning_core::data::{Image, Interpolation};
    ///
    /// let image = Image::grey(vec![1_u8, 2, 3, 4], 2, 2)?;
    /// assert_eq!(image.rotate(90.0, Interpolation::Nearest, 0)?.pixels(), [2, 4, 1, 3]);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the angle is not finite.
    pub fn rotate(&self, degrees: f64, interpolation: Interpolation, fill: T) -> Result<Self> {
        self.affine(Affine { degrees: -degrees, ..Affine::default() }, interpolation, fill)
    }

    /// Rotates the image by an angle that is uniformly random from `-degrees` to `degrees`.
    ///
    /// Corresponds to `torchvision.transforms.RandomRotation(degrees)`.
    ///
    /// # Errors
    /// If `degrees` is negative or not finite.
    pub fn random_rotation(&self, degrees: f64, interpolation: Interpolation, fill: T, rng: &mut Rng) -> Result<Self> {
        let ranges = RandomAffine { degrees: -degrees..=degrees, ..RandomAffine::default() };
        self.random_affine(&ranges, interpolation, fill, rng)
    }

    /// Maps the image as `map` says. Its size stays; where nothing was, `fill` is.
    ///
    /// Corresponds to `torchvision.transforms.functional.affine`: of a Pillow image with
    /// [`Interpolation::Nearest`], of a tensor with [`Interpolation::Bilinear`].
    ///
    /// # Errors
    /// If an angle or the scale is not finite, if the scale is not positive, or if a shear reaches
    /// 90 degrees.
    pub fn affine(&self, map: Affine, interpolation: Interpolation, fill: T) -> Result<Self> {
        let matrix = map.check()?.inverse();
        let Self { height, width, channels, layout, ref pixels } = *self;
        let mut mapped = Self { height, width, channels, layout, pixels: vec![fill; pixels.len()] };
        let step = self.channel_step();
        for row in 0..height {
            for column in 0..width {
                let (x, y) = self.source(matrix, row, column);
                let start = mapped.pixel_start(row, column);
                match interpolation {
                    Interpolation::Nearest => {
                        let at = |place: f64, size: usize| {
                            // Of two pixels at equal distances the later, as in Pillow. Where
                            // torchvision's arithmetic decides by its rounding, a quarter turn of a
                            // rectangle repeats some rows and drops others.
                            let place = (place + 0.5).floor();
                            (place >= 0.0 && place < size as f64).then_some(place as usize)
                        };
                        let Some((from_row, from_column)) = at(y, height).zip(at(x, width)) else { continue };
                        let from = self.pixel_start(from_row, from_column);
                        for channel in 0..channels {
                            let value = pixels.get(from + channel * step).copied();
                            if let (Some(value), Some(to)) = (value, mapped.pixels.get_mut(start + channel * step)) {
                                *to = value;
                            }
                        }
                    }
                    Interpolation::Bilinear => {
                        let corners = self.corners(x, y);
                        for channel in 0..channels {
                            let mut sum = 0.0;
                            for (from, weight) in corners {
                                let value = from.and_then(|from| pixels.get(from + channel * step)).unwrap_or(&fill);
                                sum += weight * value.to_f32();
                            }
                            if let Some(to) = mapped.pixels.get_mut(start + channel * step) {
                                *to = T::rounded(sum);
                            }
                        }
                    }
                }
            }
        }
        Ok(mapped)
    }

    /// Maps the image by a map that is drawn from `ranges`.
    ///
    /// Corresponds to `torchvision.transforms.RandomAffine`.
    ///
    /// # Errors
    /// Those of [`RandomAffine::draw`].
    pub fn random_affine(
        &self,
        ranges: &RandomAffine,
        interpolation: Interpolation,
        fill: T,
        rng: &mut Rng,
    ) -> Result<Self> {
        self.affine(ranges.draw(self.height, self.width, rng)?, interpolation, fill)
    }

    /// The column and row from which a pixel of the result comes.
    fn source(&self, [a, b, c, d, e, f]: [f64; 6], row: usize, column: usize) -> (f64, f64) {
        let (middle_x, middle_y) = ((self.width as f64 - 1.0) / 2.0, (self.height as f64 - 1.0) / 2.0);
        let (x, y) = (column as f64 - middle_x, row as f64 - middle_y);
        (a * x + b * y + c + middle_x, d * x + e * y + f + middle_y)
    }

    /// The four pixels around a place, `None` outside the image, and their weights.
    fn corners(&self, x: f64, y: f64) -> [(Option<usize>, f32); 4] {
        let (left, top) = (x.floor(), y.floor());
        let (right_share, bottom_share) = (x - left, y - top);
        let at = |row: f64, column: f64| {
            let is_inside = row >= 0.0 && column >= 0.0 && row < self.height as f64 && column < self.width as f64;
            is_inside.then(|| self.pixel_start(row as usize, column as usize))
        };
        [
            (at(top, left), ((1.0 - bottom_share) * (1.0 - right_share)) as f32),
            (at(top, left + 1.0), ((1.0 - bottom_share) * right_share) as f32),
            (at(top + 1.0, left), (bottom_share * (1.0 - right_share)) as f32),
            (at(top + 1.0, left + 1.0), (bottom_share * right_share) as f32),
        ]
    }
}

#[cfg(test)]
mod tests;
