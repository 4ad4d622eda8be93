//! Searches as a program writes them: trials that train, fail, are pruned or given.

use std::time::Duration;

use lightning_core::{
    Error, Rng,
    prelude::*,
    search::{
        Asha, Grid, Journal, Median, Outcome, Random, Sobol, Space, Study, Tpe, TrialState, choice, int, log_uniform,
        uniform,
    },
};

use crate::{
    search_support::{Searched, SearchedHparams, quadratic, space},
    support::{batches, quiet},
};

fn study() -> Study<Searched> {
    Study::new(Searched::VAL_LOSS, space()).sampler(Tpe::new().seed(1))
}

/// The stored numbers of all trials.
fn stored(study: &mut Study<Searched>) -> Vec<Vec<f64>> {
    let trials = study.trials().unwrap();
    trials.iter().map(|trial| trial.params.iter().map(|param| param.stored).collect()).collect()
}

#[test]
fn a_search_trains_and_keeps_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let space = Space::new().set("lr", choice([1e-6, 0.5]));
    let journal = Journal::new(folder.path().join("study.log"));
    let mut study = Study::new(Searched::VAL_ACC, space).sampler(Grid::new()).storage(journal);
    let run = |trial: &mut lightning_core::search::Trial<Searched>| {
        seed_everything(trial.seed());
        let mut model = Searched::new(trial.hparams());
        let trainer = Searched::trainer().no_logger().enable_progress_bar(false).enable_model_summary(false);
        let checkpoint = ModelCheckpoint::new(Searched::VAL_ACC);
        let trainer = trainer.default_root_dir(trial.folder()?).callback(checkpoint).max_epochs(4);
        let data = DataLoader::from_batches(batches(&[16; 8], 1))?;
        trainer.callback(trial.pruning()).build()?.fit(&mut model, (data.clone(), data))
    };
    study.optimize(50, run).unwrap();
    let trials = study.trials().unwrap();
    assert_eq!(trials.len(), 2, "the grid has two combinations");
    assert!(trials.iter().all(|trial| trial.state == TrialState::Complete && trial.reports.len() == 4), "{trials:?}");
    let best = study.best().unwrap();
    assert_eq!((best.number(), best.hparams().lr), (1, 0.5));
    let reported = trials[1].reports.values().copied().fold(0.0, f64::max);
    assert_eq!(best.value(), reported, "the best value of the run");
    let checkpoint = best.checkpoint().unwrap();
    assert!(checkpoint.starts_with(folder.path().join("study_files/trial_1")), "{}", checkpoint.display());
    let loaded = Searched::load_from_checkpoint(checkpoint).unwrap();
    assert_eq!(loaded.hparams().lr, 0.5);
    let text = best.to_string();
    assert!(text.contains("Trial 1") && text.contains("val_acc") && text.contains("lr"), "{text}");
}

#[test]
fn a_pruned_run_ends_and_is_a_pruned_trial() {
    let rates = Space::new().set("lr", choice([0.5, 1e-6]));
    let mut study = Study::new(Searched::VAL_LOSS, rates).sampler(Grid::new()).pruner(Asha::new().min_resource(1));
    let mut epochs = Vec::new();
    study
        .optimize(2, |trial| {
            seed_everything(1);
            let mut model = Searched::new(trial.hparams());
            let data = DataLoader::from_batches(batches(&[16; 8], 1))?;
            let trainer = quiet(Searched::trainer()).max_epochs(6).callback(trial.pruning());
            let report = trainer.build()?.fit(&mut model, (data.clone(), data))?;
            epochs.push((report.current_epoch, report.stop_reason.to_string()));
            Ok(report)
        })
        .unwrap();
    assert_eq!(epochs[0].0, 6);
    assert_eq!(epochs[1], (1, "stopped: pruned at validation 1".to_owned()));
    let trials = study.trials().unwrap();
    assert_eq!(trials[1].state, TrialState::Pruned);
    assert_eq!(trials[1].value(), trials[1].reports.get(&1).copied(), "its last report");
    assert_eq!(study.best().unwrap().number(), 0);
}

/// Learning curves that are known: slow starters among them.
fn curve(hparams: &SearchedHparams, epoch: u64) -> f64 {
    let floor = (hparams.lr.log10() + 2.0).powi(2) / 4.0 + (hparams.width as f64 / 64.0 - 0.5).powi(2) + 0.1;
    let speed = 0.15 + 0.2 * (hparams.width as f64 / 64.0);
    floor + (1.0 + floor) * (-speed * epoch as f64).exp()
}

