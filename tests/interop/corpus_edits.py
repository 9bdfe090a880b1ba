"""Edits a copy of each file of a folder in place, and holds what libhdf5 reads of it then against what it read before.

    corpus_edits.py PROGRAM CONFORMANCE [--only TEXT] [--reuse-space] [-j N]

CONFORMANCE is the folder with `check.py`, `oracle.py` and `corpus/expected.jsonl`. In one commit the root group and the first
dataset get an attribute, and the root another one that is renamed; in a second one a link is made. All other
objects, attributes and elements must be what they were, and the new ones what was written. With --reuse-space the room
that nothing leads to is written first. Not part of CI.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

SIZE = 50_000_000


def script(records):
    """What is done, and which attributes are new, by path."""
    first = next((p for p, r in records.items() if r.get("kind") == "dataset" and "same_as" not in r), None)
    lines = ["set-attr / zz_number [1,2,3]", f"set-attr / zz_old {'x' * 90}", "rename-attr / zz_old zz_new"]
    new = {"/": {"zz_number", "zz_new"}}
    if first and "\n" not in first:
        name = re.sub(r"\\udc(..)", lambda m: chr(0xDC00 + int(m[1], 16)), first)
        lines.append(f"set-attr {shlex.quote(name)} zz_text 'of a dataset'")
        new[first] = {"zz_text"}
    # Names may be any bytes.
    return os.fsencode("\n".join(lines)), new


def look(command, tools, path, entry):
    """What is wrong, or why there is nothing to be compared."""
    want = {r.get("path", ""): r for r in entry["records"]}
    with tempfile.TemporaryDirectory() as folder:
        for near in path.parent.iterdir():
            os.symlink(near, os.path.join(folder, near.name))
        copy = os.path.join(folder, path.name)
        os.unlink(copy)
        pathlib.Path(copy).write_bytes(path.read_bytes())
        changes, new = script(want)
        for lines in (changes, b"ln-soft /nowhere /zz_link"):
            done = subprocess.run([*command, copy, "--script", "-"], input=lines, capture_output=True, timeout=120, cwd=folder)
            if done.returncode:
                return "refused: " + done.stderr.decode(errors="replace").strip().replace(copy, path.name)[:160]
        got = {r.get("path", ""): r for r in tools.oracle.limited(copy)}
    for at, names in new.items():
        attributes = got.get(at, {}).get("attrs", {})
        if not names <= attributes.keys():
            return f"wrong: {at} has {sorted(attributes)[:9]}"
        for name in names:
            del attributes[name]
        if not attributes and not want[at].get("attrs"):
            got[at].pop("attrs", None)
            want[at].pop("attrs", None)
    if got.pop("/zz_link", None) is None:
        return "wrong: no /zz_link"
    found = tools.check.differences(want, got)
    if found:
        # A codec of another version may read other values; then it does so of the file as it was.
        before = {r.get("path", ""): r for r in tools.oracle.limited(str(path))}
        found = tools.check.differences(before, got)
    return f"wrong: {found[:3]}" if found else ""


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("conformance", type=pathlib.Path)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--reuse-space", action="store_true")
    arguments.add_argument("-j", type=int, default=2)
    a = arguments.parse_args()
    sys.path.insert(0, str(a.conformance.resolve()))
    import check
    import oracle

    tools = collections.namedtuple("Tools", "check oracle")(check, oracle)
    command = [os.path.abspath(a.program), "edit", "-q", *["--reuse-space"] * a.reuse_space]
    corpus = a.conformance.resolve() / "corpus"
    entries = [json.loads(line) for line in open(corpus / "expected.jsonl")]
    entries = [e for e in entries if a.only in e["file"] and "path" in e["records"][0] and not e["file"].startswith("hostile/")]
    entries = [e for e in entries if (corpus / e["file"]).stat().st_size < SIZE]
    counts = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(a.j) as pool:
        results = pool.map(lambda e: look(command, tools, corpus / e["file"], e), entries)
        for entry, what in zip(entries, results):
            counts[what.split(":")[0] or "as before"] += 1
            if what:
                print(f"{entry['file']}: {what}", flush=True)
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    sys.exit(counts["wrong"] > 0)


main()
