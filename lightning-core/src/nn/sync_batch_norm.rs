//! Batch normalization with the statistics of all processes.

use burn::{
    module::{Flag, Module, Param, RunningState},
    nn::BatchNorm,
    tensor::{FloatDType, Tensor, TensorData, module},
};

use crate::{
    strategy::ambient,
    tensor::{
        custom_op::{CustomOp, custom_op},
        readback,
    },
};

/// Batch normalization with the mean and the variance of the batches of all processes that train
/// together, as `torch.nn.SyncBatchNorm`. Written as a field in place of
/// [`BatchNorm`], of which it is made:
///
/// ```
/// use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{nn::SyncBatchNorm, prelude::*};
///
/// #[lightning_module]
/// #[optimizer(SgdConfig::new(), lr = 0.1)]
/// struct Net {
///     #[init(LinearConfig::new(4, 8).init(device))]
///     layer: Linear,
///     #[init(BatchNormConfig::new(8).init(device).into())]
///     norm: SyncBatchNorm,
/// }
///
/// #[lightning_module]
/// impl Net {
///     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
///         self.norm.forward(self.layer.forward(batch)).square().mean()
///     }
/// }
/// ```
///
/// Parameters, checkpoints and results in one process are those of [`BatchNorm`], whose own
/// statistics in several processes are those of each process's batches. Each `forward` and each
/// backward pass exchanges twice as many values as the layer has channels.
///
/// In training every process needs a batch in every step: data whose batches cannot be divided
/// evenly is an error of all processes.
///
/// The formulas are those of Ioffe and Szegedy 2015, "Batch Normalization: Accelerating Deep Network
/// Training by Reducing Internal Covariate Shift"; variances of batches are combined as by Chan et
/// al. 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances".
#[derive(Module, Debug)]
pub struct SyncBatchNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    training: Param<Flag>,
    running_mean: RunningState<Tensor<1>>,
    running_var: RunningState<Tensor<1>>,
    momentum: f64,
    epsilon: f64,
}

impl From<BatchNorm> for SyncBatchNorm {
    fn from(norm: BatchNorm) -> Self {
        let BatchNorm { gamma, beta, training, running_mean, running_var, momentum, epsilon } = norm;
        Self { gamma, beta, training, running_mean, running_var, momentum, epsilon }
    }
}

impl SyncBatchNorm {
    /// Normalizes each channel. `input` has the shape `[batch, channels, …]`, and so has the result.
    ///
    /// # Panics
    /// If the input has a rank below 2, or another number of channels.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let [channels] = self.gamma.dims();
        assert!(
            D >= 2 && input.dims().get(1) == Some(&channels),
            "the input must have the shape [batch, {channels}, …], found {:?}",
            input.dims()
        );
        let (gamma, beta) = (self.gamma.val(), self.beta.val());
        let is_training = input.device().is_autodiff() && self.training.is_enabled();
        if !is_training {
            let device = input.device();
            let [mean, var] = [&self.running_mean, &self.running_var].map(|state| state.value().to_device(&device));
            return module::batch_norm(input, gamma, beta, mean, var, self.epsilon);
        }
        match self.normalize(&input) {
            Some(normalized) => normalized.mul(channels_of(gamma)).add(channels_of(beta)),
            None => {
                let result = module::batch_norm_train(input, gamma, beta, self.epsilon);
                self.update(result.mean.detach(), result.variance.detach());
                result.output
            }
        }
    }

    /// Normalizes with the statistics of all processes, and updates the running ones; `None` in a
    /// process alone.
    fn normalize<const D: usize>(&self, input: &Tensor<D>) -> Option<Tensor<D>> {
        if !ambient::is_lent() {
            return None;
        }
        let (values, dtype) = (input.clone().inner(), input.dtype());
        let rows = rows(values.clone());
        let [channels, count] = rows.dims();
        let mean = rows.clone().mean_dim(1);
        let squares = rows.sub(mean.clone()).square().sum_dim(1);
        let mut own = readback::floats(mean);
        own.extend(readback::floats(squares));
        own.push(count as f32);
        let all = ambient::gather("SyncBatchNorm", &own)?;
        let Statistics { mean, variance, count } = combined(&all, channels);

        let device = values.device();
        let (mean, variance) = (tensor(&mean, &device), tensor(&variance, &device));
        let inverse = variance.clone().add_scalar(self.epsilon).sqrt().recip();
        let shaped = |values: Tensor<1>| channels_of::<D>(values);
        let normalized = values.cast(FloatDType::F32).sub(shaped(mean.clone())).mul(shaped(inverse.clone()));
        let op = Normalize { normalized: normalized.clone(), inverse, count };
        let output = if dtype.is_float() && dtype == normalized.dtype() {
            custom_op(input, &normalized, &op, None)
        } else {
            // 16-bit precision: the operation itself is in 32 bits.
            custom_op(&input.clone().cast(FloatDType::F32), &normalized, &op, None).map(|output| output.cast(dtype))
        };
        let running = self.running_mean.value_sync().device();
        self.update(mean.to_device(&running), variance.to_device(&running));
        output
    }

    /// Mixes the statistics of a batch into the running ones.
    fn update(&self, mean: Tensor<1>, variance: Tensor<1>) {
        for (running, new) in [(&self.running_mean, mean), (&self.running_var, variance)] {
            let before = running.value_sync();
            let new = new.to_device(&before.device());
            running.update(before.mul_scalar(1.0 - self.momentum).add(new.mul_scalar(self.momentum)).detach());
        }
    }
}

