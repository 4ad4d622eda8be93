//! The penalty and its gradient against PyTorch's double backward: the numbers are those of
//! `tests/reference/grad.py`.

use burn::{
    module::{Module, Param},
    nn::{Linear, LinearConfig},
    tensor::{
        DType, Device, FloatDType, Tensor, TensorData,
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

    /// `of_value` and `of_gradient` bound the errors, relative to a number's size but at least a
    /// tenth of the largest of its kind.
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

/// The steps are a thousand times smaller than in float32, and no point of the batch is that near
/// to a kink.
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
#[should_panic(expected = "`forward` must return one row per sample, found an output of shape [1] for 4 samples")]
fn a_mean_over_the_samples_is_refused() {
    let x = Tensor::<2>::ones([4, 3], &Device::default());
    let _ = gradient_penalty(&linear([[1.0]; 3]), x, 1.0, |network, x| network.forward(x).mean());
}

#[test]
#[should_panic(expected = "the output of `forward` must depend on its input")]
fn an_output_outside_of_the_graph_is_refused() {
    let x = Tensor::<2>::ones([4, 3], &Device::default());
    let _ = input_gradient(&linear([[1.0]; 3]), x, |network, x| network.forward(x.inner()));
}

#[test]
#[should_panic(expected = "the output of `forward` must depend on its input")]
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
    // 4000 draws from a uniform distribution of width 2, within five standard errors.
    assert!((mean - 2.0).abs() < 0.046, "{mean}");
    assert!((variance - 1.0 / 3.0).abs() < 0.024, "{variance}");
}

#[test]
#[should_panic(expected = "`interpolate` needs two tensors of the same shape, found [4, 3] and [2, 3]")]
fn mixtures_are_of_one_shape() {
    let device = Device::default();
    let _ = interpolate(&Tensor::<2>::ones([4, 3], &device), &Tensor::ones([2, 3], &device));
}
