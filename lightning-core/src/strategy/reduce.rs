//! Sums gradients over processes.
//!
//! Values are summed in single precision, which accumulation buffers have at least, or in double
//! precision where a model has it: on the host, where small gradients share one message, or on the
//! device, where gradients are joined up to [`BUCKET`] values.

use std::collections::BTreeMap;

use burn::{
    module::ParamId,
    tensor::{DType, Device, Tensor, TensorData, kind::BridgeTensor},
};

use super::Sums;
use crate::{
    distributed::{Collective, DeviceSum},
    error::{Error, ErrorKind, Result},
    optim::{GradientStore, Weight},
    params::ParamName,
    tensor::{
        any_rank::with_rank,
        handle::{Handle, float_on, read_all},
        readback,
    },
};

/// What the reduction needs to know of the module.
pub(crate) struct Parameters<'a> {
    /// The accumulation buffer.
    pub(crate) buffer: usize,
    pub(crate) device: &'a Device,
    /// Returns the names of all parameters. Called only if some process lacks a gradient that
    /// another one has.
    pub(crate) names: &'a dyn Fn() -> Result<Vec<ParamName>>,
}

/// The number of elements below which gradients share a message.
const SMALL: usize = 1 << 16;

/// The number of elements up to which gradients are joined on a device, unless one alone has more:
/// the sum needs as much memory three times.
const BUCKET: usize = 1 << 24;

// The places in the message that starts the reduction.
const MICRO_BATCHES: usize = 0;
const WEIGHT: usize = 1;
const ON_DEVICE: usize = 2;
const SET: usize = 3;
const SET_SQUARE: usize = 4;
const LOSS_SCALE: usize = 5;
const FILLED: usize = 6;
const CAN_STAY: usize = 7;

/// The gradients of this process.
pub(super) struct Mine {
    gradients: Vec<Part>,
    /// Whether the gradients are on the device, and can be summed there.
    can_stay: bool,
    micro_batches: u64,
    weight: Weight,
    loss_scale: f64,
}

struct Part {
    index: usize,
    id: ParamId,
    value: Handle,
    /// Whether the value is the sum of all processes.
    is_summed: bool,
}

impl Part {
    fn dtype(&self) -> DType {
        match &self.value {
            Handle::Device(value) => value.dtype(),
            Handle::Host(data) => data.dtype(),
        }
    }
}

