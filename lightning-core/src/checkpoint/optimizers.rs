//! The states of optimizers: tensors under `optimizer.<name>.<parameter>.<field>`, numbers in the
//! record of the optimizer.
//!
//! Parameters are named by their paths, since their ids differ in every process.

use std::collections::BTreeMap;

use burn::{
    optim::{DynOptimizer, DynState, LBFGS as Lbfgs, StateSink, StateSource},
    tensor::{Device, TensorData},
};
use burn_pack::Scalar;
use serde_json::Value;

use super::{
    container::{Container, Stored},
    differences::compare_one,
    metadata::OptimizerRecord,
    names,
};
use crate::{
    error::{Error, ErrorKind, Result},
    optim::{Optimizer, Schedule},
    os::panics::{catch_in, catch_panic},
    params::{
        ParamName,
        state::{f64_from_json, f64_to_json},
    },
    tensor::handle::is_float,
};

/// The name of the state of L-BFGS, whose bytes are in Burn's format.
const LBFGS: &str = "lbfgs";

/// Returns the prefix of the names of the tensors of an optimizer.
fn prefix(optimizer: &str) -> String {
    format!("{}{optimizer}.", names::OPTIMIZER)
}

/// Adds the tensors of the states to `tensors`, and returns the records of the optimizers.
///
/// # Errors
/// If the element type of a tensor cannot be saved.
pub(crate) fn save(
    optimizers: &[Optimizer],
    parameters: &[ParamName],
    tensors: &mut Vec<Stored>,
) -> Result<Vec<OptimizerRecord>> {
    let paths: BTreeMap<usize, &ParamName> = parameters.iter().map(|param| (param.index, param)).collect();
    let mut records = Vec::with_capacity(optimizers.len());
    for optimizer in optimizers {
        let prefix = prefix(optimizer.name());
        let mut scalars = BTreeMap::new();
        for (index, id, rule, state) in optimizer.states() {
            // A state with another id belongs to a layer that has been replaced.
            let Some(param) = paths.get(&index).filter(|param| param.id == id) else { continue };
            let mut sink = StateSink::default();
            // sync: once for each tensor of a state that is not shared, when a checkpoint is taken.
            for leaf in rule.share_state(&param.path, state, &mut sink) {
                tensors.push(Stored::state(format!("{prefix}{}", leaf.name), leaf)?);
            }
            for (name, data) in sink.tensors {
                tensors.push(Stored::new(format!("{prefix}{name}"), data)?);
            }
            scalars.extend(sink.scalars.into_iter().map(|(name, value)| (name, scalar_value(value))));
        }
        if let Some(lbfgs) = optimizer.lbfgs() {
            let bytes = lbfgs.into_bytes().map_err(|error| {
                Error::new(ErrorKind::Checkpoint, "the state of L-BFGS cannot be saved").caused_by(error)
            })?;
            let bytes = bytes.to_vec();
            let len = bytes.len();
            tensors.push(Stored::new(format!("{prefix}{LBFGS}"), TensorData::new(bytes, [len]))?);
        }
        let (schedule, schedule_state) = catch_in(
            || format!("the schedule of {}", optimizer.name()),
            || {
                let schedule = optimizer.schedule();
                Ok((schedule.map(Schedule::describe), schedule.map_or(Value::Null, Schedule::state)))
            },
        )?;
        records.push(OptimizerRecord {
            name: optimizer.name().to_owned(),
            numbers: optimizer.describe().to_owned(),
            declared_rates: optimizer.declared_rates(),
            rates: optimizer.rates().collect(),
            added: optimizer.added_groups(),
            steps: optimizer.steps,
            scalars,
            schedule,
            schedule_state,
            watch_due: optimizer.watch_due,
        });
    }
    Ok(records)
}

