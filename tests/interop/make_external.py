"""Makes files that lead to other files, and writes down what libhdf5 finds when it follows them.

    make_external.py FOLDER

External links, external raw data, virtual datasets of every kind. In FOLDER each `NAME.h5` whose content is to be compared
has a `NAME.json`: a map from paths to shape, maximum shape and values (row by row), or to null where libhdf5 finds nothing.
"""
import json
import os
import sys

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

from make_files import plain

rng = np.random.default_rng(11)
BOUNDS = [("earliest", ("earliest", "v110")), ("latest", ("latest", "latest"))]


def write_expected(path, extra=()):
    """What libhdf5 reads, opened afresh."""
    found = {}

    def add(name, dataset):
        values = dataset[()]
        values = [plain(v) for v in np.asarray(values).reshape(-1)]
        found[name] = {"shape": list(dataset.shape), "max": list(dataset.maxshape), "values": values}

    with h5py.File(path, "r") as f:
        f.visititems(lambda name, o: add("/" + name, o) if isinstance(o, h5py.Dataset) else None)
        for name in extra:
            try:
                add(name, f[name])
            except (KeyError, OSError):
                found[name] = None
    with open(path[:-3] + ".json", "w") as out:
        json.dump(found, out)


def sources(folder):
    os.makedirs(f"{folder}/sub", exist_ok=True)
    for name in ("a", "b", "sub/c"):
        with h5py.File(f"{folder}/{name}.h5", "w") as f:
            f["x"] = rng.integers(-1000, 1000, (6, 8), "i4")
            f["big_endian"] = rng.integers(-1000, 1000, (6, 8)).astype(">i4")
            f["float"] = (rng.integers(-1000, 1000, 48) / 8).reshape(6, 8)
            f["line"] = np.arange(48, dtype="i4") * 7
            f["scalar"] = np.int32(77)
            f.create_dataset("chunked", data=rng.integers(0, 1000, (9, 10, 11), "i4"), chunks=(2, 4, 3), compression="gzip")
            f.create_dataset("growing", data=rng.integers(0, 1000, (5, 8), "i4"), maxshape=(None, 8), chunks=(2, 8))
            f.create_dataset("sideways", data=rng.integers(0, 1000, (8, 7), "i4"), maxshape=(8, None), chunks=(3, 3))
            f.create_dataset("text", data=["one", "", "grün", "four"] if name == "a" else ["5", "six", "", "eight"], dtype=h5py.string_dtype())
            pair = np.dtype([("n", "i2"), ("x", "f4")])
            f["pairs"] = np.array([(1, 1.5), (-2, 2.25), (3, 0.5)], pair)
            f["group/inner"] = np.arange(5, dtype="u1")
    for i in (0, 1, 2, 4):
        with h5py.File(f"{folder}/n{i}.h5", "w") as f:
            f["d"] = np.arange(12, dtype="i4").reshape(3, 4) + 100 * i


def links(folder):
    path = f"{folder}/links.h5"
    with h5py.File(path, "w") as f:
        f["own"] = np.arange(3)
        f["to_a"] = h5py.ExternalLink("a.h5", "/x")
        f["to_group"] = h5py.ExternalLink("sub/c.h5", "/group")
        f["to_root"] = h5py.ExternalLink("b.h5", "/")
        f["relative_path"] = h5py.ExternalLink("a.h5", "group/inner")
        f["missing_file"] = h5py.ExternalLink("none.h5", "/x")
        f["missing_object"] = h5py.ExternalLink("a.h5", "/none")
        f["moved"] = h5py.ExternalLink("/nowhere/at/all/a.h5", "/line")
        f["chain"] = h5py.ExternalLink("chain0.h5", "/next")
        f["loop"] = h5py.ExternalLink("loop.h5", "/back")
        f["soft"] = h5py.SoftLink("/to_root/group/inner")
        f["self"] = h5py.ExternalLink("links.h5", "/own")
    for i in range(5):
        with h5py.File(f"{folder}/chain{i}.h5", "w") as f:
            f["next"] = h5py.ExternalLink(f"chain{i + 1}.h5", "/next") if i < 4 else np.arange(4)
    with h5py.File(f"{folder}/loop.h5", "w") as f:
        f["back"] = h5py.ExternalLink("links.h5", "/loop")
    # The names in a neighbour count from where that one is.
    with h5py.File(f"{folder}/sub/d.h5", "w") as f:
        f["c"] = h5py.ExternalLink("c.h5", "/x")
        f["up"] = h5py.ExternalLink("../a.h5", "/x")
    with h5py.File(path, "a") as f:
        f["through_sub"] = h5py.ExternalLink("sub/d.h5", "/c")
        f["through_sub_up"] = h5py.ExternalLink("sub/d.h5", "/up")
    write_expected(path, ["/to_a", "/to_group/inner", "/to_root/line", "/to_root/group/inner", "/relative_path", "/missing_file",
                          "/missing_object", "/moved", "/chain", "/loop", "/soft", "/self", "/through_sub", "/through_sub_up"])


