"""One operation of writing, by h5py: python h5py_write.py ROW OUT [DATA] [NUMBER…]. See README.md.

Prints its seconds and its seconds of CPU time. What is written is synced before the clock stops, as ours is.
"""
import os
import sys
import time

import h5py
import numpy as np


def field(f, data, level=None):
    options = {} if level is None else dict(chunks=(1, 512, 512), shuffle=True, compression="gzip",
                                            compression_opts=int(level))
    f.create_dataset("d", data=data, **options)


def images(f, data, in_a_chunk, level):
    f.create_dataset("images", data=data, chunks=(int(in_a_chunk), 64, 64, 3), compression="gzip",
                     compression_opts=int(level))


def many(f, _):
    values = np.arange(20, dtype="<i4")
    for i in range(10_000):
        d = f.create_dataset(f"g{i // 100}/d{i}", data=values)
        d.attrs["unit"], d.attrs["scale"], d.attrs["number"] = "m", 0.5, i


def append(f, _):
    rows = np.repeat(np.arange(100, dtype="f4"), 8).reshape(100, 8)
    d = f.create_dataset("d", (0, 8), "f4", maxshape=(None, 8), chunks=(1000, 8), compression="gzip", compression_opts=4)
    for start in range(0, 1_000_000, 100):
        d.resize(start + 100, 0)
        d[start:start + 100] = rows


def attribute(f, _):
    f["d"].attrs["operator"] = "somebody"


def load(row, rest):
    if row in ("raw", "field", "write"):
        return np.fromfile(rest[0], "<f4").reshape(-1, 1024, 1024), rest[1:]
    if row == "images":
        return np.fromfile(rest[0], "u1").reshape(-1, 64, 64, 3), rest[1:]
    return None, rest


def main(row, out, *rest):
    data, numbers = load(row, rest)
    wall, cpu = time.perf_counter(), time.process_time()
    if row == "write":
        # No HDF5 at all: what the system needs for the bytes.
        with open(out, "wb", buffering=0) as f:
            for plane in data:
                f.write(plane)
    else:
        work = {"raw": field, "field": field, "images": images, "many": many, "append": append, "attribute": attribute}
        with h5py.File(out, "a" if row == "attribute" else "w") as f:
            work[row](f, data, *numbers)
    with open(out, "rb") as f:
        os.fsync(f.fileno())
    print(f"{time.perf_counter() - wall:.6f} {time.process_time() - cpu:.6f}")


main(*sys.argv[1:])
