//! Guards: saved and replayed steps, the audit of the first step, roll-backs and `verify`.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{
    ErrorKind, FitReport, Rng,
    callbacks::{SpikeDetection, TopK},
    data::{EpochOffset, Loader as _},
    prelude::*,
    settings::Anomaly,
    trainer::{AnomalyKind, TrainerBuilder},
};

use crate::support::{Net, NetHparams, Rows, batches, bits, quiet};

/// The losses that a model has computed, as bits.
#[derive(Clone, Debug, Default)]
struct Losses(Arc<Mutex<Vec<u32>>>);

impl Losses {
    fn add(&self, loss: &Tensor<1>) {
        self.0.lock().unwrap().push(loss.clone().into_scalar::<f32>().to_bits());
    }

    fn all(&self) -> Vec<u32> {
        self.0.lock().unwrap().clone()
    }
}

/// A classifier with dropout and running statistics whose step goes wrong in one batch of the run.
#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = 0.01)]
struct Faulty {
    #[init(LinearConfig::new(8, 16).init(device))]
    first: Linear,
    #[init(BatchNormConfig::new(16).init(device))]
    norm: BatchNorm,
    #[init(DropoutConfig::new(0.5).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(16, 3).init(device))]
    last: Linear,
    /// The batch that goes wrong, counted over the run.
    #[hparam(default = 1000)]
    bad: u64,
    /// `loss`, `gradient`, `panic` or `spike`.
    #[hparam(default = String::new())]
    how: String,
    #[state(skip)]
    losses: Losses,
}

#[lightning_module]
impl Faulty {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        let hidden = self.dropout.forward(self.norm.forward(self.first.forward(batch.x)));
        let mut train_loss = cross_entropy(self.last.forward(hidden), batch.y);
        if cx.batch_step() == self.bad {
            // The derivative of the root is infinite at 0, and 0 times infinity is NaN.
            train_loss = match self.how.as_str() {
                "gradient" => train_loss + (self.last.weight.val() * 0.0).sqrt().sum(),
                "loss" => train_loss / 0.0,
                "spike" => train_loss * 1000.0,
                _ => train_loss,
            };
        }
        self.losses.add(&train_loss);
        if cx.batch_step() == self.bad && self.how == "panic" {
            panic!("the step fell over");
        }
        train_loss
    }
}

fn faulty(how: &str, bad: u64) -> Faulty {
    seed_everything(7);
    Faulty::new(FaultyHparams::default().with_bad(bad).with_how(how.to_owned()))
}

fn points(count: usize) -> Vec<([f32; 8], i32)> {
    let mut rng = Rng::new(3);
    (0..count).map(|at| (std::array::from_fn(|_| rng.normal() as f32), (at % 3) as i32)).collect()
}

fn rows(items: Vec<([f32; 8], i32)>) -> Result<Rows> {
    let (device, count) = (Device::default(), items.len());
    let (x, y): (Vec<[f32; 8]>, Vec<i32>) = items.into_iter().unzip();
    Ok(Rows {
        x: Tensor::from_data(TensorData::new(x.concat(), [count, 8]), &device),
        y: Tensor::from_data(TensorData::new(y, [count]), &device),
    })
}

/// Eight shuffled batches of four.
fn shuffled(workers: usize) -> DataLoader<Rows> {
    let builder = DataLoader::builder(points(32)).batch_size(4).shuffle(true);
    builder.num_workers(workers).collate(rows).build().unwrap()
}

/// The folders of saved steps.
fn saved(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join("anomalies")).into_iter().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

fn saving(root: &Path) -> TrainerBuilder<Faulty> {
    quiet(Faulty::trainer()).max_epochs(2).default_root_dir(root).on_anomaly(Anomaly::Save)
}

