//! Brightness, contrast, saturation and hue.

use super::{Image, Pixel};
use crate::{
    error::{Error, Result},
    random::Rng,
};

/// How far the colors of an image change at random, as `torchvision.transforms.ColorJitter`.
///
/// Factors are uniform from `1 - b` (at least 0) to `1 + b`, and the hue from `-h` to `h`; the four
/// changes come in a random order. A field of 0, the default, changes nothing.
///
/// ```
/// use lightning_core::{
///     Rng,
///     data::{ColorJitter, Image, Layout},
/// };
///
/// let jitter = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
/// let image = Image::new(vec![200_u8, 100, 50], [1, 1, 3], Layout::Hwc)?;
/// assert_eq!(image.color_jitter(&jitter, &mut Rng::new(1))?.shape(), [1, 1, 3]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ColorJitter {
    /// The largest change of the brightness; at least 0.
    pub brightness: f64,
    /// The largest change of the contrast; at least 0.
    pub contrast: f64,
    /// The largest change of the saturation; at least 0.
    pub saturation: f64,
    /// The largest change of the hue; from 0 to 0.5, half the color circle.
    pub hue: f64,
}

/// One change, with its factor.
#[derive(Clone, Copy, Debug)]
pub(super) enum ColorChange {
    Brightness(f64),
    Contrast(f64),
    Saturation(f64),
    Hue(f64),
}

impl ColorJitter {
    /// Draws the changes, in the order in which they are made.
    pub(super) fn draw(&self, rng: &mut Rng) -> Result<Vec<ColorChange>> {
        let Self { brightness, contrast, saturation, hue } = *self;
        let is_factor = |value: f64| value >= 0.0 && value.is_finite();
        if ![brightness, contrast, saturation].into_iter().all(is_factor) || !(0.0..=0.5).contains(&hue) {
            let text = format!("`ColorJitter` must have changes of at least 0 and a hue from 0 to 0.5, found {self:?}");
            return Err(Error::data(text).help("write 0 for what is to stay as it is"));
        }
        let mut within = |low: f64, high: f64| low + (high - low) * rng.uniform();
        let mut factor = |change: f64| within((1.0 - change).max(0.0), 1.0 + change);
        let mut changes = vec![
            ColorChange::Brightness(factor(brightness)),
            ColorChange::Contrast(factor(contrast)),
            ColorChange::Saturation(factor(saturation)),
            ColorChange::Hue(within(-hue, hue)),
        ];
        rng.shuffle(&mut changes);
        // What cannot change is left out: hue and saturation take time.
        changes.retain(|change| match change {
            ColorChange::Brightness(_) => brightness > 0.0,
            ColorChange::Contrast(_) => contrast > 0.0,
            ColorChange::Saturation(_) => saturation > 0.0,
            ColorChange::Hue(_) => hue > 0.0,
        });
        Ok(changes)
    }
}

/// The weights of red, green and blue in torchvision's `rgb_to_grayscale`.
const LUMA: [f32; 3] = [0.2989, 0.587, 0.114];

/// Values of `f32` are from 0 to 1: change colors before [`normalize`](Image::normalize).
impl<T: Pixel> Image<T> {
    /// Multiplies each value by `factor`: 0 is black, 1 the image as it is.
    ///
    /// Corresponds to `torchvision.transforms.functional.adjust_brightness` of a tensor, as the
    /// next three functions to their namesakes.
    ///
    /// # Errors
    /// If `factor` is negative or not finite.
    pub fn adjust_brightness(self, factor: f64) -> Result<Self> {
        let factor = checked(factor)?;
        Ok(self.blended(factor, 0.0))
    }

    /// Moves each value away from the mean of the gray image by `factor`: 0 is gray, 1 the image as
    /// it is.
    ///
    /// # Errors
    /// If `factor` is negative or not finite, or if the image has neither one channel nor three.
    pub fn adjust_contrast(self, factor: f64) -> Result<Self> {
        let factor = checked(factor)?;
        let mean = match self.channels {
            1 => self.pixels.iter().map(|value| f64::from(value.to_f32())).sum::<f64>() / self.pixels.len() as f64,
            _ => {
                self.check_colors()?;
                let gray = self.colors().map(|rgb| f64::from(gray::<T>(rgb)));
                gray.sum::<f64>() / (self.height * self.width) as f64
            }
        };
        Ok(self.blended(factor, mean as f32))
    }

    /// Moves each color away from its gray by `factor`: 0 is a gray image, 1 the image as it is. An
    /// image of one channel stays as it is.
    ///
    /// # Errors
    /// If `factor` is negative or not finite, or if the image has neither one channel nor three.
    pub fn adjust_saturation(self, factor: f64) -> Result<Self> {
        let factor = checked(factor)?;
        if self.channels == 1 {
            return Ok(self);
        }
        self.check_colors()?;
        Ok(self.with_colors(|rgb| {
            let gray = gray::<T>(rgb);
            rgb.map(|value| T::clamped(blend(factor, value, gray)))
        }))
    }

