//! Runs whose callbacks change the weights, the rates or the windows, resumed anywhere: equal to
//! the run that never stopped.

use burn::{nn::*, optim::*, prelude::*, tensor::Distribution, tensor::activation::relu};
use lightning_core::{
    Rng,
    callbacks::{
        AveragingPoint, BackboneFinetuning, EmaWeightAveraging, GradientAccumulationScheduler, Pruning,
        StochasticWeightAveraging, WeightAveraging,
    },
    prelude::*,
};

use crate::{
    resume_exact::{Case, MOMENTS, Program, noisy, program, try_case},
    support::Rows,
};

noisy!(
    WithEma,
    WithEmaHparams,
    AdamWConfig::new(),
    EmaWeightAveraging::new().decay(0.8).update_every_n_steps(2).update_starting_at_step(1)
);
noisy!(
    WithMeanOfEpochs,
    WithMeanOfEpochsHparams,
    SgdConfig::new(),
    WeightAveraging::new().use_buffers(false).should_update(|at| matches!(at, AveragingPoint::Epoch(0 | 2)))
);
noisy!(
    WithSwa,
    WithSwaHparams,
    SgdConfig::new(),
    StochasticWeightAveraging::new(0.05).swa_epoch_start(2).annealing_epochs(2)
);
noisy!(WithWindows, WithWindowsHparams, AdamWConfig::new(), GradientAccumulationScheduler::new([(0, 2), (1, 3)]));
noisy!(
    WithBackbone,
    WithBackboneHparams,
    AdamWConfig::new(),
    BackboneFinetuning::new(WithBackbone::FC1).unfreeze_backbone_at_epoch(1).lambda_func(|_| 1.5)
);
noisy!(
    WithPruning,
    WithPruningHparams,
    AdamWConfig::new(),
    Pruning::l1_unstructured().amount(0.3).parameters(params::regex("weight$"))
);
noisy!(
    WithTicket,
    WithTicketHparams,
    SgdConfig::new(),
    Pruning::random_unstructured().amount(0.2).use_lottery_ticket_hypothesis(true)
);

/// How many configurations are tried with each; a hundred times as many by hand.
fn tries() -> u64 {
    std::env::var("RESUME_TRIES").ok().and_then(|tries| tries.parse().ok()).unwrap_or(3)
}

fn try_all<M: Program>(seed: u64, own_windows: bool)
where
    (DataLoader<Rows>, DataLoader<Rows>): data::FitData<M>,
{
    let mut resumed = 0;
    for number in 0..tries() {
        let mut rng = Rng::new(seed + number);
        let mut case = Case::random(&mut rng);
        case.epochs = case.epochs.max(2);
        if own_windows {
            case.accumulate = 1;
        }
        let last = case.epochs * case.items.div_ceil(case.batch_size);
        let mut moments: Vec<_> =
            (0..8).map(|_| (MOMENTS[rng.random_range(0..8)], rng.random_range(0..last + 1) as u64)).collect();
        // The end is where most can go wrong.
        let per_epoch = last / case.epochs;
        moments.extend(MOMENTS.iter().map(|moment| (*moment, last as u64)));
        moments.extend(MOMENTS.iter().map(|moment| (*moment, per_epoch as u64)));
        resumed += try_case::<M>(&case, moments);
    }
    assert!(resumed > tries() as usize, "{resumed} checkpoints were tried");
}

#[test]
fn an_exponential_average() {
    try_all::<WithEma>(2000, false);
}

#[test]
fn a_mean_of_epochs() {
    try_all::<WithMeanOfEpochs>(2100, false);
}

#[test]
fn stochastic_weight_averaging() {
    try_all::<WithSwa>(2200, false);
}

#[test]
fn windows_that_change() {
    try_all::<WithWindows>(2300, true);
}

#[test]
fn a_backbone_that_is_unfrozen() {
    try_all::<WithBackbone>(2400, false);
}

#[test]
fn pruned_weights() {
    try_all::<WithPruning>(2500, false);
    try_all::<WithTicket>(2600, false);
}
