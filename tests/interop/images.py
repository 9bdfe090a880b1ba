"""Images of every kind, made here, converted by PROGRAM, held against Pillow.

    images.py FOLDER PROGRAM

What has no reference in Pillow (floating point, 16 bits of RGB, frames of documents) is held against the arrays that the
files were made of.
"""
import os
import struct
import subprocess
import sys
import zlib

import h5py
import numpy as np
from PIL import Image, ImageOps

H, W = 48, 64
passed = 0
folder, program = sys.argv[1:]
rng = np.random.default_rng(5)
y, x = np.mgrid[0:H, 0:W]
# Smooth, with an edge and some noise: what filters overshoot at, and what nearest shows.
GREY = np.clip(x * 3 + y * 2 + (x > 40) * 60 - (y > 30) * 40 + rng.integers(0, 9, (H, W)), 0, 255).astype(np.uint8)
RGB = np.stack([GREY, np.roll(GREY, 9, 1), 255 - GREY], 2)
ALPHA = np.clip(x * 4, 0, 255).astype(np.uint8)


def check(name, condition, detail=""):
    global passed
    if not condition:
        sys.exit(f"FAILED {name}: {detail}")
    passed += 1


def near(name, ours, theirs, most, mean=None):
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    check(name, ours.shape == theirs.shape, f"{ours.shape} is not {theirs.shape}")
    difference = np.abs(ours - theirs)
    check(name, difference.max() <= most, f"differs by {difference.max()}, {difference.mean():.3f} on the average")
    check(name, mean is None or difference.mean() <= mean, f"differs by {difference.mean():.3f} on the average")


def convert(files, *options):
    """The images of a folder with these files (names and what to save), in the order of their names."""
    source, output = os.path.join(folder, "set"), os.path.join(folder, "set.h5")
    os.makedirs(source)
    for name, save in files.items():
        save(os.path.join(source, name))
    command = [program, "--quiet", "convert", source, "--output", output, "--overwrite", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    check("convert", done.returncode == 0 and not done.stderr, done.stderr)
    with h5py.File(output) as f:
        names, images = [n.decode() for n in f["filenames"][:]], f["images"][:]
    for name in files:
        os.remove(os.path.join(source, name))
    os.rmdir(source)
    return names, images


def one(array_or_image, suffix, *options, **save):
    image = array_or_image if isinstance(array_or_image, Image.Image) else Image.fromarray(array_or_image)
    return convert({"a." + suffix: lambda path: image.save(path, **save)}, *options)[1][0]


def reopened(image, suffix, **save):
    path = os.path.join(folder, "reference." + suffix)
    image.save(path, **save)
    with Image.open(path) as again:
        again.load()
        return again.copy()


def on_white(image, ground=(255, 255, 255)):
    image = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, ground + (255,)), image).convert("RGB"))


def formats():
    image = Image.fromarray(RGB)
    for suffix in ("png", "bmp", "tif", "ppm", "tga", "webp", "qoi"):
        more = {"lossless": True} if suffix == "webp" else {}
        near(suffix, one(image, suffix, **more), RGB, 0)
        if suffix not in ("bmp", "webp", "qoi"):  # of these the first has a palette, the others are always colours
            near(f"grey {suffix}", one(GREY, suffix).squeeze(), GREY, 0)
    for compression in ("tiff_lzw", "tiff_deflate", "packbits"):
        near(compression, one(image, "tif", compression=compression), RGB, 0)
    for quality, subsampling in ((95, 0), (85, 1), (75, 2)):
        options = {"quality": quality, "subsampling": subsampling}
        for progressive in (False, True):
            theirs = np.asarray(reopened(image, "jpg", progressive=progressive, **options))
            near(f"JPEG {options}", one(image, "jpg", progressive=progressive, **options), theirs, 8, 0.8)
    near("grey JPEG", one(GREY, "jpg", quality=90).squeeze(), np.asarray(reopened(Image.fromarray(GREY), "jpg", quality=90)), 2)


