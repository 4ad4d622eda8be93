//! Where a resumed run begins, what it says and what it leaves behind.

use std::{fs, path::Path};

use lightning_core::{
    ErrorKind,
    callbacks::TopK,
    prelude::*,
    trainer::{StopReason, TrainerBuilder},
};

use crate::support::{Ledger, Net, NetHparams, Rows, batches, bits, quiet};

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![8; count], 1)).unwrap()
}

/// Writes down which batches a step has seen.
#[derive(Clone, Default)]
struct Seen(Ledger);

impl<M> Callback<M> for Seen {
    fn on_train_batch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.add(cx.batch_idx().to_string());
        Ok(())
    }
}

/// R2
#[test]
fn r2_a_resumed_run_sees_the_batches_that_follow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    let seen = Seen::default();
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_steps(2).limit_val_batches(0).callback(seen.clone()).build().unwrap();
    trainer.fit(&mut model, loader(10)).unwrap();
    trainer.save_checkpoint(&model, &path).unwrap();
    assert_eq!(seen.0.take(), ["0", "1"]);
    let mut model = Net::new(NetHparams::default());
    let mut trainer =
        Net::quiet().max_steps(4).limit_val_batches(0).callback(seen.clone()).resume_from(path).build().unwrap();
    let report = trainer.fit(&mut model, loader(10)).unwrap();
    assert_eq!(seen.0.take(), ["2", "3"]);
    assert_eq!((report.stop_reason, report.global_step), (StopReason::MaxSteps, 4));
    assert_eq!(report.differences, ["the setting `max_steps` was 2 when the checkpoint was written and is 4 now"]);
}

/// R1: with rows that differ, so that a batch repeated or left out would be seen.
#[test]
fn r1_every_two_steps_resumed_from_the_first() {
    for interval in [None, Some(2)] {
        let folder = tempfile::tempdir().unwrap();
        let run = |name: &str, resume: Resume| {
            seed_everything(1);
            let mut model = Net::new(NetHparams::default());
            let saved = folder.path().join(name);
            let mut builder =
                quiet(Net::trainer()).enable_checkpointing(true).max_epochs(4).resume_from(resume).callback(
                    ModelCheckpoint::latest().every(callbacks::Steps(2)).save_top_k(TopK::All).dirpath(&saved),
                );
            if let Some(interval) = interval {
                builder = builder.val_check_interval(interval);
            }
            let report = builder.build().unwrap().fit(&mut model, (loader(4), loader(2))).unwrap();
            (report, saved)
        };
        let (whole, first) = run("first", Resume::Never);
        let (resumed, second) = run("second", Resume::Path(first.join("epoch=0-step=2.ckpt")));
        assert_eq!((whole.current_epoch, whole.global_step), (4, 16));
        assert_eq!((resumed.current_epoch, resumed.global_step), (4, 16));
        assert_eq!(whole.metrics, resumed.metrics);
        for step in [4, 6, 8, 10, 12, 14, 16] {
            let name = format!("epoch={}-step={step}.ckpt", (step - 1) / 4);
            let weights = |folder: &Path| Net::load_from_checkpoint(folder.join(&name)).unwrap().parameters();
            assert_eq!(bits(&weights(&first)), bits(&weights(&second)), "{name}");
        }
    }
}

/// Writes down every hook of a callback that a resumed run could get wrong.
#[derive(Clone, Default)]
struct Hooks(Ledger);

macro_rules! hooks {
    ($($hook:ident),* $(,)?) => {
        impl<M> Callback<M> for Hooks {
            $(fn $hook(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
                self.0.add(stringify!($hook));
                Ok(())
            })*
        }
    };
}

hooks!(
    setup,
    teardown,
    on_load_checkpoint,
    on_save_checkpoint,
    on_fit_start,
    on_fit_end,
    on_sanity_check_start,
    on_train_start,
    on_train_end,
    on_train_epoch_start,
    on_train_epoch_end,
    on_train_batch_start,
    on_train_batch_end,
    on_validation_start,
    on_validation_end,
);

