//! The roles of fields: buffers, state, frozen modules, copies, a hand-written `init`.

use burn::{module::Module, nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    Trainer,
    module::{FieldRole, LightningStruct},
    prelude::*,
};

use crate::support::{Rows, batches, bits, quiet};

/// A student and a teacher that follows it, with a queue.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Pair {
    #[init(LinearConfig::new(8, width).init(device))]
    student: Linear,
    #[frozen]
    #[init(copy_of(student))]
    teacher: Linear,
    #[buffer(Tensor::zeros([4, 2], device))]
    queue: Tensor<2>,
    #[state]
    seen: usize,
    #[state(skip)]
    scratch: Vec<u8>,
    /// Outputs.
    #[hparam]
    width: usize,
    #[hparam(default = 0.5)]
    lr: f64,
    #[hparam(default = "plain".to_owned())]
    r#type: String,
}

#[lightning_module]
impl Pair {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let distance = self.student.forward(batch.x.clone()) - self.teacher.forward(batch.x).detach() - 1.0;
        #[log(minimize)]
        let train_loss = (distance.clone() * distance).mean();
        train_loss
    }
    fn on_train_batch_end(&mut self) {
        self.seen += 1;
        self.queue = self.queue.clone() + 1.0;
        self.scratch.push(1);
    }
}

impl Pair {
    fn weights(&self) -> (Vec<u32>, Vec<u32>) {
        let values = |linear: &Linear| bits(&linear.weight.val().into_data().try_to_vec::<f32>().unwrap());
        (values(&self.student), values(&self.teacher))
    }
}

fn fit(model: &mut Pair, epochs: usize) -> Result<lightning_core::FitReport<Pair>> {
    let mut trainer = quiet(Pair::trainer()).max_epochs(epochs).build()?;
    trainer.fit(model, DataLoader::from_batches(batches(&[8; 3], 1))?)
}

#[test]
fn a_frozen_field_stays_and_an_unfrozen_one_learns() {
    seed_everything(1);
    let mut model = Pair::new(PairHparams::new(3));
    let (student, teacher) = model.weights();
    assert_eq!(student, teacher, "a copy has the values");
    fit(&mut model, 1).unwrap();
    let (moved, still) = model.weights();
    assert_ne!(moved, student);
    assert_eq!(still, teacher);
    assert_eq!(model.seen, 3, "what a hook stores stays");
    assert_eq!(model.queue.clone().into_data().try_to_vec::<f32>().unwrap(), [3.0; 8]);

    model = model.freeze(Pair::STUDENT);
    let error = fit(&mut model, 1).unwrap_err();
    assert!(error.to_string().contains("no trainable parameter"), "{error}");
    model = model.unfreeze(Pair::STUDENT);
    fit(&mut model, 1).unwrap();
    assert_ne!(model.weights().0, moved);
}

#[test]
fn buffers_and_state_are_in_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let hparams = PairHparams::new(3).with_lr(0.25).with_type("other".to_owned());
    let mut model = Pair::new(hparams.clone());
    let checkpoint = ModelCheckpoint::<Pair>::latest().dirpath(folder.path());
    let mut trainer =
        quiet(Pair::trainer()).enable_checkpointing(true).max_epochs(2).callback(checkpoint).build().unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 3], 1)).unwrap()).unwrap();
    let loaded = Pair::load_from_checkpoint(report.best_checkpoint.unwrap()).unwrap();
    assert_eq!(loaded.hparams(), hparams);
    assert_eq!(loaded.weights(), model.weights());
    assert_eq!((loaded.seen, loaded.scratch.len()), (6, 0));
    assert_eq!(loaded.queue.into_data(), model.queue.clone().into_data());
}

#[test]
fn two_fields_with_the_same_parameters_are_an_error() {
    #[lightning_module]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    struct Twins {
        #[init(LinearConfig::new(8, 3).init(device))]
        a: Linear,
        #[init(a.clone())]
        b: Linear,
    }
    #[lightning_module]
    impl Twins {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            (self.a.forward(batch.x.clone()) + self.b.forward(batch.x)).mean()
        }
    }
    let mut model = Twins::new(TwinsHparams::default());
    let mut trainer = quiet(Twins::trainer()).max_epochs(1).build().unwrap();
    let error = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8], 1)).unwrap()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`a.weight`") && text.contains("`b.weight`") && text.contains("copy_of"), "{text}");
}

