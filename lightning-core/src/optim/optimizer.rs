//! A running optimizer: which parameters it trains, their groups and their states.

use std::{borrow::Cow, fmt, panic::AssertUnwindSafe};

use burn::{
    grad_clipping::GradientClipping,
    module::ParamId,
    optim::{DynState, LBFGS},
    tensor::{Device, Tensor, kind::BridgeTensor},
};
use serde::{Deserialize, Serialize};

use super::{
    OptimizerKind, OptimizerSetup, Scaling, Schedule, config::OptimizerRule, gradients::GradientStore, setup::Rate,
};
use crate::{
    console::table,
    error::{Error, ErrorKind, Result},
    optim::fused,
    os::panics::panic_message,
    params::{ErasedVisitor, FloatParam, ParamInfo, ParamName, ParamSelector, ValueMapper, is_below},
    precision::{narrowed, widened},
    tensor::any_rank::with_rank,
};

/// Parameters that are updated with the same numbers. The first group of an optimizer has those that no other has.
struct Group {
    selector: Option<ParamSelector>,
    kind: OptimizerKind,
    /// The rate it was declared with; `None` for a group that has the optimizer's.
    own_base: Option<f64>,
    /// The rate in force.
    lr: f64,
    /// What it was added for during the run; `None` for a declared one.
    added: Option<AddedGroup>,
}

/// A group that was added during the run: in a checkpoint, so that a resumed run has it too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AddedGroup {
    /// The path of its parameters.
    pub(crate) below: String,
    pub(crate) rate: AddedRate,
}

/// The rate of a group that was added.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum AddedRate {
    /// Set by hand: neither the optimizer's rate nor a schedule changes it.
    ByHand(f64),
    /// This share of the optimizer's rate.
    Share(f64),
}

/// What an optimizer keeps of one parameter.
#[derive(Default)]
struct Slot {
    id: Option<ParamId>,
    /// `None` for a parameter that is not this optimizer's.
    group: Option<usize>,
    state: Option<DynState>,
}

/// A running optimizer.
pub(crate) struct Optimizer {
    name: Cow<'static, str>,
    fields: Vec<&'static str>,
    groups: Vec<Group>,
    /// The rate it was declared with, of a schedule its base.
    base: f64,
    schedule: Option<Box<Schedule>>,
    /// Whether the schedule is out of force: it stays where it is, and somebody else sets the rates.
    is_paused: bool,
    /// In the order of the module's parameters.
    slots: Vec<Slot>,
    lbfgs: Option<LBFGS>,
    is_lbfgs: bool,
    pub(crate) steps: u64,
    /// Whether a schedule that watches a metric goes on when the metric is there.
    pub(crate) watch_due: bool,
}

impl fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} lr {} after {} steps", self.name, self.describe(), self.lr(), self.steps)
    }
}

