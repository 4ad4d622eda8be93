//! `ModelCheckpoint`: which files are there, and when; the rows MC of the behaviour cases.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    ErrorKind, FitReport, MetricKey, callbacks::TopK, checkpoint::inspect, prelude::*, schedulers::StepDecay,
    trainer::TrainerBuilder,
};

use crate::support::{Net, NetHparams, Rows, batches, bits, quiet};

/// A module whose validation loss is what a list says, one value a validation.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Scripted {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    script: Vec<f64>,
    #[state]
    validations: usize,
}

#[lightning_module]
impl Scripted {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        train_loss
    }
    fn validation_step(&self, _batch: Rows) {
        #[log(minimize)]
        let val_loss = self.script.get(self.validations).copied().unwrap_or(f64::NAN);
        #[log(maximize)]
        let val_gain = -val_loss;
    }
    fn on_validation_end(&mut self, cx: &mut HookContext) {
        if !cx.is_sanity_checking() {
            self.validations += 1;
        }
    }
}

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![2; count], 1)).unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// The epochs in the names of files, and `last`.
fn epochs(folder: &Path) -> String {
    let mut found: Vec<String> = names(folder)
        .into_iter()
        .map(|name| {
            let name = name.strip_suffix(".ckpt").unwrap().to_owned();
            name.strip_prefix("epoch=").and_then(|rest| rest.split('-').next()).map_or(name.clone(), str::to_owned)
        })
        .collect();
    found.sort();
    found.join(" ")
}

struct Setup {
    script: Vec<f64>,
    epochs: usize,
    train: usize,
    val: usize,
}

impl Setup {
    fn epochs(epochs: usize) -> Self {
        Self { script: Vec::new(), epochs, train: 2, val: 1 }
    }

    fn run(
        self,
        folder: &Path,
        checkpoint: ModelCheckpoint<Scripted>,
        settings: impl FnOnce(TrainerBuilder<Scripted>) -> TrainerBuilder<Scripted>,
    ) -> Result<FitReport<Scripted>> {
        let Self { script, epochs, train, val } = self;
        seed_everything(1);
        let mut model = Scripted::new(ScriptedHparams::default());
        model.script = script;
        let builder = quiet(Scripted::trainer()).enable_checkpointing(true).max_epochs(epochs);
        let mut trainer = settings(builder.callback(checkpoint.dirpath(folder))).build()?;
        match val {
            0 => trainer.fit(&mut model, (loader(train), Vec::<DataLoader<Rows>>::new())),
            val => trainer.fit(&mut model, (loader(train), loader(val))),
        }
    }
}

fn plain(builder: TrainerBuilder<Scripted>) -> TrainerBuilder<Scripted> {
    builder
}

#[test]
fn mc1_the_best_of_five() {
    for (top_k, last, expected) in [
        (TopK::All, false, "0 1 2 3 4"),
        (TopK::Best(1), false, "4"),
        (TopK::Best(2), false, "2 4"),
        (TopK::Best(3), false, "2 3 4"),
        (TopK::Best(4), false, "1 2 3 4"),
        (TopK::Best(1), true, "4 last"),
    ] {
        for gain in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let checkpoint =
                if gain { ModelCheckpoint::new(Scripted::VAL_GAIN) } else { ModelCheckpoint::new(Scripted::VAL_LOSS) };
            let setup = Setup { script: vec![10.0, 9.0, 2.8, 5.0, 2.5], ..Setup::epochs(5) };
            let report = setup.run(folder.path(), checkpoint.save_top_k(top_k).save_last(last), plain).unwrap();
            assert_eq!(epochs(folder.path()), expected, "{top_k:?}");
            assert_eq!(report.best_checkpoint, Some(folder.path().join("epoch=4-step=10.ckpt")));
        }
    }
}

/// The last is the last, whether it is among the best or not. PyTorch Lightning's would stay
/// behind.
#[test]
fn the_last_is_kept_beside_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { script: vec![3.0, 1.0, 2.0, 5.0], ..Setup::epochs(4) };
    let checkpoint = ModelCheckpoint::new(Scripted::VAL_LOSS).save_last(true);
    let report = setup.run(folder.path(), checkpoint, plain).unwrap();
    assert_eq!(names(folder.path()), set(["epoch=1-step=4.ckpt", "epoch=3-step=8.ckpt", "last.ckpt"]));
    assert_eq!(report.best_checkpoint, Some(folder.path().join("epoch=1-step=4.ckpt")));
    let last = inspect(folder.path().join("last.ckpt")).unwrap();
    assert_eq!(last.path, folder.path().join("epoch=3-step=8.ckpt"));
    assert_eq!(last.metadata.epoch, 3);
    assert!(std::fs::metadata(folder.path().join("last.ckpt")).unwrap().len() < 64, "a pointer, and no second copy");
}

