//! Hyperparameters as sizes in `#[dims(…)]`.

use super::{FieldRole, LightningStruct, hparams_value};
use crate::batch::Dims;

/// Binds the names that are hyperparameters of the module with a whole number.
#[doc(hidden)]
pub fn bind_hparams<M: LightningStruct>(dims: &mut Dims, module: &M, names: &[&'static str]) {
    let is_hparam = |name: &&str| M::FIELDS.iter().any(|field| field.role == FieldRole::Hparam && field.name == *name);
    if !names.iter().any(is_hparam) {
        return;
    }
    // Hyperparameters that cannot be written are reported by `fit`.
    let Ok(hparams) = hparams_value(&module.hparams()) else { return };
    for name in names {
        let size = hparams.get(name).and_then(serde_json::Value::as_u64);
        if let Some(size) = size.and_then(|size| usize::try_from(size).ok()) {
            dims.bind(name, size, format!("the hyperparameter `{name}`"));
        }
    }
}
