// mistakes: 3
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{callbacks::*, prelude::*};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }

    fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
        self.layer.forward(batch)
    }
}

struct AtTheEnd;

impl EpochSink<Tensor<2>> for AtTheEnd {
    fn write_epoch(&mut self, predictions: &[Tensor<2>], _batches: &[PredictedBatch]) -> Result<()> {
        println!("{}", predictions.len());
        Ok(())
    }
}

struct Batches;

impl PredictionSink<Tensor<2>> for Batches {
    fn write_batch(&mut self, prediction: &Tensor<2>, _batch: &PredictedBatch) -> Result<()> {
        println!("{prediction}");
        Ok(())
    }
}

struct Silent;

impl PredictionSink<Tensor<2>> for Silent {}

fn main() -> Result<()> {
    let trainer = Net::trainer().callback(PredictionWriter::<Tensor<2>, _>::new(AtTheEnd));
    let trainer = trainer.callback(PredictionWriter::<Tensor<2>, _>::epoch(Batches));
    trainer.callback(PredictionWriter::<Tensor<2>, _>::new(Silent)).build().map(drop)
}
