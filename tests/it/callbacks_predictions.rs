//! `PredictionWriter`: LIGHTNING.md 3.5, CONFORMANCE.md D3.

use std::{fs, ops::Range};

use lightning_core::{
    callbacks::{EpochSink, PredictedBatch, PredictionSink, PredictionWriter, WriteInterval},
    prelude::*,
};

use crate::support::{Ledger, Net, NetHparams, Rows, batches};

fn loader(sizes: &[usize]) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(sizes, 7)).unwrap()
}

fn predict(writer: impl Callback<Net> + 'static, sizes: &[usize], limit: Option<usize>) -> Result<Vec<Vec<i32>>> {
    seed_everything(3);
    let mut builder = Net::quiet().callback(writer);
    if let Some(batches) = limit {
        builder = builder.limit_predict_batches(batches);
    }
    builder.build()?.predict(&mut Net::new(NetHparams::default()), loader(sizes))
}

/// Writes what it is given into a ledger.
struct Recorder(Ledger);

fn text(batch: &PredictedBatch) -> String {
    let Range { start, end } = batch.samples;
    format!("loader {} batch {} samples {start}..{end}", batch.dataloader_idx, batch.batch_idx)
}

impl PredictionSink<Vec<i32>> for Recorder {
    fn write_batch(&mut self, prediction: &Vec<i32>, batch: &PredictedBatch) -> Result<()> {
        self.0.add(format!("batch: {}, {} values", text(batch), prediction.len()));
        Ok(())
    }
}

impl EpochSink<Vec<i32>> for Recorder {
    fn write_epoch(&mut self, predictions: &[Vec<i32>], batches: &[PredictedBatch]) -> Result<()> {
        assert_eq!(predictions.len(), batches.len());
        self.0.add(format!("epoch: {}", batches.iter().map(text).collect::<Vec<_>>().join("; ")));
        Ok(())
    }
}

/// 64 samples in batches of 4, of which 4 batches are predicted: 4 batch writes, 1 epoch write,
/// samples [0..3], [4..7], [8..11], [12..15].
#[test]
fn d3_four_batch_writes_and_one_epoch_write() {
    let calls = |interval| {
        let ledger = Ledger::default();
        let writer = PredictionWriter::new(Recorder(ledger.clone())).write_interval(interval);
        predict(writer, &[4; 16], Some(4)).unwrap();
        ledger.take()
    };
    let batch_calls: Vec<_> = [(0, "0..4"), (1, "4..8"), (2, "8..12"), (3, "12..16")]
        .iter()
        .map(|(batch, samples)| format!("batch: loader 0 batch {batch} samples {samples}, 4 values"))
        .collect();
    let epoch_call = "epoch: loader 0 batch 0 samples 0..4; loader 0 batch 1 samples 4..8; \
                      loader 0 batch 2 samples 8..12; loader 0 batch 3 samples 12..16"
        .to_owned();
    assert_eq!(calls(WriteInterval::Batch), batch_calls);
    assert_eq!(calls(WriteInterval::Epoch), std::slice::from_ref(&epoch_call));
    assert_eq!(calls(WriteInterval::BatchAndEpoch), [batch_calls, vec![epoch_call.clone()]].concat());
    let ledger = Ledger::default();
    predict(PredictionWriter::epoch(Recorder(ledger.clone())), &[4; 16], Some(4)).unwrap();
    assert_eq!(ledger.take(), [epoch_call]);
}

#[test]
fn samples_count_from_0_in_every_loader() {
    let ledger = Ledger::default();
    let mut trainer = Net::quiet().callback(PredictionWriter::new(Recorder(ledger.clone()))).build().unwrap();
    trainer.predict(&mut Net::new(NetHparams::default()), vec![loader(&[2, 3]), loader(&[1, 4])]).unwrap();
    assert_eq!(
        ledger.take(),
        [
            "batch: loader 0 batch 0 samples 0..2, 2 values",
            "batch: loader 0 batch 1 samples 2..5, 3 values",
            "batch: loader 1 batch 0 samples 0..1, 1 values",
            "batch: loader 1 batch 1 samples 1..5, 4 values",
        ]
    );
}

#[test]
fn files_hold_what_predict_returns() {
    let folder = tempfile::tempdir().unwrap();
    for interval in [WriteInterval::Batch, WriteInterval::Epoch, WriteInterval::BatchAndEpoch] {
        let (lines, table) = (folder.path().join("a/p.jsonl"), folder.path().join("b/p.csv"));
        let writer = PredictionWriter::<Vec<i32>>::json_lines(&lines).write_interval(interval);
        let returned = predict(writer, &[2, 3], None).unwrap();
        let expected: String = returned
            .iter()
            .zip(["[0,1]", "[2,3,4]"])
            .enumerate()
            .map(|(batch, (values, samples))| {
                let values: Vec<_> = values.iter().map(i32::to_string).collect();
                let values = values.join(",");
                format!(
                    "{{\"dataloader_idx\":0,\"batch_idx\":{batch},\"samples\":{samples},\"prediction\":[{values}]}}\n"
                )
            })
            .collect();
        assert_eq!(fs::read_to_string(&lines).unwrap(), expected, "{interval:?}");

        let writer = PredictionWriter::<Vec<i32>>::csv(&table).per_sample().write_interval(interval);
        predict(writer, &[2, 3], None).unwrap();
        let mut expected = "dataloader_idx,batch_idx,sample,prediction\n".to_owned();
        for (sample, value) in returned.concat().into_iter().enumerate() {
            expected.push_str(&format!("0,{},{sample},{value}\n", usize::from(sample >= 2)));
        }
        assert_eq!(fs::read_to_string(&table).unwrap(), expected, "{interval:?}");
    }
}

#[test]
fn a_second_prediction_replaces_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.jsonl");
    let writer = PredictionWriter::<Vec<i32>>::json_lines(&path).per_sample();
    let mut trainer = Net::quiet().callback(writer).build().unwrap();
    let mut net = Net::new(NetHparams::default());
    for sizes in [[4, 4], [1, 2]] {
        trainer.predict(&mut net, loader(&sizes)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), sizes.iter().sum::<usize>());
    }
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    for interval in [WriteInterval::Batch, WriteInterval::Epoch] {
        let writer = PredictionWriter::<Vec<i32>>::csv(file.join("p.csv")).write_interval(interval);
        let error = predict(writer, &[2], None).unwrap_err().to_string();
        assert!(error.contains(&file.display().to_string()), "{error}");
    }
}
