//! The state of a run at one point, and the file made of it.

use std::{borrow::Borrow, collections::BTreeMap, path::Path};

use burn::module::Module;

use crate::{
    checkpoint::{
        FORMAT_VERSION,
        collect::Tensors,
        container::{self, Stored},
        git,
        metadata::{Metadata, RunRecord},
        names, optimizers,
    },
    engine::{loss_scaling, resume, run::RunState, snapshot::Parts},
    error::Result,
    module::LightningStruct,
    os::files,
    params::{ErasedVisitor, state::f64_to_json},
    tensor::handle::Handle,
};

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

pub(crate) fn write<T: Borrow<Stored>>(
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