#[test]
fn asha_needs_a_third_of_the_epochs() {
    const EPOCHS: u64 = 64;
    let search = |prunes: bool| {
        let space = Space::new().set("lr", log_uniform(1e-4..1.0)).set("width", int(1..=64_usize));
        let mut study = Study::new(Searched::VAL_LOSS, space).sampler(Random::new().seed(3));
        if prunes {
            study = study.pruner(Asha::new().min_resource(2));
        }
        let mut spent = 0;
        study
            .optimize(150, |trial| {
                let mut value = f64::NAN;
                for epoch in 1..=EPOCHS {
                    spent += 1;
                    value = curve(&trial.hparams(), epoch);
                    trial.report(epoch, value)?;
                    if trial.should_prune()? {
                        break;
                    }
                }
                Ok(value)
            })
            .unwrap();
        (study.best().unwrap().value(), spent)
    };
    let (full, all) = search(false);
    let (pruned, some) = search(true);
    assert_eq!(all, 150 * EPOCHS);
    assert!(pruned <= full * 1.01, "{pruned} and {full}");
    assert!(some * 3 <= all, "{some} of {all} epochs");
}

#[test]
fn one_seed_gives_the_same_trials() {
    let run = |parts: &[usize]| {
        let mut study = study();
        for part in parts {
            study.optimize(*part, |trial| Ok(quadratic(&trial.hparams()))).unwrap();
        }
        stored(&mut study)
    };
    let whole = run(&[30]);
    assert_eq!(whole.len(), 30);
    assert_eq!(whole, run(&[30]));
    assert_eq!(whole, run(&[7, 13, 10]), "in parts");
    let mut other = Study::new(Searched::VAL_LOSS, space()).sampler(Tpe::new().seed(2));
    other.optimize(30, |trial| Ok(quadratic(&trial.hparams()))).unwrap();
    assert_ne!(whole, stored(&mut other));
}

#[test]
fn trials_that_fail_have_a_reason_and_the_study_goes_on() {
    let mut study = study();
    study
        .optimize(5, |trial| match trial.number() {
            0 => Err(Error::data("no data")),
            1 => panic!("out of luck"),
            2 => Ok(Outcome::new([f64::NAN])),
            3 => Ok(Outcome::new([1.0, 2.0])),
            _ => Ok(Outcome::new([0.5])),
        })
        .unwrap();
    let trials = study.trials().unwrap();
    let reasons: Vec<&str> = trials.iter().filter_map(|trial| trial.error()).collect();
    assert_eq!(reasons[0], "no data");
    assert!(reasons[1].contains("panicked: out of luck"), "{}", reasons[1]);
    assert_eq!(reasons[2], "`val_loss` is NaN");
    assert_eq!(reasons[3], "a trial must return a value for each of 1 objectives, found 2");
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    let states: Vec<TrialState> = trials.iter().map(|trial| trial.state).collect();
    assert_eq!(states[..4], [TrialState::Failed; 4]);
    assert_eq!(study.best().unwrap().number(), 4);
    // Without validation the metric has no value.
    study
        .optimize(1, |trial| {
            let mut model = Searched::new(trial.hparams());
            let data = DataLoader::from_batches(batches(&[4], 1))?;
            quiet(Searched::trainer()).limit_val_batches(0).max_epochs(1).build()?.fit(&mut model, data)
        })
        .unwrap();
    let trials = study.trials().unwrap();
    assert!(trials[5].error().unwrap().starts_with("`val_loss` had no value in the run"), "{trials:?}");
}

#[test]
fn a_trial_that_never_reports_is_not_pruned() {
    let pruners: [fn(Study<Searched>) -> Study<Searched>; 2] =
        [|study| study.pruner(Asha::new().min_resource(1)), |study| study.pruner(Median::new())];
    for with_pruner in pruners {
        let mut study = with_pruner(study());
        study
            .optimize(30, |trial| {
                // Every third trial says nothing, and is the worst.
                if trial.number() % 3 == 0 {
                    return trial.should_prune().map(|prunes| if prunes { f64::NAN } else { 100.0 });
                }
                let value = quadratic(&trial.hparams());
                for step in 1..=4 {
                    trial.report(step, value)?;
                    if trial.should_prune()? {
                        break;
                    }
                }
                Ok(value)
            })
            .unwrap();
        let trials = study.trials().unwrap();
        assert_eq!(trials.len(), 30);
        for trial in trials.iter().filter(|trial| trial.number % 3 == 0) {
            assert_eq!((trial.state, trial.value()), (TrialState::Complete, Some(100.0)), "{trial:?}");
        }
        assert!(trials.iter().any(|trial| trial.state == TrialState::Pruned), "the others are judged");
        assert_ne!(study.best().unwrap().value(), 100.0);
    }
}

#[test]
fn given_hyperparameters_are_tried_first() {
    let mut study = study();
    let base = SearchedHparams::default();
    study.enqueue(SearchedHparams { lr: 0.25, width: 16, ..base.clone() }).unwrap();
    study.enqueue(SearchedHparams { kind: "sgd".to_owned(), momentum: 0.5, ..base.clone() }).unwrap();
    let error = study.enqueue(SearchedHparams { width: 65, ..base.clone() }).unwrap_err().to_string();
    assert!(error.starts_with("`enqueue`: `width` must be in the space, 1..=64, found 65"), "{error}");
    let error = study.enqueue(SearchedHparams { momentum: 0.5, ..base }).unwrap_err().to_string();
    assert!(error.contains("that are not searched must have the values of the base"), "{error}");
    let mut tried = Vec::new();
    study
        .optimize(3, |trial| {
            tried.push(trial.hparams());
            Ok(quadratic(&trial.hparams()))
        })
        .unwrap();
    assert_eq!((tried[0].lr, tried[0].width, tried[0].momentum), (0.25, 16, 0.0));
    assert_eq!((tried[1].kind.as_str(), tried[1].momentum), ("sgd", 0.5));
    assert_eq!(study.trials().unwrap().len(), 3, "they count");
}

