"""What the two sides of a connection can ask of each other.

A `Hello` says which capabilities its sender has, each with a version. The side that asks looks
there first, so that an older node is asked only for what it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingle.errors import CapabilityMissing
from ingle.operations import registry
from ingle.operations.operation import Operation, operation_name
from ingle.protocol.frames import Hello

FIRST: Mapping[str, int] = dict.fromkeys(
    ("chat", "complete", "embed", "rerank", "tokenize", "store", "adapters", "node", "share",
     "peers", "peering", "train", "runs"),
    1,
)  # fmt: skip
"""What ingle 0.1 had, whose `Hello` did not say it."""


def ours() -> dict[str, int]:
    """Our capabilities and their versions."""
    return {name: capability.version for name, capability in registry.everything().items()}


def of(hello: Hello) -> Mapping[str, Any] | None:
    """What the sender of a `Hello` has; None: it is not a node, and says nothing."""
    told = hello.facts.get("speaks")
    if isinstance(told, dict):
        return told
    is_worker = "engine" in hello.facts
    return FIRST if "version" in hello.facts and not is_worker else None


def check(operation: Operation, hello: Hello) -> None:
    """Raises CapabilityMissing: the sender of a `Hello` does not have this operation."""
    has = of(hello)
    if has is None:
        return
    capability = registry.of(operation)
    version = has.get(capability.name, 0)
    needed = {operation_name(operation): type(operation).since, **operation.needs()}
    known = version if isinstance(version, int) else 0
    missing = [repr(name) for name, since in needed.items() if since > known]
    if not missing:
        return
    release = hello.facts.get("version", "")
    who = f"the other side (ingle {release})" if release else "the other side"
    raise CapabilityMissing(
        f"{who} does not have {', '.join(missing)}",
        hint="update ingle there: pip install --upgrade ingle",
        capability=capability.name,
    )