#[test]
fn a_replayed_step_has_the_loss_of_the_original_to_the_last_bit() {
    let kinds = [
        ("gradient", AnomalyKind::Gradient),
        ("loss", AnomalyKind::Loss),
        ("panic", AnomalyKind::Panic),
        ("spike", AnomalyKind::Spike),
    ];
    for (how, kind) in kinds {
        let folder = tempfile::tempdir().unwrap();
        let mut model = faulty(how, 11);
        let losses = model.losses.clone();
        let mut builder = saving(folder.path()).accumulate_grad_batches(3);
        if how == "spike" {
            builder = builder.callback(SpikeDetection::new().exclude_batches_path(folder.path().join("skip.json")));
        }
        let ended = builder.build().unwrap().fit(&mut model, shuffled(2));
        assert_eq!(ended.is_ok(), !matches!(how, "panic" | "spike"), "{how}");
        let original = losses.all()[11];

        let steps = saved(folder.path());
        assert_eq!(steps, [folder.path().join(format!("anomalies/epoch=1-batch=3-{how}"))], "the first");
        // Another model with other weights, and another trainer.
        seed_everything(99);
        let mut other = Faulty::new(FaultyHparams::default().with_bad(11).with_how(how.to_owned()));
        let losses = other.losses.clone();
        let trainer = quiet(Faulty::trainer()).accumulate_grad_batches(3).build().unwrap();
        let replay = trainer.replay(&steps[0], &mut other).unwrap();
        assert_eq!(losses.all(), [original], "{how}");
        assert_eq!((replay.kind, replay.epoch, replay.batch, replay.batch_step), (kind, 1, 3, 11));
        // Three batches a step, and the last step of an epoch has two: 3 steps an epoch.
        assert_eq!((replay.global_step, replay.seed), (4, 7));
        assert!(replay.is_exact(), "{replay}");
        assert_eq!(replay.error.is_some(), how == "panic", "{replay}");
        if how == "gradient" {
            assert!(replay.losses[0].is_finite(), "{replay}");
            let broken: Vec<_> = replay.gradients.iter().filter(|gradient| !gradient.norm.is_finite()).collect();
            assert!(broken.len() == 1 && broken[0].path == "last.weight", "{replay}");
        }
    }
}

#[test]
fn the_report_says_where_the_step_is_and_the_first_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = faulty("gradient", 2);
    let report = saving(folder.path()).build().unwrap().fit(&mut model, shuffled(0)).unwrap();
    // From there on the weights are NaN, and so is every loss: the first is saved.
    let [gradient] = &saved(folder.path())[..] else { panic!("{:?}", saved(folder.path())) };
    assert!(gradient.ends_with("epoch=0-batch=2-gradient"));
    let told = report.warnings.iter().find(|warning| warning.contains("last.weight")).unwrap();
    assert!(told.contains("the gradient of `last.weight` is not finite") && told.contains("trainer.replay"), "{told}");
    assert!(told.contains("epoch 0, batch 2, global step 2") && told.contains("epoch=0-batch=2-gradient"), "{told}");
    for file in ["anomaly.json", "step.ckpt", "batch.safetensors"] {
        assert!(gradient.join(file).is_file(), "{file}");
    }
}

#[test]
fn an_error_of_detect_anomaly_leaves_the_step_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = faulty("loss", 2);
    let error = saving(folder.path()).detect_anomaly(true).build().unwrap().fit(&mut model, shuffled(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Anomaly);
    assert_eq!(saved(folder.path()).len(), 1);
}

#[test]
fn a_guarded_run_computes_the_same_and_saves_nothing_of_a_good_step() {
    let run = |builder: TrainerBuilder<Faulty>| {
        let mut model = faulty("", 1000);
        builder.max_epochs(2).accumulate_grad_batches(2).build().unwrap().fit(&mut model, shuffled(0)).unwrap();
        let values = |layer: &Linear| layer.weight.val().into_data().try_to_vec::<f32>().unwrap();
        let statistics = model.norm.running_mean.value_sync().into_data().try_to_vec::<f32>().unwrap();
        let all = [values(&model.first), values(&model.last), statistics].concat();
        (bits(&all), model.losses.all())
    };
    let folder = tempfile::tempdir().unwrap();
    let plain = run(quiet(Faulty::trainer()).audit(false));
    assert_eq!(plain, run(quiet(Faulty::trainer())));
    assert_eq!(plain, run(saving(folder.path())));
    assert_eq!(plain, run(saving(folder.path()).callback(SpikeDetection::new().rtol(100.0))));
    assert!(saved(folder.path()).is_empty());
}

#[test]
fn a_saved_step_is_a_checkpoint_of_the_run_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = faulty("gradient", 5);
    saving(folder.path()).build().unwrap().fit(&mut model, shuffled(0)).unwrap();
    let original = model.losses.all();
    // The same run without the fault, from the batch on.
    let mut model = faulty("", 1000);
    let losses = model.losses.clone();
    let step = folder.path().join("anomalies/epoch=0-batch=5-gradient/step.ckpt");
    let mut trainer = quiet(Faulty::trainer()).max_epochs(2).resume_from(step).build().unwrap();
    let report = trainer.fit(&mut model, shuffled(0)).unwrap();
    assert_eq!((losses.all().len(), losses.all()[0]), (11, original[5]));
    assert!(report.metrics.iter().all(|(_, value)| value.is_finite()));
}

