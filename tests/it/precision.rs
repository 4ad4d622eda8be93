//! Runs in every precision: what they compute in, what they keep, and what becomes of steps that
//! overflow.

use burn::{
    module::{Module, ModuleMapper, Param},
    nn::*,
    optim::{AdamConfig, GradientsParams, LBFGSConfig, SgdConfig},
    prelude::*,
    tensor::{DType, FloatDType, activation::relu},
};
use lightning_core::{ErrorKind, FitReport, Precision, prelude::*};
use lightning_examples::data::digits::{Digit, digits};

use crate::support::{Net, NetHparams, Rows, batches, bits, quiet};

/// A network with BatchNorm, as the `mnist` example has it.
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Classifier {
    #[init(LinearConfig::new(inputs, 32).init(device))]
    fc1: Linear,
    #[precision(f32)]
    #[init(BatchNormConfig::new(32).init(device))]
    norm: BatchNorm,
    #[init(DropoutConfig::new(0.1).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(32, classes).init(device))]
    fc2: Linear,
    #[hparam(default = 64)]
    inputs: usize,
    #[hparam(default = 10)]
    classes: usize,
    #[hparam(default = 3e-3)]
    lr: f64,
}

#[lightning_module]
impl Classifier {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(self.dropout.forward(relu(self.norm.forward(self.fc1.forward(x)))))
    }

    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }

    fn test_step(&self, batch: Rows) {
        #[log(maximize)]
        let test_acc = accuracy(&self.forward(batch.x), &batch.y);
    }

    fn predict_step(&self, batch: Rows) -> Tensor<2> {
        self.forward(batch.x)
    }
}

impl Classifier {
    fn dtypes(&self) -> [DType; 3] {
        let norm = self.norm.inner();
        [self.fc1.weight.val().dtype(), norm.gamma.val().dtype(), norm.running_mean.value_sync().dtype()]
    }
}

/// The digits as batches: the first 1437 to train with, the other 360 to test with.
fn digit_batches() -> (Vec<Rows>, Vec<Rows>) {
    let device = Device::default();
    let all = digits().unwrap();
    let batch = |part: &[Digit]| {
        let (pixels, labels): (Vec<[f32; 64]>, Vec<u8>) = part.iter().copied().unzip();
        Rows {
            x: Tensor::from_data(TensorData::new(pixels.concat(), [part.len(), 64]), &device),
            y: Tensor::from_data(TensorData::new(labels, [part.len()]), &device),
        }
    };
    (all[..1437].chunks(32).map(batch).collect(), all[1437..].chunks(90).map(batch).collect())
}

fn accuracy_in(precision: Precision) -> (f64, Classifier, FitReport<Classifier>) {
    let (train, test) = digit_batches();
    seed_everything(11);
    let mut model = Classifier::new(ClassifierHparams::default());
    let mut trainer = quiet(Classifier::trainer()).max_epochs(12).precision(precision).build().unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(train).unwrap()).unwrap();
    let tested = trainer.test(&mut model, DataLoader::from_batches(test).unwrap()).unwrap();
    (tested.get(Classifier::TEST_ACC).unwrap(), model, report)
}

#[test]
fn mixed_runs_learn_the_digits_as_float32_does() {
    let (expected, model, _) = accuracy_in(Precision::True32);
    assert!(expected > 0.85, "{expected}");
    assert_eq!(model.dtypes(), [DType::F32; 3]);
    for precision in [Precision::Mixed16, Precision::MixedBf16] {
        let (accuracy, model, report) = accuracy_in(precision);
        // Of 360 digits, three may come out otherwise.
        assert!((accuracy - expected).abs() < 3.5 / 360.0, "{precision}: {accuracy}, in float32 {expected}");
        assert_eq!(model.dtypes(), [DType::F32; 3], "{precision}");
        assert_eq!(report.global_step + report.skipped_steps, 12 * 45);
        assert!(report.skipped_steps < 10, "{precision}: {} steps were skipped", report.skipped_steps);
    }
}

#[test]
fn true_runs_keep_their_type_and_leave_marked_fields_in_float32() {
    for (precision, dtype) in
        [(Precision::True16, DType::F16), (Precision::TrueBf16, DType::BF16), (Precision::True64, DType::F64)]
    {
        let (accuracy, model, report) = accuracy_in(precision);
        assert!(accuracy > 0.8, "{precision}: {accuracy}");
        let norm = if precision == Precision::True64 { DType::F64 } else { DType::F32 };
        assert_eq!(model.dtypes(), [dtype, norm, norm]);
        assert_eq!(report.skipped_steps, 0);
    }
}

