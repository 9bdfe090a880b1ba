//! Values in memory: which Rust types elements can be read as and written from, and how stored numbers become them.

pub(crate) mod compound;
pub(crate) mod convert;
pub(crate) mod element;
mod flat;
pub(crate) mod float;
pub(crate) mod gather;
pub(crate) mod number;
pub(crate) mod ordinals;
pub(crate) mod region;
pub(crate) mod selection;
pub(crate) mod soft_float;
pub(crate) mod transfer;
pub(crate) mod value;
mod widened;
pub(crate) mod wrapped;

pub use element::Element;
pub(crate) use flat::flat_base;
pub use value::Value;
pub use wrapped::{Clamped, VarLen};
