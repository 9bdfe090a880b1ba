"""Files that h5py wrote, repacked by us through other filters, in the eyes of h5py.

    python refilter.py H5MANAGER FOLDER

Prints a line for each check and the number of failures at the end.
"""
import os
import subprocess
import sys

import h5py
import numpy as np

PROGRAM, FOLDER = sys.argv[1:3]
os.chdir(FOLDER)
failures = 0


def check(name, good):
    global failures
    failures += not good
    print(("ok    " if good else "FAILED ") + name, flush=True)


def direct(dataset, offset, elements, mask):
    dataset.id.write_direct_chunk(offset, np.ascontiguousarray(elements).tobytes(), filter_mask=mask)


def make(f):
    """Chunks of all kinds: at the edges, missing, cut short, with masks, of many sizes; each index that the bounds allow."""
    rng = np.random.default_rng(3)
    data = np.cumsum(rng.integers(-3, 4, (23, 17, 9)), 0).astype("i4")

    def put(name, data=data, **options):
        return f.create_dataset(name, data=data, **options)

    put("plain", chunks=(4, 5, 3))
    put("bytes", data.astype("i1"), chunks=(1, 17, 9), maxshape=(None, 17, 9))
    put("gzip", chunks=(5, 17, 9), compression=9, maxshape=(None, 17, 9))
    put("checked", chunks=(5, 4, 9), shuffle=True, compression=1, fletcher32=True, maxshape=(None, None, 9))
    put("big", data.astype(">f8"), chunks=(3, 6, 9), compression="lzf")
    put("scaled", chunks=(6, 6, 6), scaleoffset=0)
    put("single", chunks=data.shape, compression="gzip")
    put("pairs", data[:, :, :2].copy().view([("a", "<i4"), ("b", "<i4")])[..., 0], chunks=(4, 4))
    put("text", np.array([f"row {i} é" for i in range(40)], object), dtype=h5py.string_dtype(), chunks=(7,))
    put("many", np.arange(9000, dtype="u2"), chunks=(3,), maxshape=(None,))
    put("contiguous")
    put("scalar", 5)
    masked = put("masked", chunks=(8, 17, 9), compression="gzip", shuffle=True)
    direct(masked, (8, 0, 0), data[8:16], 3)
    # The last chunk ends with the last element: libhdf5 reads such.
    short = put("short", data[:10, 0, 0], chunks=(8,), compression="gzip")
    direct(short, (8,), np.frombuffer(__import__("zlib").compress(data[8:10, 0, 0].tobytes()), "u1"), 0)
    sparse = f.create_dataset("sparse", (100, 100), "f4", chunks=(10, 10), maxshape=(None, 100), fillvalue=7)
    sparse[33, 44] = 1
    f.create_dataset("nothing", (100, 100), "f4", chunks=(10, 10), compression="gzip")
    f.create_dataset("empty", (0, 100), "f4", chunks=(10, 10), maxshape=(None, 100))
    shrunk = put("shrunk", chunks=(4, 5, 3), maxshape=(None, None, None), compression="gzip")
    shrunk.resize((9, 8, 7))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 3))
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    early = h5py.h5d.create(f.id, b"implicit", h5py.h5t.STD_U8LE, h5py.h5s.create_simple((9, 7)), plist)
    early.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(63, dtype="u1").reshape(9, 7))
    # As MATLAB writes what is small.
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    for name, shape in ("compact", (9, 7)), ("one", ()):
        compact = h5py.h5d.create(f.id, name.encode(), h5py.h5t.STD_U8LE, h5py.h5s.create_simple(shape), plist)
        compact.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(np.prod(shape), dtype="u1").reshape(shape))


def repacked(name, filters, *options):
    arguments = [a for f in filters for a in ("-f", f)]
    for threads in ("1", "3"):
        command = [PROGRAM, "-q", "-j", threads, "repack", *arguments, *options, name, f"new{threads}.h5", "--overwrite"]
        done = subprocess.run(command, capture_output=True, text=True)
        check(f"{name} {' '.join(filters)} on {threads}: {done.stderr.strip()}", done.returncode == 0)
    with open("new1.h5", "rb") as one, open("new3.h5", "rb") as three:
        check(f"{name}: the same by three threads", one.read() == three.read())
    return h5py.File("new1.h5", rdcc_nbytes=0)


def forms():
    for libver in ("earliest", "v110", "latest"):
        name = f"{libver}.h5"
        with h5py.File(name, "w", libver=libver) as f:
            make(f)
        for filters in ["GZIP=4"], ["SHUF", "GZIP=1"], ["FLET"], ["SHUF", "GZIP=6", "FLET"], ["NONE"]:
            with h5py.File(name) as old, repacked(name, filters, "--verify") as new:
                wrong = [n for n in old if old[n].shape != new[n].shape or not np.array_equal(old[n][()], new[n][()])]
                check(f"{name}: all datasets {wrong or ''}", not wrong and set(old) == set(new) and len(old) == 21)
                chunked = [n for n in new if new[n].chunks]
                other = [n for n in chunked if (new[n].chunks, new[n].maxshape) != (old[n].chunks, old[n].maxshape) and old[n].chunks]
                check(f"{name}: chunks {other or ''}", not other)
                asked = ("GZIP" in str(filters), "SHUF" in filters, "FLET" in filters)
                other = [n for n in chunked if (new[n].compression == "gzip", new[n].shuffle, new[n].fletcher32) != asked]
                check(f"{name}: filters {other or ''}", not other)
                compact = [new[n].id.get_create_plist().get_layout() == h5py.h5d.COMPACT for n in ("compact", "one")]
                check(f"{name}: compact {compact}", compact == [filters == ["NONE"], True])
                counts = {n: new[n].id.get_num_chunks() for n in ("sparse", "nothing", "many")}
                check(f"{name}: missing chunks {counts}", counts == {"sparse": 1, "nothing": 0, "many": 3000})


def large():
    """Chunks that more than one thread fetches, and a damaged one."""
    with h5py.File("large.h5", "w") as f:
        d = f.create_dataset("d", (6, 9 << 20), "u1", chunks=(1, 9 << 20))
        for row in range(6):
            d[row] = np.arange(9 << 20) // (row + 1) >> 4
        d = f.create_dataset("e", (40, 1000), "i4", chunks=(1, 1000), compression="gzip", fletcher32=True)
        d[...] = np.arange(40000).reshape(40, 1000)
        at = d.id.get_chunk_info(33)
    with h5py.File("large.h5") as old, repacked("large.h5", ["GZIP=1"]) as new:
        wrong = [row for row in range(6) if not np.array_equal(old["d"][row], new["d"][row])]
        check(f"large chunks {wrong or ''}", not wrong and np.array_equal(old["e"][...], new["e"][...]))
    with open("large.h5", "r+b") as f:
        f.seek(at.byte_offset + at.size // 2)
        f.write(b"\x55\xaa\x55")
    command = [PROGRAM, "-q", "repack", "-f", "GZIP=1", "large.h5", "damaged.h5"]
    done = subprocess.run(command, capture_output=True, text=True)
    named = all(word in done.stderr for word in ("/e", "chunk", f"{at.byte_offset:#x}"))
    check(f"a damaged chunk: {done.stderr.strip()}", done.returncode == 2 and named and not os.path.exists("damaged.h5"))


forms()
large()
print(f"{failures} failures")
