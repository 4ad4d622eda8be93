//! The state of the audit, and the parameters without a gradient.

use burn::module::ParamId;

use crate::{
    error::Result,
    optim::{GradientStore, Optimizer},
    params::{ErasedVisitor, FloatParam},
};

/// The audit of a `fit`.
#[derive(Debug, Default)]
pub(crate) struct AuditState {
    pub(super) is_pending: bool,
    pub(super) saw_batch: bool,
    /// The optimizers whose gradients were looked at.
    pub(super) seen: Vec<String>,
    /// The parameters without a gradient.
    pub(super) missing: Vec<String>,
}

/// Looks for parameters of optimizers that have no gradient after the first backward pass.
///
/// # Errors
/// If the module cannot be visited.
pub(in crate::engine) fn see_gradients(
    audit: &mut AuditState,
    gradients: &GradientStore,
    optimizers: &[Optimizer],
    visit: &dyn Fn(&mut dyn ErasedVisitor) -> Result<()>,
) -> Result<()> {
    struct Missing<'a> {
        gradients: &'a GradientStore,
        optimizers: Vec<&'a Optimizer>,
        paths: Vec<String>,
    }

    impl ErasedVisitor for Missing<'_> {
        fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
            let is_trained =
                param.is_trainable() && self.optimizers.iter().any(|optimizer| optimizer.trains(index, id));
            if is_trained && !self.gradients.has(index, id) {
                self.paths.push(path.to_owned());
            }
            Ok(())
        }
    }

    if !audit.is_pending {
        return Ok(());
    }
    let new = optimizers.iter().filter(|optimizer| !audit.seen.iter().any(|seen| seen == optimizer.name()));
    let mut missing = Missing { gradients, optimizers: new.collect(), paths: Vec::new() };
    if missing.optimizers.is_empty() {
        return Ok(());
    }
    visit(&mut missing)?;
    let Missing { optimizers, paths, .. } = missing;
    audit.seen.extend(optimizers.into_iter().map(|optimizer| optimizer.name().to_owned()));
    audit.missing.extend(paths);
    Ok(())
}

impl AuditState {
    /// Whether the step is being audited.
    pub(in crate::engine) fn is_pending(&self) -> bool {
        self.is_pending
    }
}
