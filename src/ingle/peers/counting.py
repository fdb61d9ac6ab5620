"""`Count`: what one request uses, by its capability's declaration, which is not trusted blindly.

A plug-in may count wrongly. What it says must be a finite number that is not negative, and
never less than it said before; else the request is refused or ends, and what was counted so
far stays counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ingle.errors import EngineFault
from ingle.operations.capability import Capability, Cost, Free
from ingle.operations.encoded import Passed
from ingle.operations.operation import Operation


class _Nothing:
    """Counts nothing: only the request itself counts."""

    used = 0.0

    def add(self, event: Passed) -> None:
        pass


_REQUESTS = Cost(unit="", estimate=lambda _: 0, tally=lambda _, __: _Nothing())


class Count:
    """Counts one operation.

    Raises:
        EngineFault: it counts wrongly.
    """

    def __init__(self, capability: Capability, operation: Operation) -> None:
        cost = capability.cost
        self._name = capability.name
        if not isinstance(cost, Cost):
            cost = _REQUESTS
        self.unit = cost.unit
        self.estimate = self._sane(lambda: cost.estimate(operation) or 0.0)
        """Units that it will use at least."""
        asked = self._asked(lambda: cost.answer(operation))
        self.answer = None if asked is None else int(asked)
        """Units of answer that it asks for at most; None: it does not say."""
        self._used = self.estimate
        try:
            self._tally = cost.tally(operation, self.estimate)
        except Exception as error:  # whatever a plug-in's code does
            raise self._fault(repr(error)) from error

    def add(self, event: Passed) -> None:
        """An event passes.

        Raises:
            EngineFault: the capability counts wrongly.
        """
        tally = self._tally

        def used() -> float:
            tally.add(event)
            return tally.used

        self._used = self._sane(used)

    @property
    def used(self) -> float:
        """Units used so far."""
        return self._used

    def _asked(self, ask: Callable[[], float | None]) -> float | None:
        try:
            value = ask()
        except Exception as error:  # whatever a plug-in's code does
            raise self._fault(repr(error)) from error
        return None if value is None else self._sane(lambda: value)

    def _sane(self, ask: Callable[[], float]) -> float:
        try:
            value = float(ask())
        except Exception as error:  # whatever a plug-in's code does
            raise self._fault(repr(error)) from error
        if not math.isfinite(value) or value < 0:
            raise self._fault(f"{value} {self.unit}")
        return value

    def _fault(self, what: str) -> EngineFault:
        return EngineFault(
            f"the capability {self._name!r} counts what it uses wrongly: {what}",
            hint="ingle doctor",
            capability=self._name,
        )


def counted(capability: Capability, operation: Operation) -> bool:
    """Is this operation counted, or does it only ask about what was?"""
    match capability.cost:
        case Cost(estimate=estimate):
            return estimate(operation) is not None
        case Free():
            return True
    return False
