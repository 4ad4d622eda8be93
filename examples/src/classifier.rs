//! A classifier of MNIST, trained by the `mnist` example and used by `gan` and `wgan_gp` to
//! evaluate generated images.

use std::{fmt, path::PathBuf, sync::Arc};

use burn::{
    nn::*,
    optim::AdamConfig,
    prelude::*,
    tensor::activation::{relu, softmax},
};
use lightning_core::{data::Subset, prelude::*};

use crate::data::mnist::{CLASSES, Part, locate, mnist};

#[derive(Batch, Clone, Debug)]
pub struct ImageBatch {
    images: Tensor<2>,       // [batch, 784]
    targets: Tensor<1, Int>, // [batch]
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Classifier {
    #[init(LinearConfig::new(784, hidden).init(device))]
    fc1: Linear,
    #[precision(f32)]
    #[init(BatchNormConfig::new(hidden).init(device))]
    norm1: BatchNorm,
    #[init(LinearConfig::new(hidden, hidden).init(device))]
    fc2: Linear,
    #[precision(f32)]
    #[init(BatchNormConfig::new(hidden).init(device))]
    norm2: BatchNorm,
    #[init(LinearConfig::new(hidden, 10).init(device))]
    head: Linear,
    #[hparam(default = 64)]
    hidden: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Classifier {
    pub fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        let x = relu(self.norm1.forward(self.fc1.forward(images)));
        let x = relu(self.norm2.forward(self.fc2.forward(x)));
        self.head.forward(x)
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
        #[log(minimize)]
        let test_loss = cross_entropy(logits, batch.targets);
    }
}

#[data_module]
pub struct MnistData {
    #[hparam]
    data_dir: Option<PathBuf>,
    #[hparam]
    batch_size: usize,
    #[hparam]
    seed: u64,
    #[state(skip)]
    parts: Vec<(Arc<Part>, Subset<Vec<usize>>)>,
}

#[data_module]
impl MnistData {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        let files = mnist(&locate(self.data_dir.clone())?)?;
        let (train, test) = (Arc::new(files.train), Arc::new(files.test));
        let all = |part: &Part| (0..part.labels.len()).collect::<Vec<_>>();
        let [fit, val] = random_split(all(&train), [55_000, 5_000], self.seed)?;
        let tested = Subset::new(all(&test), all(&test))?;
        self.parts = vec![(train.clone(), fit), (train, val), (test, tested)];
        Ok(())
    }

    fn train_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        self.loader(0)
    }

    fn val_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        self.loader(1)
    }

    fn test_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        self.loader(2)
    }
}

impl MnistData {
    fn loader(&self, index: usize) -> Result<DataLoader<ImageBatch>> {
        let (part, indices) = self.parts.get(index).cloned().ok_or("`setup` has not run")?;
        DataLoader::builder(indices)
            .batch_size(self.batch_size)
            .shuffle(index == 0)
            .collate(move |indices: Vec<usize>| batch(&part, &indices))
            .build()
    }
}

fn batch(part: &Part, indices: &[usize]) -> Result<ImageBatch> {
    let device = Device::default();
    let mut pixels = Vec::with_capacity(indices.len() * 784);
    let mut labels = Vec::with_capacity(indices.len());
    for index in indices {
        pixels.extend(
            part.images.get(*index).ok_or("an index past the end")?.iter().map(|pixel| f32::from(*pixel) / 255.0),
        );
        labels.push(i32::from(part.labels[*index]));
    }
    Ok(ImageBatch {
        images: Tensor::from_data(TensorData::new(pixels, [indices.len(), 784]), &device),
        targets: Tensor::from_data(TensorData::new(labels, [indices.len()]), &device),
    })
}

/// The predictions of a classifier for a set of images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// The number of images predicted as each class.
    pub counts: [usize; CLASSES],
    /// The mean probability of the predicted class.
    pub confidence: f64,
}

impl Evaluation {
    /// Returns the number of classes with at least 1 % of the images.
    pub fn classes(&self) -> usize {
        let all: usize = self.counts.iter().sum();
        self.counts.iter().filter(|count| **count * 100 >= all.max(1)).count()
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = self.classes();
        write!(
            f,
            "{classes} of {CLASSES} classes, mean confidence {:.3}, images per class {:?}",
            self.confidence, self.counts
        )
    }
}

impl Classifier {
    /// Classifies images `[n, 784]` with pixels from 0 to 1.
    pub fn evaluate(&self, images: Tensor<2>) -> Result<Evaluation> {
        let (confidence, class) = softmax(self.forward(images), 1).max_dim_with_indices(1);
        let mut counts = [0; CLASSES];
        for class in class.into_data().iter::<u8>() {
            counts[usize::from(class)] += 1;
        }
        Ok(Evaluation { counts, confidence: confidence.mean().into_scalar() })
    }
}

/// Loads the classifier of a checkpoint of the `mnist` example, or trains one for three epochs.
pub fn trained(checkpoint: Option<PathBuf>, data_dir: Option<PathBuf>, fast_dev_run: bool) -> Result<Classifier> {
    if let Some(checkpoint) = checkpoint {
        return Classifier::load_from_checkpoint(checkpoint);
    }
    let mut classifier = Classifier::new(ClassifierHparams::default());
    let mut data = MnistData::new(MnistDataHparams::new(data_dir, 64, 0));
    let mut trainer =
        Classifier::trainer().max_epochs(3).no_logger().enable_checkpointing(false).enable_model_summary(false);
    if fast_dev_run {
        trainer = trainer.fast_dev_run(3);
    }
    let mut trainer = trainer.build()?;
    trainer.fit(&mut classifier, &mut data)?;
    println!("{}", trainer.test(&mut classifier, &mut data)?);
    Ok(classifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_counts_from_one_image_in_a_hundred() {
        let mut counts = [0; CLASSES];
        (counts[0], counts[3], counts[9]) = (197, 2, 1);
        let evaluation = Evaluation { counts, confidence: 0.5 };
        assert_eq!(evaluation.classes(), 2);
        let text = "2 of 10 classes, mean confidence 0.500, images per class [197, 0, 0, 2, 0, 0, 0, 0, 0, 1]";
        assert_eq!(evaluation.to_string(), text);
        assert_eq!(Evaluation { counts: [0; CLASSES], confidence: f64::NAN }.classes(), 0);
    }
}
