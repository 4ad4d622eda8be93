//! A batch that is an enum.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[derive(Batch, Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "two tensors are larger than one")]
enum Images {
    Labelled { x: Tensor<2>, y: Tensor<1, Int> },
    Plain(Tensor<2>),
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Images) -> Option<Tensor<1>> {
        match batch {
            Images::Labelled { x, y } => {
                #[log(minimize)]
                let labelled_loss = (self.layer.forward(x) - y.float().unsqueeze_dim(1)).mean();
                Some(labelled_loss)
            }
            Images::Plain(_) => None,
        }
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let x = rows().remove(0);
    let y = Tensor::ones([4], &Device::default());
    let data = vec![Images::Plain(x.clone()), Images::Labelled { x, y }];
    quick(Net::trainer()).build().unwrap().fit(&mut model, data).unwrap();
}
