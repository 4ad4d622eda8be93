//! `GradientAccumulationScheduler`: windows whose length changes during the run.

use std::sync::{Arc, Mutex};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{callbacks::GradientAccumulationScheduler, prelude::*, trainer::TrainerBuilder};

use crate::support::{Net, NetHparams, Rows, batches, bits, quiet};

#[test]
fn windows_follow_their_schedule() {
    let steps = |schedule: &[(u64, u64)], epochs: usize| {
        let accumulation = GradientAccumulationScheduler::new(schedule.iter().copied());
        let trainer = Net::quiet().max_epochs(epochs).limit_val_batches(0).callback(accumulation);
        let mut model = Net::new(NetHparams::default());
        let data = DataLoader::from_batches(batches(&[4; 10], 1)).unwrap();
        trainer.build().unwrap().fit(&mut model, data).unwrap().global_step
    };
    assert_eq!(steps(&[(0, 2)], 2), 10);
    assert_eq!(steps(&[(1, 3)], 3), 10 + 4 + 4);
    assert_eq!(steps(&[(2, 10), (1, 4)], 4), 10 + 3 + 1 + 1);
}

#[test]
fn a_schedule_of_one_entry_is_the_setting() {
    let train = |trainer: TrainerBuilder<Net>| {
        seed_everything(3);
        let mut model = Net::new(NetHparams::default());
        let data = DataLoader::from_batches(batches(&[4; 10], 1)).unwrap();
        trainer.max_epochs(2).limit_val_batches(0).build().unwrap().fit(&mut model, data).unwrap();
        bits(&model.parameters())
    };
    let scheduled = train(Net::quiet().callback(GradientAccumulationScheduler::new([(0, 4)])));
    assert_eq!(scheduled, train(Net::quiet().accumulate_grad_batches(4)));
    assert_ne!(scheduled, train(Net::quiet()));
}

#[test]
fn windows_of_a_module_that_optimizes_by_itself_are_refused() {
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
    let trainer = quiet(ByHand::trainer()).callback(GradientAccumulationScheduler::new([(2, 2)]));
    let text = trainer.build().unwrap_err().to_string();
    assert!(
        text.contains("GradientAccumulationScheduler") && text.contains("not available with manual optimization"),
        "{text}"
    );
}

/// A module whose schedule asks how long the run will be.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = Cosine::new(0.1, cx.estimated_optimizer_steps()?), interval = step)]
struct Planned {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Planned {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

#[test]
fn the_estimate_of_steps_knows_the_schedule_of_windows() {
    struct Last(Arc<Mutex<f64>>);
    impl<M> Callback<M> for Last {
        fn on_train_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            *self.0.lock().unwrap() = cx.learning_rates()[0].1;
            Ok(())
        }
    }
    let last = Arc::new(Mutex::new(1.0));
    let accumulation = GradientAccumulationScheduler::new([(1, 4)]);
    let trainer = quiet(Planned::trainer()).max_epochs(3).callback(accumulation).callback(Last(Arc::clone(&last)));
    let mut model = Planned::new(PlannedHparams::default());
    let data = DataLoader::from_batches(batches(&[4; 10], 1)).unwrap();
    let report = trainer.build().unwrap().fit(&mut model, data).unwrap();
    assert_eq!(report.global_step, 10 + 3 + 3);
    assert!(*last.lock().unwrap() < 1e-12, "the cosine ends with the run");
}
