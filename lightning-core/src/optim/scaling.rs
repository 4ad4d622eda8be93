//! Scales and clips the gradients of an accumulation buffer before the optimizer step.

use burn::tensor::{Tensor, kind::BridgeTensor};

use super::{
    Optimizer,
    clip::{Clip, ClipAlgorithm},
    gradients::GradientStore,
};
use crate::{
    optim::fused,
    tensor::{any_rank::with_rank, readback},
};

/// The number that the gradients of an accumulation buffer are divided by: the number of
/// micro-batches, samples or tokens that they are the sum of.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for each buffer; a box would be one allocation in each step"
)]
pub(crate) enum Weight {
    /// A number that the host knows.
    Number(f64),
    /// A number on the device, which is not read.
    OnDevice(Tensor<1>),
}

impl Weight {
    pub(crate) fn add(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Self::Number(a + b),
            (Self::Number(number), Self::OnDevice(tensor)) | (Self::OnDevice(tensor), Self::Number(number)) => {
                Self::OnDevice(tensor.add_scalar(number))
            }
            (Self::OnDevice(a), Self::OnDevice(b)) => Self::OnDevice(a.add(b)),
        }
    }

    /// Returns the mean of a loss that is a sum.
    pub(crate) fn mean_of(&self, sum: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Number(weight) if *weight == 1.0 => sum,
            Self::Number(weight) => sum.div_scalar(*weight),
            Self::OnDevice(weight) => sum.div(weight.clone()),
        }
    }
}

/// The changes to the gradients of an accumulation buffer: division by its weight and its loss
/// scale, and clipping.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scaling {
    factor: Factor,
    /// The largest absolute value of an element.
    limit: Option<f64>,
    /// The norm of the gradients, if it is known and not finite.
    broken_norm: Option<f64>,
}

#[derive(Clone, Debug, Default)]
enum Factor {
    #[default]
    One,
    Host(f64),
    OnDevice(Box<Tensor<1>>),
}

impl Factor {
    fn times(self, other: Self) -> Self {
        match (self, other) {
            (Self::One, other) | (other, Self::One) => other,
            (Self::Host(a), Self::Host(b)) => Self::Host(a * b),
            (Self::Host(number), Self::OnDevice(tensor)) | (Self::OnDevice(tensor), Self::Host(number)) => {
                Self::OnDevice(Box::new(tensor.mul_scalar(number)))
            }
            (Self::OnDevice(a), Self::OnDevice(b)) => Self::OnDevice(Box::new(a.mul(*b))),
        }
    }
}

impl Scaling {
    /// Returns the scaling of an optimizer's gradients. On the `host` a norm is read at once.
    pub(crate) fn new(gradients: &mut GradientStore, optimizer: &Optimizer, clip: Option<Clip>, host: bool) -> Self {
        let mean = match gradients.weight() {
            Weight::Number(1.0) => Factor::One,
            Weight::Number(weight) => Factor::Host(1.0 / weight),
            Weight::OnDevice(weight) => Factor::OnDevice(Box::new(weight.recip())),
        };
        let loss_scale = gradients.loss_scale();
        let mean = if loss_scale == 1.0 { mean } else { mean.times(Factor::Host(1.0 / loss_scale)) };
        match clip {
            None => Self { factor: mean, limit: None, broken_norm: None },
            Some(Clip { limit, algorithm: ClipAlgorithm::Value }) => {
                Self { factor: mean, limit: Some(limit), broken_norm: None }
            }
            Some(Clip { limit, algorithm: ClipAlgorithm::Norm }) => {
                match norm_clip(gradients, optimizer, &mean, limit, host) {
                    Ok(clip) => Self { factor: mean.times(clip), limit: None, broken_norm: None },
                    Err(norm) => Self { factor: mean, limit: None, broken_norm: Some(norm) },
                }
            }
        }
    }

    /// Returns the norm of the gradients if it was to be clipped and is not finite: no factor makes
    /// such gradients usable, and the step is skipped. `None` on devices other than the host, which
    /// are not read.
    pub(crate) fn broken_norm(&self) -> Option<f64> {
        self.broken_norm
    }

    /// Returns the factor of all elements if the host knows it and nothing else changes them; an
    /// optimizer can then apply it in its own pass.
    pub(crate) fn host_factor(&self) -> Option<f64> {
        match (&self.factor, self.limit) {
            (Factor::One, None) => Some(1.0),
            (Factor::Host(factor), None) => Some(*factor),
            _ => None,
        }
    }

    /// Returns the scaled gradient.
    pub(crate) fn apply(&self, gradient: BridgeTensor) -> BridgeTensor {
        if self.host_factor() == Some(1.0) {
            return gradient;
        }
        with_rank!(gradient.rank(), D => {
            let gradient = Tensor::<D>::from_bridge(gradient);
            let gradient = match &self.factor {
                Factor::One => gradient,
                Factor::Host(factor) => gradient.mul_scalar(*factor),
                Factor::OnDevice(factor) => gradient.mul(Tensor::clone(factor).reshape([1; D])),
            };
            let gradient = match self.limit {
                Some(limit) => gradient.clamp(-limit, limit),
                None => gradient,
            };
            gradient.into_bridge()
        }, gradient)
    }
}

/// Returns the factor, at most 1, that reduces the total norm of an optimizer's gradients,
/// multiplied by `mean`, to `limit`. As in PyTorch, 1e-6 is added to the norm.
///
/// # Errors
/// The norm, if it is known and not finite.
fn norm_clip(
    gradients: &mut GradientStore,
    optimizer: &Optimizer,
    mean: &Factor,
    limit: f64,
    host: bool,
) -> Result<Factor, f64> {
    let (mut sum, mut sums) = (0.0, Vec::new());
    gradients.for_each_of(optimizer, |gradient| {
        let (gradient, squares) = if host { fused::sum_of_squares(gradient) } else { (gradient, None) };
        match squares {
            Some(squares) => sum += squares,
            None => sums.extend(with_rank!(gradient.rank(), D => {
                let value = Tensor::<D>::from_bridge(gradient.clone());
                Some(value.clone().mul(value).sum())
            }, None)),
        }
        gradient
    });
    let sums = (!sums.is_empty()).then(|| Tensor::cat(sums, 0).sum());
    match (sums, mean) {
        // On other devices the factor stays on the device: reading it would wait for the backward
        // pass.
        (Some(sums), mean) if !host => {
            let norm = match mean {
                Factor::One => sums.sqrt(),
                Factor::Host(mean) => sums.sqrt().mul_scalar(*mean),
                Factor::OnDevice(mean) => sums.sqrt().mul(Tensor::clone(mean)),
            };
            Ok(Factor::OnDevice(Box::new(norm.add_scalar(1e-6).recip().mul_scalar(limit).clamp_max(1.0))))
        }
        (sums, mean) => {
            let mean = match mean {
                Factor::One => 1.0,
                Factor::Host(mean) => *mean,
                Factor::OnDevice(mean) => readback::host_scalar(Tensor::clone(mean)),
            };
            let norm = (sum + sums.map_or(0.0, readback::host_scalar)).sqrt() * mean;
            if !norm.is_finite() {
                return Err(norm);
            }
            let factor = limit / (norm + 1e-6);
            Ok(if factor < 1.0 { Factor::Host(factor) } else { Factor::One })
        }
    }
}
