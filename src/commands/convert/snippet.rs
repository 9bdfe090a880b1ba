//! `--snippet`: the lines of Python that read a converted file well.

use super::keys::Scheme;

/// Which library reads the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Snippet {
    /// A dataset and loader for PyTorch: opened by each worker, a batch in one read
    Torch,
    /// A PyDataset for Keras 3
    Keras,
    /// Hugging Face datasets
    Datasets,
    /// h5py alone, whole chunks at a time
    H5py,
}

/// The lines for a file of this name and with these datasets. Channels are last unless `planes`.
pub(super) fn text(snippet: Snippet, file: &str, scheme: &Scheme, planes: bool) -> String {
    let template = match snippet {
        Snippet::Torch => TORCH,
        Snippet::Keras => KERAS,
        Snippet::Datasets => DATASETS,
        Snippet::H5py => H5PY,
    };
    let turn = if planes { "" } else { ".permute(0, 3, 1, 2)" };
    let name: String = file.chars().flat_map(|c| c.escape_default()).collect();
    template
        .replace("TURN", turn)
        .replace("FILE", &name)
        .replace("IMAGES", &scheme.images)
        .replace("LABELS", &scheme.labels)
}

const TORCH: &str = r#"import h5py
import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler


class Images(Dataset):
    def __init__(self, path):
        self.path, self.file = path, None
        with h5py.File(path) as f:
            self.rows = len(f["IMAGES"])

    def __len__(self):
        return self.rows

    def __getitem__(self, rows):  # a whole batch in one read
        if self.file is None:  # each worker opens the file for itself
            self.file = h5py.File(self.path)
        rows = np.sort(rows)
        images = torch.from_numpy(self.file["IMAGES"][rows])TURN
        return images.float() / 255, torch.from_numpy(self.file["LABELS"][rows])


data = Images("FILE")
batches = BatchSampler(RandomSampler(data), batch_size=64, drop_last=False)
for images, labels in DataLoader(data, sampler=batches, batch_size=None, num_workers=2):
    print(images.shape, labels.shape)
"#;

const KERAS: &str = r#"import math

import h5py
import keras


class Images(keras.utils.PyDataset):
    def __init__(self, path, batch=64, **options):
        super().__init__(**options)
        self.path, self.batch, self.file = path, batch, None
        with h5py.File(path) as f:
            self.rows = len(f["IMAGES"])

    def __len__(self):
        return math.ceil(self.rows / self.batch)

    def __getitem__(self, number):
        if self.file is None:  # each worker opens the file for itself
            self.file = h5py.File(self.path)
        rows = slice(number * self.batch, (number + 1) * self.batch)  # side by side: whole chunks
        return self.file["IMAGES"][rows] / 255.0, self.file["LABELS"][rows]


data = Images("FILE", workers=2)  # for model.fit(data); convert with --shuffle
for number in range(len(data)):
    images, labels = data[number]
    print(images.shape, labels.shape)
"#;

const DATASETS: &str = r#"import h5py
from datasets import ClassLabel, load_dataset

data = load_dataset("hdf5", data_files="FILE", split="train")
with h5py.File("FILE") as f:
    classes = list(f["LABELS"].attrs["class_names"])
data = data.cast_column("LABELS", ClassLabel(names=classes)).with_format("numpy")
for batch in data.iter(batch_size=64):
    print(batch["IMAGES"].shape, batch["LABELS"].shape)
"#;

const H5PY: &str = r#"import h5py

with h5py.File("FILE") as f:
    images, labels = f["IMAGES"], f["LABELS"]
    classes = list(labels.attrs["class_names"])
    chunk = images.chunks[0]
    step = max(64 // chunk, 1) * chunk  # about 64 images, and whole chunks
    for start in range(0, len(images), step):
        rows = slice(start, start + step)
        print(images[rows].shape, labels[rows].shape)
"#;
