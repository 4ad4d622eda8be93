//! Optimizer states that are divided among the processes.
//!
//! Each process updates the parameters whose state it keeps, from gradients that all have, and
//! sends the new values to the others. A checkpoint needs all states: the first process gets them
//! one by one, and drops those of others afterwards.

use std::collections::BTreeMap;

use burn::{
    module::ParamId,
    tensor::{Bytes, DType, TensorData, kind::BridgeTensor},
};

use super::point;
use crate::{
    checkpoint::state_bytes::{put_state_bytes, state_bytes},
    engine::{driver::Driver, run::RunState},
    error::{Error, ErrorKind, Result},
    optim::{GradientStore, Optimizer, Shard, Sharded},
    params::{ErasedVisitor, FloatParam, ParamName, ValueMapper},
    strategy::{Point, Strategy},
    tensor::handle::{self, Handle},
};

/// Divides the optimizer states among the processes, where the settings say so.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn divide_states(run: &mut RunState, driver: &dyn Driver) -> Result<()> {
    let rank = run.strategy.rank();
    if rank.is_alone() || !run.settings.strategy.ddp.shards_optimizer {
        return Ok(());
    }
    struct All(Vec<Sharded>, Vec<ParamId>);

    impl ErasedVisitor for All {
        fn float(&mut self, index: usize, id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
            let elements = param.dims().iter().product();
            self.0.push(Sharded { index, elements, is_trained: param.is_trainable() });
            self.1.push(id);
            Ok(())
        }
    }

    let mut all = All(Vec::new(), Vec::new());
    driver.visit(&mut all)?;
    let shard = Shard::new(all.0, rank.global, rank.world_size);
    // A second `fit` may train other parameters than the first.
    if run.train.optimizers.iter().any(|optimizer| optimizer.shard().is_some_and(|before| *before != shard)) {
        let parameters = driver.parameters()?;
        send_states(run, &parameters, Receivers::All)?;
    }
    for optimizer in &mut run.train.optimizers {
        optimizer.divide(shard.clone());
    }
    Ok(())
}

/// Who gets the states of all parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receivers {
    First,
    All,
}

/// Gives the first process the states of all parameters.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn collect_states(run: &mut RunState, parameters: &[ParamName]) -> Result<()> {
    send_states(run, parameters, Receivers::First)
}

/// Drops the states that other processes keep.
pub(crate) fn drop_states_of_others(run: &mut RunState) {
    run.train.optimizers.iter_mut().for_each(Optimizer::drop_states_of_others);
}

fn send_states(run: &mut RunState, parameters: &[ParamName], receivers: Receivers) -> Result<()> {
    let at = point(run, "optimizer state");
    let RunState { strategy, train, progress, .. } = run;
    let own = strategy.rank().global;
    for (number, optimizer) in train.optimizers.iter_mut().enumerate() {
        let Some(shard) = optimizer.shard().cloned() else { continue };
        for param in parameters {
            if optimizer.rule_for(param.index, param.id).is_none() {
                continue;
            }
            let Some(owner) = shard.owner(param.index).filter(|owner| *owner > 0 || receivers == Receivers::All) else {
                continue;
            };
            let mut bytes = if owner == own { state_bytes(optimizer, param)? } else { Vec::new() };
            // One parameter at a time: a process never has the states of all but for the receivers.
            let at = Point { part: at.part ^ (number as u64) << 32 ^ param.index as u64, ..at };
            strategy.broadcast(at, &mut bytes, owner)?;
            if owner != own && (own == 0 || receivers == Receivers::All) {
                put_state_bytes(optimizer, param, &bytes, &progress.device)?;
            }
        }
    }
    Ok(())
}

