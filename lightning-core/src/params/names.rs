//! The names of the parameters of a module.

use burn::module::{Module, ParamId};

use super::visit::{ErasedVisitor, FloatParam, visit};
use crate::error::Result;

/// A float parameter, as optimizers see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParamInfo<'a> {
    /// Its index among the float parameters of the module.
    pub(crate) index: usize,
    pub(crate) id: ParamId,
    pub(crate) path: &'a str,
    pub(crate) rank: usize,
}

/// A float parameter with its index, id, path and shape.
#[derive(Clone, Debug)]
pub(crate) struct ParamName {
    pub(crate) index: usize,
    pub(crate) id: ParamId,
    pub(crate) path: String,
    pub(crate) dims: Vec<usize>,
}

/// Returns every float parameter of a module.
pub(crate) fn parameters<M: Module>(module: &M) -> Result<Vec<ParamName>> {
    struct Names(Vec<ParamName>);

    impl ErasedVisitor for Names {
        fn float(&mut self, index: usize, id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
            self.0.push(ParamName { index, id, path: path.to_owned(), dims: param.dims() });
            Ok(())
        }
    }

    let mut names = Names(Vec::new());
    visit(module, &mut names)?;
    Ok(names.0)
}

/// Returns the paths of the frozen parameters and of the disabled flags of a module in training
/// mode.
pub(crate) fn frozen<M: Module>(module: &M) -> Result<Vec<String>> {
    struct Frozen(Vec<String>);

    impl ErasedVisitor for Frozen {
        fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
            if !param.is_trainable() {
                self.0.push(path.to_owned());
            }
            Ok(())
        }

        fn flag(&mut self, path: &str, on: bool) {
            if !on {
                self.0.push(path.to_owned());
            }
        }
    }

    let mut frozen = Frozen(Vec::new());
    visit(module, &mut frozen)?;
    Ok(frozen.0)
}
