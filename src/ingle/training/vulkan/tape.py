"""Values that remember how to find their gradients (reverse mode, by a tape)."""

from __future__ import annotations

from collections.abc import Callable

from ingle.training.vulkan.compute_context import ComputeContext
from ingle.training.vulkan.pages import Paged


class Value:
    """Numbers, and the gradient at them once the tape has come so far back.

    Args:
        home: makes the arrays of its gradient, where those must lie in a certain place.
    """

    def __init__(self, array: Paged, home: Callable[[], Paged] | None = None) -> None:
        self.array = array
        self.parts = 1
        """Heads that its columns are split into."""
        self.gradient: Paged | None = None
        self._home = home

    def room(self, machine: ComputeContext) -> tuple[Paged, bool]:
        """Where its gradient goes, and whether something is there to be added to."""
        if self.gradient is not None:
            return self.gradient, True
        if self._home is not None:
            self.gradient = self._home()
        else:
            self.gradient = machine.paged(self.array.layout, self.array.columns)
        return self.gradient, False

    def receive(self, machine: ComputeContext, gradient: Paged) -> None:
        """Add a whole gradient, which may be overwritten from now on.

        A gradient may be handed to two values: the one that is looked at later (that is, whose
        operation came earlier) adds to it when the other is done with it.
        """
        if self.gradient is None and self._home is None:
            self.gradient = gradient
            return
        room, there = self.room(machine)
        assert there, "a value with a home cannot be an operand of a sum"
        for to, more in zip(room, gradient, strict=True):
            machine.add_to(to, more)


def split(machine: ComputeContext, x: Value, sizes: tuple[int, ...]) -> tuple[Value, ...]:
    """A value's columns, as values whose gradients are columns of its own."""

    def home(start: int, size: int) -> Callable[[], Paged]:
        return lambda: x.room(machine)[0].part(start, size)

    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    return tuple(
        Value(x.array.part(start, size), home(start, size))
        for start, size in zip(starts, sizes, strict=True)
    )


class Tape:
    """What to do on the way back, in the order of the way there."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], None]] = []

    def note(self, step: Callable[[], None]) -> None:
        """Remember one operation's way back."""
        self._steps.append(step)

    def back(self) -> None:
        """Go all the way back, once."""
        while self._steps:
            self._steps.pop()()
