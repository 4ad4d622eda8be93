//! Hyperparameters as sizes in `#[dims(…)]`.

use super::{LightningStruct, hparams_value};
use crate::batch::Dims;

/// Binds the names that are hyperparameters of the module with a whole number.
#[doc(hidden)]
pub fn bind_hparams<M: LightningStruct>(dims: &mut Dims, module: &M, names: &[&'static str]) {
    // Hyperparameters that cannot be written are reported by `fit`.
    let Ok(hparams) = hparams_value(&module.hparams()) else { return };
    for name in names {
        let size = hparams.get(name).and_then(serde_json::Value::as_u64);
        if let Some(size) = size.and_then(|size| usize::try_from(size).ok()) {
            dims.bind(name, size, format!("the hyperparameter `{name}`"));
        }
    }
}
