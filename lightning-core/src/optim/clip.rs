//! How gradients are clipped.

/// How gradients are clipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClipAlgorithm {
    /// All gradients of an optimizer together, to a total 2-norm: `g · min(1, c / (‖g‖ + 1e-6))`,
    /// as torch's `clip_grad_norm_` does.
    #[default]
    Norm,
    /// Each element, to `[-c, c]`.
    Value,
}

/// How gradients are clipped, and at which limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Clip {
    pub(crate) limit: f64,
    pub(crate) algorithm: ClipAlgorithm,
}
