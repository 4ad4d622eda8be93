//! Gradients of a network with respect to its input, and penalties on them.
//!
//! Burn differentiates once: a gradient is a constant to the next backward pass, so the double
//! backward with which `torch.autograd.grad(…, create_graph=True)` trains a network by its own
//! input gradient is not available. A penalty needs less than that, namely how the length of the
//! input gradient changes with the parameters. [`gradient_penalty`] computes it from two more
//! forward passes.
//!
//! ```
//! use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::Distribution};
//! use lightning_core::prelude::*;
//!
//! #[lightning_module]
//! struct Wgan {
//!     #[optimizer(AdamConfig::torch_defaults().with_beta_1(0.0), lr = 1e-3)]
//!     #[init(LinearConfig::new(2, 1).init(device))]
//!     critic: Linear,
//!     #[optimizer(AdamConfig::torch_defaults().with_beta_1(0.0), lr = 1e-3)]
//!     #[init(LinearConfig::new(2, 2).init(device))]
//!     generator: Linear,
//! }
//!
//! #[lightning_module]
//! impl Wgan {
//!     #[training_step(optimizer = critic)]
//!     fn critic_step(&self, real: Tensor<2>) -> Tensor<1> {
//!         let fake = self.generator.forward(real.random_like(Distribution::Default)).detach();
//!         let mix = grad::interpolate(&real, &fake);
//!         let forward = |critic: &Linear, x: Tensor<2>| critic.forward(x);
//!         let penalty = grad::gradient_penalty(&self.critic, mix, 1.0, forward);
//!         let distance = self.critic.forward(real).mean() - self.critic.forward(fake).mean();
//!         #[log(minimize)]
//!         let critic_loss = penalty * 10.0 - distance;
//!         critic_loss
//!     }
//!
//!     #[training_step(optimizer = generator, every = 5)]
//!     fn generator_step(&self, real: Tensor<2>) -> Tensor<1> {
//!         let fake = self.generator.forward(real.random_like(Distribution::Default));
//!         #[log(minimize)]
//!         let generator_loss = self.critic.forward(fake).mean().neg();
//!         generator_loss
//!     }
//! }
//! # let device = Device::default();
//! # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([4, 2], &device); 10])?;
//! # let mut model = Wgan::new(WganHparams::default());
//! # let trainer = Wgan::trainer().max_epochs(1).no_logger().enable_checkpointing(false);
//! # let report = trainer.enable_progress_bar(false).build()?.fit(&mut model, data)?;
//! # assert_eq!(report.batch_step, 10);
//! # Ok::<(), lightning_core::Error>(())
//! ```

mod input;
mod interpolation;
mod penalty;
#[cfg(test)]
mod tests;

use burn::tensor::Tensor;

pub use self::{input::input_gradient, interpolation::interpolate, penalty::gradient_penalty};

/// Takes a tensor out of its graph. Burn's `detach` would leave a leaf that requires a gradient as
/// it is.
fn constant<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    tensor.set_require_grad(false)
}
