"""fails.py COMMAND...: passes if the command reports an error as tools should.

That is: exit code 1, nothing on standard output, and on standard error either
one line that begins with the tool's name, or diagnostics with a location.
What was on standard error is printed on standard output.
"""

import os
import subprocess
import sys

result = subprocess.run(
    sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True, text=True
)
sys.stdout.write(result.stderr)
tool = os.path.basename(sys.argv[1])
lines = result.stderr.splitlines()
is_sentence = len(lines) == 1 and lines[0].startswith(tool + ": error: ")
is_diagnostic = bool(lines) and ": error: " in lines[0] and ".mlir:" in lines[0]
if result.returncode != 1:
    sys.exit("exit code %d, expected 1" % result.returncode)
if result.stdout:
    sys.exit("something is on standard output: " + result.stdout)
if not is_sentence and not is_diagnostic:
    sys.exit("expected one line, '%s: error: ...', or a diagnostic" % tool)
