//! The bar on a terminal. Its text is composed in [`rows`]; `indicatif` replaces it on the screen.

use std::{
    io::{self, IsTerminal},
    time::Instant,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    meter::{Epoch, Evaluation},
    rows::rows,
};

/// The bar, which exists from the first draw.
#[derive(Default)]
pub(super) struct Terminal {
    bar: Option<ProgressBar>,
}

impl Terminal {
    /// Returns `None` if standard error is not a terminal, or one that cannot move the cursor.
    pub(super) fn open() -> Option<Self> {
        (io::stderr().is_terminal() && !console::is_dumb()).then(Self::default)
    }

    /// Draws the rows in place of the last ones.
    pub(super) fn draw(
        &mut self,
        epoch: Option<&Epoch>,
        evaluation: Option<&Evaluation>,
        metrics: &[String],
        now: Instant,
    ) {
        let width = console::Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
        // The rate of 1 Hz makes `set_message` draw nothing most of the time: `force_draw` decides.
        let bar = self.bar.get_or_insert_with(|| {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(1)).with_style(message_style())
        });
        bar.set_message(rows(epoch, evaluation, metrics, width, now).join("\n"));
        bar.force_draw();
    }

    /// Removes the bar from the screen while `write` prints.
    pub(super) fn print_above(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Leaves the last draw on the screen; the next draw starts a new bar.
    pub(super) fn leave(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.abandon();
        }
    }
}

/// Returns a template of the message alone: the text is composed here, where it can be tested.
fn message_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}
