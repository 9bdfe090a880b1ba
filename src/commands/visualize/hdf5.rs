//! The lines of the tree of an HDF5 file, through the public API.

use super::source::{Branch, Browse, Kind};
use super::text::{printable, shape};
use crate::error::{Error, Result};
use crate::image_set::hdf5::Hdf5;
use crate::{Dataset, LinkTarget, Object, Visit, Visited};

impl Browse for Hdf5 {
    fn tree<'a>(&'a self) -> Box<dyn Iterator<Item = Branch> + 'a> {
        Box::new(self.file.walk().map(|step| step.map_or_else(|e| damaged(&e), |visit| branch(&visit))))
    }

    fn object(&self, path: &str, address: Option<u64>) -> Result<Object> {
        // By its path, so that this is what errors and labels call it; a name that is no text is no path.
        self.file.object(path).or_else(|e| address.map_or(Err(e), |address| self.file.object_at(address)))
    }
}

fn damaged(e: &Error) -> Branch {
    let path = e.object().unwrap_or_default();
    let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("?");
    Branch {
        depth: path.matches('/').count().max(1),
        last: false,
        name: printable(name).into_owned(),
        path: path.to_owned(),
        address: None,
        kind: Kind::Damaged,
        detail: printable(&e.to_string()).into_owned(),
    }
}

fn branch(visit: &Visit) -> Branch {
    let path = visit.path().to_text().into_owned();
    let is_root = path == "/";
    let name = if is_root { "/" } else { path.rsplit('/').next().unwrap_or_default() };
    let (kind, detail) = match visit.what() {
        Visited::Object(Object::Dataset(dataset)) => (Kind::Dataset, dataset_detail(dataset)),
        Visited::Object(Object::Group(_)) => (Kind::Group, String::new()),
        Visited::Object(_) => (Kind::Datatype, "datatype".to_owned()),
        Visited::Again(first) => (Kind::Link, format!("= {first}")),
        Visited::Link(LinkTarget::Soft(target)) => (Kind::Link, format!("-> {target}")),
        Visited::Link(LinkTarget::External { file, path }) => (Kind::Link, format!("-> {file}::{path}")),
        _ => (Kind::Link, "link".to_owned()),
    };
    Branch {
        depth: visit.depth(),
        last: visit.is_last(),
        name: printable(name).into_owned(),
        path: path.clone(),
        address: match visit.what() {
            Visited::Object(object) => Some(object.address()),
            _ => None,
        },
        kind,
        detail: printable(&detail).into_owned(),
    }
}

/// `998×64×64×3 uint8`.
fn dataset_detail(dataset: &Dataset) -> String {
    let datatype = dataset.datatype();
    match dataset.shape() {
        _ if dataset.is_null() => format!("empty {datatype}"),
        [] => format!("scalar {datatype}"),
        extents => format!("{} {datatype}", shape(extents)),
    }
}
