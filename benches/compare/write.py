"""Repacking beside h5repack, in processor time (user and system): what a loaded machine leaves comparable.

    write.py PROGRAM FOLDER [MIB]

Makes two files with h5py in FOLDER: MIB (128) MiB of floats in 512 KiB chunks, and 10,000 small datasets with three attributes
each. Prints, for each row, the times of both, the ratio, and the sizes of the files written.
"""
import pathlib
import resource
import subprocess
import sys

import h5py
import numpy as np


def seconds(command):
    """Processor time of a command, the best of three."""
    best = float("inf")
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def make(folder, mib):
    rng = np.random.default_rng(1)
    side = 1024
    with h5py.File(folder / "data.h5", "w") as f:
        d = f.create_dataset("d", (mib // 4, side, side), "<f4", chunks=(1, 256, 512))
        for i in range(mib // 4):
            d[i] = np.round(np.cumsum(rng.normal(size=(side, side)), 1), 2)
    with h5py.File(folder / "many.h5", "w") as f:
        for i in range(10_000):
            d = f.create_dataset(f"g{i // 100}/d{i}", data=np.arange(20, dtype="<i4"))
            d.attrs["unit"], d.attrs["scale"], d.attrs["number"] = "m", 0.5, i


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    make(folder, int(sys.argv[3]) if len(sys.argv) > 3 else 128)
    ours, theirs = folder / "ours.h5", folder / "theirs.h5"
    rows = [
        ("without change", "data.h5", [], [], "cp"),
        ("shuffle, gzip 4", "data.h5", ["-f", "SHUF", "-f", "GZIP=4"], ["-f", "SHUF", "-f", "GZIP=4"], "h5repack"),
        ("10,000 datasets", "many.h5", [], [], "h5repack"),
    ]
    for name, source, our_options, their_options, rival in rows:
        source = folder / source
        times = []
        for threads in 1, 2:
            command = [program, "-q", "-j", str(threads), "repack", *our_options, source, ours, "--overwrite"]
            times.append(seconds(command))
        other = ["cp", source, theirs] if rival == "cp" else ["h5repack", *their_options, source, theirs]
        their = seconds(other)
        sizes = f"{ours.stat().st_size} and {theirs.stat().st_size} bytes"
        print(f"{name}: {times[0]:.2f} s ({times[1]:.2f} with two threads), {rival} {their:.2f} s, "
              f"ratio {their / times[0]:.1f}; {sizes}", flush=True)


if __name__ == "__main__":
    main()
