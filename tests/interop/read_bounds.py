"""Looks with libhdf5 at files that tests/interop_bounds.rs wrote, goes on writing to them, and looks again.

usage: read_bounds.py FOLDER

Beside each NAME.h5 stands NAME.json: what libhdf5 must say of the file and of the objects in it.
"""

import json
import pathlib
import subprocess
import sys

import h5py
import numpy as np


def names_in_order(group):
    """Names of links by creation order; None where that is not tracked."""
    tracked = group.id.get_create_plist().get_link_creation_order() & h5py.h5p.CRT_ORDER_TRACKED
    if not tracked:
        return None
    names = []
    group.id.links.iterate(names.append, idx_type=h5py.h5.INDEX_CRT_ORDER)
    return [n.decode() for n in names]


def attributes_in_order(object):
    if not object.id.get_create_plist().get_attr_creation_order() & h5py.h5p.CRT_ORDER_TRACKED:
        return None
    names = []
    h5py.h5a.iterate(object.id, names.append, index_type=h5py.h5.INDEX_CRT_ORDER)
    return [n.decode() for n in names]


def look(object):
    """What libhdf5 says of an object."""
    info = h5py.h5o.get_info(object.id)
    seen = {"attributes": attributes_in_order(object), "header": info.hdr.version, "links_here": info.rc}
    if isinstance(object, h5py.Group):
        seen["storage"] = h5py.h5g.get_info(object.id).storage_type
        seen["links"] = names_in_order(object)
        seen["count"] = len(object)
    seen["time"] = info.mtime
    return seen


def check(path, wants, grown=0):
    with h5py.File(path, "r") as file:
        for name, want in wants["objects"].items():
            seen = look(file[name])
            for key, value in want.items():
                got = seen[key]
                if grown and key in ("links", "attributes") and value is not None:
                    assert got[: len(value)] == value and len(got) == len(value) + grown, f"{path} {name} {key}: {got}"
                elif grown and key in ("storage", "time", "count"):
                    pass
                else:
                    assert got == value, f"{path} {name}: {key} is {str(got)[:300]}, wanted {str(value)[:300]}"
        for name, values in wants.get("values", {}).items():
            assert file[name][()].tolist() == values, f"{path} {name}: {file[name][()]}"
        assert file.userblock_size == wants.get("user_block", 0)
        version = file.id.get_create_plist().get_version()[0]
        assert version == wants["superblock"], f"{path}: superblock {version}"


def edit(path, wants, grown):
    """Adds to every object as much as is asked for."""
    with h5py.File(path, "r+") as file:
        for name in wants["objects"]:
            object = file[name]
            for i in range(grown):
                object.attrs[f"later {i}"] = i
                if isinstance(object, h5py.Group):
                    object[f"later {i}"] = np.arange(i)


def h5dump(path):
    done = subprocess.run(["h5dump", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert done.returncode == 0 and not done.stderr, f"h5dump {path}: {done.returncode} {done.stderr[:2000]}"


def main(folder):
    files = sorted(pathlib.Path(folder).glob("*.h5"))
    assert files, f"no files in {folder}"
    for path in files:
        wants = json.loads(path.with_suffix(".json").read_text())
        check(path, wants)
        h5dump(path)
        for grown in wants.get("edit", []):
            edit(path, wants, grown)
            check(path, wants, grown)
            h5dump(path)
        print(f"{path.name}: {len(wants['objects'])} objects, {path.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