impl Mine {
    /// Moves the gradients out of the buffer, and reads them unless they can be summed on the
    /// device.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn take(store: &mut GradientStore, on_device: bool) -> Result<Self> {
        let indices: Vec<usize> = store.iter().map(|(index, _)| index).collect();
        let taken = indices.into_iter().filter_map(|index| Some((index, store.take(index)?)));
        let gradients: Vec<Part> = taken
            .map(|(index, gradient)| Part {
                index,
                id: gradient.id,
                value: Handle::Device(gradient.value),
                is_summed: false,
            })
            .collect();
        let can_stay = on_device && gradients.iter().all(|part| matches!(part.dtype(), DType::F32 | DType::F64));
        let mine = Self {
            gradients,
            can_stay,
            micro_batches: store.micro_batches(),
            weight: store.weight(),
            loss_scale: store.loss_scale(),
        };
        // Read before the processes meet, so that the others learn of a device that fails.
        if can_stay { Ok(mine) } else { mine.read() }
    }

    /// Moves the gradients to the host.
    fn read(mut self) -> Result<Self> {
        let (places, handles): (Vec<_>, Vec<_>) =
            self.gradients.into_iter().map(|part| ((part.index, part.id, part.is_summed), part.value)).unzip();
        // sync: once each optimizer step, since the sum is made on the host.
        let data = read_all(handles)?;
        self.gradients = places
            .into_iter()
            .zip(data)
            .map(|((index, id, is_summed), data)| Part { index, id, value: Handle::Host(data), is_summed })
            .collect();
        Ok(self)
    }

    /// Replaces gradients by sums that were made during the backward pass.
    ///
    /// # Errors
    /// If a parameter is unknown.
    pub(super) fn replace(&mut self, sums: BTreeMap<usize, Vec<f32>>, parameters: &Parameters<'_>) -> Result<()> {
        let mut names = None;
        for (index, values) in sums {
            match self.gradients.binary_search_by_key(&index, |part| part.index) {
                Ok(place) => {
                    if let Some(part) = self.gradients.get_mut(place) {
                        part.value = Handle::Host(TensorData::new(values, part.value.dims()));
                        part.is_summed = true;
                    }
                }
                Err(place) => {
                    let names = match &names {
                        Some(names) => names,
                        None => names.insert((parameters.names)()?),
                    };
                    let ParamName { id, dims, .. } =
                        names.iter().find(|name| name.index == index).ok_or_else(|| other_model(index))?;
                    let value = Handle::Host(TensorData::new(values, dims.clone()));
                    self.gradients.insert(place, Part { index, id: *id, value, is_summed: true });
                }
            }
        }
        Ok(())
    }

    /// The indices and the sizes of the gradients in single precision.
    pub(super) fn sizes(&self) -> BTreeMap<usize, usize> {
        let single = self.gradients.iter().filter(|part| part.dtype() == DType::F32);
        single.map(|part| (part.index, part.value.dims().iter().product())).collect()
    }

    /// What is summed before the gradients: how many batches there are, and which gradients.
    pub(super) fn word(&self) -> Sums {
        let is_filled = self.micro_batches > 0;
        let filled = f64::from(u8::from(is_filled));
        let set = self.set_hash();
        let mut word = Sums::default();
        word[MICRO_BATCHES] = self.micro_batches as f64;
        // sync: on a device other than the host, for losses that are sums with a weight.
        (word[WEIGHT], word[ON_DEVICE]) = match &self.weight {
            _ if !is_filled => (0.0, 0.0),
            Weight::Number(weight) => (*weight, 0.0),
            Weight::OnDevice(weight) => (readback::host_scalar(weight.clone()), 1.0),
        };
        (word[SET], word[SET_SQUARE]) = (set, set * set);
        (word[LOSS_SCALE], word[FILLED]) = (self.loss_scale * filled, filled);
        word[CAN_STAY] = f64::from(u8::from(self.can_stay));
        word
    }

    /// A small number that differs between sets of gradients, except by chance.
    fn set_hash(&self) -> f64 {
        let step = |hash: u64, index: usize| (hash ^ index as u64).wrapping_mul(0x0100_0000_01b3);
        let hash = self.gradients.iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| step(hash, part.index));
        (hash >> 46) as f64
    }

    /// Adds zeros for the gradients that only other processes have.
    ///
    /// # Errors
    /// If a process was lost, or the models differ.
    pub(super) fn complete(
        mut self,
        sums: Sums,
        collective: &dyn Collective,
        parameters: &Parameters<'_>,
    ) -> Result<Self> {
        let world = collective.world_size() as f64;
        let set = self.set_hash();
        if sums[SET] == set * world && sums[SET_SQUARE] == set * set * world {
            return Ok(self);
        }
        let own: Vec<u8> = self.gradients.iter().flat_map(packed).collect();
        let mut all: Vec<(usize, DType)> =
            collective.all_gather(&own)?.iter().flat_map(|bytes| unpacked(bytes)).collect();
        all.sort_unstable_by_key(|(index, _)| *index);
        all.dedup_by_key(|(index, _)| *index);
        let names = (parameters.names)()?;
        for (index, dtype) in all {
            let Err(place) = self.gradients.binary_search_by_key(&index, |part| part.index) else { continue };
            let ParamName { id, dims, .. } =
                names.iter().find(|name| name.index == index).ok_or_else(|| other_model(index))?;
            let zeros = TensorData::zeros::<f32, _>(dims.clone()).convert_dtype(dtype);
            let value = match self.can_stay {
                true => float_on(parameters.device, zeros).map(Handle::Device),
                false => Some(Handle::Host(zeros)),
            };
            self.gradients.splice(place..place, value.map(|value| Part { index, id: *id, value, is_summed: false }));
        }
        Ok(self)
    }

    /// Sums the gradients over all processes: on the device if all of them have what it takes, which
    /// `sums` of their words tell, and otherwise on the host.
    ///
    /// # Errors
    /// If a process was lost.
    pub(super) fn sum(
        mut self,
        sums: Sums,
        collective: &dyn Collective,
        device_sum: Option<&dyn DeviceSum>,
        ordered: bool,
    ) -> Result<Self> {
        match device_sum {
            Some(device_sum) if sums[CAN_STAY] == collective.world_size() as f64 => {
                sum_on_device(&mut self.gradients, device_sum)?;
                Ok(self)
            }
            _ if self.can_stay => self.read()?.sum_on_host(collective, ordered),
            _ => self.sum_on_host(collective, ordered),
        }
    }

    fn sum_on_host(mut self, collective: &dyn Collective, ordered: bool) -> Result<Self> {
        let mut shared: Vec<f32> = Vec::new();
        for data in self.data() {
            match data.dtype() {
                DType::F32 if data.num_elements() < SMALL => {
                    shared.extend_from_slice(data.as_slice().map_err(unexpected)?);
                }
                DType::F32 => sum(data.as_mut_slice().map_err(unexpected)?, collective, ordered)?,
                _ => collective.sum_f64(data.as_mut_slice().map_err(unexpected)?)?,
            }
        }
        sum(&mut shared, collective, ordered)?;
        let mut rest = shared.as_slice();
        for data in self.data() {
            if data.dtype() == DType::F32 && data.num_elements() < SMALL {
                let values = data.as_mut_slice::<f32>().map_err(unexpected)?;
                let (own, others) = rest.split_at_checked(values.len()).unwrap_or_default();
                values.iter_mut().zip(own).for_each(|(value, sum)| *value = *sum);
                rest = others;
            }
        }
        Ok(self)
    }

    /// The gradients that are on the host and not summed yet.
    fn data(&mut self) -> impl Iterator<Item = &mut TensorData> {
        self.gradients.iter_mut().filter(|part| !part.is_summed).filter_map(|part| match &mut part.value {
            Handle::Host(data) => Some(data),
            Handle::Device(_) => None,
        })
    }

    /// Puts the sums in the buffer.
    pub(super) fn put(self, store: &mut GradientStore, sums: Sums, device: &Device) {
        for Part { index, id, value, .. } in self.gradients {
            if let Some(value) = value.into_float(device) {
                store.put(index, id, value);
            }
        }
        let weight = match sums[ON_DEVICE] > 0.0 {
            true => Weight::OnDevice(Tensor::from_data([sums[WEIGHT] as f32], device)),
            false => Weight::Number(sums[WEIGHT]),
        };
        store.set_micro_batches(sums[MICRO_BATCHES] as u64, weight);
        if sums[FILLED] > 0.0 && sums[LOSS_SCALE] != sums[FILLED] {
            store.mark_loss_scale(sums[LOSS_SCALE] / sums[FILLED]);
        }
    }
}

