//! What the first batches of a loader look like.

mod field;
mod images;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use serde_json::Value;

pub use self::field::FieldPreview;
use self::{field::Accumulator, images::Images};
use crate::{
    batch::{Batch, BatchWriter, StepBatch},
    console::table,
    data::{EpochOffset, Loader},
    error::{Error, Result},
    params::state::f64_from_json,
    random,
    tensor::handle::read_all,
    text::listed,
};

/// What the first batches of a loader look like, from [`preview`]. Its `Display` form is a table.
#[derive(Clone, Debug)]
pub struct Preview {
    batches: usize,
    samples: Option<usize>,
    fields: Vec<FieldPreview>,
    refused: BTreeSet<String>,
    images: Images,
}

/// Reads the first `n` batches of a loader, and returns what they contain: of each field its type,
/// shapes, range, mean, distinct values and share of NaN. Printed, it is a table.
///
/// The batches are those of epoch 0 with the global seed, which a `fit` after it reads as well.
/// Statistics are over all `n` batches; NaN counts in no other figure than its own.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::data::preview;
///
/// let device = Device::default();
/// let x = Tensor::<2>::from_data([[0.5, 1.5], [2.5, 3.5]], &device);
/// let y = Tensor::<1, Int>::from_data([0, 2], &device);
/// let preview = preview(&vec![(x, y)], 1)?;
/// println!("{preview}");
/// let fields = preview.fields();
/// assert_eq!((fields[0].min, fields[0].max, fields[0].mean), (Some(0.5), Some(3.5), Some(2.0)));
/// assert_eq!((fields[1].name.as_str(), fields[1].distinct), ("1", Some(2)));
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// # Errors
/// If `n` is 0, the loader has no batch, or one cannot be made.
pub fn preview<B: Batch, L: Loader<B>>(loader: &L, n: usize) -> Result<Preview> {
    if n == 0 {
        return Err(Error::config("a preview must have at least 1 batch, found 0").help("write `preview(&loader, 1)`"));
    }
    let from = EpochOffset { seed: random::global_seed(), ..EpochOffset::default() };
    let mut found = Found::default();
    for batch in loader.batches(from)?.take(n) {
        found.add(&batch?)?;
    }
    if found.batches == 0 {
        return Err(Error::data("a preview needs a loader with at least one batch, found none"));
    }
    let Found { batches, samples, fields, order, refused, images } = found;
    let mut fields = fields;
    let fields = order.iter().filter_map(|name| fields.remove(name)).map(Accumulator::finish).collect();
    Ok(Preview { batches, samples, fields, refused, images })
}

impl Preview {
    /// Returns every field of the batches: those with tensors first, in the order of the batch.
    pub fn fields(&self) -> &[FieldPreview] {
        &self.fields
    }

    /// Returns the number of batches that were read. A shorter loader has fewer than `n`.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Returns the number of samples in them; `None` for batches without a size.
    pub fn samples(&self) -> Option<usize> {
        self.samples
    }

    /// Writes the first images, at most 16, as one PNG file: those of the first float field
    /// `[batch, channels, height, width]`, or else `[batch, height, width]` with sides of at least
    /// 8. Values outside of 0 to 1, such as those of normalized images, are mapped to the range
    /// from the smallest to the largest. Of more than 3 channels the first 3 are shown, of 2 the
    /// first.
    ///
    /// # Errors
    /// If no field has images, or the file cannot be written.
    pub fn save_png(&self, path: impl AsRef<Path>) -> Result<()> {
        self.images.save(path.as_ref())
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 8]> = self.fields.iter().map(FieldPreview::row).collect();
        let header = ["Field", "Type", "Shape", "Min", "Max", "Mean", "Distinct", "NaN"];
        write!(f, "{}\n{} batches", table::figures_table(header, &rows), self.batches)?;
        if let Some(samples) = self.samples {
            write!(f, ", {samples} samples")?;
        }
        if self.refused.is_empty() {
            return Ok(());
        }
        write!(f, "\nnot shown, since the type cannot be saved: {}", listed(self.refused.iter().map(String::as_str)))
    }
}

/// What was found in the batches so far.
#[derive(Default)]
struct Found {
    batches: usize,
    samples: Option<usize>,
    fields: BTreeMap<String, Accumulator>,
    /// The names of the fields as they occurred.
    order: Vec<String>,
    refused: BTreeSet<String>,
    images: Images,
}

impl Found {
    fn add<B: Batch>(&mut self, batch: &B) -> Result<()> {
        self.batches += 1;
        if let Some(size) = batch.batch_size() {
            *self.samples.get_or_insert(0) += size;
        }
        let mut parts = BatchWriter::default();
        StepBatch::save(batch, &mut parts);
        let BatchWriter { tensors, values, refused, .. } = parts;
        self.refused.extend(refused.iter().filter_map(|text| text.split('`').nth(1)).map(shown));
        let lists: BTreeSet<&str> = values.keys().filter_map(|name| name.strip_suffix(".len")).collect();
        let names: Vec<String> = tensors.iter().map(|tensor| member_name(&tensor.name, &lists)).collect();
        self.images.add(&tensors, &names);
        let handles = tensors.into_iter().map(|tensor| tensor.handle).collect();
        for (name, data) in names.iter().zip(read_all(handles)?) {
            self.field(name).tensor(&data);
        }
        for (name, value) in &values {
            match name.strip_suffix(".len").filter(|list| lists.contains(list)) {
                Some(list) => self.field(&member_name(list, &lists)).list(value),
                None => self.field(&member_name(name, &lists)).value(value, f64_from_json(value)),
            }
        }
        Ok(())
    }

    fn field(&mut self, name: &str) -> &mut Accumulator {
        if !self.fields.contains_key(name) {
            self.order.push(name.to_owned());
        }
        self.fields.entry(name.to_owned()).or_insert_with(|| Accumulator::new(name))
    }
}

/// The name of a part without that of the batch: `images`, or `0` in a tuple.
fn shown(name: &str) -> String {
    name.strip_prefix("batch.").unwrap_or(name).to_owned()
}

/// The name that all members of a list share, such as `boxes.*`.
fn member_name(name: &str, lists: &BTreeSet<&str>) -> String {
    let mut whole = String::new();
    let mut shared = String::new();
    for part in name.split('.') {
        let is_member = lists.contains(whole.as_str()) && part.parse::<usize>().is_ok();
        for (text, part) in [(&mut whole, part), (&mut shared, if is_member { "*" } else { part })] {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(part);
        }
    }
    shown(&shared)
}

/// A value of the host that is neither a number nor a list: as text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}