/// Casts a module as a user would by hand.
struct Double;

impl ModuleMapper for Double {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| {
            let trained = value.is_require_grad();
            let value = Tensor::from_inner(value.inner().cast(FloatDType::F64));
            if trained { value.require_grad() } else { value }
        })
    }
}

#[test]
fn true_64_is_the_loop_by_hand_bit_by_bit() {
    fn values(model: &Double64) -> Vec<f64> {
        let mut all: Vec<f64> = Vec::new();
        let norm = &model.norm;
        for tensor in [model.fc1.weight.val().into_data(), model.fc2.weight.val().into_data()] {
            all.extend(tensor.try_to_vec::<f64>().unwrap());
        }
        for tensor in [norm.gamma.val().into_data(), norm.running_var.value_sync().into_data()] {
            all.extend(tensor.try_to_vec::<f64>().unwrap());
        }
        all
    }
    let bits = |values: &[f64]| -> Vec<u64> { values.iter().map(|value| value.to_bits()).collect() };

    seed_everything(5);
    let data = batches(&[16; 20], 9);
    let model = Double64::new(Double64Hparams::default());
    let device = Device::default().autodiff();
    let mut by_hand = model.clone().valid().train().fork(&device).map(&mut Double);
    let mut optimizer = AdamConfig::new().init();
    for _ in 0..3 {
        for batch in &data {
            let x = Batch::to_device(batch.x.clone(), &device).cast(FloatDType::F64);
            let loss = cross_entropy(by_hand.forward(x), batch.y.clone());
            assert_eq!(loss.dtype(), DType::F64);
            let gradients = GradientsParams::from_grads(loss.backward(), &by_hand);
            by_hand = optimizer.step(0.01, by_hand, gradients);
        }
    }
    let by_hand = values(&by_hand.valid());
    let train = |mut model: Double64, fused: bool| {
        let trainer = quiet(Double64::trainer()).max_epochs(3).precision("64-true").fused_optimizers(fused);
        trainer.build().unwrap().fit(&mut model, DataLoader::from_batches(data.clone()).unwrap()).unwrap();
        values(&model)
    };
    assert_eq!(bits(&train(model.clone(), false)), bits(&by_hand));
    // Burn rounds its bias corrections to float32; those of the fused optimizer are PyTorch's.
    for (fused, by_hand) in train(model, true).into_iter().zip(by_hand) {
        assert!((fused - by_hand).abs() < 1e-5, "{fused} {by_hand}");
    }
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 0.01)]
struct Double64 {
    #[init(LinearConfig::new(8, 16).init(device))]
    fc1: Linear,
    #[init(BatchNormConfig::new(16).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(16, 3).init(device))]
    fc2: Linear,
}

#[lightning_module]
impl Double64 {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.norm.forward(self.fc1.forward(x))))
    }

    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.forward(batch.x), batch.y)
    }
}

#[test]
fn without_a_setting_types_are_left_alone() {
    seed_everything(5);
    let data: Vec<Rows> =
        batches(&[16; 4], 9).into_iter().map(|batch| Rows { x: batch.x.cast(FloatDType::F64), y: batch.y }).collect();
    let model = Double64::new(Double64Hparams::default());
    let mut model = model.train().map(&mut Double).valid();
    let mut trainer = quiet(Double64::trainer()).max_epochs(1).build().unwrap();
    trainer.fit(&mut model, data).unwrap();
    assert_eq!(model.fc1.weight.val().dtype(), DType::F64);
}

/// A linear classifier with something wrong in some batches.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Faulty {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    /// What the loss of batch 3 is multiplied by; `None` leaves the batch out.
    #[hparam]
    factor: Option<f32>,
    /// Whether that is so in every batch.
    #[hparam]
    always: bool,
}

#[lightning_module]
impl Faulty {
    fn training_step(&self, batch: Rows, batch_idx: usize) -> Option<Tensor<1>> {
        let logits = self.layer.forward(batch.x);
        #[log(minimize)]
        let train_loss = cross_entropy(logits, batch.y);
        if batch_idx == 3 || self.always {
            return self.factor.map(|factor| train_loss * factor);
        }
        Some(train_loss)
    }
}

fn run_faulty(factor: Option<f32>, precision: &str) -> (Vec<f32>, FitReport<Faulty>) {
    seed_everything(3);
    let mut model = Faulty::new(FaultyHparams::new(factor, false));
    let mut trainer = quiet(Faulty::trainer()).max_epochs(1).precision(precision).build().unwrap();
    let report = trainer.fit(&mut model, batches(&[64; 20], 8)).unwrap();
    (model.layer.weight.val().into_data().try_to_vec().unwrap(), report)
}

