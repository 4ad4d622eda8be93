//! Every hook, every parameter, every role of a field, every option of `#[log]`.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[derive(Batch, Clone, Debug)]
pub struct Pair {
    #[batch(size)]
    x: Tensor<2>,
    y: Tensor<2>,
    #[batch(host)]
    names: Vec<String>,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
pub struct Net {
    #[init(LinearConfig::new(4, width).init(device))]
    encoder: Linear,
    #[frozen]
    #[init(copy_of(encoder))]
    teacher: Linear,
    #[buffer(Tensor::zeros([1, 4], device))]
    mean: Tensor<2>,
    #[state]
    seen: u64,
    #[state(skip)]
    cache: Vec<f32>,
    #[hparam]
    width: usize,
    #[hparam(default = 0.1)]
    lr: f64,
}

#[lightning_module]
impl Net {
    fn shared(&self, batch: &Pair) -> Tensor<1> {
        #[log(per_stage, minimize)]
        let loss = (self.encoder.forward(batch.x.clone() - self.mean.clone()) - batch.y.clone()).powi_scalar(2).mean();
        loss
    }
    fn prepare_data(&self) {}
    fn setup(&mut self, stage: Stage) {
        assert!(stage != Stage::Predict || self.cache.is_empty());
    }
    fn teardown(&mut self, _stage: Stage) {}
    fn training_step(&self, batch: Pair, batch_idx: usize, cx: &StepContext) -> Tensor<1> {
        #[log(on_step, on_epoch, prog_bar, reduce = max, name = "train/index")]
        let index = batch_idx + cx.batch_idx();
        assert!(index < 100);
        self.shared(&batch)
    }
    fn validation_step(&self, batch: Pair, batch_idx: usize, dataloader_idx: usize, cx: &StepContext) -> Result<()> {
        assert!(batch_idx == cx.batch_idx() && dataloader_idx == 0 && batch.names.is_empty());
        #[log(maximize, logger = false, batch_size = 3)]
        let val_score = self.shared(&batch).neg();
        drop(val_score);
        Ok(())
    }
    fn test_step(&self, batch: Pair) {
        self.shared(&batch);
    }
    fn predict_step(&self, batch: Pair) -> Result<Tensor<2>> {
        Ok(self.teacher.forward(batch.x))
    }
    fn on_fit_start(&mut self, cx: &mut HookContext) {
        assert_eq!(cx.current_epoch(), 0);
    }
    fn on_fit_end(&mut self) {}
    fn on_train_start(&mut self) {}
    fn on_train_end(&mut self) {}
    fn on_train_epoch_start(&mut self) {}
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        self.seen += 1;
        #[log]
        let epochs = self.seen;
        assert!(epochs > u64::from(cx.current_epoch() == u64::MAX));
        Ok(())
    }
    fn on_train_batch_start(&mut self, batch_idx: usize) {
        assert!(batch_idx < 100);
    }
    fn on_train_batch_end(&mut self, batch_idx: usize, cx: &mut HookContext) {
        assert!(batch_idx == cx.batch_idx());
    }
    fn on_before_zero_grad(&mut self) {}
    fn on_before_backward(&mut self) {}
    fn on_after_backward(&mut self) {}
    fn on_before_optimizer_step(&mut self) {}
    fn on_validation_start(&mut self) {}
    fn on_validation_end(&mut self) {}
    fn on_validation_epoch_start(&mut self) {}
    fn on_validation_epoch_end(&mut self) {}
    fn on_validation_batch_start(&mut self, batch_idx: usize, dataloader_idx: usize) {
        assert!(batch_idx < 100 && dataloader_idx == 0);
    }
    fn on_validation_batch_end(&mut self) {}
    fn on_test_start(&mut self) {}
    fn on_test_end(&mut self) {}
    fn on_test_epoch_start(&mut self) {}
    fn on_test_epoch_end(&mut self) {}
    fn on_test_batch_start(&mut self) {}
    fn on_test_batch_end(&mut self) {}
    fn on_predict_start(&mut self) {}
    fn on_predict_end(&mut self) {}
    fn on_predict_epoch_start(&mut self) {}
    fn on_predict_epoch_end(&mut self) {}
    fn on_predict_batch_start(&mut self) {}
    fn on_predict_batch_end(&mut self) {}
}

#[data_module]
pub struct Pairs {
    #[hparam(default = 8)]
    count: usize,
    #[state]
    epochs: u64,
    #[state(skip)]
    pairs: Vec<Pair>,
}

#[data_module]
impl Pairs {
    fn prepare_data(&self) -> Result<()> {
        Ok(())
    }
    fn setup(&mut self, stage: Stage) -> Result<()> {
        self.epochs += u64::from(stage == Stage::Fit);
        let rows = Tensor::ones([4, 4], &Device::default());
        self.pairs = vec![Pair { x: rows.clone(), y: rows, names: Vec::new() }; self.count];
        Ok(())
    }
    fn teardown(&mut self, _stage: Stage) -> Result<()> {
        self.pairs.clear();
        Ok(())
    }
    fn train_dataloader(&self) -> Result<DataLoader<Pair>> {
        DataLoader::from_batches(self.pairs.clone())
    }
    fn val_dataloader(&self) -> Result<DataLoader<Pair>> {
        DataLoader::from_batches(self.pairs.clone())
    }
    fn test_dataloader(&self) -> Vec<Pair> {
        self.pairs.clone()
    }
    fn predict_dataloader(&self) -> Result<DataLoader<Pair>> {
        DataLoader::from_batches(self.pairs.clone())
    }
}

fn main() -> Result<()> {
    let mut data = Pairs::new(PairsHparams::default());
    let mut net = Net::new(NetHparams::new(4).with_lr(0.01));
    let mut trainer = Net::trainer()
        .max_epochs(1)
        .callback(EarlyStopping::new(Net::VAL_LOSS).patience(2))
        .callback(ModelCheckpoint::new(Net::VAL_SCORE))
        .build()?;
    let report = trainer.fit(&mut net, &mut data)?;
    println!("{:?} {:?}", report.metrics.get(Net::EPOCHS), report.metrics.get(Net::INDEX.epoch()));
    println!("{:?}", trainer.test(&mut net, &mut data)?.get(Net::TEST_LOSS));
    println!("{}", trainer.predict(&mut net, &mut data)?.len());
    Ok(())
}
