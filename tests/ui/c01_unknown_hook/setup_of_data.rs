// mistakes: 2
use burn::prelude::*;
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn set_up(&mut self, stage: Stage) -> Result<()> {
        let _ = stage;
        Ok(())
    }
    fn tearDown(&mut self, stage: Stage) -> Result<()> {
        let _ = stage;
        Ok(())
    }
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        unimplemented!()
    }
}

fn main() {}
