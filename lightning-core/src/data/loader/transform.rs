//! The functions that a loader applies to its items before they are collated.

use crate::{error::Result, random::Rng};

/// All functions applied to an item.
#[doc(hidden)]
pub trait Transform<Item>: Send + Sync + 'static {
    /// The item after all functions.
    type Output: Send;
    /// Whether items pass unchanged.
    const IDENTITY: bool;
    /// Applies the functions. `rng` is called only if one of them uses random numbers.
    fn apply(&self, item: Item, rng: impl FnOnce() -> Rng) -> Result<Self::Output>;
    /// Applies the functions with the random numbers that earlier functions of the same item used.
    fn apply_with(&self, item: Item, rng: &mut Rng) -> Result<Self::Output>;
}

/// The state of a [`DataLoaderBuilder`](crate::data::DataLoaderBuilder) without `map`.
#[derive(Clone, Copy, Debug)]
pub struct NoMap;

impl<Item: Send> Transform<Item> for NoMap {
    type Output = Item;
    const IDENTITY: bool = true;

    fn apply(&self, item: Item, _rng: impl FnOnce() -> Rng) -> Result<Item> {
        Ok(item)
    }

    fn apply_with(&self, item: Item, _rng: &mut Rng) -> Result<Item> {
        Ok(item)
    }
}

/// One function after others.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Then<M, F>(M, F);

impl<M, F> Then<M, F> {
    pub(super) fn new(first: M, then: F) -> Self {
        Self(first, then)
    }
}

impl<Item, M: Transform<Item>, F: ItemMap<M::Output>> Transform<Item> for Then<M, F> {
    type Output = F::Output;
    const IDENTITY: bool = false;

    fn apply(&self, item: Item, rng: impl FnOnce() -> Rng) -> Result<F::Output> {
        self.apply_with(item, &mut rng())
    }

    fn apply_with(&self, item: Item, rng: &mut Rng) -> Result<F::Output> {
        self.1.map(self.0.apply_with(item, rng)?, rng)
    }
}

/// One function applied to an item.
#[doc(hidden)]
pub trait ItemMap<Item>: Send + Sync + 'static {
    /// The item after the function.
    type Output: Send;
    /// Calls the function.
    fn map(&self, item: Item, rng: &mut Rng) -> Result<Self::Output>;
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

impl<Item, T: Send, F: Fn(Item, &mut Rng) -> T + Send + Sync + 'static> ItemMap<Item> for Infallible<F> {
    type Output = T;

    fn map(&self, item: Item, rng: &mut Rng) -> Result<T> {
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

impl<Item, T: Send, F: Fn(Item, &mut Rng) -> Result<T> + Send + Sync + 'static> ItemMap<Item> for Fallible<F> {
    type Output = T;

    fn map(&self, item: Item, rng: &mut Rng) -> Result<T> {
        self.0(item, rng)
    }
}
