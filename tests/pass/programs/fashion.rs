//! Images: convolutions, batch normalisation, a schedule over the whole run, a data module.
#![deny(warnings)]

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::activation::relu};
use lightning_core::prelude::*;

use super::quick;

#[derive(Batch, Clone, Debug)]
pub struct ImageBatch {
    images: Tensor<4>,
    targets: Tensor<1, Int>,
}

impl ImageBatch {
    pub(super) fn new(images: Tensor<4>, targets: Tensor<1, Int>) -> Self {
        Self { images, targets }
    }
    pub(super) fn into_parts(self) -> (Tensor<4>, Tensor<1, Int>) {
        (self.images, self.targets)
    }
}

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(0.05),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?).warmup(1), interval = step)]
pub struct FashionCnn {
    #[init(conv::Conv2dConfig::new([1, 4], [3, 3]).init(device))]
    conv1: conv::Conv2d,
    #[init(BatchNormConfig::new(4).init(device))]
    norm1: BatchNorm,
    #[init(conv::Conv2dConfig::new([4, 8], [3, 3]).init(device))]
    conv2: conv::Conv2d,
    #[init(pool::MaxPool2dConfig::new([2, 2]).init())]
    pool: pool::MaxPool2d,
    #[init(DropoutConfig::new(dropout_rate).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(8 * 12 * 12, 10).init(device))]
    head: Linear,
    #[hparam(default = 0.25)]
    dropout_rate: f64,
    #[hparam(default = 2e-3)]
    lr: f64,
}

#[lightning_module]
impl FashionCnn {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.norm1.forward(self.conv1.forward(x)));
        let x = self.dropout.forward(self.pool.forward(relu(self.conv2.forward(x))));
        self.head.forward(x.flatten(1, 3))
    }
    fn training_step(&self, batch: ImageBatch) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy(self.forward(batch.images), batch.targets);
        train_loss
    }
    fn validation_step(&self, batch: ImageBatch) {
        let logits = self.forward(batch.images);
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&logits, &batch.targets);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.targets);
    }
    fn test_step(&self, batch: ImageBatch) {
        let logits = self.forward(batch.images);
        #[log(maximize)]
        let test_acc = accuracy(&logits, &batch.targets);
    }
}

#[data_module]
pub struct FashionData {
    #[hparam(default = 4)]
    batch_size: usize,
    #[state(skip)]
    images: Vec<(Vec<f32>, i64)>,
}

#[data_module]
impl FashionData {
    fn prepare_data(&self) -> Result<()> {
        Ok(())
    }
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        self.images = (0..16_u8).map(|index| (vec![f32::from(index) / 16.0; 28 * 28], i64::from(index % 10))).collect();
        Ok(())
    }
    fn train_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        DataLoader::builder(self.images.clone()).batch_size(self.batch_size).shuffle(true).collate(collate).build()
    }
    fn val_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        DataLoader::builder(self.images.clone()).batch_size(self.batch_size).collate(collate).build()
    }
    fn test_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        self.val_dataloader()
    }
}

fn collate(items: Vec<(Vec<f32>, i64)>) -> Result<ImageBatch> {
    let (device, rows) = (Device::default(), items.len());
    let (pixels, labels): (Vec<Vec<f32>>, Vec<i64>) = items.into_iter().unzip();
    Ok(ImageBatch {
        images: Tensor::from_data(TensorData::new(pixels.concat(), [rows, 1, 28, 28]), &device),
        targets: Tensor::from_data(TensorData::new(labels, [rows]), &device),
    })
}

#[test]
fn runs() {
    seed_everything(42);
    let mut data = FashionData::new(FashionDataHparams::default());
    let mut model = FashionCnn::new(FashionCnnHparams::default());
    let trainer = quick(FashionCnn::trainer())
        .gradient_clip_val(1.0)
        .callback(EarlyStopping::new(FashionCnn::VAL_LOSS).patience(3));
    let mut trainer = trainer.build().unwrap();
    let report = trainer.fit(&mut model, &mut data).unwrap();
    assert!(report.metrics.get(FashionCnn::VAL_ACC).is_some(), "{report}");
    assert!(trainer.test(&mut model, &mut data).unwrap().get(FashionCnn::TEST_ACC).is_some());
}
