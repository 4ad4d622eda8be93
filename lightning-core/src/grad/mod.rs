//! Gradients of a network with respect to its input, and penalties on them.
//!
//! Burn differentiates once: a gradient is a constant to the next backward pass, so that the double backward with which
//! `torch.autograd.grad(…, create_graph=True)` trains a network by its own input gradient is not there. A penalty needs less than that,
//! namely how the length of the input gradient changes with the parameters, and [`gradient_penalty`] takes it from two more forward passes.
//!
//! ```
//! use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::Distribution};
//! use lightning_core::prelude::*;
//!
//! #[lightning_module]
//! struct Wgan {
//!     #[optimizer(AdamConfig::torch_defaults().with_beta_1(0.0), lr = 1e-3)]
//!     #[init(LinearConfig::new(2, 1).init(device))]
//!     critic: Linear,
//!     #[optimizer(AdamConfig::torch_defaults().with_beta_1(0.0), lr = 1e-3)]
//!     #[init(LinearConfig::new(2, 2).init(device))]
//!     generator: Linear,
//! }
//!
//! #[lightning_module]
//! impl Wgan {
//!     #[training_step(optimizer = critic)]
//!     fn critic_step(&self, real: Tensor<2>) -> Tensor<1> {
//!         let fake = self.generator.forward(real.random_like(Distribution::Default)).detach();
//!         let mix = grad::interpolate(&real, &fake);
//!         let penalty = grad::gradient_penalty(&self.critic, mix, 1.0, |critic, x| critic.forward(x));
//!         #[log(minimize)]
//!         let critic_loss = self.critic.forward(fake).mean() - self.critic.forward(real).mean() + penalty * 10.0;
//!         critic_loss
//!     }
//!
//!     #[training_step(optimizer = generator, every = 5)]
//!     fn generator_step(&self, real: Tensor<2>) -> Tensor<1> {
//!         let fake = self.generator.forward(real.random_like(Distribution::Default));
//!         #[log(minimize)]
//!         let generator_loss = self.critic.forward(fake).mean().neg();
//!         generator_loss
//!     }
//! }
//! # let device = Device::default();
//! # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([4, 2], &device); 10])?;
//! # let mut model = Wgan::new(WganHparams::default());
//! # let builder = Wgan::trainer().max_epochs(1).no_logger().enable_checkpointing(false).enable_progress_bar(false);
//! # let report = builder.build()?.fit(&mut model, data)?;
//! # assert_eq!(report.batch_step, 10);
//! # Ok::<(), lightning_core::Error>(())
//! ```

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{DType, Distribution, FloatDType, Tensor},
};

/// The gradient of the outputs of `forward`, summed, with respect to `x`: row i is `∇ₓ f(xᵢ)` where each row of the output depends on its
/// own row of the input alone.
///
/// It has the shape of `x` and is a constant: nothing that is computed from it reaches the parameters. `forward` gets the module with its
/// parameters frozen, so that no gradient of them is computed. The module may be in training or in evaluation form.
///
/// ```
/// use burn::{nn::LinearConfig, prelude::*};
/// use lightning_core::grad;
///
/// let device = Device::default();
/// let linear = LinearConfig::new(3, 1).init(&device);
/// let gradient = grad::input_gradient(&linear, Tensor::<2>::ones([2, 3], &device), |linear, x| linear.forward(x));
/// // Of a linear function it is the weight, whatever the input.
/// let weight = linear.weight.val().transpose();
/// assert_eq!(gradient.into_data(), Tensor::cat(vec![weight.clone(), weight], 0).into_data());
/// ```
///
/// # Panics
///
/// Where what `forward` gives back does not depend on its input.
pub fn input_gradient<M: Module, const D: usize, const E: usize>(
    module: &M,
    x: Tensor<D>,
    forward: impl FnOnce(&M, Tensor<D>) -> Tensor<E>,
) -> Tensor<D> {
    make_parameters(module);
    let x = constant(x).autodiff().require_grad();
    let output = forward(&module.clone().no_grad(), x.clone());
    let gradient = output.is_tracked().then(|| x.grad(&output.sum().backward())).flatten();
    gradient.expect("the output does not depend on the input: `forward` is to use the tensor it is given, in its graph")
}

