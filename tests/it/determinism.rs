//! Same seed, same weights, to the last bit.

use lightning_core::prelude::*;

use crate::support::*;

fn run(seed: u64) -> (Vec<u32>, u64) {
    seed_everything(seed);
    let data: Vec<Rows> = batches(&[1; 60], 3);
    let items: Vec<usize> = (0..data.len()).collect();
    let loader = DataLoader::builder(items)
        .batch_size(8)
        .shuffle(true)
        .collate(move |picked: Vec<usize>| {
            Ok(Rows {
                x: burn::prelude::Tensor::cat(picked.iter().map(|index| data[*index].x.clone()).collect(), 0),
                y: burn::prelude::Tensor::cat(picked.iter().map(|index| data[*index].y.clone()).collect(), 0),
            })
        })
        .build()
        .unwrap();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_epochs(3).limit_val_batches(0).build().unwrap();
    let report = trainer.fit(&mut model, loader).unwrap();
    (bits(&model.weight()), report.metrics["train_loss"].to_bits())
}

#[test]
fn one_seed_gives_one_run() {
    assert_eq!(run(7), run(7));
}

#[test]
fn another_seed_gives_another_run() {
    assert_ne!(run(7).0, run(8).0);
}