/// Restores the state of an optimizer. What does not fit the program is left out and described in
/// `notes`.
///
/// # Errors
/// If a tensor cannot be read, or the record does not fit the tensors.
pub(crate) fn restore(
    optimizer: &mut Optimizer,
    record: &OptimizerRecord,
    parameters: &[ParamName],
    container: &Container,
    device: &Device,
    notes: &mut Vec<String>,
) -> Result<()> {
    // The groups that the optimizer already has are not added again.
    for added in record.added.iter().skip(optimizer.added_groups().len()) {
        match optimizer.add_group(added.clone(), parameters) {
            Ok(()) => {}
            Err(error) => {
                notes.push(format!("a stored group of `{}` is not restored: {}", record.name, error.message()))
            }
        }
    }
    let prefix = prefix(&record.name);
    let stored: Vec<String> =
        container.tensors().map(|(name, _)| name).filter(|name| name.starts_with(&prefix)).collect();
    let mut left_out = Vec::new();
    for param in parameters {
        let Some(rule) = optimizer.rule_for(param.index, param.id) else { continue };
        if optimizer.shard().is_some_and(|shard| !shard.keeps(param.index)) {
            continue;
        }
        let own = format!("{}.", param.path);
        let mut leaves = Vec::new();
        for name in stored.iter().filter_map(|name| name.strip_prefix(&prefix)).filter(|name| name.starts_with(&own)) {
            if let Some(data) = container.read(&format!("{prefix}{name}"))? {
                leaves.push((name.to_owned(), data));
            }
        }
        let (scalars, count) = (scalars_below(record, &own, leaves.len())?, leaves.len());
        if leaves.is_empty() && scalars.is_empty() {
            continue;
        }
        if !leaves.iter().all(|(_, data)| fits(data, &param.dims)) {
            left_out.push(format!("`{}`", param.path));
            continue;
        }
        let mut source = StateSource::new(scalars);
        for (name, data) in leaves {
            source.insert_tensor(name, data);
        }
        // The shapes are checked above. Burn panics if a state needs a tensor or a number that is
        // missing.
        let state = catch_panic(|| Ok(rule.state_unflatten(param.dims.len(), &param.path, &mut source, device)));
        match state {
            Ok(Some(state)) if tensors_of(rule, &state) == count => optimizer.put_state(param.index, state),
            // An optimizer that reads only some of the tensors belongs to another configuration.
            Ok(_) | Err(_) => left_out.push(format!("`{}`", param.path)),
        }
    }
    if !left_out.is_empty() {
        notes.push(format!(
            "the stored state of `{}` does not fit {}: the optimizer starts from its initial state there",
            record.name,
            left_out.join(", ")
        ));
    }
    if let Some(lbfgs) = optimizer.lbfgs().cloned()
        && let Some(data) = container.read(&format!("{prefix}{LBFGS}"))?
    {
        optimizer.restore_lbfgs(read_lbfgs(lbfgs, data)?);
    }
    let declared = optimizer.declared_rates();
    if record.declared_rates == declared {
        optimizer.restore_rates(&record.rates);
    } else {
        let [before, now] = [&record.declared_rates, &declared].map(|rates| rates_text(rates));
        compare_one(&format!("the learning rate of `{}`", record.name), Some(&before), Some(&now), notes);
    }
    optimizer.steps = record.steps;
    optimizer.watch_due = record.watch_due;
    catch_in(|| format!("the schedule of {}", record.name), || restore_schedule(optimizer, record, notes))
}

/// Returns the number of tensors that a state is written as.
fn tensors_of(rule: &dyn DynOptimizer, state: &DynState) -> usize {
    let mut sink = StateSink::default();
    rule.state_flatten("", state, &mut sink);
    sink.tensors.len()
}

/// Restores the schedule. A schedule of another kind starts from its initial state.
fn restore_schedule(optimizer: &mut Optimizer, record: &OptimizerRecord, notes: &mut Vec<String>) -> Result<()> {
    let (stored, now) = (record.schedule.as_deref(), optimizer.schedule().map(Schedule::describe));
    compare_one(&format!("the schedule of `{}`", record.name), stored, now.as_deref(), notes);
    if stored.is_none() {
        return Ok(());
    }
    let refused = optimizer.with_schedule(|schedule| {
        let initial = schedule.state();
        let Err(error) = schedule.load_state(&record.schedule_state) else { return Ok(None) };
        schedule.load_state(&initial)?;
        Ok(Some(error))
    })?;
    if let Some(error) = refused.flatten() {
        notes.push(format!("{}: it starts from its initial state", error.message()));
    }
    Ok(())
}