/// How far a gradient's length is from `target`: `meanᵢ( (‖∇ₓ f(xᵢ)‖₂ − target)² )`, differentiable in the parameters of `module`.
///
/// Dimension 0 of `x` is the batch, and the norm goes over all others; `forward` gives one row for each row of `x`, several values of a
/// row being summed. With [`interpolate`] and a target of 1 it is the penalty of WGAN-GP (Gulrajani et al., "Improved Training of
/// Wasserstein GANs", 2017, equation 3; there times 10); on real samples with a target of 0 it is R₁ (Mescheder, Geiger and Nowozin,
/// "Which Training Methods for GANs do actually Converge?", 2018; there times γ/2).
///
/// The value is that of the exact input gradient. The derivative of the norm `nᵢ = ‖∇ₓ f(xᵢ)‖` with respect to a parameter θ is, with
/// the constant direction `vᵢ = ∇ₓ f(xᵢ) / nᵢ`, the mixed derivative `∂/∂θ ( vᵢ · ∇ₓ f(xᵢ) )`: that of the slope of `f` along `vᵢ`, which is
/// taken as the central difference `( f(xᵢ + h vᵢ) − f(xᵢ − h vᵢ) ) / 2h`. Its error is of order h², and rounding adds one of order ε/h:
/// `h` is the cube root of the machine epsilon times the root mean square of `x`, near where both together are smallest. On
/// networks with smooth activations the parameter gradient is that of torch's double backward within some 10⁻⁴ in float32, if `x` is
/// about as large as what the network tells apart, as standardised inputs are (within 10⁻² on inputs a hundred times smaller).
/// Where a gradient is 0 the norm has no derivative, and 0 is taken, as torch does.
///
/// What to know of the network:
/// - The rows must not influence each other, nor be random: no BatchNorm (which WGAN-GP rules out by itself) and no dropout, whose two
///   masks would make the difference meaningless.
/// - At the kinks of ReLU and its like, double backward sees nothing while a difference sees a jump: rarely, but a large one. In the mean over
///   many batches that is right (it is the part of the true derivative that double backward leaves out), in one batch it is noise.
///   A smooth activation (tanh, SiLU, GELU, softplus) has none of it.
/// - Half precision cannot carry a difference: `x` in float16 or bfloat16 is taken to float32, and the module has to be in float32.
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
/// // The gradient of a linear critic is its weight w: the penalty is (‖w‖ − 1)², its own gradient 2 (‖w‖ − 1) w / ‖w‖.
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
/// Where `forward` gives another number of rows than `x` has, or its output does not depend on its input.
pub fn gradient_penalty<M: Module, const D: usize, const E: usize>(
    module: &M,
    x: Tensor<D>,
    target: f64,
    forward: impl Fn(&M, Tensor<D>) -> Tensor<E>,
) -> Tensor<1> {
    let x = match x.dtype() {
        DType::F16 | DType::BF16 => constant(x).cast(FloatDType::F32),
        _ => constant(x),
    };
    let gradient = input_gradient(module, x.clone(), |module, x| {
        let batch = x.dims()[0];
        let output = forward(module, x);
        check_rows(batch, &output);
        output
    });
    let norm = rows(gradient.clone()).square().sum_dim(1).sqrt();
    let is_zero = norm.clone().equal_scalar(0.0);
    let direction = rows(gradient.clone()) / norm.clone().mask_fill(is_zero, 1.0);
    let direction = direction.reshape(gradient.dims());

    let scale = x.clone().inner().square().mean().sqrt();
    let is_zero = scale.clone().equal_scalar(0.0);
    let step = scale.mask_fill(is_zero, 1.0) * relative_step(x.dtype());
    let ahead = direction * step.clone().reshape([1; D]);
    let rise = rows(forward(module, x.clone() + ahead.clone())) - rows(forward(module, x - ahead));
    let slope = rise.sum_dim(1) / (step.reshape([1, 1]) * 2.0);

    // The value of the exact norm with the gradient of the slope.
    let norm = slope.clone() - slope.inner() + norm;
    (norm - target).square().mean()
}

