"""Small files for the fuzzers: each form of the format in one or two objects, in as few bytes as libhdf5 can be brought to use.

`files(FOLDER)` makes them; `seed.py` is the program.
"""
import os
import sys

import h5py
import hdf5plugin
import numpy as np
from h5py import h5d, h5p, h5s, h5t

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "matrix"))
from matrix.native import h5  # noqa: E402  libhdf5 itself, for what h5py has no call for

NUMBERS = np.arange(24, dtype="<i4").reshape(6, 4)


# --- files: each makes one or two objects ---------------------------------------------------------------------------


def low_level(f, name, shape, kind="<i4", maximum=None, **settings):
    """A dataset whose creation properties are set by the names of the low-level interface."""
    dcpl = h5p.create(h5p.DATASET_CREATE)
    for call, arguments in settings.items():
        getattr(dcpl, call)(*arguments)
    kind = kind if isinstance(kind, h5t.TypeID) else h5t.py_create(np.dtype(kind))
    space = h5s.create_simple(shape, maximum) if shape is not None else h5s.create(h5s.NULL)
    return h5d.create(f.id, name.encode(), kind, space, dcpl)


def write(dataset, values):
    dataset.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values))


def compact(f):
    write(low_level(f, "a", (6, 4), set_layout=(h5d.COMPACT,)), NUMBERS)


def contiguous(f):
    f.create_dataset("a", data=NUMBERS.astype(">i2"), fillvalue=3)
    f.create_dataset("never", (3, 3), "f8", fillvalue=2.5)


def scalar_and_empty(f):
    f["a"] = 4.5
    f["b"] = h5py.Empty("f4")
    f.create_dataset("zero", (0, 4), "i2", maxshape=(None, 4))


def raw_files(f):
    f.create_dataset("a", (6, 4), "i4", external=[("one.raw", 8, 40), ("two.raw", 0, h5py.h5f.UNLIMITED)])


def single_chunk(f):
    f.create_dataset("a", data=NUMBERS, chunks=(6, 4), compression=3)
    f.create_dataset("b", data=NUMBERS, chunks=(6, 4))


def implicit_index(f):
    write(low_level(f, "a", (6, 4), set_chunk=((4, 3),), set_alloc_time=(h5d.ALLOC_TIME_EARLY,)), NUMBERS)


def fixed_array(f):
    f.create_dataset("a", data=NUMBERS, chunks=(2, 3))
    f.create_dataset("b", data=NUMBERS, chunks=(2, 3), shuffle=True, compression=1)


def extensible_array(f):
    f.create_dataset("a", data=NUMBERS, chunks=(2, 4), maxshape=(None, 4))
    f.create_dataset("b", data=np.arange(60, dtype="u1"), chunks=(1,), maxshape=(None,))


def extensible_filtered(f):
    f.create_dataset("b", data=np.arange(40, dtype="u1"), chunks=(2,), maxshape=(None,), fletcher32=True)


def tree_of_chunks(f):
    f.create_dataset("a", data=NUMBERS, chunks=(2, 3), maxshape=(None, None))


def tree_of_filtered_chunks(f):
    f.create_dataset("a", data=NUMBERS, chunks=(2, 3), maxshape=(None, None), compression=1, fletcher32=True)


def unwritten_chunks(f):
    f.create_dataset("a", (6, 4), "i4", chunks=(2, 2), fillvalue=7)[:2, :2] = 1


def filter_masks(f):
    d = f.create_dataset("a", (8,), "i4", chunks=(4,), shuffle=True, compression=1)
    d.id.write_direct_chunk((4,), NUMBERS[0].tobytes(), 3)


def edge_chunks(f):
    dcpl = h5p.create(h5p.DATASET_CREATE)
    dcpl.set_chunk((4, 2))
    dcpl.set_deflate(4)
    h5.H5Pset_chunk_opts(dcpl.id, 2)
    write(h5d.create(f.id, b"a", h5t.STD_I32LE, h5s.create_simple((5, 3)), dcpl), np.arange(15, dtype="<i4").reshape(5, 3))


