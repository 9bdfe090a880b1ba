"""Reads with h5py and h5dump what tests/interop_write.rs wrote, edits it with h5py, and reads it again.

usage: read_back.py FOLDER

NAME.BOUND.h5 is for the library that BOUND names, and is opened as strictly as that; h5dump 1.10 reads those up to v110.
Beside each stands NAME.BOUND.jsonl, which says line by line what must be in it. Every line has a "path" and
- "attribute": name, with "value" (and "dtype"), or
- "soft" / "external": the target of a link, or
- a dataset: "dtype", "shape", "maxshape", "chunks", "filters", and "hex" (little-endian bytes) or "value".
"""

import json
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np


# The names of libraries in h5py: the first one is never an upper bound.
UPPER = {"earliest": "v108", "v18": "v108"}


def bound_of(path):
    return path.name.split(".")[1]


def h5dump(path):
    if bound_of(path) in ("v112", "v114", "v200"):
        return
    done = subprocess.run(["h5dump", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert done.returncode == 0 and not done.stderr, f"h5dump {path}: {done.returncode} {done.stderr[:2000]}"


def plain(value):
    """A value of h5py as json has it."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value] if value.dtype.kind in "OS" else value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def text_of(dtype):
    string = h5py.check_string_dtype(dtype)
    if string is not None:
        return f"{string.encoding} {string.length}"
    sequence = h5py.check_vlen_dtype(dtype)
    if sequence is not None:
        return f"vlen {sequence.str}"
    return "bool" if dtype == bool else dtype.str


def check_dataset(dataset, want, rows=None):
    """Compares a dataset with what it must be; after an edit only its first `rows` rows, and not its shape."""
    got = {"dtype": text_of(dataset.dtype), "chunks": dataset.chunks and list(dataset.chunks)}
    if rows is None:
        got["shape"] = list(dataset.shape)
        got["maxshape"] = list(dataset.maxshape)
    pipeline = dataset.id.get_create_plist()
    got["filters"] = [
        [pipeline.get_filter(i)[0], list(pipeline.get_filter(i)[2])] for i in range(pipeline.get_nfilters())
    ]
    for key, value in got.items():
        assert value == want[key], f"{key}: {value}, wanted {want[key]}"
    data = dataset[()] if rows is None else dataset[:rows]
    if "hex" in want:
        got = data.tobytes()
        assert got == bytes.fromhex(want["hex"]), f"{len(got)} bytes differ from {len(want['hex']) // 2}"
    elif "value" in want:
        assert plain(data) == want["value"], f"{str(plain(data))[:500]}, wanted {str(want['value'])[:500]}"
    if "fill" in want:
        assert plain(dataset.fillvalue) == want["fill"], f"fill value {dataset.fillvalue}"


def check(file, want, edited=False):
    path = want["path"]
    if "attribute" in want:
        object = file[path]
        name = want["attribute"]
        value = object.attrs[name]
        assert plain(value) == want["value"], f"{name} is {str(value)[:500]}, wanted {str(want['value'])[:500]}"
        dtype = text_of(object.attrs.get_id(name).dtype)
        assert dtype == want["dtype"], f"{name} is {dtype}"
    elif "soft" in want or "external" in want:
        link = file.get(path, getlink=True)
        target = [link.filename, link.path] if "external" in want else link.path
        assert target == want.get("soft", want.get("external")), target
    elif "members" in want:
        members = len(file[path])
        assert members == want["members"] or (edited and members > want["members"]), members
    elif "same" in want:
        assert file[path] == file[want["same"]]
    else:
        grown = edited and file[path].maxshape[:1] == (None,)
        check_dataset(file[path], want, want["shape"][0] if grown else None)


def check_all(path, wants, edited=False):
    bound = bound_of(path)
    # Without a limit once libhdf5 has edited it.
    libver = None if edited else ("earliest", UPPER.get(bound, bound))
    with h5py.File(path, "r", libver=libver) as file:
        for want in wants:
            try:
                check(file, want, edited)
            except Exception as e:
                raise AssertionError(f"{path} {want['path']}: {e!r}") from e


def edit(path):
    """Uses everything that is in the file: grows datasets, adds and removes attributes, links and objects."""
    with h5py.File(path, "r+") as file:
        objects = [file]
        if sum(1 for _ in file) < 2000:
            file.visititems(lambda _, o: objects.append(o) and None)
        for number, object in enumerate(objects):
            for i in range(12):
                object.attrs[f"added {i}"] = f"text {i}" if i % 2 else i
            del object.attrs["added 3"]
            if isinstance(object, h5py.Dataset):
                grow(object)
            elif number < 20:
                for i in range(12):
                    object[f"new {i}"] = np.arange(i)
                    object.create_dataset(f"new chunked {i}", data=np.arange(100), chunks=(10,), compression="gzip")
                object["new text"] = ["variable", "length", ""]
                object["new link"] = h5py.SoftLink("/nowhere")
                object.create_group("new group/deep")
                del object["new 3"]
        for object in objects:
            if isinstance(object, h5py.Group) and "new 5" in object:
                assert list(object["new chunked 7"]) == list(range(100))
                del object["new 5"]


def grow(dataset):
    if dataset.chunks is None or not dataset.maxshape or dataset.maxshape[0] is not None:
        return
    rows = dataset.shape[0]
    dataset.resize(rows + 7, axis=0)
    if 0 in dataset.shape[1:]:
        return
    last = dataset[rows - 1] if rows else None
    for row in range(rows, rows + 7):
        if last is not None:
            dataset[row] = last
    if last is not None:
        assert plain(dataset[rows + 6]) == plain(last)


def main(folder):
    files = sorted(pathlib.Path(folder).glob("*.h5"))
    assert files, f"no files in {folder}"
    for path in files:
        wants = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
        check_all(path, wants)
        h5dump(path)
        edited = path.with_suffix(".edited")
        shutil.copy(path, edited)
        edit(edited)
        check_all(edited, wants, edited=True)
        h5dump(edited)
        edited.unlink()
        print(f"{path.name}: {len(wants)} checks, {path.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
