//! Metrics whose value is a curve: what loggers, reports and callbacks get of them.

use burn::{module::Param, optim::SgdConfig, prelude::*};
use lightning_core::{
    loggers::MemoryLogger,
    metrics::{CurveKind, CurvePoint, Metric, PrecisionRecallCurve, Roc},
    prelude::*,
};

use crate::support::quiet;

#[derive(Batch, Clone, Debug)]
struct Scored {
    scores: Tensor<1>,
    targets: Tensor<1, Int>,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Judge {
    #[init(Param::from_data([1.0_f32], device))]
    weight: Param<Tensor<1>>,
}

#[lightning_module]
impl Judge {
    fn training_step(&self, batch: Scored) -> Tensor<1> {
        (batch.scores * self.weight.val()).mean()
    }
    fn validation_step(&self, batch: Scored) {
        #[log(maximize, metric = Roc::new())]
        let val_roc = (&batch.scores, &batch.targets);
        #[log(maximize, metric = PrecisionRecallCurve::new().thresholds(3))]
        let val_precision = (&batch.scores, &batch.targets);
    }
}

/// The example of scikit-learn's `roc_curve`, in two batches.
fn data() -> Vec<Scored> {
    let device = Device::default();
    let batch = |scores: [f32; 2], targets: [i32; 2]| Scored {
        scores: Tensor::from_data(scores, &device),
        targets: Tensor::from_data(targets, &device),
    };
    vec![batch([0.1, 0.4], [0, 0]), batch([0.35, 0.8], [1, 1])]
}

#[test]
fn a_curve_is_a_picture_a_table_and_its_area() {
    let memory = MemoryLogger::new();
    let mut model = Judge::new(JudgeHparams::default());
    let mut trainer = quiet(Judge::trainer())
        .max_epochs(2)
        .logger(memory.clone())
        .callback(EarlyStopping::new(Judge::VAL_ROC).patience(5))
        .build()
        .unwrap();
    let report = trainer.fit(&mut model, (data(), data())).unwrap();
    assert_eq!(memory.values("val_roc"), [0.75, 0.75]);
    assert_eq!(report.metrics.get(Judge::VAL_ROC), Some(0.75));
    let curves = report.metrics.curves(Judge::VAL_ROC).unwrap();
    assert_eq!((curves.kind(), curves.all().len()), (CurveKind::Roc, 1));
    let points: Vec<[f64; 2]> = curves.all()[0].points.iter().map(|CurvePoint { x, y, .. }| [*x, *y]).collect();
    assert_eq!(points, [[0.0, 0.0], [0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [1.0, 1.0]]);
    // The steps of 1/2 · 1 + 1/2 · 2/3 become one between the thresholds 0 and 1/2.
    assert_eq!(memory.values("val_precision"), [0.5 * 1.0 + 0.5 * 0.5; 2]);

    let images = memory.images();
    let named: Vec<_> = images.iter().map(|(name, _, position)| (name.as_str(), position.epoch)).collect();
    assert_eq!(named, [("val_roc", 0), ("val_precision", 0), ("val_roc", 1), ("val_precision", 1)]);
    assert!(images.iter().all(|(_, image, _)| image.channels == 3 && image.width > 300));
    let tables = memory.tables();
    let (name, table, _) = &tables[1];
    assert_eq!((tables.len(), name.as_str()), (4, "val_precision"));
    assert_eq!(table.columns, ["threshold", "recall", "precision"]);
    assert_eq!(
        table.rows,
        [
            ["inf", "0.0000", "1.0000"],
            ["1.0000", "0.0000", "0.0000"],
            ["0.5000", "0.5000", "1.0000"],
            ["0.0000", "1.0000", "0.5000"]
        ]
    );
}

#[test]
fn the_pictures_can_be_looked_at() {
    // Ten classes; the scores of the higher ones say less.
    let device = Device::default();
    let mut random = 1_u32;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(random >> 8) / f64::from(1 << 24)
    };
    let targets: Vec<i32> = (0..600).map(|_| (next() * 10.0) as i32).collect();
    let scores: Vec<f64> = targets
        .iter()
        .flat_map(|target| {
            (0..10).map(|class| if class == *target { 2.2 - 0.2 * f64::from(class) } else { 0.0 }).collect::<Vec<_>>()
        })
        .map(|score| score + 1.6 * (next() + next() + next() - 1.5))
        .collect();
    let scores = Tensor::<2>::from_data(TensorData::new(scores, [600, 10]), &device);
    let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [600]), &device);
    let batch = (&scores, &targets);
    let one = (scores.clone().narrow(1, 3, 1).reshape([600]), targets.clone().equal_scalar(3).int());
    let names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
    let (mut roc, mut precision) = (Roc::new().class_names(names), PrecisionRecallCurve::new().class_names(names));
    let (mut one_roc, mut one_precision) = (Roc::new(), PrecisionRecallCurve::new().thresholds(101));
    roc.update(batch).unwrap();
    precision.update(batch).unwrap();
    one_roc.update((&one.0, &one.1)).unwrap();
    one_precision.update((&one.0, &one.1)).unwrap();
    let values = [roc.compute(), precision.compute(), one_roc.compute(), one_precision.compute()];
    for (index, value) in values.into_iter().enumerate() {
        let value = value.unwrap();
        let image = value.curves().unwrap().to_picture();
        let png = image.borrow().to_png().unwrap();
        // What a report shows in full.
        assert!(png.len() < 32 * 1024, "{}", png.len());
        if let Some(folder) = std::env::var_os("SCREENSHOTS") {
            std::fs::write(std::path::Path::new(&folder).join(format!("curves-{index}.png")), png).unwrap();
        }
    }
}
