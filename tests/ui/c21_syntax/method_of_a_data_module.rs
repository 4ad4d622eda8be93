// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;
#[derive(Batch, Clone, Debug)]
pub struct Xy {
    x: Tensor<2>,
}
#[data_module]
pub struct Data {
    #[hparam(default = 4)]
    n: usize,
}
#[data_module]
impl Data {
    fn train_dataloader(&self) -> Result<DataLoader<Xy>> {
        let x = self.
    }
    fn val_dataloader(&self) -> Result<DataLoader<Xy>> {
        DataLoader::from_batches(Vec::new())
    }
}
fn main() { let _ = |xy: Xy| xy.x; let _ = Data::new(DataHparams::default()); }
