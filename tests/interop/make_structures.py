"""Makes files with the structures that h5py's own interface does not choose, and writes down what is in them.

    make_structures.py FOLDER

Shared messages, filtered and huge heap objects, sizes of addresses other than 8, B-tree ranks, strategies of file space,
cache images, files split over several, shifted files, creation order. For each `NAME.json`, a description as make_files.py
writes it, the file is `NAME.h5`, or the one that its entry "file:" names. `names:PATH` lists the links of a group by
their names; `order:PATH` the links of a group, and `order:PATH@` the attributes of an object, in the order in which they
were made.
"""
import ctypes as C
import glob
import json
import os
import sys

import h5py
import numpy as np
from h5py import h5f, h5p

from make_files import describe

BASE = os.path.join(os.path.dirname(os.path.dirname(h5py.__file__)), "h5py.libs")
LIB = C.CDLL(glob.glob(os.path.join(BASE, "libhdf5-*.so*"))[0])  # the one that h5py has loaded
DATASPACE, DATATYPE, FILL, PIPELINE, ATTRIBUTE = 0x02, 0x08, 0x20, 0x800, 0x1000


def call(name, *arguments):
    fn = getattr(LIB, name)
    fn.restype = C.c_int
    if fn(*arguments) < 0:
        raise RuntimeError(name)


def create(path, fcpl=None, fapl=None, libver=("earliest", "latest")):
    """A new file with these property lists."""
    names = {"earliest": h5f.LIBVER_EARLIEST, "v18": h5f.LIBVER_V18, "latest": h5f.LIBVER_LATEST}
    fapl = fapl or h5p.create(h5p.FILE_ACCESS)
    fapl.set_libver_bounds(*(names[n] for n in libver))
    fapl.set_fclose_degree(h5f.CLOSE_STRONG)
    return h5py.File(h5f.create(os.fsencode(path), h5f.ACC_TRUNC, fcpl or h5p.create(h5p.FILE_CREATE), fapl))


def fill(f, many=30):
    """Something of everything: groups, attributes, chunks, strings, committed types."""
    f["type"] = np.dtype([("a", "<i4"), ("b", ">f8")])
    rows = np.zeros(3, f["type"].dtype)
    rows["a"] = [1, 2, 3]
    f.create_dataset("rows", data=rows, dtype=f["type"])
    f["rows"].attrs.create("row", rows[1], dtype=f["type"])
    for i in range(many):
        d = f.create_dataset(f"many/dataset{i:05}", data=np.arange(6, dtype="<i4").reshape(2, 3) * i, fillvalue=-5)
        d.attrs["name"] = f"the dataset of number {i % 3}, with a long description that is shared"
    packed = f.create_dataset("packed", (300,), "<u2", chunks=(16,), maxshape=(None,), compression="gzip", fillvalue=7)
    packed[40:260] = np.arange(220)
    f.create_dataset("packed2", (300,), "<u2", chunks=(16,), compression="gzip", fillvalue=7)[3:5] = 1
    f["text"] = np.array(["one", "zwei", ""], dtype=h5py.string_dtype())
    for i in range(12):
        f["many"].attrs[f"attribute{i}"] = np.arange(20) + i % 2
    f["link"] = h5py.SoftLink("/packed")


def shared(folder):
    everything = DATASPACE | DATATYPE | FILL | PIPELINE | ATTRIBUTE
    forms = {
        "one": [everything],
        "each": [DATASPACE, DATATYPE, FILL, PIPELINE, ATTRIBUTE],
        "some": [DATATYPE | ATTRIBUTE, FILL],
    }
    for name, indexes in forms.items():
        for phase in ((50, 40), (0, 0), (3, 2)):
            for libver in (("earliest", "latest"), ("latest", "latest")):
                fcpl = h5p.create(h5p.FILE_CREATE)
                call("H5Pset_shared_mesg_nindexes", C.c_int64(fcpl.id), C.c_uint(len(indexes)))
                for i, kinds in enumerate(indexes):
                    call("H5Pset_shared_mesg_index", C.c_int64(fcpl.id), C.c_uint(i), C.c_uint(kinds), C.c_uint(8))
                call("H5Pset_shared_mesg_phase_change", C.c_int64(fcpl.id), C.c_uint(phase[0]), C.c_uint(phase[1]))
                yield create(f"{folder}/shared_{name}_{phase[0]}_{libver[0]}.h5", fcpl, libver=libver)