#[test]
fn an_overflow_skips_exactly_its_step() {
    // Finite, and infinite once it is multiplied by 65536.
    let (weights, report) = run_faulty(Some(1e36), "16-mixed");
    assert_eq!((report.skipped_steps, report.global_step, report.batch_step), (1, 19, 20));
    assert!(report.to_string().contains("skipped steps: 1"), "{report}");
    let (expected, report) = run_faulty(None, "16-mixed");
    assert_eq!((report.skipped_steps, report.skipped_batches, report.global_step), (0, 1, 19));
    // After the overflow the losses are scaled by 32768 instead of 65536: gradients below a 16384th
    // round at another place.
    for (weight, expected) in weights.iter().zip(&expected) {
        assert!((weight - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{weight} and {expected}");
    }
    // Nothing is skipped where no loss is scaled: there the number is the program's.
    let (weights, report) = run_faulty(Some(f32::INFINITY), "bf16-mixed");
    assert_eq!((report.skipped_steps, report.global_step), (0, 20));
    assert!(weights.iter().any(|weight| !weight.is_finite()));
}

#[test]
fn what_overflows_at_every_scale_is_an_error() {
    seed_everything(3);
    let mut model = Faulty::new(FaultyHparams::new(Some(f32::NAN), true));
    let before = bits(&model.layer.weight.val().into_data().try_to_vec::<f32>().unwrap());
    let mut trainer = quiet(Faulty::trainer()).max_epochs(1).precision("16-mixed").build().unwrap();
    let error = trainer.fit(&mut model, batches(&[16; 60], 8)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Anomaly);
    // 65536 falls below 0.0001 in the thirtieth halving.
    assert!(error.message().contains("30 steps were skipped"), "{error}");
    assert_eq!(error.location().batch, Some(29));
    assert_eq!(bits(&model.layer.weight.val().into_data().try_to_vec::<f32>().unwrap()), before);
}

/// A module whose loss is a mean of 16-bit numbers, too large to be scaled in float16.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct OwnLoss {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl OwnLoss {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let out = self.layer.forward(batch.x);
        assert_eq!(out.dtype(), DType::F16);
        out.powi_scalar(2).mean() + 3.0
    }
}

#[test]
fn a_loss_in_16_bits_is_scaled_in_float32() {
    seed_everything(3);
    let mut model = OwnLoss::new(OwnLossHparams::default());
    let before: Vec<f32> = model.layer.weight.val().into_data().try_to_vec().unwrap();
    let mut trainer = quiet(OwnLoss::trainer()).max_epochs(1).precision("16-mixed").build().unwrap();
    let report = trainer.fit(&mut model, batches(&[64; 3], 8)).unwrap();
    // 65536, with which the backward pass begins, is just beyond float16: one halving. The loss
    // itself would need two.
    assert_eq!((report.skipped_steps, report.global_step), (1, 2));
    assert_ne!(model.layer.weight.val().into_data().try_to_vec::<f32>().unwrap(), before);
}

#[test]
fn evaluation_computes_in_the_precision_and_changes_nothing() {
    let data = batches(&[16], 9);
    seed_everything(3);
    let mut model = Classifier::new(ClassifierHparams::default().with_inputs(8).with_classes(3));
    let before = bits(&model.fc1.weight.val().into_data().try_to_vec::<f32>().unwrap());
    for (precision, dtype) in [
        (Precision::True32, DType::F32),
        (Precision::True64, DType::F64),
        (Precision::True16, DType::F16),
        (Precision::TrueBf16, DType::BF16),
        (Precision::Mixed16, DType::F16),
        (Precision::MixedBf16, DType::BF16),
    ] {
        let mut trainer = quiet(Classifier::trainer()).precision(precision).build().unwrap();
        let out = trainer.predict(&mut model, data.clone()).unwrap().remove(0);
        assert_eq!(out.dtype(), dtype, "{precision}");
        trainer.test(&mut model, data.clone()).unwrap();
        assert_eq!(model.dtypes(), [DType::F32; 3], "{precision}");
    }
    assert_eq!(bits(&model.fc1.weight.val().into_data().try_to_vec::<f32>().unwrap()), before);
}