pub(super) fn indices(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes) as usize)
}

/// The index and the type of a gradient as 8 bytes.
fn packed(part: &Part) -> [u8; 8] {
    (2 * part.index as u64 + u64::from(part.dtype() == DType::F64)).to_le_bytes()
}

fn unpacked(bytes: &[u8]) -> impl Iterator<Item = (usize, DType)> {
    bytes.as_chunks::<8>().0.iter().map(|bytes| {
        let packed = u64::from_le_bytes(*bytes);
        ((packed / 2) as usize, if packed % 2 == 1 { DType::F64 } else { DType::F32 })
    })
}

/// Sums gradients that are on a device. Those of a type are joined, because a sum of many values
/// takes little longer than one of a few.
fn sum_on_device(gradients: &mut [Part], device_sum: &dyn DeviceSum) -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        let mut values: Vec<&mut BridgeTensor> = gradients
            .iter_mut()
            .filter_map(|part| match &mut part.value {
                Handle::Device(value) if value.dtype() == dtype && value.shape().num_elements() > 0 => Some(value),
                _ => None,
            })
            .collect();
        let mut rest = values.as_mut_slice();
        while !rest.is_empty() {
            let len = bucket(rest.iter().map(|value| value.shape().num_elements()), BUCKET);
            let (values, others) = rest.split_at_mut(len);
            let flat = values.iter().map(|value| flat((*value).clone())).collect();
            let sums = device_sum.sum(Tensor::cat(flat, 0))?;
            let mut start = 0;
            for value in values {
                let len = value.shape().num_elements();
                **value = with_dims(sums.clone().narrow(0, start, len), value);
                start += len;
            }
            rest = others;
        }
    }
    Ok(())
}

/// Returns how many of the first gradients are summed together, at least 1.
fn bucket(lens: impl Iterator<Item = usize>, limit: usize) -> usize {
    let fit = lens.scan(0_usize, |sum, len| {
        *sum += len;
        Some(*sum)
    });
    fit.take_while(|sum| *sum <= limit).count().max(1)
}

fn flat(value: BridgeTensor) -> Tensor<1> {
    with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).reshape([-1]), Tensor::from_bridge(value))
}

/// Returns values in the form of another tensor.
fn with_dims(values: Tensor<1>, of: &BridgeTensor) -> BridgeTensor {
    with_rank!(of.rank(), D => {
        let shape = of.shape();
        values.reshape::<D, _>(shape).into_bridge()
    }, values.into_bridge())
}

fn other_model(index: usize) -> Error {
    Error::config(format!(
        "all ranks must train the same model, found a gradient of parameter {index} on another rank only"
    ))
    .help("build the same module, from the same program, on all ranks")
}

pub(super) fn unexpected(error: impl std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Device, format!("the gradients could not be read: {error:?}"))
}

/// Sums values over all processes; `ordered`: in the order of their ranks, whatever the library
/// does.
///
/// # Errors
/// If a process was lost.
pub(super) fn sum(values: &mut [f32], collective: &dyn Collective, ordered: bool) -> Result<()> {
    let world = collective.world_size();
    // A sum of two values does not depend on their order.
    if !ordered || world <= 2 || values.is_empty() {
        return if values.is_empty() { Ok(()) } else { collective.sum_f32(values) };
    }
    let part = values.len().div_ceil(world);
    let mut padded = values.to_vec();
    padded.resize(part * world, 0.0);
    let mut received = vec![0.0; part * world];
    collective.all_to_all_f32(&padded, &mut received)?;
    let (first, others) = received.split_at_mut(part);
    for other in others.chunks_exact(part) {
        first.iter_mut().zip(other).for_each(|(sum, value)| *sum += *value);
    }
    collective.all_gather_f32(first, &mut padded)?;
    values.iter_mut().zip(padded).for_each(|(value, sum)| *value = sum);
    Ok(())
}
