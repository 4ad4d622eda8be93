//! What a run asks of its precision: the form of the module, the batch and the loss, and whether a window's gradients can be used.

use std::ops::Range;

use burn::{
    module::Module,
    tensor::{DType, Device, FloatDType, Tensor, kind::BridgeTensor},
};
use serde_json::Value;

use crate::{
    checkpoint::RunRecord,
    engine::run::RunState,
    error::{Error, ErrorKind, Result},
    module::{TrainingMode, TrainingOutput},
    optim::{Optimizer, fused},
    params::GradientStore,
    precision::{LossScaler, Precision, cast, half_precision_check, is_half, training_form},
    settings::Problems,
    tensor::{any_rank::with_rank, readback},
};

/// The setting's name in a checkpoint.
pub(crate) const SETTING: &str = "precision";

/// How a run computes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numerics {
    /// `None` leaves modules and batches in the types they have.
    pub(crate) precision: Option<Precision>,
    /// Whether the backward pass computes cheap activations again rather than keeping them.
    pub(crate) gradient_checkpointing: bool,
}

impl Numerics {
    pub(crate) fn check(self, training: TrainingMode, problems: &mut Problems) {
        if let (Some(precision), TrainingMode::Manual) = (self.precision.filter(|it| it.is_mixed()), training) {
            problems.add(
                format!("`precision(\"{precision}\")` is set, and the module optimizes by itself"),
                "use `bf16-true` or `32-true`, or a `training_step` without `#[manual_optimization]`",
            );
        }
    }

    /// The type that batches come in.
    pub(crate) fn batches(self) -> Option<FloatDType> {
        self.precision.map(Precision::compute_dtype)
    }

    /// The device with a graph.
    pub(crate) fn training_device(self, device: &Device) -> Device {
        let device = device.clone().autodiff();
        if self.gradient_checkpointing { device.gradient_checkpointing() } else { device }
    }

    /// Puts a module, which is on the device, in training form.
    pub(crate) fn train<M: Module>(self, module: M, device: &Device) -> M {
        training_form::train(module, &self.training_device(device), self.gradient_checkpointing)
    }

    /// Puts a module in training form at the start of a run: its parameters in the type that the run keeps them in.
    pub(crate) fn begin_training<M: Module>(self, module: M, device: &Device) -> M {
        let module = self.train(module, device);
        match self.precision {
            Some(precision) => cast::kept_in(module, precision.param_dtype()),
            None => module,
        }
    }
}

/// Checks a module that a run takes, and decides whether its steps need a copy in another type.
///
/// # Errors
/// When the module keeps what 16 bits would spoil.
pub(crate) fn check_precision<M: Module>(run: &mut RunState, module: &M, training: bool) -> Result<()> {
    run.lowering = None;
    let Some(precision) = run.settings.numerics.precision else { return Ok(()) };
    if precision.is_mixed() {
        half_precision_check::check(module)?;
    }
    let computed = precision.compute_dtype();
    if (training && precision.is_mixed()) || (!training && !cast::is_in(module, computed)?) {
        run.lowering = Some(computed);
    }
    Ok(())
}

/// The loss in float32 where it came in 16 bits.
pub(crate) fn loss_in_f32(output: TrainingOutput) -> TrainingOutput {
    let is_half = matches!(output.loss.dtype(), DType::F16 | DType::BF16);
    if is_half { TrainingOutput { loss: output.loss.cast(FloatDType::F32), ..output } } else { output }
}

/// Adds what to do to an error that comes of two float types in one operation.
pub(crate) fn explain(error: Error, run: &RunState) -> Error {
    let message = error.message();
    let is_mismatch = message.contains("dtype mismatch") || message.contains("DTypeMismatch");
    if !is_mismatch || error.remedy().is_some() {
        return error;
    }
    error.help(match run.settings.numerics.precision {
        None => "the module and the batch are in different float types: set `precision(…)`, which casts both".to_owned(),
        Some(precision) if is_half(precision.compute_dtype()) => format!(
            "`{precision}` casts parameters and batches, and nothing else: write `#[precision(f32)]` above a layer that keeps \
             tables or states in float32 (BatchNorm, an RNN, a positional encoding), and `.cast(x.dtype())` on a buffer or a \
             tensor made in the step"
        ),
        Some(precision) => format!(
            "`{precision}` casts parameters and batches, and nothing else: write `.cast(x.dtype())` on a buffer or a tensor \
             made in the step"
        ),
    })
}

/// Makes a loss scaler for each accumulation window at the start of a `fit`; those of an earlier one go on.
///
/// # Errors
/// When an optimizer cannot work in so few bits.
pub(crate) fn start(run: &mut RunState) -> Result<()> {
    let precision = run.settings.numerics.precision.unwrap_or_default();
    if (precision.scales_losses() || is_half(precision.param_dtype()))
        && let Some(optimizer) = run.optimizers.iter().find(|optimizer| optimizer.is_lbfgs())
    {
        return Err(Error::config(format!(
            "`{}` is L-BFGS, whose search for a step needs more than `{precision}` has",
            optimizer.name()
        ))
        .help("use `bf16-mixed` or `32-true`, or another optimizer"));
    }
    if !precision.scales_losses() {
        run.scalers.clear();
        return Ok(());
    }
    run.scalers.resize_with(run.windows.len(), LossScaler::default);
    Ok(())
}

