"""`UsageCounter`: what a request uses, by its capability's declaration, within plain bounds.

A plug-in may count wrongly. What it says must be a finite number that is not negative; else the
request is refused or ends, and what was counted so far stays counted. It may be less than before:
a true count replaces an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from ingle.errors import EngineFault
from ingle.operations.capability import Capability, Cost, Free
from ingle.operations.encoded import Passed
from ingle.operations.operation import Operation

T = TypeVar("T")


class _Nothing:
    """Counts nothing: only the request itself counts."""

    used = 0.0

    def add(self, event: Passed) -> None:
        pass


_REQUESTS = Cost(unit="", estimate=lambda _: 0, tally=lambda _, __: _Nothing())


class UsageCounter:
    """Counts one operation.

    Raises:
        EngineFault: its capability counts wrongly.
    """

    def __init__(self, capability: Capability, operation: Operation) -> None:
        cost = capability.cost
        self._name = capability.name
        if not isinstance(cost, Cost):
            cost = _REQUESTS
        self.unit = cost.unit
        self.estimate = estimated(capability, operation) or 0.0
        """Units that it will use at least."""
        asked = _told(capability.name, lambda: cost.answer(operation))
        self.answer = None if asked is None else int(asked)
        """Units of answer that it asks for at most; None: it does not say."""
        self.most = _told(capability.name, lambda: cost.most(operation))
        """Units that it can have without its answer; None: as many as estimated."""
        self._used = self.estimate
        self._tally = _called(capability.name, lambda: cost.tally(operation, self.estimate))

    def add(self, event: Passed) -> None:
        """An event passes.

        Raises:
            EngineFault: the capability counts wrongly.
        """
        try:
            self._tally.add(event)
            used = self._tally.used
        except Exception as error:  # whatever a plug-in's code does
            raise _fault(self._name, repr(error)) from error
        self._used = _checked(self._name, used)

    @property
    def used(self) -> float:
        """Units used so far."""
        return self._used


def estimated(capability: Capability, operation: Operation) -> float | None:
    """Units that an operation will use at least; None: it is not counted, it only asks.

    Raises:
        EngineFault: its capability counts wrongly.
    """
    cost = capability.cost
    if isinstance(cost, Cost):
        return _told(capability.name, lambda: cost.estimate(operation))
    return 0.0 if isinstance(cost, Free) else None


def _told(name: str, ask: Callable[[], float | None]) -> float | None:
    """What a capability says that something costs, if that can be."""
    told = _called(name, ask)
    return None if told is None else _checked(name, told)


def _checked(name: str, told: float) -> float:
    try:
        value = float(told)
    except Exception as error:  # a plug-in may give anything
        raise _fault(name, repr(error)) from error
    if not math.isfinite(value) or value < 0:
        raise _fault(name, str(value))
    return value


def _called(name: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Exception as error:  # whatever a plug-in's code does
        raise _fault(name, repr(error)) from error


def _fault(name: str, what: str) -> EngineFault:
    return EngineFault(
        f"the capability {name!r} reports its usage incorrectly: {what}",
        hint="ingle doctor",
        capability=name,
    )
