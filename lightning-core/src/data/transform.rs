//! What a loader does to its items before they are collated.

use crate::{error::Result, random::Rng};

/// What is done to an item.
#[doc(hidden)]
pub trait Transform<Item>: Send + Sync + 'static {
    /// What it becomes.
    type Output: Send;
    /// Whether nothing is done.
    const IDENTITY: bool;
    /// Does it; the random numbers are made only where they are used.
    fn apply(&self, item: Item, rng: impl FnOnce() -> Rng) -> Result<Self::Output>;
    /// Does it with the random numbers of what was done before.
    fn go_on(&self, item: Item, rng: &mut Rng) -> Result<Self::Output>;
}

/// Stands in a [`DataLoaderBuilder`](super::DataLoaderBuilder) without `map`.
#[derive(Clone, Copy, Debug)]
pub struct NoMap;

impl<Item: Send> Transform<Item> for NoMap {
    type Output = Item;
    const IDENTITY: bool = true;

    fn apply(&self, item: Item, _rng: impl FnOnce() -> Rng) -> Result<Item> {
        Ok(item)
    }

    fn go_on(&self, item: Item, _rng: &mut Rng) -> Result<Item> {
        Ok(item)
    }
}

/// One `map` after another.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Then<M, F>(M, F);

impl<M, F> Then<M, F> {
    pub(super) fn new(first: M, then: F) -> Self {
        Self(first, then)
    }
}

impl<Item, M: Transform<Item>, F: Step<M::Output>> Transform<Item> for Then<M, F> {
    type Output = F::Output;
    const IDENTITY: bool = false;

    fn apply(&self, item: Item, rng: impl FnOnce() -> Rng) -> Result<F::Output> {
        self.go_on(item, &mut rng())
    }

    fn go_on(&self, item: Item, rng: &mut Rng) -> Result<F::Output> {
        self.1.step(self.0.go_on(item, rng)?, rng)
    }
}

/// One `map`.
#[doc(hidden)]
pub trait Step<Item>: Send + Sync + 'static {
    /// What an item becomes.
    type Output: Send;
    /// Does it.
    fn step(&self, item: Item, rng: &mut Rng) -> Result<Self::Output>;
}

/// A function given to `map`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Infallible<F>(F);

impl<F> Infallible<F> {
    pub(super) fn new(map: F) -> Self {
        Self(map)
    }
}

impl<Item, T: Send, F: Fn(Item, &mut Rng) -> T + Send + Sync + 'static> Step<Item> for Infallible<F> {
    type Output = T;

    fn step(&self, item: Item, rng: &mut Rng) -> Result<T> {
        Ok(self.0(item, rng))
    }
}

/// A function given to `try_map`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Fallible<F>(F);

impl<F> Fallible<F> {
    pub(super) fn new(map: F) -> Self {
        Self(map)
    }
}

impl<Item, T: Send, F: Fn(Item, &mut Rng) -> Result<T> + Send + Sync + 'static> Step<Item> for Fallible<F> {
    type Output = T;

    fn step(&self, item: Item, rng: &mut Rng) -> Result<T> {
        self.0(item, rng)
    }
}
