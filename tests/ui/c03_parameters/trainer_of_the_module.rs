// mistakes: 2
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn on_train_epoch_end(&mut self) {
        if self.trainer.current_epoch == 3 {
            println!("{}", self.trainer.global_step);
        }
    }
}

fn main() {}
