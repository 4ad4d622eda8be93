//! The samples of a batch, one by one.

use burn::tensor::{Device, TensorData};
use serde_json::{Map, Value};

use super::{BatchReader, BatchWriter, StepBatch};
use crate::{
    error::{Error, Result},
    params::state::StoredTensors,
    tensor::handle::read_all,
};

/// A batch on the host, from which batches of one sample are made.
pub(crate) struct Samples {
    size: usize,
    tensors: Vec<(String, TensorData)>,
    values: Map<String, Value>,
    /// Lists with one member for each sample.
    lists: Vec<String>,
}

impl Samples {
    /// Reads a batch to the host.
    ///
    /// # Errors
    /// If the batch cannot be split: it has no size, a field cannot be saved, or a tensor has
    /// neither one row for each sample nor one row for all.
    pub(crate) fn of<B: StepBatch>(batch: &B) -> Result<Self> {
        let size = batch.samples().ok_or_else(|| cannot_split("it has no batch size".to_owned()))?;
        let mut parts = BatchWriter::default();
        batch.save(&mut parts);
        let BatchWriter { tensors, values, refused, declares_size, .. } = parts;
        if !refused.is_empty() {
            return Err(cannot_split(format!("these fields cannot be copied: {}", refused.join(", "))).help(
                "derive `Batch` for the types, or `Serialize` and `Deserialize` if a field is marked `#[batch(host)]`",
            ));
        }
        let mut lists: Vec<String> = Vec::new();
        for (name, len) in &values {
            let Some(list) = name.strip_suffix(".len") else { continue };
            let is_nested = lists.iter().any(|outer| member_of(name, outer).is_some());
            // Such as a `Vec` of several inputs, each with all samples.
            let holds_batches = !declares_size
                && tensors
                    .iter()
                    .any(|part| member_of(&part.name, list).is_some() && part.handle.dims().first() == Some(&size));
            if len.as_u64() == Some(size as u64) && !is_nested && !holds_batches {
                lists.push(list.to_owned());
            }
        }
        let (names, handles): (Vec<_>, Vec<_>) = tensors.into_iter().map(|part| (part.name, part.handle)).unzip();
        let tensors: Vec<_> = names.into_iter().zip(read_all(handles)?).collect();
        for (name, data) in &tensors {
            let rows = data.shape().as_slice().first().copied().unwrap_or(1);
            let is_member = lists.iter().any(|list| member_of(name, list).is_some());
            if rows != size && rows != 1 && !is_member {
                let name = name.strip_prefix("batch.").unwrap_or(name);
                return Err(cannot_split(format!("it has {size} samples, and the tensor `{name}` {rows} rows"))
                    .help("give each tensor of the batch one row for each sample"));
            }
        }
        Ok(Self { size, tensors, values, lists })
    }

    /// The number of samples.
    pub(crate) fn len(&self) -> usize {
        self.size
    }

    /// Makes a batch of one sample on a device.
    ///
    /// # Errors
    /// If the fields say another size than the sample has.
    pub(crate) fn get<B: StepBatch>(&self, index: usize, device: &Device) -> Result<B> {
        let mut tensors = StoredTensors::new();
        for (name, data) in &self.tensors {
            match self.place(name, index) {
                Place::Sample(name) => drop(tensors.insert(name, data.clone())),
                Place::Other => {}
                Place::Shared => drop(tensors.insert(name.clone(), self.row(data, index))),
            }
        }
        let mut values = Map::new();
        for (name, value) in &self.values {
            let is_len = name.strip_suffix(".len").is_some_and(|list| self.lists.iter().any(|own| own == list));
            match self.place(name, index) {
                Place::Sample(name) => drop(values.insert(name, value.clone())),
                Place::Other => {}
                Place::Shared if is_len => drop(values.insert(name.clone(), Value::from(1))),
                Place::Shared => drop(values.insert(name.clone(), self.member(value, index))),
            }
        }
        let sample = B::load(&BatchReader::new(&values, &tensors, device))?;
        match sample.samples() {
            Some(1) => Ok(sample),
            found => Err(cannot_split(format!(
                "one sample must have the size 1, found {}",
                found.map_or_else(|| "none".to_owned(), |size| size.to_string())
            ))
            .help("mark a tensor or a `Vec` of samples `#[batch(size)]` in place of a number")),
        }
    }

