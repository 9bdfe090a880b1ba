"""Appends to a file in SWMR mode while somebody else reads it.

    swmr_writer.py FILE

Says "ready". A line with a number appends up to so many rows and says it back; "run" appends up to 20,000 as fast as it
goes and says "done". Every element of row i is i + 1.
"""
import sys

import h5py
import numpy as np


def main():
    f = h5py.File(sys.argv[1], "w", libver="latest")
    datasets = [
        f.create_dataset("one", (0, 3), "<u4", chunks=(7, 3), maxshape=(None, 3)),
        f.create_dataset("packed", (0, 5), "<u8", chunks=(10, 2), maxshape=(None, 5), compression="gzip", shuffle=True),
        f.create_dataset("two", (0, 2), "<i4", chunks=(50, 2), maxshape=(None, None)),
    ]
    f.swmr_mode = True

    def append(until):
        for d in datasets:
            before = len(d)
            d.resize(until, axis=0)
            d[before:] = np.arange(before + 1, until + 1)[:, None]
            d.flush()

    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "run":
            for rows in range(700, 20_001, 100):
                append(rows)
            print("done", flush=True)
        else:
            append(int(line))
            print(line.strip(), flush=True)
    f.close()


if __name__ == "__main__":
    main()
