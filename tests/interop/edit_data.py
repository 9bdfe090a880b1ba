"""Makes datasets of every layout and chunk index with h5py, and checks what tests/interop_edit.rs has done to their elements.

usage: edit_data.py make|check|make_tiny|check_tiny FOLDER
"""

import ctypes
import pathlib
import subprocess
import sys

import h5py
import numpy as np

ROWS, COLUMNS, FILL = 20, 30, 77


# Of strings with a fill value, of which nothing is written.
TEXTS = {"contiguous": {}, "chunked": {"chunks": (4,)}, "gzip": {"chunks": (4,), "compression": 1, "maxshape": (None,)}}


def dataset(f, name, **options):
    early = options.pop("early", False)
    compact = options.pop("compact", False)
    empty = options.pop("empty", False)
    dtype = options.pop("dtype", "<i4")
    data = np.arange(ROWS * COLUMNS, dtype=dtype).reshape(ROWS, COLUMNS)
    if not (early or compact):
        d = f.create_dataset(name, shape=data.shape, dtype=dtype, fillvalue=FILL, **options)
    else:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if "chunks" in options:
            plist.set_chunk(options["chunks"])
        if compact:
            plist.set_layout(h5py.h5d.COMPACT)
        if early:
            plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plist.set_fill_value(np.array(FILL, dtype))
        most = tuple(h5py.h5s.UNLIMITED if m is None else m for m in options.get("maxshape", data.shape))
        space = h5py.h5s.create_simple(data.shape, most)
        link = h5py.h5p.create(h5py.h5p.LINK_CREATE)
        link.set_create_intermediate_group(True)
        h5py.h5d.create(f.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype)), space, plist, link)
        d = f[name]
    if not empty:
        d[...] = data


def create(path, low, sizes, rank=None):
    """A file whose addresses and lengths have so many bytes; B-trees of chunks have nodes of `rank`."""
    bounds = {"earliest": h5py.h5f.LIBVER_EARLIEST, "v108": h5py.h5f.LIBVER_V18, "v110": h5py.h5f.LIBVER_V110}
    bounds["latest"] = h5py.h5f.LIBVER_LATEST
    made, access = h5py.h5p.create(h5py.h5p.FILE_CREATE), h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    made.set_sizes(*sizes)
    if rank:
        library = ctypes.CDLL(next(pathlib.Path(h5py.__file__).parent.parent.glob("h5py.libs/libhdf5-*")))
        assert library.H5Pset_istore_k(ctypes.c_int64(made.id), ctypes.c_uint(rank)) >= 0
    access.set_libver_bounds(bounds[low], h5py.h5f.LIBVER_LATEST)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    return h5py.File(h5py.h5f.create(str(path).encode(), h5py.h5f.ACC_TRUNC, made, access))


def make(folder):
    files = {low: (low, (8, 8)) for low in ("earliest", "v110", "latest")}
    files |= {"narrow_old": ("earliest", (4, 4)), "narrow_new": ("latest", (4, 4))}
    files |= {"short_lengths": ("v110", (8, 4)), "short_addresses": ("latest", (4, 8))}
    files |= {"small_nodes": ("earliest", (8, 8), 3), "large_nodes": ("v108", (8, 8), 100)}
    for name, (low, sizes, *rank) in files.items():
        with create(folder / f"{name}.h5", low, sizes, *rank) as f:
            chunks, grows, both = (7, 8), (None, COLUMNS), (None, None)
            # libhdf5 cannot open its own extensible arrays where "without end" is narrower than 8 bytes.
            lists = (None,)
            if sizes[1] < 8 and low != "earliest":
                grows, lists = both, (1000,)
            dataset(f, "d/contiguous")
            dataset(f, "d/contiguous_empty", empty=True)
            dataset(f, "d/big_endian", dtype=">i4")
            dataset(f, "d/compact", compact=True)
            dataset(f, "d/single", chunks=(ROWS, COLUMNS))
            dataset(f, "d/single_gzip", chunks=(ROWS, COLUMNS), compression="gzip")
            dataset(f, "d/fixed", chunks=chunks)
            dataset(f, "d/fixed_gzip", chunks=chunks, compression="gzip", shuffle=True, fletcher32=True)
            dataset(f, "d/implicit", chunks=chunks, early=True)
            dataset(f, "d/grows", chunks=chunks, maxshape=grows)
            dataset(f, "d/grows_gzip", chunks=chunks, maxshape=grows, compression="gzip", fletcher32=True)
            dataset(f, "d/grows_empty", chunks=chunks, maxshape=grows, empty=True)
            dataset(f, "d/many_gzip", chunks=(1, 1), maxshape=(100, COLUMNS), compression="gzip")
            dataset(f, "d/many_grow", chunks=(1, 1), maxshape=grows)
            dataset(f, "d/many_both", chunks=(1, 1), maxshape=both)
            dataset(f, "d/limited", chunks=chunks, maxshape=(100, COLUMNS))
            dataset(f, "d/both", chunks=chunks, maxshape=both)
            dataset(f, "d/both_gzip", chunks=chunks, maxshape=both, compression="gzip", shuffle=True)
            text = h5py.string_dtype()
            for name, options in TEXTS.items():
                if "maxshape" in options:
                    options = options | {"maxshape": lists}
                f.create_dataset(f"texts/{name}", shape=(7,), dtype=text, fillvalue=b"fill", **options)
            f.create_dataset("names", data=["one", "two", "three"], dtype=text, chunks=(2,), maxshape=lists)