def heaps(folder):
    """Groups whose links are filtered, and links and attributes too large for the blocks of a heap."""
    f = create(f"{folder}/heaps.h5", libver=("v18", "latest"))
    for name in ("plain", "filtered", "checked"):
        gcpl = h5p.create(h5p.GROUP_CREATE)
        if name != "plain":
            call("H5Pset_deflate", C.c_int64(gcpl.id), C.c_uint(6))
        if name == "checked":
            call("H5Pset_fletcher32", C.c_int64(gcpl.id))
        h5py.h5g.create(f.id, name.encode(), gcpl=gcpl)
        for count in (9, 100, 3000):
            inner = h5py.Group(h5py.h5g.create(f[name].id, str(count).encode(), gcpl=gcpl))
            inner["target"] = np.int32(count)
            for i in range(count):
                inner[f"a link of number {i}"] = inner["target"]
            for i in range(3):
                inner[f"long {i} " + "x" * (5000 + 20000 * i)] = inner["target"]
            for i in range(12):
                inner.attrs[f"attribute{i}"] = np.arange(3 + 400 * i)
    return f


def ordered(folder):
    for libver in ("v18", "latest"):
        f = create(f"{folder}/ordered_{libver}.h5", libver=(libver, "latest"))
        rng = np.random.default_rng(5)
        for name, flags in (("tracked", 1), ("indexed", 3)):
            for count in (5, 80):
                gcpl = h5p.create(h5p.GROUP_CREATE)
                gcpl.set_link_creation_order(flags)
                gcpl.set_attr_creation_order(flags)
                g = h5py.Group(h5py.h5g.create(f.id, f"{name}{count}".encode(), gcpl=gcpl))
                for i in rng.permutation(count):
                    g[f"member{i}"] = np.int32(i)
                    g.attrs[f"attribute{i}"] = np.int32(i)
                del g["member2"], g.attrs["attribute1"]
                g["member2"] = np.int32(2)
        yield f


def orders(f):
    found = {}
    for name in f:
        if name in ("plain", "filtered", "checked"):
            found |= {f"names:/{name}/{count}": sorted(f[name][count]) for count in f[name]}
        if name.startswith(("tracked", "indexed")):
            names, group = [], f[name]
            group.id.links.iterate(names.append, idx_type=h5py.h5.INDEX_CRT_ORDER)
            found[f"order:/{name}"] = [n.decode() for n in names]
            names = []
            h5py.h5a.iterate(group.id, names.append, index_type=h5py.h5.INDEX_CRT_ORDER)
            found[f"order:/{name}@"] = [n.decode() for n in names]
    return found


def widths(folder):
    for sizes in ((2, 2), (4, 4), (8, 4), (4, 8), (2, 8)):
        # What libhdf5 cannot read of its own files: the 64 KiB of a heap's block do not fit a length of two bytes, and an
        # unlimited dimension of four bytes is a number to it, so that an extensible array has none. With 16 or 32 bytes
        # it loses its way in memory when it writes.
        for libver in ("earliest", "v18", "latest")[: {2: 1, 4: 2, 8: 3}[sizes[1]]]:
            fcpl = h5p.create(h5p.FILE_CREATE)
            call("H5Pset_sizes", C.c_int64(fcpl.id), *(C.c_size_t(n) for n in sizes))
            yield create(f"{folder}/widths_{sizes[0]}_{sizes[1]}_{libver}.h5", fcpl, libver=(libver, "latest")), sizes


def ranks(folder):
    for internal, leaf, chunk in ((1, 1, 1), (2, 200, 3), (500, 1, 100)):
        for libver in ("earliest", "v18"):
            fcpl = h5p.create(h5p.FILE_CREATE)
            call("H5Pset_sym_k", C.c_int64(fcpl.id), C.c_uint(internal), C.c_uint(leaf))
            call("H5Pset_istore_k", C.c_int64(fcpl.id), C.c_uint(chunk))
            yield create(f"{folder}/ranks_{internal}_{leaf}_{libver}.h5", fcpl, libver=(libver, "latest"))