/// The loss as it is differentiated, and what it was multiplied by.
pub(crate) fn scaled(run: &mut RunState, window: usize, loss: Tensor<1>) -> Tensor<1> {
    let RunState { scalers, windows, .. } = run;
    let scale = scalers.get(window).map_or(1.0, LossScaler::scale);
    if let Some(window) = windows.get_mut(window) {
        window.set_loss_scale(scale);
    }
    if scale == 1.0 { loss } else { loss.mul_scalar(scale) }
}

/// Whether the gradients of a full window can be used; where losses are scaled they are looked at, and the scale follows.
///
/// # Errors
/// When gradients are not finite at any scale.
pub(crate) fn may_step(run: &mut RunState, window: usize, optimizers: Range<usize>) -> Result<bool> {
    let RunState { scalers, windows, host, optimizers: all, .. } = run;
    let (Some(scaler), Some(gradients)) = (scalers.get_mut(window), windows.get_mut(window)) else { return Ok(true) };
    let finite = is_finite(gradients, all.get(optimizers).unwrap_or_default(), *host);
    scaler.update(finite);
    if finite {
        return Ok(true);
    }
    let exhausted = scaler.is_exhausted();
    run.progress.skipped_steps += 1;
    if exhausted {
        return Err(Error::new(
            ErrorKind::Anomaly,
            format!("no gradient is finite, whatever the losses are scaled by: {} steps were skipped", run.progress.skipped_steps),
        )
        .help(
            "look for what divides, takes a root or a logarithm, or exceeds 65504: `detect_anomaly(true)` with `32-true` names it; \
             `#[precision(f32)]` keeps a layer in float32, `bf16-mixed` has its range",
        )
        .at(run.location(Some("backward".to_owned()), true)));
    }
    Ok(false)
}

/// Whether every element of every gradient is finite.
// sync: once per optimizer step of `16-mixed`, which cannot go on without; on a host device there is nothing to wait for.
fn is_finite(gradients: &mut GradientStore, optimizers: &[Optimizer], host: bool) -> bool {
    let (mut finite, mut sums) = (true, Vec::new());
    let mut look = |gradient: BridgeTensor| {
        // In `f64` no sum of squares of finite numbers overflows.
        let (gradient, squares) = if host { fused::sum_of_squares(gradient) } else { (gradient, None) };
        match squares {
            Some(squares) => finite &= squares.is_finite(),
            // Zero, or NaN where anything is not finite.
            None => sums.extend(with_rank!(gradient.rank(), D => {
                Some(Tensor::<D>::from_bridge(gradient.clone()).mul_scalar(0.0).sum())
            }, None)),
        }
        gradient
    };
    for optimizer in optimizers {
        gradients.for_each_of(optimizer, &mut look);
    }
    if !sums.is_empty() {
        finite &= readback::host_scalar(Tensor::cat(sums, 0).sum()).is_finite();
    }
    finite
}

/// The scalers, for a checkpoint.
pub(crate) fn scalers_record(run: &RunState) -> Result<Value> {
    if run.scalers.is_empty() { Ok(Value::Null) } else { Ok(serde_json::to_value(&run.scalers)?) }
}

/// The precision of a checkpoint's run, where the program set one.
fn stored_precision(record: &RunRecord) -> Option<Precision> {
    record.settings.get(SETTING)?.parse().ok()
}

/// # Errors
/// When the checkpoint's run kept its parameters in another type: its gradients and the optimizers' states are in that.
pub(crate) fn check_resumable(run: &RunState, record: &RunRecord) -> Result<()> {
    let (stored, now) =
        (stored_precision(record).unwrap_or_default(), run.settings.numerics.precision.unwrap_or_default());
    if stored.param_dtype() == now.param_dtype() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Checkpoint,
        format!("the run was `{stored}` and is `{now}`, which keeps parameters and optimizer states in another type"),
    )
    .help(format!(
        "resume with `precision(\"{stored}\")`, or give a new run the weights with `trainer.load(&mut model, path)`"
    )))
}

/// Goes on with the scalers of a checkpoint. Gradients that lie in a window were scaled as the checkpoint's run did.
pub(crate) fn restore_scalers(run: &mut RunState, stored: &Value, notes: &mut Vec<String>) {
    let stored: Vec<LossScaler> = serde_json::from_value(stored.clone()).unwrap_or_default();
    let usable = stored.iter().all(LossScaler::is_valid);
    for (window, scaler) in run.windows.iter_mut().zip(&stored) {
        if usable && window.passes() > 0 {
            window.mark_loss_scale(scaler.scale());
        }
    }
    if usable && stored.len() == run.scalers.len() {
        run.scalers = stored;
    } else if !run.scalers.is_empty() {
        notes.push("the loss scale is not in the checkpoint: it starts anew".to_owned());
    }
}
