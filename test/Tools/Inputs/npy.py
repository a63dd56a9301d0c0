"""Writes and shows .npy files with nothing but Python's own library.

npy.py write FILE SHAPE [VALUE]   f4, SHAPE as in 1x4x8x64, or "scalar"
npy.py show FILE                  its type, shape, and smallest and largest value
npy.py same FILE FILE             exits with 1 unless both hold the same bytes
npy.py count FILE N               i4, 0 to N - 1
npy.py reversed FILE N            exits with 1 unless it holds these in reverse
"""

import ast
import struct
import sys


def save(path, descr, shape, data):
    text = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (descr, shape)
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)))
        file.write(text.encode() + data)


def write(path, shape, value):
    count = 1
    for size in shape:
        count *= size
    save(path, "<f4", shape, struct.pack("<f", value) * count)


def show(path):
    data = open(path, "rb").read()
    assert data[:8] == b"\x93NUMPY\x01\x00", "not a .npy file of version 1.0"
    (length,) = struct.unpack("<H", data[8:10])
    header = ast.literal_eval(data[10 : 10 + length].decode())
    assert not header["fortran_order"] and header["descr"] == "<f4"
    values = [value for (value,) in struct.iter_unpack("<f", data[10 + length :])]
    count = 1
    for size in header["shape"]:
        count *= size
    assert len(values) == count, "%d values for %d" % (len(values), count)
    print("f4", header["shape"], "min %g max %g" % (min(values), max(values)))


command, *arguments = sys.argv[1:]
if command == "write":
    path, shape, *value = arguments
    sizes = () if shape == "scalar" else tuple(map(int, shape.split("x")))
    write(path, sizes, float(value[0]) if value else 0.0)
elif command == "show":
    show(arguments[0])
elif command == "same":
    first, second = (open(path, "rb").read() for path in arguments)
    sys.exit(first != second)
elif command == "count":
    count = int(arguments[1])
    save(arguments[0], "<i4", (count,), struct.pack("<%di" % count, *range(count)))
elif command == "reversed":
    count = int(arguments[1])
    data = open(arguments[0], "rb").read()[-4 * count :]
    sys.exit(data != struct.pack("<%di" % count, *reversed(range(count))))
else:
    sys.exit(__doc__)
