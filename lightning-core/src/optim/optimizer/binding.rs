//! Which optimizer trains which parameter, at the start of `fit`.

use burn::module::ParamId;

use super::{Optimizer, group::Group};
use crate::{
    console::table,
    error::{Error, Result},
    params::{ErasedVisitor, FloatParam, ParamInfo},
};

/// Finds out at the start of `fit` what every optimizer trains.
pub(crate) struct Binding<'a> {
    optimizers: &'a mut [Optimizer],
    /// Trainable elements by optimizer and group.
    counts: Vec<Vec<u64>>,
    /// Parameters matched, trainable or not, by optimizer and group.
    matched: Vec<Vec<usize>>,
    paths: Vec<String>,
    /// Trainable parameters of no optimizer, and of several.
    pub(crate) idle: Vec<String>,
    shared: Vec<(String, String, String)>,
}

impl<'a> Binding<'a> {
    pub(crate) fn new(optimizers: &'a mut [Optimizer]) -> Self {
        let zeros = |optimizer: &Optimizer| vec![0; optimizer.groups.len()];
        let matched = optimizers.iter().map(|optimizer| vec![0; optimizer.groups.len()]).collect();
        let counts = optimizers.iter().map(zeros).collect();
        Self { optimizers, counts, matched, paths: Vec::new(), idle: Vec::new(), shared: Vec::new() }
    }

    /// The trainable elements by optimizer and group.
    ///
    /// # Errors
    /// A group that matches nothing, an optimizer without parameters, a parameter with two optimizers.
    pub(crate) fn finish(self) -> Result<(Vec<Vec<u64>>, Vec<String>)> {
        let Self { optimizers, counts, matched, paths, idle, shared } = self;
        if let Some((path, first, second)) = shared.first() {
            return Err(Error::config(format!("`{path}` has two optimizers: `{first}` and `{second}`"))
                .help("give each its own fields: `#[optimizer(…)]` on the field, or `fields(…)`"));
        }
        for (optimizer, matched) in optimizers.iter().zip(&matched) {
            let empty = |(group, count): &(&Group, &usize)| group.selector.is_some() && **count == 0;
            if let Some((Group { selector: Some(selector), .. }, _)) = optimizer.groups.iter().zip(matched).find(empty)
            {
                let shown = table::listed(paths.iter().map(String::as_str));
                return Err(Error::config(format!(
                    "the group {selector} of `{}` matches no parameter",
                    optimizer.name
                ))
                .help(format!("the parameters are {shown}")));
            }
            if matched.iter().sum::<usize>() == 0 {
                return Err(Error::config(format!("the optimizer `{}` has no parameters", optimizer.name))
                    .help("its fields hold none: leave it out, or name other fields"));
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
            // Every group that matches, not only the one that wins: a group may be overruled on purpose.
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
