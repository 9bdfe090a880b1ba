"""Opens with libhdf5 what a program leaves that was stopped while it edited a file: all must be there that was there before.

usage: stopped.py FOLDER

For each NAME.state.h5 there is NAME.before.h5, which it was, and NAME.after.h5, which it was to become.
"""

import pathlib
import sys

import h5py
import numpy as np


def plain(value):
    if isinstance(value, np.ndarray):
        return (value.shape, str(value.dtype), [str(v) for v in value.ravel()[:1000]])
    return repr(value)


def content(path):
    found = {}

    def visit(group, where):
        for name, value in group.attrs.items():
            found[where, "@" + name] = plain(value)
        if isinstance(group, h5py.Dataset):
            found[where, "shape"] = group.shape
            found[where, "elements"] = plain(group[()])
        if isinstance(group, h5py.Group):
            for name in group:
                link = group.get(name, getlink=True)
                found[f"{where}/{name}", "link"] = type(link).__name__
                if isinstance(link, h5py.HardLink):
                    visit(group[name], f"{where}/{name}")

    with h5py.File(path, "r") as f:
        visit(f, "")
    return found


count = 0
for state in sorted(pathlib.Path(sys.argv[1]).glob("*.state.h5")):
    stem = str(state)[: -len(".state.h5")]
    before, now, after = (content(path) for path in (stem + ".before.h5", state, stem + ".after.h5"))
    for key, value in before.items():
        assert key in now or key not in after, (stem, key, "is gone")
        assert key not in now or now[key] in (value, after.get(key)), (stem, key, now[key])
    for key, value in now.items():
        assert value in (before.get(key), after.get(key)), (stem, key, value)
    count += 1
assert count > 50
print(count, "states are read by libhdf5")
