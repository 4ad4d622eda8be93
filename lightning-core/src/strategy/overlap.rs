//! Sums of gradients that go on during the backward pass.
//!
//! In the pass that fills an accumulation buffer, an identity operation on each parameter sees the
//! gradient as soon as it is complete. Gradients are summed in buckets, which all processes start in
//! the same order: that in which the first process has had the gradients of its first pass.
//!
//! Burn runs backward passes by depth: an operation on a parameter itself would run last. Each
//! identity operation therefore gets a second parent, which takes no gradient and is as deep as the
//! place at which the parameter is used.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, OnceLock},
};

use burn::tensor::{Device, Tensor, TensorData, kind::BridgeTensor};

use super::{ambient, reduce::unexpected};
use crate::{
    distributed::{Collective, Pending},
    error::Result,
    optim::{GradientStore, add},
    precision::widened,
    tensor::{
        any_rank::with_rank,
        custom_op::{CustomOp, custom_op},
        handle::{Handle, read_all},
    },
};

/// The number of elements from which on a bucket is summed.
const BUCKET: usize = 1 << 20;

/// How much deeper each parameter's operation is than that of the one used before it. Layers of up
/// to so many operations are told apart; with deeper ones sums start later, and are as right.
const DEPTH: usize = 16;

/// Which gradients are summed together, and in which order.
#[derive(Debug)]
pub(super) struct Plan {
    /// The parameters of each bucket, by index and number of elements.
    buckets: Vec<Vec<(usize, usize)>>,
    taps: Arc<Taps>,
}

impl Plan {
    /// `order`: all parameters with a gradient, by index and number of elements, in the order in
    /// which their gradients are complete.
    pub(super) fn new(order: &[(usize, usize)]) -> Self {
        let mut buckets: Vec<Vec<(usize, usize)>> = Vec::new();
        let mut elements = BUCKET;
        for param in order {
            if elements >= BUCKET {
                buckets.push(Vec::new());
                elements = 0;
            }
            elements += param.1;
            buckets.last_mut().into_iter().for_each(|bucket| bucket.push(*param));
        }
        let order = order.iter().map(|(index, _)| *index).collect();
        Self { buckets, taps: Arc::new(Taps { order, after: OnceLock::new() }) }
    }

    pub(super) fn taps(&self) -> Arc<Taps> {
        Arc::clone(&self.taps)
    }
}

/// The operations that see the gradients of parameters.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    /// The parameters in the order in which their gradients are complete.
    order: Vec<usize>,
    /// The second parent of each parameter's operation.
    after: OnceLock<BTreeMap<usize, Tensor<1>>>,
}

impl Taps {
    /// Returns the second parents, each deeper than that of the parameter used before. The gradient
    /// that is complete last belongs to the parameter that is used first.
    fn after(&self, device: &Device) -> &BTreeMap<usize, Tensor<1>> {
        self.after.get_or_init(|| {
            let mut deep = Tensor::<1>::zeros([1], device);
            let mut after = BTreeMap::new();
            for index in self.order.iter().rev() {
                after.insert(*index, deep.clone());
                for _ in 0..DEPTH {
                    deep = deep.add_scalar(1.0);
                }
            }
            after
        })
    }

    /// Returns a parameter's value with an operation on it, which tells the strategy of the
    /// gradient.
    pub(crate) fn on(&self, index: usize, value: BridgeTensor) -> BridgeTensor {
        with_rank!(value.rank(), D => {
            let value = Tensor::<D>::from_bridge(value);
            let tapped = custom_op(&value, &value.clone().inner(), &Tap { index }, self.after(&value.device()).get(&index));
            // Without the operation, the gradient is summed after the backward pass.
            tapped.unwrap_or(value).into_bridge()
        }, value)
    }
}

#[derive(Clone, Copy, Debug)]
struct Tap {
    index: usize,
}

impl<const D: usize> CustomOp<D> for Tap {
    fn backward(self, gradient: Tensor<D>) -> Tensor<D> {
        ambient::gradient(self.index, || gradient.clone().into_bridge());
        gradient
    }
}

