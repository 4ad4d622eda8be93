//! The finders of learning rate and batch size.

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::Distribution};
use lightning_core::{
    prelude::*,
    trainer::{BatchSizeFinder, BatchSizeMode, BatchSizeSearch, FitReport, LearningRateFinder, LrFinder, LrRange},
};

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = Cosine::new(lr, 100), interval = step)]
struct Net {
    #[init(LinearConfig::new(8, 32).init(device))]
    first: Linear,
    #[init(BatchNormConfig::new(32).init(device))]
    norm: BatchNorm,
    #[init(DropoutConfig::new(0.1).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(32, 1).init(device))]
    last: Linear,
    #[state]
    seen: u64,
    #[hparam(default = 0.01)]
    lr: f64,
}

#[lightning_module]
impl Net {
    fn training_step(&self, x: Tensor<2>) -> Tensor<1> {
        let target = x.clone().sum_dim(1);
        let hidden = self.dropout.forward(self.norm.forward(self.first.forward(x)));
        #[log(minimize)]
        let train_loss = mse_loss(self.last.forward(hidden), target);
        train_loss
    }
    fn validation_step(&self, x: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.last.forward(self.first.forward(x)).square().mean();
    }
    fn on_train_batch_end(&mut self) {
        self.seen += 1;
    }
}

#[data_module]
struct Points {
    #[hparam(default = 16)]
    batch_size: usize,
    /// The rows of all batches.
    #[hparam(default = 1024)]
    rows: usize,
    /// The columns of a row.
    #[hparam(default = 8)]
    columns: usize,
    #[state]
    asked: u64,
}

#[data_module]
impl Points {
    fn train_dataloader(&mut self) -> Result<DataLoader<Tensor<2>>> {
        self.asked += 1;
        let columns = self.columns;
        let rows: Vec<u32> = (0..self.rows as u32).collect();
        let collate = move |rows: Vec<u32>| -> Result<Tensor<2>> {
            let values: Vec<f32> = rows
                .iter()
                .flat_map(|row| (0..columns).map(move |column| ((row + 7 * column as u32) % 13) as f32 / 13.0))
                .collect();
            Ok(Tensor::from_data(TensorData::new(values, [rows.len(), columns]), &data::host()))
        };
        DataLoader::builder(rows).batch_size(self.batch_size).shuffle(true).collate(collate).build()
    }
    fn val_dataloader(&self) -> Vec<Tensor<2>> {
        vec![Tensor::ones([4, 8], &Device::default())]
    }
}

/// The weights, running statistics and state of a model, as bits.
fn bits(model: &Net) -> (Vec<u32>, u64) {
    let tensors = [
        model.first.weight.val().into_data(),
        model.last.weight.val().into_data(),
        model.norm.running_mean.value().into_data(),
        model.norm.running_var.value().into_data(),
    ];
    let values = tensors.into_iter().flat_map(|data| data.try_to_vec::<f32>().unwrap());
    (values.map(f32::to_bits).collect(), model.seen)
}

fn trainer(folder: &std::path::Path) -> Trainer<Net> {
    let builder = Net::trainer().max_epochs(2).default_root_dir(folder).enable_progress_bar(false);
    builder.enable_model_summary(false).log_every_n_steps(1).build().unwrap()
}

/// A search before the training, or none, and the weights and logs after it.
fn trained(find: bool) -> ((Vec<u32>, u64), String, Option<LrFinder>) {
    let folder = tempfile::TempDir::new().unwrap();
    seed_everything(3);
    let mut data = Points::new(PointsHparams::default());
    let mut model = Net::new(NetHparams::default());
    let mut trainer = trainer(folder.path());
    let mut found = None;
    if find {
        let before = bits(&model);
        found = Some(trainer.find_lr(&model, &mut data).unwrap());
        assert_eq!(bits(&model), before);
        assert_eq!(data.asked, 0);
        assert_eq!((trainer.global_step(), trainer.current_epoch()), (0, 0));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files were written");
    }
    trainer.fit(&mut model, &mut data).unwrap();
    let log = std::fs::read_to_string(trainer.log_dir().join("metrics.csv")).unwrap();
    (bits(&model), log, found)
}

#[test]
fn a_run_after_the_finder_is_the_run_without_it() {
    let (found, plain) = (trained(true), trained(false));
    assert_eq!(found.0, plain.0);
    assert_eq!(found.1, plain.1);
}

#[test]
fn the_curve_is_the_same_to_the_bit() {
    let run = || trained(true).2.unwrap();
    let (first, second) = (run(), run());
    assert_eq!(first, second);
    assert!(first.suggestion().is_some_and(|lr| (1e-8..1.0).contains(&lr)), "{first}");
    assert!(first.plot().contains("<circle"));
}

