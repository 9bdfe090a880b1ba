"""Repacks what libhdf5 writes by chance, and lets libhdf5 say whether the copies hold the same.

    copies.py PROGRAM FOLDER SEED COUNT BOUND...

For each file of fixtures/matrix (drawn by SEED) and each BOUND: `PROGRAM repack --libver BOUND`, then the digest that
libhdf5 has of the copy must be that of the original; `PROGRAM check` finds nothing in the copy, no lost space either (corpus_copies.py does the same with any folder); and h5dump, where it is
installed and the bound is one that it knows, reads all of it. A refusal must name what is not supported.
"""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MATRIX = os.path.join(os.path.dirname(os.path.dirname(HERE)), "fixtures", "matrix")
sys.path.insert(0, MATRIX)
from check import differences, files_of, first_member  # noqa: E402
from corpus_copies import findings  # noqa: E402

OLD = ("earliest", "v18", "v110")


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, **options)


def digests(folder, names):
    """What libhdf5 reads in each file."""
    done = run(sys.executable, os.path.join(MATRIX, "oracle.py"), *names, cwd=folder)
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    return {os.path.basename(e["file"]): e["records"] for e in entries}


def trouble(program, folder, name, bound, want):
    """Why a copy is not what it should be; (None, copy) if there is one to look into, (None, None) if refused by name."""
    copy = f"copy-{bound}-{name.replace('%', '_')}"
    done = run(program, "repack", "--libver", bound, first_member(name), copy, cwd=folder)
    if done.returncode != 0:
        # What cannot be read cannot be copied.
        unread = '"error":' in run(program, "digest", "--json", first_member(name), cwd=folder).stdout
        by_name = done.returncode == 2 and ("not supported" in done.stderr or unread)
        return (None if by_name else f"repack: {done.stderr.strip()[:300]}"), None
    checked = run(program, "check", copy, cwd=folder)
    if checked.returncode != 0 and run(program, "check", first_member(name), cwd=folder).returncode != 0:
        # Damaged chunks stay as they are; libhdf5 reads something else in them each time.
        return None, None
    if checked.returncode != 0:
        return f"check: {(checked.stdout + checked.stderr).strip()[:400]}", copy
    _, lost, _ = findings(program, folder, copy, "--lost")
    if lost:
        return f"check --lost: {lost[:3]}", copy
    again = digests(folder, [copy]).get(copy, [])
    if not again or "path" not in again[0]:
        return f"libhdf5 on the copy: {again[:1]}", copy
    differ = differences(want, again)
    return ("; ".join(differ[:4]) or None), copy


def dumped(folder, name, copy):
    """What h5dump says of the copy that it does not say of the original."""
    before, after = (run("h5dump", "-w", "200", f, cwd=folder) for f in (name, copy))
    if before.returncode == 0 and after.returncode != 0:
        return f"h5dump: {after.stderr.strip()[:300]}"
    return None


def main():
    program, folder, seed, count, *bounds = sys.argv[1:]
    made = run(sys.executable, os.path.join(MATRIX, "make.py"), folder, "--seed", seed, "--count", count)
    if made.returncode:
        sys.exit(made.stderr)
    names = files_of(folder)
    want = digests(folder, names)
    h5dump = shutil.which("h5dump")
    good, bad, refused = 0, 0, 0
    for name in names:
        if not want.get(name) or "path" not in want[name][0]:
            continue
        for bound in bounds:
            why, copy = trouble(program, folder, name, bound, want[name])
            if why is None and copy and h5dump and bound in OLD:
                why = dumped(folder, name, copy)
            if why:
                bad += 1
                print(f"FAIL {name} {bound}: {why}")
            elif copy:
                good += 1
            else:
                refused += 1
            if copy and os.path.exists(os.path.join(folder, copy)):
                os.remove(os.path.join(folder, copy))
    if not h5dump:
        print("NOTE no h5dump here")
    print(f"{good} passed, {bad} failed, {refused} refused")


if __name__ == "__main__":
    main()
