//! Training on one device.

use super::{Rank, Strategy};
use crate::{error::Result, optim::GradientStore, progress::StopReason};

/// Training on one device: there is nothing to exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SingleDevice;

impl Strategy for SingleDevice {
    fn rank(&self) -> Rank {
        Rank { global: 0, local: 0 }
    }

    fn barrier(&mut self) -> Result<()> {
        Ok(())
    }

    fn micro_batch(&self, batch_step: u64) -> u64 {
        batch_step
    }

    fn agree(&mut self, stop: Option<StopReason>) -> Result<Option<StopReason>> {
        Ok(stop)
    }

    fn reduce(&mut self, _gradients: &mut GradientStore) -> Result<()> {
        Ok(())
    }
}
