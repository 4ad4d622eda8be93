// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{prelude::*, schedulers::ReduceLROnPlateau};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = ReduceLROnPlateau::new(0.1), interval = epoch, monitor = val_los)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    critic: Linear,
    #[init(LinearConfig::new(4, 4).init(device))]
    generator: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.critic.forward(self.generator.forward(batch)).mean()
    }
}

fn main() {}
