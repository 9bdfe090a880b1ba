"""Times `convert` of N JPEGs of 500x375 to 64 px against the plain script, in turn, in one run.

    run.py [--images 2000] [--runs 5] [--program target/release/h5manager]

The images are made of the photographs in fixtures/photos, each cropped at another place. Prints the median wall time and
processor time of both, their ratio, and the peak memory of ours, for N and for half as many images.
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
        ours = lambda folder: [a.program, "--quiet", "convert", folder, "--output", output, "--dim", "64", "--overwrite"]
        plain = [sys.executable, os.path.join(HERE, "plain.py"), sizes[a.images], output]
        runs = {"h5manager": [], "Pillow + h5py": []}
        for _ in range(a.runs):
            runs["h5manager"].append(timed(ours(sizes[a.images])))
            runs["Pillow + h5py"].append(timed(plain))
        wall = {}
        for name, found in runs.items():
            wall[name] = statistics.median(r[0] for r in found)
            cpu = statistics.median(r[1] for r in found)
            print(f"{name:14} {wall[name]:6.2f} s wall, {cpu:6.2f} s processor, {max(r[2] for r in found) >> 20} MiB")
        half = timed(ours(sizes[a.images // 2]))
        print(f"{'half as many':14} {half[0]:6.2f} s wall, {half[1]:6.2f} s processor, {half[2] >> 20} MiB")
        print(f"ratio {wall['Pillow + h5py'] / wall['h5manager']:.1f}")
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
