"""Work on a device in a process of its own.

A kernel that fails can leave a GPU's context unusable, and one that hangs never
answers. So each task goes to a process that is ended and started again when
that happens, and the other tasks go on.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback

from . import Problem, finite, read_json
from .attn import Engine, Memory, Runtime
from .cases import check, differences, outputs_of
from .clocks import Driver, GpuTimer, WallTimer
from .peers import Peers
from .timings import time_shape


class Worker:
    """The side that gives tasks."""

    def __init__(self, script, pack, device, target, log):
        self.command = [sys.executable, script, pack, "--worker",
                        f"--device={device}", f"--target={target}"]
        self.log, self.process, self.pending = log, None, b""

    def ask(self, task, seconds):
        """The answer to a task; {"error": sentence} if there is none."""
        if self.process is None:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=self.log)
            self.pending = b""
        try:
            self.process.stdin.write(json.dumps(task).encode() + b"\n")
            self.process.stdin.flush()
            line = self._line(time.monotonic() + seconds)
        except BrokenPipeError:
            line = None
        if line is None:
            return {"error": self._end(seconds)}
        answer = json.loads(line)
        if "error" in answer:
            self.close()
        return answer

    def _line(self, deadline):
        """A line of output; null if the time is up or the process ended."""
        pipe = self.process.stdout
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                return None
            data = os.read(pipe.fileno(), 1 << 16)
            if not data:
                return None
            self.pending += data
        line, _, self.pending = self.pending.partition(b"\n")
        return line

    def _end(self, seconds):
        """Why there was no answer."""
        try:
            code = self.process.wait(1)
        except subprocess.TimeoutExpired:
            code = None
        self.close()
        if code is None:
            return f"there was no answer within {seconds} s"
        if code < 0:
            return f"the process was ended by {signal.Signals(-code).name}"
        return f"the process ended with exit code {code}"

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


class Tasks:
    """The side that does them."""

    def __init__(self, pack, device, target):
        self.pack, self.device, self.target = pack, device, target
        self.manifest = read_json(os.path.join(pack, "manifest.json"))
        self._engine = self._driver = self._timer = self._peers = None

    def engine(self):
        if not self._engine:
            runtime = Runtime(os.path.join(self.pack, "lib",
                                           "libattn_runtime.so"))
            name = (f"emulator:{self.target}" if self.device == "emulator"
                    else self.device)
            self._engine = Engine(runtime, name)
        return self._engine

    def driver(self):
        if not self._driver:
            self._driver = Driver()
        return self._driver

    def timer(self):
        if not self._timer:
            self._timer = (WallTimer() if self.device == "emulator" else
                           GpuTimer(self.driver(), self.engine(), Memory))
        return self._timer

    def peers(self):
        """PyTorch, or the Problem that it is not there."""
        if self._peers is None:
            try:
                if self.device == "emulator":
                    raise Problem("PyTorch is timed on a GPU only")
                self._peers = Peers()
            except Problem as problem:
                self._peers = problem
        return self._peers

    def do_device(self, task):
        if self.device == "emulator":
            return {"name": "the emulator"}
        driver = self.driver()
        return {**driver.info, "capability": driver.capability}

    def do_peers(self, task):
        peers = self.peers()
        if isinstance(peers, Problem):
            return {"skipped": str(peers)}
        return peers.info

    def do_case(self, task):
        case = self.manifest["cases"][task["case"]]
        answer, results = check(self.pack, case, self.engine(), self.target)
        for number, data in enumerate(results):
            with open(f"{task['save']}.{number}", "wb") as file:
                file.write(data)
        return answer

    def do_compare(self, task):
        case = self.manifest["cases"][task["case"]]
        others = []
        for number in range(len(case["outputs"])):
            with open(f"{task['saved']}.{number}", "rb") as file:
                others.append(file.read())
        ours = outputs_of(self.pack, case, self.engine(), self.target)
        return {"max_abs_difference": differences(case, ours, others)}

    def do_time(self, task):
        benchmark = self.manifest["benchmarks"][task["benchmark"]]
        peers = self.peers()
        return time_shape(self.pack, benchmark, task["shape"], self.engine(),
                          self.target, self.timer(),
                          None if isinstance(peers, Problem) else peers,
                          task["effort"])

    def answer(self, task):
        try:
            return getattr(self, "do_" + task["task"])(task)
        except Problem as problem:
            return {"error": str(problem)}
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"}


def serve(pack, device, target):
    """Answers tasks, a line each, until there are no more."""
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    tasks = Tasks(pack, device, target)
    for line in sys.stdin:
        # Infinity is JSON to Python, and to nobody else: null in files.
        answers.write(json.dumps(finite(tasks.answer(json.loads(line)))) + "\n")
        answers.flush()
    return 0