impl Optimizer {
    /// # Errors
    /// When a learning rate is no number that can be trained with, or a schedule's settings do not fit.
    pub(crate) fn new(setup: OptimizerSetup) -> Result<Self> {
        let OptimizerSetup { name, kind, rate, groups: declared, fields } = setup;
        let (lr, mut schedule) = match rate {
            Rate::Fixed(lr) => (lr, None),
            Rate::Scheduled(schedule) => (schedule.base_lr(), Some(schedule)),
        };
        if let Some(schedule) = &mut schedule {
            schedule.check(&name)?;
        }
        let lbfgs = match &kind.rule {
            OptimizerRule::PerParameter(_) => None,
            OptimizerRule::Lbfgs(_) if !declared.is_empty() => {
                return Err(Error::config(format!("`{name}` is L-BFGS, which has no parameter groups"))
                    .help("leave the groups out, or use another optimizer"));
            }
            OptimizerRule::Lbfgs(config) => Some(config.init()),
        };
        let mut groups = vec![Group { selector: None, kind: kind.clone(), own_base: None, lr, added: None }];
        for group in declared {
            group.selector.check()?;
            let kind = group.kind.unwrap_or_else(|| kind.clone());
            let (selector, own_base) = (Some(group.selector), group.lr);
            groups.push(Group { selector, kind, own_base, lr: own_base.unwrap_or(lr), added: None });
        }
        for Group { selector, lr, .. } in &groups {
            if !is_rate(*lr) {
                let of = selector.as_ref().map(|selector| format!(", group {selector},")).unwrap_or_default();
                return Err(Error::config(format!("the learning rate of `{name}`{of} is {lr}"))
                    .help("give a finite rate of at least 0"));
            }
        }
        let base = lr;
        let mut optimizer = Self {
            name,
            fields,
            groups,
            base,
            schedule,
            is_paused: false,
            slots: Vec::new(),
            is_lbfgs: lbfgs.is_some(),
            lbfgs,
            steps: 0,
            watch_due: false,
        };
        optimizer.follow_schedule()?;
        Ok(optimizer)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn describe(&self) -> &str {
        self.groups.first().map_or("", |group| &group.kind.text)
    }

    /// The rate in force, of the parameters that are in no group of their own.
    pub(crate) fn lr(&self) -> f64 {
        self.groups.first().map_or(f64::NAN, |group| group.lr)
    }

    /// The rates in force by group.
    pub(crate) fn rates(&self) -> impl Iterator<Item = f64> {
        self.groups.iter().map(|group| group.lr)
    }

    /// Sets the rate; groups keep their ratio to it.
    ///
    /// # Errors
    /// When it is no rate, or a schedule would overwrite it.
    pub(crate) fn set_lr(&mut self, lr: f64) -> Result<()> {
        if !is_rate(lr) {
            return Err(Error::config(format!("the learning rate of `{}` cannot be set to {lr}", self.name))
                .help("give a finite rate of at least 0"));
        }
        if self.schedule.is_some() {
            return Err(Error::config(format!("`{}` follows a schedule, which would overwrite the rate", self.name))
                .help("declare it with a number, `lr = 1e-3`, to set the rate by hand"));
        }
        self.put_lr(lr);
        Ok(())
    }

    fn put_lr(&mut self, lr: f64) {
        let ratio = if self.base > 0.0 { lr / self.base } else { 1.0 };
        let by_hand =
            |group: &Group| group.added.as_ref().is_some_and(|added| matches!(added.rate, AddedRate::ByHand(_)));
        for group in self.groups.iter_mut().filter(|group| !by_hand(group)) {
            group.lr = group.own_base.map_or(lr, |base| base * ratio);
        }
    }

    /// Takes the schedule out of force: the rates are then set by [`set_rates`](Self::set_rates).
    pub(crate) fn pause_schedule(&mut self) {
        self.is_paused = true;
    }

    /// Sets the rates of the groups, in order.
    pub(crate) fn set_rates(&mut self, rates: &[f64]) {
        for (group, lr) in self.groups.iter_mut().zip(rates) {
            group.lr = *lr;
        }
    }

    /// Adds a group of the parameters at and below a path, with a rate of its own. What the optimizer keeps of these parameters stays.
    ///
    /// # Errors
    /// When the rate is none, or there are no such parameters.
    pub(crate) fn add_group(&mut self, added: AddedGroup, parameters: &[ParamName]) -> Result<()> {
        let Some(first) = self.groups.first() else { return Ok(()) };
        let (lr, own_base) = match added.rate {
            AddedRate::ByHand(lr) => (lr, None),
            AddedRate::Share(share) => (first.lr * share, Some(self.base * share)),
        };
        if !is_rate(lr) {
            return Err(Error::config(format!("`{}` cannot train `{}` with a rate of {lr}", self.name, added.below))
                .help("give a finite rate of at least 0"));
        }
        let (kind, selector) = (first.kind.clone(), Some(crate::params::below(&added.below)));
        let number = self.groups.len();
        let mut found = false;
        for param in parameters.iter().filter(|param| is_below(&param.path, &added.below)) {
            found = true;
            if self.slots.len() <= param.index {
                self.slots.resize_with(param.index + 1, Slot::default);
            }
            let Some(slot) = self.slots.get_mut(param.index) else { continue };
            if slot.id != Some(param.id) {
                *slot = Slot { id: Some(param.id), group: None, state: None };
            }
            slot.group = Some(number);
        }
        if !found {
            return Err(Error::config(format!("there are no parameters at `{}`", added.below))
                .help("name a field that holds parameters, or a path below one"));
        }
        self.groups.push(Group { selector, kind, own_base, lr, added: Some(added) });
        Ok(())
    }

    /// Sets the rate of the group added last for a path; whether there is one.
    pub(crate) fn set_added_rate(&mut self, below: &str, lr: f64) -> bool {
        let is_it = |group: &&mut Group| group.added.as_ref().is_some_and(|added| added.below == below);
        match self.groups.iter_mut().rev().find(is_it) {
            Some(group) => {
                group.lr = lr;
                if let Some(AddedGroup { rate: rate @ AddedRate::ByHand(_), .. }) = &mut group.added {
                    *rate = AddedRate::ByHand(lr);
                }
                true
            }
            None => false,
        }
    }

    /// The groups added during the run.
    pub(crate) fn added_groups(&self) -> Vec<AddedGroup> {
        self.groups.iter().filter_map(|group| group.added.clone()).collect()
    }

    /// Takes over what the schedule says.
    fn follow_schedule(&mut self) -> Result<()> {
        let Some(schedule) = &self.schedule else { return Ok(()) };
        let (lr, momentum) = (schedule.lr(), schedule.momentum());
        if let Some(momentum) = momentum {
            for group in &mut self.groups {
                let Some(with_momentum) = &group.kind.with_momentum else {
                    return Err(Error::config(format!(
                        "the schedule of `{}` also drives the momentum, and {} has none",
                        self.name, group.kind.text
                    ))
                    .help("use SGD or a kind of Adam, or switch the schedule's momentum off"));
                };
                group.kind.rule = OptimizerRule::PerParameter(with_momentum(momentum));
            }
        }
        self.put_lr(lr);
        Ok(())
    }

    pub(crate) fn schedule_mut(&mut self) -> Option<&mut Schedule> {
        self.schedule.as_deref_mut().filter(|_| !self.is_paused)
    }

    pub(crate) fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_deref()
    }

