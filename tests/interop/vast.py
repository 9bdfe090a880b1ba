"""Datasets that may become so large that no array has room for all their chunks: see tests/interop_layouts.rs.

First reads and extends ours, and makes some whose index is the fixed array that libhdf5 takes; then reads and extends what
became of those when they were edited.
"""

import pathlib
import sys

import h5py
import numpy

MAX = 60_000_000


def elements(count):
    return numpy.arange(count, dtype="<i4") * 7


def filled(shape):
    return elements(numpy.prod(shape)).reshape(shape)


def extend(dataset):
    old = dataset.shape
    assert numpy.array_equal(dataset[...], filled(old)), dataset.name
    assert dataset.id.get_num_chunks() == numpy.prod([-(-n // c) for n, c in zip(old, dataset.chunks)])
    shape = (3 * old[0],) + old[1:]
    dataset.resize(shape)
    dataset[...] = filled(shape)
    dataset.resize(old)
    dataset.resize(shape)
    dataset[old[0] :] = filled(shape)[old[0] :]
    # Further away, and taken back: that takes libhdf5 a step for each chunk that there could be between.
    far = (200 * old[0],) + old[1:]
    dataset.resize(far)
    dataset[far[0] - 1] = 5
    dataset.resize(shape)
    assert numpy.array_equal(dataset[...], filled(shape)), dataset.name


def extend_all(path):
    with h5py.File(path, "r+", libver=("v110", "latest")) as file:
        for name in file:
            extend(file[name])
    with h5py.File(path, "r") as file:
        for name in file:
            assert numpy.array_equal(file[name][...], filled(file[name].shape)), name


def main():
    folder = pathlib.Path(sys.argv[1])
    theirs = folder / "theirs.h5"
    if theirs.exists():
        return extend_all(theirs)
    extend_all(folder / "v110.h5")
    extend_all(folder / "v200.h5")
    with h5py.File(theirs, "w", libver=("v110", "latest")) as file:
        for name, options in [("plain", {}), ("filtered", {"compression": 1, "shuffle": True})]:
            file.create_dataset(name, data=elements(5000), maxshape=(MAX,), chunks=(10,), **options)


main()
