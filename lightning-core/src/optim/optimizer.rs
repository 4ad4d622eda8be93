//! An optimizer in a run: the parameters that it trains, their groups and their states.

mod binding;
mod group;
mod rates;
mod update;

use std::{borrow::Cow, fmt};

use burn::{
    module::ParamId,
    optim::{DynState, LBFGS},
};

use self::group::{Group, Slot, VALID_RATE, is_rate};
pub(crate) use self::{
    binding::Binding,
    group::{AddedGroup, AddedRate},
};
use super::{OptimizerSetup, Schedule, Shard, config::OptimizerRule, setup::Rate};
use crate::{
    console::table,
    error::{Error, Result},
    optim::fused,
    params::{ParamInfo, is_below},
};

/// An optimizer in a run.
#[derive(Clone)]
pub(crate) struct Optimizer {
    name: Cow<'static, str>,
    fields: Vec<&'static str>,
    groups: Vec<Group>,
    /// The declared learning rate: a number, or the base rate of the schedule.
    base: f64,
    schedule: Option<Box<Schedule>>,
    /// Whether the schedule is paused, while a callback sets the learning rates.
    is_paused: bool,
    /// The states by the indices of the parameters in the module.
    slots: Vec<Slot>,
    /// Which states this process keeps; `None` for all.
    shard: Option<Shard>,
    /// The state of L-BFGS; `None` for another optimizer, and during its step.
    lbfgs: Option<LBFGS>,
    /// Stored, because `lbfgs` is `None` during a step.
    is_lbfgs: bool,
    pub(crate) steps: u64,
    /// Whether a schedule that monitors a metric steps at the next value of the metric.
    pub(crate) watch_due: bool,
}

impl fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} lr {} after {} steps", self.name, self.describe(), self.lr(), self.steps)
    }
}

impl Optimizer {
    /// Checks that the schedule monitors a metric of the running module, by the name of its type.
    ///
    /// # Errors
    /// If it monitors one of another module.
    pub(crate) fn check_module(&self, module: &str) -> Result<()> {
        self.schedule.as_ref().map_or(Ok(()), |schedule| schedule.check_module(&self.name, module))
    }

    /// Creates an optimizer without states.
    ///
    /// # Errors
    /// If a learning rate is not a finite number of at least 0, or the settings of the schedule do
    /// not fit.
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
                return Err(Error::config(format!(
                    "`{name}`: L-BFGS must have no parameter groups, found {}",
                    declared.len()
                ))
                .help("remove the groups, or use another optimizer"));
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
                return Err(Error::config(format!(
                    "the learning rate of `{name}`{of} must be {VALID_RATE}, found {lr}"
                ))
                .help("write a valid rate: `lr = 1e-3`"));
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
            shard: None,
            is_lbfgs: lbfgs.is_some(),
            lbfgs,
            steps: 0,
            watch_due: false,
        };
        // A warmup does not start at the declared rate.
        optimizer.follow_schedule()?;
        Ok(optimizer)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn describe(&self) -> &str {
        self.groups.first().map_or("", |group| &group.kind.text)
    }

    /// Returns whether it is L-BFGS, which evaluates the loss itself.
    pub(crate) fn is_lbfgs(&self) -> bool {
        self.is_lbfgs
    }

    /// Takes the state of L-BFGS for a step.
    pub(crate) fn take_lbfgs(&mut self) -> Option<LBFGS> {
        self.lbfgs.take()
    }

    /// Puts the state of L-BFGS back after its step.
    pub(crate) fn put_lbfgs(&mut self, lbfgs: LBFGS) {
        self.lbfgs = Some(lbfgs);
    }

    /// Returns whether a path is below a field or an added group of the optimizer. Without fields
    /// it owns every path.
    pub(crate) fn owns(&self, path: &str) -> bool {
        self.fields.is_empty()
            || self.fields.iter().any(|field| is_below(path, field))
            || self.groups.iter().filter_map(|group| group.added.as_ref()).any(|added| is_below(path, &added.below))
    }

    /// Assigns a parameter to its group, once for each id. Returns whether the optimizer trains it.
    pub(crate) fn assign(&mut self, param: &ParamInfo<'_>) -> bool {
        if let Some(slot) = self.slots.get(param.index).filter(|slot| slot.id == Some(param.id)) {
            return slot.group.is_some();
        }
        let matching = |group: &Group| group.selector.as_ref().is_none_or(|selector| selector.matches(param));
        // The last matching group wins; the first matches everything.
        let group = if self.owns(param.path) { self.groups.iter().rposition(matching) } else { None };
        if self.slots.len() <= param.index {
            self.slots.resize_with(param.index + 1, Slot::default);
        }
        if let Some(slot) = self.slots.get_mut(param.index) {
            // The state is reset: one with another id belongs to a layer that has been replaced.
            *slot = Slot { id: Some(param.id), group, state: None };
        }
        group.is_some()
    }

    /// Returns whether it trains the parameter, according to [`assign`](Self::assign).
    pub(crate) fn trains(&self, index: usize, id: ParamId) -> bool {
        self.slots.get(index).is_some_and(|slot| slot.id == Some(id) && slot.group.is_some())
    }

    /// Returns the states of the parameters, each with the parameter's index and id and the update
    /// rule that it belongs to.
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

    /// Returns the update rule of a parameter; `None` if the optimizer does not train it.
    pub(crate) fn rule_for(&self, index: usize, id: ParamId) -> Option<&fused::UpdateRule> {
        self.slots.get(index).filter(|slot| slot.id == Some(id)).and_then(|slot| self.rule(slot))
    }

    /// Returns the size of the state of a parameter of `bytes` bytes in this process; `None` if it is
    /// not known, as with L-BFGS.
    pub(crate) fn state_bytes(&self, index: usize, id: ParamId, bytes: u64) -> Option<u64> {
        match &self.shard {
            Some(shard) if !shard.keeps(index) => Some(0),
            _ => self.rule_for(index, id)?.state_bytes(bytes),
        }
    }

    /// Returns the state of a parameter.
    pub(crate) fn state(&self, index: usize) -> Option<&DynState> {
        self.slots.get(index)?.state.as_ref()
    }

    /// Sets the state of a parameter from a checkpoint or another process.
    pub(crate) fn put_state(&mut self, index: usize, state: DynState) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.state = Some(state);
        }
    }

    /// Sets which states this process keeps, and drops the others.
    pub(crate) fn divide(&mut self, shard: Shard) {
        self.shard = Some(shard);
        self.drop_states_of_others();
    }

    /// Returns which states this process keeps; `None` for all.
    pub(crate) fn shard(&self) -> Option<&Shard> {
        self.shard.as_ref()
    }

    /// Drops the states that other processes keep.
    pub(crate) fn drop_states_of_others(&mut self) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if self.shard.as_ref().is_some_and(|shard| !shard.keeps(index)) {
                slot.state = None;
            }
        }
    }

    /// Returns the state of L-BFGS, which is one for all parameters.
    pub(crate) fn lbfgs(&self) -> Option<&LBFGS> {
        self.lbfgs.as_ref()
    }

    /// Sets the state of L-BFGS from a checkpoint.
    pub(crate) fn restore_lbfgs(&mut self, lbfgs: LBFGS) {
        self.lbfgs = Some(lbfgs);
    }

    /// Returns one line for each group, for the summary. `counts` are the trained elements by
    /// group.
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
