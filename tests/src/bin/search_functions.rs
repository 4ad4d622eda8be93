//! Searches the minima of ten functions with 20 seeds, and prints the median of the best values:
//! `search_functions [TRIALS] [SEEDS]`. `tests/foreign/optuna_functions.py` does the same with
//! Optuna, and `scripts/search_vs_optuna.sh` prints both.

use std::f64::consts::{E, PI};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    metrics::MetricKey,
    prelude::*,
    search::{Space, Study, Tpe, choice, int, log_uniform, uniform},
};

/// Only its hyperparameters are searched: nothing is trained.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Point {
    #[init(LinearConfig::new(1, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.0)]
    x0: f64,
    #[hparam(default = 0.0)]
    x1: f64,
    #[hparam(default = 0.0)]
    x2: f64,
    #[hparam(default = 0.0)]
    x3: f64,
    #[hparam(default = 0.0)]
    x4: f64,
    #[hparam(default = 0.0)]
    x5: f64,
    #[hparam(default = 1)]
    n: i64,
    #[hparam(default = 1)]
    m: i64,
    #[hparam(default = "a".to_owned())]
    kind: String,
}

#[lightning_module]
impl Point {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

type Hparams = PointHparams;
type Function = (&'static str, fn() -> Space<Hparams>, fn(&Hparams) -> f64);

const NAMES: [&str; 6] = ["x0", "x1", "x2", "x3", "x4", "x5"];

fn all(hparams: &Hparams) -> [f64; 6] {
    [hparams.x0, hparams.x1, hparams.x2, hparams.x3, hparams.x4, hparams.x5]
}

fn cube(dimensions: usize, low: f64, high: f64) -> Space<Hparams> {
    NAMES[..dimensions].iter().fold(Space::new(), |space, name| space.set(name, uniform(low..high)))
}

fn branin(x: f64, y: f64) -> f64 {
    (y - 5.1 * x * x / (4.0 * PI * PI) + 5.0 * x / PI - 6.0).powi(2) + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
}

fn hartmann(x: [f64; 6]) -> f64 {
    const ALPHA: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let term =
        |row: usize| ALPHA[row] * (-(0..6).map(|at| A[row][at] * (x[at] - P[row][at]).powi(2)).sum::<f64>()).exp();
    -(0..4).map(term).sum::<f64>()
}

fn ackley(x: &[f64]) -> f64 {
    let n = x.len() as f64;
    let square = x.iter().map(|x| x * x).sum::<f64>() / n;
    let cosine = x.iter().map(|x| (2.0 * PI * x).cos()).sum::<f64>() / n;
    20.0 + E - 20.0 * (-0.2 * square.sqrt()).exp() - cosine.exp()
}

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|pair| 100.0 * (pair[1] - pair[0] * pair[0]).powi(2) + (1.0 - pair[0]).powi(2)).sum()
}

fn levy(x: &[f64]) -> f64 {
    let w: Vec<f64> = x.iter().map(|x| 1.0 + (x - 1.0) / 4.0).collect();
    let last = w[w.len() - 1];
    let middle = w[..w.len() - 1].iter().map(|w| (w - 1.0).powi(2) * (1.0 + 10.0 * (PI * w + 1.0).sin().powi(2)));
    (PI * w[0]).sin().powi(2) + middle.sum::<f64>() + (last - 1.0).powi(2) * (1.0 + (2.0 * PI * last).sin().powi(2))
}

const FUNCTIONS: [Function; 10] = [
    ("branin", || Space::new().set("x0", uniform(-5.0..10.0)).set("x1", uniform(0.0..15.0)), |p| branin(p.x0, p.x1)),
    ("hartmann6", || cube(6, 0.0, 1.0), |p| hartmann(all(p))),
    ("rosenbrock4", || cube(4, -2.0, 2.0), |p| rosenbrock(&all(p)[..4])),
    ("ackley5", || cube(5, -20.0, 30.0), |p| ackley(&all(p)[..5])),
    ("levy4", || cube(4, -10.0, 10.0), |p| levy(&all(p)[..4])),
    (
        "rastrigin3",
        || cube(3, -4.0, 5.0),
        |p| all(p)[..3].iter().map(|x| 10.0 + x * x - 10.0 * (2.0 * PI * x).cos()).sum(),
    ),
    (
        "log3",
        || NAMES[..3].iter().fold(Space::new(), |space, name| space.set(name, log_uniform(1e-6..1.0))),
        |p| {
            (p.x0.log10() + 3.0).powi(2)
                + (p.x1.log10() + 4.5).powi(2)
                + (p.x2.log10() + 1.0 - p.x0.log10() - 2.0).powi(2)
        },
    ),
    (
        "integers",
        || {
            let space = Space::new().set("n", int(1..=1024_i64).log()).set("m", int(0..=100_i64).step(5));
            space.set("x0", uniform(0.0..1.0).step(0.05))
        },
        |p| (p.n as f64 / 96.0).log2().powi(2) + (p.m as f64 / 10.0 - 3.5).powi(2) / 4.0 + 10.0 * (p.x0 - 0.3).powi(2),
    ),
    (
        "mixed",
        || {
            let space = cube(2, -5.0, 5.0).set("n", int(-5..=5_i64));
            space.set("kind", choice(["a", "b", "c", "d"].map(str::to_owned)))
        },
        |p| {
            let offset = [0.5, 1.5, 0.0, 2.5][usize::from(p.kind.as_bytes()[0] - b'a')];
            ackley(&[p.x0 - 1.0, p.x1 + 1.5, p.n as f64 - 2.0]) + offset
        },
    ),
    (
        "conditional",
        || {
            let space = Space::new().set("kind", choice(["a", "b"].map(str::to_owned))).set("x0", uniform(-5.0..5.0));
            let space = space.set("x1", uniform(-5.0..5.0).when("kind", "a"));
            space.set("x2", log_uniform(1e-4..10.0).when("kind", "b")).set("x3", uniform(0.0..1.0).when("kind", "b"))
        },
        |p| match p.kind.as_str() {
            "a" => 0.5 + (p.x0 - 1.0).powi(2) + (p.x1 + 2.0).powi(2),
            _ => (p.x0 + 1.0).powi(2) + (p.x2.log10() + 2.0).powi(2) + 4.0 * (p.x3 - 0.7).powi(2),
        },
    ),
];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let trials: usize = arguments.next().unwrap_or(60);
    let seeds: u64 = arguments.next().unwrap_or(20) as u64;
    for (name, space, function) in FUNCTIONS {
        let mut bests = Vec::new();
        for seed in 0..seeds {
            let key = MetricKey::<Point>::named("value").minimize();
            let mut study = Study::new(key, space()).sampler(Tpe::new().seed(seed));
            study.optimize(trials, |trial| Ok(function(&trial.hparams())))?;
            bests.push(study.best()?.value());
        }
        bests.sort_by(f64::total_cmp);
        let middle = bests.len() / 2;
        let median =
            if bests.len().is_multiple_of(2) { 0.5 * (bests[middle - 1] + bests[middle]) } else { bests[middle] };
        println!("{name} {median}");
    }
    Ok(())
}
