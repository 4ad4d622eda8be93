//! Visits and changes the parameters of a module.
//!
//! Burn's `Module::visit` and `Module::map` are generic over the visitor, and every visitor type is
//! compiled again for every module. All code in this crate that visits parameters therefore goes
//! through one erased visitor (`visit`) and one erased mapper (`DynMapper`).

mod buffer;
mod copy;
mod field_key;
pub(crate) mod json;
mod map;
mod names;
mod path;
mod running_statistics;
mod select;
pub(crate) mod state;
mod visit;

pub use self::{
    buffer::{Buffer, BufferMapper, BufferVisitor},
    copy::copy_of,
    field_key::FieldKey,
    json::{from_json, to_json},
    select::{IntoParamSelector, ParamSelector, below, rank_below, regex},
    state::{StateReader, StateValue, StateWriter},
};
pub(crate) use self::{
    map::{DynMapper, MapMode, ValueMapper},
    names::{ParamInfo, ParamName, frozen, parameters},
    path::is_below,
    running_statistics::running_statistics,
    visit::{ErasedVisitor, FloatParam, materialize, visit},
};
