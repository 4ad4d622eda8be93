//! Sets the least important weights to zero, and keeps them there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use burn::{
    module::{Module, ParamId},
    tensor::{Bool, Device, Tensor, TensorData, kind::BridgeTensor},
};

use super::{
    Callback, CallbackContext,
    pruning_choice::{Importance, Layer, PruningAmount, choose},
};
use crate::{
    console::table,
    error::{Error, ErrorKind, Result},
    module::LightningModule,
    params::{
        DynMapper, ErasedVisitor, FloatParam, IntoParamSelector, MapMode, ParamInfo, ParamSelector, StateReader,
        StateWriter, ValueMapper, running_statistics, state::StoredTensors, visit,
    },
    random::{Rng, Stream},
    tensor::{any_rank::with_rank, handle::with_data},
};

type AtEpoch<T> = Arc<dyn Fn(u64) -> T + Send + Sync>;

/// Prunes weights after every epoch: the least important ones are set to zero and stay there.
///
/// Each time `amount` of the weights that are left are pruned, so that half of them leaves a quarter after two epochs: those of the smallest
/// magnitude ([`l1_unstructured`](Self::l1_unstructured); of equal ones the first in the order of the module's fields), or any
/// ([`random_unstructured`](Self::random_unstructured)). They are chosen among all parameters together, or in each for itself with
/// [`use_global_unstructured(false)`](Self::use_global_unstructured). A pruned weight gets no gradient, and is zero again after each
/// optimizer step whatever the optimizer has kept of it.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::Pruning, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 2).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// # }
/// # let mut net = Net::new(NetHparams::default());
/// # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([2, 4], &Default::default()); 3])?;
///
/// // Half of the weights, then half of the rest; no biases.
/// let pruning = Pruning::l1_unstructured().amount(0.5).parameters(params::regex("weight$")).apply_at(|epoch| epoch < 2);
/// let mut trainer = Net::trainer().max_epochs(4).callback(pruning)
/// #   .no_logger().enable_checkpointing(false).enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// let weights: Vec<f32> = net.layer.weight.val().into_data().iter().collect();
/// assert_eq!(weights.iter().filter(|weight| **weight == 0.0).count(), 6); // of 8
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// The masks are part of a checkpoint, and so are the weights that [`use_lottery_ticket_hypothesis`](Self::use_lottery_ticket_hypothesis)
/// goes back to: a resumed run is the run that never stopped. After training the masks are dropped and the zeros stay, unless
/// [`make_pruning_permanent(false)`](Self::make_pruning_permanent) keeps them in force for the next `fit`.
///
/// Otherwise than in PyTorch Lightning's `ModelPruning`, weights are set back to those of the start only where the lottery ticket is asked
/// for, and a parameter keeps its name and its place in the optimizer.
///
/// Source: S. Han et al., "Learning both Weights and Connections for Efficient Neural Networks", NIPS 2015; J. Frankle, M. Carbin, "The Lottery
/// Ticket Hypothesis", ICLR 2019. The numbers are those of `torch.nn.utils.prune`.
#[derive(Clone)]
#[doc(alias = "ModelPruning")]
pub struct Pruning {
    importance: Importance,
    selectors: Vec<ParamSelector>,
    is_global: bool,
    amount: AtEpoch<PruningAmount>,
    applies: AtEpoch<bool>,
    lottery_ticket: AtEpoch<bool>,
    wants_ticket: bool,
    is_permanent: bool,
    on_train_epoch_end: bool,
    verbose: bool,
    /// The places of the parameters to prune.
    places: BTreeSet<usize>,
    masks: BTreeMap<usize, Mask>,
    /// The weights that training began with.
    first: BTreeMap<usize, First>,
    stored: (StoredTensors, StoredTensors),
    /// Optimizer steps when the weights were masked last.
    masked_at: u64,
}

/// Which weights of a parameter are left.
#[derive(Clone, Debug)]
struct Mask {
    path: String,
    keep: Vec<bool>,
    /// Of the parameter's shape: what is not left.
    pruned: BridgeTensor,
}

/// What a parameter was at the start.
#[derive(Clone, Debug)]
struct First {
    path: String,
    value: BridgeTensor,
}

impl fmt::Debug for Pruning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pruning").field("importance", &self.importance).finish_non_exhaustive()
    }
}

