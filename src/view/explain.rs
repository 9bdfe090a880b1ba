//! Where all bytes of an object are.

use crate::Limits;
use crate::anatomy::Anatomy;
use crate::error::Result;
use crate::io::Source;
use serde_json::{Value, json};
use std::sync::Arc;

/// The pieces of the file that are those of the object whose header is at an address, at most `limit` of them.
pub(super) fn explain(source: &Arc<dyn Source>, limits: Limits, path: &str, address: u64, limit: u64) -> Result<Value> {
    let anatomy = Anatomy::from_source(source.clone(), limits);
    let map = anatomy.map_of(address, path)?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let pieces = map.pieces().take(most).map(|p| {
        let note = (!p.note.is_empty()).then_some(p.note);
        json!({
            "position": p.position, "length": p.length, "what": p.kind.to_string(), "isData": p.kind.is_raw_data(),
            "note": note,
        })
    });
    let pieces: Vec<Value> = pieces.collect();
    let bytes: u64 = map.pieces().map(|p| p.length).sum();
    let faults: Vec<String> = map.findings().iter().map(|f| f.message.clone()).collect();
    let truncated = map.pieces().nth(most).is_some();
    Ok(json!({"path": path, "pieces": pieces, "bytes": bytes, "truncated": truncated, "faults": faults}))
}
