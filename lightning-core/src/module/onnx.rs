//! Exporting a module as an ONNX file.

use std::{collections::HashMap, fmt, path::Path};

use burn::{
    module::{Module, ParamId},
    tensor::TensorData,
};

use super::{
    lightning_module::LightningModule,
    recorded::{Step, without_log},
    traits::LightningStruct,
};
use crate::{
    batch::{Batch, BatchReader, BatchWriter, StepBatch, field},
    error::{Error, ErrorKind, Result},
    graph::{Aligned, Example, Points, Recording, align, onnx, record},
    os::panics::catch_in,
    params::{ErasedVisitor, FloatParam, json::to_json_text, state::StoredTensors, visit},
    tensor::handle::{Handle, read_all},
};

/// What an exported step returns: a tensor, a tuple, `Vec` or array of tensors, or a struct with
/// `#[derive(Batch)]`; or a `Result` of one.
///
/// The outputs of the file have the names of the struct's fields, `output` for a single tensor, and
/// `output.0`, `output.1` for a tuple.
#[diagnostic::on_unimplemented(
    message = "an exported step must return tensors, found `{Self}`",
    label = "is not a tensor",
    note = "return a tensor, a tuple or `Vec` of tensors, or a struct with `#[derive(Batch)]`"
)]
pub trait OnnxOutput {
    /// Adds the tensors.
    #[doc(hidden)]
    fn write_output(self, out: &mut BatchWriter) -> Result<()>;
}

impl<T: Batch> OnnxOutput for T {
    fn write_output(self, out: &mut BatchWriter) -> Result<()> {
        self.save_batch("batch", out);
        Ok(())
    }
}

impl<T: Batch, E: Into<Error>> OnnxOutput for Result<T, E> {
    fn write_output(self, out: &mut BatchWriter) -> Result<()> {
        self.map_err(Into::into)?.write_output(out)
    }
}

/// The export of a module as an ONNX file, with opset 18. Returned by
/// [`LightningModule::onnx`].
///
/// The batch size is free unless [`fixed_batch`](Self::fixed_batch) fixes it. Integers are `int64` at
/// the inputs and outputs. Parameters have their paths as names; `metadata` of the file has the name
/// of the module, its hyperparameters and the versions.
#[must_use = "nothing is written before `save`"]
pub struct Onnx<'a, M, B> {
    model: &'a M,
    example: &'a B,
    /// The step, and its name for messages.
    step: Option<Step<'a, M>>,
    is_fixed: bool,
    free: Vec<(String, usize)>,
    length: String,
    outputs: Vec<String>,
    metadata: onnx::Metadata,
    external_above: u64,
}

impl<M, B> fmt::Debug for Onnx<'_, M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Onnx")
            .field("is_fixed", &self.is_fixed)
            .field("free", &self.free)
            .field("outputs", &self.outputs)
            .finish_non_exhaustive()
    }
}

impl<'a, M: LightningModule, B: StepBatch> Onnx<'a, M, B> {
    pub(super) fn new(model: &'a M, example: &'a B) -> Self {
        Self {
            model,
            example,
            step: None,
            is_fixed: false,
            free: Vec::new(),
            length: String::new(),
            outputs: Vec::new(),
            metadata: Vec::new(),
            external_above: onnx::EXTERNAL_LIMIT,
        }
    }

    /// Exports this function of the module and a batch, in place of `predict_step` or `forward`.
    pub fn step<O: OnnxOutput>(mut self, step: impl Fn(&M, B) -> O + 'a) -> Self {
        self.step = Some(Box::new(move |model, example, out| step(model, B::load(example)?).write_output(out)));
        self
    }

    /// Fixes the batch size, and every other size, to that of the example.
    pub fn fixed_batch(mut self) -> Self {
        self.is_fixed = true;
        self
    }

    /// Frees an axis besides the batch, such as the length of a text: `name` is how the file calls
    /// the size, `axes` are fields of the batch with their axis, whose sizes are equal.
    ///
    /// The example must have a size of at least 4 there. Recurrent layers are exported step by step,
    /// so that their length cannot be free.
    pub fn free_axis<S: Into<String>>(
        mut self,
        name: impl Into<String>,
        axes: impl IntoIterator<Item = (S, usize)>,
    ) -> Self {
        self.length = name.into();
        self.free.extend(axes.into_iter().map(|(field, axis)| (field.into(), axis)));
        self
    }

    /// Names the outputs, in the order of the step's results.
    pub fn outputs<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.outputs = names.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a pair to the metadata of the file.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Sets the size in bytes above which the parameters are written to a second file.
    #[doc(hidden)]
    pub fn external_above(mut self, bytes: u64) -> Self {
        self.external_above = bytes;
        self
    }

    /// Writes the file, atomically. With more than 2 GB of parameters their values are in a second
    /// file, `<path>.data`.
    ///
    /// # Errors
    /// If the step cannot be recorded or an operation cannot be exported, with the operation and the
    /// field that it belongs to, or if a file cannot be written. Nothing is written then.
    pub fn save(self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let model = self.frozen_copy()?;
        let graph = self.record(&model)?;
        let mut file = onnx::lower(&graph, &self.length, &self.outputs)?;
        file.metadata = self.all_metadata()?;
        onnx::write(path, &file, &Values::of(&model)?, self.external_above)
    }

