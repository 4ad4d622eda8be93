//! A search whose trials are jobs of a Ray cluster: `search_ray ADDRESS JOURNAL`. It has eight
//! combinations of hyperparameters, of which one fails and one runs until somebody stops its job.
//! Prints a line for each trial: its number, state and value or reason. `scripts/search_ray.sh`
//! starts Ray and compares the lines.

use std::{thread, time::Duration};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    Error,
    metrics::MetricKey,
    prelude::*,
    search::{Grid, Journal, RayJobs, Space, Study, choice},
};

/// Only its hyperparameters are searched: nothing is trained.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = rate)]
struct Point {
    #[init(LinearConfig::new(1, 1).init(device))]
    layer: Linear,
    #[hparam(default = 1.0)]
    rate: f64,
    #[hparam(default = 1)]
    width: i64,
}

#[lightning_module]
impl Point {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(journal)) = (arguments.next(), arguments.next()) else {
        return Err(Error::msg("usage: search_ray ADDRESS JOURNAL"));
    };
    let space = Space::new().set("rate", choice([1.0, 2.0, 4.0, 8.0])).set("width", choice([10, 20]));
    let mut study = Study::new(MetricKey::<Point>::named("loss").minimize(), space)
        .name("by ray")
        .sampler(Grid::new())
        .storage(Journal::new(journal))
        .engine(RayJobs::new(address).cpus(1.0).at_once(2).patience(Duration::from_secs(5)));
    let result = study.optimize(8, |trial| {
        let PointHparams { rate, width } = trial.hparams();
        match (rate, width) {
            (2.0, 10) => {
                println!("looking for its data");
                Err(Error::data("no data for this rate"))
            }
            (4.0, 20) => {
                std::fs::write(trial.folder()?.join("runs"), "")
                    .map_err(|error| Error::msg("the trial cannot say that it runs").caused_by(error))?;
                thread::sleep(Duration::from_secs(600));
                Ok(0.0)
            }
            (8.0, 10) => {
                println!("the last words of the job");
                std::process::exit(7)
            }
            _ => Ok(rate * width as f64),
        }
    });
    for trial in study.trials()? {
        let what =
            trial.value().map_or_else(|| trial.error().unwrap_or_default().to_owned(), |value| value.to_string());
        println!("{} {} {}", trial.number, trial.state.name(), what.replace('\n', " "));
    }
    result
}
