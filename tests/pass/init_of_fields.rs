//! `fn init` that returns all fields but the hyperparameters.
#![deny(warnings)]

use std::marker::PhantomData;

use burn::{
    module::{Module, ModuleDisplay},
    nn::*,
    optim::SgdConfig,
    prelude::*,
};
use lightning_core::prelude::*;

use super::{quick, rows};

/// Generic, with every role, under `#[cfg]`s.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
pub struct Net<M: Module + ModuleDisplay + Default + 'static, const N: usize>
where
    M: Clone,
{
    inner: M,
    /// The head.
    pub head: Linear,
    #[buffer]
    offset: Tensor<1>,
    #[cfg(unix)]
    #[state]
    seen: usize,
    #[cfg(not(unix))]
    missing: Missing,
    #[state(skip)]
    kind: PhantomData<u8>,
    #[hparam(default = 1)]
    width: usize,
    #[hparam(default = 0.1)]
    lr: f64,
    #[hparam]
    r#type: String,
}

#[derive(Module, Debug, Default)]
struct Nothing {}

#[lightning_module]
impl<M: Module + ModuleDisplay + Default + 'static, const N: usize> Net<M, N>
where
    M: Clone,
{
    fn init(hparams: &NetHparams, device: &Device) -> NetFields<M, N> {
        NetFields {
            inner: M::default(),
            head: LinearConfig::new(N, hparams.width).init(device),
            offset: Tensor::zeros([1], device),
            #[cfg(unix)]
            seen: 7,
            kind: PhantomData,
        }
    }
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let _ = (&self.inner, self.kind);
        #[log(minimize)]
        let train_loss = self.head.forward(batch).mean() + self.offset.clone();
        train_loss
    }
}

/// With an error type of its own.
#[derive(Debug)]
struct Odd;

impl From<Odd> for lightning_core::Error {
    fn from(_: Odd) -> Self {
        Self::msg("odd")
    }
}

#[lightning_module]
struct Even {
    layer: Linear,
    #[hparam(default = 2)]
    width: usize,
}

#[lightning_module]
impl Even {
    fn init(hparams: &EvenHparams, device: &Device) -> std::result::Result<EvenFields, Odd> {
        match hparams.width % 2 {
            0 => Ok(EvenFields { layer: LinearConfig::new(4, hparams.width).init(device) }),
            _ => Err(Odd),
        }
    }
    fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
        self.layer.forward(batch)
    }
}

/// Without hyperparameters, in a function.
#[test]
fn in_a_function() {
    #[lightning_module]
    struct Local {
        layer: Linear,
    }
    #[lightning_module]
    impl Local {
        fn init(_hparams: &LocalHparams, device: &Device) -> LocalFields {
            LocalFields { layer: LinearConfig::new(4, 1).init(device) }
        }
        fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
            self.layer.forward(batch)
        }
    }
    assert_eq!(Local::new(LocalHparams::default()).layer.weight.dims(), [4, 1]);
}

#[test]
fn runs() {
    let hparams = NetHparams::new("plain".to_owned()).with_width(2).with_lr(0.5);
    let mut model = Net::<Nothing, 4>::new(hparams.clone());
    assert_eq!(model.hparams(), hparams);
    quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
    #[cfg(unix)]
    assert_eq!(model.seen, 7);
    assert_eq!(model.r#type, "plain");
    assert_eq!(Even::new(EvenHparams::default()).unwrap().layer.weight.dims(), [4, 2]);
    assert!(matches!(Even::new(EvenHparams::default().with_width(3)), Err(Odd)));
}
