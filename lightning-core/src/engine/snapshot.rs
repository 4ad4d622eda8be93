//! What is taken of a run at one place, and the file made of it.
//!
//! Taking waits for the device once and copies every tensor that is not on the host already to it. Those that are there are shared with
//! the run, which copies what it changes; hashing and writing need it no more.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use burn::{
    module::{Module, ParamId},
    tensor::TensorData,
};
use serde_json::Value;

use crate::{
    callbacks::Callback,
    checkpoint::{
        FORMAT_VERSION,
        container::{self, Stored},
        git,
        metadata::{DataRecord, Metadata, RunRecord},
        names, optimizers,
    },
    engine::{loss_scaling, resume, run::RunState},
    error::{Error, Result},
    module::{LightningModule, LightningStruct},
    os::files,
    params::{
        BufferVisitor, ErasedVisitor, FloatParam,
        state::{StateWriter, f64_to_json},
        visit,
    },
    tensor::handle::{Handle, read_all},
};

/// A module as a checkpoint sees it, erased: what writes is compiled once.
pub(crate) trait Snapshot {
    fn name(&self) -> &'static str;
    /// Every parameter, running statistic and buffer.
    fn tensors(&self, tensors: &mut Tensors) -> Result<()>;
    /// Every float parameter.
    fn parameters(&self) -> Result<Vec<ParamName>>;
    fn state(&self) -> Result<Value>;
    fn hparams(&self) -> Result<Value>;
}

impl<M: LightningModule> Snapshot for M {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn tensors(&self, tensors: &mut Tensors) -> Result<()> {
        // BatchNorm holds its last update back until somebody asks: evaluation form has it.
        visit(&self.valid(), tensors)?;
        self.visit_buffers(tensors);
        tensors.failed.take().map_or(Ok(()), Err)
    }

    fn parameters(&self) -> Result<Vec<ParamName>> {
        parameters(self)
    }

    fn state(&self) -> Result<Value> {
        let mut state = StateWriter::default();
        self.save_state(&mut state)?;
        Ok(state.finish())
    }

    fn hparams(&self) -> Result<Value> {
        hparams_value(&LightningStruct::hparams(self))
    }
}

/// Hyperparameters as JSON.
pub(crate) fn hparams_value(hparams: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(hparams).map_err(|error| {
        Error::new(crate::ErrorKind::Checkpoint, "the hyperparameters cannot be written as JSON").caused_by(error)
    })
}

/// A float parameter, by all its names.
#[derive(Clone, Debug)]
pub(crate) struct ParamName {
    pub(crate) index: usize,
    pub(crate) id: ParamId,
    pub(crate) path: String,
    pub(crate) dims: Vec<usize>,
}

/// Every float parameter of a module.
pub(crate) fn parameters<M: Module>(module: &M) -> Result<Vec<ParamName>> {
    struct Names(Vec<ParamName>);

    impl ErasedVisitor for Names {
        fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
            self.0.push(ParamName { index, id, path: path.to_owned(), dims: param.dims() });
            Ok(())
        }
    }

    let mut names = Names(Vec::new());
    visit(module, &mut names)?;
    Ok(names.0)
}

/// The paths of the parameters that take no gradient and of the flags that are off, of a module in training form.
pub(crate) fn frozen<M: Module>(module: &M) -> Result<Vec<String>> {
    struct Frozen(Vec<String>);

    impl ErasedVisitor for Frozen {
        fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
            if !param.is_trainable() {
                self.0.push(path.to_owned());
            }
            Ok(())
        }

        fn flag(&mut self, path: &str, on: bool) {
            if !on {
                self.0.push(path.to_owned());
            }
        }
    }

    let mut frozen = Frozen(Vec::new());
    visit(module, &mut frozen)?;
    Ok(frozen.0)
}

/// Tensors by name, on their way into a file.
#[derive(Debug, Default)]
pub(crate) struct Tensors {
    prefix: String,
    all: Vec<(String, Handle)>,
    failed: Option<Error>,
}