def offset_filters(f):
    write(low_level(f, "a", (24,), set_chunk=((8,),), set_scaleoffset=(h5py.h5z.SO_INT, 0)), NUMBERS.ravel())
    write(low_level(f, "b", (24,), "<f4", set_chunk=((8,),), set_scaleoffset=(h5py.h5z.SO_FLOAT_DSCALE, 2)), NUMBERS.ravel() / np.float32(8))


def szip(f):
    write(low_level(f, "a", (64,), "<u2", set_chunk=((32,),), set_szip=(32, 8)), np.arange(64, dtype="<u2") // 3)


def nbit(f):
    kind = h5t.STD_I32LE.copy()
    kind.set_precision(12)
    kind.set_offset(4)
    d = low_level(f, "a", (24,), kind, set_chunk=((8,),), set_filter=(5, 1, (0,)))
    d.write(h5s.ALL, h5s.ALL, NUMBERS.ravel(), h5t.STD_I32LE)


def plugin(**keywords):
    def make(f):
        f.create_dataset("a", data=np.arange(96, dtype="<f4").reshape(12, 8) / 4, chunks=(6, 8), **keywords)

    return make


def symbols(f):
    for name in ("one", "two", "three"):
        f.create_group(name)["x"] = h5py.SoftLink("/one")


def compact_links(f):
    f["group/here"] = 1
    f["soft"] = h5py.SoftLink("group/here")
    f["other"] = h5py.ExternalLink("other.h5", "/x")
    f["again"] = f["group"]
    f["group/cycle"] = f["group"]


def dense_links(f):
    g = f.create_group("g", track_order=True)
    for i in range(12):
        g[f"link {i}"] = h5py.SoftLink("/g/link 0") if i % 2 else h5py.ExternalLink("a", "b")


def ordered(f):
    gcpl = h5p.create(h5p.GROUP_CREATE)
    gcpl.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
    gcpl.set_attr_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
    g = h5py.Group(h5py.h5g.create(f.id, b"g", gcpl=gcpl))
    for i in range(3):
        g.attrs[f"a{i}"] = i
        g[f"l{i}"] = h5py.SoftLink("/")


def attributes(f):
    f.attrs["text"] = "words"
    f.attrs["list"] = ["one", "", "three"]
    f.attrs["numbers"] = NUMBERS[:2]
    f.attrs["nothing"] = h5py.Empty("i2")
    f.attrs["fixed"] = np.array([b"ab", b"c"], "S3")


def dense_attributes(f):
    for i in range(11):
        f.attrs[f"attribute {i}"] = i


def huge_attribute(f):
    f.attrs["huge"] = np.arange(1100, dtype="<i4")
    for i in range(9):
        f.attrs[f"a{i}"] = i


def compound(f):
    kind = np.dtype({"names": ["a", "b", "c"], "formats": ["<f4", "S3", ("<i2", (2,))], "offsets": [2, 8, 12], "itemsize": 20})
    f["a"] = np.ones(3, kind)


def nested_compound(f):
    inner = np.dtype([("x", ">f8"), ("e", h5py.enum_dtype({"red": 1, "green": -2}, "i1"))])
    f.create_dataset("a", (2,), np.dtype([("s", h5py.string_dtype()), ("i", inner, (2, 2))]))


def enumerations(f):
    f["truth"] = np.array([True, False])
    f.create_dataset("e", data=np.array([1, 2, 9], "<u2"), dtype=h5py.enum_dtype({"A": 1, "B": 2}, "<u2"))


def sequences(f):
    d = f.create_dataset("a", (3,), h5py.vlen_dtype("<i2"))
    d[0], d[2] = [1, 2, 3], [4]


def nested_sequences(f):
    d = low_level(f, "a", (2,), h5t.vlen_create(h5t.vlen_create(h5t.STD_U8LE)))
    del d
    f.create_dataset("b", data=np.array(["one", "two", ""], dtype=h5py.string_dtype()), chunks=(2,))


def strings(f):
    f["a"] = np.array([b"null\0", b"padded"], "S6")
    kind = h5t.C_S1.copy()
    kind.set_size(5)
    kind.set_strpad(h5t.STR_SPACEPAD)
    low_level(f, "b", (2,), kind).write(h5s.ALL, h5s.ALL, np.array([b"a", b"bcd"], "S5"), kind)
    f.create_dataset("c", data=[x.encode() for x in ("é", "日本")], dtype=h5py.string_dtype("utf-8", 7))


def odd_numbers(f):
    for name, kind in [("half", h5t.IEEE_F16LE), ("opaque", None), ("bits", h5t.STD_B16BE), ("time", h5t.UNIX_D32LE)]:
        if kind is None:
            kind = h5t.create(h5t.OPAQUE, 5)
            kind.set_tag(b"tag")
        low_level(f, name, (3,), kind).write(h5s.ALL, h5s.ALL, np.arange(15, dtype="u1"), kind)
    f["x87"] = np.array([1.5, -2], np.longdouble)


def complex_numbers(f):
    f["a"] = np.array([1 + 2j, 3], "<c8")
    native = getattr(h5t, "COMPLEX_IEEE_F32LE", None)
    if native is not None:
        low_level(f, "b", (2,), native)


def references(f):
    f["a"] = NUMBERS
    f.create_dataset("o", data=[f["a"].ref, f.ref], dtype=h5py.ref_dtype)
    f.create_dataset("r", data=[f["a"].regionref[1:3, ::2]], dtype=h5py.regionref_dtype)


def committed(f):
    f["type"] = np.dtype([("x", "<f8"), ("y", "<i2")])
    f.create_dataset("a", (2,), f["type"])
    f.attrs.create("of it", np.zeros((), f["type"].dtype), dtype=f["type"])


def virtual_blocks(f):
    f["s"] = np.arange(4, dtype="<i4")
    layout = h5py.VirtualLayout((3, 4), "<i4")
    layout[0] = h5py.VirtualSource(".", "s", (4,))
    layout[2, 1:] = h5py.VirtualSource("nowhere.h5", "s", (4,))[:3]
    f.create_virtual_dataset("v", layout, fillvalue=9)


def virtual_endless(f):
    f.create_dataset("s-0", data=np.arange(4, dtype="<i4"))
    dcpl = h5p.create(h5p.DATASET_CREATE)
    space = h5s.create_simple((4,), (h5s.UNLIMITED,))
    space.select_hyperslab((0,), (h5s.UNLIMITED,), (4,), (4,))
    dcpl.set_virtual(space, b".", b"s-%b", h5s.create_simple((4,)))
    h5d.create(f.id, b"v", h5t.STD_I32LE, space, dcpl)


def comments(f):
    f["a"] = 1
    h5py.h5o.set_comment(f["a"].id, b"a comment")
    g = f.create_group("timed")
    g.attrs["x"] = 1


def shared(f):
    for name in "abc":
        f.create_dataset(name, (3, 3), "<i4").attrs["same"] = np.arange(9)


def deleted(f):
    """What a file has beside its objects: lists of free space."""
    f["a"], f["b"] = NUMBERS, NUMBERS
    del f["a"]


OBJECTS = [
    compact, contiguous, scalar_and_empty, raw_files, single_chunk, implicit_index, fixed_array, extensible_array,
    extensible_filtered, tree_of_chunks, tree_of_filtered_chunks, unwritten_chunks, filter_masks, edge_chunks, offset_filters,
    szip, nbit, symbols, compact_links, dense_links, ordered, attributes, dense_attributes, huge_attribute, compound,
    nested_compound, enumerations, sequences, nested_sequences, strings, odd_numbers, complex_numbers, references, committed,
    virtual_blocks, virtual_endless, comments,
]  # fmt: skip

PLUGINS = {
    "lzf": {"compression": "lzf"},
    "blosc": hdf5plugin.Blosc(),
    "blosc_zstd": hdf5plugin.Blosc(cname="zstd", shuffle=2),
    "blosc_blosclz": hdf5plugin.Blosc(cname="blosclz"),
    "blosc_zlib": hdf5plugin.Blosc(cname="zlib", shuffle=0),
    "blosc2": hdf5plugin.Blosc2(),
    "blosc2_delta": hdf5plugin.Blosc2(cname="lz4", filters=hdf5plugin.Blosc2.DELTA),
    "bitshuffle": hdf5plugin.Bitshuffle(),
    "bitshuffle_zstd": hdf5plugin.Bitshuffle(cname="zstd"),
    "lz4": hdf5plugin.LZ4(),
    "zstd": hdf5plugin.Zstd(),
    "bzip2": hdf5plugin.BZip2(),
    "zfp_rate": hdf5plugin.Zfp(rate=10),
    "zfp_reversible": hdf5plugin.Zfp(reversible=True),
    "zfp_accuracy": hdf5plugin.Zfp(accuracy=0.1),
}

EARLIEST, V18, V110, LATEST = (getattr(h5py.h5f, "LIBVER_" + name) for name in ("EARLIEST", "V18", "V110", "LATEST"))
BOUNDS = {"earliest": (EARLIEST, V18), "v108": (V18, V18), "v110": (V110, V110), "latest": (LATEST, LATEST)}


def new_file(path, bounds, shape=lambda fcpl, fapl: None):
    fapl, fcpl = h5p.create(h5p.FILE_ACCESS), h5p.create(h5p.FILE_CREATE)
    fapl.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    fapl.set_libver_bounds(*bounds)
    h5.H5Pset_meta_block_size(fapl.id, 512)
    if bounds[0] == h5py.h5f.LIBVER_EARLIEST:
        h5.H5Pset_sym_k(fcpl.id, 2, 2)
    shape(fcpl, fapl)
    return h5py.File(h5py.h5f.create(path.encode(), h5py.h5f.ACC_TRUNC, fcpl=fcpl, fapl=fapl))


def widths(offset, length):
    return lambda fcpl, fapl: fcpl.set_sizes(offset, length)


def user_block(fcpl, fapl):
    fcpl.set_userblock(512)


def pages(fcpl, fapl):
    fcpl.set_file_space_strategy(h5py.h5f.FSPACE_STRATEGY_PAGE, True, 1)
    fcpl.set_file_space_page_size(512)


def free_space(fcpl, fapl):
    fcpl.set_file_space_strategy(h5py.h5f.FSPACE_STRATEGY_FSM_AGGR, True, 1)


def shared_messages(fcpl, fapl):
    h5.H5Pset_shared_mesg_nindexes(fcpl.id, 2)
    h5.H5Pset_shared_mesg_index(fcpl.id, 0, 1 | 2 | 4, 10)  # dataspaces, datatypes, fill values
    h5.H5Pset_shared_mesg_index(fcpl.id, 1, 16, 10)  # attributes


def shared_in_a_tree(fcpl, fapl):
    shared_messages(fcpl, fapl)
    h5.H5Pset_shared_mesg_phase_change(fcpl.id, 0, 0)


FRAMES = [
    ("narrow", "latest", widths(4, 4), compact_links), ("narrowest", "latest", widths(2, 2), contiguous),
    ("narrow_old", "earliest", widths(4, 4), symbols), ("block", "latest", user_block, attributes),
    ("block_old", "earliest", user_block, sequences), ("pages", "latest", pages, deleted),
    ("free", "v110", free_space, deleted), ("shared", "latest", shared_messages, shared),
    ("shared_old", "v108", shared_messages, shared), ("shared_tree", "latest", shared_in_a_tree, shared),
]  # fmt: skip


def files(folder):
    made = 0
    for bounds, versions in BOUNDS.items():
        for make in OBJECTS + [plugin(**given) for given in PLUGINS.values()] * (bounds == "latest"):
            made += attempt(folder, f"{bounds}_{made:03}_{make.__name__}", versions, make)
    for name, bounds, shape, make in FRAMES:
        made += attempt(folder, name, BOUNDS[bounds], make, shape)
    return made


def attempt(folder, name, versions, make, shape=lambda fcpl, fapl: None):
    path = os.path.join(folder, name + ".h5")
    try:
        with new_file(path, versions, shape) as f:
            make(f)
    except Exception as e:
        print(f"not made: {name}: {type(e).__name__}: {e}", file=sys.stderr)
        return 0
    return 1
