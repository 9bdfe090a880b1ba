"""Runs the program on hostile files: it must end by itself, without a panic or a signal, in time and in memory.

    survive.py PROGRAM FOLDER [FOLDER ...]

Every file below the folders goes through `ls`, `digest`, `visualize`, `explain` and `stat`. Prints each failure, then how many runs passed.
"""
import os
import resource
import subprocess
import sys
import time

VERBS = [["ls", "-r", "-v", "-a"], ["digest", "--json"], ["visualize"], ["explain", "--all", "--deep"], ["stat"]]
SECONDS, MEMORY = 1.0, 256 << 20
# Seconds are the processor's; by the clock, which other programs share, it may take ten times as long before it counts as a hang.
CLOCK = 10
# A debug build gets more time; the limit of memory holds everywhere.
PATIENCE = float(os.environ.get("H5MANAGER_PATIENCE", "1"))


def run(program, verb, path):
    """(reason of the failure or None, seconds of the processor, peak bytes)."""
    start = time.monotonic()
    child = subprocess.Popen(
        [program, *verb, os.path.basename(path)],
        cwd=os.path.dirname(path) or ".",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (int(60 * PATIENCE), int(60 * PATIENCE))),
    )
    error = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    waited, seconds, peak = time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10
    if child.returncode < 0:
        return f"killed by signal {-child.returncode}", seconds, peak
    if child.returncode not in (0, 1, 2) or b"panicked" in error:
        return f"exit code {child.returncode}: {error[-200:]!r}", seconds, peak
    if seconds > SECONDS * PATIENCE or waited > CLOCK * SECONDS * PATIENCE:
        return f"took {seconds:.1f} s, {waited:.1f} s by the clock", seconds, peak
    if peak > MEMORY:
        return f"took {peak >> 20} MiB", seconds, peak
    return None, seconds, peak


def main():
    program, folders = os.path.abspath(sys.argv[1]), sys.argv[2:]
    files = sorted(
        os.path.join(where, name)
        for folder in folders
        for where, _, names in os.walk(folder)
        for name in names
        if not name.endswith((".py", ".md", ".txt", ".json"))
    )
    if not files:
        sys.exit("no files")
    good = bad = 0
    slowest = largest = 0
    for path in files:
        for verb in VERBS:
            reason, seconds, peak = run(program, verb, path)
            slowest, largest = max(slowest, seconds), max(largest, peak)
            if reason:
                bad += 1
                print(f"FAIL {verb[0]} {path}: {reason}", flush=True)
            else:
                good += 1
    print(f"{len(files)} files: {good} runs passed, {bad} failed; slowest {slowest:.2f} s of the processor, most memory {largest >> 20} MiB")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
