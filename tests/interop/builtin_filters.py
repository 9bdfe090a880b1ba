"""Chunks as libhdf5 filters them: szip, nbit, scale-offset, shuffle, over types, shapes, options and fill values.

Usage: builtin_filters.py FILE. Writes a line for each chunk, its fields separated by tabs: name, filter, options of the
user, parameters stored, datatype (as H5Tencode gives it, without its first two bytes), shape, fill value, the chunk as it
was written, as it is read (none if libhdf5 cannot), as it is stored, filter mask. Lists have commas, bytes are hexadecimal; "-" is none.
`src/filters/against_libhdf5.rs` holds our filters against them.
"""
import ctypes
import itertools
import sys

import numpy as np
from h5py import h5d, h5f, h5p, h5s, h5t, h5z

SHUFFLE, SZIP, NBIT, SCALE_OFFSET = 2, 4, 5, 6
LITTLE, BIG = h5t.ORDER_LE, h5t.ORDER_BE
random = np.random.default_rng(7)


def loaded_library():
    """The libhdf5 that h5py uses, for the two calls that h5py lacks."""
    with open("/proc/self/maps") as maps:
        path = next(line.split()[-1] for line in maps if "libhdf5" in line and "_hl" not in line)
    library = ctypes.CDLL(path)
    library.H5Pset_fill_value.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    library.H5Pset_relax_file_integrity_checks.argtypes = [ctypes.c_int64, ctypes.c_uint64]
    return library


library = loaded_library()


class Vectors:
    def __init__(self, out):
        self.out, self.count = out, 0
        access = h5p.create(h5p.FILE_ACCESS)
        access.set_fapl_core(backing_store=False)
        # libhdf5 distrusts numbers of few bits in many bytes, as damaged files have them.
        assert library.H5Pset_relax_file_integrity_checks(access.id, 1) >= 0
        self.file = h5f.create(b"vectors", h5f.ACC_TRUNC, fapl=access)

    def add(self, name, filter_id, user, datatype, shape, data, fill=None):
        """`data` holds the bytes of the chunk in the file's type, or is None; `fill` is bytes, or "undefined"."""
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_chunk(shape)
        if filter_id == SHUFFLE:
            plist.set_shuffle()
        elif filter_id == SZIP:
            plist.set_szip(*user)
        elif filter_id == SCALE_OFFSET and user[1] >= 0:
            plist.set_scaleoffset(*user)
        else:
            plist.set_filter(filter_id, h5z.FLAG_OPTIONAL, tuple(n & 0xFFFFFFFF for n in user))
        if fill == "undefined":
            assert library.H5Pset_fill_value(plist.id, datatype.id, None) >= 0
        elif fill is not None:
            assert library.H5Pset_fill_value(plist.id, datatype.id, ctypes.create_string_buffer(fill, len(fill))) >= 0
        space = h5s.create_simple(shape)
        dataset = h5d.create(self.file, b"%d" % self.count, datatype, space, plist)
        self.count += 1
        parameters = dataset.get_create_plist().get_filter(0)[2]
        raw = read = stored = b""
        mask = 0
        if data is not None:
            raw = bytes(data)
            assert len(raw) == int(np.prod(shape)) * datatype.get_size(), name
            dataset.write(h5s.ALL, h5s.ALL, np.frombuffer(raw, "u1").copy(), mtype=datatype)
            h5f.flush(self.file)
            mask, stored = dataset.read_direct_chunk((0,) * len(shape))
            back = np.zeros(len(raw), "u1")
            try:
                dataset.read(h5s.ALL, h5s.ALL, back, mtype=datatype)
                read = back.tobytes()
            except OSError:
                assert "get lost" in name, name
        fill = "-" if fill == "undefined" else (fill or bytes(datatype.get_size())).hex()
        fields = [name, filter_id, listed(user), listed(parameters), datatype.encode()[2:].hex(), listed(shape), fill]
        fields += [raw.hex() or "-", read.hex() or "-", bytes(stored).hex() or "-", mask]
        print(*fields, sep="\t", file=self.out)


def listed(numbers):
    return ",".join(str(n & 0xFFFFFFFF) for n in numbers) or "-"


