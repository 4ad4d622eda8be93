//! Every form of `#[log(metric = …)]`.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    Error,
    metrics::{
        Accuracy, Auroc, Average, Bleu, ConfusionMatrix, FBeta, MeanSquaredError, Metric, MetricValue, Normalize,
        Recall,
    },
    prelude::*,
};

use super::quick;

#[derive(Batch, Clone, Debug)]
struct Points {
    x: Tensor<2>,
    y: Tensor<1, Int>,
}

/// A metric of one's own: how often something was true.
#[derive(Clone, Debug, Default)]
struct Count(u64);

impl Metric for Count {
    type Input = bool;

    fn accumulate(&mut self, input: &bool) -> Result<()> {
        self.0 += u64::from(*input);
        Ok(())
    }
    fn compute(&mut self) -> Result<MetricValue> {
        Ok(MetricValue::Scalar(self.0 as f64))
    }
    fn reset(&mut self) {
        self.0 = 0;
    }
    fn merge(&mut self, other: &Self) -> Result<()> {
        self.0 += other.0;
        Ok(())
    }
    fn state(&mut self) -> Result<serde_json::Value> {
        Ok(self.0.into())
    }
    fn load_state(&mut self, state: &serde_json::Value, _device: &Device) -> Result<()> {
        self.0 = state.as_u64().ok_or_else(|| Error::msg("no count"))?;
        Ok(())
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, classes).init(device))]
    layer: Linear,
    #[hparam(default = 3)]
    classes: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Points, batch_idx: usize) -> Tensor<1> {
        let logits = self.layer.forward(batch.x);
        #[log(maximize, metric = Accuracy::new())]
        let train_acc = (&logits, &batch.y);
        #[log(maximize, prog_bar, on_step, on_epoch, metric = Accuracy::new().top_k(2))]
        let train_top2 = (logits.clone(), batch.y.clone());
        #[log(on_step, on_epoch = false, metric = Count::default())]
        let first = batch_idx == 0;
        #[log(metric = { Count::default() })]
        let (always, never) = (&true, &false);
        if batch_idx > 0 {
            #[log(metric = Count::default(), logger = false)]
            let later = true;
        }
        let _ = (train_acc, train_top2, first, always, never);
        self.measure(&logits, &batch.y);
        cross_entropy(logits, batch.y)
    }
    fn measure(&self, logits: &Tensor<2>, targets: &Tensor<1, Int>) {
        #[log(per_stage, maximize, metric = FBeta::f1().num_classes(self.classes))]
        let f1 = (logits, targets);
    }
    fn validation_step(&self, batch: Points) -> Result<()> {
        let logits = self.layer.forward(batch.x.clone());
        self.measure(&logits, &batch.y);
        let shares = Normalize::Targets;
        #[log(name = "val/confusion", metric = ConfusionMatrix::new().normalize(shares))]
        let confusion = (&logits, batch.y.clone());
        // A target for each score: labels of which any number may hold.
        #[log(metric = ConfusionMatrix::new().class_names(["a", "b", "c"]))]
        let labels = (&logits, logits.clone().greater_scalar(0.0));
        #[log(metric = Auroc::new().average(Average::Micro))]
        let area = (&logits, logits.clone().greater_scalar(0.0));
        #[log(metric = metrics::Precision::new().average(Average::PerClass).class_names(["a", "b", "c"]))]
        let precision = (logits.clone(), &batch.y);
        for shift in 1..3 {
            #[log(minimize, metric = MeanSquaredError::new())]
            let error = (&batch.x, batch.x.clone() + f64::from(shift));
        }
        #[log(metric = Bleu::new().n_gram(1))]
        let Some(bleu) = Some((["a b"], ["a c"])) else { return Ok(()) };
        Ok(())
    }
    fn on_validation_epoch_end(&mut self) {
        #[log(metric = Count::default())]
        let epochs = self.classes == 3;
    }
}

macro_rules! module {
    ($name:ident) => {
        #[lightning_module]
        struct $name {
            #[init(LinearConfig::new(4, classes).init(device))]
            layer: Linear,
            #[hparam(default = 3)]
            classes: usize,
        }

        #[lightning_module]
        impl $name {
            fn validation_step(&self, batch: Points) {
                #[log(maximize, metric = Recall::new().num_classes(self.classes))]
                let recall = (self.layer.forward(batch.x), batch.y);
            }
        }
    };
}

module!(FromMacro);

fn points() -> Vec<Points> {
    let device = Device::default();
    vec![Points { x: Tensor::ones([4, 4], &device), y: Tensor::from_data([0, 1, 2, 0], &device) }; 2]
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let trainer = quick(Net::trainer()).callback(EarlyStopping::new(Net::VAL_F1));
    let report = trainer.build().unwrap().fit(&mut model, (points(), points())).unwrap();
    let metrics = &report.metrics;
    assert!(metrics.get(Net::TRAIN_ACC).is_some() && metrics.get(Net::TRAIN_F1).is_some());
    assert!(metrics.get(Net::TRAIN_TOP2.step()).is_some() && metrics.get(Net::TRAIN_TOP2.epoch()).is_some());
    assert_eq!((metrics.get(Net::FIRST), metrics.get(Net::LATER)), (Some(0.0), Some(1.0)));
    assert_eq!((metrics.get(Net::ALWAYS), metrics.get(Net::NEVER)), (Some(2.0), Some(0.0)));
    assert_eq!(metrics.get(Net::EPOCHS), Some(1.0));
    // Each element is off by 1 in one round and by 2 in the other.
    assert_eq!(metrics.get(Net::ERROR), Some(2.5));
    assert_eq!(metrics.get(Net::BLEU), Some(0.5));
    assert!(metrics.part(Net::PRECISION, "a").is_some() && metrics.get(Net::PRECISION).is_none());
    assert_eq!(metrics.value("precision_b"), metrics.part(Net::PRECISION, "b"));
    let matrix = metrics.matrix(Net::CONFUSION).unwrap();
    assert!(matrix.rows().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    // The labels are what the scores say, so that nothing is off the diagonal.
    let labels = metrics.matrix_part(Net::LABELS, "b").unwrap();
    assert_eq!((labels.get(0, 1), labels.get(1, 0)), (Some(0.0), Some(0.0)));
    assert!(metrics.get(Net::AREA).is_some_and(|area| area.is_nan() || (0.0..=1.0).contains(&area)));

    let mut model = FromMacro::new(FromMacroHparams::default());
    let report = quick(FromMacro::trainer()).build().unwrap().validate(&mut model, points()).unwrap();
    assert!(report.get(FromMacro::RECALL).is_some());
}
