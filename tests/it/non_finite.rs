//! NaN and infinity in hyperparameters and in the state of modules, which JSON numbers cannot be.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{StateReader, StateWriter, params, prelude::*};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::support::{Rows, SaveAfterBatch, batches, quiet};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Limit {
    #[default]
    None,
    At(f64),
    Between(f32, f32),
    Within {
        low: f64,
        high: Option<f64>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    best: f64,
    single: f32,
    several: Vec<Option<f64>>,
    named: BTreeMap<String, Vec<f32>>,
    pairs: Vec<(String, f64, [f32; 2])>,
    limits: Vec<Limit>,
    text: String,
    texts: Vec<String>,
}

fn seen() -> Seen {
    Seen {
        best: f64::INFINITY,
        single: f32::NEG_INFINITY,
        several: vec![Some(f64::NEG_INFINITY), None, Some(0.1), Some(f64::INFINITY)],
        named: BTreeMap::from([("a".to_owned(), vec![f32::INFINITY, 0.1]), ("NaN".to_owned(), Vec::new())]),
        pairs: vec![("inf".to_owned(), f64::INFINITY, [1.5, f32::INFINITY])],
        limits: vec![
            Limit::None,
            Limit::At(f64::INFINITY),
            Limit::Between(f32::NEG_INFINITY, 1.0),
            Limit::Within { low: f64::NEG_INFINITY, high: Some(f64::INFINITY) },
        ],
        text: "NaN".to_owned(),
        texts: ["inf", "-inf", "Infinity", "-Infinity", "+NaN", "null"].map(str::to_owned).to_vec(),
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Watched {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[hparam(default = f64::INFINITY)]
    clip: f64,
    #[hparam(default = f32::NAN)]
    fill: f32,
    #[hparam(default = vec![Limit::At(f64::NEG_INFINITY)])]
    limits: Vec<Limit>,
    #[hparam(default = "inf".to_owned())]
    norm: String,
    #[state]
    seen: Seen,
    #[state]
    missing: f64,
    #[state]
    by_name: HashMap<String, f32>,
}

#[lightning_module]
impl Watched {
    fn on_train_start(&mut self) {
        self.seen = seen();
        self.missing = f64::NAN;
        self.by_name = HashMap::from([("x".to_owned(), f32::NAN)]);
    }

    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        train_loss
    }
}

#[track_caller]
fn assert_as_it_was(model: &Watched) {
    assert_eq!(model.seen, seen());
    assert!(model.missing.is_nan() && model.by_name["x"].is_nan());
    assert_eq!((model.clip, &*model.norm), (f64::INFINITY, "inf"));
    assert!(model.fill.is_nan());
    assert_eq!(model.limits, [Limit::At(f64::NEG_INFINITY)]);
}

#[test]
fn a_checkpoint_has_them_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    let loader = || DataLoader::from_batches(batches(&[8; 4], 1)).unwrap();
    let trainer = |resume: Resume, path: &std::path::Path| {
        let save = SaveAfterBatch { batch: 2, path: path.to_path_buf() };
        quiet(Watched::trainer()).max_epochs(1).callback(save).resume_from(resume).build().unwrap()
    };
    seed_everything(1);
    let mut model = Watched::new(WatchedHparams::default());
    trainer(Resume::Never, &path).fit(&mut model, loader()).unwrap();

    assert_as_it_was(&Watched::load_from_checkpoint(&path).unwrap());
    let mut loaded = Watched::new(WatchedHparams::default());
    let mut other = trainer(Resume::Never, &folder.path().join("b.ckpt"));
    other.load(&mut loaded, &path).unwrap();
    assert_as_it_was(&loaded);

    let mut resumed = Watched::new(WatchedHparams::default());
    let report =
        trainer(Resume::Path(path.clone()), &folder.path().join("c.ckpt")).fit(&mut resumed, loader()).unwrap();
    assert_as_it_was(&resumed);
    assert_eq!(report.resumed_from.as_deref(), Some(&*path));

    let metadata = lightning_core::checkpoint::inspect(&path).unwrap().metadata;
    let hparams: WatchedHparams = params::from_json(&metadata.hparams).unwrap();
    assert_eq!((hparams.clip, hparams.norm), (f64::INFINITY, "inf".to_owned()));
}

