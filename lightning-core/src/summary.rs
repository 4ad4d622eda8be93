//! The model summary printed before training, and the checks that need to see every parameter.

use std::collections::{BTreeMap, HashMap};

use burn::module::ParamId;

use crate::{
    driver::Driver,
    error::{Error, Result},
    params::{ErasedVisitor, FloatParam},
    run::RunState,
    table::{self, SummaryRow, SummaryTotals},
};

/// What one field of the module holds.
#[derive(Clone, Copy, Default)]
struct Count {
    params: u64,
    trainable: u64,
    bytes: u64,
}

/// Counts by the first part of the path.
#[derive(Default)]
struct Counter {
    fields: BTreeMap<String, Count>,
}

impl ErasedVisitor for Counter {
    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let field = path.split('.').next().unwrap_or(path);
        let count = param.dims().iter().product::<usize>() as u64;
        let entry = self.fields.entry(field.to_owned()).or_default();
        entry.params += count;
        entry.trainable += if param.is_trainable() { count } else { 0 };
        entry.bytes += count * param.element_size() as u64;
        Ok(())
    }
}

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
    let mut counter = Counter::default();
    driver.visit(&mut counter)?;
    let mut rows = Vec::new();
    let mut totals = SummaryTotals::default();
    for field in run.fields {
        let Some(count) = counter.fields.get(field.name) else { continue };
        rows.push(SummaryRow {
            name: field.name.to_owned(),
            type_name: field.type_name.to_owned(),
            shape: String::new(),
            params: count.params,
            trainable: count.trainable,
            mode: if count.trainable > 0 { "train" } else { "frozen" },
        });
        totals.trainable += count.trainable;
        totals.frozen += count.params - count.trainable;
        totals.bytes += count.bytes;
    }
    let mut text = table::summary_table(&rows, totals);
    for (optimizer, counts) in run.optimizers.iter().zip(&run.trained) {
        text.push_str(&optimizer.summary(counts));
    }
    Ok(text)
}
