//! The float types of a run: of its parameters, and of its computations.

pub(crate) mod cast;
pub(crate) mod half_precision_check;
mod in_f32;
mod layers;
mod numerics;
mod scaler;
pub(crate) mod training_form;

use std::{fmt, str::FromStr};

use burn::tensor::FloatDType;

use crate::error::{Error, Result};

pub(crate) use cast::{RunningStatistics, lowered, narrowed, widened};
pub use in_f32::InF32;
pub(crate) use in_f32::{CastTarget, is_inside_in_f32};
pub use layers::Layer;
pub(crate) use numerics::{Numerics, SETTING};
pub(crate) use scaler::LossScaler;

/// The float types of a run: what parameters are kept in, and what steps compute in.
///
/// *True* precisions use one type for both. With 16 bits, gradients are still accumulated in
/// float32, and the optimizer works in float32.
///
/// *Mixed* precisions keep the parameters, the optimizer state and the gradients in float32 and
/// compute each step with 16-bit copies of the parameters and of the batch. Losses are computed in
/// float32 ([`functional`](crate::functional)). With float16 they are also scaled, so that small
/// gradients do not become zero.
///
/// | name | parameters | steps | losses scaled |
/// |---|---|---|---|
/// | `32-true` | float32 | float32 | no |
/// | `64-true` | float64 | float64 | no |
/// | `16-true` | float16 | float16 | no |
/// | `bf16-true` | bfloat16 | bfloat16 | no |
/// | `16-mixed` | float32 | float16 | yes |
/// | `bf16-mixed` | float32 | bfloat16 | no |
///
/// In a 16-bit run, a field with `#[precision(f32)]` ([`InF32`]) stays and computes in float32, and
/// a `#[buffer]` is never cast. All floats of a batch are cast, including targets: float16 has a
/// largest value of 65504 and 11 significant bits, so scale targets that need more, or use
/// `bf16-mixed`.
///
/// ```
/// use lightning_core::precision::Precision;
///
/// let precision: Precision = "bf16-mixed".parse()?;
/// assert_eq!(precision, Precision::MixedBf16);
/// assert!("16".parse::<Precision>().is_err()); // ambiguous: `16-mixed` or `16-true`
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// `32-true`.
    #[default]
    True32,
    /// `64-true`.
    True64,
    /// `16-true`. Updates smaller than 1/2048 of a parameter are lost: best for inference.
    True16,
    /// `bf16-true`. Updates smaller than 1/256 of a parameter are lost: best for inference.
    TrueBf16,
    /// `16-mixed`, with dynamic loss scaling.
    Mixed16,
    /// `bf16-mixed`. The type has 8 significant bits and the range of float32, so losses need no
    /// scaling.
    MixedBf16,
}

impl Precision {
    /// All precisions.
    pub const ALL: [Self; 6] =
        [Self::True32, Self::True64, Self::True16, Self::TrueBf16, Self::Mixed16, Self::MixedBf16];

    /// Returns the name, which is that of PyTorch Lightning.
    pub const fn name(self) -> &'static str {
        match self {
            Self::True32 => "32-true",
            Self::True64 => "64-true",
            Self::True16 => "16-true",
            Self::TrueBf16 => "bf16-true",
            Self::Mixed16 => "16-mixed",
            Self::MixedBf16 => "bf16-mixed",
        }
    }

    /// Returns the type that parameters are stored and updated in.
    pub const fn param_dtype(self) -> FloatDType {
        match self {
            Self::True32 | Self::Mixed16 | Self::MixedBf16 => FloatDType::F32,
            Self::True64 => FloatDType::F64,
            Self::True16 => FloatDType::F16,
            Self::TrueBf16 => FloatDType::BF16,
        }
    }

    /// Returns the type that steps compute in.
    pub const fn compute_dtype(self) -> FloatDType {
        match self {
            Self::Mixed16 => FloatDType::F16,
            Self::MixedBf16 => FloatDType::BF16,
            _ => self.param_dtype(),
        }
    }

    /// Returns whether steps compute with copies of the parameters in another type.
    pub const fn is_mixed(self) -> bool {
        matches!(self, Self::Mixed16 | Self::MixedBf16)
    }

    /// Returns whether losses are scaled, since float16 rounds small gradients to zero.
    pub const fn scales_losses(self) -> bool {
        matches!(self, Self::Mixed16)
    }
}

/// Returns whether a type has 16 bits.
pub(crate) const fn is_half(dtype: FloatDType) -> bool {
    matches!(dtype, FloatDType::F16 | FloatDType::BF16)
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        if let Some(precision) = Self::ALL.into_iter().find(|precision| precision.name() == name) {
            return Ok(precision);
        }
        // Short forms of PyTorch Lightning and other libraries, some of which are ambiguous.
        let candidates = match name {
            "16" | "half" | "fp16" | "f16" => Some("`16-mixed` or `16-true`"),
            "bf16" => Some("`bf16-mixed` or `bf16-true`"),
            "32" | "float" | "fp32" | "f32" => Some("`32-true`"),
            "64" | "double" | "fp64" | "f64" => Some("`64-true`"),
            _ => None,
        };
        Err(Error::config(format!("unknown precision `{name}`")).help(match candidates {
            Some(candidates) => format!("write {candidates}"),
            None => format!("available: {}", Self::ALL.map(Self::name).join(", ")),
        }))
    }
}

/// An argument of [`precision`](crate::trainer::TrainerBuilder::precision): a [`Precision`] or its
/// name.
#[diagnostic::on_unimplemented(
    message = "a precision must be a `Precision` or its name, found `{Self}`",
    label = "not a precision",
    note = "write `precision(\"bf16-mixed\")` or `precision(Precision::MixedBf16)`"
)]
pub trait IntoPrecision {
    /// Converts the argument.
    ///
    /// # Errors
    /// If the name is unknown.
    fn into_precision(self) -> Result<Precision>;
}

impl IntoPrecision for Precision {
    fn into_precision(self) -> Result<Precision> {
        Ok(self)
    }
}

impl IntoPrecision for &str {
    fn into_precision(self) -> Result<Precision> {
        self.parse()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse::<Precision>().unwrap(), precision);
        }
        assert_eq!(Precision::default().name(), "32-true");
    }

    #[test]
    fn a_short_name_gets_the_full_ones_in_the_help() {
        let error = "16".parse::<Precision>().unwrap_err();
        assert_eq!(error.message(), "unknown precision `16`");
        assert_eq!(error.remedy(), Some("write `16-mixed` or `16-true`"));
        let error = "tf32".parse::<Precision>().unwrap_err();
        assert_eq!(error.remedy(), Some("available: 32-true, 64-true, 16-true, bf16-true, 16-mixed, bf16-mixed"));
    }

    #[test]
    fn mixed_precisions_keep_float32() {
        assert_eq!(
            (Precision::Mixed16.param_dtype(), Precision::Mixed16.compute_dtype()),
            (FloatDType::F32, FloatDType::F16)
        );
        assert_eq!(
            (Precision::MixedBf16.param_dtype(), Precision::MixedBf16.compute_dtype()),
            (FloatDType::F32, FloatDType::BF16)
        );
        for precision in Precision::ALL.into_iter().filter(|precision| !precision.is_mixed()) {
            assert_eq!(precision.param_dtype(), precision.compute_dtype());
        }
        assert_eq!(Precision::ALL.map(Precision::scales_losses), [false, false, false, false, true, false]);
    }
}
