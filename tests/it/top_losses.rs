//! The samples with the largest losses.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{data::EpochOffset, prelude::*};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

/// What the hand-written loop finds: the losses of single rows, largest first.
fn by_hand(model: &Net, data: &[Rows]) -> Vec<(f64, u64, usize)> {
    let mut losses = Vec::new();
    for (number, batch) in data.iter().enumerate() {
        for row in 0..batch.y.dims()[0] {
            let logits = model.forward(batch.x.clone().narrow(0, row, 1)).without_autodiff();
            let loss = cross_entropy(logits, batch.y.clone().narrow(0, row, 1));
            losses.push((f64::from(loss.into_scalar::<f32>()), number as u64, row));
        }
    }
    losses.sort_by(|a, b| b.0.total_cmp(&a.0));
    losses
}

#[test]
fn the_largest_losses_are_those_of_a_hand_written_loop() {
    let mut model = Net::new(NetHparams::default());
    let data = batches(&[5, 4, 3], 7);
    let expected = by_hand(&model, &data);
    let before = model.parameters();
    let trainer = Net::quiet().build().unwrap();
    let top = trainer.top_losses(&mut model, &data, 4).unwrap();
    let found: Vec<_> = top.samples.iter().map(|sample| (sample.loss, sample.batch, sample.position)).collect();
    assert_eq!(found, expected[..4]);
    assert_eq!((top.evaluated, top.skipped), (12, 0));
    assert!(top.samples.iter().all(|sample| sample.dataset_index.is_none()));
    assert_eq!(model.parameters(), before);
    assert_eq!(trainer.top_losses(&mut model, &data, 100).unwrap().samples.len(), 12);
    let text = top.to_string();
    assert!(text.contains("4 of 12 samples") && text.contains("unknown"), "{text}");
}

/// A row of the dataset: its index is its number.
fn loader() -> DataLoader<(Tensor<2>, Vec<String>)> {
    DataLoader::builder((0..10).collect::<Vec<i32>>())
        .batch_size(4)
        .shuffle(true)
        .num_workers(1)
        .collate(|items: Vec<i32>| {
            let names = items.iter().map(|item| format!("item {item}")).collect();
            let values: Vec<f32> = items.iter().map(|item| *item as f32).collect();
            let len = values.len();
            Ok((Tensor::from_data(TensorData::new(values, [len, 1]), &Device::default()), names))
        })
        .build()
        .unwrap()
}

/// A module whose loss of a sample is its value, NaN for 3, and none for 4.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Values {
    #[init(LinearConfig::new(1, 1).init(device))]
    layer: Linear,
    #[init(DropoutConfig::new(0.5).init())]
    dropout: Dropout,
}

#[lightning_module]
impl Values {
    fn training_step(&self, batch: (Tensor<2>, Vec<String>)) -> Option<Tensor<1>> {
        let (x, names) = batch;
        assert_eq!((x.dims(), names.len()), ([1, 1], 1), "one sample");
        assert!(!x.is_autodiff(), "no gradient");
        match names[0].as_str() {
            "item 3" => Some((x.sum() - 3.0) / 0.0),
            "item 4" => None,
            _ => {
                #[log(minimize)]
                let train_loss = self.dropout.forward(x).mean();
                Some(train_loss)
            }
        }
    }
}

#[test]
fn a_sample_is_found_in_the_dataset() {
    let mut model = Values::new(ValuesHparams::default());
    let trainer = quiet(Values::trainer()).build().unwrap();
    let top = trainer.top_losses(&mut model, &loader(), 3).unwrap();
    let found: Vec<_> = top.samples.iter().map(|sample| sample.dataset_index).collect();
    assert_eq!(found, [Some(3), Some(9), Some(8)]);
    assert!(top.samples[0].loss.is_nan());
    // Dropout passes everything in evaluation form.
    assert_eq!((top.samples[1].loss, top.samples[2].loss), (9.0, 8.0));
    assert_eq!((top.evaluated, top.skipped), (9, 1));
    for sample in &top.samples {
        let at = EpochOffset { seed: lightning_core::random::global_seed(), epoch: 0, batch: sample.batch };
        let indices = loader().indices(at).unwrap().unwrap();
        assert_eq!(indices[sample.position], sample.dataset_index.unwrap());
    }
}

/// A module with two optimizers, each with its own step.
#[lightning_module]
struct Two {
    #[init(LinearConfig::new(1, 1).init(device))]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    first: Linear,
    #[init(LinearConfig::new(1, 1).init(device))]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    second: Linear,
}

#[lightning_module]
impl Two {
    #[training_step(optimizer = first)]
    fn first_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.first.forward(batch).mean()
    }
    #[training_step(optimizer = second)]
    fn second_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.second.forward(batch).mean()
    }
}

#[test]
fn what_top_losses_needs_is_told() {
    let device = Device::default();
    let data = vec![Tensor::<2>::ones([2, 1], &device)];
    let trainer = quiet(Two::trainer()).build().unwrap();
    let error = trainer.top_losses(&mut Two::new(TwoHparams::default()), &data, 1).unwrap_err();
    assert!(error.to_string().contains("`Two` has a training step for each optimizer"), "{error}");

    let mut model = Net::new(NetHparams::default());
    let uneven = Rows { x: Tensor::ones([3, 8], &device), y: Tensor::ones([2], &device) };
    let error = Net::quiet().build().unwrap().top_losses(&mut model, &vec![uneven], 1).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("3 samples, and the tensor `y` 2 rows") && text.contains("batch 0"), "{text}");
}
