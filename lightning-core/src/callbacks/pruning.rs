//! Sets the least important weights to zero and keeps them there.

mod apply;
mod choice;
mod mask;
mod settings;
mod state;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub use self::choice::PruningAmount;
use self::{
    choice::Importance,
    mask::{Initial, Mask},
    settings::Settings,
    state::Stored,
};
use super::{Callback, CallbackContext, select};
use crate::{
    console::table,
    error::{Error, Result},
    module::LightningModule,
    params::{ParamSelector, StateReader, StateWriter, visit},
};

/// Prunes weights after every epoch: the least important ones are set to zero and stay zero.
///
/// Each time it prunes, it takes `amount` of the weights that remain, so that an amount of one half
/// leaves a quarter after two epochs. [`l1_unstructured`](Self::l1_unstructured) takes the weights
/// of the smallest magnitude (among equal ones the first in the order of the module's fields),
/// [`random_unstructured`](Self::random_unstructured) takes any. They are chosen among all
/// parameters together, or within each parameter with
/// [`use_global_unstructured(false)`](Self::use_global_unstructured). A pruned weight gets no
/// gradient, and is set to zero again after each optimizer step, whatever the optimizer's state is.
/// Several `Pruning`s combine: each takes its amount of the weights that all of them leave.
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
/// let pruning = Pruning::l1_unstructured()
///     .amount(0.5)
///     .parameters(params::regex("weight$"))
///     .apply_at(|epoch| epoch < 2);
/// let mut trainer = Net::trainer().max_epochs(4).callback(pruning)
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// let weights: Vec<f32> = net.layer.weight.val().into_data().iter().collect();
/// assert_eq!(weights.iter().filter(|weight| **weight == 0.0).count(), 6); // of 8
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// The masks are part of a checkpoint, and so are the initial weights that
/// [`use_lottery_ticket_hypothesis`](Self::use_lottery_ticket_hypothesis) rewinds to: a resumed run
/// equals a run that was not interrupted. After training the masks are dropped and the zeros
/// remain, unless [`make_pruning_permanent(false)`](Self::make_pruning_permanent) keeps the masks
/// for the next `fit`.
///
/// Differences from PyTorch Lightning's `ModelPruning`: weights are rewound only if the lottery
/// ticket is requested, and a parameter keeps its name and its index in the optimizer.
///
/// Sources: S. Han et al., "Learning both Weights and Connections for Efficient Neural Networks",
/// NIPS 2015; J. Frankle, M. Carbin, "The Lottery Ticket Hypothesis", ICLR 2019. The numbers equal
/// those of `torch.nn.utils.prune`.
#[derive(Clone)]
#[doc(alias = "ModelPruning")]
pub struct Pruning {
    settings: Settings,
    /// The indices of the parameters to prune.
    indices: BTreeSet<usize>,
    masks: BTreeMap<usize, Mask>,
    /// The weights at the start of training.
    initial: BTreeMap<usize, Initial>,
    /// Tensors of a checkpoint, between `load_state` and `on_load_checkpoint`.
    stored: Stored,
    /// The optimizer step after which the weights were last masked.
    masked_at: u64,
}

impl fmt::Debug for Pruning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pruning").field("importance", &self.settings.importance).finish_non_exhaustive()
    }
}

impl Pruning {
    fn new(importance: Importance) -> Self {
        Self {
            settings: Settings::new(importance),
            indices: BTreeSet::new(),
            masks: BTreeMap::new(),
            initial: BTreeMap::new(),
            stored: Stored::default(),
            masked_at: 0,
        }
    }

    /// Prunes the weights of the smallest magnitude: after every epoch, half of those that remain.
    pub fn l1_unstructured() -> Self {
        Self::new(Importance::Magnitude)
    }

    /// Prunes random weights, drawn with the run's seed: after every epoch, half of those that
    /// remain.
    pub fn random_unstructured() -> Self {
        Self::new(Importance::Random)
    }
}

fn no_parameters(selectors: &[ParamSelector]) -> Error {
    let selectors: Vec<String> = selectors.iter().map(ToString::to_string).collect();
    let found = match selectors.as_slice() {
        [] => "no trainable parameter".to_owned(),
        selectors => format!("none in {}", table::listed(selectors.iter().map(String::as_str))),
    };
    Error::config(format!("`Pruning` needs at least one parameter to prune, found {found}"))
        .help("name fields with parameters, or remove `.parameters(…)` to prune all trainable parameters")
}

impl<M: LightningModule> Callback<M> for Pruning {
    fn check(&self) -> Result<()> {
        (self.settings.amount)(0).of(usize::MAX).map(|_| ())
    }

    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let selectors = &self.settings.selectors;
        for selector in selectors {
            selector.check()?;
        }
        self.indices = select::indices(module, selectors)?;
        if self.indices.is_empty() {
            return Err(no_parameters(selectors));
        }
        if self.settings.wants_ticket && self.initial.is_empty() {
            let selected = select::values(module, &self.indices)?;
            self.initial =
                selected.into_iter().map(|it| (it.index, Initial { path: it.path, value: it.value })).collect();
        }
        self.share(cx);
        // A resumed run continues its count; a new run has its own first step.
        self.masked_at = self.masked_at.min(cx.global_step());
        Ok(())
    }

    fn on_before_optimizer_step(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        for buffer in &mut cx.view.train.accumulators {
            for (index, mask) in &self.masks {
                buffer.change(*index, |gradient| mask.apply_to(gradient));
            }
        }
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        // A batch that only accumulates gradients changes no weights.
        if !self.masks.is_empty() && cx.global_step() > self.masked_at {
            self.masked_at = cx.global_step();
            self.apply(module, None);
        }
        Ok(())
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if self.settings.on_train_epoch_end && !cx.is_failing() { self.prune(cx, module) } else { Ok(()) }
    }

    fn on_validation_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        // Without accumulation buffers this is a `validate`, not the validation of a `fit`.
        let is_fitting = !cx.is_sanity_checking() && !cx.view.train.accumulators.is_empty();
        if self.settings.on_train_epoch_end || cx.is_failing() || !is_fitting {
            return Ok(());
        }
        self.prune(cx, module)
    }

    fn final_weights(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<bool> {
        if self.settings.is_permanent {
            self.masks.clear();
            self.initial.clear();
        }
        Ok(false)
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        self.save(state)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.load(state)
    }

    fn on_load_checkpoint(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let stored = std::mem::take(&mut self.stored);
        visit(module, &mut state::Restore { pruning: self, stored })
    }
}
