"""Files that h5py and netCDF4 wrote, merged by us, in the eyes of h5py, netCDF4 and xarray.

    python merge.py H5MANAGER FOLDER

Prints a line for each check and the number of failures at the end.
"""
import os
import shutil
import subprocess
import sys

import h5py
import netCDF4
import numpy as np
import xarray

PROGRAM, FOLDER = sys.argv[1:3]
failures = 0


def check(name, good):
    global failures
    failures += not good
    print(("ok    " if good else "FAILED ") + name, flush=True)


def merge(*arguments, code=0):
    done = subprocess.run([PROGRAM, "merge", "-q", *arguments], capture_output=True, text=True, cwd=FOLDER)
    check(" ".join(arguments), done.returncode == code)
    if done.returncode != code:
        print(done.stdout, done.stderr)
    return done.stderr


def path(name):
    return os.path.join(FOLDER, name)


def fill(f, rng, n):
    """Every layout, every index of chunks that the bounds of the file allow, masks of filters."""
    data = rng.integers(0, 1000, (n, 4, 6)).astype("i4")
    f.create_dataset("contiguous", data=data)
    f.create_dataset("fixed", data=data, chunks=(2, 4, 3), compression="gzip", shuffle=True)
    f.create_dataset("growing", data=data, chunks=(2, 4, 6), maxshape=(None, 4, 6), fletcher32=True)
    f.create_dataset("two", data=data, chunks=(2, 2, 6), maxshape=(None, None, 6), compression="lzf")
    f.create_dataset("single", data=data, chunks=(n, 4, 6))
    f.create_dataset("scaled", data=data, chunks=(2, 4, 6), scaleoffset=0)
    f.create_dataset("big", data=data.astype(">f8"), chunks=(1, 4, 6))
    f.create_dataset("flags", data=data[:, 0, 0] > 500)
    f.create_dataset("complex", data=data[:, 0, 0] * 1j)
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    small = h5py.h5d.create(f.id, b"compact", h5py.h5t.STD_U8LE, h5py.h5s.create_simple((n, 3)), plist)
    small.write(h5py.h5s.ALL, h5py.h5s.ALL, (data[:, 0, :3] % 256).astype("u1"))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 3))
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    early = h5py.h5d.create(f.id, b"implicit", h5py.h5t.STD_U8LE, h5py.h5s.create_simple((n, 3)), plist)
    early.write(h5py.h5s.ALL, h5py.h5s.ALL, (data[:, 0, :3] % 256).astype("u1"))
    masked = f.create_dataset("masked", (n, 4), "i4", chunks=(2, 4), maxshape=(None, 4), compression="gzip")
    masked[...] = data[:, :, 0]
    # Stored without its filter, and so it says.
    masked.id.write_direct_chunk((0, 0), np.ascontiguousarray(data[:2, :, 0]).tobytes(), filter_mask=1)
    sparse = f.create_dataset("sparse", (n, 4), "f4", chunks=(2, 4), maxshape=(None, 4), fillvalue=7)
    sparse[2:4] = 1
    text = f.create_dataset("text", (n,), h5py.string_dtype())
    text[...] = [f"row {i} é" for i in range(n)]
    f.create_dataset("opaque", data=np.arange(n, dtype="i8").view("V8"))


def same(merged, files, name, axis=0):
    expected = np.concatenate([f[name][...] for f in files], axis)
    found = merged[name][...]
    return found.dtype == files[0][name].dtype and np.array_equal(found, expected)


def layouts():
    rng = np.random.default_rng(5)
    for libver in ("earliest", "v110", "latest"):
        names = []
        for i, n in enumerate((4, 6, 5)):
            names.append(f"{libver}_{i}.h5")
            with h5py.File(path(names[-1]), "w", libver=libver) as f:
                fill(f, rng, n)
        out = f"{libver}.h5"
        merge(*names, "-o", out, "--verify")
        merge(*names, "-o", f"{libver}_virtual", "--mode", "virtual", "--verify")
        files = [h5py.File(path(n)) for n in names]
        for made in (out, f"{libver}_virtual.h5"):
            with h5py.File(path(made)) as merged:
                wrong = [n for n in files[0] if not same(merged, files, n)]
                check(f"{made}: all datasets {wrong or ''}", not wrong)
        with h5py.File(path(out)) as merged:
            masks = [merged["masked"].id.get_chunk_info(i).filter_mask for i in range(8)]
            check(f"{out}: masks of filters {masks}", masks[0] == 1 and masks[2] == 1 and masks[5] == 1)
            check(f"{out}: filters", merged["fixed"].shuffle and merged["two"].compression == "lzf")
        shutil.rmtree(path("moved"), ignore_errors=True)
        os.mkdir(path("moved"))
        for name in [*names, f"{libver}_virtual.h5"]:
            shutil.copy(path(name), path("moved"))
        for f in files:
            f.close()
        for name in names:
            os.remove(path(name))
        with h5py.File(path(f"moved/{libver}_virtual.h5")) as merged:
            check(f"{libver}: the moved folder", merged["growing"].is_virtual and merged["growing"][...].min() >= 0
                  and (merged["growing"][...] == merged["fixed"][...]).all() and merged["growing"][...].max() > 500)


