"""Reads with h5py and h5dump what tests/interop_objects.rs wrote, and edits copies of it with h5py.

usage: read_objects.py FOLDER (that has a folder for each bound)
"""

import os
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np

# Newer than h5dump 1.10.
NEWER = {"new_references", "every_class"}


def h5dump(path):
    done = subprocess.run(["h5dump", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=path.parent)
    assert done.returncode == 0 and not done.stderr, f"h5dump {path}: {done.returncode} {done.stderr[:2000]}"


def cycles(file):
    assert file["a/b/c/top/a/self/self/b"] == file["a/b"]
    assert file["x/y/x/y/x/data"][()].tolist() == [1, 2, 3]
    assert file["y/19"] == file["a"]
    # Own link, the one in itself, and the twenty of y.
    assert h5py.h5o.get_info(file["a"].id).rc >= 22
    assert h5py.h5o.get_info(file.id).rc >= 1


SELECTED = [[41, 44, 47, 61, 64, 67, 81, 84, 87], [199, 0, 64], [23, 24, 43, 44, 143, 144]]


def references(file):
    objects = file["objects"][()]
    assert file[objects[0]].name == "/group" and file[objects[1]][()].tolist() == [1.5, 2.5]
    assert file[objects[2]] == file["/"] and not objects[3]
    chunks = file["chunks"][()]
    assert file[chunks[1]] == file["group/deep/later"] and file[chunks[2]] == file["/"]
    assert file[file["group"].attrs["to"]] == file["group/deep/later"]
    regions = file["regions"][()]
    grid = file["grid"]
    for region, wanted in zip(regions, SELECTED):
        assert file[region] == grid
        assert np.ravel(grid[region]).tolist() == wanted, grid[region]
    assert h5py.h5r.get_region(regions[3], file.id).get_select_npoints() == 200
    assert h5py.h5r.get_region(regions[4], file.id).get_select_npoints() == 0
    assert not regions[5]
    entry = file["entries"][1]
    assert entry["number"] == 7 and file[entry["object"]] == grid
    assert file[entry["pair"][0]] == file["group"] and not entry["pair"][1]
    assert [file[r].name for r in entry["list"]] == ["/", "/group/deep/later", "/group"]
    assert file[file.attrs["region"][0]] == grid


def new_references(file):
    """h5py knows nothing of them; what it reads of the type are bytes. libhdf5's own tools follow them in h5ls and
    h5dump of 1.12 and later, where there are any."""
    assert file["all"].id.get_type().get_size() in (18, 64)
    assert file["grid"][9, 19] == 199


def committed(file):
    named = file["types/hit"]
    assert isinstance(named, h5py.Datatype) and named.attrs["version"] == 2
    for dataset, path in ("hits", "types/hit"), ("chunked", "same type"):
        datatype = file[dataset].id.get_type()
        assert datatype.committed() and datatype == file[path].id
    assert file["types/number"] == file["same type"]
    limit = h5py.h5a.open(file["chunked"].id, b"limit")
    assert limit.get_type().committed() and file["chunked"].attrs["limit"] == 10
    first = h5py.h5a.open(file.id, b"first")
    assert first.get_type().committed()
    # Links, datasets and attributes.
    assert h5py.h5o.get_info(named.id).rc == 3
    assert h5py.h5o.get_info(file["types/number"].id).rc == 5
    hit = file["hits"][1]
    assert hit["time"] == 1.5 and hit["grid"].tolist() == [[1, 2], [3, 4], [5, 3]] and not hit["good"]
    assert hit["inner"]["name"] == b"n3" and [e["name"] for e in hit["list"]] == [b"n0", b"n1", b"n2"]
    assert file.attrs["first"][0]["time"] == 2.5


def edit_committed(file):
    """The datatype goes when nobody uses it any more."""
    del file["chunked"].attrs["limit"]
    file["chunked"].attrs.create("limit", 10, dtype=file["types/number"])
    file.create_dataset("one more", data=[1, 2], dtype=file["types/number"])
    del file["one more"]


CLASSES = {
    "bits": h5py.h5t.BITFIELD, "big bits": h5py.h5t.BITFIELD, "opaque": h5py.h5t.OPAQUE, "time": h5py.h5t.TIME,
    "narrow": h5py.h5t.INTEGER, "bfloat16": h5py.h5t.FLOAT, "fp8": h5py.h5t.FLOAT, "fp8 wide": h5py.h5t.FLOAT,
    "enum": h5py.h5t.ENUM, "complex": 11, "array": h5py.h5t.ARRAY, "nested": h5py.h5t.COMPOUND,
    "ascii": h5py.h5t.STRING, "utf8": h5py.h5t.STRING,
}


def every_class(file):
    for name, number in CLASSES.items():
        for dataset in file[name], file["chunked " + name]:
            datatype = dataset.id.get_type()
            assert datatype.get_class() == number, f"{name}: {datatype.get_class()}"
            size = datatype.get_size()
            data = np.zeros(2, f"V{size}")
            dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, data, datatype)
            same = h5py.h5a.open(file[name].id, b"same")
            assert same.get_type() == datatype
    assert file["narrow"].dtype == np.dtype("<i2") and file["narrow"][()].tolist() == [1, -1]
    for name in "bfloat16", "fp8", "fp8 wide":
        floats = np.zeros(2)
        file[name].id.read(h5py.h5s.ALL, h5py.h5s.ALL, floats, h5py.h5t.NATIVE_DOUBLE)
        assert floats.tolist() == [1.0, -2.0], (name, floats)
    assert file["opaque"].id.get_type().get_tag() == b"three bytes"
    for i in range(2):
        for j in range(3):
            datatype = file[f"texts {i} {j}"].id.get_type()
            assert (datatype.get_cset(), datatype.get_strpad()) == (i, j)
            assert file[f"texts {i} {j}"][()].tolist() == [b"", b"text"]
    assert file["lists of lists"].shape == (2, 1)


