"""Loudness: sound in, its level second by second out."""

from __future__ import annotations

from ingle.operations.capability import Capability, Command, Grantable
from ingle.operations.operation import Bytes
from ingle_loudness.cost import COST
from ingle_loudness.operation import Level, Loudness, Measured

CAPABILITY = Capability(
    name="loudness",
    summary="Say how loud a recording is, second by second.",
    operations=(Loudness,),
    events=(Level, Measured),
    inputs=(Bytes,),
    permission=Grantable(),
    cost=COST,
    commands={
        "loudness": Command("ingle_loudness.cli:loudness_command", "How loud is a recording?")
    },
    routes="ingle_loudness.http:table",
    methods="ingle_loudness.client:LoudnessMethods",
)