    /// Runs the step on the example, in evaluation form, and returns the inputs and outputs under the
    /// names of the file: what a runtime that opens the file must return, to compare the two.
    ///
    /// # Errors
    /// If the step cannot be recorded, or fails.
    pub fn sample(&self) -> Result<OnnxSample> {
        let model = self.frozen_copy()?;
        let (name, step) = self.named_step()?;
        let example = Example::of(self.example)?;
        let recorded = record(&model, &example.with_sizes(example.batch, example.length.unwrap_or(0)), &name, &*step)?;
        let mut parts = BatchWriter::default();
        self.example.save(&mut parts);
        let BatchWriter { tensors, values, .. } = parts;
        let (names, handles): (Vec<_>, Vec<_>) = tensors.into_iter().map(|part| (part.name, part.handle)).unzip();
        let tensors: StoredTensors = names.into_iter().zip(read_all(handles)?).collect();
        let device = model.devices().first().cloned().unwrap_or_default();
        let mut out = BatchWriter::default();
        catch_in(|| name, || step(&model, &BatchReader::new(&values, &tensors, &device), &mut out))?;
        let (found, handles): (Vec<_>, Vec<_>) = out.tensors.into_iter().map(|part| (part.name, part.handle)).unzip();
        let found: Vec<String> = found.iter().map(|name| field(name).to_owned()).collect();
        let input = |((name, _), part): (&(String, _), &String)| {
            Some((onnx::input_name(name).to_owned(), tensors.get(part)?.clone()))
        };
        let inputs = recorded.inputs.iter().zip(&recorded.parts).filter_map(input).collect();
        let names = onnx::output_names(&found, &self.outputs)?;
        Ok(OnnxSample { inputs, outputs: names.into_iter().zip(read_all(handles)?).collect() })
    }

    /// Records `forward`, or the step that is exported, with the sizes of the example. Returns it with
    /// the batch size.
    pub(crate) fn forward_recording(&self) -> Result<(Recording, usize)> {
        let model = self.frozen_copy()?;
        let (name, step) = match M::FORWARD {
            true => ("forward".to_owned(), without_log(Box::new(M::forward_step))),
            false => self.named_step()?,
        };
        let example = Example::of(self.example)?;
        let batch = example.with_sizes(example.batch, 0);
        Ok((record(&model, &batch, &name, &*step)?, example.batch))
    }

    /// The model in evaluation form, with running statistics of its own.
    fn frozen_copy(&self) -> Result<M> {
        catch_in(|| format!("{}::valid", M::NAME), || Ok(self.model.valid().materialize()))
    }

    fn record(&self, model: &M) -> Result<Aligned> {
        let mut example = Example::of(self.example)?;
        for (field, axis) in &self.free {
            example.free_axis(field, *axis)?;
        }
        let points = match (self.is_fixed, example.length) {
            (true, None) => Points::fixed(example.batch),
            (true, Some(_)) => {
                return Err(Error::new(ErrorKind::Export, "`free_axis` and `fixed_batch` exclude each other")
                    .help("remove one of them"));
            }
            (false, Some(length)) => Points::free_batch_and_length(length),
            (false, None) => Points::free_batch(),
        };
        let (name, step) = self.named_step()?;
        let recordings = points
            .iter()
            .map(|(rows, length)| record(model, &example.with_sizes(rows, length), &name, &*step))
            .collect::<Result<Vec<_>>>()?;
        align(recordings, points)
    }

    /// The step that is exported, with its name for messages.
    fn named_step(&self) -> Result<(String, Step<'_, M>)> {
        let (name, step): (&str, Step<'_, M>) = match &self.step {
            Some(step) => ("step", Box::new(step)),
            None if M::EXPORTED.is_empty() => {
                return Err(Error::new(
                    ErrorKind::Export,
                    format!("`{}` must have `predict_step` or `forward` to be exported, found neither", M::NAME),
                )
                .help("write one of them in the impl with `#[lightning_module]`, or name a step: `.step(|model, batch| …)`"));
            }
            None => (M::EXPORTED, Box::new(M::exported_step)),
        };
        Ok((name.to_owned(), without_log(step)))
    }

    fn all_metadata(&self) -> Result<onnx::Metadata> {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let hparams = catch_in(
            || format!("the hyperparameters of {}", M::NAME),
            || Ok(to_json_text(&LightningStruct::hparams(self.model))?),
        )?;
        let mut metadata = vec![
            pair("module", M::NAME),
            pair("hparams", &hparams),
            pair("lightning_version", env!("CARGO_PKG_VERSION")),
        ];
        metadata.extend(self.metadata.iter().cloned());
        Ok(metadata)
    }
}

/// The inputs and outputs of an exported step for one example, in the order of the file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OnnxSample {
    /// Name and values of each input. Integers have the type of the device; the file's are `int64`.
    pub inputs: Vec<(String, TensorData)>,
    /// Name and values of each output.
    pub outputs: Vec<(String, TensorData)>,
}

/// The values of the parameters, by path. They share the memory of the module.
#[derive(Default)]
struct Values(HashMap<String, Handle>);

impl Values {
    fn of<M: Module>(model: &M) -> Result<Self> {
        let mut values = Self::default();
        visit(model, &mut values)?;
        Ok(values)
    }
}

impl ErasedVisitor for Values {
    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        self.0.insert(path.to_owned(), param.handle());
        Ok(())
    }

    fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
        self.0.insert(path.to_owned(), handle());
        Ok(())
    }
}

impl onnx::Parameters for Values {
    fn read(&self, path: &str) -> Result<TensorData> {
        let handle = self.0.get(path).cloned();
        // sync: once for each parameter, when the file is written.
        let read = handle.map(|handle| read_all(vec![handle])).transpose()?;
        read.and_then(|mut read| read.pop())
            .ok_or_else(|| Error::new(ErrorKind::Export, format!("the parameter `{path}` must be one of the module")))
    }
}
