//! The float types that the fused optimizers compute in.

use std::ops::{Add, Div, Mul, Sub};

use burn::tensor::Element;
use serde::Deserialize;

/// The smallest ε with which the moving averages of an optimizer are flushed to zero.
///
/// Flushing a mean square below the smallest normal number changes an update by less than one part
/// in a million as long as ε is far above its root, which is 1e-19 in `f32`.
pub(super) const SAFE_EPSILON: f32 = 1e-12;

/// A number of one of Burn's configurations, which are `f32`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(from = "f32")]
pub(super) struct Setting {
    /// The number as Burn computes with it.
    pub(super) single: f32,
    /// The number that was written, for a pass in `f64`: 0.999, and not the `f32` beside it.
    double: f64,
}

impl From<f32> for Setting {
    fn from(single: f32) -> Self {
        // The shortest decimal that rounds to an `f32` is the one that was written.
        let double = single.to_string().parse().unwrap_or(f64::from(single));
        Self { single, double }
    }
}

/// A float type, with the operations of Burn's that the passes use.
pub(super) trait Float:
    Element
    + Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    /// The smallest positive normal number.
    const MIN_POSITIVE: Self;
    /// Rounds to the nearest number of this type.
    fn from_f64(number: f64) -> Self;
    /// Returns the number with the precision of this type.
    fn setting(setting: Setting) -> Self;
    fn widened(self) -> f64;
    fn powi(self, exponent: i32) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;

    /// Returns zero if the magnitude is below `limit`; NaN is kept.
    #[inline(always)]
    fn flushed_below(self, limit: Self) -> Self {
        if self.abs() < limit { Self::ZERO } else { self }
    }
}

macro_rules! floats {
    ($($float:ident: $precision:ident),*) => {
        $(impl Float for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const MIN_POSITIVE: Self = $float::MIN_POSITIVE;
            #[inline(always)]
            fn from_f64(number: f64) -> Self {
                number as $float
            }
            #[inline(always)]
            fn setting(setting: Setting) -> Self {
                setting.$precision
            }
            #[inline(always)]
            fn widened(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn powi(self, exponent: i32) -> Self {
                $float::powi(self, exponent)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $float::abs(self)
            }
        })*
    };
}

floats!(f32: single, f64: double);