/// Built by hand, and only if the numbers make sense.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
#[derive(Clone)]
struct ByHand {
    layers: Vec<Linear>,
    #[hparam(default = 2)]
    depth: usize,
}

#[lightning_module]
impl ByHand {
    fn init(hparams: &ByHandHparams, device: &Device) -> Result<Self> {
        if hparams.depth == 0 {
            return Err("a network has at least one layer".into());
        }
        let layers = (0..hparams.depth).map(|_| LinearConfig::new(8, 8).init(device)).collect();
        Ok(Self { layers, depth: hparams.depth })
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        self.layers.iter().fold(batch.x, |x, layer| layer.forward(x)).mean()
    }
}

#[test]
fn a_hand_written_init_may_fail() {
    assert!(ByHand::new(ByHandHparams::default().with_depth(0)).is_err());
    let mut model = ByHand::new(ByHandHparams::default()).unwrap();
    let mut trainer = quiet(ByHand::trainer()).max_epochs(1).build().unwrap();
    trainer.fit(&mut model, DataLoader::from_batches(batches(&[8], 1)).unwrap()).unwrap();
    assert_eq!(model.num_params(), 2 * (8 * 8 + 8));
}

#[test]
fn fields_and_hparams_are_described() {
    let roles: Vec<_> = Pair::FIELDS.iter().map(|field| (field.name, field.role)).collect();
    assert_eq!(
        roles,
        [
            ("student", FieldRole::Module),
            ("teacher", FieldRole::Frozen),
            ("queue", FieldRole::Buffer),
            ("seen", FieldRole::State),
            ("scratch", FieldRole::Skipped),
            ("width", FieldRole::Hparam),
            ("lr", FieldRole::Hparam),
            ("type", FieldRole::Hparam),
        ]
    );
    let hparams: Vec<_> = Pair::FIELDS.iter().filter(|field| field.role == FieldRole::Hparam).collect();
    let width = hparams[0];
    assert_eq!((width.name, width.type_name, width.default, width.doc), ("width", "usize", None, "Outputs."));
    assert_eq!(hparams[1].default, Some("0.5"));
    // An older file that lacks a field loads with its default.
    let old: PairHparams = serde_json::from_str(r#"{"width": 3}"#).unwrap();
    assert_eq!(old, PairHparams::new(3));
}

#[test]
fn the_plan_lists_what_will_happen() {
    let plan = Trainer::plan(&Pair::new(PairHparams::new(3))).unwrap().to_string();
    for line in
        ["  * training_step", "    validation_step", "  * on_train_batch_end", "train_loss in fit (step, minimize)"]
    {
        assert!(plan.contains(line), "{line:?} is not in\n{plan}");
    }
    assert!(plan.contains("teacher: Linear (27 parameters, frozen)"), "{plan}");
    assert!(plan.contains("optimizer: SgdConfig"), "{plan}");
}

/// Fine-tuning: the frozen field wakes up in the second epoch. The optimizer may stand first.
#[optimizer(SgdConfig::new(), lr = 0.1)]
#[lightning_module]
struct FineTune {
    #[frozen]
    #[init(LinearConfig::new(8, 4).init(device))]
    backbone: Linear,
    #[init(LinearConfig::new(4, 3).init(device))]
    head: Linear,
    #[state(skip)]
    at_epoch_start: Vec<Vec<u32>>,
}

#[lightning_module]
impl FineTune {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.head.forward(self.backbone.forward(batch.x)), batch.y)
    }
    fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
        let weight = bits(&self.backbone.weight.val().into_data().try_to_vec::<f32>().unwrap());
        self.at_epoch_start.push(weight);
        if cx.current_epoch() == 1 {
            self.unfreeze(Self::BACKBONE);
        }
    }
}

#[test]
fn a_hook_wakes_a_frozen_field() {
    seed_everything(1);
    let mut model = FineTune::new(FineTuneHparams::default());
    let mut trainer = quiet(FineTune::trainer()).max_epochs(3).build().unwrap();
    trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 3], 1)).unwrap()).unwrap();
    let [first, second, third] = model.at_epoch_start.as_slice() else { panic!("three epochs") };
    assert_eq!(first, second, "asleep in epoch 0");
    assert_ne!(second, third, "awake in epoch 1");
}
