//! Gradients that are summed where they are. In the place of a GPU is the host: the ranks are threads
//! with a sum of tensors, which adds in the order that a sum on the host has.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::DType};
use lightning_core::{
    distributed::{Collective, Ddp, DeviceSum, Pending, Threads},
    prelude::*,
};

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 0.05)]
struct Net {
    #[init(LinearConfig::new(3, 4).init(device))]
    layer: Linear,
    #[init(LinearConfig::new(3, 4).init(device))]
    other: Linear,
    #[init(LinearConfig::new(4, 1).with_bias(false).init(device))]
    last: Linear,
}

#[lightning_module]
impl Net {
    /// `other` has a gradient only where the batch is one with an even number.
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let number = batch.clone().max().into_scalar::<f64>();
        let hidden = self.layer.forward(batch.clone());
        let hidden = if number % 2.0 == 0.0 { hidden + self.other.forward(batch) } else { hidden };
        self.last.forward(hidden.tanh()).powi_scalar(2).mean()
    }
}

/// Threads that sum tensors.
#[derive(Debug)]
struct WithDevice {
    threads: Arc<Threads>,
    sum: Option<OfThreads>,
}

#[derive(Debug)]
struct OfThreads {
    threads: Arc<Threads>,
    /// The number of sums.
    calls: Arc<AtomicUsize>,
}

impl DeviceSum for OfThreads {
    fn sum(&self, values: Tensor<1>) -> Result<Tensor<1>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let device = values.device();
        let mut data = values.into_data();
        match data.dtype() {
            DType::F64 => self.threads.sum_f64(data.as_mut_slice().unwrap())?,
            _ => self.threads.sum_f32(data.as_mut_slice().unwrap())?,
        }
        let dtype = data.dtype();
        Ok(Tensor::from_data(data, (&device, dtype)))
    }
}

impl Collective for WithDevice {
    fn name(&self) -> &str {
        self.threads.name()
    }
    fn rank(&self) -> usize {
        self.threads.rank()
    }
    fn world_size(&self) -> usize {
        self.threads.world_size()
    }
    fn local_rank(&self) -> usize {
        self.threads.local_rank()
    }
    fn local_size(&self) -> usize {
        self.threads.local_size()
    }
    fn sum_f32(&self, values: &mut [f32]) -> Result<()> {
        self.threads.sum_f32(values)
    }
    fn sum_f64(&self, values: &mut [f64]) -> Result<()> {
        self.threads.sum_f64(values)
    }
    fn all_to_all_f32(&self, from: &[f32], to: &mut [f32]) -> Result<()> {
        self.threads.all_to_all_f32(from, to)
    }
    fn all_gather_f32(&self, from: &[f32], to: &mut [f32]) -> Result<()> {
        self.threads.all_gather_f32(from, to)
    }
    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.threads.all_gather(bytes)
    }
    fn broadcast(&self, bytes: &mut Vec<u8>, root: usize) -> Result<()> {
        self.threads.broadcast(bytes, root)
    }
    fn barrier(&self) -> Result<()> {
        self.threads.barrier()
    }
    fn start_sum_f32(&self, values: Vec<f32>) -> Result<Box<dyn Pending>> {
        self.threads.start_sum_f32(values)
    }
    fn device_sum(&self, _device: &Device) -> Option<&dyn DeviceSum> {
        self.sum.as_ref().map(|sum| sum as &dyn DeviceSum)
    }
    fn abort(&self, code: i32) -> ! {
        self.threads.abort(code)
    }
}

#[derive(Clone, Copy)]
struct Run {
    ranks: usize,
    precision: &'static str,
    deterministic: bool,
    /// Which ranks can sum tensors.
    can: fn(usize) -> bool,
}

/// Five batches, the number `number` of which has this largest value.
fn batches() -> DataLoader<Tensor<2>> {
    let batch = |number: usize| {
        let values = [0.3, -0.7, number as f32, 0.1 * number as f32, -1.0, 0.9];
        Tensor::<1>::from_floats(values, &Device::default()).reshape([2, 3])
    };
    DataLoader::from_batches((1..6).map(batch).collect()).unwrap()
}

/// Returns the bits of the weights of each rank, and the number of sums of tensors in all.
fn trained(run: Run) -> (Vec<Vec<u64>>, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let weights = std::thread::scope(|scope| {
        let ranks: Vec<_> = Threads::new(run.ranks)
            .into_iter()
            .enumerate()
            .map(|(rank, threads)| {
                let calls = Arc::clone(&calls);
                scope.spawn(move || {
                    seed_everything(1);
                    let threads = Arc::new(threads);
                    let sum = (run.can)(rank).then(|| OfThreads { threads: Arc::clone(&threads), calls });
                    let mut net = Net::new(NetHparams::default());
                    let builder = Net::trainer().max_epochs(3).no_logger().enable_checkpointing(false);
                    let builder = builder.enable_progress_bar(false).enable_model_summary(false);
                    let builder = builder.precision(run.precision).deterministic(run.deterministic);
                    let builder = builder.strategy(Ddp::new().collective(WithDevice { threads, sum }));
                    builder.build().unwrap().fit(&mut net, batches()).unwrap();
                    let bits = |layer: &Linear| -> Vec<u64> {
                        layer.weight.val().into_data().iter::<f64>().map(f64::to_bits).collect()
                    };
                    [bits(&net.layer), bits(&net.other), bits(&net.last)].concat()
                })
            })
            .collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    });
    (weights, calls.load(Ordering::Relaxed))
}

/// In the last round some ranks have no batch, and in others a gradient is missing on some ranks.
#[test]
fn sums_on_the_device_have_the_bits_of_those_on_the_host() {
    for ranks in [2, 3, 4] {
        for precision in ["32-true", "64-true"] {
            let run = Run { ranks, precision, deterministic: false, can: |_| false };
            let (on_host, none) = trained(run);
            let (on_device, sums) = trained(Run { can: |_| true, ..run });
            assert_eq!(none, 0);
            // All gradients of a step are summed together.
            let steps = 3 * 5_usize.div_ceil(ranks);
            assert_eq!(sums, steps * ranks, "{ranks} ranks, {precision}");
            assert_eq!(on_device, on_host, "{ranks} ranks, {precision}");
            assert_eq!(on_host.iter().filter(|weights| **weights != on_host[0]).count(), 0);
        }
    }
}

#[test]
fn a_rank_that_cannot_sum_on_its_device_has_all_of_them_sum_on_the_host() {
    let run = Run { ranks: 3, precision: "32-true", deterministic: false, can: |_| false };
    let (on_host, _) = trained(run);
    let (weights, sums) = trained(Run { can: |rank| rank != 1, ..run });
    assert_eq!((weights, sums), (on_host, 0));
}

/// A library on a device chooses its own order, which is of no consequence for two values.
#[test]
fn sums_in_the_order_of_the_ranks_are_made_on_the_host() {
    let run = Run { ranks: 3, precision: "32-true", deterministic: true, can: |_| true };
    assert_eq!(trained(run).1, 0);
    assert!(trained(Run { ranks: 2, ..run }).1 > 0);
}