    /// Turns the hue by `turn`, from -0.5 to 0.5 of the color circle. An image of one channel stays
    /// as it is.
    ///
    /// # Errors
    /// If `turn` is outside that range, or if the image has neither one channel nor three.
    pub fn adjust_hue(self, turn: f64) -> Result<Self> {
        if !(-0.5..=0.5).contains(&turn) {
            let text = format!("the hue must turn by a number from -0.5 to 0.5, found {turn}");
            return Err(Error::data(text).help("1 would be the whole color circle"));
        }
        if self.channels == 1 {
            return Ok(self);
        }
        self.check_colors()?;
        let unit = T::WHITE;
        Ok(self.with_colors(|rgb| {
            let turned = turn_hue(rgb.map(|value| value / unit), turn as f32);
            // torchvision scales to bytes so that each byte has the same share of the range.
            turned.map(|value| T::clamped(if unit > 1.0 { value * (unit + 1.0 - 1e-3) } else { value }))
        }))
    }

    /// Changes the colors at random; see [`ColorJitter`].
    ///
    /// # Errors
    /// If a field of `jitter` is out of range, or if the image has neither one channel nor three.
    pub fn color_jitter(self, jitter: &ColorJitter, rng: &mut Rng) -> Result<Self> {
        jitter.draw(rng)?.into_iter().try_fold(self, Self::color_change)
    }

    pub(super) fn color_change(self, change: ColorChange) -> Result<Self> {
        match change {
            ColorChange::Brightness(factor) => self.adjust_brightness(factor),
            ColorChange::Contrast(factor) => self.adjust_contrast(factor),
            ColorChange::Saturation(factor) => self.adjust_saturation(factor),
            ColorChange::Hue(turn) => self.adjust_hue(turn),
        }
    }

    fn check_colors(&self) -> Result<()> {
        if self.channels == 3 {
            return Ok(());
        }
        let text = format!("an image must have 1 or 3 channels to change its colors, found {}", self.channels);
        Err(Error::data(text).help("read it as `Channels::Rgb`, or leave the change out"))
    }

    /// The red, green and blue of each pixel.
    fn colors(&self) -> impl Iterator<Item = [f32; 3]> {
        let step = self.channel_step();
        (0..self.height * self.width).map(move |pixel| {
            let start = self.pixel_start(0, pixel);
            std::array::from_fn(|channel| self.pixels.get(start + channel * step).map_or(0.0, |value| value.to_f32()))
        })
    }

    fn with_colors(mut self, change: impl Fn([f32; 3]) -> [T; 3]) -> Self {
        let step = self.channel_step();
        for pixel in 0..self.height * self.width {
            let start = self.pixel_start(0, pixel);
            let rgb = std::array::from_fn(|channel| {
                self.pixels.get(start + channel * step).map_or(0.0, |value| value.to_f32())
            });
            for (channel, value) in change(rgb).into_iter().enumerate() {
                if let Some(to) = self.pixels.get_mut(start + channel * step) {
                    *to = value;
                }
            }
        }
        self
    }

    fn blended(mut self, factor: f64, other: f32) -> Self {
        for value in &mut self.pixels {
            *value = T::clamped(blend(factor, value.to_f32(), other));
        }
        self
    }
}

fn checked(factor: f64) -> Result<f64> {
    if factor >= 0.0 && factor.is_finite() {
        return Ok(factor);
    }
    let text = format!("the factor of a color change must be at least 0 and finite, found {factor}");
    Err(Error::data(text).help("1 leaves the image as it is"))
}

fn blend(factor: f64, value: f32, other: f32) -> f32 {
    factor as f32 * value + (1.0 - factor) as f32 * other
}

/// The gray of a color, a whole number for bytes.
fn gray<T: Pixel>(rgb: [f32; 3]) -> f32 {
    let [r, g, b] = rgb;
    T::clamped(LUMA[0] * r + LUMA[1] * g + LUMA[2] * b).to_f32()
}

/// Turns the hue of a color from 0 to 1, through hue, saturation and value (A. R. Smith, "Color
/// Gamut Transform Pairs", SIGGRAPH 1978), with the formulas of torchvision.
fn turn_hue([r, g, b]: [f32; 3], turn: f32) -> [f32; 3] {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    let range = max - min;
    let divisor = if range == 0.0 { 1.0 } else { range };
    let saturation = if range == 0.0 { 0.0 } else { range / max };
    let [rc, gc, bc] = [r, g, b].map(|value| (max - value) / divisor);
    let sixths = if max == r {
        bc - gc
    } else if max == g {
        2.0 + rc - bc
    } else {
        4.0 + gc - rc
    };
    let hue = ((sixths / 6.0 + 1.0) % 1.0 + turn).rem_euclid(1.0);
    let sector = (hue * 6.0).floor();
    let rest = hue * 6.0 - sector;
    let clamped = |value: f32| value.clamp(0.0, 1.0);
    let p = clamped(max * (1.0 - saturation));
    let q = clamped(max * (1.0 - saturation * rest));
    let t = clamped(max * (1.0 - saturation * (1.0 - rest)));
    match sector as u32 % 6 {
        0 => [max, t, p],
        1 => [q, max, p],
        2 => [p, max, t],
        3 => [p, q, max],
        4 => [t, p, max],
        _ => [max, p, q],
    }
}

#[cfg(test)]
mod tests;
