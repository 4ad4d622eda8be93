//! The batches of a loader and their order: a function of seed and epoch, whatever makes them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use burn::prelude::*;
use lightning_core::{
    DataLoader, Result,
    data::{Dataset, LengthBuckets, RandomSampler, Rows, Zip},
    prelude::*,
};

use crate::{data_support::*, support::*};

/// Counts how often an item is read.
#[derive(Clone)]
struct Counted {
    len: usize,
    reads: Arc<AtomicUsize>,
}

impl Counted {
    fn new(len: usize) -> Self {
        Self { len, reads: Arc::default() }
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

impl Dataset for Counted {
    type Item = Vec<u64>;

    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> Result<Vec<u64>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        // Some items take longer, so that workers overtake each other.
        if index.is_multiple_of(37) {
            std::thread::sleep(std::time::Duration::from_micros(300));
        }
        Ok((0..10).map(|part| (index * 10 + part) as u64).collect())
    }
}

/// Shuffled, changed at random, of unequal batches.
fn loader(dataset: Counted, workers: usize, prefetch: usize) -> DataLoader<Vec<Vec<u64>>> {
    DataLoader::builder(dataset)
        .batch_size(7)
        .shuffle(true)
        .num_workers(workers)
        .prefetch(prefetch)
        .map(|mut item, rng| {
            rng.shuffle(&mut item);
            item.push(rng.next_u64());
            item
        })
        .collate(Ok)
        .build()
        .unwrap()
}

fn hash(batches: impl Iterator<Item = Vec<Vec<u64>>>) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    let count = batches.inspect(|batch| batch.hash(&mut hasher)).count();
    (count, hasher.finish())
}

#[test]
fn a_thousand_batches_are_the_same_for_any_workers_and_prefetch() {
    watched(|| {
        // 251 batches an epoch: the first thousand are of four epochs.
        let thousand = |workers, prefetch| {
            let loader = loader(Counted::new(1_751), workers, prefetch);
            hash((0..4).flat_map(|epoch| read(&loader, at(42, epoch, 0))).take(1_000))
        };
        let expected = thousand(0, 0);
        assert_eq!(expected.0, 1_000);
        for workers in [0, 1, 2, 8] {
            for prefetch in [0, 1, 2, 5, 100] {
                assert_eq!(thousand(workers, prefetch), expected, "{workers} workers, prefetch {prefetch}");
            }
        }
    });
}

#[test]
fn every_position_of_an_epoch_can_be_resumed() {
    watched(|| {
        let whole = read(&loader(Counted::new(100), 0, 0), at(3, 5, 0));
        assert_eq!(whole.len(), 15);
        for workers in [0, 1, 2, 8] {
            for batch in 0..=17 {
                let loader = loader(Counted::new(100), workers, 2);
                let rest = read(&loader, at(3, 5, batch as u64));
                assert_eq!(
                    rest,
                    whole.as_slice().get(batch..).unwrap_or_default(),
                    "{workers} workers from batch {batch}"
                );
            }
        }
    });
}

#[test]
fn what_was_skipped_is_not_read() {
    watched(|| {
        for workers in [0, 1, 2, 8] {
            let dataset = Counted::new(100);
            let loader = loader(dataset.clone(), workers, 3);
            // 15 batches of 7 items, the last of 2: from batch 11 on there are 3 of 7 and one of 2.
            assert_eq!(read(&loader, at(0, 0, 11)).len(), 4);
            assert_eq!(dataset.reads(), 23, "{workers} workers");
            assert_eq!(loader.indices(at(0, 0, 14)).unwrap().unwrap().len(), 2);
            assert!(read(&loader, at(0, 0, 15)).is_empty() && read(&loader, at(0, 0, u64::MAX)).is_empty());
            assert_eq!(dataset.reads(), 23, "{workers} workers at the end");
        }
    });
}

