//! Guards: saved and replayed steps.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use burn::{nn::*, optim::*, prelude::*};
use lightning_core::{
    ErrorKind, Rng,
    callbacks::SpikeDetection,
    data::{EpochOffset, Loader as _},
    prelude::*,
    settings::Anomaly,
    trainer::{AnomalyKind, TrainerBuilder},
};

use crate::support::{Net, NetHparams, Rows, batches, bits, quiet};

/// The losses that a model has computed, as bits.
#[derive(Clone, Debug, Default)]
pub struct Losses(Arc<Mutex<Vec<u32>>>);

impl Losses {
    pub fn add(&self, loss: &Tensor<1>) {
        self.0.lock().unwrap().push(loss.clone().into_scalar::<f32>().to_bits());
    }

    pub fn all(&self) -> Vec<u32> {
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

pub fn points(count: usize) -> Vec<([f32; 8], i32)> {
    let mut rng = Rng::new(3);
    (0..count).map(|at| (std::array::from_fn(|_| rng.normal() as f32), (at % 3) as i32)).collect()
}

pub fn rows(items: Vec<([f32; 8], i32)>) -> Result<Rows> {
    let (device, count) = (Device::default(), items.len());
    let (x, y): (Vec<[f32; 8]>, Vec<i32>) = items.into_iter().unzip();
    Ok(Rows {
        x: Tensor::from_data(TensorData::new(x.concat(), [count, 8]), &device),
        y: Tensor::from_data(TensorData::new(y, [count]), &device),
    })
}

/// Eight shuffled batches of four.
pub fn shuffled(workers: usize) -> DataLoader<Rows> {
    let builder = DataLoader::builder(points(32)).batch_size(4).shuffle(true);
    builder.num_workers(workers).collate(rows).build().unwrap()
}

/// The folders of saved steps.
pub fn saved(root: &Path) -> Vec<PathBuf> {
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
}

/// The loader that the tests use gives the same batches each time.
#[test]
fn the_batches_of_the_tests_are_reproducible() {
    let read =
        || shuffled(0).batches(EpochOffset::default()).unwrap().map(|it| it.unwrap().x.dims()).collect::<Vec<_>>();
    assert_eq!(read(), [[4, 8]; 8]);
}
