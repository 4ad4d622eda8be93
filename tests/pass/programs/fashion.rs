//! Images: convolutions, batch normalisation in mixed precision, a schedule over the whole run, a
//! data module.
#![deny(warnings)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::activation::relu};
use lightning_core::{
    data::{Image, host, idx},
    prelude::*,
};

#[derive(Batch, Clone, Debug)]
pub struct ImageBatch {
    pub(super) images: Tensor<4>,
    pub(super) targets: Tensor<1, Int>,
}

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(0.05),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?).warmup(2), interval = step)]
pub struct FashionCnn {
    #[init(conv::Conv2dConfig::new([1, 4], [3, 3]).init(device))]
    conv1: conv::Conv2d,
    #[precision(f32)]
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
    dropout_rate: f64, // cannot be called `dropout`: the field has that name
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

/// Images with their labels.
type Images = Vec<(Image, u8)>;

#[data_module]
pub struct FashionData {
    #[hparam]
    dir: PathBuf,
    #[hparam(default = 4)]
    batch_size: usize,
    #[state(skip)]
    train: Option<Images>,
    #[state(skip)]
    test: Option<Images>,
}

#[data_module]
impl FashionData {
    fn prepare_data(&self) -> Result<()> {
        write(&self.dir, "train", 16).and(write(&self.dir, "t10k", 8)).map_err(|error| error.to_string().into())
    }
    fn setup(&mut self, stage: Stage) -> Result<()> {
        if stage == Stage::Fit {
            self.train = Some(read(&self.dir, "train")?);
        }
        self.test = Some(read(&self.dir, "t10k")?);
        Ok(())
    }
    fn train_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        DataLoader::builder(self.train.clone().unwrap_or_default())
            .batch_size(self.batch_size)
            .shuffle(true)
            .num_workers(2)
            .try_map(|(image, label): (Image, u8), rng| Ok((image.random_crop(28, 4, rng)?, label)))
            .collate(ImageBatch::from_items)
            .build()
    }
    fn val_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        self.test_dataloader()
    }
    fn test_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        DataLoader::builder(self.test.clone().unwrap_or_default())
            .batch_size(self.batch_size)
            .collate(ImageBatch::from_items)
            .build()
    }
}

impl ImageBatch {
    fn from_items(items: Vec<(Image, u8)>) -> Result<Self> {
        let rows = items.len();
        let labels: Vec<i32> = items.iter().map(|(_, label)| i32::from(*label)).collect();
        let pixels: Vec<f32> = items.into_iter().flat_map(|(image, _)| image.to_f32().into_pixels()).collect();
        Ok(Self {
            images: Tensor::from_data(TensorData::new(pixels, [rows, 1, 28, 28]), &host()),
            targets: Tensor::from_data(TensorData::new(labels, [rows]), &host()),
        })
    }
}

fn read(dir: &Path, part: &str) -> Result<Images> {
    let labels = idx::labels(dir.join(format!("{part}-labels")), 10)?;
    let images = idx::images(dir.join(format!("{part}-images")))?;
    images.iter().zip(labels).map(|(pixels, label)| Ok((Image::grey(pixels.to_vec(), 28, 28)?, label))).collect()
}

/// What a program would download: the label says how bright the image is.
fn write(dir: &Path, part: &str, count: u8) -> std::io::Result<()> {
    let label = |index| index % 10;
    let mut images = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 28, 0, 0, 0, 28];
    images.extend((0..count).flat_map(|index| [25 * label(index); 28 * 28]));
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0, count];
    labels.extend((0..count).map(label));
    fs::write(dir.join(format!("{part}-images")), images)?;
    fs::write(dir.join(format!("{part}-labels")), labels)
}

#[test]
fn runs() -> Result<()> {
    seed_everything(42);
    let folder = tempfile::tempdir().unwrap();
    let mut data = FashionData::new(FashionDataHparams::new(folder.path().to_owned()));
    let mut model = FashionCnn::new(FashionCnnHparams::default());
    let mut trainer = FashionCnn::trainer()
        .max_epochs(2)
        .precision("bf16-mixed")
        .gradient_clip_val(1.0)
        .default_root_dir(folder.path())
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .callback(EarlyStopping::new(FashionCnn::VAL_LOSS).patience(3))
        .callback(ModelCheckpoint::new(FashionCnn::VAL_ACC).save_top_k(1))
        .callback(LearningRateMonitor::new())
        .build()?;
    let report = trainer.fit(&mut model, &mut data)?;
    println!("{report}");
    assert_eq!(report.global_step, 8);
    assert!(report.best_score(FashionCnn::VAL_ACC).is_some(), "{report}");
    trainer.load_best(&mut model)?;
    let report = trainer.test(&mut model, &mut data)?;
    println!("{report}");
    assert!(report.get(FashionCnn::TEST_ACC).is_some());
    Ok(())
}
