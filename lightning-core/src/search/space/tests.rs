use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::search::{Condition, boolean, choice, int, log_uniform, uniform};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Hparams {
    lr: f64,
    layers: u8,
    kind: String,
    momentum: f32,
    encoder: Encoder,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Encoder {
    depth: usize,
    bias: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Required {
    lr: f64,
    layers: usize,
}

/// A nested space as the macro generates it.
struct EncoderSpace;

impl IntoDistribution<Encoder> for EncoderSpace {
    fn into_parameters(self) -> Vec<Parameter> {
        let depth = int(1_usize..=4).when("bias", true);
        let parts = [("depth", depth.into_parameters()), ("bias", boolean().into_parameters())];
        parts.into_iter().flat_map(|(name, all)| all.into_iter().map(move |one| one.below(name))).collect()
    }
}

fn space() -> Space<Hparams> {
    Space::new()
}

fn fault<H: Serialize + DeserializeOwned>(space: Space<H>) -> String {
    space.checked().unwrap_err().to_string()
}

#[test]
fn parameters_stand_behind_their_conditions() {
    let checked = space()
        .set("momentum", uniform(0.0..0.9_f32).when("kind", "sgd"))
        .set("kind", choice(["adam", "sgd"]))
        .set("encoder", EncoderSpace)
        .checked()
        .unwrap();
    let paths: Vec<&str> = checked.parameters.iter().map(|parameter| parameter.path.as_str()).collect();
    assert_eq!(paths, ["kind", "momentum", "encoder.bias", "encoder.depth"]);
    assert_eq!(checked.parameters[3].condition, Some(Condition::new("encoder.bias", &true)));
    let momentum = &checked.parameters[1];
    assert!(checked.holds(momentum, |path| (path == "kind").then(|| json!("sgd"))));
    assert!(!checked.holds(momentum, |_| Some(json!("adam"))));
    let hparams = checked.hparams([("encoder.depth", json!(3)), ("unknown", json!(1))]);
    let hparams: Hparams = from_json(&hparams).unwrap();
    assert_eq!((hparams.encoder.depth, hparams.kind.as_str()), (3, ""));
}

#[test]
fn wrong_spaces_are_told() {
    let wrong = fault(space().set("lrr", log_uniform(1e-5..0.1)));
    assert_eq!(wrong, "the space has `lrr`, which is not a hyperparameter; help: write `lr`");
    let wrong = fault(space().set("encoder.dept", int(1..=3)));
    assert_eq!(wrong, "the space has `encoder.dept`, which is not a hyperparameter; help: write `encoder.depth`");
    let wrong = fault(space().set("layers", uniform(0.0..3.0)));
    assert!(
        wrong.starts_with("`layers`: every value of 0..3 must fit the hyperparameter, but 0.0 does not:"),
        "{wrong}"
    );
    let wrong = fault(space().set("layers", int(1..=300)));
    assert!(wrong.contains("1..=300 must fit the hyperparameter, but 300 does not"), "{wrong}");
    let wrong = fault(space().set("lr", log_uniform(0.0..0.1)));
    assert!(wrong.contains("a logarithmic range must start above 0"), "{wrong}");
    let wrong = fault(space().set("momentum", uniform(0.0..0.9).when("kind", "sgd")));
    assert!(wrong.contains("`momentum`: a condition must name a parameter of the space, found `kind`"), "{wrong}");
    let wrong = fault(space().set("kind", choice(["a", "b"])).set("lr", uniform(0.0..0.9).when("kind", "c")));
    assert!(wrong.contains("its condition can never hold: `kind` is one of \"a\", \"b\", not \"c\""), "{wrong}");
    let wrong = fault(space().set("lr", uniform(0.0..1.0)).set("lr", uniform(0.0..2.0)));
    assert!(wrong.contains("each hyperparameter must be in the space once, found `lr` and `lr`"), "{wrong}");
    let circle =
        space().set("kind", choice(["a"]).when("encoder.bias", true)).set("encoder.bias", boolean().when("kind", "a"));
    assert!(fault(circle).contains("conditions must not form a circle, found one of `kind`, `encoder.bias`"));
    let two = fault(space().set("lr", uniform(1.0..0.0)).set("kind", choice(Vec::<String>::new())));
    assert!(two.starts_with("2 settings cannot work:\n  - `lr`: a range must start below"), "{two}");
}

#[test]
fn hyperparameters_without_a_default_need_a_base() {
    let lr = || Space::<Required>::new().set("lr", uniform(0.0..1.0));
    let wrong = fault(lr());
    assert!(wrong.contains("must have values") && wrong.contains("missing field `layers`"), "{wrong}");
    assert_eq!(lr().base(Required { lr: 0.1, layers: 3 }).checked().unwrap().base, json!({"lr": 0.1, "layers": 3}));
    lr().set("layers", int(1..=2)).checked().unwrap();
}
