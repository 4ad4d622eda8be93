//! A method, the meaning of its name, and its parameters.

use syn::{Attribute, FnArg, Ident, ReturnType, Type};

use super::{binding::Binding, cadence::Cadence, dims::MethodShapes, log::LogSite};
use crate::{
    hooks::{HookDef, Kind, Logs, ParamDef, StepDef, StepOutput},
    paths::plain,
    python_hints::PythonHints,
};

/// A method of the impl.
pub(crate) struct Method {
    /// Its index among the items of the impl.
    pub(crate) index: usize,
    /// Its `#[cfg]`s.
    pub(crate) cfgs: Vec<Attribute>,
    /// Its signature.
    pub(crate) sig: syn::Signature,
    /// The meaning of its name.
    pub(crate) meant: Meant,
    /// `#[training_step(optimizer = …)]`
    pub(crate) binding: Option<Binding>,
    /// Whether it has `#[training_step]`, valid or not.
    pub(crate) attributed: bool,
    /// `#[every(…)]` or `#[once(…)]`
    pub(crate) cadence: Option<Cadence>,
    /// The shapes in its `#[dims(…)]`.
    pub(crate) shapes: MethodShapes,
    /// Its parameters after the receiver.
    pub(crate) params: Parameters,
    /// Its `#[log]`s; the placeholder's number is the index.
    pub(crate) logs: Vec<LogSite>,
    /// The uses of Python's API in its body.
    pub(crate) hints: PythonHints,
    /// The slot of each binding of each `#[log]`.
    pub(crate) slots: Vec<Vec<(Ident, usize)>>,
}

/// The meaning of a method's name.
#[derive(Clone, Copy)]
pub(crate) enum Meant {
    /// A hook.
    Hook(&'static HookDef),
    /// A misspelled name of a hook, or its name in another framework.
    NearMiss(Option<&'static HookDef>),
    /// A hook of PyTorch Lightning that does not exist here, with the alternative.
    Unavailable(&'static str),
    /// A hook of the other kind of module.
    Misplaced(&'static HookDef),
    /// An ordinary method.
    Ordinary,
}

/// The parameters of a hook.
#[derive(Default)]
pub(crate) struct Parameters {
    /// The batch of a step.
    pub(crate) batch: Option<Type>,
    /// Every parameter, in order.
    pub(crate) all: Vec<Param>,
}

/// One parameter.
pub(crate) enum Param {
    /// The batch.
    Batch,
    /// A parameter of the row.
    Known(&'static ParamDef, Box<Type>),
    /// Any other parameter.
    Unknown(FnArg),
}

impl Method {
    /// The hook that it is, or is a misspelling of.
    pub(crate) fn hook(&self) -> Option<&'static HookDef> {
        match self.meant {
            Meant::Hook(hook) | Meant::NearMiss(Some(hook)) => Some(hook),
            _ => None,
        }
    }

    /// Where its logged values belong; `None` for an ordinary method, which several stages may
    /// call.
    pub(crate) fn logs_to(&self) -> Option<Logs> {
        match self.meant {
            Meant::Hook(hook) | Meant::NearMiss(Some(hook)) | Meant::Misplaced(hook) => Some(hook.logs),
            Meant::NearMiss(None) | Meant::Unavailable(_) => Some(Logs::Never),
            Meant::Ordinary => None,
        }
    }

    /// The name without `r#`.
    pub(crate) fn name(&self) -> String {
        plain(&self.sig.ident)
    }

    /// Whether it is a `training_step` of any kind.
    pub(crate) fn is_training_step(&self) -> bool {
        matches!(self.meant, Meant::Hook(hook) if hook.name == "training_step")
    }

    /// Whether it has `#[manual_optimization]`.
    pub(crate) fn is_manual(&self) -> bool {
        matches!(self.meant, Meant::Hook(HookDef { kind: Kind::Step(StepDef { output: StepOutput::Manual, .. }), .. }))
    }

    /// The return type, if there is one.
    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(ty),
        }
    }

    /// Whether the return type of `fn init` may be the module or its fields, as far as its tokens
    /// tell.
    pub(crate) fn may_build(&self) -> bool {
        let Some(Type::Path(path)) = self.output() else { return false };
        let containers = ["Option", "Vec", "Box", "Rc", "Arc"];
        path.path.segments.last().is_some_and(|last| containers.iter().all(|container| last.ident != container))
    }

    /// Whether the last segment of the return type is `Result`.
    pub(crate) fn is_fallible(&self) -> bool {
        match self.output() {
            Some(Type::Path(path)) => path.path.segments.last().is_some_and(|last| last.ident == "Result"),
            _ => false,
        }
    }
}
