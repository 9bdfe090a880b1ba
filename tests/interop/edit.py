"""Makes files with h5py in every form, lets h5manager edit them, and reads, extends and checks them with h5py and h5dump.

usage: edit.py FOLDER PROGRAM
"""

import ctypes
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np

SCRIPT = """
set-attr / title "a much longer title than before, so that it does not fit any more"
set-attr /g a2 [7,8,9]
set-attr /g new1 5
set-attr /g new2 text
set-attr /g new3 [1.5,2.5]   # as many as move out of the header
set-attr /g new4 x
set-attr /g new5 y
rm-attr /g a0
rename-attr /g a1 renamed
rm-attr /many60 attr005
set-attr /many60 extra 1
set-attr /many9 extra 1
rm-attr /many9 attr001
rm-attr /many9 attr002
rm-attr /many9 attr003
rm-attr /many9 attr004
rm-attr /many9 attr005
mv /many3/d000 /many9/moved
rm /many9/d003
mv /many60/d001 /many60/renamed
rm /many60/d002
ln /data/chunked /g/chunked2
ln-soft /data/chunked /many60/soft
ln-external other.h5 /x /outside            # no symbol table can hold it, nor the name of the one after the next
ln-external other.h5 /x /many3/outside
ln-soft /g /many60/größer
rm /typed
write /many9/d004 1:-1 [-7, 8, 9]
write /data/chunked 19,::10 1.25
"""


def fill(f, track):
    f.attrs["title"] = "run"
    g = f.create_group("g", track_order=track)
    for i in range(5):
        g.attrs[f"a{i}"] = np.arange(i + 1)
    for n in (3, 9, 60):
        h = f.create_group(f"many{n}", track_order=track)
        for i in range(n):
            h.create_dataset(f"d{i:03}", data=np.arange(i + 1, dtype="i4"))
            h.attrs[f"attr{i:03}"] = i * 1.5
    f["g/hard"] = f["many3/d001"]
    f["g/soft"] = h5py.SoftLink("/many9")
    rows = np.arange(600.0).reshape(20, 30)
    f.create_dataset("data/chunked", data=rows, chunks=(7, 8), maxshape=(None, 30), compression="gzip")
    f.create_dataset("data/plain", data=np.arange(5))
    f.create_dataset("data/names", data=["x", "yy", "zzz"], dtype=h5py.string_dtype())
    f["type"] = np.dtype("f4")
    typed = f.create_dataset("typed", (4,), dtype=f["type"])
    typed.attrs.create("t", np.float32(3), dtype=f["type"])
    f["data"].attrs["ref"] = f["g"].ref


def make(folder):
    for low in ("earliest", "v108", "v110", "latest"):
        for track in (False, True):
            libver = "latest" if low == "latest" else (low, "latest")
            with h5py.File(folder / f"{low}_{int(track)}.h5", "w", libver=libver, track_order=track) as f:
                fill(f, track)
    # Addresses and lengths of other widths. With lengths below 8 bytes libhdf5 cannot open its own extensible arrays.
    bounds = {"earliest": h5py.h5f.LIBVER_EARLIEST, "v108": h5py.h5f.LIBVER_V18, "latest": h5py.h5f.LIBVER_LATEST}
    for low, *sizes in [("earliest", 4, 4), ("v108", 4, 4), ("earliest", 8, 4), ("latest", 4, 8), ("v108", 8, 4)]:
        made, access = h5py.h5p.create(h5py.h5p.FILE_CREATE), h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        made.set_sizes(*sizes)
        access.set_libver_bounds(bounds[low], h5py.h5f.LIBVER_LATEST)
        access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
        name = str(folder / f"{low}_{sizes[0]}_{sizes[1]}.h5").encode()
        with h5py.File(h5py.h5f.create(name, h5py.h5f.ACC_TRUNC, made, access)) as f:
            fill(f, low == "latest")
    with h5py.File(folder / "userblock.h5", "w", userblock_size=1024) as f:
        fill(f, False)
    for strategy, persist in [("fsm", 0), ("fsm", 1), ("page", 0), ("page", 1), ("aggregate", 0), ("none", 0)]:
        options = {"fs_strategy": strategy, "fs_persist": bool(persist), "libver": "latest"}
        with h5py.File(folder / f"fs_{strategy}_{persist}.h5", "w", **options) as f:
            fill(f, False)
            # So that there is free space to be remembered.
            del f["many60/d010"], f["data/plain"]
    for name, strategy in [("fs_fsm_1", 1), ("fs_aggregate_0", 3), ("fs_none_0", 4)]:
        old_file_space(folder / f"{name}.h5", folder / f"fs_old_{strategy}.h5", strategy)
    cache_image(folder / "image.h5")