impl Pruning {
    fn new(importance: Importance) -> Self {
        Self {
            importance,
            selectors: Vec::new(),
            is_global: true,
            amount: Arc::new(|_| PruningAmount::Fraction(0.5)),
            applies: Arc::new(|_| true),
            lottery_ticket: Arc::new(|_| false),
            wants_ticket: false,
            is_permanent: true,
            on_train_epoch_end: true,
            verbose: false,
            places: BTreeSet::new(),
            masks: BTreeMap::new(),
            first: BTreeMap::new(),
            stored: Default::default(),
            masked_at: 0,
        }
    }

    /// Prunes the weights of the smallest magnitude: half of what is left, after every epoch.
    pub fn l1_unstructured() -> Self {
        Self::new(Importance::Magnitude)
    }

    /// Prunes weights at random, by the run's seed: half of what is left, after every epoch.
    pub fn random_unstructured() -> Self {
        Self::new(Importance::Random)
    }

    /// How much is pruned each time: a float is a share of the weights that are left, an integer a number of them.
    #[must_use]
    pub fn amount(self, amount: impl Into<PruningAmount>) -> Self {
        let amount = amount.into();
        self.amount_at(move |_| amount)
    }

    /// How much is pruned after each epoch, counted from 0.
    #[must_use]
    pub fn amount_at<A: Into<PruningAmount>>(self, amount: impl Fn(u64) -> A + Send + Sync + 'static) -> Self {
        Self { amount: Arc::new(move |epoch| amount(epoch).into()), ..self }
    }

    /// After which epochs, counted from 0, it prunes; after every one unless told.
    #[must_use]
    pub fn apply_at(self, applies: impl Fn(u64) -> bool + Send + Sync + 'static) -> Self {
        Self { applies: Arc::new(applies), ..self }
    }

    /// Restricts it to these parameters: a field (`Net::BODY`), `params::regex("weight$")`, `params::below("blocks.0")`; called again, to
    /// these as well. Without it, everything is pruned that trains when `fit` begins.
    #[must_use]
    pub fn parameters(mut self, selector: impl IntoParamSelector) -> Self {
        self.selectors.push(selector.into_selector());
        self
    }

    /// Whether the weights are chosen among all parameters together (the default) or in each for itself.
    #[must_use]
    pub fn use_global_unstructured(self, global: bool) -> Self {
        Self { is_global: global, ..self }
    }

    /// Whether the weights that are left go back to what they were at the start, each time it prunes. No unless told.
    #[must_use]
    pub fn use_lottery_ticket_hypothesis(self, go_back: bool) -> Self {
        Self { lottery_ticket: Arc::new(move |_| go_back), wants_ticket: go_back, ..self }
    }

    /// After which epochs they go back.
    #[must_use]
    pub fn lottery_ticket_at(self, goes_back: impl Fn(u64) -> bool + Send + Sync + 'static) -> Self {
        Self { lottery_ticket: Arc::new(goes_back), wants_ticket: true, ..self }
    }

    /// Whether the masks are dropped after training (the default).
    #[must_use]
    pub fn make_pruning_permanent(self, permanent: bool) -> Self {
        Self { is_permanent: permanent, ..self }
    }

    /// Whether it prunes at the end of the training epoch (the default) or at the end of its validation.
    #[must_use]
    pub fn prune_on_train_epoch_end(self, at_epoch_end: bool) -> Self {
        Self { on_train_epoch_end: at_epoch_end, ..self }
    }

    /// Whether a line is printed each time.
    #[must_use]
    pub fn verbose(self, verbose: bool) -> Self {
        Self { verbose, ..self }
    }

    /// The places of the parameters to prune, of a module in training form.
    fn select<M: Module>(&self, module: &M) -> Result<BTreeSet<usize>> {
        struct Select<'a> {
            selectors: &'a [ParamSelector],
            found: BTreeSet<usize>,
        }

