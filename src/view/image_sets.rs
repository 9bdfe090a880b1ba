//! The image sets of a file as the page gets them.

use crate::error::Result;
use crate::image_set::recognise::{Labels, Order, Pictures};
use crate::image_set::{ImageSet, Kind, find::find, source::Source};
use serde_json::{Value, json};

/// The image sets of a file, the one to show first in front.
pub(super) fn image_sets(source: &dyn Source) -> Result<Value> {
    Ok(find(source)?.iter().map(image_set).collect())
}

fn image_set(set: &ImageSet) -> Value {
    let (first, paths) = match &set.kind {
        Kind::Stack(pictures) => (Some(pictures), None),
        Kind::Gallery(all) => (all.first(), Some(all)),
    };
    let alike = |p: &Pictures| paths.is_none_or(|all| all.iter().all(|q| (q.width, q.height) == (p.width, p.height)));
    let (width, height) = first.filter(|p| alike(p)).map_or((0, 0), |p| (p.width, p.height));
    let mut info = json!({
        "path": set.path(), "kind": if paths.is_some() { "gallery" } else { "stack" }, "count": set.rows(),
        "order": first.map_or("hwc", |p| order(p.order)), "width": width, "height": height,
        "channels": first.map_or(0, |p| p.channels), "chunkRows": first.map_or(1, |p| p.chunk_rows),
        "sure": paths.is_some() || set.labels.is_some() || set.names.is_some() || first.is_some_and(|p| p.sure),
        "whiteIsZero": first.is_some_and(|p| p.white_is_zero),
    });
    if let Some(all) = paths {
        info["paths"] = all.iter().map(|p| p.path.as_str()).collect();
    }
    if first.is_some_and(|p| p.indexed) && !set.palette.is_empty() {
        info["palette"] = set.palette.concat().into();
    }
    if let Some(labels) = &set.labels {
        let form = match labels {
            Labels::Numbers(_) => "numbers",
            Labels::Texts(_) => "texts",
            Labels::OneHot { .. } => "one-hot",
        };
        info["labels"] = json!({"path": labels.path(), "form": form});
    }
    if !set.class_names.is_empty() {
        info["classNames"] = set.class_names.as_slice().into();
    }
    if let Some(path) = &set.names {
        info["names"] = json!({"path": path});
    }
    info
}

fn order(order: Order) -> &'static str {
    match order {
        Order::Pixels => "hwc",
        Order::Lines => "hcw",
        Order::Planes => "chw",
        Order::Encoded => "encoded",
    }
}
