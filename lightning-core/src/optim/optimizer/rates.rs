//! The learning rates of an optimizer, which the program or a schedule sets.

use super::{
    Optimizer,
    group::{AddedGroup, AddedRate, Group, Slot, VALID_RATE, is_rate},
};
use crate::{
    error::{Error, Result},
    optim::{Schedule, config::OptimizerRule},
    params::{ParamName, is_below},
};

impl Optimizer {
    /// Returns the current learning rate of the parameters that are in no other group than the
    /// first.
    pub(crate) fn lr(&self) -> f64 {
        self.groups.first().map_or(f64::NAN, |group| group.lr)
    }

    /// Returns the current learning rates of the groups.
    pub(crate) fn rates(&self) -> impl Iterator<Item = f64> {
        self.groups.iter().map(|group| group.lr)
    }

    /// Sets the learning rate. Groups keep their ratio to it.
    ///
    /// # Errors
    /// If `lr` is not a valid rate, or the optimizer follows a schedule.
    pub(crate) fn set_lr(&mut self, lr: f64) -> Result<()> {
        if !is_rate(lr) {
            return Err(Error::config(format!(
                "the learning rate of `{}` must be {VALID_RATE}, found {lr}",
                self.name
            ))
            .help("pass a valid rate: `set_lr(key, 1e-3)`"));
        }
        if self.schedule.is_some() {
            return Err(Error::config(format!("the rate of `{}` must not be set: it follows a schedule", self.name))
                .help("declare the optimizer with a number, `lr = 1e-3`, to set the rate yourself"));
        }
        self.put_lr(lr);
        Ok(())
    }

    /// Sets the learning rate of every group that follows the rate of the optimizer.
    fn put_lr(&mut self, lr: f64) {
        // With a base rate of 0 there is no ratio: groups then keep their own rates.
        let ratio = if self.base > 0.0 { lr / self.base } else { 1.0 };
        let by_hand =
            |group: &Group| group.added.as_ref().is_some_and(|added| matches!(added.rate, AddedRate::ByHand(_)));
        for group in self.groups.iter_mut().filter(|group| !by_hand(group)) {
            group.lr = group.own_base.map_or(lr, |base| base * ratio);
        }
    }

    /// Pauses the schedule: a callback then sets the rates with [`set_rates`](Self::set_rates).
    pub(crate) fn pause_schedule(&mut self) {
        self.is_paused = true;
    }

    /// Sets the learning rates of the groups, in order.
    pub(crate) fn set_rates(&mut self, rates: &[f64]) {
        for (group, lr) in self.groups.iter_mut().zip(rates) {
            group.lr = *lr;
        }
    }

    /// Adds a group of the parameters at and below a path, with a learning rate of its own. The
    /// states of these parameters are unchanged.
    ///
    /// # Errors
    /// If the rate is not valid, or there are no such parameters.
    pub(crate) fn add_group(&mut self, added: AddedGroup, parameters: &[ParamName]) -> Result<()> {
        let Some(first) = self.groups.first() else { return Ok(()) };
        let (lr, own_base) = match added.rate {
            AddedRate::ByHand(lr) => (lr, None),
            AddedRate::Share(share) => (first.lr * share, Some(self.base * share)),
        };
        if !is_rate(lr) {
            return Err(Error::config(format!(
                "`{}`: the rate of `{}` must be {VALID_RATE}, found {lr}",
                self.name, added.below
            ))
            .help("pass a valid rate"));
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
            return Err(Error::config(format!("`{}` must have parameters to form a group", added.below))
                .help("name a field with parameters, or a path below one"));
        }
        self.groups.push(Group { selector, kind, own_base, lr, added: Some(added) });
        Ok(())
    }

    /// Sets the learning rate of the group added last for a path. Returns `false` if there is none.
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

    /// Returns the groups that were added during the run.
    pub(crate) fn added_groups(&self) -> Vec<AddedGroup> {
        self.groups.iter().filter_map(|group| group.added.clone()).collect()
    }

    /// Applies the learning rate and the momentum of the schedule.
    pub(super) fn follow_schedule(&mut self) -> Result<()> {
        let Some(schedule) = &self.schedule else { return Ok(()) };
        let (lr, momentum) = (schedule.lr(), schedule.momentum());
        if let Some(momentum) = momentum {
            for group in &mut self.groups {
                let Some(with_momentum) = &group.kind.with_momentum else {
                    return Err(Error::config(format!(
                        "the schedule of `{}` changes the momentum: the optimizer must have one, found {}",
                        self.name, group.kind.text
                    ))
                    .help("use SGD or Adam, or disable the momentum of the schedule"));
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

    /// Changes the schedule and applies its new learning rate, unless it is paused.
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

    /// Returns the declared learning rates of the optimizer and of its declared groups.
    pub(crate) fn declared_rates(&self) -> Vec<Option<f64>> {
        let own = self.groups.iter().skip(1).filter(|group| group.added.is_none()).map(|group| group.own_base);
        std::iter::once(Some(self.base)).chain(own).collect()
    }

    /// Restores the learning rates of a checkpoint. Rates that are not valid are ignored.
    pub(crate) fn restore_rates(&mut self, rates: &[f64]) {
        for (group, lr) in self.groups.iter_mut().zip(rates).filter(|(_, lr)| is_rate(**lr)) {
            group.lr = *lr;
        }
    }
}