/// R4
#[test]
fn r4_the_hooks_of_a_resumed_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = |epochs: usize, resume: Resume| {
        seed_everything(1);
        let hooks = Hooks::default();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = quiet(Net::trainer())
            .enable_checkpointing(true)
            .max_epochs(epochs)
            .limit_val_batches(0)
            .resume_from(resume)
            .callback(hooks.clone())
            .callback(ModelCheckpoint::latest().dirpath(folder.path()))
            .build()
            .unwrap();
        (trainer.fit(&mut model, loader(2)).unwrap(), hooks.0.take())
    };
    run(1, Resume::Never);
    let (report, hooks) = run(2, Resume::Path(folder.path().join("epoch=0-step=2.ckpt")));
    assert_eq!(
        hooks,
        [
            "setup",
            "on_load_checkpoint",
            "on_fit_start",
            "on_train_start",
            "on_train_epoch_start",
            "on_train_batch_start",
            "on_train_batch_end",
            "on_train_batch_start",
            "on_train_batch_end",
            "on_train_epoch_end",
            "on_save_checkpoint",
            "on_train_end",
            "on_fit_end",
            "teardown",
        ]
    );
    let saved = lightning_core::checkpoint::inspect(folder.path().join("epoch=1-step=4.ckpt")).unwrap();
    assert_eq!((saved.metadata.epoch, saved.metadata.global_step), (1, 4));
    assert_eq!(report.current_epoch, 2);
}

/// R5
#[test]
fn r5_one_more_epoch_is_one_more_validation() {
    let folder = tempfile::tempdir().unwrap();
    let run = |epochs: usize, resume: Resume| {
        let hooks = Hooks::default();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = Net::trainer()
            .default_root_dir(folder.path())
            .enable_progress_bar(false)
            .enable_model_summary(false)
            .max_epochs(epochs)
            .limit_val_batches(1)
            .resume_from(resume)
            .callback(hooks.clone())
            .build()
            .unwrap();
        trainer.fit(&mut model, (loader(2), loader(2))).unwrap();
        hooks.0.take().iter().filter(|hook| *hook == "on_validation_start").count()
    };
    seed_everything(1);
    // The sanity check is one of the two.
    assert_eq!(run(1, Resume::Never), 2);
    assert_eq!(run(2, Resume::Last), 1);
}

#[test]
fn last_without_a_checkpoint_lists_where_it_looked_and_last_or_start_begins() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = |resume| {
        Net::trainer()
            .default_root_dir(folder.path())
            .enable_progress_bar(false)
            .enable_model_summary(false)
            .max_epochs(1)
            .limit_val_batches(0)
            .callback(ModelCheckpoint::<Net>::latest().dirpath(folder.path().join("own")))
            .resume_from(resume)
            .build()
            .unwrap()
    };
    let mut model = Net::new(NetHparams::default());
    let error = trainer(Resume::Last).fit(&mut model, loader(2)).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    for searched in ["own", "checkpoints"] {
        assert!(text.contains(&*folder.path().join(searched).to_string_lossy()), "{text}");
    }
    let report = trainer(Resume::LastOrStart).fit(&mut model, loader(2)).unwrap();
    assert_eq!((report.resumed_from, report.global_step), (None, 2));
    let report = trainer(Resume::LastOrStart).fit(&mut model, loader(2)).unwrap();
    assert_eq!((report.resumed_from, report.global_step), (Some(folder.path().join("own/epoch=0-step=2.ckpt")), 2));
}

fn logged<M>(builder: TrainerBuilder<M>, root: &Path) -> TrainerBuilder<M> {
    builder.default_root_dir(root).enable_progress_bar(false).enable_model_summary(false).log_every_n_steps(1)
}

