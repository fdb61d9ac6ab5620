"""The registry: which capabilities there are, found by name, operation or tag.

Built-in ones are named by a static table (`ingle.capabilities.BUILT_IN`). Others are plug-ins,
by entry points of the group ``ingle.capabilities``, which are looked at only when a name is not
a built-in one's. Operations and events of a plug-in begin with its name, so that a tag leads to
it. One that cannot be used loses its own names and nothing else.
"""

from __future__ import annotations

import functools
import importlib

from ingle import plugins as plug_ins
from ingle.errors import BadPlugIn, CapabilityMissing
from ingle.operations.capability import Capability, op_tags
from ingle.operations.operation import Operation, operation_name
from ingle.plugins import Table

GROUP = "ingle.capabilities"


@functools.cache
def table() -> Table[Capability]:
    """All capabilities."""
    names: tuple[str, ...] = importlib.import_module(GROUP).BUILT_IN
    places = {name: f"{GROUP}.{name}:CAPABILITY" for name in names}
    return Table(GROUP, "capability", places, _fault)


@functools.cache
def built_in() -> dict[str, Capability]:
    """The package's own capabilities by name, in the order of their table."""
    return {capability.name: capability for capability in table().built_in()}


def plugins() -> dict[str, Capability]:
    """Every plug-in that can be used."""
    return {capability.name: capability for capability in table().plug_ins()}


def problems() -> list[BadPlugIn]:
    """Plug-ins that cannot be used, and why."""
    return table().problems()


def everything() -> dict[str, Capability]:
    """All capabilities by name."""
    return {**built_in(), **plugins()}


def find(name: str) -> Capability | None:
    """The capability of a name; None: there is none.

    Raises:
        BadPlugIn: a plug-in has this name and cannot be used; says why.
    """
    return table().get(name)


def of_operation(tag: str) -> tuple[Capability, type[Operation]] | None:
    """The capability and the type of an operation, by its name on the wire; None: unknown.

    Raises:
        BadPlugIn: a plug-in has this name and cannot be used; says why.
    """
    # What bears its capability's name is found without importing the others.
    capability = table().get(tag) if tag in table().ours else None
    found = _among(capability, tag) or _built_in_operations().get(tag)
    return found or _among(find(tag.partition(".")[0]), tag)


def of(operation: Operation | type[Operation]) -> Capability:
    """The capability that an operation belongs to.

    Raises:
        CapabilityMissing: none has declared it.
        BadPlugIn: it is a plug-in's that cannot be used.
    """
    kind = operation if isinstance(operation, type) else type(operation)
    found = of_operation(operation_name(kind))
    if found is None or found[1] is not kind:
        raise CapabilityMissing(
            f"no capability declares the operation {operation_name(kind)!r}",
            hint="ingle doctor",
            capability=operation_name(kind),
        )
    return found[0]


@functools.cache
def event_tags() -> frozenset[str]:
    """The names of all events that the package's own capabilities send."""
    return frozenset(tag for capability in built_in().values() for tag in capability.types)


def forget() -> None:
    """Look at the installed plug-ins again, after one was installed or taken away."""
    plug_ins.forget()


def _among(capability: Capability | None, tag: str) -> tuple[Capability, type[Operation]] | None:
    for kind in capability.operations if capability is not None else ():
        if operation_name(kind) == tag:
            assert capability is not None
            return capability, kind
    return None


@functools.cache
def _built_in_operations() -> dict[str, tuple[Capability, type[Operation]]]:
    return {
        operation_name(kind): (capability, kind)
        for capability in built_in().values()
        for kind in capability.operations
    }


def _fault(name: str, found: object) -> str:
    """What is wrong with what a plug-in gives; empty if nothing."""
    if not isinstance(found, Capability):
        return f"{found!r} is not a Capability"
    if found.name != name:
        return f"it declares {found.name!r}"
    if not name.isidentifier():
        return f"{name!r} is not one word"
    own = [kind for kind in found.events if not kind.__module__.startswith("ingle.")]
    tags = [*op_tags(found), *(str(kind.__struct_config__.tag) for kind in own)]
    wrong = [tag for tag in tags if tag != name and not tag.startswith(f"{name}.")]
    return f"its {wrong[0]!r} does not begin with {name!r} and a dot" if wrong else ""
