//! A running average of a module's weights, and how it stands in for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use burn::{
    module::{Module, ParamId},
    tensor::{Tensor, TensorData, kind::BridgeTensor},
};

use super::{AveragingCounts, CallbackContext};
use crate::{
    checkpoint::names,
    error::{Error, ErrorKind, Result},
    module::LightningModule,
    params::{
        DynMapper, ErasedVisitor, FloatParam, MapMode, StateReader, StateWriter, ValueMapper, running_statistics, visit,
    },
    tensor::{any_rank::with_rank, handle::with_data},
};

/// Computes a new average: of the elements of the average, those of the weights, and how many have been averaged before.
pub(super) type Rule = dyn Fn(Tensor<1>, Tensor<1>, u64) -> Tensor<1> + Send + Sync;

/// The average of the parameters and running statistics of a module, by their places in it.
///
/// Each is kept as the list of its elements: a rule need not know ranks, and the layout in memory does not depend on where the
/// values came from, so that a resumed run computes with the same one.
#[derive(Debug, Default)]
pub(super) struct Average {
    values: BTreeMap<usize, Averaged>,
    count: u64,
}

/// The average of one parameter.
#[derive(Debug)]
struct Averaged {
    path: String,
    dims: Vec<usize>,
    elements: Tensor<1>,
}

impl Average {
    /// How many models it is the average of.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Takes the weights into the average. The first are the average.
    ///
    /// # Errors
    /// When the rule gives a tensor of another size.
    pub(super) fn update<M: Module>(&mut self, module: &M, left_out: &BTreeSet<usize>, rule: &Rule) -> Result<()> {
        // Evaluation form: BatchNorm holds its last update back until somebody asks.
        visit(&module.valid(), &mut Updater { average: self, left_out, rule })?;
        self.count += 1;
        Ok(())
    }

    /// Puts the average into a module; what it replaces comes back.
    pub(super) fn put_into<M: Module>(&self, module: &mut M) -> BTreeMap<usize, BridgeTensor> {
        let mut put = Put { values: &self.values, replaced: BTreeMap::new() };
        *module = module.clone().map(&mut DynMapper::new(MapMode::Values(&mut put)));
        put.replaced
    }

    /// Adds it to what a callback keeps, under `name.<path>`.
    pub(super) fn save(&self, name: &str, state: &mut StateWriter) {
        for Averaged { path, dims, elements } in self.values.values() {
            let name = format!("{name}.{path}");
            with_rank!(dims.len(), D => {
                let mut sizes = [0; D];
                sizes.copy_from_slice(dims);
                state.put_tensor(&name, &elements.clone().reshape::<D, _>(sizes));
            }, ());
        }
    }

    /// Takes up the values of a checkpoint for the parameters of `module`, by their paths, and how many models they are the average of.
    ///
    /// # Errors
    /// When a tensor cannot be read, or has another shape.
    pub(super) fn restore<M: Module>(
        &mut self,
        count: u64,
        module: &M,
        left_out: &BTreeSet<usize>,
        stored: &Stored<'_>,
    ) -> Result<()> {
        self.count = count;
        self.values.clear();
        visit(&module.valid(), &mut Restore { values: &mut self.values, left_out, stored })
    }
}

/// Finds the stored tensor of a path.
type Stored<'a> = dyn Fn(&str) -> Result<Option<TensorData>> + 'a;

/// The elements of a float tensor, in order.
fn flat(value: BridgeTensor) -> Option<Tensor<1>> {
    let elements = value.shape().num_elements();
    with_rank!(value.rank(), D => Some(Tensor::<D>::from_bridge(value).reshape([elements])), None)
}

/// A tensor of the shape of `like` with these elements.
fn shaped(elements: Tensor<1>, like: BridgeTensor) -> BridgeTensor {
    with_rank!(like.rank(), D => elements.reshape(Tensor::<D>::from_bridge(like).dims()).into_bridge(), like)
}

struct Updater<'a> {
    average: &'a mut Average,
    left_out: &'a BTreeSet<usize>,
    rule: &'a Rule,
}

