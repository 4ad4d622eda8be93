//! Batches within batches: a generic one, an enum of them, and patterns for parameters.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::quick;

#[derive(Batch, Clone, Debug)]
struct Labelled<T> {
    inputs: T,
    labels: Tensor<1, Int>,
}

#[derive(Batch, Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a batch is moved once")]
enum Inputs {
    Dense(Tensor<2>),
    Sparse { indices: Tensor<2, Int>, weights: Option<Tensor<2>> },
    Several(Vec<Tensor<2>>),
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 2).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, Labelled { inputs, labels }: Labelled<Inputs>, batch_idx: usize) -> Option<Tensor<1>> {
        let x = match inputs {
            Inputs::Dense(x) => x,
            Inputs::Sparse { indices, weights: Some(weights) } => indices.float() * weights,
            Inputs::Sparse { weights: None, .. } => return None,
            Inputs::Several(parts) => Tensor::cat(parts, 0),
        };
        #[log(on_epoch, reduce = sum)]
        let counted = f64::from(batch_idx < 100);
        assert!(counted > 0.0);
        Some(cross_entropy(self.layer.forward(x), labels))
    }
    fn validation_step(&self, (x, y): (Tensor<2>, Tensor<1, Int>)) {
        #[log(maximize)]
        let val_acc = accuracy(&self.layer.forward(x), &y);
    }
}

#[test]
fn runs() {
    let device = Device::default();
    let (x, labels) = (Tensor::<2>::ones([4, 4], &device), Tensor::<1, Int>::zeros([4], &device));
    let indices = Tensor::<2, Int>::ones([4, 4], &device);
    let inputs = [
        Inputs::Dense(x.clone()),
        Inputs::Sparse { indices: indices.clone(), weights: Some(x.clone()) },
        Inputs::Sparse { indices, weights: None },
        Inputs::Several(vec![x.clone().narrow(0, 0, 2), x.clone().narrow(0, 2, 2)]),
    ];
    let train: Vec<_> = inputs.into_iter().map(|inputs| Labelled { inputs, labels: labels.clone() }).collect();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = quick(Net::trainer()).limit_train_batches(4).build().unwrap();
    let train = DataLoader::from_batches(train).unwrap();
    let val = DataLoader::from_batches(vec![(x, labels)]).unwrap();
    let report = trainer.fit(&mut model, (train, val)).unwrap();
    assert_eq!(report.metrics.get(Net::COUNTED.epoch()), Some(3.0), "the skipped batch returns before it logs");
    assert_eq!(report.skipped_batches, 1);
}
