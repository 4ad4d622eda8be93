//! What cannot be trained in several processes, and what the errors say. The ranks are threads of
//! one process, so that no launcher is needed.

use burn::{
    nn::*,
    optim::{LBFGSConfig, SgdConfig},
    prelude::*,
};
use lightning_core::{
    distributed::{Ddp, Threads},
    prelude::*,
    trainer::TrainerBuilder,
};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net {
    #[init(LinearConfig::new(2, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
    #[state(skip)]
    gathered: Vec<Vec<f64>>,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize, on_step, on_epoch)]
        let loss = self.layer.forward(batch).mean();
        loss
    }
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(reduce = sum)]
        let val_sum = batch.sum();
    }
    fn predict_step(&self, batch: Tensor<2>, cx: &StepContext) -> (usize, Vec<f32>) {
        (cx.dataloader_idx(), batch.into_data().iter().collect())
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        cx.barrier()?;
        let own = cx.rank() as f64 + 0.5;
        self.gathered.push(cx.all_gather(&own)?);
        Ok(())
    }
}

#[lightning_module]
#[optimizer(LBFGSConfig::new(), lr = 0.1)]
struct Second {
    #[init(LinearConfig::new(2, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Second {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).powi_scalar(2).mean()
    }
}

fn quiet<M: LightningModule>(builder: TrainerBuilder<M>, ranks: Threads) -> TrainerBuilder<M> {
    let builder = builder.max_epochs(2).limit_val_batches(0).no_logger().enable_checkpointing(false);
    let builder = builder.enable_progress_bar(false).enable_model_summary(false);
    builder.deterministic(true).strategy(Ddp::new().collective(ranks))
}

