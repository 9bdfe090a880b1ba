"""Makes files with references of every kind, through h5py and the libhdf5 below it, and writes down where they lead.

    make_references.py FOLDER

For each file `NAME.h5` there is a `NAME.json`: a map from datasets of references, and `/@attribute`, to a list with one entry
for each element, those of sequences one behind the other: `null`, or a map with `path` and, for regions, `values` (the selected elements in libhdf5's order),
`count` and `bounds`; for attributes `name`; `file` for what is in another file.
"""
import ctypes as C
import json
import os
import sys

import h5py
import numpy as np

BOUNDS = {
    "earliest": ("earliest", "latest"), "v108": ("v108", "latest"), "v110": ("v110", "latest"),
    "v112": ("v112", "latest"), "latest": ("latest", "latest"),
}
FAR = 1 << 33


def library():
    """The libhdf5 that h5py has loaded."""
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "/libhdf5" in line and "_hl" not in line}
    return C.CDLL(paths.pop())


LIB = library()
HID = C.c_int64
LIB.H5Rcreate_object.argtypes = [HID, C.c_char_p, HID, C.c_void_p]
LIB.H5Rcreate_region.argtypes = [HID, C.c_char_p, HID, HID, C.c_void_p]
LIB.H5Rcreate_attr.argtypes = [HID, C.c_char_p, C.c_char_p, HID, C.c_void_p]
LIB.H5Rdestroy.argtypes = [C.c_void_p]
LIB.H5Dcreate2.argtypes, LIB.H5Dcreate2.restype = [HID, C.c_char_p] + [HID] * 5, HID
LIB.H5Dwrite.argtypes = [HID, HID, HID, HID, HID, C.c_void_p]
LIB.H5Dclose.argtypes = [HID]
LIB.H5Tvlen_create.argtypes, LIB.H5Tvlen_create.restype = [HID], HID


class HvlT(C.Structure):
    """A sequence in memory."""

    _fields_ = [("length", C.c_size_t), ("elements", C.c_void_p)]


def checked(result):
    if result < 0:
        raise RuntimeError("libhdf5 refused")
    return result


def selections(dataset):
    """Spaces of `dataset`, each with another kind of selection."""
    s = h5py.h5s

    def space():
        return dataset.id.get_space()

    box = space()
    box.select_hyperslab((1, 2), (1, 1), block=(3, 4))
    yield box
    steps = space()
    steps.select_hyperslab((0, 1), (3, 3), stride=(2, 3), block=(1, 2))
    yield steps
    few = space()
    few.select_hyperslab((0, 1), (2, 1), stride=(3, 1), block=(2, 2))
    yield few
    union = space()
    union.select_hyperslab((0, 0), (1, 1), block=(2, 3))
    union.select_hyperslab((1, 2), (1, 1), block=(3, 5), op=s.SELECT_OR)
    union.select_hyperslab((5, 9), (1, 1), block=(1, 1), op=s.SELECT_OR)
    yield union
    points = space()
    points.select_elements([(5, 9), (0, 0), (3, 7), (0, 0)])
    yield points
    everything = space()
    everything.select_all()
    yield everything
    nothing = space()
    nothing.select_none()
    yield nothing


def far_selections(dataset):
    """Coordinates of more than 32 bits."""
    slab = dataset.id.get_space()
    slab.select_hyperslab((FAR - 9,), (2,), stride=(4,), block=(3,))
    yield slab
    union = dataset.id.get_space()
    union.select_hyperslab((FAR - 9,), (1,), block=(2,))
    union.select_hyperslab((FAR - 5,), (1,), block=(1,), op=h5py.h5s.SELECT_OR)
    yield union
    points = dataset.id.get_space()
    points.select_elements([(FAR - 1,), (3,)])
    yield points


def region(dataset, space):
    count = space.get_select_npoints()
    entry = {"path": dataset.name, "count": count, "values": []}
    if count:
        values = np.zeros(count, "<i4")
        dataset.id.read(h5py.h5s.create_simple((count,)), space, values)
        low, high = space.get_select_bounds()
        entry.update(values=values.tolist(), bounds=[[int(a), int(b)] for a, b in zip(low, high)])
    return entry


