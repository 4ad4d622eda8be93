//! Fine-tuning: a frozen part that is trained from some epoch on, with a rate of its own.
#![deny(warnings)]

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::activation::relu};
use lightning_core::prelude::*;

use super::{fashion::ImageBatch, quick};

#[derive(Module, Debug)]
pub struct Backbone {
    conv: conv::Conv2d,
    out: Linear,
}

impl Backbone {
    fn new(device: &Device) -> Self {
        Self {
            conv: conv::Conv2dConfig::new([1, 2], [3, 3]).init(device),
            out: LinearConfig::new(2 * 6 * 6, 16).init(device),
        }
    }
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        relu(self.out.forward(self.conv.forward(x).flatten(1, 3)))
    }
}

#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = lr, group(backbone, lr = lr * 0.1))]
pub struct FineTune {
    #[frozen]
    #[init(Backbone::new(device))]
    backbone: Backbone,
    #[init(LinearConfig::new(16, classes).init(device))]
    head: Linear,
    #[hparam(default = 10)]
    classes: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl FineTune {
    fn training_step(&self, batch: ImageBatch) -> Tensor<1> {
        let (images, targets) = batch.into_parts();
        cross_entropy(self.head.forward(self.backbone.forward(images)), targets)
    }
    fn validation_step(&self, batch: ImageBatch) {
        let (images, targets) = batch.into_parts();
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&self.head.forward(self.backbone.forward(images)), &targets);
    }
    fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
        if cx.current_epoch() == 1 {
            self.unfreeze(Self::BACKBONE);
        }
    }
}

fn trainable(model: &Backbone) -> bool {
    model.out.weight.is_require_grad()
}

fn trainable_head(model: &FineTune) -> bool {
    model.head.weight.is_require_grad()
}

#[test]
fn runs() {
    let device = Device::default();
    let batch = ImageBatch::new(Tensor::ones([4, 1, 8, 8], &device), Tensor::zeros([4], &device));
    let data = DataLoader::from_batches(vec![batch; 2]).unwrap();
    let mut model = FineTune::new(FineTuneHparams::default());
    let before = model.backbone.out.weight.to_data();
    let mut trainer = quick(FineTune::trainer()).max_epochs(1).build().unwrap();
    trainer.fit(&mut model, (data.clone(), data.clone())).unwrap();
    assert_eq!(model.backbone.out.weight.to_data(), before, "frozen");
    let mut trainer = quick(FineTune::trainer()).max_epochs(2).build().unwrap();
    trainer.fit(&mut model, (data.clone(), data)).unwrap();
    assert_ne!(model.backbone.out.weight.to_data(), before, "trained from the second epoch on");

    // Of an owned module both give it back, as Burn's own do.
    let model = FineTune::new_on(FineTuneHparams::default(), &device.autodiff());
    assert!(!trainable(&model.backbone) && trainable_head(&model));
    let model = model.unfreeze(FineTune::BACKBONE);
    assert!(trainable(&model.backbone));
    let model = model.freeze(FineTune::BACKBONE);
    assert!(!trainable(&model.backbone) && trainable_head(&model));
}