def colours():
    palette = Image.fromarray(RGB).quantize(64)
    near("palette PNG", one(palette, "png"), np.asarray(palette.convert("RGB")), 0)
    near("palette GIF", one(palette, "gif"), np.asarray(reopened(palette, "gif").convert("RGB")), 0)
    near("palette BMP", one(palette, "bmp"), np.asarray(palette.convert("RGB")), 0)
    near("palette TIFF", one(palette, "tif"), np.asarray(palette.convert("RGB")), 0)
    few = Image.fromarray(RGB).quantize(4)
    near("palette of 2 bits", one(few, "png", bits=2), np.asarray(few.convert("RGB")), 0)
    bits = Image.fromarray((GREY > 120).astype(np.uint8) * 255).convert("1")
    for suffix in ("png", "tif", "bmp", "pbm"):
        ours = one(bits, suffix, "--color", "gray").squeeze()
        near(f"1 bit, {suffix}", ours, np.asarray(bits.convert("L")), 0)
    rgba = Image.fromarray(np.dstack([RGB, ALPHA]))
    for suffix in ("png", "tif", "webp"):
        more = {"lossless": True, "exact": True} if suffix == "webp" else {}
        near(f"alpha on white, {suffix}", one(rgba, suffix, **more), on_white(rgba), 1)
        near(f"alpha kept, {suffix}", one(rgba, suffix, "--color", "rgba", **more), np.asarray(rgba), 0)
    near("alpha on a colour", one(rgba, "png", "--background", "#103070"), on_white(rgba, (16, 48, 112)), 1)
    la = Image.fromarray(np.dstack([GREY, ALPHA]), "LA")
    near("grey and alpha", one(la, "png", "--color", "gray").squeeze(), on_white(la)[..., 0], 1)
    clear = palette.copy()
    clear.info["transparency"] = 3
    near("a transparent colour", one(clear, "png", transparency=3), on_white(reopened(palette, "png", transparency=3)), 1)
    near("RGB as grey", one(RGB, "png", "--color", "gray").squeeze(), np.asarray(Image.fromarray(RGB).convert("L")), 1)
    near("grey as RGB", one(GREY, "png", "--color", "rgb"), np.dstack([GREY] * 3), 0)
    cmyk = Image.fromarray(RGB).convert("CMYK")
    near("CMYK JPEG", one(cmyk, "jpg", quality=95), np.asarray(reopened(cmyk, "jpg", quality=95).convert("RGB")), 8, 1)
    near("CMYK TIFF", one(cmyk, "tif"), np.asarray(cmyk.convert("RGB")), 1)