/// The sums of a backward pass that is running.
pub(super) struct Sums {
    buckets: Vec<Vec<(usize, usize)>>,
    /// The parameters of all buckets.
    planned: BTreeSet<usize>,
    /// The next bucket to start.
    next: usize,
    /// What the accumulation buffer has already, by index.
    accumulated: BTreeMap<usize, BridgeTensor>,
    ready: BTreeMap<usize, BridgeTensor>,
    pending: Vec<Box<dyn Pending>>,
    collective: Arc<dyn Collective>,
}

impl fmt::Debug for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} sums started", self.next, self.buckets.len())
    }
}

impl Sums {
    pub(super) fn new(plan: &Plan, gradients: &GradientStore, collective: Arc<dyn Collective>) -> Self {
        Self {
            buckets: plan.buckets.clone(),
            planned: plan.buckets.iter().flatten().map(|(index, _)| *index).collect(),
            next: 0,
            accumulated: gradients.iter().map(|(index, gradient)| (index, gradient.value.clone())).collect(),
            ready: BTreeMap::new(),
            pending: Vec::new(),
            collective,
        }
    }

    /// Takes a complete gradient, and starts the sums that it was the last one for.
    ///
    /// # Errors
    /// If a process was lost.
    pub(super) fn add(&mut self, index: usize, gradient: BridgeTensor) -> Result<()> {
        if !self.planned.contains(&index) {
            return Ok(());
        }
        let gradient = widened(gradient);
        let gradient = match self.accumulated.remove(&index) {
            Some(sum) => add(sum, gradient),
            None => gradient,
        };
        self.ready.insert(index, gradient);
        while let Some(bucket) = self.buckets.get(self.next)
            && bucket.iter().all(|(index, _)| self.ready.contains_key(index))
        {
            let values = bucket.iter().filter_map(|(index, _)| self.ready.remove(index)).map(Handle::Device);
            // sync: once a bucket, since the sum is made on the host.
            let values = read_all(values.collect())?;
            self.start(&values)?;
        }
        Ok(())
    }

    fn start(&mut self, values: &[TensorData]) -> Result<()> {
        let mut all = Vec::new();
        for data in values {
            all.extend_from_slice(data.as_slice::<f32>().map_err(unexpected)?);
        }
        self.pending.push(self.collective.start_sum_f32(all)?);
        self.next += 1;
        Ok(())
    }

    /// Starts the other sums, with the gradients of `buffer` or zeros, and waits for all. Returns
    /// the sums by the indices of the parameters.
    ///
    /// # Errors
    /// If a process was lost, or the device fails.
    pub(super) fn finish(mut self, buffer: &GradientStore) -> Result<BTreeMap<usize, Vec<f32>>> {
        let own: BTreeMap<usize, &BridgeTensor> =
            buffer.iter().map(|(index, gradient)| (index, &gradient.value)).collect();
        while let Some(bucket) = self.buckets.get(self.next) {
            let values = bucket.iter().map(|(index, elements)| match own.get(index) {
                Some(value) => Handle::Device((*value).clone()),
                None => Handle::Host(TensorData::zeros::<f32, _>([*elements])),
            });
            // sync: once a bucket.
            let values = read_all(values.collect())?;
            self.start(&values)?;
        }
        let mut sums = BTreeMap::new();
        for (bucket, pending) in self.buckets.iter().zip(self.pending) {
            let values = pending.wait()?;
            let mut rest = values.as_slice();
            for (index, elements) in bucket {
                let (own, others) = rest.split_at_checked(*elements).unwrap_or_default();
                sums.insert(*index, own.to_vec());
                rest = others;
            }
        }
        Ok(sums)
    }

    /// Lets the other processes finish their sums, after an error of this one.
    pub(super) fn abandon(self) {
        // If the others are lost too, there is nobody to finish for.
        let _ = self.finish(&GradientStore::default());
    }
}

/// The order of the gradients of a first pass, while it is learned.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<usize>);

impl Order {
    pub(super) fn add(&mut self, index: usize) {
        self.0.retain(|known| *known != index);
        self.0.push(index);
    }

