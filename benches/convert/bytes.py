"""Times `convert --store bytes`, and the way back to a folder, against `cp -r` of the same folder, in turn, in one run.

    bytes.py [--files 20000] [--size 20000] [--runs 5] [--program target/release/h5manager]

The files begin as JPEGs do and are noise otherwise: nothing is decoded. Prints the median wall time and processor time of
each, ratios, and the peak memory of ours, for N and for twice as many files. Nothing is deleted before the end: for minutes
deleted inodes of ext4 cost whoever makes files many times what they do else.
"""
import argparse
import os
import random
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
        back = [a.program, "--quiet", "convert", output, "--output"]
        runs = {"to .h5": [], "cp -r": [], "and back": []}
        for turn in range(a.runs):
            if turn:
                os.remove(output)
            runs["to .h5"].append(timed(ours))
            size = os.path.getsize(output)
            runs["cp -r"].append(timed(["cp", "-r", folder, f"{copy}{turn}"]))
            runs["and back"].append(timed([*back, f"{copy}{turn}b"]))
        wall = {name: statistics.median(r[0] for r in found) for name, found in runs.items()}
        for name, found in runs.items():
            cpu, peak = statistics.median(r[1] for r in found), max(r[2] for r in found) >> 20
            print(f"{name:14} {wall[name]:6.2f} s wall, {cpu:6.2f} s processor, {peak} MiB; {wall[name] / wall['cp -r']:.2f} of cp -r")
        print(f"the file has {size / 1e6:.1f} MB")
        os.remove(output)
        os.rename(folder, os.path.join(tmp, "half"))
        make(folder, 2 * a.files, a.size)
        for name, command in (("twice as many", ours), ("and back", [*back, copy])):
            twice = timed(command)
            print(f"{name:14} {twice[0]:6.2f} s wall, {twice[1]:6.2f} s processor, {twice[2] >> 20} MiB")


if __name__ == "__main__":
    main()
