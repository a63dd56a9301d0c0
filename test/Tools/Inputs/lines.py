"""lines.py PTX SOURCE TEXT: whether the lines of instructions are right.

Counts the instructions with TEXT in the PTX whose .loc names a line of the
source that has TEXT too, or that is inside of an asm statement that has.
"""

import re
import sys

ptx, source, text = sys.argv[1:]
# An asm statement over several lines counts as each of them.
statements = {}
lines = open(source).read().splitlines()
begin = None
for number, line in enumerate(lines, 1):
    if begin is None:
        begin = number
    if line.rstrip().endswith((";", "{", "}")):
        for inside in range(begin, number + 1):
            statements[inside] = "\n".join(lines[begin - 1 : number])
        begin = None
current = None
right = wrong = 0
for line in open(ptx):
    if match := re.match(r"\s*\.loc\s+1 (\d+) ", line):
        current = int(match[1])
    elif line.strip().startswith(text):
        if text in statements.get(current, ""):
            right += 1
        else:
            wrong += 1
print("%s: %d of the lines hold it, %d do not" % (text, right, wrong))
