"""What scripts/gpu-pack and scripts/gpu-check share.

Python's standard library only: gpu-check runs on machines that have NVIDIA's
driver and nothing else.
"""

import argparse
import json
import math
import os
import sys


class Problem(Exception):
    """A sentence for the user: what was given, and what is allowed."""


class Parser(argparse.ArgumentParser):
    """A command line whose errors are one sentence and exit code 1."""

    def __init__(self, name, description):
        super().__init__(prog=name, description=description, allow_abbrev=False,
                         formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message):
        print(f"{self.prog}: error: {message}; see {self.prog} --help",
              file=sys.stderr)
        sys.exit(1)


def joined(names):
    """"a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def one_of(what, names):
    """The type of a flag that takes one of some names."""
    def parse(text):
        if text not in names:
            raise argparse.ArgumentTypeError(
                f"unknown {what} '{text}'; allowed are {joined(names)}")
        return text
    return parse


def list_of(what, names):
    """The type of a flag that takes several, in the order of `names`."""
    one = one_of(what, names)

    def parse(text):
        given = [one(name) for name in text.split(",")]
        return [name for name in names if name in given]
    return parse


def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not allowed; allowed are integers from 1 on")
    return int(text)


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise Problem(f"cannot read '{path}': {error.strerror}") from None
    except ValueError as error:
        raise Problem(f"'{path}' is not JSON: {error}") from None


def finite(value):
    """The same data with null in the place of what JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path, value):
    """Writes a file that is either the old one or the new one."""
    temporary = path + ".part"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(finite(value), file, indent=1, allow_nan=False)
            file.write("\n")
        os.replace(temporary, path)
    except OSError as error:
        raise Problem(f"cannot write '{path}': {error.strerror}") from None


def target_number(name):
    """80 for "sm_80"."""
    digits = name[3:]
    if not name.startswith("sm_") or not digits.isdigit():
        raise Problem(f"'{name}' is no target; allowed are names such as sm_80")
    return int(digits)
