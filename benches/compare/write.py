"""Writing, side by side: us, h5py (libhdf5), h5repack, cp and plain write(), in turn in one run.

    python benches/compare/write.py FOLDER [--mib 128] [--rounds 3] [--only TEXT] [--profile release]

Builds us, makes its data in FOLDER, and prints a row for each operation and writer: medians of the time by the clock and
of the processor time (user and system, all threads), with one thread and with two where we use more, the ratios of both
to the rival's, and the size of the file written. Operations of a library time themselves, without the start of their
process; commands are timed from outside. All of us sync what they write, but h5repack and cp; a second row of cp does.
Each makes a new file, and begins when all that others wrote is on the disk: who syncs would wait for it, too.
"""
import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

import h5py
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def build(profile, only_find):
    command = ["cargo", "build", "--profile", profile, "--workspace", "--bins"]
    if not only_find:
        subprocess.run(command, cwd=ROOT, check=True, env=dict(os.environ, RUSTFLAGS=""))
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / profile
    return target / "h5manager", target / "compare_ours_write"


def field(planes, side=1024):
    """The field of data.py: smooth, with some noise."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:side, 0:side].astype("f4") / side
    for i in range(planes):
        smooth = np.sin(7 * x + i / 5) * np.cos(5 * y - i / 9)
        yield np.round(smooth * 1000 + rng.normal(0, 2, (side, side))).astype("f4")


def images(count):
    """The images of data.py: squares of eight pixels, with some noise."""
    rng = np.random.default_rng(4)
    for start in range(0, count, 500):
        coarse = rng.integers(0, 256, (500, 8, 8, 3), "u1").repeat(8, 1).repeat(8, 2)
        yield (coarse + rng.integers(0, 9, coarse.shape, "u1"))[: count - start]


def make(folder, mib):
    folder.mkdir(parents=True, exist_ok=True)
    for name, pieces in ("field.bin", field(mib // 4)), ("images.bin", images(mib * 2**20 // (64 * 64 * 3))):
        path = folder / name
        if not path.exists():
            with open(path, "wb") as f:
                for piece in pieces:
                    piece.tofile(f)
    if not (folder / "plain.h5").exists():
        with h5py.File(folder / "plain.h5", "w") as f:
            f.create_dataset("d", data=np.fromfile(folder / "field.bin", "<f4").reshape(-1, 1024, 1024), chunks=(1, 256, 512))
    if not (folder / "many.h5").exists():
        subprocess.run([sys.executable, HERE / "h5py_write.py", "many", folder / "many.h5"], check=True,
                       stdout=subprocess.DEVNULL)
    for name, length in ("small.h5", 10**4), ("large.h5", 10 * 2**30):
        if not (folder / name).exists():
            with h5py.File(folder / name, "w") as f:
                # Never written: it takes no room on the disk.
                space = h5py.h5s.create_simple((length,))
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
                h5py.h5d.create(f.id, b"d", h5py.h5t.NATIVE_UINT8, space, plist)


def timed(command, env):
    """Seconds by the clock and of processor time of a command, by itself if it tells them."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=dict(os.environ, **env)).stdout.split()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if len(said) == 2:
        return float(said[0]), float(said[1])
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows(program, ours, folder):
    """Each row: its name, and its writers by name: a command, its environment. The first one is the rival."""
    theirs = [sys.executable, HERE / "h5py_write.py"]
    field, images, out = folder / "field.bin", folder / "images.bin", folder / "out.h5"

    def threads(command, label="ours"):
        return {f"{label}, {n} threads" if n > 1 else f"{label}, 1 thread": (command, {"RAYON_NUM_THREADS": str(n)})
                for n in (1, 2)}

    def library(name, row, *rest, fast=None, also={}):
        writers = {"h5py": ([*theirs, row, out, *rest], {}), **also, **threads([ours, row, out, *rest])}
        if fast:
            writers |= threads([ours, row, out, *fast], "ours, gzip 1")
        return name, writers

    def command(name, rival, options, source, other, also={}):
        writers = {rival: (other, {}), **also}
        for n in 1, 2:
            repack = [program, "-q", "-j", str(n), "repack", *options, source, out]
            writers[f"ours, {n} thread" + "s" * (n > 1)] = repack, {}
        return name, writers

    deflated = ["-f", "SHUF", "-f", "GZIP=4"]
    plain, many = folder / "plain.h5", folder / "many.h5"
    return [
        ("raw f32", {"write()": ([*theirs, "write", out, field], {}), "h5py": ([*theirs, "raw", out, field], {}),
                     "ours": ([ours, "raw", out, field], {})}),
        library("field, shuffle + gzip 4", "field", field, 4, fast=[field, "1"]),
        library("images, gzip 4, chunk = 1", "images", images, 1, 4, fast=[images, "1", "1"]),
        library("images, gzip 4, chunk = 64", "images", images, 64, 4, fast=[images, "64", "1"]),
        ("10,000 datasets, 3 attributes", {"h5py": ([*theirs, "many", out], {}), "ours": ([ours, "many", out], {})}),
        library("append 10⁶ rows, 100 at a time, gzip 4", "append"),
        command("repack, nothing changes", "cp", [], plain, ["cp", plain, out],
                # What we do, too: the file is on the disk when we say so.
                also={"cp, then sync OUT": (["sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh", plain, out], {})}),
        command("repack, shuffle + gzip 4", "h5repack", deflated, plain, ["h5repack", *deflated, plain, out]),
        command("repack, 10,000 datasets", "h5repack", [], many, ["h5repack", many, out]),
        *((f"one attribute, {name}", {"h5py": ([*theirs, "attribute", folder / name], {}),
                                      "ours": ([ours, "attribute", folder / name], {})})
          for name in ("small.h5", "large.h5")),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--mib", type=int, default=128, help="size of the field and of the images")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--profile", default="release")
    parser.add_argument("--built", action="store_true", help="we are built already")
    options = parser.parse_args()
    program, ours = build(options.profile, options.built)
    make(options.folder, options.mib)
    out = options.folder / "out.h5"
    print("| what | who | seconds | ratio | CPU seconds | ratio | bytes |\n| --- | --- | --- | --- | --- | --- | --- |")
    for name, writers in rows(program, ours, options.folder):
        if options.only not in name:
            continue
        times, sizes = {who: [] for who in writers}, {}
        for _ in range(options.rounds):
            for who, (command, env) in writers.items():
                out.unlink(missing_ok=True)
                os.sync()
                times[who].append(timed([str(part) for part in command], env))
                target = next(part for part in command if pathlib.Path(part).parent == options.folder and str(part).endswith(".h5")
                              and pathlib.Path(part).name not in ("plain.h5", "many.h5"))
                sizes[who] = target.stat().st_size
        medians = {who: [statistics.median(column) for column in zip(*all)] for who, all in times.items()}
        first = next(iter(medians.values()))
        for who, (wall, cpu) in medians.items():
            print(f"| {name} | {who} | {wall:.3f} | {first[0] / wall:.1f} | {cpu:.3f} | {first[1] / cpu:.1f} | {sizes[who]} |",
                  flush=True)
    out.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