/// Returns the declared learning rates as text for a message.
fn rates_text(rates: &[Option<f64>]) -> String {
    rates.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Reads the state of L-BFGS.
///
/// # Errors
/// If Burn cannot read the bytes.
fn read_lbfgs(lbfgs: Lbfgs, data: TensorData) -> Result<Lbfgs> {
    let damaged = || Error::new(ErrorKind::Checkpoint, "the state of L-BFGS is damaged");
    let reader = burn_pack::Reader::from_bytes(data.bytes().clone()).map_err(|error| damaged().caused_by(error))?;
    let tensors = reader.tensor_names().len();
    // Burn allocates a list of the stored length, however large.
    if !reader.scalars().iter().all(|(name, scalar)| is_length(name, scalar, tensors)) {
        return Err(damaged());
    }
    catch_panic(|| lbfgs.from_bytes(data.into_bytes()).map_err(|error| damaged().caused_by(error)))
}

/// Returns whether a number that is the length of a list is at most `tensors`; true for other
/// numbers.
fn is_length(name: &str, scalar: &Scalar, tensors: usize) -> bool {
    !name.ends_with(".len") || usize::try_from(*scalar).is_ok_and(|len| len <= tensors)
}

/// Returns whether the optimizer can continue to count from a number: a count at the end of its
/// range would overflow at the next step.
fn is_count(scalar: &Scalar) -> bool {
    match *scalar {
        Scalar::Int(value) => i32::try_from(value).is_ok(),
        Scalar::UInt(value) => i32::try_from(value).is_ok_and(|value| value < i32::MAX),
        Scalar::Float(_) | Scalar::Bool(_) => true,
    }
}

/// Returns whether a tensor can be part of the state of a parameter with the shape `dims`: a float
/// tensor of the same rank, whose sizes are those of the parameter or 1.
fn fits(data: &TensorData, dims: &[usize]) -> bool {
    let stored = data.shape();
    let stored = stored.as_slice();
    is_float(data.dtype())
        && stored.len() == dims.len()
        && stored.iter().zip(dims).all(|(stored, dim)| stored == dim || *stored == 1)
}

/// Returns the numbers in the state of one parameter, which has `tensors` tensors.
///
/// # Errors
/// If a value is not a number, or is the length of a list with more tensors than are stored.
fn scalars_below(record: &OptimizerRecord, own: &str, tensors: usize) -> Result<BTreeMap<String, Scalar>> {
    record
        .scalars
        .range(own.to_owned()..)
        .take_while(|(name, _)| name.starts_with(own))
        .map(|(name, value)| {
            let scalar = to_scalar(value)
                .filter(|scalar| is_length(name, scalar, tensors) && is_count(scalar))
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::Checkpoint,
                        format!("the number `{name}` of the optimizer `{}` is damaged", record.name),
                    )
                })?;
            Ok((name.clone(), scalar))
        })
        .collect()
}

pub(super) fn scalar_value(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Int(value) => serde_json::json!({ "int": value }),
        Scalar::UInt(value) => serde_json::json!({ "uint": value }),
        Scalar::Float(value) => serde_json::json!({ "float": f64_to_json(value) }),
        Scalar::Bool(value) => serde_json::json!({ "bool": value }),
    }
}

pub(super) fn to_scalar(value: &Value) -> Option<Scalar> {
    let (kind, value) = value.as_object().filter(|object| object.len() == 1)?.iter().next()?;
    match kind.as_str() {
        "int" => value.as_i64().map(Scalar::Int),
        "uint" => value.as_u64().map(Scalar::UInt),
        "float" => f64_from_json(value).map(Scalar::Float),
        "bool" => value.as_bool().map(Scalar::Bool),
        _ => None,
    }
}
