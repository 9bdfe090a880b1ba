"""What the quick start left in FOLDER, read by others: h5py, h5dump, Hugging Face datasets; and held against Pillow.

    quickstart.py FOLDER [PROGRAM]

PROGRAM (default: target/release/h5manager) converts the parent folder, too: the merged file must be equal to it.
"""
import os
import subprocess
import sys

import h5py
import numpy as np
from PIL import Image, ImageOps

PHOTOS = "fixtures/photos"
BROKEN = {"animal/text_not_jpeg.jpg", "building/truncated.jpg"}
SIZE = 64
passed = 0


def check(name, condition, detail=""):
    global passed
    if not condition:
        sys.exit(f"FAILED {name}: {detail}")
    passed += 1


def on_white(image):
    """RGB as a person sees it: upright, transparent parts white, 16 bit scaled to 8."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        image = Image.fromarray(np.round(np.asarray(image, np.float64) / 257).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def names_on_disk():
    found = []
    for c in ("animal", "building"):
        for name in os.listdir(os.path.join(PHOTOS, c)):
            found.append(f"{c}/{name}")
    return sorted(set(found) - BROKEN, key=str.encode)


def by_h5py(path):
    with h5py.File(path) as f:
        names = [n.decode() for n in f["filenames"][:]]
        check("datasets", sorted(f) == ["filenames", "images", "labels"], sorted(f))
        check("names", names == names_on_disk(), names)
        check("shape", f["images"].shape == (len(names), SIZE, SIZE, 3) and f["images"].dtype == np.uint8, f["images"])
        check("growing", f["images"].maxshape[0] is None)
        check("labels", f["labels"].dtype == np.int64 and f["labels"][:].tolist() == [int(n[0] == "b") for n in names])
        check("class names", list(f["labels"].attrs["class_names"]) == ["animal", "building"])
        return names, f["images"][:]


def by_pillow(names, images):
    worst = 0.0
    for name, ours in zip(names, images):
        with Image.open(os.path.join(PHOTOS, name)) as image:
            # The reference resizes as we do: after the picture is upright and without transparency.
            theirs = on_white(image).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        difference = np.abs(ours.astype(int) - np.asarray(theirs).astype(int))
        worst = max(worst, difference.mean())
        check(f"pixels of {name}", difference.mean() < 1.5 and difference.max() <= 40, (difference.mean(), difference.max()))
    print(f"NOTE largest mean difference from Pillow: {worst:.2f} of 255")


def by_h5dump(path):
    done = subprocess.run(["h5dump", "-d", "/labels", path], capture_output=True, text=True)
    check("h5dump", done.returncode == 0 and "class_names" in done.stdout, done.stderr)
    done = subprocess.run(["h5dump", path], capture_output=True)
    check("h5dump of everything", done.returncode == 0 and not done.stderr, done.stderr[-300:])


def by_datasets(path, count):
    os.environ["HF_HUB_OFFLINE"] = "1"  # the file is here; nothing is to be asked of a network
    from datasets import load_dataset

    cache = os.path.join(os.path.dirname(os.path.abspath(path)), "datasets-cache")
    train = load_dataset("hdf5", data_files=path, cache_dir=cache)["train"]
    check("datasets", train.num_rows == count and set(train.column_names) == {"images", "labels", "filenames"}, train)
    check("a row of datasets", np.asarray(train[0]["images"]).shape == (SIZE, SIZE, 3))


def equal_to_parent(folder, program):
    parent = os.path.join(folder, "parent_64.h5")
    subprocess.run([program, "--quiet", "convert", PHOTOS, "--output", parent, "--dim", str(SIZE), "--overwrite"], check=True, stdout=subprocess.DEVNULL)
    with h5py.File(parent) as a, h5py.File(os.path.join(folder, "merged.h5")) as b:
        for name in ("images", "labels", "filenames"):
            check(f"{name} as of the parent folder", a[name].dtype == b[name].dtype and np.array_equal(a[name][:], b[name][:]))
        check("classes as of the parent folder", list(a["labels"].attrs["class_names"]) == list(b["labels"].attrs["class_names"]))


def main():
    folder = sys.argv[1]
    program = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else "target/release/h5manager")
    merged = os.path.join(folder, "merged.h5")
    names, images = by_h5py(merged)
    by_pillow(names, images)
    by_h5dump(merged)
    by_datasets(merged, len(names))
    equal_to_parent(folder, program)
    with Image.open(os.path.join(folder, "sheet.png")) as sheet:
        check("contact sheet", min(sheet.size) > 400, sheet.size)
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()
