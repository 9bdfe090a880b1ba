"""Reads with h5py and h5dump what tests/interop_objects.rs wrote, and edits copies of it with h5py.

usage: read_objects.py FOLDER
"""

import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np

# Newer than h5dump 1.10.
NEWER = {"new_references"}


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


EDITS = {"references": edit_references}


def main(folder):
    files = [p for p in sorted(pathlib.Path(folder).glob("*.h5")) if p.stem in globals()]
    assert files, f"no files in {folder}"
    for path in files:
        check = globals()[path.stem]
        with h5py.File(path, "r") as file:
            check(file)
        if path.stem not in NEWER:
            h5dump(path)
        edited = path.with_suffix(".edited.h5")
        shutil.copy(path, edited)
        with h5py.File(edited, "r+") as file:
            edit(file)
            EDITS.get(path.stem, lambda _: None)(file)
        with h5py.File(edited, "r") as file:
            check(file)
        if path.stem not in NEWER:
            h5dump(edited)
        print(f"{path.name}: {path.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
