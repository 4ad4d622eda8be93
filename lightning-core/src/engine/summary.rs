//! The model summary printed before training, and the checks that need to see every parameter.

use std::collections::HashMap;

use burn::module::ParamId;

use crate::{
    engine::{driver::Driver, run::RunState},
    error::{Error, Result},
    module::summary_of,
    params::{ErasedVisitor, FloatParam},
};

#[derive(Default)]
struct Twins {
    seen: HashMap<ParamId, (String, bool)>,
    found: Vec<(String, String)>,
    trainable: usize,
}

impl ErasedVisitor for Twins {
    fn float(&mut self, _index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let trainable = param.is_trainable();
        self.trainable += usize::from(trainable);
        // Running statistics keep their id in a copy, and no optimizer looks at them.
        if let Some((first, first_trainable)) = self.seen.insert(id, (path.to_owned(), trainable))
            && (trainable || first_trainable)
        {
            self.found.push((first, path.to_owned()));
        }
        Ok(())
    }
}

/// # Errors
/// Two parameters of one id (Burn's `clone` keeps ids, and an optimizer gives the gradient to the first it meets), or
/// nothing to train.
pub(crate) fn check_parameters(driver: &dyn Driver) -> Result<()> {
    let mut twins = Twins::default();
    driver.visit(&mut twins)?;
    if let Some((first, second)) = twins.found.first() {
        return Err(Error::config(format!("the parameters `{first}` and `{second}` are one: they have the same id"))
            .help("a clone keeps its ids; write `copy_of(field)` in the `#[init(…)]` for a copy with its own"));
    }
    if twins.trainable == 0 {
        return Err(Error::config("the module has no trainable parameter").help("unfreeze a field before `fit`"));
    }
    Ok(())
}

/// The table of fields with their parameters, and the optimizers with every number they have. Running statistics count as
/// parameters that are not trained.
pub(crate) fn model_summary(run: &RunState, driver: &dyn Driver) -> Result<String> {
    summary_of(&run.info, &run.train, 1, |visitor| driver.visit(visitor))
}
