//! Any shape in any chunks with any filters, appended in any pieces, comes back as it was.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should panic")]

use h5manager::io::MemoryStore;
use h5manager::{DatasetBuilder, Element, File, FileMut};
use proptest::prelude::*;

/// How one dataset is made.
#[derive(Clone, Debug)]
struct Recipe {
    shape: Vec<u64>,
    /// A chunk's shape, cut to what is allowed; none for contiguous storage if nothing else asks for chunks.
    chunk: Option<Vec<u64>>,
    extendible: bool,
    shuffle: bool,
    deflate: Option<u32>,
    fletcher32: bool,
    /// Rows of each append, over and over.
    pieces: Vec<usize>,
    seed: u64,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let dims = prop::collection::vec((0u64..14, 1u64..9), 1..=4);
    let filters = (any::<bool>(), prop::option::of(0u32..=9), any::<bool>());
    let pieces = prop::collection::vec(1usize..9, 1..4);
    (dims, any::<bool>(), any::<bool>(), filters, pieces, any::<u64>()).prop_map(
        |(dims, chunked, extendible, (shuffle, deflate, fletcher32), pieces, seed)| Recipe {
            shape: dims.iter().map(|(d, _)| *d).collect(),
            chunk: chunked.then(|| {
                let fits = |(i, (d, c)): (usize, &(u64, u64))| {
                    if i == 0 && extendible || *d == 0 { *c } else { *c.min(d) }
                };
                dims.iter().enumerate().map(fits).collect()
            }),
            extendible,
            shuffle,
            deflate,
            fletcher32,
            pieces,
            seed,
        },
    )
}

impl Recipe {
    fn build<T: Element>(&self, file: &mut FileMut) -> DatasetBuilder {
        let mut shape = self.shape.clone();
        let mut builder = file.build("a/b").element::<T>();
        if self.extendible {
            shape[0] = 0;
            builder = builder.extendible();
        }
        builder = builder.shape(shape);
        if let Some(chunk) = &self.chunk {
            builder = builder.chunks(chunk);
        }
        if self.shuffle {
            builder = builder.shuffle();
        }
        if let Some(level) = self.deflate {
            builder = builder.deflate(level);
        }
        if self.fletcher32 {
            builder = builder.fletcher32();
        }
        builder
    }

    fn check<T: Element + PartialEq + std::fmt::Debug>(&self, value: impl Fn(u64) -> T)
    where
        Vec<T>: h5manager::FromElements,
    {
        let row = self.shape[1..].iter().product::<u64>() as usize;
        let count = self.shape.iter().product::<u64>();
        let values: Vec<T> = (0..count).map(|n| value(n.wrapping_mul(self.seed) >> 7)).collect();
        let store = MemoryStore::default();
        let mut file = FileMut::on_store(store.clone());
        let mut dataset = self.build::<T>(&mut file).create().unwrap();
        let mut rest = &values[..];
        for piece in self.pieces.iter().cycle() {
            let (now, later) = rest.split_at((piece * row).min(rest.len()));
            dataset.append(now).unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        dataset.set_attribute("all", &values).unwrap();
        file.commit().unwrap();
        let file = File::from_bytes(store.bytes()).unwrap();
        let dataset = file.dataset("/a/b").unwrap();
        let mut shape = self.shape.clone();
        if self.extendible && row == 0 {
            // Rows without elements cannot be counted.
            shape[0] = 0;
        }
        assert_eq!(dataset.shape(), shape);
        assert_eq!(dataset.read::<Vec<T>>().unwrap(), values);
        let attribute = dataset.attribute("all").unwrap().unwrap();
        assert_eq!(attribute.read::<Vec<T>>().unwrap(), values);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn bytes_come_back(recipe in recipe()) {
        recipe.check::<u8>(|n| n as u8);
    }

    #[test]
    fn numbers_come_back(recipe in recipe()) {
        recipe.check::<i32>(|n| n as i32);
        recipe.check::<f64>(|n| n as f64 / 3.0);
    }

    #[test]
    fn truth_values_come_back(recipe in recipe()) {
        recipe.check::<bool>(|n| n % 3 == 0);
    }

    #[test]
    fn strings_and_sequences_come_back(recipe in recipe()) {
        recipe.check::<String>(|n| "wörd ".repeat(n as usize % 40));
        recipe.check::<Vec<u8>>(|n| vec![n as u8; n as usize % 300]);
    }
}