/// Row T3: `lr_find` with an accumulation of 2, without early stopping.
#[test]
fn t3_a_rate_for_each_step_of_two_batches() {
    seed_everything(3);
    let mut data = Points::new(PointsHparams::default());
    let model = Net::new(NetHparams::default());
    let mut trainer = Net::trainer().max_epochs(2).accumulate_grad_batches(2).no_logger().build().unwrap();
    let found = trainer.find_lr_in(&model, &mut data, LrRange::default().early_stop(None)).unwrap();
    assert_eq!(found.curve().len(), 100);
    // The last batch has the index 199.
    assert_eq!(found.batches(), 200);
    assert_eq!(found.curve().first().map(|(rate, _)| *rate), Some(1e-8));
    assert_eq!(found.curve().last().map(|(rate, _)| *rate), Some(1.0));
}

#[test]
fn a_loss_that_diverges_ends_the_test() {
    #[lightning_module]
    #[optimizer(burn::optim::SgdConfig::new(), lr = 1.0)]
    struct Steep {
        #[init(LinearConfig::new(4, 1).init(device))]
        layer: Linear,
    }
    #[lightning_module]
    impl Steep {
        fn training_step(&self, x: Tensor<2>) -> Tensor<1> {
            self.layer.forward(x).square().mean()
        }
    }
    seed_everything(1);
    let model = Steep::new(SteepHparams::default());
    let data = || vec![Tensor::<2>::random([4, 4], Distribution::Default, &Device::default()) * 100.0; 5];
    let mut trainer = Steep::trainer().max_epochs(1).no_logger().build().unwrap();
    let found = trainer.find_lr(&model, DataLoader::from_batches(data()).unwrap()).unwrap();
    assert!(found.stopped_early() && found.curve().len() < 100, "{found}");
    let error = trainer
        .find_lr_in(&model, DataLoader::from_batches(data()).unwrap(), LrRange::linear(1.0, 0.5).steps(1))
        .unwrap_err();
    assert!(error.to_string().contains("must go from a positive rate to a larger one, found 1.0 and 0.5"), "{error}");
    assert!(error.to_string().contains("at least 2 steps, found 1"), "{error}");
}

/// Row T1: `scale_batch_size` where every size fits.
#[test]
fn t1_batch_sizes_that_always_fit() {
    seed_everything(3);
    let data = Points::new(PointsHparams::default());
    let model = Net::new(NetHparams::default());
    let before = bits(&model);
    let mut trainer = Net::trainer().max_epochs(1).no_logger().enable_checkpointing(false).build().unwrap();
    let power = BatchSizeMode::Power;
    let rows = [(3, power, 2, 8), (3, BatchSizeMode::BinarySearch, 2, 7), (1, power, 4, 4), (0, power, 2, 2)];
    for (trials, mode, first, wanted) in rows {
        let search = BatchSizeSearch::new().max_trials(trials).mode(mode).init_val(first);
        let found = trainer.find_batch_size_by(&model, &data, search).unwrap();
        assert_eq!((found.suggestion(), found.trials().len()), (wanted, trials), "{found}");
    }
    assert_eq!(bits(&model), before);
    assert_eq!((data.batch_size, data.asked), (16, 0));
    // More samples than there are end the search.
    let found = trainer.find_batch_size(&model, &data).unwrap();
    assert_eq!(found.suggestion(), 2048, "{found}");
}

#[test]
fn what_the_finders_refuse() {
    let model = Net::new(NetHparams::default());
    let data = Points::new(PointsHparams::default());
    let mut trainer = Net::trainer().max_epochs(1).no_logger().build().unwrap();
    let search = BatchSizeSearch::new().batch_arg_name("bath_size");
    let error = trainer.find_batch_size_by(&model, &data, search).unwrap_err();
    assert!(error.to_string().contains("needs the hyperparameter `bath_size` of the data module `Points`"), "{error}");
    let error = trainer.find_batch_size_by(&model, &data, BatchSizeSearch::new().init_val(0)).unwrap_err();
    assert!(error.to_string().contains("`init_val` must be at least 1, found 0"), "{error}");
}

/// A run of some epochs with the callback, and the model after it.
fn with_callback(folder: &std::path::Path, epochs: usize, resume: Resume) -> (Net, FitReport<Net>) {
    seed_everything(3);
    let mut data = Points::new(PointsHparams::default());
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::trainer()
        .callback(LearningRateFinder::new(|net: &mut Net, lr| net.lr = lr))
        .max_epochs(epochs)
        .default_root_dir(folder)
        .resume_from(resume)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .build()
        .unwrap();
    let report = trainer.fit(&mut model, &mut data).unwrap();
    (model, report)
}