def old_kinds(f, regions, expected):
    """The references that h5py knows."""
    objects = ["/", "/group", "/group/grid", "/far"]
    data = f.create_dataset("objects", (len(objects) + 1,), h5py.ref_dtype)
    for i, name in enumerate(objects):
        data[i] = f[name].ref
    expected["/objects"] = [{"path": name} for name in objects] + [None]

    data = f.create_dataset("regions", (len(regions) + 1,), h5py.regionref_dtype)
    references = [h5py.h5r.create(f.id, d.name.encode(), h5py.h5r.DATASET_REGION, space) for d, space in regions]
    for i, reference in enumerate(references):
        data[i] = reference
    entries = [region(d, space) for d, space in regions]
    expected["/regions"] = entries + [None]

    f.attrs.create("regions", np.array(references[:2], h5py.regionref_dtype), dtype=h5py.regionref_dtype)
    expected["/@regions"] = entries[:2]


def new_kind(f, other, regions, expected):
    """The references of HDF5 1.12, which h5py does not know."""
    objects = [b"/group", b"/group/grid"]
    count = len(objects) + len(regions) + 3
    references = (C.c_char * (64 * count))()
    places = [C.byref(references, 64 * i) for i in range(count)]
    entries = []

    def add(create, *arguments, **entry):
        checked(create(*arguments, 0, places[len(entries)]))
        entries.append(entry)

    for name in objects:
        add(LIB.H5Rcreate_object, f.id.id, name, path=name.decode())
    for dataset, space in regions:
        add(LIB.H5Rcreate_region, f.id.id, dataset.name.encode(), space.id, **region(dataset, space))
    add(LIB.H5Rcreate_attr, f.id.id, b"/group/grid", b"unit", path="/group/grid", name="unit")
    add(LIB.H5Rcreate_object, other.id.id, b"/there", path="/there", file=os.path.basename(other.filename))
    # The last one stays null.
    kind = HID.in_dll(LIB, "H5T_STD_REF_g").value
    space = h5py.h5s.create_simple((count,))
    dataset = checked(LIB.H5Dcreate2(f.id.id, b"references", kind, space.id, 0, 0, 0))
    checked(LIB.H5Dwrite(dataset, kind, 0, 0, 0, references))
    checked(LIB.H5Dclose(dataset))
    expected["/references"] = entries + [None]

    # In sequences libhdf5 says another size than they have.
    sequences = (HvlT * 2)(HvlT(5, C.addressof(references)), HvlT(count - 5, C.addressof(references) + 5 * 64))
    sequence = checked(LIB.H5Tvlen_create(kind))
    space = h5py.h5s.create_simple((2,))
    dataset = checked(LIB.H5Dcreate2(f.id.id, b"sequences", sequence, space.id, 0, 0, 0))
    checked(LIB.H5Dwrite(dataset, sequence, 0, 0, 0, sequences))
    checked(LIB.H5Dclose(dataset))
    expected["/sequences"] = entries + [None]
    for place in places[: count - 1]:
        checked(LIB.H5Rdestroy(place))


def main():
    os.chdir(sys.argv[1])
    for name, bounds in BOUNDS.items():
        expected = {}
        with h5py.File(f"other_{name}.h5", "w", libver=bounds) as other, h5py.File(f"{name}.h5", "w", libver=bounds) as f:
            other["there"] = np.arange(3, dtype="<i4")
            grid = f.create_dataset("group/grid", data=np.arange(60, dtype="<i4").reshape(6, 10))
            grid.attrs["unit"] = "kelvin"
            far = f.create_dataset("far", (FAR,), "<i4", chunks=(1 << 20,), compression=1, fillvalue=-1)
            far[FAR - 9 :] = np.arange(9)
            regions = [(grid, space) for space in selections(grid)] + [(far, space) for space in far_selections(far)]
            old_kinds(f, regions, expected)
            new_kind(f, other, regions, expected)
        with open(f"{name}.json", "w") as out:
            json.dump(expected, out)


if __name__ == "__main__":
    main()
