"""The lossy and rare filters of hdf5plugin.

    lossy.py make FOLDER           ZFP and FCIDECOMP (JPEG-LS) in every mode: FOLDER/lossy.h5, and what h5py reads from it:
                                   all values one behind the other in FOLDER/lossy.raw; FOLDER/lossy.txt says where:
                                   path, start, length, and how many chunks went through
                                   the filter; /plain/NAME is what was to be stored
    lossy.py check FOLDER          h5py reads from every dataset of FOLDER/ours.h5 what it reads from that of lossy.h5,
                                   and every chunk went through its filter
"""
import os
import sys

import h5py
import hdf5plugin
import numpy as np

FCIDECOMP = 32018


def zfp():
    modes = {
        "rate8": {"rate": 8}, "rate17": {"rate": 17.5}, "precision9": {"precision": 9}, "precision40": {"precision": 40},
        "accuracy": {"accuracy": 0.01}, "coarse": {"accuracy": 100}, "reversible": {"reversible": True},
        "expert": {"minbits": 70, "maxbits": 1500, "maxprec": 30, "minexp": -20},
    }
    shapes = [((70,), (33,)), ((21, 19), (8, 13)), ((9, 10, 11), (4, 5, 6)), ((5, 6, 7, 8), (5, 4, 3, 6)), ((3, 50), (1, 16))]
    for name, mode in modes.items():
        for dtype in ("<i4", "<i8", "<f4", "<f8"):
            if dtype[1] == "i" and "accuracy" in mode:
                continue
            rng = np.random.default_rng(3)
            for s, (shape, chunks) in enumerate(shapes):
                count = int(np.prod(shape))
                smooth = np.sin(np.arange(count) / 9) * 1000 + rng.normal(size=count) * 3
                mixed = np.where(np.arange(count) % 64 < 20, 0, rng.normal(size=count) * 10.0 ** (np.arange(count) // 64 % 9 - 4))
                for kind, values in (("smooth", smooth), ("mixed", mixed)):
                    yield f"zfp_{name}/{dtype[1:]}_{s}_{kind}", values.reshape(shape).astype(dtype), chunks, dict(hdf5plugin.Zfp(**mode))


def jpeg_ls():
    """Parameters: bits, components (filled in), interleave, near, highest value, three thresholds, reset."""
    options = {
        "exact": (0, 0, 0, 0, 0, 0, 0, 0, 0), "near1": (0, 0, 0, 1, 0, 0, 0, 0, 0), "near5": (0, 0, 0, 5, 0, 0, 0, 0, 0),
        "line": (0, 0, 1, 0, 0, 0, 0, 0, 0), "sample": (0, 0, 2, 0, 0, 0, 0, 0, 0), "sample2": (0, 0, 2, 2, 0, 0, 0, 0, 0),
        "own": (0, 0, 0, 0, 1, 5, 9, 30, 31), "own_near": (0, 0, 0, 3, 1, 9, 20, 30, 100),
    }
    shapes = [((40, 37), (40, 37)), ((64, 100), (20, 33)), ((3, 24, 31), (3, 24, 31)), ((4, 24, 31), (4, 24, 31))]
    for name, user in options.items():
        for dtype, bits in (("u1", 8), ("<u2", 16), ("<u2", 12), ("<u2", 10), ("u1", 5), ("<i2", 16)):
            rng = np.random.default_rng(4)
            for s, (shape, chunks) in enumerate(shapes):
                if user[2] and len(shape) == 2 or user[2] == 0 and len(shape) == 3 and shape[0] == 4 and user[3]:
                    continue
                if user[3] > (1 << bits) // 8:
                    continue
                # CharLS takes a highest value of 0 at its word where other parameters are given.
                highest = ((1 << bits) - 1) * user[4]
                rows, columns = np.indices(shape[-2:])
                edges = (rows // 7 + columns // 11) * 37 + rows * columns // 9
                noisy = edges + rng.integers(0, 6, shape[-2:])
                speckled = np.where(rng.random(shape[-2:]) < 0.05, (1 << bits) - 1, 3)
                for kind, values in (("edges", edges), ("noisy", noisy), ("speckled", speckled), ("one", edges * 0 + 9)):
                    values = np.broadcast_to(values, shape) + np.arange(shape[0]).reshape(-1, 1, 1) if len(shape) == 3 else values
                    values = (values % (1 << bits)).astype(dtype)
                    yield f"jls_{name}/{dtype[-2:]}_{bits}_{s}_{kind}", values, chunks, {
                        "compression": FCIDECOMP, "compression_opts": (bits, *user[1:4], highest, *user[5:]),
                    }


def make(folder):
    path = os.path.join(folder, "lossy.h5")
    with h5py.File(path, "w") as f:
        for name, data, chunks, codec in [*zfp(), *jpeg_ls()]:
            f.create_dataset(name, data=data, chunks=chunks, **codec)
            f.create_dataset("plain/" + name, data=data)
    out = lambda name: open(os.path.join(folder, name), "wb")
    # Opened again: what was written may still be there as it was.
    with h5py.File(path) as f, out("lossy.raw") as raw, out("lossy.txt") as index:
        for group in (f[name] for name in f if name != "plain"):
            for dataset in group.values():
                values = dataset[()]
                masks = [dataset.id.get_chunk_info(i).filter_mask for i in range(dataset.id.get_num_chunks())]
                index.write(f"{dataset.name} {raw.tell()} {values.nbytes} {masks.count(0)}\n".encode())
                raw.write(values.tobytes())


def check(folder):
    compared = 0
    with h5py.File(os.path.join(folder, "lossy.h5")) as theirs, h5py.File(os.path.join(folder, "ours.h5")) as ours:
        for group in ours.values():
            for dataset in group.values():
                assert dataset[()].tobytes() == theirs[dataset.name][()].tobytes(), dataset.name
                masks = {dataset.id.get_chunk_info(i).filter_mask for i in range(dataset.id.get_num_chunks())}
                assert masks == {0}, (dataset.name, masks)
                compared += 1
    print(compared)


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](sys.argv[2])
