"""How many files and connections this process may have open at once."""

from __future__ import annotations

import contextlib
import resource

_ENOUGH = 65_536
"""More than all bounds together need. Programs that walk through every number that a descriptor
may have would take minutes where the system's limit is a billion."""


def raise_descriptor_limit() -> int:
    """Raise the soft limit to the hard one, as far as that is of use; returns what holds now.

    Workers are not given it: they get a limit of their own (`ingle.engines.sandbox`).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    with contextlib.suppress(OSError, ValueError):  # macOS has a lower limit than it tells
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