/// Returns the values of each channel as a row, in 32 bits.
fn rows<const D: usize>(values: Tensor<D>) -> Tensor<2> {
    let channels = values.dims().get(1).copied().unwrap_or_default();
    values.swap_dims(0, 1).reshape([channels as i32, -1]).cast(FloatDType::F32)
}

/// Returns one value for each channel, in a shape that goes with the input.
fn channels_of<const D: usize>(values: Tensor<1>) -> Tensor<D> {
    let [channels] = values.dims();
    let mut dims = [1; D];
    if let Some(dim) = dims.get_mut(1) {
        *dim = channels;
    }
    values.reshape(dims)
}

fn tensor(values: &[f64], device: &burn::tensor::Device) -> Tensor<1> {
    let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}

/// The statistics of all processes.
struct Statistics {
    mean: Vec<f64>,
    /// Not corrected for the number of values.
    variance: Vec<f64>,
    /// The number of values of each channel.
    count: f64,
}

/// Combines means and sums of squared differences from them, in double precision and in the order
/// of the processes.
fn combined(all: &[Vec<f32>], channels: usize) -> Statistics {
    let count_of = |own: &[f32]| f64::from(own.last().copied().unwrap_or_default());
    let of = |own: &[f32], at: usize| f64::from(own.get(at).copied().unwrap_or_default());
    let count: f64 = all.iter().map(|own| count_of(own)).sum();
    let mean: Vec<f64> = (0..channels)
        .map(|channel| all.iter().map(|own| count_of(own) * of(own, channel)).sum::<f64>() / count)
        .collect();
    let squares = |(channel, mean): (usize, &f64)| -> f64 {
        all.iter().map(|own| of(own, channels + channel) + count_of(own) * (of(own, channel) - mean).powi(2)).sum()
    };
    let variance = mean.iter().enumerate().map(|place| squares(place) / count).collect();
    Statistics { mean, variance, count }
}

/// The backward pass of the normalization: with `g` the gradient, `y` the normalized values and
/// means over the values of all processes, `(g − mean(g) − y · mean(g · y)) / σ`.
#[derive(Clone, Debug)]
struct Normalize<const D: usize> {
    normalized: Tensor<D>,
    /// `1 / σ` of each channel.
    inverse: Tensor<1>,
    count: f64,
}