def integer(size, signed=True, order=LITTLE, precision=None, offset=0):
    datatype = h5t.STD_I32LE.copy()
    datatype.set_size(size)
    datatype.set_sign(h5t.SGN_2 if signed else h5t.SGN_NONE)
    datatype.set_order(order)
    datatype.set_precision(precision or 8 * size)
    datatype.set_offset(offset)
    return datatype


def real(size, order=LITTLE):
    return {(4, LITTLE): h5t.IEEE_F32LE, (4, BIG): h5t.IEEE_F32BE,
            (8, LITTLE): h5t.IEEE_F64LE, (8, BIG): h5t.IEEE_F64BE}[size, order].copy()


def short_float(order):
    """A float of 20 significant bits, from bit 7 of four bytes on."""
    datatype = real(4, order)
    datatype.set_fields(26, 20, 6, 7, 13)
    datatype.set_offset(7)
    datatype.set_precision(20)
    datatype.set_size(4)  # which the offset had made larger
    return datatype


def kinds(bits):
    """Numbers of so many bits, of many kinds."""
    top = (1 << bits) - 1
    small = min(top, 15)

    def walk(n):
        return np.cumsum(random.integers(-3, 4, n)) + (top >> 1)

    def sparse(n):
        return np.where(random.random(n) < 0.02, random.integers(0, small + 1, n), 0)

    def blocks(n):
        return np.repeat(random.integers(0, small + 1, n // 37 + 1), 37)[:n]

    def zeros_between(n):
        values = np.zeros(n, int)
        values[random.integers(0, n, 3)] = 1
        return values

    def mixed(n):
        scale = np.repeat(random.integers(0, bits, n // 16 + 1), 16)[:n]
        return random.integers(0, 1 << 62, n) >> (62 - scale)

    def noise(n):
        return random.integers(0, top + 1, n, dtype="u8") if bits < 64 else random.integers(0, 1 << 63, n) * 2 + 1

    def extremes(n):
        return np.where(np.arange(n) % 5 < 2, 0, top)

    made = [walk, sparse, blocks, zeros_between, mixed, noise, extremes, lambda n: np.zeros(n, int)]
    return [lambda n, f=f: np.asarray(f(n)).astype("u8") & np.uint64(top) for f in made]


def element_bytes(values, size, order):
    table = values.astype("<u8").view("u1").reshape(-1, 8)[:, :size]
    return np.ascontiguousarray(table if order == LITTLE else table[:, ::-1]).tobytes()


def szip(vectors):
    types = [integer(size, signed, order) for size in (1, 2, 4, 8) for signed in (True, False) for order in (LITTLE, BIG)]
    types += [real(4), real(4, BIG), real(8), real(8, BIG)]
    short = [(1, 5), (1, 1), (2, 9), (2, 12), (4, 3), (4, 12), (4, 17), (4, 20), (4, 24), (4, 27), (8, 30)]
    types += [integer(s, False, order, p) for s, p in short for order in (LITTLE, BIG)]
    types += [integer(4, False, LITTLE, 12, 3)]
    shapes = [(3, 1), (7, 5), (3, 8), (5, 17), (2, 32), (3, 100), (700,), (2, 3, 50), (1, 2049)]
    turn = 0
    for datatype, block, shape, coding in itertools.product(types, (2, 4, 8, 10, 16, 32), shapes, (32, 4)):
        count, size = int(np.prod(shape)), datatype.get_size()
        if count < block or (count * size > 5000 and block not in (2, 32)):
            continue
        bits, offset = datatype.get_precision(), datatype.get_offset()
        # Numbers with fewer bits than their bytes can be coded as these bits only where the others are zeros.
        available = kinds(bits)
        turn += 1
        values = available[turn % len(available)](count) << np.uint64(offset)
        name = f"szip of {size} bytes, {bits} bits, {shape}, blocks of {block}, {coding}"
        data = element_bytes(values, size, datatype.get_order())
        vectors.add(name, SZIP, (coding, block), datatype, shape, data)
    # More blocks than a scanline may have, and long runs of zeros.
    for block, width, make in itertools.product((2, 8, 32), (4096, 9001), kinds(16)):
        data = element_bytes(make(width), 2, LITTLE)
        vectors.add(f"szip of {width} elements, blocks of {block}", SZIP, (32, block), integer(2), (width,), data)


def szip_of_others(vectors):
    """What is no plain number, but has a byte order and a precision."""
    enumeration = h5t.enum_create(integer(2))
    enumeration.enum_insert(b"A", 0)
    array = h5t.array_create(integer(1, False), (4,))
    for name, datatype in [("enumeration", enumeration), ("array", array), ("bits", h5t.STD_B16LE.copy())]:
        data = random.integers(0, 9, 64 * datatype.get_size(), dtype="u1")
        vectors.add(f"szip of {name}", SZIP, (32, 8), datatype, (64,), data)


def nbit(vectors):
    def add(name, datatype, count=37):
        data = random.integers(0, 256, count * datatype.get_size(), dtype="u1")
        vectors.add(f"nbit of {name}", NBIT, (), datatype, (count,), data)

    for size, order in itertools.product((1, 2, 3, 4, 7, 8, 16), (LITTLE, BIG)):
        width = 8 * size
        pairs = {(1, 0), (1, width - 1), (width, 0), (width - 1, 1), (width - 1, 0), (width // 2, width // 4), (3, 5)}
        pairs |= {(precision, offset) for precision in (5, 7, 8, 9, 12, 16, 17, 30) for offset in (0, 3, 8, 11)}
        for precision, offset in sorted(pairs):
            if precision + offset <= width:
                add(f"{precision} bits from {offset} of {size} bytes", integer(size, True, order, precision, offset))
    add("short floats", short_float(LITTLE))
    add("short floats", short_float(BIG))
    add("floats", real(8))
    # The spare byte: bits that end at a byte's end, and that do not.
    for count in range(1, 17):
        add(f"{count} elements", integer(2, False, LITTLE, 12), count)

    def compound(size, *members):
        datatype = h5t.create(h5t.COMPOUND, size)
        for i, (offset, member) in enumerate(members):
            datatype.insert(b"m%d" % i, offset, member)
        return datatype

    text = h5t.C_S1.copy()
    text.set_size(5)
    enumeration = h5t.enum_create(integer(1))
    enumeration.enum_insert(b"A", 1)
    opaque = h5t.create(h5t.OPAQUE, 3)
    bits = h5t.STD_B16BE.copy()
    twelve, small = integer(2, False, LITTLE, 12, 2), integer(4, True, BIG, 9, 8)
    inner = compound(12, (1, twelve), (4, small), (9, enumeration))
    grid = h5t.array_create(h5t.array_create(twelve, (2, 3)), (2,))
    for name, datatype in [
        ("enumerations", enumeration), ("text", text), ("opaque", opaque), ("bits", bits),
        ("arrays", h5t.array_create(twelve, (3, 2))), ("arrays of arrays", grid),
        ("arrays of text", h5t.array_create(text, (3,))), ("arrays of compounds", h5t.array_create(inner, (2,))),
        ("compounds", inner), ("compounds of full numbers", compound(8, (0, integer(4)), (4, integer(2)))),
        ("compounds of all", compound(80, (0, small), (5, text), (40, inner), (60, bits), (70, opaque), (10, grid))),
        ("compounds of compounds", compound(30, (2, compound(20, (3, inner), (16, enumeration))), (24, twelve))),
        ("compounds out of order", compound(16, (8, twelve), (0, small), (12, short_float(BIG)))),
        ("arrays of full numbers", h5t.array_create(integer(4), (2,))),
    ]:
        add(name, datatype)
    # libhdf5 loses members behind such arrays; what it stores must be read as it reads it.
    pairs = h5t.array_create(compound(4, (0, twelve), (2, integer(1, True, LITTLE, 4))), (3,))
    fives = [(0, twelve), (2, twelve), (4, twelve), (6, enumeration), (7, enumeration)]
    fives = h5t.array_create(compound(8, *fives), (2,))
    for name, datatype in [
        ("arrays of arrays", compound(80, (0, small), (10, grid), (40, inner), (60, bits), (70, opaque))),
        ("arrays of arrays inside", compound(60, (0, compound(30, (2, small), (6, grid))), (40, small), (50, twelve))),
        ("arrays of five", compound(40, (0, fives), (20, small), (26, twelve), (30, text))),
        ("arrays of pairs", compound(40, (0, pairs), (20, small), (26, twelve), (30, text))),
    ]:
        add(f"members that get lost, {name}", datatype)
    variable = compound(40, (0, twelve), (8, h5t.vlen_create(integer(4))), (32, small))
    vectors.add("nbit of variable length", NBIT, (), variable, (3,), None)


def scale_offset_of_integers(vectors):
    for size, signed, order in itertools.product((1, 2, 4, 8), (True, False), (LITTLE, BIG)):
        datatype = integer(size, signed, order)
        width = 8 * size
        low, high = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
        middle = (low + high) // 2
        data = {
            "one value": [middle] * 20,
            "zeros": [0] * 20,
            "small": [middle + n % 7 for n in range(33)],
            "from the lowest": [low + n % 30 for n in range(17)],
            "to the highest": [high - n % 30 for n in range(17)],
            "all": [low, high, middle, low, 3],
            "all but one": [low + 1, high, middle],
            "all but two": [low + 1, high - 1, middle],
            "all but three": [low + 1, high - 2, middle],
            "all but four": [low + 2, high - 2, middle],
            "half": [low + 1, low + (1 << width - 1), low + 5],
            "less than half": [low + 1, low + (1 << width - 1) - 1, low + 5],
            "less still": [low + 1, low + (1 << width - 1) - 2, low + 5],
            "powers": [middle] + [middle + (1 << k) for k in range(width // 2)],
            "fill among them": [5, 6, 42, 7, 42, 42, 9],
            "all fill": [42] * 9,
        }
        for span in range(0, 9):
            data[f"span of {span}"] = [40 + n % (span + 1) for n in range(20)]
        fills = [None, "undefined", 42, low, high]
        for (name, values), fill in itertools.product(data.items(), fills):
            values = np.array([n & (1 << 64) - 1 for n in values], "u8")
            if isinstance(fill, int):
                fill = element_bytes(np.array([fill & (1 << 64) - 1], "u8"), size, order)
            name = f"scale-offset of {'i' if signed else 'u'}{width}, {name}, fill {fill}"
            given = [0, width]
            if "span" in name:
                given += [4, 5, 6, width - 1]
            for bits in given:
                raw = element_bytes(values, size, order)
                vectors.add(f"{name}, {bits} bits", SCALE_OFFSET, (2, bits), datatype, (len(values),), raw, fill)


def scale_offset_of_floats(vectors):
    for size, order in itertools.product((4, 8), (LITTLE, BIG)):
        dtype = np.dtype(f"{'<' if order == LITTLE else '>'}f{size}")
        data = {
            "one value": np.full(20, 1.5),
            "zeros": np.zeros(5),
            "few digits": np.round(random.random(50) * 10, 2),
            "a walk": np.cumsum(random.normal(size=100)),
            "large": random.normal(size=30) * 1e6,
            "huge": random.normal(size=30) * 1e30,
            "tiny": random.normal(size=30) * 1e-9,
            "negative": -np.arange(20) / 8,
            "halves": np.arange(-20, 20) / 2 + 0.25,
            "fill among them": np.where(np.arange(30) % 3 == 0, -99.0, np.arange(30) * 1.25),
            "nearly fill": -99.0 + np.arange(-5, 5) * 0.004,
            "all fill": np.full(8, -99.0),
            "a wide span": np.array([0, 2.0**31 if size == 4 else 2.0**63, 1.0]),
            "nearly a wide span": np.array([0, 2.0**30 if size == 4 else 2.0**62, 1.0]),
        }
        for (name, values), digits, fill in itertools.product(data.items(), (-2, -1, 0, 1, 2, 3, 6, 12), (None, "undefined", -99.0)):
            values = values.astype(dtype)
            fill = np.array(fill, dtype).tobytes() if isinstance(fill, float) else fill
            name = f"scale-offset of f{8 * size}, {name}, {digits} digits, fill {fill}"
            vectors.add(name, SCALE_OFFSET, (0, digits), real(size, order), values.shape, values.tobytes(), fill)


def main():
    with open(sys.argv[1], "w") as out:
        vectors = Vectors(out)
        vectors.add("shuffle", SHUFFLE, (), integer(4), (10,), np.arange(40, dtype="u1"))
        szip(vectors)
        szip_of_others(vectors)
        nbit(vectors)
        scale_offset_of_integers(vectors)
        scale_offset_of_floats(vectors)


main()
