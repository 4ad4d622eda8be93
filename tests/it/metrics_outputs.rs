//! Images, texts, distributions and drawings, from steps, hooks and callbacks.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    Stage,
    loggers::{Figure, MemoryLogger, grid},
    prelude::*,
};

use crate::support::{Rows, batches, quiet};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    wrong: bool,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        if cx.batch_idx() == 1 {
            cx.log_histogram("inputs", &batch.x);
            cx.log_text("note", format!("batch {}", cx.batch_idx()));
        }
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn validation_step(&self, batch: Rows, cx: &StepContext) {
        let pixels = batch.x.clone().narrow(0, 0, 1).reshape([1, 2, 4]);
        cx.log_image("val/first", pixels);
        if self.wrong {
            cx.log_image("val/wrong", batch.x.reshape([4, 2, 4]).narrow(0, 0, 2));
        }
    }
    fn on_validation_epoch_end(&mut self, cx: &mut HookContext) {
        cx.log_figure("curve", Figure::Svg("<svg/>"));
        cx.log_image("grid", grid(Tensor::ones([3, 3, 2, 2], &Device::default()), 2));
    }
}

struct Teller;

impl<M> Callback<M> for Teller {
    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let epoch = cx.current_epoch();
        cx.log_text("told", format!("epoch {epoch}"));
        Ok(())
    }
}

fn loader(sizes: &[usize]) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(sizes, 1)).unwrap()
}

#[test]
fn what_is_shown_comes_with_its_place() {
    let memory = MemoryLogger::new();
    let mut model = Net::new(NetHparams::default());
    let trainer = quiet(Net::trainer()).max_epochs(2).logger(memory.clone()).callback(Teller);
    trainer.build().unwrap().fit(&mut model, (loader(&[4; 3]), loader(&[4; 2]))).unwrap();

    let places = |found: Vec<(String, loggers::LogPosition)>| -> Vec<_> {
        found.into_iter().map(|(name, at)| (name, at.stage, at.epoch, at.batch, at.batch_step)).collect()
    };
    let texts = memory.texts();
    assert_eq!(
        texts.iter().map(|(_, text, _)| text.as_str()).collect::<Vec<_>>(),
        ["batch 1", "epoch 0", "batch 1", "epoch 1"]
    );
    assert_eq!(
        places(texts.into_iter().map(|(name, _, at)| (name, at)).collect()),
        [
            ("note".to_owned(), Stage::Fit, 0, Some(1), 1),
            ("told".to_owned(), Stage::Fit, 0, None, 3),
            ("note".to_owned(), Stage::Fit, 1, Some(1), 4),
            ("told".to_owned(), Stage::Fit, 1, None, 6),
        ]
    );
    let images = memory.images();
    // Two batches and a grid in each of two epochs: the sanity check shows nothing.
    assert_eq!(
        places(images.iter().take(3).map(|(name, _, at)| (name.clone(), *at)).collect()),
        [
            ("val/first".to_owned(), Stage::Validate, 0, Some(0), 3),
            ("val/first".to_owned(), Stage::Validate, 0, Some(1), 3),
            ("grid".to_owned(), Stage::Validate, 0, None, 3),
        ]
    );
    assert_eq!(images.len(), 6);
    assert_eq!((images[0].1.width, images[0].1.height, images[0].1.channels), (4, 2, 1));
    assert_eq!((images[2].1.width, images[2].1.height, images[2].1.channels), (10, 10, 3));
    assert_eq!(memory.figures().len(), 2);
    assert_eq!(
        memory.histograms().iter().map(|(_, histogram, _)| histogram.counts.iter().sum::<u64>()).collect::<Vec<_>>(),
        [32, 32]
    );
}

#[test]
fn a_csv_logger_writes_them_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Net::new(NetHparams::default());
    let trainer = quiet(Net::trainer()).max_epochs(1).logger(CsvLogger::new(folder.path())).callback(Teller);
    trainer.build().unwrap().fit(&mut model, (loader(&[4; 3]), loader(&[4]))).unwrap();
    let version = folder.path().join("version_0");
    for file in [
        "texts/note/fit-epoch=0-batch=1-step=1.txt",
        "texts/told/fit-epoch=0-step=3.txt",
        "images/val/first/validate-epoch=0-batch=0-step=3.png",
        "images/grid/validate-epoch=0-step=3.png",
        "histograms/inputs/fit-epoch=0-batch=1-step=1.json",
        "figures/curve/validate-epoch=0-step=3.svg",
    ] {
        assert!(version.join(file).is_file(), "{file}");
    }
    assert_eq!(std::fs::read_to_string(version.join("texts/note/fit-epoch=0-batch=1-step=1.txt")).unwrap(), "batch 1");
}

#[test]
fn what_is_no_image_is_an_error_of_its_step() {
    let mut model = Net::new(NetHparams::default());
    model.wrong = true;
    let error = quiet(Net::trainer()).build().unwrap().validate(&mut model, loader(&[4])).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`val/wrong`") && text.contains("2 channels") && text.contains("batch 0"), "{text}");
}
