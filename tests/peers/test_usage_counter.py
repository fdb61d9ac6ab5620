"""What a capability counts of one request, and what becomes of wrong counts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest

from ingle.capabilities.complete.operation import Complete
from ingle.errors import EngineFault
from ingle.operations import Text, registry
from ingle.operations.capability import Capability, Cost
from ingle.operations.encoded import Passed
from ingle.peers.usage_counter import UsageCounter

REQUEST = Complete(model="m", prompt="hello")
EVENT = Text(text="x")


class Told:
    """A counter that says these numbers, one after each event."""

    def __init__(self, *numbers: object) -> None:
        self._numbers = list(numbers)
        self._now: object = 0.0

    def add(self, event: Passed) -> None:
        self._now = self._numbers.pop(0)

    @property
    def used(self) -> float:
        if isinstance(self._now, Exception):
            raise self._now
        return self._now  # type: ignore[return-value]  # a plug-in may give anything


def counting(tally: Callable[[], Told]) -> Capability:
    cost = Cost(unit="audio_s", estimate=lambda _: 2.0, tally=lambda _, __: tally())
    return dataclasses.replace(registry.built_in()["complete"], cost=cost)


def test_a_true_count_replaces_the_estimate() -> None:
    count = UsageCounter(counting(lambda: Told(3.0, 1.0)), REQUEST)
    assert count.used == 2.0
    for expected in (3.0, 1.0):
        count.add(EVENT)
        assert count.used == expected


@pytest.mark.parametrize("lie", [math.nan, math.inf, -1.0, "many", ZeroDivisionError("who knows")])
def test_what_was_counted_before_a_lie_stays_counted(lie: object) -> None:
    count = UsageCounter(counting(lambda: Told(5.0, lie)), REQUEST)
    count.add(EVENT)
    with pytest.raises(EngineFault, match="'complete' reports its usage incorrectly"):
        count.add(EVENT)
    assert count.used == 5.0