    /// Where a part of the batch belongs in the sample at `index`.
    fn place(&self, name: &str, index: usize) -> Place {
        for list in &self.lists {
            if let Some((member, rest)) = member_of(name, list) {
                return if member == index { Place::Sample(format!("{list}.0{rest}")) } else { Place::Other };
            }
        }
        Place::Shared
    }

    /// The row of a sample, or all of a tensor that all samples share.
    fn row(&self, data: &TensorData, index: usize) -> TensorData {
        let mut shape = data.shape().as_slice().to_vec();
        let bytes = data.as_bytes();
        let row = bytes.len() / self.size.max(1);
        match (shape.first_mut(), bytes.get(index * row..(index + 1) * row)) {
            (Some(rows), Some(bytes)) if *rows == self.size => {
                *rows = 1;
                TensorData::from_bytes_vec(bytes.to_vec(), shape, data.dtype())
            }
            _ => data.clone(),
        }
    }

    /// The member of a sample of a host list with one for each, or all of another value.
    fn member(&self, value: &Value, index: usize) -> Value {
        match value {
            Value::Array(members) if members.len() == self.size => {
                Value::Array(members.get(index).cloned().into_iter().collect())
            }
            _ => value.clone(),
        }
    }
}

/// Where a part of a batch belongs in one sample.
enum Place {
    /// To the sample alone, under this name.
    Sample(String),
    /// To another sample.
    Other,
    /// To all of them.
    Shared,
}

/// The number of the member of a list that a part belongs to, and the rest of its name.
fn member_of<'a>(name: &'a str, list: &str) -> Option<(usize, &'a str)> {
    let path = name.strip_prefix(list)?.strip_prefix('.')?;
    let end = path.find('.').unwrap_or(path.len());
    let (member, rest) = path.split_at(end);
    Some((member.parse().ok()?, rest))
}

fn cannot_split(why: String) -> Error {
    Error::data(format!("the batch cannot be split into samples: {why}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use burn::tensor::{Bool, Int, Tensor};

    use super::*;

    type Rows = (Tensor<2>, (Tensor<1, Int>, Tensor<2, Bool>), Vec<String>, Vec<Tensor<1>>, f32);

    fn rows(device: &Device) -> Rows {
        (
            Tensor::from_data([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], device),
            (Tensor::from_data([7, 8, 9], device), Tensor::from_data([[true], [false], [true]], device)),
            ["a", "b", "c"].map(str::to_owned).to_vec(),
            // Two inputs, each with all samples.
            vec![Tensor::from_data([1.5, 2.5, 3.5], device), Tensor::from_data([4.5, 5.5, 6.5], device)],
            0.25,
        )
    }

    #[test]
    fn a_sample_has_its_part_of_every_field() {
        let device = Device::default();
        let samples = Samples::of(&rows(&device)).unwrap();
        assert_eq!(samples.len(), 3);
        let (x, (y, mask), names, inputs, shared) = samples.get::<Rows>(1, &device).unwrap();
        assert_eq!((x.dims(), x.into_data().iter::<f32>().collect()), ([1, 2], vec![3.0, 4.0]));
        assert_eq!(y.into_data().iter::<i64>().collect::<Vec<_>>(), [8]);
        assert_eq!(mask.into_data().iter::<bool>().collect::<Vec<_>>(), [false]);
        assert_eq!((names, shared), (vec!["b".to_owned()], 0.25));
        let inputs: Vec<Vec<f32>> = inputs.into_iter().map(|input| input.into_data().iter().collect()).collect();
        assert_eq!(inputs, [[2.5], [5.5]]);
    }

    #[test]
    fn a_tensor_that_does_not_have_the_rows_is_named() {
        let device = Device::default();
        let batch = (Tensor::<2>::zeros([3, 2], &device), Tensor::<1>::zeros([2], &device));
        let error = Samples::of(&batch).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("3 samples, and the tensor `1` 2 rows"), "{error}");
        assert!(Samples::of(&()).is_err());
    }
}
