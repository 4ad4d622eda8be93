//! What the tests share: a small module, small data, a callback that writes a ledger.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{Rng, prelude::*, trainer::TrainerBuilder};

#[derive(Batch, Clone, Debug)]
pub struct Rows {
    pub x: Tensor<2>,
    pub y: Tensor<1, Int>,
}

/// A linear classifier of 8 inputs and 3 classes.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
pub struct Net {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
}

#[lightning_module]
impl Net {
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }

    pub fn weight(&self) -> Vec<f32> {
        self.layer.weight.val().into_data().try_to_vec().unwrap()
    }

    pub fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }

    pub fn validation_step(&self, batch: Rows) {
        let logits = self.forward(batch.x);
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&logits, &batch.y);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.y);
    }

    pub fn test_step(&self, batch: Rows) {
        #[log(maximize)]
        let test_acc = accuracy(&self.forward(batch.x), &batch.y);
    }

    pub fn predict_step(&self, batch: Rows) -> Vec<i32> {
        self.forward(batch.x).argmax(1).into_data().convert::<i32>().try_to_vec().unwrap()
    }
}

impl Net {
    /// Weights, then biases.
    pub fn parameters(&self) -> Vec<f32> {
        let mut all = self.weight();
        all.extend(self.layer.bias.as_ref().unwrap().val().into_data().try_to_vec::<f32>().unwrap());
        all
    }

    pub fn is_training(&self) -> bool {
        self.layer.weight.val().is_autodiff()
    }

    /// A trainer that shows and writes nothing.
    pub fn quiet() -> TrainerBuilder<Self> {
        quiet(Self::trainer())
    }
}

/// A trainer that shows and writes nothing.
pub fn quiet<M>(builder: TrainerBuilder<M>) -> TrainerBuilder<M> {
    builder.no_logger().enable_checkpointing(false).enable_progress_bar(false).enable_model_summary(false)
}

/// Batches of random points whose class is the largest of the first three inputs.
pub fn batches(sizes: &[usize], seed: u64) -> Vec<Rows> {
    let mut rng = Rng::new(seed);
    let device = Device::default();
    sizes
        .iter()
        .map(|size| {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            for _ in 0..*size {
                let point: [f32; 8] = std::array::from_fn(|_| rng.normal() as f32);
                let class = (0..3).max_by(|a, b| point[*a].total_cmp(&point[*b])).unwrap();
                x.extend(point);
                y.push(class as i32);
            }
            Rows {
                x: Tensor::from_data(TensorData::new(x, [*size, 8]), &device),
                y: Tensor::from_data(TensorData::new(y, [*size]), &device),
            }
        })
        .collect()
}

/// Saves a checkpoint after a number of batches.
#[derive(Clone, Debug)]
pub struct SaveAfterBatch {
    pub batch: u64,
    pub path: PathBuf,
}

impl<M: LightningModule> Callback<M> for SaveAfterBatch {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        if cx.batch_step() == self.batch {
            cx.save_checkpoint(module, &self.path)?;
        }
        Ok(())
    }
}

/// What was called, in order.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Vec<String>>>);

impl Ledger {
    pub fn add(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// `impl Callback` whose every method calls `visit` of the callback with `C.` and the method's name.
macro_rules! visit_every_hook {
    ($callback:ident) => {
        $crate::support::visit_every_hook!($callback:
            setup teardown on_fit_start on_fit_end on_sanity_check_start on_sanity_check_end on_train_start on_train_end
            on_train_epoch_start on_train_epoch_end on_train_batch_start on_train_batch_end
            on_before_zero_grad on_before_backward on_after_backward on_before_optimizer_step
            on_validation_start on_validation_end on_validation_epoch_start on_validation_epoch_end
            on_validation_batch_start on_validation_batch_end
            on_test_start on_test_end on_test_epoch_start on_test_epoch_end on_test_batch_start on_test_batch_end
            on_predict_start on_predict_end on_predict_epoch_start on_predict_epoch_end
            on_predict_batch_start on_predict_batch_end on_exception
        );
    };
    ($callback:ident: $($method:ident)*) => {
        impl<M> lightning_core::Callback<M> for $callback {
            $(fn $method(
                &mut self,
                _cx: &mut lightning_core::CallbackContext<'_>,
                _module: &mut M,
            ) -> lightning_core::Result<()> {
                self.visit(concat!("C.", stringify!($method)))
            })*
        }
    };
}
pub(crate) use visit_every_hook;

/// The bits of every value of a list, to compare exactly.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// SIGINT, or SIGTERM where the parent process ignores SIGINT, as a shell does for a job in the
/// background: a run leaves an ignored signal alone.
pub fn sigint() -> i32 {
    use signal_hook::consts::{SIGINT, SIGTERM};

    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default();
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap_or_default();
    if (ignored >> (SIGINT - 1)) & 1 == 0 {
        return SIGINT;
    }
    eprintln!("SKIPPED: SIGINT is ignored by the parent process; SIGTERM takes its place");
    SIGTERM
}
