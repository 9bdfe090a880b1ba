//! Where the chunks of a dataset are, and where all bytes of an object are.

use super::buffer::Buffers;
use crate::Dataset;
use crate::error::{Error, Result};
use serde_json::{Value, json};

/// Stored chunks from `offset` on, at most `count`.
pub(super) fn chunk_map(dataset: &Dataset, offset: u64, count: u64, buffers: &mut Buffers) -> Result<Value> {
    let shape = dataset.chunk_shape().ok_or_else(|| Error::mismatch("its elements are not stored in chunks"))?;
    let chunks = dataset.stored_chunks()?;
    let grid: Vec<u64> = dataset.shape().iter().zip(shape).map(|(d, c)| d.div_ceil(*c)).collect();
    let (skipped, most) = (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(count).unwrap_or(usize::MAX));
    let (mut position, mut address, mut size, mut mask) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for chunk in chunks.iter().skip(skipped).take(most) {
        position.extend(chunk.position.iter().map(|&p| p as f64));
        address.push(chunk.address as f64);
        size.push(chunk.size as f64);
        mask.push(chunk.mask);
    }
    Ok(json!({
        "chunkShape": shape, "grid": grid, "total": grid.iter().product::<u64>(), "offset": offset,
        "stored": chunks.len(), "position": buffers.add(position), "address": buffers.add(address),
        "size": buffers.add(size), "mask": buffers.add(mask),
    }))
}
