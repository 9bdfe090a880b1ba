"""Times `convert` of N JPEGs of 500x375 to 64 px against the script that people write, in turn, in one run.

    run.py [--images 2000] [--runs 5] [--program target/release/h5manager]

The peers: plain.py alone, with two processes, with JPEG's draft mode, and with both. The images are made of the photographs
in fixtures/photos, each cropped at another place. Prints the median wall time and processor time of all, how many times ours
that is, and the peak memory (of the largest process); and ours for half as many images.
"""
import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
PHOTOS = os.path.join(HERE, "../../fixtures/photos")


def make(folder, count):
    """`count` JPEGs of 500x375 in two classes."""
    rng = random.Random(7)
    classes = ("animal", "building")
    photos = {}
    for c in classes:
        os.makedirs(os.path.join(folder, c))
        names = sorted(n for n in os.listdir(os.path.join(PHOTOS, c)) if n.endswith(".jpg") and n != "text_not_jpeg.jpg" and n != "truncated.jpg")
        photos[c] = [Image.open(os.path.join(PHOTOS, c, n)).convert("RGB").resize((640, 480)) for n in names]
    for i in range(count):
        c = classes[i % 2]
        x, y = rng.randrange(141), rng.randrange(106)
        photo = rng.choice(photos[c]).crop((x, y, x + 500, y + 375))
        photo.save(os.path.join(folder, c, f"{i:05}.jpg"), quality=85)


def timed(command):
    """Wall seconds, processor seconds, peak bytes."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--images", type=int, default=2000)
    ap.add_argument("--runs", type=int, default=5)
    ap.add_argument("--program", default="target/release/h5manager")
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        sizes = {n: os.path.join(tmp, f"images{n}") for n in (a.images, a.images // 2)}
        for n, folder in sizes.items():
            make(folder, n)
        output = os.path.join(tmp, "out.h5")
        ours = lambda folder, *more: [a.program, "--quiet", "convert", folder, "--output", output, "--dim", "64", "--overwrite", *more]
        plain = lambda *more: [sys.executable, os.path.join(HERE, "plain.py"), sizes[a.images], output, *more]
        commands = {
            "h5manager": ours(sizes[a.images]),
            "h5manager --jpeg full": ours(sizes[a.images], "--jpeg", "full"),
            "Pillow + h5py": plain(),
            "... 2 processes": plain("--processes", "2"),
            "... draft": plain("--draft"),
            "... draft, 2 processes": plain("--draft", "--processes", "2"),
        }
        runs = {name: [] for name in commands}
        for _ in range(a.runs):
            for name, command in commands.items():
                runs[name].append(timed(command))
        median = lambda name, i: statistics.median(r[i] for r in runs[name])
        for name, found in runs.items():
            wall, cpu, peak = median(name, 0), median(name, 1), max(r[2] for r in found) >> 20
            ratios = f"{wall / median('h5manager', 0):5.1f} x wall, {cpu / median('h5manager', 1):4.1f} x processor"
            print(f"{name:24} {wall:6.2f} s wall, {cpu:6.2f} s processor, {peak:4} MiB; {ratios}")
        half = timed(ours(sizes[a.images // 2]))
        print(f"{'half as many':24} {half[0]:6.2f} s wall, {half[1]:6.2f} s processor, {half[2] >> 20} MiB")
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
