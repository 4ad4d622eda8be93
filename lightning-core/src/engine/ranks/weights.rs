//! Weights and running statistics, which all processes have in common.

use std::collections::{BTreeMap, BTreeSet};

use burn::{
    module::ParamId,
    tensor::{TensorData, kind::BridgeTensor},
};

use super::{point, same::check_same};
use crate::{
    engine::{driver::Driver, run::RunState},
    error::{Error, ErrorKind, Result},
    params::{ErasedVisitor, FloatParam, ValueMapper},
    tensor::handle::{self, Handle},
};

/// Gives every process the weights of the first one.
///
/// # Errors
/// If a process has failed or was lost, or the models differ.
pub(crate) fn share_weights(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let parameters = driver.parameters()?;
    let shapes: Vec<String> = parameters.iter().map(|name| format!("`{}` {:?}", name.path, name.dims)).collect();
    check_same(run, "parameters", &shapes.join("\n"))?;
    let indices = parameters.iter().map(|name| name.index).collect();
    let (places, values) = read(driver, &indices)?;
    let mut bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    run.strategy.broadcast(point(run, "weights"), &mut bytes, 0)?;
    if run.strategy.rank().is_global_zero() {
        return Ok(());
    }
    let values: Vec<f64> = bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    write(driver, places, &values)
}

/// Replaces running statistics, such as those of BatchNorm, by their means over all processes.
///
/// # Errors
/// If a process has failed or was lost, or the device fails.
pub(crate) fn average_statistics(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    if run.strategy.rank().is_alone() {
        return Ok(());
    }
    let indices = driver.running_statistics()?;
    if indices.is_empty() {
        return Ok(());
    }
    let (places, values) = read(driver, &indices)?;
    let mut values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    run.strategy.average(point(run, "running statistics"), &mut values)?;
    write(driver, places, &values.into_iter().map(f64::from).collect::<Vec<_>>())
}

/// The shapes of parameters by their indices.
type Places = Vec<(usize, Vec<usize>)>;

/// Reads the values of parameters, in order.
fn read(driver: &dyn Driver, indices: &BTreeSet<usize>) -> Result<(Places, Vec<f64>)> {
    struct Collect<'a>(&'a BTreeSet<usize>, Places, Vec<Handle>);

    impl ErasedVisitor for Collect<'_> {
        fn float(&mut self, index: usize, _id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
            if self.0.contains(&index) {
                self.1.push((index, param.dims()));
                self.2.push(Handle::Device(param.value()));
            }
            Ok(())
        }
    }

    let mut collect = Collect(indices, Vec::new(), Vec::new());
    driver.visit(&mut collect)?;
    let Collect(_, places, handles) = collect;
    // sync: once a run, a validation or a checkpoint.
    let data = handle::read_all(handles)?;
    Ok((places, data.iter().flat_map(|data| data.iter::<f64>()).collect()))
}

/// Sets the values of parameters.
fn write(driver: &mut dyn Driver, places: Places, values: &[f64]) -> Result<()> {
    struct Set(BTreeMap<usize, TensorData>);

    impl ValueMapper for Set {
        fn wants(&self, index: usize, _id: ParamId) -> bool {
            self.0.contains_key(&index)
        }

        fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
            match self.0.remove(&index) {
                Some(data) => handle::with_data(value, data),
                None => value,
            }
        }
    }

    let mut rest = values;
    let mut set = BTreeMap::new();
    for (index, dims) in places {
        let elements = dims.iter().product();
        let (own, others) = rest
            .split_at_checked(elements)
            .ok_or_else(|| Error::new(ErrorKind::Device, "rank 0 has sent too few values"))?;
        set.insert(index, TensorData::new(own.to_vec(), dims));
        rest = others;
    }
    driver.update(&mut Set(set))
}
