"""The C interface of the runtime (include/attn/c.h), by ctypes.

attn-run is not used here, because it links LLVM.
"""

import ctypes
import os

from . import Problem

TYPES = {"f32": 0, "f16": 1, "bf16": 2, "f64": 3, "i32": 4, "i64": 5,
         "index": 6, "i8": 7, "i1": 8}
MAX_RANK = 8


class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("type", ctypes.c_int),
                ("rank", ctypes.c_int32), ("shape", ctypes.c_int64 * MAX_RANK),
                ("strides", ctypes.c_int64 * MAX_RANK)]


class Limits(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("batch", ctypes.c_int64),
                ("queries", ctypes.c_int64), ("keys", ctypes.c_int64),
                ("threads", ctypes.c_int32)]


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("jit", ctypes.c_int),
                ("threads", ctypes.c_int32),
                ("cache_directory", ctypes.c_char_p),
                ("hooks", ctypes.c_void_p * 9), ("max_kernels", ctypes.c_int64)]


class Argument(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("name", ctypes.c_char_p),
                ("is_output", ctypes.c_int32), ("is_tensor", ctypes.c_int32),
                ("type", ctypes.c_int), ("rank", ctypes.c_int32),
                ("shape", ctypes.c_int64 * MAX_RANK)]


def make_tensor(address, kind, shape, strides):
    """A view of memory of the device; strides count elements."""
    return Tensor(address, TYPES[kind], len(shape),
                  (ctypes.c_int64 * MAX_RANK)(*shape),
                  (ctypes.c_int64 * MAX_RANK)(*strides))


class Runtime:
    """libattn_runtime.so."""

    def __init__(self, path):
        try:
            self.library = ctypes.CDLL(os.path.abspath(path))
        except OSError as error:
            raise Problem(f"cannot load the runtime '{path}': "
                          f"{error}") from None
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        text, number = ctypes.c_char_p, ctypes.c_int
        self._error_free = self._declare("attn_error_free", None, pointer)
        self._message = self._declare("attn_error_message", text, pointer)
        out = ctypes.POINTER(pointer)
        for name, *arguments in (
                ("attn_engine_create", text, pointer, out),
                ("attn_engine_copy_in", pointer, pointer, pointer, size),
                ("attn_engine_copy_out", pointer, pointer, pointer, size),
                ("attn_engine_load", pointer, text, size, text, out),
                ("attn_plan_create", pointer, pointer, out),
                ("attn_args_create", pointer, out),
                ("attn_args_tensor", pointer, text, pointer),
                ("attn_args_int", pointer, text, ctypes.c_int64),
                ("attn_args_float", pointer, text, ctypes.c_double),
                ("attn_launch", pointer, pointer, pointer, size),
                ("attn_launch_on", pointer, pointer, pointer, size, pointer)):
            self._declare(name, number, *arguments, out)
        for name in ("engine", "kernel", "plan", "args"):
            self._declare(f"attn_{name}_free", None, pointer)
        self._declare("attn_engine_allocate", pointer, pointer, size)
        self._declare("attn_engine_deallocate", None, pointer, pointer, size)
        self._declare("attn_plan_workspace_bytes", size, pointer)
        self._declare("attn_kernel_argument", ctypes.c_int32, pointer,
                      ctypes.c_int32, pointer)
        self._declare("attn_kernel_num_arguments", ctypes.c_int32, pointer)
        self.version = self._declare("attn_version", text)().decode()

    def _declare(self, name, result, *arguments):
        try:
            function = getattr(self.library, name)
        except AttributeError:
            raise Problem(f"the runtime has no function {name}; take runtime "
                          "and scripts from the same commit") from None
        function.restype, function.argtypes = result, arguments
        return function

    def call(self, name, *arguments):
        """Calls a function that may fail; the error is raised as a Problem."""
        error = ctypes.c_void_p()
        status = getattr(self.library, name)(*arguments, ctypes.byref(error))
        if status:
            message = self._message(error).decode("utf-8", "replace")
            self._error_free(error)
            raise Problem(message)

    def make(self, name, *arguments):
        """The same for a function that makes an object."""
        made = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(made))
        return made


