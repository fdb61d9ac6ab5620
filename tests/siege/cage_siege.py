"""The engine's cage: all probes of an intruder, in any order, between loads of a model."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from tests.engines.test_cage import LEVELS, check, met

from .besieged_place import python_path
from .finding import Found
from .node_memory import NodeMemory
from .process_family import ProcessFamily, adopting, described
from .siege_part import Probe, SiegePart


def probe_level(chance: random.Random, family: ProcessFamily) -> None:
    """All probes at one level of the sandbox."""
    level, seed = chance.choice(LEVELS), str(chance.randrange(1 << 31))
    try:
        check(met(level, [], seed), level, root=os.geteuid() == 0)
    except AssertionError as error:
        raise Found(f"level {level}, order {seed}: {error}") from None
    if left := [described(process) for process in family.living()]:
        raise Found(f"level {level}, order {seed}: still running: {left}")


@contextlib.contextmanager
def caged(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """All processes of the probes are accounted for."""
    variables = {**memory.variables, "PYTHONPATH": python_path()}
    with adopting() as family, mock.patch.dict(os.environ, variables):
        yield lambda chance: probe_level(chance, family)


PART = SiegePart("cage", 1, caged)
