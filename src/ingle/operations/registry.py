"""The registry: which capabilities there are, found by name, operation or tag.

Built-in ones are named by a static table. Others are found by their entry point (group
``ingle.capabilities``), which is looked at only when a name is not a built-in one's. A plug-in
that fails to import, or that takes a name which is another's, loses its own names and nothing
else.
"""

from __future__ import annotations

import functools
import importlib
import logging
from importlib.metadata import EntryPoint, entry_points

from ingle.errors import CapabilityMissing
from ingle.operations.capability import Capability, op_tags
from ingle.operations.operation import Operation, operation_name

log = logging.getLogger(__name__)

GROUP = "ingle.capabilities"


@functools.cache
def built_in() -> dict[str, Capability]:
    """The package's own capabilities by name, in the order of the table."""
    names = importlib.import_module("ingle.capabilities").BUILT_IN
    found = {}
    for name in names:
        found[name] = importlib.import_module(f"ingle.capabilities.{name}").CAPABILITY
    return found


@functools.cache
def plugin_names() -> tuple[str, ...]:
    """The names of installed plug-ins, without importing any."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def plugins() -> dict[str, Capability]:
    """Every plug-in that can be used."""
    found = {}
    for name in plugin_names():
        try:
            found[name] = plugin(name)
        except CapabilityMissing:
            continue  # `problems` tells why
    return found


def problems() -> dict[str, str]:
    """Plug-ins that cannot be used, and why."""
    found = {}
    for name in plugin_names():
        try:
            plugin(name)
        except CapabilityMissing as error:
            found[name] = error.message
    return found


def everything() -> dict[str, Capability]:
    """All capabilities by name."""
    return {**built_in(), **plugins()}


def find(name: str) -> Capability | None:
    """The capability of a name; None: there is none.

    Raises:
        CapabilityMissing: a plug-in has this name and cannot be used; says why.
    """
    known = built_in().get(name)
    if known is not None or name not in plugin_names():
        return known
    return plugin(name)


def of_operation(tag: str) -> tuple[Capability, type[Operation]] | None:
    """The capability and the type of an operation, by its name on the wire; None: unknown.

    Raises:
        CapabilityMissing: a plug-in has this name and cannot be used; says why.
    """
    known = _alone(tag) or _built_in_operations().get(tag)
    if known is not None:
        return known
    name = tag.partition(".")[0]
    if name not in plugin_names():
        return None
    capability = plugin(name)
    for kind in capability.operations:
        if operation_name(kind) == tag:
            return capability, kind
    return None


def of(operation: Operation | type[Operation]) -> Capability:
    """The capability that an operation belongs to.

    Raises:
        CapabilityMissing: none has declared it.
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
    """Look at the installed plug-ins anew: for tests, and after one was installed."""
    plugin_names.cache_clear()
    plugin.cache_clear()


@functools.cache
def plugin(name: str) -> Capability:
    """The capability that a plug-in declares.

    Raises:
        CapabilityMissing: it cannot be imported, or does not keep to its name; says why.
    """
    points = _points(name)
    if name in built_in():
        raise _unusable(points[0], f"the name {name!r} is a built-in capability's")
    if len(points) > 1:
        both = " and ".join(sorted(point.dist.name if point.dist else "?" for point in points))
        raise _unusable(points[0], f"{both} both have the name {name!r}; uninstall one")
    try:
        capability = points[0].load()
    except Exception as error:  # whatever a stranger's module does when it is imported
        log.warning("the plug-in %s cannot be imported", name, exc_info=True)
        raise _unusable(points[0], f"it cannot be imported: {error!r}") from error
    if not isinstance(capability, Capability):
        raise _unusable(points[0], f"{points[0].value} is not a Capability")
    _check_names(points[0], capability)
    return capability


def _check_names(point: EntryPoint, capability: Capability) -> None:
    name = point.name
    if capability.name != name:
        raise _unusable(point, f"it is installed as {name!r} and declares {capability.name!r}")
    if "." in name or not name.isidentifier():
        raise _unusable(point, f"{name!r} is not one word")
    own = [kind for kind in capability.events if not kind.__module__.startswith("ingle.")]
    tags = [*op_tags(capability), *(str(kind.__struct_config__.tag) for kind in own)]
    for tag in tags:
        if tag != name and not tag.startswith(f"{name}."):
            raise _unusable(point, f"its {tag!r} does not begin with {name!r} and a dot")


def _points(name: str) -> list[EntryPoint]:
    # The same distribution may be found twice on the path.
    unique = {
        (point.dist.name if point.dist else "", point.value): point
        for point in entry_points(group=GROUP, name=name)
    }
    return list(unique.values())


def _unusable(point: EntryPoint, why: str) -> CapabilityMissing:
    package = point.dist.name if point.dist is not None else point.value
    return CapabilityMissing(
        f"the plug-in {point.name!r} of {package} cannot be used: {why}",
        hint=f"pip uninstall {package}, or a version of it that fits this ingle",
        capability=point.name,
    )


@functools.cache
def _alone(tag: str) -> tuple[Capability, type[Operation]] | None:
    """An operation that bears its capability's name: found without importing the others."""
    if tag not in importlib.import_module("ingle.capabilities").BUILT_IN:
        return None
    capability: Capability = importlib.import_module(f"ingle.capabilities.{tag}").CAPABILITY
    for kind in capability.operations:
        if operation_name(kind) == tag:
            return capability, kind
    return None


@functools.cache
def _built_in_operations() -> dict[str, tuple[Capability, type[Operation]]]:
    return {
        operation_name(kind): (capability, kind)
        for capability in built_in().values()
        for kind in capability.operations
    }