    /// Changes the schedule and takes over the rate it then has.
    ///
    /// # Errors
    /// Those of `change`.
    pub(crate) fn with_schedule<T>(&mut self, change: impl FnOnce(&mut Schedule) -> Result<T>) -> Result<Option<T>> {
        let Some(schedule) = self.schedule.as_deref_mut() else { return Ok(None) };
        let value = change(schedule)?;
        if !self.is_paused {
            self.follow_schedule()?;
        }
        Ok(Some(value))
    }

    /// Whether it is L-BFGS, which evaluates the loss by itself.
    pub(crate) fn is_lbfgs(&self) -> bool {
        self.is_lbfgs
    }

    /// L-BFGS, for a step.
    pub(crate) fn take_lbfgs(&mut self) -> Option<LBFGS> {
        self.lbfgs.take()
    }

    /// L-BFGS, back from its step.
    pub(crate) fn put_lbfgs(&mut self, lbfgs: LBFGS) {
        self.lbfgs = Some(lbfgs);
        self.steps += 1;
    }

    /// Whether a path lies in the optimizer's fields.
    pub(crate) fn owns(&self, path: &str) -> bool {
        self.fields.is_empty()
            || self.fields.iter().any(|field| is_below(path, field))
            || self.groups.iter().filter_map(|group| group.added.as_ref()).any(|added| is_below(path, &added.below))
    }

    /// Finds the group of a parameter, and keeps it; whether the optimizer trains it.
    pub(crate) fn assign(&mut self, param: &ParamInfo<'_>) -> bool {
        if self.slots.len() <= param.index {
            self.slots.resize_with(param.index + 1, Slot::default);
        }
        let owns = self.owns(param.path);
        let Self { slots, groups, .. } = self;
        let Some(slot) = slots.get_mut(param.index) else { return false };
        if slot.id != Some(param.id) {
            let matching = |group: &Group| group.selector.as_ref().is_none_or(|selector| selector.matches(param));
            // The last that matches wins; the first matches everything. A state of another id belonged to a layer that
            // has been replaced.
            let group = if owns { groups.iter().rposition(matching) } else { None };
            *slot = Slot { id: Some(param.id), group, state: None };
        }
        slot.group.is_some()
    }

    /// Whether it trains the parameter at this place, as assigned.
    pub(crate) fn trains(&self, index: usize, id: ParamId) -> bool {
        self.slots.get(index).is_some_and(|slot| slot.id == Some(id) && slot.group.is_some())
    }

    /// The rates it was declared with: of the optimizer, and of each group that has one of its own.
    pub(crate) fn declared_rates(&self) -> Vec<Option<f64>> {
        let own = self.groups.iter().skip(1).filter(|group| group.added.is_none()).map(|group| group.own_base);
        std::iter::once(Some(self.base)).chain(own).collect()
    }

    /// Goes on with the rates of a checkpoint.
    pub(crate) fn restore_rates(&mut self, rates: &[f64]) {
        for (group, lr) in self.groups.iter_mut().zip(rates).filter(|(_, lr)| is_rate(**lr)) {
            group.lr = *lr;
        }
    }