/// Two networks that are trained in turn: the loss of the second step depends on the update of the
/// first.
#[lightning_module]
struct Rivals {
    #[optimizer(AdamConfig::new(), lr = 0.05)]
    #[init(LinearConfig::new(8, 1).init(device))]
    critic: Linear,
    #[optimizer(AdamConfig::new(), lr = 0.05)]
    #[init(LinearConfig::new(8, 8).init(device))]
    generator: Linear,
    #[state(skip)]
    losses: Losses,
}

#[lightning_module]
impl Rivals {
    #[training_step(optimizer = critic)]
    fn critic_step(&self, batch: Rows) -> Tensor<1> {
        let fake = self.generator.forward(batch.x.clone()).detach();
        let loss = self.critic.forward(fake).mean() + self.critic.forward(batch.x).powi_scalar(2).mean();
        self.losses.add(&loss);
        loss
    }
    #[training_step(optimizer = generator)]
    fn generator_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        let mut loss = self.critic.forward(self.generator.forward(batch.x)).mean().neg();
        if cx.batch_step() == 5 {
            loss = loss + (self.generator.weight.val() * 0.0).sqrt().sum();
        }
        self.losses.add(&loss);
        loss
    }
}

#[test]
fn a_step_of_several_optimizers_starts_before_the_first_update() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = Rivals::new(RivalsHparams::default());
    let losses = model.losses.clone();
    let builder = quiet(Rivals::trainer()).max_epochs(1).default_root_dir(folder.path()).on_anomaly(Anomaly::Save);
    builder.build().unwrap().fit(&mut model, shuffled(0)).unwrap();
    let original = losses.all()[10..12].to_vec();
    seed_everything(2);
    let mut model = Rivals::new(RivalsHparams::default());
    let trainer = quiet(Rivals::trainer()).build().unwrap();
    let replay = trainer.replay(folder.path().join("anomalies/epoch=0-batch=5-gradient"), &mut model).unwrap();
    assert_eq!(model.losses.all(), original);
    assert!(replay.is_exact() && replay.losses.len() == 2, "{replay}");
    assert!(replay.gradients.iter().any(|it| it.path == "generator.weight" && !it.norm.is_finite()), "{replay}");
}

/// The same by hand.
#[lightning_module]
struct ByHand {
    #[optimizer(AdamConfig::new(), lr = 0.05)]
    #[init(LinearConfig::new(8, 8).init(device))]
    body: Linear,
    #[optimizer(AdamConfig::new(), lr = 0.05)]
    #[init(LinearConfig::new(8, 3).init(device))]
    head: Linear,
    #[state(skip)]
    losses: Losses,
}

#[lightning_module]
impl ByHand {
    #[manual_optimization]
    fn training_step(&mut self, batch: Rows, optimizers: &mut Optimizers<Self>, cx: &StepContext) -> Result<()> {
        let loss = cross_entropy(self.head.forward(self.body.forward(batch.x.clone())), batch.y.clone());
        self.losses.add(&loss);
        let gradients = optimizers.backward(self, loss)?;
        optimizers.step(Self::BODY, self, gradients)?;
        let mut loss = cross_entropy(self.head.forward(self.body.forward(batch.x)), batch.y);
        if cx.batch_step() == 5 {
            loss = loss / 0.0;
        }
        self.losses.add(&loss);
        let gradients = optimizers.backward(self, loss)?;
        optimizers.step(Self::HEAD, self, gradients)
    }
}

#[test]
fn a_step_of_manual_optimization_is_replayed_from_its_start() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = ByHand::new(ByHandHparams::default());
    let losses = model.losses.clone();
    let builder = quiet(ByHand::trainer()).max_epochs(1).default_root_dir(folder.path()).on_anomaly(Anomaly::Save);
    let report = builder.build().unwrap().fit(&mut model, shuffled(0)).unwrap();
    let original = losses.all()[10..12].to_vec();
    seed_everything(2);
    let mut model = ByHand::new(ByHandHparams::default());
    let trainer = quiet(ByHand::trainer()).build().unwrap();
    let replay = trainer.replay(folder.path().join("anomalies/epoch=0-batch=5-loss"), &mut model).unwrap();
    assert_eq!(model.losses.all(), original);
    assert!(replay.is_exact() && replay.losses.len() == 2, "{replay}");
    // Each optimizer has its own parameters, and all of them have a gradient.
    assert!(report.warnings.iter().all(|warning| !warning.contains("gave no gradient")), "{:?}", report.warnings);
}

