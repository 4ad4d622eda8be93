//! Modules made by a `macro_rules!`, whose expressions are written in the macro, in its call, or in
//! both.
#![deny(warnings)]

use burn::{
    nn::*,
    optim::{AdamConfig, SgdConfig},
    prelude::*,
};
use lightning_core::prelude::*;

use super::{quick, rows};

macro_rules! module {
    ($name:ident, $layer:ident: $ty:ty = $init:expr, $loss:ident) => {
        #[lightning_module]
        #[optimizer(SgdConfig::new(), lr = 0.1)]
        struct $name {
            #[init($init)]
            $layer: $ty,
        }

        #[lightning_module]
        impl $name {
            fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
                #[log(minimize)]
                let $loss = self.$layer.forward(batch).mean();
                $loss
            }
            fn on_train_batch_end(&mut self, batch_idx: usize, cx: &mut HookContext) {
                let _ = (batch_idx, cx);
            }
            fn predict_step(&self, batch: Tensor<2>) -> Result<Tensor<2>> {
                Ok(self.$layer.forward(batch))
            }
        }
    };
}

module!(Narrow, layer: Linear = LinearConfig::new(4, 1).init(&Device::default()), narrow_loss);
module!(Wide, head: Linear = LinearConfig::new(4, 8).init(&Device::default()), wide_loss);

/// The expressions come with the call, and find what the attributes put in scope all the same.
macro_rules! scheduled {
    ($name:ident, $init:expr, $lr:expr) => {
        #[lightning_module]
        #[optimizer(AdamConfig::new(), lr = $lr, interval = step, group(first, lr = lr * 0.5))]
        struct $name {
            #[init(LinearConfig::new(4, hidden).init(device))]
            first: Linear,
            #[init($init)]
            second: Linear,
            #[hparam(default = 8)]
            hidden: usize,
            #[hparam(default = 0.1)]
            lr: f64,
        }

        #[lightning_module]
        impl $name {
            fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
                self.second.forward(self.first.forward(batch)).mean()
            }
        }
    };
}

scheduled!(
    InTheCall,
    LinearConfig::new(hidden, first.weight.dims()[0]).init(device),
    Cosine::new(lr, cx.estimated_optimizer_steps()?)
);

/// All of it comes with the call, but for the attributes.
macro_rules! module_of {
    ({ $($fields:tt)* } { $($methods:tt)* }) => {
        #[lightning_module]
        #[optimizer(AdamConfig::new(), lr = Cosine::new(lr, cx.estimated_optimizer_steps()?), interval = step)]
        struct OfTokens {
            #[hparam(default = 0.1)]
            lr: f64,
            $($fields)*
        }

        #[lightning_module]
        impl OfTokens {
            $($methods)*
        }
    };
}

module_of!({
    #[init(LinearConfig::new(4, hidden).init(device))]
    layer: Linear,
    #[hparam(default = 2)]
    hidden: usize,
} {
    fn training_step(&self, batch: Tensor<2>, cx: &StepContext, batch_idx: usize) -> Tensor<1> {
        assert_eq!(cx.batch_idx(), batch_idx);
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
});

#[test]
fn schedules_run() {
    let mut model = InTheCall::new(InTheCallHparams::default());
    quick(InTheCall::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
    assert_eq!(model.second.weight.dims(), [8, 4]);
    let mut model = OfTokens::new(OfTokensHparams::default());
    let mut trainer = quick(OfTokens::trainer()).callback(EarlyStopping::new(OfTokens::TRAIN_LOSS)).build().unwrap();
    trainer.fit(&mut model, rows()).unwrap();
}

#[test]
fn runs() {
    let mut narrow = Narrow::new(NarrowHparams::default());
    let trainer = quick(Narrow::trainer()).callback(EarlyStopping::new(Narrow::NARROW_LOSS));
    trainer.build().unwrap().fit(&mut narrow, rows()).unwrap();
    let mut wide = Wide::new(WideHparams::default());
    let mut trainer = quick(Wide::trainer()).callback(EarlyStopping::new(Wide::WIDE_LOSS)).build().unwrap();
    trainer.fit(&mut wide, rows()).unwrap();
    assert_eq!(trainer.predict(&mut wide, rows()).unwrap().len(), 2);
}
