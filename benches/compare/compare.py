"""Runs us, libhdf5 (C), h5py and the crates rust-hdf5 and hdf5-reader in turn on the same files, and prints the table.

    python data.py DATA && python compare.py DATA [--rounds 5] [--only TEXT] [--threads 1,2]

Every run is a process of its own that times one operation inside itself; the first round warms the page cache and does
not count. Medians; ratios are those of C's time (higher is faster). All must agree on a checksum of what was read.
"""
import argparse
import glob
import os
import random
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# Row of performance.md, operation, file.
ROWS = [
    ("1 fresh buffer", "fresh_f32", "1_contiguous.h5"),
    ("1 caller's buffer", "buffer_f32", "1_contiguous.h5"),
    ("2 shuffle + gzip, B-tree 1", "fresh_f32", "2_btree1.h5"),
    ("2 … fixed array", "fresh_f32", "2_fixed.h5"),
    ("2 … extensible array", "fresh_f32", "2_extensible.h5"),
    ("2 … B-tree 2", "fresh_f32", "2_btree2.h5"),
    ("4 chunk = 1 image", "images", "4_chunk1.h5"),
    ("4 chunk = 64 images", "images", "4_chunk64.h5"),
    ("7 small chunks, whole", "fresh_i64", "7_small_chunks.h5"),
    ("8 random reads of 7", "random_i64", "7_small_chunks.h5"),
    ("8 random slabs of 2", "random_slabs", "2_fixed.h5"),
    ("3 walk, attributes, old format", "walk", "3_old.h5"),
    ("3 walk, attributes, new format", "walk", "3_new.h5"),
    ("3 open + first name", "open", "3_many_new.h5"),
    ("3 list names, old format", "list", "3_many.h5"),
    ("3 list names, new format", "list", "3_many_new.h5"),
    ("5 strings", "strings", "5_strings.h5"),
    ("6 compound, contiguous", "rows", "6_contiguous.h5"),
    ("6 compound, gzip", "rows", "6_gzip.h5"),
    ("9 LZF", "fresh_f32", "9_lzf.h5"),
    ("9 Zstandard", "fresh_f32", "9_zstd.h5"),
    ("9 Blosc LZ4", "fresh_f32", "9_blosc.h5"),
    ("9 bitshuffle LZ4", "fresh_f32", "9_bitshuffle.h5"),
]


def build():
    env = dict(os.environ, RUSTFLAGS="")
    subprocess.run(["cargo", "build", "--release", "-p", "h5manager-benches"], cwd=ROOT, check=True, env=env)
    subprocess.run(["cargo", "build", "--release"], cwd=os.path.join(HERE, "rivals"), check=True, env=env)
    target = os.path.join(ROOT, "target", "compare_c")
    compile_c(target)
    rivals = os.path.join(HERE, "rivals", "target", "release", "compare-rivals")
    ours = os.path.join(ROOT, "target", "release", "compare_ours")
    return {
        "C": [target],
        "ours": [ours],
        "ours, mapped": ["env", "MAP=1", ours],
        "h5py": [sys.executable, os.path.join(HERE, "h5py_rows.py")],
        "rust-hdf5": [rivals, "rust-hdf5"],
        "hdf5-reader": [rivals, "hdf5-reader"],
    }


def compile_c(target):
    """With the libhdf5 that the wheel of h5py carries, a newer one than most systems have; else with the system's."""
    import h5py

    wheels = glob.glob(os.path.join(os.path.dirname(os.path.dirname(h5py.__file__)), "h5py.libs", "libhdf5-*.so*"))
    source = os.path.join(HERE, "c.c")
    if not wheels:
        subprocess.run(["h5cc", "-O2", "-o", target, source], check=True, cwd=os.path.dirname(target))
        print("C: the libhdf5 of the system")
        return
    # Compiled with the headers of the system, whose macros name what has a number in later versions.
    command = ["gcc", "-O2", "-I/usr/include/hdf5/serial", "-DH5Ovisit=H5Ovisit1", "-DH5Literate=H5Literate1", source,
               "-o", target, wheels[0], f"-Wl,-rpath,{os.path.dirname(wheels[0])}", "-Wl,--allow-shlib-undefined"]
    subprocess.run(command, check=True)
    os.environ["HDF5_DISABLE_VERSION_CHECK"] = "2"
    print(f"C: libhdf5 {h5py.version.hdf5_version}, of h5py's wheel")


def run(command, row, path, threads):
    env = dict(os.environ, RAYON_NUM_THREADS=str(threads))
    try:
        # The plug-ins of the C library stand nowhere by default: h5py finds hdf5plugin's.
        done = subprocess.run([*command, row, path], capture_output=True, text=True, env=env, timeout=300)
    except subprocess.TimeoutExpired:
        return None, "too slow"
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["failed"]
        return None, lines[-1][:60]
    seconds, check, *_ = done.stdout.split()
    return float(seconds), check


