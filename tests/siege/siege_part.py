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

from .finding import Finding, Found
from .node_memory import NodeMemory

FOLDER = Path(__file__).parent
ENOUGH = 20
"""Findings after which a part is ended: more of the same say nothing new."""

Probe = Callable[[random.Random], None]
"""One attack. All its choices come from the random numbers it is given.

Raises:
    Found: what was attacked did what it must not.
"""


class SiegePart(NamedTuple):
    """One kind of attack.

    Args:
        name: for ``--only``.
        probes: how many there are in the tests.
        open: sets up, in an empty folder, what is attacked, and shows its nodes to a `NodeMemory`.
            On leaving it is looked at as a whole, which may raise `Found`, too.
    """

    name: str
    probes: int
    open: Callable[[Path, NodeMemory], AbstractContextManager[Probe]]


class Report(NamedTuple):
    """What came of a round."""

    part: str
    seed: int
    probes: int
    peak: int
    """The most bytes that any of its nodes had resident."""
    findings: list[Finding]

    def __str__(self) -> str:
        return (
            f"{self.part}, seed {self.seed}: {self.probes} probes, {len(self.findings)} findings, "
            f"peak of the node {self.peak / 10**6:.0f} MB"
        )


def parts() -> list[SiegePart]:
    """All parts, by name."""
    names = sorted(path.stem for path in FOLDER.glob("*_siege.py"))
    return [importlib.import_module(f"{__package__}.{name}").PART for name in names]


def attack(part: SiegePart, seed: int, folder: Path, numbers: Iterator[int]) -> Report:
    """Carry out the probes of these numbers."""
    findings: list[Finding] = []
    number, probes = -1, 0
    folder.mkdir()
    memory = NodeMemory(folder.with_name(f"{folder.name}-peaks"))
    try:
        with part.open(folder, memory) as probe:
            for number in numbers:
                probes += 1
                try:
                    probe(random.Random(f"{part.name} {seed} {number}"))
                    memory.check()
                except Found as found:
                    findings.append(Finding(part.name, seed, number, str(found)))
                    if len(findings) >= ENOUGH:
                        break
        memory.check()
        if probes and not memory.peak:
            raise Found("the memory of no node was seen")
    except Found as found:
        findings.append(Finding(part.name, seed, number, f"in the end: {found}"))
    return Report(part.name, seed, probes, memory.peak, findings)
