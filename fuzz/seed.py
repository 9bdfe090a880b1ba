"""Makes small files as a starting corpus for each fuzz target, with h5py and hdf5plugin.

    seed.py FOLDER [--matrix N]      FOLDER/open_walk_read, FOLDER/messages, …

One or two objects a file, so that a few KiB hold each form of the format and mutations meet what matters; with --matrix, too,
what fixtures/matrix draws in N files and is small enough. The other targets get pieces of these files: message bodies,
datatypes with elements, whole files with the place of a heap or a tree, chunks as the filters leave them.
"""
import argparse
import glob
import hashlib
import os
import struct
import subprocess
import sys
import tempfile

import h5py
import numpy as np
from seed_files import PLUGINS, files, low_level, write

LARGEST = 12 << 10  # bytes; a larger file is mutated less often where it matters
WALKING = ("open_walk_read", "open_walk_read_unchecked", "anatomy")


# --- pieces of files -------------------------------------------------------------------------------------------------


def messages(raw):
    """The bodies of all messages of all object headers, found by their looks."""
    for at in range(0, len(raw) - 16):
        if raw[at : at + 5] == b"OHDR\x02":
            flags = raw[at + 5]
            begin = at + 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
            width = 1 << (flags & 3)
            size = int.from_bytes(raw[begin : begin + width], "little")
            yield from bodies(raw[begin + width : begin + width + size], 4 + 2 * bool(flags & 4), lambda e: e[1:3])
        elif raw[at : at + 5] == b"OCHK\x02":
            pass
        elif at % 8 == 0 and raw[at : at + 2] == b"\x01\0" and 0 < raw[at + 2] < 64 and raw[at + 12 : at + 16] == bytes(4):
            size = int.from_bytes(raw[at + 8 : at + 12], "little")
            yield from bodies(raw[at + 16 : at + 16 + size], 8, lambda e: e[2:4])


def bodies(chunk, envelope, length):
    while len(chunk) > envelope:
        size = int.from_bytes(length(chunk), "little")
        yield chunk[envelope : envelope + size]
        chunk = chunk[envelope + size :]


SIGNATURES = {b"FRHP": 0, b"BTHD": 1, b"TREE": 2, b"FAHD": 4, b"EAHD": 5}
OTHERS = (b"SNOD", b"GCOL", b"HEAP", b"FHDB", b"FHIB", b"BTLF", b"BTIN", b"SMTB", b"SMLI", b"FSHD", b"FSSE", b"FADB", b"EAIB", b"\x89HDF")


def places(raw, signatures):
    for signature in signatures:
        at = raw.find(signature)
        while at >= 0:
            yield signature, at
            at = raw.find(signature, at + 1)


def heaps(raw):
    """What `heaps_and_trees` takes: which kind, where it begins, the file. A heap's identifiers come first in the file."""
    ids = b"".join(raw[i : i + 7] + b"\0" for _, at in places(raw, [b"BTLF"]) for i in range(at + 10, min(at + 10 + 11 * 16, len(raw) - 7), 11))
    for signature, at in places(raw, SIGNATURES):
        for kind in [SIGNATURES[signature]] + [3] * (signature == b"TREE"):
            head = ids[: min(512, at)] if kind == 0 else b""
            yield struct.pack("<BH", kind, at) + head + raw[len(head) :]
    for _, at in places(raw, [b"GCOL"]):
        elements = b"".join(struct.pack("<IQI", 3, 64, i) for i in range(1, 5))
        yield struct.pack("<BH", 6, 0) + elements + raw[at : at + 4096]


def walk(path, visit):
    try:
        with h5py.File(path) as f:
            found = []
            f.visititems(lambda _, item: found.append(item))
            for item in found:
                try:
                    visit(item)
                except Exception:
                    pass  # a source that is not there, a filter without a plugin
    except OSError:
        pass


def datatypes(item, keep):
    if isinstance(item, h5py.Dataset):
        kind = item.id.get_type()
        size = kind.get_size()
        raw = np.zeros(min(item.size or 0, 8) * size, "u1")
        keep("datatype", kind.encode()[2:] + (raw + np.arange(len(raw), dtype="u1")).tobytes())


FILTERS = [1, 2, 3, 4, 5, 6, 305, 307, 32000, 32001, 32003, 32004, 32008, 32009, 32012, 32013, 32015, 32018, 32019, 32020, 32022, 32025, 32026, 32027]


