//! The gradient with respect to the input.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};

use super::constant;

/// Returns the gradient of the summed outputs of `forward` with respect to `x`: row i is `∇ₓ f(xᵢ)`
/// if each row of the output depends on its own row of the input alone.
///
/// The result has the shape of `x` and is a constant: nothing that is computed from it reaches the
/// parameters. `forward` receives the module with frozen parameters, so that their gradients are
/// not computed. The module may be in training or in evaluation form.
///
/// ```
/// use burn::{nn::LinearConfig, prelude::*};
/// use lightning_core::grad;
///
/// let device = Device::default();
/// let linear = LinearConfig::new(3, 1).init(&device);
/// let x = Tensor::<2>::ones([2, 3], &device);
/// let gradient = grad::input_gradient(&linear, x, |linear, x| linear.forward(x));
/// // The gradient of a linear function is its weight, whatever the input.
/// let weight = linear.weight.val().transpose();
/// assert_eq!(gradient.into_data(), Tensor::cat(vec![weight.clone(), weight], 0).into_data());
/// ```
///
/// # Panics
///
/// If the output of `forward` does not depend on its input.
pub fn input_gradient<M: Module, const D: usize, const E: usize>(
    module: &M,
    x: Tensor<D>,
    forward: impl FnOnce(&M, Tensor<D>) -> Tensor<E>,
) -> Tensor<D> {
    init_parameters(module);
    let x = constant(x).autodiff().require_grad();
    let output = forward(&module.clone().no_grad(), x.clone());
    let gradient = output.is_tracked().then(|| x.grad(&output.sum().backward())).flatten();
    gradient.expect(
        "the output of `forward` must depend on its input: compute it from the tensor that `forward` \
         receives, without `.detach()` or `.inner()`",
    )
}

/// Initializes the lazy parameters of a module.
///
/// Burn initializes a parameter when it is first read. If a frozen copy were to read it first, the
/// parameter of the module itself would be a constant.
fn init_parameters<M: Module>(module: &M) {
    struct Read;

    impl ModuleVisitor for Read {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let _ = param.val();
        }
    }

    module.visit(&mut Read);
}
