# Writes and checks .npy files of 32-bit integers, without numpy.
#   npy.py write FILE COUNT      0, 1, ... COUNT - 1
#   npy.py reversed FILE COUNT   fails unless FILE holds them in reverse
import struct
import sys

mode, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
if mode == "write":
    header = "{'descr': '<i4', 'fortran_order': False, 'shape': (%d,), }" % count
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        file.write(header.encode("latin1"))
        file.write(struct.pack("<%di" % count, *range(count)))
else:
    with open(path, "rb") as file:
        data = file.read()[-4 * count:]
    assert list(struct.unpack("<%di" % count, data)) == list(range(count))[::-1]
