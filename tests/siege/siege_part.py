"""What a part of the siege is, and how one is carried out.

A part is a module of this folder whose name ends in ``_siege``. It has a ``PART``.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
ENOUGH = 20
"""Findings after which a part is ended: more of the same say nothing new."""

Probe = Callable[[random.Random], None]
"""One attack. All its choices come from the random numbers it is given.

Raises:
    Found: what was attacked did what it must not.
"""


class Found(AssertionError):
    """What was attacked did what it must not."""


class SiegePart(NamedTuple):
    """One kind of attack.

    Args:
        name: for ``--only``.
        probes: how many there are in the tests.
        open: sets up, in an empty folder, what is attacked. On leaving it is looked at as a whole,
            which may raise `Found`, too.
    """

    name: str
    probes: int
    open: Callable[[Path], AbstractContextManager[Probe]]


class Finding(NamedTuple):
    """What to look into. The same seed and number make the same attack."""

    part: str
    seed: int
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.part}, seed {self.seed}, probe {self.number}: {self.text}"


def parts() -> list[SiegePart]:
    """All parts, by name."""
    names = sorted(path.stem for path in FOLDER.glob("*_siege.py"))
    return [importlib.import_module(f"{__package__}.{name}").PART for name in names]


def attack(part: SiegePart, seed: int, folder: Path, numbers: Iterator[int]) -> list[Finding]:
    """Carry out the probes of these numbers; returns what was found."""
    findings: list[Finding] = []
    number = -1
    try:
        with part.open(folder) as probe:
            for number in numbers:
                try:
                    probe(random.Random(f"{part.name} {seed} {number}"))
                except Found as found:
                    findings.append(Finding(part.name, seed, number, str(found)))
                    if len(findings) >= ENOUGH:
                        break
    except Found as found:
        findings.append(Finding(part.name, seed, number, f"in the end: {found}"))
    return findings
