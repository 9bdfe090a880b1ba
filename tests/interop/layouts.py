"""Reads what we wrote in every layout, makes the same datasets, and lets ours grow: see tests/interop_layouts.rs."""

import json
import pathlib
import sys

import h5py
import numpy

VERSIONS = {"v18": "v108", "v110": "v110", "v200": "latest"}


def elements(shape):
    total = numpy.full(shape, 17, dtype=numpy.uint64)
    for d, n in enumerate(shape):
        axis = numpy.arange(n, dtype=numpy.uint64).reshape([-1 if k == d else 1 for k in range(len(shape))])
        total = total * numpy.uint64(31) + axis * numpy.uint64(7)
    return (total % numpy.uint64(30011)).astype("<i4")


def twin(file, case):
    """The same dataset as libhdf5 makes it."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(tuple(case["chunk"]))
    plist.set_fill_value(numpy.array(-5, dtype="<i4"))
    plist.set_obj_track_times(False)
    if case["early"]:
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    if case["filters"] == 1:
        plist.set_shuffle()
        plist.set_deflate(4)
    elif case["filters"] == 2:
        plist.set_deflate(1)
        plist.set_fletcher32()
    shape = tuple(case["shape"])
    limits = tuple(h5py.h5s.UNLIMITED if n is None else n for n in case["max"])
    space = h5py.h5s.create_simple(shape, limits)
    made = h5py.h5d.create(file.id, case["name"].encode(), h5py.h5t.STD_I32LE, space, plist)
    h5py.Dataset(made)[...] = elements(shape)


def compare(dataset, case):
    assert dataset.shape == tuple(case["shape"]), dataset.shape
    assert dataset.maxshape == tuple(case["max"]), dataset.maxshape
    assert dataset.chunks == tuple(case["chunk"]), dataset.chunks
    assert dataset.fillvalue == -5
    expected = numpy.array(case["values"], dtype="<i4").reshape(case["shape"])
    assert numpy.array_equal(dataset[...], expected), "other elements"
    for info in [dataset.id.get_chunk_info(i) for i in range(min(dataset.id.get_num_chunks(), 50))]:
        assert info.size > 0 and info.byte_offset > 0


def extend(dataset, case):
    grown = [n if m is not None else 2 * n + 3 for n, m in zip(case["shape"], case["max"])]
    if grown != case["shape"]:
        dataset.resize(grown)
    # Some of it again, in the middle of chunks, then everything.
    part = tuple(slice(n // 3, n // 2 + 1) for n in grown)
    everything = elements(grown)
    dataset[part] = everything[part]
    dataset[...] = everything


def main():
    folder = pathlib.Path(sys.argv[1])
    cases = [json.loads(line) for line in (folder / "cases.jsonl").open()]
    wrong = []
    for name in sorted({case["file"] for case in cases}):
        here = [case for case in cases if case["file"] == name]
        with h5py.File(folder / name, "r") as file:
            for case in here:
                try:
                    compare(file[case["name"]], case)
                except Exception as error:
                    wrong.append(f"{name} {case['name']}: {error!r}")
        version = VERSIONS[here[0]["libver"]]
        with h5py.File(folder / name, "r+", libver=(version, "latest")) as file:
            for case in here:
                try:
                    extend(file[case["name"]], case)
                except Exception as error:
                    wrong.append(f"{name} {case['name']} extended: {error!r}")
        stem = name.removesuffix(".h5")
        with h5py.File(folder / f"{stem}_twin.h5", "w", libver=(version, "latest")) as file:
            for case in here:
                # h5py has no call for chunks at the edge without filters; the index does not depend on them.
                twin(file, case)
    if wrong:
        sys.exit(f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:30]))
    print(f"{len(cases)} datasets")


main()