def png16(path, array, kind):
    """Pillow cannot write 16 bits of RGB."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, kind, 0, 0, 0)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def depths():
    deep = (GREY.astype(np.uint16) * 257) ^ rng.integers(0, 200, (H, W)).astype(np.uint16)
    rgb = np.dstack([deep, deep[::-1], 65535 - deep])
    for suffix in ("png", "tif", "pgm"):
        ours = one(Image.fromarray(deep), suffix)
        check("16 bits", ours.dtype == np.uint16)
        near(f"16 bits, {suffix}", ours.squeeze(), deep, 0)
    for name, array, kind in (("16 bits of RGB", rgb, 2), ("16 bits of grey", deep[..., None], 0)):
        near(name, convert({"a.png": lambda path: png16(path, array, kind)})[1][0], array, 0)
    near("16 bits to 8", one(Image.fromarray(deep), "png", "--depth", "8").squeeze(), np.round(deep / 257.0), 0)
    near("8 bits to 16", one(GREY, "png", "--depth", "16").squeeze(), GREY.astype(int) * 257, 0)
    near("8 bits to floats", one(GREY, "png", "--depth", "float").squeeze(), GREY / 255.0, 1e-6)
    floats = (GREY / 100.0 - 1.5).astype(np.float32)
    ours = one(Image.fromarray(floats), "tif")
    check("floats", ours.dtype == np.float32)
    near("floats", ours.squeeze(), floats, 0)
    small = one(Image.fromarray(floats), "tif", "--dim", "12x16")
    near("floats, smaller", small.squeeze(), np.asarray(Image.fromarray(floats).resize((16, 12), Image.Resampling.LANCZOS)), 1e-3)
    # As one set: the depth of the shallowest, and nothing is clipped.
    save = {"a.png": lambda path: Image.fromarray(deep).save(path), "b.png": lambda path: Image.fromarray(GREY).save(path)}
    mixed = convert(save)[1]
    check("a mixed set", mixed.dtype == np.uint8)
    near("a mixed set", mixed.squeeze(), np.stack([np.round(deep / 257.0), GREY]), 0)


def turned():
    image = Image.fromarray(RGB)
    for value in (1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 200):
        exif = Image.Exif()
        exif[0x0112] = value
        for suffix, most in (("png", 0), ("jpg", 8), ("webp", 0), ("tif", 0)):
            more = {"lossless": True} if suffix == "webp" else {"quality": 95} if suffix == "jpg" else {}
            theirs = reopened(image, suffix, exif=exif, **more)
            # Pillow applies what is valid, and leaves the rest alone, too.
            theirs = np.asarray(ImageOps.exif_transpose(theirs).convert("RGB"))
            near(f"orientation {value}, {suffix}", one(image, suffix, exif=exif, **more), theirs, most)


def sizes():
    wide, high = Image.fromarray(np.tile(RGB, (1, 3, 1))[:, :150]), Image.fromarray(np.tile(RGB, (3, 1, 1))[:131])
    filters = {
        "lanczos": Image.Resampling.LANCZOS,
        "bicubic": Image.Resampling.BICUBIC,
        "area": Image.Resampling.BOX,
        "nearest": Image.Resampling.NEAREST,
    }
    for image in (wide, high):
        for name, method in filters.items():
            for height, width in ((32, 32), (20, 44), (200, 170)):
                size, dim = (width, height), f"{height}x{width}"
                if name == "area" and height == 200:
                    continue  # enlarged by the box filter pixels are repeated; where, is a matter of rounding
                ours = one(image, "png", "--dim", dim, "--filter", name)
                # Whether a sample on the very edge of a box is in it, and which of two equally near is taken, is a
                # matter of rounding, too.
                if name == "nearest":
                    others = (ours != np.asarray(image.resize(size, method))).any(axis=2).mean()
                    check(f"nearest {dim}", others < 0.1, f"{others:.3f} of all pixels are others")
                    continue
                most = 16 if name == "area" else 2
                near(f"stretch {name} {dim}", ours, image.resize(size, method), most, 0.3)
        for height, width in ((32, 32), (20, 44)):
            size, dim = (width, height), f"{height}x{width}"
            method = Image.Resampling.LANCZOS
            near(f"crop {dim}", one(image, "png", "--dim", dim, "--fit", "crop"), ImageOps.fit(image, size, method), 2, 0.3)
            ours = one(image, "png", "--dim", dim, "--fit", "pad", "--background", "#204060")
            near(f"pad {dim}", ours, ImageOps.pad(image, size, method, color=(32, 64, 96)), 2, 0.3)
        # As torchvision: the other side is cut to whole pixels.
        for fit, choose in (("shorter", min), ("longer", max)):
            side = choose(image.size)
            size = tuple(40 if s == side else int(40 * s / side) for s in image.size)
            ours = one(image, "png", "--dim", "40", "--fit", fit)
            near(f"{fit} 40", ours, image.resize(size, Image.Resampling.LANCZOS), 2, 0.3)
    planes = one(wide, "png", "--dim", "32", "--layout", "nchw")
    near("channels first", planes.transpose(1, 2, 0), one(wide, "png", "--dim", "32"), 0)
    # What is transparent does not bleed: as with premultiplied colours.
    rgba = Image.fromarray(np.dstack([RGB, (x > 30).astype(np.uint8) * 255]))
    ours = one(rgba, "png", "--dim", "24", "--color", "rgba")
    theirs = rgba.resize((24, 24), Image.Resampling.LANCZOS)
    near("alpha, smaller", ours[..., 3], np.asarray(theirs)[..., 3], 1)
    # Colours that hardly show are hardly defined: as they are seen on white.
    near("alpha, smaller, on white", on_white(Image.fromarray(ours)), on_white(theirs), 2, 0.3)


def smaller_jpegs():
    """What is decoded at a reduced size is what all of it, made smaller, is."""
    high, wide = 375, 501
    def patches(down, across, low, high):
        noise = Image.fromarray(rng.integers(low, high, (down, across), dtype=np.uint8))
        return np.asarray(noise.resize((501, 375), Image.Resampling.BICUBIC), np.int16)

    # As photographs are: edges and grain in the brightness, colours that change more slowly.
    colours = np.stack([patches(12, 16, 0, 120) for _ in range(3)], 2)
    grain = rng.integers(-12, 13, (high, wide, 1))
    photo = Image.fromarray(np.clip(colours + patches(48, 63, 0, 136)[..., None] + grain, 0, 255).astype(np.uint8))
    kinds = {
        "4:4:4": {"subsampling": 0},
        "4:2:2": {"subsampling": 1},
        "4:2:0": {"subsampling": 2, "quality": 85},
        "restarts": {"subsampling": 2, "restart_marker_blocks": 7},
        "restarted rows": {"subsampling": 1, "restart_marker_rows": 1},
        "optimized": {"optimize": True, "quality": 97},
        "progressive": {"progressive": True},
        "RGB": {"keep_rgb": True},
        "grey": {},
        "CMYK": {},
    }
    full = 0
    for name, options in kinds.items():
        image = photo.convert({"grey": "L", "CMYK": "CMYK"}.get(name, "RGB"))
        theirs = reopened(image, "jpg", **options).convert("L" if name == "grey" else "RGB")
        for dim in (24, 50, 64, 120, 187):
            small = theirs.resize((dim, dim), Image.Resampling.LANCZOS)
            ours = one(image, "jpg", "--dim", str(dim), **options).squeeze()
            near(f"{name} JPEG to {dim}", ours, small, 20, 0.8)
            again = one(image, "jpg", "--dim", str(dim), "--jpeg", "full", **options).squeeze()
            near(f"{name} JPEG, whole, to {dim}", again, small, 8, 0.8)
            full += (ours == again).all()
    check("some are decoded at a reduced size, and some must not be", 0 < full < 50, full)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        upright = ImageOps.exif_transpose(reopened(photo, "jpg", exif=exif, quality=90))
        for name, method in (("lanczos", Image.Resampling.LANCZOS), ("area", Image.Resampling.BOX)):
            how = ("--dim", "20x30", "--filter", name)
            ours = one(photo, "jpg", *how, exif=exif, quality=90)
            near(f"turned {orientation}, {name}", ours, upright.resize((30, 20), method), 20, 0.8)
            ours = one(photo, "jpg", "--fit", "crop", *how, exif=exif, quality=90)
            near(f"turned {orientation}, {name}, cut", ours, ImageOps.fit(upright, (30, 20), method), 20, 0.8)


def frames():
    pages = [Image.fromarray(np.roll(RGB, 7 * i, 0)) for i in range(4)]
    more = {"save_all": True, "append_images": pages[1:], "duration": 90}
    for suffix, own in (("tif", {}), ("webp", {"lossless": True}), ("png", {})):
        names, ours = convert({f"a.{suffix}": lambda path: pages[0].save(path, **more, **own)}, "--frames", "all")
        check(f"names of frames, {suffix}", names == [f"set/a.{suffix}#{i}" for i in range(4)], names)
        # The decoder lays opaque WebP frames on each other within 1.
        near(f"frames, {suffix}", ours, np.stack([np.asarray(p) for p in pages]), 1 if suffix == "webp" else 0)
    path = os.path.join(folder, "frames.gif")
    # Frames that only change a part, and one that is cleared away: they stand on what was before.
    small = Image.fromarray(RGB).quantize(32)
    parts = [small] + [small.copy() for _ in range(3)]
    for i, part in enumerate(parts[1:]):
        part.paste(3 + i, (5 * i, 4 * i, 5 * i + 20, 4 * i + 20))
    parts[0].save(path, save_all=True, append_images=parts[1:], duration=90, disposal=[1, 2, 1, 1])
    theirs = []
    with Image.open(path) as animation:
        for i in range(animation.n_frames):
            animation.seek(i)
            theirs.append(on_white(animation))
    names, ours = convert({"a.gif": lambda to: open(to, "wb").write(open(path, "rb").read())}, "--frames", "all")
    near("frames, gif", ours, np.stack(theirs), 1)
    os.remove(path)


def main():
    for part in (formats, colours, depths, turned, sizes, smaller_jpegs, frames):
        part()
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()
