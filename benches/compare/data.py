"""Makes the files that the comparison reads: python data.py FOLDER [SCALE]

SCALE divides the sizes (1: the full set, about 5 GB; 8 is enough for a look). Files that are there already are kept.
"""
import os
import sys

import h5py
import numpy as np

FOLDER = sys.argv[1]
SCALE = int(sys.argv[2]) if len(sys.argv) > 2 else 1
os.makedirs(FOLDER, exist_ok=True)


def make(name, **options):
    """The decorated function fills the file of that name."""
    def run(fill):
        path = os.path.join(FOLDER, name)
        if os.path.exists(path):
            return
        print(name, flush=True)
        with h5py.File(path + ".part", "w", **options) as f:
            fill(f)
        os.rename(path + ".part", path)
    return run


def field(rng, planes, n=1024):
    """A smooth field with some noise, as simulations and microscopes give."""
    y, x = np.mgrid[0:n, 0:n].astype("f4") / n
    for i in range(planes):
        smooth = np.sin(7 * x + i / 5) * np.cos(5 * y - i / 9)
        yield np.round(smooth * 1000 + rng.normal(0, 2, (n, n))).astype("f4")


@make("1_contiguous.h5")
def _(f):
    d = f.create_dataset("d", (128 // SCALE, 1024, 1024), "f4")
    for i, plane in enumerate(field(np.random.default_rng(1), 128 // SCALE)):
        d[i] = plane


def field_file(f, maxshape=None, planes=32, **options):
    planes = max(32, 128 // SCALE)
    d = f.create_dataset("d", (planes, 1024, 1024), "f4", chunks=(1, 512, 512), maxshape=maxshape, **options)
    for i, plane in enumerate(field(np.random.default_rng(2), planes)):
        d[i] = plane


GZIP = dict(shuffle=True, compression="gzip", compression_opts=4)
make("2_btree1.h5")(lambda f: field_file(f, **GZIP))
make("2_fixed.h5", libver="v110")(lambda f: field_file(f, **GZIP))
make("2_extensible.h5", libver="v110")(lambda f: field_file(f, (None, 1024, 1024), **GZIP))
make("2_btree2.h5", libver="v110")(lambda f: field_file(f, (None, None, 1024), **GZIP))


def objects(f):
    rng = np.random.default_rng(3)
    for i in range(100 // min(SCALE, 4)):
        group = f.create_group(f"group{i:03}")
        for j in range(200):
            d = group.create_dataset(f"data{j:03}", data=rng.integers(0, 99, 10, "i4"))
            d.attrs["unit"] = np.bytes_("kelvin")
            d.attrs["scale"] = 0.5
            d.attrs["range"] = np.array([j, j + 1], "i4")


make("3_old.h5")(objects)
make("3_new.h5", libver="latest")(objects)


@make("3_many.h5")
def _(f):
    for i in range(100_000 // SCALE):
        f.create_group(f"child{i:06}")


@make("3_many_new.h5", libver="latest")
def _(f):
    for i in range(100_000 // SCALE):
        f.create_group(f"child{i:06}")


def images(rows_per_chunk):
    def fill(f):
        n = 20_000 // SCALE
        d = f.create_dataset("images", (n, 64, 64, 3), "u1", chunks=(rows_per_chunk, 64, 64, 3), compression="gzip",
                             compression_opts=4)
        rng = np.random.default_rng(4)
        for start in range(0, n, 500):
            coarse = rng.integers(0, 256, (500, 8, 8, 3), "u1").repeat(8, 1).repeat(8, 2)
            d[start:start + 500] = (coarse + rng.integers(0, 9, coarse.shape, "u1"))[: n - start]
    return fill


make("4_chunk1.h5")(images(1))
make("4_chunk64.h5")(images(64))


@make("5_strings.h5")
def _(f):
    n = 1_000_000 // SCALE
    f.create_dataset("s", data=[f"name of number {i * i}" for i in range(n)], dtype=h5py.string_dtype())


def rows(**options):
    def fill(f):
        n = 5_000_000 // SCALE
        a = np.zeros(n, [("id", "i4"), ("value", "f8"), ("name", "S16")])
        a["id"], a["value"] = np.arange(n), np.arange(n) / 7
        a["name"] = np.char.mod(b"row %d", np.arange(n) % 1000)
        f.create_dataset("rows", data=a, **options)
    return fill


make("6_contiguous.h5")(rows())
make("6_gzip.h5")(rows(chunks=(8192,), compression="gzip", compression_opts=4))


@make("7_small_chunks.h5")
def _(f):
    n = 2**24 // SCALE
    f.create_dataset("d", data=np.arange(n, dtype="i8") ^ 0x5555, chunks=(1024,))


def codecs():
    import hdf5plugin
    return {
        "lzf": dict(compression="lzf", shuffle=True),
        "zstd": dict(**hdf5plugin.Zstd(), shuffle=True),
        "blosc": dict(**hdf5plugin.Blosc(cname="lz4")),
        "bitshuffle": dict(**hdf5plugin.Bitshuffle(cname="lz4")),
    }


for name, options in codecs().items():
    make(f"9_{name}.h5")(lambda f: field_file(f, **options))
