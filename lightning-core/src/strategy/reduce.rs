//! Sums gradients over processes.
//!
//! Values are summed on the host, in single precision, which accumulation buffers have at least, or
//! in double precision where a model has it. Small gradients share one message.

use std::collections::BTreeMap;

use burn::{
    module::ParamId,
    tensor::{DType, Device, TensorData},
};

use super::Sums;
use crate::{
    distributed::Collective,
    error::{Error, ErrorKind, Result},
    optim::{GradientStore, Weight},
    params::ParamName,
    tensor::{
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

// The places in the message that starts the reduction.
const MICRO_BATCHES: usize = 0;
const WEIGHT: usize = 1;
const ON_DEVICE: usize = 2;
const SET: usize = 3;
const SET_SQUARE: usize = 4;
const LOSS_SCALE: usize = 5;
const FILLED: usize = 6;

/// The gradients of this process, on the host.
pub(super) struct Mine {
    gradients: Vec<Part>,
    micro_batches: u64,
    weight: Weight,
    loss_scale: f64,
}

struct Part {
    index: usize,
    id: ParamId,
    data: TensorData,
    /// Whether the data is the sum of all processes.
    is_summed: bool,
}

impl Mine {
    /// Moves the gradients out of the buffer and reads them.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn take(store: &mut GradientStore) -> Result<Self> {
        let indices: Vec<usize> = store.iter().map(|(index, _)| index).collect();
        let taken: Vec<_> = indices.into_iter().filter_map(|index| Some((index, store.take(index)?))).collect();
        let (places, handles): (Vec<_>, Vec<_>) =
            taken.into_iter().map(|(index, gradient)| ((index, gradient.id), Handle::Device(gradient.value))).unzip();
        // sync: once each optimizer step, since the sum is made on the host.
        let data = read_all(handles)?;
        let gradients = places
            .into_iter()
            .zip(data)
            .map(|((index, id), data)| Part { index, id, data, is_summed: false })
            .collect();
        Ok(Self {
            gradients,
            micro_batches: store.micro_batches(),
            weight: store.weight(),
            loss_scale: store.loss_scale(),
        })
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
                        part.data = TensorData::new(values, part.data.shape().clone());
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
                    let data = TensorData::new(values, dims.clone());
                    self.gradients.insert(place, Part { index, id: *id, data, is_summed: true });
                }
            }
        }
        Ok(())
    }

    /// The indices and the sizes of the gradients in single precision.
    pub(super) fn sizes(&self) -> BTreeMap<usize, usize> {
        let single = self.gradients.iter().filter(|part| part.data.dtype() == DType::F32);
        single.map(|part| (part.index, part.data.num_elements())).collect()
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
        let own: Vec<u8> = self.gradients.iter().flat_map(|part| (part.index as u64).to_le_bytes()).collect();
        let mut all: Vec<usize> = collective.all_gather(&own)?.iter().flat_map(|bytes| indices(bytes)).collect();
        all.sort_unstable();
        all.dedup();
        let names = (parameters.names)()?;
        for index in all {
            let Err(place) = self.gradients.binary_search_by_key(&index, |part| part.index) else { continue };
            let ParamName { id, dims, .. } =
                names.iter().find(|name| name.index == index).ok_or_else(|| other_model(index))?;
            let data = TensorData::zeros::<f32, _>(dims.clone());
            self.gradients.insert(place, Part { index, id: *id, data, is_summed: false });
        }
        Ok(self)
    }

    /// Sums the gradients over all processes.
    ///
    /// # Errors
    /// If a process was lost.
    pub(super) fn sum(mut self, collective: &dyn Collective, ordered: bool) -> Result<Self> {
        let mut shared: Vec<f32> = Vec::new();
        for part in self.gradients.iter_mut().filter(|part| !part.is_summed) {
            match part.data.dtype() {
                DType::F32 if part.data.num_elements() < SMALL => {
                    shared.extend_from_slice(part.data.as_slice().map_err(unexpected)?);
                }
                DType::F32 => sum(part.data.as_mut_slice().map_err(unexpected)?, collective, ordered)?,
                _ => collective.sum_f64(part.data.as_mut_slice().map_err(unexpected)?)?,
            }
        }
        sum(&mut shared, collective, ordered)?;
        let mut rest = shared.as_slice();
        for part in self.gradients.iter_mut().filter(|part| !part.is_summed) {
            if part.data.dtype() == DType::F32 && part.data.num_elements() < SMALL {
                let values = part.data.as_mut_slice::<f32>().map_err(unexpected)?;
                let (own, others) = rest.split_at_checked(values.len()).unwrap_or_default();
                values.iter_mut().zip(own).for_each(|(value, sum)| *value = *sum);
                rest = others;
            }
        }
        Ok(self)
    }

    /// Puts the sums in the buffer.
    pub(super) fn put(self, store: &mut GradientStore, sums: Sums, device: &Device) {
        for Part { index, id, data, .. } in self.gradients {
            if let Some(value) = float_on(device, data) {
                store.put(index, id, value);
            }
        }
        let weight = match sums[ON_DEVICE] > 0.0 {
            true => Weight::OnDevice(burn::tensor::Tensor::from_data([sums[WEIGHT] as f32], device)),
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
