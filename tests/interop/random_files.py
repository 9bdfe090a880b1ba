"""Lets libhdf5 say what is in files that tests/round_trip.rs made at random, go on with them, and lets us read that.

    random_files.py PROGRAM FOLDER

Of each NAME-BOUND.h5 the digest that libhdf5 has must be ours, as it is, repacked under its bound, and after h5py has
reopened both, inside the bound, to change them: attributes and links added and removed, datasets extended and overwritten.
`PROGRAM check` must find nothing each time.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

import h5py
import hdf5plugin  # noqa: F401  its filters
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
MATRIX = HERE.parent.parent / "fixtures" / "matrix"
sys.path.insert(0, str(MATRIX))
from check import differences  # noqa: E402


def run(*command, cwd):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, cwd=cwd)


def same(program, folder, names):
    """What libhdf5 and we say of some files differs in nothing, and `check` has nothing to say."""
    told = run(sys.executable, MATRIX / "oracle.py", *names, cwd=folder)
    theirs = {e["file"]: e["records"] for e in map(json.loads, told.stdout.splitlines())}
    for name in names:
        records = theirs.get(name, [])
        assert records and "path" in records[0], f"libhdf5 on {name}: {records[:1]} {told.stderr[-500:]}"
        ours = run(program, "digest", "--json", name, cwd=folder)
        assert ours.returncode == 0, f"{name}: {ours.stderr}"
        differ = differences(records, [json.loads(line) for line in ours.stdout.splitlines()])
        assert not differ, f"{name}: {differ[:5]}"
        checked = run(program, "check", name, cwd=folder)
        assert checked.returncode == 0, f"{name}: {checked.stdout} {checked.stderr}"


def go_on(path, bound):
    """Changes everything that is there, in the form of the file's bound."""
    low = {"v18": "v108", "v200": "latest"}.get(bound, bound)
    with h5py.File(path, "r+", libver=(low, "v108" if low == "earliest" else low)) as f:
        found = [f]
        f.visititems(lambda _, o: found.append(o) and None)
        for number, object in enumerate(found):
            for i in range(10):
                object.attrs[f"theirs {i}"] = f"text {i}" if i % 2 else np.arange(i + 1)
            del object.attrs["theirs 4"]
            if isinstance(object, h5py.Group):
                for i in range(10):
                    object[f"theirs {i}"] = np.arange(number + i)
                object["soft"] = h5py.SoftLink("/theirs 1")
                del object["theirs 3"]
            elif isinstance(object, h5py.Dataset) and object.shape:
                extend(object)


def extend(dataset):
    """Lets every dimension that can grow do so, and writes an element anew."""
    grown = tuple(n + 3 if m is None else min(n + 1, m) for n, m in zip(dataset.shape, dataset.maxshape))
    if grown != dataset.shape:
        dataset.resize(grown)
    try:
        dataset.dtype
    except (TypeError, ValueError):
        return  # one of the datatypes that numpy has nothing for
    if dataset.size and h5py.check_string_dtype(dataset.dtype):
        dataset[(0,) * dataset.ndim] = "their text"
    elif dataset.size and dataset.dtype.kind in "iuf":
        dataset[(0,) * dataset.ndim] = 1


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    names = sorted(p.name for p in folder.glob("*.h5"))
    assert names, "no files"
    for name in list(names):
        bound = name.rsplit("-", 1)[1][:-3]
        copy = f"repacked {name}"
        done = run(program, "repack", "--libver", bound, name, copy, cwd=folder)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        names.append(copy)
    halves = [names[0::2], names[1::2]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda some: same(program, folder, some), halves))
    for name in names:
        try:
            go_on(folder / name, name.rsplit("-", 1)[1][:-3])
        except Exception as e:
            raise AssertionError(f"{name}: {e!r}") from e
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda some: same(program, folder, some), halves))
    print(f"{len(names)} files")


if __name__ == "__main__":
    main()