#[test]
fn ties_keep_the_older_and_of_equal_worst_ones_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { script: vec![2.0, 2.0, 2.0, 1.0], ..Setup::epochs(4) };
    setup.run(folder.path(), ModelCheckpoint::new(Scripted::VAL_LOSS).save_top_k(2), plain).unwrap();
    assert_eq!(epochs(folder.path()), "1 3");
}

#[test]
fn mc2_how_often_by_default() {
    for (max_epochs, interval, saves) in [(1, 1.0, 1), (2, 1.0, 2), (1, 0.25, 4), (2, 0.3, 6)] {
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup { train: 64, ..Setup::epochs(max_epochs) };
        let checkpoint = ModelCheckpoint::latest().save_top_k(TopK::All);
        setup.run(folder.path(), checkpoint, |builder| builder.val_check_interval(interval)).unwrap();
        assert_eq!(names(folder.path()).len(), saves, "{max_epochs} epochs, {interval}");
    }
}

#[test]
fn mc4_every_n_epochs() {
    for (every, expected) in [(0, ""), (1, "0 1 2 3 4"), (2, "1 3"), (3, "2")] {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = ModelCheckpoint::latest().save_top_k(TopK::All).every_n_epochs(every);
        Setup::epochs(5).run(folder.path(), checkpoint, plain).unwrap();
        assert_eq!(epochs(folder.path()), expected, "every {every}");
    }
}

/// The names of PyTorch Lightning are those of `every`.
#[test]
fn mc4_one_setting_for_three() {
    type Setting = fn(ModelCheckpoint<Scripted>) -> ModelCheckpoint<Scripted>;
    let pairs: [(Setting, Setting); 3] = [
        (|given| given.every(callbacks::Epochs(2)), |given| given.every_n_epochs(2)),
        (|given| given.every(callbacks::Steps(3)), |given| given.every_n_train_steps(3)),
        (|given| given.every(callbacks::CheckpointInterval::Never), |given| given.every_n_epochs(0)),
    ];
    for (new, old) in pairs {
        let [new, old] = [new, old].map(|setting| {
            let folder = tempfile::tempdir().unwrap();
            let checkpoint = setting(ModelCheckpoint::latest().save_top_k(TopK::All));
            Setup::epochs(4).run(folder.path(), checkpoint, plain).unwrap();
            names(folder.path())
        });
        assert_eq!(new, old);
    }
}

#[test]
fn mc5_every_n_steps() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = ModelCheckpoint::latest().save_top_k(TopK::All).every(callbacks::Steps(16)).filename("{step}");
    Setup { train: 64, ..Setup::epochs(2) }.run(folder.path(), checkpoint, plain).unwrap();
    let expected: BTreeSet<String> = (1..=8).map(|n| format!("step={}.ckpt", n * 16)).collect();
    assert_eq!(names(folder.path()), expected);
}

/// What PyTorch Lightning's `_last_global_step_saved`, 0 at first, is for: batches before the first
/// optimizer step save nothing.
#[test]
fn mc5_no_step_is_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = ModelCheckpoint::latest().save_top_k(TopK::All).every(callbacks::Steps(2)).filename("{step}");
    let mut trainer = quiet(Scripted::trainer())
        .enable_checkpointing(true)
        .max_epochs(1)
        .limit_val_batches(0)
        .accumulate_grad_batches(3)
        .callback(checkpoint.dirpath(folder.path()))
        .build()
        .unwrap();
    trainer.fit(&mut Scripted::new(ScriptedHparams::default()), loader(14)).unwrap();
    assert_eq!(names(folder.path()), set(["step=2.ckpt", "step=4.ckpt"]));
}