    /// Returns the order, with the other parameters of `all` at its end.
    pub(super) fn complete(&self, all: &BTreeSet<usize>) -> Vec<usize> {
        let known = self.0.iter().filter(|index| all.contains(index));
        let others = all.iter().rev().filter(|index| !self.0.contains(index));
        known.chain(others).copied().collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use burn::module::ParamId;

    use super::*;
    use crate::{
        distributed::{Threads, watchdog::Watchdog},
        optim::Weight,
        strategy::{DataParallel, Parameters, Point, Strategy},
    };

    /// Layers of one weight each, which are used in this order.
    const LAYERS: usize = 4;
    /// As many values as fill a bucket.
    const WIDTH: usize = BUCKET;

    /// One step of a rank: returns the order of the gradients, how many sums had started when the
    /// backward pass had ended, and the sums of the first layer.
    fn step(strategy: &mut Box<dyn Strategy>, rank: usize, at: u64) -> (usize, Vec<f32>) {
        let device = Device::default().autodiff();
        let ids: Vec<ParamId> = (0..LAYERS).map(|_| ParamId::new()).collect();
        let weights: Vec<Tensor<1>> = (0..LAYERS)
            .map(|layer| Tensor::<1>::full([WIDTH], 1.0 + layer as f32 / 4.0, &device).require_grad())
            .collect();
        let taps = strategy.taps(0).unwrap();
        let tapped: Vec<Tensor<1>> = weights
            .iter()
            .enumerate()
            .map(|(index, weight)| Tensor::from_bridge(taps.on(index, weight.clone().into_bridge())))
            .collect();
        let input = Tensor::<1>::full([WIDTH], 1.0 + rank as f32, &device);
        let loss = tapped.into_iter().fold(input, |x, weight| (x * weight).tanh()).sum();
        let point = Point::new("test", 0, at);
        let mut buffer = GradientStore::default();
        strategy.begin_backward(point, 0, &buffer, true).unwrap();
        let mut gradients = ambient::lend(strategy, point, || Ok(loss.backward())).unwrap();
        let started = format!("{strategy:?}");
        for (index, (weight, id)) in weights.iter().zip(&ids).enumerate() {
            buffer.put(index, *id, weight.grad_remove(&mut gradients).unwrap().into_bridge());
        }
        buffer.set_micro_batches(1, Weight::Number(1.0));
        let names = || Ok(Vec::new());
        let device = Device::default();
        strategy.reduce(point, &mut buffer, &Parameters { buffer: 0, device: &device, names: &names }).unwrap();
        let sums = Handle::Device(buffer.get(0, ids[0]).unwrap().clone());
        let values = read_all(vec![sums]).unwrap()[0].iter::<f32>().take(2).collect();
        let started = (0..=LAYERS).rev().find(|n| started.contains(&format!("{n} of {LAYERS} sums started")));
        (started.unwrap_or(0), values)
    }

    #[test]
    fn sums_start_during_the_backward_pass() {
        let ranks = Threads::new(2);
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = ranks
                .into_iter()
                .map(|ranks| {
                    scope.spawn(|| {
                        let rank = ranks.rank();
                        let ranks: Arc<dyn Collective> = Arc::new(ranks);
                        let watchdog = Watchdog::new(Duration::from_secs(60), Arc::clone(&ranks)).unwrap();
                        let mut strategy: Box<dyn Strategy> =
                            Box::new(DataParallel::new(ranks, watchdog, false).overlapping());
                        strategy.open();
                        let first = step(&mut strategy, rank, 0);
                        let second = step(&mut strategy, rank, 1);
                        strategy.close();
                        (first, second)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for ((before, after), (started, sums)) in &results {
            // The first pass learns the order.
            assert_eq!((*before, *started), (0, LAYERS));
            assert_eq!(after, sums);
        }
        assert_eq!(results[0], results[1]);
    }

    #[test]
    fn buckets_have_the_order_in_which_gradients_are_complete() {
        let mut order = Order::default();
        for index in [3, 1, 2] {
            order.add(index);
        }
        // Of 0 no gradient was seen, and 2 has none now.
        assert_eq!(order.complete(&BTreeSet::from([0, 1, 3])), [3, 1, 0]);
        let order = [(3, 10), (1, BUCKET), (0, 5)];
        let plan = Plan::new(&order);
        assert_eq!(plan.buckets, [vec![(3, 10), (1, BUCKET)], vec![(0, 5)]]);
    }
}
