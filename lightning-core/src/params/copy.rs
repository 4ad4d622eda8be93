//! Copies of modules with parameters of their own.

use burn::module::Module;

use super::map::{DynMapper, MapMode};

/// A copy of a module with parameters of its own, for an `#[init(copy_of(student))]`.
///
/// Burn's `clone` keeps the ids of parameters and shares the running statistics of BatchNorm: two clones in one model are one
/// model to an optimizer. The copy has the values, new ids and statistics of its own; it is in evaluation form until
/// `fit` trains it.
///
/// ```
/// use burn::{nn::LinearConfig, prelude::*};
/// use lightning_core::copy_of;
///
/// let student = LinearConfig::new(4, 2).init(&Device::default());
/// let teacher = copy_of(&student);
/// assert_ne!(student.weight.id, teacher.weight.id);
/// assert_eq!(student.weight.to_data(), teacher.weight.to_data());
/// ```
#[must_use]
pub fn copy_of<M: Module>(module: &M) -> M {
    module.valid().map(&mut DynMapper::new(MapMode::Fresh))
}
