//! The gradient penalty.

use burn::{
    module::Module,
    tensor::{DType, Tensor},
};

use super::{constant, input_gradient};
use crate::functional::at_least_f32;

/// Returns a penalty on the length of the input gradient, `meanᵢ( (‖∇ₓ f(xᵢ)‖₂ − target)² )`, which
/// is differentiable in the parameters of `module`.
///
/// Dimension 0 of `x` is the batch, and the norm is taken over all other dimensions. `forward`
/// returns one row per row of `x`; several values of a row are summed. With
/// [`interpolate`](super::interpolate) and a target of 1 it is the penalty of WGAN-GP (Gulrajani et
/// al., "Improved Training of Wasserstein GANs", 2017, equation 3; there times 10). On real samples
/// with a target of 0 it is R₁ (Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do
/// actually Converge?", 2018; there times γ/2).
///
/// # Method
///
/// The value is that of the exact input gradient. The derivative of the norm `nᵢ = ‖∇ₓ f(xᵢ)‖` with
/// respect to a parameter θ is, with the constant direction `vᵢ = ∇ₓ f(xᵢ) / nᵢ`, the mixed
/// derivative `∂/∂θ ( vᵢ · ∇ₓ f(xᵢ) )`: that of the slope of `f` along `vᵢ`. The slope is computed
/// as the central difference `( f(xᵢ + h vᵢ) − f(xᵢ − h vᵢ) ) / 2h`. Its truncation error is of
/// order h² and its rounding error of order ε/h. `h` is the cube root of the machine epsilon times
/// the root mean square of `x`, which nearly minimizes their sum.
///
/// On networks with smooth activations the parameter gradient agrees with torch's double backward
/// within some 10⁻⁴ in float32 if `x` has the scale of standardized inputs (within 10⁻² on inputs a
/// hundred times smaller). Where a gradient is 0 the norm has no derivative, and 0 is used, as in
/// torch.
///
/// # Requirements on the network
///
/// - Rows must neither influence each other nor be random: no BatchNorm (which WGAN-GP rules out as
///   well) and no dropout, whose two masks would make the difference meaningless.
/// - At the kinks of ReLU and similar activations, double backward sees nothing while a difference
///   sees a jump, which is rare but large. In the mean over many batches it is right, because it is
///   the part of the true derivative that double backward leaves out; in a single batch it is
///   noise. Smooth activations (tanh, SiLU, GELU, softplus) avoid it.
/// - Half precision cannot represent the difference: `x` in float16 or bfloat16 is cast to float32,
///   and the module has to be in float32.
///
/// No gradient reaches `x`.
///
/// ```
/// use burn::{nn::LinearConfig, prelude::*};
/// use lightning_core::grad;
///
/// let device = Device::default().autodiff();
/// let critic = LinearConfig::new(3, 1).init(&device);
/// let x = Tensor::<2>::ones([4, 3], &device);
/// let penalty = grad::gradient_penalty(&critic, x, 1.0, |critic, x| critic.forward(x));
///
/// // The gradient of a linear critic is its weight w: the penalty is (‖w‖ − 1)², and its own
/// // gradient 2 (‖w‖ − 1) w / ‖w‖.
/// let w = critic.weight.val();
/// let norm = w.clone().square().sum().sqrt();
/// let expected = (norm.clone() - 1.0).square();
/// assert!((penalty.clone() - expected).abs().into_scalar::<f32>() < 1e-6);
/// let gradient = critic.weight.grad(&penalty.backward()).unwrap();
/// let expected = w.clone() * ((norm.clone() - 1.0) * 2.0 / norm).unsqueeze();
/// assert!((gradient - expected.inner()).abs().max().into_scalar::<f32>() < 1e-3);
/// ```
///
/// # Panics
///
/// If `forward` returns another number of rows than `x` has, or its output does not depend on its
/// input.
pub fn gradient_penalty<M: Module, const D: usize, const E: usize>(
    module: &M,
    x: Tensor<D>,
    target: f64,
    forward: impl Fn(&M, Tensor<D>) -> Tensor<E>,
) -> Tensor<1> {
    let x = at_least_f32(constant(x));
    let gradient = input_gradient(module, x.clone(), |module, x| {
        let batch = x.dims()[0];
        let output = forward(module, x);
        check_rows(batch, &output);
        output
    });
    let norm = rows(gradient.clone()).square().sum_dim(1).sqrt();
    let direction = rows(gradient.clone()) / zeros_to_ones(norm.clone());
    let direction = direction.reshape(gradient.dims());

    let scale = x.clone().inner().square().mean().sqrt();
    let step = zeros_to_ones(scale) * relative_step(x.dtype());
    let offset = direction * step.clone().reshape([1; D]);
    let rise = rows(forward(module, x.clone() + offset.clone())) - rows(forward(module, x - offset));
    let slope = rise.sum_dim(1) / (step.reshape([1, 1]) * 2.0);

    // The value of the exact norm with the gradient of the slope.
    let norm = slope.clone() - slope.inner() + norm;
    (norm - target).square().mean()
}

/// Replaces zeros by ones, for a divisor or factor without a direction or scale.
fn zeros_to_ones<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let is_zero = tensor.clone().equal_scalar(0.0);
    tensor.mask_fill(is_zero, 1.0)
}

/// Returns the step for inputs of size 1: the cube root of the machine epsilon, which balances the
/// two errors of a central difference (Press et al., "Numerical Recipes", section 5.7).
fn relative_step(dtype: DType) -> f64 {
    let epsilon = if dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    epsilon.cbrt()
}

/// Flattens all dimensions but the first: `[batch, values]`.
fn rows<const D: usize>(tensor: Tensor<D>) -> Tensor<2> {
    let dims = tensor.dims();
    tensor.reshape([dims[0], dims[1..].iter().product()])
}

/// Rejects an output that does not have one row per sample.
fn check_rows<const E: usize>(batch: usize, output: &Tensor<E>) {
    let found = output.dims();
    assert!(
        found[0] == batch,
        "`forward` must return one row per sample, found an output of shape {found:?} for {batch} \
         samples: return the values themselves, without a mean over the samples"
    );
}
