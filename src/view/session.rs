//! One open file, and the requests to it.

use super::buffer::{Buffer, Buffers};
use super::chunks::chunk_map;
use super::crawl::Crawl;
use super::image_sets::image_sets;
use super::listing::Links;
use super::object::{attribute_info, object_info, storage_info};
use super::overview::overview;
use super::request::{Request, wrong};
use super::search::hits;
use super::value::{PathOf, failure};
use super::{explain, read};
use crate::error::{Error, Result};
use crate::image_set::hdf5::Hdf5;
use crate::io::{OtherFiles, Source};
use crate::{Dataset, File, Limits, Object};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Datasets that are kept open; what they know of their chunks need not be read again.
const MOST_OPEN: usize = 64;
/// Paths of objects that are remembered for references that lead to them.
const MOST_PATHS: usize = 1_000_000;
/// Links behind which pictures are looked for in a file that is far away: each may cost a request.
const FAR_LINKS: usize = 2000;
/// Children in a listing, if the request says nothing else.
const CHILDREN: u64 = 1000;
/// Chunks in a map, pieces in an explanation.
const CHUNKS: u64 = 100_000;
const PIECES: u64 = 1000;

/// What is not here yet: ranges of files by the files' numbers (0 is the one that was opened), and other files by their
/// places, each with whether it is wanted for raw data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In order; those that touch are one.
    pub ranges: Vec<(u32, Range<u64>)>,
    /// Files that must be looked for.
    pub files: Vec<(String, bool)>,
}

/// What sources and the host of the files were asked for and do not have yet; shared between those, which note it, and the
/// session.
#[derive(Clone, Debug, Default)]
pub struct Absent(Arc<Mutex<Wanted>>);

impl Absent {
    /// Notes bytes of a file that are wanted and not here.
    pub fn note(&self, file: u32, range: Range<u64>) {
        self.lock().ranges.push((file, range));
    }

    /// Notes another file that must be looked for.
    pub fn note_file(&self, place: &str, is_raw: bool) {
        let wanted = (place.to_owned(), is_raw);
        let mut all = self.lock();
        if !all.files.contains(&wanted) {
            all.files.push(wanted);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Wanted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn take(&self) -> Wanted {
        std::mem::take(&mut *self.lock())
    }
}

impl Wanted {
    fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.files.is_empty()
    }

    /// The same with ranges in order, those that touch as one.
    fn joined(mut self) -> Wanted {
        self.ranges.sort_unstable_by_key(|(file, range)| (*file, range.start));
        self.ranges.dedup_by(|(file, next), (before, last)| {
            let touches = file == before && next.start <= last.end;
            if touches {
                last.end = last.end.max(next.end);
            }
            touches
        });
        self
    }
}

/// The answer to a request.
#[derive(Debug)]
pub enum Reply {
    /// JSON, and what stands beside it.
    Done(Value, Vec<Buffer>),
    /// Why there is none.
    Failed(Value),
    /// Fetch this, and ask again.
    Missing(Wanted),
}

/// An open file.
pub struct Session {
    source: Arc<dyn Source>,
    others: Arc<dyn OtherFiles>,
    absent: Absent,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// The bytes of the file: of all its parts, where it is split.
    source: Arc<dyn Source>,
    absent: Absent,
    datasets: HashMap<String, Dataset>,
    /// The group that was listed last.
    links: Option<Links>,
    /// The first path by which each object was met, by the address of its header.
    paths: HashMap<u64, String>,
    /// A search that goes on.
    search: Option<Crawl>,
    /// The file as image sets are looked for in it.
    pictures: Hdf5,
}

impl Session {
    /// Nothing is read before the request `open`. `absent` is where `source` and `others` note what they do not have.
    pub fn new(source: Arc<dyn Source>, others: Arc<dyn OtherFiles>, absent: Absent) -> Session {
        Session { source, others, absent, open: None }
    }

