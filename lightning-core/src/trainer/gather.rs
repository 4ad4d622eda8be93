//! Predictions of several processes, in one list.

use serde::{Serialize, de::DeserializeOwned};

use super::Trainer;
use crate::{
    data::{EvalData, Predicting},
    engine::ranks::{self, point},
    error::Result,
    module::{LightningModule, PredictStep},
};

/// The outputs of one process, and how many of them are of each loader.
type Own<T> = (Vec<u64>, Vec<T>);

impl<M: LightningModule> Trainer<M> {
    /// Runs `predict_step` on the data, and returns on each of several processes the outputs of all,
    /// in the order of the data, as one process would. They are sent as JSON.
    ///
    /// For outputs that are too large for that, [`predict`](Self::predict) returns those of the own
    /// process, and a [`PredictionWriter`](crate::callbacks::PredictionWriter) writes them to a file
    /// of each.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and if an output cannot be written as JSON.
    pub fn predict_gathered<D, T>(&mut self, module: &mut M, data: D) -> Result<Vec<T>>
    where
        M: PredictStep<Output = T>,
        D: EvalData<M, Predicting, M::PredictBatch>,
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        let own = self.predict(module, data)?;
        if self.run.strategy.rank().is_alone() {
            return Ok(own);
        }
        self.run.strategy.open();
        let gathered = self.gather(own);
        self.tell(gathered)
    }

    fn gather<T: Serialize + DeserializeOwned>(&mut self, own: Vec<T>) -> Result<Vec<T>> {
        let own: Own<T> = (self.run.outputs.predicted.clone(), own);
        let bytes = ranks::to_bytes(&own)?;
        let at = point(&self.run, "predictions");
        let all = self.run.strategy.gather(at, bytes)?;
        let all = all.iter().map(|bytes| ranks::from_bytes(bytes)).collect::<Result<Vec<Own<T>>>>()?;
        Ok(in_order(all))
    }
}

/// Puts the outputs of all processes in the order of the data: of each loader one of each process in
/// turn.
fn in_order<T>(all: Vec<Own<T>>) -> Vec<T> {
    let loaders = all.iter().map(|(counts, _)| counts.len()).max().unwrap_or_default();
    let (counts, outputs): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let mut outputs: Vec<_> = outputs.into_iter().map(Vec::into_iter).collect();
    let mut ordered = Vec::new();
    for loader in 0..loaders {
        let of = |rank: &Vec<u64>| rank.get(loader).copied().unwrap_or_default();
        let rounds = counts.iter().map(of).max().unwrap_or_default();
        for round in 0..rounds {
            for (counts, outputs) in counts.iter().zip(&mut outputs) {
                if round < of(counts) {
                    ordered.extend(outputs.next());
                }
            }
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_come_in_the_order_of_the_data() {
        // Two loaders: 3 batches and 4 batches, on two ranks.
        let all = vec![(vec![2, 2], vec!["a0", "a2", "b0", "b2"]), (vec![1, 2], vec!["a1", "b1", "b3"])];
        assert_eq!(in_order(all), ["a0", "a1", "a2", "b0", "b1", "b2", "b3"]);
    }
}
