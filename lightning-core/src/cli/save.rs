//! Writes the configuration of a run beside its logs.

use std::{fs, path::PathBuf};

use super::{registry::untyped, runner::Job};
use crate::{
    callbacks::{Callback, CallbackContext},
    error::Result,
    os::files::write_atomic,
};

/// Writes the configuration of a run beside its logs.
#[derive(Debug)]
pub(super) struct SaveConfig {
    text: String,
    root: PathBuf,
}

impl SaveConfig {
    pub(super) fn callback<M>(job: &Job) -> Box<dyn Callback<M>> {
        let root = job.trainer.get("default_root_dir").and_then(serde_json::Value::as_str).unwrap_or(".");
        untyped(Self { text: job.text.clone(), root: PathBuf::from(root) })
    }
}

impl<M> Callback<M> for SaveConfig {
    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
        let folder = cx.log_dir();
        // Without a logger, the run has no folder of its own.
        if cx.is_fast_dev_run() || !cx.is_global_zero() || folder == self.root {
            return Ok(());
        }
        // A resumed run keeps the configuration that it began with.
        let mut path = folder.join("config.yaml");
        let mut number = 0_u32;
        while let Ok(known) = fs::read_to_string(&path) {
            if known == self.text {
                return Ok(());
            }
            number += 1;
            path = folder.join(format!("config.{number}.yaml"));
        }
        write_atomic(path, |writer| std::io::Write::write_all(writer, self.text.as_bytes()))
    }
}