    /// Runs a request: JSON of the form that `web/ABI.md` says.
    pub fn call(&mut self, request: &[u8]) -> Reply {
        self.absent.take();
        let mut buffers = Buffers::default();
        let done = Request::parse(request).and_then(|request| self.run(&request, &mut buffers));
        let mut missing = self.absent.take();
        // From a source that notes nothing.
        if let Err(e) = &done
            && missing.is_empty()
        {
            missing.ranges.extend(e.missing_ranges().iter().map(|range| (0, range.clone())));
        }
        if !missing.is_empty() {
            if let Some(open) = &mut self.open {
                open.forget();
            }
            return Reply::Missing(missing.joined());
        }
        if let Some(open) = &mut self.open {
            open.settle();
        }
        match done {
            Ok(value) => Reply::Done(value, buffers.0),
            Err(e) => Reply::Failed(failure(&e)),
        }
    }

    fn run(&mut self, request: &Request, buffers: &mut Buffers) -> Result<Value> {
        let op = request.text("op")?;
        if op == "open" {
            self.open = None;
            let name = request.text("name")?;
            let file = File::from_host(self.source.clone(), limits(), name, self.others.clone())?;
            let opened = file.inner.reader.source();
            let source = if opened.is_joined() { opened.clone() } else { self.source.clone() };
            let info = json!({
                "name": name, "size": source.size()?,
                "superblockVersion": file.superblock_version(), "userBlock": file.user_block_size(),
            });
            // What is noted as missing by this question is not wanted.
            let wanted = self.absent.take();
            let is_here = source.announce(std::slice::from_ref(&(0..source.size()?))).is_ok();
            self.absent.take();
            *self.absent.lock() = wanted;
            self.open = Some(Open::new(file, source, self.absent.clone(), is_here));
            return Ok(info);
        }
        let open = self.open.as_mut().ok_or_else(|| Error::invalid("no file is open"))?;
        if op == "explain" {
            let path = request.text("path")?;
            let object = open.object(path)?;
            let limit = request.number("limit")?.unwrap_or(PIECES);
            let other = (!object.file().is_first()).then(|| object.file().inner.reader.source().clone());
            return explain::explain(other.as_ref().unwrap_or(&open.source), limits(), path, object.address(), limit);
        }
        open.run(op, request, buffers)
    }
}

/// A file in the browser is anybody's: the bounds are below what the memory there can take.
fn limits() -> Limits {
    let mut limits = Limits::untrusted();
    limits.max_read_bytes = 1 << 30;
    limits.max_chunk_bytes = 512 << 20;
    limits.max_vlen_bytes = 256 << 20;
    limits.max_objects = 10_000_000;
    limits.max_depth = 1024;
    limits.chunk_cache_bytes = 64 << 20;
    limits
}

impl Open {
    fn new(file: File, source: Arc<dyn Source>, absent: Absent, is_here: bool) -> Open {
        let pictures = if is_here { Hdf5::new(file.clone()) } else { Hdf5::within(file.clone(), FAR_LINKS) };
        Open {
            file,
            source,
            absent,
            pictures,
            datasets: HashMap::new(),
            links: None,
            paths: HashMap::new(),
            search: None,
        }
    }

    /// After a request that missed something: what it learnt may not be whole.
    fn forget(&mut self) {
        self.links = None;
        if let Some(crawl) = &mut self.search {
            crawl.forget();
        }
    }

    /// After a request that missed nothing.
    fn settle(&mut self) {
        if self.datasets.len() > MOST_OPEN {
            self.datasets.clear();
        }
    }