def nothing(file):
    null = file["null"]
    assert null.shape is None and null.dtype == np.dtype("<f8")
    assert null.attrs["empty"] == h5py.Empty(h5py.string_dtype())
    assert file.attrs["empty"] == h5py.Empty("<i2")
    assert file.attrs["no rows"].shape == (0, 3)
    assert file.attrs["cube"].tolist() == np.arange(24).reshape(2, 3, 4).tolist()


def virtual_data(file):
    assert file["both"].is_virtual and len(file["both"].virtual_sources()) == 3
    want = list(range(20)) + list(range(100, 120)) + [-1, 7, 8, 9, -1]
    assert file["both"][()].ravel().tolist() == want
    assert file["named"].shape == (12, 5) and file["named"][11, 4] == 219
    assert file["grows"][()].ravel().tolist() == list(range(200, 220))


def external_data(file):
    assert [tuple(e) for e in file["raw"].external] == [("raw_a.bin", 3, 10), ("raw_b.bin", 0, 20)]
    assert file["raw"][()].ravel().tolist() == list(range(3, 13)) + list(range(20, 40))
    assert file["grows"][()].ravel().tolist() == list(range(24, 40))


FILL = b"a fill value"


def copied(file):
    references = file["references"][()]
    lost = file[references[0]]
    assert sorted(lost) == ["circle", "inner", "text"] and lost["circle"] == lost
    assert file[references[1]] == lost["inner"] and lost["inner"][()].tolist() == [1.5, 2.5]
    assert lost["text"][()].tolist() == [b"none"] * 2 and "lost" not in file
    assert file.id.links.get_info(b"theirs").type == 187
    assert len(file["few"]) >= 4
    if file.libver[1] != "earliest" and h5py.h5g.open(file.id, b"few").get_create_plist() is not None:
        assert file["few"].get("link 3", getlink=True).path == "/nowhere"
    for name in "compact", "contiguous":
        assert file[name][()].tolist() == [FILL, b"1", FILL, FILL], name
    assert file["edge"][()].tolist() == [b"0", b"1", b"2", b"3", b"4"]
    assert file["chunked"][()].tolist() == [FILL, b"1"] + [FILL] * 5
    assert file["nothing"][()].tolist() == [FILL] * 3
    assert file["grows"][:2].tolist() == [b"0", b"1"] and all(v == FILL for v in file["grows"][2:])
    lists = [v.tolist() for v in file["lists"][()].ravel()]
    assert lists == [[1, 2, 3]] * 4 + [[7], [1, 2, 3]], lists
    assert all(file[r] == file["edge"] for r in file["leads"])
    parts = file["parts"][()]
    assert not parts[1] and all(file["edge"][r].tolist() == [b"1", b"2"] for r in (parts[0], parts[2]))


def edit_copied(file):
    """What one element holds is freed when it is overwritten; all others must have their own."""
    for name in "compact", "contiguous", "chunked", "nothing":
        for i in 0, 2:
            file[name][i] = "another"
            file[name][i] = FILL
    file["grows"].resize((9,))
    # In every chunk: libhdf5 2.0 cannot read chunks that are not there of such datasets in files that are not writable.
    for i in 3, 5, 8:
        file["grows"][i] = "another"
        file["grows"][i] = FILL
    file["lists"][0, 0] = np.arange(100, dtype="<i4")
    file["lists"][0, 0] = np.array([1, 2, 3], dtype="<i4")
    part = file["parts"][0]
    file["parts"][0] = h5py.RegionReference()
    file["parts"][0] = part