/// Points between real and fake samples, `εᵢ realᵢ + (1 − εᵢ) fakeᵢ` with one `εᵢ` for each row, drawn evenly from 0 to 1: where WGAN-GP
/// penalizes the critic's gradient (Gulrajani et al. 2017, algorithm 1, line 6).
///
/// Both have the same shape, whose dimension 0 is the batch. The result is a constant: no gradient reaches a generator through it.
///
/// ```
/// use burn::prelude::*;
/// use lightning_core::grad;
///
/// let device = Device::default();
/// let mix = grad::interpolate(&Tensor::<2>::ones([8, 3], &device), &Tensor::zeros([8, 3], &device));
/// let weights: Vec<f32> = mix.into_data().try_to_vec()?;
/// // One weight for all values of a row, another for each row.
/// assert!(weights.chunks(3).all(|row| (0.0..=1.0).contains(&row[0]) && row.iter().all(|weight| *weight == row[0])));
/// assert_ne!(weights[0], weights[3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// Where the shapes differ.
pub fn interpolate<const D: usize>(real: &Tensor<D>, fake: &Tensor<D>) -> Tensor<D> {
    let (shape, other) = (real.dims(), fake.dims());
    assert!(shape == other, "`interpolate` mixes shape {shape:?} with shape {other:?}: give both the same shape");
    let (real, fake) = (constant(real.clone()), constant(fake.clone()));
    let mut weights = [1; D];
    weights[0] = shape[0];
    let weight = Tensor::random(weights, Distribution::Uniform(0.0, 1.0), (&real.device(), real.dtype()));
    fake.clone() + (real - fake) * weight
}

/// Burn makes a parameter when it is first read, and a frozen copy that reads it first would make the module's a constant.
fn make_parameters<M: Module>(module: &M) {
    struct Read;

    impl ModuleVisitor for Read {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let _ = param.val();
        }
    }

    module.visit(&mut Read);
}

/// Out of any graph. Burn's `detach` leaves a tensor that asks for a gradient asking for one.
fn constant<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    tensor.set_require_grad(false)
}

/// The length of a step for inputs of size 1: the cube root of the machine epsilon, where the errors of a central difference balance (Press et
/// al., "Numerical Recipes", section 5.7).
fn relative_step(dtype: DType) -> f64 {
    let epsilon = if dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    epsilon.cbrt()
}

/// All but the first dimension as one.
fn rows<const D: usize>(tensor: Tensor<D>) -> Tensor<2> {
    let dims = tensor.dims();
    tensor.reshape([dims[0], dims[1..].iter().product()])
}

fn check_rows<const E: usize>(batch: usize, output: &Tensor<E>) {
    let found = output.dims();
    assert!(
        found[0] == batch,
        "a gradient penalty of {batch} samples was given an output of shape {found:?}: let `forward` give one row for each sample, \
         without a mean over them"
    );
}