#[test]
fn the_callback_trains_with_the_rate_of_the_function() {
    let folder = tempfile::TempDir::new().unwrap();
    let (model, _) = with_callback(folder.path(), 2, Resume::Never);
    // By hand: find, set, train.
    seed_everything(3);
    let mut data = Points::new(PointsHparams::default());
    let mut by_hand = Net::new(NetHparams::default());
    let other = tempfile::TempDir::new().unwrap();
    let mut trainer = trainer(other.path());
    by_hand.lr = trainer.find_lr(&by_hand, &mut data).unwrap().suggestion().unwrap();
    trainer.fit(&mut by_hand, &mut data).unwrap();
    assert_eq!(model.lr.to_bits(), by_hand.lr.to_bits());
    assert_ne!(model.lr, 0.01);
    assert_eq!(bits(&model), bits(&by_hand));
    let hparams = std::fs::read_to_string(folder.path().join("lightning_logs/version_0/hparams.json")).unwrap();
    assert!(hparams.contains(&format!("{:?}", model.lr)), "{hparams}");
}

#[test]
fn a_resumed_run_keeps_the_rate_that_was_found() {
    let (whole, halves) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
    let (undisturbed, _) = with_callback(whole.path(), 4, Resume::Never);
    let (first, _) = with_callback(halves.path(), 2, Resume::Never);
    let (resumed, report) = with_callback(halves.path(), 4, Resume::Last);
    assert_eq!(first.lr.to_bits(), resumed.lr.to_bits());
    assert_eq!(report.global_step, 256);
    assert_eq!(bits(&resumed), bits(&undisturbed));
}

#[test]
fn the_callback_of_batch_sizes_sets_that_of_the_data() {
    seed_everything(3);
    let mut data = Points::new(PointsHparams::default());
    let mut model = Net::new(NetHparams::default());
    let search = BatchSizeSearch::new().max_trials(3);
    let finder = BatchSizeFinder::new(|points: &mut Points, size| points.batch_size = size).search(search);
    let builder = Net::trainer().callback(finder).max_epochs(1).no_logger().enable_checkpointing(false);
    let mut trainer = builder.enable_progress_bar(false).build().unwrap();
    let report = trainer.fit(&mut model, &mut data).unwrap();
    // 2, 4, 8.
    assert_eq!((data.batch_size, report.global_step), (8, 128));
}

#[test]
fn what_the_callbacks_refuse() {
    let mut model = Net::new(NetHparams::default());
    let quiet = || Net::trainer().max_epochs(1).no_logger().enable_checkpointing(false).enable_progress_bar(false);
    let loader = || vec![Tensor::<2>::ones([4, 8], &Device::default()); 4];

    let mut rate = quiet().callback(LearningRateFinder::new(|net: &mut Net, lr| net.lr = lr)).build().unwrap();
    let error = rate.fit(&mut model, loader()).unwrap_err().to_string();
    assert!(error.contains("`LearningRateFinder` needs data that can be read twice, found loaders"), "{error}");

    let size = BatchSizeFinder::new(|points: &mut Points, size| points.batch_size = size);
    let error = quiet().callback(size).build().unwrap().fit(&mut model, loader()).unwrap_err().to_string();
    assert!(error.contains("sets the batch size of the data module `Points`, found other data"), "{error}");

    let wrong = LearningRateFinder::new(|_: &mut Net, _| ()).range(LrRange::linear(1.0, 0.5));
    let error = quiet().callback(wrong).build().unwrap_err().to_string();
    assert!(error.contains("must go from a positive rate to a larger one"), "{error}");

    // A panic of the closure is an error before the run begins.
    let panics = LearningRateFinder::new(|_: &mut Net, _| panic!("no such field"));
    let mut data = Points::new(PointsHparams::default());
    let error = quiet().callback(panics).build().unwrap().fit(&mut model, &mut data).unwrap_err();
    assert!(error.to_string().contains("panicked: no such field"), "{error}");
    assert!(format!("{error:?}").contains("LearningRateFinder"), "{error:?}");
}

#[test]
fn a_fast_dev_run_finds_nothing() {
    let mut model = Net::new(NetHparams::default());
    let mut data = Points::new(PointsHparams::default());
    let finder = LearningRateFinder::new(|net: &mut Net, lr| net.lr = lr);
    let mut trainer = Net::trainer().callback(finder).fast_dev_run(1).enable_progress_bar(false).build().unwrap();
    trainer.fit(&mut model, &mut data).unwrap();
    assert_eq!((model.lr, data.asked), (0.01, 1));
}

/// What the program `batch_memory` prints: a number.
fn batch_memory(mode: &str, number: u64) -> u64 {
    let program = env!("CARGO_BIN_EXE_batch_memory");
    let output = std::process::Command::new(program).args([mode, &number.to_string()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim().parse().unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Other processes measure what the found size takes, and a size 10 % above it.
#[test]
fn the_largest_batch_below_a_memory_limit() {
    if !std::path::Path::new("/proc/self/clear_refs").exists() {
        println!("skipped: needs /proc");
        return;
    }
    let limit = 600 << 20;
    let size = batch_memory("find", limit);
    let (found, larger) = (batch_memory("fits", size), batch_memory("fits", size * 10 / 9 + 1));
    assert!(found <= limit, "{size} samples take {found} bytes");
    assert!(larger > limit, "{} samples take {larger} bytes", size * 10 / 9 + 1);
}