class Memory:
    """Memory of the device."""

    def __init__(self, engine, size):
        # A tensor without elements needs an address, too.
        self.engine, self.size = engine, max(size, 16)
        self.address = engine.runtime.library.attn_engine_allocate(
            engine.handle, self.size)
        if not self.address:
            raise Problem(f"there is no memory for {size} bytes on "
                          f"{engine.device}")

    def write(self, data):
        if data:
            self.engine.runtime.call("attn_engine_copy_in", self.engine.handle,
                                     self.address, bytes(data), len(data))

    def read(self, size):
        return self.read_at(self.engine, self.address, size)

    @staticmethod
    def read_at(engine, address, size):
        """Bytes at any address of the device."""
        buffer = ctypes.create_string_buffer(size)
        if size:
            engine.runtime.call("attn_engine_copy_out", engine.handle, buffer,
                                address, size)
        return buffer.raw

    def free(self):
        if self.address:
            self.engine.runtime.library.attn_engine_deallocate(
                self.engine.handle, self.address, self.size)
            self.address = None


class Engine:
    """A device: "cuda", "emulator:sm_80", ..."""

    def __init__(self, runtime, device):
        self.runtime, self.device = runtime, device
        # Packages need no cache, and a check leaves nothing behind.
        options = Options(size=ctypes.sizeof(Options), cache_directory=b"")
        self.handle = runtime.make("attn_engine_create", device.encode(),
                                   ctypes.byref(options))

    def load(self, package, entry):
        return Kernel(self, package, entry)


class Kernel:
    """An entry of a package, on the device."""

    def __init__(self, engine, package, entry):
        self.engine, self.runtime = engine, engine.runtime
        self.handle = self.runtime.make("attn_engine_load", engine.handle,
                                        package, len(package), entry.encode())
        library = self.runtime.library
        self.arguments = []
        for number in range(library.attn_kernel_num_arguments(self.handle)):
            one = Argument(size=ctypes.sizeof(Argument))
            library.attn_kernel_argument(self.handle, number,
                                         ctypes.byref(one))
            self.arguments.append(one)

    def bind(self, values, limits):
        return Call(self, values, limits)

    def free(self):
        self.runtime.library.attn_kernel_free(self.handle)


class Call:
    """A kernel with arguments, ready to be launched again and again.

    `values` has a Tensor or a number for each argument, inputs first; `limits`
    is (batch, queries, keys).
    """

    def __init__(self, kernel, values, limits):
        self.runtime = kernel.runtime
        if len(values) != len(kernel.arguments):
            raise Problem(f"the kernel has {len(kernel.arguments)} arguments, "
                          f"but {len(values)} are given")
        self.args = self.runtime.make("attn_args_create", kernel.handle)
        for argument, value in zip(kernel.arguments, values):
            if argument.is_tensor:
                self.runtime.call("attn_args_tensor", self.args, argument.name,
                                  ctypes.byref(value))
            elif argument.type in (TYPES["f32"], TYPES["f64"]):
                self.runtime.call("attn_args_float", self.args, argument.name,
                                  value)
            else:
                self.runtime.call("attn_args_int", self.args, argument.name,
                                  int(value))
        bounds = Limits(ctypes.sizeof(Limits),
                        *(max(1, bound) for bound in limits), 0)
        self.plan = self.runtime.make("attn_plan_create", kernel.handle,
                                      ctypes.byref(bounds))
        self.bytes = self.runtime.library.attn_plan_workspace_bytes(self.plan)
        self.workspace = Memory(kernel.engine, self.bytes)
        # What is read before it is written shows up as NaN.
        if self.bytes <= 1 << 26:
            self.workspace.write(b"\xff" * self.workspace.size)

    def launch(self):
        """Runs the kernel and waits for it."""
        self.runtime.call("attn_launch", self.args, self.plan,
                          self.workspace.address, self.bytes)

    def launch_on(self, stream=None):
        """Puts the kernel into a stream of the GPU."""
        self.runtime.call("attn_launch_on", self.args, self.plan,
                          self.workspace.address, self.bytes, stream)

    def free(self):
        self.runtime.library.attn_args_free(self.args)
        self.runtime.library.attn_plan_free(self.plan)
        self.workspace.free()
