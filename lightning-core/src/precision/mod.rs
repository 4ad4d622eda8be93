//! In which float types a run keeps its parameters, and in which it computes.

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

pub(crate) use cast::{lowered, narrowed, widened};
pub use in_f32::InF32;
pub(crate) use in_f32::{Target, is_kept};
pub use layers::Layer;
pub(crate) use numerics::{Numerics, SETTING};
pub(crate) use scaler::LossScaler;

/// The float types of a run: what parameters are kept in, and what steps compute in.
///
/// *True* precisions keep and compute everything in one type; of 16 bits only the parameters and the steps are, while gradients are summed,
/// and the optimizer works, in float32. *Mixed* ones keep the parameters, the optimizer's state and the
/// gradients in float32 and compute each step with 16-bit copies of the parameters and of the batch; losses are computed in
/// float32 ([`functional`](crate::functional)), and float16 scales its losses so that small gradients do not vanish.
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
/// In 16 bits a field with `#[precision(f32)]` ([`InF32`]) is kept and computed in float32. A `#[buffer]` is never cast. All floats of a
/// batch are, targets among them: float16 ends at 65504 and has 11 bits, so targets that need more are better scaled, or `bf16-mixed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// `32-true`.
    #[default]
    True32,
    /// `64-true`.
    True64,
    /// `16-true`: parameters lose updates smaller than a 2048th of them. For inference, or with care.
    True16,
    /// `bf16-true`: parameters lose updates smaller than a 256th of them. For inference, or with care.
    TrueBf16,
    /// `16-mixed`: with dynamic loss scaling.
    Mixed16,
    /// `bf16-mixed`: the range of float32 with 8 bits of precision, so that no loss has to be scaled.
    MixedBf16,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::True32, Self::True64, Self::True16, Self::TrueBf16, Self::Mixed16, Self::MixedBf16];

    /// The name, as PyTorch Lightning has it.
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

    /// The type that parameters are kept and updated in.
    pub const fn kept(self) -> FloatDType {
        match self {
            Self::True32 | Self::Mixed16 | Self::MixedBf16 => FloatDType::F32,
            Self::True64 => FloatDType::F64,
            Self::True16 => FloatDType::F16,
            Self::TrueBf16 => FloatDType::BF16,
        }
    }

    /// The type that steps compute in.
    pub const fn computed(self) -> FloatDType {
        match self {
            Self::Mixed16 => FloatDType::F16,
            Self::MixedBf16 => FloatDType::BF16,
            _ => self.kept(),
        }
    }

    /// Whether steps compute with copies of the parameters in another type.
    pub const fn is_mixed(self) -> bool {
        matches!(self, Self::Mixed16 | Self::MixedBf16)
    }

    /// Whether losses are scaled: float16 has no room for small gradients.
    pub const fn scales_losses(self) -> bool {
        matches!(self, Self::Mixed16)
    }
}

/// Whether a type has 16 bits.
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
        // PyTorch Lightning's short forms do not say what they mean.
        let meant = match name {
            "16" | "half" | "fp16" | "f16" => Some("`16-mixed` or `16-true`"),
            "bf16" => Some("`bf16-mixed` or `bf16-true`"),
            "32" | "float" | "fp32" | "f32" => Some("`32-true`"),
            "64" | "double" | "fp64" | "f64" => Some("`64-true`"),
            _ => None,
        };
        Err(Error::config(format!("`{name}` is no precision")).help(match meant {
            Some(meant) => format!("write {meant}"),
            None => format!("use one of {}", Self::ALL.map(Self::name).join(", ")),
        }))
    }
}

/// What [`precision`](crate::trainer::TrainerBuilder::precision) takes: a [`Precision`] or its name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no precision",
    label = "expected a `Precision` or its name",
    note = "write `precision(\"bf16-mixed\")` or `precision(Precision::MixedBf16)`"
)]
pub trait IntoPrecision {
    /// The precision.
    ///
    /// # Errors
    /// When the name is not known.
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
    fn a_short_name_is_asked_what_it_means() {
        let error = "16".parse::<Precision>().unwrap_err();
        assert_eq!(error.message(), "`16` is no precision");
        assert_eq!(error.remedy(), Some("write `16-mixed` or `16-true`"));
        let error = "tf32".parse::<Precision>().unwrap_err();
        assert_eq!(error.remedy(), Some("use one of 32-true, 64-true, 16-true, bf16-true, 16-mixed, bf16-mixed"));
    }

    #[test]
    fn mixed_ones_keep_float32() {
        assert_eq!((Precision::Mixed16.kept(), Precision::Mixed16.computed()), (FloatDType::F32, FloatDType::F16));
        assert_eq!((Precision::MixedBf16.kept(), Precision::MixedBf16.computed()), (FloatDType::F32, FloatDType::BF16));
        for precision in Precision::ALL.into_iter().filter(|precision| !precision.is_mixed()) {
            assert_eq!(precision.kept(), precision.computed());
        }
        assert_eq!(Precision::ALL.map(Precision::scales_losses), [false, false, false, false, true, false]);
    }
}
