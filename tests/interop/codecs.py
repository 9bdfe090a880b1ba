"""The filters of hdf5plugin, both ways.

    codecs.py make FOLDER    every codec on many kinds of data: FOLDER/codecs.h5, and what h5py reads from it: all values
                             one behind the other in FOLDER/codecs.raw; FOLDER/codecs.txt says where: path, start, length
    codecs.py check FILE     FILE's /coded/NAME holds what /plain/NAME holds, and every chunk went through its filters
"""
import os
import sys

import h5py
import hdf5plugin
import numpy as np

PACKED3 = np.dtype([("a", "u1"), ("b", "<u2")])
PACKED12 = np.dtype([("a", "<f8"), ("b", "<i4")])
TYPES = ["u1", "<u2", ">i4", "<f4", "<f8", PACKED3, PACKED12, "S17"]
# Chunks that do and do not divide the shape, of few and of many bytes, with counts that are and are not multiples of 8.
SHAPES = [((1000,), (333,)), ((57, 43), (16, 10)), ((9, 11, 13), (4, 5, 6)), ((3, 4, 5, 6), (3, 2, 5, 1)), ((5, 1), (3, 1))]
# Enough bytes for several of Blosc's blocks.
LARGE = [("<f8", (60_001,), (50_003,)), ("<u2", (301, 400), (200, 333))]


def codecs():
    for cname in ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"):
        for shuffle in (0, 1, 2):
            yield f"blosc_{cname}_{shuffle}", hdf5plugin.Blosc(cname=cname, clevel=5, shuffle=shuffle)
    yield "blosc_blosclz_9", hdf5plugin.Blosc(cname="blosclz", clevel=9, shuffle=1)
    yield "blosc_copied", hdf5plugin.Blosc(cname="lz4", clevel=0, shuffle=1)
    for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
        for filters in (0, 1, 2, 3, 4):
            yield f"blosc2_{cname}_{filters}", hdf5plugin.Blosc2(cname=cname, clevel=5, filters=filters)
    yield "blosc2_copied", hdf5plugin.Blosc2(cname="lz4", clevel=0, filters=1)
    for cname in ("none", "lz4", "zstd"):
        for nelems in (0, 64):
            yield f"bitshuffle_{cname}_{nelems}", hdf5plugin.Bitshuffle(nelems=nelems, cname=cname)
    for size in (0, 100):
        yield f"lz4_{size}", hdf5plugin.LZ4(nbytes=size)
    for level in (1, 3, 19):
        yield f"zstd_{level}", hdf5plugin.Zstd(clevel=level)
    for level in (1, 9):
        yield f"bzip2_{level}", hdf5plugin.BZip2(blocksize=level)
    yield "lzf", {"compression": "lzf"}


def contents(rng, dtype, shape):
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    of_bytes = lambda b: np.frombuffer(b.tobytes(), dtype).reshape(shape)
    yield "noise", of_bytes(rng.integers(0, 256, count * dtype.itemsize, dtype="u1"))
    smooth = (np.arange(count) // 7 % 120).astype("<i4")
    if dtype.fields is None and dtype.kind != "S":
        yield "smooth", smooth.astype(dtype).reshape(shape)
    else:
        yield "smooth", of_bytes(np.repeat(smooth.astype("u1"), dtype.itemsize))
    half = rng.integers(0, 256, count * dtype.itemsize, dtype="u1")
    half[: half.size // 2] = 0
    yield "half", of_bytes(half)


def datasets():
    for name, codec in codecs():
        rng = np.random.default_rng(5)
        for t, dtype in enumerate(TYPES):
            for s, (shape, chunks) in enumerate(SHAPES):
                for kind, data in contents(rng, dtype, shape):
                    if kind != "noise" or s < 2:
                        yield f"{name}/{t}_{s}_{kind}", codec, data, chunks
        for dtype, shape, chunks in LARGE:
            kinds = dict(contents(rng, dtype, shape))
            yield f"{name}/large_{len(shape)}", codec, kinds["half"], chunks


def make(folder):
    path = os.path.join(folder, "codecs.h5")
    with h5py.File(path, "w") as f:
        for name, codec, data, chunks in datasets():
            f.create_dataset(name, data=data, chunks=chunks, **codec)
    # Opened again: what was written may still be there as it was, and some of the filters cut precision.
    out = lambda name: open(os.path.join(folder, name), "wb")
    with h5py.File(path) as f, out("codecs.raw") as raw, out("codecs.txt") as index:
        for name, *_ in datasets():
            values = f[name][()]
            index.write(f"{name} {raw.tell()} {values.nbytes}\n".encode())
            raw.write(values.tobytes())


def check(path):
    compared = filtered = 0
    with h5py.File(path) as f:
        for name, coded in f["coded"].items():
            plain = f["plain"][name[: name.index("@")]]
            assert coded.shape == plain.shape and coded.dtype == plain.dtype, name
            assert coded[()].tobytes() == plain[()].tobytes(), name
            masks = [coded.id.get_chunk_info(i).filter_mask for i in range(coded.id.get_num_chunks())]
            filtered += masks.count(0)
            compared += 1
    print(compared, filtered)


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](sys.argv[2])
