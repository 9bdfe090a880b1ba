//! How the images of a folder are put in order and divided: shuffled, split for training and testing, or by shards.

use super::options::{Shard, Split};
use super::scan::{Entry, Listing};
use crate::commands::output;
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The images of one file.
pub(super) struct Part {
    /// What it is called, if there are several.
    pub(super) name: Option<String>,
    pub(super) output: PathBuf,
    pub(super) images: Vec<Entry>,
}

/// Folders at the top that are no classes but parts: how they are called.
const PARTS: [&str; 9] = ["train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval"];

/// Whether the folders at the top that have images, of which `tops` has the numbers, are parts for training and testing.
pub(super) fn are_parts(listing: &Listing, tops: impl IntoIterator<Item = u32>) -> bool {
    let names: Vec<String> =
        tops.into_iter().map(|t| if t == 0 { String::new() } else { listing.folder_name(t) }).collect();
    let lower = |name: &String| name.to_ascii_lowercase();
    names.len() > 1
        && names.iter().all(|name| PARTS.contains(&lower(name).as_str()))
        && names.iter().any(|name| lower(name).starts_with("train"))
}

/// One part for each folder at the top.
pub(super) fn by_folder(listing: &Listing, images: Vec<Entry>, output: &Path) -> Vec<Part> {
    let mut parts: BTreeMap<u32, Vec<Entry>> = BTreeMap::new();
    for image in images {
        parts.entry(listing.top(&image)).or_default().push(image);
    }
    let part = |(top, images)| {
        let name = listing.folder_name(top);
        Part { output: named(output, &name), name: Some(name), images }
    };
    parts.into_iter().map(part).collect()
}

/// Parts of these shares, each with all classes in the same proportions, as far as whole images allow.
pub(super) fn by_share(
    images: Vec<Entry>,
    label: impl Fn(&Entry) -> i64,
    split: &[(String, f64)],
    seed: u64,
    output: &Path,
) -> Vec<Part> {
    let mut classes: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (i, image) in images.iter().enumerate() {
        classes.entry(label(image)).or_default().push(i);
    }
    let mut random = Random(seed);
    let mut part_of = vec![0usize; images.len()];
    // What the parts are short of, over all classes: many small ones must not leave a small part empty.
    let mut owed = vec![0f64; split.len()];
    for members in classes.values_mut() {
        random.shuffle(members);
        let wanted: Vec<f64> =
            split.iter().zip(&owed).map(|((_, share), o)| share * members.len() as f64 + o).collect();
        let counts = whole_numbers(&wanted, members.len());
        owed = wanted.iter().zip(&counts).map(|(w, &c)| w - c as f64).collect();
        let parts = counts.iter().enumerate().flat_map(|(part, &count)| std::iter::repeat_n(part, count));
        for (&member, part) in members.iter().zip(parts) {
            if let Some(place) = part_of.get_mut(member) {
                *place = part;
            }
        }
    }
    let part = |name: &String| Part { name: Some(name.clone()), output: named(output, name), images: Vec::new() };
    let mut parts: Vec<Part> = split.iter().map(|(name, _)| part(name)).collect();
    for (image, part) in images.into_iter().zip(part_of) {
        if let Some(part) = parts.get_mut(part) {
            part.images.push(image);
        }
    }
    parts
}

/// Whole numbers near those wanted that add up to `total`.
fn whole_numbers(wanted: &[f64], total: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = wanted.iter().map(|w| (w.max(0.0).floor() as usize).min(total)).collect();
    let rest = |i: usize, counts: &[usize]| wanted.get(i).zip(counts.get(i)).map_or(0.0, |(w, &c)| w - c as f64);
    loop {
        let sum: usize = counts.iter().sum();
        let by_rest = (0..counts.len()).min_by(|&a, &b| rest(b, &counts).total_cmp(&rest(a, &counts)));
        let most = (0..counts.len()).filter(|&i| counts.get(i).is_some_and(|&c| c > 0));
        let most = most.min_by(|&a, &b| rest(a, &counts).total_cmp(&rest(b, &counts)));
        let change = match sum.cmp(&total) {
            std::cmp::Ordering::Equal => return counts,
            std::cmp::Ordering::Less => by_rest.and_then(|i| counts.get_mut(i)).map(|c| *c += 1),
            std::cmp::Ordering::Greater => most.and_then(|i| counts.get_mut(i)).map(|c| *c -= 1),
        };
        if change.is_none() {
            return counts;
        }
    }
}

