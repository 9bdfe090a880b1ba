//! What an object header amounts to: a group's links, a dataset's storage, attributes.

pub(crate) mod attributes;
pub(crate) mod chunks;
pub(crate) mod dense;
pub(crate) mod header;
pub(crate) mod links;
pub(crate) mod members;
pub(crate) mod raw_data;
pub(crate) mod runs;
pub(crate) mod start;
pub(crate) mod store;

pub(crate) use header::ObjectHeader;
