"""What scripts/gpu-pack and scripts/gpu-check share.

Python's standard library only: gpu-check runs on machines that have NVIDIA's
driver and nothing else.
"""

import json
import math
import os


class Problem(Exception):
    """A sentence for the user: what was given, and what is allowed."""


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
