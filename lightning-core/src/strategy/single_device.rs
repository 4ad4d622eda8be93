//! Training on one device.

use super::{Parameters, Point, Rank, Strategy, Sums};
use crate::{
    error::{Error, Result},
    optim::GradientStore,
};

/// Training on one device: there is nothing to exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SingleDevice;

impl Strategy for SingleDevice {
    fn rank(&self) -> Rank {
        Rank::alone()
    }

    fn sums(&mut self, _at: Point, own: Sums) -> Result<Sums> {
        Ok(own)
    }

    fn gather(&mut self, _at: Point, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        Ok(vec![own])
    }

    fn broadcast(&mut self, _at: Point, _bytes: &mut Vec<u8>, _root: usize) -> Result<()> {
        Ok(())
    }

    fn reduce(&mut self, _at: Point, _gradients: &mut GradientStore, _parameters: &Parameters<'_>) -> Result<()> {
        Ok(())
    }

    fn average(&mut self, _at: Point, _values: &mut [f32]) -> Result<()> {
        Ok(())
    }

    fn fail(&mut self, _error: &Error) {}
}
