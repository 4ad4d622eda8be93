//! What modules, data modules and callbacks keep in a checkpoint besides parameters.

use std::collections::BTreeMap;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{LightningModule, StateReader, StateWriter, checkpoint::inspect, prelude::*};

use crate::support::{Rows, SaveAfterBatch, batches, bits, quiet};

/// A module with data that no `#[state]` field can hold.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Remembering {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state]
    batches: u64,
    #[state(skip)]
    sums: BTreeMap<String, Option<Tensor<2>>>,
}

#[lightning_module]
impl Remembering {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        train_loss
    }
    fn on_train_batch_end(&mut self) {
        self.batches += 1;
        let weight = self.layer.weight.val().inner();
        let sum = self.sums.entry("weight".to_owned()).or_insert(None);
        *sum = Some(match sum.take() {
            Some(sum) => sum + weight,
            None => weight,
        });
    }
    fn on_save_checkpoint(&mut self, state: &mut StateWriter) -> Result<()> {
        let names: Vec<&String> = self.sums.keys().collect();
        state.put("names", &names)?;
        for (name, sum) in &self.sums {
            if let Some(sum) = sum {
                state.put_tensor(name, sum);
            }
        }
        Ok(())
    }
    fn on_load_checkpoint(&mut self, state: &StateReader) -> Result<()> {
        let mut names: Vec<String> = Vec::new();
        state.get("names", &mut names)?;
        for name in names {
            let mut sum = Tensor::zeros([8, 3], &Device::default());
            state.get_tensor(&name, &mut sum)?;
            self.sums.insert(name, Some(sum));
        }
        Ok(())
    }
}

fn loader() -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&[4; 6], 2)).unwrap()
}

#[test]
fn what_a_module_adds_comes_back_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("2.ckpt");
    let run = |resume: Resume| {
        seed_everything(1);
        let mut model = Remembering::new(RememberingHparams::default());
        let save = SaveAfterBatch { batch: 2, path: path.clone() };
        let mut trainer =
            quiet(Remembering::trainer()).max_epochs(1).callback(save).resume_from(resume).build().unwrap();
        trainer.fit(&mut model, loader()).unwrap();
        model
    };
    let values = |model: &Remembering| model.sums["weight"].clone().unwrap().into_data().try_to_vec::<f32>().unwrap();
    let whole = run(Resume::Never);
    let resumed = run(Resume::Path(path.clone()));
    assert_eq!(bits(&values(&whole)), bits(&values(&resumed)));
    assert_eq!((whole.batches, resumed.batches), (6, 6));
    let loaded = Remembering::load_from_checkpoint(&path).unwrap();
    assert_eq!(loaded.batches, 2);
    assert_ne!(values(&loaded), values(&whole));
    let inspected = inspect(&path).unwrap();
    assert!(
        inspected.tensors.iter().any(|tensor| tensor.name == "user.weight" && tensor.shape == [8, 3]),
        "{inspected}"
    );
}

/// Data whose order is a matter of its state.
#[data_module]
struct Curriculum {
    #[hparam(default = 4)]
    batch_size: usize,
    #[state]
    lesson: u64,
}

#[data_module]
impl Curriculum {
    fn setup(&mut self, _stage: Stage) {
        self.lesson += 1;
    }
    fn train_dataloader(&self) -> Result<DataLoader<Rows>> {
        DataLoader::from_batches(batches(&[self.batch_size; 3], self.lesson))
    }
}

#[test]
fn the_state_of_a_data_module_is_there_before_its_loaders_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    let run = |lesson: u64, hparams: CurriculumHparams, resume: Resume| {
        seed_everything(1);
        let mut model = Remembering::new(RememberingHparams::default());
        let mut data = Curriculum::new(hparams);
        data.lesson = lesson;
        let save = SaveAfterBatch { batch: 3, path: path.clone() };
        let mut trainer =
            quiet(Remembering::trainer()).max_epochs(2).callback(save).resume_from(resume).build().unwrap();
        let report = trainer.fit(&mut model, &mut data).unwrap();
        (data.lesson, report)
    };
    let (lesson, _) = run(7, CurriculumHparams::default(), Resume::Never);
    assert_eq!(lesson, 8);
    let (lesson, report) = run(0, CurriculumHparams::default().with_batch_size(5), Resume::Path(path.clone()));
    assert_eq!(lesson, 8, "the stored one, and not the one that `setup` has counted");
    assert_eq!(
        report.differences,
        ["the data hyperparameter `batch_size` was 4 when the checkpoint was written and is 5 now"]
    );
}