    /// What it keeps of each parameter: the parameter's place and id, and the state with the rule that understands it.
    pub(crate) fn states(&self) -> impl Iterator<Item = (usize, ParamId, &fused::UpdateRule, &DynState)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let state = slot.state.as_ref()?;
            Some((index, slot.id?, self.rule(slot)?, state))
        })
    }

    fn rule(&self, slot: &Slot) -> Option<&fused::UpdateRule> {
        match &self.groups.get(slot.group?)?.kind.rule {
            OptimizerRule::PerParameter(rule) => Some(rule),
            OptimizerRule::Lbfgs(_) => None,
        }
    }

    /// The rule for a parameter; `None` for one that is not this optimizer's.
    pub(crate) fn rule_for(&self, index: usize, id: ParamId) -> Option<&fused::UpdateRule> {
        self.slots.get(index).filter(|slot| slot.id == Some(id)).and_then(|slot| self.rule(slot))
    }

    /// Goes on with the state of a checkpoint.
    pub(crate) fn put_state(&mut self, index: usize, state: DynState) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.state = Some(state);
        }
    }

    /// L-BFGS, which keeps one state for all parameters.
    pub(crate) fn lbfgs(&self) -> Option<&LBFGS> {
        self.lbfgs.as_ref()
    }

    /// Goes on with the L-BFGS of a checkpoint.
    pub(crate) fn restore_lbfgs(&mut self, lbfgs: LBFGS) {
        self.lbfgs = Some(lbfgs);
    }

    /// The update of one step, to be run over the module's parameters.
    pub(crate) fn update<'a>(
        &'a mut self,
        gradients: &'a mut GradientStore,
        scaling: Scaling,
        device: &'a Device,
    ) -> Update<'a> {
        Update { optimizer: self, gradients, scaling, device, lost: None }
    }

    /// One line for each group, for the summary.
    pub(crate) fn summary(&self, counts: &[u64]) -> String {
        let mut text = String::new();
        for (index, (group, count)) in self.groups.iter().zip(counts).enumerate() {
            let numbers = group.kind.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let lr = match (index, &self.schedule) {
                (0, Some(schedule)) => schedule.describe(),
                _ => format!("lr {}", group.lr),
            };
            let name = match &group.selector {
                None => format!("\n{}", self.name),
                Some(selector) => format!("\n  {selector}"),
            };
            let count = table::count_text(*count);
            text.push_str(&format!("{name}: {numbers}, {lr}, {count} parameters"));
        }
        text
    }
}

fn is_rate(lr: f64) -> bool {
    lr.is_finite() && lr >= 0.0
}

/// Finds out at the start of `fit` what every optimizer trains.
pub(crate) struct Binding<'a> {
    optimizers: &'a mut [Optimizer],
    /// Trainable elements by optimizer and group.
    counts: Vec<Vec<u64>>,
    /// Parameters matched, trainable or not, by optimizer and group.
    matched: Vec<Vec<usize>>,
    paths: Vec<String>,
    /// Trainable parameters of no optimizer, and of several.
    pub(crate) idle: Vec<String>,
    shared: Vec<(String, String, String)>,
}

impl<'a> Binding<'a> {
    pub(crate) fn new(optimizers: &'a mut [Optimizer]) -> Self {
        let zeros = |optimizer: &Optimizer| vec![0; optimizer.groups.len()];
        let matched = optimizers.iter().map(|optimizer| vec![0; optimizer.groups.len()]).collect();
        let counts = optimizers.iter().map(zeros).collect();
        Self { optimizers, counts, matched, paths: Vec::new(), idle: Vec::new(), shared: Vec::new() }
    }

    /// The trainable elements by optimizer and group.
    ///
    /// # Errors
    /// A group that matches nothing, an optimizer without parameters, a parameter with two optimizers.
    pub(crate) fn finish(self) -> Result<(Vec<Vec<u64>>, Vec<String>)> {
        let Self { optimizers, counts, matched, paths, idle, shared } = self;
        if let Some((path, first, second)) = shared.first() {
            return Err(Error::config(format!("`{path}` has two optimizers: `{first}` and `{second}`"))
                .help("give each its own fields: `#[optimizer(…)]` on the field, or `fields(…)`"));
        }
        for (optimizer, matched) in optimizers.iter().zip(&matched) {
            let empty = |(group, count): &(&Group, &usize)| group.selector.is_some() && **count == 0;
            if let Some((Group { selector: Some(selector), .. }, _)) = optimizer.groups.iter().zip(matched).find(empty)
            {
                let shown = table::listed(paths.iter().map(String::as_str));
                return Err(Error::config(format!(
                    "the group {selector} of `{}` matches no parameter",
                    optimizer.name
                ))
                .help(format!("the parameters are {shown}")));
            }
            if matched.iter().sum::<usize>() == 0 {
                return Err(Error::config(format!("the optimizer `{}` has no parameters", optimizer.name))
                    .help("its fields hold none: leave it out, or name other fields"));
            }
        }
        Ok((counts, idle))
    }
}

