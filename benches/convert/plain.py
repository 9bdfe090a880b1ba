"""The script that people write: every image opened with Pillow, resized, collected, stored with h5py. One process.

    plain.py FOLDER OUTPUT
"""
import os
import sys

import h5py
import numpy as np
from PIL import Image, ImageOps

SIZE = 64


def main():
    folder, output = sys.argv[1:]
    classes = sorted(os.listdir(folder))
    files = [(c, n) for c in classes for n in sorted(os.listdir(os.path.join(folder, c)))]
    images = np.empty((len(files), SIZE, SIZE, 3), np.uint8)
    for i, (c, n) in enumerate(files):
        with Image.open(os.path.join(folder, c, n)) as image:
            image = ImageOps.exif_transpose(image).convert("RGB")
            images[i] = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS))
    with h5py.File(output, "w") as f:
        f.create_dataset("images", data=images, chunks=(1, SIZE, SIZE, 3), maxshape=(None, SIZE, SIZE, 3))
        f["labels"] = np.array([classes.index(c) for c, _ in files])
        f["labels"].attrs["class_names"] = classes
        f["filenames"] = [f"{c}/{n}" for c, n in files]


if __name__ == "__main__":
    main()
