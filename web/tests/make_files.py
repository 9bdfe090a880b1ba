#!/usr/bin/env python3
"""The files that the page is driven on, made by h5py, hdf5plugin and netCDF4 in the layouts that people have.

    make_files.py FOLDER

Writes FOLDER/*.h5 and FOLDER/manifest.json: for each file its objects as h5py sees them, and the first element of each
dataset as text, so that what the page shows is held against another reader.
"""

import io
import json
import struct
import sys
import zlib
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "fixtures"
MAKERS = []
CLASSES = ["airplane", "bird", "cat", "dog", "ship"]


def file(name, suffix=".h5", **options):
    """Registers a function that fills one open file."""

    def register(fill):
        def make(folder):
            path = folder / f"{name}{suffix}"
            with h5py.File(path, "w", **options) as f:
                fill(f)
            return path

        MAKERS.append(make)
        return fill

    return register


def maker(make):
    """Registers a function that writes its file itself and returns the path."""
    MAKERS.append(make)
    return make


def numbers(*shape):
    return np.arange(int(np.prod(shape)), dtype="f8").reshape(shape)


def picture(i, side=32, classes=len(CLASSES)):
    """A disc, square or bar in the colour of its class, somewhere else in each image."""
    rng = np.random.default_rng(i)
    k = i % classes
    y, x = np.mgrid[0:side, 0:side]
    cy, cx = rng.integers(side // 4, 3 * side // 4, 2)
    r = rng.integers(side // 8, side // 4)
    inside = [np.hypot(y - cy, x - cx) < r, np.maximum(abs(y - cy), abs(x - cx)) < r, abs(y - cy) < r // 2 + 1][k % 3]
    hue = np.array([[90, 150, 240], [240, 190, 60], [200, 120, 60], [120, 170, 90], [90, 90, 170]])[k]
    image = np.where(inside[..., None], hue, hue * 0.35 + (y * 60 / side)[..., None])
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype("u1")


def pictures(count, side=32):
    return np.stack([picture(i, side) for i in range(count)]), np.arange(count, dtype="i8") % len(CLASSES)


# The plain things ----------------------------------------------------------------------------------------------------


@file("types")
def types(f):
    for code in "i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 >i2 >i8 >f4 >f8".split():
        f[code.replace(">", "be_")] = np.array([0, 1, 2, 100, 5], dtype=code)
    f["extremes"] = np.array([-(2**63), 2**63 - 1, 0], dtype="i8")
    f["largest"] = np.array([2**64 - 1, 1], dtype="u8")
    f["special"] = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-300])
    f["bool"] = np.array([True, False, True])
    f["complex64"] = np.array([1 + 2j, -3.5j], dtype="c8")
    f["complex128"] = np.outer(np.exp(1j * np.linspace(0, 6, 20)), np.ones(12))
    f.create_dataset("enum", data=[0, 1, 2, 1], dtype=h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 2}, basetype="i1"))
    f["opaque"] = np.array([b"\x01\x02\x03", b"\xff\x00\x10"], dtype="V3")
    f.create_dataset("array", data=np.zeros(4, dtype=[("v", "f4", (3, 2))]))
    f["named_type"] = np.dtype([("x", "f4"), ("y", "f4")])


@file("strings")
def strings(f):
    f["fixed"] = np.array([b"one", b"two", b"three"])
    f.create_dataset("utf8", data=["grün", "日本語", "emoji 🎉", ""], dtype=h5py.string_dtype())
    f.create_dataset("scalar", data="a single text\nof two lines")
    f.create_dataset("grid", data=[["a", "b"], ["c", "d"]], dtype=h5py.string_dtype())
    f.create_dataset("long", data=["x" * 5000, "y"], dtype=h5py.string_dtype())
    f.create_dataset("json", data='{"layers": [{"name": "dense", "units": 10}]}')