def library():
    return ctypes.CDLL(next(pathlib.Path(h5py.__file__).parent.parent.glob("h5py.libs/libhdf5-*")))


def old_file_space(path, copy, strategy):
    """Says what the file says of its free space as version 0 of that message does, which today's libraries only read."""
    data = bytearray(path.read_bytes())
    start = int.from_bytes(data[20:28], "little")
    assert data[start : start + 4] == b"OHDR" and data[start + 5] == 0x20, "with times, its size in one byte"
    message = start + 4 + 2 + 16 + 1
    end = message + data[message - 1]
    if data[message] == 0x10:
        start = int.from_bytes(data[message + 4 : message + 12], "little")
        end = start + int.from_bytes(data[message + 12 : message + 20], "little") - 4
        message = start + 4
    assert data[message] == 0x17
    body = message + 4
    # Version 1: persist, threshold, size of pages, left of pages, the end, twelve addresses. Version 0: the threshold, six.
    threshold, addresses = data[body + 3 : body + 11], data[body + 29 : body + 77] if strategy == 1 else b""
    old = bytes([0, strategy]) + threshold + addresses
    size = int.from_bytes(data[message + 1 : message + 3], "little")
    data[message + 1 : message + 3] = len(old).to_bytes(2, "little")
    left = size - len(old) - 4
    data[body : body + size] = old + bytes([0, left, 0, 0]) + bytes(left)
    checksum = library().H5_checksum_metadata
    checksum.restype = ctypes.c_uint32
    data[end : end + 4] = checksum(bytes(data[start:end]), ctypes.c_size_t(end - start), 0).to_bytes(4, "little")
    copy.write_bytes(data)


def cache_image(path):
    """A file that ends with an image of the metadata cache: where its metadata belongs there is older metadata."""

    class Config(ctypes.Structure):
        _fields_ = [("version", ctypes.c_int), ("generate", ctypes.c_bool), ("resize", ctypes.c_bool), ("age", ctypes.c_int)]

    with h5py.File(path, "w", libver="latest") as f:
        fill(f, True)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    config = Config(1, True, False, -1)
    assert library().H5Pset_mdc_image_config(ctypes.c_int64(access.id), ctypes.byref(config)) >= 0
    with h5py.File(h5py.h5f.open(str(path).encode(), h5py.h5f.ACC_RDWR, access)) as f:
        f["g"].attrs["a2"] = np.arange(50)
        f["many60"].attrs["attr006"] = "in the image"
        f["many60/fresh"] = 1
    assert b"MDCI" in path.read_bytes()


def walk(group):
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            continue
        found = group[name]
        dict(found.attrs)
        if isinstance(found, h5py.Dataset):
            found[()]
        elif isinstance(found, h5py.Group) and isinstance(link, h5py.HardLink):
            walk(found)


def links(f, path):
    return h5py.h5o.get_info(f[path].id).rc


def check(path, before, **driver):
    with h5py.File(path, "r", **driver) as f:
        walk(f)
        assert "longer" in f.attrs["title"]
        g = f["g"]
        assert list(g.attrs["a2"]) == [7, 8, 9] and g.attrs["new1"] == 5 and g.attrs["new2"] == "text"
        assert "a0" not in g.attrs and list(g.attrs["renamed"]) == [0, 1] and len(g.attrs) == 9
        assert len(f["many60"].attrs) == 60 and f["many60"].attrs["extra"] == 1
        assert len(f["many9"].attrs) == 5
        assert "d000" not in f["many3"] and list(f["many9/moved"][()]) == [0] and "d003" not in f["many9"]
        assert len(f["many60"]) == before + 1 and f["many60/größer"] == g
        outside = [f.get(path, getlink=True) for path in ("outside", "many3/outside")]
        assert all((link.filename, link.path) == ("other.h5", "/x") for link in outside)
        assert f["g/chunked2"] == f["data/chunked"] == f["many60/soft"] and links(f, "data/chunked") == 2
        assert links(f, "many3/d001") == 2 and links(f, "type") == 1
        assert f[f["data"].attrs["ref"]] == g
        rows = np.arange(600.0).reshape(20, 30)
        rows[19, ::10] = 1.25
        assert "typed" not in f and (f["data/chunked"][()] == rows).all()
        assert list(f["many9/d004"]) == [0, -7, 8, 9, 4]
    with h5py.File(path, "r+", **driver) as f:
        f["g"].attrs["again"] = np.arange(100)
        f.create_dataset("added", data=np.arange(1000))
        f["many9"].create_group("sub")
        del f["many60/renamed"]
        f["data/chunked"].resize((40, 30))
        f["data/chunked"][30] = 1
        for i in range(20):
            f["many3"].create_dataset(f"n{i}", data=i)
            f["many9"].attrs[f"n{i}"] = i
    with h5py.File(path, "r", **driver) as f:
        walk(f)
        assert list(f["g"].attrs["again"]) == list(range(100)) and f["data/chunked"][30, 7] == 1


