//! The model while the engine has it: owned by value, and given back on every way out.

use burn::module::Module;

use crate::{
    error::{Error, ErrorKind, Result},
    params::{DynMapper, MapMode, ValueMapper},
};

/// A module taken out of the user's `&mut`, which holds a hollow stand-in meanwhile.
///
/// A clone left behind would keep every first buffer alive and double the memory; the stand-in has the same ids and
/// shapes and no values. Dropping this gives the module back, after success, error and panic alike.
#[derive(Debug)]
pub(crate) struct Checkout<'a, M: Module> {
    slot: &'a mut M,
    own: Option<M>,
}

impl<'a, M: Module> Checkout<'a, M> {
    /// Takes the module; `prepare` puts it on the run's device and into the run's mode.
    pub(crate) fn take(slot: &'a mut M, prepare: impl FnOnce(M) -> M, hollow: bool) -> Self {
        let own = prepare(slot.clone());
        if hollow {
            *slot = own.clone().map(&mut DynMapper::new(MapMode::Placeholder));
        }
        Self { slot, own: Some(own) }
    }

    pub(crate) fn get(&self) -> Result<&M> {
        self.own.as_ref().ok_or_else(lost)
    }

    pub(crate) fn get_mut(&mut self) -> Result<&mut M> {
        self.own.as_mut().ok_or_else(lost)
    }

    /// Changes the module's form; when `change` panics the module stays as it was.
    pub(crate) fn transform(&mut self, change: impl FnOnce(M) -> M) -> Result<()> {
        let changed = change(self.get()?.clone());
        self.own = Some(changed);
        Ok(())
    }

    /// Changes parameter values in place: no second owner exists while it runs, so buffers are reused. `mapper` must
    /// not panic.
    pub(crate) fn update(&mut self, mapper: &mut dyn ValueMapper) -> Result<()> {
        self.apply(MapMode::Values(mapper))
    }
}

impl<M: Module> Checkout<'_, M> {
    /// Maps every parameter and flag.
    pub(crate) fn apply(&mut self, mode: MapMode<'_>) -> Result<()> {
        let own = self.own.take().ok_or_else(lost)?;
        self.own = Some(own.map(&mut DynMapper::new(mode)));
        Ok(())
    }
}

impl<M: Module> Drop for Checkout<'_, M> {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            *self.slot = own;
        }
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Panic, "the model was lost in a panic").help("load the last checkpoint")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use burn::{
        nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig},
        tensor::{Device, Tensor},
    };

    use super::*;

    #[derive(Module, Debug)]
    struct Net {
        linear: Linear,
        norm: BatchNorm,
    }

    fn net() -> Net {
        let device = Device::default().autodiff();
        let net = Net { linear: LinearConfig::new(3, 3).init(&device), norm: BatchNormConfig::new(3).init(&device) };
        // Statistics that are not the initial ones.
        net.norm.forward(Tensor::<2>::random([8, 3], burn::tensor::Distribution::Default, &device));
        // Lazy parameters come into being, as they do before a run.
        net.train()
    }

    fn values(net: &Net) -> Vec<burn::tensor::TensorData> {
        vec![
            net.linear.weight.val().into_data(),
            net.norm.gamma.val().into_data(),
            net.norm.running_mean.value_sync().into_data(),
        ]
    }

    #[test]
    fn the_stand_in_has_the_ids_and_no_values_of_its_own() {
        let mut slot = net();
        let before = values(&slot);
        let id = slot.linear.weight.id;
        let owned = Checkout::take(&mut slot, |module| module, true);
        assert_eq!(owned.slot.linear.weight.id, id);
        assert!(!owned.slot.linear.weight.is_initialized(), "it holds no memory");
        assert_eq!(values(owned.get().unwrap()), before, "hollowing leaves the statistics alone");
        drop(owned);
        assert_eq!(values(&slot), before);
    }

    #[test]
    fn a_panic_gives_the_module_back() {
        let mut slot = net();
        let before = values(&slot);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut owned = Checkout::take(&mut slot, |module| module, true);
            owned.transform(|_| panic!("a broken change")).unwrap();
        }));
        assert!(panicked.is_err());
        assert_eq!(values(&slot), before);
    }

    #[test]
    fn looking_at_a_stand_in_is_no_panic() {
        let mut slot = net();
        let owned = Checkout::take(&mut slot, |module| module, true);
        assert_eq!(owned.slot.linear.weight.val().into_data().iter::<f32>().sum::<f32>(), 0.0);
    }
}