@file("compounds")
def compounds(f):
    rows = np.zeros(1000, dtype=[("id", "i8"), ("x", "f4"), ("tag", "S8"), ("pos", "f8", (3,)), ("in", [("a", "u1"), ("b", "u2")])])
    rows["id"] = np.arange(1000)
    rows["x"] = np.sqrt(np.arange(1000))
    rows["tag"] = [f"row{i}".encode() for i in range(1000)]
    f["rows"] = rows
    f["grid"] = rows[:24].reshape(4, 6)
    f["one"] = rows[5]
    mixed = np.dtype([("name", h5py.string_dtype()), ("value", "f8"), ("ok", "?")])
    f.create_dataset("mixed", data=np.array([("first", 1.5, True), ("second", -2.0, False)], dtype=mixed))


@file("varlen")
def varlen(f):
    d = f.create_dataset("ints", (4,), dtype=h5py.vlen_dtype("i4"))
    for i in range(4):
        d[i] = np.arange(i)
    d = f.create_dataset("floats", (2, 2), dtype=h5py.vlen_dtype("f8"))
    d[0, 1] = [1.5, 2.5]


@file("shapes")
def shapes(f):
    f["scalar"] = 3.25
    f["null"] = h5py.Empty("f4")
    f["one"] = numbers(1)
    f["line"] = np.sin(np.linspace(0, 40, 4000)).astype("f4")
    f["matrix"] = numbers(40, 60)
    f["tall"] = numbers(3000, 2)
    f["wide"] = numbers(2, 900)
    f["cube"] = numbers(12, 20, 30)
    f["five"] = numbers(2, 3, 4, 5, 6)
    f.create_dataset("none", (0, 5), dtype="f4")
    f.create_dataset("none_wide", (5, 0), dtype="f4")
    f["ones"] = np.ones((4, 4))


@file("limits")
def limits(f):
    """Values at the ends of what numbers can be; near 2^64 a float has room for each 2048th whole number alone."""
    f["largest"] = np.uint64(2**64 - 1) - np.arange(32, dtype="u8") * np.uint64(64)
    f["largest matrix"] = np.uint64(2**64 - 1) - np.arange(32, dtype="u8").reshape(4, 8) * np.uint64(64)
    f["lowest"] = np.array([-(2**63), -(2**63) + 1, -(2**63) + 5000])
    f["wide"] = np.array([0, -1.7e308, 1.7e308])
    f["narrow"] = np.array([0, 5e-324, 1e-323, 2e-323])
    f["infinite"] = np.array([1, np.inf, -np.inf, np.nan])
    f["wide matrix"] = np.array([[0, -1.7e308, 1.7e308], [np.nan, np.inf, 1]])


@file("attributes")
def attributes(f):
    a = f.attrs
    a["int"], a["float"], a["text"], a["utf8"] = 7, 2.5, "plain", "grün 🎉"
    a["array"], a["matrix"], a["texts"] = np.arange(5), numbers(2, 3), ["a", "b", "c"]
    a["bool"], a["complex"], a["big"] = np.True_, 1 + 2j, np.int64(2**62)
    a["empty"] = h5py.Empty("f4")
    a["compound"] = np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
    a["long"] = np.arange(5000)
    d = f.create_dataset("many", data=numbers(3))
    for i in range(60):
        d.attrs[f"attribute {i:02}"] = i


@file("attributes_dense", libver="latest")
def attributes_dense(f):
    g = f.create_group("g")
    for i in range(300):
        g.attrs[f"a{i}"] = f"value {i}"


@file("links")
def links(f):
    f["data/a"] = numbers(5)
    f["hard"] = f["data/a"]
    f["soft"] = h5py.SoftLink("/data/a")
    f["soft group"] = h5py.SoftLink("/data")
    f["dangling"] = h5py.SoftLink("/not/there")
    f["data/up"] = f["/"]  # a circle
    f["elsewhere"] = h5py.ExternalLink("no_such_file.h5", "/x")


@file("references")
def references(f):
    f["target/data"] = numbers(6, 8)
    refs = f.create_dataset("refs", (3,), dtype=h5py.ref_dtype)
    refs[0], refs[1] = f["target/data"].ref, f["target"].ref
    regions = f.create_dataset("regions", (1,), dtype=h5py.regionref_dtype)
    regions[0] = f["target/data"].regionref[1:3, 2:5]
    f.attrs["points to"] = f["target/data"].ref


