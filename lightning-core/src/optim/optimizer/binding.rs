//! Assigns the parameters to the optimizers at the start of `fit`.

use burn::module::ParamId;

use super::{Optimizer, group::Group};
use crate::{
    console::table,
    error::{Error, Result},
    params::{ErasedVisitor, FloatParam, ParamInfo},
};

/// A visitor that assigns every parameter to its optimizers and groups, and checks the assignment.
pub(crate) struct Binding<'a> {
    optimizers: &'a mut [Optimizer],
    /// The number of trainable elements, by optimizer and group.
    counts: Vec<Vec<u64>>,
    /// The number of matching parameters, trainable or not, by optimizer and group.
    matched: Vec<Vec<usize>>,
    paths: Vec<String>,
    /// The trainable parameters that no optimizer trains.
    pub(crate) idle: Vec<String>,
    /// The parameters that several optimizers train, with the names of two of them.
    shared: Vec<(String, String, String)>,
}

impl<'a> Binding<'a> {
    pub(crate) fn new(optimizers: &'a mut [Optimizer]) -> Self {
        let zeros = |optimizer: &Optimizer| vec![0; optimizer.groups.len()];
        let matched = optimizers.iter().map(|optimizer| vec![0; optimizer.groups.len()]).collect();
        let counts = optimizers.iter().map(zeros).collect();
        Self { optimizers, counts, matched, paths: Vec::new(), idle: Vec::new(), shared: Vec::new() }
    }

    /// Returns the number of trainable elements by optimizer and group, and the trainable
    /// parameters that no optimizer trains.
    ///
    /// # Errors
    /// If a group matches no parameter, an optimizer has no parameters, or a parameter has two
    /// optimizers.
    pub(crate) fn finish(self) -> Result<(Vec<Vec<u64>>, Vec<String>)> {
        let Self { optimizers, counts, matched, paths, idle, shared } = self;
        if let Some((path, first, second)) = shared.first() {
            return Err(Error::config(format!("`{path}` must have one optimizer, found `{first}` and `{second}`"))
                .help("give each optimizer its own fields: `#[optimizer(…)]` on the field, or `fields(…)`"));
        }
        for (optimizer, matched) in optimizers.iter().zip(&matched) {
            let empty = |(group, count): &(&Group, &usize)| group.selector.is_some() && **count == 0;
            if let Some((Group { selector: Some(selector), .. }, _)) = optimizer.groups.iter().zip(matched).find(empty)
            {
                let shown = table::listed(paths.iter().map(String::as_str));
                return Err(Error::config(format!(
                    "the group {selector} of `{}` must match a parameter, found none",
                    optimizer.name
                ))
                .help(format!("the parameters are {shown}")));
            }
            if matched.iter().sum::<usize>() == 0 {
                return Err(Error::config(format!(
                    "the optimizer `{}` must have parameters, found none",
                    optimizer.name
                ))
                .help("remove it, or name fields with parameters"));
            }
        }
        Ok((counts, idle))
    }
}

impl ErasedVisitor for Binding<'_> {
    fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        let dims = param.dims();
        let info = ParamInfo { index, id, path, rank: param.rank() };
        let elements = if param.is_trainable() { dims.iter().product::<usize>() as u64 } else { 0 };
        self.paths.push(path.to_owned());
        let mut owner: Option<String> = None;
        for ((optimizer, counts), matched) in self.optimizers.iter_mut().zip(&mut self.counts).zip(&mut self.matched) {
            optimizer.assign(&info);
            // Counted for every matching group, not only for the one that wins: all parameters of a
            // group may on purpose be in later groups, too.
            if optimizer.owns(path) {
                for (group, matched) in optimizer.groups.iter().zip(matched.iter_mut()) {
                    *matched += usize::from(group.selector.as_ref().is_none_or(|selector| selector.matches(&info)));
                }
            }
            let Some(group) = optimizer.slots.get(index).and_then(|slot| slot.group) else { continue };
            if let Some(count) = counts.get_mut(group) {
                *count += elements;
            }
            match &owner {
                Some(owner) => self.shared.push((path.to_owned(), owner.clone(), optimizer.name.to_string())),
                None => owner = Some(optimizer.name.to_string()),
            }
        }
        if owner.is_none() && elements > 0 {
            self.idle.push(path.to_owned());
        }
        Ok(())
    }
}
