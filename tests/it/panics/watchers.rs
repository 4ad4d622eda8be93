//! A callback and a logger.

use std::path::{Path, PathBuf};

use lightning_core::{
    StateReader, StateWriter,
    callbacks::CallbackInfo,
    loggers::{Audio, Figure, Graph, Histogram, ImageView, LogPosition, Logger, Mesh, Record, RunStatus, Table},
    prelude::*,
};
use serde_json::Value;

use super::fault::{called, visit};

pub struct Watcher;

impl<M> Callback<M> for Watcher {
    fn info(&self) -> CallbackInfo {
        visit("`Callback::info`");
        CallbackInfo::new()
    }
    fn check(&self) -> Result<()> {
        visit("`Callback::check`");
        Ok(())
    }
    fn state_key(&self) -> String {
        visit("`Callback::state_key`");
        "Watcher".to_owned()
    }
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        visit("`Callback::save_state`");
        state.put("state", &1)
    }
    fn load_state(&mut self, _state: &StateReader<'_>) -> Result<()> {
        visit("`Callback::load_state`");
        Ok(())
    }
    fn model_to_save(&self, _module: &M) -> Result<Option<M>> {
        visit("`Callback::model_to_save`");
        Ok(None)
    }
    fn final_weights(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<bool> {
        visit("`Callback::final_weights`");
        Ok(false)
    }
    fn on_train_batch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        visit("a hook of a callback");
        Ok(())
    }
    fn on_exception(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        called("on_exception");
        Ok(())
    }
}

/// A logger of one run in a folder.
pub struct Talker(pub PathBuf);

impl Logger for Talker {
    fn start(&mut self) -> Result<()> {
        visit("`Logger::start`");
        Ok(())
    }
    fn resume_at(&mut self, _version: &str, _batch_step: u64, _records: u64) -> Result<()> {
        visit("`Logger::resume_at`");
        Ok(())
    }
    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        visit("`Logger::earlier_runs`");
        Ok(vec![("0".to_owned(), self.0.clone())])
    }
    fn log_hyperparams(&mut self, _hparams: &Value) -> Result<()> {
        visit("`Logger::log_hyperparams`");
        Ok(())
    }
    fn log_metrics(&mut self, _record: &Record) -> Result<()> {
        visit("`Logger::log_metrics`");
        Ok(())
    }
    fn log_text(&mut self, _name: &str, _text: &str, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_text`");
        Ok(())
    }
    fn log_image(&mut self, _name: &str, _image: &ImageView<'_>, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_image`");
        Ok(())
    }
    fn log_histogram(&mut self, _name: &str, _histogram: &Histogram, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_histogram`");
        Ok(())
    }
    fn log_figure(&mut self, _name: &str, _figure: Figure<'_>, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_figure`");
        Ok(())
    }
    fn log_audio(&mut self, _name: &str, _audio: &Audio, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_audio`");
        Ok(())
    }
    fn log_mesh(&mut self, _name: &str, _mesh: &Mesh, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_mesh`");
        Ok(())
    }
    fn log_table(&mut self, _name: &str, _table: &Table, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_table`");
        Ok(())
    }
    fn log_artifact(&mut self, _name: &str, _path: &Path, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_artifact`");
        Ok(())
    }
    fn log_checkpoint(&mut self, _path: &Path) -> Result<()> {
        visit("`Logger::log_checkpoint`");
        Ok(())
    }
    fn log_console(&mut self, _text: &str) -> Result<()> {
        visit("`Logger::log_console`");
        Ok(())
    }
    fn log_graph(&mut self, _graph: &Graph, _position: LogPosition) -> Result<()> {
        visit("`Logger::log_graph`");
        Ok(())
    }
    fn save(&mut self) -> Result<()> {
        visit("`Logger::save`");
        Ok(())
    }
    fn is_required(&self) -> bool {
        true
    }
    fn finalize(&mut self, _status: RunStatus) -> Result<()> {
        visit("`Logger::finalize`");
        Ok(())
    }
    fn name(&self) -> &str {
        "talker"
    }
    fn log_dir(&self) -> Option<&Path> {
        visit("`Logger::log_dir`");
        Some(&self.0)
    }
}
