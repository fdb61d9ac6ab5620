"""The setting ``clients``: desktop programs, editors and containers that may call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ingle.errors import ConfigError

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_PLACE = re.compile(r"[a-z0-9._\[\]:-]{1,200}")
_WEB = frozenset({"http", "https"})
_FRESH = frozenset({"vscode-webview"})
"""Schemes whose origins have a new name for each window: only the scheme can be allowed."""


class AllowedClients(NamedTuple):
    """What the entries of the setting allow."""

    schemes: frozenset[str]
    origins: frozenset[str]
    hosts: frozenset[str]

    @classmethod
    def of(cls, entries: Sequence[str]) -> AllowedClients:
        """Read the setting.

        Raises:
            ConfigError: an entry that is neither an origin nor a name, or that means every page.
        """
        schemes: set[str] = set()
        origins: set[str] = set()
        hosts: set[str] = set()
        for entry in entries:
            scheme, mark, place = entry.strip().lower().partition("://")
            place = place.rstrip("/*")  # some write a scheme as app://*
            if not mark and _PLACE.fullmatch(scheme):
                hosts.add(scheme)
            elif mark and place and _SCHEME.fullmatch(scheme) and _PLACE.fullmatch(place):
                origins.add(f"{scheme}://{place}")
            elif mark and not place and _SCHEME.fullmatch(scheme) and scheme not in _WEB:
                schemes.add(scheme)
            else:
                raise ConfigError(
                    f"clients: {entry!r} is neither a scheme such as vscode-webview://, an origin "
                    "such as app://obsidian.md, nor a host name",
                    hint="ingle config show clients",
                    key="clients",
                )
        return cls(frozenset(schemes), frozenset(origins), frozenset(hosts))

    def allow(self, origin: str) -> bool:
        """Whether the setting has an origin, or its scheme."""
        return origin in self.origins or origin.partition("://")[0] in self.schemes


def entry_for(origin: str) -> str:
    """What to add to the setting for an origin that was refused; empty where nothing would do."""
    scheme, mark, place = origin.lower().rstrip("/").partition("://")
    if not mark or scheme in _WEB or not _SCHEME.fullmatch(scheme):
        return ""
    if not place or scheme in _FRESH:
        return f"{scheme}://"
    return f"{scheme}://{place}" if _PLACE.fullmatch(place) else ""
