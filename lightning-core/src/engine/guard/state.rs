//! The state of the guard, and what it finds in gradients.

use burn::{
    module::ParamId,
    tensor::{FloatDType, Tensor},
};

use crate::{
    error::Result,
    optim::{GradientStore, Optimizer},
    params::{ErasedVisitor, FloatParam},
    precision::LossScaler,
    progress::{AnomalyKind, AnomalyNote, Counters, LoopPosition, RecentLosses},
    tensor::{any_rank::with_rank, readback},
};

/// Visits the parameters of the module.
pub(in crate::engine) type Visit<'a> = &'a dyn Fn(&mut dyn ErasedVisitor) -> Result<()>;

/// The guard of the current step.
#[derive(Debug, Default)]
pub(crate) struct GuardState {
    pub(super) mode: GuardMode,
    /// Whether the copies are needed until the end of the batch.
    pub(super) keeps_step: bool,
    pub(super) start: Option<StepStart>,
    /// The losses of the step so far.
    pub(super) losses: Vec<Tensor<1>>,
    /// What has been saved: of each kind, the first.
    pub(super) saved: Vec<AnomalyKind>,
    /// The gradients after the last backward pass of a replayed step.
    pub(super) gradients: Vec<GradientNorm>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum GuardMode {
    #[default]
    Off,
    Saves,
    Replays,
}

/// The gradient of a parameter in a replayed step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GradientNorm {
    /// The path of the parameter.
    pub path: String,
    /// The Euclidean norm of the gradient; not finite if an element is not.
    pub norm: f64,
}

/// The run at the start of a step, without the module and the batch, which the driver copies.
#[derive(Debug)]
pub(super) struct StepStart {
    pub(super) optimizers: Vec<Optimizer>,
    pub(super) accumulators: Vec<GradientStore>,
    pub(super) scalers: Vec<LossScaler>,
    pub(super) counters: Counters,
    pub(super) position: LoopPosition,
    pub(super) losses: RecentLosses,
    pub(super) last: bool,
}

impl GuardState {
    pub(super) fn looks_for(&self, kind: AnomalyKind) -> bool {
        let is_same = |saved: &AnomalyKind| *saved == kind || (is_number(*saved) && is_number(kind));
        self.mode == GuardMode::Saves && !self.saved.iter().any(is_same)
    }

    /// Returns what is wrong with gradients, if `unnoted`, and lists them in a replayed step.
    pub(in crate::engine) fn judge(
        &mut self,
        gradients: &GradientStore,
        is_scaled: bool,
        unnoted: bool,
        visit: Visit<'_>,
    ) -> Result<Option<AnomalyNote>> {
        if self.mode == GuardMode::Replays {
            let scale = gradients.loss_scale();
            self.gradients = norms(gradients, scale, visit)?;
            return Ok(None);
        }
        if is_scaled || !unnoted || !self.looks_for(AnomalyKind::Gradient) || is_finite(gradients) {
            return Ok(None);
        }
        let broken = norms(gradients, 1.0, visit)?.into_iter().find(|gradient| !gradient.norm.is_finite());
        let path = broken.map(|gradient| gradient.path).unwrap_or_default();
        Ok(Some(AnomalyNote {
            kind: AnomalyKind::Gradient,
            what: format!("the gradient of `{path}` is not finite; the loss is finite"),
        }))
    }

    /// Whether manual optimization has gradients to look at.
    pub(in crate::engine) fn is_off(&self) -> bool {
        self.mode == GuardMode::Off
    }

    /// Returns the losses and gradients of a replayed step.
    pub(crate) fn replayed(&mut self) -> (Vec<f64>, Vec<GradientNorm>) {
        (self.losses(), std::mem::take(&mut self.gradients))
    }

    /// Returns the losses of the step.
    pub(super) fn losses(&self) -> Vec<f64> {
        // sync: once for a saved or replayed step.
        self.losses.iter().map(|loss| readback::host_scalar(loss.clone())).collect()
    }
}

/// Whether a number was not finite: once it was, all later ones may be.
fn is_number(kind: AnomalyKind) -> bool {
    matches!(kind, AnomalyKind::Loss | AnomalyKind::Gradient)
}

/// Whether every gradient is finite: 0 times a finite number is 0, times any other NaN.
fn is_finite(gradients: &GradientStore) -> bool {
    let zeros: Vec<Tensor<1>> = gradients
        .iter()
        .filter_map(|(_, gradient)| {
            with_rank!(gradient.value.rank(), D => {
                let gradient = Tensor::<D>::from_bridge(gradient.value.clone());
                Some(gradient.mul_scalar(0.0).sum().cast(FloatDType::F32))
            }, None)
        })
        .collect();
    zeros.is_empty() || readback::host_scalar(Tensor::cat(zeros, 0).sum()).is_finite()
}

/// Returns the norms of all gradients, divided by the loss scale.
fn norms(gradients: &GradientStore, scale: f64, visit: Visit<'_>) -> Result<Vec<GradientNorm>> {
    struct Paths<'a> {
        gradients: &'a GradientStore,
        scale: f64,
        norms: Vec<GradientNorm>,
    }

    impl ErasedVisitor for Paths<'_> {
        fn float(&mut self, index: usize, id: ParamId, path: &str, _param: &dyn FloatParam) -> Result<()> {
            let Some(value) = self.gradients.get(index, id).cloned() else { return Ok(()) };
            let squares = with_rank!(value.rank(), D => {
                let value = Tensor::<D>::from_bridge(value).cast(FloatDType::F32).abs();
                // Divided by the largest element, so that no square overflows.
                let largest = readback::host_scalar(value.clone().max());
                if largest == 0.0 || !largest.is_finite() {
                    // The largest element of a tensor with NaN need not be NaN.
                    let sum = readback::host_scalar(value.sum());
                    if sum == 0.0 { 0.0 } else if sum.is_finite() { f64::INFINITY } else { sum }
                } else {
                    readback::host_scalar(value.div_scalar(largest).powi_scalar(2).sum()).sqrt() * largest
                }
            }, f64::NAN);
            self.norms.push(GradientNorm { path: path.to_owned(), norm: squares / self.scale });
            Ok(())
        }
    }

    let mut paths = Paths { gradients, scale, norms: Vec::new() };
    visit(&mut paths)?;
    Ok(paths.norms)
}