/// Averages the weights, and has the average saved as the model.
struct Average<M> {
    average: Option<M>,
    count: u64,
}

impl<M: LightningModule> Callback<M> for Average<M> {
    fn on_train_batch_end(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.average = Some(module.valid());
        self.count += 1;
        Ok(())
    }
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put("count", &self.count)?;
        self.average.as_ref().map_or(Ok(()), |average| state.put_module("average", average))
    }
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        state.get("count", &mut self.count)
    }
    fn model_to_save(&self, module: &M) -> Result<Option<M>> {
        Ok((self.count == 4).then(|| module.valid()))
    }
    fn on_load_checkpoint(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_callback_keeps_modules_and_decides_what_the_model_is() {
    let folder = tempfile::tempdir().unwrap();
    let run = |resume: Resume| {
        seed_everything(1);
        let mut model = Remembering::new(RememberingHparams::default());
        let saves = [3, 4].map(|batch| SaveAfterBatch { batch, path: folder.path().join(format!("{batch}.ckpt")) });
        let average = Average { average: None, count: 0 };
        let [first, second] = saves;
        let builder = quiet(Remembering::trainer()).max_epochs(1).callback(average).callback(first).callback(second);
        builder.resume_from(resume).build().unwrap().fit(&mut model, loader()).unwrap();
        model.layer.weight.val().into_data().try_to_vec::<f32>().unwrap()
    };
    let whole = run(Resume::Never);
    let names = |name: &str| -> Vec<String> {
        inspect(folder.path().join(name)).unwrap().tensors.into_iter().map(|tensor| tensor.name).collect()
    };
    assert!(!names("3.ckpt").iter().any(|name| name.starts_with("training.")));
    let of_four = names("4.ckpt");
    for name in ["training.layer.weight", "model.layer.weight", "callback.Average.average.layer.weight"] {
        assert!(of_four.iter().any(|known| known == name), "{name} in {of_four:?}");
    }
    let resumed = run(Resume::Path(folder.path().join("4.ckpt")));
    assert_eq!(bits(&whole), bits(&resumed));
}

#[test]
fn callbacks_of_one_key_are_told_apart() {
    #[derive(Default)]
    struct Twice(u64);
    impl<M> Callback<M> for Twice {
        fn save_state(&self, state: &mut StateWriter) -> Result<()> {
            state.put("value", &self.0)
        }
        fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
            let mut value = 0;
            state.get("value", &mut value)?;
            assert_eq!(value, self.0);
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    let trainer = |resume: Resume| {
        let builder = quiet(Remembering::trainer()).max_epochs(1).callback(Twice(1)).callback(Twice(2));
        builder.resume_from(resume).build().unwrap()
    };
    let mut model = Remembering::new(RememberingHparams::default());
    let mut first = trainer(Resume::Never);
    first.fit(&mut model, loader()).unwrap();
    first.save_checkpoint(&model, &path).unwrap();
    trainer(Resume::Path(path)).fit(&mut model, loader()).unwrap();
}

/// A state that does not fit leaves the model as it was, and names the callback.
#[test]
fn a_state_of_another_type_is_an_error_with_the_callback() {
    struct Text;
    impl<M> Callback<M> for Text {
        fn state_key(&self) -> String {
            "Shared".to_owned()
        }
        fn save_state(&self, state: &mut StateWriter) -> Result<()> {
            state.put("value", "a text")
        }
    }
    struct Number;
    impl<M> Callback<M> for Number {
        fn state_key(&self) -> String {
            "Shared".to_owned()
        }
        fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
            state.get("value", &mut 0_u64)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    let mut model = Remembering::new(RememberingHparams::default());
    let mut trainer = quiet(Remembering::trainer()).max_epochs(1).callback(Text).build().unwrap();
    trainer.fit(&mut model, loader()).unwrap();
    trainer.save_checkpoint(&model, &path).unwrap();
    let mut trainer = quiet(Remembering::trainer()).max_epochs(2).callback(Number).resume_from(&*path).build().unwrap();
    let text = trainer.fit(&mut model, loader()).unwrap_err().to_string();
    assert!(text.contains("`value`") && text.contains("Shared") && text.contains("a.ckpt"), "{text}");
}
