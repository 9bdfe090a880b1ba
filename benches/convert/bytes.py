"""Times `convert --store bytes` against `cp -r` of the same folder, in turn, in one run.

    bytes.py [--files 20000] [--size 20000] [--runs 5] [--program target/release/h5manager]

The files begin as JPEGs do and are noise otherwise: nothing is decoded. Prints the median wall time and processor time of
both, their ratio, and the peak memory of ours, for N and for twice as many files.
"""
import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from run import timed


def make(folder, files, size):
    rng = random.Random(3)
    noise = rng.randbytes(4 * size)
    for i in range(files):
        place = os.path.join(folder, f"class{i % 10}")
        os.makedirs(place, exist_ok=True)
        start = rng.randrange(2 * size)
        with open(os.path.join(place, f"{i:07}.jpg"), "wb") as f:
            f.write(b"\xff\xd8\xff\xe0" + noise[start : start + size // 2 + rng.randrange(size)])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--files", type=int, default=20000)
    ap.add_argument("--size", type=int, default=20000)
    ap.add_argument("--runs", type=int, default=5)
    ap.add_argument("--program", default="target/release/h5manager")
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        folder, copy, output = (os.path.join(tmp, n) for n in ("files", "copy", "out.h5"))
        make(folder, a.files, a.size)
        ours = [a.program, "--quiet", "convert", folder, "--output", output, "--store", "bytes"]
        runs = {"h5manager": [], "cp -r": []}
        for _ in range(a.runs):
            runs["h5manager"].append(timed(ours))
            size = os.path.getsize(output)
            os.remove(output)
            runs["cp -r"].append(timed(["cp", "-r", folder, copy]))
            shutil.rmtree(copy)
        wall = {}
        for name, found in runs.items():
            wall[name] = statistics.median(r[0] for r in found)
            cpu = statistics.median(r[1] for r in found)
            print(f"{name:14} {wall[name]:6.2f} s wall, {cpu:6.2f} s processor, {max(r[2] for r in found) >> 20} MiB")
        print(f"ratio {wall['h5manager'] / wall['cp -r']:.2f}; the file has {size / 1e6:.1f} MB")
        os.rename(folder, os.path.join(tmp, "half"))
        make(folder, 2 * a.files, a.size)
        twice = timed(ours)
        print(f"{'twice as many':14} {twice[0]:6.2f} s wall, {twice[1]:6.2f} s processor, {twice[2] >> 20} MiB")


if __name__ == "__main__":
    main()
