//! The weights of a model are those of its seed, whatever other threads build and whenever they are read.

use std::thread;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use crate::support::{Rows, batches, bits, quiet};

#[lightning_module]
struct Encoder {
    #[init(LinearConfig::new(8, 64).init(device))]
    first: Linear,
    #[init(LinearConfig::new(64, 8).init(device))]
    second: Linear,
}

#[lightning_module]
impl Encoder {
    fn predict_step(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.forward(self.first.forward(x))
    }
}

/// A module with another one in it, a copy, which is drawn early, and a random buffer.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.0)]
struct Net {
    #[init(LinearConfig::new(8, 8).init(device))]
    stem: Linear,
    #[init(Encoder::new_on(EncoderHparams::default(), device))]
    encoder: Encoder,
    #[init(copy_of(encoder))]
    copy: Encoder,
    #[buffer(Tensor::random([8], burn::tensor::Distribution::Default, device))]
    noise: Tensor<1>,
    #[init(LinearConfig::new(8, 3).init(device))]
    head: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let x = self.encoder.predict_step(self.stem.forward(batch.x)) + self.noise.clone().unsqueeze();
        cross_entropy(self.head.forward(x), batch.y)
    }
}

impl Net {
    fn values(&self) -> Vec<u32> {
        let layers =
            [&self.stem, &self.encoder.first, &self.encoder.second, &self.copy.first, &self.copy.second, &self.head];
        let tensors = layers.iter().map(|layer| layer.weight.val().into_data()).chain([self.noise.to_data()]);
        tensors.flat_map(|data| bits(&data.try_to_vec::<f32>().unwrap())).collect()
    }
}

/// The first two models of a seed.
fn two(seed: u64) -> [Vec<u32>; 2] {
    seed_everything(seed);
    let (first, second) = (Net::new(NetHparams::default()), Net::new(NetHparams::default()));
    // The order in which they are read does not matter.
    let second = second.values();
    [first.values(), second]
}

#[test]
fn models_built_at_once_have_the_weights_of_their_seeds() {
    let alone: Vec<_> = (0..6).map(two).collect();
    for round in 0..8 {
        let built: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|seed| scope.spawn(move || two(seed))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(built == alone, "round {round}");
    }
    for (at, [first, second]) in alone.iter().enumerate() {
        assert_ne!(first, second, "two models of seed {at}");
    }
    assert_ne!(alone[0], alone[1]);
}

#[test]
fn two_models_of_one_program_start_from_different_weights() {
    seed_everything(5);
    let mut models = [Net::new(NetHparams::default()), Net::new(NetHparams::default())];
    for model in &mut models {
        // The rate is 0: the weights are those that training begins with.
        let mut trainer = quiet(Net::trainer()).max_epochs(1).build().unwrap();
        trainer.fit(model, DataLoader::from_batches(batches(&[8], 1)).unwrap()).unwrap();
    }
    let [first, second] = models.map(|model| model.values());
    assert_ne!(first, second);
    assert_eq!([first, second], two(5), "and these are the weights of `new`");
}

#[test]
fn a_checkpoint_that_is_loaded_takes_no_seed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.ckpt");
    let [_, expected] = two(9);
    seed_everything(9);
    let first = Net::new(NetHparams::default());
    quiet(Net::trainer()).build().unwrap().save_checkpoint(&first, &path).unwrap();
    let loaded = Net::load_from_checkpoint(&path).unwrap();
    assert_eq!(loaded.values(), first.values());
    assert_eq!(Net::new(NetHparams::default()).values(), expected);
}
