//! Independent copies of modules.

use burn::module::Module;

use super::map::{DynMapper, MapMode};

/// Returns an independent copy of a module, for example for `#[init(copy_of(student))]`.
///
/// Burn's `clone` has the same parameter ids and shares the running statistics of BatchNorm, so
/// that an optimizer takes two clones in one model for the same parameters. The copy has the same
/// values, but new ids and its own running statistics. It is in evaluation form until `fit` trains
/// it.
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
