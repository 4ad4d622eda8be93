//! The whole path: an annotated struct is trained, validated, tested, asked for predictions, saved
//! and loaded.

use lightning_core::{prelude::*, trainer::StopReason};

use crate::support::*;

#[test]
fn a_struct_becomes_a_trained_model() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let train = batches(&[32; 20], 1);
    let val = batches(&[32, 32, 7], 2);
    let mut model = Net::new(NetHparams::default().with_lr(0.5));
    let mut trainer = Net::trainer()
        .max_epochs(8)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .logger(CsvLogger::new(folder.path()))
        .callback(EarlyStopping::new(Net::VAL_LOSS).patience(5))
        .callback(ModelCheckpoint::new(Net::VAL_ACC).save_top_k(2))
        .build()
        .unwrap();
    let report = trainer
        .fit(&mut model, (DataLoader::from_batches(train).unwrap(), DataLoader::from_batches(val.clone()).unwrap()))
        .unwrap();

    assert_eq!(report.stop_reason, StopReason::MaxEpochs);
    assert_eq!((report.current_epoch, report.global_step, report.batch_step), (8, 160, 160));
    assert_eq!(report.validation_runs, 8);
    let accuracy = report.metrics.get(Net::VAL_ACC).unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
    assert!(report.metrics["val_loss"] < 0.5);
    assert!(report.best_score(Net::VAL_ACC).unwrap() >= accuracy);

    let checkpoints = trainer.log_dir().join("checkpoints");
    let files: Vec<_> = std::fs::read_dir(checkpoints).unwrap().collect();
    assert_eq!(files.len(), 2, "the two best are kept: {files:?}");
    assert!(trainer.log_dir().join("metrics.csv").is_file());

    trainer.load_best(&mut model).unwrap();
    let validated = trainer.validate(&mut model, DataLoader::from_batches(val.clone()).unwrap()).unwrap();
    assert_eq!(validated.get(Net::VAL_ACC), report.best_score(Net::VAL_ACC), "the best weights give the best score");
    assert!(validated.weights.contains("best checkpoint"), "{}", validated.weights);

    let tested = trainer.test(&mut model, DataLoader::from_batches(val.clone()).unwrap()).unwrap();
    assert_eq!(tested["test_acc"], validated["val_acc"]);
    assert!(tested.to_string().contains("test_acc"));

    let predictions: Vec<Vec<i32>> =
        trainer.predict(&mut model, DataLoader::from_batches(val.clone()).unwrap()).unwrap();
    assert_eq!(predictions.iter().map(Vec::len).collect::<Vec<_>>(), [32, 32, 7]);

    let loaded = Net::load_from_checkpoint(report.best_checkpoint.unwrap()).unwrap();
    assert_eq!(bits(&loaded.weight()), bits(&model.weight()));
    assert_eq!(loaded.hparams(), NetHparams::default().with_lr(0.5));
}

#[test]
fn a_second_fit_goes_on() {
    seed_everything(1);
    let train = || DataLoader::from_batches(batches(&[16; 5], 1)).unwrap();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_steps(7).limit_val_batches(0).build().unwrap();
    let report = trainer.fit(&mut model, train()).unwrap();
    assert_eq!((report.global_step, report.current_epoch), (7, 2));
    assert_eq!(report.stop_reason, StopReason::MaxSteps);
    let report = trainer.fit(&mut model, train()).unwrap();
    assert_eq!(report.global_step, 7, "there is nothing left to do");
    let mut trainer = Net::quiet().max_epochs(0).build().unwrap();
    let report = trainer.fit(&mut model, (train(), train())).unwrap();
    assert_eq!((report.stop_reason, report.batch_step), (StopReason::MaxEpochs, 0));
}

#[test]
fn fast_dev_run_tries_everything_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let loader = || DataLoader::from_batches(batches(&[16; 9], 1)).unwrap();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::trainer()
        .fast_dev_run(4)
        .max_epochs(100)
        .default_root_dir(folder.path())
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .callback(ModelCheckpoint::new(Net::VAL_ACC).dirpath(folder.path()))
        .build();
    // A checkpoint callback is fine in a dev run: it stays quiet.
    let trainer = trainer.as_mut().unwrap();
    let report = trainer.fit(&mut model, (loader(), loader())).unwrap();
    assert_eq!((report.global_step, report.current_epoch), (4, 1));
    assert_eq!(trainer.test(&mut model, loader()).unwrap().batches, 4);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn limits_are_batches_or_fractions() {
    seed_everything(1);
    let loader = || DataLoader::from_batches(batches(&[4; 10], 1)).unwrap();
    let steps = |trainer: lightning_core::trainer::TrainerBuilder<Net>| {
        let mut model = Net::new(NetHparams::default());
        trainer.max_epochs(1).limit_val_batches(0).build().unwrap().fit(&mut model, loader()).unwrap().global_step
    };
    assert_eq!(steps(Net::quiet().limit_train_batches(3)), 3);
    assert_eq!(steps(Net::quiet().limit_train_batches(0.25)), 2);
    assert_eq!(steps(Net::quiet().limit_train_batches(99)), 10);
    assert_eq!(steps(Net::quiet()), 10);
}

#[test]
fn several_validation_loaders_have_names() {
    seed_everything(1);
    let loader = |seed| DataLoader::from_batches(batches(&[8; 2], seed)).unwrap();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_epochs(1).build().unwrap();
    let report = trainer.fit(&mut model, (loader(1), [loader(2), loader(3)])).unwrap();
    assert!(report.metrics.get(Net::VAL_ACC.loader(0)).is_some());
    assert!(report.metrics.get(Net::VAL_ACC.loader(1)).is_some());
    assert!(report.metrics.get(Net::VAL_ACC).is_none());
    let report = trainer.validate(&mut model, [("clean", loader(2)), ("noisy", loader(3))]).unwrap();
    assert!(report.metrics.value("val_acc/clean").is_some());
    assert!(report.metrics.get(Net::VAL_LOSS.loader("noisy")).is_some());
}

#[test]
fn every_entry_point_leaves_the_model_in_evaluation_form() {
    seed_everything(1);
    let loader = || DataLoader::from_batches(batches(&[8; 2], 1)).unwrap();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_epochs(1).build().unwrap();
    trainer.fit(&mut model, (loader(), loader())).unwrap();
    assert!(!model.is_training());
    trainer.validate(&mut model, loader()).unwrap();
    assert!(!model.is_training());
    // A dataset that fails in the middle.
    let broken = DataLoader::builder(vec![0, 1, 2])
        .collate(
            |items: Vec<i32>| {
                if items[0] == 2 { Err("item 2 is broken".into()) } else { Ok(batches(&[8], 1).remove(0)) }
            },
        )
        .build()
        .unwrap();
    let mut trainer = Net::quiet().max_epochs(1).limit_val_batches(0).build().unwrap();
    let error = trainer.fit(&mut model, broken).unwrap_err();
    assert!(error.to_string().contains("item 2 is broken"), "{error}");
    assert_eq!(trainer.global_step(), 2);
    assert!(!model.is_training());
}
