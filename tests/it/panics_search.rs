//! A panic in every kind of call of a search into user code: the last rows of the table of
//! ARCHITECTURE.md, "Calls into user code". No panic leaves the study, and it goes on afterwards.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use lightning_core::{
    Error, ErrorKind, Result,
    search::{Dimension, Memory, Parameter, Past, Pruner, Random, Reported, Sampler, Storage, Study, TrialState},
};
use serde_json::Value;

use crate::search_support::{Searched, quadratic, space};

/// The call, and what the error says of the place.
pub const CALLS: &[(&str, &str)] = &[
    ("the closure of `Study::optimize`", "panicked: the fault"),
    ("`search::Sampler::check`", "`Sampler::check`"),
    ("`search::Sampler::seed`", "`Sampler::seed`"),
    ("`search::Sampler::limit`", "`Sampler::limit`"),
    ("`search::Sampler::sample`", "`Sampler::sample`"),
    ("`search::Pruner::check`", "`Pruner::check`"),
    ("`search::Pruner::prune`", "`Pruner::prune`"),
    ("`search::Storage::read`", "`Storage::read`"),
    ("`search::Storage::update`", "`Storage::update`"),
];

/// The call that panics, while it is armed.
#[derive(Clone, Debug)]
struct Fault {
    call: &'static str,
    is_armed: Arc<AtomicBool>,
}

impl Fault {
    fn visit(&self, call: &str) {
        assert!(self.call != call || !self.is_armed.load(Ordering::Relaxed), "the fault");
    }
}

#[derive(Debug)]
struct Chooser(Fault);

impl Sampler for Chooser {
    fn sample(&self, group: &[Dimension<'_>], past: &Past<'_>) -> Result<Vec<f64>> {
        self.0.visit("`search::Sampler::sample`");
        Random::new().sample(group, past)
    }
    fn check(&self, _: &[Parameter]) -> Result<()> {
        self.0.visit("`search::Sampler::check`");
        Ok(())
    }
    fn limit(&self, _: &[Parameter]) -> Option<usize> {
        self.0.visit("`search::Sampler::limit`");
        None
    }
    fn seed(&self) -> Option<u64> {
        self.0.visit("`search::Sampler::seed`");
        Some(1)
    }
}

#[derive(Debug)]
struct Judge(Fault);

impl Pruner for Judge {
    fn prune(&self, _: &Reported<'_>) -> bool {
        self.0.visit("`search::Pruner::prune`");
        false
    }
    fn check(&self) -> Result<()> {
        self.0.visit("`search::Pruner::check`");
        Ok(())
    }
}

#[derive(Debug)]
struct Shelf(Memory, Fault);

impl Storage for Shelf {
    fn read(&mut self, from: usize) -> Result<Vec<Value>> {
        self.1.visit("`search::Storage::read`");
        self.0.read(from)
    }
    fn update(&mut self, from: usize, decide: &mut dyn FnMut(&[Value]) -> Result<Vec<Value>>) -> Result<()> {
        self.1.visit("`search::Storage::update`");
        self.0.update(from, decide)
    }
}

#[test]
fn a_panic_in_each_call_in_turn() {
    for (call, place) in CALLS {
        let fault = Fault { call, is_armed: Arc::new(AtomicBool::new(true)) };
        let mut study = Study::new(Searched::VAL_LOSS, space())
            .sampler(Chooser(fault.clone()))
            .pruner(Judge(fault.clone()))
            .storage(Shelf(Memory::new(), fault.clone()));
        let mut search = |trials| {
            study.optimize(trials, |trial| {
                fault.visit("the closure of `Study::optimize`");
                trial.report(1, 1.0)?;
                trial.should_prune()?;
                Ok(quadratic(&trial.hparams()))
            })
        };
        let result = search(1);
        fault.is_armed.store(false, Ordering::Relaxed);
        let again = search(3);
        let text = |error: &Error| {
            assert!(error.to_string().contains("the fault"), "{call}: {error}");
            error.to_string()
        };
        // What runs within a trial is the reason of its failure.
        let reason = match (&result, *call) {
            (Ok(()), "the closure of `Study::optimize`" | "`search::Pruner::prune`") => {
                let trials = study.trials().unwrap();
                assert_eq!(trials[0].state, TrialState::Failed, "{call}");
                trials[0].error().unwrap().to_owned()
            }
            (Err(error), _) => {
                assert!(matches!(error.kind(), ErrorKind::Panic | ErrorKind::Config), "{call}: {:?}", error.kind());
                text(error)
            }
            (Ok(()), _) => panic!("{call}: no error"),
        };
        assert!(reason.contains("the fault"), "{call}: {reason}");
        assert!(reason.contains(place.trim_matches('`')), "{call}: the place must be {place}, found {reason}");
        // What is asked before the study is open is asked once: it stays closed, with the reason.
        let opens = [
            "`search::Sampler::check`",
            "`search::Sampler::seed`",
            "`search::Pruner::check`",
            "`search::Storage::update`",
        ];
        if opens.contains(call) {
            assert!(text(&again.unwrap_err()).contains("the study cannot be opened"), "{call}");
            continue;
        }
        again.unwrap();
        let complete = study.trials().unwrap().iter().filter(|trial| trial.state == TrialState::Complete).count();
        assert_eq!(complete, 3, "{call}");
    }
}
