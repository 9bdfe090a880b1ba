"""Holds our digests against libhdf5's on the corpus, where it is present.

    conformance.py PROGRAM FOLDER

FOLDER holds the corpus and its `check.py`. Some sources must pass as a whole; of all files only a few may stay behind,
and those must say by name what is not supported: a wrong value is never accepted.
"""
import os
import re
import subprocess
import sys

WHOLE = ("h5py/", "keras/", "HDF5.jl/", "caffe/", "cooler/", "openmc/", "biom/")
# Files behind codecs that are not to be had; spec-notes/unsupported.md names them.
MOST_BEHIND = 19


def honest(line):
    """Whether a difference is said to be unsupported, or follows from an object that is."""
    return "not supported" in line


def explained(lines):
    """Differences of a file, those left out that an unsupported object or attribute explains."""
    named = {line.split(": ")[0] for line in lines if honest(line)}
    return [line for line in lines if not honest(line) and line.split(": ")[0] not in named]


def main():
    program, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    check = subprocess.run(
        [sys.executable, os.path.join(folder, "check.py"), "--bin", program], capture_output=True, text=True
    )
    failures, current = {}, None
    for line in check.stdout.splitlines():
        if line.startswith("FAIL "):
            current = re.sub(r": \d+ differ$", "", line[5:])
            failures[current] = []
        elif line.startswith("     ") and current:
            failures[current].append(line.strip())
    total = re.fullmatch(r"(\d+) passed, (\d+) failed", check.stdout.splitlines()[-1])
    good, bad = int(total[1]), int(total[2])
    print(f"NOTE {good} of {good + bad} files have libhdf5's digest")
    wrong = []
    for name, lines in failures.items():
        if any(w in name for w in WHOLE) and not name.startswith(("hdf5-json", "hdfgroup", "peers")):
            wrong.append(f"{name}: {lines[:3]}")
        rest = unexplained(program, os.path.join(folder, "corpus", name), lines)
        if rest:
            wrong.append(f"{name}: {rest[:3]}")
    if bad > MOST_BEHIND:
        wrong.append(f"only {good} of {good + bad}")
    for w in wrong:
        print("WRONG", w)
    print(f"{good} passed, {len(wrong)} failed")
    sys.exit(bool(wrong))


def unexplained(program, path, lines):
    """What `check.py` cut off or could not see: the program's own records say why something is missing."""
    out = subprocess.run(
        [program, "digest", "--json", os.path.basename(path)], cwd=os.path.dirname(path), capture_output=True, text=True
    )
    if out.returncode and "not supported" in out.stderr:
        return []
    import json

    excused = set()
    for line in out.stdout.splitlines():
        record = json.loads(line)
        path = record.get("path", "")
        if "not supported" in record.get("error", "") or "not supported" in record.get("attrs_error", ""):
            excused.add(path)
        excused.update(f"{path}@{n}" for n, a in record.get("attrs", {}).items() if "not supported" in a.get("error", ""))
    return [
        line
        for line in explained(lines)
        if not any(line.startswith((e + ":", e + "/", e + "@")) for e in excused)
    ]


if __name__ == "__main__":
    main()
