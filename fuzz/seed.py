"""Makes small files with h5py as a starting corpus.

    seed.py FOLDER
"""
import os
import sys

import h5py
import numpy as np


def fill(f, dense):
    f["numbers"] = np.arange(12, dtype=">i4").reshape(3, 4)
    f.create_dataset("chunked", data=np.arange(100.0), chunks=(7,), compression="gzip", shuffle=True, fletcher32=True)
    f["text"] = np.array(["one", "two", ""], dtype=h5py.string_dtype())
    f["compound"] = np.zeros(2, dtype=[("a", "<f4"), ("b", "S3"), ("c", "<i2", (2,))])
    f["truth"] = np.array([True, False])
    f["reference"] = np.array([f["numbers"].ref, f.ref], dtype=h5py.ref_dtype)
    f["sequence"] = np.array([np.arange(2), np.arange(3)], dtype=object).astype(h5py.vlen_dtype("<i4"))
    f["empty"] = h5py.Empty("f4")
    f["soft"] = h5py.SoftLink("/numbers")
    f["other"] = h5py.ExternalLink("other.h5", "/x")
    f["type"] = np.dtype([("x", "<f8")])
    for i in range(30 if dense else 3):
        f.require_group("group").attrs[f"attribute{i}"] = i
        f.require_group("group").create_group(f"child{i}")


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, libver in [("earliest", None), ("v108", ("earliest", "v108")), ("v110", ("v110", "v110")), ("latest", "latest")]:
        for dense in (False, True):
            with h5py.File(os.path.join(folder, f"{name}_{int(dense)}.h5"), "w", libver=libver) as f:
                fill(f, dense)


if __name__ == "__main__":
    main()
