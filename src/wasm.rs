//! The engine in the browser: the ABI of `web/ABI.md`, written by hand, and nothing else.
//!
//! Unsafe code is here because memory is shared with JavaScript: the host's functions are declared, requests are read from
//! where they were put, and replies stand where the host finds them.
#![allow(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::io::{OtherFiles, Source};
use crate::view::{Absent, Buffer, Reply, Session};
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

mod host {
    #[link(wasm_import_module = "host")]
    unsafe extern "C" {
        pub(super) safe fn size(file: u32) -> f64;
        pub(super) safe fn has(file: u32, position: f64, length: f64) -> i32;
        pub(super) fn read(file: u32, position: f64, to: *mut u8, length: usize) -> i32;
        pub(super) fn other(place: *const u8, length: usize, is_raw: i32) -> i32;
        pub(super) fn reason(to: *mut u8, most: usize) -> usize;
        pub(super) fn panicked(text: *const u8, length: usize);
    }
}

/// The bytes that the host has of a file, by its number; 0 is the one that was opened.
struct HostSource {
    file: u32,
    absent: Absent,
}

impl HostSource {
    fn missing(&self, range: Range<u64>) -> Error {
        self.absent.note(self.file, range.clone());
        Error::missing(vec![range])
    }
}

impl Source for HostSource {
    fn size(&self) -> Result<u64> {
        Ok(host::size(self.file) as u64)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let end = position.saturating_add(buffer.len() as u64);
        // SAFETY: the host writes no more than the buffer's length, and does so before it returns.
        match unsafe { host::read(self.file, position as f64, buffer.as_mut_ptr(), buffer.len()) } {
            0 => Ok(()),
            1 => Err(self.missing(position..end)),
            _ => Err(Error::new(ErrorKind::Io, format!("the bytes at {position} could not be had: {}", reason()))),
        }
    }

    fn wants_plan(&self) -> bool {
        true
    }

    fn announce(&self, ranges: &[Range<u64>]) -> Result<()> {
        let absent = |r: &&Range<u64>| host::has(self.file, r.start as f64, (r.end - r.start) as f64) != 1;
        let mut absent = ranges.iter().filter(absent).cloned().peekable();
        if absent.peek().is_none() {
            return Ok(());
        }
        absent.clone().for_each(|range| self.absent.note(self.file, range));
        Err(Error::missing(absent.collect()))
    }
}

/// The other files that the host has.
struct HostFiles {
    absent: Absent,
}

impl OtherFiles for HostFiles {
    fn file(&self, place: &str, is_raw: bool) -> Result<Option<Arc<dyn Source>>> {
        // SAFETY: the host reads the text before it returns.
        match unsafe { host::other(place.as_ptr(), place.len(), i32::from(is_raw)) } {
            -1 => {
                self.absent.note_file(place, is_raw);
                Err(Error::missing(Vec::new()))
            }
            -2 => Ok(None),
            -3 => Err(Error::not_found(reason())),
            file @ 1.. => Ok(Some(Arc::new(HostSource { file: file.unsigned_abs(), absent: self.absent.clone() }))),
            _ => Err(Error::new(ErrorKind::Denied, reason())),
        }
    }
}

/// What the host says of the last thing that could not be had.
fn reason() -> String {
    let mut text = vec![0u8; 1000];
    // SAFETY: the host writes no more than the buffer's length, and does so before it returns.
    let length = unsafe { host::reason(text.as_mut_ptr(), text.len()) };
    text.truncate(length);
    String::from_utf8_lossy(&text).into_owned()
}

/// What the host and the engine share.
struct Instance {
    session: Session,
    /// The last reply, which stands where the host finds it until the next call.
    reply: Vec<u32>,
    json: Vec<u8>,
    buffers: Vec<Buffer>,
}

impl Instance {
    fn new() -> Instance {
        std::panic::set_hook(Box::new(|info| {
            let text = info.to_string();
            // SAFETY: the host reads the text before it returns.
            unsafe { host::panicked(text.as_ptr(), text.len()) };
        }));
        let absent = Absent::default();
        let source = Arc::new(HostSource { file: 0, absent: absent.clone() });
        let session = Session::new(source, Arc::new(HostFiles { absent: absent.clone() }), absent);
        Instance { session, reply: Vec::new(), json: Vec::new(), buffers: Vec::new() }
    }

    #[allow(clippy::panic)] // it is what was asked for
    fn call(&mut self, request: &[u8]) -> *const u32 {
        self.release();
        if request == br#"{"op":"panic"}"# {
            panic!("a test wanted to see this");
        }
        let status = match self.session.call(request) {
            Reply::Done(value, buffers) => {
                (self.json, self.buffers) = (value.to_string().into_bytes(), buffers);
                0
            }
            Reply::Failed(value) => {
                self.json = value.to_string().into_bytes();
                1
            }
            Reply::Missing(wanted) => {
                let range = |(file, r): &(u32, Range<u64>)| [u64::from(*file), r.start, r.end - r.start];
                let ranges: Vec<_> = wanted.ranges.iter().map(range).collect();
                let json = serde_json::json!({"ranges": ranges, "files": wanted.files});
                self.json = json.to_string().into_bytes();
                2
            }
        };
        let place = |bytes: &[u8]| [bytes.as_ptr() as usize as u32, bytes.len() as u32];
        let [json, length] = place(&self.json);
        self.reply = vec![status, json, length, self.buffers.len() as u32];
        self.reply.extend(self.buffers.iter().flat_map(|buffer| place(buffer.bytes())));
        self.reply.as_ptr()
    }

    fn release(&mut self) {
        (self.reply, self.json, self.buffers) = (Vec::new(), Vec::new(), Vec::new());
    }
}

thread_local! {
    static INSTANCE: RefCell<Instance> = RefCell::new(Instance::new());
}

/// A place for a request of `length` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn alloc(length: usize) -> *mut u8 {
    Box::leak(vec![0u8; length].into_boxed_slice()).as_mut_ptr()
}

/// Gives back what [`alloc`] gave.
///
/// # Safety
/// `place` must come from `alloc` with the same length, and must not be used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(place: *mut u8, length: usize) {
    // SAFETY: as the caller promises, this is a boxed slice of that length.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(place, length)) });
}

/// Runs a request; where its reply stands.
///
/// # Safety
/// `length` bytes at `request` must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn call(request: *const u8, length: usize) -> *const u32 {
    // SAFETY: as the caller promises.
    let request = unsafe { std::slice::from_raw_parts(request, length) };
    INSTANCE.with_borrow_mut(|instance| instance.call(request))
}

/// Frees the last reply.
#[unsafe(no_mangle)]
pub extern "C" fn release() {
    INSTANCE.with_borrow_mut(Instance::release);
}
