//! In place of the bar without the feature `progress`: a run prints lines on a terminal too.

use std::{io::Write, time::Instant};

use super::{
    meter::{Epoch, Evaluation},
    metric::Metric,
};

/// Never exists.
pub(super) enum Terminal {}

impl Terminal {
    pub(super) fn open() -> Option<Self> {
        None
    }

    pub(super) fn draw(
        &mut self,
        _: &mut dyn Write,
        _: Option<&Epoch>,
        _: Option<&Evaluation>,
        _: &[Metric],
        _: Instant,
    ) {
        match *self {}
    }

    pub(super) fn print_above(&mut self, _: &mut dyn Write, _: &str) {
        match *self {}
    }

    pub(super) fn end_epoch(&mut self, _: &mut dyn Write, _: &str, _: &[Metric]) {
        match *self {}
    }

    pub(super) fn leave(&mut self, _: &mut dyn Write) {
        match *self {}
    }

    pub(super) fn erase(&mut self, _: &mut dyn Write) {
        match *self {}
    }
}