#[test]
fn mc6_by_time() {
    /// Each look at the clock is seven seconds after the one before.
    fn clock() -> Duration {
        static LOOKS: AtomicU64 = AtomicU64::new(0);
        Duration::from_secs(7 * LOOKS.fetch_add(1, Ordering::Relaxed))
    }
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = ModelCheckpoint::latest().save_top_k(TopK::All).every(Duration::from_secs(60)).clock(clock);
    Setup { train: 64, ..Setup::epochs(2) }.run(folder.path(), checkpoint, plain).unwrap();
    assert_eq!(names(folder.path()).len(), 14);
}

#[test]
fn mc8_after_each_validation() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = ModelCheckpoint::latest().save_top_k(TopK::All);
    let setup = Setup { train: 10, ..Setup::epochs(1) };
    setup.run(folder.path(), checkpoint, |builder| builder.val_check_interval(0.2)).unwrap();
    let expected: BTreeSet<String> = [2, 4, 6, 8, 10].map(|step| format!("epoch=0-step={step}.ckpt")).into();
    assert_eq!(names(folder.path()), expected);
}

#[test]
fn mc10_a_nan_is_the_worst_there_is() {
    for (checkpoint, worst) in [
        (ModelCheckpoint::new(Scripted::VAL_LOSS), f64::INFINITY),
        (ModelCheckpoint::new(Scripted::VAL_GAIN), f64::NEG_INFINITY),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Scripted::new(ScriptedHparams::default());
        let builder = quiet(Scripted::trainer()).enable_checkpointing(true).max_epochs(1);
        let mut trainer = builder.callback(checkpoint.dirpath(folder.path())).build().unwrap();
        trainer.fit(&mut model, (loader(2), loader(1))).unwrap();
        assert_eq!(trainer.best_model_score(), Some(worst));
        assert_eq!(epochs(folder.path()), "0");
    }
}

#[test]
fn mc12_the_last_alone() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = || ModelCheckpoint::latest().save_top_k(0).save_last(true);
    Setup::epochs(2).run(folder.path(), checkpoint(), plain).unwrap();
    assert_eq!(names(folder.path()), set(["last.ckpt"]));
    assert_eq!(inspect(folder.path().join("last.ckpt")).unwrap().metadata.epoch, 1);
    Setup::epochs(2).run(folder.path(), checkpoint(), plain).unwrap();
    assert_eq!(names(folder.path()), set(["last.ckpt", "last-v1.ckpt"]));
}

#[test]
fn mc13_every_second_epoch_is_validated() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = ModelCheckpoint::latest().save_top_k(TopK::All);
    Setup::epochs(5).run(folder.path(), checkpoint, |builder| builder.check_val_every_n_epoch(2)).unwrap();
    assert_eq!(epochs(folder.path()), "1 3");
}

#[test]
fn mc15_the_steps_themselves_as_metric() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = ModelCheckpoint::new(MetricKey::<Scripted>::named("step").maximize())
        .every(callbacks::Steps(1))
        .save_top_k(2)
        .save_last(true)
        .filename("{step}");
    Setup { train: 3, ..Setup::epochs(1) }.run(folder.path(), checkpoint, plain).unwrap();
    assert_eq!(names(folder.path()), set(["last.ckpt", "step=2.ckpt", "step=3.ckpt"]));
}

#[test]
fn mc17_the_end_of_training_is_saved_when_nothing_was() {
    for every in [0, 5] {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = ModelCheckpoint::latest().save_top_k(0).save_last(true).every_n_epochs(every);
        Setup::epochs(2).run(folder.path(), checkpoint, plain).unwrap();
        assert_eq!(names(folder.path()), set(["last.ckpt"]));
        assert_eq!(inspect(folder.path().join("last.ckpt")).unwrap().metadata.global_step, 4);
    }
}

/// Two files that may be the last: the one written later is.
#[test]
fn mc19_candidates_for_the_last() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log.txt"), "nothing").unwrap();
    let checkpoint = || ModelCheckpoint::latest().save_top_k(0).save_last(true);
    for (name, max_epochs) in [("last-v0.ckpt", 1), ("last-v1.ckpt", 2)] {
        Setup::epochs(max_epochs).run(folder.path(), checkpoint(), plain).unwrap();
        std::fs::rename(folder.path().join("last.ckpt"), folder.path().join(name)).unwrap();
    }
    let report =
        Setup::epochs(3).run(folder.path(), checkpoint(), |builder| builder.resume_from(Resume::Last)).unwrap();
    assert_eq!(report.resumed_from, Some(folder.path().join("last-v1.ckpt")));
}