def compare(commands, row, path, threads, rounds):
    """Of each competitor its seconds in every round; and why some have none. The first round is not counted."""
    times, notes, checks = {who: [] for who in commands}, {}, set()
    for number in range(rounds + 1):
        # In another order each time: who comes behind one that leaves much memory, or none, finds it faster or slower.
        for who, command in random.Random(number).sample(list(commands.items()), len(commands)):
            if who in notes:
                continue
            seconds, check = run(command, row, path, threads)
            if seconds is None:
                notes[who] = check
                continue
            checks.add(check)
            if number:
                times[who].append(seconds)
    if len(checks - {"-"}) > 1:
        print(f"NOTE: they do not agree on {row} of {path}: {checks}", file=sys.stderr)
    return times, notes


def ratio(theirs, ours):
    """How many times faster ours is: the median of the rounds, each beside itself, for a shared machine is now fast, now slow."""
    return statistics.median(t / o for t, o in zip(theirs, ours))


def compare_handle(commands, data, rounds, only):
    """Twice the reads by two threads through one handle, beside the reads of one: 2 is twice as many in the same time."""
    title, path = "one handle, 2 threads", os.path.join(data, "7_small_chunks.h5")
    if only not in title:
        return
    for who in ("ours", "ours, mapped"):
        times = [[run(commands[who], row, path, 1)[0] for row in ("one_thread", "two_threads")] for _ in range(5 * rounds)]
        one, two = zip(*times[1:])
        print(f"\n{title}, random reads of 7 ({who}): {2 * ratio(one, two):.2f} times as many as one", flush=True)


# Whole processes: the program of C's tools, ours, the file.
PROGRAMS = [
    ("`h5ls -r` and `ls -r`, old format", ["h5ls", "-r"], ["ls", "-r"], "3_old.h5"),
    ("`h5ls -r` and `ls -r`, new format", ["h5ls", "-r"], ["ls", "-r"], "3_new.h5"),
    ("`h5stat` and `stat`, old format", ["h5stat"], ["stat"], "3_old.h5"),
    ("`h5stat` and `stat`, new format", ["h5stat"], ["stat"], "3_new.h5"),
    ("process start", ["h5ls", "--version"], ["--version"], None),
]


def compare_programs(program, data, rounds, only):
    """C's tools and our program as processes in turn, from their start to their end."""
    print("\n| whole processes in turn | C's, ms | ours, ms | times C's |")
    print("| --- | --- | --- | --- |")
    for title, theirs, ours, name in PROGRAMS:
        if only not in title + (name or ""):
            continue
        file = [os.path.join(data, name)] if name else []
        times = {"C": [], "ours": []}
        for number in range(5 * rounds + 1):
            for who, command in ("C", [*theirs, *file]), ("ours", [program, *ours, *file]):
                begun = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                if number:
                    times[who].append(time.perf_counter() - begun)
        c, ours = (statistics.median(t) * 1e3 for t in times.values())
        print(f"| {title} | {c:.2f} | {ours:.2f} | {ratio(times['C'], times['ours']):.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", default="2,1")
    parser.add_argument("--program", default=os.path.join(ROOT, "target", "release", "h5manager"))
    arguments = parser.parse_args()
    if not os.path.exists(arguments.program):
        sys.exit(f"no {arguments.program}: cargo build --release makes it")
    commands = build()
    try:
        import hdf5plugin
        os.environ.setdefault("HDF5_PLUGIN_PATH", hdf5plugin.PLUGIN_PATH)
    except ImportError:
        pass
    for threads in map(int, arguments.threads.split(",")):
        print(f"\n{threads} thread{'s' * (threads > 1)} for those that use more than one\n")
        print("| row | C, ms | " + " | ".join(w for w in commands if w != "C") + " |")
        print("| --- " * (len(commands) + 1) + "|")
        for title, row, name in ROWS:
            if arguments.only not in title + name:
                continue
            times, notes = compare(commands, row, os.path.join(arguments.data, name), threads, arguments.rounds)
            c, cells = times.pop("C"), []
            for mine in times.values():
                if not mine:
                    cells.append("–")
                elif c:
                    cells.append(f"{ratio(c, mine):.1f}" if ratio(c, mine) < 100 else f"{ratio(c, mine):.0f}")
                else:
                    cells.append(f"{statistics.median(mine) * 1e3:.1f} ms")
            c = f"{statistics.median(c) * 1e3:.2f}" if c else "–"
            print(f"| {title} | {c} | " + " | ".join(cells) + " |", flush=True)
            for who, note in notes.items():
                print(f"    {who}: {note}", file=sys.stderr)
    compare_handle(commands, arguments.data, arguments.rounds, arguments.only)
    compare_programs(arguments.program, arguments.data, arguments.rounds, arguments.only)


main()
