//! Tensors of every kind, written out, by alias, and of a rank that a constant names.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

const RANK: usize = 2;

type Images = Tensor<RANK>;
type Labels = Tensor<1, Int>;

#[derive(Batch, Clone)]
struct Items {
    images: Images,
    weights: Tensor<{ RANK - 1 }, Float>,
    labels: Labels,
    mask: Tensor<1, Bool>,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[buffer(Tensor::zeros([3], device))]
    counts: Tensor<1, Int>,
    #[buffer(Tensor::zeros([3], device))]
    scale: Tensor<1>,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Items) -> Tensor<1, Float> {
        let _ = (batch.labels, batch.mask, &self.counts, &self.scale);
        (self.layer.forward(batch.images).squeeze_dim::<1>(1) * batch.weights).mean()
    }
    fn predict_step(&self, batch: Tensor<2, Float>) -> Tensor<2, Bool> {
        self.layer.forward(batch).greater_elem(0.5)
    }
}

#[test]
fn it_trains() {
    let device = Device::default();
    let items: Vec<Items> = rows()
        .into_iter()
        .map(|images| Items {
            images,
            weights: Tensor::ones([4], &device),
            labels: Tensor::arange(0..4, &device),
            mask: Tensor::<1, Int>::arange(0..4, &device).greater_elem(1),
        })
        .collect();
    let mut net = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut net, items).unwrap();
}
