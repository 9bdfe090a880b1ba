"""Makes files with h5py in every form of the format that it can choose, and writes down what is in them.

    make_files.py FOLDER

For each file `NAME.h5` there is a `NAME.json`: a map from paths (`/dataset`, `/dataset@attribute`) to shape and values, row by
row; strings as text, truth as true and false, compounds as lists of members, sequences as lists.
"""
import json
import os
import sys

import h5py
import numpy as np

BOUNDS = {"earliest": ("earliest", "v110"), "v108": ("v108", "v108"), "v110": ("v110", "v110"), "latest": ("latest", "latest")}


def plain(value):
    """A value of numpy as JSON."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.void) and value.dtype.names:
        return [plain(value[n]) for n in value.dtype.names]
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and value == int(value):
        return float(value)
    return value


def numbers(f):
    rng = np.random.default_rng(3)
    for dtype in ("i1", "u1", "<i2", ">i2", "<u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8"):
        info = np.iinfo(dtype)
        data = rng.integers(info.min, info.max, (3, 5), dtype=np.dtype(dtype).newbyteorder("="), endpoint=True)
        f[f"numbers/{dtype.strip('<>')}_{'be' if dtype[0] == '>' else 'le'}"] = data.astype(dtype)
    for dtype in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8"):
        f[f"numbers/{dtype[1:]}_{'be' if dtype[0] == '>' else 'le'}"] = (rng.integers(-99, 99, 7) / 4).astype(dtype)
    f["numbers/scalar"] = np.float64(2.5)
    f["numbers/none"] = np.zeros((0, 3), "<i4")
    f["numbers/truth"] = np.array([True, False, True])


def chunked(f):
    data = np.arange(7 * 11 * 3, dtype="<i4").reshape(7, 11, 3)
    for i, chunks in enumerate([(1, 1, 1), (2, 3, 3), (7, 11, 3), (4, 11, 1), (3, 2, 2)]):
        for name, options in {
            "plain": {},
            "gzip": {"compression": "gzip"},
            "all": {"compression": "gzip", "compression_opts": 9, "shuffle": True, "fletcher32": True},
            "lzf": {"compression": "lzf", "shuffle": True},
        }.items():
            f.create_dataset(f"chunked/{name}{i}", data=data, chunks=chunks, **options)
    holes = f.create_dataset("chunked/holes", (20, 20), "<i2", chunks=(4, 6), fillvalue=-7, maxshape=(None, 40))
    holes[5:9, 7:8] = 1
    holes[19, 19] = 2
    grown = f.create_dataset("chunked/grown", (2, 4), "<f8", chunks=(3, 3), maxshape=(None, None))
    grown[...] = 1.5
    grown.resize((5, 7))
    grown[4] = 2.5
    shrunk = f.create_dataset("chunked/shrunk", data=np.arange(100, dtype="<u2").reshape(10, 10), chunks=(3, 4), maxshape=(20, 20))
    shrunk.resize((4, 5))
    never = f.create_dataset("chunked/never", (9,), ">f4", chunks=(2,), fillvalue=1.25)
    assert never.id.get_num_chunks() == 0
    # Arrays of chunks long enough to be cut into pages, most of them empty.
    for name, maximum in (("fixed", 400_000), ("extensible", None)):
        sparse = f.create_dataset(f"chunked/sparse_{name}", (400_000,), "<u1", chunks=(3,), maxshape=(maximum,))
        sparse[5], sparse[250_001], sparse[399_999] = 1, 2, 3
        packed = f.create_dataset(f"chunked/packed_{name}", (9_000,), "<u1", chunks=(3,), maxshape=(maximum,), compression="gzip")
        packed[7_000:7_010] = 4
    both = f.create_dataset("chunked/both", (30, 40), "<i4", chunks=(2, 3), maxshape=(None, None), compression="gzip")
    both[::7, ::5] = 6
    many = f.create_dataset("chunked/many", data=np.arange(3000, dtype="<i4"), chunks=(1,))
    assert many.id.get_num_chunks() == 3000


def others(f):
    f["text/variable"] = np.array(["one", "zwei ü", ""], dtype=h5py.string_dtype())
    f["text/fixed"] = np.array([b"abc", b"full5", b""], dtype="S5")
    f["text/scalar"] = "a single string"
    f["compound"] = np.array([(1, 2.5, b"x", (3, 4)), (5, -6.0, b"yz", (7, 8))], dtype=[("a", "<i2"), ("b", ">f8"), ("c", "S3"), ("d", "<u1", (2,))])
    f["sequence"] = np.array([np.arange(n) for n in (3, 1, 4)], dtype=object).astype(h5py.vlen_dtype("<i4"))
    color = h5py.enum_dtype({"red": 1, "green": -2}, basetype="<i2")
    f.create_dataset("color", data=np.array([1, -2, 1], "<i2"), dtype=color)
    f["small/compact"] = np.arange(4, dtype="<i4")
    for group, count in (("few", 3), ("many", 120)):
        for i in range(count):
            f[f"groups/{group}/member{i:03}"] = np.int32(i)
    for i in range(40):
        f["numbers"].attrs[f"attribute{i:02}"] = np.arange(i % 5, dtype="<i8")
    f["numbers"].attrs["text"] = "ünïcode"
    f["numbers"].attrs["long"] = np.arange(3000, dtype="<i4")


def describe(f):
    found = {}

    def add(path, array):
        array = np.asarray(array)
        values = [plain(v) for v in array.reshape(-1)] if array.dtype.kind != "O" else [plain(v) for v in array.flat]
        found[path] = {"shape": list(array.shape), "values": values}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            add("/" + name, item[()])
        for key in item.attrs:
            add(f"/{name}@{key}", item.attrs[key])

    f.visititems(visit)
    return found


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, bounds in BOUNDS.items():
        for block in (0, 1024):
            stem = os.path.join(folder, f"{name}_{block}")
            options = {"userblock_size": block} if block else {}
            with h5py.File(stem + ".h5", "w", libver=bounds, **options) as f:
                numbers(f)
                chunked(f)
                others(f)
            with h5py.File(stem + ".h5") as f, open(stem + ".json", "w") as out:
                json.dump(describe(f), out)


if __name__ == "__main__":
    main()
