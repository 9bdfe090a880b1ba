"""Reads what we wrote with every filter, and goes on writing: see tests/interop_layouts.rs."""

import pathlib
import sys

import h5py
import hdf5plugin  # noqa: F401, it registers the filters
import numpy


def main():
    count = numpy.arange(4000, dtype="<i4")
    smooth = (count // 3) % 1000 + count * 7919 % 5
    wide = numpy.arange(4000, dtype="<u4")
    noise = (wide * numpy.uint32(2654435761) ^ (wide << numpy.uint32(13))).view("<i4")
    expected = {"smooth": smooth, "noise": noise, "alike": numpy.full(4000, 7)}
    wrong = []
    with h5py.File(pathlib.Path(sys.argv[1]) / "filters.h5", "r+") as file:
        for kind, values in expected.items():
            for name, dataset in file[kind].items():
                try:
                    assert numpy.array_equal(dataset[...].ravel(), values), "other elements"
                    if kind == "smooth":
                        dataset.resize([130, 40])
                        dataset[100:] = numpy.arange(1200).reshape(30, 40)
                except Exception as error:
                    wrong.append(f"{kind}/{name}: {error!r}")
        assert len(file["noise"]) == len(file["smooth"]) > 20
        digits = numpy.sin(count * 0.01) * 100
        assert numpy.abs(file["digits"][...] - digits).max() <= 0.000501
    if wrong:
        sys.exit("\n".join(wrong))


main()