@file("scales")
def scales(f):
    f["temperature"] = np.random.default_rng(1).normal(280, 9, (24, 18, 36)).astype("f4")
    f["temperature"].attrs["units"] = "kelvin"
    for i, (name, n) in enumerate([("time", 24), ("latitude", 18), ("longitude", 36)]):
        f[name] = np.linspace(0, 90, n)
        f[name].make_scale(name)
        f["temperature"].dims[i].attach_scale(f[name])


@file("order", track_order=True)
def order(f):
    for name in ["zebra", "apple", "mango"]:
        f[name] = 1


@file("empty")
def empty(_):
    pass


# How it is stored ----------------------------------------------------------------------------------------------------

for libver in ["earliest", "v108", "v110", "latest"]:

    @file(f"bound_{libver}", libver=(libver, libver) if libver != "earliest" else ("earliest", "v108"))
    def bound(f):
        f.create_dataset("chunked", data=numbers(50, 60), chunks=(10, 7), compression="gzip")
        f.create_dataset("grows", data=numbers(50), maxshape=(None,), chunks=(8,))
        f.create_dataset("grows twice", data=numbers(20, 20), maxshape=(None, None), chunks=(6, 6))
        g = f.create_group("group/below")
        for i in range(10):
            g[f"d{i}"] = i


@file("user_block", userblock_size=1024)
def user_block(f):
    f["x"] = numbers(10)


@file("layouts")
def layouts(f):
    space = h5py.h5s.create_simple((5,))
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(f.id, b"compact", h5py.h5t.NATIVE_INT32, space, create).write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(5, dtype="i4"))
    f["contiguous"] = numbers(6, 6)
    f.create_dataset("never written", (100, 100), dtype="f4", fillvalue=7.5)
    f.create_dataset("some chunks", (100, 100), dtype="i4", chunks=(10, 10), fillvalue=-1)[10:20, 30:40] = 5


@maker
def virtual(folder):
    layout = h5py.VirtualLayout((2, 30), "i8")
    with h5py.File(folder / "virtual.h5", "w") as f:
        f["inside"] = np.arange(30, 60)
        layout[0] = h5py.VirtualSource(f["inside"])
        layout[1] = h5py.VirtualSource(f["inside"])
        f.create_virtual_dataset("v", layout)
    return folder / "virtual.h5"


@maker
def leads_on(folder):
    """A file that leads to others by links, a virtual dataset and raw data; some of them are not there, or not allowed."""
    (folder / "others").mkdir(exist_ok=True)
    with h5py.File(folder / "others/linked.h5", "w") as f:
        f["group/data"] = np.arange(5) * 11
        f["group/deeper"] = h5py.ExternalLink("deeper.h5", "/x")
        f["group/back"] = h5py.ExternalLink("../leads_on.h5", "/own")
    with h5py.File(folder / "others/deeper.h5", "w") as f:
        f["x"] = numbers(3, 4) + 70
    for i in range(2):
        with h5py.File(folder / f"others/part{i}.h5", "w") as f:
            f.create_dataset("x", data=np.arange(30) + 100 * (i + 1), chunks=(10,), compression="gzip")
    (np.arange(24, dtype="<i4") + 500).tofile(folder / "others/raw.bin")
    with h5py.File(folder / "leads_on.h5", "w", libver="latest") as f:
        f["own"] = np.arange(4)
        layout = h5py.VirtualLayout((3, 30), "i8")
        for i in range(3):  # the last one is not there
            layout[i] = h5py.VirtualSource(f"others/part{i}.h5", "x", (30,))
        f.create_virtual_dataset("virtual", layout, fillvalue=-1)
        f.create_dataset("raw", (4, 6), "<i4", external=[("others/raw.bin", 0, 96)])
        f["linked"] = h5py.ExternalLink("others/linked.h5", "/group")
        f["gone"] = h5py.ExternalLink("others/gone.h5", "/x")
        f["outside"] = h5py.ExternalLink("../outside.h5", "/x")
        f["absolute"] = h5py.ExternalLink("/etc/passwd", "/x")
        f.create_dataset("raw gone", (3,), "u1", external=[("others/none.bin", 0, 3)])
    return folder / "leads_on.h5"


