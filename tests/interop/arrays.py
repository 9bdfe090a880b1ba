"""Arrays and tables between NumPy, h5py, Pillow and this program, both ways.

    arrays.py PROGRAM FOLDER

NumPy saves arrays of every kind that .npy has; `convert` makes an .h5 file of them, h5py reads it; `convert` makes .npy and
.npz files of that, NumPy reads those: type, shape and bytes must be the same. Pillow reads the PNG and TIFF files of the
way back.
"""
import os
import subprocess
import sys

import h5py
import numpy as np
from PIL import Image

PROGRAM, FOLDER = sys.argv[1:]
os.chdir(FOLDER)


def convert(*arguments):
    done = subprocess.run([PROGRAM, "convert", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


random = np.random.default_rng(7)
aligned = np.dtype([("a", "u1"), ("b", "f8"), ("s", "S3"), ("v", "<i2", (2,)), ("in", [("c", ">c8"), ("ok", "?")])], align=True)
records = np.zeros(5, aligned)
records["a"], records["b"], records["s"], records["v"] = range(5), random.random(5), b"xy", [[1, -2]] * 5
records["in"]["c"], records["in"]["ok"] = 1 + 2j, [True, False, True, True, False]
arrays = {f"{order}{code}": (random.random((3, 4)) * 100).astype(f"{order}{code}")
          for order in "<>" for code in ("i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")}
arrays |= {
    "i1": np.arange(-3, 3, dtype="i1"), "u1": np.arange(9, dtype="u1").reshape(3, 3), "bool": np.array([[True, False]]),
    "S": np.array([b"ab", b"", b"cde"]), "U": np.array([["ä", "bcd"], ["", "🐕"]]), "V": np.array([np.void(b"abc")] * 2),
    "M": np.array(["2020-01-01", "NaT"], "M8[s]"), "m": np.arange(3).astype("m8[25us]"),
    "scalar": np.array(2.5), "empty": np.zeros((0, 3), "i4"), "one": np.zeros((1, 1, 1), "u2"), "records": records,
    "fortran": np.asfortranarray(random.random((13, 7, 5))), "fortran_records": np.asfortranarray(np.stack([records] * 2)),
    "large": random.integers(0, 255, (300, 70_000), dtype="u1"), "wide": random.random((2, 2_100_000)),
    "large_fortran": np.asfortranarray(random.integers(0, 255, (5000, 4000), dtype="u1")),
}
os.makedirs("in/some/where")
for name, array in arrays.items():
    np.save(f"in/some/where/{name}.npy", array)
convert("in", "--output", "all.h5")
convert("all.h5", "--output", "all.npz")
convert("all.h5", "--output", "records.npy", "--path", "some/where/records")
with h5py.File("all.h5") as file, np.load("all.npz") as saved:
    assert len(saved.files) == len(arrays)
    for name, array in arrays.items():
        again = saved[f"some/where/{name}"]
        assert again.dtype == array.dtype and again.shape == array.shape, (name, again.dtype, again.shape)
        # What lies between fields is nobody's.
        same = np.array_equal(again, array) if array.dtype.names else again.tobytes() == np.ascontiguousarray(array).tobytes()
        assert same, name
        dataset = file[f"some/where/{name}"]
        assert dataset.shape == array.shape, name
        read = dataset.asstr()[()] if name == "U" else dataset[()]
        if array.dtype.kind in "iufcbSmM":
            assert dataset.dtype == array.dtype, (name, dataset.dtype)
        if array.dtype.kind in "iufcbSU":
            assert np.array_equal(read, array), name
        elif array.dtype.names:
            assert all(np.array_equal(read[n], array[n]) for n in ("a", "b", "s", "v")), name
            assert np.array_equal(read["in"]["c"], array["in"]["c"]) and np.array_equal(read["in"]["ok"], array["in"]["ok"])
    assert np.array_equal(np.load("records.npy"), records)

np.savez_compressed("packed.npz", **{"a/b": arrays["fortran"], "c": arrays["U"]})
convert("packed.npz", "--output", "packed.h5", "--compress", "gzip:9")
with h5py.File("packed.h5") as file:
    assert np.array_equal(file["a/b"][()], arrays["fortran"]) and file["a/b"].compression == "gzip"
    assert list(file["c"].asstr()[:].ravel()) == ["ä", "bcd", "", "🐕"]

# What h5py writes and NumPy has: strings of both kinds, enumerations, odd integers.
with h5py.File("h5py.h5", "w") as file:
    file["text"] = ["a", "längste", ""]
    file["fixed"] = np.array([b"ab", b"c"], "S4")
    file.create_dataset("enum", data=[1, 2], dtype=h5py.enum_dtype({"ONE": 1, "TWO": 2}, "i2"))
    spaces = h5py.h5t.C_S1.copy()
    spaces.set_size(4)
    spaces.set_strpad(h5py.h5t.STR_SPACEPAD)
    dataset = h5py.h5d.create(file.id, b"spaces", spaces, h5py.h5s.create_simple((2,)))
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([b"ab  ", b"c   "], "S4"), spaces)
    file["objects"] = h5py.Empty("f4")
said = convert("h5py.h5", "--output", "h5py.npz")
assert "1 dataset skipped" in said and "objects" in said, said
with np.load("h5py.npz") as saved:
    assert list(saved["text"]) == ["a", "längste", ""] and saved["text"].dtype == "<U7"
    assert list(saved["fixed"]) == [b"ab", b"c"] and list(saved["spaces"]) == [b"ab", b"c"]
    assert saved["enum"].dtype == "<i2" and list(saved["enum"]) == [1, 2]

# Tables: as h5py and, where it is there, pandas read them.
with open("t.csv", "w") as text:
    text.write("id,name,x,ok\n1,Ann,0.5,true\n2,Ül,,false\n")
convert("t.csv", "--output", "t.h5")
with h5py.File("t.h5") as file:
    rows = file["t"][:]
    assert rows.dtype["name"].kind == "S" and rows["name"][1].decode() == "Ül"
    assert list(rows["id"]) == [1, 2] and np.isnan(rows["x"][1]) and rows["ok"].dtype == bool
    try:
        import pandas
        frame = pandas.DataFrame(rows)
        assert list(frame.columns) == ["id", "name", "x", "ok"]
    except ModuleNotFoundError:
        pass

# Images of the way back.
shades = {"eight": random.integers(0, 255, (3, 20, 24, 3), dtype="u1"), "sixteen": random.integers(0, 65535, (3, 20, 24), dtype="u2"),
          "float": random.random((3, 20, 24)).astype("f4"), "planes": random.integers(0, 255, (3, 3, 20, 24), dtype="u1"),
          "alpha": random.integers(0, 255, (3, 20, 24, 4), dtype="u1")}
for name, images in shades.items():
    with h5py.File(f"{name}.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=(2, *images.shape[1:]), compression="gzip")
        file["labels"] = [2, 0, 2]
    convert(f"{name}.h5", "--output", name)
    for row, label in enumerate([2, 0, 2]):
        suffix = "tif" if name == "float" else "png"
        with Image.open(f"{name}/{label}/{row}.{suffix}") as image:
            wanted = images[row].transpose(1, 2, 0) if name == "planes" else images[row]
            assert np.array_equal(np.asarray(image), wanted), (name, row, image.mode)
print("all equal")
