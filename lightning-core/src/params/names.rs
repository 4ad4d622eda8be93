//! The names of a module's parameters.

use burn::module::{Module, ParamId};

use super::visit::{ErasedVisitor, FloatParam, visit};
use crate::error::Result;

/// A float parameter, as optimizers know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParamInfo<'a> {
    /// Its place among the module's float parameters.
    pub(crate) index: usize,
    pub(crate) id: ParamId,
    pub(crate) path: &'a str,
    pub(crate) rank: usize,
}

/// A float parameter, by all its names.
#[derive(Clone, Debug)]
pub(crate) struct ParamName {
    pub(crate) index: usize,
    pub(crate) id: ParamId,
    pub(crate) path: String,
    pub(crate) dims: Vec<usize>,
}

/// Every float parameter of a module.
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

/// The paths of the parameters that take no gradient and of the flags that are off, of a module in training form.
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