        impl ErasedVisitor for Select<'_> {
            fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
                let info = ParamInfo { index, id, path, rank: param.rank() };
                let is_meant = match self.selectors {
                    [] => param.is_trainable(),
                    selectors => selectors.iter().any(|selector| selector.matches(&info)),
                };
                if is_meant {
                    self.found.insert(index);
                }
                Ok(())
            }
        }

        let mut select = Select { selectors: &self.selectors, found: BTreeSet::new() };
        visit(module, &mut select)?;
        let statistics = running_statistics(module)?;
        Ok(select.found.difference(&statistics).copied().collect())
    }

    /// The values of the parameters to prune.
    fn values<M: Module>(&self, module: &M) -> Result<Vec<Selected>> {
        struct Values<'a> {
            places: &'a BTreeSet<usize>,
            found: Vec<Selected>,
        }

        impl ErasedVisitor for Values<'_> {
            fn float(&mut self, index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
                if self.places.contains(&index) {
                    self.found.push(Selected { index, path: path.to_owned(), value: param.value() });
                }
                Ok(())
            }
        }

        let mut values = Values { places: &self.places, found: Vec::new() };
        visit(module, &mut values)?;
        Ok(values.found)
    }

    /// Prunes, and leaves the module masked.
    fn prune<M: Module>(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let epoch = cx.current_epoch();
        let amount = (self.amount)(epoch);
        if !(self.applies)(epoch) || amount.is_zero() {
            return Ok(());
        }
        let mut rng = Rng::derived(cx.view.progress.seed, Stream::Host, u64::MAX - epoch, 0);
        let mut layers = Vec::new();
        for Selected { index, path, value } in self.values(module)? {
            let importance = match self.importance {
                // sync: once for each parameter, each time it prunes.
                Importance::Magnitude => magnitudes(value.clone()),
                Importance::Random => vec![0.0; value.shape().num_elements()],
            };
            let keep = match self.masks.remove(&index) {
                Some(mask) if mask.keep.len() == importance.len() => mask.keep,
                _ => vec![true; importance.len()],
            };
            layers.push(Layer { index, path, value, importance, keep });
        }
        let total: usize = layers.iter().map(|layer| layer.keep.len()).sum();
        let left_before: usize = layers.iter().map(Layer::left).sum();
        if self.is_global {
            choose(&mut layers, amount, self.importance, &mut rng)?;
        } else {
            for layer in &mut layers {
                choose(std::slice::from_mut(layer), amount, self.importance, &mut rng)?;
            }
        }
        let left: usize = layers.iter().map(Layer::left).sum();
        for Layer { index, path, value, keep, .. } in layers {
            let pruned = pruned(&keep, &value);
            self.masks.insert(index, Mask { path, keep, pruned });
        }
        let goes_back = self.wants_ticket && (self.lottery_ticket)(epoch);
        self.apply(module, goes_back);
        if self.verbose {
            cx.print(format!(
                "epoch {epoch}: {} of {total} weights are pruned, {} before",
                total - left,
                total - left_before
            ));
        }
        Ok(())
    }

    /// Sets pruned weights to zero; with `goes_back` after the others went back to the start.
    fn apply<M: Module>(&self, module: &mut M, goes_back: bool) {
        let mut apply = Apply { masks: &self.masks, first: goes_back.then_some(&self.first) };
        *module = module.clone().map(&mut DynMapper::new(MapMode::Values(&mut apply)));
    }
}

/// A parameter that is to be pruned.
struct Selected {
    index: usize,
    path: String,
    value: BridgeTensor,
}

fn magnitudes(value: BridgeTensor) -> Vec<f32> {
    with_rank!(value.rank(), D => Tensor::<D>::from_bridge(value).abs().into_data().iter::<f32>().collect(), Vec::new())
}

/// The mask of what is pruned, of the shape and on the device of `like`.
fn pruned(keep: &[bool], like: &BridgeTensor) -> BridgeTensor {
    let pruned: Vec<bool> = keep.iter().map(|keep| !keep).collect();
    let shape = like.shape();
    with_rank!(like.rank(), D => {
        let device: Device = Tensor::<D>::from_bridge(like.clone()).device();
        Tensor::<D, Bool>::from_data(TensorData::new(pruned, shape), &device).into_bridge()
    }, like.clone())
}

fn masked(value: BridgeTensor, pruned: &BridgeTensor) -> BridgeTensor {
    with_rank!(value.rank(), D => {
        Tensor::<D>::from_bridge(value).mask_fill(Tensor::<D, Bool>::from_bridge(pruned.clone()), 0.0).into_bridge()
    }, value)
}

struct Apply<'a> {
    masks: &'a BTreeMap<usize, Mask>,
    first: Option<&'a BTreeMap<usize, First>>,
}

