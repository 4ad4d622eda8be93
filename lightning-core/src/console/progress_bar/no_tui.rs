//! In place of burn-train's terminal interface without the feature `tui`.

use std::io::Write;

use super::meter::{Epoch, Meter};
use crate::{metrics::Metrics, stage::Stage};

/// Never exists.
pub(super) enum Tui {}

impl Tui {
    pub(super) fn new() -> Option<Self> {
        None
    }

    pub(super) fn open(&mut self) -> bool {
        match *self {}
    }

    pub(super) fn start_epoch(&mut self, _: &Epoch) {
        match *self {}
    }

    pub(super) fn resume_epoch(&mut self, _: &Epoch) {
        match *self {}
    }

    pub(super) fn draw_epoch(&mut self, _: &Epoch, _: &Metrics) {
        match *self {}
    }

    pub(super) fn end_epoch(&mut self, _: Option<String>, _: &Metrics) {
        match *self {}
    }

    pub(super) fn start_evaluation(&mut self, _: bool, _: Stage, _: &Meter) {
        match *self {}
    }

    pub(super) fn draw_evaluation(&mut self, _: bool, _: &Meter) {
        match *self {}
    }

    pub(super) fn println(&self, _: &mut dyn Write, _: &str) {
        match *self {}
    }

    pub(super) fn close(&mut self, _: &mut dyn Write) {
        match *self {}
    }
}
