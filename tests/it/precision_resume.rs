//! Runs in 16 bits that are resumed: bit by bit the runs that never stopped, with the loss scale;
//! and resumed otherwise.

use burn::{nn::*, optim::*, prelude::*, tensor::activation::relu};
use lightning_core::{ErrorKind, Rng, prelude::*, trainer::TrainerBuilder};

use crate::{
    resume_exact::{Case, MOMENTS, Program, try_case},
    support::{Net, NetHparams, Rows, SaveAfterBatch, batches},
};

/// A module whose loss overflows in float16 now and then, with the rest of what moves in a run.
macro_rules! overflowing {
    ($name:ident, $hparams:ident, $precision:literal, $config:expr) => {
        #[lightning_module]
        #[optimizer($config, lr = 1e-2)]
        struct $name {
            #[init(LinearConfig::new(8, 12).init(device))]
            fc1: Linear,
            #[precision(f32)]
            #[init(BatchNormConfig::new(12).init(device))]
            norm: BatchNorm,
            #[init(DropoutConfig::new(0.3).init())]
            dropout: Dropout,
            #[init(LinearConfig::new(12, 3).with_layout(LinearLayout::Col).init(device))]
            fc2: Linear,
        }

        #[lightning_module]
        impl $name {
            fn forward(&self, x: Tensor<2>) -> Tensor<2> {
                self.fc2.forward(self.dropout.forward(relu(self.norm.forward(self.fc1.forward(x)))))
            }

            fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
                #[log(minimize, on_step, on_epoch)]
                let train_loss = cross_entropy(self.forward(batch.x), batch.y);
                let overflows = $precision == "16-mixed" && cx.rng().uniform() < 0.2;
                if overflows { train_loss * 1e36 } else { train_loss }
            }

            fn validation_step(&self, batch: Rows) {
                #[log(minimize)]
                let val_loss = cross_entropy(self.forward(batch.x), batch.y);
            }
        }

        impl Program for $name {
            fn fresh() -> Self {
                $name::new($hparams::default())
            }

            fn early_stopping() -> EarlyStopping<Self> {
                EarlyStopping::new($name::VAL_LOSS)
            }

            fn with_callbacks(builder: TrainerBuilder<Self>) -> TrainerBuilder<Self> {
                builder.precision($precision)
            }
        }
    };
}

overflowing!(Mixed16, Mixed16Hparams, "16-mixed", AdamWConfig::new().with_weight_decay(0.05));
overflowing!(MixedBf16, MixedBf16Hparams, "bf16-mixed", AdamConfig::new());
overflowing!(TrueBf16, TrueBf16Hparams, "bf16-true", AdamConfig::new());
overflowing!(True16, True16Hparams, "16-true", SgdConfig::new());
overflowing!(True64, True64Hparams, "64-true", RmsPropConfig::new());

#[test]
fn a_run_in_16_bits_resumed_anywhere_is_the_run_that_never_stopped() {
    let mut resumed = 0;
    for seed in 0..10 {
        let mut rng = Rng::new(2000 + seed);
        let case = Case::random(&mut rng);
        let last = case.epochs * case.items.div_ceil(case.batch_size);
        let moments: Vec<_> =
            (0..8).map(|_| (MOMENTS[rng.random_range(0..8)], rng.random_range(0..last + 1) as u64)).collect();
        resumed += match seed % 5 {
            0 => try_case::<Mixed16>(&case, moments),
            1 => try_case::<MixedBf16>(&case, moments),
            2 => try_case::<TrueBf16>(&case, moments),
            3 => try_case::<True16>(&case, moments),
            _ => try_case::<True64>(&case, moments),
        };
    }
    assert!(resumed > 10, "{resumed} checkpoints were tried");
}

#[test]
fn the_loss_scale_is_in_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.ckpt");
    seed_everything(7);
    let mut model = Mixed16::fresh();
    let mut trainer = crate::support::quiet(Mixed16::trainer())
        .precision("16-mixed")
        .max_epochs(3)
        .limit_val_batches(0)
        .build()
        .unwrap();
    let report = trainer.fit(&mut model, batches(&[16; 10], 3)).unwrap();
    assert!(report.skipped_steps > 0);
    trainer.save_checkpoint(&model, &path).unwrap();
    let inspected = lightning_core::checkpoint::inspect(&path).unwrap();
    let metadata = serde_json::to_value(&inspected.metadata).unwrap();
    let expected = 65536.0 * 0.5_f64.powi(report.skipped_steps as i32);
    assert_eq!(metadata["run"]["scaler"][0]["scale"].as_f64(), Some(expected));
    assert_eq!(metadata["run"]["counters"]["skipped_steps"].as_u64(), Some(report.skipped_steps));
}

fn fit(precision: &str, resume: Option<std::path::PathBuf>, save: Option<SaveAfterBatch>) -> Result<Vec<f32>> {
    seed_everything(7);
    let mut builder = Net::quiet().max_epochs(1).limit_val_batches(0).accumulate_grad_batches(4).precision(precision);
    if let Some(path) = resume {
        builder = builder.resume_from(path);
    }
    if let Some(save) = save {
        builder = builder.callback(save);
    }
    let mut model = Net::new(NetHparams::default());
    builder.build()?.fit(&mut model, batches(&[16; 4], 3))?;
    Ok(model.parameters())
}

/// Two of the window's four gradients are in the checkpoint, as they were scaled there.
#[test]
fn a_window_goes_on_in_another_precision() {
    let folder = tempfile::tempdir().unwrap();
    let full = fit("32-true", None, None).unwrap();
    for (before, after) in [("16-mixed", "32-true"), ("32-true", "16-mixed"), ("16-mixed", "bf16-mixed")] {
        let path = folder.path().join(format!("{before}.ckpt"));
        fit(before, None, Some(SaveAfterBatch { batch: 2, path: path.clone() })).unwrap();
        let resumed = fit(after, Some(path), None).unwrap();
        for (resumed, full) in resumed.iter().zip(&full) {
            // One step of 0.1 times a gradient below 1, to the 8 bits of bfloat16.
            assert!((resumed - full).abs() < 0.1 / 256.0, "{before} and {after}: {resumed}, in float32 {full}");
        }
    }
}

#[test]
fn states_in_another_type_are_not_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("double.ckpt");
    let mut model = True64::fresh();
    let mut trainer = crate::support::quiet(True64::trainer())
        .precision("64-true")
        .max_epochs(1)
        .limit_val_batches(0)
        .build()
        .unwrap();
    trainer.fit(&mut model, batches(&[16; 2], 3)).unwrap();
    trainer.save_checkpoint(&model, &path).unwrap();
    let mut trainer = crate::support::quiet(True64::trainer()).max_epochs(2).resume_from(path.clone()).build().unwrap();
    let error = trainer.fit(&mut True64::fresh(), batches(&[16; 2], 3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(
        error.message().contains("`precision` was `64-true` when the checkpoint was written and is `32-true` now"),
        "{error}"
    );
    assert_eq!(error.location().path.as_deref(), Some(&*path));
}