impl Tensors {
    /// What is added from here on has this before its name.
    pub(crate) fn below(&mut self, prefix: impl Into<String>) -> &mut Self {
        self.prefix = prefix.into();
        self
    }

    pub(crate) fn add(&mut self, name: &str, handle: Handle) {
        self.all.push((format!("{}{name}", self.prefix), handle));
    }

    /// The values on the host, ready to be written: those that are there already are shared, all others read in one transaction.
    ///
    /// # Errors
    /// When the device fails, a type cannot be saved, or a name stands for two tensors.
    pub(crate) fn read(self) -> Result<Vec<Stored>> {
        let (names, handles): (Vec<String>, Vec<Handle>) = self.all.into_iter().unzip();
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(Error::new(crate::ErrorKind::Checkpoint, format!("two tensors are called `{twice}`"))
                .help("give one of the two fields or states another name"));
        }
        let mut stored = Vec::with_capacity(names.len());
        let (mut distant, mut of_distant) = (Vec::new(), Vec::new());
        for (name, handle) in names.into_iter().zip(handles) {
            match handle.on_host() {
                Some((dims, flat)) => stored.push(Stored::shared(name, dims, flat)?),
                None => {
                    distant.push(handle);
                    of_distant.push(name);
                }
            }
        }
        for (name, data) in of_distant.into_iter().zip(read_all(distant)?) {
            stored.push(Stored::new(name, data)?);
        }
        Ok(stored)
    }
}

impl ErasedVisitor for Tensors {
    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        self.add(path, param.handle());
        Ok(())
    }

    fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
        self.add(path, handle());
        Ok(())
    }
}

impl BufferVisitor for Tensors {
    fn buffer(&mut self, name: &str, _dims: &[usize], data: &dyn Fn() -> Result<TensorData>) {
        match data() {
            Ok(data) => self.add(name, Handle::Host(data)),
            Err(error) => {
                self.failed.get_or_insert(error);
            }
        }
    }
}

/// The state of every callback by its key. Of several with one key the later ones get a number.
///
/// # Errors
/// Those of the callbacks.
pub(crate) fn callback_states<M>(callbacks: &[Box<dyn Callback<M>>]) -> Result<Vec<(String, StateWriter)>> {
    let mut states = Vec::new();
    for (key, callback) in keyed(callbacks.iter().map(|callback| callback.state_key())).into_iter().zip(callbacks) {
        let mut state = StateWriter::default();
        callback.save_state(&mut state)?;
        if !state.is_empty() {
            states.push((key, state));
        }
    }
    Ok(states)
}

/// Tells equal keys apart by their order.
pub(crate) fn keyed(keys: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    keys.map(|key| {
        let count = seen.entry(key.clone()).or_default();
        *count += 1;
        if *count == 1 { key } else { format!("{key}#{count}") }
    })
    .collect()
}

/// What a checkpoint is made of, besides the run.
pub(crate) struct Parts<'a> {
    /// The module in training.
    pub(crate) module: &'a dyn Snapshot,
    /// The one that the file shows as the model, where it is another.
    pub(crate) shown: Option<&'a dyn Snapshot>,
    /// What the module's `on_save_checkpoint` added.
    pub(crate) user: StateWriter,
    pub(crate) callbacks: Vec<(String, StateWriter)>,
    pub(crate) data: Option<DataRecord>,
    pub(crate) frozen: Vec<String>,
}

/// What a checkpoint is written of. Tensors in host memory are shared with the run that goes on.
#[derive(Debug)]
pub(crate) struct Image {
    metadata: Metadata,
    tensors: Vec<Stored>,
}

