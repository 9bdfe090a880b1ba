//! What `interop_objects` writes and checks.

pub(crate) mod conventions;
pub(crate) mod copies;
pub(crate) mod datatypes;
pub(crate) mod elsewhere;
pub(crate) mod references;