@maker
def parts(folder):
    """Files that are split over several: a family, and metadata and raw data apart."""
    (folder / "parts").mkdir(exist_ok=True)

    def fill(f):
        f["before"] = np.arange(5) * 3
        f.create_dataset("field", data=numbers(300, 200), chunks=(100, 100), compression="gzip")
        f["plain"] = numbers(40, 500)

    with h5py.File(folder / "parts/fam%d.h5", "w", driver="family", memb_size=60_000) as f:
        fill(f)
    with h5py.File(folder / "parts/apart", "w", driver="split", meta_ext=b"-m.h5", raw_ext=b"-r.h5") as f:
        fill(f)
    return folder / "parts/fam0.h5"


# Every filter of the engine has a file of its own, filter_NAME.h5 ---------------------------------------------------------


def filter_file(name, kind, options, data, chunks=(20, 20)):
    """`options`: what h5py writes with. Of these datasets the page's values are held against h5py's, byte by byte."""

    @file(f"filter_{name}")
    def filtered(f):
        f.create_dataset(name, data=data, chunks=chunks, **options)
        f[name].attrs["is"] = kind


WHOLE = np.arange(6400, dtype="i4").reshape(80, 80)
WAVES = (np.sin(np.arange(6400) / 50) * 300).astype("f4").reshape(80, 80)
GREY = (WHOLE % 251).astype("u1")

for name, options in {
    "gzip": {"compression": "gzip", "shuffle": True},
    "shuffle": {"shuffle": True},
    "fletcher32": {"fletcher32": True},
    "szip_nn": {"compression": "szip", "compression_opts": ("nn", 8)},
    "szip_ec": {"compression": "szip", "compression_opts": ("ec", 16)},
    "scaleoffset": {"scaleoffset": 0},
    "lzf": {"compression": "lzf"},
    "lz4": hdf5plugin.LZ4(),
    "zstd": hdf5plugin.Zstd(clevel=9),
    "bzip2": hdf5plugin.BZip2(),
    **{f"blosc_{c}": hdf5plugin.Blosc(cname=c, shuffle=i % 3) for i, c in enumerate(["blosclz", "lz4", "lz4hc", "zlib", "zstd"])},
    **{f"blosc2_{c}": hdf5plugin.Blosc2(cname=c, filters=i % 3) for i, c in enumerate(["blosclz", "lz4", "lz4hc", "zlib", "zstd"])},
    **{f"bitshuffle_{c}": hdf5plugin.Bitshuffle(cname=c) for c in ["none", "lz4", "zstd"]},
    "zfp_exact": hdf5plugin.Zfp(reversible=True),
}.items():
    filter_file(name, "integers", options, WHOLE)
for name, options in {
    "scaleoffset_float": {"scaleoffset": 2},
    "zfp_rate": hdf5plugin.Zfp(rate=12),
    "zfp_precision": hdf5plugin.Zfp(precision=14),
    "zfp_accuracy": hdf5plugin.Zfp(accuracy=0.01),
}.items():
    filter_file(name, "floats", options, WAVES)
filter_file("fcidecomp", "grey levels", hdf5plugin.FciDecomp(), GREY, (40, 80))


@file("filter_nbit")
def nbit(f):
    """12 bits of 16, which h5py has no name for."""
    kind = h5py.h5t.NATIVE_INT16.copy()
    kind.set_precision(12)
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_chunk((20, 20))
    create.set_filter(5, h5py.h5z.FLAG_OPTIONAL, ())
    d = h5py.h5d.create(f.id, b"nbit", kind, h5py.h5s.create_simple((80, 80)), create)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, (WHOLE % 2000).astype("i2"))


def coded_file(name, number, parameters, data, encode):
    """A filter whose plug-in h5py lacks: its chunks are written as `encode` makes them, and are known to be `data`."""

    @file(f"filter_{name}")
    def coded(f):
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        rows = len(data) // 2
        create.set_chunk((rows, data.shape[1]))
        create.set_filter(number, h5py.h5z.FLAG_OPTIONAL, parameters)
        d = h5py.Dataset(h5py.h5d.create(f.id, name.encode(), h5py.h5t.py_create(data.dtype), h5py.h5s.create_simple(data.shape), create))
        for row in (0, rows):
            d.id.write_direct_chunk((row, 0), encode(data[row : row + rows]))

    CODED[name] = data