def h5dump(path):
    return subprocess.run(["h5dump", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).returncode == 0


def shared(folder, program):
    """Attributes that stand among the shared messages of the file are replaced, removed, renamed, and move."""
    made, access = h5py.h5p.create(h5py.h5p.FILE_CREATE), h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    attributes = 1 << 12
    assert library().H5Pset_shared_mesg_nindexes(ctypes.c_int64(made.id), 1) >= 0
    assert library().H5Pset_shared_mesg_index(ctypes.c_int64(made.id), 0, attributes, 8) >= 0
    access.set_libver_bounds(h5py.h5f.LIBVER_V18, h5py.h5f.LIBVER_LATEST)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    path = folder / "shared.h5"
    with h5py.File(h5py.h5f.create(str(path).encode(), h5py.h5f.ACC_TRUNC, made, access)) as f:
        for i in range(4):
            f[f"d{i}"] = np.arange(10.0)
            f[f"d{i}"].attrs.update({"unit": "kelvin, as all of them", "n": np.arange(5), "own": i})
        f["grows"], f["left"] = 1, 2
        f["grows"].attrs["unit"] = "kelvin, as all of them"
        for i in range(9):
            f["left"].attrs[f"n{i}"] = "nine like this"
    script = "set-attr /d0 unit metres\nset-attr /d1 n 7\nrm-attr /d2 unit\nset-attr /d3 fresh 1.5\n"
    script += "rename-attr /d1 unit in\n" + "".join(f"rm-attr /left n{i}\n" for i in range(2, 7))
    script += "".join(f"set-attr /grows n{i} 1\n" for i in range(9))
    subprocess.run([program, "edit", path, "--script", "-"], input=script.encode(), check=True, stdout=subprocess.DEVNULL)
    with h5py.File(path, "r+") as f:
        found = [{name: str(value) for name, value in f[f"d{i}"].attrs.items()} for i in range(4)]
        all_of_them = {"unit": "kelvin, as all of them", "n": "[0 1 2 3 4]"}
        assert found[0] == {**all_of_them, "unit": "metres", "own": "0"}, found
        assert found[1] == {"in": "kelvin, as all of them", "n": "7", "own": "1"}, found
        assert found[2] == {"n": "[0 1 2 3 4]", "own": "2"}, found
        assert found[3] == {**all_of_them, "own": "3", "fresh": "1.5"}, found
        assert dict(f["grows"].attrs) == {"unit": "kelvin, as all of them", **{f"n{i}": 1 for i in range(9)}}
        assert dict(f["left"].attrs) == {f"n{i}": "nine like this" for i in (0, 1, 7, 8)}
        f["d0"].attrs["unit"] = f["d2"].attrs["unit"] = "kelvin, as all of them"
        del f["d3"].attrs["unit"], f["grows"].attrs["unit"], f["left"].attrs["n7"]
    done = subprocess.run([program, "check", path], stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode()[:3000]


def names(folder, program):
    """Names may be any bytes: in a script, and on the command line."""
    path = folder / "names.h5"
    with h5py.File(path, "w") as f:
        f[b"\xe4 \xff"], f[b"\xfe"] = 1, 2
        f[b"\xfe"].attrs[b"\xf6"] = 3
    script = b"mv '/\xe4 \xff' /\xe5\r\nrename-attr /\xfe \xf6 \xfc\n"
    subprocess.run([program, "edit", path, "--script", "-"], input=script, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([program, "edit", path, b"set-attr", b"/\xe5", b"\xe6", b"4"], check=True, stdout=subprocess.DEVNULL)
    with h5py.File(path, "r") as f:
        assert sorted(f.id) == [b"\xe5", b"\xfe"], sorted(f.id)
        assert f[b"\xe5"].attrs[b"\xe6"] == 4 and f[b"\xfe"].attrs[b"\xfc"] == 3
    path.unlink()


def several(folder, program):
    """Families get further members; of a file that is split by what its bytes are for the first part grows."""
    for low in ("earliest", "v110"):
        # The last family has one member yet.
        for size in (3000, 50_000, 1 << 20):
            family = {"driver": "family", "memb_size": size}
            path = f"{folder}/{low}_{size}_%03d.h5"
            with h5py.File(path, "w", libver=(low, "latest"), **family) as f:
                fill(f, False)
            members = len(list(folder.glob(f"{low}_{size}_*")))
            edit_several(program, f"{folder}/{low}_{size}_000.h5", folder / "script")
            check(path, 60, **family)
            # As often as it takes to need more members, or what libhdf5 has made is used up.
            for i in range(30):
                edit_several(program, path, "set-attr", "/g", "a2", " ".join(str(n) for n in range(200 + i)))
            with h5py.File(path, "r", **family) as f:
                walk(f)
                assert f["g"].attrs["a2"] == " ".join(str(n) for n in range(229)) and f["added"][999] == 999
            sizes = [p.stat().st_size for p in sorted(folder.glob(f"{low}_{size}_*"))]
            assert len(sizes) > members or size > 3000, sizes
            assert set(sizes[:-1]) <= {size} and 0 < sizes[-1] <= size, sizes
        # By either part: what is new goes to the first one, and libhdf5 goes on in both.
        path, parts = folder / f"{low}.split", [f"{folder}/{low}.split-{part}.h5" for part in "mr"]
        with h5py.File(path, "w", libver=(low, "latest"), driver="split") as f:
            fill(f, False)
        sizes = [pathlib.Path(part).stat().st_size for part in parts]
        edit_several(program, parts[0], folder / "script")
        check(path, 60, driver="split")
        for i in range(30):
            edit_several(program, parts[i % 2], "set-attr", "/g", "a2", " ".join(str(n) for n in range(200 + i)))
        with h5py.File(path, "r", driver="split") as f:
            walk(f)
            assert f["g"].attrs["a2"] == " ".join(str(n) for n in range(229)) and f["added"][999] == 999
        assert all(pathlib.Path(part).stat().st_size > size for part, size in zip(parts, sizes))
    for path in folder.glob("*"):
        if path.name != "script":
            path.unlink()


def edit_several(program, path, *what):
    what = ["--script", *what] if len(what) == 1 else what
    subprocess.run([program, "edit", path, *what], check=True, stdout=subprocess.DEVNULL)
    for reading in (["ls", "-r", "-v", path], ["digest", path], ["check", path]):
        subprocess.run([program, *reading], check=True, stdout=subprocess.DEVNULL)


def reuse(path, program, grows):
    """Editors that come one after the other use the room that those before them left, and libhdf5."""
    with h5py.File(path, "r+") as f:
        f["gone"] = np.arange(5000)
        del f["gone"]
    size, texts = path.stat().st_size, ["".join(str((i * n) % 7919) for i in range(600)) for n in range(40)]
    for text in texts:
        command = [program, "edit", "--reuse-space", path, "set-attr", "/g", "a2", f'"{text}"']
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with h5py.File(path, "r") as f:
            assert f["g"].attrs["a2"] == text, path
    grown = path.stat().st_size - size
    assert (grown > 40_000) == grows, (path, grown)
    done = subprocess.run([program, "check", path], stdout=subprocess.PIPE)
    assert done.returncode == 0, (path, done.stdout.decode()[:3000])
    with h5py.File(path, "r+") as f:
        walk(f)
        assert list(f["g"].attrs["again"]) == list(range(100)) and f["data/chunked"][30, 7] == 1
        assert list(f["added"][()]) == list(range(1000)) and len(f["many60"].attrs) == 60
        f["g"].attrs["last"] = f["added"][()]
    with h5py.File(path, "r") as f:
        walk(f)


def main(folder, program):
    shared(folder, program)
    (folder / "shared.h5").unlink()
    names(folder, program)
    (folder / "script").write_text(SCRIPT)
    several(folder, program)
    make(folder)
    for path in sorted(folder.glob("*.h5")):
        if path.stem == "image":
            before = 61  # libhdf5 trips over its own image: "non-parent entry has children"
        else:
            with h5py.File(path, "r") as f:
                before = len(f["many60"])
        # The old program cannot read all that the new library writes.
        dumped = h5dump(path)
        print(path.name, "h5dump" if dumped else "")
        subprocess.run([program, "edit", path, "--script", folder / "script"], check=True, stdout=subprocess.DEVNULL)
        assert not dumped or h5dump(path), path
        done = subprocess.run([program, "check", path], stdout=subprocess.PIPE)
        assert done.returncode == 0, (path, done.stdout.decode()[:3000])
        edited = path.with_suffix(".edited")
        shutil.copy(path, edited)
        # One link less, one more.
        check(path, before)
        with h5py.File(edited, "r") as f:
            walk(f)
        # What libhdf5 made of the copy that it extended.
        done = subprocess.run([program, "check", path], stdout=subprocess.PIPE)
        assert done.returncode == 0, (path, done.stdout.decode()[:3000])
        reuse(path, program, grows="page" in path.name)


main(pathlib.Path(sys.argv[1]), sys.argv[2])