/// Gives every process the values of the parameters that others have updated.
///
/// # Errors
/// If a process has failed or was lost, or the device fails.
pub(crate) fn share_updates(run: &mut RunState, driver: &mut dyn Driver, updated: Updated) -> Result<()> {
    let mut at = point(run, "updated parameters");
    at.part ^= (run.train.updating as u64) << 32;
    match updated.exchange(&mut *run.strategy, at, &|visitor| driver.visit(visitor))? {
        Some(mut values) => driver.update(&mut values),
        None => Ok(()),
    }
}

/// The parameters that the next step of optimizers updates, on one process or another.
#[derive(Debug, Default)]
pub(crate) struct Updated {
    indices: Vec<usize>,
    shard: Option<Shard>,
}

impl Updated {
    /// Adds the parameters of an optimizer that have a gradient, if the states are divided.
    pub(crate) fn add(&mut self, optimizer: &Optimizer, gradients: &GradientStore) {
        let Some(shard) = optimizer.shard() else { return };
        let trained = gradients.iter().filter(|(index, gradient)| optimizer.trains(*index, gradient.id));
        self.indices.extend(trained.map(|(index, _)| index).filter(|index| shard.owner(*index).is_some()));
        self.shard = Some(shard.clone());
    }

    /// Exchanges the new values, and returns those of the other processes; `None` where there is
    /// nothing to exchange.
    ///
    /// # Errors
    /// If a process has failed or was lost, or the device fails.
    pub(crate) fn exchange(
        mut self,
        strategy: &mut dyn Strategy,
        at: Point,
        visit: &dyn Fn(&mut dyn ErasedVisitor) -> Result<()>,
    ) -> Result<Option<NewValues>> {
        let Some(shard) = self.shard.take() else { return Ok(None) };
        self.indices.sort_unstable();
        let mut collect = Collect { indices: &self.indices, shard: &shard, places: Vec::new(), own: Vec::new() };
        visit(&mut collect)?;
        let Collect { places, own, .. } = collect;
        // sync: once an update, since the values go through the host.
        let own = handle::read_all(own)?;
        let mut bytes = Vec::with_capacity(own.iter().map(|data| data.as_bytes().len()).sum());
        own.iter().for_each(|data| bytes.extend_from_slice(data.as_bytes()));
        drop(own);
        let all = strategy.gather(at, bytes)?;
        let mut rests: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let mut values = BTreeMap::new();
        for Place { index, dims, dtype } in places {
            let few = || Error::new(ErrorKind::Device, format!("the new value of parameter {index} was not sent"));
            let rest = shard.owner(index).and_then(|owner| rests.get_mut(owner)).ok_or_else(few)?;
            let (value, others) =
                rest.split_at_checked(dims.iter().product::<usize>() * dtype.size()).ok_or_else(few)?;
            *rest = others;
            if !shard.keeps(index) {
                let bytes = Bytes::from_bytes_vec(value.to_vec());
                values.insert(index, TensorData::try_from_bytes(bytes, dims, dtype).map_err(|_| few())?);
            }
        }
        Ok(Some(NewValues(values)))
    }
}

struct Place {
    index: usize,
    dims: Vec<usize>,
    dtype: DType,
}

/// The updated parameters in the order of the module, and the values of this process' own ones.
struct Collect<'a> {
    indices: &'a [usize],
    shard: &'a Shard,
    places: Vec<Place>,
    own: Vec<Handle>,
}

impl ErasedVisitor for Collect<'_> {
    fn float(&mut self, index: usize, _id: ParamId, _path: &str, param: &dyn FloatParam) -> Result<()> {
        if self.indices.binary_search(&index).is_ok() {
            let value = param.value();
            self.places.push(Place { index, dims: param.dims(), dtype: value.dtype() });
            if self.shard.keeps(index) {
                self.own.push(Handle::Device(value));
            }
        }
        Ok(())
    }
}

/// The values of the parameters that other processes have updated, by index.
#[derive(Debug)]
pub(crate) struct NewValues(BTreeMap<usize, TensorData>);

impl ValueMapper for NewValues {
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