/// Its gradients overflow in float16 until the loss scale fits.
#[test]
fn loss_scaling_finds_its_scale_without_an_anomaly() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let scaled: Vec<Rows> = batches(&[8; 20], 1).into_iter().map(|it| Rows { x: it.x * 100.0, y: it.y }).collect();
    let builder = Net::quiet().max_epochs(1).limit_val_batches(0).precision("16-mixed").default_root_dir(folder.path());
    let mut trainer = builder.on_anomaly(Anomaly::Save).build().unwrap();
    let report = trainer.fit(&mut model, scaled).unwrap();
    assert!(report.skipped_steps > 0);
    assert!(saved(folder.path()).is_empty());
}

/// What serde cannot write.
#[derive(Clone, Debug)]
struct Opaque;

#[derive(Batch, Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one value of a test")]
enum Mixed {
    Points {
        x: Tensor<2>,
        #[batch(size)]
        #[batch(host)]
        names: Vec<String>,
        masks: Vec<Tensor<1, Bool>>,
        by_name: BTreeMap<String, Tensor<1, Int>>,
        by_number: HashMap<usize, f32>,
        note: Option<(u64, &'static str, f64)>,
        none: Option<Tensor<1>>,
    },
    #[allow(dead_code, reason = "a variant that is not stored")]
    Nothing(Tensor<1>),
}

#[derive(Batch, Clone, Debug)]
struct Unsaved {
    x: Tensor<2>,
    #[batch(host)]
    opaque: Opaque,
}

/// Not `Clone`.
#[derive(Batch, Debug)]
struct Single(Tensor<2>);

macro_rules! with_batch {
    ($net:ident, $hparams:ident, $batch:ty, $seen:ty, |$given:ident| $x:expr) => {
        #[lightning_module]
        #[optimizer(SgdConfig::new(), lr = 0.1)]
        struct $net {
            #[init(LinearConfig::new(2, 1).init(device))]
            layer: Linear,
            #[state(skip)]
            losses: Losses,
            #[state(skip)]
            seen: $seen,
        }

        #[lightning_module]
        impl $net {
            fn training_step(&self, $given: $batch, cx: &StepContext) -> Tensor<1> {
                let x: Tensor<2> = $x;
                *self.seen.lock().unwrap() = format!("{:?}", x.dims());
                let loss = self.layer.forward(x).mean();
                let loss = if cx.batch_step() == 1 { loss / 0.0 } else { loss };
                self.losses.add(&loss);
                loss
            }
        }
    };
}

type Seen = Arc<Mutex<String>>;

with_batch!(OfMixed, OfMixedHparams, Mixed, Seen, |batch| match batch {
    Mixed::Points { x, names, masks, by_name, by_number, note, none } => {
        assert_eq!(names, ["a", "b"]);
        let masks: Vec<Vec<bool>> = masks.into_iter().map(|mask| mask.into_data().iter().collect()).collect();
        assert_eq!(masks, [vec![true, false], vec![true]]);
        assert_eq!(by_name["odd"].clone().into_data().iter::<i64>().collect::<Vec<_>>(), [1, 3]);
        assert!(by_number[&7].is_nan() && by_number[&8] == 0.1);
        assert_eq!(note, Some((u64::MAX, "text", f64::NEG_INFINITY)));
        assert!(none.is_none());
        x
    }
    Mixed::Nothing(_) => panic!("another variant"),
});
with_batch!(OfSingle, OfSingleHparams, Single, Seen, |batch| batch.0);
with_batch!(OfUnsaved, OfUnsavedHparams, Unsaved, Seen, |batch| {
    let Opaque = batch.opaque;
    batch.x
});

#[test]
fn every_kind_of_batch_is_saved_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::default();
    let batch = Mixed::Points {
        x: Tensor::from_data([[0.1, 0.2], [0.3, 0.4]], &device),
        names: vec!["a".to_owned(), "b".to_owned()],
        masks: vec![Tensor::from_data([true, false], &device), Tensor::from_data([true], &device)],
        by_name: BTreeMap::from([("odd".to_owned(), Tensor::from_data([1, 3], &device))]),
        by_number: HashMap::from([(7, f32::NAN), (8, 0.1)]),
        note: Some((u64::MAX, "text", f64::NEG_INFINITY)),
        none: None,
    };
    let mut model = OfMixed::new(OfMixedHparams::default());
    let builder = quiet(OfMixed::trainer()).max_epochs(1).default_root_dir(folder.path()).on_anomaly(Anomaly::Save);
    let report = builder.build().unwrap().fit(&mut model, vec![batch; 3]).unwrap();
    let replay = OfMixed::trainer().build().unwrap();
    let step = folder.path().join("anomalies/epoch=0-batch=1-loss");
    let replay = replay.replay(step, &mut model).unwrap();
    assert!(replay.is_exact() && replay.error.is_none(), "{replay}");
    // Lists of different lengths and a declared size are right.
    assert!(report.warnings.iter().all(|warning| warning.contains("anomalies")), "{:?}", report.warnings);
}

