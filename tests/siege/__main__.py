"""``python -m tests.siege --minutes 60``: the siege, for as long as you like.

Each round has a seed of its own; a finding is printed with what repeats it. Exit status 1 if there
is one.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .finding import Finding
from .siege_part import SiegePart, attack, parts


def main() -> int:
    asked = _arguments()
    chosen = [part for part in parts() if asked.only in ("", part.name)]
    if not chosen:
        print(f"no part is named {asked.only}; there are: {', '.join(p.name for p in parts())}")
        return 2
    found: list[Finding] = []
    if asked.probe is not None:
        for part in chosen:
            found += _round(part, asked.seed or 0, iter([asked.probe]))
        return int(bool(found))
    for seed, part, over in _rounds(chosen, asked.seed, asked.minutes):
        numbers = itertools.takewhile(lambda _, over=over: not over.is_set(), range(part.probes))
        found += _round(part, seed, numbers)
    print(f"{len(found)} findings")
    return int(bool(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.siege")
    parser.add_argument("--minutes", type=float, default=4.0, help="for how long, of all parts")
    parser.add_argument("--only", default="", help="one part")
    parser.add_argument("--seed", type=int, help="the first round's; random if it is left out")
    parser.add_argument("--probe", type=int, help="only the one with this number")
    return parser.parse_args()


def _rounds(
    chosen: list[SiegePart], seed: int | None, minutes: float
) -> Iterator[tuple[int, SiegePart, threading.Event]]:
    over = threading.Event()
    timer = threading.Timer(60 * minutes, over.set)
    timer.daemon = True
    timer.start()
    first = random.SystemRandom().randrange(1 << 31) if seed is None else seed
    for number in itertools.count(first):
        for part in chosen:
            if over.is_set():
                return
            yield number, part, over


def _round(part: SiegePart, seed: int, numbers: Iterator[int]) -> list[Finding]:
    with tempfile.TemporaryDirectory(prefix="ingle-siege-") as folder:
        try:
            report = attack(part, seed, Path(folder) / "siege", numbers)
        except pytest.skip.Exception as reason:
            print(f"{part.name}, left out: {reason}", flush=True)
            return []
    print(report, flush=True)
    for finding in report.findings:
        print(f"  {finding}", flush=True)
    return report.findings


if __name__ == "__main__":
    sys.exit(main())
