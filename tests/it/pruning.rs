//! `Pruning`, against `torch.nn.utils.prune`.

use std::collections::HashMap;

use burn::{
    nn::*,
    optim::{SgdConfig, momentum::MomentumConfig},
    prelude::*,
    tensor::activation::tanh,
};
use lightning_core::{callbacks::Pruning, prelude::*, trainer::TrainerBuilder};

use crate::{
    averaging_support::{Normed, NormedHparams, fit, floats, linear, loader, reference},
    support::{Rows, SaveAfterBatch, quiet},
};

/// Which weights are left, as torch's masks: `[out, in]`.
fn left(layer: &Linear) -> Vec<u8> {
    floats(layer.weight.val().transpose()).iter().map(|weight| u8::from(*weight != 0.0)).collect()
}

/// Torch's weights of the start, which a rate of 0 leaves as they are.
fn masks(pruning: Pruning, epochs: usize) -> HashMap<String, Vec<u8>> {
    let mut model = Normed::new(NormedHparams::default().with_lr(0.0));
    let pruning = pruning.parameters(params::regex("weight$"));
    let trainer = quiet(Normed::trainer()).max_epochs(epochs).callback(pruning);
    trainer.build().unwrap().fit(&mut model, (loader(), loader())).unwrap();
    HashMap::from([("body".to_owned(), left(&model.body)), ("head".to_owned(), left(&model.head))])
}

#[test]
fn the_masks_of_equal_weights_are_torchs() {
    let expected = reference();
    let amounts = |epoch: u64| match epoch {
        0 => callbacks::PruningAmount::Fraction(0.3),
        1 => 0.5.into(),
        _ => 7.into(),
    };
    assert_eq!(masks(Pruning::l1_unstructured().amount_at(amounts), 3), expected.pruned_globally);
    let amounts = |epoch: u64| match epoch {
        0 | 1 => callbacks::PruningAmount::Fraction(0.25),
        _ => 2.into(),
    };
    let each = Pruning::l1_unstructured().use_global_unstructured(false).amount_at(amounts);
    assert_eq!(masks(each, 3), expected.pruned_each);
}

/// Torch's network with momentum, which moves pruned weights on.
#[lightning_module]
#[optimizer(SgdConfig::new().with_momentum(Some(MomentumConfig::torch_defaults())), lr = 0.1)]
pub struct Moving {
    #[init(linear("body", 8, 6, device))]
    body: Linear,
    #[init(BatchNormConfig::new(6).init(device))]
    norm: BatchNorm,
    #[init(linear("head", 6, 3, device))]
    head: Linear,
}

#[lightning_module]
impl Moving {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let x = tanh(self.norm.forward(self.body.forward(batch.x)));
        cross_entropy(self.head.forward(x), batch.y)
    }
}

#[test]
fn pruned_weights_stay_zero_while_the_others_train_as_torchs_do() {
    let pruning = Pruning::l1_unstructured()
        .amount(0.5)
        .use_global_unstructured(false)
        .parameters(params::regex("weight$"))
        .apply_at(|epoch| epoch == 1 || epoch == 3);
    let mut model = Moving::new(MovingHparams::default());
    let builder = quiet(Moving::trainer()).max_epochs(5).accumulate_grad_batches(2).callback(pruning);
    builder.build().unwrap().fit(&mut model, loader()).unwrap();
    let expected = reference().trained_pruned;
    for (name, layer) in [("body.weight", &model.body), ("head.weight", &model.head)] {
        for (ours, theirs) in floats(layer.weight.val().transpose()).iter().zip(&expected[name]) {
            assert_eq!(*ours == 0.0, *theirs == 0.0, "{name}: {ours}, torch has {theirs}");
            assert!((ours - theirs).abs() / theirs.abs().max(0.1) < 5e-5, "{name}: {ours}, torch has {theirs}");
        }
    }
}

#[test]
fn a_lottery_ticket_goes_back_to_the_start() {
    let start = Normed::new(NormedHparams::default());
    let ticket = Pruning::l1_unstructured()
        .amount(0.5)
        .parameters(Normed::HEAD)
        .apply_at(|epoch| epoch == 4)
        .use_lottery_ticket_hypothesis(true);
    let (model, _) = fit(Normed::trainer().callback(ticket));
    let (ours, first) = (floats(model.head.weight.val()), floats(start.head.weight.val()));
    assert!(ours.iter().zip(&first).all(|(ours, first)| *ours == 0.0 || ours == first), "{ours:?} of {first:?}");
    let zeros = ours.iter().filter(|weight| **weight == 0.0).count();
    let biases = floats(model.head.bias.as_ref().unwrap().val());
    let all = zeros + biases.iter().filter(|bias| **bias == 0.0).count();
    assert_eq!(all, 10, "half of 21, rounded half to even");
    assert_ne!(floats(model.body.weight.val()), floats(start.body.weight.val()), "the others have been trained");
}

#[test]
fn random_pruning_takes_the_share_and_the_seed_says_which() {
    let run = || {
        let pruning = Pruning::random_unstructured().amount(0.25).parameters(Normed::BODY).apply_at(|epoch| epoch == 4);
        let (model, _) = fit(Normed::trainer().callback(pruning));
        floats(model.body.weight.val())
    };
    let weights = run();
    let zeros = weights.iter().filter(|weight| **weight == 0.0).count();
    assert!((8..=14).contains(&zeros), "{zeros} of 48 weights, with 6 biases a quarter is 14");
    assert_eq!(weights, run());
}

#[test]
fn the_masks_are_in_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("8.ckpt");
    let pruning = Pruning::l1_unstructured().amount(0.5).parameters(Normed::BODY);
    fit(Normed::trainer().callback(pruning).callback(SaveAfterBatch { batch: 8, path: path.clone() }));
    let inspected = lightning_core::checkpoint::inspect(&path).unwrap();
    let mask = inspected.tensors.iter().find(|tensor| tensor.name == "callback.Pruning.mask.body.weight").unwrap();
    assert_eq!(mask.shape, [8, 6]);
}

#[test]
fn amounts_and_names_that_cannot_be_are_reported() {
    let refused = |pruning: Pruning| {
        let trainer: TrainerBuilder<Normed> = quiet(Normed::trainer()).max_epochs(1).callback(pruning);
        let mut model = Normed::new(NormedHparams::default());
        match trainer.build() {
            Err(error) => error.to_string(),
            Ok(mut trainer) => trainer.fit(&mut model, (loader(), loader())).unwrap_err().to_string(),
        }
    };
    assert!(refused(Pruning::l1_unstructured().amount(1.5)).contains("from 0.0 to 1.0, found 1.5"));
    assert!(refused(Pruning::l1_unstructured().amount(-3)).contains("from 0.0 to 1.0, found -3.0"));
    assert!(refused(Pruning::l1_unstructured().amount(10_000)).contains("remain, found 10000"));
    assert!(refused(Pruning::l1_unstructured().parameters(params::below("tail"))).contains("to prune, found none in"));
}