impl ErasedVisitor for Updater<'_> {
    fn float(&mut self, index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        if self.left_out.contains(&index) {
            return Ok(());
        }
        let Some(current) = flat(param.value()) else { return Ok(()) };
        let value = match self.average.values.remove(&index) {
            None => current,
            Some(Averaged { elements: average, .. }) => {
                let [before] = average.dims();
                let value = (self.rule)(average, current, self.average.count);
                let [after] = value.dims();
                if after != before {
                    return Err(Error::config(format!("`avg_fn` gave {after} elements for the {before} of `{path}`"))
                        .help("compute element by element: the average has as many as the weights"));
                }
                value
            }
        };
        let averaged = Averaged { path: path.to_owned(), dims: param.dims(), elements: value };
        self.average.values.insert(index, averaged);
        Ok(())
    }
}

struct Put<'a> {
    values: &'a BTreeMap<usize, Averaged>,
    replaced: BTreeMap<usize, BridgeTensor>,
}

impl ValueMapper for Put<'_> {
    fn wants(&self, index: usize, _id: ParamId) -> bool {
        self.values.contains_key(&index)
    }

    fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
        let Some(average) = self.values.get(&index) else { return value };
        self.replaced.insert(index, value.clone());
        shaped(average.elements.clone(), value)
    }
}

/// Gives back what was replaced, as it lay in memory.
struct PutBack(BTreeMap<usize, BridgeTensor>);

impl ValueMapper for PutBack {
    fn wants(&self, index: usize, _id: ParamId) -> bool {
        self.0.contains_key(&index)
    }

    fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
        self.0.remove(&index).unwrap_or(value)
    }
}

struct Restore<'a> {
    values: &'a mut BTreeMap<usize, Averaged>,
    left_out: &'a BTreeSet<usize>,
    stored: &'a Stored<'a>,
}

impl ErasedVisitor for Restore<'_> {
    fn float(&mut self, index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        if self.left_out.contains(&index) {
            return Ok(());
        }
        let Some(data) = (self.stored)(path)? else { return Ok(()) };
        let dims = param.dims();
        if data.shape().as_slice() != dims {
            let shape = data.shape();
            return Err(Error::new(
                ErrorKind::Checkpoint,
                format!("the average of `{path}` has shape {:?}, and {dims:?} is needed", shape.as_slice()),
            ));
        }
        if let Some(elements) = flat(with_data(param.value(), data)) {
            self.values.insert(index, Averaged { path: path.to_owned(), dims, elements });
        }
        Ok(())
    }
}

/// An average that stands in for the weights in training: in validation, in checkpoints, and for good at the end.
#[derive(Debug)]
pub(super) struct Averaging {
    average: Average,
    use_buffers: bool,
    /// The places of running statistics, where they are left out.
    left_out: BTreeSet<usize>,
    /// Of how many models the average of a checkpoint is.
    stored: u64,
    /// The optimizer steps that it has been asked about.
    steps: u64,
    /// The epoch after which it was updated last.
    last_epoch: Option<u64>,
    /// Between `on_train_start` and `on_train_end`.
    is_training: bool,
    /// The weights in training, while the average stands in.
    replaced: Option<BTreeMap<usize, BridgeTensor>>,
    /// Whether the module has the average for good.
    is_copied: bool,
    counts: Arc<Mutex<AveragingCounts>>,
}

impl Averaging {
    pub(super) fn new(use_buffers: bool, counts: Arc<Mutex<AveragingCounts>>) -> Self {
        Self {
            average: Average::default(),
            use_buffers,
            left_out: BTreeSet::new(),
            stored: 0,
            steps: 0,
            last_epoch: None,
            is_training: false,
            replaced: None,
            is_copied: false,
            counts,
        }
    }