def cut_anew():
    """Chunks that begin elsewhere in the merged file, large enough that their matches are taken along."""
    rng = np.random.default_rng(8)
    names, rows = [], 0
    for i, (n, band) in enumerate(((1, 4), (23, 4), (9, 4), (6, 3), (2, 1), (40, 4))):
        names.append(f"cut{i}.h5")
        y, x = np.mgrid[0:300, 0:240]
        steps = np.arange(rows, rows + n)[:, None, None]
        smooth = np.sin(x / 40 + steps) * 90 + np.cos(y / 30) * 30 + 128
        with h5py.File(path(names[-1]), "w") as f:
            def put(name, data, **options):
                f.create_dataset(name, data=data, chunks=(band, 300, 240), maxshape=(None, 300, 240), **options)

            put("bytes", (smooth + rng.normal(0, 2, smooth.shape)).astype("u1"), compression="gzip")
            put("shuffled", np.round(smooth, 1).astype("f4"), compression=6, shuffle=True)
            put("checked", np.round(smooth).astype(">i2"), compression=2, shuffle=True, fletcher32=True)
            put("sparse", np.zeros(smooth.shape, "u1")[:0], compression="gzip", fillvalue=9)
            f["sparse"].resize(n, 0)
            f["sparse"][n // 2] = steps[n // 2, 0, 0]
            if n > band:
                # Stored without its filter, and so it says.
                f["bytes"].id.write_direct_chunk((0, 0, 0), f["bytes"][:band].tobytes(), filter_mask=1)
        rows += n
    merge(*names, "-o", "cut", "--verify")
    files = [h5py.File(path(n)) for n in names]
    with h5py.File(path("cut.h5")) as merged:
        wrong = [n for n in merged if not same(merged, files, n)]
        check(f"cut anew: all datasets {wrong or ''}", len(merged) == 4 and not wrong)
        check("cut anew: chunks", all(d.chunks == (4, 300, 240) for d in merged.values()))
        sizes = {n: (merged[n].id.get_storage_size(), sum(f[n].id.get_storage_size() for f in files)) for n in merged}
        check(f"cut anew: sizes {sizes}", all(new < 1.1 * old + 4096 for new, old in sizes.values()))
    repack = ["repack", "cut.h5", "rechunk.h5", "--chunks", "7x300x240"]
    subprocess.run([PROGRAM, *repack], check=True, cwd=FOLDER, capture_output=True)
    with h5py.File(path("rechunk.h5")) as packed:
        wrong = [n for n in packed if not same(packed, files, n) or packed[n].chunks != (7, 300, 240)]
        stored = packed["sparse"].id.get_num_chunks()
        check(f"repacked in other chunks: all datasets {wrong or ''}", len(packed) == 4 and not wrong and stored < 12)
    for f in files:
        f.close()
    # Far more rows than memory, and hardly any of them written.
    with h5py.File(path("wide.h5"), "w") as f:
        f.create_dataset("data", (400_000, 300, 240), "u1", chunks=(4, 300, 240), compression="gzip", fillvalue=3)
        f["data"][300_001] = 5
    subprocess.run([PROGRAM, "repack", "wide.h5", "rechunked_wide.h5", "--chunks", "7x300x240"], check=True, cwd=FOLDER, capture_output=True)
    with h5py.File(path("rechunked_wide.h5")) as f:
        found = [int(f["data"][row].min()) for row in (0, 300_000, 300_001, 300_002, 399_999)]
        stored = f["data"].id.get_num_chunks()
        check(f"cut anew: 29 GB of fill values {found}, {stored} chunks", found == [3, 3, 5, 3, 3] and stored <= 3)


def weather(name, start, n, units="days since 2000-01-01"):
    with netCDF4.Dataset(path(name), "w") as f:
        for dimension, size in (("time", None), ("lat", 4), ("lon", 3), ("nv", 2)):
            f.createDimension(dimension, size)
        time = f.createVariable("time", "f8", ("time",))
        time.units, time.calendar, time.bounds = units, "standard", "time_bnds"
        lat, lon = f.createVariable("lat", "f4", ("lat",)), f.createVariable("lon", "f4", ("lon",))
        lat.units, lon.units = "degrees_north", "degrees_east"
        lat[:], lon[:] = np.arange(4), np.arange(3) * 10
        bounds = f.createVariable("time_bnds", "f8", ("time", "nv"))
        temp = f.createVariable("temp", "i2", ("time", "lat", "lon"), zlib=True, shuffle=True, fill_value=-999)
        temp.scale_factor, temp.add_offset, temp.coordinates = 0.5, 10.0, "lat lon"
        turned = f.createVariable("turned", "f4", ("lat", "time"))
        f.createVariable("crs", "i4", ()).grid_mapping_name = "latitude_longitude"
        code = f.createVariable("code", str, ("time",))
        group = f.createGroup("sub")
        group.createDimension("step", 2)
        inner = group.createVariable("x", "f4", ("time", "step"))
        time[:] = start + np.arange(n)
        bounds[:] = np.stack([time[:] - 0.5, time[:] + 0.5], 1)
        temp[:] = np.arange(n * 12).reshape(n, 4, 3) * 0.5 + 10 + start
        temp[0, 0, 0] = np.ma.masked
        turned[:, :] = np.arange(4 * n).reshape(4, n) + start
        for i in range(n):
            code[i] = f"s{start + i}"
        inner[:] = np.full((n, 2), start)


def netcdf():
    names = ["n1.nc", "n2.nc", "n3.nc"]
    # As many times as latitudes in one of them: sizes alone would not tell which dimension grows.
    for name, start, n in zip(names, (0, 5, 9), (5, 4, 6)):
        weather(name, start, n)
    merge(*names, "-o", "all", "--verify")
    merge(*names, "-o", "by_name", "--axis", "time")
    for made in ("all.h5", "by_name.h5"):
        with netCDF4.Dataset(path(made)) as f:
            sizes = {name: len(d) for name, d in f.dimensions.items()}
            check(f"{made}: dimensions {sizes}", sizes == {"time": 15, "lat": 4, "lon": 3, "nv": 2})
            check(f"{made}: unlimited", f.dimensions["time"].isunlimited() and not f.dimensions["lat"].isunlimited())
            check(f"{made}: time", (f["time"][:] == np.arange(15)).all() and f["turned"].shape == (4, 15))
            check(f"{made}: dimensions of variables", f["temp"].dimensions == ("time", "lat", "lon"))
            check(f"{made}: order", list(f.variables)[:4] == ["time", "lat", "lon", "time_bnds"])
            check(f"{made}: masked", [bool(m) for m in f["temp"][:, 0, 0].mask].count(True) == 3)
            check(f"{made}: group", (f["sub/x"][:, 0] == [0] * 5 + [5] * 4 + [9] * 6).all())
    parts = [xarray.open_dataset(path(name), engine="netcdf4") for name in names]
    expected = xarray.concat(parts, "time", data_vars="minimal", coords="minimal", compat="override")
    with xarray.open_dataset(path("all.h5"), engine="netcdf4") as found:
        found.load()
        for name in expected.variables:
            check(f"xarray: {name}", expected[name].identical(found[name]))
    for part in parts:
        part.close()
    with netCDF4.Dataset(path("all.h5"), "a") as f:
        f["time"][15] = 99
    with netCDF4.Dataset(path("all.h5")) as f:
        check("netCDF goes on writing", f["time"][15] == 99 and f["temp"].shape[0] == 16)
    weather("other.nc", 0, 3, "hours since 1970-01-01")
    said = merge("n1.nc", "other.nc", "-o", "bad", code=2)
    check("units that differ", "/time@units" in said and not os.path.exists(path("bad.h5")))


def references():
    for name, n in (("r1.h5", 3), ("r2.h5", 2)):
        with h5py.File(path(name), "w") as f:
            f.create_group("padding" * n)
            images = f.create_dataset("images", data=np.arange(n * 4).reshape(n, 4))
            f["scale"] = np.arange(n)
            f["scale"].make_scale("row")
            images.dims[0].attach_scale(f["scale"])
            images.dims[0].label = "row"
            refs = f.create_dataset("refs", (n,), h5py.ref_dtype)
            regions = f.create_dataset("regions", (n,), h5py.regionref_dtype)
            for i in range(n):
                refs[i], regions[i] = images.ref, images.regionref[i, 1:3]
            f["hard"], f["soft"] = images, h5py.SoftLink("/images")
            f["type"] = np.dtype([("a", "i4"), ("b", "f8")])
            rows = f.create_dataset("typed", (n,), f["type"])
            rows["a"] = np.arange(n)
    merge("r1.h5", "r2.h5", "-o", "refs", "--verify")
    with h5py.File(path("refs.h5")) as f:
        check("references", all(f[r] == f["images"] for r in f["refs"][...]))
        regions = [f["images"][r].ravel().tolist() for r in f["regions"][...]]
        expected = [f["images"][i, 1:3].tolist() for i in range(5)]
        check(f"regions {regions}", regions == expected)
        scale = f["images"].dims[0]
        check("scales", scale[0] == f["scale"] and scale.label == "row" and f["scale"].attrs["REFERENCE_LIST"][0][1] == 0)
        check("scale of what", f[f["scale"].attrs["REFERENCE_LIST"][0][0]] == f["images"])
        check("links", f["hard"] == f["images"] and f["soft"] == f["images"])
        check("committed", h5py.h5i.get_name(f["typed"].id.get_type()) == b"/type")


layouts()
cut_anew()
netcdf()
references()
print(f"{failures} failures")