CODED = {}


def lzo(part):
    """A stream of literals with its end, and what PyTables puts behind it: checksum and size."""
    raw = part.tobytes()
    many = len(raw) - 18  # a run of 3 + 15 + 255 n + rest
    head = b"\0" + b"\0" * ((many - 1) // 255) + bytes([(many - 1) % 255 + 1])
    return head + raw + b"\x11\0\0" + struct.pack("<II", zlib.adler32(raw), len(raw))


def snappy(part):
    """One literal."""
    raw = part.tobytes()
    size = bytes([len(raw) & 127 | 128, len(raw) >> 7 & 127 | 128, len(raw) >> 14])
    return size + bytes([61 << 2]) + struct.pack("<H", len(raw) - 1) + raw


def zstandard(raw):
    """A frame of one raw block."""
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(raw)) + struct.pack("<I", len(raw) << 3 | 1)[:3] + raw


def vbz(part):
    """Zig-zag differences in as many bytes as they need."""
    values = part.ravel().astype("i8")
    steps = np.diff(values, prepend=0)
    zigzag = [int(n) << 1 if n >= 0 else (-int(n) << 1) - 1 for n in steps]
    lengths = [max(1, (n.bit_length() + 7) // 8) for n in zigzag]
    bits = bytes(sum(n - 1 << 2 * i for i, n in enumerate(lengths[at : at + 4])) for at in range(0, len(lengths), 4))
    body = b"".join(n.to_bytes(size, "little") for n, size in zip(zigzag, lengths))
    return struct.pack("<I", part.nbytes) + zstandard(bits + body)


def jpeg_ls(part):
    """What FCIDECOMP's library makes."""
    with h5py.File("in memory", "w", driver="core", backing_store=False) as f:
        d = f.create_dataset("x", data=part, chunks=part.shape, **hdf5plugin.FciDecomp())
        return d.id.read_direct_chunk((0, 0))[1]


def jpeg(part):
    out = io.BytesIO()
    Image.fromarray(part).save(out, "JPEG", quality=100)
    return out.getvalue()


# Blocks of 8 × 8 of one level: no decoder rounds them.
BLOCKS = np.kron(np.arange(100, dtype="u1").reshape(10, 10) + 128, np.ones((8, 8), "u1"))[:80, :80]
coded_file("lzo", 305, (1, 20, 0), WHOLE[:40], lzo)
coded_file("snappy", 32003, (), WHOLE[:40], snappy)
coded_file("vbz", 32020, (0, 2, 1, 1), (WHOLE * 7 % 3000).astype("i2"), vbz)
coded_file("jpeg_ls", 32012, (1, 40, 80, 0), GREY, jpeg_ls)
coded_file("jpeg", 32019, (100, 80, 40, 0), BLOCKS, jpeg)
for name, number in {"bitgroom": 32022, "granularbr": 32023, "bitround": 32032}.items():
    coded_file(name, number, (3, 0, 4, 0, 0), WAVES, lambda part: part.tobytes())


# What fields write ---------------------------------------------------------------------------------------------------


@maker
def netcdf(folder):
    import netCDF4

    path = folder / "climate.nc"
    with netCDF4.Dataset(path, "w") as f:
        f.title = "a small climate"
        f.createDimension("time", None)
        f.createDimension("lat", 20)
        f.createDimension("lon", 40)
        f.createVariable("lat", "f4", ("lat",))[:] = np.linspace(-90, 90, 20)
        f.createVariable("lon", "f4", ("lon",))[:] = np.linspace(0, 360, 40)
        f.createVariable("time", "f8", ("time",))[:] = np.arange(6)
        t = f.createVariable("t2m", "i2", ("time", "lat", "lon"), zlib=True, fill_value=-32767)
        t.scale_factor, t.add_offset, t.units = 0.01, 280.0, "K"
        t[:] = 280 + np.random.default_rng(2).normal(0, 9, (6, 20, 40))
        g = f.createGroup("ocean")
        g.createVariable("depth", "f4", ("lat", "lon"))[:] = numbers(20, 40)
    return path


@file("scan", suffix=".nxs")
def nexus(f):
    f.attrs["default"] = "entry"
    entry = f.create_group("entry")
    entry.attrs.update(NX_class="NXentry", default="data")
    data = entry.create_group("data")
    data.attrs.update(NX_class="NXdata", signal="counts", axes=["angle"])
    data["angle"] = np.linspace(10, 60, 500)
    data["angle"].attrs["units"] = "degrees"
    data["counts"] = (1000 * np.exp(-((np.linspace(10, 60, 500) - 31) ** 2) / 8) + 20).astype("i4")
    image = entry.create_group("detector")
    image.attrs.update(NX_class="NXdata", signal="image")
    image["image"] = np.random.default_rng(3).poisson(5, (60, 80)).astype("u4")


@maker
def matlab(folder):
    path = folder / "matlab.mat"
    with h5py.File(path, "w", userblock_size=512) as f:
        f["x"] = numbers(3, 4)
        f["x"].attrs["MATLAB_class"] = np.bytes_("double")
        f["name"] = np.array([[ord(c)] for c in "matlab"], dtype="u2")
        f["name"].attrs["MATLAB_class"] = np.bytes_("char")
        hidden = f.create_group("#refs#")
        hidden["a"] = numbers(2, 2)
        cell = f.create_dataset("cell", (1, 1), dtype=h5py.ref_dtype)
        cell[0, 0] = hidden["a"].ref
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
    with open(path, "r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


@file("model", suffix=".keras.h5")
def keras(f):
    f.attrs["keras_version"] = "2.15.0"
    f.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": ["conv", "dense"]}})
    g = f.create_group("model_weights")
    for layer, shape in [("conv", (3, 3, 3, 16)), ("dense", (256, 10))]:
        g[f"{layer}/{layer}/kernel:0"] = np.random.default_rng(4).normal(0, 0.1, shape).astype("f4")
        g[f"{layer}/{layer}/bias:0"] = np.zeros(shape[-1], "f4")
        g[layer].attrs["weight_names"] = [f"{layer}/kernel:0", f"{layer}/bias:0"]


@file("pandas")
def pandas(f):
    f.attrs["CLASS"] = "GROUP"
    table = np.zeros(500, dtype=[("index", "i8"), ("values_block_0", "f8", (2,)), ("values_block_1", "S10", (1,))])
    table["index"] = np.arange(500)
    f["df/table"] = table
    f["df"].attrs["pandas_type"] = "frame_table"


# Sets of images ------------------------------------------------------------------------------------------------------


@file("images")
def images(f):
    data, labels = pictures(300)
    data[7] = 128  # constant
    data[40] = data[35]  # a duplicate
    f.create_dataset("images", data=data, chunks=(1, 32, 32, 3), compression="gzip")
    f["labels"] = labels
    f["labels"].attrs["class_names"] = CLASSES
    f.create_dataset("filenames", data=[f"{CLASSES[k]}/{i:04}.png" for i, k in enumerate(labels)], dtype=h5py.string_dtype())


@file("cifar")
def cifar(f):
    for part, count in [("train", 60), ("test", 20)]:
        data, labels = pictures(count)
        f[f"{part}/x"] = data.transpose(0, 3, 1, 2)  # channels first
        f[f"{part}/y"] = labels.reshape(-1, 1)


@file("digits")
def digits(f):
    data, labels = pictures(50, 28)
    f["X"] = data.mean(axis=3).astype("u1")
    f["y"] = np.eye(5, dtype="u1")[labels]  # one-hot


@file("floats01")
def floats01(f):
    f["images"] = (pictures(20)[0] / 255).astype("f4")


@file("deep16")
def deep16(f):
    f["images"] = pictures(12)[0].astype("u2") * 200


@file("jpegs")
def jpegs(f):
    d = f.create_dataset("images", (12,), dtype=h5py.vlen_dtype("u1"))
    for i in range(12):
        out = io.BytesIO()
        Image.fromarray(picture(i, 48)).save(out, ["JPEG", "PNG"][i % 2])
        d[i] = np.frombuffer(out.getvalue(), "u1")
    d[5] = np.frombuffer(b"\xff\xd8\xff\xe0 this is no JPEG", "u1")
    f["labels"] = np.arange(12) % 3


@file("pictures")
def single_pictures(f):
    for i in range(4):
        d = f.create_dataset(f"picture {i}", data=picture(i, 64))
        d.attrs["CLASS"], d.attrs["IMAGE_SUBCLASS"], d.attrs["INTERLACE_MODE"] = np.bytes_("IMAGE"), np.bytes_("IMAGE_TRUECOLOR"), np.bytes_("INTERLACE_PIXEL")
        d.attrs["IMAGE_VERSION"] = np.bytes_("1.2")


@file("palette")
def palette(f):
    f["palette"] = np.stack([np.arange(256), 255 - np.arange(256), np.full(256, 90)], axis=1).astype("u1")
    d = f.create_dataset("indexed", data=(numbers(64, 64) % 256).astype("u1"))
    d.attrs["CLASS"], d.attrs["IMAGE_SUBCLASS"] = np.bytes_("IMAGE"), np.bytes_("IMAGE_INDEXED")
    d.attrs["PALETTE"] = f["palette"].ref


@file("run")
def run(f):
    """A measurement as people keep it: a field over time with its scales, events, a spectrum."""
    y, x = np.mgrid[0:120, 0:180]
    rng = np.random.default_rng(0)
    d = f.create_dataset("atmosphere/t2m", (12, 120, 180), "f4", chunks=(1, 40, 60), compression="gzip", shuffle=True)
    for t in range(12):
        field = 272 + 18 * np.cos((y - 60) / 38)
        for k in range(14):
            r = np.random.default_rng(k)
            cx, cy, s, high, speed = r.uniform(0, 180), r.uniform(0, 120), r.uniform(6, 24), r.normal(0, 9), r.normal(0, 1.2)
            field = field + high * np.exp(-((x - cx - t * speed) ** 2 + (y - cy) ** 2) / (2 * s * s))
        d[t] = field + rng.normal(0, 0.25, field.shape)
    d.attrs["units"], d.attrs["long_name"] = "K", "2 metre temperature"
    scales = [("time", np.arange(12) * 6.0, "hours"), ("latitude", np.linspace(90, -90, 120), "degrees"), ("longitude", np.linspace(0, 358, 180), "degrees")]
    for axis, (name, values, unit) in enumerate(scales):
        scale = f.create_dataset(f"atmosphere/{name}", data=values)
        scale.attrs["units"] = unit
        scale.make_scale(name)
        d.dims[axis].attach_scale(scale)
    events = np.zeros(20000, dtype=[("id", "i8"), ("time", "f8"), ("energy", "f4"), ("channel", "u2"), ("tag", "S8")])
    events["id"], events["time"] = np.arange(20000), np.sort(rng.uniform(0, 3600, 20000))
    events["energy"], events["channel"] = rng.gamma(2, 30, 20000), rng.integers(0, 64, 20000)
    events["tag"] = np.array([b"signal", b"noise", b"veto"])[rng.integers(0, 3, 20000)]
    f.create_dataset("events", data=events, chunks=(2000,), compression="gzip")
    place = np.linspace(0, 100, 4000)
    spectrum = 1000 * np.exp(-((place - 40) ** 2) / 30) + 400 * np.exp(-((place - 62) ** 2) / 6) + rng.poisson(20, 4000)
    f["detector/spectrum"] = spectrum.astype("f4")
    f["detector/spectrum"].attrs["units"] = "counts"
    f["detector/phase"] = np.exp(1j * (x / 20 + y / 35)) * (1 + np.sin(x / 50))
    f.attrs["title"], f.attrs["run"] = "Sample run", 42


# Large, odd, hostile -------------------------------------------------------------------------------------------------


@file("many", libver="latest")
def many(f):
    f["one"] = 1
    g = f.create_group("group")
    for i in range(100_000):
        g.id.links.create_hard(b"d%06d" % i, f.id, b"one")


@file("huge")
def huge(f):
    d = f.create_dataset("sparse", (500_000, 50_000), dtype="f4", chunks=(500, 500), compression="gzip")
    d[0:500, 0:500] = numbers(500, 500)
    d[250_000:250_500, 25_000:25_500] = 9
    f.create_dataset("long", (10_000_000_000,), dtype="i2", chunks=(100_000,))[5] = 5
    f.create_dataset("widest", (1000, 2**33), dtype="i4", chunks=(100, 1000))[0, 0:9] = 7


@file("giant")
def giant(f):
    """100 GB by its size, of which almost nothing is on disk."""
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    create.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    d = h5py.h5d.create(f.id, b"field", h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple((125_000, 100_000)), create)
    h5py.Dataset(d)[62_500, 50_000:50_004] = [1, 2, 3, 4]
    for i in range(50):
        f[f"group/d{i}"] = i


@file("hostile")
def hostile(f):
    f["<script>window.hacked=1"] = numbers(3)
    f['<img src=x onerror="window.hacked=2">'] = numbers(3)
    f.create_dataset("values", data=["<b>bold</b>", "<script>window.hacked=3</script>", "javascript:window.hacked=4"], dtype=h5py.string_dtype())
    f.attrs["<svg onload=window.hacked=5>"] = "<iframe src='javascript:parent.hacked=6'></iframe>"
    f["a b%20c#d?e=f&g"] = numbers(2)
    f["quote'\"\\`${window.hacked=7}"] = numbers(2)
    f["right\u202eto left"] = 1
    f["line\nbreak\ttab"] = 1
    f["x" * 900] = 1
    f["__proto__"] = 1
    f["constructor/toString"] = 1


@maker
def damaged(folder):
    """One of three groups has a broken header, one dataset a broken chunk; the rest is whole."""
    path = folder / "damaged.h5"
    with h5py.File(path, "w", libver="latest") as f:
        for name in ["whole", "broken", "also whole"]:
            f[f"{name}/x"] = numbers(4)
        d = f.create_dataset("checked", data=np.arange(4000), chunks=(1000,), fletcher32=True)
        chunk = d.id.get_chunk_info(1)
        header = h5py.h5o.get_info(f["broken"].id).addr if hasattr(h5py.h5o.get_info(f["broken"].id), "addr") else None
    raw = bytearray(path.read_bytes())
    raw[chunk.byte_offset + 10] ^= 0xFF
    if header is not None:
        raw[header + 12] ^= 0xFF
    path.write_bytes(raw)
    return path


def describe(path):
    """Objects by path, the first element as text; `None` where no text is compared."""
    objects = {}
    with h5py.File(path, "r") as f:

        def visit(name, item):
            entry = {"kind": "dataset" if isinstance(item, h5py.Dataset) else "group" if isinstance(item, h5py.Group) else "datatype"}
            if isinstance(item, h5py.Dataset):
                entry["shape"] = None if item.shape is None else list(item.shape)
                entry["first"] = first_text(item)
                create = item.id.get_create_plist()
                entry["filters"] = [create.get_filter(i)[0] for i in range(create.get_nfilters())]
            objects[f"/{name}"] = entry

        f.visititems(visit)
    return objects


def first_text(d):
    if d.shape is None or 0 in d.shape:
        return None
    try:
        value = d[(0,) * len(d.shape)]
    except OSError:
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if h5py.check_enum_dtype(d.dtype) or d.dtype.kind not in "iufSO":
        return None
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if np.isfinite(value) and value == int(value) else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {}
    for make in MAKERS:
        path = make(folder)
        # Visited by stories of their own.
        if path.name == "fam0.h5":
            continue
        if path.name in ("damaged.h5", "leads_on.h5", "giant.h5"):
            manifest[path.name] = {}
            continue
        manifest[path.name] = describe(path)
        if path.name.startswith("filter_"):
            name = path.stem.removeprefix("filter_")
            np.save(folder / f"{path.stem}.npy", CODED[name] if name in CODED else h5py.File(path)[name][()])
    for fixture in ["structures/old.h5", "structures/new.h5"]:
        source = FIXTURES / fixture
        target = folder / f"fixture_{source.name}"
        target.write_bytes(source.read_bytes())
        manifest[target.name] = describe(target)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    print(f"{len(manifest)} files, {sum(map(len, manifest.values()))} objects")


if __name__ == "__main__":
    main()