    fn count(&self, change: impl FnOnce(&mut AveragingCounts)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut counts);
        counts.n_averaged = self.average.count();
    }

    /// `on_fit_start`
    pub(super) fn prepare<M: Module>(&mut self, cx: &CallbackContext<'_>, module: &M) -> Result<()> {
        self.steps = cx.global_step();
        if !self.use_buffers {
            self.left_out = running_statistics(module)?;
        }
        self.count(|_| ());
        Ok(())
    }

    /// `on_train_start`
    pub(super) fn start(&mut self) {
        (self.is_training, self.is_copied) = (true, false);
    }

    /// `on_train_end`
    pub(super) fn end(&mut self) {
        self.is_training = false;
    }

    fn update<M: Module>(&mut self, module: &M, rule: &Rule) -> Result<()> {
        self.average.update(module, &self.left_out, rule)?;
        self.count(|_| ());
        Ok(())
    }

    /// `on_train_batch_end`: `should_update` is asked once after each optimizer step, which is counted from 0.
    pub(super) fn after_batch<M: Module>(
        &mut self,
        cx: &CallbackContext<'_>,
        module: &M,
        should_update: impl FnOnce(u64) -> bool,
        rule: &Rule,
    ) -> Result<()> {
        let steps = cx.global_step();
        let has_stepped = steps > std::mem::replace(&mut self.steps, steps);
        if has_stepped && should_update(steps - 1) { self.update(module, rule) } else { Ok(()) }
    }

    /// `on_train_epoch_end`
    pub(super) fn after_epoch<M: Module>(
        &mut self,
        cx: &CallbackContext<'_>,
        module: &M,
        should_update: impl FnOnce(u64) -> bool,
        rule: &Rule,
    ) -> Result<()> {
        let epoch = cx.current_epoch();
        if !cx.is_failing() && self.last_epoch.is_none_or(|last| epoch > last) && should_update(epoch) {
            self.update(module, rule)?;
            self.last_epoch = Some(epoch);
        }
        Ok(())
    }

    /// `on_validation_start`: the average stands in. Before the first update the weights in training are the average.
    pub(super) fn stand_in<M: Module>(&mut self, module: &mut M) {
        if self.is_training && self.replaced.is_none() {
            self.replaced = Some(self.average.put_into(module));
            self.count(|counts| counts.swaps += 1);
        }
    }

    /// `on_validation_end`, and when an error ends the validation
    pub(super) fn stand_back<M: Module>(&mut self, module: &mut M) {
        if let Some(replaced) = self.replaced.take() {
            *module = module.clone().map(&mut DynMapper::new(MapMode::Values(&mut PutBack(replaced))));
            self.count(|counts| counts.swaps += 1);
        }
    }

    /// `final_weights`
    pub(super) fn copy<M: Module>(&mut self, module: &mut M) {
        if self.average.count() > 0 && !self.is_copied {
            // BatchNorm's last update, held back, would come after the average.
            *module = module.clone().train();
            self.average.put_into(module);
            self.is_copied = true;
            self.count(|counts| counts.copies += 1);
        }
    }

    /// `model_to_save`
    pub(super) fn model<M: Module>(&self, module: &M) -> Option<M> {
        (self.average.count() > 0 && !self.is_copied).then(|| {
            let mut model = module.valid();
            self.average.put_into(&mut model);
            model
        })
    }

    /// `save_state`: the average itself is the model of the checkpoint.
    pub(super) fn save(&self, state: &mut StateWriter) -> Result<()> {
        state.put("n_averaged", &self.average.count())?;
        state.put("latest_update_epoch", &self.last_epoch)?;
        state.put("is_copied", &self.is_copied)
    }

    /// `load_state`
    pub(super) fn load(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get("n_averaged", &mut self.stored)?;
        state.get("latest_update_epoch", &mut self.last_epoch)?;
        state.get("is_copied", &mut self.is_copied)
    }

    /// `on_load_checkpoint`: the model of the checkpoint is the average.
    pub(super) fn resume<M: LightningModule>(&mut self, cx: &CallbackContext<'_>, module: &M) -> Result<()> {
        self.prepare(cx, module)?;
        match &cx.resume.checkpoint {
            Some(checkpoint) if self.stored > 0 => {
                let stored = |path: &str| checkpoint.container.read(&format!("{}{path}", names::MODEL));
                self.average.restore(self.stored, module, &self.left_out, &stored)
            }
            _ => Ok(()),
        }
    }
}
