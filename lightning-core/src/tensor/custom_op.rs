//! An operation with a backward pass of its own, on every backend that a trainer runs on.

use std::{fmt, marker::PhantomData};

use burn::{
    backend::{
        Autodiff, Backend, DispatchKindConversion, DispatchTensor,
        autodiff::{
            checkpoint::{
                base::Checkpointer,
                strategy::{BalancedCheckpointing, CheckpointStrategy, NoCheckpointing},
            },
            grads::Gradients,
            ops::{Backward, Ops, OpsKind, unary},
        },
    },
    tensor::Tensor,
};

/// The backward pass of an operation from one float tensor to one of the same shape.
pub(crate) trait CustomOp<const D: usize>: Clone + fmt::Debug + Send + 'static {
    /// Returns the gradient with respect to the input, from that with respect to the output. Both
    /// are outside the autodiff graph.
    fn backward(self, gradient: Tensor<D>) -> Tensor<D>;
}

/// Returns a tensor with the values of `output`, which is outside the autodiff graph. Its gradient
/// goes through `op` to `input`. `None` on a backend without such operations.
///
/// `after` delays the backward pass: it runs when that of `after` could, although `after` takes no
/// gradient.
pub(crate) fn custom_op<const D: usize, O: CustomOp<D>>(
    input: &Tensor<D>,
    output: &Tensor<D>,
    op: &O,
    after: Option<&Tensor<1>>,
) -> Option<Tensor<D>> {
    macro_rules! on_backends {
        ($($condition:meta => $backend:ident),*) => {
            $(
                #[cfg($condition)]
                #[allow(deprecated, reason = "the feature `ndarray` exists as long as Burn has the backend")]
                {
                    use burn::backend::$backend;
                    let made = on_backend::<$backend, NoCheckpointing, O, D>(input, output, op, after)
                        .or_else(|| on_backend::<$backend, BalancedCheckpointing, O, D>(input, output, op, after));
                    if made.is_some() {
                        return made;
                    }
                }
            )*
        };
    }
    on_backends!(
        feature = "flex" => Flex,
        feature = "ndarray" => NdArray,
        feature = "tch" => LibTorch,
        // All backends of CubeCL are one type.
        any(feature = "cuda", feature = "wgpu", feature = "vulkan", feature = "metal", feature = "rocm") => Cube
    );
    None
}

fn on_backend<B, C, O, const D: usize>(
    input: &Tensor<D>,
    output: &Tensor<D>,
    op: &O,
    after: Option<&Tensor<1>>,
) -> Option<Tensor<D>>
where
    B: Backend,
    C: CheckpointStrategy,
    O: CustomOp<D>,
    DispatchTensor: DispatchKindConversion<B> + DispatchKindConversion<Autodiff<B, C>>,
{
    let input = input.clone().try_into_primitive::<Autodiff<B, C>>().ok()?;
    let output = output.clone().try_into_primitive::<B>().ok()?;
    let after = match after {
        Some(after) => after.clone().try_into_primitive::<Autodiff<B, C>>().ok()?.node(),
        None => input.node(),
    };
    let (_, guard) = input.into_parts();
    let operation = Operation::<O, D>(PhantomData);
    let prepared = Backward::<B, 2>::prepare::<C>(operation, [guard, after]).compute_bound().stateful();
    let output = match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(op.clone(), output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Some(Tensor::from_primitive::<Autodiff<B, C>>(output))
}

struct Operation<O, const D: usize>(PhantomData<fn() -> O>);

impl<O, const D: usize> fmt::Debug for Operation<O, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<O>())
    }
}

impl<B, O, const D: usize> Backward<B, 2> for Operation<O, D>
where
    B: Backend,
    O: CustomOp<D>,
    DispatchTensor: DispatchKindConversion<B>,
{
    type State = O;

    fn backward(self, ops: Ops<O, 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let Ops { parents: [parent, _], node, state } = ops;
        unary::<B, _>([parent], node, gradients, |gradient| {
            let gradient = state.backward(Tensor::<D>::from_primitive::<B>(gradient));
            // The panic becomes an error of the run: the caller catches those of backward passes.
            gradient.try_into_primitive::<B>().expect("an operation returns a gradient on the device of its argument")
        });
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[derive(Clone, Debug)]
    struct Triple;

    impl CustomOp<1> for Triple {
        fn backward(self, gradient: Tensor<1>) -> Tensor<1> {
            gradient.mul_scalar(3.0)
        }
    }

    fn gradient_of(device: &Device) -> Vec<f32> {
        let input = Tensor::<1>::from_data([1.0, 2.0], device).require_grad();
        let output = Tensor::<1>::from_data([10.0, 20.0], &input.clone().inner().device());
        let output = custom_op(&input, &output, &Triple, None).expect("the backend has custom operations");
        let loss = (output.clone() * output).sum();
        let gradients = loss.backward();
        input.grad(&gradients).expect("the input takes a gradient").into_data().iter().collect()
    }

    #[test]
    fn the_gradient_goes_through_the_operation() {
        // 3 · 2 · output
        assert_eq!(gradient_of(&Device::default().autodiff()), [60.0, 120.0]);
        assert_eq!(gradient_of(&Device::default().autodiff().gradient_checkpointing()), [60.0, 120.0]);
    }

    #[test]
    fn an_input_without_a_gradient_has_none() {
        let device = Device::default().autodiff();
        let input = Tensor::<1>::from_data([1.0], &device);
        let output = Tensor::<1>::from_data([2.0], &Device::default());
        let made = custom_op(&input, &output, &Triple, None).expect("the backend has custom operations");
        assert!(!made.is_tracked());
        assert_eq!(made.into_data().iter::<f32>().collect::<Vec<_>>(), [2.0]);
    }
}