/// The run goes on in its version, and its log has each row once.
#[test]
fn the_log_goes_on_where_the_checkpoint_was_taken() {
    let whole = tempfile::tempdir().unwrap();
    let parts = tempfile::tempdir().unwrap();
    let run = |root: &Path, epochs: usize, resume: Resume, elsewhere: Option<&Path>| {
        seed_everything(3);
        let mut checkpoint = ModelCheckpoint::new(Net::VAL_LOSS).every(callbacks::Steps(3)).save_top_k(2);
        if let Some(folder) = elsewhere {
            checkpoint = checkpoint.dirpath(folder);
        }
        let mut model = Net::new(NetHparams::default());
        let builder = logged(Net::trainer(), root).max_epochs(epochs).val_check_interval(2).callback(checkpoint);
        let mut trainer = builder.resume_from(resume).build().unwrap();
        trainer.fit(&mut model, (loader(5), loader(2))).unwrap()
    };
    let metrics = |root: &Path| fs::read_to_string(root.join("lightning_logs/version_0/metrics.csv")).unwrap();
    run(whole.path(), 3, Resume::Never, None);
    // The first part ends before the second's checkpoint was due: rows after it are cut, and come
    // again.
    run(parts.path(), 2, Resume::Never, None);
    let report = run(parts.path(), 3, Resume::Last, None);
    assert!(report.resumed_from.unwrap().starts_with(parts.path().join("lightning_logs/version_0/checkpoints")));
    assert_eq!(metrics(parts.path()), metrics(whole.path()));
    assert!(!parts.path().join("lightning_logs/version_1").exists());

    // With the checkpoints in a folder of their own, the run's folder knows which they are.
    let split = tempfile::tempdir().unwrap();
    let own = split.path().join("own");
    run(split.path(), 2, Resume::Never, Some(&own));
    run(split.path(), 3, Resume::Last, Some(&own));
    assert_eq!(metrics(split.path()), metrics(whole.path()));
    assert!(!split.path().join("lightning_logs/version_1").exists());
}

#[test]
fn best_is_the_best_of_the_last_run() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = |epochs: usize, resume: Resume| {
        let checkpoint = ModelCheckpoint::new(Net::VAL_LOSS).save_last(true);
        logged(Net::trainer(), folder.path())
            .max_epochs(epochs)
            .callback(checkpoint)
            .resume_from(resume)
            .build()
            .unwrap()
    };
    seed_everything(1);
    let mut model = Net::new(NetHparams::default().with_lr(3.0));
    let mut first = trainer(6, Resume::Never);
    let report = first.fit(&mut model, (loader(3), loader(2))).unwrap();
    let best = report.best_checkpoint.unwrap();
    let mut model = Net::new(NetHparams::default().with_lr(3.0));
    let report = trainer(6, Resume::Best).fit(&mut model, (loader(3), loader(2))).unwrap();
    assert_eq!(report.resumed_from, Some(best));
}

/// A run that goes back to an earlier checkpoint leaves later ones behind: they are not its last.
#[test]
fn a_branch_does_not_take_the_trunk_for_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = |epochs: usize, resume: Resume| {
        let checkpoint = ModelCheckpoint::<Net>::latest().save_top_k(TopK::All);
        logged(Net::trainer(), folder.path())
            .max_epochs(epochs)
            .limit_val_batches(0)
            .callback(checkpoint)
            .resume_from(resume)
            .build()
            .unwrap()
    };
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let saved = folder.path().join("lightning_logs/version_0/checkpoints");
    trainer(5, Resume::Never).fit(&mut model, loader(2)).unwrap();
    let report = trainer(2, Resume::Path(saved.join("epoch=0-step=2.ckpt"))).fit(&mut model, loader(2)).unwrap();
    assert!(report.warnings.iter().any(|warning| warning.contains("epoch=4-step=10.ckpt")), "{:?}", report.warnings);
    let report = trainer(3, Resume::Last).fit(&mut model, loader(2)).unwrap();
    assert_eq!(report.resumed_from, Some(saved.join("epoch=1-step=4-v1.ckpt")));
    assert_eq!(report.global_step, 6);
}