#[test]
fn a_batch_that_is_not_clone_is_saved_too() {
    let folder = tempfile::tempdir().unwrap();
    let collate =
        |items: Vec<f32>| Ok(Single(Tensor::from_data([[items[0], 0.5], [items[1], 0.25]], &Device::default())));
    let loader =
        DataLoader::builder(vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).batch_size(2).collate(collate).build().unwrap();
    let mut model = OfSingle::new(OfSingleHparams::default());
    let builder = quiet(OfSingle::trainer()).max_epochs(1).default_root_dir(folder.path()).on_anomaly(Anomaly::Save);
    builder.build().unwrap().fit(&mut model, loader).unwrap();
    let trainer = quiet(OfSingle::trainer()).build().unwrap();
    let replay = trainer.replay(folder.path().join("anomalies/epoch=0-batch=1-loss"), &mut model).unwrap();
    assert!(replay.is_exact() && *model.seen.lock().unwrap() == "[2, 2]", "{replay}");
}

#[test]
fn a_batch_that_cannot_be_saved_is_named_and_read_from_the_loader() {
    let folder = tempfile::tempdir().unwrap();
    let x = || Tensor::from_data([[0.1, 0.2], [0.3, 0.4]], &Device::default());
    let loader = || vec![Unsaved { x: x(), opaque: Opaque }; 3];
    let mut model = OfUnsaved::new(OfUnsavedHparams::default());
    let builder = quiet(OfUnsaved::trainer()).max_epochs(1).default_root_dir(folder.path()).on_anomaly(Anomaly::Save);
    let report = builder.build().unwrap().fit(&mut model, loader()).unwrap();
    let told = report.warnings.iter().find(|warning| warning.contains("it lacks the batch")).unwrap();
    assert!(told.contains("`batch.opaque` of type `") && told.contains("resume_from"), "{told}");
    let original = model.losses.all()[1];

    let step = folder.path().join("anomalies/epoch=0-batch=1-loss");
    let trainer = quiet(OfUnsaved::trainer()).build().unwrap();
    let error = trainer.replay(&step, &mut model).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    let text = error.to_string();
    assert!(text.contains("`batch.opaque` of type") && text.contains("step.ckpt"), "{text}");

    let mut model = OfUnsaved::new(OfUnsavedHparams::default());
    let mut trainer = quiet(OfUnsaved::trainer()).max_epochs(1).resume_from(step.join("step.ckpt")).build().unwrap();
    trainer.fit(&mut model, loader()).unwrap();
    assert_eq!(model.losses.all()[0], original);
}

#[test]
fn a_folder_that_is_no_saved_step_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Net::new(NetHparams::default());
    let trainer = Net::quiet().build().unwrap();
    let error = trainer.replay(folder.path(), &mut model).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && error.to_string().contains("anomalies/"), "{error}");
    let error = Net::trainer().barebones(true).on_anomaly(Anomaly::Save).build().unwrap_err();
    assert!(error.to_string().contains("`barebones(true)` disables `on_anomaly(Anomaly::Save)`"), "{error}");
}

// The audit of the first step.

/// Its fields are used or not, as their names say.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.001)]
struct Partly {
    #[init(LinearConfig::new(8, 3).init(device))]
    used: Linear,
    #[init(LinearConfig::new(8, 3).init(device))]
    unused: Linear,
    #[frozen]
    #[init(LinearConfig::new(8, 3).init(device))]
    teacher: Linear,
    #[init(BatchNormConfig::new(8).init(device))]
    norm: BatchNorm,
    /// The factor of the inputs.
    #[hparam(default = 1.0)]
    factor: f32,
}

#[lightning_module]
impl Partly {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Option<Tensor<1>> {
        if cx.batch_step() == 0 {
            return None;
        }
        let logits = self.used.forward(self.norm.forward(batch.x)) * self.factor;
        Some(cross_entropy(logits, batch.y))
    }
}

fn audited<M>(report: &FitReport<M>, _: &M) -> Vec<String> {
    report.warnings.iter().filter(|warning| warning.contains("`.audit(false)`")).cloned().collect()
}

