"""Datasets whose elements are in external files: made by h5py, written to by tests/interop_edit.rs, checked by h5py.

    edit_external.py make|check FOLDER
"""
import os
import pathlib
import sys

import h5py
import numpy as np

ROWS = np.arange(240, dtype="i4").reshape(12, 20)
UNLIMITED = h5py.h5f.UNLIMITED


def create(f, name, dtype, shape, max_shape, pieces):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    for file, offset, size in pieces:
        plist.set_external(file.encode(), offset, size)
    space = h5py.h5s.create_simple(shape, max_shape)
    return h5py.Dataset(h5py.h5d.create(f.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype), logical=True), space, plist))


def make(folder):
    os.chdir(folder)
    for libver in ("earliest", "v110", "latest"):
        with h5py.File(f"{libver}.h5", "w", libver=libver) as f:
            create(f, "one", "i4", (12, 20), None, [(f"{libver}-one.bin", 16, 960)])[...] = ROWS
            # Elements go on from one file to the other; two datasets share one.
            several = [(f"{libver}-one.bin", 1001, 101), (f"{libver}-two.bin", 7, 330), (f"{libver}-one.bin", 2000, UNLIMITED)]
            create(f, "several", ">f8", (6, 20), (h5py.h5s.UNLIMITED, 20), several)[...] = ROWS[:6]
            create(f, "texts", "S5", (4,), None, [(f"{libver}-two.bin", 500, 20)])[...] = [b"a", b"bb", b"ccc", b"dddd"]
            create(f, "none", "u1", (10,), None, [(f"{libver}-none.bin", 3, 10)])
            create(f, "pairs", [("n", "i2"), ("x", "f4")], (3,), None, [(f"{libver}-two.bin", 600, 18)])[...] = (1, 2.5)
            create(f, "odd", "u1", (7,), (9,), [(f"{libver}-two.bin", 700, 9)])[...] = 3


def check(folder):
    os.chdir(folder)
    for libver in ("earliest", "v110", "latest"):
        with h5py.File(f"{libver}.h5", "r+") as f:
            one = ROWS.copy()
            one[2:5, 3:9] = -np.arange(18).reshape(3, 6)
            one[::5, ::7] = 1000
            assert (f["one"][...] == one).all(), f["one"][...]
            raw = np.fromfile(f"{libver}-one.bin", "i4", 240, offset=16).reshape(12, 20)
            assert (raw == one).all()
            several = np.concatenate([ROWS[:6], [[5] * 20, [6] * 20]]).astype("f8")
            several[0, 10:] = several[5, 19] = 77.5
            assert (f["several"][...] == several).all(), f["several"][...]
            assert list(f["texts"]) == [b"a", b"zz", b"ccc", b"12345"], list(f["texts"])
            assert list(f["none"]) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] and os.path.getsize(f"{libver}-none.bin") == 13
            assert [tuple(p) for p in f["pairs"]] == [(1, 2.5), (-7, 0.5), (1, 2.5)], f["pairs"][...]
            assert list(f["odd"]) == [3] * 7 + [8, 9], list(f["odd"])
            assert f["several"].attrs["rows"] == 8
            # libhdf5 goes on with it.
            f["several"].id.set_extent((10, 20))
            f["several"][9] = 10
            f["one"][0] = 4
            f["odd"].id.set_extent((8,))


{"make": make, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