def raw(folder):
    os.chdir(folder)  # such names count from the working folder
    data = rng.integers(0, 256, 400, "u1")
    for name, piece in (("r0.bin", data[:100]), ("r1.bin", data[100:150]), ("sub/r2.bin", data[150:])):
        piece.tofile(name)
    with h5py.File("raw.h5", "w") as f:
        f.create_dataset("one", (10, 5), "<u2", external=[("r0.bin", 0, 100)])
        f.create_dataset("three", (15, 4), "<i4", external=[("r0.bin", 12, 60), ("r1.bin", 3, 40), ("sub/r2.bin", 0, 140)])
        f.create_dataset("past_the_end", (60,), ">u2", external=[("r1.bin", 20, 60), ("r0.bin", 96, 60)])
        f.create_dataset("growing", (3, 4), "u1", maxshape=(None, 4), external=[("sub/r2.bin", 5, h5f_unlimited())])
        f.create_dataset("missing", (3,), "u1", external=[("none.bin", 0, 3)])
        # A slot that begins in the middle of an element.
        f.create_dataset("odd", (5,), "<i8", external=[("r0.bin", 1, 13), ("sub/r2.bin", 2, 27)])
        del f["missing"]
        f["again"] = f["three"]
    write_expected("raw.h5")


def h5f_unlimited():
    return h5py.h5f.UNLIMITED


def space(shape, boxes=(), maximum=None):
    """A dataspace with a union of hyperslabs (start, stride, count, block) selected; all of it if there is none."""
    s = h5s.create_simple(shape, maximum) if maximum else h5s.create_simple(shape)
    for i, (start, stride, count, block) in enumerate(boxes):
        s.select_hyperslab(start, count, stride, block, h5s.SELECT_SET if i == 0 else h5s.SELECT_OR)
    return s


def create(f, name, shape, dtype, mappings, maximum=None, fill=None):
    dcpl = h5p.create(h5p.DATASET_CREATE)
    if fill is not None:
        dcpl.set_fill_value(np.array(fill, dtype))
    for virtual, file, dataset, source in mappings:
        dcpl.set_virtual(virtual, file.encode(), dataset.encode(), source)
    s = h5s.create_simple(shape, maximum) if maximum else h5s.create_simple(shape)
    h5d.create(f.id, name.encode(), h5t.py_create(np.dtype(dtype), logical=True), s, dcpl)


def random_boxes(shape, most):
    boxes = []
    for _ in range(rng.integers(1, most + 1)):
        start = [int(rng.integers(0, n)) for n in shape]
        block = [int(rng.integers(1, n - s + 1)) for n, s in zip(shape, start)]
        boxes.append((tuple(start), None, (1,) * len(shape), tuple(block)))
    return boxes