#[test]
fn mc22_settings_that_cannot_work() {
    let build = |checkpoint: ModelCheckpoint<Scripted>| {
        let error = quiet(Scripted::trainer()).enable_checkpointing(true).callback(checkpoint).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    };
    let text = build(ModelCheckpoint::latest().save_top_k(3));
    assert!(text.contains("`save_top_k(3)`") && text.contains("without a monitored metric"), "{text}");
    for two in [
        ModelCheckpoint::latest().every_n_epochs(1).every_n_train_steps(5),
        ModelCheckpoint::latest().every(callbacks::Epochs(1)).every_n_train_steps(5),
    ] {
        let text = build(two);
        assert!(text.contains("must have one trigger") && text.contains("every_n_train_steps(5)"), "{text}");
    }
    for (zero, found) in [
        (ModelCheckpoint::latest().every(callbacks::Steps(0)), "every(Steps(0))"),
        (ModelCheckpoint::latest().every(callbacks::Epochs(0)), "every(Epochs(0))"),
        (ModelCheckpoint::latest().every(Duration::ZERO), "every(0ns)"),
    ] {
        let text = build(zero);
        assert!(text.contains(&format!("must be greater than 0, found `{found}`")), "{text}");
    }
    let text = build(ModelCheckpoint::latest().filename("{val/loss:.2f}"));
    assert!(text.contains("auto_insert_metric_name(false)"), "{text}");
    let text = build(ModelCheckpoint::latest().filename("{epoch"));
    assert!(text.contains("brace"), "{text}");
}

#[test]
fn names_show_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { script: vec![0.126], ..Setup::epochs(1) };
    let checkpoint = ModelCheckpoint::new(Scripted::VAL_LOSS).filename("{epoch:03d}-{val_loss:.2f}");
    setup.run(folder.path(), checkpoint, plain).unwrap();
    assert_eq!(names(folder.path()), set(["epoch=000-val_loss=0.13.ckpt"]));
}

/// A fixed name is used again for the file that takes the old one's place; other people's files
/// keep theirs.
#[test]
fn a_fixed_name_stays() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("best.ckpt"), "somebody else's").unwrap();
    let setup = || Setup { script: vec![3.0, 2.0, 1.0], ..Setup::epochs(3) };
    let checkpoint = || ModelCheckpoint::new(Scripted::VAL_LOSS).filename("best");
    setup().run(folder.path(), checkpoint(), plain).unwrap();
    assert_eq!(names(folder.path()), set(["best.ckpt", "best-v1.ckpt"]));
    assert_eq!(std::fs::read(folder.path().join("best.ckpt")).unwrap(), b"somebody else's");
    setup().run(folder.path(), checkpoint().enable_version_counter(false), plain).unwrap();
    assert_eq!(inspect(folder.path().join("best.ckpt")).unwrap().metadata.epoch, 2);
}

/// A step whose validation follows waits for its value.
#[test]
fn a_step_waits_for_the_validation_that_follows() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { script: vec![5.0, 4.0, 3.0, 2.0], train: 4, ..Setup::epochs(2) };
    let checkpoint = ModelCheckpoint::new(Scripted::VAL_LOSS)
        .every(callbacks::Steps(2))
        .save_top_k(TopK::All)
        .filename("{step}-{val_loss}");
    setup.run(folder.path(), checkpoint, |builder| builder.val_check_interval(2)).unwrap();
    assert_eq!(
        names(folder.path()),
        set(["step=2-val_loss=5.ckpt", "step=4-val_loss=4.ckpt", "step=6-val_loss=3.ckpt", "step=8-val_loss=2.ckpt"])
    );
}

#[test]
fn two_of_them_in_one_folder_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { script: vec![1.0, 2.0], ..Setup::epochs(2) };
    let latest = ModelCheckpoint::latest().dirpath(folder.path());
    setup.run(folder.path(), ModelCheckpoint::new(Scripted::VAL_LOSS), |builder| builder.callback(latest)).unwrap();
    assert_eq!(names(folder.path()), set(["epoch=0-step=2.ckpt", "epoch=1-step=4.ckpt"]));
}

