"""Plug-ins: what other packages add to a table of ours, found by their entry points.

The built-in ones stand in a static table and are looked at first. Entry points are read only when
those do not have what is wanted: that takes tens of milliseconds, and imports other people's code.
A plug-in that cannot be used disables its own name and nothing else.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Generic, NamedTuple, TypeVar, cast

from ingle.errors import BadPlugIn

log = logging.getLogger(__name__)

T = TypeVar("T")


class Entry(NamedTuple):
    """One entry point."""

    name: str
    value: str
    """``module:attribute``."""
    package: str
    """Name and version of the package that brings it."""


class Table(Generic[T]):
    """Things of one kind by name, ours and those of plug-ins.

    Args:
        group: The entry points' group.
        noun: What one of them is called in messages.
        built_in: Name to ``module:attribute``; imported when used.
        fault: What is wrong with what a plug-in named so gives; empty if nothing.
    """

    def __init__(
        self,
        group: str,
        noun: str,
        built_in: Mapping[str, str],
        fault: Callable[[str, object], str],
    ) -> None:
        self._group = group
        self._noun = noun
        self._built_in = built_in
        self._fault = fault

    @property
    def ours(self) -> Mapping[str, str]:
        """The built-in ones: name to ``module:attribute``."""
        return self._built_in

    def names(self) -> list[str]:
        """All names, also those of plug-ins that cannot be used."""
        return sorted({*self._built_in, *self._plug_ins()})

    def get(self, name: str) -> T | None:
        """What bears a name; None if nothing does.

        Raises:
            BadPlugIn: two plug-ins do, or the one that does cannot be used; says why.
        """
        if name in self._built_in:
            return cast("T", attribute(self._built_in[name]))
        entries = self._plug_ins().get(name, [])
        if not entries:
            return None
        if len(entries) > 1:
            packages = sorted(entry.package for entry in entries)
            raise BadPlugIn(
                f"two {self._noun} plug-ins are named {name!r}, of {' and of '.join(packages)}, "
                "so neither is used",
                hint=f"pip uninstall {packages[0].split(' ')[0]}",
                name=name,
                packages=packages,
            )
        found, why = _loaded(entries[0])
        why = why or self._fault(name, found)
        if why:
            raise BadPlugIn(
                f"the {self._noun} plug-in {name!r} of {entries[0].package} cannot be used: {why}",
                hint=f"pip install --upgrade {entries[0].package.split(' ')[0]}",
                name=name,
                packages=[entries[0].package],
            )
        return cast("T", found)

    def built_in(self) -> list[T]:
        """Those of this package, in the order of the table."""
        return [cast("T", attribute(value)) for value in self._built_in.values()]

    def plug_ins(self) -> list[T]:
        """Those of plug-ins that can be used, by name."""
        found = []
        for name in sorted(self._plug_ins()):
            try:
                found.append(self.get(name))
            except BadPlugIn:
                continue  # `problems` says so
        return cast("list[T]", found)

    def problems(self) -> list[BadPlugIn]:
        """Why the other plug-ins cannot be used."""
        found = [
            BadPlugIn(
                f"the {self._noun} plug-in {entry.name!r} of {entry.package} cannot be used: "
                f"{entry.name!r} is a built-in one's name",
                hint=f"pip uninstall {entry.package.split(' ')[0]}",
                name=entry.name,
                packages=[entry.package],
            )
            for entry in _entries(self._group, tuple(sys.path))
            if entry.name in self._built_in
        ]
        for name in sorted(self._plug_ins()):
            try:
                self.get(name)
            except BadPlugIn as error:
                found.append(error)
        return found

    def _plug_ins(self) -> dict[str, list[Entry]]:
        """By name. A name of ours cannot be taken."""
        found: dict[str, list[Entry]] = {}
        for entry in _entries(self._group, tuple(sys.path)):
            if entry.name not in self._built_in:
                found.setdefault(entry.name, []).append(entry)
        return found


def attribute(value: str) -> Any:
    """Import ``module:attribute``. Raises whatever the import does."""
    module, _, name = value.partition(":")
    found: Any = import_module(module)
    for part in name.split(".") if name else ():
        found = getattr(found, part)
    return found


def forget() -> None:
    """Look at the installed packages again."""
    _entries.cache_clear()
    _loaded.cache_clear()


@functools.lru_cache(maxsize=64)
def _entries(group: str, path: tuple[str, ...]) -> tuple[Entry, ...]:
    """The entry points of a group. The path is what they depend on."""
    from importlib.metadata import entry_points

    del path
    found = []
    for point in entry_points(group=group):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
        # What this package brings is in the static tables; an older install of it may say else.
        if package.partition(" ")[0] != "ingle":
            found.append(Entry(point.name, point.value, package))
    return tuple(found)


@functools.cache
def _loaded(entry: Entry) -> tuple[object, str]:
    """What an entry point gives, or why it gives nothing; a warning is logged once."""
    try:
        return attribute(entry.value), ""
    except (Exception, SystemExit) as error:  # other people's code: it may raise anything
        why = f"{entry.value} cannot be imported ({type(error).__name__}: {error})"
        log.warning("plug-in %s of %s: %s", entry.name, entry.package, why)
        return None, why
