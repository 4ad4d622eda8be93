//! Data modules: their hooks, hyperparameters and state.

use lightning_core::{StateReader, StateWriter, data::DataModule, prelude::*};
use serde_json::{Value, json};

use crate::support::*;

#[data_module]
pub struct Prepared {
    #[hparam(default = 4)]
    batch_size: usize,
    #[hparam(default = 0.1)]
    lr: f64,
    #[state]
    epochs_prepared: u32,
    #[state(skip)]
    ledger: Ledger,
}

#[data_module]
impl Prepared {
    fn prepare_data(&mut self) {
        self.epochs_prepared += 1;
        self.ledger.add("prepare_data");
    }

    fn setup(&mut self, stage: Stage) {
        self.ledger.add(format!("setup {stage}"));
    }

    fn teardown(&mut self, stage: Stage) {
        self.ledger.add(format!("teardown {stage}"));
    }

    fn train_dataloader(&self) -> Vec<Rows> {
        self.ledger.add("train_dataloader");
        batches(&[4, 4], 1)
    }

    fn val_dataloader(&self) -> Vec<Rows> {
        self.ledger.add("val_dataloader");
        batches(&[self.batch_size], 2)
    }

    fn test_dataloader(&self) -> Vec<Rows> {
        self.ledger.add("test_dataloader");
        batches(&[4], 3)
    }

    fn predict_dataloader(&self) -> Vec<Rows> {
        self.ledger.add("predict_dataloader");
        batches(&[4], 4)
    }
}

/// The data module's part of row H5.
#[test]
fn every_entry_point_prepares_once_and_tears_down() {
    let mut data = Prepared::new(PreparedHparams::default());
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_epochs(1).build().unwrap();
    let ledger = data.ledger.clone();
    trainer.fit(&mut model, &mut data).unwrap();
    assert_eq!(ledger.take(), ["prepare_data", "setup fit", "val_dataloader", "train_dataloader", "teardown fit"]);
    trainer.validate(&mut model, &mut data).unwrap();
    assert_eq!(ledger.take(), ["prepare_data", "setup validate", "val_dataloader", "teardown validate"]);
    trainer.test(&mut model, &mut data).unwrap();
    assert_eq!(ledger.take(), ["prepare_data", "setup test", "test_dataloader", "teardown test"]);
    trainer.predict(&mut model, &mut data).unwrap();
    assert_eq!(ledger.take(), ["prepare_data", "setup predict", "predict_dataloader", "teardown predict"]);
}

fn written_hparams(data: PreparedHparams) -> Result<Value> {
    let folder = tempfile::tempdir().unwrap();
    let mut data = Prepared::new(data);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::trainer()
        .max_epochs(1)
        .logger(CsvLogger::new(folder.path()))
        .enable_checkpointing(false)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .build()
        .unwrap();
    trainer.fit(&mut model, &mut data)?;
    let text = std::fs::read_to_string(trainer.log_dir().join("hparams.json")).unwrap();
    Ok(serde_json::from_str(&text).unwrap())
}

#[test]
fn hyperparameters_of_module_and_data_are_written_together() {
    assert_eq!(written_hparams(PreparedHparams::default()).unwrap(), json!({"lr": 0.1, "batch_size": 4}));
    let error = written_hparams(PreparedHparams::default().with_lr(0.2)).unwrap_err();
    assert_eq!(
        error.message(),
        "the hyperparameter `lr` must be equal in the module and the data module, found 0.1 and 0.2"
    );
}

#[test]
fn state_goes_into_a_checkpoint_and_back() {
    let mut data = Prepared::new(PreparedHparams::default());
    data.epochs_prepared = 7;
    let mut state = StateWriter::default();
    data.save_state(&mut state).unwrap();
    let stored = state.finish();
    assert_eq!(stored, json!({"epochs_prepared": 7}));
    let mut restored = Prepared::new(PreparedHparams::default());
    restored.load_state(&StateReader::new(&stored)).unwrap();
    assert_eq!(restored.epochs_prepared, 7);
    let wrong = json!({"epochs_prepared": "seven"});
    let error = restored.load_state(&StateReader::new(&wrong)).unwrap_err();
    assert_eq!(error.message(), "the stored state field `epochs_prepared` has another type");
    assert_eq!(data.hparams_value().unwrap(), json!({"batch_size": 4, "lr": 0.1}));
}
