//! The one error of the crate: what went wrong, in which structure, at which address, on the way to which object.

use std::fmt;

/// What the reader of an error can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused: permissions, a full disk, a broken device.
    Io,
    /// The file does not hold what the specification demands.
    Damaged,
    /// Valid HDF5 that this version lacks; the message names the feature.
    Unsupported,
    /// The file leads to another one that [`External`](crate::External) does not allow; the message says how to.
    Denied,
    /// A limit of [`Limits`](crate::Limits) was reached; the message names it.
    Limit,
    /// No such file, object, attribute or row.
    NotFound,
    /// The request does not fit what is there: another type, rank or shape.
    Mismatch,
    /// Something is there already, or somebody else holds it.
    Conflict,
    /// The request makes no sense in itself: an option or argument is wrong.
    Invalid,
    /// The user asked to stop.
    Interrupted,
    /// Bytes that the source does not have yet; see [`Error::missing_ranges`].
    Missing,
}

/// Why an operation failed.
///
/// Printed as `object path: structure at address: message`, with the parts that are known.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    structure: Option<&'static str>,
    address: Option<u64>,
    object: Option<String>,
    missing: Vec<std::ops::Range<u64>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`; the message is one line that says what to do where that is known.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            structure: None,
            address: None,
            object: None,
            missing: Vec::new(),
            source: None,
        }))
    }

    pub(crate) fn damaged(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Damaged, message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    pub(crate) fn mismatch(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Mismatch, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The bytes at `ranges` (positions in the source) must be fetched before the operation is run again.
    pub fn missing(ranges: Vec<std::ops::Range<u64>>) -> Self {
        let mut e = Self::new(ErrorKind::Missing, "bytes that are not here yet");
        e.0.missing = ranges;
        e
    }

    /// Names the structure of the specification that the error is about, unless a deeper one is named.
    #[must_use]
    pub fn in_structure(mut self, structure: &'static str) -> Self {
        self.0.structure.get_or_insert(structure);
        self
    }

    /// The address in the file, unless a deeper one is known.
    #[must_use]
    pub fn at(mut self, address: u64) -> Self {
        self.0.address.get_or_insert(address);
        self
    }

    /// The path of the object on the way to which it happened, unless a deeper one is known.
    #[must_use]
    pub fn on(mut self, object: impl Into<String>) -> Self {
        self.0.object.get_or_insert_with(|| object.into());
        self
    }

    /// The error that caused this one.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone, without structure, address and object.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The structure of the specification the error is about.
    pub fn structure(&self) -> Option<&'static str> {
        self.0.structure
    }

    /// The address in the file, relative to its base address.
    pub fn address(&self) -> Option<u64> {
        self.0.address
    }

    /// The path of the object.
    pub fn object(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// Of an error of kind [`ErrorKind::Missing`]: the ranges to fetch.
    pub fn missing_ranges(&self) -> &[std::ops::Range<u64>] {
        &self.0.missing
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, message, structure, address, object, .. } = &*self.0;
        if let Some(object) = object {
            write!(f, "{object}: ")?;
        }
        match (structure, address) {
            (Some(s), Some(a)) => write!(f, "{s} at {a:#x}: ")?,
            (Some(s), None) => write!(f, "{s}: ")?,
            (None, Some(a)) => write!(f, "at {a:#x}: ")?,
            (None, None) => {}
        }
        if *kind == ErrorKind::Unsupported {
            f.write_str("not supported: ")?;
        }
        f.write_str(message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        let kind = match e.kind() {
            K::NotFound => ErrorKind::NotFound,
            K::AlreadyExists => ErrorKind::Conflict,
            K::Interrupted => ErrorKind::Interrupted,
            _ => ErrorKind::Io,
        };
        Error::new(kind, e.to_string()).because(e)
    }
}

/// Adds to an error what the caller knows.
pub(crate) trait Context<T> {
    fn in_structure(self, structure: &'static str) -> Result<T>;
    fn at(self, address: u64) -> Result<T>;
    fn on(self, object: &str) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    #[inline]
    fn in_structure(self, structure: &'static str) -> Result<T> {
        self.map_err(|e| e.in_structure(structure))
    }

    #[inline]
    fn at(self, address: u64) -> Result<T> {
        self.map_err(|e| e.at(address))
    }

    #[inline]
    fn on(self, object: &str) -> Result<T> {
        self.map_err(|e| e.on(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_place_is_kept() {
        let e = Error::damaged("checksum is 1, computed 2")
            .in_structure("fractal heap block")
            .at(0x1a40)
            .in_structure("group")
            .at(0x60)
            .on("/sensors/t3")
            .on("/");
        assert_eq!(e.to_string(), "/sensors/t3: fractal heap block at 0x1a40: checksum is 1, computed 2");
        assert_eq!(e.kind(), ErrorKind::Damaged);
    }
}
