//! The intermediate representation: what the user wrote, sorted by meaning, each part with its tokens.

mod batch;
mod field;
mod log;
mod methods;
mod optimizer;

pub(crate) use batch::{BatchField, BatchModel, Members};
pub(crate) use field::{Field, Role, STRUCT_ATTRS, StructModel};
pub(crate) use log::{Direction, Enclosed, LogForm, LogSite, Metric, Reduce, expand_placeholders};
pub(crate) use methods::{ConflictKind, ImplModel, Meant, Method, Param};
pub(crate) use optimizer::{Binding, GroupArg, IntervalArg, Optimizer, is_zero, name_hash, suggestion};
