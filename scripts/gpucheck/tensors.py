"""Elements of tensors: how they are made, stored and compared."""

import array
import ast
import gzip
import math
import struct
import zlib

from . import Problem

BYTES = {"f32": 4, "f16": 2, "bf16": 2, "f64": 8, "i32": 4, "i64": 8,
         "index": 8, "i8": 1, "i1": 1}
# struct's letters; bf16 has none.
LETTERS = {"f32": "f", "f16": "e", "f64": "d", "i32": "i", "i64": "q",
           "index": "q", "i8": "b", "i1": "b"}


def encode(kind, values):
    """The bytes of numbers that the element type can hold."""
    if kind == "bf16":
        # The upper halves of f32, which is little endian here.
        return array.array("H", array.array("f", values).tobytes())[1::2] \
            .tobytes()
    if LETTERS[kind] in "fed":
        return struct.pack(f"<{len(values)}{LETTERS[kind]}", *values)
    return struct.pack(f"<{len(values)}{LETTERS[kind]}", *map(int, values))


def decode(kind, data):
    """The numbers in bytes."""
    if kind == "bf16":
        halves = array.array("H", data)
        wide = array.array("H", bytes(2 * len(data)))
        wide[1::2] = halves
        return list(array.array("f", wide.tobytes()))
    return list(struct.unpack(f"<{len(data) // BYTES[kind]}{LETTERS[kind]}",
                              data))


def count(shape):
    return math.prod(shape)


def row_major(shape):
    strides, step = [], 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= size
    return strides


class RandomValues:
    """About normally distributed numbers of a type, from a seed.

    The same as makeRandom in unit/EndToEnd/Harness.cpp: splitmix64, whose four
    16-bit parts are summed. So a number depends on that sum alone, and is
    computed once for each sum. Many tensors share a seed; their numbers are the
    beginning of one sequence, which is kept.
    """

    _tables, _sequences = {}, {}

    def __init__(self, kind, seed):
        self.kind = kind
        self.table = self._tables.setdefault(kind, {})
        self.sequence = self._sequences.setdefault((kind, seed), [[], seed])

    def _value(self, total):
        value = struct.unpack("f", struct.pack(
            "f", (total / 65536 - 2) * 1.7320508))[0]
        if self.kind == "f32":
            return value
        step = 2.0 ** -8 if self.kind == "f16" else 2.0 ** -5
        # Halves are rounded away from zero, as std::round does.
        return math.copysign(math.floor(abs(value) / step + 0.5) * step, value)

    def make(self, number):
        mask, half = 0xffffffffffffffff, 0xffff
        table, (values, state) = self.table, self.sequence
        for _ in range(number - len(values)):
            state = (state + 0x9e3779b97f4a7c15) & mask
            z = ((state ^ (state >> 30)) * 0xbf58476d1ce4e5b9) & mask
            z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & mask
            z ^= z >> 31
            total = ((z & half) + ((z >> 16) & half) + ((z >> 32) & half) +
                     (z >> 48))
            value = table.get(total)
            if value is None:
                value = table[total] = self._value(total)
            values.append(value)
        self.sequence[1] = state
        return values[:number]


def values_of(given):
    """The elements of an input tensor as the manifest describes it."""
    if "values" in given:
        return [float(value) if isinstance(value, str) else value
                for value in given["values"]]  # "-inf"
    values = RandomValues(given["type"], given["seed"]).make(
        count(given["shape"]))
    # Rounding leaves -0.0, which std::round leaves as well.
    checksum = zlib.crc32(array.array("f", values).tobytes())
    if checksum != given["crc32_as_f32"]:
        raise Problem(f"the numbers of the seed {given['seed']} have the "
                      f"checksum {checksum}, but the reference saw "
                      f"{given['crc32_as_f32']}; make the pack again")
    return values


class Layout:
    """Where the elements of a strided tensor lie in memory."""

    def __init__(self, kind, shape, strides):
        self.kind, self.shape, self.strides = kind, shape, strides
        self.item = BYTES[kind]
        self.elements = count(shape)
        last = sum((size - 1) * step for size, step in zip(shape, strides))
        self.bytes = (last + 1) * self.item if self.elements else 0
        # Rows are contiguous, as the runtime demands.
        self.row = (shape[-1] if shape else 1) * self.item

    def _rows(self):
        """Byte offsets of the rows, in row-major order."""
        offsets = [0] if self.elements else []
        for size, step in zip(self.shape[:-1], self.strides[:-1]):
            offsets = [offset + index * step * self.item for offset in offsets
                       for index in range(size)]
        return offsets

    def scatter(self, dense):
        """Memory with these elements, and bytes of NaN between them."""
        memory = bytearray(b"\xff" * self.bytes)
        for number, offset in enumerate(self._rows()):
            memory[offset:offset + self.row] = \
                dense[number * self.row:(number + 1) * self.row]
        return memory

    def gather(self, memory):
        """The elements in row-major order, and whether nothing else changed."""
        dense = b"".join(memory[offset:offset + self.row]
                         for offset in self._rows())
        gaps = bytearray(memory)
        for offset in self._rows():
            gaps[offset:offset + self.row] = b"\xff" * self.row
        return dense, gaps.count(0xff) == len(gaps)


def read_file(path):
    """The bytes of a file; what ends in .gz is unpacked."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        return gzip.decompress(data) if path.endswith(".gz") else data
    except (OSError, EOFError, zlib.error) as error:
        raise Problem(f"cannot read '{path}': {error}") from None


def read_npy(path):
    """The numbers in a .npy file (possibly .npy.gz) of f4 or i4."""
    data = read_file(path)
    if data[:6] != b"\x93NUMPY" or len(data) < 10:
        raise Problem(f"'{path}' is no .npy file")
    wide = data[6] > 1
    begin = 12 if wide else 10
    size = struct.unpack_from("<I" if wide else "<H", data, 8)[0]
    header = ast.literal_eval(data[begin:begin + size].decode("latin-1"))
    kinds = {"<f4": "f32", "<i4": "i32"}
    if header["descr"] not in kinds or header["fortran_order"]:
        raise Problem(f"'{path}' holds {header['descr']}; allowed are <f4 and "
                      "<i4 in C order")
    return decode(kinds[header["descr"]], data[begin + size:])


def max_difference(actual, expected):
    """The largest difference; infinite where only one is NaN or infinite."""
    if len(actual) != len(expected):
        return math.inf
    worst = 0.0
    for x, y in zip(actual, expected):
        if x == y:
            continue
        difference = abs(x - y)
        if not difference <= worst:
            if difference == difference:
                worst = difference
            elif x == x or y == y:
                return math.inf
    return worst