def scales(file):
    first, second = file["first"], file["second"]
    assert [s.name for s in first.dims[0].values()] == ["/y", "/other y"]
    assert first.dims[1]["x axis"] == file["x"] and first.dims[1].label == "distance" and first.dims[0].label == ""
    assert second.dims[0][0] == file["x"] and len(second.dims[1]) == 0
    for name in "x", "y", "other y":
        assert file[name].is_scale
    assert h5py.h5ds.get_scale_name(file["x"].id) == b"x axis"
    assert h5py.h5ds.is_attached(first.id, file["y"].id, 0) and not h5py.h5ds.is_attached(first.id, file["x"].id, 0)
    assert len(file["x"].attrs["REFERENCE_LIST"]) >= 2


def edit_scales(file):
    """Both sides change."""
    file["new scale"] = np.arange(3)
    file["new scale"].make_scale("new")
    file["second"].dims[1].attach_scale(file["new scale"])
    file["second"].dims[1].detach_scale(file["new scale"])
    file["first"].dims[0].detach_scale(file["other y"])
    file["first"].dims[0].attach_scale(file["other y"])


def images(file):
    assert file["indexed"].attrs["CLASS"] == b"IMAGE" and file["indexed"].attrs["IMAGE_VERSION"] == b"1.2"
    assert file[file["indexed"].attrs["PALETTE"][0]] == file["palette"]
    assert file["planes"].attrs["INTERLACE_MODE"] == b"INTERLACE_PLANE"
    assert file["table"].attrs["FIELD_0_NAME"] == b"time" and file["table"].attrs["TITLE"] == b"what was counted"


def netcdf(file):
    assert h5py.h5ds.is_scale(file["time"].id)
    try:
        import netCDF4
    except ImportError:
        print("NOT RUN: netCDF4 is not there")
        return
    with netCDF4.Dataset(file.filename) as other:
        # Edited, there are datasets without scales, for which netCDF invents dimensions.
        own = {n: len(d) for n, d in other.dimensions.items() if not n.startswith(("phony", "new"))}
        assert own == {"time": 2, "x": 3}, own
        assert other.dimensions["time"].isunlimited() and not other.dimensions["x"].isunlimited()
        data = other["temperature"]
        assert data.dimensions == ("time", "x") and data.units == "K" and data[1, 2] == 5
        assert other["group/deep"].dimensions == ("x",) and other.number == 7
        assert "time" not in other.variables and other["x"][:].tolist() == [0.5, 1.5, 2.5]
        assert "_NCProperties" not in other.ncattrs()


def edit(file):
    """Uses everything that is in the file: adds and removes attributes, links and objects, rewrites elements."""
    objects = [file]
    file.visititems(lambda _, o: objects.append(o) and None)
    for number, object in enumerate(objects):
        for i in range(12):
            object.attrs[f"added {i}"] = f"text {i}" if i % 2 else i
        del object.attrs["added 3"]
        if isinstance(object, h5py.Group) and number < 20:
            for i in range(12):
                object[f"new {i}"] = np.arange(i)
            del object["new 3"]


def edit_references(file):
    """Copies references, which h5py stores anew."""
    file["objects"][3] = file["group"].ref
    file["objects"][3] = h5py.Reference()
    file["regions"][5] = file["grid"].regionref[1:3, 2]
    file["regions"][5] = h5py.RegionReference()
    file["entries"][0] = file["entries"][1]


EDITS = {"references": edit_references, "copied": edit_copied, "committed": edit_committed, "scales": edit_scales}


def read_folder(folder, bound):
    # Raw bytes are looked for from here.
    os.chdir(folder)
    files = [p for p in sorted(folder.glob("*.h5")) if p.stem in globals()]
    assert files, f"no files in {folder}"
    for path in files:
        name = path.stem
        check, old = globals()[name], name not in NEWER and bound != "v200"
        with h5py.File(path, "r") as file:
            check(file)
        if old:
            h5dump(path)
        edited = path.with_suffix(".edited.h5")
        shutil.copy(path, edited)
        with h5py.File(edited, "r+") as file:
            edit(file)
            EDITS.get(name, lambda _: None)(file)
        with h5py.File(edited, "r") as file:
            check(file)
        if old:
            h5dump(edited)
        print(f"{bound} {path.name}: {path.stat().st_size} bytes", flush=True)


def main(folder):
    bounds = sorted(p for p in pathlib.Path(folder).resolve().iterdir() if p.is_dir())
    assert len(bounds) == 4, f"folders of bounds in {folder}: {bounds}"
    for home in bounds:
        read_folder(home, home.name)


if __name__ == "__main__":
    main(sys.argv[1])