/// Any reader of JSON reads the file, and `float` of Python turns the texts into the numbers.
#[test]
fn the_file_of_hyperparameters_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Watched::new(WatchedHparams::default());
    let mut trainer =
        quiet(Watched::trainer()).logger(CsvLogger::new(folder.path()).name("logs")).max_epochs(1).build().unwrap();
    trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 2], 1)).unwrap()).unwrap();
    let text = fs::read_to_string(folder.path().join("logs/version_0/hparams.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["clip"], "+Infinity");
    assert_eq!(value["fill"], "+NaN");
    assert_eq!(value["limits"], serde_json::json!([{ "At": "-Infinity" }]));
    assert_eq!(value["norm"], "inf");
    let hparams: WatchedHparams = params::from_json(&value).unwrap();
    assert!(hparams.fill.is_nan());
}

fn round_trip<T: Serialize + DeserializeOwned + Default>(value: &T) -> T {
    let mut writer = StateWriter::default();
    writer.put("x", value).unwrap();
    let text = writer.finish().to_string();
    let mut read = T::default();
    StateReader::new(&serde_json::from_str(&text).unwrap()).get("x", &mut read).unwrap();
    read
}

/// Where serde reads without asking for a type: flattened fields, tagged and untagged enums.
#[test]
fn types_that_serde_reads_by_their_contents() {
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Flat {
        name: String,
        #[serde(flatten)]
        rest: BTreeMap<String, f64>,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Fixed { rate: f32 },
        Free { rates: Vec<Option<f64>>, text: String },
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(f64),
        Text(String),
    }

    let flat = Flat { name: "NaN".to_owned(), rest: BTreeMap::from([("low".to_owned(), f64::NEG_INFINITY)]) };
    assert_eq!(round_trip(&flat), flat);
    let tagged = vec![
        Tagged::Fixed { rate: f32::INFINITY },
        Tagged::Free { rates: vec![None, Some(f64::INFINITY)], text: "inf".to_owned() },
    ];
    assert_eq!(round_trip(&tagged), tagged);
    let either = vec![
        Either::Number(f64::INFINITY),
        Either::Text("inf".to_owned()),
        Either::Text("NaN".to_owned()),
        Either::Number(1.0),
    ];
    assert_eq!(round_trip(&either), either);
    // A text field that reads like the number, in a type that serde reads by its contents.
    let text = vec![Tagged::Free { rates: Vec::new(), text: "+NaN".to_owned() }];
    assert_eq!(round_trip(&text), text);
    // JSON that the module keeps stays as it is.
    let json = serde_json::json!({ "a": ["NaN", "inf", null, 1] });
    assert_eq!(round_trip(&json), json);
    assert!(round_trip(&f64::NAN).is_nan() && round_trip(&f32::NAN).is_nan());
    assert_eq!(round_trip(&(1_u8, -2_i64, u64::MAX, 'c', true, Some(()))), (1, -2, u64::MAX, 'c', true, None));
    assert_eq!(round_trip(&BTreeMap::from([(3_u32, f32::INFINITY)])), BTreeMap::from([(3, f32::INFINITY)]));
    assert_eq!(round_trip(&0.1_f32), 0.1);
}

/// A number that one of the two methods wrote is read by the other.
#[test]
fn numbers_and_data_are_read_alike() {
    let mut writer = StateWriter::default();
    writer.put_number("number", f64::NEG_INFINITY);
    writer.put("data", &f64::INFINITY).unwrap();
    let value = writer.finish();
    let (mut number, mut data) = (0.0_f64, 0.0_f64);
    StateReader::new(&value).get("number", &mut number).unwrap();
    StateReader::new(&value).get_number("data", &mut data).unwrap();
    assert_eq!((number, data), (f64::NEG_INFINITY, f64::INFINITY));
    let mut text = String::new();
    StateReader::new(&value).get("number", &mut text).unwrap();
    assert_eq!(text, "-inf");
}

/// A file of an earlier version, in which NaN is null.
#[test]
fn null_is_an_error_that_says_where_it_came_from() {
    let stored = serde_json::json!({ "best": null, "seen": 3.5 });
    let reader = StateReader::new(&stored);
    let (mut best, mut seen) = (0.0_f64, 0.0_f64);
    reader.get("seen", &mut seen).unwrap();
    assert_eq!(seen, 3.5);
    let error = reader.get("best", &mut best).unwrap_err().to_string();
    assert!(error.contains("`best`") && error.contains("wrote NaN and infinity as null"), "{error}");
    let mut best = Some(0.0);
    reader.get("best", &mut best).unwrap();
    assert_eq!(best, None);
}
