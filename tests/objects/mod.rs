//! What `interop_objects` writes and checks.

pub mod references;