    fn run(&mut self, op: &str, request: &Request, buffers: &mut Buffers) -> Result<Value> {
        match op {
            "list" => return self.list(request),
            "search" => return self.search(request),
            "imageSets" => return image_sets(&self.pictures),
            "resolve" => {
                let address = request.number("address")?.ok_or_else(|| wrong("address", "a whole number"))?;
                return Ok(json!({"path": self.paths.get(&address)}));
            }
            _ => {}
        }
        let path = request.text("path")?;
        match op {
            "object" => {
                let object = self.object(path)?;
                let place = object.file().place();
                if place.is_none() {
                    self.met(object.address(), path);
                }
                return Ok(object_info(&object, path, self.path_of(place.as_deref())));
            }
            "attribute" => {
                let name = request.text("name")?;
                let object = self.object(path)?;
                let attribute = object.attribute(name)?;
                let attribute = attribute.ok_or_else(|| Error::not_found(format!("no attribute {name}")).on(path))?;
                let place = object.file().place();
                return Ok(attribute_info(&attribute, usize::MAX, self.path_of(place.as_deref())));
            }
            _ => {}
        }
        let dataset = self.dataset(path)?;
        let place = dataset.node().file().place();
        let path_of = self.path_of(place.as_deref());
        let done = match op {
            "storage" => storage_info(&dataset),
            "read" => read::read(&dataset, request, buffers, path_of),
            "rows" => read::rows(&dataset, request, buffers, path_of),
            "image" => read::image(&dataset, request, buffers),
            "overview" => overview(&dataset, request, buffers),
            "chunkMap" => {
                let (offset, count) = (request.number("offset")?, request.number("count")?);
                chunk_map(&dataset, offset.unwrap_or(0), count.unwrap_or(CHUNKS), buffers)
            }
            other => Err(Error::invalid(format!("there is no request {other:?}"))),
        };
        done.map_err(|e| e.on(path))
    }

    /// The object at a path, or at an address that stands for one that no path leads to.
    fn object(&self, path: &str) -> Result<Object> {
        let address = path.strip_prefix("<object at 0x").and_then(|rest| rest.strip_suffix('>'));
        match address.and_then(|hex| u64::from_str_radix(hex, 16).ok()) {
            Some(address) => self.file.object_at(address),
            None => self.file.object(path),
        }
    }

    fn dataset(&mut self, path: &str) -> Result<Dataset> {
        if let Some(dataset) = self.datasets.get(path) {
            return Ok(dataset.clone());
        }
        let Object::Dataset(dataset) = self.object(path)? else {
            return Err(Error::mismatch("not a dataset").on(path));
        };
        self.datasets.insert(path.to_owned(), dataset.clone());
        Ok(dataset)
    }

    /// The paths of what references lead to, where they are in this file or in another one at `place`.
    fn path_of<'a>(&'a self, place: Option<&'a str>) -> PathOf<'a> {
        place.map_or(PathOf::Here(&self.paths), PathOf::Elsewhere)
    }

    fn met(&mut self, address: u64, path: &str) {
        if self.paths.len() < MOST_PATHS {
            self.paths.entry(address).or_insert_with(|| path.to_owned());
        }
    }

    fn list(&mut self, request: &Request) -> Result<Value> {
        let path = request.text("path")?;
        let by_creation = request.get("order").and_then(Value::as_str) == Some("creation");
        let Object::Group(group) = self.object(path)? else {
            return Err(Error::mismatch("not a group").on(path));
        };
        let links = match self.links.take().filter(|l| l.path == path && l.by_creation == by_creation) {
            Some(links) => links,
            None => Links::of(&group, path, by_creation)?,
        };
        let (offset, count) = (request.number("offset")?.unwrap_or(0), request.number("count")?.unwrap_or(CHILDREN));
        let is_first = group.file().is_first();
        let page = links.page(&group, offset, count, &mut |address, path| {
            if is_first {
                self.met(address, path);
            }
        });
        self.links = Some(links);
        Ok(page)
    }

    /// Some more of a search: that of the request, or a new one.
    fn search(&mut self, request: &Request) -> Result<Value> {
        let text = request.text("text")?.to_lowercase();
        let going_on = self.search.take().filter(|c| request.number("from").is_ok_and(|n| n == Some(c.visited)));
        let root = self.file.object("/")?.address();
        let mut crawl = going_on.unwrap_or_else(|| Crawl::new(root));
        let found = crawl.look(&self.file);
        let mut hit = Vec::new();
        found.iter().for_each(|met| hits(met, &text, &mut hit));
        if self.absent.is_empty() {
            crawl.commit(&found);
        }
        let more = (!crawl.is_done()).then_some(crawl.visited);
        let answer = json!({"hits": hit, "visited": crawl.visited, "more": more});
        self.search = Some(crawl);
        Ok(answer)
    }
}
