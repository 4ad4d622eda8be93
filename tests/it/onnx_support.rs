//! Exported models in an independent runtime: tract, a Rust implementation of ONNX.

use std::path::Path;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    prelude::*,
    tensor::{DType, Distribution, TensorData},
};
use lightning_core::module::OnnxSample;
use tract_onnx::prelude::{self as tract, Framework, InferenceModelExt, IntoRunnable};

/// The largest difference to ours, of 1 or of the value if it is larger.
pub const TOLERANCE: f64 = 1e-5;

/// Runs a file with tract on the inputs of a sample, and compares the outputs.
pub fn agrees_with_tract(path: &Path, sample: &OnnxSample) -> Result<f64, String> {
    let inputs = sample.inputs.iter().map(|(_, data)| tensor_of(data)).collect::<tract::TractResult<_>>();
    let outputs = inputs.and_then(|inputs| outputs_of(path, inputs)).map_err(|error| format!("{error:?}"))?;
    if outputs.len() != sample.outputs.len() {
        return Err(format!("{} outputs in place of {}", outputs.len(), sample.outputs.len()));
    }
    let mut worst = 0_f64;
    for (output, (name, expected)) in outputs.iter().zip(&sample.outputs) {
        let expected_shape = expected.shape();
        if output.shape() != expected_shape.as_slice() {
            return Err(format!("`{name}` has the shape {:?} in place of {:?}", output.shape(), expected_shape));
        }
        let found = output.cast_to::<f64>().map_err(|error| error.to_string())?;
        let found = found.to_plain_array_view::<f64>().map_err(|error| error.to_string())?;
        worst = worst.max(difference(found.iter().copied(), &numbers(expected)));
    }
    Ok(worst)
}

/// What tract returns for these inputs.
pub fn outputs_of(path: &Path, inputs: Vec<tract::Tensor>) -> tract::TractResult<tract::TVec<tract::TValue>> {
    let onnx = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    let mut model = onnx.model_for_path(path)?;
    for (index, input) in inputs.iter().enumerate() {
        let fact = tract::InferenceFact::dt_shape(input.datum_type(), input.shape());
        model.set_input_fact(index, fact)?;
    }
    let plan = model.into_optimized()?.into_runnable()?;
    plan.run(inputs.into_iter().map(Into::into).collect())
}

/// The values of a tensor, whatever its type.
pub fn numbers(data: &TensorData) -> Vec<f64> {
    match data.dtype().is_bool() {
        true => data.iter::<bool>().map(|value| f64::from(u8::from(value))).collect(),
        false => data.iter::<f64>().collect(),
    }
}

fn difference(found: impl Iterator<Item = f64>, expected: &[f64]) -> f64 {
    let each = found.zip(expected).map(|(found, expected)| {
        if found == *expected || (found.is_nan() && expected.is_nan()) {
            return 0.0;
        }
        let difference = (found - expected).abs() / expected.abs().max(1.0);
        if difference.is_nan() { f64::INFINITY } else { difference }
    });
    each.fold(0.0, f64::max)
}

/// Integers are `int64` at the inputs of a file.
fn tensor_of(data: &TensorData) -> tract::TractResult<tract::Tensor> {
    let shape = data.shape();
    let shape = shape.as_slice();
    match data.dtype() {
        DType::F32 => tract::Tensor::from_shape(shape, &data.iter::<f32>().collect::<Vec<_>>()),
        dtype if dtype.is_bool() => tract::Tensor::from_shape(shape, &data.iter::<bool>().collect::<Vec<_>>()),
        _ => tract::Tensor::from_shape(shape, &data.iter::<i64>().collect::<Vec<_>>()),
    }
}

/// Every value of a module, running statistics too, by path.
pub fn values<M: Module>(module: &M) -> Vec<(String, TensorData)> {
    #[derive(Default)]
    struct Values {
        path: Vec<String>,
        values: Vec<(String, TensorData)>,
    }
    impl ModuleVisitor for Values {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.values.push((self.path.join("."), param.val().into_data()));
        }
    }
    let mut visitor = Values::default();
    module.visit(&mut visitor);
    visitor.values
}

/// A module whose vectors are not 0 and 1, as those of fresh normalization layers are.
pub fn disturbed<M: Module>(module: M) -> M {
    struct Disturb;
    impl ModuleMapper for Disturb {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if D != 1 {
                return param;
            }
            param.map(|value| {
                let trained = value.is_require_grad();
                let noise = Tensor::random(value.shape(), Distribution::Uniform(0.5, 1.5), &value.device());
                (value * 0.5 + noise * 0.5).detach().set_require_grad(trained)
            })
        }
    }
    module.map(&mut Disturb)
}

/// Random floats.
pub fn floats<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::default())
}

/// Random integers from 0 to below `end`.
pub fn ints<const D: usize>(shape: [usize; D], end: usize) -> Tensor<D, Int> {
    Tensor::random(shape, Distribution::Uniform(0.0, end as f64), &Device::default())
}
