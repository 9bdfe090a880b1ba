"""One operation of the comparison, by h5py: python h5py_rows.py ROW FILE. See README.md."""
import sys
import time

import h5py
import numpy as np

STATE = 1


def following(n):
    global STATE
    STATE = (STATE * 6364136223846793005 + 1442695040888963407) % 2**64
    return (STATE >> 33) % n


def sum_f32(a):
    return int(a.sum(dtype="f8")) % 2**64


def main(row, path):
    opened = time.perf_counter()
    f = h5py.File(path)
    start = time.perf_counter()
    check = None
    if row in ("fresh_f32", "fresh_i64"):
        a = f["d"][...]
        end = time.perf_counter()
        check = sum_f32(a) if row == "fresh_f32" else int(a.view("u8").sum()) % 2**64
    elif row == "buffer_f32":
        a = np.ones(f["d"].shape, "f4")
        start = time.perf_counter()
        f["d"].read_direct(a)
        end = time.perf_counter()
        check = sum_f32(a)
    elif row == "images":
        a = f["images"][...]
        end = time.perf_counter()
        check = int(a.sum(dtype="u8"))
    elif row == "strings":
        a = f["s"].asstr()[...]
        end = time.perf_counter()
        check = sum(map(len, a))
    elif row == "rows":
        a = f["rows"][...]
        end = time.perf_counter()
    elif row == "random_i64":
        d, check = f["d"], 0
        start = time.perf_counter()
        for _ in range(10000):
            at = following(len(d) - 100)
            check += int(d[at:at + 100][0])
        end = time.perf_counter()
    elif row == "random_slabs":
        d = f["d"]
        start = time.perf_counter()
        for _ in range(500):
            z, y, x = following(32), following(960), following(960)
            d[z, y:y + 64, x:x + 64]
        end = time.perf_counter()
    elif row == "walk":
        def visit(_, o):
            for name in o.attrs:
                o.attrs[name]
        f.visititems(visit)
        end = time.perf_counter()
    elif row == "list":
        check = sum(map(len, f))
        end = time.perf_counter()
    elif row == "open":
        next(iter(f))
        end, start = time.perf_counter(), opened
    print(end - start, "-" if check is None else check)


main(*sys.argv[1:])
