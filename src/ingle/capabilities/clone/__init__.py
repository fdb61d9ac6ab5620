"""Clone: a whole collection for another device, where its owner shares it."""

from __future__ import annotations

from ingle.capabilities.clone.operation import CloneCollection, CollectionCloned
from ingle.operations.capability import Capability, Free, Grantable

CAPABILITY = Capability(
    name="clone",
    summary="Fetch whole collections that are shared.",
    operations=(CloneCollection,),
    events=(CollectionCloned,),
    permission=Grantable(),
    cost=Free(),
    performer="ingle.capabilities.clone.performer:perform",
)