fn partly(factor: f32, builder: TrainerBuilder<Partly>) -> Vec<String> {
    seed_everything(1);
    let mut model = Partly::new(PartlyHparams::default().with_factor(factor));
    let report = quiet(builder).max_epochs(2).build().unwrap().fit(&mut model, batches(&[8; 3], 1)).unwrap();
    audited(&report, &model)
}

#[test]
fn parameters_without_a_gradient_are_named() {
    let told = partly(1.0, Partly::trainer());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the first step gave no gradient to") && told[0].contains("`unused.weight`"), "{told:?}");
    assert!(
        told[0].contains("`unused.bias`") && !told[0].contains("teacher") && !told[0].contains("`used."),
        "{told:?}"
    );
    assert!(partly(1.0, Partly::trainer().audit(false)).is_empty());
    assert!(partly(1.0, Partly::trainer().barebones(true)).is_empty());
}

#[test]
fn a_loss_far_above_chance_is_told() {
    // Logits of about a hundred: a wrong guess costs as much.
    let told = partly(200.0, Partly::trainer());
    let loss = told.iter().find(|warning| warning.contains("cross_entropy")).unwrap();
    assert!(loss.contains("a guess among 3 classes has ln(3) = 1.10"), "{loss}");
}

/// Its loss does not matter.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Summing {
    #[init(LinearConfig::new(2, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Summing {
    fn training_step(&self, batch: (Tensor<2>, Tensor<1>, Tensor<1>)) -> Tensor<1> {
        self.layer.forward(batch.0).mean() + batch.1.mean() * 0.0 + batch.2.mean() * 0.0
    }
}

fn summing(x: Tensor<2>, y: usize, z: usize) -> Vec<String> {
    let device = Device::default();
    let mut model = Summing::new(SummingHparams::default());
    let batch = (x, Tensor::ones([y], &device), Tensor::ones([z], &device));
    let report = quiet(Summing::trainer()).max_epochs(1).build().unwrap().fit(&mut model, vec![batch]).unwrap();
    audited(&report, &model)
}

#[test]
fn batches_of_different_sizes_and_constant_inputs_are_told() {
    let device = Device::default();
    let x = || Tensor::from_data([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], &device);
    assert!(summing(x(), 3, 3).is_empty());
    // A number for the whole batch.
    assert!(summing(x(), 3, 1).is_empty());
    let told = summing(x(), 3, 2);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("`batch.0` 3, `batch.1` 3, `batch.2` 2"), "{told:?}");
    let told = summing(Tensor::zeros([3, 2], &device), 3, 3);
    assert!(told.len() == 1 && told[0].contains("every element of `batch.0` in the first batch is 0"), "{told:?}");
}

#[test]
fn a_correct_program_and_a_resumed_one_are_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let saving = ModelCheckpoint::latest().dirpath(folder.path());
    let builder = Net::quiet().enable_checkpointing(true).callback(saving).limit_val_batches(0);
    let mut trainer = builder.max_epochs(1).build().unwrap();
    let report = trainer.fit(&mut model, batches(&[8; 3], 1)).unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);

    // Constant inputs, in a run that was resumed in its middle.
    let constant: Vec<Rows> = batches(&[8; 3], 1).into_iter().map(|it| Rows { x: it.x * 0.0, y: it.y }).collect();
    let checkpoint = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let mut trainer = Net::quiet().max_epochs(2).limit_val_batches(0).resume_from(checkpoint).build().unwrap();
    let report = trainer.fit(&mut model, constant).unwrap();
    assert!(report.resumed_from.is_some() && report.warnings.is_empty(), "{:?}", report.warnings);
}

// Roll-backs.

/// A classifier with dropout. The losses of some batches are spikes, or `None`.
#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = Cosine::new(0.01, 40), interval = step)]
struct Spiky {
    #[init(LinearConfig::new(8, 16).init(device))]
    first: Linear,
    #[init(DropoutConfig::new(0.5).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(16, 3).init(device))]
    last: Linear,
    #[hparam(default = Vec::new())]
    spikes: Vec<u64>,
    #[hparam(default = Vec::new())]
    none: Vec<u64>,
}

#[lightning_module]
impl Spiky {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Option<Tensor<1>> {
        let at = cx.batch_step();
        if self.none.contains(&at) {
            return None;
        }
        let hidden = self.dropout.forward(self.first.forward(batch.x));
        let factor = if self.spikes.contains(&at) { 1000.0 } else { 1.0 };
        #[log(minimize)]
        let train_loss = cross_entropy(self.last.forward(hidden), batch.y) * factor;
        Some(train_loss)
    }
}

impl Spiky {
    fn bits(&self) -> Vec<u32> {
        let values = |layer: &Linear| bits(&layer.weight.val().into_data().try_to_vec::<f32>().unwrap());
        [values(&self.first), values(&self.last)].concat()
    }
}