def chunks(item, keep):
    """What `filters` takes: how many filters, how large a chunk is, each filter with its parameters, what is stored."""
    if not isinstance(item, h5py.Dataset) or not item.chunks:
        return
    dcpl = item.id.get_create_plist()
    pipeline = [dcpl.get_filter(i) for i in range(dcpl.get_nfilters())][:3]
    if not pipeline or any(f[0] not in FILTERS for f in pipeline):
        return
    size = int(np.prod(item.chunks)) * item.id.get_type().get_size()
    head = bytes([len(pipeline) - 1, max(0, (size - 1).bit_length() - 4)])
    for number, _, parameters, _ in pipeline:
        parameters = parameters[:23]
        head += bytes([FILTERS.index(number), len(parameters)]) + struct.pack(f"<{len(parameters)}I", *parameters)
    for i in range(min(2, item.id.get_num_chunks())):
        info = item.id.get_chunk_info(i)
        keep("filters", head + item.id.read_direct_chunk(info.chunk_offset)[1])


def round_chunks(folder):
    """Chunks of as many bytes as the target decodes: a power of 2."""
    with h5py.File(os.path.join(folder, "filters.h5"), "w", libver="latest") as f:
        for i, keywords in enumerate([*PLUGINS.values(), {"compression": 5}, {"shuffle": True, "compression": 1}, {"fletcher32": True}, {"scaleoffset": 3}]):
            for kind in ("<f4", "<f8", "<i2", ">u4", "u1"):
                for size in (64, 1024):
                    try:
                        values = (np.arange(size) // 3 * 7 % 100).astype(kind)[: size // np.dtype(kind).itemsize]
                        f.create_dataset(f"{i}{kind}{size}", data=values, chunks=values.shape, **keywords)
                    except Exception:
                        pass  # ZFP of bytes
        for i, (mask, block) in enumerate([(4, 8), (32, 8), (4, 32), (32, 16)]):
            for kind in ("<u1", "<u2", "<i4", ">f4", "<f8"):
                size = 256 // np.dtype(kind).itemsize
                write(low_level(f, f"szip{i}{kind}", (size,), kind, set_chunk=((size,),), set_szip=(mask, block)), (np.arange(size) // 3).astype(kind))
        for kind in (np.dtype([("a", "<i2"), ("b", "<f4"), ("c", "S2")]), "<i4", ">u2"):
            write(low_level(f, f"nbit{kind}"[:20], (32,), kind, set_chunk=((32,),), set_filter=(5, 1, (0,))), np.ones(32, kind))
    return os.path.join(folder, "filters.h5")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--matrix", type=int, default=0, help="how many files of fixtures/matrix to draw from, too")
    a = parser.parse_args()
    counts = {}

    def keep(target, content):
        if not 0 < len(content) <= LARGEST:
            return
        folder = os.path.join(a.folder, target)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, hashlib.sha1(content).hexdigest()), "wb") as out:
            out.write(content)
        counts[target] = counts.get(target, 0) + 1

    with tempfile.TemporaryDirectory() as made:
        files(made)
        if a.matrix:
            make = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "matrix", "make.py")
            subprocess.run([sys.executable, make, os.path.join(made, "matrix"), "--seed", "900", "--count", str(a.matrix)], check=True, stdout=subprocess.DEVNULL)
        for path in glob.glob(os.path.join(made, "**", "*.h5"), recursive=True):
            with open(path, "rb") as f:
                raw = f.read(LARGEST + 1)
            for target in WALKING:
                keep(target, raw)
            if len(raw) <= LARGEST:
                pieces(raw, path, keep)
        walk(round_chunks(made), lambda item: chunks(item, keep))
    for target, count in sorted(counts.items()):
        print(f"{count:6} {target}")


def pieces(raw, path, keep):
    for body in messages(raw):
        keep("messages", body)
    for _, at in places(raw, [*SIGNATURES, *OTHERS]):
        keep("messages", raw[at : at + 512])
    for case in heaps(raw):
        keep("heaps_and_trees", case)
    if "matrix" not in os.path.basename(os.path.dirname(path)):
        walk(path, lambda item: (datatypes(item, keep), chunks(item, keep)))


if __name__ == "__main__":
    main()
