"""The script that people write: every image opened with Pillow, resized, collected, stored with h5py.

    plain.py FOLDER OUTPUT [--draft] [--processes N]

--draft lets libjpeg decode at the smallest scale that is not below the size; --processes shares the work.
"""
import argparse
import os
from multiprocessing import Pool

import h5py
import numpy as np
from PIL import Image, ImageOps

SIZE = 64


def load(path, draft):
    with Image.open(path) as image:
        if draft:
            image.draft("RGB", (SIZE, SIZE))
        image = ImageOps.exif_transpose(image).convert("RGB")
        return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def load_star(task):
    return load(*task)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder")
    ap.add_argument("output")
    ap.add_argument("--draft", action="store_true")
    ap.add_argument("--processes", type=int, default=1)
    a = ap.parse_args()
    classes = sorted(os.listdir(a.folder))
    files = [(c, n) for c in classes for n in sorted(os.listdir(os.path.join(a.folder, c)))]
    tasks = [(os.path.join(a.folder, c, n), a.draft) for c, n in files]
    images = np.empty((len(files), SIZE, SIZE, 3), np.uint8)
    if a.processes == 1:
        for i, task in enumerate(tasks):
            images[i] = load(*task)
    else:
        with Pool(a.processes) as pool:
            for i, image in enumerate(pool.imap(load_star, tasks, chunksize=16)):
                images[i] = image
    with h5py.File(a.output, "w") as f:
        f.create_dataset("images", data=images, chunks=(1, SIZE, SIZE, 3), maxshape=(None, SIZE, SIZE, 3))
        f["labels"] = np.array([classes.index(c) for c, _ in files])
        f["labels"].attrs["class_names"] = classes
        f["filenames"] = [f"{c}/{n}" for c, n in files]


if __name__ == "__main__":
    main()
