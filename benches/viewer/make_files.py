"""The files of the comparison: python make_files.py FOLDER"""

import os
import sys

import h5py
import numpy as np

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)

with h5py.File(os.path.join(folder, "many.h5"), "w") as f:
    for i in range(20_000):
        f.create_dataset(f"group {i // 200}/dataset {i:05}", data=np.full(3, i, "f4"))

# 64 MiB that deflate to about half, as measurements do.
rng = np.random.default_rng(7)
values = np.cumsum(rng.integers(-40, 40, (4096, 4096), dtype="i4"), axis=1, dtype="i4")
with h5py.File(os.path.join(folder, "chunks.h5"), "w") as f:
    f.create_dataset("x", data=values, chunks=(256, 256), compression="gzip", shuffle=True)