def random_mappings(f):
    """Selections of every shape, each to one of another shape with as many elements."""
    for i in range(40):
        shape = (7, 9, 10) if i % 2 else (25, 26)
        target = space(shape, random_boxes(shape, 1 + i % 4))
        if i % 5 == 0:
            stride = tuple(int(rng.integers(2, 4)) for _ in shape)
            block = tuple(int(rng.integers(1, s + 1)) for s in stride)
            count = tuple((n - b) // s + 1 for n, s, b in zip(shape, stride, block))
            target = space(shape, [((0,) * len(shape), stride, count, block)])
        n = target.get_select_npoints()
        source_shape = (9, 10, 11)
        # The first so many elements of a random union, or of everything.
        source = space(source_shape, random_boxes(source_shape, 1 + i % 3))
        if source.get_select_npoints() < n:
            source = space(source_shape, [((0, 0, 0), None, (1, 1, 1), source_shape)])
        extra = source.get_select_npoints() - n
        if extra < 0:
            continue
        # Take away whole elements from the end, row by row.
        inside = np.zeros(source_shape, bool)
        for at in selected(source, source_shape)[:n]:
            inside[tuple(at)] = True
        source = runs(inside)
        create(f, f"random/{i}", shape, "i4", [(target, "a.h5", "/chunked", source)], fill=-1)


def selected(s, shape):
    """The coordinates of all selected elements, in order."""
    inside = np.zeros(shape, bool)
    for start, end in s.get_select_hyper_blocklist():
        inside[tuple(slice(int(a), int(b) + 1) for a, b in zip(start, end))] = True
    return np.argwhere(inside)


def runs(inside):
    """A dataspace of this shape in which just these elements are selected."""
    boxes = []
    for row in np.ndindex(inside.shape[:-1]):
        line = inside[row]
        edges = np.flatnonzero(np.diff(np.concatenate(([0], line.astype(int), [0]))))
        boxes += [((*row, int(a)), None, (1,) * inside.ndim, (1,) * len(row) + (int(b - a),)) for a, b in zip(edges[::2], edges[1::2])]
    return space(inside.shape, boxes)


def virtual(folder, name, bounds):
    path = f"{folder}/virtual_{name}.h5"
    U = h5s.UNLIMITED
    with h5py.File(path, "w", libver=bounds) as f:
        f["own"] = np.arange(20, dtype="i4").reshape(4, 5)
        f.create_group("random"), f.create_group("v")
        random_mappings(f)
        # Stacked and side by side, as most are.
        for dtype in ("i4", ">i2", "f8", "u1", "f4", "i8"):
            layout = h5py.VirtualLayout((3, 6, 8), dtype)
            for i, file in enumerate(("a.h5", "b.h5", "sub/c.h5")):
                layout[i] = h5py.VirtualSource(file, "/x", (6, 8), "i4")
            f.create_virtual_dataset(f"v/stack_{np.dtype(dtype).str[0].replace('>', 'be')}{dtype[-2:]}", layout, fillvalue=3)
        for source, dtype in (("big_endian", "<i4"), ("float", "i4"), ("float", ">f4"), ("float", "f2"), ("x", "i1")):
            layout = h5py.VirtualLayout((12, 8), dtype)
            layout[:6] = h5py.VirtualSource("a.h5", source, (6, 8), "i4")
            layout[6:] = h5py.VirtualSource("b.h5", source, (6, 8), "i4")
            f.create_virtual_dataset(f"v/{source}_{np.dtype(dtype).name}", layout)
        layout = h5py.VirtualLayout((12, 16), "i4")
        layout[::2, ::2] = h5py.VirtualSource("a.h5", "x", (6, 8), "i4")
        layout[1::2, 1:15:2] = h5py.VirtualSource("b.h5", "x", (6, 8), "i4")[:, 1:]
        layout[2:4, 3:6] = h5py.VirtualSource("none.h5", "x", (6, 8), "i4")[:2, :3]
        layout[4:6, 2:4] = h5py.VirtualSource("a.h5", "none", (6, 8), "i4")[:2, :2]
        f.create_virtual_dataset("v/strided", layout, fillvalue=-9)
        layout = h5py.VirtualLayout((6, 8), "i4")
        layout[:] = h5py.VirtualSource("a.h5", "x", (6, 8), "i4")
        layout[2:4, 1:7] = h5py.VirtualSource("b.h5", "x", (6, 8), "i4")[:2, 2:]
        f.create_virtual_dataset("v/overlapping", layout)
        layout = h5py.VirtualLayout((4, 5), "i4")
        layout[:] = h5py.VirtualSource(".", "/own", (4, 5), "i4")
        f.create_virtual_dataset("v/same_file", layout)
        layout = h5py.VirtualLayout((2, 12, 16), "i4")
        layout[1] = h5py.VirtualSource(".", "/v/strided", (12, 16), "i4")
        f.create_virtual_dataset("v/nested", layout, fillvalue=5)
        layout = h5py.VirtualLayout((5, 4), "i4")
        layout[0, :] = h5py.VirtualSource(".", "/v/nested", (2, 12, 16), "i4")[1, 2:10:2, 4]
        layout[1:, 0] = h5py.VirtualSource("a.h5", "/line", (48,), "i4")[5:45:10]
        f.create_virtual_dataset("v/nested_again", layout)
        create(f, "v/reshaped", (8, 6), "i4", [(space((8, 6)), "a.h5", "/x", space((6, 8)))])
        create(f, "v/from_line", (6, 8), "i4", [(space((6, 8)), "b.h5", "/line", space((48,)))])
        create(f, "v/from_scalar", (3,), "i4", [(space((3,), [((1,), None, (1,), (1,))]), "b.h5", "/scalar", h5s.create(h5s.SCALAR))], fill=1)
        create(f, "v/no_sources", (3, 4), "f4", [(space((3, 4)), "none.h5", "/x", space((3, 4)))], fill=2.5)
        create(f, "v/external_link", (4,), "i4", [(space((4,)), "chain0.h5", "/next", space((4,)))])
        layout = h5py.VirtualLayout((3, 4), h5py.string_dtype())
        layout[0] = h5py.VirtualSource("a.h5", "text", (4,), h5py.string_dtype())
        layout[2] = h5py.VirtualSource("b.h5", "text", (4,), h5py.string_dtype())
        f.create_virtual_dataset("v/text", layout)
        layout = h5py.VirtualLayout((2, 3, 4), h5py.string_dtype())
        layout[1] = h5py.VirtualSource(".", "v/text", (3, 4), h5py.string_dtype())
        f.create_virtual_dataset("v/text_nested", layout)
        pair = np.dtype([("x", "f8"), ("n", ">i4")])
        layout = h5py.VirtualLayout((7,), pair)
        layout[1:4] = h5py.VirtualSource("a.h5", "pairs", (3,), pair)
        layout[4:] = h5py.VirtualSource("b.h5", "pairs", (3,), pair)
        f.create_virtual_dataset("v/pairs", layout)
        # Numbered sources.
        block = lambda shape, start, stride, block, maximum: space(shape, [(start, stride, (U, 1) if start[1:] else (U,), block)], maximum)
        create(f, "v/numbered", (0, 4), "i4", [(block((0, 4), (0, 0), (3, 1), (3, 4), (U, 4)), "n%b.h5", "/d", space((3, 4)))], (U, 4))
        create(f, "v/numbered_gaps", (1, 4), "i4", [(block((1, 4), (1, 0), (5, 1), (3, 4), (U, 4)), "n%b.h5", "/d", space((3, 4)))], (U, 4), -3)
        for i in range(3):
            f[f"d{i}_%"] = np.arange(4, dtype="i4") * (i + 1)
        create(f, "v/numbered_datasets", (0, 4), "i4", [(block((0, 4), (0, 0), (1, 1), (1, 4), (U, 4)), ".", "/d%b_%%", space((4,)))], (U, 4))
        # Growing sources.
        grow = lambda shape, rest, maximum, start=(0, 0), stride=(1, 1): space(shape, [(start, stride, (U, 1), (1, rest))], maximum)
        create(f, "v/growing", (0, 8), "i4", [(grow((0, 8), 8, (U, 8)), "a.h5", "/growing", grow((5, 8), 8, (U, 8)))], (U, 8))
        two = [(grow((0, 8), 8, (U, 8), (i, 0), (2, 1)), file, "/growing", grow((5, 8), 8, (U, 8), (i, 0))) for i, file in enumerate(("a.h5", "b.h5"))]
        create(f, "v/interleaved", (0, 8), "i4", two, (U, 8), -4)
        create(f, "v/growing_missing", (7, 8), "i4", [(grow((7, 8), 8, (U, 8)), "none.h5", "/growing", grow((5, 8), 8, (U, 8)))], (U, 8))
        least = (space((9, 8), [((8, 0), None, (1, 1), (1, 8))], (U, 8)), "a.h5", "/x", space((6, 8), [((2, 0), None, (1, 1), (1, 8))]))
        create(f, "v/growing_least", (9, 8), "i4", [(grow((9, 8), 8, (U, 8)), "a.h5", "/growing", grow((5, 8), 8, (U, 8))), least], (U, 8), 6)
        turned = space((8, 7), [((0, 0), (1, 1), (1, U), (8, 1))], (8, U))
        create(f, "v/turned", (0, 8), "i4", [(grow((0, 8), 8, (U, 8)), "a.h5", "/sideways", turned)], (U, 8))
        stepped = space((5, 8), [((1, 2), (2, 1), (U, 1), (1, 4))], (U, 8))
        create(f, "v/stepped", (0, 4), "i4", [(grow((0, 4), 4, (U, 4)), "b.h5", "/growing", stepped)], (U, 4))
        endless = space((0, 8), [((2, 0), (1, 1), (1, 1), (U, 8))], (U, 8))
        create(f, "v/endless_block", (0, 8), "i4", [(endless, "b.h5", "/growing", space((5, 8), [((0, 0), (1, 1), (1, 1), (U, 8))], (U, 8)))], (U, 8), 1)
    write_expected(path)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    folder = os.path.abspath(folder)
    sources(folder)
    links(folder)
    raw(folder)
    for name, bounds in BOUNDS:
        virtual(folder, name, bounds)


if __name__ == "__main__":
    main(sys.argv[1])