impl ErasedVisitor for Binding<'_> {
    fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let dims = param.dims();
        let info = ParamInfo { index, id, path, rank: param.rank() };
        let elements = if param.is_trainable() { dims.iter().product::<usize>() as u64 } else { 0 };
        self.paths.push(path.to_owned());
        let mut owner: Option<String> = None;
        for ((optimizer, counts), matched) in self.optimizers.iter_mut().zip(&mut self.counts).zip(&mut self.matched) {
            optimizer.assign(&info);
            // Every group that matches, not only the one that wins: a group may be overruled on purpose.
            if optimizer.owns(path) {
                for (group, matched) in optimizer.groups.iter().zip(matched.iter_mut()) {
                    *matched += usize::from(group.selector.as_ref().is_none_or(|selector| selector.matches(&info)));
                }
            }
            let Some(group) = optimizer.slots.get(index).and_then(|slot| slot.group) else { continue };
            if let Some(count) = counts.get_mut(group) {
                *count += elements;
            }
            match &owner {
                Some(owner) => self.shared.push((path.to_owned(), owner.clone(), optimizer.name.to_string())),
                None => owner = Some(optimizer.name.to_string()),
            }
        }
        if owner.is_none() && elements > 0 {
            self.idle.push(path.to_owned());
        }
        Ok(())
    }
}

/// Applies one optimizer step as a [`ValueMapper`].
pub(crate) struct Update<'a> {
    optimizer: &'a mut Optimizer,
    gradients: &'a mut GradientStore,
    scaling: Scaling,
    device: &'a Device,
    /// A panic inside an update: it must not unwind through the mapping, which owns the module.
    lost: Option<(String, String)>,
}

impl Update<'_> {
    /// Ends the step.
    ///
    /// # Errors
    /// When an update panicked: the parameter's value went down with it.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { optimizer, lost, .. } = self;
        optimizer.steps += 1;
        match lost {
            None => Ok(()),
            Some((path, what)) => Err(Error::new(
                ErrorKind::Panic,
                format!("the update of parameter `{path}` by `{}` panicked: {what}", optimizer.name),
            )
            .help("the parameter's value is lost: load the last checkpoint")),
        }
    }

    fn step(&mut self, index: usize, value: BridgeTensor) -> BridgeTensor {
        let (rank, dtype) = (value.rank(), value.dtype());
        let Optimizer { groups, slots, .. } = &mut *self.optimizer;
        let Some(slot) = slots.get_mut(index) else { return value };
        let Some(group) = slot.group.and_then(|group| groups.get(group)) else { return value };
        let OptimizerRule::PerParameter(rule) = &group.kind.rule else { return value };
        let Some(gradient) = self.gradients.take(index) else { return value };
        // A factor is left to the update, which may have it in its one pass.
        let (grad, factor) = match (&group.kind.clipping, self.scaling.host_factor()) {
            (None, Some(factor)) => (gradient.value, factor),
            (None, None) => (self.scaling.apply(gradient.value), 1.0),
            (Some(clipping), _) => (clip(clipping, rank, self.scaling.apply(gradient.value)), 1.0),
        };
        let value = widened(value);
        let (value, state) = rule.step_scaled(rank, group.lr, value, grad, slot.state.take(), factor);
        slot.state = state;
        narrowed(value, dtype)
    }
}

impl ValueMapper for Update<'_> {
    fn wants(&self, index: usize, id: ParamId) -> bool {
        self.lost.is_none() && self.optimizer.trains(index, id) && self.gradients.has(index, id)
    }

    fn map(&mut self, index: usize, path: &str, value: BridgeTensor) -> BridgeTensor {
        let shape = value.shape();
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.step(index, value))) {
            Ok(value) => value,
            Err(panic) => {
                self.lost = Some((path.to_owned(), panic_message(&*panic)));
                placeholder(shape.as_slice(), self.device)
            }
        }
    }
}

fn clip(clipping: &GradientClipping, rank: usize, grad: BridgeTensor) -> BridgeTensor {
    with_rank!(rank, D => clipping.clip_gradient(Tensor::<D>::from_bridge(grad)).into_bridge(), grad)
}

/// Something of the right shape in a lost parameter's place.
fn placeholder(dims: &[usize], device: &Device) -> BridgeTensor {
    with_rank!(dims.len(), D => {
        let mut sizes = [0usize; D];
        sizes.copy_from_slice(dims);
        Tensor::<D>::zeros(sizes, device).into_bridge()
    }, Tensor::<1>::zeros([1], device).into_bridge())
}