fn spiky(spikes: &[u64], none: &[u64]) -> Spiky {
    seed_everything(5);
    Spiky::new(SpikyHparams::default().with_spikes(spikes.to_vec()).with_none(none.to_vec()))
}

fn rolling(folder: &Path, times: u64) -> TrainerBuilder<Spiky> {
    let spikes = SpikeDetection::new().rtol(10.0).roll_back(times).exclude_batches_path(folder.join("skip.json"));
    Spiky::trainer()
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .default_root_dir(folder)
        .log_every_n_steps(1)
        .max_epochs(3)
        .callback(spikes)
        .callback(checkpoints(folder).save_top_k(TopK::All))
}

fn checkpoints(folder: &Path) -> ModelCheckpoint<Spiky> {
    ModelCheckpoint::latest().every_n_train_steps(3).dirpath(folder.join("checkpoints"))
}

/// As [`rolling`], with the latest checkpoint alone.
fn with_latest(folder: &Path) -> TrainerBuilder<Spiky> {
    let spikes = SpikeDetection::new().rtol(10.0).roll_back(1).exclude_batches_path(folder.join("skip.json"));
    let builder = quiet(Spiky::trainer()).max_epochs(3).default_root_dir(folder).callback(spikes);
    builder.enable_checkpointing(true).callback(checkpoints(folder))
}

#[test]
fn the_batch_before_a_spike_stays_if_the_only_checkpoint_has_it() {
    let folder = tempfile::tempdir().unwrap();
    // Checkpoints after 9 and after 12 batches; the second replaces the first.
    let mut model = spiky(&[12], &[]);
    let report = with_latest(folder.path()).build().unwrap().fit(&mut model, shuffled(0)).unwrap();
    assert_eq!((report.batch_step, report.skipped_batches), (24, 1));
    let mut expected = spiky(&[], &[12]);
    quiet(Spiky::trainer()).max_epochs(3).build().unwrap().fit(&mut expected, shuffled(0)).unwrap();
    assert_eq!(model.bits(), expected.bits());
}

#[test]
fn after_a_roll_back_the_run_is_the_one_that_never_saw_the_batches() {
    for (spikes, left_out) in [(&[10][..], &[9, 10][..]), (&[10, 11, 20], &[9, 10, 11, 19, 20])] {
        let folder = tempfile::tempdir().unwrap();
        let mut model = spiky(spikes, &[]);
        let report = rolling(folder.path(), 3).build().unwrap().fit(&mut model, shuffled(0)).unwrap();
        assert_eq!((report.batch_step, report.skipped_batches), (24, left_out.len() as u64));
        assert_eq!(report.global_step, 24 - left_out.len() as u64);
        let told: Vec<_> = report.warnings.iter().filter(|warning| warning.contains("of at most 3")).collect();
        assert_eq!(told.len(), spikes.len(), "{:?}", report.warnings);
        assert!(
            told[0].contains("the loss of training batch 10 is ") && told[0].contains("batches 9 and 10"),
            "{told:?}"
        );
        let listed: Vec<u64> = serde_json::from_slice(&fs::read(folder.path().join("skip.json")).unwrap()).unwrap();
        assert_eq!(listed, left_out);

        let mut expected = spiky(&[], left_out);
        quiet(Spiky::trainer()).max_epochs(3).build().unwrap().fit(&mut expected, shuffled(0)).unwrap();
        assert_eq!(model.bits(), expected.bits());

        // Every step is in the log once, and the abandoned ones are not.
        let csv = fs::read_to_string(folder.path().join("lightning_logs/version_0/metrics.csv")).unwrap();
        let steps: Vec<u64> = csv
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect::<Vec<_>>())
            .filter(|row| !row[2].is_empty())
            .map(|row| row[3].parse::<u64>().unwrap() - 1)
            .collect();
        let trained: Vec<u64> = (0..24).filter(|batch| !left_out.contains(batch)).collect();
        assert_eq!(steps, trained, "{csv}");
    }
}

