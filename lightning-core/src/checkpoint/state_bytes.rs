//! The optimizer state of one parameter as bytes, for other processes.
//!
//! The length of a JSON text in 8 bytes, the text, and the values of the tensors in its order.

use burn::{
    optim::{DynOptimizer, StateSink, StateSource},
    tensor::{Bytes, DType, Device, TensorData},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::optimizers::{scalar_value, to_scalar};
use crate::{
    error::{Error, ErrorKind, Result},
    optim::Optimizer,
    os::panics::catch_panic,
    params::ParamName,
};

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// The name, shape and type of each tensor.
    tensors: Vec<(String, Vec<usize>, DType)>,
    scalars: Vec<(String, Value)>,
}

/// The number of bytes of the length of the text.
const LENGTH: usize = 8;

/// Returns the state of a parameter; nothing where it has none.
///
/// # Errors
/// If the text cannot be written.
pub(crate) fn state_bytes(optimizer: &Optimizer, param: &ParamName) -> Result<Vec<u8>> {
    let (Some(rule), Some(state)) = (optimizer.rule_for(param.index, param.id), optimizer.state(param.index)) else {
        return Ok(Vec::new());
    };
    let mut sink = StateSink::default();
    // sync: once for each tensor of a state, when a checkpoint is taken.
    rule.state_flatten(&param.path, state, &mut sink);
    let head = Head {
        tensors: sink
            .tensors
            .iter()
            .map(|(name, data)| (name.clone(), data.shape().as_slice().to_vec(), data.dtype()))
            .collect(),
        scalars: sink.scalars.into_iter().map(|(name, value)| (name, scalar_value(value))).collect(),
    };
    let text = serde_json::to_vec(&head).map_err(|error| broken(&param.path).caused_by(error))?;
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text);
    for (_, data) in sink.tensors {
        bytes.extend_from_slice(data.as_bytes());
    }
    Ok(bytes)
}

/// Sets the state of a parameter to that of another process.
///
/// # Errors
/// If the bytes are not those of a state of this optimizer.
pub(crate) fn put_state_bytes(
    optimizer: &mut Optimizer,
    param: &ParamName,
    bytes: &[u8],
    device: &Device,
) -> Result<()> {
    let Some(rule) = optimizer.rule_for(param.index, param.id).filter(|_| !bytes.is_empty()) else { return Ok(()) };
    let none = || broken(&param.path);
    let (length, rest) = bytes.split_first_chunk::<LENGTH>().ok_or_else(none)?;
    let (text, mut rest) = rest.split_at_checked(u64::from_le_bytes(*length) as usize).ok_or_else(none)?;
    let head: Head = serde_json::from_slice(text).map_err(|error| none().caused_by(error))?;
    let scalars = head.scalars.iter().map(|(name, value)| Some((name.clone(), to_scalar(value)?)));
    let mut source = StateSource::new(scalars.collect::<Option<_>>().ok_or_else(none)?);
    for (name, shape, dtype) in head.tensors {
        let (own, others) = rest.split_at_checked(shape.iter().product::<usize>() * dtype.size()).ok_or_else(none)?;
        let data = TensorData::try_from_bytes(Bytes::from_bytes_vec(own.to_vec()), shape, dtype).map_err(|_| none())?;
        source.insert_tensor(name, data);
        rest = others;
    }
    let state = catch_panic(|| Ok(rule.state_unflatten(param.dims.len(), &param.path, &mut source, device)))?;
    optimizer.put_state(param.index, state.ok_or_else(none)?);
    Ok(())
}

fn broken(path: &str) -> Error {
    Error::new(ErrorKind::Other, format!("the optimizer state of `{path}` cannot be sent to another rank"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use burn::{module::ParamId, optim::AdamWConfig, tensor::Tensor};

    use super::*;
    use crate::{
        optim::{GradientStore, OptimizerSetup, Scaling, Weight},
        params::{ParamInfo, ValueMapper},
    };

    fn optimizer(id: ParamId) -> Optimizer {
        let mut optimizer = Optimizer::new(OptimizerSetup::new("optimizer", AdamWConfig::new(), 1e-2)).unwrap();
        assert!(optimizer.assign(&ParamInfo { index: 0, id, path: "layer.weight", rank: 2 }));
        optimizer
    }

    /// Updates a parameter once, and returns its new values.
    fn step(optimizer: &mut Optimizer, id: ParamId, value: Tensor<2>) -> Tensor<2> {
        let device = Device::default();
        let mut gradients = GradientStore::default();
        let gradient = Tensor::<2>::from_data([[0.5, -1.0, 2.0]], &device);
        gradients.put(0, id, gradient.into_bridge());
        gradients.set_micro_batches(1, Weight::Number(1.0));
        let mut update = optimizer.update(&mut gradients, Scaling::default(), &device);
        let value = update.map(0, "layer.weight", value.into_bridge());
        update.finish().unwrap();
        Tensor::from_bridge(value)
    }

    #[test]
    fn another_process_continues_from_the_state() {
        let (id, device) = (ParamId::new(), Device::default());
        let param = ParamName { index: 0, id, path: "layer.weight".to_owned(), dims: vec![1, 3] };
        let mut first = optimizer(id);
        assert!(state_bytes(&first, &param).unwrap().is_empty());
        let value = step(&mut first, id, Tensor::from_data([[1.0, 2.0, 3.0]], &device));

        let bytes = state_bytes(&first, &param).unwrap();
        let mut second = optimizer(id);
        put_state_bytes(&mut second, &param, &bytes, &device).unwrap();
        assert_eq!(state_bytes(&second, &param).unwrap(), bytes);
        let (one, other) = (step(&mut first, id, value.clone()), step(&mut second, id, value.clone()));
        one.into_data().assert_eq(&other.into_data(), true);

        for cut in [1, 9, bytes.len() - 1] {
            let error = put_state_bytes(&mut second, &param, &bytes[..cut], &device).unwrap_err();
            assert!(error.to_string().contains("the optimizer state of `layer.weight` cannot be sent"), "{error}");
        }
    }
}
