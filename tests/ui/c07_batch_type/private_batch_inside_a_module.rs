// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

mod digits {
    use super::*;

    #[derive(Batch)]
    struct Images {
        images: Tensor<2>,
    }

    #[lightning_module]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    pub struct Net {
        #[init(LinearConfig::new(4, 1).init(device))]
        layer: Linear,
    }

    #[lightning_module]
    impl Net {
        fn training_step(&self, batch: Images) -> Tensor<1> {
            self.layer.forward(batch.images).mean()
        }
    }
}

fn main() {
    let _ = digits::Net::new(digits::NetHparams::default());
}