/// Runs `body` on each of several ranks, and returns what they return.
fn on_ranks<T: Send>(ranks: usize, body: impl Fn(usize, Threads) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = Threads::new(ranks)
            .into_iter()
            .enumerate()
            .map(|(rank, collective)| {
                let body = &body;
                scope.spawn(move || {
                    seed_everything(1);
                    body(rank, collective)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The errors of all ranks, of a `fit` that cannot be.
fn errors(ranks: usize, body: impl Fn(usize, Threads) -> Result<()> + Sync) -> Vec<String> {
    on_ranks(ranks, body).into_iter().map(|result| result.unwrap_err().to_string()).collect()
}

fn batches(count: usize) -> DataLoader<Tensor<2>> {
    let batch = |number: usize| Tensor::<2>::full([1, 2], number as f32 + 1.0, &Device::default());
    DataLoader::from_batches((0..count).map(batch).collect()).unwrap()
}

fn stream(numbers: impl Iterator<Item = usize> + Clone + Send + Sync + 'static) -> DataLoader<Tensor<2>> {
    DataLoader::from_iter(move |_, _| {
        numbers.clone().map(|number| Tensor::<2>::full([1, 2], number as f32, &Device::default()))
    })
}

fn fit(builder: TrainerBuilder<Net>, hparams: NetHparams, data: DataLoader<Tensor<2>>) -> Result<Net> {
    let mut net = Net::new(hparams);
    builder.build()?.fit(&mut net, data)?;
    Ok(net)
}

fn weights(net: &Net) -> Vec<u32> {
    let values = net.layer.weight.val().into_data();
    values.iter::<f32>().map(f32::to_bits).collect()
}

#[test]
fn hooks_exchange_values() {
    let nets = on_ranks(3, |_, ranks| fit(quiet(Net::trainer(), ranks), NetHparams::default(), batches(5)).unwrap());
    for net in &nets {
        assert_eq!(net.gathered, vec![vec![0.5, 1.5, 2.5]; 2]);
        assert_eq!(weights(net), weights(&nets[0]));
    }
}

#[test]
fn a_value_of_an_evaluation_is_that_of_all_batches() {
    let sums = on_ranks(2, |_, ranks| {
        let mut trainer = quiet(Net::trainer(), ranks).limit_val_batches(1.0).build().unwrap();
        let report = trainer.validate(&mut Net::new(NetHparams::default()), batches(5)).unwrap();
        report.get(Net::VAL_SUM)
    });
    // 2 (1 + 2 + 3 + 4 + 5), each batch once.
    assert_eq!(sums, [Some(30.0), Some(30.0)]);
}

#[test]
fn predictions_are_gathered_in_the_order_of_the_data() {
    let expected: Vec<(usize, Vec<f32>)> =
        [(0, 1.0), (0, 2.0), (0, 3.0), (1, 1.0), (1, 2.0)].map(|(loader, x)| (loader, vec![x; 2])).into();
    let outputs = on_ranks(2, |_, ranks| {
        let mut trainer = quiet(Net::trainer(), ranks).build().unwrap();
        let mut net = Net::new(NetHparams::default());
        trainer.predict_gathered(&mut net, vec![batches(3), batches(2)]).unwrap()
    });
    assert_eq!(outputs, [expected.clone(), expected]);
}

#[test]
fn a_stream_is_divided_by_the_program() {
    let whole = errors(2, |_, ranks| fit(quiet(Net::trainer(), ranks), NetHparams::default(), stream(0..4)).map(drop));
    let what = "a run with several processes cannot divide a loader that does not know its length";
    assert!(whole.iter().all(|error| error.contains(what)), "{whole:?}");

    let wrong = errors(2, |_, ranks| {
        fit(quiet(Net::trainer(), ranks), NetHparams::default(), stream(0..4).shared(0, 3)).map(drop)
    });
    assert!(wrong[1].contains("the loader must be the share of rank 1 of 2, found `shared(0, 3)`"), "{wrong:?}");

    // 3 and 2 batches: in the last round one rank has none.
    let nets = on_ranks(2, |rank, ranks| {
        let own = stream((rank..5).step_by(2)).shared(rank, 2);
        fit(quiet(Net::trainer(), ranks), NetHparams::default(), own).unwrap()
    });
    assert_eq!(weights(&nets[0]), weights(&nets[1]));
    seed_everything(1);
    let mut alone = Net::new(NetHparams::default());
    let builder = Net::trainer().max_epochs(2).limit_val_batches(0).no_logger().enable_checkpointing(false);
    builder.accumulate_grad_batches(2).build().unwrap().fit(&mut alone, stream(0..5)).unwrap();
    assert_eq!(weights(&nets[0]), weights(&alone));
}

#[test]
fn ranks_that_differ_are_named() {
    let hparams = errors(2, |rank, ranks| {
        let hparams = NetHparams::default().with_lr(if rank == 1 { 0.2 } else { 0.1 });
        fit(quiet(Net::trainer(), ranks), hparams, batches(4)).map(drop)
    });
    let what = "all ranks must have the same program: rank 0 has the hyperparameter `lr` 0.1, rank 1 has the \
                hyperparameter `lr` 0.2";
    assert!(hparams.iter().all(|error| error.contains(what)), "{hparams:?}");

    let settings = errors(2, |rank, ranks| {
        let builder = quiet(Net::trainer(), ranks).accumulate_grad_batches(1 + rank as u64);
        fit(builder, NetHparams::default(), batches(4)).map(drop)
    });
    let what = "rank 0 has `accumulate_grad_batches` 1, rank 1 has `accumulate_grad_batches` 2";
    assert!(settings.iter().all(|error| error.contains(what)), "{settings:?}");

    let lengths =
        errors(2, |rank, ranks| fit(quiet(Net::trainer(), ranks), NetHparams::default(), batches(4 + rank)).map(drop));
    let what = "all ranks must have the same training data: rank 0 has 4 batches in loader 0, rank 1 has 5 batches";
    assert!(lengths.iter().all(|error| error.contains(what)), "{lengths:?}");
}

#[test]
fn an_optimizer_that_needs_one_process_is_refused() {
    let refused = errors(2, |_, ranks| {
        let mut net = Second::new(SecondHparams::default());
        quiet(Second::trainer(), ranks).build()?.fit(&mut net, batches(4)).map(drop)
    });
    assert!(
        refused.iter().all(|error| error.contains("is L-BFGS, which evaluates the loss of one batch")),
        "{refused:?}"
    );
}

#[test]
fn a_loader_that_is_divided_already_stays_as_it_is() {
    let nets = on_ranks(2, |rank, ranks| {
        let own = batches(4).len().unwrap() / 2;
        let builder = quiet(Net::trainer(), ranks).use_distributed_sampler(false);
        let share: Vec<Tensor<2>> = (0..own)
            .map(|number| Tensor::<2>::full([1, 2], (2 * number + rank) as f32 + 1.0, &Device::default()))
            .collect();
        fit(builder, NetHparams::default(), DataLoader::from_batches(share)?)
    });
    let divided = on_ranks(2, |_, ranks| fit(quiet(Net::trainer(), ranks), NetHparams::default(), batches(4)));
    assert_eq!(weights(nets[0].as_ref().unwrap()), weights(divided[0].as_ref().unwrap()));
}
