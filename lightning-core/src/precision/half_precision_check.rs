//! Rejects running statistics that a 16-bit run would damage.

use burn::module::{Module, ParamId};

use super::is_inside_in_f32;
use crate::{
    error::{Error, Result},
    params::{DynMapper, ErasedVisitor, FloatParam, MapMode, visit},
    text,
};

/// A float parameter or running statistic.
struct Seen {
    id: ParamId,
    path: String,
    /// The struct that it is a field of, as Burn names it: `Struct:BatchNorm`.
    container: String,
    /// Whether it is inside an [`InF32`](super::InF32).
    in_f32: bool,
}

#[derive(Default)]
struct All {
    containers: Vec<String>,
    seen: Vec<Seen>,
}

impl ErasedVisitor for All {
    fn enter(&mut self, _path: &str, container: &str) {
        self.containers.push(container.to_owned());
    }

    fn exit(&mut self) {
        self.containers.pop();
    }

    fn float(&mut self, _index: usize, id: ParamId, path: &str, _param: &dyn FloatParam) -> Result<()> {
        let container = self.containers.last().cloned().unwrap_or_default();
        self.seen.push(Seen { id, path: path.to_owned(), container, in_f32: is_inside_in_f32() });
        Ok(())
    }
}

/// Checks that all running statistics are inside an [`InF32`](super::InF32).
///
/// A mixed run cannot cast them, since the copies of the module share them, and Burn cannot combine
/// them with 16-bit inputs.
///
/// # Errors
/// If there are running statistics elsewhere.
pub(crate) fn check<M: Module>(module: &M) -> Result<()> {
    let mut all = All::default();
    visit(module, &mut all)?;
    // Burn visits statistics like parameters. They differ in that mapping does not change their id.
    let mut other = All::default();
    visit(&module.clone().map(&mut DynMapper::new(MapMode::Fresh)), &mut other)?;
    let statistics = all.seen.iter().zip(&other.seen).filter(|(seen, other)| seen.id == other.id && !seen.in_f32);
    let mut fields: Vec<(&str, &str)> = Vec::new();
    for (seen, _) in statistics {
        let field = seen.path.rsplit_once('.').map_or("", |(field, _)| field);
        let ty = seen.container.split_once(':').map_or(&*seen.container, |(_, ty)| ty);
        if !fields.contains(&(field, ty)) {
            fields.push((field, ty));
        }
    }
    let Some((first, ty)) = fields.first() else { return Ok(()) };
    let help = if first.contains('.') {
        format!("in the struct that has it, make it an `InF32<{ty}>`, built with `InF32::new(…)`")
    } else {
        format!("write `#[precision(f32)]` above `{first}: {ty}`, beside its `#[init(…)]`")
    };
    let fields = text::listed(fields.iter().map(|(field, _)| *field));
    Err(Error::config(format!("running statistics need float32 in a 16-bit run, found {fields}")).help(help))
}

#[cfg(test)]
mod tests;