#[test]
fn parameters_are_named_while_a_trial_runs() {
    let mut study = study();
    study
        .optimize(20, |trial| {
            let strength: f64 = trial.suggest("strength", uniform(0.0..1.0))?;
            assert_eq!(strength, trial.suggest("strength", uniform(0.0..1.0))?, "one value in a trial");
            trial.set_attr("note", "some text")?;
            Ok(strength)
        })
        .unwrap();
    let trials = study.trials().unwrap();
    assert!(trials.iter().all(|trial| trial.param("strength").is_some() && trial.user_attrs["note"] == "some text"));
    study
        .optimize(1, |trial| {
            let error = trial.suggest::<i64>("strength", int(0..=3)).unwrap_err().to_string();
            assert!(error.contains("must be the same kind of parameter in all trials"), "{error}");
            Ok(0.0)
        })
        .unwrap();
}

#[test]
fn several_objectives_have_a_front() {
    let space = Space::new().set("lr", uniform(0.0..1.0)).set("momentum", uniform(0.0..1.0));
    let mut study = Study::new(Searched::VAL_LOSS, space).and(Searched::VAL_ACC).sampler(Sobol::new().seed(1));
    study
        .optimize(32, |trial| {
            let SearchedHparams { lr, momentum, .. } = trial.hparams();
            assert!(trial.should_prune().is_err());
            Ok([lr + momentum, lr])
        })
        .unwrap();
    let front = study.pareto_front().unwrap();
    let values: Vec<&[f64]> = front.iter().map(|best| best.values()).collect();
    assert!(values.len() > 1 && values.is_sorted_by(|a, b| a[0] < b[0] && a[1] < b[1]), "{values:?}");
    let error = study.best().unwrap_err().to_string();
    assert_eq!(error, "a study with 2 objectives has no single best trial; help: ask for `study.pareto_front()`");
}

#[test]
fn constraints_and_importances() {
    let mut study = study().pruner(Median::new());
    let mut rng = Rng::new(1);
    study
        .optimize(40, |trial| {
            let SearchedHparams { lr, width, .. } = trial.hparams();
            trial.set_constraint("width", 8.0 - width as f64)?;
            assert!(trial.set_constraint("nothing", f64::NAN).is_err());
            Ok(width as f64 + 0.01 * lr + 0.01 * rng.uniform())
        })
        .unwrap();
    assert!(study.best().unwrap().hparams().width >= 8);
    let importances = study.importances().unwrap();
    assert_eq!(importances[0].0, "width");
    assert!(importances[0].1 > 0.8, "{importances:?}");
    assert!((importances.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn a_budget_of_time_ends_the_search() {
    let mut study = study().timeout(Duration::from_millis(150));
    study
        .optimize(1000, |trial| {
            std::thread::sleep(Duration::from_millis(30));
            Ok(quadratic(&trial.hparams()))
        })
        .unwrap();
    let count = study.trials().unwrap().len();
    assert!((1..=5).contains(&count), "{count}");
}

#[test]
fn wrong_settings_are_told_at_the_first_use() {
    let misspelt = Space::new().set("lrr", uniform(0.0..1.0));
    let mut study = Study::new(Searched::VAL_LOSS, misspelt).pruner(Asha::new().reduction_factor(1)).workers(2);
    let error = study.optimize(1, |_| Ok(0.0)).unwrap_err().to_string();
    assert!(error.contains("`lrr`, which is not a hyperparameter; write `lr`"), "{error}");
    assert!(error.contains("`reduction_factor` must be at least 2, found 1"), "{error}");
    assert!(error.contains("`workers(2)` needs a storage that processes can share"), "{error}");
    assert!(study.trials().is_err());
    let mut nothing = self::study();
    let error = nothing.best().unwrap_err().to_string();
    assert_eq!(error, "no trial of the study `Searched` has a value; help: run trials: `study.optimize(50, …)`");
}

#[test]
fn the_page_of_a_study() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.html");
    let mut study = study().pruner(Asha::new().min_resource(1));
    study
        .optimize(40, |trial| {
            if trial.number() == 3 {
                return Err(Error::data("no <data>"));
            }
            for step in 1..=8 {
                trial.report(step, quadratic(&trial.hparams()) + 1.0 / step as f64)?;
                if trial.should_prune()? {
                    break;
                }
            }
            Ok(quadratic(&trial.hparams()))
        })
        .unwrap();
    study.report(&path).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.contains("\"kind\":\"search\"") && page.contains("no \\u003cdata>"), "{}", page.len());
    if let Some(folder) = std::env::var_os("SCREENSHOTS") {
        std::fs::copy(&path, std::path::Path::new(&folder).join("study.html")).unwrap();
    }
}