#[test]
fn weights_alone_are_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let weights = ModelCheckpoint::latest().save_weights_only(true);
    Setup::epochs(1).run(folder.path(), weights, plain).unwrap();
    let path = folder.path().join("epoch=0-step=2.ckpt");
    let inspected = inspect(&path).unwrap();
    assert!(inspected.metadata.run.is_none());
    assert!(inspected.tensors.iter().all(|tensor| tensor.name.starts_with("model.")), "{inspected}");
    let model = Scripted::load_from_checkpoint(&path).unwrap();
    assert_eq!(model.validations, 1);
    let error = Setup::epochs(2)
        .run(folder.path(), ModelCheckpoint::latest(), |builder| builder.resume_from(path))
        .unwrap_err();
    assert!(error.to_string().contains("contains only weights"), "{error}");
}

/// A resumed callback goes on as if it had not been interrupted.
#[test]
fn top_k_goes_on_over_a_resume() {
    let script = vec![3.0, 1.0, 2.0, 4.0, 0.5, 2.5];
    let run = |folder: &Path, epochs: usize, resume: Resume| {
        let setup = Setup { script: script.clone(), ..Setup::epochs(epochs) };
        let checkpoint = ModelCheckpoint::new(Scripted::VAL_LOSS).save_top_k(2).save_last(true);
        setup.run(folder, checkpoint, |builder| builder.resume_from(resume)).unwrap()
    };
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = run(whole.path(), 6, Resume::Never);
    for epochs in 1..=6 {
        run(parts.path(), epochs, Resume::LastOrStart);
    }
    assert_eq!(names(parts.path()), names(whole.path()));
    let best = parts.path().join("epoch=4-step=10.ckpt");
    assert_eq!(expected.best_checkpoint.unwrap().file_name(), best.file_name());
    let again = run(parts.path(), 6, Resume::Last);
    assert_eq!(again.best_checkpoint, Some(best));
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = StepDecay::new(0.1, 1).gamma(0.5), interval = epoch)]
struct Decaying {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Decaying {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

/// MC21
#[test]
fn mc21_a_schedule_has_stepped_before_the_checkpoint_of_its_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Decaying::new(DecayingHparams::default());
    let mut trainer = quiet(Decaying::trainer())
        .enable_checkpointing(true)
        .max_epochs(3)
        .callback(ModelCheckpoint::latest().save_top_k(TopK::All).dirpath(folder.path()))
        .build()
        .unwrap();
    trainer.fit(&mut model, loader(2)).unwrap();
    for (epoch, rate) in [(0, 0.05), (1, 0.025), (2, 0.0125)] {
        let path = folder.path().join(format!("epoch={epoch}-step={}.ckpt", 2 * (epoch + 1)));
        let metadata = serde_json::to_value(inspect(path).unwrap().metadata).unwrap();
        let optimizer = &metadata["run"]["optimizers"][0];
        assert_eq!(optimizer["rates"], serde_json::json!([rate]));
        assert_eq!(optimizer["schedule_state"]["ticks"], epoch + 1);
    }
}

#[test]
fn the_file_that_a_user_named_stays() {
    let folder = tempfile::tempdir().unwrap();
    let run = |epochs: usize, resume: Resume| {
        Setup::epochs(epochs)
            .run(folder.path(), ModelCheckpoint::latest(), |builder| builder.resume_from(resume))
            .unwrap()
    };
    run(1, Resume::Never);
    run(3, Resume::Path(folder.path().join("epoch=0-step=2.ckpt")));
    assert_eq!(names(folder.path()), set(["epoch=0-step=2.ckpt", "epoch=2-step=6.ckpt"]));
}

#[test]
fn weights_of_the_best_come_back() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = quiet(Net::trainer())
        .enable_checkpointing(true)
        .max_epochs(3)
        .callback(ModelCheckpoint::new(Net::VAL_LOSS).dirpath(folder.path()))
        .build()
        .unwrap();
    trainer.fit(&mut model, (loader(3), loader(2))).unwrap();
    let mut loaded = Net::new(NetHparams::default());
    trainer.load_best(&mut loaded).unwrap();
    let best = Net::load_from_checkpoint(trainer.best_checkpoint().unwrap()).unwrap();
    assert_eq!(bits(&loaded.parameters()), bits(&best.parameters()));
}
