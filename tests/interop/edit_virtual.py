"""Virtual datasets of sources in the same file and in others: made by h5py, written to by tests/interop_edit.rs, checked by h5py.

    edit_virtual.py make|check FOLDER
"""
import pathlib
import sys

import h5py
import numpy as np

ROWS = np.arange(240, dtype="i4").reshape(12, 20)


def make(folder):
    for libver in ("v110", "latest"):
        with h5py.File(folder / f"{libver}.h5", "w", libver=libver) as f:
            f.create_dataset("s/contiguous", data=ROWS[:4])
            f.create_dataset("s/chunked", data=ROWS[4:8].astype(">f8"), chunks=(3, 7), compression="gzip", shuffle=True)
            f.create_dataset("s/growing", data=ROWS[8:], chunks=(2, 20), maxshape=(None, 20))
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_layout(h5py.h5d.COMPACT)
            h5py.h5d.create(f.id, b"s/compact", h5py.h5t.STD_I16LE, h5py.h5s.create_simple((3, 4)), plist)
            stacked = h5py.VirtualLayout((12, 20), "i4")
            stacked[0:4], stacked[4:8], stacked[8:12] = (h5py.VirtualSource(f["s/" + n])[:4] for n in ("contiguous", "chunked", "growing"))
            f.create_virtual_dataset("stacked", stacked, fillvalue=-1)
            # Every other column of one, columns of another turned into rows of two, and nothing in the last row.
            woven = h5py.VirtualLayout((5, 20), "i4")
            woven[0:4, 0::2] = h5py.VirtualSource(f["s/contiguous"])[:, 10:]
            woven[0:2, 1:13:2] = h5py.VirtualSource(f["s/compact"])[:, 0:4]
            f.create_virtual_dataset("woven", woven, fillvalue=-5)
            wide = h5py.VirtualLayout((4, 20), "i4", maxshape=(None, 30))
            wide[1:3] = h5py.VirtualSource(f["s/contiguous"])[0:2]
            f.create_virtual_dataset("wide", wide, fillvalue=-1)
            grown = h5py.VirtualLayout((4, 20), "i4", maxshape=(None, 20))
            grown[0:h5py.h5s.UNLIMITED] = h5py.VirtualSource(f["s/growing"])[0:h5py.h5s.UNLIMITED]
            f.create_virtual_dataset("grown", grown)
            text = f.create_dataset("s/text", data=["a", "bb", "ccc"], dtype=h5py.string_dtype())
            words = h5py.VirtualLayout((4,), h5py.string_dtype())
            words[1:4] = h5py.VirtualSource(text)
            f.create_virtual_dataset("words", words)
            above = h5py.VirtualLayout((12, 20), "i4")
            above[...] = h5py.VirtualSource(f["stacked"])
            f.create_virtual_dataset("above", above)
        # A run as detectors write it: files of frames, one of an older library, and one that leads to all of them.
        run = h5py.VirtualLayout((14, 20), "i4", maxshape=(None, 20))
        for number, rows in enumerate([ROWS[:4], ROWS[4:8].astype(">f8"), ROWS[8:]]):
            with h5py.File(folder / f"frames{number}_{libver}.h5", "w", libver="earliest" if number == 1 else libver) as f:
                f.create_dataset("data/frames", data=rows, chunks=(3, 7), maxshape=(None, 20), compression="gzip")
            run[number * 4 : number * 4 + 4] = h5py.VirtualSource(f"frames{number}_{libver}.h5", "data/frames", shape=(4, 20))
        with h5py.File(folder / f"frames0_{libver}.h5", "r+", libver=libver) as f:
            f.create_dataset("text", data=["a", "bb", "ccc"], dtype=h5py.string_dtype())
        with h5py.File(folder / f"run_{libver}.h5", "w", libver=libver) as f:
            f.create_dataset("own", data=ROWS[:2])
            run[12:14] = h5py.VirtualSource(f["own"])
            f.create_virtual_dataset("run", run, fillvalue=-1)
            words = h5py.VirtualLayout((3,), h5py.string_dtype())
            words[...] = h5py.VirtualSource(f"frames0_{libver}.h5", "text", shape=(3,), dtype=h5py.string_dtype())
            f.create_virtual_dataset("words", words)


def check(folder):
    for libver in ("v110", "latest"):
        with h5py.File(folder / f"{libver}.h5", "r+") as f:
            want = np.concatenate([ROWS, ROWS[:2]])
            want[2:10, 3:15] = -np.arange(96).reshape(8, 12)
            want[::5, ::7] = 1000
            woven = np.full((5, 20), -5)
            want[0:4, 10:] = woven[0:4, 0::2] = np.arange(80).reshape(4, 20)[:, 0::2]
            woven[0:2, 1:13:2] = np.arange(40).reshape(2, 20)[:, 1:13:2]
            want[9, 9] = 77
            want[12:] = [[5] * 20, [6] * 20]
            for name, rows in ("stacked", 12), ("above", 12), ("grown", 6):
                found = f[name][...]
                assert (found == want[-rows:] if name == "grown" else found == want[:rows]).all(), (libver, name, found)
            assert (f["woven"][...] == woven).all(), f["woven"][...]
            assert (f["s/compact"][...].ravel() == woven[0:2, 1:13:2].ravel()).all()
            assert (f["s/chunked"][...] == want[4:8]).all() and f["s/chunked"].dtype == ">f8"
            assert list(f["words"].asstr()) == ["", "é" * 40, "bb", "x"], list(f["words"].asstr())
            wide = np.full((6, 25), -1)
            wide[1:3, :20] = want[:2]
            wide[5:, :20] = -1
            assert (f["wide"][...] == wide).all(), f["wide"][...]
            f["wide"].id.set_extent((7, 20))
            # libhdf5 goes on with it.
            f["stacked"][3:9, 2] = 9
            f["s/growing"].resize(7, 0)
        with h5py.File(folder / f"{libver}.h5") as f:
            assert (f["s/contiguous"][3, 2], f["s/growing"][0, 2], f["grown"].shape) == (9, 9, (7, 20))
        want = np.concatenate([ROWS, ROWS[:2]])
        want[2:14, 3:15] = np.arange(144).reshape(12, 12)
        want[::5, ::7] = 1000
        for number in range(3):
            with h5py.File(folder / f"frames{number}_{libver}.h5", "r+") as f:
                assert (f["data/frames"][...] == want[number * 4 : number * 4 + 4]).all(), f["data/frames"][...]
                f["data/frames"][3, 19] = number
        with h5py.File(folder / f"run_{libver}.h5", "r+") as f:
            want[3::4, 19] = 0, 1, 2
            assert (f["run"][...] == want).all() and (f["own"][...] == want[12:]).all()
            assert list(f["words"].asstr()) == ["a", "é" * 40, "x"] and f["run"].attrs["rows"] == 14
            f["run"][4] = 9


{"make": make, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