#[test]
fn a_network_with_unmarked_statistics_is_evaluated_in_16_bits_and_left_alone() {
    #[lightning_module]
    struct Plain {
        #[init(BatchNormConfig::new(8).init(device))]
        norm: BatchNorm,
    }

    #[lightning_module]
    impl Plain {
        fn predict_step(&self, batch: Rows) -> Tensor<2> {
            self.norm.forward(batch.x)
        }
    }

    let mut model = Plain::new(PlainHparams::default());
    let mut trainer = quiet(Plain::trainer()).precision("bf16-true").build().unwrap();
    let out = trainer.predict(&mut model, batches(&[16], 9)).unwrap().remove(0);
    assert_eq!(out.dtype(), DType::BF16);
    assert_eq!(model.norm.running_mean.value_sync().dtype(), DType::F32);
}

#[test]
fn settings_that_cannot_work_are_refused_with_what_can() {
    let error = Net::quiet().precision("16").max_steps(1).min_steps(2).build().unwrap_err().to_string();
    assert!(error.contains("unknown precision `16`; write `16-mixed` or `16-true`"), "{error}");
    assert!(error.contains("min_steps"), "{error}");

    #[lightning_module]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    struct ByHand {
        #[init(LinearConfig::new(8, 3).init(device))]
        layer: Linear,
    }

    #[lightning_module]
    impl ByHand {
        #[manual_optimization]
        fn training_step(&mut self, batch: Rows, optimizers: &mut Optimizers<Self>) -> Result<()> {
            let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
            let gradients = optimizers.backward(self, loss)?;
            optimizers.step(Self::OPTIMIZER, self, gradients)
        }
    }

    for mixed in ["16-mixed", "bf16-mixed"] {
        let error = quiet(ByHand::trainer()).precision(mixed).build().unwrap_err();
        assert_eq!(error.message(), format!("`precision(\"{mixed}\")` is not available with manual optimization"));
    }
    let mut trainer = quiet(ByHand::trainer()).max_epochs(1).precision("bf16-true").build().unwrap();
    let mut model = ByHand::new(ByHandHparams::default());
    trainer.fit(&mut model, batches(&[16; 2], 8)).unwrap();
    assert_eq!(model.layer.weight.val().dtype(), DType::BF16);
}

#[test]
fn a_search_cannot_skip_a_step() {
    #[lightning_module]
    #[optimizer(LBFGSConfig::new(), lr = 1.0)]
    struct Search {
        #[init(LinearConfig::new(8, 3).init(device))]
        layer: Linear,
    }

    #[lightning_module]
    impl Search {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.layer.forward(batch.x), batch.y)
        }
    }

    let mut model = Search::new(SearchHparams::default());
    for precision in ["16-mixed", "bf16-true"] {
        let mut trainer = quiet(Search::trainer()).max_epochs(1).precision(precision).build().unwrap();
        let error = trainer.fit(&mut model, batches(&[16], 8)).unwrap_err();
        assert!(error.message().contains("is L-BFGS") && error.message().contains(precision), "{error}");
    }
    let mut trainer = quiet(Search::trainer()).max_epochs(1).precision("bf16-mixed").build().unwrap();
    assert_eq!(trainer.fit(&mut model, batches(&[16], 8)).unwrap().global_step, 1);
}

#[test]
fn an_anomaly_is_looked_for_in_the_loss_alone_where_the_scale_is_being_found() {
    seed_everything(3);
    let mut model = Faulty::new(FaultyHparams::new(Some(1e36), false));
    let mut trainer =
        quiet(Faulty::trainer()).max_epochs(1).precision("16-mixed").detect_anomaly(true).build().unwrap();
    assert_eq!(trainer.fit(&mut model, batches(&[64; 5], 8)).unwrap().skipped_steps, 1);
    let mut model = Faulty::new(FaultyHparams::new(Some(f32::NAN), false));
    let mut trainer =
        quiet(Faulty::trainer()).max_epochs(1).precision("16-mixed").detect_anomaly(true).build().unwrap();
    let error = trainer.fit(&mut model, batches(&[64; 5], 8)).unwrap_err();
    assert_eq!(error.message(), "the loss is not finite");
}

#[test]
fn clipping_sees_the_gradients_as_they_are() {
    let run = |precision: &str| {
        seed_everything(3);
        let mut model = Net::new(NetHparams::default());
        let builder = Net::quiet().max_epochs(1).limit_val_batches(0).precision(precision).gradient_clip_val(0.05);
        let mut trainer = builder.build().unwrap();
        trainer.fit(&mut model, batches(&[16; 10], 8)).unwrap();
        model.parameters()
    };
    let (full, mixed) = (run("32-true"), run("16-mixed"));
    // Ten steps of norm 0.1 · 0.05, each within float16's 2^-11 of its direction.
    for (full, mixed) in full.iter().zip(&mixed) {
        assert!((full - mixed).abs() < 10.0 * 0.1 * 0.05 / 100.0, "{full} and {mixed}");
    }
}
