//! One loader, several, or none: the loaders a step reads, whatever the form they are given in.

use super::{NamedFetcher, RunStep};
use crate::{
    batch::{Batch, NoBatch},
    data::{DataLoader, FromLoader, Has, Loader, NoLoader},
    module::ValidationStep,
};

/// Exactly one loader: the count in [`Loaders`] of training data.
#[derive(Clone, Copy, Debug)]
pub enum One {}

/// Any number of loaders: the count in [`Loaders`] of evaluation data.
#[derive(Clone, Copy, Debug)]
pub enum AnyNumber {}

/// A loader with the name it was given, erased down to its batch type.
#[doc(hidden)]
pub struct NamedLoader<B> {
    pub(super) name: Option<String>,
    pub(super) loader: Box<dyn Loader<B>>,
}

impl<B> std::fmt::Debug for NamedLoader<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NamedLoader({:?})", self.name)
    }
}

/// Loaders of batches `B`: [`One`], or [`AnyNumber`] of them.
///
/// A list is implemented for each concrete loader type: rustc refuses an impl for lists of any `L:
/// Loader<B>`, because a list of batches is a loader itself, and a bound on an associated type
/// would lose the message above. `One` accepts every loader.
#[diagnostic::on_unimplemented(
    message = "the loaders must have batches of type `{B}`",
    label = "found `{Self}`",
    note = "pass a `DataLoader<{B}>`, or several in a `Vec` or an array",
    note = "C7 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Loaders<B, N = AnyNumber> {
    /// The loaders in the order they were given.
    #[doc(hidden)]
    fn into_loaders(self) -> Vec<NamedLoader<B>>;
}

impl<B: Batch, L: Loader<B>> Loaders<B, One> for L {
    fn into_loaders(self) -> Vec<NamedLoader<B>> {
        vec![NamedLoader { name: None, loader: Box::new(self) }]
    }
}

/// Every type counts as a loader for a step that the module lacks, so that only the step is
/// reported as missing.
impl<L: 'static> Loaders<NoBatch, One> for L {
    fn into_loaders(self) -> Vec<NamedLoader<NoBatch>> {
        // Not reached: the trainer's methods require the step.
        Vec::new()
    }
}

macro_rules! single_loader {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<B, $($generics)*> Loaders<B> for $loader
        where
            $loader: Loaders<B, One>,
        {
            fn into_loaders(self) -> Vec<NamedLoader<B>> {
                Loaders::<B, One>::into_loaders(self)
            }
        })*
    };
}

// A list of batches is one loader.
single_loader!([T] DataLoader<T>, [I] FromLoader<I>, [T: Batch] Vec<T>);

fn unnamed<B, L: Loaders<B, One>>(loaders: impl IntoIterator<Item = L>) -> Vec<NamedLoader<B>> {
    loaders.into_iter().flat_map(Loaders::into_loaders).collect()
}

fn named<B, L: Loaders<B, One>>(loaders: impl IntoIterator<Item = (String, L)>) -> Vec<NamedLoader<B>> {
    let named = |(name, loader): (String, L)| {
        loader.into_loaders().into_iter().map(move |loader| NamedLoader { name: Some(name.clone()), ..loader })
    };
    loaders.into_iter().flat_map(named).collect()
}

macro_rules! several_loaders {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(
            impl<B, $($generics)*> Loaders<B> for Vec<$loader>
            where
                $loader: Loaders<B, One>,
            {
                fn into_loaders(self) -> Vec<NamedLoader<B>> {
                    unnamed(self)
                }
            }

            impl<B, $($generics)*, const N: usize> Loaders<B> for [$loader; N]
            where
                $loader: Loaders<B, One>,
            {
                fn into_loaders(self) -> Vec<NamedLoader<B>> {
                    unnamed(self)
                }
            }

            impl<B, $($generics)*, const N: usize> Loaders<B> for [(&str, $loader); N]
            where
                $loader: Loaders<B, One>,
            {
                fn into_loaders(self) -> Vec<NamedLoader<B>> {
                    named(self.map(|(name, loader)| (name.to_owned(), loader)))
                }
            }

            impl<B, $($generics)*> Loaders<B> for Vec<(String, $loader)>
            where
                $loader: Loaders<B, One>,
            {
                fn into_loaders(self) -> Vec<NamedLoader<B>> {
                    named(self)
                }
            }
        )*
    };
}

several_loaders!([T] DataLoader<T>, [I] FromLoader<I>);

impl<B> Loaders<B> for NoLoader {
    fn into_loaders(self) -> Vec<NamedLoader<B>> {
        Vec::new()
    }
}

impl<B, L: Loaders<B>> Loaders<B> for Has<L> {
    fn into_loaders(self) -> Vec<NamedLoader<B>> {
        self.0.into_loaders()
    }
}

/// What the `train_dataloader` of a data module or a module returns: one loader of batches `B`. A
/// training step reads one loader, so that a list of loaders is an error.
pub trait OneLoader<B> {
    /// The loader; none only where another bound reports that it is missing.
    #[doc(hidden)]
    fn into_loaders(self) -> Vec<NamedLoader<B>>;
}

impl<B> OneLoader<B> for NoLoader {
    fn into_loaders(self) -> Vec<NamedLoader<B>> {
        Vec::new()
    }
}

impl<B, L: Loaders<B, One>> OneLoader<B> for Has<L> {
    fn into_loaders(self) -> Vec<NamedLoader<B>> {
        self.0.into_loaders()
    }
}

/// The validation loaders of `fit`: loaders of the batches of `M`'s `validation_step`, or none
/// where `M` lacks that step.
///
/// It differs from [`Loaders`] in one rule, which needs the module's type: a loader that no step
/// reads is an error.
#[diagnostic::on_unimplemented(
    message = "`{M}` cannot be validated with this data",
    label = "found `{Self}`",
    note = "pass a loader with the batch type of `validation_step`, several in a `Vec` or an \
            array, or none: `fit(&mut model, train)`",
    note = "wrap a loader type of your own: `DataLoader::from_loader(x)`",
    note = "C6 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait ValidationLoaders<M> {
    /// The loaders with the validation step.
    #[doc(hidden)]
    fn into_fetchers(self) -> Vec<NamedFetcher<M>>;
}

macro_rules! validation_loaders {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: ValidationStep, $($generics)*> ValidationLoaders<M> for $loader
        where
            $loader: Loaders<M::ValBatch>,
        {
            fn into_fetchers(self) -> Vec<NamedFetcher<M>> {
                RunStep::validation().fetchers(self)
            }
        })*
    };
}

validation_loaders!([B] DataLoader<B>, [I] FromLoader<I>, [L] Vec<L>, [L, const N: usize] [L; N]);

impl<M> ValidationLoaders<M> for NoLoader {
    fn into_fetchers(self) -> Vec<NamedFetcher<M>> {
        Vec::new()
    }
}

impl<M, L: ValidationLoaders<M>> ValidationLoaders<M> for Has<L> {
    fn into_fetchers(self) -> Vec<NamedFetcher<M>> {
        self.0.into_fetchers()
    }
}