def expected(name, grows):
    fill = np.full((ROWS, COLUMNS), FILL, "i4")
    a = fill if name.endswith("empty") else np.arange(ROWS * COLUMNS, dtype="i4").reshape(ROWS, COLUMNS)
    a[2:5, 3:9] = np.arange(18).reshape(3, 6) - 100
    a[::3, 0] = -2
    if grows:
        a = np.concatenate([a, np.full((5, COLUMNS), 7, "i4")])
        a = np.concatenate([a[: ROWS - 4], np.full((14, COLUMNS), FILL, "i4")])
        a[-1, :] = 9
    return a


def check(folder):
    for path in sorted(folder.glob("*.h5")):
        with h5py.File(path, "r") as f:
            for name, d in f["d"].items():
                want = expected(name, d.maxshape[0] != ROWS)
                assert d.shape == want.shape, (path, name, d.shape)
                assert (d[...] == want).all(), (path, name, d[...], want)
            made = f["made/inside/data"]
            assert made[...].tolist() == [[1, 2], [3, 4]] and made.attrs["unit"] == "m"
            assert f["d2/there"] == f["d/grows"]
            for name, d in f["texts"].items():
                assert d[:4].tolist() == [b"fill", b"1", b"fill", b"fill"], (path, name, d[:4])
            assert [s.decode() for s in f["names"]] == ["one", "a longer text", "three", "four", "five"], path
        with h5py.File(path, "r+") as f:
            for name, d in f["d"].items():
                d[1, 1] = 5
                if d.maxshape[0] != ROWS:
                    d.resize((d.shape[0] + 40, COLUMNS))
                    d[-1] = 3
            f["made/inside"].create_group("more")
            # Frees the data of elements that hold the fill value: no other may lose them.
            for d in f["texts"].values():
                for i in 0, 3, 5:
                    d[i] = "another"
                d[5] = "fill"
            f["names"].resize((9,))
            f["names"][8] = "nine"
        with h5py.File(path, "r") as f:
            for name, d in f["d"].items():
                want = expected(name, d.maxshape[0] != ROWS)
                want[1, 1] = 5
                assert (d[: len(want)] == want).all(), (path, name)
                assert d.shape == want.shape or (d[-1] == 3).all() and (d[len(want) : -1] == FILL).all()
            for name, d in f["texts"].items():
                want = [b"another", b"1", b"fill", b"another", b"fill", b"fill", b"fill"]
                assert d[:7].tolist() == want, (path, name, d[:7])
            assert f["names"][8] == b"nine" and f["names"][3] == b"four"
        # The old program cannot read all that the new library writes.
        if path.stem not in ("latest", "narrow_new", "short_addresses"):
            done = subprocess.run(["h5dump", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            assert done.returncode == 0, (path, done.stderr[:1000])


TINY = {"tiny_old": ("earliest", (2, 2)), "tiny_new": ("v110", (2, 4)), "tiny_lengths": ("latest", (4, 2))}


def make_tiny(folder):
    for name, (low, sizes) in TINY.items():
        with create(folder / f"{name}.h5", low, sizes) as f:
            f["a"] = np.arange(10)
            f.create_group("g")["text"] = ["x", "yy"]


def check_tiny(folder):
    for name in TINY:
        with h5py.File(folder / f"{name}.h5", "r+") as f:
            assert f["a"][:].tolist() == list(range(10)), name
            assert {n: v.tolist() for n, v in f["a"].attrs.items()} == {f"n{i:02}": [i] * 3 for i in range(12)}
            assert sorted(f["g"]) == sorted(["text"] + [f"l{i:02}" for i in range(12)])
            assert all(f["g"][f"l{i:02}"][()] == i for i in range(12))
            assert f["g/text"][:].tolist() == [b"x", b"longer"] and f.attrs["title"] == "tiny"
            f["a"].attrs.modify("n00", [7, 7, 7])
            # With lengths of two bytes libhdf5 cannot find what it moves to a heap.
            if name != "tiny_lengths":
                f["g"].move("l00", "moved")
        with h5py.File(folder / f"{name}.h5", "r") as f:
            assert f["a"].attrs["n00"][2] == 7
            assert name == "tiny_lengths" or f["g/moved"][()] == 0


ACTIONS = {"make": make, "check": check, "make_tiny": make_tiny, "check_tiny": check_tiny}
ACTIONS[sys.argv[1]](pathlib.Path(sys.argv[2]))
