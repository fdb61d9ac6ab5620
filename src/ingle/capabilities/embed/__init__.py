"""Embed: texts in, vectors out."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.embed.cost import COST
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.operations import Ability
from ingle.operations.capability import Capability, Command, Grantable, Serving, require


def _serve(_: Embed, model: str, abilities: Sequence[str]) -> Serving:
    require(Ability.EMBED, model, abilities)
    return Serving("embed")


CAPABILITY = Capability(
    name="embed",
    summary="Turn texts into vectors.",
    operations=(Embed,),
    events=(Embedded,),
    permission=Grantable(presets=("family", "guest")),
    cost=COST,
    serve=_serve,
    commands={
        "embed": Command("ingle.capabilities.embed.cli:embed_command", "Turn texts into vectors.")
    },
    routes="ingle.capabilities.embed.http:table",
    methods="ingle.capabilities.embed.client:EmbedMethods",
)
