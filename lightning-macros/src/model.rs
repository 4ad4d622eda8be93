//! The intermediate representation: what the user wrote, sorted by meaning, each part with its tokens.

mod batch;
mod field;
mod log;
mod methods;

pub(crate) use batch::{BatchField, BatchModel, Members};
pub(crate) use field::{Field, Optimizer, Role, STRUCT_ATTRS, StructModel};
pub(crate) use log::{Direction, Enclosed, LogForm, LogSite, Metric, Reduce, expand_placeholders};
pub(crate) use methods::{ConflictKind, ImplModel, Meant, Method, Param};
