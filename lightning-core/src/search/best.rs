//! The best trial.

use std::{fmt, path::Path, time::Duration};

use super::record::TrialRecord;
use crate::{console::table::figures_table, module::LightningStruct, text::significant};

/// A trial that is better than others. Printed, it is a table.
#[derive(Debug)]
pub struct BestTrial<M: LightningStruct> {
    pub(super) record: TrialRecord,
    pub(super) hparams: M::Hparams,
    /// The name of each objective.
    pub(super) objectives: Vec<String>,
}

impl<M: LightningStruct> BestTrial<M> {
    /// Returns the number of the trial in the study, counted from 0.
    pub fn number(&self) -> u64 {
        self.record.number
    }

    /// Returns the hyperparameters, also those that were not searched.
    pub fn hparams(&self) -> M::Hparams {
        self.hparams.clone()
    }

    /// Returns the value of the first objective.
    pub fn value(&self) -> f64 {
        self.record.value().unwrap_or(f64::NAN)
    }

    /// Returns the value of each objective.
    pub fn values(&self) -> &[f64] {
        self.record.values.as_deref().unwrap_or_default()
    }

    /// Returns the best checkpoint of the trial's run.
    pub fn checkpoint(&self) -> Option<&Path> {
        self.record.checkpoint().map(Path::new)
    }

    /// Returns everything that is known of the trial.
    pub fn record(&self) -> &TrialRecord {
        &self.record
    }
}

impl<M: LightningStruct> fmt::Display for BestTrial<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.objectives.iter().zip(self.values());
        let mut rows: Vec<[String; 2]> = values.map(|(name, value)| [name.clone(), significant(*value, 6)]).collect();
        for param in &self.record.params {
            let value = param.distribution.value(param.stored);
            let text = match (&value, value.as_f64()) {
                (serde_json::Value::String(text), _) => text.clone(),
                (_, Some(number)) if !value.is_i64() => significant(number, 6),
                (value, _) => value.to_string(),
            };
            rows.push([param.name.clone(), text]);
        }
        rows.extend(self.record.duration().map(|time| ["time".to_owned(), seconds(time)]));
        write!(f, "{}", figures_table(["", &format!("Trial {}", self.number())], &rows))?;
        if let Some(path) = self.checkpoint() {
            write!(f, "\ncheckpoint: {}", path.display())?;
        }
        Ok(())
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", significant(time.as_secs_f64(), 3))
}