impl<const D: usize> CustomOp<D> for Normalize<D> {
    fn backward(self, gradient: Tensor<D>) -> Tensor<D> {
        let Self { normalized, inverse, count } = self;
        let [channels] = inverse.dims();
        let device = gradient.device();
        let mut own = readback::floats(rows(gradient.clone()).sum_dim(1));
        own.extend(readback::floats(rows(gradient.clone().mul(normalized.clone())).sum_dim(1)));
        // After a failure the step ends with it, whatever the gradient is.
        let all = ambient::gather("backward of SyncBatchNorm", &own).unwrap_or_else(|| vec![own]);
        let mean = |from: usize| -> Tensor<D> {
            let sum = |at| all.iter().map(|own| f64::from(own.get(at).copied().unwrap_or_default())).sum::<f64>();
            let means: Vec<f64> = (from..from + channels).map(|at| sum(at) / count).collect();
            channels_of(tensor(&means, &device))
        };
        gradient.sub(mean(0)).sub(normalized.mul(mean(channels))).mul(channels_of(inverse))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{sync::Arc, time::Duration};

    use burn::{
        nn::BatchNormConfig,
        tensor::{Device, Distribution},
    };

    use super::*;
    use crate::{
        distributed::{Collective, Threads, watchdog::Watchdog},
        strategy::{DataParallel, Point, Strategy},
    };

    /// Shares of the batch: uneven on purpose.
    const SHARES: [usize; 3] = [7, 12, 17];
    const CHANNELS: usize = 5;

    /// What a layer computes of its share: the output, the gradients of the input, of gamma and of
    /// beta, and the running statistics.
    type Computed = [Vec<f32>; 6];

    fn loss(output: Tensor<3>) -> Tensor<1> {
        (output.clone().powi_scalar(3) + output.tanh()).sum()
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().iter().collect()
    }

    fn computed(
        input: TensorData,
        forward: impl FnOnce(Tensor<3>) -> Tensor<3>,
        parameters: [Tensor<1>; 2],
        running: [&RunningState<Tensor<1>>; 2],
    ) -> Computed {
        let input = Tensor::<3>::from_data(input, &Device::default().autodiff()).require_grad();
        let output = forward(input.clone());
        let gradients = loss(output.clone()).backward();
        let [gamma, beta] = parameters.map(|param| values(param.grad(&gradients).unwrap()));
        let [mean, var] = running.map(|state| values(state.value_sync()));
        [values(output), values(input.grad(&gradients).unwrap()), gamma, beta, mean, var]
    }

    fn greatest_difference(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn ranks_compute_what_one_process_computes_of_the_whole_batch() {
        let device = Device::default().autodiff();
        let rows: usize = SHARES.iter().sum();
        let all = Tensor::<3>::random([rows, CHANNELS, 2], Distribution::Normal(1.0, 2.0), &device);
        let norm = BatchNormConfig::new(CHANNELS).init(&device);
        let whole = computed(
            all.clone().into_data(),
            |input| norm.forward(input),
            [norm.gamma.val(), norm.beta.val()],
            [&norm.running_mean, &norm.running_var],
        );
        let shares: Vec<Computed> = std::thread::scope(|scope| {
            let threads: Vec<_> = Threads::new(SHARES.len())
                .into_iter()
                .map(|ranks| {
                    let rank = ranks.rank();
                    let from: usize = SHARES[..rank].iter().sum();
                    let own = all.clone().narrow(0, from, SHARES[rank]).into_data();
                    scope.spawn(move || {
                        let norm: SyncBatchNorm =
                            BatchNormConfig::new(CHANNELS).init(&Device::default().autodiff()).into();
                        let ranks: Arc<dyn Collective> = Arc::new(ranks);
                        let watchdog = Watchdog::new(Duration::from_secs(60), Arc::clone(&ranks)).unwrap();
                        let mut strategy: Box<dyn Strategy> = Box::new(DataParallel::new(ranks, watchdog, false));
                        strategy.open();
                        let computed = ambient::lend(&mut strategy, Point::new("test", 0, 0), || {
                            Ok(computed(
                                own,
                                |input| norm.forward(input),
                                [norm.gamma.val(), norm.beta.val()],
                                [&norm.running_mean, &norm.running_var],
                            ))
                        });
                        strategy.close();
                        computed.unwrap()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        // Outputs and gradients of the input one after the other, gradients of parameters summed.
        for part in 0..2 {
            let joined: Vec<f32> = shares.iter().flat_map(|share| share[part].clone()).collect();
            let largest = whole[part].iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            assert!(greatest_difference(&joined, &whole[part]) < 2e-6 * largest, "part {part}");
        }
        for part in 2..4 {
            let mut sum = vec![0.0; CHANNELS];
            for share in &shares {
                sum.iter_mut().zip(&share[part]).for_each(|(sum, value)| *sum += value);
            }
            let largest = whole[part].iter().fold(1.0_f32, |most, value| most.max(value.abs()));
            assert!(greatest_difference(&sum, &whole[part]) < 2e-6 * largest, "part {part}");
        }
        for share in &shares {
            assert!(
                greatest_difference(&share[4], &whole[4]) < 1e-6 && greatest_difference(&share[5], &whole[5]) < 1e-5
            );
        }
    }

    #[test]
    fn a_process_alone_computes_what_burn_computes() {
        let device = Device::default().autodiff();
        let input = Tensor::<3>::random([6, CHANNELS, 2], Distribution::Default, &device).into_data();
        let norm = BatchNormConfig::new(CHANNELS).init(&device);
        let burn = computed(
            input.clone(),
            |input| norm.forward(input),
            [norm.gamma.val(), norm.beta.val()],
            [&norm.running_mean, &norm.running_var],
        );
        let norm: SyncBatchNorm = BatchNormConfig::new(CHANNELS).init(&device).into();
        let own = computed(
            input,
            |input| norm.forward(input),
            [norm.gamma.val(), norm.beta.val()],
            [&norm.running_mean, &norm.running_var],
        );
        assert_eq!(own, burn);
    }
}
