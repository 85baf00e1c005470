"""What the suite says to its user."""

import sys


class Fault(Exception):
    """What is wrong, in words for the user."""


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def figure(number):
    """Three digits that matter."""
    return f"{number:.3f}" if number < 1 else f"{number:.2f}" if number < 100 else f"{number:,.0f}"