#[cfg(test)]
mod tests {
    use burn::{
        module::Param,
        nn::{Linear, LinearConfig},
        tensor::{
            Device, TensorData,
            activation::{leaky_relu, silu, tanh},
        },
    };
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        cases: Vec<Case>,
    }

    /// A penalty on a small network, as PyTorch computes it: see `tests/reference/grad.py`.
    #[derive(Deserialize)]
    struct Case {
        name: String,
        activation: String,
        sizes: Vec<usize>,
        target: f64,
        whole: bool,
        points: Vec<f64>,
        weights: Vec<Vec<f64>>,
        biases: Vec<Vec<f64>>,
        input_gradient: Vec<f64>,
        value: f64,
        weight_grads: Vec<Vec<f64>>,
        bias_grads: Vec<Vec<f64>>,
    }

    impl Case {
        fn network(&self, dtype: DType) -> Vec<Linear> {
            let device = Device::default().autodiff();
            let widths = self.sizes.iter().zip(&self.sizes[1..]);
            let values = self.weights.iter().zip(&self.biases);
            widths
                .zip(values)
                .map(|((inputs, outputs), (weight, bias))| {
                    let mut layer = LinearConfig::new(*inputs, *outputs).init(&device);
                    let weight = TensorData::new(weight.clone(), [*outputs, *inputs]);
                    let bias = TensorData::new(bias.clone(), [*outputs]);
                    layer.weight = leaf(Tensor::<2>::from_data(weight, (&device, dtype)).transpose());
                    layer.bias = Some(leaf(Tensor::from_data(bias, (&device, dtype))));
                    layer
                })
                .collect()
        }

        fn points(&self, dtype: DType) -> Tensor<2> {
            let points = TensorData::new(self.points.clone(), [self.points.len() / self.sizes[0], self.sizes[0]]);
            Tensor::from_data(points, (&Device::default().autodiff(), dtype))
        }

        fn forward(&self, network: &[Linear], mut x: Tensor<2>) -> Tensor<2> {
            let (last, hidden) = network.split_last().expect("a layer");
            for layer in hidden {
                x = layer.forward(x);
                x = match self.activation.as_str() {
                    "tanh" => tanh(x),
                    "silu" => silu(x),
                    "leaky_relu" => leaky_relu(x, 0.2),
                    other => panic!("activation {other}"),
                };
            }
            last.forward(x)
        }

        fn loss(&self, network: &Vec<Linear>, x: Tensor<2>) -> Tensor<1> {
            let penalty = gradient_penalty(network, x.clone(), self.target, |network, x| self.forward(network, x));
            if !self.whole {
                return penalty;
            }
            self.forward(network, x.clone().neg()).mean() - self.forward(network, x).mean() + penalty * 10.0
        }

        /// `of_value` and `of_gradient` bound the errors, relative to a number's size but no less than a tenth of the largest of its kind.
        fn check(&self, dtype: DType, of_value: f64, of_gradient: f64) {
            let network = self.network(dtype);
            let x = self.points(dtype);
            let gradient = input_gradient(&network, x.clone(), |network, x| self.forward(network, x));
            close(&self.name, &host(gradient), &self.input_gradient, of_value);
            let loss = self.loss(&network, x);
            assert_eq!(loss.dtype(), dtype, "{}", self.name);
            close(&self.name, &host(loss.clone()), &[self.value], of_value);
            let gradients = loss.backward();
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for (index, layer) in network.iter().enumerate() {
                let bias = layer.bias.as_ref().expect("a bias").val();
                ours.extend(host(layer.weight.val().grad(&gradients).expect("a gradient").transpose()));
                ours.extend(host(bias.grad(&gradients).expect("a gradient")));
                theirs.extend_from_slice(&self.weight_grads[index]);
                theirs.extend_from_slice(&self.bias_grads[index]);
            }
            close(&self.name, &ours, &theirs, of_gradient);
        }
    }

    fn leaf<const D: usize>(tensor: Tensor<D>) -> Param<Tensor<D>> {
        Param::from_tensor(tensor.detach())
    }

    fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
        tensor.cast(FloatDType::F64).into_data().try_to_vec().expect("float64")
    }

    #[track_caller]
    fn close(name: &str, found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len(), "{name}");
        let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        for (found, expected) in found.iter().zip(expected) {
            let bound = tolerance * expected.abs().max(0.1 * largest);
            assert!((found - expected).abs() <= bound, "{name}: found {found}, torch has {expected}");
        }
    }

    fn cases() -> Vec<Case> {
        let reference: Reference =
            serde_json::from_str(include_str!("../../../tests/reference/grad.json")).expect("the reference numbers");
        reference.cases
    }

    fn case(name: &str) -> Case {
        cases().into_iter().find(|case| case.name == name).expect("a case of this name")
    }

    fn linear(weight: [[f32; 1]; 3]) -> Linear {
        let device = Device::default().autodiff();
        let mut layer = LinearConfig::new(3, 1).init(&device);
        layer.weight = leaf(Tensor::from_data(weight, &device));
        layer
    }

    #[test]
    fn the_penalty_trains_as_torchs_double_backward_in_float32() {
        for case in cases().iter().filter(|case| case.name != "kinks") {
            let of_gradient = if case.name == "small inputs" { 1e-2 } else { 1e-3 };
            case.check(DType::F32, 1e-5, of_gradient);
        }
    }

    /// The steps are a thousand times smaller here: no point of this batch is that near to a kink.
    #[test]
    fn the_penalty_trains_as_torchs_double_backward_in_float64() {
        for case in cases() {
            case.check(DType::F64, 1e-12, 1e-6);
        }
    }

    #[test]
    fn images_are_rows_of_pixels() {
        let case = case("small");
        let network = case.network(DType::F32);
        let images = case.points(DType::F32).reshape([-1, 1, 2, 2]);
        let forward = |network: &Vec<Linear>, x: Tensor<4>| case.forward(network, x.flatten(1, 3));
        assert_eq!(input_gradient(&network, images.clone(), forward).dims(), images.dims());
        let penalty = gradient_penalty(&network, images, case.target, forward);
        close("images", &host(penalty), &[case.value], 1e-5);
    }

    #[test]
    fn rows_of_any_rank_are_one_value_each() {
        let case = case("small");
        let network = case.network(DType::F32);
        let x = case.points(DType::F32);
        let flat = gradient_penalty(&network, x, 1.0, |network, x| case.forward(network, x).squeeze_dim::<1>(1));
        close("flat", &host(flat), &[case.value], 1e-5);
    }

    #[test]
    fn a_module_in_evaluation_form_has_the_same_penalty() {
        let case = case("small");
        let network = case.network(DType::F32).valid();
        let penalty = case.loss(&network, case.points(DType::F32).inner());
        assert!(!penalty.is_tracked());
        close("evaluation", &host(penalty), &[case.value], 1e-5);
    }

    #[test]
    fn input_gradients_are_constants_of_a_frozen_module() {
        let x = Tensor::<2>::ones([2, 3], &Device::default().autodiff()).require_grad();
        let network = linear([[1.0], [-2.0], [3.0]]);
        let gradient = input_gradient(&network, x, |network, x| {
            assert!(!network.weight.is_require_grad());
            network.forward(x)
        });
        assert!(network.weight.is_require_grad() && !gradient.is_tracked());
        assert_eq!(host(gradient), [1.0, -2.0, 3.0, 1.0, -2.0, 3.0]);
    }

    #[test]
    fn no_gradient_has_no_direction() {
        let network = linear([[0.0]; 3]);
        for x in [Tensor::<2>::ones([4, 3], &Device::default()), Tensor::zeros([4, 3], &Device::default())] {
            let penalty = gradient_penalty(&network, x, 0.5, |network, x| network.forward(x));
            assert_eq!(host(penalty.clone()), [0.25]);
            let gradient = network.weight.grad(&penalty.backward()).expect("a gradient");
            assert_eq!(host(gradient), [0.0; 3]);
        }
    }

    #[test]
    fn points_at_zero_have_a_penalty() {
        let network = linear([[3.0], [0.0], [4.0]]);
        let x = Tensor::<2>::zeros([2, 3], &Device::default());
        let penalty = gradient_penalty(&network, x, 1.0, |network, x| network.forward(x));
        close("value", &host(penalty.clone()), &[16.0], 1e-6);
        let gradient = network.weight.grad(&penalty.backward()).expect("a gradient");
        close("gradient", &host(gradient), &[8.0 * 0.6, 0.0, 8.0 * 0.8], 1e-4);
    }

    #[test]
    fn points_in_half_precision_are_taken_to_float32() {
        let network = linear([[3.0], [0.0], [4.0]]);
        for dtype in [DType::F16, DType::BF16] {
            let x = Tensor::<2>::ones([2, 3], (&Device::default(), dtype));
            let penalty = gradient_penalty(&network, x, 1.0, |network, x| network.forward(x));
            assert_eq!(penalty.dtype(), DType::F32);
            close("half", &host(penalty), &[16.0], 1e-6);
        }
    }

    #[test]
    #[should_panic(expected = "a gradient penalty of 4 samples was given an output of shape [1]")]
    fn a_mean_over_the_samples_is_refused() {
        let x = Tensor::<2>::ones([4, 3], &Device::default());
        let _ = gradient_penalty(&linear([[1.0]; 3]), x, 1.0, |network, x| network.forward(x).mean());
    }

    #[test]
    #[should_panic(expected = "the output does not depend on the input")]
    fn an_output_outside_of_the_graph_is_refused() {
        let x = Tensor::<2>::ones([4, 3], &Device::default());
        let _ = input_gradient(&linear([[1.0]; 3]), x, |network, x| network.forward(x.inner()));
    }

    #[test]
    #[should_panic(expected = "the output does not depend on the input")]
    fn an_output_of_another_input_is_refused() {
        let x = Tensor::<2>::ones([4, 3], &Device::default());
        let _ = input_gradient(&linear([[1.0]; 3]), x, |network, x| network.forward(x.detach()));
    }

    #[test]
    fn mixtures_lie_evenly_between_real_and_fake() {
        let device = Device::default().autodiff();
        let (real, fake) = (Tensor::<3>::full([4000, 2, 2], 3.0, &device), Tensor::full([4000, 2, 2], 1.0, &device));
        let mix = interpolate(&real.require_grad(), &fake);
        assert!(!mix.is_tracked());
        let values = host(mix);
        assert!(values.chunks(4).all(|row| row.iter().all(|value| *value == row[0] && (1.0..=3.0).contains(value))));
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        // Of 4000 draws from an even distribution of width 2; five standard errors.
        assert!((mean - 2.0).abs() < 0.046, "{mean}");
        assert!((variance - 1.0 / 3.0).abs() < 0.024, "{variance}");
    }

    #[test]
    #[should_panic(expected = "`interpolate` mixes shape [4, 3] with shape [2, 3]")]
    fn mixtures_are_of_one_shape() {
        let device = Device::default();
        let _ = interpolate(&Tensor::<2>::ones([4, 3], &device), &Tensor::ones([2, 3], &device));
    }
}
