"""Runs a case of the end-to-end table and compares it with the reference."""

import math
import os

from . import Problem
from .attn import Memory, make_tensor
from .tensors import (Layout, count, decode, encode, max_difference, read_file,
                      read_npy, row_major, values_of)


def package_of(pack, item, target):
    """The bytes of the package of a case or benchmark."""
    packages = item["packages"]
    if target not in packages:
        raise Problem(f"'{item['name']}' has no package for {target}; the pack "
                      f"has {', '.join(packages)}")
    return read_file(os.path.join(pack, packages[target]))


class CaseRun:
    """A case on a device, with its inputs there."""

    def __init__(self, pack, case, engine, target):
        self.pack, self.case, self.engine = pack, case, engine
        self.kernel = engine.load(package_of(pack, case, target),
                                  case["entry"])
        self.layouts, self.memories, values = [], [], []
        for given in case["inputs"]:
            if "value" in given:
                values.append(given["value"])
                continue
            data = encode(given["type"], values_of(given))
            values.append(self._tensor(given, data))
        self.inputs = len(self.memories)
        for wanted in case["outputs"]:
            values.append(self._tensor(wanted, None))
        self.call = self.kernel.bind(
            values, (case["batch"], case["queries"], case["keys"]))

    def _tensor(self, described, data):
        layout = Layout(described["type"], described["shape"],
                        described.get("strides") or
                        row_major(described["shape"]))
        memory = Memory(self.engine, layout.bytes)
        if data is not None:
            memory.write(layout.scatter(data))
        self.layouts.append(layout)
        self.memories.append(memory)
        return make_tensor(memory.address, layout.kind, layout.shape,
                           layout.strides)

    def set_query_to_zero(self):
        layout = self.layouts[0]
        zeros = bytes(count(layout.shape) * layout.item)
        self.memories[0].write(layout.scatter(zeros))

    def run(self):
        """The bytes of the results, and sentences about damaged memory."""
        outputs = list(zip(self.case["outputs"], self.layouts[self.inputs:],
                           self.memories[self.inputs:]))
        for _, layout, memory in outputs:
            memory.write(b"\xff" * layout.bytes)
        self.call.launch()
        results, damage = [], []
        for wanted, layout, memory in outputs:
            dense, untouched = layout.gather(memory.read(layout.bytes))
            results.append(dense)
            if not untouched:
                damage.append(f"something was written between the elements of "
                              f"'{wanted['name']}'")
        return results, damage

    def free(self):
        self.call.free()
        for memory in self.memories:
            memory.free()
        self.kernel.free()


def wrong_counts(run, case, pack):
    """A sentence if the LSE of a query of zeros does not count the keys."""
    run.set_query_to_zero()
    results, _ = run.run()
    lse = decode("f32", results[1])
    for row, (actual, kept) in enumerate(
            zip(lse, read_npy(os.path.join(pack, case["kept_keys"])))):
        counted = 0 if actual == -math.inf else math.exp(min(actual, 700)) \
            if actual == actual else math.nan
        if not abs(counted - kept) < 0.5:
            return (f"row {row} counts {counted:g} keys, but the mask keeps "
                    f"{kept}")
    return None


def check(pack, case, engine, target):
    """Runs a case; the answer says what was wrong, and holds the results."""
    run = CaseRun(pack, case, engine, target)
    try:
        results, failures = run.run()
        errors = {}
        for wanted, data in zip(case["outputs"], results):
            error = max_difference(
                decode(wanted["type"], data),
                read_npy(os.path.join(pack, wanted["expected"])))
            errors[wanted["name"]] = error
            if not error <= wanted["tolerance"]:
                failures.append(
                    f"'{wanted['name']}' is off by {error:.3g}, allowed is "
                    f"{wanted['tolerance']:.3g}")
        again, _ = run.run()
        if again != results:
            failures.append("two runs gave different bits")
        if "kept_keys" in case:
            if sentence := wrong_counts(run, case, pack):
                failures.append(sentence)
        return {"passed": not failures, "failures": failures,
                "max_abs_error": errors}, results
    finally:
        run.free()


def outputs_of(pack, case, engine, target):
    """The bytes of the results of one run."""
    run = CaseRun(pack, case, engine, target)
    try:
        return run.run()[0]
    finally:
        run.free()


def differences(case, some, others):
    """The largest difference of each result of two runs."""
    return {wanted["name"]: max_difference(decode(wanted["type"], one),
                                           decode(wanted["type"], other))
            for wanted, one, other in zip(case["outputs"], some, others)}
