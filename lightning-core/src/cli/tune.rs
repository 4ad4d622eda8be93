//! `tune`: searches hyperparameters, with the space of the module's attributes.

mod ranges;

use std::path::Path;

use serde_json::Value;

use super::{
    program::Cli,
    registry::monitorable,
    runner::{Failure, Job, usage},
    stages::{FitsOn, RunsOn},
};
use crate::{
    __private::build_module,
    data::{DataModule, DataStruct},
    error::{Error, Result},
    metrics::{Direction, MetricKey},
    module::{BuiltModule, LightningModule, LightningStruct},
    params::from_json,
    progress::IntoMaxTime,
    search::{Asha, DefaultSpace, Grid, Hyperband, Journal, Median, Random, Sobol, Study, Tpe, Trial},
    seed_everything,
};

/// Runs the trials of a study, and prints the best.
pub(super) fn tune<M: RunsOn<D>, D: DataModule + DataStruct>(
    cli: &Cli<M, D>,
    job: &Job,
) -> std::result::Result<(), Failure> {
    let option = |name: &str| job.options.get(name).unwrap_or(&Value::Null);
    let number = |name: &str| option(name).as_u64().map_or(0, |number| number as usize);
    let mut study = study::<M>(job).map_err(usage)?;
    if let Some(path) = option("storage").as_str() {
        study = study.storage(Journal::new(Path::new(path)));
    } else if number("workers") > 1 {
        let error = Error::config("several `--workers` need a file that they share, found no `--storage`");
        return Err(usage(error.help("write `--storage study.log`")));
    }
    if let Some(time) = option("timeout").as_str() {
        study = study.timeout(time.into_max_time()?);
    }
    if let Some(name) = option("study_name").as_str() {
        study = study.name(name);
    }
    let mut study = study.workers(number("workers").max(1)).verbose(true);
    study.optimize(number("trials"), |trial| run_trial(cli, job, trial))?;
    println!("{}", study.best()?);
    for (name, share) in study.importances()? {
        println!("{:>3.0} % of the variance: {name}", 100.0 * share);
    }
    if let Some(path) = option("report").as_str() {
        study.report(path)?;
        println!("{path}");
    }
    Ok(())
}

/// The study without its storage.
fn study<M>(job: &Job) -> Result<Study<M>>
where
    M: LightningModule + LightningStruct<Hparams: DefaultSpace>,
{
    let option = |name: &str| job.options.get(name).unwrap_or(&Value::Null);
    let known = || crate::text::listed(monitorable(M::METRICS).map(|def| def.name));
    let def = match option("monitor").as_str() {
        Some(name) => monitorable(M::METRICS).find(|def| def.name == name).ok_or_else(|| {
            let near = lightning_config::nearest(name, monitorable(M::METRICS).map(|def| def.name));
            let help = near.map_or_else(
                || format!("the metrics with a direction are {}", known()),
                |near| format!("did you mean `{near}`?"),
            );
            Error::config(format!("the module logs no metric `{name}` with a direction")).help(help)
        })?,
        None => {
            let mut all = monitorable(M::METRICS);
            let only = all.next().filter(|_| all.next().is_none());
            let loss = monitorable(M::METRICS).find(|def| def.name == "val_loss");
            loss.or(only).ok_or_else(|| {
                Error::config("`tune` needs the metric to optimize")
                    .help(format!("write `--monitor …` with one of {}", known()))
            })?
        }
    };
    let mut space = <M::Hparams as DefaultSpace>::search_space();
    if let Some(ranges) = option("space").as_object() {
        for (path, range) in ranges {
            let distribution = ranges::parse(range.as_str().unwrap_or_default())
                .map_err(|(message, help)| Error::config(format!("`--space.{path}`: {message}")).help(help))?;
            space = space.replace::<(), _>(path, ranges::Range(distribution));
        }
    }
    if space.parameters().is_empty() {
        let help = "write `#[hparam(default = 1e-3, search = log(1e-5..1e-1))]` in the module, or `--space.lr 'log(1e-5..1e-1)'`";
        return Err(Error::config("there is nothing to search: no hyperparameter has values to try").help(help));
    }
    let space = space.base(from_json(&job.model)?);
    let key = MetricKey::<M>::new(def);
    let study = match def.direction {
        Some(Direction::Maximize) => Study::new(key.maximize(), space),
        _ => Study::new(key.minimize(), space),
    };
    let seed = job.seed.unwrap_or_default();
    let study = match option("sampler").as_str() {
        Some("random") => study.sampler(Random::new().seed(seed)),
        Some("sobol") => study.sampler(Sobol::new().seed(seed)),
        Some("grid") => study.sampler(Grid::new()),
        _ => study.sampler(Tpe::new().seed(seed)),
    };
    Ok(match option("pruner").as_str() {
        Some("asha") => study.pruner(Asha::new()),
        Some("hyperband") => study.pruner(Hyperband::new()),
        Some("median") => study.pruner(Median::new()),
        _ => study,
    })
}

/// Trains with the hyperparameters of a trial. It logs and saves only what the configuration asks for.
fn run_trial<M: RunsOn<D>, D: DataModule + DataStruct>(
    cli: &Cli<M, D>,
    job: &Job,
    trial: &mut Trial<M>,
) -> Result<crate::FitReport<M>> {
    seed_everything(trial.seed());
    let mut builder = cli.configured(&job.trainer).callback(trial.pruning());
    let has_loggers = job.trainer.get("logger").is_some_and(Value::is_array);
    if !has_loggers {
        builder.loggers.clear();
        builder.settings.output.default_logger = false;
    }
    builder.settings.output.progress_bar = false;
    builder.settings.output.model_summary = false;
    builder.settings.output.checkpointing = builder.callbacks.iter().any(|callback| callback.info().is_checkpoint);
    let mut data = Cli::<M, D>::data_module(&job.data)?;
    let mut trainer = builder.build()?;
    let mut model = build_module::<M>(trial.hparams(), &burn::tensor::Device::default()).into_module()?;
    <M::Fit as FitsOn<M, D>>::fit(&mut trainer, &mut model, &mut data)
}
