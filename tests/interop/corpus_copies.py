"""Repacks a folder of files under several bounds, and looks at the copies with `check --lost` and with h5dump 1.10.

    corpus_copies.py PROGRAM FOLDER BOUND... [--every N] [--only TEXT] [-j N]

Of every copy: `PROGRAM check --lost` finds nothing that it does not find in the original, but for gaps of less than 8 bytes
(structures begin at multiples of 8); and h5dump, for bounds up to v110, reads it if it reads the original. Files that are
not repacked are counted: what cannot be read cannot be copied. Not part of CI, which does the same with the files of
fixtures/matrix (copies.py).
"""
import argparse
import concurrent.futures
import functools
import json
import os
import pathlib
import subprocess
import tempfile

OLD = ("earliest", "v18", "v110")


def run(*command, cwd):
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, cwd=cwd)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", "no answer in 120 s")


def dump(name, cwd):
    """How h5dump ends with a file, and what it complains about; what it shows is not kept."""
    try:
        done = subprocess.run(("h5dump", name), cwd=cwd, timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return done.returncode, done.stderr.decode(errors="replace").strip()[:300]
    except subprocess.TimeoutExpired:
        return 124, "no answer in 120 s"


@functools.cache
def is_dumped(path):
    return dump(path.name, path.parent)[0] == 0


def findings(program, folder, name, *options):
    """What `check` finds, without places, and the bytes that are lost in gaps of 8 and more."""
    done = run(program, "check", "--json", *options, name, cwd=folder)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = [line for line in lines if "finding" in line]
    lost = [f for f in found if "that nothing leads to" in f["finding"]]
    large = [f for f in lost if int(f["finding"].split(" bytes")[0].split()[-1]) >= 8]
    return {(f["object"], f["finding"].split(" at 0x")[0]) for f in found if f not in lost}, large, done.stderr


def look(program, path, bound):
    """What is wrong with the copy of a file: nothing, a reason, or that there is none."""
    with tempfile.TemporaryDirectory() as folder:
        for near in path.parent.iterdir():
            os.symlink(near, os.path.join(folder, near.name))
        copy = "copy of " + path.name
        done = run(program, "repack", "--libver", bound, path.name, copy, cwd=folder)
        if done.returncode:
            return "not copied: " + done.stderr.strip()[:200]
        found, lost, complaint = findings(program, folder, copy, "--lost")
        if found or lost or complaint:
            before, _, _ = findings(program, folder, path.name)
            objects = {o for o, _ in before}
            new = sorted(f for f in found if f[0] not in objects)
            if new or lost:
                return f"check: {new[:3]} {lost[:3]}"
        if bound in OLD and is_dumped(path):
            code, complaint = dump(copy, folder)
            if code:
                return f"h5dump: {code} {complaint}"
        return ""


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("bounds", nargs="+")
    arguments.add_argument("--every", type=int, default=1)
    arguments.add_argument("--only", default="")
    arguments.add_argument("-j", type=int, default=2)
    a = arguments.parse_args()
    program = os.path.abspath(a.program)
    files = [p for p in sorted(a.folder.rglob("*")) if p.is_file() and not p.is_symlink() and a.only in str(p)]
    files = [p for p in files if b"\x89HDF\r\n\x1a\n" in p.open("rb").read(1 << 13) and "hostile" not in p.parts]
    for bound in a.bounds:
        counts = {"fine": 0, "not copied": 0, "bad": 0}
        with concurrent.futures.ThreadPoolExecutor(a.j) as pool:
            for path, what in zip(files[:: a.every], pool.map(lambda p: look(program, p, bound), files[:: a.every])):
                kind = "fine" if not what else "not copied" if what.startswith("not copied") else "bad"
                counts[kind] += 1
                if what:
                    print(f"{bound} {path.relative_to(a.folder)}: {what}", flush=True)
        print(bound, ", ".join(f"{n} {kind}" for kind, n in counts.items()), flush=True)


if __name__ == "__main__":
    main()
