"""Timers: events of the GPU, or the wall clock for the emulator."""

import ctypes
import statistics
import subprocess
import time

from . import Problem

MIB = 1 << 20


class Driver:
    """NVIDIA's driver (libcuda.so.1) on the first GPU.

    Its primary context is also that of the runtime and of PyTorch, so that the
    events below time them all alike.
    """

    _ATTRIBUTES = {"multiprocessors": 16, "l2_bytes": 38, "major": 75,
                   "minor": 76}

    def __init__(self):
        try:
            self.library = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise Problem(f"there is no NVIDIA driver: {error}; install it, or "
                          "give --device=emulator") from None
        self.call("cuInit", 0)
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxSetCurrent", context)
        name = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", name, 255, device)
        version = ctypes.c_int()
        self.call("cuDriverGetVersion", ctypes.byref(version))
        numbers = {}
        for key, attribute in self._ATTRIBUTES.items():
            value = ctypes.c_int()
            self.call("cuDeviceGetAttribute", ctypes.byref(value), attribute,
                      device)
            numbers[key] = value.value
        self.capability = numbers.pop("major") * 10 + numbers.pop("minor")
        self.l2_bytes = numbers["l2_bytes"]
        self.info = {
            "name": name.value.decode("utf-8", "replace"),
            "compute_capability": f"{self.capability // 10}."
                                  f"{self.capability % 10}",
            "driver": driver_version(),
            "cuda_of_driver": f"{version.value // 1000}."
                              f"{version.value % 1000 // 10}", **numbers}

    def call(self, name, *arguments):
        function = getattr(self.library, name, None)
        if not function:
            raise Problem(f"the driver has no function {name}; install a "
                          "driver for CUDA 12.0 or newer")
        if error := function(*arguments):
            text = ctypes.c_char_p()
            self.library.cuGetErrorName(error, ctypes.byref(text))
            raise Problem(f"{name}: {(text.value or b'an error').decode()} "
                          f"({error})")

    def synchronize(self):
        self.call("cuCtxSynchronize")


def ask_nvidia_smi(*fields):
    """What nvidia-smi says about the first GPU; null where it says nothing."""
    try:
        answer = subprocess.run(
            ["nvidia-smi", "--id=0", f"--query-gpu={','.join(fields)}",
             "--format=csv,noheader"], capture_output=True, text=True,
            timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return [None] * len(fields)
    values = [value.strip() for value in answer.split(",")]
    return values if len(values) == len(fields) else [None] * len(fields)


def driver_version():
    return ask_nvidia_smi("driver_version")[0]


class GpuTimer:
    """Seconds between events around each launch.

    Before each launch a buffer much larger than the cache is overwritten. So
    launches begin with a cold cache, and while the GPU is busy with it the host
    can put the launch behind it: the time holds no latency of the host.
    """

    name = "events of the GPU, caches cold"

    def __init__(self, driver, engine, memory):
        self.driver = driver
        self.bytes = max(4 * driver.l2_bytes, 512 * MIB)
        self.buffer = memory(engine, self.bytes)
        self.events = []

    def flush_seconds(self):
        """What overwriting the buffer takes, about: for the number of runs."""
        return self.bytes / 2e12

    def _event(self):
        event = ctypes.c_void_p()
        self.driver.call("cuEventCreate", ctypes.byref(event), 0)
        return event

    def measure(self, launch, number):
        while len(self.events) < number:
            self.events.append((self._event(), self._event()))
        call, samples = self.driver.call, []
        address = ctypes.c_uint64(self.buffer.address)
        size = ctypes.c_size_t(self.bytes // 4)
        for begin, end in self.events[:number]:
            call("cuMemsetD32Async", address, 0, size, None)
            call("cuEventRecord", begin, None)
            launch()
            call("cuEventRecord", end, None)
        self.driver.synchronize()
        milliseconds = ctypes.c_float()
        for begin, end in self.events[:number]:
            call("cuEventElapsedTime", ctypes.byref(milliseconds), begin, end)
            samples.append(milliseconds.value * 1e-3)
        return samples


class WallTimer:
    """For the emulator, whose time says nothing about a GPU."""

    name = "wall clock of the emulator"

    def flush_seconds(self):
        return 0.0

    def measure(self, launch, number):
        samples = []
        for _ in range(number):
            begin = time.perf_counter()
            launch()
            samples.append(time.perf_counter() - begin)
        return samples


def measure_in_turn(timer, launches, rounds, seconds):
    """Times several functions in turn, so that all see the same clocks.

    `launches` maps names to functions. Each has `rounds` series of about
    `seconds` each. Returns samples by name, a list for each round.
    """
    numbers, samples = {}, {name: [] for name in launches}
    for name, launch in launches.items():
        timer.measure(launch, 3)
        one = statistics.median(timer.measure(launch, 3))
        fitting = seconds / max(one + timer.flush_seconds(), 1e-6)
        numbers[name] = int(min(max(fitting, 3), 200))
    for _ in range(rounds):
        for name, launch in launches.items():
            timer.measure(launch, 1)
            samples[name].append(timer.measure(launch, numbers[name]))
    return samples


def summarize(rounds):
    """Median and minimum of all samples, and the median of each round."""
    samples = [sample for series in rounds for sample in series]
    return {"median_s": statistics.median(samples), "min_s": min(samples),
            "samples": len(samples),
            "medians_of_rounds_s": [statistics.median(series)
                                    for series in rounds]}
