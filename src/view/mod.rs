//! What a viewer asks of a file, and the answers as JSON with buffers: the engine behind the page, without the browser.
//!
//! [`Session`] holds one open file and runs one request at a time; the requests are those of `web/ABI.md`. The file's bytes
//! may not be there yet ([`Absent`]): what a request missed on its way is fetched by whoever made it, who then makes it again.
//! A request that misses something goes on as far as it can, so that all of it is fetched together. The same holds for other
//! files that it leads to ([`OtherFiles`](crate::io::OtherFiles)).

mod buffer;
mod chunks;
mod crawl;
mod explain;
mod image_sets;
mod listing;
mod object;
pub(crate) mod overview;
mod read;
mod request;
mod search;
mod session;
pub(crate) mod type_info;
mod value;

pub use buffer::Buffer;
pub use session::{Absent, Reply, Session, Wanted};

#[cfg(test)]
mod tests;
