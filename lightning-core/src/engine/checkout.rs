//! Holds the user's module during a run.

use burn::module::Module;

use crate::{
    error::{Error, ErrorKind, Result},
    params::{DynMapper, MapMode, ValueMapper},
};

/// Holds the user's module during a run; the user's variable holds a placeholder with the same ids
/// and shapes and no storage.
///
/// A clone in the variable would keep every first buffer alive and double the memory. Dropping this
/// moves the module back, after success, an error and a panic alike.
#[derive(Debug)]
pub(crate) struct Checkout<'a, M: Module> {
    slot: &'a mut M,
    own: Option<M>,
}

impl<'a, M: Module> Checkout<'a, M> {
    /// Takes the module. `prepare` moves it to the run's device and changes its form. With
    /// `placeholder`, the user's variable holds a placeholder.
    pub(crate) fn take(slot: &'a mut M, prepare: impl FnOnce(M) -> M, placeholder: bool) -> Self {
        // The variable still holds the module if `prepare` panics.
        let own = prepare(slot.clone());
        if placeholder {
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

    /// Changes the module's form. If `change` panics, the module is unchanged.
    pub(crate) fn transform(&mut self, change: impl FnOnce(M) -> M) -> Result<()> {
        let changed = change(self.get()?.clone());
        self.own = Some(changed);
        Ok(())
    }

    /// Changes parameter values in place: the module has no second owner meanwhile, so that buffers
    /// are reused. `mapper` must not panic, or the module is lost.
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
    Error::new(ErrorKind::Panic, "the module was lost in a panic during an update").help("load the last checkpoint")
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
        // Initializes lazy parameters, as before a run.
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
    fn the_placeholder_has_the_ids_and_no_values_of_its_own() {
        let mut slot = net();
        let before = values(&slot);
        let id = slot.linear.weight.id;
        let owned = Checkout::take(&mut slot, |module| module, true);
        assert_eq!(owned.slot.linear.weight.id, id);
        assert!(!owned.slot.linear.weight.is_initialized(), "it holds no memory");
        assert_eq!(values(owned.get().unwrap()), before, "the placeholder leaves the statistics unchanged");
        drop(owned);
        assert_eq!(values(&slot), before);
    }

    #[test]
    fn a_panic_returns_the_module() {
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
    fn reading_a_placeholder_does_not_panic() {
        let mut slot = net();
        let owned = Checkout::take(&mut slot, |module| module, true);
        assert_eq!(owned.slot.linear.weight.val().into_data().iter::<f32>().sum::<f32>(), 0.0);
    }
}