impl Image {
    /// Takes everything at the place where the run is.
    ///
    /// # Errors
    /// When the device fails or something cannot be saved.
    pub(crate) fn take(parts: Parts<'_>, run: &mut RunState) -> Result<Self> {
        let Parts { module, shown, user, callbacks, data, frozen } = parts;
        let mut tensors = Tensors::default();
        if let Some(shown) = shown {
            shown.tensors(tensors.below(names::MODEL))?;
            module.tensors(tensors.below(names::TRAINING))?;
        } else {
            module.tensors(tensors.below(names::MODEL))?;
        }
        let (user, user_tensors) = user.into_parts();
        tensors.below(names::USER);
        for (name, handle) in user_tensors {
            tensors.add(&name, handle);
        }
        let mut states = BTreeMap::new();
        for (key, writer) in callbacks {
            let (state, own) = writer.into_parts();
            tensors.below(format!("{}{key}.", names::CALLBACKS));
            for (name, handle) in own {
                tensors.add(&name, handle);
            }
            states.insert(key, state);
        }
        let parameters = module.parameters()?;
        let windows = resume::windows(run, &parameters, &mut tensors);
        if let Some(loss) = &run.loss {
            tensors.below("").add(names::LOSS, Handle::float(loss.clone()));
        }
        let mut tensors = tensors.read()?;
        let optimizers = optimizers::save(&run.optimizers, &parameters, &mut tensors)?;
        let metrics =
            run.metrics.metrics()?.iter().map(|(name, value)| (name.to_owned(), f64_to_json(value))).collect();
        let metadata = Metadata {
            format: FORMAT_VERSION,
            lightning: env!("CARGO_PKG_VERSION").to_owned(),
            burn: crate::checkpoint::BURN_VERSION.to_owned(),
            git_commit: git::commit(),
            module: module.name().to_owned(),
            hparams: module.hparams()?,
            state: module.state()?,
            user,
            epoch: run.last_epoch,
            global_step: run.progress.global_step,
            batch_step: run.progress.batch_step,
            seed: run.seed,
            metrics,
            run: Some(Box::new(RunRecord {
                position: run.position,
                counters: run.progress,
                stop: run.stop.clone(),
                optimizers,
                windows,
                scaler: loss_scaling::scalers_record(run)?,
                callbacks: states,
                data,
                metrics: run.metrics.record()?,
                log_records: run.loggers.records_at(run.progress.batch_step),
                train_batches: run.train_batches,
                trainable: crate::checkpoint::metadata::Trainability { declared: run.declared_frozen.clone(), frozen },
                settings: resume::settings_record(&run.settings),
            })),
        };
        Ok(Self { metadata, tensors })
    }

    /// Whether the run goes on with memory that this is to be written of.
    pub(crate) fn is_shared(&self) -> bool {
        self.tensors.iter().any(Stored::is_shared)
    }

    /// Writes the file: it is there as a whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written, with its path.
    pub(crate) fn write(&self, path: &Path, weights_only: bool) -> Result<()> {
        write(&self.metadata, self.tensors.iter(), path, weights_only, || ())
    }

    /// As [`Image::write`], for the last file of an image: each tensor is let go of when it is written, so that a training that goes on
    /// need not copy it. `all_freed` is called when that is so for all of them, which is before the file is in place.
    ///
    /// # Errors
    /// As [`Image::write`].
    pub(crate) fn write_last(self, path: &Path, weights_only: bool, all_freed: impl FnOnce()) -> Result<()> {
        write(&self.metadata, self.tensors.into_iter(), path, weights_only, all_freed)
    }
}

fn write<T: Borrow<Stored>>(
    metadata: &Metadata,
    tensors: impl Iterator<Item = T>,
    path: &Path,
    weights_only: bool,
    written: impl FnOnce(),
) -> Result<()> {
    let (text, tensors): (_, Vec<T>) = if weights_only {
        let wanted = |tensor: &T| {
            let name = tensor.borrow().name();
            name.starts_with(names::MODEL) || name.starts_with(names::USER)
        };
        let metadata = Metadata { run: None, ..metadata.clone() };
        (serde_json::to_string(&metadata)?, tensors.filter(wanted).collect())
    } else {
        (serde_json::to_string(metadata)?, tensors.collect())
    };
    let bytes: usize = tensors.iter().map(|tensor| tensor.borrow().len()).sum();
    files::write_atomic_head_last(path, bytes, |writer| {
        container::write(writer, tensors, Some(&text)).inspect(|_| written())
    })
}
