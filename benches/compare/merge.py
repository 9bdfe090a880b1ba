"""Merging, side by side: us, the recipe for h5py that everybody writes, raw chunks through h5py, and cp of the same bytes.

    cargo build --release && python benches/compare/merge.py DATA [--program target/release/h5manager] [--images 2900]

Makes two files of gzipped images (chunk = 1 image, about 440 MiB together with the default) and 2,000 small files, runs all in
turn, and prints medians. Beside the time by the clock stands the CPU time of all threads, which tells more where others are at
work. Results are checked against each other before they are timed.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

import h5py
import numpy as np


def make(data, images, small):
    os.makedirs(data, exist_ok=True)
    rng = np.random.default_rng(11)
    # Chunks of four images behind a first file of one: no chunk keeps its place.
    for name, count, rows in (("a", images, 1), ("b", images, 1), ("one", 1, 4), ("four", images // 2, 4)):
        path = f"{data}/{name}_{images}.h5"
        if os.path.exists(path):
            continue
        with h5py.File(path, "w") as f:
            out = f.create_dataset("images", (count, 224, 224, 3), "u1", chunks=(rows, 224, 224, 3),
                                   maxshape=(None, 224, 224, 3), compression="gzip", compression_opts=4)
            # Smooth with some noise: it compresses to about half, as photographs do.
            y, x = np.mgrid[0:224, 0:224]
            for i in range(count):
                base = (np.sin(x / (9 + i % 17)) + np.cos(y / (7 + i % 13))) * 50 + 128
                out[i] = (base[..., None] + rng.normal(0, 3, (224, 224, 3))).clip(0, 255).astype("u1")
            f.create_dataset("labels", data=rng.integers(0, 2, count))
            f["labels"].attrs["class_names"] = ["cat", "dog"]
            f.create_dataset("filenames", data=[f"{name}/{i}.jpg" for i in range(count)])
    folder = f"{data}/small_{small}"
    if not os.path.exists(folder):
        os.mkdir(folder)
        for i in range(small):
            with h5py.File(f"{folder}/{i:05}.h5", "w") as f:
                rows = rng.random((50, 16)).astype("f4")
                f.create_dataset("x", data=rows, chunks=(50, 16), maxshape=(None, 16), compression="gzip")
                f.create_dataset("y", data=rng.integers(0, 9, 50))
    return *(f"{data}/{name}_{images}.h5" for name in ("a", "b", "one", "four")), folder


RECIPE = """
import h5py, sys
out, inputs = sys.argv[1], sys.argv[2:]
with h5py.File(out, "w") as f:
    for path in inputs:
        with h5py.File(path) as g:
            for name in g:
                part = g[name]
                if name not in f:
                    new = f.create_dataset(name, (0, *part.shape[1:]), part.dtype, maxshape=(None, *part.shape[1:]),
                                           chunks=part.chunks or True, compression=part.compression, compression_opts=part.compression_opts)
                new = f[name]
                start = len(new)
                new.resize(start + len(part), 0)
                for i in range(0, len(part), 256):
                    new[start + i:start + min(i + 256, len(part))] = part[i:i + 256]
"""

RAW = """
import h5py, sys
out, inputs = sys.argv[1], sys.argv[2:]
with h5py.File(out, "w") as f:
    for path in inputs:
        with h5py.File(path) as g:
            for name in g:
                part = g[name]
                if name not in f:
                    f.create_dataset(name, (0, *part.shape[1:]), part.dtype, maxshape=(None, *part.shape[1:]),
                                     chunks=part.chunks or True, compression=part.compression, compression_opts=part.compression_opts)
                new = f[name]
                start = len(new)
                new.resize(start + len(part), 0)
                if not part.chunks:
                    new[start:] = part[:]
                    continue
                for n in range(part.id.get_num_chunks()):
                    info = part.id.get_chunk_info(n)
                    mask, raw = part.id.read_direct_chunk(info.chunk_offset)
                    new.id.write_direct_chunk((start + info.chunk_offset[0], *info.chunk_offset[1:]), raw, mask)
"""


def run(command):
    """Seconds by the clock and of the CPU, and the peak of memory in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"{command[:4]} failed")
    cpu = usage.ru_utime + usage.ru_stime
    return seconds, cpu, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--program", default="target/release/h5manager")
    parser.add_argument("--images", type=int, default=2900)
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    a, b, one, four, small = make(arguments.data, arguments.images, arguments.small)
    many = sorted(os.path.join(small, n) for n in os.listdir(small))
    out, program = f"{arguments.data}/out.h5", os.path.abspath(arguments.program)
    ours = [program, "merge", "-q", "--overwrite", "-o", out]
    recipe = [sys.executable, "-c", RECIPE, out]
    rows = [
        ("raw chunks", {
            "ours": [*ours, a, b], "recipe": [*recipe, a, b], "h5py, raw": [sys.executable, "-c", RAW, out, a, b],
            "cat and sync": ["sh", "-c", f"cat '{a}' '{b}' > '{out}' && sync '{out}'"],
        }),
        ("encoded anew", {"ours": [*ours, one, four], "recipe": [*recipe, one, four]}),
        ("2,000 files", {"ours": [*ours, small + "/*.h5"], "recipe": [*recipe, *many]}),
        ("2,000 files, virtual", {"ours": [*ours, "--mode", "virtual", small + "/*.h5"]}),
    ]
    print("| row | who | seconds | CPU seconds | peak MiB | times the recipe |\n| --- | --- | --- | --- | --- | --- |")
    for title, commands in rows:
        if arguments.only not in title:
            continue
        times = {who: [] for who in commands}
        for _ in range(arguments.rounds):
            for who, command in commands.items():
                times[who].append(run(command))
        medians = {who: [statistics.median(t[k] for t in ts) for k in range(3)] for who, ts in times.items()}
        for who, (seconds, cpu, peak) in medians.items():
            base = medians.get("recipe")
            ratio = f"{base[0] / seconds:.1f} (CPU {base[1] / max(cpu, 1e-3):.1f})" if base else ""
            print(f"| {title} | {who} | {seconds:.2f} | {cpu:.2f} | {peak:.0f} | {ratio} |", flush=True)
    os.remove(out)


main()
