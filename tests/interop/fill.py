"""What h5py finds of storage and fill values: see tests/interop_layouts.rs."""

import pathlib
import sys

import h5py
import numpy

ALLOCATION = [h5py.h5d.ALLOC_TIME_EARLY, h5py.h5d.ALLOC_TIME_LATE, h5py.h5d.ALLOC_TIME_INCR]
FILL = [h5py.h5d.FILL_TIME_IFSET, h5py.h5d.FILL_TIME_NEVER, h5py.h5d.FILL_TIME_ALLOC]
STATUS = {
    "default": h5py.h5d.FILL_VALUE_DEFAULT,
    "undefined": h5py.h5d.FILL_VALUE_UNDEFINED,
    "user": h5py.h5d.FILL_VALUE_USER_DEFINED,
}


def compare(name, dataset):
    layout, allocation, time, value, written = name.split()
    plist = dataset.id.get_create_plist()
    assert plist.get_alloc_time() == ALLOCATION[int(allocation)], "allocation time"
    assert plist.get_fill_time() == FILL[int(time)], "fill time"
    assert plist.fill_value_defined() == STATUS[value], "fill value"
    status = dataset.id.get_space_status()
    wanted = h5py.h5d.SPACE_STATUS_NOT_ALLOCATED
    if allocation == "0" or (written == "1" and (allocation == "1" or layout == "contiguous")):
        wanted = h5py.h5d.SPACE_STATUS_ALLOCATED
    elif written == "1":
        wanted = h5py.h5d.SPACE_STATUS_PART_ALLOCATED
    assert status == wanted, f"space {status}"
    fill = -7 if value == "user" else 0
    # What was never filled reads as anything, so only what was written is looked at.
    if int(time) != 1 and value != "undefined":
        expected = numpy.full(10, fill, dtype="<i2")
        if written == "1":
            expected[2:4] = [1, 2]
        assert numpy.array_equal(dataset[...], expected), f"{dataset[...]}"
    elif written == "1":
        assert list(dataset[2:4]) == [1, 2]


def main():
    wrong = []
    with h5py.File(pathlib.Path(sys.argv[1]) / "fill.h5", "r+") as file:
        for name, dataset in file.items():
            try:
                if not name.startswith("compact"):
                    compare(name, dataset)
                elif name == "compact in part":
                    assert list(dataset[...]) == [-7, -7, 1, 2, -7, -7, -7, -7, -7, -7]
                    dataset[0] = 5
                else:
                    count = int(name.split()[1])
                    assert dataset.id.get_create_plist().get_layout() == h5py.h5d.COMPACT
                    assert numpy.array_equal(dataset[...], numpy.arange(count) * 7 % 251), "other elements"
            except Exception as error:
                wrong.append(f"{name}: {error!r}")
    if wrong:
        sys.exit(f"{len(wrong)}:\n" + "\n".join(wrong[:40]))


main()
