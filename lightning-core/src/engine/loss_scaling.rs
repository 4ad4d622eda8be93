//! Applies the precision of a run: checks the module, scales losses, and decides whether the
//! gradients of an accumulation buffer can be used.

use std::ops::Range;

use burn::{
    module::Module,
    tensor::{DType, FloatDType, Tensor, kind::BridgeTensor},
};
use serde_json::Value;

use crate::{
    checkpoint::RunRecord,
    engine::run::RunState,
    error::{Error, ErrorKind, Result},
    module::TrainingOutput,
    optim::{GradientStore, Optimizer, TrainState, fused},
    precision::{LossScaler, Precision, SETTING, cast, half_precision_check, is_half},
    tensor::{any_rank::with_rank, readback},
};

/// Checks a module at the start of a run, and decides whether its steps compute with a copy in
/// another float type.
///
/// # Errors
/// If the module contains values that 16 bits cannot represent.
pub(crate) fn check_precision<M: Module>(run: &mut RunState, module: &M, training: bool) -> Result<()> {
    run.train.lowering = None;
    let Some(precision) = run.settings.numerics.precision else { return Ok(()) };
    if precision.is_mixed() {
        half_precision_check::check(module)?;
    }
    // Mixed training computes with a copy; so does an evaluation of a module in another type.
    let computed = precision.compute_dtype();
    if (training && precision.is_mixed()) || (!training && !cast::is_in(module, computed)?) {
        run.train.lowering = Some(computed);
    }
    Ok(())
}

/// Adds the remedy to an error of an operation on two float types.
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

/// Creates a loss scaler for each accumulation buffer at the start of a `fit`. Those of an earlier
/// `fit` continue.
///
/// # Errors
/// If an optimizer cannot compute in the precision.
pub(crate) fn start(run: &mut RunState) -> Result<()> {
    let precision = run.settings.numerics.precision.unwrap_or_default();
    if (precision.scales_losses() || is_half(precision.param_dtype()))
        && let Some(optimizer) = run.train.optimizers.iter().find(|optimizer| optimizer.is_lbfgs())
    {
        return Err(Error::config(format!(
            "`{}` is L-BFGS, whose line search needs a higher precision than `{precision}`",
            optimizer.name()
        ))
        .help("use `bf16-mixed` or `32-true`, or another optimizer"));
    }
    if !precision.scales_losses() {
        run.train.scalers.clear();
        return Ok(());
    }
    run.train.scalers.resize_with(run.train.accumulators.len(), LossScaler::default);
    Ok(())
}

/// Returns the loss multiplied by the loss scale, and tells the accumulation buffer the scale.
pub(crate) fn scaled(run: &mut RunState, buffer: usize, loss: Tensor<1>) -> Tensor<1> {
    let TrainState { scalers, accumulators, .. } = &mut run.train;
    let scale = scalers.get(buffer).map_or(1.0, LossScaler::scale);
    if let Some(buffer) = accumulators.get_mut(buffer) {
        buffer.set_loss_scale(scale);
    }
    if scale == 1.0 { loss } else { loss.mul_scalar(scale) }
}

/// Whether the gradients of an accumulation buffer can be used. With loss scaling they are checked,
/// and the scale is adapted.
///
/// # Errors
/// If the gradients are not finite even at the lowest scale.
pub(crate) fn may_step(run: &mut RunState, buffer: usize, optimizers: Range<usize>) -> Result<bool> {
    let TrainState { scalers, accumulators, optimizers: all, .. } = &mut run.train;
    let (Some(scaler), Some(gradients)) = (scalers.get_mut(buffer), accumulators.get_mut(buffer)) else {
        return Ok(true);
    };
    let finite = is_finite(gradients, all.get(optimizers).unwrap_or_default(), run.log.host);
    scaler.update(finite);
    if finite {
        return Ok(true);
    }
    let exhausted = scaler.is_exhausted();
    run.progress.counters.skipped_steps += 1;
    if exhausted {
        return Err(Error::new(
            ErrorKind::Anomaly,
            format!(
                "the gradients are not finite at any loss scale: {} steps were skipped",
                run.progress.counters.skipped_steps
            ),
        )
        .help(
            "check divisions, roots, logarithms and values above 65504: `detect_anomaly(true)` with `32-true` names the \
             parameter; `#[precision(f32)]` computes a layer in float32, and `bf16-mixed` has the range of float32",
        )
        .at(run.progress.location(Some("backward".to_owned()), true)));
    }
    Ok(false)
}