impl ValueMapper for Apply<'_> {
    fn wants(&self, index: usize, _id: ParamId) -> bool {
        self.masks.contains_key(&index)
    }

    fn map(&mut self, index: usize, _path: &str, value: BridgeTensor) -> BridgeTensor {
        let value = match self.first.and_then(|first| first.get(&index)) {
            Some(first) => first.value.clone(),
            None => value,
        };
        match self.masks.get(&index) {
            Some(mask) => masked(value, &mask.pruned),
            None => value,
        }
    }
}

impl<M: LightningModule> Callback<M> for Pruning {
    fn check(&self) -> Result<()> {
        (self.amount)(0).of(usize::MAX).map(|_| ())
    }

    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        for selector in &self.selectors {
            selector.check()?;
        }
        self.places = self.select(module)?;
        if self.places.is_empty() {
            let what: Vec<String> = self.selectors.iter().map(ToString::to_string).collect();
            let what = table::listed(what.iter().map(String::as_str));
            return Err(Error::config(format!("`Pruning`: there are no parameters to prune in {what}"))
                .help("name fields that hold parameters, or leave `parameters` out for all that train"));
        }
        if self.wants_ticket && self.first.is_empty() {
            let first = |Selected { index, path, value }| (index, First { path, value });
            self.first = self.values(module)?.into_iter().map(first).collect();
        }
        // A run that is taken up goes on with what it counted; another one begins at its own first step.
        self.masked_at = self.masked_at.min(cx.global_step());
        Ok(())
    }

    fn on_before_optimizer_step(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        for window in &mut cx.view.train.accumulators {
            for (index, mask) in &self.masks {
                window.change(*index, |gradient| masked(gradient, &mask.pruned));
            }
        }
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if !self.masks.is_empty() && cx.global_step() > self.masked_at {
            self.masked_at = cx.global_step();
            self.apply(module, false);
        }
        Ok(())
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if self.on_train_epoch_end && !cx.is_failing() { self.prune(cx, module) } else { Ok(()) }
    }

    fn on_validation_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if self.on_train_epoch_end
            || cx.is_failing()
            || cx.is_sanity_checking()
            || cx.view.train.accumulators.is_empty()
        {
            return Ok(());
        }
        self.prune(cx, module)
    }

    fn final_weights(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<bool> {
        if self.is_permanent {
            self.masks.clear();
            self.first.clear();
        }
        Ok(false)
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        for Mask { path, pruned, .. } in self.masks.values() {
            let name = format!("mask.{path}");
            with_rank!(pruned.rank(), D => {
                state.put_tensor(&name, &Tensor::<D, Bool>::from_bridge(pruned.clone()).bool_not());
            }, ());
        }
        for First { path, value } in self.first.values() {
            let name = format!("first.{path}");
            with_rank!(value.rank(), D => state.put_tensor(&name, &Tensor::<D>::from_bridge(value.clone())), ());
        }
        state.put("masked_at", &self.masked_at)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.stored = (state.tensors_below("mask."), state.tensors_below("first."));
        state.get("masked_at", &mut self.masked_at)
    }

    fn on_load_checkpoint(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let (masks, first) = std::mem::take(&mut self.stored);
        let mut restore = Restore { pruning: self, masks, first };
        visit(module, &mut restore)
    }
}

/// Takes up what a checkpoint has, by the paths of the parameters.
struct Restore<'a> {
    pruning: &'a mut Pruning,
    masks: StoredTensors,
    first: StoredTensors,
}

impl ErasedVisitor for Restore<'_> {
    fn float(&mut self, index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let fits = |data: &TensorData| {
            let shape = data.shape();
            if shape.as_slice() == param.dims() {
                return Ok(());
            }
            let (found, needed) = (shape.as_slice(), param.dims());
            Err(Error::new(
                ErrorKind::Checkpoint,
                format!("what `Pruning` has stored for `{path}` has shape {found:?}, and {needed:?} is needed"),
            ))
        };
        if let Some(data) = self.masks.remove(path) {
            fits(&data)?;
            let keep: Vec<bool> = data.iter::<bool>().collect();
            let pruned = pruned(&keep, &param.value());
            self.pruning.masks.insert(index, Mask { path: path.to_owned(), keep, pruned });
        }
        if let Some(data) = self.first.remove(path) {
            fits(&data)?;
            let value = with_data(param.value(), data);
            self.pruning.first.insert(index, First { path: path.to_owned(), value });
        }
        Ok(())
    }
}
