//! The generator network of `gan` and `wgan_gp`.

use burn::{
    module::Module,
    nn::*,
    prelude::*,
    tensor::{
        Distribution,
        activation::{leaky_relu, sigmoid},
    },
};

use crate::data::mnist::PIXELS;

/// Maps noise of `latent` numbers to an image with pixels from 0 to 1, through two hidden layers
/// with BatchNorm.
#[derive(Module, Debug)]
pub struct Generator {
    fc1: Linear,
    norm1: BatchNorm,
    fc2: Linear,
    norm2: BatchNorm,
    head: Linear,
    latent: usize,
}

impl Generator {
    pub fn new(latent: usize, hidden: usize, device: &Device) -> Self {
        Self {
            fc1: LinearConfig::new(latent, hidden).init(device),
            norm1: BatchNormConfig::new(hidden).init(device),
            fc2: LinearConfig::new(hidden, 2 * hidden).init(device),
            norm2: BatchNormConfig::new(2 * hidden).init(device),
            head: LinearConfig::new(2 * hidden, PIXELS).init(device),
            latent,
        }
    }

    /// `[batch, latent]` to `[batch, 784]`.
    pub fn forward(&self, noise: Tensor<2>) -> Tensor<2> {
        let x = leaky_relu(self.norm1.forward(self.fc1.forward(noise)), 0.2);
        let x = leaky_relu(self.norm2.forward(self.fc2.forward(x)), 0.2);
        sigmoid(self.head.forward(x))
    }

    /// Generates `n` images from noise drawn on `device`.
    pub fn sample(&self, n: usize, device: &Device) -> Tensor<2> {
        self.forward(Tensor::random([n, self.latent], Distribution::Normal(0.0, 1.0), device))
    }
}