/// Whether every element of every gradient is finite.
// sync: once per optimizer step of `16-mixed`, whose update depends on it; a host device does not
// wait.
fn is_finite(gradients: &mut GradientStore, optimizers: &[Optimizer], host: bool) -> bool {
    let (mut finite, mut sums) = (true, Vec::new());
    let mut check = |gradient: BridgeTensor| {
        // Summed in `f64`, where the squares of finite `f32` numbers do not overflow.
        let (gradient, squares) = if host { fused::sum_of_squares(gradient) } else { (gradient, None) };
        match squares {
            Some(squares) => finite &= squares.is_finite(),
            // 0 times a finite number is 0, times any other NaN.
            None => sums.extend(with_rank!(gradient.rank(), D => {
                Some(Tensor::<D>::from_bridge(gradient.clone()).mul_scalar(0.0).sum())
            }, None)),
        }
        gradient
    };
    for optimizer in optimizers {
        gradients.for_each_of(optimizer, &mut check);
    }
    if !sums.is_empty() {
        finite &= readback::host_scalar(Tensor::cat(sums, 0).sum()).is_finite();
    }
    finite
}

/// Returns the scalers for a checkpoint.
pub(crate) fn scalers_record(run: &RunState) -> Result<Value> {
    if run.train.scalers.is_empty() { Ok(Value::Null) } else { Ok(serde_json::to_value(&run.train.scalers)?) }
}

/// Returns the precision of the run that wrote a checkpoint, if its program set one.
fn stored_precision(record: &RunRecord) -> Option<Precision> {
    record.settings.get(SETTING)?.parse().ok()
}

/// # Errors
/// If the run that wrote the checkpoint stored its parameters in another float type: gradients and
/// optimizer states have that type.
pub(crate) fn check_resumable(run: &RunState, record: &RunRecord) -> Result<()> {
    let (stored, now) =
        (stored_precision(record).unwrap_or_default(), run.settings.numerics.precision.unwrap_or_default());
    if stored.param_dtype() == now.param_dtype() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Checkpoint,
        format!(
            "`precision` was `{stored}` when the checkpoint was written and is `{now}` now, which stores parameters and \
             optimizer states in another type"
        ),
    )
    .help(format!(
        "resume with `precision(\"{stored}\")`, or load the weights with `trainer.load(&mut model, path)` and start a new run"
    )))
}

/// Restores the scalers of a checkpoint, and marks restored gradients with the scale that they
/// have.
pub(crate) fn restore_scalers(run: &mut RunState, stored: &Value, notes: &mut Vec<String>) {
    let stored: Vec<LossScaler> = serde_json::from_value(stored.clone()).unwrap_or_default();
    let usable = stored.iter().all(LossScaler::is_valid);
    for (buffer, scaler) in run.train.accumulators.iter_mut().zip(&stored) {
        if usable && buffer.micro_batches() > 0 {
            buffer.mark_loss_scale(scaler.scale());
        }
    }
    if usable && stored.len() == run.train.scalers.len() {
        run.train.scalers = stored;
    } else if !run.train.scalers.is_empty() {
        notes.push("the loss scale is not in the checkpoint: it starts from its initial state".to_owned());
    }
}

/// Casts a loss in 16 bits to float32.
pub(crate) fn loss_in_f32(output: TrainingOutput) -> TrainingOutput {
    let is_half = matches!(output.loss.dtype(), DType::F16 | DType::BF16);
    if is_half { TrainingOutput { loss: output.loss.cast(FloatDType::F32), ..output } } else { output }
}
