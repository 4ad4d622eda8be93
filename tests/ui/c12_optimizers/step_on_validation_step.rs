// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    #[init(LinearConfig::new(4, 1).init(device))]
    critic: Linear,
}

#[lightning_module]
impl Net {
    #[training_step(optimizer = critic)]
    fn validation_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let val_loss = self.critic.forward(batch).mean();
        val_loss
    }
}

fn main() {
    let _ = Net::VAL_LOSS;
}
