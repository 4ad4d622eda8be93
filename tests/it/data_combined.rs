//! Rows D of the behaviour table: several loaders as one, and the indices of predicted batches.

use std::sync::{Arc, Mutex};

use lightning_core::{
    CallbackContext, DataLoader, Result,
    data::{Combined, EpochOffset, from_loader},
    prelude::*,
};

use crate::{data_support::*, support::*};

/// PyTorch Lightning's `test_combined_loader.py`: loaders of 3 and 4 batches.
#[test]
fn d1_combined_loaders() {
    let (a, b) = (vec![0, 1, 2], vec![10, 11, 12, 13]);
    let min = Combined::min_size((a.clone(), b.clone()));
    assert_eq!((min.len(), read(&min, at(0, 0, 0))), (Some(3), vec![(0, 10), (1, 11), (2, 12)]));
    let cycle = Combined::max_size_cycle((a.clone(), b.clone()));
    assert_eq!((cycle.len(), read(&cycle, at(0, 0, 0))), (Some(4), vec![(0, 10), (1, 11), (2, 12), (0, 13)]));
    let max = Combined::max_size((a.clone(), b.clone()));
    let filled = [(Some(0), Some(10)), (Some(1), Some(11)), (Some(2), Some(12)), (None, Some(13))];
    assert_eq!((max.len(), read(&max, at(0, 0, 0))), (Some(4), filled.to_vec()));
    let sequential = Combined::sequential((a, b));
    assert_eq!((sequential.len(), read(&sequential, at(0, 0, 0))), (Some(7), vec![0, 1, 2, 10, 11, 12, 13]));
}

#[test]
fn combined_loaders_of_every_kind() {
    let built: DataLoader<Vec<u32>> = DataLoader::builder(vec![1, 2, 3]).batch_size(2).num_workers(1).build().unwrap();
    let boxed: Box<dyn data::Loader<char>> = Box::new(vec!['a', 'b', 'c']);
    let all = Combined::min_size((built, from_loader(["x", "y"]), DataLoader::ticks(), boxed));
    assert_eq!(read(&all, at(0, 0, 0)), [(vec![1, 2], "x", (), 'a'), (vec![3], "y", (), 'b')]);
    // A combination is a loader: it can be combined.
    let nested = Combined::max_size((Combined::sequential((vec![1], vec![2])), vec!['z']));
    assert_eq!(read(&nested, at(0, 0, 0)), [(Some(1), Some('z')), (Some(2), None)]);
}

#[test]
fn a_combination_can_be_trained_on() {
    #[lightning_module]
    #[optimizer(burn::optim::SgdConfig::new(), lr = lr)]
    struct Pairs {
        #[init(burn::nn::LinearConfig::new(8, 3).init(device))]
        layer: burn::nn::Linear,
        #[hparam(default = 0.1)]
        lr: f64,
    }

    #[lightning_module]
    impl Pairs {
        fn training_step(&self, (labelled, extra): (Rows, Option<Rows>)) -> burn::tensor::Tensor<1> {
            let loss = cross_entropy(self.layer.forward(labelled.x), labelled.y);
            match extra {
                Some(extra) => loss + cross_entropy(self.layer.forward(extra.x), extra.y),
                None => loss,
            }
        }
    }

    let pairs = Combined::max_size((batches(&[4; 3], 1), batches(&[4; 2], 2)));
    // The first is never missing, being the longer one.
    let pairs = DataLoader::from_loader(First(pairs));
    let mut model = Pairs::new(PairsHparams::default());
    let mut trainer = quiet(Pairs::trainer()).max_epochs(2).build().unwrap();
    assert_eq!(trainer.fit(&mut model, pairs).unwrap().batch_step, 6);

    struct First(DataLoader<(Option<Rows>, Option<Rows>)>);

    impl data::Loader<(Rows, Option<Rows>)> for First {
        fn len(&self) -> Option<usize> {
            self.0.len()
        }

        fn batches(&self, from: EpochOffset) -> Result<data::Batches<(Rows, Option<Rows>)>> {
            let batches = self.0.resume(from)?;
            Ok(Box::new(batches.map(|batch| {
                let (first, second) = batch?;
                Ok((first.ok_or("the first loader is shorter")?, second))
            })))
        }
    }
}

/// What PyTorch Lightning's `test_prediction_writer.py` asks of its writer: 64 samples in batches
/// of 4, 4 of them predicted; the writer is told the indices of each batch's samples, and once of
/// all.
#[test]
fn d3_indices_of_predicted_batches() {
    #[derive(Clone, Default)]
    struct Writer {
        batches: Arc<Mutex<Vec<Vec<usize>>>>,
        epochs: Arc<Mutex<Vec<Vec<Vec<usize>>>>>,
        loader: Option<DataLoader<Rows>>,
    }

    impl<M> Callback<M> for Writer {
        fn on_predict_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            let batch = cx.batch_idx() as u64;
            let loader = self.loader.as_ref().ok_or("no loader")?;
            let indices = loader.indices(EpochOffset { batch, ..EpochOffset::default() })?.ok_or("no indices")?;
            self.batches.lock().unwrap().push(indices);
            Ok(())
        }

        fn on_predict_epoch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            self.epochs.lock().unwrap().push(self.batches.lock().unwrap().clone());
            Ok(())
        }
    }

    let data = batches(&[1; 64], 5);
    let samples: Vec<(usize, Rows)> = data.into_iter().enumerate().collect();
    let loader = DataLoader::builder(samples)
        .batch_size(4)
        .collate(|items: Vec<(usize, Rows)>| {
            Ok(Rows {
                x: burn::tensor::Tensor::cat(items.iter().map(|(_, rows)| rows.x.clone()).collect(), 0),
                y: burn::tensor::Tensor::cat(items.iter().map(|(_, rows)| rows.y.clone()).collect(), 0),
            })
        })
        .build()
        .unwrap();
    let writer = Writer { loader: Some(loader.clone()), ..Writer::default() };
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().limit_predict_batches(4).callback(writer.clone()).build().unwrap();
    trainer.predict(&mut model, loader).unwrap();
    let expected = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]];
    assert_eq!(*writer.batches.lock().unwrap(), expected);
    assert_eq!(writer.epochs.lock().unwrap().len(), 1);
}