def spaces(folder):
    for strategy in range(4):
        for persist in (False, True):
            fcpl = h5p.create(h5p.FILE_CREATE)
            fcpl.set_file_space_strategy(strategy, persist, 1)
            if strategy == 1:
                fcpl.set_file_space_page_size(4096 if persist else 512)
            yield create(f"{folder}/space_{strategy}_{int(persist)}.h5", fcpl)


class ImageConfig(C.Structure):
    _fields_ = [("version", C.c_int), ("generate", C.c_bool), ("resize", C.c_bool), ("ageout", C.c_int)]


def image(folder):
    """What the cache of metadata held at the end, stored as it was: the places it is for hold older bytes."""
    path = f"{folder}/image.h5"
    f = create(path, libver=("latest", "latest"))
    fill(f)
    f.close()
    fapl = h5p.create(h5p.FILE_ACCESS)
    fapl.set_libver_bounds(h5f.LIBVER_LATEST, h5f.LIBVER_LATEST)
    config = ImageConfig(1, True, False, -1)
    call("H5Pset_mdc_image_config", C.c_int64(fapl.id), C.byref(config))
    f = h5py.File(h5f.open(path.encode(), h5f.ACC_RDWR, fapl))
    f["many"].attrs["new"] = 5
    f["new"] = np.arange(5)
    f["packed"].resize((500,))
    f["packed"][400:] = 9
    del f["many/dataset00003"]
    # Not after closing: libhdf5 trips over images of its own that hold newer indexes of chunks.
    write(path, f)
    f.close()
    assert b"MDCI" in open(path, "rb").read()


def split(folder):
    for libver in ("earliest", "latest"):
        for block in (0, 512):
            inside = f"{folder}/family_{libver}_{block}"
            os.mkdir(inside)
            options = {"libver": (libver, "latest"), "driver": "family", "memb_size": 3000}
            if block:
                options["userblock_size"] = block
            with h5py.File(f"{inside}/part%03d.h5", "w", **options) as f:
                fill(f)
                write(inside, f, f"family_{libver}_{block}/part000.h5", f"family_{libver}_{block}/part004.h5")
        with h5py.File(f"{folder}/split_{libver}", "w", libver=(libver, "latest"), driver="split") as f:
            fill(f)
            write(f"{folder}/split_{libver}", f, f"split_{libver}-m.h5", f"split_{libver}-r.h5")
    fapl = h5p.create(h5p.FILE_ACCESS)
    call("H5Pset_fapl_multi", C.c_int64(fapl.id), None, None, None, None, C.c_bool(True))
    f = create(f"{folder}/multi", fapl=fapl)
    fill(f)
    write(f"{folder}/multi", f, "multi-s.h5", "multi-o.h5", "multi-r.h5")
    f.close()


def shifted(folder):
    """A file with bytes put in front of it, and one that lost its user block."""
    for libver in ("earliest", "latest"):
        path = f"{folder}/whole_{libver}.h5"
        f = create(path, libver=(libver, "latest"))
        fill(f)
        f.close()
        whole = open(path, "rb").read()
        os.remove(path)
        with open(f"{folder}/shifted_{libver}.h5", "wb") as out:
            out.write(b"\0" * 2048 + whole)
        with h5py.File(path, "w", libver=(libver, "latest"), userblock_size=1024) as f:
            fill(f)
        whole = open(path, "rb").read()
        os.remove(path)
        with open(f"{folder}/stripped_{libver}.h5", "wb") as out:
            out.write(whole[1024:])
        for name in ("shifted", "stripped"):
            with h5py.File(f"{folder}/{name}_{libver}.h5") as f:
                write(f"{folder}/{name}_{libver}.h5", f)


def write(stem, f, *names):
    description = describe(f) | orders(f)
    if names:
        description["file:"] = names
    with open(os.path.splitext(stem)[0] + ".json", "w") as out:
        json.dump(description, out)


def close(f):
    path = f.filename
    f.close()
    with h5py.File(path) as f:
        write(path, f)


def main():
    folder = sys.argv[1]
    for made in (shared, ranks, spaces):
        for f in made(folder):
            fill(f)
            close(f)
    for f, sizes in widths(folder):
        fill(f, 6 if 2 in sizes else 30)
        close(f)
    for f in ordered(folder):
        close(f)
    close(heaps(folder))
    image(folder)
    split(folder)
    shifted(folder)


if __name__ == "__main__":
    main()