#[test]
fn a_position_is_a_small_value() {
    let position = at(42, 3, 7);
    let text = serde_json::to_string(&position).unwrap();
    assert_eq!(text, r#"{"seed":42,"epoch":3,"batch":7}"#);
    assert_eq!(serde_json::from_str::<data::EpochOffset>(&text).unwrap(), position);
}

#[test]
fn iterables_and_buckets_do_not_depend_on_workers_either() {
    watched(|| {
        let iterable = |workers| {
            let loader =
                DataLoader::iterable(|epoch, mut rng| (0..100).map(move |item| vec![epoch, item, rng.next_u64()]))
                    .batch_size(3)
                    .num_workers(workers)
                    .map(|mut item: Vec<u64>, rng| {
                        item.push(rng.next_u64());
                        item
                    })
                    .collate(Ok)
                    .build()
                    .unwrap();
            [0, 1, 20, 33, 40].map(|batch| read(&loader, at(1, 2, batch)))
        };
        let expected = iterable(0);
        assert_eq!(expected.each_ref().map(Vec::len), [34, 33, 14, 1, 0]);
        assert_eq!(expected[2], expected[0][20..]);
        let buckets = |workers| {
            let loader = DataLoader::builder(Counted::new(500))
                .batch_sampler(LengthBuckets::new(8, |item: &Vec<u64>| (item[0] % 13) as usize))
                .num_workers(workers)
                .collate(Ok)
                .build()
                .unwrap();
            read(&loader, at(1, 2, 0))
        };
        let in_buckets = buckets(0);
        for workers in [1, 2, 8] {
            assert_eq!(iterable(workers), expected);
            assert_eq!(buckets(workers), in_buckets);
        }
    });
}

/// Rows that are gathered into the batch and rows that are read one by one make the same batches.
#[test]
fn gathered_batches_are_those_of_the_items() {
    let images: Vec<u8> = (0..=255).cycle().take(50 * 6).collect();
    let images = Rows::new(images, [2, 3]).unwrap().convert(|pixel| f32::from(pixel) / 255.0);
    let labels = Rows::scalars((0..50).map(|item| item % 10).collect::<Vec<i32>>());
    let dataset = Zip::new((images, labels)).unwrap();
    let builder = || DataLoader::builder(dataset.clone()).batch_size(8).shuffle(true);
    let gathered: DataLoader<(Tensor<3>, Tensor<1, Int>)> = builder().build().unwrap();
    let single = builder().map(|item, _| item).num_workers(2).build().unwrap();
    let values = |loader: &DataLoader<(Tensor<3>, Tensor<1, Int>)>| {
        let batches = read(loader, at(9, 1, 0)).into_iter();
        batches.map(|(images, labels)| (images.into_data(), labels.into_data())).collect::<Vec<_>>()
    };
    assert_eq!(values(&gathered), values(&single));
    assert_eq!(values(&gathered)[0].0.shape().as_slice(), [8, 2, 3]);
    // Parts of a split are gathered as well.
    let [part, _] = random_split(dataset, [30, 20], 0).unwrap();
    let part: DataLoader<(Tensor<3>, Tensor<1, Int>)> = DataLoader::builder(part).batch_size(30).build().unwrap();
    assert_eq!(read(&part, at(0, 0, 0))[0].0.dims(), [30, 2, 3]);
}

#[derive(Batch, Clone, Debug)]
struct Labelled {
    points: Tensor<2>,
    classes: Tensor<1, Int>,
    #[batch(host)]
    names: Vec<String>,
}

#[test]
fn a_derived_batch_is_made_of_tuples() {
    let items = vec![
        ([0.0_f32, 1.0], 2_i32, "first".to_owned()),
        ([2.0, 3.0], 0, "second".to_owned()),
        ([4.0, 5.0], 1, "third".to_owned()),
    ];
    let loader: DataLoader<Labelled> = DataLoader::builder(items).batch_size(2).num_workers(1).build().unwrap();
    let batches = read(&loader, at(0, 0, 0));
    assert_eq!(batches[0].points.to_data(), TensorData::from([[0.0_f32, 1.0], [2.0, 3.0]]));
    assert_eq!(batches[1].classes.to_data().convert::<i64>(), TensorData::from([1_i64]));
    assert_eq!(batches[0].names, ["first", "second"]);
    assert_eq!((loader.len(), loader.batch_size()), (Some(2), 2));
}

/// A run does not depend on the number of workers, to the last bit of its weights.
#[test]
fn training_is_the_same_with_workers() {
    let weights = |workers| {
        seed_everything(11);
        let data = batches(&[1; 50], 2);
        let loader = DataLoader::builder((0..50).collect::<Vec<usize>>())
            .batch_size(4)
            .shuffle(true)
            .num_workers(workers)
            .collate(move |picked: Vec<usize>| {
                Ok(Rows8 {
                    x: Tensor::cat(picked.iter().map(|index| data[*index].x.clone()).collect(), 0),
                    y: Tensor::cat(picked.iter().map(|index| data[*index].y.clone()).collect(), 0),
                })
            })
            .build()
            .unwrap();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = Net::quiet().max_epochs(2).limit_val_batches(0).build().unwrap();
        trainer.fit(&mut model, loader).unwrap();
        bits(&model.weight())
    };
    let expected = weights(0);
    for workers in [1, 2, 8] {
        assert_eq!(weights(workers), expected, "{workers} workers");
    }
}

/// The batch of `Net`.
type Rows8 = crate::support::Rows;

#[test]
fn samplers_of_every_kind_load() {
    let load = |loader: DataLoader<Vec<u32>>| read(&loader, at(5, 0, 0)).concat();
    let builder = || DataLoader::builder((0..20).collect::<Vec<u32>>()).batch_size(6);
    let drawn = load(builder().sampler(RandomSampler::new().replacement(true).num_samples(40)).build().unwrap());
    assert_eq!(drawn.len(), 40);
    // The order of `shuffle(true)`.
    assert_eq!(
        load(builder().sampler(RandomSampler::new()).build().unwrap()),
        load(builder().shuffle(true).build().unwrap())
    );
}
