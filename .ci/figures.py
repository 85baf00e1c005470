"""figures.py FILE ZERO POSITIVE: checks figures of a ringload report.

ZERO and POSITIVE are names separated by commas: figures that must be 0, and above 0. A name that the report lacks
fails too, so that a renamed figure does not go unchecked.
"""

import json
import sys


def main(path, zero, positive):
    with open(path) as file:
        report = json.load(file)
    wrong = []
    for names, holds, words in (
        (zero, lambda value: value == 0, "0"),
        (positive, lambda value: value > 0, "above 0"),
    ):
        for name in names.split(","):
            value = report.get(name)
            if not isinstance(value, (int, float)) or not holds(value):
                wrong.append(f"{name} is {value}, not {words}")
    if wrong:
        sys.exit(f"{path}: " + "; ".join(wrong))


if len(sys.argv) != 4:
    sys.exit(__doc__)
main(*sys.argv[1:])