/// `set.h5` and `train`: `set_train.h5`.
fn named(output: &Path, part: &str) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let (stem, suffix) = name.rsplit_once('.').unwrap_or((&name, "h5"));
    output.with_file_name(format!("{stem}_{part}.{suffix}"))
}

/// Refuses places that are taken. Where some are and others are not, an earlier run may have been stopped.
pub(super) fn check(outputs: &[&Path], overwrite: bool) -> Result<()> {
    let Some(error) = outputs.iter().find_map(|output| output::check(output, overwrite).err()) else {
        return Ok(());
    };
    if outputs.iter().all(|output| output.exists()) || !outputs.iter().any(|output| output.is_file()) {
        return Err(error);
    }
    let message = format!("{}; of a run that was stopped --overwrite makes the rest, and this again", error.message());
    Err(Error::new(error.kind(), message))
}

impl Split {
    /// The files that will be written, as far as that is known before the folder is read.
    pub(super) fn outputs(&self, input: &Path, output: &Path) -> Vec<PathBuf> {
        let has_part = || {
            let entries = std::fs::read_dir(input).into_iter().flatten().flatten();
            let mut names = entries.map(|entry| entry.file_name().to_string_lossy().to_ascii_lowercase());
            names.any(|name| name.starts_with("train"))
        };
        match self {
            Split::Shares(shares) => shares.iter().map(|(name, _)| named(output, name)).collect(),
            Split::Folders => Vec::new(),
            Split::Auto if has_part() => Vec::new(),
            Split::Auto | Split::None => vec![output.to_owned()],
        }
    }
}

impl Shard {
    /// The file of this shard: `set-03-of-16.h5`, so that their names have the order of their images.
    pub(super) fn output(self, output: &Path) -> PathBuf {
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let (stem, suffix) = name.rsplit_once('.').unwrap_or((&name, "h5"));
        let width = self.of.to_string().len();
        output.with_file_name(format!("{stem}-{:0width$}-of-{}.{suffix}", self.number, self.of))
    }

    /// The files of this shard, of so many: all shards together have each once, in order.
    pub(super) fn range(self, files: usize) -> std::ops::Range<usize> {
        let at = |i: u64| (files as u128 * u128::from(i) / u128::from(self.of)) as usize;
        at(self.number - 1)..at(self.number)
    }
}

/// Shuffles entries; the same seed gives the same order on every machine.
pub(super) fn shuffle(entries: &mut [Entry], seed: u64) {
    Random(seed).shuffle(entries);
}

/// How many images each folder at `level` has, by those in each folder itself.
pub(super) fn counts_at(listing: &Listing, level: u8, images_in: &HashMap<u32, u64>) -> HashMap<u32, u64> {
    let mut counts = HashMap::new();
    for (&folder, &images) in images_in {
        *counts.entry(listing.ancestor_of(folder, level)).or_default() += images;
    }
    counts
}

/// SplitMix64: small, and the same everywhere and for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = ((u128::from(self.next()) * (last as u128 + 1)) >> 64) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_order() {
        let order = |seed| {
            let mut items: Vec<u32> = (0..10).collect();
            Random(seed).shuffle(&mut items);
            items
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut sorted = order(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        // Of the first 40,000 shuffles of three each of the six orders is about a sixth.
        let mut counts = HashMap::new();
        let mut random = Random(0);
        for _ in 0..42_000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert!(counts.len() == 6 && counts.values().all(|&n| (6500..7500).contains(&n)), "{counts:?}");
    }

    #[test]
    fn whole_numbers_add_up() {
        assert_eq!(whole_numbers(&[8.0, 1.0, 1.0], 10), [8, 1, 1]);
        assert_eq!(whole_numbers(&[1.6, 0.2, 0.2], 2), [2, 0, 0]);
        assert_eq!(whole_numbers(&[-0.4, 0.7, 0.7], 1), [0, 1, 0]);
        assert_eq!(whole_numbers(&[2.5, -1.5], 1), [1, 0]);
    }

    #[test]
    fn shards_have_each_file_once() {
        for (files, of) in [(0, 3), (2, 5), (10, 3), (100, 7)] {
            let all: Vec<usize> = (1..=of).flat_map(|number| Shard { number, of }.range(files)).collect();
            assert_eq!(all, (0..files).collect::<Vec<_>>());
        }
        let shard = Shard { number: 3, of: 16 };
        assert_eq!(shard.output(Path::new("a/set.v2.h5")), Path::new("a/set.v2-03-of-16.h5"));
        assert_eq!(named(Path::new("a/set.hdf5"), "val"), Path::new("a/set_val.hdf5"));
    }
}
