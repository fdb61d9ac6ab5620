"""Fetching a model's files from a paired device: a grant's word, and no operation of its own.

The files travel by protocols of their own (`ingle.peers.file_server`, `ingle.peers.swarm`).
"""

from __future__ import annotations

from ingle.operations.capability import Capability, Free, Grantable

CAPABILITY = Capability(
    name="pull",
    summary="Fetch the files of shared models.",
    operations=(),
    events=(),
    permission=Grantable(presets=("family",)),
    cost=Free(),
)