#[test]
fn a_run_resumed_after_a_roll_back_leaves_the_batches_out_too() {
    let whole = tempfile::tempdir().unwrap();
    let mut model = spiky(&[10, 20], &[]);
    rolling(whole.path(), 2).build().unwrap().fit(&mut model, shuffled(0)).unwrap();
    // Ended before the next checkpoint, after it, and right at a later spike.
    for batches in [11, 13, 16, 20, 23] {
        let folder = tempfile::tempdir().unwrap();
        let mut part = spiky(&[10, 20], &[]);
        let stop = StopAfter(batches);
        rolling(folder.path(), 2).callback(stop).build().unwrap().fit(&mut part, shuffled(0)).unwrap_err();
        let mut part = spiky(&[10, 20], &[]);
        let mut trainer = rolling(folder.path(), 2).resume_from(Resume::Last).build().unwrap();
        let report = trainer.fit(&mut part, shuffled(0)).unwrap();
        assert_eq!(report.batch_step, 24);
        assert_eq!(part.bits(), model.bits(), "stopped after {batches}");
    }
}

/// Ends the run without a checkpoint, as a kill does.
struct StopAfter(u64);

impl<M> Callback<M> for StopAfter {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.batch_step() == self.0 { Err("stopped".into()) } else { Ok(()) }
    }
}

#[test]
fn roll_backs_have_a_limit_and_need_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let error = rolling(folder.path(), 1).build().unwrap().fit(&mut spiky(&[10, 20], &[]), shuffled(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Hook);
    let text = error.to_string();
    assert!(
        text.contains("the loss of training batch 20 is") && text.contains("after 1 of at most 1 roll-backs"),
        "{text}"
    );

    let folder = tempfile::tempdir().unwrap();
    let error = rolling(folder.path(), 1).build().unwrap().fit(&mut spiky(&[2], &[]), shuffled(0)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("needs a checkpoint from before training batch 2, found none in"), "{text}");
    assert!(text.contains("every_n_train_steps") && text.contains("the loss of training batch 2 is"), "{text}");
}

// Verification.

fn verified(folder: &Path) -> TrainerBuilder<Spiky> {
    Spiky::trainer()
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .default_root_dir(folder)
        .log_every_n_steps(1)
        .max_epochs(2)
        .callback(ModelCheckpoint::latest().every_n_train_steps(3))
}

#[test]
fn a_run_is_verified_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    verified(folder.path()).build().unwrap().fit(&mut spiky(&[], &[]), shuffled(0)).unwrap();
    let first = folder.path().join("lightning_logs/version_0");

    let mut trainer = verified(folder.path()).build().unwrap();
    let report = trainer.verify(&first, &mut spiky(&[], &[]), shuffled(2)).unwrap();
    assert!(report.is_exact() && report.first_step.is_none(), "{report}");
    assert!(report.checkpoints > 0 && report.rows >= 16, "{report}");
    assert_eq!(report.folder, folder.path().join("lightning_logs/version_1"));

    // Another loss from batch 6 on, which the row of step 7 shows first.
    let mut trainer = verified(folder.path()).build().unwrap();
    let report = trainer.verify(&first, &mut spiky(&[6], &[]), shuffled(0)).unwrap();
    assert_eq!((report.is_exact(), report.first_step), (false, Some(7)), "{report}");
    assert!(report.differences[0].contains("metrics.csv: `train_loss` is "), "{report}");
    assert!(report.differences.iter().any(|it| it.contains(".ckpt: `model.first.weight` differs")), "{report}");
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = verified(folder.path()).build().unwrap();
    let error = trainer.verify(folder.path(), &mut spiky(&[], &[]), shuffled(0)).unwrap_err();
    assert!(error.to_string().contains("found neither"), "{error}");
    trainer.fit(&mut spiky(&[], &[]), shuffled(0)).unwrap();
    let first = folder.path().join("lightning_logs/version_0");
    let error = trainer.verify(&first, &mut spiky(&[], &[]), shuffled(0)).unwrap_err();
    assert!(error.to_string().contains("a trainer that has not trained"), "{error}");
    let mut model = spiky(&[], &[]);
    seed_everything(6);
    let error = verified(folder.path()).build().unwrap().verify(&first, &mut model, shuffled(0)).unwrap_err();
    assert!(error.to_string().contains("write `seed_everything(5)` before the model"), "{error}");
    let own = ModelCheckpoint::latest().dirpath(first.join("checkpoints"));
    let mut trainer = quiet(Spiky::trainer()).enable_checkpointing(true).callback(own).build().unwrap();
    let error = trainer.verify(&first, &mut spiky(&[], &[]), shuffled(0)).unwrap_err();
    assert!(error.to_string().contains("must not write to the folder of the first run"), "{error}");
}

/// The loader that the tests use gives the same batches each time.
#[test]
fn the_batches_of_the_tests_are_reproducible() {
    let read =
        || shuffled(0).batches(EpochOffset::default()).unwrap().map(|it| it.unwrap().x.dims()).collect::<Vec<_>>();
    assert_eq!(read(), [[4, 8]; 8]);
}
